/* store_sqlite_release.c - noised answers, kept byte by byte as they left: a replay gives these again. */
#include "daemon/store_sqlite/verbs.h"
#include "daemon/store_sqlite/words.h"

#include <errno.h>

enum { INSERT, ANSWER, KNOWN, BY_REQUEST, BY_ID, EACH };

#define COLUMNS                                                                                                     \
    "SELECT r.id, r.request, r.tenant_id, t.name, r.query, r.sensor, r.selector, r.parameters, r.from_ms, r.to_ms," \
    " r.mechanism, r.ueps, r.nrho, r.delta, r.ueps IS NULL, r.policy_version, r.cohort, r.created_ms, r.answer,"    \
    " r.request_hash"                                                                                               \
    " FROM release r JOIN tenant t ON t.id = r.tenant_id"

static const struct statements statements = {
    DOMAIN_RELEASE,
    {
        [INSERT] = "INSERT INTO release (request, request_hash, tenant_id, query, sensor, selector, parameters,"
                   " from_ms, to_ms, mechanism, ueps, nrho, delta, policy_version, cohort, created_ms)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                   " RETURNING id",
        [ANSWER] = "UPDATE release SET answer = CAST(? AS TEXT) WHERE id = ? AND answer IS NULL",
        [KNOWN] = "SELECT 1 FROM release WHERE id = ?",
        [BY_REQUEST] = COLUMNS " WHERE r.tenant_id = ? AND r.request = ?",
        [BY_ID] = COLUMNS " WHERE r.id = ?1 AND (?2 = 0 OR r.tenant_id = ?2)",
        [EACH] = COLUMNS " WHERE (?1 = 0 OR r.tenant_id = ?1) AND r.id > ?2 ORDER BY r.id LIMIT ?3",
    },
};

struct release_row {
    struct release release;
    uint8_t request_hash[DIGEST_SIZE];
};

static void read_release(struct query *query, void *out)
{
    struct release *release = out;

    release->id = take_int(query);
    take_text(query, release->request, sizeof release->request);
    release->tenant_id = take_int(query);
    take_text(query, release->tenant, sizeof release->tenant);
    take_text(query, release->query, sizeof release->query);
    take_text(query, release->sensor, sizeof release->sensor);
    take_text(query, release->selector, sizeof release->selector);
    take_text(query, release->parameters, sizeof release->parameters);
    release->from_ms = take_int(query);
    release->to_ms = take_int(query);
    take_text(query, release->mechanism, sizeof release->mechanism);
    release->loss.ueps = take_int(query);
    release->loss.nrho = take_int(query);
    release->loss.delta = take_int(query);
    release->loss.impure = take_bool(query);
    release->policy_version = take_int(query);
    release->cohort = take_int(query);
    release->created_ms = take_int(query);
    take_bytes(query, (uint8_t *)release->answer, sizeof release->answer - 1, &release->answer_size);
}

static void read_release_and_hash(struct query *query, void *out)
{
    struct release_row *row = out;

    read_release(query, &row->release);
    take_digest(query, row->request_hash);
}

static int store_release_insert(struct store *store, struct release *release, const uint8_t request_hash[DIGEST_SIZE])
{
    struct query query;

    query_open(&query, store, &statements, INSERT);
    put_text(&query, release->request);
    put_digest(&query, request_hash);
    put_int(&query, release->tenant_id);
    put_text(&query, release->query);
    put_text(&query, release->sensor);
    put_text(&query, release->selector);
    put_text(&query, release->parameters);
    put_int(&query, release->from_ms);
    put_int(&query, release->to_ms);
    put_text(&query, release->mechanism);
    put_id(&query, release->loss.ueps); /* 0: it has no pure epsilon */
    put_int(&query, release->loss.nrho);
    put_int(&query, release->loss.delta);
    put_int(&query, release->policy_version);
    put_int(&query, release->cohort);
    put_int(&query, release->created_ms);
    return query_int(&query, &release->id);
}

static int store_release_answer(struct store *store, int64_t id, const char *answer, size_t size)
{
    struct query query;
    int64_t one;
    int r;

    if (size >= sizeof((struct release *)NULL)->answer)
        return -E2BIG;
    query_open(&query, store, &statements, ANSWER);
    put_bytes(&query, bytes_view(answer, size));
    put_int(&query, id);
    r = query_must_change(&query, REFUSED_CONFLICT);
    if (r != REFUSED_CONFLICT)
        return r;
    query_open(&query, store, &statements, KNOWN);
    put_int(&query, id);
    r = query_int(&query, &one);
    return r == 0 ? REFUSED_CONFLICT : r;
}

static int store_release_by_request(struct store *store, int64_t tenant_id, const char *request, struct release *out,
                                    uint8_t out_request_hash[DIGEST_SIZE])
{
    struct release_row row;
    struct query query;
    int r;

    query_open(&query, store, &statements, BY_REQUEST);
    put_int(&query, tenant_id);
    put_text(&query, request);
    r = query_one(&query, read_release_and_hash, &row, sizeof row);
    if (r == 0) {
        *out = row.release;
        memcpy(out_request_hash, row.request_hash, DIGEST_SIZE);
    }
    return r;
}

static int store_release_by_id(struct store *store, int64_t tenant_id, int64_t id, struct release *out)
{
    struct query query;

    query_open(&query, store, &statements, BY_ID);
    put_int(&query, id);
    put_int(&query, tenant_id);
    return query_one(&query, read_release, out, sizeof *out);
}

static int store_release_each(struct store *store, int64_t tenant_id, struct page page,
                              int (*each)(void *context, const struct release *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, EACH);
    put_int(&query, tenant_id);
    put_page(&query, page);
    return QUERY_EACH(&query, release, read_release, each, context);
}

void store_release_verbs(struct store *verbs)
{
    verbs->release_insert = store_release_insert;
    verbs->release_answer = store_release_answer;
    verbs->release_by_request = store_release_by_request;
    verbs->release_by_id = store_release_by_id;
    verbs->release_each = store_release_each;
}
