#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/sink_file/jsonl.h"
#include "daemon/sink_file/sink_file.h"
#include "outcomes.h"

struct place {
    char folder[64];
    char path[96];
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof(*place));

    strcpy(place->folder, "/tmp/tinypart-sink-XXXXXX");
    if (mkdtemp(place->folder) == NULL)
        return -1;
    snprintf(place->path, sizeof(place->path), "%s/out.jsonl", place->folder);
    *state = place;
    return 0;
}

static int drop_place(void **state)
{
    struct place *place = *state;
    char command[96];

    snprintf(command, sizeof(command), "rm -rf %s", place->folder);
    int r = system(command);
    free(place);
    return r;
}

static char *content(const char *path)
{
    static char text[8192];
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

static int append(const struct place *place, const char *key, const char *body)
{
    return jsonl_append(place->folder, "out", 1 << 20, key, bytes_of_text(body));
}

static void writes_one_line_a_delivery(void **state)
{
    const struct place *place = *state;

    assert_int_equal(append(place, "k1", "{\"a\":1}"), 0);
    assert_int_equal(append(place, "k2", "{\"a\":2}"), 0);
    assert_string_equal(content(place->path),
                        "{\"delivery\":\"k1\",\"data\":{\"a\":1}}\n{\"delivery\":\"k2\",\"data\":{\"a\":2}}\n");
}

static void repeated_delivery_stands_there_once(void **state)
{
    const struct place *place = *state;

    assert_int_equal(append(place, "k1", "{}"), 0);
    assert_int_equal(append(place, "k1", "{}"), 0);
    assert_string_equal(content(place->path), "{\"delivery\":\"k1\",\"data\":{}}\n");
    /* a longer key with the same start is another delivery */
    assert_int_equal(append(place, "k11", "{}"), 0);
    assert_string_equal(content(place->path),
                        "{\"delivery\":\"k1\",\"data\":{}}\n{\"delivery\":\"k11\",\"data\":{}}\n");
}

static void torn_last_line_is_cut_off(void **state)
{
    const struct place *place = *state;

    assert_int_equal(append(place, "k1", "{}"), 0);
    FILE *file = fopen(place->path, "a");
    fputs("{\"delivery\":\"k2\",\"da", file);
    fclose(file);
    assert_int_equal(append(place, "k2", "{}"), 0);
    assert_string_equal(content(place->path), "{\"delivery\":\"k1\",\"data\":{}}\n{\"delivery\":\"k2\",\"data\":{}}\n");
}

static void finds_the_last_line_behind_a_long_one(void **state)
{
    const struct place *place = *state;
    char *body = malloc(20001);

    memset(body, '1', 20000);
    body[20000] = '\0';
    assert_int_equal(append(place, "long", body), 0);
    assert_int_equal(append(place, "long", body), 0);
    struct stat status;
    assert_int_equal(stat(place->path, &status), 0);
    assert_int_equal(status.st_size, 20000 + 28);
    free(body);
}

static void rotates_whole_files_and_still_knows_the_last_delivery(void **state)
{
    const struct place *place = *state;
    char rotated[128];

    for (int i = 0; i < 3; i++) {
        char key[8];
        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(jsonl_append(place->folder, "out", 20, key, bytes_of_text("{}")), 0);
    }
    snprintf(rotated, sizeof(rotated), "%s/out.000001.jsonl", place->folder);
    assert_string_equal(content(rotated), "{\"delivery\":\"k0\",\"data\":{}}\n");
    snprintf(rotated, sizeof(rotated), "%s/out.000002.jsonl", place->folder);
    assert_string_equal(content(rotated), "{\"delivery\":\"k1\",\"data\":{}}\n");
    assert_string_equal(content(place->path), "{\"delivery\":\"k2\",\"data\":{}}\n");
    /* a crash right after a rotation: the current file is empty, the repeated delivery ends the newest rotated one */
    assert_int_equal(truncate(place->path, 0), 0);
    assert_int_equal(jsonl_append(place->folder, "out", 20, "k1", bytes_of_text("{}")), 0);
    assert_string_equal(content(place->path), "");
}

static void outcome_arrives_on_the_loop(void **state)
{
    const struct place *place = *state;
    struct loop *loop = NULL;
    struct sink_file *sink = NULL;
    struct sink_kind kind;
    struct core core = { 0 };
    struct why why;
    char path[128];
    const struct sink_file_settings settings = { place->folder, 1 << 20 };
    struct delivery first = delivery_of(7, "{}", "k7", "{\"x\":1}");
    struct delivery second = delivery_of(8, "{}", "k8", "{\"x\":2}");

    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(sink_file_new(&core, loop, &settings, &sink, &why), 0);
    sink_file_kind(sink, &kind);
    outcomes_expect(loop, 2);
    assert_int_equal(kind.deliver(kind.context, &first), 0);
    assert_int_equal(kind.deliver(kind.context, &second), 0);
    assert_int_equal(outcomes_wait(), 2);
    assert_true(outcome_of(7)->delivered && outcome_of(8)->delivered);
    snprintf(path, sizeof(path), "%s/acme/archive.jsonl", place->folder);
    assert_string_equal(content(path),
                        "{\"delivery\":\"k7\",\"data\":{\"x\":1}}\n{\"delivery\":\"k8\",\"data\":{\"x\":2}}\n");
    sink_file_free(sink);
    loop_free(loop);
}

static void file_that_cannot_be_written_is_an_error_in_words(void **state)
{
    const struct place *place = *state;
    struct loop *loop = NULL;
    struct sink_file *sink = NULL;
    struct sink_kind kind;
    struct core core = { 0 };
    struct why why;
    char blocker[128];
    const struct sink_file_settings settings = { place->folder, 1 << 20 };
    struct delivery delivery = delivery_of(1, "{}", "k", "{}");

    snprintf(blocker, sizeof(blocker), "%s/acme", place->folder); /* a file where the tenant's folder should be */
    fclose(fopen(blocker, "w"));
    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(sink_file_new(&core, loop, &settings, &sink, &why), 0);
    sink_file_kind(sink, &kind);
    outcomes_expect(loop, 1);
    assert_int_equal(kind.deliver(kind.context, &delivery), 0);
    assert_int_equal(outcomes_wait(), 1);
    assert_false(outcome_of(1)->delivered);
    assert_non_null(strstr(outcome_of(1)->error, "cannot be written"));
    sink_file_free(sink);
    loop_free(loop);
}

static void options_are_refused_by_name(void **state)
{
    const struct place *place = *state;
    struct loop *loop = NULL;
    struct sink_file *sink = NULL;
    struct sink_kind kind;
    struct core core = { 0 };
    struct why why;
    const struct sink_file_settings settings = { place->folder, 1 << 20 };

    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(sink_file_new(&core, loop, &settings, &sink, &why), 0);
    sink_file_kind(sink, &kind);
    assert_int_equal(kind.check(kind.context, "{}", &why), 0);
    assert_int_equal(kind.check(kind.context, "{\"path\":\"/etc/passwd\"}", &why), REFUSED_INVALID);
    assert_non_null(strstr(why.what, "path"));
    assert_int_equal(kind.check(kind.context, "[", &why), REFUSED_INVALID);
    sink_file_free(sink);
    loop_free(loop);
}

int main(void)
{
#define IN_A_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, drop_place)
    const struct CMUnitTest tests[] = {
        IN_A_PLACE(writes_one_line_a_delivery),
        IN_A_PLACE(repeated_delivery_stands_there_once),
        IN_A_PLACE(torn_last_line_is_cut_off),
        IN_A_PLACE(finds_the_last_line_behind_a_long_one),
        IN_A_PLACE(rotates_whole_files_and_still_knows_the_last_delivery),
        IN_A_PLACE(outcome_arrives_on_the_loop),
        IN_A_PLACE(file_that_cannot_be_written_is_an_error_in_words),
        IN_A_PLACE(options_are_refused_by_name),
    };
    return cmocka_run_group_tests_name("sinks/file", tests, NULL, NULL);
}
