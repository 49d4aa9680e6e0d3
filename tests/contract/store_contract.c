/* store_contract.c - the suite's frame and the rows that its tests stand on. */
#include "tests/contract/store_contract.h"

#include <stdio.h>

const struct page everything = { 0, PAGE_MAX };
static const struct store_factory *chosen;

const struct store_factory *contract_factory(void)
{
    return chosen;
}

int store_contract_run(const struct store_factory *factory)
{
    chosen = factory;
    printf("the store's contract on %s\n", factory->name);
    return contract_transactions() + contract_tenants() + contract_devices() + contract_images() + contract_rollouts() +
           contract_steps() + contract_ledger() + contract_releases() + contract_readings() + contract_export() +
           contract_running() + contract_schedules() + contract_crash();
}

int contract_setup(void **state)
{
    struct store *store = NULL;
    int r = chosen->fresh(&store);

    *state = store;
    return r;
}

int contract_teardown(void **state)
{
    struct store *store = *state;

    store->close(store);
    return 0;
}

void contract_reopen(void **state)
{
    struct store *store = *state;

    store->close(store);
    ok(chosen->reopen(&store));
    *state = store;
}

void seen_add(struct seen *seen, int64_t id)
{
    assert_true(seen->count < sizeof seen->ids / sizeof seen->ids[0]);
    seen->ids[seen->count++] = id;
}

void digest_of(unsigned seed, uint8_t out[DIGEST_SIZE])
{
    memset(out, 0, DIGEST_SIZE);
    for (size_t i = 0; i < 4; i++)
        out[i] = (uint8_t)(seed >> (8 * i));
    out[31] = 0xd1;
}

/* Begins where no transaction is open, and says whether it did. */
static bool enter(struct store *store)
{
    return store->begin(store) == 0;
}

static void leave(struct store *store, bool entered)
{
    if (entered)
        ok(store->commit(store));
}

int64_t add_tenant(struct store *store, const char *name)
{
    struct tenant tenant = { .created_ms = NOW };
    bool entered = enter(store);

    snprintf(tenant.name, sizeof tenant.name, "%s", name);
    ok(store->tenant_insert(store, &tenant));
    leave(store, entered);
    return tenant.id;
}

int64_t add_device(struct store *store, const char *name, const char *profile)
{
    struct device device = { .state = profile != NULL ? DEVICE_CLAIMED : DEVICE_UNCLAIMED, .created_ms = NOW };
    bool entered = enter(store);

    snprintf(device.name, sizeof device.name, "%s", name);
    snprintf(device.profile, sizeof device.profile, "%s", profile != NULL ? profile : "");
    ok(store->device_insert(store, &device));
    leave(store, entered);
    return device.id;
}

void add_blob(struct store *store, unsigned seed, size_t size)
{
    uint8_t digest[DIGEST_SIZE], content[1024];
    bool entered = enter(store);

    assert_true(size <= sizeof content);
    digest_of(seed, digest);
    for (size_t i = 0; i < size; i++)
        content[i] = (uint8_t)(seed + i);
    ok(store->blob_put(store, digest, bytes_view(content, size)));
    leave(store, entered);
}

int64_t add_image(struct store *store, int64_t tenant_id, const char *name, const char *version)
{
    struct image image = { .tenant_id = tenant_id, .type = "bpf", .size = 178, .created_ms = NOW };
    bool entered = enter(store);

    snprintf(image.name, sizeof image.name, "%s", name);
    snprintf(image.version, sizeof image.version, "%s", version);
    digest_of(101, image.digest);
    digest_of(102, image.bundle_digest);
    add_blob(store, 101, 178);
    add_blob(store, 102, 500);
    ok(store->image_insert(store, &image));
    leave(store, entered);
    return image.id;
}

int64_t add_rollout(struct store *store, int64_t tenant_id, int64_t image_id, unsigned concurrency)
{
    struct rollout rollout = { .tenant_id = tenant_id,
                               .image_id = image_id,
                               .selector = "site=lyon",
                               .state = ROLLOUT_RUNNING,
                               .concurrency = concurrency,
                               .attempts_max = 4,
                               .encrypted = true,
                               .deadline_ms = 900000,
                               .created_by = "uid:0",
                               .created_ms = NOW };
    bool entered = enter(store);

    ok(store->rollout_insert(store, &rollout));
    leave(store, entered);
    return rollout.id;
}

int64_t add_step(struct store *store, int64_t rollout_id, int64_t tenant_id, int64_t device_id, int64_t due_ms)
{
    struct step step = { .rollout_id = rollout_id,
                         .tenant_id = tenant_id,
                         .device_id = device_id,
                         .state = STEP_WAITING,
                         .due_ms = due_ms,
                         .created_ms = NOW,
                         .updated_ms = NOW };
    bool entered = enter(store);

    ok(store->step_insert(store, &step));
    leave(store, entered);
    return step.id;
}

struct cohort one_device(int64_t device_id, struct cohort_member *member)
{
    *member = (struct cohort_member){ (uint32_t)(device_id / 64), UINT64_C(1) << device_id % 64 };
    return (struct cohort){ .members = member, .member_count = 1, .device_count = 1 };
}

struct loss_caps pure_cap(int64_t ueps)
{
    return (struct loss_caps){ .ueps = ueps, .nrho = LOSS_MAX, .pure_only = true };
}

int64_t add_policy(struct store *store, const char *sensor, int64_t retention_ms)
{
    struct policy policy = { .version = 1,
                             .unit = "device-epoch",
                             .adjacency = "zero-out",
                             .epoch_ms = 86400000,
                             .scale = 100,
                             .lower = -2000,
                             .upper = 6000,
                             .unit_text = "Cel",
                             .mechanism = "laplace",
                             .reading = { .ueps = 100000, .nrho = 5000000 },
                             .contributions = 24,
                             .interval_ms = 60000,
                             .retention_ms = retention_ms,
                             .created_ms = NOW,
                             .document_size = 3,
                             .document = { 1, 2, 3 } };
    bool entered = enter(store);

    snprintf(policy.sensor, sizeof policy.sensor, "%s", sensor);
    ok(store->policy_insert(store, &policy));
    leave(store, entered);
    return policy.id;
}

int64_t add_sink(struct store *store, int64_t tenant_id, const char *name)
{
    struct sink sink = { .tenant_id = tenant_id, .kind = "file", .config = "{}", .created_ms = NOW };
    bool entered = enter(store);

    snprintf(sink.name, sizeof sink.name, "%s", name);
    ok(store->sink_insert(store, &sink));
    leave(store, entered);
    return sink.id;
}

struct step_try a_try(int64_t step_id, uint64_t sequence, const char *manifest_path, const char *image_path)
{
    static uint8_t manifest[DIGEST_SIZE], image[DIGEST_SIZE];

    digest_of(100, manifest);
    digest_of(101, image);
    return (struct step_try){ .step_id = step_id,
                              .sequence = sequence,
                              .manifest_path = manifest_path,
                              .image_path = image_path,
                              .manifest_digest = manifest,
                              .image_digest = image,
                              .paths_expire_ms = NOW + 60000,
                              .deadline_ms = NOW + 900000,
                              .due_ms = NOW + 32000,
                              .now_ms = NOW };
}
