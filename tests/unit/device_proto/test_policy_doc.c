#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "device_proto/cbor.h"
#include "device_proto/cose.h"
#include "device_proto/policy_doc.h"
#include "tests/unit/device_proto/fixture.h"
#include "tests/unit/device_proto/keys.h"

/* Temperatures from -20 to 60 degrees in hundredths; any reading may become any other: 8000 steps. With epsilon 1 for a
 * reading the scale is 8000. */
static struct noise_policy temperature(void)
{
    struct noise_policy policy = {
        .version = 3,
        .unit = POLICY_DEVICE_EPOCH,
        .epoch_s = 86400,
        .adjacency = POLICY_REPLACE,
        .lower = -2000,
        .upper = 6000,
        .scale = 100,
        .mechanism = POLICY_DISCRETE_LAPLACE,
        .micro_epsilon = 1000000,
        .parameter_num = 8000,
        .parameter_den = 1,
        .contributions = 24,
        .interval_s = 3600,
        .output_bound = 100000,
    };

    policy.sensor = bytes_of_text("temperature");
    policy.unit_text = bytes_of_text("Cel");
    return policy;
}

static void expect_same(const struct noise_policy *a, const struct noise_policy *b)
{
    assert_true(bytes_equal(a->sensor, b->sensor) && bytes_equal(a->unit_text, b->unit_text));
    assert_true(a->version == b->version && a->unit == b->unit && a->epoch_s == b->epoch_s);
    assert_true(a->adjacency == b->adjacency && a->lower == b->lower && a->upper == b->upper);
    assert_true(a->scale == b->scale && a->mechanism == b->mechanism && a->micro_epsilon == b->micro_epsilon);
    assert_true(a->parameter_num == b->parameter_num && a->parameter_den == b->parameter_den);
    assert_true(a->contributions == b->contributions && a->interval_s == b->interval_s);
    assert_true(a->output_bound == b->output_bound && a->memo_step == b->memo_step && a->delta == b->delta);
    assert_true(a->dimension == b->dimension);
}

static void says_what_was_signed(void **state)
{
    const struct test_keys *keys = test_keys();
    const struct proto_signer *signers[] = { &keys->ed25519, &keys->p256 };
    struct public_key trusted[] = { keys->other.key, keys->ed25519.key, keys->p256.key };
    struct noise_policy policy = temperature(), read;
    uint8_t out[POLICY_DOC_MAX];
    size_t size;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(policy_doc_write(&policy, bytes_of_text("maintainer"), signers[i], out, sizeof(out), &size),
                         0);
        assert_int_equal(cbor_check(bytes_view(out, size), CBOR_CANONICAL), 0);
        assert_int_equal(policy_doc_verify(bytes_view(out, size), trusted, 3, &keys->crypto, &read), 0);
        expect_same(&policy, &read);
        memset(&read, 0, sizeof(read));
        assert_int_equal(policy_doc_parse(bytes_view(out, size), &read), 0);
        expect_same(&policy, &read);
        assert_int_equal(policy_doc_verify(bytes_view(out, size), trusted, 1, &keys->crypto, &read), POLICY_SIGNATURE);
    }
}

static void refuses_every_changed_byte_and_every_cut(void **state)
{
    const struct test_keys *keys = test_keys();
    struct noise_policy policy = temperature(), read;
    uint8_t out[POLICY_DOC_MAX];
    size_t size;
    int r;

    (void)state;
    assert_int_equal(policy_doc_write(&policy, bytes_view(NULL, 0), &keys->ed25519, out, sizeof(out), &size), 0);
    for (size_t i = 1; i < size; i++) { /* byte 0 is tag 18, which may be absent: 1 bit off it is another tag */
        out[i] ^= 1;
        r = policy_doc_verify(bytes_view(out, size), &keys->ed25519.key, 1, &keys->crypto, &read);
        out[i] ^= 1;
        assert_true(r > 0);
        assert_true(policy_doc_verify(bytes_view(out, i), &keys->ed25519.key, 1, &keys->crypto, &read) > 0);
    }
}

/* A signature over the same bytes for another purpose is none here. */
static void is_signed_as_a_policy(void **state)
{
    const struct test_keys *keys = test_keys();
    struct noise_policy policy = temperature(), read;
    uint8_t out[POLICY_DOC_MAX], scratch[POLICY_DOC_MAX], again[POLICY_DOC_MAX];
    struct cose_sign1 message;
    struct cose_order order = { .tagged = true, .algorithm = COSE_ED25519 };
    size_t size;

    (void)state;
    assert_int_equal(policy_doc_write(&policy, bytes_view(NULL, 0), &keys->ed25519, out, sizeof(out), &size), 0);
    assert_int_equal(cose_sign1_parse(bytes_view(out, size), &message), 0);
    order.payload = message.payload;
    assert_int_equal(cose_sign1_write(&order, &keys->ed25519, scratch, sizeof(scratch), again, sizeof(again), &size),
                     0);
    assert_int_equal(policy_doc_verify(bytes_view(again, size), &keys->ed25519.key, 1, &keys->crypto, &read),
                     POLICY_SIGNATURE);
}

static void refuses_values_beyond_their_bounds(void **state)
{
    struct noise_policy good = temperature(), bad;

    (void)state;
    assert_int_equal(policy_check(&good), 0);
#define BAD(change)                                         \
    do {                                                    \
        bad = good;                                         \
        bad.change;                                         \
        assert_int_equal(policy_check(&bad), POLICY_VALUE); \
    } while (0)
    BAD(sensor.size = 0);
    BAD(sensor = bytes_of_text("Temperature"));
    BAD(version = 0);
    BAD(unit = (enum policy_unit)0);
    BAD(unit = (enum policy_unit)4);
    BAD(epoch_s = 0);
    BAD(adjacency = (enum policy_adjacency)3);
    BAD(lower = 6000);
    BAD(lower = -2147483648);
    BAD(upper = 2147483648);
    BAD(scale = 0);
    BAD(unit_text = bytes_of_text("\xc2\xb0"
                                  "C"));
    BAD(mechanism = (enum policy_mechanism)6);
    BAD(mechanism = POLICY_GEOMETRIC); /* without a delta */
    BAD(delta = 1);
    BAD(memo_step = 2147483648u);
    BAD(mechanism = POLICY_NONE);
    BAD(micro_epsilon = 0);
    BAD(micro_epsilon = 1000000000001);
    BAD(parameter_num = 0);
    BAD(parameter_den = 0);
    BAD(contributions = 0);
    BAD(interval_s = 0);
    BAD(output_bound = -1);
    BAD(output_bound = 2147483648);
#undef BAD
}

static void refuses_noise_that_is_weaker_than_stated(void **state)
{
    struct noise_policy policy = temperature();

    (void)state;
    policy.parameter_num = 7999;
    assert_int_equal(policy_check(&policy), POLICY_UNDERCHARGED);
    policy.micro_epsilon = 1000126; /* 8000 / 7999 = 1.000125016 */
    assert_int_equal(policy_check(&policy), 0);
    policy.micro_epsilon = 1000125;
    assert_int_equal(policy_check(&policy), POLICY_UNDERCHARGED);
    policy = temperature();
    policy.adjacency = POLICY_ZERO_OUT; /* at most 6000 steps from 0 */
    policy.parameter_num = 6000;
    assert_int_equal(policy_check(&policy), 0);
    policy.lower = -6001;
    assert_int_equal(policy_check(&policy), POLICY_UNDERCHARGED);
    /* The largest numbers do not overflow. */
    policy.adjacency = POLICY_REPLACE;
    policy.lower = -(int64_t)INT32_MAX;
    policy.upper = INT32_MAX;
    policy.micro_epsilon = 1000000000000;
    policy.parameter_num = policy.parameter_den = UINT32_MAX;
    assert_int_equal(policy_check(&policy), POLICY_UNDERCHARGED);
    policy.parameter_den = 1000000;
    assert_int_equal(policy_check(&policy), 0);
}

/* The logarithms come from 50-digit arithmetic. */
static void charges_randomized_response_by_its_logarithm(void **state)
{
    static const struct {
        uint32_t num, den;
        uint64_t micro_epsilon; /* the exact logarithm, rounded up */
    } cases[] = {
        { 3u, 1u, 1098613 },
        { 2u, 1u, 693148 },
        { 4294967295u, 1u, 22180710 },
        { 4294967295u, 4294967294u, 1 },
        { 7u, 5u, 336473 },
        { 3000001u, 3000000u, 1 },
        { 10u, 3u, 1203973 },
        { 271828183u, 100000000u, 1000001 },
        { 4000000000u, 3999u, 13815761 },
        { 101u, 100u, 9951 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct noise_policy policy = temperature();

        policy.mechanism = POLICY_RANDOMIZED_RESPONSE;
        policy.lower = 0;
        policy.upper = 1;
        policy.output_bound = 0;
        policy.parameter_num = cases[i].num;
        policy.parameter_den = cases[i].den;
        policy.micro_epsilon = cases[i].micro_epsilon;
        assert_int_equal(policy_check(&policy), 0);
        policy.micro_epsilon--;
        assert_int_equal(policy_check(&policy), policy.micro_epsilon == 0 ? POLICY_VALUE : POLICY_UNDERCHARGED);
        policy.parameter_num = policy.parameter_den;
        assert_int_equal(policy_check(&policy), POLICY_VALUE);
    }
}

static void leaves_nothing_out_and_adds_nothing(void **state)
{
    const struct test_keys *keys = test_keys();
    struct noise_policy policy = temperature(), read;
    uint8_t out[POLICY_DOC_MAX], payload[POLICY_SIZE_MAX], again[POLICY_DOC_MAX], scratch[POLICY_DOC_MAX + 64];
    struct cose_sign1 message;
    struct cose_order order = { .tagged = true, .algorithm = COSE_ED25519 };
    size_t size;

    (void)state;
    order.external_aad = bytes_of_text("tinypart noise policy");
    assert_int_equal(policy_doc_write(&policy, bytes_view(NULL, 0), &keys->ed25519, out, sizeof(out), &size), 0);
    assert_int_equal(cose_sign1_parse(bytes_view(out, size), &message), 0);
    memcpy(payload, message.payload.data, message.payload.size);
    assert_int_equal(payload[0], 0xb0);
    payload[0] = 0xb1; /* one pair more: 17: 0 */
    payload[message.payload.size] = 17;
    payload[message.payload.size + 1] = 0;
    order.payload = bytes_view(payload, message.payload.size + 2);
    assert_int_equal(cose_sign1_write(&order, &keys->ed25519, scratch, sizeof(scratch), again, sizeof(again), &size),
                     0);
    assert_int_equal(policy_doc_verify(bytes_view(again, size), &keys->ed25519.key, 1, &keys->crypto, &read),
                     POLICY_STRUCTURE);
    payload[0] = 0xaf; /* one pair less */
    order.payload = bytes_view(payload, message.payload.size - 6);
    assert_int_equal(cose_sign1_write(&order, &keys->ed25519, scratch, sizeof(scratch), again, sizeof(again), &size),
                     0);
    assert_int_equal(policy_doc_verify(bytes_view(again, size), &keys->ed25519.key, 1, &keys->crypto, &read),
                     POLICY_STRUCTURE);
}

static void keeps_its_bounds(void **state)
{
    static char word[POLICY_SENSOR_MAX + 1];
    const struct test_keys *keys = test_keys();
    struct noise_policy policy = temperature(), read;
    uint8_t out[POLICY_DOC_MAX];
    size_t size;

    (void)state;
    memset(word, 'w', POLICY_SENSOR_MAX);
    policy.sensor = bytes_of_text(word);
    policy.unit_text = bytes_view(word, POLICY_UNIT_MAX);
    policy.version = policy.epoch_s = policy.scale = policy.parameter_num = UINT32_MAX;
    policy.contributions = policy.interval_s = UINT32_MAX;
    policy.parameter_den = 1000000;
    policy.micro_epsilon = 1000000000000;
    policy.lower = -INT32_MAX;
    policy.upper = policy.output_bound = INT32_MAX;
    assert_int_equal(policy_doc_write(&policy, bytes_of_text("0123456789abcdef"), &keys->p256, out, sizeof(out), &size),
                     0);
    assert_int_equal(policy_doc_verify(bytes_view(out, size), &keys->p256.key, 1, &keys->crypto, &read), 0);
    assert_int_equal(
        policy_doc_write(&policy, bytes_of_text("0123456789abcdefg"), &keys->p256, out, sizeof(out), &size),
        POLICY_NO_ROOM);
    assert_int_equal(policy_doc_write(&policy, bytes_view(NULL, 0), &keys->p256, out, 100, &size), POLICY_NO_ROOM);
    policy.version = 0;
    assert_int_equal(policy_doc_write(&policy, bytes_view(NULL, 0), &keys->p256, out, sizeof(out), &size),
                     POLICY_VALUE);
}

/* What the first form cannot say is written in the second one, and only that. */
static void has_a_second_form_for_what_the_first_cannot_say(void **state)
{
    static const struct {
        enum policy_mechanism mechanism;
        int64_t lower, upper;
        uint32_t num, den, memo_step;
        uint64_t delta;
        uint8_t head; /* of the map */
        int r;
    } cases[] = {
        { POLICY_DISCRETE_LAPLACE, -2000, 6000, 8000, 1, 0, 0, 0xb0, 0 },
        { POLICY_DISCRETE_LAPLACE, -2000, 6000, 8000, 1, 10, 0, 0xb2, 0 },
        { POLICY_GEOMETRIC, -2000, 6000, 8000, 1, 0, 40, 0xb2, 0 },
        { POLICY_GEOMETRIC, -2000, 6000, 7999, 1, 0, 40, 0, POLICY_UNDERCHARGED },
        { POLICY_RANDOMIZED_RESPONSE, 0, 1, 2, 1, 0, 0, 0xb0, 0 },
        { POLICY_RANDOMIZED_RESPONSE, 0, 2, 2, 1, 0, 0, 0xb2, 0 },
        { POLICY_RANDOMIZED_RESPONSE, 0, 65535, 2, 1, 0, 0, 0xb2, 0 },
        { POLICY_RANDOMIZED_RESPONSE, 0, 65536, 2, 1, 0, 0, 0, POLICY_VALUE },
        { POLICY_RANDOMIZED_RESPONSE, 0, 2, 3, 1, 0, 0, 0, POLICY_UNDERCHARGED },
        { POLICY_RANDOMIZED_RESPONSE, 0, 2, 1 << 24, (1 << 24) - 1, 0, 0, 0xb2, 0 },
        { POLICY_RANDOMIZED_RESPONSE, 0, 2, (1 << 24) + 1, 1 << 24, 0, 0, 0, POLICY_VALUE },
        { POLICY_UNARY, -3, 44, 2, 1, 1, 0, 0xb2, 0 },
        { POLICY_UNARY, -3, 45, 2, 1, 1, 0, 0, POLICY_VALUE },
        { POLICY_UNARY, -3, 44, 2, 1, 1, 1, 0, POLICY_VALUE },
        { POLICY_ONE_BIT, -2000, 6000, 2, 1, 0, 0, 0xb2, 0 },
        { POLICY_ONE_BIT, -INT32_MAX, INT32_MAX, 2, 1, 0, 0, 0, POLICY_VALUE },
        { POLICY_ONE_BIT, 0, INT32_MAX, 2, 1, 0, 0, 0xb2, 0 },
    };
    const struct test_keys *keys = test_keys();

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct noise_policy policy = temperature(), read;
        uint8_t out[POLICY_DOC_MAX];
        struct cose_sign1 message;
        size_t size;

        policy.mechanism = cases[i].mechanism;
        policy.lower = cases[i].lower;
        policy.upper = cases[i].upper;
        policy.parameter_num = cases[i].num;
        policy.parameter_den = cases[i].den;
        policy.memo_step = cases[i].memo_step;
        policy.delta = cases[i].delta;
        if (policy.mechanism != POLICY_DISCRETE_LAPLACE && policy.mechanism != POLICY_GEOMETRIC)
            policy.output_bound = 0;
        assert_int_equal(policy_doc_write(&policy, bytes_view(NULL, 0), &keys->ed25519, out, sizeof(out), &size),
                         cases[i].r);
        if (cases[i].r != 0)
            continue;
        assert_int_equal(cose_sign1_parse(bytes_view(out, size), &message), 0);
        assert_int_equal(message.payload.data[0], cases[i].head);
        assert_int_equal(policy_doc_verify(bytes_view(out, size), &keys->ed25519.key, 1, &keys->crypto, &read), 0);
        expect_same(&policy, &read);
    }
}

/* Gradients of 256 coordinates within an L2 norm of 1000 steps. */
static struct noise_policy gradient(void)
{
    struct noise_policy policy = temperature();

    policy.lower = -1000, policy.upper = 1000, policy.scale = 1;
    policy.mechanism = POLICY_NONE, policy.micro_epsilon = policy.parameter_num = 0, policy.output_bound = 0;
    policy.dimension = 256;
    return policy;
}

static void a_sensor_of_vectors_has_a_form_of_its_own(void **state)
{
    const struct test_keys *keys = test_keys();
    struct noise_policy policy = gradient(), read;
    uint8_t out[POLICY_DOC_MAX];
    size_t size;

    (void)state;
    assert_int_equal(policy_doc_write(&policy, bytes_of_text(""), &keys->ed25519, out, sizeof(out), &size), 0);
    assert_int_equal(cbor_check(bytes_view(out, size), CBOR_CANONICAL), 0);
    assert_int_equal(policy_doc_verify(bytes_view(out, size), &keys->ed25519.key, 1, &keys->crypto, &read), 0);
    expect_same(&policy, &read);
    const struct noise_policy good = policy;
    policy.dimension = 4097;
    assert_int_equal(policy_check(&policy), POLICY_VALUE);
    policy = good, policy.lower = -999; /* no ball about zero */
    assert_int_equal(policy_check(&policy), POLICY_VALUE);
    policy = good, policy.memo_step = 1;
    assert_int_equal(policy_check(&policy), POLICY_VALUE);
    policy = temperature(), policy.dimension = 1, policy.lower = -6000; /* nothing noises vectors on board */
    assert_int_equal(policy_check(&policy), POLICY_VALUE);
    policy = good, policy.dimension = 0; /* the same of numbers: the first form, as ever */
    assert_int_equal(policy_doc_write(&policy, bytes_of_text(""), &keys->ed25519, out, sizeof(out), &size), 0);
    struct cose_sign1 message;
    assert_int_equal(cose_sign1_parse(bytes_view(out, size), &message), 0);
    assert_int_equal(message.payload.data[0], 0xb0);
}

/* The second form with nothing in it that needs it. */
static void has_one_way_to_say_a_policy(void **state)
{
    const struct test_keys *keys = test_keys();
    struct noise_policy policy = temperature(), read;
    uint8_t out[POLICY_DOC_MAX], payload[POLICY_SIZE_MAX], again[POLICY_DOC_MAX], scratch[POLICY_DOC_MAX + 64];
    struct cose_order order = { .tagged = true, .algorithm = COSE_ED25519 };
    struct cose_sign1 message;
    size_t size;

    (void)state;
    order.external_aad = bytes_of_text("tinypart noise policy");
    policy.memo_step = 1;
    assert_int_equal(policy_doc_write(&policy, bytes_view(NULL, 0), &keys->ed25519, out, sizeof(out), &size), 0);
    assert_int_equal(cose_sign1_parse(bytes_view(out, size), &message), 0);
    memcpy(payload, message.payload.data, message.payload.size);
    assert_int_equal(payload[message.payload.size - 3], 1); /* 17: 1, 18: 0 */
    payload[message.payload.size - 3] = 0;
    order.payload = bytes_view(payload, message.payload.size);
    assert_int_equal(cose_sign1_write(&order, &keys->ed25519, scratch, sizeof(scratch), again, sizeof(again), &size),
                     0);
    assert_int_equal(policy_doc_verify(bytes_view(again, size), &keys->ed25519.key, 1, &keys->crypto, &read),
                     POLICY_STRUCTURE);
}

static void says_what_may_leave(void **state)
{
    struct noise_policy policy = temperature();
    int64_t least, most;
    bool plain;

    (void)state;
    policy_output_range(&policy, &least, &most, &plain);
    assert_true(least == -102000 && most == 106000 && !plain);
    policy.mechanism = POLICY_ONE_BIT;
    policy_output_range(&policy, &least, &most, &plain);
    assert_true(least == 0 && most == 1 && plain);
    policy.mechanism = POLICY_UNARY;
    policy.lower = -3;
    policy.upper = 44;
    policy_output_range(&policy, &least, &most, &plain);
    assert_true(least == 0 && most == (INT64_C(1) << 48) - 1 && plain && policy_categories(&policy) == 48);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sensor_of_vectors_has_a_form_of_its_own),
        cmocka_unit_test(says_what_was_signed),
        cmocka_unit_test(refuses_every_changed_byte_and_every_cut),
        cmocka_unit_test(is_signed_as_a_policy),
        cmocka_unit_test(refuses_values_beyond_their_bounds),
        cmocka_unit_test(refuses_noise_that_is_weaker_than_stated),
        cmocka_unit_test(charges_randomized_response_by_its_logarithm),
        cmocka_unit_test(leaves_nothing_out_and_adds_nothing),
        cmocka_unit_test(keeps_its_bounds),
        cmocka_unit_test(has_a_second_form_for_what_the_first_cannot_say),
        cmocka_unit_test(has_one_way_to_say_a_policy),
        cmocka_unit_test(says_what_may_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
