/* kind_cose_list.c - COSE_Sign with one or several signatures, of which one has to hold, and COSE_Mac0 with HMAC-256
 * and the shared secret (RFC 9052 sections 4.1 and 6.2); payloads attached, no external data. */
#include <string.h>

#include "tests/corpus/items.h"
#include "tests/corpus/kinds.h"
#include "tests/corpus/sealed.h"

#define TAG_SIGN 98u
#define TAG_MAC0 17u
#define HMAC_256 5

static struct emit random_payload(struct making *making)
{
    struct emit payload = { 0 };

    item_ascii(&making->random, &payload, random_between(&making->random, 1, 80));
    return payload;
}

/* ---- COSE_Sign ---- */

/* One of the signatures: over "Signature", both protected headers, no external data, and the payload. */
static void put_signature(struct making *making, struct emit *out, const struct seal *seal, const struct emit *payload)
{
    struct emit structure = { 0 }, header = { 0 };
    uint8_t signature[RAW_SIGNATURE];

    seal_header(&header, seal->algorithm);
    emit_head(&structure, ARRAY, 5);
    emit_tstr(&structure, "Signature");
    emit_bstr(&structure, "", 0);
    emit_all(&structure, &header);
    emit_bstr(&structure, "", 0);
    emit_wrapped(&structure, payload);
    keys_sign(seal->key, structure.data, structure.size, signature);
    if (seal->broken)
        signature[random_below(&making->random, RAW_SIGNATURE)] ^= 1;
    emit_head(out, ARRAY, 3);
    emit_all(out, &header);
    emit_head(out, MAP, seal->kid != NULL ? 1 : 0);
    if (seal->kid != NULL) {
        emit_int(out, 4);
        emit_bstr(out, seal->kid, strlen(seal->kid));
    }
    emit_bstr(out, signature, RAW_SIGNATURE);
}

static void put_sign(struct making *making, uint64_t tag, const struct seal *seals, size_t count)
{
    struct emit payload = random_payload(making), *out = &making->out;

    if (tag != 0)
        emit_head(out, TAG, tag);
    emit_head(out, ARRAY, 4);
    emit_bstr(out, "", 0);
    emit_head(out, MAP, 0);
    emit_wrapped(out, &payload);
    emit_head(out, ARRAY, count);
    for (size_t i = 0; i < count; i++)
        put_signature(making, out, &seals[i], &payload);
}

static struct seal by(enum corpus_key key)
{
    struct seal seal = { key, keys_is_p256(key) ? ALG_ESP256 : ALG_ED25519, 0, false, false, NULL, NULL };

    return seal;
}

static void one_signer(struct making *making)
{
    struct seal seal = seal_random(&making->random);

    put_sign(making, TAG_SIGN, &seal, 1);
}

static void untagged(struct making *making)
{
    struct seal seal = seal_random(&making->random);

    put_sign(making, 0, &seal, 1);
}

static void two_signers(struct making *making)
{
    struct seal seals[] = { by(KEY_A), by(KEY_B) };

    seals[0].kid = "a";
    put_sign(making, TAG_SIGN, seals, 2);
}

static void a_stranger_first(struct making *making)
{
    struct seal seals[] = { by(KEY_C), by(KEY_B) };

    put_sign(making, TAG_SIGN, seals, 2);
}

static void one_of_two_broken(struct making *making)
{
    struct seal seals[] = { by(KEY_A), by(KEY_B) };

    seals[making->round % 2].broken = true;
    put_sign(making, TAG_SIGN, seals, 2);
}

static void unknown_algorithm_first(struct making *making)
{
    struct seal seals[] = { by(KEY_A), by(KEY_B) };

    seals[0].algorithm = -65000;
    put_sign(making, TAG_SIGN, seals, 2);
}

static void strangers_only(struct making *making)
{
    struct seal seals[] = { by(KEY_C), by(KEY_C) };

    put_sign(making, TAG_SIGN, seals, 1 + making->round % 2);
}

static void all_broken(struct making *making)
{
    struct seal seals[] = { by(KEY_A), by(KEY_B) };

    seals[0].broken = seals[1].broken = true;
    put_sign(making, TAG_SIGN, seals, 2);
}

static void no_signer(struct making *making)
{
    put_sign(making, TAG_SIGN, NULL, 0);
}

static void sign_tagged_otherwise(struct making *making)
{
    static const uint64_t tags[] = { 16, 17, 18, 96, 97, 99 };
    struct seal seal = seal_random(&making->random);

    put_sign(making, tags[making->round % 6], &seal, 1);
}

static void very_many_signers(struct making *making)
{
    struct seal seals[12];
    size_t count = 9 + making->round % 4;

    for (size_t i = 0; i < count; i++)
        seals[i] = by(KEY_A);
    put_sign(making, TAG_SIGN, seals, count);
}

static void cut_again(struct making *making, void (*make)(struct making *))
{
    struct emit all;

    make(making);
    all = making->out;
    making->out.size = 0;
    item_cut(&making->random, &making->out, &all);
}

static void sign_cut(struct making *making)
{
    cut_again(making, two_signers);
}

static void sign_trailing(struct making *making)
{
    one_signer(making);
    emit_byte(&making->out, 0);
}

static const struct corpus_case sign_cases[] = {
    { "one-signer", one_signer, ACCEPT, NULL, NULL },
    { "untagged", untagged, ACCEPT, NULL, NULL },
    { "two-signers", two_signers, ACCEPT, NULL, NULL },
    { "a-stranger-first", a_stranger_first, ACCEPT, NULL, NULL },
    { "one-of-two-broken", one_of_two_broken, ACCEPT, NULL, NULL },
    { "unknown-algorithm-first", unknown_algorithm_first, ACCEPT, NULL, NULL },
    { "strangers-only", strangers_only, REFUSE, "signature", "RFC 9052 section 4.4" },
    { "all-broken", all_broken, REFUSE, "signature", "RFC 9052 section 4.4" },
    { "no-signer", no_signer, REFUSE, "syntax", "RFC 9052 section 4.1" },
    { "another-tag", sign_tagged_otherwise, REFUSE, "syntax", "RFC 9052 section 2" },
    { "cut", sign_cut, REFUSE, "syntax", "RFC 8949 section 3" },
    { "trailing", sign_trailing, REFUSE, "syntax", "RFC 8949 appendix C" },
    { "very-many-signers", very_many_signers, LIMIT, "any", "RFC 9052 section 4.1" },
};

const struct corpus_kind kind_cose_sign = { "cose-sign", "cose", ROWS(sign_cases) };

/* ---- COSE_Mac0 ---- */

/* What a case may change: the algorithm's number, the secret, the tag's size, bits of either. */
struct mac {
    uint64_t tag;
    int64_t algorithm;
    bool another_secret, broken, payload_changed;
    size_t size;
};

static void put_mac(struct making *making, const struct mac *mac)
{
    struct emit structure = { 0 }, header = { 0 }, payload = random_payload(making), *out = &making->out;
    uint8_t secret[KEYS_SECRET_SIZE], tag[64] = { 0 };

    keys_secret(secret);
    secret[0] ^= mac->another_secret ? 1 : 0;
    seal_header(&header, mac->algorithm);
    emit_head(&structure, ARRAY, 4);
    emit_tstr(&structure, "MAC0");
    emit_all(&structure, &header);
    emit_bstr(&structure, "", 0);
    emit_wrapped(&structure, &payload);
    keys_hmac(secret, sizeof secret, structure.data, structure.size, tag);
    if (mac->broken)
        tag[random_below(&making->random, SHA256_SIZE)] ^= 1;
    if (mac->payload_changed)
        payload.data[0] ^= 1;
    if (mac->tag != 0)
        emit_head(out, TAG, mac->tag);
    emit_head(out, ARRAY, 4);
    emit_all(out, &header);
    emit_head(out, MAP, 0);
    emit_wrapped(out, &payload);
    emit_bstr(out, tag, mac->size);
}

static const struct mac good_mac = { TAG_MAC0, HMAC_256, false, false, false, SHA256_SIZE };

static void mac_whole(struct making *making)
{
    put_mac(making, &good_mac);
}

static void mac_untagged(struct making *making)
{
    struct mac mac = good_mac;

    mac.tag = 0;
    put_mac(making, &mac);
}

static void mac_broken(struct making *making)
{
    struct mac mac = good_mac;

    mac.broken = true;
    put_mac(making, &mac);
}

static void mac_payload_changed(struct making *making)
{
    struct mac mac = good_mac;

    mac.payload_changed = true;
    put_mac(making, &mac);
}

static void mac_another_secret(struct making *making)
{
    struct mac mac = good_mac;

    mac.another_secret = true;
    put_mac(making, &mac);
}

/* HMAC 256/64 is another algorithm (4), and not this one's tag cut short. */
static void mac_cut_short(struct making *making)
{
    static const size_t sizes[] = { 0, 8, 16, 31, 33, 64 };
    struct mac mac = good_mac;

    mac.size = sizes[making->round % 6];
    put_mac(making, &mac);
}

static void mac_algorithm(struct making *making)
{
    static const int64_t algorithms[] = { 4, 6, 7, 14, 25, -7, -65000 };
    struct mac mac = good_mac;

    mac.algorithm = algorithms[making->round % 7];
    put_mac(making, &mac);
}

static void mac_tagged_otherwise(struct making *making)
{
    static const uint64_t tags[] = { 16, 18, 96, 97, 98 };
    struct mac mac = good_mac;

    mac.tag = tags[making->round % 5];
    put_mac(making, &mac);
}

static void mac_cut(struct making *making)
{
    cut_again(making, mac_whole);
}

static void mac_trailing(struct making *making)
{
    mac_whole(making);
    emit_byte(&making->out, 0);
}

static const struct corpus_case mac_cases[] = {
    { "whole", mac_whole, ACCEPT, NULL, NULL },
    { "untagged", mac_untagged, ACCEPT, NULL, NULL },
    { "broken-tag", mac_broken, REFUSE, "signature", "RFC 9052 section 6.3" },
    { "payload-changed", mac_payload_changed, REFUSE, "signature", "RFC 9052 section 6.3" },
    { "another-secret", mac_another_secret, REFUSE, "signature", "RFC 9052 section 6.3" },
    { "tag-of-another-size", mac_cut_short, REFUSE, "signature", "RFC 9053 section 3.1" },
    { "another-algorithm", mac_algorithm, REFUSE, "unsupported", "RFC 9053 section 3" },
    { "another-tag", mac_tagged_otherwise, REFUSE, "syntax", "RFC 9052 section 2" },
    { "cut", mac_cut, REFUSE, "syntax", "RFC 8949 section 3" },
    { "trailing", mac_trailing, REFUSE, "syntax", "RFC 8949 appendix C" },
};

const struct corpus_kind kind_cose_mac0 = { "cose-mac0", "cose", ROWS(mac_cases) };
