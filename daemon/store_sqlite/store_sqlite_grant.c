/* store_sqlite_grant.c - what owners let tenants use. */
#include "daemon/store_sqlite/verbs.h"
#include "daemon/store_sqlite/words.h"

enum { INSERT, BY_ID, EACH, REVOKE };

#define COLUMNS                                                                                              \
    "SELECT g.id, g.tenant_id, t.name, g.selector, g.sensors, g.helpers, g.slots, g.until_ms, g.created_ms," \
    " g.revoked_ms, g.unproven FROM grant g JOIN tenant t ON t.id = g.tenant_id"

static const struct statements statements = {
    DOMAIN_GRANT,
    {
        [INSERT] = "INSERT INTO grant (tenant_id, selector, sensors, helpers, slots, until_ms, created_ms, revoked_ms,"
                   " unproven) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        [BY_ID] = COLUMNS " WHERE g.id = ?",
        [EACH] = COLUMNS " WHERE (?1 = 0 OR g.tenant_id = ?1)"
                         " AND (?2 = 0 OR (g.revoked_ms = 0 AND (g.until_ms = 0 OR g.until_ms > ?3)))"
                         " AND g.id > ?4 ORDER BY g.id LIMIT ?5",
        [REVOKE] = "UPDATE grant SET revoked_ms = ? WHERE id = ? AND revoked_ms = 0",
    },
};

static void read_grant(struct query *query, void *out)
{
    struct grant *grant = out;

    grant->id = take_int(query);
    grant->tenant_id = take_int(query);
    take_text(query, grant->tenant, sizeof grant->tenant);
    take_text(query, grant->selector, sizeof grant->selector);
    take_text(query, grant->sensors, sizeof grant->sensors);
    take_text(query, grant->helpers, sizeof grant->helpers);
    take_text(query, grant->slots, sizeof grant->slots);
    grant->until_ms = take_int(query);
    grant->created_ms = take_int(query);
    grant->revoked_ms = take_int(query);
    grant->unproven = take_bool(query);
}

static int store_grant_insert(struct store *store, struct grant *grant)
{
    struct query query;

    query_open(&query, store, &statements, INSERT);
    put_int(&query, grant->tenant_id);
    put_text(&query, grant->selector);
    put_text(&query, grant->sensors);
    put_text(&query, grant->helpers);
    put_text(&query, grant->slots);
    put_int(&query, grant->until_ms);
    put_int(&query, grant->created_ms);
    put_int(&query, grant->revoked_ms);
    put_int(&query, grant->unproven);
    return query_int(&query, &grant->id);
}

static int store_grant_by_id(struct store *store, int64_t id, struct grant *out)
{
    struct query query;

    query_open(&query, store, &statements, BY_ID);
    put_int(&query, id);
    return query_one(&query, read_grant, out, sizeof *out);
}

static int store_grant_each(struct store *store, int64_t tenant_id, bool live_only, int64_t now_ms, struct page page,
                            int (*each)(void *context, const struct grant *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, EACH);
    put_int(&query, tenant_id);
    put_int(&query, live_only);
    put_int(&query, now_ms);
    put_page(&query, page);
    return QUERY_EACH(&query, grant, read_grant, each, context);
}

static int store_grant_revoke(struct store *store, int64_t id, int64_t now_ms)
{
    struct grant known;
    struct query query;
    int r;

    query_open(&query, store, &statements, REVOKE);
    put_int(&query, now_ms);
    put_int(&query, id);
    r = query_must_change(&query, REFUSED_CONFLICT);
    if (r != REFUSED_CONFLICT)
        return r;
    r = store_grant_by_id(store, id, &known);
    return r == 0 ? REFUSED_CONFLICT : r;
}

void store_grant_verbs(struct store *verbs)
{
    verbs->grant_insert = store_grant_insert;
    verbs->grant_by_id = store_grant_by_id;
    verbs->grant_each = store_grant_each;
    verbs->grant_revoke = store_grant_revoke;
}
