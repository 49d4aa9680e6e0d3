/* store_sqlite_running.c - series of running counts: whom they are over, and the noised partial sums so far. */
#include "daemon/store_sqlite/verbs.h"
#include "daemon/store_sqlite/words.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/store_sqlite/charge.h"

enum { COHORT_OF, INSERT, GET, WHOSE, DEPARTED, SUM_INSERT, KNOWN, SUM_EACH };

static const struct statements statements = {
    DOMAIN_RUNNING,
    {
        [COHORT_OF] = "SELECT id FROM cohort WHERE sha256 = ?",
        [INSERT] = "INSERT INTO running_series (tenant_id, sensor, selector, mechanism, epoch, step_ms, policy_version,"
                   " scale_num, scale_den, release_id, cohort_id, device_id, departures)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, (SELECT coalesce(max(number), 0) FROM departure))"
                   " RETURNING id",
        [GET] = "SELECT s.id, s.release_id, (SELECT coalesce(max(step), 0) FROM running_sum WHERE series_id = s.id)"
                " FROM running_series s WHERE s.tenant_id = ? AND s.sensor = ? AND s.selector = ? AND s.mechanism = ?"
                " AND s.epoch = ? AND s.step_ms = ? AND s.policy_version = ? AND s.scale_num = ? AND s.scale_den = ?",
        [WHOSE] = "SELECT cohort_id, device_id FROM running_series WHERE id = ?",
        [DEPARTED] = "SELECT device_id FROM departure"
                     " WHERE number > (SELECT departures FROM running_series WHERE id = ?) ORDER BY number",
        [SUM_INSERT] = "INSERT INTO running_sum (series_id, step, value) SELECT ?1, ?2, ?3"
                       " WHERE ?2 = 1 + (SELECT coalesce(max(step), 0) FROM running_sum WHERE series_id = ?1)"
                       " AND EXISTS (SELECT 1 FROM running_series WHERE id = ?1)",
        [KNOWN] = "SELECT 1 FROM running_series WHERE id = ?",
        [SUM_EACH] = "SELECT step, value FROM running_sum WHERE series_id = ? ORDER BY step",
    },
};

static void put_series(struct query *query, const struct running_series *series)
{
    put_int(query, series->tenant_id);
    put_text(query, series->sensor);
    put_text(query, series->selector);
    put_text(query, series->mechanism);
    put_int(query, series->epoch);
    put_int(query, series->step_ms);
    put_int(query, series->policy_version);
    put_int(query, series->scale_num);
    put_int(query, series->scale_den);
}

static int store_running_insert(struct store *store, struct running_series *series, const struct cohort *cohort)
{
    const bool is_one = cohort->device_count == 1;
    int64_t cohort_id = 0;
    struct query query;
    int r = 0;

    if (!is_one) {
        query_open(&query, store, &statements, COHORT_OF);
        put_digest(&query, cohort->digest);
        r = query_int(&query, &cohort_id);
    }
    if (r != 0)
        return r;
    query_open(&query, store, &statements, INSERT);
    put_series(&query, series);
    put_int(&query, series->release_id);
    put_id(&query, cohort_id);
    put_id(&query, is_one ? charge_only_device(cohort) : 0);
    return query_int(&query, &series->id);
}

struct series_row {
    int64_t id, release_id, drawn;
};

static void read_series(struct query *query, void *out)
{
    struct series_row *row = out;

    row->id = take_int(query);
    row->release_id = take_int(query);
    row->drawn = take_int(query);
}

static int store_running_get(struct store *store, struct running_series *series)
{
    struct series_row row;
    struct query query;

    query_open(&query, store, &statements, GET);
    put_series(&query, series);
    int r = query_one(&query, read_series, &row, sizeof row);
    if (r == 0) {
        series->id = row.id;
        series->release_id = row.release_id;
        series->drawn = row.drawn;
    }
    return r;
}

struct whose {
    int64_t cohort_id, device_id;
};

static void read_whose(struct query *query, void *out)
{
    struct whose *whose = out;

    whose->cohort_id = take_int(query);
    whose->device_id = take_int(query);
}

static int store_running_cohort(struct store *store, int64_t series_id, struct cohort *out)
{
    struct whose whose;
    struct query query;

    query_open(&query, store, &statements, WHOSE);
    put_int(&query, series_id);
    int r = query_one(&query, read_whose, &whose, sizeof whose);
    if (r != 0)
        return r;
    if (whose.cohort_id != 0)
        return store->cohort_read(store, whose.cohort_id, out);
    struct cohort_member *member = calloc(1, sizeof *member);
    if (member == NULL)
        return -ENOMEM;
    *member = (struct cohort_member){ (uint32_t)(whose.device_id / 64), UINT64_C(1) << (whose.device_id % 64) };
    *out = (struct cohort){ .members = member, .member_count = 1, .device_count = 1 };
    return 0;
}

static void read_departure(struct query *query, void *out)
{
    ((struct departure *)out)->device_id = take_int(query);
}

static int store_running_departed(struct store *store, int64_t series_id,
                                  int (*each)(void *context, const struct departure *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, DEPARTED);
    put_int(&query, series_id);
    return QUERY_EACH(&query, departure, read_departure, each, context);
}

static int store_running_sum_insert(struct store *store, int64_t series_id, const struct running_sum *sum)
{
    struct query query;
    int64_t one;

    query_open(&query, store, &statements, SUM_INSERT);
    put_int(&query, series_id);
    put_int(&query, sum->step);
    put_int(&query, sum->value);
    int r = query_must_change(&query, REFUSED_CONFLICT);
    if (r != REFUSED_CONFLICT)
        return r;
    query_open(&query, store, &statements, KNOWN);
    put_int(&query, series_id);
    r = query_int(&query, &one);
    return r == 0 ? REFUSED_CONFLICT : r;
}

static void read_sum(struct query *query, void *out)
{
    struct running_sum *sum = out;

    sum->step = take_int(query);
    sum->value = take_int(query);
}

static int store_running_sum_each(struct store *store, int64_t series_id,
                                  int (*each)(void *context, const struct running_sum *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, SUM_EACH);
    put_int(&query, series_id);
    return QUERY_EACH(&query, running_sum, read_sum, each, context);
}

void store_running_verbs(struct store *verbs)
{
    verbs->running_insert = store_running_insert;
    verbs->running_get = store_running_get;
    verbs->running_cohort = store_running_cohort;
    verbs->running_departed = store_running_departed;
    verbs->running_sum_insert = store_running_sum_insert;
    verbs->running_sum_each = store_running_sum_each;
}
