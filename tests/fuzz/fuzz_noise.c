/* Whatever the parameters and whatever the source gives, a sampler ends: it refuses, or its noise is within the bounds
 * that its parameters set, and it asks for no more randomness than it may. A source that ends is passed up. */
#include "device_proto/noise_response.h"
#include "device_proto/noise_tree.h"
#include "device_proto/privacy_loss.h"
#include "tests/fuzz/sham_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DRAWN_MOST \
    (1u << 20) /* bytes; OFFSETS_MAX x SERIES_MAX coins are 2^16 bytes, and the tries of a sign repeat it */

#define SELDOM 251u

/* The input again and again, each time another byte added to all of it, so that it is not only ever rejected. */
struct source {
    const uint8_t *data;
    size_t size, at, drawn;
    bool ends;
};

static int fill(void *context, uint8_t *out, size_t size)
{
    struct source *source = context;

    for (size_t i = 0; i < size; i++, source->at++) {
        if (source->ends && source->at >= source->size)
            return -5;
        out[i] = source->size == 0 ? 0 : (uint8_t)(source->data[source->at % source->size] + source->at / source->size);
    }
    source->drawn += size;
    EXPECT(source->drawn <= 64u * DRAWN_MOST);
    return 0;
}

static uint64_t number(const uint8_t **data, size_t *size)
{
    uint64_t value = 0;
    unsigned count = *size == 0 ? 0 : 1 + (*data)[0] % 8;

    for (unsigned i = 0; i<count && * size> 1; i++, (*size)--)
        value = value << 8 | *++*data;
    return value;
}

static void expect_within(int r, int64_t noise, uint64_t most)
{
    EXPECT(r == 0 || r == NOISE_BAD_PARAMETER || r == NOISE_SOURCE_STUCK || r == -5);
    if (r == 0)
        EXPECT((noise < 0 ? -(uint64_t)noise : (uint64_t)noise) <= most);
}

static void draw_all(struct source *source, uint64_t num, uint64_t den, uint64_t value)
{
    struct proto_random random = { source, fill };
    struct noise_weights weights = { (uint32_t)num, (uint32_t)den };
    uint32_t categories = (uint32_t)(value >> 8 & 0x1FFFF), answer = 0;
    static uint8_t bits[NOISE_CATEGORIES_MAX / 8];
    struct noise_geometric law;
    int64_t noise = 0;
    bool bit;
    int r;

    r = noise_laplace(&random, num, den, &noise);
    expect_within(r, noise, r == 0 ? (num * 1025) / den : 0);
    r = noise_gauss(&random, num, den, &noise);
    EXPECT((r == NOISE_BAD_PARAMETER) == (noise_gauss_check(num, den) != 0));
    expect_within(r, noise, UINT64_C(1) << 37);
    if (value % (16 * SELDOM) == 1 && noise_geometric_init(num, den, &law) == 0) {
        EXPECT(law.bits >= 1 && law.bits <= NOISE_GEOMETRIC_BITS_MAX && law.distance <= UINT64_C(100));
        expect_within(noise_geometric(&random, &law, &noise), noise, (UINT64_C(1) << law.bits) - 1);
    }
    (void)noise_bernoulli_exp(&random, num, den, &bit);
    r = noise_krr(&random, weights, categories, (uint32_t)(value % 70000), &answer);
    EXPECT(r != 0 || (answer < categories && noise_weights_check(weights) == 0));
    if (categories < 64)
        (void)noise_oue(&random, weights, categories, (uint32_t)(value % 70000), bits);
    (void)noise_onebit(&random, weights, (uint32_t)value, (uint32_t)(value >> 32), &bit);
}

/* Each of these takes as long as a thousand draws. */
static void convert_all(uint64_t num, uint64_t den, uint64_t value)
{
    uint64_t out = 0, more = 0, pure = 0;

    if (value % SELDOM == 2 && privacy_laplace_epsilon(value, num, den, &out) == 0 &&
        privacy_laplace_rho(value, num, den, &more) == 0 && privacy_pure_rho(out, &pure) == 0)
        EXPECT(more <= pure && pure / 1000 <= out && (out > 2000000 || pure <= out * out / 2000 + 1));
    if (value % SELDOM == 3 && privacy_laplace_tail(num, den, value, &out) == 0 && value < UINT64_MAX &&
        privacy_laplace_tail(num, den, value + 1, &more) == 0)
        EXPECT(more <= out);
    if (value % SELDOM == 4 && num / (den | 1) < 4 && privacy_gauss_delta(value, num, den, num % 1000000, &out) == 0 &&
        privacy_gauss_delta(value, num, den, num % 1000000 + 1, &more) == 0)
        EXPECT(more <= out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t num = number(&data, &size), den = number(&data, &size), value = number(&data, &size);
    struct source source = { data, size, 0, 0, (value & 1) != 0 };
    struct noise_fraction fraction;

    draw_all(&source, num, den, value);
    convert_all(num, den, value);
    struct noise_weights weights = { (uint32_t)num, (uint32_t)den };
    if (noise_krr_estimate(weights, (uint32_t)value, num, den, &fraction) == 0)
        EXPECT(fraction.den >= 1);
    if (noise_krr_variance(weights, (uint32_t)value, num, den, &fraction) == 0)
        EXPECT(fraction.num >= 0 && fraction.den >= 1);
    if (noise_onebit_variance(weights, (uint32_t)value, den, &fraction) == 0)
        EXPECT(fraction.num >= 0 && fraction.den >= 1);
    int64_t steps = noise_to_steps((int64_t)num, (int32_t)den, (uint32_t)value | 1, -1000, 1000);
    EXPECT(steps >= -1000 && steps <= 1000);
    EXPECT(noise_bounds_check((int64_t)num, (int64_t)den, value) != 0 || (int64_t)num <= (int64_t)den);
    return 0;
}
