/* release_charge.c - what a release costs: its loss, in every epoch of its window, to the filter (and the odometer) of
 * every device asked, and once to its tenant's budget. Either all of that is charged or nothing (I2). Reports noised on
 * board were charged to filters when they came in: a release over these alone costs the budget alone. */
#include <errno.h>
#include <stdio.h>

#include "daemon/base/text.h"
#include "daemon/core/ledger.h"
#include "daemon/core/release_local.h"
#include "daemon/core/release_running.h"

static struct charge charge_of(const struct asked *asked, int64_t release_id)
{
    struct charge charge = {
        .cause = "release",
        .cause_id = release_id,
        .tenant_id = asked->tenant.id,
        .cohort = asked->charged_count > 0 ? &asked->cohort : NULL,
        .loss = asked->loss,
    };

    return charge;
}

int asked_charge(struct core *core, const struct asked *asked, int64_t release_id, struct exhausted *out)
{
    struct charge charge = charge_of(asked, release_id);

    *out = (struct exhausted){ 0 };
    if (asked_is_paid(asked))
        return 0;
    for (charge.epoch = asked->first_epoch; charge.epoch <= asked->last_epoch; charge.epoch++) {
        out->epoch = charge.epoch;
        int r = ledger_caps(core, asked->now_ms, &charge);
        out->no_budget = r == REFUSED_UNKNOWN;
        if (r == 0)
            r = core->store->charge(core->store, &charge, &out->refused);
        if (r != 0)
            return r == REFUSED_UNKNOWN && out->no_budget ? REFUSED_EXHAUSTED : r;
    }
    return 0;
}

/* "<whose> for epoch <name> has spent 0.9 of 1 epsilon and this asks 0.2 more; ..." standing NULL: without the amounts.
 */
static int standing_refuse(const struct core *core, const struct asked *asked, const char *whose, const char *where,
                           const struct exhausted *exhausted, const struct charge_standing *standing, struct why *why)
{
    const char *const todo =
        asked_is_local(asked)
            ? "ask for the data of another epoch; --dry-run tells beforehand"
            : "ask with a smaller epsilon, or for the data of another epoch; --dry-run tells beforehand";
    enum loss_currency currency = exhausted->refused.currency;
    char name[32], spent[32], cap[32], more[32], next[32];

    ledger_epoch_name(core, exhausted->epoch, name);
    time_format(ledger_epoch_start_ms(core, exhausted->epoch + 1), next);
    if (currency == LOSS_IMPURE)
        return refuse(why, REFUSED_EXHAUSTED, where,
                      asked->query == QUERY_VECTOR_SUM
                          ? "have rho capped, too: tinypartctl budget set --rho, and privacy.device_rho_cap"
                          : "ask with a mechanism that has a pure epsilon",
                      "%s for epoch %s is bounded in epsilon alone, and this mechanism has no pure epsilon", whose,
                      name);
    loss_amount_format(&asked->loss, currency, more);
    if (standing == NULL)
        return refuse(why, REFUSED_EXHAUSTED, where, todo,
                      "%s for epoch %s has not the %s %s left that this asks; data of the next epoch, from %s on, has "
                      "its own",
                      whose, name, more, loss_currency_name(currency), next);
    struct loss whole = loss_of_caps(&standing->cap);
    loss_amount_format(&standing->spent, currency, spent);
    loss_amount_format(&whole, currency, cap);
    return refuse(
        why, REFUSED_EXHAUSTED, where, todo,
        "%s for epoch %s has spent %s of %s %s and this asks %s more; data of the next epoch, from %s on, has its own",
        whose, name, spent, cap, loss_currency_name(currency), more, next);
}

static int life_refuse(const struct asked *asked, const struct device *device, enum loss_currency currency,
                       struct why *why)
{
    static const char todo[] = "leave the device out by its labels";
    struct loss all = { 0 }, whole = loss_of_caps(&device->life_cap);
    char spent[32], cap[32], more[32];

    loss_add_times(&all, &asked->loss, asked_epochs(asked));
    loss_amount_format(&all, currency, more);
    if (asked->by_tenant)
        return refuse(why, REFUSED_EXHAUSTED, "device", todo,
                      "device %s has not the %s %s left of its whole life that this asks; that does not renew",
                      device->name, more, loss_currency_name(currency));
    loss_amount_format(&device->life_spent, currency, spent);
    loss_amount_format(&whole, currency, cap);
    return refuse(why, REFUSED_EXHAUSTED, "device", todo,
                  "device %s has spent %s of the %s %s that it may lose in its whole life and this asks %s more; that "
                  "does not renew",
                  device->name, spent, cap, loss_currency_name(currency), more);
}

/* What a device has lost is what all tenants asked of it: a tenant is told that it is too much, not how much it is, nor
 * whether the whole filter or the part that nobody reserved is full: other tenants' shares would show in that. */
static int device_refuse(struct core *core, const struct asked *asked, const struct exhausted *exhausted,
                         struct why *why)
{
    struct charge_standing standing;
    struct device device;
    char whose[NAME_SIZE + 80];
    const char *part = "";

    int r = core->store->device_by_id(core->store, exhausted->refused.device_id, &device);
    if (r == 0)
        r = ledger_filter(core, device.id, exhausted->epoch, &standing);
    if (r != 0)
        return r;
    if (exhausted->refused.scope == CHARGE_LIFE)
        return life_refuse(asked, &device, exhausted->refused.currency, why);
    if (exhausted->refused.scope == CHARGE_POOL && !asked->by_tenant)
        part = "what is not reserved to other tenants of ";
    snprintf(whose, sizeof(whose), "%sthe filter of device %s", part, device.name);
    return standing_refuse(core, asked, whose, "device", exhausted, asked->by_tenant ? NULL : &standing, why);
}

static int budget_refuse(struct core *core, const struct asked *asked, const struct exhausted *exhausted,
                         struct why *why)
{
    struct charge_standing standing;
    char whose[NAME_SIZE + 32];

    int r = ledger_budget(core, asked->tenant.id, exhausted->epoch, asked->now_ms, &standing);
    if (r != 0)
        return r;
    snprintf(whose, sizeof(whose), "the budget of tenant %s", asked->tenant.name);
    return standing_refuse(core, asked, whose, "tenant", exhausted, &standing, why);
}

int exhausted_refuse(struct core *core, const struct asked *asked, const struct exhausted *exhausted, struct why *why)
{
    if (exhausted->no_budget)
        return refuse(why, REFUSED_EXHAUSTED, "tenant", "have one set: tinypartctl budget set",
                      "tenant %s has no budget, so nothing can be released to it", asked->tenant.name);
    switch (exhausted->refused.scope) {
    case CHARGE_BUDGET:
        return budget_refuse(core, asked, exhausted, why);
    case CHARGE_FILTER:
    case CHARGE_POOL:
    case CHARGE_LIFE:
        return device_refuse(core, asked, exhausted, why);
    }
    return -EINVAL; /* nothing refused */
}

/* What a tenant has left, in the epoch of the window that has least of each currency. */
static int budget_plan(struct core *core, const struct asked *asked, struct release_plan *plan)
{
    struct charge_standing standing;

    for (int64_t epoch = asked->first_epoch; epoch <= asked->last_epoch; epoch++) {
        int r = ledger_budget(core, asked->tenant.id, epoch, asked->now_ms, &standing);
        if (r == REFUSED_UNKNOWN)
            return 0; /* nothing */
        if (r != 0)
            return r;
        struct loss_caps left = loss_caps_left(&standing.spent, &standing.cap);
        plan->tenant_left = epoch == asked->first_epoch ? left : loss_caps_lower(&plan->tenant_left, &left);
    }
    return 0;
}

static int epoch_plan(struct core *core, const struct asked *asked, struct charge *charge, struct release_plan *plan,
                      struct exhausted *first)
{
    struct exhausted here = { .epoch = charge->epoch };
    int64_t devices = 0;

    int r = ledger_caps(core, asked->now_ms, charge);
    here.no_budget = r == REFUSED_UNKNOWN;
    if (r == 0)
        r = core->store->charge_try(core->store, charge, asked_epochs(asked), &here.refused, &devices);
    if (r < 0)
        return r;
    if (devices > plan->exhausted_devices)
        plan->exhausted_devices = devices;
    if (r != 0 && !first->no_budget && first->refused.scope == 0)
        *first = here;
    return 0;
}

static int first_exhausted_name(struct core *core, const struct exhausted *first, struct release_plan *plan)
{
    struct device device;

    if (first->refused.device_id == 0)
        return 0;
    int r = core->store->device_by_id(core->store, first->refused.device_id, &device);
    if (r == 0)
        snprintf(plan->first_exhausted, sizeof(plan->first_exhausted), "%s", device.name);
    return r;
}

/* Whether the release would fit so many times over; if not, what refuses first. */
static int fits_times(struct core *core, const struct asked *asked, int64_t times, struct exhausted *first)
{
    struct release_plan unused = { 0 };
    struct charge charge = charge_of(asked, 1);
    int r = 0;

    charge.loss = (struct loss){ 0 };
    loss_add_times(&charge.loss, &asked->loss, times);
    *first = (struct exhausted){ 0 };
    for (charge.epoch = asked->first_epoch; r == 0 && charge.epoch <= asked->last_epoch; charge.epoch++)
        r = epoch_plan(core, asked, &charge, &unused, first);
    return r;
}

/* Of the tenant's own budget alone: how full filters are tells of other tenants. */
static void budget_ahead(const struct asked *asked, struct release_plan *plan)
{
    const struct loss none = { 0 };
    struct loss all;

    for (plan->times = 0; plan->times < RELEASE_TIMES_MAX; plan->times++) {
        all = none;
        loss_add_times(&all, &asked->loss, plan->times + 1);
        plan->first_currency = loss_fits(&none, &all, &plan->tenant_left);
        if (plan->first_currency == LOSS_NONE)
            continue;
        plan->first_scope = CHARGE_BUDGET;
        return;
    }
}

/* Which filter the like of this release would exhaust first. */
static int plan_ahead(struct core *core, const struct asked *asked, struct release_plan *plan)
{
    struct exhausted first, found;
    int64_t fit = 1, fail = RELEASE_TIMES_MAX + 1;

    if (asked->by_tenant) {
        budget_ahead(asked, plan);
        return 0;
    }
    int r = fits_times(core, asked, RELEASE_TIMES_MAX, &found);
    if (r == 0 && found.refused.scope == 0)
        fit = RELEASE_TIMES_MAX;
    for (first = found; r == 0 && fail - fit > 1 && fit < RELEASE_TIMES_MAX;) {
        const int64_t middle = fit + (fail - fit) / 2;
        r = fits_times(core, asked, middle, &found);
        if (found.refused.scope == 0) {
            fit = middle;
            continue;
        }
        fail = middle;
        first = found;
    }
    if (r != 0)
        return r;
    plan->times = fit;
    plan->first_scope = (int)first.refused.scope;
    plan->first_currency = first.refused.currency;
    return first_exhausted_name(core, &first, plan);
}

int asked_standing(struct core *core, const struct asked *asked, struct release_plan *plan)
{
    struct charge charge = charge_of(asked, 1);
    struct exhausted first = { 0 };

    plan->cohort = asked->device_count;
    plan->charged = asked->charged_count;
    plan->epochs = asked_epochs(asked);
    plan->loss = asked->loss;
    if (asked_is_paid(asked)) {
        plan->paid_by = asked->running->series.release_id;
        plan->would_pass = true;
        return budget_plan(core, asked, plan);
    }
    loss_add_times(&plan->tenant_loss, &asked->loss, plan->epochs);
    if (!asked_is_local(asked))
        plan->device_loss = plan->tenant_loss;
    int r = budget_plan(core, asked, plan);
    for (charge.epoch = asked->first_epoch; r == 0 && charge.epoch <= asked->last_epoch; charge.epoch++)
        r = epoch_plan(core, asked, &charge, plan, &first);
    if (r == 0)
        r = first_exhausted_name(core, &first, plan);
    if (r != 0)
        return r;
    plan->would_pass = !first.no_budget && first.refused.scope == 0;
    if (plan->would_pass)
        return plan_ahead(core, asked, plan);
    plan->first_scope = (int)first.refused.scope;
    if (asked->by_tenant && plan->first_scope == CHARGE_POOL)
        plan->first_scope = CHARGE_FILTER; /* the difference tells of others' reserves */
    plan->first_currency = first.refused.currency;
    r = exhausted_refuse(core, asked, &first, &plan->why);
    plan->refusal = r;
    return r < 0 ? r : 0;
}
