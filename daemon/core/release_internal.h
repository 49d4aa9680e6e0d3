/* release_internal.h - the parts of one release, between release.c and its release_*.c. */
#ifndef TINYPART_CORE_RELEASE_INTERNAL_H
#define TINYPART_CORE_RELEASE_INTERNAL_H

#include "daemon/core/accuracy.h"
#include "daemon/core/policy.h"
#include "daemon/core/ports/store.h"
#include "daemon/core/release.h"

enum query { QUERY_COUNT = 1, QUERY_SUM, QUERY_MEAN };

/* A request that was checked, with all that its answer depends on but data. */
struct asked {
    struct tenant tenant;
    struct policy policy;
    bool by_tenant; /* refusals say nothing of what other tenants spent */
    enum query query;
    char selector[SELECTOR_SIZE];
    char request[NAME_SIZE + 8];
    uint8_t hash[DIGEST_SIZE];
    struct loss wanted;     /* what the order lets it cost */
    struct loss loss;       /* what it costs: asked_noise() */
    int64_t from_ms, to_ms; /* [from, to) */
    int64_t now_ms;         /* the ledger's */
    int64_t kept_from_ms;   /* all readings since then are still there */
    int64_t first_epoch, last_epoch, present_epoch;
    int64_t *devices; /* ids of the cohort */
    int64_t device_count;
    int64_t device_capacity;
    struct cohort cohort; /* the same devices, for the ledger */
};

/* The clamped, bounded truth. It never leaves. */
struct totals {
    int64_t count, sum;
};

/* One noised number of an answer. */
struct noised {
    bool used;
    struct loss loss;
    int64_t value;
    struct noise_scale scale;
    int64_t half_width_95, half_width_975;
};

/* What refused. */
struct exhausted {
    bool no_budget;                /* the tenant has none at all */
    struct charge_refused refused; /* scope 0: nothing */
    int64_t epoch;
};

void asked_deinit(struct asked *asked);
int64_t asked_epochs(const struct asked *asked);

/* release_request.c: checks an order's form and names it. replay: there is an answer to the very same request already.
 * Times and policies are judged by asked_check(), so that a replay works for ever. */
int asked_read(struct core *core, const struct tenant *tenant, const struct release_order *order, int64_t now_ms,
               struct asked *out, struct release *out_replay, bool *out_is_replay, struct why *why);
int asked_check(struct core *core, struct asked *asked, struct why *why);

/* release_cohort.c: the devices asked, by selector and grants alone: no reading has a say in it. */
int asked_cohort(struct core *core, struct asked *asked, struct why *why);
int cohort_totals(struct core *core, const struct asked *asked, struct totals *out);

/* release_charge.c: REFUSED_EXHAUSTED tells in *out what refused; the words are made after the rollback. */
int asked_charge(struct core *core, const struct asked *asked, int64_t release_id, struct exhausted *out);
int exhausted_refuse(struct core *core, const struct asked *asked, const struct exhausted *exhausted, struct why *why);
/* The same without charging: fills the plan's part. */
int asked_standing(struct core *core, const struct asked *asked, struct release_plan *plan);

/* release_answer.c: how much noise, and the document that leaves. */
int asked_noise(struct asked *asked, struct noised *out_sum, struct noised *out_count, struct why *why);
int noise_add(struct core *core, const struct totals *totals, struct noised *sum, struct noised *count);
int release_answer_write(const struct asked *asked, int64_t release_id, const struct noised *sum,
                         const struct noised *count, char *out, size_t capacity, size_t *out_size);
/* Half width of the 95 % interval, as far as it can be told beforehand. */
void plan_error(const struct asked *asked, const struct noised *sum, const struct noised *count,
                struct release_plan *plan);

#endif
