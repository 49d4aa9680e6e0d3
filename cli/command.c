/* command.c - finds the command that the words name, takes its options apart, and prints its help. */
#include "cli/command.h"

#include <stdarg.h>
#include <string.h>

#include "cli/globals.h"
#include "daemon/base/text.h"

static const struct command *const families[] = {
    system_commands,   key_commands,    tenant_commands,  device_commands,  image_commands,
    manifest_commands, grant_commands,  rollout_commands, policy_commands,  release_commands,
    schedule_commands, export_commands, noise_commands,   privacy_commands,
};

enum { FAMILIES = sizeof(families) / sizeof(families[0]) };

/* How many of the given words the command's own words use up; 0: another command. */
static int words_matched(const struct command *command, int count, char *const *words)
{
    const char *at = command->words;
    int used = 0;

    for (;;) {
        size_t length = strcspn(at, " ");
        if (used == count || strlen(words[used]) != length || strncmp(words[used], at, length) != 0)
            return 0;
        used++;
        if (at[length] == '\0')
            return used;
        at += length + 1;
    }
}

static const struct command *find(int count, char *const *words, int *out_used)
{
    const struct command *best = NULL;

    *out_used = 0;
    for (size_t i = 0; i < FAMILIES; i++) {
        for (const struct command *command = families[i]; command->words != NULL; command++) {
            int used = words_matched(command, count, words);
            if (used <= *out_used)
                continue;
            best = command;
            *out_used = used;
        }
    }
    return best;
}

const struct command *command_find(int count, char *const *words)
{
    int used = 0;

    return find(count, words, &used);
}

const char *call_option(const struct call *call, const char *name)
{
    const struct option_row *row = call->command->options;

    for (unsigned i = 0; row != NULL && row[i].name != NULL; i++)
        if (strcmp(row[i].name, name) == 0)
            return call->values[i];
    return NULL;
}

int call_usage(const struct call *call, const char *format, ...)
{
    va_list arguments;

    fputs("tinypartctl: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    if (call->command != NULL)
        fprintf(stderr, "\nSee: tinypartctl %s --help\n", call->command->words);
    else
        fputs("\nSee: tinypartctl --help\n", stderr);
    return EXIT_USAGE;
}

int call_integer(const struct call *call, const char *name, int64_t least, int64_t most, int64_t *out)
{
    const char *text = call_option(call, name);

    if (text == NULL || integer_parse(text, least, most, out) == 0)
        return EXIT_DONE;
    return call_usage(call, "--%s %s is not a whole number from %lld to %lld", name, text, (long long)least,
                      (long long)most);
}

int call_duration(const struct call *call, const char *name, int64_t *out_ms)
{
    const char *text = call_option(call, name);

    if (text == NULL || duration_parse(text, out_ms) == 0)
        return EXIT_DONE;
    return call_usage(call, "--%s %s is not a duration such as 90s, 15m, 6h or 7d", name, text);
}

/* The row of "--name", "--name=value" or "-n", with the value behind "=" if any; -1: none. */
static int option_index(const struct command *command, const char *word, const char **out_inline)
{
    const struct option_row *row = command->options;

    *out_inline = NULL;
    for (int i = 0; row != NULL && row[i].name != NULL; i++) {
        size_t length = strlen(row[i].name);
        if (word[1] != '-') {
            if (row[i].letter != 0 && word[1] == row[i].letter && word[2] == '\0')
                return i;
            continue;
        }
        if (strncmp(word + 2, row[i].name, length) != 0)
            continue;
        if (word[2 + length] == '\0')
            return i;
        if (word[2 + length] == '=') {
            *out_inline = word + 2 + length + 1;
            return i;
        }
    }
    return -1;
}

static int take_option(struct call *call, int count, char *const *words, int *at)
{
    const char *value = NULL;
    int index = option_index(call->command, words[*at], &value);

    if (index < 0)
        return call_usage(call, "%s has no option %s%s", call->command->words, words[*at],
                          globals_has(words[*at]) ? " of its own; that one stands before the command" : "");
    const struct option_row *row = &call->command->options[index];
    if (call->values[index] != NULL)
        return call_usage(call, "--%s is given twice", row->name);
    if (row->value == NULL) {
        if (value != NULL)
            return call_usage(call, "--%s takes no value", row->name);
        call->values[index] = "";
        return EXIT_DONE;
    }
    if (value == NULL) {
        /* No value begins with two dashes: an option does, and this one's value was forgotten. */
        if (*at + 1 >= count || strncmp(words[*at + 1], "--", 2) == 0)
            return call_usage(call, "--%s needs a value: %s", row->name, row->value);
        value = words[++*at];
    }
    call->values[index] = value;
    return EXIT_DONE;
}

static unsigned arguments_wanted(const struct command *command, bool optional_too)
{
    unsigned count = 0;

    for (const char *at = command->arguments; at != NULL && *at != '\0'; at += strcspn(at, " "), at += *at == ' ')
        count += optional_too || *at != '[';
    return count;
}

static int check_complete(const struct call *call)
{
    const struct option_row *row = call->command->options;

    if (call->argument_count < arguments_wanted(call->command, false))
        return call_usage(call, "%s needs: %s", call->command->words, call->command->arguments);
    for (unsigned i = 0; row != NULL && row[i].name != NULL; i++)
        if (row[i].required && call->values[i] == NULL)
            return call_usage(call, "%s needs --%s %s (%s)", call->command->words, row[i].name, row[i].value,
                              row[i].help);
    return EXIT_DONE;
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* Words that are no command: of a group, or of nothing. */
static int no_command(const struct call *call, int count, char *const *words)
{
    char name[64] = "";

    if (count == 0)
        return call_usage(call, "which command?");
    if (words[0][0] == '-')
        return call_usage(call, "there is no global option %s", words[0]);
    for (int i = 0; i < count && i < COMMAND_WORDS_MAX && words[i][0] != '-'; i++) {
        size_t used = strlen(name);
        snprintf(name + used, sizeof(name) - used, "%s%s", i > 0 ? " " : "", words[i]);
    }
    if (command_help_group(words[0], NULL) == 0)
        return call_usage(call, "there is no command %s", name);
    if (command_help_group(name, NULL) > 0)
        fprintf(stderr, "tinypartctl: which %s command?\n", name);
    else
        fprintf(stderr, "tinypartctl: there is no command %s; there are\n", name);
    command_help_group(words[0], stderr);
    return EXIT_USAGE;
}

int command_parse(int count, char *const *words, struct call *out, bool *out_help)
{
    int used = 0;
    bool plain = false; /* behind "--": arguments only */

    *out = (struct call){ .command = find(count, words, &used) };
    *out_help = false;
    for (int i = 0; i < count && strcmp(words[i], "--") != 0; i++)
        *out_help |= asks_for_help(words[i]);
    if (*out_help)
        return EXIT_DONE;
    if (out->command == NULL)
        return no_command(out, count, words);
    for (int at = used; at < count; at++) {
        if (!plain && strcmp(words[at], "--") == 0) {
            plain = true;
            continue;
        }
        if (!plain && words[at][0] == '-' && words[at][1] != '\0') {
            int r = take_option(out, count, words, &at);
            if (r != EXIT_DONE)
                return r;
            continue;
        }
        if (words[at][0] == '\0')
            return call_usage(out, "an argument of %s is empty", out->command->words);
        if (out->argument_count == arguments_wanted(out->command, true))
            return call_usage(out, "%s takes no further argument: %s", out->command->words, words[at]);
        out->arguments[out->argument_count++] = words[at];
    }
    return check_complete(out);
}

void command_help(const struct command *command, FILE *out)
{
    const struct option_row *row = command->options;

    fprintf(out, "%s\n\n  tinypartctl %s%s%s%s\n", command->summary, command->words,
            command->arguments != NULL ? " " : "", command->arguments != NULL ? command->arguments : "",
            row != NULL ? " [options]" : "");
    if (row != NULL)
        fputs("\nOptions:\n", out);
    for (; row != NULL && row->name != NULL; row++) {
        char left[64];
        char letter[8] = "";
        if (row->letter != 0)
            snprintf(letter, sizeof(letter), "-%c, ", row->letter);
        snprintf(left, sizeof(left), "%s--%s%s%s", letter, row->name, row->value != NULL ? " " : "",
                 row->value != NULL ? row->value : "");
        fprintf(out, "  %-28s %s%s\n", left, row->help, row->required ? " (required)" : "");
    }
    if (command->examples == NULL)
        return;
    fputs("\nExamples:\n", out);
    for (const char *at = command->examples; *at != '\0';) {
        size_t length = strcspn(at, "\n");
        fprintf(out, "  %.*s\n", (int)length, at);
        at += length + (at[length] == '\n');
    }
}

unsigned command_help_group(const char *prefix, FILE *out)
{
    size_t length = strlen(prefix);
    unsigned count = 0;

    for (size_t i = 0; i < FAMILIES; i++) {
        for (const struct command *command = families[i]; command->words != NULL; command++) {
            char left[96];
            if (length > 0 && (strncmp(command->words, prefix, length) != 0 ||
                               (command->words[length] != ' ' && command->words[length] != '\0')))
                continue;
            count++;
            if (out == NULL)
                continue;
            snprintf(left, sizeof(left), "%s %s", command->words, command->arguments != NULL ? command->arguments : "");
            fprintf(out, "  %-44s %s\n", left, command->summary);
        }
    }
    return count;
}
