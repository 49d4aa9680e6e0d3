/* noise_laplace.h - the parts of the Laplace sampler that the Gaussian one proposes with. For this room only. */
#ifndef TINYPART_DEVICE_PROTO_NOISE_LAPLACE_H
#define TINYPART_DEVICE_PROTO_NOISE_LAPLACE_H

#include "device_proto/noise_draw.h"

/* Every loop ends by chance; each has a bound that chance reaches with less than 2^-120, so that a broken source of
 * randomness ends in a refusal and not in a hang. The deviation from the exact distribution that this costs is below
 * 2^-120. */
#define SERIES_MAX    64u   /* P(K > 64) < 1/64! < 2^-295; 2^40 x 64 stays below DRAW_COIN_DEN_MAX */
#define PEEL_MAX      1024u /* e^-1024 */
#define OFFSETS_MAX   512u  /* an offset is accepted with more than 1 - 1/e: e^-512 */
#define SIGNS_MAX     256u  /* minus zero comes with less than 1/2 */
#define PROPOSALS_MAX 512u  /* a proposal is accepted with more than 1/3: (2/3)^512 < 2^-299 */

static inline void draw_stuck(struct draw *draw)
{
    draw->r = draw->r != 0 ? draw->r : NOISE_SOURCE_STUCK;
}

/* true with probability 1/e: a uniform real against the digits of 1/e, as many as it takes. */
static inline bool draw_exp_one(struct draw *draw)
{
    static const uint8_t digits[] = { 0x5e, 0x2d, 0x58, 0xd8, 0xb3, 0xbc, 0xdf, 0x1a, 0xba, 0xde, 0xc7,
                                      0x82, 0x90, 0x54, 0xf9, 0x0d, 0xda, 0x98, 0x05, 0xaa, 0xb5, 0x6c,
                                      0x77, 0x33, 0x30, 0x24, 0xb9, 0xd0, 0xa5, 0x07, 0xda, 0xed };

    for (size_t i = 0; i < sizeof(digits); i++) {
        int order = draw_compare(draw, digits[i]);
        if (order != 0)
            return order < 0;
    }
    draw_stuck(draw);
    return false;
}

/* true with probability exp(-num/den) for num <= den <= 2^40: the parity of the first failure in a row of trials
 * num/(den k). */
static inline bool draw_exp_fraction(struct draw *draw, uint64_t num, uint64_t den)
{
    for (uint64_t k = 1; k <= SERIES_MAX; k++)
        if (!draw_coin(draw, num, den * k))
            return (k & 1) != 0;
    draw_stuck(draw);
    return false;
}

/* |x| of the discrete Laplace distribution of scale num/den, but for zero being twice as likely: an offset U in
 * 0..num-1 kept with exp(-U/num), and as many turns of num as 1/e holds in a row. */
static inline uint64_t draw_laplace_magnitude(struct draw *draw, uint64_t num, uint64_t den)
{
    uint64_t offset = 0, turns = 0;
    unsigned tries = 0;

    for (bool kept = num == 1; !kept; kept = draw_exp_fraction(draw, offset, num)) {
        if (tries++ == OFFSETS_MAX) {
            draw_stuck(draw);
            return 0;
        }
        offset = draw_below(draw, num);
    }
    while (draw_exp_one(draw))
        if (++turns == PEEL_MAX) {
            draw_stuck(draw);
            return 0;
        }
    offset += num * turns; /* < 2^40 x 2^10 + 2^40 */
    return den == 1 ? offset : offset / den;
}

#endif
