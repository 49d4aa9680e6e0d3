/* release.h - one noised answer. Charged, answered, recorded and queued for export in one transaction (I2). */
#ifndef TINYPART_CORE_RELEASE_H
#define TINYPART_CORE_RELEASE_H

#include <stdbool.h>

#include "daemon/core/core.h"
#include "daemon/core/limits.h"
#include "daemon/base/loss.h"

struct caller;

#define RELEASE_ANSWER_SIZE 12288
#define RELEASE_ANSWER_MAX  65536 /* bytes of the longest there is: one of a vector of 4096 coordinates */

struct release {
    int64_t id;
    char request[NAME_SIZE + 8]; /* the request id: given by the caller, or derived from the request's content */
    int64_t tenant_id;
    char tenant[NAME_SIZE];
    char query[16]; /* "count", "sum", "mean", "variance", "histogram", "quantiles", "top", "device-count",
                       "device-sum", "vector-sum", "running-count" */
    char sensor[NAME_SIZE];
    char selector[SELECTOR_SIZE];
    char parameters[768];   /* of its kind of query, as JSON; "": none */
    int64_t from_ms, to_ms; /* [from, to) */
    char mechanism[16];     /* "laplace", "gaussian", or "local": noised on board alone */
    struct loss loss;       /* charged to every asked device, in every epoch of the window, and to the tenant; "local":
                               to the tenant alone; none: paid before */
    int64_t policy_version;
    int64_t cohort; /* devices asked */
    int64_t created_ms;
    size_t answer_size;
    char answer[RELEASE_ANSWER_SIZE]; /* the JSON document as it left; replays give these bytes. "" where answer_size is
                                         no less than this has room for: release_answer_append() has it then */
    bool replayed;                    /* this call was answered from the store, at no cost */
};

struct release_order {
    const char *tenant, *query, *sensor, *selector;
    const char *source;    /* "raw", "local" (noised on board), "both"; NULL: both for counts, sum and mean, else raw */
    const char *mechanism; /* NULL: "gaussian" where rho is given, else "laplace" */
    /* What it may cost: epsilon for a mechanism that has one, else rho. The rest follows from it and the mechanism. */
    struct loss loss;
    const char *rho;        /* the same in decimals, up to 9 digits; NULL: as in loss */
    const char *edges;      /* histogram: decimals, rising, by commas; each bin from one up to but without the next */
    const char *at;         /* quantiles: numbers between 0 and 1, by commas */
    const char *categories; /* top: decimals (or with by: values of a label), by commas: the only ones that an answer
                               names */
    const char *by;         /* top: of this label, not of readings; NULL: readings */
    int64_t top;            /* top: how many of them; 0: 10, or all where there are fewer */
    int64_t step_ms;        /* running-count: divides the epoch */
    const char *error;      /* preview: half width of the 95 % interval that is wanted; NULL: as it comes */
    int64_t from_ms, to_ms; /* 0: start of the present epoch; now */
    const char *request;    /* NULL: derived */
    bool anew;              /* preview: as if the very same had not been answered before */
};

#define ANSWER_UNIT_SIZE  24
#define RELEASE_TIMES_MAX 1000 /* a preview looks no further ahead */

/* What it would cost, and whether it would pass. */
struct release_plan {
    int64_t cohort;
    int64_t charged; /* devices of it that would be charged: those of a shared value that is there already are not */
    int64_t epochs;
    struct loss loss;             /* of each device and of the tenant, in each epoch */
    struct loss device_loss;      /* over all epochs of the window */
    struct loss tenant_loss;      /* the same */
    struct loss_caps tenant_left; /* before, in the epoch that has least */
    int64_t exhausted_devices;    /* filters that would refuse */
    char first_exhausted[NAME_SIZE];
    /* Half width of the 95 % interval of the answer, in the sensor's unit (count: readings): num / den. For a mean, as
     * if every asked device gave all the readings that count; den 0: no interval can be stated beforehand. */
    int64_t error95_num, error95_den;
    char unit[ANSWER_UNIT_SIZE]; /* of the answer and of these errors; "": it has none */
    int64_t l2_error; /* of a sum of vectors, how far off the whole of it is: on average at most, in the steps of
                         error95_den; else 0 */
    /* With an error wanted: the least epsilon (or rho) that keeps it. Where the order gives neither, the plan is for
     * it. */
    bool has_needed;
    struct loss needed;
    /* Which filter such releases would exhaust first, and how many times the release fits before; a tenant is told of
     * its own budget only. scope 0: none within RELEASE_TIMES_MAX. */
    int first_scope; /* enum charge_scope */
    enum loss_currency first_currency;
    int64_t times; /* that it fits; 0: not even once */
    bool replay;   /* answered before: the stored bytes, at no cost */
    int64_t
        paid_by; /* the release that was charged for all of a series that this one is of: it costs nothing; else 0 */
    bool would_pass;
    int refusal; /* enum refusal when it would not */
    struct why why;
};

/* Whether a query of that name is over its epoch so far, whatever its window. */
bool release_is_running(const char *query);
/* Of a running count, the release that was charged for its series, as the answer says; 0: it says none. */
int64_t release_paid_by(const struct release *release);

/* REFUSED_EXHAUSTED names the filter, its cap, what is spent and when it renews; nothing is charged then.
 * REFUSED_CONFLICT: the same request id was used for a different request (I3). */
int release_create(struct core *core, const struct caller *caller, const struct release_order *order,
                   struct release *out, struct why *why);
int release_preview(struct core *core, const struct caller *caller, const struct release_order *order,
                    struct release_plan *out, struct why *why);
int release_get(struct core *core, const struct caller *caller, int64_t id, struct release *out, struct why *why);
/* The whole answer of a release that the caller was given, however long; see buffer.h for faults. */
struct buffer;
int release_answer_append(struct core *core, const struct release *release, struct buffer *out);
int release_list(struct core *core, const struct caller *caller, struct page page,
                 int (*each)(void *context, const struct release *release), void *context, struct why *why);

#endif
