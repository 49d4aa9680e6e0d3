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

#define LEDGER_FACT "ledger_ms"
#define PPM         1000000
#define DAY_MS      86400000LL

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
    return core->store->ledger_recount(core->store, NULL, why);
}

int ledger_usable(const struct core *core, struct why *why)
{
    if (!core->ledger_broken)
        return 0;
    return refuse(
        why, REFUSED_CONFLICT, "ledger", "restore the newest backup, then start again",
        "the ledger's charges and what it says is spent differ: nothing is charged or released until that is mended");
}

/* How much of a cap is free at a time: so many millionths as its epoch begins, the rest evenly until its end. */
static struct loss_caps unlocked(const struct core *core, const struct loss_caps *cap, int64_t unlock_ppm,
                                 int64_t epoch, int64_t now_ms)
{
    const int64_t length_ms = core->settings.epoch_ms;
    int64_t gone_ms = now_ms - ledger_epoch_start_ms(core, epoch);

    if (gone_ms >= length_ms || unlock_ppm >= PPM)
        return *cap;
    if (gone_ms < 0)
        gone_ms = 0;
    /* lengths are a year at most: 10^6 of them fit easily */
    return loss_caps_part(cap, unlock_ppm * length_ms + (PPM - unlock_ppm) * gone_ms, PPM * length_ms);
}

/* The same before anything is unlocked. */
static int budget_standing(struct core *core, int64_t tenant_id, int64_t epoch, int64_t now_ms,
                           struct charge_standing *out, struct budget_terms *out_terms)
{
    struct store *store = core->store;
    struct charge_standing standing = { 0 };
    struct budget_terms present;

    int r = store->terms_get(store, tenant_id, ledger_epoch(core, now_ms), &present);
    if (r == 0)
        r = store->terms_get(store, tenant_id, epoch, out_terms);
    if (r != 0)
        return r;
    r = store->budget_standing(store, tenant_id, epoch, &standing);
    if (r < 0)
        return r;
    if (r == REFUSED_UNKNOWN)
        standing.cap = out_terms->cap;
    standing.cap = loss_caps_lower(&standing.cap, &present.cap);
    *out = standing;
    return 0;
}

int ledger_budget(struct core *core, int64_t tenant_id, int64_t epoch, int64_t now_ms, struct charge_standing *out)
{
    struct budget_terms terms;

    int r = budget_standing(core, tenant_id, epoch, now_ms, out, &terms);
    if (r == 0)
        out->cap = unlocked(core, &out->cap, terms.unlock_ppm, epoch, now_ms);
    return r;
}

/* The caps of an epoch's filters: its own, or the present ones where those are lower. */
static int filter_cap(struct core *core, int64_t epoch, struct loss_caps *out)
{
    struct loss_caps own = core->settings.filter_cap;

    int r = core->store->filter_cap_get(core->store, epoch, &own);
    if (r < 0)
        return r;
    *out = loss_caps_lower(&own, &core->settings.filter_cap);
    return 0;
}

int ledger_filter(struct core *core, int64_t device_id, int64_t epoch, struct charge_standing *out)
{
    struct charge_standing standing = { 0 };

    int r = core->store->filter_standing(core->store, device_id, epoch, &standing);
    if (r >= 0)
        r = filter_cap(core, epoch, &standing.cap);
    if (r == 0)
        *out = standing;
    return r;
}

/* What is left of a cap without what is reserved; reserves came before a cap that fell, so they may be above it. */
static struct loss_caps unreserved(const struct loss_caps *cap, const struct loss_caps *reserves)
{
    struct loss taken = loss_of_caps(reserves);

    return loss_caps_left(&taken, cap);
}

static int device_caps(struct core *core, int64_t now_ms, struct charge *charge)
{
    struct store *store = core->store;
    struct budget_terms terms = { 0 };
    struct loss_caps all;

    int r = filter_cap(core, charge->epoch, &charge->filter_cap);
    if (r == 0)
        r = store->reserves_sum(store, charge->epoch, 0, &all);
    if (r == 0 && charge->tenant_id != 0)
        r = store->terms_get(store, charge->tenant_id, charge->epoch, &terms);
    if (r != 0)
        return r;
    charge->reserve = terms.reserve;
    charge->has_reserves = all.ueps > 0 || all.nrho > 0 || all.delta > 0;
    charge->pool_cap = unreserved(&charge->filter_cap, &all);
    charge->pool_cap = unlocked(core, &charge->pool_cap, core->settings.pool_unlock_ppm, charge->epoch, now_ms);
    charge->filter_now = charge->has_reserves ? charge->filter_cap : charge->pool_cap;
    return 0;
}

int ledger_caps(struct core *core, int64_t now_ms, struct charge *charge)
{
    struct charge_standing standing = { 0 };
    struct budget_terms terms = { 0 };
    int r = 0;

    charge->is_locked = true;
    if (charge->tenant_id != 0)
        r = budget_standing(core, charge->tenant_id, charge->epoch, now_ms, &standing, &terms);
    charge->budget_cap = standing.cap;
    charge->budget_now = unlocked(core, &standing.cap, terms.unlock_ppm, charge->epoch, now_ms);
    if (r == 0 && charge->cohort != NULL)
        r = device_caps(core, now_ms, charge);
    return r;
}

struct cohort cohort_of_one(int64_t device_id, struct cohort_member *member)
{
    *member = (struct cohort_member){ (uint32_t)(device_id / 64), UINT64_C(1) << device_id % 64 };
    return (struct cohort){ .members = member, .member_count = 1, .device_count = 1 };
}

/* ---- budgets ---- */

/* How a budget stands at a time. */
static int budget_fill(struct core *core, const struct tenant *tenant, int64_t now_ms, struct budget *out,
                       struct why *why)
{
    struct store *store = core->store;
    struct budget budget = { .tenant_id = tenant->id, .epoch_ms = core->settings.epoch_ms };
    struct budget_terms terms, next;
    struct charge_standing standing;

    budget.epoch = ledger_epoch(core, now_ms);
    budget.renews_ms = ledger_epoch_start_ms(core, budget.epoch + 1);
    budget.filter_cap = core->settings.filter_cap;
    snprintf(budget.tenant, sizeof(budget.tenant), "%s", tenant->name);
    int r = budget_standing(core, tenant->id, budget.epoch, now_ms, &standing, &terms);
    if (r == REFUSED_UNKNOWN)
        return refuse(why, REFUSED_UNKNOWN, "tenant", "set one: tinypartctl budget set",
                      "tenant %s has no budget, so nothing can be released to it", tenant->name);
    if (r == 0)
        r = store->terms_get(store, tenant->id, budget.epoch + 1, &next);
    if (r != 0)
        return r;
    budget.cap = standing.cap;
    budget.unlocked = unlocked(core, &standing.cap, terms.unlock_ppm, budget.epoch, now_ms);
    budget.spent = standing.spent;
    budget.reserve = terms.reserve;
    budget.unlock_ppm = terms.unlock_ppm;
    budget.next_cap = next.cap;
    budget.next_reserve = next.reserve;
    budget.next_unlock_ppm = next.unlock_ppm;
    *out = budget;
    return 0;
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
