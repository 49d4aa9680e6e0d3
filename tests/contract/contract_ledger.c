/* contract_ledger.c - policies, budgets, filters and charges: to the last micro-epsilon, and no refunds (I2, I4, I5).
 */
#include "tests/contract/store_contract.h"

#include <errno.h>

SEEN_EACH(policy)
SEEN_EACH(release)

static void a_policys_versions_rise_by_one(void **state)
{
    struct store *store = *state;
    struct policy found = { 0 }, next;
    struct seen seen = { 0 };

    add_policy(store, "temperature", 1000);
    add_policy(store, "load", 1000);
    assert_int_equal(store->policy_newest(store, "noise", &found), REFUSED_UNKNOWN);
    ok(store->policy_newest(store, "temperature", &found));
    assert_int_equal(found.version, 1);
    assert_int_equal(found.lower, -2000);
    assert_int_equal(found.upper, 6000);
    assert_int_equal(found.contributions, 24);
    assert_int_equal(found.document_size, 3);
    assert_int_equal(found.document[2], 3);
    next = found;
    assert_int_equal(in_transaction(store, store->policy_insert(store, &next)), REFUSED_CONFLICT);
    next.version = 3;
    assert_int_equal(in_transaction(store, store->policy_insert(store, &next)), REFUSED_CONFLICT);
    next.version = 2;
    next.upper = 7000;
    ok(in_transaction(store, store->policy_insert(store, &next)));
    ok(store->policy_newest(store, "temperature", &found));
    assert_int_equal(found.upper, 7000);
    ok(store->policy_version(store, "temperature", 1, &found));
    assert_int_equal(found.upper, 6000);
    assert_int_equal(store->policy_version(store, "temperature", 3, &found), REFUSED_UNKNOWN);
    ok(store->policy_each(store, everything, see_policy, &seen));
    assert_int_equal(seen.count, 3);
}

static void a_budgets_cap_holds_from_its_epoch_on(void **state)
{
    struct store *store = *state;
    int64_t tenant = add_tenant(store, "a"), cap = 0;

    assert_int_equal(store->budget_cap(store, tenant, 100, &cap), REFUSED_UNKNOWN);
    assert_int_equal(in_transaction(store, store->budget_put(store, 99, 100, 5)), REFUSED_UNKNOWN);
    ok(in_transaction(store, store->budget_put(store, tenant, 100, 5)));
    ok(in_transaction(store, store->budget_put(store, tenant, 103, 9)));
    assert_int_equal(store->budget_cap(store, tenant, 99, &cap), REFUSED_UNKNOWN);
    ok(store->budget_cap(store, tenant, 102, &cap));
    assert_int_equal(cap, 5);
    ok(store->budget_cap(store, tenant, 1000, &cap));
    assert_int_equal(cap, 9);
    ok(in_transaction(store, store->budget_put(store, tenant, 103, 7)));
    ok(store->budget_cap(store, tenant, 103, &cap));
    assert_int_equal(cap, 7);
}

static int spend(struct store *store, int64_t tenant, int64_t device, int64_t ueps, int64_t cap,
                 struct charge_standing *out)
{
    struct charge charge = { "release", 1, tenant, device, 100, ueps, cap };

    return in_transaction(store, store->charge(store, &charge, out));
}

static void a_budget_is_charged_to_the_last_micro_epsilon_and_not_beyond(void **state)
{
    struct store *store = *state;
    int64_t tenant = add_tenant(store, "a");
    struct charge_standing standing = { 0 };

    assert_int_equal(store->budget_standing(store, tenant, 100, &standing), REFUSED_UNKNOWN);
    assert_int_equal(spend(store, tenant, 0, 11, 10, &standing), REFUSED_EXHAUSTED);
    assert_int_equal(standing.spent_ueps, 0);
    assert_int_equal(standing.cap_ueps, 10);
    assert_int_equal(store->budget_standing(store, tenant, 100, &standing), REFUSED_UNKNOWN);
    ok(spend(store, tenant, 0, 9, 10, &standing));
    assert_int_equal(standing.spent_ueps, 9);
    assert_int_equal(spend(store, tenant, 0, 2, 10, &standing), REFUSED_EXHAUSTED);
    assert_int_equal(standing.spent_ueps, 9);
    ok(spend(store, tenant, 0, 1, 10, NULL));
    assert_int_equal(spend(store, tenant, 0, 1, 10, NULL), REFUSED_EXHAUSTED);
    ok(store->budget_standing(store, tenant, 100, &standing));
    assert_int_equal(standing.spent_ueps, 10);
    assert_int_equal(store->budget_standing(store, tenant, 101, &standing), REFUSED_UNKNOWN);
    assert_int_equal(spend(store, 99, 0, 1, 10, NULL), REFUSED_UNKNOWN);
    ok(store->charges_reconcile(store, NULL));
}

static void of_a_standing_rows_cap_and_the_present_one_the_lower_holds(void **state)
{
    struct store *store = *state;
    int64_t device = add_device(store, "d", "tinypart");
    struct charge_standing standing = { 0 };

    ok(spend(store, 0, device, 1, 10, &standing));
    assert_int_equal(spend(store, 0, device, 2, 2, &standing), REFUSED_EXHAUSTED); /* lowered: obeyed at once */
    assert_int_equal(standing.cap_ueps, 2);
    ok(spend(store, 0, device, 5, 6, &standing));
    assert_int_equal(standing.cap_ueps, 10); /* raised: not for an epoch that began */
    assert_int_equal(spend(store, 0, device, 5, 100, &standing), REFUSED_EXHAUSTED);
    assert_int_equal(standing.spent_ueps, 6);
    assert_int_equal(standing.cap_ueps, 10);
}

static int64_t add_mortal(struct store *store, int64_t life_cap_ueps)
{
    struct device device = {
        .name = "mortal", .state = DEVICE_CLAIMED, .profile = "tinypart", .life_cap_ueps = life_cap_ueps
    };

    ok(in_transaction(store, store->device_insert(store, &device)));
    return device.id;
}

static void a_device_charge_runs_its_odometer_or_is_not_made_at_all(void **state)
{
    struct store *store = *state;
    int64_t id = add_mortal(store, 15);
    struct charge later = { "release", 2, 0, id, 101, 6, 10 };
    struct charge_standing standing = { 0 };
    struct device device = { 0 };

    ok(spend(store, 0, id, 10, 10, NULL));
    assert_int_equal(in_transaction(store, store->charge(store, &later, &standing)), REFUSED_EXHAUSTED);
    assert_int_equal(standing.cap_ueps, 15); /* its lifetime's */
    assert_int_equal(standing.spent_ueps, 10);
    assert_int_equal(store->filter_standing(store, id, 101, &standing), REFUSED_UNKNOWN);
    later.ueps = 5;
    ok(in_transaction(store, store->charge(store, &later, NULL)));
    ok(store->device_by_id(store, id, &device));
    assert_int_equal(device.life_spent_ueps, 15);
    ok(store->charges_reconcile(store, NULL));
}

static void a_refused_charge_leaves_no_trace_in_a_transaction_that_goes_on(void **state)
{
    struct store *store = *state;
    int64_t id = add_mortal(store, 15);
    struct charge charge = { "release", 2, 0, id, 101, 16, 100 };
    struct charge_standing standing = { 0 };

    ok(store->begin(store));
    assert_int_equal(store->charge(store, &charge, NULL), REFUSED_EXHAUSTED);
    charge.ueps = 15;
    ok(store->charge(store, &charge, NULL));
    ok(store->commit(store));
    ok(store->filter_standing(store, id, 101, &standing));
    assert_int_equal(standing.spent_ueps, 15);
    ok(store->charges_reconcile(store, NULL));
}

static void an_unbounded_life_is_counted_up_to_the_end_of_int64(void **state)
{
    struct store *store = *state;
    int64_t id = add_mortal(store, 0);
    struct charge charge = { "release", 2, 0, id, 1, INT64_MAX, INT64_MAX };
    struct charge_standing standing = { 0 };

    ok(in_transaction(store, store->charge(store, &charge, NULL)));
    assert_int_equal(in_transaction(store, store->charge(store, &charge, &standing)), REFUSED_EXHAUSTED);
    assert_int_equal(standing.spent_ueps, INT64_MAX);
    charge.epoch = 2;
    charge.ueps = 1;
    assert_int_equal(in_transaction(store, store->charge(store, &charge, NULL)), REFUSED_EXHAUSTED);
    ok(store->charges_reconcile(store, NULL));
}

static void a_charge_has_one_scope_and_a_positive_amount(void **state)
{
    struct store *store = *state;
    int64_t tenant = add_tenant(store, "a"), device = add_device(store, "d", "tinypart");

    assert_int_equal(spend(store, tenant, device, 1, 10, NULL), -EINVAL);
    assert_int_equal(spend(store, 0, 0, 1, 10, NULL), -EINVAL);
    assert_int_equal(spend(store, tenant, 0, 0, 10, NULL), -EINVAL);
    assert_int_equal(spend(store, tenant, 0, -1, 10, NULL), -EINVAL);
    assert_int_equal(spend(store, 0, 99, 1, 10, NULL), REFUSED_UNKNOWN);
}

static void a_standing_cap_is_lowered_but_not_below_what_is_spent(void **state)
{
    struct store *store = *state;
    int64_t tenant = add_tenant(store, "a");
    struct charge_standing standing = { 0 };

    ok(in_transaction(store, store->budget_lower(store, tenant, 100, 5))); /* nothing stands yet */
    ok(spend(store, tenant, 0, 6, 10, NULL));
    ok(in_transaction(store, store->budget_lower(store, tenant, 100, 8)));
    ok(store->budget_standing(store, tenant, 100, &standing));
    assert_int_equal(standing.cap_ueps, 8);
    ok(in_transaction(store, store->budget_lower(store, tenant, 100, 9))); /* never raised */
    ok(store->budget_standing(store, tenant, 100, &standing));
    assert_int_equal(standing.cap_ueps, 8);
    ok(in_transaction(store, store->budget_lower(store, tenant, 100, 2)));
    ok(store->budget_standing(store, tenant, 100, &standing));
    assert_int_equal(standing.cap_ueps, 6);
}

static void a_rolled_back_charge_was_never_made(void **state)
{
    struct store *store = *state;
    int64_t device = add_device(store, "d", "tinypart");
    struct charge charge = { "release", 1, 0, device, 100, 10, 10 };
    struct charge_standing standing = { 0 };

    ok(store->begin(store));
    ok(store->charge(store, &charge, NULL));
    store->rollback(store);
    assert_int_equal(store->filter_standing(store, device, 100, &standing), REFUSED_UNKNOWN);
    ok(spend(store, 0, device, 10, 10, NULL));
    ok(store->charges_reconcile(store, NULL));
}

static void the_ledger_survives_a_reopening(void **state)
{
    struct store *store = *state;
    int64_t tenant = add_tenant(store, "a"), device = add_device(store, "d", "tinypart");
    struct charge_standing standing = { 0 };

    ok(spend(store, tenant, 0, 3, 10, NULL));
    ok(spend(store, 0, device, 4, 10, NULL));
    contract_reopen(state);
    store = *state;
    ok(store->check(store, NULL));
    ok(store->charges_reconcile(store, NULL));
    ok(store->budget_standing(store, tenant, 100, &standing));
    assert_int_equal(standing.spent_ueps, 3);
    ok(store->filter_standing(store, device, 100, &standing));
    assert_int_equal(standing.spent_ueps, 4);
    assert_int_equal(spend(store, 0, device, 7, 10, NULL), REFUSED_EXHAUSTED);
}

static struct release a_release(int64_t tenant_id, const char *request)
{
    struct release release = { .tenant_id = tenant_id,
                               .query = "mean",
                               .sensor = "temperature",
                               .selector = "site=lyon",
                               .from_ms = NOW - 1000,
                               .to_ms = NOW,
                               .ueps = 50000,
                               .policy_version = 1,
                               .cohort = 12,
                               .created_ms = NOW };

    strcpy(release.request, request);
    return release;
}

static void a_release_is_answered_once_and_replayed_byte_by_byte(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), b = add_tenant(store, "b");
    struct release release = a_release(a, "r-1"), foreign = a_release(b, "r-1"), found = { 0 };
    const char answer[] = "{\"mean\":21.5}\0tail";
    uint8_t hash[DIGEST_SIZE], found_hash[DIGEST_SIZE];
    struct seen all = { 0 }, of_b = { 0 };

    digest_of(9, hash);
    ok(store->begin(store));
    ok(store->release_insert(store, &release, hash));
    ok(store->release_answer(store, release.id, answer, sizeof answer));
    assert_int_equal(store->release_answer(store, release.id, "x", 1), REFUSED_CONFLICT);
    assert_int_equal(store->release_answer(store, 99, "x", 1), REFUSED_UNKNOWN);
    assert_int_equal(store->release_answer(store, release.id, answer, sizeof found.answer), -E2BIG);
    ok(store->commit(store));
    assert_int_equal(in_transaction(store, store->release_insert(store, &release, hash)), REFUSED_EXISTS);
    ok(in_transaction(store, store->release_insert(store, &foreign, hash))); /* request ids are each tenant's own */
    ok(store->release_by_request(store, a, "r-1", &found, found_hash));
    assert_int_equal(found.answer_size, sizeof answer);
    assert_memory_equal(found.answer, answer, sizeof answer);
    assert_memory_equal(found_hash, hash, DIGEST_SIZE);
    assert_string_equal(found.tenant, "a");
    assert_string_equal(found.query, "mean");
    assert_int_equal(found.cohort, 12);
    assert_int_equal(store->release_by_request(store, a, "r-2", &found, found_hash), REFUSED_UNKNOWN);
    ok(store->release_by_id(store, a, release.id, &found));
    ok(store->release_by_id(store, 0, release.id, &found));
    assert_int_equal(store->release_by_id(store, b, release.id, &found), REFUSED_UNKNOWN);
    ok(store->release_each(store, 0, everything, see_release, &all));
    ok(store->release_each(store, b, everything, see_release, &of_b));
    assert_int_equal(all.count, 2);
    assert_int_equal(of_b.count, 1);
}

int contract_ledger(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(a_policys_versions_rise_by_one),
        CONTRACT_TEST(a_budgets_cap_holds_from_its_epoch_on),
        CONTRACT_TEST(a_budget_is_charged_to_the_last_micro_epsilon_and_not_beyond),
        CONTRACT_TEST(of_a_standing_rows_cap_and_the_present_one_the_lower_holds),
        CONTRACT_TEST(a_device_charge_runs_its_odometer_or_is_not_made_at_all),
        CONTRACT_TEST(a_refused_charge_leaves_no_trace_in_a_transaction_that_goes_on),
        CONTRACT_TEST(an_unbounded_life_is_counted_up_to_the_end_of_int64),
        CONTRACT_TEST(a_charge_has_one_scope_and_a_positive_amount),
        CONTRACT_TEST(a_standing_cap_is_lowered_but_not_below_what_is_spent),
        CONTRACT_TEST(a_rolled_back_charge_was_never_made),
        CONTRACT_TEST(the_ledger_survives_a_reopening),
        CONTRACT_TEST(a_release_is_answered_once_and_replayed_byte_by_byte),
    };

    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
