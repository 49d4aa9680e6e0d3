/* noise.c - exact discrete Laplace noise (Canonne, Kamath, Steinke 2020, algorithms 1 and 2). */
#include "device_proto/noise.h"

#include "device_proto/noise_laplace.h"

int noise_bernoulli_exp(const struct proto_random *random, uint64_t num, uint64_t den, bool *out)
{
    struct draw draw;
    bool success = true;
    int r;

    if (den == 0 || den > NOISE_SCALE_NUM_MAX)
        return NOISE_BAD_PARAMETER;
    draw_begin(&draw, random, 0);
    /* exp(-num/den) = exp(-1) x .. x exp(-1) x exp(-fraction) */
    for (unsigned i = 0; num > den && success; i++) {
        if (i == PEEL_MAX) {
            draw_stuck(&draw);
            break;
        }
        success = draw_exp_one(&draw);
        num -= den;
    }
    if (success && draw.r == 0)
        success = draw_exp_fraction(&draw, num, den);
    r = draw_end(&draw);
    if (r == 0)
        *out = success;
    return r;
}

static int64_t draw_laplace(struct draw *draw, uint64_t num, uint64_t den)
{
    for (unsigned i = 0; i < SIGNS_MAX; i++) {
        int64_t magnitude = (int64_t)draw_laplace_magnitude(draw, num, den);
        bool negative = draw_below(draw, 2) != 0;
        if (magnitude != 0 || !negative) /* else zero would be twice as likely */
            return negative ? -magnitude : magnitude;
    }
    draw_stuck(draw);
    return 0;
}

static int draw_many(const struct proto_random *random, size_t chunk, uint64_t num, uint64_t den, int64_t *out,
                     size_t count)
{
    struct draw draw;
    int r;

    if (num == 0 || num > NOISE_SCALE_NUM_MAX || den == 0 || den > NOISE_SCALE_DEN_MAX)
        return NOISE_BAD_PARAMETER;
    draw_begin(&draw, random, chunk);
    for (size_t i = 0; i < count && draw.r == 0; i++)
        out[i] = draw_laplace(&draw, num, den);
    r = draw_end(&draw);
    if (r != 0)
        memset(out, 0, count * sizeof(*out));
    return r;
}

int noise_laplace(const struct proto_random *random, uint64_t scale_num, uint64_t scale_den, int64_t *out)
{
    int64_t noise = 0;
    int r = draw_many(random, 0, scale_num, scale_den, &noise, 1);

    if (r == 0)
        *out = noise;
    return r;
}

int noise_laplace_many(const struct proto_random *random, uint64_t scale_num, uint64_t scale_den, int64_t *out,
                       size_t count)
{
    return draw_many(random, DRAW_CHUNK_MAX, scale_num, scale_den, out, count);
}
