/* cmd_noise.c - draws from the very samplers that answer, for anyone to audit. */
#include "cli/common.h"
#include "cli/sampler.h"
#include "daemon/crypto_openssl/random.h"

enum { CHUNK = 4096 };

static int print_samples(const struct sampler *sampler, int64_t input, int64_t count)
{
    static int64_t answers[CHUNK];

    for (int64_t done = 0; done < count; done += CHUNK) {
        size_t part = count - done < CHUNK ? (size_t)(count - done) : CHUNK;
        if (sampler_draw(sampler, input, answers, part) != 0) {
            fputs("tinypartctl: failed: the random source does not answer\n", stderr);
            return EXIT_FAULT;
        }
        for (size_t i = 0; i < part; i++)
            sampler_print(sampler, answers[i], stdout);
        if (ferror(stdout))
            break; /* main says so */
    }
    return EXIT_DONE;
}

static int sample(struct call *call)
{
    struct crypto_random *source = NULL;
    struct sampler sampler;
    int64_t count = 0;
    int64_t input = 0;

    int r = sampler_take(call, &sampler);
    if (r == EXIT_DONE)
        r = call_integer(call, "count", 1, 1000000000, &count);
    if (r == EXIT_DONE)
        r = call_integer(call, "value", sampler_adds(&sampler) ? -sampler_input_most(&sampler) : 0,
                         sampler_input_most(&sampler), &input);
    if (r != EXIT_DONE)
        return r;
    if (crypto_random_new(&source) != 0) {
        fputs("tinypartctl: failed: the kernel gives no randomness\n", stderr);
        return EXIT_FAULT;
    }
    crypto_random_port(source, &sampler.random);
    r = print_samples(&sampler, input, count);
    crypto_random_free(source);
    return r;
}

static const struct option_row sample_options[] = {
    SAMPLER_OPTIONS,
    { "value", 0, "V", false, "what is answered (0): noise is added to it, or it is the category or value" },
    { "count", 0, "N", true, "how many" },
    { 0 },
};

const struct command noise_commands[] = {
    { "noise sample", NULL, "Prints draws of the noise that answers carry, one a line (offline).", sample_options,
      "tinypartctl noise sample --mechanism laplace --scale 10/3 --count 1000000 | sort -n | uniq -c\n"
      "tinypartctl noise sample --mechanism gaussian --scale 100 --count 10\n"
      "tinypartctl noise sample --mechanism krr --weights 3:1 --categories 4 --value 2 --count 10",
      sample, true },
    { 0 },
};
