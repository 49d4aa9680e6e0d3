/* store_contract.h - what every implementation of ports/store.h must do, as tests.
 * An implementation brings a factory and calls store_contract_run. The suite speaks the port's words only. */
#ifndef TINYPART_TESTS_STORE_CONTRACT_H
#define TINYPART_TESTS_STORE_CONTRACT_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "daemon/core/ports/store.h"

struct store_factory {
    const char *name;
    int (*fresh)(struct store **out);  /* an empty store; what was before is gone */
    int (*reopen)(struct store **out); /* the same one again, after it was closed or its process died */
};

/* How many tests failed. */
int store_contract_run(const struct store_factory *factory);

/* The groups, one a file. */
int contract_transactions(void);
int contract_tenants(void);
int contract_devices(void);
int contract_images(void);
int contract_rollouts(void);
int contract_steps(void);
int contract_ledger(void);
int contract_releases(void);
int contract_readings(void);
int contract_export(void);
int contract_running(void);
int contract_schedules(void);
int contract_crash(void);

/* Fixture of every test: *state is an empty store, in no transaction. */
int contract_setup(void **state);
int contract_teardown(void **state);
#define CONTRACT_TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)
const struct store_factory *contract_factory(void);
/* Closes the store and opens it again. */
void contract_reopen(void **state);

#define ok(call) assert_int_equal((call), 0)
#define NOW      INT64_C(1700000000000)
extern const struct page everything;

/* One verb in a transaction of its own, committed when it gives 0. */
#define in_transaction(store, call)     \
    ({                                  \
        ok((store)->begin(store));      \
        int r_ = (call);                \
        if (r_ == 0)                    \
            ok((store)->commit(store)); \
        else                            \
            (store)->rollback(store);   \
        r_;                             \
    })

/* Rows that other rows need; each in a transaction of its own unless one is open. */
void digest_of(unsigned seed, uint8_t out[DIGEST_SIZE]);
int64_t add_tenant(struct store *store, const char *name);
int64_t add_device(struct store *store, const char *name, const char *profile);
void add_blob(struct store *store, unsigned seed, size_t size);
int64_t add_image(struct store *store, int64_t tenant_id, const char *name, const char *version);
int64_t add_rollout(struct store *store, int64_t tenant_id, int64_t image_id, unsigned concurrency);
int64_t add_step(struct store *store, int64_t rollout_id, int64_t tenant_id, int64_t device_id, int64_t due_ms);
int64_t add_policy(struct store *store, const char *sensor, int64_t retention_ms);
int64_t add_sink(struct store *store, int64_t tenant_id, const char *name);
/* A try of a waiting step; blobs 100 (manifest) and 101 (image) must be there. */
struct step_try a_try(int64_t step_id, uint64_t sequence, const char *manifest_path, const char *image_path);

/* A cohort of one device; caps on epsilon alone. */
struct cohort one_device(int64_t device_id, struct cohort_member *member);
struct loss_caps pure_cap(int64_t ueps);

/* each(): remembers ids and how many rows came. */
struct seen {
    size_t count;
    int64_t ids[64];
};
void seen_add(struct seen *seen, int64_t id);
#define SEEN_EACH(type)                                          \
    static int see_##type(void *context, const struct type *row) \
    {                                                            \
        seen_add(context, row->id);                              \
        return 0;                                                \
    }

#endif
