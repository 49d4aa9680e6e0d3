/* Honest noise passes the audit, and noise with planted faults does not. All files come from fixed seeds; what the
 * program draws itself fails an honest audit once in 10^9 runs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exits.h"
#include "cli/statistics.h"
#include "run.h"

enum { SAMPLES = 60000 };

static uint64_t seed;

/* Uniform in (0, 1): splitmix64. */
static double uniform(void)
{
    uint64_t z = seed += 0x9e3779b97f4a7c15;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return ((double)((z ^ (z >> 31)) >> 11) + .5) / 9007199254740992.;
}

static double geometric(double t)
{
    return floor(-t * log(uniform()));
}

/* ---- what others might program ---- */

static double honest(double input)
{
    return input + geometric(5) - geometric(5);
}

static double narrow(double input)
{
    return input + geometric(4) - geometric(4);
}

static double double_zero(double input)
{
    double magnitude = geometric(5);

    return uniform() < .5 ? input - magnitude : input + magnitude;
}

static double truncated(double input)
{
    double noise = geometric(5) - geometric(5);

    return fabs(noise) > 30 ? truncated(input) : input + noise; /* keeps all but 0.2 % */
}

static double in_floats(double input)
{
    return input + (uniform() < .5 ? -1 : 1) * -5 * log(uniform());
}

static double stuck(double input)
{
    return input + 3;
}

static double shifted(double input)
{
    return honest(input) + 1;
}

static double gauss_narrow(double input)
{
    return input + round(8 * sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform()));
}

static double gauss_honest(double input) /* sigma 10: rounding differs from the discrete law by less than 10^-3 of it */
{
    return input + round(10 * sqrt(-2 * log(uniform())) * cos(2 * M_PI * uniform()));
}

static void write_samples(const char *path, double (*draw)(double input), double input)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    for (unsigned i = 0; i < SAMPLES; i++)
        fprintf(file, "%.17g\n", draw(input));
    assert_int_equal(fclose(file), 0);
}

static void samples_of(double (*draw)(double input), uint64_t from_seed)
{
    seed = from_seed;
    write_samples("at0", draw, 0);
    write_samples("at1", draw, 1);
}

static int setup(void **state)
{
    static struct result result;

    *state = &result;
    folder_make();
    return 0;
}

static int teardown(void **state)
{
    result_deinit(*state);
    folder_remove();
    return 0;
}

#define AUDIT(...) run_ctl(result, "privacy", "audit", __VA_ARGS__)

/* How many seeds each verdict is asked of: a fault is found by every one of them, honest noise passes with every one.
 */
static unsigned rounds(void)
{
    const char *full = getenv("TINYPART_FULL");

    return full != NULL && *full != '\0' ? 50 : 2;
}

static void honest_samples_of_others_pass(void **state)
{
    struct result *result = *state;

    for (unsigned round = 0; round < rounds(); round++) {
        samples_of(honest, 1 + 1000 * round);
        AUDIT("--mechanism", "laplace", "--scale", "5", "--input", "at0", "--neighbour", "at1");
        expect(result, EXIT_DONE, "verdict              holds\n", NULL);
        AUDIT("--mechanism", "geometric", "--scale", "5", "--input", "at0");
        expect(result, EXIT_DONE, "verdict              holds\n", NULL);
        samples_of(gauss_honest, 2 + 1000 * round);
        AUDIT("--mechanism", "gaussian", "--scale", "100", "--input", "at0", "--neighbour", "at1");
        expect(result, EXIT_DONE, "verdict              holds\n", NULL);
    }
}

static void every_planted_fault_is_found(void **state)
{
    static const struct {
        double (*draw)(double input);
        const char *mechanism, *scale, *found;
    } faults[] = {
        { narrow, "laplace", "5", "|y - input| >= 5  " },
        { double_zero, "laplace", "5", "y = 0 " },
        { truncated, "laplace", "5", "|y - input| >= 35" },
        { in_floats, "laplace", "5", "y is no whole number" },
        { stuck, "laplace", "5", "y = 0 " },
        { shifted, "laplace", "5", "y <= 0" },
        { gauss_narrow, "gaussian", "100", "|y - input| >= 10 " },
        { honest, "gaussian", "50", "y = 0 " },
    };
    struct result *result = *state;

    for (size_t n = 0; n < rounds() * sizeof(faults) / sizeof(faults[0]); n++) {
        const size_t i = n % (sizeof(faults) / sizeof(faults[0]));
        samples_of(faults[i].draw, 100 + 1000 * n);
        AUDIT("--mechanism", faults[i].mechanism, "--scale", faults[i].scale, "--input", "at0", "--neighbour", "at1");
        expect(result, EXIT_REFUSED, "verdict              violated\n", NULL);
        const char *row = strstr(result->out, faults[i].found);
        assert_non_null(row);
        const char *end = strchr(row, '\n');
        const char *verdict = strstr(row, "as claimed");
        assert_true(verdict == NULL || verdict > end);
    }
}

/* The support of floating-point noise tells the input: off the lattice of 2^-53 it can only be near 0. */
static void floating_point_noise_gives_its_input_away(void **state)
{
    struct result *result = *state;

    samples_of(in_floats, 7);
    AUDIT("--mechanism", "laplace", "--scale", "5", "--input", "at0", "--neighbour", "at1");
    expect(result, EXIT_REFUSED, "y is no multiple of 2^-53", NULL);
    assert_non_null(strstr(strstr(result->out, "y is no multiple of 2^-53"), "too likely with one input"));
}

static void a_claim_that_is_too_good_is_refuted(void **state)
{
    struct result *result = *state;

    AUDIT("--mechanism", "laplace", "--scale", "1/2", "--epsilon", "1", "--samples", "1000");
    expect(result, EXIT_REFUSED, "claimed epsilon      1.000000\n", NULL);
    AUDIT("--mechanism", "krr", "--weights", "3:1", "--epsilon", "0.9", "--samples", "20000");
    expect(result, EXIT_REFUSED, "verdict              violated\n", NULL);
}

static void our_own_samplers_keep_their_claims(void **state)
{
    static const char *const rows[][3] = {
        { "laplace", "1", "1" },    { "laplace", "1000/7", "100" }, { "gaussian", "1", "1" }, { "gaussian", "10", "2" },
        { "gaussian", "1/4", "1" }, { "geometric", "10/3", "1" },   { "krr", "3/1", "1" },    { "oue", "5/2", "1" },
        { "onebit", "2/1", "1" },   { "gaussian", "60000", "3" },
    };
    struct result *result = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        AUDIT("--mechanism", rows[i][0], "--scale", rows[i][1], "--sensitivity", rows[i][2], "--samples", "50000");
        expect(result, EXIT_DONE, "verdict              holds\n", NULL);
    }
    run_ctl(result, "-o", "json", "privacy", "audit", "--mechanism", "laplace", "--scale", "1", "--samples", "50000");
    expect(result, EXIT_DONE, "\"claimed_epsilon\": \"1.000000\"", NULL);
    expect(result, EXIT_DONE, "\"verdict\": \"holds\"", NULL);
}

/* What `noise sample` prints is what `privacy audit --input` reads. */
static void printed_samples_can_be_audited(void **state)
{
    static const char *const rows[][4] = {
        { "laplace", "7/2", "0", "1" }, { "gaussian", "30", "0", "1" }, { "geometric", "2", "0", "1" },
        { "krr", "3/1", "0", "1" },     { "oue", "3/1", "0", "1" },     { "onebit", "3/1", "0", "9" },
    };
    struct result *result = *state;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned side = 0; side < 2; side++) {
            run_ctl(result, "noise", "sample", "--mechanism", rows[i][0], "--scale", rows[i][1], "--categories", "3",
                    "--span", "9", "--value", rows[i][2 + side], "--count", "20000");
            expect(result, EXIT_DONE, NULL, NULL);
            file_write(side == 0 ? "at0" : "at1", result->out, strlen(result->out));
        }
        AUDIT("--mechanism", rows[i][0], "--scale", rows[i][1], "--categories", "3", "--span", "9", "--input", "at0",
              "--neighbour", "at1");
        expect(result, EXIT_DONE, "verdict              holds\n", NULL);
    }
}

static void what_is_no_sample_is_refused(void **state)
{
    struct result *result = *state;

    file_write("bad", "1\n2\nnan\n", 8);
    AUDIT("--mechanism", "laplace", "--scale", "1", "--input", "bad");
    expect(result, EXIT_REFUSED, NULL, "bad:3 is no sample of laplace");
    file_write("bad", "01\n011\n", 7);
    AUDIT("--mechanism", "oue", "--weights", "2:1", "--input", "bad", "--neighbour", "bad");
    expect(result, EXIT_REFUSED, NULL, "bad:2 is no sample of oue");
    file_write("bad", "1\n2\n", 4);
    AUDIT("--mechanism", "laplace", "--scale", "1", "--input", "bad");
    expect(result, EXIT_REFUSED, NULL, "bad has 2 samples, and an audit needs 100");
    AUDIT("--mechanism", "krr", "--weights", "2:1", "--input", "bad");
    expect(result, EXIT_USAGE, NULL, "--input of krr needs --neighbour too");
    AUDIT("--mechanism", "laplace", "--scale", "1", "--input", "none");
    expect(result, EXIT_FAULT, NULL, "none cannot be read");
    AUDIT("--mechanism", "gaussian", "--scale", "65536");
    expect(result, EXIT_USAGE, NULL, "cannot be audited");
    AUDIT("--mechanism", "krr", "--weights", "1:1");
    expect(result, EXIT_USAGE, NULL, "truth must outweigh lies");
    AUDIT("--mechanism", "laplace", "--scale", "1", "--confidence", "101");
    expect(result, EXIT_USAGE, NULL, "--confidence 101 is no number from 50 to");
}

/* Clopper-Pearson at 99.9 %, the event y <= 0 and the inputs 0 and 1 with noise of scale 1: expected counts. */
static void bounds_are_the_published_ones(void **state)
{
    static const struct {
        double n, bound;
    } cases[] = { { 1e4, .926 }, { 1e5, .977 }, { 1e6, .993 }, { 1e7, .998 } };
    double p = 1 / (1 + exp(-1));

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t n = (uint64_t)cases[i].n;
        double bound = log(binomial_lower((uint64_t)llround(p * cases[i].n), n, .0005) /
                           binomial_upper((uint64_t)llround((1 - p) * cases[i].n), n, .0005));
        print_message("%.0f: %.4f\n", cases[i].n, bound);
        assert_true(fabs(bound - cases[i].bound) < .0006);
    }
    assert_true(fabs(binomial_at_least(3, 5, .5) - .5) < 1e-12);
    assert_true(fabs(binomial_at_most(0, 10, .1) - pow(.9, 10)) < 1e-12);
    assert_true(fabs(binomial_upper(0, 100, .05) - (1 - pow(.05, .01))) < 1e-12);
    assert_true(binomial_lower(0, 100, .05) == 0 && binomial_upper(100, 100, .05) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(honest_samples_of_others_pass),
        cmocka_unit_test(every_planted_fault_is_found),
        cmocka_unit_test(floating_point_noise_gives_its_input_away),
        cmocka_unit_test(a_claim_that_is_too_good_is_refuted),
        cmocka_unit_test(our_own_samplers_keep_their_claims),
        cmocka_unit_test(printed_samples_can_be_audited),
        cmocka_unit_test(what_is_no_sample_is_refused),
        cmocka_unit_test(bounds_are_the_published_ones),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
