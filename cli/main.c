/* main.c - global options, then one command of the table. */
#include <string.h>

#include "cli/command.h"
#include "cli/globals.h"
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
    "  -o table|json       how to print: for people, or the API's own JSON; may stand behind the command, too\n"
    "  --help              of this program, a group (tinypartctl rollout --help) or a command\n"
    "  --version           of this program alone, without asking the daemon\n"
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

    int r = globals_take(count, words, &globals, &at);
    if (r != EXIT_DONE)
        return r;
    int left = count - at;
    if (left == 1 && strcmp(words[at], "--version") == 0)
        return puts("tinypartctl " TINYPART_VERSION) < 0 ? EXIT_FAULT : EXIT_DONE;
    r = globals_take_output(&left, words + at, &globals);
    if (r == EXIT_DONE)
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
