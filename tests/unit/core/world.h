/* world.h - a small world for the rules: a core on the real store in memory, a clock that stands until it is moved, a
 * transport that only takes notes and answers on command, real signatures, and randomness from a fixed seed. */
#ifndef TINYPART_TESTS_CORE_WORLD_H
#define TINYPART_TESTS_CORE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/core/access.h"
#include "daemon/core/core.h"
#include "daemon/core/device.h"
#include "daemon/core/grant.h"
#include "daemon/core/image.h"
#include "daemon/core/ports/clock.h"
#include "daemon/core/ports/store.h"
#include "daemon/core/ports/transport.h"
#include "daemon/core/rollout.h"
#include "daemon/core/tenant.h"
#include "daemon/crypto_openssl/crypto_openssl.h"
#include "device_proto/bundle.h"

#define WORLD_START_MS     1760000000000 /* 2025-10-09T08:53:20Z */
#define WORLD_REQUESTS_MAX 2048
#define WORLD_TENANTS_MAX  4

/* A request that the rules handed to the transport. */
struct world_request {
    int64_t id;
    char address[ADDRESS_SIZE];
    char path[64];
    uint8_t payload[256];
    size_t size;
    bool answered;
};

struct world_tenant {
    struct tenant tenant;
    struct caller caller;
    struct crypto_key *key;
};

struct world {
    struct core core;
    struct store *store;
    struct {
        struct clock port; /* first */
        int64_t now_ms;
    } clock;
    struct {
        struct transport port;   /* first */
        int result;              /* of request() */
        int base_result;         /* of own_base() */
        char base[ADDRESS_SIZE]; /* given by own_base() */
        size_t count;
        struct world_request requests[WORLD_REQUESTS_MAX];
    } transport;
    uint64_t seed;
    struct proto_crypto crypto;
    struct sink_port *sinks; /* NULL: none; a test's own otherwise, there again after a restart */
    struct proto_random random;
    struct crypto_key *maintainer_key;
    struct proto_signer maintainer;
    struct crypto_key *report_key; /* of every device that world_device makes */
    struct proto_signer report_signer;
    struct caller owner, keeper, privacy_officer, auditor; /* keeper: the maintainer */
    struct world_tenant tenants[WORLD_TENANTS_MAX];
    size_t tenant_count;
    struct why why; /* of the last call through a helper; for calls of the test's own */
};

/* For cmocka_unit_test_setup_teardown. */
int world_setup(void **state);
int world_teardown(void **state);

/* The daemon dies and comes back: everything in memory is gone, the store is not. */
void world_restart(struct world *world);
/* Moves the clock and lets the rules look. Returns when they want to look next. */
int64_t world_pass(struct world *world, int64_t ms);

/* A tenant with a key and a caller of its own. */
struct world_tenant *world_tenant(struct world *world, const char *name);
/* A claimed device with an address of its own ("coap://[fd00::N]", N its id) and the world's report key. */
struct device world_device(struct world *world, const char *name, const char *profile, const char *labels);
/* All sensors, helpers and slots of the devices that the selector picks. */
struct grant world_grant(struct world *world, const struct world_tenant *tenant, const char *selector);
/* The container of temp_sens (178 bytes, helper 0x31 and 0x32, sensor "temperature"), signed by the tenant. */
struct bytes world_container(void);
/* The size of the bundle. */
size_t world_bundle(struct world *world, const struct world_tenant *tenant, const char *name, const char *version,
                    struct bytes container, const char *sensor, uint8_t *out, size_t capacity);
size_t world_bundle_of(struct world *world, const struct world_tenant *tenant, enum bundle_type type, const char *name,
                       const char *version, struct bytes container, const char *sensor, uint8_t *out, size_t capacity);
struct image world_image(struct world *world, const struct world_tenant *tenant, const char *name, const char *version);
struct rollout world_rollout(struct world *world, const struct world_tenant *tenant, const char *selector,
                             unsigned slot);

/* The only step of a rollout, or the one of a device. */
struct step world_step(struct world *world, int64_t rollout_id);
struct step world_step_of(struct world *world, int64_t rollout_id, const char *device);
struct rollout world_rollout_now(struct world *world, int64_t id);

/* The newest request, which must be there and unanswered. */
struct world_request *world_asked(struct world *world);
size_t world_unanswered(const struct world *world);
void world_answer(struct world *world, struct world_request *request, unsigned code, const char *payload);
void world_answer_with(struct world *world, struct world_request *request, enum answer_kind kind);

/* Fetches a path block by block; blocks 0: to its end. The result is that of the last call. */
int world_fetch(struct world *world, const char *path, size_t block_size, size_t blocks);
/* The whole object; its size. */
size_t world_fetch_whole(struct world *world, const char *path, uint8_t *out, size_t capacity);

#endif
