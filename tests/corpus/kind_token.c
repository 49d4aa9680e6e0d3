/* kind_token.c - CBOR Web Tokens (RFC 8392) in COSE_Sign1 by a or b, for the audience "sensor-1" at the time of
 * recipient.json; and grants of a device (schema/wire.cddl, grant-document), by a or b. */
#include <string.h>

#include "tests/corpus/items.h"
#include "tests/corpus/kinds.h"
#include "tests/corpus/token.h"
#include "tests/corpus/sealed.h"

#define TAG_CWT 61u

/* ---- tokens ---- */

enum { AUDIENCE = 3, EXPIRES, NOT_BEFORE, ISSUED };

static void put_claim(struct emit *out, int64_t key, uint64_t value)
{
    emit_int(out, key);
    emit_head(out, UINT, value);
}

struct claims {
    const char *audience;
    uint64_t expires, not_before;
    bool unknown;
};

static struct claims good_claims(struct making *making)
{
    struct claims claims = { TOKEN_AUDIENCE_NAME, 0, 0, false };

    claims.expires = RECIPIENT_NOW + random_between(&making->random, 1, 100000);
    claims.not_before = RECIPIENT_NOW - random_below(&making->random, 100000);
    return claims;
}

static struct emit encoded_claims(const struct claims *claims)
{
    struct emit map = { 0 };

    emit_head(&map, MAP, claims->unknown ? 6 : 5);
    emit_int(&map, 1);
    emit_tstr(&map, "issuer");
    emit_int(&map, AUDIENCE);
    emit_tstr(&map, claims->audience);
    put_claim(&map, EXPIRES, claims->expires);
    put_claim(&map, NOT_BEFORE, claims->not_before);
    if (claims->unknown)
        put_claim(&map, 300, 5);
    emit_int(&map, -65536);
    emit_bstr(&map, "\x01\xff", 2);
    return map;
}

static void put_token(struct making *making, const struct seal *seal, uint64_t outer, const struct emit *map)
{
    if (outer != 0)
        emit_head(&making->out, TAG, outer);
    seal_write(&making->out, seal, map, &making->random);
}

static void token_of(struct making *making, const struct claims *claims)
{
    struct seal seal = seal_random(&making->random);
    struct emit map = encoded_claims(claims);

    put_token(making, &seal, TAG_CWT, &map);
}

static void token_whole(struct making *making)
{
    struct claims claims = good_claims(making);

    token_of(making, &claims);
}

static void token_unknown_claim(struct making *making)
{
    struct claims claims = good_claims(making);

    claims.unknown = true;
    token_of(making, &claims);
}

static void token_expired(struct making *making)
{
    struct claims claims = good_claims(making);

    claims.expires = RECIPIENT_NOW - (making->round % 2 == 0 ? 0 : random_below(&making->random, 100000));
    claims.not_before = 1;
    token_of(making, &claims);
}

static void token_early(struct making *making)
{
    struct claims claims = good_claims(making);

    claims.not_before = RECIPIENT_NOW + random_between(&making->random, 1, 100000);
    claims.expires = claims.not_before + 1;
    token_of(making, &claims);
}

static void token_for_another(struct making *making)
{
    static const char *const names[] = { "sensor-2", "", "Sensor-1", "sensor-1 " };
    struct claims claims = good_claims(making);

    claims.audience = names[making->round % 4];
    token_of(making, &claims);
}

static void token_broken(struct making *making)
{
    struct claims claims = good_claims(making);
    struct seal seal = seal_random(&making->random);
    struct emit map = encoded_claims(&claims);

    seal.broken = true;
    put_token(making, &seal, TAG_CWT, &map);
}

static void token_unknown_key(struct making *making)
{
    struct seal seal = { KEY_C, ALG_ED25519, COSE_TAG_SIGN1, false, false, NULL, NULL };
    struct claims claims = good_claims(making);
    struct emit map = encoded_claims(&claims);

    put_token(making, &seal, TAG_CWT, &map);
}

static void claim_twice(struct making *making)
{
    struct seal seal = seal_random(&making->random);
    struct emit map = { 0 };

    emit_head(&map, MAP, 2);
    put_claim(&map, EXPIRES, RECIPIENT_NOW + 1);
    put_claim(&map, EXPIRES, RECIPIENT_NOW + 2);
    put_token(making, &seal, TAG_CWT, &map);
}

static void claim_of_another_type(struct making *making)
{
    static const int64_t texts[] = { EXPIRES, NOT_BEFORE, ISSUED };
    struct seal seal = seal_random(&making->random);
    struct emit map = { 0 };

    emit_head(&map, MAP, 1);
    if (making->round % 4 == 3) {
        put_claim(&map, AUDIENCE, 7);
    } else {
        emit_int(&map, texts[making->round % 4]);
        emit_tstr(&map, "tomorrow");
    }
    put_token(making, &seal, TAG_CWT, &map);
}

static void token_tagged_otherwise(struct making *making)
{
    static const uint64_t tags[] = { 18, 60, 62, 107, 55799 };
    struct claims claims = good_claims(making);
    struct seal seal = seal_random(&making->random);
    struct emit map = encoded_claims(&claims);

    put_token(making, &seal, tags[making->round % 5], &map);
}

static void cut_again(struct making *making, void (*make)(struct making *))
{
    struct emit all;

    make(making);
    all = making->out;
    making->out.size = 0;
    item_cut(&making->random, &making->out, &all);
}

static void token_cut(struct making *making)
{
    cut_again(making, token_whole);
}

static void token_trailing(struct making *making)
{
    token_whole(making);
    emit_byte(&making->out, 0);
}

static const struct corpus_case token_cases[] = {
    { "whole", token_whole, ACCEPT, NULL, NULL },
    { "unknown-claim", token_unknown_claim, ACCEPT, NULL, NULL },
    { "expired", token_expired, REFUSE, "time", "RFC 8392 section 3.1.4" },
    { "early", token_early, REFUSE, "time", "RFC 8392 section 3.1.5" },
    { "for-another", token_for_another, REFUSE, "condition", "RFC 8392 section 3.1.3" },
    { "broken-signature", token_broken, REFUSE, "signature", "RFC 8392 section 7.2" },
    { "unknown-key", token_unknown_key, REFUSE, "signature", "RFC 8392 section 7.2" },
    { "claim-twice", claim_twice, REFUSE, "syntax", "RFC 8949 section 5.6" },
    { "claim-of-another-type", claim_of_another_type, REFUSE, "syntax", "RFC 8392 section 3.1" },
    { "another-tag", token_tagged_otherwise, REFUSE, "syntax", "RFC 8392 section 6" },
    { "cut", token_cut, REFUSE, "syntax", "RFC 8949 section 3" },
    { "trailing", token_trailing, REFUSE, "syntax", "RFC 8949 appendix C" },
};

const struct corpus_kind kind_token = { "token", "cose", ROWS(token_cases) };

/* ---- grants ---- */

struct grant {
    uint64_t id, issued, until, slots;
    const char *tenant, *device;
    const char *sensors[3];
    uint32_t helpers[3];
    unsigned keys; /* of the map: 8 */
};

static struct grant good_grant(struct making *making)
{
    struct grant grant = { .tenant = "acme", .device = "sensor-1", .keys = 8 };

    grant.id = random_between(&making->random, 1, 100000);
    grant.issued = RECIPIENT_NOW - random_below(&making->random, 1000);
    grant.until = random_below(&making->random, 2) == 0 ? 0 : grant.issued + 100000;
    grant.slots = random_below(&making->random, 256);
    grant.sensors[0] = "hum.0";
    grant.sensors[1] = "temp.0";
    grant.helpers[0] = 0x30;
    grant.helpers[1] = 0x32;
    grant.helpers[2] = 0x60;
    return grant;
}

static struct emit encoded_grant(const struct grant *grant)
{
    struct emit map = { 0 };

    emit_head(&map, MAP, grant->keys);
    put_claim(&map, 1, grant->id);
    emit_int(&map, 2);
    emit_tstr(&map, grant->tenant);
    emit_int(&map, 3);
    emit_tstr(&map, grant->device);
    put_claim(&map, 4, grant->issued);
    put_claim(&map, 5, grant->until);
    put_claim(&map, 6, grant->slots);
    emit_int(&map, 7);
    emit_head(&map, ARRAY, 2);
    emit_tstr(&map, grant->sensors[0]);
    emit_tstr(&map, grant->sensors[1]);
    if (grant->keys < 8)
        return map;
    emit_int(&map, 8);
    emit_head(&map, ARRAY, 3);
    for (unsigned i = 0; i < 3; i++)
        emit_head(&map, UINT, grant->helpers[i]);
    if (grant->keys > 8)
        put_claim(&map, 9, 1);
    return map;
}

static struct seal grant_seal(struct making *making)
{
    struct seal seal = seal_random(&making->random);

    seal.external = GRANT_EXTERNAL;
    return seal;
}

static void grant_of(struct making *making, const struct grant *grant)
{
    struct seal seal = grant_seal(making);
    struct emit map = encoded_grant(grant);

    seal_write(&making->out, &seal, &map, &making->random);
}

static void grant_sealed(struct making *making, const struct seal *seal)
{
    struct grant grant = good_grant(making);
    struct emit map = encoded_grant(&grant);

    seal_write(&making->out, seal, &map, &making->random);
}

static void grant_whole(struct making *making)
{
    struct grant grant = good_grant(making);

    grant_of(making, &grant);
}

static void grant_broken(struct making *making)
{
    struct seal seal = grant_seal(making);

    seal.broken = true;
    grant_sealed(making, &seal);
}

static void grant_unknown_key(struct making *making)
{
    struct seal seal = { KEY_C, ALG_ED25519, COSE_TAG_SIGN1, false, false, NULL, GRANT_EXTERNAL };

    grant_sealed(making, &seal);
}

static void grant_without_external(struct making *making)
{
    struct seal seal = seal_random(&making->random);

    seal.external = making->round % 2 == 0 ? NULL : "tinypart noise policy";
    grant_sealed(making, &seal);
}

static void grant_bad_value(struct making *making)
{
    struct grant grant = good_grant(making);

    switch (making->round % 6) {
    case 0:
        grant.id = 0;
        break;
    case 1:
        grant.until = grant.issued - 1;
        break;
    case 2:
        grant.slots = 256;
        break;
    case 3:
        grant.tenant = "a b";
        break;
    case 4:
        grant.helpers[1] = grant.helpers[0];
        break;
    default:
        grant.helpers[0] = 0x61;
    }
    grant_of(making, &grant);
}

static void grant_key_missing(struct making *making)
{
    struct grant grant = good_grant(making);

    grant.keys = making->round % 2 == 0 ? 7 : 9;
    grant_of(making, &grant);
}

static void grant_cut(struct making *making)
{
    cut_again(making, grant_whole);
}

static const struct corpus_case grant_cases[] = {
    { "whole", grant_whole, ACCEPT, NULL, NULL },
    { "broken-signature", grant_broken, REFUSE, "signature", "wire.cddl grant-document" },
    { "unknown-key", grant_unknown_key, REFUSE, "signature", "wire.cddl grant-document" },
    { "without-external", grant_without_external, REFUSE, "signature", "wire.cddl grant-document" },
    { "bad-value", grant_bad_value, REFUSE, "any", "wire.cddl device-grant" },
    { "a-key-less-or-more", grant_key_missing, REFUSE, "syntax", "wire.cddl device-grant" },
    { "cut", grant_cut, REFUSE, "syntax", "RFC 8949 section 3" },
};

const struct corpus_kind kind_grant = { "grant", "cose", ROWS(grant_cases) };
