/* contract_rollouts.c - deploy orders, and the paths under which devices fetch. */
#include "tests/contract/store_contract.h"

#include <stdio.h>

SEEN_EACH(rollout)

static int64_t a_rollout(struct store *store, unsigned concurrency)
{
    int64_t tenant = add_tenant(store, "a");

    add_blob(store, 100, 277);
    return add_rollout(store, tenant, add_image(store, tenant, "thermo", "1.2"), concurrency);
}

static void a_rollout_comes_back_with_its_counts(void **state)
{
    struct store *store = *state;
    int64_t id = a_rollout(store, 64);
    struct rollout terms = { 0 };
    bool unfinished = false;
    int64_t first = add_step(store, id, 1, add_device(store, "d1", "tinypart"), NOW);
    struct rollout found = { 0 };
    struct step_move move = { first, STEP_WAITING, STEP_FAILED, "no", 0, NOW };
    struct seen all = { 0 }, others = { 0 };

    add_step(store, id, 1, add_device(store, "d2", "tinypart"), NOW);
    ok(in_transaction(store, store->step_move(store, &move)));
    ok(store->rollout_by_id(store, 0, id, &found));
    assert_string_equal(found.tenant, "a");
    assert_string_equal(found.image, "thermo");
    assert_string_equal(found.version, "1.2");
    assert_string_equal(found.selector, "site=lyon");
    assert_string_equal(found.created_by, "uid:0");
    assert_int_equal(found.state, ROLLOUT_RUNNING);
    assert_int_equal(found.concurrency, 64);
    assert_true(found.encrypted);
    assert_int_equal(found.attempts_max, 4);
    assert_int_equal(found.deadline_ms, 900000);
    assert_int_equal(found.steps[STEP_WAITING], 1);
    assert_int_equal(found.steps[STEP_FAILED], 1);
    ok(store->rollout_is_unfinished(store, id, &unfinished));
    assert_true(unfinished);
    ok(in_transaction(store, store->steps_abort_waiting(store, id, "by order", NOW)));
    ok(store->rollout_is_unfinished(store, id, &unfinished));
    assert_false(unfinished);
    ok(store->rollout_terms(store, id, &terms));
    assert_int_equal(terms.attempts_max, 4);
    assert_string_equal(terms.image, "thermo");
    assert_int_equal(store->rollout_terms(store, 99, &terms), REFUSED_UNKNOWN);
    ok(store->rollout_by_id(store, found.tenant_id, id, &found));
    assert_int_equal(store->rollout_by_id(store, found.tenant_id + 1, id, &found), REFUSED_UNKNOWN);
    assert_int_equal(store->rollout_by_id(store, 0, 99, &found), REFUSED_UNKNOWN);
    ok(store->rollout_each(store, 0, everything, see_rollout, &all));
    assert_int_equal(all.count, 1);
    ok(store->rollout_each(store, found.tenant_id + 1, everything, see_rollout, &others));
    assert_int_equal(others.count, 0);
}

static void counts_a_tenants_rollouts_that_are_not_final(void **state)
{
    struct store *store = *state;
    int64_t first = a_rollout(store, 64), count = 9;
    struct rollout rollout;

    ok(store->rollout_by_id(store, 0, first, &rollout));
    int64_t second = add_rollout(store, rollout.tenant_id, rollout.image_id, 64);
    ok(in_transaction(store, store->rollout_move(store, first, ROLLOUT_RUNNING, ROLLOUT_PAUSED, NOW)));
    ok(store->rollout_count(store, rollout.tenant_id, &count));
    assert_int_equal(count, 2);
    ok(in_transaction(store, store->rollout_move(store, second, ROLLOUT_RUNNING, ROLLOUT_DONE, NOW)));
    ok(in_transaction(store, store->rollout_move(store, first, ROLLOUT_PAUSED, ROLLOUT_ABORTED, NOW)));
    ok(store->rollout_count(store, rollout.tenant_id, &count));
    assert_int_equal(count, 0);
}

static void a_rollout_moves_only_from_the_state_it_is_in(void **state)
{
    struct store *store = *state;
    int64_t id = a_rollout(store, 64);
    struct rollout found = { 0 };

    ok(in_transaction(store, store->rollout_move(store, id, ROLLOUT_RUNNING, ROLLOUT_PAUSED, NOW)));
    assert_int_equal(in_transaction(store, store->rollout_move(store, id, ROLLOUT_RUNNING, ROLLOUT_DONE, NOW)),
                     REFUSED_CONFLICT);
    assert_int_equal(in_transaction(store, store->rollout_move(store, 99, ROLLOUT_RUNNING, ROLLOUT_DONE, NOW)),
                     REFUSED_UNKNOWN);
    ok(store->rollout_by_id(store, 0, id, &found));
    assert_int_equal(found.state, ROLLOUT_PAUSED);
    assert_int_equal(found.finished_ms, 0);
    ok(in_transaction(store, store->rollout_move(store, id, ROLLOUT_PAUSED, ROLLOUT_ABORTED, NOW + 5)));
    ok(store->rollout_by_id(store, 0, id, &found));
    assert_int_equal(found.finished_ms, NOW + 5);
}

static void a_path_leads_to_its_step_until_it_expires(void **state)
{
    struct store *store = *state;
    int64_t rollout = a_rollout(store, 64), step;
    struct fetch_target target = { 0 };
    struct step_try attempt;

    step = add_step(store, rollout, 1, add_device(store, "d1", "tinypart"), NOW);
    attempt = a_try(step, 1, "m/AAAA", "i/BBBB");
    ok(in_transaction(store, store->step_try(store, &attempt)));
    ok(store->fetch_by_path(store, "m/AAAA", NOW, &target));
    assert_true(target.is_manifest);
    assert_int_equal(target.total, 277);
    assert_int_equal(target.step.id, step);
    assert_string_equal(target.step.device, "d1");
    assert_memory_equal(target.digest, attempt.manifest_digest, DIGEST_SIZE);
    ok(store->fetch_by_path(store, "i/BBBB", NOW + 59999, &target));
    assert_false(target.is_manifest);
    assert_int_equal(target.total, 178);
    assert_int_equal(store->fetch_by_path(store, "i/BBBB", NOW + 60000, &target), REFUSED_UNKNOWN);
    assert_int_equal(store->fetch_by_path(store, "i/CCCC", NOW, &target), REFUSED_UNKNOWN);
    ok(in_transaction(store, store->paths_expire(store, NOW + 59999)));
    ok(store->fetch_by_path(store, "i/BBBB", NOW, &target));
    ok(in_transaction(store, store->paths_expire(store, NOW + 60000)));
    assert_int_equal(store->fetch_by_path(store, "i/BBBB", NOW, &target), REFUSED_UNKNOWN);
}

int contract_rollouts(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(a_rollout_comes_back_with_its_counts),
        CONTRACT_TEST(counts_a_tenants_rollouts_that_are_not_final),
        CONTRACT_TEST(a_rollout_moves_only_from_the_state_it_is_in),
        CONTRACT_TEST(a_path_leads_to_its_step_until_it_expires),
    };

    return cmocka_run_group_tests_name("rollouts", tests, NULL, NULL);
}
