/* cbor_diagnose.c - CBOR as text for people (RFC 8949 section 8, RFC 8610 appendix G).
 * The item is checked first; printing then follows the types alone. */
#include "device_proto/cbor.h"

struct printer {
    struct cbor_writer out; /* as a byte sink that counts */
    unsigned style;
    unsigned level; /* of indentation */
};

static void print(struct printer *printer, const char *text)
{
    cbor_write_raw(&printer->out, bytes_of_text(text));
}

static void print_char(struct printer *printer, char c)
{
    cbor_write_raw(&printer->out, bytes_view(&c, 1));
}

static void print_uint(struct printer *printer, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    cbor_write_raw(&printer->out, bytes_view(digits + at, sizeof digits - at));
}

static void print_hex_digits(struct printer *printer, uint64_t value, unsigned digits)
{
    while (digits-- > 0)
        print_char(printer, "0123456789abcdef"[value >> (4 * digits) & 0xf]);
}

static void print_line(struct printer *printer)
{
    if ((printer->style & CBOR_INDENTED) == 0)
        return;
    print_char(printer, '\n');
    for (unsigned i = 0; i < printer->level; i++)
        print(printer, "    ");
}

static void print_text(struct printer *printer, struct bytes text)
{
    print_char(printer, '"');
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        /* U+0080 to U+009F are control characters too: a terminal must not get them from a peer's text. */
        bool c1 = c == 0xc2 && text.data[i + 1] < 0xa0;

        if (c == '"' || c == '\\')
            print_char(printer, '\\');
        if (c >= 0x20 && c != 0x7f && !c1) {
            print_char(printer, (char)c);
        } else {
            c = c1 ? text.data[++i] : c;
            print(printer, "\\u00");
            print_hex_digits(printer, c, 2);
        }
    }
    print_char(printer, '"');
}

/* fraction / 2^places, exactly, where that takes no more than 17 digits. */
static bool print_short_fraction(struct printer *printer, uint64_t fraction, unsigned places)
{
    const uint64_t most = 100000000000000000u; /* 10^17 */
    uint64_t power = 1;                        /* 10^places */

    for (unsigned i = 0; i < places; i++) {
        if (fraction >= most / 5 || power >= most / 10)
            return false;
        fraction *= 5;
        power *= 10;
    }
    print_uint(printer, fraction / power);
    print_char(printer, '.');
    if (places == 0)
        print_char(printer, '0');
    for (power /= 10, fraction %= power == 0 ? 1 : power * 10; power > 0; power /= 10)
        print_char(printer, (char)('0' + fraction / power % 10));
    return true;
}

static void print_hex_float(struct printer *printer, uint64_t exponent, uint64_t fraction)
{
    unsigned digits = 13;

    while (digits > 0 && (fraction & 0xf) == 0) {
        fraction >>= 4;
        digits--;
    }
    print(printer, exponent == 0 ? "0x0" : "0x1");
    if (digits > 0)
        print_char(printer, '.');
    print_hex_digits(printer, fraction, digits);
    exponent = exponent == 0 ? 1 : exponent;
    print(printer, exponent < 1023 ? "p-" : "p+");
    print_uint(printer, exponent < 1023 ? 1023 - exponent : exponent - 1023);
}

static void print_float(struct printer *printer, uint64_t bits)
{
    uint64_t exponent = bits >> 52 & 0x7ff;
    uint64_t fraction = bits & 0xfffffffffffffu;
    uint64_t whole = fraction | (uint64_t)1 << 52;
    unsigned places = 52;

    if (exponent == 0x7ff && fraction != 0) {
        print(printer, "NaN");
        return;
    }
    if (bits >> 63 != 0)
        print_char(printer, '-');
    if (exponent == 0x7ff) {
        print(printer, "Infinity");
        return;
    }
    if ((bits << 1) == 0) {
        print(printer, "0.0");
        return;
    }
    for (; (whole & 1) == 0; places--)
        whole >>= 1;
    /* The value is whole * 2^(exponent - 1023 - places), whole odd. */
    if (exponent >= 1023 - 63 && exponent <= 1023 + places &&
        print_short_fraction(printer, whole, (unsigned)(1023 + places - exponent)))
        return;
    if (exponent > 1023 + places && exponent - 1023 < 56) {
        print_short_fraction(printer, whole << (exponent - 1023 - places), 0);
        return;
    }
    print_hex_float(printer, exponent, fraction);
}

static void print_item(struct printer *printer, struct cbor_reader *reader, unsigned depth);

static bool holds_cbor(struct bytes content)
{
    return content.size > 0 && content.data[0] >> 5 >= 4 && content.data[0] >> 5 <= 6 &&
           cbor_check(content, CBOR_DEFINITE) == 0;
}

/* depth bounds byte strings within byte strings, which cbor_check does not see. */
static void print_bytes(struct printer *printer, struct bytes content, unsigned depth)
{
    if ((printer->style & CBOR_EMBEDDED) != 0 && depth < CBOR_DEPTH_MAX && holds_cbor(content)) {
        struct cbor_reader inner = cbor_reader_on(content, CBOR_LENIENT);

        print(printer, "<< ");
        print_item(printer, &inner, depth + 1);
        print(printer, " >>");
        return;
    }
    print(printer, "h'");
    for (size_t i = 0; i < content.size; i++)
        print_hex_digits(printer, content.data[i], 2);
    print_char(printer, '\'');
}

/* An array, a map, or the chunks of a string: between open and close. */
static void print_list(struct printer *printer, struct cbor_reader *reader, struct cbor_list list, bool map,
                       const char *braces, unsigned depth)
{
    bool first = true;
    bool empty = !list.indefinite && list.left == 0;

    print_char(printer, braces[0]);
    if (list.indefinite)
        print(printer, "_ ");
    printer->level++;
    while (cbor_more(reader, &list)) {
        if (!first)
            print(printer, (printer->style & CBOR_INDENTED) != 0 ? "," : ", ");
        first = false;
        print_line(printer);
        print_item(printer, reader, depth + 1);
        if (map) {
            print(printer, ": ");
            print_item(printer, reader, depth + 1);
        }
    }
    printer->level--;
    if (!empty)
        print_line(printer);
    print_char(printer, braces[1]);
}

static void print_string(struct printer *printer, struct cbor_reader *reader, enum cbor_type type, unsigned depth)
{
    struct cbor_list chunks = { 0, true };

    if ((*reader->at & 0x1f) == 31) {
        bool none = reader->at[1] == 0xff;

        reader->at++;
        if (none) { /* RFC 8610 appendix G.3: ''_ and ""_ */
            reader->at++;
            print(printer, type == CBOR_TEXT ? "\"\"_" : "''_");
            return;
        }
        print_list(printer, reader, chunks, false, "()", depth);
    } else if (type == CBOR_TEXT) {
        print_text(printer, cbor_read_text(reader));
    } else {
        print_bytes(printer, cbor_read_bytes(reader), depth);
    }
}

static void print_nint(struct printer *printer, struct cbor_reader *reader)
{
    /* -1 - n for the whole range of n: read as the unsigned item that it would be. */
    uint8_t copy[9];
    size_t size = (size_t)(reader->end - reader->at) < sizeof copy ? (size_t)(reader->end - reader->at) : sizeof copy;
    struct cbor_reader as_uint;
    uint64_t value;

    memcpy(copy, reader->at, size);
    copy[0] &= 0x1f;
    as_uint = cbor_reader_on(bytes_view(copy, size), CBOR_LENIENT);
    value = cbor_read_uint(&as_uint);
    reader->at += as_uint.at - copy;
    if (value == UINT64_MAX) {
        print(printer, "-18446744073709551616");
        return;
    }
    print_char(printer, '-');
    print_uint(printer, value + 1);
}

static void print_simple(struct printer *printer, struct cbor_reader *reader)
{
    uint8_t value = *reader->at++ & 0x1f;

    if (value == 24)
        value = *reader->at++;
    print(printer, "simple(");
    print_uint(printer, value);
    print_char(printer, ')');
}

static void print_item(struct printer *printer, struct cbor_reader *reader, unsigned depth)
{
    enum cbor_type type = cbor_peek(reader);

    switch (type) {
    case CBOR_UINT:
        print_uint(printer, cbor_read_uint(reader));
        break;
    case CBOR_NINT:
        print_nint(printer, reader);
        break;
    case CBOR_BYTES:
    case CBOR_TEXT:
        print_string(printer, reader, type, depth);
        break;
    case CBOR_ARRAY:
        print_list(printer, reader, cbor_read_array(reader), false, "[]", depth);
        break;
    case CBOR_MAP:
        print_list(printer, reader, cbor_read_map(reader), true, "{}", depth);
        break;
    case CBOR_TAG:
        print_uint(printer, cbor_read_tag(reader));
        print_char(printer, '(');
        print_item(printer, reader, depth + 1);
        print_char(printer, ')');
        break;
    case CBOR_FALSE:
    case CBOR_TRUE:
        print(printer, cbor_read_bool(reader) ? "true" : "false");
        break;
    case CBOR_NULL:
        cbor_read_null(reader);
        print(printer, "null");
        break;
    case CBOR_UNDEFINED:
        reader->at++;
        print(printer, "undefined");
        break;
    case CBOR_SIMPLE:
        print_simple(printer, reader);
        break;
    case CBOR_FLOAT:
        print_float(printer, cbor_read_double_bits(reader));
        break;
    case CBOR_BREAK:
    case CBOR_END:
        break; /* cbor_check has seen to it that there is none */
    }
}

int cbor_diagnose(struct bytes item, unsigned style, char *out, size_t capacity, size_t *out_size)
{
    struct printer printer = { cbor_writer_on((uint8_t *)out, capacity), style, 0 };
    struct cbor_reader reader = cbor_reader_on(item, CBOR_LENIENT);
    int r = cbor_check(item, CBOR_LENIENT);

    if (r != 0)
        return r;
    print_item(&printer, &reader, 0);
    if (reader.refusal != 0)
        return reader.refusal;
    print_char(&printer, '\0');
    r = cbor_writer_finish(&printer.out, out_size);
    if (r == 0)
        (*out_size)--;
    return r;
}
