/* accuracy.h - how much noise an answer needs, and quotients: rationals and integers only (I5, I6). */
#ifndef TINYPART_CORE_ACCURACY_H
#define TINYPART_CORE_ACCURACY_H

#include <stdint.h>

#include "daemon/base/loss.h"

/* Of the discrete Laplace distribution: num/den, both >= 1. */
struct noise_scale {
    uint64_t num, den;
};

/* The scale that makes a query of this sensitivity cost ueps micro-epsilon: sensitivity * 10^6 / ueps, in lowest terms.
 * Where num would pass most, the next larger fraction that fits is given: never less noise than was paid for.
 * 0, or -ERANGE when even the whole number does not fit. */
int noise_scale_of(int64_t sensitivity, int64_t ueps, uint64_t most, struct noise_scale *out);

/* The variance of Gaussian noise that makes a query of this sensitivity cost at most nrho nano-rho: sensitivity^2 *
 * 10^9 / (2 nrho), or the next larger fraction that the sampler takes. 0 or -ERANGE. */
int noise_variance_of(int64_t sensitivity, int64_t nrho, struct noise_scale *out);

/* What times answers cost together, each of numbers with Laplace noise of this scale that change by at most sensitivity
 * together (L1): ueps micro-epsilon each, and the tight rho. */
struct loss loss_of_laplace(int64_t sensitivity, const struct noise_scale *scale, int64_t ueps, int64_t times);

/* value * factor / divisor, rounded half to even (divisor > 0). -ERANGE when it passes int64. */
int scaled_ratio(int64_t value, int64_t factor, int64_t divisor, int64_t *out);
/* The same, rounded towards minus or plus infinity, for the two ends of an interval. */
int scaled_ratio_down(int64_t value, int64_t factor, int64_t divisor, int64_t *out);
int scaled_ratio_up(int64_t value, int64_t factor, int64_t divisor, int64_t *out);

/* The square root of at most (2^64 - 1)^2, rounded down or up. */
uint64_t root_down(unsigned __int128 value);
uint64_t root_up(unsigned __int128 value);

/* Decimal digits of a power of ten: 100 has 2. -1 for anything else, or beyond 10^6. */
int digits_of_scale(int64_t scale);

#endif
