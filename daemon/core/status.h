/* status.h - how the registry and the ledger stand, in numbers. */
#ifndef TINYPART_CORE_STATUS_H
#define TINYPART_CORE_STATUS_H

#include "daemon/core/core.h"
#include "daemon/core/limits.h"

struct caller;

struct status {
    char caller_tenant[NAME_SIZE]; /* "": the caller stands for no tenant */
    int64_t tenants;
    int64_t devices_claimed, devices_unclaimed;
    int64_t readings_raw, readings_noised;
    int64_t steps_under_way;
    int64_t ledger_ms; /* the ledger's time */
    int64_t epoch;     /* the present one */
};

/* Needs CAN_SEE_STATUS: the numbers are over all tenants. */
int status_get(struct core *core, const struct caller *caller, struct status *out, struct why *why);

#endif
