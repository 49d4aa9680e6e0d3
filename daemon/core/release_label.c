/* release_label.c - top by the value of a device's label: how many readings came from each site, floor or the like.
 *
 * Sensitivity: all readings of a device fall into one cell at most, that of its label's value, and at most
 * `contributions` of them count (noised ones aside, whose posting is not hidden: as in a count). Zeroing out a device's
 * epoch so changes one cell by at most C and no other: C over all cells together, in L1 and in L2, for zero-out.
 *
 * A label is the registry's, not the device's: which devices have which value is known to whoever may see them, and is
 * not hidden by noise. So it decides, like selectors do, by what it says as the answer is made. A device whose label
 * was changed in mid-window counts with all its readings under the present value. Devices with a value that the request
 * does not name, or without the label, are asked and charged like the others and are in no cell: the selector alone
 * narrows a cohort. Each cell gets noise, also one that no device is in. */
#include <stdio.h>
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/core/release_local.h"
#include "daemon/core/selector.h"

bool asked_by_label(const struct asked *asked)
{
    return asked->parameters.label[0] != '\0';
}

/* Label values by commas. Were one named twice, a reading would count twice. */
static bool values_read(const char *text, struct parameters *out)
{
    for (out->count = 0; out->count < CATEGORIES_MAX;) {
        const size_t size = selector_word(text);
        char *value = out->label_values[out->count];
        if (size == 0 || size >= NAME_SIZE)
            return false;
        memcpy(value, text, size);
        value[size] = '\0';
        for (size_t i = 0; i < out->count; i++)
            if (strcmp(out->label_values[i], value) == 0)
                return false;
        out->count++;
        if (text[size] == '\0')
            return true;
        if (text[size] != ',')
            return false;
        text += size + 1;
    }
    return false;
}

int label_form(const struct release_order *order, struct asked *out, struct why *why)
{
    const size_t size = selector_word(order->by);

    if (out->query != QUERY_TOP)
        return refuse(why, REFUSED_INVALID, "by", "leave it out, or ask for top", "only top counts by a label");
    if (size == 0 || size >= NAME_SIZE || order->by[size] != '\0')
        return refuse(why, REFUSED_INVALID, "by", "as site",
                      "a label's name has 1 to %d characters of A-Z a-z 0-9 . - _ /", NAME_SIZE - 1);
    if (order->edges != NULL || order->at != NULL)
        return refuse(why, REFUSED_INVALID, order->edges != NULL ? "edges" : "at", "leave it out",
                      "this query has no %s", order->edges != NULL ? "edges" : "at");
    if (order->top < 0 || order->top > CATEGORIES_MAX)
        return refuse(why, REFUSED_INVALID, "top", NULL, "at most the %d largest are named", CATEGORIES_MAX);
    if (order->categories == NULL || strlen(order->categories) > LIST_TEXT_MAX ||
        !values_read(order->categories, &out->parameters))
        return refuse(why, REFUSED_INVALID, "categories", "as lyon,lille,paris",
                      "categories by a label are 1 to %d different values of it, separated by commas, and at most %d "
                      "characters long",
                      CATEGORIES_MAX, LIST_TEXT_MAX);
    text_copy(out->parameters.label, sizeof(out->parameters.label), order->by);
    out->parameters.top = order->top != 0 ? (size_t)order->top : TOP_DEFAULT;
    snprintf(out->parameters_text, sizeof(out->parameters_text), "{\"by\":\"%s\",\"categories\":\"%s\",\"top\":%zu}",
             order->by, order->categories, out->parameters.top);
    if (out->parameters.top > out->parameters.count)
        out->parameters.top = out->parameters.count;
    return 0;
}

static size_t cell_of(const struct asked *asked, const struct device *device)
{
    for (size_t i = 0; i < device->label_count; i++) {
        if (strcmp(device->labels[i].key, asked->parameters.label) != 0)
            continue;
        for (size_t cell = 0; cell < asked->cell_count; cell++)
            if (strcmp(device->labels[i].value, asked->parameters.label_values[cell]) == 0)
                return cell;
    }
    return CELLS_MAX;
}

int label_add(struct core *core, struct asked *asked, const struct aggregate_query *query)
{
    struct aggregate counted;
    struct device device;
    int64_t reports = 0;

    int r = core->store->device_by_id(core->store, query->device_id, &device);
    if (r == 0)
        r = core->store->reading_aggregate(core->store, query, &counted);
    if (r == 0 && device.suspect_ms == 0)
        r = local_count(core, asked, query, &reports);
    if (r != 0)
        return r;
    if (asked->local != NULL)
        asked->local->reports += (uint64_t)reports;
    counted.count += reports;
    const size_t cell = cell_of(asked, &device);
    if (cell < asked->cell_count)
        asked->cells[cell] += counted.count; /* of at most COHORT_MAX devices and epochs: far below 2^62 */
    return 0;
}

void label_words(const struct asked *asked, char *out, size_t size)
{
    snprintf(
        out, size,
        " A device's readings%s are counted under the value that its label %s had as this answer was made; devices "
        "with another value, or none, were asked and are not counted. Which device has which label is not hidden.",
        asked->source == SOURCE_RAW ? "" : ", those noised on board with them,", asked->parameters.label);
}
