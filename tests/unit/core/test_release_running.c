/* Running counts: partial sums drawn once, a price paid once, and devices that stay the same. */
#include "tests/unit/core/lab.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/text.h"
#include "daemon/core/grant.h"
#include "daemon/core/ledger_verify.h"
#include "daemon/core/release_running.h"
#include "device_proto/noise_tree.h"

#define HOUR     3600000LL
#define DAY      86400000LL
#define MIDNIGHT (WORLD_START_MS / DAY * DAY + DAY) /* the epoch that the tests begin with */

static struct release_order hourly(int64_t ueps)
{
    return (
        struct release_order){ .query = "running-count", .sensor = "temperature", .step_ms = HOUR, .loss.ueps = ueps };
}

static int ask(struct lab *lab, const struct world_tenant *tenant, const struct release_order *order,
               struct release *out)
{
    memset(&lab->why, 0, sizeof(lab->why));
    return release_create(lab->core, &tenant->caller, order, out, &lab->why);
}

static struct release must_ask(struct lab *lab, const struct world_tenant *tenant, const struct release_order *order)
{
    struct release release;

    int r = ask(lab, tenant, order, &release);
    if (r != 0)
        fail_msg("%d: %s", r, lab->why.what);
    return release;
}

static void at(struct lab *lab, int64_t after_midnight_ms)
{
    lab->world->clock.now_ms = MIDNIGHT + after_midnight_ms;
}

/* At most readings hours of one reading each, from the middle of the first on. */
static void readings(struct lab *lab, const struct device *device, int64_t first_hour, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        at(lab, (first_hour + i) * HOUR + HOUR / 2);
        lab_reading(lab, device, 2000);
    }
}

static void contributions(struct lab *lab, int64_t count)
{
    const struct policy_order order = {
        .sensor = "temperature", .lower = "-20", .upper = "60.5", .contributions = count
    };

    lab_policy(lab, &order);
}

/* The count of a step in an answer; fails where it is not there. */
static int64_t number_at(const struct release *release, int64_t step, const char *key)
{
    json_t *answer = lab_answer(release), *one;
    int64_t value = INT64_MIN;
    size_t i;

    json_array_foreach(json_object_get(answer, "counts"), i, one)
    {
        if (json_integer_value(json_object_get(one, "step")) == step)
            assert_int_equal(integer_parse(lab_text(one, NULL, key), INT64_MIN, INT64_MAX, &value), 0);
    }
    json_decref(answer);
    assert_int_not_equal(value, INT64_MIN);
    return value;
}

static int64_t count_at(const struct release *release, int64_t step)
{
    return number_at(release, step, "count");
}

static int64_t member_of(const struct release *release, const char *key)
{
    json_t *answer = lab_answer(release);
    int64_t value = json_integer_value(json_object_get(answer, key));

    json_decref(answer);
    return value;
}

static int64_t sum_kept(struct lab *lab, int64_t step)
{
    char sql[80];

    snprintf(sql, sizeof(sql), "SELECT value FROM running_sum WHERE step = %lld", (long long)step);
    return lab_number(lab, sql);
}

/* ---- what is drawn ---- */

/* Drawn in several releases, with the very draws that the tree of device_proto makes: the same sums, the same counts.
 */
static void partial_sums_are_those_of_the_binary_mechanism(void **state)
{
    struct lab *lab = *state;
    struct device device;
    const struct release_order order = hourly(EPSILON);
    static const int64_t asked_at[] = { 1, 2, 7, 12, 24 };
    struct noise_tree tree;
    struct release release;
    uint64_t seed = 77;
    const struct proto_random same = { &seed, lab->world->random.fill };
    int64_t expected[25] = { 0 };

    contributions(lab, 1000);
    device = lab_device(lab, "thermo-1");
    for (int64_t hour = 0; hour < 24; hour++)
        for (int64_t i = 0; i <= hour % 5; i++)
            readings(lab, &device, hour, 1);
    assert_int_equal(noise_tree_init(noise_laplace, 5000, 1, 24, 1000, &tree), 0);
    for (int64_t hour = 0; hour < 24; hour++)
        assert_int_equal(noise_tree_add(&tree, &same, hour % 5 + 1, &expected[hour + 1]), 0);
    lab->world->seed = 77;
    at(lab, DAY);
    for (size_t i = 0; i < sizeof(asked_at) / sizeof(asked_at[0]); i++) {
        struct release_order until = order;
        until.to_ms = MIDNIGHT + asked_at[i] * HOUR;
        release = must_ask(lab, lab->acme, &until);
        assert_int_equal(lab_number(lab, "SELECT count(*) FROM running_sum"), asked_at[i]);
        for (int64_t step = 1; step <= asked_at[i]; step++)
            assert_int_equal(count_at(&release, step), expected[step]);
    }
    assert_int_equal(count_at(&release, 24), sum_kept(lab, 24) + sum_kept(lab, 16));
    assert_int_equal(count_at(&release, 23),
                     sum_kept(lab, 23) + sum_kept(lab, 22) + sum_kept(lab, 20) + sum_kept(lab, 16));
    assert_int_equal(member_of(&release, "levels"), 5);
}

/* One device's epoch, taken out: the sums of one length move by C together and no more, whatever else there is. */
static void one_device_moves_the_sums_of_a_level_by_its_contributions(void **state)
{
    struct lab *lab = *state;
    struct device one, other;
    const struct release_order order = hourly(EPSILON);
    int64_t with[25], moved[5] = { 0 };

    contributions(lab, 6);
    one = lab_device(lab, "one");
    other = lab_device(lab, "other");
    readings(lab, &one, 0, 24); /* four times as many as count */
    readings(lab, &one, 3, 20); /* hours go back: the ledger's time does not, all of these are in the last one */
    readings(lab, &other, 2, 9);
    at(lab, DAY);
    for (int run = 0; run < 2; run++) {
        struct release_order now = order;
        now.selector = run == 0 ? "site=lyon" : "site in (lyon)"; /* the same devices, another series */
        lab->world->seed = 5;
        must_ask(lab, lab->acme, &now);
        for (int64_t step = 1; step <= 24; step++) {
            char sql[96];
            snprintf(sql, sizeof(sql), "SELECT value FROM running_sum WHERE step = %lld AND series_id = %d",
                     (long long)step, run + 1);
            int64_t value = lab_number(lab, sql);
            if (run == 0)
                with[step] = value;
            else
                moved[__builtin_ctzll((uint64_t)step)] += llabs(with[step] - value);
        }
        lab_sql(lab, "DELETE FROM reading WHERE device_id = (SELECT id FROM device WHERE name = 'one')");
    }
    assert_int_equal(moved[0], 3); /* its first six readings are in steps 1 to 6: sums 1, 3 and 5 are of one step */
    assert_int_equal(moved[1], 4); /* sums 2 (of 1, 2) and 6 (of 5, 6) */
    assert_int_equal(moved[2], 4);
    assert_int_equal(moved[3], 6);
    assert_int_equal(moved[4], 6);
    for (int level = 0; level < 5; level++)
        assert_in_range(moved[level], 0, 6);
}

static void the_first_contributions_count_across_steps(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1"); /* 2 count */
    struct release_order order = hourly(5 * EPSILON);
    int64_t exact[5] = { 0, 1, 2, 2, 2 };
    uint64_t seed = 11;
    const struct proto_random same = { &seed, lab->world->random.fill };
    int64_t noise;

    lab->world->seed = 11;
    for (int64_t hour = 0; hour < 4; hour++) {
        readings(lab, &device, hour, 1);
        at(lab, (hour + 1) * HOUR);
        must_ask(lab, lab->acme, &order);
        assert_int_equal(noise_laplace(&same, 2, 1, &noise), 0);
        const int64_t step = hour + 1;
        assert_int_equal(sum_kept(lab, step) - noise, exact[step] - exact[running_before(step)]);
    }
}

static void late_steps_and_other_sensors_readings_have_no_part_in_it(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    const struct release_order order = hourly(5 * EPSILON);
    uint64_t seed = 3;
    const struct proto_random same = { &seed, lab->world->random.fill };
    int64_t noise;

    at(lab, -1);
    lab_reading(lab, &device, 2000); /* the day before */
    at(lab, HOUR);
    lab_reading(lab, &device, 2000); /* the second hour: not over yet */
    lab->world->seed = 3;
    must_ask(lab, lab->acme, &order);
    assert_int_equal(noise_laplace(&same, 2, 1, &noise), 0);
    assert_int_equal(sum_kept(lab, 1), noise);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM running_sum"), 1);
}

/* ---- what is paid, and what stays ---- */

static void a_series_is_charged_once_and_says_the_same_of_a_step_for_ever(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1"), silent = lab_device(lab, "thermo-2");
    const struct release_order order = hourly(EPSILON);
    struct release_plan plan;
    struct ledger_verdict verdict;

    readings(lab, &device, 0, 2);
    at(lab, 2 * HOUR);
    assert_int_equal(release_preview(lab->core, &lab->acme->caller, &order, &plan, &lab->why), 0);
    assert_int_equal(plan.charged, 2);
    assert_int_equal(plan.paid_by, 0);
    assert_int_equal(plan.tenant_loss.ueps, EPSILON);
    struct release first = must_ask(lab, lab->acme, &order);
    assert_int_equal(first.loss.ueps, EPSILON);
    lab_budget(lab, lab->acme, EPSILON); /* spent: the rest of the series is paid for */
    lab->core->settings.filter_cap.ueps = EPSILON;
    readings(lab, &device, 2, 3);
    at(lab, 5 * HOUR);
    world_restart(lab->world);
    assert_int_equal(release_preview(lab->core, &lab->acme->caller, &order, &plan, &lab->why), 0);
    assert_true(plan.would_pass);
    assert_int_equal(plan.charged, 0);
    assert_int_equal(plan.paid_by, first.id);
    assert_int_equal(plan.device_loss.nrho + plan.tenant_loss.nrho, 0);
    assert_int_equal(plan.loss.ueps, EPSILON);
    struct release second = must_ask(lab, lab->acme, &order);
    assert_false(second.replayed);
    assert_int_equal(second.loss.ueps + second.loss.nrho, 0);
    for (int64_t step = 1; step <= 2; step++)
        assert_int_equal(count_at(&second, step), count_at(&first, step));
    count_at(&second, 5);
    assert_int_equal(member_of(&second, "paid_by"), first.id);
    assert_int_equal(member_of(&second, "charged"), 0);
    assert_int_equal(second.cohort, 2);
    assert_int_equal(lab_filter(lab, &device), EPSILON);
    assert_int_equal(lab_filter(lab, &silent), EPSILON);
    assert_int_equal(lab_spent(lab, lab->acme), EPSILON);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), 1);
    assert_int_equal(ledger_verify(lab->core, &lab->world->auditor, &verdict, &lab->why), 0);
    assert_true(verdict.holds);
    assert_true(must_ask(lab, lab->acme, &order).replayed); /* within the same step it is the same request */
    struct release_order gaussian = order;
    gaussian.loss.ueps = EPSILON / 2; /* another amount of noise is another series */
    struct release refused;
    assert_int_equal(ask(lab, lab->acme, &gaussian, &refused), REFUSED_EXHAUSTED);
}

static void tenants_have_series_of_their_own_and_each_pays(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    const struct release_order order = hourly(EPSILON);

    readings(lab, &device, 0, 1);
    at(lab, HOUR);
    struct release mine = must_ask(lab, lab->acme, &order), yours = must_ask(lab, lab->beta, &order);
    assert_int_equal(lab_filter(lab, &device), 2 * EPSILON);
    assert_int_equal(lab_spent(lab, lab->acme), EPSILON);
    assert_int_equal(lab_spent(lab, lab->beta), EPSILON);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM running_series"), 2);
    assert_int_equal(member_of(&yours, "paid_by"), yours.id);
    assert_int_not_equal(yours.id, mine.id);
}

static void the_next_epoch_and_the_next_policy_begin_new_series(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    struct release_order order = hourly(EPSILON);

    readings(lab, &device, 0, 1);
    at(lab, DAY); /* the very end: all of the day that ended */
    struct release whole = must_ask(lab, lab->acme, &order), next;
    assert_int_equal(member_of(&whole, "ended"), 24);
    assert_int_equal(whole.from_ms, MIDNIGHT);
    at(lab, DAY + 1);
    assert_int_equal(ask(lab, lab->acme, &order, &next), REFUSED_INVALID);
    assert_non_null(strstr(lab->why.what, "the first ends at"));
    at(lab, DAY + HOUR);
    next = must_ask(lab, lab->acme, &order);
    assert_int_equal(next.from_ms, MIDNIGHT + DAY);
    assert_int_equal(member_of(&next, "ended"), 1);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), 2);
    contributions(lab, 3);
    next = must_ask(lab, lab->acme, &order);
    assert_int_equal(member_of(&next, "paid_by"), next.id);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), 3);
    order.to_ms = MIDNIGHT + 5 * HOUR + 7; /* the day before, as it is known under the new policy */
    next = must_ask(lab, lab->acme, &order);
    assert_int_equal(next.to_ms, MIDNIGHT + 5 * HOUR);
}

/* Ledger time stands until the world has caught up: no step begins or ends meanwhile. */
static void a_clock_that_is_set_back_changes_nothing(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    struct release_order order = hourly(EPSILON);

    readings(lab, &device, 0, 3);
    at(lab, 3 * HOUR);
    struct release before = must_ask(lab, lab->acme, &order);
    at(lab, HOUR + 1);
    lab_reading(lab, &device, 2000); /* dated by the ledger */
    order.request = "again";
    struct release after = must_ask(lab, lab->acme, &order);
    assert_int_equal(member_of(&after, "ended"), 3);
    for (int64_t step = 1; step <= 3; step++)
        assert_int_equal(count_at(&after, step), count_at(&before, step));
    at(lab, -5 * HOUR);
    order.request = "yesterday";
    after = must_ask(lab, lab->acme, &order);
    assert_int_equal(member_of(&after, "paid_by"), before.id);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), 1);
}

static void earlier_counts_are_shown_free_of_charge_where_an_answer_has_no_room(void **state)
{
    struct lab *lab = *state;
    struct release_order order = hourly(EPSILON);

    lab_device(lab, "thermo-1");
    order.step_ms = 60000;
    at(lab, DAY);
    struct release last = must_ask(lab, lab->acme, &order);
    json_t *answer = lab_answer(&last);
    assert_int_equal(json_array_size(json_object_get(answer, "counts")), RUNNING_SHOWN_MAX);
    assert_string_equal(json_string_value(json_object_get(
                            json_array_get(json_object_get(answer, "counts"), RUNNING_SHOWN_MAX - 1), "count")),
                        lab_text(answer, NULL, "value"));
    json_decref(answer);
    int64_t shown = count_at(&last, 1440 - 63);
    order.to_ms = MIDNIGHT + DAY - 63LL * 60000;
    struct release earlier = must_ask(lab, lab->acme, &order);
    assert_int_equal(count_at(&earlier, 1440 - 63), shown);
    count_at(&earlier, 1440 - 63 - 63);
    assert_int_equal(earlier.loss.nrho, 0);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM running_sum"), 1440);
}

/* ---- who is in it ---- */

static void devices_that_join_later_are_in_the_next_epochs_series(void **state)
{
    struct lab *lab = *state;
    struct device fresh;
    const struct release_order order = hourly(EPSILON);

    lab_device(lab, "old");
    at(lab, HOUR);
    must_ask(lab, lab->acme, &order);
    fresh = lab_device(lab, "fresh");
    at(lab, 2 * HOUR);
    struct release second = must_ask(lab, lab->acme, &order);
    assert_int_equal(second.cohort, 1);
    assert_int_equal(lab_filter(lab, &fresh), 0);
    at(lab, DAY + HOUR);
    assert_int_equal(must_ask(lab, lab->acme, &order).cohort, 2);
    assert_int_equal(lab_filter(lab, &fresh), EPSILON);
}

/* I8: decided by grants and registry alone; a tenant is not told of a device that is not its own any more. */
static void a_device_that_leaves_ends_its_series(void **state)
{
    struct lab *lab = *state;
    struct release_order order = hourly(EPSILON), others = order;
    struct device gone;
    struct release release;

    lab_device(lab, "stays");
    gone = lab_device(lab, "goes");
    order.selector = others.selector = "site=lyon";
    at(lab, HOUR);
    must_ask(lab, lab->acme, &order);
    at(lab, 2 * HOUR);
    assert_int_equal(device_delete(lab->core, &lab->world->keeper, "goes", NULL), 0);
    assert_int_equal(ask(lab, lab->acme, &order, &release), REFUSED_CONFLICT);
    assert_null(strstr(lab->why.what, "goes"));
    struct device again = lab_device(lab, "goes"); /* its readings are gone, and others of it could count instead */
    assert_int_equal(again.id, gone.id);
    assert_int_equal(ask(lab, lab->acme, &order, &release), REFUSED_CONFLICT);
    assert_non_null(strstr(lab->why.what, "deleted"));
    others.tenant = "acme";
    assert_int_equal(release_create(lab->core, &lab->world->owner, &others, &release, &lab->why), REFUSED_CONFLICT);
    assert_non_null(strstr(lab->why.what, "device goes"));
    order.selector = "site in (lyon)"; /* another series, charged anew */
    assert_int_equal(must_ask(lab, lab->acme, &order).cohort, 2);
}

/* Whoever makes an answer look free of charge is found. */
static void a_verifier_asks_who_paid_for_what_cost_nothing(void **state)
{
    static const char *const lies[] = {
        "UPDATE release SET query = 'count' WHERE id = 3",
        "UPDATE release SET answer = replace(answer, '\"paid_by\":1', '\"paid_by\":2') WHERE id = 3",
        "UPDATE release SET answer = replace(answer, '\"paid_by\":1', '\"paid_by\":3') WHERE id = 3",
        "UPDATE release SET sensor = 'load' WHERE id = 3",
        "UPDATE release SET selector = 'site=lyon' WHERE id = 3",
    };
    struct lab *lab = *state;
    const struct release_order order = hourly(EPSILON);
    struct ledger_verdict verdict;

    lab_device(lab, "thermo-1");
    for (int64_t hour = 1; hour <= 3; hour++) {
        at(lab, hour * HOUR);
        must_ask(lab, lab->acme, &order);
    }
    assert_int_equal(ledger_verify(lab->core, &lab->world->auditor, &verdict, &lab->why), 0);
    assert_true(verdict.holds);
    lab_sql(lab, "DROP TRIGGER release_stays");
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        lab_sql(lab, "SAVEPOINT lie");
        lab_sql(lab, lies[i]);
        assert_int_equal(ledger_verify(lab->core, &lab->world->auditor, &verdict, &lab->why), 0);
        assert_false(verdict.holds);
        assert_non_null(strstr(verdict.why.what, "release 3 cost nothing, and"));
        lab_sql(lab, "ROLLBACK TO lie; RELEASE lie");
    }
}

static int keep_grant(void *context, const struct grant *grant)
{
    *(int64_t *)context = grant->id;
    return 0;
}

static void a_grant_that_is_revoked_ends_the_series(void **state)
{
    struct lab *lab = *state;
    const struct release_order order = hourly(EPSILON);
    struct release release;
    int64_t grant = 0;

    lab_device(lab, "thermo-1");
    at(lab, HOUR);
    must_ask(lab, lab->acme, &order);
    must_ask(lab, lab->beta, &order);
    at(lab, 2 * HOUR);
    assert_int_equal(lab->world->store->grant_each(lab->world->store, lab->acme->tenant.id, true,
                                                   lab->world->clock.now_ms, (struct page){ 0, 1 }, keep_grant, &grant),
                     0);
    assert_int_equal(grant_revoke(lab->core, &lab->world->owner, grant, &lab->why), 0);
    assert_int_equal(ask(lab, lab->acme, &order, &release), REFUSED_CONFLICT);
    assert_non_null(strstr(lab->why.what, "not granted any more"));
    must_ask(lab, lab->beta, &order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(partial_sums_are_those_of_the_binary_mechanism),
        LAB_TEST(one_device_moves_the_sums_of_a_level_by_its_contributions),
        LAB_TEST(the_first_contributions_count_across_steps),
        LAB_TEST(late_steps_and_other_sensors_readings_have_no_part_in_it),
        LAB_TEST(a_series_is_charged_once_and_says_the_same_of_a_step_for_ever),
        LAB_TEST(tenants_have_series_of_their_own_and_each_pays),
        LAB_TEST(the_next_epoch_and_the_next_policy_begin_new_series),
        LAB_TEST(a_clock_that_is_set_back_changes_nothing),
        LAB_TEST(earlier_counts_are_shown_free_of_charge_where_an_answer_has_no_room),
        LAB_TEST(devices_that_join_later_are_in_the_next_epochs_series),
        LAB_TEST(a_device_that_leaves_ends_its_series),
        LAB_TEST(a_grant_that_is_revoked_ends_the_series),
        LAB_TEST(a_verifier_asks_who_paid_for_what_cost_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
