/* noise_gauss.c - exact discrete Gaussian noise (Canonne, Kamath, Steinke 2020, algorithm 3): a discrete Laplace
 * proposal y of scale t = floor(sigma) + 1, accepted with exp(-(|y| - sigma^2/t)^2 / (2 sigma^2)).
 * With sigma^2 = n/d and b = d t^2 that exponent is (|y| d t - n)^2 / (2 n b). b <= 2^53 and n < b, so the denominator
 * stays below 2^107; |y| < 2^10 t (PEEL_MAX), so the root of the numerator stays below 2^63.
 * Compilers for 32-bit devices lack 128-bit integers, and leave all of this out. */
#ifdef __SIZEOF_INT128__
#include "device_proto/noise_wide.h"

struct gauss {
    uint64_t n;    /* sigma^2 = n/d */
    uint64_t t;    /* scale of the proposals */
    uint64_t step; /* d t */
    noise_wide den;
};

static uint64_t root_of(uint64_t square)
{
    uint64_t root = 0;

    for (uint64_t bit = UINT64_C(1) << 31; bit != 0; bit >>= 1)
        if ((root + bit) * (root + bit) <= square)
            root += bit;
    return root;
}

static int prepare(uint64_t num, uint64_t den, struct gauss *out)
{
    uint64_t t, product;

    if (num == 0 || den == 0 || num > NOISE_GAUSS_PRODUCT_MAX)
        return NOISE_BAD_PARAMETER;
    t = root_of(num / den) + 1;
    if (__builtin_mul_overflow(den, t * t, &product) || product > NOISE_GAUSS_PRODUCT_MAX)
        return NOISE_BAD_PARAMETER;
    *out = (struct gauss){ num, t, den * t, (noise_wide)2 * num * product };
    return 0;
}

int noise_gauss_check(uint64_t var_num, uint64_t var_den)
{
    struct gauss gauss;

    return prepare(var_num, var_den, &gauss);
}

/* exp(-num/den) for num <= den: in 64 bits where that is enough, which is four times as fast. */
static bool draw_exp_wide(struct draw *draw, noise_wide num, noise_wide den)
{
    if (den <= NOISE_SCALE_NUM_MAX)
        return draw_exp_fraction(draw, (uint64_t)num, (uint64_t)den);
    for (uint64_t k = 1; k <= SERIES_MAX; k++)
        if (!draw_coin_wide(draw, num, den) || draw_below(draw, k) != 0)
            return (k & 1) != 0;
    draw_stuck(draw);
    return false;
}

static bool accepted(struct draw *draw, const struct gauss *gauss, uint64_t magnitude)
{
    uint64_t have = magnitude * gauss->step;
    noise_wide root = have < gauss->n ? gauss->n - have : have - gauss->n;
    noise_wide num = root * root;

    for (unsigned i = 0; num > gauss->den; i++) {
        if (!draw_exp_one(draw))
            return false;
        if (i == PEEL_MAX) {
            draw_stuck(draw);
            return false;
        }
        num -= gauss->den;
    }
    return draw_exp_wide(draw, num, gauss->den);
}

static int64_t draw_gauss(struct draw *draw, const struct gauss *gauss)
{
    for (unsigned i = 0; i < PROPOSALS_MAX && draw->r == 0; i++) {
        uint64_t magnitude = draw_laplace_magnitude(draw, gauss->t, 1);
        if (!accepted(draw, gauss, magnitude))
            continue;
        /* The sign last: whether a proposal is accepted does not depend on it. */
        bool negative = draw_below(draw, 2) != 0;
        if (magnitude != 0 || !negative)
            return negative ? -(int64_t)magnitude : (int64_t)magnitude;
    }
    draw_stuck(draw);
    return 0;
}

static int draw_many(const struct proto_random *random, size_t chunk, uint64_t num, uint64_t den, int64_t *out,
                     size_t count)
{
    struct gauss gauss;
    struct draw draw;
    int r = prepare(num, den, &gauss);

    if (r != 0)
        return r;
    draw_begin(&draw, random, chunk);
    for (size_t i = 0; i < count && draw.r == 0; i++)
        out[i] = draw_gauss(&draw, &gauss);
    r = draw_end(&draw);
    if (r != 0)
        memset(out, 0, count * sizeof(*out));
    return r;
}

int noise_gauss(const struct proto_random *random, uint64_t var_num, uint64_t var_den, int64_t *out)
{
    int64_t noise = 0;
    int r = draw_many(random, 0, var_num, var_den, &noise, 1);

    if (r == 0)
        *out = noise;
    return r;
}

int noise_gauss_many(const struct proto_random *random, uint64_t var_num, uint64_t var_den, int64_t *out, size_t count)
{
    return draw_many(random, DRAW_CHUNK_MAX, var_num, var_den, out, count);
}

#endif
