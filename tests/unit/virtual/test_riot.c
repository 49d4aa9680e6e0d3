/* What real RIOT builds were seen to do: one test for each habit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "daemon/base/text.h"
#include "tests/unit/virtual/fake.h"

static const char url[] = "coap://127.0.0.1:7000/m";

static void tinyparts_build_takes_a_rollout_and_answers_27_18(void **state)
{
    struct fake *fake = *state;

    fake_boot(fake, "riot-tinypart", false);
    fake_roll_out(fake, &(struct fake_order){ .sequence = 1, .image = IMAGE(temp_sens) });
    assert_int_equal(fake_events(fake, EVENT_INSTALLED), 1);
    fake_ask(fake, COAP_MSG_POST, "bpf/exec/0", bytes_view(NULL, 0));
    assert_int_equal(fake->reply.code, COAP_MSG_CHANGED);
    assert_string_equal(fake->reply.text, "27.18");
}

static void mainline_takes_a_rollout_and_runs_nothing(void **state)
{
    struct fake *fake = *state;

    fake_boot(fake, "riot-mainline", false);
    fake_roll_out(fake, &(struct fake_order){ .sequence = 1, .slot = 1, .image = IMAGE(temp_sens) });
    assert_int_equal(fake_events(fake, EVENT_INSTALLED), 1);
    assert_memory_equal(fake->device.slots[1].memory, temp_sens, sizeof(temp_sens));
    fake_ask(fake, COAP_MSG_POST, "bpf/exec/1", bytes_view(NULL, 0));
    assert_int_equal(fake->reply.code, COAP_MSG_NOT_FOUND);
}

static void each_url_is_asked_from_a_new_port_with_an_empty_token(void **state)
{
    struct fake *fake = *state;

    fake_boot(fake, "riot-tinypart", false);
    fake_roll_out(fake, &(struct fake_order){ .sequence = 1, .image = IMAGE(temp_sens) });
    assert_int_equal(fake->log_count, 2);
    assert_int_equal(fake->replies_before_first_fetch, 1); /* 2.01 first, then the fetch */
    assert_int_not_equal(fake->log[0].channel, fake->log[1].channel);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(fake->log[i].token_size, 0);
        assert_int_equal(fake->log[i].block, 0);
        assert_int_equal(fake->log[i].exponent, 6);
        assert_int_not_equal(fake->log[i].channel, FAKE_SERVER);
    }
    assert_int_equal(fake->open, 0);
}

static void mainline_asks_for_blocks_of_64_bytes(void **state)
{
    struct fake *fake = *state;

    fake_boot(fake, "riot-mainline", false);
    fake_roll_out(fake, &(struct fake_order){ .sequence = 1, .image = IMAGE(temp_sens) });
    assert_int_equal(fake_count(fake, "i"), 3);
    assert_int_equal(fake_last(fake, "i")->exponent, 2);
    assert_int_equal(fake_last(fake, "i")->block, 2);
}

/* The first wait is drawn from 2 to 3 s, and each is twice the one before. */
static void gives_up(struct fake *fake, const char *profile, size_t sends)
{
    fake_boot(fake, profile, false);
    fake->mute = true;
    int64_t start_ms = fake->now_ms;
    fake_trigger(fake, url);
    while (fake_events(fake, EVENT_FETCH_FAILED) == 0)
        fake_run(fake, 1);
    assert_int_equal(fake->log_count, sends);
    int64_t first_ms = fake->log[1].at_ms - start_ms;
    assert_in_range(first_ms, 2000, 2999);
    for (size_t i = 0; i < sends; i++) {
        assert_int_equal(fake->log[i].at_ms - start_ms, first_ms * ((1 << i) - 1));
        assert_int_equal(fake->log[i].id, fake->log[0].id);
    }
    assert_in_range(fake->now_ms - start_ms, first_ms * ((1 << sends) - 1), first_ms * ((1 << sends) - 1) + 1);
}

static void tinyparts_build_sends_four_times_and_gives_up_after_30_to_45_s(void **state)
{
    gives_up(*state, "riot-tinypart", 4);
}

static void mainline_sends_five_times_and_gives_up_after_62_to_93_s(void **state)
{
    gives_up(*state, "riot-mainline", 5);
}

static void tinyparts_build_takes_an_empty_ack_for_an_empty_body(void **state)
{
    struct fake *fake = *state;

    fake_boot(fake, "riot-tinypart", false);
    fake->only_empty = true;
    fake_trigger(fake, url);
    fake_run(fake, 10);
    assert_int_equal(fake_events(fake, EVENT_REFUSED), 1);
    assert_non_null(strstr(fake->last_event[EVENT_REFUSED], "res=-1"));
}

static void mainline_waits_for_a_separate_answer_after_an_empty_ack(void **state)
{
    struct fake *fake = *state;

    fake_boot(fake, "riot-mainline", false);
    fake->only_empty = true;
    fake_trigger(fake, url);
    fake_run(fake, 9900);
    assert_int_equal(fake_events(fake, EVENT_FETCH_FAILED), 0);
    fake_run(fake, 200);
    assert_int_equal(fake_events(fake, EVENT_FETCH_FAILED), 1);
    assert_int_equal(fake->log_count, 1); /* and did not send again */
}

static void tinyparts_build_loses_its_place_when_blocks_come_smaller_than_asked(void **state)
{
    static uint8_t big[1500];
    struct fake *fake = *state;

    fake_boot(fake, "riot-tinypart", false);
    fake->largest_exponent = 5;
    fake_roll_out(fake, &(struct fake_order){ .sequence = 1, .image = IMAGE(big) });
    assert_int_equal(fake_events(fake, EVENT_INSTALLED), 0);
    fake_ask(fake, COAP_MSG_GET, "riot/board", bytes_view(NULL, 0));
    assert_string_equal(fake->reply.text, "native");
}

static void mainline_follows_a_server_that_answers_smaller_blocks(void **state)
{
    struct fake *fake = *state;

    fake_boot(fake, "riot-mainline", false);
    fake->largest_exponent = 1;
    fake_roll_out(fake, &(struct fake_order){ .sequence = 1, .image = IMAGE(temp_sens) });
    assert_int_equal(fake_events(fake, EVENT_INSTALLED), 1);
}

static void every_trigger_is_answered_2_01_but_empty_and_long_ones(void **state)
{
    static const char *const profiles[] = { "riot-tinypart", "riot-mainline" };
    struct fake *fake = *state;
    uint8_t long_url[128];

    memset(long_url, 'x', sizeof(long_url));
    for (size_t i = 0; i < 2; i++) {
        fake_boot(fake, profiles[i], false);
        fake_ask(fake, COAP_MSG_POST, "suit/trigger", bytes_of_text("nonsense"));
        assert_int_equal(fake->reply.code, COAP_MSG_CREATED);
        fake_ask(fake, COAP_MSG_POST, "suit/trigger", bytes_view(NULL, 0));
        assert_int_equal(fake->reply.code, COAP_MSG_INCOMPLETE);
        fake_ask(fake, COAP_MSG_POST, "suit/trigger", bytes_view(long_url, 127));
        assert_int_equal(fake->reply.code, COAP_MSG_CREATED);
        fake_ask(fake, COAP_MSG_POST, "suit/trigger", bytes_view(long_url, 128));
        assert_int_equal(fake->reply.code, COAP_MSG_TOO_LARGE);
        fake_ask(fake, COAP_MSG_PUT, "suit/trigger", bytes_of_text(url));
        assert_int_equal(fake->reply.code, i == 0 ? COAP_MSG_NOT_FOUND : COAP_MSG_METHOD_NOT_ALLOWED);
        device_deinit(&fake->device);
    }
}

static void requests_beyond_the_packet_buffer_vanish(void **state)
{
    static const struct {
        const char *profile;
        size_t largest; /* whole datagrams, as measured on the real builds */
    } cases[] = { { "riot-tinypart", 256 }, { "riot-mainline", 607 } };
    const size_t around = 4 + 2 + 5 + 8 + 1; /* header, token, options, marker */
    struct fake *fake = *state;
    uint8_t payload[700];

    memset(payload, 'x', sizeof(payload));
    for (size_t i = 0; i < 2; i++) {
        fake_boot(fake, cases[i].profile, false);
        fake_ask(fake, COAP_MSG_POST, "suit/trigger", bytes_view(payload, cases[i].largest + 1 - around));
        assert_false(fake->reply.came);
        fake_ask(fake, COAP_MSG_POST, "suit/trigger", bytes_view(payload, cases[i].largest - around));
        assert_int_equal(fake->reply.code, COAP_MSG_TOO_LARGE);
        device_deinit(&fake->device);
    }
}

static void odd_messages_are_read_as_nanocoap_reads_them(void **state)
{
    static const uint8_t empty_payload[] = { 0x40, 2,   0x12, 0x34, 0xb4, 's', 'u', 'i', 't',
                                             0x07, 't', 'r',  'i',  'g',  'g', 'e', 'r', 0xff };
    static const uint8_t version_2[] = { 0x80, 1, 0x12, 0x34, 0xb4, 'r', 'i', 'o', 't', 0x05, 'b', 'o', 'a', 'r', 'd' };
    static const uint8_t as_ack[] = { 0x60, 1, 0x12, 0x34, 0xb4, 'r', 'i', 'o', 't', 0x05, 'b', 'o', 'a', 'r', 'd' };
    static const char *const profiles[] = { "riot-tinypart", "riot-mainline" };
    struct fake *fake = *state;

    for (size_t i = 0; i < 2; i++) {
        fake_boot(fake, profiles[i], false);
        fake_deliver(fake, IMAGE(empty_payload));
        assert_int_equal(fake->reply.code, COAP_MSG_INCOMPLETE);
        fake_deliver(fake, IMAGE(version_2));
        assert_int_equal(fake->reply.code, COAP_MSG_CONTENT);
        fake_deliver(fake, IMAGE(as_ack));
        assert_int_equal(fake->reply.came, i == 0);
        device_deinit(&fake->device);
    }
}

static void three_copies_of_one_message_give_three_fetches(void **state)
{
    struct fake *fake = *state;
    uint8_t copy[64];
    struct coap_message_writer writer;
    size_t size;

    fake_boot(fake, "riot-tinypart", false);
    fake_publish(fake, &(struct fake_order){ .sequence = 1, .image = IMAGE(temp_sens) });
    coap_message_begin(&writer, copy, sizeof(copy), COAP_MSG_CON, COAP_MSG_POST, 77, bytes_view(NULL, 0));
    coap_message_add_path(&writer, COAP_MSG_OPT_URI_PATH, bytes_of_text("suit/trigger"));
    coap_message_add_payload(&writer, bytes_of_text(url));
    assert_int_equal(coap_message_finish(&writer, &size), 0);
    for (size_t i = 0; i < 3; i++) {
        fake_deliver(fake, bytes_view(copy, size));
        assert_int_equal(fake->reply.id, 77);
        fake_run(fake, 100);
    }
    assert_int_equal(fake_count(fake, "m"), 3);
    assert_int_equal(fake_count(fake, "i"), 1); /* the second and third are replays */
}

static void a_ping_crashes_mainline_until_it_is_power_cycled(void **state)
{
    static const uint8_t empty_con[] = { 0x40, 0, 0x12, 0x34 };
    struct fake *fake = *state;

    fake_boot(fake, "riot-mainline", false);
    fake_deliver(fake, bytes_view(empty_con, sizeof(empty_con)));
    assert_false(fake->reply.came);
    assert_int_equal(fake_events(fake, EVENT_CRASH), 1);
    fake_run(fake, 3600000);
    fake_ask(fake, COAP_MSG_GET, "riot/board", bytes_view(NULL, 0));
    assert_false(fake->reply.came);
    device_power_cycle(&fake->device, fake->now_ms);
    fake_run(fake, 3000);
    fake_ask(fake, COAP_MSG_GET, "riot/board", bytes_view(NULL, 0));
    assert_string_equal(fake->reply.text, "native64");
}

static void tinyparts_build_answers_a_ping_with_a_reset(void **state)
{
    static const uint8_t empty_con[] = { 0x40, 0, 0x12, 0x34 };
    struct fake *fake = *state;

    fake_boot(fake, "riot-tinypart", false);
    fake_deliver(fake, bytes_view(empty_con, sizeof(empty_con)));
    assert_int_equal(fake->reply.type, COAP_MSG_RST);
    assert_int_equal(fake->reply.id, 0x1234);
}

static void mainline_needs_a_nul_behind_the_url(void **state)
{
    struct fake *fake = *state;

    fake_boot(fake, "riot-mainline", false);
    fake_publish(fake, &(struct fake_order){ .sequence = 1, .image = IMAGE(temp_sens) });
    fake_ask(fake, COAP_MSG_POST, "suit/trigger", bytes_of_text(url));
    assert_int_equal(fake->reply.code, COAP_MSG_CREATED);
    fake_run(fake, 1000);
    assert_int_equal(fake_count(fake, "m"), 0);
    fake_run(fake, 100000);
    fake_trigger(fake, url);
    fake_run(fake, 100);
    assert_int_equal(fake_events(fake, EVENT_INSTALLED), 1);
}

static void tinyparts_build_takes_the_url_with_and_without_a_nul(void **state)
{
    struct fake *fake = *state;

    fake_boot(fake, "riot-tinypart", false);
    fake_publish(fake, &(struct fake_order){ .sequence = 1, .image = IMAGE(temp_sens) });
    fake_ask(fake, COAP_MSG_POST, "suit/trigger", bytes_of_text(url));
    fake_run(fake, 100);
    fake_trigger(fake, url);
    fake_run(fake, 100);
    assert_int_equal(fake_count(fake, "m"), 2);
}

static void busy_mainline_says_2_01_and_drops_the_trigger(void **state)
{
    struct fake *fake = *state;

    fake_boot(fake, "riot-mainline", false);
    fake->mute = true;
    fake_trigger(fake, url);
    fake_trigger(fake, "coap://127.0.0.1:7000/other");
    assert_int_equal(fake->reply.code, COAP_MSG_CREATED);
    fake_run(fake, 200000);
    assert_int_equal(fake_count(fake, "other"), 0);
    assert_int_equal(fake_events(fake, EVENT_TRIGGER_LOST), 1);
}

static void tinyparts_build_queues_four_in_one_buffer_and_then_hangs(void **state)
{
    struct fake *fake = *state;

    fake_boot(fake, "riot-tinypart", false);
    fake->mute = true;
    fake_trigger(fake, url);
    for (char name[] = "coap://127.0.0.1:7000/1"; name[22] <= '4'; name[22]++) {
        fake_trigger(fake, name);
        assert_true(fake->reply.came);
    }
    fake_trigger(fake, "coap://127.0.0.1:7000/5");
    assert_false(fake->reply.came); /* the fifth hangs the server */
    fake_ask(fake, COAP_MSG_GET, "riot/board", bytes_view(NULL, 0));
    assert_false(fake->reply.came);
    unsigned before = fake->replies;
    fake_run(fake, 45000);
    assert_int_equal(fake->replies - before, 2); /* the trigger, then what waited behind it */
    fake_run(fake, 500000);
    /* The first was sent before the others came; all later ones find the fifth's URL in the buffer. */
    assert_true(fake_count(fake, "5") >= 4);
    assert_int_equal(fake_count(fake, "1"), 0);
}

static void a_trigger_during_a_download_changes_the_path_under_it(void **state)
{
    static uint8_t big[2000];
    struct fake *fake = *state;

    fake_boot(fake, "riot-tinypart", false);
    fake_publish(fake, &(struct fake_order){ .sequence = 1, .image = IMAGE(big) });
    fake->serve_blocks = 1; /* the manifest, not the image */
    fake_trigger(fake, url);
    fake_run(fake, 10);
    assert_int_equal(fake_count(fake, "i"), 1);
    fake_trigger(fake, "coap://127.0.0.1:7000/other");
    fake->serve_blocks = -1;
    fake_run(fake, 3000);
    assert_int_equal(fake_last(fake, "i")->block, 0);
    assert_true(fake_count(fake, "other") > 0);
}

static void refuses_what_real_devices_refuse_with_their_codes(void **state)
{
    const struct {
        struct fake_order order;
        const char *code;
        size_t fetches;
    } cases[] = {
        { { .sequence = 5, .image = IMAGE(temp_sens) }, "res=-5", 0 },                        /* replay */
        { { .sequence = 9, .foreign_key = true, .image = IMAGE(temp_sens) }, "res=-6", 0 },   /* another's key */
        { { .sequence = 9, .class_name = "other", .image = IMAGE(temp_sens) }, "res=-4", 0 }, /* another's board */
        { { .sequence = 9, .size = 2049, .image = IMAGE(temp_sens) }, "res=-50", 0 },         /* before the fetch */
        { { .sequence = 9, .wrong_digest = true, .image = IMAGE(temp_sens) }, "res=-7", 1 },
    };
    static const char *const profiles[] = { "riot-tinypart", "riot-mainline" };
    struct fake *fake = *state;

    for (size_t p = 0; p < 2; p++) {
        fake_boot(fake, profiles[p], false);
        fake_roll_out(fake, &(struct fake_order){ .sequence = 5, .image = IMAGE(temp_sens) });
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            size_t before = fake->channels;
            fake_roll_out(fake, &cases[i].order);
            assert_non_null(strstr(fake->last_event[EVENT_REFUSED], cases[i].code));
            assert_int_equal(fake->channels - before, 1 + cases[i].fetches);
        }
        assert_int_equal(fake->device.sequence, 5);
        device_deinit(&fake->device);
    }
}

static void one_sequence_counter_is_shared_by_both_slots(void **state)
{
    struct fake *fake = *state;

    fake_boot(fake, "riot-tinypart", false);
    fake_roll_out(fake, &(struct fake_order){ .sequence = 3, .slot = 0, .image = IMAGE(temp_sens) });
    fake_roll_out(fake, &(struct fake_order){ .sequence = 3, .slot = 1, .image = IMAGE(temp_sens) });
    assert_int_equal(fake_events(fake, EVENT_REFUSED), 1);
    fake_roll_out(fake, &(struct fake_order){ .sequence = 4, .slot = 1, .image = IMAGE(temp_sens) });
    assert_int_equal(fake_events(fake, EVENT_INSTALLED), 2);
}

static void slots_and_sequence_number_are_lost_at_boot(void **state)
{
    struct fake *fake = *state;

    fake_boot(fake, "riot-tinypart", true);
    fake_roll_out(fake, &(struct fake_order){ .sequence = 8, .image = IMAGE(temp_sens) });
    device_power_cycle(&fake->device, fake->now_ms);
    fake_run(fake, 3000);
    fake_ask(fake, COAP_MSG_POST, "bpf/exec/0", bytes_view(NULL, 0));
    assert_string_equal(fake->reply.text, "-0.01");
    fake_roll_out(fake, &(struct fake_order){ .sequence = 1, .image = IMAGE(temp_sens) });
    assert_int_equal(fake_events(fake, EVENT_INSTALLED), 2);
}

static void the_unauthenticated_first_block_of_a_broken_download_runs(void **state)
{
    uint8_t image[1500] = { 0 };
    struct fake *fake = *state;

    memcpy(image, temp_sens, sizeof(temp_sens));
    fake_boot(fake, "riot-tinypart", false);
    fake_publish(fake, &(struct fake_order){ .sequence = 1, .wrong_digest = true, .image = IMAGE(image) });
    fake->serve_blocks = 2; /* the manifest and one block of the image */
    fake_trigger(fake, url);
    fake_run(fake, 100000);
    assert_int_equal(fake_events(fake, EVENT_INSTALLED), 0);
    fake_ask(fake, COAP_MSG_POST, "bpf/exec/0", bytes_view(NULL, 0));
    assert_string_equal(fake->reply.text, "27.18");
}

static void a_bad_payload_is_erased_and_answers_like_a_value(void **state)
{
    struct fake *fake = *state;

    fake_boot(fake, "riot-tinypart", false);
    fake_roll_out(fake, &(struct fake_order){ .sequence = 1, .image = IMAGE(temp_sens) });
    fake_ask(fake, COAP_MSG_POST, "bpf/exec/0", bytes_view(NULL, 0));
    fake_roll_out(fake, &(struct fake_order){ .sequence = 2, .wrong_digest = true, .image = IMAGE(temp_sens) });
    fake_ask(fake, COAP_MSG_POST, "bpf/exec/0", bytes_view(NULL, 0));
    assert_int_equal(fake->reply.code, COAP_MSG_CHANGED);
    assert_string_equal(fake->reply.text, "0.00");
}

static void before_the_first_success_a_fault_answers_minus_0_01(void **state)
{
    struct fake *fake = *state;

    fake_boot(fake, "riot-tinypart", false);
    fake_ask(fake, COAP_MSG_POST, "bpf/exec/1", bytes_view(NULL, 0));
    assert_int_equal(fake->reply.code, COAP_MSG_CHANGED);
    assert_string_equal(fake->reply.text, "-0.01");
    assert_int_equal(fake_events(fake, EVENT_EXEC_FAULT), 1);
}

static void a_container_reads_the_sensor_that_is_there(void **state)
{
    struct fake *fake = *state;
    char path[128], text[160];

    snprintf(path, sizeof(path), "%s/trace.csv", fake->state);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("time,outdoor,indoor\n0,5.0,21.5\n1,5.1,21.5\n", file);
    fclose(file);
    snprintf(text, sizeof(text), "temperature=csv:%s:indoor", path);
    fake_sensor(fake, text);
    fake_boot(fake, "riot-tinypart", false);
    fake_roll_out(fake, &(struct fake_order){ .sequence = 1, .image = IMAGE(temp_sens) });
    fake_ask(fake, COAP_MSG_POST, "bpf/exec/0", bytes_view(NULL, 0));
    assert_string_equal(fake->reply.text, "21.50");
}

static void a_host_name_in_the_url_fails(void **state)
{
    struct fake *fake = *state;

    fake_boot(fake, "riot-tinypart", false);
    fake_trigger(fake, "coap://daemon.example/m");
    assert_int_equal(fake->reply.code, COAP_MSG_CREATED);
    assert_int_equal(fake_events(fake, EVENT_FETCH_FAILED), 1);
    assert_int_equal(fake->channels, 0);
}

static void a_long_path_kills_tinyparts_build_and_only_fails_on_mainline(void **state)
{
    struct fake *fake = *state;
    char long_url[120] = "coap://127.0.0.1:7000/";

    memset(long_url + strlen(long_url), 'a', 80);
    fake_boot(fake, "riot-mainline", false);
    fake_trigger(fake, long_url);
    assert_int_equal(fake_events(fake, EVENT_FETCH_FAILED), 1);
    assert_false(fake->device.crashed);
    device_deinit(&fake->device);
    fake_boot(fake, "riot-tinypart", false);
    fake_trigger(fake, long_url);
    assert_true(fake->device.crashed);
}

static void resources_are_listed_as_on_the_real_builds(void **state)
{
    struct fake *fake = *state;

    fake_boot(fake, "riot-mainline", false);
    fake_ask(fake, COAP_MSG_GET, ".well-known/core", bytes_view(NULL, 0));
    assert_int_equal(fake->reply.code, COAP_MSG_CONTENT);
    assert_int_equal(strncmp(fake->reply.text, fake->fleet.kind->links, 64), 0);
    fake_ask(fake, COAP_MSG_GET, "suit/version", bytes_view(NULL, 0));
    assert_string_equal(fake->reply.text, "NONE");
    fake_ask(fake, COAP_MSG_GET, "nowhere", bytes_view(NULL, 0));
    assert_int_equal(fake->reply.code, COAP_MSG_NOT_FOUND);
}

static void takes_the_manifest_that_a_real_device_took(void **state)
{
    static const char hex[] =
        "a202587281586fd28443a10127a058248202582098af7e377cc5b221f1f8f4e52d137acacf9a74299a4be5a76905ba954dac5f5558403"
        "6acdc93817403af77041f614b089a42f9a2249d55730f1be1d819b85955cfcbb1051c82c9915eaac5d393a21c293fb6339217f6cb8db5"
        "07c11bf32338e3200203589ca501010201035862a20281824372616d41300458558614a40150547d0d746d3a5a9296624881afd9407b0"
        "250bcc90984fe7d562bb4c9a24f26a3a9cd035824820258208b100da7b99343889967b66f3e370055aa5cdc70cad72e0ad854369f5ea5"
        "5f220e18b2010f020f09582a8613a1157820636f61703a2f2f5b666430303a313a3a315d2f74656d705f73656e732e62696e1502030f0"
        "a4382030f";
    static const char key[] = "729fd338f6785a1ff8b1c648d55058a9f62a226fd4c4024ad506f3f6cc49dc32";
    struct fake *fake = *state;
    uint8_t envelope[277];

    assert_int_equal(hex_decode(hex, envelope, sizeof(envelope)), 0);
    fake->fleet.trust[0] = (struct public_key){ .type = KEY_ED25519, .size = 32 };
    assert_int_equal(hex_decode(key, fake->fleet.trust[0].raw, 32), 0);
    fake_boot(fake, "riot-tinypart", false);
    endpoint_parse(bytes_of_text("[fd00:1::1]"), ENDPOINT_PORT, &fake->daemon);
    fake_serve(fake, "m", IMAGE(envelope));
    fake_serve(fake, "temp_sens.bin", IMAGE(temp_sens));
    fake_trigger(fake, "coap://[fd00:1::1]/m");
    fake_run(fake, 100);
    assert_int_equal(fake_events(fake, EVENT_INSTALLED), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)
    const struct CMUnitTest tests[] = {
        T(tinyparts_build_takes_a_rollout_and_answers_27_18),
        T(mainline_takes_a_rollout_and_runs_nothing),
        T(each_url_is_asked_from_a_new_port_with_an_empty_token),
        T(mainline_asks_for_blocks_of_64_bytes),
        T(tinyparts_build_sends_four_times_and_gives_up_after_30_to_45_s),
        T(mainline_sends_five_times_and_gives_up_after_62_to_93_s),
        T(tinyparts_build_takes_an_empty_ack_for_an_empty_body),
        T(mainline_waits_for_a_separate_answer_after_an_empty_ack),
        T(tinyparts_build_loses_its_place_when_blocks_come_smaller_than_asked),
        T(mainline_follows_a_server_that_answers_smaller_blocks),
        T(every_trigger_is_answered_2_01_but_empty_and_long_ones),
        T(requests_beyond_the_packet_buffer_vanish),
        T(odd_messages_are_read_as_nanocoap_reads_them),
        T(three_copies_of_one_message_give_three_fetches),
        T(a_ping_crashes_mainline_until_it_is_power_cycled),
        T(tinyparts_build_answers_a_ping_with_a_reset),
        T(mainline_needs_a_nul_behind_the_url),
        T(tinyparts_build_takes_the_url_with_and_without_a_nul),
        T(busy_mainline_says_2_01_and_drops_the_trigger),
        T(tinyparts_build_queues_four_in_one_buffer_and_then_hangs),
        T(a_trigger_during_a_download_changes_the_path_under_it),
        T(refuses_what_real_devices_refuse_with_their_codes),
        T(one_sequence_counter_is_shared_by_both_slots),
        T(slots_and_sequence_number_are_lost_at_boot),
        T(the_unauthenticated_first_block_of_a_broken_download_runs),
        T(a_bad_payload_is_erased_and_answers_like_a_value),
        T(before_the_first_success_a_fault_answers_minus_0_01),
        T(a_container_reads_the_sensor_that_is_there),
        T(a_host_name_in_the_url_fails),
        T(a_long_path_kills_tinyparts_build_and_only_fails_on_mainline),
        T(resources_are_listed_as_on_the_real_builds),
        T(takes_the_manifest_that_a_real_device_took),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
