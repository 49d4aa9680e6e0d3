/* Images that travel encrypted: who can be sent them, and that only the device that they are for can read them. */
#include "device_proto/cose_encrypt.h"
#include "device_proto/suit.h"
#include "tests/unit/core/world.h"

#include <stdio.h>

#include "daemon/core/step.h"

#define OBJECT_MAX 4096u

/* A device that decrypts. */
struct recipient {
    struct world *world;
    struct crypto_key *key;
    struct device device;
    struct bytes ciphertext;
    uint8_t plaintext[OBJECT_MAX];
    size_t size;
};

static int try_device(struct world *world, const char *name, const char *profile, const struct public_key *key,
                      struct device *out)
{
    const struct device_order order = { .name = name,
                                        .profile = profile,
                                        .address = "coap://[fd00::d]",
                                        .labels = "site=lyon",
                                        .report_key = &world->report_signer.key,
                                        .encryption_key = key };

    return device_create(&world->core, &world->owner, &order, out, &world->why);
}

static struct recipient recipient_of(struct world *world, const char *name)
{
    struct recipient recipient = { .world = world };
    struct proto_signer public;

    assert_int_equal(crypto_key_generate(KEY_P256, &recipient.key), 0);
    crypto_key_signer(recipient.key, &public);
    assert_int_equal(try_device(world, name, "tinypart", &public.key, &recipient.device), 0);
    return recipient;
}

static int order(struct world *world, const struct world_tenant *tenant, const char *transfer, struct rollout *out)
{
    const struct rollout_order wanted = {
        .image = "thermo", .version = "1.0", .selector = "site=lyon", .transfer = transfer
    };

    return rollout_create(&world->core, &tenant->caller, &wanted, out, &world->why);
}

static struct world_tenant *alice_in_lyon(struct world *world)
{
    struct world_tenant *alice = world_tenant(world, "alice");

    world_grant(world, alice, "site=lyon");
    world_image(world, alice, "thermo", "1.0");
    return alice;
}

static int take_image(void *context, const struct suit_transfer *transfer)
{
    struct recipient *recipient = context;
    struct cose_stream stream;

    if (transfer->decryption == NULL)
        return SUIT_REFUSED_DECRYPTION;
    stream = *transfer->decryption;
    assert_int_equal(cose_decrypt_update(&stream, &recipient->world->crypto, recipient->ciphertext,
                                         recipient->plaintext, &recipient->size),
                     0);
    return cose_decrypt_finish(&stream);
}

static int image_match(void *context, size_t place, const uint8_t digest[DIGEST_SIZE], uint64_t size)
{
    const struct recipient *recipient = context;
    uint8_t found[DIGEST_SIZE];

    (void)place;
    if (recipient->size == 0)
        return SUIT_REFUSED_DIGEST; /* the rehearsal: nothing is there yet */
    assert_int_equal(recipient->world->crypto.sha256(NULL, bytes_view(recipient->plaintext, recipient->size), found),
                     0);
    return size == recipient->size && memcmp(found, digest, DIGEST_SIZE) == 0 ? 0 : SUIT_REFUSED_DIGEST;
}

/* Does what the newest manifest of a step says, with that device's key. */
static int run(struct recipient *recipient, const struct step *step, const struct crypto_key *key)
{
    struct world *world = recipient->world;
    const struct cose_acceptance any = { .needs = { COSE_ANY_SIGNATURE } };
    const struct cose_trust trust = { .keys = &world->maintainer.key, .key_count = 1 };
    const struct suit_actions actions = { .context = recipient, .fetch = take_image, .image_match = image_match };
    uint8_t envelope[OBJECT_MAX], image[OBJECT_MAX];
    struct suit_place place = { .component = { .count = 2, .parts = { bytes_of_text("slot"), bytes_of_text("0") } } };
    struct suit_device device = { .places = &place, .place_count = 1, .crypto = &world->crypto };
    struct cose_device_key own = { 0 };
    struct proto_agreement agreement;
    struct suit_manifest manifest;

    size_t size = world_fetch_whole(world, step->manifest_path, envelope, sizeof(envelope));
    recipient->ciphertext = bytes_view(image, world_fetch_whole(world, step->image_path, image, sizeof(image)));
    recipient->size = 0;
    assert_int_equal(crypto_key_agreement(key, &agreement), 0);
    own.agreement = &agreement;
    device.decryption_keys = &own;
    device.decryption_key_count = 1;
    assert_int_equal(
        suit_manifest_verify_with(bytes_view(envelope, size), SUIT_37, &trust, &any, &world->crypto, &manifest), 0);
    memcpy(device.vendor_id, manifest.vendor_id, SUIT_ID_SIZE);
    memcpy(device.class_id, manifest.class_id, SUIT_ID_SIZE);
    return suit_manifest_run(&manifest, &device, &actions, NULL);
}

static void only_the_device_itself_can_read_its_image(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = alice_in_lyon(world);
    struct recipient own = recipient_of(world, "d1"), other = recipient_of(world, "d2");
    struct bytes container = world_container();
    struct rollout rollout;

    assert_int_equal(order(world, alice, "encrypted", &rollout), 0);
    assert_true(rollout.encrypted);
    world_pass(world, 0);
    struct step step = world_step_of(world, rollout.id, "d1");
    assert_true(step.content_key.is_set);
    assert_int_equal(run(&own, &step, own.key), 0);
    assert_int_equal(own.size, container.size);
    assert_memory_equal(own.plaintext, container.data, container.size);
    assert_int_equal(run(&own, &step, other.key), SUIT_REFUSED_DECRYPTION);
    /* each device has a key of its own, and nothing of the image shows */
    struct step others = world_step_of(world, rollout.id, "d2");
    assert_memory_not_equal(step.content_key.secret, others.content_key.secret, sizeof(step.content_key.secret));
    assert_int_equal(run(&other, &others, other.key), 0);
    crypto_key_free(own.key);
    crypto_key_free(other.key);
}

static void blocks_of_every_size_and_after_a_restart_are_of_one_ciphertext(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = alice_in_lyon(world);
    struct recipient own = recipient_of(world, "d1");
    struct bytes container = world_container();
    uint8_t whole[OBJECT_MAX], block[OBJECT_MAX];
    struct fetch_block told;
    struct rollout rollout;

    assert_int_equal(order(world, alice, "encrypted", &rollout), 0);
    world_pass(world, 0);
    struct step step = world_step(world, rollout.id);
    assert_int_equal(world_fetch_whole(world, step.image_path, whole, sizeof(whole)), container.size);
    assert_memory_not_equal(whole, container.data, container.size);
    world_restart(world);
    for (size_t size = 1; size <= 64; size++)
        for (size_t at = 0; at < container.size; at += size) {
            assert_int_equal(rollout_on_fetch(&world->core, step.image_path, at, block, size, &told), 0);
            assert_memory_equal(block, whole + at, told.size);
        }
    crypto_key_free(own.key);
}

static void another_try_has_another_key(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = alice_in_lyon(world);
    struct recipient own = recipient_of(world, "d1");
    struct rollout rollout;

    assert_int_equal(order(world, alice, "encrypted", &rollout), 0);
    world_pass(world, 0);
    struct step first = world_step(world, rollout.id);
    world_answer_with(world, world_asked(world), ANSWER_NONE);
    world_pass(world, 20000);
    struct step second = world_step(world, rollout.id);
    assert_int_equal(second.attempts, 2);
    assert_true(second.content_key.is_set);
    assert_memory_not_equal(first.content_key.secret, second.content_key.secret, sizeof(first.content_key.secret));
    assert_int_equal(run(&own, &second, own.key), 0);
    crypto_key_free(own.key);
}

static void plain_is_what_is_not_asked_to_be_encrypted(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = alice_in_lyon(world);
    struct recipient own = recipient_of(world, "d1");
    struct bytes container = world_container();
    uint8_t whole[OBJECT_MAX];
    struct rollout rollout;

    assert_int_equal(order(world, alice, NULL, &rollout), 0);
    assert_false(rollout.encrypted);
    world_pass(world, 0);
    struct step step = world_step(world, rollout.id);
    assert_int_equal(world_fetch_whole(world, step.image_path, whole, sizeof(whole)), container.size);
    assert_memory_equal(whole, container.data, container.size);
    assert_int_equal(order(world, alice, "secret", &rollout), REFUSED_INVALID);
    assert_string_equal(world->why.where, "transfer");
    crypto_key_free(own.key);
}

static void refuses_devices_that_cannot_decrypt(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = alice_in_lyon(world);
    struct rollout rollout;

    struct device keyless = world_device(world, "keyless", "tinypart", "site=lyon");
    assert_int_equal(order(world, alice, "encrypted", &rollout), REFUSED_CONFLICT);
    assert_string_equal(world->why.what, "device keyless has no encryption key");
    assert_int_equal(device_delete(&world->core, &world->owner, keyless.name, NULL), 0);
    world_device(world, "riot", "riot-tinypart", "site=lyon");
    assert_int_equal(order(world, alice, "encrypted", &rollout), REFUSED_CONFLICT);
    assert_string_equal(world->why.what, "riot-tinypart devices cannot decrypt images");
    assert_int_equal(order(world, alice, "plain", &rollout), 0);
}

static void takes_only_points_of_the_curve_as_keys(void **state)
{
    struct world *world = *state;
    struct recipient own = recipient_of(world, "d1");
    struct public_key key;
    struct device device;

    assert_true(device_encryption_key(&own.device, &key));
    key.raw[P256_RAW_SIZE - 1] ^= 1;
    assert_int_equal(try_device(world, "d2", "tinypart", &key, &device), REFUSED_INVALID);
    assert_string_equal(world->why.where, "encryption_key");
    assert_int_equal(try_device(world, "d2", "tinypart", &world->report_signer.key, &device), REFUSED_INVALID);
    assert_int_equal(try_device(world, "d2", "tinypart", NULL, &device), 0);
    assert_false(device_encryption_key(&device, &key));
    crypto_key_free(own.key);
}

static void a_tenant_is_not_told_the_key(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = alice_in_lyon(world);
    struct recipient own = recipient_of(world, "d1");
    struct device shown;
    struct public_key key;

    assert_int_equal(device_get(&world->core, &alice->caller, "d1", &shown, NULL), 0);
    assert_false(device_encryption_key(&shown, &key));
    crypto_key_free(own.key);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(only_the_device_itself_can_read_its_image),
        IN_WORLD(blocks_of_every_size_and_after_a_restart_are_of_one_ciphertext),
        IN_WORLD(another_try_has_another_key),
        IN_WORLD(plain_is_what_is_not_asked_to_be_encrypted),
        IN_WORLD(refuses_devices_that_cannot_decrypt),
        IN_WORLD(takes_only_points_of_the_curve_as_keys),
        IN_WORLD(a_tenant_is_not_told_the_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
