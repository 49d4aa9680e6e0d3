#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/transport_coap/bench.h"

static const struct bytes nothing = { NULL, 0 };
static const char links[] = "</sensors/temp>;rt=temperature-c;if=sensor,</bpf/exec/0>;rt=\"exec tinypart.slot\"";

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

static void assert_payload(const struct coap_message *got, const char *text)
{
    assert_int_equal(got->code, COAP_MSG_CONTENT);
    assert_int_equal(option_uint(got, COAP_MSG_OPT_CONTENT_FORMAT), COAP_MSG_FORMAT_LINK);
    if (!bytes_equal_text(got->payload, text))
        fail_msg("got %.*s", (int)got->payload.size, (const char *)got->payload.data);
}

static void add(struct bench *bench, int fd, uint16_t id, const char *query, const char *text)
{
    struct coap_message got =
        ask_simple(bench, fd, COAP_MSG_POST, id, "rd", query, COAP_MSG_FORMAT_LINK, bytes_of_text(text));

    assert_int_equal(got.code, COAP_MSG_CREATED);
}

static void a_registration_lives_from_its_location_to_its_removal(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    struct coap_message_cursor cursor;
    struct coap_message_option option;
    struct coap_message got;

    got = ask_simple(bench, fd, COAP_MSG_POST, 1, "rd", "ep=node1&d=lyon&lt=600&et=riot-tinypart", COAP_MSG_FORMAT_LINK,
                     bytes_of_text(links));
    assert_int_equal(got.code, COAP_MSG_CREATED);
    cursor = coap_message_cursor(&got);
    assert_true(coap_message_next_option(&cursor, &option));
    assert_int_equal(option.number, COAP_MSG_OPT_LOCATION_PATH);
    assert_true(bytes_equal_text(option.value, "rd"));
    assert_true(coap_message_next_option(&cursor, &option));
    assert_int_equal(option.number, COAP_MSG_OPT_LOCATION_PATH);
    assert_true(bytes_equal_text(option.value, "loc1"));
    assert_string_equal(bench->script.registry[0].links, links);
    assert_string_equal(bench->script.registry[0].sector, "lyon");
    assert_string_equal(bench->script.hint, "riot-tinypart");
    assert_int_equal(bench->script.registry[0].lifetime_s, 600);

    got = ask_simple(bench, fd, COAP_MSG_POST, 2, "rd/loc1", "lt=700&base=coap://[2001:db8::1]:61616", -1, nothing);
    assert_int_equal(got.code, COAP_MSG_CHANGED);
    assert_int_equal(bench->script.registry[0].lifetime_s, 700);
    assert_string_equal(bench->script.registry[0].base, "coap://[2001:db8::1]:61616");
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_POST, 3, "rd/loc1", NULL, -1, nothing).code, COAP_MSG_CHANGED);
    assert_int_equal(bench->script.registry[0].lifetime_s, 700);

    assert_int_equal(ask_simple(bench, fd, COAP_MSG_DELETE, 4, "rd/loc1", NULL, -1, nothing).code, COAP_MSG_DELETED);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_DELETE, 4, "rd/loc1", NULL, -1, nothing).code, COAP_MSG_DELETED);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_DELETE, 5, "rd/loc1", NULL, -1, nothing).code, COAP_MSG_NOT_FOUND);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_POST, 6, "rd/loc1", NULL, -1, nothing).code, COAP_MSG_NOT_FOUND);
    close(fd);
}

static void a_base_that_is_not_given_is_the_peers_address(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    struct sockaddr_in local;
    socklen_t size = sizeof(local);
    char wanted[ADDRESS_SIZE];

    add(bench, fd, 1, "ep=node1", links);
    getsockname(fd, (struct sockaddr *)&local, &size);
    snprintf(wanted, sizeof(wanted), "coap://127.0.0.1:%u", ntohs(local.sin_port));
    assert_string_equal(bench->script.registry[0].base, wanted);
    close(fd);
}

static void a_registration_out_of_form_is_refused_before_the_rules(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    struct bytes text = bytes_of_text(links);
    char long_name[80] = "ep=";

    memset(long_name + 3, 'a', 64);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_POST, 1, "rd", "lt=600", 40, text).code, COAP_MSG_BAD_REQUEST);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_POST, 2, "rd", "ep=a&lt=0", 40, text).code, COAP_MSG_BAD_REQUEST);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_POST, 3, "rd", "ep=a&lt=4294967296", 40, text).code,
                     COAP_MSG_BAD_REQUEST);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_POST, 4, "rd", long_name, 40, text).code, COAP_MSG_BAD_REQUEST);
    assert_int_equal(ask_simple(bench, fd, COAP_MSG_POST, 5, "rd", "ep=a", 50, text).code, COAP_MSG_UNSUPPORTED_FORMAT);
    assert_int_equal(bench->script.calls, 0);
    close(fd);
}

static void links_in_blocks_are_registered_whole(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    size_t size = strlen(links);

    assert_true(size > 64 && size < 128);
    assert_int_equal(ask_block1(bench, fd, 1, "rd", "ep=a", 40, 0 << 4 | 8 | 2, bytes_view(links, 64)).code,
                     COAP_MSG_CONTINUE);
    assert_int_equal(ask_block1(bench, fd, 2, "rd", "ep=a", 40, 1 << 4 | 2, bytes_view(links + 64, size - 64)).code,
                     COAP_MSG_CREATED);
    assert_string_equal(bench->script.registry[0].links, links);
    close(fd);
}

/* A lookup of endpoints, with all of its blocks. */
static void assert_endpoints(struct bench *bench, int fd, uint16_t id, const char *query, const char *wanted)
{
    struct coap_message got = ask_simple(bench, fd, COAP_MSG_GET, id, "rd-lookup/ep", query, -1, nothing);
    char whole[512];
    size_t size = 0;

    for (uint32_t block = 1;; block++) {
        uint32_t told = option_uint(&got, COAP_MSG_OPT_BLOCK2);

        assert_int_equal(got.code, COAP_MSG_CONTENT);
        assert_true(got.payload.size < sizeof(whole) - size);
        if (got.payload.size > 0)
            memcpy(whole + size, got.payload.data, got.payload.size);
        size += got.payload.size;
        if (told == UINT32_MAX || (told & 8) == 0)
            break;
        got = ask_block2(bench, fd, (uint16_t)(id + block), "rd-lookup/ep", query, block << 4 | (told & 7));
    }
    whole[size] = '\0';
    assert_string_equal(whole, wanted);
}

static void endpoints_are_looked_up_by_name_sector_and_what_they_link_to(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    static const char one[] = "</rd/loc1>;ep=node1;d=lyon;base=\"coap://[2001:db8::1]\";lt=600;rt=core.rd-ep";
    static const char two[] = "</rd/loc2>;ep=node2;base=\"coap://[2001:db8::2]\";lt=90000;rt=core.rd-ep";
    char both[300];

    snprintf(both, sizeof(both), "%s,%s", one, two);
    add(bench, fd, 1, "ep=node1&d=lyon&lt=600&base=coap://[2001:db8::1]", links);
    add(bench, fd, 2, "ep=node2&base=coap://[2001:db8::2]", "</x>;rt=other");
    struct {
        const char *query, *wanted;
    } cases[] = {
        { NULL, both },
        { "ep=node1", one },
        { "d=lyon", one },
        { "ep=node*", both },
        { "rt=temperature-c", one },
        { "rt=temp*", one },
        { "rt=tinypart.slot", one },
        { "ep=node2&rt=exec", "" },
        { "count=1", one },
        { "count=1&page=1", two },
        { "count=1&page=2", "" },
        { "href=/x", two },
        { "nonsense=1", "" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_endpoints(bench, fd, (uint16_t)(10 * (i + 1)), cases[i].query, cases[i].wanted);
    close(fd);
}

static void resources_are_looked_up_with_whole_addresses(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    struct coap_message got;

    add(bench, fd, 1, "ep=node1&base=coap://[2001:db8::1]:61616", links);
    add(bench, fd, 2, "ep=node2&base=coap://192.0.2.2", "</t>;anchor=\"/spot\",<coap://other/x>;rt=exec");
    got = ask_simple(bench, fd, COAP_MSG_GET, 3, "rd-lookup/res", "rt=temperature-c", -1, nothing);
    assert_payload(&got, "<coap://[2001:db8::1]:61616/sensors/temp>;rt=temperature-c;if=sensor");
    got = ask_simple(bench, fd, COAP_MSG_GET, 4, "rd-lookup/res", "ep=node2", -1, nothing);
    assert_payload(&got, "<coap://192.0.2.2/t>;anchor=\"coap://192.0.2.2/spot\",<coap://other/x>;rt=exec");
    got = ask_simple(bench, fd, COAP_MSG_GET, 5, "rd-lookup/res", "rt=exec&ep=node1", -1, nothing);
    assert_payload(&got, "<coap://[2001:db8::1]:61616/bpf/exec/0>;rt=\"exec tinypart.slot\"");
    close(fd);
}

static void a_long_lookup_comes_in_blocks_under_one_etag(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    static char whole[16384];
    size_t size = 0, links_seen = 1;
    struct coap_message got;
    struct bytes tag, first_tag = { NULL, 0 };
    uint8_t kept_tag[8];
    uint32_t block = 0;

    for (uint16_t i = 0; i < 60; i++) {
        char query[64];

        snprintf(query, sizeof(query), "ep=node-%u&base=coap://192.0.2.%u", i, i + 1u);
        add(bench, fd, i, query, links);
    }
    do {
        got = block == 0 ? ask_simple(bench, fd, COAP_MSG_GET, 100, "rd-lookup/ep", NULL, -1, nothing)
                         : ask_block2(bench, fd, (uint16_t)(100 + block), "rd-lookup/ep", NULL, block << 4 | 3);
        assert_int_equal(got.code, COAP_MSG_CONTENT);
        assert_true(got.payload.size <= 128);
        assert_true(coap_message_find_option(&got, COAP_MSG_OPT_ETAG, &tag));
        if (block == 0)
            first_tag = bytes_view(memcpy(kept_tag, tag.data, 8), 8);
        assert_true(bytes_equal(tag, first_tag));
        memcpy(whole + size, got.payload.data, got.payload.size);
        size += got.payload.size;
        block++;
    } while (option_uint(&got, COAP_MSG_OPT_BLOCK2) != UINT32_MAX && (option_uint(&got, COAP_MSG_OPT_BLOCK2) & 8));
    for (size_t i = 0; i < size; i++)
        links_seen += whole[i] == ',';
    assert_int_equal(links_seen, 60);
    close(fd);
}

/* A forged sender must not turn a small datagram into large ones for somebody else. */
static void a_lookups_blocks_stay_small_whatever_is_asked_for(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    struct coap_message got;

    for (uint16_t i = 0; i < 60; i++) {
        char query[64];

        snprintf(query, sizeof(query), "ep=node-%u&base=coap://192.0.2.%u", i, i + 1u);
        add(bench, fd, i, query, links);
    }
    got = ask_block2(bench, fd, 100, "rd-lookup/ep", NULL, 0 << 4 | 6);
    assert_int_equal(option_uint(&got, COAP_MSG_OPT_BLOCK2), 0 << 4 | 8 | 3);
    assert_int_equal(got.payload.size, 128);
    got = ask_block2(bench, fd, 101, "rd-lookup/ep", NULL, 1 << 4 | 6);
    assert_int_equal(option_uint(&got, COAP_MSG_OPT_BLOCK2), 8 << 4 | 8 | 3); /* the same place in smaller blocks */
    got = ask_block2(bench, fd, 102, "rd-lookup/ep", NULL, 4 << 4 | 2);
    assert_int_equal(option_uint(&got, COAP_MSG_OPT_BLOCK2), 4 << 4 | 8 | 2);
    assert_int_equal(ask_block2(bench, fd, 103, "rd-lookup/ep", NULL, 4000 << 4 | 6).code, COAP_MSG_BAD_REQUEST);
    close(fd);
}

static void a_lookups_later_blocks_belong_to_its_first_one(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    struct coap_message got;
    uint8_t second[128], etag[8];
    struct bytes tag;

    for (uint16_t i = 0; i < 9; i++) {
        char query[64];

        snprintf(query, sizeof(query), "ep=node-%u&base=coap://192.0.2.%u", i, i + 1u);
        add(bench, fd, i, query, links);
    }
    ask_simple(bench, fd, COAP_MSG_GET, 100, "rd-lookup/ep", NULL, -1, nothing);
    got = ask_block2(bench, fd, 101, "rd-lookup/ep", NULL, 1 << 4 | 3);
    memcpy(second, got.payload.data, sizeof(second));
    assert_true(coap_message_find_option(&got, COAP_MSG_OPT_ETAG, &tag));
    memcpy(etag, tag.data, sizeof(etag));
    bench->script.registry[0].lifetime_s = 1; /* "lt" stands in the first block: all after it moves */
    got = ask_block2(bench, fd, 102, "rd-lookup/ep", NULL, 1 << 4 | 3);
    assert_memory_equal(got.payload.data, second, sizeof(second));
    assert_true(coap_message_find_option(&got, COAP_MSG_OPT_ETAG, &tag));
    assert_memory_equal(tag.data, etag, sizeof(etag));
    ask_simple(bench, fd, COAP_MSG_GET, 103, "rd-lookup/res", "ep=node-3", -1, nothing); /* takes the place */
    got = ask_block2(bench, fd, 104, "rd-lookup/ep", NULL, 1 << 4 | 3);
    assert_memory_not_equal(got.payload.data, second, sizeof(second));
    assert_true(coap_message_find_option(&got, COAP_MSG_OPT_ETAG, &tag));
    assert_memory_not_equal(tag.data, etag, sizeof(etag));
    close(fd);
}

static void the_daemons_own_links_can_be_filtered(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);
    struct coap_message got = ask_simple(bench, fd, COAP_MSG_GET, 1, ".well-known/core", NULL, -1, nothing);

    assert_payload(&got, "</rd>;rt=core.rd;ct=40,</rd-lookup/ep>;rt=core.rd-lookup-ep;ct=40,"
                         "</rd-lookup/res>;rt=core.rd-lookup-res;ct=40,"
                         "</t>;rt=tinypart.telemetry;ct=\"110 112\",</r>;rt=tinypart.report");
    got = ask_simple(bench, fd, COAP_MSG_GET, 2, ".well-known/core", "rt=core.rd", -1, nothing);
    assert_payload(&got, "</rd>;rt=core.rd;ct=40");
    got = ask_simple(bench, fd, COAP_MSG_GET, 3, ".well-known/core", "rt=core.rd-lookup-*", -1, nothing);
    assert_payload(&got, "</rd-lookup/ep>;rt=core.rd-lookup-ep;ct=40,</rd-lookup/res>;rt=core.rd-lookup-res;ct=40");
    close(fd);
}

/* RIOT's client takes the first link of whatever the first datagram holds, and its whole packet has 128 bytes. */
static void discovery_is_one_small_datagram_that_begins_with_the_directory(void **state)
{
    static const char *const asked[] = { "rt=core.rd", "rt=core.rd*" };
    struct bench *bench = *state;
    int fd = client_open(bench);

    for (size_t i = 0; i < 2; i++) {
        struct coap_message got =
            ask_simple(bench, fd, COAP_MSG_GET, (uint16_t)(1 + i), ".well-known/core", asked[i], -1, nothing);
        struct bytes ignored;
        assert_int_equal(option_uint(&got, COAP_MSG_OPT_CONTENT_FORMAT), COAP_MSG_FORMAT_LINK);
        assert_false(coap_message_find_option(&got, COAP_MSG_OPT_BLOCK2, &ignored));
        assert_memory_equal(got.payload.data, "</rd>;", strlen("</rd>;"));
        assert_true(got.payload.size <= 110);
    }
    close(fd);
}

/* The device's side of a GET from the daemon: reads it, checks it, answers with one block or all. */
static void answer_core(struct bench *bench, int fd, uint32_t wanted_block, bool in_blocks)
{
    uint8_t bytes[1500];
    struct sockaddr_in from;
    struct coap_message got;
    struct coap_message_writer writer;
    char path[32];
    size_t size = receive(bench, fd, bytes, sizeof(bytes), &from), total = strlen(links);
    size_t offset = in_blocks ? (wanted_block == UINT32_MAX ? 0 : (wanted_block >> 4) * 32) : 0;
    bool more = in_blocks && total - offset > 32;
    uint8_t reply[1500];

    assert_int_equal(coap_message_parse(bytes_view(bytes, size), &got), 0);
    assert_int_equal(got.type, COAP_MSG_CON);
    assert_int_equal(got.code, COAP_MSG_GET);
    assert_int_equal(coap_message_path(&got, path, sizeof(path)), 0);
    assert_string_equal(path, ".well-known/core");
    assert_int_equal(option_uint(&got, COAP_MSG_OPT_BLOCK2), wanted_block);
    coap_message_begin(&writer, reply, sizeof(reply), COAP_MSG_ACK, COAP_MSG_CONTENT, got.id, got.token);
    coap_message_add_uint(&writer, COAP_MSG_OPT_CONTENT_FORMAT, COAP_MSG_FORMAT_LINK);
    if (in_blocks)
        coap_message_add_uint(&writer, COAP_MSG_OPT_BLOCK2, (uint32_t)(offset / 32) << 4 | (more ? 8 : 0) | 1);
    coap_message_add_payload(&writer, bytes_view(links + offset, more ? 32 : total - offset));
    assert_int_equal(coap_message_finish(&writer, &size), 0);
    assert_int_equal(sendto(fd, reply, size, 0, (struct sockaddr *)&from, sizeof(from)), size);
}

/* Announces from a socket that then plays the device. */
static struct coap_message announce(struct bench *bench, int fd, uint16_t id, const char *query)
{
    struct sockaddr_in daemon = { .sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(bench->port) };
    static uint8_t reply[256];
    struct coap_message message;
    struct asking asking;
    size_t size = 0;

    ask_begin(&asking, COAP_MSG_POST, id, ".well-known/rd");
    ask_query(&asking, query);
    assert_int_equal(coap_message_finish(&asking.writer, &size), 0);
    assert_int_equal(sendto(fd, asking.bytes, size, 0, (struct sockaddr *)&daemon, sizeof(daemon)), size);
    size = receive(bench, fd, reply, sizeof(reply), NULL);
    assert_int_equal(coap_message_parse(bytes_view(reply, size), &message), 0);
    return message;
}

static void simple_registration_is_answered_first_and_then_reads_the_links(void **state)
{
    struct bench *bench = *state;
    uint16_t port;
    int fd = device_open(&port);
    char base[ADDRESS_SIZE];

    assert_int_equal(announce(bench, fd, 1, "ep=node1").code, COAP_MSG_CHANGED);
    answer_core(bench, fd, UINT32_MAX, false);
    await_registrations(bench, 1);
    assert_string_equal(bench->script.registry[0].endpoint, "node1");
    assert_string_equal(bench->script.registry[0].links, links);
    snprintf(base, sizeof(base), "coap://127.0.0.1:%u", port);
    assert_string_equal(bench->script.registry[0].base, base);
    close(fd);
}

static void simple_registration_follows_the_peers_blocks(void **state)
{
    struct bench *bench = *state;
    uint16_t port;
    int fd = device_open(&port);

    assert_int_equal(announce(bench, fd, 1, "ep=node1").code, COAP_MSG_CHANGED);
    answer_core(bench, fd, UINT32_MAX, true);
    answer_core(bench, fd, 1 << 4 | 1, true);
    answer_core(bench, fd, 2 << 4 | 1, true);
    await_registrations(bench, 1);
    assert_string_equal(bench->script.registry[0].links, links);
    close(fd);
}

static void simple_registration_cannot_point_the_daemon_elsewhere(void **state)
{
    struct bench *bench = *state;
    int fd = client_open(bench);

    assert_int_equal(
        ask_simple(bench, fd, COAP_MSG_POST, 1, ".well-known/rd", "ep=a&base=coap://192.0.2.1", -1, nothing).code,
        COAP_MSG_BAD_REQUEST);
    close(fd);
}

static void simple_registrations_beyond_the_table_are_told_to_come_again(void **state)
{
    struct transport_coap_settings settings = { .collects_max = 2 };
    struct bench *bench = bench_open(&settings);
    uint16_t port;
    int fds[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        char query[16];

        fds[i] = device_open(&port);
        snprintf(query, sizeof(query), "ep=node%d", i);
        assert_int_equal(announce(bench, fds[i], 1, query).code, i < 2 ? COAP_MSG_CHANGED : COAP_MSG_UNAVAILABLE);
    }
    assert_int_equal(transport_coap_counted(bench->transport, TRANSPORT_COAP_COLLECTS_REFUSED), 1);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    bench_close(bench);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)
    const struct CMUnitTest tests[] = {
        T(a_registration_lives_from_its_location_to_its_removal),
        T(a_base_that_is_not_given_is_the_peers_address),
        T(a_registration_out_of_form_is_refused_before_the_rules),
        T(links_in_blocks_are_registered_whole),
        T(endpoints_are_looked_up_by_name_sector_and_what_they_link_to),
        T(resources_are_looked_up_with_whole_addresses),
        T(a_long_lookup_comes_in_blocks_under_one_etag),
        T(a_lookups_blocks_stay_small_whatever_is_asked_for),
        T(a_lookups_later_blocks_belong_to_its_first_one),
        T(the_daemons_own_links_can_be_filtered),
        T(discovery_is_one_small_datagram_that_begins_with_the_directory),
        T(simple_registration_is_answered_first_and_then_reads_the_links),
        T(simple_registration_follows_the_peers_blocks),
        T(simple_registration_cannot_point_the_daemon_elsewhere),
        cmocka_unit_test(simple_registrations_beyond_the_table_are_told_to_come_again),
    };
    return cmocka_run_group_tests_name("the resource directory on the wire", tests, NULL, NULL);
}
