/* privacy_error.c - how far discrete Laplace noise of scale t errs: P(|Z| >= a) = 2 q^a / (1 + q), q = e^(-1/t). */
#include "device_proto/privacy_private.h"

static struct real q_of(struct real rate)
{
    return real_exp(real_sub(real_of(0), rate));
}

int privacy_laplace_tail(uint64_t num, uint64_t den, uint64_t a, uint64_t *out)
{
    struct real rate, far, tail;

    if (privacy_scale_wrong(num, den) || a > INT64_MAX)
        return NOISE_BAD_PARAMETER;
    if (a == 0) {
        *out = UINT64_MAX;
        return 0;
    }
    rate = real_ratio(den, num);
    far = real_mul(rate, real_of((int64_t)a));
    if (far.broken) /* far beyond what 64 bits can tell from nothing */
        far = real_of(INT32_MAX);
    tail = real_div(real_times(q_of(far), 2), real_add(real_of(1), q_of(rate)));
    return real_ceil_64ths(tail, out) ? 0 : NOISE_OVERFLOW;
}

/* ln(2 / (tail (1 + q))): how many scales out the tail begins. */
static struct real scales_out(struct real q, uint64_t tail)
{
    return real_ln(real_div(real_of(2), real_mul(real_of_64ths(tail), real_add(real_of(1), q))));
}

int privacy_laplace_half_width(uint64_t num, uint64_t den, uint64_t tail, uint64_t *out)
{
    struct real out_at;
    uint64_t first; /* the least a with P(|Z| >= a) <= tail */

    if (privacy_scale_wrong(num, den) || tail == 0)
        return NOISE_BAD_PARAMETER;
    out_at = real_mul(real_ratio(num, den), scales_out(q_of(real_ratio(den, num)), tail));
    if (!real_ceil(real_max(out_at, real_of(0)), 1, &first))
        return NOISE_OVERFLOW;
    *out = first > 0 ? first - 1 : 0;
    return 0;
}

/* The largest t with 2 q^(e+1) / (1 + q) <= tail. From q = 0 on, each turn's t is too small for the q that belongs to
 * it, and larger than the one before. */
int privacy_laplace_scale_for(uint64_t error, uint64_t tail, uint64_t *out_num, uint64_t *out_den)
{
    struct real q = real_of(0), scale = q;

    if (error < 1 || error > UINT32_MAX || tail == 0 || tail > UINT64_MAX / 2)
        return NOISE_BAD_PARAMETER;
    for (unsigned i = 0; i < 4; i++) {
        scale = real_div(real_of((int64_t)error + 1), scales_out(q, tail));
        q = q_of(real_div(real_of(1), scale));
    }
    for (uint64_t den = PRIVACY_MICRO; den >= 1; den /= 1000) {
        uint64_t num;
        if (!real_floor(scale, den, &num) || privacy_scale_wrong(num, den))
            continue;
        *out_num = num;
        *out_den = den;
        return 0;
    }
    return NOISE_OVERFLOW;
}

int privacy_laplace_variance(uint64_t num, uint64_t den, uint64_t *out)
{
    struct real q, less;

    if (privacy_scale_wrong(num, den))
        return NOISE_BAD_PARAMETER;
    q = q_of(real_ratio(den, num));
    less = real_sub(real_of(1), q);
    return real_ceil(real_div(real_div(real_times(q, 2), less), less), 1, out) ? 0 : NOISE_OVERFLOW;
}
