/* kind_cbor.c - one CBOR item (RFC 8949): well-formed or not, and deterministically encoded or not.
 * What is wrong is one item; it comes alone or among others, so that a decoder that looks at the outside only is told
 * apart from one that looks everywhere. */
#include "tests/corpus/items.h"
#include "tests/corpus/kinds.h"

#define DEPTH 3u

/* The item made so far stays alone, or moves into an array, a map or a tag with good neighbours. */
static void among_others(struct making *making)
{
    struct emit item = making->out;
    struct random *random = &making->random;

    making->out.size = 0;
    switch (making->round % 4) {
    case 0:
        break;
    case 1:
        emit_head(&making->out, ARRAY, 3);
        item_deterministic(random, &making->out, 2);
        emit_all(&making->out, &item);
        item_deterministic(random, &making->out, 2);
        return;
    case 2:
        emit_head(&making->out, MAP, 1);
        emit_head(&making->out, UINT, random_below(random, 24));
        break;
    default:
        emit_head(&making->out, TAG, random_between(random, 256, 65535));
        emit_head(&making->out, ARRAY, 1);
    }
    emit_all(&making->out, &item);
}

static void deterministic(struct making *making)
{
    item_deterministic(&making->random, &making->out, DEPTH);
}

static void cut(struct making *making)
{
    struct emit item = { 0 };

    emit_head(&item, ARRAY, 3);
    for (unsigned i = 0; i < 3; i++)
        item_deterministic(&making->random, &item, DEPTH);
    item_cut(&making->random, &making->out, &item);
}

static void nothing(struct making *making)
{
    (void)making;
}

static void trailing(struct making *making)
{
    deterministic(making);
    item_deterministic(&making->random, &making->out, 1);
}

/* ---- heads ---- */

/* A head with its argument in more bytes than it needs. */
static void long_head(struct making *making, enum major major, uint64_t value)
{
    static const unsigned widths[] = { 1, 2, 4, 8 };
    unsigned least = emit_width(value), width;

    do {
        width = widths[random_below(&making->random, 4)];
    } while (width <= least);
    emit_head_in(&making->out, major, value, width);
}

static void long_number(struct making *making)
{
    uint64_t value = random_word(&making->random);

    value >>= random_between(&making->random, 33, 63);
    long_head(making, random_below(&making->random, 2) == 0 ? UINT : NINT, value);
    among_others(making);
}

static void long_string(struct making *making)
{
    uint64_t size = random_below(&making->random, 20);

    long_head(making, random_below(&making->random, 2) == 0 ? BSTR : TSTR, size);
    item_ascii(&making->random, &making->out, size);
    among_others(making);
}

static void long_container(struct making *making)
{
    if (random_below(&making->random, 2) == 0) {
        long_head(making, ARRAY, 1);
    } else {
        long_head(making, MAP, 1);
        emit_head(&making->out, UINT, 7);
    }
    item_deterministic(&making->random, &making->out, 1);
    among_others(making);
}

static void long_tag(struct making *making)
{
    long_head(making, TAG, random_below(&making->random, 300));
    item_deterministic(&making->random, &making->out, 1);
    among_others(making);
}

/* A half said as a single or double, or a single as a double: small integers are all three. */
static void long_float(struct making *making)
{
    static const uint32_t singles[] = { 0x00000000, 0x3f800000, 0x40000000, 0xbf000000, 0x7f800000, 0x42c80000 };
    static const uint64_t doubles[] = { 0x0000000000000000u, 0x3ff0000000000000u, 0xc000000000000000u,
                                        0x7ff0000000000000u, 0x3ff0000020000000u, 0x40590ccce0000000u };

    if (random_below(&making->random, 2) == 0) {
        emit_byte(&making->out, 0xfa);
        emit_big_endian(&making->out, singles[random_below(&making->random, 6)], 4);
    } else {
        emit_byte(&making->out, 0xfb);
        emit_big_endian(&making->out, doubles[random_below(&making->random, 6)], 8);
    }
    among_others(making);
}

static void reserved_head(struct making *making)
{
    unsigned major = (unsigned)random_below(&making->random, 8);

    emit_byte(&making->out, major << 5 | (unsigned)random_between(&making->random, 28, 30));
    among_others(making);
}

static void indefinite_number(struct making *making)
{
    static const unsigned first[] = { 0x1f, 0x3f, 0xdf };

    emit_byte(&making->out, first[random_below(&making->random, 3)]);
    emit_head(&making->out, UINT, 1);
    emit_byte(&making->out, 0xff);
    among_others(making);
}

static void short_simple(struct making *making)
{
    emit_byte(&making->out, 0xf8);
    emit_byte(&making->out, (unsigned)random_below(&making->random, 32));
    among_others(making);
}

/* ---- indefinite lengths ---- */

static void chunks(struct making *making)
{
    enum major major = random_below(&making->random, 2) == 0 ? BSTR : TSTR;

    emit_byte(&making->out, (unsigned)major << 5 | 31);
    for (uint64_t left = random_below(&making->random, 4); left > 0; left--) {
        uint64_t size = random_below(&making->random, 12);

        emit_head(&making->out, major, size);
        item_ascii(&making->random, &making->out, size);
    }
    emit_byte(&making->out, 0xff);
    among_others(making);
}

static void indefinite_container(struct making *making)
{
    uint64_t key = 0;
    bool is_map = random_below(&making->random, 2) == 0;

    emit_byte(&making->out, is_map ? 0xbf : 0x9f);
    for (uint64_t left = random_below(&making->random, 4); left > 0; left--) {
        if (is_map)
            emit_head(&making->out, UINT, key++);
        item_deterministic(&making->random, &making->out, 2);
    }
    emit_byte(&making->out, 0xff);
    among_others(making);
}

static void chunk_of_another_type(struct making *making)
{
    bool bytes = random_below(&making->random, 2) == 0;

    emit_byte(&making->out, bytes ? 0x5f : 0x7f);
    emit_head(&making->out, bytes ? TSTR : BSTR, 1);
    emit_byte(&making->out, 'a');
    emit_byte(&making->out, 0xff);
    among_others(making);
}

static void chunk_in_chunks(struct making *making)
{
    unsigned first = random_below(&making->random, 2) == 0 ? 0x5f : 0x7f;

    emit_byte(&making->out, first);
    emit_byte(&making->out, first);
    emit_byte(&making->out, 0xff);
    emit_byte(&making->out, 0xff);
    among_others(making);
}

static void odd_map(struct making *making)
{
    emit_byte(&making->out, 0xbf);
    item_deterministic(&making->random, &making->out, 1);
    emit_byte(&making->out, 0xff);
    among_others(making);
}

static void lone_break(struct making *making)
{
    emit_byte(&making->out, 0xff);
    among_others(making);
}

static void break_in_definite(struct making *making)
{
    emit_head(&making->out, ARRAY, 2);
    item_deterministic(&making->random, &making->out, 1);
    emit_byte(&making->out, 0xff);
    among_others(making);
}

/* ---- lengths ---- */

static void huge_string(struct making *making)
{
    static const uint64_t sizes[] = { 0x7fffffff, 0xffffffff, 0x100000000u, 0x7fffffffffffffffu, 0xffffffffffffffffu };
    uint64_t size = sizes[making->round % 5];

    emit_head(&making->out, random_below(&making->random, 2) == 0 ? BSTR : TSTR, size);
    item_ascii(&making->random, &making->out, random_below(&making->random, 30));
}

static void huge_container(struct making *making)
{
    static const uint64_t sizes[] = { 0x7fffffff, 0x80000000u, 0x7fffffffffffffffu, 0x8000000000000000u,
                                      0xffffffffffffffffu };
    enum major major = random_below(&making->random, 2) == 0 ? ARRAY : MAP;

    emit_head(&making->out, major, sizes[making->round % 5]);
    for (uint64_t i = random_below(&making->random, 8); i > 0; i--) {
        emit_head(&making->out, UINT, i);
        emit_head(&making->out, UINT, i);
    }
}

static void length_one_more(struct making *making)
{
    uint64_t size = random_below(&making->random, 60);

    emit_head(&making->out, random_below(&making->random, 2) == 0 ? BSTR : TSTR, size + 1);
    item_ascii(&making->random, &making->out, size);
}

static void length_one_less(struct making *making)
{
    uint64_t size = random_between(&making->random, 1, 60);

    emit_head(&making->out, random_below(&making->random, 2) == 0 ? BSTR : TSTR, size - 1);
    item_ascii(&making->random, &making->out, size);
}

static void deep(struct making *making)
{
    static const unsigned depths[] = { 17, 64, 257, 1025, 4096 };
    static const unsigned heads[] = { 0x81, 0x9f, 0xc1, 0xa1 };
    unsigned depth = depths[making->round % 5], head = heads[random_below(&making->random, 4)];

    for (unsigned i = 0; i < depth; i++) {
        emit_byte(&making->out, head);
        if (head == 0xa1)
            emit_head(&making->out, UINT, 0);
    }
    emit_head(&making->out, UINT, 0);
    for (unsigned i = 0; head == 0x9f && i < depth; i++)
        emit_byte(&making->out, 0xff);
}

/* ---- validity and order ---- */

static void twice_the_same_key(struct making *making)
{
    uint64_t key = random_below(&making->random, 100);

    emit_head(&making->out, MAP, 2);
    for (unsigned i = 0; i < 2; i++) {
        emit_head(&making->out, UINT, key);
        item_deterministic(&making->random, &making->out, 1);
    }
    among_others(making);
}

static void unsorted_keys(struct making *making)
{
    uint64_t key = random_between(&making->random, 1, 1000);

    emit_head(&making->out, MAP, 2);
    emit_head(&making->out, UINT, key);
    item_deterministic(&making->random, &making->out, 1);
    emit_head(&making->out, UINT, random_below(&making->random, key));
    item_deterministic(&making->random, &making->out, 1);
    among_others(making);
}

/* By length first, as RFC 7049 had it: "z" before "aa" is right both ways, -1 before 1000 only in the old order. */
static void keys_in_the_old_order(struct making *making)
{
    emit_head(&making->out, MAP, 2);
    emit_head(&making->out, NINT, random_below(&making->random, 24));
    item_deterministic(&making->random, &making->out, 1);
    emit_head(&making->out, UINT, random_between(&making->random, 256, 65535));
    item_deterministic(&making->random, &making->out, 1);
    among_others(making);
}

static void text_not_utf8(struct making *making)
{
    static const char *const texts[] = { "\x80",         "\xc3",         "\xc0\xaf",         "\xe2\x82",
                                         "\xed\xa0\x80", "\xf8\x88\x80", "\xf4\x90\x80\x80", "\xfe" };

    emit_tstr(&making->out, texts[making->round % 8]);
    among_others(making);
}

static const struct corpus_case cases[] = {
    { "deterministic", deterministic, ACCEPT, NULL, NULL },
    { "long-number", long_number, ACCEPT, NULL, NULL },
    { "long-string", long_string, ACCEPT, NULL, NULL },
    { "long-container", long_container, ACCEPT, NULL, NULL },
    { "long-tag", long_tag, ACCEPT, NULL, NULL },
    { "long-float", long_float, ACCEPT, NULL, NULL },
    { "chunks", chunks, ACCEPT, NULL, NULL },
    { "indefinite-container", indefinite_container, ACCEPT, NULL, NULL },
    { "key-twice", twice_the_same_key, ACCEPT, NULL, NULL },
    { "keys-unsorted", unsorted_keys, ACCEPT, NULL, NULL },
    { "text-not-utf8", text_not_utf8, ACCEPT, NULL, NULL },
    { "empty", nothing, REFUSE, "truncated", "RFC 8949 appendix C" },
    { "cut", cut, REFUSE, "truncated", "RFC 8949 section 3" },
    { "trailing", trailing, REFUSE, "trailing", "RFC 8949 appendix C" },
    { "reserved-head", reserved_head, REFUSE, "malformed", "RFC 8949 section 3" },
    { "indefinite-number", indefinite_number, REFUSE, "malformed", "RFC 8949 section 3.2" },
    { "simple-below-32", short_simple, REFUSE, "malformed", "RFC 8949 section 3.3" },
    { "chunk-of-another-type", chunk_of_another_type, REFUSE, "malformed", "RFC 8949 section 3.2.3" },
    { "chunk-in-chunks", chunk_in_chunks, REFUSE, "malformed", "RFC 8949 section 3.2.3" },
    { "odd-map", odd_map, REFUSE, "malformed", "RFC 8949 section 3.2.2" },
    { "lone-break", lone_break, REFUSE, "malformed", "RFC 8949 section 3.2.1" },
    { "break-in-definite", break_in_definite, REFUSE, "malformed", "RFC 8949 section 3.2.1" },
    { "huge-string", huge_string, REFUSE, "truncated", "RFC 8949 section 3" },
    { "huge-container", huge_container, REFUSE, "truncated", "RFC 8949 section 3" },
    { "length-one-more", length_one_more, REFUSE, "truncated", "RFC 8949 section 3" },
    { "length-one-less", length_one_less, REFUSE, "trailing", "RFC 8949 appendix C" },
    { "deep", deep, LIMIT, "too-deep", "RFC 8949 section 10" },
};

const struct corpus_kind kind_cbor = { "cbor", "cbor", ROWS(cases) };

static const struct corpus_case deterministic_cases[] = {
    { "deterministic", deterministic, ACCEPT, NULL, NULL },
    { "deterministic-too", deterministic, ACCEPT, NULL, NULL },
    { "long-number", long_number, REFUSE, "not-deterministic", "RFC 8949 section 4.2.1" },
    { "long-string", long_string, REFUSE, "not-deterministic", "RFC 8949 section 4.2.1" },
    { "long-container", long_container, REFUSE, "not-deterministic", "RFC 8949 section 4.2.1" },
    { "long-tag", long_tag, REFUSE, "not-deterministic", "RFC 8949 section 4.2.1" },
    { "long-float", long_float, REFUSE, "not-deterministic", "RFC 8949 section 4.2.1" },
    { "chunks", chunks, REFUSE, "not-deterministic", "RFC 8949 section 4.2.1" },
    { "indefinite-container", indefinite_container, REFUSE, "not-deterministic", "RFC 8949 section 4.2.1" },
    { "key-twice", twice_the_same_key, REFUSE, "not-deterministic", "RFC 8949 section 5.6" },
    { "keys-unsorted", unsorted_keys, REFUSE, "not-deterministic", "RFC 8949 section 4.2.1" },
    { "keys-in-the-old-order", keys_in_the_old_order, REFUSE, "not-deterministic", "RFC 8949 section 4.2.1" },
    { "text-not-utf8", text_not_utf8, REFUSE, "not-utf8", "RFC 8949 section 3.1" },
    { "cut", cut, REFUSE, "truncated", "RFC 8949 section 3" },
    { "trailing", trailing, REFUSE, "trailing", "RFC 8949 appendix C" },
};

const struct corpus_kind kind_cbor_deterministic = { "cbor-deterministic", "cbor", ROWS(deterministic_cases) };
