/* noise_bounds.c - clamping and scaling that cannot overflow, because a policy was checked for it. */
#include "device_proto/noise.h"

static uint64_t size_of(int64_t value)
{
    return value < 0 ? -(uint64_t)value : (uint64_t)value;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

int noise_bounds_check(int64_t lower, int64_t upper, uint64_t n)
{
    uint64_t size = larger(size_of(lower), size_of(upper)), product;

    if (lower > upper || __builtin_mul_overflow(n, size, &product) || product >= (uint64_t)NOISE_SUM_MAX ||
        size >= (uint64_t)NOISE_SUM_MAX)
        return NOISE_BAD_PARAMETER;
    return 0;
}

int64_t noise_clamp(int64_t value, int64_t lower, int64_t upper)
{
    return value < lower ? lower : value > upper ? upper : value;
}

/* size x steps in three limbs, divided by ten `down` times and rounded to nearest; UINT64_MAX where it is more. */
static uint64_t scaled_down(uint64_t size, uint32_t steps, uint32_t down)
{
    uint64_t low = (size & UINT32_MAX) * steps, high = (size >> 32) * steps + (low >> 32);
    uint32_t limb[3] = { (uint32_t)low, (uint32_t)high, (uint32_t)(high >> 32) };
    uint32_t digit = 0;

    if (down > 30)
        return 0; /* 2^95 < 10^29 */
    for (; down > 0; down--) {
        uint64_t rest = 0;
        for (unsigned i = 3; i-- > 0;) {
            rest = rest << 32 | limb[i];
            limb[i] = (uint32_t)(rest / 10);
            rest %= 10;
        }
        digit = (uint32_t)rest; /* the one cut off last decides: half away from zero */
    }
    size = limb[2] != 0 ? UINT64_MAX : (uint64_t)limb[1] << 32 | limb[0];
    return size == UINT64_MAX ? size : size + (digit >= 5);
}

int64_t noise_to_steps(int64_t mantissa, int32_t exponent, uint32_t steps, int64_t lower, int64_t upper)
{
    uint64_t size = size_of(mantissa), most = larger(size_of(lower), size_of(upper));
    uint32_t down = exponent < 0 ? -(uint32_t)exponent : 0;

    if (mantissa == 0)
        return noise_clamp(0, lower, upper);
    if (exponent < 0) {
        size = scaled_down(size, steps, down);
    } else {
        size = scaled_down(size, steps, 0);
        for (; exponent > 0 && size <= most; exponent--) /* beyond the bounds, how far does not matter */
            size = size > UINT64_MAX / 10 ? UINT64_MAX : size * 10;
    }
    if (size > INT64_MAX)
        return mantissa < 0 ? lower : upper;
    return noise_clamp(mantissa < 0 ? -(int64_t)size : (int64_t)size, lower, upper);
}

int noise_finite_check(int64_t lower, int64_t upper, uint64_t margin, uint64_t most)
{
    uint64_t span = (uint64_t)upper - (uint64_t)lower; /* < 2^63 */

    return margin <= UINT64_MAX - span && most >= span + margin ? 0 : NOISE_BAD_PARAMETER;
}

uint64_t noise_sensitivity(int64_t lower, int64_t upper, bool replace, uint64_t divisor)
{
    uint64_t whole = replace ? (uint64_t)upper - (uint64_t)lower : larger(size_of(lower), size_of(upper));

    return whole / divisor + (whole % divisor != 0);
}
