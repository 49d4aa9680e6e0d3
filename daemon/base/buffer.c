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

/* Length of the UTF-8 sequence at the start of text (RFC 3629: no overlong forms, no surrogates); 0: there is none. */
static size_t utf8_length(const uint8_t *text)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t length = text[0] < 0x80 ? 1 : text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
    uint32_t point = length == 1 ? text[0] : text[0] & (0x7fu >> length);

    if (length > 1 && (text[0] < 0xc2 || text[0] > 0xf4))
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) /* also stops at the NUL */
            return 0;
        point = point << 6 | (text[i] & 0x3f);
    }
    if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
        return 0;
    return length;
}

void buffer_json(struct buffer *buffer, const char *text)
{
    const uint8_t *at = (const uint8_t *)text;

    buffer_text(buffer, "\"");
    while (*at != '\0') {
        size_t length = utf8_length(at);
        if (length == 0)
            buffer_text(buffer, "\xef\xbf\xbd");
        else if (*at == '"' || *at == '\\')
            buffer_format(buffer, "\\%c", *at);
        else if (*at < 0x20)
            buffer_format(buffer, "\\u%04x", *at);
        else
            buffer_append(buffer, at, length);
        at += length == 0 ? 1 : length;
    }
    buffer_text(buffer, "\"");
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
