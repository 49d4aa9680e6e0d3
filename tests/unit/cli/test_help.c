/* The help of the whole program and of every command against tests/golden/help. After a wanted change:
 *   TINYPART_GOLDEN=write TINYPART_SOURCE=$PWD build/tests/cli_test_help     and look at the difference before the
 * commit. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "run.h"

static const struct command *const families[] = {
    system_commands,   key_commands,      tenant_commands,  device_commands,  image_commands,
    manifest_commands, grant_commands,    rollout_commands, policy_commands,  release_commands,
    export_commands,   schedule_commands, noise_commands,   privacy_commands,
};

enum { FAMILIES = sizeof(families) / sizeof(families[0]), NAME_MAX_HERE = 96 };

static char source[PATH_MAX];

static int setup(void **state)
{
    static struct result result;
    const char *given = getenv("TINYPART_SOURCE");

    assert_non_null(given);
    assert_non_null(realpath(given, source));
    folder_make();
    *state = &result;
    return 0;
}

static int teardown(void **state)
{
    result_deinit(*state);
    folder_remove();
    return 0;
}

static void compare(const char *name, const char *text)
{
    char path[PATH_MAX + 128];

    snprintf(path, sizeof(path), "%s/tests/golden/help/%s.txt", source, name);
    if (getenv("TINYPART_GOLDEN") != NULL)
        file_write(path, text, strlen(text));
    char *golden = file_read(path, NULL);
    if (golden == NULL || strcmp(golden, text) != 0) {
        print_message("the help %s is not what %s says; now it is\n%s", name, path, text);
        fail();
    }
    free(golden);
}

/* "tenant key add" is kept in tenant-key-add.txt. */
static void file_name(const char *words, char out[NAME_MAX_HERE])
{
    snprintf(out, NAME_MAX_HERE, "%s", words);
    for (char *at = out; *at != '\0'; at++)
        *at = *at == ' ' ? '-' : *at;
}

static void run_words(struct result *result, const char *words, const char *last)
{
    char copy[NAME_MAX_HERE];
    const char *list[COMMAND_WORDS_MAX + 2] = { NULL };
    unsigned count = 0;
    char *rest = NULL;

    snprintf(copy, sizeof(copy), "%s", words);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        list[count++] = word;
    list[count] = last;
    run(result, list);
}

static void the_whole_help_is_as_agreed(void **state)
{
    struct result *result = *state;

    run_ctl(result, "--help");
    expect(result, EXIT_DONE, "Exit codes:", NULL);
    compare("tinypartctl", result->out);
}

static void the_help_of_every_command_is_as_agreed(void **state)
{
    struct result *result = *state;
    char name[NAME_MAX_HERE];

    for (size_t i = 0; i < FAMILIES; i++) {
        for (const struct command *command = families[i]; command->words != NULL; command++) {
            run_words(result, command->words, "--help");
            expect(result, EXIT_DONE, "Examples:", NULL);
            file_name(command->words, name);
            compare(name, result->out);
        }
    }
}

static void no_help_is_kept_of_a_command_that_is_gone(void **state)
{
    (void)state;
    char path[PATH_MAX + 64];
    unsigned files = 0;
    unsigned commands = 1; /* the program itself */

    snprintf(path, sizeof(path), "%s/tests/golden/help", source);
    DIR *folder = opendir(path);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        files += entry->d_name[0] != '.';
    closedir(folder);
    for (size_t i = 0; i < FAMILIES; i++)
        for (const struct command *command = families[i]; command->words != NULL; command++)
            commands++;
    assert_int_equal(files, commands);
}

static void a_group_has_help_of_its_own(void **state)
{
    struct result *result = *state;

    run_ctl(result, "tenant", "key", "--help");
    expect(result, EXIT_DONE, "tenant key add NAME PUB.pem", NULL);
    assert_null(strstr(result->out, "tenant create"));
    run_ctl(result, "frobnicate", "--help");
    expect(result, EXIT_USAGE, NULL, "there is no command frobnicate");
}

/* The completion asks the program itself, so it cannot grow old; this looks whether it understands the answers. */
static void bash_completes_commands_and_options(void **state)
{
    static const struct {
        const char *words; /* of the command line; the last one is being typed */
        const char *wanted;
    } cases[] = {
        { "'rollou'", " rollout " },
        { "rollout ''", " create " },
        { "rollout st", " status " },
        { "tenant key ''", " revoke " },
        { "rollout create --sel", " --selector " },
        { "--socket x.sock rollout create --wa", " --watch " },
        { "keygen --type ''", " ed25519 p256 hss-lms " },
        { "-o ''", " table json " },
    };
    struct result *result = *state;
    char script[PATH_MAX + 1024];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(script, sizeof(script),
                 "tinypartctl() { " TINYPARTCTL " \"$@\"; }; . %s/packaging/completions/tinypartctl; "
                 "COMP_WORDS=(tinypartctl %s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _tinypartctl; "
                 "echo \" ${COMPREPLY[*]} \"",
                 source, cases[i].words);
        file_write("script", script, strlen(script));
        assert_int_equal(system("bash script >complete.out 2>&1"), 0);
        char *got = file_read("complete.out", NULL);
        if (strstr(got, cases[i].wanted) == NULL) {
            print_message("%s gives%s\n", cases[i].words, got);
            fail();
        }
        free(got);
    }
    (void)result;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_help_is_as_agreed),
        cmocka_unit_test(the_help_of_every_command_is_as_agreed),
        cmocka_unit_test(no_help_is_kept_of_a_command_that_is_gone),
        cmocka_unit_test(a_group_has_help_of_its_own),
        cmocka_unit_test(bash_completes_commands_and_options),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
