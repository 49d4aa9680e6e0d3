/* kind_policy.c - one signed noise policy (schema/wire.cddl, policy-document), signed by a or b. */
#include <string.h>

#include "tests/corpus/items.h"
#include "tests/corpus/kinds.h"
#include "tests/corpus/sealed.h"

#define EXTERNAL "tinypart noise policy"
#define FIELDS   16u /* of the first form */
#define SECOND   18u /* of the second one, for what the first cannot say */
#define THIRD    19u /* of the third one, for sensors of vectors */

struct policy {
    char sensor[80], unit[40];
    int64_t values[THIRD + 1]; /* by key; sensor (1) and unit (9) apart */
};

enum {
    VERSION = 2,
    PRIVACY_UNIT,
    EPOCH,
    ADJACENCY,
    LOWER,
    UPPER,
    SCALE,
    MECHANISM = 10,
    EPSILON,
    NUMERATOR,
    DENOMINATOR,
    CONTRIBUTIONS,
    INTERVAL,
    OUTPUT_BOUND,
    MEMO_STEP,
    DELTA,
    DIMENSION,
};

static int64_t between(struct making *making, int64_t low, int64_t high)
{
    return low + (int64_t)random_below(&making->random, (uint64_t)(high - low) + 1);
}

/* Discrete Laplace whose scale is exactly what epsilon and the range ask for, or more. */
static struct policy good_policy(struct making *making)
{
    struct policy policy = { "temp.0", "Cel", { 0 } };
    int64_t *v = policy.values;

    v[VERSION] = between(making, 1, 1000);
    v[PRIVACY_UNIT] = between(making, 1, 3);
    v[EPOCH] = between(making, 1, 86400);
    v[ADJACENCY] = 2;
    v[LOWER] = between(making, -4000, 0);
    v[UPPER] = v[LOWER] + between(making, 1, 8000);
    v[SCALE] = 100;
    v[MECHANISM] = 1;
    v[EPSILON] = 1000 * between(making, 1, 2000);
    v[DENOMINATOR] = v[EPSILON] / 1000;
    v[NUMERATOR] = (v[UPPER] - v[LOWER]) * 1000 + between(making, 0, 5);
    v[CONTRIBUTIONS] = between(making, 1, 100);
    v[INTERVAL] = between(making, 1, 3600);
    v[OUTPUT_BOUND] = between(making, 0, 100000);
    return policy;
}

static void put_field(struct emit *out, const struct policy *policy, unsigned key)
{
    emit_head(out, UINT, key);
    if (key == 1)
        emit_tstr(out, policy->sensor);
    else if (key == 9)
        emit_tstr(out, policy->unit);
    else
        emit_int(out, policy->values[key]);
}

static struct emit encoded_as(const struct policy *policy, unsigned fields)
{
    struct emit map = { 0 };

    emit_head(&map, MAP, fields);
    for (unsigned key = 1; key <= fields; key++)
        put_field(&map, policy, key);
    return map;
}

static struct emit encoded(const struct policy *policy)
{
    return encoded_as(policy, FIELDS);
}

static struct seal good_seal(struct making *making)
{
    struct seal seal = seal_random(&making->random);

    seal.external = EXTERNAL;
    return seal;
}

static void sign_map(struct making *making, const struct emit *map)
{
    struct seal seal = good_seal(making);

    seal_write(&making->out, &seal, map, &making->random);
}

static void sign_policy(struct making *making, const struct policy *policy)
{
    struct emit map = encoded(policy);

    sign_map(making, &map);
}

static void sign_with(struct making *making, const struct seal *seal)
{
    struct policy policy = good_policy(making);
    struct emit map = encoded(&policy);

    seal_write(&making->out, seal, &map, &making->random);
}

static void whole(struct making *making)
{
    struct policy policy = good_policy(making);

    sign_policy(making, &policy);
}

static void without_noise(struct making *making)
{
    struct policy policy = good_policy(making);

    policy.values[MECHANISM] = policy.values[EPSILON] = policy.values[NUMERATOR] = policy.values[OUTPUT_BOUND] = 0;
    policy.values[DENOMINATOR] = 1;
    sign_policy(making, &policy);
}

static void unknown_key(struct making *making)
{
    struct seal seal = { KEY_C, ALG_ED25519, COSE_TAG_SIGN1, false, false, NULL, EXTERNAL };

    sign_with(making, &seal);
}

static void broken_signature(struct making *making)
{
    struct seal seal = good_seal(making);

    seal.broken = true;
    sign_with(making, &seal);
}

static void without_external(struct making *making)
{
    struct seal seal = good_seal(making);

    seal.external = NULL;
    sign_with(making, &seal);
}

struct wrong {
    unsigned key;
    int64_t value;
};

static void one_wrong(struct making *making, const struct wrong *wrong)
{
    struct policy policy = good_policy(making);

    policy.values[wrong->key] = wrong->value;
    sign_policy(making, &policy);
}

static void bad_value(struct making *making)
{
    static const struct wrong wrong[] = {
        { VERSION, 0 },       { PRIVACY_UNIT, 0 }, { EPOCH, 0 },   { ADJACENCY, 0 }, { SCALE, 0 },
        { CONTRIBUTIONS, 0 }, { INTERVAL, 0 },     { EPSILON, 0 }, { UPPER, -5000 }, { DENOMINATOR, 0 },
    };

    one_wrong(making, &wrong[making->round % (sizeof wrong / sizeof wrong[0])]);
}

/* Beyond what the grammar lets stand there at all. */
static void value_outside_its_type(struct making *making)
{
    static const struct wrong wrong[] = {
        { VERSION, -1 },        { VERSION, 4294967296 },    { OUTPUT_BOUND, -1 },      { UPPER, 2147483648 },
        { LOWER, -2147483648 }, { EPSILON, 1000000000001 }, { NUMERATOR, 4294967296 }, { EPOCH, INT64_MIN },
        { PRIVACY_UNIT, 4 },    { ADJACENCY, 3 },           { MECHANISM, 6 },
    };

    one_wrong(making, &wrong[making->round % (sizeof wrong / sizeof wrong[0])]);
}

static void bad_sensor(struct making *making)
{
    static const char *const names[] = { "", "Temp", "a b", "a/b", "a\x01" };
    struct policy policy = good_policy(making);

    strcpy(policy.sensor, names[making->round % 5]);
    if (making->round % 2 == 1)
        memset(policy.sensor, 'a', 64);
    sign_policy(making, &policy);
}

static void too_little_noise(struct making *making)
{
    struct policy policy = good_policy(making);

    policy.values[NUMERATOR] = (policy.values[UPPER] - policy.values[LOWER]) * 1000 - between(making, 1, 999);
    sign_policy(making, &policy);
}

/* What only the second form says: constant-time noise, categories as bits, one bit, memoised answers. */
static struct policy good_second(struct making *making)
{
    struct policy policy = good_policy(making);
    int64_t *v = policy.values;

    switch (making->round % 4) {
    case 0:
        v[MECHANISM] = 3;
        v[DELTA] = between(making, 1, 1000);
        return policy;
    case 1:
        v[MEMO_STEP] = between(making, 1, 100);
        return policy;
    case 2:
        v[MECHANISM] = 4;
        v[UPPER] = v[LOWER] + between(making, 1, 47);
        break;
    default:
        v[MECHANISM] = 5;
        break;
    }
    v[OUTPUT_BOUND] = 0;
    v[NUMERATOR] = 2; /* ln 2 = 0.6931... */
    v[DENOMINATOR] = 1;
    v[EPSILON] = between(making, 693148, 1000000);
    return policy;
}

static void sign_second(struct making *making, const struct policy *policy)
{
    struct emit map = encoded_as(policy, SECOND);

    sign_map(making, &map);
}

static void second_form(struct making *making)
{
    struct policy policy = good_second(making);

    sign_second(making, &policy);
}

static void second_form_without_need(struct making *making)
{
    struct policy policy = good_policy(making);

    sign_second(making, &policy);
}

static void second_form_bad_value(struct making *making)
{
    struct policy policy = good_second(making);

    if (making->round % 4 == 0)
        policy.values[DELTA] = 0;
    else if (making->round % 4 == 1)
        policy.values[DELTA] = 1;
    else if (making->round % 4 == 2)
        policy.values[UPPER] = policy.values[LOWER] + between(making, 48, 100);
    else
        policy.values[NUMERATOR] = 1;
    sign_second(making, &policy);
}

/* Vectors of so many coordinates, in a ball about zero, with the mechanism none. */
static struct policy good_third(struct making *making)
{
    struct policy policy = good_policy(making);
    int64_t *v = policy.values;

    v[MECHANISM] = v[EPSILON] = v[NUMERATOR] = v[OUTPUT_BOUND] = 0;
    v[DENOMINATOR] = 1;
    v[UPPER] = between(making, 1, 2147483647);
    v[LOWER] = -v[UPPER];
    v[DIMENSION] = between(making, 1, 4096);
    return policy;
}

static void sign_third(struct making *making, const struct policy *policy)
{
    struct emit map = encoded_as(policy, THIRD);

    sign_map(making, &map);
}

static void third_form(struct making *making)
{
    struct policy policy = good_third(making);

    sign_third(making, &policy);
}

/* No dimension, no ball, or with what numbers alone have. */
static void third_form_bad_value(struct making *making)
{
    struct policy policy = good_third(making);
    int64_t *v = policy.values;

    if (making->round % 4 == 0)
        v[LOWER]++;
    else if (making->round % 4 == 1)
        v[MEMO_STEP] = 1;
    else if (making->round % 4 == 2)
        v[OUTPUT_BOUND] = 1;
    else
        v[MECHANISM] = v[EPSILON] = v[NUMERATOR] = 1;
    sign_third(making, &policy);
}

static void new_mechanism_in_first_form(struct making *making)
{
    struct policy policy = good_policy(making);

    policy.values[MECHANISM] = 3;
    sign_policy(making, &policy);
}

static void key_missing(struct making *making)
{
    struct policy policy = good_policy(making);
    struct emit map = { 0 };
    unsigned missing = (unsigned)(making->round % FIELDS) + 1;

    emit_head(&map, MAP, FIELDS - 1);
    for (unsigned key = 1; key <= FIELDS; key++) {
        if (key != missing)
            put_field(&map, &policy, key);
    }
    sign_map(making, &map);
}

static void key_too_many(struct making *making)
{
    struct policy policy = good_policy(making);
    struct emit map = { 0 };

    emit_head(&map, MAP, FIELDS + 1);
    for (unsigned key = 1; key <= FIELDS; key++)
        put_field(&map, &policy, key);
    emit_head(&map, UINT, random_between(&making->random, 17, 1000));
    emit_head(&map, UINT, 1);
    sign_map(making, &map);
}

static void keys_unsorted(struct making *making)
{
    struct policy policy = good_policy(making);
    struct emit map = { 0 };

    emit_head(&map, MAP, FIELDS);
    for (unsigned key = FIELDS; key >= 1; key--)
        put_field(&map, &policy, key);
    sign_map(making, &map);
}

static void key_twice(struct making *making)
{
    struct policy policy = good_policy(making);
    struct emit map = { 0 };

    emit_head(&map, MAP, FIELDS);
    for (unsigned key = 1; key < FIELDS; key++)
        put_field(&map, &policy, key);
    put_field(&map, &policy, FIELDS - 1);
    sign_map(making, &map);
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
    emit_byte(&making->out, 0);
}

static const struct corpus_case cases[] = {
    { "whole", whole, ACCEPT, NULL, NULL },
    { "without-noise", without_noise, ACCEPT, NULL, NULL },
    { "second-form", second_form, ACCEPT, NULL, NULL },
    { "second-form-without-need", second_form_without_need, REFUSE, "syntax", "wire.cddl noise-policy" },
    { "second-form-bad-value", second_form_bad_value, REFUSE, "value", "wire.cddl noise-policy-second" },
    { "third-form", third_form, ACCEPT, NULL, NULL },
    { "third-form-bad-value", third_form_bad_value, REFUSE, "value", "wire.cddl noise-policy-third" },
    { "new-mechanism-in-first-form", new_mechanism_in_first_form, REFUSE, "value", "wire.cddl noise-policy-first" },
    { "unknown-key", unknown_key, REFUSE, "signature", "wire.cddl policy-document" },
    { "broken-signature", broken_signature, REFUSE, "signature", "wire.cddl policy-document" },
    { "without-external", without_external, REFUSE, "signature", "wire.cddl policy-document" },
    { "bad-value", bad_value, REFUSE, "value", "wire.cddl noise-policy" },
    { "value-outside-its-type", value_outside_its_type, REFUSE, "any", "wire.cddl noise-policy" },
    { "bad-sensor", bad_sensor, REFUSE, "value", "wire.cddl noise-policy" },
    { "too-little-noise", too_little_noise, REFUSE, "too-little-noise", "wire.cddl mechanism" },
    { "key-missing", key_missing, REFUSE, "syntax", "wire.cddl noise-policy" },
    { "key-too-many", key_too_many, REFUSE, "syntax", "wire.cddl noise-policy" },
    { "keys-unsorted", keys_unsorted, REFUSE, "syntax", "RFC 8949 section 4.2.1" },
    { "key-twice", key_twice, REFUSE, "syntax", "RFC 8949 section 5.6" },
    { "cut", cut, REFUSE, "syntax", "RFC 8949 section 3" },
    { "trailing", trailing, REFUSE, "syntax", "RFC 8949 appendix C" },
};

const struct corpus_kind kind_policy = { "policy", "cose", ROWS(cases) };
