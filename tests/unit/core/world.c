#include "tests/unit/core/world.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/text.h"
#include "daemon/core/asking.h"
#include "daemon/store_sqlite/store_sqlite.h"
#include "device_proto/bundle.h"

static int64_t clock_read(const struct clock *clock)
{
    return *(const int64_t *)((const char *)clock + sizeof(struct clock));
}

static struct world *world_of(struct transport *transport)
{
    return (struct world *)((char *)transport - offsetof(struct world, transport));
}

static int transport_note(struct transport *transport, const struct transport_request *request)
{
    struct world *world = world_of(transport);

    if (world->transport.result != 0)
        return world->transport.result;
    assert_in_range(world->transport.count, 0, WORLD_REQUESTS_MAX - 1);
    struct world_request *note = &world->transport.requests[world->transport.count++];
    note->id = request->id;
    assert_int_equal(text_copy(note->address, sizeof(note->address), request->address), 0);
    assert_int_equal(text_copy(note->path, sizeof(note->path), request->path), 0);
    assert_in_range(request->payload.size, 0, sizeof(note->payload));
    if (request->payload.size > 0)
        memcpy(note->payload, request->payload.data, request->payload.size);
    note->size = request->payload.size;
    return 0;
}

static int transport_base(struct transport *transport, const char *device_address, char out_base[ADDRESS_SIZE])
{
    struct world *world = world_of(transport);

    (void)device_address;
    return world->transport.base_result != 0 ? world->transport.base_result
                                             : text_copy(out_base, ADDRESS_SIZE, world->transport.base);
}

/* xorshift64*: the same bytes in every run. */
static int random_fill(void *context, uint8_t *out, size_t size)
{
    uint64_t *seed = context;

    for (size_t i = 0; i < size; i++) {
        *seed ^= *seed >> 12;
        *seed ^= *seed << 25;
        *seed ^= *seed >> 27;
        out[i] = (uint8_t)(*seed * 2685821657736338717u >> 56);
    }
    return 0;
}

static struct caller caller_of(enum role role, const char *name)
{
    struct caller caller = { .role = role };

    text_copy(caller.name, sizeof(caller.name), name);
    return caller;
}

/* Every helper's call must do; else the refusal's words are what one wants to read. */
static void must(const struct world *world, int r)
{
    if (r != 0)
        fail_msg("%d: %s (%s)", r, world->why.what, world->why.where);
}

static void core_open(struct world *world)
{
    world->core = (struct core){ .store = world->store,
                                 .transport = &world->transport.port,
                                 .sinks = world->sinks,
                                 .clock = &world->clock.port,
                                 .crypto = &world->crypto,
                                 .maintainer = &world->maintainer,
                                 .random = &world->random,
                                 .settings = { .epoch_ms = 86400000,
                                               .filter_cap = { .ueps = 10000000, .nrho = LOSS_MAX, .pure_only = true },
                                               .pool_unlock_ppm = 1000000,
                                               .path_lifetime_ms = 3600000,
                                               .rollout_concurrency = 64,
                                               .telemetry_plain = true } };
    must(world, core_start(&world->core, &world->why));
}

int world_setup(void **state)
{
    struct world *world = calloc(1, sizeof(*world));

    assert_non_null(world);
    world->clock.port.unix_ms = clock_read;
    world->clock.now_ms = WORLD_START_MS;
    world->transport.port.request = transport_note;
    world->transport.port.own_base = transport_base;
    strcpy(world->transport.base, "coap://[fd00::1]");
    world->seed = 20261121;
    crypto_openssl_proto(&world->crypto);
    world->random = (struct proto_random){ &world->seed, random_fill };
    assert_int_equal(crypto_key_generate(KEY_ED25519, &world->maintainer_key), 0);
    assert_int_equal(crypto_key_generate(KEY_ED25519, &world->report_key), 0);
    crypto_key_signer(world->maintainer_key, &world->maintainer);
    crypto_key_signer(world->report_key, &world->report_signer);
    world->owner = caller_of(ROLE_OWNER, "uid:0");
    world->keeper = caller_of(ROLE_MAINTAINER, "keeper");
    world->privacy_officer = caller_of(ROLE_PRIVACY_OFFICER, "officer");
    world->auditor = caller_of(ROLE_AUDITOR, "auditor");
    assert_int_equal(store_sqlite_open(":memory:", &world->store, &world->why), 0);
    core_open(world);
    *state = world;
    return 0;
}

int world_teardown(void **state)
{
    struct world *world = *state;

    core_stop(&world->core);
    world->store->close(world->store);
    for (size_t i = 0; i < world->tenant_count; i++)
        crypto_key_free(world->tenants[i].key);
    crypto_key_free(world->maintainer_key);
    crypto_key_free(world->report_key);
    free(world);
    return 0;
}

void world_restart(struct world *world)
{
    core_stop(&world->core);
    for (size_t i = 0; i < world->transport.count; i++)
        world->transport.requests[i].answered = true; /* whatever comes now finds nobody who asked */
    core_open(world);
}

int64_t world_pass(struct world *world, int64_t ms)
{
    int64_t next_ms = 0;

    world->clock.now_ms += ms;
    assert_int_equal(rollout_tick(&world->core, world->clock.now_ms, &next_ms), 0);
    return next_ms;
}

struct world_tenant *world_tenant(struct world *world, const char *name)
{
    struct world_tenant *tenant = &world->tenants[world->tenant_count++];
    struct proto_signer signer;
    struct tenant_key key;

    must(world, tenant_create(&world->core, &world->owner, name, &tenant->tenant, &world->why));
    assert_int_equal(crypto_key_generate(KEY_ED25519, &tenant->key), 0);
    crypto_key_signer(tenant->key, &signer);
    must(world, tenant_key_add(&world->core, &world->owner, name, &signer.key, &key, &world->why));
    tenant->caller = caller_of(ROLE_TENANT, name);
    tenant->caller.tenant_id = tenant->tenant.id;
    return tenant;
}

struct device world_device(struct world *world, const char *name, const char *profile, const char *labels)
{
    static unsigned number;
    char address[ADDRESS_SIZE];
    struct device device;

    snprintf(address, sizeof(address), "coap://[fd00::%x]", 0x1000 + number++);
    const struct device_order order = {
        .name = name, .profile = profile, .address = address, .labels = labels, .report_key = &world->report_signer.key
    };
    must(world, device_create(&world->core, &world->owner, &order, &device, &world->why));
    return device;
}

struct grant world_grant(struct world *world, const struct world_tenant *tenant, const char *selector)
{
    const struct grant_order order = {
        .tenant = tenant->tenant.name, .selector = selector, .sensors = "*", .helpers = "*", .slots = "*"
    };
    struct grant grant;

    must(world, grant_create(&world->core, &world->owner, &order, &grant, &world->why));
    return grant;
}

struct bytes world_container(void)
{
    static const char hex[] = "7242504600000000000000000000000010000000800000000100000074656d705f7265616400000000000000"
                              "b7010000820000008500000031000000b70600009e0a000015000a0000000000bfa200000000000007020000"
                              "f8ffffffbf0100000000000085000000320000006700000020000000c700000020000000c500030000000000"
                              "69a6f8ff000000006706000030000000c706000030000000bf60000000000000950000000000000000000000"
                              "0000";
    static uint8_t container[(sizeof(hex) - 1) / 2];

    assert_int_equal(hex_decode(hex, container, sizeof(container)), 0);
    return bytes_view(container, sizeof(container));
}

size_t world_bundle_of(struct world *world, const struct world_tenant *tenant, enum bundle_type type, const char *name,
                       const char *version, struct bytes container, const char *sensor, uint8_t *out, size_t capacity)
{
    const struct bundle bundle = { .name = bytes_of_text(name),
                                   .version = bytes_of_text(version),
                                   .type = type,
                                   .sensor = bytes_of_text(sensor),
                                   .container = container };
    struct proto_signer signer;
    size_t size;

    crypto_key_signer(tenant->key, &signer);
    assert_int_equal(bundle_write(&bundle, &world->crypto, &signer, out, capacity, &size), 0);
    return size;
}

size_t world_bundle(struct world *world, const struct world_tenant *tenant, const char *name, const char *version,
                    struct bytes container, const char *sensor, uint8_t *out, size_t capacity)
{
    return world_bundle_of(world, tenant, BUNDLE_BPF, name, version, container, sensor, out, capacity);
}

struct image world_image(struct world *world, const struct world_tenant *tenant, const char *name, const char *version)
{
    uint8_t bundle[4096];
    struct image image;
    size_t size = world_bundle(world, tenant, name, version, world_container(), "temperature", bundle, sizeof(bundle));

    must(world, image_admit(&world->core, &tenant->caller, NULL, bytes_view(bundle, size), &image, &world->why));
    return image;
}

struct rollout world_rollout(struct world *world, const struct world_tenant *tenant, const char *selector,
                             unsigned slot)
{
    const struct rollout_order order = { .image = "thermo", .version = "1.0", .selector = selector, .slot = slot };
    struct rollout rollout;

    must(world, rollout_create(&world->core, &tenant->caller, &order, &rollout, &world->why));
    return rollout;
}

struct wanted {
    const char *device;
    struct step step;
    size_t found;
};

static int look_for(void *context, const struct step *step)
{
    struct wanted *wanted = context;

    if (wanted->device != NULL && strcmp(step->device, wanted->device) != 0)
        return 0;
    wanted->step = *step;
    wanted->found++;
    return 0;
}

struct step world_step_of(struct world *world, int64_t rollout_id, const char *device)
{
    struct wanted wanted = { .device = device };
    struct page page = { 0, PAGE_MAX };

    must(world, rollout_steps(&world->core, &world->owner, rollout_id, page, look_for, &wanted, &world->why));
    assert_int_equal(wanted.found, 1);
    return wanted.step;
}

struct step world_step(struct world *world, int64_t rollout_id)
{
    return world_step_of(world, rollout_id, NULL);
}

struct rollout world_rollout_now(struct world *world, int64_t id)
{
    struct rollout rollout;

    must(world, rollout_get(&world->core, &world->owner, id, &rollout, &world->why));
    return rollout;
}

size_t world_unanswered(const struct world *world)
{
    size_t count = 0;

    for (size_t i = 0; i < world->transport.count; i++)
        count += !world->transport.requests[i].answered;
    return count;
}

struct world_request *world_asked(struct world *world)
{
    assert_true(world->transport.count > 0);
    struct world_request *request = &world->transport.requests[world->transport.count - 1];
    assert_false(request->answered);
    return request;
}

static void answer(struct world *world, struct world_request *request, const struct transport_answer *with)
{
    assert_false(request->answered);
    request->answered = true;
    device_on_answer(&world->core, with);
}

void world_answer(struct world *world, struct world_request *request, unsigned code, const char *payload)
{
    const struct transport_answer with = {
        .id = request->id, .kind = ANSWER_RESPONSE, .code = code, .payload = bytes_of_text(payload)
    };

    answer(world, request, &with);
}

void world_answer_with(struct world *world, struct world_request *request, enum answer_kind kind)
{
    const struct transport_answer with = { .id = request->id, .kind = kind };

    answer(world, request, &with);
}

int world_fetch(struct world *world, const char *path, size_t block_size, size_t blocks)
{
    struct fetch_block block = { 0 };
    uint8_t bytes[1024];
    uint64_t offset = 0;

    for (size_t i = 0; blocks == 0 || i < blocks; i++) {
        int r = rollout_on_fetch(&world->core, path, offset, bytes, block_size, &block);
        offset += block.size;
        if (r != 0 || offset >= block.total)
            return r;
    }
    return 0;
}

size_t world_fetch_whole(struct world *world, const char *path, uint8_t *out, size_t capacity)
{
    struct fetch_block block = { 0 };
    size_t size = 0;

    do {
        assert_true(size < capacity);
        assert_int_equal(rollout_on_fetch(&world->core, path, size, out + size, capacity - size, &block), 0);
        size += block.size;
    } while (size < block.total);
    return size;
}
