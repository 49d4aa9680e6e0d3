/* cbor_read.c - heads, values, lists, and whole items.
 * Everything goes through take_head: it is the one place that looks at an initial byte and knows what is reserved. Only
 * skip_item recurses, at most CBOR_DEPTH_MAX deep. */
#include "device_proto/cbor.h"

#include "device_proto/cbor_float.h"

struct head {
    unsigned major;
    unsigned info;  /* the low five bits of the initial byte */
    uint64_t value; /* argument */
    bool indefinite;
};

static size_t left_in(const struct cbor_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

struct cbor_reader cbor_reader_on(struct bytes input, unsigned rules)
{
    static const uint8_t nothing = 0;
    const uint8_t *start = input.size == 0 ? &nothing : input.data;
    struct cbor_reader reader = { start, start + input.size, rules, 0 };

    return reader;
}

void cbor_refuse(struct cbor_reader *reader, enum cbor_refusal why)
{
    if (reader->refusal == 0)
        reader->refusal = (int)why;
}

enum cbor_type cbor_peek(const struct cbor_reader *reader)
{
    unsigned first;

    if (reader->refusal != 0 || reader->at == reader->end)
        return CBOR_END;
    first = *reader->at;
    if (first >> 5 < 7)
        return (enum cbor_type)(first >> 5);
    switch (first & 0x1f) {
    case 20:
        return CBOR_FALSE;
    case 21:
        return CBOR_TRUE;
    case 22:
        return CBOR_NULL;
    case 23:
        return CBOR_UNDEFINED;
    case 25:
    case 26:
    case 27:
        return CBOR_FLOAT;
    case 31:
        return CBOR_BREAK;
    default:
        return CBOR_SIMPLE;
    }
}

bool cbor_peek_is(const struct cbor_reader *reader, enum cbor_type type)
{
    return cbor_peek(reader) == type;
}

static bool is_shortest(const struct head *head)
{
    static const uint64_t least[] = { 24, 256, 65536, (uint64_t)1 << 32 };
    uint32_t single;
    uint16_t half;

    if (head->info < 24 || head->info > 27)
        return true;
    if (head->major != 7)
        return head->value >= least[head->info - 24];
    if (head->info == 26)
        return !double_bits_fit_half(double_bits_of_single((uint32_t)head->value), &half);
    return head->info != 27 || !double_bits_fit_single(head->value, &single);
}

static bool head_refused(struct cbor_reader *reader, enum cbor_refusal why)
{
    cbor_refuse(reader, why);
    return false;
}

/* Consumes an initial byte and its argument. False: refused. */
static bool take_head(struct cbor_reader *reader, struct head *out)
{
    struct head head = { 0 };
    size_t extra;

    if (reader->refusal != 0)
        return false;
    if (reader->at == reader->end)
        return head_refused(reader, CBOR_TRUNCATED);
    head.major = *reader->at >> 5;
    head.info = *reader->at & 0x1f;
    head.value = head.info;
    head.indefinite = head.info == 31;
    if ((head.info > 27 && head.info < 31) || (head.indefinite && (head.major < 2 || head.major == 6)))
        return head_refused(reader, CBOR_MALFORMED);
    extra = head.info >= 24 && head.info <= 27 ? (size_t)1 << (head.info - 24) : 0;
    if (left_in(reader) - 1 < extra)
        return head_refused(reader, CBOR_TRUNCATED);
    if (extra > 0)
        head.value = 0;
    for (size_t i = 1; i <= extra; i++)
        head.value = head.value << 8 | reader->at[i];
    if (head.major == 7 && head.info == 24 && head.value < 32)
        return head_refused(reader, CBOR_MALFORMED);
    if ((reader->rules & CBOR_SHORTEST) != 0 && !is_shortest(&head))
        return head_refused(reader, CBOR_NOT_CANONICAL);
    if ((reader->rules & CBOR_DEFINITE) != 0 && head.indefinite && head.major != 7)
        return head_refused(reader, CBOR_NOT_CANONICAL);
    reader->at += 1 + extra;
    *out = head;
    return true;
}

/* The same, for one major type. */
static bool take_head_of(struct cbor_reader *reader, unsigned major, struct head *out)
{
    if (reader->refusal == 0 && reader->at < reader->end && *reader->at >> 5 != major)
        return head_refused(reader, CBOR_UNEXPECTED);
    return take_head(reader, out);
}

uint64_t cbor_read_uint(struct cbor_reader *reader)
{
    struct head head;

    return take_head_of(reader, 0, &head) ? head.value : 0;
}

uint64_t cbor_read_uint_max(struct cbor_reader *reader, uint64_t max)
{
    uint64_t value = cbor_read_uint(reader);

    if (value <= max)
        return value;
    cbor_refuse(reader, CBOR_RANGE);
    return 0;
}

int64_t cbor_read_int(struct cbor_reader *reader)
{
    bool negative = cbor_peek_is(reader, CBOR_NINT);
    struct head head;

    if (!take_head_of(reader, negative ? 1 : 0, &head))
        return 0;
    if (head.value > INT64_MAX) {
        cbor_refuse(reader, CBOR_RANGE);
        return 0;
    }
    return negative ? -1 - (int64_t)head.value : (int64_t)head.value;
}

/* A definite-length string's content. */
static struct bytes read_string(struct cbor_reader *reader, unsigned major)
{
    struct bytes none = { NULL, 0 };
    struct bytes content;
    struct head head;

    if (!take_head_of(reader, major, &head))
        return none;
    if (head.indefinite || head.value > left_in(reader)) {
        cbor_refuse(reader, head.indefinite ? CBOR_CHUNKED : CBOR_TRUNCATED);
        return none;
    }
    content = bytes_view(reader->at, (size_t)head.value);
    reader->at += content.size;
    return content;
}

struct bytes cbor_read_bytes(struct cbor_reader *reader)
{
    return read_string(reader, 2);
}

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
static bool is_utf8(struct bytes text)
{
    size_t i = 0;

    while (i < text.size) {
        uint8_t first = text.data[i++];
        size_t more = first < 0x80 ? 0 : first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
        uint8_t low = 0x80, high = 0xbf; /* of the second byte */

        if (first >= 0x80 && (first < 0xc2 || first > 0xf4))
            return false;
        if (more > text.size - i)
            return false;
        low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : low;
        high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : high;
        for (; more > 0; more--, i++, low = 0x80, high = 0xbf) {
            if (text.data[i] < low || text.data[i] > high)
                return false;
        }
    }
    return true;
}

struct bytes cbor_read_text(struct cbor_reader *reader)
{
    struct bytes none = { NULL, 0 };
    struct bytes text = read_string(reader, 3);

    if (is_utf8(text))
        return text;
    cbor_refuse(reader, CBOR_NOT_UTF8);
    return none;
}

void cbor_read_bytes_exact(struct cbor_reader *reader, uint8_t *out, size_t size)
{
    struct bytes content = cbor_read_bytes(reader);

    if (reader->refusal == 0 && content.size == size) {
        if (size > 0)
            memcpy(out, content.data, size);
        return;
    }
    memset(out, 0, size);
    cbor_refuse(reader, CBOR_RANGE);
}

/* A head of major type 7 whose type is one of two. */
static bool take_simple(struct cbor_reader *reader, enum cbor_type a, enum cbor_type b, struct head *out)
{
    enum cbor_type type = cbor_peek(reader);

    if (type != CBOR_END && type != a && type != b)
        return head_refused(reader, CBOR_UNEXPECTED);
    return take_head(reader, out);
}

bool cbor_read_bool(struct cbor_reader *reader)
{
    struct head head;

    return take_simple(reader, CBOR_FALSE, CBOR_TRUE, &head) && head.info == 21;
}

void cbor_read_null(struct cbor_reader *reader)
{
    struct head head;

    take_simple(reader, CBOR_NULL, CBOR_NULL, &head);
}

uint64_t cbor_read_tag(struct cbor_reader *reader)
{
    struct head head;

    return take_head_of(reader, 6, &head) ? head.value : 0;
}

uint64_t cbor_read_double_bits(struct cbor_reader *reader)
{
    struct head head;

    if (!take_simple(reader, CBOR_FLOAT, CBOR_FLOAT, &head))
        return 0;
    if (head.info == 25)
        return double_bits_of_half((uint16_t)head.value);
    return head.info == 26 ? double_bits_of_single((uint32_t)head.value) : head.value;
}

static struct cbor_list read_list(struct cbor_reader *reader, unsigned major)
{
    struct cbor_list none = { 0, false };
    struct cbor_list list;
    struct head head;

    if (!take_head_of(reader, major, &head))
        return none;
    /* Every item takes a byte at least: a count beyond that is a lie, told before anyone reserves room for it. */
    if (!head.indefinite && head.value > left_in(reader) / (major == 5 ? 2 : 1)) {
        cbor_refuse(reader, CBOR_TRUNCATED);
        return none;
    }
    list.left = head.indefinite ? 0 : head.value;
    list.indefinite = head.indefinite;
    return list;
}

struct cbor_list cbor_read_array(struct cbor_reader *reader)
{
    return read_list(reader, 4);
}

struct cbor_list cbor_read_map(struct cbor_reader *reader)
{
    return read_list(reader, 5);
}

bool cbor_more(struct cbor_reader *reader, struct cbor_list *list)
{
    if (reader->refusal != 0)
        return false;
    if (!list->indefinite) {
        if (list->left == 0)
            return false;
        list->left--;
        return true;
    }
    if (reader->at == reader->end)
        return head_refused(reader, CBOR_TRUNCATED);
    if (*reader->at != 0xff)
        return true;
    reader->at++;
    list->indefinite = false; /* asking again is answered the same */
    return false;
}

void cbor_read_array_of(struct cbor_reader *reader, uint64_t count)
{
    struct cbor_list list = cbor_read_array(reader);

    if (list.indefinite || list.left != count)
        cbor_refuse(reader, CBOR_UNEXPECTED);
}

/* Chunks must be definite-length strings of the same major type (RFC 8949 section 3.2.3). */
static void skip_chunks(struct cbor_reader *reader, unsigned major)
{
    struct cbor_list chunks = { 0, true };

    while (cbor_more(reader, &chunks)) {
        struct bytes chunk;

        if (*reader->at >> 5 != major || (*reader->at & 0x1f) == 31)
            cbor_refuse(reader, CBOR_MALFORMED);
        chunk = read_string(reader, major);
        if (major == 3 && reader->rules != CBOR_LENIENT && !is_utf8(chunk))
            cbor_refuse(reader, CBOR_NOT_UTF8);
    }
}

/* Bytewise lexicographic order of encodings (RFC 8949 section 4.2.1). */
static bool comes_before(struct bytes a, struct bytes b)
{
    int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);

    return order < 0 || (order == 0 && a.size < b.size);
}

static void skip_item(struct cbor_reader *reader, unsigned depth);

static void skip_list(struct cbor_reader *reader, const struct head *head, unsigned depth)
{
    struct cbor_list list = { head->indefinite ? 0 : head->value, head->indefinite };
    struct bytes last = { NULL, 0 };

    while (cbor_more(reader, &list)) {
        const uint8_t *start = reader->at;

        skip_item(reader, depth + 1);
        if (head->major != 5 || reader->refusal != 0)
            continue;
        if ((reader->rules & CBOR_SORTED) != 0) {
            struct bytes key = bytes_view(start, (size_t)(reader->at - start));

            if (last.size > 0 && !comes_before(last, key))
                cbor_refuse(reader, CBOR_NOT_CANONICAL);
            last = key;
        }
        skip_item(reader, depth + 1);
    }
}

static void skip_item(struct cbor_reader *reader, unsigned depth)
{
    struct head head;
    bool text = cbor_peek_is(reader, CBOR_TEXT);

    if (!take_head(reader, &head))
        return;
    if (head.major == 7) {
        if (head.indefinite)
            cbor_refuse(reader, CBOR_MALFORMED); /* a break that ends nothing */
        return;
    }
    if (head.major < 2)
        return;
    if ((head.major > 3 || head.indefinite) && depth >= CBOR_DEPTH_MAX) {
        cbor_refuse(reader, CBOR_TOO_DEEP);
    } else if (head.major == 6) {
        skip_item(reader, depth + 1);
    } else if (head.major > 3) {
        skip_list(reader, &head, depth);
    } else if (head.indefinite) {
        skip_chunks(reader, head.major);
    } else if (head.value > left_in(reader)) {
        cbor_refuse(reader, CBOR_TRUNCATED);
    } else {
        if (text && reader->rules != CBOR_LENIENT && !is_utf8(bytes_view(reader->at, (size_t)head.value)))
            cbor_refuse(reader, CBOR_NOT_UTF8);
        reader->at += head.value;
    }
}

void cbor_skip(struct cbor_reader *reader)
{
    skip_item(reader, 0);
}

struct bytes cbor_read_item(struct cbor_reader *reader)
{
    struct bytes none = { NULL, 0 };
    const uint8_t *start = reader->at;

    skip_item(reader, 0);
    return reader->refusal == 0 ? bytes_view(start, (size_t)(reader->at - start)) : none;
}

int cbor_reader_finish(struct cbor_reader *reader)
{
    if (reader->refusal == 0 && reader->at != reader->end)
        reader->refusal = CBOR_TRAILING;
    return reader->refusal;
}

int cbor_check(struct bytes item, unsigned rules)
{
    struct cbor_reader reader = cbor_reader_on(item, rules);

    cbor_skip(&reader);
    return cbor_reader_finish(&reader);
}

const char *cbor_refusal_text(int refusal)
{
    static const char *const texts[] = {
        [0] = "well-formed",
        [CBOR_TRUNCATED] = "the input ends inside an item",
        [CBOR_MALFORMED] = "not CBOR",
        [CBOR_UNEXPECTED] = "another type of item was expected",
        [CBOR_RANGE] = "a value is out of range",
        [CBOR_TOO_DEEP] = "nested too deeply",
        [CBOR_CHUNKED] = "a string of indefinite length",
        [CBOR_NOT_CANONICAL] = "not in canonical form",
        [CBOR_NOT_UTF8] = "a text that is not UTF-8",
        [CBOR_TRAILING] = "bytes after the end",
        [CBOR_NO_ROOM] = "the buffer is too small",
    };

    if (refusal < 0 || (size_t)refusal >= sizeof texts / sizeof texts[0])
        return "unknown refusal";
    return texts[refusal];
}
