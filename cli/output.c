/* output.c - the two writers. Tables are laid out by libsmartcols, which knows terminals and widths. */
#include "cli/output.h"

#include <ctype.h>
#include <libsmartcols/libsmartcols.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/lines.h"

enum { VALUE_SIZE = 1024, TITLE_WIDTH = 20 };

/* Names and reasons come from outside: no control character of theirs reaches the terminal, neither ASCII's nor the two
 * bytes that UTF-8 makes of U+0080 to U+009F. */
static char harmless(const char *text, size_t at)
{
    unsigned char here = (unsigned char)text[at];
    unsigned char next = here == '\0' ? 0 : (unsigned char)text[at + 1];
    unsigned char before = at == 0 ? 0 : (unsigned char)text[at - 1];

    if (here < 0x20 || here == 0x7f || (here == 0xc2 && next >= 0x80 && next <= 0x9f) ||
        (before == 0xc2 && here >= 0x80 && here <= 0x9f))
        return ' ';
    return text[at];
}

void output_text(FILE *out, const char *text, bool has_lines)
{
    for (size_t i = 0; text[i] != '\0'; i++)
        fputc(has_lines && text[i] == '\n' ? '\n' : harmless(text, i), out);
}

static void append(char *out, size_t capacity, const char *text)
{
    size_t used = strlen(out);

    for (size_t i = 0; text[i] != '\0' && used + 1 < capacity; i++)
        out[used++] = harmless(text, i);
    out[used] = '\0';
}

static void append_value(const json_t *value, char *out, size_t capacity);

static void append_array(const json_t *array, char *out, size_t capacity)
{
    size_t index;
    json_t *item;

    json_array_foreach(array, index, item)
    {
        if (index > 0)
            append(out, capacity, ",");
        append_value(item, out, capacity);
    }
    if (json_array_size(array) == 0)
        append(out, capacity, "-");
}

static void append_object(const json_t *object, char *out, size_t capacity)
{
    const char *key;
    json_t *item;
    bool first = true;

    json_object_foreach((json_t *)(uintptr_t)object, key, item)
    {
        append(out, capacity, first ? "" : " ");
        append(out, capacity, key);
        append(out, capacity, "=");
        append_value(item, out, capacity);
        first = false;
    }
    if (first)
        append(out, capacity, "-");
}

static void append_value(const json_t *value, char *out, size_t capacity)
{
    char number[32];

    if (value == NULL || json_is_null(value))
        append(out, capacity, "-");
    else if (json_is_string(value))
        append(out, capacity, json_string_length(value) > 0 ? json_string_value(value) : "-");
    else if (json_is_boolean(value))
        append(out, capacity, json_is_true(value) ? "yes" : "no");
    else if (json_is_array(value))
        append_array(value, out, capacity);
    else if (json_is_object(value))
        append_object(value, out, capacity);
    else if (json_is_integer(value)) {
        snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(value));
        append(out, capacity, number);
    } else if (json_is_real(value)) {
        snprintf(number, sizeof(number), "%.15g", json_real_value(value));
        append(out, capacity, number);
    }
}

static const json_t *value_at(const json_t *object, const char *path)
{
    const json_t *value = object;

    for (const char *at = path; value != NULL && *at != '\0';) {
        char key[64];
        size_t length = strcspn(at, ".");
        snprintf(key, sizeof(key), "%.*s", (int)length, at);
        value = json_object_get(value, key);
        at += length + (at[length] == '.');
    }
    return value;
}

void output_value(const json_t *object, const char *path, char *out, size_t capacity)
{
    out[0] = '\0';
    append_value(value_at(object, path), out, capacity);
}

/* How wide a table of these would be. */
static size_t natural_width(const json_t *items, const struct column *columns)
{
    char value[VALUE_SIZE];
    size_t whole = 0, index;
    json_t *item;

    for (const struct column *column = columns; column->title != NULL; column++) {
        size_t width = lines_length(column->title, strlen(column->title));
        json_array_foreach(items, index, item)
        {
            output_value(item, column->path, value, sizeof(value));
            const size_t length = lines_length(value, strlen(value));
            width = length > width ? length : width;
        }
        whole += width + (column != columns);
    }
    return whole;
}

/* A line a column, and a blank line between rows. */
static void print_blocks(const struct output *output, const json_t *items, const struct column *columns)
{
    char value[VALUE_SIZE];
    int width = 0;
    size_t index;
    json_t *item;

    for (const struct column *column = columns; column->title != NULL; column++)
        width = (int)strlen(column->title) > width ? (int)strlen(column->title) : width;
    json_array_foreach(items, index, item)
    {
        if (index > 0)
            fputc('\n', output->out);
        for (const struct column *column = columns; column->title != NULL; column++) {
            output_value(item, column->path, value, sizeof(value));
            fprintf(output->out, "%-*s ", width, column->title);
            lines_print(output->out, value, output->width, (size_t)width + 1, (size_t)width + 1);
        }
    }
}

static void table_list(const struct output *output, const json_t *items, const struct column *columns)
{
    char value[VALUE_SIZE];
    size_t index;
    json_t *item;

    if (output->width > 0 && json_array_size(items) > 0 && natural_width(items, columns) > output->width) {
        print_blocks(output, items, columns);
        return;
    }
    struct libscols_table *table = scols_new_table();
    if (table == NULL)
        return;
    scols_table_set_stream(table, output->out);
    for (const struct column *column = columns; column->title != NULL; column++)
        scols_table_new_column(table, column->title, 0, column->right ? SCOLS_FL_RIGHT : 0);
    json_array_foreach(items, index, item)
    {
        struct libscols_line *line = scols_table_new_line(table, NULL);
        for (size_t i = 0; line != NULL && columns[i].title != NULL; i++) {
            output_value(item, columns[i].path, value, sizeof(value));
            scols_line_set_data(line, i, value);
        }
    }
    if (json_array_size(items) > 0)
        scols_print_table(table);
    else
        fputs("none\n", output->out);
    scols_unref_table(table);
}

enum { MEMBERS_MAX = 8 };

/* Whether a person reads them as numbers: they stand to the right then. */
static bool is_number(const json_t *value)
{
    const char *text = json_string_value(value);

    return json_is_number(value) || (text != NULL && text[0] != '\0' && text[strspn(text, "+-.0123456789")] == '\0');
}

/* A list of objects, below its title: what the first one has, all of them have. */
static void print_rows(const struct output *output, const char *title, const json_t *rows)
{
    struct column columns[MEMBERS_MAX + 1] = { { NULL, NULL, false } };
    char titles[MEMBERS_MAX][32];
    size_t count = 0;
    const char *key;
    json_t *value;

    json_object_foreach(json_array_get(rows, 0), key, value)
    {
        if (count == MEMBERS_MAX)
            break;
        snprintf(titles[count], sizeof(titles[count]), "%s", key);
        for (char *at = titles[count]; *at != '\0'; at++)
            *at = *at == '_' ? ' ' : (char)toupper((unsigned char)*at);
        columns[count] = (struct column){ titles[count], key, is_number(value) };
        count++;
    }
    fprintf(output->out, "%s:\n", title);
    table_list(output, rows, columns);
}

static void print_member(const struct output *output, const char *title, int width, const json_t *value)
{
    char text[VALUE_SIZE] = "";
    char name[64] = "";

    width = width < (int)sizeof(name) ? width : (int)sizeof(name) - 1;
    /* PEM and other texts of several lines stand below their title. */
    if (json_is_string(value) && strchr(json_string_value(value), '\n') != NULL) {
        output_text(output->out, title, false);
        fputs(":\n", output->out);
        output_text(output->out, json_string_value(value), true);
        return;
    }
    if (json_is_object(json_array_get(value, 0))) {
        print_rows(output, title, value);
        return;
    }
    append_value(value, text, sizeof(text));
    append(name, sizeof(name), title);
    if (output->width == 0) {
        fprintf(output->out, "%-*s %s\n", width, name, text);
        return;
    }
    fprintf(output->out, "%-*s ", width, name);
    lines_print(output->out, text, output->width, (size_t)width + 1, (size_t)width + 1);
}

static void table_object(const struct output *output, const json_t *object, const struct column *columns)
{
    const char *key;
    json_t *value;
    int width = TITLE_WIDTH;

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        if (columns == NULL && strlen(key) > (size_t)width)
            width = (int)strlen(key);
    }
    for (const struct column *column = columns; column != NULL && column->title != NULL; column++)
        if (value_at(object, column->path) != NULL)
            print_member(output, column->title, width, value_at(object, column->path));
    if (columns != NULL)
        return;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        print_member(output, key, width, value);
    }
}

static __attribute__((format(printf, 2, 3))) void table_done(const struct output *output, const char *format, ...)
{
    char *sentence = NULL;
    va_list arguments;

    va_start(arguments, format);
    int size = vasprintf(&sentence, format, arguments);
    va_end(arguments);
    if (size < 0)
        return;
    output_text(output->out, sentence, true);
    fputc('\n', output->out);
    free(sentence);
}

void output_table(struct output *out, FILE *file)
{
    *out = (struct output){
        .list = table_list, .object = table_object, .done = table_done, .out = file, .width = lines_terminal(file)
    };
}

static void print_json(const struct output *output, const json_t *value)
{
    json_dumpf(value, output->out, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    fputc('\n', output->out);
}

static void json_list(const struct output *output, const json_t *items, const struct column *columns)
{
    json_t *whole = json_pack("{s:O, s:n}", "items", items, "next");

    (void)columns;
    print_json(output, whole);
    json_decref(whole);
}

static void json_object_(const struct output *output, const json_t *object, const struct column *columns)
{
    (void)columns;
    print_json(output, object);
}

static void json_done(const struct output *output, const char *format, ...)
{
    (void)output;
    (void)format;
}

void output_json(struct output *out, FILE *file)
{
    *out =
        (struct output){ .list = json_list, .object = json_object_, .done = json_done, .is_json = true, .out = file };
}
