/* export.c - a tenant's sinks, and what waits for them.
 *
 * The outbox is a table of the store: a row is written in the transaction that releases its content, and leaves only
 * after that is durable (I1). A row is tried until its sink acknowledges it; nothing is ever dropped for being late.
 * Each sink gets one delivery at a time, oldest first, so that one that is down slows no other. What is under way is
 * known in memory only: after a crash those rows are due again, and the idempotency key lets the receiver recognise the
 * repeat.
 *
 * A full outbox (OUTBOX_PER_SINK_MAX) takes no more: releases to that tenant are refused before anything is charged,
 * and noised rows miss that sink, which is counted (I11). */
#include "daemon/core/export.h"

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
#include "daemon/core/ports/clock.h"
#include "daemon/core/ports/sink.h"
#include "daemon/core/ports/store.h"
#include "daemon/core/texts.h"
#include "daemon/core/transaction.h"
#include "device_proto/noise.h"

#define IN_FLIGHT_MAX  256
#define BATCH_MAX      64 /* deliveries started in one tick */
#define BACKOFF_MS     1000
#define BACKOFF_MAX_MS 300000
#define KEEP_MS        (7LL * 86400000) /* acknowledged rows stay listed that long */
#define EXPIRE_BATCH   1000u

struct in_flight {
    int64_t delivery_id;
    int64_t sink_id;
    unsigned attempts;
};

struct exports {
    struct in_flight rows[IN_FLIGHT_MAX];
    unsigned count;
};

int export_start(struct core *core)
{
    core->exports = calloc(1, sizeof(*core->exports));
    return core->exports == NULL ? -ENOMEM : 0;
}

void export_stop(struct core *core)
{
    free(core->exports);
    core->exports = NULL;
}

/* ---- sinks ---- */

static const struct sink_kind *kind_of_name(const struct core *core, const char *name)
{
    for (unsigned i = 0; core->sinks != NULL && i < core->sinks->count; i++)
        if (strcmp(core->sinks->kinds[i].name, name) == 0)
            return &core->sinks->kinds[i];
    return NULL;
}

static int config_check(const struct core *core, const struct sink_order *order, struct sink *out, struct why *why)
{
    const struct sink_kind *kind = order->kind != NULL ? kind_of_name(core, order->kind) : NULL;

    if (order->name == NULL || !name_is_valid(order->name))
        return refuse(why, REFUSED_INVALID, "name", NULL, "a sink's name has 1 to 63 characters of a-z 0-9 . - _");
    if (kind == NULL || text_copy(out->kind, sizeof(out->kind), kind->name) != 0)
        return refuse(why, REFUSED_INVALID, "kind", "try file or http", "this daemon has no sinks of that kind");
    if (order->config == NULL || text_copy(out->config, sizeof(out->config), order->config) != 0)
        return refuse(why, REFUSED_INVALID, "config", NULL,
                      "a sink's configuration is a JSON object of at most %d bytes", (int)sizeof(out->config) - 1);
    snprintf(out->name, sizeof(out->name), "%s", order->name);
    return kind->check(kind->context, order->config, why);
}

static int count_sink(void *context, const struct sink *sink)
{
    (void)sink;
    ++*(unsigned *)context;
    return 0;
}

static int sink_audit(struct core *core, const struct caller *caller, const char *action, const struct sink *sink,
                      int64_t dropped)
{
    struct detail detail = DETAIL;
    char subject[96];

    snprintf(subject, sizeof(subject), "sink:%s", sink->name);
    detail_text(&detail, "kind", sink->kind);
    if (dropped > 0)
        detail_number(&detail, "dropped", dropped);
    return audit_append(core, caller, action, subject, sink->tenant_id, detail_end(&detail));
}

static int sink_insert(struct core *core, const struct caller *caller, struct sink *sink, struct why *why)
{
    struct store *store = core->store;
    struct page all = { .limit = SINKS_PER_TENANT_MAX };
    unsigned count = 0;

    int r = store->sink_each(store, sink->tenant_id, all, count_sink, &count);
    if (r != 0)
        return r;
    if (count >= SINKS_PER_TENANT_MAX)
        return refuse(why, REFUSED_EXHAUSTED, "sink", "delete one first", "tenant %s has %u sinks already",
                      sink->tenant, count);
    r = ledger_now_ms(core, &sink->created_ms);
    if (r == 0)
        r = store->sink_insert(store, sink);
    if (r == REFUSED_EXISTS)
        return refuse(why, REFUSED_EXISTS, "name", "choose another name", "tenant %s has a sink of that name",
                      sink->tenant);
    return r != 0 ? r : sink_audit(core, caller, "sink.create", sink, 0);
}

int sink_create(struct core *core, const struct caller *caller, const struct sink_order *order, struct sink *out,
                struct why *why)
{
    struct sink sink = { 0 };
    struct tenant tenant;

    int r = access_check(caller, CAN_MANAGE_SINKS, why);
    if (r == 0)
        r = access_tenant(core, caller, order->tenant, &tenant, why);
    if (r == 0)
        r = config_check(core, order, &sink, why);
    if (r != 0)
        return r;
    sink.tenant_id = tenant.id;
    snprintf(sink.tenant, sizeof(sink.tenant), "%s", tenant.name);
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = transaction_end(core, sink_insert(core, caller, &sink, why));
    if (r == 0)
        *out = sink;
    return r;
}

static int sink_find(struct core *core, const struct caller *caller, enum permission permission,
                     const char *tenant_name, const char *name, struct sink *out, struct why *why)
{
    struct tenant tenant;

    int r = access_check(caller, permission, why);
    if (r == 0)
        r = access_tenant(core, caller, tenant_name, &tenant, why);
    if (r != 0)
        return r;
    r = core->store->sink_by_name(core->store, tenant.id, name, out);
    if (r == REFUSED_UNKNOWN)
        return refuse(why, REFUSED_UNKNOWN, "sink", NULL, "tenant %s has no sink of that name", tenant.name);
    return r;
}

int sink_get(struct core *core, const struct caller *caller, const char *tenant, const char *name, struct sink *out,
             struct why *why)
{
    return sink_find(core, caller, CAN_SEE_SINKS, tenant, name, out, why);
}

int sink_list(struct core *core, const struct caller *caller, struct page page,
              int (*each)(void *context, const struct sink *sink), void *context, struct why *why)
{
    int r = access_check(caller, CAN_SEE_SINKS, why);

    return r != 0 ? r : core->store->sink_each(core->store, access_scope(caller), page, each, context);
}

int sink_delete(struct core *core, const struct caller *caller, const char *tenant, const char *name, struct why *why)
{
    struct sink sink;
    int64_t dropped;

    int r = sink_find(core, caller, CAN_MANAGE_SINKS, tenant, name, &sink, why);
    if (r == 0)
        r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = core->store->sink_delete(core->store, sink.id, &dropped);
    if (r == 0)
        r = sink_audit(core, caller, "sink.delete", &sink, dropped);
    return transaction_end(core, r);
}

int export_list(struct core *core, const struct caller *caller, struct page page,
                int (*each)(void *context, const struct outbox_row *row), void *context, struct why *why)
{
    int r = access_check(caller, CAN_SEE_SINKS, why);

    return r != 0 ? r : core->store->outbox_each(core->store, access_scope(caller), page, each, context);
}

/* ---- what waits ---- */

struct sinks {
    struct sink rows[SINKS_PER_TENANT_MAX];
    unsigned count;
};

static int keep_sink(void *context, const struct sink *sink)
{
    struct sinks *sinks = context;

    if (sinks->count < SINKS_PER_TENANT_MAX)
        sinks->rows[sinks->count++] = *sink;
    return 0;
}

static int sinks_of(struct core *core, int64_t tenant_id, struct sinks *out)
{
    struct page all = { .limit = SINKS_PER_TENANT_MAX };

    out->count = 0;
    return core->store->sink_each(core->store, tenant_id, all, keep_sink, out);
}

int export_room(struct core *core, int64_t tenant_id, unsigned *out_sinks, unsigned *out_open)
{
    struct sinks sinks;
    int r = sinks_of(core, tenant_id, &sinks);

    if (r != 0)
        return r;
    *out_sinks = sinks.count;
    *out_open = 0;
    for (unsigned i = 0; i < sinks.count; i++)
        *out_open += sinks.rows[i].waiting < OUTBOX_PER_SINK_MAX;
    return 0;
}

/* Unique to a delivery, and the same at all of its tries, also beyond a restored backup. */
static int idempotency_make(struct core *core, char out[40])
{
    uint8_t random[16];
    int r = core->random->fill(core->random->context, random, sizeof(random));

    if (r == 0)
        hex_encode(bytes_view(random, sizeof(random)), out);
    return r;
}

int export_queue(struct core *core, int64_t tenant_id, const char *kind, int64_t subject, struct bytes body)
{
    struct sinks sinks;
    int64_t now_ms = clock_now_ms(core->clock);

    if (body.size > OUTBOX_BODY_MAX)
        return -E2BIG;
    int r = sinks_of(core, tenant_id, &sinks);
    if (r != 0)
        return r;
    for (unsigned i = 0; i < sinks.count; i++) {
        struct outbox_row row = { .sink_id = sinks.rows[i].id, .tenant_id = tenant_id, .subject = subject };
        row.created_ms = now_ms;
        row.due_ms = now_ms;
        snprintf(row.kind, sizeof(row.kind), "%s", kind);
        r = idempotency_make(core, row.idempotency);
        if (r == 0)
            r = core->store->outbox_insert(core->store, &row, body);
        if (r == REFUSED_BUSY) {
            core->counters[COUNT_EXPORT_REFUSED]++;
            continue;
        }
        if (r != 0)
            return r;
    }
    return 0;
}

/* ---- deliveries ---- */

static bool sink_is_busy(const struct exports *exports, int64_t sink_id)
{
    for (unsigned i = 0; i < exports->count; i++)
        if (exports->rows[i].sink_id == sink_id)
            return true;
    return false;
}

struct due {
    const struct exports *exports;
    struct in_flight rows[BATCH_MAX];
    char idempotency[BATCH_MAX][40];
    unsigned count;
};

static int keep_due(void *context, const struct outbox_row *row)
{
    struct due *due = context;

    if (due->count == BATCH_MAX || sink_is_busy(due->exports, row->sink_id))
        return 0;
    due->rows[due->count] = (struct in_flight){ row->id, row->sink_id, row->attempts };
    snprintf(due->idempotency[due->count], sizeof(due->idempotency[0]), "%s", row->idempotency);
    due->count++;
    return 0;
}

/* 1 s, 2 s, 4 s ... 5 min, of which the upper half is left to chance, so that sinks do not come back in step. */
static int backoff(struct core *core, unsigned attempts, int64_t *out_ms)
{
    int64_t longest = BACKOFF_MS;
    uint64_t jitter;

    for (unsigned i = 0; i < attempts && longest < BACKOFF_MAX_MS; i++)
        longest *= 2;
    if (longest > BACKOFF_MAX_MS)
        longest = BACKOFF_MAX_MS;
    int r = noise_below(core->random, (uint64_t)longest / 2 + 1, &jitter);
    if (r != 0)
        return r > 0 ? -EIO : r;
    *out_ms = longest / 2 + (int64_t)jitter;
    return 0;
}

/* Saves that a try failed. Where the sink was deleted meanwhile, or an earlier try got through, nothing is to be saved.
 */
static int try_again(struct core *core, int64_t delivery_id, unsigned attempts, const char *error)
{
    int64_t wait_ms;

    int r = backoff(core, attempts, &wait_ms);
    if (r == 0)
        r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = core->store->outbox_again(core->store, delivery_id, clock_now_ms(core->clock) + wait_ms, error);
    return transaction_end(core, r == REFUSED_UNKNOWN || r == REFUSED_CONFLICT ? 0 : r);
}

static int deliver(struct core *core, const struct in_flight *row, const char *idempotency)
{
    _cleanup_free_ uint8_t *body = malloc(OUTBOX_BODY_MAX);
    struct sink sink;
    size_t size;

    if (body == NULL)
        return -ENOMEM;
    int r = core->store->sink_by_id(core->store, row->sink_id, &sink);
    if (r == 0)
        r = core->store->outbox_body(core->store, row->delivery_id, body, OUTBOX_BODY_MAX, &size);
    if (r != 0)
        return r == REFUSED_UNKNOWN ? 0 : r;
    const struct sink_kind *kind = kind_of_name(core, sink.kind);
    if (kind == NULL)
        return try_again(core, row->delivery_id, row->attempts, "this daemon was built without sinks of that kind");
    struct delivery delivery = {
        .id = row->delivery_id,
        .sink_id = sink.id,
        .config = sink.config,
        .tenant = sink.tenant,
        .sink = sink.name,
        .idempotency = idempotency,
        .body = bytes_view(body, size),
    };
    r = kind->deliver(kind->context, &delivery);
    if (r == 0)
        core->exports->rows[core->exports->count++] = *row;
    else if (r > 0 && r != REFUSED_BUSY)
        r = try_again(core, row->delivery_id, row->attempts, "the sink does not take this delivery");
    return r;
}

int export_expire(struct core *core, int64_t now_ms, bool *out_more)
{
    int64_t deleted = 0;

    int r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = core->store->outbox_expire(core->store, now_ms - KEEP_MS, EXPIRE_BATCH, &deleted);
    *out_more = deleted == EXPIRE_BATCH;
    return transaction_end(core, r);
}

int export_tick(struct core *core, int64_t now_ms, int64_t *out_next_ms)
{
    struct exports *exports = core->exports;
    _cleanup_free_ struct due *due = calloc(1, sizeof(*due));
    unsigned free_rows = IN_FLIGHT_MAX - exports->count;

    if (due == NULL)
        return -ENOMEM;
    due->exports = exports;
    /* Rows under way are still due: look past them. */
    int r = core->store->outbox_due(core->store, now_ms, exports->count + BATCH_MAX, keep_due, due);
    bool is_full = due->count == BATCH_MAX;
    for (unsigned i = 0; r == 0 && i < due->count && i < free_rows; i++) {
        r = deliver(core, &due->rows[i], due->idempotency[i]);
        if (r == REFUSED_BUSY) { /* this kind's own queue is full for now; its rows stay due */
            is_full = false;
            r = 0;
        }
    }
    if (r != 0)
        return r;
    r = core->store->outbox_next_due(core->store, out_next_ms);
    if (r == REFUSED_UNKNOWN)
        *out_next_ms = INT64_MAX;
    else if (r != 0)
        return r;
    /* Rows under way count as due, and an outcome wakes the loop anyhow: do not spin on them. */
    if (*out_next_ms <= now_ms)
        *out_next_ms = is_full && exports->count < IN_FLIGHT_MAX ? now_ms + 1 : now_ms + 1000;
    return 0;
}

int export_on_outcome(struct core *core, int64_t delivery_id, bool delivered, const char *error)
{
    struct exports *exports = core->exports;
    struct store *store = core->store;
    unsigned attempts = 0;

    /* After core_stop an outcome can still come in; what was delivered need not be delivered again. */
    for (unsigned i = 0; exports != NULL && i < exports->count; i++) {
        if (exports->rows[i].delivery_id != delivery_id)
            continue;
        attempts = exports->rows[i].attempts;
        exports->rows[i] = exports->rows[--exports->count];
        break;
    }
    if (!delivered)
        return try_again(core, delivery_id, attempts, error != NULL ? error : "no reason given");
    int r = store->begin(store);
    if (r != 0)
        return r;
    r = store->outbox_delivered(store, delivery_id, clock_now_ms(core->clock));
    return transaction_end(core, r == REFUSED_UNKNOWN || r == REFUSED_CONFLICT ? 0 : r);
}
