/* noise_below.c - a uniform integer below n, by exact rejection, for whoever needs one. */
#include "device_proto/noise_draw.h"

int noise_below(const struct proto_random *random, uint64_t n, uint64_t *out)
{
    struct draw draw;
    uint64_t value;
    int r;

    if (n == 0)
        return NOISE_BAD_PARAMETER;
    draw_begin(&draw, random, 0);
    value = draw_below(&draw, n);
    r = draw_end(&draw);
    if (r == 0)
        *out = value;
    return r;
}
