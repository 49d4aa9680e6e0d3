#include "tests/corpus/items.h"

void item_ascii(struct random *random, struct emit *out, size_t size)
{
    while (size-- > 0) {
        unsigned c = (unsigned)random_between(random, ' ', '~');

        emit_byte(out, c == '"' || c == '\\' ? '.' : c);
    }
}

void item_word(struct random *random, struct emit *out, size_t low, size_t high)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";

    for (size_t left = random_between(random, low, high); left > 0; left--)
        emit_byte(out, (unsigned char)letters[random_below(random, 36)]);
}

void item_cut(struct random *random, struct emit *out, const struct emit *from)
{
    emit_bytes(out, from->data, random_between(random, 1, from->size - 1));
}

/* Of a width that is drawn first, so that all widths are frequent. */
static uint64_t random_argument(struct random *random)
{
    static const unsigned bits[] = { 4, 5, 8, 16, 32, 64 };
    uint64_t word = random_word(random);

    return word >> (64 - bits[random_below(random, 6)]);
}

static void text_item(struct random *random, struct emit *out)
{
    static const char *const beyond_ascii[] = { "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8c\xa1", "\xed\x9f\xbf" };
    struct emit text = { 0 };

    item_ascii(random, &text, random_below(random, 30));
    if (random_below(random, 3) == 0)
        emit_text(&text, beyond_ascii[random_below(random, 4)]);
    emit_head(out, TSTR, text.size);
    emit_all(out, &text);
}

/* Floats that cannot be said shorter: halves as they come, singles and doubles with their lowest bit set. */
static void float_item(struct random *random, struct emit *out)
{
    uint64_t word = random_word(random);

    switch (random_below(random, 4)) {
    case 0:
        emit_byte(out, 0xf9);
        emit_big_endian(out, (word & 0x8000) | (random_between(random, 0, 30) << 10) | (word & 0x3ff), 2);
        return;
    case 1:
        emit_byte(out, 0xfa);
        emit_big_endian(out, (word & 0x80000000u) | random_between(random, 1, 254) << 23 | (word & 0x7fffff) | 1, 4);
        return;
    case 2:
        emit_byte(out, 0xfb);
        emit_big_endian(
            out, (word & 0x8000000000000000u) | random_between(random, 1, 2046) << 52 | (word & 0xfffffffffffffu) | 1,
            8);
        return;
    default: {
        static const unsigned special[] = { 0x7c00, 0xfc00, 0x7e00, 0x8000, 0x0001 };

        emit_byte(out, 0xf9);
        emit_big_endian(out, special[random_below(random, 5)], 2);
    }
    }
}

static void scalar_item(struct random *random, struct emit *out)
{
    uint8_t bytes[40];
    size_t size;

    switch (random_below(random, 6)) {
    case 0:
        emit_head(out, UINT, random_argument(random));
        return;
    case 1:
        emit_head(out, NINT, random_argument(random));
        return;
    case 2:
        size = random_below(random, sizeof bytes);
        random_fill(random, bytes, size);
        emit_bstr(out, bytes, size);
        return;
    case 3:
        text_item(random, out);
        return;
    case 4:
        float_item(random, out);
        return;
    default:
        if (random_below(random, 3) == 0)
            emit_head_in(out, SIMPLE, random_between(random, 32, 255), 1);
        else
            emit_head(out, SIMPLE,
                      random_below(random, 2) == 0 ? random_below(random, 20) : random_between(random, 20, 23));
    }
}

/* Ascending numbers first, then texts that grow by one byte each: in bytewise order. */
static void map_item(struct random *random, struct emit *out, unsigned depth)
{
    uint64_t numbers = random_below(random, 4), texts = random_below(random, 3), key = 0;

    emit_head(out, MAP, numbers + texts);
    for (uint64_t i = 0; i < numbers; i++) {
        key += random_between(random, 1, 300);
        emit_head(out, UINT, key);
        item_deterministic(random, out, depth - 1);
    }
    for (uint64_t i = 1; i <= texts; i++) {
        emit_head(out, TSTR, i);
        item_ascii(random, out, i);
        item_deterministic(random, out, depth - 1);
    }
}

void item_deterministic(struct random *random, struct emit *out, unsigned depth)
{
    uint64_t items;

    switch (depth == 0 ? 9 : random_below(random, 6)) {
    case 0:
        items = random_below(random, 5);
        emit_head(out, ARRAY, items);
        for (uint64_t i = 0; i < items; i++)
            item_deterministic(random, out, depth - 1);
        return;
    case 1:
        map_item(random, out, depth);
        return;
    case 2:
        emit_head(out, TAG, random_argument(random));
        item_deterministic(random, out, depth - 1);
        return;
    default:
        scalar_item(random, out);
    }
}
