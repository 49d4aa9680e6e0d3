/* describe_print.c - a description in words: one line a thing, indented by what it belongs to. */
#include "cli/describe.h"

#include <stdio.h>
#include <string.h>

#include "cli/output.h"

enum { LINE_SIZE = 512, HEX_SHOWN = 64, DEPTH_MAX = 24 };

static void indent(FILE *out, unsigned depth)
{
    fprintf(out, "%*s", (int)(2 * depth), "");
}

/* A text from elsewhere; long hex is cut, lines stay below what they belong to. */
static void print_text(FILE *out, const char *text, unsigned depth)
{
    for (const char *at = text; *at != '\0';) {
        char line[LINE_SIZE];
        size_t length = strcspn(at, "\n");
        size_t shown = length < sizeof(line) ? length : sizeof(line) - 1;

        memcpy(line, at, shown);
        line[shown] = '\0';
        output_text(out, line, false);
        at += length;
        if (*at == '\n') {
            at++;
            fputc('\n', out);
            indent(out, depth);
        }
    }
}

static void print_hex(FILE *out, const char *hex)
{
    size_t size = strlen(hex) / 2;

    if (size * 2 > HEX_SHOWN)
        fprintf(out, "%.*s... (%zu bytes)", HEX_SHOWN, hex, size);
    else
        fprintf(out, "%s", hex);
}

static bool is_plain(const json_t *json)
{
    size_t i = 0;
    const json_t *entry = NULL;

    if (!json_is_array(json))
        return !json_is_object(json) || json_object_get(json, "hex") != NULL || json_object_get(json, "cbor") != NULL ||
               json_object_get(json, "digest-bytes") != NULL || json_object_get(json, "text") != NULL ||
               json_object_get(json, "comparison") != NULL;
    json_array_foreach(json, i, entry)
    {
        if (!json_is_integer(entry) && !json_is_string(entry) && json_object_get(entry, "text") == NULL)
            return false;
    }
    return true;
}

static void print_plain(FILE *out, const json_t *json, unsigned depth)
{
    const json_t *hex = json_object_get(json, "hex");
    const json_t *text = json_object_get(json, "text");
    size_t i = 0;
    const json_t *entry = NULL;

    if (json_is_string(json))
        print_text(out, json_string_value(json), depth);
    else if (json_is_integer(json))
        fprintf(out, "%lld", (long long)json_integer_value(json));
    else if (json_is_boolean(json))
        fprintf(out, "%s", json_is_true(json) ? "yes" : "no");
    else if (json_is_null(json))
        fprintf(out, "nothing");
    else if (text != NULL)
        print_text(out, json_string_value(text), depth);
    else if (hex != NULL)
        print_hex(out, json_string_value(hex));
    else if (json_object_get(json, "cbor") != NULL) {
        fprintf(out, "CBOR ");
        print_hex(out, json_string_value(json_object_get(json, "cbor")));
    } else if (json_object_get(json, "digest-bytes") != NULL)
        fprintf(out, "%s %s", json_string_value(json_object_get(json, "algorithm-id")),
                json_string_value(json_object_get(json, "digest-bytes")));
    else if (json_object_get(json, "comparison") != NULL) {
        fprintf(out, "%s ", json_string_value(json_object_get(json, "comparison")));
        print_plain(out, json_object_get(json, "version"), depth);
    }
    json_array_foreach(json, i, entry)
    {
        fprintf(out, "%s", i > 0 ? "/" : "");
        print_plain(out, entry, depth);
    }
}

static void print_value(FILE *out, const char *name, json_t *json, unsigned depth);

static void print_policy(FILE *out, json_int_t policy)
{
    static const char *const words[] = { "record on success", "record on failure", "system information on success",
                                         "system information on failure" };
    bool first = true;

    if (policy == SUIT_POLICY_MAX) {
        fprintf(out, "report everything\n");
        return;
    }
    fprintf(out, "report ");
    for (unsigned i = 0; i < 4; i++) {
        if ((policy >> i & 1) == 0)
            continue;
        fprintf(out, "%s%s", first ? "" : ", ", words[i]);
        first = false;
    }
    fprintf(out, "%s\n", first ? "nothing" : "");
}

static void print_command(FILE *out, const json_t *command, unsigned depth)
{
    const char *name = json_string_value(json_object_get(command, "command-id"));
    const struct suit_command_row *row = name == NULL ? NULL : suit_command_named(bytes_of_text(name));
    json_t *argument = json_object_get(command, "command-arg");

    if (row != NULL && row->takes == SUIT_TAKES_POLICY && json_is_integer(argument)) {
        indent(out, depth);
        fprintf(out, "%s: ", name);
        print_policy(out, json_integer_value(argument));
    } else if (row != NULL && row->takes == SUIT_TAKES_INDEX && json_is_true(argument)) {
        indent(out, depth);
        fprintf(out, "%s: all\n", name);
    } else {
        print_value(out, name, argument, depth);
    }
}

static void print_list(FILE *out, json_t *list, unsigned depth)
{
    size_t i = 0;
    json_t *entry = NULL;

    json_array_foreach(list, i, entry)
    {
        char name[32];
        if (json_object_get(entry, "command-id") != NULL) {
            print_command(out, entry, depth);
            continue;
        }
        snprintf(name, sizeof(name), "%zu", i);
        print_value(out, name, entry, depth);
    }
}

static void print_value(FILE *out, const char *name, json_t *json, unsigned depth)
{
    const char *member = NULL;
    json_t *value = NULL;

    if (depth > DEPTH_MAX)
        return;
    indent(out, depth);
    output_text(out, name, false);
    fputc(':', out);
    if (is_plain(json)) {
        fputc(' ', out);
        print_plain(out, json, depth + 1);
        fputc('\n', out);
        return;
    }
    fputc('\n', out);
    print_list(out, json, depth + 1);
    json_object_foreach(json, member, value) print_value(out, member, value, depth + 1);
}

void describe_print(json_t *description, FILE *out)
{
    const char *name = NULL;
    json_t *value = NULL;

    json_object_foreach(description, name, value) print_value(out, name, value, 0);
}
