/* contract_running.c - series of running counts: begun once, grown in order, over devices that stay the same. */
#include "tests/contract/store_contract.h"

#include <stdlib.h>

static int64_t paid_release(struct store *store, int64_t tenant_id, const char *request, struct loss loss)
{
    struct release release = { .tenant_id = tenant_id,
                               .query = "running-count",
                               .sensor = "temperature",
                               .from_ms = NOW - 1000,
                               .to_ms = NOW,
                               .mechanism = "laplace",
                               .loss = loss,
                               .policy_version = 1,
                               .cohort = 2,
                               .created_ms = NOW };
    uint8_t hash[DIGEST_SIZE];

    strcpy(release.request, request);
    digest_of(9, hash);
    ok(store->begin(store));
    ok(store->release_insert(store, &release, hash));
    ok(store->release_answer(store, release.id, "{}", 2));
    ok(store->commit(store));
    return release.id;
}

static void charge_devices(struct store *store, const struct cohort *cohort)
{
    const struct charge charge = { .cause = "release",
                                   .cause_id = 1,
                                   .cohort = cohort,
                                   .epoch = 100,
                                   .loss = loss_of_pure(5),
                                   .filter_cap = pure_cap(1000000) };

    ok(in_transaction(store, store->charge(store, &charge, NULL)));
}

static struct running_series a_series(struct store *store, int64_t tenant_id)
{
    return (struct running_series){ .tenant_id = tenant_id,
                                    .sensor = "temperature",
                                    .selector = "site=lyon",
                                    .mechanism = "laplace",
                                    .epoch = 100,
                                    .step_ms = 1000,
                                    .policy_version = 1,
                                    .scale_num = 5,
                                    .scale_den = 3,
                                    .release_id = paid_release(store, tenant_id, "r-1", loss_of_pure(5)) };
}

static void a_release_may_cost_nothing(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), id = paid_release(store, a, "free", (struct loss){ 0 });
    struct release found;

    ok(store->release_by_id(store, a, id, &found));
    assert_false(found.loss.impure);
    assert_int_equal(found.loss.ueps, 0);
    assert_int_equal(found.loss.nrho, 0);
    id = paid_release(store, a, "gaussian", loss_of_rho(7));
    ok(store->release_by_id(store, a, id, &found));
    assert_true(found.loss.impure);
    assert_int_equal(found.loss.nrho, 7);
}

static void a_series_begins_once_and_is_found_by_all_of_its_name(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), d = add_device(store, "d", "tinypart");
    struct running_series series = a_series(store, a), found;
    struct cohort_member member;
    struct cohort cohort = one_device(d, &member), kept;

    charge_devices(store, &cohort);
    assert_int_equal(store->running_get(store, &series), REFUSED_UNKNOWN);
    ok(in_transaction(store, store->running_insert(store, &series, &cohort)));
    assert_int_equal(in_transaction(store, store->running_insert(store, &series, &cohort)), REFUSED_EXISTS);
    found = series;
    found.id = found.release_id = 0;
    ok(store->running_get(store, &found));
    assert_int_equal(found.id, series.id);
    assert_int_equal(found.release_id, series.release_id);
    assert_int_equal(found.drawn, 0);
    ok(store->running_cohort(store, series.id, &kept));
    assert_int_equal(kept.device_count, 1);
    assert_int_equal(kept.members[0].chunk, d / 64);
    assert_int_equal(kept.members[0].devices, UINT64_C(1) << d % 64);
    free(kept.members);
    assert_int_equal(store->running_cohort(store, series.id + 1, &kept), REFUSED_UNKNOWN);
    for (int i = 0; i < 9; i++) {
        found = series;
        found.tenant_id += i == 0;
        found.sensor = i == 1 ? "humidity" : found.sensor;
        found.selector = i == 2 ? "" : found.selector;
        found.mechanism = i == 3 ? "gaussian" : found.mechanism;
        found.epoch += i == 4;
        found.step_ms += i == 5;
        found.policy_version += i == 6;
        found.scale_num += i == 7;
        found.scale_den += i == 8;
        assert_int_equal(store->running_get(store, &found), REFUSED_UNKNOWN);
    }
}

static void the_devices_of_a_series_are_those_that_were_charged(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), d = add_device(store, "d", "tinypart"), e = add_device(store, "e", "tinypart");
    struct running_series series = a_series(store, a);
    struct cohort_member member = { (uint32_t)(d / 64), UINT64_C(1) << d % 64 | UINT64_C(1) << e % 64 };
    struct cohort cohort = { .members = &member, .member_count = 1, .device_count = 2 }, kept;

    assert_int_equal(d / 64, e / 64);
    digest_of(3, cohort.digest);
    assert_int_equal(in_transaction(store, store->running_insert(store, &series, &cohort)), REFUSED_UNKNOWN);
    charge_devices(store, &cohort);
    ok(in_transaction(store, store->running_insert(store, &series, &cohort)));
    contract_reopen(state);
    store = *state;
    ok(store->running_cohort(store, series.id, &kept));
    assert_int_equal(kept.device_count, 2);
    assert_int_equal(kept.member_count, 1);
    assert_int_equal(kept.members[0].devices, member.devices);
    free(kept.members);
}

static int see_sum(void *context, const struct running_sum *sum)
{
    struct running_sum **at = context;

    *(*at)++ = *sum;
    return 0;
}

static void partial_sums_come_in_order_and_only_once(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), d = add_device(store, "d", "tinypart");
    struct running_series series = a_series(store, a);
    struct running_sum sums[4] = { { 1, -7 }, { 2, 1LL << 60 }, { 4, 9 } }, seen[4], *at = seen;
    struct cohort_member member;
    struct cohort cohort = one_device(d, &member);

    charge_devices(store, &cohort);
    ok(in_transaction(store, store->running_insert(store, &series, &cohort)));
    assert_int_equal(in_transaction(store, store->running_sum_insert(store, series.id + 1, &sums[0])), REFUSED_UNKNOWN);
    assert_int_equal(in_transaction(store, store->running_sum_insert(store, series.id, &sums[1])), REFUSED_CONFLICT);
    ok(in_transaction(store, store->running_sum_insert(store, series.id, &sums[0])));
    assert_int_equal(in_transaction(store, store->running_sum_insert(store, series.id, &sums[0])), REFUSED_CONFLICT);
    ok(in_transaction(store, store->running_sum_insert(store, series.id, &sums[1])));
    assert_int_equal(in_transaction(store, store->running_sum_insert(store, series.id, &sums[2])), REFUSED_CONFLICT);
    ok(store->begin(store));
    sums[2].step = 3;
    ok(store->running_sum_insert(store, series.id, &sums[2]));
    store->rollback(store); /* never drawn */
    ok(store->running_sum_each(store, series.id, see_sum, &at));
    assert_int_equal(at - seen, 2);
    assert_int_equal(seen[0].step, 1);
    assert_int_equal(seen[0].value, -7);
    assert_int_equal(seen[1].value, 1LL << 60);
    ok(store->running_get(store, &series));
    assert_int_equal(series.drawn, 2);
}

static int see_departure(void *context, const struct departure *departure)
{
    seen_add(context, departure->device_id);
    return 0;
}

/* Whether the device came again or not: its readings are gone. */
static void devices_deleted_since_a_series_began_are_known(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), d = add_device(store, "d", "tinypart"), e = add_device(store, "e", "tinypart");
    struct running_series series = a_series(store, a), later;
    struct seen before = { 0 }, after = { 0 }, of_later = { 0 };
    struct cohort_member member;
    struct cohort cohort = one_device(e, &member);

    charge_devices(store, &cohort);
    ok(in_transaction(store, store->device_delete(store, e)));
    assert_int_equal(add_device(store, "e", "tinypart"), e);
    cohort = one_device(d, &member);
    charge_devices(store, &cohort);
    ok(in_transaction(store, store->running_insert(store, &series, &cohort)));
    ok(store->running_departed(store, series.id, see_departure, &before));
    assert_int_equal(before.count, 0);
    ok(in_transaction(store, store->device_delete(store, e))); /* a second time */
    ok(in_transaction(store, store->device_delete(store, d)));
    assert_int_equal(add_device(store, "d", "tinypart"), d);
    later = series;
    later.epoch++;
    ok(in_transaction(store, store->running_insert(store, &later, &cohort)));
    contract_reopen(state);
    store = *state;
    ok(store->running_departed(store, series.id, see_departure, &after));
    assert_int_equal(after.count, 2);
    assert_int_equal(after.ids[0], e);
    assert_int_equal(after.ids[1], d);
    ok(store->running_departed(store, later.id, see_departure, &of_later));
    assert_int_equal(of_later.count, 0);
}

/* ---- readings of steps ---- */

static void add_reading(struct store *store, struct reading reading)
{
    if (reading.sensor[0] == '\0')
        strcpy(reading.sensor, "temperature");
    reading.scale = reading.scale == 0 ? 100 : reading.scale;
    reading.policy_version = 1;
    ok(in_transaction(store, store->reading_insert(store, &reading)));
}

static int see_step(void *context, const struct step_count *step)
{
    int64_t *counts = context;

    assert_in_range(step->step, 1, 4);
    assert_int_equal(counts[step->step], 0);
    counts[step->step] = step->count;
    return 0;
}

static void the_first_readings_of_each_kind_count_whatever_comes_later(void **state)
{
    struct store *store = *state;
    int64_t d = add_device(store, "d", "tinypart"), e = add_device(store, "e", "tinypart");
    struct aggregate_query query = { .tenant_id = 1,
                                     .sensor = "temperature",
                                     .device_id = d,
                                     .from_ms = NOW,
                                     .to_ms = NOW + 4000,
                                     .epoch = 100,
                                     .contributions = 3,
                                     .scale = 100 };
    static const struct {
        int64_t after_ms;
        bool noised;
    } readings[] = {
        { 0, 0 }, { 999, 0 }, { 1000, 1 }, { 2000, 1 }, { 3999, 0 }, { 3999, 0 }, { 3999, 1 }, { 3999, 1 }
    };

    for (size_t i = 0; i < sizeof(readings) / sizeof(readings[0]); i++) {
        add_reading(store, (struct reading){ .device_id = d,
                                             .epoch = 100,
                                             .received_ms = NOW + readings[i].after_ms,
                                             .noised = readings[i].noised });
        /* none of these counts: another tenant's, device's, epoch's, sensor's, scale's */
        const int64_t then = NOW + readings[i].after_ms;
        add_reading(store, (struct reading){ .device_id = d, .epoch = 100, .received_ms = then, .tenant_id = 2 });
        add_reading(store, (struct reading){ .device_id = e, .epoch = 100, .received_ms = then });
        add_reading(store, (struct reading){ .device_id = d, .epoch = 101, .received_ms = then });
        add_reading(store, (struct reading){ .device_id = d, .epoch = 100, .received_ms = then, .sensor = "load" });
        add_reading(store, (struct reading){ .device_id = d, .epoch = 100, .received_ms = then, .scale = 2 });
    }
    add_reading(store,
                (struct reading){ .device_id = e, .epoch = 100, .received_ms = NOW, .noised = true, .scale = 2 });
    int64_t counts[5] = { 0 }, reports[5] = { 0 }, early[5] = { 0 }, own[5] = { 0 };
    ok(store->reading_steps(store, &query, 1000, see_step, counts));
    assert_int_equal(counts[1], 2);
    assert_int_equal(counts[2], 1);
    assert_int_equal(counts[3], 1);
    assert_int_equal(counts[4], 2); /* the third raw one and the third noised one */
    query.to_ms = NOW + 2000;
    ok(store->reading_steps(store, &query, 1000, see_step, early));
    assert_int_equal(early[1], 2);
    assert_int_equal(early[2], 1);
    assert_int_equal(early[3] + early[4], 0);
    query.device_id = e; /* noised on board at whatever scale: an answer to be counted is one, too */
    query.contributions = 9;
    ok(store->reading_steps(store, &query, 1000, see_step, reports));
    assert_int_equal(reports[1], 2 + 1);
    query.device_id = d;
    query.contributions = 3;
    query.tenant_id = 2; /* its own containers' readings, too: the bound is shared with the device's */
    query.to_ms = NOW + 4000;
    ok(store->reading_steps(store, &query, 1000, see_step, own));
    assert_int_equal(own[1], 3);
}

int contract_running(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(a_release_may_cost_nothing),
        CONTRACT_TEST(a_series_begins_once_and_is_found_by_all_of_its_name),
        CONTRACT_TEST(the_devices_of_a_series_are_those_that_were_charged),
        CONTRACT_TEST(partial_sums_come_in_order_and_only_once),
        CONTRACT_TEST(devices_deleted_since_a_series_began_are_known),
        CONTRACT_TEST(the_first_readings_of_each_kind_count_whatever_comes_later),
    };

    return cmocka_run_group_tests_name("running counts", tests, NULL, NULL);
}
