/* schedule_internal.h - between schedule.c and schedule_plan.c. */
#ifndef TINYPART_CORE_SCHEDULE_INTERNAL_H
#define TINYPART_CORE_SCHEDULE_INTERNAL_H

#include "daemon/core/ports/store.h"

/* One run, with the texts that its order points to. */
struct schedule_run {
    struct release_order order;
    char request[64];
    char parameters[sizeof(((struct schedule *)0)->parameters)];
};
/* The run that is due at due_ms of a schedule, which the order points into too. */
void schedule_run_fill(const struct schedule *schedule, int64_t due_ms, struct schedule_run *out);
/* The first multiple of the interval above a time. */
int64_t schedule_due_after(const struct schedule *schedule, int64_t unix_ms);

/* Fills all of the plan but now. schedule: one of the tenant's (its row is left out of those in the store), or one that
 * has no id yet. */
int schedule_plan_fill(struct core *core, const struct schedule *schedule, int64_t now_ms, struct schedule_plan *out);

#endif
