/* release_vector.c - the noised sum of vectors, for a round of federated learning.
 *
 * Why it keeps its promise. A vector that counts is clipped, here and whatever device or container did before, to the
 * L2 norm N of the newest policy: vector_clip() holds that exactly, in integers. Of one device and epoch at most C
 * vectors count, and which ones those are depends on that device's vectors alone. So taking one device's epoch out
 * (zero-out) changes the sum by a vector of norm at most C N, and putting others in its place (replace) by at most
 * 2 C N: that is policy_sensitivity(). Each coordinate gets noise of its own, discrete Gaussian of parameter sigma^2;
 * for integer-valued sums of L2 sensitivity D that is D^2 / (2 sigma^2) zero-concentrated, however many coordinates
 * there are (Canonne, Kamath, Steinke 2020, theorem 14). Laplace noise would hang on the L1 norm, which is up to
 * sqrt(dimension) times as large: it is refused.
 *
 * Whether a sum fits is decided by how many devices were asked, never by what they gave: no coordinate of the sum can
 * pass devices x epochs x C x N. */
#include <errno.h>
#include <stdlib.h>

#include "daemon/base/buffer.h"
#include "daemon/core/release_internal.h"
#include "device_proto/noise.h"
#include "device_proto/vector.h"

/* So that a noised coordinate has at most 12 digits and a sign, and the longest answer fits RELEASE_ANSWER_MAX: noise
 * ends below 2^10 (sigma + 1) < 2^37 < 1.4 x 10^11. */
#define VECTOR_SUM_MAX 800000000000LL
/* Coordinates that one release reads at most: a quarter of a gibibyte of them, which takes about a second where each
 * vector has to be clipped. The loop waits for it. */
#define VECTOR_WORK_MAX (INT64_C(1) << 26)

int vector_kind_check(const struct asked *asked, struct why *why)
{
    const bool is_vector = asked->policy.dimension > 0;

    if (asked->query == QUERY_VECTOR_SUM && !is_vector)
        return refuse(why, REFUSED_INVALID, "query", "ask for count, sum, mean or the like",
                      "the readings of sensor %s are numbers, not vectors", asked->policy.sensor);
    if (is_vector && asked->query != QUERY_VECTOR_SUM && asked->query != QUERY_COUNT)
        return refuse(why, REFUSED_INVALID, "query", "ask for vector-sum, or for count",
                      "the readings of sensor %s are vectors of %lld coordinates", asked->policy.sensor,
                      (long long)asked->policy.dimension);
    return 0;
}

int vector_mechanism_check(const struct release_order *order, const struct asked *asked, struct why *why)
{
    if (asked->mechanism == MECHANISM_GAUSS && order->loss.ueps == 0)
        return 0;
    return refuse(
        why, REFUSED_INVALID, order->loss.ueps != 0 ? "epsilon" : "mechanism", "give a rho, as 0.05",
        "a sum of vectors is noised with Gaussian noise and paid in rho: by their L2 norm Laplace noise, which "
        "is paid in epsilon, hides nothing");
}

int vector_fits(const struct asked *asked, struct why *why)
{
    const struct policy *policy = &asked->policy;
    int64_t vectors, work, most;

    if (__builtin_mul_overflow(asked->device_count * asked_epochs(asked), policy->contributions, &vectors) ||
        __builtin_mul_overflow(vectors, policy->dimension, &work) || work > VECTOR_WORK_MAX)
        return refuse(why, REFUSED_TOO_LARGE, "selector", "ask for fewer devices or a shorter window",
                      "one release sums at most %lld coordinates, and so many devices and epochs may give more",
                      (long long)VECTOR_WORK_MAX);
    if (__builtin_mul_overflow(vectors, policy->upper, &most) || most > VECTOR_SUM_MAX)
        return refuse(why, REFUSED_TOO_LARGE, "selector", "ask for fewer devices, or lower the norm or the scale",
                      "a sum over so many vectors of that norm could pass %lld steps", (long long)VECTOR_SUM_MAX);
    return 0;
}

/* ---- the sum ---- */

struct summing {
    struct core *core;
    struct asked *asked;
    uint8_t bytes[4 * VECTOR_DIMENSION_MAX];
    int32_t coordinates[VECTOR_DIMENSION_MAX];
};

static int32_t coordinate_at(const uint8_t *at)
{
    const uint32_t bits = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;

    return (int32_t)bits;
}

static int add_vector(void *context, const struct vector_place *place)
{
    struct summing *summing = context;
    struct asked *asked = summing->asked;
    const size_t dimension = (size_t)asked->policy.dimension;
    size_t size = 0;

    int r = summing->core->store->vector_read(summing->core->store, place->id, summing->bytes, sizeof(summing->bytes),
                                              &size);
    if (r != 0 || size != 4 * dimension) /* a sensor has its dimension for good */
        return r < 0 ? r : -EUCLEAN;
    for (size_t i = 0; i < dimension; i++)
        summing->coordinates[i] = coordinate_at(summing->bytes + 4 * i);
    vector_clip(summing->coordinates, dimension, (uint32_t)asked->policy.upper);
    for (size_t i = 0; i < dimension; i++)
        asked->cells[i] += summing->coordinates[i]; /* vector_fits() */
    return 0;
}

static int count_vector(void *context, const struct vector_place *place)
{
    struct asked *asked = context;

    (void)place;
    asked->parts[0].value++;
    return 0;
}

int vector_count(struct core *core, struct asked *asked, const struct aggregate_query *query)
{
    return core->store->vector_each(core->store, query, count_vector, asked);
}

int vector_add(struct core *core, struct asked *asked, const struct aggregate_query *query)
{
    struct summing *summing = malloc(sizeof(*summing));

    if (summing == NULL)
        return -ENOMEM;
    summing->core = core;
    summing->asked = asked;
    int r = core->store->vector_each(core->store, query, add_vector, summing);
    free(summing);
    return r;
}

int vector_noise(struct core *core, struct asked *asked)
{
    const struct noise_scale variance = asked->parts[0].scale;
    int64_t *noise = malloc(asked->cell_count * sizeof(*noise));

    if (noise == NULL)
        return -ENOMEM;
    int r = noise_gauss_many(core->random, variance.num, variance.den, noise, asked->cell_count);
    for (size_t i = 0; r == 0 && i < asked->cell_count; i++)
        asked->cells[i] += noise[i];
    free(noise);
    return r > 0 ? -EIO : r;
}

/* ---- what is said of it ---- */

/* No discrete Gaussian spreads more than the continuous one, so that the mean of the squared L2 norm is at most
 * dimension x sigma^2, and the mean of the norm at most its root. */
int64_t vector_l2_error(const struct asked *asked)
{
    const struct noise_scale variance = asked->parts[0].scale;
    const unsigned __int128 square =
        ((unsigned __int128)variance.num * (uint64_t)asked->policy.dimension + variance.den - 1) / variance.den;

    return (int64_t)root_up(square); /* of at most 2^12 x 2^53 */
}

void put_vector(struct buffer *out, const struct asked *asked)
{
    if (asked->query != QUERY_VECTOR_SUM)
        return;
    buffer_text(out, ",\"vector\":[");
    for (size_t i = 0; i < asked->cell_count; i++)
        buffer_format(out, "%s%lld", i > 0 ? "," : "", (long long)asked->cells[i]);
    buffer_text(out, "]");
}
