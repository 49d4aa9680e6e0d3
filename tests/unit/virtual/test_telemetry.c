/* Profile tinypart: what leaves the device, noised on board, numbered and no oftener than its policy allows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "device_proto/senml.h"
#include "device_proto/vector.h"
#include "device_proto/virtual/telemetry.h"
#include "tests/unit/virtual/fake.h"

static void trace(struct fake *fake, const char *sensor, const char *rows)
{
    char path[128], text[256];

    snprintf(path, sizeof(path), "%s/%s.csv", fake->state, sensor);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(rows, file);
    fclose(file);
    snprintf(text, sizeof(text), "%s=csv:%s", sensor, path);
    fake_sensor(fake, text);
}

static struct noise_policy mild_policy(void)
{
    return (struct noise_policy){ .sensor = bytes_of_text("temperature"),
                                  .version = 3,
                                  .unit = POLICY_DEVICE_EPOCH,
                                  .epoch_s = 86400,
                                  .adjacency = POLICY_ZERO_OUT,
                                  .lower = -2000,
                                  .upper = 5000,
                                  .scale = 100,
                                  .unit_text = bytes_of_text("Cel"),
                                  .mechanism = POLICY_DISCRETE_LAPLACE,
                                  .micro_epsilon = 100000,
                                  .parameter_num = 50000,
                                  .parameter_den = 1,
                                  .contributions = 500,
                                  .interval_s = 10,
                                  .output_bound = 200000 };
}

static void publish_policy(struct fake *fake, const struct noise_policy *policy, const struct crypto_key *key)
{
    uint8_t document[POLICY_DOC_MAX];
    struct proto_signer signer;
    size_t size;

    crypto_key_signer(key, &signer);
    assert_int_equal(policy_doc_write(policy, bytes_view(NULL, 0), &signer, document, sizeof(document), &size), 0);
    fake_serve(fake, "p/temperature", bytes_view(document, size));
}

static int64_t value_of(const struct fake_sent *sent)
{
    struct senml_record record;
    struct senml_pack pack = { .records = &record, .capacity = 1 };
    int64_t value;

    assert_int_equal(senml_decode_cbor(bytes_view(sent->payload, sent->payload_size), &pack), 0);
    assert_int_equal(pack.count, 1);
    assert_string_equal(record.name, "temperature");
    assert_string_equal(record.unit, "Cel");
    assert_int_equal(decimal_scale(record.number, 100, &value), 0);
    return value;
}

static long number_of(const struct fake_sent *sent)
{
    const char *at = strstr(sent->query, "s=");

    assert_non_null(at);
    return strtol(at + 2, NULL, 10);
}

static void without_a_policy_nothing_leaves(void **state)
{
    struct fake *fake = *state;

    trace(fake, "temperature", "21.5\n");
    fake_boot(fake, "tinypart", true);
    fake_run(fake, 600000);
    assert_int_equal(fake_count(fake, "t"), 0);
    assert_true(fake_count(fake, "p/temperature") > 10);
}

static void a_policy_by_another_key_is_refused_and_nothing_leaves(void **state)
{
    struct fake *fake = *state;
    struct noise_policy policy = mild_policy();
    struct crypto_key *other;

    trace(fake, "temperature", "21.5\n");
    assert_int_equal(crypto_key_generate(KEY_ED25519, &other), 0);
    publish_policy(fake, &policy, other);
    crypto_key_free(other);
    fake_boot(fake, "tinypart", true);
    fake_run(fake, 60000);
    assert_int_equal(fake_count(fake, "t"), 0);
    assert_true(fake_events(fake, EVENT_POLICY_REFUSED) > 0);
}

static void a_policy_for_another_sensor_is_refused(void **state)
{
    struct fake *fake = *state;
    struct noise_policy policy = mild_policy();

    policy.sensor = bytes_of_text("humidity");
    trace(fake, "temperature", "21.5\n");
    publish_policy(fake, &policy, fake->maintainer);
    fake_boot(fake, "tinypart", true);
    fake_run(fake, 60000);
    assert_int_equal(fake_count(fake, "t"), 0);
}

/* Sixteen coordinates within an L2 norm, raw: the daemon noises their sum. */
static void publish_gradient(struct fake *fake, uint32_t dimension, int64_t norm)
{
    struct noise_policy policy = mild_policy();
    uint8_t document[POLICY_DOC_MAX];
    struct proto_signer signer;
    size_t size;

    policy.sensor = bytes_of_text("gradient");
    policy.unit_text = bytes_of_text("");
    policy.mechanism = POLICY_NONE;
    policy.micro_epsilon = policy.parameter_num = 0;
    policy.output_bound = 0;
    policy.lower = -norm, policy.upper = norm, policy.scale = 1;
    policy.contributions = 3;
    policy.dimension = dimension;
    crypto_key_signer(fake->maintainer, &signer);
    assert_int_equal(policy_doc_write(&policy, bytes_view(NULL, 0), &signer, document, sizeof(document), &size), 0);
    fake_serve(fake, "p/gradient", bytes_view(document, size));
}

/* The first of two sensors is the board's, the second what the container in slot 1 makes of it. */
static void boot_with_a_vector(struct fake *fake, int64_t norm)
{
    static uint8_t image[4096];
    char path[256];
    FILE *file;

    snprintf(path, sizeof(path), "%s/packaging/examples/containers/vector.rbpf", getenv("TINYPART_SOURCE"));
    file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(image, 1, sizeof(image), file);
    fclose(file);
    trace(fake, "temperature", "21.5\n");
    fake_vector(fake, "gradient=1:16");
    publish_gradient(fake, 16, norm);
    fake_boot(fake, "tinypart", true);
    fake_run(fake, 60000);
    assert_int_equal(fake_count(fake, "t"), 0); /* nothing is in the slot, and nothing leaves */
    fake_roll_out(fake, &(struct fake_order){ .sequence = 1, .slot = 1, .image = bytes_view(image, size) });
    fake_run(fake, 120000);
}

static void a_containers_vector_leaves_as_it_is_and_no_oftener_than_it_may(void **state)
{
    struct fake *fake = *state;
    struct senml_record record;
    struct senml_pack pack = { .records = &record, .capacity = 1 };
    struct vector_view vector;

    boot_with_a_vector(fake, 100000);
    assert_int_equal(fake_count(fake, "t"), 3);
    const struct fake_sent *sent = fake_last(fake, "t");
    assert_non_null(strstr(sent->query, "&p=0"));
    assert_int_equal(senml_decode_cbor(bytes_view(sent->payload, sent->payload_size), &pack), 0);
    assert_string_equal(record.name, "gradient");
    assert_int_equal(record.kind, SENML_DATA);
    assert_int_equal(vector_parse(record.text, &vector), 0);
    assert_int_equal(vector.dimension, 16);
    assert_int_equal(vector.width, 2);
    for (int i = 0; i < 16; i++)
        assert_int_equal(vector_at(&vector, (size_t)i), 2150 * (8 - i));
}

static void a_containers_vector_is_clipped_on_board(void **state)
{
    struct fake *fake = *state;
    struct senml_record record;
    struct senml_pack pack = { .records = &record, .capacity = 1 };
    struct vector_view vector;
    int64_t squares = 0;

    boot_with_a_vector(fake, 1000); /* the norm of what the container makes is 39876 */
    const struct fake_sent *sent = fake_last(fake, "t");
    assert_int_equal(senml_decode_cbor(bytes_view(sent->payload, sent->payload_size), &pack), 0);
    assert_int_equal(vector_parse(record.text, &vector), 0);
    for (size_t i = 0; i < 16; i++)
        squares += (int64_t)vector_at(&vector, i) * vector_at(&vector, i);
    assert_in_range(squares, 970 * 970, 1000 * 1000);
}

static void a_policy_of_another_dimension_is_refused(void **state)
{
    struct fake *fake = *state;

    fake_vector(fake, "gradient=1:16");
    publish_gradient(fake, 17, 1000);
    fake_boot(fake, "tinypart", true);
    fake_run(fake, 60000);
    assert_true(fake_events(fake, EVENT_POLICY_REFUSED) > 0);
    assert_int_equal(fake_count(fake, "t"), 0);
}

static void a_vector_is_named_by_slot_and_dimension(void **state)
{
    static const char *const bad[] = { "gradient",       "gradient=1",    "gradient=1:0",
                                       "gradient=1:257", "gradient=9:16", "gradient=-1:16",
                                       "grad ient=1:16", "=1:16",         "gradient=1:16x" };
    struct sensor sensor;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(sensor_open_vector(bad[i], &sensor, NULL), REFUSED_INVALID);
    assert_int_equal(sensor_open_vector("gradient=3:256", &sensor, NULL), 0);
    assert_int_equal(sensor.slot, 3);
    assert_int_equal(sensor.dimension, 256);
}

static void readings_leave_noised_clamped_and_numbered(void **state)
{
    struct fake *fake = *state;
    struct noise_policy policy = mild_policy();
    int64_t sum = 0, squares = 0;
    size_t count = 0, same = 0;
    long last = 0;

    trace(fake, "temperature", "21.5\n");
    publish_policy(fake, &policy, fake->maintainer);
    fake_boot(fake, "tinypart", true);
    fake_run(fake, 3000000);
    for (size_t i = 0; i < fake->log_count; i++) {
        if (strcmp(fake->log[i].path, "t") != 0)
            continue;
        int64_t value = value_of(&fake->log[i]);
        assert_true(value >= policy.lower - policy.output_bound && value <= policy.upper + policy.output_bound);
        assert_true(number_of(&fake->log[i]) > last);
        last = number_of(&fake->log[i]);
        assert_non_null(strstr(fake->log[i].query, "d=dev-1&s="));
        assert_non_null(strstr(fake->log[i].query, "&p=3"));
        same += value == 2150;
        sum += value;
        squares += (value / 100) * (value / 100);
        count++;
    }
    assert_in_range(count, 280, 301);
    /* Laplace of scale 500.00: standard deviation 707 (in units); 300 draws stay well within these bounds. */
    assert_true(same < 10);
    assert_true(squares / (int64_t)count > 250 * 250 && squares / (int64_t)count < 1200 * 1200);
    assert_true(llabs(sum / (int64_t)count) < 30000);
}

/* Only with the lab's switch; what the noise is then follows from the seed alone. */
static void noise_of_a_labs_seed_repeats(void **state)
{
    struct fake *fake = *state;
    struct noise_policy policy = mild_policy();
    struct dice dice;
    size_t count = 0;
    int64_t noise;

    trace(fake, "temperature", "21.5\n");
    publish_policy(fake, &policy, fake->maintainer);
    fake->fleet.has_lab_noise = true;
    fake->fleet.lab_noise_seed = 9;
    fake_boot(fake, "tinypart", true);
    fake_run(fake, 100000);
    dice_seed(&dice, 9, 0); /* the first device's first sensor */
    const struct proto_random random = { &dice, dice_fill };
    for (size_t i = 0; i < fake->log_count; i++) {
        if (strcmp(fake->log[i].path, "t") != 0)
            continue;
        assert_int_equal(noise_laplace(&random, policy.parameter_num, policy.parameter_den, &noise), 0);
        assert_int_equal(value_of(&fake->log[i]), 2150 + noise);
        count++;
    }
    assert_true(count > 5);
}

static void readings_beyond_the_bounds_are_clamped_before_the_noise(void **state)
{
    struct fake *fake = *state;
    struct noise_policy policy = mild_policy();

    policy.mechanism = POLICY_NONE; /* no noise, so that the clamp shows */
    policy.micro_epsilon = 0;
    policy.parameter_num = policy.parameter_den = 1;
    policy.output_bound = 0;
    trace(fake, "temperature", "99.9\n");
    publish_policy(fake, &policy, fake->maintainer);
    fake_boot(fake, "tinypart", true);
    fake_run(fake, 60000);
    assert_int_equal(value_of(fake_last(fake, "t")), 5000);
    assert_non_null(strstr(fake_last(fake, "t")->query, "&p=0"));
}

static void no_more_readings_leave_in_an_epoch_than_the_policy_allows(void **state)
{
    struct fake *fake = *state;
    struct noise_policy policy = mild_policy();

    policy.contributions = 5;
    policy.epoch_s = 3600;
    fake->fleet.unix_offset_ms = 3600000LL * 1000 - fake->now_ms; /* an epoch begins now */
    trace(fake, "temperature", "21.5\n");
    publish_policy(fake, &policy, fake->maintainer);
    fake_boot(fake, "tinypart", true);
    fake_run(fake, 3590000);
    assert_int_equal(fake_count(fake, "t"), 5);
    fake_run(fake, 3600000);
    assert_int_equal(fake_count(fake, "t"), 10);
}

static void numbers_and_contributions_do_not_come_back_after_a_power_cut(void **state)
{
    struct fake *fake = *state;
    struct noise_policy policy = mild_policy();

    policy.contributions = 20;
    trace(fake, "temperature", "21.5\n");
    publish_policy(fake, &policy, fake->maintainer);
    fake_boot(fake, "tinypart", true);
    fake_run(fake, 35000);
    long last = number_of(fake_last(fake, "t"));
    size_t before = fake_count(fake, "t");
    assert_in_range(before, 3, 5);
    device_power_cycle(&fake->device, fake->now_ms);
    fake_run(fake, 600000);
    assert_true(number_of(fake_last(fake, "t")) > last);
    for (size_t i = 1; i < fake->log_count; i++)
        if (strcmp(fake->log[i].path, "t") == 0)
            assert_true(number_of(&fake->log[i]) <= last || fake->log[i].at_ms > 1035000);
    assert_true(fake_count(fake, "t") <= 20);
}

static void a_number_is_on_disk_before_it_is_on_the_wire(void **state)
{
    struct fake *fake = *state;
    struct noise_policy policy = mild_policy();
    char command[128];

    trace(fake, "temperature", "21.5\n");
    fake_boot(fake, "tinypart", true);
    /* The directory goes away: nothing can be saved, so nothing may leave. */
    snprintf(command, sizeof(command), "rm -r %s/dev-1", fake->state);
    assert_int_equal(system(command), 0);
    publish_policy(fake, &policy, fake->maintainer);
    fake_run(fake, 60000);
    assert_int_equal(fake_count(fake, "t"), 0);
}

static void an_older_policy_is_not_taken_back(void **state)
{
    struct fake *fake = *state;
    struct noise_policy policy = mild_policy();

    trace(fake, "temperature", "21.5\n");
    publish_policy(fake, &policy, fake->maintainer);
    fake_boot(fake, "tinypart", true);
    policy.version = 2;
    publish_policy(fake, &policy, fake->maintainer);
    fake_run(fake, 120000);
    assert_int_equal(fake->device.telemetry[0].policy.version, 3);
    policy.version = 4;
    publish_policy(fake, &policy, fake->maintainer);
    fake_run(fake, 120000);
    assert_int_equal(fake->device.telemetry[0].policy.version, 4);
}

static int broken_source(void *context, uint8_t *out, size_t size)
{
    (void)context;
    (void)out;
    (void)size;
    return -5;
}

static void without_randomness_nothing_leaves(void **state)
{
    struct fake *fake = *state;
    struct noise_policy policy = mild_policy();

    trace(fake, "temperature", "21.5\n");
    publish_policy(fake, &policy, fake->maintainer);
    fake->fleet.random = (struct proto_random){ NULL, broken_source };
    fake_boot(fake, "tinypart", true);
    fake_run(fake, 60000);
    assert_int_equal(fake_count(fake, "t"), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
    const struct CMUnitTest tests[] = {
        T(without_a_policy_nothing_leaves),
        T(a_policy_by_another_key_is_refused_and_nothing_leaves),
        T(a_policy_for_another_sensor_is_refused),
        T(readings_leave_noised_clamped_and_numbered),
        T(noise_of_a_labs_seed_repeats),
        T(a_containers_vector_leaves_as_it_is_and_no_oftener_than_it_may),
        T(a_containers_vector_is_clipped_on_board),
        T(a_policy_of_another_dimension_is_refused),
        T(a_vector_is_named_by_slot_and_dimension),
        T(readings_beyond_the_bounds_are_clamped_before_the_noise),
        T(no_more_readings_leave_in_an_epoch_than_the_policy_allows),
        T(numbers_and_contributions_do_not_come_back_after_a_power_cut),
        T(a_number_is_on_disk_before_it_is_on_the_wire),
        T(an_older_policy_is_not_taken_back),
        T(without_randomness_nothing_leaves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
