/* noise_tree.c - the binary mechanism: after step t, partial sums stand at the levels of the ones of t. */
#include "device_proto/noise_tree.h"

unsigned noise_tree_levels(uint64_t horizon)
{
    unsigned levels = 0;

    for (; horizon != 0; horizon >>= 1)
        levels++;
    return levels;
}

int noise_tree_init(noise_draw draw, uint64_t num, uint64_t den, uint64_t horizon, int64_t bound,
                    struct noise_tree *out)
{
    if (horizon == 0 || noise_tree_levels(horizon) > NOISE_TREE_LEVELS_MAX || bound < 0 ||
        noise_bounds_check(-bound, bound, horizon) != 0)
        return NOISE_BAD_PARAMETER;
    *out = (struct noise_tree){ .draw = draw, .num = num, .den = den, .horizon = horizon, .bound = bound };
    return 0;
}

int noise_tree_add(struct noise_tree *tree, const struct proto_random *random, int64_t value, int64_t *out)
{
    int64_t noise, sum = noise_clamp(value, -tree->bound, tree->bound), total, noised;
    uint64_t steps = tree->steps + 1;
    unsigned level = 0;
    int r;

    if (steps > tree->horizon)
        return NOISE_FULL;
    while ((steps >> level & 1) == 0)
        sum += tree->exact[level++]; /* full partial sums below become one; init keeps all of it below 2^62 */
    r = tree->draw(random, tree->num, tree->den, &noise);
    if (r != 0)
        return r;
    if (__builtin_add_overflow(sum, noise, &noised))
        return NOISE_OVERFLOW;
    total = noised;
    for (unsigned i = level + 1; i < NOISE_TREE_LEVELS_MAX; i++)
        if ((steps >> i & 1) != 0 && __builtin_add_overflow(total, tree->noised[i], &total))
            return NOISE_OVERFLOW;
    for (unsigned i = 0; i < level; i++)
        tree->exact[i] = tree->noised[i] = 0;
    tree->exact[level] = sum;
    tree->noised[level] = noised;
    tree->steps = steps;
    *out = total;
    return 0;
}

unsigned noise_tree_draws(const struct noise_tree *tree)
{
    unsigned draws = 0;

    for (uint64_t steps = tree->steps; steps != 0; steps &= steps - 1)
        draws++;
    return draws;
}
