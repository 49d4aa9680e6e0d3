#define noise_gauss       enumerated_gauss
#define noise_gauss_many  enumerated_gauss_many
#define noise_gauss_check enumerated_gauss_check
#include "tests/unit/device_proto/enumerated_draw.h"

#define TINYPART_DEVICE_PROTO_NOISE_WIDE_H /* its coin takes words; here is one that takes branches */
#include "device_proto/noise_laplace.h"

/* One proposal: what it comes to, given that it is taken, is what all of them come to. */
#undef PROPOSALS_MAX
#define PROPOSALS_MAX 1u

typedef unsigned __int128 noise_wide;

static bool draw_coin_wide(struct draw *draw, noise_wide num, noise_wide den)
{
    bool value;

    if (num == 0 || num == den || draw->r != 0)
        return num != 0 && draw->r == 0;
    value = enumeration_choose(draw->enumeration, 2) != 0;
    return draw_weigh(draw, (double)(value ? num : den - num) / (double)den) && value;
}

#include "device_proto/noise_gauss.c"
