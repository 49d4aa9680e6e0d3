/* manifest_token.c - the token that goes with a manifest to devices that read one: which helper calls this image may
 * make on this device, and until when, as the owner's grant has it. The device holds the container to it by itself, so
 * that what a grant says is kept even where an image asks for more than was seen when it was admitted. */
#include <errno.h>

#include "daemon/base/cleanup.h"
#include "daemon/core/grant.h"
#include "daemon/core/list.h"
#include "daemon/core/manifest.h"
#include "daemon/core/ports/clock.h"
#include "device_proto/token.h"

/* The grant that lets the step's tenant do what the image asks for. */
static int claims_of(struct core *core, const struct step_case *c, const struct image *image, struct token_claims *out,
                     struct why *why)
{
    _cleanup_(grant_set_freep) struct grant_set *set = NULL;
    uint32_t helpers[LIST_NUMBERS_MAX];
    struct grant_need need = { .slot = (int)c->rollout.slot, .sensor = image->sensor, .helpers = helpers };
    const struct grant *grant;

    int r = list_numbers(image->helpers, helpers, &need.n_helpers);
    if (r == 0)
        r = grant_set_load(core, c->step.tenant_id, &set);
    if (r == 0)
        r = grant_set_find(set, &c->device, &need, &grant, why);
    return r != 0 ? r : grant_claims(grant, c->profile.helpers, out);
}

int manifest_add_token(struct core *core, const struct step_case *c, const struct image *image,
                       struct manifest *manifest, struct why *why)
{
    struct token_claims claims = { .audience = bytes_of_text(c->device.name),
                                   .issued_s = clock_now_ms(core->clock) / 1000,
                                   .digest = { image->digest, DIGEST_SIZE } };
    uint8_t token[TOKEN_SIZE_MAX + SIGNATURE_SIZE_MAX];
    struct bytes no_kid = { NULL, 0 };
    size_t size;

    if (!c->profile.tokens)
        return 0;
    int r = claims_of(core, c, image, &claims, why);
    if (r != 0)
        return r;
    r = token_write(&claims, TOKEN_STANDARD, no_kid, core->maintainer, token, sizeof(token), &size);
    if (r == 0)
        r = token_attach(manifest->envelope, manifest->size, sizeof(manifest->envelope), bytes_view(token, size),
                         &manifest->size);
    if (r > 0)
        return refuse(why, REFUSED_INVALID, "manifest", NULL, "no token can be made: %s", token_refusal_text(r));
    if (r == 0 && manifest->size > c->profile.manifest_size_max)
        return refuse(why, REFUSED_TOO_LARGE, "manifest", NULL, "its manifest has %zu bytes, %s devices take %u",
                      manifest->size, c->profile.name, c->profile.manifest_size_max);
    return r;
}
