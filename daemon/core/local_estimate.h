/* local_estimate.h - what many readings noised on board mean: unbiased, with the variance of the noise and an
 * interval, as fractions. What the device knew is fixed here; only its noise is by chance, so nothing is assumed about
 * readings. For policies that noise every reading afresh these readings are independent, which variances and intervals
 * rest on; see local_is_independent. */
#ifndef TINYPART_CORE_LOCAL_ESTIMATE_H
#define TINYPART_CORE_LOCAL_ESTIMATE_H

#include "device_proto/noise_response.h"
#include "device_proto/policy_doc.h"

enum local_refusal {
    LOCAL_WRONG_MECHANISM = 1, /* its answers do not say that */
    LOCAL_BAD_INPUT,           /* more positive answers than reports, or sums that such reports cannot have */
    LOCAL_OVERFLOW,
};

/* All in steps of the policy's scale for sums; in devices (reports) for frequencies. */
struct local_estimate {
    struct noise_fraction value;    /* unbiased; may be negative, or more than there are reports */
    struct noise_fraction variance; /* of the noise, an upper bound */
    struct noise_fraction error;    /* |value - truth| <= error but with a probability of at most 1 / unlikely */
};

#define LOCAL_95 20u /* unlikely, for an interval of 95 % */

/* The sum of what the readings were before the noise, clamped to the policy's bounds. total is the sum of the reports
 * as they are kept: with laplace and geometric noisy steps, with the one-bit mean how many ones. The mean is value /
 * reports. unlikely: 1 .. 2^31. */
int local_sum(const struct noise_policy *policy, uint64_t reports, int64_t total, uint32_t unlikely,
              struct local_estimate *out);

/* How many of the reports come from readings in any of so many of the policy's categories. count: of k-ary responses
 * those that name one of them; of unary ones all their bits that are set among these. Of no category none is, and of
 * all of them each: then nothing is estimated. */
int local_frequency(const struct noise_policy *policy, uint64_t reports, uint32_t categories, uint64_t count,
                    uint32_t unlikely, struct local_estimate *out);

/* Whether each report has noise of its own. Where answers are memoised, a device's reports share noise: then only one
 * report of each device may go into an estimate. */
bool local_is_independent(const struct noise_policy *policy);

#endif
