/* json_reader.c - a JSON tokenizer without a heap (RFC 8259). */
#include "device_proto/json_reader.h"

static struct bytes advance(struct bytes view, size_t count)
{
    return bytes_view(view.data + count, view.size - count);
}

static void skip_space(struct json_reader *reader)
{
    while (reader->rest.size > 0 && memchr(" \t\r\n", reader->rest.data[0], 4) != NULL)
        reader->rest = advance(reader->rest, 1);
}

/* The length of the UTF-8 sequence that text begins with (RFC 3629), or 0. */
static size_t utf8_length(struct bytes text)
{
    uint8_t first = text.data[0];
    uint8_t low = 0x80, high = 0xBF; /* range of the second byte */
    size_t length = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;

    if (length == 0 || length > text.size)
        return 0;
    if (first == 0xE0)
        low = 0xA0;
    else if (first == 0xED)
        high = 0x9F;
    else if (first == 0xF0)
        low = 0x90;
    else if (first == 0xF4)
        high = 0x8F;
    if (length > 1 && (text.data[1] < low || text.data[1] > high))
        return 0;
    for (size_t i = 2; i < length; i++)
        if (text.data[i] < 0x80 || text.data[i] > 0xBF)
            return 0;
    return length;
}

/* A string; rest begins behind the opening quote. */
static struct json_token read_string(struct json_reader *reader)
{
    struct json_token token = { JSON_MALFORMED, reader->rest, false };
    struct bytes rest = reader->rest;

    while (rest.size > 0 && rest.data[0] != '"') {
        size_t length = rest.data[0] < ' ' ? 0 : utf8_length(rest);

        if (length == 0)
            return token;
        if (rest.data[0] == '\\') {
            token.escaped = true;
            length = 2; /* what is escaped is checked by json_unescape, but a quote must not end the string here */
            if (rest.size < 2 || rest.data[1] < ' ' || rest.data[1] >= 0x7F)
                return token;
        }
        rest = advance(rest, length);
    }
    if (rest.size == 0)
        return token;
    token.kind = JSON_STRING;
    token.text.size -= rest.size;
    reader->rest = advance(rest, 1);
    return token;
}

static struct json_token read_word(struct json_reader *reader)
{
    static const struct {
        const char *word;
        enum json_token_kind kind;
    } words[] = { { "true", JSON_TRUE }, { "false", JSON_FALSE }, { "null", JSON_NULL } };
    struct json_token token = { JSON_MALFORMED, reader->rest, false };
    size_t size = 0;

    while (size < reader->rest.size && memchr(" \t\r\n,:[]{}\"", reader->rest.data[size], 11) == NULL)
        size++;
    token.text.size = size;
    reader->rest = advance(reader->rest, size);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (bytes_equal_text(token.text, words[i].word))
            token.kind = words[i].kind;
    if (size > 0 && (token.text.data[0] == '-' || (token.text.data[0] >= '0' && token.text.data[0] <= '9')))
        token.kind = JSON_NUMBER;
    return token;
}

struct json_token json_next(struct json_reader *reader)
{
    static const char signs[] = "[]{},:";
    struct json_token token = { JSON_MALFORMED, { NULL, 0 }, false };
    const char *sign;

    skip_space(reader);
    if (reader->rest.size == 0)
        return token;
    sign = memchr(signs, reader->rest.data[0], sizeof(signs) - 1);
    if (sign == NULL && reader->rest.data[0] != '"')
        return read_word(reader);
    reader->rest = advance(reader->rest, 1);
    if (sign == NULL)
        return read_string(reader);
    token.kind = (enum json_token_kind)(JSON_ARRAY_BEGIN + (sign - signs));
    return token;
}

enum json_token_kind json_peek(const struct json_reader *reader)
{
    struct json_reader ahead = *reader;

    return json_next(&ahead).kind;
}

bool json_at_end(struct json_reader *reader)
{
    skip_space(reader);
    return reader->rest.size == 0;
}

/* ---- escapes ---- */

static bool read_hex4(struct bytes text, uint32_t *out)
{
    uint32_t value = 0;

    if (text.size < 4)
        return false;
    for (size_t i = 0; i < 4; i++) {
        uint8_t c = text.data[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;

        if (digit < 0)
            return false;
        value = value << 4 | (uint32_t)digit;
    }
    *out = value;
    return true;
}

/* "XXXX" or "XXXX\uXXXX" behind "\u"; the number of bytes read, or 0. */
static size_t read_code_point(struct bytes text, uint32_t *out)
{
    uint32_t high, low;

    if (!read_hex4(text, &high) || high == 0 || (high >= 0xDC00 && high <= 0xDFFF))
        return 0;
    *out = high;
    if (high < 0xD800 || high > 0xDFFF)
        return 4;
    if (text.size < 10 || text.data[4] != '\\' || text.data[5] != 'u' || !read_hex4(advance(text, 6), &low) ||
        low < 0xDC00 || low > 0xDFFF)
        return 0;
    *out = 0x10000u + ((high - 0xD800u) << 10) + (low - 0xDC00u);
    return 10;
}

static size_t encode_utf8(uint32_t code, uint8_t out[4])
{
    if (code < 0x80) {
        out[0] = (uint8_t)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (uint8_t)(0xC0u | code >> 6);
        out[1] = (uint8_t)(0x80u | (code & 0x3Fu));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (uint8_t)(0xE0u | code >> 12);
        out[1] = (uint8_t)(0x80u | (code >> 6 & 0x3Fu));
        out[2] = (uint8_t)(0x80u | (code & 0x3Fu));
        return 3;
    }
    out[0] = (uint8_t)(0xF0u | code >> 18);
    out[1] = (uint8_t)(0x80u | (code >> 12 & 0x3Fu));
    out[2] = (uint8_t)(0x80u | (code >> 6 & 0x3Fu));
    out[3] = (uint8_t)(0x80u | (code & 0x3Fu));
    return 4;
}

/* One character, escaped or not, from *rest to out; its size, or 0 for a bad escape. */
static size_t take_character(struct bytes *rest, uint8_t out[4])
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *name;
    uint32_t code;
    size_t used;

    if (rest->data[0] != '\\') {
        out[0] = rest->data[0];
        *rest = advance(*rest, 1);
        return 1;
    }
    if (rest->size < 2)
        return 0;
    name = memchr(names, rest->data[1], sizeof(names) - 1);
    if (name != NULL) {
        out[0] = (uint8_t)values[name - names];
        *rest = advance(*rest, 2);
        return 1;
    }
    if (rest->data[1] != 'u')
        return 0;
    used = read_code_point(advance(*rest, 2), &code);
    if (used == 0)
        return 0;
    *rest = advance(*rest, 2 + used);
    return encode_utf8(code, out);
}

int json_unescape(const struct json_token *string, uint8_t *out, size_t capacity, size_t *out_size)
{
    struct bytes rest = string->text;
    uint8_t character[4];
    size_t size = 0;

    while (rest.size > 0) {
        size_t length = take_character(&rest, character);

        if (length == 0)
            return JSON_BAD_ESCAPE;
        if (length > capacity - size)
            return JSON_NO_ROOM;
        memcpy(out + size, character, length);
        size += length;
    }
    *out_size = size;
    return 0;
}

/* ---- skipping ---- */

static bool is_good_string(const struct json_token *string)
{
    struct bytes rest = string->text;
    uint8_t character[4];

    while (rest.size > 0)
        if (take_character(&rest, character) == 0)
            return false;
    return true;
}

static int skip_list(struct json_reader *reader, enum json_token_kind end, unsigned depth)
{
    struct json_token token;
    int r;

    if (json_peek(reader) == end) {
        (void)json_next(reader);
        return 0;
    }
    do {
        if (end == JSON_OBJECT_END) {
            token = json_next(reader);
            if (token.kind != JSON_STRING || !is_good_string(&token) || json_next(reader).kind != JSON_COLON)
                return JSON_BAD_VALUE;
        }
        r = json_skip(reader, depth);
        if (r != 0)
            return r;
        token = json_next(reader);
    } while (token.kind == JSON_COMMA);
    return token.kind == end ? 0 : JSON_BAD_VALUE;
}

int json_skip(struct json_reader *reader, unsigned depth)
{
    struct json_token token = json_next(reader);

    switch (token.kind) {
    case JSON_ARRAY_BEGIN:
        return depth == 0 ? JSON_TOO_DEEP : skip_list(reader, JSON_ARRAY_END, depth - 1);
    case JSON_OBJECT_BEGIN:
        return depth == 0 ? JSON_TOO_DEEP : skip_list(reader, JSON_OBJECT_END, depth - 1);
    case JSON_STRING:
        return is_good_string(&token) ? 0 : JSON_BAD_VALUE;
    case JSON_NUMBER:
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL:
        return 0;
    case JSON_MALFORMED:
    case JSON_ARRAY_END:
    case JSON_OBJECT_END:
    case JSON_COMMA:
    case JSON_COLON:
        break;
    }
    return JSON_BAD_VALUE;
}
