/* release_variance.c - a variance from a noised count, sum and sum of squares, the latter two about the middle of the
 * sensor's bounds, which leaves the variance as it is and makes both as small as can be.
 *
 * Q/N - (S/N)^2, hundredths of squared steps. Noise can make that negative or larger than any variance within the
 * bounds: the answer is then the nearest that can be, which is postprocessing and costs nothing. All three noised
 * numbers are within their half widths at once with 95 %; the interval is what Q/N - (S/N)^2 can then be. */
#include "daemon/core/release_internal.h"

typedef __int128 wide;

#define HUNDRED    100
#define VALUE_MOST ((int64_t)1 << 58) /* so that no product here passes 2^127 */

static wide down(wide num, wide den) /* den > 0 */
{
    return num / den - (num % den < 0);
}

static wide up(wide num, wide den)
{
    return num / den + (num % den > 0);
}

static int64_t within(wide value, wide most)
{
    return (int64_t)(value < 0 ? 0 : value > most ? most : value);
}

static bool is_near(const struct noised *part)
{
    return part->value < VALUE_MOST && part->value > -VALUE_MOST && part->half_width < VALUE_MOST;
}

static wide absolute(wide value)
{
    return value < 0 ? -value : value;
}

static bool interval_find(const struct asked *asked, wide most, struct variance *out)
{
    const struct noised *squares = &asked->parts[0], *sum = &asked->parts[1], *count = &asked->parts[2];
    const wide fewest = (wide)count->value - count->half_width, mostest = (wide)count->value + count->half_width;
    const wide q_low = (wide)squares->value - squares->half_width, q_high = (wide)squares->value + squares->half_width;
    const wide s_low = (wide)sum->value - sum->half_width, s_high = (wide)sum->value + sum->half_width;

    if (fewest <= 0)
        return false;
    const wide far = absolute(s_low) > absolute(s_high) ? absolute(s_low) : absolute(s_high);
    const wide near = s_low <= 0 && s_high >= 0 ? 0 : absolute(s_low) + absolute(s_high) - far;
    const wide far_square = up(HUNDRED * far * far, fewest * fewest);
    const wide near_square = down(HUNDRED * near * near, mostest * mostest);
    out->low = within(down(HUNDRED * q_low, q_low >= 0 ? mostest : fewest) - far_square, most);
    out->high = within(up(HUNDRED * q_high, q_high >= 0 ? fewest : mostest) - near_square, most);
    return true;
}

bool variance_find(const struct asked *asked, struct variance *out)
{
    const struct noised *squares = &asked->parts[0], *sum = &asked->parts[1], *count = &asked->parts[2];
    const wide most = (wide)HUNDRED * asked_radius(asked) * asked_radius(asked);

    *out = (struct variance){ 0 };
    if (count->value <= 0) {
        out->reason = "the noised count is not above 0: too few readings, or too small an epsilon";
        return false;
    }
    if (!is_near(squares) || !is_near(sum) || !is_near(count) || most > INT64_MAX) {
        out->reason = "the noised variance is beyond all numbers: too small an epsilon";
        return false;
    }
    const wide n = count->value, s = sum->value;
    out->value = within(down(HUNDRED * ((wide)squares->value * n - s * s), n * n), most);
    out->has_interval = interval_find(asked, most, out);
    if (!out->has_interval)
        out->reason = "with this epsilon the number of readings cannot be told from none";
    return true;
}
