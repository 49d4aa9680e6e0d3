/* schedule.h - releases that are asked for again and again, and what that will cost.
 * A run is an ordinary release over the interval before it was due (of running counts: over its epoch until then),
 * named by schedule and due time: asked twice, it is answered once (I3), whatever crashes in between. */
#ifndef TINYPART_CORE_SCHEDULE_H
#define TINYPART_CORE_SCHEDULE_H

#include <stdbool.h>

#include "daemon/core/core.h"
#include "daemon/core/limits.h"
#include "daemon/core/release.h"

struct caller;

struct schedule {
    int64_t id;
    int64_t tenant_id;
    char tenant[NAME_SIZE];
    char query[16];
    char sensor[NAME_SIZE];
    char selector[SELECTOR_SIZE];
    char parameters[768]; /* of its kind of query, as ordered: "edges=0,10,20\n", "categories=1,2\ntop=2\n",
                             "source=local\n" */
    char mechanism[16];   /* "": what a release has by itself */
    struct loss wanted;   /* as in struct release_order */
    struct loss loss; /* of each run: of each device and of the tenant, in every epoch that its window touches; what the
                         newest cost, and what was foretold until then */
    int64_t every_ms; /* runs are due at its multiples, counted from the Unix epoch; a window is one of it */
    int64_t until_ms; /* no run is due after it; 0: no end */
    bool paused;
    int64_t next_ms; /* when the next run is due */
    int64_t created_ms;
    int64_t runs, refused, missed;
    int64_t last_ms;           /* the last run's due time; 0: none yet */
    int64_t release_id;        /* the newest answer; 0: none yet */
    char problem[REASON_SIZE]; /* why the last run was refused; "": it was not */
};

struct schedule_order {
    struct release_order release; /* without window and request */
    int64_t every_ms;
    int64_t until_ms;
};

/* The first run, of all that is scheduled for a tenant, that would be refused. */
struct schedule_dry {
    bool dries;
    enum loss_currency currency;
    int64_t schedule_id; /* whose run; 0: of the one that is only planned */
    int64_t run;         /* its how many-th from now on */
    int64_t due_ms;
    int64_t epoch; /* whose data */
};

/* What a schedule will cost, beside everything else that is scheduled for its tenant. */
struct schedule_plan {
    int64_t runs_per_epoch;      /* that touch the data of one whole epoch */
    struct loss per_epoch;       /* of this schedule: of each device asked, and of the tenant */
    struct loss all_per_epoch;   /* of all that is scheduled for the tenant */
    struct loss_caps budget_cap; /* of the tenant, in the next epoch */
    struct loss_caps filter_cap; /* what of each device's filter the tenant can draw on then */
    struct schedule_dry budget;
    struct schedule_dry filter; /* as if all these schedules asked the same devices, and nobody else any from now on */
    bool filter_as_spent;    /* with what those devices have lost of the present epoch's data; a tenant is not told */
    int64_t looked_until_ms; /* and not further */
    struct release_plan now; /* as if the interval until now were asked */
};

/* Refused like a release whose budget is no matter: unknown query, sensor, selector; no device granted; beyond
 * SCHEDULES_PER_TENANT_MAX; an interval out of SCHEDULE_EVERY_MIN_MS .. MAX_MS. */
int schedule_create(struct core *core, const struct caller *caller, const struct schedule_order *order,
                    struct schedule *out, struct why *why);
/* What it would cost, beside what is scheduled already. Nothing is kept. */
int schedule_preview(struct core *core, const struct caller *caller, const struct schedule_order *order,
                     struct schedule_plan *out, struct why *why);
int schedule_get(struct core *core, const struct caller *caller, int64_t id, struct schedule *out, struct why *why);
/* The plan of one that exists; of one that is paused as if it went on now, of one that ended as it is: no more runs.
 * now.cohort is 0, with why in now.why, where it could not even be asked any more. */
int schedule_plan_get(struct core *core, const struct caller *caller, int64_t id, struct schedule_plan *out,
                      struct why *why);
int schedule_list(struct core *core, const struct caller *caller, struct page page,
                  int (*each)(void *context, const struct schedule *schedule), void *context, struct why *why);
/* REFUSED_CONFLICT when it is so already. What was due while it was paused is not made up for. */
int schedule_pause(struct core *core, const struct caller *caller, int64_t id, bool paused, struct schedule *out,
                   struct why *why);
/* Its releases stay. */
int schedule_delete(struct core *core, const struct caller *caller, int64_t id, struct why *why);

bool schedule_has_ended(const struct schedule *schedule);
/* Whether its runs are over reports noised on board alone, and so cost the budget alone. */
bool schedule_is_local(const struct schedule *schedule);

/* Runs what is due by the ledger's time. Of runs that were missed only the newest is run. A refusal is kept in the
 * schedule, and the next run tried at its own time; a fault leaves the run due. */
int schedule_tick(struct core *core, int64_t now_ms, int64_t *out_next_ms);

#endif
