/* kind_coap.c - one CoAP message in one datagram (RFC 7252 section 3): its format, not what its options mean. */
#include "tests/corpus/items.h"
#include "tests/corpus/kinds.h"

struct header {
    unsigned version, type, token_length, code;
};

static struct header random_header(struct making *making)
{
    static const unsigned codes[] = { 1, 2, 3, 4, 5, 65, 68, 69, 95, 128, 132, 160, 163 };
    struct random *random = &making->random;
    struct header header = { .version = 1 };

    header.type = (unsigned)random_below(random, 4);
    header.token_length = (unsigned)random_below(random, 9);
    header.code = codes[random_below(random, sizeof codes / sizeof codes[0])];
    return header;
}

/* Four bytes and the token, of that length or shorter. */
static void put_header(struct making *making, const struct header *header, unsigned token_bytes)
{
    uint8_t token[15];

    random_fill(&making->random, token, sizeof token);
    emit_byte(&making->out, header->version << 6 | header->type << 4 | header->token_length);
    emit_byte(&making->out, header->code);
    emit_big_endian(&making->out, random_word(&making->random) & 0xffff, 2);
    emit_bytes(&making->out, token, token_bytes);
}

static void good_header(struct making *making)
{
    struct header header = random_header(making);

    put_header(making, &header, header.token_length);
}

/* The four bits of a delta or length, and the bytes that extend them. */
static unsigned nibble(unsigned value)
{
    return value < 13 ? value : value < 269 ? 13 : 14;
}

static void put_extended(struct emit *out, unsigned value)
{
    if (nibble(value) == 13)
        emit_byte(out, value - 13);
    else if (nibble(value) == 14)
        emit_big_endian(out, value - 269, 2);
}

static void put_option_head(struct emit *out, unsigned delta, unsigned length)
{
    emit_byte(out, nibble(delta) << 4 | nibble(length));
    put_extended(out, delta);
    put_extended(out, length);
}

static void put_option(struct making *making, unsigned delta, unsigned length)
{
    put_option_head(&making->out, delta, length);
    item_ascii(&making->random, &making->out, length);
}

static void put_options(struct making *making)
{
    for (uint64_t left = random_below(&making->random, 6); left > 0; left--) {
        static const unsigned deltas[] = { 0, 1, 4, 8, 11, 12, 13, 14, 268, 269, 270, 1000 };
        static const unsigned lengths[] = { 0, 1, 4, 8, 12, 13, 20, 255, 268, 269, 300 };

        unsigned delta = deltas[random_below(&making->random, 12)];

        put_option(making, delta, lengths[random_below(&making->random, 11)]);
    }
}

static void put_payload(struct making *making)
{
    emit_byte(&making->out, 0xff);
    item_ascii(&making->random, &making->out, random_between(&making->random, 1, 60));
}

/* ---- accepted ---- */

static void whole(struct making *making)
{
    good_header(making);
    put_options(making);
    if (random_below(&making->random, 2) == 0)
        put_payload(making);
}

static void empty_message(struct making *making)
{
    struct header header = { 1, (unsigned)random_below(&making->random, 4), 0, 0 };

    put_header(making, &header, 0);
}

/* A request as a device sends it: path, query, format, blocks. */
static void request(struct making *making)
{
    struct random *random = &making->random;
    struct header header = { 1, 0, 4, (unsigned)random_between(random, 1, 7) };
    uint64_t block;

    header.type = (unsigned)random_below(random, 2);
    put_header(making, &header, 4);
    put_option(making, 11, (unsigned)random_between(random, 1, 20));
    put_option(making, 0, (unsigned)random_between(random, 1, 20));
    put_option_head(&making->out, 1, 1);
    emit_byte(&making->out, (unsigned)random_between(random, 40, 112));
    put_option(making, 3, (unsigned)random_between(random, 3, 30));
    put_option_head(&making->out, 12, 2);
    block = random_below(random, 4096) << 4 | 8;
    emit_big_endian(&making->out, block | random_below(random, 7), 2);
    put_payload(making);
}

static void highest_option(struct making *making)
{
    good_header(making);
    put_option(making, 65535, (unsigned)random_below(&making->random, 9));
}

static void payload_of_markers(struct making *making)
{
    good_header(making);
    emit_byte(&making->out, 0xff);
    for (uint64_t left = random_between(&making->random, 1, 9); left > 0; left--)
        emit_byte(&making->out, 0xff);
}

/* ---- refused ---- */

static void cut_header(struct making *making)
{
    struct emit whole_message;

    good_header(making);
    whole_message = making->out;
    making->out.size = 0;
    emit_bytes(&making->out, whole_message.data, making->round % 4);
}

static void another_version(struct making *making)
{
    static const unsigned versions[] = { 0, 2, 3 };
    struct header header = random_header(making);

    header.version = versions[making->round % 3];
    put_header(making, &header, header.token_length);
    put_options(making);
}

static void token_of_9_to_15(struct making *making)
{
    struct header header = random_header(making);

    header.token_length = 9 + (unsigned)(making->round % 7);
    put_header(making, &header, header.token_length);
}

static void token_cut(struct making *making)
{
    struct header header = random_header(making);

    header.token_length = (unsigned)random_between(&making->random, 1, 8);
    put_header(making, &header, (unsigned)random_below(&making->random, header.token_length));
}

static void reserved_class(struct making *making)
{
    static const unsigned classes[] = { 1, 6, 7 };
    struct header header = random_header(making);

    header.code = classes[making->round % 3] << 5 | (unsigned)random_below(&making->random, 32);
    put_header(making, &header, header.token_length);
    put_options(making);
}

static void empty_with_token(struct making *making)
{
    struct header header = { 1, 0, (unsigned)random_between(&making->random, 1, 8), 0 };

    header.type = (unsigned)random_below(&making->random, 4);
    put_header(making, &header, header.token_length);
}

static void empty_with_more(struct making *making)
{
    empty_message(making);
    if (random_below(&making->random, 2) == 0)
        put_payload(making);
    else
        put_option(making, (unsigned)random_below(&making->random, 300), 3);
}

static void delta_of_15(struct making *making)
{
    good_header(making);
    put_options(making);
    emit_byte(&making->out, 0xf0 | (unsigned)random_below(&making->random, 15));
    item_ascii(&making->random, &making->out, 20);
}

static void length_of_15(struct making *making)
{
    good_header(making);
    put_options(making);
    emit_byte(&making->out, (unsigned)random_below(&making->random, 15) << 4 | 15);
    item_ascii(&making->random, &making->out, 20);
}

/* An option whose head promises more than there is. */
static void option_cut(struct making *making)
{
    static const unsigned lengths[] = { 1, 12, 13, 200, 269, 1000, 65535 };
    unsigned length = lengths[making->round % 7];

    good_header(making);
    put_options(making);
    put_option_head(&making->out, (unsigned)random_below(&making->random, 400), length);
    item_ascii(&making->random, &making->out, random_below(&making->random, length < 200 ? length : 200));
}

static void extension_cut(struct making *making)
{
    static const unsigned heads[] = { 0xd0, 0xe0, 0x0d, 0x0e, 0xdd, 0xee, 0xde };
    unsigned head = heads[making->round % 7];

    good_header(making);
    put_options(making);
    emit_byte(&making->out, head);
    if ((head & 0x0f) == 14 || head >> 4 == 14)
        emit_byte(&making->out, (unsigned)random_below(&making->random, 200));
}

static void option_beyond_65535(struct making *making)
{
    good_header(making);
    put_option(making, (unsigned)random_between(&making->random, 65000, 65535), 0);
    put_option(making, (unsigned)random_between(&making->random, 600, 65535), 1);
}

static void marker_without_payload(struct making *making)
{
    good_header(making);
    put_options(making);
    emit_byte(&making->out, 0xff);
}

static void very_many_options(struct making *making)
{
    good_header(making);
    for (uint64_t left = random_between(&making->random, 65, 400); left > 0; left--)
        put_option(making, (unsigned)random_below(&making->random, 2), 1);
}

static const struct corpus_case cases[] = {
    { "whole", whole, ACCEPT, NULL, NULL },
    { "request", request, ACCEPT, NULL, NULL },
    { "empty-message", empty_message, ACCEPT, NULL, NULL },
    { "highest-option", highest_option, ACCEPT, NULL, NULL },
    { "payload-of-markers", payload_of_markers, ACCEPT, NULL, NULL },
    { "cut-header", cut_header, REFUSE, "truncated", "RFC 7252 section 3" },
    { "another-version", another_version, REFUSE, "version", "RFC 7252 section 3" },
    { "token-of-9-to-15", token_of_9_to_15, REFUSE, "length", "RFC 7252 section 3" },
    { "token-cut", token_cut, REFUSE, "truncated", "RFC 7252 section 3" },
    { "reserved-class", reserved_class, REFUSE, "reserved", "RFC 7252 section 4.2" },
    { "empty-with-token", empty_with_token, REFUSE, "not-empty", "RFC 7252 section 4.1" },
    { "empty-with-more", empty_with_more, REFUSE, "not-empty", "RFC 7252 section 4.1" },
    { "delta-of-15", delta_of_15, REFUSE, "reserved", "RFC 7252 section 3.1" },
    { "length-of-15", length_of_15, REFUSE, "reserved", "RFC 7252 section 3.1" },
    { "option-cut", option_cut, REFUSE, "truncated", "RFC 7252 section 3.1" },
    { "extension-cut", extension_cut, REFUSE, "truncated", "RFC 7252 section 3.1" },
    { "option-beyond-65535", option_beyond_65535, REFUSE, "range", "RFC 7252 section 5.4" },
    { "marker-without-payload", marker_without_payload, REFUSE, "no-payload", "RFC 7252 section 3" },
    { "very-many-options", very_many_options, LIMIT, "too-many", "RFC 7252 section 3.1" },
};

const struct corpus_kind kind_coap = { "coap", "coap", ROWS(cases) };
