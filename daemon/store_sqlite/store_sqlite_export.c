/* store_sqlite_export.c - sinks, and the outbox in front of them. A delivered row stays as a record, without its body.
 */
#include "daemon/store_sqlite/verbs.h"
#include "daemon/store_sqlite/words.h"

enum {
    SINK_INSERT,
    SINK_BY_NAME,
    SINK_BY_ID,
    SINK_EACH,
    SINK_WAITING,
    SINK_MORE,
    SINK_LESS,
    SINK_EMPTY,
    SINK_DELETE,
    OUTBOX_INSERT,
    OUTBOX_DUE,
    OUTBOX_BODY,
    OUTBOX_DELIVERED,
    OUTBOX_AGAIN,
    OUTBOX_KNOWN,
    OUTBOX_EXPIRE,
    OUTBOX_NEXT_DUE,
    OUTBOX_EACH
};

#define SINK_COLUMNS                                                            \
    "SELECT s.id, s.tenant_id, t.name, s.name, s.kind, s.config, s.created_ms," \
    " s.waiting FROM sink s JOIN tenant t ON t.id = s.tenant_id"
#define OUTBOX_COLUMNS                                                                                     \
    "o.id, o.sink_id, s.name, o.tenant_id, t.name, o.kind, o.subject, o.created_ms, o.attempts, o.due_ms," \
    " o.delivered_ms, o.error, o.idempotency"
/* Deliveries of one sink keep their order: only its oldest waiting row may leave. */
#define HEADS \
    " FROM sink s JOIN outbox o ON o.id = (SELECT min(id) FROM outbox WHERE sink_id = s.id AND delivered_ms = 0)"

static const struct statements statements = {
    DOMAIN_EXPORT,
    {
        [SINK_INSERT] = "INSERT INTO sink (tenant_id, name, kind, config, created_ms) VALUES (?, ?, ?, ?, ?)"
                        " RETURNING id",
        [SINK_BY_NAME] = SINK_COLUMNS " WHERE s.tenant_id = ? AND s.name = ?",
        [SINK_BY_ID] = SINK_COLUMNS " WHERE s.id = ?",
        [SINK_EACH] = SINK_COLUMNS " WHERE (?1 = 0 OR s.tenant_id = ?1) AND s.id > ?2 ORDER BY s.id LIMIT ?3",
        [SINK_WAITING] = "SELECT waiting FROM sink WHERE id = ?",
        [SINK_MORE] = "UPDATE sink SET waiting = waiting + 1 WHERE id = ? AND waiting < ?",
        [SINK_LESS] = "UPDATE sink SET waiting = waiting - 1 WHERE id = (SELECT sink_id FROM outbox WHERE id = ?)",
        [SINK_EMPTY] = "DELETE FROM outbox WHERE sink_id = ?",
        [SINK_DELETE] = "DELETE FROM sink WHERE id = ?",
        [OUTBOX_INSERT] = "INSERT INTO outbox (sink_id, tenant_id, kind, subject, created_ms, attempts, due_ms,"
                          " idempotency, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        [OUTBOX_DUE] = "SELECT " OUTBOX_COLUMNS HEADS " JOIN tenant t ON t.id = o.tenant_id WHERE o.due_ms <= ?"
                       " ORDER BY o.due_ms, o.id LIMIT ?",
        [OUTBOX_BODY] = "SELECT body FROM outbox WHERE id = ?",
        [OUTBOX_DELIVERED] = "UPDATE outbox SET delivered_ms = ?, attempts = attempts + 1, error = '', body = NULL"
                             " WHERE id = ? AND delivered_ms = 0",
        [OUTBOX_AGAIN] = "UPDATE outbox SET due_ms = ?, attempts = attempts + 1, error = ?"
                         " WHERE id = ? AND delivered_ms = 0",
        [OUTBOX_KNOWN] = "SELECT 1 FROM outbox WHERE id = ?",
        [OUTBOX_EXPIRE] = "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox INDEXED BY outbox_delivered"
                          " WHERE delivered_ms > 0 AND delivered_ms < ? ORDER BY delivered_ms LIMIT ?)",
        [OUTBOX_NEXT_DUE] = "SELECT min(o.due_ms)" HEADS,
        [OUTBOX_EACH] = "SELECT " OUTBOX_COLUMNS " FROM outbox o JOIN sink s ON s.id = o.sink_id"
                        " JOIN tenant t ON t.id = o.tenant_id"
                        " WHERE (?1 = 0 OR o.tenant_id = ?1) AND o.id > ?2 ORDER BY o.id LIMIT ?3",
    },
};

static void read_sink(struct query *query, void *out)
{
    struct sink *sink = out;

    sink->id = take_int(query);
    sink->tenant_id = take_int(query);
    take_text(query, sink->tenant, sizeof sink->tenant);
    take_text(query, sink->name, sizeof sink->name);
    take_text(query, sink->kind, sizeof sink->kind);
    take_text(query, sink->config, sizeof sink->config);
    sink->created_ms = take_int(query);
    sink->waiting = take_int(query);
}

static int store_sink_insert(struct store *store, struct sink *sink)
{
    struct query query;

    query_open(&query, store, &statements, SINK_INSERT);
    put_int(&query, sink->tenant_id);
    put_text(&query, sink->name);
    put_text(&query, sink->kind);
    put_text(&query, sink->config);
    put_int(&query, sink->created_ms);
    return query_int(&query, &sink->id);
}

static int store_sink_by_name(struct store *store, int64_t tenant_id, const char *name, struct sink *out)
{
    struct query query;

    query_open(&query, store, &statements, SINK_BY_NAME);
    put_int(&query, tenant_id);
    put_text(&query, name);
    return query_one(&query, read_sink, out, sizeof *out);
}

static int store_sink_by_id(struct store *store, int64_t id, struct sink *out)
{
    struct query query;

    query_open(&query, store, &statements, SINK_BY_ID);
    put_int(&query, id);
    return query_one(&query, read_sink, out, sizeof *out);
}

static int store_sink_each(struct store *store, int64_t tenant_id, struct page page,
                           int (*each)(void *context, const struct sink *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, SINK_EACH);
    put_int(&query, tenant_id);
    put_page(&query, page);
    return QUERY_EACH(&query, sink, read_sink, each, context);
}

static int delete_sink_rows(struct store *store, int64_t id, int64_t *dropped)
{
    struct query query;
    int r;

    query_open(&query, store, &statements, SINK_WAITING);
    put_int(&query, id);
    r = query_int(&query, dropped);
    if (r != 0)
        return r;
    query_open(&query, store, &statements, SINK_EMPTY);
    put_int(&query, id);
    r = query_run(&query);
    if (r != 0)
        return r;
    query_open(&query, store, &statements, SINK_DELETE);
    put_int(&query, id);
    return query_must_change(&query, REFUSED_UNKNOWN);
}

static int store_sink_delete(struct store *store, int64_t id, int64_t *out_dropped)
{
    int64_t dropped = 0;
    int r = savepoint_open(store);

    if (r != 0)
        return r;
    r = savepoint_close(store, delete_sink_rows(store, id, &dropped));
    if (r == 0)
        *out_dropped = dropped;
    return r;
}

static void read_outbox_row(struct query *query, void *out)
{
    struct outbox_row *row = out;

    row->id = take_int(query);
    row->sink_id = take_int(query);
    take_text(query, row->sink, sizeof row->sink);
    row->tenant_id = take_int(query);
    take_text(query, row->tenant, sizeof row->tenant);
    take_text(query, row->kind, sizeof row->kind);
    row->subject = take_int(query);
    row->created_ms = take_int(query);
    row->attempts = take_unsigned(query);
    row->due_ms = take_int(query);
    row->delivered_ms = take_int(query);
    take_text(query, row->error, sizeof row->error);
    take_text(query, row->idempotency, sizeof row->idempotency);
}

/* A full outbox, or no such sink: which of the two is told apart only then. */
static int count_more(struct store *store, int64_t sink_id)
{
    struct query query;
    int64_t waiting;
    int r;

    query_open(&query, store, &statements, SINK_MORE);
    put_int(&query, sink_id);
    put_int(&query, OUTBOX_PER_SINK_MAX);
    r = query_must_change(&query, REFUSED_BUSY);
    if (r != REFUSED_BUSY)
        return r;
    query_open(&query, store, &statements, SINK_WAITING);
    put_int(&query, sink_id);
    r = query_int(&query, &waiting);
    return r == 0 ? REFUSED_BUSY : r;
}

static int insert_row(struct store *store, struct outbox_row *row, struct bytes body)
{
    struct query query;

    query_open(&query, store, &statements, OUTBOX_INSERT);
    put_int(&query, row->sink_id);
    put_int(&query, row->tenant_id);
    put_text(&query, row->kind);
    put_int(&query, row->subject);
    put_int(&query, row->created_ms);
    put_int(&query, row->attempts);
    put_int(&query, row->due_ms);
    put_text(&query, row->idempotency);
    put_bytes(&query, body);
    return query_int(&query, &row->id);
}

static int store_outbox_insert(struct store *store, struct outbox_row *row, struct bytes body)
{
    int64_t id = row->id;
    int r = savepoint_open(store);

    if (r != 0)
        return r;
    r = count_more(store, row->sink_id);
    if (r == 0)
        r = insert_row(store, row, body);
    r = savepoint_close(store, r);
    if (r != 0)
        row->id = id;
    return r;
}

static int store_outbox_due(struct store *store, int64_t now_ms, unsigned limit,
                            int (*each)(void *context, const struct outbox_row *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, OUTBOX_DUE);
    put_int(&query, now_ms);
    put_int(&query, limit);
    return QUERY_EACH(&query, outbox_row, read_outbox_row, each, context);
}

static int store_outbox_body(struct store *store, int64_t id, uint8_t *out, size_t capacity, size_t *out_size)
{
    struct query query;

    query_open(&query, store, &statements, OUTBOX_BODY);
    put_int(&query, id);
    return query_bytes(&query, out, capacity, out_size, NULL);
}

static int unknown_or_conflict(struct store *store, int64_t id)
{
    struct query query;
    int64_t one;
    int r;

    query_open(&query, store, &statements, OUTBOX_KNOWN);
    put_int(&query, id);
    r = query_int(&query, &one);
    return r == 0 ? REFUSED_CONFLICT : r;
}

static int delivered(struct store *store, int64_t id, int64_t now_ms)
{
    struct query query;
    int r;

    query_open(&query, store, &statements, OUTBOX_DELIVERED);
    put_int(&query, now_ms);
    put_int(&query, id);
    r = query_must_change(&query, REFUSED_CONFLICT);
    if (r != 0)
        return r == REFUSED_CONFLICT ? unknown_or_conflict(store, id) : r;
    query_open(&query, store, &statements, SINK_LESS);
    put_int(&query, id);
    return query_run(&query);
}

static int store_outbox_delivered(struct store *store, int64_t id, int64_t now_ms)
{
    int r = savepoint_open(store);

    return r != 0 ? r : savepoint_close(store, delivered(store, id, now_ms));
}

static int store_outbox_expire(struct store *store, int64_t delivered_before_ms, unsigned limit, int64_t *out_deleted)
{
    struct query query;

    query_open(&query, store, &statements, OUTBOX_EXPIRE);
    put_int(&query, delivered_before_ms);
    put_int(&query, limit);
    return query_changes(&query, out_deleted);
}

static int store_outbox_again(struct store *store, int64_t id, int64_t due_ms, const char *error)
{
    struct query query;
    int r;

    query_open(&query, store, &statements, OUTBOX_AGAIN);
    put_int(&query, due_ms);
    put_text_cut(&query, error == NULL ? "" : error, REASON_SIZE);
    put_int(&query, id);
    r = query_must_change(&query, REFUSED_CONFLICT);
    return r == REFUSED_CONFLICT ? unknown_or_conflict(store, id) : r;
}

static int store_outbox_next_due(struct store *store, int64_t *out_due_ms)
{
    struct query query;

    query_open(&query, store, &statements, OUTBOX_NEXT_DUE);
    return query_int(&query, out_due_ms);
}

static int store_outbox_each(struct store *store, int64_t tenant_id, struct page page,
                             int (*each)(void *context, const struct outbox_row *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, OUTBOX_EACH);
    put_int(&query, tenant_id);
    put_page(&query, page);
    return QUERY_EACH(&query, outbox_row, read_outbox_row, each, context);
}

void store_export_verbs(struct store *verbs)
{
    verbs->sink_insert = store_sink_insert;
    verbs->sink_by_name = store_sink_by_name;
    verbs->sink_by_id = store_sink_by_id;
    verbs->sink_each = store_sink_each;
    verbs->sink_delete = store_sink_delete;
    verbs->outbox_insert = store_outbox_insert;
    verbs->outbox_due = store_outbox_due;
    verbs->outbox_body = store_outbox_body;
    verbs->outbox_delivered = store_outbox_delivered;
    verbs->outbox_again = store_outbox_again;
    verbs->outbox_expire = store_outbox_expire;
    verbs->outbox_next_due = store_outbox_next_due;
    verbs->outbox_each = store_outbox_each;
}
