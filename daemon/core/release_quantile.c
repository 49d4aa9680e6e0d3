/* release_quantile.c - quantiles, read off a noised tree over the sensor's whole range.
 *
 * The exponential mechanism would need less noise for one quantile, but it gives a value without any interval, and pays
 * again for each further one. From the tree all quantiles of the range are read at the price of one answer, each with
 * its interval, and no choice made from data shows in how long it takes.
 *
 * Let D(j) = (readings below boundary j) - q * (all readings), noised: a sum of at most one node of each level, with
 * weights of at most 1, and one more of the first. True D rises with j, and crosses 0 at the quantile. The interval
 * goes from the end of the run of boundaries, from below, where D <= -w, to the start of the one, from above, where D
 * >= w. It misses the quantile only where noise moves D by w at the one boundary next to it: so w need hold for one
 * boundary, with 97.5 %, and not for all 256. Quantiles of one answer are consistent: crossings of larger q never lie
 * lower. */
#include "daemon/core/release_internal.h"

#include <errno.h>

#define LEAVES  (1 << TREE_LEVELS)
#define MILLION 1000000
typedef __int128 wide;

/* Of the nine terms' sum. Laplace of scale b: E e^(tX/b) <= 1 / (1 - t^2), also for the discrete one, so P(sum >= w) <=
 * e^(-w/(2b)) (4/3)^9, which is 1/40 at w = 2b (ln 40 + 9 ln(4/3)) < 12.5563 b. Gaussian: each is sub-Gaussian, so it
 * is 1/40 at w^2 = 18 ln 40 sigma^2 < 66.4 sigma^2. */
int quantile_half_width(const struct asked *asked, int64_t *out)
{
    const struct noise_scale scale = asked->parts[0].scale;
    wide width;

    if (asked->mechanism == MECHANISM_LAPLACE) {
        width = ((wide)scale.num * 125563 + (wide)scale.den * 10000 - 1) / ((wide)scale.den * 10000);
    } else {
        const wide square = (wide)scale.num * 664 / ((wide)scale.den * 10) + 1;
        wide low = 0, high = (wide)1 << 40;
        while (low < high) {
            wide middle = (low + high) / 2;
            if (middle * middle >= square)
                high = middle;
            else
                low = middle + 1;
        }
        width = low;
    }
    if (width > INT64_MAX)
        return -ERANGE;
    *out = (int64_t)width;
    return 0;
}

static wide readings_below(const struct asked *asked, unsigned boundary)
{
    wide sum = 0;

    if (boundary == LEAVES)
        return (wide)asked->cells[0] + asked->cells[1];
    for (unsigned level = 1; level <= TREE_LEVELS; level++) {
        const unsigned node = boundary >> (TREE_LEVELS - level);
        if ((node & 1) != 0)
            sum += asked->cells[(1u << level) - 2 + node - 1];
    }
    return sum;
}

static int64_t boundary_value(const struct asked *asked, int64_t halves)
{
    const wide value = asked->policy.lower + (wide)asked_leaf_width(asked) * halves / 2;

    return value > asked->policy.upper ? asked->policy.upper : (int64_t)value;
}

bool quantile_find(const struct asked *asked, int64_t millionths, struct quantile *out)
{
    const wide all = readings_below(asked, LEAVES);
    wide above[LEAVES + 1];
    int64_t half_width;

    if (all <= 0 || quantile_half_width(asked, &half_width) != 0)
        return false;
    for (unsigned j = 0; j <= LEAVES; j++)
        above[j] = readings_below(asked, j) * MILLION - all * millionths;
    const wide most = (wide)half_width * MILLION;
    unsigned low = 0, high = LEAVES, first = 0, last = LEAVES - 1;
    while (low < LEAVES && above[low + 1] <= -most)
        low++;
    if (above[0] > -most)
        low = 0;
    while (high > 0 && above[high - 1] >= most)
        high--;
    if (above[LEAVES] < most)
        high = LEAVES;
    while (first < LEAVES - 1 && above[first + 1] < 0)
        first++;
    while (last > 0 && above[last] > 0)
        last--;
    out->low = boundary_value(asked, 2 * (int64_t)low);
    out->high = high == LEAVES ? asked->policy.upper : boundary_value(asked, 2 * (int64_t)high) - 1;
    out->value = boundary_value(asked, (int64_t)first + (int64_t)last + 1);
    return true;
}
