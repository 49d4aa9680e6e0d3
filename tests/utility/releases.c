/* releases.c - answers many releases over a trace and prints them, one JSON document a line: the rules, the store and
 * the samplers of the daemon, in one process without a network.
 *
 *     utility_releases TRACE.csv RUNS [SEED]
 *
 * Each slice of READINGS consecutive seconds is one device, and each of the sensors below one column of it. The first
 * lines say what the sensors are, the others are answers as they would leave; what is refused (Gaussian noise has a
 * largest variance) is a line that says so. SEED fixes the noise; without it the noise is the daemon's own, from the
 * kernel. */
#include "tests/unit/core/lab.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/core/ledger.h"
#include "daemon/crypto_openssl/random.h"

enum { READINGS = 2, SECONDS_MAX = 10000, COLUMNS_MAX = 16 };

/* What is asked of a sensor besides how many readings there are; NULL: not that. */
struct sensor {
    struct policy_order policy;
    unsigned column;    /* of the trace */
    int64_t divisor;    /* of the trace's number, for the sensor's steps */
    const char *edges;  /* of a histogram; with it sum, mean, variance and quantiles */
    const char *values; /* categories of top */
};

#define SENSOR(name, high, digits, unit) \
    .policy = { .sensor = (name),        \
                .lower = "0",            \
                .upper = (high),         \
                .scale = (digits),       \
                .unit_text = (unit),     \
                .contributions = READINGS }

static const struct sensor sensors[] = {
    { SENSOR("busy", "100", 1, "%"), .column = 1, .divisor = 10, .edges = "0,10,20,30,40,50,60,70,80,90,100" },
    { SENSOR("memory", "10", 10, "%"), .column = 2, .divisor = 1, .edges = "0,1,2,2.4,2.6,3,4,5,6,8,10" },
    { SENSOR("switches", "100", 1, "100/s"), .column = 3, .divisor = 100, .edges = "0,1,2,5,10,20,30,40,60,100" },
    { SENSOR("received", "100", 1, "kB/s"), .column = 5, .divisor = 1000, .edges = "0,1,2,5,10,20,50,100" },
    { SENSOR("ready", "16", 1, "processes"), .column = 7, .divisor = 1, .values = "1,2,3,4,5,6,7,8,9,10" },
};
#define SENSORS (sizeof(sensors) / sizeof(sensors[0]))

struct trace {
    int64_t values[SECONDS_MAX][COLUMNS_MAX];
    size_t count;
};

static void trace_read(const char *path, struct trace *out)
{
    FILE *file = fopen(path, "r");
    char line[256];

    assert_non_null(file);
    assert_non_null(fgets(line, sizeof(line), file)); /* the columns' names */
    while (out->count < SECONDS_MAX && fgets(line, sizeof(line), file) != NULL) {
        char *at = line;
        for (size_t i = 0; i < COLUMNS_MAX && *at != '\0'; i++) {
            out->values[out->count][i] = strtoll(at, &at, 10);
            at += strspn(at, ",\n");
        }
        out->count++;
    }
    fclose(file);
    out->count = out->count / READINGS * READINGS;
}

static void reading_add(struct lab *lab, const struct device *device, const struct policy *policy, int64_t value)
{
    struct store *store = lab->world->store;
    struct reading reading = {
        .device_id = device->id, .value = value, .scale = policy->scale, .policy_version = policy->version
    };

    strcpy(reading.sensor, policy->sensor);
    assert_int_equal(ledger_now_ms(lab->core, &reading.received_ms), 0);
    reading.epoch = ledger_epoch(lab->core, reading.received_ms);
    assert_int_equal(store->reading_insert(store, &reading), 0);
}

static void trace_feed(struct lab *lab, const struct trace *trace)
{
    struct store *store = lab->world->store;
    struct policy policies[SENSORS];

    for (size_t k = 0; k < SENSORS; k++) {
        lab_policy(lab, &sensors[k].policy);
        policies[k] = lab->policy;
        printf("{\"sensor\":\"%s\",\"column\":%u,\"divisor\":%lld,\"lower\":\"%s\",\"upper\":\"%s\",\"scale\":%lld,"
               "\"unit\":\"%s\",\"readings\":%zu,\"contributions\":%d}\n",
               sensors[k].policy.sensor, sensors[k].column, (long long)sensors[k].divisor, sensors[k].policy.lower,
               sensors[k].policy.upper, (long long)sensors[k].policy.scale, sensors[k].policy.unit_text, trace->count,
               READINGS);
    }
    for (size_t i = 0; i < trace->count; i += READINGS) {
        char name[32];
        snprintf(name, sizeof(name), "slice-%04zu", i / READINGS);
        struct device device = lab_device(lab, name);
        assert_int_equal(store->begin(store), 0);
        for (size_t j = 0; j < READINGS; j++)
            for (size_t k = 0; k < SENSORS; k++)
                reading_add(lab, &device, &policies[k], trace->values[i + j][sensors[k].column] / sensors[k].divisor);
        assert_int_equal(store->commit(store), 0);
    }
}

static void answer_one(struct lab *lab, const struct sensor *sensor, struct release_order order, long run)
{
    static const int64_t ueps[] = { EPSILON / 2, EPSILON, 2 * EPSILON, 4 * EPSILON };
    static const int64_t nrho[] = { 20000000, 100000000, 500000000, 2000000000 };
    static struct release release;
    char request[64];

    order.sensor = sensor->policy.sensor;
    order.request = request;
    for (size_t level = 0; level < 8; level++) {
        order.loss = level < 4 ? (struct loss){ .ueps = ueps[level] } : (struct loss){ .nrho = nrho[level - 4] };
        snprintf(request, sizeof(request), "%s-%s-%zu-%ld", order.query, order.sensor, level, run);
        int r = release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why);
        if (r == REFUSED_INVALID)
            printf("{\"refused\":\"%s of %s at level %zu: %s\"}\n", order.query, order.sensor, level, lab->why.what);
        else if (r != 0)
            fail_msg("%s: %s", request, lab->why.what);
        else
            puts(release.answer);
    }
}

static void answer_all(struct lab *lab, long run)
{
    for (size_t k = 0; k < SENSORS; k++) {
        const struct sensor *sensor = &sensors[k];
        answer_one(lab, sensor, (struct release_order){ .query = "count" }, run);
        if (sensor->values != NULL)
            answer_one(lab, sensor, (struct release_order){ .query = "top", .categories = sensor->values }, run);
        if (sensor->edges == NULL)
            continue;
        answer_one(lab, sensor, (struct release_order){ .query = "sum" }, run);
        answer_one(lab, sensor, (struct release_order){ .query = "mean" }, run);
        answer_one(lab, sensor, (struct release_order){ .query = "variance" }, run);
        answer_one(lab, sensor, (struct release_order){ .query = "histogram", .edges = sensor->edges }, run);
        answer_one(lab, sensor, (struct release_order){ .query = "quantiles", .at = "0.25,0.5,0.75" }, run);
    }
}

/* Caps that stand for all that is asked here. */
static void make_rich(struct lab *lab)
{
    const struct budget_order order = { .epsilon = "1000000", .rho = "1000000" };
    struct budget budget;

    lab->core->settings.filter_cap = (struct loss_caps){ .ueps = 1000000 * EPSILON, .nrho = 1000000000000000 };
    assert_int_equal(budget_set(lab->core, &lab->world->privacy_officer, "acme", &order, &budget, &lab->why), 0);
    lab->world->clock.now_ms += 2 * 86400000LL; /* a rise holds from the next epoch on */
}

int main(int count, char **words)
{
    static struct trace trace;
    struct crypto_random *random = NULL;
    void *state;

    if (count < 3)
        return 2;
    trace_read(words[1], &trace);
    assert_int_equal(lab_setup(&state), 0);
    struct lab *lab = state;
    make_rich(lab);
    trace_feed(lab, &trace);
    lab->world->clock.now_ms += 1000; /* a window ends before now */
    if (count > 3)
        lab->world->seed = strtoull(words[3], NULL, 10) | 1;
    else
        assert_int_equal(crypto_random_new(&random), 0);
    if (random != NULL)
        crypto_random_port(random, &lab->world->random);
    for (long run = 0, runs = strtol(words[2], NULL, 10); run < runs; run++)
        answer_all(lab, run);
    int r = lab_teardown(&state);
    crypto_random_free(random);
    return r;
}
