/* store_sqlite_ledger.c - what was spent, of whom, and why.
 * A charge is one conditional write a scope, whatever the number of devices: the row rises only if it stays within its
 * cap. Nothing is read before it is written, so no order of events can spend the same money twice. Where several scopes
 * are written (budget, filter, pool, odometer), a savepoint makes it all or none. */
#include "daemon/store_sqlite/cells.h"
#include "daemon/store_sqlite/charge.h"
#include "daemon/store_sqlite/verbs.h"
#include "daemon/store_sqlite/words.h"

#include <errno.h>
#include <stdlib.h>

enum {
    TERMS_PUT,
    TERMS_OF,
    RESERVES,
    RECAP,
    CAP_OF,
    CAP_PUT,
    CAP_FIRST,
    BUDGET_STANDING,
    FILTER_STANDING,
    RAISE_BUDGET,
    SPEND_BUDGET,
    SPEND_FILTER,
    SPEND_POOL,
    SPEND_SHARE,
    SPEND_LIFE,
    TRY_FILTER,
    TRY_POOL,
    TRY_LIFE,
    DEVICE_IS,
    COHORT_PUT,
    COHORT_OF,
    RECORD
};

/* Each member of the cohort of job ?1, ?2 of them: i. */
#define MEMBERS "WITH RECURSIVE member(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM member WHERE i + 1 < ?2) "
/* Raises what stands at each member's place, ?3 + chunk; other: what ledger_raise() looks at beside it. A NULL cell is
 * refused by the column. */
#define RAISE(table, other)                                                                               \
    MEMBERS "INSERT INTO " table " (place, cells) SELECT ?3 + ledger_chunk(?1, i),"                       \
            " ledger_raise(?1, ledger_chunk(?1, i), NULL, " other(                                        \
                "?3 + ledger_chunk(?1, i)") ") FROM member WHERE true"                                    \
                                            " ON CONFLICT (place) DO UPDATE SET cells = ledger_raise(?1," \
                                            " " table ".place, " table ".cells, " other(table ".place") ")"
#define TRY(table, other)                                                         \
    MEMBERS "SELECT count(ledger_raise(?1, ledger_chunk(?1, i), t.cells, " other( \
        "?3 + ledger_chunk(?1, i)") ")) FROM member LEFT JOIN " table " t ON t.place = ?3 + ledger_chunk(?1, i)"
#define NOTHING(place)  "NULL"
#define SHARE_AT(place) "(SELECT cells FROM share s WHERE s.place = " place " AND s.tenant_id = ?4)"
#define CAPS_AT(place)  "(SELECT cells FROM life_cap c WHERE c.place = " place ")"

static const struct statements statements = {
    DOMAIN_LEDGER,
    {
        [TERMS_PUT] = "INSERT INTO budget_terms (tenant_id, from_epoch, cap_ueps, cap_nrho, cap_delta, pure_only,"
                      " reserve_ueps, reserve_nrho, reserve_delta, unlock_ppm) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                      " ON CONFLICT (tenant_id, from_epoch) DO UPDATE SET cap_ueps = excluded.cap_ueps,"
                      " cap_nrho = excluded.cap_nrho, cap_delta = excluded.cap_delta, pure_only = excluded.pure_only,"
                      " reserve_ueps = excluded.reserve_ueps, reserve_nrho = excluded.reserve_nrho,"
                      " reserve_delta = excluded.reserve_delta, unlock_ppm = excluded.unlock_ppm",
        [TERMS_OF] = "SELECT cap_ueps, cap_nrho, cap_delta, pure_only, reserve_ueps, reserve_nrho, reserve_delta,"
                     " unlock_ppm FROM budget_terms WHERE tenant_id = ? AND from_epoch <= ?"
                     " ORDER BY from_epoch DESC LIMIT 1",
        [RESERVES] = "SELECT coalesce(sum(reserve_ueps), 0), coalesce(sum(reserve_nrho), 0),"
                     " coalesce(sum(reserve_delta), 0), 0 FROM budget_terms t WHERE tenant_id <> ?2 AND from_epoch ="
                     " (SELECT max(from_epoch) FROM budget_terms n WHERE n.tenant_id = t.tenant_id"
                     " AND n.from_epoch <= ?1)",
        [RECAP] = "UPDATE budget SET cap_ueps = max(spent_ueps, ?3), cap_nrho = max(spent_nrho, ?4),"
                  " cap_delta = max(spent_delta, ?5), pure_only = ?6 WHERE tenant_id = ?1 AND epoch = ?2",
        [CAP_OF] = "SELECT cap_ueps, cap_nrho, cap_delta, pure_only FROM filter_cap WHERE epoch = ?",
        [CAP_PUT] = "INSERT INTO filter_cap (epoch, cap_ueps, cap_nrho, cap_delta, pure_only) VALUES (?, ?, ?, ?, ?)"
                    " ON CONFLICT (epoch) DO UPDATE SET cap_ueps = excluded.cap_ueps, cap_nrho = excluded.cap_nrho,"
                    " cap_delta = excluded.cap_delta, pure_only = excluded.pure_only",
        [CAP_FIRST] = "INSERT INTO filter_cap (epoch, cap_ueps, cap_nrho, cap_delta, pure_only)"
                      " VALUES (?, ?, ?, ?, ?) ON CONFLICT (epoch) DO NOTHING",
        [BUDGET_STANDING] = "SELECT spent_ueps, spent_nrho, spent_delta, impure, cap_ueps, cap_nrho, cap_delta,"
                            " pure_only FROM budget WHERE tenant_id = ? AND epoch = ?",
        /* a device of which nothing was charged in the epoch stands in a row of its neighbours, with zeros */
        [FILTER_STANDING] = "SELECT ledger_cell(f.cells, ?1, 0), ledger_cell(f.cells, ?1, 1),"
                            " ledger_cell(f.cells, ?1, 2), ledger_cell(f.cells, ?1, 3), cap_ueps, cap_nrho, cap_delta,"
                            " pure_only FROM filter f JOIN filter_cap c ON c.epoch = ?2"
                            " WHERE f.place = ?2 * 4294967296 + ?1 / 64 AND ledger_cell(f.cells, ?1, 1) > 0",
        /* One statement spends. A row keeps its own cap, and the lower of that and the one given holds; a new row
         * starts with the one given. The comparisons subtract, as a sum could leave int64. ?1 tenant ?2 epoch ?3 ueps
         * ?4 nrho ?5 delta ?6 impure; ?7 ?8 ?9 caps ?10 pure only; ?11 ?12 ?13 what is unlocked of them */
        [RAISE_BUDGET] = "UPDATE OR FAIL budget SET spent_ueps = spent_ueps + ?3,"
                         " spent_nrho = spent_nrho + ?4, spent_delta = spent_delta + ?5, impure = max(impure, ?6)"
                         " WHERE tenant_id = ?1 AND epoch = ?2"
                         " AND (?3 = 0 OR (?3 <= cap_ueps - spent_ueps AND ?3 <= ?11 - spent_ueps))"
                         " AND (?4 = 0 OR (?4 <= cap_nrho - spent_nrho AND ?4 <= ?12 - spent_nrho))"
                         " AND (?5 = 0 OR (?5 <= cap_delta - spent_delta AND ?5 <= ?13 - spent_delta))"
                         " AND (?6 = 0 OR pure_only + ?10 = 0)",
        /* where there is no row yet; one that has no room is in conflict, and so refuses */
        [SPEND_BUDGET] = "INSERT INTO budget (tenant_id, epoch, spent_ueps, spent_nrho, spent_delta, impure, cap_ueps,"
                         " cap_nrho, cap_delta, pure_only) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10"
                         " WHERE ?3 <= ?11 AND ?4 <= ?12 AND ?5 <= ?13 AND ?6 + ?10 < 2"
                         " ON CONFLICT (tenant_id, epoch) DO NOTHING",
        [SPEND_FILTER] = RAISE("filter", NOTHING),
        [SPEND_POOL] = RAISE("pool", SHARE_AT),
        [SPEND_SHARE] = MEMBERS "INSERT INTO share (place, tenant_id, cells) SELECT ?3 + ledger_chunk(?1, i), ?4,"
                                " ledger_raise(?1, ledger_chunk(?1, i), NULL, NULL) FROM member WHERE true"
                                " ON CONFLICT (place, tenant_id) DO UPDATE SET"
                                " cells = ledger_raise(?1, share.place, share.cells, NULL)",
        [SPEND_LIFE] = RAISE("life", CAPS_AT),
        [TRY_FILTER] = TRY("filter", NOTHING),
        [TRY_POOL] = TRY("pool", SHARE_AT),
        [TRY_LIFE] = TRY("life", CAPS_AT),
        [DEVICE_IS] = "SELECT 1 FROM device WHERE id = ?",
        [COHORT_PUT] = "INSERT INTO cohort (sha256, devices, members) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        [COHORT_OF] = "SELECT id FROM cohort WHERE sha256 = ?",
        [RECORD] = "INSERT INTO charge (cause, cause_id, tenant_id, device_id, cohort_id, epoch, ueps, nrho, delta)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    },
};

#define EPOCH_MAX (INT64_MAX / PLACES_OF_EPOCH)

/* ---- terms and caps ---- */

static void put_caps(struct query *query, const struct loss_caps *caps)
{
    put_int(query, caps->ueps);
    put_int(query, caps->nrho);
    put_int(query, caps->delta);
    put_int(query, caps->pure_only);
}

static void take_caps(struct query *query, struct loss_caps *out)
{
    out->ueps = take_int(query);
    out->nrho = take_int(query);
    out->delta = take_int(query);
    out->pure_only = take_bool(query);
}

static int store_terms_put(struct store *store, int64_t tenant_id, int64_t from_epoch, const struct budget_terms *terms)
{
    struct query query;

    query_open(&query, store, &statements, TERMS_PUT);
    put_int(&query, tenant_id);
    put_int(&query, from_epoch);
    put_caps(&query, &terms->cap);
    put_int(&query, terms->reserve.ueps);
    put_int(&query, terms->reserve.nrho);
    put_int(&query, terms->reserve.delta);
    put_int(&query, terms->unlock_ppm);
    return query_run(&query);
}

static void read_terms(struct query *query, void *out)
{
    struct budget_terms *terms = out;

    take_caps(query, &terms->cap);
    terms->reserve.ueps = take_int(query);
    terms->reserve.nrho = take_int(query);
    terms->reserve.delta = take_int(query);
    terms->unlock_ppm = take_int(query);
}

static int store_terms_get(struct store *store, int64_t tenant_id, int64_t epoch, struct budget_terms *out)
{
    struct query query;

    query_open(&query, store, &statements, TERMS_OF);
    put_int(&query, tenant_id);
    put_int(&query, epoch);
    return query_one(&query, read_terms, out, sizeof *out);
}

static void read_caps(struct query *query, void *out)
{
    take_caps(query, out);
}

static int store_reserves_sum(struct store *store, int64_t epoch, int64_t but_tenant_id, struct loss_caps *out)
{
    struct query query;

    query_open(&query, store, &statements, RESERVES);
    put_int(&query, epoch);
    put_int(&query, but_tenant_id);
    return query_one(&query, read_caps, out, sizeof *out);
}

static int store_budget_recap(struct store *store, int64_t tenant_id, int64_t epoch, const struct loss_caps *cap)
{
    struct query query;

    query_open(&query, store, &statements, RECAP);
    put_int(&query, tenant_id);
    put_int(&query, epoch);
    put_caps(&query, cap);
    return query_must_change(&query, REFUSED_UNKNOWN);
}

static int store_filter_cap_get(struct store *store, int64_t epoch, struct loss_caps *out)
{
    struct query query;

    query_open(&query, store, &statements, CAP_OF);
    put_int(&query, epoch);
    return query_one(&query, read_caps, out, sizeof *out);
}

static int cap_write(struct store *store, unsigned which, int64_t epoch, const struct loss_caps *cap)
{
    struct query query;

    query_open(&query, store, &statements, which);
    put_int(&query, epoch);
    put_caps(&query, cap);
    return query_run(&query);
}

static int store_filter_cap_put(struct store *store, int64_t epoch, const struct loss_caps *cap)
{
    return cap_write(store, CAP_PUT, epoch, cap);
}

/* ---- standing ---- */

static void read_standing(struct query *query, void *out)
{
    struct charge_standing *standing = out;

    standing->spent.ueps = take_int(query);
    standing->spent.nrho = take_int(query);
    standing->spent.delta = take_int(query);
    standing->spent.impure = take_bool(query);
    take_caps(query, &standing->cap);
}

static int standing_of(struct store *store, unsigned which, int64_t who, int64_t epoch, struct charge_standing *out)
{
    struct query query;

    query_open(&query, store, &statements, which);
    put_int(&query, who);
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

/* ---- one charge ---- */

static struct loss_caps budget_now(const struct charge *charge)
{
    return charge->is_locked ? loss_caps_lower(&charge->budget_cap, &charge->budget_now) : charge->budget_cap;
}

static int refuse_budget(struct store *store, const struct charge *charge, struct charge_refused *out)
{
    struct charge_standing standing = { .cap = charge->budget_cap };
    int r = store_budget_standing(store, charge->tenant_id, charge->epoch, &standing);

    if (r < 0)
        return r;
    struct loss_caps caps = budget_now(charge);
    caps = loss_caps_lower(&standing.cap, &caps);
    *out = (struct charge_refused){ CHARGE_BUDGET, loss_fits(&standing.spent, &charge->loss, &caps), 0 };
    return REFUSED_EXHAUSTED;
}

static int budget_write(struct store *store, unsigned which, const struct charge *charge)
{
    struct loss_caps now = budget_now(charge);
    struct query query;

    query_open(&query, store, &statements, which);
    put_int(&query, charge->tenant_id);
    put_int(&query, charge->epoch);
    put_int(&query, charge->loss.ueps);
    put_int(&query, charge->loss.nrho);
    put_int(&query, charge->loss.delta);
    put_int(&query, charge->loss.impure);
    put_caps(&query, &charge->budget_cap);
    put_int(&query, now.ueps);
    put_int(&query, now.nrho);
    put_int(&query, now.delta);
    return query_must_change(&query, REFUSED_EXHAUSTED);
}

int charge_budget(struct store *store, const struct charge *charge, struct charge_refused *refused)
{
    int r = budget_write(store, RAISE_BUDGET, charge);

    if (r == REFUSED_EXHAUSTED)
        r = budget_write(store, SPEND_BUDGET, charge);
    return r == REFUSED_EXHAUSTED ? refuse_budget(store, charge, refused) : r;
}

/* One statement over all members. tenant_id 0: the statement has no share. */
static int raise(struct store *store, unsigned which, struct cells_job *job, int64_t place, int64_t tenant_id)
{
    struct query query;

    query_open(&query, store, &statements, which);
    put_pointer(&query, job, CELLS_JOB);
    put_int(&query, (int64_t)job->cohort->member_count);
    put_int(&query, place);
    if (which == SPEND_POOL || which == SPEND_SHARE || which == TRY_POOL)
        put_int(&query, tenant_id);
    int r = query_run(&query);
    return r != 0 && job->refused.currency != LOSS_NONE ? REFUSED_EXHAUSTED : r;
}

static bool some(const struct loss_caps *reserve)
{
    return reserve->ueps > 0 || reserve->nrho > 0 || reserve->delta > 0;
}

static int spend_scope(struct store *store, const struct charge *charge, enum charge_scope scope, uint64_t *no_room,
                       struct charge_refused *refused)
{
    const bool tries = no_room != NULL;
    struct cells_job job = { .cohort = charge->cohort, .loss = charge->loss, .no_room = no_room };
    int64_t place = scope == CHARGE_LIFE ? 0 : charge->epoch * PLACES_OF_EPOCH;
    unsigned which = scope == CHARGE_FILTER ? (tries ? TRY_FILTER : SPEND_FILTER)
                     : scope == CHARGE_POOL ? (tries ? TRY_POOL : SPEND_POOL)
                                            : (tries ? TRY_LIFE : SPEND_LIFE);

    job.rule = scope == CHARGE_FILTER ? CELLS_UNDER_CAPS : scope == CHARGE_POOL ? CELLS_DRAWN : CELLS_UNDER_OTHER;
    job.caps = scope == CHARGE_POOL ? charge->pool_cap : charge->filter_cap;
    if (scope == CHARGE_POOL && charge->tenant_id != 0)
        job.reserve = charge->reserve;
    int r = raise(store, which, &job, place, charge->tenant_id);
    if ((r == REFUSED_EXHAUSTED || (r == 0 && tries)) && job.refused.currency != LOSS_NONE &&
        (refused->device_id == 0 || job.refused.device_id < refused->device_id))
        *refused = (struct charge_refused){ scope, job.refused.currency, job.refused.device_id };
    return r;
}

static int spend_share(struct store *store, const struct charge *charge)
{
    struct cells_job job = { .cohort = charge->cohort, .loss = charge->loss, .rule = CELLS_UNCAPPED };

    if (charge->tenant_id == 0 || !some(&charge->reserve))
        return 0;
    return raise(store, SPEND_SHARE, &job, charge->epoch * PLACES_OF_EPOCH, charge->tenant_id);
}

struct loss_caps charge_filter_caps(const struct charge *charge, const struct loss_caps *own)
{
    struct loss_caps caps = loss_caps_lower(own, &charge->filter_cap);

    return charge->is_locked ? loss_caps_lower(&caps, &charge->filter_now) : caps;
}

/* The caps that hold: the epoch's own, or the present ones where those are lower. */
static int filter_cap_hold(struct store *store, struct charge *charge, bool begins)
{
    struct loss_caps own = charge->filter_cap;
    int r = store_filter_cap_get(store, charge->epoch, &own);

    if (r == REFUSED_UNKNOWN && begins)
        r = cap_write(store, CAP_FIRST, charge->epoch, &own);
    if (r < 0)
        return r;
    charge->filter_cap = charge_filter_caps(charge, &own);
    return 0;
}

static int spend_devices(struct store *store, const struct charge *wanted, struct charge_refused *refused)
{
    struct charge charge = *wanted;
    int r = filter_cap_hold(store, &charge, true);

    if (r == 0)
        r = spend_scope(store, &charge, CHARGE_FILTER, NULL, refused);
    if (r == 0 && charge.has_reserves)
        r = spend_share(store, &charge);
    if (r == 0 && charge.has_reserves)
        r = spend_scope(store, &charge, CHARGE_POOL, NULL, refused);
    if (r == 0)
        r = spend_scope(store, &charge, CHARGE_LIFE, NULL, refused);
    return r;
}

int64_t charge_only_device(const struct cohort *cohort)
{
    return (int64_t)cohort->members[0].chunk * CELLS_DEVICES + __builtin_ctzll(cohort->members[0].devices);
}

static int cohort_put(struct store *store, const struct cohort *cohort, int64_t *out_id)
{
    size_t size = cohort->member_count * 12;
    uint8_t *members = malloc(size);
    struct query query;

    if (members == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < cohort->member_count; i++) {
        for (unsigned j = 0; j < 4; j++)
            members[12 * i + j] = (uint8_t)(cohort->members[i].chunk >> (24 - 8 * j));
        for (unsigned j = 0; j < 8; j++)
            members[12 * i + 4 + j] = (uint8_t)(cohort->members[i].devices >> (56 - 8 * j));
    }
    query_open(&query, store, &statements, COHORT_PUT);
    put_digest(&query, cohort->digest);
    put_int(&query, cohort->device_count);
    put_bytes(&query, bytes_view(members, size));
    int r = query_run(&query);
    free(members);
    if (r != 0)
        return r;
    query_open(&query, store, &statements, COHORT_OF);
    put_digest(&query, cohort->digest);
    return query_int(&query, out_id);
}

static bool is_of_one(const struct cohort *cohort)
{
    return cohort != NULL && cohort->device_count == 1;
}

int charge_record(struct store *store, const struct charge *charge, int64_t cohort_id)
{
    struct query query;

    query_open(&query, store, &statements, RECORD);
    put_text(&query, charge->cause);
    put_int(&query, charge->cause_id);
    put_id(&query, charge->tenant_id);
    put_id(&query, is_of_one(charge->cohort) ? charge_only_device(charge->cohort) : 0);
    put_id(&query, cohort_id);
    put_int(&query, charge->epoch);
    put_id(&query, charge->loss.ueps); /* 0: it has no pure epsilon */
    put_int(&query, charge->loss.nrho);
    put_int(&query, charge->loss.delta);
    return query_run(&query);
}

static int record(struct store *store, const struct charge *charge)
{
    int64_t cohort_id = 0;
    int r = 0;

    if (charge->cohort != NULL && !is_of_one(charge->cohort))
        r = cohort_put(store, charge->cohort, &cohort_id);
    return r != 0 ? r : charge_record(store, charge, cohort_id);
}

/* One device alone, which nobody counted out of the registry just now. */
static int device_check(struct store *store, const struct cohort *cohort)
{
    struct query query;
    int64_t one;

    if (!is_of_one(cohort))
        return 0;
    query_open(&query, store, &statements, DEVICE_IS);
    put_int(&query, charge_only_device(cohort));
    return query_int(&query, &one);
}

static int charge_in_savepoint(struct store *store, const struct charge *charge, struct charge_refused *refused)
{
    int r = device_check(store, charge->cohort);

    if (r == 0 && charge->tenant_id != 0)
        r = charge_budget(store, charge, refused);
    if (r == 0 && charge->cohort != NULL)
        r = spend_devices(store, charge, refused);
    return r != 0 ? r : record(store, charge);
}

/* Scope by scope, each of them conditional: a savepoint takes back what a later one refuses. */
static int charge_parts(struct store *store, const struct charge *charge, struct charge_refused *refused)
{
    int r = savepoint_open(store);

    return r != 0 ? r : savepoint_close(store, charge_in_savepoint(store, charge, refused));
}

static bool charge_is_valid(const struct charge *charge)
{
    const struct cohort *cohort = charge->cohort;

    if (!loss_is_valid(&charge->loss) || charge->epoch < 0 || charge->epoch > EPOCH_MAX)
        return false;
    if (charge->loss.impure && charge->loss.ueps != 0) /* one mechanism has a pure epsilon or it has none */
        return false;
    if (charge->tenant_id != 0 && !loss_caps_are_valid(&charge->budget_cap))
        return false;
    if (cohort == NULL)
        return charge->tenant_id != 0;
    return cohort->member_count > 0 && cohort->device_count > 0 && loss_caps_are_valid(&charge->filter_cap) &&
           (!charge->has_reserves || (loss_caps_are_valid(&charge->pool_cap) && loss_caps_are_valid(&charge->reserve)));
}

static int store_charge(struct store *store, const struct charge *charge, struct charge_refused *out_refused)
{
    struct charge_refused refused = { 0 };

    if (!charge_is_valid(charge))
        return -EINVAL;
    if (!in_transaction(store))
        return -EPERM;
    int r = is_of_one(charge->cohort) && !charge->has_reserves ? charge_one(store, charge, &refused)
                                                               : charge_parts(store, charge, &refused);
    if (r == REFUSED_EXHAUSTED && out_refused != NULL)
        *out_refused = refused;
    return r;
}

/* ---- one that is only tried ---- */

int charge_budget_try(struct store *store, const struct charge *charge, struct charge_refused *refused)
{
    if (charge->tenant_id == 0)
        return 0;
    int r = refuse_budget(store, charge, refused);
    if (r == REFUSED_EXHAUSTED && refused->currency != LOSS_NONE)
        return r;
    *refused = (struct charge_refused){ 0 };
    return r < 0 ? r : 0;
}

static int try_devices(struct store *store, const struct charge *wanted, int64_t times, uint64_t *no_room,
                       struct charge_refused *refused)
{
    struct charge charge = *wanted, whole = *wanted;
    int r = filter_cap_hold(store, &charge, false);

    if (r == 0)
        r = spend_scope(store, &charge, CHARGE_FILTER, no_room, refused);
    if (r == 0 && charge.has_reserves)
        r = spend_scope(store, &charge, CHARGE_POOL, no_room, refused);
    loss_add_times(&whole.loss, &wanted->loss, times - 1);
    if (r == 0)
        r = spend_scope(store, &whole, CHARGE_LIFE, no_room, refused);
    return r;
}

static int store_charge_try(struct store *store, const struct charge *charge, int64_t times,
                            struct charge_refused *out_refused, int64_t *out_devices)
{
    struct charge_refused of_budget = { 0 }, of_devices = { 0 };
    uint64_t *no_room = NULL;
    int64_t devices = 0;

    if (!charge_is_valid(charge))
        return -EINVAL;
    int refused = charge_budget_try(store, charge, &of_budget);
    int r = refused < 0 ? refused : 0;
    if (r == 0 && charge->cohort != NULL) {
        no_room = calloc(charge->cohort->member_count, sizeof *no_room);
        r = no_room == NULL ? -ENOMEM : try_devices(store, charge, times, no_room, &of_devices);
        for (size_t i = 0; r == 0 && i < charge->cohort->member_count; i++)
            devices += __builtin_popcountll(no_room[i]);
        free(no_room);
    }
    if (r != 0)
        return r;
    *out_devices = devices;
    if (refused == 0 && devices == 0)
        return 0;
    *out_refused = refused != 0 ? of_budget : of_devices;
    return REFUSED_EXHAUSTED;
}

void store_ledger_verbs(struct store *verbs)
{
    verbs->terms_put = store_terms_put;
    verbs->terms_get = store_terms_get;
    verbs->reserves_sum = store_reserves_sum;
    verbs->budget_recap = store_budget_recap;
    verbs->filter_cap_get = store_filter_cap_get;
    verbs->filter_cap_put = store_filter_cap_put;
    verbs->budget_standing = store_budget_standing;
    verbs->filter_standing = store_filter_standing;
    verbs->charge = store_charge;
    verbs->charge_try = store_charge_try;
    store_recount_verbs(verbs);
}
