/* Noised sums of vectors, for rounds of federated learning. */
#include "tests/unit/core/round.h"

#include <stdio.h>

#include "daemon/base/buffer.h"
#include "daemon/base/text.h"
#include "daemon/core/device.h"
#include "daemon/core/explanation.h"
#include "daemon/core/release_internal.h"
#include "daemon/core/schedule.h"
#include "device_proto/vector.h"
#include "tests/unit/core/fail_everywhere.h"
#include "tests/unit/core/sham_random.h"

#define MILLION 1000000LL
#define DAY     86400000LL

/* ---- releases ---- */

static void a_round_is_paid_in_rho_and_says_what_it_is(void **state)
{
    struct lab *lab = *state;
    struct device one = lab_device(lab, "node-1"), two = lab_device(lab, "node-2");
    const struct release_order order = { .rho = "0.5", .request = "round-1" };
    struct release release, again;

    round_make(lab);
    round_give(lab, &one, 100);
    round_give(lab, &two, 200);
    round_must(lab, round_ask(lab, &order, &release));
    assert_string_equal(release.query, "vector-sum");
    assert_string_equal(release.mechanism, "gaussian");
    assert_true(release.loss.impure);
    assert_int_equal(release.loss.nrho, 500000000);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge WHERE ueps IS NULL AND nrho = 500000000"), 1);
    json_t *answer = round_answer(lab, &release);
    assert_int_equal(json_array_size(json_object_get(answer, "vector")), ROUND_DIMENSION);
    assert_int_equal(json_integer_value(json_object_get(answer, "dimension")), ROUND_DIMENSION);
    assert_string_equal(lab_text(answer, NULL, "norm"), "1000");
    const json_t *noise = json_array_get(json_object_get(json_object_get(answer, "privacy"), "noise"), 0);
    assert_int_equal(json_integer_value(json_object_get(noise, "variance_num")), 1000000); /* 1000^2 / (2 * 0.5) */
    assert_string_equal(lab_text(answer, NULL, "l2_error"), "4000");                       /* sqrt(16) * 1000 */
    assert_string_equal(lab_text(answer, "error95", "half_width"), "1960");
    assert_non_null(strstr(lab_text(answer, NULL, "statement"),
                           "each clipped to an L2 norm of 1000, are within 1960 of what is said, each by itself; all "
                           "of them together are off by 4000 in L2 norm, on average at most."));
    for (size_t i = 0; i < ROUND_DIMENSION; i++) { /* noise beyond 8 sigma: below 10^-13 */
        const int64_t truth = i == 0 ? 300 : i == 1 ? -4 : i == 2 ? 6 : 0;
        assert_true(round_coordinate(answer, i) >= truth - 8000 && round_coordinate(answer, i) <= truth + 8000);
    }
    json_decref(answer);
    round_must(lab, round_ask(lab, &order, &again));
    assert_true(again.replayed);
    assert_string_equal(again.answer, release.answer);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM release"), 1);
}

/* Of a sensor with a fixed point, coordinates are whole steps, and norm and errors in units: said, so that nobody holds
 * one against the other. */
static void coordinates_of_a_finer_scale_say_what_they_count(void **state)
{
    struct lab *lab = *state;
    const struct policy_order fine = {
        .sensor = "gradient", .dimension = ROUND_DIMENSION, .norm = "10", .scale = 100, .unit_text = "Cel"
    };
    char explanation[EXPLANATION_SIZE];
    struct release release;

    round_raise_caps(lab);
    lab_policy(lab, &fine);
    lab_device(lab, "node-1");
    const struct release_order order = { .rho = "0.5" };
    round_must(lab, round_ask(lab, &order, &release));
    json_t *answer = round_answer(lab, &release);
    assert_string_equal(lab_text(answer, NULL, "norm"), "10");
    assert_string_equal(lab_text(answer, NULL, "step"), "0.01");
    assert_non_null(strstr(lab_text(answer, NULL, "statement"), "counted in steps of 0.01."));
    json_decref(answer);
    round_must(lab, release_explain(lab->core, &lab->acme->caller, release.id, explanation, &lab->why));
    assert_non_null(strstr(explanation, "counted in steps of 0.01 Cel, all else"));
}

static int64_t variance_of(const json_t *answer)
{
    const json_t *noise = json_array_get(json_object_get(json_object_get(answer, "privacy"), "noise"), 0);

    assert_int_equal(json_integer_value(json_object_get(noise, "variance_den")), 1);
    return json_integer_value(json_object_get(noise, "variance_num"));
}

/* (C norm)^2 / (2 rho), and with replacement (2 C norm)^2 / (2 rho). */
static void the_noise_grows_with_contributions_and_with_replacement(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "node-1");
    const struct policy_order twice = { .sensor = "gradient", .norm = "1000", .contributions = 2 },
                              replace = { .sensor = "gradient", .norm = "1000", .adjacency = "replace" };

    round_make(lab);
    lab_policy(lab, &twice);
    round_give(lab, &device, 400);
    round_give(lab, &device, 500);
    json_t *answer = round_sum(lab, "0.5");
    assert_int_equal(variance_of(answer), 4 * MILLION);
    assert_true(round_coordinate(answer, 0) > 900 - 16000 && round_coordinate(answer, 0) < 900 + 16000);
    json_decref(answer);
    lab_policy(lab, &replace);
    answer = round_sum(lab, "0.5");
    assert_int_equal(variance_of(answer), 4 * MILLION);
    json_decref(answer);
}

static void a_round_runs_on_a_schedule(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "node-1");
    const struct schedule_order order = {
        .release = { .query = "vector-sum", .sensor = "gradient", .selector = "", .rho = "0.5" }, .every_ms = 3600000
    };
    struct schedule schedule;
    struct release release;
    int64_t next_ms;

    round_make(lab);
    round_must(lab, schedule_create(lab->core, &lab->acme->caller, &order, &schedule, &lab->why));
    assert_int_equal(schedule.loss.nrho, 500000000);
    round_give(lab, &device, 1);
    lab->world->clock.now_ms = schedule.next_ms;
    round_must(lab, schedule_tick(lab->core, schedule.next_ms, &next_ms));
    round_must(lab, schedule_get(lab->core, &lab->acme->caller, schedule.id, &schedule, &lab->why));
    assert_int_equal(schedule.runs, 1);
    round_must(lab, release_get(lab->core, &lab->acme->caller, schedule.release_id, &release, &lab->why));
    json_t *answer = round_answer(lab, &release);
    assert_int_equal(json_array_size(json_object_get(answer, "vector")), ROUND_DIMENSION);
    json_decref(answer);
}

/* Deleted in time like readings; a window that reaches back beyond is refused. */
static void vectors_are_forgotten_with_their_policys_retention(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "node-1");
    const struct policy_order brief = { .sensor = "gradient", .norm = "1000", .retention_ms = 3600000 };
    struct release_order order = { .rho = "0.5", .from_ms = WORLD_START_MS, .to_ms = WORLD_START_MS + 1000 };
    struct release release;
    int64_t next_ms;

    round_make(lab);
    lab_policy(lab, &brief);
    round_give(lab, &device, 1);
    lab->world->clock.now_ms += 3600001;
    round_must(lab, core_tick(lab->core, &next_ms));
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM vector"), 0);
    lab->world->clock.now_ms += 2 * DAY;
    assert_int_equal(round_ask(lab, &order, &release), REFUSED_INVALID);
    assert_non_null(strstr(lab->why.what, "are deleted by its policy"));
}

static void what_pays_no_rho_or_is_of_the_other_kind_is_refused(void **state)
{
    struct lab *lab = *state;
    static const struct release_order bad[] = {
        { .loss.ueps = EPSILON },
        { .loss.ueps = EPSILON, .mechanism = "laplace" },
        { .loss.ueps = EPSILON, .mechanism = "gaussian" },
        { .rho = "0.1", .mechanism = "laplace" },
        { .rho = "0" },
        { .rho = "0.1", .sensor = "temperature" },
        { .query = "sum", .loss.ueps = EPSILON },
        { .query = "mean", .loss.ueps = EPSILON },
        { .query = "device-count", .loss.ueps = EPSILON },
        { .query = "histogram", .edges = "0,1", .loss.ueps = EPSILON },
        { .rho = "0.1", .edges = "0,1" },
        { .query = "variance", .loss.ueps = EPSILON },
        { .query = "quantiles", .at = "0.5", .loss.ueps = EPSILON },
        { .query = "top", .categories = "0,1", .loss.ueps = EPSILON },
        { .query = "top", .by = "site", .categories = "lyon", .loss.ueps = EPSILON },
        { .query = "running-count", .step_ms = 3600000, .loss.ueps = EPSILON },
        { .rho = "0.1", .source = "local" },
        { .rho = "0.1", .source = "both" },
    };
    struct release release;

    lab_device(lab, "node-1");
    round_make(lab);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (round_ask(lab, &bad[i], &release) != REFUSED_INVALID)
            fail_msg("case %zu passed", i);
    assert_int_equal(round_ask(lab, &bad[0], &release), REFUSED_INVALID);
    assert_non_null(strstr(lab->why.what, "paid in rho"));
    assert_string_equal(lab->why.where, "epsilon");
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), 0);
}

static void without_a_cap_of_rho_a_round_is_refused_by_name(void **state)
{
    struct lab *lab = *state;
    const struct policy_order gradient = { .sensor = "gradient", .dimension = 2, .norm = "10" };
    const struct release_order order = { .rho = "0.1" };
    struct release release;

    lab_device(lab, "node-1");
    lab_policy(lab, &gradient);
    assert_int_equal(round_ask(lab, &order, &release), REFUSED_EXHAUSTED);
    assert_non_null(strstr(lab->why.what, "bounded in epsilon alone"));
    assert_non_null(strstr(lab->why.todo, "privacy.device_rho_cap"));
}

/* How many vectors there are is a count like any other; with it a tenant makes a mean of the sum. */
static void vectors_are_counted(void **state)
{
    struct lab *lab = *state;
    const struct release_order order = { .query = "count", .loss.ueps = 20 * EPSILON };
    char name[NAME_SIZE];
    struct release release;

    round_make(lab);
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof(name), "node-%d", i);
        struct device device = lab_device(lab, name);
        round_give(lab, &device, i);
    }
    round_must(lab, round_ask(lab, &order, &release));
    json_t *answer = round_answer(lab, &release);
    int64_t count;
    assert_int_equal(fixed_parse(lab_text(answer, NULL, "value"), 0, &count), 0);
    assert_in_range(count, 4, 6); /* noise of scale 1/20 is beyond 1 with probability below 10^-16 */
    json_decref(answer);
}

/* The sum drawn with a seed, so that what differs is the truth. */
static void seeded_sum(struct lab *lab, uint64_t seed, int64_t out[ROUND_DIMENSION])
{
    struct sham_random sham = { seed };
    const struct proto_random random = sham_random_port(&sham);

    lab->core->random = &random;
    json_t *answer = round_sum(lab, "0.5");
    lab->core->random = &lab->world->random;
    for (size_t i = 0; i < ROUND_DIMENSION; i++)
        out[i] = round_coordinate(answer, i);
    json_decref(answer);
}

/* Zero-out: with and without one device's vectors, whatever they are, the sums differ by C x norm in L2 at most. */
static void one_device_changes_a_sum_by_its_norm_at_most(void **state)
{
    struct lab *lab = *state;
    struct device base = lab_device(lab, "base");
    static const int32_t worst[][3] = { { INT32_MIN, INT32_MIN, INT32_MAX },
                                        { 1000, 0, 0 },
                                        { 1000, 1000, 1000 },
                                        { 3, 4, 5 },
                                        { -999, 44, 5 },
                                        { INT32_MAX, 1, 0 } };
    char name[NAME_SIZE];

    round_make(lab);
    round_give(lab, &base, 500);
    for (size_t w = 0; w < sizeof(worst) / sizeof(worst[0]); w++) {
        int32_t coordinates[ROUND_DIMENSION];
        int64_t before[ROUND_DIMENSION], after[ROUND_DIMENSION], squares = 0;

        for (size_t i = 0; i < ROUND_DIMENSION; i++)
            coordinates[i] = worst[w][i % 3];
        seeded_sum(lab, 5, before);
        snprintf(name, sizeof(name), "more-%zu", w);
        struct device more = lab_device(lab, name);
        round_must(lab, round_post(lab, &more, coordinates, ROUND_DIMENSION));
        seeded_sum(lab, 5, after);
        for (size_t i = 0; i < ROUND_DIMENSION; i++)
            squares += (after[i] - before[i]) * (after[i] - before[i]);
        assert_in_range(squares, 1, MILLION);
    }
}

/* A lower norm of a newer policy holds for vectors that came under the older one. */
static void the_newest_norm_clips_all(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "node-1");
    const struct policy_order lower = { .sensor = "gradient", .norm = "10" };
    int64_t none[ROUND_DIMENSION], sum[ROUND_DIMENSION];

    round_make(lab);
    lab_policy(lab, &lower);
    seeded_sum(lab, 3, none);
    round_give(lab, &device, 900);
    seeded_sum(lab, 3, sum);
    assert_int_equal(sum[0] - none[0], 9); /* of 900, -2, 3: towards zero */
    assert_int_equal(sum[1] - none[1], 0);
}

#define ROUNDS 20
#define WIDE   64

/* Of nothing but noise, of variance 400. The seed is fixed. */
static void draw_rounds(struct lab *lab, int64_t out[ROUNDS][WIDE])
{
    const struct policy_order wide = { .sensor = "wide", .dimension = WIDE, .norm = "20" };
    const struct release_order order = { .sensor = "wide", .rho = "0.5" }; /* half width 39 */
    struct sham_random sham = { 77 };
    const struct proto_random random = sham_random_port(&sham);
    struct release release;

    round_make(lab);
    lab_policy(lab, &wide);
    lab_device(lab, "node-1");
    lab->core->random = &random;
    for (size_t round = 0; round < ROUNDS; round++) {
        round_must(lab, round_ask(lab, &order, &release));
        json_t *answer = round_answer(lab, &release);
        for (size_t i = 0; i < WIDE; i++)
            out[round][i] = round_coordinate(answer, i);
        json_decref(answer);
    }
    lab->core->random = &lab->world->random;
}

/* Of 1280 draws; each bound is 5 standard deviations. */
static void coordinates_spread_as_they_say(void **state)
{
    static int64_t noise[ROUNDS][WIDE];
    int64_t squares = 0, total = 0, outside = 0;

    draw_rounds(*state, noise);
    for (size_t i = 0; i < (size_t)ROUNDS * WIDE; i++) {
        const int64_t one = noise[i / WIDE][i % WIDE];
        squares += one * one;
        total += one;
        outside += one > 39 || one < -39;
    }
    assert_in_range(squares / 1280, 400 - 79, 400 + 79);     /* 400 * sqrt(2/1280) = 15.8 */
    assert_in_range(total + 5000, 5000 - 3600, 5000 + 3600); /* 20 * sqrt(1280) */
    assert_in_range(outside, 1, 102);                        /* 5 % are 64; 7.8 */
}

/* No coordinate goes without noise, no two have the same, and none keeps that of the round before. */
static void every_coordinate_has_noise_of_its_own(void **state)
{
    static int64_t noise[ROUNDS][WIDE];

    draw_rounds(*state, noise);
    for (size_t i = 0; i < WIDE; i++) {
        int64_t squares = 0, other;
        for (size_t round = 0; round < ROUNDS; round++)
            squares += noise[round][i] * noise[round][i];
        assert_in_range(squares, 400, 60 * 400); /* of 20 draws: far in both tails */
        for (size_t k = 0; k < i; k++) {
            other = 0;
            for (size_t round = 0; round < ROUNDS; round++)
                other += noise[round][i] != noise[round][k];
            assert_in_range(other, ROUNDS / 2, ROUNDS); /* two are alike with probability 0.014 */
        }
    }
    for (size_t round = 1; round < ROUNDS; round++) {
        int64_t pairs = 0;
        for (size_t i = 0; i < WIDE; i++)
            pairs += noise[round][i] * noise[round - 1][i];
        assert_in_range(pairs + 20000, 20000 - 6 * 400 * 8, 20000 + 6 * 400 * 8); /* 6 x 400 x sqrt(64) */
    }
}

static void a_preview_shows_what_a_round_costs(void **state)
{
    struct lab *lab = *state;
    struct release_order order = { .query = "vector-sum", .sensor = "gradient", .rho = "0.5" };
    struct budget_order terms = { .epsilon = "1000", .rho = "4" };
    uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];
    struct release_plan plan;
    struct budget budget;

    lab_device(lab, "node-1");
    lab_device(lab, "node-2");
    round_make(lab);
    lab_sql(lab, "DELETE FROM budget_terms");
    round_must(lab, budget_set(lab->core, &lab->world->privacy_officer, "acme", &terms, &budget, &lab->why));
    lab->world->clock.now_ms += 1;
    lab_fingerprint(lab, before);
    round_must(lab, release_preview(lab->core, &lab->acme->caller, &order, &plan, &lab->why));
    assert_true(plan.would_pass);
    assert_int_equal(plan.cohort, 2);
    assert_int_equal(plan.device_loss.nrho, 500000000);
    assert_int_equal(plan.tenant_loss.nrho, 500000000);
    assert_true(plan.loss.impure);
    assert_int_equal(plan.times, 8); /* such rounds fit the tenant's rho of 4 */
    assert_int_equal(plan.first_scope, CHARGE_BUDGET);
    assert_int_equal(plan.first_currency, LOSS_RHO);
    assert_int_equal(plan.error95_num, 1960);
    assert_int_equal(plan.error95_den, 1);
    assert_int_equal(plan.l2_error, 4000);
    order.rho = NULL;
    order.error = "1000"; /* of each coordinate */
    round_must(lab, release_preview(lab->core, &lab->acme->caller, &order, &plan, &lab->why));
    assert_true(plan.has_needed && plan.needed.impure);
    assert_in_range(plan.needed.nrho, 1850 * MILLION, 1950 * MILLION); /* 1000^2 / (2 x 510^2) */
    lab_fingerprint(lab, after);
    assert_memory_equal(before, after, DIGEST_SIZE);
}

/* Decided by what was asked, whatever was given. */
static void sums_that_could_be_too_large_are_refused_beforehand(void **state)
{
    struct lab *lab = *state;
    const struct policy_order huge = { .sensor = "huge", .dimension = 4096, .norm = "2000000000", .contributions = 64 };
    struct asked asked = { .query = QUERY_VECTOR_SUM, .device_count = 1 };
    struct release release;

    round_make(lab);
    lab_policy(lab, &huge);
    asked.policy = lab->policy;
    assert_int_equal(vector_fits(&asked, &lab->why), 0); /* 64 x 2 x 10^9 */
    asked.device_count = 7;
    assert_int_equal(vector_fits(&asked, &lab->why), REFUSED_TOO_LARGE);
    asked.policy.upper = 1;
    asked.device_count = 256;
    assert_int_equal(vector_fits(&asked, &lab->why), 0); /* 2^8 x 2^6 x 2^12 */
    asked.device_count = 257;
    assert_int_equal(vector_fits(&asked, &lab->why), REFUSED_TOO_LARGE);
    /* noise beyond what can be drawn is said, too */
    const struct release_order order = { .sensor = "huge", .rho = "0.5" };
    lab_device(lab, "node-1");
    assert_int_equal(round_ask(lab, &order, &release), REFUSED_INVALID);
    assert_non_null(strstr(lab->why.what, "more noise than can be drawn"));
    /* a preview that looks for a loss says that none helps */
    const struct release_order wish = { .query = "vector-sum", .sensor = "huge", .error = "1" };
    char name[NAME_SIZE];
    struct release_plan plan;
    for (int i = 2; i <= 7; i++) {
        snprintf(name, sizeof(name), "node-%d", i);
        lab_device(lab, name);
    }
    assert_int_equal(release_preview(lab->core, &lab->acme->caller, &wish, &plan, &lab->why), REFUSED_TOO_LARGE);
    assert_non_null(strstr(lab->why.what, "could pass 800000000000 steps"));
}

static void the_longest_vector_fits_and_reaches_sinks_and_replays(void **state)
{
    struct lab *lab = *state;
    const struct policy_order most = { .sensor = "most", .dimension = 4096, .norm = "100000000" };
    const struct release_order order = { .sensor = "most", .rho = "5", .request = "big" };
    struct release release, again;
    struct buffer first, second;
    char explanation[EXPLANATION_SIZE];

    round_make(lab);
    lab_policy(lab, &most);
    lab_device(lab, "node-1");
    lab_sink(lab, lab->acme, "lake", "file");
    round_must(lab, round_ask(lab, &order, &release));
    assert_true(release.answer_size > 30000);
    assert_string_equal(release.answer, "");
    round_must(lab, round_ask(lab, &order, &again));
    assert_true(again.replayed);
    buffer_init(&first, RELEASE_ANSWER_MAX);
    buffer_init(&second, RELEASE_ANSWER_MAX);
    round_must(lab, release_answer_append(lab->core, &release, &first));
    round_must(lab, release_answer_append(lab->core, &again, &second));
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);
    assert_int_equal(lab_number(lab, "SELECT length(body) FROM outbox"), (int64_t)first.size);
    buffer_deinit(&first);
    buffer_deinit(&second);
    round_must(lab, release_explain(lab->core, &lab->acme->caller, release.id, explanation, &lab->why));
    assert_non_null(strstr(explanation, "at most 1 vector counts in an epoch, each scaled down to an L2 norm of "
                                        "100000000."));
    assert_non_null(strstr(explanation, "steps of 1 on the coordinate"));
}

static void fill(char *text, size_t size, char c)
{
    memset(text, c, size - 1);
    text[size - 1] = '\0';
}

/* Whether a document fits must not hang on what was drawn. */
static void the_longest_answer_fits(void **state)
{
    static struct asked asked;
    static char out[RELEASE_ANSWER_MAX + 1];
    size_t size = 0;

    (void)state;
    asked.query = QUERY_VECTOR_SUM, asked.mechanism = MECHANISM_GAUSS, asked.device_count = COHORT_MAX;
    asked.loss = (struct loss){ .nrho = LOSS_MAX, .impure = true };
    asked.policy = (struct policy){ .scale = 1000000,
                                    .epoch_ms = INT64_MAX - 1000,
                                    .contributions = 64,
                                    .dimension = 4096,
                                    .upper = INT32_MAX,
                                    .version = UINT32_MAX };
    asked.last_epoch = WINDOW_EPOCHS_MAX;
    asked.from_ms = 1, asked.to_ms = asked.now_ms = 253402300799999;
    fill(asked.tenant.name, sizeof(asked.tenant.name), 't');
    fill(asked.policy.sensor, sizeof(asked.policy.sensor), 's');
    fill(asked.policy.unit_text, sizeof(asked.policy.unit_text), '"');
    fill(asked.selector, sizeof(asked.selector), '\t');
    fill(asked.request, sizeof(asked.request), 'r');
    asked.part_count = 1;
    asked.parts[0] = (struct noised){ .quantity = "coordinate",
                                      .digits = 6,
                                      .loss = asked.loss,
                                      .scale = { (1ull << 53) - 1, 1 },
                                      .half_width = INT64_C(1) << 40 };
    asked.cell_count = 4096;
    for (size_t i = 0; i < 4096; i++)
        asked.cells[i] = -(800000000000LL + (INT64_C(1) << 37));
    assert_int_equal(release_answer_write(&asked, INT64_MAX, out, sizeof(out), &size), 0);
    assert_true(size < RELEASE_ANSWER_MAX - 512);
    json_t *answer = json_loadb(out, size, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_array_size(json_object_get(answer, "vector")), 4096);
    json_decref(answer);
}

static void a_tenant_gets_no_vectors_of_sensors_that_it_has_no_grant_for(void **state)
{
    struct lab *lab = *state;
    const struct release_order order = { .query = "vector-sum", .sensor = "gradient", .rho = "0.5" };
    struct release release, mine;

    round_make(lab);
    struct device device = lab_device(lab, "node-1");
    round_give(lab, &device, 1);
    round_must(lab, round_ask(lab, &order, &mine));
    lab_sql(lab,
            "UPDATE grant SET sensors = 'temperature' WHERE tenant_id = (SELECT id FROM tenant WHERE name = 'beta')");
    assert_true(release_create(lab->core, &lab->beta->caller, &order, &release, &lab->why) > 0);
    assert_int_equal(release_get(lab->core, &lab->beta->caller, mine.id, &release, &lab->why), REFUSED_UNKNOWN);
}

/* ---- crashes ---- */

/* I2, I12 */
static void a_fault_at_any_step_leaves_no_trace(void **state)
{
    struct lab *lab = *state;
    struct device one = lab_device(lab, "node-1"), two = lab_device(lab, "node-2");
    const struct release_order order = { .query = "vector-sum", .sensor = "gradient", .rho = "0.5" };
    struct release release;

    round_make(lab);
    round_give(lab, &one, 1);
    round_give(lab, &two, 2);
    lab_sink(lab, lab->acme, "lake", "file");
    lab->world->clock.now_ms += 1;
    /* time, profile, insert, standing, charge, 2 x (each, read), answer, audit, outbox, commit */
    assert_int_equal(fail_everywhere_release(lab, &order, &release), 13);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(a_round_is_paid_in_rho_and_says_what_it_is),
        LAB_TEST(coordinates_of_a_finer_scale_say_what_they_count),
        LAB_TEST(the_noise_grows_with_contributions_and_with_replacement),
        LAB_TEST(a_round_runs_on_a_schedule),
        LAB_TEST(vectors_are_forgotten_with_their_policys_retention),
        LAB_TEST(what_pays_no_rho_or_is_of_the_other_kind_is_refused),
        LAB_TEST(without_a_cap_of_rho_a_round_is_refused_by_name),
        LAB_TEST(vectors_are_counted),
        LAB_TEST(one_device_changes_a_sum_by_its_norm_at_most),
        LAB_TEST(the_newest_norm_clips_all),
        LAB_TEST(coordinates_spread_as_they_say),
        LAB_TEST(every_coordinate_has_noise_of_its_own),
        LAB_TEST(a_preview_shows_what_a_round_costs),
        LAB_TEST(sums_that_could_be_too_large_are_refused_beforehand),
        LAB_TEST(the_longest_vector_fits_and_reaches_sinks_and_replays),
        cmocka_unit_test(the_longest_answer_fits),
        LAB_TEST(a_tenant_gets_no_vectors_of_sensors_that_it_has_no_grant_for),
        LAB_TEST(a_fault_at_any_step_leaves_no_trace),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
