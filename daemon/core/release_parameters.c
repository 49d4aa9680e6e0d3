/* release_parameters.c - what a kind of query has of its own: edges of bins, quantiles, categories. */
#include <stdio.h>
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/core/release_internal.h"
#include "daemon/core/release_running.h"

/* Which list a query needs: exactly that one may be given. */
static const char *list_name(enum query query)
{
    if (query == QUERY_HISTOGRAM)
        return "edges";
    if (query == QUERY_QUANTILES)
        return "at";
    return query == QUERY_TOP ? "categories" : "";
}

static int list_check(const char *name, const char *text, const char *wanted, struct why *why)
{
    const bool is_wanted = strcmp(name, wanted) == 0;

    if (text == NULL && !is_wanted)
        return 0;
    if (text == NULL)
        return refuse(why, REFUSED_INVALID, name, "give it: decimals, separated by commas", "this query needs %s",
                      name);
    if (!is_wanted)
        return refuse(why, REFUSED_INVALID, name, "leave it out", "this query has no %s", name);
    if (text[strspn(text, "0123456789.,-")] != '\0' || strlen(text) > LIST_TEXT_MAX)
        return refuse(why, REFUSED_INVALID, name, NULL,
                      "a list is of decimals, separated by commas, and at most %d characters long", LIST_TEXT_MAX);
    return 0;
}

static const char *list_of(const struct release_order *order, enum query query)
{
    return query == QUERY_HISTOGRAM ? order->edges : query == QUERY_QUANTILES ? order->at : order->categories;
}

int parameters_form(const struct release_order *order, struct asked *out, struct why *why)
{
    const char *wanted = list_name(out->query);

    if (order->by != NULL)
        return label_form(order, out, why);
    out->parameters_text[0] = '\0';
    int r = running_form(order, out, why);
    if (r == 0)
        r = list_check("edges", order->edges, wanted, why);
    if (r == 0)
        r = list_check("at", order->at, wanted, why);
    if (r == 0)
        r = list_check("categories", order->categories, wanted, why);
    if (r != 0)
        return r;
    if (order->top != 0 && out->query != QUERY_TOP)
        return refuse(why, REFUSED_INVALID, "top", "leave it out", "this query has no top");
    if (order->top < 0 || order->top > CATEGORIES_MAX)
        return refuse(why, REFUSED_INVALID, "top", NULL, "at most the %d largest are named", CATEGORIES_MAX);
    if (out->query == QUERY_TOP)
        snprintf(out->parameters_text, sizeof(out->parameters_text), "{\"categories\":\"%s\",\"top\":%lld}",
                 order->categories, (long long)(order->top != 0 ? order->top : TOP_DEFAULT));
    else if (wanted[0] != '\0')
        snprintf(out->parameters_text, sizeof(out->parameters_text), "{\"%s\":\"%s\"}", wanted,
                 list_of(order, out->query));
    return 0;
}

static int list_read(const char *text, int digits, size_t most, struct parameters *out)
{
    char one[32];

    for (out->count = 0; out->count < most; out->count++) {
        size_t length = strcspn(text, ",");
        if (length >= sizeof(one))
            return -1;
        memcpy(one, text, length);
        one[length] = '\0';
        if (fixed_parse(one, digits, &out->values[out->count]) != 0)
            return -1;
        if (text[length] == '\0') {
            out->count++;
            return 0;
        }
        text += length + 1;
    }
    return -1;
}

static bool list_is_rising(const struct parameters *parameters)
{
    for (size_t i = 1; i < parameters->count; i++)
        if (parameters->values[i] <= parameters->values[i - 1])
            return false;
    return true;
}

/* Were one named twice, a reading would count twice, and one device change the answer by more than is paid for. */
static bool list_is_distinct(const struct parameters *parameters)
{
    for (size_t i = 0; i < parameters->count; i++)
        for (size_t j = 0; j < i; j++)
            if (parameters->values[i] == parameters->values[j])
                return false;
    return true;
}

static int quantiles_read(const char *text, struct parameters *out, struct why *why)
{
    bool good = list_read(text, 6, QUANTILES_MAX, out) == 0 && list_is_rising(out);

    for (size_t i = 0; good && i < out->count; i++)
        good = out->values[i] > 0 && out->values[i] < 1000000;
    if (!good)
        return refuse(why, REFUSED_INVALID, "at", "as 0.25,0.5,0.75",
                      "quantiles are 1 to %d rising numbers between 0 and 1, of at most 6 digits", QUANTILES_MAX);
    return 0;
}

static int edges_read(const char *text, int digits, struct parameters *out, struct why *why)
{
    if (list_read(text, digits, EDGES_MAX, out) != 0 || out->count < 2 || !list_is_rising(out))
        return refuse(why, REFUSED_INVALID, "edges", "as 0,10,20",
                      "edges are 2 to %d rising decimals, no finer than the sensor's policy keeps readings", EDGES_MAX);
    return 0;
}

static int categories_read(const struct release_order *order, int digits, struct parameters *out, struct why *why)
{
    if (list_read(order->categories, digits, CATEGORIES_MAX, out) != 0 || !list_is_distinct(out))
        return refuse(why, REFUSED_INVALID, "categories", "as 1,2,3",
                      "categories are 1 to %d different decimals, no finer than the sensor's policy keeps readings",
                      CATEGORIES_MAX);
    out->top = order->top != 0 ? (size_t)order->top : TOP_DEFAULT;
    if (out->top > out->count)
        out->top = out->count;
    return 0;
}

int parameters_read(const struct release_order *order, struct asked *asked, struct why *why)
{
    const int digits = digits_of_scale(asked->policy.scale);

    if (asked->query == QUERY_HISTOGRAM)
        return edges_read(order->edges, digits, &asked->parameters, why);
    if (asked->query == QUERY_QUANTILES)
        return quantiles_read(order->at, &asked->parameters, why);
    if (asked->query == QUERY_TOP && !asked_by_label(asked)) /* else label_form() has read them */
        return categories_read(order, digits, &asked->parameters, why);
    return 0;
}
