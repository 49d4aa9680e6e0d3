#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "device_proto/noise.h"
#include "device_proto/noise_draw.h"
#include "tests/unit/device_proto/enumerated_noise.h"
#include "tests/unit/device_proto/fixture.h"
#include "tests/unit/device_proto/laws.h"

/* All 65536 words of two bytes: each value comes equally often, and as many are rejected as leave a remainder. */
static void every_value_below_n_is_equally_likely(void **state)
{
    static const uint64_t bounds[] = { 2, 3, 5, 10, 200, 255, 256 };

    (void)state;
    for (size_t b = 0; b < sizeof(bounds) / sizeof(bounds[0]); b++) {
        unsigned counts[256] = { 0 }, rejected = 0;

        for (unsigned word = 0; word < 65536; word++) {
            uint8_t raw[2] = { (uint8_t)word, (uint8_t)(word >> 8) };
            struct fixture_script script = { bytes_view(raw, 2) };
            struct proto_random random = fixture_script(&script);
            uint64_t value = 999;
            int r = noise_below(&random, bounds[b], &value);

            if (r == -5) { /* rejected, and asked for more than the script has */
                rejected++;
                continue;
            }
            assert_int_equal(r, 0);
            assert_true(value < bounds[b]);
            counts[value]++;
        }
        assert_int_equal(rejected, 65536 % bounds[b]);
        for (size_t i = 0; i < bounds[b]; i++)
            assert_int_equal(counts[i], 65536 / bounds[b]);
    }
}

static void draws_below_the_largest_bounds(void **state)
{
    struct fixture_random seed;
    struct proto_random random = fixture_random(&seed, 1);
    uint64_t value;

    (void)state;
    assert_int_equal(noise_below(&random, UINT64_MAX, &value), 0);
    assert_true(value < UINT64_MAX);
    assert_int_equal(noise_below(&random, (1ull << 63) + 1, &value), 0);
    assert_true(value <= 1ull << 63);
    assert_int_equal(noise_below(&random, 257, &value), 0);
    assert_true(value < 257);
    assert_int_equal(noise_below(&random, 1, &value), 0);
    assert_int_equal(value, 0);
    assert_int_equal(noise_below(&random, 0, &value), NOISE_BAD_PARAMETER);
}

static void passes_up_the_fault_of_its_source(void **state)
{
    struct fixture_script script = { bytes_view(NULL, 0) };
    struct proto_random random = fixture_script(&script);
    int64_t noise = 77;
    bool success = true;

    (void)state;
    assert_int_equal(noise_laplace(&random, 10, 1, &noise), -5);
    assert_int_equal(noise, 77);
    assert_int_equal(noise_bernoulli_exp(&random, 1, 2, &success), -5);
}

static int fill_with_ones(void *context, uint8_t *out, size_t size)
{
    (void)context;
    memset(out, 0xFF, size);
    return 0;
}

static int fill_with_zeros(void *context, uint8_t *out, size_t size)
{
    (void)context;
    memset(out, 0, size);
    return 0;
}

static void a_stuck_source_ends_in_a_refusal(void **state)
{
    struct proto_random ones = { NULL, fill_with_ones }, zeros = { NULL, fill_with_zeros };
    uint64_t value;
    int64_t noise;

    (void)state;
    assert_int_equal(noise_below(&ones, (1ull << 63) + 1, &value), NOISE_SOURCE_STUCK);
    assert_int_equal(noise_below(&zeros, 3, &value), NOISE_SOURCE_STUCK);
    assert_int_equal(noise_gauss(&zeros, 100, 1, &noise), NOISE_SOURCE_STUCK);
    assert_int_equal(noise_gauss(&zeros, 1, 7, &noise), NOISE_SOURCE_STUCK);
    assert_int_equal(noise_laplace(&zeros, 1, 1, &noise), NOISE_SOURCE_STUCK);
    assert_int_equal(noise_laplace(&zeros, 1000, 7, &noise), NOISE_SOURCE_STUCK);
}

static void refuses_scales_outside_of_its_bounds(void **state)
{
    struct fixture_random seed;
    struct proto_random random = fixture_random(&seed, 2);
    int64_t noise;
    bool success;

    (void)state;
    assert_int_equal(noise_laplace(&random, 0, 1, &noise), NOISE_BAD_PARAMETER);
    assert_int_equal(noise_laplace(&random, 1, 0, &noise), NOISE_BAD_PARAMETER);
    assert_int_equal(noise_laplace(&random, NOISE_SCALE_NUM_MAX + 1, 1, &noise), NOISE_BAD_PARAMETER);
    assert_int_equal(noise_laplace(&random, 1, NOISE_SCALE_DEN_MAX + 1, &noise), NOISE_BAD_PARAMETER);
    assert_int_equal(noise_bernoulli_exp(&random, 1, 0, &success), NOISE_BAD_PARAMETER);
    assert_int_equal(noise_laplace(&random, NOISE_SCALE_NUM_MAX, 1, &noise), 0);
    assert_int_equal(noise_laplace(&random, NOISE_SCALE_NUM_MAX, NOISE_SCALE_DEN_MAX, &noise), 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(noise_laplace(&random, 1, NOISE_SCALE_DEN_MAX, &noise), 0);
        assert_int_equal(noise, 0);
    }
}

/* Adds up the exact probability of all paths that end in 0 and in 1, and of those given up. */
static void bracket(uint64_t num, uint64_t den, double floor, double *out_p0, double *out_p1, double *out_rest)
{
    struct enumeration enumeration = { .floor = floor };

    *out_p0 = *out_p1 = *out_rest = 0;
    do {
        struct proto_random random = enumeration_start(&enumeration);
        int64_t noise;
        int r = enumerated_laplace(&random, num, den, &noise);

        if (r == ENUMERATION_PRUNED)
            *out_rest += enumeration.probability;
        else
            assert_int_equal(r, 0);
        if (r == 0 && noise == 0)
            *out_p0 += enumeration.probability;
        if (r == 0 && noise == 1)
            *out_p1 += enumeration.probability;
    } while (enumeration_next(&enumeration));
}

static void enumerating_all_draws_brackets_the_exact_probabilities(void **state)
{
    static const struct {
        uint64_t num, den;
        double golden_p0;
    } cases[] = {
        { 1, 2, .761594155955764888 },
        { 1, 1, .462117157260009759 },
        { 2, 1, 0.24491866240370913 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double t = (double)cases[i].num / (double)cases[i].den, p0, p1, rest;

        bracket(cases[i].num, cases[i].den, 1e-8, &p0, &p1, &rest);
        assert_true(fabs(law_laplace(t, 0) - cases[i].golden_p0) < 1e-14);
        assert_true(rest < .02);
        assert_true(p0 <= cases[i].golden_p0 + 1e-12 && cases[i].golden_p0 <= p0 + rest + 1e-12);
        assert_true(p1 <= law_laplace(t, 1) + 1e-12 && law_laplace(t, 1) <= p1 + rest + 1e-12);
        print_message("scale %u/%u: P(0) in [%.6f, %.6f]\n", (unsigned)cases[i].num, (unsigned)cases[i].den, p0,
                      p0 + rest);
    }
    assert_true(fabs(law_laplace(1, 1) - .170003401568547920) < 1e-14);
    assert_true(fabs(law_laplace(10. / 3, 0) - .148885033623317974) < 1e-14);
    assert_true(fabs(law_laplace(10, 0) - .0499583749578799) < 1e-14);
}

/* The law of the discrete Gaussian distribution with probabilities known to 15 digits. */
static void enumerating_all_draws_of_gaussian_noise_does_too(void **state)
{
    static const struct {
        uint64_t num, den;
        double golden_p0;
    } cases[] = {
        { 1, 4, .7865707070419479 },
        { 1, 1, .398942278266861706 },
        { 4, 1, .199471140200716339 },
        { 10, 1, .126156626101008002 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct enumeration enumeration = { .floor = 1e-9 };
        double variance = (double)cases[i].num / (double)cases[i].den, p[3] = { 0 }, taken = 0, lost = 0, rest = 0;

        do {
            struct proto_random random = enumeration_start(&enumeration);
            int64_t noise = 0;
            int r = enumerated_gauss(&random, cases[i].num, cases[i].den, &noise);

            *(r == ENUMERATION_PRUNED ? &rest : r == 0 ? &taken : &lost) += enumeration.probability;
            assert_true(r == 0 || r == ENUMERATION_PRUNED || r == NOISE_SOURCE_STUCK);
            if (r == 0 && noise >= 0 && noise < 3)
                p[noise] += enumeration.probability;
        } while (enumeration_next(&enumeration));
        assert_true(fabs(taken + lost + rest - 1) < 1e-9);
        assert_true(fabs(law_gauss(variance, 0) - cases[i].golden_p0) < 1e-15);
        assert_true(rest < .001);
        for (int64_t x = 0; x < 3; x++)
            assert_true(p[x] / (taken + rest) <= law_gauss(variance, x) + 1e-12 &&
                        law_gauss(variance, x) <= (p[x] + rest) / taken + 1e-12);
        print_message("sigma^2 %u/%u: P(0) in [%.6f, %.6f]\n", (unsigned)cases[i].num, (unsigned)cases[i].den,
                      p[0] / (taken + rest), (p[0] + rest) / taken);
    }
    assert_true(fabs(law_gauss(1, 1) - .24197072322446061) < 1e-15);
}

static void bernoulli_exp_is_exact_too(void **state)
{
    static const struct {
        uint64_t num, den;
    } cases[] = { { 0, 1 }, { 1, 3 }, { 1, 1 }, { 5, 2 } };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct enumeration enumeration = { .floor = 1e-9 };
        double yes = 0, rest = 0, want = exp(-(double)cases[i].num / (double)cases[i].den);

        do {
            struct proto_random random = enumeration_start(&enumeration);
            bool success = false;
            int r = enumerated_bernoulli_exp(&random, cases[i].num, cases[i].den, &success);

            if (r == ENUMERATION_PRUNED)
                rest += enumeration.probability;
            else if (success)
                yes += enumeration.probability;
        } while (enumeration_next(&enumeration));
        assert_true(rest < 1e-4);
        assert_true(yes <= want + 1e-12 && want <= yes + rest + 1e-12);
    }
}

/* A coin of num/den against a uniform real: the word that num/den itself begins with is decided by the next one. */
static void a_coin_is_decided_by_as_many_digits_as_it_takes(void **state)
{
    static const struct {
        uint64_t num, den;
        uint8_t words[8];
        size_t size; /* that are needed */
        bool heads;
    } cases[] = {
        { 1, 3, { 0x54, 0x55 }, 2, true },
        { 1, 3, { 0x56, 0x55 }, 2, false },
        { 1, 3, { 0x55, 0x55, 0x54, 0x55 }, 4, true },
        { 1, 3, { 0x55, 0x55, 0x56, 0x55 }, 4, false },
        { 1, 3, { 0x55, 0x55, 0x55, 0x55, 0x55, 0x55, 0x56, 0x55 }, 8, false },
        { 1, 2, { 0xFF, 0x7F }, 2, true },
        { 1, 2, { 0x00, 0x80 }, 2, false },
        { 5, 5, { 0xFF, 0xFF }, 2, true },
        { 0, 5, { 0x00, 0x00 }, 2, false },
        { 1, DRAW_COIN_DEN_MAX, { 0x00, 0x00, 0x00, 0x00, 0x00, 0x00 }, 6, true },
        { 1, DRAW_COIN_DEN_MAX, { 0x00, 0x00, 0x00, 0x00, 0x02, 0x00 }, 6, false },
        { DRAW_COIN_DEN_MAX, DRAW_COIN_DEN_MAX, { 0xFF, 0xFF }, 2, true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t size = 0; size <= cases[i].size; size++) {
            struct fixture_script script = { bytes_view(cases[i].words, size) };
            struct proto_random random = fixture_script(&script);
            struct draw draw;

            draw_begin(&draw, &random, 0);
            bool heads = draw_coin(&draw, cases[i].num, cases[i].den);
            assert_int_equal(draw_end(&draw), size < cases[i].size ? -5 : 0);
            assert_true(size < cases[i].size || heads == cases[i].heads);
        }
}

static void refuses_variances_that_128_bits_may_not_hold(void **state)
{
    static const struct {
        uint64_t num, den;
        int r;
    } cases[] = {
        { 0, 1, NOISE_BAD_PARAMETER },
        { 1, 0, NOISE_BAD_PARAMETER },
        { 1, 1ull << 53, 0 },
        { 1, (1ull << 53) + 1, NOISE_BAD_PARAMETER },
        { 1ull << 52, 1, 0 },
        { 1ull << 53, 1, NOISE_BAD_PARAMETER },
        { UINT64_MAX, UINT64_MAX, NOISE_BAD_PARAMETER },
        { 1, UINT64_MAX, NOISE_BAD_PARAMETER },
        { UINT64_MAX, 1, NOISE_BAD_PARAMETER },
    };
    struct fixture_random seed;
    struct proto_random random = fixture_random(&seed, 3);
    int64_t noise;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(noise_gauss_check(cases[i].num, cases[i].den), cases[i].r);
        assert_int_equal(noise_gauss(&random, cases[i].num, cases[i].den, &noise), cases[i].r);
    }
}

static void many_at_once_end_in_zeros_on_a_fault(void **state)
{
    struct fixture_script script = { bytes_view(NULL, 0) };
    struct proto_random random = fixture_script(&script);
    int64_t noise[3] = { 1, 1, 1 }, zeros[3] = { 0 };

    (void)state;
    assert_int_equal(noise_laplace_many(&random, 10, 1, noise, 3), -5);
    assert_memory_equal(noise, zeros, sizeof(zeros));
    noise[0] = 1;
    assert_int_equal(noise_gauss_many(&random, 10, 1, noise, 3), -5);
    assert_memory_equal(noise, zeros, sizeof(zeros));
}

/* 2^64 / (1 + e^(2^i/t)), to the nearest, from 120 digits of another program. */
static void geometric_thresholds_are_correctly_rounded(void **state)
{
    static const struct {
        uint64_t num, den;
        unsigned bit;
        uint64_t threshold;
    } cases[] = {
        { 1, 1, 0, 0x44d9585152ea1936 },
        { 1, 1, 1, 0x1e84152bac31aeaa },
        { 1, 1, 5, 0x3908d },
        { 10, 3, 0, 0x6cf155d0dcabab39 },
        { 10, 3, 1, 0x5ab644b04dd60bde },
        { 10, 3, 5, 0x4703901fcf94b },
        { 1000, 1, 0, 0x7fef9db243f665be },
        { 1000, 1, 12, 0x4309cd83f3d38f4 },
        { 1, 7, 0, 0x3bb4e715be2311 },
        { 1, 7, 1, 0xdf362bc3895 },
        { 1ull << 40, 3, 0, 0x7fffffffff400000 },
        { 1ull << 40, 3, 12, 0x7ffffff400000000 },
    };
    struct noise_geometric geometric;
    uint64_t delta;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(noise_geometric_init(cases[i].num, cases[i].den, &geometric), 0);
        assert_true(cases[i].bit < geometric.bits);
        assert_true(geometric.thresholds[cases[i].bit] == cases[i].threshold);
        assert_true(geometric.distance <= geometric.bits + 1);
    }
    assert_int_equal(noise_geometric_init(NOISE_SCALE_NUM_MAX, 1, &geometric), 0);
    assert_int_equal(geometric.bits, NOISE_GEOMETRIC_BITS_MAX);
    assert_int_equal(noise_geometric_init(1, NOISE_SCALE_DEN_MAX, &geometric), 0);
    assert_int_equal(geometric.bits, 1);
    assert_int_equal(noise_geometric_init(0, 1, &geometric), NOISE_BAD_PARAMETER);
    geometric.distance = 1000;
    assert_int_equal(noise_geometric_delta(&geometric, 1000000, &delta), 0);
    assert_int_equal(delta, 3719); /* 1000 (1 + e) = 3718.28 */
    assert_int_equal(noise_geometric_delta(&geometric, 60000000, &delta), NOISE_OVERFLOW);
}

/* The largest ratio of P(answer) between two inputs of 0..span, noise of scale 1 piled up at -most .. most and answers
 * clamped to -margin .. span + margin. */
static double largest_ratio(int64_t span, int64_t margin, int64_t most)
{
    double ratio = 1;

    for (int64_t answer = -margin; answer <= span + margin; answer++)
        for (int64_t a = 0; a <= span; a++)
            for (int64_t b = 0; b <= span; b++) {
                double p[2] = { 0 };
                for (int64_t x = -most - 60; x <= most + 60; x++) {
                    int64_t noise = noise_clamp(x, -most, most);
                    p[0] += noise_clamp(a + noise, -margin, span + margin) == answer ? law_laplace(1, x) : 0;
                    p[1] += noise_clamp(b + noise, -margin, span + margin) == answer ? law_laplace(1, x) : 0;
                }
                if (p[0] > 0 && p[0] / p[1] > ratio)
                    ratio = p[0] / p[1];
            }
    return ratio;
}

static void noise_that_ends_is_exact_or_worth_nothing(void **state)
{
    (void)state;
    for (int64_t span = 1; span < 4; span++)
        for (int64_t margin = 0; margin < 4; margin++) {
            assert_int_equal(noise_finite_check(5, 5 + span, (uint64_t)margin, (uint64_t)(span + margin)), 0);
            assert_true(largest_ratio(span, margin, span + margin) <= exp((double)span) * (1 + 1e-9));
            assert_int_equal(noise_finite_check(5, 5 + span, (uint64_t)margin, (uint64_t)(span + margin) - 1),
                             NOISE_BAD_PARAMETER);
            assert_true(isinf(largest_ratio(span, margin, span + margin - 1)));
        }
    assert_int_equal(noise_finite_check(0, 1, UINT64_MAX, UINT64_MAX), NOISE_BAD_PARAMETER);
}

static void scaling_clamps_and_rounds_without_overflow(void **state)
{
    (void)state;
    assert_int_equal(noise_to_steps(215, -1, 10, -500, 500), 215);
    assert_int_equal(noise_to_steps(2154, -2, 10, -500, 500), 215);
    assert_int_equal(noise_to_steps(2155, -2, 10, -500, 500), 216);
    assert_int_equal(noise_to_steps(-2155, -2, 10, -500, 500), -216);
    assert_int_equal(noise_to_steps(1, 18, 1, -500, 500), 500);
    assert_int_equal(noise_to_steps(-1, INT32_MAX, UINT32_MAX, -500, 500), -500);
    assert_int_equal(noise_to_steps(INT64_MIN, 0, UINT32_MAX, -500, 500), -500);
    assert_int_equal(noise_to_steps(INT64_MAX, -10, 1, -500, INT64_MAX), 922337204);
    assert_int_equal(noise_to_steps(INT64_MAX, INT32_MIN, UINT32_MAX, -500, 500), 0);
    assert_int_equal(noise_to_steps(0, INT32_MAX, 1, 3, 5), 3);
}

static void bounds_that_may_overflow_are_refused(void **state)
{
    (void)state;
    assert_int_equal(noise_bounds_check(-5, 5, 1000), 0);
    assert_int_equal(noise_bounds_check(5, -5, 1), NOISE_BAD_PARAMETER);
    assert_int_equal(noise_bounds_check(0, NOISE_SUM_MAX - 1, 1), 0);
    assert_int_equal(noise_bounds_check(0, NOISE_SUM_MAX, 1), NOISE_BAD_PARAMETER);
    assert_int_equal(noise_bounds_check(INT64_MIN, 0, 1), NOISE_BAD_PARAMETER);
    assert_int_equal(noise_bounds_check(INT64_MIN, 0, 0), NOISE_BAD_PARAMETER);
    assert_int_equal(noise_bounds_check(-(1 << 30), 1, 1ull << 32), NOISE_BAD_PARAMETER);
    assert_int_equal(noise_bounds_check(-(1 << 30), 1, (1ull << 32) - 1), 0);
    assert_int_equal(noise_bounds_check(-2, 1, UINT64_MAX), NOISE_BAD_PARAMETER);
    assert_int_equal(noise_sensitivity(-3, 10, false, 1), 10);
    assert_int_equal(noise_sensitivity(-30, 10, false, 4), 8);
    assert_int_equal(noise_sensitivity(-3, 10, true, 4), 4); /* 13/4, up */
}

static void the_same_bytes_give_the_same_noise(void **state)
{
    struct fixture_random seed;
    struct proto_random random = fixture_random(&seed, 7);
    int64_t first[16], again;

    (void)state;
    for (size_t i = 0; i < 16; i++)
        assert_int_equal(noise_laplace(&random, 100, 3, &first[i]), 0);
    random = fixture_random(&seed, 7);
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(noise_laplace(&random, 100, 3, &again), 0);
        assert_int_equal(again, first[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_below_n_is_equally_likely),
        cmocka_unit_test(draws_below_the_largest_bounds),
        cmocka_unit_test(passes_up_the_fault_of_its_source),
        cmocka_unit_test(a_stuck_source_ends_in_a_refusal),
        cmocka_unit_test(refuses_scales_outside_of_its_bounds),
        cmocka_unit_test(enumerating_all_draws_brackets_the_exact_probabilities),
        cmocka_unit_test(enumerating_all_draws_of_gaussian_noise_does_too),
        cmocka_unit_test(bernoulli_exp_is_exact_too),
        cmocka_unit_test(a_coin_is_decided_by_as_many_digits_as_it_takes),
        cmocka_unit_test(refuses_variances_that_128_bits_may_not_hold),
        cmocka_unit_test(many_at_once_end_in_zeros_on_a_fault),
        cmocka_unit_test(geometric_thresholds_are_correctly_rounded),
        cmocka_unit_test(noise_that_ends_is_exact_or_worth_nothing),
        cmocka_unit_test(scaling_clamps_and_rounds_without_overflow),
        cmocka_unit_test(bounds_that_may_overflow_are_refused),
        cmocka_unit_test(the_same_bytes_give_the_same_noise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
