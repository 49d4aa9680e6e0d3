#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cli/lines.h"
#include "cli/output.h"

static const struct column columns[] = { { "NAME", "name", false },
                                         { "COUNT", "steps.installed", true },
                                         { "LABELS", "labels", false },
                                         { NULL, NULL, false } };

enum what { LIST, OBJECT };

/* What a writer makes of a JSON text; the caller's to free. */
static char *written(void (*choose)(struct output *, FILE *), enum what what, const char *json,
                     const struct column *shown)
{
    json_t *value = json_loads(json, 0, NULL);
    struct output output;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    assert_non_null(value);
    choose(&output, file);
    if (what == LIST)
        output.list(&output, value, shown);
    else
        output.object(&output, value, shown);
    fclose(file);
    json_decref(value);
    return text;
}

static void assert_value(const char *json, const char *path, const char *wanted)
{
    json_t *object = json_loads(json, 0, NULL);
    char text[64];

    assert_non_null(object);
    output_value(object, path, text, sizeof(text));
    assert_string_equal(text, wanted);
    json_decref(object);
}

static void values_read_as_a_person_writes_them(void **state)
{
    (void)state;
    assert_value("{\"a\": \"text\"}", "a", "text");
    assert_value("{\"a\": \"\"}", "a", "-");
    assert_value("{\"a\": null}", "a", "-");
    assert_value("{}", "a", "-");
    assert_value("{\"a\": true, \"b\": false}", "a", "yes");
    assert_value("{\"a\": true, \"b\": false}", "b", "no");
    assert_value("{\"a\": -9223372036854775807}", "a", "-9223372036854775807");
    assert_value("{\"a\": 0.25}", "a", "0.25");
    assert_value("{\"a\": [1, \"two\", null]}", "a", "1,two,-");
    assert_value("{\"a\": []}", "a", "-");
    assert_value("{\"a\": {\"site\": \"lyon\", \"floor\": \"1\"}}", "a", "site=lyon floor=1");
    assert_value("{\"a\": {}}", "a", "-");
    assert_value("{\"a\": {\"b\": {\"c\": 7}}}", "a.b.c", "7");
    assert_value("{\"a\": 1}", "a.b", "-");
}

static void values_lose_their_control_characters(void **state)
{
    (void)state;
    assert_value("{\"a\": \"x\\u001b[31mred\\u0007\\n\\u007f.\"}", "a", "x [31mred   .");
    assert_value("{\"a\": \"c1 \\u009b31m \\u00e9\"}", "a", "c1   31m \xc3\xa9"); /* U+009B is ESC [ in one */
    assert_value("{\"a\": {\"k\\u001b\": \"v\"}}", "a", "k =v");
}

static void values_that_are_too_long_are_cut(void **state)
{
    (void)state;
    json_t *object = json_pack("{s:s}", "a", "0123456789");
    char text[5];

    output_value(object, "a", text, sizeof(text));
    assert_string_equal(text, "0123");
    json_decref(object);
}

static void a_table_has_a_head_and_a_line_an_item(void **state)
{
    (void)state;
    char *text = written(output_table, LIST,
                         "[{\"name\": \"a\", \"steps\": {\"installed\": 3}, \"labels\": {\"x\": \"1\"}}, {\"name\": "
                         "\"b\\u001b]0;evil\\u0007\"}]",
                         columns);

    assert_non_null(strstr(text, "NAME"));
    assert_non_null(strstr(text, "x=1"));
    assert_non_null(strstr(text, "b ]0;evil"));
    assert_null(strchr(text, '\x1b'));
    unsigned lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, 3);
    free(text);
}

static void an_empty_table_says_none(void **state)
{
    (void)state;
    char *text = written(output_table, LIST, "[]", columns);

    assert_string_equal(text, "none\n");
    free(text);
}

static void an_object_is_a_line_a_member(void **state)
{
    (void)state;
    char *text = written(output_table, OBJECT, "{\"name\": \"a\", \"off\": false, \"gone\": null}", NULL);

    assert_string_equal(text, "name                 a\noff                  no\ngone                 -\n");
    free(text);
    text = written(output_table, OBJECT, "{\"name\": \"a\", \"steps\": {\"installed\": 2}, \"more\": 1}", columns);
    assert_string_equal(text, "NAME                 a\nCOUNT                2\n"); /* it has no labels */
    free(text);
}

static void a_list_of_objects_in_an_object_is_a_table(void **state)
{
    (void)state;
    char *text =
        written(output_table, OBJECT,
                "{\"bins\": [{\"low\": \"0\", \"word\": \"a\", \"so_many\": \"-12\"}, {\"low\": \"10\", \"word\": "
                "\"bc\", \"so_many\": \"7\"}]}",
                NULL);

    assert_string_equal(text, "bins:\nLOW WORD SO MANY\n  0 a        -12\n 10 bc         7\n");
    free(text);
}

static void rows_too_wide_for_the_terminal_are_blocks(void **state)
{
    (void)state;
    json_t *rows = json_loads(
        "[{\"name\": \"a\", \"steps\": {\"installed\": 3}, \"labels\": {\"x\": \"1\", \"why\": \"because\"}},"
        " {\"name\": \"b\"}]",
        0, NULL);
    struct output output;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    output_table(&output, file);
    assert_int_equal(output.width, 0); /* no terminal: as wide as they need, for whoever reads lines */
    output.width = 20;
    output.list(&output, rows, columns);
    fclose(file);
    assert_string_equal(text, "NAME   a\nCOUNT  3\nLABELS x=1\n       why=because\n\nNAME   b\nCOUNT  -\nLABELS -\n");
    free(text);
    file = open_memstream(&text, &size);
    output.out = file;
    output.width = 40; /* they just fit */
    output.list(&output, rows, columns);
    fclose(file);
    assert_non_null(strstr(text, "NAME COUNT LABELS"));
    free(text);
    json_decref(rows);
}

static void lines_break_between_words_only(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    lines_print(file, "\xc3\xa9\xc3\xa9\xc3\xa9 four longer-than-a-line \x1b a b", 12, 3, 2);
    fclose(file);
    assert_string_equal(text, "\xc3\xa9\xc3\xa9\xc3\xa9 four\n  longer-than-a-line\n    a b\n");
    free(text);
}

static void texts_of_several_lines_keep_them_and_nothing_worse(void **state)
{
    (void)state;
    char *text = written(output_table, OBJECT, "{\"pem\": \"-----BEGIN\\nabc\\u001b[2J\\n\"}", NULL);

    assert_string_equal(text, "pem:\n-----BEGIN\nabc [2J\n");
    free(text);
}

static void json_is_the_api_s_own(void **state)
{
    (void)state;
    char *text = written(output_json, OBJECT, "{\"b\": 1, \"a\": [null, \"\\n\"]}", columns);
    json_t *back = json_loads(text, 0, NULL);

    assert_string_equal(text, "{\n  \"b\": 1,\n  \"a\": [\n    null,\n    \"\\n\"\n  ]\n}\n");
    assert_non_null(back);
    json_decref(back);
    free(text);
    text = written(output_json, LIST, "[{\"a\": 1}]", columns);
    back = json_loads(text, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(back, "items")), 1);
    assert_true(json_is_null(json_object_get(back, "next")));
    json_decref(back);
    free(text);
}

static void sentences_are_for_people_only(void **state)
{
    (void)state;
    struct output output;
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    output_json(&output, file);
    output.done(&output, "done with %s", "it");
    fflush(file);
    assert_int_equal(size, 0);
    output_table(&output, file);
    output.done(&output, "done with %s", "\x1b[1mit\n2");
    fclose(file);
    assert_string_equal(text, "done with  [1mit\n2\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_read_as_a_person_writes_them),
        cmocka_unit_test(values_lose_their_control_characters),
        cmocka_unit_test(values_that_are_too_long_are_cut),
        cmocka_unit_test(a_table_has_a_head_and_a_line_an_item),
        cmocka_unit_test(an_empty_table_says_none),
        cmocka_unit_test(an_object_is_a_line_a_member),
        cmocka_unit_test(a_list_of_objects_in_an_object_is_a_table),
        cmocka_unit_test(rows_too_wide_for_the_terminal_are_blocks),
        cmocka_unit_test(lines_break_between_words_only),
        cmocka_unit_test(texts_of_several_lines_keep_them_and_nothing_worse),
        cmocka_unit_test(json_is_the_api_s_own),
        cmocka_unit_test(sentences_are_for_people_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
