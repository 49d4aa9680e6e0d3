/* accuracy.c - how much noise an answer needs, and how far off it may be.
 *
 * The discrete Laplace distribution of scale b = num/den has P(|Z| >= a) = 2 q^a / (1 + q), q = e^(-1/b). With
 * a = ceil(b ln 20): q^a <= 1/20, so P(|Z| >= a + 1) <= 2 (q/20) / (1 + q) <= 0.05. The same with ln 40 gives 0.025.
 * Both logarithms stand here as fractions rounded up, so that the stated interval is never too narrow. */
#include "daemon/core/accuracy.h"

#include <errno.h>
#include <stdbool.h>

typedef unsigned __int128 wide;
typedef __int128 signed_wide;

#define MICRO    1000000u
#define LN20_NUM 2995733u /* ln 20 = 2.995732273..., over MICRO */
#define LN40_NUM 3688880u /* ln 40 = 3.688879454... */

static wide greatest_common_divisor(wide a, wide b)
{
    while (b != 0) {
        wide rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

int noise_scale_of(int64_t sensitivity, int64_t ueps, uint64_t most, struct noise_scale *out)
{
    if (sensitivity < 1 || ueps < 1)
        return -ERANGE;
    wide num = (wide)(uint64_t)sensitivity * MICRO;
    wide den = (wide)(uint64_t)ueps;
    wide common = greatest_common_divisor(num, den);

    num /= common;
    den /= common;
    if (num > most) {
        /* den rounded down, then num up: the fraction can only grow. den <= 2^63 and most < 2^64 keep this in 128 bits.
         */
        wide smaller = den * most / num;
        if (smaller == 0)
            return -ERANGE;
        /* num < 2^83 and smaller < most, so the product may not fit: divide first, then add what the rest gives. */
        wide whole = num / den * smaller;
        wide rest = (num % den * smaller + den - 1) / den;
        num = whole + rest;
        den = smaller;
    }
    if (num > most || den > most)
        return -ERANGE;
    *out = (struct noise_scale){ (uint64_t)num, (uint64_t)den };
    return 0;
}

static int half_width(struct noise_scale scale, uint64_t ln_num, int64_t *out)
{
    wide divisor = (wide)scale.den * MICRO;
    wide width = ((wide)scale.num * ln_num + divisor - 1) / divisor;

    if (width > INT64_MAX)
        return -ERANGE;
    *out = (int64_t)width;
    return 0;
}

int noise_half_width_95(struct noise_scale scale, int64_t *out)
{
    return half_width(scale, LN20_NUM, out);
}

int noise_half_width_975(struct noise_scale scale, int64_t *out)
{
    return half_width(scale, LN40_NUM, out);
}

/* Quotient towards minus infinity, and the rest (0 .. divisor-1). */
static signed_wide divide_down(signed_wide value, int64_t divisor, int64_t *out_rest)
{
    signed_wide quotient = value / divisor;
    signed_wide rest = value % divisor;

    if (rest < 0) {
        rest += divisor;
        quotient--;
    }
    *out_rest = (int64_t)rest;
    return quotient;
}

static int narrow(signed_wide value, int64_t *out)
{
    if (value > INT64_MAX || value < INT64_MIN)
        return -ERANGE;
    *out = (int64_t)value;
    return 0;
}

int scaled_ratio(int64_t value, int64_t factor, int64_t divisor, int64_t *out)
{
    int64_t rest;
    signed_wide quotient = divide_down((signed_wide)value * factor, divisor, &rest);
    int64_t missing = divisor - rest;
    bool odd = (quotient & 1) != 0;

    if (rest > missing || (rest == missing && odd))
        quotient++;
    return narrow(quotient, out);
}

int scaled_ratio_down(int64_t value, int64_t factor, int64_t divisor, int64_t *out)
{
    int64_t rest;

    return narrow(divide_down((signed_wide)value * factor, divisor, &rest), out);
}

int scaled_ratio_up(int64_t value, int64_t factor, int64_t divisor, int64_t *out)
{
    int64_t rest;
    signed_wide quotient = divide_down((signed_wide)value * factor, divisor, &rest);

    return narrow(quotient + (rest != 0), out);
}

int digits_of_scale(int64_t scale)
{
    int digits = 0;

    for (int64_t power = 1; digits <= 6; power *= 10, digits++)
        if (power == scale)
            return digits;
    return -1;
}
