#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/sink_http/sink_http.h"
#include "outcomes.h"

/* A server of one answer: takes connections until its listening socket is shut down, keeps what it read last. */
struct server {
    int fd;
    uint16_t port;
    const char *answer; /* NULL: never answers */
    pthread_t thread;
    char request[4096];
    int held; /* the connection that gets no answer */
};

static size_t body_size(const char *head)
{
    const char *length = strcasestr(head, "content-length:");

    return length == NULL ? 0 : (size_t)strtoul(length + 15, NULL, 10);
}

static void read_request(struct server *server, int fd)
{
    size_t size = 0;

    for (;;) {
        ssize_t part = read(fd, server->request + size, sizeof(server->request) - 1 - size);
        if (part <= 0)
            return;
        size += (size_t)part;
        server->request[size] = '\0';
        const char *end = strstr(server->request, "\r\n\r\n");
        if (end != NULL && strlen(end + 4) >= body_size(server->request))
            return;
    }
}

static void *serve(void *context)
{
    struct server *server = context;

    for (int fd; (fd = accept(server->fd, NULL, NULL)) >= 0;) {
        read_request(server, fd);
        if (server->answer == NULL) {
            server->held = fd;
            continue;
        }
        assert_true(write(fd, server->answer, strlen(server->answer)) > 0);
        close(fd);
    }
    return NULL;
}

static void server_start(struct server *server, const char *answer)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);

    *server = (struct server){ .answer = answer, .held = -1 };
    server->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(server->fd, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(server->fd, 8), 0);
    assert_int_equal(getsockname(server->fd, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_stop(struct server *server)
{
    shutdown(server->fd, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->fd);
    if (server->held >= 0)
        close(server->held);
}

struct fixture {
    struct loop *loop;
    struct sink_http *sink;
    struct sink_kind kind;
    struct core core;
};

static void fixture_start_with(struct fixture *fixture, int64_t timeout_ms, bool own_host)
{
    const struct sink_http_settings settings = { timeout_ms, own_host };

    *fixture = (struct fixture){ 0 };
    assert_int_equal(loop_new(&fixture->loop), 0);
    assert_int_equal(sink_http_new(&fixture->core, fixture->loop, &settings, &fixture->sink), 0);
    sink_http_kind(fixture->sink, &fixture->kind);
}

static void fixture_start(struct fixture *fixture, int64_t timeout_ms)
{
    fixture_start_with(fixture, timeout_ms, true);
}

static void fixture_stop(struct fixture *fixture)
{
    sink_http_free(fixture->sink);
    loop_free(fixture->loop);
}

static void posts_the_body_under_its_idempotency_key(void **state)
{
    (void)state;
    struct fixture fixture;
    struct server server;
    char config[160];

    server_start(&server, "HTTP/1.1 204 No Content\r\n\r\n");
    fixture_start(&fixture, 10000);
    snprintf(config, sizeof(config), "{\"url\":\"http://127.0.0.1:%u/in\",\"authorization\":\"Bearer abc\"}",
             server.port);
    struct delivery delivery = delivery_of(3, config, "release-3-archive", "{\"value\":\"21.5\"}");
    outcomes_expect(fixture.loop, 1);
    assert_int_equal(fixture.kind.deliver(fixture.kind.context, &delivery), 0);
    assert_int_equal(outcomes_wait(), 1);
    assert_true(outcome_of(3)->delivered);
    assert_non_null(strstr(server.request, "POST /in HTTP/1.1\r\n"));
    assert_non_null(strstr(server.request, "Idempotency-Key: release-3-archive\r\n"));
    assert_non_null(strstr(server.request, "Authorization: Bearer abc\r\n"));
    assert_non_null(strstr(server.request, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(server.request, "\r\n\r\n{\"value\":\"21.5\"}"));
    fixture_stop(&fixture);
    server_stop(&server);
}

static void refusal_of_the_server_is_told_with_its_status(void **state)
{
    (void)state;
    struct fixture fixture;
    struct server server;
    char config[96];

    server_start(&server, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    fixture_start(&fixture, 10000);
    snprintf(config, sizeof(config), "{\"url\":\"http://127.0.0.1:%u/\"}", server.port);
    struct delivery delivery = delivery_of(4, config, "k", "{}");
    outcomes_expect(fixture.loop, 1);
    assert_int_equal(fixture.kind.deliver(fixture.kind.context, &delivery), 0);
    assert_int_equal(outcomes_wait(), 1);
    assert_false(outcome_of(4)->delivered);
    assert_string_equal(outcome_of(4)->error, "the server answered 503");
    fixture_stop(&fixture);
    server_stop(&server);
}

static void redirect_is_not_followed(void **state)
{
    (void)state;
    struct fixture fixture;
    struct server server;
    char config[96];

    server_start(&server, "HTTP/1.1 307 Away\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
    fixture_start(&fixture, 10000);
    snprintf(config, sizeof(config), "{\"url\":\"http://127.0.0.1:%u/\"}", server.port);
    struct delivery delivery = delivery_of(5, config, "k", "{}");
    outcomes_expect(fixture.loop, 1);
    assert_int_equal(fixture.kind.deliver(fixture.kind.context, &delivery), 0);
    assert_int_equal(outcomes_wait(), 1);
    assert_string_equal(outcome_of(5)->error, "the server answered 307");
    fixture_stop(&fixture);
    server_stop(&server);
}

static void sink_that_hangs_holds_no_other_back(void **state)
{
    (void)state;
    struct fixture fixture;
    struct server silent;
    struct server quick;
    char to_silent[96];
    char to_quick[96];

    server_start(&silent, NULL);
    server_start(&quick, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    fixture_start(&fixture, 60000);
    snprintf(to_silent, sizeof(to_silent), "{\"url\":\"http://127.0.0.1:%u/\"}", silent.port);
    snprintf(to_quick, sizeof(to_quick), "{\"url\":\"http://127.0.0.1:%u/\"}", quick.port);
    struct delivery hanging = delivery_of(1, to_silent, "k1", "{}");
    struct delivery other = delivery_of(2, to_quick, "k2", "{}");
    outcomes_expect(fixture.loop, 1);
    assert_int_equal(fixture.kind.deliver(fixture.kind.context, &hanging), 0);
    assert_int_equal(fixture.kind.deliver(fixture.kind.context, &other), 0);
    assert_int_equal(outcomes_wait(), 1);
    assert_non_null(outcome_of(2));
    assert_true(outcome_of(2)->delivered);
    fixture_stop(&fixture);
    server_stop(&silent);
    server_stop(&quick);
}

static void nobody_listening_is_an_error_in_words(void **state)
{
    (void)state;
    struct fixture fixture;
    struct server server;
    char config[96];

    server_start(&server, NULL);
    server_stop(&server); /* its port is free again */
    fixture_start(&fixture, 10000);
    snprintf(config, sizeof(config), "{\"url\":\"http://127.0.0.1:%u/\"}", server.port);
    struct delivery delivery = delivery_of(6, config, "k", "{}");
    outcomes_expect(fixture.loop, 1);
    assert_int_equal(fixture.kind.deliver(fixture.kind.context, &delivery), 0);
    assert_int_equal(outcomes_wait(), 1);
    assert_false(outcome_of(6)->delivered);
    assert_true(strlen(outcome_of(6)->error) > 0);
    fixture_stop(&fixture);
}

static void a_tenants_url_does_not_lead_into_the_daemons_own_machine(void **state)
{
    (void)state;
    static const char *const hosts[] = {
        "127.0.0.1", "127.1.2.3", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"
    };
    struct fixture fixture;
    struct server server;
    char config[160];

    server_start(&server, "HTTP/1.1 204 No Content\r\n\r\n");
    fixture_start_with(&fixture, 10000, false);
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        snprintf(config, sizeof(config), "{\"url\":\"http://%s:%u/in\"}", hosts[i], server.port);
        struct delivery delivery = delivery_of((int64_t)i, config, "key", "{}");
        outcomes_expect(fixture.loop, 1);
        assert_int_equal(fixture.kind.deliver(fixture.kind.context, &delivery), 0);
        assert_int_equal(outcomes_wait(), 1);
        assert_false(outcome_of((int64_t)i)->delivered);
        assert_non_null(strstr(outcome_of((int64_t)i)->error, "export.own_host"));
    }
    assert_string_equal(server.request, "");
    fixture_stop(&fixture);
    server_stop(&server);
}

static void configuration_is_checked_by_name(void **state)
{
    (void)state;
    struct fixture fixture;
    struct why why;
    static const char *const bad[] = {
        "{}",
        "[]",
        "not json",
        "{\"url\":\"ftp://x/\"}",
        "{\"url\":\"https://x/\",\"insecure\":true}",
        "{\"url\":7}",
        "{\"url\":\"https://x/\",\"authorization\":\"a\\r\\nX: y\"}",
        "{\"url\":\"https://x/\",\"ca_file\":\"/nonexistent.pem\"}",
    };

    fixture_start(&fixture, 1000);
    assert_int_equal(fixture.kind.check(fixture.kind.context, "{\"url\":\"https://x/\"}", &why), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(fixture.kind.check(fixture.kind.context, bad[i], &why), REFUSED_INVALID);
    fixture_stop(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_the_body_under_its_idempotency_key),
        cmocka_unit_test(refusal_of_the_server_is_told_with_its_status),
        cmocka_unit_test(redirect_is_not_followed),
        cmocka_unit_test(sink_that_hangs_holds_no_other_back),
        cmocka_unit_test(nobody_listening_is_an_error_in_words),
        cmocka_unit_test(a_tenants_url_does_not_lead_into_the_daemons_own_machine),
        cmocka_unit_test(configuration_is_checked_by_name),
    };
    return cmocka_run_group_tests_name("sinks/http", tests, NULL, NULL);
}
