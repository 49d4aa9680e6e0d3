#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "device_proto/noise_response.h"
#include "tests/unit/device_proto/fixture.h"
#include "tests/unit/device_proto/laws.h"

static const struct noise_weights all_weights[] = {
    { 2, 1 }, { 3, 1 }, { 3, 2 }, { 20, 1 }, { 11, 10 }, { 271828, 100000 }, { NOISE_WEIGHT_MAX, 1 << 20 },
};

#define WEIGHTS (sizeof(all_weights) / sizeof(all_weights[0]))

static uint64_t draws_of(uint64_t few)
{
    return getenv("TINYPART_FULL") != NULL ? 10000000 : few;
}

static void krr_gives_truth_and_lies_by_weight(void **state)
{
    static const uint32_t sizes[] = { 2, 3, 5, 16, 17 };
    struct fixture_random fixture;
    struct proto_random random = fixture_random(&fixture, 31);
    uint64_t draws = draws_of(8000);

    (void)state;
    for (size_t w = 0; w < WEIGHTS; w++)
        for (size_t s = 0; s < 5; s++) {
            uint32_t k = sizes[s], value = (uint32_t)(w + s) % k, answer;
            double expected[17], total = all_weights[w].truth + (k - 1.) * all_weights[w].lie;
            uint64_t observed[17] = { 0 };

            for (uint32_t i = 0; i < k; i++)
                expected[i] = (i == value ? all_weights[w].truth : all_weights[w].lie) / total * (double)draws;
            for (uint64_t i = 0; i < draws; i++) {
                assert_int_equal(noise_krr(&random, all_weights[w], k, value, &answer), 0);
                assert_true(answer < k);
                observed[answer]++;
            }
            assert_true(chi_square(expected, observed, k) < chi_square_critical(k - 1));
        }
}

static void oue_gives_bits_that_know_nothing_of_each_other(void **state)
{
    static const uint32_t sizes[] = { 2, 3, 4, 5, 5 };
    struct fixture_random fixture;
    struct proto_random random = fixture_random(&fixture, 32);
    uint64_t draws = draws_of(8000);

    (void)state;
    for (size_t w = 0; w < WEIGHTS; w++)
        for (size_t s = 0; s < 5; s++) {
            uint32_t k = sizes[s], value = (uint32_t)(w + s) % k;
            double expected[32], q = all_weights[w].lie / ((double)all_weights[w].truth + all_weights[w].lie);
            uint64_t observed[32] = { 0 };
            uint8_t bits;

            for (uint32_t set = 0; set < 1u << k; set++) {
                expected[set] = (double)draws / 2;
                for (uint32_t i = 0; i < k; i++)
                    expected[set] *= i == value ? 1 : (set >> i & 1) != 0 ? q : 1 - q;
            }
            for (uint64_t i = 0; i < draws; i++) {
                assert_int_equal(noise_oue(&random, all_weights[w], k, value, &bits), 0);
                observed[bits]++;
            }
            for (uint32_t set = 0; set < (1u << k) - 1; set++)
                if (expected[set] < 10) {
                    expected[set + 1] += expected[set];
                    observed[set + 1] += observed[set];
                    expected[set] = 0;
                    observed[set] = 0;
                }
            assert_true(expected[(1u << k) - 1] < 10 ||
                        chi_square(expected, observed, 1u << k) < chi_square_critical((1u << k) - 1));
        }
}

static void onebit_is_one_in_proportion_to_the_value(void **state)
{
    static const uint32_t spans[][2] = { { 1, 0 }, { 1, 1 }, { 100, 37 }, { 65536, 65536 }, { 1u << 31, 12345678 } };
    struct fixture_random fixture;
    struct proto_random random = fixture_random(&fixture, 33);
    uint64_t draws = draws_of(8000);

    (void)state;
    for (size_t w = 0; w < WEIGHTS; w++)
        for (size_t s = 0; s < 5; s++) {
            double truth = all_weights[w].truth, lie = all_weights[w].lie;
            double p = (lie + (double)spans[s][1] / (double)spans[s][0] * (truth - lie)) / (truth + lie);
            double expected[2] = { (1 - p) * (double)draws, p * (double)draws };
            uint64_t observed[2] = { 0 };

            for (uint64_t i = 0; i < draws; i++) {
                bool bit;
                assert_int_equal(noise_onebit(&random, all_weights[w], spans[s][0], spans[s][1], &bit), 0);
                observed[bit]++;
            }
            assert_true(chi_square(expected, observed, 2) < chi_square_critical(1));
        }
}

/* Every roll below the sum of the weights, in turn: the counts are the weights themselves. */
static void krr_is_exact_over_all_its_rolls(void **state)
{
    struct noise_weights weights = { 9, 2 };
    unsigned counts[5] = { 0 }, rejected = 0;

    (void)state;
    for (unsigned word = 0; word < 65536; word++) {
        uint8_t raw[2] = { (uint8_t)word, (uint8_t)(word >> 8) };
        struct fixture_script script = { bytes_view(raw, 2) };
        struct proto_random random = fixture_script(&script);
        uint32_t answer;

        if (noise_krr(&random, weights, 5, 3, &answer) != 0)
            rejected++;
        else
            counts[answer]++;
    }
    assert_int_equal(rejected, 65536 % 17);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(counts[i], 65536 / 17 * (i == 3 ? 9 : 2));
}

static double value_of(struct noise_fraction fraction)
{
    return (double)fraction.num / (double)fraction.den;
}

/* The expected count of n reports, h of them of holders, is a whole number where n and h are multiples of the sums of
 * the weights: the estimate of it is exactly h. */
static void estimates_are_unbiased_exactly(void **state)
{
    struct noise_weights weights = { 5, 2 };
    struct noise_fraction estimate;

    (void)state;
    /* T = 5 + 3 x 2 = 11: of 110 reports with 44 holders, 44 x 5/11 + 66 x 2/11 = 32 count. */
    assert_int_equal(noise_krr_estimate(weights, 4, 110, 32, &estimate), 0);
    assert_int_equal(estimate.num, 44 * (int64_t)estimate.den);
    /* T = 7: of 140 reports with 70 holders, 35 + 20 count. */
    assert_int_equal(noise_oue_estimate(weights, 140, 55, &estimate), 0);
    assert_int_equal(estimate.num, 70 * (int64_t)estimate.den);
    /* 70 reports of the value 30 of 100: 70 x (200 + 30 x 3) / 700 = 29 ones, and the sum is 2100. */
    assert_int_equal(noise_onebit_estimate(weights, 100, 70, 29, &estimate), 0);
    assert_int_equal(estimate.num, 2100 * (int64_t)estimate.den);
    assert_int_equal(noise_krr_estimate(weights, 4, 100, 0, &estimate), 0);
    assert_true(estimate.num < 0); /* unbiased means that it may be */
    assert_int_equal(noise_krr_estimate(weights, 4, 10, 11, &estimate), NOISE_BAD_PARAMETER);
    assert_int_equal(noise_onebit_estimate((struct noise_weights){ NOISE_WEIGHT_MAX, 1 }, NOISE_MEAN_SPAN_MAX, 1 << 30,
                                           1 << 30, &estimate),
                     NOISE_OVERFLOW);
}

/* The formulas of the literature, in floating point. */
static void variances_are_the_published_ones_rounded_up(void **state)
{
    (void)state;
    for (size_t w = 0; w < WEIGHTS; w++) {
        double truth = all_weights[w].truth, lie = all_weights[w].lie, e = truth / lie, n = 1000, f = .25;
        double p = e / (e + 4), q = 1 / (e + 4), wanted;
        struct noise_fraction variance;

        wanted = n * (q * (1 - q) + f * (p - q) * (1 - p - q)) / ((p - q) * (p - q));
        assert_int_equal(noise_krr_variance(all_weights[w], 5, 1000, 250, &variance), 0);
        assert_true(value_of(variance) >= wanted * (1 - 1e-12) && value_of(variance) <= wanted * 1.01 + 1000);
        assert_int_equal(noise_oue_variance(all_weights[w], 1000, 0, &variance), 0);
        wanted = 4 * e * n / ((e - 1) * (e - 1));
        assert_true(value_of(variance) >= wanted * (1 - 1e-12) && value_of(variance) <= wanted * 1.01 + 1000);
        assert_int_equal(noise_onebit_variance(all_weights[w], 100, 1000, &variance), 0);
        wanted = n * 10000 / 4 * ((e + 1) / (e - 1)) * ((e + 1) / (e - 1));
        assert_true(value_of(variance) >= wanted * (1 - 1e-12) && value_of(variance) <= wanted * 1.01 + 1e7);
    }
}

static void refuses_weights_and_values_out_of_bounds(void **state)
{
    static const struct noise_weights wrong[] = { { 1, 1 }, { 1, 0 }, { 1, 2 }, { NOISE_WEIGHT_MAX + 1, 1 } };
    struct fixture_random fixture;
    struct proto_random random = fixture_random(&fixture, 1);
    struct noise_weights weights = { 2, 1 };
    uint32_t answer;
    uint8_t bits[NOISE_CATEGORIES_MAX / 8];
    bool bit;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(noise_krr(&random, wrong[i], 2, 0, &answer), NOISE_BAD_PARAMETER);
    assert_int_equal(noise_krr(&random, weights, 1, 0, &answer), NOISE_BAD_PARAMETER);
    assert_int_equal(noise_krr(&random, weights, 4, 4, &answer), NOISE_BAD_PARAMETER);
    assert_int_equal(noise_oue(&random, weights, NOISE_CATEGORIES_MAX + 1, 0, bits), NOISE_BAD_PARAMETER);
    assert_int_equal(noise_oue(&random, weights, NOISE_CATEGORIES_MAX, 65535, bits), 0);
    assert_int_equal(noise_onebit(&random, weights, 10, 11, &bit), NOISE_BAD_PARAMETER);
    assert_int_equal(noise_onebit(&random, weights, 0, 0, &bit), NOISE_BAD_PARAMETER);
    struct fixture_script empty = { bytes_view(NULL, 0) };
    random = fixture_script(&empty);
    assert_int_equal(noise_krr(&random, weights, 2, 0, &answer), -5);
    assert_int_equal(noise_oue(&random, weights, 2, 0, bits), -5);
    assert_int_equal(noise_onebit(&random, weights, 10, 5, &bit), -5);
}

static void the_first_answer_is_kept_and_a_full_table_gives_none(void **state)
{
    struct noise_memo_entry entries[4] = { { 0 } };
    struct noise_memo memo = { entries, 4 };
    int64_t answer;

    (void)state;
    for (int64_t value = -2; value < 2; value++) {
        assert_false(noise_memo_find(&memo, 7, value, &answer));
        assert_int_equal(noise_memo_keep(&memo, 7, value, 100 + value), 0);
    }
    for (int64_t value = -2; value < 2; value++) {
        assert_true(noise_memo_find(&memo, 7, value, &answer));
        assert_int_equal(answer, 100 + value);
    }
    assert_int_equal(noise_memo_keep(&memo, 7, 1, 5), NOISE_BAD_PARAMETER);
    assert_false(noise_memo_find(&memo, 8, 1, &answer));
    assert_int_equal(noise_memo_keep(&memo, 8, 1, 5), NOISE_FULL);
    memo.capacity = 0;
    assert_false(noise_memo_find(&memo, 7, 1, &answer));
    assert_int_equal(noise_memo_keep(&memo, 7, 1, 5), NOISE_FULL);
}

static void values_round_down_to_shifted_steps(void **state)
{
    (void)state;
    assert_int_equal(noise_memo_round(17, 10, 0), 10);
    assert_int_equal(noise_memo_round(-1, 10, 0), -10);
    assert_int_equal(noise_memo_round(17, 10, 4), 16);
    assert_int_equal(noise_memo_round(15, 10, 4), 6);
    assert_int_equal(noise_memo_round(5, 1, 0), 5);
    for (uint32_t step = 1; step < 5; step++) {
        assert_true(noise_memo_round(INT64_MIN, step, 1) <= INT64_MIN + 1);
        assert_true(noise_memo_round(INT64_MAX, step, 3) >= INT64_MAX - 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(krr_gives_truth_and_lies_by_weight),
        cmocka_unit_test(oue_gives_bits_that_know_nothing_of_each_other),
        cmocka_unit_test(onebit_is_one_in_proportion_to_the_value),
        cmocka_unit_test(krr_is_exact_over_all_its_rolls),
        cmocka_unit_test(estimates_are_unbiased_exactly),
        cmocka_unit_test(variances_are_the_published_ones_rounded_up),
        cmocka_unit_test(refuses_weights_and_values_out_of_bounds),
        cmocka_unit_test(the_first_answer_is_kept_and_a_full_table_gives_none),
        cmocka_unit_test(values_round_down_to_shifted_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
