/* noising.c - the mechanisms of policies on the samplers of noise.h. */
#include "device_proto/virtual/noising.h"

static struct noise_memo memo_of(struct noising *noising)
{
    return (struct noise_memo){ noising->answers, NOISING_ANSWERS_MAX };
}

size_t noising_answer_count(const struct noising *noising)
{
    size_t count = 0;

    for (size_t i = 0; i < NOISING_ANSWERS_MAX; i++)
        count += noising->answers[i].used != 0;
    return count;
}

int noising_begin(const struct noise_policy *policy, const struct proto_random *random, struct noising *out)
{
    uint64_t offset = 0, delta;
    int r = 0;

    memset(out, 0, sizeof(*out));
    if (policy->memo_step > 0)
        r = noise_below(random, policy->memo_step, &offset);
    out->offset = (uint32_t)offset;
    if (r != 0 || policy->mechanism != POLICY_GEOMETRIC)
        return r > 0 ? POLICY_VALUE : r;
    if (noise_geometric_init(policy->parameter_num, policy->parameter_den, &out->geometric) != 0 ||
        noise_geometric_delta(&out->geometric, policy->micro_epsilon, &delta) != 0)
        return POLICY_VALUE;
    return delta <= policy->delta ? 0 : POLICY_UNDERCHARGED;
}

static int64_t saturated_sum(int64_t a, int64_t b)
{
    int64_t sum;

    if (__builtin_add_overflow(a, b, &sum))
        return b < 0 ? INT64_MIN : INT64_MAX;
    return sum;
}

/* Weights beyond those of noise_krr stand in policies of two categories only. */
static int respond(const struct noise_policy *policy, const struct proto_random *random, int64_t value, int64_t *out)
{
    struct noise_weights weights = { policy->parameter_num, policy->parameter_den };
    uint32_t category = (uint32_t)(value - policy->lower), answer = 0;
    uint64_t roll;
    int r;

    if (policy->parameter_num <= NOISE_WEIGHT_MAX) {
        r = noise_krr(random, weights, policy_categories(policy), category, &answer);
    } else {
        r = noise_below(random, (uint64_t)policy->parameter_num + policy->parameter_den, &roll);
        answer = r == 0 && roll < policy->parameter_num ? category : 1 - category;
    }
    *out = policy->lower + answer;
    return r;
}

static int encode(const struct noise_policy *policy, const struct proto_random *random, int64_t value, int64_t *out)
{
    struct noise_weights weights = { policy->parameter_num, policy->parameter_den };
    uint8_t bits[8] = { 0 };
    int r = noise_oue(random, weights, policy_categories(policy), (uint32_t)(value - policy->lower), bits);

    *out = 0;
    for (unsigned i = 0; i < sizeof(bits); i++)
        *out |= (int64_t)((uint64_t)bits[i] << 8 * i);
    return r;
}

static int one_bit(const struct noise_policy *policy, const struct proto_random *random, int64_t value, int64_t *out)
{
    struct noise_weights weights = { policy->parameter_num, policy->parameter_den };
    bool bit = false;
    int r = noise_onebit(random, weights, (uint32_t)(policy->upper - policy->lower), (uint32_t)(value - policy->lower),
                         &bit);

    *out = bit;
    return r;
}

static int draw(const struct noise_policy *policy, const struct proto_random *random, const struct noising *noising,
                int64_t value, int64_t *out)
{
    int64_t noise = 0;
    int r = 0;

    switch (policy->mechanism) {
    case POLICY_NONE:
        break;
    case POLICY_DISCRETE_LAPLACE:
        r = noise_laplace(random, policy->parameter_num, policy->parameter_den, &noise);
        break;
    case POLICY_GEOMETRIC:
        r = noise_geometric(random, &noising->geometric, &noise);
        break;
    case POLICY_RANDOMIZED_RESPONSE:
        return respond(policy, random, value, out);
    case POLICY_UNARY:
        return encode(policy, random, value, out);
    case POLICY_ONE_BIT:
        return one_bit(policy, random, value, out);
    }
    *out = noise_clamp(saturated_sum(value, noise), policy->lower - policy->output_bound,
                       policy->upper + policy->output_bound);
    return r;
}

int noising_apply(const struct noise_policy *policy, const struct proto_random *random, struct noising *noising,
                  int64_t value, int64_t *out, bool *out_is_new)
{
    struct noise_memo memo = memo_of(noising);
    int64_t rounded;
    int r;

    *out_is_new = false;
    if (policy->memo_step == 0)
        return draw(policy, random, noising, value, out);
    rounded = noise_memo_round(value, policy->memo_step, noising->offset);
    if (noise_memo_find(&memo, 0, rounded, out))
        return 0;
    if (noising_answer_count(noising) == NOISING_ANSWERS_MAX)
        return NOISE_FULL;
    r = draw(policy, random, noising, noise_clamp(rounded, policy->lower, policy->upper), out);
    if (r == 0)
        r = noise_memo_keep(&memo, 0, rounded, *out);
    *out_is_new = r == 0;
    return r;
}
