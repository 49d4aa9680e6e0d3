/* audit.h - judges samples by what a mechanism claims: two ways that catch different faults.
 * Distinguishing: how often events happen with one input and with its neighbour bounds epsilon from below
 * (Clopper-Pearson); a bound above the claim refutes it. By law: how often they happen at all, against the claimed
 * distribution; that finds what no bound can, such as a tail cut off where hardly anything falls, or support that is no
 * whole number. Events are chosen before samples are seen, and the false-alarm rate is shared out among them. */
#ifndef TINYPART_CLI_AUDIT_H
#define TINYPART_CLI_AUDIT_H

#include <jansson.h>

#include "cli/sampler.h"

#define AUDIT_EVENTS_MAX 64u

enum event_kind {
    EVENT_AT_MOST,
    EVENT_AT_LEAST,
    EVENT_EQUAL,
    EVENT_FAR,
    EVENT_NOT_WHOLE,
    EVENT_OFF_LATTICE,
    EVENT_BITS
};

struct audit_event {
    enum event_kind kind;
    double at;           /* the value, or the distance from the input */
    uint64_t set, clear; /* EVENT_BITS: bits that are one, and zero */
    double epsilon, delta;
    double law[2]; /* its probability for each input as claimed */
    uint64_t counts[2];
};

struct audit {
    const struct sampler *sampler;
    int64_t inputs[2];
    double confidence; /* that an honest mechanism passes */
    double epsilon, delta;
    uint64_t n[2];
    size_t events;
    struct audit_event event[AUDIT_EVENTS_MAX];
};

/* micro_epsilon 0: what the mechanism claims by its parameters; samples: how many are meant for each input, which
 * decides how far out tails are looked at. 0, or a refusal: a Gaussian with sigma^2 of 2^16 or more. */
int audit_begin(struct audit *audit, const struct sampler *sampler, uint64_t sensitivity, uint64_t micro_epsilon,
                double confidence, uint64_t samples);
/* One answer to inputs[side]; OUE: the bits as a number. */
void audit_feed(struct audit *audit, unsigned side, double answer);
/* The outcome as an object; *out_violated: the claim does not hold. */
json_t *audit_report(const struct audit *audit, bool *out_violated);

#endif
