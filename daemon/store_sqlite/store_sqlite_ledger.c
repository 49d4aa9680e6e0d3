/* store_sqlite_ledger.c - what was spent, of whom, and why.
 * A charge is one conditional write a scope: the row rises only if it stays within its cap, and how many rows changed
 * is the answer. Nothing is read before it is written, so no order of events can spend the same money twice. Where two
 * scopes are written (a device's filter and its odometer), a savepoint makes it both or neither. */
#include "daemon/store_sqlite/verbs.h"
#include "daemon/store_sqlite/words.h"

#include <errno.h>
#include <inttypes.h>

enum {
    CAP_PUT,
    CAP_OF,
    LOWER,
    BUDGET_STANDING,
    FILTER_STANDING,
    ODOMETER_STANDING,
    SPEND_BUDGET,
    SPEND_FILTER,
    SPEND_ODOMETER,
    RECORD,
    BUDGETS_APART,
    FILTERS_APART,
    ODOMETERS_APART
};

/* One statement spends: a new row starts with the cap given; one that is there keeps its own, and the lower of the two
 * holds. The comparison subtracts, as a sum could leave int64. Over the cap given nothing is selected and so nothing
 * written. */
#define SPEND(table, scope)                                                                               \
    "INSERT INTO " table " (" scope ", epoch, spent_ueps, cap_ueps) SELECT ?1, ?2, ?3, ?4 WHERE ?3 <= ?4" \
    " ON CONFLICT (" scope ", epoch) DO UPDATE SET spent_ueps = spent_ueps + excluded.spent_ueps"         \
    " WHERE excluded.spent_ueps <= min(cap_ueps, excluded.cap_ueps) - spent_ueps"

/* First scope that stands apart from its charges, whichever side has more: who, epoch, spent, charged. */
#define APART(table, scope, epoch)                                                               \
    "SELECT who, epoch, sum(spent), sum(charged) FROM ("                                         \
    "SELECT " scope " AS who, " epoch " AS epoch, spent_ueps AS spent, 0 AS charged FROM " table \
    " UNION ALL SELECT " scope ", " epoch ", 0, ueps FROM charge WHERE " scope " IS NOT NULL)"   \
    " GROUP BY who, epoch HAVING sum(spent) <> sum(charged) LIMIT 1"

static const struct statements statements = {
    DOMAIN_LEDGER,
    {
        [CAP_PUT] = "INSERT INTO budget_cap (tenant_id, from_epoch, cap_ueps) VALUES (?, ?, ?)"
                    " ON CONFLICT (tenant_id, from_epoch) DO UPDATE SET cap_ueps = excluded.cap_ueps",
        [CAP_OF] = "SELECT cap_ueps FROM budget_cap WHERE tenant_id = ? AND from_epoch <= ?"
                   " ORDER BY from_epoch DESC LIMIT 1",
        [LOWER] = "UPDATE budget SET cap_ueps = max(spent_ueps, ?1) WHERE tenant_id = ?2 AND epoch = ?3"
                  " AND cap_ueps > ?1",
        [BUDGET_STANDING] = "SELECT spent_ueps, cap_ueps FROM budget WHERE tenant_id = ? AND epoch = ?",
        [FILTER_STANDING] = "SELECT spent_ueps, cap_ueps FROM filter WHERE device_id = ? AND epoch = ?",
        [ODOMETER_STANDING] = "SELECT o.spent_ueps, o.cap_ueps FROM odometer o JOIN device d ON d.id = o.device_id"
                              " WHERE o.device_id = ?",
        [SPEND_BUDGET] = SPEND("budget", "tenant_id"),
        [SPEND_FILTER] = SPEND("filter", "device_id"),
        [SPEND_ODOMETER] = "UPDATE odometer SET spent_ueps = spent_ueps + ?2 WHERE device_id = ?1 AND ?2 <="
                           " CASE cap_ueps WHEN 0 THEN 9223372036854775807 ELSE cap_ueps END - spent_ueps"
                           " AND EXISTS (SELECT 1 FROM device WHERE id = ?1)",
        [RECORD] = "INSERT INTO charge (cause, cause_id, tenant_id, device_id, epoch, ueps) VALUES (?, ?, ?, ?, ?, ?)",
        [BUDGETS_APART] = APART("budget", "tenant_id", "epoch"),
        [FILTERS_APART] = APART("filter", "device_id", "epoch"),
        [ODOMETERS_APART] = APART("odometer", "device_id", "0"),
    },
};

static int store_budget_put(struct store *store, int64_t tenant_id, int64_t from_epoch, int64_t cap_ueps)
{
    struct query query;

    query_open(&query, store, &statements, CAP_PUT);
    put_int(&query, tenant_id);
    put_int(&query, from_epoch);
    put_int(&query, cap_ueps);
    return query_run(&query);
}

static int store_budget_cap(struct store *store, int64_t tenant_id, int64_t epoch, int64_t *out_cap)
{
    struct query query;

    query_open(&query, store, &statements, CAP_OF);
    put_int(&query, tenant_id);
    put_int(&query, epoch);
    return query_int(&query, out_cap);
}

static int store_budget_lower(struct store *store, int64_t tenant_id, int64_t epoch, int64_t cap_ueps)
{
    struct query query;

    query_open(&query, store, &statements, LOWER);
    put_int(&query, cap_ueps);
    put_int(&query, tenant_id);
    put_int(&query, epoch);
    return query_run(&query);
}

static void read_standing(struct query *query, void *out)
{
    struct charge_standing *standing = out;

    standing->spent_ueps = take_int(query);
    standing->cap_ueps = take_int(query);
}

static int standing_of(struct store *store, unsigned which, int64_t who, int64_t epoch, struct charge_standing *out)
{
    struct query query;

    query_open(&query, store, &statements, which);
    put_int(&query, who);
    if (which != ODOMETER_STANDING)
        put_int(&query, epoch);
    return query_one(&query, read_standing, out, sizeof *out);
}

static int store_budget_standing(struct store *store, int64_t tenant_id, int64_t epoch, struct charge_standing *out)
{
    return standing_of(store, BUDGET_STANDING, tenant_id, epoch, out);
}

static int store_filter_standing(struct store *store, int64_t device_id, int64_t epoch, struct charge_standing *out)
{
    return standing_of(store, FILTER_STANDING, device_id, epoch, out);
}

static int spend(struct store *store, unsigned which, int64_t who, const struct charge *charge)
{
    struct query query;

    query_open(&query, store, &statements, which);
    put_int(&query, who);
    put_int(&query, charge->epoch);
    put_int(&query, charge->ueps);
    put_int(&query, charge->cap_ueps);
    return query_must_change(&query, REFUSED_EXHAUSTED);
}

static int spend_odometer(struct store *store, const struct charge *charge)
{
    struct query query;

    query_open(&query, store, &statements, SPEND_ODOMETER);
    put_int(&query, charge->device_id);
    put_int(&query, charge->ueps);
    return query_must_change(&query, REFUSED_EXHAUSTED);
}

static int record(struct store *store, const struct charge *charge)
{
    struct query query;

    query_open(&query, store, &statements, RECORD);
    put_text(&query, charge->cause);
    put_int(&query, charge->cause_id);
    put_id(&query, charge->tenant_id);
    put_id(&query, charge->device_id);
    put_int(&query, charge->epoch);
    put_int(&query, charge->ueps);
    return query_run(&query);
}

/* How the scope that refused stands; nothing written to it yet: untouched, under the cap that was offered. */
static int standing_after_refusal(struct store *store, unsigned which, const struct charge *charge,
                                  struct charge_standing *out)
{
    struct charge_standing standing = { 0, charge->cap_ueps };
    int64_t who = which == BUDGET_STANDING ? charge->tenant_id : charge->device_id;
    int r = standing_of(store, which, who, charge->epoch, &standing);

    if (r < 0 || (r != 0 && which == ODOMETER_STANDING))
        return r; /* no odometer in use: no such device (any more) */
    if (which != ODOMETER_STANDING && standing.cap_ueps > charge->cap_ueps)
        standing.cap_ueps = charge->cap_ueps;
    if (out != NULL)
        *out = standing;
    return REFUSED_EXHAUSTED;
}

static int charge_in_savepoint(struct store *store, const struct charge *charge, unsigned *out_refused)
{
    bool of_device = charge->device_id != 0;
    int r;

    *out_refused = of_device ? FILTER_STANDING : BUDGET_STANDING;
    r = of_device ? spend(store, SPEND_FILTER, charge->device_id, charge)
                  : spend(store, SPEND_BUDGET, charge->tenant_id, charge);
    if (r == 0 && of_device) {
        *out_refused = ODOMETER_STANDING;
        r = spend_odometer(store, charge);
    }
    return r != 0 ? r : record(store, charge);
}

static int store_charge(struct store *store, const struct charge *charge, struct charge_standing *out)
{
    unsigned refused = 0;
    int r;

    if (charge->ueps <= 0 || charge->cap_ueps < 0 || (charge->tenant_id != 0) == (charge->device_id != 0))
        return -EINVAL;
    r = savepoint_open(store);
    if (r != 0)
        return r;
    r = savepoint_close(store, charge_in_savepoint(store, charge, &refused));
    if (r == REFUSED_EXHAUSTED)
        return standing_after_refusal(store, refused, charge, out);
    if (r == 0 && out != NULL)
        r = charge->device_id != 0 ? store_filter_standing(store, charge->device_id, charge->epoch, out)
                                   : store_budget_standing(store, charge->tenant_id, charge->epoch, out);
    return r;
}

struct apart {
    int64_t who, epoch, spent, charged;
};

static void read_apart(struct query *query, void *out)
{
    struct apart *apart = out;

    apart->who = take_int(query);
    apart->epoch = take_int(query);
    apart->spent = take_int(query);
    apart->charged = take_int(query);
}

static int store_charges_reconcile(struct store *store, struct why *why)
{
    static const struct {
        unsigned which;
        const char *of;
    } scopes[] = {
        { FILTERS_APART, "the filter of device" },
        { BUDGETS_APART, "the budget of tenant" },
        { ODOMETERS_APART, "the odometer of device" },
    };

    for (size_t i = 0; i < sizeof scopes / sizeof scopes[0]; i++) {
        struct apart apart;
        struct query query;
        int r;

        query_open(&query, store, &statements, scopes[i].which);
        r = query_one(&query, read_apart, &apart, sizeof apart);
        if (r == REFUSED_UNKNOWN)
            continue;
        if (r != 0)
            return r;
        return refuse(why, REFUSED_CONFLICT, "ledger", "restore a backup; nothing is released until the two agree",
                      "%s id %" PRId64 " says %" PRId64 " micro-epsilon are spent (epoch %" PRId64
                      "), its charges sum up to %" PRId64,
                      scopes[i].of, apart.who, apart.spent, apart.epoch, apart.charged);
    }
    return 0;
}

void store_ledger_verbs(struct store *verbs)
{
    verbs->budget_put = store_budget_put;
    verbs->budget_cap = store_budget_cap;
    verbs->budget_lower = store_budget_lower;
    verbs->budget_standing = store_budget_standing;
    verbs->filter_standing = store_filter_standing;
    verbs->charge = store_charge;
    verbs->charges_reconcile = store_charges_reconcile;
}
