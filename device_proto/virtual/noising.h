/* noising.h - from what a sensor says to what may leave the device, by the signed policy. */
#ifndef TINYPART_VIRTUAL_NOISING_H
#define TINYPART_VIRTUAL_NOISING_H

#include "device_proto/noise_response.h"
#include "device_proto/policy_doc.h"

/* Different rounded readings that a device answers under one version of a policy; after that nothing is sent. */
#define NOISING_ANSWERS_MAX 64u

struct noising {
    struct noise_geometric geometric; /* with POLICY_GEOMETRIC */
    uint32_t offset;                  /* of the rounding of memoised readings; secret */
    struct noise_memo_entry answers[NOISING_ANSWERS_MAX];
};

/* What a policy needs before its first reading; answers given under an earlier version are forgotten. 0, a
 * policy_refusal where its delta does not cover its noise, or a fault of the random source. */
int noising_begin(const struct noise_policy *policy, const struct proto_random *random, struct noising *out);
/* value in steps, clamped already. 0, a noise_refusal, or a fault of the random source. *out_is_new: an answer was
 * memoised, which must be durable before it leaves. */
int noising_apply(const struct noise_policy *policy, const struct proto_random *random, struct noising *noising,
                  int64_t value, int64_t *out, bool *out_is_new);
size_t noising_answer_count(const struct noising *noising);

#endif
