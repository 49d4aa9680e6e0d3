/* access.h - who may do what. Roles are of people; a tenant is a role bound to one tenant.
 * The table of permissions is in access.c; every rule that changes or reads something asks it first. */
#ifndef TINYPART_CORE_ACCESS_H
#define TINYPART_CORE_ACCESS_H

#include <stdint.h>

#include "daemon/core/core.h"
#include "daemon/core/limits.h"
#include "daemon/core/tenant.h"

enum role { ROLE_OWNER = 1, ROLE_MAINTAINER, ROLE_PRIVACY_OFFICER, ROLE_AUDITOR, ROLE_TENANT };

enum permission {
    CAN_SEE_STATUS,
    CAN_MANAGE_TENANTS, /* tenants, their keys, tokens */
    CAN_SEE_TENANTS,
    CAN_MANAGE_DEVICES, /* create, claim, label, delete */
    CAN_SEE_DEVICES,    /* all of them; a tenant sees those that a grant of its own covers */
    CAN_RUN_CONTAINERS, /* device run: the answer is raw data of the owner's */
    CAN_GRANT,
    CAN_SEE_GRANTS, /* a tenant: its own */
    CAN_PUSH_IMAGES,
    CAN_SEE_IMAGES,   /* a tenant: its own */
    CAN_DEPLOY,       /* rollouts: create, pause, resume, abort */
    CAN_SEE_ROLLOUTS, /* a tenant: its own */
    CAN_SET_POLICY,
    CAN_SEE_POLICY,
    CAN_SET_BUDGET,
    CAN_SEE_BUDGET,   /* a tenant: its own */
    CAN_RELEASE,      /* ask for a noised answer */
    CAN_SEE_RELEASES, /* a tenant: its own */
    CAN_MANAGE_SINKS, /* a tenant: its own */
    CAN_SEE_SINKS,
    CAN_AUDIT, /* read and verify the audit record */
    CAN_MANAGE_TOKENS,
    PERMISSIONS
};

struct caller {
    enum role role;
    int64_t tenant_id;    /* with ROLE_TENANT, else 0 */
    char name[NAME_SIZE]; /* for the audit record: "uid:1000", token name */
};

const char *role_name(enum role role);
int role_of_name(const char *name, enum role *out); /* 0, or REFUSED_INVALID */

/* 0 or REFUSED_FORBIDDEN. */
int access_check(const struct caller *caller, enum permission permission, struct why *why);

/* The tenant that a request names, as far as this caller may act for it (I8): a tenant's caller may leave the name out
 * (NULL or "") and may name only itself; for anyone else's name the answer is REFUSED_UNKNOWN, as for a name that does
 * not exist. */
int access_tenant(struct core *core, const struct caller *caller, const char *name, struct tenant *out,
                  struct why *why);

/* Narrow a listing: 0 for roles that see all tenants, else the caller's own tenant. */
int64_t access_scope(const struct caller *caller);

/* Bearer tokens, stored as SHA-256 only. */
struct token {
    int64_t id;
    char name[NAME_SIZE];
    enum role role;
    int64_t tenant_id;
    char tenant[NAME_SIZE]; /* filled in listings */
    int64_t created_ms;
    int64_t expires_ms; /* 0: never */
    int64_t revoked_ms; /* 0: live */
};
struct token_order {
    const char *name;
    const char *role;
    const char *tenant; /* with role "tenant" */
    int64_t expires_ms;
};
#define TOKEN_TEXT_SIZE 48 /* "tp_" and 43 characters of base64url (256 bits) */
/* The token's text is given out once and kept nowhere. */
int token_create(struct core *core, const struct caller *caller, const struct token_order *order, struct token *out,
                 char out_text[TOKEN_TEXT_SIZE], struct why *why);
int token_list(struct core *core, const struct caller *caller, struct page page,
               int (*each)(void *context, const struct token *token), void *context, struct why *why);
int token_revoke(struct core *core, const struct caller *caller, const char *name, struct why *why);
/* Who a bearer token speaks for: 0, or REFUSED_FORBIDDEN for an unknown, expired or revoked one. */
int token_caller(struct core *core, const char *text, struct caller *out, struct why *why);

#endif
