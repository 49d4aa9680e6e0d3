/* store_sqlite_fetch.c - the unguessable paths under which devices fetch, until they expire. */
#include "daemon/store_sqlite/verbs.h"
#include "daemon/store_sqlite/words.h"

enum { BY_PATH, EXPIRE };

static const struct statements statements = {
    DOMAIN_FETCH,
    {
        [BY_PATH] = "SELECT " STEP_COLUMNS ", f.is_manifest, f.digest, length(b.content) FROM fetch_path f"
                    " JOIN step s ON s.id = f.step_id JOIN blob b ON b.digest = f.digest"
                    " WHERE f.path = ? AND f.expires_ms > ?",
        [EXPIRE] = "DELETE FROM fetch_path WHERE expires_ms <= ?",
    },
};

static void read_target(struct query *query, void *out)
{
    struct fetch_target *target = out;

    read_step(query, &target->step);
    target->is_manifest = take_bool(query);
    take_digest(query, target->digest);
    target->total = take_u64(query);
}

static int store_fetch_by_path(struct store *store, const char *path, int64_t now_ms, struct fetch_target *out)
{
    struct query query;

    query_open(&query, store, &statements, BY_PATH);
    put_text(&query, path);
    put_int(&query, now_ms);
    return query_one(&query, read_target, out, sizeof *out);
}

static int store_paths_expire(struct store *store, int64_t now_ms)
{
    struct query query;

    query_open(&query, store, &statements, EXPIRE);
    put_int(&query, now_ms);
    return query_run(&query);
}

void store_fetch_verbs(struct store *verbs)
{
    verbs->fetch_by_path = store_fetch_by_path;
    verbs->paths_expire = store_paths_expire;
}
