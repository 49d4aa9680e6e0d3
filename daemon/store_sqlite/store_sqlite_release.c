/* store_sqlite_release.c - noised answers, kept byte by byte as they left: a replay gives these again. */
#include "daemon/store_sqlite/verbs.h"
#include "daemon/store_sqlite/words.h"

#include <errno.h>

enum { INSERT, ANSWER, ANSWER_READ, KNOWN, BY_REQUEST, BY_ID, EACH, SHARED_INSERT, SHARED_GET };

#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)

#define COLUMNS                                                                                                     \
    "SELECT r.id, r.request, r.tenant_id, t.name, r.query, r.sensor, r.selector, r.parameters, r.from_ms, r.to_ms," \
    " r.mechanism, r.ueps, r.nrho, r.delta, r.ueps IS NULL, r.policy_version, r.cohort, r.created_ms,"              \
    " CASE WHEN length(CAST(r.answer AS BLOB)) < " TEXT(                                                            \
        RELEASE_ANSWER_SIZE) " THEN r.answer END,"                                                                  \
                             " length(CAST(r.answer AS BLOB)), r.request_hash"                                      \
                             " FROM release r JOIN tenant t ON t.id = r.tenant_id"

static const struct statements statements = {
    DOMAIN_RELEASE,
    {
        [INSERT] = "INSERT INTO release (request, request_hash, tenant_id, query, sensor, selector, parameters,"
                   " from_ms, to_ms, mechanism, ueps, nrho, delta, policy_version, cohort, created_ms)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                   " RETURNING id",
        [ANSWER] = "UPDATE release SET answer = CAST(? AS TEXT) WHERE id = ? AND answer IS NULL",
        [ANSWER_READ] = "SELECT answer FROM release WHERE id = ?",
        [KNOWN] = "SELECT 1 FROM release WHERE id = ?",
        [BY_REQUEST] = COLUMNS " WHERE r.tenant_id = ? AND r.request = ?",
        [BY_ID] = COLUMNS " WHERE r.id = ?1 AND (?2 = 0 OR r.tenant_id = ?2)",
        [EACH] = COLUMNS " WHERE (?1 = 0 OR r.tenant_id = ?1) AND r.id > ?2 ORDER BY r.id LIMIT ?3",
        [SHARED_INSERT] = "INSERT INTO shared_value (device_id, sensor, policy_version, query, mechanism, scale_num,"
                          " scale_den, from_ms, to_ms, value, release_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [SHARED_GET] = "SELECT value, release_id FROM shared_value WHERE device_id = ? AND sensor = ?"
                       " AND policy_version = ? AND query = ? AND mechanism = ? AND scale_num = ? AND scale_den = ?"
                       " AND from_ms = ? AND to_ms = ?",
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
    release->answer_size = (size_t)take_int(query); /* a longer one is not in release->answer */
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
    if (release->loss.impure)
        put_id(&query, 0); /* it has no pure epsilon; one that costs nothing has, and it is 0 */
    else
        put_int(&query, release->loss.ueps);
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

    if (size > RELEASE_ANSWER_MAX)
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

static int store_release_answer_read(struct store *store, int64_t id, char *out, size_t capacity, size_t *out_size)
{
    struct query query;

    query_open(&query, store, &statements, ANSWER_READ);
    put_int(&query, id);
    return query_bytes(&query, (uint8_t *)out, capacity, out_size, NULL);
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

static void put_shared(struct query *query, const struct shared_value *value)
{
    put_int(query, value->device_id);
    put_text(query, value->sensor);
    put_int(query, value->policy_version);
    put_text(query, value->query);
    put_text(query, value->mechanism);
    put_int(query, value->scale_num);
    put_int(query, value->scale_den);
    put_int(query, value->from_ms);
    put_int(query, value->to_ms);
}

static int store_shared_insert(struct store *store, const struct shared_value *value)
{
    struct query query;

    query_open(&query, store, &statements, SHARED_INSERT);
    put_shared(&query, value);
    put_int(&query, value->value);
    put_int(&query, value->release_id);
    return query_run(&query);
}

struct shared_row {
    int64_t value, release_id;
};

static void read_shared(struct query *query, void *out)
{
    struct shared_row *row = out;

    row->value = take_int(query);
    row->release_id = take_int(query);
}

static int store_shared_get(struct store *store, struct shared_value *value)
{
    struct shared_row row;
    struct query query;

    query_open(&query, store, &statements, SHARED_GET);
    put_shared(&query, value);
    int r = query_one(&query, read_shared, &row, sizeof row);
    if (r == 0) {
        value->value = row.value;
        value->release_id = row.release_id;
    }
    return r;
}

void store_release_verbs(struct store *verbs)
{
    verbs->release_insert = store_release_insert;
    verbs->release_answer = store_release_answer;
    verbs->release_answer_read = store_release_answer_read;
    verbs->release_by_request = store_release_by_request;
    verbs->release_by_id = store_release_by_id;
    verbs->release_each = store_release_each;
    verbs->shared_insert = store_shared_insert;
    verbs->shared_get = store_shared_get;
}
