#include "tests/unit/core/world.h"

#include "daemon/core/list.h"
#include "daemon/core/selector.h"
#include "daemon/core/texts.h"

static const struct label labels[] = { { "site", "lyon" }, { "floor", "2" }, { "in", "x" }, { "a/b.c", "V_1-x" } };

static bool picks(const char *text)
{
    struct selector selector;
    struct why why;

    if (selector_parse(text, &selector, &why) != 0)
        fail_msg("%s: %s", text, why.what);
    return selector_matches(&selector, labels, sizeof(labels) / sizeof(labels[0]));
}

static void matches_what_kubernetes_would(void **state)
{
    (void)state;
    assert_true(picks(""));
    assert_true(picks("  "));
    assert_true(picks("site=lyon"));
    assert_true(picks("site==lyon"));
    assert_true(picks(" site = lyon , floor = 2 "));
    assert_false(picks("site=lyon,floor=3"));
    assert_true(picks("site!=paris"));
    assert_false(picks("site!=lyon"));
    assert_true(picks("floor in (1,2)"));
    assert_true(picks("floor in ( 2 )"));
    assert_false(picks("floor in (1,3)"));
    assert_true(picks("floor notin (1,3)"));
    assert_false(picks("floor notin (1,2)"));
    assert_true(picks("site"));
    assert_false(picks("roof"));
    assert_true(picks("!roof"));
    assert_false(picks("!site"));
    assert_true(picks("a/b.c=V_1-x"));
}

static void holds_negations_where_the_label_is_missing(void **state)
{
    (void)state;
    assert_true(picks("roof!=red"));
    assert_true(picks("roof notin (red,blue)"));
    assert_false(picks("roof in (red,blue)"));
}

static void takes_in_and_notin_as_names_of_labels(void **state)
{
    (void)state;
    assert_true(picks("in"));
    assert_true(picks("in in (x,y)"));
    assert_true(picks("!notin"));
    assert_false(picks("inside"));
}

static void says_where_a_selector_breaks_and_what_was_expected(void **state)
{
    static const struct {
        const char *text, *what;
    } cases[] = {
        { ",", "a label's name is expected at character 1, not ','" },
        { "site=", "a value is expected at the end" },
        { "site=lyon,", "a label's name is expected at the end" },
        { "site lyon", "',' or the end is expected at character 6, not 'l'" },
        { "site in lyon", "'(' is expected at character 9, not 'l'" },
        { "site in (lyon", "',' or ')' is expected at the end" },
        { "site in ()", "a value is expected at character 10, not ')'" },
        { "site=a;b", "',' or the end is expected at character 7, not ';'" },
        { "!", "a label's name is expected at the end" },
        { "site>3", "',' or the end is expected at character 5, not '>'" },
    };
    struct selector selector;
    struct why why;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(selector_parse(cases[i].text, &selector, &why), REFUSED_INVALID);
        assert_string_equal(why.what, cases[i].what);
        assert_string_equal(why.where, "selector");
    }
}

static void bounds_selectors(void **state)
{
    struct selector selector;
    char text[SELECTOR_SIZE + 1];

    (void)state;
    memset(text, 'a', sizeof(text));
    text[NAME_SIZE - 1] = '\0';
    assert_int_equal(selector_parse(text, &selector, NULL), 0);
    text[NAME_SIZE - 1] = 'a';
    text[NAME_SIZE] = '\0';
    assert_int_equal(selector_parse(text, &selector, NULL), REFUSED_INVALID);
    memset(text, ' ', sizeof(text));
    text[SELECTOR_SIZE] = '\0';
    assert_int_equal(selector_parse(text, &selector, NULL), REFUSED_INVALID);
    assert_int_equal(selector_parse("a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", &selector, NULL), 0);
    assert_int_equal(selector_parse("a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a", &selector, NULL), REFUSED_INVALID);
    assert_int_equal(
        selector_parse("k in (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)", &selector, NULL), 0);
    assert_int_equal(
        selector_parse("k in (1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)", &selector, NULL),
        REFUSED_INVALID);
}

static void reads_labels_to_set_and_to_remove(void **state)
{
    struct label out[3];
    struct why why;
    size_t count;

    (void)state;
    assert_int_equal(labels_parse("site=lyon, floor-,x-y=1", out, 3, &count, NULL), 0);
    assert_int_equal(count, 3);
    assert_string_equal(out[1].key, "floor");
    assert_string_equal(out[1].value, "");
    assert_string_equal(out[2].key, "x-y");
    assert_int_equal(labels_parse("", out, 3, &count, NULL), 0);
    assert_int_equal(count, 0);
    assert_int_equal(labels_parse("a=1,a=2", out, 3, &count, &why), REFUSED_INVALID);
    assert_string_equal(why.what, "the label a is given twice");
    assert_int_equal(labels_parse("a=1,b=1,c=1,d=1", out, 3, &count, NULL), REFUSED_INVALID);
    assert_int_equal(labels_parse("a", out, 3, &count, &why), REFUSED_INVALID);
    assert_string_equal(why.where, "labels");
    assert_int_equal(labels_parse("a=1;b", out, 3, &count, NULL), REFUSED_INVALID);
}

static void reads_comma_lists(void **state)
{
    uint32_t numbers[LIST_NUMBERS_MAX];
    char text[LIST_SIZE];
    size_t count;

    (void)state;
    assert_int_equal(list_numbers("0x31,50", numbers, &count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(numbers[0], 0x31);
    assert_int_equal(numbers[1], 50);
    assert_int_equal(list_write_hex(numbers, count, text), 0);
    assert_string_equal(text, "0x31,0x32");
    assert_int_equal(list_numbers("", numbers, &count), 0);
    assert_int_equal(count, 0);
    assert_true(list_has_number("*", 77));
    assert_true(list_has_number("1,2", 2));
    assert_false(list_has_number("12", 2));
    assert_false(list_has_number("", 0));
    assert_true(list_has_name("a,b", "b"));
    assert_false(list_has_name("ab", "b"));
    assert_false(list_has_name("", ""));
    assert_true(list_is_numbers("0,7", 7));
    assert_false(list_is_numbers("8", 7));
    assert_false(list_is_numbers("1,,2", 7));
    assert_false(list_is_numbers("0x", 7));
    assert_false(list_is_numbers("-1", 7));
    assert_true(list_is_names("load,temperature"));
    assert_false(list_is_names("Load"));
    assert_false(list_is_names("a,"));
}

static void says_durations_as_people_do(void **state)
{
    static const struct {
        int64_t ms;
        const char *words;
    } cases[] = { { 0, "0 s" },         { 81000, "81 s" },
                  { 119000, "119 s" },  { 185000, "3 min 5 s" },
                  { 900000, "15 min" }, { 7800000, "2 h 10 min" },
                  { 86400000, "24 h" }, { 604800000, "7 days" },
                  { 90000000, "25 h" }, { -5, "0 s" } };
    char out[DURATION_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        duration_words(cases[i].ms, out);
        assert_string_equal(out, cases[i].words);
    }
}

static void writes_details_that_stay_json_however_long_they_get(void **state)
{
    struct detail detail = DETAIL;
    struct detail empty = DETAIL;
    char value[600];

    (void)state;
    assert_string_equal(detail_end(&empty), "{}");
    detail_text(&detail, "a", "x\"\\\n");
    detail_number(&detail, "b", -7);
    detail_hex(&detail, "c", bytes_view("\x01\xff", 2));
    memset(value, 'v', sizeof(value));
    value[sizeof(value) - 1] = '\0';
    detail_text(&detail, "d", value);
    size_t size = detail.size;
    detail_text(&detail, "e", value); /* has no room */
    detail_number(&detail, "f", 1);   /* has */
    assert_int_equal(detail.size, size + strlen(",\"f\":1"));
    detail_end(&detail);
    assert_memory_equal(detail.text, "{\"a\":\"x\\\"\\\\\\u000a\",\"b\":-7,\"c\":\"01ff\",\"d\":\"v", 43);
    assert_string_equal(detail.text + detail.size - strlen(",\"f\":1,\"cut\":true}"), ",\"f\":1,\"cut\":true}");
}

static void knows_addresses_from_other_texts(void **state)
{
    static const char *const good[] = { "coap://[fd00::1]", "coap://[fd00::1]:5683",  "coap://[fe80::1%tap0]:1",
                                        "coap://127.0.0.1", "coap://127.0.0.1:65535", "coap://[::ffff:1.2.3.4]" };
    static const char *const bad[] = { "",
                                       "coap://",
                                       "coap://host",
                                       "coap://[fd00::1",
                                       "coap://[]",
                                       "coap://[fd00::1]:0",
                                       "coap://[fd00::1]:65536",
                                       "coap://[fd00::1]/x",
                                       "coap://1.2.3",
                                       "coap://1.2.3.4.5",
                                       "coap://1.2.3.4567",
                                       "http://1.2.3.4",
                                       "coap://[fd00::1]:",
                                       "coap://[fd00::1]:+1",
                                       "coap://[fe80::1%]x" };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(address_is_valid(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(address_is_valid(bad[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_what_kubernetes_would),
        cmocka_unit_test(holds_negations_where_the_label_is_missing),
        cmocka_unit_test(takes_in_and_notin_as_names_of_labels),
        cmocka_unit_test(says_where_a_selector_breaks_and_what_was_expected),
        cmocka_unit_test(bounds_selectors),
        cmocka_unit_test(reads_labels_to_set_and_to_remove),
        cmocka_unit_test(reads_comma_lists),
        cmocka_unit_test(says_durations_as_people_do),
        cmocka_unit_test(writes_details_that_stay_json_however_long_they_get),
        cmocka_unit_test(knows_addresses_from_other_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
