/* access.c - who may do what: one table, roles across, permissions down.
 * The owner may do everything. The maintainer keeps devices running and orders rollouts for tenants, but neither grants
 * nor sees data: a container's answer is the owner's raw data. The privacy officer sets what may leave and sees what
 * has left. The auditor reads everything and changes nothing. A tenant deals with its own, and of what is nobody's own
 * (status with its counts over all tenants, the audit record) it sees nothing. */
#include "daemon/core/access.h"

#include <string.h>

#include "daemon/core/audit.h"
#include "daemon/core/ports/store.h"

#define OWNER   (1u << ROLE_OWNER)
#define MAINT   (1u << ROLE_MAINTAINER)
#define PRIVACY (1u << ROLE_PRIVACY_OFFICER)
#define AUDITOR (1u << ROLE_AUDITOR)
#define TENANT  (1u << ROLE_TENANT)

/* clang-format off */
static const struct {
    const char *words;
    unsigned roles;
} table[PERMISSIONS] = {
    [CAN_SEE_STATUS]     = { "see the status",               OWNER | MAINT | PRIVACY | AUDITOR },
    [CAN_MANAGE_TENANTS] = { "manage tenants",               OWNER },
    [CAN_SEE_TENANTS]    = { "see tenants",                  OWNER | MAINT | PRIVACY | AUDITOR | TENANT },
    [CAN_MANAGE_DEVICES] = { "manage devices",               OWNER | MAINT },
    [CAN_SEE_DEVICES]    = { "see devices",                  OWNER | MAINT | PRIVACY | AUDITOR | TENANT },
    [CAN_RUN_CONTAINERS] = { "run containers by hand",       OWNER },
    [CAN_GRANT]          = { "grant and revoke",             OWNER },
    [CAN_SEE_GRANTS]     = { "see grants",                   OWNER | MAINT | PRIVACY | AUDITOR | TENANT },
    [CAN_PUSH_IMAGES]    = { "push images",                  OWNER | TENANT },
    [CAN_SEE_IMAGES]     = { "see images",                   OWNER | MAINT | AUDITOR | TENANT },
    [CAN_DEPLOY]         = { "order rollouts",               OWNER | MAINT | TENANT },
    [CAN_SEE_ROLLOUTS]   = { "see rollouts",                 OWNER | MAINT | AUDITOR | TENANT },
    [CAN_SET_POLICY]     = { "set privacy policies",         OWNER | PRIVACY },
    [CAN_SEE_POLICY]     = { "see privacy policies",         OWNER | MAINT | PRIVACY | AUDITOR | TENANT },
    [CAN_SET_BUDGET]     = { "set budgets",                  OWNER | PRIVACY },
    [CAN_SEE_BUDGET]     = { "see budgets",                  OWNER | PRIVACY | AUDITOR | TENANT },
    [CAN_RELEASE]        = { "ask for releases",             OWNER | TENANT },
    [CAN_SEE_RELEASES]   = { "see releases",                 OWNER | PRIVACY | AUDITOR | TENANT },
    [CAN_MANAGE_SINKS]   = { "manage sinks",                 OWNER | TENANT },
    [CAN_SEE_SINKS]      = { "see sinks and exports",        OWNER | AUDITOR | TENANT },
    [CAN_AUDIT]          = { "read the audit record",        OWNER | PRIVACY | AUDITOR },
    [CAN_MANAGE_TOKENS]  = { "manage tokens",                OWNER },
};
/* clang-format on */

static const char *const role_names[] = {
    [ROLE_OWNER] = "owner",     [ROLE_MAINTAINER] = "maintainer", [ROLE_PRIVACY_OFFICER] = "privacy-officer",
    [ROLE_AUDITOR] = "auditor", [ROLE_TENANT] = "tenant",
};

const char *role_name(enum role role)
{
    return role >= ROLE_OWNER && role <= ROLE_TENANT ? role_names[role] : "nobody";
}

int role_of_name(const char *name, enum role *out)
{
    for (enum role role = ROLE_OWNER; role <= ROLE_TENANT; role++)
        if (strcmp(role_names[role], name) == 0) {
            *out = role;
            return 0;
        }
    return REFUSED_INVALID;
}

int access_check(const struct caller *caller, enum permission permission, struct why *why)
{
    bool known = caller->role >= ROLE_OWNER && caller->role <= ROLE_TENANT;
    /* A tenant's caller always speaks for one tenant, nobody else ever does: anything else fails closed. */
    bool whole = (caller->role == ROLE_TENANT) == (caller->tenant_id != 0);

    if (known && whole && permission < PERMISSIONS && (table[permission].roles >> caller->role & 1u) != 0)
        return 0;
    return refuse(why, REFUSED_FORBIDDEN, NULL, "ask the owner, or use a token of another role",
                  "the role %s may not %s", role_name(caller->role),
                  permission < PERMISSIONS ? table[permission].words : "do this");
}

int64_t access_scope(const struct caller *caller)
{
    return caller->role == ROLE_TENANT ? caller->tenant_id : 0;
}

static int unknown_tenant(const char *name, struct why *why)
{
    return refuse(why, REFUSED_UNKNOWN, "tenant", "tinypartctl tenant list shows those that you may see",
                  "there is no tenant %.64s", name);
}

int access_tenant(struct core *core, const struct caller *caller, const char *name, struct tenant *out, struct why *why)
{
    struct tenant tenant;
    bool named = name != NULL && name[0] != '\0';
    int r;

    if (caller->role == ROLE_TENANT)
        r = core->store->tenant_by_id(core->store, caller->tenant_id, &tenant);
    else if (named)
        r = core->store->tenant_by_name(core->store, name, &tenant);
    else
        return refuse(why, REFUSED_INVALID, "tenant", "name the tenant that this is for", "no tenant is named");
    if (r == REFUSED_UNKNOWN || (r == 0 && named && strcmp(tenant.name, name) != 0))
        return unknown_tenant(named ? name : "of yours", why);
    if (r != 0)
        return r;
    *out = tenant;
    return 0;
}
