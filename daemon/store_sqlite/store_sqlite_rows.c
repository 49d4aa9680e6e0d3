/* store_sqlite_rows.c - the ledger's rows as they stand, one after another, for those who take them elsewhere. */
#include "daemon/store_sqlite/cells.h"
#include "daemon/store_sqlite/verbs.h"

#include <errno.h>

#include "daemon/store_sqlite/statement.h"

/* Each: where the next page goes on, tenant, place, caps, what is beside them. ?1 where to begin, ?2 how many. */
static const struct statements statements = {
    DOMAIN_LEDGER_ROWS,
    {
        [LEDGER_FILTER_CAPS] = "SELECT epoch + 1, 0, epoch * 4294967296, cap_ueps, cap_nrho, cap_delta, pure_only"
                               " FROM filter_cap WHERE epoch >= ?1 ORDER BY epoch LIMIT ?2",
        [LEDGER_TERMS] = "SELECT row_number() OVER (ORDER BY tenant_id, from_epoch), tenant_id,"
                         " from_epoch * 4294967296, cap_ueps, cap_nrho, cap_delta, pure_only, reserve_ueps,"
                         " reserve_nrho, reserve_delta, 0, unlock_ppm FROM budget_terms ORDER BY 1 LIMIT ?2 OFFSET ?1",
        [LEDGER_BUDGETS] = "SELECT row_number() OVER (ORDER BY tenant_id, epoch), tenant_id, epoch * 4294967296,"
                           " cap_ueps, cap_nrho, cap_delta, pure_only, spent_ueps, spent_nrho, spent_delta, impure"
                           " FROM budget ORDER BY 1 LIMIT ?2 OFFSET ?1",
        [LEDGER_COHORTS] = "SELECT id, 0, 0, devices FROM cohort WHERE id > ?1 ORDER BY id LIMIT ?2",
        [LEDGER_FILTERS] = "SELECT place + 1, 0, place, cells FROM filter WHERE place >= ?1 ORDER BY place LIMIT ?2",
        [LEDGER_ODOMETERS] = "SELECT place + 1, 0, place, cells FROM life WHERE place >= ?1 ORDER BY place LIMIT ?2",
    },
};

static void read_place(struct query *query, struct ledger_row *row)
{
    row->after = take_int(query);
    row->tenant_id = take_int(query);
    int64_t place = take_int(query);
    row->epoch = place >> 32;
    row->chunk = (uint32_t)place;
}

static void read_caps(struct query *query, struct ledger_row *row)
{
    row->cap.ueps = take_int(query);
    row->cap.nrho = take_int(query);
    row->cap.delta = take_int(query);
    row->cap.pure_only = take_bool(query);
}

static void read_cap(struct query *query, void *out)
{
    read_place(query, out);
    read_caps(query, out);
}

static void read_budget(struct query *query, void *out)
{
    struct ledger_row *row = out;

    read_cap(query, row);
    row->spent.ueps = take_int(query);
    row->spent.nrho = take_int(query);
    row->spent.delta = take_int(query);
    row->spent.impure = take_bool(query);
}

static void read_terms(struct query *query, void *out)
{
    struct ledger_row *row = out;

    read_budget(query, row);
    row->unlock_ppm = take_int(query);
}

static void read_cohort(struct query *query, void *out)
{
    struct ledger_row *row = out;

    read_place(query, row);
    row->devices = take_int(query);
}

static void read_cells(struct query *query, void *out)
{
    struct ledger_row *row = out;
    uint8_t cells[CELLS_SIZE] = { 0 };
    size_t size = 0;

    read_place(query, row);
    take_bytes(query, cells, sizeof cells, &size);
    for (unsigned i = 0; i < CELLS_DEVICES; i++)
        row->lost[i] = cells_get(cells, i);
}

static int store_ledger_row_each(struct store *store, enum ledger_rows which, struct page page,
                                 int (*each)(void *context, const struct ledger_row *row), void *context)
{
    static const row_reader readers[] = {
        [LEDGER_FILTER_CAPS] = read_cap, [LEDGER_TERMS] = read_terms,   [LEDGER_BUDGETS] = read_budget,
        [LEDGER_COHORTS] = read_cohort,  [LEDGER_FILTERS] = read_cells, [LEDGER_ODOMETERS] = read_cells,
    };
    struct query query;

    query_open(&query, store, &statements, which);
    put_page(&query, page);
    return QUERY_EACH(&query, ledger_row, readers[which], each, context);
}

void store_rows_verbs(struct store *verbs)
{
    verbs->ledger_row_each = store_ledger_row_each;
}
