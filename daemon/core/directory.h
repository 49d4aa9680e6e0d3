/* directory.h - the resource directory (RFC 9176): what registers itself. The transport speaks CoAP; this decides. */
#ifndef TINYPART_CORE_DIRECTORY_H
#define TINYPART_CORE_DIRECTORY_H

#include "daemon/core/device.h"

struct registration {
    int64_t device_id;
    char location[PATH_SIZE]; /* "/rd/" and 16 characters: stable for an endpoint name, unguessable */
    char endpoint[NAME_SIZE];
    char sector[NAME_SIZE];  /* d; "" none */
    char base[ADDRESS_SIZE]; /* coap://... */
    int64_t lifetime_s;      /* 1 .. 4294967295 */
    int64_t expires_ms;
    char links[LINKS_SIZE]; /* link format as registered */
};

struct registration_order {
    const char *endpoint;
    const char *sector; /* NULL or "" */
    const char *base;   /* the base parameter, or the peer's address */
    int64_t lifetime_s; /* 0: the default, 90000 */
    struct bytes links;
    const char *profile_hint; /* "tinypart.profile" registration attribute (query et=...): used only where a lab claims
                                 by itself */
};

/* Creates or renews (idempotent on ep and d). A claimed device's address follows its registration. An unknown endpoint
 * becomes an unclaimed device, bounded by UNCLAIMED_MAX (REFUSED_BUSY). REFUSED_INVALID for names, lifetimes and links
 * out of form. */
int directory_register(struct core *core, const struct registration_order *order, struct registration *out,
                       struct why *why);
/* lifetime_s 0 and base NULL keep what was. REFUSED_UNKNOWN for an unknown or expired location. */
int directory_update(struct core *core, const char *location, int64_t lifetime_s, const char *base, struct why *why);
int directory_remove(struct core *core, const char *location, struct why *why);
/* Live registrations; filters may be NULL. page counts from zero (RFC 9176 section 6.1: page, count). */
struct directory_query {
    const char *endpoint;
    const char *sector;
    struct page page;
};
int directory_list(struct core *core, const struct directory_query *query,
                   int (*each)(void *context, const struct registration *registration), void *context);
int directory_expire(struct core *core, int64_t now_ms);

#endif
