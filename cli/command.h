/* command.h - the table of commands, their options, and the help that teaches them. */
#ifndef TINYPART_CLI_COMMAND_H
#define TINYPART_CLI_COMMAND_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/exits.h"

struct client;
struct output;
struct call;

#define OPTIONS_MAX       24
#define ARGUMENTS_MAX     3
#define COMMAND_WORDS_MAX 3

struct option_row {
    const char *name;  /* "selector" is given as --selector; NULL ends the list */
    char letter;       /* also as -l; 0: none */
    const char *value; /* "L": takes one; NULL: a switch */
    bool required;
    const char *help;
};

struct command {
    const char *words;     /* "tenant key add" */
    const char *arguments; /* "NAME PUB.pem"; a word in [] may be left out */
    const char *summary;
    const struct option_row *options; /* NULL: none */
    const char *examples;             /* one a line */
    int (*run)(struct call *call);    /* gives an exit code */
    bool offline;                     /* needs no daemon */
};

/* One command as it was given. */
struct call {
    const struct command *command;
    const char *arguments[ARGUMENTS_MAX];
    unsigned argument_count;
    const char *values[OPTIONS_MAX]; /* beside command->options; a switch that is set is "" */
    struct client *client;
    struct output *output;
};

/* The value of an option, or NULL where it was not given. */
const char *call_option(const struct call *call, const char *name);
/* An integer option within bounds: EXIT_DONE with *out set (or left alone when not given), or EXIT_USAGE with words
 * said. */
int call_integer(const struct call *call, const char *name, int64_t least, int64_t most, int64_t *out);
/* A duration option ("5m") in milliseconds, likewise. */
int call_duration(const struct call *call, const char *name, int64_t *out_ms);
/* Says on stderr what is wrong with the command line, and how to see its help. Gives EXIT_USAGE. */
int call_usage(const struct call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The command that the first words name, or NULL. */
const struct command *command_find(int count, char *const *words);
/* Splits what stands behind the global options into a call; EXIT_DONE, or EXIT_USAGE with words said. help is set when
 * it was asked for: then out->command is the command, or NULL with the words given so far naming a group. */
int command_parse(int count, char *const *words, struct call *out, bool *out_help);
void command_help(const struct command *command, FILE *out);
/* All commands whose words begin with these; prefix "" is the whole of them, out NULL only counts.
 * Gives how many there are. */
unsigned command_help_group(const char *prefix, FILE *out);

/* The families, each a list that ends with words == NULL. */
extern const struct command system_commands[];
extern const struct command key_commands[];
extern const struct command tenant_commands[];
extern const struct command device_commands[];
extern const struct command image_commands[];
extern const struct command manifest_commands[];
extern const struct command grant_commands[];
extern const struct command rollout_commands[];
extern const struct command policy_commands[];
extern const struct command release_commands[];
extern const struct command schedule_commands[];
extern const struct command export_commands[];
extern const struct command noise_commands[];
extern const struct command privacy_commands[];

#endif
