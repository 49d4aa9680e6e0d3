/* release_noise.c - how much noise an answer gets, and how far off it may be.
 *
 * Zeroing out one device's epoch takes at most `contributions` readings away. So a count, or a cell of disjoint cells,
 * changes by at most that many, and all cells together by no more (in L1, and so in L2: all of them may be in one); a
 * sum changes by contributions * max(|lower|, |upper|); a sum about the middle of the bounds by contributions * radius,
 * and one of squares by contributions * radius^2. A reading is in one node of each level of a tree. An answer of
 * several quantities pays equal shares for each of them; what is computed from noised numbers costs nothing more. */
#include <errno.h>

#include "daemon/core/release_local.h"
#include "daemon/core/release_running.h"
#include "device_proto/noise.h"
#include "device_proto/privacy_loss.h"

#define SUM_BITS 62

/* Of a tree, in each of which a reading is once; 1: of none. */
static int64_t levels_of(const struct asked *asked)
{
    if (query_is_running(asked->query))
        return running_levels(asked);
    return asked->query == QUERY_QUANTILES ? TREE_LEVELS : 1;
}

int64_t asked_shares(const struct asked *asked)
{
    if (asked->query == QUERY_MEAN)
        return 2;
    return asked->query == QUERY_VARIANCE ? 3 : levels_of(asked);
}

/* The smallest a with 2 e^(-a^2 / (2 sigma^2)) <= 1 / inverse: the discrete Gaussian is sub-Gaussian (Canonne, Kamath,
 * Steinke, corollary 17). ln of at most 2 * 20 * 64 is below 7.85; here it is rounded up by a table of powers of two.
 */
static int gauss_width_bound(struct noise_scale variance, uint64_t inverse, int64_t *out)
{
    unsigned bits = 1; /* 2 * inverse <= 2^bits, and ln 2 < 0.693148 */

    while (bits < 62 && (UINT64_C(1) << bits) < 2 * inverse)
        bits++;
    unsigned __int128 square = (unsigned __int128)variance.num * 2 * bits * 693148;
    square = square / ((unsigned __int128)variance.den * 1000000) + 1;
    *out = (int64_t)root_up(square);
    return 0;
}

/* inverse: one over the probability of being further off. */
static int half_width(enum mechanism mechanism, struct noise_scale scale, uint64_t inverse, int64_t *out)
{
    uint64_t width;
    int r;

    if (mechanism == MECHANISM_GAUSS && inverse != 20 && inverse != 40)
        return gauss_width_bound(scale, inverse, out);
    const uint64_t tail = inverse == 20 ? PRIVACY_TAIL_5 : inverse == 40 ? PRIVACY_TAIL_2_5 : UINT64_MAX / inverse;
    if (mechanism == MECHANISM_GAUSS)
        r = privacy_gauss_half_width(scale.num, scale.den, tail, &width);
    else
        r = privacy_laplace_half_width(scale.num, scale.den, tail, &width);
    if (r != 0 || width > INT64_MAX)
        return -ERANGE;
    *out = (int64_t)width;
    return 0;
}

int noised_half_width(const struct asked *asked, const struct noised *noised, uint64_t inverse, int64_t *out)
{
    return half_width(asked->mechanism, noised->scale, inverse, out);
}

/* times: of the levels of a tree, each of which gets noise for its share. */
static int part_scale(const struct asked *asked, int64_t sensitivity, int64_t share, int64_t times, struct noised *out)
{
    if (asked->mechanism == MECHANISM_LAPLACE) {
        int r = noise_scale_of(sensitivity, share, NOISE_SCALE_NUM_MAX, &out->scale);
        if (r == 0)
            out->loss = loss_of_laplace(sensitivity, &out->scale, share, times);
        return r;
    }
    uint64_t nrho;
    int r = noise_variance_of(sensitivity, share, &out->scale);
    if (r == 0 && privacy_gauss_rho((uint64_t)sensitivity, out->scale.num, out->scale.den, &nrho) != 0)
        r = -ERANGE;
    if (r == 0)
        out->loss = loss_of_rho((int64_t)nrho * times);
    return r;
}

static int part_add(struct asked *asked, const char *quantity, int digits, int64_t sensitivity, uint64_t inverse)
{
    struct noised *part = &asked->parts[asked->part_count];
    const int64_t all = asked->mechanism == MECHANISM_LAPLACE ? asked->wanted.ueps : asked->wanted.nrho;
    const int64_t shares = asked_shares(asked), times = levels_of(asked);
    /* what does not divide evenly goes to the first */
    const int64_t share = all / shares + (asked->part_count == 0 && times == 1 ? all % shares : 0);

    *part = (struct noised){ .quantity = quantity, .digits = digits };
    int r = part_scale(asked, sensitivity, share, times, part);
    if (r == 0)
        r = half_width(asked->mechanism, part->scale, inverse, &part->half_width);
    if (r != 0)
        return r;
    loss_add(&asked->loss, &part->loss);
    asked->part_count++;
    return 0;
}

/* No sum of squares may come near int64, whatever devices send. */
static bool squares_fit(const struct asked *asked)
{
    int64_t most = asked_radius(asked);

    return !__builtin_mul_overflow(most, asked_radius(asked), &most) &&
           !__builtin_mul_overflow(most, asked->policy.contributions, &most) &&
           !__builtin_mul_overflow(most, asked->device_count * asked_epochs(asked), &most) && most >> SUM_BITS == 0;
}

static int variance_parts(struct asked *asked, int digits, struct why *why)
{
    const int64_t radius = asked_radius(asked), contributions = asked->policy.contributions;

    if (!squares_fit(asked))
        return refuse(why, REFUSED_TOO_LARGE, "selector", "ask for fewer devices or a shorter window",
                      "a sum of squares over so many readings could overflow");
    int r = part_add(asked, "squares", 2 * digits, contributions * radius * radius, 60);
    if (r == 0)
        r = part_add(asked, "sum", digits, contributions * radius, 60);
    return r == 0 ? part_add(asked, "count", 0, contributions, 60) : r;
}

static int parts_make(struct asked *asked, struct why *why)
{
    const int64_t contributions = asked->policy.contributions;
    const int digits = digits_of_scale(asked->policy.scale);
    int64_t sensitivity;
    int r;

    if (__builtin_mul_overflow(contributions, policy_sensitivity(&asked->policy), &sensitivity))
        return -EOVERFLOW; /* policies make it impossible */
    switch (asked->query) {
    case QUERY_COUNT:
        return part_add(asked, "count", 0, contributions, 20);
    case QUERY_SUM:
        return part_add(asked, "sum", digits, sensitivity, 20);
    case QUERY_MEAN:
        r = part_add(asked, "sum", digits, sensitivity, 40);
        return r == 0 ? part_add(asked, "count", 0, contributions, 40) : r;
    case QUERY_VARIANCE:
        return variance_parts(asked, digits, why);
    case QUERY_HISTOGRAM:
        asked->cell_count = asked->parameters.count - 1;
        return part_add(asked, "count", 0, contributions, 20);
    case QUERY_QUANTILES:
        asked->cell_count = TREE_CELLS;
        return part_add(asked, "count", 0, contributions, 20);
    case QUERY_TOP: /* the largest are chosen by their noise, too: their intervals hold all at once */
        asked->cell_count = asked->parameters.count;
        return part_add(asked, "count", 0, contributions, 20 * asked->parameters.count);
    case QUERY_DEVICE_COUNT:
        asked->cell_count = (size_t)asked->device_count;
        return part_add(asked, "count", 0, contributions, 20);
    case QUERY_DEVICE_SUM:
        asked->cell_count = (size_t)asked->device_count;
        return part_add(asked, "sum", digits, sensitivity, 20);
    case QUERY_VECTOR_SUM:
        asked->cell_count = (size_t)asked->policy.dimension;
        r = vector_fits(asked, why);
        return r == 0 ? part_add(asked, "coordinate", digits, sensitivity, 20) : r;
    case QUERY_RUNNING_COUNT:
        r = part_add(asked, "partial sum", 0, contributions, 20);
        return r == 0 ? running_widen(asked) : r;
    }
    return -EINVAL;
}

int asked_noise(struct asked *asked, struct why *why)
{
    if (asked_is_local(asked))
        return 0; /* local_open() has said the price */
    asked->loss = (struct loss){ 0 };
    asked->part_count = asked->cell_count = 0;
    int r = parts_make(asked, why);
    if (r == -ERANGE && asked->mechanism == MECHANISM_GAUSS)
        return refuse(why, REFUSED_INVALID, "rho", "ask with a larger rho",
                      "so small a rho needs more noise than can be drawn");
    if (r == -ERANGE)
        return refuse(why, REFUSED_INVALID, "epsilon", "ask with a larger epsilon",
                      "so small an epsilon needs more noise than can be drawn");
    return r;
}

int noised_add(struct core *core, const struct asked *asked, struct noise_scale scale, int64_t *value)
{
    int64_t noise;
    int r;

    if (asked->mechanism == MECHANISM_GAUSS)
        r = noise_gauss(core->random, scale.num, scale.den, &noise);
    else
        r = noise_laplace(core->random, scale.num, scale.den, &noise);
    if (r != 0)
        return r > 0 ? -EIO : r;
    return __builtin_add_overflow(*value, noise, value) ? -EOVERFLOW : 0;
}

int noise_add(struct core *core, struct asked *asked)
{
    int r = 0;

    if (asked->query == QUERY_VECTOR_SUM)
        return vector_noise(core, asked);
    if (query_is_running(asked->query))
        return running_noise(core, asked);
    for (size_t i = 0; r == 0 && i < asked->cell_count; i++)
        if (!query_is_shared(asked->query) || asked->shared[i].is_fresh)
            r = noised_add(core, asked, asked->parts[0].scale, &asked->cells[i]);
    for (size_t i = 0; r == 0 && asked->cell_count == 0 && i < asked->part_count; i++)
        r = noised_add(core, asked, asked->parts[i].scale, &asked->parts[i].value);
    return r;
}

/* |(S + s) / (N + c) - S / N| <= (|s| + max|x| |c|) / (N - |c|) */
static void mean_error(const struct asked *asked, struct release_plan *plan)
{
    const struct noised *sum = &asked->parts[0], *count = &asked->parts[1];
    int64_t readings, drift, num, den;

    if (__builtin_mul_overflow(asked->device_count * asked_epochs(asked), asked->policy.contributions, &readings) ||
        __builtin_mul_overflow(count->half_width, policy_sensitivity(&asked->policy), &drift) ||
        __builtin_add_overflow(drift, sum->half_width, &num) || readings <= count->half_width ||
        __builtin_mul_overflow(readings - count->half_width, asked->policy.scale, &den))
        return;
    plan->error95_num = num;
    plan->error95_den = den;
}

void plan_error(const struct asked *asked, struct release_plan *plan)
{
    plan->error95_num = plan->error95_den = 0;
    if (local_plan_error(asked, plan))
        return;
    switch (asked->query) {
    case QUERY_COUNT:
    case QUERY_HISTOGRAM:
    case QUERY_TOP:
    case QUERY_DEVICE_COUNT:
    case QUERY_RUNNING_COUNT: /* at the step that has most noise */
        plan->error95_num = asked->parts[0].half_width;
        plan->error95_den = 1;
        return;
    case QUERY_SUM:
    case QUERY_DEVICE_SUM:
        plan->error95_num = asked->parts[0].half_width;
        plan->error95_den = asked->policy.scale;
        return;
    case QUERY_VECTOR_SUM:
        plan->error95_num = asked->parts[0].half_width;
        plan->error95_den = asked->policy.scale;
        plan->l2_error = vector_l2_error(asked);
        return;
    case QUERY_MEAN:
        mean_error(asked, plan);
        return;
    case QUERY_VARIANCE:  /* how far noise shifts them depends on the readings: */
    case QUERY_QUANTILES: /* the answer's interval says it, nothing beforehand can */
        return;
    }
}

/* ---- the loss for a wanted error ---- */

/* Whether a share of so much keeps the error; what cannot be drawn does not. */
static bool loss_keeps(struct asked *asked, int64_t amount)
{
    struct release_plan plan = { 0 };

    asked->wanted = (struct loss){ 0 };
    *(asked->mechanism == MECHANISM_LAPLACE ? &asked->wanted.ueps : &asked->wanted.nrho) = amount;
    if (asked_noise(asked, NULL) != 0)
        return false;
    plan_error(asked, &plan);
    return plan.error95_den > 0 && (__int128)plan.error95_num * 1000000 <= (__int128)asked->error * plan.error95_den;
}

int plan_needed(struct asked *asked, struct release_plan *plan, struct why *why)
{
    const struct loss given = asked->wanted;
    int64_t low = asked_shares(asked);
    int64_t high = asked->mechanism == MECHANISM_LAPLACE ? RELEASE_UEPS_MAX : RELEASE_NRHO_MAX;

    if (asked->query == QUERY_VARIANCE || asked->query == QUERY_QUANTILES)
        return refuse(why, REFUSED_INVALID, "error", "ask with an epsilon; the answer states its interval",
                      "how far off a variance or a quantile is depends on the readings, so nothing is said beforehand");
    if (!loss_keeps(asked, high)) {
        if (asked_noise(asked, why) == REFUSED_TOO_LARGE) /* which no loss mends */
            return REFUSED_TOO_LARGE;
        return refuse(why, REFUSED_INVALID, "error", "wish for less, or ask more devices",
                      "no release over these devices keeps so small an error");
    }
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (loss_keeps(asked, middle))
            high = middle;
        else
            low = middle + 1;
    }
    loss_keeps(asked, high);
    plan->has_needed = true;
    plan->needed = asked->loss;
    if (given.ueps != 0 || given.nrho != 0)
        asked->wanted = given;
    return 0;
}
