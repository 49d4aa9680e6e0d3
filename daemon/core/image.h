/* image.h - container images, content-addressed, admitted only with a signature of a live key of their tenant. */
#ifndef TINYPART_CORE_IMAGE_H
#define TINYPART_CORE_IMAGE_H

#include <stdint.h>

#include "daemon/core/core.h"
#include "daemon/core/limits.h"

struct caller;
struct profile;
struct tenant;

struct image {
    int64_t id;
    int64_t tenant_id;
    char tenant[NAME_SIZE];
    char name[NAME_SIZE];
    char version[VERSION_SIZE];
    char type[16];               /* "bpf", "wasm", "python", "shell", "native" */
    char sensor[NAME_SIZE];      /* the sensor its answer is a reading of; "" none */
    char helpers[LIST_SIZE];     /* helper numbers it calls: "0x31,0x32" */
    uint8_t digest[DIGEST_SIZE]; /* SHA-256 of the container */
    uint64_t size;
    uint8_t bundle_digest[DIGEST_SIZE];
    uint8_t signer[DIGEST_SIZE]; /* fingerprint of the tenant key */
    int64_t created_ms;
};

/* Verifies the bundle against the tenant's live keys, the container against its type's verifier, and keeps both. The
 * same bundle again is 0 with the image that is there; another content under the same name and version is
 * REFUSED_EXISTS; a bad signature, digest or container is REFUSED_FORBIDDEN or REFUSED_INVALID with the verifier's own
 * words. */
int image_admit(struct core *core, const struct caller *caller, const char *tenant, struct bytes bundle,
                struct image *out, struct why *why);
int image_get(struct core *core, const struct caller *caller, const char *tenant, const char *name, const char *version,
              struct image *out, struct why *why);
int image_list(struct core *core, const struct caller *caller, struct page page,
               int (*each)(void *context, const struct image *image), void *context, struct why *why);

/* For other rules. REFUSED_UNKNOWN with words. */
int image_find(struct core *core, const struct tenant *tenant, const char *name, const char *version, struct image *out,
               struct why *why);
/* Whether a device of this profile can take the image in this slot: type, size, helper calls, and for bpf the verifier
 * with the profile's own limits. 0, or REFUSED_INVALID in words. unproven says what the verifier could not prove ("":
 * nothing is left unproven, or the type is one that it does not follow). */
#define IMAGE_UNPROVEN_SIZE 128
int image_fits(struct core *core, const struct image *image, const struct profile *profile, unsigned slot,
               char unproven[IMAGE_UNPROVEN_SIZE], struct why *why);

#endif
