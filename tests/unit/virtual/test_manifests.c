/* Profile tinypart and manifests of more than one fetch: several slots, dependencies, encrypted images, waiting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "device_proto/suit_author.h"
#include "device_proto/suit_report.h"
#include "tests/unit/virtual/fake.h"

static const uint8_t zero = '0', one = '1', two = '2';

/* What a test puts into a manifest over the components slot/0, slot/1, slot/2 and the dependency ["d"] (index 3). */
struct plan {
    uint64_t sequence;
    struct suit_script install;
    struct suit_script resolution;
    uint8_t install_room[1024], resolution_room[512];
    bool has_resolution;
    const char *uri;         /* of what is at "/i" when not given */
    struct bytes digest_of;  /* image of all slots */
    struct bytes integrated; /* "#d" */
};

static void plan_begin(struct plan *plan, uint64_t sequence, struct bytes image)
{
    *plan = (struct plan){ .sequence = sequence, .digest_of = image };
    plan->install = suit_script_on(SUIT_37, plan->install_room, sizeof(plan->install_room));
    plan->resolution = suit_script_on(SUIT_37, plan->resolution_room, sizeof(plan->resolution_room));
}

static void set(struct suit_script *script, uint64_t component, const struct suit_value *value)
{
    suit_script_index(script, &component, 1);
    suit_script_parameters(script, SUIT_DIRECTIVE_OVERRIDE, value, 1);
}

static struct bytes shared_of(struct fake *fake, const struct plan *plan, uint8_t *out, size_t capacity)
{
    static uint8_t digest[DIGEST_SIZE];
    const struct suit_value values[] = {
        { .parameter = SUIT_PARAMETER_VENDOR, .bytes = bytes_view(fake->fleet.vendor_id, SUIT_ID_SIZE) },
        { .parameter = SUIT_PARAMETER_CLASS, .bytes = bytes_view(fake->fleet.class_id, SUIT_ID_SIZE) },
        { .parameter = SUIT_PARAMETER_DIGEST, .bytes = bytes_view(digest, DIGEST_SIZE) },
        { .parameter = SUIT_PARAMETER_SIZE, .number = plan->digest_of.size },
    };
    const uint64_t slots[] = { 0, 1, 2 };
    struct suit_script script = suit_script_on(SUIT_37, out, capacity);
    struct bytes shared;

    assert_int_equal(fake->fleet.crypto.sha256(NULL, plan->digest_of, digest), 0);
    suit_script_index(&script, slots, 3);
    suit_script_parameters(&script, SUIT_DIRECTIVE_OVERRIDE, values, 4);
    suit_script_command(&script, SUIT_CONDITION_VENDOR, 1);
    suit_script_command(&script, SUIT_CONDITION_CLASS, 0);
    assert_int_equal(suit_script_finish(&script, &shared), 0);
    return shared;
}

/* The signed envelope. */
static struct bytes plan_end(struct fake *fake, struct plan *plan, uint8_t *out, size_t capacity)
{
    static uint8_t encoded[3072], shared[512], cose[192], scratch[256];
    const struct suit_component components[] = {
        { 2, { bytes_of_text("slot"), { &zero, 1 } } },
        { 2, { bytes_of_text("slot"), { &one, 1 } } },
        { 2, { bytes_of_text("slot"), { &two, 1 } } },
    };
    const struct suit_dependency dependency = { .index = 3,
                                                .has_prefix = true,
                                                .prefix = { 1, { bytes_of_text("d") } } };
    const struct suit_integrated integrated = { bytes_of_text("#d"), plan->integrated };
    struct suit_draft draft = { .dialect = SUIT_37,
                                .sequence = plan->sequence,
                                .components = components,
                                .component_count = 3,
                                .dependencies = &dependency,
                                .dependency_count = plan->has_resolution ? 1 : 0,
                                .shared = shared_of(fake, plan, shared, sizeof(shared)),
                                .integrated = &integrated,
                                .integrated_count = plan->integrated.data != NULL ? 1 : 0 };
    struct proto_signer signer;
    struct suit_seal seal;
    struct cose_order order;
    struct bytes manifest, block;
    size_t size;

    assert_int_equal(suit_script_finish(&plan->install, &draft.members[SUIT_PART_INSTALL].content), 0);
    if (plan->has_resolution)
        assert_int_equal(suit_script_finish(&plan->resolution, &draft.members[SUIT_PART_DEPENDENCY_RESOLUTION].content),
                         0);
    assert_int_equal(suit_draft_encode(&draft, &fake->fleet.crypto, encoded, sizeof(encoded), &size), 0);
    manifest = bytes_view(encoded, size);
    assert_int_equal(suit_seal_make(SUIT_37, manifest, &fake->fleet.crypto, &seal), 0);
    order = suit_seal_order(&seal, COSE_ED25519, bytes_view(NULL, 0));
    crypto_key_signer(fake->maintainer, &signer);
    assert_int_equal(cose_sign1_write(&order, &signer, scratch, sizeof(scratch), cose, sizeof(cose), &size), 0);
    block = bytes_view(cose, size);
    assert_int_equal(suit_draft_write(&draft, manifest, &seal, &block, 1, out, capacity, &size), 0);
    return bytes_view(out, size);
}

static void update(struct fake *fake, struct bytes envelope, struct bytes image)
{
    fake_serve(fake, "m", envelope);
    fake_serve(fake, "i", image);
    fake_trigger(fake, "coap://127.0.0.1:7000/m");
    fake_run(fake, 200);
}

static const char *answer(struct fake *fake, char slot)
{
    char path[] = "exec/0";

    path[5] = slot;
    fake_ask(fake, COAP_MSG_POST, path, bytes_view(NULL, 0));
    return fake->reply.text;
}

static void fetch_into(struct suit_script *script, uint64_t component, const char *uri)
{
    const struct suit_value value = { .parameter = SUIT_PARAMETER_URI, .bytes = bytes_of_text(uri) };

    set(script, component, &value);
    suit_script_command(script, SUIT_DIRECTIVE_FETCH, 2);
    suit_script_command(script, SUIT_CONDITION_IMAGE_MATCH, 2);
}

static void fills_several_slots_in_one_step(void **state)
{
    static uint8_t envelope[4096];
    const struct suit_value from = { .parameter = SUIT_PARAMETER_SOURCE, .number = 0 };
    const struct suit_value from_one = { .parameter = SUIT_PARAMETER_SOURCE, .number = 1 };
    struct fake *fake = *state;
    struct plan plan;

    fake_boot(fake, "tinypart", true);
    plan_begin(&plan, 1, IMAGE(temp_sens));
    fetch_into(&plan.install, 0, "coap://127.0.0.1:7000/i");
    set(&plan.install, 1, &from);
    suit_script_command(&plan.install, SUIT_DIRECTIVE_COPY, 2);
    set(&plan.install, 2, &from_one);
    suit_script_command(&plan.install, SUIT_DIRECTIVE_SWAP, 2);
    update(fake, plan_end(fake, &plan, envelope, sizeof(envelope)), IMAGE(temp_sens));
    assert_int_equal(fake_events(fake, EVENT_INSTALLED), 1);
    device_power_cycle(&fake->device, fake->now_ms);
    fake_run(fake, 3000);
    assert_string_equal(answer(fake, '0'), "27.18");
    assert_string_equal(answer(fake, '2'), "27.18");
    answer(fake, '1'); /* swapped with a slot that was empty */
    assert_int_equal(fake->reply.code, COAP_MSG_NOT_FOUND);

    plan_begin(&plan, 2, IMAGE(temp_sens));
    set(&plan.install, 2, &from);
    suit_script_command(&plan.install, SUIT_DIRECTIVE_UNLINK, 2);
    update(fake, plan_end(fake, &plan, envelope, sizeof(envelope)), IMAGE(temp_sens));
    answer(fake, '2');
    assert_int_equal(fake->reply.code, COAP_MSG_NOT_FOUND);
    assert_string_equal(answer(fake, '0'), "27.18");
}

static void takes_a_dependency_and_what_it_asks_for(void **state)
{
    static uint8_t inner_room[4096], outer_room[8192], digest[DIGEST_SIZE];
    const struct suit_value named = { .parameter = SUIT_PARAMETER_DIGEST, .bytes = bytes_view(digest, DIGEST_SIZE) };
    const struct suit_value at = { .parameter = SUIT_PARAMETER_URI, .bytes = bytes_of_text("coap://127.0.0.1:7000/d") };
    struct fake *fake = *state;
    struct suit_manifest manifest;
    struct plan inner, outer;
    struct bytes dependency;

    fake_boot(fake, "tinypart", true);
    plan_begin(&inner, 1, IMAGE(temp_sens));
    fetch_into(&inner.install, 1, "coap://127.0.0.1:7000/i");
    dependency = plan_end(fake, &inner, inner_room, sizeof(inner_room));
    assert_int_equal(suit_manifest_parse(dependency, SUIT_37, &fake->fleet.crypto, &manifest), 0);
    memcpy(digest, manifest.manifest_digest, DIGEST_SIZE);

    plan_begin(&outer, 5, IMAGE(temp_sens));
    outer.has_resolution = true;
    set(&outer.resolution, 3, &named);
    suit_script_parameters(&outer.resolution, SUIT_DIRECTIVE_OVERRIDE, &at, 1);
    suit_script_command(&outer.resolution, SUIT_DIRECTIVE_FETCH, 2);
    suit_script_command(&outer.resolution, SUIT_CONDITION_DEPENDENCY_INTEGRITY, 15);
    set(&outer.install, 3, &named);
    suit_script_command(&outer.install, SUIT_DIRECTIVE_PROCESS_DEPENDENCY, 0);
    fake_serve(fake, "d", dependency);
    update(fake, plan_end(fake, &outer, outer_room, sizeof(outer_room)), IMAGE(temp_sens));
    assert_int_equal(fake_events(fake, EVENT_INSTALLED), 1);
    assert_int_equal(fake->device.sequence, 5);
    assert_string_equal(answer(fake, '1'), "27.18");
}

static void waits_until_the_time_comes(void **state)
{
    static uint8_t envelope[4096], wait[16];
    struct cbor_writer writer = cbor_writer_on(wait, sizeof(wait));
    struct fake *fake = *state;
    struct plan plan;

    fake_boot(fake, "tinypart", true);
    cbor_write_map(&writer, 1);
    cbor_write_uint(&writer, 5); /* time */
    cbor_write_uint(&writer, (uint64_t)(device_unix_ms(&fake->device) / 1000 + 3600));
    plan_begin(&plan, 1, IMAGE(temp_sens));
    const struct suit_value info = { .parameter = SUIT_PARAMETER_WAIT_INFO, .bytes = bytes_view(wait, writer.size) };
    set(&plan.install, 0, &info);
    suit_script_command(&plan.install, SUIT_DIRECTIVE_WAIT, 2);
    fetch_into(&plan.install, 0, "coap://127.0.0.1:7000/i");
    update(fake, plan_end(fake, &plan, envelope, sizeof(envelope)), IMAGE(temp_sens));
    fake_run(fake, 3500000);
    assert_int_equal(fake_count(fake, "i"), 0);
    fake_run(fake, 200000);
    assert_int_equal(fake_events(fake, EVENT_INSTALLED), 1);
    assert_string_equal(answer(fake, '0'), "27.18");
}

static void opens_what_is_encrypted_for_it(void **state)
{
    static uint8_t envelope[4096], header[512], secret[sizeof(temp_sens) + COSE_TAG_SIZE];
    struct fake *fake = *state;
    struct crypto_key *key, *another;
    struct proto_signer public;
    struct cose_stream stream;
    struct plan plan;
    size_t header_size;

    assert_int_equal(crypto_key_generate(KEY_P256, &key), 0);
    assert_int_equal(crypto_key_generate(KEY_P256, &another), 0);
    crypto_key_signer(key, &public);
    const struct cose_recipient to = { .algorithm = COSE_ECDH_ES_A128KW, .key = &public.key };
    const struct cose_encrypt_order order = { .algorithm = COSE_A128GCM,
                                              .recipients = &to,
                                              .recipient_count = 1,
                                              .rules.kdf_other = bytes_of_text(COSE_KDF_SUIT) };
    fake_boot(fake, "tinypart", true);
    assert_int_equal(cose_encrypt_begin(&order, &fake->fleet.random, &fake->fleet.crypto, header, sizeof(header),
                                        &header_size, &stream),
                     0);
    assert_int_equal(cose_encrypt_update(&stream, &fake->fleet.crypto, IMAGE(temp_sens), secret), 0);
    assert_int_equal(cose_encrypt_finish(&stream, secret + sizeof(temp_sens)), COSE_TAG_SIZE);
    for (unsigned i = 0; i < 3; i++) { /* no key, another's, its own */
        const struct suit_value info = { .parameter = SUIT_PARAMETER_ENCRYPTION_INFO,
                                         .bytes = bytes_view(header, header_size) };
        plan_begin(&plan, 1, IMAGE(temp_sens));
        set(&plan.install, 0, &info);
        fetch_into(&plan.install, 0, "coap://127.0.0.1:7000/i");
        if (i > 0)
            assert_int_equal(crypto_key_agreement(i == 1 ? another : key, &fake->fleet.agreement), 0);
        update(fake, plan_end(fake, &plan, envelope, sizeof(envelope)), IMAGE(secret));
        assert_int_equal(fake_events(fake, EVENT_INSTALLED), i == 2 ? 1 : 0);
        assert_true(i == 2 || fake_count(fake, "i") == 0); /* refused before it was fetched */
    }
    assert_string_equal(answer(fake, '0'), "27.18");
    crypto_key_free(key);
    crypto_key_free(another);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fills_several_slots_in_one_step, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(takes_a_dependency_and_what_it_asks_for, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(waits_until_the_time_comes, fake_setup, fake_teardown),
        cmocka_unit_test_setup_teardown(opens_what_is_encrypted_for_it, fake_setup, fake_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
