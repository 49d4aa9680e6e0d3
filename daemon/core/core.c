#include "daemon/core/filter_cap.h"
#include "daemon/core/core.h"

#include <errno.h>
#include <stdio.h>

#include "daemon/core/asking.h"
#include "daemon/core/budget.h"
#include "daemon/core/collect.h"
#include "daemon/core/directory.h"
#include "daemon/core/export.h"
#include "daemon/core/ledger.h"
#include "daemon/core/ports/clock.h"
#include "daemon/core/ports/store.h"
#include "daemon/core/rollout.h"
#include "daemon/core/schedule.h"
#include "daemon/core/transaction.h"

#define HOUSEKEEPING_MS      600000LL /* ten minutes */
#define HOUSEKEEPING_MORE_MS 1000     /* when a batch was not all */
#define EXPIRE_BATCH         1000u

static const char *const counter_names[COUNTERS] = {
    [COUNT_TELEMETRY_STORED] = "telemetry_stored",
    [COUNT_TELEMETRY_DUPLICATE] = "telemetry_duplicate",
    [COUNT_TELEMETRY_REFUSED] = "telemetry_refused",
    [COUNT_TELEMETRY_NO_POLICY] = "telemetry_no_policy",
    [COUNT_TELEMETRY_NO_GRANT] = "telemetry_no_grant",
    [COUNT_TELEMETRY_OUT_OF_POLICY] = "telemetry_out_of_policy",
    [COUNT_TELEMETRY_OVER_BUDGET] = "telemetry_over_budget",
    [COUNT_TELEMETRY_SUSPECT] = "telemetry_suspect",
    [COUNT_REPORT_REFUSED] = "report_refused",
    [COUNT_FETCH_REFUSED] = "fetch_refused",
    [COUNT_REGISTRATION_REFUSED] = "registration_refused",
    [COUNT_POLL_FAULT] = "poll_fault",
    [COUNT_RELEASE_REFUSED] = "release_refused",
    [COUNT_EXPORT_REFUSED] = "export_refused",
};

const char *counter_name(enum counter counter)
{
    return counter < COUNTERS ? counter_names[counter] : "";
}

/* Every charge and every reading is dated in epochs of this length: it is set once, for good. */
static int epoch_length_check(struct core *core, struct why *why)
{
    int64_t recorded;

    int r = core->store->fact_get(core->store, "epoch_ms", &recorded);
    if (r == 0 && recorded != core->settings.epoch_ms)
        return refuse(why, REFUSED_CONFLICT, "epoch", "set the epoch back to what it was",
                      "this registry counts in epochs of %lld ms, and %lld ms are set", (long long)recorded,
                      (long long)core->settings.epoch_ms);
    if (r != REFUSED_UNKNOWN)
        return r;
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    return transaction_end(core, core->store->fact_set(core->store, "epoch_ms", core->settings.epoch_ms));
}

static int parts_start(struct core *core)
{
    int r = asking_start(core);
    if (r == 0)
        r = fetch_start(core);
    if (r == 0)
        r = export_start(core);
    return r;
}

int core_start(struct core *core, struct why *why)
{
    int r = epoch_length_check(core, why);
    if (r != 0)
        return r;
    struct why problem = { .what = "" };
    r = ledger_check(core, &problem);
    if (r < 0)
        return r;
    core->ledger_broken = r > 0;
    snprintf(core->ledger_problem, sizeof(core->ledger_problem), "%s", problem.what);
    core->housekeeping_ms = 0;
    r = filter_cap_note(core);
    if (r != 0)
        return r;
    r = parts_start(core);
    if (r == 0)
        r = rollout_take_up(core);
    if (r != 0)
        core_stop(core);
    return r;
}

void core_stop(struct core *core)
{
    asking_stop(core);
    export_stop(core);
    fetch_stop(core);
}

/* Readings go by the ledger's time, which is kept with what went: were the clock to come back from ahead, releases
 * would else take what is left for all that there was. */
static int forget_old(struct core *core, int64_t now_ms, bool *out_more)
{
    int64_t ledger_ms, deleted = 0;

    int r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = core->store->paths_expire(core->store, now_ms);
    if (r == 0)
        r = ledger_peek_ms(core, &ledger_ms);
    if (r == 0)
        r = core->store->reading_expire(core->store, ledger_ms, EXPIRE_BATCH, &deleted);
    if (r == 0 && deleted > 0)
        r = ledger_now_ms(core, &ledger_ms);
    *out_more = deleted == EXPIRE_BATCH;
    return transaction_end(core, r);
}

/* What nobody waits for. */
static int housekeeping(struct core *core, int64_t now_ms, int64_t *out_next_ms)
{
    bool more_readings = false, more_exports = false;
    int r = 0;

    if (now_ms >= core->housekeeping_ms || now_ms < core->housekeeping_ms - HOUSEKEEPING_MS) { /* set back */
        r = forget_old(core, now_ms, &more_readings);
        if (r == 0)
            r = export_expire(core, now_ms, &more_exports);
        if (r == 0)
            r = directory_expire(core, now_ms);
        core->housekeeping_ms = now_ms + (more_readings || more_exports ? HOUSEKEEPING_MORE_MS : HOUSEKEEPING_MS);
    }
    *out_next_ms = core->housekeeping_ms;
    return r;
}

void core_note_fault(struct core *core, int r)
{
    if (r < 0 && core->late_fault == 0)
        core->late_fault = r;
}

int core_tick(struct core *core, int64_t *out_next_ms)
{
    static int (*const ticks[])(struct core *, int64_t, int64_t *) = { rollout_tick, collect_tick, schedule_tick,
                                                                       export_tick, housekeeping };
    int64_t now_ms = clock_now_ms(core->clock);
    int64_t next_ms = INT64_MAX;
    int first_fault = core->late_fault;

    core->late_fault = 0;
    /* A fault in one must not stop the others. */
    for (size_t i = 0; i < sizeof(ticks) / sizeof(ticks[0]); i++) {
        int64_t due_ms = INT64_MAX;
        int r = ticks[i](core, now_ms, &due_ms);
        if (r != 0 && first_fault == 0)
            first_fault = r > 0 ? -EPROTO : r; /* nobody is there to be refused */
        if (r == 0 && due_ms < next_ms)
            next_ms = due_ms;
    }
    *out_next_ms = next_ms;
    return first_fault;
}
