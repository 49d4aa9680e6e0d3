/* cbor_float.h - private to this room: the formats of floats, which reader (shortest form) and writer share. */
#ifndef TINYPART_DEVICE_PROTO_CBOR_FLOAT_H
#define TINYPART_DEVICE_PROTO_CBOR_FLOAT_H

#include "device_proto/bytes.h"

/* IEEE 754 widening, exact; NaN payloads are kept left-aligned. */
uint64_t double_bits_of_half(uint16_t half);
uint64_t double_bits_of_single(uint32_t single);

/* Whether a binary64 is exactly a single (a half); then *out is it. */
bool double_bits_fit_single(uint64_t bits, uint32_t *out);
bool double_bits_fit_half(uint64_t bits, uint16_t *out);

#endif
