/* watch.h - whether the noised readings of a device look like what its policy makes of any readings.
 *
 * Nothing is assumed about what a device measures, only about its noise. Each test bets on an event whose probability
 * has a bound that holds for any readings, given all that came before: with honest noise the stake is a
 * supermartingale, and by Ville's inequality it ever grows 2^n-fold with probability at most 2^-n. Stakes are kept as
 * logarithms, in integers, rounded down. Each test has three bets, on small, middle and gross deviations, which begin
 * anew after so many trials, so that long honesty buys nobody anything:
 *
 *   gross: 64 trials, 2^44-fold;  middle: 1024 trials, 2^40-fold;  small: 16384 trials, 2^36-fold
 *
 * At the most contributions that a policy may allow, an honest device is suspected with probability below 10^-9 for
 * each sensor and epoch.
 *
 *   laplace, geometric  two reports in a row (no report twice) nearer than half a scale; reports above upper; below
 *                       lower
 *   krr, onebit         two reports in a row are the same
 *   oue                 the same; few bits set; many bits set
 *
 * No test: of memoised answers, which repeat by right; where the bound is near 1 (noise so small that nearly all
 * reports are alike anyway). State is of fixed size. */
#ifndef TINYPART_CORE_WATCH_H
#define TINYPART_CORE_WATCH_H

#include "device_proto/policy_doc.h"

#define WATCH_TESTS 3u
#define WATCH_BETS  3u
#define WATCH_SIZE  120u /* encoded */

enum watch_verdict {
    WATCH_FINE = 0,
    WATCH_TOO_LITTLE, /* too little noise */
    WATCH_ABOVE,      /* too many reports above the policy's bounds; too many bits */
    WATCH_BELOW,      /* below them; too few bits */
};

struct watch_bet {
    int32_t stake; /* log2 of it, in 2^-20ths */
    uint32_t trials;
};

struct watch {
    int64_t policy_version;
    int64_t epoch;
    int64_t given; /* readings in that epoch, those that were too many included */
    int64_t previous;
    bool has_previous;
    struct watch_bet bets[WATCH_TESTS][WATCH_BETS];
};

/* A new policy is another distribution: bets begin anew. */
void watch_begin(struct watch *watch, int64_t policy_version, int64_t epoch);
/* One more report that is within the policy's range. */
enum watch_verdict watch_look(struct watch *watch, const struct noise_policy *policy, int64_t report);
/* In words, with what was expected at most. */
const char *watch_verdict_text(enum watch_verdict verdict);

void watch_encode(const struct watch *watch, uint8_t out[WATCH_SIZE]);
void watch_decode(const uint8_t in[WATCH_SIZE], struct watch *out);

/* The bound on the probability of each test's event, in 2^-32ths; at or above WATCH_USELESS it is not tested. For
 * tests. *out_near: how near two reports must be for the first one, with laplace and geometric; or how many bits are
 * few and many, for the others. */
#define WATCH_USELESS ((UINT64_C(1) << 32) / 16 * 15)
struct watch_bounds {
    uint64_t probability[WATCH_TESTS];
    int64_t near;
    unsigned few, many;
};
void watch_bounds(const struct noise_policy *policy, struct watch_bounds *out);

#endif
