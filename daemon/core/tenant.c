/* tenant.c - service providers and the keys that their images are signed with. */
#include "daemon/core/tenant.h"

#include <stdio.h>
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/core/access.h"
#include "daemon/core/audit.h"
#include "daemon/core/ports/clock.h"
#include "daemon/core/signing_key.h"
#include "daemon/core/texts.h"
#include "daemon/core/transaction.h"

static int count_tenant(void *context, const struct tenant *tenant)
{
    (void)tenant;
    ++*(unsigned *)context;
    return 0;
}

static int tenant_save(struct core *core, const struct caller *caller, struct tenant *tenant, struct why *why)
{
    struct page page = { 0, TENANTS_MAX };
    char subject[96];
    unsigned count = 0;

    int r = core->store->tenant_each(core->store, 0, page, count_tenant, &count);
    if (r != 0)
        return r;
    if (count == TENANTS_MAX)
        return refuse(why, REFUSED_EXHAUSTED, "tenant", NULL, "there are %d tenants, which is the most", TENANTS_MAX);
    r = core->store->tenant_insert(core->store, tenant);
    if (r == REFUSED_EXISTS)
        return refuse(why, REFUSED_EXISTS, "name", "choose another name", "there is a tenant %s already", tenant->name);
    if (r != 0)
        return r;
    snprintf(subject, sizeof(subject), "tenant:%s", tenant->name);
    return audit_append(core, caller, "tenant.create", subject, tenant->id, "{}");
}

int tenant_create(struct core *core, const struct caller *caller, const char *name, struct tenant *out, struct why *why)
{
    struct tenant tenant = { .created_ms = clock_now_ms(core->clock) };

    int r = access_check(caller, CAN_MANAGE_TENANTS, why);
    if (r != 0)
        return r;
    if (name == NULL || !name_is_valid(name))
        return refuse(why, REFUSED_INVALID, "name", "use 1 to 63 of a-z 0-9 . - _, beginning with a letter or digit",
                      "this is no name for a tenant");
    text_copy(tenant.name, sizeof(tenant.name), name);
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = transaction_end(core, tenant_save(core, caller, &tenant, why));
    if (r == 0)
        *out = tenant;
    return r;
}

int tenant_get(struct core *core, const struct caller *caller, const char *name, struct tenant *out, struct why *why)
{
    int r = access_check(caller, CAN_SEE_TENANTS, why);
    return r != 0 ? r : access_tenant(core, caller, name, out, why);
}

int tenant_list(struct core *core, const struct caller *caller, struct page page,
                int (*each)(void *context, const struct tenant *tenant), void *context, struct why *why)
{
    int r = access_check(caller, CAN_SEE_TENANTS, why);
    return r != 0 ? r : core->store->tenant_each(core->store, access_scope(caller), page, each, context);
}

static int count_live_key(void *context, const struct tenant_key *key)
{
    *(unsigned *)context += key->revoked_ms == 0;
    return 0;
}

static int audit_key(struct core *core, const struct caller *caller, const char *action, const struct tenant *tenant,
                     const uint8_t fingerprint[DIGEST_SIZE])
{
    struct detail detail = DETAIL;
    char subject[96];

    snprintf(subject, sizeof(subject), "tenant:%s", tenant->name);
    detail_hex(&detail, "fingerprint", bytes_view(fingerprint, DIGEST_SIZE));
    return audit_append(core, caller, action, subject, tenant->id, detail_end(&detail));
}

static int key_save(struct core *core, const struct caller *caller, const struct tenant *tenant, struct tenant_key *key,
                    struct why *why)
{
    unsigned live = 0;

    int r = core->store->tenant_key_each(core->store, tenant->id, count_live_key, &live);
    if (r != 0)
        return r;
    if (live >= KEYS_PER_TENANT_MAX)
        return refuse(why, REFUSED_EXHAUSTED, "key", "revoke one that is no longer used", "%s has %d live keys already",
                      tenant->name, KEYS_PER_TENANT_MAX);
    r = core->store->tenant_key_insert(core->store, key);
    if (r == REFUSED_EXISTS)
        return refuse(why, REFUSED_EXISTS, "key", "make a key pair of its own: tinypartctl keygen",
                      "this key is registered already; one key signs for one tenant only");
    return r != 0 ? r : audit_key(core, caller, "tenant.key.add", tenant, key->fingerprint);
}

int tenant_key_add(struct core *core, const struct caller *caller, const char *tenant_name,
                   const struct public_key *public_key, struct tenant_key *out, struct why *why)
{
    struct tenant_key key = { .key = *public_key, .created_ms = clock_now_ms(core->clock) };
    struct tenant tenant;

    int r = access_check(caller, CAN_MANAGE_TENANTS, why);
    if (r != 0)
        return r;
    r = access_tenant(core, caller, tenant_name, &tenant, why);
    if (r != 0)
        return r;
    r = signing_key_check(core, public_key, "public_key", why);
    if (r != 0)
        return r;
    key.tenant_id = tenant.id;
    r = core->crypto->sha256(core->crypto->context, bytes_view(public_key->raw, public_key->size), key.fingerprint);
    if (r != 0)
        return r;
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = transaction_end(core, key_save(core, caller, &tenant, &key, why));
    if (r == 0)
        *out = key;
    return r;
}

int tenant_key_list(struct core *core, const struct caller *caller, const char *tenant_name,
                    int (*each)(void *context, const struct tenant_key *key), void *context, struct why *why)
{
    struct tenant tenant;

    int r = access_check(caller, CAN_SEE_TENANTS, why);
    if (r != 0)
        return r;
    r = access_tenant(core, caller, tenant_name, &tenant, why);
    return r != 0 ? r : core->store->tenant_key_each(core->store, tenant.id, each, context);
}

int tenant_key_revoke(struct core *core, const struct caller *caller, const char *tenant_name,
                      const uint8_t fingerprint[DIGEST_SIZE], struct why *why)
{
    struct tenant tenant;

    int r = access_check(caller, CAN_MANAGE_TENANTS, why);
    if (r != 0)
        return r;
    r = access_tenant(core, caller, tenant_name, &tenant, why);
    if (r != 0)
        return r;
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = core->store->tenant_key_revoke(core->store, tenant.id, fingerprint, clock_now_ms(core->clock));
    if (r == REFUSED_UNKNOWN || r == REFUSED_CONFLICT)
        r = refuse(why, REFUSED_UNKNOWN, "fingerprint", "tinypartctl tenant show lists its keys",
                   "%s has no live key of this fingerprint", tenant.name);
    if (r == 0)
        r = audit_key(core, caller, "tenant.key.revoke", &tenant, fingerprint);
    return transaction_end(core, r);
}
