#include "daemon/core/texts.h"

#include <stdio.h>
#include <string.h>

#define ROOM_FOR_END sizeof(",\"cut\":true}")

/* One character as JSON wants it: at most 6 bytes. */
static size_t escape(char c, char out[8])
{
    unsigned char byte = (unsigned char)c;

    if (byte == '"' || byte == '\\')
        return (size_t)snprintf(out, 8, "\\%c", c);
    if (byte < 0x20 || byte == 0x7f)
        return (size_t)snprintf(out, 8, "\\u%04x", byte);
    out[0] = c;
    return 1;
}

static bool put(struct detail *detail, const char *data, size_t size)
{
    if (detail->size + size + ROOM_FOR_END > sizeof(detail->text))
        return false;
    memcpy(detail->text + detail->size, data, size);
    detail->size += size;
    detail->text[detail->size] = '\0';
    return true;
}

static bool put_string(struct detail *detail, const char *value)
{
    char escaped[8];

    if (!put(detail, "\"", 1))
        return false;
    for (; *value != '\0'; value++)
        if (!put(detail, escaped, escape(*value, escaped)))
            return false;
    return put(detail, "\"", 1);
}

static bool put_key(struct detail *detail, const char *key)
{
    return (detail->size == 1 || put(detail, ",", 1)) && put_string(detail, key) && put(detail, ":", 1);
}

static void take_back(struct detail *detail, size_t size)
{
    detail->size = size;
    detail->text[size] = '\0';
    detail->cut = true;
}

void detail_text(struct detail *detail, const char *key, const char *value)
{
    size_t before = detail->size;

    if (!put_key(detail, key) || !put_string(detail, value))
        take_back(detail, before);
}

void detail_number(struct detail *detail, const char *key, int64_t value)
{
    size_t before = detail->size;
    char digits[24];
    int size = snprintf(digits, sizeof(digits), "%lld", (long long)value);

    if (!put_key(detail, key) || !put(detail, digits, (size_t)size))
        take_back(detail, before);
}

void detail_hex(struct detail *detail, const char *key, struct bytes value)
{
    static const char digits[] = "0123456789abcdef";
    size_t before = detail->size;
    bool fits = put_key(detail, key) && put(detail, "\"", 1);

    for (size_t i = 0; fits && i < value.size; i++) {
        const char pair[2] = { digits[value.data[i] >> 4], digits[value.data[i] & 15] };
        fits = put(detail, pair, 2);
    }
    if (!fits || !put(detail, "\"", 1))
        take_back(detail, before);
}

const char *detail_end(struct detail *detail)
{
    const char *end = !detail->cut ? "}" : detail->size > 1 ? ",\"cut\":true}" : "\"cut\":true}";

    memcpy(detail->text + detail->size, end, strlen(end) + 1);
    detail->size += strlen(end);
    return detail->text;
}

void duration_words(int64_t ms, char out[DURATION_SIZE])
{
    long long s = ms < 0 ? 0 : (ms + 500) / 1000;

    if (s < 120)
        snprintf(out, DURATION_SIZE, "%lld s", s);
    else if (s < 7200 && s % 60 == 0)
        snprintf(out, DURATION_SIZE, "%lld min", s / 60);
    else if (s < 7200)
        snprintf(out, DURATION_SIZE, "%lld min %lld s", s / 60, s % 60);
    else if (s % 86400 == 0 && s > 86400)
        snprintf(out, DURATION_SIZE, "%lld days", s / 86400);
    else if (s % 3600 / 60 == 0)
        snprintf(out, DURATION_SIZE, "%lld h", s / 3600);
    else
        snprintf(out, DURATION_SIZE, "%lld h %lld min", s / 3600, s % 3600 / 60);
}

void each_words(int64_t count, const char *one, char out[EACH_SIZE])
{
    if (count == 0)
        snprintf(out, EACH_SIZE, "no %s", one);
    else if (count == 1)
        snprintf(out, EACH_SIZE, "the one %s", one);
    else
        snprintf(out, EACH_SIZE, "each of the %lld %ss", (long long)count, one);
}

int unguessable_text(struct core *core, size_t count, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t raw[48];
    unsigned bits = 0, held = 0;

    int r = core->random->fill(core->random->context, raw, count);
    if (r != 0)
        return r;
    for (size_t i = 0; i < count; i++) {
        bits = (bits << 8 | raw[i]) & 0xffffu;
        for (held += 8; held >= 6; held -= 6)
            *out++ = digits[bits >> (held - 6) & 63];
    }
    if (held > 0)
        *out++ = digits[bits << (6 - held) & 63];
    *out = '\0';
    return 0;
}
