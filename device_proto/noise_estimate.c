/* noise_estimate.c - what many noised answers mean. With T the sum of a mechanism's weights, a count c of n reports
 * estimates (c T - n lie) / (truth - lie) holders for k-ary randomised response, twice that for unary encoding (where
 * T = truth + lie), and span times that as a sum for the one-bit mean; unbiased, since a holder's report counts with
 * p = truth/T (or 1/2) and another's with q = lie/T. */
#include "device_proto/noise_response.h"

static bool reports_wrong(struct noise_weights weights, uint64_t reports, uint64_t part)
{
    return noise_weights_check(weights) != 0 || reports > NOISE_REPORTS_MAX || part > reports;
}

/* factor x (count x total - reports x lie) over truth - lie. */
static int estimate(struct noise_weights weights, uint64_t total, uint64_t factor, uint64_t reports, uint64_t count,
                    struct noise_fraction *out)
{
    uint64_t raised;
    int64_t num;

    if (__builtin_mul_overflow(count, total, &raised) || raised > INT64_MAX)
        return NOISE_OVERFLOW;
    num = (int64_t)raised - (int64_t)(reports * weights.lie); /* both within 0..2^63-1 */
    if (__builtin_mul_overflow(num, (int64_t)factor, &num))
        return NOISE_OVERFLOW;
    *out = (struct noise_fraction){ num, weights.truth - weights.lie };
    return 0;
}

int noise_krr_estimate(struct noise_weights weights, uint32_t categories, uint64_t reports, uint64_t count,
                       struct noise_fraction *out)
{
    if (reports_wrong(weights, reports, count) || categories < 2 || categories > NOISE_CATEGORIES_MAX)
        return NOISE_BAD_PARAMETER;
    return estimate(weights, weights.truth + (uint64_t)(categories - 1) * weights.lie, 1, reports, count, out);
}

int noise_oue_estimate(struct noise_weights weights, uint64_t reports, uint64_t count, struct noise_fraction *out)
{
    if (reports_wrong(weights, reports, count))
        return NOISE_BAD_PARAMETER;
    return estimate(weights, (uint64_t)weights.truth + weights.lie, 2, reports, count, out);
}

int noise_onebit_estimate(struct noise_weights weights, uint32_t span, uint64_t reports, uint64_t count,
                          struct noise_fraction *out)
{
    if (reports_wrong(weights, reports, count) || span < 1 || span > NOISE_MEAN_SPAN_MAX)
        return NOISE_BAD_PARAMETER;
    return estimate(weights, (uint64_t)weights.truth + weights.lie, span, reports, count, out);
}

/* (a x + b y) / (truth - lie)^2, where it fits: exactly, else as a whole number rounded up. */
static int variance(struct noise_weights weights, uint64_t a, uint64_t x, uint64_t b, uint64_t y,
                    struct noise_fraction *out)
{
    uint64_t gap = weights.truth - weights.lie, den = gap * gap, left, right, num;

    if (!__builtin_mul_overflow(a, x, &left) && !__builtin_mul_overflow(b, y, &right) &&
        !__builtin_add_overflow(left, right, &num) && num <= INT64_MAX) {
        *out = (struct noise_fraction){ (int64_t)num, den };
        return 0;
    }
    /* One device's part of it rounded up first, then as many as there are. */
    x = x / den + (x % den != 0);
    y = y / den + (y % den != 0);
    if (__builtin_mul_overflow(a, x, &left) || __builtin_mul_overflow(b, y, &right) ||
        __builtin_add_overflow(left, right, &num) || num > INT64_MAX)
        return NOISE_OVERFLOW;
    *out = (struct noise_fraction){ (int64_t)num, 1 };
    return 0;
}

/* A holder's answer varies by p (1-p), another's by q (1-q), over (p - q)^2 = (truth - lie)^2 / T^2. */
int noise_krr_variance(struct noise_weights weights, uint32_t categories, uint64_t reports, uint64_t holders,
                       struct noise_fraction *out)
{
    uint64_t others = (uint64_t)(categories - 1) * weights.lie;

    if (reports_wrong(weights, reports, holders) || categories < 2 || categories > NOISE_CATEGORIES_MAX)
        return NOISE_BAD_PARAMETER;
    return variance(weights, reports - holders, weights.lie * (weights.truth + others - weights.lie), holders,
                    weights.truth * others, out);
}

/* 4 truth lie for others, (truth + lie)^2 for holders, whose own bit is a fair coin. */
int noise_oue_variance(struct noise_weights weights, uint64_t reports, uint64_t holders, struct noise_fraction *out)
{
    uint64_t sum = (uint64_t)weights.truth + weights.lie;

    if (reports_wrong(weights, reports, holders))
        return NOISE_BAD_PARAMETER;
    return variance(weights, reports - holders, 4 * (uint64_t)weights.truth * weights.lie, holders, sum * sum, out);
}

/* At most span^2 / 4 x ((truth + lie) / (truth - lie))^2 each, reached in the middle. */
int noise_onebit_variance(struct noise_weights weights, uint32_t span, uint64_t reports, struct noise_fraction *out)
{
    uint64_t sum = (uint64_t)weights.truth + weights.lie;
    struct noise_fraction one;
    uint64_t num;

    if (reports_wrong(weights, reports, 0) || span < 1 || span > NOISE_MEAN_SPAN_MAX)
        return NOISE_BAD_PARAMETER;
    if (variance(weights, 1, sum * sum, 0, 0, &one) != 0)
        return NOISE_OVERFLOW;
    /* reports span^2 num / (4 den): divided as late as it fits. */
    if (!__builtin_mul_overflow((uint64_t)one.num, (uint64_t)span * span, &num) &&
        !__builtin_mul_overflow(num, reports, &num) && num <= INT64_MAX) {
        *out = (struct noise_fraction){ (int64_t)num, 4 * one.den };
        return 0;
    }
    num = (uint64_t)one.num / (4 * one.den) + 1;
    if (__builtin_mul_overflow(num, (uint64_t)span * span, &num) || __builtin_mul_overflow(num, reports, &num) ||
        num > INT64_MAX)
        return NOISE_OVERFLOW;
    *out = (struct noise_fraction){ (int64_t)num, 1 };
    return 0;
}
