/* store_sqlite_policy.c - noise policies, in versions that only rise. */
#include "daemon/store_sqlite/verbs.h"
#include "daemon/store_sqlite/words.h"

enum { INSERT, NEWEST, VERSION, EACH };

#define COLUMNS                                                                                                       \
    "SELECT id, sensor, version, unit, adjacency, epoch_ms, scale, lower, upper, unit_text, mechanism, reading_ueps," \
    " reading_nrho, reading_delta, reading_impure, parameter_num, parameter_den, memo_step, contributions,"           \
    " interval_ms, retention_ms, created_ms, dimension, document FROM policy"

static const struct statements statements = {
    DOMAIN_POLICY,
    {
        [INSERT] =
            "INSERT INTO policy (sensor, version, unit, adjacency, epoch_ms, scale, lower, upper, unit_text,"
            " mechanism, reading_ueps, reading_nrho, reading_delta, reading_impure, parameter_num, parameter_den,"
            " memo_step, contributions, interval_ms, retention_ms, created_ms, dimension, document) SELECT ?1, ?2, ?3, "
            "?4, ?5, "
            "?6, ?7,"
            " ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23"
            " WHERE ?2 = (SELECT coalesce(max(version), 0) + 1 FROM policy WHERE sensor = ?1) RETURNING id",
        [NEWEST] = COLUMNS " WHERE sensor = ? ORDER BY version DESC LIMIT 1",
        [VERSION] = COLUMNS " WHERE sensor = ? AND version = ?",
        [EACH] = COLUMNS " WHERE id > ? ORDER BY id LIMIT ?",
    },
};

static void read_policy(struct query *query, void *out)
{
    struct policy *policy = out;

    policy->id = take_int(query);
    take_text(query, policy->sensor, sizeof policy->sensor);
    policy->version = take_int(query);
    take_text(query, policy->unit, sizeof policy->unit);
    take_text(query, policy->adjacency, sizeof policy->adjacency);
    policy->epoch_ms = take_int(query);
    policy->scale = take_int(query);
    policy->lower = take_int(query);
    policy->upper = take_int(query);
    take_text(query, policy->unit_text, sizeof policy->unit_text);
    take_text(query, policy->mechanism, sizeof policy->mechanism);
    policy->reading.ueps = take_int(query);
    policy->reading.nrho = take_int(query);
    policy->reading.delta = take_int(query);
    policy->reading.impure = take_bool(query);
    policy->parameter_num = take_int(query);
    policy->parameter_den = take_int(query);
    policy->memo_step = take_int(query);
    policy->contributions = take_int(query);
    policy->interval_ms = take_int(query);
    policy->retention_ms = take_int(query);
    policy->created_ms = take_int(query);
    policy->dimension = take_int(query);
    take_bytes(query, policy->document, sizeof policy->document, &policy->document_size);
}

static int store_policy_insert(struct store *store, struct policy *policy)
{
    struct query query;
    int r;

    query_open(&query, store, &statements, INSERT);
    put_text(&query, policy->sensor);
    put_int(&query, policy->version);
    put_text(&query, policy->unit);
    put_text(&query, policy->adjacency);
    put_int(&query, policy->epoch_ms);
    put_int(&query, policy->scale);
    put_int(&query, policy->lower);
    put_int(&query, policy->upper);
    put_text(&query, policy->unit_text);
    put_text(&query, policy->mechanism);
    put_int(&query, policy->reading.ueps);
    put_int(&query, policy->reading.nrho);
    put_int(&query, policy->reading.delta);
    put_int(&query, policy->reading.impure);
    put_int(&query, policy->parameter_num);
    put_int(&query, policy->parameter_den);
    put_int(&query, policy->memo_step);
    put_int(&query, policy->contributions);
    put_int(&query, policy->interval_ms);
    put_int(&query, policy->retention_ms);
    put_int(&query, policy->created_ms);
    put_int(&query, policy->dimension);
    put_bytes(&query, bytes_view(policy->document, policy->document_size));
    r = query_int(&query, &policy->id);
    return r == REFUSED_UNKNOWN ? REFUSED_CONFLICT : r;
}

static int store_policy_newest(struct store *store, const char *sensor, struct policy *out)
{
    struct query query;

    query_open(&query, store, &statements, NEWEST);
    put_text(&query, sensor);
    return query_one(&query, read_policy, out, sizeof *out);
}

static int store_policy_version(struct store *store, const char *sensor, int64_t version, struct policy *out)
{
    struct query query;

    query_open(&query, store, &statements, VERSION);
    put_text(&query, sensor);
    put_int(&query, version);
    return query_one(&query, read_policy, out, sizeof *out);
}

static int store_policy_each(struct store *store, struct page page,
                             int (*each)(void *context, const struct policy *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, EACH);
    put_page(&query, page);
    return QUERY_EACH(&query, policy, read_policy, each, context);
}

void store_policy_verbs(struct store *verbs)
{
    verbs->policy_insert = store_policy_insert;
    verbs->policy_newest = store_policy_newest;
    verbs->policy_version = store_policy_version;
    verbs->policy_each = store_policy_each;
}
