/* kind_hss.c - COSE_Sign1 by an HSS-LMS key (RFC 8554, RFC 8778), the key h of recipient.json. */
#include <string.h>

#include "tests/corpus/hash_tree.h"
#include "tests/corpus/items.h"
#include "tests/corpus/kinds.h"
#include "tests/corpus/sealed.h"

#define ALG_HSS_LMS (-46)

/* Where the parts of a signature begin. */
enum { LEVELS = 0, LEAF = 4, OTS_TYPE = 8, RANDOMIZER = 12, CHAINS = 44, TYPE = 44 + 67 * 32, PATH = TYPE + 4 };

struct parts {
    struct emit header, payload;
    uint8_t signature[TREE_SIGNATURE_SIZE];
};

static struct parts good_parts(struct making *making)
{
    struct parts parts = { { 0 }, { 0 }, { 0 } };
    struct emit structure = { 0 };

    item_ascii(&making->random, &parts.payload, random_between(&making->random, 1, 80));
    seal_header(&parts.header, ALG_HSS_LMS);
    emit_head(&structure, ARRAY, 4);
    emit_tstr(&structure, "Signature1");
    emit_all(&structure, &parts.header);
    emit_bstr(&structure, "", 0);
    emit_wrapped(&structure, &parts.payload);
    tree_sign((unsigned)random_below(&making->random, TREE_LEAVES), structure.data, structure.size, parts.signature);
    return parts;
}

static void put_together(struct making *making, const struct parts *parts, size_t size)
{
    static uint8_t longer[TREE_SIGNATURE_SIZE + 64];

    memcpy(longer, parts->signature, TREE_SIGNATURE_SIZE);
    emit_head(&making->out, TAG, COSE_TAG_SIGN1);
    emit_head(&making->out, ARRAY, 4);
    emit_all(&making->out, &parts->header);
    emit_head(&making->out, MAP, 0);
    emit_wrapped(&making->out, &parts->payload);
    emit_bstr(&making->out, longer, size);
}

static void whole(struct making *making)
{
    struct parts parts = good_parts(making);

    put_together(making, &parts, TREE_SIGNATURE_SIZE);
}

static void flip(struct making *making, size_t low, size_t high)
{
    struct parts parts = good_parts(making);
    size_t at = random_between(&making->random, low, high);

    parts.signature[at] ^= (uint8_t)(1u << random_below(&making->random, 8));
    put_together(making, &parts, TREE_SIGNATURE_SIZE);
}

static void payload_changed(struct making *making)
{
    struct parts parts = good_parts(making);

    parts.payload.data[0] ^= 1;
    put_together(making, &parts, TREE_SIGNATURE_SIZE);
}

static void randomizer_changed(struct making *making)
{
    flip(making, RANDOMIZER, CHAINS - 1);
}

static void chain_changed(struct making *making)
{
    flip(making, CHAINS, TYPE - 1);
}

static void path_changed(struct making *making)
{
    flip(making, PATH, TREE_SIGNATURE_SIZE - 1);
}

static void type_changed(struct making *making)
{
    switch (making->round % 3) {
    case 0:
        flip(making, LEVELS, LEVELS + 3);
        return;
    case 1:
        flip(making, OTS_TYPE, OTS_TYPE + 3);
        return;
    default:
        flip(making, TYPE, TYPE + 3);
    }
}

static void another_leaf(struct making *making)
{
    struct parts parts = good_parts(making);

    parts.signature[LEAF + 3] = (uint8_t)((parts.signature[LEAF + 3] + random_between(&making->random, 1, 31)) % 32);
    put_together(making, &parts, TREE_SIGNATURE_SIZE);
}

static void leaf_outside(struct making *making)
{
    static const uint8_t high[] = { 0, 0, 0x80, 0xff };
    struct parts parts = good_parts(making);

    parts.signature[LEAF] = high[making->round % 4];
    parts.signature[LEAF + 3] |= 0x20;
    put_together(making, &parts, TREE_SIGNATURE_SIZE);
}

static void of_another_size(struct making *making)
{
    static const size_t sizes[] = {
        0, 4, 64, TREE_SIGNATURE_SIZE - 32, TREE_SIGNATURE_SIZE - 1, TREE_SIGNATURE_SIZE + 1
    };
    struct parts parts = good_parts(making);

    put_together(making, &parts, sizes[making->round % 6]);
}

#define RFC "RFC 8554 section "

static const struct corpus_case cases[] = {
    { "whole", whole, ACCEPT, NULL, NULL },
    { "payload-changed", payload_changed, REFUSE, "signature", RFC "6.3" },
    { "randomizer-changed", randomizer_changed, REFUSE, "signature", RFC "4.6" },
    { "chain-changed", chain_changed, REFUSE, "signature", RFC "4.6" },
    { "path-changed", path_changed, REFUSE, "signature", RFC "5.4.2" },
    { "type-changed", type_changed, REFUSE, "signature", RFC "5.4.2" },
    { "another-leaf", another_leaf, REFUSE, "signature", RFC "5.4.2" },
    { "leaf-outside", leaf_outside, REFUSE, "signature", RFC "5.4.2" },
    { "of-another-size", of_another_size, REFUSE, "signature", RFC "6.3" },
};

const struct corpus_kind kind_hss = { "cose-hss", "cose", ROWS(cases) };
