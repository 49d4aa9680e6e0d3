/* describe_steps.c - sequences that a description writes out: a list of commands by their names.
 * { "command-id": "directive-fetch", "command-arg": 2, "component-id": ["00"] }: without command-arg a condition or
 * directive reports as the drafts' examples do; component-id (or component-index) selects what it is about. */
#include "cli/describe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/text.h"

enum { VALUES_MAX = 32, LIST_MAX = 32 };

/* "uri", or the negative number of a private parameter. */
static int parameter_named(struct describer *describer, const char *name, int64_t *out)
{
    const struct suit_parameter_row *row = name == NULL ? NULL : suit_parameter_named(bytes_of_text(name));

    if (row != NULL) {
        *out = row->number;
        return 0;
    }
    if (name != NULL && integer_parse(name, INT64_MIN, -1, out) == 0)
        return 0;
    return describer_refuse(describer, "see the list in the README of the command line", "%s is no parameter",
                            name != NULL ? name : "this");
}

static int read_values(struct describer *describer, json_t *json, struct suit_value *out, size_t *out_count)
{
    const char *name = NULL;
    json_t *value = NULL;

    *out_count = 0;
    if (!json_is_object(json) || json_object_size(json) > VALUES_MAX)
        return describer_refuse(describer, "write { \"uri\": ... }", "this is no object of up to %d parameters",
                                VALUES_MAX);
    json_object_foreach(json, name, value)
    {
        size_t mark = describer_down(describer, name, 0);
        int64_t parameter = 0;
        int r = parameter_named(describer, name, &parameter);
        if (r == 0)
            r = describe_value(describer, parameter, value, &out[(*out_count)++]);
        if (r != 0)
            return r;
        describer_up(describer, mark);
    }
    return 0;
}

static int write_parameters(struct describer *describer, struct described *described, int64_t command, json_t *json)
{
    struct suit_value values[VALUES_MAX];
    size_t count = 0;

    int r = read_values(describer, json, values, &count);
    if (r == 0)
        suit_script_parameters(&described->script, command, values, count);
    return r;
}

static int read_index(struct describer *describer, const char *text, uint64_t *out)
{
    int64_t index = 0;

    if (integer_parse(text, 0, INT64_MAX, &index) != 0)
        return describer_refuse(describer, "write { \"0\": ... }", "%s is no component index", text);
    *out = (uint64_t)index;
    return 0;
}

static int by_index(const void *a, const void *b)
{
    const uint64_t *one = a;
    const uint64_t *other = b;

    return (*one > *other) - (*one < *other);
}

static int write_multiple(struct describer *describer, struct described *described, json_t *json)
{
    struct suit_values rows[SUIT_AUTHOR_COMPONENTS];
    size_t count = 0;
    const char *name = NULL;
    json_t *value = NULL;

    json_object_foreach(json, name, value)
    {
        size_t mark = describer_down(describer, name, 0);
        struct suit_value *values = describer_take(describer, VALUES_MAX * sizeof(*values));
        if (values == NULL)
            return -ENOMEM;
        if (count == SUIT_AUTHOR_COMPONENTS)
            return describer_refuse(describer, NULL, "too many components");
        rows[count].values = values;
        int r = read_index(describer, name, &rows[count].index);
        if (r == 0)
            r = read_values(describer, value, values, &rows[count].count);
        if (r != 0)
            return r;
        count++;
        describer_up(describer, mark);
    }
    qsort(rows, count, sizeof(rows[0]), by_index); /* the index stands first */
    suit_script_override_multiple(&described->script, rows, count);
    return 0;
}

static int read_copies(struct describer *describer, const json_t *json, struct suit_copies *out)
{
    int64_t *list = describer_take(describer, LIST_MAX * sizeof(*list));
    size_t i = 0;
    const json_t *name = NULL;

    if (list == NULL)
        return -ENOMEM;
    if (!json_is_array(json) || json_array_size(json) > LIST_MAX)
        return describer_refuse(describer, "write [\"uri\", \"image-digest\"]", "this is no list of parameters");
    out->parameters = list;
    out->count = 0;
    json_array_foreach(json, i, name)
    {
        int r = parameter_named(describer, json_string_value(name), &list[out->count++]);
        if (r != 0)
            return r;
    }
    return 0;
}

static int write_copies(struct describer *describer, struct described *described, json_t *json)
{
    struct suit_copies rows[SUIT_AUTHOR_COMPONENTS];
    size_t count = 0;
    const char *name = NULL;
    json_t *value = NULL;

    json_object_foreach(json, name, value)
    {
        size_t mark = describer_down(describer, name, 0);
        if (count == SUIT_AUTHOR_COMPONENTS)
            return describer_refuse(describer, NULL, "too many components");
        int r = read_index(describer, name, &rows[count].index);
        if (r == 0)
            r = read_copies(describer, value, &rows[count]);
        if (r != 0)
            return r;
        count++;
        describer_up(describer, mark);
    }
    qsort(rows, count, sizeof(rows[0]), by_index);
    suit_script_copy_params(&described->script, rows, count);
    return 0;
}

/* One index, a list of them, or true. */
static int write_index(struct describer *describer, struct described *described, const json_t *json)
{
    uint64_t indices[SUIT_AUTHOR_COMPONENTS + SUIT_AUTHOR_DEPENDENCIES];
    bool is_list = json_is_array(json) && json_array_size(json) > 0 && !json_is_string(json_array_get(json, 0)) &&
                   !json_is_object(json_array_get(json, 0));
    size_t count = 0;
    size_t i = 0;
    const json_t *entry = NULL;
    int r = 0;

    if (is_list && json_array_size(json) > sizeof(indices) / sizeof(indices[0]))
        return describer_refuse(describer, NULL, "these are too many components");
    if (is_list) {
        json_array_foreach(json, i, entry)
        {
            r = describe_index(describer, entry, &indices[count++]);
            if (r != 0)
                return r;
        }
    } else if (!json_is_true(json)) {
        r = describe_index(describer, json, &indices[count++]);
    }
    if (r != 0)
        return r;
    suit_script_index(&described->script, indices, count);
    described->knows_index = count == 1;
    described->index = count == 1 ? indices[0] : 0;
    return 0;
}

static int write_commands(struct describer *describer, struct described *described, const json_t *json);

static int write_tries(struct describer *describer, struct described *described, const json_t *json)
{
    bool or_nothing = false;
    size_t i = 0;
    const json_t *branch = NULL;

    suit_script_try_begin(&described->script);
    json_array_foreach(json, i, branch)
    {
        size_t mark = describer_down(describer, NULL, i);
        if (json_is_null(branch) && i + 1 == json_array_size(json)) {
            or_nothing = true;
        } else {
            suit_script_branch_begin(&described->script);
            int r = write_commands(describer, described, branch);
            if (r != 0)
                return r;
            suit_script_branch_end(&described->script);
        }
        describer_up(describer, mark);
    }
    suit_script_try_end(&described->script, or_nothing);
    described->knows_index = false; /* which branch was run is not known here */
    return 0;
}

static int write_run(struct describer *describer, struct described *described, const json_t *json)
{
    suit_script_run_begin(&described->script);
    int r = write_commands(describer, described, json);
    suit_script_run_end(&described->script);
    return r;
}

static int write_policy(struct describer *describer, struct described *described, const struct suit_command_row *row,
                        const json_t *json)
{
    json_int_t policy = json_is_integer(json) ? json_integer_value(json) : row->policy;

    if ((json != NULL && !json_is_null(json) && !json_is_integer(json)) || policy < 0 || policy > SUIT_POLICY_MAX)
        return describer_refuse(describer,
                                "add 1 for a record on success, 2 on failure, 4 and 8 for system information likewise",
                                "this is no reporting policy");
    suit_script_command(&described->script, row->number, (uint64_t)policy);
    return 0;
}

static int write_argument(struct describer *describer, struct described *described, const struct suit_command_row *row,
                          json_t *json)
{
    switch (row->takes) {
    case SUIT_TAKES_POLICY:
        return write_policy(describer, described, row, json);
    case SUIT_TAKES_INDEX:
        return write_index(describer, described, json);
    case SUIT_TAKES_PARAMETERS:
        return write_parameters(describer, described, row->number, json);
    case SUIT_TAKES_SEQUENCE:
        return write_run(describer, described, json);
    case SUIT_TAKES_TRIES:
        return write_tries(describer, described, json);
    case SUIT_TAKES_MULTIPLE:
        return write_multiple(describer, described, json);
    case SUIT_TAKES_COPIES:
        return write_copies(describer, described, json);
    }
    return -EINVAL;
}

/* The component that a command names for itself. */
static int select_component(struct describer *describer, struct described *described, const json_t *json)
{
    const json_t *id = json_object_get(json, "component-id");
    const json_t *index = json_object_get(json, "component-index");
    const json_t *which = id != NULL ? id : index;
    uint64_t number = 0;

    if (which == NULL)
        return 0;
    size_t mark = describer_down(describer, id != NULL ? "component-id" : "component-index", 0);
    if (index != NULL && (json_is_true(index) || json_is_array(index))) {
        int r = write_index(describer, described, index);
        if (r == 0)
            describer_up(describer, mark);
        return r;
    }
    int r = describe_index(describer, which, &number);
    if (r != 0)
        return r;
    described_at(described, number);
    describer_up(describer, mark);
    return 0;
}

/* A private command, by its negative number. */
static int write_private(struct describer *describer, struct described *described, const char *name, const json_t *json)
{
    struct bytes argument;
    int64_t number = 0;

    if (name == NULL || integer_parse(name, INT64_MIN, -1, &number) != 0)
        return describer_refuse(describer, "write { \"command-id\": \"directive-fetch\" }; the README has the list",
                                "%s is no command", name != NULL ? name : "this");
    int r = describe_item(describer, json, &argument);
    if (r == 0)
        suit_script_custom(&described->script, number, argument);
    return r;
}

static int write_one(struct describer *describer, struct described *described, const json_t *json)
{
    const char *name = json_string_value(json_object_get(json, "command-id"));
    const struct suit_command_row *row = name == NULL ? NULL : suit_command_named(bytes_of_text(name));

    int r = select_component(describer, described, json);
    if (r != 0)
        return r;
    size_t mark = describer_down(describer, row != NULL ? "command-arg" : "command-id", 0);
    r = row == NULL ? write_private(describer, described, name, json_object_get(json, "command-arg"))
                    : write_argument(describer, described, row, json_object_get(json, "command-arg"));
    if (r == 0)
        r = describe_refused(describer, described->script.refusal);
    if (r == 0)
        describer_up(describer, mark);
    return r;
}

static int write_commands(struct describer *describer, struct described *described, const json_t *json)
{
    size_t i = 0;
    const json_t *command = NULL;

    if (!json_is_array(json) || json_array_size(json) == 0)
        return describer_refuse(describer, "write [{ \"command-id\": \"condition-image-match\" }]",
                                "this is no list of commands");
    json_array_foreach(json, i, command)
    {
        size_t mark = describer_down(describer, NULL, i);
        int r = write_one(describer, described, command);
        if (r != 0)
            return r;
        describer_up(describer, mark);
    }
    return 0;
}

int describe_sequence(struct describer *describer, const json_t *json, struct bytes *out)
{
    struct described described;

    int r = described_begin(describer, &described);
    if (r == 0)
        r = write_commands(describer, &described, json);
    return r != 0 ? r : described_end(describer, &described, out);
}
