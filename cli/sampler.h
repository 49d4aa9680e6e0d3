/* sampler.h - the samplers that answers and devices use, by name: for whoever wants to see or audit what they draw. */
#ifndef TINYPART_CLI_SAMPLER_H
#define TINYPART_CLI_SAMPLER_H

#include "cli/command.h"
#include "device_proto/noise_response.h"

enum mechanism {
    MECHANISM_LAPLACE,
    MECHANISM_GAUSSIAN,
    MECHANISM_GEOMETRIC, /* these three add noise to a number, those below answer by themselves */
    MECHANISM_KRR,
    MECHANISM_OUE,
    MECHANISM_ONEBIT,
};

#define SAMPLER_CATEGORIES_MAX 64u /* of unary encoding, whose answers are printed as bits */

struct sampler {
    enum mechanism mechanism;
    uint64_t num, den; /* scale, or sigma^2, or truth and lie */
    uint32_t categories, span;
    struct noise_geometric geometric;
    struct proto_random random;
};

/* Rows of the options that sampler_take reads. */
#define SAMPLER_OPTIONS                                                                              \
    { "mechanism", 0, "M", true, "laplace, gaussian, geometric, krr, oue or onebit" },               \
        { "scale", 0, "NUM/DEN", false,                                                              \
          "sensitivity / epsilon; gaussian: sigma^2; krr, oue, onebit: truth / lie, as --weights" }, \
        { "weights", 0, "T:L", false, "krr, oue, onebit: parts of truth and of lie, as 3:1" },       \
        { "categories", 0, "K", false, "krr, oue: how many (2)" },                                   \
    {                                                                                                \
        "span", 0, "M", false, "onebit: values are 0..M (1)"                                         \
    }

/* EXIT_DONE, or EXIT_USAGE with words said. random is left for the caller to set. */
int sampler_take(const struct call *call, struct sampler *out);
/* Whether it adds noise to any number; else inputs are 0..categories-1, or 0..span. */
bool sampler_adds(const struct sampler *sampler);
int64_t sampler_input_most(const struct sampler *sampler);
/* count answers to one input. Unary encoding: category i is bit i. A fault or refusal of the sampler. */
int sampler_draw(const struct sampler *sampler, int64_t input, int64_t *out, size_t count);
const char *sampler_name(const struct sampler *sampler);
/* One answer a line, as `noise sample` prints it and `privacy audit --input` reads it. */
void sampler_print(const struct sampler *sampler, int64_t answer, FILE *out);

#endif
