/* budget_epochs.c - a tenant's budget, epoch by epoch: what was spent, of what, and how much of that is free by now. */
#include <stdio.h>

#include "daemon/core/access.h"
#include "daemon/core/budget.h"
#include "daemon/core/ledger.h"

static int epoch_fill(struct core *core, int64_t tenant_id, int64_t epoch, int64_t now_ms, struct budget_epoch *out)
{
    struct charge charge = { .tenant_id = tenant_id, .epoch = epoch };
    struct charge_standing standing = { 0 };
    struct budget_terms terms;

    int r = ledger_caps(core, now_ms, &charge);
    if (r == 0)
        r = core->store->terms_get(core->store, tenant_id, epoch, &terms);
    if (r != 0)
        return r;
    r = core->store->budget_standing(core->store, tenant_id, epoch, &standing);
    if (r < 0)
        return r;
    *out = (struct budget_epoch){
        .epoch = epoch,
        .from_ms = ledger_epoch_start_ms(core, epoch),
        .to_ms = ledger_epoch_start_ms(core, epoch + 1),
        .spent = standing.spent,
        .cap = charge.budget_cap,
        .unlocked = charge.budget_now,
        .reserve = terms.reserve,
    };
    ledger_epoch_name(core, epoch, out->name);
    return 0;
}

int budget_epochs(struct core *core, const struct caller *caller, const char *name, struct page page,
                  int (*each)(void *context, const struct budget_epoch *epoch), void *context, struct why *why)
{
    struct budget_epoch row;
    struct tenant tenant;
    int64_t now_ms = 0;

    int r = access_check(caller, CAN_SEE_BUDGET, why);
    if (r == 0)
        r = access_tenant(core, caller, name, &tenant, why);
    if (r == 0)
        r = ledger_peek_ms(core, &now_ms);
    if (r != 0)
        return r;
    int64_t epoch = ledger_epoch(core, tenant.created_ms);
    if (epoch <= page.after)
        epoch = page.after + 1;
    for (unsigned i = 0; i < page.limit && epoch <= ledger_epoch(core, now_ms); i++, epoch++) {
        r = epoch_fill(core, tenant.id, epoch, now_ms, &row);
        if (r == REFUSED_UNKNOWN)
            return refuse(why, REFUSED_UNKNOWN, "tenant", "set one: tinypartctl budget set",
                          "tenant %s has no budget, so nothing can be released to it", tenant.name);
        if (r == 0)
            r = each(context, &row);
        if (r != 0)
            return r;
    }
    return 0;
}
