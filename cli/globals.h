/* globals.h - the options of the program itself: which daemon, as whom, and how to print. */
#ifndef TINYPART_CLI_GLOBALS_H
#define TINYPART_CLI_GLOBALS_H

#include <stdbool.h>

#include "cli/client.h"

struct globals {
    struct client_settings client;
    char token[256];
    bool json;
};

/* Takes the global options that stand before the command; *out_at is where its words begin. EXIT_DONE, or EXIT_USAGE
 * with words said. client borrows from words, the environment and *out. */
int globals_take(int count, char **words, struct globals *out, int *out_at);

/* Takes "-o json" out of the words of a command (which begin the array), unless that command has an option -o of its
 * own, a file to write. *count shrinks by what was taken. */
int globals_take_output(int *count, char **words, struct globals *globals);

/* Is it one of them? They are not looked for behind the command, where some have namesakes. */
bool globals_has(const char *word);

#endif
