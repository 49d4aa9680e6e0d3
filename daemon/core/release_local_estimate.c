/* release_local_estimate.c - from what reports add up to, to numbers with intervals.
 *
 * Reports by each version are estimated by themselves. With V versions that there are reports by (and K categories of a
 * top) each estimate is off further than its error with a probability of at most 1 / (20 V K): so all hold at once with
 * 95 %. How many reports there are by which version has nothing to do with noise, but where an honest device was
 * suspected (below 10^-9 an epoch), so V may be taken from them. A bin of a histogram is looked at by itself.
 *
 * A memoised reading was rounded down by up to memo_step - 1 steps before its noise: sums and means say so at their
 * upper end; frequencies are of readings as they were rounded. */
#include <errno.h>

#include "daemon/core/release_local.h"

#define HUNDRED 100

/* Numbers of several versions added up; with is_beyond none of them is to be shown. */
struct sum {
    int64_t value, error, variance;
    bool is_beyond;
};

static void add_checked(struct sum *sum, int64_t *to, int64_t more)
{
    sum->is_beyond |= __builtin_add_overflow(*to, more, to);
}

/* Value and error in 1/unit, rounded outwards together; the variance in hundredths. */
static void estimate_add(struct sum *sum, const struct local_estimate *estimate, int64_t unit)
{
    int64_t value, error, variance;

    if (estimate->value.den > INT64_MAX || estimate->error.den > INT64_MAX || estimate->variance.den > INT64_MAX ||
        scaled_ratio(estimate->value.num, unit, (int64_t)estimate->value.den, &value) != 0 ||
        scaled_ratio_up(estimate->error.num, unit, (int64_t)estimate->error.den, &error) != 0 ||
        scaled_ratio_up(estimate->variance.num, HUNDRED, (int64_t)estimate->variance.den, &variance) != 0) {
        sum->is_beyond = true;
        return;
    }
    const bool is_whole = (__int128)estimate->value.num * unit % (int64_t)estimate->value.den == 0;
    add_checked(sum, &sum->value, value);
    add_checked(sum, &sum->error, error);
    add_checked(sum, &sum->error, is_whole ? 0 : 1); /* the value was rounded */
    add_checked(sum, &sum->variance, variance);
}

/* 0, or -EBADMSG: what no report can be. */
static int refusal_note(struct sum *sum, int r)
{
    if (r == LOCAL_OVERFLOW)
        sum->is_beyond = true;
    return r == 0 || r == LOCAL_OVERFLOW ? 0 : -EBADMSG;
}

static uint32_t versions_used(const struct local *local)
{
    uint32_t used = 0;

    for (size_t i = 0; i < local->count; i++)
        used += local->versions[i].reports > 0;
    return used > 0 ? used : 1;
}

static int sum_of(const struct local *local, uint32_t unlikely, struct sum *out)
{
    struct local_estimate estimate;
    int r = 0;

    *out = (struct sum){ 0 };
    for (size_t i = 0; r == 0 && i < local->count; i++) {
        const struct local_version *version = &local->versions[i];
        if (version->reports == 0)
            continue;
        r = local_sum(&version->policy, version->reports, version->total, unlikely, &estimate);
        if (r == 0)
            estimate_add(out, &estimate, 1);
        r = refusal_note(out, r);
    }
    return r;
}

int local_both_error(const struct asked *asked, uint32_t unlikely, int64_t *out)
{
    struct sum sum;

    int r = sum_of(asked->local, unlikely * versions_used(asked->local), &sum);
    if (r == 0)
        *out = sum.is_beyond ? INT64_MAX : sum.error;
    return r;
}

/* The most that rounding took off, in steps. */
static void rounding_add(const struct local *local, struct sum *sum, int64_t *to)
{
    int64_t off;

    for (size_t i = 0; i < local->count; i++) {
        const uint32_t step = local->versions[i].policy.memo_step;
        if (step < 2)
            continue;
        if (__builtin_mul_overflow((int64_t)local->versions[i].reports, (int64_t)step - 1, &off))
            sum->is_beyond = true;
        else
            add_checked(sum, to, off);
    }
}

static int sum_estimate(struct asked *asked)
{
    struct local *local = asked->local;
    struct sum sum;

    int r = sum_of(local, LOCAL_95 * versions_used(local), &sum);
    if (r != 0)
        return r;
    local->value = sum.value;
    local->variance = sum.variance;
    local->low = local->high = sum.value;
    sum.is_beyond |= __builtin_sub_overflow(sum.value, sum.error, &local->low);
    add_checked(&sum, &local->high, sum.error);
    rounding_add(local, &sum, &local->high);
    local->is_beyond = sum.is_beyond;
    return 0;
}

/* Of a sum and an exact number of reports. */
static int mean_estimate(struct asked *asked)
{
    struct local *local = asked->local;
    const int64_t reports = (int64_t)local->reports;

    int r = sum_estimate(asked);
    if (r != 0 || local->is_beyond || reports == 0)
        return r;
    /* hundredths of squared steps x 100 / n^2: 10^-4 of them */
    const __int128 squares = (__int128)local->variance * HUNDRED, all = (__int128)reports * reports;
    const __int128 variance = (squares + all - 1) / all;
    local->is_beyond = scaled_ratio_down(local->low, HUNDRED, reports, &local->low) != 0 ||
                       scaled_ratio_up(local->high, HUNDRED, reports, &local->high) != 0 ||
                       scaled_ratio(local->value, HUNDRED, reports, &local->value) != 0 || variance > INT64_MAX;
    local->variance = (int64_t)variance;
    return 0;
}

static int cell_estimate(struct asked *asked, size_t cell, uint32_t unlikely, struct sum *out)
{
    struct local *local = asked->local;
    struct local_estimate estimate;
    int r = 0;

    *out = (struct sum){ 0 };
    for (size_t i = 0; r == 0 && i < local->count; i++) {
        const struct local_version *version = &local->versions[i];
        const uint32_t categories = local_categories(asked, &version->policy, cell);
        if (version->reports == 0)
            continue;
        r = local_frequency(&version->policy, version->reports, categories, version->cells[cell], unlikely, &estimate);
        if (r == 0)
            estimate_add(out, &estimate, HUNDRED);
        r = refusal_note(out, r);
    }
    return r;
}

static uint32_t cells_unlikely(const struct asked *asked)
{
    return LOCAL_95 * versions_used(asked->local) * (asked->query == QUERY_TOP ? (uint32_t)asked->parameters.count : 1);
}

static int cells_estimate(struct asked *asked)
{
    struct local *local = asked->local;
    struct sum sum;
    int r = 0;

    for (size_t i = 0; r == 0 && i < local_cell_count(asked); i++) {
        r = cell_estimate(asked, i, cells_unlikely(asked), &sum);
        local->cells[i] = sum.value;
        local->is_beyond |= sum.is_beyond;
        local->half_width = sum.error > local->half_width ? sum.error : local->half_width;
        local->variance = sum.variance > local->variance ? sum.variance : local->variance;
    }
    return r;
}

int local_estimate(struct asked *asked)
{
    struct local *local = asked->local;

    if (asked->query == QUERY_SUM)
        return sum_estimate(asked);
    if (asked->query == QUERY_MEAN)
        return mean_estimate(asked);
    if (local_cell_count(asked) > 0)
        return cells_estimate(asked);
    local->value = local->low = local->high = (int64_t)local->reports;
    return 0;
}

static int one_error(const struct asked *asked, const struct local_version *version, uint64_t reports,
                     uint32_t unlikely, struct sum *worst)
{
    struct local_estimate estimate;
    struct sum sum = { 0 };
    int r = 0;

    if (local_cell_count(asked) == 0) {
        const int64_t none = version->policy.mechanism == POLICY_ONE_BIT ? 0 : (int64_t)reports * version->policy.lower;
        r = local_sum(&version->policy, reports, none, unlikely, &estimate);
        if (r == 0)
            estimate_add(&sum, &estimate, 1);
        if (version->policy.memo_step > 1)
            add_checked(&sum, &sum.error, (int64_t)reports * (version->policy.memo_step - 1));
    }
    for (size_t i = 0; r == 0 && i < local_cell_count(asked); i++) {
        struct sum cell = { 0 };
        r = local_frequency(&version->policy, reports, local_categories(asked, &version->policy, i), 0, unlikely,
                            &estimate);
        if (r == 0)
            estimate_add(&cell, &estimate, HUNDRED);
        sum.error = cell.error > sum.error ? cell.error : sum.error;
        sum.is_beyond |= cell.is_beyond;
    }
    worst->error = sum.error > worst->error ? sum.error : worst->error;
    worst->is_beyond |= sum.is_beyond || r != 0;
    return r;
}

/* ---- plans ---- */

/* How far off n such reports may be, in steps or, of cells, in hundredths of reports; -1: beyond all bounds. As if
 * versions had even shares of them, each with the noise of the one that has most. */
static int64_t error_of(const struct asked *asked, uint64_t reports, uint32_t unlikely)
{
    const struct local *local = asked->local;
    struct sum worst = { 0 };
    uint32_t versions = 0;
    int64_t all;

    if (asked->query == QUERY_COUNT)
        return 0;
    for (size_t i = 0; i < local->count; i++)
        versions += local->versions[i].counts;
    for (size_t i = 0; i < local->count; i++)
        if (local->versions[i].counts)
            one_error(asked, &local->versions[i], (reports + versions - 1) / versions, unlikely * versions, &worst);
    return worst.is_beyond || __builtin_mul_overflow(worst.error, (int64_t)versions, &all) ? -1 : all;
}

/* How many reports there are at most. */
static int64_t most_reports(const struct asked *asked)
{
    const int64_t epochs = asked->local->is_memoised ? 1 : asked_epochs(asked);
    int64_t most;

    return __builtin_mul_overflow(asked->noising_count * epochs, asked->local->contributions, &most) ? INT64_MAX : most;
}

/* |(S + s) / (N + c) - S / N| <= (|s| + max|x| |c|) / (N - |c|), where s has on-board noise in it, too. */
static void both_plan(const struct asked *asked, int64_t reports, struct release_plan *plan)
{
    const uint32_t unlikely = LOCAL_95 * ((uint32_t)asked->part_count + 1);
    const int64_t error = error_of(asked, (uint64_t)reports, unlikely);
    int64_t sum, count, readings, drift, num, den = asked->policy.scale;

    if (error < 0 || noised_half_width(asked, &asked->parts[0], unlikely, &sum) != 0 ||
        __builtin_add_overflow(sum, error, &num))
        return;
    if (asked->query == QUERY_MEAN) {
        if (noised_half_width(asked, &asked->parts[1], unlikely, &count) != 0 ||
            __builtin_mul_overflow(asked->device_count * asked_epochs(asked), asked->policy.contributions, &readings) ||
            __builtin_mul_overflow(count, policy_sensitivity(&asked->policy), &drift) ||
            __builtin_add_overflow(drift, num, &num) || readings <= count ||
            __builtin_mul_overflow(readings - count, asked->policy.scale, &den))
            return;
    }
    plan->error95_num = num;
    plan->error95_den = den;
}

bool local_plan_error(const struct asked *asked, struct release_plan *plan)
{
    if (asked->local == NULL || (!asked_is_local(asked) && asked->query == QUERY_COUNT))
        return false;
    const int64_t reports = most_reports(asked);
    if (!asked_is_local(asked)) {
        bool any = false;
        for (size_t i = 0; i < asked->local->count; i++)
            any |= asked->local->versions[i].counts;
        if (any && reports > 0)
            both_plan(asked, reports, plan);
        return any && reports > 0;
    }
    const bool is_top = asked->query == QUERY_TOP;
    const int64_t error =
        error_of(asked, (uint64_t)reports, LOCAL_95 * (is_top ? (uint32_t)asked->parameters.count : 1));
    plan->error95_num = error < 0 ? 0 : error;
    plan->error95_den = asked->query == QUERY_COUNT ? 1 : local_cell_count(asked) > 0 ? 100 : asked->policy.scale;
    if (asked->query == QUERY_MEAN && __builtin_mul_overflow(asked->policy.scale, reports, &plan->error95_den))
        plan->error95_den = 0;
    if (error < 0)
        plan->error95_den = 0;
    return true;
}
