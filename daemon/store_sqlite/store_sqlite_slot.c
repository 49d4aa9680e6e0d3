/* store_sqlite_slot.c - who holds which place on a device. Only held slots have a row; a free one is made up when asked
 * for. */
#include "daemon/store_sqlite/verbs.h"
#include "daemon/store_sqlite/words.h"

enum { GET, EACH, TAKE, FREE, INSTALLED, POLLS_DUE, POLL_AGAIN, NEXT_POLL };

#define COLUMNS                                                                                     \
    "s.tenant_id, coalesce(t.name, ''), s.image_id, coalesce(i.name, ''), coalesce(i.version, '')," \
    " coalesce(s.state, ''), s.since_ms, s.poll_due_ms"
#define NAMES " LEFT JOIN tenant t ON t.id = s.tenant_id LEFT JOIN image i ON i.id = s.image_id"

static const struct statements statements = {
    DOMAIN_SLOT,
    {
        [GET] = "SELECT d.id, ?2, " COLUMNS
                " FROM device d LEFT JOIN slot s ON s.device_id = d.id AND s.slot = ?2" NAMES " WHERE d.id = ?1",
        [EACH] = "SELECT s.device_id, s.slot, " COLUMNS " FROM slot s" NAMES " WHERE s.device_id = ? ORDER BY s.slot",
        [TAKE] = "INSERT INTO slot (device_id, slot, tenant_id, state, since_ms) VALUES (?, ?, ?, 'reserved', ?)"
                 " ON CONFLICT (device_id, slot) DO UPDATE SET tenant_id = excluded.tenant_id"
                 " WHERE tenant_id = excluded.tenant_id",
        [FREE] = "DELETE FROM slot WHERE device_id = ? AND slot = ?",
        [INSTALLED] = "UPDATE slot SET image_id = ?1, state = 'installed', poll_due_ms = ?2, since_ms = ?3"
                      " WHERE device_id = ?4 AND slot = ?5"
                      " AND tenant_id = (SELECT tenant_id FROM image WHERE id = ?1)",
        [POLLS_DUE] = "SELECT s.device_id, s.slot, " COLUMNS " FROM slot s" NAMES
                      " WHERE s.poll_due_ms > 0 AND s.poll_due_ms <= ? ORDER BY s.poll_due_ms LIMIT ?",
        [POLL_AGAIN] = "UPDATE slot SET poll_due_ms = ? WHERE device_id = ? AND slot = ?",
        [NEXT_POLL] = "SELECT min(poll_due_ms) FROM slot WHERE poll_due_ms > 0",
    },
};

static void read_slot(struct query *query, void *out)
{
    struct slot *slot = out;

    slot->device_id = take_int(query);
    slot->slot = take_unsigned(query);
    slot->tenant_id = take_int(query);
    take_text(query, slot->tenant, sizeof slot->tenant);
    slot->image_id = take_int(query);
    take_text(query, slot->image, sizeof slot->image);
    take_text(query, slot->version, sizeof slot->version);
    take_text(query, slot->state, sizeof slot->state);
    slot->since_ms = take_int(query);
    slot->poll_due_ms = take_int(query);
}

static int store_slot_get(struct store *store, int64_t device_id, unsigned slot, struct slot *out)
{
    struct query query;

    query_open(&query, store, &statements, GET);
    put_int(&query, device_id);
    put_int(&query, slot);
    return query_one(&query, read_slot, out, sizeof *out);
}

static int store_slot_each(struct store *store, int64_t device_id, int (*each)(void *context, const struct slot *row),
                           void *context)
{
    struct query query;

    query_open(&query, store, &statements, EACH);
    put_int(&query, device_id);
    return QUERY_EACH(&query, slot, read_slot, each, context);
}

static int store_slot_take(struct store *store, int64_t device_id, unsigned slot, int64_t tenant_id, int64_t now_ms)
{
    struct query query;

    query_open(&query, store, &statements, TAKE);
    put_int(&query, device_id);
    put_int(&query, slot);
    put_int(&query, tenant_id);
    put_int(&query, now_ms);
    return query_must_change(&query, REFUSED_CONFLICT);
}

static int store_slot_free(struct store *store, int64_t device_id, unsigned slot)
{
    struct query query;

    query_open(&query, store, &statements, FREE);
    put_int(&query, device_id);
    put_int(&query, slot);
    return query_must_change(&query, REFUSED_UNKNOWN);
}

static int store_slot_installed(struct store *store, int64_t device_id, unsigned slot, int64_t image_id,
                                int64_t poll_due_ms, int64_t now_ms)
{
    struct slot held;
    struct query query;
    int r;

    query_open(&query, store, &statements, INSTALLED);
    put_int(&query, image_id);
    put_int(&query, poll_due_ms);
    put_int(&query, now_ms);
    put_int(&query, device_id);
    put_int(&query, slot);
    r = query_must_change(&query, REFUSED_CONFLICT);
    if (r != REFUSED_CONFLICT)
        return r;
    r = store_slot_get(store, device_id, slot, &held);
    if (r == 0)
        r = held.tenant_id == 0 ? REFUSED_UNKNOWN : REFUSED_CONFLICT;
    return r;
}

static int store_slot_polls_due(struct store *store, int64_t now_ms, unsigned limit,
                                int (*each)(void *context, const struct slot *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, POLLS_DUE);
    put_int(&query, now_ms);
    put_int(&query, limit);
    return QUERY_EACH(&query, slot, read_slot, each, context);
}

static int store_slot_poll_again(struct store *store, int64_t device_id, unsigned slot, int64_t due_ms)
{
    struct query query;

    query_open(&query, store, &statements, POLL_AGAIN);
    put_int(&query, due_ms);
    put_int(&query, device_id);
    put_int(&query, slot);
    return query_must_change(&query, REFUSED_UNKNOWN);
}

static int store_slot_next_poll(struct store *store, int64_t *out_due_ms)
{
    struct query query;

    query_open(&query, store, &statements, NEXT_POLL);
    return query_int(&query, out_due_ms);
}

void store_slot_verbs(struct store *verbs)
{
    verbs->slot_get = store_slot_get;
    verbs->slot_each = store_slot_each;
    verbs->slot_take = store_slot_take;
    verbs->slot_free = store_slot_free;
    verbs->slot_installed = store_slot_installed;
    verbs->slot_polls_due = store_slot_polls_due;
    verbs->slot_poll_again = store_slot_poll_again;
    verbs->slot_next_poll = store_slot_next_poll;
}
