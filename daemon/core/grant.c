/* grant.c - what the owner lets a tenant use. One grant must cover all that is asked for at once: two grants do not add
 * up, so that a grant says by itself what it allows. */
#include "daemon/core/grant.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "daemon/core/access.h"
#include "daemon/core/audit.h"
#include "daemon/core/list.h"
#include "daemon/core/ports/clock.h"
#include "daemon/core/texts.h"
#include "daemon/core/transaction.h"
#include "device_proto/token.h"

struct grant_set {
    size_t count;
    struct {
        struct grant grant;
        struct selector selector;
    } rows[GRANTS_PER_TENANT_MAX];
};

static int add_grant(void *context, const struct grant *grant)
{
    struct grant_set *set = context;
    struct selector selector;

    if (set->count == GRANTS_PER_TENANT_MAX)
        return -E2BIG;
    /* It was checked when it was made; one that no longer reads grants nothing. */
    if (selector_parse(grant->selector, &selector, NULL) != 0)
        return 0;
    set->rows[set->count].grant = *grant;
    set->rows[set->count].selector = selector;
    set->count++;
    return 0;
}

int grant_set_load(struct core *core, int64_t tenant_id, struct grant_set **out)
{
    struct page page = { 0, PAGE_MAX };
    struct grant_set *set;

    if (tenant_id == 0)
        return -EINVAL; /* to the store this would mean everybody's */
    set = calloc(1, sizeof(*set));
    if (set == NULL)
        return -ENOMEM;
    int r = core->store->grant_each(core->store, tenant_id, true, clock_now_ms(core->clock), page, add_grant, set);
    if (r != 0) {
        grant_set_free(set);
        return r;
    }
    *out = set;
    return 0;
}

void grant_set_free(struct grant_set *set)
{
    free(set);
}

static int lacks(const struct grant *grant, const struct device *device, const struct grant_need *need, struct why *why)
{
    static const char todo[] = "the owner can give a grant that has it: tinypartctl grant create";

    if (need->slot >= 0 && !list_has_number(grant->slots, (uint32_t)need->slot))
        return refuse(why, REFUSED_FORBIDDEN, "grant", todo, "grant %lld does not give slot %d of device %s",
                      (long long)grant->id, need->slot, device->name);
    if (need->sensor != NULL && need->sensor[0] != '\0' && !list_has_name(grant->sensors, need->sensor))
        return refuse(why, REFUSED_FORBIDDEN, "grant", todo, "grant %lld does not give the sensor %s of device %s",
                      (long long)grant->id, need->sensor, device->name);
    for (size_t i = 0; i < need->n_helpers; i++)
        if (!list_has_number(grant->helpers, need->helpers[i]))
            return refuse(why, REFUSED_FORBIDDEN, "grant", todo,
                          "grant %lld does not give helper call 0x%x on device %s", (long long)grant->id,
                          (unsigned)need->helpers[i], device->name);
    if (need->unproven != NULL && need->unproven[0] != '\0' && !grant->unproven)
        return refuse(why, REFUSED_FORBIDDEN, "grant",
                      "change the container so that it can be proven (tinypartctl image inspect shows where), or ask "
                      "the owner for a grant with --allow-unproven",
                      "grant %lld lets only proven containers run on device %s: %s", (long long)grant->id, device->name,
                      need->unproven);
    return 0;
}

int grant_set_find(const struct grant_set *set, const struct device *device, const struct grant_need *need,
                   const struct grant **out, struct why *why)
{
    bool picked = false;

    if (device->state != DEVICE_CLAIMED)
        return refuse(why, REFUSED_FORBIDDEN, "device", "claim it first: tinypartctl device claim",
                      "device %s is unclaimed", device->name);
    for (size_t i = 0; i < set->count; i++) {
        if (!selector_matches(&set->rows[i].selector, device->labels, device->label_count))
            continue;
        picked = true;
        if (lacks(&set->rows[i].grant, device, need, why) != 0)
            continue;
        *out = &set->rows[i].grant;
        return 0;
    }
    if (picked)
        return REFUSED_FORBIDDEN; /* in the words of the last grant that nearly covered it */
    return refuse(why, REFUSED_FORBIDDEN, "grant", "ask the owner for a grant: tinypartctl grant create",
                  "no grant of this tenant covers device %s", device->name);
}

int grant_set_covers(const struct grant_set *set, const struct device *device, const struct grant_need *need,
                     struct why *why)
{
    const struct grant *grant;

    return grant_set_find(set, device, need, &grant, why);
}

int grant_claims(const struct grant *grant, const char *profile_helpers, struct token_claims *out)
{
    uint32_t all[LIST_NUMBERS_MAX], granted[LIST_NUMBERS_MAX];
    size_t count, granted_count = 0;
    bool everything = strcmp(grant->helpers, "*") == 0;

    int r = list_numbers(profile_helpers, all, &count);
    if (r == 0 && !everything)
        r = list_numbers(grant->helpers, granted, &granted_count);
    if (r != 0)
        return r;
    out->has_mask = true;
    out->mask = token_mask_of(all, count, granted, granted_count, everything);
    out->expires_s = grant->until_ms / 1000;
    return 0;
}

int grant_covers(struct core *core, int64_t tenant_id, const struct device *device, int slot, const char *sensor,
                 const uint32_t *helpers, size_t n_helpers, struct why *why)
{
    _cleanup_(grant_set_freep) struct grant_set *set = NULL;
    const struct grant_need need = { .slot = slot, .sensor = sensor, .helpers = helpers, .n_helpers = n_helpers };

    int r = grant_set_load(core, tenant_id, &set);
    return r != 0 ? r : grant_set_covers(set, device, &need, why);
}

static int grant_fill(struct core *core, const struct caller *caller, const struct grant_order *order,
                      struct grant *grant, struct why *why)
{
    struct selector selector;
    struct tenant tenant;

    int r = access_tenant(core, caller, order->tenant, &tenant, why);
    if (r != 0)
        return r;
    grant->tenant_id = tenant.id;
    text_copy(grant->tenant, sizeof(grant->tenant), tenant.name);
    r = selector_parse(order->selector != NULL ? order->selector : "", &selector, why);
    if (r != 0)
        return r;
    const char *sensors = order->sensors != NULL ? order->sensors : "";
    const char *helpers = order->helpers != NULL ? order->helpers : "";
    const char *slots = order->slots != NULL ? order->slots : "";
    if (!list_is_names(sensors))
        return refuse(why, REFUSED_INVALID, "sensors", "example: temperature,load; * for all", "no list of sensors");
    if (!list_is_numbers(helpers, UINT32_MAX))
        return refuse(why, REFUSED_INVALID, "helpers", "example: 0x31,0x32; * for all", "no list of helper numbers");
    if (!list_is_numbers(slots, SLOTS_MAX - 1))
        return refuse(why, REFUSED_INVALID, "slots", "example: 0,1; * for any", "no list of slots");
    text_copy(grant->selector, sizeof(grant->selector), order->selector != NULL ? order->selector : "");
    text_copy(grant->sensors, sizeof(grant->sensors), sensors);
    text_copy(grant->helpers, sizeof(grant->helpers), helpers);
    text_copy(grant->slots, sizeof(grant->slots), slots);
    grant->unproven = order->unproven != NULL && strcmp(order->unproven, "allow") == 0;
    if (order->unproven != NULL && !grant->unproven && strcmp(order->unproven, "deny") != 0)
        return refuse(why, REFUSED_INVALID, "unproven", "allow, or deny", "no answer to whether unproven code may run");
    grant->created_ms = clock_now_ms(core->clock);
    grant->until_ms = order->until_ms;
    if (order->until_ms != 0 && order->until_ms <= grant->created_ms)
        return refuse(why, REFUSED_INVALID, "until", NULL, "the grant would have ended already");
    return 0;
}

static int count_grant(void *context, const struct grant *grant)
{
    (void)grant;
    ++*(unsigned *)context;
    return 0;
}

static int grant_save(struct core *core, const struct caller *caller, struct grant *grant, struct why *why)
{
    struct page page = { 0, GRANTS_PER_TENANT_MAX };
    struct detail detail = DETAIL;
    char subject[96];
    unsigned live = 0;

    int r = core->store->grant_each(core->store, grant->tenant_id, true, grant->created_ms, page, count_grant, &live);
    if (r != 0)
        return r;
    if (live == GRANTS_PER_TENANT_MAX)
        return refuse(why, REFUSED_EXHAUSTED, "grant", "revoke one that is no longer needed",
                      "%s has %d live grants already", grant->tenant, GRANTS_PER_TENANT_MAX);
    r = core->store->grant_insert(core->store, grant);
    if (r != 0)
        return r;
    snprintf(subject, sizeof(subject), "grant:%lld", (long long)grant->id);
    detail_text(&detail, "tenant", grant->tenant);
    detail_text(&detail, "selector", grant->selector);
    detail_text(&detail, "sensors", grant->sensors);
    detail_text(&detail, "helpers", grant->helpers);
    detail_text(&detail, "slots", grant->slots);
    detail_number(&detail, "until_ms", grant->until_ms);
    detail_text(&detail, "unproven", grant->unproven ? "allow" : "deny");
    return audit_append(core, caller, "grant.create", subject, grant->tenant_id, detail_end(&detail));
}

int grant_create(struct core *core, const struct caller *caller, const struct grant_order *order, struct grant *out,
                 struct why *why)
{
    struct grant grant = { 0 };

    int r = access_check(caller, CAN_GRANT, why);
    if (r != 0)
        return r;
    r = grant_fill(core, caller, order, &grant, why);
    if (r != 0)
        return r;
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = transaction_end(core, grant_save(core, caller, &grant, why));
    if (r == 0)
        *out = grant;
    return r;
}

int grant_list(struct core *core, const struct caller *caller, struct page page,
               int (*each)(void *context, const struct grant *grant), void *context, struct why *why)
{
    int r = access_check(caller, CAN_SEE_GRANTS, why);
    if (r != 0)
        return r;
    return core->store->grant_each(core->store, access_scope(caller), false, clock_now_ms(core->clock), page, each,
                                   context);
}

static int grant_end(struct core *core, const struct caller *caller, int64_t id, struct why *why)
{
    struct grant grant;
    char subject[96];

    int r = core->store->grant_by_id(core->store, id, &grant);
    if (r == 0)
        r = core->store->grant_revoke(core->store, id, clock_now_ms(core->clock));
    if (r == REFUSED_UNKNOWN || r == REFUSED_CONFLICT)
        return refuse(why, REFUSED_UNKNOWN, "grant", "tinypartctl grant list shows them", "there is no live grant %lld",
                      (long long)id);
    if (r != 0)
        return r;
    snprintf(subject, sizeof(subject), "grant:%lld", (long long)id);
    return audit_append(core, caller, "grant.revoke", subject, grant.tenant_id, "{}");
}

int grant_revoke(struct core *core, const struct caller *caller, int64_t id, struct why *why)
{
    int r = access_check(caller, CAN_GRANT, why);
    if (r != 0)
        return r;
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    return transaction_end(core, grant_end(core, caller, id, why));
}
