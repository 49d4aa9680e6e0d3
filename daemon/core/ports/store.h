/* store.h - where the registry and the ledger are kept, as a port. Verbs are the domain's; no SQL, no rows of anyone's.
 *
 * Every function returns 0, a negative fault, or one of the store's own refusals:
 *   REFUSED_UNKNOWN   no such row (or not the caller's tenant's)
 *   REFUSED_EXISTS    a unique name, key or id is taken
 *   REFUSED_CONFLICT  the row is not in the state that the verb requires (compare-and-set lost)
 *   REFUSED_EXHAUSTED a charge would pass a cap, or is impure where that is not allowed
 * Writing verbs run inside begin()..commit(); outside they are a fault (-EPERM). Reading verbs run anywhere and, inside
 * a transaction, see what it wrote. A verb that is refused has changed nothing, and the transaction goes on.
 * Iterators call each() a row, on rows copied before the first call: each() may use every verb, even end the
 * transaction or delete the row it is handed. each() returning non-zero ends the iteration with that value. A page's
 * limit out of 1..PAGE_MAX is a fault (-EINVAL). A tenant_id of 0 in a listing or a *_by_id means any tenant. Outputs
 * are set only on success. All texts are NUL-terminated and bounded by limits.h; reasons and errors, which only people
 * read, are cut to it. */
#ifndef TINYPART_CORE_PORTS_STORE_H
#define TINYPART_CORE_PORTS_STORE_H

#include "daemon/core/access.h"
#include "daemon/core/audit.h"
#include "daemon/core/budget.h"
#include "daemon/core/collect.h"
#include "daemon/core/device.h"
#include "daemon/core/directory.h"
#include "daemon/core/export.h"
#include "daemon/core/grant.h"
#include "daemon/core/image.h"
#include "daemon/core/limits.h"
#include "daemon/base/loss.h"
#include "daemon/core/policy.h"
#include "daemon/core/profile.h"
#include "daemon/core/release.h"
#include "daemon/core/rollout.h"
#include "daemon/core/schedule.h"
#include "daemon/core/tenant.h"
#include "daemon/core/watch.h"

#define EACH(type) int (*each)(void *context, const struct type *row), void *context

/* What a release or a pack of noised rows charges, in one epoch: a tenant's budget, the filters and odometers of
 * devices, or both. Each cap is the one that holds now; a row of this epoch keeps the cap that it began with, and of
 * the two the lower holds, currency by currency. */
struct charge {
    const char *cause;           /* "release" or "telemetry" */
    int64_t cause_id;            /* release id, or first reading id */
    int64_t tenant_id;           /* whose budget; 0: of none */
    const struct cohort *cohort; /* whose filters; NULL: of none. The devices are there */
    int64_t epoch;
    struct loss loss; /* of each device, and of the tenant */
    struct loss_caps budget_cap;
    struct loss_caps filter_cap; /* of each device, over all tenants */
    /* Of these two caps, what is unlocked by now; only with is_locked. Rows keep the whole caps. */
    bool is_locked;
    struct loss_caps budget_now, filter_now;
    /* Reserves: what of each filter is not reserved to any tenant, and what of it is reserved to tenant_id (0 in a
     * currency: none). A charge draws on the tenant's reserve first. Without has_reserves there is no pool. */
    bool has_reserves;
    struct loss_caps pool_cap;
    struct loss_caps reserve;
};
/* Devices, 64 in one member: device id = chunk * 64 + bit. Ascending chunks, no empty member. */
struct cohort_member {
    uint32_t chunk;
    uint64_t devices;
};
struct cohort {
    struct cohort_member *members;
    size_t member_count;
    int64_t device_count;
    uint8_t digest[DIGEST_SIZE]; /* of the members, as the caller makes it: the same set has the same; zeros for one
                                    device alone */
};
enum charge_scope { CHARGE_BUDGET = 1, CHARGE_FILTER, CHARGE_POOL, CHARGE_LIFE };
struct charge_refused {
    enum charge_scope scope;
    enum loss_currency currency;
    int64_t device_id; /* the lowest that has no room; 0 with a budget */
};
struct charge_standing {
    struct loss spent;
    struct loss_caps cap;
};
/* A tenant's terms from an epoch on. */
struct budget_terms {
    struct loss_caps cap;
    struct loss_caps reserve; /* of each device's filter; 0 in a currency: none */
    int64_t unlock_ppm;       /* of its cap, free when an epoch begins; the rest is unlocked evenly until its end */
};
/* What was recounted from the charges. */
struct ledger_count {
    int64_t charges, cohorts, budgets, filters, odometers; /* filters: device-epochs */
    int64_t last_charge;                                   /* its id */
};
/* One charge as it is kept, for those who read the ledger. */
struct ledger_charge {
    int64_t id;
    char cause[16];
    int64_t cause_id;
    int64_t tenant_id, device_id, cohort_id; /* 0: none */
    int64_t epoch;
    struct loss loss;
};
/* The ledger's other rows, for the same. */
enum ledger_rows {
    LEDGER_FILTER_CAPS,
    LEDGER_TERMS,   /* epoch: from which on; spent: what is reserved */
    LEDGER_BUDGETS, /* spent, under cap */
    LEDGER_COHORTS, /* after is its id */
    LEDGER_FILTERS, /* lost, in epoch */
    LEDGER_ODOMETERS,
};
struct ledger_row {
    int64_t after;
    int64_t tenant_id;
    int64_t epoch;
    uint32_t chunk; /* lost[i] is device chunk * 64 + i's */
    int64_t devices;
    struct loss_caps cap;
    struct loss spent;
    int64_t unlock_ppm;
    struct loss lost[64];
};

/* A move of a step from one state to another, with what changes along. */
struct step_move {
    int64_t step_id;
    enum step_state from, to;
    const char *reason; /* NULL: keep */
    int64_t due_ms;
    int64_t now_ms;
};
/* A new try: in the same transaction the device's sequence number rises and the step gets its manifest's paths (I9). */
struct step_try {
    int64_t step_id; /* moves waiting -> triggering */
    uint64_t sequence;
    const char *manifest_path, *image_path;
    const uint8_t *manifest_digest, *image_digest;
    struct content_key content_key;
    int64_t paths_expire_ms;
    int64_t deadline_ms; /* set when the step has none yet */
    int64_t due_ms;
    int64_t now_ms;
};
struct fetch_target {
    struct step step;
    bool is_manifest;
    uint8_t digest[DIGEST_SIZE];
    uint64_t total;
};
/* Readings of one device in one epoch and window. The bound on contributions is on raw readings and on noised ones each
 * by itself: were it shared, taking out one raw reading could let one more noised one in, and so change a sum by more
 * than what its clamp allows. */
struct aggregate_query {
    int64_t tenant_id; /* readings of this tenant's containers and of the devices themselves (tenant 0) */
    const char *sensor;
    int64_t device_id;
    int64_t from_ms, to_ms; /* received within [from, to) */
    int64_t epoch;
    int64_t contributions; /* the newest that many of the epoch's readings */
    int64_t lower, upper;  /* clamp of raw readings */
    int64_t scale;         /* only raw readings kept at this scale */
};
struct reading_value {
    int64_t value;
};
/* What a device that noises on board said: steps, a category, bits, a bit, by that version of the policy. */
struct reading_report {
    int64_t value;
    int64_t policy_version;
};
struct aggregate {
    int64_t count;
    int64_t sum; /* clamped; -EOVERFLOW is a fault, as policies make it impossible */
};

/* One vector of a device (device_proto/vector.h), as it came: whoever sums them clips them. */
struct vector {
    int64_t device_id;
    const char *sensor;
    int64_t epoch;
    int64_t received_ms;
    int64_t policy_version;
    int64_t dimension;
    struct bytes coordinates; /* 32-bit signed integers, little-endian: 4 * dimension bytes */
};
struct vector_place {
    int64_t id;
};

struct shared_value {
    int64_t device_id;
    const char *sensor, *query, *mechanism;
    int64_t policy_version;
    int64_t scale_num, scale_den;
    int64_t from_ms, to_ms;
    int64_t value;
    int64_t release_id; /* that paid for it */
};

/* A series of running counts within one epoch. */
struct running_series {
    int64_t tenant_id;
    const char *sensor, *selector, *mechanism;
    int64_t epoch, step_ms, policy_version;
    int64_t scale_num, scale_den;
    int64_t id;
    int64_t release_id; /* that paid for it */
    int64_t drawn;      /* partial sums that there are: those of its first steps */
};
/* A noised partial sum, named by the last step that it is over. */
struct running_sum {
    int64_t step; /* from 1 on */
    int64_t value;
};
/* Of a step, how many readings count. */
struct step_count {
    int64_t step; /* from 1 on */
    int64_t count;
};
struct departure {
    int64_t device_id;
};

struct store {
    void (*close)(struct store *store);
    /* One writer: begin takes the write lock at once; within a transaction it is a fault (-EALREADY). commit returns
     * after the data is durable; one that fails has rolled back. */
    int (*begin)(struct store *store);
    int (*commit)(struct store *store);
    void (*rollback)(struct store *store); /* harmless outside a transaction */
    /* Group commit: from group_begin on, transactions are parts of one: commit and rollback keep or undo a part at
     * once, and nothing is durable before group_end returns 0. A fault there undoes every part. A second group is
     * -EALREADY, a group that is no longer there -EPERM. */
    int (*group_begin)(struct store *store);
    int (*group_end)(struct store *store);
    bool (*group_waits)(struct store *store);           /* whether group_end has anything to make durable */
    int (*check)(struct store *store, struct why *why); /* integrity; REFUSED_CONFLICT names what is broken */

    /* facts about the whole registry: small named values ("epoch_ms", "ledger_ms", ...) */
    int (*fact_get)(struct store *store, const char *name, int64_t *out);
    int (*fact_set)(struct store *store, const char *name, int64_t value);
    /* Raises the fact to value if it is lower (or absent); gives what it then is. */
    int (*fact_raise)(struct store *store, const char *name, int64_t value, int64_t *out);

    int (*tenant_insert)(struct store *store, struct tenant *tenant); /* fills id */
    int (*tenant_by_name)(struct store *store, const char *name, struct tenant *out);
    int (*tenant_by_id)(struct store *store, int64_t id, struct tenant *out);
    int (*tenant_each)(struct store *store, int64_t tenant_id /* 0: all */, struct page page, EACH(tenant));
    int (*tenant_key_insert)(struct store *store, struct tenant_key *key);
    int (*tenant_key_each)(struct store *store, int64_t tenant_id, EACH(tenant_key)); /* revoked ones too */
    /* Here and below, revoking what is revoked already is REFUSED_CONFLICT. */
    int (*tenant_key_revoke)(struct store *store, int64_t tenant_id, const uint8_t fingerprint[DIGEST_SIZE],
                             int64_t now_ms);

    int (*token_insert)(struct store *store, struct token *token, const uint8_t hash[DIGEST_SIZE]);
    int (*token_by_hash)(struct store *store, const uint8_t hash[DIGEST_SIZE], struct token *out);
    int (*token_each)(struct store *store, struct page page, EACH(token));
    int (*token_revoke)(struct store *store, const char *name, int64_t now_ms);

    int (*profile_by_name)(struct store *store, const char *name, struct profile *out);
    int (*profile_each)(struct store *store, EACH(profile));

    /* labels travel inside struct device; device_update writes profile, class, address, state, report key and labels */
    /* fills id, and of a device that comes again its sequence number and life */
    int (*device_insert)(struct store *store, struct device *device);
    int (*device_update)(struct store *store, const struct device *device);
    int (*device_by_name)(struct store *store, const char *name, struct device *out);
    int (*device_by_id)(struct store *store, int64_t id, struct device *out);
    int (*device_each)(struct store *store, enum device_state state /* 0: both */, struct page page, EACH(device));
    int (*device_count)(struct store *store, enum device_state state, int64_t *out);
    int (*device_seen)(struct store *store, int64_t id, int64_t now_ms);
    /* REFUSED_CONFLICT while a step of it is not final. Labels, registration, slots and readings go with it; its
     * filters, odometer, charges and final steps stay. A later device of its name gets its id, its sequence number and
     * so what it lost; one that has lost and counted nothing is forgotten. */
    int (*device_delete)(struct store *store, int64_t id);
    /* Raises telemetry_sequence to sequence; REFUSED_CONFLICT when it is not higher than the one kept, or above
     * INT64_MAX. */
    int (*device_telemetry_sequence)(struct store *store, int64_t id, uint64_t sequence);
    /* REFUSED_CONFLICT: it is suspect already (is not); the first reason stays. Trusting it forgets its watches. */
    int (*device_suspect)(struct store *store, int64_t id, int64_t now_ms, const char *reason);
    int (*device_trust)(struct store *store, int64_t id);
    /* What was seen of a device's noised readings of one sensor; REFUSED_UNKNOWN: nothing yet, or (put) no such
     * device. */
    int (*watch_get)(struct store *store, int64_t device_id, const char *sensor, uint8_t out[WATCH_SIZE]);
    int (*watch_put)(struct store *store, int64_t device_id, const char *sensor, const uint8_t state[WATCH_SIZE]);

    int (*registration_put)(struct store *store,
                            const struct registration *registration); /* insert or replace by endpoint+sector */
    int (*registration_by_location)(struct store *store, const char *location, struct registration *out);
    int (*registration_by_endpoint)(struct store *store, const char *endpoint, const char *sector,
                                    struct registration *out);
    int (*registration_delete)(struct store *store, const char *location);
    /* page.after counts rows to pass over here (RFC 9176 pages) */
    int (*registration_each)(struct store *store, const struct directory_query *query, int64_t now_ms,
                             EACH(registration));
    int (*registration_expire)(struct store *store, int64_t now_ms);

    /* A slot that nobody holds is a row with tenant_id 0; REFUSED_UNKNOWN is the device's. */
    int (*slot_get)(struct store *store, int64_t device_id, unsigned slot, struct slot *out);
    int (*slot_each)(struct store *store, int64_t device_id, EACH(slot)); /* held ones only */
    /* Takes a slot that is free ("reserved"); the tenant's own stays as it is. REFUSED_CONFLICT: another tenant's. */
    int (*slot_take)(struct store *store, int64_t device_id, unsigned slot, int64_t tenant_id, int64_t now_ms);
    int (*slot_free)(struct store *store, int64_t device_id, unsigned slot);
    /* REFUSED_CONFLICT: the image is another tenant's than the slot. */
    int (*slot_installed)(struct store *store, int64_t device_id, unsigned slot, int64_t image_id, int64_t poll_due_ms,
                          int64_t now_ms);
    int (*slot_polls_due)(struct store *store, int64_t now_ms, unsigned limit, EACH(slot));
    int (*slot_poll_again)(struct store *store, int64_t device_id, unsigned slot, int64_t due_ms);
    int (*slot_next_poll)(struct store *store, int64_t *out_due_ms); /* REFUSED_UNKNOWN: none */

    int (*grant_insert)(struct store *store, struct grant *grant);
    int (*grant_by_id)(struct store *store, int64_t id, struct grant *out);
    int (*grant_each)(struct store *store, int64_t tenant_id /* 0: all */, bool live_only, int64_t now_ms,
                      struct page page, EACH(grant));
    int (*grant_revoke)(struct store *store, int64_t id, int64_t now_ms);

    int (*blob_put)(struct store *store, const uint8_t digest[DIGEST_SIZE],
                    struct bytes content); /* known already: 0 */
    /* Copies content[offset ..] up to capacity; total is the whole size. */
    int (*blob_read)(struct store *store, const uint8_t digest[DIGEST_SIZE], uint64_t offset, uint8_t *out,
                     size_t capacity, size_t *out_size, uint64_t *out_total);

    int (*image_insert)(struct store *store, struct image *image); /* its two blobs must be there: REFUSED_UNKNOWN */
    int (*image_by_id)(struct store *store, int64_t id, struct image *out);
    int (*image_by_name)(struct store *store, int64_t tenant_id, const char *name, const char *version,
                         struct image *out);
    int (*image_count)(struct store *store, int64_t tenant_id, int64_t *out);
    int (*image_each)(struct store *store, int64_t tenant_id, struct page page, EACH(image));

    int (*rollout_insert)(struct store *store, struct rollout *rollout);
    int (*rollout_by_id)(struct store *store, int64_t tenant_id /* 0: any */, int64_t id,
                         struct rollout *out); /* with counts */
    /* Without counts, so that it costs the same however many steps there are: it is read with every move of a step. */
    int (*rollout_terms)(struct store *store, int64_t id, struct rollout *out);
    int (*rollout_count)(struct store *store, int64_t tenant_id, int64_t *out); /* running or paused */
    int (*rollout_each)(struct store *store, int64_t tenant_id, struct page page, EACH(rollout));
    /* Compare-and-set of the state: REFUSED_CONFLICT when it is not from. finished_ms is set when to is final. */
    int (*rollout_move)(struct store *store, int64_t id, enum rollout_state from, enum rollout_state to,
                        int64_t now_ms);
    /* Whether any step is not final; asked with every end of a step. */
    int (*rollout_is_unfinished)(struct store *store, int64_t id, bool *out);

    int (*step_insert)(struct store *store, struct step *step); /* takes the device's name along */
    int (*step_by_id)(struct store *store, int64_t id, struct step *out);
    int (*step_each)(struct store *store, int64_t rollout_id, struct page page, EACH(step));
    /* Waiting steps of running rollouts that are due, whose device has no other step under way, within the rollout's
     * own concurrency; at most limit. */
    int (*steps_due)(struct store *store, int64_t now_ms, unsigned limit, EACH(step));
    /* Steps under way (triggering .. probing) whose due time has come: silence to be judged. */
    int (*steps_overdue)(struct store *store, int64_t now_ms, unsigned limit, EACH(step));
    int (*steps_under_way)(struct store *store, int64_t *out_count);
    int (*step_next_due)(
        struct store *store,
        int64_t *out_due_ms); /* over steps under way, and waiting ones of running rollouts that have a free place */
    int (*step_try)(
        struct store *store,
        const struct step_try *attempt); /* REFUSED_CONFLICT: not waiting, or sequence not above the device's */
    int (*step_move)(struct store *store, const struct step_move *move); /* REFUSED_CONFLICT: not in from */
    int (*step_progress)(struct store *store, int64_t step_id, uint64_t image_bytes, int64_t due_ms);
    int (*steps_abort_waiting)(struct store *store, int64_t rollout_id, const char *reason, int64_t now_ms);
    /* The newest step under way on a device, whatever its rollout. */
    int (*step_of_device)(struct store *store, int64_t device_id, struct step *out);
    int (*step_by_manifest)(struct store *store, const uint8_t manifest_digest[DIGEST_SIZE], struct step *out);
    int (*fetch_by_path)(struct store *store, const char *path, int64_t now_ms, struct fetch_target *out);
    int (*paths_expire)(struct store *store, int64_t now_ms);

    int (*policy_insert)(struct store *store, struct policy *policy); /* REFUSED_CONFLICT: version is not newest + 1 */
    int (*policy_newest)(struct store *store, const char *sensor, struct policy *out);
    int (*policy_version)(struct store *store, const char *sensor, int64_t version, struct policy *out);
    int (*policy_each)(struct store *store, struct page page, EACH(policy)); /* every version */

    /* A tenant's terms for epochs from from_epoch on (the newest row at or below an epoch counts). */
    int (*terms_put)(struct store *store, int64_t tenant_id, int64_t from_epoch, const struct budget_terms *terms);
    int (*terms_get)(struct store *store, int64_t tenant_id, int64_t epoch,
                     struct budget_terms *out); /* REFUSED_UNKNOWN: none set */
    /* What all tenants but one (0: none is left out) have reserved in an epoch, added up. */
    int (*reserves_sum)(struct store *store, int64_t epoch, int64_t but_tenant_id, struct loss_caps *out);
    /* Sets the cap of an epoch's standing row, in no currency below what is spent; no row yet: REFUSED_UNKNOWN. */
    int (*budget_recap)(struct store *store, int64_t tenant_id, int64_t epoch, const struct loss_caps *cap);
    /* The filters' cap that an epoch began with. REFUSED_UNKNOWN: nothing was charged in it yet. */
    int (*filter_cap_get)(struct store *store, int64_t epoch, struct loss_caps *out);
    int (*filter_cap_put)(struct store *store, int64_t epoch, const struct loss_caps *cap);
    /* REFUSED_UNKNOWN: nothing was charged in that epoch yet (filter: to no device in it). */
    int (*budget_standing)(struct store *store, int64_t tenant_id, int64_t epoch, struct charge_standing *out);
    int (*filter_standing)(struct store *store, int64_t device_id, int64_t epoch, struct charge_standing *out);
    /* One charge, all of it or nothing: what is spent rises if it stays within the caps, and the charge is recorded.
     * REFUSED_EXHAUSTED: over a cap; *out_refused (if not NULL) says which. One statement a scope, whatever the number
     * of devices; no read before the write. */
    int (*charge)(struct store *store, const struct charge *charge, struct charge_refused *out_refused);
    /* The same without writing: what would be refused first, the budget before devices, the lowest device first; and
     * how many devices have no room. Odometers must have room for times of it (the epochs of a window). */
    int (*charge_try)(struct store *store, const struct charge *charge, int64_t times,
                      struct charge_refused *out_refused, int64_t *out_devices);
    /* All filters, budgets and odometers counted again from the charges. REFUSED_CONFLICT: one differs, with words. */
    int (*ledger_recount)(struct store *store, struct ledger_count *out, struct why *why);
    int (*charge_each)(struct store *store, struct page page, EACH(ledger_charge));
    /* Rows of one kind as they stand. page.after is 0 at first, then the last row's after. */
    int (*ledger_row_each)(struct store *store, enum ledger_rows which, struct page page, EACH(ledger_row));
    /* The members of a cohort; to be freed by the caller. */
    int (*cohort_read)(struct store *store, int64_t cohort_id, struct cohort *out);

    int (*reading_insert)(struct store *store, struct reading *reading);
    /* Of raw readings, clamped: how many, and their sum; or each of them, newest first. */
    int (*reading_aggregate)(struct store *store, const struct aggregate_query *query, struct aggregate *out);
    int (*reading_values)(struct store *store, const struct aggregate_query *query, EACH(reading_value));
    /* How many readings, raw ones of the query's scale and all noised ones, each step of the window has that has any;
     * steps are counted from its start. Of the epoch's readings the contributions that came first count, raw and noised
     * ones each by themselves, so that no later one changes what an earlier step has. */
    int (*reading_steps)(struct store *store, const struct aggregate_query *query, int64_t step_ms, EACH(step_count));
    /* Those noised on board, as they came in, newest first. */
    int (*reading_reports)(struct store *store, const struct aggregate_query *query, EACH(reading_report));
    /* Readings, raw and noised, and vectors whose policy version's retention has passed are deleted; at most limit. */
    int (*reading_expire)(struct store *store, int64_t now_ms, unsigned limit, int64_t *out_deleted);
    /* Vectors are raw ones. */
    int (*reading_count)(struct store *store, int64_t *out_raw, int64_t *out_noised);

    /* REFUSED_BUSY: there are so many of that device, sensor and epoch already. */
    int (*vector_insert)(struct store *store, const struct vector *vector, int64_t most);
    /* Of one device, sensor and epoch those received in the window, the first contributions of them as they came. */
    int (*vector_each)(struct store *store, const struct aggregate_query *query, EACH(vector_place));
    int (*vector_read)(struct store *store, int64_t id, uint8_t *out, size_t capacity, size_t *out_size);

    int (*release_insert)(struct store *store, struct release *release, const uint8_t request_hash[DIGEST_SIZE]);
    /* The answer is completed once its id is known, in the same transaction, and never changed: REFUSED_CONFLICT. */
    int (*release_answer)(struct store *store, int64_t id, const char *answer, size_t size);
    /* One that is longer than struct release holds, or any other; not NUL-terminated. More than capacity: -E2BIG. */
    int (*release_answer_read)(struct store *store, int64_t id, char *out, size_t capacity, size_t *out_size);
    int (*release_by_request)(struct store *store, int64_t tenant_id, const char *request, struct release *out,
                              uint8_t out_request_hash[DIGEST_SIZE]);
    int (*release_by_id)(struct store *store, int64_t tenant_id, int64_t id, struct release *out);
    int (*release_each)(struct store *store, int64_t tenant_id, struct page page, EACH(release));

    int (*schedule_insert)(struct store *store, struct schedule *schedule); /* fills id */
    int (*schedule_by_id)(struct store *store, int64_t tenant_id, int64_t id, struct schedule *out);
    int (*schedule_each)(struct store *store, int64_t tenant_id, struct page page, EACH(schedule));
    int (*schedule_count)(struct store *store, int64_t tenant_id, int64_t *out);
    /* Neither paused nor at their end, the longest due first; at most limit. */
    int (*schedules_due)(struct store *store, int64_t now_ms, unsigned limit, EACH(schedule));
    int (*schedule_next_due)(struct store *store, int64_t *out_due_ms); /* REFUSED_UNKNOWN: none */
    /* Writes what a run, a pause or its end changes: paused, next_ms and all that follows created_ms. REFUSED_CONFLICT:
     * its next_ms is not was_due_ms any more. */
    int (*schedule_update)(struct store *store, const struct schedule *schedule, int64_t was_due_ms);
    int (*schedule_delete)(struct store *store, int64_t id);

    /* What one device said in one window, noised for all who ask the same. REFUSED_EXISTS: it is there already. */
    int (*shared_insert)(struct store *store, const struct shared_value *value);
    /* Everything but value and release_id says which. */
    int (*shared_get)(struct store *store, struct shared_value *value);

    /* Fills id. The cohort is the one that its release was charged for: REFUSED_UNKNOWN when none was charged for such
     * a one. REFUSED_EXISTS: the series has begun already. */
    int (*running_insert)(struct store *store, struct running_series *series, const struct cohort *cohort);
    /* Everything but id, release_id and drawn says which. */
    int (*running_get)(struct store *store, struct running_series *series);
    int (*running_cohort)(struct store *store, int64_t series_id, struct cohort *out); /* to be freed by the caller */
    /* Devices that were deleted since the series began, made again or not; of those that anything was charged to. */
    int (*running_departed)(struct store *store, int64_t series_id, EACH(departure));
    /* One after the other: REFUSED_CONFLICT when it is not the next step's. REFUSED_UNKNOWN: no such series. */
    int (*running_sum_insert)(struct store *store, int64_t series_id, const struct running_sum *sum);
    int (*running_sum_each)(struct store *store, int64_t series_id, EACH(running_sum)); /* by step */

    int (*sink_insert)(struct store *store, struct sink *sink);
    int (*sink_by_name)(struct store *store, int64_t tenant_id, const char *name, struct sink *out);
    int (*sink_by_id)(struct store *store, int64_t id, struct sink *out);
    /* With waiting, which is kept as a counter: this is asked for every pack of telemetry. */
    int (*sink_each)(struct store *store, int64_t tenant_id, struct page page, EACH(sink));
    int (*sink_delete)(struct store *store, int64_t id, int64_t *out_dropped);

    /* REFUSED_BUSY: OUTBOX_PER_SINK_MAX rows wait for that sink already. */
    int (*outbox_insert)(struct store *store, struct outbox_row *row, struct bytes body);
    /* Per sink the oldest waiting row, where due; at most limit sinks. */
    int (*outbox_due)(struct store *store, int64_t now_ms, unsigned limit, EACH(outbox_row));
    /* More than capacity: -E2BIG. Kept until delivered, then REFUSED_UNKNOWN. */
    int (*outbox_body)(struct store *store, int64_t id, uint8_t *out, size_t capacity, size_t *out_size);
    int (*outbox_delivered)(struct store *store, int64_t id, int64_t now_ms);
    int (*outbox_again)(struct store *store, int64_t id, int64_t due_ms, const char *error);
    /* Rows delivered before a time are forgotten; at most limit. What waits is never touched. */
    int (*outbox_expire)(struct store *store, int64_t delivered_before_ms, unsigned limit, int64_t *out_deleted);
    int (*outbox_next_due)(struct store *store, int64_t *out_due_ms);
    int (*outbox_each)(struct store *store, int64_t tenant_id, struct page page, EACH(outbox_row));

    int (*audit_head)(struct store *store, int64_t *out_sequence,
                      uint8_t out_hash[DIGEST_SIZE]);                          /* 0 and zeros when empty */
    int (*audit_insert)(struct store *store, const struct audit_entry *entry); /* REFUSED_CONFLICT: not head + 1 */
    int (*audit_each)(struct store *store, int64_t tenant_id, struct page page, EACH(audit_entry));
};

#undef EACH

#endif
