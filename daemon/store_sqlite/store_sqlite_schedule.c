/* store_sqlite_schedule.c - releases that are asked for again and again. */
#include "daemon/store_sqlite/verbs.h"

#include "daemon/store_sqlite/statement.h"

enum { INSERT, BY_ID, EACH, COUNT, DUE, NEXT_DUE, UPDATE, DELETE, KNOWN };

#define COLUMNS                                                                                                  \
    "SELECT s.id, s.tenant_id, t.name, s.query, s.sensor, s.selector, s.parameters, s.mechanism, s.wanted_ueps," \
    " s.wanted_nrho, s.ueps, s.nrho, s.delta, s.ueps IS NULL, s.every_ms, s.until_ms, s.paused, s.next_ms,"      \
    " s.created_ms, s.runs, s.refused, s.missed, s.last_ms, s.release_id, s.problem"                             \
    " FROM schedule s JOIN tenant t ON t.id = s.tenant_id"
#define RUNS "paused = 0 AND (until_ms = 0 OR next_ms <= until_ms)"

static const struct statements statements = {
    DOMAIN_SCHEDULE,
    {
        [INSERT] = "INSERT INTO schedule (tenant_id, query, sensor, selector, parameters, mechanism, wanted_ueps,"
                   " wanted_nrho, ueps, nrho, delta, every_ms, until_ms, paused, next_ms, created_ms)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        [BY_ID] = COLUMNS " WHERE s.id = ?1 AND (?2 = 0 OR s.tenant_id = ?2)",
        [EACH] = COLUMNS " WHERE (?1 = 0 OR s.tenant_id = ?1) AND s.id > ?2 ORDER BY s.id LIMIT ?3",
        [COUNT] = "SELECT count(*) FROM schedule WHERE tenant_id = ?",
        [DUE] = COLUMNS " WHERE " RUNS " AND s.next_ms <= ? ORDER BY s.next_ms, s.id LIMIT ?",
        [NEXT_DUE] = "SELECT min(next_ms) FROM schedule WHERE " RUNS,
        [UPDATE] = "UPDATE schedule SET paused = ?, next_ms = ?, runs = ?, refused = ?, missed = ?, last_ms = ?,"
                   " release_id = ?, problem = ?, ueps = ?, nrho = ?, delta = ? WHERE id = ? AND next_ms = ?",
        [DELETE] = "DELETE FROM schedule WHERE id = ?",
        [KNOWN] = "SELECT 1 FROM schedule WHERE id = ?",
    },
};

static void read_schedule(struct query *query, void *out)
{
    struct schedule *schedule = out;

    schedule->id = take_int(query);
    schedule->tenant_id = take_int(query);
    take_text(query, schedule->tenant, sizeof schedule->tenant);
    take_text(query, schedule->query, sizeof schedule->query);
    take_text(query, schedule->sensor, sizeof schedule->sensor);
    take_text(query, schedule->selector, sizeof schedule->selector);
    take_text(query, schedule->parameters, sizeof schedule->parameters);
    take_text(query, schedule->mechanism, sizeof schedule->mechanism);
    schedule->wanted.ueps = take_int(query);
    schedule->wanted.nrho = take_int(query);
    schedule->loss.ueps = take_int(query);
    schedule->loss.nrho = take_int(query);
    schedule->loss.delta = take_int(query);
    schedule->loss.impure = take_bool(query);
    schedule->every_ms = take_int(query);
    schedule->until_ms = take_int(query);
    schedule->paused = take_bool(query);
    schedule->next_ms = take_int(query);
    schedule->created_ms = take_int(query);
    schedule->runs = take_int(query);
    schedule->refused = take_int(query);
    schedule->missed = take_int(query);
    schedule->last_ms = take_int(query);
    schedule->release_id = take_int(query);
    take_text(query, schedule->problem, sizeof schedule->problem);
}

static void put_loss(struct query *query, const struct loss *loss)
{
    put_id(query, loss->ueps); /* 0: it has no pure epsilon */
    put_int(query, loss->nrho);
    put_int(query, loss->delta);
}

static int store_schedule_insert(struct store *store, struct schedule *schedule)
{
    struct query query;

    query_open(&query, store, &statements, INSERT);
    put_int(&query, schedule->tenant_id);
    put_text(&query, schedule->query);
    put_text(&query, schedule->sensor);
    put_text(&query, schedule->selector);
    put_text(&query, schedule->parameters);
    put_text(&query, schedule->mechanism);
    put_int(&query, schedule->wanted.ueps);
    put_int(&query, schedule->wanted.nrho);
    put_loss(&query, &schedule->loss);
    put_int(&query, schedule->every_ms);
    put_int(&query, schedule->until_ms);
    put_int(&query, schedule->paused);
    put_int(&query, schedule->next_ms);
    put_int(&query, schedule->created_ms);
    return query_int(&query, &schedule->id);
}

static int store_schedule_by_id(struct store *store, int64_t tenant_id, int64_t id, struct schedule *out)
{
    struct query query;

    query_open(&query, store, &statements, BY_ID);
    put_int(&query, id);
    put_int(&query, tenant_id);
    return query_one(&query, read_schedule, out, sizeof *out);
}

static int store_schedule_each(struct store *store, int64_t tenant_id, struct page page,
                               int (*each)(void *context, const struct schedule *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, EACH);
    put_int(&query, tenant_id);
    put_page(&query, page);
    return QUERY_EACH(&query, schedule, read_schedule, each, context);
}

static int store_schedule_count(struct store *store, int64_t tenant_id, int64_t *out)
{
    struct query query;

    query_open(&query, store, &statements, COUNT);
    put_int(&query, tenant_id);
    return query_int(&query, out);
}

static int store_schedules_due(struct store *store, int64_t now_ms, unsigned limit,
                               int (*each)(void *context, const struct schedule *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, DUE);
    put_int(&query, now_ms);
    put_int(&query, limit);
    return QUERY_EACH(&query, schedule, read_schedule, each, context);
}

static int store_schedule_next_due(struct store *store, int64_t *out_due_ms)
{
    struct query query;

    query_open(&query, store, &statements, NEXT_DUE);
    return query_int(&query, out_due_ms);
}

static int store_schedule_update(struct store *store, const struct schedule *schedule, int64_t was_due_ms)
{
    struct query query;
    int64_t one;

    query_open(&query, store, &statements, UPDATE);
    put_int(&query, schedule->paused);
    put_int(&query, schedule->next_ms);
    put_int(&query, schedule->runs);
    put_int(&query, schedule->refused);
    put_int(&query, schedule->missed);
    put_int(&query, schedule->last_ms);
    put_id(&query, schedule->release_id);
    put_text_cut(&query, schedule->problem, sizeof schedule->problem);
    put_loss(&query, &schedule->loss);
    put_int(&query, schedule->id);
    put_int(&query, was_due_ms);
    int r = query_must_change(&query, REFUSED_CONFLICT);
    if (r != REFUSED_CONFLICT)
        return r;
    query_open(&query, store, &statements, KNOWN);
    put_int(&query, schedule->id);
    r = query_int(&query, &one);
    return r == 0 ? REFUSED_CONFLICT : r;
}

static int store_schedule_delete(struct store *store, int64_t id)
{
    struct query query;

    query_open(&query, store, &statements, DELETE);
    put_int(&query, id);
    return query_must_change(&query, REFUSED_UNKNOWN);
}

void store_schedule_verbs(struct store *verbs)
{
    verbs->schedule_insert = store_schedule_insert;
    verbs->schedule_by_id = store_schedule_by_id;
    verbs->schedule_each = store_schedule_each;
    verbs->schedule_count = store_schedule_count;
    verbs->schedules_due = store_schedules_due;
    verbs->schedule_next_due = store_schedule_next_due;
    verbs->schedule_update = store_schedule_update;
    verbs->schedule_delete = store_schedule_delete;
}
