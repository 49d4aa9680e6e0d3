#include "tests/unit/core/lab.h"

#include <errno.h>
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/core/asking.h"
#include "daemon/core/group.h"

/* One reading of 21.5, noised by version 1, from the device's own address. */
static int post(struct lab *lab, const struct device *device, uint64_t sequence, const char *unit)
{
    struct senml_record record = { .kind = SENML_NUMBER };
    struct telemetry telemetry = { .endpoint = device->name,
                                   .peer = device->address,
                                   .sequence = sequence,
                                   .policy_version = 1,
                                   .records = &record,
                                   .count = 1 };

    text_copy(record.name, sizeof(record.name), "temperature");
    text_copy(record.unit, sizeof(record.unit), unit);
    decimal_make(215, -1, &record.number);
    return collect_telemetry(lab->core, &telemetry, &lab->why);
}

static int64_t readings(struct lab *lab)
{
    return lab_number(lab, "SELECT count(*) FROM reading");
}

static void deeds_of_a_group_are_kept_or_undone_each_by_itself(void **state)
{
    struct lab *lab = *state;
    struct device one = lab_device(lab, "thermo-1"), other = lab_device(lab, "thermo-2");

    lab_sink(lab, lab->acme, "lake", "file");
    assert_int_equal(core_group_begin(lab->core), 0);
    assert_false(core_group_waits(lab->core));
    assert_int_equal(post(lab, &one, 1, "Cel"), 0);
    assert_true(core_group_waits(lab->core));
    assert_int_equal(post(lab, &one, 2, "K"), REFUSED_INVALID);
    assert_int_equal(post(lab, &one, 1, "Cel"), REFUSED_EXISTS);
    assert_int_equal(post(lab, &other, 1, "Cel"), 0);
    assert_int_equal(post(lab, &one, 2, "Cel"), 0);
    assert_int_equal(post(lab, &one, 3, "Cel"), REFUSED_FORBIDDEN); /* a third reading of two: which is remembered */
    assert_int_equal(core_group_end(lab->core), 0);
    assert_false(core_group_waits(lab->core));
    assert_int_equal(readings(lab), 3);
    assert_int_equal(lab_filter(lab, &one), 200000);
    assert_int_equal(lab_filter(lab, &other), 100000);
    assert_int_equal(lab_spent(lab, lab->acme), 300000);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM outbox"), 3);
    assert_int_equal(lab->core->counters[COUNT_TELEMETRY_STORED], 3);
    assert_int_equal(lab->core->counters[COUNT_TELEMETRY_OUT_OF_POLICY], 2);
}

static int (*real_insert)(struct store *store, struct reading *reading);

static int insert_that_fails_once(struct store *store, struct reading *reading)
{
    (void)reading;
    store->reading_insert = real_insert;
    return -EIO;
}

static void a_fault_in_one_of_them_takes_back_no_other(void **state)
{
    struct lab *lab = *state;
    struct device one = lab_device(lab, "thermo-1"), other = lab_device(lab, "thermo-2");

    real_insert = lab->core->store->reading_insert;
    assert_int_equal(core_group_begin(lab->core), 0);
    assert_int_equal(post(lab, &one, 1, "Cel"), 0);
    lab->core->store->reading_insert = insert_that_fails_once;
    assert_int_equal(post(lab, &other, 1, "Cel"), -EIO);
    assert_int_equal(post(lab, &one, 2, "Cel"), 0);
    assert_int_equal(post(lab, &other, 1, "Cel"), 0); /* the same again: nothing of it was left */
    assert_int_equal(core_group_end(lab->core), 0);
    assert_int_equal(readings(lab), 3);
    assert_int_equal(lab_filter(lab, &other), 100000);
}

/* A full disk makes SQLite take everything back by itself. */
static void a_group_that_cannot_be_committed_never_was_and_is_not_counted(void **state)
{
    struct lab *lab = *state;
    struct device one = lab_device(lab, "thermo-1"), other = lab_device(lab, "thermo-2");
    uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];

    lab_sink(lab, lab->acme, "lake", "file");
    lab_fingerprint(lab, before);
    assert_int_equal(core_group_begin(lab->core), 0);
    assert_int_equal(post(lab, &one, 1, "Cel"), 0);
    lab_sql(lab, "ROLLBACK");
    assert_true(core_group_waits(lab->core));
    assert_int_equal(post(lab, &other, 1, "Cel"), -EIO);
    assert_int_equal(core_group_end(lab->core), -EIO);
    lab_fingerprint(lab, after);
    assert_memory_equal(before, after, sizeof(before));
    assert_int_equal(lab->core->counters[COUNT_TELEMETRY_STORED], 0);
    assert_int_equal(post(lab, &one, 1, "Cel"), 0);
    assert_int_equal(post(lab, &other, 1, "Cel"), 0);
    assert_int_equal(lab_spent(lab, lab->acme), 200000);
}

static void taken(struct core *core, void *context, const struct transport_answer *answer)
{
    (void)core;
    (void)context;
    (void)answer;
}

/* I1 */
static void no_device_is_asked_before_a_group_is_durable(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");

    assert_int_equal(core_group_begin(lab->core), 0);
    assert_int_equal(post(lab, &device, 1, "Cel"), 0);
    assert_int_equal(asking_post(lab->core, device.id, device.address, "x", bytes_view(NULL, 0), taken, NULL), -EPERM);
    assert_int_equal(lab->world->transport.count, 0);
    assert_int_equal(core_group_end(lab->core), 0);
    assert_int_equal(asking_post(lab->core, device.id, device.address, "x", bytes_view(NULL, 0), taken, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(deeds_of_a_group_are_kept_or_undone_each_by_itself),
        LAB_TEST(a_fault_in_one_of_them_takes_back_no_other),
        LAB_TEST(a_group_that_cannot_be_committed_never_was_and_is_not_counted),
        LAB_TEST(no_device_is_asked_before_a_group_is_durable),
    };
    return cmocka_run_group_tests_name("deeds that share a commit", tests, NULL, NULL);
}
