/* noise_geometric.c - two-sided geometric noise in constant time: bit by bit against thresholds.
 * For q = e^(-1/t), P(x) proportional to q^x on 0..2^bits-1 is a product over the bits of x: bit i is 1 with
 * q^(2^i) / (1 + q^(2^i)), whatever the others are. */
#include "device_proto/noise.h"

#include "device_proto/fixed_point.h"

/* e^-x / (1 + e^-x) to the nearest 2^-64. e^x is no rational for rational x, so the bounds agree as soon as they are
 * close enough; were 2^-180 not close enough, there is a refusal and no threshold. */
static bool threshold_of(struct real x, uint64_t *out)
{
    struct real power = real_exp(real_sub(real_of(0), x));

    return real_nearest_64ths(real_div(power, real_add(real_of(1), power)), out);
}

int noise_geometric_init(uint64_t scale_num, uint64_t scale_den, struct noise_geometric *out)
{
    static const struct real far = { { { [FIXED_FRACTION] = 512 } }, { { [FIXED_FRACTION] = 512 } }, false };
    struct noise_geometric made = { 0 };
    uint64_t truncated = UINT64_MAX;
    struct real x;

    if (scale_num == 0 || scale_num > NOISE_SCALE_NUM_MAX || scale_den == 0 || scale_den > NOISE_SCALE_DEN_MAX)
        return NOISE_BAD_PARAMETER;
    x = real_ratio(scale_den, scale_num); /* 2^i / t */
    while (truncated > 1 && made.bits < NOISE_GEOMETRIC_BITS_MAX) {
        struct real twice;

        if (!threshold_of(x, &made.thresholds[made.bits++]))
            return NOISE_OVERFLOW;
        if (real_below(x, far))
            x = real_add(x, x);
        /* Of each of the two values, e^(-2^bits/t) lies beyond. */
        twice = real_times(real_exp(real_sub(real_of(0), x)), 2);
        if (!real_ceil_64ths(real_min(twice, real_of(1)), &truncated))
            return NOISE_OVERFLOW;
    }
    made.distance = truncated + made.bits; /* two times bits thresholds, each off by at most 2^-65 */
    *out = made;
    return 0;
}

/* 1 where a < b, without a branch: the borrow of a - b. */
static uint64_t borrow(uint64_t a, uint64_t b)
{
    return ((~a & b) | (~(a ^ b) & (a - b))) >> 63;
}

static uint64_t word_at(const uint8_t *bytes)
{
    uint64_t word = 0;

    for (unsigned i = 0; i < 8; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

int noise_geometric(const struct proto_random *random, const struct noise_geometric *geometric, int64_t *out)
{
    uint8_t bytes[16 * NOISE_GEOMETRIC_BITS_MAX];
    volatile uint8_t *wiped = bytes;
    uint64_t plus = 0, minus = 0;
    int r;

    if (geometric->bits == 0 || geometric->bits > NOISE_GEOMETRIC_BITS_MAX)
        return NOISE_BAD_PARAMETER;
    r = random->fill(random->context, bytes, (size_t)16 * geometric->bits);
    for (unsigned i = 0; r == 0 && i < geometric->bits; i++) {
        plus |= borrow(word_at(bytes + (size_t)16 * i), geometric->thresholds[i]) << i;
        minus |= borrow(word_at(bytes + (size_t)16 * i + 8), geometric->thresholds[i]) << i;
    }
    for (size_t i = 0; i < (size_t)16 * geometric->bits; i++)
        wiped[i] = 0;
    if (r == 0)
        *out = (int64_t)(plus - minus);
    return r;
}

int noise_geometric_delta(const struct noise_geometric *geometric, uint64_t micro_epsilon, uint64_t *out_delta)
{
    struct real factor = real_add(real_of(1), real_exp(real_ratio(micro_epsilon, 1000000)));

    return real_ceil_64ths(real_mul(factor, real_of_64ths(geometric->distance)), out_delta) ? 0 : NOISE_OVERFLOW;
}
