/* charge.h - the parts of a charge that a cohort's and a single device's share. Internal to this room. */
#ifndef TINYPART_STORE_SQLITE_CHARGE_H
#define TINYPART_STORE_SQLITE_CHARGE_H

#include "daemon/core/ports/store.h"

#define PLACES_OF_EPOCH INT64_C(4294967296) /* place = epoch * 2^32 + chunk */

/* The tenant's budget rises, or refuses and stays. */
int charge_budget(struct store *store, const struct charge *charge, struct charge_refused *refused);
/* Whether it would. Writes nothing. */
int charge_budget_try(struct store *store, const struct charge *charge, struct charge_refused *refused);
/* The caps of a filter that began with those of its epoch: the lower of both, as far as unlocked. */
struct loss_caps charge_filter_caps(const struct charge *charge, const struct loss_caps *own);
/* The charge itself. cohort_id 0: of one device, or of none. */
int charge_record(struct store *store, const struct charge *charge, int64_t cohort_id);
/* Device id of a cohort of one. */
int64_t charge_only_device(const struct cohort *cohort);

/* All of a charge of one device where nobody has reserves: what telemetry does all day. A refusal has written nothing,
 * so it needs no savepoint; after a fault the transaction cannot be committed any more. */
int charge_one(struct store *store, const struct charge *charge, struct charge_refused *refused);

#endif
