/* common.h - what most commands do: list, show, create, and read or write a file. */
#ifndef TINYPART_CLI_COMMON_H
#define TINYPART_CLI_COMMON_H

#include "cli/client.h"
#include "cli/command.h"
#include "cli/output.h"

/* Row of the option that every list has. */
#define OPTION_LIMIT                                \
    {                                               \
        "limit", 0, "N", false, "stop after N rows" \
    }

/* GET of a paged list, shown with these columns; honours --limit. */
int common_list(struct call *call, const struct path *path, const struct column *columns);
/* GET of one object (columns NULL: all members). */
int common_show(struct call *call, const struct path *path, const struct column *columns);
/* Request with a body; the reply, if any, goes to *out_reply. Takes body over. */
int common_send(struct call *call, const char *method, const struct path *path, json_t *body, json_t **out_reply);
/* As above, then prints the reply as JSON, or as the sentence for people. Takes body over. */
int common_do(struct call *call, const char *method, const struct path *path, json_t *body, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Sets body[member] to an option's text where it was given. */
void common_put(const struct call *call, json_t *body, const char *option, const char *member);
/* The same for a comma list, as an array of texts. */
void common_put_list(const struct call *call, json_t *body, const char *option, const char *member);
/* The same for a point in time: RFC 3339, a date, or relative to now ("-1h"). EXIT_DONE or EXIT_USAGE. */
int common_put_time(const struct call *call, json_t *body, const char *option, const char *member);
/* The same for a duration, in milliseconds, and for an integer within bounds. */
int common_put_duration(const struct call *call, json_t *body, const char *option, const char *member);
int common_put_integer(const struct call *call, json_t *body, const char *option, const char *member, int64_t least,
                       int64_t most);
/* What a release and a schedule ask alike: of whom, of which sensor, in which way, at which cost. EXIT_DONE or
 * EXIT_USAGE. */
int common_put_question(const struct call *call, json_t *body);
/* The options of it that mean the same in both; what is spent, each says for itself. */
#define COMMON_QUESTION_OPTIONS                                                                            \
    { "mechanism", 0, "M", false, "laplace or gaussian; else what epsilon or rho says" },                  \
        { "edges", 0, "LIST", false, "of a histogram's bins, as 0,10,20,30" },                             \
        { "at", 0, "LIST", false, "which quantiles, as 0.25,0.5,0.75" },                                   \
        { "categories", 0, "LIST", false, "values that top may name, as 1,2,3; with --by as lyon,lille" }, \
        { "by", 0, "LABEL", false, "top counts readings by this label of their devices, as site" },        \
        { "top", 0, "K", false, "how many of them, else 10" },                                             \
    {                                                                                                      \
        "step", 0, "DURATION", false, "of running-count: how often it counts, as 1h; divides the epoch"    \
    }

enum { COMMON_PEM_MAX = 16384 };

/* A whole file ("-": standard input) of at most most bytes; *out is the caller's to free. Exit codes, words said. */
int common_read(const char *path, size_t most, uint8_t **out, size_t *out_size);
/* Writes a file anew (mode 0644; through a temporary one, so that it is whole or not there). */
int common_write(const char *path, struct bytes content);
struct public_key;
/* A public key in a PEM file. */
int common_read_public(const char *file, struct public_key *out);

/* A text member of a reply; "?" where the daemon left it out. */
const char *common_text(const json_t *object, const char *member);

/* Splits "NAME:VERSION" in place of the reader: EXIT_DONE or EXIT_USAGE. */
int common_split_image(const struct call *call, const char *text, char name[64], char version[40]);

/* Words of a refusal or fault of an offline step; gives the exit code for it. 0 gives EXIT_DONE. */
int common_outcome(int r, const struct why *why);

#endif
