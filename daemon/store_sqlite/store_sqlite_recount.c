/* store_sqlite_recount.c - the ledger counted again from its charges, and compared to the last unit.
 * Budgets are compared by SQL. Filters, shares, pools and odometers are counted in memory, so many epochs at a time as
 * fit there: the rows of those epochs are read, emptied, filled again from the charges, and compared with what the file
 * has. */
#include "daemon/store_sqlite/cells.h"
#include "daemon/store_sqlite/verbs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/store_sqlite/statement.h"

enum {
    CHARGES,
    COHORT,
    EPOCHS,
    FILTERS,
    POOLS,
    SHARES,
    LIVES,
    BUDGETS_APART,
    CHARGES_STRAY,
    COUNT_CHARGES,
    LAST_CHARGE,
    COUNT_COHORTS,
    COUNT_BUDGETS,
    RESERVES
};

#define ROWS_AT_ONCE 40000 /* of cells, in memory: 60 MB */
#define COHORTS_KEPT 16

static const struct statements statements = {
    DOMAIN_RECOUNT,
    {
        [CHARGES] =
            "SELECT id, cause, cause_id, tenant_id, device_id, cohort_id, epoch, ueps, nrho, delta, ueps IS NULL"
            " FROM charge WHERE id > ? AND epoch BETWEEN ? AND ? ORDER BY id LIMIT ?",
        [COHORT] = "SELECT members, length(members) FROM cohort WHERE id = ?",
        [EPOCHS] = "SELECT place / 4294967296, count(*) FROM filter GROUP BY 1 ORDER BY 1",
        [FILTERS] = "SELECT place, 0, cells FROM filter WHERE place BETWEEN ? AND ? ORDER BY place",
        [POOLS] = "SELECT place, 0, cells FROM pool WHERE place BETWEEN ? AND ? ORDER BY place",
        [SHARES] = "SELECT place, tenant_id, cells FROM share WHERE place BETWEEN ? AND ? ORDER BY place, tenant_id",
        [LIVES] = "SELECT place, 0, cells FROM life WHERE place BETWEEN ? AND ? ORDER BY place",
        /* the first that stands apart, whichever side has more: who, epoch */
        [BUDGETS_APART] = "SELECT who, epoch FROM (SELECT tenant_id AS who, epoch, spent_ueps AS a, spent_nrho AS b,"
                          " spent_delta AS c, impure AS d, 0 AS e, 0 AS f, 0 AS g, 0 AS h FROM budget UNION ALL"
                          " SELECT tenant_id, epoch, 0, 0, 0, 0, coalesce(ueps, 0), nrho, delta, ueps IS NULL"
                          " FROM charge WHERE tenant_id IS NOT NULL) GROUP BY who, epoch HAVING sum(a) <> sum(e)"
                          " OR sum(b) <> sum(f) OR sum(c) <> sum(g) OR max(d) <> max(h) LIMIT 1",
        [CHARGES_STRAY] = "SELECT id, epoch FROM charge WHERE (device_id IS NOT NULL OR cohort_id IS NOT NULL)"
                          " AND epoch NOT IN (SELECT place / 4294967296 FROM filter) LIMIT 1",
        [COUNT_CHARGES] = "SELECT count(*) FROM charge",
        [LAST_CHARGE] = "SELECT coalesce(max(id), 0) FROM charge",
        [COUNT_COHORTS] = "SELECT count(*) FROM cohort",
        [COUNT_BUDGETS] = "SELECT count(*) FROM budget",
        [RESERVES] = "SELECT tenant_id, reserve_ueps, reserve_nrho, reserve_delta FROM budget_terms t"
                     " WHERE from_epoch = (SELECT max(from_epoch) FROM budget_terms n"
                     " WHERE n.tenant_id = t.tenant_id AND n.from_epoch <= ?)"
                     " AND reserve_ueps + reserve_nrho + reserve_delta > 0",
    },
};

/* ---- charges and cohorts ---- */

static void read_charge(struct query *query, void *out)
{
    struct ledger_charge *charge = out;

    charge->id = take_int(query);
    take_text(query, charge->cause, sizeof charge->cause);
    charge->cause_id = take_int(query);
    charge->tenant_id = take_int(query);
    charge->device_id = take_int(query);
    charge->cohort_id = take_int(query);
    charge->epoch = take_int(query);
    charge->loss.ueps = take_int(query);
    charge->loss.nrho = take_int(query);
    charge->loss.delta = take_int(query);
    charge->loss.impure = take_bool(query);
}

static void charges_open(struct query *query, struct store *store, int64_t after, int64_t first, int64_t last,
                         unsigned limit)
{
    query_open(query, store, &statements, CHARGES);
    put_int(query, after);
    put_int(query, first);
    put_int(query, last);
    put_int(query, limit);
}

static int store_charge_each(struct store *store, struct page page,
                             int (*each)(void *context, const struct ledger_charge *row), void *context)
{
    struct query query;

    if (page.limit == 0 || page.limit > PAGE_MAX)
        return -EINVAL;
    charges_open(&query, store, page.after, INT64_MIN, INT64_MAX, page.limit);
    return QUERY_EACH(&query, ledger_charge, read_charge, each, context);
}

static int cohort_decode(const uint8_t *bytes, size_t size, struct cohort *out)
{
    struct cohort cohort = { .member_count = size / 12 };

    if (size == 0 || size % 12 != 0)
        return -EUCLEAN;
    cohort.members = calloc(cohort.member_count, sizeof *cohort.members);
    if (cohort.members == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < cohort.member_count; i++) {
        struct cohort_member *member = &cohort.members[i];
        for (unsigned j = 0; j < 4; j++)
            member->chunk = member->chunk << 8 | bytes[12 * i + j];
        for (unsigned j = 0; j < 8; j++)
            member->devices = member->devices << 8 | bytes[12 * i + 4 + j];
        cohort.device_count += __builtin_popcountll(member->devices);
    }
    *out = cohort;
    return 0;
}

static int store_cohort_read(struct store *store, int64_t cohort_id, struct cohort *out)
{
    const size_t most = (size_t)COHORT_MAX * 12;
    uint8_t *bytes = malloc(most);
    struct query query;
    size_t size = 0;

    if (bytes == NULL)
        return -ENOMEM;
    query_open(&query, store, &statements, COHORT);
    put_int(&query, cohort_id);
    int r = query_bytes(&query, bytes, most, &size, NULL);
    if (r == 0)
        r = cohort_decode(bytes, size, out);
    free(bytes);
    return r;
}

/* ---- rows of cells, counted again ---- */

struct cells_row {
    int64_t place, tenant_id;
    uint8_t kept[CELLS_SIZE];
    uint8_t counted[CELLS_SIZE];
};

struct recount {
    struct store *store;
    struct ledger_count *count;
    struct rows filters, shares, pools, lives;
    struct {
        int64_t id;
        struct cohort cohort;
    } cohorts[COHORTS_KEPT];
    unsigned next_cohort;
    struct why *why;
};

static void read_cells(struct query *query, void *out)
{
    struct cells_row *row = out;
    size_t size = 0;

    row->place = take_int(query);
    row->tenant_id = take_int(query);
    take_bytes(query, row->kept, sizeof row->kept, &size);
}

static int rows_load(struct recount *recount, unsigned which, int64_t first, int64_t last, struct rows *out)
{
    struct query query;

    rows_deinit(out);
    query_open(&query, recount->store, &statements, which);
    put_int(&query, first);
    put_int(&query, last);
    return query_rows(&query, out, sizeof(struct cells_row), read_cells);
}

static struct cells_row *row_at(const struct rows *rows, size_t index)
{
    return (struct cells_row *)(void *)(rows->data + index * rows->size);
}

static struct cells_row *row_find(const struct rows *rows, int64_t place, int64_t tenant_id)
{
    size_t low = 0, high = rows->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct cells_row *row = row_at(rows, middle);
        if (row->place < place || (row->place == place && row->tenant_id < tenant_id))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == rows->count || row_at(rows, low)->place != place || row_at(rows, low)->tenant_id != tenant_id)
        return NULL;
    return row_at(rows, low);
}

static int apart(struct recount *recount, const char *of, int64_t place, bool has_epoch)
{
    int64_t chunk = has_epoch ? place & UINT32_MAX : place;
    char epoch[48] = "";

    if (has_epoch)
        snprintf(epoch, sizeof epoch, " in epoch %" PRId64, place >> 32);
    return refuse(recount->why, REFUSED_CONFLICT, "ledger", "restore a backup; nothing is released until the two agree",
                  "%s of devices with ids %" PRId64 " to %" PRId64 "%s differ from the sum of their charges", of,
                  chunk * CELLS_DEVICES, chunk * CELLS_DEVICES + CELLS_DEVICES - 1, epoch);
}

/* The cohort of a charge; valid until COHORTS_KEPT others were asked for. */
static int cohort_of(struct recount *recount, const struct ledger_charge *charge, struct cohort_member *alone,
                     struct cohort *out)
{
    if (charge->cohort_id == 0) {
        *alone = (struct cohort_member){ (uint32_t)(charge->device_id / CELLS_DEVICES),
                                         UINT64_C(1) << charge->device_id % CELLS_DEVICES };
        *out = (struct cohort){ .members = alone, .member_count = 1, .device_count = 1 };
        return 0;
    }
    for (unsigned i = 0; i < COHORTS_KEPT; i++)
        if (recount->cohorts[i].id == charge->cohort_id) {
            *out = recount->cohorts[i].cohort;
            return 0;
        }
    unsigned at = recount->next_cohort++ % COHORTS_KEPT;
    free(recount->cohorts[at].cohort.members);
    recount->cohorts[at].cohort.members = NULL;
    recount->cohorts[at].id = 0;
    int r = store_cohort_read(recount->store, charge->cohort_id, &recount->cohorts[at].cohort);
    if (r != 0)
        return r > 0 ? -EUCLEAN : r;
    recount->cohorts[at].id = charge->cohort_id;
    *out = recount->cohorts[at].cohort;
    return 0;
}

/* lives: count odometers and nothing else. */
static int charge_count(struct recount *recount, const struct ledger_charge *charge, bool lives)
{
    struct cohort_member alone;
    struct cohort cohort;

    if (charge->device_id == 0 && charge->cohort_id == 0)
        return 0;
    int r = cohort_of(recount, charge, &alone, &cohort);
    for (size_t i = 0; r == 0 && i < cohort.member_count; i++) {
        const struct cohort_member *member = &cohort.members[i];
        int64_t place = lives ? member->chunk : charge->epoch << 32 | member->chunk;
        struct cells_row *row = row_find(lives ? &recount->lives : &recount->filters, place, 0);
        if (row == NULL)
            return apart(recount, lives ? "the odometers" : "the filters", place, !lives);
        cells_add(row->counted, member->devices, &charge->loss);
        row = charge->tenant_id != 0 && !lives ? row_find(&recount->shares, place, charge->tenant_id) : NULL;
        if (row != NULL)
            cells_add(row->counted, member->devices, &charge->loss);
    }
    return r;
}

static int charges_count(struct recount *recount, int64_t first, int64_t last, bool lives)
{
    int64_t after = 0;

    for (;;) {
        __attribute__((cleanup(rows_deinit))) struct rows charges = { 0 };
        struct query query;
        charges_open(&query, recount->store, after, first, last, PAGE_MAX);
        int r = query_rows(&query, &charges, sizeof(struct ledger_charge), read_charge);
        for (size_t i = 0; r == 0 && i < charges.count; i++) {
            const struct ledger_charge *charge = rows_at(&charges, i);
            after = charge->id;
            r = charge_count(recount, charge, lives);
        }
        if (r != 0 || charges.count < PAGE_MAX)
            return r;
    }
}

static int rows_compare(struct recount *recount, const struct rows *rows, const char *of, bool has_epoch,
                        int64_t *out_devices)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct cells_row *row = row_at(rows, i);
        if (memcmp(row->kept, row->counted, CELLS_SIZE) != 0)
            return apart(recount, of, row->place, has_epoch);
        for (unsigned slot = 0; out_devices != NULL && slot < CELLS_DEVICES; slot++)
            *out_devices += cells_get(row->kept, slot).nrho > 0;
    }
    return 0;
}

/* ---- pools: what filters lost, without what reserves cover ---- */

struct reserve {
    int64_t tenant_id;
    struct loss_caps amount;
};

static void read_reserve(struct query *query, void *out)
{
    struct reserve *reserve = out;

    reserve->tenant_id = take_int(query);
    reserve->amount.ueps = take_int(query);
    reserve->amount.nrho = take_int(query);
    reserve->amount.delta = take_int(query);
}

static int64_t less(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void pool_count(struct cells_row *pool, const struct cells_row *filter, const struct recount *recount,
                       const struct rows *reserves)
{
    for (unsigned slot = 0; slot < CELLS_DEVICES; slot++) {
        struct loss lost = cells_get(filter->counted, slot);
        for (size_t i = 0; i < reserves->count; i++) {
            const struct reserve *reserve = rows_at(reserves, i);
            const struct cells_row *share = row_find(&recount->shares, pool->place, reserve->tenant_id);
            if (share == NULL)
                continue;
            struct loss taken = cells_get(share->counted, slot);
            lost.ueps -= less(taken.ueps, reserve->amount.ueps);
            lost.nrho -= less(taken.nrho, reserve->amount.nrho);
            lost.delta -= less(taken.delta, reserve->amount.delta);
        }
        cells_add(pool->counted, UINT64_C(1) << slot, &lost);
    }
}

static int pools_count(struct recount *recount)
{
    __attribute__((cleanup(rows_deinit))) struct rows reserves = { 0 };
    int64_t epoch = -1;
    int r = 0;

    for (size_t i = 0; r == 0 && i < recount->filters.count; i++) {
        const struct cells_row *filter = row_at(&recount->filters, i);
        if (filter->place >> 32 != epoch) {
            struct query query;
            epoch = filter->place >> 32;
            rows_deinit(&reserves);
            query_open(&query, recount->store, &statements, RESERVES);
            put_int(&query, epoch);
            r = query_rows(&query, &reserves, sizeof(struct reserve), read_reserve);
        }
        if (r != 0 || reserves.count == 0)
            continue;
        struct cells_row *pool = row_find(&recount->pools, filter->place, 0);
        if (pool == NULL)
            return apart(recount, "the unreserved parts of the filters", filter->place, true);
        pool_count(pool, filter, recount, &reserves);
    }
    return r;
}

static int window_count(struct recount *recount, int64_t first, int64_t last)
{
    int64_t from = first << 32, to = (last << 32) | UINT32_MAX;

    int r = rows_load(recount, FILTERS, from, to, &recount->filters);
    if (r == 0)
        r = rows_load(recount, SHARES, from, to, &recount->shares);
    if (r == 0)
        r = rows_load(recount, POOLS, from, to, &recount->pools);
    if (r == 0)
        r = charges_count(recount, first, last, false);
    if (r == 0)
        r = rows_compare(recount, &recount->filters, "the filters", true, &recount->count->filters);
    if (r == 0)
        r = rows_compare(recount, &recount->shares, "a tenant's shares", true, NULL);
    if (r == 0)
        r = pools_count(recount);
    if (r == 0)
        r = rows_compare(recount, &recount->pools, "the unreserved parts of the filters", true, NULL);
    return r;
}

struct epoch_rows {
    int64_t epoch, rows;
};

static void read_epoch_rows(struct query *query, void *out)
{
    struct epoch_rows *epoch = out;

    epoch->epoch = take_int(query);
    epoch->rows = take_int(query);
}

static int filters_count(struct recount *recount)
{
    __attribute__((cleanup(rows_deinit))) struct rows epochs = { 0 };
    struct query query;

    query_open(&query, recount->store, &statements, EPOCHS);
    int r = query_rows(&query, &epochs, sizeof(struct epoch_rows), read_epoch_rows);
    for (size_t first = 0; r == 0 && first < epochs.count;) {
        size_t next = first;
        int64_t rows = 0;
        do
            rows += ((const struct epoch_rows *)rows_at(&epochs, next++))->rows;
        while (next < epochs.count && rows + ((const struct epoch_rows *)rows_at(&epochs, next))->rows <= ROWS_AT_ONCE);
        r = window_count(recount, ((const struct epoch_rows *)rows_at(&epochs, first))->epoch,
                         ((const struct epoch_rows *)rows_at(&epochs, next - 1))->epoch);
        first = next;
    }
    return r;
}

static int lives_count(struct recount *recount)
{
    int r = rows_load(recount, LIVES, 0, INT64_MAX, &recount->lives);

    if (r == 0)
        r = charges_count(recount, INT64_MIN, INT64_MAX, true);
    if (r == 0)
        r = rows_compare(recount, &recount->lives, "the odometers", false, &recount->count->odometers);
    return r;
}

static int plain_checks(struct recount *recount)
{
    struct epoch_rows apart_at;
    struct query query;

    query_open(&query, recount->store, &statements, BUDGETS_APART);
    int r = query_one(&query, read_epoch_rows, &apart_at, sizeof apart_at);
    if (r == 0)
        return refuse(recount->why, REFUSED_CONFLICT, "ledger",
                      "restore a backup; nothing is released until the two agree",
                      "the budget of tenant id %" PRId64 " in epoch %" PRId64 " differs from the sum of its charges",
                      apart_at.epoch, apart_at.rows);
    if (r != REFUSED_UNKNOWN)
        return r;
    query_open(&query, recount->store, &statements, CHARGES_STRAY);
    r = query_one(&query, read_epoch_rows, &apart_at, sizeof apart_at);
    if (r == 0)
        return refuse(recount->why, REFUSED_CONFLICT, "ledger",
                      "restore a backup; nothing is released until the two agree",
                      "charge %" PRId64 " is of epoch %" PRId64 ", in which no filter has lost anything",
                      apart_at.epoch, apart_at.rows);
    return r == REFUSED_UNKNOWN ? 0 : r;
}

static int totals_count(struct recount *recount)
{
    struct ledger_count *count = recount->count;
    const struct {
        unsigned which;
        int64_t *out;
    } totals[] = { { COUNT_CHARGES, &count->charges },
                   { LAST_CHARGE, &count->last_charge },
                   { COUNT_COHORTS, &count->cohorts },
                   { COUNT_BUDGETS, &count->budgets } };

    for (size_t i = 0; i < sizeof totals / sizeof totals[0]; i++) {
        struct query query;
        query_open(&query, recount->store, &statements, totals[i].which);
        int r = query_int(&query, totals[i].out);
        if (r != 0)
            return r;
    }
    return 0;
}

static int store_ledger_recount(struct store *store, struct ledger_count *out, struct why *why)
{
    struct ledger_count count = { 0 };
    struct recount recount = { .store = store, .count = &count, .why = why };

    int r = totals_count(&recount);
    if (r == 0)
        r = plain_checks(&recount);
    if (r == 0)
        r = filters_count(&recount);
    if (r == 0)
        r = lives_count(&recount);
    rows_deinit(&recount.filters);
    rows_deinit(&recount.shares);
    rows_deinit(&recount.pools);
    rows_deinit(&recount.lives);
    for (unsigned i = 0; i < COHORTS_KEPT; i++)
        free(recount.cohorts[i].cohort.members);
    if (r == 0 && out != NULL)
        *out = count;
    return r;
}

void store_recount_verbs(struct store *verbs)
{
    verbs->ledger_recount = store_ledger_recount;
    verbs->charge_each = store_charge_each;
    verbs->cohort_read = store_cohort_read;
    store_rows_verbs(verbs);
}
