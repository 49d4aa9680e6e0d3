/* noise_tree.h - counts that go on: a noised running sum after each step, at the price of a tree's height.
 * The binary mechanism (Chan, Shi, Song, 2011): every step is in at most `levels` partial sums, each noised once, and
 * each running sum is made of as many as its step number has ones. So one person's step costs levels times the loss of
 * one draw, and the noise of the answer after step t has popcount(t) times the variance of one draw; it is unbiased.
 * The state is of fixed size and secret. */
#ifndef TINYPART_DEVICE_PROTO_NOISE_TREE_H
#define TINYPART_DEVICE_PROTO_NOISE_TREE_H

#include "device_proto/noise.h"

#define NOISE_TREE_LEVELS_MAX 32u

/* A draw of the noise of one partial sum, as noise_laplace or noise_gauss with these two parameters. */
typedef int (*noise_draw)(const struct proto_random *random, uint64_t num, uint64_t den, int64_t *out);

struct noise_tree {
    noise_draw draw;
    uint64_t num, den;
    uint64_t horizon; /* steps in all */
    int64_t bound;    /* each step's value is within -bound .. bound */
    uint64_t steps;   /* so far */
    int64_t exact[NOISE_TREE_LEVELS_MAX];
    int64_t noised[NOISE_TREE_LEVELS_MAX];
};

/* floor(log2 horizon) + 1: how many partial sums one step is in. 0 for a horizon of 0. */
unsigned noise_tree_levels(uint64_t horizon);
/* horizon 1 .. 2^32 - 1, bound >= 0, horizon x bound < 2^62. */
int noise_tree_init(noise_draw draw, uint64_t num, uint64_t den, uint64_t horizon, int64_t bound,
                    struct noise_tree *out);
/* One step more; *out is the noised sum of all steps so far. value is clamped to the bound. NOISE_FULL behind the
 * horizon. On a fault the step is not taken, nothing was given out, and the same call may be made again. */
int noise_tree_add(struct noise_tree *tree, const struct proto_random *random, int64_t value, int64_t *out);
/* How many draws the newest answer carries: its variance is that of one draw times this. */
unsigned noise_tree_draws(const struct noise_tree *tree);

#endif
