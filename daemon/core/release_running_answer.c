/* release_running_answer.c - what an answer of running counts says: the newest count as its value, and with it at most
 * the 64 newest of its series, each with the half width of its own interval. A request that ends earlier (`to`) shows
 * those before, free of charge. */
#include <stdio.h>

#include "daemon/base/buffer.h"
#include "daemon/base/text.h"
#include "daemon/core/release_running.h"

static void put_count(struct buffer *out, const struct asked *asked, int64_t step)
{
    const struct running *running = asked->running;
    int64_t half_width = 0;
    char until[32];

    /* running_widen() had it for the worst step */
    running_half_width(asked, (unsigned)__builtin_popcountll((uint64_t)step), &half_width);
    time_format(asked->from_ms + step * running->step_ms, until);
    buffer_format(out, "{\"step\":%lld,\"until\":\"%s\",\"count\":\"%lld\",\"half_width\":\"%lld\"}", (long long)step,
                  until, (long long)running_count(running, step), (long long)half_width);
}

static int64_t nearest(__int128 value)
{
    return value > INT64_MAX ? INT64_MAX : value < INT64_MIN ? INT64_MIN : (int64_t)value;
}

void put_running(struct buffer *out, const struct asked *asked, char *words, size_t size)
{
    const struct running *running = asked->running;
    const int64_t last = running->steps, newest = running_count(running, last);
    int64_t half_width = 0;

    running_half_width(asked, (unsigned)__builtin_popcountll((uint64_t)last), &half_width);
    const long long low = (long long)nearest((__int128)newest - half_width);
    const long long high = (long long)nearest((__int128)newest + half_width);
    buffer_format(out, "\"value\":\"%lld\",\"error95\":{\"low\":\"%lld\",\"high\":\"%lld\"},", (long long)newest, low,
                  high);
    buffer_format(out, "\"step_ms\":%lld,\"steps\":%lld,\"ended\":%lld,\"levels\":%lld,\"charged\":%lld,",
                  (long long)running->step_ms, (long long)running->horizon, (long long)last,
                  (long long)running_levels(asked), (long long)asked->charged_count);
    buffer_format(out, "\"paid_by\":%lld,\"counts\":[", (long long)running->series.release_id);
    const int64_t first = last > RUNNING_SHOWN_MAX ? last - RUNNING_SHOWN_MAX + 1 : 1;
    for (int64_t step = first; step <= last; step++) {
        buffer_text(out, step > first ? "," : "");
        put_count(out, asked, step);
    }
    buffer_text(out, "],");
    snprintf(words, size, "between %lld and %lld after step %lld, each earlier count within its own half width", low,
             high, (long long)last);
}

void running_cost_words(const struct asked *asked, const char *amounts, char *out, size_t size)
{
    const struct running *running = asked->running;
    char when[80] = "with this release";

    if (running->has_begun)
        snprintf(when, sizeof(when), "with release %lld, so that this one cost nothing more",
                 (long long)running->series.release_id);
    snprintf(out, size,
             "That holds for all counts of the epoch together, however often they are asked for; of each device the "
             "first %lld readings of the epoch count. It cost each of %lld devices, and tenant %s, once for all %lld "
             "steps and %s: %s.",
             (long long)asked->policy.contributions, (long long)asked->device_count, asked->tenant.name,
             (long long)running->horizon, when, amounts);
}
