/* store_sqlite_charge_one.c - a charge of one device, without savepoint, recursion or upsert.
 * One statement reads all that decides; what has no room is refused before anything is written. Between reading and
 * writing nobody else can write: this connection is the file's only one, and it has the write lock. */
#include "daemon/store_sqlite/cells.h"
#include "daemon/store_sqlite/charge.h"
#include "daemon/store_sqlite/verbs.h"

#include <errno.h>

#include "daemon/store_sqlite/statement.h"

enum { STANDING, CAP_FIRST, FILTER_PUT, FILTER_RAISE, LIFE_PUT, LIFE_RAISE };

static const struct statements statements = {
    DOMAIN_CHARGE_ONE,
    {
        /* ?1 device ?2 epoch ?3 place of the filter ?4 place of the odometer */
        [STANDING] = "SELECT f.cells, l.cells, k.cells, c.epoch IS NOT NULL, c.cap_ueps, c.cap_nrho, c.cap_delta,"
                     " c.pure_only FROM device d LEFT JOIN filter_cap c ON c.epoch = ?2"
                     " LEFT JOIN filter f ON f.place = ?3 LEFT JOIN life l ON l.place = ?4"
                     " LEFT JOIN life_cap k ON k.place = ?4 WHERE d.id = ?1",
        [CAP_FIRST] = "INSERT OR FAIL INTO filter_cap (epoch, cap_ueps, cap_nrho, cap_delta, pure_only)"
                      " VALUES (?, ?, ?, ?, ?)",
        /* OR FAIL: one row, so there is nothing that a statement's own journal could take back */
        [FILTER_PUT] = "INSERT OR FAIL INTO filter (cells, place) VALUES (?, ?)",
        [FILTER_RAISE] = "UPDATE OR FAIL filter SET cells = ? WHERE place = ?",
        [LIFE_PUT] = "INSERT OR FAIL INTO life (cells, place) VALUES (?, ?)",
        [LIFE_RAISE] = "UPDATE OR FAIL life SET cells = ? WHERE place = ?",
    },
};

struct cells {
    bool are_there;
    uint8_t bytes[CELLS_SIZE];
};

struct standing {
    struct cells filter, life, life_cap;
    bool has_cap;
    struct loss_caps cap;
};

static void take_cells(struct query *query, struct cells *out)
{
    size_t size = 0;

    take_bytes(query, out->bytes, CELLS_SIZE, &size);
    out->are_there = size == CELLS_SIZE;
}

static void read_standing(struct query *query, void *out)
{
    struct standing *standing = out;

    take_cells(query, &standing->filter);
    take_cells(query, &standing->life);
    take_cells(query, &standing->life_cap);
    standing->has_cap = take_bool(query);
    standing->cap.ueps = take_int(query);
    standing->cap.nrho = take_int(query);
    standing->cap.delta = take_int(query);
    standing->cap.pure_only = take_bool(query);
}

_Static_assert(sizeof(struct standing) <= ROW_SIZE_MAX, "one row");

static int64_t filter_place(const struct charge *charge)
{
    return charge->epoch * PLACES_OF_EPOCH + charge->cohort->members[0].chunk;
}

static int standing_read(struct store *store, const struct charge *charge, struct standing *out)
{
    struct query query;

    query_open(&query, store, &statements, STANDING);
    put_int(&query, charge_only_device(charge->cohort));
    put_int(&query, charge->epoch);
    put_int(&query, filter_place(charge));
    put_int(&query, charge->cohort->members[0].chunk);
    return query_one(&query, read_standing, out, sizeof *out);
}

static int cells_fit(struct cells_job *job, enum charge_scope scope, struct cells *cells, const struct cells *other,
                     struct charge_refused *refused)
{
    if (cells_raise(job, job->cohort->members[0].chunk, cells->bytes, other != NULL ? other->bytes : NULL))
        return 0;
    *refused = (struct charge_refused){ scope, job->refused.currency, job->refused.device_id };
    return REFUSED_EXHAUSTED;
}

/* Raises what was read, in memory. */
static int standing_raise(const struct charge *charge, struct standing *standing, struct charge_refused *refused)
{
    const struct loss_caps *own = standing->has_cap ? &standing->cap : &charge->filter_cap;
    struct cells_job filter = { .cohort = charge->cohort,
                                .loss = charge->loss,
                                .rule = CELLS_UNDER_CAPS,
                                .caps = charge_filter_caps(charge, own) };
    struct cells_job life = { .cohort = charge->cohort, .loss = charge->loss, .rule = CELLS_UNDER_OTHER };

    int r = cells_fit(&filter, CHARGE_FILTER, &standing->filter, NULL, refused);
    return r != 0 ? r : cells_fit(&life, CHARGE_LIFE, &standing->life, &standing->life_cap, refused);
}

static int cells_write(struct store *store, unsigned raise, unsigned put, const struct cells *cells, int64_t place)
{
    struct query query;

    query_open(&query, store, &statements, cells->are_there ? raise : put);
    put_bytes(&query, bytes_view(cells->bytes, CELLS_SIZE));
    put_int(&query, place);
    return query_run(&query);
}

static int cap_first(struct store *store, const struct charge *charge)
{
    struct query query;

    query_open(&query, store, &statements, CAP_FIRST);
    put_int(&query, charge->epoch);
    put_int(&query, charge->filter_cap.ueps);
    put_int(&query, charge->filter_cap.nrho);
    put_int(&query, charge->filter_cap.delta);
    put_int(&query, charge->filter_cap.pure_only);
    return query_run(&query);
}

static int standing_write(struct store *store, const struct charge *charge, const struct standing *standing)
{
    int r = standing->has_cap ? 0 : cap_first(store, charge);

    if (r == 0)
        r = cells_write(store, FILTER_RAISE, FILTER_PUT, &standing->filter, filter_place(charge));
    if (r == 0)
        r = cells_write(store, LIFE_RAISE, LIFE_PUT, &standing->life, charge->cohort->members[0].chunk);
    return r != 0 ? r : charge_record(store, charge, 0);
}

int charge_one(struct store *store, const struct charge *charge, struct charge_refused *refused)
{
    struct charge_refused of_budget = { 0 };
    struct standing standing;

    int r = standing_read(store, charge, &standing);
    if (r != 0)
        return r;
    r = standing_raise(charge, &standing, refused);
    if (r != 0) { /* a budget that is exhausted, too, is what is said */
        int tried = charge_budget_try(store, charge, &of_budget);
        if (tried == REFUSED_EXHAUSTED)
            *refused = of_budget;
        return tried != 0 ? tried : r;
    }
    if (charge->tenant_id != 0)
        r = charge_budget(store, charge, refused);
    if (r != 0)
        return r;
    r = standing_write(store, charge, &standing);
    if (r != 0)
        store_sqlite_of(store)->spoilt = true;
    return r > 0 ? -EIO : r;
}
