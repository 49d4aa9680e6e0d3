/* enumerated_draw.h - stands in the place of noise_draw.h, and is included before what includes that. */
#ifndef TINYPART_DEVICE_PROTO_NOISE_DRAW_H
#define TINYPART_DEVICE_PROTO_NOISE_DRAW_H

#include "device_proto/noise.h"
#include "tests/unit/device_proto/enumerated_noise.h"

#define DRAW_CHUNK_MAX 512u

struct draw {
    struct enumeration *enumeration;
    int r;
};

static inline void draw_begin(struct draw *draw, const struct proto_random *random, size_t chunk)
{
    (void)chunk;
    *draw = (struct draw){ .enumeration = random->context };
}

static inline int draw_end(struct draw *draw)
{
    return draw->r;
}

/* false: this path is given up. */
static inline bool draw_weigh(struct draw *draw, double weight)
{
    draw->enumeration->probability *= weight;
    if (draw->enumeration->probability < draw->enumeration->floor)
        draw->r = ENUMERATION_PRUNED;
    return draw->r == 0;
}

static inline uint64_t draw_below(struct draw *draw, uint64_t n)
{
    uint64_t value;

    if (n == 1 || draw->r != 0)
        return 0;
    value = enumeration_choose(draw->enumeration, n);
    return draw_weigh(draw, 1. / (double)n) ? value : 0;
}

static inline bool draw_coin(struct draw *draw, uint64_t num, uint64_t den)
{
    bool value;

    if (num == 0 || num == den || draw->r != 0)
        return num != 0 && draw->r == 0;
    value = enumeration_choose(draw->enumeration, 2) != 0;
    return draw_weigh(draw, (double)(value ? num : den - num) / (double)den) && value;
}

static inline int draw_compare(struct draw *draw, uint8_t digit)
{
    static const int orders[] = { -1, 1, 0 };
    int order;

    if (draw->r != 0)
        return 1;
    order = orders[enumeration_choose(draw->enumeration, 3)];
    return draw_weigh(draw, (order < 0 ? digit : order > 0 ? 255 - digit : 1) / 256.) ? order : 1;
}

#endif
