/* policy_mechanism.c - how devices noise by a policy, and what one reading costs then.
 * Losses are computed from the parameters, in every currency, rounded up (privacy_loss.h): nobody states them. */
#include "daemon/core/policy_mechanism.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/core/accuracy.h"
#include "device_proto/privacy_loss.h"

#define EPSILON_DEFAULT "0.1"
/* On-board noise is cut off this many scales out, which chance reaches once in 10^8 readings. Cutting what was noised
 * costs no privacy. */
#define OUTPUT_SCALES 20

static const char *const mechanisms[] = {
    [POLICY_NONE] = "none",
    [POLICY_DISCRETE_LAPLACE] = "laplace",
    [POLICY_RANDOMIZED_RESPONSE] = "krr",
    [POLICY_GEOMETRIC] = "geometric",
    [POLICY_UNARY] = "oue",
    [POLICY_ONE_BIT] = "onebit",
};

static int mechanism_find(const char *name, enum policy_mechanism *out, struct why *why)
{
    for (unsigned i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++)
        if (strcmp(mechanisms[i], name) == 0) {
            *out = (enum policy_mechanism)i;
            return 0;
        }
    return refuse(why, REFUSED_INVALID, "mechanism", NULL,
                  "the mechanism is none, laplace, geometric, krr, oue or onebit");
}

static int delta_read(struct noise_policy *document, struct loss *loss, struct why *why)
{
    struct noise_geometric geometric;

    int r = noise_geometric_init(document->parameter_num, document->parameter_den, &geometric);
    if (r == 0)
        r = noise_geometric_delta(&geometric, document->micro_epsilon, &document->delta);
    if (r != 0 || document->delta > LOSS_MAX)
        return refuse(why, REFUSED_INVALID, "mechanism", "use laplace",
                      "the geometric cannot draw noise of this scale");
    loss->delta = (int64_t)document->delta;
    return 0;
}

/* How far apart a reading and what it may have been are, as they are noised. Memoised ones are rounded down first, zero
 * like any other, by up to memo_step - 1 but not below the lower bound: so far from zero's place may the upper bound
 * be.
 */
static uint64_t distance_of(const struct noise_policy *document)
{
    const bool is_replace = document->adjacency == POLICY_REPLACE;
    const uint64_t plain = noise_sensitivity(document->lower, document->upper, is_replace, 1);
    int64_t below = (int64_t)document->memo_step - 1;

    if (is_replace || document->memo_step == 0 || document->lower >= 0 || document->upper <= 0)
        return plain;
    below = below < -document->lower ? below : -document->lower;
    return plain > (uint64_t)(document->upper + below) ? plain : (uint64_t)(document->upper + below);
}

static int added_read(const struct policy_order *order, struct noise_policy *document, struct loss *loss,
                      struct why *why)
{
    const char *epsilon = order->epsilon_per_reading != NULL ? order->epsilon_per_reading : EPSILON_DEFAULT;
    uint64_t sensitivity = distance_of(document);
    struct noise_scale scale;
    int64_t ueps;

    if (fixed_parse(epsilon, 6, &ueps) != 0 || ueps < 1 || ueps > RELEASE_UEPS_MAX)
        return refuse(why, REFUSED_INVALID, "epsilon", NULL,
                      "epsilon for each reading is a decimal from 0.000001 to %lld", RELEASE_UEPS_MAX / 1000000);
    if (noise_scale_of((int64_t)sensitivity, ueps, UINT32_MAX, &scale) != 0)
        return refuse(why, REFUSED_INVALID, "epsilon", "raise epsilon or lower the scale",
                      "so small an epsilon needs more noise than devices can count");
    uint64_t bound = (scale.num + scale.den - 1) / scale.den * OUTPUT_SCALES;
    document->micro_epsilon = (uint64_t)ueps;
    document->parameter_num = (uint32_t)scale.num;
    document->parameter_den = (uint32_t)scale.den;
    document->output_bound = bound > POLICY_STEPS_MAX ? POLICY_STEPS_MAX : (int64_t)bound;
    /* The geometric is Laplace noise but for its delta, and the bound that holds beside one is that of anything pure.
     */
    *loss = loss_of_pure(ueps);
    if (document->mechanism == POLICY_GEOMETRIC)
        return delta_read(document, loss, why);
    *loss = loss_of_laplace((int64_t)sensitivity, &scale, ueps, 1);
    return 0;
}

static int shape_check(const struct noise_policy *document, struct why *why)
{
    int64_t steps = document->upper - document->lower;

    if (document->mechanism == POLICY_RANDOMIZED_RESPONSE && steps >= POLICY_CATEGORIES_MAX)
        return refuse(why, REFUSED_INVALID, "upper", "narrow the bounds, lower the scale, or use onebit",
                      "each step is a category, and krr tells at most %u apart", POLICY_CATEGORIES_MAX);
    if (document->mechanism == POLICY_UNARY && steps >= POLICY_UNARY_CATEGORIES_MAX)
        return refuse(why, REFUSED_INVALID, "upper", "narrow the bounds, lower the scale, or use krr",
                      "each step is a category, and oue tells at most %u apart", POLICY_UNARY_CATEGORIES_MAX);
    if (steps > POLICY_STEPS_MAX)
        return refuse(why, REFUSED_INVALID, "upper", "narrow the bounds or lower the scale",
                      "onebit takes bounds that are at most %d steps apart", POLICY_STEPS_MAX);
    return 0;
}

static int weights_read(const struct policy_order *order, struct noise_policy *document, struct loss *loss,
                        struct why *why)
{
    uint64_t ueps, nrho;

    if (order->epsilon_per_reading != NULL)
        return refuse(why, REFUSED_INVALID, "epsilon", "give --truth and --lie",
                      "the epsilon of this mechanism follows from its weights: ln(truth / lie)");
    if (order->lie < 1 || order->truth <= order->lie || order->truth > POLICY_WEIGHT_MAX)
        return refuse(why, REFUSED_INVALID, "truth", "3 and 1 give epsilon 1.098613",
                      "the weights are whole numbers, lie at least 1, truth above it and at most %u",
                      POLICY_WEIGHT_MAX);
    struct noise_weights weights = { (uint32_t)order->truth, (uint32_t)order->lie };
    int r = shape_check(document, why);
    if (r != 0)
        return r;
    if (privacy_response_epsilon(weights, &ueps) != 0)
        return -ERANGE; /* weights within their bounds have one */
    document->parameter_num = weights.truth;
    document->parameter_den = weights.lie;
    document->micro_epsilon = ueps;
    *loss = loss_of_pure((int64_t)ueps);
    if (privacy_response_rho(weights, &nrho) == 0) /* from the weights themselves: ueps is rounded up */
        loss_lower_rho(loss, nrho);
    return 0;
}

static int none_read(const struct policy_order *order, struct noise_policy *document, struct why *why)
{
    if (order->epsilon_per_reading != NULL || order->memo_step != 0)
        return refuse(why, REFUSED_INVALID, "mechanism", "leave epsilon and memoising out, or choose a mechanism",
                      "with the mechanism none devices send raw readings");
    document->parameter_num = 0;
    document->parameter_den = 1;
    return 0;
}

int policy_mechanism_read(const struct policy_order *order, struct noise_policy *document, struct policy *policy,
                          struct why *why)
{
    const char *standard = mechanisms[document->dimension > 0 ? POLICY_NONE : POLICY_DISCRETE_LAPLACE];
    const char *name = order->mechanism != NULL ? order->mechanism : standard;
    bool has_weights;

    int r = mechanism_find(name, &document->mechanism, why);
    if (r != 0)
        return r;
    if (document->dimension > 0 && document->mechanism != POLICY_NONE)
        return refuse(why, REFUSED_INVALID, "mechanism", "leave it out",
                      "vectors leave their device as they are and are noised with the sum: noise that hid each of them "
                      "by itself would drown the sum");
    has_weights = policy_is_answered(document);
    if (!has_weights && (order->truth != 0 || order->lie != 0))
        return refuse(why, REFUSED_INVALID, "truth", NULL, "only krr, oue and onebit have weights");
    if (order->memo_step < 0 || order->memo_step > POLICY_STEPS_MAX)
        return refuse(why, REFUSED_INVALID, "memo_step", NULL, "a memo step is 0 to %d steps", POLICY_STEPS_MAX);
    document->memo_step = (uint32_t)order->memo_step;
    if (document->mechanism == POLICY_NONE)
        r = none_read(order, document, why);
    else if (has_weights)
        r = weights_read(order, document, &policy->reading, why);
    else
        r = added_read(order, document, &policy->reading, why);
    if (r != 0)
        return r;
    snprintf(policy->mechanism, sizeof(policy->mechanism), "%s", name);
    policy->parameter_num = document->parameter_num;
    policy->parameter_den = document->parameter_den;
    policy->memo_step = order->memo_step;
    return 0;
}
