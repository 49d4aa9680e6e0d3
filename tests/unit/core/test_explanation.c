#include "tests/unit/core/lab.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/core/explanation.h"

#define DAY 86400000LL

static void explain(struct lab *lab, const struct caller *caller, int64_t id, char out[EXPLANATION_SIZE])
{
    assert_int_equal(release_explain(lab->core, caller, id, out, &lab->why), 0);
}

/* Golden. */
static const char words_of_a_mean[] =
    "Release 1 told tenant acme the noised mean of sensor temperature from 2025-10-09T00:00:00Z until "
    "2025-10-09T08:53:20.001Z, over 2 devices (all that its grants cover). What it protects is one device"
    " in one epoch of 24 h (unit device-epoch): all raw readings that the device gave in that "
    "epoch, against none of them (adjacency zero-out). The answer is differentially private with epsilon "
    "1: whoever sees it, whatever they know besides and whatever they compute from it, nothing is more "
    "than e^1 times as likely with those readings as without them, or the other way round. Its rho "
    "(zero-concentrated differential privacy) is 0.217130269, which by itself gives epsilon 3.276391 at delta "
    "1e-6. Each number in it had noise added that was drawn once, in whole numbers, from the discrete "
    "Laplace distribution: scale 24200 steps of 0.01 on the sum, scale 4 steps of 1 on the count. Of a "
    "device at most 2 readings count in an epoch, raw ones as if they were between -20 and 60.5 Cel. Each"
    " device asked has a filter, which bounds what all answers to all tenants together tell of it in an "
    "epoch; this one used 10 % of its epsilon 10. What it does not protect: a device over many epochs, "
    "since each has a filter of its own and losses add up; the lifetime odometer of the device counts "
    "them and has no cap. Nor which devices there are and were asked, nor when those that add noise on "
    "board posted, whose readings were charged by themselves as they came in. And this host is trusted: "
    "it sees raw readings, which it deletes after 7 days.";

/* The whole paragraph but for the interval, which hangs on noise. */
static void a_mean_is_explained_in_these_words(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    char text[EXPLANATION_SIZE];

    lab_device(lab, "thermo-2");
    lab_reading(lab, &device, 2000);
    lab_release(lab, lab->acme, "mean", EPSILON, "r-1");
    explain(lab, &lab->acme->caller, 1, text);
    char *interval = strstr(text, "What the answer would have been");
    if (interval == NULL) /* a noised count may be too low for one */
        interval = strstr(text, "The answer itself says");
    assert_non_null(interval);
    const char *end = strstr(interval, "Each device asked");
    memmove(interval, end, strlen(end) + 1);
    assert_string_equal(text, words_of_a_mean);
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
    assert_non_null(strstr(text, "stops at epsilon 50"));
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
        LAB_TEST(a_mean_is_explained_in_these_words),    LAB_TEST(a_window_over_epochs_and_a_life_cap_are_told),
        LAB_TEST(a_histogram_is_told_by_its_half_width), LAB_TEST(others_are_told_that_there_is_no_such_release),
        LAB_TEST(a_budget_is_told_epoch_by_epoch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
