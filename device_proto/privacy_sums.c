/* privacy_sums.c - sums over the discrete Gaussian distribution, term by term: its exact delta, tails and widths.
 * w(k) = e^(-k^2 / 2 sigma^2) goes on by two products: w(k+1) = w(k) r(k), r(k+1) = r(k) e^(-1/sigma^2). */
#include "device_proto/privacy_private.h"

struct walk {
    struct real w, ratio, shrink;
    uint64_t k, far;
};

/* All terms from far = 20 sigma + 20 on together are below 2^-192 (e^-200 is). */
static struct walk walk_from_zero(uint64_t num, uint64_t den)
{
    struct real rate = real_ratio(den, num);
    uint64_t far = 20;

    while (far * far < 400 * (num / den + 1))
        far++;
    return (struct walk){ real_of(1), real_exp(real_sub(real_of(0), real_over(rate, 2))),
                          real_exp(real_sub(real_of(0), rate)), 0, far + 20 };
}

static void walk_on(struct walk *walk)
{
    walk->w = real_mul(walk->w, walk->ratio);
    walk->ratio = real_mul(walk->ratio, walk->shrink);
    walk->k++;
}

/* One unit in the last place and all below it, for the terms that are left out. */
static struct real rest(void)
{
    struct real out = { .broken = false };

    out.hi.limb[0] = 1;
    return out;
}

/* sum of w(k) for k >= from[i] >= 0, and over all k. */
static struct real sums(uint64_t num, uint64_t den, const uint64_t *from, struct real *out, unsigned n)
{
    struct walk walk = walk_from_zero(num, den);
    struct real right = rest();

    for (unsigned i = 0; i < n; i++)
        out[i] = rest();
    for (; walk.k <= walk.far; walk_on(&walk)) {
        for (unsigned i = 0; i < n; i++)
            if (walk.k >= from[i])
                out[i] = real_add(out[i], walk.w);
        if (walk.k > 0)
            right = real_add(right, walk.w);
    }
    return real_add(real_of(1), real_times(right, 2));
}

/* Sum over k >= a for any a: by symmetry, all but the sum over k >= 1 - a. */
static uint64_t mirrored(int64_t a)
{
    return a >= 0 ? (uint64_t)a : (uint64_t)(1 - a);
}

static struct real side(struct real total, struct real sum, int64_t a)
{
    return a >= 0 ? sum : real_sub(total, sum);
}

/* The sum runs over the x <= X that favour one neighbour, X = ceil(D/2 - sigma^2 epsilon / D) - 1; the other side of
 * the same: over k >= a, a about sigma^2 epsilon / D - D/2. Rounding may miss a by one, so three are tried: the sum is
 * largest at the true one. */
static bool boundary(uint64_t sensitivity, uint64_t num, uint64_t den, struct real epsilon, int64_t *out)
{
    struct real at = real_div(real_mul(real_ratio(num, den), epsilon), real_of((int64_t)sensitivity));
    uint64_t whole;

    if (!real_floor(at, 1, &whole) || whole > (uint64_t)NOISE_SUM_MAX)
        return false;
    *out = (int64_t)whole - (int64_t)(sensitivity / 2);
    return true;
}

int privacy_gauss_delta(uint64_t sensitivity, uint64_t num, uint64_t den, uint64_t micro_epsilon, uint64_t *out_delta)
{
    struct real epsilon = real_ratio(micro_epsilon, PRIVACY_MICRO), factor = real_exp(epsilon), best = real_of(0);
    struct real sum[6], total;
    uint64_t from[6];
    int64_t a[6];

    if (noise_gauss_check(num, den) != 0 || num / den >= PRIVACY_SUM_VARIANCE_MAX || sensitivity < 1 ||
        sensitivity > UINT32_MAX)
        return NOISE_BAD_PARAMETER;
    if (!boundary(sensitivity, num, den, epsilon, &a[0]))
        return NOISE_OVERFLOW;
    a[0]--;
    for (unsigned i = 0; i < 6; i++) {
        a[i] = a[0] + i / 2 + (i % 2 != 0 ? (int64_t)sensitivity : 0);
        from[i] = mirrored(a[i]);
    }
    total = sums(num, den, from, sum, 6);
    for (unsigned i = 0; i < 6; i += 2) {
        struct real more = real_mul(factor, side(total, sum[i + 1], a[i + 1]));
        best = real_max(best, real_sub(side(total, sum[i], a[i]), more));
    }
    return real_ceil_64ths(real_min(real_div(best, total), real_of(1)), out_delta) ? 0 : NOISE_OVERFLOW;
}

/* erfc(z) for z^2 = square < 45: 1 - 2/sqrt(pi) e^(-z^2) sum of 2^n z^(2n+1) / (1 3 5 .. (2n+1)). */
static struct real erfc_of_square(struct real square)
{
    struct real term = real_sqrt(square), sum = real_of(0);

    for (uint32_t n = 0; n < 600; n++) { /* behind n = 2 z^2 each term is less than half the one before */
        sum = real_add(sum, term);
        term = real_over(real_mul(term, real_times(square, 2)), 2 * n + 3);
    }
    sum = real_add(sum, rest());
    sum = real_mul(real_mul(sum, real_exp(real_sub(real_of(0), square))), real_of(2));
    return real_sub(real_of(1), real_div(sum, real_sqrt(real_pi())));
}

/* The sum over k >= a is below the integral from a - 1, and that over all k above sqrt(2 pi) sigma (Poisson). */
static int wide_tail(uint64_t num, uint64_t den, uint64_t a, uint64_t *out)
{
    struct real from = real_of((int64_t)(a - 1)), tail;
    struct real square = real_mul(real_mul(real_ratio(den, num), from), real_over(from, 2));

    tail = real_exp(real_sub(real_of(0), real_min(square, real_of(600)))); /* erfc(z) <= e^(-z^2) */
    if (real_below(square, real_of(45)))
        tail = real_min(tail, erfc_of_square(square));
    return real_ceil_64ths(real_max(tail, real_of(0)), out) ? 0 : NOISE_OVERFLOW;
}

int privacy_gauss_tail(uint64_t num, uint64_t den, uint64_t a, uint64_t *out)
{
    struct real sum, total;

    if (noise_gauss_check(num, den) != 0 || a > UINT32_MAX)
        return NOISE_BAD_PARAMETER;
    if (a == 0) {
        *out = UINT64_MAX;
        return 0;
    }
    if (num / den >= PRIVACY_SUM_VARIANCE_MAX)
        return wide_tail(num, den, a, out);
    total = sums(num, den, &a, &sum, 1);
    return real_ceil_64ths(real_div(real_times(sum, 2), total), out) ? 0 : NOISE_OVERFLOW;
}

/* Where the normal distribution has these tails on both sides together, in millionths, rounded up. */
static uint64_t quantile_of(uint64_t tail)
{
    return tail == PRIVACY_TAIL_5 ? 1959964 : tail == PRIVACY_TAIL_2_5 ? 2241403 : 0;
}

#define EXACT_WIDTH_VARIANCE 1024u

static int narrow_half_width(uint64_t num, uint64_t den, uint64_t tail, uint64_t *out)
{
    struct walk walk = walk_from_zero(num, den);
    struct real total = sums(num, den, NULL, NULL, 0), most = real_mul(total, real_of_64ths(tail)), beyond;

    beyond = real_sub(total, real_of(1));
    while (!real_below(beyond, most) && walk.k <= walk.far) {
        walk_on(&walk);
        beyond = real_sub(beyond, real_times(walk.w, 2));
    }
    *out = walk.k;
    return walk.k <= walk.far ? 0 : NOISE_OVERFLOW;
}

int privacy_gauss_half_width(uint64_t num, uint64_t den, uint64_t tail, uint64_t *out)
{
    struct real sigma;

    if (noise_gauss_check(num, den) != 0 || tail == 0)
        return NOISE_BAD_PARAMETER;
    if (num / den < EXACT_WIDTH_VARIANCE)
        return narrow_half_width(num, den, tail, out);
    if (quantile_of(tail) == 0)
        return NOISE_BAD_PARAMETER;
    sigma = real_sqrt(real_ratio(num, den));
    return real_ceil(real_over(real_mul(sigma, real_of((int64_t)quantile_of(tail))), PRIVACY_MICRO), 1, out)
               ? 0
               : NOISE_OVERFLOW;
}

int privacy_gauss_variance_for(uint64_t error, uint64_t tail, uint64_t *out_num, uint64_t *out_den)
{
    struct real sigma;

    if (error < 1 || error > UINT32_MAX || quantile_of(tail) == 0)
        return NOISE_BAD_PARAMETER;
    sigma = real_div(real_times(real_of((int64_t)error), PRIVACY_MICRO), real_of((int64_t)quantile_of(tail)));
    for (uint64_t den = PRIVACY_MICRO; den >= 1; den /= 1000) {
        uint64_t num;
        if (!real_floor(real_square(sigma), den, &num) || noise_gauss_check(num, den) != 0)
            continue;
        *out_num = num;
        *out_den = den;
        return 0;
    }
    return NOISE_OVERFLOW;
}

int privacy_gauss_variance(uint64_t num, uint64_t den, uint64_t *out)
{
    if (noise_gauss_check(num, den) != 0)
        return NOISE_BAD_PARAMETER;
    *out = num / den + (num % den != 0);
    return 0;
}
