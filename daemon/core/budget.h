/* budget.h - a tenant's quota, and how it stands. All money is integer micro-epsilon (I5). */
#ifndef TINYPART_CORE_BUDGET_H
#define TINYPART_CORE_BUDGET_H

#include "daemon/core/core.h"
#include "daemon/core/limits.h"

struct caller;

struct budget {
    int64_t tenant_id;
    char tenant[NAME_SIZE];
    int64_t cap_ueps;        /* each epoch */
    int64_t next_cap_ueps;   /* from the next epoch on */
    int64_t epoch;           /* the present one, counted from the Unix epoch in epoch lengths */
    int64_t epoch_ms;        /* length */
    int64_t spent_ueps;      /* in the present epoch */
    int64_t renews_ms;       /* when the next epoch starts */
    int64_t filter_cap_ueps; /* what one device may lose in an epoch over all tenants: the guarantee */
};

/* A first cap holds for all epochs. One that rises takes effect with the next epoch; one that falls, at once, for the
 * data of past epochs too (never below what is spent). 0 closes the tenant's releases. */
int budget_set(struct core *core, const struct caller *caller, const char *tenant, int64_t cap_ueps, struct budget *out,
               struct why *why);
int budget_get(struct core *core, const struct caller *caller, const char *tenant, struct budget *out, struct why *why);

/* The ledger's time: never goes back, whatever the clock does. ledger_now_ms keeps it, within the caller's transaction,
 * and is what charges and readings are dated with; ledger_peek_ms only looks. */
int ledger_now_ms(struct core *core, int64_t *out_ms);
int ledger_peek_ms(struct core *core, int64_t *out_ms);
int64_t ledger_epoch(const struct core *core, int64_t unix_ms);
/* Sum of charges against spent, for every filter, budget and odometer (I4). 0, or REFUSED_CONFLICT naming the first
 * mismatch. */
int ledger_check(struct core *core, struct why *why);

#endif
