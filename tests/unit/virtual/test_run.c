/* Devices on real sockets: loopback, ports that are free. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

#include "device_proto/virtual/run.h"

enum { DEVICES = 5 };

struct bench {
    struct loop *loop;
    struct fleet fleet;
    struct run *run;
    struct endpoint base;
    int client;
    unsigned answers;
    char texts[DEVICES][64];
};

/* A UDP port that was free on 127.40.0.1 a moment ago. */
static void find_port(struct endpoint *out)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    socklen_t size = sizeof(out->address);

    assert_int_equal(endpoint_parse(bytes_of_text("127.40.0.1:0"), 0, out), -EINVAL);
    assert_int_equal(endpoint_parse(bytes_of_text("127.40.0.1"), 0, out), 0);
    assert_int_equal(bind(fd, &out->address.any, out->size), 0);
    assert_int_equal(getsockname(fd, &out->address.any, &size), 0);
    close(fd);
}

static void on_answer(void *context, int fd, uint32_t events)
{
    struct bench *bench = context;
    uint8_t datagram[512];
    struct coap_message message;

    (void)events;
    ssize_t size = recv(fd, datagram, sizeof(datagram), 0);
    assert_true(size > 0);
    assert_int_equal(coap_message_parse(bytes_view(datagram, (size_t)size), &message), 0);
    assert_true(message.id < DEVICES);
    snprintf(bench->texts[message.id], sizeof(bench->texts[0]), "%.*s", (int)message.payload.size,
             (const char *)message.payload.data);
    if (++bench->answers == DEVICES)
        loop_stop(bench->loop);
}

static void setup(struct bench *bench)
{
    char name[16];
    struct endpoint address;
    struct why why;

    *bench = (struct bench){ .client = -1 };
    bench->fleet.kind = kind_find("riot-tinypart");
    snprintf(bench->fleet.board, sizeof(bench->fleet.board), "native");
    crypto_openssl_proto(&bench->fleet.crypto);
    crypto_openssl_random(&bench->fleet.random);
    find_port(&bench->base);
    assert_int_equal(loop_new(&bench->loop), 0);
    assert_int_equal(run_new(bench->loop, &bench->fleet, DEVICES, &bench->run), 0);
    for (unsigned i = 0; i < DEVICES; i++) {
        snprintf(name, sizeof(name), "dev-%u", i + 1);
        assert_int_equal(run_address(&bench->base, i, &address), 0);
        assert_int_equal(run_add(bench->run, name, &address, &why), 0);
    }
    bench->client = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(loop_watch(bench->loop, bench->client, EPOLLIN, on_answer, bench), 0);
}

static void teardown(struct bench *bench)
{
    run_free(bench->run);
    loop_unwatch(bench->loop, bench->client);
    loop_free(bench->loop);
    close(bench->client);
}

static void each_device_answers_at_its_own_address(void **state)
{
    struct bench bench;
    struct endpoint address;

    (void)state;
    setup(&bench);
    for (uint16_t i = 0; i < DEVICES; i++) {
        uint8_t request[32];
        struct coap_message_writer writer;
        size_t size;
        coap_message_begin(&writer, request, sizeof(request), COAP_MSG_CON, COAP_MSG_GET, i, bytes_view(NULL, 0));
        coap_message_add_path(&writer, COAP_MSG_OPT_URI_PATH, bytes_of_text("riot/board"));
        assert_int_equal(coap_message_finish(&writer, &size), 0);
        assert_int_equal(run_address(&bench.base, i, &address), 0);
        assert_int_equal(sendto(bench.client, request, size, 0, &address.address.any, address.size), size);
    }
    assert_int_equal(loop_run(bench.loop), 0);
    for (size_t i = 0; i < DEVICES; i++)
        assert_string_equal(bench.texts[i], "native");
    teardown(&bench);
}

static void an_address_in_use_is_refused_with_words(void **state)
{
    struct bench bench;
    struct run *second;
    struct why why = { 0 };

    (void)state;
    setup(&bench);
    assert_int_equal(run_new(bench.loop, &bench.fleet, 1, &second), 0);
    assert_int_equal(run_add(second, "other", &bench.base, &why), REFUSED_INVALID);
    assert_non_null(strstr(why.what, "127.40.0.1"));
    run_free(second);
    teardown(&bench);
}

static void ipv4_counts_addresses_and_ipv6_ports(void **state)
{
    struct endpoint base, next;
    char text[ENDPOINT_TEXT_SIZE];

    (void)state;
    assert_int_equal(endpoint_parse(bytes_of_text("127.10.0.255"), 5683, &base), 0);
    assert_int_equal(run_address(&base, 1, &next), 0);
    endpoint_format(&next, text);
    assert_string_equal(text, "coap://127.10.1.0:5683");
    assert_int_equal(endpoint_parse(bytes_of_text("[::1]:6000"), 5683, &base), 0);
    assert_int_equal(run_address(&base, 4, &next), 0);
    endpoint_format(&next, text);
    assert_string_equal(text, "coap://[::1]:6004");
    assert_int_equal(run_address(&base, 60000, &next), -ERANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_device_answers_at_its_own_address),
        cmocka_unit_test(an_address_in_use_is_refused_with_words),
        cmocka_unit_test(ipv4_counts_addresses_and_ipv6_ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
