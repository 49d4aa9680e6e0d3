/* store_sqlite_reading.c - readings, raw and noised, and what is summed over them. */
#include "daemon/store_sqlite/verbs.h"
#include "daemon/store_sqlite/words.h"

/* The newest of one kind. Ids rise with the ledger's time, so they have the highest ids, and the index has them in that
 * order. Everything narrows before the limit, nothing after it: at most contributions rows count. */
#define NEWEST(noised, values, only)                                                             \
    "SELECT " values " FROM reading INDEXED BY reading_asked"                                    \
    " WHERE device_id = ?1 AND sensor = ?2 AND epoch = ?3 AND noised = " noised                  \
    " AND (tenant_id IS NULL OR tenant_id = ?4) AND received_ms >= ?5 AND received_ms < ?6" only \
    " ORDER BY id DESC LIMIT ?7"
#define NEWEST_RAW NEWEST("0", "min(max(value, ?8), ?9) AS value", " AND scale = ?10")

/* The first of one kind of the whole epoch, whatever the window: which ones these are, nothing that comes later
 * changes.
 */
#define FIRST(noised, only)                                                     \
    "SELECT * FROM (SELECT received_ms FROM reading INDEXED BY reading_asked"   \
    " WHERE device_id = ?1 AND sensor = ?2 AND epoch = ?3 AND noised = " noised \
    " AND (tenant_id IS NULL OR tenant_id = ?4)" only " ORDER BY id LIMIT ?8)"

enum { INSERT, AGGREGATE, VALUES, REPORTS, STEPS, EXPIRE, EXPIRE_VECTORS, COUNT_RAW, COUNT_NOISED };

static const struct statements statements = {
    DOMAIN_READING,
    {
        [INSERT] = "INSERT INTO reading (device_id, sensor, tenant_id, epoch, received_ms, value, scale,"
                   " policy_version, noised) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        [AGGREGATE] = "SELECT count(*), coalesce(sum(value), 0) FROM (" NEWEST_RAW ")",
        [VALUES] = NEWEST_RAW,
        [REPORTS] = NEWEST("1", "value, policy_version", ""),
        [STEPS] =
            "SELECT (received_ms - ?5) / ?9 + 1, count(*) FROM (" FIRST("0", " AND scale = ?7") " UNION ALL " FIRST(
                "1", "") ")"
                         " WHERE received_ms >= ?5 AND received_ms < ?6 GROUP BY 1 ORDER BY 1",
        [EXPIRE] = "DELETE FROM reading WHERE id IN (SELECT r.id FROM policy p CROSS JOIN reading r"
                   " INDEXED BY reading_raw ON r.sensor = p.sensor AND r.policy_version = p.version"
                   " WHERE r.noised = 0 AND r.received_ms < ?1 - p.retention_ms"
                   " UNION ALL SELECT r.id FROM policy p CROSS JOIN reading r INDEXED BY reading_noised"
                   " ON r.sensor = p.sensor AND r.policy_version = p.version"
                   " WHERE r.noised = 1 AND r.received_ms < ?1 - p.retention_ms LIMIT ?2)",
        [EXPIRE_VECTORS] = "DELETE FROM vector WHERE id IN (SELECT v.id FROM policy p CROSS JOIN vector v"
                           " INDEXED BY vector_kept ON v.sensor = p.sensor AND v.policy_version = p.version"
                           " WHERE v.received_ms < ?1 - p.retention_ms LIMIT ?2)",
        [COUNT_RAW] = "SELECT value FROM fact WHERE name = 'readings_raw'",
        [COUNT_NOISED] = "SELECT value FROM fact WHERE name = 'readings_noised'",
    },
};

static int store_reading_insert(struct store *store, struct reading *reading)
{
    struct query query;

    query_open(&query, store, &statements, INSERT);
    put_int(&query, reading->device_id);
    put_text(&query, reading->sensor);
    put_id(&query, reading->tenant_id);
    put_int(&query, reading->epoch);
    put_int(&query, reading->received_ms);
    put_int(&query, reading->value);
    put_int(&query, reading->scale);
    put_int(&query, reading->policy_version);
    put_int(&query, reading->noised);
    return query_int(&query, &reading->id);
}

static void read_aggregate(struct query *query, void *out)
{
    struct aggregate *aggregate = out;

    aggregate->count = take_int(query);
    aggregate->sum = take_int(query);
}

static void put_wanted(struct query *query, const struct aggregate_query *wanted)
{
    put_int(query, wanted->device_id);
    put_text(query, wanted->sensor);
    put_int(query, wanted->epoch);
    put_int(query, wanted->tenant_id);
    put_int(query, wanted->from_ms);
    put_int(query, wanted->to_ms);
    put_int(query, wanted->contributions);
}

static void put_clamp(struct query *query, const struct aggregate_query *wanted)
{
    put_int(query, wanted->lower);
    put_int(query, wanted->upper);
    put_int(query, wanted->scale);
}

static int store_reading_aggregate(struct store *store, const struct aggregate_query *wanted, struct aggregate *out)
{
    struct query query;

    query_open(&query, store, &statements, AGGREGATE);
    put_wanted(&query, wanted);
    put_clamp(&query, wanted);
    return query_one(&query, read_aggregate, out, sizeof *out);
}

static void read_value(struct query *query, void *out)
{
    ((struct reading_value *)out)->value = take_int(query);
}

static int store_reading_values(struct store *store, const struct aggregate_query *wanted,
                                int (*each)(void *context, const struct reading_value *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, VALUES);
    put_wanted(&query, wanted);
    put_clamp(&query, wanted);
    return QUERY_EACH(&query, reading_value, read_value, each, context);
}

static void read_step_count(struct query *query, void *out)
{
    struct step_count *step = out;

    step->step = take_int(query);
    step->count = take_int(query);
}

static int store_reading_steps(struct store *store, const struct aggregate_query *wanted, int64_t step_ms,
                               int (*each)(void *context, const struct step_count *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, STEPS);
    put_int(&query, wanted->device_id);
    put_text(&query, wanted->sensor);
    put_int(&query, wanted->epoch);
    put_int(&query, wanted->tenant_id);
    put_int(&query, wanted->from_ms);
    put_int(&query, wanted->to_ms);
    put_int(&query, wanted->scale);
    put_int(&query, wanted->contributions);
    put_int(&query, step_ms);
    return QUERY_EACH(&query, step_count, read_step_count, each, context);
}

static void read_report(struct query *query, void *out)
{
    struct reading_report *report = out;

    report->value = take_int(query);
    report->policy_version = take_int(query);
}

static int store_reading_reports(struct store *store, const struct aggregate_query *wanted,
                                 int (*each)(void *context, const struct reading_report *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, REPORTS);
    put_wanted(&query, wanted);
    return QUERY_EACH(&query, reading_report, read_report, each, context);
}

static int expire(struct store *store, unsigned which, int64_t now_ms, int64_t limit, int64_t *out_deleted)
{
    struct query query;

    query_open(&query, store, &statements, which);
    put_int(&query, now_ms);
    put_int(&query, limit);
    return query_changes(&query, out_deleted);
}

static int store_reading_expire(struct store *store, int64_t now_ms, unsigned limit, int64_t *out_deleted)
{
    int64_t readings = 0, vectors = 0;

    int r = expire(store, EXPIRE, now_ms, limit, &readings);
    if (r == 0)
        r = expire(store, EXPIRE_VECTORS, now_ms, limit - readings, &vectors);
    if (r == 0)
        *out_deleted = readings + vectors;
    return r;
}

static int store_reading_count(struct store *store, int64_t *out_raw, int64_t *out_noised)
{
    int64_t raw = 0;
    struct query query;
    int r;

    query_open(&query, store, &statements, COUNT_RAW);
    r = query_int(&query, &raw);
    if (r != 0)
        return r;
    query_open(&query, store, &statements, COUNT_NOISED);
    r = query_int(&query, out_noised);
    if (r == 0)
        *out_raw = raw;
    return r;
}

void store_reading_verbs(struct store *verbs)
{
    verbs->reading_insert = store_reading_insert;
    verbs->reading_aggregate = store_reading_aggregate;
    verbs->reading_values = store_reading_values;
    verbs->reading_steps = store_reading_steps;
    verbs->reading_reports = store_reading_reports;
    verbs->reading_expire = store_reading_expire;
    verbs->reading_count = store_reading_count;
}
