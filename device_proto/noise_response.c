/* noise_response.c - the samplers of local noise: one or a few uniform numbers below the sum of the weights each. */
#include "device_proto/noise_response.h"

#include "device_proto/noise_draw.h"

int noise_weights_check(struct noise_weights weights)
{
    return weights.lie >= 1 && weights.lie < weights.truth && weights.truth <= NOISE_WEIGHT_MAX ? 0
                                                                                                : NOISE_BAD_PARAMETER;
}

static bool category_wrong(uint32_t categories, uint32_t value)
{
    return categories < 2 || categories > NOISE_CATEGORIES_MAX || value >= categories;
}

int noise_krr(const struct proto_random *random, struct noise_weights weights, uint32_t categories, uint32_t value,
              uint32_t *out)
{
    struct draw draw;
    uint64_t roll;
    uint32_t answer = value;
    int r;

    if (noise_weights_check(weights) != 0 || category_wrong(categories, value))
        return NOISE_BAD_PARAMETER;
    draw_begin(&draw, random, 0);
    roll = draw_below(&draw, weights.truth + (uint64_t)(categories - 1) * weights.lie);
    r = draw_end(&draw);
    if (r != 0)
        return r;
    if (roll >= weights.truth) { /* which of the others: those behind value move one up */
        answer = (uint32_t)((roll - weights.truth) / weights.lie);
        answer += answer >= value;
    }
    *out = answer;
    return 0;
}

size_t noise_oue_size(uint32_t categories)
{
    return (categories + 7u) / 8u;
}

int noise_oue(const struct proto_random *random, struct noise_weights weights, uint32_t categories, uint32_t value,
              uint8_t *out)
{
    struct draw draw;
    int r;

    if (noise_weights_check(weights) != 0 || category_wrong(categories, value))
        return NOISE_BAD_PARAMETER;
    draw_begin(&draw, random, categories < DRAW_CHUNK_MAX / 4 ? 0 : DRAW_CHUNK_MAX);
    memset(out, 0, noise_oue_size(categories));
    for (uint32_t i = 0; i < categories; i++) {
        bool bit =
            draw_coin(&draw, i == value ? 1 : weights.lie, i == value ? 2 : (uint64_t)weights.truth + weights.lie);
        out[i / 8] = (uint8_t)(out[i / 8] | (unsigned)bit << (i % 8));
    }
    r = draw_end(&draw);
    if (r != 0)
        memset(out, 0, noise_oue_size(categories));
    return r;
}

int noise_onebit(const struct proto_random *random, struct noise_weights weights, uint32_t span, uint32_t value,
                 bool *out)
{
    struct draw draw;
    uint64_t ones;
    bool bit;
    int r;

    if (noise_weights_check(weights) != 0 || span < 1 || span > NOISE_MEAN_SPAN_MAX || value > span)
        return NOISE_BAD_PARAMETER;
    draw_begin(&draw, random, 0);
    ones = (uint64_t)weights.lie * span + (uint64_t)value * (weights.truth - weights.lie); /* < 2^56 */
    bit = draw_below(&draw, ((uint64_t)weights.truth + weights.lie) * span) < ones;
    r = draw_end(&draw);
    if (r == 0)
        *out = bit;
    return r;
}
