#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "device_proto/virtual/noising.h"
#include "tests/unit/core/sham_random.h"

static struct noise_policy policy_of(enum policy_mechanism mechanism, uint32_t num, uint32_t den)
{
    return (struct noise_policy){ .lower = -3,
                                  .upper = 4,
                                  .mechanism = mechanism,
                                  .micro_epsilon = 2000000,
                                  .parameter_num = num,
                                  .parameter_den = den,
                                  .delta = mechanism == POLICY_GEOMETRIC ? 100000 : 0,
                                  .output_bound = mechanism == POLICY_DISCRETE_LAPLACE ? 80 : 0 };
}

static void all_that_leaves_is_within_what_the_policy_lets_out(void **state)
{
    static const enum policy_mechanism all[] = {
        POLICY_NONE, POLICY_DISCRETE_LAPLACE, POLICY_RANDOMIZED_RESPONSE, POLICY_GEOMETRIC, POLICY_UNARY, POLICY_ONE_BIT
    };
    struct sham_random source = { 3 };
    struct proto_random random = sham_random_port(&source);
    struct noising noising;
    int64_t least, most, out;
    bool plain, is_new;

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct noise_policy policy = policy_of(all[i], 4, 1);
        policy_output_range(&policy, &least, &most, &plain);
        assert_int_equal(noising_begin(&policy, &random, &noising), 0);
        for (int k = 0; k < 500; k++) {
            assert_int_equal(noising_apply(&policy, &random, &noising, k % 8 - 3, &out, &is_new), 0);
            assert_true(out >= least && out <= most && !is_new);
        }
    }
    struct noise_policy cheap = policy_of(POLICY_GEOMETRIC, 4, 1);
    cheap.delta = 1;
    assert_int_equal(noising_begin(&cheap, &random, &noising), POLICY_UNDERCHARGED);
}

static void a_memoised_answer_stays_and_a_full_table_gives_none(void **state)
{
    struct sham_random source = { 5 };
    struct proto_random random = sham_random_port(&source);
    struct noise_policy policy = policy_of(POLICY_DISCRETE_LAPLACE, 400, 1);
    struct noising noising;
    int64_t first, again;
    bool is_new;

    (void)state;
    policy.lower = 0;
    policy.upper = 1000;
    policy.output_bound = 8000;
    policy.memo_step = 1;
    assert_int_equal(noising_begin(&policy, &random, &noising), 0);
    for (unsigned i = 0; i < NOISING_ANSWERS_MAX; i++) {
        assert_int_equal(noising_apply(&policy, &random, &noising, i, &first, &is_new), 0);
        assert_true(is_new);
        assert_int_equal(noising_apply(&policy, &random, &noising, i, &again, &is_new), 0);
        assert_true(!is_new && again == first);
    }
    assert_int_equal(noising_apply(&policy, &random, &noising, 999, &again, &is_new), NOISE_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_leaves_is_within_what_the_policy_lets_out),
        cmocka_unit_test(a_memoised_answer_stays_and_a_full_table_gives_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
