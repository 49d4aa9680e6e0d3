#include "daemon/store_sqlite/cells.h"

#include <endian.h>
#include <string.h>

#define IMPURE_BIT (UINT64_C(1) << 63)
#define HEAD_SIZE  24
#define CELL_SIZE  24

static uint64_t get64(const uint8_t *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof value);
    return be64toh(value);
}

static void set64(uint8_t *at, uint64_t value)
{
    value = htobe64(value);
    memcpy(at, &value, sizeof value);
}

_Static_assert(HEAD_SIZE + CELLS_DEVICES * CELL_SIZE == CELLS_SIZE, "as the schema says");

static uint8_t *cell_of(uint8_t *cells, unsigned slot)
{
    return cells + HEAD_SIZE + (size_t)slot * CELL_SIZE;
}

struct loss cells_get(const uint8_t *cells, unsigned slot)
{
    const uint8_t *cell = cells + HEAD_SIZE + (size_t)slot * CELL_SIZE;
    uint64_t ueps = get64(cell);
    struct loss loss = {
        .ueps = (int64_t)(ueps & ~IMPURE_BIT),
        .nrho = (int64_t)get64(cell + 8),
        .delta = (int64_t)get64(cell + 16),
        .impure = (ueps & IMPURE_BIT) != 0,
    };

    return loss;
}

static void cell_set(uint8_t *cells, unsigned slot, const struct loss *loss)
{
    uint8_t *cell = cell_of(cells, slot);

    set64(cell, (uint64_t)loss->ueps | (loss->impure ? IMPURE_BIT : 0));
    set64(cell + 8, (uint64_t)loss->nrho);
    set64(cell + 16, (uint64_t)loss->delta);
}

static void head_add(uint8_t *cells, const struct loss *loss)
{
    set64(cells, get64(cells) + (uint64_t)loss->ueps);
    set64(cells + 8, get64(cells + 8) + (uint64_t)loss->nrho);
    set64(cells + 16, get64(cells + 16) + (uint64_t)loss->delta);
}

static void cell_add(uint8_t *cells, unsigned slot, const struct loss *loss)
{
    struct loss before = cells_get(cells, slot), after = before;

    loss_add(&after, loss);
    cell_set(cells, slot, &after);
    after.ueps -= before.ueps;
    after.nrho -= before.nrho;
    after.delta -= before.delta;
    head_add(cells, &after);
}

void cells_add(uint8_t *cells, uint64_t devices, const struct loss *loss)
{
    for (; devices != 0; devices &= devices - 1)
        cell_add(cells, (unsigned)__builtin_ctzll(devices), loss);
}

/* ---- ledger_raise(job, chunk, cells, other) ---- */

/* Index of a chunk's member; member_count: it has none. */
static size_t member_of(const struct cohort *cohort, uint32_t chunk)
{
    size_t low = 0, high = cohort->member_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (cohort->members[middle].chunk < chunk)
            low = middle + 1;
        else
            high = middle;
    }
    return low < cohort->member_count && cohort->members[low].chunk == chunk ? low : cohort->member_count;
}

static int64_t beyond(int64_t taken, int64_t reserve)
{
    return taken > reserve ? taken - reserve : 0;
}

/* What of this charge the tenant's reserve does not cover. */
static struct loss drawn(const struct cells_job *job, const struct loss *taken)
{
    const struct loss_caps *reserve = &job->reserve;
    struct loss more = {
        .ueps = beyond(taken->ueps, reserve->ueps) - beyond(taken->ueps - job->loss.ueps, reserve->ueps),
        .nrho = beyond(taken->nrho, reserve->nrho) - beyond(taken->nrho - job->loss.nrho, reserve->nrho),
        .delta = beyond(taken->delta, reserve->delta) - beyond(taken->delta - job->loss.delta, reserve->delta),
        .impure = job->loss.impure,
    };

    return more;
}

static int64_t cap_of(int64_t amount)
{
    return amount != 0 ? amount : LOSS_MAX;
}

/* What one device loses here, under which caps. */
static struct loss loss_here(const struct cells_job *job, const uint8_t *other, unsigned slot, struct loss_caps *caps)
{
    static const struct loss nothing = { 0 };
    static const struct loss_caps none = { LOSS_MAX, LOSS_MAX, LOSS_MAX, false };
    struct loss beside = other != NULL ? cells_get(other, slot) : nothing;

    *caps = none;
    if (job->rule == CELLS_UNDER_CAPS || job->rule == CELLS_DRAWN)
        *caps = job->caps;
    if (job->rule == CELLS_UNDER_OTHER)
        *caps = (struct loss_caps){ cap_of(beside.ueps), cap_of(beside.nrho), cap_of(beside.delta), false };
    const bool tries = job->no_room != NULL; /* then the share is as it was: a tenant that took nothing yet has none */
    if (job->rule == CELLS_DRAWN && tries)
        loss_add(&beside, &job->loss);
    return job->rule == CELLS_DRAWN && (other != NULL || tries) ? drawn(job, &beside) : job->loss;
}

static void refuse_here(struct cells_job *job, uint32_t chunk, unsigned slot, enum loss_currency currency)
{
    int64_t device_id = (int64_t)chunk * CELLS_DEVICES + slot;

    if (job->refused.device_id == 0 || device_id < job->refused.device_id) {
        job->refused.device_id = device_id;
        job->refused.currency = currency;
    }
}

bool cells_raise(struct cells_job *job, uint32_t chunk, uint8_t *cells, const uint8_t *other)
{
    size_t member = member_of(job->cohort, chunk);
    uint64_t all = member < job->cohort->member_count ? job->cohort->members[member].devices : 0;

    for (uint64_t left = all; left != 0; left &= left - 1) {
        unsigned slot = (unsigned)__builtin_ctzll(left);
        struct loss spent = cells_get(cells, slot);
        struct loss_caps caps;
        struct loss more = loss_here(job, other, slot, &caps);
        enum loss_currency currency = loss_fits(&spent, &more, &caps);
        if (currency != LOSS_NONE) {
            refuse_here(job, chunk, slot, currency);
            if (job->no_room == NULL)
                return false;
            job->no_room[member] |= UINT64_C(1) << slot;
        }
        cell_add(cells, slot, &more);
    }
    return true;
}

static const uint8_t *cells_value(sqlite3_value *value)
{
    if (sqlite3_value_type(value) != SQLITE_BLOB || sqlite3_value_bytes(value) != CELLS_SIZE)
        return NULL;
    return sqlite3_value_blob(value);
}

static void load(uint8_t out[CELLS_SIZE], sqlite3_value *value)
{
    const uint8_t *cells = cells_value(value);

    if (cells != NULL)
        memcpy(out, cells, CELLS_SIZE);
    else
        memset(out, 0, CELLS_SIZE);
}

static void sql_raise(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct cells_job *job = sqlite3_value_pointer(values[0], CELLS_JOB);
    uint32_t chunk = (uint32_t)sqlite3_value_int64(values[1]); /* of a place: its lower half */
    uint8_t cells[CELLS_SIZE];

    (void)count;
    if (job == NULL) {
        sqlite3_result_error(context, "ledger_raise() is the store's own", -1);
        return;
    }
    load(cells, values[2]);
    if (cells_raise(job, chunk, cells, cells_value(values[3])))
        sqlite3_result_blob(context, cells, CELLS_SIZE, SQLITE_TRANSIENT);
    else
        sqlite3_result_null(context);
}

static void sql_chunk(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct cells_job *job = sqlite3_value_pointer(values[0], CELLS_JOB);
    int64_t index = sqlite3_value_int64(values[1]);

    (void)count;
    if (job != NULL && index >= 0 && (size_t)index < job->cohort->member_count)
        sqlite3_result_int64(context, job->cohort->members[index].chunk);
}

/* ---- ledger_cell(cells, slot, which): 0 ueps, 1 nrho, 2 delta, 3 impure; without cells 0 ---- */

static void sql_cell(sqlite3_context *context, int count, sqlite3_value **values)
{
    const uint8_t *cells = cells_value(values[0]);
    struct loss loss = { 0 };

    (void)count;
    if (cells != NULL)
        loss = cells_get(cells, (unsigned)(sqlite3_value_int64(values[1]) & (CELLS_DEVICES - 1)));
    int64_t amounts[] = { loss.ueps, loss.nrho, loss.delta, loss.impure };
    sqlite3_result_int64(context, amounts[sqlite3_value_int(values[2]) & 3]);
}

/* ---- ledger_falls(before, after): whether any device has lost less, or is pure again; for the schema's triggers ----
 */

static bool falls(const uint8_t *before, const uint8_t *after)
{
    uint64_t fallen = 0;

    if (before == NULL || after == NULL)
        return true;
    for (size_t at = 0; at < CELLS_SIZE; at += 8) /* big-endian numbers, the topmost bit of ueps being impure */
        fallen |= get64(after + at) < get64(before + at);
    return fallen != 0;
}

static void sql_falls(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    sqlite3_result_int(context, falls(cells_value(values[0]), cells_value(values[1])));
}

/* ---- ledger_set(cells, slot, ueps, nrho, delta) ---- */

static void sql_set(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct loss loss = { .ueps = sqlite3_value_int64(values[2]),
                         .nrho = sqlite3_value_int64(values[3]),
                         .delta = sqlite3_value_int64(values[4]) };
    uint8_t cells[CELLS_SIZE];

    (void)count;
    load(cells, values[0]);
    cell_set(cells, (unsigned)(sqlite3_value_int64(values[1]) & (CELLS_DEVICES - 1)), &loss);
    sqlite3_result_blob(context, cells, CELLS_SIZE, SQLITE_TRANSIENT);
}

/* ---- ledger_cells(slot, ueps, nrho), an aggregate: the migration's ---- */

static void sql_cells_step(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct loss loss = { .ueps = sqlite3_value_int64(values[1]), .nrho = sqlite3_value_int64(values[2]) };
    uint8_t *cells = sqlite3_aggregate_context(context, CELLS_SIZE);

    (void)count;
    if (cells == NULL)
        sqlite3_result_error_nomem(context);
    else
        cell_add(cells, (unsigned)(sqlite3_value_int64(values[0]) & (CELLS_DEVICES - 1)), &loss);
}

static void sql_cells_final(sqlite3_context *context)
{
    uint8_t *cells = sqlite3_aggregate_context(context, 0);

    if (cells != NULL)
        sqlite3_result_blob(context, cells, CELLS_SIZE, SQLITE_TRANSIENT);
}

int cells_register(sqlite3 *db)
{
    const int direct = SQLITE_UTF8 | SQLITE_DIRECTONLY; /* never from within the file: no trigger, view or default */
    const int guard = SQLITE_UTF8 | SQLITE_INNOCUOUS | SQLITE_DETERMINISTIC;
    int rc = sqlite3_create_function_v2(db, "ledger_raise", 4, direct, NULL, sql_raise, NULL, NULL, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_create_function_v2(db, "ledger_chunk", 2, direct, NULL, sql_chunk, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function_v2(db, "ledger_cell", 3, direct | SQLITE_DETERMINISTIC, NULL, sql_cell, NULL, NULL,
                                        NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function_v2(db, "ledger_falls", 2, guard, NULL, sql_falls, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function_v2(db, "ledger_set", 5, direct, NULL, sql_set, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function_v2(db, "ledger_cells", 3, direct, NULL, NULL, sql_cells_step, sql_cells_final,
                                        NULL);
    return rc;
}
