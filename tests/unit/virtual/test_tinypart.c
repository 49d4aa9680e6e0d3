/* Profile tinypart: what it takes and refuses, and what survives a power cut or a bad network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "device_proto/token.h"
#include "device_proto/suit_capabilities.h"
#include "device_proto/suit_report.h"
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
        T(a_lossy_doubling_late_network_only_slows_it_down),
        T(the_same_seed_gives_the_same_run),
        T(malformed_datagrams_do_no_harm),
        T(the_words_of_faults_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
