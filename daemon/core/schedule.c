/* schedule.c - releases that are asked for again and again.
 *
 * Runs are due at the multiples of the interval, counted from the Unix epoch, so that the windows of one schedule never
 * overlap and, where the interval divides the epoch, never touch two epochs. A run is asked for by its tenant, through
 * release_create() like any other: grants, policy, budget and filters are looked at as they are then. Its request id is
 * made of schedule and due time. A crash between the answer's commit and the schedule's own leaves the run due, and the
 * next try is a replay.
 *
 * What was missed is not made up for, but for the newest: a daemon that comes back after a week would else spend the
 * budget of a day on old windows at once. A refusal is no reason to try again earlier: what refuses is an epoch's
 * filter, or something that only people can mend. */
#include "daemon/core/schedule.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/core/access.h"
#include "daemon/core/audit.h"
#include "daemon/core/budget.h"
#include "daemon/core/schedule_internal.h"
#include "daemon/core/texts.h"
#include "daemon/core/transaction.h"

#define RUNS_PER_TICK 16u

int64_t schedule_due_after(const struct schedule *schedule, int64_t unix_ms)
{
    return (unix_ms / schedule->every_ms + 1) * schedule->every_ms;
}

bool schedule_has_ended(const struct schedule *schedule)
{
    return schedule->until_ms != 0 && schedule->next_ms > schedule->until_ms;
}

bool schedule_is_local(const struct schedule *schedule)
{
    return strncmp(schedule->parameters, "source=local\n", 13) == 0; /* texts_read() puts it first */
}

/* "edges=0,10,20\n" and the like into the order; cuts the text up. */
static void parameters_fill(char *text, struct release_order *order)
{
    while (*text != '\0') {
        char *value = strchr(text, '='), *end = strchr(text, '\n');
        if (value == NULL || end == NULL || end < value)
            return;
        *value++ = *end = '\0';
        if (strcmp(text, "edges") == 0)
            order->edges = value;
        else if (strcmp(text, "at") == 0)
            order->at = value;
        else if (strcmp(text, "categories") == 0)
            order->categories = value;
        else if (strcmp(text, "by") == 0)
            order->by = value;
        else if (strcmp(text, "source") == 0)
            order->source = value;
        else if (strcmp(text, "top") == 0)
            integer_parse(value, 0, INT64_MAX, &order->top);
        else if (strcmp(text, "step_ms") == 0)
            integer_parse(value, 0, INT64_MAX, &order->step_ms);
        text = end + 1;
    }
}

/* The interval that ends with the run; of what is over its epoch so far, that until then. */
static void window_put(struct release_order *order, int64_t due_ms, int64_t every_ms)
{
    order->from_ms = release_is_running(order->query) ? 0 : due_ms - every_ms;
    order->to_ms = due_ms;
}

void schedule_run_fill(const struct schedule *schedule, int64_t due_ms, struct schedule_run *out)
{
    char due[32];

    time_format(due_ms, due);
    snprintf(out->request, sizeof(out->request), "schedule:%lld:%s", (long long)schedule->id, due);
    memcpy(out->parameters, schedule->parameters, sizeof(out->parameters));
    out->order = (struct release_order){
        .tenant = schedule->tenant,
        .query = schedule->query,
        .sensor = schedule->sensor,
        .selector = schedule->selector,
        .mechanism = schedule->mechanism[0] != '\0' ? schedule->mechanism : NULL,
        .loss = schedule->wanted,
        .request = out->request,
    };
    window_put(&out->order, due_ms, schedule->every_ms);
    parameters_fill(out->parameters, &out->order);
}

/* ---- orders ---- */

static int texts_read(const struct release_order *order, struct schedule *out, struct why *why)
{
    const char *const texts[] = { "source",  order->source, "edges",           order->edges, "at",
                                  order->at, "categories",  order->categories, "by",         order->by };
    int size = 0;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i += 2)
        if (texts[i + 1] != NULL && (size_t)size < sizeof(out->parameters))
            size += snprintf(out->parameters + size, sizeof(out->parameters) - (size_t)size, "%s=%s\n", texts[i],
                             texts[i + 1]);
    if (order->top != 0 && (size_t)size < sizeof(out->parameters))
        size += snprintf(out->parameters + size, sizeof(out->parameters) - (size_t)size, "top=%lld\n",
                         (long long)order->top);
    if (order->step_ms != 0 && (size_t)size < sizeof(out->parameters))
        size += snprintf(out->parameters + size, sizeof(out->parameters) - (size_t)size, "step_ms=%lld\n",
                         (long long)order->step_ms);
    if ((size_t)size >= sizeof(out->parameters))
        return refuse(why, REFUSED_TOO_LARGE, order->edges != NULL ? "edges" : "categories", "give fewer",
                      "a schedule has room for %zu bytes of them", sizeof(out->parameters) - 16);
    return 0;
}

static int order_read(const struct schedule_order *order, const struct tenant *tenant, int64_t now_ms,
                      struct schedule *out, struct why *why)
{
    const struct release_order *release = &order->release;

    *out = (struct schedule){ .tenant_id = tenant->id, .every_ms = order->every_ms, .until_ms = order->until_ms };
    if (order->every_ms < SCHEDULE_EVERY_MIN_MS || order->every_ms > SCHEDULE_EVERY_MAX_MS ||
        order->every_ms >= now_ms) /* a window from 0 on would be one from its epoch's start */
        return refuse(why, REFUSED_INVALID, "every", "as 1h or 1d", "a schedule runs every %lld s to %lld days",
                      SCHEDULE_EVERY_MIN_MS / 1000, SCHEDULE_EVERY_MAX_MS / 86400000);
    if (release_is_running(release->query) && release->step_ms > 0 && order->every_ms % release->step_ms != 0)
        return refuse(why, REFUSED_INVALID, "every", "as the step, or a multiple of it",
                      "running counts change as their steps end, and the schedule would run in between");
    out->created_ms = now_ms;
    out->next_ms = schedule_due_after(out, now_ms);
    if (schedule_has_ended(out))
        return refuse(why, REFUSED_INVALID, "until", NULL, "the schedule would end before its first run");
    text_copy(out->tenant, sizeof(out->tenant), tenant->name);
    out->wanted = release->loss;
    text_copy(out->query, sizeof(out->query), release->query != NULL ? release->query : "");
    text_copy(out->sensor, sizeof(out->sensor), release->sensor != NULL ? release->sensor : "");
    text_copy(out->selector, sizeof(out->selector), release->selector != NULL ? release->selector : "");
    text_copy(out->mechanism, sizeof(out->mechanism), release->mechanism != NULL ? release->mechanism : "");
    return texts_read(release, out, why);
}

/* As if the interval until now were asked. */
static int now_preview(struct core *core, const struct caller *caller, const struct schedule *schedule, int64_t now_ms,
                       struct release_plan *out, struct why *why)
{
    struct schedule_run run;

    schedule_run_fill(schedule, now_ms, &run);
    run.order.request = NULL;
    run.order.anew = true; /* running counts have one answer a step */
    return release_preview(core, caller, &run.order, out, why);
}

static int order_judge(struct core *core, const struct caller *caller, const struct schedule_order *order,
                       struct schedule *out, struct release_plan *out_now, struct why *why)
{
    struct tenant tenant;
    int64_t now_ms;

    int r = access_check(caller, CAN_RELEASE, why);
    if (r == 0)
        r = access_tenant(core, caller, order->release.tenant, &tenant, why);
    if (r == 0)
        r = ledger_peek_ms(core, &now_ms);
    if (r == 0)
        r = order_read(order, &tenant, now_ms, out, why);
    if (r != 0)
        return r;
    /* The order as it came, not what was copied of it: this refuses texts that are too long. */
    struct release_order release = order->release;
    release.tenant = tenant.name;
    window_put(&release, now_ms, order->every_ms);
    release.request = NULL;
    release.anew = true;
    release.error = NULL;
    r = release_preview(core, caller, &release, out_now, why);
    if (r == 0 && release.rho != NULL) /* which the preview has read without fault */
        r = fixed_parse(release.rho, 9, &out->wanted.nrho);
    if (r == 0)
        out->loss = out_now->loss;
    return r;
}

static int deed_record(struct core *core, const struct caller *caller, const char *deed,
                       const struct schedule *schedule)
{
    struct detail detail = DETAIL;
    char subject[96], amount[32], every[DURATION_SIZE];

    loss_amount_format(&schedule->loss, schedule->loss.impure ? LOSS_RHO : LOSS_EPSILON, amount);
    duration_words(schedule->every_ms, every);
    snprintf(subject, sizeof(subject), "schedule:%lld", (long long)schedule->id);
    detail_text(&detail, "query", schedule->query);
    detail_text(&detail, "sensor", schedule->sensor);
    detail_text(&detail, "selector", schedule->selector);
    detail_text(&detail, "every", every);
    detail_text(&detail, schedule->loss.impure ? "rho" : "epsilon", amount);
    return audit_append(core, caller, deed, subject, schedule->tenant_id, detail_end(&detail));
}

static int schedule_save(struct core *core, const struct caller *caller, struct schedule *schedule, struct why *why)
{
    int64_t count;

    int r = core->store->schedule_count(core->store, schedule->tenant_id, &count);
    if (r == 0 && count >= SCHEDULES_PER_TENANT_MAX)
        return refuse(why, REFUSED_TOO_LARGE, "tenant", "delete one: tinypartctl schedule list",
                      "tenant %s has %d schedules already", schedule->tenant, SCHEDULES_PER_TENANT_MAX);
    if (r == 0)
        r = core->store->schedule_insert(core->store, schedule);
    return r != 0 ? r : deed_record(core, caller, "schedule.create", schedule);
}

int schedule_create(struct core *core, const struct caller *caller, const struct schedule_order *order,
                    struct schedule *out, struct why *why)
{
    struct schedule schedule;
    struct release_plan now;

    int r = order_judge(core, caller, order, &schedule, &now, why);
    if (r == 0)
        r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = transaction_end(core, schedule_save(core, caller, &schedule, why));
    if (r == 0)
        *out = schedule;
    return r;
}

int schedule_preview(struct core *core, const struct caller *caller, const struct schedule_order *order,
                     struct schedule_plan *out, struct why *why)
{
    struct schedule_plan plan = { 0 };
    struct schedule schedule;

    int r = order_judge(core, caller, order, &schedule, &plan.now, why);
    if (r == 0)
        r = schedule_plan_fill(core, &schedule, schedule.created_ms, access_scope(caller) == 0, &plan);
    if (r == 0)
        *out = plan;
    return r;
}

/* ---- those that exist ---- */

static int find(struct core *core, const struct caller *caller, enum permission permission, int64_t id,
                struct schedule *out, struct why *why)
{
    int r = access_check(caller, permission, why);

    if (r != 0)
        return r;
    r = core->store->schedule_by_id(core->store, access_scope(caller), id, out);
    if (r == REFUSED_UNKNOWN)
        return refuse(why, REFUSED_UNKNOWN, "schedule", "tinypartctl schedule list shows those that you may see",
                      "there is no schedule %lld", (long long)id);
    return r;
}

int schedule_get(struct core *core, const struct caller *caller, int64_t id, struct schedule *out, struct why *why)
{
    return find(core, caller, CAN_SEE_RELEASES, id, out, why);
}

/* Whoever may see a schedule may see what its runs cost; who asks is its tenant. */
static struct caller tenant_caller(const struct schedule *schedule)
{
    struct caller caller = { .role = ROLE_TENANT, .tenant_id = schedule->tenant_id };

    snprintf(caller.name, sizeof(caller.name), "schedule:%lld", (long long)schedule->id);
    return caller;
}

int schedule_plan_get(struct core *core, const struct caller *caller, int64_t id, struct schedule_plan *out,
                      struct why *why)
{
    struct schedule_plan plan = { 0 };
    struct schedule schedule;
    int64_t now_ms = 0;

    int r = find(core, caller, CAN_SEE_RELEASES, id, &schedule, why);
    if (r == 0)
        r = ledger_peek_ms(core, &now_ms);
    if (r != 0)
        return r;
    struct caller asks = tenant_caller(&schedule);
    r = now_preview(core, &asks, &schedule, now_ms, &plan.now, &plan.now.why);
    if (r > 0)
        plan.now.refusal = r;
    if (r >= 0)
        r = schedule_plan_fill(core, &schedule, now_ms, access_scope(caller) == 0, &plan);
    if (r == 0)
        *out = plan;
    return r;
}

int schedule_list(struct core *core, const struct caller *caller, struct page page,
                  int (*each)(void *context, const struct schedule *schedule), void *context, struct why *why)
{
    int r = access_check(caller, CAN_SEE_RELEASES, why);

    return r != 0 ? r : core->store->schedule_each(core->store, access_scope(caller), page, each, context);
}

static int pause_do(struct core *core, const struct caller *caller, int64_t id, bool paused, struct schedule *out,
                    struct why *why)
{
    int64_t now_ms;

    int r = find(core, caller, CAN_RELEASE, id, out, why);
    if (r == 0)
        r = ledger_peek_ms(core, &now_ms);
    if (r != 0)
        return r;
    if (out->paused == paused)
        return refuse(why, REFUSED_CONFLICT, "schedule", NULL, "schedule %lld is %s already", (long long)id,
                      paused ? "paused" : "running");
    int64_t was_due_ms = out->next_ms;
    out->paused = paused;
    if (!paused)
        out->next_ms = schedule_due_after(out, now_ms);
    r = core->store->schedule_update(core->store, out, was_due_ms);
    return r != 0 ? r : deed_record(core, caller, paused ? "schedule.pause" : "schedule.resume", out);
}

int schedule_pause(struct core *core, const struct caller *caller, int64_t id, bool paused, struct schedule *out,
                   struct why *why)
{
    struct schedule schedule;

    int r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = transaction_end(core, pause_do(core, caller, id, paused, &schedule, why));
    if (r == 0)
        *out = schedule;
    return r;
}

int schedule_delete(struct core *core, const struct caller *caller, int64_t id, struct why *why)
{
    struct schedule schedule;

    int r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = find(core, caller, CAN_RELEASE, id, &schedule, why);
    if (r == 0)
        r = core->store->schedule_delete(core->store, id);
    if (r == 0)
        r = deed_record(core, caller, "schedule.delete", &schedule);
    return transaction_end(core, r);
}

/* ---- runs ---- */

/* The newest run that is due; those before it are missed. */
static int64_t newest_due(const struct schedule *schedule, int64_t now_ms)
{
    int64_t last_ms = schedule->until_ms != 0 && schedule->until_ms < now_ms ? schedule->until_ms : now_ms;
    int64_t due_ms = last_ms / schedule->every_ms * schedule->every_ms;

    return due_ms > schedule->next_ms ? due_ms : schedule->next_ms;
}

static int run_keep(struct core *core, const struct schedule *schedule, int64_t was_due_ms)
{
    int r = core->store->begin(core->store);

    if (r != 0)
        return r;
    r = transaction_end(core, core->store->schedule_update(core->store, schedule, was_due_ms));
    return r > 0 ? 0 : r; /* gone, or moved on: nothing to keep */
}

static int run_one(struct core *core, const struct schedule *was, int64_t now_ms)
{
    const int64_t due_ms = newest_due(was, now_ms);
    struct caller caller = tenant_caller(was);
    struct schedule schedule = *was;
    struct schedule_run run;
    struct release release;
    struct why why = { .what = "" };

    schedule_run_fill(was, due_ms, &run);
    int r = release_create(core, &caller, &run.order, &release, &why);
    if (r < 0)
        return r;
    schedule.missed += (due_ms - was->next_ms) / was->every_ms;
    schedule.next_ms = due_ms + was->every_ms;
    schedule.last_ms = due_ms;
    schedule.problem[0] = '\0';
    if (r == 0) {
        schedule.runs++;
        schedule.release_id = release.id;
        if (release.loss.nrho > 0) /* else it was paid before */
            schedule.loss = release.loss;
    } else {
        schedule.refused++;
        snprintf(schedule.problem, sizeof(schedule.problem), "%.*s", REASON_SIZE - 1, why.what);
    }
    return run_keep(core, &schedule, was->next_ms);
}

struct runs {
    struct core *core;
    int64_t now_ms;
    unsigned count;
    int fault;
};

/* One that fails must not stop the others. */
static int run_each(void *context, const struct schedule *schedule)
{
    struct runs *runs = context;

    int r = run_one(runs->core, schedule, runs->now_ms);
    if (r != 0 && runs->fault == 0)
        runs->fault = r;
    runs->count++;
    return 0;
}

int schedule_tick(struct core *core, int64_t now_ms, int64_t *out_next_ms)
{
    struct runs runs = { .core = core };

    int r = ledger_peek_ms(core, &runs.now_ms);
    if (r == 0)
        r = core->store->schedules_due(core->store, runs.now_ms, RUNS_PER_TICK, run_each, &runs);
    if (r == 0)
        r = runs.fault;
    if (r != 0)
        return r;
    if (runs.count == RUNS_PER_TICK) {
        *out_next_ms = now_ms;
        return 0;
    }
    r = core->store->schedule_next_due(core->store, out_next_ms);
    if (r == REFUSED_UNKNOWN) {
        *out_next_ms = INT64_MAX;
        return 0;
    }
    return r;
}
