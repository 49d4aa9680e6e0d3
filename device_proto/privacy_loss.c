/* privacy_loss.c - what one draw of each kind of noise costs. */
#include "device_proto/privacy_private.h"

int privacy_ceil_fraction(struct real x, uint64_t unit, uint64_t *out)
{
    struct real little = real_of_64ths(16);

    x = unit > INT64_MAX ? real_of(INT64_MIN) : real_mul(x, real_of((int64_t)unit));
    if (!real_below(real_of(0), x)) {
        *out = 0;
        return x.broken ? NOISE_OVERFLOW : 0;
    }
    return real_ceil(real_sub(x, little), 1, out) ? 0 : NOISE_OVERFLOW;
}

bool privacy_scale_wrong(uint64_t num, uint64_t den)
{
    return num == 0 || num > NOISE_SCALE_NUM_MAX || den == 0 || den > NOISE_SCALE_DEN_MAX;
}

int privacy_laplace_epsilon(uint64_t sensitivity, uint64_t num, uint64_t den, uint64_t *out_micro)
{
    if (privacy_scale_wrong(num, den) || sensitivity > INT64_MAX)
        return NOISE_BAD_PARAMETER;
    return privacy_ceil_fraction(real_mul(real_ratio(den, num), real_of((int64_t)sensitivity)), PRIVACY_MICRO,
                                 out_micro);
}

static struct real response_epsilon(struct noise_weights weights)
{
    return real_ln(real_ratio(weights.truth, weights.lie));
}

int privacy_response_epsilon(struct noise_weights weights, uint64_t *out_micro)
{
    if (noise_weights_check(weights) != 0)
        return NOISE_BAD_PARAMETER;
    return real_ceil(response_epsilon(weights), PRIVACY_MICRO, out_micro) ? 0 : NOISE_OVERFLOW;
}

int privacy_gauss_rho(uint64_t sensitivity, uint64_t num, uint64_t den, uint64_t *out_nano)
{
    struct real size;

    if (noise_gauss_check(num, den) != 0 || sensitivity > INT64_MAX)
        return NOISE_BAD_PARAMETER;
    size = real_of((int64_t)sensitivity);
    return privacy_ceil_fraction(real_mul(real_mul(real_ratio(den, 2 * num), size), size), PRIVACY_NANO, out_nano);
}

/* The Kullback-Leibler divergence of two such distributions that are D apart; of all orders it is the one that makes
 * divergence / order largest (both are 1 at D -> infinity; checked on a grid of orders by the tests). */
int privacy_laplace_rho(uint64_t sensitivity, uint64_t num, uint64_t den, uint64_t *out_nano)
{
    struct real one = real_of(1), rate, q, far, size, sum;

    if (privacy_scale_wrong(num, den) || sensitivity > INT64_MAX)
        return NOISE_BAD_PARAMETER;
    rate = real_ratio(den, num);
    size = real_of((int64_t)sensitivity);
    q = real_exp(real_sub(real_of(0), rate));
    far = real_exp(real_sub(real_of(0), real_mul(rate, size)));
    sum = real_div(real_mul(real_times(q, 2), real_sub(one, far)), real_sub(one, real_square(q)));
    sum = real_mul(rate, real_sub(size, sum));
    return real_ceil(real_max(sum, real_of(0)), PRIVACY_NANO, out_nano) ? 0 : NOISE_OVERFLOW;
}

/* Two inputs of k-ary randomised response, or of unary encoding's pair of bits, are mixtures of binary response and of
 * answers that tell nothing; mixing does not add divergence. */
int privacy_response_rho(struct noise_weights weights, uint64_t *out_nano)
{
    struct real half;

    if (noise_weights_check(weights) != 0)
        return NOISE_BAD_PARAMETER;
    /* tanh(epsilon/2) = (truth - lie) / (truth + lie) */
    half = real_ratio(weights.truth - weights.lie, (uint64_t)weights.truth + weights.lie);
    return real_ceil(real_mul(response_epsilon(weights), half), PRIVACY_NANO, out_nano) ? 0 : NOISE_OVERFLOW;
}

int privacy_pure_rho(uint64_t micro_epsilon, uint64_t *out_nano)
{
    uint64_t square;

    if (__builtin_mul_overflow(micro_epsilon, micro_epsilon, &square))
        return NOISE_OVERFLOW;
    *out_nano = square / 2000 + (square % 2000 != 0); /* 10^-12 / 2 = 10^-9 / 2000 */
    return 0;
}
