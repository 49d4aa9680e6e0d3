/* store_sqlite_audit.c - the record of who did what, which only grows, and the registry's own small facts. */
#include "daemon/store_sqlite/verbs.h"
#include "daemon/store_sqlite/words.h"

enum { HEAD, INSERT, EACH, FACT_GET, FACT_SET, FACT_RAISE };

static const struct statements statements = {
    DOMAIN_AUDIT,
    {
        [HEAD] = "SELECT sequence, hash FROM audit ORDER BY sequence DESC LIMIT 1",
        [INSERT] = "INSERT INTO audit (sequence, at_ms, actor, action, subject, tenant_id, detail, previous, hash)"
                   " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9"
                   " WHERE ?1 = (SELECT coalesce(max(sequence), 0) + 1 FROM audit)",
        [EACH] = "SELECT sequence, at_ms, actor, action, subject, tenant_id, detail, previous, hash FROM audit"
                 " WHERE (?1 = 0 OR tenant_id = ?1) AND sequence > ?2 ORDER BY sequence LIMIT ?3",
        [FACT_GET] = "SELECT value FROM fact WHERE name = ?",
        [FACT_SET] = "INSERT INTO fact (name, value) VALUES (?, ?)"
                     " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        [FACT_RAISE] = "INSERT INTO fact (name, value) VALUES (?, ?)"
                       " ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value) RETURNING value",
    },
};

static void read_head(struct query *query, void *out)
{
    struct audit_entry *entry = out;

    entry->sequence = take_int(query);
    take_digest(query, entry->hash);
}

static int store_audit_head(struct store *store, int64_t *out_sequence, uint8_t out_hash[DIGEST_SIZE])
{
    struct audit_entry head = { .sequence = 0 };
    struct query query;
    int r;

    query_open(&query, store, &statements, HEAD);
    r = query_one(&query, read_head, &head, sizeof head);
    if (r != 0 && r != REFUSED_UNKNOWN)
        return r;
    *out_sequence = head.sequence;
    memcpy(out_hash, head.hash, DIGEST_SIZE);
    return 0;
}

static int store_audit_insert(struct store *store, const struct audit_entry *entry)
{
    struct query query;

    query_open(&query, store, &statements, INSERT);
    put_int(&query, entry->sequence);
    put_int(&query, entry->at_ms);
    put_text(&query, entry->actor);
    put_text(&query, entry->action);
    put_text(&query, entry->subject);
    put_int(&query, entry->tenant_id);
    put_text(&query, entry->detail);
    put_digest(&query, entry->previous);
    put_digest(&query, entry->hash);
    return query_must_change(&query, REFUSED_CONFLICT);
}

static void read_entry(struct query *query, void *out)
{
    struct audit_entry *entry = out;

    entry->sequence = take_int(query);
    entry->at_ms = take_int(query);
    take_text(query, entry->actor, sizeof entry->actor);
    take_text(query, entry->action, sizeof entry->action);
    take_text(query, entry->subject, sizeof entry->subject);
    entry->tenant_id = take_int(query);
    take_text(query, entry->detail, sizeof entry->detail);
    take_digest(query, entry->previous);
    take_digest(query, entry->hash);
}

static int store_audit_each(struct store *store, int64_t tenant_id, struct page page,
                            int (*each)(void *context, const struct audit_entry *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, EACH);
    put_int(&query, tenant_id);
    put_page(&query, page);
    return QUERY_EACH(&query, audit_entry, read_entry, each, context);
}

static int store_fact_get(struct store *store, const char *name, int64_t *out)
{
    struct query query;

    query_open(&query, store, &statements, FACT_GET);
    put_text(&query, name);
    return query_int(&query, out);
}

static int store_fact_set(struct store *store, const char *name, int64_t value)
{
    struct query query;

    query_open(&query, store, &statements, FACT_SET);
    put_text(&query, name);
    put_int(&query, value);
    return query_run(&query);
}

static int store_fact_raise(struct store *store, const char *name, int64_t value, int64_t *out)
{
    int64_t now = 0;
    struct query query;
    int r;

    query_open(&query, store, &statements, FACT_RAISE);
    put_text(&query, name);
    put_int(&query, value);
    r = query_int(&query, &now);
    if (r == 0 && out != NULL)
        *out = now;
    return r;
}

void store_audit_verbs(struct store *verbs)
{
    verbs->audit_head = store_audit_head;
    verbs->audit_insert = store_audit_insert;
    verbs->audit_each = store_audit_each;
    verbs->fact_get = store_fact_get;
    verbs->fact_set = store_fact_set;
    verbs->fact_raise = store_fact_raise;
}
