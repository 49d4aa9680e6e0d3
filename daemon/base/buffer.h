/* buffer.h - bytes that grow up to a stated bound.
 * Errors stick: append as often as you like and look at fault once, at the end (-E2BIG over the bound, -ENOMEM). */
#ifndef TINYPART_BASE_BUFFER_H
#define TINYPART_BASE_BUFFER_H

#include "device_proto/bytes.h"

struct buffer {
    uint8_t *data; /* always followed by a NUL that size does not count, once anything was appended */
    size_t size;
    size_t capacity;
    size_t most; /* the bound */
    int fault;
};

void buffer_init(struct buffer *buffer, size_t most);
void buffer_deinit(struct buffer *buffer);
void buffer_append(struct buffer *buffer, const void *data, size_t size);
void buffer_text(struct buffer *buffer, const char *text);
void buffer_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The text as a JSON string (RFC 8259), quotes included; a byte that is no UTF-8 becomes U+FFFD. */
void buffer_json(struct buffer *buffer, const char *text);
struct bytes buffer_view(const struct buffer *buffer);
/* Gives the memory to the caller, who frees it; the buffer is empty afterwards. NULL when it holds nothing. */
char *buffer_steal(struct buffer *buffer);

#endif
