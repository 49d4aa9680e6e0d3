/* Releases over readings noised on board: estimates that hold the truth, what they cost and whom, what is refused. */
#include "tests/unit/core/fail_everywhere.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/text.h"
#include "daemon/core/explanation.h"
#include "daemon/core/release_local.h"
#include "daemon/core/schedule.h"
#include "tests/unit/core/sham_random.h"

#define DAY 86400000LL

static int64_t fixed(const char *text, int digits)
{
    int64_t value;

    assert_int_equal(fixed_parse(text, digits, &value), 0);
    return value;
}

/* Budgets and filters that stand for many answers, with a delta. */
static void make_rich(struct lab *lab)
{
    const struct budget_order order = { .epsilon = "100000", .rho = "100000", .delta = "0.001" };
    struct budget budget;

    lab->core->settings.filter_cap =
        (struct loss_caps){ .ueps = 100000 * EPSILON, .nrho = 100000000000000, .delta = INT64_C(1) << 50 };
    lab_sql(lab, "DELETE FROM budget_terms");
    assert_int_equal(budget_set(lab->core, &lab->world->privacy_officer, "acme", &order, &budget, &lab->why), 0);
}

/* Of a sensor whose readings are whole numbers, 0 to 7. */
static struct policy_order a_policy(const char *sensor, const char *mechanism)
{
    struct policy_order order = {
        .sensor = sensor, .lower = "0", .upper = "7", .scale = 1, .mechanism = mechanism, .contributions = 4
    };

    if (strcmp(mechanism, "laplace") == 0 || strcmp(mechanism, "geometric") == 0)
        order.epsilon_per_reading = "1";
    else if (strcmp(mechanism, "none") != 0)
        order.truth = 3, order.lie = 1;
    return order;
}

/* What a device that keeps to the lab's newest policy reports. */
static int64_t noised(const struct lab *lab, const struct proto_random *random, int64_t value)
{
    const struct policy *policy = &lab->policy;
    const struct noise_weights weights = { (uint32_t)policy->parameter_num, (uint32_t)policy->parameter_den };
    const uint32_t categories = (uint32_t)(policy->upper - policy->lower + 1),
                   category = (uint32_t)(value - policy->lower);
    struct noise_geometric geometric;
    uint8_t bits[8] = { 0 };
    uint32_t answer = 0;
    int64_t noise = 0;
    bool bit = false;

    if (strcmp(policy->mechanism, "laplace") == 0)
        assert_int_equal(noise_laplace(random, weights.truth, weights.lie, &noise), 0);
    if (strcmp(policy->mechanism, "geometric") == 0) {
        assert_int_equal(noise_geometric_init(weights.truth, weights.lie, &geometric), 0);
        assert_int_equal(noise_geometric(random, &geometric, &noise), 0);
    }
    if (strcmp(policy->mechanism, "krr") == 0) {
        assert_int_equal(noise_krr(random, weights, categories, category, &answer), 0);
        return policy->lower + answer;
    }
    if (strcmp(policy->mechanism, "oue") == 0) {
        assert_int_equal(noise_oue(random, weights, categories, category, bits), 0);
        return bits[0]; /* at most eight categories here */
    }
    if (strcmp(policy->mechanism, "onebit") == 0) {
        assert_int_equal(noise_onebit(random, weights, categories - 1, category, &bit), 0);
        return bit;
    }
    return value + noise;
}

static void put_reading(struct lab *lab, const struct device *device, int64_t value, bool is_noised)
{
    struct store *store = lab->world->store;
    struct reading reading = { .device_id = device->id,
                               .value = value,
                               .scale = lab->policy.scale,
                               .policy_version = lab->policy.version,
                               .noised = is_noised };
    const char *mechanism = lab->policy.mechanism;

    strcpy(reading.sensor, lab->policy.sensor);
    if (is_noised && strcmp(mechanism, "laplace") != 0 && strcmp(mechanism, "geometric") != 0)
        reading.scale = READING_ANSWER;
    assert_int_equal(store->begin(store), 0);
    assert_int_equal(ledger_now_ms(lab->core, &reading.received_ms), 0);
    reading.epoch = ledger_epoch(lab->core, reading.received_ms);
    assert_int_equal(store->reading_insert(store, &reading), 0);
    assert_int_equal(store->commit(store), 0);
}

static int ask(struct lab *lab, const struct release_order *order, struct release *out)
{
    struct release_order whole = *order;

    if (whole.sensor == NULL)
        whole.sensor = lab->policy.sensor;
    memset(&lab->why, 0, sizeof(lab->why));
    lab->world->clock.now_ms += 1;
    return release_create(lab->core, &lab->acme->caller, &whole, out, &lab->why);
}

static json_t *answer_of(struct lab *lab, const struct release_order *order)
{
    struct release release;

    int r = ask(lab, order, &release);
    if (r != 0)
        fail_msg("%d: %s", r, lab->why.what);
    return lab_answer(&release);
}

#define FLEET 12

struct fleet {
    struct device devices[FLEET];
    int64_t truth[8]; /* how many readings there are of each value */
    int64_t sum, reports;
};

static void make_fleet(struct lab *lab, struct fleet *fleet)
{
    char name[NAME_SIZE];

    for (int i = 0; i < FLEET; i++) {
        snprintf(name, sizeof(name), "noisy-%d", i);
        fleet->devices[i] = lab_device(lab, name);
    }
}

/* Each device reports four readings of its own. */
static void report_all(struct lab *lab, struct fleet *fleet, const struct proto_random *random)
{
    memset(fleet->truth, 0, sizeof(fleet->truth));
    fleet->sum = fleet->reports = 0;
    lab_sql(lab, "DELETE FROM reading");
    for (int i = 0; i < FLEET; i++)
        for (int j = 0; j < 4; j++) {
            const int64_t value = (i * i + j) % 8;
            put_reading(lab, &fleet->devices[i], noised(lab, random, value), true);
            fleet->truth[value]++;
            fleet->sum += value;
            fleet->reports++;
        }
}

static bool holds(const json_t *answer, int64_t truth, int digits)
{
    return fixed(lab_text(answer, "error95", "low"), digits) <= truth &&
           truth <= fixed(lab_text(answer, "error95", "high"), digits);
}

/* ---- estimates ---- */

static void sums_and_means_hold_the_truth(void **state)
{
    struct lab *lab = *state;
    static const char *const mechanisms[] = { "laplace", "geometric", "onebit" };
    struct sham_random source = { 11 };
    const struct proto_random random = sham_random_port(&source);
    struct fleet fleet;

    make_rich(lab);
    make_fleet(lab, &fleet);
    for (size_t i = 0; i < 3; i++) {
        const struct policy_order policy = a_policy(mechanisms[i], mechanisms[i]);
        const struct release_order sum = { .query = "sum", .source = "local" },
                                   mean = { .query = "mean", .source = "local" };
        int held = 0;
        lab_policy(lab, &policy);
        for (int run = 0; run < 40; run++) {
            report_all(lab, &fleet, &random);
            json_t *answer = answer_of(lab, &sum);
            held += holds(answer, fleet.sum, 0);
            assert_int_equal(json_integer_value(json_object_get(json_object_get(answer, "on_board"), "reports")),
                             fleet.reports);
            json_decref(answer);
            answer = answer_of(lab, &mean);
            held += holds(answer, fleet.sum * 10000 / fleet.reports, 4) || /* the truth may lie between */
                    holds(answer, fleet.sum * 10000 / fleet.reports + 1, 4);
            assert_true(fixed(lab_text(answer, NULL, "variance"), 4) > 0);
            json_decref(answer);
        }
        assert_in_range(held, 77, 80); /* 95 %: 76 */
    }
}

static void frequencies_hold_the_truth(void **state)
{
    struct lab *lab = *state;
    static const char *const mechanisms[] = { "krr", "oue" };
    struct sham_random source = { 12 };
    const struct proto_random random = sham_random_port(&source);
    struct fleet fleet;

    make_rich(lab);
    make_fleet(lab, &fleet);
    for (size_t i = 0; i < 2; i++) {
        const struct policy_order policy = a_policy(mechanisms[i], mechanisms[i]);
        const struct release_order bins = { .query = "histogram", .source = "local", .edges = "-3,1,4,5,20" },
                                   top = { .query = "top", .source = "local", .categories = "9,3,4", .top = 3 };
        int held = 0, tops = 0;
        lab_policy(lab, &policy);
        for (int run = 0; run < 30; run++) {
            report_all(lab, &fleet, &random);
            const int64_t truth[] = { fleet.truth[0], fleet.truth[1] + fleet.truth[2] + fleet.truth[3], fleet.truth[4],
                                      fleet.truth[5] + fleet.truth[6] + fleet.truth[7] };
            json_t *answer = answer_of(lab, &bins), *one;
            int64_t width = fixed(lab_text(answer, "error95", "half_width"), 2);
            size_t at;
            json_array_foreach(json_object_get(answer, "bins"), at, one)
            {
                held += llabs(fixed(lab_text(one, NULL, "count"), 2) - 100 * truth[at]) <= width;
            }
            json_decref(answer);
            answer = answer_of(lab, &top);
            width = fixed(lab_text(answer, "error95", "half_width"), 2);
            bool all = true;
            json_array_foreach(json_object_get(answer, "top"), at, one)
            {
                const int64_t category = fixed(lab_text(one, NULL, "category"), 0);
                const int64_t count = fixed(lab_text(one, NULL, "count"), 2);
                all = all && llabs(count - (category == 9 ? 0 : 100 * fleet.truth[category])) <= width;
                assert_true(category != 9 || count == 0); /* beyond the bounds: nobody can hold it */
            }
            tops += all;
            json_decref(answer);
        }
        assert_in_range(held, 114, 120);
        assert_in_range(tops, 29, 30);
    }
}

/* The half width that noise of this answer alone would give: ln(20) scales, so much of it as covers 95 %. */
static int64_t central_width(const json_t *answer)
{
    const json_t *noise = json_array_get(json_object_get(json_object_get(answer, "privacy"), "noise"), 0);

    return 3 * json_integer_value(json_object_get(noise, "scale_num")) /
           json_integer_value(json_object_get(noise, "scale_den"));
}

/* Beside raw readings, noised on board or not: without on-board noise the interval would miss more often than not. */
static void intervals_over_both_kinds_hold_the_truth(void **state)
{
    struct lab *lab = *state;
    struct sham_random source = { 13 };
    const struct proto_random random = sham_random_port(&source);
    const struct policy_order policy = a_policy("door", "laplace");
    const struct release_order sum = { .query = "sum", .loss.ueps = 20 * EPSILON },
                               mean = { .query = "mean", .loss.ueps = 20 * EPSILON };
    int held = 0, means = 0, narrow = 0;
    struct fleet fleet;

    make_rich(lab);
    make_fleet(lab, &fleet);
    struct device raw = lab_riot(lab, "raw-1");
    lab_policy(lab, &policy);
    for (int run = 0; run < 100; run++) {
        report_all(lab, &fleet, &random);
        for (int j = 0; j < 3; j++)
            put_reading(lab, &raw, 20, false); /* counts as 7 */
        const int64_t truth = fleet.sum + 21, count = fleet.reports + 3;
        json_t *answer = answer_of(lab, &sum);
        held += holds(answer, truth, 0);
        narrow += llabs(fixed(lab_text(answer, NULL, "value"), 0) - truth) <= central_width(answer);
        assert_int_equal(json_integer_value(json_object_get(json_object_get(answer, "on_board"), "reports")), 48);
        json_decref(answer);
        answer = answer_of(lab, &mean);
        means += holds(answer, truth * 100 / count, 2) || holds(answer, truth * 100 / count + 1, 2);
        json_decref(answer);
    }
    assert_in_range(held, 96, 100);
    assert_in_range(means, 96, 100);
    assert_in_range(narrow, 0, 50);
}

/* How many reports there are is known: no noise of the count makes a mean over them impossible, or worse than it is. */
static void a_mean_is_over_no_fewer_readings_than_reports(void **state)
{
    struct lab *lab = *state;
    struct sham_random source = { 15 };
    const struct proto_random random = sham_random_port(&source);
    const struct policy_order policy = a_policy("door", "laplace");
    const struct release_order mean = { .query = "mean", .loss.ueps = EPSILON / 10 };
    int held = 0;
    struct fleet fleet;

    make_rich(lab);
    make_fleet(lab, &fleet);
    lab_policy(lab, &policy);
    report_all(lab, &fleet, &random);
    for (int run = 0; run < 30; run++) {
        json_t *answer = answer_of(lab, &mean); /* the count's noise has a scale of 80, beside 48 reports */
        assert_true(json_is_string(json_object_get(answer, "value")));
        assert_true(json_is_object(json_object_get(answer, "error95")));
        held += holds(answer, fleet.sum * 100 / fleet.reports, 2);
        json_decref(answer);
    }
    assert_in_range(held, 28, 30);
}

static void counts_have_all_reports_and_sums_those_that_add_up(void **state)
{
    struct lab *lab = *state;
    struct sham_random source = { 14 };
    const struct proto_random random = sham_random_port(&source);
    const struct policy_order policy = a_policy("door", "krr");
    const struct release_order count = { .query = "count", .loss.ueps = 20 * EPSILON },
                               sum = { .query = "sum", .loss.ueps = 20 * EPSILON },
                               local = { .query = "count", .source = "local" },
                               raw = { .query = "count", .source = "raw", .loss.ueps = 20 * EPSILON };
    struct fleet fleet;

    make_rich(lab);
    make_fleet(lab, &fleet);
    lab_policy(lab, &policy);
    report_all(lab, &fleet, &random);
    json_t *answer = answer_of(lab, &count);
    assert_true(llabs(fixed(lab_text(answer, NULL, "value"), 0) - 48) < 20);
    json_decref(answer);
    answer = answer_of(lab, &sum);
    assert_true(llabs(fixed(lab_text(answer, NULL, "value"), 0)) < 60);
    assert_non_null(strstr(lab_text(answer, NULL, "statement"), "source local has them"));
    json_decref(answer);
    answer = answer_of(lab, &local);
    assert_string_equal(lab_text(answer, NULL, "value"), "48");
    assert_string_equal(lab_text(answer, "error95", "high"), "48");
    assert_string_equal(lab_text(answer, NULL, "source"), "local");
    json_decref(answer);
    answer = answer_of(lab, &raw);
    assert_true(llabs(fixed(lab_text(answer, NULL, "value"), 0)) < 20);
    assert_null(json_object_get(answer, "on_board"));
    json_decref(answer);
}

/* As while its policy had it send raw readings, and then noise them. What the charge is for is the raw ones' reach:
 * four of at most 7 each; and no raw reading pushes a report out, or the reverse. */
static void of_a_device_with_both_kinds_each_has_its_own_bound(void **state)
{
    struct lab *lab = *state;
    struct policy_order policy = a_policy("door", "none");
    const struct release_order count = { .query = "count", .loss.ueps = 20 * EPSILON },
                               sum = { .query = "sum", .loss.ueps = 20 * EPSILON };

    make_rich(lab);
    struct device device = lab_device(lab, "one");
    lab_policy(lab, &policy);
    for (int i = 0; i < 6; i++)
        put_reading(lab, &device, 1000, false); /* counts as 7 */
    policy = a_policy("door", "laplace");
    lab_policy(lab, &policy);
    for (int i = 0; i < 6; i++)
        put_reading(lab, &device, 100, true);
    for (int raw = 1; raw >= 0; raw--) {
        json_t *answer = answer_of(lab, &count);
        assert_true(llabs(fixed(lab_text(answer, NULL, "value"), 0) - (4 + 4 * raw)) < 4);
        json_decref(answer);
        answer = answer_of(lab, &sum);
        assert_true(llabs(fixed(lab_text(answer, NULL, "value"), 0) - (400 + 28 * raw)) < 28);
        json_decref(answer);
        lab_sql(lab, "DELETE FROM reading WHERE noised = 0");
    }
}

/* The charge is for readings within the newest bounds; those of reports beside raw ones may not reach further. */
static void beside_raw_readings_reports_by_wider_bounds_add_nothing_to_sums(void **state)
{
    struct lab *lab = *state;
    struct policy_order policy = a_policy("door", "laplace");
    struct release_order order = { .query = "sum", .loss.ueps = 20 * EPSILON };

    make_rich(lab);
    struct device device = lab_device(lab, "one");
    lab_policy(lab, &policy);
    put_reading(lab, &device, 100, true);
    policy.upper = "3";
    lab_policy(lab, &policy);
    put_reading(lab, &device, 40, true);
    json_t *answer = answer_of(lab, &order);
    assert_true(llabs(fixed(lab_text(answer, NULL, "value"), 0) - 40) < 20);
    assert_non_null(strstr(lab_text(answer, NULL, "statement"), "wider bounds of an earlier policy"));
    json_decref(answer);
    order = (struct release_order){ .query = "sum", .source = "local" };
    answer = answer_of(lab, &order);
    assert_string_equal(lab_text(answer, NULL, "value"), "140");
    json_decref(answer);
    policy.upper = "5"; /* wider again: by the narrower ones they may add what they did */
    lab_policy(lab, &policy);
    order = (struct release_order){ .query = "sum", .loss.ueps = 20 * EPSILON };
    answer = answer_of(lab, &order);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(answer, "on_board"), "reports")), 1);
    json_decref(answer);
}

/* Only the newest report of each device counts, whatever the epochs. */
static void of_memoised_answers_one_of_each_device_counts(void **state)
{
    struct lab *lab = *state;
    struct policy_order policy = a_policy("door", "laplace");
    struct release_order order = { .query = "sum", .source = "local", .from_ms = WORLD_START_MS };
    struct release release;

    policy.memo_step = 3;
    make_rich(lab);
    lab_policy(lab, &policy);
    struct device one = lab_device(lab, "one"), other = lab_device(lab, "other");
    put_reading(lab, &one, 100, true);
    lab->world->clock.now_ms += DAY;
    put_reading(lab, &one, 5, true);
    put_reading(lab, &one, 6, true);
    put_reading(lab, &other, 40, true);
    assert_int_equal(ask(lab, &order, &release), 0);
    assert_int_equal(release.loss.ueps, EPSILON);
    json_t *answer = lab_answer(&release);
    assert_string_equal(lab_text(answer, NULL, "value"), "46");
    const int64_t low = fixed(lab_text(answer, "error95", "low"), 0),
                  high = fixed(lab_text(answer, "error95", "high"), 0);
    assert_int_equal(high - 46, 46 - low + 4); /* rounding down takes at most two steps of each */
    assert_non_null(strstr(lab_text(answer, NULL, "statement"), "rounded down in steps of 3"));
    json_decref(answer);
    order.query = "count";
    answer = answer_of(lab, &order);
    assert_string_equal(lab_text(answer, NULL, "value"), "2");
    json_decref(answer);
    order.query = "sum"; /* beside raw readings they have no part */
    order.source = NULL;
    order.loss.ueps = 20 * EPSILON;
    answer = answer_of(lab, &order);
    assert_true(llabs(fixed(lab_text(answer, NULL, "value"), 0)) < 40);
    json_decref(answer);
}

static void no_more_reports_count_than_contributions(void **state)
{
    struct lab *lab = *state;
    const struct policy_order policy = a_policy("door", "laplace");
    const struct release_order order = { .query = "sum", .source = "local" };

    make_rich(lab);
    lab_policy(lab, &policy);
    struct device device = lab_device(lab, "one");
    for (int64_t i = 1; i <= 6; i++)
        put_reading(lab, &device, i, true);
    json_t *answer = answer_of(lab, &order);
    assert_string_equal(lab_text(answer, NULL, "value"), "18"); /* 3 + 4 + 5 + 6 */
    json_decref(answer);
}

/* ---- versions and fleets ---- */

static void each_version_is_estimated_by_its_own_noise(void **state)
{
    struct lab *lab = *state;
    struct policy_order policy = a_policy("door", "onebit");
    const struct release_order order = { .query = "sum", .source = "local" };
    struct release release;

    make_rich(lab);
    struct device device = lab_device(lab, "one");
    lab_policy(lab, &policy);
    const int64_t onebit = lab->policy.reading.ueps;
    for (int i = 0; i < 2; i++)
        put_reading(lab, &device, 1, true); /* two ones: 7 (2 x 4 - 2) / 2 = 21 */
    policy = a_policy("door", "laplace");
    policy.epsilon_per_reading = "0.5";
    policy.contributions = 3;
    lab->world->clock.now_ms += 10;
    lab_policy(lab, &policy);
    put_reading(lab, &device, 4, true);
    assert_int_equal(ask(lab, &order, &release), 0);
    json_t *answer = lab_answer(&release);
    assert_string_equal(lab_text(answer, NULL, "value"), "25");
    assert_int_equal(json_array_size(json_object_get(json_object_get(answer, "privacy"), "noise")), 2);
    json_decref(answer);
    assert_int_equal(release.loss.ueps, 4 * onebit); /* the most reports, each at the highest price */
}

static void a_plan_is_no_narrower_than_the_answer_over_several_versions(void **state)
{
    struct lab *lab = *state;
    const struct policy_order policy = a_policy("door", "laplace");
    struct release_order order = { .query = "sum", .sensor = "door", .source = "local" };
    struct release_plan plan;
    struct fleet fleet;

    make_rich(lab);
    make_fleet(lab, &fleet);
    for (int version = 0; version < 2; version++) {
        lab_policy(lab, &policy);
        for (int i = 0; i < 2 * FLEET; i++)
            put_reading(lab, &fleet.devices[i / 2], 1, true);
    }
    lab->world->clock.now_ms += 1;
    assert_int_equal(release_preview(lab->core, &lab->acme->caller, &order, &plan, &lab->why), 0);
    json_t *answer = answer_of(lab, &order);
    const int64_t width = fixed(lab_text(answer, "error95", "high"), 0) - fixed(lab_text(answer, NULL, "value"), 0);
    json_decref(answer);
    assert_int_equal(plan.error95_den, 1);
    assert_int_equal(plan.error95_num, width); /* each gave all it may */
}

/* Decided by the versions that can be in a window, never by what came in. */
static void a_window_of_another_kind_of_noise_is_refused_with_the_time_from_which_it_works(void **state)
{
    struct lab *lab = *state;
    struct policy_order policy = a_policy("door", "krr");
    struct release_order order = { .query = "sum", .source = "local", .from_ms = WORLD_START_MS };
    struct release release;

    make_rich(lab);
    lab_device(lab, "one");
    lab_policy(lab, &policy);
    lab->world->clock.now_ms += 1000;
    policy = a_policy("door", "laplace");
    lab_policy(lab, &policy);
    assert_int_equal(ask(lab, &order, &release), REFUSED_CONFLICT);
    assert_string_equal(lab->why.where, "source");
    assert_non_null(strstr(lab->why.todo, "2025-10-10T08:53:21"));
    assert_non_null(strstr(lab->why.what, "version 1 of the policy of sensor door lets out categories"));
    lab->world->clock.now_ms += 2 * DAY;
    order.from_ms = WORLD_START_MS + DAY + 1000;
    assert_int_equal(ask(lab, &order, &release), 0);
    policy.memo_step = 2;
    lab_policy(lab, &policy);
    assert_int_equal(ask(lab, &order, &release), REFUSED_CONFLICT);
    assert_non_null(strstr(lab->why.what, "one memoises and one does not"));
}

static void of_a_mixed_fleet_only_those_that_noise_are_in_it_and_no_suspect(void **state)
{
    struct lab *lab = *state;
    const struct policy_order policy = a_policy("door", "laplace");
    const struct release_order order = { .query = "sum", .source = "local" },
                               both = { .query = "sum", .loss.ueps = 20 * EPSILON };
    struct store *store = lab->world->store;

    make_rich(lab);
    lab_policy(lab, &policy);
    struct device raw = lab_riot(lab, "raw-1"), good = lab_device(lab, "good"), bad = lab_device(lab, "bad");
    put_reading(lab, &raw, 7, false);
    put_reading(lab, &good, 3, true);
    put_reading(lab, &bad, 100, true);
    assert_int_equal(store->begin(store), 0);
    assert_int_equal(store->device_suspect(store, bad.id, lab->world->clock.now_ms, "too little noise"), 0);
    assert_int_equal(store->commit(store), 0);
    json_t *answer = answer_of(lab, &order);
    assert_string_equal(lab_text(answer, NULL, "value"), "3");
    const json_t *part = json_object_get(answer, "on_board");
    assert_int_equal(json_integer_value(json_object_get(part, "devices")), 1);
    assert_int_equal(json_integer_value(json_object_get(part, "suspect")), 1);
    assert_int_equal(json_integer_value(json_object_get(answer, "cohort")), 3);
    json_decref(answer);
    answer = answer_of(lab, &both);
    assert_true(fixed(lab_text(answer, NULL, "value"), 0) < 60);
    json_decref(answer);
}

static void what_reports_cannot_tell_is_refused(void **state)
{
    struct lab *lab = *state;
    static const struct {
        const char *mechanism;
        struct release_order order;
        int refusal;
        const char *where;
    } bad[] = {
        { "laplace", { .query = "sum", .source = "lokal" }, REFUSED_INVALID, "source" },
        { "laplace", { .query = "sum", .source = "local", .loss.ueps = EPSILON }, REFUSED_INVALID, "source" },
        { "laplace", { .query = "sum", .source = "local", .rho = "1" }, REFUSED_INVALID, "source" },
        { "laplace", { .query = "sum", .source = "local", .mechanism = "laplace" }, REFUSED_INVALID, "source" },
        { "laplace", { .query = "variance", .source = "local" }, REFUSED_INVALID, "source" },
        { "laplace", { .query = "quantiles", .source = "local", .at = "0.5" }, REFUSED_INVALID, "source" },
        { "laplace", { .query = "device-sum", .source = "local" }, REFUSED_INVALID, "source" },
        { "laplace", { .query = "variance", .source = "both", .loss.ueps = EPSILON }, REFUSED_INVALID, "source" },
        { "laplace",
          { .query = "top", .source = "local", .categories = "lyon", .by = "site" },
          REFUSED_INVALID,
          "source" },
        { "laplace", { .query = "histogram", .source = "local", .edges = "0,1" }, REFUSED_CONFLICT, "source" },
        { "krr", { .query = "mean", .source = "local" }, REFUSED_CONFLICT, "source" },
        { "oue", { .query = "sum", .source = "local" }, REFUSED_CONFLICT, "source" },
        { "onebit", { .query = "top", .source = "local", .categories = "1" }, REFUSED_CONFLICT, "source" },
        { "none", { .query = "count", .source = "local" }, REFUSED_CONFLICT, "source" },
    };
    struct release release;
    char sensor[NAME_SIZE];

    make_rich(lab);
    lab_device(lab, "one");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(sensor, sizeof(sensor), "s%zu", i);
        const struct policy_order policy = a_policy(sensor, bad[i].mechanism);
        lab_policy(lab, &policy);
        assert_int_equal(ask(lab, &bad[i].order, &release), bad[i].refusal);
        assert_string_equal(lab->why.where, bad[i].where);
        assert_true(lab->why.what[0] != '\0' && lab->why.todo[0] != '\0');
    }
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), 0);
}

static void a_fleet_that_does_not_noise_is_refused(void **state)
{
    struct lab *lab = *state;
    const struct policy_order policy = a_policy("door", "laplace");
    const struct release_order order = { .query = "count", .source = "local" };
    struct release release;

    lab_riot(lab, "raw-1");
    lab_policy(lab, &policy);
    assert_int_equal(ask(lab, &order, &release), REFUSED_CONFLICT);
    assert_non_null(strstr(lab->why.what, "none noises on board"));
}

/* ---- what it costs ---- */

static void budgets_pay_and_filters_do_not(void **state)
{
    struct lab *lab = *state;
    const struct policy_order policy = a_policy("door", "laplace");
    const struct release_order order = { .query = "mean", .source = "local" };
    struct release release, again;
    struct release_plan plan;

    struct device device = lab_device(lab, "one");
    lab_policy(lab, &policy);
    lab->core->settings.filter_cap.ueps = 1; /* as good as full */
    struct release_order preview = order;
    preview.sensor = "door";
    lab->world->clock.now_ms += 1;
    assert_int_equal(release_preview(lab->core, &lab->acme->caller, &preview, &plan, &lab->why), 0);
    assert_true(plan.would_pass);
    assert_int_equal(plan.charged, 0);
    assert_int_equal(plan.cohort, 1);
    assert_int_equal(plan.device_loss.ueps, 0);
    assert_int_equal(plan.tenant_loss.ueps, 4 * EPSILON);
    assert_int_equal(plan.times, 1); /* of 5 */
    assert_int_equal(plan.first_scope, CHARGE_BUDGET);
    assert_true(plan.error95_num > 0 && plan.error95_den == 4);
    assert_int_equal(ask(lab, &order, &release), 0); /* without one report: the price has nothing to do with them */
    assert_int_equal(lab_filter(lab, &device), 0);
    assert_int_equal(lab_spent(lab, lab->acme), 4 * EPSILON);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), 1);
    assert_string_equal(release.mechanism, "local");
    assert_string_equal(release.parameters, "{\"source\":\"local\"}");
    json_t *answer = lab_answer(&release);
    assert_true(json_is_null(json_object_get(answer, "value")));
    assert_string_equal(lab_text(answer, NULL, "value_reason"), "no report came in");
    json_decref(answer);
    assert_int_equal(ask(lab, &order, &again), REFUSED_EXHAUSTED);
    assert_string_equal(lab->why.where, "tenant");
    assert_null(strstr(lab->why.todo, "smaller epsilon"));
}

static void the_same_request_gives_the_same_bytes_and_another_source_is_another_request(void **state)
{
    struct lab *lab = *state;
    const struct policy_order policy = a_policy("door", "krr");
    struct release_order order = { .query = "histogram", .edges = "0,1,2", .source = "local", .request = "monday" };
    struct release first, again;

    make_rich(lab);
    struct device device = lab_device(lab, "one");
    lab_policy(lab, &policy);
    put_reading(lab, &device, 1, true);
    assert_int_equal(ask(lab, &order, &first), 0);
    put_reading(lab, &device, 0, true);
    assert_int_equal(ask(lab, &order, &again), 0);
    assert_true(again.replayed);
    assert_int_equal(again.answer_size, first.answer_size);
    assert_memory_equal(again.answer, first.answer, first.answer_size);
    order.source = NULL;
    order.loss.ueps = EPSILON;
    assert_int_equal(ask(lab, &order, &again), REFUSED_CONFLICT);
    order = (struct release_order){ .query = "count", .loss.ueps = EPSILON, .request = "tuesday" };
    assert_int_equal(ask(lab, &order, &first), 0);
    order.source = "both"; /* what it meant without a word */
    assert_int_equal(ask(lab, &order, &again), 0);
    assert_true(again.replayed);
}

static void a_delta_of_reports_is_charged_where_the_budget_has_one(void **state)
{
    struct lab *lab = *state;
    const struct policy_order policy = a_policy("door", "geometric");
    const struct release_order order = { .query = "sum", .source = "local" };
    struct release release;

    lab->core->settings.filter_cap.delta = INT64_C(1) << 50;
    lab_device(lab, "one");
    lab_policy(lab, &policy);
    assert_int_equal(ask(lab, &order, &release), REFUSED_EXHAUSTED);
    assert_non_null(strstr(lab->why.what, "delta"));
    make_rich(lab);
    assert_int_equal(ask(lab, &order, &release), 0);
    assert_true(release.loss.delta > 0);
    assert_int_equal(release.loss.delta, 4 * lab->policy.reading.delta);
    json_t *answer = lab_answer(&release);
    assert_string_not_equal(lab_text(answer, NULL, "delta"), "0");
    assert_non_null(strstr(lab_text(answer, NULL, "statement"), "but for a probability of delta"));
    json_decref(answer);
}

/* ---- faults ---- */

static void a_fault_at_any_step_leaves_no_trace(void **state)
{
    struct lab *lab = *state;
    const struct policy_order policy = a_policy("door", "laplace");
    const struct release_order order = { .query = "sum", .sensor = "door", .source = "local" };
    struct release release;

    struct device device = lab_device(lab, "one");
    lab_policy(lab, &policy);
    put_reading(lab, &device, 3, true);
    lab->world->clock.now_ms += 2;
    /* time, profile, insert, standing, charge, reports, answer, audit, commit */
    assert_int_equal(fail_everywhere_release(lab, &order, &release), 9);
}

/* ---- words ---- */

static void it_is_explained_without_this_host_being_trusted(void **state)
{
    struct lab *lab = *state;
    const struct policy_order policy = a_policy("door", "krr");
    const struct release_order order = { .query = "histogram", .edges = "0,1,2", .source = "local" };
    char text[EXPLANATION_SIZE];
    struct release release;

    make_rich(lab);
    struct device device = lab_device(lab, "one");
    lab_policy(lab, &policy);
    put_reading(lab, &device, 1, true);
    assert_int_equal(ask(lab, &order, &release), 0);
    assert_int_equal(release_explain(lab->core, &lab->acme->caller, release.id, text, &lab->why), 0);
    assert_non_null(strstr(text, "told tenant acme the histogram of sensor door"));
    assert_non_null(strstr(text, "noised on its device, by k-ary randomised response"));
    assert_non_null(strstr(text, "epsilon 4.394452")); /* 4 ln 3, rounded up each time */
    assert_non_null(strstr(text,
                           "Had all readings of one device in one epoch been any others, every possible answer would "
                           "have been at most e^4.394452 times more or less likely. That devices reported"));
    assert_non_null(strstr(text, "this host neither"));
}

static void a_schedule_of_reports_leaves_filters_alone(void **state)
{
    struct lab *lab = *state;
    const struct policy_order policy = a_policy("door", "laplace");
    const struct schedule_order order = { .release = { .query = "mean", .sensor = "door", .source = "local" },
                                          .every_ms = DAY / 24 };
    struct schedule_plan plan;
    struct schedule schedule;

    lab_device(lab, "one");
    lab_policy(lab, &policy);
    lab->world->clock.now_ms += DAY / 24;
    assert_int_equal(schedule_preview(lab->core, &lab->acme->caller, &order, &plan, &lab->why), 0);
    assert_false(plan.filter.dries);
    assert_true(plan.budget.dries);
    assert_int_equal(plan.per_epoch.ueps, 96 * EPSILON);
    assert_int_equal(schedule_create(lab->core, &lab->acme->caller, &order, &schedule, &lab->why), 0);
    assert_true(schedule_is_local(&schedule));
    int64_t next_ms;
    lab->world->clock.now_ms = schedule.next_ms;
    assert_int_equal(ledger_check(lab->core, &lab->why), 0);
    assert_int_equal(schedule_tick(lab->core, schedule.next_ms, &next_ms), 0);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM release WHERE mechanism = 'local'"), 1);
}

/* A document that fits or not by what devices said would tell of them. */
static void the_longest_answer_fits(void **state)
{
    static const enum query queries[] = { QUERY_MEAN, QUERY_HISTOGRAM, QUERY_TOP };
    struct asked *asked = calloc(1, sizeof(*asked));
    struct release *release = calloc(1, sizeof(*release));
    struct local_version versions[LOCAL_VERSIONS_MAX];
    struct local local = {
        .versions = versions, .count = LOCAL_VERSIONS_MAX, .contributions = 100000, .is_memoised = true
    };

    (void)state;
    assert_true(asked != NULL && release != NULL);
    asked->source = SOURCE_LOCAL;
    asked->mechanism = MECHANISM_LOCAL;
    asked->local = &local;
    asked->noising_count = asked->suspect_count = asked->device_count = COHORT_MAX;
    asked->loss = (struct loss){ .ueps = LOSS_MAX, .nrho = LOSS_MAX, .delta = LOSS_MAX - 1 };
    asked->policy = (struct policy){ .scale = 1000000, .epoch_ms = INT64_MAX - 1000, .version = UINT32_MAX };
    asked->last_epoch = WINDOW_EPOCHS_MAX;
    asked->from_ms = 1, asked->to_ms = asked->now_ms = 253402300799999;
    memset(asked->tenant.name, 't', NAME_SIZE - 1);
    memset(asked->policy.sensor, 's', NAME_SIZE - 1);
    memset(asked->policy.unit_text, '"', sizeof(asked->policy.unit_text) - 1);
    memset(asked->selector, '\t', sizeof(asked->selector) - 1);
    memset(asked->request, 'r', sizeof(asked->request) - 1);
    memset(asked->parameters_text, '8', sizeof(asked->parameters_text) - 1);
    asked->parameters_text[0] = asked->parameters_text[sizeof(asked->parameters_text) - 2] = '"';
    for (size_t i = 0; i < LOCAL_VERSIONS_MAX; i++)
        versions[i] = (struct local_version){ .version = UINT32_MAX,
                                              .policy = { .mechanism = POLICY_GEOMETRIC,
                                                          .parameter_num = UINT32_MAX,
                                                          .parameter_den = UINT32_MAX,
                                                          .memo_step = UINT32_MAX },
                                              .reading = { LOSS_MAX, LOSS_MAX, LOSS_MAX, false },
                                              .reports = NOISE_REPORTS_MAX };
    local.reports = NOISE_REPORTS_MAX;
    local.value = local.low = local.high = local.half_width = INT64_MIN + 1;
    local.variance = INT64_MAX;
    for (size_t i = 0; i < EDGES_MAX; i++)
        local.cells[i] = INT64_MIN + 1, asked->parameters.values[i] = -(INT64_C(1) << 61) + (int64_t)i;
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        asked->query = queries[i];
        asked->parameters.count = asked->query == QUERY_TOP ? CATEGORIES_MAX : EDGES_MAX;
        asked->parameters.top = CATEGORIES_MAX;
        assert_int_equal(release_answer_write(asked, INT64_MAX, release->answer, sizeof(release->answer) - 512,
                                              &release->answer_size),
                         0);
        json_decref(lab_answer(release));
    }
    free(asked);
    free(release);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(sums_and_means_hold_the_truth),
        LAB_TEST(frequencies_hold_the_truth),
        LAB_TEST(intervals_over_both_kinds_hold_the_truth),
        LAB_TEST(a_mean_is_over_no_fewer_readings_than_reports),
        LAB_TEST(counts_have_all_reports_and_sums_those_that_add_up),
        LAB_TEST(of_a_device_with_both_kinds_each_has_its_own_bound),
        LAB_TEST(beside_raw_readings_reports_by_wider_bounds_add_nothing_to_sums),
        LAB_TEST(of_memoised_answers_one_of_each_device_counts),
        LAB_TEST(no_more_reports_count_than_contributions),
        LAB_TEST(each_version_is_estimated_by_its_own_noise),
        LAB_TEST(a_plan_is_no_narrower_than_the_answer_over_several_versions),
        LAB_TEST(a_window_of_another_kind_of_noise_is_refused_with_the_time_from_which_it_works),
        LAB_TEST(of_a_mixed_fleet_only_those_that_noise_are_in_it_and_no_suspect),
        LAB_TEST(what_reports_cannot_tell_is_refused),
        LAB_TEST(a_fleet_that_does_not_noise_is_refused),
        LAB_TEST(budgets_pay_and_filters_do_not),
        LAB_TEST(the_same_request_gives_the_same_bytes_and_another_source_is_another_request),
        LAB_TEST(a_delta_of_reports_is_charged_where_the_budget_has_one),
        LAB_TEST(a_fault_at_any_step_leaves_no_trace),
        LAB_TEST(it_is_explained_without_this_host_being_trusted),
        LAB_TEST(a_schedule_of_reports_leaves_filters_alone),
        cmocka_unit_test(the_longest_answer_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
