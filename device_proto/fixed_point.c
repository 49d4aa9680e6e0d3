/* fixed_point.c - the arithmetic of intervals: sums, products, quotients, and the way out to whole numbers.
 * Magnitudes are multiplied and divided in full and rounded once, to the side that keeps the interval an enclosure. */
#include "device_proto/fixed_point.h"

#include "device_proto/fixed_private.h"

#include <string.h>

static const struct fixed ulp = { { 1 } };
static const struct real broken_real = { .broken = true };

/* pi, rounded down; one more in the last place is the upper bound. */
static const struct fixed pi_low = { { 0x299f31d0, 0xa4093822, 0x03707344, 0x13198a2e, 0x85a308d3, 0x243f6a88, 3, 0 } };

bool fixed_negative(const struct fixed *a)
{
    return a->limb[FIXED_LIMBS - 1] >> 31 != 0;
}

bool fixed_zero(const struct fixed *a)
{
    uint32_t all = 0;

    for (unsigned i = 0; i < FIXED_LIMBS; i++)
        all |= a->limb[i];
    return all == 0;
}

int fixed_compare(const struct fixed *a, const struct fixed *b)
{
    if (fixed_negative(a) != fixed_negative(b))
        return fixed_negative(a) ? -1 : 1;
    for (unsigned i = FIXED_LIMBS; i-- > 0;)
        if (a->limb[i] != b->limb[i])
            return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

bool fixed_add(const struct fixed *a, const struct fixed *b, struct fixed *out)
{
    bool same = fixed_negative(a) == fixed_negative(b), negative = fixed_negative(a);
    uint64_t carry = 0;

    for (unsigned i = 0; i < FIXED_LIMBS; i++) {
        carry += (uint64_t)a->limb[i] + b->limb[i];
        out->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return !same || fixed_negative(out) == negative;
}

struct fixed fixed_negate(struct fixed a)
{
    uint64_t carry = 1;

    for (unsigned i = 0; i < FIXED_LIMBS; i++) {
        carry += (uint32_t)~a.limb[i];
        a.limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return a;
}

static struct fixed magnitude(const struct fixed *a)
{
    return fixed_negative(a) ? fixed_negate(*a) : *a;
}

/* Puts the sign on a truncated magnitude and rounds: away from zero where that is the side asked for. */
static bool finish(struct fixed cut, bool inexact, bool negative, bool up, struct fixed *out)
{
    bool away = inexact && negative != up;

    if (away && !fixed_add(&cut, &ulp, &cut))
        return false;
    if (fixed_negative(&cut))
        return false;
    *out = negative ? fixed_negate(cut) : cut;
    return true;
}

bool fixed_mul(const struct fixed *a, const struct fixed *b, bool up, struct fixed *out)
{
    struct fixed x = magnitude(a), y = magnitude(b), cut;
    uint32_t product[2 * FIXED_LIMBS] = { 0 };
    uint32_t below = 0, above = 0;

    for (unsigned i = 0; i < FIXED_LIMBS; i++) {
        uint64_t carry = 0;
        if (x.limb[i] == 0)
            continue;
        for (unsigned j = 0; j < FIXED_LIMBS; j++) {
            carry += (uint64_t)x.limb[i] * y.limb[j] + product[i + j];
            product[i + j] = (uint32_t)carry;
            carry >>= 32;
        }
        product[i + FIXED_LIMBS] = (uint32_t)carry;
    }
    for (unsigned i = 0; i < FIXED_FRACTION; i++)
        below |= product[i];
    for (unsigned i = FIXED_FRACTION + FIXED_LIMBS; i < 2 * FIXED_LIMBS; i++)
        above |= product[i];
    memcpy(cut.limb, product + FIXED_FRACTION, sizeof(cut.limb));
    if (above != 0 || fixed_negative(&cut))
        return false;
    return finish(cut, below != 0, fixed_negative(a) != fixed_negative(b), up, out);
}

/* rest = 2 rest + bit; then takes the divisor away where it goes in. rest stays below the divisor, and that below
 * 2^255.
 */
static bool divide_step(struct fixed *rest, uint32_t bit, const struct fixed *divisor)
{
    struct fixed minus = fixed_negate(*divisor);

    for (unsigned i = FIXED_LIMBS; i-- > 0;)
        rest->limb[i] = rest->limb[i] << 1 | (i > 0 ? rest->limb[i - 1] >> 31 : bit);
    for (unsigned i = FIXED_LIMBS; i-- > 0;) { /* unsigned: the top bit is no sign here */
        if (rest->limb[i] == divisor->limb[i])
            continue;
        if (rest->limb[i] < divisor->limb[i])
            return false;
        break;
    }
    fixed_add(rest, &minus, rest);
    return true;
}

bool fixed_div(const struct fixed *a, const struct fixed *b, bool up, struct fixed *out)
{
    struct fixed x = magnitude(a), y = magnitude(b), rest = { { 0 } }, cut = { { 0 } };

    for (int bit = 32 * (int)(FIXED_LIMBS + FIXED_FRACTION) - 1; bit >= 0; bit--) {
        int from = bit - 32 * (int)FIXED_FRACTION; /* x stands 192 bits higher */
        uint32_t next = from < 0 ? 0 : x.limb[from / 32] >> (from % 32) & 1;
        if (!divide_step(&rest, next, &y))
            continue;
        if (bit >= 32 * (int)FIXED_LIMBS - 1)
            return false;
        cut.limb[bit / 32] |= UINT32_C(1) << (bit % 32);
    }
    return finish(cut, !fixed_zero(&rest), fixed_negative(a) != fixed_negative(b), up, out);
}

struct real real_of(int64_t value)
{
    struct real out = { .broken = value == INT64_MIN };
    uint64_t bits = (uint64_t)value;

    out.lo.limb[FIXED_FRACTION] = (uint32_t)bits;
    out.lo.limb[FIXED_FRACTION + 1] = (uint32_t)(bits >> 32);
    out.hi = out.lo;
    return out;
}

struct real real_ratio(uint64_t num, uint64_t den)
{
    if (num > INT64_MAX || den > INT64_MAX)
        return broken_real;
    return real_div(real_of((int64_t)num), real_of((int64_t)den));
}

struct real real_add(struct real a, struct real b)
{
    struct real out = { .broken = a.broken || b.broken };

    if (!out.broken)
        out.broken = !fixed_add(&a.lo, &b.lo, &out.lo) || !fixed_add(&a.hi, &b.hi, &out.hi);
    return out;
}

static struct real negated(struct real a)
{
    return (struct real){ fixed_negate(a.hi), fixed_negate(a.lo), a.broken };
}

struct real real_sub(struct real a, struct real b)
{
    return real_add(a, negated(b));
}

/* The least and the largest of four products or quotients of bounds. */
static struct real of_bounds(const struct real *a, const struct real *b,
                             bool (*operate)(const struct fixed *, const struct fixed *, bool, struct fixed *))
{
    const struct fixed *left[2] = { &a->lo, &a->hi }, *right[2] = { &b->lo, &b->hi };
    struct real out = { .broken = false };

    for (unsigned i = 0; i < 4; i++) {
        struct fixed low, high;
        if (!operate(left[i / 2], right[i % 2], false, &low) || !operate(left[i / 2], right[i % 2], true, &high))
            return broken_real;
        if (i == 0 || fixed_compare(&low, &out.lo) < 0)
            out.lo = low;
        if (i == 0 || fixed_compare(&high, &out.hi) > 0)
            out.hi = high;
    }
    return out;
}

struct real real_mul(struct real a, struct real b)
{
    struct real out = { .broken = false };

    if (a.broken || b.broken)
        return broken_real;
    if (fixed_negative(&a.lo) || fixed_negative(&b.lo))
        return of_bounds(&a, &b, fixed_mul);
    out.broken = !fixed_mul(&a.lo, &b.lo, false, &out.lo) || !fixed_mul(&a.hi, &b.hi, true, &out.hi);
    return out;
}

struct real real_div(struct real a, struct real b)
{
    struct real out = { .broken = false };
    bool positive = !fixed_negative(&b.lo) && !fixed_zero(&b.lo);

    if (a.broken || b.broken || (!positive && !fixed_negative(&b.hi)))
        return broken_real;
    if (!positive || fixed_negative(&a.lo))
        return of_bounds(&a, &b, fixed_div);
    out.broken = !fixed_div(&a.lo, &b.hi, false, &out.lo) || !fixed_div(&a.hi, &b.lo, true, &out.hi);
    return out;
}

struct real real_times(struct real a, uint32_t factor)
{
    return real_mul(a, real_of(factor));
}

static void over_small(const struct fixed *a, uint32_t divisor, bool up, struct fixed *out)
{
    struct fixed x = magnitude(a);
    uint64_t rest = 0;

    for (unsigned i = FIXED_LIMBS; i-- > 0;) {
        rest = rest << 32 | x.limb[i];
        x.limb[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    finish(x, rest != 0, fixed_negative(a), up, out); /* no larger than a: always fits */
}

struct real real_over(struct real a, uint32_t divisor)
{
    if (a.broken || divisor == 0)
        return broken_real;
    over_small(&a.lo, divisor, false, &a.lo);
    over_small(&a.hi, divisor, true, &a.hi);
    return a;
}

struct real real_square(struct real a)
{
    struct real out = real_mul(a, a);

    if (!out.broken && fixed_negative(&out.lo)) /* only since the two factors are the same */
        memset(&out.lo, 0, sizeof(out.lo));
    return out;
}

struct real real_pi(void)
{
    struct real out = { pi_low, pi_low, false };

    fixed_add(&out.hi, &ulp, &out.hi);
    return out;
}

struct real real_min(struct real a, struct real b)
{
    return (struct real){ fixed_compare(&a.lo, &b.lo) < 0 ? a.lo : b.lo, fixed_compare(&a.hi, &b.hi) < 0 ? a.hi : b.hi,
                          a.broken || b.broken };
}

struct real real_max(struct real a, struct real b)
{
    return (struct real){ fixed_compare(&a.lo, &b.lo) > 0 ? a.lo : b.lo, fixed_compare(&a.hi, &b.hi) > 0 ? a.hi : b.hi,
                          a.broken || b.broken };
}

bool real_below(struct real a, struct real b)
{
    return !a.broken && !b.broken && fixed_compare(&a.hi, &b.lo) < 0;
}

int real_compare_middle(struct real a, struct real b)
{
    struct fixed left, right;

    if (a.broken || b.broken || !fixed_add(&a.lo, &a.hi, &left) || !fixed_add(&b.lo, &b.hi, &right))
        return a.broken ? 1 : -1;
    return fixed_compare(&left, &right);
}

/* ---- out to whole numbers ---- */

static uint64_t whole_of(const struct fixed *a)
{
    return (uint64_t)a->limb[FIXED_FRACTION + 1] << 32 | a->limb[FIXED_FRACTION];
}

static bool has_fraction(const struct fixed *a, unsigned limbs)
{
    uint32_t all = 0;

    for (unsigned i = 0; i < limbs; i++)
        all |= a->limb[i];
    return all != 0;
}

bool real_ceil(struct real a, uint64_t unit, uint64_t *out)
{
    struct real scaled = unit > INT64_MAX ? broken_real : real_mul(a, real_of((int64_t)unit));

    if (scaled.broken || fixed_negative(&scaled.hi))
        return false;
    *out = whole_of(&scaled.hi) + has_fraction(&scaled.hi, FIXED_FRACTION);
    return true;
}

bool real_floor(struct real a, uint64_t unit, uint64_t *out)
{
    struct real scaled = unit > INT64_MAX ? broken_real : real_mul(a, real_of((int64_t)unit));

    if (scaled.broken || fixed_negative(&scaled.lo))
        return false;
    *out = whole_of(&scaled.lo);
    return true;
}

/* The first 64 bits behind the point; at 1 and above all ones. */
static bool first_64(const struct fixed *a, bool up, uint64_t *out)
{
    uint64_t value = (uint64_t)a->limb[FIXED_FRACTION - 1] << 32 | a->limb[FIXED_FRACTION - 2];
    bool more = up && has_fraction(a, FIXED_FRACTION - 2);

    if (fixed_negative(a) || whole_of(a) > 1 || (whole_of(a) == 1 && has_fraction(a, FIXED_FRACTION)))
        return false;
    *out = whole_of(a) == 1 || (more && value == UINT64_MAX) ? UINT64_MAX : value + more;
    return true;
}

bool real_ceil_64ths(struct real a, uint64_t *out)
{
    return !a.broken && first_64(&a.hi, true, out);
}

bool real_floor_64ths(struct real a, uint64_t *out)
{
    return !a.broken && first_64(&a.lo, false, out);
}

bool real_nearest_64ths(struct real a, uint64_t *out)
{
    struct real half = { .broken = false };
    uint64_t low, high;

    half.lo.limb[FIXED_FRACTION - 3] = half.hi.limb[FIXED_FRACTION - 3] = UINT32_C(1) << 31;
    a = real_add(a, half);
    if (a.broken || !first_64(&a.lo, false, &low) || !first_64(&a.hi, false, &high) || low != high)
        return false;
    *out = low;
    return true;
}

struct real real_of_64ths(uint64_t value)
{
    struct real out = { .broken = false };

    out.lo.limb[FIXED_FRACTION - 2] = (uint32_t)value;
    out.lo.limb[FIXED_FRACTION - 1] = (uint32_t)(value >> 32);
    out.hi = out.lo;
    return out;
}
