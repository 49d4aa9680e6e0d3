#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "device_proto/json_reader.h"

static struct json_reader on(const char *text)
{
    struct json_reader reader = { bytes_of_text(text) };

    return reader;
}

static void takes_every_kind_of_token(void **state)
{
    static const enum json_token_kind kinds[] = {
        JSON_ARRAY_BEGIN, JSON_OBJECT_BEGIN, JSON_STRING, JSON_COLON, JSON_NUMBER,
        JSON_COMMA,       JSON_STRING,       JSON_COLON,  JSON_TRUE,  JSON_OBJECT_END,
        JSON_COMMA,       JSON_FALSE,        JSON_COMMA,  JSON_NULL,  JSON_ARRAY_END,
    };
    struct json_reader reader = on(" [{\"a\" :\t-1.5e3,\n\"b\":true},false\r,null] ");

    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        assert_int_equal(json_peek(&reader), kinds[i]);
        assert_int_equal(json_next(&reader).kind, kinds[i]);
    }
    assert_true(json_at_end(&reader));
    assert_int_equal(json_next(&reader).kind, JSON_MALFORMED);
}

static void refuses_what_is_no_token(void **state)
{
    static const char *const texts[] = { "",          "nul", "truth",    "fals",         "\"open",           "\"a\nb\"",
                                         "\"a\x01\"", "'a'", "\"\x80\"", "\"\xc0\xaf\"", "\"\xed\xa0\x80\"", "?" };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct json_reader reader = on(texts[i]);

        assert_int_equal(json_skip(&reader, 4), JSON_BAD_VALUE);
    }
}

static int unescape(const char *text, char out[32], size_t capacity)
{
    struct json_reader reader = on(text);
    struct json_token token = json_next(&reader);
    size_t size = 0;
    int r;

    assert_int_equal(token.kind, JSON_STRING);
    r = json_unescape(&token, (uint8_t *)out, capacity, &size);
    out[r == 0 ? size : 0] = '\0';
    return r;
}

static void resolves_escapes(void **state)
{
    static const struct {
        const char *text;
        const char *value;
    } cases[] = {
        { "\"plain\"", "plain" },
        { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t" },
        { "\"\\u0041\\u00e9\\u20AC\"", "A\xc3\xa9\xe2\x82\xac" },
        { "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80" },
    };
    char out[32];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(unescape(cases[i].text, out, sizeof(out) - 1), 0);
        assert_string_equal(out, cases[i].value);
    }
    assert_int_equal(unescape("\"\\u20ac\"", out, 2), JSON_NO_ROOM);
    assert_int_equal(unescape("\"abc\"", out, 2), JSON_NO_ROOM);
}

static void refuses_escapes_that_mean_nothing(void **state)
{
    static const char *const texts[] = {
        "\"\\q\"",     "\"\\u12\"",          "\"\\u12g4\"",       "\"\\u0000\"",
        "\"\\ud83d\"", "\"\\ud83d\\u0041\"", "\"\\ud83dxxxxxx\"", "\"\\ude00\"",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct json_reader reader = on(texts[i]);
        struct json_token token = json_next(&reader);
        uint8_t out[32];
        size_t size;

        if (token.kind == JSON_STRING)
            assert_int_equal(json_unescape(&token, out, sizeof(out), &size), JSON_BAD_ESCAPE);
        else
            assert_int_equal(token.kind, JSON_MALFORMED);
    }
}

static void skips_whole_values_only(void **state)
{
    static const struct {
        const char *text;
        int refusal;
    } cases[] = {
        { "{}", 0 },
        { "[]", 0 },
        { "[1,[2,{\"a\":[3]}]]", 0 },
        { "{\"a\":1,\"b\":[]}", 0 },
        { "[1,]", JSON_BAD_VALUE },
        { "[1 2]", JSON_BAD_VALUE },
        { "[1", JSON_BAD_VALUE },
        { "{\"a\"}", JSON_BAD_VALUE },
        { "{\"a\":}", JSON_BAD_VALUE },
        { "{a:1}", JSON_BAD_VALUE },
        { "{\"a\":1,}", JSON_BAD_VALUE },
        { "{\"a\":1 \"b\":2}", JSON_BAD_VALUE },
        { "]", JSON_BAD_VALUE },
        { ",", JSON_BAD_VALUE },
        { "[[[[[1]]]]]", JSON_TOO_DEEP },
        { "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}", JSON_TOO_DEEP },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct json_reader reader = on(cases[i].text);

        assert_int_equal(json_skip(&reader, 4), cases[i].refusal);
        assert_true(cases[i].refusal != 0 || json_at_end(&reader));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_every_kind_of_token), cmocka_unit_test(refuses_what_is_no_token),
        cmocka_unit_test(resolves_escapes),          cmocka_unit_test(refuses_escapes_that_mean_nothing),
        cmocka_unit_test(skips_whole_values_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
