#include "tests/unit/core/lab.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/core/explanation.h"
#include "daemon/core/schedule.h"

#define DAY 86400000LL

static void explain(struct lab *lab, const struct caller *caller, int64_t id, char out[EXPLANATION_SIZE])
{
    assert_int_equal(release_explain(lab->core, caller, id, out, &lab->why), 0);
}

/* Against tests/golden/explain/NAME.txt, but for the ends of intervals, which hang on noise. After a wanted change:
 *   TINYPART_GOLDEN=write TINYPART_SOURCE=$PWD build/tests/core_test_explanation     and look at the difference. */
static void golden(const char *name, char *text)
{
    const char *source = getenv("TINYPART_SOURCE");
    char path[512], kept[EXPLANATION_SIZE] = "";

    char *low = strstr(text, "lies between ");
    if (low != NULL) {
        low += strlen("lies between ");
        const char *end = strstr(low, " with a probability");
        assert_non_null(end);
        memmove(low + strlen("LOW and HIGH"), end, strlen(end) + 1);
        memcpy(low, "LOW and HIGH", strlen("LOW and HIGH"));
    }
    snprintf(path, sizeof(path), "%s/tests/golden/explain/%s.txt", source != NULL ? source : ".", name);
    bool writes = getenv("TINYPART_GOLDEN") != NULL;
    FILE *file = fopen(path, writes ? "w" : "r");
    assert_non_null(file);
    if (writes)
        fprintf(file, "%s\n", text);
    else
        kept[fread(kept, 1, sizeof(kept) - 1, file)] = '\0';
    fclose(file);
    size_t size = strlen(text);
    if (!writes && (strncmp(kept, text, size) != 0 || strcmp(kept + size, "\n") != 0))
        fail_msg("%s is now\n%s", path, text);
}

/* Large losses, so that no interval is left out for a count that might be none. */
static void every_kind_is_explained_in_these_words(void **state)
{
    static const struct release_order kinds[] = {
        { .query = "count" },
        { .query = "sum" },
        { .query = "mean" },
        { .query = "variance" },
        { .query = "histogram", .edges = "-20,0,20,60.5" },
        { .query = "top", .categories = "1,2,3", .top = 2 },
        { .query = "quantiles", .at = "0.5" },
        { .query = "device-count" },
        { .query = "running-count", .step_ms = 3600000 },
    };
    struct lab *lab = *state;
    char text[EXPLANATION_SIZE], request[32];

    lab_sql(lab, "UPDATE budget_terms SET cap_ueps = 1000000000");
    lab->core->settings.filter_cap = (struct loss_caps){ .ueps = 1000 * EPSILON, .nrho = 2000000000000 };
    for (int i = 0; i < 12; i++) {
        snprintf(request, sizeof(request), "thermo-%d", i);
        struct device device = lab_device(lab, request);
        lab_reading(lab, &device, 1000 + 100 * i);
    }
    lab->world->clock.now_ms += 3600000;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct release_order order = kinds[i];
        struct release release;
        snprintf(request, sizeof(request), "my-%s", order.query);
        order.sensor = "temperature";
        order.loss.ueps = 20 * EPSILON;
        order.request = request;
        order.from_ms = order.step_ms != 0 ? 0 : WORLD_START_MS;
        order.to_ms = order.step_ms != 0 ? 0 : WORLD_START_MS + 1800000;
        if (release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why) != 0)
            fail_msg("%s: %s", order.query, lab->why.what);
        explain(lab, &lab->acme->caller, release.id, text);
        golden(order.query, text);
    }
}

static void noise_without_a_pure_epsilon_is_explained_in_these_words(void **state)
{
    const struct budget_order budget = { .epsilon = "5", .rho = "5" };
    const struct release_order order = {
        .query = "count", .sensor = "temperature", .rho = "0.5", .from_ms = WORLD_START_MS, .request = "g"
    };
    struct lab *lab = *state;
    char text[EXPLANATION_SIZE];
    struct release release;
    struct budget set;

    lab_device(lab, "thermo-1");
    lab->core->settings.filter_cap.nrho = 1000000000;
    lab->core->settings.filter_cap.pure_only = false;
    lab_sql(lab, "DELETE FROM budget_terms");
    assert_int_equal(budget_set(lab->core, &lab->world->privacy_officer, "acme", &budget, &set, &lab->why), 0);
    lab->world->clock.now_ms += 1000;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why), 0);
    explain(lab, &lab->acme->caller, release.id, text);
    golden("gaussian", text);
}

/* Who comes second pays nothing of the filters, and is told so. */
static void a_shared_value_says_who_was_charged(void **state)
{
    struct lab *lab = *state;
    struct release_order order = { .query = "device-sum",
                                   .sensor = "temperature",
                                   .loss.ueps = EPSILON,
                                   .from_ms = WORLD_START_MS,
                                   .to_ms = WORLD_START_MS + 1000,
                                   .request = "shared" };
    char text[EXPLANATION_SIZE];
    struct release release;

    lab_device(lab, "old");
    lab->world->clock.now_ms += 1000;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why), 0);
    lab_device(lab, "new");
    assert_int_equal(release_create(lab->core, &lab->beta->caller, &order, &release, &lab->why), 0);
    assert_non_null(strstr(release.answer, "charged to each device that nobody had asked this of before"));
    explain(lab, &lab->beta->caller, release.id, text);
    golden("device-sum", text);
    order.request = "again";
    assert_int_equal(release_create(lab->core, &lab->beta->caller, &order, &release, &lab->why), 0);
    explain(lab, &lab->beta->caller, release.id, text);
    assert_non_null(strstr(text, "With this release 0 of the 2 were charged"));
}

static void a_run_of_a_schedule_is_told_as_one(void **state)
{
    const struct schedule_order order = {
        .release = { .query = "count", .sensor = "temperature", .selector = "", .loss.ueps = EPSILON / 4 },
        .every_ms = 3600000,
    };
    struct lab *lab = *state;
    char text[EXPLANATION_SIZE];
    struct schedule schedule;
    int64_t next_ms;

    lab_device(lab, "thermo-1");
    assert_int_equal(schedule_create(lab->core, &lab->acme->caller, &order, &schedule, &lab->why), 0);
    lab->world->clock.now_ms = schedule.next_ms;
    assert_int_equal(schedule_tick(lab->core, schedule.next_ms, &next_ms), 0);
    explain(lab, &lab->acme->caller, 1, text);
    golden("schedule", text);
}

static void a_window_over_epochs_and_a_life_cap_are_told(void **state)
{
    struct lab *lab = *state;
    struct release_order order = { .query = "count", .sensor = "temperature", .loss.ueps = EPSILON };
    struct release release;
    char text[EXPLANATION_SIZE];

    lab_device(lab, "thermo-1");
    lab->core->settings.life_cap = loss_caps_pure(50 * EPSILON);
    lab->world->clock.now_ms += 3 * DAY;
    order.from_ms = WORLD_START_MS;
    order.to_ms = WORLD_START_MS + 2 * DAY;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why), 0);
    explain(lab, &lab->world->auditor, release.id, text);
    assert_non_null(strstr(text, "touches 3 epochs"));
    assert_non_null(strstr(text, "when the device was registered (now: epsilon 50)"));
    assert_non_null(strstr(text, "this one used 10 % of its epsilon 10. "));
    assert_non_null(strstr(text, "scale 2 steps of 1 on the count"));
    assert_non_null(strstr(text, "with a probability of at least 95 %"));
}

static void a_histogram_is_told_by_its_half_width(void **state)
{
    struct lab *lab = *state;
    struct release_order order = {
        .query = "histogram", .sensor = "temperature", .edges = "-20,0,20,60.5", .loss.ueps = EPSILON
    };
    struct release release;
    char text[EXPLANATION_SIZE];

    lab_device(lab, "thermo-1");
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why), 0);
    explain(lab, &lab->acme->caller, release.id, text);
    assert_non_null(strstr(text, "the noised histogram of sensor temperature"));
    assert_non_null(strstr(text, "Each number in it is within "));
    assert_non_null(strstr(text, "at least 95 % for each by itself. "));
}

/* I8 */
static void others_are_told_that_there_is_no_such_release(void **state)
{
    struct lab *lab = *state;
    char text[EXPLANATION_SIZE];

    lab_device(lab, "thermo-1");
    lab_release(lab, lab->acme, "count", EPSILON, "r-1");
    assert_int_equal(release_explain(lab->core, &lab->beta->caller, 1, text, &lab->why), REFUSED_UNKNOWN);
    assert_int_equal(release_explain(lab->core, &lab->acme->caller, 2, text, &lab->why), REFUSED_UNKNOWN);
}

static int keep_epoch(void *context, const struct budget_epoch *epoch)
{
    struct budget_epoch *rows = context;

    while (rows->to_ms != 0)
        rows++;
    *rows = *epoch;
    return 0;
}

static void a_budget_is_told_epoch_by_epoch(void **state)
{
    struct lab *lab = *state;
    struct budget_epoch rows[6] = { 0 };
    const char *acme = lab->acme->tenant.name;
    const struct caller *owner = &lab->world->owner;
    int64_t first = WORLD_START_MS / DAY;

    lab_device(lab, "thermo-1");
    lab_release(lab, lab->acme, "count", EPSILON, NULL);
    lab->world->clock.now_ms += 2 * DAY;
    lab_release(lab, lab->acme, "count", 2 * EPSILON, NULL);
    assert_int_equal(budget_epochs(lab->core, owner, acme, (struct page){ 0, 5 }, keep_epoch, rows, &lab->why), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rows[i].epoch, first + i);
        assert_int_equal(rows[i].spent.ueps, i * EPSILON + (i == 0 ? EPSILON : 0) - (i == 1 ? EPSILON : 0));
        assert_int_equal(rows[i].cap.ueps, 5 * EPSILON);
        assert_int_equal(rows[i].to_ms, (first + i + 1) * DAY);
    }
    assert_int_equal(rows[3].to_ms, 0);
    assert_string_equal(rows[0].name, "2025-10-09");
    memset(rows, 0, sizeof(rows));
    assert_int_equal(budget_epochs(lab->core, owner, acme, (struct page){ first, 1 }, keep_epoch, rows, &lab->why), 0);
    assert_int_equal(rows[0].epoch, first + 1);
    assert_int_equal(rows[1].to_ms, 0);
    assert_int_equal(
        budget_epochs(lab->core, &lab->beta->caller, acme, (struct page){ 0, 5 }, keep_epoch, rows, &lab->why),
        REFUSED_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(every_kind_is_explained_in_these_words),
        LAB_TEST(noise_without_a_pure_epsilon_is_explained_in_these_words),
        LAB_TEST(a_shared_value_says_who_was_charged),
        LAB_TEST(a_run_of_a_schedule_is_told_as_one),
        LAB_TEST(a_window_over_epochs_and_a_life_cap_are_told),
        LAB_TEST(a_histogram_is_told_by_its_half_width),
        LAB_TEST(others_are_told_that_there_is_no_such_release),
        LAB_TEST(a_budget_is_told_epoch_by_epoch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
