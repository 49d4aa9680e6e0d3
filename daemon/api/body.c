#include "daemon/api/body.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "daemon/base/buffer.h"
#include "daemon/base/text.h"

static int refuse_kind(struct why *why, const struct field *field, const char *wanted)
{
    return refuse(why, REFUSED_INVALID, field->name, NULL, "%s must be %s", field->name, wanted);
}

static int keep_text(struct body *body, struct buffer *text, const char **out)
{
    if (text->fault != 0)
        return text->fault;
    if (body->owned_count == BODY_OWNED_MAX)
        return -ENOBUFS;
    char *stolen = buffer_steal(text);
    if (stolen == NULL)
        stolen = strdup("");
    if (stolen == NULL)
        return -ENOMEM;
    body->owned[body->owned_count++] = stolen;
    *out = stolen;
    return 0;
}

static int take_text(const struct field *field, const json_t *value, const char **out, struct why *why)
{
    if (!json_is_string(value))
        return refuse_kind(why, field, "text");
    size_t size = json_string_length(value);
    if ((int64_t)size < field->least)
        return refuse(why, REFUSED_INVALID, field->name, NULL, "%s must not be empty", field->name);
    if (field->most != 0 && (int64_t)size > field->most)
        return refuse(why, REFUSED_INVALID, field->name, NULL, "%s has %zu bytes; it may have %" PRId64, field->name,
                      size, field->most);
    *out = json_string_value(value);
    return 0;
}

static int take_integer(const struct field *field, const json_t *value, int64_t *out, struct why *why)
{
    if (!json_is_integer(value))
        return refuse_kind(why, field, "a whole number");
    int64_t number = json_integer_value(value);
    if (number < field->least || number > field->most)
        return refuse(why, REFUSED_INVALID, field->name, NULL,
                      "%s is %" PRId64 "; it must be from %" PRId64 " to %" PRId64, field->name, number, field->least,
                      field->most);
    *out = number;
    return 0;
}

static int take_time(const struct field *field, const json_t *value, int64_t *out, struct why *why)
{
    if (!json_is_string(value) || time_parse(json_string_value(value), out) != 0)
        return refuse_kind(why, field, "a time such as \"2026-11-21T08:00:00Z\", or a date");
    return 0;
}

static int take_epsilon(const struct field *field, const json_t *value, int64_t *out, struct why *why)
{
    int64_t ueps;

    if (!json_is_string(value) || fixed_parse(json_string_value(value), 6, &ueps) != 0 || ueps < 0)
        return refuse_kind(why, field,
                           "decimal text such as \"0.25\", not negative, of at most six digits behind the "
                           "point");
    *out = ueps;
    return 0;
}

static int take_list(const struct field *field, const json_t *value, struct body *body, const char **out,
                     struct why *why)
{
    struct buffer text;
    size_t index;
    const json_t *item;

    if (!json_is_array(value))
        return refuse_kind(why, field, "an array of texts");
    buffer_init(&text, (size_t)field->most);
    json_array_foreach(value, index, item)
    {
        const char *part = json_string_value(item);
        if (part == NULL || *part == '\0' || strchr(part, ',') != NULL) {
            buffer_deinit(&text);
            return refuse_kind(why, field, "an array of texts, none of them empty or with a comma");
        }
        buffer_text(&text, index > 0 ? "," : "");
        buffer_text(&text, part);
    }
    int r = keep_text(body, &text, out);
    buffer_deinit(&text);
    if (r == -E2BIG)
        return refuse(why, REFUSED_INVALID, field->name, NULL, "%s is longer than %" PRId64 " bytes", field->name,
                      field->most);
    return r;
}

static int take_object(const struct field *field, const json_t *value, struct body *body, const char **out,
                       struct why *why)
{
    if (!json_is_object(value))
        return refuse_kind(why, field, "an object");
    if (body->owned_count == BODY_OWNED_MAX)
        return -ENOBUFS;
    char *text = json_dumps(value, JSON_COMPACT);
    if (text == NULL)
        return -ENOMEM;
    body->owned[body->owned_count++] = text;
    if (field->most != 0 && (int64_t)strlen(text) > field->most)
        return refuse(why, REFUSED_INVALID, field->name, NULL, "%s has %zu bytes; it may have %" PRId64, field->name,
                      strlen(text), field->most);
    *out = text;
    return 0;
}

static int take(const struct field *field, const json_t *value, struct body *body, struct why *why)
{
    void *out = (char *)body->order + field->offset;
    int64_t number = 0;
    int r;

    switch (field->kind) {
    case FIELD_TEXT:
        return take_text(field, value, out, why);
    case FIELD_INTEGER:
        return take_integer(field, value, out, why);
    case FIELD_UNSIGNED:
        r = take_integer(field, value, &number, why);
        if (r == 0)
            *(unsigned *)out = (unsigned)number;
        return r;
    case FIELD_TIME:
        return take_time(field, value, out, why);
    case FIELD_EPSILON:
        return take_epsilon(field, value, out, why);
    case FIELD_LIST:
        return take_list(field, value, body, out, why);
    case FIELD_OBJECT:
        return take_object(field, value, body, out, why);
    }
    return -EINVAL;
}

static int refuse_unknown(const struct form *form, const char *name, struct why *why)
{
    char known[200] = "";
    size_t size = 0;

    for (size_t i = 0; i < form->count && size < sizeof(known); i++)
        size += (size_t)snprintf(known + size, sizeof(known) - size, "%s%s", i > 0 ? ", " : "", form->fields[i].name);
    char todo[256];
    snprintf(todo, sizeof(todo), "known members: %s", known);
    return refuse(why, REFUSED_INVALID, name, todo, "this request has no member %.64s", name);
}

static const struct field *find(const struct form *form, const char *name)
{
    for (size_t i = 0; i < form->count; i++)
        if (strcmp(form->fields[i].name, name) == 0)
            return &form->fields[i];
    return NULL;
}

static int parse(struct bytes text, struct body *out, struct why *why)
{
    json_error_t error;

    out->json = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
    if (out->json == NULL && json_error_code(&error) == json_error_out_of_memory)
        return -ENOMEM;
    if (out->json == NULL)
        return refuse(why, REFUSED_INVALID, "body", NULL, "the body is no JSON: %s (line %d, column %d)", error.text,
                      error.line, error.column);
    if (!json_is_object(out->json))
        return refuse(why, REFUSED_INVALID, "body", NULL, "the body must be a JSON object");
    return 0;
}

int body_decode(struct bytes text, const struct form *form, struct body *out, struct why *why)
{
    const char *name;
    json_t *value;

    int r = parse(text, out, why);
    if (r != 0)
        return r;
    out->order = calloc(1, form->size);
    if (out->order == NULL)
        return -ENOMEM;
    json_object_foreach(out->json, name, value)
    {
        const struct field *field = find(form, name);
        r = field == NULL ? refuse_unknown(form, name, why) : take(field, value, out, why);
        if (r != 0)
            return r;
    }
    for (size_t i = 0; i < form->count; i++)
        if (form->fields[i].required && json_object_get(out->json, form->fields[i].name) == NULL)
            return refuse(why, REFUSED_INVALID, form->fields[i].name, NULL, "%s is missing", form->fields[i].name);
    return 0;
}

void body_deinit(struct body *body)
{
    for (size_t i = 0; i < body->owned_count; i++)
        free(body->owned[i]);
    json_decref(body->json);
    free(body->order);
    *body = (struct body){ 0 };
}
