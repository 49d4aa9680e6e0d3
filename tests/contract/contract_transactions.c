/* contract_transactions.c - begin, commit, rollback, what iterators bear, and the registry's small facts. */
#include "tests/contract/store_contract.h"

#include <errno.h>
#include <stdio.h>

static void writes_outside_a_transaction_are_a_fault(void **state)
{
    struct store *store = *state;
    struct tenant tenant = { .name = "acme" };
    struct device device = { .name = "d", .state = DEVICE_UNCLAIMED };
    struct charge charge = {
        .cause = "release", .cause_id = 1, .tenant_id = 1, .loss = { .ueps = 1, .nrho = 1 }, .budget_cap = pure_cap(1)
    };
    struct step_try attempt = a_try(1, 1, "m", "i");
    int64_t dropped;

    assert_int_equal(store->tenant_insert(store, &tenant), -EPERM);
    assert_int_equal(store->device_insert(store, &device), -EPERM);
    assert_int_equal(store->fact_set(store, "x", 1), -EPERM);
    assert_int_equal(store->charge(store, &charge, NULL), -EPERM);
    assert_int_equal(store->step_try(store, &attempt), -EPERM);
    assert_int_equal(store->sink_delete(store, 1, &dropped), -EPERM);
    assert_int_equal(store->commit(store), -EPERM);
    store->rollback(store); /* harmless */
    assert_int_equal(store->tenant_by_name(store, "acme", &tenant), REFUSED_UNKNOWN);
}

static void a_second_begin_is_a_fault_and_keeps_the_first(void **state)
{
    struct store *store = *state;
    int64_t value = 0;

    ok(store->begin(store));
    ok(store->fact_set(store, "x", 7));
    assert_true(store->begin(store) < 0);
    ok(store->commit(store));
    ok(store->fact_get(store, "x", &value));
    assert_int_equal(value, 7);
}

static void a_transaction_sees_what_it_wrote_and_rollback_leaves_nothing(void **state)
{
    struct store *store = *state;
    struct tenant tenant;
    int64_t value = 0;

    ok(store->begin(store));
    add_tenant(store, "acme");
    add_device(store, "d1", "tinypart");
    ok(store->fact_set(store, "x", 7));
    ok(store->tenant_by_name(store, "acme", &tenant));
    store->rollback(store);
    assert_int_equal(store->tenant_by_name(store, "acme", &tenant), REFUSED_UNKNOWN);
    assert_int_equal(store->fact_get(store, "x", &value), REFUSED_UNKNOWN);
    ok(store->device_count(store, 0, &value));
    assert_int_equal(value, 0);
}

static void a_refused_verb_leaves_nothing_and_the_transaction_goes_on(void **state)
{
    struct store *store = *state;
    struct device device = { .name = "d1", .state = DEVICE_CLAIMED, .profile = "tinypart", .label_count = 2 };
    int64_t count = 0;

    strcpy(device.labels[0].key, "site");
    strcpy(device.labels[1].key, "site"); /* the second one of a name is refused, after the device's row was written */
    ok(store->begin(store));
    assert_int_equal(store->device_insert(store, &device), REFUSED_EXISTS);
    assert_int_equal(device.id, 0);
    add_tenant(store, "acme");
    ok(store->commit(store));
    ok(store->device_count(store, 0, &count));
    assert_int_equal(count, 0);
    ok(store->tenant_by_name(store, "acme", &(struct tenant){ 0 }));
}

static void facts_are_set_and_only_raised_by_raise(void **state)
{
    struct store *store = *state;
    int64_t value = 0;

    assert_int_equal(store->fact_get(store, "ledger_ms", &value), REFUSED_UNKNOWN);
    ok(store->begin(store));
    ok(store->fact_raise(store, "ledger_ms", 5, &value));
    assert_int_equal(value, 5);
    ok(store->fact_raise(store, "ledger_ms", 3, &value));
    assert_int_equal(value, 5);
    ok(store->fact_raise(store, "ledger_ms", 9, &value));
    assert_int_equal(value, 9);
    ok(store->fact_set(store, "ledger_ms", -1));
    ok(store->fact_get(store, "ledger_ms", &value));
    assert_int_equal(value, -1);
    ok(store->commit(store));
}

static void a_fresh_store_is_whole_and_reconciles(void **state)
{
    struct store *store = *state;
    struct why why;

    ok(store->check(store, &why));
    ok(store->ledger_recount(store, NULL, &why));
}

/* each() that asks the same iterator again, for every row. */
struct nested {
    struct store *store;
    unsigned depth, calls;
};

static int list_again(void *context, const struct tenant *row)
{
    struct nested *nested = context;
    struct nested deeper = { nested->store, nested->depth + 1, 0 };
    struct tenant tenant;

    nested->calls++;
    ok(nested->store->tenant_by_id(nested->store, row->id, &tenant));
    assert_string_equal(tenant.name, row->name);
    if (nested->depth < 2) {
        ok(nested->store->tenant_each(nested->store, 0, everything, list_again, &deeper));
        assert_int_equal(deeper.calls, 3);
    }
    return 0;
}

static void an_iterator_may_be_used_within_itself(void **state)
{
    struct store *store = *state;
    struct nested nested = { store, 0, 0 };

    add_tenant(store, "a");
    add_tenant(store, "b");
    add_tenant(store, "c");
    ok(store->tenant_each(store, 0, everything, list_again, &nested));
    assert_int_equal(nested.calls, 3);
}

static int delete_and_add(void *context, const struct device *row)
{
    struct nested *nested = context;
    char name[NAME_SIZE];

    nested->calls++;
    snprintf(name, sizeof name, "after-%u", nested->calls);
    ok(nested->store->device_delete(nested->store, row->id));
    add_device(nested->store, name, "tinypart");
    return 0;
}

static void an_iterator_bears_rows_deleted_and_added_under_it(void **state)
{
    struct store *store = *state;
    struct nested nested = { store, 0, 0 };
    int64_t count = 0;

    ok(store->begin(store));
    for (int i = 0; i < 20; i++) {
        char name[NAME_SIZE];

        snprintf(name, sizeof name, "before-%d", i);
        add_device(store, name, "tinypart");
    }
    ok(store->device_each(store, 0, everything, delete_and_add, &nested));
    ok(store->commit(store));
    assert_int_equal(nested.calls, 20); /* each row that was there once, none of the new ones */
    ok(store->device_count(store, 0, &count));
    assert_int_equal(count, 20);
}

static int commit_and_begin(void *context, const struct tenant *row)
{
    struct nested *nested = context;

    (void)row;
    nested->calls++;
    ok(nested->store->commit(nested->store));
    ok(nested->store->begin(nested->store));
    return 0;
}

static int roll_back_and_begin(void *context, const struct tenant *row)
{
    struct nested *nested = context;

    (void)row;
    nested->calls++;
    nested->store->rollback(nested->store);
    ok(nested->store->begin(nested->store));
    return 0;
}

static void an_iterator_bears_transactions_ending_under_it(void **state)
{
    struct store *store = *state;
    struct nested nested = { store, 0, 0 };

    add_tenant(store, "a");
    add_tenant(store, "b");
    ok(store->begin(store));
    ok(store->tenant_each(store, 0, everything, commit_and_begin, &nested));
    ok(store->tenant_each(store, 0, everything, roll_back_and_begin, &nested));
    store->rollback(store);
    assert_int_equal(nested.calls, 4);
}

static int stop_at_once(void *context, const struct tenant *row)
{
    (void)row;
    (*(unsigned *)context)++;
    return 42;
}

static void an_iterator_ends_with_what_each_returns(void **state)
{
    struct store *store = *state;
    unsigned calls = 0;

    add_tenant(store, "a");
    add_tenant(store, "b");
    assert_int_equal(store->tenant_each(store, 0, everything, stop_at_once, &calls), 42);
    assert_int_equal(calls, 1);
}

static void a_page_out_of_bounds_is_a_fault(void **state)
{
    struct store *store = *state;
    unsigned calls = 0;

    assert_int_equal(store->tenant_each(store, 0, (struct page){ 0, 0 }, stop_at_once, &calls), -EINVAL);
    assert_int_equal(store->tenant_each(store, 0, (struct page){ 0, PAGE_MAX + 1 }, stop_at_once, &calls), -EINVAL);
}

static int add_named(struct store *store, const char *name)
{
    struct tenant tenant = { .created_ms = NOW };

    strcpy(tenant.name, name);
    return store->tenant_insert(store, &tenant);
}

static bool knows(struct store *store, const char *name)
{
    struct tenant tenant;

    return store->tenant_by_name(store, name, &tenant) == 0;
}

static void the_parts_of_a_group_become_durable_together(void **state)
{
    struct store *store = *state;

    ok(store->group_begin(store));
    assert_int_equal(store->group_begin(store), -EALREADY);
    assert_int_equal(add_named(store, "outside"), -EPERM); /* between its parts there is no transaction */
    assert_false(store->group_waits(store));
    ok(in_transaction(store, add_named(store, "a")));
    assert_true(store->group_waits(store));
    assert_int_equal(add_named(store, "outside"), -EPERM);
    ok(store->begin(store));
    assert_int_equal(store->begin(store), -EALREADY);
    ok(add_named(store, "undone"));
    store->rollback(store);
    store->rollback(store); /* harmless */
    assert_int_equal(store->commit(store), -EPERM);
    ok(in_transaction(store, add_named(store, "b")));
    assert_true(knows(store, "a"));
    assert_false(knows(store, "undone"));
    ok(store->group_end(store));
    assert_false(store->group_waits(store));
    assert_int_equal(store->group_end(store), -EPERM);
    contract_reopen(state);
    store = *state;
    assert_true(knows(store, "a") && knows(store, "b"));
    assert_false(knows(store, "undone") || knows(store, "outside"));
}

static void a_group_that_does_not_end_never_was(void **state)
{
    struct store *store = *state;

    ok(store->group_begin(store));
    ok(in_transaction(store, add_named(store, "a")));
    contract_reopen(state);
    assert_false(knows(*state, "a"));
}

static void an_open_part_is_not_in_its_group(void **state)
{
    struct store *store = *state;

    ok(store->group_begin(store));
    ok(store->group_end(store)); /* an empty one costs nothing */
    ok(store->group_begin(store));
    ok(in_transaction(store, add_named(store, "a")));
    ok(store->begin(store));
    ok(add_named(store, "open"));
    ok(store->group_end(store));
    assert_true(knows(store, "a"));
    assert_false(knows(store, "open"));
    ok(store->begin(store));
    assert_int_equal(store->group_begin(store), -EALREADY);
    store->rollback(store);
}

int contract_transactions(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(writes_outside_a_transaction_are_a_fault),
        CONTRACT_TEST(a_second_begin_is_a_fault_and_keeps_the_first),
        CONTRACT_TEST(a_transaction_sees_what_it_wrote_and_rollback_leaves_nothing),
        CONTRACT_TEST(a_refused_verb_leaves_nothing_and_the_transaction_goes_on),
        CONTRACT_TEST(facts_are_set_and_only_raised_by_raise),
        CONTRACT_TEST(a_fresh_store_is_whole_and_reconciles),
        CONTRACT_TEST(an_iterator_may_be_used_within_itself),
        CONTRACT_TEST(an_iterator_bears_rows_deleted_and_added_under_it),
        CONTRACT_TEST(an_iterator_bears_transactions_ending_under_it),
        CONTRACT_TEST(an_iterator_ends_with_what_each_returns),
        CONTRACT_TEST(a_page_out_of_bounds_is_a_fault),
        CONTRACT_TEST(the_parts_of_a_group_become_durable_together),
        CONTRACT_TEST(a_group_that_does_not_end_never_was),
        CONTRACT_TEST(an_open_part_is_not_in_its_group),
    };

    return cmocka_run_group_tests_name("transactions", tests, NULL, NULL);
}
