#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "daemon/base/buffer.h"
#include "daemon/base/refusal.h"
#include "daemon/base/text.h"

static void reads_decimals_exactly(void **state)
{
    (void)state;
    int64_t value = 0;

    assert_int_equal(fixed_parse("0.25", 6, &value), 0);
    assert_int_equal(value, 250000);
    assert_int_equal(fixed_parse("-3.5", 1, &value), 0);
    assert_int_equal(value, -35);
    assert_int_equal(fixed_parse("9223372036854775807", 0, &value), 0);
    assert_true(value == INT64_MAX);
    assert_int_equal(fixed_parse("-9223372036854775808", 0, &value), 0);
    assert_true(value == INT64_MIN);
}

static void refuses_decimals_it_would_have_to_round_or_guess(void **state)
{
    (void)state;
    static const char *const bad[] = { "",   "-",   ".5",    "5.",  "1e3",       " 1",
                                       "1 ", "0x1", "1.2.3", "nan", "0.1234567", "9223372036854775808" };
    int64_t value = 42;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(fixed_parse(bad[i], 6, &value), -EINVAL);
    assert_int_equal(value, 42);
}

static void writes_decimals_in_their_shortest_form(void **state)
{
    (void)state;
    char text[32];

    fixed_format(250000, 6, text);
    assert_string_equal(text, "0.25");
    fixed_format(-1, 2, text);
    assert_string_equal(text, "-0.01");
    fixed_format(3000000, 6, text);
    assert_string_equal(text, "3");
    fixed_format(INT64_MIN, 6, text);
    assert_string_equal(text, "-9223372036854.775808");
}

static void reads_and_writes_times(void **state)
{
    (void)state;
    char text[32];
    int64_t ms = 0;

    assert_int_equal(time_parse("2026-11-21", &ms), 0);
    assert_true(ms == 1795219200000);
    assert_int_equal(time_parse("2026-11-21T01:02:03.250+01:00", &ms), 0);
    time_format(ms, text);
    assert_string_equal(text, "2026-11-21T00:02:03.250Z");
    time_format(1795219200000, text);
    assert_string_equal(text, "2026-11-21T00:00:00Z");
}

static void refuses_times_that_do_not_exist(void **state)
{
    (void)state;
    static const char *const bad[] = { "2026-02-30",          "2026-13-01", "2026-11-21T25:00:00Z",
                                       "2026-11-21T10:00:00", "now",        "" };
    int64_t ms;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(time_parse(bad[i], &ms), -EINVAL);
}

static void reads_durations_with_their_unit(void **state)
{
    (void)state;
    int64_t ms = 0;

    assert_int_equal(duration_parse("90s", &ms), 0);
    assert_int_equal(ms, 90000);
    assert_int_equal(duration_parse("7d", &ms), 0);
    assert_int_equal(ms, 604800000);
    assert_int_equal(duration_parse("5", &ms), -EINVAL);
    assert_int_equal(duration_parse("0s", &ms), -EINVAL);
    assert_int_equal(duration_parse("9223372036854775807d", &ms), -EINVAL);
}

static void converts_hex_both_ways(void **state)
{
    (void)state;
    uint8_t raw[3];
    char text[7];

    assert_int_equal(hex_decode("00fFa5", raw, 3), 0);
    hex_encode(bytes_view(raw, 3), text);
    assert_string_equal(text, "00ffa5");
    assert_int_equal(hex_decode("00ff", raw, 3), -EINVAL);
    assert_int_equal(hex_decode("00ffg5", raw, 3), -EINVAL);
}

static void knows_what_a_name_is(void **state)
{
    (void)state;
    assert_true(name_is_valid("thermo-1.lab_2"));
    assert_false(name_is_valid(""));
    assert_false(name_is_valid("-x"));
    assert_false(name_is_valid("Upper"));
    assert_false(name_is_valid("a/b"));
    assert_false(name_is_valid("1234567890123456789012345678901234567890123456789012345678901234"));
}

static void buffer_stops_at_its_bound_and_remembers(void **state)
{
    (void)state;
    struct buffer buffer;

    buffer_init(&buffer, 10);
    buffer_text(&buffer, "12345");
    buffer_format(&buffer, "%d", 678901);
    assert_int_equal(buffer.fault, -E2BIG);
    buffer_text(&buffer, "x");
    assert_int_equal(buffer.size, 5);
    buffer_deinit(&buffer);
}

static void refusal_carries_words_and_its_kind(void **state)
{
    (void)state;
    struct why why;

    assert_int_equal(refuse(&why, REFUSED_UNKNOWN, "tenant", NULL, "no tenant %s", "x"), REFUSED_UNKNOWN);
    assert_string_equal(why.what, "no tenant x");
    assert_string_equal(why.where, "tenant");
    assert_string_equal(why.todo, "");
    assert_int_equal(refuse(NULL, REFUSED_BUSY, NULL, NULL, "later"), REFUSED_BUSY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_decimals_exactly),
        cmocka_unit_test(refuses_decimals_it_would_have_to_round_or_guess),
        cmocka_unit_test(writes_decimals_in_their_shortest_form),
        cmocka_unit_test(reads_and_writes_times),
        cmocka_unit_test(refuses_times_that_do_not_exist),
        cmocka_unit_test(reads_durations_with_their_unit),
        cmocka_unit_test(converts_hex_both_ways),
        cmocka_unit_test(knows_what_a_name_is),
        cmocka_unit_test(buffer_stops_at_its_bound_and_remembers),
        cmocka_unit_test(refusal_carries_words_and_its_kind),
    };
    return cmocka_run_group_tests_name("base/text", tests, NULL, NULL);
}
