#include "tests/unit/core/fail_everywhere.h"

#include "daemon/core/ledger.h"

#include <errno.h>
#include <stdio.h>

#include "daemon/base/text.h"
#include "daemon/core/release_internal.h"

#define DAY 86400000LL

static int64_t fixed(const char *text, int digits)
{
    int64_t value;

    assert_int_equal(fixed_parse(text, digits, &value), 0);
    return value;
}

/* I2: the filter and odometer of every device asked, the budget once, the answer, the record and the outbox. */
static void charges_every_device_asked_and_the_tenant_once(void **state)
{
    struct lab *lab = *state;
    struct device with_data = lab_device(lab, "thermo-1"), without = lab_device(lab, "thermo-2"), found;

    lab_reading(lab, &with_data, 2000);
    lab_sink(lab, lab->acme, "lake", "file");
    lab_sink(lab, lab->acme, "sea", "file");
    struct release release = lab_release(lab, lab->acme, "sum", 250000, NULL);
    assert_int_equal(release.cohort, 2);
    assert_int_equal(lab_filter(lab, &with_data), 250000);
    assert_int_equal(lab_filter(lab, &without), 250000); /* whether it has data must not show in what is charged */
    assert_int_equal(lab_spent(lab, lab->acme), 250000);
    assert_int_equal(lab_spent(lab, lab->beta), 0);
    assert_int_equal(lab->world->store->device_by_id(lab->world->store, without.id, &found), 0);
    assert_int_equal(found.life_spent.ueps, 250000);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge WHERE cause = 'release'"), 1);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM release"), 1);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM outbox WHERE delivered_ms = 0"), 2);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM audit WHERE action = 'release.create'"), 1);
    assert_int_equal(lab->delivery_count, 0); /* I1: nothing has left yet */
}

static void charges_each_epoch_of_the_window(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    struct release_order order = { .query = "count", .sensor = "temperature", .loss.ueps = EPSILON };
    struct charge_standing standing;
    struct release release;

    lab->world->clock.now_ms += 3 * DAY;
    order.from_ms = WORLD_START_MS;
    order.to_ms = WORLD_START_MS + 2 * DAY;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why), 0);
    for (int64_t day = 0; day < 4; day++) {
        int r = lab->world->store->filter_standing(lab->world->store, device.id, WORLD_START_MS / DAY + day, &standing);
        assert_int_equal(r, day < 3 ? 0 : REFUSED_UNKNOWN);
        if (r == 0)
            assert_int_equal(standing.spent.ueps, EPSILON);
    }
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM budget WHERE spent_ueps = 1000000"), 3);
}

static void says_all_that_a_reader_needs_to_judge_the_answer(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");

    lab_reading(lab, &device, 2000);
    struct release release = lab_release(lab, lab->acme, "mean", 2 * EPSILON, "r-1");
    json_t *answer = lab_answer(&release);
    const json_t *noise = json_object_get(json_object_get(answer, "privacy"), "noise");

    assert_string_equal(lab_text(answer, NULL, "query"), "mean");
    assert_string_equal(lab_text(answer, NULL, "request"), "r-1");
    assert_string_equal(lab_text(answer, NULL, "unit"), "Cel");
    assert_string_equal(lab_text(answer, NULL, "epsilon"), "2");
    assert_string_equal(lab_text(answer, NULL, "from"), "2025-10-09T00:00:00Z");
    assert_string_equal(lab_text(answer, "privacy", "unit"), "device-epoch");
    assert_string_equal(lab_text(answer, "privacy", "mechanism"), "discrete Laplace");
    assert_int_equal(json_integer_value(json_object_get(answer, "cohort")), 1);
    assert_int_equal(json_integer_value(json_object_get(answer, "release")), release.id);
    assert_int_equal(json_array_size(noise), 2);
    /* half the epsilon to each: 2 * 6050 steps at epsilon 1, 2 readings at epsilon 1 */
    assert_string_equal(lab_text(json_array_get(noise, 0), NULL, "quantity"), "sum");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(noise, 0), "scale_num")), 12100);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(noise, 0), "scale_den")), 1);
    assert_string_equal(lab_text(json_array_get(noise, 0), NULL, "step"), "0.01");
    assert_int_equal(json_integer_value(json_object_get(json_array_get(noise, 1), "scale_num")), 2);
    assert_null(strchr(release.answer, '\n'));
    json_decref(answer);
}

/* I3 */
static void gives_the_same_bytes_again_at_no_cost(void **state)
{
    struct lab *lab = *state;

    lab_device(lab, "thermo-1");
    lab_sink(lab, lab->acme, "lake", "file");
    struct release first = lab_release(lab, lab->acme, "sum", 5 * EPSILON, "mine");
    int64_t charges = lab_number(lab, "SELECT count(*) FROM charge");
    uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];
    lab_fingerprint(lab, before);
    lab->world->clock.now_ms += 30 * DAY; /* the budget was dry; now even its window is gone */
    world_restart(lab->world);
    struct release again = lab_release(lab, lab->acme, "sum", 5 * EPSILON, "mine");
    assert_false(first.replayed);
    assert_true(again.replayed);
    assert_int_equal(again.id, first.id);
    assert_int_equal(again.answer_size, first.answer_size);
    assert_memory_equal(again.answer, first.answer, first.answer_size);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), charges);
    lab_fingerprint(lab, after);
    assert_memory_equal(before, after, DIGEST_SIZE);
}

static void replays_a_request_without_a_name_when_all_of_it_is_the_same(void **state)
{
    struct lab *lab = *state;
    struct release_order order = { .query = "count", .sensor = "temperature", .loss.ueps = EPSILON };
    struct release first, again, named;

    lab_device(lab, "thermo-1");
    order.from_ms = WORLD_START_MS - 1000;
    order.to_ms = WORLD_START_MS;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &first, &lab->why), 0);
    assert_int_equal(strlen(first.request), 64);
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &again, &lab->why), 0);
    assert_true(again.replayed);
    assert_string_equal(again.answer, first.answer);
    order.request = first.request; /* by the name that the answer gave it */
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &named, &lab->why), 0);
    assert_true(named.replayed);
    assert_int_equal(lab_spent(lab, lab->acme), EPSILON);
    /* under a new version of the policy it is another question */
    const struct policy_order wider = { .sensor = "temperature", .lower = "-40", .upper = "80" };
    lab_policy(lab, &wider);
    order.request = NULL;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &again, &lab->why), 0);
    assert_false(again.replayed);
    assert_string_not_equal(again.request, first.request);
}

/* I3 */
static void refuses_a_different_request_under_a_used_id(void **state)
{
    struct lab *lab = *state;
    struct release release;
    uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];

    lab_device(lab, "thermo-1");
    lab_release(lab, lab->acme, "sum", EPSILON, "mine");
    lab_fingerprint(lab, before);
    assert_int_equal(lab_ask(lab, lab->acme, "count", EPSILON, "mine", &release), REFUSED_CONFLICT);
    assert_int_equal(lab_ask(lab, lab->acme, "sum", EPSILON + 1, "mine", &release), REFUSED_CONFLICT);
    struct release_order order = { .query = "sum", .sensor = "temperature", .loss.ueps = EPSILON, .request = "mine" };
    order.selector = "site=lyon";
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why), REFUSED_CONFLICT);
    order.selector = NULL;
    order.from_ms = WORLD_START_MS - 5;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why), REFUSED_CONFLICT);
    lab_fingerprint(lab, after);
    assert_memory_equal(before, after, DIGEST_SIZE);
    /* ids are each tenant's own (I8) */
    assert_false(lab_release(lab, lab->beta, "count", EPSILON, "mine").replayed);
}

/* I2: the guarantee counts over all tenants; the budget of the second is fresh. */
static void two_tenants_share_the_filter_of_a_device(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-3");
    struct release release;

    lab_budget(lab, lab->acme, 5 * EPSILON);
    lab->core->settings.filter_cap.ueps = EPSILON;
    lab_release(lab, lab->acme, "count", 900000, NULL);
    assert_int_equal(lab_ask(lab, lab->beta, "count", 200000, NULL, &release), REFUSED_EXHAUSTED);
    assert_string_equal(lab->why.where, "device");
    assert_string_equal(
        lab->why.what,
        "the filter of device thermo-3 for epoch 2025-10-09 has not the 0.2 epsilon left that this asks; data "
        "of the next epoch, from 2025-10-10T00:00:00Z on, has its own");
    assert_null(strstr(lab->why.what, "acme"));
    assert_null(strstr(lab->why.todo, "acme"));
    assert_int_equal(lab_spent(lab, lab->beta), 0);     /* nothing was charged of what would have fitted */
    lab_release(lab, lab->beta, "count", 100000, NULL); /* to the last unit */
    assert_int_equal(lab_filter(lab, &device), EPSILON);
    assert_int_equal(lab_ask(lab, lab->beta, "count", 1, NULL, &release), REFUSED_EXHAUSTED);
    lab->world->clock.now_ms += DAY;
    lab_release(lab, lab->beta, "count", 1, NULL);
}

/* How much others asked is told to those who may see it. */
static void an_owner_is_told_how_a_filter_stands(void **state)
{
    struct lab *lab = *state;
    struct release_order order = { .tenant = "beta", .query = "count", .sensor = "temperature", .loss.ueps = 200000 };
    struct release release;

    lab_device(lab, "thermo-3");
    lab->core->settings.filter_cap.ueps = EPSILON;
    lab_release(lab, lab->acme, "count", 900000, NULL);
    lab->world->clock.now_ms += 1;
    assert_int_equal(release_create(lab->core, &lab->world->owner, &order, &release, &lab->why), REFUSED_EXHAUSTED);
    assert_string_equal(
        lab->why.what,
        "the filter of device thermo-3 for epoch 2025-10-09 has spent 0.9 of 1 epsilon and this asks 0.2 "
        "more; "
        "data of the next epoch, from 2025-10-10T00:00:00Z on, has its own");
}

static void a_device_made_again_under_its_name_has_the_filter_that_it_had(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-3");
    struct release release;

    lab->core->settings.filter_cap.ueps = EPSILON;
    lab_release(lab, lab->acme, "count", 900000, NULL);
    assert_int_equal(device_delete(lab->core, &lab->world->keeper, "thermo-3", NULL), 0);
    struct device again = lab_device(lab, "thermo-3");
    assert_int_equal(again.id, device.id);
    assert_int_equal(again.life_spent.ueps, 900000);
    assert_int_equal(lab_ask(lab, lab->beta, "count", 200000, NULL, &release), REFUSED_EXHAUSTED);
    lab_release(lab, lab->beta, "count", 100000, NULL);
}

static void a_lowered_filter_cap_holds_at_once_and_a_raised_one_from_the_next_epoch_on(void **state)
{
    struct lab *lab = *state;
    struct release release;

    lab_device(lab, "thermo-3");
    lab->core->settings.filter_cap.ueps = EPSILON;
    lab_release(lab, lab->acme, "count", 500000, NULL);
    lab->core->settings.filter_cap.ueps = 600000;
    assert_int_equal(lab_ask(lab, lab->beta, "count", 200000, NULL, &release), REFUSED_EXHAUSTED);
    lab->core->settings.filter_cap.ueps = 3 * EPSILON;
    assert_int_equal(lab_ask(lab, lab->beta, "count", 600000, NULL, &release), REFUSED_EXHAUSTED);
    lab->world->clock.now_ms += DAY;
    lab_release(lab, lab->beta, "count", 3 * EPSILON, NULL);
}

static void a_lifetime_cap_does_not_renew(void **state)
{
    struct lab *lab = *state;
    struct release release;

    lab->core->settings.life_cap.ueps = EPSILON;
    lab_device(lab, "mortal");
    lab_release(lab, lab->acme, "count", 700000, NULL);
    lab->world->clock.now_ms += DAY;
    assert_int_equal(lab_ask(lab, lab->acme, "count", 300001, NULL, &release), REFUSED_EXHAUSTED);
    assert_string_equal(lab->why.what, "device mortal has not the 0.300001 epsilon left of its whole life that this "
                                       "asks; that "
                                       "does not renew");
    struct release_order order = { .tenant = "acme", .query = "count", .sensor = "temperature", .loss.ueps = 300001 };
    assert_int_equal(release_create(lab->core, &lab->world->owner, &order, &release, &lab->why), REFUSED_EXHAUSTED);
    assert_string_equal(lab->why.what,
                        "device mortal has spent 0.7 of the 1 epsilon that it may lose in its whole life and "
                        "this asks 0.300001 more; that does not renew");
    lab_release(lab, lab->acme, "count", 300000, NULL);
}

/* I2, I7: whatever the reason, a refused release leaves no trace in any table. */
static void a_refused_release_leaves_no_trace(void **state)
{
    struct lab *lab = *state;
    static const struct {
        struct release_order order;
        int refusal;
        const char *where;
    } cases[] = {
        { { .query = "median", .sensor = "temperature", .loss.ueps = 1 }, REFUSED_INVALID, "query" },
        { { .query = NULL, .sensor = "temperature", .loss.ueps = 1 }, REFUSED_INVALID, "query" },
        { { .query = "sum", .sensor = "pressure", .loss.ueps = 1 }, REFUSED_UNKNOWN, "sensor" },
        { { .query = "sum", .sensor = "Pressure!", .loss.ueps = 1 }, REFUSED_INVALID, "sensor" },
        { { .query = "sum", .sensor = NULL, .loss.ueps = 1 }, REFUSED_INVALID, "sensor" },
        { { .query = "sum", .sensor = "temperature", .selector = "((", .loss.ueps = 1 }, REFUSED_INVALID, "selector" },
        { { .query = "sum", .sensor = "temperature", .selector = "site=mars", .loss.ueps = 1 },
          REFUSED_UNKNOWN,
          "selector" },
        { { .query = "sum", .sensor = "temperature", .loss.ueps = 0 }, REFUSED_INVALID, "epsilon" },
        { { .query = "sum", .sensor = "temperature", .loss.ueps = -1 }, REFUSED_INVALID, "epsilon" },
        { { .query = "mean", .sensor = "temperature", .loss.ueps = 1 }, REFUSED_INVALID, "epsilon" },
        { { .query = "sum", .sensor = "temperature", .loss.ueps = RELEASE_UEPS_MAX + 1 }, REFUSED_INVALID, "epsilon" },
        { { .query = "sum", .sensor = "temperature", .loss.ueps = INT64_MAX }, REFUSED_INVALID, "epsilon" },
        { { .query = "sum", .sensor = "temperature", .loss.ueps = 1, .request = "a b" }, REFUSED_INVALID, "request" },
        { { .query = "sum", .sensor = "temperature", .loss.ueps = 1, .request = "" }, REFUSED_INVALID, "request" },
        { { .query = "sum", .sensor = "temperature", .loss.ueps = 1, .to_ms = WORLD_START_MS + 1000 },
          REFUSED_INVALID,
          "to" },
        { { .query = "sum", .sensor = "temperature", .loss.ueps = 1, .from_ms = WORLD_START_MS + 1 },
          REFUSED_INVALID,
          "from" },
        { { .query = "sum", .sensor = "temperature", .loss.ueps = 1, .from_ms = 5, .to_ms = 5 },
          REFUSED_INVALID,
          "from" },
        { { .query = "sum", .sensor = "temperature", .loss.ueps = 1, .from_ms = -5 }, REFUSED_INVALID, "from" },
        { { .query = "sum", .sensor = "temperature", .loss.ueps = 1, .from_ms = WORLD_START_MS - 8 * DAY },
          REFUSED_INVALID,
          "from" },
        { { .query = "sum", .sensor = "temperature", .loss.ueps = 5 * EPSILON + 1 }, REFUSED_EXHAUSTED, "tenant" },
        { { .tenant = "beta", .query = "sum", .sensor = "temperature", .loss.ueps = 1 }, REFUSED_UNKNOWN, NULL },
    };
    uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];
    struct release release;

    lab_device(lab, "thermo-1");
    lab_sink(lab, lab->acme, "lake", "file");
    lab_fingerprint(lab, before);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int r = release_create(lab->core, &lab->acme->caller, &cases[i].order, &release, &lab->why);
        if (r != cases[i].refusal || (cases[i].where != NULL && strcmp(lab->why.where, cases[i].where) != 0))
            fail_msg("case %zu: %d %s (%s)", i, r, lab->why.what, lab->why.where);
    }
    lab_fingerprint(lab, after);
    assert_memory_equal(before, after, DIGEST_SIZE);
    assert_int_equal(lab->core->counters[COUNT_RELEASE_REFUSED], sizeof(cases) / sizeof(cases[0]));
}

static void the_last_device_that_refuses_takes_back_the_charges_of_all(void **state)
{
    struct lab *lab = *state;
    uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];
    struct release release;

    for (int i = 0; i < 5; i++) {
        char name[NAME_SIZE];
        snprintf(name, sizeof(name), "d%d", i);
        lab_device(lab, name);
    }
    struct device last;
    struct cohort_member member;
    assert_int_equal(lab->world->store->device_by_name(lab->world->store, "d4", &last), 0);
    struct cohort cohort = cohort_of_one(last.id, &member);
    struct charge charge = { .cause = "telemetry",
                             .cause_id = 9,
                             .cohort = &cohort,
                             .epoch = ledger_epoch(lab->core, lab->world->clock.now_ms),
                             .loss = loss_of_pure(10 * EPSILON),
                             .filter_cap = loss_caps_pure(10 * EPSILON) };
    assert_int_equal(lab->world->store->begin(lab->world->store), 0);
    assert_int_equal(lab->world->store->charge(lab->world->store, &charge, NULL), 0);
    assert_int_equal(lab->world->store->commit(lab->world->store), 0);
    lab_fingerprint(lab, before);
    assert_int_equal(lab_ask(lab, lab->acme, "sum", 1, NULL, &release), REFUSED_EXHAUSTED);
    assert_non_null(strstr(lab->why.what, "device d4"));
    lab_fingerprint(lab, after);
    assert_memory_equal(before, after, DIGEST_SIZE);
}

/* I7, I8: the words for an empty cohort do not tell a device that is not granted from one that is not there. */
/* What an earlier version let go is not asked for under a later one that keeps longer. */
static void a_retention_that_was_raised_brings_nothing_back(void **state)
{
    struct lab *lab = *state;
    struct policy_order policy = {
        .sensor = "temperature", .lower = "-20", .upper = "60.5", .contributions = 2, .retention_ms = 30 * DAY
    };
    struct release_order order = { .query = "count", .sensor = "temperature", .loss.ueps = EPSILON };
    struct release release;

    lab_device(lab, "thermo-1");
    lab->world->clock.now_ms += 10 * DAY;
    lab_policy(lab, &policy); /* the first version keeps 7 days */
    lab->world->clock.now_ms += 2 * DAY;
    order.from_ms = lab->world->clock.now_ms - 8 * DAY;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why), REFUSED_INVALID);
    assert_string_equal(lab->why.where, "from");
    order.from_ms = lab->world->clock.now_ms - 7 * DAY;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why), 0);
    lab->world->clock.now_ms += 7 * DAY;
    order.from_ms = WORLD_START_MS + 11 * DAY; /* from here on only the second version's */
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why), 0);
    order.from_ms--;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why), REFUSED_INVALID);
}

static void an_empty_cohort_is_refused_in_words_that_tell_nothing(void **state)
{
    struct lab *lab = *state;
    struct world_tenant *stranger = world_tenant(lab->world, "stranger");
    struct release_order order = { .query = "sum", .sensor = "temperature", .loss.ueps = 1, .selector = "site=lyon" };
    struct device device = lab_device(lab, "thermo-1");
    struct release release;
    struct why granted_to_others;

    lab_reading(lab, &device, 2000);
    lab_budget(lab, stranger, EPSILON);
    assert_int_equal(release_create(lab->core, &stranger->caller, &order, &release, &granted_to_others),
                     REFUSED_UNKNOWN);
    order.selector = "site=nowhere";
    assert_int_equal(release_create(lab->core, &stranger->caller, &order, &release, &lab->why), REFUSED_UNKNOWN);
    assert_string_equal(granted_to_others.what, lab->why.what);
    assert_null(strstr(lab->why.what, "thermo"));
}

static void a_grant_for_another_sensor_gives_nothing(void **state)
{
    struct lab *lab = *state;
    struct world_tenant *other = world_tenant(lab->world, "other");
    const struct grant_order order = {
        .tenant = "other", .selector = "", .sensors = "load", .helpers = "", .slots = ""
    };
    struct release release;
    struct grant grant;

    lab_device(lab, "thermo-1");
    lab_budget(lab, other, EPSILON);
    assert_int_equal(grant_create(lab->core, &lab->world->owner, &order, &grant, &lab->why), 0);
    assert_int_equal(lab_ask(lab, other, "count", 1, NULL, &release), REFUSED_UNKNOWN);
}

/* ---- faults ---- */

/* I2, I12: wherever the store fails, all of the release or none of it is there. */
static void a_fault_at_any_step_leaves_no_trace(void **state)
{
    struct lab *lab = *state;
    const struct release_order order = { .query = "mean", .sensor = "temperature", .loss.ueps = EPSILON };
    struct release release;

    lab_device(lab, "thermo-1");
    lab_device(lab, "thermo-2");
    lab_sink(lab, lab->acme, "lake", "file");
    lab->world->clock.now_ms += 1;
    /* time, profile, insert, standing, charge, 2 devices' readings and reports, answer, audit, outbox, commit */
    assert_int_equal(fail_everywhere_release(lab, &order, &release), 13);
    assert_int_equal(lab_spent(lab, lab->acme), EPSILON);
}

/* I6: without randomness there is no answer, and nothing is charged for it. */
static void without_randomness_nothing_is_answered_or_charged(void **state)
{
    struct lab *lab = *state;
    uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];
    struct release release;

    lab_device(lab, "thermo-1");
    lab_fingerprint(lab, before);
    lab->core->random = &no_random;
    assert_int_equal(lab_ask(lab, lab->acme, "mean", EPSILON, NULL, &release), -EIO);
    lab->core->random = &lab->world->random;
    lab_fingerprint(lab, after);
    assert_memory_equal(before, after, DIGEST_SIZE);
}

/* ---- what is answered ---- */

/* The noised sum of one release, in steps, drawn from a given seed. */
static int64_t sum_with_seed(struct lab *lab, uint64_t seed)
{
    lab->world->seed = seed;
    struct release release = lab_release(lab, lab->acme, "sum", EPSILON, NULL);
    json_t *answer = lab_answer(&release);
    int64_t value = fixed(lab_text(answer, NULL, "value"), 2);

    json_decref(answer);
    return value;
}

/* Neighbours: one device-epoch more, with its readings far outside of the bounds. The same noise, so the whole
 * difference is what the readings did. */
static void one_device_epoch_changes_a_sum_by_its_sensitivity_at_most(void **state)
{
    struct lab *lab = *state;
    struct device quiet = lab_device(lab, "quiet"), loud = lab_device(lab, "loud");

    lab_reading(lab, &quiet, 2100);
    int64_t without = sum_with_seed(lab, 7);
    for (int i = 0; i < 10; i++)
        lab_reading(lab, &loud, INT64_MAX);
    int64_t with = sum_with_seed(lab, 7);
    assert_int_equal(with - without, 2 * 6050); /* contributions * max(|L|, |U|) */
    lab_reading(lab, &loud, INT64_MIN);
    lab_reading(lab, &loud, -1);
    with = sum_with_seed(lab, 7);
    assert_int_equal(with - without, -2001); /* the newest two: clamped to L, and -0.01 */
}

/* What is charged and refused is the same whether there are readings or not. */
static void readings_change_nothing_but_the_noised_numbers(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    struct release_plan before, after;
    const struct release_order order = { .query = "mean", .sensor = "temperature", .loss.ueps = EPSILON };

    lab->world->clock.now_ms += 1;
    assert_int_equal(release_preview(lab->core, &lab->acme->caller, &order, &before, &lab->why), 0);
    for (int i = 0; i < 5; i++)
        lab_reading(lab, &device, 2000);
    assert_int_equal(release_preview(lab->core, &lab->acme->caller, &order, &after, &lab->why), 0);
    assert_memory_equal(&before, &after, sizeof(before));
}

static void a_tenants_own_containers_readings_are_seen_by_no_other(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_riot(lab, "riot-1");
    struct store *store = lab->world->store;
    struct reading reading = { .device_id = device.id, .value = 6000, .scale = 100, .policy_version = 1 };

    strcpy(reading.sensor, "temperature");
    reading.tenant_id = lab->beta->tenant.id;
    reading.received_ms = lab->world->clock.now_ms;
    reading.epoch = ledger_epoch(lab->core, reading.received_ms);
    int64_t without = sum_with_seed(lab, 9);
    assert_int_equal(store->begin(store), 0);
    assert_int_equal(store->reading_insert(store, &reading), 0);
    assert_int_equal(store->commit(store), 0);
    assert_int_equal(sum_with_seed(lab, 9), without); /* acme's answer, beta's reading */
}

static void answers_spread_as_their_scale_says_and_keep_their_interval(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    int64_t total = 0, squares = 0, outside = 0, runs = 400;

    lab_reading(lab, &device, 2000);
    lab->core->settings.filter_cap.ueps = 1000 * EPSILON;
    lab_budget(lab, lab->acme, 0);
    lab_sql(lab, "DELETE FROM budget_terms");
    lab_budget(lab, lab->acme, 1000 * EPSILON);
    for (int64_t i = 0; i < runs; i++) {
        struct release release = lab_release(lab, lab->acme, "count", 2 * EPSILON, NULL); /* scale 1 */
        json_t *answer = lab_answer(&release);
        int64_t noise = fixed(lab_text(answer, NULL, "value"), 0) - 1;
        total += noise;
        squares += noise * noise;
        outside +=
            fixed(lab_text(answer, "error95", "low"), 0) > 1 || fixed(lab_text(answer, "error95", "high"), 0) < 1;
        json_decref(answer);
    }
    assert_in_range(total + 1000, 1000 - 110, 1000 + 110); /* 4 standard deviations of 27 */
    assert_in_range(squares * 100 / runs, 110, 270);       /* variance 1.841 */
    assert_in_range(outside * 100, 0, 5 * runs);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM release"), runs);
}

static void a_mean_of_enough_readings_is_near_the_truth(void **state)
{
    struct lab *lab = *state;
    char name[NAME_SIZE];

    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "d%d", i);
        struct device device = lab_device(lab, name);
        lab_reading(lab, &device, 2000 + i);
        lab_reading(lab, &device, 2200 - i);
    }
    struct release release = lab_release(lab, lab->acme, "mean", 4 * EPSILON, NULL);
    json_t *answer = lab_answer(&release);
    int64_t value = fixed(lab_text(answer, NULL, "value"), 4);
    assert_in_range(value, fixed(lab_text(answer, "error95", "low"), 4), fixed(lab_text(answer, "error95", "high"), 4));
    assert_in_range(210000, fixed(lab_text(answer, "error95", "low"), 4),
                    fixed(lab_text(answer, "error95", "high"), 4));
    assert_in_range(value, 190000, 230000);
    json_decref(answer);
}

/* A fault would take the charge back, and whether there is one would hang on the data. */
static void a_mean_beyond_all_numbers_is_null_and_no_fault(void **state)
{
    struct asked asked = {
        .query = QUERY_MEAN, .source = SOURCE_RAW, .loss.ueps = EPSILON, .policy = { .scale = 100 }, .part_count = 2
    };
    struct noised *count = &asked.parts[1];
    struct release release = { 0 };

    (void)state;
    asked.mechanism = MECHANISM_LAPLACE;
    asked.parts[0] =
        (struct noised){ .quantity = "sum", .value = INT64_C(1) << 62, .half_width = 1, .scale = { 1, 1 } };
    *count = (struct noised){ .quantity = "count", .value = 1, .scale = { 1, 1 } };
    for (int64_t value = 1; value <= 60; value += 59) { /* 60: the value is a number, its interval's end is not */
        count->value = value;
        count->half_width = value - 1;
        assert_int_equal(release_answer_write(&asked, 1, release.answer, sizeof(release.answer), &release.answer_size),
                         0);
        json_t *answer = lab_answer(&release);
        assert_int_equal(json_is_null(json_object_get(answer, "value")), value == 1);
        assert_true(json_is_null(json_object_get(answer, "error95")));
        assert_string_equal(lab_text(answer, NULL, "error95_reason"),
                            "the noised mean is beyond all numbers: too small an epsilon");
        json_decref(answer);
    }
}

static void fill(char *text, size_t size, char c)
{
    memset(text, c, size - 1);
    text[size - 1] = '\0';
}

/* A document that fits or not by the digits of what was drawn would do the same. A selector's tabs take six bytes. */
static void make_label(struct asked *asked)
{
    fill(asked->parameters.label, NAME_SIZE, 'l');
    for (size_t i = 0; i < CATEGORIES_MAX; i++)
        fill(asked->parameters.label_values[i], LIST_TEXT_MAX / CATEGORIES_MAX, 'v');
}

static void the_longest_answer_fits(void **state)
{
    static const enum query queries[] = { QUERY_MEAN,      QUERY_MEAN, QUERY_VARIANCE,   QUERY_HISTOGRAM,
                                          QUERY_QUANTILES, QUERY_TOP,  QUERY_DEVICE_SUM, QUERY_TOP };
    const struct noised longest = { .quantity = "squares",
                                    .digits = 12,
                                    .loss = { .ueps = 19999999, .nrho = LOSS_MAX },
                                    .value = -(INT64_C(1) << 62),
                                    .half_width = INT64_C(1) << 44,
                                    .scale = { 1ull << 40, (1ull << 40) - 1 } };
    struct asked asked = { .source = SOURCE_BOTH,
                           .loss = { .ueps = 19999999, .nrho = LOSS_MAX },
                           .device_count = COHORT_MAX };
    struct release release = { 0 };

    (void)state;
    asked.policy = (struct policy){ .scale = 1000000, .epoch_ms = INT64_MAX - 1000, .contributions = 100000 };
    asked.policy.version = UINT32_MAX;
    asked.last_epoch = WINDOW_EPOCHS_MAX;
    asked.from_ms = 1, asked.to_ms = asked.now_ms = 253402300799999; /* 9999-12-31T23:59:59.999Z */
    fill(asked.tenant.name, sizeof(asked.tenant.name), 't');
    fill(asked.policy.sensor, sizeof(asked.policy.sensor), 's');
    fill(asked.policy.unit_text, sizeof(asked.policy.unit_text), '"');
    fill(asked.selector, sizeof(asked.selector), '\t');
    fill(asked.request, sizeof(asked.request), 'r');
    fill(asked.parameters_text, sizeof(asked.parameters_text), '8');
    asked.parameters_text[0] = asked.parameters_text[sizeof(asked.parameters_text) - 2] = '"';
    asked.mechanism = MECHANISM_LAPLACE;
    asked.part_count = 3;
    asked.parts[0] = asked.parts[1] = asked.parts[2] = longest;
    for (size_t i = 0; i < CELLS_MAX; i++)
        asked.cells[i] = i < 2 ? INT64_C(1) << 62 : -(INT64_C(1) << 62);
    for (size_t i = 0; i < SHARED_MAX; i++)
        fill(asked.shared[i].name, NAME_SIZE, 'd');
    for (int64_t i = 0; i < EDGES_MAX; i++)
        asked.parameters.values[i] = -(INT64_C(1) << 61) + i;
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        asked.query = queries[i];
        asked.cell_count = asked.query >= QUERY_HISTOGRAM && asked.query != QUERY_QUANTILES ? 64 : 0;
        asked.parameters.count = asked.query == QUERY_QUANTILES ? QUANTILES_MAX : EDGES_MAX;
        asked.parameters.top = CATEGORIES_MAX;
        if (i == 1 || asked.query == QUERY_VARIANCE) { /* with an interval; the first has none, and a reason */
            asked.parts[i == 1 ? 1 : 2].value = INT64_C(1) << 40;
            asked.parts[i == 1 ? 1 : 2].half_width = 0;
        }
        if (i == sizeof(queries) / sizeof(queries[0]) - 1) /* by a label; more than the longest list has */
            make_label(&asked);
        assert_int_equal(
            release_answer_write(&asked, INT64_MAX, release.answer, sizeof(release.answer) - 512, &release.answer_size),
            0);
        json_decref(lab_answer(&release));
    }
}

static void a_mean_of_nothing_is_null_and_is_charged_all_the_same(void **state)
{
    struct lab *lab = *state;
    bool null_seen = false, value_seen = false;

    lab_device(lab, "thermo-1");
    for (int i = 0; i < 20; i++) {
        struct release release = lab_release(lab, lab->acme, "mean", 100000, NULL);
        json_t *answer = lab_answer(&release);
        if (json_is_null(json_object_get(answer, "value"))) {
            null_seen = true;
            assert_true(strlen(lab_text(answer, NULL, "value_reason")) > 0);
        } else {
            value_seen = true;
        }
        assert_true(json_is_null(json_object_get(answer, "error95")));
        json_decref(answer);
    }
    assert_true(null_seen);
    assert_true(value_seen);
    assert_int_equal(lab_spent(lab, lab->acme), 2 * EPSILON);
}

/* ---- preview, reading, restart ---- */

static void a_preview_says_what_a_release_would_do_and_does_nothing(void **state)
{
    struct lab *lab = *state;
    struct release_order order = { .query = "sum", .sensor = "temperature", .source = "raw", .loss.ueps = 600000 };
    uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];
    struct release_plan plan;

    lab_device(lab, "thermo-1");
    lab_device(lab, "thermo-2");
    lab->core->settings.filter_cap.ueps = EPSILON;
    lab->world->clock.now_ms += 1;
    lab_fingerprint(lab, before);
    assert_int_equal(release_preview(lab->core, &lab->acme->caller, &order, &plan, &lab->why), 0);
    lab_fingerprint(lab, after);
    assert_memory_equal(before, after, DIGEST_SIZE);
    assert_true(plan.would_pass);
    assert_int_equal(plan.cohort, 2);
    assert_int_equal(plan.epochs, 1);
    assert_int_equal(plan.device_loss.ueps, 600000);
    assert_int_equal(plan.tenant_left.ueps, 5 * EPSILON);
    assert_int_equal(plan.exhausted_devices, 0);
    assert_int_equal(plan.error95_num, (12100 * 2995733LL + 599999) / 600000);
    assert_int_equal(plan.error95_den, 100);
    lab_release(lab, lab->acme, "sum", 600000, NULL);
    lab->world->clock.now_ms += 1;
    assert_int_equal(release_preview(lab->core, &lab->acme->caller, &order, &plan, &lab->why), 0);
    assert_false(plan.would_pass);
    assert_int_equal(plan.exhausted_devices, 2);
    assert_string_equal(plan.first_exhausted, "thermo-1");
    assert_non_null(strstr(plan.why.what, "the filter of device thermo-1"));
    order.loss.ueps = 0;
    assert_int_equal(release_preview(lab->core, &lab->acme->caller, &order, &plan, &lab->why), REFUSED_INVALID);
}

static void a_preview_knows_what_was_answered_already(void **state)
{
    struct lab *lab = *state;
    const struct release_order order = {
        .query = "sum", .sensor = "temperature", .loss.ueps = 5 * EPSILON, .request = "x"
    };
    struct release_plan plan;

    lab_device(lab, "thermo-1");
    lab_release(lab, lab->acme, "sum", 5 * EPSILON, "x");
    assert_int_equal(release_preview(lab->core, &lab->acme->caller, &order, &plan, &lab->why), 0);
    assert_true(plan.would_pass);
    assert_true(plan.replay);
    assert_int_equal(plan.tenant_loss.ueps, 0);
}

static int count_release(void *context, const struct release *release)
{
    (void)release;
    ++*(int *)context;
    return 0;
}

/* I8 */
static void a_tenant_sees_its_own_releases_only(void **state)
{
    struct lab *lab = *state;
    const struct page page = { 0, PAGE_MAX };
    struct release found;
    int count = 0;

    lab_device(lab, "thermo-1");
    struct release release = lab_release(lab, lab->acme, "sum", EPSILON, "x");
    assert_int_equal(release_get(lab->core, &lab->acme->caller, release.id, &found, &lab->why), 0);
    assert_string_equal(found.answer, release.answer);
    assert_int_equal(release_get(lab->core, &lab->beta->caller, release.id, &found, &lab->why), REFUSED_UNKNOWN);
    assert_int_equal(release_list(lab->core, &lab->beta->caller, page, count_release, &count, &lab->why), 0);
    assert_int_equal(count, 0);
    assert_int_equal(release_list(lab->core, &lab->world->auditor, page, count_release, &count, &lab->why), 0);
    assert_int_equal(count, 1);
    assert_int_equal(release_get(lab->core, &lab->world->keeper, release.id, &found, &lab->why), REFUSED_FORBIDDEN);
    const struct release_order order = { .tenant = "acme", .query = "sum", .sensor = "temperature", .loss.ueps = 1 };
    assert_int_equal(release_create(lab->core, &lab->world->auditor, &order, &found, &lab->why), REFUSED_FORBIDDEN);
}

/* A whole-day window of ten thousand devices must not hold up the loop. */
static void ten_thousand_devices_are_asked_in_one_transaction(void **state)
{
    struct lab *lab = *state;

    lab_device(lab, "seed");
    lab_sql(
        lab,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) "
        "INSERT INTO device SELECT NULL, 'd' || i, d.state, d.profile, d.class_name, d.address || i, d.sequence, "
        "d.telemetry_sequence, d.report_key_type, d.report_key, d.created_ms, d.seen_ms, NULL, 0, '' FROM n, device d");
    struct release release = lab_release(lab, lab->acme, "sum", EPSILON, NULL);
    assert_int_equal(release.cohort, 10000);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), 1);
    assert_int_equal(lab_number(lab, "SELECT sum(ledger_cell(cells, i, 0) = 1000000) FROM filter,"
                                     " (WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 63)"
                                     " SELECT i FROM n)"),
                     10000);
    assert_int_equal(ledger_check(lab->core, &lab->why), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(charges_every_device_asked_and_the_tenant_once),
        LAB_TEST(charges_each_epoch_of_the_window),
        LAB_TEST(says_all_that_a_reader_needs_to_judge_the_answer),
        LAB_TEST(gives_the_same_bytes_again_at_no_cost),
        LAB_TEST(replays_a_request_without_a_name_when_all_of_it_is_the_same),
        LAB_TEST(refuses_a_different_request_under_a_used_id),
        LAB_TEST(two_tenants_share_the_filter_of_a_device),
        LAB_TEST(an_owner_is_told_how_a_filter_stands),
        LAB_TEST(a_device_made_again_under_its_name_has_the_filter_that_it_had),
        LAB_TEST(a_lowered_filter_cap_holds_at_once_and_a_raised_one_from_the_next_epoch_on),
        LAB_TEST(a_lifetime_cap_does_not_renew),
        LAB_TEST(a_refused_release_leaves_no_trace),
        LAB_TEST(the_last_device_that_refuses_takes_back_the_charges_of_all),
        LAB_TEST(a_retention_that_was_raised_brings_nothing_back),
        LAB_TEST(an_empty_cohort_is_refused_in_words_that_tell_nothing),
        LAB_TEST(a_grant_for_another_sensor_gives_nothing),
        LAB_TEST(a_fault_at_any_step_leaves_no_trace),
        LAB_TEST(without_randomness_nothing_is_answered_or_charged),
        LAB_TEST(one_device_epoch_changes_a_sum_by_its_sensitivity_at_most),
        LAB_TEST(readings_change_nothing_but_the_noised_numbers),
        LAB_TEST(a_tenants_own_containers_readings_are_seen_by_no_other),
        LAB_TEST(answers_spread_as_their_scale_says_and_keep_their_interval),
        LAB_TEST(a_mean_of_enough_readings_is_near_the_truth),
        cmocka_unit_test(a_mean_beyond_all_numbers_is_null_and_no_fault),
        cmocka_unit_test(the_longest_answer_fits),
        LAB_TEST(a_mean_of_nothing_is_null_and_is_charged_all_the_same),
        LAB_TEST(a_preview_says_what_a_release_would_do_and_does_nothing),
        LAB_TEST(a_preview_knows_what_was_answered_already),
        LAB_TEST(a_tenant_sees_its_own_releases_only),
        LAB_TEST(ten_thousand_devices_are_asked_in_one_transaction),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
