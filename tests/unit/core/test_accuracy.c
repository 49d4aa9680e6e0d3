#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "daemon/core/accuracy.h"
#include "device_proto/noise.h"

#define ANY (1ull << 40)

static void a_scale_is_sensitivity_over_epsilon_in_lowest_terms(void **state)
{
    struct noise_scale scale;

    (void)state;
    assert_int_equal(noise_scale_of(1, 1000000, ANY, &scale), 0);
    assert_int_equal(scale.num, 1);
    assert_int_equal(scale.den, 1);
    assert_int_equal(noise_scale_of(12100, 250000, ANY, &scale), 0);
    assert_int_equal(scale.num, 48400);
    assert_int_equal(scale.den, 1);
    assert_int_equal(noise_scale_of(3, 7, ANY, &scale), 0);
    assert_int_equal(scale.num, 3000000);
    assert_int_equal(scale.den, 7);
}

static void a_scale_that_must_be_cut_is_never_smaller_than_what_was_paid_for(void **state)
{
    static const struct {
        int64_t sensitivity, ueps;
        uint64_t most;
    } cases[] = { { 999999937, 1999993, UINT32_MAX },
                  { 2147483647, 19999999, UINT32_MAX },
                  { 123456789, 999983, 1000000000 },
                  { (1LL << 50) + 1, 7777777, ANY } };
    struct noise_scale scale;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned __int128 wanted = (unsigned __int128)cases[i].sensitivity * 1000000;
        int r = noise_scale_of(cases[i].sensitivity, cases[i].ueps, cases[i].most, &scale);
        if (r == -ERANGE) {
            assert_true(wanted / (uint64_t)cases[i].ueps >= cases[i].most);
            continue;
        }
        assert_int_equal(r, 0);
        assert_true(scale.num <= cases[i].most);
        /* num / den >= sensitivity * 10^6 / ueps, and less than 1 % above it */
        assert_true((unsigned __int128)scale.num * (uint64_t)cases[i].ueps >= wanted * scale.den);
        assert_true((unsigned __int128)scale.num * (uint64_t)cases[i].ueps * 100 <= wanted * scale.den * 101);
    }
    assert_int_equal(noise_scale_of(1LL << 50, 1, ANY, &scale), -ERANGE);
    assert_int_equal(noise_scale_of(INT64_MAX, 1, UINT64_MAX, &scale), -ERANGE);
    assert_int_equal(noise_scale_of(0, 1, ANY, &scale), -ERANGE);
    assert_int_equal(noise_scale_of(1, 0, ANY, &scale), -ERANGE);
}

static void a_variance_costs_what_was_paid_or_less(void **state)
{
    static const struct {
        int64_t sensitivity, nrho;
    } cases[] = { { 1, 500000000 }, { 2, 1 }, { 12100, 123457 }, { 999983, 999999937 }, { 7, 10000000000 } };
    struct noise_scale variance;

    (void)state;
    assert_int_equal(noise_variance_of(2, 500000000, &variance), 0); /* 4 / (2 * 0.5) */
    assert_int_equal(variance.num, 4);
    assert_int_equal(variance.den, 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const unsigned __int128 exact = (unsigned __int128)cases[i].sensitivity * (uint64_t)cases[i].sensitivity;
        assert_int_equal(noise_variance_of(cases[i].sensitivity, cases[i].nrho, &variance), 0);
        assert_int_equal(noise_gauss_check(variance.num, variance.den), 0);
        /* num / den >= D^2 10^9 / (2 nrho), and less than 1 % above it */
        const unsigned __int128 left = (unsigned __int128)variance.num * 2 * (uint64_t)cases[i].nrho;
        assert_true(left >= exact * 1000000000 * variance.den);
        assert_true(left * 100 <= exact * 1000000000 * variance.den * 101);
    }
    assert_int_equal(noise_variance_of(INT64_C(1) << 39, 1, &variance), -ERANGE);
    assert_int_equal(noise_variance_of(INT64_C(1) << 40, 1000000000, &variance), -ERANGE);
    assert_int_equal(noise_variance_of(0, 1, &variance), -ERANGE);
    assert_int_equal(noise_variance_of(1, 0, &variance), -ERANGE);
}

static void ratios_round_half_to_even_and_intervals_outwards(void **state)
{
    static const struct {
        int64_t value, factor, divisor, even, down, up;
    } cases[] = {
        { 5, 1, 2, 2, 2, 3 },          { 7, 1, 2, 4, 3, 4 },      { -5, 1, 2, -2, -3, -2 },
        { -7, 1, 2, -4, -4, -3 },      { 1, 100, 3, 33, 33, 34 }, { 2, 100, 3, 67, 66, 67 },
        { -2, 100, 3, -67, -67, -66 }, { 6, 1, 3, 2, 2, 2 },      { 0, 100, 7, 0, 0, 0 },
    };
    int64_t out;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(scaled_ratio(cases[i].value, cases[i].factor, cases[i].divisor, &out), 0);
        assert_int_equal(out, cases[i].even);
        assert_int_equal(scaled_ratio_down(cases[i].value, cases[i].factor, cases[i].divisor, &out), 0);
        assert_int_equal(out, cases[i].down);
        assert_int_equal(scaled_ratio_up(cases[i].value, cases[i].factor, cases[i].divisor, &out), 0);
        assert_int_equal(out, cases[i].up);
    }
    assert_int_equal(scaled_ratio(INT64_MAX, INT64_MAX, INT64_MAX, &out), 0);
    assert_int_equal(out, INT64_MAX);
    assert_int_equal(scaled_ratio(INT64_MAX, 100, 1, &out), -ERANGE);
    assert_int_equal(scaled_ratio(INT64_MIN, 100, 1, &out), -ERANGE);
}

static void only_powers_of_ten_are_scales(void **state)
{
    (void)state;
    assert_int_equal(digits_of_scale(1), 0);
    assert_int_equal(digits_of_scale(100), 2);
    assert_int_equal(digits_of_scale(1000000), 6);
    assert_int_equal(digits_of_scale(10000000), -1);
    assert_int_equal(digits_of_scale(50), -1);
    assert_int_equal(digits_of_scale(0), -1);
    assert_int_equal(digits_of_scale(-10), -1);
}

static void roots_are_rounded_as_they_say(void **state)
{
    static const uint64_t roots[] = { 0,         1,         2, 3, 94906265, UINT64_C(4294967295), UINT64_C(4294967296),
                                      INT64_MAX, UINT64_MAX };

    (void)state;
    for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
        const unsigned __int128 square = (unsigned __int128)roots[i] * roots[i];
        assert_true(root_down(square) == roots[i] && root_up(square) == roots[i]);
        if (roots[i] < 2)
            continue;
        assert_true(root_down(square - 1) == roots[i] - 1 && root_up(square - 1) == roots[i]);
        if (roots[i] < UINT64_MAX)
            assert_true(root_down(square + 1) == roots[i] && root_up(square + 1) == roots[i] + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots_are_rounded_as_they_say),
        cmocka_unit_test(a_scale_is_sensitivity_over_epsilon_in_lowest_terms),
        cmocka_unit_test(a_scale_that_must_be_cut_is_never_smaller_than_what_was_paid_for),
        cmocka_unit_test(a_variance_costs_what_was_paid_or_less),
        cmocka_unit_test(ratios_round_half_to_even_and_intervals_outwards),
        cmocka_unit_test(only_powers_of_ten_are_scales),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
