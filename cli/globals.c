/* globals.c - global options, then what the environment says in their place. */
#include "cli/globals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"

enum global { SOCKET, URL, TOKEN_FILE, CA_FILE, OUTPUT, GLOBALS };

static const char *const names[GLOBALS] = { "--socket", "--url", "--token-file", "--ca-file", "-o" };

/* Which of them a word is, with the value behind "=" if any; GLOBALS: none. */
static enum global global_of(const char *word, const char **out_inline)
{
    *out_inline = NULL;
    for (enum global i = 0; i < GLOBALS; i++) {
        size_t length = strlen(names[i]);
        if (strncmp(word, names[i], length) != 0)
            continue;
        if (word[length] == '\0')
            return i;
        if (word[length] == '=') {
            *out_inline = word + length + 1;
            return i;
        }
    }
    return GLOBALS;
}

bool globals_has(const char *word)
{
    const char *value;

    return global_of(word, &value) != GLOBALS;
}

static int usage(const char *words, const char *value)
{
    fprintf(stderr, "tinypartctl: %s%s\nSee: tinypartctl --help\n", words, value);
    return EXIT_USAGE;
}

/* What the environment says; an empty variable says nothing. */
static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

static int choose_writer(const char *name, struct globals *globals)
{
    if (strcmp(name, "json") != 0 && strcmp(name, "table") != 0)
        return usage("-o takes table or json, not ", name);
    globals->json = strcmp(name, "json") == 0;
    return EXIT_DONE;
}

static int read_token(const char *path, struct globals *globals)
{
    FILE *file = fopen(path, "re");
    bool got = file != NULL && fgets(globals->token, sizeof(globals->token), file) != NULL;

    if (!got)
        fprintf(stderr, "tinypartctl: the token file %s cannot be read: %s\n", path,
                file == NULL || ferror(file) ? strerror(errno) : "it is empty");
    if (file != NULL)
        fclose(file);
    globals->token[strcspn(globals->token, "\r\n")] = '\0';
    globals->client.token = globals->token;
    return got ? EXIT_DONE : EXIT_USAGE;
}

static int settle(const char *const values[GLOBALS], struct globals *out)
{
    const char *socket = environment("TINYPART_SOCKET");
    int r = EXIT_DONE;

    if (values[SOCKET] != NULL && values[URL] != NULL)
        return usage("--socket and --url name two daemons: give one of them", "");
    out->client.socket = values[SOCKET] != NULL ? values[SOCKET] : socket != NULL ? socket : CLIENT_SOCKET;
    if (values[SOCKET] == NULL)
        out->client.url = values[URL] != NULL ? values[URL] : environment("TINYPART_URL");
    out->client.token = environment("TINYPART_TOKEN");
    out->client.ca_file = values[CA_FILE];
    if (values[OUTPUT] != NULL)
        r = choose_writer(values[OUTPUT], out);
    if (r == EXIT_DONE && values[TOKEN_FILE] != NULL)
        r = read_token(values[TOKEN_FILE], out);
    return r;
}

int globals_take(int count, char **words, struct globals *out, int *out_at)
{
    const char *values[GLOBALS] = { NULL };
    int at = 1;

    for (; at < count && words[at][0] == '-'; at++) {
        const char *value;
        enum global which = global_of(words[at], &value);
        if (which == GLOBALS)
            break; /* --help, or a mistake that command_parse() names */
        if (value == NULL && at + 1 == count)
            return usage(names[which], " needs a value");
        values[which] = value != NULL ? value : words[++at];
        if (values[which][0] == '\0')
            return usage(names[which], " needs a value that is not empty");
    }
    *out_at = at;
    return settle(values, out);
}

int globals_take_output(int *count, char **words, struct globals *globals)
{
    const struct command *command = command_find(*count, words);
    int kept = 0;
    int r = EXIT_DONE;

    for (const struct option_row *row = command == NULL ? NULL : command->options; row != NULL && row->name != NULL;
         row++)
        if (row->letter == 'o')
            return EXIT_DONE;
    for (int at = 0; at < *count; at++) {
        if (strcmp(words[at], "--") == 0) { /* arguments only from here */
            while (at < *count)
                words[kept++] = words[at++];
            break;
        }
        if (strcmp(words[at], "-o") != 0) {
            words[kept++] = words[at];
            continue;
        }
        r = at + 1 == *count ? usage("-o needs a value: table or json", "") : choose_writer(words[++at], globals);
        if (r != EXIT_DONE)
            return r;
    }
    *count = kept;
    return EXIT_DONE;
}
