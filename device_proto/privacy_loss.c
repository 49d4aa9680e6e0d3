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

/* Why the divergence of order 1 (Kullback-Leibler) bounds all orders. For shift D, rate r = 1/t, q = e^-r, and
 * u = order - 1/2, the sum of P^order Q^(1 - order) is even in u and proportional to
 *   M(u) = (z^D + 1) / (1 - q) + z + z^2 + ... + z^(D-1), divided by z^(D/2), with z = e^(2ru).
 * Times (z - 1)(1 - q) the polynomial is z^D (z - q) - (1 - q z). A zero other than the 1 that was multiplied in has
 * z^D (z - q)/(1 - q z) = 1; that factor is a disc automorphism, so the left side is below 1 in size inside of the unit
 * circle and above 1 outside: all zeros are on it, and those of M in u on the imaginary axis. M is of order 1, even,
 * and has M(0) > 0, so by Hadamard M(u) = M(0) prod(1 + u^2/b^2), whose logarithm is concave in u^2: it stays below its
 * tangent at u = 1/2. As u^2 - 1/4 = order (order - 1), that says: divergence <= order x the slope there, which is the
 * divergence of order 1. So rho is that, and no less will do. (The value is also that of Harrison, Manurangsi, "Exact
 * zCDP Characterizations for Fundamental Differentially Private Mechanisms", 2025.)
 *
 * Several numbers whose shifts add up to at most D in absolute value: rho(d) = r (E|X - d| - E|X|) is convex, even and
 * 0 at 0, so the sum of rho(d_i) is at most rho(D), and divergences of independent noise add up. */
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

/* Of all that is epsilon-differentially private, binary response loses most: every such pair of distributions is made
 * of its two answers by chance alone (Kairouz, Oh, Viswanath 2015), which adds no divergence. For it the sum of
 * P^order Q^(1 - order) is cosh(u epsilon) / cosh(epsilon/2), u = order - 1/2, and ln cosh(sqrt(s) epsilon) is concave
 * in s, since tanh(x)/x falls: below its tangent at s = 1/4, which says divergence <= order x epsilon x
 * tanh(epsilon/2). With a delta beside, all but a part delta of the answers is such a pair: the same rho holds but for
 * it. */
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
    struct real epsilon, power, half;

    if (micro_epsilon > INT64_MAX)
        return NOISE_BAD_PARAMETER;
    epsilon = real_ratio(micro_epsilon, PRIVACY_MICRO);
    power = real_exp(real_sub(real_of(0), epsilon));
    half = real_div(real_sub(real_of(1), power), real_add(real_of(1), power)); /* tanh(epsilon/2) */
    return real_ceil(real_max(real_mul(epsilon, half), real_of(0)), PRIVACY_NANO, out_nano) ? 0 : NOISE_OVERFLOW;
}
