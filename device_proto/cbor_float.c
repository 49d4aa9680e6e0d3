/* cbor_float.c - narrowing by trial: cut the bits off, widen again, compare. */
#include "device_proto/cbor_float.h"

#include "device_proto/scaled.h"

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
