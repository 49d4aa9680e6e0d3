/* policy_mechanism.h - how devices noise by a policy, and what one reading costs then; for policy.c only. */
#ifndef TINYPART_CORE_POLICY_MECHANISM_H
#define TINYPART_CORE_POLICY_MECHANISM_H

#include "daemon/core/policy.h"

/* Fills in mechanism, parameters and loss of both; bounds and adjacency of the document are there. */
int policy_mechanism_read(const struct policy_order *order, struct noise_policy *document, struct policy *policy,
                          struct why *why);

#endif
