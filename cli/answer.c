/* answer.c - what programs get as objects and nulls, in words. */
#include "cli/answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/lines.h"

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text != NULL ? text : "-";
}

static __attribute__((format(printf, 3, 4))) void put(json_t *object, const char *member, const char *format, ...)
{
    char text[320];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    json_object_set_new(object, member, json_string(text));
}

/* "12 to 34", "5 to either side", or why there is none. */
static void tidy_interval(json_t *object)
{
    const json_t *interval = json_object_get(object, "error95");
    char words[128];

    if (json_is_null(interval)) {
        put(object, "error95", "none: %s", text_of(object, "error95_reason"));
    } else if (json_object_get(interval, "half_width") != NULL) {
        snprintf(words, sizeof(words), "%s to either side", text_of(interval, "half_width"));
        put(object, "error95", "%s", words);
    } else if (json_is_object(interval)) {
        snprintf(words, sizeof(words), "%s to %s", text_of(interval, "low"), text_of(interval, "high"));
        put(object, "error95", "%s", words);
    }
}

static void tidy_quantiles(const json_t *quantiles)
{
    json_t *one;
    size_t i;

    json_array_foreach(quantiles, i, one)
    {
        const json_t *interval = json_object_get(one, "error95");
        put(one, "95 % from", "%s", text_of(interval, "low"));
        put(one, "to", "%s", text_of(interval, "high"));
        json_object_del(one, "error95");
    }
}

void answer_show(const struct output *output, json_t *answer, const struct column *columns)
{
    if (json_is_null(json_object_get(answer, "value")))
        put(answer, "value", "none: %s", text_of(answer, "value_reason"));
    tidy_interval(answer);
    tidy_quantiles(json_object_get(answer, "quantiles"));
    output->object(output, answer, columns);
    if (json_object_get(answer, "statement") == NULL)
        return;
    fputc('\n', output->out);
    lines_print(output->out, text_of(answer, "statement"), lines_width(output->out), 0, 0);
}

void durations_tidy(json_t *object)
{
    static const struct {
        json_int_t ms;
        const char *word;
    } units[] = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "min" }, { 1000, "s" }, { 1, "ms" } };
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(object, next, key, value)
    {
        const size_t size = strlen(key);
        const json_int_t ms = json_integer_value(value);
        if (!json_is_integer(value) || size < 3 || strcmp(key + size - 3, "_ms") != 0)
            continue;
        size_t i = 0;
        while (ms % units[i].ms != 0)
            i++;
        put(object, key, "%lld %s", (long long)(ms / units[i].ms), ms == 0 ? "s" : units[i].word);
    }
}

void plan_show(const struct output *output, json_t *plan, const struct column *columns)
{
    const char *unit = json_string_value(json_object_get(plan, "unit"));
    char words[128];
    const char *key;
    json_t *value;
    void *next;

    if (json_is_true(json_object_get(plan, "replay"))) {
        output->done(output,
                     "would pass           yes: it was answered before, and the stored answer comes at no cost");
        return;
    }
    if (json_is_null(json_object_get(plan, "error95")) && json_is_null(json_object_get(plan, "l2_error")))
        put(plan, "error95", "only the answer can tell");
    else if (unit != NULL && unit[0] != '\0' && json_is_string(json_object_get(plan, "error95"))) {
        snprintf(words, sizeof(words), "%s %s", text_of(plan, "error95"), unit);
        put(plan, "error95", "%s", words);
    }
    json_object_foreach_safe(plan, next, key, value)
    {
        if (json_is_null(value))
            json_object_del(plan, key);
    }
    output->object(output, plan, columns);
}
