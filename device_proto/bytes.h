/* bytes.h - a view into somebody else's memory, and constant-size helpers on it.
 * The whole of device_proto speaks in views: it neither allocates nor copies unless the caller gives it room. */
#ifndef TINYPART_DEVICE_PROTO_BYTES_H
#define TINYPART_DEVICE_PROTO_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data; /* may be NULL when size is 0 */
    size_t size;         /* in bytes */
};

static inline struct bytes bytes_view(const void *data, size_t size)
{
    struct bytes view = { (const uint8_t *)data, size };
    return view;
}

/* View of a C string, its NUL not included. */
static inline struct bytes bytes_of_text(const char *text)
{
    return bytes_view(text, strlen(text));
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool bytes_equal_text(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_of_text(text));
}

#endif
