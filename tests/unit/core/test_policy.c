#include "tests/unit/core/lab.h"

#include <stdio.h>
#include <stdlib.h>

#include "device_proto/noise_response.h"
#include "device_proto/policy_doc.h"

static int set(struct lab *lab, const struct policy_order *order)
{
    struct policy policy;

    memset(&lab->why, 0, sizeof(lab->why));
    return policy_set(lab->core, &lab->world->privacy_officer, order, &policy, &lab->why);
}

static void makes_versions_that_only_rise(void **state)
{
    struct lab *lab = *state;
    const struct policy_order wider = { .sensor = "temperature", .lower = "-40", .upper = "80" };
    struct policy policy;

    assert_int_equal(lab->policy.version, 1);
    assert_int_equal(set(lab, &wider), 0);
    assert_int_equal(policy_get(lab->core, &lab->acme->caller, "temperature", &policy, NULL), 0);
    assert_int_equal(policy.version, 2);
    assert_int_equal(policy.lower, -4000);
    assert_int_equal(policy.upper, 8000);
    assert_int_equal(policy.scale, 100);          /* stays */
    assert_string_equal(policy.unit_text, "Cel"); /* stays */
    assert_string_equal(policy.unit, "device-epoch");
    assert_string_equal(policy.adjacency, "zero-out");
    assert_int_equal(policy_document(lab->core, "temperature", &policy), 0);
    assert_int_equal(policy.version, 2);
    assert_int_equal(policy_document(lab->core, "pressure", &policy), REFUSED_UNKNOWN);
}

static void signs_a_document_that_devices_accept(void **state)
{
    struct lab *lab = *state;
    struct noise_policy document;
    const struct bytes encoded = bytes_view(lab->policy.document, lab->policy.document_size);

    assert_int_equal(policy_doc_verify(encoded, &lab->world->maintainer.key, 1, &lab->world->crypto, &document), 0);
    assert_true(bytes_equal_text(document.sensor, "temperature"));
    assert_true(bytes_equal_text(document.unit_text, "Cel"));
    assert_int_equal(document.lower, -2000);
    assert_int_equal(document.upper, 6050);
    assert_int_equal(document.scale, 100);
    assert_int_equal(document.micro_epsilon, 100000);
    assert_int_equal(document.parameter_num, 60500); /* 6050 / 0.1 */
    assert_int_equal(document.parameter_den, 1);
    assert_int_equal(document.output_bound, 20 * 60500);
    assert_int_equal(document.epoch_s, 86400);
    assert_int_equal(document.interval_s, 60);
}

static struct noise_policy document_of(const struct policy *policy)
{
    struct noise_policy document = { 0 };

    assert_int_equal(policy_doc_parse(bytes_view(policy->document, policy->document_size), &document), 0);
    return document;
}

static void makes_policies_of_every_mechanism_and_says_what_a_reading_costs(void **state)
{
    static const struct {
        struct policy_order order;
        enum policy_mechanism mechanism;
        uint32_t num, den;
        int64_t ueps, nrho;
    } cases[] = {
        { { .sensor = "a", .lower = "0", .upper = "1", .scale = 1, .mechanism = "none" }, POLICY_NONE, 0, 1, 0, 0 },
        { { .sensor = "b", .lower = "-5", .upper = "10", .scale = 1, .epsilon_per_reading = "1" },
          POLICY_DISCRETE_LAPLACE,
          10,
          1,
          1000000,
          368931748 },
        { { .sensor = "c",
            .lower = "-5",
            .upper = "10",
            .scale = 1,
            .epsilon_per_reading = "1",
            .adjacency = "replace" },
          POLICY_DISCRETE_LAPLACE,
          15,
          1,
          1000000,
          368347436 },
        { { .sensor = "d", .lower = "0", .upper = "1", .scale = 1, .mechanism = "krr", .truth = 3, .lie = 1 },
          POLICY_RANDOMIZED_RESPONSE,
          3,
          1,
          1098613,
          549306145 }, /* ln 3 x tanh(ln 3 / 2) = ln 3 / 2 */
        { { .sensor = "e",
            .lower = "-3",
            .upper = "20",
            .scale = 1,
            .mechanism = "oue",
            .truth = 3,
            .lie = 1,
            .memo_step = 1 },
          POLICY_UNARY,
          3,
          1,
          1098613,
          549306145 },
        { { .sensor = "f", .lower = "0", .upper = "10", .mechanism = "onebit", .truth = 3, .lie = 1 },
          POLICY_ONE_BIT,
          3,
          1,
          1098613,
          549306145 },
    };
    struct lab *lab = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct policy policy;
        if (policy_set(lab->core, &lab->world->owner, &cases[i].order, &policy, &lab->why) != 0)
            fail_msg("case %zu: %s", i, lab->why.what);
        struct noise_policy document = document_of(&policy);
        assert_int_equal(document.mechanism, cases[i].mechanism);
        assert_int_equal(document.parameter_num, cases[i].num);
        assert_int_equal(document.parameter_den, cases[i].den);
        assert_int_equal(document.memo_step, cases[i].order.memo_step);
        assert_int_equal(document.micro_epsilon, cases[i].ueps);
        assert_int_equal(policy.reading.ueps, cases[i].ueps);
        assert_in_range(policy.reading.nrho, cases[i].nrho, cases[i].nrho + cases[i].nrho / 500);
        assert_int_equal(policy.reading.delta, 0);
    }
}

/* Rounding moves zero as well as the reading: no two that may be told apart by no more than epsilon get further apart
 * than the noise is made for. */
static void memoised_noise_covers_what_rounding_does_to_zero(void **state)
{
    static const struct {
        const char *lower, *upper;
    } bounds[] = { { "-5", "10" }, { "-10", "5" }, { "-7", "7" }, { "0", "9" }, { "3", "9" }, { "-9", "-3" } };
    struct lab *lab = *state;
    char sensor[NAME_SIZE];
    struct policy policy;

    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
        for (uint32_t step = 1; step <= 20; step += 3) {
            snprintf(sensor, sizeof(sensor), "memo-%zu-%u", i, step);
            const struct policy_order order = { .sensor = sensor,
                                                .lower = bounds[i].lower,
                                                .upper = bounds[i].upper,
                                                .scale = 1,
                                                .epsilon_per_reading = "1",
                                                .memo_step = step };
            assert_int_equal(policy_set(lab->core, &lab->world->owner, &order, &policy, &lab->why), 0);
            int64_t furthest = 0;
            for (uint32_t offset = 0; offset < step; offset++)
                for (int64_t value = policy.lower; value <= policy.upper; value++) {
                    const int64_t zero = noise_clamp(0, policy.lower, policy.upper);
                    const int64_t apart =
                        noise_clamp(noise_memo_round(value, step, offset), policy.lower, policy.upper) -
                        noise_clamp(noise_memo_round(zero, step, offset), policy.lower, policy.upper);
                    furthest = llabs(apart) > furthest ? llabs(apart) : furthest;
                }
            assert_in_range(policy.parameter_num / policy.parameter_den, furthest, 17); /* epsilon 1 */
        }
}

static void the_geometric_costs_a_delta_that_the_filters_must_allow(void **state)
{
    const struct policy_order order = {
        .sensor = "g", .lower = "0", .upper = "10", .scale = 1, .mechanism = "geometric"
    };
    struct lab *lab = *state;
    struct policy policy;

    assert_int_equal(set(lab, &order), REFUSED_CONFLICT);
    assert_non_null(strstr(lab->why.what, "delta"));
    lab->core->settings.filter_cap.delta = 100000;
    assert_int_equal(policy_set(lab->core, &lab->world->owner, &order, &policy, &lab->why), 0);
    assert_in_range(policy.reading.delta, 1, 4000);
    assert_int_equal(document_of(&policy).delta, policy.reading.delta);
    assert_int_equal(document_of(&policy).mechanism, POLICY_GEOMETRIC);
}

static void what_a_policy_promises_must_be_said_expressly(void **state)
{
    struct lab *lab = *state;
    struct policy_order order = { .sensor = "h", .lower = "0", .upper = "10" };

    order.unit = "event";
    assert_int_equal(set(lab, &order), REFUSED_INVALID);
    order.event_level = 1;
    assert_int_equal(set(lab, &order), 0);
    order.unit = NULL;
    assert_int_equal(set(lab, &order), REFUSED_INVALID);
    order.event_level = 0;
    order.unit = "device"; /* without a lifetime cap */
    assert_int_equal(set(lab, &order), REFUSED_CONFLICT);
    lab->core->settings.life_cap = loss_caps_pure(5 * EPSILON);
    assert_int_equal(set(lab, &order), 0);
    order.unit = "family";
    assert_int_equal(set(lab, &order), REFUSED_INVALID);
    order.unit = NULL;
    order.adjacency = "swap";
    assert_int_equal(set(lab, &order), REFUSED_INVALID);
}

static void what_a_mechanism_cannot_do_is_refused_with_what_to_change(void **state)
{
    static const struct policy_order orders[] = {
        { .sensor = "i", .lower = "0", .upper = "1", .mechanism = "gaussian" },
        { .sensor = "i", .lower = "0", .upper = "1", .mechanism = "krr" },
        { .sensor = "i", .lower = "0", .upper = "1", .mechanism = "krr", .truth = 1, .lie = 1 },
        { .sensor = "i", .lower = "0", .upper = "1", .mechanism = "krr", .truth = 1 << 25, .lie = 1 },
        { .sensor = "i",
          .lower = "0",
          .upper = "1",
          .mechanism = "krr",
          .truth = 3,
          .lie = 1,
          .epsilon_per_reading = "1" },
        { .sensor = "i", .lower = "0", .upper = "700", .mechanism = "krr", .truth = 3, .lie = 1 },
        { .sensor = "i", .lower = "0", .upper = "48", .scale = 1, .mechanism = "oue", .truth = 3, .lie = 1 },
        { .sensor = "i", .lower = "-20000000", .upper = "20000000", .mechanism = "onebit", .truth = 3, .lie = 1 },
        { .sensor = "i", .lower = "0", .upper = "1", .mechanism = "none", .epsilon_per_reading = "1" },
        { .sensor = "i", .lower = "0", .upper = "1", .mechanism = "none", .memo_step = 1 },
        { .sensor = "i", .lower = "0", .upper = "1", .truth = 3, .lie = 1 },
    };
    struct lab *lab = *state;

    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
        if (set(lab, &orders[i]) != REFUSED_INVALID)
            fail_msg("case %zu: %s", i, lab->why.what);
}

static void a_reading_that_may_be_replaced_moves_a_sum_by_no_less(void **state)
{
    const struct policy_order order = { .sensor = "j", .lower = "-20", .upper = "60", .adjacency = "replace" };
    struct lab *lab = *state;
    struct policy policy;

    assert_int_equal(policy_sensitivity(&lab->policy), 6050);
    assert_int_equal(policy_set(lab->core, &lab->world->owner, &order, &policy, &lab->why), 0);
    assert_int_equal(policy_sensitivity(&policy), 8000);
    policy.lower = 1000; /* one reading less moves it by upper */
    assert_int_equal(policy_sensitivity(&policy), 6000);
}

static void never_makes_noise_weaker_than_its_epsilon(void **state)
{
    static const struct policy_order orders[] = {
        { .sensor = "a",
          .lower = "0",
          .upper = "999999.937",
          .scale = 1000,
          .epsilon_per_reading = "1.999993",
          .contributions = 1 },
        { .sensor = "b",
          .lower = "-21474.83647",
          .upper = "7",
          .scale = 100000,
          .epsilon_per_reading = "0.777777",
          .contributions = 1 },
        { .sensor = "c", .lower = "0", .upper = "1", .scale = 1, .epsilon_per_reading = "0.000001" },
        { .sensor = "d", .lower = "0", .upper = "1", .scale = 1, .epsilon_per_reading = "19.999999" },
    };
    struct lab *lab = *state;
    struct noise_policy document;
    struct policy policy;

    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        if (set(lab, &orders[i]) != 0)
            fail_msg("%s: %s", orders[i].sensor, lab->why.what);
        assert_int_equal(policy_document(lab->core, orders[i].sensor, &policy), 0);
        /* the check refuses what is undercharged, exactly */
        assert_int_equal(policy_doc_parse(bytes_view(policy.document, policy.document_size), &document), 0);
    }
}

static void refuses_what_makes_no_policy_and_keeps_nothing_of_it(void **state)
{
    static const struct {
        struct policy_order order;
        const char *where;
    } cases[] = {
        { { .sensor = "Temp", .lower = "0", .upper = "1" }, "sensor" },
        { { .sensor = NULL, .lower = "0", .upper = "1" }, "sensor" },
        { { .sensor = "x", .lower = "1", .upper = "1" }, "lower" },
        { { .sensor = "x", .lower = NULL, .upper = "1" }, "lower" },
        { { .sensor = "x", .lower = "0", .upper = "nan" }, "upper" },
        { { .sensor = "x", .lower = "0", .upper = "1e3" }, "upper" },
        { { .sensor = "x", .lower = "0", .upper = "0.001" }, "upper" }, /* finer than its scale */
        { { .sensor = "x", .lower = "0", .upper = "99999999" }, "upper" },
        { { .sensor = "x", .lower = "0", .upper = "1", .scale = 50 }, "scale" },
        { { .sensor = "x", .lower = "0", .upper = "1", .scale = -1 }, "scale" },
        { { .sensor = "x", .lower = "0", .upper = "1", .epsilon_per_reading = "0" }, "epsilon" },
        { { .sensor = "x", .lower = "0", .upper = "1", .epsilon_per_reading = "20.000001" }, "epsilon" },
        { { .sensor = "x", .lower = "0", .upper = "1", .epsilon_per_reading = "0.0000001" }, "epsilon" },
        { { .sensor = "x", .lower = "0", .upper = "1", .contributions = -1 }, "contributions" },
        { { .sensor = "x", .lower = "0", .upper = "1", .interval_ms = 1500 }, "interval" },
        { { .sensor = "x", .lower = "0", .upper = "1", .retention_ms = 1 }, "retention" },
        { { .sensor = "x", .lower = "0", .upper = "20000000", .epsilon_per_reading = "0.000001" }, "epsilon" },
        { { .sensor = "x", .lower = "0", .upper = "1", .unit_text = "0123456789abcdef" }, "unit" },
    };
    struct lab *lab = *state;
    uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];

    lab_fingerprint(lab, before);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (set(lab, &cases[i].order) != REFUSED_INVALID)
            fail_msg("case %zu: %s", i, lab->why.what);
        assert_string_equal(lab->why.where, cases[i].where);
        assert_true(lab->why.what[0] != '\0');
    }
    lab_fingerprint(lab, after);
    assert_memory_equal(before, after, DIGEST_SIZE);
}

static void refuses_sums_that_could_overflow_over_the_largest_cohort(void **state)
{
    struct lab *lab = *state;
    struct policy_order order = {
        .sensor = "x",
        .lower = "0",
        .upper = "2147483647",
        .scale = 1,
        .epsilon_per_reading = "20",
    };

    /* (2^31 raw, 2^31 + 20 * ceil(2^31 / 20) noised) * contributions * 10^6 < 2^62 */
    order.contributions = 716;
    assert_int_equal(set(lab, &order), REFUSED_INVALID);
    assert_string_equal(lab->why.where, "contributions");
    order.contributions = 715;
    if (set(lab, &order) != 0)
        fail_msg("%s", lab->why.what);
    /* narrower now, but readings noised under the version before may still be there */
    order.upper = "100";
    order.contributions = 1074;
    assert_int_equal(set(lab, &order), REFUSED_INVALID);
    order.contributions = 1073;
    if (set(lab, &order) != 0)
        fail_msg("%s", lab->why.what);
}

static void keeps_unit_and_scale_for_a_sensors_life(void **state)
{
    struct lab *lab = *state;
    const struct policy_order other_unit = { .sensor = "temperature", .lower = "0", .upper = "1", .unit_text = "K" };
    const struct policy_order other_scale = { .sensor = "temperature", .lower = "0", .upper = "1", .scale = 10 };

    assert_int_equal(set(lab, &other_unit), REFUSED_CONFLICT);
    assert_int_equal(set(lab, &other_scale), REFUSED_CONFLICT);
}

static void needs_the_maintainers_key(void **state)
{
    struct lab *lab = *state;
    const struct policy_order order = { .sensor = "x", .lower = "0", .upper = "1" };

    lab->core->maintainer = NULL;
    assert_int_equal(set(lab, &order), REFUSED_CONFLICT);
}

static uint64_t none_left(void *context)
{
    (void)context;
    return 0;
}

static void needs_a_signature_that_the_key_can_still_make(void **state)
{
    struct lab *lab = *state;
    const struct policy_order order = { .sensor = "x", .lower = "0", .upper = "1" };
    struct proto_signer spent = lab->world->maintainer;

    spent.left = none_left;
    lab->core->maintainer = &spent;
    assert_int_equal(set(lab, &order), REFUSED_EXHAUSTED);
}

static void is_set_by_owner_and_privacy_officer_alone(void **state)
{
    struct lab *lab = *state;
    const struct policy_order order = { .sensor = "x", .lower = "0", .upper = "1" };
    struct policy policy;

    assert_int_equal(policy_set(lab->core, &lab->acme->caller, &order, &policy, NULL), REFUSED_FORBIDDEN);
    assert_int_equal(policy_set(lab->core, &lab->world->keeper, &order, &policy, NULL), REFUSED_FORBIDDEN);
    assert_int_equal(policy_set(lab->core, &lab->world->auditor, &order, &policy, NULL), REFUSED_FORBIDDEN);
    assert_int_equal(policy_set(lab->core, &lab->world->owner, &order, &policy, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(makes_versions_that_only_rise),
        LAB_TEST(signs_a_document_that_devices_accept),
        LAB_TEST(never_makes_noise_weaker_than_its_epsilon),
        LAB_TEST(makes_policies_of_every_mechanism_and_says_what_a_reading_costs),
        LAB_TEST(memoised_noise_covers_what_rounding_does_to_zero),
        LAB_TEST(the_geometric_costs_a_delta_that_the_filters_must_allow),
        LAB_TEST(what_a_policy_promises_must_be_said_expressly),
        LAB_TEST(what_a_mechanism_cannot_do_is_refused_with_what_to_change),
        LAB_TEST(a_reading_that_may_be_replaced_moves_a_sum_by_no_less),
        LAB_TEST(refuses_what_makes_no_policy_and_keeps_nothing_of_it),
        LAB_TEST(refuses_sums_that_could_overflow_over_the_largest_cohort),
        LAB_TEST(keeps_unit_and_scale_for_a_sensors_life),
        LAB_TEST(needs_the_maintainers_key),
        LAB_TEST(needs_a_signature_that_the_key_can_still_make),
        LAB_TEST(is_set_by_owner_and_privacy_officer_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
