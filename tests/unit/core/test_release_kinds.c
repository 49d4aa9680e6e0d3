/* Kinds of query beyond count, sum and mean; Gaussian noise; what a preview says of errors; the words of an answer. */
#include "tests/unit/core/lab.h"

#include <stdio.h>

#include "daemon/base/text.h"
#include "daemon/core/release_internal.h"

#define MILLION 1000000LL

static int64_t fixed(const char *text, int digits)
{
    int64_t value;

    assert_int_equal(fixed_parse(text, digits, &value), 0);
    return value;
}

/* Budgets and filters that stand for many answers, of Gaussian noise too. */
static void make_rich(struct lab *lab)
{
    const struct budget_order order = { .epsilon = "1000", .rho = "1000" };
    struct budget budget;

    lab->core->settings.filter_cap = (struct loss_caps){ .ueps = 1000 * EPSILON, .nrho = 1000000000000 };
    lab_sql(lab, "DELETE FROM budget_terms");
    assert_int_equal(budget_set(lab->core, &lab->world->privacy_officer, "acme", &order, &budget, &lab->why), 0);
}

static int ask(struct lab *lab, const struct release_order *order, struct release *out)
{
    struct release_order whole = *order;

    whole.sensor = "temperature";
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

static void preview_of(struct lab *lab, const struct release_order *order, struct release_plan *out)
{
    struct release_order whole = *order;

    whole.sensor = "temperature";
    lab->world->clock.now_ms += 1;
    int r = release_preview(lab->core, &lab->acme->caller, &whole, out, &lab->why);
    if (r != 0)
        fail_msg("%d: %s", r, lab->why.what);
}

/* n devices with two readings each: i tenths of a degree, and as much below 20 degrees as the first is above. */
static void make_readings(struct lab *lab, int n)
{
    char name[NAME_SIZE];

    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof(name), "d%d", i);
        struct device device = lab_device(lab, name);
        lab_reading(lab, &device, 2000 + 10 * i);
        lab_reading(lab, &device, 2000 - 10 * i);
    }
}

static int64_t bin(const json_t *answer, size_t i)
{
    return fixed(lab_text(json_array_get(json_object_get(answer, "bins"), i), NULL, "count"), 0);
}

/* ---- Gaussian noise ---- */

static void gaussian_noise_is_charged_in_rho_and_has_no_pure_epsilon(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    const struct release_order order = { .query = "count", .rho = "0.5" };
    struct release release;

    assert_int_equal(ask(lab, &order, &release), REFUSED_EXHAUSTED); /* caps of pure epsilon alone */
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), 0);
    make_rich(lab);
    lab_reading(lab, &device, 2000);
    assert_int_equal(ask(lab, &order, &release), 0);
    assert_string_equal(release.mechanism, "gaussian");
    assert_true(release.loss.impure);
    assert_int_equal(release.loss.nrho, 500000000);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge WHERE ueps IS NULL AND nrho = 500000000"), 1);
    json_t *answer = lab_answer(&release);
    const json_t *noise = json_array_get(json_object_get(json_object_get(answer, "privacy"), "noise"), 0);
    assert_int_equal(json_integer_value(json_object_get(noise, "variance_num")), 4); /* 2^2 / (2 * 0.5) */
    assert_true(json_is_null(json_object_get(answer, "epsilon")));
    assert_string_equal(lab_text(answer, NULL, "rho"), "0.5");
    assert_non_null(strstr(lab_text(answer, NULL, "statement"), "rho 0.5, which is epsilon 5.22"));
    json_decref(answer);
}

/* Five answers of 64 empty bins each. */
static void gaussian_answers_spread_as_they_say(void **state)
{
    struct lab *lab = *state;
    struct release_order order = { .query = "histogram", .rho = "0.005" };
    const int64_t runs = 5, bins = 64, variance = 400; /* 2^2 / (2 * 0.005) */
    int64_t squares = 0, outside = 0;
    char edges[256] = "-19";

    for (int i = -18; i <= 45; i++)
        snprintf(edges + strlen(edges), sizeof(edges) - strlen(edges), ",%d", i);
    order.edges = edges;
    lab_device(lab, "thermo-1");
    make_rich(lab);
    for (int64_t i = 0; i < runs; i++) {
        json_t *answer = answer_of(lab, &order);
        const int64_t most = fixed(lab_text(answer, "error95", "half_width"), 0);
        for (size_t j = 0; j < (size_t)bins; j++) {
            const int64_t value = bin(answer, j);
            squares += value * value;
            outside += llabs(value) > most;
        }
        json_decref(answer);
    }
    assert_in_range(squares / (runs * bins), variance * 2 / 3, variance * 4 / 3); /* 4 standard deviations */
    assert_in_range(outside * 100, 0, 9 * runs * bins);
}

static void each_mechanism_is_paid_in_its_own_currency(void **state)
{
    struct lab *lab = *state;
    struct release release;
    static const struct release_order bad[] = {
        { .query = "count" },
        { .query = "count", .rho = "0.5", .loss.ueps = EPSILON },
        { .query = "count", .rho = "0.5", .mechanism = "laplace" },
        { .query = "count", .loss.ueps = EPSILON, .mechanism = "gaussian" },
        { .query = "count", .loss.ueps = EPSILON, .mechanism = "uniform" },
        { .query = "count", .rho = "11" },
        { .query = "count", .rho = "-1" },
        { .query = "count", .rho = "nan" },
        { .query = "count", .loss.ueps = EPSILON, .error = "1" },
        { .query = "quantiles", .at = "0.5", .loss.ueps = 7 },
    };

    lab_device(lab, "thermo-1");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(ask(lab, &bad[i], &release), REFUSED_INVALID);
}

/* ---- variance ---- */

static void a_variance_is_near_the_truth_and_within_its_interval(void **state)
{
    struct lab *lab = *state;
    const struct release_order order = { .query = "variance", .loss.ueps = 20 * EPSILON };
    const int64_t truth =
        3283500000; /* 100 * 2 * sum of i^2 for 0..99, over 200 readings, hundredths of steps^2 / 10^6 */
    int64_t outside = 0;

    make_rich(lab);
    make_readings(lab, 100);
    for (int i = 0; i < 40; i++) {
        json_t *answer = answer_of(lab, &order);
        const int64_t low = fixed(lab_text(answer, "error95", "low"), 6);
        const int64_t high = fixed(lab_text(answer, "error95", "high"), 6),
                      value = fixed(lab_text(answer, NULL, "value"), 6);
        outside += low > truth / 100 || high < truth / 100;
        assert_in_range(value, low, high);
        assert_in_range(value, truth / 200, truth / 60);
        assert_string_equal(lab_text(answer, NULL, "unit"), "Cel^2");
        assert_int_equal(json_array_size(json_object_get(json_object_get(answer, "privacy"), "noise")), 3);
        json_decref(answer);
    }
    assert_in_range(outside, 0, 5);
}

static void a_variance_is_never_negative(void **state)
{
    struct lab *lab = *state;
    const struct release_order order = { .query = "variance", .loss.ueps = EPSILON };

    make_rich(lab);
    lab_device(lab, "thermo-1"); /* no reading at all */
    for (int i = 0; i < 60; i++) {
        json_t *answer = answer_of(lab, &order);
        const json_t *value = json_object_get(answer, "value");
        if (!json_is_null(value))
            assert_true(fixed(json_string_value(value), 6) >= 0);
        else
            assert_true(strlen(lab_text(answer, NULL, "value_reason")) > 0);
        if (!json_is_null(json_object_get(answer, "error95")))
            assert_true(fixed(lab_text(answer, "error95", "low"), 6) >= 0);
        json_decref(answer);
    }
}

/* ---- histogram ---- */

static void a_histogram_counts_each_reading_in_one_bin(void **state)
{
    struct lab *lab = *state;
    const struct release_order order = { .query = "histogram", .edges = "-20,15.5,20,60.5", .loss.ueps = 20 * EPSILON };

    make_rich(lab);
    make_readings(lab, 50); /* 15.1 .. 24.9, twice 20 */
    struct device hot = lab_device(lab, "hot");
    lab_reading(lab, &hot, 99999); /* clamped to the last edge, which is in the last bin */
    json_t *answer = answer_of(lab, &order);
    assert_int_equal(json_array_size(json_object_get(answer, "bins")), 3);
    assert_in_range(bin(answer, 0) + 10, 14 - 2, 14 + 2); /* 15.1 .. 15.4; noise of scale 0.1 */
    assert_in_range(bin(answer, 1), 45 - 2, 45 + 2);
    assert_in_range(bin(answer, 2), 52 - 2, 52 + 2);
    assert_string_equal(lab_text(answer, "parameters", "edges"), "-20,15.5,20,60.5");
    assert_int_equal(fixed(lab_text(answer, "error95", "half_width"), 0), 0);
    json_decref(answer);
}

/* Neighbours, with the same noise: all cells together move by what one device may contribute. */
static void one_device_epoch_moves_all_bins_together_by_its_contributions(void **state)
{
    struct lab *lab = *state;
    const struct release_order order = { .query = "histogram", .edges = "-20,0,20,40,60.5", .loss.ueps = EPSILON };
    struct device quiet = lab_device(lab, "quiet"), loud = lab_device(lab, "loud");
    int64_t moved = 0;

    lab_reading(lab, &quiet, 2100);
    lab->world->seed = 5;
    json_t *without = answer_of(lab, &order);
    for (int64_t i = 0; i < 10; i++)
        lab_reading(lab, &loud, -2000 + 800 * i);
    lab->world->seed = 5;
    json_t *with = answer_of(lab, &order);
    for (size_t i = 0; i < 4; i++)
        moved += llabs(bin(with, i) - bin(without, i));
    assert_int_equal(moved, 2);
    json_decref(without);
    json_decref(with);
}

/* ---- quantiles ---- */

static void quantiles_are_in_order_and_within_their_intervals(void **state)
{
    struct lab *lab = *state;
    const struct release_order pure = { .query = "quantiles", .at = "0.25,0.5,0.75", .loss.ueps = 20 * EPSILON };
    const struct release_order gauss = { .query = "quantiles", .at = "0.25,0.5,0.75", .rho = "10" };
    const int64_t truth[] = { 1500, 2000, 2500 };
    int64_t outside = 0;

    make_rich(lab);
    make_readings(lab, 100);
    for (int run = 0; run < 40; run++) {
        json_t *answer = answer_of(lab, run % 2 == 0 ? &pure : &gauss);
        const json_t *list = json_object_get(answer, "quantiles");
        int64_t before = -2000;
        assert_int_equal(json_array_size(list), 3);
        for (size_t i = 0; i < 3; i++) {
            const json_t *one = json_array_get(list, i);
            const int64_t value = fixed(lab_text(one, NULL, "value"), 2);
            const int64_t low = fixed(lab_text(one, "error95", "low"), 2),
                          high = fixed(lab_text(one, "error95", "high"), 2);
            assert_true(before <= value && low <= value && value <= high);
            assert_true(llabs(value - truth[i]) < 300);
            assert_true(high - low < 1500);
            outside += low > truth[i] + 10 || high < truth[i] - 10;
            before = value;
        }
        json_decref(answer);
    }
    assert_in_range(outside, 0, 6);
}

static void quantiles_of_nothing_are_null_or_anything(void **state)
{
    struct lab *lab = *state;
    const struct release_order order = { .query = "quantiles", .at = "0.5", .loss.ueps = EPSILON / 10 };
    bool null_seen = false;

    lab_device(lab, "thermo-1");
    for (int i = 0; i < 20; i++) {
        json_t *answer = answer_of(lab, &order);
        if (json_object_get(answer, "quantiles") == NULL) {
            null_seen = true;
            assert_true(json_is_null(json_object_get(answer, "value")));
        } else {
            const json_t *one = json_array_get(json_object_get(answer, "quantiles"), 0);
            assert_in_range(fixed(lab_text(one, NULL, "value"), 2) + 2000, 0, 8050);
        }
        json_decref(answer);
    }
    assert_true(null_seen);
}

/* ---- top ---- */

static void the_largest_categories_are_named_and_never_others(void **state)
{
    struct lab *lab = *state;
    const struct release_order order = { .query = "top", .categories = "1,2,3,4", .top = 2, .loss.ueps = 20 * EPSILON };
    static const int64_t codes[] = { 300, 300, 300, 300, 300, 300, 300, 100, 100, 100, 100,
                                     200, 500, 500, 500, 500, 500, 500, 500, 500, 500, 500 };
    char name[NAME_SIZE];

    make_rich(lab);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        snprintf(name, sizeof(name), "d%zu", i);
        struct device device = lab_device(lab, name);
        lab_reading(lab, &device, codes[i]);
    }
    json_t *answer = answer_of(lab, &order);
    const json_t *top = json_object_get(answer, "top");
    assert_int_equal(json_array_size(top), 2);
    assert_string_equal(lab_text(json_array_get(top, 0), NULL, "category"), "3"); /* 5 is the largest, and undeclared */
    assert_string_equal(lab_text(json_array_get(top, 1), NULL, "category"), "1");
    json_decref(answer);
}

/* ---- parameters ---- */

static void parameters_are_those_of_the_query(void **state)
{
    struct lab *lab = *state;
    struct release release;
    static const struct release_order bad[] = {
        { .query = "histogram" },
        { .query = "histogram", .edges = "1" },
        { .query = "histogram", .edges = "1,1" },
        { .query = "histogram", .edges = "2,1" },
        { .query = "histogram", .edges = "1,2.001" }, /* finer than the policy's hundredths */
        { .query = "histogram", .edges = "1,,2" },
        { .query = "histogram", .edges = "1,nan" },
        { .query = "histogram", .edges = "1,2\",\"x\":\"" },
        { .query = "histogram", .edges = "1,2", .at = "0.5" },
        { .query = "quantiles", .at = "0" },
        { .query = "quantiles", .at = "1" },
        { .query = "quantiles", .at = "0.5,0.5" },
        { .query = "quantiles", .at = ".1,.2,.3,.4,.5,.6,.7,.8,.9" },
        { .query = "top", .categories = "1,2,1" }, /* twice would count twice */
        { .query = "top", .categories = "1,2", .top = 65 },
        { .query = "count", .edges = "1,2" },
        { .query = "count", .top = 3 },
    };

    lab_device(lab, "thermo-1");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct release_order order = bad[i];
        order.loss.ueps = EPSILON;
        if (ask(lab, &order, &release) != REFUSED_INVALID)
            fail_msg("case %zu passed", i);
    }
}

static void parameters_are_part_of_what_is_asked(void **state)
{
    struct lab *lab = *state;
    struct release_order order = { .query = "quantiles", .at = "0.5", .loss.ueps = EPSILON, .request = "mine" };
    struct release first, again;

    lab_device(lab, "thermo-1");
    assert_int_equal(ask(lab, &order, &first), 0);
    assert_string_equal(first.parameters, "{\"at\":\"0.5\"}");
    assert_int_equal(ask(lab, &order, &again), 0);
    assert_true(again.replayed);
    assert_string_equal(again.answer, first.answer);
    order.at = "0.6";
    assert_int_equal(ask(lab, &order, &again), REFUSED_CONFLICT);
}

/* ---- previews ---- */

static void a_preview_says_what_a_wanted_error_needs(void **state)
{
    struct lab *lab = *state;
    static const struct release_order orders[] = {
        { .query = "count", .error = "3" },
        { .query = "sum", .source = "raw", .error = "100" },
        { .query = "mean", .source = "raw", .error = "2.5" },
        { .query = "histogram", .edges = "0,10,20", .error = "4" },
        { .query = "count", .error = "3", .mechanism = "gaussian" },
    };
    struct release_plan plan, less;

    make_rich(lab);
    make_readings(lab, 60);
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        const int64_t error = fixed(orders[i].error, 6);
        struct release_order without = orders[i];
        preview_of(lab, &orders[i], &plan);
        assert_true(plan.has_needed && plan.would_pass);
        assert_true(plan.error95_num * MILLION <= error * plan.error95_den);
        assert_int_equal(plan.loss.nrho, plan.needed.nrho);
        without.error = NULL; /* a hundredth less does not do */
        without.loss.ueps = plan.needed.ueps - plan.needed.ueps / 50;
        without.loss.nrho = plan.needed.impure ? plan.needed.nrho - plan.needed.nrho / 3 : 0;
        preview_of(lab, &without, &less);
        assert_true(less.error95_num * MILLION > error * less.error95_den);
    }
    const struct release_order both = { .query = "count", .error = "3", .loss.ueps = EPSILON };
    preview_of(lab, &both, &plan);
    assert_int_equal(plan.loss.ueps, EPSILON);
    assert_true(plan.needed.ueps > EPSILON);
}

static void errors_that_nobody_can_keep_are_refused(void **state)
{
    struct lab *lab = *state;
    static const struct release_order bad[] = {
        { .query = "mean", .sensor = "temperature", .error = "0.000001" },
        { .query = "variance", .sensor = "temperature", .error = "1" },
        { .query = "quantiles", .sensor = "temperature", .at = "0.5", .error = "1" },
        { .query = "count", .sensor = "temperature", .error = "0" },
        { .query = "count", .sensor = "temperature", .error = "x" },
    };
    struct release_plan plan;

    lab_device(lab, "thermo-1");
    lab->world->clock.now_ms += 1;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(release_preview(lab->core, &lab->acme->caller, &bad[i], &plan, &lab->why), REFUSED_INVALID);
}

static void a_preview_says_which_filter_goes_first(void **state)
{
    struct lab *lab = *state;
    struct release_order order = {
        .tenant = "acme", .query = "count", .sensor = "temperature", .loss.ueps = EPSILON / 4
    };
    struct release_plan plan;

    lab_device(lab, "thermo-1");
    lab->world->clock.now_ms += 1;
    lab->core->settings.filter_cap.ueps = 2 * EPSILON;
    assert_int_equal(release_preview(lab->core, &lab->world->owner, &order, &plan, &lab->why), 0);
    assert_int_equal(plan.first_scope, CHARGE_FILTER);
    assert_int_equal(plan.first_currency, LOSS_EPSILON);
    assert_int_equal(plan.times, 8);
    assert_string_equal(plan.first_exhausted, "thermo-1");
    /* a tenant sees its own budget: what is left of a filter is what others spent */
    assert_int_equal(release_preview(lab->core, &lab->acme->caller, &order, &plan, &lab->why), 0);
    assert_int_equal(plan.first_scope, CHARGE_BUDGET);
    assert_int_equal(plan.times, 20);
    assert_string_equal(plan.first_exhausted, "");
    lab->core->settings.filter_cap.ueps = EPSILON / 5;
    assert_int_equal(release_preview(lab->core, &lab->acme->caller, &order, &plan, &lab->why), 0);
    assert_false(plan.would_pass);
    assert_int_equal(plan.first_scope, CHARGE_FILTER);
    assert_int_equal(plan.times, 0);
}

/* ---- words ---- */

static void an_answer_says_in_words_what_it_promises(void **state)
{
    struct lab *lab = *state;
    const struct release_order order = { .query = "count", .loss.ueps = EPSILON / 2 };

    lab_device(lab, "thermo-1");
    json_t *answer = answer_of(lab, &order);
    const char *words = lab_text(answer, NULL, "statement");
    assert_non_null(strstr(words, "With 95 % certainty the true count of the readings that count is between "));
    assert_non_null(strstr(words, "at most e^0.5 times more or less likely"));
    assert_non_null(strstr(
        words, "the one device asked, and tenant acme, in the one epoch of its window: epsilon 0.5, rho 0.110599609, "
               "delta 0."));
    json_decref(answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(gaussian_noise_is_charged_in_rho_and_has_no_pure_epsilon),
        LAB_TEST(gaussian_answers_spread_as_they_say),
        LAB_TEST(each_mechanism_is_paid_in_its_own_currency),
        LAB_TEST(a_variance_is_near_the_truth_and_within_its_interval),
        LAB_TEST(a_variance_is_never_negative),
        LAB_TEST(a_histogram_counts_each_reading_in_one_bin),
        LAB_TEST(one_device_epoch_moves_all_bins_together_by_its_contributions),
        LAB_TEST(quantiles_are_in_order_and_within_their_intervals),
        LAB_TEST(quantiles_of_nothing_are_null_or_anything),
        LAB_TEST(the_largest_categories_are_named_and_never_others),
        LAB_TEST(parameters_are_those_of_the_query),
        LAB_TEST(parameters_are_part_of_what_is_asked),
        LAB_TEST(a_preview_says_what_a_wanted_error_needs),
        LAB_TEST(errors_that_nobody_can_keep_are_refused),
        LAB_TEST(a_preview_says_which_filter_goes_first),
        LAB_TEST(an_answer_says_in_words_what_it_promises),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
