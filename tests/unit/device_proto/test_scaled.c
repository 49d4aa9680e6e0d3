#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "device_proto/cbor.h"
#include "device_proto/scaled.h"
#include "tests/unit/device_proto/fixture.h"

static uint64_t bits_of(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static void scales_decimals_exactly(void **state)
{
    static const struct {
        bool negative;
        uint64_t mantissa;
        int64_t exponent;
        uint32_t scale;
        int64_t expected;
    } cases[] = {
        { false, 2137, -2, 100, 2137 },
        { false, 27315, -2, 100, 27315 },
        { true, 15, -1, 1, -2 },          /* -1.5 */
        { true, 25, -1, 1, -2 },          /* -2.5 */
        { false, 5, -1, 1, 0 },           /* 0.5 */
        { false, 35, -1, 1, 4 },          /* 3.5 */
        { false, 5000000001, -10, 1, 1 }, /* just above one half */
        { false, 4999999999, -10, 1, 0 },
        { false, 1, -400, 1000000, 0 },
        { false, 0, INT64_MAX, 1000, 0 },
        { false, 0, INT64_MIN, 1000, 0 },
        { false, INT64_MAX, 0, 1, INT64_MAX },
        { true, (uint64_t)INT64_MAX + 1, 0, 1, INT64_MIN },
        { false, UINT64_MAX, -9, UINT32_MAX, 0 /* overflows, below */ },
    };

    (void)state;
    for (size_t i = 0; i + 1 < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t value = 77;

        assert_int_equal(
            scaled_of_decimal(cases[i].negative, cases[i].mantissa, cases[i].exponent, cases[i].scale, &value), 0);
        assert_true(value == cases[i].expected);
    }
}

static void refuses_what_does_not_fit(void **state)
{
    int64_t value = 77;

    (void)state;
    assert_int_equal(scaled_of_decimal(false, (uint64_t)INT64_MAX + 1, 0, 1, &value), SCALED_OVERFLOW);
    assert_int_equal(scaled_of_decimal(true, (uint64_t)INT64_MAX + 2, 0, 1, &value), SCALED_OVERFLOW);
    assert_int_equal(scaled_of_decimal(false, 1, 19, 1, &value), SCALED_OVERFLOW);
    assert_int_equal(scaled_of_decimal(false, 1, INT64_MAX, 1, &value), SCALED_OVERFLOW);
    assert_int_equal(scaled_of_decimal(false, UINT64_MAX, -9, UINT32_MAX, &value), SCALED_OVERFLOW);
    /* 9223372036854775807.5 rounds up, out of range. */
    assert_int_equal(scaled_of_decimal(false, 18446744073709551615u, -1, 5, &value), SCALED_OVERFLOW);
    assert_int_equal(scaled_of_decimal(false, 1, 0, 0, &value), SCALED_SCALE);
    assert_int_equal(scaled_of_double_bits(0x7ff0000000000000, 1, &value), SCALED_NOT_FINITE);
    assert_int_equal(scaled_of_double_bits(0xfff0000000000000, 1, &value), SCALED_NOT_FINITE);
    assert_int_equal(scaled_of_double_bits(0x7ff8000000000000, 1, &value), SCALED_NOT_FINITE);
    assert_int_equal(scaled_of_double_bits(bits_of(1e300), 1, &value), SCALED_OVERFLOW);
    assert_int_equal(scaled_of_double_bits(bits_of(9223372036854775808.0), 1, &value), SCALED_OVERFLOW);
    assert_true(value == 77);
}

static void scales_doubles_as_the_numbers_they_exactly_are(void **state)
{
    int64_t value;

    (void)state;
    assert_int_equal(scaled_of_double_bits(bits_of(21.37), 100, &value), 0);
    assert_true(value == 2137);
    assert_int_equal(scaled_of_double_bits(bits_of(-9223372036854775808.0), 1, &value), 0);
    assert_true(value == INT64_MIN);
    assert_int_equal(scaled_of_double_bits(bits_of(-0.0), 1000, &value), 0);
    assert_true(value == 0);
    assert_int_equal(scaled_of_double_bits(1, 1000, &value), 0); /* the smallest subnormal */
    assert_true(value == 0);
    assert_int_equal(scaled_of_double_bits(bits_of(2.5), 1, &value), 0);
    assert_true(value == 2);
    assert_int_equal(scaled_of_double_bits(bits_of(3.5), 1, &value), 0);
    assert_true(value == 4);
    /* 2.675 as a double is 2.67499999999999982236431605997495353221893310546875: it rounds down. */
    assert_int_equal(scaled_of_double_bits(bits_of(2.675), 100, &value), 0);
    assert_true(value == 267);
    assert_int_equal(scaled_of_double_bits(bits_of(4503599627370497.5), 1, &value), 0);
    assert_true(value == 4503599627370498);
}

static void scales_every_number_of_cbor(void **state)
{
    static const struct {
        const char *hex;
        uint32_t scale;
        int64_t expected;
    } cases[] = {
        { "1903e8", 10, 10000 },
        { "3903e7", 10, -10000 },
        { "f93e00", 10, 15 },                /* 1.5 */
        { "fac0833333", 1000, -4100 },       /* -4.1f = -4.099999904... */
        { "fb4035eb851eb851ec", 100, 2192 }, /* 21.92 */
        { "c48221196ab3", 100, 27315 },      /* RFC 8949, 3.4.4: 273.15 */
        { "c5822003", 2, 3 },                /* RFC 8949, 3.4.4: 1.5 */
        { "c4820b20", 1, -100000000000 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t raw[32];
        struct cbor_reader reader = cbor_reader_on(fixture_hex(cases[i].hex, raw, sizeof(raw)), CBOR_LENIENT);

        assert_true(cbor_read_scaled(&reader, cases[i].scale) == cases[i].expected);
        assert_int_equal(cbor_reader_finish(&reader), 0);
    }
}

static void refuses_numbers_of_cbor_without_a_value(void **state)
{
    static const struct {
        const char *hex;
        int refusal;
    } cases[] = {
        { "f97e00", CBOR_RANGE },
        { "f97c00", CBOR_RANGE },
        { "3bffffffffffffffff", CBOR_RANGE },
        { "1bffffffffffffffff", CBOR_RANGE },
        { "c249010000000000000000", CBOR_UNEXPECTED },
        { "c48100", CBOR_UNEXPECTED },
        { "6131", CBOR_UNEXPECTED },
        { "f5", CBOR_UNEXPECTED },
        { "c482f93c0001", CBOR_UNEXPECTED },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t raw[32];
        struct cbor_reader reader = cbor_reader_on(fixture_hex(cases[i].hex, raw, sizeof(raw)), CBOR_LENIENT);

        assert_true(cbor_read_scaled(&reader, 1) == 0);
        assert_int_equal(reader.refusal, cases[i].refusal);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scales_decimals_exactly),
        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(scales_doubles_as_the_numbers_they_exactly_are),
        cmocka_unit_test(scales_every_number_of_cbor),
        cmocka_unit_test(refuses_numbers_of_cbor_without_a_value),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
