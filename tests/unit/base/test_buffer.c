#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "daemon/base/buffer.h"

static void writes(const char *text, const char *expected)
{
    struct buffer buffer;

    buffer_init(&buffer, 1000);
    buffer_json(&buffer, text);
    assert_int_equal(buffer.fault, 0);
    assert_string_equal((const char *)buffer.data, expected);
    buffer_deinit(&buffer);
}

static void json_text_is_quoted_and_escaped(void **state)
{
    (void)state;
    writes("", "\"\"");
    writes("site=lyon", "\"site=lyon\"");
    writes("a\"b\\c\n\x01", "\"a\\\"b\\\\c\\u000a\\u0001\"");
    writes("\xc2\xb0"
           "C \xe2\x82\xac \xf0\x9f\x8c\xa1",
           "\"\xc2\xb0"
           "C \xe2\x82\xac \xf0\x9f\x8c\xa1\"");
}

static void bytes_that_are_no_utf8_are_replaced_in_json_text(void **state)
{
    (void)state;
    writes("a\x80z", "\"a\xef\xbf\xbdz\"");
    writes("\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"");                   /* cut off */
    writes("\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"");                   /* overlong */
    writes("\xed\xa0\x80!", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd!\""); /* surrogate */
}

static void a_text_over_the_bound_is_a_fault_that_sticks(void **state)
{
    struct buffer buffer;

    (void)state;
    buffer_init(&buffer, 4);
    buffer_text(&buffer, "abc");
    buffer_text(&buffer, "de");
    buffer_text(&buffer, "f");
    assert_int_equal(buffer.fault, -E2BIG);
    assert_string_equal((const char *)buffer.data, "abc");
    buffer_deinit(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_text_is_quoted_and_escaped),
        cmocka_unit_test(bytes_that_are_no_utf8_are_replaced_in_json_text),
        cmocka_unit_test(a_text_over_the_bound_is_a_fault_that_sticks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
