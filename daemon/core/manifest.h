/* manifest.h - what a device is told: the signed manifest of one try, and the trigger that points to it. */
#ifndef TINYPART_CORE_MANIFEST_H
#define TINYPART_CORE_MANIFEST_H

#include "daemon/core/image.h"
#include "daemon/core/step.h"
#include "device_proto/suit_author.h"
#include "device_proto/token.h"

/* With a token beside it, whatever key signs both. */
#define MANIFEST_SIZE_MAX (SUIT_ORDER_SIZE_MAX + TOKEN_SIZE_MAX + SIGNATURE_SIZE_MAX + 16u)

#define TRIGGER_SIZE (ADDRESS_SIZE + PATH_SIZE + 1)

struct manifest {
    uint64_t sequence;
    char manifest_path[PATH_SIZE];
    char image_path[PATH_SIZE];
    uint8_t
        digest[DIGEST_SIZE]; /* SUIT's: over the manifest with its byte string head; also what its blob is kept by */
    struct content_key content_key; /* what its image is encrypted with */
    size_t size;
    uint8_t envelope[MANIFEST_SIZE_MAX];
    size_t trigger_size;
    uint8_t trigger[TRIGGER_SIZE]; /* payload of the trigger request */
};

/* base: the daemon's own URL as this device reaches it. Refused, in words: a host name for a device that takes only
 * addresses, a key of another algorithm than the device's, used-up sequence numbers, a manifest too large. */
int manifest_make(struct core *core, const struct step_case *c, const struct image *image, const char *base,
                  struct manifest *out, struct why *why);

/* manifest_encrypt.c: draws a content key for an order that travels encrypted, and writes the header that gives it to
 * the device alone; an empty one for all others. Refused where the device has no key to encrypt to. */
int manifest_encrypt(struct core *core, const struct step_case *c, struct content_key *out_key,
                     uint8_t header[SUIT_ENCRYPTION_MAX], struct bytes *out_header, struct why *why);

/* manifest_token.c: adds the access token to the envelope, where the profile reads one. Refused as above, and where no
 * grant covers the step any more. */
int manifest_add_token(struct core *core, const struct step_case *c, const struct image *image,
                       struct manifest *manifest, struct why *why);

/* The payload of the trigger that points to a manifest: its URL, and a NUL where the device wants one. Refused as
 * above. */
int manifest_trigger(const struct profile *profile, const char *base, const char *manifest_path,
                     uint8_t out[TRIGGER_SIZE], size_t *out_size, struct why *why);

/* Whether the maintainer's key, which must be there, has signatures left: REFUSED_EXHAUSTED. */
int manifest_key_left(const struct core *core, struct why *why);

/* Whether the maintainer's key makes signatures that devices of this profile take. */
int manifest_key_check(const struct core *core, const struct profile *profile, struct why *why);

#endif
