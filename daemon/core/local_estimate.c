/* local_estimate.c - what many readings noised on board mean.
 *
 * Intervals hold for any readings and any number of reports, so they use no limit theorem. With U = 1 / (probability of
 * being further off) and l = ln(2 U): counts of n independent answers, by Hoeffding, P(|c - E c| >= s) <=
 * 2 exp(-2 s^2 / n), so s = sqrt(n l / 2); of a unary response each bit is an answer of its own, whatever the category.
 * Sums of Laplace noise of scale t: its moments are at most those of the continuous one (cosh is convex: (cosh(x) - 1)
 * / x^2 rises), so by Chernoff s = t (l + n L) / c for any c in 0..1, with L = -ln(1 - c^2) <= c^2 / (1 - c^2); c =
 * 2^-j is tried for all j. */
#include "daemon/core/local_estimate.h"

#include "daemon/core/accuracy.h"
#include "device_proto/fixed_point.h"

#define MILLION           UINT64_C(1000000)
#define HALVES_MAX        16u
#define LOCAL_REPORTS_MAX (UINT64_C(1) << 40) /* of added noise; answers are fewer: NOISE_REPORTS_MAX */
/* Noise is cut where the outputs end. That many scales out, noise is with less than e^-20 < 2^-28: so much of a scale
 * is the most that the cut moves one report's mean. */
#define CUT_SCALES 20u
#define CUT_SHIFT  28u

bool local_is_independent(const struct noise_policy *policy)
{
    return policy->memo_step == 0;
}

/* ln(2 unlikely) in millionths, rounded up. */
static int logarithm(uint32_t unlikely, uint64_t *out)
{
    return unlikely > 0 && unlikely <= UINT32_C(1) << 31 &&
                   real_ceil(real_ln(real_of(2 * (int64_t)unlikely)), MILLION, out)
               ? 0
               : LOCAL_BAD_INPUT;
}

/* wide / den, rounded up, into an int64. */
static int narrow_up(unsigned __int128 wide, uint64_t den, int64_t *out)
{
    wide = (wide + den - 1) / den;
    if (wide > INT64_MAX)
        return LOCAL_OVERFLOW;
    *out = (int64_t)wide;
    return 0;
}

static struct noise_fraction whole(int64_t value)
{
    return (struct noise_fraction){ value, 1 };
}

/* ---- added noise ---- */

/* reports / (cosh(1/t) - 1), in as fine parts as fit. */
static int laplace_variance(const struct noise_policy *policy, uint64_t reports, struct noise_fraction *out)
{
    struct real rate = real_ratio(policy->parameter_den, policy->parameter_num);
    struct real sum = real_add(real_exp(rate), real_exp(real_sub(real_of(0), rate)));
    struct real one = real_div(real_of(2), real_sub(sum, real_of(2)));
    uint64_t parts, all;

    for (unsigned bits = 20;; bits -= 10) {
        if (real_ceil(one, UINT64_C(1) << bits, &parts) && !__builtin_mul_overflow(parts, reports, &all) &&
            all <= INT64_MAX) {
            *out = (struct noise_fraction){ (int64_t)all, UINT64_C(1) << bits };
            return 0;
        }
        if (bits == 0)
            return LOCAL_OVERFLOW;
    }
}

/* The least over j of t 2^j (log + n / (4^j - 1)), and what the cut of the outputs may add. */
static int laplace_error(const struct noise_policy *policy, uint64_t reports, uint64_t log, int64_t *out)
{
    unsigned __int128 least = 0;

    for (unsigned j = 1; j <= HALVES_MAX; j++) {
        uint64_t gap = (UINT64_C(1) << 2 * j) - 1;
        unsigned __int128 scales = (unsigned __int128)reports * MILLION / gap + 1 + log; /* in millionths */
        scales <<= j;
        if (j == 1 || scales < least)
            least = scales;
    }
    unsigned __int128 error = least * policy->parameter_num / MILLION + 1;
    unsigned shift = (unsigned __int128)policy->output_bound * policy->parameter_den >=
                             (unsigned __int128)CUT_SCALES * policy->parameter_num
                         ? CUT_SHIFT
                         : 0;
    error += ((unsigned __int128)reports * policy->parameter_num >> shift) + 1;
    return narrow_up(error, policy->parameter_den, out);
}

static int laplace_sum(const struct noise_policy *policy, uint64_t reports, int64_t total, uint64_t log,
                       struct local_estimate *out)
{
    int64_t least = policy->lower - policy->output_bound, most = policy->upper + policy->output_bound, error;
    int r;

    if ((__int128)total < (__int128)least * (int64_t)reports || (__int128)total > (__int128)most * (int64_t)reports)
        return LOCAL_BAD_INPUT;
    r = laplace_variance(policy, reports, &out->variance);
    if (r == 0)
        r = laplace_error(policy, reports, log, &error);
    if (r != 0)
        return r;
    out->value = whole(total);
    out->error = whole(error);
    return 0;
}

/* ---- answers with weights ---- */

static struct noise_weights weights_of(const struct noise_policy *policy)
{
    return (struct noise_weights){ policy->parameter_num, policy->parameter_den };
}

static int refusal_of(int r)
{
    return r == 0 ? 0 : r == NOISE_OVERFLOW ? LOCAL_OVERFLOW : LOCAL_BAD_INPUT;
}

/* num / den in as fine parts as fit, rounded up; num below 2^127. */
static int fraction_up(unsigned __int128 num, uint64_t den, struct noise_fraction *out)
{
    for (unsigned bits = 20;; bits -= 10) {
        unsigned __int128 parts = (num / den << bits) + (((num % den) << bits) + den - 1) / den;
        if (num / den < (UINT64_C(1) << (63 - bits)) && parts <= INT64_MAX) {
            *out = (struct noise_fraction){ (int64_t)parts, UINT64_C(1) << bits };
            return 0;
        }
        if (bits == 0)
            return LOCAL_OVERFLOW;
    }
}

/* sqrt(answers log / 2) answers, each worth factor / (truth - lie). */
static int count_error(const struct noise_policy *policy, uint64_t answers, uint64_t log, unsigned __int128 factor,
                       struct noise_fraction *out)
{
    uint64_t gap = policy->parameter_num - policy->parameter_den;
    /* In 256ths: answers are below 2^36 and log is below 2^25, so this fits. */
    uint64_t off = root_up(answers * ((65536 * log + 2 * MILLION - 1) / (2 * MILLION)) + 1);
    int r = narrow_up(factor * off, 256 * gap, &out->num);

    out->den = 1;
    if (r == 0 && (factor * off) >> 63 == 0)
        *out = (struct noise_fraction){ (int64_t)(factor * off), 256 * gap };
    return r;
}

static int onebit_sum(const struct noise_policy *policy, uint64_t reports, int64_t total, uint64_t log,
                      struct local_estimate *out)
{
    struct noise_weights weights = weights_of(policy);
    uint32_t span = (uint32_t)(policy->upper - policy->lower);
    uint64_t sum = (uint64_t)weights.truth + weights.lie;
    int64_t shift;
    int r;

    if (total < 0)
        return LOCAL_BAD_INPUT;
    r = noise_onebit_estimate(weights, span, reports, (uint64_t)total, &out->value);
    if (r == 0)
        r = noise_onebit_variance(weights, span, reports, &out->variance);
    if (r != 0)
        return refusal_of(r);
    if (__builtin_mul_overflow(policy->lower * (int64_t)reports, (int64_t)out->value.den, &shift) ||
        __builtin_add_overflow(out->value.num, shift, &out->value.num))
        return LOCAL_OVERFLOW;
    return count_error(policy, reports, log, (unsigned __int128)span * sum, &out->error);
}

int local_sum(const struct noise_policy *policy, uint64_t reports, int64_t total, uint32_t unlikely,
              struct local_estimate *out)
{
    struct local_estimate estimate;
    uint64_t log;
    int r = logarithm(unlikely, &log);

    if (r != 0)
        return r;
    r = LOCAL_WRONG_MECHANISM;
    if (reports > LOCAL_REPORTS_MAX)
        return LOCAL_BAD_INPUT;
    if (policy->mechanism == POLICY_DISCRETE_LAPLACE || policy->mechanism == POLICY_GEOMETRIC)
        r = laplace_sum(policy, reports, total, log, &estimate);
    else if (policy->mechanism == POLICY_ONE_BIT)
        r = onebit_sum(policy, reports, total, log, &estimate);
    if (r == 0)
        *out = estimate;
    return r;
}

/* With T = truth + (k - 1) lie, a holder of one of m categories names one of them truth + (m - 1) lie times in T, and
 * another device m lie times. So holders are (c T - n m lie) / (truth - lie). The variance of c is n x (T - x) / T^2
 * for whichever x is nearer to T / 2. */
static int krr_frequency(const struct noise_policy *policy, uint64_t reports, uint32_t m, uint64_t count, uint64_t log,
                         struct local_estimate *out)
{
    const uint64_t truth = policy->parameter_num, lie = policy->parameter_den, gap = truth - lie;
    const uint64_t all = truth + (policy_categories(policy) - 1) * lie;
    const uint64_t in = truth + (m - 1) * lie, other = m * lie;
    const unsigned __int128 far = (unsigned __int128)in * (all - in), near = (unsigned __int128)other * (all - other);
    const __int128 value = (__int128)count * (int64_t)all - (__int128)reports * (int64_t)other;

    if (count > reports)
        return LOCAL_BAD_INPUT;
    if (value > INT64_MAX || value < INT64_MIN)
        return LOCAL_OVERFLOW;
    out->value = (struct noise_fraction){ (int64_t)value, gap };
    int r = fraction_up((far > near ? far : near) * reports, gap * gap, &out->variance);
    return r != 0 ? r : count_error(policy, reports, log, all, &out->error);
}

/* With S = truth + lie, a holder's own bit is set once in two, each other one lie times in S: holders are 2 (c S - n m
 * lie) / (truth - lie). All bits are independent; the variance of c is at most n (1/4 + (m - 1) lie truth / S^2). */
static int unary_frequency(const struct noise_policy *policy, uint64_t reports, uint32_t m, uint64_t count,
                           uint64_t log, struct local_estimate *out)
{
    const uint64_t truth = policy->parameter_num, lie = policy->parameter_den, gap = truth - lie, sum = truth + lie;
    const __int128 value = 2 * ((__int128)count * (int64_t)sum - (__int128)reports * (int64_t)(m * lie));
    const unsigned __int128 each = (unsigned __int128)sum * sum + (unsigned __int128)(m - 1) * 4 * lie * truth;

    if (count > m * reports)
        return LOCAL_BAD_INPUT;
    if (value > INT64_MAX || value < INT64_MIN)
        return LOCAL_OVERFLOW;
    out->value = (struct noise_fraction){ (int64_t)value, gap };
    int r = fraction_up(each * reports, gap * gap, &out->variance);
    return r != 0 ? r : count_error(policy, m * reports, log, 2 * (unsigned __int128)sum, &out->error);
}

int local_frequency(const struct noise_policy *policy, uint64_t reports, uint32_t categories, uint64_t count,
                    uint32_t unlikely, struct local_estimate *out)
{
    const struct noise_fraction none = { 0, 1 };
    struct local_estimate estimate = { none, none, none };
    uint64_t log;
    int r = logarithm(unlikely, &log);

    if (r != 0)
        return r;
    if (policy->mechanism != POLICY_UNARY && policy->mechanism != POLICY_RANDOMIZED_RESPONSE)
        return LOCAL_WRONG_MECHANISM;
    if (reports > NOISE_REPORTS_MAX || categories > policy_categories(policy))
        return LOCAL_BAD_INPUT;
    if (categories == policy_categories(policy))
        estimate.value.num = (int64_t)reports;
    else if (categories > 0 && policy->mechanism == POLICY_UNARY)
        r = unary_frequency(policy, reports, categories, count, log, &estimate);
    else if (categories > 0)
        r = krr_frequency(policy, reports, categories, count, log, &estimate);
    if (r == 0)
        *out = estimate;
    return r;
}
