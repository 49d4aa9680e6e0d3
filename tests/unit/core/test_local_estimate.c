#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/core/local_estimate.h"
#include "tests/unit/core/sham_random.h"

#define REPORTS 4000u

static struct noise_policy policy_of(enum policy_mechanism mechanism, uint32_t num, uint32_t den)
{
    return (struct noise_policy){
        .sensor = bytes_of_text("s"),
        .version = 1,
        .unit = POLICY_DEVICE_EPOCH,
        .epoch_s = 86400,
        .adjacency = POLICY_REPLACE,
        .lower = -3,
        .upper = 4,
        .scale = 1,
        .mechanism = mechanism,
        .micro_epsilon = 1000000,
        .parameter_num = num,
        .parameter_den = den,
        .contributions = 1,
        .interval_s = 1,
        .output_bound = mechanism == POLICY_DISCRETE_LAPLACE ? 20 * num / den : 0,
    };
}

/* value - error <= truth <= value + error */
static void assert_within(const struct local_estimate *estimate, int64_t truth)
{
    __int128 off = (__int128)estimate->value.num - (__int128)truth * (int64_t)estimate->value.den;

    off = off < 0 ? -off : off;
    assert_true(off * (int64_t)estimate->error.den <= (__int128)estimate->error.num * (int64_t)estimate->value.den);
}

static void small_cases_by_hand(void **state)
{
    struct noise_policy policy = policy_of(POLICY_RANDOMIZED_RESPONSE, 3, 1);
    struct local_estimate estimate;

    (void)state;
    /* 8 categories: T = 10; (40 x 10 - 100) / 2 = 150 of 100 reports: more than there are, and unbiased for that. */
    assert_int_equal(local_frequency(&policy, 100, 1, 40, LOCAL_95, &estimate), 0);
    assert_int_equal(estimate.value.num, 300);
    assert_int_equal(estimate.value.den, 2);
    /* 100 holders: 3 x 7 each, over 4. */
    assert_int_equal(estimate.variance.num, 525 * (int64_t)estimate.variance.den);
    /* sqrt(100 ln(40) / 2) = 13.581 answers x 10 / 2 */
    assert_in_range(estimate.error.num * 1000 / (int64_t)estimate.error.den, 67905, 68100);
    assert_int_equal(local_frequency(&policy, 100, 1, 101, LOCAL_95, &estimate), LOCAL_BAD_INPUT);
    assert_int_equal(local_sum(&policy, 100, 10, LOCAL_95, &estimate), LOCAL_WRONG_MECHANISM);

    policy = policy_of(POLICY_ONE_BIT, 3, 1);
    /* 7 (60 x 4 - 100) / 2 - 3 x 100 */
    assert_int_equal(local_sum(&policy, 100, 60, LOCAL_95, &estimate), 0);
    assert_int_equal(estimate.value.num / (int64_t)estimate.value.den, 190);
    assert_int_equal(local_sum(&policy, 100, -1, LOCAL_95, &estimate), LOCAL_BAD_INPUT);

    policy = policy_of(POLICY_DISCRETE_LAPLACE, 1, 1);
    assert_int_equal(local_sum(&policy, 10, 17, LOCAL_95, &estimate), 0);
    assert_int_equal(estimate.value.num, 17);
    /* 1.84134718841558 each */
    assert_in_range(estimate.variance.num * 1000000 / (int64_t)estimate.variance.den, 18413471, 18413485);
    assert_int_equal(local_sum(&policy, 10, 241, LOCAL_95, &estimate), LOCAL_BAD_INPUT);
    assert_int_equal(local_frequency(&policy, 10, 1, 1, LOCAL_95, &estimate), LOCAL_WRONG_MECHANISM);
}

static void the_interval_of_laplace_sums_is_near_what_a_normal_limit_would_give(void **state)
{
    struct noise_policy policy = policy_of(POLICY_DISCRETE_LAPLACE, 100, 1);
    struct local_estimate estimate;

    (void)state;
    assert_int_equal(local_sum(&policy, 1, 0, LOCAL_95, &estimate), 0);
    assert_in_range(estimate.error.num, 300, 850); /* exactly: ln(20) x 100 */
    assert_int_equal(local_sum(&policy, 10000, 0, LOCAL_95, &estimate), 0);
    /* 1.96 x sqrt(2) x 100 x 100 = 27718 */
    assert_in_range(estimate.error.num, 27718, 43000);
    policy.parameter_num = policy.parameter_den = UINT32_MAX;
    policy.output_bound = POLICY_STEPS_MAX;
    assert_int_equal(local_sum(&policy, NOISE_REPORTS_MAX, 0, LOCAL_95, &estimate), 0);
}

/* What devices say of these readings, by the samplers that they have. */
static void estimates_hold_what_was_noised(void **state)
{
    struct noise_policy krr = policy_of(POLICY_RANDOMIZED_RESPONSE, 5, 2);
    struct noise_policy oue = policy_of(POLICY_UNARY, 5, 2);
    struct noise_policy bit = policy_of(POLICY_ONE_BIT, 5, 2);
    struct noise_policy lap = policy_of(POLICY_DISCRETE_LAPLACE, 35, 4);
    struct noise_weights weights = { 5, 2 };
    struct sham_random source = { 7 };
    struct proto_random random = sham_random_port(&source);
    uint64_t named = 0, set = 0, ones = 0, holders = 0;
    int64_t truth = 0, sum = 0, noise;
    struct local_estimate estimate;

    (void)state;
    for (uint32_t i = 0; i < REPORTS; i++) {
        uint32_t category = i % 5 == 0 ? 2 : i % 8, answer;
        uint8_t bits;
        bool one;
        holders += category == 2;
        truth += (int64_t)category - 3;
        assert_int_equal(noise_krr(&random, weights, 8, category, &answer), 0);
        named += answer == 2;
        assert_int_equal(noise_oue(&random, weights, 8, category, &bits), 0);
        set += bits >> 2 & 1;
        assert_int_equal(noise_onebit(&random, weights, 7, category, &one), 0);
        ones += one;
        assert_int_equal(noise_laplace(&random, 35, 4, &noise), 0);
        sum += (int64_t)category - 3 + noise;
    }
    assert_int_equal(local_frequency(&krr, REPORTS, 1, named, LOCAL_95, &estimate), 0);
    assert_within(&estimate, (int64_t)holders);
    assert_int_equal(local_frequency(&oue, REPORTS, 1, set, LOCAL_95, &estimate), 0);
    assert_within(&estimate, (int64_t)holders);
    assert_int_equal(local_sum(&bit, REPORTS, (int64_t)ones, LOCAL_95, &estimate), 0);
    assert_within(&estimate, truth);
    assert_int_equal(local_sum(&lap, REPORTS, sum, LOCAL_95, &estimate), 0);
    assert_within(&estimate, truth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_cases_by_hand),
        cmocka_unit_test(the_interval_of_laplace_sums_is_near_what_a_normal_limit_would_give),
        cmocka_unit_test(estimates_hold_what_was_noised),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
