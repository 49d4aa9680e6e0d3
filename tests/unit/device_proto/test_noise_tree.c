#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "device_proto/noise_tree.h"
#include "tests/unit/device_proto/fixture.h"

static int no_noise(const struct proto_random *random, uint64_t num, uint64_t den, int64_t *out)
{
    (void)random;
    (void)num;
    (void)den;
    *out = 0;
    return 0;
}

static int always_one(const struct proto_random *random, uint64_t num, uint64_t den, int64_t *out)
{
    (void)random;
    *out = (int64_t)(num / den);
    return 0;
}

static void without_noise_it_is_the_running_sum(void **state)
{
    struct noise_tree tree;
    int64_t sum = 0, out;

    (void)state;
    assert_int_equal(noise_tree_init(no_noise, 1, 1, 1000, 100, &tree), 0);
    for (int64_t step = 1; step <= 1000; step++) {
        int64_t value = step * 7919 % 301 - 150;

        sum += value < -100 ? -100 : value > 100 ? 100 : value;
        assert_int_equal(noise_tree_add(&tree, NULL, value, &out), 0);
        assert_int_equal(out, sum);
    }
    assert_int_equal(noise_tree_add(&tree, NULL, 1, &out), NOISE_FULL);
}

/* Noise that is always one counts the draws in each answer. */
static void each_answer_carries_as_many_draws_as_its_step_has_ones(void **state)
{
    struct noise_tree tree;
    uint64_t draws = 0, most = 0;
    int64_t out;

    (void)state;
    assert_int_equal(noise_tree_init(always_one, 1, 1, 365, 0, &tree), 0);
    for (unsigned step = 1; step <= 365; step++) {
        assert_int_equal(noise_tree_add(&tree, NULL, 0, &out), 0);
        assert_int_equal(out, __builtin_popcount(step));
        assert_int_equal(noise_tree_draws(&tree), __builtin_popcount(step));
        draws += (uint64_t)out;
        most = (uint64_t)out > most ? (uint64_t)out : most;
    }
    /* variance x 2 rho: levels x draws; 36.8 on average and 72 at most over a year */
    assert_int_equal(noise_tree_levels(365), 9);
    assert_int_equal(9 * most, 72);
    assert_true(fabs(9 * (double)draws / 365 - 36.8) < .05);
    assert_int_equal(noise_tree_levels(8760), 14);
}

static void answers_are_unbiased_with_the_stated_variance(void **state)
{
    struct fixture_random fixture;
    struct proto_random random = fixture_random(&fixture, 41);
    const unsigned runs = 4000;
    double sum = 0, squares = 0;

    (void)state;
    for (unsigned run = 0; run < runs; run++) {
        struct noise_tree tree;
        int64_t out = 0;

        assert_int_equal(noise_tree_init(noise_gauss, 50, 1, 7, 5, &tree), 0);
        for (unsigned step = 0; step < 7; step++)
            assert_int_equal(noise_tree_add(&tree, &random, 3, &out), 0);
        sum += (double)out - 21;
        squares += ((double)out - 21) * ((double)out - 21);
    }
    assert_true(fabs(sum / runs) < 6 * sqrt(150. / runs));
    assert_true(fabs(squares / runs / 150 - 1) < 6 * sqrt(2. / runs));
}

static void a_fault_leaves_the_step_to_be_taken_again(void **state)
{
    struct fixture_script empty = { bytes_view(NULL, 0) };
    struct proto_random random = fixture_script(&empty);
    struct fixture_random fixture;
    struct noise_tree tree, before;
    int64_t out = 77;

    (void)state;
    assert_int_equal(noise_tree_init(noise_laplace, 10, 1, 7, 5, &tree), 0);
    before = tree;
    assert_int_equal(noise_tree_add(&tree, &random, 3, &out), -5);
    assert_int_equal(out, 77);
    assert_memory_equal(&tree, &before, sizeof(tree));
    random = fixture_random(&fixture, 1);
    assert_int_equal(noise_tree_add(&tree, &random, 3, &out), 0);
}

static void horizons_and_bounds_that_may_overflow_are_refused(void **state)
{
    struct noise_tree tree;

    (void)state;
    assert_int_equal(noise_tree_init(no_noise, 1, 1, 0, 1, &tree), NOISE_BAD_PARAMETER);
    assert_int_equal(noise_tree_init(no_noise, 1, 1, UINT64_C(1) << 32, 1, &tree), NOISE_BAD_PARAMETER);
    assert_int_equal(noise_tree_init(no_noise, 1, 1, 4, INT64_C(1) << 60, &tree), NOISE_BAD_PARAMETER);
    assert_int_equal(noise_tree_init(no_noise, 1, 1, 3, INT64_C(1) << 60, &tree), 0);
    assert_int_equal(noise_tree_init(no_noise, 1, 1, 3, -1, &tree), NOISE_BAD_PARAMETER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_noise_it_is_the_running_sum),
        cmocka_unit_test(each_answer_carries_as_many_draws_as_its_step_has_ones),
        cmocka_unit_test(answers_are_unbiased_with_the_stated_variance),
        cmocka_unit_test(a_fault_leaves_the_step_to_be_taken_again),
        cmocka_unit_test(horizons_and_bounds_that_may_overflow_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
