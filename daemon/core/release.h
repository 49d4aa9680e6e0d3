/* release.h - one noised answer. Charged, answered, recorded and queued for export in one transaction (I2). */
#ifndef TINYPART_CORE_RELEASE_H
#define TINYPART_CORE_RELEASE_H

#include <stdbool.h>

#include "daemon/core/core.h"
#include "daemon/core/limits.h"
#include "daemon/base/loss.h"

struct caller;

struct release {
    int64_t id;
    char request[NAME_SIZE + 8]; /* the request id: given by the caller, or derived from the request's content */
    int64_t tenant_id;
    char tenant[NAME_SIZE];
    char query[16]; /* "count", "sum", "mean" */
    char sensor[NAME_SIZE];
    char selector[SELECTOR_SIZE];
    char parameters[256];   /* of its kind of query, as JSON; "": none */
    int64_t from_ms, to_ms; /* [from, to) */
    char mechanism[16];     /* "laplace" */
    struct loss loss;       /* charged to every asked device, in every epoch of the window */
    int64_t policy_version;
    int64_t cohort; /* devices asked */
    int64_t created_ms;
    size_t answer_size;
    char answer[4096]; /* the JSON document as it left; replays give these bytes. Room for the longest that there is */
    bool replayed;     /* this call was answered from the store, at no cost */
};

struct release_order {
    const char *tenant, *query, *sensor, *selector;
    const char *mechanism; /* NULL: "laplace" */
    /* What it may cost: epsilon for a mechanism that has one, else rho. The rest follows from it and the mechanism. */
    struct loss loss;
    int64_t from_ms, to_ms; /* 0: start of the present epoch; now */
    const char *request;    /* NULL: derived */
};

/* What it would cost, and whether it would pass. */
struct release_plan {
    int64_t cohort;
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
    bool replay; /* answered before: the stored bytes, at no cost */
    bool would_pass;
    int refusal; /* enum refusal when it would not */
    struct why why;
};

/* REFUSED_EXHAUSTED names the filter, its cap, what is spent and when it renews; nothing is charged then.
 * REFUSED_CONFLICT: the same request id was used for a different request (I3). */
int release_create(struct core *core, const struct caller *caller, const struct release_order *order,
                   struct release *out, struct why *why);
int release_preview(struct core *core, const struct caller *caller, const struct release_order *order,
                    struct release_plan *out, struct why *why);
int release_get(struct core *core, const struct caller *caller, int64_t id, struct release *out, struct why *why);
int release_list(struct core *core, const struct caller *caller, struct page page,
                 int (*each)(void *context, const struct release *release), void *context, struct why *why);

#endif
