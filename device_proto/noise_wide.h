/* noise_wide.h - the coin of the Gaussian sampler, whose probability is a fraction of 128-bit integers. */
#ifndef TINYPART_DEVICE_PROTO_NOISE_WIDE_H
#define TINYPART_DEVICE_PROTO_NOISE_WIDE_H

#include "device_proto/noise_laplace.h"

typedef unsigned __int128 noise_wide;

/* As draw_coin, num <= den <= 2^108. */
static inline bool draw_coin_wide(struct draw *draw, noise_wide num, noise_wide den)
{
    for (unsigned known = 0; known < 128; known += 16) {
        noise_wide have = num << 16;
        noise_wide least = den * draw_16(draw);
        if (least + den <= have)
            return true;
        if (least >= have)
            return false;
        num = have - least;
    }
    draw_stuck(draw);
    return false;
}

#endif
