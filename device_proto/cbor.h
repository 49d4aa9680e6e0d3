/* cbor.h - RFC 8949 on views and caller's buffers: no heap, bounded depth.
 * Both reader and writer keep their first refusal ("sticky"): a decoder or encoder is written straight down and asked
 * once, at its end. After a refusal a reader yields zeros and empty views; a writer without room only counts.
 */
#ifndef TINYPART_DEVICE_PROTO_CBOR_H
#define TINYPART_DEVICE_PROTO_CBOR_H

#include "device_proto/bytes.h"

#define CBOR_DEPTH_MAX 16u /* nested arrays, maps, tags and chunked strings */

enum cbor_refusal {
    CBOR_TRUNCATED = 1, /* the input ends inside an item */
    CBOR_MALFORMED,     /* not CBOR: reserved head, lone break, odd map, bad simple value */
    CBOR_UNEXPECTED,    /* well-formed, but another type than was asked for */
    CBOR_RANGE,         /* the number does not fit what was asked for */
    CBOR_TOO_DEEP,      /* deeper than CBOR_DEPTH_MAX */
    CBOR_CHUNKED,       /* an indefinite-length string where a view is needed */
    CBOR_NOT_CANONICAL, /* breaks a rule of enum cbor_rules */
    CBOR_NOT_UTF8,      /* text that is not UTF-8 */
    CBOR_TRAILING,      /* bytes after the end */
    CBOR_NO_ROOM,       /* the writer's buffer is too small */
};

/* What a reader insists on beyond well-formedness. All of them together are RFC 8949 section 4.2.1. */
enum cbor_rules {
    CBOR_LENIENT = 0,
    CBOR_SHORTEST = 1, /* shortest heads and floats */
    CBOR_DEFINITE = 2, /* no indefinite lengths */
    CBOR_SORTED = 4,   /* map keys strictly ascending bytewise, so none twice; checked by cbor_check and cbor_skip */
    CBOR_CANONICAL = 7,
};

enum cbor_type {
    CBOR_UINT,
    CBOR_NINT,
    CBOR_BYTES,
    CBOR_TEXT,
    CBOR_ARRAY,
    CBOR_MAP,
    CBOR_TAG,
    CBOR_FALSE,
    CBOR_TRUE,
    CBOR_NULL,
    CBOR_UNDEFINED,
    CBOR_SIMPLE, /* any other simple value */
    CBOR_FLOAT,  /* half, single or double */
    CBOR_BREAK,  /* the end of an indefinite-length item */
    CBOR_END,    /* nothing left, or the reader has refused */
};

struct cbor_reader {
    const uint8_t *at;
    const uint8_t *end;
    unsigned rules; /* enum cbor_rules, or-ed */
    int refusal;    /* enum cbor_refusal; 0 while all is well */
};

/* Iterates over the items of an array, or the pairs of a map, definite or not. */
struct cbor_list {
    uint64_t left; /* items (pairs) still to come; unused when indefinite */
    bool indefinite;
};

/* ---- reading ---- */
struct cbor_reader cbor_reader_on(struct bytes input, unsigned rules);
void cbor_refuse(struct cbor_reader *reader, enum cbor_refusal why); /* keeps the first one */
enum cbor_type cbor_peek(const struct cbor_reader *reader);          /* the next item's type; consumes nothing */
bool cbor_peek_is(const struct cbor_reader *reader, enum cbor_type type);

uint64_t cbor_read_uint(struct cbor_reader *reader);
int64_t cbor_read_int(struct cbor_reader *reader); /* CBOR_RANGE outside int64_t */
/* An unsigned integer of at most max, else CBOR_RANGE. */
uint64_t cbor_read_uint_max(struct cbor_reader *reader, uint64_t max);
struct bytes cbor_read_bytes(struct cbor_reader *reader); /* definite-length only: a view */
struct bytes cbor_read_text(struct cbor_reader *reader);  /* the same; must be UTF-8 */
/* A byte string of exactly size bytes, copied to out; out is zeroed on refusal. */
void cbor_read_bytes_exact(struct cbor_reader *reader, uint8_t *out, size_t size);
bool cbor_read_bool(struct cbor_reader *reader);
void cbor_read_null(struct cbor_reader *reader);
uint64_t cbor_read_tag(struct cbor_reader *reader);
/* Half, single or double, widened to the bits of an IEEE 754 double (decimal.h makes exact numbers of them). */
uint64_t cbor_read_double_bits(struct cbor_reader *reader);

/* while (cbor_more(reader, &list)) reads one item (one pair of a map) per turn. cbor_more consumes the break of an
 * indefinite-length list, and is false as soon as the reader has refused. */
struct cbor_list cbor_read_array(struct cbor_reader *reader);
struct cbor_list cbor_read_map(struct cbor_reader *reader);
bool cbor_more(struct cbor_reader *reader, struct cbor_list *list);
/* An array of exactly count items, definite length; the caller then reads count items. */
void cbor_read_array_of(struct cbor_reader *reader, uint64_t count);

void cbor_skip(struct cbor_reader *reader);              /* one whole item, of any kind, checked */
struct bytes cbor_read_item(struct cbor_reader *reader); /* the same, giving its encoding */
/* 0 when the reader has never refused and all input is used up (else CBOR_TRAILING). */
int cbor_reader_finish(struct cbor_reader *reader);

/* Exactly one well-formed item that keeps the rules (and, under any rule, UTF-8 in texts). 0 or a cbor_refusal. */
int cbor_check(struct bytes item, unsigned rules);

/* ---- writing: definite lengths, shortest heads ---- */
struct cbor_writer {
    uint8_t *data;
    size_t capacity;
    size_t size; /* grows beyond capacity, so that a caller learns how much room was missing */
};

struct cbor_writer cbor_writer_on(uint8_t *out, size_t capacity); /* out may be NULL when capacity is 0 */
void cbor_write_uint(struct cbor_writer *writer, uint64_t value);
void cbor_write_int(struct cbor_writer *writer, int64_t value);
void cbor_write_bytes(struct cbor_writer *writer, struct bytes value);
void cbor_write_text(struct cbor_writer *writer, struct bytes utf8);
void cbor_write_text_of(struct cbor_writer *writer, const char *utf8); /* a C string */
void cbor_write_array(struct cbor_writer *writer, uint64_t items);     /* the caller writes the items next */
void cbor_write_map(struct cbor_writer *writer, uint64_t pairs);       /* ... in the order it wants them to have */
void cbor_write_tag(struct cbor_writer *writer, uint64_t tag);
void cbor_write_bool(struct cbor_writer *writer, bool value);
void cbor_write_null(struct cbor_writer *writer);
/* The shortest of half, single and double that keeps the value. */
void cbor_write_double_bits(struct cbor_writer *writer, uint64_t bits);
void cbor_write_decimal(struct cbor_writer *writer, int64_t mantissa,
                        int64_t exponent);                             /* tag 4: mantissa * 10^exponent */
void cbor_write_raw(struct cbor_writer *writer, struct bytes encoded); /* as it is */
/* What is written between the two becomes the content of one byte string. Nests; size_t is begin's answer. */
size_t cbor_wrap_begin(struct cbor_writer *writer);
void cbor_wrap_end(struct cbor_writer *writer, size_t begin);
/* 0 and the size written, or CBOR_NO_ROOM (writer->size says what would be needed). */
int cbor_writer_finish(const struct cbor_writer *writer, size_t *out_size);

/* ---- showing ---- */
enum cbor_style {
    CBOR_COMPACT = 0,
    CBOR_INDENTED = 1, /* one item per line, four blanks per level */
    CBOR_EMBEDDED = 2, /* byte strings that hold an array, map or tag are shown as << ... >> */
};

/* Diagnostic notation (RFC 8949 section 8, RFC 8610 appendix G), NUL-terminated. Floats are decimal where that is exact
 * in 17 digits, else hexadecimal (0x1.999999999999ap-4). 0 and the length without NUL; CBOR_NO_ROOM, or why it is not
 * CBOR. */
int cbor_diagnose(struct bytes item, unsigned style, char *out, size_t capacity, size_t *out_size);

/* A refusal in words for people. */
const char *cbor_refusal_text(int refusal);

#endif
