#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>

#include "daemon/base/refusal.h"
#include "daemon/transport_coap/peer.h"

static void assert_round_trip(const char *uri, const char *wanted)
{
    union socket_address address;
    struct peer peer;
    char text[ADDRESS_SIZE];

    assert_int_equal(address_parse(uri, &address), 0);
    peer = peer_of(&address.any, false);
    peer_format(&peer, text);
    assert_string_equal(text, wanted);
}

static void addresses_read_and_write(void **state)
{
    (void)state;
    assert_round_trip("coap://[2001:db8::1]:61616", "coap://[2001:db8::1]:61616");
    assert_round_trip("coap://[2001:DB8:0::1]", "coap://[2001:db8::1]:5683");
    assert_round_trip("coap://192.0.2.1:1/", "coap://192.0.2.1:1");
    assert_round_trip("coap://[::ffff:192.0.2.1]:7", "coap://192.0.2.1:7");
    assert_round_trip("coap://[fe80::1%lo]:5683", "coap://[fe80::1%lo]:5683");
}

static void the_longest_address_fits(void **state)
{
    struct peer peer = { .secure = true, .port = 65535, .scope = 1 };
    char text[ADDRESS_SIZE];

    (void)state;
    memset(peer.ip, 0xfe, sizeof(peer.ip));
    peer_format(&peer, text);
    assert_string_equal(text, "coaps://[fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe%lo]:65535");
}

static void a_peer_is_the_same_by_either_socket(void **state)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(9) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(9), .sin6_flowinfo = 77 };
    struct peer one, other, secure;

    (void)state;
    inet_pton(AF_INET, "192.0.2.1", &v4.sin_addr);
    inet_pton(AF_INET6, "::ffff:192.0.2.1", &v6.sin6_addr);
    one = peer_of((struct sockaddr *)&v4, false);
    other = peer_of((struct sockaddr *)&v6, false);
    secure = peer_of((struct sockaddr *)&v6, true);
    assert_true(peer_equal(&one, &other));
    assert_false(peer_equal(&one, &secure));
}

static void a_listening_address_may_leave_out_its_port(void **state)
{
    union socket_address address;

    (void)state;
    assert_int_equal(address_parse_listen("[::]", 5684, &address), 0);
    assert_int_equal(address_port(&address), 5684);
    assert_int_equal(address_parse_listen("0.0.0.0:0", 5684, &address), 0);
    assert_int_equal(address_port(&address), 0);
    assert_int_equal(address_parse_listen("::1", 5684, &address), REFUSED_INVALID);
    assert_int_equal(address_parse_listen("127.0.0.1:", 5684, &address), REFUSED_INVALID);
    assert_int_equal(address_parse_listen("", 5684, &address), REFUSED_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_read_and_write),
        cmocka_unit_test(the_longest_address_fits),
        cmocka_unit_test(a_peer_is_the_same_by_either_socket),
        cmocka_unit_test(a_listening_address_may_leave_out_its_port),
    };
    return cmocka_run_group_tests_name("addresses of peers", tests, NULL, NULL);
}
