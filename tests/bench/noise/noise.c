/* noise.c - what a draw of noise costs, in byte-times: the time in which AES-256-CTR of OpenSSL makes one byte. That
 * unit carries from machine to machine, and does not reward wasting randomness as a plain fraction would. Beside it
 * numpy's generator, where python3-numpy is installed, and how much of what is drawn the clock gives away. */
#include <math.h>
#include <openssl/evp.h>
#include <string.h>

#include "daemon/crypto_openssl/random.h"
#include "device_proto/noise_response.h"
#include "tests/bench/bench.h"

enum { CHUNK = 4096, BUFFER = 16384, ROUNDS = 9, TIMED = 100000 };

static struct crypto_random *source;
static struct proto_random port;

static void die(const char *what)
{
    fprintf(stderr, "noise: %s failed\n", what);
    exit(1);
}

static void run_cipher(void *context, uint64_t times)
{
    static uint8_t buffer[BUFFER];
    int size;

    for (; times > 0; times--)
        if (EVP_EncryptUpdate(context, buffer, &size, buffer, BUFFER) != 1)
            die("AES-256-CTR");
}

static void run_source(void *context, uint64_t times)
{
    static uint8_t buffer[BUFFER];

    (void)context;
    for (; times > 0; times--)
        if (port.fill(port.context, buffer, BUFFER) != 0)
            die("the source");
}

/* ---- samplers, CHUNK draws a time ---- */

struct sampler {
    int (*draw)(const struct proto_random *random, uint64_t num, uint64_t den, int64_t *out, size_t count);
    uint64_t num, den;
    double limit; /* byte-times; 0: none stated */
    double bytes; /* of randomness a draw: found out */
};

static int one_by_one(const struct proto_random *random, uint64_t num, uint64_t den, int64_t *out, size_t count)
{
    int r = 0;

    for (size_t i = 0; i < count && r == 0; i++)
        r = noise_laplace(random, num, den, &out[i]);
    return r;
}

static int geometric(const struct proto_random *random, uint64_t num, uint64_t den, int64_t *out, size_t count)
{
    static struct noise_geometric law;
    int r = law.bits != 0 ? 0 : noise_geometric_init(num, den, &law);

    for (size_t i = 0; i < count && r == 0; i++)
        r = noise_geometric(random, &law, &out[i]);
    return r;
}

static int krr(const struct proto_random *random, uint64_t num, uint64_t den, int64_t *out, size_t count)
{
    struct noise_weights weights = { (uint32_t)num, (uint32_t)den };
    uint32_t answer = 0;
    int r = 0;

    for (size_t i = 0; i < count && r == 0; i++) {
        r = noise_krr(random, weights, 16, 3, &answer);
        out[i] = answer;
    }
    return r;
}

static void run_sampler(void *context, uint64_t times)
{
    static int64_t noise[CHUNK];
    struct sampler *sampler = context;
    uint64_t before = crypto_random_numbers(source).bytes;

    for (uint64_t i = 0; i < times; i++)
        if (sampler->draw(&port, sampler->num, sampler->den, noise, CHUNK) != 0)
            die("a sampler");
    sampler->bytes = (double)(crypto_random_numbers(source).bytes - before) / ((double)times * CHUNK);
}

static struct sampler samplers[] = {
    { noise_laplace_many, 1, 1, 350, 0 },
    { noise_laplace_many, 10, 3, 350, 0 },
    { noise_laplace_many, 1000, 1, 350, 0 },
    { noise_laplace_many, 1000003, 7, 350, 0 },
    { one_by_one, 1000, 1, 0, 0 },
    { noise_gauss_many, 1, 1, 550, 0 },
    { noise_gauss_many, 100, 1, 550, 0 },
    { noise_gauss_many, 10000, 1, 550, 0 },
    { noise_gauss_many, 1000000007, 13, 550, 0 },
    { geometric, 1000, 1, 0, 0 },
    { krr, 3, 1, 0, 0 },
};

enum { SAMPLERS = sizeof(samplers) / sizeof(samplers[0]), CASES = SAMPLERS + 2, LAPLACE_1000 = 2 };

static struct bench_case cases[CASES] = {
    { "Laplace 1", run_sampler, &samplers[0], 0, 0 },
    { "Laplace 10/3", run_sampler, &samplers[1], 0, 0 },
    { "Laplace 1000", run_sampler, &samplers[2], 0, 0 },
    { "Laplace 1000003/7", run_sampler, &samplers[3], 0, 0 },
    { "Laplace 1000, one by one", run_sampler, &samplers[4], 0, 0 },
    { "Gaussian 1", run_sampler, &samplers[5], 0, 0 },
    { "Gaussian 100", run_sampler, &samplers[6], 0, 0 },
    { "Gaussian 10000", run_sampler, &samplers[7], 0, 0 },
    { "Gaussian 1000000007/13", run_sampler, &samplers[8], 0, 0 },
    { "constant-time 1000", run_sampler, &samplers[9], 0, 0 },
    { "k-ary response, k = 16", run_sampler, &samplers[10], 0, 0 },
    { "source", run_source, NULL, 0, 0 },
    { "cipher", run_cipher, NULL, 0, 0 },
};

/* ---- beside it ---- */

/* The same noise by the library that most people would take: floating point, and not meant to be secret. Nanoseconds a
 * draw by processor time, 0: not installed. */
static double numpy_turn(void)
{
    static const char command[] =
        "/usr/bin/python3 -c 'import math, time, numpy\n"
        "r = numpy.random.default_rng(); p = 1 - math.exp(-1 / 1000); n = 200000; b = time.thread_time_ns()\n"
        "r.geometric(p, n) - r.geometric(p, n)\n"
        "print((time.thread_time_ns() - b) / n)' 2>/dev/null";
    FILE *pipe = popen(command, "r"); /* NOLINT: the command is this program's own */
    double ns = 0;

    if (pipe == NULL || fscanf(pipe, "%lf", &ns) != 1)
        ns = 0;
    if (pipe != NULL)
        pclose(pipe);
    return ns;
}

/* Correlation of |noise| with the time it took; times beyond four medians are the machine's, and left out. */
static double correlation(const struct noise_geometric *law, uint64_t num,
                          int (*draw)(const struct proto_random *, uint64_t, uint64_t, int64_t *))
{
    static double times[TIMED], sorted[TIMED], sizes[TIMED];
    double n = 0, x = 0, y = 0, xx = 0, yy = 0, xy = 0;

    for (unsigned i = 0; i < TIMED; i++) {
        struct timespec began, ended;
        int64_t value = 0;

        clock_gettime(CLOCK_MONOTONIC, &began);
        int r = law != NULL ? noise_geometric(&port, law, &value) : draw(&port, num, 1, &value);
        clock_gettime(CLOCK_MONOTONIC, &ended);
        if (r != 0)
            die("a sampler");
        times[i] = (double)(ended.tv_sec - began.tv_sec) * 1e9 + (double)(ended.tv_nsec - began.tv_nsec);
        sizes[i] = fabs((double)value);
    }
    memcpy(sorted, times, sizeof(sorted));
    qsort(sorted, TIMED, sizeof(sorted[0]), bench_compare);
    for (unsigned i = 0; i < TIMED; i++) {
        if (times[i] > 4 * sorted[TIMED / 2])
            continue;
        n++;
        x += sizes[i];
        y += times[i];
        xx += sizes[i] * sizes[i];
        yy += times[i] * times[i];
        xy += sizes[i] * times[i];
    }
    return (n * xy - x * y) / sqrt((n * xx - x * x) * (n * yy - y * y));
}

static void show(double numpy_ns)
{
    double byte_ns = cases[CASES - 1].median_ns / BUFFER;

    printf("AES-256-CTR: %.2f GB/s; our source, buffered, checked and cleared: %.2f of that\n", 1 / byte_ns,
           cases[CASES - 1].median_ns / cases[CASES - 2].median_ns);
    printf("%-26s %7s %11s %10s\n", "noise", "bytes", "byte-times", "million/s");
    for (size_t i = 0; i < SAMPLERS; i++) {
        double ns = cases[i].median_ns / CHUNK;

        printf("%-26s %7.2f %11.0f %10.1f", cases[i].name, samplers[i].bytes, ns / byte_ns, 1e3 / ns);
        if (samplers[i].limit > 0)
            printf("  limit %.0f: %s", samplers[i].limit, ns / byte_ns <= samplers[i].limit ? "kept" : "NOT KEPT");
        putchar('\n');
    }
    if (numpy_ns > 0)
        printf("numpy, difference of two geometrics of scale 1000: %.1f million/s; ours is %.1f times as fast\n",
               1e3 / numpy_ns, numpy_ns / (cases[LAPLACE_1000].median_ns / CHUNK));
    else
        printf("python3-numpy is not installed: nothing to compare with\n");
}

int main(void)
{
    static double numpy[ROUNDS], turns[CASES][ROUNDS];
    uint8_t key[32] = { 1 }, counter[16] = { 0 };
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    struct noise_geometric law;

    if (cipher == NULL || EVP_EncryptInit_ex(cipher, EVP_aes_256_ctr(), NULL, key, counter) != 1)
        die("AES-256-CTR");
    if (crypto_random_new(&source) != 0 || noise_geometric_init(1, 1, &law) != 0)
        die("the source");
    crypto_random_port(source, &port);
    cases[CASES - 1].context = cipher;
    bench_run(cases, CASES, 1); /* finds out how many a turn */
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < CASES; i++)
            turns[i][round] = bench_turn(&cases[i]);
        numpy[round] = numpy_turn();
    }
    for (size_t i = 0; i < CASES; i++) {
        qsort(turns[i], ROUNDS, sizeof(turns[i][0]), bench_compare);
        cases[i].median_ns = turns[i][ROUNDS / 2];
    }
    qsort(numpy, ROUNDS, sizeof(numpy[0]), bench_compare);
    show(numpy[ROUNDS / 2]);
    printf("correlation of |noise| and time: Laplace 1 %+.3f, Gaussian 10000 %+.3f, constant-time 1 %+.3f\n",
           correlation(NULL, 1, noise_laplace), correlation(NULL, 10000, noise_gauss), correlation(&law, 0, NULL));
    crypto_random_free(source);
    EVP_CIPHER_CTX_free(cipher);
    return 0;
}
