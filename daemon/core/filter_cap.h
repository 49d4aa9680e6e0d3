/* filter_cap.h - the cap of all filters: when it changes, and that it is recorded. */
#ifndef TINYPART_CORE_FILTER_CAP_H
#define TINYPART_CORE_FILTER_CAP_H

#include "daemon/base/loss.h"
#include "daemon/core/core.h"

struct caller;

/* Lets a cap of the configuration that was raised hold for the present epoch too, which otherwise keeps the one that it
 * began with. For owner and privacy officer, with a reason of 1 to 200 characters, which is recorded with both caps.
 * *out: the epoch's cap. REFUSED_CONFLICT: the configured cap is not above the epoch's. */
int filter_cap_raise(struct core *core, const struct caller *caller, const char *reason, struct loss_caps *out,
                     struct why *why);
/* At start: another cap in the configuration than the last time goes on record. It holds from the next epoch on, and
 * where it is lower, at once. */
int filter_cap_note(struct core *core);

#endif
