/* schedule_internal.h - between schedule.c, schedule_plan.c and schedule_filter.c. */
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
 * has no id yet. sees_filters: whether who asks may know what filters have lost by now. */
int schedule_plan_fill(struct core *core, const struct schedule *schedule, int64_t now_ms, bool sees_filters,
                       struct schedule_plan *out);

/* The devices that it asks, without a digest; the caller frees the members. None where it can ask none. */
int schedule_cohort(struct core *core, const struct schedule *schedule, struct cohort *out);
/* What the filters and odometers of all of these devices still take of a tenant's releases over an epoch, in epsilon
 * and in rho, once all of that epoch is unlocked; not looked for beyond most. */
int schedule_filter_room(struct core *core, int64_t tenant_id, const struct cohort *cohort, int64_t epoch,
                         const struct loss *most, struct loss *out);

#endif
