/* policy_doc.h - the signed noise policy of one sensor, which devices fetch and obey.
 * A COSE_Sign1 over a CBOR map with integer keys (schema/wire.cddl). Integers only: a reading is a fixed-point number
 * of scale steps per unit, and everything that bounds or noises it is in such steps. The map has two forms: the first
 * one with 16 keys, as long as it can say all that the policy says, and the second one with 18. */
#ifndef TINYPART_DEVICE_PROTO_POLICY_DOC_H
#define TINYPART_DEVICE_PROTO_POLICY_DOC_H

#include "device_proto/crypto.h"

#define POLICY_SENSOR_MAX 63u
#define POLICY_UNIT_MAX   31u
#define POLICY_SIZE_MAX   256u                        /* the unsigned map */
#define POLICY_DOC_MAX    (320u + SIGNATURE_SIZE_MAX) /* the signed document, kid of up to 16 bytes included */
#define POLICY_STEPS_MAX  INT32_MAX                   /* |lower|, |upper|, output_bound */

enum policy_refusal {
    POLICY_STRUCTURE = 1, /* not the CBOR map of a policy, or not a COSE_Sign1 */
    POLICY_SIGNATURE,     /* by none of the keys */
    POLICY_VALUE,         /* a value outside its bounds; see policy_check */
    POLICY_UNDERCHARGED,  /* the noise is weaker than micro_epsilon claims */
    POLICY_NO_ROOM,
};

/* Who is protected. */
enum policy_unit { POLICY_DEVICE = 1, POLICY_DEVICE_EPOCH = 2, POLICY_EVENT = 3 };
/* What may differ between neighbours: a reading becomes 0, or any other reading. */
enum policy_adjacency { POLICY_ZERO_OUT = 1, POLICY_REPLACE = 2 };
enum policy_mechanism {
    POLICY_NONE = 0,                /* raw readings leave the device; only where the daemon noises */
    POLICY_DISCRETE_LAPLACE = 1,    /* parameter: scale t = num/den, in steps */
    POLICY_RANDOMIZED_RESPONSE = 2, /* parameter: weights num (truth) : den (each lie); each step is a category */
    POLICY_GEOMETRIC = 3,           /* as discrete Laplace, but in constant time; costs a delta */
    POLICY_UNARY = 4,               /* optimised unary encoding; weights; each step is a category, each bit one, too */
    POLICY_ONE_BIT = 5,             /* one-bit mean; weights; what leaves is 0 or 1 */
};
#define POLICY_CATEGORIES_MAX 65536u
#define POLICY_UNARY_CATEGORIES_MAX                                                   \
    48u /* what leaves is one whole number, which every reader of SenML keeps exactly \
         */
#define POLICY_WEIGHT_MAX (1u << 24)

struct noise_policy {
    struct bytes sensor;   /* 1..63 bytes of [a-z0-9._-] */
    uint32_t version;      /* from 1, rising */
    enum policy_unit unit; /* of privacy */
    uint32_t epoch_s;      /* seconds, >= 1 */
    enum policy_adjacency adjacency;
    int64_t lower, upper;   /* readings are clamped to these, in steps; lower < upper */
    uint32_t scale;         /* steps per unit_text: 100 for hundredths */
    struct bytes unit_text; /* SenML unit, "Cel"; up to 31 printable ASCII; may be empty */
    enum policy_mechanism mechanism;
    uint64_t micro_epsilon; /* charged for each reading; 0 only with POLICY_NONE */
    uint32_t parameter_num, parameter_den;
    uint32_t contributions; /* readings a device may give per epoch, >= 1 */
    uint32_t interval_s;    /* seconds between readings, >= 1 */
    int64_t output_bound;   /* B: what leaves is clamped to [lower - B, upper + B]; >= 0 */
    uint32_t memo_step; /* 0: each reading gets fresh noise; else one answer for ever for all that rounds to the same
                           multiple of so many steps (noise_response.h) */
    uint64_t delta;     /* 2^-64ths, charged for each reading; not 0 with POLICY_GEOMETRIC, and with that only */
    uint32_t dimension; /* 0: readings are numbers. Else each is a vector of so many whole numbers (vector.h), at most
                           VECTOR_DIMENSION_MAX, clipped to the L2 norm upper (lower = -upper); with POLICY_NONE only:
                           what hides a vector is noised with the sum */
};

/* What a reading that was noised by a policy may be, as a whole number: lower..upper in steps of scale, or where
 * *out_plain is set a plain number (a set of bits, a bit). */
void policy_output_range(const struct noise_policy *policy, int64_t *out_least, int64_t *out_most, bool *out_plain);
/* Whether what leaves is an answer (a category, bits, a bit): to be counted, not to be summed. */
static inline bool policy_is_answered(const struct noise_policy *policy)
{
    return policy->mechanism == POLICY_RANDOMIZED_RESPONSE || policy->mechanism == POLICY_UNARY ||
           policy->mechanism == POLICY_ONE_BIT;
}
/* How many categories a policy of responses tells apart: upper - lower + 1. */
uint32_t policy_categories(const struct noise_policy *policy);

/* Whether every value keeps its bounds, and whether the mechanism's own parameter gives at least the privacy that
 * micro_epsilon states. For discrete Laplace, exactly: sensitivity * den * 10^6 <= micro_epsilon * num, where
 * sensitivity is upper - lower (replace) or max(|lower|, |upper|) (zero-out); the same for the geometric, whose delta
 * is only asked to be there: who draws it knows its distance (noise_geometric_delta). Weights: num > den, and the
 * logarithm of num/den, rounded up, at most micro_epsilon. 0, POLICY_VALUE or POLICY_UNDERCHARGED. */
int policy_check(const struct noise_policy *policy);

/* The signed document, tagged COSE_Sign1 with attached payload. Checks the policy first. kid (<= 16 bytes) may be
 * empty. */
int policy_doc_write(const struct noise_policy *policy, struct bytes kid, const struct proto_signer *signer,
                     uint8_t *out, size_t capacity, size_t *out_size);

/* Verifies by any of keys, reads, and checks. Views point into encoded. */
int policy_doc_verify(struct bytes encoded, const struct public_key *keys, size_t n_keys,
                      const struct proto_crypto *crypto, struct noise_policy *out);

/* Reads and checks without a key, for showing. */
int policy_doc_parse(struct bytes encoded, struct noise_policy *out);

const char *policy_refusal_text(int refusal);

#endif
