/* Keys of every kind: which are taken, and that what they signed is believed. */
#include "tests/unit/core/world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/core/signing_key.h"

static char folder[64];

static int setup(void **state)
{
    const char *place = getenv("TMPDIR");

    snprintf(folder, sizeof(folder), "%.40s/tinypart-XXXXXX", place != NULL ? place : "/tmp");
    return mkdtemp(folder) == NULL ? -1 : world_setup(state);
}

static int teardown(void **state)
{
    static const char *const parts[] = { "", ".state", ".mark", ".tree0" };
    char path[128];

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        snprintf(path, sizeof(path), "%s/key%s", folder, parts[i]);
        unlink(path);
    }
    rmdir(folder);
    return world_teardown(state);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static struct crypto_key *hash_based(struct world *world)
{
    const struct hss_shape smallest = { .n = 24, .height = 5, .width = 8, .levels = 1 };
    struct crypto_key *key = NULL;
    char path[128];

    snprintf(path, sizeof(path), "%s/key", folder);
    const struct hss_places places = { .file = path };
    assert_int_equal(crypto_key_generate_hss(&smallest, &places, NULL, &key, &world->why), 0);
    return key;
}

static int add(struct world *world, const struct public_key *key, struct tenant_key *out)
{
    return tenant_key_add(&world->core, &world->owner, "alice", key, out, &world->why);
}

/* From here on alice signs with this key alone. */
static void replace_key(struct world *world, struct world_tenant *alice, struct crypto_key *key)
{
    struct proto_signer before, now;
    uint8_t fingerprint[DIGEST_SIZE];
    struct tenant_key added;

    crypto_key_signer(alice->key, &before);
    crypto_key_signer(key, &now);
    assert_int_equal(add(world, &now.key, &added), 0);
    assert_int_equal(
        world->crypto.sha256(world->crypto.context, bytes_view(before.key.raw, before.key.size), fingerprint), 0);
    assert_int_equal(tenant_key_revoke(&world->core, &world->owner, "alice", fingerprint, &world->why), 0);
    crypto_key_free(alice->key);
    alice->key = key;
}

static void push(struct world *world, const struct world_tenant *alice)
{
    uint8_t bundle[8192];
    struct image image;

    size_t size = world_bundle(world, alice, "thermo", "1.0", world_container(), "temperature", bundle, sizeof(bundle));
    assert_int_equal(image_admit(&world->core, &alice->caller, NULL, bytes_view(bundle, size), &image, &world->why), 0);
    bundle[size - world_container().size - 1] ^= 1;
    bundle[100] ^= 1;
    assert_true(image_admit(&world->core, &alice->caller, NULL, bytes_view(bundle, size), &image, &world->why) > 0);
}

static void a_tenant_signs_its_images_with_a_hash_based_key(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");

    replace_key(world, alice, hash_based(world));
    push(world, alice);
}

static void a_tenant_signs_its_images_with_a_lattice_key_where_openssl_has_them(void **state)
{
    static const enum key_type types[] = { KEY_ML_DSA_44, KEY_ML_DSA_65, KEY_ML_DSA_87 };
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct public_key some = { .type = types[i], .size = (size_t[]){ 1312, 1952, 2592 }[i] };
        struct crypto_key *key = NULL;
        struct tenant_key added;

        if (!crypto_openssl_has(types[i])) {
            assert_int_equal(add(world, &some, &added), REFUSED_INVALID);
            assert_string_equal(world->why.where, "public_key");
            assert_string_equal(world->why.what,
                                "this daemon cannot check signatures of this kind of key: its OpenSSL has no ML-DSA");
            continue;
        }
        assert_int_equal(crypto_key_generate(types[i], &key), 0);
        replace_key(world, alice, key);
        if (i == 2)
            push(world, alice);
    }
}

static int no_room(void *context, const struct public_key *key, struct bytes message, struct bytes signature)
{
    (void)context;
    (void)key;
    (void)message;
    (void)signature;
    return -ENOMEM;
}

static void a_key_that_is_not_whole_is_refused(void **state)
{
    static const struct {
        enum key_type type;
        size_t size;
    } wrong[] = { { KEY_ED25519, 31 },     { KEY_P256, 64 },        { KEY_HSS_LMS, 60 },     { KEY_HSS_LMS, 51 },
                  { KEY_ML_DSA_44, 1311 }, { KEY_ML_DSA_65, 1312 }, { KEY_ML_DSA_87, 2591 }, { 0, 0 } };
    struct world *world = *state;
    struct public_key key = { .type = KEY_ED25519, .size = 32 };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) { /* HSS-LMS: of zero levels */
        struct public_key one = { .type = wrong[i].type, .size = wrong[i].size };
        assert_int_equal(signing_key_check(&world->core, &one, "public_key", &world->why), REFUSED_INVALID);
        assert_string_equal(world->why.what, "this is no public key");
    }
    world->crypto.verify = no_room;
    assert_int_equal(signing_key_check(&world->core, &key, "public_key", &world->why), -ENOMEM);
}

static void a_device_reports_with_the_same_kinds_of_keys(void **state)
{
    struct world *world = *state;
    struct crypto_key *key = hash_based(world);
    struct proto_signer signer;
    struct device device;
    struct public_key wrong = { .type = KEY_HSS_LMS, .size = 60 };
    struct device_order order = { .name = "a", .profile = "tinypart", .address = "coap://[fd00::1]", .labels = "" };

    crypto_key_signer(key, &signer);
    order.report_key = &signer.key;
    assert_int_equal(device_create(&world->core, &world->owner, &order, &device, &world->why), 0);
    assert_int_equal(world->store->device_by_name(world->store, "a", &device), 0);
    assert_int_equal(device.report_key.type, KEY_HSS_LMS);
    assert_memory_equal(device.report_key.raw, signer.key.raw, signer.key.size);
    order.name = "b";
    order.report_key = &wrong;
    assert_int_equal(device_create(&world->core, &world->owner, &order, &device, &world->why), REFUSED_INVALID);
    assert_string_equal(world->why.where, "report_key");
    crypto_key_free(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_tenant_signs_its_images_with_a_hash_based_key),
        IN_FOLDER(a_tenant_signs_its_images_with_a_lattice_key_where_openssl_has_them),
        IN_FOLDER(a_key_that_is_not_whole_is_refused),
        IN_FOLDER(a_device_reports_with_the_same_kinds_of_keys),
    };

    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
