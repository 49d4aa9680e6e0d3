/* fixed_functions.c - exp, ln and sqrt of intervals: Taylor series after reduction of the argument, every step an
 * enclosure, the series' rest bounded and added. */
#include "device_proto/fixed_private.h"

#include <string.h>

/* ln 2, rounded down; one more in the last place is the upper bound. */
static const struct real ln2 = {
    { { 0x7298b62d, 0x40f34326, 0x03f2f6af, 0xc9e3b398, 0xd1cf79ab, 0xb17217f7, 0, 0 } },
    { { 0x7298b62e, 0x40f34326, 0x03f2f6af, 0xc9e3b398, 0xd1cf79ab, 0xb17217f7, 0, 0 } },
    false,
};
static const struct real broken_real = { .broken = true };

#define FRACTION_BITS (32u * FIXED_FRACTION)
#define HALVINGS      8u  /* of the argument of exp */
#define EXP_TERMS     20u /* (ln 2 / 2^8)^21 / 21! < 2^-244 */
#define LN_TERMS      62u /* (1/3)^125 / 125 < 2^-204 */

/* One unit more at the upper end: the rest of a series of which less than that is left. */
static struct real with_rest(struct real a)
{
    static const struct fixed ulp = { { 1 } };

    if (!a.broken)
        a.broken = !fixed_add(&a.hi, &ulp, &a.hi);
    return a;
}

/* x 2^count, exactly, or broken. */
static struct real shifted_left(struct real a, unsigned count)
{
    for (; count > 0 && !a.broken; count--)
        a = real_add(a, a);
    return a;
}

/* x 2^-count for a >= 0. */
static struct real shifted_right(struct real a, unsigned count)
{
    for (; count >= 31; count -= 31)
        a = real_over(a, UINT32_C(1) << 31);
    return real_over(a, UINT32_C(1) << count);
}

/* floor(x / ln 2), or one beside it: the whole part and 32 bits of fraction are plenty for that. |x| < 2^10. */
static int64_t halvings_of(const struct fixed *x)
{
    int64_t scaled = (int64_t)((uint64_t)x->limb[FIXED_FRACTION] << 32 | x->limb[FIXED_FRACTION - 1]);
    int64_t product = (scaled >> 11) * 12102203; /* 2^23 / ln 2 = 12102203.16 */

    return product >> 44;
}

/* exp of one number. */
static struct real exp_of(struct fixed x)
{
    static const struct fixed most = { { [FIXED_FRACTION] = 43 } }; /* e^43 < 2^62.1 */
    static const struct fixed least = { { [FIXED_FRACTION] = 0xFFFFFE00, [FIXED_FRACTION + 1] = 0xFFFFFFFF } };
    struct real zero = { .broken = false }, sum = real_of(1), r = { x, x, false };
    int64_t k;

    if (fixed_compare(&x, &most) >= 0)
        return broken_real;
    if (fixed_compare(&x, &least) <= 0) /* e^-512 is far below the last place */
        return with_rest(zero);
    k = halvings_of(&x);
    r = real_sub(r, real_mul(real_of(k), ln2));
    while (!r.broken && fixed_negative(&r.lo)) {
        r = real_add(r, ln2);
        k--;
    }
    r = shifted_right(r, HALVINGS);
    for (unsigned i = EXP_TERMS; i >= 1; i--) /* 1 + r/1 (1 + r/2 (1 + r/3 (...))) */
        sum = real_add(real_of(1), real_mul(sum, real_over(r, i)));
    sum = with_rest(sum);
    for (unsigned i = 0; i < HALVINGS; i++)
        sum = real_mul(sum, sum);
    return k >= 0 ? shifted_left(sum, (unsigned)k) : shifted_right(sum, (unsigned)-k);
}

struct real real_exp(struct real a)
{
    struct real low, high;

    if (a.broken)
        return broken_real;
    low = exp_of(a.lo);
    high = fixed_compare(&a.lo, &a.hi) == 0 ? low : exp_of(a.hi);
    return (struct real){ low.lo, high.hi, low.broken || high.broken };
}

static int highest_bit(const struct fixed *x)
{
    for (unsigned i = FIXED_LIMBS; i-- > 0;)
        if (x->limb[i] != 0)
            return (int)(32 * i + 31) - __builtin_clz(x->limb[i]);
    return -1;
}

/* ln of one number above 0: k ln 2 + 2 artanh((m - 1) / (m + 1)), 1 <= m < 2. */
static struct real ln_of(struct fixed x)
{
    int k = highest_bit(&x) - (int)FRACTION_BITS;
    struct real m = { x, x, false }, sum = { .broken = false }, z, square;

    m = k >= 0 ? shifted_right(m, (unsigned)k) : shifted_left(m, (unsigned)-k);
    z = real_div(real_sub(m, real_of(1)), real_add(m, real_of(1)));
    square = real_mul(z, z);
    for (unsigned i = LN_TERMS; i-- > 0;) /* 1 + z^2/3 + z^4/5 + ... */
        sum = real_add(real_over(real_of(1), 2 * i + 1), real_mul(sum, square));
    sum = real_mul(with_rest(sum), z);
    return real_add(real_add(sum, sum), real_mul(real_of(k), ln2));
}

struct real real_ln(struct real a)
{
    struct real low, high;

    if (a.broken || fixed_negative(&a.lo) || fixed_zero(&a.lo))
        return broken_real;
    low = ln_of(a.lo);
    high = fixed_compare(&a.lo, &a.hi) == 0 ? low : ln_of(a.hi);
    return (struct real){ low.lo, high.hi, low.broken || high.broken };
}

/* exp(ln(x) / 2): one series less to prove. */
struct real real_sqrt(struct real a)
{
    struct real low = { .broken = false }, high = low;

    if (a.broken || fixed_negative(&a.lo))
        return broken_real;
    if (!fixed_zero(&a.lo))
        low = real_exp(real_over(ln_of(a.lo), 2));
    if (!fixed_zero(&a.hi))
        high = real_exp(real_over(ln_of(a.hi), 2));
    return (struct real){ low.lo, high.hi, low.broken || high.broken };
}
