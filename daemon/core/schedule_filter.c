/* schedule_filter.c - how much of their filters the devices that a schedule asks have left. For those who may know: to
 * a tenant it tells of others.
 *
 * The store is asked whether a charge of so much would pass, as it is for a release, so that reserves, pool, odometers
 * and caps of their own epoch all have their say, and the amount is halved in on. */
#include <errno.h>
#include <stdlib.h>

#include "daemon/core/device.h"
#include "daemon/core/ledger.h"
#include "daemon/core/schedule_internal.h"

struct gathered {
    struct cohort cohort;
    size_t capacity;
};

static int gather(void *context, const struct device *device)
{
    struct gathered *all = context;
    struct cohort *cohort = &all->cohort;
    struct cohort_member one;

    if (cohort->device_count == COHORT_MAX)
        return REFUSED_TOO_LARGE;
    cohort_of_one(device->id, &one);
    cohort->device_count++;
    if (cohort->member_count > 0 && cohort->members[cohort->member_count - 1].chunk == one.chunk) {
        cohort->members[cohort->member_count - 1].devices |= one.devices;
        return 0;
    }
    if (cohort->member_count == all->capacity) {
        size_t capacity = all->capacity == 0 ? 64 : all->capacity * 2;
        struct cohort_member *grown = realloc(cohort->members, capacity * sizeof(*grown));
        if (grown == NULL)
            return -ENOMEM;
        cohort->members = grown;
        all->capacity = capacity;
    }
    cohort->members[cohort->member_count++] = one;
    return 0;
}

int schedule_cohort(struct core *core, const struct schedule *schedule, struct cohort *out)
{
    const struct cohort_query query = {
        .tenant_id = schedule->tenant_id, .selector = schedule->selector, .sensor = schedule->sensor, .slot = -1
    };
    struct gathered all = { 0 };

    int r = device_cohort(core, &query, gather, &all, NULL);
    if (r != 0) {
        free(all.cohort.members);
        return r < 0 ? r : 0; /* it asks nobody, or too many: its runs are refused for that */
    }
    *out = all.cohort;
    return 0;
}

/* Whether every device has room for it, whatever its tenant's budget says. */
static int fits(struct core *core, const struct charge *charge, bool *out)
{
    struct charge_refused refused;
    int64_t devices = 0;

    int r = core->store->charge_try(core->store, charge, 1, &refused, &devices);
    *out = devices == 0;
    return r < 0 ? r : 0;
}

/* The largest of *amount, a part of the charge's loss, from 0 to most that fits. */
static int halve(struct core *core, struct charge *charge, int64_t *amount, int64_t most, int64_t *out)
{
    int64_t low = 0, high = most;
    bool passes;

    for (int64_t tried = most; low < high; tried = low + (high - low + 1) / 2) {
        *amount = tried;
        int r = fits(core, charge, &passes);
        if (r != 0)
            return r;
        if (passes)
            low = tried;
        else
            high = tried - 1;
    }
    *amount = 1;
    *out = low;
    return 0;
}

int schedule_filter_room(struct core *core, int64_t tenant_id, const struct cohort *cohort, int64_t epoch,
                         const struct loss *most, struct loss *out)
{
    struct charge charge = {
        .cause = "release", .tenant_id = tenant_id, .cohort = cohort, .epoch = epoch, .loss = { .ueps = 1, .nrho = 1 }
    };

    *out = (struct loss){ 0 };
    /* as after its end, when all of it is unlocked */
    int r = ledger_caps(core, ledger_epoch_start_ms(core, epoch + 1), &charge);
    if (r == 0)
        r = halve(core, &charge, &charge.loss.ueps, most->ueps, &out->ueps);
    if (!charge.filter_cap.pure_only) /* Gaussian noise needs no epsilon to be left */
        charge.loss = (struct loss){ .nrho = 1, .impure = true };
    if (r == 0)
        r = halve(core, &charge, &charge.loss.nrho, most->nrho, &out->nrho);
    return r == REFUSED_UNKNOWN ? 0 : r; /* no budget: nothing passes anyway */
}
