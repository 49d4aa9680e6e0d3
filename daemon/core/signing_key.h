/* signing_key.h - which public keys the registry takes, of tenants and of devices. */
#ifndef TINYPART_CORE_SIGNING_KEY_H
#define TINYPART_CORE_SIGNING_KEY_H

#include "daemon/core/core.h"

/* Whether key is whole and this daemon can check its signatures: 0, or REFUSED_INVALID in words about field. */
int signing_key_check(const struct core *core, const struct public_key *key, const char *field, struct why *why);

#endif
