#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "device_proto/script.h"

static void names_what_is_wrong_and_in_which_line(void **state)
{
    static const struct {
        const char *text;
        size_t size;
        int reason;
        uint32_t line;
    } cases[] = {
        { "x = 1\n", 6, 0, 2 },
        { "# gr\xC3\xB6\xC3\x9F"
          "e \xE2\x82\xAC \xF0\x9F\x8C\xA1\n\tx",
          21, 0, 2 },
        { "", 0, SCRIPT_EMPTY, 1 },
        { "\xEF\xBB\xBFx", 4, SCRIPT_BYTE_ORDER_MARK, 1 },
        { "a\n\xFF", 3, SCRIPT_NOT_UTF8, 2 },
        { "\xC0\xAF", 2, SCRIPT_NOT_UTF8, 1 },         /* overlong */
        { "\xE0\x80\xAF", 3, SCRIPT_NOT_UTF8, 1 },     /* overlong */
        { "\xED\xA0\x80", 3, SCRIPT_NOT_UTF8, 1 },     /* a surrogate */
        { "\xF4\x90\x80\x80", 4, SCRIPT_NOT_UTF8, 1 }, /* beyond Unicode */
        { "\xE2\x82", 2, SCRIPT_NOT_UTF8, 1 },         /* cut */
        { "\x80", 1, SCRIPT_NOT_UTF8, 1 },
        { "a\nb\0c", 5, SCRIPT_CONTROL, 2 },
        { "a\r\n", 3, SCRIPT_CONTROL, 1 },
        { "\x1B[2J", 4, SCRIPT_CONTROL, 1 },
        { "0123456789012345678901234567890123456789", 41, SCRIPT_OVERSIZE, 1 },
    };
    uint32_t line;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(script_check(bytes_view(cases[i].text, cases[i].size), 40, &line), cases[i].reason);
        assert_int_equal(line, cases[i].line);
        assert_string_not_equal(script_reason_text(cases[i].reason), "unknown reason");
    }
    assert_string_equal(script_reason_text(99), "unknown reason");
}

static void bounds_the_length_of_a_line(void **state)
{
    char text[2 * SCRIPT_LINE_MAX + 4];
    uint32_t line;

    (void)state;
    memset(text, 'x', sizeof(text));
    text[SCRIPT_LINE_MAX] = '\n';
    text[2 * SCRIPT_LINE_MAX + 1] = '\n';
    assert_int_equal(script_check(bytes_view(text, 2 * SCRIPT_LINE_MAX + 2), sizeof(text), &line), 0);
    text[2 * SCRIPT_LINE_MAX + 1] = 'x';
    assert_int_equal(script_check(bytes_view(text, 2 * SCRIPT_LINE_MAX + 2), sizeof(text), &line), SCRIPT_LONG_LINE);
    assert_int_equal(line, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_what_is_wrong_and_in_which_line),
        cmocka_unit_test(bounds_the_length_of_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
