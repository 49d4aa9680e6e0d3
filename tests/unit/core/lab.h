/* lab.h - a world for the rules of privacy: two tenants with grants and budgets, a sensor with a policy, a sink that
 * takes notes. After every test the ledger must add up (I4) and the audit chain must hold. */
#ifndef TINYPART_TESTS_CORE_LAB_H
#define TINYPART_TESTS_CORE_LAB_H

#include "tests/unit/core/world.h"

#include <jansson.h>

#include "daemon/core/budget.h"
#include "daemon/core/collect.h"
#include "daemon/core/export.h"
#include "daemon/core/policy.h"
#include "daemon/core/ports/sink.h"
#include "daemon/core/release.h"

#define EPSILON          1000000LL
#define LAB_DELIVERY_MAX 64

/* What the sink was given, in order. */
struct lab_delivery {
    int64_t id, sink_id;
    char sink[NAME_SIZE];
    char idempotency[40];
    char body[4096];
};

struct lab {
    struct world *world;
    struct core *core;
    struct world_tenant *acme, *beta; /* both hold grants for everything on every device; budgets of epsilon 5 */
    struct policy policy;             /* of "temperature": -20 .. 60.5 Cel in hundredths, 2 readings an epoch count */
    struct why why;
    struct sink_port sinks;
    struct sink_kind kinds[2]; /* "file" takes notes; "http" is always busy */
    struct lab_delivery deliveries[LAB_DELIVERY_MAX];
    size_t delivery_count;
    bool ledger_is_broken; /* a test broke it on purpose */
};

/* For cmocka_unit_test_setup_teardown: *state is a struct lab. */
int lab_setup(void **state);
int lab_teardown(void **state);
#define LAB_TEST(test) cmocka_unit_test_setup_teardown(test, lab_setup, lab_teardown)

/* A claimed device of profile "tinypart" (posts, noises on board); riot: of "riot-tinypart" (polled). */
struct device lab_device(struct lab *lab, const char *name);
struct device lab_riot(struct lab *lab, const char *name);
/* A raw reading of a device for all tenants, in hundredths, received now. */
void lab_reading(struct lab *lab, const struct device *device, int64_t value);
void lab_policy(struct lab *lab, const struct policy_order *order);
void lab_budget(struct lab *lab, const struct world_tenant *tenant, int64_t cap_ueps);
void lab_sink(struct lab *lab, const struct world_tenant *tenant, const char *name, const char *kind);

/* A release over all devices in the present epoch. lab_ask: the call's result; lab_release: it must be 0. */
int lab_ask(struct lab *lab, const struct world_tenant *tenant, const char *query, int64_t ueps, const char *request,
            struct release *out);
struct release lab_release(struct lab *lab, const struct world_tenant *tenant, const char *query, int64_t ueps,
                           const char *request);
/* The answer as JSON; the caller decrefs. */
json_t *lab_answer(const struct release *release);
const char *lab_text(const json_t *answer, const char *path, const char *key); /* path NULL: the top */

/* Runs SQL behind the store's back: for faults that the rules cannot make. */
void lab_sql(struct lab *lab, const char *sql);
int64_t lab_number(struct lab *lab, const char *sql);
/* How many readings are kept. */
int64_t lab_readings(struct lab *lab);
/* SHA-256 over every row of every table. */
void lab_fingerprint(struct lab *lab, uint8_t out[DIGEST_SIZE]);

int64_t lab_spent(struct lab *lab, const struct world_tenant *tenant);
int64_t lab_filter(struct lab *lab, const struct device *device);

#endif
