/* access.c - holding a container to its token when it is installed. */
#include "device_proto/virtual/access.h"

#include "device_proto/container.h"
#include "device_proto/container_run.h"
#include "device_proto/token.h"
#include "device_proto/virtual/identity.h"

static int refuse_for(struct suit_where *where, int refusal, const char *what)
{
    *where = (struct suit_where){ .section = SUIT_SECTION_ENVELOPE, .what = what };
    return refusal;
}

/* The calls that the mask has, out of all that this device offers: whether the image makes no other. What else is wrong
 * with an image shows when it is run. */
static bool makes_only_granted_calls(const struct device *device, struct bytes image, uint32_t mask)
{
    uint32_t all[CONTAINER_STANDARD_HELPERS], granted[CONTAINER_STANDARD_HELPERS];
    struct container_limits limits = { .size_max = device->fleet->kind->slot_size,
                                       .branches_max = CONTAINER_BRANCHES_MAX,
                                       .helpers = granted,
                                       .section_loads = true,
                                       .neg_is_8f = true };
    struct container_problem problem;

    for (size_t i = 0; i < CONTAINER_STANDARD_HELPERS; i++)
        all[i] = container_standard_helpers[i].number;
    for (size_t i = 0; i < CONTAINER_STANDARD_HELPERS; i++)
        if (token_mask_allows(mask, all, CONTAINER_STANDARD_HELPERS, all[i]))
            granted[limits.helper_count++] = all[i];
    return container_verify(image, &limits, &problem, NULL) != CONTAINER_HELPER_REFUSED;
}

static int check_claims(struct device *device, const struct token_claims *claims, struct bytes image,
                        struct suit_where *where)
{
    const struct fleet *fleet = device->fleet;
    uint8_t digest[DIGEST_SIZE];
    struct bytes name = fleet->registers && fleet->has_directory ? bytes_of_text(device->name) : claims->audience;

    int r = token_check(claims, name, device_unix_ms(device) / 1000);
    if (r != 0)
        return refuse_for(where, SUIT_REFUSED_AUTHORITY, token_refusal_text(r));
    r = fleet->crypto.sha256(fleet->crypto.context, image, digest);
    if (r != 0)
        return r;
    if (!bytes_equal(claims->digest, bytes_view(digest, sizeof(digest))))
        return refuse_for(where, SUIT_REFUSED_AUTHORITY, "the token is for another image");
    if (!claims->has_mask || !makes_only_granted_calls(device, image, claims->mask))
        return refuse_for(where, SUIT_REFUSED_AUTHORITY, "the token does not give a helper call that the image makes");
    return 0;
}

int access_check(struct device *device, struct bytes envelope, struct bytes image, struct suit_where *where)
{
    const struct cose_acceptance acceptance = identity_acceptance();
    const struct fleet *fleet = device->fleet;
    struct cose_trust trust = { fleet->trust, fleet->trust_count, { NULL, 0 } };
    struct bytes token = suit_integrated_payload(envelope, bytes_of_text(TOKEN_MEMBER));
    struct token_claims claims;

    if (token.data == NULL && fleet->require_token)
        return refuse_for(where, SUIT_REFUSED_AUTHORITY, "no token beside the manifest");
    if (token.data == NULL)
        return 0;
    int r = token_verify(token, TOKEN_STANDARD, &acceptance, &trust, &fleet->crypto, &claims);
    if (r > 0)
        return refuse_for(where, SUIT_REFUSED_SIGNATURE, token_refusal_text(r));
    return r != 0 ? r : check_claims(device, &claims, image, where);
}
