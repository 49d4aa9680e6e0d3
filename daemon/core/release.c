/* release.c - one noised answer, from the request to the commit.
 *
 * Everything between begin and commit is one transaction: the ledger's time, the charges, the aggregate, the noise, the
 * answer, the audit entry and what waits for the tenant's sinks. If any of it fails, none of it was (I2), and no answer
 * leaves before the commit has returned (I1). Noise is drawn once; what was answered is stored, never a seed, and
 * asking again gives the stored bytes (I3).
 *
 * A refusal is decided by the request, the registry and the ledger, never by readings: its words may be shown to anyone
 * whose devices it names. */
#include "daemon/core/release.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/buffer.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "daemon/core/access.h"
#include "daemon/core/audit.h"
#include "daemon/core/budget.h"
#include "daemon/core/export.h"
#include "daemon/core/release_internal.h"
#include "daemon/core/release_running.h"
#include "daemon/core/texts.h"
#include "daemon/core/transaction.h"

static void release_fill(const struct asked *asked, const struct release_order *order, struct release *out)
{
    memset(out, 0, sizeof(*out));
    out->tenant_id = asked->tenant.id;
    out->from_ms = asked->from_ms;
    out->to_ms = asked->to_ms;
    out->loss = asked_is_paid(asked) ? (struct loss){ 0 } : asked->loss;
    snprintf(out->mechanism, sizeof(out->mechanism), "%s", mechanism_name(asked->mechanism));
    snprintf(out->parameters, sizeof(out->parameters), "%s", asked->parameters_text);
    out->policy_version = asked->policy.version;
    out->cohort = asked->device_count;
    out->created_ms = asked->now_ms;
    snprintf(out->request, sizeof(out->request), "%s", asked->request);
    snprintf(out->tenant, sizeof(out->tenant), "%s", asked->tenant.name);
    snprintf(out->query, sizeof(out->query), "%s", order->query);
    snprintf(out->sensor, sizeof(out->sensor), "%s", asked->policy.sensor);
    snprintf(out->selector, sizeof(out->selector), "%s", asked->selector);
}

/* An answer must reach every sink of its tenant: without room for it, nothing is charged. */
static int room_check(struct core *core, const struct asked *asked, struct why *why)
{
    unsigned sinks, open;

    int r = export_room(core, asked->tenant.id, &sinks, &open);
    if (r == 0 && open < sinks)
        return refuse(why, REFUSED_BUSY, "sink", "mend the sink, or delete it",
                      "the outbox of a sink of tenant %s is full: its receiver has not taken deliveries for long",
                      asked->tenant.name);
    return r;
}

static int release_record(struct core *core, const struct caller *caller, const struct release *release)
{
    struct detail detail = DETAIL;
    char subject[96], epsilon[32], rho[32];

    fixed_format(release->loss.ueps, 6, epsilon);
    fixed_format(release->loss.nrho, 9, rho);
    snprintf(subject, sizeof(subject), "release:%lld", (long long)release->id);
    detail_text(&detail, "request", release->request);
    detail_text(&detail, "query", release->query);
    detail_text(&detail, "sensor", release->sensor);
    detail_text(&detail, "selector", release->selector);
    detail_text(&detail, "epsilon", epsilon);
    detail_text(&detail, "rho", rho);
    detail_number(&detail, "cohort", release->cohort);
    return audit_append(core, caller, "release.create", subject, release->tenant_id, detail_end(&detail));
}

static int release_answer(struct core *core, struct asked *asked, struct release *out)
{
    int r = asked_totals(core, asked);
    if (r == 0)
        r = noise_add(core, asked);
    if (r == 0 && query_is_shared(asked->query))
        r = shared_keep(core, asked, out->id);
    if (r == 0 && query_is_running(asked->query))
        r = running_keep(core, asked, out->id);
    if (r == 0)
        r = release_answer_write(asked, out->id, asked->document, RELEASE_ANSWER_MAX + 1, &asked->document_size);
    if (r != 0)
        return r;
    out->answer_size = asked->document_size;
    if (out->answer_size < sizeof(out->answer))
        memcpy(out->answer, asked->document, out->answer_size + 1);
    return core->store->release_answer(core->store, out->id, asked->document, asked->document_size);
}

/* What is there already of an answer whose noise may have been drawn before. */
static int known_find(struct core *core, struct asked *asked, struct why *why)
{
    if (query_is_shared(asked->query))
        return shared_find(core, asked, why);
    return query_is_running(asked->query) ? running_find(core, asked, why) : 0;
}

static int release_make(struct core *core, const struct caller *caller, const struct release_order *order,
                        struct asked *asked, struct release *out, struct exhausted *exhausted, struct why *why)
{
    int r = asked_check(core, asked, why);
    if (r == 0)
        r = parameters_read(order, asked, why);
    if (r == 0 && !query_is_running(asked->query))
        r = asked_cohort(core, asked, why);
    if (r == 0)
        r = asked_noise(asked, why);
    if (r == 0)
        r = known_find(core, asked, why);
    if (r == 0)
        r = running_ready(asked, why);
    if (r == 0)
        r = room_check(core, asked, why);
    if (r != 0)
        return r;
    asked->document = malloc(RELEASE_ANSWER_MAX + 1);
    if (asked->document == NULL)
        return -ENOMEM;
    release_fill(asked, order, out);
    r = core->store->release_insert(core->store, out, asked->hash);
    if (r == 0)
        r = asked_charge(core, asked, out->id, exhausted);
    if (r == 0)
        r = release_answer(core, asked, out);
    if (r == 0)
        r = release_record(core, caller, out);
    if (r == 0)
        r = export_queue(core, asked->tenant.id, "release", out->id, bytes_view(asked->document, asked->document_size));
    return r;
}

/* Within the transaction. *out_is_replay: there is nothing to commit. */
static int release_do(struct core *core, const struct caller *caller, const struct tenant *tenant,
                      const struct release_order *order, struct asked *asked, struct release *out, bool *out_is_replay,
                      struct exhausted *exhausted, struct why *why)
{
    int64_t now_ms;

    int r = ledger_now_ms(core, &now_ms);
    if (r == 0)
        r = asked_read(core, tenant, order, now_ms, asked, out, out_is_replay, why);
    if (r != 0 || *out_is_replay)
        return r;
    return release_make(core, caller, order, asked, out, exhausted, why);
}

static int release_run(struct core *core, const struct caller *caller, const struct tenant *tenant,
                       const struct release_order *order, struct asked *asked, struct release *out, struct why *why)
{
    struct exhausted exhausted = { 0 };
    bool is_replay = false;

    int r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = release_do(core, caller, tenant, order, asked, out, &is_replay, &exhausted, why);
    if (r == 0 && is_replay)
        core->store->rollback(core->store);
    else
        r = transaction_end(core, r);
    if (r == REFUSED_EXHAUSTED && (exhausted.no_budget || exhausted.refused.scope != 0))
        r = exhausted_refuse(core, asked, &exhausted, why);
    out->replayed = is_replay;
    return r;
}

/* A struct asked holds a whole policy: off the stack of whoever calls. */
static struct asked *asked_new(void)
{
    return calloc(1, sizeof(struct asked));
}

static void asked_freep(struct asked **asked)
{
    if (*asked != NULL)
        asked_deinit(*asked);
    free(*asked);
}

static int access_release(struct core *core, const struct caller *caller, const struct release_order *order,
                          struct tenant *out, struct why *why)
{
    int r = access_check(caller, CAN_RELEASE, why);

    return r != 0 ? r : access_tenant(core, caller, order->tenant, out, why);
}

int release_create(struct core *core, const struct caller *caller, const struct release_order *order,
                   struct release *out, struct why *why)
{
    __attribute__((cleanup(asked_freep))) struct asked *asked = asked_new();
    struct tenant tenant;
    struct release release;

    if (asked == NULL)
        return -ENOMEM;
    if (order->error != NULL)
        return refuse(why, REFUSED_INVALID, "error", "ask for a preview, and then with what it says",
                      "only a preview takes a wanted error");
    asked->by_tenant = access_scope(caller) != 0;
    int r = access_release(core, caller, order, &tenant, why);
    if (r == 0)
        r = release_run(core, caller, &tenant, order, asked, &release, why);
    if (r > 0)
        core->counters[COUNT_RELEASE_REFUSED]++;
    if (r == 0)
        *out = release;
    return r;
}

static int preview_fill(struct core *core, const struct release_order *order, struct asked *asked,
                        struct release_plan *plan, struct why *why)
{
    int r = asked_check(core, asked, why);
    if (r == 0)
        r = parameters_read(order, asked, why);
    if (r == 0 && !query_is_running(asked->query))
        r = asked_cohort(core, asked, why);
    if (r == 0 && asked->error > 0)
        r = plan_needed(asked, plan, why);
    if (r == 0)
        r = asked_noise(asked, why);
    if (r == 0)
        r = known_find(core, asked, why);
    if (r != 0)
        return r;
    plan_error(asked, plan);
    answer_unit(asked, plan->unit);
    r = asked_standing(core, asked, plan);
    if (r != 0 || !plan->would_pass)
        return r;
    r = running_ready(asked, &plan->why);
    if (r == 0)
        r = room_check(core, asked, &plan->why);
    plan->refusal = r;
    plan->would_pass = r == 0;
    return r < 0 ? r : 0;
}

int release_preview(struct core *core, const struct caller *caller, const struct release_order *order,
                    struct release_plan *out, struct why *why)
{
    __attribute__((cleanup(asked_freep))) struct asked *asked = asked_new();
    struct release_plan plan = { 0 };
    struct release replay;
    struct tenant tenant;
    bool is_replay;
    int64_t now_ms;

    if (asked == NULL)
        return -ENOMEM;
    asked->by_tenant = access_scope(caller) != 0;
    int r = access_release(core, caller, order, &tenant, why);
    if (r == 0)
        r = ledger_peek_ms(core, &now_ms);
    if (r == 0)
        r = asked_read(core, &tenant, order, now_ms, asked, &replay, &is_replay, why);
    if (r != 0)
        return r;
    if (is_replay && !order->anew && asked->error == 0) { /* free of charge */
        plan.cohort = replay.cohort;
        plan.replay = plan.would_pass = true;
    } else {
        r = preview_fill(core, order, asked, &plan, why);
    }
    if (r == 0)
        *out = plan;
    return r;
}

int release_get(struct core *core, const struct caller *caller, int64_t id, struct release *out, struct why *why)
{
    int r = access_check(caller, CAN_SEE_RELEASES, why);

    if (r != 0)
        return r;
    r = core->store->release_by_id(core->store, access_scope(caller), id, out);
    if (r == REFUSED_UNKNOWN)
        return refuse(why, REFUSED_UNKNOWN, "release", NULL, "there is no release %lld", (long long)id);
    return r;
}

int release_answer_append(struct core *core, const struct release *release, struct buffer *out)
{
    _cleanup_free_ char *answer = NULL;
    size_t size = 0;

    if (release->answer_size < sizeof(release->answer)) {
        buffer_append(out, release->answer, release->answer_size);
        return out->fault;
    }
    answer = malloc(release->answer_size);
    if (answer == NULL)
        return -ENOMEM;
    int r = core->store->release_answer_read(core->store, release->id, answer, release->answer_size, &size);
    if (r != 0)
        return r > 0 ? -ENOENT : r;
    buffer_append(out, answer, size);
    return out->fault;
}

int release_list(struct core *core, const struct caller *caller, struct page page,
                 int (*each)(void *context, const struct release *release), void *context, struct why *why)
{
    int r = access_check(caller, CAN_SEE_RELEASES, why);

    return r != 0 ? r : core->store->release_each(core->store, access_scope(caller), page, each, context);
}
