#include "tests/corpus/emit.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void emit_bytes(struct emit *emit, const void *data, size_t size)
{
    if (size > EMIT_MAX - emit->size) {
        fputs("a message outgrew its room\n", stderr);
        abort();
    }
    if (size > 0)
        memcpy(emit->data + emit->size, data, size);
    emit->size += size;
}

void emit_byte(struct emit *emit, unsigned byte)
{
    uint8_t one = (uint8_t)byte;

    emit_bytes(emit, &one, 1);
}

void emit_text(struct emit *emit, const char *text)
{
    emit_bytes(emit, text, strlen(text));
}

void emit_format(struct emit *emit, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    emit_text(emit, text);
}

void emit_all(struct emit *emit, const struct emit *from)
{
    emit_bytes(emit, from->data, from->size);
}

void emit_big_endian(struct emit *emit, uint64_t value, unsigned bytes)
{
    while (bytes-- > 0)
        emit_byte(emit, (unsigned)(value >> 8 * bytes) & 0xff);
}

void emit_little_endian(struct emit *emit, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        emit_byte(emit, (unsigned)(value >> 8 * i) & 0xff);
}

unsigned emit_width(uint64_t value)
{
    return value < 24 ? 0 : value <= 0xff ? 1 : value <= 0xffff ? 2 : value <= 0xffffffff ? 4 : 8;
}

void emit_head_in(struct emit *emit, enum major major, uint64_t value, unsigned bytes)
{
    unsigned info = bytes == 0 ? (unsigned)value : bytes == 1 ? 24 : bytes == 2 ? 25 : bytes == 4 ? 26 : 27;

    emit_byte(emit, (unsigned)major << 5 | info);
    emit_big_endian(emit, value, bytes);
}

void emit_head(struct emit *emit, enum major major, uint64_t value)
{
    emit_head_in(emit, major, value, emit_width(value));
}

void emit_int(struct emit *emit, int64_t value)
{
    if (value < 0)
        emit_head(emit, NINT, (uint64_t)(-1 - value));
    else
        emit_head(emit, UINT, (uint64_t)value);
}

void emit_bstr(struct emit *emit, const void *data, size_t size)
{
    emit_head(emit, BSTR, size);
    emit_bytes(emit, data, size);
}

void emit_tstr(struct emit *emit, const char *text)
{
    emit_head(emit, TSTR, strlen(text));
    emit_text(emit, text);
}

void emit_wrapped(struct emit *emit, const struct emit *content)
{
    emit_bstr(emit, content->data, content->size);
}
