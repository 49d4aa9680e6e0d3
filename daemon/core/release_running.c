/* release_running.c - running counts: how many readings there have been by the end of each step of an epoch.
 *
 * A series is of one tenant, sensor, selector, epoch, step, policy version and amount of noise. Its steps cut the epoch
 * into a horizon of T equal parts. The noised partial sum of step t is over as many steps as the largest power of two
 * that divides t, t the last of them (the binary mechanism; device_proto/noise_tree.h has it with a state in memory),
 * and the count after step t is the sum of popcount(t) of them. Each is drawn once, as its step is first asked for, and
 * kept: two releases show the same count for the same step, and what is stored is noised.
 *
 * Sensitivity. Of a device's readings of the epoch the C = `contributions` that came first count: which these are, no
 * later reading changes, so a step that has ended stays as it is (readings are dated by the ledger's time, which never
 * falls). Partial sums of one length are over steps of their own, and there are levels = floor(log2 T) + 1 lengths. So
 * zeroing out a device's epoch (all its raw readings) changes the sums of one length by at most C together, in L1 and
 * so in L2, also where its readings answer to what was released before: Laplace noise of scale C levels / epsilon
 * costs epsilon / levels for each length, Gaussian noise C^2 / (2 sigma^2) of rho. Two things could make a device count
 * twice, and are refused: readings deleted within the series (a retention shorter than an epoch and a step, which the
 * last one needs; a device that was deleted and made again), and another policy version, which is another series.
 *
 * Charged is all T steps' loss at once, with the first release of the series, to the filter and the odometer of each
 * device asked and to the tenant's budget. Later releases cost nothing. The devices are those of that first release:
 * one that joins later is in the next epoch's series, and one that the tenant's grants do not cover any more ends this
 * one. All of that follows from requests, registry and clock. As with a count: readings noised on board count with
 * their own bound, and that they came is not hidden; nor is which devices there are. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/core/device.h"
#include "daemon/core/ledger.h"
#include "daemon/core/release_running.h"
#include "daemon/core/texts.h"
#include "device_proto/noise_tree.h"
#include "device_proto/privacy_loss.h"

#define MILLION 1000000

bool query_is_running(enum query query)
{
    return query == QUERY_RUNNING_COUNT;
}

bool release_is_running(const char *query)
{
    return query != NULL && strcmp(query, query_name(QUERY_RUNNING_COUNT)) == 0;
}

int64_t release_paid_by(const struct release *release)
{
    static const char key[] = "\"paid_by\":"; /* what others wrote into an answer has its quotes escaped */
    const char *found = release_is_running(release->query) ? strstr(release->answer, key) : NULL;

    return found != NULL ? strtoll(found + sizeof(key) - 1, NULL, 10) : 0;
}

bool asked_is_paid(const struct asked *asked)
{
    return query_is_running(asked->query) && asked->running->has_begun;
}

int64_t running_levels(const struct asked *asked)
{
    return noise_tree_levels((uint64_t)asked->running->horizon);
}

/* The first step that the partial sum of a step is over, less one. */
int64_t running_before(int64_t step)
{
    return step & (step - 1);
}

/* ---- form ---- */

int running_form(const struct release_order *order, struct asked *out, struct why *why)
{
    char epoch[DURATION_SIZE];

    if (!query_is_running(out->query))
        return order->step_ms == 0 ? 0 : refuse(why, REFUSED_INVALID, "step", "leave it out", "this query has no step");
    duration_words(out->epoch_ms, epoch);
    if (order->step_ms < 1 || out->epoch_ms % order->step_ms != 0 || out->epoch_ms / order->step_ms > RUNNING_STEPS_MAX)
        return refuse(why, REFUSED_INVALID, "step", "as 1h",
                      "a running count needs a step that divides the epoch of %s, into at most %d steps", epoch,
                      RUNNING_STEPS_MAX);
    if (order->from_ms != 0)
        return refuse(why, REFUSED_INVALID, "from", "leave it out", "a running count begins with its epoch");
    out->running = calloc(1, sizeof(*out->running));
    if (out->running == NULL)
        return -ENOMEM;
    out->running->step_ms = order->step_ms;
    out->running->horizon = out->epoch_ms / order->step_ms;
    snprintf(out->parameters_text, sizeof(out->parameters_text), "{\"step_ms\":%lld}", (long long)order->step_ms);
    return 0;
}

void running_window(const struct core *core, struct asked *asked)
{
    struct running *running = asked->running;

    asked->from_ms = ledger_epoch_start_ms(core, ledger_epoch(core, asked->to_ms - 1));
    running->steps = (asked->to_ms - asked->from_ms) / running->step_ms;
    asked->to_ms = asked->from_ms + running->steps * running->step_ms;
}

/* ---- how far off ---- */

/* Of the sum of 1 .. 12 independent Laplace draws of scale 1: what its absolute value passes with 5 %, in millionths,
 * rounded up. The sum's density is e^-x times a polynomial; this is its tail, solved with 40 digits. */
static const int64_t laplace_widths[] = { 0,       2995733, 4113004, 4968597, 5692572, 6332725, 6913194,
                                          7448264, 7947249, 8416637, 8861164, 9284420, 9689202 };

/* With Laplace noise. A discrete draw Z of scale b is no further from 0 than a continuous one X that is rounded to the
 * nearest integer: P(|Z| >= a) = 2 q^a / (1 + q) <= q^(a - 1/2) = P(|round(X)| >= a), q = e^(-1/b), as 2 sqrt(q) <= 1 +
 * q. Both are symmetric and unimodal on the integers, so sums of them keep that order (Birnbaum 1948), and rounding
 * moves a sum of k by at most k/2: half the width of k draws, and k/2 more. */
static int laplace_width(struct noise_scale scale, unsigned draws, int64_t *out)
{
    uint64_t width;

    if (draws == 1 && privacy_laplace_half_width(scale.num, scale.den, PRIVACY_TAIL_5, &width) == 0 &&
        width <= INT64_MAX) {
        *out = (int64_t)width;
        return 0;
    }
    if (draws >= sizeof(laplace_widths) / sizeof(laplace_widths[0]))
        return -ERANGE;
    const unsigned __int128 num = (unsigned __int128)scale.num * (uint64_t)laplace_widths[draws] * 2 +
                                  (unsigned __int128)scale.den * draws * MILLION;
    const unsigned __int128 den = (unsigned __int128)scale.den * 2 * MILLION;

    if (num / den >= INT64_MAX)
        return -ERANGE;
    *out = (int64_t)(num / den);
    return 0;
}

/* With Gaussian noise. One draw's is known; for sigma^2 >= 4 a sum of k <= 12 draws is as likely to have any value as
 * one draw of k times the variance, but for a factor of e^t, t < 10^-15: by Poisson's summation two of them differ by
 * less than 5 e^(-2 pi^2 s^2), 1/s^2 = 1/sigma_1^2 + 1/sigma_2^2 <= 1/2 (Kairouz, Liu, Steinke 2021, theorem 9, has the
 * same bound). One more than the other's width makes up for more than that. Below, such a sum is sub-Gaussian, and 2
 * e^(-a^2 / (2 k sigma^2)) <= 1/20 where a^2 >= 2 k sigma^2 ln 40, and ln 40 < 3.688880. */
static int gauss_width(struct noise_scale variance, unsigned draws, int64_t *out)
{
    const unsigned __int128 num = (unsigned __int128)variance.num * draws;
    uint64_t width;

    if ((draws == 1 || variance.num / variance.den >= 4) && num <= UINT64_MAX &&
        privacy_gauss_half_width((uint64_t)num, variance.den, PRIVACY_TAIL_5, &width) == 0 && width < INT64_MAX) {
        *out = (int64_t)width + (draws > 1);
        return 0;
    }
    if (num / variance.den >= UINT64_C(1) << 60)
        return -ERANGE;
    const unsigned __int128 square = num * 2 * 3688880 / ((unsigned __int128)variance.den * MILLION) + 1;
    *out = (int64_t)root_up(square);
    return 0;
}

int running_half_width(const struct asked *asked, unsigned draws, int64_t *out)
{
    if (asked->mechanism == MECHANISM_GAUSS)
        return gauss_width(asked->parts[0].scale, draws, out);
    return laplace_width(asked->parts[0].scale, draws, out);
}

int running_widen(struct asked *asked)
{
    unsigned most = 0;

    for (int64_t step = 1; step <= asked->running->horizon; step++)
        if ((unsigned)__builtin_popcountll((uint64_t)step) > most)
            most = (unsigned)__builtin_popcountll((uint64_t)step);
    return running_half_width(asked, most, &asked->parts[0].half_width);
}

/* ---- the series ---- */

static int sum_take(void *context, const struct running_sum *sum)
{
    struct running *running = context;

    if (sum->step > running->horizon)
        return -EPROTO;
    running->sums[sum->step] = sum->value;
    return 0;
}

static int devices_take(struct asked *asked, const struct cohort *cohort)
{
    asked->devices = calloc((size_t)cohort->device_count, sizeof(*asked->devices));
    if (asked->devices == NULL)
        return -ENOMEM;
    asked->device_capacity = cohort->device_count;
    for (size_t i = 0; i < cohort->member_count; i++)
        for (uint64_t left = cohort->members[i].devices; left != 0; left &= left - 1) {
            if (asked->device_count == asked->device_capacity)
                return -EPROTO;
            asked->devices[asked->device_count++] = (int64_t)cohort->members[i].chunk * 64 + __builtin_ctzll(left);
        }
    return 0;
}

/* Whom the series is over, so far as the tenant's grants cover them still: the first that they do not. */
struct coverage {
    const struct asked *asked;
    int64_t place; /* of the next device to be met */
};

static int cover(void *context, const struct device *device)
{
    struct coverage *coverage = context;
    const struct asked *asked = coverage->asked;

    if (coverage->place < asked->device_count && device->id == asked->devices[coverage->place])
        coverage->place++;
    return 0;
}

/* A tenant is not told the name of a device that is not granted to it (I8). */
static int left_refuse(struct core *core, const struct asked *asked, int64_t device_id, const char *how,
                       struct why *why)
{
    struct device device = { .name = "" };
    char name[NAME_SIZE + 8] = "a device";

    int r = asked->by_tenant ? REFUSED_UNKNOWN : core->store->device_by_id(core->store, device_id, &device);
    if (r < 0)
        return r;
    if (r == 0)
        snprintf(name, sizeof(name), "device %s", device.name);
    return refuse(why, REFUSED_CONFLICT, "selector",
                  "begin another series: another selector or step, charged anew; what this one said stays in its "
                  "releases",
                  "%s that this series of running counts began with %s, and a series is over the same devices from "
                  "first to last",
                  name, how);
}

static int coverage_check(struct core *core, struct asked *asked, struct why *why)
{
    const struct cohort_query query = {
        .tenant_id = asked->tenant.id, .selector = "", .sensor = asked->policy.sensor, .slot = -1
    };
    struct coverage coverage = { asked, 0 };

    int r = device_cohort(core, &query, cover, &coverage, why);
    if (r == 0 && coverage.place < asked->device_count)
        return left_refuse(core, asked, asked->devices[coverage.place], "is not granted any more", why);
    return r;
}

static int id_compare(const void *a, const void *b)
{
    const int64_t *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

struct departures {
    const struct asked *asked;
    int64_t found; /* 0: none of the series' */
};

static int departure_look(void *context, const struct departure *departure)
{
    struct departures *departures = context;
    const struct asked *asked = departures->asked;

    if (departures->found == 0 && bsearch(&departure->device_id, asked->devices, (size_t)asked->device_count,
                                          sizeof(*asked->devices), id_compare) != NULL)
        departures->found = departure->device_id;
    return 0;
}

static int departures_check(struct core *core, struct asked *asked, struct why *why)
{
    struct departures departures = { asked, 0 };

    int r = core->store->running_departed(core->store, asked->running->series.id, departure_look, &departures);
    if (r == 0 && departures.found != 0)
        return left_refuse(core, asked, departures.found, "was deleted meanwhile, and its readings with it", why);
    return r;
}

/* Goes on with what is there. */
static int series_resume(struct core *core, struct asked *asked, struct why *why)
{
    struct running *running = asked->running;
    struct cohort cohort = { 0 };

    running->has_begun = true;
    int r = core->store->running_cohort(core->store, running->series.id, &cohort);
    if (r == 0)
        r = devices_take(asked, &cohort);
    free(cohort.members);
    if (r != 0)
        return r > 0 ? -EPROTO : r;
    r = core->store->running_sum_each(core->store, running->series.id, sum_take, running);
    if (r == 0)
        r = departures_check(core, asked, why);
    return r == 0 ? coverage_check(core, asked, why) : r;
}

int running_find(struct core *core, struct asked *asked, struct why *why)
{
    struct running *running = asked->running;

    if (asked->policy.retention_ms < asked->epoch_ms + running->step_ms)
        return refuse(why, REFUSED_INVALID, "sensor", "have it keep readings for longer: tinypartctl policy set",
                      "the policy of sensor %s deletes readings before the last step of an epoch can be counted",
                      asked->policy.sensor);
    running->series = (struct running_series){
        .tenant_id = asked->tenant.id,
        .sensor = asked->policy.sensor,
        .selector = asked->selector,
        .mechanism = mechanism_name(asked->mechanism),
        .epoch = asked->first_epoch,
        .step_ms = running->step_ms,
        .policy_version = asked->policy.version,
        .scale_num = (int64_t)asked->parts[0].scale.num,
        .scale_den = (int64_t)asked->parts[0].scale.den,
    };
    int r = core->store->running_get(core->store, &running->series);
    if (r == REFUSED_UNKNOWN)
        return asked_cohort(core, asked, why);
    return r == 0 ? series_resume(core, asked, why) : r;
}

int running_ready(const struct asked *asked, struct why *why)
{
    char start[32], end[32];

    if (!query_is_running(asked->query) || asked->running->steps > 0)
        return 0;
    time_format(asked->from_ms, start);
    time_format(asked->from_ms + asked->running->step_ms, end);
    return refuse(why, REFUSED_INVALID, "to", "wait, or ask for the whole of the epoch before: --to its end",
                  "no step of the epoch that began at %s has ended yet; the first ends at %s", start, end);
}

/* ---- truth and noise ---- */

struct step_counts {
    int64_t *of; /* [step] */
    int64_t last;
};

static int step_add(void *context, const struct step_count *step)
{
    struct step_counts *counts = context;

    if (step->step < 1 || step->step > counts->last)
        return -EPROTO;
    counts->of[step->step] += step->count;
    return 0;
}

/* Of each step that has no partial sum yet, the exact one. */
static void sums_fill(struct running *running, int64_t *counts)
{
    for (int64_t step = 1; step <= running->steps; step++)
        counts[step] += counts[step - 1]; /* by its end; at most COHORT_MAX times contributions */
    for (int64_t step = running->series.drawn + 1; step <= running->steps; step++)
        running->sums[step] = counts[step] - counts[running_before(step)];
}

int running_add(struct core *core, struct asked *asked, struct aggregate_query *query)
{
    struct running *running = asked->running;
    int r = 0;

    if (running->steps <= running->series.drawn)
        return 0;
    int64_t *of = calloc((size_t)running->steps + 1, sizeof(*of));
    if (of == NULL)
        return -ENOMEM;
    struct step_counts counts = { of, running->steps };
    query->epoch = asked->first_epoch;
    for (int64_t i = 0; r == 0 && i < asked->device_count; i++) {
        query->device_id = asked->devices[i];
        r = core->store->reading_steps(core->store, query, running->step_ms, step_add, &counts);
    }
    if (r == 0)
        sums_fill(running, of);
    free(of);
    return r;
}

int running_noise(struct core *core, struct asked *asked)
{
    struct running *running = asked->running;
    int r = 0;

    for (int64_t step = running->series.drawn + 1; r == 0 && step <= running->steps; step++)
        r = noised_add(core, asked, asked->parts[0].scale, &running->sums[step]);
    if (r == 0)
        asked->parts[0].value = running_count(running, running->steps);
    return r;
}

int running_keep(struct core *core, struct asked *asked, int64_t release_id)
{
    struct running *running = asked->running;
    struct store *store = core->store;
    int r = 0;

    if (!running->has_begun) {
        running->series.release_id = release_id;
        r = store->running_insert(store, &running->series, &asked->cohort);
    }
    for (int64_t step = running->series.drawn + 1; r == 0 && step <= running->steps; step++) {
        const struct running_sum sum = { step, running->sums[step] };
        r = store->running_sum_insert(store, running->series.id, &sum);
    }
    return r > 0 ? -EPROTO : r;
}

/* Of sums that are noise beyond all numbers the nearest number is said: a fault would hang on what was drawn. */
int64_t running_count(const struct running *running, int64_t step)
{
    __int128 sum = 0;

    for (; step > 0; step = running_before(step))
        sum += running->sums[step];
    return sum > INT64_MAX ? INT64_MAX : sum < INT64_MIN ? INT64_MIN : (int64_t)sum;
}
