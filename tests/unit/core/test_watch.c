#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/core/watch.h"
#include "device_proto/noise_response.h"
#include "tests/unit/core/sham_random.h"

#define NEVER 0u

static struct noise_policy policy_of(enum policy_mechanism mechanism, int64_t lower, int64_t upper, uint32_t num,
                                     uint32_t den)
{
    return (struct noise_policy){
        .sensor = bytes_of_text("s"),
        .version = 1,
        .lower = lower,
        .upper = upper,
        .scale = 1,
        .mechanism = mechanism,
        .parameter_num = num,
        .parameter_den = den,
        .output_bound = mechanism == POLICY_DISCRETE_LAPLACE ? 20 * (int64_t)(num / den + 1) : 0,
    };
}

/* One report of this reading with the noise of made. */
static int64_t report_of(const struct proto_random *random, const struct noise_policy *made, int64_t value)
{
    struct noise_weights weights = { made->parameter_num, made->parameter_den };
    uint32_t category = (uint32_t)(value - made->lower), answer;
    uint8_t bits[8] = { 0 };
    int64_t noise;
    bool one;

    if (made->mechanism == POLICY_DISCRETE_LAPLACE) {
        assert_int_equal(noise_laplace(random, made->parameter_num, made->parameter_den, &noise), 0);
        return noise_clamp(value + noise, made->lower - made->output_bound, made->upper + made->output_bound);
    }
    if (made->mechanism == POLICY_ONE_BIT) {
        assert_int_equal(noise_onebit(random, weights, (uint32_t)(made->upper - made->lower), category, &one), 0);
        return one;
    }
    if (made->mechanism == POLICY_RANDOMIZED_RESPONSE) {
        assert_int_equal(noise_krr(random, weights, policy_categories(made), category, &answer), 0);
        return made->lower + answer;
    }
    assert_int_equal(noise_oue(random, weights, policy_categories(made), category, bits), 0);
    noise = 0;
    for (unsigned i = 0; i < 6; i++)
        noise |= (int64_t)((uint64_t)bits[i] << 8 * i);
    return noise;
}

/* After how many reports of a reading that stays (the hardest case) what verdict comes; NEVER: none in most reports. */
static unsigned reports_until(const struct noise_policy *said, const struct noise_policy *made, int64_t value,
                              unsigned most, enum watch_verdict *out)
{
    struct sham_random source = { 11 };
    struct proto_random random = sham_random_port(&source);
    struct watch watch = { 0 };

    watch_begin(&watch, 1, 7);
    for (unsigned i = 1; i <= most; i++) {
        *out = watch_look(&watch, said, report_of(&random, made, value));
        if (*out != WATCH_FINE)
            return i;
    }
    return NEVER;
}

static const struct {
    enum policy_mechanism mechanism;
    int64_t lower, upper;
    uint32_t num, den;
} honest[] = {
    { POLICY_DISCRETE_LAPLACE, -2000, 6050, 60500, 1 },
    { POLICY_DISCRETE_LAPLACE, 0, 10, 7, 2 },
    { POLICY_DISCRETE_LAPLACE, 0, 1, 1, 1 },
    { POLICY_DISCRETE_LAPLACE, 0, 1, 1, 3 },
    { POLICY_RANDOMIZED_RESPONSE, 0, 1, 3, 1 },
    { POLICY_RANDOMIZED_RESPONSE, -3, 9, 5, 2 },
    { POLICY_RANDOMIZED_RESPONSE, 0, 65535, 1 << 24, (1 << 24) - 1 },
    { POLICY_UNARY, 0, 1, 3, 1 },
    { POLICY_UNARY, 0, 47, 3, 1 },
    { POLICY_UNARY, 0, 7, 100, 1 },
    { POLICY_ONE_BIT, 0, 1000, 3, 1 },
    { POLICY_ONE_BIT, -500, 500, 8, 7 },
};

/* Readings that stay at either end are what comes nearest to an alarm. */
static void honest_devices_are_not_suspected(void **state)
{
    enum watch_verdict verdict;

    (void)state;
    for (size_t i = 0; i < sizeof(honest) / sizeof(honest[0]); i++) {
        struct noise_policy policy =
            policy_of(honest[i].mechanism, honest[i].lower, honest[i].upper, honest[i].num, honest[i].den);
        assert_int_equal(reports_until(&policy, &policy, policy.upper, 6000, &verdict), NEVER);
        assert_int_equal(reports_until(&policy, &policy, policy.lower, 6000, &verdict), NEVER);
    }
}

static void too_little_noise_is_found(void **state)
{
    static const struct {
        size_t honest;
        uint32_t num, den; /* what it noises by */
        unsigned most;     /* reports until it is found */
    } cases[] = {
        { 0, 1, 1000, 120 },
        /* none at all */ { 0, 7500, 1, 160 }, /* an eighth */
        { 0, 30250, 1, 1600 } /* half */,
        { 1, 1, 100, 120 },
        { 4, 1 << 24, 1, 400 },
        { 5, 1 << 24, 1, 120 },
        { 8, 1 << 24, 1, 120 },
        { 10, 1 << 24, 1, 400 },
        { 11, 1 << 24, 1, 400 },
    };
    enum watch_verdict verdict;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t k = cases[i].honest;
        struct noise_policy said =
            policy_of(honest[k].mechanism, honest[k].lower, honest[k].upper, honest[k].num, honest[k].den);
        struct noise_policy made = said;
        made.parameter_num = cases[i].num;
        made.parameter_den = cases[i].den;
        assert_in_range(reports_until(&said, &made, said.upper, cases[i].most, &verdict), 1, cases[i].most);
        assert_true(verdict == WATCH_TOO_LITTLE || (verdict == WATCH_BELOW && said.mechanism == POLICY_UNARY));
    }
}

static void reports_that_drift_out_of_the_bounds_are_found(void **state)
{
    struct noise_policy said = policy_of(POLICY_DISCRETE_LAPLACE, 0, 100, 100, 1), made = said;
    enum watch_verdict verdict;

    (void)state;
    made.lower = -1000;
    made.upper = 1000;
    assert_in_range(reports_until(&said, &made, 300, 400, &verdict), 1, 400);
    assert_int_equal(verdict, WATCH_ABOVE);
    assert_in_range(reports_until(&said, &made, -200, 400, &verdict), 1, 400);
    assert_int_equal(verdict, WATCH_BELOW);
    /* All bits at once: the attack that moves a histogram most. */
    said = policy_of(POLICY_UNARY, 0, 15, 3, 1);
    made = said;
    made.mechanism = POLICY_ONE_BIT;
    struct watch watch = { 0 };
    unsigned i = 0;
    watch_begin(&watch, 1, 7);
    do
        verdict = watch_look(&watch, &said, 0xffff - (i & 7));
    while (verdict == WATCH_FINE && ++i < 200);
    assert_int_equal(verdict, WATCH_ABOVE);
}

/* The bounds against exact probabilities in floating point: never below, and near. */
static void bounds_are_never_below_the_probability(void **state)
{
    static const struct {
        enum policy_mechanism mechanism;
        int64_t upper;
        uint32_t num, den;
        double exact; /* of the first test's event */
        int64_t near;
    } cases[] = {
        { POLICY_DISCRETE_LAPLACE, 1, 1, 2, 0.855744, 0 }, /* P(D = 0) = T (1 + T^2) / 2, T = tanh(1) = 0.761594 at t =
                                                              1/2 */
        { POLICY_DISCRETE_LAPLACE, 1, 1, 1, 0.280403, 0 }, /* tanh(1/2) = 0.4621172 */
        { POLICY_RANDOMIZED_RESPONSE, 1, 3, 1, 0.625, 0 }, /* (9 + 1) / 16 */
        { POLICY_RANDOMIZED_RESPONSE, 2, 3, 1, 0.44, 0 },  /* (9 + 2) / 25 */
        { POLICY_ONE_BIT, 1000, 3, 1, 0.625, 0 },          { POLICY_UNARY, 2, 3, 1, 0.1953125, 0 }, /* 1/2 x 0.625^2 */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct noise_policy policy = policy_of(cases[i].mechanism, 0, cases[i].upper, cases[i].num, cases[i].den);
        struct watch_bounds bounds;
        watch_bounds(&policy, &bounds);
        double bound = (double)bounds.probability[0] / 4294967296.0;
        double exact = i == 0 ? 0.761594156 * (1 + 0.761594156 * 0.761594156) / 2 : cases[i].exact;
        if (bound < exact - 1e-6 || bound > exact * 1.01)
            fail_msg("case %zu: %f, exactly %f", i, bound, exact);
        assert_int_equal(bounds.near, cases[i].near);
    }
}

static void memoised_answers_are_not_judged(void **state)
{
    struct noise_policy policy = policy_of(POLICY_DISCRETE_LAPLACE, 0, 100, 100, 1);
    struct watch watch = { 0 };

    (void)state;
    policy.memo_step = 1;
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(watch_look(&watch, &policy, 40), WATCH_FINE);
}

static void state_is_kept_whole_and_begins_anew_with_a_policy(void **state)
{
    struct noise_policy policy = policy_of(POLICY_DISCRETE_LAPLACE, 0, 100, 100, 1);
    struct watch watch = { 0 }, again;
    uint8_t kept[WATCH_SIZE];

    (void)state;
    watch_begin(&watch, 3, -2);
    watch.given = 5;
    for (int i = 0; i < 7; i++)
        assert_int_equal(watch_look(&watch, &policy, -INT64_C(10) * i), WATCH_FINE);
    watch_encode(&watch, kept);
    memset(&again, 0, sizeof(again));
    watch_decode(kept, &again);
    assert_true(again.has_previous && again.previous == -60 && again.epoch == -2 && again.given == 5);
    assert_memory_equal(again.bets, watch.bets, sizeof(watch.bets));
    assert_true(again.bets[0][0].stake > 0 && again.bets[1][0].stake < 0);
    watch_begin(&again, 3, -1);
    assert_true(again.given == 0 && again.has_previous);
    watch_begin(&again, 4, -1);
    assert_true(!again.has_previous && again.bets[0][0].stake == 0 && again.bets[2][2].trials == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest_devices_are_not_suspected),
        cmocka_unit_test(too_little_noise_is_found),
        cmocka_unit_test(reports_that_drift_out_of_the_bounds_are_found),
        cmocka_unit_test(bounds_are_never_below_the_probability),
        cmocka_unit_test(memoised_answers_are_not_judged),
        cmocka_unit_test(state_is_kept_whole_and_begins_anew_with_a_policy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
