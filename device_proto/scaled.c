/* scaled.c - one exact product on 96 bits, one rounding.
 * mantissa * scale is at most 2^96. Multiplying by the base goes on until int64_t is exceeded, dividing until nothing
 * is left, so that no exponent, however absurd, costs more than some 130 steps. */
#include "device_proto/scaled.h"

/* An unsigned integer of 96 bits, and what has been cut off below it. */
struct wide {
    uint64_t high; /* upper 64 of the 96 bits */
    uint32_t low;
    uint32_t last; /* the digit that was cut off last */
    bool rest;     /* whether any digit cut off before it was not 0 */
};

static struct wide wide_product(uint64_t a, uint32_t b)
{
    uint64_t low = (a & UINT32_MAX) * b;
    struct wide product = { (a >> 32) * b + (low >> 32), (uint32_t)low, 0, false };

    return product;
}

static bool wide_is_zero(const struct wide *n)
{
    return n->high == 0 && n->low == 0;
}

static bool wide_exceeds_64(const struct wide *n)
{
    return n->high > UINT32_MAX;
}

/* base is 2 or 10, n at most 64 bits. */
static void wide_multiply(struct wide *n, uint32_t base)
{
    uint64_t low = (uint64_t)n->low * base;

    n->low = (uint32_t)low;
    n->high = n->high * base + (low >> 32);
}

static void wide_divide(struct wide *n, uint32_t base)
{
    uint64_t low = (n->high % base) << 32 | n->low;

    n->rest = n->rest || n->last != 0;
    n->last = (uint32_t)(low % base);
    n->high /= base;
    n->low = (uint32_t)(low / base);
}

static int wide_round(const struct wide *n, uint32_t base, bool negative, int64_t *out)
{
    uint64_t limit = negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
    uint64_t value = n->high << 32 | n->low;
    bool up = n->last * 2 > base || (n->last * 2 == base && (n->rest || (value & 1) != 0));

    if (wide_exceeds_64(n) || value > limit || (up && value == limit))
        return SCALED_OVERFLOW;
    value += up ? 1 : 0;
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return 0;
}

static int scaled(bool negative, uint64_t mantissa, int64_t exponent, uint32_t base, uint32_t scale, int64_t *out)
{
    struct wide n;

    if (scale == 0)
        return SCALED_SCALE;
    n = wide_product(mantissa, scale);
    for (; exponent > 0 && !wide_is_zero(&n); exponent--) {
        if (wide_exceeds_64(&n))
            return SCALED_OVERFLOW;
        wide_multiply(&n, base);
    }
    for (; exponent < 0 && (!wide_is_zero(&n) || n.last != 0); exponent++)
        wide_divide(&n, base);
    return wide_round(&n, base, negative, out);
}

int scaled_of_decimal(bool negative, uint64_t mantissa, int64_t exponent, uint32_t scale, int64_t *out)
{
    return scaled(negative, mantissa, exponent, 10, scale, out);
}

int scaled_of_binary(bool negative, uint64_t mantissa, int64_t exponent, uint32_t scale, int64_t *out)
{
    return scaled(negative, mantissa, exponent, 2, scale, out);
}

int scaled_of_double_bits(uint64_t bits, uint32_t scale, int64_t *out)
{
    uint64_t fraction = bits & 0xfffffffffffffu;
    int64_t exponent = (int64_t)(bits >> 52 & 0x7ff);

    if (exponent == 0x7ff)
        return SCALED_NOT_FINITE;
    if (exponent == 0)
        exponent = 1; /* subnormal: no hidden bit */
    else
        fraction |= (uint64_t)1 << 52;
    return scaled_of_binary(bits >> 63 != 0, fraction, exponent - 1075, scale, out);
}

/* Widens a float of fraction_bits and the given largest exponent field to binary64. */
static uint64_t widen(bool negative, uint64_t exponent, uint64_t fraction, unsigned fraction_bits,
                      uint64_t exponent_max)
{
    uint64_t sign = (uint64_t)negative << 63;
    uint64_t bias = 1023 - exponent_max / 2;

    if (exponent == exponent_max)
        return sign | (uint64_t)0x7ff << 52 | fraction << (52 - fraction_bits);
    if (exponent == 0) {
        if (fraction == 0)
            return sign;
        /* Subnormal: shift until the hidden bit appears. */
        for (exponent = 1; (fraction >> fraction_bits) == 0; exponent--)
            fraction <<= 1;
        fraction &= ((uint64_t)1 << fraction_bits) - 1;
    }
    return sign | (exponent + bias) << 52 | fraction << (52 - fraction_bits);
}

uint64_t double_bits_of_half(uint16_t half)
{
    return widen(half >> 15 != 0, half >> 10 & 0x1f, half & 0x3ff, 10, 0x1f);
}

uint64_t double_bits_of_single(uint32_t single)
{
    return widen(single >> 31 != 0, single >> 23 & 0xff, single & 0x7fffff, 23, 0xff);
}
