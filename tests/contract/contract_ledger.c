/* contract_ledger.c - policies, budgets, filters and charges: to the last micro-epsilon, and no refunds (I2, I4, I5).
 */
#include "tests/contract/store_contract.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

SEEN_EACH(policy)

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

static struct budget_terms terms_of(int64_t ueps)
{
    return (struct budget_terms){ .cap = pure_cap(ueps), .unlock_ppm = 1000000 };
}

static int put_terms(struct store *store, int64_t tenant, int64_t from_epoch, int64_t ueps)
{
    struct budget_terms terms = terms_of(ueps);

    return in_transaction(store, store->terms_put(store, tenant, from_epoch, &terms));
}

static void a_budgets_terms_hold_from_their_epoch_on(void **state)
{
    struct store *store = *state;
    int64_t tenant = add_tenant(store, "a");
    struct budget_terms full = { { 5, 6, 7, false }, { 1, 2, 3, false }, 250000 }, found;

    assert_int_equal(store->terms_get(store, tenant, 100, &found), REFUSED_UNKNOWN);
    assert_int_equal(put_terms(store, 99, 100, 5), REFUSED_UNKNOWN);
    ok(in_transaction(store, store->terms_put(store, tenant, 100, &full)));
    ok(put_terms(store, tenant, 103, 9));
    assert_int_equal(store->terms_get(store, tenant, 99, &found), REFUSED_UNKNOWN);
    ok(store->terms_get(store, tenant, 102, &found));
    assert_memory_equal(&found.cap, &full.cap, sizeof found.cap.ueps * 3);
    assert_false(found.cap.pure_only);
    assert_int_equal(found.reserve.ueps, 1);
    assert_int_equal(found.reserve.nrho, 2);
    assert_int_equal(found.reserve.delta, 3);
    assert_int_equal(found.unlock_ppm, 250000);
    ok(store->terms_get(store, tenant, 1000, &found));
    assert_int_equal(found.cap.ueps, 9);
    assert_true(found.cap.pure_only);
    ok(put_terms(store, tenant, 103, 7));
    ok(store->terms_get(store, tenant, 103, &found));
    assert_int_equal(found.cap.ueps, 7);
}

static void reserves_of_an_epoch_add_up_over_tenants(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), b = add_tenant(store, "b");
    struct budget_terms terms = terms_of(10);
    struct loss_caps sum;

    ok(store->reserves_sum(store, 100, 0, &sum));
    assert_int_equal(sum.ueps, 0);
    terms.reserve = (struct loss_caps){ .ueps = 3, .nrho = 30 };
    ok(in_transaction(store, store->terms_put(store, a, 0, &terms)));
    terms.reserve = (struct loss_caps){ .ueps = 4, .delta = 5 };
    ok(in_transaction(store, store->terms_put(store, b, 101, &terms)));
    terms.reserve.ueps = 2;
    ok(in_transaction(store, store->terms_put(store, b, 103, &terms)));
    ok(store->reserves_sum(store, 100, 0, &sum));
    assert_int_equal(sum.ueps, 3);
    ok(store->reserves_sum(store, 102, 0, &sum));
    assert_int_equal(sum.ueps, 7);
    assert_int_equal(sum.nrho, 30);
    assert_int_equal(sum.delta, 5);
    ok(store->reserves_sum(store, 103, a, &sum));
    assert_int_equal(sum.ueps, 2);
}

/* A charge of either scope, or both, of pure epsilon. */
static int spend(struct store *store, int64_t tenant, int64_t device, int64_t ueps, int64_t cap,
                 struct charge_refused *out)
{
    struct cohort_member member;
    struct cohort cohort = one_device(device, &member);
    struct charge charge = { .cause = "release",
                             .cause_id = 1,
                             .tenant_id = tenant,
                             .cohort = device != 0 ? &cohort : NULL,
                             .epoch = 100,
                             .loss = { .ueps = ueps, .nrho = 1 },
                             .budget_cap = pure_cap(cap),
                             .filter_cap = pure_cap(cap) };

    return in_transaction(store, store->charge(store, &charge, out));
}

static void a_budget_is_charged_to_the_last_micro_epsilon_and_not_beyond(void **state)
{
    struct store *store = *state;
    int64_t tenant = add_tenant(store, "a");
    struct charge_standing standing = { 0 };
    struct charge_refused refused = { 0 };

    assert_int_equal(store->budget_standing(store, tenant, 100, &standing), REFUSED_UNKNOWN);
    assert_int_equal(spend(store, tenant, 0, 11, 10, &refused), REFUSED_EXHAUSTED);
    assert_int_equal(refused.scope, CHARGE_BUDGET);
    assert_int_equal(refused.currency, LOSS_EPSILON);
    assert_int_equal(store->budget_standing(store, tenant, 100, &standing), REFUSED_UNKNOWN);
    ok(spend(store, tenant, 0, 9, 10, NULL));
    assert_int_equal(spend(store, tenant, 0, 2, 10, NULL), REFUSED_EXHAUSTED);
    ok(store->budget_standing(store, tenant, 100, &standing));
    assert_int_equal(standing.spent.ueps, 9);
    ok(spend(store, tenant, 0, 1, 10, NULL));
    assert_int_equal(spend(store, tenant, 0, 1, 10, NULL), REFUSED_EXHAUSTED);
    ok(store->budget_standing(store, tenant, 100, &standing));
    assert_int_equal(standing.spent.ueps, 10);
    assert_int_equal(standing.spent.nrho, 2);
    assert_false(standing.spent.impure);
    assert_int_equal(store->budget_standing(store, tenant, 101, &standing), REFUSED_UNKNOWN);
    assert_int_equal(spend(store, 99, 0, 1, 10, NULL), REFUSED_UNKNOWN);
    ok(store->ledger_recount(store, NULL, NULL));
}

static void of_a_standing_rows_cap_and_the_present_one_the_lower_holds(void **state)
{
    struct store *store = *state;
    int64_t device = add_device(store, "d", "tinypart");
    struct charge_standing standing = { 0 };
    struct charge_refused refused = { 0 };

    ok(spend(store, 0, device, 1, 10, NULL));
    assert_int_equal(spend(store, 0, device, 2, 2, &refused), REFUSED_EXHAUSTED); /* lowered: obeyed at once */
    assert_int_equal(refused.scope, CHARGE_FILTER);
    assert_int_equal(refused.device_id, device);
    ok(spend(store, 0, device, 5, 6, NULL));
    ok(store->filter_standing(store, device, 100, &standing));
    assert_int_equal(standing.cap.ueps, 10); /* raised: not for an epoch that began */
    assert_int_equal(spend(store, 0, device, 5, 100, NULL), REFUSED_EXHAUSTED);
    ok(store->filter_standing(store, device, 100, &standing));
    assert_int_equal(standing.spent.ueps, 6);
    assert_int_equal(standing.cap.ueps, 10);
}

static void the_cap_of_an_epochs_filters_changes_by_name_only(void **state)
{
    struct store *store = *state;
    int64_t device = add_device(store, "d", "tinypart");
    struct loss_caps cap = { 20, 30, 40, false }, found;

    assert_int_equal(store->filter_cap_get(store, 100, &found), REFUSED_UNKNOWN);
    ok(spend(store, 0, device, 1, 10, NULL));
    ok(store->filter_cap_get(store, 100, &found));
    assert_int_equal(found.ueps, 10);
    assert_true(found.pure_only);
    ok(in_transaction(store, store->filter_cap_put(store, 100, &cap)));
    ok(store->filter_cap_get(store, 100, &found));
    assert_int_equal(found.nrho, 30);
    assert_int_equal(found.delta, 40);
    assert_false(found.pure_only);
    ok(spend(store, 0, device, 15, 20, NULL));
}

static int64_t add_mortal(struct store *store, int64_t life_cap_ueps)
{
    struct device device = {
        .name = "mortal", .state = DEVICE_CLAIMED, .profile = "tinypart", .life_cap = { .ueps = life_cap_ueps }
    };

    ok(in_transaction(store, store->device_insert(store, &device)));
    return device.id;
}

static void a_device_charge_runs_its_odometer_or_is_not_made_at_all(void **state)
{
    struct store *store = *state;
    int64_t id = add_mortal(store, 15);
    struct cohort_member member;
    struct cohort cohort = one_device(id, &member);
    struct charge later = { .cause = "release",
                            .cause_id = 2,
                            .cohort = &cohort,
                            .epoch = 101,
                            .loss = { .ueps = 6, .nrho = 2 },
                            .filter_cap = pure_cap(10) };
    struct charge_standing standing = { 0 };
    struct charge_refused refused = { 0 };
    struct device device = { 0 };

    ok(spend(store, 0, id, 10, 10, NULL));
    assert_int_equal(in_transaction(store, store->charge(store, &later, &refused)), REFUSED_EXHAUSTED);
    assert_int_equal(refused.scope, CHARGE_LIFE);
    assert_int_equal(refused.device_id, id);
    assert_int_equal(store->filter_standing(store, id, 101, &standing), REFUSED_UNKNOWN);
    later.loss.ueps = 5;
    ok(in_transaction(store, store->charge(store, &later, NULL)));
    ok(store->device_by_id(store, id, &device));
    assert_int_equal(device.life_spent.ueps, 15);
    assert_int_equal(device.life_spent.nrho, 3);
    assert_int_equal(device.life_cap.ueps, 15);
    assert_int_equal(device.life_cap.nrho, 0);
    ok(store->ledger_recount(store, NULL, NULL));
}

static void a_refused_charge_leaves_no_trace_in_a_transaction_that_goes_on(void **state)
{
    struct store *store = *state;
    int64_t id = add_mortal(store, 15);
    struct charge_standing standing = { 0 };
    struct cohort_member member;
    struct cohort cohort = one_device(id, &member);
    struct charge charge = { .cause = "release",
                             .cause_id = 2,
                             .cohort = &cohort,
                             .epoch = 101,
                             .loss = { .ueps = 16, .nrho = 1 },
                             .filter_cap = pure_cap(100) };

    ok(store->begin(store));
    assert_int_equal(store->charge(store, &charge, NULL), REFUSED_EXHAUSTED);
    charge.loss.ueps = 15;
    ok(store->charge(store, &charge, NULL));
    ok(store->commit(store));
    ok(store->filter_standing(store, id, 101, &standing));
    assert_int_equal(standing.spent.ueps, 15);
    ok(store->ledger_recount(store, NULL, NULL));
}

static void an_unbounded_life_is_counted_up_to_the_most_there_is(void **state)
{
    struct store *store = *state;
    int64_t id = add_mortal(store, 0);
    struct cohort_member member;
    struct cohort cohort = one_device(id, &member);
    struct charge charge = { .cause = "release",
                             .cause_id = 2,
                             .cohort = &cohort,
                             .epoch = 1,
                             .loss = { .ueps = LOSS_MAX, .nrho = 1 },
                             .filter_cap = pure_cap(LOSS_MAX) };

    ok(in_transaction(store, store->charge(store, &charge, NULL)));
    assert_int_equal(in_transaction(store, store->charge(store, &charge, NULL)), REFUSED_EXHAUSTED);
    charge.epoch = 2;
    charge.loss.ueps = 1;
    assert_int_equal(in_transaction(store, store->charge(store, &charge, NULL)), REFUSED_EXHAUSTED);
    ok(store->ledger_recount(store, NULL, NULL));
}

static void a_charge_has_a_scope_and_amounts_that_can_be(void **state)
{
    struct store *store = *state;
    int64_t tenant = add_tenant(store, "a"), device = add_device(store, "d", "tinypart");
    struct charge charge = {
        .cause = "release", .cause_id = 1, .tenant_id = tenant, .epoch = 100, .budget_cap = pure_cap(10)
    };
    static const struct loss never[] = {
        { .ueps = 0, .nrho = 0 },
        { .ueps = -1, .nrho = 1 },
        { .ueps = 1, .nrho = 0 },
        { .ueps = 1, .nrho = -1 },
        { .ueps = 1, .nrho = 1, .delta = -1 },
        { .ueps = 0, .nrho = 1 },
        { .ueps = 1, .nrho = 1, .impure = true },
        { .ueps = LOSS_MAX + 1, .nrho = 1 },
    };

    assert_int_equal(spend(store, 0, 0, 1, 10, NULL), -EINVAL);
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        charge.loss = never[i];
        assert_int_equal(in_transaction(store, store->charge(store, &charge, NULL)), -EINVAL);
    }
    assert_int_equal(spend(store, 0, 99, 1, 10, NULL), REFUSED_UNKNOWN);
    ok(spend(store, tenant, device, 1, 10, NULL)); /* both scopes at once */
    ok(store->ledger_recount(store, NULL, NULL));
}

static void a_standing_cap_is_changed_but_not_below_what_is_spent(void **state)
{
    struct store *store = *state;
    int64_t tenant = add_tenant(store, "a");
    struct loss_caps cap = pure_cap(5);
    struct charge_standing standing = { 0 };

    assert_int_equal(in_transaction(store, store->budget_recap(store, tenant, 100, &cap)), REFUSED_UNKNOWN);
    ok(spend(store, tenant, 0, 6, 10, NULL));
    cap = pure_cap(8);
    ok(in_transaction(store, store->budget_recap(store, tenant, 100, &cap)));
    ok(store->budget_standing(store, tenant, 100, &standing));
    assert_int_equal(standing.cap.ueps, 8);
    cap = pure_cap(2);
    ok(in_transaction(store, store->budget_recap(store, tenant, 100, &cap)));
    ok(store->budget_standing(store, tenant, 100, &standing));
    assert_int_equal(standing.cap.ueps, 6);
}

static void a_rolled_back_charge_was_never_made(void **state)
{
    struct store *store = *state;
    int64_t device = add_device(store, "d", "tinypart");
    struct cohort_member member;
    struct cohort cohort = one_device(device, &member);
    struct charge charge = { .cause = "release",
                             .cause_id = 1,
                             .cohort = &cohort,
                             .epoch = 100,
                             .loss = { .ueps = 10, .nrho = 1 },
                             .filter_cap = pure_cap(10) };
    struct charge_standing standing = { 0 };

    ok(store->begin(store));
    ok(store->charge(store, &charge, NULL));
    store->rollback(store);
    assert_int_equal(store->filter_standing(store, device, 100, &standing), REFUSED_UNKNOWN);
    ok(spend(store, 0, device, 10, 10, NULL));
    ok(store->ledger_recount(store, NULL, NULL));
}

/* ---- currencies ---- */

static void an_impure_loss_passes_only_where_rho_bounds_it(void **state)
{
    struct store *store = *state;
    int64_t tenant = add_tenant(store, "a"), device = add_device(store, "d", "tinypart");
    struct cohort_member member;
    struct cohort cohort = one_device(device, &member);
    struct charge charge = { .cause = "release",
                             .cause_id = 1,
                             .tenant_id = tenant,
                             .cohort = &cohort,
                             .epoch = 100,
                             .loss = { .nrho = 40, .impure = true },
                             .budget_cap = pure_cap(10),
                             .filter_cap = { 10, 100, 0, false } };
    struct charge_standing standing = { 0 };
    struct charge_refused refused = { 0 };

    assert_int_equal(in_transaction(store, store->charge(store, &charge, &refused)), REFUSED_EXHAUSTED);
    assert_int_equal(refused.scope, CHARGE_BUDGET);
    assert_int_equal(refused.currency, LOSS_IMPURE);
    charge.budget_cap = (struct loss_caps){ 0, 90, 0, false }; /* no epsilon at all: none is asked */
    charge.filter_cap = pure_cap(10);
    assert_int_equal(in_transaction(store, store->charge(store, &charge, &refused)), REFUSED_EXHAUSTED);
    assert_int_equal(refused.scope, CHARGE_FILTER);
    assert_int_equal(refused.currency, LOSS_IMPURE);
    charge.filter_cap = (struct loss_caps){ 10, 100, 0, false };
    ok(in_transaction(store, store->charge(store, &charge, NULL)));
    ok(in_transaction(store, store->charge(store, &charge, NULL)));
    assert_int_equal(in_transaction(store, store->charge(store, &charge, &refused)), REFUSED_EXHAUSTED);
    assert_int_equal(refused.currency, LOSS_RHO);
    ok(store->filter_standing(store, device, 100, &standing));
    assert_int_equal(standing.spent.ueps, 0);
    assert_int_equal(standing.spent.nrho, 80);
    assert_true(standing.spent.impure);
    ok(store->budget_standing(store, tenant, 100, &standing));
    assert_true(standing.spent.impure);
    ok(store->ledger_recount(store, NULL, NULL));
}

static void a_delta_needs_a_cap_of_its_own(void **state)
{
    struct store *store = *state;
    int64_t device = add_device(store, "d", "tinypart");
    struct cohort_member member;
    struct cohort cohort = one_device(device, &member);
    struct charge charge = { .cause = "telemetry",
                             .cause_id = 1,
                             .cohort = &cohort,
                             .epoch = 100,
                             .loss = { .ueps = 1, .nrho = 1, .delta = 7 },
                             .filter_cap = pure_cap(10) };
    struct charge_refused refused = { 0 };

    assert_int_equal(in_transaction(store, store->charge(store, &charge, &refused)), REFUSED_EXHAUSTED);
    assert_int_equal(refused.currency, LOSS_DELTA);
    charge.filter_cap.delta = 13;
    ok(in_transaction(store, store->charge(store, &charge, NULL)));
    assert_int_equal(in_transaction(store, store->charge(store, &charge, &refused)), REFUSED_EXHAUSTED);
    charge.loss.delta = 6;
    ok(in_transaction(store, store->charge(store, &charge, NULL)));
    ok(store->ledger_recount(store, NULL, NULL));
}

/* ---- cohorts ---- */

#define MANY 200

static struct cohort many_devices(struct store *store, struct cohort_member members[4])
{
    struct cohort cohort = { .members = members, .device_count = MANY };
    char name[16];

    ok(store->begin(store));
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "m%u", i);
        struct device device = { .state = DEVICE_CLAIMED,
                                 .profile = "tinypart",
                                 .life_cap = { .ueps = i == 150 ? 12 : 0 } };
        strcpy(device.name, name);
        ok(store->device_insert(store, &device));
        struct cohort_member one;
        one_device(device.id, &one);
        if (cohort.member_count == 0 || members[cohort.member_count - 1].chunk != one.chunk)
            members[cohort.member_count++] = one;
        else
            members[cohort.member_count - 1].devices |= one.devices;
    }
    ok(store->commit(store));
    digest_of(1, cohort.digest);
    return cohort;
}

static void a_cohort_is_charged_whole_or_not_at_all(void **state)
{
    struct store *store = *state;
    int64_t tenant = add_tenant(store, "a");
    struct cohort_member members[4];
    struct cohort cohort = many_devices(store, members);
    struct charge charge = { .cause = "release",
                             .cause_id = 1,
                             .tenant_id = tenant,
                             .cohort = &cohort,
                             .epoch = 100,
                             .loss = { .ueps = 10, .nrho = 3 },
                             .budget_cap = pure_cap(100),
                             .filter_cap = pure_cap(25) };
    struct charge_refused refused = { 0 };
    struct charge_standing standing = { 0 };
    struct ledger_count count = { 0 };
    struct device device;
    int64_t without_room = 0;

    ok(in_transaction(store, store->charge(store, &charge, NULL)));
    ok(store->device_by_name(store, "m150", &device));
    assert_int_equal(store->charge_try(store, &charge, 1, &refused, &without_room), REFUSED_EXHAUSTED);
    assert_int_equal(without_room, 1);
    assert_int_equal(in_transaction(store, store->charge(store, &charge, &refused)), REFUSED_EXHAUSTED);
    assert_int_equal(refused.scope, CHARGE_LIFE);
    assert_int_equal(refused.device_id, device.id);
    ok(store->budget_standing(store, tenant, 100, &standing));
    assert_int_equal(standing.spent.ueps, 10);
    charge.loss.ueps = 2;
    ok(store->charge_try(store, &charge, 1, &refused, &without_room));
    assert_int_equal(store->charge_try(store, &charge, 2, &refused, &without_room), REFUSED_EXHAUSTED);
    ok(in_transaction(store, store->charge(store, &charge, NULL)));
    charge.loss.ueps = 14;
    assert_int_equal(store->charge_try(store, &charge, 1, &refused, &without_room), REFUSED_EXHAUSTED);
    assert_int_equal(without_room, MANY);
    assert_int_equal(refused.scope, CHARGE_FILTER);
    assert_int_equal(refused.device_id, (int64_t)members[0].chunk * 64 + __builtin_ctzll(members[0].devices));
    for (unsigned i = 0; i < cohort.member_count; i++)
        for (unsigned slot = 0; slot < 64; slot++) {
            if ((members[i].devices >> slot & 1) == 0)
                continue;
            ok(store->filter_standing(store, (int64_t)members[i].chunk * 64 + slot, 100, &standing));
            assert_int_equal(standing.spent.ueps, 12);
            assert_int_equal(standing.spent.nrho, 6);
        }
    ok(store->ledger_recount(store, &count, NULL));
    assert_int_equal(count.charges, 2);
    assert_int_equal(count.cohorts, 1); /* the same set is kept once */
    assert_int_equal(count.filters, MANY);
    assert_int_equal(count.odometers, MANY);
    assert_int_equal(count.budgets, 1);
}

struct found_charge {
    struct ledger_charge charge;
    unsigned count;
};

static int find_charge(void *context, const struct ledger_charge *row)
{
    struct found_charge *found = context;

    found->charge = *row;
    found->count++;
    return 0;
}

static void charges_and_cohorts_can_be_read_again(void **state)
{
    struct store *store = *state;
    int64_t tenant = add_tenant(store, "a");
    struct cohort_member members[4];
    struct cohort cohort = many_devices(store, members), read = { 0 };
    struct charge charge = { .cause = "release",
                             .cause_id = 5,
                             .tenant_id = tenant,
                             .cohort = &cohort,
                             .epoch = 100,
                             .loss = { .nrho = 3, .delta = 4, .impure = true },
                             .budget_cap = { 0, 9, 9, false },
                             .filter_cap = { 0, 9, 9, false } };
    struct found_charge found = { 0 };

    ok(in_transaction(store, store->charge(store, &charge, NULL)));
    ok(store->charge_each(store, everything, find_charge, &found));
    assert_int_equal(found.count, 1);
    assert_string_equal(found.charge.cause, "release");
    assert_int_equal(found.charge.cause_id, 5);
    assert_int_equal(found.charge.tenant_id, tenant);
    assert_int_equal(found.charge.device_id, 0);
    assert_int_equal(found.charge.epoch, 100);
    assert_int_equal(found.charge.loss.ueps, 0);
    assert_int_equal(found.charge.loss.nrho, 3);
    assert_int_equal(found.charge.loss.delta, 4);
    assert_true(found.charge.loss.impure);
    ok(store->cohort_read(store, found.charge.cohort_id, &read));
    assert_int_equal(read.device_count, MANY);
    assert_int_equal(read.member_count, cohort.member_count);
    for (size_t i = 0; i < read.member_count; i++) {
        assert_int_equal(read.members[i].chunk, members[i].chunk);
        assert_true(read.members[i].devices == members[i].devices);
    }
    free(read.members);
    assert_int_equal(store->cohort_read(store, 99, &read), REFUSED_UNKNOWN);
}

/* ---- reserves ---- */

static void a_reserve_is_drawn_first_and_nobody_else_can_take_it(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), b = add_tenant(store, "b"), device = add_device(store, "d", "tinypart");
    struct budget_terms terms = terms_of(100);
    struct cohort_member member;
    struct cohort cohort = one_device(device, &member);
    struct charge of_a = { .cause = "release",
                           .cause_id = 1,
                           .tenant_id = a,
                           .cohort = &cohort,
                           .epoch = 100,
                           .loss = { .ueps = 2, .nrho = 1 },
                           .budget_cap = pure_cap(100),
                           .filter_cap = pure_cap(10),
                           .has_reserves = true,
                           .pool_cap = pure_cap(6),
                           .reserve = { .ueps = 4 } };
    struct charge of_b = of_a;
    struct charge_refused refused = { 0 };
    struct charge_standing standing = { 0 };
    int64_t devices = 0;

    terms.reserve.ueps = 4;
    ok(in_transaction(store, store->terms_put(store, a, 0, &terms)));
    of_b.tenant_id = b;
    of_b.reserve = (struct loss_caps){ 0 };
    of_b.loss.ueps = 7;
    assert_int_equal(in_transaction(store, store->charge(store, &of_b, &refused)), REFUSED_EXHAUSTED);
    assert_int_equal(refused.scope, CHARGE_POOL);
    of_b.loss.ueps = 5;
    ok(store->charge_try(store, &of_b, 1, &refused, &devices));
    ok(in_transaction(store, store->charge(store, &of_b, NULL)));
    ok(store->charge_try(store, &of_a, 1, &refused, &devices));   /* of which nothing is taken yet */
    ok(in_transaction(store, store->charge(store, &of_a, NULL))); /* 2 of its 4 */
    of_b.loss.ueps = 2;
    assert_int_equal(in_transaction(store, store->charge(store, &of_b, &refused)), REFUSED_EXHAUSTED);
    of_a.loss.ueps = 4; /* 2 more of its reserve, and 2 of a pool that has 1 */
    assert_int_equal(store->charge_try(store, &of_a, 1, &refused, &devices), REFUSED_EXHAUSTED);
    assert_int_equal(in_transaction(store, store->charge(store, &of_a, &refused)), REFUSED_EXHAUSTED);
    assert_int_equal(refused.scope, CHARGE_FILTER); /* of which nothing else is reserved */
    of_a.loss.ueps = 3;
    ok(store->charge_try(store, &of_a, 1, &refused, &devices));
    ok(in_transaction(store, store->charge(store, &of_a, NULL)));
    ok(store->filter_standing(store, device, 100, &standing));
    assert_int_equal(standing.spent.ueps, 10);
    of_a.loss.ueps = 1;
    assert_int_equal(in_transaction(store, store->charge(store, &of_a, &refused)), REFUSED_EXHAUSTED);
    assert_int_equal(refused.scope, CHARGE_FILTER);
    ok(store->ledger_recount(store, NULL, NULL));
    contract_reopen(state);
    ok(((struct store *)*state)->ledger_recount(*state, NULL, NULL));
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
    ok(store->ledger_recount(store, NULL, NULL));
    ok(store->budget_standing(store, tenant, 100, &standing));
    assert_int_equal(standing.spent.ueps, 3);
    ok(store->filter_standing(store, device, 100, &standing));
    assert_int_equal(standing.spent.ueps, 4);
    assert_int_equal(spend(store, 0, device, 7, 10, NULL), REFUSED_EXHAUSTED);
}

int contract_ledger(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(a_policys_versions_rise_by_one),
        CONTRACT_TEST(a_budgets_terms_hold_from_their_epoch_on),
        CONTRACT_TEST(reserves_of_an_epoch_add_up_over_tenants),
        CONTRACT_TEST(a_budget_is_charged_to_the_last_micro_epsilon_and_not_beyond),
        CONTRACT_TEST(of_a_standing_rows_cap_and_the_present_one_the_lower_holds),
        CONTRACT_TEST(the_cap_of_an_epochs_filters_changes_by_name_only),
        CONTRACT_TEST(a_device_charge_runs_its_odometer_or_is_not_made_at_all),
        CONTRACT_TEST(a_refused_charge_leaves_no_trace_in_a_transaction_that_goes_on),
        CONTRACT_TEST(an_unbounded_life_is_counted_up_to_the_most_there_is),
        CONTRACT_TEST(a_charge_has_a_scope_and_amounts_that_can_be),
        CONTRACT_TEST(a_standing_cap_is_changed_but_not_below_what_is_spent),
        CONTRACT_TEST(a_rolled_back_charge_was_never_made),
        CONTRACT_TEST(an_impure_loss_passes_only_where_rho_bounds_it),
        CONTRACT_TEST(a_delta_needs_a_cap_of_its_own),
        CONTRACT_TEST(a_cohort_is_charged_whole_or_not_at_all),
        CONTRACT_TEST(charges_and_cohorts_can_be_read_again),
        CONTRACT_TEST(a_reserve_is_drawn_first_and_nobody_else_can_take_it),
        CONTRACT_TEST(the_ledger_survives_a_reopening),
    };

    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
