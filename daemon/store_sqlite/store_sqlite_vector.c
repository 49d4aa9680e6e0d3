/* store_sqlite_vector.c - vectors as devices gave them. reading_expire (store_sqlite_reading.c) forgets them in time.
 */
#include "daemon/store_sqlite/statement.h"
#include "daemon/store_sqlite/verbs.h"

enum { INSERT, EACH, READ };

static const struct statements statements = {
    DOMAIN_VECTOR,
    {
        [INSERT] = "INSERT INTO vector (device_id, sensor, epoch, received_ms, policy_version, dimension, coordinates)"
                   " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE ?8 > (SELECT count(*) FROM vector INDEXED BY vector_asked"
                   " WHERE device_id = ?1 AND sensor = ?2 AND epoch = ?3)",
        /* The index has them in the order of their ids, which is that in which they came. */
        [EACH] = "SELECT id FROM vector INDEXED BY vector_asked WHERE device_id = ? AND sensor = ?"
                 " AND epoch = ? AND received_ms >= ? AND received_ms < ? ORDER BY id LIMIT ?",
        [READ] = "SELECT coordinates FROM vector WHERE id = ?",
    },
};

static int store_vector_insert(struct store *store, const struct vector *vector, int64_t most)
{
    struct query query;

    query_open(&query, store, &statements, INSERT);
    put_int(&query, vector->device_id);
    put_text(&query, vector->sensor);
    put_int(&query, vector->epoch);
    put_int(&query, vector->received_ms);
    put_int(&query, vector->policy_version);
    put_int(&query, vector->dimension);
    put_bytes(&query, vector->coordinates);
    put_int(&query, most);
    return query_must_change(&query, REFUSED_BUSY);
}

static void read_place(struct query *query, void *out)
{
    ((struct vector_place *)out)->id = take_int(query);
}

static int store_vector_each(struct store *store, const struct aggregate_query *wanted,
                             int (*each)(void *context, const struct vector_place *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, EACH);
    put_int(&query, wanted->device_id);
    put_text(&query, wanted->sensor);
    put_int(&query, wanted->epoch);
    put_int(&query, wanted->from_ms);
    put_int(&query, wanted->to_ms);
    put_int(&query, wanted->contributions);
    return QUERY_EACH(&query, vector_place, read_place, each, context);
}

static int store_vector_read(struct store *store, int64_t id, uint8_t *out, size_t capacity, size_t *out_size)
{
    struct query query;

    query_open(&query, store, &statements, READ);
    put_int(&query, id);
    return query_bytes(&query, out, capacity, out_size, NULL);
}

void store_vector_verbs(struct store *verbs)
{
    verbs->vector_insert = store_vector_insert;
    verbs->vector_each = store_vector_each;
    verbs->vector_read = store_vector_read;
}
