#include "tests/unit/core/lab.h"

#include <stdio.h>

#include "daemon/core/schedule.h"

#define HOUR 3600000LL
#define DAY  86400000LL
#define NEXT (WORLD_START_MS / HOUR * HOUR + HOUR) /* the first full hour */

static struct schedule_order hourly(int64_t ueps)
{
    return (struct schedule_order){
        .release = { .query = "count", .sensor = "temperature", .selector = "", .loss.ueps = ueps }, .every_ms = HOUR
    };
}

static struct schedule add(struct lab *lab, const struct world_tenant *tenant, const struct schedule_order *order)
{
    struct schedule schedule;

    assert_int_equal(schedule_create(lab->core, &tenant->caller, order, &schedule, &lab->why), 0);
    return schedule;
}

static struct schedule now(struct lab *lab, int64_t id)
{
    struct schedule schedule;

    assert_int_equal(schedule_get(lab->core, &lab->world->owner, id, &schedule, &lab->why), 0);
    return schedule;
}

static void tick_at(struct lab *lab, int64_t unix_ms)
{
    int64_t next_ms;

    lab->world->clock.now_ms = unix_ms;
    assert_int_equal(schedule_tick(lab->core, unix_ms, &next_ms), 0);
    assert_true(next_ms > unix_ms);
}

static void runs_at_every_multiple_of_its_interval_over_the_one_before(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    struct schedule_order order = hourly(10000);
    struct schedule schedule = add(lab, lab->acme, &order);
    struct release release;

    assert_int_equal(schedule.next_ms, NEXT);
    tick_at(lab, NEXT - 1);
    assert_int_equal(now(lab, schedule.id).runs, 0);
    tick_at(lab, NEXT);
    tick_at(lab, NEXT);
    schedule = now(lab, schedule.id);
    assert_int_equal(schedule.runs, 1);
    assert_int_equal(schedule.next_ms, NEXT + HOUR);
    assert_int_equal(lab_filter(lab, &device), 10000);
    assert_int_equal(lab_spent(lab, lab->acme), 10000);
    assert_int_equal(release_get(lab->core, &lab->acme->caller, schedule.release_id, &release, &lab->why), 0);
    assert_int_equal(release.from_ms, NEXT - HOUR);
    assert_int_equal(release.to_ms, NEXT);
    assert_string_equal(release.request, "schedule:1:2025-10-09T09:00:00Z");
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM audit WHERE actor LIKE '%schedule:1%'"), 1);
    tick_at(lab, NEXT + HOUR);
    assert_int_equal(now(lab, schedule.id).runs, 2);
    assert_int_equal(lab_spent(lab, lab->acme), 20000);
}

static void asks_every_kind_of_query_again_as_it_was_ordered(void **state)
{
    struct lab *lab = *state;
    struct schedule_order order = hourly(10000);
    struct release release;

    lab_device(lab, "thermo-1");
    order.release.query = "histogram";
    order.release.edges = "-20,0,20,60";
    add(lab, lab->acme, &order);
    order = hourly(10000);
    order.release.query = "top";
    order.release.categories = "1,2,3";
    order.release.top = 2;
    add(lab, lab->acme, &order);
    order = hourly(0);
    order.release.rho = "0.001";
    assert_true(add(lab, lab->acme, &order).loss.impure);
    tick_at(lab, NEXT);
    for (int64_t id = 1; id <= 3; id++) {
        struct schedule schedule = now(lab, id);
        if (id == 3) { /* the lab's budgets are of epsilon alone */
            assert_int_equal(schedule.refused, 1);
            continue;
        }
        assert_string_equal(schedule.problem, "");
        assert_int_equal(release_get(lab->core, &lab->acme->caller, schedule.release_id, &release, &lab->why), 0);
        assert_string_equal(release.query, id == 1 ? "histogram" : "top");
        assert_non_null(strstr(release.parameters, id == 1 ? "-20" : "2"));
    }
}

/* I3, I12: the answer is durable, the schedule's own row is not. */
static void a_crash_between_answer_and_schedule_replays(void **state)
{
    struct lab *lab = *state;
    struct schedule_order order = hourly(10000);

    lab_device(lab, "thermo-1");
    struct schedule schedule = add(lab, lab->acme, &order);
    tick_at(lab, NEXT);
    char sql[96];
    snprintf(sql, sizeof(sql), "UPDATE schedule SET next_ms = %lld, runs = 0, release_id = NULL", (long long)NEXT);
    lab_sql(lab, sql);
    world_restart(lab->world);
    tick_at(lab, NEXT + 5);
    schedule = now(lab, schedule.id);
    assert_int_equal(schedule.runs, 1);
    assert_int_equal(schedule.release_id, 1);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM release"), 1);
    assert_int_equal(lab_spent(lab, lab->acme), 10000);
}

static void of_missed_runs_only_the_newest_is_made_up_for(void **state)
{
    struct lab *lab = *state;
    struct schedule_order order = hourly(10000);
    struct release release;

    lab_device(lab, "thermo-1");
    struct schedule schedule = add(lab, lab->acme, &order);
    tick_at(lab, NEXT + 5 * HOUR + 7);
    schedule = now(lab, schedule.id);
    assert_int_equal(schedule.runs, 1);
    assert_int_equal(schedule.missed, 5);
    assert_int_equal(schedule.next_ms, NEXT + 6 * HOUR);
    assert_int_equal(release_get(lab->core, &lab->acme->caller, schedule.release_id, &release, &lab->why), 0);
    assert_int_equal(release.to_ms, NEXT + 5 * HOUR);
    /* a clock set back runs nothing again */
    tick_at(lab, NEXT);
    tick_at(lab, NEXT + HOUR);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM release"), 1);
}

static void a_refusal_is_kept_and_the_next_run_tried_at_its_time(void **state)
{
    struct lab *lab = *state;
    struct schedule_order order = hourly(3 * EPSILON);

    lab_device(lab, "thermo-1");
    struct schedule schedule = add(lab, lab->acme, &order);
    tick_at(lab, NEXT);
    tick_at(lab, NEXT + HOUR);
    schedule = now(lab, schedule.id);
    assert_int_equal(schedule.runs, 1);
    assert_int_equal(schedule.refused, 1);
    assert_non_null(strstr(schedule.problem, "has spent 3 of 5 epsilon"));
    assert_int_equal(schedule.next_ms, NEXT + 2 * HOUR);
    tick_at(lab, (WORLD_START_MS / DAY + 1) * DAY + HOUR); /* a new epoch */
    schedule = now(lab, schedule.id);
    assert_int_equal(schedule.runs, 2);
    assert_string_equal(schedule.problem, "");
}

static void ends_pauses_goes_on_and_goes(void **state)
{
    struct lab *lab = *state;
    struct schedule_order order = hourly(10000);
    struct schedule schedule;
    const struct caller *who = &lab->acme->caller;

    lab_device(lab, "thermo-1");
    order.until_ms = NEXT + 3 * HOUR + 5;
    schedule = add(lab, lab->acme, &order);
    assert_int_equal(schedule_pause(lab->core, who, 1, true, &schedule, &lab->why), 0);
    assert_int_equal(schedule_pause(lab->core, who, 1, true, &schedule, &lab->why), REFUSED_CONFLICT);
    tick_at(lab, NEXT + HOUR + 1);
    assert_int_equal(now(lab, 1).runs, 0);
    assert_int_equal(schedule_pause(lab->core, who, 1, false, &schedule, &lab->why), 0);
    assert_int_equal(schedule.next_ms, NEXT + 2 * HOUR);
    tick_at(lab, NEXT + 9 * HOUR);
    schedule = now(lab, 1);
    assert_int_equal(schedule.last_ms, NEXT + 3 * HOUR); /* the newest before its end */
    assert_true(schedule_has_ended(&schedule));
    tick_at(lab, NEXT + 20 * HOUR);
    assert_int_equal(now(lab, 1).runs, 1);
    assert_int_equal(schedule_delete(lab->core, who, 1, &lab->why), 0);
    assert_int_equal(schedule_get(lab->core, who, 1, &schedule, &lab->why), REFUSED_UNKNOWN);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM release"), 1);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM audit WHERE action LIKE 'schedule.%'"), 4);
}

static int count_schedule(void *context, const struct schedule *schedule)
{
    (void)schedule;
    ++*(int *)context;
    return 0;
}

/* I8 */
static void a_tenant_sees_and_touches_only_its_own(void **state)
{
    struct lab *lab = *state;
    struct schedule_order order = hourly(10000);
    const struct caller *other = &lab->beta->caller;
    struct schedule schedule;
    struct schedule_plan plan;
    int seen = 0;

    lab_device(lab, "thermo-1");
    add(lab, lab->acme, &order);
    assert_int_equal(schedule_get(lab->core, other, 1, &schedule, &lab->why), REFUSED_UNKNOWN);
    assert_int_equal(schedule_plan_get(lab->core, other, 1, &plan, &lab->why), REFUSED_UNKNOWN);
    assert_int_equal(schedule_pause(lab->core, other, 1, true, &schedule, &lab->why), REFUSED_UNKNOWN);
    assert_int_equal(schedule_delete(lab->core, other, 1, &lab->why), REFUSED_UNKNOWN);
    assert_int_equal(schedule_list(lab->core, other, (struct page){ 0, 10 }, count_schedule, &seen, &lab->why), 0);
    assert_int_equal(seen, 0);
    order.release.tenant = lab->acme->tenant.name;
    assert_int_equal(schedule_create(lab->core, other, &order, &schedule, &lab->why), REFUSED_UNKNOWN);
    assert_int_equal(schedule_create(lab->core, &lab->world->auditor, &order, &schedule, &lab->why), REFUSED_FORBIDDEN);
    assert_int_equal(schedule_delete(lab->core, &lab->world->auditor, 1, &lab->why), REFUSED_FORBIDDEN);
    assert_int_equal(schedule_plan_get(lab->core, &lab->world->auditor, 1, &plan, &lab->why), 0);
}

static void refuses_what_no_run_could_ever_be(void **state)
{
    struct lab *lab = *state;
    struct schedule_order order = hourly(10000);
    struct schedule schedule;

    assert_int_equal(schedule_create(lab->core, &lab->acme->caller, &order, &schedule, &lab->why),
                     REFUSED_UNKNOWN); /* no device */
    lab_device(lab, "thermo-1");
    order.every_ms = 999;
    assert_int_equal(schedule_create(lab->core, &lab->acme->caller, &order, &schedule, &lab->why), REFUSED_INVALID);
    order.every_ms = 300 * DAY; /* older than what the policy keeps */
    assert_int_equal(schedule_create(lab->core, &lab->acme->caller, &order, &schedule, &lab->why), REFUSED_INVALID);
    order.every_ms = HOUR;
    order.until_ms = NEXT - 1;
    assert_int_equal(schedule_create(lab->core, &lab->acme->caller, &order, &schedule, &lab->why), REFUSED_INVALID);
    assert_string_equal(lab->why.where, "until");
    order = hourly(10000);
    order.release.query = "gossip";
    assert_int_equal(schedule_create(lab->core, &lab->acme->caller, &order, &schedule, &lab->why), REFUSED_INVALID);
    order.release.query = "count";
    for (int i = 0; i < SCHEDULES_PER_TENANT_MAX; i++)
        add(lab, lab->acme, &order);
    assert_int_equal(schedule_create(lab->core, &lab->acme->caller, &order, &schedule, &lab->why), REFUSED_TOO_LARGE);
    add(lab, lab->beta, &order);
}

/* The plan's run that finds nothing left is the one that is refused. */
static void a_plan_names_the_run_that_will_be_refused(void **state)
{
    struct lab *lab = *state;
    struct schedule_order order = hourly(EPSILON), half = hourly(EPSILON / 2);
    struct schedule_plan plan;

    lab_device(lab, "thermo-1");
    lab->core->settings.filter_cap.ueps = 100 * EPSILON;
    assert_int_equal(schedule_preview(lab->core, &lab->acme->caller, &order, &plan, &lab->why), 0);
    assert_int_equal(plan.runs_per_epoch, 24);
    assert_int_equal(plan.per_epoch.ueps, 24 * EPSILON);
    assert_int_equal(plan.budget_cap.ueps, 5 * EPSILON);
    assert_true(plan.budget.dries);
    assert_int_equal(plan.budget.run, 6);
    assert_int_equal(plan.budget.schedule_id, 0);
    assert_int_equal(plan.budget.due_ms, NEXT + 5 * HOUR);
    assert_false(plan.filter.dries);
    assert_int_equal(plan.now.cohort, 1);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM schedule"), 0);

    add(lab, lab->acme, &half);
    assert_int_equal(schedule_preview(lab->core, &lab->acme->caller, &order, &plan, &lab->why), 0);
    assert_int_equal(plan.all_per_epoch.ueps, 36 * EPSILON);
    assert_int_equal(plan.budget.due_ms, NEXT + 3 * HOUR); /* 1.5 an hour: 4.5 after three */
    assert_int_equal(plan.budget.schedule_id, 0);          /* half of one still fits */
    assert_int_equal(plan.budget.run, 4);
    add(lab, lab->acme, &order);
    for (int i = 0; i < 5; i++)
        tick_at(lab, NEXT + i * HOUR);
    assert_int_equal(now(lab, 1).refused, 1); /* at 09:00 + 4 h: 4.5 + 0.5 were spent by then */
    assert_int_equal(now(lab, 2).refused, 2);
    assert_int_equal(now(lab, 2).runs, 3);
}

static void a_plan_knows_what_is_spent_and_what_the_filters_hold(void **state)
{
    struct lab *lab = *state;
    struct schedule_order order = hourly(EPSILON / 10);
    struct schedule_plan plan;

    lab_device(lab, "thermo-1");
    lab->core->settings.filter_cap.ueps = 2 * EPSILON;
    assert_int_equal(schedule_preview(lab->core, &lab->acme->caller, &order, &plan, &lab->why), 0);
    assert_false(plan.budget.dries); /* 2.4 of 5 an epoch */
    assert_true(plan.filter.dries);  /* 2.4 of 2: first tomorrow, as today has 16 runs left */
    assert_int_equal(plan.filter.currency, LOSS_EPSILON);
    assert_int_equal(plan.filter.epoch, WORLD_START_MS / DAY + 1);
    assert_int_equal(plan.filter.run, 16 + 21);
    lab->core->settings.filter_cap.ueps = 100 * EPSILON;
    lab_release(lab, lab->acme, "count", 5 * EPSILON, NULL);
    assert_int_equal(schedule_preview(lab->core, &lab->acme->caller, &order, &plan, &lab->why), 0);
    assert_true(plan.budget.dries);
    assert_int_equal(plan.budget.run, 1);
    assert_false(plan.now.would_pass);
}

/* What others took of the filters today; a tenant's plan does not tell. */
static void a_plan_counts_in_what_filters_have_lost_but_not_for_a_tenant(void **state)
{
    struct lab *lab = *state;
    struct schedule_order order = hourly(EPSILON / 10);
    struct schedule_plan plan;
    const struct caller *officer = &lab->world->owner;

    lab_device(lab, "thermo-1");
    lab_device(lab, "thermo-2");
    lab->core->settings.filter_cap.ueps = 3 * EPSILON; /* 2.4 an epoch fit, and 1.6 today */
    order.release.tenant = lab->acme->tenant.name;
    assert_int_equal(schedule_preview(lab->core, officer, &order, &plan, &lab->why), 0);
    assert_true(plan.filter_as_spent);
    assert_false(plan.filter.dries);
    lab_release(lab, lab->beta, "count", 7 * EPSILON / 5, NULL);
    assert_int_equal(schedule_preview(lab->core, officer, &order, &plan, &lab->why), 0);
    assert_false(plan.filter.dries); /* 1.6 of 1.6 */
    lab_release(lab, lab->beta, "count", EPSILON / 4, NULL);
    assert_int_equal(schedule_preview(lab->core, officer, &order, &plan, &lab->why), 0);
    assert_true(plan.filter.dries); /* 1.35: thirteen runs */
    assert_int_equal(plan.filter.run, 14);
    assert_int_equal(plan.filter.epoch, WORLD_START_MS / DAY);
    assert_int_equal(plan.filter.due_ms, NEXT + 13 * HOUR);
    assert_int_equal(schedule_preview(lab->core, &lab->acme->caller, &order, &plan, &lab->why), 0);
    assert_false(plan.filter_as_spent || plan.filter.dries);

    struct schedule schedule = add(lab, lab->acme, &order); /* and it is so */
    assert_int_equal(schedule_plan_get(lab->core, &lab->world->auditor, schedule.id, &plan, &lab->why), 0);
    assert_int_equal(plan.filter.run, 14);
    for (int i = 0; i < 16; i++)
        tick_at(lab, NEXT + i * HOUR);
    assert_int_equal(now(lab, schedule.id).runs, 13);
    assert_int_equal(now(lab, schedule.id).refused, 3);
    assert_int_equal(schedule_plan_get(lab->core, &lab->acme->caller, schedule.id, &plan, &lab->why), 0);
    assert_false(plan.filter_as_spent || plan.filter.dries);
}

/* The tenant's own reserve is there, whatever others took of the rest; and rho is bounded by itself. */
static void a_plan_knows_reserves_and_rho(void **state)
{
    const struct budget_order reserve = { .epsilon = "100", .rho = "100", .reserve_epsilon = "1" };
    struct lab *lab = *state;
    struct schedule_order order = hourly(EPSILON / 10);
    struct schedule_plan plan;
    struct budget budget;

    lab_device(lab, "thermo-1");
    lab->core->settings.filter_cap.ueps = 3 * EPSILON;
    lab_sql(lab, "DELETE FROM budget_terms WHERE tenant_id = 1");
    assert_int_equal(budget_set(lab->core, &lab->world->privacy_officer, "acme", &reserve, &budget, &lab->why), 0);
    lab->world->clock.now_ms += DAY; /* reserves begin with an epoch */
    lab_release(lab, lab->beta, "count", 8 * EPSILON / 5, NULL);
    order.release.tenant = lab->acme->tenant.name;
    assert_int_equal(schedule_preview(lab->core, &lab->world->owner, &order, &plan, &lab->why), 0);
    assert_true(plan.filter.dries); /* of the pool's 2 there are 0.4 left, and the reserve of 1 */
    assert_int_equal(plan.filter.currency, LOSS_EPSILON);
    assert_int_equal(plan.filter.run, 15);

    lab->core->settings.filter_cap.nrho = 100000000;
    lab->world->clock.now_ms += DAY;
    lab_release(lab, lab->beta, "count", EPSILON / 4, NULL); /* rho 0.0294 */
    assert_int_equal(schedule_preview(lab->core, &lab->world->owner, &order, &plan, &lab->why), 0);
    assert_int_equal(plan.filter.currency, LOSS_RHO); /* 0.00488 a run */
    assert_int_equal(plan.filter.run, 15);
    lab->core->settings.filter_cap.pure_only = false;
    order.release.loss = (struct loss){ 0 };
    order.release.rho = "0.005";
    lab->world->clock.now_ms += DAY;
    lab_release(lab, lab->beta, "count", EPSILON / 4, NULL);
    assert_int_equal(schedule_preview(lab->core, &lab->world->owner, &order, &plan, &lab->why), 0);
    assert_int_equal(plan.filter.currency, LOSS_RHO);
    assert_int_equal(plan.filter.run, 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(runs_at_every_multiple_of_its_interval_over_the_one_before),
        LAB_TEST(asks_every_kind_of_query_again_as_it_was_ordered),
        LAB_TEST(a_crash_between_answer_and_schedule_replays),
        LAB_TEST(of_missed_runs_only_the_newest_is_made_up_for),
        LAB_TEST(a_refusal_is_kept_and_the_next_run_tried_at_its_time),
        LAB_TEST(ends_pauses_goes_on_and_goes),
        LAB_TEST(a_tenant_sees_and_touches_only_its_own),
        LAB_TEST(refuses_what_no_run_could_ever_be),
        LAB_TEST(a_plan_names_the_run_that_will_be_refused),
        LAB_TEST(a_plan_knows_what_is_spent_and_what_the_filters_hold),
        LAB_TEST(a_plan_counts_in_what_filters_have_lost_but_not_for_a_tenant),
        LAB_TEST(a_plan_knows_reserves_and_rho),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
