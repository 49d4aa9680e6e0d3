/* cbor_float.h - private to this room: narrowing of floats, shared by reader (shortest form) and writer. */
#ifndef TINYPART_DEVICE_PROTO_CBOR_FLOAT_H
#define TINYPART_DEVICE_PROTO_CBOR_FLOAT_H

#include "device_proto/bytes.h"

/* Whether a binary64 is exactly a single (a half); then *out is it. */
bool double_bits_fit_single(uint64_t bits, uint32_t *out);
bool double_bits_fit_half(uint64_t bits, uint16_t *out);

#endif
