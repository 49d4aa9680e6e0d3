/* kind_cose.c - one COSE_Sign1 with its payload attached (RFC 9052 section 4.2), for a recipient that knows the keys a
 * and b and has no external data. */
#include "tests/corpus/items.h"
#include "tests/corpus/kinds.h"
#include "tests/corpus/sealed.h"

static struct emit random_payload(struct making *making)
{
    struct emit payload = { 0 };

    item_ascii(&making->random, &payload, random_between(&making->random, 1, 80));
    return payload;
}

static void write_with(struct making *making, const struct seal *seal)
{
    struct emit payload = random_payload(making);

    seal_write(&making->out, seal, &payload, &making->random);
}

static void whole(struct making *making)
{
    struct seal seal = seal_random(&making->random);

    write_with(making, &seal);
}

static void untagged(struct making *making)
{
    struct seal seal = seal_random(&making->random);

    seal.tag = 0;
    write_with(making, &seal);
}

static void with_kid(struct making *making)
{
    struct seal seal = seal_random(&making->random);

    seal.kid = keys_name(seal.key);
    write_with(making, &seal);
}

static void empty_payload(struct making *making)
{
    struct seal seal = seal_random(&making->random);
    struct emit payload = { 0 };

    seal_write(&making->out, &seal, &payload, &making->random);
}

static void another_tag(struct making *making)
{
    static const uint64_t tags[] = { 16, 17, 19, 96, 97, 98, 61, 55799 };
    struct seal seal = seal_random(&making->random);

    seal.tag = tags[making->round % 8];
    write_with(making, &seal);
}

static void unknown_key(struct making *making)
{
    struct seal seal = { KEY_C, ALG_ED25519, COSE_TAG_SIGN1, false, false, NULL, NULL };

    write_with(making, &seal);
}

static void broken_signature(struct making *making)
{
    struct seal seal = seal_random(&making->random);

    seal.broken = true;
    write_with(making, &seal);
}

static void with_external(struct making *making)
{
    struct seal seal = seal_random(&making->random);

    seal.external = "something else";
    write_with(making, &seal);
}

static void cut(struct making *making)
{
    struct emit all;

    whole(making);
    all = making->out;
    making->out.size = 0;
    item_cut(&making->random, &making->out, &all);
}

static void trailing(struct making *making)
{
    whole(making);
    emit_head(&making->out, UINT, random_below(&making->random, 24));
}

static void unknown_algorithm(struct making *making)
{
    static const int64_t algorithms[] = { -35, -36, -37, -257, -65535, 1, 99 };
    struct seal seal = seal_random(&making->random);

    seal.algorithm = algorithms[making->round % 7];
    write_with(making, &seal);
}

/* Ed25519's signature under the name of ECDSA, and the other way round. */
static void algorithm_of_another_key(struct making *making)
{
    struct seal seal = seal_random(&making->random);

    seal.algorithm = keys_is_p256(seal.key) ? ALG_ED25519 : ALG_ESP256;
    write_with(making, &seal);
}

/* ---- messages taken apart ---- */

struct pieces {
    struct emit header, unprotected, payload, signature;
};

/* Header, { }, payload and the signature over these, each encoded. */
static struct pieces take_apart(struct making *making, const struct emit *map)
{
    struct seal seal = seal_random(&making->random);
    struct emit payload = random_payload(making);
    struct pieces pieces = { { 0 }, { 0 }, { 0 }, { 0 } };
    uint8_t signature[RAW_SIGNATURE];

    if (map == NULL)
        seal_header(&pieces.header, seal.algorithm);
    else
        emit_wrapped(&pieces.header, map);
    seal_sign(&seal, &pieces.header, &payload, signature);
    emit_head(&pieces.unprotected, MAP, 0);
    emit_wrapped(&pieces.payload, &payload);
    emit_bstr(&pieces.signature, signature, RAW_SIGNATURE);
    return pieces;
}

static void put_together(struct making *making, const struct pieces *pieces)
{
    emit_head(&making->out, TAG, COSE_TAG_SIGN1);
    emit_head(&making->out, ARRAY, 4);
    emit_all(&making->out, &pieces->header);
    emit_all(&making->out, &pieces->unprotected);
    emit_all(&making->out, &pieces->payload);
    emit_all(&making->out, &pieces->signature);
}

static void another_payload(struct making *making)
{
    struct pieces pieces = take_apart(making, NULL);

    pieces.payload.data[pieces.payload.size - 1] ^= 1;
    put_together(making, &pieces);
}

/* The name of the algorithm changed after signing, to one of the same key. */
static void another_header(struct making *making)
{
    struct pieces pieces = take_apart(making, NULL);
    uint8_t *algorithm = &pieces.header.data[pieces.header.size - 1];

    *algorithm = *algorithm == 0x32 ? 0x27 : *algorithm == 0x27 ? 0x32 : *algorithm ^ 0x0e;
    if (*algorithm == 0x32 || *algorithm == 0x27) { /* -19 takes two bytes, -8 one */
        struct emit other = { 0 };

        seal_header(&other, *algorithm == 0x32 ? ALG_ED25519 : ALG_EDDSA);
        pieces.header = other;
    }
    put_together(making, &pieces);
}

static void critical(struct making *making)
{
    struct emit map = { 0 };
    struct pieces pieces;

    emit_head(&map, MAP, 3);
    emit_int(&map, 1);
    emit_int(&map, ALG_ED25519);
    emit_int(&map, 2);
    emit_head(&map, ARRAY, 1);
    emit_int(&map, 1000);
    emit_int(&map, 1000);
    emit_int(&map, 1);
    pieces = take_apart(making, &map);
    put_together(making, &pieces);
}

static void no_algorithm(struct making *making)
{
    struct emit map = { 0 };
    struct pieces pieces;

    if (making->round % 2 == 0)
        emit_head(&map, MAP, 0);
    pieces = take_apart(making, &map);
    put_together(making, &pieces);
}

static void algorithm_twice(struct making *making)
{
    struct pieces pieces = take_apart(making, NULL);

    pieces.unprotected.size = 0;
    emit_head(&pieces.unprotected, MAP, 1);
    emit_int(&pieces.unprotected, 1);
    emit_int(&pieces.unprotected, ALG_ED25519);
    put_together(making, &pieces);
}

static void signature_of_another_size(struct making *making)
{
    static const size_t sizes[] = { 0, 1, 32, 63, 65, 72, 128 };
    struct pieces pieces = take_apart(making, NULL);
    uint8_t bytes[128] = { 0 };

    for (size_t i = 0; i < RAW_SIGNATURE; i++)
        bytes[i] = pieces.signature.data[2 + i];
    pieces.signature.size = 0;
    emit_bstr(&pieces.signature, bytes, sizes[making->round % 7]);
    put_together(making, &pieces);
}

static void zero_signature(struct making *making)
{
    struct pieces pieces = take_apart(making, NULL);
    uint8_t zeros[RAW_SIGNATURE] = { 0 };

    pieces.signature.size = 0;
    emit_bstr(&pieces.signature, zeros, sizeof zeros);
    put_together(making, &pieces);
}

static void header_not_wrapped(struct making *making)
{
    struct pieces pieces = take_apart(making, NULL);

    pieces.header.size = 0;
    emit_head(&pieces.header, MAP, 1);
    emit_int(&pieces.header, 1);
    emit_int(&pieces.header, ALG_ED25519);
    put_together(making, &pieces);
}

static void payload_of_another_type(struct making *making)
{
    struct pieces pieces = take_apart(making, NULL);

    pieces.payload.size = 0;
    if (making->round % 2 == 0)
        emit_tstr(&pieces.payload, "text");
    else
        emit_head(&pieces.payload, MAP, 0);
    put_together(making, &pieces);
}

static void of_three_or_five(struct making *making)
{
    struct pieces pieces = take_apart(making, NULL);
    bool three = making->round % 2 == 0;

    emit_head(&making->out, TAG, COSE_TAG_SIGN1);
    emit_head(&making->out, ARRAY, three ? 3 : 5);
    emit_all(&making->out, &pieces.header);
    emit_all(&making->out, &pieces.unprotected);
    emit_all(&making->out, &pieces.payload);
    if (!three) {
        emit_all(&making->out, &pieces.signature);
        emit_all(&making->out, &pieces.signature);
    }
}

static const struct corpus_case cases[] = {
    { "whole", whole, ACCEPT, NULL, NULL },
    { "untagged", untagged, ACCEPT, NULL, NULL },
    { "with-kid", with_kid, ACCEPT, NULL, NULL },
    { "empty-payload", empty_payload, ACCEPT, NULL, NULL },
    { "another-tag", another_tag, REFUSE, "syntax", "RFC 9052 section 2" },
    { "unknown-key", unknown_key, REFUSE, "signature", "RFC 9052 section 4.4" },
    { "broken-signature", broken_signature, REFUSE, "signature", "RFC 9052 section 4.4" },
    { "with-external", with_external, REFUSE, "signature", "RFC 9052 section 4.3" },
    { "cut", cut, REFUSE, "syntax", "RFC 8949 section 3" },
    { "trailing", trailing, REFUSE, "syntax", "RFC 8949 appendix C" },
    { "unknown-algorithm", unknown_algorithm, REFUSE, "unsupported", "RFC 9053 section 2" },
    { "algorithm-of-another-key", algorithm_of_another_key, REFUSE, "signature", "RFC 9053 section 2" },
    { "another-payload", another_payload, REFUSE, "signature", "RFC 9052 section 4.4" },
    { "another-header", another_header, REFUSE, "signature", "RFC 9052 section 4.4" },
    { "critical", critical, REFUSE, "unsupported", "RFC 9052 section 3.1" },
    { "no-algorithm", no_algorithm, REFUSE, "unsupported", "RFC 9052 section 3.1" },
    { "algorithm-twice", algorithm_twice, REFUSE, "syntax", "RFC 9052 section 3" },
    { "signature-of-another-size", signature_of_another_size, REFUSE, "signature", "RFC 9053 section 2" },
    { "zero-signature", zero_signature, REFUSE, "signature", "RFC 9052 section 4.4" },
    { "header-not-wrapped", header_not_wrapped, REFUSE, "syntax", "RFC 9052 section 3" },
    { "payload-of-another-type", payload_of_another_type, REFUSE, "syntax", "RFC 9052 section 4.2" },
    { "of-three-or-five", of_three_or_five, REFUSE, "syntax", "RFC 9052 section 4.2" },
};

const struct corpus_kind kind_cose_sign1 = { "cose-sign1", "cose", ROWS(cases) };
