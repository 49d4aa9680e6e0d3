#include "daemon/core/status.h"

#include "daemon/base/text.h"
#include "daemon/core/access.h"
#include "daemon/core/budget.h"
#include "daemon/core/ports/store.h"

static int count_tenant(void *context, const struct tenant *tenant)
{
    int64_t *count = context;

    (void)tenant;
    (*count)++;
    return 0;
}

static int count(struct store *store, struct status *out)
{
    int r = store->tenant_each(store, 0, (struct page){ 0, TENANTS_MAX }, count_tenant, &out->tenants);
    if (r == 0)
        r = store->device_count(store, DEVICE_CLAIMED, &out->devices_claimed);
    if (r == 0)
        r = store->device_count(store, DEVICE_UNCLAIMED, &out->devices_unclaimed);
    if (r == 0)
        r = store->reading_count(store, &out->readings_raw, &out->readings_noised);
    return r != 0 ? r : store->steps_under_way(store, &out->steps_under_way);
}

int status_get(struct core *core, const struct caller *caller, struct status *out, struct why *why)
{
    struct status status = { 0 };

    int r = access_check(caller, CAN_SEE_STATUS, why);
    if (r == 0)
        r = count(core->store, &status);
    if (r == 0)
        r = ledger_peek_ms(core, &status.ledger_ms);
    if (r != 0)
        return r;
    status.epoch = ledger_epoch(core, status.ledger_ms);
    if (caller->tenant_id != 0) {
        struct tenant tenant;
        r = access_tenant(core, caller, NULL, &tenant, why);
        if (r != 0)
            return r;
        text_copy(status.caller_tenant, sizeof(status.caller_tenant), tenant.name);
    }
    *out = status;
    return 0;
}
