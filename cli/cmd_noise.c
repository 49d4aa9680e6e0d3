/* cmd_noise.c - draws from the very samplers that answer, for anyone to audit. */
#include "cli/common.h"

#include <string.h>

#include "daemon/base/text.h"
#include "daemon/crypto_openssl/crypto_openssl.h"
#include "device_proto/noise.h"

enum { BUFFER_SIZE = 8192 };

/* The samplers ask for few bytes at a time; the CSPRNG is asked for many. */
struct buffered {
    struct proto_random source;
    uint8_t bytes[BUFFER_SIZE];
    size_t left;
};

static int fill(void *context, uint8_t *out, size_t size)
{
    struct buffered *buffered = context;

    if (size > BUFFER_SIZE)
        return buffered->source.fill(buffered->source.context, out, size);
    if (size > buffered->left) {
        int r = buffered->source.fill(buffered->source.context, buffered->bytes, BUFFER_SIZE);
        if (r != 0)
            return r;
        buffered->left = BUFFER_SIZE;
    }
    buffered->left -= size;
    memcpy(out, buffered->bytes + buffered->left, size);
    return 0;
}

/* "10/3" or "10". */
static int scale_of(const struct call *call, const char *text, uint64_t *out_num, uint64_t *out_den)
{
    const char *slash = strchr(text, '/');
    char left[24];
    int64_t num = 0;
    int64_t den = 1;
    size_t length = slash == NULL ? strlen(text) : (size_t)(slash - text);

    if (text_copy_bytes(left, sizeof(left), bytes_view(text, length)) != 0 ||
        integer_parse(left, 1, (int64_t)NOISE_SCALE_NUM_MAX, &num) != 0 ||
        (slash != NULL && integer_parse(slash + 1, 1, (int64_t)NOISE_SCALE_DEN_MAX, &den) != 0))
        return call_usage(call, "--scale %s is no fraction NUM/DEN of whole numbers from 1 to 2^40", text);
    *out_num = (uint64_t)num;
    *out_den = (uint64_t)den;
    return EXIT_DONE;
}

static int sample(struct call *call)
{
    const char *mechanism = call_option(call, "mechanism");
    static struct buffered buffered;
    const struct proto_random random = { &buffered, fill };
    uint64_t num = 0;
    uint64_t den = 0;
    int64_t count = 0;

    if (strcmp(mechanism, "laplace") != 0)
        return call_usage(call, "--mechanism takes laplace, not %s", mechanism);
    int r = scale_of(call, call_option(call, "scale"), &num, &den);
    if (r == EXIT_DONE)
        r = call_integer(call, "count", 1, 1000000000, &count);
    if (r != EXIT_DONE)
        return r;
    crypto_openssl_random(&buffered.source);
    for (int64_t i = 0; i < count; i++) {
        int64_t value = 0;
        if (noise_laplace(&random, num, den, &value) != 0) {
            fputs("tinypartctl: failed: the random source does not answer\n", stderr);
            return EXIT_FAULT;
        }
        printf("%lld\n", (long long)value);
    }
    return EXIT_DONE;
}

static const struct option_row sample_options[] = {
    { "mechanism", 0, "M", true, "laplace: P(x) proportional to exp(-|x| DEN/NUM)" },
    { "scale", 0, "NUM/DEN", true, "sensitivity / epsilon, as 10/3" },
    { "count", 0, "N", true, "how many" },
    { 0 },
};

const struct command noise_commands[] = {
    { "noise sample", NULL, "Prints draws of the noise that answers carry, one integer a line (offline).",
      sample_options, "tinypartctl noise sample --mechanism laplace --scale 10/3 --count 1000000 | sort -n | uniq -c",
      sample, true },
    { 0 },
};
