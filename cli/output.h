/* output.h - how answers are shown: as tables for people, or as the API's own JSON for programs.
 * A writer is a table of functions, chosen by -o; commands hand it JSON and the columns that people want to see. */
#ifndef TINYPART_CLI_OUTPUT_H
#define TINYPART_CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct column {
    const char *title; /* NULL ends a list */
    const char *path;  /* member, or members with points between: "steps.installed" */
    bool right;        /* numbers */
};

struct output {
    /* Rows of a list: items is an array of objects. On a terminal that is too narrow for them each row is a block of
     * lines instead, a line a column. */
    void (*list)(const struct output *output, const json_t *items, const struct column *columns);
    /* One object. columns NULL: all its members; those that the object does not have are left out. A member that is a
     * list of objects is shown as a table. */
    void (*object)(const struct output *output, const json_t *object, const struct column *columns);
    /* A sentence for people about what was done; programs see nothing of it, they get the object. */
    void (*done)(const struct output *output, const char *format, ...) __attribute__((format(printf, 2, 3)));
    bool is_json;
    size_t width; /* of the terminal that is written to; 0: it is none, and lines may be as long as they need */
    FILE *out;
};

void output_table(struct output *out, FILE *file);
void output_json(struct output *out, FILE *file);

/* Writes text that came from elsewhere to a terminal: control characters become spaces, but for the newlines of texts
 * that have lines. */
void output_text(FILE *out, const char *text, bool has_lines);

/* The value at a path as a person reads it: texts as they are, null "-", switches yes and no, lists with commas,
 * objects as k=v. out is always NUL-terminated; what does not fit is cut. */
void output_value(const json_t *object, const char *path, char *out, size_t capacity);

#endif
