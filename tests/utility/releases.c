/* releases.c - answers many releases over a trace and prints them, one JSON document a line: the rules, the store and
 * the samplers of the daemon, in one process without a network.
 *
 *     utility_releases TRACE.csv RUNS [SEED]
 *
 * Each slice of READINGS consecutive seconds is one device; its readings are the second column in tenths of a percent.
 * SEED fixes the noise; without it the noise is the daemon's own, from the kernel. */
#include "tests/unit/core/lab.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/core/ledger.h"
#include "daemon/crypto_openssl/random.h"

enum { READINGS = 10, SECONDS_MAX = 10000 };

static const struct policy_order busy = {
    .sensor = "busy", .lower = "0", .upper = "100", .scale = 10, .unit_text = "%", .contributions = READINGS
};

static size_t trace_read(const char *path, int64_t out[SECONDS_MAX])
{
    FILE *file = fopen(path, "r");
    char line[256];
    size_t count = 0;
    long long second, value;

    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file)); /* the columns' names */
    while (count < SECONDS_MAX && fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "%lld,%lld,", &second, &value) == 2)
            out[count++] = value;
    fclose(file);
    return count / READINGS * READINGS;
}

static void reading_add(struct lab *lab, const struct device *device, int64_t value)
{
    struct store *store = lab->world->store;
    struct reading reading = {
        .device_id = device->id, .value = value, .scale = busy.scale, .policy_version = lab->policy.version
    };

    strcpy(reading.sensor, busy.sensor);
    assert_int_equal(ledger_now_ms(lab->core, &reading.received_ms), 0);
    reading.epoch = ledger_epoch(lab->core, reading.received_ms);
    assert_int_equal(store->reading_insert(store, &reading), 0);
}

static void trace_feed(struct lab *lab, const int64_t *values, size_t count)
{
    struct store *store = lab->world->store;

    for (size_t i = 0; i < count; i += READINGS) {
        char name[32];
        snprintf(name, sizeof(name), "slice-%04zu", i / READINGS);
        struct device device = lab_device(lab, name);
        assert_int_equal(store->begin(store), 0);
        for (size_t j = 0; j < READINGS; j++)
            reading_add(lab, &device, values[i + j]);
        assert_int_equal(store->commit(store), 0);
    }
}

static void answer_all(struct lab *lab, long runs)
{
    static const struct release_order orders[] = {
        { .query = "count" },
        { .query = "sum" },
        { .query = "mean" },
        { .query = "histogram", .edges = "0,10,20,30,40,50,60,70,80,90,100" },
        { .query = "quantiles", .at = "0.25,0.5,0.75" },
    };
    static const int64_t ueps[] = { EPSILON / 2, EPSILON, 2 * EPSILON };
    char request[64];

    for (long run = 0; run < runs; run++)
        for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++)
            for (size_t j = 0; j < sizeof(ueps) / sizeof(ueps[0]); j++) {
                struct release_order order = orders[i];
                struct release release;
                snprintf(request, sizeof(request), "%s-%zu-%ld", order.query, j, run);
                order.sensor = busy.sensor;
                order.loss.ueps = ueps[j];
                order.request = request;
                if (release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why) != 0)
                    fail_msg("%s: %s", request, lab->why.what);
                puts(release.answer);
            }
}

int main(int count, char **words)
{
    static int64_t values[SECONDS_MAX];
    struct crypto_random *random = NULL;
    void *state;

    if (count < 3)
        return 2;
    size_t seconds = trace_read(words[1], values);
    assert_int_equal(lab_setup(&state), 0);
    struct lab *lab = state;
    lab->core->settings.filter_cap = loss_caps_pure(1000000 * EPSILON);
    lab_budget(lab, lab->acme, 1000000 * EPSILON);
    lab->world->clock.now_ms += 2 * 86400000LL; /* the budget's rise holds */
    lab_policy(lab, &busy);
    trace_feed(lab, values, seconds);
    lab->world->clock.now_ms += 1000; /* a window ends before now */
    if (count > 3)
        lab->world->seed = strtoull(words[3], NULL, 10) | 1;
    else
        assert_int_equal(crypto_random_new(&random), 0);
    if (random != NULL)
        crypto_random_port(random, &lab->world->random);
    answer_all(lab, strtol(words[2], NULL, 10));
    int r = lab_teardown(&state);
    crypto_random_free(random);
    return r;
}
