/* release_charge.c - what a release costs: its epsilon, in every epoch of its window, to the filter (and the odometer)
 * of every device asked, and once to its tenant's budget. Either all of that is charged or nothing (I2). */
#include <errno.h>
#include <stdio.h>

#include "daemon/base/text.h"
#include "daemon/core/ledger.h"
#include "daemon/core/release_internal.h"

static int budget_charge(struct core *core, const struct asked *asked, struct charge *charge)
{
    struct charge_standing standing;

    int r = ledger_budget(core, asked->tenant.id, charge->epoch, asked->present_epoch, &standing);
    if (r != 0)
        return r;
    if (!ledger_fits(&standing, charge->ueps))
        return REFUSED_EXHAUSTED;
    charge->tenant_id = asked->tenant.id;
    charge->device_id = 0;
    charge->cap_ueps = standing.cap_ueps;
    return core->store->charge(core->store, charge, NULL);
}

int asked_charge(struct core *core, const struct asked *asked, int64_t release_id, struct exhausted *out)
{
    struct charge charge = { .cause = "release", .cause_id = release_id, .ueps = asked->ueps };

    *out = (struct exhausted){ 0 };
    for (charge.epoch = asked->first_epoch; charge.epoch <= asked->last_epoch; charge.epoch++) {
        int r = budget_charge(core, asked, &charge);
        if (r == REFUSED_UNKNOWN || r == REFUSED_EXHAUSTED)
            *out = (struct exhausted){ r == REFUSED_UNKNOWN ? EXHAUSTED_NO_BUDGET : EXHAUSTED_BUDGET, charge.epoch, 0 };
        if (r != 0)
            return r == REFUSED_UNKNOWN ? REFUSED_EXHAUSTED : r;
    }
    charge.tenant_id = 0;
    charge.cap_ueps = core->settings.filter_cap_ueps;
    for (int64_t i = 0; i < asked->device_count; i++) {
        charge.device_id = asked->devices[i];
        for (charge.epoch = asked->first_epoch; charge.epoch <= asked->last_epoch; charge.epoch++) {
            int r = core->store->charge(core->store, &charge, NULL);
            if (r == REFUSED_EXHAUSTED)
                *out = (struct exhausted){ EXHAUSTED_DEVICE, charge.epoch, charge.device_id };
            if (r != 0)
                return r;
        }
    }
    return 0;
}

/* "<whose> for epoch <name> has spent 0.9 of 1 and this asks 0.2 more; ..." standing NULL: without the amounts. */
static int standing_refuse(const struct core *core, const struct asked *asked, const char *whose, const char *where,
                           int64_t epoch, const struct charge_standing *standing, struct why *why)
{
    static const char todo[] =
        "ask with a smaller epsilon, or for the data of another epoch; --dry-run tells beforehand";
    char name[32], spent[32], cap[32], more[32], next[32];

    ledger_epoch_name(core, epoch, name);
    time_format(ledger_epoch_start_ms(core, epoch + 1), next);
    fixed_format(asked->ueps, 6, more);
    if (standing == NULL)
        return refuse(why, REFUSED_EXHAUSTED, where, todo,
                      "%s for epoch %s has not the %s left that this asks; data of the next epoch, from %s on, has its "
                      "own",
                      whose, name, more, next);
    fixed_format(standing->spent_ueps, 6, spent);
    fixed_format(standing->cap_ueps, 6, cap);
    return refuse(
        why, REFUSED_EXHAUSTED, where, todo,
        "%s for epoch %s has spent %s of %s and this asks %s more; data of the next epoch, from %s on, has its own",
        whose, name, spent, cap, more, next);
}

static int life_refuse(const struct asked *asked, const struct device *device, struct why *why)
{
    static const char todo[] = "leave the device out by its labels";
    char spent[32], cap[32], more[32];

    fixed_format(asked->ueps * asked_epochs(asked), 6, more);
    if (asked->by_tenant)
        return refuse(why, REFUSED_EXHAUSTED, "device", todo,
                      "device %s has not the %s left of its whole life that this asks; that does not renew",
                      device->name, more);
    fixed_format(device->life_spent_ueps, 6, spent);
    fixed_format(device->life_cap_ueps, 6, cap);
    return refuse(why, REFUSED_EXHAUSTED, "device", todo,
                  "device %s has spent %s of the %s that it may lose in its whole life and this asks %s more; that "
                  "does not renew",
                  device->name, spent, cap, more);
}

/* What a device has lost is what all tenants asked of it: a tenant is told that it is too much, not how much it is. */
static int device_refuse(struct core *core, const struct asked *asked, const struct exhausted *exhausted,
                         struct why *why)
{
    struct charge_standing standing;
    struct device device;
    char whose[NAME_SIZE + 32];

    int r = core->store->device_by_id(core->store, exhausted->device_id, &device);
    if (r == 0)
        r = ledger_filter(core, device.id, exhausted->epoch, &standing);
    if (r != 0)
        return r;
    if (ledger_fits(&standing, asked->ueps)) /* then it was the odometer that refused */
        return life_refuse(asked, &device, why);
    snprintf(whose, sizeof(whose), "the filter of device %s", device.name);
    return standing_refuse(core, asked, whose, "device", exhausted->epoch, asked->by_tenant ? NULL : &standing, why);
}

static int budget_refuse(struct core *core, const struct asked *asked, const struct exhausted *exhausted,
                         struct why *why)
{
    struct charge_standing standing;
    char whose[NAME_SIZE + 32];

    int r = ledger_budget(core, asked->tenant.id, exhausted->epoch, asked->present_epoch, &standing);
    if (r != 0)
        return r;
    snprintf(whose, sizeof(whose), "the budget of tenant %s", asked->tenant.name);
    return standing_refuse(core, asked, whose, "tenant", exhausted->epoch, &standing, why);
}

int exhausted_refuse(struct core *core, const struct asked *asked, const struct exhausted *exhausted, struct why *why)
{
    switch (exhausted->kind) {
    case EXHAUSTED_NOTHING:
        break;
    case EXHAUSTED_NO_BUDGET:
        return refuse(why, REFUSED_EXHAUSTED, "tenant", "have one set: tinypartctl budget set",
                      "tenant %s has no budget, so nothing can be released to it", asked->tenant.name);
    case EXHAUSTED_BUDGET:
        return budget_refuse(core, asked, exhausted, why);
    case EXHAUSTED_DEVICE:
        return device_refuse(core, asked, exhausted, why);
    }
    return -EINVAL; /* nothing refused */
}

/* Remembers the first obstacle only. */
static void note(struct exhausted *first, enum exhausted_kind kind, int64_t epoch, int64_t device_id)
{
    if (first->kind == EXHAUSTED_NOTHING)
        *first = (struct exhausted){ kind, epoch, device_id };
}

static int budget_plan(struct core *core, const struct asked *asked, struct release_plan *plan, struct exhausted *first)
{
    struct charge_standing standing;

    plan->tenant_left_ueps = INT64_MAX;
    for (int64_t epoch = asked->first_epoch; epoch <= asked->last_epoch; epoch++) {
        int r = ledger_budget(core, asked->tenant.id, epoch, asked->present_epoch, &standing);
        if (r == REFUSED_UNKNOWN) {
            plan->tenant_left_ueps = 0;
            note(first, EXHAUSTED_NO_BUDGET, epoch, 0);
            return 0;
        }
        if (r != 0)
            return r;
        int64_t left = standing.cap_ueps > standing.spent_ueps ? standing.cap_ueps - standing.spent_ueps : 0;
        if (left < plan->tenant_left_ueps)
            plan->tenant_left_ueps = left;
        if (left < asked->ueps)
            note(first, EXHAUSTED_BUDGET, epoch, 0);
    }
    return 0;
}

static int device_plan(struct core *core, const struct asked *asked, const struct device *device,
                       struct release_plan *plan, struct exhausted *first)
{
    struct charge_standing life = { device->life_spent_ueps, device->life_cap_ueps };
    struct charge_standing standing;
    int64_t refuses_at = -1;

    if (device->life_cap_ueps > 0 && !ledger_fits(&life, plan->ueps_per_device))
        refuses_at = asked->last_epoch;
    for (int64_t epoch = asked->last_epoch; epoch >= asked->first_epoch; epoch--) {
        int r = ledger_filter(core, device->id, epoch, &standing);
        if (r != 0)
            return r;
        if (!ledger_fits(&standing, asked->ueps))
            refuses_at = epoch;
    }
    if (refuses_at < 0)
        return 0;
    if (plan->exhausted_devices++ == 0)
        snprintf(plan->first_exhausted, sizeof(plan->first_exhausted), "%s", device->name);
    note(first, EXHAUSTED_DEVICE, refuses_at, device->id);
    return 0;
}

int asked_standing(struct core *core, const struct asked *asked, struct release_plan *plan)
{
    struct exhausted first = { 0 };
    struct device device;

    plan->cohort = asked->device_count;
    plan->epochs = asked_epochs(asked);
    plan->ueps_per_device = plan->tenant_ueps = asked->ueps * plan->epochs; /* both bounded: no overflow */
    int r = budget_plan(core, asked, plan, &first);
    for (int64_t i = 0; r == 0 && i < asked->device_count; i++) {
        r = core->store->device_by_id(core->store, asked->devices[i], &device);
        if (r == 0)
            r = device_plan(core, asked, &device, plan, &first);
    }
    if (r != 0)
        return r;
    plan->would_pass = first.kind == EXHAUSTED_NOTHING;
    if (plan->would_pass)
        return 0;
    r = exhausted_refuse(core, asked, &first, &plan->why);
    plan->refusal = r;
    return r < 0 ? r : 0;
}
