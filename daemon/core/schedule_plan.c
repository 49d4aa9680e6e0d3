/* schedule_plan.c - what is scheduled for a tenant, let run ahead on paper: what it costs, and what refuses first.
 *
 * Budgets and filters begin anew with every epoch. So what holds for the present epoch, with what is spent of it, and
 * for the two whole ones after it, holds for all that follow. The tenant's budget is looked at as it stands. The
 * filters are for those who are no tenant's: how full they are tells of others. A tenant's plan goes by caps and
 * reserves alone, and what is full already shows in `now` as far as a refused release shows it. */
#include <errno.h>
#include <stdlib.h>

#include "daemon/core/ledger.h"
#include "daemon/core/schedule_internal.h"

#define RUNS_LOOKED_AT 5000 /* each asks the store for its epochs' terms */
#define EPOCHS_AHEAD   3    /* the present one included */

struct ahead {
    struct core *core;
    const struct schedule *planned;
    int64_t now_ms;
    struct schedule all[SCHEDULES_PER_TENANT_MAX + 1];
    int64_t runs[SCHEDULES_PER_TENANT_MAX + 1];
    int64_t paid_epoch[SCHEDULES_PER_TENANT_MAX + 1]; /* of running counts: for which all of it is charged; else -1 */
    size_t count;
    int64_t first_epoch, end_ms;
    int64_t epoch_count;
    struct loss *budget, *filter; /* spent, by epoch */
};

static void ahead_free(struct ahead *ahead)
{
    if (ahead == NULL)
        return;
    free(ahead->budget);
    free(ahead->filter);
    free(ahead);
}

static void ahead_freep(struct ahead **ahead)
{
    ahead_free(*ahead);
}

/* The epoch whose running counts its newest run was answered from, and so were paid for. */
static int64_t paid_already(const struct ahead *ahead, const struct schedule *schedule)
{
    const bool answered = schedule->last_ms > 0 && schedule->problem[0] == '\0';

    return release_is_running(schedule->query) && answered ? ledger_epoch(ahead->core, schedule->last_ms - 1) : -1;
}

/* From now on: a run that is due this very moment is left out. */
static void take(struct ahead *ahead, const struct schedule *schedule)
{
    struct schedule *taken = &ahead->all[ahead->count];

    ahead->paid_epoch[ahead->count++] = paid_already(ahead, schedule);
    *taken = *schedule;
    if (taken->next_ms <= ahead->now_ms)
        taken->next_ms = schedule_due_after(taken, ahead->now_ms);
}

static int add_schedule(void *context, const struct schedule *schedule)
{
    struct ahead *ahead = context;

    if (schedule->id == ahead->planned->id || schedule->paused || schedule_has_ended(schedule))
        return 0;
    if (ahead->count == SCHEDULES_PER_TENANT_MAX)
        return -EPROTO;
    take(ahead, schedule);
    return 0;
}

static int64_t longest(const struct ahead *ahead)
{
    int64_t most = 0;

    for (size_t i = 0; i < ahead->count; i++)
        if (ahead->all[i].every_ms > most)
            most = ahead->all[i].every_ms;
    return most;
}

static int budget_begin(struct ahead *ahead, int64_t present_epoch)
{
    struct store *store = ahead->core->store;
    struct charge_standing standing;

    for (int64_t epoch = ahead->first_epoch; epoch <= present_epoch; epoch++) {
        int r = store->budget_standing(store, ahead->planned->tenant_id, epoch, &standing);
        if (r < 0)
            return r;
        if (r == 0)
            ahead->budget[epoch - ahead->first_epoch] = standing.spent;
    }
    return 0;
}

static int ahead_new(struct core *core, const struct schedule *planned, int64_t now_ms, struct ahead **out)
{
    struct ahead *ahead = calloc(1, sizeof(*ahead));
    int64_t present = ledger_epoch(core, now_ms);

    if (ahead == NULL)
        return -ENOMEM;
    ahead->core = core;
    ahead->planned = planned;
    ahead->now_ms = now_ms;
    int r =
        core->store->schedule_each(core->store, planned->tenant_id, (struct page){ 0, PAGE_MAX }, add_schedule, ahead);
    take(ahead, planned);
    ahead->end_ms = ledger_epoch_start_ms(core, present + EPOCHS_AHEAD);
    if (ahead->end_ms < now_ms + 2 * longest(ahead))
        ahead->end_ms = now_ms + 2 * longest(ahead);
    ahead->first_epoch = now_ms > longest(ahead) ? ledger_epoch(core, now_ms - longest(ahead)) : 0;
    ahead->epoch_count = ledger_epoch(core, ahead->end_ms) - ahead->first_epoch + 1;
    ahead->budget = calloc((size_t)ahead->epoch_count, sizeof(*ahead->budget));
    ahead->filter = calloc((size_t)ahead->epoch_count, sizeof(*ahead->filter));
    if (r == 0 && (ahead->budget == NULL || ahead->filter == NULL))
        r = -ENOMEM;
    if (r == 0)
        r = budget_begin(ahead, present);
    if (r != 0)
        ahead_free(ahead);
    else
        *out = ahead;
    return r;
}

/* What of a device's filter the tenant of a charge can draw on. */
static struct loss_caps drawable(const struct charge *charge)
{
    struct loss_caps caps = charge->pool_cap;

    if (!charge->has_reserves)
        return charge->filter_now;
    caps.ueps += charge->reserve.ueps;
    caps.nrho = caps.nrho >= LOSS_MAX ? LOSS_MAX : caps.nrho + charge->reserve.nrho;
    caps.delta += charge->reserve.delta;
    return loss_caps_lower(&caps, &charge->filter_cap);
}

static int caps_of(const struct ahead *ahead, int64_t epoch, int64_t when_ms, struct loss_caps *out_budget,
                   struct loss_caps *out_filter)
{
    struct cohort_member member;
    struct cohort cohort = cohort_of_one(1, &member); /* caps are the same for every device */
    struct charge charge = { .tenant_id = ahead->planned->tenant_id, .cohort = &cohort, .epoch = epoch };

    *out_budget = *out_filter = (struct loss_caps){ 0 };
    int r = ledger_caps(ahead->core, when_ms, &charge);
    if (r != 0)
        return r == REFUSED_UNKNOWN ? 0 : r; /* no budget: nothing passes */
    *out_budget = loss_caps_lower(&charge.budget_cap, &charge.budget_now);
    *out_filter = drawable(&charge);
    return 0;
}

/* Whatever of a filter is not left, by the epoch's end, for all that is scheduled is taken as spent. */
static int filter_begin(struct ahead *ahead, int64_t present_epoch, const struct loss *whole_epoch)
{
    struct cohort cohort = { 0 };
    struct loss_caps budget, filter;
    struct loss enough = { 0 };

    loss_add_times(&enough, whole_epoch, 2); /* not every epoch is touched by as many runs */
    int r = schedule_cohort(ahead->core, ahead->planned, &cohort);
    for (int64_t epoch = ahead->first_epoch; r == 0 && cohort.device_count > 0 && epoch <= present_epoch; epoch++) {
        struct loss most = enough, room, *spent = &ahead->filter[epoch - ahead->first_epoch];
        r = caps_of(ahead, epoch, ledger_epoch_start_ms(ahead->core, epoch + 1), &budget, &filter);
        if (r != 0)
            break;
        most.ueps = most.ueps < filter.ueps ? most.ueps : filter.ueps;
        most.nrho = most.nrho < filter.nrho ? most.nrho : filter.nrho;
        r = schedule_filter_room(ahead->core, ahead->planned->tenant_id, &cohort, epoch, &most, &room);
        spent->ueps = filter.ueps - room.ueps;
        spent->nrho = filter.nrho >= LOSS_MAX ? 0 : filter.nrho - room.nrho;
    }
    free(cohort.members);
    return r;
}

static void dry_note(struct schedule_dry *dry, const struct ahead *ahead, size_t which, int64_t due_ms, int64_t epoch,
                     enum loss_currency currency)
{
    if (dry->dries || currency == LOSS_NONE)
        return;
    *dry = (struct schedule_dry){ true, currency, ahead->all[which].id, ahead->runs[which], due_ms, epoch };
}

/* One run: refused whole where one epoch refuses it, like the real one. */
static int run_ahead(struct ahead *ahead, size_t which, struct schedule_plan *plan)
{
    const struct schedule *schedule = &ahead->all[which];
    const int64_t due_ms = schedule->next_ms;
    const int64_t last = ledger_epoch(ahead->core, due_ms - 1);
    const bool is_running = release_is_running(schedule->query);
    const int64_t first = is_running ? last : ledger_epoch(ahead->core, due_ms - schedule->every_ms);
    bool refused = false;

    ahead->runs[which]++;
    if (is_running && ahead->paid_epoch[which] == last)
        return 0;
    for (int64_t epoch = first; epoch <= last; epoch++) {
        struct loss_caps budget, filter;
        size_t at = (size_t)(epoch - ahead->first_epoch);
        int r = caps_of(ahead, epoch, due_ms, &budget, &filter);
        if (r != 0)
            return r;
        enum loss_currency no_budget = loss_fits(&ahead->budget[at], &schedule->loss, &budget);
        enum loss_currency no_filter =
            schedule_is_local(schedule) ? LOSS_NONE : loss_fits(&ahead->filter[at], &schedule->loss, &filter);
        dry_note(&plan->budget, ahead, which, due_ms, epoch, no_budget);
        dry_note(&plan->filter, ahead, which, due_ms, epoch, no_filter);
        refused |= no_budget != LOSS_NONE || no_filter != LOSS_NONE;
    }
    for (int64_t epoch = first; !refused && epoch <= last; epoch++) {
        loss_add(&ahead->budget[epoch - ahead->first_epoch], &schedule->loss);
        if (!schedule_is_local(schedule))
            loss_add(&ahead->filter[epoch - ahead->first_epoch], &schedule->loss);
    }
    if (is_running && !refused)
        ahead->paid_epoch[which] = last;
    return 0;
}

static bool next_run(const struct ahead *ahead, size_t *out)
{
    bool found = false;

    for (size_t i = 0; i < ahead->count; i++) {
        const struct schedule *schedule = &ahead->all[i];
        if (schedule->next_ms > ahead->end_ms || schedule_has_ended(schedule))
            continue;
        if (!found || schedule->next_ms < ahead->all[*out].next_ms)
            *out = i;
        found = true;
    }
    return found;
}

/* How many windows of an interval touch one whole epoch. */
static int64_t runs_touching(const struct core *core, const struct schedule *schedule, int64_t epoch)
{
    int64_t start_ms = ledger_epoch_start_ms(core, epoch), end_ms = ledger_epoch_start_ms(core, epoch + 1);

    if (release_is_running(schedule->query)) /* due times d with start < d <= end */
        return end_ms / schedule->every_ms - start_ms / schedule->every_ms;
    /* due times d with d > start and d - every < end */
    return (end_ms + schedule->every_ms - 1) / schedule->every_ms - start_ms / schedule->every_ms;
}

static int costs(const struct ahead *ahead, int64_t present_epoch, struct schedule_plan *plan)
{
    for (size_t i = 0; i < ahead->count; i++) {
        bool ended = schedule_has_ended(&ahead->all[i]);
        int64_t runs = ended ? 0 : runs_touching(ahead->core, &ahead->all[i], present_epoch + 1);
        int64_t paid = release_is_running(ahead->all[i].query) && runs > 1 ? 1 : runs; /* its first of an epoch */
        loss_add_times(&plan->all_per_epoch, &ahead->all[i].loss, paid);
        if (i + 1 == ahead->count) {
            plan->runs_per_epoch = runs;
            loss_add_times(&plan->per_epoch, &ahead->all[i].loss, paid);
        }
    }
    return caps_of(ahead, present_epoch + 1, ledger_epoch_start_ms(ahead->core, present_epoch + 2), &plan->budget_cap,
                   &plan->filter_cap);
}

int schedule_plan_fill(struct core *core, const struct schedule *schedule, int64_t now_ms, bool sees_filters,
                       struct schedule_plan *out)
{
    __attribute__((cleanup(ahead_freep))) struct ahead *ahead = NULL;
    size_t which = 0;

    int r = ahead_new(core, schedule, now_ms, &ahead);
    if (r == 0 && out->now.cohort > 0) /* somebody may have begun its series without a schedule */
        ahead->paid_epoch[ahead->count - 1] = out->now.paid_by != 0 ? ledger_epoch(core, now_ms - 1) : -1;
    if (r == 0)
        r = costs(ahead, ledger_epoch(core, now_ms), out);
    if (r == 0 && sees_filters)
        r = filter_begin(ahead, ledger_epoch(core, now_ms), &out->all_per_epoch);
    if (r != 0)
        return r;
    out->filter_as_spent = sees_filters;
    out->looked_until_ms = ahead->end_ms;
    for (int runs = 0; r == 0 && next_run(ahead, &which); runs++) {
        if (runs == RUNS_LOOKED_AT || (out->budget.dries && out->filter.dries)) {
            out->looked_until_ms = ahead->all[which].next_ms - 1;
            break;
        }
        r = run_ahead(ahead, which, out);
        ahead->all[which].next_ms += ahead->all[which].every_ms;
    }
    return r;
}
