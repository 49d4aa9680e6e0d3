#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/transport_coap/bench.h"

#define CLIENTS 8

static const char reading[] = "[{\"n\":\"temperature\",\"u\":\"Cel\",\"v\":21.5}]";

static int open_bench(void **state)
{
    *state = bench_open(NULL);
    return 0;
}

/* No more than three answers are held, and libcoap would like to keep one session. */
static int open_small_bench(void **state)
{
    struct transport_coap_settings settings = { .batch_max = 3, .idle_sessions_max = 1 };

    *state = bench_open(&settings);
    return 0;
}

static int close_bench(void **state)
{
    bench_close(*state);
    return 0;
}

static uint64_t counted(struct bench *bench, enum transport_coap_count count)
{
    return transport_coap_counted(bench->transport, count);
}

static void begin_pack(int fd, uint16_t id, int sequence)
{
    char query[32];

    snprintf(query, sizeof(query), "d=thermo-1&s=%d", sequence);
    begin_post(fd, id, "t", query, COAP_MSG_FORMAT_SENML_JSON, bytes_of_text(reading));
}

/* Sockets that must be silent until the commit. */
static void open_clients(struct bench *bench, int fds[CLIENTS])
{
    for (int i = 0; i < CLIENTS; i++)
        bench->script.watched[i] = fds[i] = client_open(bench);
}

static void close_clients(const int fds[CLIENTS])
{
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
}

static void assert_silent(int fd)
{
    uint8_t byte;

    assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
    assert_int_equal(errno, EAGAIN);
}

/* I1. That the answer is the ACK itself, and not an empty one before it, is what small devices rely on. */
static void packs_that_came_together_share_a_commit_and_are_answered_after_it(void **state)
{
    struct bench *bench = *state;
    int fds[CLIENTS];

    open_clients(bench, fds);
    for (int i = 0; i < CLIENTS; i++)
        begin_pack(fds[i], (uint16_t)(100 + i), 1 + i);
    for (int i = 0; i < CLIENTS; i++) {
        struct coap_message got = answer_of(bench, fds[i]);

        assert_int_equal(got.type, COAP_MSG_ACK);
        assert_int_equal(got.code, COAP_MSG_CHANGED);
        assert_int_equal(got.id, 100 + i);
        assert_int_equal(got.token.size, 2);
        assert_memory_equal(got.token.data, "\xca\xfe", 2);
        assert_silent(fds[i]);
    }
    assert_int_equal(bench->script.calls, CLIENTS);
    assert_int_equal(bench->script.commits, 1);
    assert_false(bench->script.left_too_soon);
    assert_int_equal(counted(bench, TRANSPORT_COAP_HELD), CLIENTS);
    assert_int_equal(counted(bench, TRANSPORT_COAP_BATCHES), 1);
    assert_int_equal(counted(bench, TRANSPORT_COAP_BATCHES_FULL), 0);
    close_clients(fds);
}

static void a_refusal_or_a_fault_among_them_is_answered_as_such(void **state)
{
    struct bench *bench = *state;
    int fds[CLIENTS];

    open_clients(bench, fds);
    bench->script.refuse_sequence = 3;
    for (int i = 0; i < CLIENTS; i++)
        begin_pack(fds[i], 7, 1 + i);
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(answer_of(bench, fds[i]).code, i == 2 ? COAP_MSG_FORBIDDEN : COAP_MSG_CHANGED);
    assert_int_equal(bench->script.commits, 1);
    bench->script.result = -EIO;
    begin_pack(fds[0], 8, 20);
    assert_int_equal(answer_of(bench, fds[0]).code, COAP_MSG_INTERNAL_ERROR);
    assert_false(bench->script.left_too_soon);
    close_clients(fds);
}

static void a_commit_that_fails_acknowledges_nothing_and_the_same_message_is_taken_anew(void **state)
{
    struct bench *bench = *state;
    int fds[CLIENTS];

    open_clients(bench, fds);
    bench->script.commit_result = -EIO;
    for (int i = 0; i < CLIENTS; i++)
        begin_pack(fds[i], 9, 1 + i);
    for (int i = 0; i < CLIENTS; i++) {
        struct coap_message got = answer_of(bench, fds[i]);

        assert_int_equal(got.type, COAP_MSG_ACK);
        assert_int_equal(got.id, 9);
        assert_int_equal(got.code, COAP_MSG_INTERNAL_ERROR);
    }
    bench->script.commit_result = 0;
    begin_pack(fds[0], 9, 1);
    assert_int_equal(answer_of(bench, fds[0]).code, COAP_MSG_CHANGED);
    assert_int_equal(bench->script.calls, CLIENTS + 1);
    close_clients(fds);
}

static void a_message_repeated_while_its_answer_is_held_is_taken_once(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench), other = client_open(bench);

    begin_pack(fd, 11, 1);
    begin_pack(other, 11, 2);
    begin_pack(fd, 11, 1);
    for (int i = 0; i < 2; i++) { /* each copy has its answer (RFC 7252 section 4.2) */
        struct coap_message got = answer_of(bench, fd);

        assert_int_equal(got.code, COAP_MSG_CHANGED);
        assert_int_equal(got.id, 11);
    }
    assert_int_equal(answer_of(bench, other).code, COAP_MSG_CHANGED);
    assert_int_equal(bench->script.calls, 2);
    assert_int_equal(counted(bench, TRANSPORT_COAP_DUPLICATES), 1);
    assert_silent(fd);
    begin_pack(fd, 11, 1); /* after the answer: from memory */
    assert_int_equal(answer_of(bench, fd).code, COAP_MSG_CHANGED);
    assert_int_equal(bench->script.calls, 2);
    assert_int_equal(bench->script.commits, 1);
    close(fd);
    close(other);
}

/* The sessions of those whose answers are held stay, however few are kept otherwise. */
static void more_than_can_be_held_make_several_commits(void **state)
{
    struct bench *bench = *state;
    int fds[CLIENTS];

    open_clients(bench, fds);
    for (int i = 0; i < CLIENTS; i++)
        begin_pack(fds[i], 12, 1 + i);
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(answer_of(bench, fds[i]).code, COAP_MSG_CHANGED);
    assert_int_equal(bench->script.commits, 3);
    assert_int_equal(counted(bench, TRANSPORT_COAP_BATCHES_FULL), 2);
    close_clients(fds);
}

static void what_writes_nothing_is_answered_at_once(void **state)
{
    struct bench *bench = *state;
    int fds[CLIENTS];

    open_clients(bench, fds);
    bench->script.keeps_still = true;
    for (int i = 0; i < 2; i++)
        begin_pack(fds[i], 13, 1 + i);
    for (int i = 0; i < 2; i++)
        assert_int_equal(answer_of(bench, fds[i]).code, COAP_MSG_CHANGED);
    assert_int_equal(counted(bench, TRANSPORT_COAP_HELD), 0);
    assert_int_equal(counted(bench, TRANSPORT_COAP_BATCHES), 0);
    close_clients(fds);
}

/* It may have seen what is not durable yet. */
static void what_is_read_after_a_write_waits_with_it(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench), reader = client_open(bench);
    struct asking asking;

    bench->script.watched[0] = reader;
    begin_pack(fd, 14, 1);
    ask_begin(&asking, COAP_MSG_GET, 15, "p/temperature");
    ask_on(reader, &asking);
    struct coap_message got = answer_of(bench, reader);
    assert_int_equal(got.code, COAP_MSG_CONTENT);
    assert_int_equal(got.payload.size, 300);
    assert_int_equal(answer_of(bench, fd).code, COAP_MSG_CHANGED);
    assert_false(bench->script.left_too_soon);
    assert_int_equal(counted(bench, TRANSPORT_COAP_HELD), 2);
    close(fd);
    close(reader);
}

/* The code of the last answer; of those before it, 2.31. */
static unsigned upload(struct bench *bench, int fd, uint16_t first_id, struct bytes whole)
{
    struct coap_message got = { 0 };

    for (size_t at = 0; at < whole.size; at += 16) {
        bool more = whole.size - at > 16;
        uint32_t number = (uint32_t)at / 16;

        got = ask_block1(bench, fd, (uint16_t)(first_id + number), "r", NULL, -1, number << 4 | (uint32_t)more << 3,
                         bytes_view(whole.data + at, more ? 16 : whole.size - at));
        assert_int_equal(got.type, COAP_MSG_ACK);
        if (more)
            assert_int_equal(got.code, COAP_MSG_CONTINUE);
        if (got.code != COAP_MSG_INTERNAL_ERROR)
            assert_int_equal(option_uint(&got, COAP_MSG_OPT_BLOCK1) >> 4, number);
    }
    return got.code;
}

static void an_upload_in_blocks_ends_with_the_commit(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    struct bytes whole = bytes_of_text(reading);

    bench->script.watched[0] = fd;
    assert_int_equal(upload(bench, fd, 20, whole), COAP_MSG_CHANGED);
    assert_int_equal(bench->script.body_size, whole.size);
    assert_memory_equal(bench->script.body, whole.data, whole.size);
    assert_int_equal(bench->script.commits, 1);
    assert_int_equal(counted(bench, TRANSPORT_COAP_HELD), 1);
    assert_false(bench->script.left_too_soon);
    close(fd);
}

static void an_upload_whose_commit_fails_begins_again(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    struct bytes whole = bytes_of_text(reading);
    const size_t last = (whole.size - 1) / 16;

    bench->script.commit_result = -EIO;
    assert_int_equal(upload(bench, fd, 20, whole), COAP_MSG_INTERNAL_ERROR);
    bench->script.commit_result = 0;
    struct coap_message got = ask_block1(bench, fd, 40, "r", NULL, -1, (uint32_t)last << 4,
                                         bytes_view(whole.data + last * 16, whole.size - last * 16));
    assert_int_equal(got.code, COAP_MSG_INCOMPLETE); /* the end alone is no upload */
    assert_int_equal(upload(bench, fd, 50, whole), COAP_MSG_CHANGED);
    assert_int_equal(bench->script.calls, 2);
    close(fd);
}

/* RFC 7967: whoever wants no 2.xx still gets his ACK, and one who needs no ACK gets nothing. */
static void a_response_that_is_not_wanted_is_left_out_after_the_commit(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    struct asking asking;
    struct coap_message got;

    for (int confirmable = 0; confirmable < 2; confirmable++) {
        ask_begin(&asking, COAP_MSG_POST, (uint16_t)(40 + confirmable), "t");
        coap_message_add_uint(&asking.writer, COAP_MSG_OPT_CONTENT_FORMAT, COAP_MSG_FORMAT_SENML_JSON);
        ask_query(&asking, "d=thermo-1");
        ask_query(&asking, confirmable ? "s=2" : "s=1");
        coap_message_add_uint(&asking.writer, 258, 2);
        coap_message_add_payload(&asking.writer, bytes_of_text(reading));
        if (!confirmable)
            asking.bytes[0] |= 0x10; /* NON */
        ask_on(fd, &asking);
    }
    got = answer_of(bench, fd);
    assert_int_equal(got.type, COAP_MSG_ACK);
    assert_int_equal(got.id, 41);
    assert_int_equal(got.code, 0);
    assert_int_equal(got.token.size, 0);
    assert_silent(fd);
    assert_int_equal(bench->script.calls, 2);
    assert_int_equal(bench->script.commits, 1);
    close(fd);
}

static void one_that_is_not_confirmable_gets_an_answer_of_its_kind(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    struct asking asking;

    ask_begin(&asking, COAP_MSG_POST, 50, "r");
    coap_message_add_payload(&asking.writer, bytes_of_text("report"));
    asking.bytes[0] |= 0x10;
    struct coap_message got = ask(bench, fd, &asking);
    assert_int_equal(got.type, COAP_MSG_NON);
    assert_int_equal(got.code, COAP_MSG_CHANGED);
    assert_memory_equal(got.token.data, "\xca\xfe", 2);
    assert_int_equal(counted(bench, TRANSPORT_COAP_HELD), 1);
    close(fd);
}

int main(void)
{
#define T(name)       cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
#define T_SMALL(name) cmocka_unit_test_setup_teardown(name, open_small_bench, close_bench)
    const struct CMUnitTest tests[] = {
        T(packs_that_came_together_share_a_commit_and_are_answered_after_it),
        T(a_refusal_or_a_fault_among_them_is_answered_as_such),
        T(a_commit_that_fails_acknowledges_nothing_and_the_same_message_is_taken_anew),
        T(a_message_repeated_while_its_answer_is_held_is_taken_once),
        T_SMALL(more_than_can_be_held_make_several_commits),
        T(what_writes_nothing_is_answered_at_once),
        T(what_is_read_after_a_write_waits_with_it),
        T(an_upload_in_blocks_ends_with_the_commit),
        T(an_upload_whose_commit_fails_begins_again),
        T(a_response_that_is_not_wanted_is_left_out_after_the_commit),
        T(one_that_is_not_confirmable_gets_an_answer_of_its_kind),
    };
    return cmocka_run_group_tests_name("group commit of what devices post", tests, NULL, NULL);
}
