/* Running counts: with what a series ends. */
#include "tests/unit/core/lab.h"

#define HOUR     3600000LL
#define DAY      86400000LL
#define MIDNIGHT (WORLD_START_MS / DAY * DAY + DAY)

/* Readings that went within a series would make room for as many others of their device, which would count in sums of
 * the same length. So a series is over with them, also where they went by a clock that came back from ahead. */
static void a_series_is_over_when_its_readings_are_deleted(void **state)
{
    const struct policy_order policy = {
        .sensor = "temperature", .lower = "-20", .upper = "60.5", .contributions = 2, .retention_ms = DAY + HOUR
    };
    const int64_t begin = MIDNIGHT + 4 * DAY, kept_until = begin + DAY + HOUR;
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    struct release_order order = {
        .query = "running-count", .sensor = "temperature", .step_ms = HOUR, .loss.ueps = EPSILON
    };
    struct release release;
    int64_t next_ms;

    lab_policy(lab, &policy);
    lab->world->clock.now_ms = begin;
    for (int reading = 0; reading < 3; reading++)
        lab_reading(lab, &device, 2000);
    for (int last = 0; last < 2; last++) {
        lab->world->clock.now_ms = last ? kept_until : begin + HOUR;
        order.to_ms = last ? begin + DAY : begin + HOUR;
        assert_int_equal(core_tick(lab->core, &next_ms), 0);
        assert_int_equal(lab_number(lab, "SELECT count(*) FROM reading"), 3);
        assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why), 0);
    }
    order.loss.ueps /= 2; /* another one, while all of them are there */
    order.to_ms = begin + HOUR;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why), 0);
    lab->world->clock.now_ms = kept_until + 9 * DAY;
    assert_int_equal(core_tick(lab->core, &next_ms), 0);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM reading"), 0);
    lab->world->clock.now_ms = kept_until;
    order.to_ms = begin + 2 * HOUR;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why), REFUSED_INVALID);
    assert_non_null(strstr(lab->why.what, "are deleted by its policy"));
    lab_reading(lab, &device, 2000); /* dated by the ledger: nobody waits nine days for the next deletion */
    lab_sql(lab, "UPDATE reading SET received_ms = 1");
    assert_int_equal(core_tick(lab->core, &next_ms), 0);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM reading"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(a_series_is_over_when_its_readings_are_deleted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
