/* ledger.h - how budgets and filters stand for the data of an epoch, for those who charge them. */
#ifndef TINYPART_CORE_LEDGER_H
#define TINYPART_CORE_LEDGER_H

#include "daemon/core/core.h"
#include "daemon/core/ports/store.h"

/* Start of an epoch, in unix ms. */
int64_t ledger_epoch_start_ms(const struct core *core, int64_t epoch);
/* Names an epoch for people: its date where epochs are whole days, else its start. */
void ledger_epoch_name(const struct core *core, int64_t epoch, char out[32]);

/* A tenant's budget for the data of an epoch, seen from a time: what is spent, and the cap that holds: the epoch's own,
 * or the present one where that is lower, as far as it is unlocked. REFUSED_UNKNOWN: no budget was ever set (I7). */
int ledger_budget(struct core *core, int64_t tenant_id, int64_t epoch, int64_t now_ms, struct charge_standing *out);
/* What a device has lost of an epoch's data, over all tenants, and the cap that holds. */
int ledger_filter(struct core *core, int64_t device_id, int64_t epoch, struct charge_standing *out);
/* Fills in the caps under which a charge of charge->tenant_id (0: of none) in charge->epoch stands at a time: its
 * budget, the filters, and what is reserved. REFUSED_UNKNOWN: that tenant has no budget. */
int ledger_caps(struct core *core, int64_t now_ms, struct charge *charge);

/* 0 while the ledger may be charged; REFUSED_CONFLICT after a check that failed (I4). */
int ledger_usable(const struct core *core, struct why *why);

/* A cohort of one device; *member is its room. */
struct cohort cohort_of_one(int64_t device_id, struct cohort_member *member);

#endif
