/* noise.c - exact discrete Laplace noise (Canonne, Kamath, Steinke 2020, algorithms 1 and 2).
 * Every loop ends by chance; each has a bound that chance reaches with less than 2^-120, so that a broken source of
 * randomness ends in a refusal and not in a hang. The deviation from the exact distribution that this costs is below
 * 2^-120. */
#include "device_proto/noise.h"

#define SERIES_MAX  64u   /* P(K > 64) < 1/64! < 2^-295 */
#define PEEL_MAX    1024u /* e^-1024 */
#define OFFSETS_MAX 512u  /* an offset is accepted with more than 1/e: (1 - 1/e)^512 < 2^-338 */
#define SIGNS_MAX   256u  /* minus zero comes with less than 1/2 */

/* true with probability exp(-num/den) for num <= den: the parity of the first failure in a row of trials num/(den K).
 */
static int bernoulli_exp_fraction(const struct proto_random *random, uint64_t num, uint64_t den, bool *out)
{
    uint64_t value;
    int r;

    for (uint64_t k = 1; k <= SERIES_MAX; k++) {
        r = noise_below(random, den, &value);
        if (r != 0)
            return r;
        if (value < num) { /* and with probability 1/K: together num/(den K), and den never grows */
            r = noise_below(random, k, &value);
            if (r != 0)
                return r;
            if (value == 0)
                continue;
        }
        *out = (k & 1) != 0;
        return 0;
    }
    return NOISE_SOURCE_STUCK;
}

int noise_bernoulli_exp(const struct proto_random *random, uint64_t num, uint64_t den, bool *out)
{
    bool survived;
    int r;

    if (den == 0)
        return NOISE_BAD_PARAMETER;
    /* exp(-num/den) = exp(-1) x .. x exp(-1) x exp(-fraction) */
    for (unsigned i = 0; num > den; i++) {
        if (i == PEEL_MAX)
            return NOISE_SOURCE_STUCK;
        r = bernoulli_exp_fraction(random, 1, 1, &survived);
        if (r != 0)
            return r;
        if (!survived) {
            *out = false;
            return 0;
        }
        num -= den;
    }
    return bernoulli_exp_fraction(random, num, den, out);
}

/* A uniform offset U in 0 .. n-1, kept with probability exp(-U/n). */
static int draw_offset(const struct proto_random *random, uint64_t n, uint64_t *out)
{
    uint64_t offset;
    bool kept;
    int r;

    for (unsigned i = 0; i < OFFSETS_MAX; i++) {
        r = noise_below(random, n, &offset);
        if (r != 0)
            return r;
        r = bernoulli_exp_fraction(random, offset, n, &kept);
        if (r != 0)
            return r;
        if (kept) {
            *out = offset;
            return 0;
        }
    }
    return NOISE_SOURCE_STUCK;
}

/* How often exp(-1) holds in a row. */
static int draw_geometric(const struct proto_random *random, uint64_t *out)
{
    bool success;
    int r;

    for (uint64_t count = 0; count < PEEL_MAX; count++) {
        r = bernoulli_exp_fraction(random, 1, 1, &success);
        if (r != 0)
            return r;
        if (!success) {
            *out = count;
            return 0;
        }
    }
    return NOISE_SOURCE_STUCK;
}

int noise_laplace(const struct proto_random *random, uint64_t scale_num, uint64_t scale_den, int64_t *out)
{
    uint64_t offset, turns, negative;
    int64_t magnitude;
    int r;

    if (scale_num == 0 || scale_num > NOISE_SCALE_NUM_MAX || scale_den == 0 || scale_den > NOISE_SCALE_DEN_MAX)
        return NOISE_BAD_PARAMETER;
    for (unsigned i = 0; i < SIGNS_MAX; i++) {
        r = draw_offset(random, scale_num, &offset);
        if (r != 0)
            return r;
        r = draw_geometric(random, &turns);
        if (r != 0)
            return r;
        magnitude = (int64_t)((offset + scale_num * turns) / scale_den); /* < 2^40 x 2^10 + 2^40: fits */
        r = noise_below(random, 2, &negative);
        if (r != 0)
            return r;
        if (negative != 0 && magnitude == 0)
            continue; /* zero would be twice as likely */
        *out = negative != 0 ? -magnitude : magnitude;
        return 0;
    }
    return NOISE_SOURCE_STUCK;
}
