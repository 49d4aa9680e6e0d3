/* claim.h - what the start shares with the tries. Not for use outside of this room. */
#ifndef TINYPART_CORE_CLAIM_H
#define TINYPART_CORE_CLAIM_H

#include "daemon/core/core.h"
#include "daemon/core/limits.h"
#include "daemon/core/ports/transport.h"

/* The daemon's base URL for a device: the advertised one, else the transport's. */
int claim_base(struct core *core, const char *address, char out[ADDRESS_SIZE]);
/* The answer to a trigger; context is the step's id. */
void claim_on_trigger(struct core *core, void *context, const struct transport_answer *answer);

#endif
