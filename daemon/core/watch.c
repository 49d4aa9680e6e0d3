/* watch.c - bets against the noise of devices. Bounds are computed in 2^-32ths, always rounded up.
 *
 * Two Laplace reports differ by D + (x1 - x2), where D is the difference of two draws: symmetric and unimodal, so for
 * any two readings P(|report1 - report2| <= w) <= P(|D| <= w) <= (2w + 1) P(D = 0), and
 * P(D = 0) = T (1 + T^2) / 2 with T = tanh(1/(2t)). A report that was cut where outputs end is never counted as near.
 * k-ary responses: two are equal with sum over categories of the product of two rows of the matrix, at most that of one
 * row with itself. Unary: the number of set bits does not depend on the category at all. */
#include "daemon/core/watch.h"

#define ONE       (UINT64_C(1) << 32)
#define LOG_BITS  20u
#define BITS(log) ((int32_t)(log) * (1 << LOG_BITS))

typedef unsigned __int128 wide;

/* A bet that hits with a = p + (1 - p) f where p is the bound: a miss costs log2(1 - f). */
static const struct {
    uint64_t fraction; /* f, in 2^-32ths */
    int32_t miss;      /* rounded down */
    int32_t alarm;
    uint32_t trials;
} bets[WATCH_BETS] = {
    { ONE / 4 * 3, BITS(-2), BITS(44), 64 },
    { ONE / 4, -435199, BITS(40), 1024 },
    { ONE / 16, -97633, BITS(36), 16384 },
};

static uint64_t times_up(uint64_t a, uint64_t b)
{
    return (uint64_t)(((wide)a * b + ONE - 1) >> 32);
}

static uint64_t capped(wide probability)
{
    return probability > ONE ? ONE : (uint64_t)probability;
}

/* tanh(x) <= x (15 + x^2) / (15 + 6 x^2), a convergent of its continued fraction, for x = den / (2 num). */
static uint64_t tanh_up(uint64_t num, uint64_t den)
{
    wide x = ((wide)den * (ONE / 2) + num - 1) / num;

    if (x > (wide)4 * ONE)
        return ONE;
    wide square = x * x; /* in 2^-64ths, below 2^68 */
    wide above = 15 * ((wide)1 << 64) + square, below = 15 * ((wide)1 << 64) + 6 * square;
    return capped((x * (above >> 32) + x) / (below >> 32) + 1);
}

static void bounds_of_laplace(const struct noise_policy *policy, struct watch_bounds *out)
{
    uint64_t t = tanh_up(policy->parameter_num, policy->parameter_den);
    uint64_t same = (times_up(t, ONE + times_up(t, t)) + 1) / 2 + 1; /* + 1: the distance of the geometric */
    uint64_t wanted = same < ONE / 4 ? ONE / 4 / same : 1;

    out->near = (int64_t)(wanted - 1) / 2;
    out->probability[0] = capped((wide)(2 * (uint64_t)out->near + 1) * same);
    out->probability[1] = out->probability[2] = ONE / 2 + 1; /* an honest report passes either bound at most so often */
}

/* num/den of weights, rounded up. */
static uint64_t ratio_up(wide num, wide den)
{
    return (uint64_t)((num * ONE + den - 1) / den);
}

static void bounds_of_responses(const struct noise_policy *policy, struct watch_bounds *out)
{
    uint64_t truth = policy->parameter_num, lie = policy->parameter_den;
    uint64_t others = policy->mechanism == POLICY_ONE_BIT ? 1 : policy_categories(policy) - 1;
    wide total = (wide)truth + (wide)others * lie;

    /* at most 2^33, or 2^40 with many categories: squares, and those times 2^32, fit */
    out->probability[0] = ratio_up((wide)truth * truth + (wide)others * lie * lie, total * total);
}

/* How many bits are set: one fair coin and categories - 1 of lie / (truth + lie); probabilities rounded up. */
static void bits_up(const struct noise_policy *policy, uint64_t out[POLICY_UNARY_CATEGORIES_MAX + 1])
{
    uint64_t sum = (uint64_t)policy->parameter_num + policy->parameter_den;
    uint64_t rises = ratio_up(policy->parameter_den, sum), stays = ratio_up(policy->parameter_num, sum);
    unsigned categories = policy_categories(policy);

    out[0] = out[1] = ONE / 2;
    for (unsigned n = 2; n <= categories; n++) {
        out[n] = times_up(out[n - 1], rises);
        for (unsigned k = n - 1; k > 0; k--)
            out[k] = times_up(out[k], stays) + times_up(out[k - 1], rises);
        out[0] = times_up(out[0], stays);
    }
}

static void bounds_of_unary(const struct noise_policy *policy, struct watch_bounds *out)
{
    uint64_t bits[POLICY_UNARY_CATEGORIES_MAX + 1];
    uint64_t sum = (uint64_t)policy->parameter_num + policy->parameter_den;
    uint64_t rises = ratio_up(policy->parameter_den, sum), stays = ratio_up(policy->parameter_num, sum);
    uint64_t same = ONE / 2;
    unsigned categories = policy_categories(policy);

    for (unsigned i = 1; i < categories; i++)
        same = times_up(same, capped((wide)times_up(rises, rises) + times_up(stays, stays)));
    out->probability[0] = same;
    bits_up(policy, bits);
    out->probability[2] = bits[0];
    while (out->few + 1 < categories && out->probability[2] + bits[out->few + 1] <= ONE / 4)
        out->probability[2] += bits[++out->few];
    out->many = categories;
    out->probability[1] = bits[categories];
    while (out->many > 1 && out->probability[1] + bits[out->many - 1] <= ONE / 4)
        out->probability[1] += bits[--out->many];
}

void watch_bounds(const struct noise_policy *policy, struct watch_bounds *out)
{
    *out = (struct watch_bounds){ { ONE, ONE, ONE }, 0, 0, 0 };
    if (policy->memo_step != 0)
        return;
    switch (policy->mechanism) {
    case POLICY_DISCRETE_LAPLACE:
    case POLICY_GEOMETRIC:
        bounds_of_laplace(policy, out);
        break;
    case POLICY_RANDOMIZED_RESPONSE:
    case POLICY_ONE_BIT:
        bounds_of_responses(policy, out);
        break;
    case POLICY_UNARY:
        bounds_of_unary(policy, out);
        break;
    case POLICY_NONE:
        break;
    }
}

/* ---- bets ---- */

/* log2(num/den) in 2^-20ths, rounded down; num >= den. Squaring a truncated number never gains. */
static int32_t log2_down(uint64_t num, uint64_t den)
{
    uint64_t mantissa = (uint64_t)(((wide)num << 31) / den);
    int32_t log = 0;

    for (; mantissa >= ONE; mantissa >>= 1)
        log++;
    for (unsigned bit = 0; bit < LOG_BITS; bit++) {
        mantissa = (uint64_t)((wide)mantissa * mantissa >> 31);
        log *= 2;
        if (mantissa >= ONE) {
            mantissa >>= 1;
            log++;
        }
    }
    return log;
}

/* Whether a bet of this test passes its alarm. */
static bool test_look(struct watch_bet test[WATCH_BETS], uint64_t bound, bool is_hit)
{
    bool alarm = false;

    if (bound == 0 || bound >= WATCH_USELESS)
        return false;
    for (unsigned i = 0; i < WATCH_BETS; i++) {
        uint64_t a = bound + (uint64_t)((wide)bets[i].fraction * (ONE - bound) >> 32);
        test[i].stake += is_hit ? log2_down(a, bound) : bets[i].miss;
        alarm = alarm || test[i].stake >= bets[i].alarm;
        if (++test[i].trials >= bets[i].trials)
            test[i] = (struct watch_bet){ 0 };
    }
    return alarm;
}

static unsigned count_bits(int64_t report)
{
    return (unsigned)__builtin_popcountll((uint64_t)report);
}

static bool is_near(const struct watch *watch, const struct noise_policy *policy, const struct watch_bounds *bounds,
                    int64_t report)
{
    int64_t least, most, apart = report - watch->previous;
    bool is_plain;

    if (policy->mechanism != POLICY_DISCRETE_LAPLACE && policy->mechanism != POLICY_GEOMETRIC)
        return apart == 0;
    policy_output_range(policy, &least, &most, &is_plain);
    if (report <= least || report >= most || watch->previous <= least || watch->previous >= most)
        return false;
    return apart >= -bounds->near && apart <= bounds->near;
}

enum watch_verdict watch_look(struct watch *watch, const struct noise_policy *policy, int64_t report)
{
    struct watch_bounds bounds;
    bool alarm = false, above, below;

    watch_bounds(policy, &bounds);
    if (watch->has_previous)
        alarm = test_look(watch->bets[0], bounds.probability[0], is_near(watch, policy, &bounds, report));
    watch->has_previous = !watch->has_previous;
    watch->previous = watch->has_previous ? report : 0;
    if (alarm)
        return WATCH_TOO_LITTLE;
    above = policy->mechanism == POLICY_UNARY ? count_bits(report) >= bounds.many : report > policy->upper;
    below = policy->mechanism == POLICY_UNARY ? count_bits(report) <= bounds.few : report < policy->lower;
    if (test_look(watch->bets[1], bounds.probability[1], above))
        return WATCH_ABOVE;
    return test_look(watch->bets[2], bounds.probability[2], below) ? WATCH_BELOW : WATCH_FINE;
}

void watch_begin(struct watch *watch, int64_t policy_version, int64_t epoch)
{
    if (watch->epoch != epoch)
        watch->given = 0;
    watch->epoch = epoch;
    if (watch->policy_version == policy_version)
        return;
    watch->policy_version = policy_version;
    watch->has_previous = false;
    watch->previous = 0;
    for (unsigned test = 0; test < WATCH_TESTS; test++)
        for (unsigned i = 0; i < WATCH_BETS; i++)
            watch->bets[test][i] = (struct watch_bet){ 0 };
}

const char *watch_verdict_text(enum watch_verdict verdict)
{
    switch (verdict) {
    case WATCH_TOO_LITTLE:
        return "reports are more alike than its noise lets any readings be";
    case WATCH_ABOVE:
        return "reports drift above what its noise makes of any readings";
    case WATCH_BELOW:
        return "reports drift below what its noise makes of any readings";
    case WATCH_FINE:
        break;
    }
    return "nothing";
}

/* ---- as it is kept ---- */

static void put_64(uint8_t *out, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (56 - 8 * i));
}

static uint64_t take_64(const uint8_t *in)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++)
        value = value << 8 | in[i];
    return value;
}

#define HEAD 48u /* version, epoch, given, previous, whether there is one, a spare */

void watch_encode(const struct watch *watch, uint8_t out[WATCH_SIZE])
{
    memset(out, 0, WATCH_SIZE);
    put_64(out, (uint64_t)watch->policy_version);
    put_64(out + 8, (uint64_t)watch->epoch);
    put_64(out + 16, (uint64_t)watch->given);
    put_64(out + 24, (uint64_t)watch->previous);
    put_64(out + 32, watch->has_previous);
    for (unsigned i = 0; i < WATCH_TESTS * WATCH_BETS; i++) {
        const struct watch_bet *bet = &watch->bets[i / WATCH_BETS][i % WATCH_BETS];
        put_64(out + HEAD + (size_t)8 * i, (uint64_t)(uint32_t)bet->stake << 32 | bet->trials);
    }
}

void watch_decode(const uint8_t in[WATCH_SIZE], struct watch *out)
{
    out->policy_version = (int64_t)take_64(in);
    out->epoch = (int64_t)take_64(in + 8);
    out->given = (int64_t)take_64(in + 16);
    out->previous = (int64_t)take_64(in + 24);
    out->has_previous = take_64(in + 32) != 0;
    for (unsigned i = 0; i < WATCH_TESTS * WATCH_BETS; i++) {
        uint64_t bet = take_64(in + HEAD + (size_t)8 * i);
        out->bets[i / WATCH_BETS][i % WATCH_BETS] = (struct watch_bet){ (int32_t)(uint32_t)(bet >> 32), (uint32_t)bet };
    }
}
