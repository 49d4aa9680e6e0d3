/* JSON bodies into structs: types, bounds, names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/api/body.h"

struct sample {
    const char *text;
    int64_t number;
    unsigned few;
    int64_t when_ms;
    int64_t ueps;
    const char *list;
    const char *object;
};

FORM(sample_form, struct sample, { "text", FIELD_TEXT, true, offsetof(struct sample, text), 1, 5 },
     { "number", FIELD_INTEGER, false, offsetof(struct sample, number), -5, 5 },
     { "few", FIELD_UNSIGNED, false, offsetof(struct sample, few), 0, 3 },
     { "when", FIELD_TIME, false, offsetof(struct sample, when_ms), 0, 0 },
     { "epsilon", FIELD_EPSILON, false, offsetof(struct sample, ueps), 0, 0 },
     { "list", FIELD_LIST, false, offsetof(struct sample, list), 0, 8 },
     { "object", FIELD_OBJECT, false, offsetof(struct sample, object), 0, 16 });

static void decodes_what_is_in_form(void **state)
{
    struct body body = { 0 };
    struct why why;

    (void)state;
    assert_int_equal(
        body_decode(bytes_of_text("{\"text\":\"h\xc3\xa9\",\"number\":-5,\"few\":3,\"when\":\"1970-01-02\","
                                  "\"epsilon\":\"0.25\",\"list\":[\"a\",\"b c\"],\"object\":{\"a\": [1]}}"),
                    &sample_form, &body, &why),
        0);
    const struct sample *sample = body.order;
    assert_string_equal(sample->text, "h\xc3\xa9");
    assert_int_equal(sample->number, -5);
    assert_int_equal(sample->few, 3);
    assert_int_equal(sample->when_ms, 86400000);
    assert_int_equal(sample->ueps, 250000);
    assert_string_equal(sample->list, "a,b c");
    assert_string_equal(sample->object, "{\"a\":[1]}");
    body_deinit(&body);
}

static void leaves_out_what_is_left_out(void **state)
{
    struct body body = { 0 };
    struct why why;

    (void)state;
    assert_int_equal(body_decode(bytes_of_text("{\"text\":\"a\",\"list\":[]}"), &sample_form, &body, &why), 0);
    const struct sample *sample = body.order;
    assert_string_equal(sample->list, "");
    assert_null(sample->object);
    assert_int_equal(sample->when_ms, 0);
    body_deinit(&body);
}

static void refuses_what_is_out_of_form(void **state)
{
    static const struct {
        const char *text;
        const char *where;
    } table[] = {
        { "", "body" },
        { "nul", "body" },
        { "null", "body" },
        { "\"text\"", "body" },
        { "{\"text\":\"a\"", "body" },
        { "{\"text\":\"a\\ud800\"}", "body" },
        { "{}", "text" },
        { "{\"text\":null}", "text" },
        { "{\"text\":\"\"}", "text" },
        { "{\"text\":\"123456\"}", "text" },
        { "{\"text\":1}", "text" },
        { "{\"text\":\"a\",\"number\":6}", "number" },
        { "{\"text\":\"a\",\"number\":-6}", "number" },
        { "{\"text\":\"a\",\"number\":1.0}", "number" },
        { "{\"text\":\"a\",\"number\":\"1\"}", "number" },
        { "{\"text\":\"a\",\"number\":99999999999999999999}", "body" },
        { "{\"text\":\"a\",\"few\":4}", "few" },
        { "{\"text\":\"a\",\"few\":true}", "few" },
        { "{\"text\":\"a\",\"when\":0}", "when" },
        { "{\"text\":\"a\",\"when\":\"2026-13-01\"}", "when" },
        { "{\"text\":\"a\",\"epsilon\":0.25}", "epsilon" },
        { "{\"text\":\"a\",\"epsilon\":\"1e3\"}", "epsilon" },
        { "{\"text\":\"a\",\"epsilon\":\"-0.1\"}", "epsilon" },
        { "{\"text\":\"a\",\"list\":{}}", "list" },
        { "{\"text\":\"a\",\"list\":[1]}", "list" },
        { "{\"text\":\"a\",\"list\":[\"\"]}", "list" },
        { "{\"text\":\"a\",\"list\":[\"a,b\"]}", "list" },
        { "{\"text\":\"a\",\"list\":[\"aaaa\",\"bbbb\"]}", "list" },
        { "{\"text\":\"a\",\"object\":[]}", "object" },
        { "{\"text\":\"a\",\"object\":{\"member\":\"value\"}}", "object" },
        { "{\"text\":\"a\",\"other\":1}", "other" },
        { "{\"text\":\"a\",\"Text\":\"a\"}", "Text" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct body body = { 0 };
        struct why why = { .what = "" };
        if (body_decode(bytes_of_text(table[i].text), &sample_form, &body, &why) != REFUSED_INVALID)
            fail_msg("not refused: %s", table[i].text);
        assert_string_equal(why.where, table[i].where);
        assert_true(strlen(why.what) > 0);
        body_deinit(&body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_what_is_in_form),
        cmocka_unit_test(leaves_out_what_is_left_out),
        cmocka_unit_test(refuses_what_is_out_of_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
