#include "daemon/base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buffer_init(struct buffer *buffer, size_t most)
{
    *buffer = (struct buffer){ .most = most };
}

void buffer_deinit(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){ .most = buffer->most };
}

static int make_room(struct buffer *buffer, size_t more)
{
    if (buffer->fault != 0)
        return buffer->fault;
    if (more > buffer->most - buffer->size)
        return buffer->fault = -E2BIG;
    size_t needed = buffer->size + more + 1;
    if (needed <= buffer->capacity)
        return 0;
    size_t capacity = buffer->capacity < 128 ? 128 : buffer->capacity;
    while (capacity < needed)
        capacity *= 2;
    uint8_t *grown = realloc(buffer->data, capacity);
    if (grown == NULL)
        return buffer->fault = -ENOMEM;
    buffer->data = grown;
    buffer->capacity = capacity;
    return 0;
}

void buffer_append(struct buffer *buffer, const void *data, size_t size)
{
    if (make_room(buffer, size) != 0)
        return;
    if (size > 0)
        memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    buffer->data[buffer->size] = '\0';
}

void buffer_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0 || make_room(buffer, (size_t)size) != 0)
        return;
    va_start(arguments, format);
    vsnprintf((char *)buffer->data + buffer->size, (size_t)size + 1, format, arguments);
    va_end(arguments);
    buffer->size += (size_t)size;
}

struct bytes buffer_view(const struct buffer *buffer)
{
    return bytes_view(buffer->data, buffer->size);
}

char *buffer_steal(struct buffer *buffer)
{
    char *data = (char *)buffer->data;

    buffer_init(buffer, buffer->most);
    return data;
}
