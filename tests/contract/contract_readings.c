/* contract_readings.c - readings: what is summed, and what is forgotten in time. */
#include "tests/contract/store_contract.h"

#include <errno.h>

static int64_t add_reading(struct store *store, struct reading reading)
{
    if (reading.sensor[0] == '\0')
        strcpy(reading.sensor, "temperature");
    reading.scale = reading.scale == 0 ? 100 : reading.scale;
    reading.policy_version = reading.policy_version == 0 ? 1 : reading.policy_version;
    ok(in_transaction(store, store->reading_insert(store, &reading)));
    return reading.id;
}

static struct aggregate_query a_query(int64_t device_id, int64_t tenant_id)
{
    return (struct aggregate_query){ .tenant_id = tenant_id,
                                     .sensor = "temperature",
                                     .device_id = device_id,
                                     .from_ms = NOW,
                                     .to_ms = NOW + 1000,
                                     .epoch = 100,
                                     .contributions = 24,
                                     .lower = -50,
                                     .upper = 50,
                                     .scale = 100 };
}

static void raw_readings_are_clamped_and_summed_without_noised_ones(void **state)
{
    struct store *store = *state;
    int64_t d = add_device(store, "d", "tinypart");
    struct aggregate_query query = a_query(d, 1);
    struct aggregate sum = { 9, 9 };

    ok(store->reading_aggregate(store, &query, &sum));
    assert_int_equal(sum.count, 0);
    assert_int_equal(sum.sum, 0);
    add_reading(store, (struct reading){ .device_id = d, .epoch = 100, .received_ms = NOW, .value = 20 });
    add_reading(store, (struct reading){ .device_id = d, .epoch = 100, .received_ms = NOW, .value = 70 });
    add_reading(store, (struct reading){ .device_id = d, .epoch = 100, .received_ms = NOW, .value = -INT64_MAX });
    add_reading(store,
                (struct reading){ .device_id = d, .epoch = 100, .received_ms = NOW, .value = 300, .noised = true });
    ok(store->reading_aggregate(store, &query, &sum));
    assert_int_equal(sum.count, 3);
    assert_int_equal(sum.sum, 20 + 50 - 50);
}

struct reports {
    struct reading_report rows[8];
    size_t count;
};

static int note_report(void *context, const struct reading_report *report)
{
    struct reports *reports = context;

    reports->rows[reports->count++] = *report;
    return 0;
}

static void reports_come_as_they_were_with_their_version_the_newest_first(void **state)
{
    struct store *store = *state;
    int64_t d = add_device(store, "d", "tinypart"), e = add_device(store, "e", "tinypart");
    struct aggregate_query query = a_query(d, 1);
    struct reports reports = { 0 };
    const struct reading one = { .device_id = d, .epoch = 100, .received_ms = NOW, .noised = true };
    struct reading reading;

    for (int64_t i = 0; i < 4; i++) {
        reading = one;
        reading.value = 1000 * i; /* beyond the clamp, which is for raw readings */
        reading.scale = i == 3 ? READING_ANSWER : 100;
        reading.policy_version = i < 2 ? 1 : 2;
        add_reading(store, reading);
    }
    reading = one;
    reading.noised = false;
    add_reading(store, reading);
    reading = one;
    reading.device_id = e;
    add_reading(store, reading);
    reading = one;
    reading.epoch = 101;
    add_reading(store, reading);
    reading = one;
    reading.received_ms = NOW + 1000; /* the window's end */
    add_reading(store, reading);
    query.contributions = 3;
    ok(store->reading_reports(store, &query, note_report, &reports));
    assert_int_equal(reports.count, 3);
    assert_int_equal(reports.rows[0].value, 3000);
    assert_int_equal(reports.rows[0].policy_version, 2);
    assert_int_equal(reports.rows[2].value, 1000);
    assert_int_equal(reports.rows[2].policy_version, 1);
}

static int note_value(void *context, const struct reading_value *reading)
{
    int64_t **at = context;

    *(*at)++ = reading->value;
    return 0;
}

static void raw_values_come_clamped_the_newest_first_and_no_more_than_count(void **state)
{
    struct store *store = *state;
    int64_t d = add_device(store, "d", "tinypart");
    struct aggregate_query query = a_query(d, 1);
    int64_t values[8] = { 0 }, *at = values;

    query.contributions = 3;
    for (int64_t i = 0; i < 5; i++)
        add_reading(store, (struct reading){ .device_id = d, .epoch = 100, .received_ms = NOW, .value = 30 * i });
    add_reading(store,
                (struct reading){ .device_id = d, .epoch = 100, .received_ms = NOW, .value = 7, .noised = true });
    add_reading(store, (struct reading){ .device_id = d, .epoch = 101, .received_ms = NOW, .value = 8 });
    ok(store->reading_values(store, &query, note_value, &at));
    assert_int_equal(at - values, 3);
    assert_int_equal(values[0], 50); /* 120, clamped */
    assert_int_equal(values[1], 50);
    assert_int_equal(values[2], 50); /* 60 */
    query.upper = 1000;
    at = values;
    ok(store->reading_values(store, &query, note_value, &at));
    assert_int_equal(values[0], 120);
    assert_int_equal(values[2], 60);
}

static void only_what_the_query_names_is_summed(void **state)
{
    struct store *store = *state;
    int64_t d = add_device(store, "d", "tinypart"), e = add_device(store, "e", "tinypart");
    struct aggregate_query query = a_query(d, 1);
    struct aggregate sum = { 0 };

    add_reading(store, (struct reading){ .device_id = d, .epoch = 100, .received_ms = NOW, .value = 1 });
    add_reading(store,
                (struct reading){ .device_id = d, .epoch = 100, .received_ms = NOW + 999, .value = 2, .tenant_id = 1 });
    /* another tenant's, another device's, sensor's, epoch's, scale's, and at both ends of the window */
    add_reading(store,
                (struct reading){ .device_id = d, .epoch = 100, .received_ms = NOW, .value = 4, .tenant_id = 2 });
    add_reading(store, (struct reading){ .device_id = e, .epoch = 100, .received_ms = NOW, .value = 4 });
    add_reading(store,
                (struct reading){ .device_id = d, .epoch = 100, .received_ms = NOW, .value = 4, .sensor = "load" });
    add_reading(store, (struct reading){ .device_id = d, .epoch = 101, .received_ms = NOW, .value = 4 });
    add_reading(store, (struct reading){ .device_id = d, .epoch = 100, .received_ms = NOW, .value = 4, .scale = 10 });
    add_reading(store, (struct reading){ .device_id = d, .epoch = 100, .received_ms = NOW - 1, .value = 4 });
    add_reading(store, (struct reading){ .device_id = d, .epoch = 100, .received_ms = NOW + 1000, .value = 4 });
    ok(store->reading_aggregate(store, &query, &sum));
    assert_int_equal(sum.count, 2);
    assert_int_equal(sum.sum, 3);
}

static void only_the_newest_contributions_count(void **state)
{
    struct store *store = *state;
    int64_t d = add_device(store, "d", "tinypart");
    struct aggregate_query query = a_query(d, 1);
    struct aggregate sum = { 0 };

    for (int i = 1; i <= 5; i++)
        add_reading(store, (struct reading){ .device_id = d, .epoch = 100, .received_ms = NOW + i, .value = i });
    query.contributions = 2;
    ok(store->reading_aggregate(store, &query, &sum));
    assert_int_equal(sum.count, 2);
    assert_int_equal(sum.sum, 4 + 5);
}

/* Or taking out a raw reading would let a noised one in, which no clamp bounds. */
static void raw_and_noised_readings_do_not_crowd_each_other_out(void **state)
{
    struct store *store = *state;
    int64_t d = add_device(store, "d", "tinypart");
    struct aggregate_query query = a_query(d, 1);
    struct aggregate sum = { 0 };
    struct reports reports = { 0 };

    for (int i = 1; i <= 3; i++) {
        add_reading(
            store,
            (struct reading){
                .device_id = d, .epoch = 100, .received_ms = NOW + i, .value = INT64_C(1000) * i, .noised = true });
        add_reading(store, (struct reading){ .device_id = d, .epoch = 100, .received_ms = NOW + i, .value = i });
    }
    query.contributions = 2;
    ok(store->reading_aggregate(store, &query, &sum));
    assert_int_equal(sum.count, 2);
    assert_int_equal(sum.sum, 2 + 3);
    ok(store->reading_reports(store, &query, note_report, &reports));
    assert_int_equal(reports.count, 2);
    assert_int_equal(reports.rows[1].value, 2000);
}

static void a_sum_beyond_int64_is_a_fault_and_not_a_number(void **state)
{
    struct store *store = *state;
    int64_t d = add_device(store, "d", "tinypart");
    struct aggregate_query query = a_query(d, 1);
    struct aggregate sum = { 7, 7 };

    query.upper = INT64_MAX;
    for (int i = 0; i < 2; i++)
        add_reading(store, (struct reading){ .device_id = d, .epoch = 100, .received_ms = NOW, .value = INT64_MAX });
    assert_int_equal(store->reading_aggregate(store, &query, &sum), -EOVERFLOW);
    assert_int_equal(sum.count, 7);
}

static void readings_raw_and_noised_expire_by_their_own_policy(void **state)
{
    struct store *store = *state;
    int64_t d = add_device(store, "d", "tinypart"), deleted = 0, raw = 0, noised = 0, first = 0;

    add_policy(store, "temperature", 1000);
    add_policy(store, "load", 5000);
    for (int i = 0; i < 3; i++)
        first = add_reading(store, (struct reading){ .device_id = d, .received_ms = NOW + i });
    add_reading(store, (struct reading){ .device_id = d, .received_ms = NOW, .sensor = "load" });
    add_reading(store, (struct reading){ .device_id = d, .received_ms = NOW, .noised = true });
    ok(in_transaction(store, store->reading_expire(store, NOW + 1000, 10, &deleted)));
    assert_int_equal(deleted, 0);
    ok(in_transaction(store, store->reading_expire(store, NOW + 1003, 2, &deleted)));
    assert_int_equal(deleted, 2);
    ok(in_transaction(store, store->reading_expire(store, NOW + 1003, 9, &deleted)));
    assert_int_equal(deleted, 2);
    ok(store->reading_count(store, &raw, &noised));
    assert_int_equal(raw, 1);
    assert_int_equal(noised, 0);
    assert_true(add_reading(store, (struct reading){ .device_id = d, .received_ms = NOW }) > first);
}

static void a_reading_needs_its_device_and_goes_with_it(void **state)
{
    struct store *store = *state;
    int64_t d = add_device(store, "d", "tinypart"), raw = 9, noised = 9;
    struct reading lost = { .device_id = 99, .sensor = "temperature", .scale = 100, .policy_version = 1 };

    assert_int_equal(in_transaction(store, store->reading_insert(store, &lost)), REFUSED_UNKNOWN);
    add_reading(store, (struct reading){ .device_id = d, .received_ms = NOW });
    ok(in_transaction(store, store->device_delete(store, d)));
    ok(store->reading_count(store, &raw, &noised));
    assert_int_equal(raw, 0);
    assert_int_equal(noised, 0);
}

/* ---- vectors ---- */

static int add_vector(struct store *store, struct vector vector, uint8_t fill, int64_t most)
{
    uint8_t coordinates[8];

    memset(coordinates, fill, sizeof coordinates);
    vector.sensor = vector.sensor != NULL ? vector.sensor : "temperature";
    vector.policy_version = 1;
    vector.dimension = 2;
    vector.coordinates = bytes_view(coordinates, sizeof coordinates);
    return in_transaction(store, store->vector_insert(store, &vector, most));
}

/* The first byte of each vector, in order. */
struct given {
    struct store *store;
    uint8_t first[8];
    size_t count;
};

static int note_vector(void *context, const struct vector_place *place)
{
    struct given *given = context;
    uint8_t bytes[16];
    size_t size = 0;

    assert_int_equal(given->store->vector_read(given->store, place->id, bytes, 7, &size), -E2BIG);
    ok(given->store->vector_read(given->store, place->id, bytes, sizeof bytes, &size));
    assert_int_equal(size, 8);
    given->first[given->count++] = bytes[0];
    return 0;
}

static struct given vectors_of(struct store *store, const struct aggregate_query *query)
{
    struct given given = { .store = store };

    ok(store->vector_each(store, query, note_vector, &given));
    return given;
}

static void the_first_vectors_of_a_device_and_epoch_are_kept_and_no_more(void **state)
{
    struct store *store = *state;
    int64_t d = add_device(store, "d", "tinypart"), e = add_device(store, "e", "tinypart");
    struct aggregate_query query = a_query(d, 1);
    uint8_t bytes[8];
    size_t size;

    for (uint8_t i = 1; i <= 4; i++)
        assert_int_equal(
            add_vector(store, (struct vector){ .device_id = d, .epoch = 100, .received_ms = NOW + i }, i, 3),
            i <= 3 ? 0 : REFUSED_BUSY);
    /* another device's, epoch's and sensor's have room of their own */
    ok(add_vector(store, (struct vector){ .device_id = e, .epoch = 100, .received_ms = NOW }, 5, 3));
    ok(add_vector(store, (struct vector){ .device_id = d, .epoch = 101, .received_ms = NOW }, 6, 3));
    ok(add_vector(store, (struct vector){ .device_id = d, .epoch = 100, .received_ms = NOW, .sensor = "load" }, 7, 3));
    struct given all = vectors_of(store, &query);
    assert_int_equal(all.count, 3);
    assert_memory_equal(all.first, "\1\2\3", 3);
    query.contributions = 2;
    all = vectors_of(store, &query);
    assert_int_equal(all.count, 2);
    assert_memory_equal(all.first, "\1\2", 2);
    query.from_ms = NOW + 2, query.to_ms = NOW + 3;
    all = vectors_of(store, &query);
    assert_int_equal(all.count, 1);
    assert_int_equal(all.first[0], 2);
    assert_int_equal(store->vector_read(store, 999, bytes, sizeof bytes, &size), REFUSED_UNKNOWN);
    assert_int_equal(add_vector(store, (struct vector){ .device_id = 999, .epoch = 1 }, 1, 1), REFUSED_UNKNOWN);
}

static void vectors_expire_with_the_readings_and_go_with_their_device(void **state)
{
    struct store *store = *state;
    int64_t d = add_device(store, "d", "tinypart"), deleted = 0, raw, noised;
    struct aggregate_query query = a_query(d, 1);

    add_policy(store, "temperature", 1000);
    add_reading(store, (struct reading){ .device_id = d, .epoch = 100, .received_ms = NOW, .value = 1 });
    for (uint8_t i = 0; i < 3; i++)
        ok(add_vector(store, (struct vector){ .device_id = d, .epoch = 100, .received_ms = NOW + i }, i, 9));
    ok(in_transaction(store, store->reading_expire(store, NOW + 1000, 10, &deleted)));
    assert_int_equal(deleted, 0);
    ok(in_transaction(store, store->reading_expire(store, NOW + 1002, 2, &deleted)));
    assert_int_equal(deleted, 2); /* the reading and one vector: at most limit of both */
    ok(store->reading_count(store, &raw, &noised));
    assert_int_equal(raw, 2);
    assert_int_equal(vectors_of(store, &query).count, 2);
    ok(in_transaction(store, store->reading_expire(store, NOW + 1002, 10, &deleted)));
    assert_int_equal(deleted, 1);
    assert_int_equal(vectors_of(store, &query).count, 1);
    ok(in_transaction(store, store->device_delete(store, d)));
    assert_int_equal(vectors_of(store, &query).count, 0);
    ok(store->reading_count(store, &raw, &noised));
    assert_int_equal(raw, 0);
}

int contract_readings(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(raw_readings_are_clamped_and_summed_without_noised_ones),
        CONTRACT_TEST(reports_come_as_they_were_with_their_version_the_newest_first),
        CONTRACT_TEST(raw_values_come_clamped_the_newest_first_and_no_more_than_count),
        CONTRACT_TEST(only_what_the_query_names_is_summed),
        CONTRACT_TEST(only_the_newest_contributions_count),
        CONTRACT_TEST(raw_and_noised_readings_do_not_crowd_each_other_out),
        CONTRACT_TEST(a_sum_beyond_int64_is_a_fault_and_not_a_number),
        CONTRACT_TEST(readings_raw_and_noised_expire_by_their_own_policy),
        CONTRACT_TEST(a_reading_needs_its_device_and_goes_with_it),
        CONTRACT_TEST(the_first_vectors_of_a_device_and_epoch_are_kept_and_no_more),
        CONTRACT_TEST(vectors_expire_with_the_readings_and_go_with_their_device),
    };

    return cmocka_run_group_tests_name("readings", tests, NULL, NULL);
}
