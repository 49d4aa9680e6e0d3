#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "device_proto/decimal.h"

static void check(struct decimal value, int64_t mantissa, int exponent)
{
    assert_int_equal(value.mantissa, mantissa);
    assert_int_equal(value.exponent10, exponent);
}

static void reads_json_numbers_exactly(void **state)
{
    static const struct {
        const char *text;
        int64_t mantissa;
        int exponent;
    } cases[] = {
        { "0", 0, 0 },
        { "-0", 0, 0 },
        { "0.000", 0, 0 },
        { "0e999999999999", 0, 0 },
        { "120.1", 1201, -1 },
        { "-5", -5, 0 },
        { "1.10", 11, -1 },
        { "100", 1, 2 },
        { "1.276020076001e+09", 1276020076001, -3 },
        { "25E-1", 25, -1 },
        { "9223372036854775807", INT64_MAX, 0 },
        { "-9223372036854775808", INT64_MIN, 0 },
        { "0.00000000000000000000000000000000000001", 1, -38 },
        { "100000000000000000000000000000000000000", 1, 38 },
        { "1000000000000000000000000e-30", 1, -6 },
        { "1e127", 1, 127 },
        { "1e128", 10, 127 },
        { "1e-128", 1, -128 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct decimal value;

        assert_int_equal(decimal_parse(bytes_of_text(cases[i].text), &value), 0);
        check(value, cases[i].mantissa, cases[i].exponent);
    }
}

static void refuses_what_is_no_json_number(void **state)
{
    static const char *const malformed[] = { "",   "-",   "+1",    "01",    ".5",  "1.",  "1.e1",
                                             "1e", "1e+", "1e1.5", "0x1",   "NaN", "inf", "1 ",
                                             " 1", "1,5", "--1",   "1e--1", "1a",  "-.1", "1..2" };
    static const char *const too_big[] = { "9223372036854775808",
                                           "-9223372036854775809",
                                           "1e147",
                                           "1e-129",
                                           "12345678901234567890123",
                                           "1e999999999999",
                                           "1e-99999999",
                                           "0.1234567890123456789"
                                           "01" };
    struct decimal value = { 7, 7 };

    (void)state;
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        assert_int_equal(decimal_parse(bytes_of_text(malformed[i]), &value), DECIMAL_MALFORMED);
    for (size_t i = 0; i < sizeof(too_big) / sizeof(too_big[0]); i++)
        assert_int_equal(decimal_parse(bytes_of_text(too_big[i]), &value), DECIMAL_RANGE);
    check(value, 7, 7);
}

static void reads_binary_floats_as_what_was_meant(void **state)
{
    static const struct {
        uint64_t bits;
        unsigned width;
        int64_t mantissa;
        int exponent;
    } cases[] = {
        { 0x405E066666666666, 8, 1201, -1 },                   /* 120.1 */
        { 0x41D303A15B001062, 8, 1276020076001, -3 },          /* 1276020076.001 */
        { 0x3FF3333333333333, 8, 12, -1 },                     /* 1.2 */
        { 0xC02C000000000000, 8, -14, 0 },                     /* -14 */
        { 0x43E0000000000000 - 1, 8, 9223372036854774784, 0 }, /* the largest below 2^63 */
        { 0xC3E0000000000000, 8, INT64_MIN, 0 },
        { 0x0000000000000000, 8, 0, 0 },
        { 0x8000000000000000, 8, 0, 0 },
        { 0x3FD5555555555555, 8, 333333333333333, -15 }, /* 1/3 */
        { 0x3FE0000000000001, 8, 5, -1 },                /* 0.5 and one bit: 15 digits */
        { 0x3F50624DD2F1A9FC, 8, 1, -3 },                /* 0.001 */
        { 0x3E00, 2, 15, -1 },                           /* 1.5 */
        { 0x2E66, 2, 999755859375, -13 },                /* nearest half to 0.1: 12 digits, so exact */
        { 0x0001, 2, 596, -10 },                         /* smallest half: 24 digits, so 3 */
        { 0x40066666, 4, 21, -1 },                       /* 2.1f */
        { 0x47F12065, 4, 1234567890625, -7 },            /* 123456.789f is 123456.7890625 */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct decimal value = { 99, 9 };

        assert_int_equal(decimal_from_float(cases[i].bits, cases[i].width, &value), 0);
        check(value, cases[i].mantissa, cases[i].exponent);
    }
}

static void refuses_floats_that_are_no_readings(void **state)
{
    struct decimal value;

    (void)state;
    assert_int_equal(decimal_from_float(0x7FF0000000000000, 8, &value), DECIMAL_NOT_FINITE);
    assert_int_equal(decimal_from_float(0xFFF8000000000001, 8, &value), DECIMAL_NOT_FINITE);
    assert_int_equal(decimal_from_float(0x7C00, 2, &value), DECIMAL_NOT_FINITE);
    assert_int_equal(decimal_from_float(0x7FC00000, 4, &value), DECIMAL_NOT_FINITE);
    assert_int_equal(decimal_from_float(0x43E0000000000000, 8, &value), DECIMAL_RANGE);
    assert_int_equal(decimal_from_float(0x7FEFFFFFFFFFFFFF, 8, &value), DECIMAL_RANGE);
    assert_int_equal(decimal_from_float(0x0000000000000001, 8, &value), DECIMAL_RANGE);
    assert_int_equal(decimal_from_float(0, 3, &value), DECIMAL_MALFORMED);
}

static void adds_exactly_or_not_at_all(void **state)
{
    struct decimal sum;

    (void)state;
    assert_int_equal(decimal_add((struct decimal){ 1276020076001, -3 }, (struct decimal){ -5, 0 }, &sum), 0);
    check(sum, 1276020071001, -3);
    assert_int_equal(decimal_add((struct decimal){ 1, 127 }, (struct decimal){ 0, 0 }, &sum), 0);
    check(sum, 1, 127);
    assert_int_equal(decimal_add((struct decimal){ 15, -1 }, (struct decimal){ -15, -1 }, &sum), 0);
    check(sum, 0, 0);
    assert_int_equal(decimal_add((struct decimal){ 1, 30 }, (struct decimal){ 1, 0 }, &sum), DECIMAL_RANGE);
    assert_int_equal(decimal_add((struct decimal){ INT64_MAX, 0 }, (struct decimal){ 1, 0 }, &sum), DECIMAL_RANGE);
}

static void scales_to_integers_half_to_even(void **state)
{
    static const struct {
        struct decimal value;
        int64_t scale, want;
    } cases[] = {
        { { 2718, -2 }, 100, 2718 },
        { { 25, -1 }, 1, 2 },
        { { 35, -1 }, 1, 4 },
        { { -25, -1 }, 1, -2 },
        { { 251, -2 }, 1, 3 },
        { { 5, -1 }, 1, 0 },
        { { 15, -1 }, 1, 2 },
        { { 1, -128 }, 1000000000, 0 },
        { { INT64_MAX, -19 }, 1, 1 },
        { { INT64_MIN, 0 }, 1, INT64_MIN },
        { { 9, 18 }, 1, 9000000000000000000 },
        { { 0, 0 }, 1, 0 },
        { { 12345, -5 }, 100, 12 },
        { { 125, -4 }, 100, 1 },
        { { 5, -31 }, 1000000000, 0 },
    };
    int64_t out = 42;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(decimal_scale(cases[i].value, cases[i].scale, &out), 0);
        assert_int_equal(out, cases[i].want);
    }
    out = 42;
    assert_int_equal(decimal_scale((struct decimal){ 1, 19 }, 1, &out), DECIMAL_RANGE);
    assert_int_equal(decimal_scale((struct decimal){ INT64_MAX, 0 }, 2, &out), DECIMAL_RANGE);
    assert_int_equal(decimal_scale((struct decimal){ INT64_MIN, 127 }, 1000000000, &out), DECIMAL_RANGE);
    assert_int_equal(decimal_scale((struct decimal){ 1, 0 }, 0, &out), DECIMAL_RANGE);
    assert_int_equal(decimal_scale((struct decimal){ 1, 0 }, 1000000001, &out), DECIMAL_RANGE);
    assert_int_equal(out, 42);
}

static void prints_what_it_reads_back(void **state)
{
    static const struct {
        struct decimal value;
        const char *text;
    } cases[] = {
        { { 0, 0 }, "0" },
        { { 2718, -2 }, "27.18" },
        { { -5, 0 }, "-5" },
        { { 5, -3 }, "0.005" },
        { { -25, -2 }, "-0.25" },
        { { 1, 127 }, "1e127" },
        { { 1, -128 }, "1e-128" },
        { { 3, 2 }, "3e2" },
        { { INT64_MIN, -20 }, "-0.09223372036854775808" },
        { { INT64_MIN, -128 }, "-9223372036854775808e-128" },
        { { 1, -20 }, "0.00000000000000000001" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[DECIMAL_TEXT_MAX];
        size_t size = decimal_print(cases[i].value, text);
        struct decimal again;

        assert_true(bytes_equal_text(bytes_view(text, size), cases[i].text));
        assert_int_equal(decimal_parse(bytes_view(text, size), &again), 0);
        check(again, cases[i].value.mantissa, cases[i].value.exponent10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_json_numbers_exactly),
        cmocka_unit_test(refuses_what_is_no_json_number),
        cmocka_unit_test(reads_binary_floats_as_what_was_meant),
        cmocka_unit_test(refuses_floats_that_are_no_readings),
        cmocka_unit_test(adds_exactly_or_not_at_all),
        cmocka_unit_test(scales_to_integers_half_to_even),
        cmocka_unit_test(prints_what_it_reads_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
