/* cbor_float.c - widening is exact; narrowing is by trial: cut the bits off, widen again, compare. */
#include "device_proto/cbor_float.h"

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

/* The float with fraction_bits and exponent_max that is bits cut down; wrong where it does not fit, which the caller
 * sees. */
static uint64_t narrow(uint64_t bits, unsigned fraction_bits, uint64_t exponent_max)
{
    uint64_t exponent = bits >> 52 & 0x7ff;
    uint64_t fraction = bits & 0xfffffffffffffu;
    uint64_t bias = 1023 - exponent_max / 2;
    uint64_t shift;

    if (exponent == 0x7ff)
        return exponent_max << fraction_bits | fraction >> (52 - fraction_bits);
    if (exponent > bias && exponent - bias < exponent_max)
        return (exponent - bias) << fraction_bits | fraction >> (52 - fraction_bits);
    shift = exponent <= bias ? 52 - fraction_bits + 1 + (bias - exponent) : 64;
    return exponent == 0 || shift > 63 ? 0 : (fraction | (uint64_t)1 << 52) >> shift;
}

bool double_bits_fit_single(uint64_t bits, uint32_t *out)
{
    uint32_t single = (uint32_t)(narrow(bits, 23, 0xff) | (bits >> 63) << 31);

    if (double_bits_of_single(single) != bits)
        return false;
    *out = single;
    return true;
}

bool double_bits_fit_half(uint64_t bits, uint16_t *out)
{
    uint16_t half = (uint16_t)(narrow(bits, 10, 0x1f) | (bits >> 63) << 15);

    if (double_bits_of_half(half) != bits)
        return false;
    *out = half;
    return true;
}
