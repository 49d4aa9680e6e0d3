#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "device_proto/cbor.h"
#include "device_proto/vector.h"
#include "tests/unit/transport_coap/bench.h"

#define BLOCK(number, more, szx) ((uint32_t)(number) << 4 | (uint32_t)(more) << 3 | (uint32_t)(szx))

static const struct bytes nothing = { NULL, 0 };
static const char one_reading[] = "[{\"n\":\"temperature\",\"u\":\"Cel\",\"v\":21.5}]";

static int open_bench(void **state)
{
    *state = bench_open(NULL);
    return 0;
}

static int close_bench(void **state)
{
    bench_close(*state);
    return 0;
}

static void fill_object(struct bench *bench, size_t size)
{
    bench->script.object_size = size;
    for (size_t i = 0; i < size; i++)
        bench->script.object[i] = (uint8_t)(i * 7 + i / 251);
}

static void a_repeated_post_calls_the_rule_once_and_gets_the_same_answer(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    uint8_t first[64];
    size_t size = 0;

    for (int i = 0; i < 3; i++) {
        struct coap_message got = ask_simple(bench, fd, COAP_MSG_POST, 77, "t", "d=thermo-1&s=5",
                                             COAP_MSG_FORMAT_SENML_JSON, bytes_of_text(one_reading));

        assert_int_equal(got.code, COAP_MSG_CHANGED);
        assert_int_equal(got.type, COAP_MSG_ACK);
        assert_int_equal(got.id, 77);
        if (i == 0)
            memcpy(first, got.token.data - 4, size = 4 + got.token.size + got.options.size + got.payload.size);
        else
            assert_memory_equal(first, got.token.data - 4, size);
    }
    assert_int_equal(bench->script.calls, 1);
    assert_int_equal(transport_coap_counted(bench->transport, TRANSPORT_COAP_DUPLICATES), 2);
    assert_string_equal(bench->script.endpoint, "thermo-1");
    assert_string_equal(bench->script.first_name, "temperature");
    assert_int_equal(bench->script.sequence, 5);
    assert_false(bench->script.authenticated);
    close(fd);
}

static void a_refusal_is_remembered_too(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);

    bench->script.result = REFUSED_FORBIDDEN;
    for (int i = 0; i < 2; i++) {
        struct coap_message got = ask_simple(bench, fd, COAP_MSG_POST, 78, "r", NULL, -1, bytes_of_text("report"));

        assert_int_equal(got.code, COAP_MSG_FORBIDDEN);
        assert_int_equal(option_uint(&got, COAP_MSG_OPT_CONTENT_FORMAT), COAP_MSG_FORMAT_PROBLEM);
        bench->script.result = 0;
    }
    assert_int_equal(bench->script.calls, 1);
    close(fd);
}

static void the_same_message_id_with_other_content_is_a_new_message(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);

    ask_simple(bench, fd, COAP_MSG_POST, 1, "r", NULL, -1, bytes_of_text("before the reboot"));
    ask_simple(bench, fd, COAP_MSG_POST, 1, "r", NULL, -1, bytes_of_text("after it"));
    assert_int_equal(bench->script.calls, 2);
    close(fd);
}

static void the_same_message_id_of_another_peer_is_a_new_message(void **state)
{
    struct bench *bench = *state;
    int one = client_open(bench), other = client_open(bench);

    ask_simple(bench, one, COAP_MSG_POST, 1, "r", NULL, -1, bytes_of_text("same"));
    ask_simple(bench, other, COAP_MSG_POST, 1, "r", NULL, -1, bytes_of_text("same"));
    assert_int_equal(bench->script.calls, 2);
    close(one);
    close(other);
}

static void a_refusal_comes_as_problem_details_short_enough_for_small_devices(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    struct coap_message got;
    struct cbor_reader reader;
    struct bytes detail;

    bench->script.result = REFUSED_EXHAUSTED;
    bench->script.words = "a very long explanation, which goes on and on, far beyond what a small device can take in "
                          "with the little memory that it has, because it drops what is larger than 256 bytes \xc3\xa9";
    got =
        ask_simple(bench, fd, COAP_MSG_POST, 9, "t", "d=a&s=1", COAP_MSG_FORMAT_SENML_JSON, bytes_of_text(one_reading));
    assert_int_equal(got.code, COAP_MSG_TOO_MANY_REQUESTS);
    assert_true(got.payload.size < 160);
    reader = cbor_reader_on(got.payload, CBOR_CANONICAL & ~(unsigned)CBOR_SORTED);
    assert_int_equal(cbor_read_map(&reader).left, 2);
    assert_int_equal(cbor_read_int(&reader), -1);
    assert_true(bytes_equal_text(cbor_read_text(&reader), "exhausted"));
    assert_int_equal(cbor_read_int(&reader), -2);
    detail = cbor_read_text(&reader);
    assert_memory_equal(detail.data, bench->script.words, detail.size);
    assert_int_equal(cbor_reader_finish(&reader), 0);
    close(fd);
}

static void a_fault_says_nothing_of_the_inside(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    struct coap_message got;

    bench->script.result = -5;
    got = ask_simple(bench, fd, COAP_MSG_POST, 9, "r", NULL, -1, bytes_of_text("x"));
    assert_int_equal(got.code, COAP_MSG_INTERNAL_ERROR);
    assert_true(got.payload.size < 12);
    close(fd);
}

static void busy_says_when_to_come_again(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    struct coap_message got;

    bench->script.result = REFUSED_BUSY;
    got = ask_simple(bench, fd, COAP_MSG_POST, 9, "r", NULL, -1, bytes_of_text("x"));
    assert_int_equal(got.code, COAP_MSG_UNAVAILABLE);
    assert_int_equal(option_uint(&got, COAP_MSG_OPT_MAX_AGE), 10);
    close(fd);
}

static void telemetry_that_was_stored_already_is_answered_as_stored(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    struct coap_message got;

    bench->script.result = REFUSED_EXISTS;
    got =
        ask_simple(bench, fd, COAP_MSG_POST, 9, "t", "d=a&s=1", COAP_MSG_FORMAT_SENML_JSON, bytes_of_text(one_reading));
    assert_int_equal(got.code, COAP_MSG_CHANGED);
    close(fd);
}

static void telemetry_needs_its_format_its_endpoint_and_its_sequence(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    struct bytes pack = bytes_of_text(one_reading);

    assert_int_equal(ask_simple(bench, fd, COAP_MSG_POST, 1, "t", "d=a&s=1", -1, pack).code,
                     COAP_MSG_UNSUPPORTED_FORMAT);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_POST, 2, "t", "d=a&s=1", 50, pack).code,
                     COAP_MSG_UNSUPPORTED_FORMAT);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_POST, 3, "t", "s=1", 110, pack).code, COAP_MSG_BAD_REQUEST);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_POST, 4, "t", "d=a", 110, pack).code, COAP_MSG_BAD_REQUEST);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_POST, 5, "t", "d=a&s=-1", 110, pack).code, COAP_MSG_BAD_REQUEST);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_POST, 6, "t", "d=a&s=x", 110, pack).code, COAP_MSG_BAD_REQUEST);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_POST, 7, "t", "d=a&s=1", 112, pack).code, COAP_MSG_BAD_REQUEST);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_POST, 8, "t", "d=a&s=1", 110, nothing).code, COAP_MSG_BAD_REQUEST);
    assert_int_equal(bench->script.calls, 0);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_POST, 9, "t", "d=a&s=1&p=3", 110, pack).code, COAP_MSG_CHANGED);
    assert_int_equal(bench->script.policy_version, 3);
    assert_int_equal(bench->core.counters[COUNT_TELEMETRY_REFUSED], 8 - 2);
    close(fd);
}

static void a_body_in_blocks_without_size1_reaches_the_rule_once_and_whole(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    uint8_t body[150];
    struct coap_message got;

    for (size_t i = 0; i < sizeof(body); i++)
        body[i] = (uint8_t)i;
    got = ask_block1(bench, fd, 1, "r", NULL, -1, BLOCK(0, 1, 2), bytes_view(body, 64));
    assert_int_equal(got.code, COAP_MSG_CONTINUE);
    assert_int_equal(option_uint(&got, COAP_MSG_OPT_BLOCK1), BLOCK(0, 1, 2));
    got = ask_block1(bench, fd, 2, "r", NULL, -1, BLOCK(1, 1, 2), bytes_view(body + 64, 64));
    assert_int_equal(got.code, COAP_MSG_CONTINUE);
    got = ask_block1(bench, fd, 2, "r", NULL, -1, BLOCK(1, 1, 2), bytes_view(body + 64, 64)); /* lost answer */
    assert_int_equal(got.code, COAP_MSG_CONTINUE);
    got = ask_block1(bench, fd, 3, "r", NULL, -1, BLOCK(1, 1, 2), bytes_view(body + 64, 64)); /* with a new id */
    assert_int_equal(got.code, COAP_MSG_CONTINUE);
    assert_int_equal(bench->script.calls, 0);
    got = ask_block1(bench, fd, 4, "r", NULL, -1, BLOCK(2, 0, 2), bytes_view(body + 128, 22));
    assert_int_equal(got.code, COAP_MSG_CHANGED);
    assert_int_equal(option_uint(&got, COAP_MSG_OPT_BLOCK1), BLOCK(2, 0, 2));
    assert_int_equal(bench->script.calls, 1);
    assert_int_equal(bench->script.body_size, sizeof(body));
    assert_memory_equal(bench->script.body, body, sizeof(body));
    close(fd);
}

/* In blocks of 1024 bytes; the last answer. */
static struct coap_message ask_in_blocks(struct bench *bench, int fd, uint16_t first_id, const char *query, int format,
                                         struct bytes body)
{
    struct coap_message got = { 0 };

    for (unsigned i = 0; i * 1024 < body.size; i++) {
        const size_t at = (size_t)i * 1024, left = body.size - at;
        const bool more = left > 1024;
        got = ask_block1(bench, fd, (uint16_t)(first_id + i), "t", query, format, BLOCK(i, more, 6),
                         bytes_view(body.data + at, more ? 1024 : left));
        assert_int_equal(got.code, more ? COAP_MSG_CONTINUE : COAP_MSG_CHANGED);
    }
    return got;
}

/* 4096 coordinates of 32 bits: as large as packs come, in CBOR and in JSON, which takes a third more. */
static void the_largest_vector_comes_in_blocks(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    static int32_t coordinates[VECTOR_DIMENSION_MAX];
    static uint8_t data[VECTOR_SIZE_MAX], body[32768];
    struct senml_record record = { .kind = SENML_DATA, .name = "gradient" };
    size_t size;

    for (size_t i = 0; i < VECTOR_DIMENSION_MAX; i++)
        coordinates[i] = i % 2 == 0 ? 1000000 : -1000000;
    assert_int_equal(vector_write(coordinates, VECTOR_DIMENSION_MAX, data, sizeof(data), &size), 0);
    record.text = bytes_view(data, size);
    assert_int_equal(senml_encode_cbor(&record, 1, bytes_view(NULL, 0), body, sizeof(body), &size), 0);
    assert_int_equal(ask_in_blocks(bench, fd, 100, "d=a&s=1", 112, bytes_view(body, size)).code, COAP_MSG_CHANGED);
    assert_int_equal(bench->script.first_dimension, VECTOR_DIMENSION_MAX);
    assert_int_equal(bench->script.first_squares, 4096000000000000);
    assert_int_equal(senml_encode_json(&record, 1, bytes_view(NULL, 0), body, sizeof(body), &size), 0);
    assert_int_equal(ask_in_blocks(bench, fd, 200, "d=a&s=2", 110, bytes_view(body, size)).code, COAP_MSG_CHANGED);
    assert_int_equal(bench->script.calls, 2);
    assert_int_equal(bench->script.first_dimension, VECTOR_DIMENSION_MAX);
    close(fd);
}

static void a_gap_between_blocks_is_answered_4_08(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    uint8_t body[64] = { 1 };

    ask_block1(bench, fd, 1, "r", NULL, -1, BLOCK(0, 1, 2), bytes_view(body, 64));
    assert_int_equal(ask_block1(bench, fd, 2, "r", NULL, -1, BLOCK(2, 0, 2), bytes_view(body, 10)).code,
                     COAP_MSG_INCOMPLETE);
    assert_int_equal(ask_block1(bench, fd, 3, "r", NULL, -1, BLOCK(1, 0, 2), bytes_view(body, 10)).code,
                     COAP_MSG_INCOMPLETE);
    assert_int_equal(bench->script.calls, 0);
    close(fd);
}

static void a_huge_size1_reserves_nothing_and_harms_nothing(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    struct asking asking;
    uint8_t body[32] = { 7 };

    ask_begin(&asking, COAP_MSG_POST, 1, "r");
    coap_message_add_uint(&asking.writer, COAP_MSG_OPT_BLOCK1, BLOCK(0, 1, 1));
    coap_message_add_uint(&asking.writer, COAP_MSG_OPT_SIZE1, 0xffffffff);
    coap_message_add_payload(&asking.writer, bytes_view(body, sizeof(body)));
    assert_int_equal(ask(bench, fd, &asking).code, COAP_MSG_CONTINUE);
    assert_int_equal(ask_block1(bench, fd, 2, "r", NULL, -1, BLOCK(1, 0, 1), bytes_view(body, 3)).code,
                     COAP_MSG_CHANGED);
    assert_int_equal(bench->script.body_size, 35);
    close(fd);
}

static void a_body_over_the_bound_is_refused_with_the_bound(void **state)
{
    struct bench *bench;
    struct transport_coap_settings settings = { .body_size_max = 100 };
    uint8_t body[128] = { 0 };
    struct coap_message got;
    int fd;

    (void)state;
    bench = bench_open(&settings);
    fd = client_open(bench);
    ask_block1(bench, fd, 1, "r", NULL, -1, BLOCK(0, 1, 2), bytes_view(body, 64));
    got = ask_block1(bench, fd, 2, "r", NULL, -1, BLOCK(1, 0, 2), bytes_view(body, 40));
    assert_int_equal(got.code, COAP_MSG_TOO_LARGE);
    assert_int_equal(option_uint(&got, COAP_MSG_OPT_SIZE1), 100);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_POST, 3, "r", NULL, -1, bytes_view(body, 101)).code,
                     COAP_MSG_TOO_LARGE);
    assert_int_equal(bench->script.calls, 0);
    close(fd);
    bench_close(bench);
}

static void a_device_gets_exactly_the_block_size_it_asks_for(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    uint8_t whole[300];
    uint16_t id = 1;

    fill_object(bench, sizeof(whole));
    for (unsigned szx = 0; szx <= 6; szx++) {
        size_t size = (size_t)16 << szx, got_size = 0;

        for (uint32_t number = 0; got_size < sizeof(whole); number++) {
            struct coap_message got = ask_block2(bench, fd, id++, "i/image", NULL, BLOCK(number, 0, szx));
            bool more = sizeof(whole) - got_size > size;

            assert_int_equal(got.code, COAP_MSG_CONTENT);
            assert_int_equal(got.type, COAP_MSG_ACK);
            assert_int_equal(option_uint(&got, COAP_MSG_OPT_BLOCK2), BLOCK(number, more, szx));
            assert_int_equal(option_uint(&got, COAP_MSG_OPT_CONTENT_FORMAT), COAP_MSG_FORMAT_OCTETS);
            assert_int_equal(got.payload.size, more ? size : sizeof(whole) - got_size);
            memcpy(whole + got_size, got.payload.data, got.payload.size);
            got_size += got.payload.size;
        }
        assert_memory_equal(whole, bench->script.object, sizeof(whole));
    }
    close(fd);
}

static void without_a_block_option_a_small_object_comes_whole_and_a_large_one_in_blocks_of_1024(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    struct coap_message got;

    fill_object(bench, 1024);
    got = ask_simple(bench, fd, COAP_MSG_GET, 1, "m/manifest", NULL, -1, nothing);
    assert_int_equal(got.code, COAP_MSG_CONTENT);
    assert_int_equal(got.payload.size, 1024);
    assert_int_equal(option_uint(&got, COAP_MSG_OPT_BLOCK2), UINT32_MAX);
    fill_object(bench, 1025);
    got = ask_simple(bench, fd, COAP_MSG_GET, 2, "m/manifest", NULL, -1, nothing);
    assert_int_equal(got.payload.size, 1024);
    assert_int_equal(option_uint(&got, COAP_MSG_OPT_BLOCK2), BLOCK(0, 1, 6));
    got = ask_block2(bench, fd, 3, "m/manifest", NULL, BLOCK(1, 0, 6));
    assert_int_equal(got.payload.size, 1);
    got = ask_block2(bench, fd, 4, "m/manifest", NULL, BLOCK(2, 0, 6));
    assert_int_equal(got.code, COAP_MSG_BAD_REQUEST);
    close(fd);
}

static void an_etag_names_the_object(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    struct coap_message got;
    struct bytes tag;

    fill_object(bench, 10);
    got = ask_simple(bench, fd, COAP_MSG_GET, 1, "m/manifest", NULL, -1, nothing);
    assert_true(coap_message_find_option(&got, COAP_MSG_OPT_ETAG, &tag));
    assert_int_equal(tag.size, 8);
    assert_int_equal(tag.data[0], 0xd1);
    close(fd);
}

static void an_unknown_or_overlong_path_is_4_04_and_a_wrong_method_4_05(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);

    assert_int_equal(ask_simple(bench, fd, COAP_MSG_GET, 1, "m/other", NULL, -1, nothing).code, COAP_MSG_NOT_FOUND);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_GET, 2, "m", NULL, -1, nothing).code, COAP_MSG_NOT_FOUND);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_GET, 3, "m/a/b", NULL, -1, nothing).code, COAP_MSG_NOT_FOUND);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_GET, 4, "", NULL, -1, nothing).code, COAP_MSG_NOT_FOUND);
    assert_int_equal(
        ask_simple(bench, fd, COAP_MSG_GET, 5, "m/0123456789012345678901234567890123456789", NULL, -1, nothing).code,
        COAP_MSG_NOT_FOUND);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_DELETE, 6, "nothing/here", NULL, -1, nothing).code,
                     COAP_MSG_NOT_FOUND);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_PUT, 7, "m/manifest", NULL, -1, nothing).code,
                     COAP_MSG_METHOD_NOT_ALLOWED);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_POST, 8, ".well-known/core", NULL, -1, nothing).code,
                     COAP_MSG_METHOD_NOT_ALLOWED);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_GET, 9, "t", NULL, -1, nothing).code, COAP_MSG_METHOD_NOT_ALLOWED);
    close(fd);
}

static void a_signed_policy_comes_in_the_blocks_asked_for(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    struct coap_message got = ask_block2(bench, fd, 1, "p/temperature", NULL, BLOCK(0, 0, 2));

    assert_int_equal(got.code, COAP_MSG_CONTENT);
    assert_int_equal(got.payload.size, 64);
    assert_int_equal(option_uint(&got, COAP_MSG_OPT_CONTENT_FORMAT), 18);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_GET, 2, "p/noise", NULL, -1, nothing).code, COAP_MSG_NOT_FOUND);
    close(fd);
}

static void a_format_nobody_has_is_not_acceptable(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    struct asking asking;

    ask_begin(&asking, COAP_MSG_GET, 1, "p/temperature");
    coap_message_add_uint(&asking.writer, COAP_MSG_OPT_ACCEPT, 50);
    assert_int_equal(ask(bench, fd, &asking).code, COAP_MSG_NOT_ACCEPTABLE);
    close(fd);
}

static void names_with_a_nul_or_a_slash_inside_are_refused(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    struct asking asking;

    ask_begin(&asking, COAP_MSG_GET, 1, "p");
    coap_message_add_option(&asking.writer, COAP_MSG_OPT_URI_PATH, bytes_view("temperature\0x", 13));
    assert_int_equal(ask(bench, fd, &asking).code, COAP_MSG_BAD_REQUEST);
    ask_begin(&asking, COAP_MSG_GET, 2, "");
    coap_message_add_option(&asking.writer, COAP_MSG_OPT_URI_PATH, bytes_of_text("p/temperature"));
    assert_int_equal(ask(bench, fd, &asking).code, COAP_MSG_BAD_REQUEST);
    ask_begin(&asking, COAP_MSG_POST, 3, "t");
    coap_message_add_uint(&asking.writer, COAP_MSG_OPT_CONTENT_FORMAT, 110);
    coap_message_add_option(&asking.writer, COAP_MSG_OPT_URI_QUERY, bytes_view("d=a\0b", 5));
    ask_query(&asking, "s=1");
    coap_message_add_payload(&asking.writer, bytes_of_text(one_reading));
    assert_int_equal(ask(bench, fd, &asking).code, COAP_MSG_BAD_REQUEST);
    assert_int_equal(bench->script.calls, 0);
    assert_int_equal(transport_coap_counted(bench->transport, TRANSPORT_COAP_MALFORMED), 2);
    close(fd);
}

static void malformed_datagrams_leave_the_server_standing(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench), honest = client_open(bench);
    uint64_t seed = 88172645463325252u;
    uint8_t datagram[200];

    for (int round = 0; round < 3000; round++) {
        size_t size = 0;

        while (size < sizeof(datagram)) {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            datagram[size++] = (uint8_t)seed;
        }
        datagram[0] = (uint8_t)(0x40 | (datagram[0] & 0x3f)); /* version 1: so that it gets further than the door */
        datagram[1] &= 7;
        size = datagram[2] % sizeof(datagram);
        assert_true(send(fd, datagram, size, 0) >= 0);
        if (round % 50 == 0) {
            fill_object(bench, 10);
            assert_int_equal(
                ask_simple(bench, honest, COAP_MSG_GET, (uint16_t)round, "i/image", NULL, -1, nothing).code,
                COAP_MSG_CONTENT);
        }
    }
    close(fd);
    close(honest);
}

static void more_peers_than_idle_sessions_are_served_in_turn(void **state)
{
    struct transport_coap_settings settings = { .idle_sessions_max = 4 };
    struct bench *bench = bench_open(&settings);
    int fds[40];

    (void)state;
    fill_object(bench, 256);
    for (size_t i = 0; i < 40; i++)
        fds[i] = client_open(bench);
    for (uint32_t number = 0; number < 4; number++) {
        for (size_t i = 0; i < 40; i++) {
            struct coap_message got = ask_block2(bench, fds[i], (uint16_t)number, "i/image", NULL, BLOCK(number, 0, 2));

            assert_int_equal(got.code, COAP_MSG_CONTENT);
            assert_memory_equal(got.payload.data, bench->script.object + (size_t)64 * number, 64);
        }
    }
    for (size_t i = 0; i < 40; i++)
        close(fds[i]);
    bench_close(bench);
}

static void an_address_in_use_is_refused_in_words(void **state)
{
    struct bench *bench = *state;
    char text[32];
    struct transport_coap_settings settings = { .listen = { text } };
    struct transport_coap *second = NULL;
    struct why why = { "", "", "" };

    snprintf(text, sizeof(text), "127.0.0.1:%u", bench->port);
    assert_int_equal(transport_coap_new_with(NULL, &bench->core, bench->loop, &settings, &second, &why),
                     REFUSED_CONFLICT);
    assert_non_null(strstr(why.what, "in use"));
    settings.listen[0] = "localhost:5683";
    assert_int_equal(transport_coap_new_with(NULL, &bench->core, bench->loop, &settings, &second, &why),
                     REFUSED_INVALID);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        T(a_repeated_post_calls_the_rule_once_and_gets_the_same_answer),
        T(a_refusal_is_remembered_too),
        T(the_same_message_id_with_other_content_is_a_new_message),
        T(the_same_message_id_of_another_peer_is_a_new_message),
        T(a_refusal_comes_as_problem_details_short_enough_for_small_devices),
        T(a_fault_says_nothing_of_the_inside),
        T(busy_says_when_to_come_again),
        T(telemetry_that_was_stored_already_is_answered_as_stored),
        T(the_largest_vector_comes_in_blocks),
        T(telemetry_needs_its_format_its_endpoint_and_its_sequence),
        T(a_body_in_blocks_without_size1_reaches_the_rule_once_and_whole),
        T(a_gap_between_blocks_is_answered_4_08),
        T(a_huge_size1_reserves_nothing_and_harms_nothing),
        cmocka_unit_test(a_body_over_the_bound_is_refused_with_the_bound),
        T(a_device_gets_exactly_the_block_size_it_asks_for),
        T(without_a_block_option_a_small_object_comes_whole_and_a_large_one_in_blocks_of_1024),
        T(an_etag_names_the_object),
        T(an_unknown_or_overlong_path_is_4_04_and_a_wrong_method_4_05),
        T(a_signed_policy_comes_in_the_blocks_asked_for),
        T(a_format_nobody_has_is_not_acceptable),
        T(names_with_a_nul_or_a_slash_inside_are_refused),
        T(malformed_datagrams_leave_the_server_standing),
        cmocka_unit_test(more_peers_than_idle_sessions_are_served_in_turn),
        T(an_address_in_use_is_refused_in_words),
    };
    return cmocka_run_group_tests_name("the CoAP server", tests, NULL, NULL);
}
