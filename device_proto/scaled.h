/* scaled.h - decimal and binary numbers as scaled integers, without floating point.
 * A reading of 21.37 with scale 100 is the integer 2137. The arithmetic is exact on 128 bits and rounds once, half to
 * even, so that the same reading gives the same integer on every machine. */
#ifndef TINYPART_DEVICE_PROTO_SCALED_H
#define TINYPART_DEVICE_PROTO_SCALED_H

#include "device_proto/bytes.h"

enum scaled_refusal {
    SCALED_NOT_FINITE = 1, /* NaN or an infinity */
    SCALED_OVERFLOW,       /* the scaled value does not fit int64_t */
    SCALED_SCALE,          /* scale is 0 */
};

/* round_half_even(+-mantissa * 10^exponent * scale). Any exponent is fine: far too small gives 0, far too large
 * overflows. 0 and *out, or a scaled_refusal. */
int scaled_of_decimal(bool negative, uint64_t mantissa, int64_t exponent, uint32_t scale, int64_t *out);

/* The same with 2^exponent (CBOR's bigfloat, tag 5). */
int scaled_of_binary(bool negative, uint64_t mantissa, int64_t exponent, uint32_t scale, int64_t *out);

/* The same for an IEEE 754 binary64, given as its 64 bits. */
int scaled_of_double_bits(uint64_t bits, uint32_t scale, int64_t *out);

/* IEEE 754 widening, exact; NaN payloads are kept left-aligned. */
uint64_t double_bits_of_half(uint16_t half);
uint64_t double_bits_of_single(uint32_t single);

#endif
