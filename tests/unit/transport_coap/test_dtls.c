#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <coap3/coap.h>
#include <sys/epoll.h>

#include "tests/unit/transport_coap/bench.h"

static const char key[] = "0123456789abcdef";
static const char reading[] = "[{\"n\":\"temperature\",\"v\":21.5}]";

/* libcoap's own DTLS client, in the same loop. */
struct client {
    struct bench *bench;
    coap_context_t *context;
    coap_session_t *session;
    unsigned code; /* of the answer; 0 none yet */
    bool failed;
};

static int lookup(void *context, const char *identity, uint8_t out_key[TRANSPORT_COAP_PSK_MAX], size_t *out_size)
{
    (void)context;
    if (strcmp(identity, "node1") != 0)
        return REFUSED_UNKNOWN;
    memcpy(out_key, key, sizeof(key) - 1);
    *out_size = sizeof(key) - 1;
    return 0;
}

static int open_bench(void **state)
{
    struct transport_coap_settings settings = { .listen_dtls = { "127.0.0.1:0" }, .psk_lookup = lookup };

    *state = bench_open(&settings);
    return 0;
}

static int close_bench(void **state)
{
    bench_close(*state);
    return 0;
}

static coap_response_t on_response(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received,
                                   const coap_mid_t mid)
{
    struct client *client = coap_session_get_app_data(session);

    (void)sent;
    (void)mid;
    client->code = coap_pdu_get_code(received);
    loop_stop(client->bench->loop);
    return COAP_RESPONSE_OK;
}

static int on_event(coap_session_t *session, const coap_event_t event)
{
    struct client *client = coap_session_get_app_data(session);

    if (client != NULL && event == COAP_EVENT_DTLS_ERROR) {
        client->failed = true;
        loop_stop(client->bench->loop);
    }
    return 0;
}

static void on_ready(void *context, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    coap_io_process(((struct client *)context)->context, COAP_IO_NO_WAIT);
}

static void connect_as(struct client *client, struct bench *bench, const char *identity, const char *with_key)
{
    coap_dtls_cpsk_t setup = {
        .version = COAP_DTLS_CPSK_SETUP_VERSION,
        .psk_info = { .identity = { strlen(identity), (const uint8_t *)identity },
                      .key = { strlen(with_key), (const uint8_t *)with_key } },
    };
    coap_address_t daemon;

    *client = (struct client){ .bench = bench, .context = coap_new_context(NULL) };
    coap_address_init(&daemon);
    daemon.size = sizeof(daemon.addr.sin);
    daemon.addr.sin.sin_family = AF_INET;
    daemon.addr.sin.sin_port = htons(transport_coap_listens_on(bench->transport, 1));
    daemon.addr.sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    coap_register_response_handler(client->context, on_response);
    coap_register_event_handler(client->context, on_event);
    client->session = coap_new_client_session_psk2(client->context, NULL, &daemon, COAP_PROTO_DTLS, &setup);
    assert_non_null(client->session);
    coap_session_set_app_data(client->session, client);
    assert_int_equal(loop_watch(bench->loop, coap_context_get_coap_fd(client->context), EPOLLIN, on_ready, client), 0);
}

static void disconnect(struct client *client)
{
    loop_unwatch(client->bench->loop, coap_context_get_coap_fd(client->context));
    coap_session_set_app_data(client->session, NULL);
    coap_session_release(client->session);
    coap_free_context(client->context);
}

static void start_post(struct client *client, const char *path, const char *query, uint8_t format, const char *payload)
{
    coap_pdu_t *pdu = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_POST, client->session);
    uint8_t token[] = { 1, 2 };

    client->code = 0;
    coap_add_token(pdu, sizeof(token), token);
    coap_add_option(pdu, COAP_OPTION_URI_PATH, strlen(path), (const uint8_t *)path);
    coap_add_option(pdu, COAP_OPTION_CONTENT_FORMAT, 1, &format);
    while (*query != '\0') {
        size_t size = strcspn(query, "&");

        coap_add_option(pdu, COAP_OPTION_URI_QUERY, size, (const uint8_t *)query);
        query += size + (query[size] == '&');
    }
    coap_add_data(pdu, strlen(payload), (const uint8_t *)payload);
    assert_int_not_equal(coap_send(client->session, pdu), COAP_INVALID_MID);
}

static void post(struct client *client, const char *path, const char *query, uint8_t format, const char *payload)
{
    start_post(client, path, query, format, payload);
    bench_run(client->bench);
}

static void a_peer_with_the_right_key_speaks_for_its_own_name_and_no_other(void **state)
{
    struct bench *bench = *state;
    struct client client;

    connect_as(&client, bench, "node1", key);
    post(&client, "t", "d=node1&s=1", 110, reading);
    assert_int_equal(client.code, COAP_MSG_CHANGED);
    assert_true(bench->script.authenticated);
    assert_memory_equal(bench->script.peer, "coaps://127.0.0.1:", 18);
    post(&client, "t", "d=node2&s=1", 110, reading);
    assert_false(bench->script.authenticated);
    post(&client, "rd", "ep=node2", 40, "</x>");
    assert_int_equal(client.code, COAP_MSG_FORBIDDEN);
    post(&client, "rd", "ep=node1", 40, "</x>");
    assert_int_equal(client.code, COAP_MSG_CREATED);
    assert_string_equal(bench->script.registry[0].base, "coap://127.0.0.1:5683");
    disconnect(&client);
}

static void a_name_without_a_key_gets_no_handshake(void **state)
{
    struct bench *bench = *state;
    struct client client;

    connect_as(&client, bench, "stranger", key);
    post(&client, "t", "d=stranger&s=1", 110, reading);
    assert_true(client.failed);
    assert_int_equal(bench->script.calls, 0);
    disconnect(&client);
}

/* DTLS drops what does not decrypt in silence; so the right key's answer is what is waited for. */
static void a_wrong_key_gets_no_answer_and_hinders_nobody(void **state)
{
    struct bench *bench = *state;
    struct client wrong, right;

    connect_as(&wrong, bench, "node1", "not the right key");
    start_post(&wrong, "t", "d=node1&s=1", 110, reading);
    connect_as(&right, bench, "node1", key);
    post(&right, "t", "d=node1&s=2", 110, reading);
    assert_int_equal(right.code, COAP_MSG_CHANGED);
    post(&right, "t", "d=node1&s=3", 110, reading);
    assert_int_equal(bench->script.calls, 2);
    assert_int_equal(bench->script.sequence, 3);
    assert_int_equal(wrong.code, 0);
    disconnect(&right);
    disconnect(&wrong);
}

/* Its goodbye is already there when the commit is: the answer has nobody to go to any more. */
static void a_peer_that_leaves_before_the_commit_hinders_nobody(void **state)
{
    struct bench *bench = *state;
    struct client leaves, stays;

    connect_as(&leaves, bench, "node1", key);
    post(&leaves, "t", "d=node1&s=1", 110, reading);
    connect_as(&stays, bench, "node1", key);
    post(&stays, "t", "d=node1&s=2", 110, reading);
    assert_int_equal(bench->script.commits, 2);
    start_post(&leaves, "t", "d=node1&s=3", 110, reading);
    disconnect(&leaves); /* says so by DTLS, before the daemon has run */
    post(&stays, "t", "d=node1&s=4", 110, reading);
    assert_int_equal(stays.code, COAP_MSG_CHANGED);
    assert_int_equal(leaves.code, 0);
    assert_int_equal(bench->script.calls, 4);
    assert_int_equal(bench->script.commits, 3);
    assert_int_equal(transport_coap_counted(bench->transport, TRANSPORT_COAP_HELD), 4);
    disconnect(&stays);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        T(a_peer_with_the_right_key_speaks_for_its_own_name_and_no_other),
        T(a_name_without_a_key_gets_no_handshake),
        T(a_peer_that_leaves_before_the_commit_hinders_nobody),
        T(a_wrong_key_gets_no_answer_and_hinders_nobody),
    };
    return cmocka_run_group_tests_name("DTLS with pre-shared keys", tests, NULL, NULL);
}
