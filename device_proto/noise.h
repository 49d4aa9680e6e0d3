/* noise.h - exact integer noise: discrete Laplace, discrete Gaussian, and the constant-time geometric for devices.
 * Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy" (2020), algorithms 1 to 3: integers,
 * rationals and rejection only, so the distribution is exact whatever the parameters. How long a draw of Laplace or
 * Gaussian noise takes depends on what is drawn: a caller that lets others watch the clock draws ahead, answers on a
 * schedule, or takes the geometric, whose work never depends on what is drawn. */
#ifndef TINYPART_DEVICE_PROTO_NOISE_H
#define TINYPART_DEVICE_PROTO_NOISE_H

#include "device_proto/crypto.h"

#define NOISE_SCALE_NUM_MAX (1ull << 40)
#define NOISE_SCALE_DEN_MAX (1ull << 40)

enum noise_refusal {
    NOISE_BAD_PARAMETER = 1, /* outside of the stated bounds; nothing is drawn */
    NOISE_SOURCE_STUCK,      /* the source repeats itself in a way that chance does with less than 2^-120 */
    NOISE_OVERFLOW,          /* the exact result does not fit its type; nothing is given out */
    NOISE_FULL,              /* a table or a horizon is used up */
};

/* All of these return 0, an enum noise_refusal, or the source's negative fault; *out is set only on 0. */

/* Uniform in 0 .. n-1, exactly (rejection); n >= 1. n = 1 draws nothing. */
int noise_below(const struct proto_random *random, uint64_t n, uint64_t *out);

/* true with probability exp(-num/den), exactly; 1 <= den <= NOISE_SCALE_NUM_MAX, any num. */
int noise_bernoulli_exp(const struct proto_random *random, uint64_t num, uint64_t den, bool *out);

/* Discrete Laplace: P(x) proportional to exp(-|x| x den/num), scale num/den with 1 <= num <= NOISE_SCALE_NUM_MAX and
 * 1 <= den <= NOISE_SCALE_DEN_MAX. Adding it to an integer query of sensitivity D is (D x den/num)-differentially
 * private. */
int noise_laplace(const struct proto_random *random, uint64_t scale_num, uint64_t scale_den, int64_t *out);
/* count of them, for less time and randomness each. On anything but 0, out holds no noise: it is zeroed. */
int noise_laplace_many(const struct proto_random *random, uint64_t scale_num, uint64_t scale_den, int64_t *out,
                       size_t count);

/* Discrete Gaussian: P(x) proportional to exp(-x^2 x den / (2 num)), where num/den is the parameter sigma^2, both
 * >= 1 and den x t^2 <= 2^53 with t = floor(sigma) + 1 (for a whole sigma^2: sigma below 2^26.5). Adding it to an
 * integer query of sensitivity D is D^2 den / (2 num) zero-concentrated differentially private. In a file of its own
 * (noise_gauss.c), since it needs 128-bit integers, which compilers for 32-bit devices lack. */
#define NOISE_GAUSS_PRODUCT_MAX (1ull << 53)
int noise_gauss(const struct proto_random *random, uint64_t var_num, uint64_t var_den, int64_t *out);
int noise_gauss_many(const struct proto_random *random, uint64_t var_num, uint64_t var_den, int64_t *out, size_t count);
/* Whether noise_gauss takes these: 0 or NOISE_BAD_PARAMETER. */
int noise_gauss_check(uint64_t var_num, uint64_t var_den);

/* The constant-time geometric distribution: each bit i of the value is 1 by itself with probability 1 / (1 +
 * e^(2^i/t)), which is the geometric distribution conditioned on values below 2^bits; the difference of two such is
 * discrete Laplace noise of scale t but for what *_distance charges. */
#define NOISE_GEOMETRIC_BITS_MAX 46u
struct noise_geometric {
    uint32_t bits;                                 /* of each of the two values */
    uint64_t thresholds[NOISE_GEOMETRIC_BITS_MAX]; /* [i]: 2^64 / (1 + e^(2^i/t)), rounded to nearest */
    uint64_t distance; /* total variation distance to discrete Laplace, in 2^-64ths, rounded up */
};
/* Thresholds for the scale t = num/den (the bounds of noise_laplace): correctly rounded by interval arithmetic
 * (fixed_point.h), as many bits as bring the truncation below 2^-64. Milliseconds on a device: done once. */
int noise_geometric_init(uint64_t scale_num, uint64_t scale_den, struct noise_geometric *out);
/* One draw of the two-sided noise: 16 x bits bytes of randomness, no branch and no address depends on them. */
int noise_geometric(const struct proto_random *random, const struct noise_geometric *geometric, int64_t *out);
/* The delta to be charged beside micro_epsilon for the distance: (1 + e^epsilon) x distance in 2^-64ths, rounded up.
 * NOISE_OVERFLOW where that is no probability any more. */
int noise_geometric_delta(const struct noise_geometric *geometric, uint64_t micro_epsilon, uint64_t *out_delta);

/* ---- bounds ---- */

#define NOISE_SUM_MAX (INT64_C(1) << 62)

/* Whether a sum of n values of lower .. upper can never pass 2^62, whatever the order: n x max(|lower|, |upper|) <
 * 2^62 and lower <= upper. 0 or NOISE_BAD_PARAMETER. To be asked when a policy is made. */
int noise_bounds_check(int64_t lower, int64_t upper, uint64_t n);
int64_t noise_clamp(int64_t value, int64_t lower, int64_t upper);
/* mantissa x 10^exponent x steps, rounded to nearest (half away from zero) and clamped to lower .. upper; it cannot
 * overflow, whatever the reading. steps >= 1. */
int64_t noise_to_steps(int64_t mantissa, int32_t exponent, uint32_t steps, int64_t lower, int64_t upper);
/* Whether noise that ends at -most .. most (what lies beyond is piled up there) may be used where answers are clamped
 * to lower - margin .. upper + margin: only if most >= upper - lower + margin, so that every input reaches both ends of
 * the answers. With one less some answers are possible for some inputs only, and no epsilon holds. The bounds have
 * passed noise_bounds_check. 0 or NOISE_BAD_PARAMETER. */
int noise_finite_check(int64_t lower, int64_t upper, uint64_t margin, uint64_t most);
/* How much one person's value moves the sum: upper - lower where neighbours replace it, else max(|lower|, |upper|),
 * divided by divisor (>= 1) and rounded up. The bounds have passed noise_bounds_check. */
uint64_t noise_sensitivity(int64_t lower, int64_t upper, bool replace, uint64_t divisor);

#endif
