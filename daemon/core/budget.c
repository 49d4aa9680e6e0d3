/* budget.c - a tenant's quota, and the ledger's time.
 *
 * A budget is a quota, not the guarantee: tenants that collude, or one that is cleverer than another, are held by the
 * filter of each device alone, which counts over all tenants. So a budget's cap may change, with two rules: it never
 * rises within an open epoch, and where it falls it falls for everything that is not yet spent, the data of past epochs
 * included.
 *
 * The ledger's time is the highest that the clock ever showed. A clock set back makes it stand still, so that no epoch
 * opens twice; a clock that ran ahead makes it stand until the world has caught up, which refuses, and never leaks. */
#include "daemon/core/budget.h"

#include <errno.h>
#include <stdio.h>

#include "daemon/base/text.h"
#include "daemon/core/access.h"
#include "daemon/core/audit.h"
#include "daemon/core/ledger.h"
#include "daemon/core/ports/clock.h"
#include "daemon/core/ports/store.h"
#include "daemon/core/texts.h"
#include "daemon/core/transaction.h"

#define LEDGER_FACT        "ledger_ms"
#define BUDGET_CAP_MAX     1000000000000LL /* epsilon 10^6: beyond any use, far from any overflow */
#define BUDGET_FIRST_EPOCH 0
#define DAY_MS             86400000LL

int ledger_now_ms(struct core *core, int64_t *out_ms)
{
    return core->store->fact_raise(core->store, LEDGER_FACT, clock_now_ms(core->clock), out_ms);
}

int ledger_peek_ms(struct core *core, int64_t *out_ms)
{
    int64_t now_ms = clock_now_ms(core->clock);
    int64_t kept_ms;
    int r = core->store->fact_get(core->store, LEDGER_FACT, &kept_ms);

    if (r != 0 && r != REFUSED_UNKNOWN)
        return r;
    *out_ms = r == 0 && kept_ms > now_ms ? kept_ms : now_ms;
    return 0;
}

int64_t ledger_epoch(const struct core *core, int64_t unix_ms)
{
    return unix_ms / core->settings.epoch_ms;
}

int64_t ledger_epoch_start_ms(const struct core *core, int64_t epoch)
{
    return epoch * core->settings.epoch_ms;
}

void ledger_epoch_name(const struct core *core, int64_t epoch, char out[32])
{
    time_format(ledger_epoch_start_ms(core, epoch), out);
    if (core->settings.epoch_ms % DAY_MS == 0)
        out[10] = '\0'; /* 2026-11-21 */
}

int ledger_check(struct core *core, struct why *why)
{
    return core->store->charges_reconcile(core->store, why);
}

int ledger_usable(const struct core *core, struct why *why)
{
    if (!core->ledger_broken)
        return 0;
    return refuse(
        why, REFUSED_CONFLICT, "ledger", "restore the newest backup, then start again",
        "the ledger's charges and what it says is spent differ: nothing is charged or released until that is mended");
}

bool ledger_fits(const struct charge_standing *standing, int64_t ueps)
{
    int64_t after;

    return !__builtin_add_overflow(standing->spent_ueps, ueps, &after) && after <= standing->cap_ueps;
}

int ledger_budget(struct core *core, int64_t tenant_id, int64_t epoch, int64_t present, struct charge_standing *out)
{
    struct store *store = core->store;
    struct charge_standing standing;
    int64_t present_cap;

    int r = store->budget_cap(store, tenant_id, present, &present_cap);
    if (r != 0)
        return r;
    r = store->budget_standing(store, tenant_id, epoch, &standing);
    if (r == REFUSED_UNKNOWN) {
        standing.spent_ueps = 0;
        r = store->budget_cap(store, tenant_id, epoch, &standing.cap_ueps);
    }
    if (r != 0)
        return r;
    if (standing.cap_ueps > present_cap)
        standing.cap_ueps = present_cap;
    *out = standing;
    return 0;
}

int ledger_filter(struct core *core, int64_t device_id, int64_t epoch, struct charge_standing *out)
{
    int r = core->store->filter_standing(core->store, device_id, epoch, out);

    if (r == REFUSED_UNKNOWN) {
        *out = (struct charge_standing){ .spent_ueps = 0, .cap_ueps = core->settings.filter_cap_ueps };
        r = 0;
    }
    if (r == 0 && out->cap_ueps > core->settings.filter_cap_ueps) /* it was lowered meanwhile */
        out->cap_ueps = core->settings.filter_cap_ueps;
    return r;
}

/* How a budget stands at a time. */
static int budget_fill(struct core *core, const struct tenant *tenant, int64_t now_ms, struct budget *out,
                       struct why *why)
{
    struct store *store = core->store;
    struct budget budget = { .tenant_id = tenant->id, .epoch_ms = core->settings.epoch_ms };
    struct charge_standing standing;

    budget.epoch = ledger_epoch(core, now_ms);
    budget.renews_ms = ledger_epoch_start_ms(core, budget.epoch + 1);
    budget.filter_cap_ueps = core->settings.filter_cap_ueps;
    snprintf(budget.tenant, sizeof(budget.tenant), "%s", tenant->name);
    int r = ledger_budget(core, tenant->id, budget.epoch, budget.epoch, &standing);
    if (r == REFUSED_UNKNOWN)
        return refuse(why, REFUSED_UNKNOWN, "tenant", "set one: tinypartctl budget set",
                      "tenant %s has no budget, so nothing can be released to it", tenant->name);
    if (r == 0)
        r = store->budget_cap(store, tenant->id, budget.epoch + 1, &budget.next_cap_ueps);
    if (r != 0)
        return r;
    budget.cap_ueps = standing.cap_ueps;
    budget.spent_ueps = standing.spent_ueps;
    *out = budget;
    return 0;
}

static int caps_put(struct core *core, int64_t tenant_id, int64_t present, int64_t cap_ueps)
{
    struct store *store = core->store;
    int64_t standing_cap;

    int r = store->budget_cap(store, tenant_id, present, &standing_cap);
    if (r == REFUSED_UNKNOWN)
        return store->budget_put(store, tenant_id, BUDGET_FIRST_EPOCH, cap_ueps);
    if (r != 0)
        return r;
    if (cap_ueps <= standing_cap) {
        r = store->budget_put(store, tenant_id, present, cap_ueps);
        if (r != 0)
            return r;
        r = store->budget_lower(store, tenant_id, present, cap_ueps);
        if (r != 0 && r != REFUSED_UNKNOWN) /* nothing charged yet in this epoch: nothing stands */
            return r;
    }
    /* A rise that was ordered before is replaced, too. */
    return store->budget_put(store, tenant_id, present + 1, cap_ueps);
}

static int budget_change(struct core *core, const struct caller *caller, const struct tenant *tenant, int64_t cap_ueps,
                         struct budget *out, struct why *why)
{
    struct detail detail = DETAIL;
    char cap[32], subject[96];
    int64_t now_ms;

    int r = ledger_now_ms(core, &now_ms);
    if (r != 0)
        return r;
    r = caps_put(core, tenant->id, ledger_epoch(core, now_ms), cap_ueps);
    if (r != 0)
        return r;
    fixed_format(cap_ueps, 6, cap);
    detail_text(&detail, "epsilon", cap);
    snprintf(subject, sizeof(subject), "tenant:%s", tenant->name);
    r = audit_append(core, caller, "budget.set", subject, tenant->id, detail_end(&detail));
    if (r != 0)
        return r;
    return budget_fill(core, tenant, now_ms, out, why);
}

int budget_set(struct core *core, const struct caller *caller, const char *name, int64_t cap_ueps, struct budget *out,
               struct why *why)
{
    struct tenant tenant;
    struct budget budget;

    int r = access_check(caller, CAN_SET_BUDGET, why);
    if (r != 0)
        return r;
    r = access_tenant(core, caller, name, &tenant, why);
    if (r != 0)
        return r;
    if (cap_ueps < 0 || cap_ueps > BUDGET_CAP_MAX)
        return refuse(why, REFUSED_INVALID, "epsilon", NULL, "a budget is between 0 and 1000000 for each epoch");
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = transaction_end(core, budget_change(core, caller, &tenant, cap_ueps, &budget, why));
    if (r == 0)
        *out = budget;
    return r;
}

int budget_get(struct core *core, const struct caller *caller, const char *name, struct budget *out, struct why *why)
{
    struct tenant tenant;
    int64_t now_ms;

    int r = access_check(caller, CAN_SEE_BUDGET, why);
    if (r != 0)
        return r;
    r = access_tenant(core, caller, name, &tenant, why);
    if (r != 0)
        return r;
    r = ledger_peek_ms(core, &now_ms);
    if (r != 0)
        return r;
    return budget_fill(core, &tenant, now_ms, out, why);
}
