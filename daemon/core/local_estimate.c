/* local_estimate.c - what many readings noised on board mean.
 *
 * Intervals hold for any readings and any number of reports, so they use no limit theorem. Counts of answers: by
 * Hoeffding, P(|c - E c| >= s) <= 2 exp(-2 s^2 / n), so s = sqrt(n ln(40) / 2). Sums of Laplace noise of scale t: its
 * moments are at most those of the continuous one (cosh is convex: (cosh(x) - 1) / x^2 rises), so by Chernoff
 * s = t (ln(40) + n L) / c for any c in 0..1, with L = -ln(1 - c^2) <= c^2 / (1 - c^2); c = 2^-j is tried for all j. */
#include "daemon/core/local_estimate.h"

#include "device_proto/fixed_point.h"

#define LN_40_NUM  UINT64_C(3688880) /* ln(40) = 3.68887945..., rounded up */
#define LN_40_DEN  UINT64_C(1000000)
#define HALVES_MAX 16u
/* Noise is cut where the outputs end. That many scales out, noise is with less than e^-20 < 2^-28: so much of a scale
 * is the most that the cut moves one report's mean. */
#define CUT_SCALES 20u
#define CUT_SHIFT  28u

bool local_is_independent(const struct noise_policy *policy)
{
    return policy->memo_step == 0;
}

static uint64_t root_up(uint64_t value)
{
    uint64_t root = 0;

    for (unsigned bit = 32; bit-- > 0;) {
        uint64_t next = root | UINT64_C(1) << bit;
        if (next * next <= value)
            root = next;
    }
    return root * root == value ? root : root + 1;
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

/* The least over j of t 2^j (ln(40) + n / (4^j - 1)), and what the cut of the outputs may add. */
static int laplace_error(const struct noise_policy *policy, uint64_t reports, int64_t *out)
{
    unsigned __int128 least = 0;

    for (unsigned j = 1; j <= HALVES_MAX; j++) {
        uint64_t gap = (UINT64_C(1) << 2 * j) - 1;
        unsigned __int128 scales = (unsigned __int128)reports * LN_40_DEN / gap + 1 + LN_40_NUM; /* in millionths */
        scales <<= j;
        if (j == 1 || scales < least)
            least = scales;
    }
    unsigned __int128 error = least * policy->parameter_num / LN_40_DEN + 1;
    unsigned shift = (unsigned __int128)policy->output_bound * policy->parameter_den >=
                             (unsigned __int128)CUT_SCALES * policy->parameter_num
                         ? CUT_SHIFT
                         : 0;
    error += ((unsigned __int128)reports * policy->parameter_num >> shift) + 1;
    return narrow_up(error, policy->parameter_den, out);
}

static int laplace_sum(const struct noise_policy *policy, uint64_t reports, int64_t total, struct local_estimate *out)
{
    int64_t least = policy->lower - policy->output_bound, most = policy->upper + policy->output_bound, error;
    int r;

    if ((__int128)total < (__int128)least * (int64_t)reports || (__int128)total > (__int128)most * (int64_t)reports)
        return LOCAL_BAD_INPUT;
    r = laplace_variance(policy, reports, &out->variance);
    if (r == 0)
        r = laplace_error(policy, reports, &error);
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

/* sqrt(n ln(40) / 2) answers, each worth factor / (truth - lie). */
static int count_error(const struct noise_policy *policy, uint64_t reports, unsigned __int128 factor,
                       struct noise_fraction *out)
{
    uint64_t gap = policy->parameter_num - policy->parameter_den;
    /* In 256ths: reports are below 2^30, so this fits. */
    uint64_t answers = root_up(reports * ((65536 * LN_40_NUM + 2 * LN_40_DEN - 1) / (2 * LN_40_DEN)) + 1);
    int r = narrow_up(factor * answers, 256 * gap, &out->num);

    out->den = 1;
    if (r == 0 && (factor * answers) >> 63 == 0)
        *out = (struct noise_fraction){ (int64_t)(factor * answers), 256 * gap };
    return r;
}

static int onebit_sum(const struct noise_policy *policy, uint64_t reports, int64_t total, struct local_estimate *out)
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
    return count_error(policy, reports, (unsigned __int128)span * sum, &out->error);
}

int local_sum(const struct noise_policy *policy, uint64_t reports, int64_t total, struct local_estimate *out)
{
    struct local_estimate estimate;
    int r = LOCAL_WRONG_MECHANISM;

    if (reports > NOISE_REPORTS_MAX)
        return LOCAL_BAD_INPUT;
    if (policy->mechanism == POLICY_DISCRETE_LAPLACE || policy->mechanism == POLICY_GEOMETRIC)
        r = laplace_sum(policy, reports, total, &estimate);
    else if (policy->mechanism == POLICY_ONE_BIT)
        r = onebit_sum(policy, reports, total, &estimate);
    if (r == 0)
        *out = estimate;
    return r;
}

/* The variance is linear in how many hold the category, which nobody knows: the larger end bounds it. */
static int worst_variance(const struct noise_policy *policy, uint64_t reports, struct noise_fraction *out)
{
    struct noise_weights weights = weights_of(policy);
    uint32_t categories = policy_categories(policy);
    struct noise_fraction none, all;
    int r;

    if (policy->mechanism == POLICY_UNARY)
        return noise_oue_variance(weights, reports, reports, out); /* (t + l)^2 >= 4 t l */
    r = noise_krr_variance(weights, categories, reports, 0, &none);
    if (r == 0)
        r = noise_krr_variance(weights, categories, reports, reports, &all);
    if (r == 0)
        *out = (__int128)none.num * (int64_t)all.den > (__int128)all.num * (int64_t)none.den ? none : all;
    return r;
}

int local_frequency(const struct noise_policy *policy, uint64_t reports, uint64_t count, struct local_estimate *out)
{
    struct noise_weights weights = weights_of(policy);
    uint32_t categories = policy_categories(policy);
    struct local_estimate estimate;
    unsigned __int128 factor;
    int r;

    if (policy->mechanism == POLICY_UNARY) {
        factor = 2 * ((unsigned __int128)weights.truth + weights.lie);
        r = noise_oue_estimate(weights, reports, count, &estimate.value);
    } else if (policy->mechanism == POLICY_RANDOMIZED_RESPONSE) {
        factor = weights.truth + (unsigned __int128)(categories - 1) * weights.lie;
        r = noise_krr_estimate(weights, categories, reports, count, &estimate.value);
    } else {
        return LOCAL_WRONG_MECHANISM;
    }
    if (r == 0)
        r = worst_variance(policy, reports, &estimate.variance);
    if (r != 0)
        return refusal_of(r);
    r = count_error(policy, reports, factor, &estimate.error);
    if (r == 0)
        *out = estimate;
    return r;
}
