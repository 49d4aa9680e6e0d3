/* release_local.h - readings that devices noised on board, in an answer: between release_local*.c and the other parts
 * of a release. */
#ifndef TINYPART_CORE_RELEASE_LOCAL_H
#define TINYPART_CORE_RELEASE_LOCAL_H

#include "daemon/core/local_estimate.h"
#include "daemon/core/release_internal.h"

#define LOCAL_VERSIONS_MAX 4 /* in one estimate: its answer says of each what its noise is */

/* The reports by one version of the policy: their noise is of one kind. */
struct local_version {
    int64_t version;
    struct noise_policy policy; /* without its texts */
    struct loss reading;        /* what each report was charged */
    bool counts;                /* such reports have a part in this answer */
    uint64_t reports;
    int64_t total;             /* of what they say: noisy steps, or ones */
    uint64_t cells[EDGES_MAX]; /* how many name what is in a bin, or a category; of unary ones, bits */
};

struct local {
    struct local_version *versions; /* that reports of the window can be by, the newest first */
    size_t count;
    int64_t contributions; /* the newest so many reports of a device and epoch; memoised: one of a device */
    bool is_memoised;
    bool leaves_out; /* with SOURCE_BOTH: some versions' reports have no part in it */
    /* local_totals() */
    uint64_t reports;
    bool is_beyond;           /* a number passed all bounds: said in words */
    int64_t value, low, high; /* sum: steps; mean: hundredths of them */
    int64_t error;            /* with SOURCE_BOTH: how far on-board noise may have moved the sum, in steps */
    int64_t cells[EDGES_MAX]; /* hundredths of reports, as the next two */
    int64_t half_width;       /* of each cell */
    int64_t variance;         /* sum: hundredths of squared steps; mean: 10^-4 of them; cells: the largest's */
};

/* Whether an order's answer comes from reports alone. */
static inline bool asked_is_local(const struct asked *asked)
{
    return asked->source == SOURCE_LOCAL;
}

/* Which readings; after parameters_form(), whose text says it where it is not what the kind of query has by itself. */
int source_form(const struct release_order *order, struct asked *out, struct why *why);
/* Of an order over reports alone: says neither loss nor mechanism, since both follow from the policy. */
int local_form(const struct release_order *order, struct asked *out, struct why *why);

/* Versions, bounds and price; after the cohort. Refuses what such reports cannot tell: by policies and registry, never
 * by readings. */
int local_open(struct core *core, struct asked *asked, struct why *why);
void local_close(struct asked *asked);
/* Adds up and estimates. With SOURCE_BOTH it adds to the parts, before their noise, and widens their intervals. */
int local_totals(struct core *core, struct asked *asked);
/* Adds how many reports a query finds, where they count. */
int local_count(struct core *core, const struct asked *asked, const struct aggregate_query *query, int64_t *count);

/* Estimates of what was added up: release_local_estimate.c. */
int local_estimate(struct asked *asked);
int local_both_error(const struct asked *asked, uint32_t unlikely, int64_t *out);
/* The half width that a plan states, as if each device that noises gave all it may. false: no on-board noise is in it,
 * so what the parts say holds. */
bool local_plan_error(const struct asked *asked, struct release_plan *plan);
/* How many of a policy's categories lie in a bin, or are a category. */
uint32_t local_categories(const struct asked *asked, const struct noise_policy *policy, size_t cell);
bool local_cell_has(const struct asked *asked, size_t cell, int64_t value);
size_t local_cell_count(const struct asked *asked);

/* release_local_answer.c: the document from the values on. */
struct buffer;
void local_write(struct buffer *out, const struct asked *asked);
/* "on_board" of an answer that has such readings beside raw ones. */
void local_put_part(struct buffer *out, const struct asked *asked);
/* explanation_local.c: what such a release guarantees, and what it does not, for explanation.h. */
void local_explain(struct buffer *out, const struct release *release, const struct policy *policy);
/* "laplace", ..., "onebit", and in words. */
const char *local_mechanism_name(const struct noise_policy *policy);
const char *local_mechanism_words(const struct noise_policy *policy);

#endif
