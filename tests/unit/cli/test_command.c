#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/command.h"
#include "run.h"

static const struct command *const families[] = {
    system_commands, tenant_commands,  device_commands,  image_commands,   manifest_commands,
    grant_commands,  rollout_commands, policy_commands,  release_commands, schedule_commands,
    export_commands, noise_commands,   privacy_commands,
};

enum { FAMILIES = sizeof(families) / sizeof(families[0]) };

static int setup(void **state)
{
    static struct result result;

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

static unsigned words_in(const char *text)
{
    unsigned count = 0;

    for (const char *at = text; at != NULL && *at != '\0'; at += strcspn(at, " "), at += *at == ' ')
        count++;
    return count;
}

static void every_command_fits_the_table_and_has_an_example(void **state)
{
    (void)state;
    for (size_t i = 0; i < FAMILIES; i++) {
        for (const struct command *command = families[i]; command->words != NULL; command++) {
            unsigned options = 0;
            char start[96];
            snprintf(start, sizeof(start), "tinypartctl %s", command->words);
            assert_true(words_in(command->words) <= COMMAND_WORDS_MAX);
            assert_true(words_in(command->arguments) <= ARGUMENTS_MAX);
            assert_non_null(command->run);
            assert_non_null(command->summary);
            assert_non_null(command->examples);
            assert_non_null(strstr(command->examples, start));
            for (const struct option_row *row = command->options; row != NULL && row->name != NULL; row++, options++)
                assert_non_null(row->help);
            assert_true(options <= OPTIONS_MAX);
        }
    }
}

static void every_required_option_stands_in_an_example(void **state)
{
    (void)state;
    for (size_t i = 0; i < FAMILIES; i++) {
        for (const struct command *command = families[i]; command->words != NULL; command++) {
            for (const struct option_row *row = command->options; row != NULL && row->name != NULL; row++) {
                char longer[64];
                char shorter[8];
                snprintf(longer, sizeof(longer), "--%s ", row->name);
                snprintf(shorter, sizeof(shorter), " -%c ", row->letter != 0 ? row->letter : '?');
                if (row->required && strstr(command->examples, longer) == NULL)
                    assert_non_null(strstr(command->examples, shorter));
            }
        }
    }
}

static void no_word_at_all_is_a_usage_error(void **state)
{
    struct result *result = *state;

    run(result, (const char *const[]){ NULL });
    expect(result, EXIT_USAGE, NULL, "which command?\nSee: tinypartctl --help");
}

static void words_that_are_no_command_are_named(void **state)
{
    struct result *result = *state;

    run_ctl(result, "frobnicate", "it");
    expect(result, EXIT_USAGE, NULL, "there is no command frobnicate it\n");
    run_ctl(result, "--frobnicate");
    expect(result, EXIT_USAGE, NULL, "there is no global option --frobnicate\n");
}

static void a_group_alone_lists_its_commands(void **state)
{
    struct result *result = *state;

    run_ctl(result, "rollout");
    expect(result, EXIT_USAGE, NULL, "which rollout command?\n  rollout create");
    run_ctl(result, "tenant", "key");
    expect(result, EXIT_USAGE, NULL, "which tenant key command?");
    run_ctl(result, "rollout", "stop");
    expect(result, EXIT_USAGE, NULL, "there is no command rollout stop; there are\n  rollout create");
}

static void missing_things_are_named_with_their_help(void **state)
{
    struct result *result = *state;

    run_ctl(result, "tenant", "key", "add", "acme");
    expect(result, EXIT_USAGE, NULL, "tenant key add needs: NAME PUB.pem\nSee: tinypartctl tenant key add --help");
    run_ctl(result, "image", "verify", "x.suit");
    expect(result, EXIT_USAGE, NULL, "image verify needs --key PUB.pem (the tenant's public key)");
    run_ctl(result, "device", "list", "-l");
    expect(result, EXIT_USAGE, NULL, "--selector needs a value: L");
    run_ctl(result, "rollout", "create", "--selector", "--slot", "0", "--image", "a:1");
    expect(result, EXIT_USAGE, NULL, "--selector needs a value: L");
}

static void surplus_things_are_named(void **state)
{
    struct result *result = *state;

    run_ctl(result, "tenant", "list", "acme");
    expect(result, EXIT_USAGE, NULL, "tenant list takes no further argument: acme");
    run_ctl(result, "tenant", "list", "--frob");
    expect(result, EXIT_USAGE, NULL, "tenant list has no option --frob\n");
    run_ctl(result, "device", "list", "-l", "a", "--selector=b");
    expect(result, EXIT_USAGE, NULL, "--selector is given twice");
    run_ctl(result, "rollout", "status", "7", "--watch=yes");
    expect(result, EXIT_USAGE, NULL, "--watch takes no value");
    run_ctl(result, "tenant", "show", "");
    expect(result, EXIT_USAGE, NULL, "an argument of tenant show is empty");
}

static void values_that_do_not_fit_are_shown(void **state)
{
    struct result *result = *state;

    run_ctl(result, "device", "list", "--limit", "0");
    expect(result, EXIT_USAGE, NULL, "--limit 0 is not a whole number from 1 to ");
    run_ctl(result, "rollout", "create", "--image", "thermo", "--selector", "", "--slot", "0");
    expect(result, EXIT_USAGE, NULL, "thermo is no image: write NAME:VERSION");
    run_ctl(result, "rollout", "create", "--image", "a:1", "--selector", "", "--slot", "0", "--deadline", "soon");
    expect(result, EXIT_USAGE, NULL, "--deadline soon is not a duration");
    run_ctl(result, "grant", "create", "--tenant", "acme", "--selector", "", "--until", "tomorrow");
    expect(result, EXIT_USAGE, NULL, "--until tomorrow is no time such as");
    run_ctl(result, "keygen", "--type", "rsa", "-o", "x.pem");
    expect(result, EXIT_USAGE, NULL, "--type takes ed25519, p256, hss-lms, ml-dsa-44, ml-dsa-65 or ml-dsa-87, not rsa");
    run_ctl(result, "rollout", "status", "seven");
    expect(result, EXIT_USAGE, NULL, "seven is no rollout's number");
}

static void a_global_option_behind_the_command_is_told_its_place(void **state)
{
    struct result *result = *state;

    run_ctl(result, "tenant", "list", "--socket", "x.sock");
    expect(result, EXIT_USAGE, NULL,
           "tenant list has no option --socket of its own; that one stands before the command");
}

static void global_options_are_checked(void **state)
{
    struct result *result = *state;

    run_ctl(result, "--socket");
    expect(result, EXIT_USAGE, NULL, "--socket needs a value\n");
    run_ctl(result, "--socket=", "status");
    expect(result, EXIT_USAGE, NULL, "--socket needs a value that is not empty");
    run_ctl(result, "--socket", "a.sock", "--url=https://x", "status");
    expect(result, EXIT_USAGE, NULL, "--socket and --url name two daemons");
    run_ctl(result, "--url", "gopher://x", "status");
    expect(result, EXIT_USAGE, NULL, "gopher://x is no URL of the daemon");
    run_ctl(result, "--token-file", "none", "status");
    expect(result, EXIT_USAGE, NULL, "the token file none cannot be read: No such file");
    file_write("empty", "", 0);
    run_ctl(result, "--token-file", "empty", "status");
    expect(result, EXIT_USAGE, NULL, "the token file empty cannot be read: it is empty");
    file_write("two", "two words\n", 10);
    run_ctl(result, "--token-file", "two", "status");
    expect(result, EXIT_USAGE, NULL, "a bearer token is one word");
}

static void the_writer_may_be_chosen_anywhere(void **state)
{
    struct result *result = *state;

    run_ctl(result, "-o", "yaml", "tenant", "list");
    expect(result, EXIT_USAGE, NULL, "-o takes table or json, not yaml");
    run_ctl(result, "tenant", "list", "-o", "yaml");
    expect(result, EXIT_USAGE, NULL, "-o takes table or json, not yaml");
    run_ctl(result, "tenant", "list", "-o");
    expect(result, EXIT_USAGE, NULL, "-o needs a value: table or json");
    run_ctl(result, "--socket", "none.sock", "version", "-o", "json");
    expect(result, EXIT_UNREACHABLE, "{\n  \"client_version\": ", NULL);
    run_ctl(result, "--socket", "none.sock", "-o", "json", "version");
    expect(result, EXIT_UNREACHABLE, "{\n  \"client_version\": ", NULL);
}

static void behind_a_command_that_writes_files_o_is_the_file(void **state)
{
    struct result *result = *state;
    struct stat status;

    run_ctl(result, "keygen", "--type", "ed25519", "-o", "json");
    expect(result, EXIT_DONE, "private key: json", NULL);
    assert_int_equal(stat("json", &status), 0);
    run_ctl(result, "-o", "json", "keygen", "--type", "ed25519", "-o", "other.pem");
    expect(result, EXIT_DONE, "\"public_file\": \"other.pub.pem\"", NULL);
}

static void the_program_s_own_version_needs_no_daemon(void **state)
{
    struct result *result = *state;

    run_ctl(result, "--version");
    expect(result, EXIT_DONE, "tinypartctl " TINYPART_VERSION "\n", NULL);
    assert_string_equal(result->err, "");
}

static void version_shows_what_it_knows_and_says_what_it_could_not_ask(void **state)
{
    struct result *result = *state;

    run_ctl(result, "--socket", "none.sock", "version");
    expect(result, EXIT_UNREACHABLE, "tinypartctl " TINYPART_VERSION "\n", "the daemon cannot be reached at none.sock");
}

static void words_behind_two_dashes_are_arguments(void **state)
{
    struct result *result = *state;

    run_ctl(result, "--socket", "none.sock", "tenant", "create", "--", "--help");
    expect(result, EXIT_UNREACHABLE, NULL, NULL);
    run_ctl(result, "--socket", "none.sock", "tenant", "show", "--", "-o");
    expect(result, EXIT_UNREACHABLE, NULL, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_fits_the_table_and_has_an_example),
        cmocka_unit_test(every_required_option_stands_in_an_example),
        cmocka_unit_test(no_word_at_all_is_a_usage_error),
        cmocka_unit_test(words_that_are_no_command_are_named),
        cmocka_unit_test(a_group_alone_lists_its_commands),
        cmocka_unit_test(missing_things_are_named_with_their_help),
        cmocka_unit_test(surplus_things_are_named),
        cmocka_unit_test(values_that_do_not_fit_are_shown),
        cmocka_unit_test(a_global_option_behind_the_command_is_told_its_place),
        cmocka_unit_test(global_options_are_checked),
        cmocka_unit_test(the_writer_may_be_chosen_anywhere),
        cmocka_unit_test(behind_a_command_that_writes_files_o_is_the_file),
        cmocka_unit_test(the_program_s_own_version_needs_no_daemon),
        cmocka_unit_test(version_shows_what_it_knows_and_says_what_it_could_not_ask),
        cmocka_unit_test(words_behind_two_dashes_are_arguments),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
