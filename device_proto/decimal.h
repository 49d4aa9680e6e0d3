/* decimal.h - exact decimal numbers: mantissa x 10^exponent10.
 * Readings come as decimal text or as binary floats and leave as integers at a policy's scale; no floating point takes
 * part in between, so that what is clamped and noised is exactly what was sent. */
#ifndef TINYPART_DEVICE_PROTO_DECIMAL_H
#define TINYPART_DEVICE_PROTO_DECIMAL_H

#include "device_proto/bytes.h"

enum decimal_refusal {
    DECIMAL_MALFORMED = 1, /* not a number of JSON's grammar (RFC 8259 section 6) */
    DECIMAL_RANGE,         /* does not fit: more than 18 or 19 significant digits, or an exponent beyond int8 */
    DECIMAL_NOT_FINITE,    /* NaN or an infinity */
};

#define DECIMAL_TEXT_MAX 48u /* bytes that decimal_print needs at most, no NUL */

struct decimal {
    int64_t mantissa;  /* not a multiple of ten, unless it is 0 or exponent10 is 127 */
    int8_t exponent10; /* 0 where mantissa is 0 */
};

/* mantissa x 10^exponent in normal form. 0 or DECIMAL_RANGE. */
int decimal_make(int64_t mantissa, int32_t exponent, struct decimal *out);

/* A JSON number, exactly; the whole text must be one. 0, DECIMAL_MALFORMED or DECIMAL_RANGE. */
int decimal_parse(struct bytes text, struct decimal *out);

/* A binary float (IEEE 754; bits as on the wire, width 2, 4 or 8 bytes). Exact where the decimal expansion has at most
 * 15 significant digits or the value is an integer below 2^63; otherwise rounded half to even to the digits that the
 * format can carry faithfully (15, 6, 3): 120.1 as a double is 1201e-1 again. Magnitudes outside of about 2^-200 ..
 * 2^63 are refused. 0, DECIMAL_RANGE or DECIMAL_NOT_FINITE. */
int decimal_from_float(uint64_t bits, unsigned width, struct decimal *out);

/* a + b, exactly. 0 or DECIMAL_RANGE. */
int decimal_add(struct decimal a, struct decimal b, struct decimal *out);

/* The integer nearest to value x scale, half to even; scale is 1 to 10^9 (100: hundredths). 0 or DECIMAL_RANGE. */
int decimal_scale(struct decimal value, int64_t scale, int64_t *out);

/* Plain JSON text (27.18, -5, 1e30). The number of bytes written, at most DECIMAL_TEXT_MAX. */
size_t decimal_print(struct decimal value, char out[DECIMAL_TEXT_MAX]);

#endif
