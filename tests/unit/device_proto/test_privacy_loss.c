#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "device_proto/privacy_loss.h"
#include "tests/unit/device_proto/laws.h"

#define TWO_64       18446744073709551616.0
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A probability in 2^-64ths, rounded to nearest. */
static uint64_t in_64ths(double probability)
{
    return (uint64_t)llroundl((long double)probability * (long double)TWO_64);
}

/* value is want, or above it by no more than the digits that want was given with. */
static void is_just_above(double value, double want, double slack)
{
    if (value < want - slack || value > want + slack) {
        print_message("%.15g is not %.15g\n", value, want);
        fail();
    }
}

static void zcdp_gives_the_golden_epsilons(void **state)
{
    static const struct {
        double rho, delta, epsilon, digits;
    } cases[] = {
        { .005, 1e-6, .429941468837, 2e-12 }, { .025, 1e-6, 1.01407425473, 6e-12 }, { .1, 1e-6, 2.14193892839, 6e-12 },
        { .5, 1e-6, 5.22153444453, 6e-12 },   { 1, 1e-6, 7.76621662531, 6e-12 },    { .1, 1e-5, 1.914238832, 6e-10 },
        { 2, 1e-10, 14.8706780068, 2e-10 },   { 10, 1e-6, 32.2216609491, 6e-11 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t pico, micro;

        assert_int_equal(
            privacy_pico_epsilon_of_rho((uint64_t)llround(cases[i].rho * 1e12), in_64ths(cases[i].delta), &pico), 0);
        is_just_above((double)pico * 1e-12, cases[i].epsilon, cases[i].digits);
        assert_int_equal(
            privacy_epsilon_of_rho((uint64_t)llround(cases[i].rho * 1e9), in_64ths(cases[i].delta), &micro), 0);
        assert_int_equal(micro, (pico + 999999) / 1000000);
    }
}

static void epsilon_gives_the_golden_rhos(void **state)
{
    static const struct {
        double epsilon, delta, rho, digits;
    } cases[] = {
        { 1, 1e-6, .0243559703595, 6e-13 },
        { .5, 1e-6, .00664152435666, 2e-12 },
        { 1, 1e-9, .0149730576736, 2e-12 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t pico, nano, back;
        uint64_t micro = (uint64_t)llround(cases[i].epsilon * 1e6), delta = in_64ths(cases[i].delta);

        assert_int_equal(privacy_pico_rho_of_epsilon(micro * 1000000, delta, &pico), 0);
        is_just_above((double)pico * 1e-12, cases[i].rho, cases[i].digits);
        assert_int_equal(privacy_rho_of_epsilon(micro, delta, &nano), 0);
        assert_int_equal(nano, pico / 1000);
        /* There and back never gains anything. */
        assert_int_equal(privacy_epsilon_of_rho(nano, delta, &back), 0);
        assert_true(back <= micro);
        assert_int_equal(privacy_epsilon_of_rho(nano + 1, delta, &back), 0);
        assert_true(back >= micro);
    }
}

static void conversions_know_their_ends(void **state)
{
    uint64_t out;

    (void)state;
    assert_int_equal(privacy_epsilon_of_rho(1, 0, &out), NOISE_BAD_PARAMETER);
    assert_int_equal(privacy_epsilon_of_rho(0, 1, &out), 0);
    assert_int_equal(out, 0);
    assert_int_equal(privacy_epsilon_of_rho(1, 1, &out), 0);
    assert_true(out > 0 && out < 1000);
    assert_int_equal(privacy_epsilon_of_rho(1000000000000000, 1, &out), 0);
    assert_true(out > UINT64_C(1000000000000));
    assert_int_equal(privacy_epsilon_of_rho(UINT64_MAX, 1, &out), NOISE_OVERFLOW);
    assert_int_equal(privacy_rho_of_epsilon(0, UINT64_C(1) << 44, &out), 0);
    assert_true(out < 1000);
}

static void gaussian_delta_is_exact(void **state)
{
    static const struct {
        uint64_t variance, micro;
        double delta, digits;
    } cases[] = {
        { 1, 1000000, .141351339405622, 1e-15 },
        { 4, 500000, .0540072236941544, 1e-16 },
        { 10, 1000000, 1.15132525363861e-4, 1e-18 },
        { 100, 200000, 9.39922547345e-4, 1e-15 },
    };
    uint64_t delta;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(privacy_gauss_delta(1, cases[i].variance, 1, cases[i].micro, &delta), 0);
        is_just_above((double)delta / TWO_64, cases[i].delta, cases[i].digits);
    }
    /* No epsilon: the total variation distance; and a sensitivity far beyond the noise is no privacy at all. */
    assert_int_equal(privacy_gauss_delta(1, 1, 1, 0, &delta), 0);
    is_just_above((double)delta / TWO_64, law_gauss(1, 0), 1e-14);
    assert_int_equal(privacy_gauss_delta(1000, 1, 1, 1000000, &delta), 0);
    assert_true(delta > UINT64_MAX - 1000);
    assert_int_equal(privacy_gauss_delta(1, PRIVACY_SUM_VARIANCE_MAX, 1, 0, &delta), NOISE_BAD_PARAMETER);
}

static void losses_are_rounded_up_and_whole_ones_are_not(void **state)
{
    uint64_t out;

    (void)state;
    assert_int_equal(privacy_laplace_epsilon(1, 10, 3, &out), 0);
    assert_int_equal(out, 300000);
    assert_int_equal(privacy_laplace_epsilon(1, 3, 1, &out), 0);
    assert_int_equal(out, 333334);
    assert_int_equal(privacy_gauss_rho(1, 1, 2, &out), 0);
    assert_int_equal(out, 1000000000);
    assert_int_equal(privacy_gauss_rho(3, 100, 1, &out), 0);
    assert_int_equal(out, 45000000);
    assert_int_equal(privacy_gauss_rho(1, 3000000, 1, &out), 0);
    assert_int_equal(out, 167); /* 166.67 */
    assert_int_equal(privacy_gauss_rho(UINT32_MAX, 1, 1, &out), NOISE_OVERFLOW);
    assert_int_equal(privacy_pure_rho(1000000, &out), 0);
    assert_int_equal(out, 462117158); /* tanh(1/2) */
    assert_int_equal(privacy_pure_rho(1, &out), 0);
    assert_int_equal(out, 1);
    assert_int_equal(privacy_pure_rho(UINT64_C(1) << 62, &out), NOISE_OVERFLOW);
    assert_int_equal(privacy_pure_rho(UINT64_MAX, &out), NOISE_BAD_PARAMETER);
    assert_int_equal(privacy_response_epsilon((struct noise_weights){ 3, 1 }, &out), 0);
    assert_int_equal(out, 1098613); /* ln 3 = 1.0986122... */
    assert_int_equal(privacy_response_epsilon((struct noise_weights){ 1, 1 }, &out), NOISE_BAD_PARAMETER);
    assert_int_equal(privacy_response_rho((struct noise_weights){ 3, 1 }, &out), 0);
    assert_int_equal(out, 549306145); /* ln 3 / 2 = .5493061443... */
    assert_int_equal(privacy_laplace_rho(1, 1, 1, &out), 0);
    is_just_above((double)out * 1e-9, 1 - 2 * exp(-1) * (1 - exp(-1)) / (1 - exp(-2)), 1e-9);
}

/* Computed with mpmath to 60 digits, by the formula and, where D < 1000, by the sum over the law; rounded up. */
static void the_rho_of_laplace_noise_has_these_digits(void **state)
{
    static const struct {
        uint64_t moved, num, den, nano;
    } cases[] = {
        { 1, 1, 2, 1523188312 },        { 1, 1, 1, 462117158 },
        { 1, 10, 1, 4995838 },          { 2, 2, 1, 393469341 },
        { 2, 4, 1, 110599609 },         { 3, 1, 1, 2191446591 },
        { 7, 10, 3, 1235482669 },       { 20, 20, 1, 368142748 },
        { 200, 100, 1, 1135349695 },    { 24200, 24200, 1, 367879442 },
        { 8050, 1 << 20, 1, 29394 },    { 12345, 67, 89, UINT64_C(16397825174970) },
        { 1, UINT64_C(1) << 40, 1, 1 }, { UINT64_C(1) << 40, UINT64_C(1) << 40, 1, 367879442 },
    };
    uint64_t nano;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(privacy_laplace_rho(cases[i].moved, cases[i].num, cases[i].den, &nano), 0);
        assert_int_equal(nano, cases[i].nano);
    }
    assert_int_equal(privacy_laplace_rho(INT64_MAX, 1, UINT64_C(1) << 40, &nano), NOISE_OVERFLOW);
}

static void the_rho_of_what_is_pure_has_these_digits(void **state)
{
    static const uint64_t cases[][2] = {
        { 0, 0 },
        { 1, 1 },
        { 100, 5 },
        { 1000, 500 },
        { 250000, 31088251 },
        { 1000000, 462117158 },
        { 2000000, 1523188312 },
        { 5000000, 4933071491 },
        { 20000000, 19999999918 },
        { UINT64_C(1000000000000), UINT64_C(1000000000000000) },
    };
    uint64_t nano;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(privacy_pure_rho(cases[i][0], &nano), 0);
        assert_int_equal(nano, cases[i][1]);
    }
}

/* More shift or less noise never costs less; never more than what is merely pure, and just that for a shift of 1. */
static void the_rho_of_laplace_noise_rises_with_the_shift_and_falls_with_the_scale(void **state)
{
    uint64_t nano, before, pure;

    (void)state;
    for (uint64_t t = 1; t <= 4096; t *= 4) {
        before = 0;
        for (uint64_t moved = 1; moved <= 4 * t; moved += 1 + t / 5) {
            assert_int_equal(privacy_laplace_rho(moved, t, 1, &nano), 0);
            assert_true(nano > before);
            before = nano;
            assert_int_equal(privacy_laplace_rho(moved, t, 2, &nano), 0);
            assert_true(nano > before);
            assert_int_equal(privacy_pure_rho(moved * 1000000 / t + 1, &pure), 0);
            assert_true(before <= pure);
        }
        assert_int_equal(privacy_laplace_rho(1, t, 1, &nano), 0);
        assert_int_equal(privacy_pure_rho(1000000 / t, &pure), 0);
        assert_true(nano <= pure + pure / 500 + 1 && pure <= nano);
    }
}

/* What cells change by together, however it is spread over them. */
static void shifts_of_many_cells_cost_at_most_their_sum_in_one(void **state)
{
    uint64_t whole, a, b, c;

    (void)state;
    for (uint64_t t = 1; t <= 64; t *= 4)
        for (uint64_t moved = 2; moved <= 24; moved += 2) {
            assert_int_equal(privacy_laplace_rho(moved, t, 1, &whole), 0);
            for (uint64_t first = 1; first < moved; first++)
                for (uint64_t second = 1; first + second <= moved; second += 3) {
                    assert_int_equal(privacy_laplace_rho(first, t, 1, &a), 0);
                    assert_int_equal(privacy_laplace_rho(second, t, 1, &b), 0);
                    assert_int_equal(privacy_laplace_rho(moved - first - second, t, 1, &c), 0);
                    assert_true(a + b + c <= whole + 3); /* each was rounded up */
                }
        }
}

/* Renyi divergence of order a over a, between p and the same moved by D, p(x) for |x| <= far. */
static double per_order(double a, double t, int64_t moved)
{
    double sum = 0;

    for (int64_t x = -400; x <= 400; x++)
        sum += tanh(.5 / t) * exp((-a * fabs((double)x) - (1 - a) * fabs((double)(x - moved))) / t);
    return log(sum) / (a - 1) / a;
}

static void no_order_loses_more_than_the_rho_of_laplace_noise(void **state)
{
    static const struct {
        uint64_t num, den, moved;
    } cases[] = { { 1, 2, 1 }, { 1, 1, 1 }, { 3, 1, 2 }, { 10, 1, 7 }, { 5, 1, 20 } };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        double t = (double)cases[i].num / (double)cases[i].den;
        uint64_t nano;

        assert_int_equal(privacy_laplace_rho(cases[i].moved, cases[i].num, cases[i].den, &nano), 0);
        for (double a = 1.001; a < 60; a *= 1.1)
            assert_true(per_order(a, t, (int64_t)cases[i].moved) <= (double)nano * 1e-9 + 1e-9);
        assert_true(per_order(1.0001, t, (int64_t)cases[i].moved) > (double)nano * 1e-9 * .999);
    }
}

static void no_order_loses_more_than_the_rho_of_responses(void **state)
{
    static const struct noise_weights cases[] = { { 2, 1 }, { 3, 1 }, { 20, 1 }, { 1000, 1 }, { 1001, 1000 } };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        double sum = cases[i].truth + cases[i].lie, p = cases[i].truth / sum, q = cases[i].lie / sum;
        uint64_t nano, pure, micro;

        assert_int_equal(privacy_response_rho(cases[i], &nano), 0);
        assert_int_equal(privacy_response_epsilon(cases[i], &micro), 0);
        assert_int_equal(privacy_pure_rho(micro, &pure), 0);
        assert_true(nano <= pure); /* whose epsilon is rounded up */
        for (double a = 1.001; a < 60; a *= 1.1) {
            double order = log(p * pow(p / q, a - 1) + q * pow(q / p, a - 1)) / (a - 1) / a;
            assert_true(order <= (double)nano * 1e-9 + 1e-9);
        }
    }
}

static double tail_of(double (*law)(double, int64_t), double parameter, int64_t from)
{
    double sum = 0;

    for (int64_t x = from + 60000; x >= from; x--)
        sum += 2 * law(parameter, x);
    return sum;
}

static void tails_are_exact(void **state)
{
    uint64_t out;

    (void)state;
    for (uint64_t a = 1; a < 40; a += 3) {
        assert_int_equal(privacy_laplace_tail(10, 3, a, &out), 0);
        is_just_above((double)out / TWO_64, tail_of(law_laplace, 10 / 3., (int64_t)a), 1e-13);
        assert_int_equal(privacy_gauss_tail(21, 2, a, &out), 0);
        is_just_above((double)out / TWO_64, tail_of(law_gauss, 10.5, (int64_t)a), 1e-13);
        assert_int_equal(privacy_gauss_tail(1000000, 1, 60 * a, &out), 0); /* sigma 1000: close from above */
        double normal = erfc((double)(60 * a - 1) / 1000 / sqrt(2));
        is_just_above((double)out / TWO_64, normal, 1e-12);
    }
    assert_int_equal(privacy_laplace_tail(1, 1, 0, &out), 0);
    assert_true(out == UINT64_MAX);
    assert_int_equal(privacy_laplace_tail(1, 1ull << 40, INT64_MAX, &out), 0);
    assert_true(out <= 1);
    assert_int_equal(privacy_gauss_tail(1, 1, UINT32_MAX, &out), 0);
    assert_true(out <= 1);
}

static void half_widths_are_the_smallest_that_hold(void **state)
{
    static const uint64_t tails[] = { PRIVACY_TAIL_5, PRIVACY_TAIL_2_5 };
    static const uint64_t parameters[][2] = { { 1, 4 }, { 1, 1 }, { 10, 3 }, { 100, 1 }, { 1000, 1 } };

    (void)state;
    for (size_t t = 0; t < 2; t++)
        for (size_t i = 0; i < COUNT(parameters); i++) {
            double x = (double)parameters[i][0] / (double)parameters[i][1], most = (double)tails[t] / TWO_64;
            uint64_t a;

            assert_int_equal(privacy_laplace_half_width(parameters[i][0], parameters[i][1], tails[t], &a), 0);
            assert_true(tail_of(law_laplace, x, (int64_t)a + 1) <= most);
            assert_true(a == 0 || tail_of(law_laplace, x, (int64_t)a) > most);
            assert_int_equal(privacy_gauss_half_width(parameters[i][0], parameters[i][1], tails[t], &a), 0);
            assert_true(tail_of(law_gauss, x, (int64_t)a + 1) <= most);
            assert_true(a == 0 || tail_of(law_gauss, x, (int64_t)a) > most);
        }
}

static void the_most_noise_for_an_error_keeps_to_it(void **state)
{
    static const uint64_t errors[] = { 1, 2, 10, 77, 1000, 100000, 4000000000 };

    (void)state;
    for (size_t i = 0; i < COUNT(errors); i++) {
        uint64_t num, den, a;

        assert_int_equal(privacy_laplace_scale_for(errors[i], PRIVACY_TAIL_5, &num, &den), 0);
        assert_int_equal(privacy_laplace_half_width(num, den, PRIVACY_TAIL_5, &a), 0);
        assert_true(a <= errors[i] && a + (errors[i] > 100000 ? 4 : 1) >= errors[i]);
        if (errors[i] > 100000) {
            assert_int_equal(privacy_gauss_variance_for(errors[i], PRIVACY_TAIL_5, &num, &den), NOISE_OVERFLOW);
            continue;
        }
        assert_int_equal(privacy_gauss_variance_for(errors[i], PRIVACY_TAIL_5, &num, &den), 0);
        assert_int_equal(privacy_gauss_half_width(num, den, PRIVACY_TAIL_5, &a), 0);
        assert_true(a <= errors[i] && a + 1 >= errors[i]);
    }
}

static void variances_bound_the_true_ones(void **state)
{
    uint64_t out;

    (void)state;
    assert_int_equal(privacy_laplace_variance(1, 1, &out), 0);
    assert_int_equal(out, 2); /* 1.84 */
    assert_int_equal(privacy_laplace_variance(1000, 1, &out), 0);
    assert_int_equal(out, 2000000); /* 1999999.83 */
    assert_int_equal(privacy_gauss_variance(21, 2, &out), 0);
    assert_int_equal(out, 11);
    assert_int_equal(privacy_gauss_variance(0, 2, &out), NOISE_BAD_PARAMETER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zcdp_gives_the_golden_epsilons),
        cmocka_unit_test(epsilon_gives_the_golden_rhos),
        cmocka_unit_test(conversions_know_their_ends),
        cmocka_unit_test(gaussian_delta_is_exact),
        cmocka_unit_test(losses_are_rounded_up_and_whole_ones_are_not),
        cmocka_unit_test(the_rho_of_laplace_noise_has_these_digits),
        cmocka_unit_test(the_rho_of_what_is_pure_has_these_digits),
        cmocka_unit_test(the_rho_of_laplace_noise_rises_with_the_shift_and_falls_with_the_scale),
        cmocka_unit_test(shifts_of_many_cells_cost_at_most_their_sum_in_one),
        cmocka_unit_test(no_order_loses_more_than_the_rho_of_laplace_noise),
        cmocka_unit_test(no_order_loses_more_than_the_rho_of_responses),
        cmocka_unit_test(tails_are_exact),
        cmocka_unit_test(half_widths_are_the_smallest_that_hold),
        cmocka_unit_test(the_most_noise_for_an_error_keeps_to_it),
        cmocka_unit_test(variances_bound_the_true_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
