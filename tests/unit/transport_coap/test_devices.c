#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/transport_coap/bench.h"

static const char url[] = "coap://[fd00:1::1]/m/0123456789abcdef";

struct asked {
    struct coap_message message;
    struct sockaddr_in from;
    uint8_t bytes[1500];
};

static int open_bench(void **state)
{
    *state = bench_open(NULL);
    return 0;
}

/* Gives up sooner: libcoap takes no acknowledgement time-out below one second. */
static int open_hasty_bench(void **state)
{
    struct transport_coap_settings settings = { .ack_timeout_ms = 1000, .retransmissions = 1 };

    *state = bench_open(&settings);
    return 0;
}

static int open_narrow_bench(void **state)
{
    struct transport_coap_settings settings = { .requests_max = 4 };

    *state = bench_open(&settings);
    return 0;
}

static int close_bench(void **state)
{
    bench_close(*state);
    return 0;
}

static int request(struct bench *bench, int64_t id, uint16_t port, const char *path, struct bytes payload)
{
    char address[ADDRESS_SIZE];
    struct transport_request order = { .id = id, .address = address, .path = path, .payload = payload };

    snprintf(address, sizeof(address), "coap://127.0.0.1:%u", port);
    return bench->core.transport->request(bench->core.transport, &order);
}

static void get_asked(struct bench *bench, int fd, struct asked *out)
{
    size_t size = receive(bench, fd, out->bytes, sizeof(out->bytes), &out->from);

    assert_int_equal(coap_message_parse(bytes_view(out->bytes, size), &out->message), 0);
}

static void reply(int fd, const struct asked *asked, enum coap_message_type type, uint8_t code, uint16_t id,
                  struct bytes token, const char *payload)
{
    struct coap_message_writer writer;
    uint8_t bytes[1500];
    size_t size = 0;

    coap_message_begin(&writer, bytes, sizeof(bytes), type, code, id, token);
    coap_message_add_payload(&writer, bytes_of_text(payload));
    assert_int_equal(coap_message_finish(&writer, &size), 0);
    assert_int_equal(sendto(fd, bytes, size, 0, (const struct sockaddr *)&asked->from, sizeof(asked->from)), size);
}

static void a_trigger_goes_out_byte_for_byte_and_its_answer_comes_back(void **state)
{
    struct bench *bench = *state;
    uint16_t port;
    int fd = device_open(&port);
    struct asked asked;
    char path[32];

    assert_int_equal(request(bench, 42, port, "/suit/trigger", bytes_view(url, sizeof(url))), 0); /* with its NUL */
    get_asked(bench, fd, &asked);
    assert_int_equal(asked.message.type, COAP_MSG_CON);
    assert_int_equal(asked.message.code, COAP_MSG_POST);
    assert_int_equal(coap_message_path(&asked.message, path, sizeof(path)), 0);
    assert_string_equal(path, "suit/trigger");
    assert_int_equal(asked.message.payload.size, sizeof(url));
    assert_memory_equal(asked.message.payload.data, url, sizeof(url));
    assert_int_equal(bench->script.answered, 0);
    reply(fd, &asked, COAP_MSG_ACK, COAP_MSG_CREATED, asked.message.id, asked.message.token, "");
    await_answers(bench, 1);
    assert_int_equal(bench->script.answers[0].id, 42);
    assert_int_equal(bench->script.answers[0].kind, ANSWER_RESPONSE);
    assert_int_equal(bench->script.answers[0].code, 201);
    assert_int_equal(bench->script.answers[0].payload.size, 0);
    close(fd);
}

static void a_containers_answer_and_an_error_come_back_as_they_are(void **state)
{
    struct bench *bench = *state;
    uint16_t port;
    int fd = device_open(&port);
    struct asked asked;

    assert_int_equal(request(bench, 1, port, "/bpf/exec/0", bytes_view(NULL, 0)), 0);
    get_asked(bench, fd, &asked);
    reply(fd, &asked, COAP_MSG_ACK, COAP_MSG_CHANGED, asked.message.id, asked.message.token, "27.18");
    await_answers(bench, 1);
    assert_int_equal(bench->script.answers[0].code, 204);
    assert_true(bytes_equal_text(bench->script.answers[0].payload, "27.18"));
    assert_int_equal(request(bench, 2, port, "/bpf/exec/9", bytes_view(NULL, 0)), 0);
    get_asked(bench, fd, &asked);
    reply(fd, &asked, COAP_MSG_ACK, COAP_MSG_NOT_FOUND, asked.message.id, asked.message.token, "");
    await_answers(bench, 2);
    assert_int_equal(bench->script.answers[1].kind, ANSWER_RESPONSE);
    assert_int_equal(bench->script.answers[1].code, 404);
    close(fd);
}

static void an_answer_that_comes_apart_from_its_acknowledgement_is_found_by_its_token(void **state)
{
    struct bench *bench = *state;
    uint16_t port;
    int fd = device_open(&port);
    struct asked asked, acknowledged;

    assert_int_equal(request(bench, 1, port, "/bpf/exec/0", bytes_view(NULL, 0)), 0);
    get_asked(bench, fd, &asked);
    reply(fd, &asked, COAP_MSG_ACK, COAP_MSG_EMPTY, asked.message.id, bytes_view(NULL, 0), "");
    reply(fd, &asked, COAP_MSG_CON, COAP_MSG_CHANGED, 4711, asked.message.token, "1.00");
    await_answers(bench, 1);
    assert_true(bytes_equal_text(bench->script.answers[0].payload, "1.00"));
    get_asked(bench, fd, &acknowledged);
    assert_int_equal(acknowledged.message.type, COAP_MSG_ACK);
    assert_int_equal(acknowledged.message.id, 4711);
    close(fd);
}

static void an_answer_with_a_foreign_token_is_no_answer(void **state)
{
    struct bench *bench = *state;
    uint16_t port;
    int fd = device_open(&port);
    struct asked asked, rejected;

    assert_int_equal(request(bench, 1, port, "/bpf/exec/0", bytes_view(NULL, 0)), 0);
    get_asked(bench, fd, &asked);
    reply(fd, &asked, COAP_MSG_CON, COAP_MSG_CHANGED, 4711, bytes_view("nope", 4), "6.66");
    get_asked(bench, fd, &rejected);
    assert_int_equal(rejected.message.type, COAP_MSG_RST);
    assert_int_equal(bench->script.answered, 0);
    reply(fd, &asked, COAP_MSG_ACK, COAP_MSG_CHANGED, asked.message.id, asked.message.token, "1.00");
    await_answers(bench, 1);
    assert_true(bytes_equal_text(bench->script.answers[0].payload, "1.00"));
    close(fd);
}

static void a_reset_is_an_answer(void **state)
{
    struct bench *bench = *state;
    uint16_t port;
    int fd = device_open(&port);
    struct asked asked;

    assert_int_equal(request(bench, 1, port, "/suit/trigger", bytes_view(url, sizeof(url))), 0);
    get_asked(bench, fd, &asked);
    reply(fd, &asked, COAP_MSG_RST, COAP_MSG_EMPTY, asked.message.id, bytes_view(NULL, 0), "");
    await_answers(bench, 1);
    assert_int_equal(bench->script.answers[0].kind, ANSWER_RESET);
    close(fd);
}

static void nobody_at_the_port_is_told_at_once_and_never_from_within_the_call(void **state)
{
    struct bench *bench = *state;
    uint16_t port;
    int fd = device_open(&port);

    close(fd);
    assert_int_equal(request(bench, 1, port, "/suit/trigger", bytes_view(url, sizeof(url))), 0);
    assert_int_equal(bench->script.answered, 0);
    await_answers(bench, 1);
    assert_int_equal(bench->script.answers[0].kind, ANSWER_UNREACHABLE);
}

static void silence_ends_after_all_retransmissions_and_no_ping_was_ever_sent(void **state)
{
    struct bench *bench = *state;
    uint16_t port;
    int fd = device_open(&port);
    struct asked asked;
    unsigned seen = 0;
    ssize_t size;

    assert_int_equal(request(bench, 1, port, "/suit/trigger", bytes_view(url, sizeof(url))), 0);
    await_answers(bench, 1);
    assert_int_equal(bench->script.answers[0].kind, ANSWER_NONE);
    while ((size = recv(fd, asked.bytes, sizeof(asked.bytes), MSG_DONTWAIT)) >= 0) {
        assert_int_equal(coap_message_parse(bytes_view(asked.bytes, (size_t)size), &asked.message), 0);
        assert_int_equal(asked.message.code, COAP_MSG_POST);
        seen++;
    }
    assert_int_equal(seen, 2); /* the first one and its retransmission */
    close(fd);
}

static void a_promised_answer_that_never_comes_ends_too(void **state)
{
    struct bench *bench = *state;
    uint16_t port;
    int fd = device_open(&port);
    struct asked asked;

    assert_int_equal(request(bench, 1, port, "/bpf/exec/0", bytes_view(NULL, 0)), 0);
    get_asked(bench, fd, &asked);
    reply(fd, &asked, COAP_MSG_ACK, COAP_MSG_EMPTY, asked.message.id, bytes_view(NULL, 0), "");
    await_answers(bench, 1);
    assert_int_equal(bench->script.answers[0].kind, ANSWER_NONE);
    close(fd);
}

static void no_more_requests_than_the_table_holds_and_places_come_free(void **state)
{
    struct bench *bench = *state;
    uint16_t port;
    int fd = device_open(&port);
    struct asked asked;

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 4; i++)
            assert_int_equal(request(bench, i, port, "/x", bytes_view("a", 1)), 0);
        assert_int_equal(request(bench, 9, port, "/x", bytes_view("a", 1)), REFUSED_BUSY);
        for (int i = 0; i < 4; i++) {
            get_asked(bench, fd, &asked);
            reply(fd, &asked, COAP_MSG_ACK, COAP_MSG_CHANGED, asked.message.id, asked.message.token, "");
        }
        await_answers(bench, 4 * ((size_t)round + 1));
    }
    assert_int_equal(transport_coap_counted(bench->transport, TRANSPORT_COAP_REQUESTS_REFUSED), 2);
    close(fd);
}

/* With retransmissions, since the socket may drop some of so many, and a slow machine sends some twice. */
static void five_hundred_devices_are_asked_at_once(void **state)
{
    const struct transport_coap_settings settings = { .ack_timeout_ms = 2000 };
    struct bench *bench = bench_open(&settings);
    uint16_t port;
    int fd = device_open(&port);
    int room = 1 << 20;
    static bool asked_from[65536];
    struct asked asked;
    bool seen[500] = { false };
    unsigned count = 0;

    (void)state;
    memset(asked_from, 0, sizeof(asked_from));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    for (int i = 0; i < 500; i++)
        assert_int_equal(request(bench, i, port, "/x", bytes_view("a", 1)), 0);
    while (count < 500) {
        get_asked(bench, fd, &asked);
        count += !asked_from[asked.from.sin_port];
        asked_from[asked.from.sin_port] = true;
        reply(fd, &asked, COAP_MSG_ACK, COAP_MSG_CHANGED, asked.message.id, asked.message.token, "1.00");
    }
    await_answers(bench, 500);
    for (int i = 0; i < 500; i++) {
        const struct transport_answer *answer = &bench->script.answers[i];

        assert_int_equal(answer->kind, ANSWER_RESPONSE);
        assert_false(seen[answer->id]);
        seen[answer->id] = true;
    }
    close(fd);
    bench_close(bench);
}

static void requests_in_flight_end_with_the_transport(void **state)
{
    struct bench *bench = *state;
    uint16_t port;
    int fd = device_open(&port);

    for (int i = 0; i < 10; i++)
        assert_int_equal(request(bench, i, port, "/x", bytes_view("a", 1)), 0);
    close(fd); /* bench_close frees the transport: the sanitizer sees what is left */
}

static void addresses_that_need_a_resolver_are_refused(void **state)
{
    struct bench *bench = *state;
    static const char *const bad[] = { "",
                                       "coap://",
                                       "coap://localhost",
                                       "http://127.0.0.1",
                                       "coap://[::1",
                                       "coap://127.0.0.1:99999",
                                       "coap://127.0.0.1/path",
                                       "coap://127.0.0.1:0" };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct transport_request order = { .id = 1, .address = bad[i], .path = "/x" };

        assert_int_equal(bench->core.transport->request(bench->core.transport, &order), REFUSED_INVALID);
    }
}

static void the_daemons_own_base_is_its_address_towards_the_device(void **state)
{
    struct bench *bench = *state;
    struct transport *port = bench->core.transport;
    char base[ADDRESS_SIZE], wanted[ADDRESS_SIZE];

    assert_int_equal(port->own_base(port, "coap://127.0.3.4:5683", base), 0);
    snprintf(wanted, sizeof(wanted), "coap://127.0.0.1:%u", bench->port);
    assert_string_equal(base, wanted);
    assert_int_equal(port->own_base(port, "coap://host", base), REFUSED_INVALID);
}

/* The kernel would face 127.0.3.4 from 127.0.0.1, where nobody listens. */
static void a_daemon_on_one_address_gives_out_that_address(void **state)
{
    const struct transport_coap_settings settings = { .listen = { "127.0.0.7:0" } };
    struct bench *bench = bench_open(&settings);
    char base[ADDRESS_SIZE], wanted[ADDRESS_SIZE];

    (void)state;
    assert_int_equal(bench->core.transport->own_base(bench->core.transport, "coap://127.0.3.4:5683", base), 0);
    snprintf(wanted, sizeof(wanted), "coap://127.0.0.7:%u", bench->port);
    assert_string_equal(base, wanted);
    bench_close(bench);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
#define H(name) cmocka_unit_test_setup_teardown(name, open_hasty_bench, close_bench)
#define N(name) cmocka_unit_test_setup_teardown(name, open_narrow_bench, close_bench)
    const struct CMUnitTest tests[] = {
        T(a_trigger_goes_out_byte_for_byte_and_its_answer_comes_back),
        T(a_containers_answer_and_an_error_come_back_as_they_are),
        T(an_answer_that_comes_apart_from_its_acknowledgement_is_found_by_its_token),
        T(an_answer_with_a_foreign_token_is_no_answer),
        T(a_reset_is_an_answer),
        T(nobody_at_the_port_is_told_at_once_and_never_from_within_the_call),
        H(silence_ends_after_all_retransmissions_and_no_ping_was_ever_sent),
        H(a_promised_answer_that_never_comes_ends_too),
        N(no_more_requests_than_the_table_holds_and_places_come_free),
        cmocka_unit_test(five_hundred_devices_are_asked_at_once),
        T(requests_in_flight_end_with_the_transport),
        T(addresses_that_need_a_resolver_are_refused),
        T(the_daemons_own_base_is_its_address_towards_the_device),
        cmocka_unit_test(a_daemon_on_one_address_gives_out_that_address),
    };
    return cmocka_run_group_tests_name("asking devices", tests, NULL, NULL);
}
