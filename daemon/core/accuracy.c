/* accuracy.c - how much noise an answer needs. How far off it may be is privacy_loss.h's. */
#include "daemon/core/accuracy.h"

#include <errno.h>
#include <stdbool.h>

#include "device_proto/noise.h"
#include "device_proto/privacy_loss.h"

typedef unsigned __int128 wide;
typedef __int128 signed_wide;

#define MICRO 1000000u
#define NANO  1000000000u

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

struct loss loss_of_laplace(int64_t sensitivity, const struct noise_scale *scale, int64_t ueps, int64_t times)
{
    struct loss loss = loss_of_pure(ueps * times);
    uint64_t nrho;

    if (privacy_laplace_rho((uint64_t)sensitivity, scale->num, scale->den, &nrho) == 0 &&
        !__builtin_mul_overflow(nrho, (uint64_t)times, &nrho))
        loss_lower_rho(&loss, nrho);
    return loss;
}

uint64_t root_down(unsigned __int128 value)
{
    uint64_t root = 0;

    for (unsigned bit = 64; bit-- > 0;) {
        const uint64_t next = root | UINT64_C(1) << bit;
        if ((wide)next * next <= value)
            root = next;
    }
    return root;
}

uint64_t root_up(unsigned __int128 value)
{
    const uint64_t root = root_down(value);

    return (wide)root * root == value ? root : root + 1;
}

int noise_variance_of(int64_t sensitivity, int64_t nrho, struct noise_scale *out)
{
    if (sensitivity < 1 || sensitivity >> 40 != 0 || nrho < 1)
        return -ERANGE;
    wide num = (wide)sensitivity * (wide)sensitivity * NANO, den = (wide)(uint64_t)nrho * 2;
    wide common = greatest_common_divisor(num, den);
    num /= common;
    den /= common;
    if (den == 0 || num / den >= NOISE_GAUSS_PRODUCT_MAX) /* den is not: for the analyser */
        return -ERANGE;
    /* t as the sampler has it; one more, for num that is rounded up may pass the next square */
    wide t = (wide)root_down(num / den) + 2, most = NOISE_GAUSS_PRODUCT_MAX / (t * t);
    if (most == 0)
        return -ERANGE;
    if (den > most) {
        num = num / den * most + (num % den * most + den - 1) / den;
        den = most;
    }
    if (noise_gauss_check((uint64_t)num, (uint64_t)den) != 0)
        return -ERANGE;
    *out = (struct noise_scale){ (uint64_t)num, (uint64_t)den };
    return 0;
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
