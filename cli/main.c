/* main.c - global options, then one command of the table. */
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/output.h"

static const char usage_head[] =
    "tinypartctl - the command line of tinypartd\n"
    "\n"
    "  tinypartctl [global options] COMMAND [arguments] [options]\n"
    "\n"
    "Global options:\n"
    "  --socket PATH       the daemon's Unix socket (else TINYPART_SOCKET, else " CLIENT_SOCKET ")\n"
    "  --url URL           talk to https://HOST:PORT instead (else TINYPART_URL)\n"
    "  --token-file FILE   bearer token for --url (else the text in TINYPART_TOKEN)\n"
    "  --ca-file FILE      certificates to believe for --url (else the system's)\n"
    "  -o table|json       how to print: for people, or the API's own JSON\n"
    "  --help              of this program, a group (tinypartctl rollout --help) or a command\n"
    "\n"
    "Commands:\n";

static const char usage_tail[] =
    "\n"
    "Exit codes: 0 done; 1 refused; 2 wrong command line; 3 daemon not reached; 4 a watched rollout ended with "
    "devices\n"
    "that do not have the image; 5 this program or its machine failed.\n"
    "\n"
    "Examples:\n"
    "  tinypartctl status\n"
    "  tinypartctl image sign thermo.rbpf --name thermo --version 1.2 --type bpf --key acme.pem -o thermo.suit\n"
    "  tinypartctl rollout create --tenant acme --image thermo:1.2 --selector site=lyon --slot 0 --watch\n"
    "  tinypartctl release create --tenant acme --query mean --sensor temperature --selector site=lyon --epsilon 0.5\n";

struct globals {
    struct client_settings client;
    char token[192];
    bool json;
};

/* Where the commands' own words begin; global options stand before them, -o anywhere. */
static int take_globals(int count, char **words, struct globals *out, int *out_at)
{
    static const char *const names[] = { "--socket", "--url", "--token-file", "--ca-file", "-o" };
    const char *values[5] = { 0 };
    int at = 1;

    for (; at < count && words[at][0] == '-'; at++) {
        size_t i = 0;
        while (i < 5 && strcmp(words[at], names[i]) != 0)
            i++;
        if (i == 5)
            break; /* --help, or a mistake that command_parse() names */
        if (at + 1 == count) {
            fprintf(stderr, "tinypartctl: %s needs a value\nSee: tinypartctl --help\n", names[i]);
            return EXIT_USAGE;
        }
        values[i] = words[++at];
    }
    *out_at = at;
    const char *socket = getenv("TINYPART_SOCKET");
    out->client.socket = values[0] != NULL ? values[0] : socket != NULL ? socket : CLIENT_SOCKET;
    out->client.url = values[1] != NULL ? values[1] : values[0] != NULL ? NULL : getenv("TINYPART_URL");
    out->client.token = getenv("TINYPART_TOKEN");
    out->client.ca_file = values[3];
    if (values[4] != NULL && strcmp(values[4], "json") != 0 && strcmp(values[4], "table") != 0) {
        fprintf(stderr, "tinypartctl: -o takes table or json, not %s\n", values[4]);
        return EXIT_USAGE;
    }
    out->json = values[4] != NULL && strcmp(values[4], "json") == 0;
    if (values[2] == NULL)
        return EXIT_DONE;
    FILE *file = fopen(values[2], "r");
    if (file == NULL || fgets(out->token, sizeof(out->token), file) == NULL) {
        fprintf(stderr, "tinypartctl: the token file %s cannot be read\n", values[2]);
        if (file != NULL)
            fclose(file);
        return EXIT_USAGE;
    }
    fclose(file);
    out->token[strcspn(out->token, "\r\n")] = '\0';
    out->client.token = out->token;
    return EXIT_DONE;
}

/* "-o json" behind the command chooses the writer, unless the command has an option -o of its own (a file to write). */
static int take_trailing_output(int count, char **words, const struct command *command, struct globals *globals)
{
    int kept = 0;

    for (const struct option_row *row = command == NULL ? NULL : command->options; row != NULL && row->name != NULL;
         row++)
        if (row->letter == 'o')
            return count;
    for (int at = 0; at < count; at++) {
        if (strcmp(words[at], "-o") == 0 && at + 1 < count &&
            (strcmp(words[at + 1], "json") == 0 || strcmp(words[at + 1], "table") == 0)) {
            globals->json = strcmp(words[++at], "json") == 0;
            continue;
        }
        words[kept++] = words[at];
    }
    return kept;
}

static int show_help(const struct call *call, int count, char *const *words)
{
    char prefix[64] = "";

    if (call->command != NULL) {
        command_help(call->command, stdout);
        return EXIT_DONE;
    }
    for (int i = 0; i < count && words[i][0] != '-'; i++) {
        strncat(prefix, i > 0 ? " " : "", sizeof(prefix) - strlen(prefix) - 1);
        strncat(prefix, words[i], sizeof(prefix) - strlen(prefix) - 1);
    }
    if (prefix[0] == '\0') {
        fputs(usage_head, stdout);
        command_help_group("", stdout);
        fputs(usage_tail, stdout);
        return EXIT_DONE;
    }
    if (command_help_group(prefix, stdout) > 0)
        return EXIT_DONE;
    fprintf(stderr, "tinypartctl: there is no command %s\nSee: tinypartctl --help\n", prefix);
    return EXIT_USAGE;
}

int main(int count, char **words)
{
    struct globals globals = { 0 };
    struct output output;
    struct call call;
    bool help = false;
    int at = 1;

    int r = take_globals(count, words, &globals, &at);
    if (r != EXIT_DONE)
        return r;
    int left = count - at;
    left = take_trailing_output(left, words + at, command_find(left, words + at), &globals);
    r = command_parse(left, words + at, &call, &help);
    if (r != EXIT_DONE)
        return r;
    if (help)
        return show_help(&call, left, words + at);
    if (globals.json)
        output_json(&output, stdout);
    else
        output_table(&output, stdout);
    call.output = &output;
    if (!call.command->offline)
        r = client_new(&globals.client, &call.client);
    if (r == EXIT_DONE)
        r = call.command->run(&call);
    client_free(call.client);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fputs("tinypartctl: the output cannot be written\n", stderr);
        return EXIT_FAULT;
    }
    return r;
}
