/* noise.h - exact integer noise: the discrete Laplace distribution.
 * Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy" (2020), algorithms 1 and 2: integers,
 * rationals and rejection only, so the distribution is exact whatever the parameters; the one primitive is a uniform
 * integer below n. How long a draw takes depends on what is drawn: a caller that lets others watch the clock must draw
 * ahead or answer on a schedule. */
#ifndef TINYPART_DEVICE_PROTO_NOISE_H
#define TINYPART_DEVICE_PROTO_NOISE_H

#include "device_proto/crypto.h"

#define NOISE_SCALE_NUM_MAX (1ull << 40)
#define NOISE_SCALE_DEN_MAX (1ull << 40)

enum noise_refusal {
    NOISE_BAD_PARAMETER = 1, /* outside of the stated bounds; nothing is drawn */
    NOISE_SOURCE_STUCK,      /* the source repeats itself in a way that chance does with less than 2^-120 */
};

/* All of these return 0, an enum noise_refusal, or the source's negative fault; *out is set only on 0. */

/* Uniform in 0 .. n-1, exactly (rejection); n >= 1. n = 1 draws nothing. */
int noise_below(const struct proto_random *random, uint64_t n, uint64_t *out);

/* true with probability exp(-num/den), exactly; den >= 1, any num. */
int noise_bernoulli_exp(const struct proto_random *random, uint64_t num, uint64_t den, bool *out);

/* Discrete Laplace: P(x) proportional to exp(-|x| x den/num), scale num/den with 1 <= num <= NOISE_SCALE_NUM_MAX and
 * 1 <= den <= NOISE_SCALE_DEN_MAX. Adding it to an integer query of sensitivity D is (D x den/num)-differentially
 * private. */
int noise_laplace(const struct proto_random *random, uint64_t scale_num, uint64_t scale_den, int64_t *out);

#endif
