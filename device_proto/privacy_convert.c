/* privacy_convert.c - between rho and (epsilon, delta) (Canonne, Kamath, Steinke 2020, corollary 13): for every order
 * a > 1, epsilon = a rho + ln((a-1)/a) - (ln delta + ln a) / (a-1). Any order gives a true bound, so the search for the
 * best one may be as rough as it likes; only the bound that is given out is rounded, to the safe side. */
#include "device_proto/privacy_private.h"

#define PICO       UINT64_C(1000000000000)
#define ORDER_BITS 24 /* a - 1 is b / 2^24 */
#define ORDER_MOST 54 /* log2 of the largest b */

struct conversion {
    struct real given;    /* rho, or epsilon */
    struct real ln_delta; /* below 0 */
    bool inverse;
};

/* What is to be minimal: epsilon; or, for the inverse, -rho = -(epsilon - ln(b/a) + (ln delta + ln a) / b) / a. */
static struct real bound_at(const struct conversion *conversion, uint64_t b)
{
    struct real beta = real_ratio(b, UINT64_C(1) << ORDER_BITS), order = real_add(beta, real_of(1));
    struct real ln_order = real_ln(order), rest;

    rest = real_sub(real_sub(real_ln(beta), ln_order), real_div(real_add(conversion->ln_delta, ln_order), beta));
    if (conversion->inverse)
        return real_div(real_sub(rest, conversion->given), order);
    return real_add(real_mul(order, conversion->given), rest);
}

static bool better(const struct conversion *conversion, uint64_t b, struct real *best)
{
    struct real value = bound_at(conversion, b);

    if (real_compare_middle(value, *best) >= 0)
        return false;
    *best = value;
    return true;
}

/* Downhill over powers of two, then in ever smaller steps: to 2^-20 of b, where the bound is flat to 2^-40. */
static struct real search(const struct conversion *conversion)
{
    uint64_t b = UINT64_C(1) << ORDER_BITS;
    struct real best = bound_at(conversion, b);

    while (b < UINT64_C(1) << ORDER_MOST && better(conversion, 2 * b, &best))
        b *= 2;
    while (b > 1 && better(conversion, b / 2, &best))
        b /= 2;
    for (uint64_t step = b / 4, least = b >> 20; step > least; step /= 2) {
        if (better(conversion, b + step, &best))
            b += step;
        else if (b > step && better(conversion, b - step, &best))
            b -= step;
    }
    return best;
}

static int convert(uint64_t given, uint64_t given_unit, uint64_t delta, bool inverse, uint64_t unit, uint64_t *out)
{
    struct conversion conversion = { .given = real_ratio(given, given_unit), .inverse = inverse };
    struct real found;

    if (delta == 0)
        return NOISE_BAD_PARAMETER;
    conversion.ln_delta = real_ln(real_of_64ths(delta));
    found = search(&conversion);
    if (inverse) {
        found = real_max(real_sub(real_of(0), found), real_of(0));
        return real_floor(found, unit, out) ? 0 : NOISE_OVERFLOW;
    }
    if (given == 0) {
        *out = 0;
        return 0;
    }
    return real_ceil(real_max(found, real_of(0)), unit, out) ? 0 : NOISE_OVERFLOW;
}

int privacy_epsilon_of_rho(uint64_t nano_rho, uint64_t delta, uint64_t *out_micro)
{
    return convert(nano_rho, PRIVACY_NANO, delta, false, PRIVACY_MICRO, out_micro);
}

int privacy_rho_of_epsilon(uint64_t micro_epsilon, uint64_t delta, uint64_t *out_nano)
{
    return convert(micro_epsilon, PRIVACY_MICRO, delta, true, PRIVACY_NANO, out_nano);
}

int privacy_pico_epsilon_of_rho(uint64_t pico_rho, uint64_t delta, uint64_t *out_pico)
{
    return convert(pico_rho, PICO, delta, false, PICO, out_pico);
}

int privacy_pico_rho_of_epsilon(uint64_t pico_epsilon, uint64_t delta, uint64_t *out_pico)
{
    return convert(pico_epsilon, PICO, delta, true, PICO, out_pico);
}
