/* noise_response.h - local noise: what a device may say about itself, and what the host makes of many such answers.
 * Privacy is given by two whole weights: true answers outweigh false ones truth : lie, and epsilon = ln(truth/lie).
 * So neither devices nor estimators need exp() (privacy_loss.h rounds that epsilon up for the ledger). Estimates and
 * variances are exact fractions. */
#ifndef TINYPART_DEVICE_PROTO_NOISE_RESPONSE_H
#define TINYPART_DEVICE_PROTO_NOISE_RESPONSE_H

#include "device_proto/noise.h"

#define NOISE_WEIGHT_MAX     (1u << 24)
#define NOISE_CATEGORIES_MAX 65536u
#define NOISE_MEAN_SPAN_MAX  (1u << 31) /* m of the one-bit mean */
#define NOISE_REPORTS_MAX    (1u << 30)

/* lie >= 1 and lie < truth <= NOISE_WEIGHT_MAX. */
struct noise_weights {
    uint32_t truth, lie;
};

/* num/den, den >= 1. */
struct noise_fraction {
    int64_t num;
    uint64_t den;
};

int noise_weights_check(struct noise_weights weights);

/* k-ary randomised response: value (below categories, 2..NOISE_CATEGORIES_MAX) with truth parts, each other one with
 * lie parts. */
int noise_krr(const struct proto_random *random, struct noise_weights weights, uint32_t categories, uint32_t value,
              uint32_t *out);

/* Optimised unary encoding (Wang et al., 2017): one bit a category, first category in the lowest bit of out[0]; the own
 * bit stays with 1/2, each other one rises with lie / (truth + lie). out has noise_oue_size(categories) bytes. Better
 * than noise_krr where categories > 3 truth/lie + 2. */
size_t noise_oue_size(uint32_t categories);
int noise_oue(const struct proto_random *random, struct noise_weights weights, uint32_t categories, uint32_t value,
              uint8_t *out);

/* One-bit mean (Ding, Kulkarni, Yekhanin, 2017) of value in 0..span (1..NOISE_MEAN_SPAN_MAX): 1 with probability
 * (lie span + value (truth - lie)) / (span (truth + lie)). */
int noise_onebit(const struct proto_random *random, struct noise_weights weights, uint32_t span, uint32_t value,
                 bool *out);

/* What count positive answers of reports mean, unbiased: how many devices hold the category, or what the values of
 * the one-bit mean sum up to. NOISE_BAD_PARAMETER where count > reports or reports > NOISE_REPORTS_MAX;
 * NOISE_OVERFLOW where it fits no fraction of 64 bits. */
int noise_krr_estimate(struct noise_weights weights, uint32_t categories, uint64_t reports, uint64_t count,
                       struct noise_fraction *out);
int noise_oue_estimate(struct noise_weights weights, uint64_t reports, uint64_t count, struct noise_fraction *out);
int noise_onebit_estimate(struct noise_weights weights, uint32_t span, uint64_t reports, uint64_t count,
                          struct noise_fraction *out);

/* The variance of these estimates, rounded up. holders: how many of the reports come from devices that hold the
 * category, where that is assumed; the variance is linear in it, so its largest value is at 0 or at reports. For the
 * one-bit mean the bound for all values. */
int noise_krr_variance(struct noise_weights weights, uint32_t categories, uint64_t reports, uint64_t holders,
                       struct noise_fraction *out);
int noise_oue_variance(struct noise_weights weights, uint64_t reports, uint64_t holders, struct noise_fraction *out);
int noise_onebit_variance(struct noise_weights weights, uint32_t span, uint64_t reports, struct noise_fraction *out);

/* ---- one answer for one value, for ever ---- */

/* A device that answers the same value with fresh noise again and again gives the value away. So the first answer is
 * kept, by sensor and rounded value. The caller owns the table, keeps it over restarts, and keeps it secret. */
struct noise_memo_entry {
    int64_t value; /* rounded */
    int64_t answer;
    uint32_t sensor;
    uint32_t used;
};
struct noise_memo {
    struct noise_memo_entry *entries;
    size_t capacity;
};
/* Rounds down to a multiple of step, shifted by offset (0..step-1, drawn once per device): small drifts around a fixed
 * limit then do not make a new answer on every device at once. step >= 1. */
int64_t noise_memo_round(int64_t value, uint32_t step, uint32_t offset);
bool noise_memo_find(const struct noise_memo *memo, uint32_t sensor, int64_t rounded, int64_t *out_answer);
/* NOISE_FULL: nothing may be answered; forgetting an old answer would cost what a fresh one costs. NOISE_BAD_PARAMETER:
 * it has one already. */
int noise_memo_keep(const struct noise_memo *memo, uint32_t sensor, int64_t rounded, int64_t answer);

#endif
