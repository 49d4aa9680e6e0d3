/* What people see of an answer of each shape, and of a plan: in 80 columns, without what it does not have. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cli/answer.h"

static const struct column columns[] = { { "query", "query", false },
                                         { "value", "value", false },
                                         { "95 % interval", "error95", false },
                                         { "unit", "unit", false },
                                         { "bins", "bins", false },
                                         { "quantiles", "quantiles", false },
                                         { "the largest", "top", false },
                                         { "times it fits", "first.times", false },
                                         { NULL, NULL, false } };

static void shows(void (*show)(const struct output *, json_t *, const struct column *), const char *json,
                  const char *expected)
{
    json_t *value = json_loads(json, 0, NULL);
    struct output output;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    assert_non_null(value);
    assert_int_equal(setenv("COLUMNS", "80", 1), 0);
    output_table(&output, file);
    show(&output, value, columns);
    fclose(file);
    assert_string_equal(text, expected);
    free(text);
    json_decref(value);
}

static void one_number_has_its_interval_beside_it(void **state)
{
    (void)state;
    shows(answer_show,
          "{\"query\":\"sum\",\"value\":\"12.5\",\"error95\":{\"low\":\"-1\",\"high\":\"26\"},\"unit\":\"Cel\","
          "\"statement\":\"With 95 "
          "% certainty the true sum of the readings that count, those noised on board as they came in, is between -1 "
          "and 26.\"}",
          "query                sum\n"
          "value                12.5\n"
          "95 % interval        -1 to 26\n"
          "unit                 Cel\n"
          "\n"
          "With 95 % certainty the true sum of the readings that count, those noised on\n"
          "board as they came in, is between -1 and 26.\n");
}

static void what_is_not_there_says_why(void **state)
{
    (void)state;
    shows(answer_show,
          "{\"query\":\"mean\",\"value\":null,\"value_reason\":\"too few\",\"error95\":null,\"error95_reason\":\"too "
          "few\"}",
          "query                mean\n"
          "value                none: too few\n"
          "95 % interval        none: too few\n");
}

static void cells_are_tables(void **state)
{
    (void)state;
    shows(answer_show,
          "{\"query\":\"histogram\",\"bins\":[{\"low\":\"0\",\"high\":\"10\",\"count\":\"47\"},{\"low\":\"10\","
          "\"high\":\"20\",\"count\":"
          "\"-4\"}],\"error95\":{\"half_width\":\"15\"},\"unit\":\"readings\"}",
          "query                histogram\n"
          "95 % interval        15 to either side\n"
          "unit                 readings\n"
          "bins:\n"
          "LOW HIGH COUNT\n"
          "  0   10    47\n"
          " 10   20    -4\n");
    shows(answer_show,
          "{\"query\":\"quantiles\",\"quantiles\":[{\"at\":\"0.5\",\"value\":\"2\",\"error95\":{\"low\":\"1\",\"high\":"
          "\"30\"}}]}",
          "query                quantiles\n"
          "quantiles:\n"
          " AT VALUE 95 % FROM TO\n"
          "0.5     2         1 30\n");
    shows(answer_show,
          "{\"query\":\"top\",\"top\":[{\"category\":\"lyon\",\"count\":\"7\"},{\"category\":\"lille\",\"count\":"
          "\"12\"}]}",
          "query                top\n"
          "the largest:\n"
          "CATEGORY COUNT\n"
          "lyon         7\n"
          "lille       12\n");
}

static void a_plan_leaves_out_what_it_does_not_say(void **state)
{
    (void)state;
    shows(plan_show, "{\"query\":\"mean\",\"replay\":false,\"error95\":null,\"l2_error\":null,\"first\":null}",
          "query                mean\n"
          "95 % interval        only the answer can tell\n");
    shows(plan_show, "{\"query\":\"mean\",\"replay\":false,\"error95\":\"5\",\"unit\":\"Cel\",\"first\":{\"times\":3}}",
          "query                mean\n"
          "95 % interval        5 Cel\n"
          "unit                 Cel\n"
          "times it fits        3\n");
    shows(plan_show, "{\"replay\":true,\"epochs\":0}",
          "would pass           yes: it was answered before, and the stored answer comes at no cost\n");
}

static void durations_are_said_in_the_largest_unit_that_fits(void **state)
{
    (void)state;
    json_t *object = json_pack("{s:i, s:i, s:i, s:i, s:i, s:n, s:i}", "a_ms", 604800000, "b_ms", 5400000, "c_ms", 1500,
                               "d_ms", 0, "e_ms", 30000, "f_ms", "count", 5);

    durations_tidy(object);
    assert_string_equal(json_string_value(json_object_get(object, "a_ms")), "7 d");
    assert_string_equal(json_string_value(json_object_get(object, "b_ms")), "90 min");
    assert_string_equal(json_string_value(json_object_get(object, "c_ms")), "1500 ms");
    assert_string_equal(json_string_value(json_object_get(object, "d_ms")), "0 s");
    assert_string_equal(json_string_value(json_object_get(object, "e_ms")), "30 s");
    assert_true(json_is_null(json_object_get(object, "f_ms")));
    assert_int_equal(json_integer_value(json_object_get(object, "count")), 5);
    json_decref(object);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_number_has_its_interval_beside_it),
        cmocka_unit_test(what_is_not_there_says_why),
        cmocka_unit_test(cells_are_tables),
        cmocka_unit_test(durations_are_said_in_the_largest_unit_that_fits),
        cmocka_unit_test(a_plan_leaves_out_what_it_does_not_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
