/* budget.h - a tenant's quota, and how it stands, in every currency (I5). */
#ifndef TINYPART_CORE_BUDGET_H
#define TINYPART_CORE_BUDGET_H

#include "daemon/base/loss.h"
#include "daemon/core/core.h"
#include "daemon/core/limits.h"

struct caller;

struct budget {
    int64_t tenant_id;
    char tenant[NAME_SIZE];
    struct loss_caps cap;      /* each epoch */
    struct loss_caps next_cap; /* from the next epoch on */
    struct loss_caps unlocked; /* of cap by now */
    struct loss_caps reserve;  /* of each device's filter, for this tenant alone; 0 in a currency: none */
    struct loss_caps next_reserve;
    int64_t unlock_ppm; /* of its cap, free when an epoch begins; the rest is unlocked evenly until its end */
    int64_t next_unlock_ppm;
    int64_t epoch;               /* the present one, counted from the Unix epoch in epoch lengths */
    int64_t epoch_ms;            /* length */
    struct loss spent;           /* in the present epoch */
    int64_t renews_ms;           /* when the next epoch starts */
    struct loss_caps filter_cap; /* what one device may lose in an epoch over all tenants: the guarantee */
};

/* Decimals, as people write them. What is NULL stays as it is; of a first budget: no cap on rho and so nothing impure,
 * no delta, no reserve, all unlocked. */
struct budget_order {
    const char *epsilon; /* "2.5"; needed for a first budget */
    const char *rho;     /* "0.5"; "none": not capped, nothing impure passes */
    const char *delta;   /* "1e-9" */
    const char *reserve_epsilon, *reserve_rho, *reserve_delta;
    const char *unlock; /* percent of the cap that is free when an epoch begins: "25" */
    bool now;           /* a rise holds for the present epoch too; needs a reason, which is recorded */
    const char *reason;
};

/* A first cap holds for all epochs. One that rises takes effect with the next epoch (unless now); one that falls, at
 * once, for the data of past epochs too (never below what is spent). 0 closes the tenant's releases. Reserves always
 * begin with the next epoch: what is reserved of an epoch never changes once it has begun. */
int budget_set(struct core *core, const struct caller *caller, const char *tenant, const struct budget_order *order,
               struct budget *out, struct why *why);
int budget_get(struct core *core, const struct caller *caller, const char *tenant, struct budget *out, struct why *why);

/* The same for the data of one epoch. */
struct budget_epoch {
    int64_t epoch;
    char name[32]; /* its date where epochs are whole days, else its start */
    int64_t from_ms, to_ms;
    struct loss spent;
    struct loss_caps cap, unlocked, reserve;
};
/* From the epoch in which the tenant was registered to the present one, page.after being an epoch. */
int budget_epochs(struct core *core, const struct caller *caller, const char *tenant, struct page page,
                  int (*each)(void *context, const struct budget_epoch *epoch), void *context, struct why *why);

/* The ledger's time: never goes back, whatever the clock does. ledger_now_ms keeps it, within the caller's transaction,
 * and is what charges and readings are dated with; ledger_peek_ms only looks. */
int ledger_now_ms(struct core *core, int64_t *out_ms);
int ledger_peek_ms(struct core *core, int64_t *out_ms);
int64_t ledger_epoch(const struct core *core, int64_t unix_ms);
/* Sum of charges against spent, for every filter, budget and odometer, in every currency (I4). 0, or REFUSED_CONFLICT
 * naming the first mismatch. */
int ledger_check(struct core *core, struct why *why);

#endif
