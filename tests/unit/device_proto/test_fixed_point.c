#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "device_proto/fixed_point.h"
#include "device_proto/fixed_private.h"
#include "tests/unit/device_proto/fixture.h"

static struct real signed_ratio(int64_t num, int64_t den)
{
    return real_div(real_of(num), real_of(den));
}

/* Rounded down in the last place, from 150 digits of another program. */
static void functions_enclose_their_true_values_closely(void **state)
{
    static const struct {
        struct real (*function)(struct real a);
        int64_t num, den;
        struct fixed below;
    } cases[] = {
        { real_exp,
          1,
          1,
          { { 0x38b4da56, 0x62e7160f, 0x9cf4f3c7, 0xbf715880, 0x8aed2a6a, 0xb7e15162, 0x00000002, 0x00000000 } } },
        { real_exp,
          -1,
          3,
          { { 0x960e6212, 0xa86a1feb, 0x50ebe4c9, 0xc5984c9c, 0x79752689, 0xb76e9891, 0x00000000, 0x00000000 } } },
        { real_exp,
          42,
          1,
          { { 0x1c1d8511, 0xc3a75bd4, 0x11302568, 0xefbd07d6, 0x5a57c8fc, 0x6509d57b, 0x20115937, 0x18232558 } } },
        { real_exp,
          -100,
          7,
          { { 0x20816857, 0x298df556, 0x1c486cb4, 0x5f59cb7b, 0xd14643c2, 0x00000a7b, 0x00000000, 0x00000000 } } },
        { real_ln,
          2,
          1,
          { { 0x7298b62d, 0x40f34326, 0x03f2f6af, 0xc9e3b398, 0xd1cf79ab, 0xb17217f7, 0x00000000, 0x00000000 } } },
        { real_ln,
          1,
          1000000,
          { { 0x8730a6a3, 0xc281c893, 0xbc370c2a, 0x07dbebeb, 0x002fddda, 0x2f3ab338, 0xfffffff2, 0xffffffff } } },
        { real_ln,
          123456789012345,
          7,
          { { 0xc6edd177, 0x27417518, 0x4bb89ad4, 0x7c307656, 0x9c269105, 0x8041adb5, 0x0000001e, 0x00000000 } } },
        { real_sqrt,
          2,
          1,
          { { 0x12775099, 0x3adec175, 0xea957d3e, 0xb2fb1366, 0xf3bcc908, 0x6a09e667, 0x00000001, 0x00000000 } } },
        { real_sqrt,
          1,
          1000000000000,
          { { 0x8b0079a2, 0x3621fafc, 0xf3493858, 0x8d36b4c7, 0xf7a0b5ed, 0x000010c6, 0x00000000, 0x00000000 } } },
        { real_sqrt,
          4000000000000000000,
          1,
          { { 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x00000000, 0x77359400, 0x00000000 } } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct real value = cases[i].function(signed_ratio(cases[i].num, cases[i].den)), width;
        struct fixed above = cases[i].below, one = { { 1 } };

        fixed_add(&above, &one, &above);
        assert_false(value.broken);
        assert_true(fixed_compare(&value.lo, &cases[i].below) <= 0);
        assert_true(fixed_compare(&value.hi, &above) >= 0);
        width = real_sub((struct real){ value.hi, value.hi, false }, (struct real){ value.lo, value.lo, false });
        /* 2^-96 of anything below 2^62; far less for small ones. */
        assert_true(width.hi.limb[FIXED_FRACTION] == 0 && width.hi.limb[5] == 0 && width.hi.limb[4] == 0 &&
                    width.hi.limb[3] == 0);
    }
}

static int64_t small(const struct proto_random *random)
{
    uint8_t raw[4];

    random->fill(random->context, raw, 4);
    return (int64_t)(raw[0] | raw[1] << 8 | (raw[2] & 15) << 16) - (1 << 19);
}

static bool holds(struct real a, struct real exact)
{
    return !a.broken && fixed_compare(&a.lo, &exact.hi) <= 0 && fixed_compare(&a.hi, &exact.lo) >= 0;
}

/* (a/b) op (c/d) in whole numbers, against the same of intervals. */
static void arithmetic_encloses_rationals(void **state)
{
    struct fixture_random seed;
    struct proto_random random = fixture_random(&seed, 51);

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        int64_t a = small(&random), b = small(&random) | 1, c = small(&random) | 1, d = small(&random) | 1;
        struct real x = signed_ratio(a, b), y = signed_ratio(c, d);

        assert_true(holds(real_add(x, y), signed_ratio(a * d + c * b, b * d)));
        assert_true(holds(real_sub(x, y), signed_ratio(a * d - c * b, b * d)));
        assert_true(holds(real_mul(x, y), signed_ratio(a * c, b * d)));
        assert_true(holds(real_div(x, y), signed_ratio(a * d, b * c)));
        assert_true(holds(real_over(x, 7), signed_ratio(a, b * 7)));
        assert_true(holds(real_square(x), signed_ratio(a * a, b * b)));
        if (i % 20 == 0 && a != 0)
            assert_true(holds(real_exp(real_ln(real_square(x))), real_square(x)));
    }
}

static void what_has_no_value_is_broken_and_stays_so(void **state)
{
    struct real zero = real_of(0), big = real_of(INT64_MAX), around = { { { 0 } }, { { 1 } }, false };
    uint64_t out = 7;

    (void)state;
    assert_true(real_of(INT64_MIN).broken);
    assert_true(real_div(big, zero).broken);
    assert_true(real_div(big, real_sub(around, (struct real){ { { 1 } }, { { 1 } }, false })).broken);
    assert_true(real_ln(zero).broken);
    assert_true(real_ln(real_of(-1)).broken);
    assert_true(real_sqrt(real_of(-1)).broken);
    assert_true(real_exp(real_of(43)).broken);
    assert_true(real_add(big, big).broken);
    assert_true(real_mul(big, real_of(2)).broken);
    assert_true(real_mul(real_sub(zero, big), real_of(2)).broken);
    assert_true(real_add(real_div(big, zero), zero).broken);
    assert_true(real_over(big, 0).broken);
    assert_false(real_ceil(real_ln(zero), 1, &out));
    assert_false(real_floor(real_of(-1), 1, &out));
    assert_false(real_ceil_64ths(real_of(2), &out));
    assert_int_equal(out, 7);
    assert_false(real_below(real_ln(zero), real_of(1)));
    assert_false(real_sqrt(zero).broken);
    assert_false(real_exp(real_of(-1000000)).broken);
}

static void rounding_takes_the_side_that_was_asked_for(void **state)
{
    struct real third = real_ratio(1, 3);
    uint64_t out;

    (void)state;
    assert_true(real_ceil(third, 100, &out) && out == 34);
    assert_true(real_floor(third, 100, &out) && out == 33);
    assert_true(real_ceil(real_of(5), 3, &out) && out == 15);
    assert_true(real_floor(real_of(5), 3, &out) && out == 15);
    assert_true(real_ceil_64ths(third, &out) && out == 0x5555555555555556);
    assert_true(real_floor_64ths(third, &out) && out == 0x5555555555555555);
    assert_true(real_nearest_64ths(third, &out) && out == 0x5555555555555555);
    assert_true(real_nearest_64ths(real_ratio(2, 3), &out) && out == 0xAAAAAAAAAAAAAAAB);
    assert_true(real_ceil_64ths(real_of(1), &out) && out == UINT64_MAX);
    assert_true(real_ceil_64ths(real_of_64ths(77), &out) && out == 77);
    /* Halfway, the bounds of an interval do not agree. */
    struct real half = real_over(real_of_64ths(1), 2);
    half = real_mul(real_mul(half, third), real_of(3));
    assert_false(real_nearest_64ths(half, &out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_enclose_their_true_values_closely),
        cmocka_unit_test(arithmetic_encloses_rationals),
        cmocka_unit_test(what_has_no_value_is_broken_and_stays_so),
        cmocka_unit_test(rounding_takes_the_side_that_was_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
