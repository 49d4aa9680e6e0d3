/* release_answer.c - the document that leaves.
 *
 * All of the document but its noised values follows from the request, the registry and the policy. From the first draw
 * of noise on nothing may fail that hangs on what was drawn. A fault takes the charge back, so a tenant could ask again
 * and again for nothing, and learn from how often it is refused. Hence the document always fits, and a number that
 * does not is said in words. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/buffer.h"
#include "daemon/base/text.h"
#include "daemon/core/release_local.h"
#include "daemon/core/release_running.h"

#define MEAN_DIGITS      2 /* beyond those of the readings */
#define MEAN_DIGITS_UNIT 100

static const char too_far[] = "the noised mean is beyond all numbers: too small an epsilon";

/* The interval in words, for the statement; empty: there is none. */
struct interval_words {
    char text[128];
};

static void put_decimal(struct buffer *out, const char *key, int64_t value, int digits)
{
    char text[32];

    fixed_format(value, digits, text);
    buffer_format(out, "\"%s\":\"%s\",", key, text);
}

static void put_text(struct buffer *out, const char *key, const char *text)
{
    buffer_format(out, "\"%s\":", key);
    buffer_json(out, text);
    buffer_text(out, ",");
}

static void put_time(struct buffer *out, const char *key, int64_t unix_ms)
{
    char text[32];

    time_format(unix_ms, text);
    put_text(out, key, text);
}

static void put_interval(struct buffer *out, int64_t low, int64_t high, int digits, struct interval_words *words)
{
    char low_text[32], high_text[32];

    fixed_format(low, digits, low_text);
    fixed_format(high, digits, high_text);
    buffer_format(out, "\"error95\":{\"low\":\"%s\",\"high\":\"%s\"},", low_text, high_text);
    snprintf(words->text, sizeof(words->text), "between %s and %s", low_text, high_text);
}

static void put_no_interval(struct buffer *out, const char *reason)
{
    buffer_text(out, "\"error95\":null,");
    put_text(out, "error95_reason", reason);
}

static int put_single(struct buffer *out, const struct asked *asked, struct interval_words *words)
{
    const struct noised *noised = &asked->parts[0];
    int64_t low, high;

    put_decimal(out, "value", noised->value, noised->digits);
    if (__builtin_sub_overflow(noised->value, noised->half_width, &low) ||
        __builtin_add_overflow(noised->value, noised->half_width, &high))
        put_no_interval(out, "it is beyond all numbers");
    else
        put_interval(out, low, high, noised->digits, words);
    return 0;
}

static void put_no_value(struct buffer *out, const char *reason)
{
    buffer_text(out, "\"value\":null,");
    put_text(out, "value_reason", reason);
    put_no_interval(out, reason);
}

/* Sum and count stay within their half widths at once with 95 %, and there are no fewer readings than those that are
 * sure. The ends are rounded outwards. */
static int put_mean_interval(struct buffer *out, const struct asked *asked, int64_t sure, struct interval_words *words)
{
    const struct noised *sum = &asked->parts[0], *count = &asked->parts[1];
    const int digits = digits_of_scale(asked->policy.scale);
    int64_t sum_low, sum_high, least, most, low, high;

    if (__builtin_sub_overflow(sum->value, sum->half_width, &sum_low) ||
        __builtin_add_overflow(sum->value, sum->half_width, &sum_high) ||
        __builtin_sub_overflow(count->value, count->half_width, &least) ||
        __builtin_add_overflow(count->value, count->half_width, &most)) {
        put_no_interval(out, too_far);
        return 0;
    }
    least = least > sure ? least : sure;
    most = most > sure ? most : sure;
    if (least <= 0) {
        put_no_interval(out, "with this epsilon the number of readings cannot be told from none");
        return 0;
    }
    int r = scaled_ratio_down(sum_low, MEAN_DIGITS_UNIT, sum_low >= 0 ? most : least, &low);
    if (r == 0)
        r = scaled_ratio_up(sum_high, MEAN_DIGITS_UNIT, sum_high >= 0 ? least : most, &high);
    if (r == 0)
        put_interval(out, low, high, digits + MEAN_DIGITS, words);
    else if (r == -ERANGE)
        put_no_interval(out, too_far);
    return r == -ERANGE ? 0 : r;
}

static int put_mean(struct buffer *out, const struct asked *asked, struct interval_words *words)
{
    const struct noised *sum = &asked->parts[0], *count = &asked->parts[1];
    const int digits = digits_of_scale(asked->policy.scale);
    /* How many were noised on board is no secret: fewer there are not. */
    const int64_t sure = asked->local != NULL ? (int64_t)asked->local->reports : 0;
    const int64_t readings = count->value > sure ? count->value : sure;
    int64_t mean;

    if (readings <= 0) {
        put_no_value(out, "the noised count is not above 0: too few readings, or too small an epsilon");
        return 0;
    }
    if (scaled_ratio(sum->value, MEAN_DIGITS_UNIT, readings, &mean) != 0) {
        put_no_value(out, too_far);
        return 0;
    }
    put_decimal(out, "value", mean, digits + MEAN_DIGITS);
    return put_mean_interval(out, asked, sure, words);
}

static int put_variance(struct buffer *out, const struct asked *asked, struct interval_words *words)
{
    const int digits = 2 * digits_of_scale(asked->policy.scale) + MEAN_DIGITS;
    struct variance variance;

    if (!variance_find(asked, &variance)) {
        put_no_value(out, variance.reason);
        return 0;
    }
    put_decimal(out, "value", variance.value, digits);
    if (variance.has_interval)
        put_interval(out, variance.low, variance.high, digits, words);
    else
        put_no_interval(out, variance.reason);
    put_text(out, "postprocessing",
             "a variance below 0, or above what the bounds allow, which noise can bring about, is given as the nearest "
             "that can be");
    return 0;
}

/* ---- answers of cells ---- */

/* The same for every cell. */
static void put_half_width(struct buffer *out, const struct asked *asked, const char *whose,
                           struct interval_words *words)
{
    char width[32];

    fixed_format(asked->parts[0].half_width, asked->parts[0].digits, width);
    buffer_format(out, "\"error95\":{\"half_width\":\"%s\"},", width);
    snprintf(words->text, sizeof(words->text), "within %s of what is said, %s", width, whose);
}

static int put_devices(struct buffer *out, const struct asked *asked, struct interval_words *words)
{
    char value[32];

    buffer_format(out, "\"charged\":%lld,\"devices\":[", (long long)asked->charged_count);
    for (size_t i = 0; i < asked->cell_count; i++) {
        fixed_format(asked->cells[i], asked->parts[0].digits, value);
        buffer_format(out, "%s{\"device\":", i > 0 ? "," : "");
        buffer_json(out, asked->shared[i].name);
        buffer_format(out, ",\"value\":\"%s\"}", value);
    }
    buffer_text(out, "],");
    put_half_width(out, asked, "for each device by itself", words);
    return 0;
}

static int put_histogram(struct buffer *out, const struct asked *asked, struct interval_words *words)
{
    const int digits = digits_of_scale(asked->policy.scale);
    char low[32], high[32];

    buffer_text(out, "\"bins\":[");
    for (size_t i = 0; i < asked->cell_count; i++) {
        fixed_format(asked->parameters.values[i], digits, low);
        fixed_format(asked->parameters.values[i + 1], digits, high);
        buffer_format(out, "%s{\"low\":\"%s\",\"high\":\"%s\",\"count\":\"%lld\"}", i > 0 ? "," : "", low, high,
                      (long long)asked->cells[i]);
    }
    buffer_text(out, "],");
    put_half_width(out, asked, "for each bin by itself", words);
    return 0;
}

static int put_coordinates(struct buffer *out, const struct asked *asked, struct interval_words *words)
{
    char norm[32];

    fixed_format(asked->policy.upper, digits_of_scale(asked->policy.scale), norm);
    buffer_format(out, "\"dimension\":%zu,\"norm\":\"%s\",", asked->cell_count, norm);
    put_decimal(out, "step", 1, asked->parts[0].digits); /* what a coordinate counts: all else is in units */
    put_half_width(out, asked, "each by itself", words);
    put_decimal(out, "l2_error", vector_l2_error(asked), asked->parts[0].digits);
    return 0;
}

/* The largest first, of two alike the one declared first: no choice is made but by noised counts. */
static int put_top(struct buffer *out, const struct asked *asked, struct interval_words *words)
{
    bool taken[CATEGORIES_MAX] = { false };
    char category[NAME_SIZE];

    buffer_text(out, "\"top\":[");
    for (size_t place = 0; place < asked->parameters.top; place++) {
        size_t best = CATEGORIES_MAX;
        for (size_t i = 0; i < asked->cell_count; i++)
            if (!taken[i] && (best == CATEGORIES_MAX || asked->cells[i] > asked->cells[best]))
                best = i;
        if (best == CATEGORIES_MAX)
            return -EINVAL; /* more places than categories: parameters_read() lets none through */
        taken[best] = true;
        if (asked_by_label(asked))
            text_copy(category, sizeof(category), asked->parameters.label_values[best]);
        else
            fixed_format(asked->parameters.values[best], digits_of_scale(asked->policy.scale), category);
        buffer_format(out, "%s{\"category\":\"%s\",\"count\":\"%lld\"}", place > 0 ? "," : "", category,
                      (long long)asked->cells[best]);
    }
    buffer_text(out, "],");
    put_half_width(out, asked, "for all categories at once", words);
    return 0;
}

static int put_quantiles(struct buffer *out, const struct asked *asked, struct interval_words *words)
{
    const int digits = digits_of_scale(asked->policy.scale);
    struct quantile found;
    char at[32], value[32], low[32], high[32];

    if (!quantile_find(asked, asked->parameters.values[0], &found)) {
        put_no_value(out, "the noised count is not above 0: too few readings, or too small an epsilon");
        return 0;
    }
    buffer_text(out, "\"quantiles\":[");
    for (size_t i = 0; i < asked->parameters.count; i++) {
        quantile_find(asked, asked->parameters.values[i], &found);
        fixed_format(asked->parameters.values[i], 6, at);
        fixed_format(found.value, digits, value);
        fixed_format(found.low, digits, low);
        fixed_format(found.high, digits, high);
        buffer_format(out, "%s{\"at\":\"%s\",\"value\":\"%s\",\"error95\":{\"low\":\"%s\",\"high\":\"%s\"}}",
                      i > 0 ? "," : "", at, value, low, high);
    }
    buffer_text(out, "],");
    snprintf(words->text, sizeof(words->text), "within the interval beside it, for each quantile by itself");
    return 0;
}

/* ---- head and privacy ---- */

const char *query_name(enum query query)
{
    switch (query) {
    case QUERY_COUNT:
        return "count";
    case QUERY_SUM:
        return "sum";
    case QUERY_MEAN:
        return "mean";
    case QUERY_VARIANCE:
        return "variance";
    case QUERY_HISTOGRAM:
        return "histogram";
    case QUERY_QUANTILES:
        return "quantiles";
    case QUERY_TOP:
        return "top";
    case QUERY_DEVICE_COUNT:
        return "device-count";
    case QUERY_DEVICE_SUM:
        return "device-sum";
    case QUERY_VECTOR_SUM:
        return "vector-sum";
    case QUERY_RUNNING_COUNT:
        return "running-count";
    }
    return "";
}

const char *mechanism_name(enum mechanism mechanism)
{
    if (mechanism == MECHANISM_LOCAL)
        return "local";
    return mechanism == MECHANISM_GAUSS ? "gaussian" : "laplace";
}

void answer_unit(const struct asked *asked, char out[ANSWER_UNIT_SIZE])
{
    if (asked->query == QUERY_COUNT || asked->query == QUERY_HISTOGRAM || asked->query == QUERY_TOP ||
        asked->query == QUERY_DEVICE_COUNT || asked->query == QUERY_RUNNING_COUNT) {
        text_copy(out, ANSWER_UNIT_SIZE, "readings");
    } else {
        snprintf(out, ANSWER_UNIT_SIZE, "%s%s", asked->policy.unit_text,
                 asked->query == QUERY_VARIANCE && asked->policy.unit_text[0] != '\0' ? "^2" : "");
    }
}

static void put_head(struct buffer *out, const struct asked *asked, int64_t release_id)
{
    char unit[ANSWER_UNIT_SIZE];

    buffer_format(out, "{\"release\":%lld,", (long long)release_id);
    put_text(out, "request", asked->request);
    put_text(out, "tenant", asked->tenant.name);
    put_text(out, "query", query_name(asked->query));
    if (asked->parameters_text[0] != '\0')
        buffer_format(out, "\"parameters\":%s,", asked->parameters_text);
    put_text(out, "sensor", asked->policy.sensor);
    put_text(out, "source", source_name(asked->source));
    put_text(out, "selector", asked->selector);
    put_time(out, "from", asked->from_ms);
    put_time(out, "to", asked->to_ms);
    put_time(out, "at", asked->now_ms);
    buffer_format(out, "\"epochs\":%lld,\"cohort\":%lld,", (long long)asked_epochs(asked),
                  (long long)asked->device_count);
    answer_unit(asked, unit);
    put_text(out, "unit", unit);
}

static void put_noise(struct buffer *out, const struct asked *asked, const struct noised *noised)
{
    char value[32], step[32], spent[32];

    fixed_format(1, noised->digits, step);
    buffer_format(out, "{\"quantity\":\"%s\",\"step\":\"%s\",", noised->quantity, step);
    if (query_is_running(asked->query)) {
        buffer_format(out, "\"cells\":%lld,", (long long)asked->running->steps);
    } else if (asked->cell_count == 0) {
        fixed_format(noised->value, noised->digits, value);
        buffer_format(out, "\"value\":\"%s\",", value);
    } else {
        buffer_format(out, "\"cells\":%zu,", asked->cell_count);
    }
    loss_amount_format(&noised->loss, noised->loss.impure ? LOSS_RHO : LOSS_EPSILON, spent);
    buffer_format(out, "\"%s_num\":%llu,\"%s_den\":%llu,\"%s\":\"%s\"}", noised->loss.impure ? "variance" : "scale",
                  (unsigned long long)noised->scale.num, noised->loss.impure ? "variance" : "scale",
                  (unsigned long long)noised->scale.den, noised->loss.impure ? "rho" : "epsilon", spent);
}

static void put_privacy(struct buffer *out, const struct asked *asked)
{
    if (asked->loss.impure)
        buffer_text(out, "\"epsilon\":null,");
    else
        put_decimal(out, "epsilon", asked->loss.ueps, 6);
    put_decimal(out, "rho", asked->loss.nrho, 9);
    buffer_format(out, "\"delta\":\"0\",\"privacy\":{\"mechanism\":\"discrete %s\",\"unit\":\"device-epoch\",",
                  asked->mechanism == MECHANISM_GAUSS ? "Gaussian" : "Laplace");
    buffer_format(out, "\"epoch_ms\":%lld,", (long long)asked->policy.epoch_ms);
    buffer_format(
        out,
        "\"adjacency\":\"zero-out: all raw readings of one device in one epoch, against none of them; readings noised "
        "on "
        "the device were charged when they came in, and that they came is not hidden; the loss was charged to each "
        "device %s in each epoch of the window\",",
        query_is_shared(asked->query) ? "that nobody had asked this of before," : "asked");
    buffer_format(out, "\"contributions\":%lld,\"policy_version\":%lld,\"noise\":[",
                  (long long)asked->policy.contributions, (long long)asked->policy.version);
    for (size_t i = 0; i < asked->part_count; i++) {
        if (i > 0)
            buffer_text(out, ",");
        put_noise(out, asked, &asked->parts[i]);
    }
    buffer_text(out, "]},");
}

static int put_values(struct buffer *out, const struct asked *asked, struct interval_words *words)
{
    switch (asked->query) {
    case QUERY_COUNT:
    case QUERY_SUM:
        return put_single(out, asked, words);
    case QUERY_MEAN:
        return put_mean(out, asked, words);
    case QUERY_VARIANCE:
        return put_variance(out, asked, words);
    case QUERY_HISTOGRAM:
        return put_histogram(out, asked, words);
    case QUERY_QUANTILES:
        return put_quantiles(out, asked, words);
    case QUERY_TOP:
        return put_top(out, asked, words);
    case QUERY_DEVICE_COUNT:
    case QUERY_DEVICE_SUM:
        return put_devices(out, asked, words);
    case QUERY_VECTOR_SUM:
        return put_coordinates(out, asked, words);
    case QUERY_RUNNING_COUNT:
        put_running(out, asked, words->text, sizeof(words->text));
        return 0;
    }
    return -EINVAL;
}

int release_answer_write(const struct asked *asked, int64_t release_id, char *out, size_t capacity, size_t *out_size)
{
    struct interval_words words = { "" };
    struct buffer buffer;

    buffer_init(&buffer, capacity - 1);
    put_head(&buffer, asked, release_id);
    int r = asked_is_local(asked) ? 0 : put_values(&buffer, asked, &words);
    if (r == 0 && asked_is_local(asked)) {
        local_write(&buffer, asked);
    } else if (r == 0) {
        local_put_part(&buffer, asked);
        put_privacy(&buffer, asked);
        put_statement(&buffer, asked, words.text[0] != '\0' ? words.text : NULL);
        put_vector(&buffer, asked);
    }
    if (r == 0) {
        buffer_text(&buffer, "}");
        r = buffer.fault;
    }
    if (r == 0) {
        memcpy(out, buffer.data, buffer.size + 1);
        *out_size = buffer.size;
    }
    buffer_deinit(&buffer);
    return r;
}
