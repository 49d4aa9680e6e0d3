/* Running counts: how far off they are, what is refused, what faults leave behind, and what is scheduled. */
#include "tests/unit/core/fail_everywhere.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/text.h"
#include "daemon/core/explanation.h"
#include "daemon/core/ledger_verify.h"
#include "daemon/core/release_running.h"
#include "daemon/core/schedule.h"

#define HOUR     3600000LL
#define DAY      86400000LL
#define MIDNIGHT (WORLD_START_MS / DAY * DAY + DAY)

static struct release_order hourly(int64_t ueps)
{
    return (
        struct release_order){ .query = "running-count", .sensor = "temperature", .step_ms = HOUR, .loss.ueps = ueps };
}

static void plenty(struct lab *lab)
{
    const struct budget_order order = { .epsilon = "1000", .rho = "1000" };
    struct budget budget;

    lab->core->settings.filter_cap = (struct loss_caps){ .ueps = 1000 * EPSILON, .nrho = 1000000000000 };
    assert_int_equal(budget_set(lab->core, &lab->world->privacy_officer, "acme", &order, &budget, &lab->why), 0);
}

static struct release must_ask(struct lab *lab, const struct release_order *order)
{
    struct release release;

    int r = release_create(lab->core, &lab->acme->caller, order, &release, &lab->why);
    if (r != 0)
        fail_msg("%d: %s", r, lab->why.what);
    return release;
}

/* ---- how far off ---- */

struct coverage {
    int64_t counts, outside;
    int64_t by_draws[8], outside_by_draws[8];
};

static void look_at(const struct release *release, const int64_t truth[25], struct coverage *coverage)
{
    json_t *answer = lab_answer(release), *one;
    int64_t count, half_width;
    size_t i;

    json_array_foreach(json_object_get(answer, "counts"), i, one)
    {
        const int64_t step = json_integer_value(json_object_get(one, "step"));
        assert_int_equal(integer_parse(lab_text(one, NULL, "count"), INT64_MIN, INT64_MAX, &count), 0);
        assert_int_equal(integer_parse(lab_text(one, NULL, "half_width"), 0, INT64_MAX, &half_width), 0);
        const bool outside = llabs(count - truth[step]) > half_width;
        coverage->counts++;
        coverage->outside += outside;
        coverage->by_draws[__builtin_popcountll((uint64_t)step)]++;
        coverage->outside_by_draws[__builtin_popcountll((uint64_t)step)] += outside;
    }
    json_decref(answer);
}

/* Of many series over the same readings at least 95 % of all counts are within their intervals. */
static void counts_are_within_their_intervals(struct lab *lab, struct release_order order, int series)
{
    struct coverage coverage = { 0 };
    int64_t truth[25] = { 0 };
    char selector[32];

    plenty(lab);
    struct device device = lab_device(lab, "thermo-1"), other = lab_device(lab, "thermo-2");
    for (int64_t hour = 0; hour < 24; hour++) {
        lab->world->clock.now_ms = MIDNIGHT + hour * HOUR + 5;
        truth[hour + 1] = truth[hour] + (hour == 3 || hour == 11) + (hour == 3);
        if (hour == 3 || hour == 11)
            lab_reading(lab, &device, 2000);
        if (hour == 3)
            lab_reading(lab, &other, 2000);
    }
    lab->world->clock.now_ms = MIDNIGHT + DAY;
    order.selector = selector;
    for (int i = 0; i < series; i++) {
        snprintf(selector, sizeof(selector), "site!=s%d", i);
        struct release release = must_ask(lab, &order);
        look_at(&release, truth, &coverage);
    }
    assert_int_equal(coverage.counts, series * 24);
    assert_true(coverage.outside * 20 <= coverage.counts);
    assert_true(coverage.outside * 100 >= coverage.counts); /* and no wider than need be */
    for (int draws = 1; draws <= 4; draws++)                /* four standard deviations */
        assert_true(coverage.outside_by_draws[draws] <= coverage.by_draws[draws] / 20 + 35);
}

static void counts_with_laplace_noise_are_within_their_intervals(void **state)
{
    counts_are_within_their_intervals(*state, hourly(2 * EPSILON), 120);
}

static void counts_with_gaussian_noise_are_within_their_intervals(void **state)
{
    struct release_order order = hourly(0);

    order.rho = "0.1";
    counts_are_within_their_intervals(*state, order, 120);
}

/* Widths against what is known of sums of draws: 1.96 standard deviations for normal ones; for Laplace ones tails that
 * were solved elsewhere (k draws of scale 100: 299, 411, 496 ...), and half a step a draw more. */
static void intervals_are_as_wide_as_the_draws_of_a_step_make_them(void **state)
{
    static struct asked asked;
    static const int64_t laplace[] = { 299, 412, 498, 571, 635, 694, 748, 798, 846, 891, 933, 974 };
    static const int64_t gauss[] = { 196, 278, 340, 393, 439, 481 };
    int64_t width;

    (void)state;
    asked.mechanism = MECHANISM_LAPLACE;
    asked.parts[0].scale = (struct noise_scale){ 100, 1 };
    for (unsigned draws = 1; draws <= 12; draws++) {
        assert_int_equal(running_half_width(&asked, draws, &width), 0);
        assert_in_range(width, laplace[draws - 1], laplace[draws - 1] + 1);
    }
    assert_int_equal(running_half_width(&asked, 13, &width), -ERANGE);
    asked.mechanism = MECHANISM_GAUSS;
    asked.parts[0].scale = (struct noise_scale){ 10000, 1 };
    for (unsigned draws = 1; draws <= 6; draws++) {
        assert_int_equal(running_half_width(&asked, draws, &width), 0);
        assert_in_range(width, gauss[draws - 1], gauss[draws - 1] + 2);
    }
    asked.parts[0].scale = (struct noise_scale){ 1, 1 };
    assert_int_equal(running_half_width(&asked, 1, &width), 0);
    assert_int_equal(width, 2); /* 0.9 % are beyond, and of 1 11.7 % */
    /* sums of so few steps are not near the limit: sqrt(2 k ln 40) */
    assert_int_equal(running_half_width(&asked, 2, &width), 0);
    assert_int_equal(width, 4);
    assert_int_equal(running_half_width(&asked, 12, &width), 0);
    assert_int_equal(width, 10);
}

static void a_preview_says_what_the_worst_step_needs(void **state)
{
    struct lab *lab = *state;
    struct release_order order = hourly(0);
    struct release_plan plan;
    int64_t worst = 0;

    plenty(lab);
    lab_device(lab, "thermo-1");
    lab->world->clock.now_ms = MIDNIGHT + DAY;
    for (int i = 0; i < 2; i++) {
        order.error = "30";
        order.mechanism = i == 0 ? "laplace" : "gaussian";
        assert_int_equal(release_preview(lab->core, &lab->acme->caller, &order, &plan, &lab->why), 0);
        assert_true(plan.has_needed);
        assert_true(plan.error95_num <= 30);
        order.error = NULL;
        order.loss = (struct loss){ .ueps = i == 0 ? plan.needed.ueps : 0, .nrho = i == 0 ? 0 : plan.needed.nrho };
        struct release release = must_ask(lab, &order);
        json_t *answer = lab_answer(&release), *one;
        size_t j;
        worst = 0;
        json_array_foreach(json_object_get(answer, "counts"), j, one)
        {
            int64_t width;
            assert_int_equal(integer_parse(lab_text(one, NULL, "half_width"), 0, INT64_MAX, &width), 0);
            worst = width > worst ? width : worst;
        }
        json_decref(answer);
        assert_int_equal(worst, plan.error95_num);
        assert_in_range(worst, 28, 30);
        order.loss = (struct loss){ 0 };
    }
}

/* ---- refusals and faults ---- */

static void a_refused_running_count_leaves_no_trace(void **state)
{
    struct lab *lab = *state;
    const struct release_order good = hourly(EPSILON);
    struct release_order orders[12];
    static const char *const where[] = { "step", "step", "step",    "step", "from",  "epsilon",
                                         "to",   "step", "epsilon", "to",   "edges", "selector" };
    uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];
    struct release release;

    lab_device(lab, "thermo-1");
    lab->world->clock.now_ms = MIDNIGHT + 2 * HOUR;
    for (size_t i = 0; i < 12; i++)
        orders[i] = good;
    orders[0].step_ms = 0;
    orders[1].step_ms = 7 * HOUR;
    orders[2].step_ms = DAY / 4096 - 1;
    orders[3].step_ms = -HOUR;
    orders[4].from_ms = MIDNIGHT;
    orders[5].loss.ueps = 4; /* five levels */
    orders[6].to_ms = MIDNIGHT + 3 * HOUR;
    orders[7].query = "count";
    orders[8].loss.ueps = 0;
    orders[9].to_ms = MIDNIGHT + HOUR - 1;
    orders[10].edges = "1,2";
    orders[11].selector = "site=mars";
    lab_fingerprint(lab, before);
    for (size_t i = 0; i < 12; i++) {
        int r = release_create(lab->core, &lab->acme->caller, &orders[i], &release, &lab->why);
        if (r != (i == 11 ? REFUSED_UNKNOWN : REFUSED_INVALID) || strcmp(lab->why.where, where[i]) != 0)
            fail_msg("case %zu: %d %s (%s)", i, r, lab->why.what, lab->why.where);
    }
    lab_fingerprint(lab, after);
    assert_memory_equal(before, after, DIGEST_SIZE);
}

static void a_policy_that_forgets_within_the_epoch_has_no_running_counts(void **state)
{
    struct lab *lab = *state;
    struct policy_order policy = {
        .sensor = "temperature", .lower = "-20", .upper = "60.5", .contributions = 2, .retention_ms = DAY + HOUR - 1
    };
    const struct release_order order = hourly(EPSILON);
    struct release release;

    lab_device(lab, "thermo-1");
    lab_policy(lab, &policy);
    lab->world->clock.now_ms = MIDNIGHT + HOUR;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why), REFUSED_INVALID);
    assert_string_equal(lab->why.where, "sensor");
    policy.retention_ms = DAY + HOUR;
    lab_policy(lab, &policy); /* what came in under the shorter one counts until that is an epoch ago */
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why), 0);
    lab->world->clock.now_ms = MIDNIGHT + DAY + HOUR;
    struct release_order last = order;
    last.to_ms = MIDNIGHT + DAY;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &last, &release, &lab->why), REFUSED_INVALID);
    lab->world->clock.now_ms = MIDNIGHT + 4 * DAY;
    last.to_ms = MIDNIGHT + 4 * DAY;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &last, &release, &lab->why), 0);
}

/* I2, I12 */
static void a_fault_at_any_step_leaves_all_or_nothing(void **state)
{
    struct lab *lab = *state;
    struct release_order order = hourly(EPSILON);
    uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];
    struct release first, second;

    lab_device(lab, "thermo-1");
    lab_device(lab, "thermo-2");
    lab_sink(lab, lab->acme, "lake", "file");
    lab->world->clock.now_ms = MIDNIGHT + 2 * HOUR;
    /* time, series, profile, release, standing, charge, 2 devices' steps, series, 2 sums, answer, audit, outbox, commit
     */
    assert_int_equal(fail_everywhere_release(lab, &order, &first), 15);
    lab->world->clock.now_ms = MIDNIGHT + 4 * HOUR;
    lab_fingerprint(lab, before);
    lab->core->random = &no_random;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &second, &lab->why), -EIO);
    lab->core->random = &lab->world->random;
    lab_fingerprint(lab, after);
    assert_memory_equal(before, after, DIGEST_SIZE);
    /* time, series, cohort, sums, departed, release, 2 devices' steps, 2 sums, answer, audit, outbox, commit */
    assert_int_equal(fail_everywhere_release(lab, &order, &second), 14);
    json_t *a = lab_answer(&first), *b = lab_answer(&second);
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(
            json_string_value(json_object_get(json_array_get(json_object_get(a, "counts"), i), "count")),
            json_string_value(json_object_get(json_array_get(json_object_get(b, "counts"), i), "count")));
    json_decref(a);
    json_decref(b);
    assert_int_equal(lab_spent(lab, lab->acme), EPSILON);
}

/* ---- words ---- */

static void fill(char *text, size_t size, char c)
{
    memset(text, c, size - 1);
    text[size - 1] = '\0';
}

/* A document that fits or not by the digits of what was drawn would tell of it. */
static void the_longest_answer_fits(void **state)
{
    struct asked *asked = calloc(1, sizeof(*asked));
    struct running *running = calloc(1, sizeof(*running));
    struct release release = { 0 };

    (void)state;
    assert_true(asked != NULL && running != NULL);
    asked->query = QUERY_RUNNING_COUNT;
    asked->mechanism = MECHANISM_LAPLACE;
    asked->loss = (struct loss){ .ueps = 19999999, .nrho = LOSS_MAX };
    asked->policy = (struct policy){ .epoch_ms = INT64_MAX - 1000, .contributions = 100000, .version = UINT32_MAX };
    asked->device_count = asked->charged_count = COHORT_MAX;
    asked->from_ms = asked->to_ms = asked->now_ms = 253402300000999 - 5000; /* in 9999 */
    fill(asked->tenant.name, sizeof(asked->tenant.name), 't');
    fill(asked->policy.sensor, sizeof(asked->policy.sensor), 's');
    fill(asked->selector, sizeof(asked->selector), '\t'); /* six bytes each */
    fill(asked->request, sizeof(asked->request), 'r');
    snprintf(asked->parameters_text, sizeof(asked->parameters_text), "{\"step_ms\":31622400000}");
    asked->part_count = 1;
    asked->parts[0] = (struct noised){ .quantity = "partial sum", .scale = { 1ull << 40, 1 } };
    asked->parts[0].loss = asked->loss;
    asked->running = running;
    *running = (struct running){ .step_ms = 1, .horizon = 4096, .steps = 4095, .has_begun = true };
    running->series.release_id = INT64_MAX;
    for (int64_t step = 1; step <= 4096; step++)
        running->sums[step] = INT64_MIN / 2;
    assert_int_equal(
        release_answer_write(asked, INT64_MAX, release.answer, sizeof(release.answer) - 512, &release.answer_size), 0);
    json_decref(lab_answer(&release));
    asked_deinit(asked);
    free(asked);
}

static void an_answer_and_its_explanation_say_what_the_series_cost(void **state)
{
    struct lab *lab = *state;
    const struct release_order order = hourly(EPSILON);
    char text[EXPLANATION_SIZE];
    struct ledger_verdict verdict;

    lab_device(lab, "thermo-1");
    lab->world->clock.now_ms = MIDNIGHT + HOUR;
    struct release first = must_ask(lab, &order);
    lab->world->clock.now_ms = MIDNIGHT + 3 * HOUR;
    struct release second = must_ask(lab, &order);
    json_t *answer = lab_answer(&second);
    const char *statement = lab_text(answer, NULL, "statement");
    assert_non_null(strstr(statement, "after step 3, each earlier count within its own half width"));
    assert_non_null(strstr(statement, "once for all 24 steps and with release 1, so that this one cost nothing more"));
    assert_non_null(strstr(statement, "the first 2 readings of the epoch count"));
    assert_string_equal(lab_text(answer, NULL, "epsilon"), "1"); /* of the series: what holds */
    assert_string_equal(
        lab_text(json_array_get(json_object_get(json_object_get(answer, "privacy"), "noise"), 0), NULL, "quantity"),
        "partial sum");
    json_decref(answer);
    assert_int_equal(release_explain(lab->core, &lab->acme->caller, second.id, text, &lab->why), 0);
    assert_non_null(strstr(text, "differentially private with epsilon 1"));
    assert_non_null(strstr(text, "with release 1, and nothing for this one"));
    assert_non_null(strstr(text, "its series used 10 % of its epsilon 10"));
    assert_int_equal(release_explain(lab->core, &lab->acme->caller, first.id, text, &lab->why), 0);
    assert_non_null(strstr(text, "with release 1, which is this one"));
    assert_int_equal(ledger_verify(lab->core, &lab->world->auditor, &verdict, &lab->why), 0);
    assert_true(verdict.holds);
    assert_int_equal(verdict.releases, 2);
}

/* ---- schedules ---- */

static void a_schedule_pays_once_an_epoch(void **state)
{
    struct lab *lab = *state;
    const struct schedule_order order = { .release = hourly(EPSILON), .every_ms = HOUR };
    const struct schedule_order between = { .release = hourly(EPSILON), .every_ms = HOUR + HOUR / 2 };
    struct device device = lab_device(lab, "thermo-1");
    struct schedule_plan plan;
    struct schedule schedule;
    int64_t next_ms;

    lab->world->clock.now_ms = MIDNIGHT + 1; /* no step has ended: that is no reason against a schedule */
    assert_int_equal(schedule_preview(lab->core, &lab->acme->caller, &between, &plan, &lab->why), REFUSED_INVALID);
    assert_int_equal(schedule_preview(lab->core, &lab->acme->caller, &order, &plan, &lab->why), 0);
    assert_int_equal(plan.runs_per_epoch, 24);
    assert_int_equal(plan.per_epoch.ueps, EPSILON);
    assert_int_equal(plan.all_per_epoch.ueps, EPSILON);
    assert_false(plan.budget.dries);
    assert_int_equal(schedule_create(lab->core, &lab->acme->caller, &order, &schedule, &lab->why), 0);
    lab->world->clock.now_ms = MIDNIGHT + HOUR;
    must_ask(lab, &order.release); /* what was answered already is no reason either */
    assert_int_equal(schedule_preview(lab->core, &lab->acme->caller, &order, &plan, &lab->why), 0);
    assert_int_equal(plan.per_epoch.ueps, EPSILON);
    assert_int_not_equal(plan.now.paid_by, 0);
    struct schedule same;
    assert_int_equal(schedule_create(lab->core, &lab->acme->caller, &order, &same, &lab->why), 0);
    assert_int_equal(same.loss.ueps, EPSILON);
    assert_int_equal(schedule_delete(lab->core, &lab->acme->caller, same.id, &lab->why), 0);
    for (int64_t hour = 1; hour <= 26; hour++) {
        lab->world->clock.now_ms = MIDNIGHT + hour * HOUR;
        assert_int_equal(schedule_tick(lab->core, lab->world->clock.now_ms, &next_ms), 0);
        if (hour == 24)
            assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), 1);
    }
    assert_int_equal(schedule_get(lab->core, &lab->acme->caller, schedule.id, &schedule, &lab->why), 0);
    assert_int_equal(schedule.runs, 26);
    assert_int_equal(schedule.refused, 0);
    assert_int_equal(schedule.loss.ueps, EPSILON);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), 2);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM running_sum"), 26);
    assert_int_equal(lab_filter(lab, &device), EPSILON);
    lab_budget(lab, lab->acme, EPSILON); /* enough for one series an epoch */
    assert_int_equal(schedule_plan_get(lab->core, &lab->acme->caller, schedule.id, &plan, &lab->why), 0);
    assert_int_equal(plan.now.device_loss.ueps, 0);
    assert_int_not_equal(plan.now.paid_by, 0);
    assert_false(plan.budget.dries);
    lab_budget(lab, lab->acme, EPSILON / 2);
    assert_int_equal(schedule_plan_get(lab->core, &lab->acme->caller, schedule.id, &plan, &lab->why), 0);
    assert_true(plan.budget.dries);
    assert_int_equal(plan.budget.due_ms, MIDNIGHT + 2 * DAY + HOUR); /* not before the next series */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(counts_with_laplace_noise_are_within_their_intervals),
        LAB_TEST(counts_with_gaussian_noise_are_within_their_intervals),
        cmocka_unit_test(intervals_are_as_wide_as_the_draws_of_a_step_make_them),
        LAB_TEST(a_preview_says_what_the_worst_step_needs),
        LAB_TEST(a_refused_running_count_leaves_no_trace),
        LAB_TEST(a_policy_that_forgets_within_the_epoch_has_no_running_counts),
        LAB_TEST(a_fault_at_any_step_leaves_all_or_nothing),
        cmocka_unit_test(the_longest_answer_fits),
        LAB_TEST(an_answer_and_its_explanation_say_what_the_series_cost),
        LAB_TEST(a_schedule_pays_once_an_epoch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
