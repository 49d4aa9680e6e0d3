/* Profile tinypart: what it takes and refuses, what survives a power cut, and what leaves the device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "device_proto/token.h"
#include "device_proto/senml.h"
#include "device_proto/suit_capabilities.h"
#include "device_proto/suit_report.h"
#include "device_proto/vector.h"
#include "device_proto/virtual/telemetry.h"
#include "tests/unit/virtual/fake.h"

static const char url[] = "coap://127.0.0.1:7000/m";

/* A second container: its answer is not 27.18. */
static const uint8_t answers_42[] = {
    0x72, 0x42, 0x50, 0x46, 0,    0,    0, 0, 0,    0, 0, 0, 0, 0, 0, 0,
    0,    0,    0,    0,    0x10, 0,    0, 0, 0,    0, 0, 0,             /* header */
    0xb7, 0x00, 0,    0,    0x68, 0x10, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0, /* r0 = 4200 */
};

static void exec(struct fake *fake, unsigned slot)
{
    char path[] = "exec/0";

    path[5] = (char)('0' + slot);
    fake_ask(fake, COAP_MSG_POST, path, bytes_view(NULL, 0));
}

static void read_report(struct fake *fake, struct suit_report *out)
{
    const struct fake_sent *sent = fake_last(fake, "r");
    struct proto_signer signer;
    size_t by;

    assert_non_null(sent);
    crypto_key_signer(fake->device.key, &signer);
    assert_int_equal(suit_report_read_signed(bytes_view(sent->payload, sent->payload_size), &signer.key, 1,
                                             &fake->fleet.crypto, out, &by),
                     0);
}

/* ---- updates ---- */

static void takes_a_rollout_answers_and_reports_success(void **state)
{
    struct fake *fake = *state;
    struct suit_report report;

    fake_boot(fake, "tinypart", true);
    fake_roll_out(fake, &(struct fake_order){ .sequence = 1, .slot = 2, .image = IMAGE(temp_sens) });
    exec(fake, 2);
    assert_int_equal(fake->reply.code, COAP_MSG_CHANGED);
    assert_string_equal(fake->reply.text, "27.18");
    read_report(fake, &report);
    assert_true(report.success);
    assert_true(bytes_equal_text(report.reference_uri, url));
    assert_int_equal(fake_last(fake, "r")->channel, FAKE_SERVER);
}

static void two_containers_live_side_by_side(void **state)
{
    struct fake *fake = *state;

    fake_boot(fake, "tinypart", true);
    fake_roll_out(fake, &(struct fake_order){ .sequence = 1, .slot = 0, .image = IMAGE(temp_sens) });
    fake_roll_out(fake, &(struct fake_order){ .sequence = 2, .slot = 1, .image = IMAGE(answers_42) });
    exec(fake, 0);
    assert_string_equal(fake->reply.text, "27.18");
    exec(fake, 1);
    assert_string_equal(fake->reply.text, "42.00");
    exec(fake, 3);
    assert_int_equal(fake->reply.code, COAP_MSG_NOT_FOUND);
}

static void refuses_and_reports_why(void **state)
{
    const struct {
        struct fake_order order;
        enum suit_reason reason;
        int64_t code;
    } cases[] = {
        { { .sequence = 5, .image = IMAGE(answers_42) }, SUIT_REASON_CONDITION_FAILED, -5 },
        { { .sequence = 9, .foreign_key = true, .image = IMAGE(answers_42) }, SUIT_REASON_UNAUTHORISED, -6 },
        { { .sequence = 9, .class_name = "other", .image = IMAGE(answers_42) }, SUIT_REASON_CONDITION_FAILED, -4 },
        { { .sequence = 9, .wrong_digest = true, .image = IMAGE(answers_42) }, SUIT_REASON_CONDITION_FAILED, -7 },
        { { .sequence = 9, .size = 9000, .image = IMAGE(answers_42) }, SUIT_REASON_OPERATION_FAILED, -50 },
        { { .sequence = 9, .slot = 7, .image = IMAGE(answers_42) }, SUIT_REASON_COMPONENT_UNSUPPORTED, -2 },
    };
    struct fake *fake = *state;
    struct suit_report report;

    int64_t command;

    fake_boot(fake, "tinypart", true);
    fake_roll_out(fake, &(struct fake_order){ .sequence = 5, .image = IMAGE(temp_sens) });
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fake_roll_out(fake, &cases[i].order);
        read_report(fake, &report);
        assert_false(report.success);
        assert_int_equal(report.code, cases[i].code);
        if (cases[i].code != -5)
            assert_int_equal(report.reason, cases[i].reason);
        /* what it can do, where something else was asked of it */
        assert_int_equal(suit_capability_at(report.capabilities, SUIT_CAPABILITY_COMMANDS, 0, &command),
                         cases[i].reason == SUIT_REASON_COMPONENT_UNSUPPORTED);
        exec(fake, 0); /* what was there still is */
        assert_string_equal(fake->reply.text, "27.18");
    }
    assert_int_equal(fake->device.sequence, 5);
}

static void a_report_is_repeated_until_the_daemon_takes_it(void **state)
{
    struct fake *fake = *state;

    fake_boot(fake, "tinypart", true);
    fake_publish(fake, &(struct fake_order){ .sequence = 1, .image = IMAGE(temp_sens) });
    fake->serve_blocks = 2;
    fake->post_code = COAP_MSG_INTERNAL_ERROR;
    fake_trigger(fake, url);
    fake_run(fake, 20000);
    assert_int_equal(fake_events(fake, EVENT_REPORT_TAKEN), 0);
    /* A power cut in between does not lose it. */
    device_power_cycle(&fake->device, fake->now_ms);
    fake_run(fake, 3000);
    fake->post_code = COAP_MSG_CHANGED;
    fake_run(fake, 20000);
    assert_int_equal(fake_events(fake, EVENT_REPORT_TAKEN), 1);
    size_t before = fake_count(fake, "r");
    fake_run(fake, 60000);
    assert_int_equal(fake_count(fake, "r"), before);
}

/* The daemon died after it had stored the first report and before it could say so. */
static void a_late_answer_to_an_older_report_is_none_to_the_newer(void **state)
{
    struct fake *fake = *state;
    struct coap_message_writer writer;
    uint8_t late[64];
    size_t size;

    fake_boot(fake, "tinypart", true);
    fake->deaf_to_posts = true;
    fake_roll_out(fake, &(struct fake_order){ .sequence = 1, .image = IMAGE(temp_sens) });
    struct fake_sent first = *fake_last(fake, "r");
    fake_roll_out(fake, &(struct fake_order){ .sequence = 2, .image = IMAGE(temp_sens) });
    assert_int_not_equal(fake_last(fake, "r")->id, first.id);
    coap_message_begin(&writer, late, sizeof(late), COAP_MSG_ACK, COAP_MSG_CHANGED, first.id,
                       bytes_view(first.token, first.token_size));
    assert_int_equal(coap_message_finish(&writer, &size), 0);
    device_receive(&fake->device, FAKE_SERVER, &fake->daemon, bytes_view(late, size), fake->now_ms);
    assert_int_equal(fake_events(fake, EVENT_REPORT_TAKEN), 0);
    fake->deaf_to_posts = false;
    fake_run(fake, 60000);
    assert_int_equal(fake_events(fake, EVENT_REPORT_TAKEN), 1);
}

static void a_duplicate_of_a_request_is_answered_and_not_done_again(void **state)
{
    struct fake *fake = *state;
    uint8_t copy[64];
    struct coap_message_writer writer;
    size_t size;

    fake_boot(fake, "tinypart", true);
    fake_publish(fake, &(struct fake_order){ .sequence = 1, .image = IMAGE(temp_sens) });
    coap_message_begin(&writer, copy, sizeof(copy), COAP_MSG_CON, COAP_MSG_POST, 77, bytes_view(NULL, 0));
    coap_message_add_path(&writer, COAP_MSG_OPT_URI_PATH, bytes_of_text("suit/trigger"));
    coap_message_add_payload(&writer, bytes_of_text(url));
    assert_int_equal(coap_message_finish(&writer, &size), 0);
    for (size_t i = 0; i < 3; i++) {
        fake_deliver(fake, bytes_view(copy, size));
        assert_int_equal(fake->reply.code, COAP_MSG_CREATED);
        fake_run(fake, 100);
    }
    assert_int_equal(fake_count(fake, "m"), 1);
}

static void a_container_that_faults_says_so(void **state)
{
    uint8_t bad[sizeof(answers_42)];
    struct fake *fake = *state;

    memcpy(bad, answers_42, sizeof(bad));
    bad[28] = 0x79; /* r0 = load from where r0 points: nowhere */
    bad[32] = bad[33] = 0;
    fake_boot(fake, "tinypart", true);
    fake_roll_out(fake, &(struct fake_order){ .sequence = 1, .image = IMAGE(bad) });
    exec(fake, 0);
    assert_int_equal(fake->reply.code, COAP_MSG_INTERNAL_ERROR);
    assert_true(strlen(fake->reply.text) > 0);
}

/* ---- power ---- */

static void slots_and_sequence_number_survive_a_power_cut(void **state)
{
    struct fake *fake = *state;

    fake_boot(fake, "tinypart", true);
    fake_roll_out(fake, &(struct fake_order){ .sequence = 7, .slot = 1, .image = IMAGE(temp_sens) });
    device_power_cycle(&fake->device, fake->now_ms);
    fake_run(fake, 3000);
    exec(fake, 1);
    assert_string_equal(fake->reply.text, "27.18");
    fake_roll_out(fake, &(struct fake_order){ .sequence = 7, .slot = 1, .image = IMAGE(answers_42) });
    exec(fake, 1);
    assert_string_equal(fake->reply.text, "27.18");
}

static void a_power_cut_in_the_middle_leaves_the_old_container_and_the_next_try_completes(void **state)
{
    uint8_t image[3000] = { 0 };
    struct fake *fake = *state;

    memcpy(image, answers_42, sizeof(answers_42));
    fake_boot(fake, "tinypart", true);
    fake_roll_out(fake, &(struct fake_order){ .sequence = 1, .image = IMAGE(temp_sens) });
    fake->fleet.faults = (struct fault_plan){ .power_cut = true, .power_cut_block = 1 };
    fake_roll_out(fake, &(struct fake_order){ .sequence = 2, .image = IMAGE(answers_42) }); /* one block: no cut yet */
    fake_roll_out(fake, &(struct fake_order){ .sequence = 3, .image = IMAGE(image) });
    assert_int_equal(fake_events(fake, EVENT_POWER_CUT), 1);
    exec(fake, 0);
    assert_false(fake->reply.came);
    fake_run(fake, 3000);
    exec(fake, 0);
    assert_string_equal(fake->reply.text, "42.00");
    assert_int_equal(fake->device.sequence, 2);
    fake_roll_out(fake, &(struct fake_order){ .sequence = 4, .image = IMAGE(temp_sens) });
    exec(fake, 0);
    assert_string_equal(fake->reply.text, "27.18");
}

static void a_reboot_at_the_manifest_leaves_everything_as_it_was(void **state)
{
    struct fake *fake = *state;

    fake->fleet.faults = (struct fault_plan){ .reboot_at = FAULT_AT_MANIFEST };
    fake_boot(fake, "tinypart", true);
    fake_roll_out(fake, &(struct fake_order){ .sequence = 1, .image = IMAGE(temp_sens) });
    assert_int_equal(fake_events(fake, EVENT_REBOOT), 1);
    assert_int_equal(fake_count(fake, "i"), 0);
    fake_run(fake, 3000);
    fake_roll_out(fake, &(struct fake_order){ .sequence = 2, .image = IMAGE(temp_sens) });
    assert_int_equal(fake_events(fake, EVENT_INSTALLED), 1);
}

static void a_damaged_image_in_the_state_directory_never_runs(void **state)
{
    struct fake *fake = *state;
    char command[128];

    fake_boot(fake, "tinypart", true);
    fake_roll_out(fake, &(struct fake_order){ .sequence = 1, .image = IMAGE(temp_sens) });
    snprintf(command, sizeof(command), "truncate -s 100 %s/dev-1/slot0-*", fake->state);
    assert_int_equal(system(command), 0);
    device_power_cycle(&fake->device, fake->now_ms);
    fake_run(fake, 3000);
    exec(fake, 0);
    assert_int_equal(fake->reply.code, COAP_MSG_NOT_FOUND);
    assert_int_equal(fake_events(fake, EVENT_FAULT), 1);
}

static void a_device_that_trusts_another_key_refuses(void **state)
{
    struct fake *fake = *state;
    struct suit_report report;

    fake->fleet.faults.wrong_key = true;
    fake_boot(fake, "tinypart", true);
    fake_roll_out(fake, &(struct fake_order){ .sequence = 1, .image = IMAGE(temp_sens) });
    read_report(fake, &report);
    assert_int_equal(report.reason, SUIT_REASON_UNAUTHORISED);
}

/* ---- tokens ---- */

/* temp_sens makes calls 0x31 and 0x32: bits 1 and 2 of what this device has. */
static void a_container_is_held_to_its_token(void **state)
{
    struct fake *fake = *state;
    struct token_claims good = { .audience = bytes_of_text("dev-1"), .has_mask = true, .mask = 0x06 };
    static const uint8_t another[DIGEST_SIZE];
    struct token_claims bad[] = { good, good, good, good, good };
    uint64_t sequence = 1;

    fake->fleet.require_token = true;
    fake_boot(fake, "tinypart", true);
    fake_roll_out(fake, &(struct fake_order){ .sequence = sequence, .image = IMAGE(temp_sens), .token = &good });
    assert_int_equal(fake_events(fake, EVENT_INSTALLED), 1);
    exec(fake, 0);
    assert_int_equal(fake->reply.code, COAP_MSG_CHANGED);
    bad[0].mask = 0x02; /* a call is missing */
    bad[1].audience = bytes_of_text("dev-2");
    bad[2].expires_s = 1; /* long ago */
    bad[3].digest = bytes_view(another, sizeof(another));
    bad[4].has_mask = false;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct suit_report report;
        fake_roll_out(fake,
                      &(struct fake_order){ .sequence = ++sequence, .image = IMAGE(temp_sens), .token = &bad[i] });
        assert_int_equal(fake_events(fake, EVENT_INSTALLED), 1);
        read_report(fake, &report);
        assert_int_not_equal(report.reason, SUIT_REASON_OK);
    }
    fake_roll_out(fake, &(struct fake_order){ .sequence = ++sequence, .image = IMAGE(temp_sens) }); /* taken out */
    assert_int_equal(fake_events(fake, EVENT_INSTALLED), 1);
    fake->fleet.require_token = false;
    fake_roll_out(fake, &(struct fake_order){ .sequence = ++sequence, .image = IMAGE(temp_sens) });
    assert_int_equal(fake_events(fake, EVENT_INSTALLED), 2);
}

/* ---- registration ---- */

static void registers_renews_and_registers_again_when_forgotten(void **state)
{
    struct fake *fake = *state;

    fake_boot(fake, "tinypart", true);
    assert_int_equal(fake_count(fake, "rd"), 1);
    assert_string_equal(fake_last(fake, "rd")->query, "ep=dev-1&lt=3600&et=tinypart");
    assert_int_equal(fake_last(fake, "rd")->channel, FAKE_SERVER);
    fake_run(fake, 3000000);
    assert_int_equal(fake_count(fake, "rd/here"), 1);
    fake->post_code = COAP_MSG_NOT_FOUND; /* the directory lost its memory */
    fake_run(fake, 3000000);
    fake->post_code = COAP_MSG_CHANGED;
    size_t before = fake_count(fake, "rd");
    fake_run(fake, 300000);
    assert_true(fake_count(fake, "rd") > before);
    assert_string_equal(fake->device.registration.location, "rd/here");
}

/* ---- telemetry ---- */

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

/* ---- the network ---- */

static void a_lossy_doubling_late_network_only_slows_it_down(void **state)
{
    struct fake *fake = *state;

    fake->fleet.faults = (struct fault_plan){ .loss_ppm = 400000, .duplicate_ppm = 100000, .delay_ms = 50 };
    fake_boot(fake, "tinypart", true);
    fake_publish(fake, &(struct fake_order){ .sequence = 1, .image = IMAGE(temp_sens) });
    for (int i = 0; i < 20 && fake_events(fake, EVENT_INSTALLED) == 0; i++) {
        fake_trigger(fake, url);
        fake_run(fake, 200000);
    }
    assert_int_equal(fake_events(fake, EVENT_INSTALLED), 1);
    assert_true(fake_events(fake, EVENT_RETRANSMIT) > 0);
}

static void the_same_seed_gives_the_same_run(void **state)
{
    struct fake *fake = *state;
    int64_t first[64];
    size_t count = 0;

    fake->fleet.faults = (struct fault_plan){ .loss_ppm = 300000, .delay_ms = 500 };
    for (int round = 0; round < 2; round++) {
        fake->log_count = 0;
        int64_t start_ms = fake->now_ms;
        fake_boot(fake, "tinypart", false);
        fake_run(fake, 200000);
        assert_in_range(fake->log_count, 1, 64);
        for (size_t i = 0; i < fake->log_count && round == 0; i++)
            first[count++] = fake->log[i].at_ms - start_ms;
        assert_int_equal(count, fake->log_count);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(first[i], fake->log[i].at_ms - start_ms);
        device_deinit(&fake->device);
        fake->outbox_count = 0;
    }
    fake->device.fleet = NULL;
}

static void malformed_datagrams_do_no_harm(void **state)
{
    struct fake *fake = *state;
    struct dice dice;
    uint8_t junk[300];

    dice_seed(&dice, 3, 0);
    fake_boot(fake, "tinypart", true);
    for (size_t i = 0; i < 20000; i++) {
        size_t size = dice_below(&dice, sizeof(junk));
        for (size_t k = 0; k < size; k++)
            junk[k] = (uint8_t)dice_roll(&dice);
        if (size > 0 && i % 2 == 0)
            junk[0] = (uint8_t)(0x40 | (junk[0] & 0x33));
        fake_deliver(fake, bytes_view(junk, size));
    }
    fake_ask(fake, COAP_MSG_GET, ".well-known/core", bytes_view(NULL, 0));
    assert_int_equal(fake->reply.code, COAP_MSG_CONTENT);
}

static void the_words_of_faults_are_read_or_refused(void **state)
{
    struct fault_plan plan;

    (void)state;
    assert_int_equal(
        fault_plan_parse("loss=0.1,dup=0.05,delay=50ms,reboot-at=block:3,power-cut=block:1,wrong-key", &plan, NULL), 0);
    assert_int_equal(plan.loss_ppm, 100000);
    assert_int_equal(plan.duplicate_ppm, 50000);
    assert_int_equal(plan.delay_ms, 50);
    assert_int_equal(plan.reboot_at, FAULT_AT_BLOCK);
    assert_int_equal(plan.reboot_block, 3);
    assert_int_equal(plan.power_cut_block, 1);
    assert_true(plan.power_cut && plan.wrong_key);
    assert_int_equal(fault_plan_parse("loss=2", &plan, NULL), REFUSED_INVALID);
    assert_int_equal(fault_plan_parse("power-cut=manifest", &plan, NULL), REFUSED_INVALID);
    assert_int_equal(fault_plan_parse("rain", &plan, NULL), REFUSED_INVALID);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
    const struct CMUnitTest tests[] = {
        T(takes_a_rollout_answers_and_reports_success),
        T(two_containers_live_side_by_side),
        T(refuses_and_reports_why),
        T(a_report_is_repeated_until_the_daemon_takes_it),
        T(a_late_answer_to_an_older_report_is_none_to_the_newer),
        T(a_duplicate_of_a_request_is_answered_and_not_done_again),
        T(a_container_that_faults_says_so),
        T(slots_and_sequence_number_survive_a_power_cut),
        T(a_power_cut_in_the_middle_leaves_the_old_container_and_the_next_try_completes),
        T(a_reboot_at_the_manifest_leaves_everything_as_it_was),
        T(a_damaged_image_in_the_state_directory_never_runs),
        T(a_device_that_trusts_another_key_refuses),
        T(a_container_is_held_to_its_token),
        T(registers_renews_and_registers_again_when_forgotten),
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
        T(a_lossy_doubling_late_network_only_slows_it_down),
        T(the_same_seed_gives_the_same_run),
        T(malformed_datagrams_do_no_harm),
        T(the_words_of_faults_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
