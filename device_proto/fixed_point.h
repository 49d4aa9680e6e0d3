/* fixed_point.h - real numbers between two bounds, in integers: the one tool for exp, ln and sqrt where a value must
 * be rounded to one known side, or correctly.
 * A real is an interval lo .. hi of signed fixed-point numbers with 192 bits behind the point and 63 before; every
 * operation gives an interval that holds all results of all members of its operands. What passes the range, divides by
 * an interval that holds 0, or takes the root or logarithm of one that holds what has none, is broken, and so is all
 * that is made of it; a caller asks once, at the end (the conversions refuse it). No heap, no floating point, no
 * 128-bit integers: firmware may use it. */
#ifndef TINYPART_DEVICE_PROTO_FIXED_POINT_H
#define TINYPART_DEVICE_PROTO_FIXED_POINT_H

#include <stdbool.h>
#include <stdint.h>

#define FIXED_LIMBS    8u /* of 32 bits, lowest first, two's complement */
#define FIXED_FRACTION 6u /* limbs behind the point */

struct fixed {
    uint32_t limb[FIXED_LIMBS];
};

struct real {
    struct fixed lo, hi;
    bool broken;
};

struct real real_of(int64_t value);
/* num/den, den >= 1. */
struct real real_ratio(uint64_t num, uint64_t den);
struct real real_add(struct real a, struct real b);
struct real real_sub(struct real a, struct real b);
struct real real_mul(struct real a, struct real b);
struct real real_div(struct real a, struct real b);
/* By a whole number; factor and divisor below 2^32, divisor >= 1. */
struct real real_times(struct real a, uint32_t factor);
struct real real_over(struct real a, uint32_t divisor);
struct real real_square(struct real a);
struct real real_exp(struct real a); /* broken where the result may reach 2^62 */
struct real real_ln(struct real a);
struct real real_sqrt(struct real a);
struct real real_pi(void);
/* The smaller bounds of two, and the larger ones. */
struct real real_min(struct real a, struct real b);
struct real real_max(struct real a, struct real b);

/* Surely below: every member of a is below every member of b. */
bool real_below(struct real a, struct real b);
/* -1, 0 or 1 for the middle of a - b; for searches, not for proofs. */
int real_compare_middle(struct real a, struct real b);

/* The whole number that surely is not below (not above) any member times unit: rounding against or for somebody.
 * false, and *out left alone: broken, negative, or beyond 64 bits. */
bool real_ceil(struct real a, uint64_t unit, uint64_t *out);
bool real_floor(struct real a, uint64_t unit, uint64_t *out);
/* a x 2^64, for 0 <= a <= 1: rounded up or down (1 gives UINT64_MAX in both), or to nearest; false where the bounds
 * do not agree on the nearest (Ziv's test), or the value is out of range. */
bool real_ceil_64ths(struct real a, uint64_t *out);
bool real_floor_64ths(struct real a, uint64_t *out);
bool real_nearest_64ths(struct real a, uint64_t *out);
/* value x 2^-64. */
struct real real_of_64ths(uint64_t value);

#endif
