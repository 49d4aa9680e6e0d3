/* sampler.c - from the words of a command line to the samplers of device_proto. */
#include "cli/sampler.h"

#include <string.h>

#include "daemon/base/text.h"

static const char *const names[] = { "laplace", "gaussian", "geometric", "krr", "oue", "onebit" };

enum { MECHANISMS = sizeof(names) / sizeof(names[0]) };

/* "10/3", "3:1" or "10". */
static int pair_of(const struct call *call, const char *option, char between, int64_t most, struct sampler *sampler)
{
    const char *text = call_option(call, option);
    const char *second = strchr(text, between);
    char left[24];
    int64_t num = 0;
    int64_t den = 1;
    size_t length = second == NULL ? strlen(text) : (size_t)(second - text);

    if (text_copy_bytes(left, sizeof(left), bytes_view(text, length)) != 0 || integer_parse(left, 1, most, &num) != 0 ||
        (second != NULL && integer_parse(second + 1, 1, most, &den) != 0))
        return call_usage(call, "--%s %s is no fraction NUM%cDEN of whole numbers from 1 to 2^%d", option, text,
                          between,
                          most > INT64_C(1) << 40   ? 53
                          : most > INT64_C(1) << 24 ? 40
                                                    : 24);
    sampler->num = (uint64_t)num;
    sampler->den = (uint64_t)den;
    return EXIT_DONE;
}

static int take_scale(const struct call *call, struct sampler *sampler)
{
    int64_t most =
        sampler->mechanism == MECHANISM_GAUSSIAN ? (int64_t)NOISE_GAUSS_PRODUCT_MAX : (int64_t)NOISE_SCALE_NUM_MAX;

    if (call_option(call, "scale") == NULL)
        return call_usage(call, "--mechanism %s needs --scale NUM/DEN", sampler_name(sampler));
    int r = pair_of(call, "scale", '/', most, sampler);
    if (r != EXIT_DONE)
        return r;
    if (sampler->mechanism == MECHANISM_GAUSSIAN && noise_gauss_check(sampler->num, sampler->den) != 0)
        return call_usage(call, "--scale %s: DEN x (sigma + 1)^2 may be 2^53 at most", call_option(call, "scale"));
    if (sampler->mechanism == MECHANISM_GEOMETRIC &&
        noise_geometric_init(sampler->num, sampler->den, &sampler->geometric) != 0)
        return call_usage(call, "--scale %s has no thresholds", call_option(call, "scale"));
    return EXIT_DONE;
}

static int take_weights(const struct call *call, struct sampler *sampler)
{
    const char *option = call_option(call, "weights") != NULL ? "weights" : "scale";
    int64_t categories = 2;
    int64_t span = 1;
    int r;

    if (call_option(call, option) == NULL)
        return call_usage(call, "--mechanism %s needs --weights T:L", sampler_name(sampler));
    r = pair_of(call, option, option[0] == 'w' ? ':' : '/', NOISE_WEIGHT_MAX, sampler);
    if (r == EXIT_DONE && sampler->num <= sampler->den)
        r = call_usage(call, "--%s %s: truth must outweigh lies", option, call_option(call, option));
    if (r == EXIT_DONE)
        r = call_integer(call, "categories", 2,
                         sampler->mechanism == MECHANISM_OUE ? (int64_t)SAMPLER_CATEGORIES_MAX
                                                             : (int64_t)NOISE_CATEGORIES_MAX,
                         &categories);
    if (r == EXIT_DONE)
        r = call_integer(call, "span", 1, (int64_t)NOISE_MEAN_SPAN_MAX, &span);
    sampler->categories = (uint32_t)categories;
    sampler->span = (uint32_t)span;
    return r;
}

int sampler_take(const struct call *call, struct sampler *out)
{
    const char *name = call_option(call, "mechanism");

    *out = (struct sampler){ .mechanism = MECHANISM_LAPLACE };
    for (unsigned i = 0; i < MECHANISMS; i++) {
        if (strcmp(name, names[i]) != 0)
            continue;
        out->mechanism = (enum mechanism)i;
        return sampler_adds(out) ? take_scale(call, out) : take_weights(call, out);
    }
    return call_usage(call, "--mechanism takes laplace, gaussian, geometric, krr, oue or onebit, not %s", name);
}

bool sampler_adds(const struct sampler *sampler)
{
    return sampler->mechanism <= MECHANISM_GEOMETRIC;
}

int64_t sampler_input_most(const struct sampler *sampler)
{
    return sampler_adds(sampler)                    ? INT64_C(1) << 53
           : sampler->mechanism == MECHANISM_ONEBIT ? sampler->span
                                                    : (int64_t)sampler->categories - 1;
}

const char *sampler_name(const struct sampler *sampler)
{
    return names[sampler->mechanism];
}

static int draw_response(const struct sampler *sampler, uint32_t input, int64_t *out)
{
    struct noise_weights weights = { (uint32_t)sampler->num, (uint32_t)sampler->den };
    uint8_t bits[SAMPLER_CATEGORIES_MAX / 8] = { 0 };
    uint64_t set = 0;
    uint32_t answer = 0;
    bool bit = false;
    int r;

    if (sampler->mechanism == MECHANISM_KRR) {
        r = noise_krr(&sampler->random, weights, sampler->categories, input, &answer);
        *out = answer;
    } else if (sampler->mechanism == MECHANISM_ONEBIT) {
        r = noise_onebit(&sampler->random, weights, sampler->span, input, &bit);
        *out = bit;
    } else {
        r = noise_oue(&sampler->random, weights, sampler->categories, input, bits);
        for (unsigned i = 0; i < sizeof(bits); i++)
            set |= (uint64_t)bits[i] << (8 * i);
        *out = (int64_t)set;
    }
    return r;
}

int sampler_draw(const struct sampler *sampler, int64_t input, int64_t *out, size_t count)
{
    int r = 0;

    if (sampler->mechanism == MECHANISM_LAPLACE)
        r = noise_laplace_many(&sampler->random, sampler->num, sampler->den, out, count);
    else if (sampler->mechanism == MECHANISM_GAUSSIAN)
        r = noise_gauss_many(&sampler->random, sampler->num, sampler->den, out, count);
    for (size_t i = 0; i < count && r == 0; i++) {
        if (sampler->mechanism == MECHANISM_GEOMETRIC)
            r = noise_geometric(&sampler->random, &sampler->geometric, &out[i]);
        if (sampler_adds(sampler))
            out[i] += input; /* |noise| < 2^63 - 2^53 by the bounds of the scales */
        else
            r = draw_response(sampler, (uint32_t)input, &out[i]);
    }
    return r;
}

void sampler_print(const struct sampler *sampler, int64_t answer, FILE *out)
{
    if (sampler->mechanism != MECHANISM_OUE) {
        fprintf(out, "%lld\n", (long long)answer);
        return;
    }
    for (unsigned i = 0; i < sampler->categories; i++)
        putc(((uint64_t)answer >> i & 1) != 0 ? '1' : '0', out);
    putc('\n', out);
}
