#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "device_proto/link_format.h"

static void reads_what_a_device_lists(void **state)
{
    struct link_format_reader reader =
        link_format_reader(bytes_of_text("</sensors/temp>;rt=temperature-c;if=sensor,\n"
                                         "<http://www.example.com/sensors/temp>;\n"
                                         "  anchor=\"/sensors/temp\";rel=describedby;obs"));
    struct link_format_attribute attribute;
    struct link_format_link link;

    (void)state;
    assert_int_equal(link_format_next(&reader, &link), 0);
    assert_true(bytes_equal_text(link.target, "/sensors/temp"));
    assert_true(link_format_find(&link, "rt", &attribute));
    assert_true(bytes_equal_text(attribute.value, "temperature-c"));
    assert_false(link_format_find(&link, "r", &attribute));
    assert_int_equal(link_format_next(&reader, &link), 0);
    assert_true(link_format_find(&link, "anchor", &attribute));
    assert_true(attribute.quoted);
    assert_true(bytes_equal_text(attribute.value, "/sensors/temp"));
    assert_true(link_format_find(&link, "obs", &attribute));
    assert_false(attribute.has_value);
    assert_int_equal(link_format_next(&reader, &link), LINK_FORMAT_END);
    assert_int_equal(link_format_next(&reader, &link), LINK_FORMAT_END);
}

static void reads_the_lists_of_stock_devices(void **state)
{
    static const char *const lists[] = {
        "</.well-known/core>,</bpf/exec/0>,</bpf/exec/1>,</riot/board>,</suit/>",
        "</riot/board>,</suit/version>,</suit/trigger>,</.well-known/core>",
    };
    size_t count;

    (void)state;
    assert_int_equal(link_format_check(bytes_of_text(lists[0]), 16, &count), 0);
    assert_int_equal(count, 5);
    assert_int_equal(link_format_check(bytes_of_text(lists[1]), 16, &count), 0);
    assert_int_equal(count, 4);
    assert_int_equal(link_format_check(bytes_of_text(lists[1]), 3, &count), LINK_FORMAT_TOO_MANY_LINKS);
    assert_int_equal(link_format_check(bytes_of_text(""), 0, &count), 0);
    assert_int_equal(count, 0);
}

static void resolves_escapes_in_quotes(void **state)
{
    struct link_format_reader reader = link_format_reader(bytes_of_text("</a>;title=\"say \\\"hi\\\", \\\\ ;\";x=1"));
    struct link_format_attribute attribute;
    struct link_format_link link;
    char out[32];
    size_t size;

    (void)state;
    assert_int_equal(link_format_next(&reader, &link), 0);
    assert_true(link_format_find(&link, "title", &attribute));
    assert_int_equal(link_format_unescape(&attribute, out, sizeof(out), &size), 0);
    assert_true(bytes_equal_text(bytes_view(out, size), "say \"hi\", \\ ;"));
    assert_int_equal(link_format_unescape(&attribute, out, 3, &size), LINK_FORMAT_NO_ROOM);
    assert_true(link_format_find(&link, "x", &attribute));
}

static void names_each_way_to_be_malformed(void **state)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        { "/a", LINK_FORMAT_NO_TARGET },
        { ",</a>", LINK_FORMAT_NO_TARGET },
        { "</a", LINK_FORMAT_TARGET_OPEN },
        { "</a b>", LINK_FORMAT_BAD_TARGET },
        { "</a<>", LINK_FORMAT_BAD_TARGET },
        { "</a>;", LINK_FORMAT_BAD_NAME },
        { "</a>;;x", LINK_FORMAT_BAD_NAME },
        { "</a>;=1", LINK_FORMAT_BAD_NAME },
        { "</a>;x=", LINK_FORMAT_BAD_VALUE },
        { "</a>;x=,</b>", LINK_FORMAT_BAD_VALUE },
        { "</a>;x=\"", LINK_FORMAT_QUOTE_OPEN },
        { "</a>;x=\"a\\", LINK_FORMAT_QUOTE_OPEN },
        { "</a>;x=\"\x01\"", LINK_FORMAT_QUOTE_OPEN },
        { "</a></b>", LINK_FORMAT_SEPARATOR },
        { "</a>,", LINK_FORMAT_SEPARATOR },
        { "</a>;x=1 y", LINK_FORMAT_SEPARATOR },
        { "</a>;x=\"1\"2", LINK_FORMAT_SEPARATOR },
    };
    size_t count;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(link_format_check(bytes_of_text(cases[i].text), 8, &count), cases[i].status);
        assert_string_not_equal(link_format_status_text(cases[i].status), "unknown status");
    }
    assert_string_equal(link_format_status_text(-1), "unknown status");
}

static void refuses_more_attributes_than_its_bound(void **state)
{
    char text[8 + 2 * (LINK_FORMAT_ATTRIBUTES_MAX + 1)] = "</a>";
    size_t size = 4, count;

    (void)state;
    for (unsigned i = 0; i <= LINK_FORMAT_ATTRIBUTES_MAX; i++) {
        text[size++] = ';';
        text[size++] = 'x';
    }
    assert_int_equal(link_format_check(bytes_view(text, size - 2), 1, &count), 0);
    assert_int_equal(link_format_check(bytes_view(text, size), 1, &count), LINK_FORMAT_TOO_MANY_ATTRIBUTES);
}

static void finds_words_as_filters_ask(void **state)
{
    struct bytes value = bytes_of_text("core.rd core.rd-lookup-ep");

    (void)state;
    assert_true(link_format_has_word(value, bytes_of_text("core.rd")));
    assert_true(link_format_has_word(value, bytes_of_text("core.rd-lookup*")));
    assert_true(link_format_has_word(value, bytes_of_text("*")));
    assert_false(link_format_has_word(value, bytes_of_text("core")));
    assert_false(link_format_has_word(value, bytes_of_text("core.rd-lookup-epx*")));
    assert_false(link_format_has_word(bytes_of_text(""), bytes_of_text("*")));
}

static void writes_what_it_can_read_back(void **state)
{
    struct link_format_writer writer;
    char out[256];
    size_t size, count;

    (void)state;
    link_format_begin(&writer, out, sizeof(out));
    link_format_add_link(&writer, bytes_of_text("/rd"));
    link_format_add(&writer, "rt", bytes_of_text("core.rd"));
    link_format_add_uint(&writer, "ct", 40);
    link_format_add_link(&writer, bytes_of_text("/rd/1"));
    link_format_add(&writer, "ep", bytes_of_text("a \"b\" \\"));
    link_format_add(&writer, "base", bytes_of_text("coap://[::1]"));
    link_format_add(&writer, "d", bytes_of_text(""));
    link_format_add_flag(&writer, "obs");
    assert_int_equal(link_format_finish(&writer, &size), 0);
    assert_true(bytes_equal_text(bytes_view(out, size), "</rd>;rt=core.rd;ct=40,</rd/1>;ep=\"a \\\"b\\\" \\\\\";"
                                                        "base=\"coap://[::1]\";d=\"\";obs"));
    assert_int_equal(link_format_check(bytes_view(out, size), 2, &count), 0);
    assert_int_equal(count, 2);
}

static void copies_attributes_as_they_stood(void **state)
{
    struct link_format_reader reader = link_format_reader(bytes_of_text("</a>;rt=\"x \\\" y\" ; if = sensor;obs"));
    struct link_format_attribute attribute;
    struct link_format_writer writer;
    struct link_format_link link;
    struct bytes attributes;
    char out[64];
    size_t size;

    (void)state;
    assert_int_equal(link_format_next(&reader, &link), 0);
    link_format_begin(&writer, out, sizeof(out));
    link_format_add_link(&writer, bytes_of_text("coap://[::1]/a"));
    attributes = link.attributes;
    while (link_format_next_attribute(&attributes, &attribute))
        link_format_add_attribute(&writer, &attribute);
    assert_int_equal(link_format_finish(&writer, &size), 0);
    assert_true(bytes_equal_text(bytes_view(out, size), "<coap://[::1]/a>;rt=\"x \\\" y\";if=sensor;obs"));
}

static void refuses_to_write_what_nobody_could_read(void **state)
{
    struct link_format_writer writer;
    char out[8];
    size_t size;

    (void)state;
    link_format_begin(&writer, out, sizeof(out));
    link_format_add_link(&writer, bytes_of_text("/a>b"));
    assert_int_equal(link_format_finish(&writer, &size), LINK_FORMAT_BAD_TARGET);
    link_format_begin(&writer, out, sizeof(out));
    link_format_add_flag(&writer, "x");
    assert_int_equal(link_format_finish(&writer, &size), LINK_FORMAT_NO_TARGET);
    link_format_begin(&writer, out, sizeof(out));
    link_format_add_link(&writer, bytes_of_text("/toolong"));
    assert_int_equal(link_format_finish(&writer, &size), LINK_FORMAT_NO_ROOM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_a_device_lists),
        cmocka_unit_test(reads_the_lists_of_stock_devices),
        cmocka_unit_test(resolves_escapes_in_quotes),
        cmocka_unit_test(names_each_way_to_be_malformed),
        cmocka_unit_test(refuses_more_attributes_than_its_bound),
        cmocka_unit_test(finds_words_as_filters_ask),
        cmocka_unit_test(writes_what_it_can_read_back),
        cmocka_unit_test(copies_attributes_as_they_stood),
        cmocka_unit_test(refuses_to_write_what_nobody_could_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
