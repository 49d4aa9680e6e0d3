/* release_internal.h - the parts of one release, between release.c and its release_*.c. */
#ifndef TINYPART_CORE_RELEASE_INTERNAL_H
#define TINYPART_CORE_RELEASE_INTERNAL_H

#include "daemon/core/accuracy.h"
#include "daemon/core/policy.h"
#include "daemon/core/ports/store.h"
#include "daemon/core/release.h"

enum query {
    QUERY_COUNT = 1,
    QUERY_SUM,
    QUERY_MEAN,
    QUERY_VARIANCE,
    QUERY_HISTOGRAM,
    QUERY_QUANTILES,
    QUERY_TOP,
    QUERY_DEVICE_COUNT, /* these two: one value for each device, shared by all tenants that ask for it */
    QUERY_DEVICE_SUM,
    QUERY_VECTOR_SUM,
    QUERY_RUNNING_COUNT
};
enum mechanism { MECHANISM_LAPLACE = 1, MECHANISM_GAUSS, MECHANISM_LOCAL };
/* Which readings an answer is over: raw ones, those noised on board, or both (release_local.h). */
enum source { SOURCE_RAW = 1, SOURCE_LOCAL, SOURCE_BOTH };

#define EDGES_MAX      65 /* 64 bins */
#define CATEGORIES_MAX 64
#define QUANTILES_MAX  8
#define TREE_LEVELS    8 /* of the tree over a sensor's range that quantiles are read off: 256 leaves */
#define TREE_CELLS     ((2 << TREE_LEVELS) - 2)
#define CELLS_MAX      4096 /* coordinates of a vector */
#define PARTS_MAX      3
#define LIST_TEXT_MAX  640
#define TOP_DEFAULT    10
#define SHARED_MAX     64 /* devices of an answer of shared values */

/* What a kind of query has of its own, in the readings' steps; quantiles in millionths. */
struct parameters {
    int64_t values[EDGES_MAX]; /* edges, quantiles or categories */
    size_t count;
    size_t top;
    char label[NAME_SIZE]; /* whose values are the categories; "": readings are */
    char label_values[CATEGORIES_MAX][NAME_SIZE];
};

/* One noised number of an answer, or the like of each of its cells. */
struct noised {
    const char *quantity; /* "sum", "count", "squares" */
    int digits;           /* behind the point of its value */
    struct loss loss;
    int64_t value;
    struct noise_scale scale; /* of Laplace noise; the variance of Gaussian noise */
    int64_t half_width;       /* of the interval that holds together with those of the other parts with 95 % */
};

/* One device of an answer of shared values. */
struct shared_device {
    char name[NAME_SIZE];
    bool is_fresh; /* nobody asked this of it before: it is charged, and noise drawn */
};

/* A request that was checked, with all that its answer depends on but data. */
struct asked {
    struct tenant tenant;
    struct policy policy;
    bool by_tenant; /* refusals say nothing of what other tenants spent */
    enum query query;
    enum source source;
    char selector[SELECTOR_SIZE];
    char request[NAME_SIZE + 8];
    uint8_t hash[DIGEST_SIZE];
    enum mechanism mechanism;
    char parameters_text[sizeof(((struct release *)0)->parameters)];
    struct parameters parameters;
    int64_t error; /* wanted, in millionths; 0: none */
    struct noised parts[PARTS_MAX];
    size_t part_count;
    int64_t cells[CELLS_MAX]; /* of the only part, where the answer is of cells */
    size_t cell_count;        /* 0: it is of single numbers */
    struct loss wanted;       /* what the order lets it cost */
    struct loss loss;         /* what it costs: asked_noise() */
    int64_t from_ms, to_ms;   /* [from, to) */
    int64_t now_ms;           /* the ledger's */
    int64_t kept_from_ms;     /* all readings since then are still there */
    int64_t first_epoch, last_epoch, present_epoch;
    int64_t *devices; /* ids of the cohort */
    bool *noises;     /* by the places of devices: reports noised on board by it may have a part in the answer */
    int64_t device_count;
    int64_t device_capacity;
    int64_t noising_count, suspect_count;    /* of those that noise on board: trusted, and left out */
    struct local *local;                     /* their reports; NULL: they have no part in the answer */
    struct shared_device shared[SHARED_MAX]; /* by the places of devices; with shared values only */
    struct cohort cohort;                    /* the devices to be charged, for the ledger */
    int64_t charged_count;
    char *document; /* the answer, however long: RELEASE_ANSWER_MAX and a NUL */
    size_t document_size;
    int64_t epoch_ms;        /* length */
    struct running *running; /* of a running count; release_running.h */
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

/* release_parameters.c: the form of what a kind of query has of its own, as the text that is kept and hashed; and its
 * meaning under the policy. */
int parameters_form(const struct release_order *order, struct asked *out, struct why *why);
int parameters_read(const struct release_order *order, struct asked *asked, struct why *why);

/* release_label.c: top by the value of a device's label. Form, meaning, truth and words, in place of those of readings.
 */
bool asked_by_label(const struct asked *asked);
int label_form(const struct release_order *order, struct asked *out, struct why *why);
int label_add(struct core *core, struct asked *asked, const struct aggregate_query *query);
void label_words(const struct asked *asked, char *out, size_t size);

/* release_cohort.c: the devices asked, by selector and grants alone: no reading has a say in it. */
int asked_cohort(struct core *core, struct asked *asked, struct why *why);
/* The devices to be charged: those asked, or of an answer of shared values the fresh ones. */
int cohort_make(struct core *core, struct asked *asked);

/* release_shared.c: values that are there already; after asked_noise(). Then what is fresh, its truth, and to be kept.
 */
bool query_is_shared(enum query query);
int shared_find(struct core *core, struct asked *asked, struct why *why);
int shared_add(struct core *core, struct asked *asked, struct aggregate_query *query);
int shared_keep(struct core *core, const struct asked *asked, int64_t release_id);

/* release_running.c: counts by the end of each step of an epoch. Paid: an earlier release of its series was charged. */
bool query_is_running(enum query query);
bool asked_is_paid(const struct asked *asked);

/* release_totals.c: the clamped, bounded truth, into parts and cells. It never leaves: noise_add() comes next. */
int asked_totals(struct core *core, struct asked *asked);
/* Where squares are counted from, and how far a reading can be from there. */
int64_t asked_centre(const struct asked *asked);
int64_t asked_radius(const struct asked *asked);
int64_t asked_leaf_width(const struct asked *asked);

/* release_charge.c: REFUSED_EXHAUSTED tells in *out what refused; the words are made after the rollback. */
int asked_charge(struct core *core, const struct asked *asked, int64_t release_id, struct exhausted *out);
int exhausted_refuse(struct core *core, const struct asked *asked, const struct exhausted *exhausted, struct why *why);
/* The same without charging: fills the plan's part. */
int asked_standing(struct core *core, const struct asked *asked, struct release_plan *plan);

/* release_noise.c: how much noise. Into how many equal shares a query's loss is split. */
int64_t asked_shares(const struct asked *asked);
/* asked_noise() fills parts, cell_count and loss from what is wanted. */
int asked_noise(struct asked *asked, struct why *why);
int noise_add(struct core *core, struct asked *asked);
int noised_add(struct core *core, const struct asked *asked, struct noise_scale scale, int64_t *value); /* one */
/* Half width of the 95 % interval, as far as it can be told beforehand. */
void plan_error(const struct asked *asked, struct release_plan *plan);
/* inverse: one over the probability of being further off. */
int noised_half_width(const struct asked *asked, const struct noised *noised, uint64_t inverse, int64_t *out);
/* The least that must be spent for the error wanted. Leaves asked as for that where the order says no loss. */
int plan_needed(struct asked *asked, struct release_plan *plan, struct why *why);

/* release_quantile.c: half widths in readings, and what is read off the noised tree. */
struct quantile {
    int64_t value, low, high; /* steps */
};
int quantile_half_width(const struct asked *asked, int64_t *out);
/* false: the noised number of readings is not above 0 */
bool quantile_find(const struct asked *asked, int64_t millionths, struct quantile *out);

/* release_variance.c: postprocessing of three noised numbers; hundredths of squared steps. */
struct variance {
    int64_t value, low, high;
    bool has_interval;
    const char *reason; /* why there is none of the two; NULL: both are there */
};
bool variance_find(const struct asked *asked, struct variance *out);

/* release_vector.c: sums of vectors. The kind of a query must be the sensor's; rho alone pays; whether all sums that
 * the cohort could give fit. Then the clipped truth, or how many vectors there are, and the noise. */
int vector_kind_check(const struct asked *asked, struct why *why);
int vector_mechanism_check(const struct release_order *order, const struct asked *asked, struct why *why);
int vector_fits(const struct asked *asked, struct why *why);
int vector_add(struct core *core, struct asked *asked, const struct aggregate_query *query);
int vector_count(struct core *core, struct asked *asked, const struct aggregate_query *query);
int vector_noise(struct core *core, struct asked *asked);
/* How far off the whole vector is, in L2 norm and steps: on average at most. */
int64_t vector_l2_error(const struct asked *asked);

/* release_answer.c: the document that leaves; release_words.c: the same in words. */
int release_answer_write(const struct asked *asked, int64_t release_id, char *out, size_t capacity, size_t *out_size);
const char *query_name(enum query query);
void answer_unit(const struct asked *asked, char out[ANSWER_UNIT_SIZE]);
const char *source_name(enum source source);
const char *mechanism_name(enum mechanism mechanism);
struct buffer;
/* interval: the answer's, in words; NULL: it has none. */
void put_statement(struct buffer *out, const struct asked *asked, const char *interval);
/* The last member of an answer that has one. */
void put_vector(struct buffer *out, const struct asked *asked);

#endif
