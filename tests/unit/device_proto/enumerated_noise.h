/* enumerated_noise.h - the samplers of noise.c and noise_gauss.c with their primitives (noise_draw.h) replaced by an
 * enumeration: run after run it takes another path through all outcomes, and knows each path's probability, a product
 * of rationals: 1/n for a number below n, num/den for a coin, digit/256 for a comparison. */
#ifndef TINYPART_TESTS_DEVICE_PROTO_ENUMERATED_NOISE_H
#define TINYPART_TESTS_DEVICE_PROTO_ENUMERATED_NOISE_H

#include "device_proto/crypto.h"

#define ENUMERATION_DEPTH_MAX 256u
#define ENUMERATION_PRUNED    (-1000) /* what a draw gives on a path below the floor */

struct enumeration {
    struct {
        uint64_t choice, n;
    } path[ENUMERATION_DEPTH_MAX];
    size_t depth;       /* choices known so far */
    size_t at;          /* choices taken in this run */
    double probability; /* of this run's path */
    double floor;       /* paths below are given up */
};

int enumerated_laplace(const struct proto_random *random, uint64_t scale_num, uint64_t scale_den, int64_t *out);
int enumerated_bernoulli_exp(const struct proto_random *random, uint64_t num, uint64_t den, bool *out);
/* Of the first proposal only: NOISE_SOURCE_STUCK where it is not taken. */
int enumerated_gauss(const struct proto_random *random, uint64_t var_num, uint64_t var_den, int64_t *out);

/* Before each run. */
struct proto_random enumeration_start(struct enumeration *enumeration);
/* After each run: moves on to the next path; false where all have been taken. */
bool enumeration_next(struct enumeration *enumeration);
/* Which of n branches this run takes; the caller multiplies the path's probability. */
uint64_t enumeration_choose(struct enumeration *enumeration, uint64_t n);

#endif
