/* contract_schedules.c - releases that are asked for again and again: due in order, moved on once. */
#include "tests/contract/store_contract.h"

SEEN_EACH(schedule)

static int64_t add_schedule(struct store *store, int64_t tenant_id, int64_t next_ms, int64_t until_ms, bool paused)
{
    struct schedule schedule = { .tenant_id = tenant_id,
                                 .query = "mean",
                                 .sensor = "load",
                                 .selector = "site=lyon",
                                 .wanted = { .ueps = 10 },
                                 .loss = { .ueps = 10, .nrho = 1 },
                                 .every_ms = 1000,
                                 .next_ms = next_ms,
                                 .until_ms = until_ms,
                                 .paused = paused,
                                 .created_ms = NOW };

    ok(in_transaction(store, store->schedule_insert(store, &schedule)));
    return schedule.id;
}

static void a_schedule_is_kept_as_it_was_given(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), id = add_schedule(store, a, NOW + 5, 0, false);
    struct schedule found;

    ok(store->schedule_by_id(store, a, id, &found));
    assert_string_equal(found.tenant, "a");
    assert_string_equal(found.query, "mean");
    assert_string_equal(found.selector, "site=lyon");
    assert_int_equal(found.wanted.ueps, 10);
    assert_int_equal(found.loss.nrho, 1);
    assert_false(found.loss.impure);
    assert_int_equal(found.next_ms, NOW + 5);
    assert_int_equal(found.runs, 0);
    assert_int_equal(found.release_id, 0);
    assert_string_equal(found.problem, "");
    assert_int_equal(store->schedule_by_id(store, a + 1, id, &found), REFUSED_UNKNOWN);
}

static void those_due_come_in_order_without_paused_and_ended_ones(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), due_ms = 0, count = 0;
    int64_t second = add_schedule(store, a, NOW, 0, false), first = add_schedule(store, a, NOW - 5, NOW, false);
    struct seen due = { 0 }, one = { 0 };

    add_schedule(store, a, NOW - 9, NOW - 10, false); /* at its end */
    add_schedule(store, a, NOW - 9, 0, true);
    add_schedule(store, a, NOW + 1, 0, false);
    ok(store->schedules_due(store, NOW, 10, see_schedule, &due));
    assert_int_equal(due.count, 2);
    assert_int_equal(due.ids[0], first);
    assert_int_equal(due.ids[1], second);
    ok(store->schedules_due(store, NOW, 1, see_schedule, &one));
    assert_int_equal(one.count, 1);
    ok(store->schedule_next_due(store, &due_ms));
    assert_int_equal(due_ms, NOW - 5);
    ok(store->schedule_count(store, a, &count));
    assert_int_equal(count, 5);
}

static void a_run_moves_it_on_once(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), id = add_schedule(store, a, NOW, 0, false);
    struct schedule schedule, found;

    ok(store->schedule_by_id(store, a, id, &schedule));
    schedule.next_ms = NOW + 1000;
    schedule.runs = 1;
    schedule.release_id = 7;
    ok(in_transaction(store, store->schedule_update(store, &schedule, NOW)));
    assert_int_equal(in_transaction(store, store->schedule_update(store, &schedule, NOW)), REFUSED_CONFLICT);
    ok(store->schedule_by_id(store, 0, id, &found));
    assert_int_equal(found.runs, 1);
    assert_int_equal(found.release_id, 7);
    ok(in_transaction(store, store->schedule_delete(store, id)));
    assert_int_equal(in_transaction(store, store->schedule_delete(store, id)), REFUSED_UNKNOWN);
    assert_int_equal(in_transaction(store, store->schedule_update(store, &schedule, NOW)), REFUSED_UNKNOWN);
    assert_true(add_schedule(store, a, NOW, 0, false) > id); /* request ids name it: it must not come again */
}

int contract_schedules(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(a_schedule_is_kept_as_it_was_given),
        CONTRACT_TEST(those_due_come_in_order_without_paused_and_ended_ones),
        CONTRACT_TEST(a_run_moves_it_on_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
