/* What answers cost in rho: the tight one of their noise, in what is charged, foretold and planned alike. */
#include "tests/unit/core/lab.h"

#include "daemon/core/accuracy.h"
#include "daemon/core/ledger_verify.h"
#include "daemon/core/schedule.h"

#define HOUR 3600000LL

/* By hand from the sensitivities (2 readings of -20 .. 60.5 in hundredths) and with mpmath; each part rounded up. */
static const struct {
    struct release_order order;
    int64_t nrho;
} kinds[] = {
    { { .query = "count" }, 393469341 }, /* shift 2, scale 2 */
    { { .query = "sum" }, 367879442 },   /* shift and scale 12100 */
    { { .query = "mean" }, 217130269 },  /* the two of half the epsilon each */
    { { .query = "variance" }, 150902044 },
    { { .query = "histogram", .edges = "-20,0,60.5" }, 393469341 },
    { { .query = "top", .categories = "1,2,3", .top = 1 }, 393469341 },
    { { .query = "quantiles", .at = "0.5" }, 60586944 }, /* 8 levels of shift 2, scale 16 */
    { { .query = "device-count" }, 393469341 },
    { { .query = "device-sum" }, 367879442 },
};

static void every_kind_is_charged_the_rho_of_its_noise(void **state)
{
    struct lab *lab = *state;
    struct ledger_verdict verdict;

    lab_device(lab, "thermo-1");
    lab->core->settings.filter_cap = loss_caps_pure(100 * EPSILON);
    lab_sql(lab, "UPDATE budget_terms SET cap_ueps = 100000000");
    lab->world->clock.now_ms += 10;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct release_order order = kinds[i].order;
        struct release_plan plan;
        struct release release;
        order.sensor = "temperature";
        order.loss.ueps = EPSILON;
        order.from_ms = WORLD_START_MS;
        order.to_ms = WORLD_START_MS + 1 + (int64_t)i;
        assert_int_equal(release_preview(lab->core, &lab->acme->caller, &order, &plan, &lab->why), 0);
        if (release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why) != 0)
            fail_msg("%s: %s", order.query, lab->why.what);
        assert_int_equal(plan.loss.nrho, kinds[i].nrho);
        assert_int_equal(release.loss.nrho, kinds[i].nrho);
        assert_int_equal(lab_number(lab, "SELECT nrho FROM charge ORDER BY id DESC LIMIT 1"), kinds[i].nrho);
        assert_int_equal(release.loss.ueps, EPSILON);
    }
    assert_int_equal(ledger_verify(lab->core, &lab->world->auditor, &verdict, &lab->why), 0);
    assert_true(verdict.holds);
}

static void no_rounding_makes_it_more_than_what_is_merely_pure(void **state)
{
    static const struct {
        int64_t sensitivity, ueps, times, nrho;
    } cases[] = { { 1, 1000000, 1, 462117158 },
                  { 24200, 1000000, 1, 367879442 },
                  { 2, 1, 8, 1 }, /* 8 x 1 nano-rho, were each rounded up */
                  { 2, 125000, 8, 60586944 },
                  { 1, 20000000, 1, 19999999918 } };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct noise_scale scale;
        assert_int_equal(noise_scale_of(cases[i].sensitivity, cases[i].ueps, 1ull << 40, &scale), 0);
        struct loss loss = loss_of_laplace(cases[i].sensitivity, &scale, cases[i].ueps, cases[i].times);
        assert_int_equal(loss.nrho, cases[i].nrho);
        assert_int_equal(loss.ueps, cases[i].ueps * cases[i].times);
        assert_true(loss_is_valid(&loss) && loss.nrho <= loss_of_pure(loss.ueps).nrho);
    }
    assert_int_equal(loss_of_pure(LOSS_MAX).nrho, LOSS_MAX);
}

/* As one that was ordered when more was charged, or under another policy. */
static void a_schedule_goes_on_with_what_its_newest_run_cost(void **state)
{
    struct lab *lab = *state;
    const struct schedule_order order = {
        .release = { .query = "count", .sensor = "temperature", .selector = "", .loss.ueps = EPSILON }, .every_ms = HOUR
    };
    struct schedule schedule;
    struct schedule_plan plan;
    int64_t next_ms;

    lab_device(lab, "thermo-1");
    assert_int_equal(schedule_create(lab->core, &lab->acme->caller, &order, &schedule, &lab->why), 0);
    assert_int_equal(schedule.loss.nrho, kinds[0].nrho);
    lab_sql(lab, "UPDATE schedule SET nrho = 500000000");
    lab->world->clock.now_ms = schedule.next_ms;
    assert_int_equal(schedule_tick(lab->core, schedule.next_ms, &next_ms), 0);
    assert_int_equal(schedule_get(lab->core, &lab->acme->caller, schedule.id, &schedule, &lab->why), 0);
    assert_int_equal(schedule.runs, 1);
    assert_int_equal(schedule.loss.nrho, kinds[0].nrho);
    assert_int_equal(schedule_plan_get(lab->core, &lab->acme->caller, schedule.id, &plan, &lab->why), 0);
    assert_int_equal(plan.now.loss.nrho, kinds[0].nrho);
    assert_int_equal(plan.per_epoch.nrho, 24 * kinds[0].nrho);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(every_kind_is_charged_the_rho_of_its_noise),
        cmocka_unit_test(no_rounding_makes_it_more_than_what_is_merely_pure),
        LAB_TEST(a_schedule_goes_on_with_what_its_newest_run_cost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
