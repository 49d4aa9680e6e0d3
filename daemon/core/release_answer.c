/* release_answer.c - how much noise an answer gets, and the document that leaves.
 *
 * A sum over the readings that count changes by at most contributions * max(|lower|, |upper|) when one device's epoch
 * is zeroed out, a count by contributions. A mean is a noised sum over a noised count, each at half the epsilon;
 * dividing what was noised costs nothing more. All of the document but its noised values follows from the request, the
 * registry and the policy.
 *
 * From the first draw of noise on nothing may fail that hangs on what was drawn. A fault takes the charge back, so a
 * tenant could ask again and again for nothing, and learn from how often it is refused. Hence the document always fits,
 * and a quotient that does not is said in words. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/buffer.h"
#include "daemon/base/text.h"
#include "daemon/core/release_internal.h"
#include "device_proto/noise.h"

#define MEAN_DIGITS      2 /* beyond those of the readings */
#define MEAN_DIGITS_UNIT 100

static const char too_far[] = "the noised mean is beyond all numbers: too small an epsilon";

static int noised_plan(int64_t sensitivity, int64_t ueps, struct noised *out)
{
    out->used = true;
    out->loss = loss_of_pure(ueps);
    int r = noise_scale_of(sensitivity, ueps, NOISE_SCALE_NUM_MAX, &out->scale);
    if (r == 0)
        r = noise_half_width_95(out->scale, &out->half_width_95);
    if (r == 0)
        r = noise_half_width_975(out->scale, &out->half_width_975);
    return r;
}

int asked_noise(struct asked *asked, struct noised *out_sum, struct noised *out_count, struct why *why)
{
    const int64_t ueps = asked->wanted.ueps;
    int64_t count_ueps = asked->query == QUERY_MEAN ? ueps / 2 : ueps;
    int64_t sum_ueps = asked->query == QUERY_MEAN ? ueps - count_ueps : ueps;
    int64_t sensitivity;
    int r = 0;

    *out_sum = *out_count = (struct noised){ 0 };
    if (__builtin_mul_overflow(asked->policy.contributions, policy_sensitivity(&asked->policy), &sensitivity))
        return -EOVERFLOW; /* policies make it impossible */
    if (asked->query != QUERY_COUNT)
        r = noised_plan(sensitivity, sum_ueps, out_sum);
    if (r == 0 && asked->query != QUERY_SUM)
        r = noised_plan(asked->policy.contributions, count_ueps, out_count);
    if (r == -ERANGE)
        return refuse(why, REFUSED_INVALID, "epsilon", "ask with a larger epsilon",
                      "so small an epsilon needs more noise than can be drawn");
    asked->loss = (struct loss){ 0 };
    if (r == 0 && out_sum->used)
        loss_add(&asked->loss, &out_sum->loss);
    if (r == 0 && out_count->used)
        loss_add(&asked->loss, &out_count->loss);
    return r;
}

static int noised_add(struct core *core, int64_t truth, struct noised *noised)
{
    int64_t noise;

    int r = noise_laplace(core->random, noised->scale.num, noised->scale.den, &noise);
    if (r != 0)
        return r > 0 ? -EIO : r;
    return __builtin_add_overflow(truth, noise, &noised->value) ? -EOVERFLOW : 0;
}

int noise_add(struct core *core, const struct totals *totals, struct noised *sum, struct noised *count)
{
    int r = 0;

    if (sum->used)
        r = noised_add(core, totals->sum, sum);
    if (r == 0 && count->used)
        r = noised_add(core, totals->count, count);
    return r;
}

/* ---- the document ---- */

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

static void put_interval(struct buffer *out, int64_t low, int64_t high, int digits)
{
    char low_text[32], high_text[32];

    fixed_format(low, digits, low_text);
    fixed_format(high, digits, high_text);
    buffer_format(out, "\"error95\":{\"low\":\"%s\",\"high\":\"%s\"},", low_text, high_text);
}

static int put_single(struct buffer *out, const struct noised *noised, int digits)
{
    int64_t low, high;

    if (__builtin_sub_overflow(noised->value, noised->half_width_95, &low) ||
        __builtin_add_overflow(noised->value, noised->half_width_95, &high))
        return -EOVERFLOW;
    put_decimal(out, "value", noised->value, digits);
    put_interval(out, low, high, digits);
    return 0;
}

static void put_no_interval(struct buffer *out, const char *reason)
{
    buffer_text(out, "\"error95\":null,");
    put_text(out, "error95_reason", reason);
}

static void put_no_mean(struct buffer *out, const char *reason)
{
    buffer_text(out, "\"value\":null,");
    put_text(out, "value_reason", reason);
    put_no_interval(out, reason);
}

/* Sum and count each stay within their 97.5 % half widths, so both do with 95 %. The ends are rounded outwards. */
static int put_mean_interval(struct buffer *out, const struct noised *sum, const struct noised *count, int digits)
{
    int64_t sum_low, sum_high, least, most, low, high;

    if (__builtin_sub_overflow(sum->value, sum->half_width_975, &sum_low) ||
        __builtin_add_overflow(sum->value, sum->half_width_975, &sum_high) ||
        __builtin_sub_overflow(count->value, count->half_width_975, &least) ||
        __builtin_add_overflow(count->value, count->half_width_975, &most))
        return -EOVERFLOW;
    if (least <= 0) {
        put_no_interval(out, "with this epsilon the number of readings cannot be told from none");
        return 0;
    }
    int r = scaled_ratio_down(sum_low, MEAN_DIGITS_UNIT, sum_low >= 0 ? most : least, &low);
    if (r == 0)
        r = scaled_ratio_up(sum_high, MEAN_DIGITS_UNIT, sum_high >= 0 ? least : most, &high);
    if (r == 0)
        put_interval(out, low, high, digits + MEAN_DIGITS);
    else if (r == -ERANGE)
        put_no_interval(out, too_far);
    return r == -ERANGE ? 0 : r;
}

static int put_mean(struct buffer *out, const struct noised *sum, const struct noised *count, int digits)
{
    int64_t mean;

    if (count->value <= 0) {
        put_no_mean(out, "the noised count is not above 0: too few readings, or too small an epsilon");
        return 0;
    }
    if (scaled_ratio(sum->value, MEAN_DIGITS_UNIT, count->value, &mean) != 0) {
        put_no_mean(out, too_far);
        return 0;
    }
    put_decimal(out, "value", mean, digits + MEAN_DIGITS);
    return put_mean_interval(out, sum, count, digits);
}

static void put_noise(struct buffer *out, const char *quantity, const struct noised *noised, int digits)
{
    char value[32], epsilon[32], scale_unit[32];

    fixed_format(noised->value, digits, value);
    fixed_format(noised->loss.ueps, 6, epsilon);
    fixed_format(1, digits, scale_unit);
    buffer_format(out,
                  "{\"quantity\":\"%s\",\"value\":\"%s\",\"step\":\"%s\",\"scale_num\":%llu,\"scale_den\":%llu,"
                  "\"epsilon\":\"%s\"}",
                  quantity, value, scale_unit, (unsigned long long)noised->scale.num,
                  (unsigned long long)noised->scale.den, epsilon);
}

static const char *query_name(enum query query)
{
    switch (query) {
    case QUERY_COUNT:
        return "count";
    case QUERY_SUM:
        return "sum";
    case QUERY_MEAN:
        return "mean";
    }
    return "";
}

static void put_head(struct buffer *out, const struct asked *asked, int64_t release_id)
{
    buffer_format(out, "{\"release\":%lld,", (long long)release_id);
    put_text(out, "request", asked->request);
    put_text(out, "tenant", asked->tenant.name);
    put_text(out, "query", query_name(asked->query));
    put_text(out, "sensor", asked->policy.sensor);
    put_text(out, "selector", asked->selector);
    put_time(out, "from", asked->from_ms);
    put_time(out, "to", asked->to_ms);
    put_time(out, "at", asked->now_ms);
    buffer_format(out, "\"epochs\":%lld,\"cohort\":%lld,", (long long)asked_epochs(asked),
                  (long long)asked->device_count);
    put_text(out, "unit", asked->query == QUERY_COUNT ? "readings" : asked->policy.unit_text);
}

static void put_privacy(struct buffer *out, const struct asked *asked, const struct noised *sum,
                        const struct noised *count, int digits)
{
    put_decimal(out, "epsilon", asked->loss.ueps, 6);
    put_decimal(out, "rho", asked->loss.nrho, 9);
    buffer_text(out, "\"privacy\":{\"mechanism\":\"discrete Laplace\",\"unit\":\"device-epoch\",");
    buffer_format(out, "\"epoch_ms\":%lld,", (long long)asked->policy.epoch_ms);
    put_text(
        out, "adjacency",
        "zero-out: all raw readings of one device in one epoch, against none of them; readings noised on the device "
        "were charged when they came in, and that they came is not hidden; epsilon was charged to each device asked "
        "in each epoch of the window");
    buffer_format(out, "\"contributions\":%lld,\"policy_version\":%lld,\"noise\":[",
                  (long long)asked->policy.contributions, (long long)asked->policy.version);
    if (sum->used)
        put_noise(out, "sum", sum, digits);
    if (sum->used && count->used)
        buffer_text(out, ",");
    if (count->used)
        put_noise(out, "count", count, 0);
    buffer_text(out, "]}}");
}

int release_answer_write(const struct asked *asked, int64_t release_id, const struct noised *sum,
                         const struct noised *count, char *out, size_t capacity, size_t *out_size)
{
    int digits = digits_of_scale(asked->policy.scale);
    struct buffer buffer;
    int r = -EINVAL;

    buffer_init(&buffer, capacity - 1);
    put_head(&buffer, asked, release_id);
    switch (asked->query) {
    case QUERY_COUNT:
        r = put_single(&buffer, count, 0);
        break;
    case QUERY_SUM:
        r = put_single(&buffer, sum, digits);
        break;
    case QUERY_MEAN:
        r = put_mean(&buffer, sum, count, digits);
        break;
    }
    if (r == 0)
        put_privacy(&buffer, asked, sum, count, digits);
    if (r == 0)
        r = buffer.fault;
    if (r == 0) {
        memcpy(out, buffer.data, buffer.size + 1);
        *out_size = buffer.size;
    }
    buffer_deinit(&buffer);
    return r;
}

void plan_error(const struct asked *asked, const struct noised *sum, const struct noised *count,
                struct release_plan *plan)
{
    int64_t readings, drift, num, den;

    plan->error95_num = plan->error95_den = 0;
    if (asked->query == QUERY_COUNT) {
        plan->error95_num = count->half_width_95;
        plan->error95_den = 1;
    } else if (asked->query == QUERY_SUM) {
        plan->error95_num = sum->half_width_95;
        plan->error95_den = asked->policy.scale;
    } else {
        /* |(S + s) / (N + c) - S / N| <= (|s| + max|x| |c|) / (N - |c|) */
        if (__builtin_mul_overflow(asked->device_count * asked_epochs(asked), asked->policy.contributions, &readings) ||
            __builtin_mul_overflow(count->half_width_975, policy_sensitivity(&asked->policy), &drift) ||
            __builtin_add_overflow(drift, sum->half_width_975, &num) || readings <= count->half_width_975 ||
            __builtin_mul_overflow(readings - count->half_width_975, asked->policy.scale, &den))
            return;
        plan->error95_num = num;
        plan->error95_den = den;
    }
}
