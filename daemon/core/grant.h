/* grant.h - what the owner lets a tenant use, of which devices, until when. */
#ifndef TINYPART_CORE_GRANT_H
#define TINYPART_CORE_GRANT_H

#include "daemon/core/device.h"

struct grant {
    int64_t id;
    int64_t tenant_id;
    char tenant[NAME_SIZE];
    char selector[SELECTOR_SIZE];
    char sensors[LIST_SIZE]; /* comma list of sensor names; "*": all; "": none */
    char helpers[LIST_SIZE]; /* comma list of helper numbers; "*": all that the profile has */
    char slots[LIST_SIZE];   /* comma list of slot numbers; "*": any; "": none */
    int64_t until_ms;        /* 0: until revoked */
    int64_t created_ms;
    int64_t revoked_ms; /* 0: live */
    bool unproven;      /* lets containers run that the verifier could not prove harmless */
};

struct grant_order {
    const char *tenant, *selector, *sensors, *helpers, *slots;
    int64_t until_ms;
    const char *unproven; /* "allow" or "deny"; NULL: deny */
};

int grant_create(struct core *core, const struct caller *caller, const struct grant_order *order, struct grant *out,
                 struct why *why);
int grant_list(struct core *core, const struct caller *caller, struct page page,
               int (*each)(void *context, const struct grant *grant), void *context, struct why *why);
int grant_revoke(struct core *core, const struct caller *caller, int64_t id, struct why *why);
/* A tenant's live grants, read once for asking about many devices. */
struct grant_set;
int grant_set_load(struct core *core, int64_t tenant_id, struct grant_set **out);
void grant_set_free(struct grant_set *set); /* NULL is fine */
static inline void grant_set_freep(struct grant_set **set)
{
    grant_set_free(*set);
}

/* What is asked of one device. */
struct grant_need {
    int slot;           /* < 0: none */
    const char *sensor; /* NULL or "": none */
    const uint32_t *helpers;
    size_t n_helpers;
    const char *unproven; /* what the verifier could not prove, in words; NULL or "": nothing */
};
int grant_set_covers(const struct grant_set *set, const struct device *device, const struct grant_need *need,
                     struct why *why);
/* The grant that covers it, by which a device is told what a container may do. */
int grant_set_find(const struct grant_set *set, const struct device *device, const struct grant_need *need,
                   const struct grant **out, struct why *why);

/* A grant's resources as claims (mask and expiry; the rest is left alone): bit i of the mask is the i-th helper call of
 * the profile's list. Pure. 0, or -EINVAL for a list that does not read. */
struct token_claims;
int grant_claims(const struct grant *grant, const char *profile_helpers, struct token_claims *out);

/* Does one live grant of this tenant cover this device, with this slot (>= 0), sensor (not NULL) and helper numbers
 * (n)? 0, or REFUSED_FORBIDDEN in words that say what is missing. */
int grant_covers(struct core *core, int64_t tenant_id, const struct device *device, int slot, const char *sensor,
                 const uint32_t *helpers, size_t n_helpers, struct why *why);

#endif
