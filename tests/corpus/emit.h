/* emit.h - where a message grows: bytes, and CBOR heads of whatever width is wanted, right or wrong.
 * Deliberately not device_proto's writer: the corpus is to judge that room, so it shares no code with it. */
#ifndef TINYPART_TESTS_CORPUS_EMIT_H
#define TINYPART_TESTS_CORPUS_EMIT_H

#include <stddef.h>
#include <stdint.h>

#define EMIT_MAX 16384u

/* Running out of room ends the program: what is made here is bounded by who makes it. */
struct emit {
    size_t size;
    uint8_t data[EMIT_MAX];
};

enum major { UINT, NINT, BSTR, TSTR, ARRAY, MAP, TAG, SIMPLE };

void emit_bytes(struct emit *emit, const void *data, size_t size);
void emit_byte(struct emit *emit, unsigned byte);
void emit_text(struct emit *emit, const char *text); /* without its NUL */
void emit_format(struct emit *emit, const char *format, ...) __attribute__((format(printf, 2, 3)));
void emit_all(struct emit *emit, const struct emit *from);
void emit_big_endian(struct emit *emit, uint64_t value, unsigned bytes);
void emit_little_endian(struct emit *emit, uint64_t value, unsigned bytes);

/* A head in its shortest form. */
void emit_head(struct emit *emit, enum major major, uint64_t value);
/* The same with the argument in so many bytes: 0 (in the initial byte), 1, 2, 4 or 8. */
void emit_head_in(struct emit *emit, enum major major, uint64_t value, unsigned bytes);
/* How many bytes the shortest form takes for its argument. */
unsigned emit_width(uint64_t value);
void emit_int(struct emit *emit, int64_t value);
void emit_bstr(struct emit *emit, const void *data, size_t size);
void emit_tstr(struct emit *emit, const char *text);
void emit_wrapped(struct emit *emit, const struct emit *content); /* as one byte string */

#endif
