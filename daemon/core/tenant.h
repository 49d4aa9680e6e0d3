/* tenant.h - service providers and the public keys that sign their images. Private keys never come here. */
#ifndef TINYPART_CORE_TENANT_H
#define TINYPART_CORE_TENANT_H

#include <stdint.h>

#include "daemon/core/core.h"
#include "daemon/core/limits.h"

struct caller;

struct tenant {
    int64_t id;
    char name[NAME_SIZE];
    int64_t created_ms;
};

struct tenant_key {
    int64_t id;
    int64_t tenant_id;
    struct public_key key;
    uint8_t fingerprint[DIGEST_SIZE]; /* SHA-256 of the raw public key */
    int64_t created_ms;
    int64_t revoked_ms; /* 0: live */
};

int tenant_create(struct core *core, const struct caller *caller, const char *name, struct tenant *out,
                  struct why *why);
int tenant_get(struct core *core, const struct caller *caller, const char *name, struct tenant *out, struct why *why);
int tenant_list(struct core *core, const struct caller *caller, struct page page,
                int (*each)(void *context, const struct tenant *tenant), void *context, struct why *why);
/* key comes decoded from PEM by the edge. One public key belongs to one tenant only: REFUSED_EXISTS. One whose
 * signatures cannot be checked here is REFUSED_INVALID. */
int tenant_key_add(struct core *core, const struct caller *caller, const char *tenant, const struct public_key *key,
                   struct tenant_key *out, struct why *why);
int tenant_key_list(struct core *core, const struct caller *caller, const char *tenant,
                    int (*each)(void *context, const struct tenant_key *key), void *context, struct why *why);
int tenant_key_revoke(struct core *core, const struct caller *caller, const char *tenant,
                      const uint8_t fingerprint[DIGEST_SIZE], struct why *why);

#endif
