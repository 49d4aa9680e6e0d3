/* Top by the value of a device's label. */
#include "tests/unit/core/lab.h"

#include <stdio.h>

#include "daemon/base/text.h"
#include "daemon/core/explanation.h"
#include "daemon/core/schedule.h"

static const struct release_order by_site = {
    .query = "top", .by = "site", .categories = "lyon,lille,paris", .loss.ueps = 20 * EPSILON
};

static int ask(struct lab *lab, const struct release_order *order, struct release *out)
{
    struct release_order whole = *order;

    whole.sensor = "temperature";
    memset(&lab->why, 0, sizeof(lab->why));
    lab->world->clock.now_ms += 1;
    return release_create(lab->core, &lab->acme->caller, &whole, out, &lab->why);
}

static void make_rich(struct lab *lab)
{
    lab->core->settings.filter_cap = loss_caps_pure(1000 * EPSILON);
    lab_sql(lab, "DELETE FROM budget_terms");
    lab_budget(lab, lab->acme, 1000 * EPSILON);
}

/* A device at a site with so many readings; more than two of an epoch do not count. */
static struct device make_device(struct lab *lab, const char *labels, int readings)
{
    static int made;
    char name[NAME_SIZE];

    snprintf(name, sizeof(name), "at-%d", made++);
    struct device device = world_device(lab->world, name, "tinypart", labels);
    for (int i = 0; i < readings; i++)
        lab_reading(lab, &device, 2000);
    return device;
}

static int64_t counted(const json_t *answer, const char *category)
{
    const json_t *one;
    size_t i;
    int64_t count;

    json_array_foreach(json_object_get(answer, "top"), i, one)
    {
        if (strcmp(lab_text(one, NULL, "category"), category) != 0)
            continue;
        assert_int_equal(fixed_parse(lab_text(one, NULL, "count"), 0, &count), 0);
        return count;
    }
    fail_msg("%s is not named", category);
    return 0;
}

/* Noise of epsilon 20 and two contributions is 4 or more once in e^40. */
static void about(int64_t counts, int64_t expected)
{
    assert_in_range(counts + 100, expected + 100 - 3, expected + 100 + 3);
}

static void readings_are_counted_by_the_label_of_their_device(void **state)
{
    struct lab *lab = *state;
    struct release release;

    make_rich(lab);
    for (int i = 0; i < 10; i++)
        make_device(lab, i < 7 ? "site=lille" : "site=lyon,floor=paris", 2);
    make_device(lab, "site=rome", 2);
    make_device(lab, "floor=lille", 2);
    assert_int_equal(ask(lab, &by_site, &release), 0);
    assert_string_equal(release.parameters, "{\"by\":\"site\",\"categories\":\"lyon,lille,paris\",\"top\":10}");
    assert_int_equal(release.cohort, 12);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), 1);
    json_t *answer = lab_answer(&release);
    assert_int_equal(json_array_size(json_object_get(answer, "top")), 3); /* others are never named */
    assert_string_equal(lab_text(json_array_get(json_object_get(answer, "top"), 0), NULL, "category"), "lille");
    about(counted(answer, "lille"), 14);
    about(counted(answer, "lyon"), 6);
    about(counted(answer, "paris"), 0);
    assert_string_equal(lab_text(answer, NULL, "unit"), "readings");
    assert_non_null(strstr(lab_text(answer, NULL, "statement"), "for all categories at once. A device's readings"));
    assert_non_null(
        strstr(lab_text(answer, NULL, "statement"), "those noised on board with them, are counted under the"));
    json_decref(answer);
    struct release_order raw = by_site;
    raw.source = "raw";
    assert_int_equal(ask(lab, &raw, &release), 0);
    answer = lab_answer(&release);
    assert_non_null(strstr(lab_text(answer, NULL, "statement"),
                           "A device's readings are counted under the value that its "
                           "label site had"));
    about(counted(answer, "lille"), 14);
    json_decref(answer);
}

/* The sensitivity that noise is made for: however many readings a device gives, it moves one category by two. */
static void one_device_epoch_moves_one_category_by_its_contributions(void **state)
{
    struct lab *lab = *state;
    struct release release;
    json_t *answer;

    make_rich(lab);
    make_device(lab, "site=lyon", 50);
    assert_int_equal(ask(lab, &by_site, &release), 0);
    answer = lab_answer(&release);
    about(counted(answer, "lyon"), 2);
    about(counted(answer, "lille"), 0);
    const json_t *noise = json_array_get(json_object_get(json_object_get(answer, "privacy"), "noise"), 0);
    assert_int_equal(json_integer_value(json_object_get(noise, "cells")), 3);
    assert_int_equal(json_integer_value(json_object_get(noise, "scale_num")), 1); /* 2 / 20 */
    assert_int_equal(json_integer_value(json_object_get(noise, "scale_den")), 10);
    json_decref(answer);
}

static void suspects_are_left_out_and_the_answer_says_how_many(void **state)
{
    struct lab *lab = *state;
    struct store *store = lab->world->store;
    struct release_order order = by_site;
    struct release release;

    make_rich(lab);
    make_device(lab, "site=lyon", 2);
    make_device(lab, "floor=lyon", 1); /* in no cell */
    struct device bad = make_device(lab, "site=paris", 2);
    lab_sql(lab, "UPDATE reading SET noised = 1");
    assert_int_equal(store->begin(store), 0);
    assert_int_equal(store->device_suspect(store, bad.id, lab->world->clock.now_ms, "too little noise"), 0);
    assert_int_equal(store->commit(store), 0);
    assert_int_equal(ask(lab, &order, &release), 0);
    json_t *answer = lab_answer(&release);
    about(counted(answer, "lyon"), 2);
    about(counted(answer, "paris"), 0);
    const json_t *part = json_object_get(answer, "on_board");
    assert_int_equal(json_integer_value(json_object_get(part, "devices")), 2);
    assert_int_equal(json_integer_value(json_object_get(part, "suspect")), 1);
    assert_int_equal(json_integer_value(json_object_get(part, "reports")), 3);
    json_decref(answer);
    order.source = "raw";
    assert_int_equal(ask(lab, &order, &release), 0);
    answer = lab_answer(&release);
    assert_null(json_object_get(answer, "on_board"));
    json_decref(answer);
    order.source = "local";
    order.loss.ueps = 0;
    assert_int_equal(ask(lab, &order, &release), REFUSED_INVALID);
    assert_non_null(strstr(lab->why.what, "a top by a label is not made of reports"));
    assert_null(strstr(lab->why.todo, "top"));
}

static void the_present_label_decides_also_for_readings_from_before(void **state)
{
    struct lab *lab = *state;
    struct release release, again;
    struct device moved;
    struct release_order order = by_site;

    make_rich(lab);
    order.request = "once";
    moved = make_device(lab, "site=lyon", 2);
    assert_int_equal(ask(lab, &order, &release), 0);
    assert_int_equal(device_label(lab->core, &lab->world->owner, moved.name, "site=paris", &moved, &lab->why), 0);
    assert_int_equal(ask(lab, &order, &again), 0); /* what was answered stays */
    assert_true(again.replayed);
    assert_string_equal(again.answer, release.answer);
    order.request = "anew";
    assert_int_equal(ask(lab, &order, &again), 0);
    json_t *answer = lab_answer(&again);
    about(counted(answer, "lyon"), 0);
    about(counted(answer, "paris"), 2);
    json_decref(answer);
}

static void label_and_values_are_part_of_what_is_asked(void **state)
{
    struct lab *lab = *state;
    struct release_order order = by_site;
    struct release release;

    make_rich(lab);
    make_device(lab, "site=lyon", 0);
    order.request = "mine";
    assert_int_equal(ask(lab, &order, &release), 0);
    order.by = "floor";
    assert_int_equal(ask(lab, &order, &release), REFUSED_CONFLICT);
    order.by = "site";
    order.categories = "lyon,lille";
    assert_int_equal(ask(lab, &order, &release), REFUSED_CONFLICT);
    order.categories = by_site.categories;
    assert_int_equal(ask(lab, &order, &release), 0);
    assert_true(release.replayed);
}

static void a_label_is_for_top_and_its_values_are_words(void **state)
{
    struct lab *lab = *state;
    static const char long_name[] = "a123456789b123456789c123456789d123456789e123456789f123456789g123";
    struct release release;
    const struct release_order bad[] = {
        { .query = "count", .by = "site" },
        { .query = "histogram", .by = "site", .edges = "1,2" },
        { .query = "top", .by = "site" },
        { .query = "top", .by = "", .categories = "lyon" },
        { .query = "top", .by = "si te", .categories = "lyon" },
        { .query = "top", .by = "si\"te", .categories = "lyon" },
        { .query = "top", .by = long_name, .categories = "lyon" },
        { .query = "top", .by = "site", .categories = "" },
        { .query = "top", .by = "site", .categories = "lyon," },
        { .query = "top", .by = "site", .categories = ",lyon" },
        { .query = "top", .by = "site", .categories = "ly\"on" },
        { .query = "top", .by = "site", .categories = "lyon\nlille" },
        { .query = "top", .by = "site", .categories = long_name },
        { .query = "top", .by = "site", .categories = "lyon,lille,lyon" }, /* twice would count twice */
        { .query = "top", .by = "site", .categories = "lyon", .top = 65 },
        { .query = "top", .by = "site", .categories = "lyon", .at = "0.5" },
        { .query = "top", .by = "site", .categories = "lyon", .edges = "1,2" },
        { .query = "top", .categories = "lyon" }, /* readings are numbers */
    };

    make_device(lab, "site=lyon", 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct release_order order = bad[i];
        order.loss.ueps = EPSILON;
        if (ask(lab, &order, &release) != REFUSED_INVALID)
            fail_msg("case %zu passed", i);
    }
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), 0);
}

static void a_preview_says_its_error_and_costs_nothing(void **state)
{
    struct lab *lab = *state;
    struct release_order order = by_site;
    struct release_plan plan;

    make_device(lab, "site=lyon", 1);
    order.sensor = "temperature";
    order.loss.ueps = 0;
    order.error = "10";
    lab->world->clock.now_ms += 1;
    assert_int_equal(release_preview(lab->core, &lab->acme->caller, &order, &plan, &lab->why), 0);
    assert_true(plan.has_needed && plan.would_pass);
    assert_int_equal(plan.error95_num, 10);
    assert_int_equal(plan.error95_den, 1);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), 0);
}

static void an_explanation_names_the_label(void **state)
{
    struct lab *lab = *state;
    char text[EXPLANATION_SIZE];
    struct release release;

    make_rich(lab);
    make_device(lab, "site=lyon", 1);
    assert_int_equal(ask(lab, &by_site, &release), 0);
    assert_int_equal(release_explain(lab->core, &lab->acme->caller, release.id, text, &lab->why), 0);
    assert_non_null(strstr(text, "Readings were counted by the value that label site of their device had"));
}

static void a_schedule_keeps_the_label(void **state)
{
    struct lab *lab = *state;
    struct schedule_order order = { .release = by_site, .every_ms = 3600000 };
    struct schedule schedule;
    struct release release;
    int64_t next_ms;

    make_rich(lab);
    make_device(lab, "site=lyon", 2);
    order.release.sensor = "temperature";
    order.release.tenant = "acme";
    lab->world->clock.now_ms += 3600000;
    assert_int_equal(schedule_create(lab->core, &lab->acme->caller, &order, &schedule, &lab->why), 0);
    lab->world->clock.now_ms = schedule.next_ms;
    assert_int_equal(schedule_tick(lab->core, schedule.next_ms, &next_ms), 0);
    assert_int_equal(schedule_get(lab->core, &lab->acme->caller, schedule.id, &schedule, &lab->why), 0);
    assert_string_equal(schedule.problem, "");
    assert_int_equal(schedule.runs, 1);
    assert_int_equal(release_get(lab->core, &lab->acme->caller, schedule.release_id, &release, &lab->why), 0);
    assert_string_equal(release.parameters, "{\"by\":\"site\",\"categories\":\"lyon,lille,paris\",\"top\":10}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(readings_are_counted_by_the_label_of_their_device),
        LAB_TEST(one_device_epoch_moves_one_category_by_its_contributions),
        LAB_TEST(suspects_are_left_out_and_the_answer_says_how_many),
        LAB_TEST(the_present_label_decides_also_for_readings_from_before),
        LAB_TEST(label_and_values_are_part_of_what_is_asked),
        LAB_TEST(a_label_is_for_top_and_its_values_are_words),
        LAB_TEST(a_preview_says_its_error_and_costs_nothing),
        LAB_TEST(an_explanation_names_the_label),
        LAB_TEST(a_schedule_keeps_the_label),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
