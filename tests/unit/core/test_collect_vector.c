/* Sensors of vectors: their policies, and what comes in. */
#include "tests/unit/core/round.h"

#include <stdio.h>

#include "daemon/base/text.h"
#include "daemon/core/device.h"
#include "device_proto/vector.h"
#include "tests/unit/core/fail_everywhere.h"

#define DAY 86400000LL

/* ---- policies ---- */

static void a_policy_of_vectors_bounds_their_norm_and_is_signed(void **state)
{
    struct lab *lab = *state;
    struct noise_policy document;
    struct policy found;

    round_make(lab);
    assert_int_equal(lab->policy.dimension, ROUND_DIMENSION);
    assert_int_equal(lab->policy.upper, 1000);
    assert_int_equal(lab->policy.lower, -1000);
    assert_int_equal(lab->policy.scale, 1);
    assert_int_equal(lab->policy.contributions, 1);
    assert_string_equal(lab->policy.mechanism, "none");
    round_must(lab, policy_get(lab->core, &lab->acme->caller, "gradient", &found, &lab->why));
    assert_int_equal(found.dimension, ROUND_DIMENSION);
    assert_int_equal(policy_doc_parse(bytes_view(found.document, found.document_size), &document), 0);
    assert_int_equal(document.dimension, ROUND_DIMENSION);
    assert_int_equal(document.upper, 1000);
    assert_int_equal(document.mechanism, POLICY_NONE);
    const struct policy_order next = { .sensor = "gradient", .norm = "500", .contributions = 2 };
    lab_policy(lab, &next); /* the dimension stays */
    assert_int_equal(lab->policy.dimension, ROUND_DIMENSION);
    assert_int_equal(lab->policy.upper, 500);
    assert_int_equal(lab->policy.contributions, 2);
}

static void orders_that_make_no_policy_of_vectors_are_refused(void **state)
{
    struct lab *lab = *state;
    static const struct policy_order bad[] = {
        { .sensor = "g", .dimension = 4097, .norm = "1" },
        { .sensor = "g", .dimension = -1, .norm = "1" },
        { .sensor = "g", .dimension = 16 },
        { .sensor = "g", .dimension = 16, .norm = "0" },
        { .sensor = "g", .dimension = 16, .norm = "-5" },
        { .sensor = "g", .dimension = 16, .norm = "0.5" }, /* the scale is 1 */
        { .sensor = "g", .dimension = 16, .norm = "2147483648" },
        { .sensor = "g", .dimension = 16, .norm = "1", .lower = "-1", .upper = "1" },
        { .sensor = "g", .norm = "1" },
        { .sensor = "g", .norm = "1", .lower = "-1", .upper = "1" },
        { .sensor = "g", .dimension = 16, .norm = "1", .mechanism = "laplace" },
        { .sensor = "g", .dimension = 16, .norm = "1", .mechanism = "onebit", .truth = 3, .lie = 1 },
        { .sensor = "g", .dimension = 16, .norm = "1", .epsilon_per_reading = "1" },
        { .sensor = "g", .dimension = 16, .norm = "1", .contributions = 65 },
    };
    struct policy policy;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (policy_set(lab->core, &lab->world->privacy_officer, &bad[i], &policy, &lab->why) != REFUSED_INVALID)
            fail_msg("case %zu passed", i);
    round_make(lab);
    const struct policy_order other = { .sensor = "gradient", .dimension = 17, .norm = "1" }, number = {
        .sensor = "temperature", .dimension = 16, .norm = "1", .scale = 100, .unit_text = "Cel"
    };
    assert_int_equal(policy_set(lab->core, &lab->world->privacy_officer, &other, &policy, &lab->why), REFUSED_CONFLICT);
    assert_int_equal(policy_set(lab->core, &lab->world->privacy_officer, &number, &policy, &lab->why),
                     REFUSED_CONFLICT);
}

/* ---- coming in ---- */

static void a_vector_is_kept_as_it_came_and_not_among_the_readings(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "node-1");
    const int32_t coordinates[ROUND_DIMENSION] = { INT32_MIN, -1, 0, 1, INT32_MAX };

    round_make(lab);
    round_must(lab, round_post(lab, &device, coordinates, ROUND_DIMENSION));
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM vector"), 1);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM reading"), 0);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM vector WHERE dimension = 16 AND policy_version = 1 AND "
                                     "substr(coordinates, 1, 20) = "
                                     "x'00000080ffffffff0000000001000000ffffff7f'"),
                     1);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), 0); /* raw: the release pays */
    assert_int_equal(lab->core->counters[COUNT_TELEMETRY_STORED], 1);
}

static void no_more_vectors_of_an_epoch_are_kept_than_count(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "node-1");
    const int32_t coordinates[ROUND_DIMENSION] = { 7 };

    round_make(lab);
    round_give(lab, &device, 1);
    assert_int_equal(round_post(lab, &device, coordinates, ROUND_DIMENSION), REFUSED_FORBIDDEN);
    assert_non_null(strstr(lab->why.what, "1 vectors of sensor gradient in an epoch"));
    assert_int_equal(lab->core->counters[COUNT_TELEMETRY_OUT_OF_POLICY], 1);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM device WHERE suspect_ms > 0"), 0); /* clocks differ */
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM vector WHERE substr(coordinates, 1, 1) = x'01'"), 1);
    lab->world->clock.now_ms += DAY;
    round_must(lab, round_post(lab, &device, coordinates, ROUND_DIMENSION));
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM vector"), 2);
}

/* What a device that knows its policy cannot have sent makes it suspect; of other kinds it is refused. */
static void what_is_no_vector_of_the_policy_is_refused_whole(void **state)
{
    struct lab *lab = *state;
    static const uint8_t nan[] = { 0xd8, 85, 0x44, 0, 0, 0xc0, 0x7f },
                         wide[] = { 0xd8, 79, 0x48, 1, 2, 3, 4, 5, 6, 7, 8 }, bare[] = { 1, 2, 3 };
    const int32_t coordinates[ROUND_DIMENSION + 1] = { 1 };
    const struct bytes bad[] = { { nan, sizeof(nan) }, { wide, sizeof(wide) }, { bare, sizeof(bare) }, { bare, 0 } };
    char name[NAME_SIZE];

    round_make(lab);
    for (size_t i = 0; i < 6; i++) {
        snprintf(name, sizeof(name), "node-%zu", i);
        struct device device = lab_device(lab, name), found;
        int r = i < 4 ? round_post_data(lab, &device, bad[i])
                      : round_post(lab, &device, coordinates, i == 4 ? ROUND_DIMENSION + 1 : ROUND_DIMENSION - 1);
        assert_int_equal(r, REFUSED_INVALID);
        round_must(lab, lab->world->store->device_by_id(lab->world->store, device.id, &found));
        assert_true(found.suspect_ms > 0);
        assert_true(strlen(found.suspect_reason) > 0);
    }
    assert_int_equal(lab->core->counters[COUNT_TELEMETRY_OUT_OF_POLICY], 6);
    lab_sql(lab, "UPDATE profile SET noises_on_board = 0 WHERE name = 'tinypart'");
    struct device plain = lab_device(lab, "plain");
    assert_int_equal(round_post_data(lab, &plain, bad[0]), REFUSED_INVALID);
    assert_int_equal(lab_number(lab, "SELECT suspect_ms FROM device WHERE name = 'plain'"), 0);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM vector"), 0);
}

static void numbers_and_vectors_do_not_stand_for_each_other(void **state)
{
    struct lab *lab = *state;
    struct device one = lab_device(lab, "node-1"), two = lab_device(lab, "node-2");
    struct senml_record record = { .kind = SENML_NUMBER, .name = "gradient", .number = { 1, 0 } };
    struct telemetry telemetry = {
        .endpoint = one.name, .peer = one.address, .sequence = 1, .records = &record, .count = 1
    };
    static const uint8_t array[] = { 0xd8, 72, 0x41, 1 };

    round_make(lab);
    assert_int_equal(collect_telemetry(lab->core, &telemetry, &lab->why), REFUSED_INVALID);
    assert_non_null(strstr(lab->why.what, "something else than a vector"));
    record = (struct senml_record){
        .kind = SENML_DATA, .name = "temperature", .unit = "Cel", .text = { array, sizeof(array) }
    };
    telemetry.endpoint = two.name, telemetry.peer = two.address, telemetry.policy_version = 1;
    assert_int_equal(collect_telemetry(lab->core, &telemetry, &lab->why), REFUSED_INVALID);
    assert_non_null(strstr(lab->why.what, "instead of a number"));
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM device WHERE suspect_ms > 0"), 2);
    assert_int_equal(lab_number(lab, "SELECT (SELECT count(*) FROM vector) + (SELECT count(*) FROM reading)"), 0);
}

/* ---- crashes ---- */

/* I2, I12 */
static int post_once(struct lab *lab, void *context)
{
    const int32_t coordinates[ROUND_DIMENSION] = { 1 };

    return round_post(lab, context, coordinates, ROUND_DIMENSION);
}

static void a_fault_on_the_way_in_leaves_no_vector(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "node-1");

    round_make(lab);
    assert_int_equal(fail_everywhere(lab, post_once, &device), 4); /* time, profile, insert, commit */
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM vector"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(a_policy_of_vectors_bounds_their_norm_and_is_signed),
        LAB_TEST(orders_that_make_no_policy_of_vectors_are_refused),
        LAB_TEST(a_vector_is_kept_as_it_came_and_not_among_the_readings),
        LAB_TEST(no_more_vectors_of_an_epoch_are_kept_than_count),
        LAB_TEST(what_is_no_vector_of_the_policy_is_refused_whole),
        LAB_TEST(numbers_and_vectors_do_not_stand_for_each_other),
        LAB_TEST(a_fault_on_the_way_in_leaves_no_vector),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
