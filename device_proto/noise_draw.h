/* noise_draw.h - the exact primitives that all samplers are made of: bytes, a whole number below n, a coin of any
 * rational probability, and the comparison of a uniform real with given digits. For this room's samplers only.
 * Faults are sticky: after one, draws give zeros, every loop of the samplers ends by its own bound, and what was made
 * is thrown away. In a header of its own, so that tests can put an enumeration of all outcomes in its place. */
#ifndef TINYPART_DEVICE_PROTO_NOISE_DRAW_H
#define TINYPART_DEVICE_PROTO_NOISE_DRAW_H

#include "device_proto/noise.h"

#define DRAW_CHUNK_MAX  512u
#define DRAW_REJECT_MAX 128u /* each rejection has less than probability 1/2 */

struct draw {
    const struct proto_random *random;
    size_t chunk; /* bytes asked for at once; 0: no more than needed */
    size_t at, end;
    int r; /* 0, or what went wrong first */
    uint8_t bytes[DRAW_CHUNK_MAX];
};

static inline void draw_begin(struct draw *draw, const struct proto_random *random, size_t chunk)
{
    draw->random = random;
    draw->chunk = chunk;
    draw->at = draw->end = 0;
    draw->r = 0;
}

/* What is left over would tell somebody nothing about what was drawn, but what was drawn is there too. */
static inline int draw_end(struct draw *draw)
{
    volatile uint8_t *bytes = draw->bytes;

    for (size_t i = 0; i < draw->end; i++)
        bytes[i] = 0;
    return draw->r;
}

static inline void draw_refill(struct draw *draw, size_t size)
{
    draw->end = size > draw->chunk ? size : draw->chunk;
    draw->at = 0;
    if (draw->r == 0)
        draw->r = draw->random->fill(draw->random->context, draw->bytes, draw->end);
    if (draw->r != 0)
        memset(draw->bytes, 0, draw->end);
}

static inline const uint8_t *draw_take(struct draw *draw, size_t size)
{
    const uint8_t *from;

    if (draw->end - draw->at < size)
        draw_refill(draw, size);
    from = draw->bytes + draw->at;
    draw->at += size;
    return from;
}

static inline uint32_t draw_8(struct draw *draw)
{
    return *draw_take(draw, 1);
}

static inline uint32_t draw_16(struct draw *draw)
{
    const uint8_t *from = draw_take(draw, 2);

    return from[0] | (uint32_t)from[1] << 8;
}

static inline uint32_t draw_32(struct draw *draw)
{
    const uint8_t *from = draw_take(draw, 4);

    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static inline uint64_t draw_64(struct draw *draw)
{
    uint64_t low = draw_32(draw);

    return low | (uint64_t)draw_32(draw) << 32;
}

/* For n of more than 24 bits: the largest multiple of n that 64 bits hold, by rejection. */
static inline uint64_t draw_below_large(struct draw *draw, uint64_t n)
{
    uint64_t most = UINT64_MAX - (UINT64_MAX % n + 1) % n; /* the largest value that leaves all equally likely */

    for (unsigned i = 0; i < DRAW_REJECT_MAX; i++) {
        uint64_t value = draw_64(draw);
        if (value <= most)
            return value % n;
    }
    draw->r = draw->r != 0 ? draw->r : NOISE_SOURCE_STUCK;
    return 0;
}

/* Uniform in 0..n-1, n >= 1 (Lemire 2019: the high half of word x n, rejecting the few low halves that are too many;
 * the division is only reached with probability n / 2^bits). */
static inline uint64_t draw_below(struct draw *draw, uint64_t n)
{
    unsigned bits = n <= 256 ? 16 : 32;
    uint64_t mask = (UINT64_C(1) << bits) - 1;

    if (n == 1)
        return 0;
    if (n > 1u << 24)
        return draw_below_large(draw, n);
    for (unsigned i = 0; i < DRAW_REJECT_MAX; i++) {
        uint64_t product = n * (bits == 16 ? draw_16(draw) : draw_32(draw));
        uint64_t low = product & mask;
        if (low >= n || low >= (mask + 1 - n) % n)
            return product >> bits;
    }
    draw->r = draw->r != 0 ? draw->r : NOISE_SOURCE_STUCK;
    return 0;
}

/* true with probability num/den, num <= den <= 2^47: a uniform real below it or not, digit by digit. Almost always the
 * first digit decides; 128 bits of equality are left to a stuck source. */
#define DRAW_COIN_DEN_MAX (1ull << 47)
static inline bool draw_coin(struct draw *draw, uint64_t num, uint64_t den)
{
    for (unsigned known = 0; known < 128; known += 16) {
        uint64_t have = num << 16;
        uint64_t least = den * draw_16(draw);
        if (least + den <= have) /* every real that begins like this is below num/den */
            return true;
        if (least >= have)
            return false;
        num = have - least;
    }
    draw->r = draw->r != 0 ? draw->r : NOISE_SOURCE_STUCK;
    return false;
}

/* -1, 0 or 1: the next byte of a uniform real against a digit. */
static inline int draw_compare(struct draw *draw, uint8_t digit)
{
    int byte = (int)draw_8(draw);

    return (byte > digit) - (byte < digit);
}

#endif
