/* Draws against their laws: Pearson's chi-square with 17 bins and two tails (18 degrees of freedom), which a right
 * sampler exceeds with probability 1e-9 for each of the parameter sets. A fixed seed makes it the same run every time;
 * TINYPART_FULL=1 draws five hundred times as many, ten million for each set, where a scale that is 0.3 % off shows. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "device_proto/noise.h"
#include "tests/unit/device_proto/fixture.h"
#include "tests/unit/device_proto/laws.h"

#define BINS  19u
#define CHUNK 4096u

struct law {
    double (*upto)(double parameter, int64_t x); /* P(X <= x) */
    int (*draw)(const struct proto_random *random, uint64_t num, uint64_t den, int64_t *out, size_t count);
    double (*deviation)(double parameter);
};

static double laplace_upto(double t, int64_t x)
{
    double q = exp(-1 / t);

    return x < 0 ? exp((double)x / t) / (1 + q) : 1 - exp(-((double)x + 1) / t) / (1 + q);
}

static double laplace_deviation(double t)
{
    return sqrt(2) * t;
}

/* Summed up to sigma = 1000; beyond, the normal distribution at half numbers differs by less than 1e-7. */
static double gauss_upto(double variance, int64_t x)
{
    double sum = 0;

    if (variance > 1e6)
        return .5 * erfc(-((double)x + .5) / sqrt(2 * variance));
    for (int64_t k = -(int64_t)(12 * sqrt(variance)) - 12; k <= x; k++)
        sum += law_gauss(variance, k);
    return sum;
}

static int draw_geometric(const struct proto_random *random, uint64_t num, uint64_t den, int64_t *out, size_t count)
{
    struct noise_geometric geometric;
    int r = noise_geometric_init(num, den, &geometric);

    for (size_t i = 0; i < count && r == 0; i++)
        r = noise_geometric(random, &geometric, &out[i]);
    return r;
}

static const struct law laplace = { laplace_upto, noise_laplace_many, laplace_deviation };
static const struct law gauss = { gauss_upto, noise_gauss_many, sqrt };
static const struct law geometric = { laplace_upto, draw_geometric, laplace_deviation };

static size_t bin_of(int64_t x, int64_t width)
{
    int64_t shifted = x + 8 * width + width / 2;

    return shifted < 0 ? 0 : shifted >= 17 * width ? BINS - 1 : (size_t)(shifted / width) + 1;
}

static void check(const struct law *law, const struct proto_random *random, uint64_t num, uint64_t den, uint64_t draws)
{
    double parameter = (double)num / (double)den, expected[BINS], before = 0, sum;
    int64_t width = (int64_t)(law->deviation(parameter) / 4) + 1;
    uint64_t observed[BINS] = { 0 };
    size_t cells = 0;

    for (size_t i = 0; i < BINS; i++) {
        double upto = i == BINS - 1 ? 1 : law->upto(parameter, ((int64_t)i - 8) * width - width / 2 - 1);
        expected[i] = (upto - before) * (double)draws;
        before = upto;
    }
    for (uint64_t done = 0; done < draws; done += CHUNK) {
        static int64_t noise[CHUNK];
        assert_int_equal(law->draw(random, num, den, noise, CHUNK), 0);
        for (size_t i = 0; i < CHUNK && done + i < draws; i++)
            observed[bin_of(noise[i], width)]++;
    }
    for (size_t i = 0; i < BINS; i++) { /* cells with hardly any expectation go to their neighbour */
        if (cells > 0 && (expected[cells - 1] < 10 || expected[i] < 10)) {
            expected[cells - 1] += expected[i];
            observed[cells - 1] += observed[i];
            continue;
        }
        expected[cells] = expected[i];
        observed[cells++] = observed[i];
    }
    if (cells == 1) /* hardly ever anything but zero; the enumeration looks after that */
        return;
    sum = chi_square(expected, observed, cells);
    if (sum >= chi_square_critical(cells - 1))
        print_message("%llu/%llu: chi-square %.1f of %zu cells\n", (unsigned long long)num, (unsigned long long)den,
                      sum, cells);
    assert_true(sum < chi_square_critical(cells - 1));
}

static void check_all(const struct law *law, uint64_t seed, uint64_t draws)
{
    static const uint64_t nums[] = { 1, 2, 3, 10, 100, 1000, 65537, 1000003 }, dens[] = { 1, 2, 3, 7, 16 };
    struct fixture_random fixture;
    struct proto_random random = fixture_random(&fixture, seed);
    unsigned sets = 0;

    if (getenv("TINYPART_FULL") != NULL)
        draws *= 500;
    for (size_t n = 0; n < sizeof(nums) / sizeof(nums[0]); n++)
        for (size_t d = 0; d < sizeof(dens) / sizeof(dens[0]); d++, sets++)
            check(law, &random, nums[n], dens[d], draws);
    print_message("%u parameter sets, %llu draws each\n", sets, (unsigned long long)draws);
}

static double variance_of(double (*law)(double parameter, int64_t x), double parameter)
{
    double sum = 0;

    for (int64_t x = 60; x >= 1; x--)
        sum += 2 * (double)(x * x) * law(parameter, x);
    return sum;
}

static void the_laws_are_the_golden_ones(void **state)
{
    (void)state;
    assert_true(fabs(law_laplace(.5, 0) - .761594155955764888) < 1e-15);
    assert_true(fabs(law_laplace(1, 0) - .462117157260009759) < 1e-15);
    assert_true(fabs(law_laplace(10 / 3., 0) - .148885033623317974) < 1e-15);
    assert_true(fabs(law_laplace(10, 0) - .0499583749578799) < 1e-15);
    assert_true(fabs(law_laplace(1, 1) - .170003401568547920) < 1e-15);
    assert_true(fabs(variance_of(law_laplace, 1) - 1.84134718841558) < 1e-13);
    assert_true(fabs(law_gauss(.25, 0) - .7865707070419479) < 1e-15);
    assert_true(fabs(law_gauss(1, 0) - .398942278266861706) < 1e-15);
    assert_true(fabs(law_gauss(1, 1) - .24197072322446061) < 1e-15);
    assert_true(fabs(law_gauss(4, 0) - .199471140200716339) < 1e-15);
    assert_true(fabs(law_gauss(10, 0) - .126156626101008002) < 1e-15);
    assert_true(fabs(variance_of(law_gauss, .25) - .215012675088138) < 1e-14);
    assert_true(fabs(variance_of(law_gauss, 1) - .999999788767728) < 1e-14);
}

static void laplace_noise_follows_its_law(void **state)
{
    (void)state;
    check_all(&laplace, 20261121, 20000);
}

static void gaussian_noise_follows_its_law(void **state)
{
    (void)state;
    check_all(&gauss, 20261122, 20000);
}

static void geometric_noise_follows_the_law_of_laplace(void **state)
{
    (void)state;
    check_all(&geometric, 20261123, 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_laws_are_the_golden_ones),
        cmocka_unit_test(laplace_noise_follows_its_law),
        cmocka_unit_test(gaussian_noise_follows_its_law),
        cmocka_unit_test(geometric_noise_follows_the_law_of_laplace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
