#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "device_proto/cbor.h"
#include "device_proto/suit_author.h"
#include "tests/unit/device_proto/fixture.h"
#include "tests/unit/device_proto/keys.h"

/* A manifest that a real device took (its key's private half is not ours). */
static const char accepted[] =
    "a202587281586fd28443a10127a058248202582098af7e377cc5b221f1f8f4e52d137acacf9a74299a4be5a76905ba954dac5f5558"
    "4036acdc93817403af77041f614b089a42f9a2249d55730f1be1d819b85955cfcbb1051c82c9915eaac5d393a21c293fb6339217f6"
    "cb8db507c11bf32338e3200203589ca501010201035862a20281824372616d41300458558614a40150547d0d746d3a5a9296624881"
    "afd9407b0250bcc90984fe7d562bb4c9a24f26a3a9cd035824820258208b100da7b99343889967b66f3e370055aa5cdc70cad72e0a"
    "d854369f5ea55f220e18b2010f020f09582a8613a1157820636f61703a2f2f5b666430303a313a3a315d2f74656d705f73656e732e"
    "62696e1502030f0a4382030f";
static const char accepted_key[] = "729fd338f6785a1ff8b1c648d55058a9f62a226fd4c4024ad506f3f6cc49dc32";
static const char accepted_digest[] = "8b100da7b99343889967b66f3e370055aa5cdc70cad72e0ad854369f5ea55f22";

static struct suit_order accepted_order(void)
{
    struct suit_order order = { .dialect = SUIT_RIOT, .sequence = 1, .size = 178 };

    assert_int_equal(suit_vendor_id(&test_keys()->crypto, bytes_of_text("riot-os.org"), order.vendor_id), 0);
    assert_int_equal(suit_class_id(&test_keys()->crypto, order.vendor_id, bytes_of_text("native"), order.class_id), 0);
    order.component.count = 2;
    order.component.parts[0] = bytes_of_text("ram");
    order.component.parts[1] = bytes_of_text("0");
    fixture_hex(accepted_digest, order.digest, DIGEST_SIZE);
    order.uri = bytes_of_text("coap://[fd00:1::1]/temp_sens.bin");
    return order;
}

static struct public_key accepted_public_key(void)
{
    struct public_key key = { .type = KEY_ED25519, .size = 32 };

    fixture_hex(accepted_key, key.raw, 32);
    return key;
}

/* A device of the class "native" with the slots ram/0 and ram/1. */
static const struct suit_place places[] = {
    { .component = { 2, { { (const uint8_t *)"ram", 3 }, { (const uint8_t *)"0", 1 } } }, .slot = 0x1000 },
    { .component = { 2, { { (const uint8_t *)"ram", 3 }, { (const uint8_t *)"1", 1 } } }, .slot = 0x2000 },
};

static struct suit_device native_device(uint64_t sequence)
{
    struct suit_order order = accepted_order();
    struct suit_device device = { .sequence = sequence, .places = places, .place_count = 2 };

    memcpy(device.vendor_id, order.vendor_id, SUIT_ID_SIZE);
    memcpy(device.class_id, order.class_id, SUIT_ID_SIZE);
    return device;
}

/* What a run did to the device. */
struct bench {
    struct bytes payloads[2]; /* what a fetch into the place brings */
    struct bytes held[2];
    unsigned fetches;
    unsigned matches;
    int fetch_refusal;
};

static int bench_fetch(void *context, const struct suit_transfer *transfer)
{
    struct bench *bench = context;
    size_t place = transfer->place;

    assert_true(transfer->uri.size > 0 && transfer->payload.size == 0);
    bench->fetches++;
    if (bench->fetch_refusal != 0)
        return bench->fetch_refusal;
    if (bench->payloads[place].size > transfer->size)
        return SUIT_REFUSED_STORAGE;
    bench->held[place] = bench->payloads[place];
    return 0;
}

static int bench_match(void *context, size_t place, const uint8_t digest[DIGEST_SIZE], uint64_t size)
{
    struct bench *bench = context;
    uint8_t actual[DIGEST_SIZE];

    bench->matches++;
    assert_int_equal(test_keys()->crypto.sha256(NULL, bench->held[place], actual), 0);
    return bench->held[place].size == size && memcmp(actual, digest, DIGEST_SIZE) == 0 ? 0 : SUIT_REFUSED_DIGEST;
}

static struct suit_actions bench_actions(struct bench *bench)
{
    struct suit_actions actions = { .context = bench, .fetch = bench_fetch, .image_match = bench_match };

    return actions;
}

static void knows_the_vendor_and_the_classes_of_riot(void **state)
{
    static const struct {
        const char *name;
        const char *id;
    } classes[] = {
        { "native", "bcc90984fe7d562bb4c9a24f26a3a9cd" },
        { "native64", "9251dc23fd9d503f94c4bfb95f3167b1" },
        { "native32", "0ffca4c1b94a5018be657c6d63e56021" },
    };
    const struct proto_crypto *crypto = &test_keys()->crypto;
    uint8_t vendor[SUIT_ID_SIZE], id[SUIT_ID_SIZE], expected[SUIT_ID_SIZE];
    static const char long_name[256];

    (void)state;
    assert_int_equal(suit_vendor_id(crypto, bytes_of_text("riot-os.org"), vendor), 0);
    fixture_hex("547d0d746d3a5a9296624881afd9407b", expected, SUIT_ID_SIZE);
    assert_memory_equal(vendor, expected, SUIT_ID_SIZE);
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        assert_int_equal(suit_class_id(crypto, vendor, bytes_of_text(classes[i].name), id), 0);
        fixture_hex(classes[i].id, expected, SUIT_ID_SIZE);
        assert_memory_equal(id, expected, SUIT_ID_SIZE);
    }
    assert_int_equal(suit_vendor_id(crypto, bytes_view(long_name, sizeof(long_name)), vendor), SUIT_REFUSED_ROOM);
}

static void writes_the_very_bytes_that_a_device_took(void **state)
{
    const struct proto_crypto *crypto = &test_keys()->crypto;
    struct public_key key = accepted_public_key();
    struct suit_order order = accepted_order();
    uint8_t expected[512], out[SUIT_ORDER_SIZE_MAX], to_be_signed[SUIT_TO_BE_SIGNED_MAX];
    struct bytes want = fixture_hex(accepted, expected, sizeof(expected));
    struct bytes signature = bytes_view(expected + 54, 64);
    size_t size;

    (void)state;
    assert_int_equal(want.size, 277);
    assert_int_equal(
        suit_manifest_to_be_signed(&order, KEY_ED25519, crypto, to_be_signed, SUIT_TO_BE_SIGNED_MAX, &size), 0);
    assert_int_equal(crypto->verify(NULL, &key, bytes_view(to_be_signed, size), signature), 0);
    assert_int_equal(suit_manifest_assemble(&order, KEY_ED25519, crypto, signature, out, sizeof(out), &size), 0);
    assert_true(bytes_equal(bytes_view(out, size), want));
}

static void reads_what_a_device_took(void **state)
{
    struct public_key keys[] = { test_keys()->other.key, test_keys()->p256.key, accepted_public_key() };
    struct suit_order order = accepted_order();
    struct suit_device device = native_device(0);
    struct suit_manifest manifest;
    uint8_t raw[512];
    struct bytes envelope = fixture_hex(accepted, raw, sizeof(raw));

    (void)state;
    assert_int_equal(suit_manifest_verify(envelope, SUIT_RIOT, keys, 3, &test_keys()->crypto, &manifest), 0);
    assert_int_equal(manifest.signer, 2);
    assert_int_equal(manifest.sequence, 1);
    assert_int_equal(manifest.component_count, 1);
    assert_true(suit_component_equal(&manifest.components[0], &order.component));
    assert_true(manifest.has_vendor_id && manifest.has_class_id && manifest.has_digest && manifest.has_size);
    assert_memory_equal(manifest.vendor_id, order.vendor_id, SUIT_ID_SIZE);
    assert_memory_equal(manifest.class_id, order.class_id, SUIT_ID_SIZE);
    assert_memory_equal(manifest.digest, order.digest, DIGEST_SIZE);
    assert_int_equal(manifest.size, 178);
    assert_true(bytes_equal(manifest.uri, order.uri));
    assert_int_equal(manifest.runs, 0);
    assert_int_equal(suit_manifest_accepts(&manifest, &device, NULL), 0);
    device.sequence = 1;
    assert_int_equal(suit_manifest_accepts(&manifest, &device, NULL), SUIT_REFUSED_SEQUENCE);
    assert_int_equal(suit_manifest_verify(envelope, SUIT_RIOT, keys, 2, &test_keys()->crypto, &manifest),
                     SUIT_REFUSED_SIGNATURE);
    assert_int_equal(suit_manifest_verify(envelope, SUIT_RIOT, NULL, 0, &test_keys()->crypto, &manifest),
                     SUIT_REFUSED_SIGNATURE);
    assert_int_equal(suit_manifest_parse(envelope, SUIT_RIOT, &test_keys()->crypto, &manifest), 0);
    assert_int_equal(suit_manifest_verify(envelope, SUIT_37, keys, 3, &test_keys()->crypto, &manifest),
                     SUIT_REFUSED_SIGNATURE);
}

static void refuses_every_changed_bit(void **state)
{
    struct public_key key = accepted_public_key();
    struct suit_manifest manifest;
    uint8_t raw[512];
    struct bytes envelope = fixture_hex(accepted, raw, sizeof(raw));
    unsigned kept = 0;

    (void)state;
    for (size_t bit = 0; bit < 8 * envelope.size; bit++) {
        raw[bit / 8] = (uint8_t)(raw[bit / 8] ^ 1 << bit % 8);
        kept += suit_manifest_verify(envelope, SUIT_RIOT, &key, 1, &test_keys()->crypto, &manifest) == 0;
        raw[bit / 8] = (uint8_t)(raw[bit / 8] ^ 1 << bit % 8);
    }
    assert_int_equal(kept, 0);
    for (size_t size = 0; size < envelope.size; size++)
        assert_int_not_equal(
            suit_manifest_verify(bytes_view(raw, size), SUIT_RIOT, &key, 1, &test_keys()->crypto, &manifest), 0);
}

static void keeps_an_order_within_what_devices_take(void **state)
{
    const struct test_keys *keys = test_keys();
    uint8_t out[SUIT_ORDER_SIZE_MAX];
    static char long_uri[SUIT_URI_SIZE_MAX + 2];
    struct suit_order order = accepted_order();
    size_t size;

    (void)state;
    assert_int_equal(suit_manifest_write(&order, &keys->crypto, &keys->p256, out, sizeof(out), &size),
                     SUIT_REFUSED_UNSUPPORTED);
    assert_int_equal(suit_manifest_write(&order, &keys->crypto, &keys->ed25519, out, 276, &size), SUIT_REFUSED_ROOM);
    order.sequence = (uint64_t)UINT32_MAX + 1;
    assert_int_equal(suit_manifest_write(&order, &keys->crypto, &keys->ed25519, out, sizeof(out), &size),
                     SUIT_REFUSED_ROOM);
    order = accepted_order();
    order.reference_uri = order.uri;
    assert_int_equal(suit_manifest_write(&order, &keys->crypto, &keys->ed25519, out, sizeof(out), &size),
                     SUIT_REFUSED_UNSUPPORTED);
    order = accepted_order();
    order.uri = bytes_of_text("coap://a b");
    assert_int_equal(suit_manifest_write(&order, &keys->crypto, &keys->ed25519, out, sizeof(out), &size),
                     SUIT_REFUSED_STRUCTURE);
    memset(long_uri, 'x', sizeof(long_uri) - 1);
    order.uri = bytes_of_text(long_uri);
    assert_int_equal(suit_manifest_write(&order, &keys->crypto, &keys->ed25519, out, sizeof(out), &size),
                     SUIT_REFUSED_ROOM);
    order = accepted_order();
    order.component.count = 0;
    assert_int_equal(suit_manifest_write(&order, &keys->crypto, &keys->ed25519, out, sizeof(out), &size),
                     SUIT_REFUSED_STRUCTURE);
}

/* Writes the accepted order with our own key and gives the verified manifest of it. */
static struct suit_manifest own_manifest(uint8_t out[SUIT_ORDER_SIZE_MAX], const struct suit_order *order)
{
    const struct test_keys *keys = test_keys();
    struct suit_manifest manifest;
    size_t size;

    assert_int_equal(suit_manifest_write(order, &keys->crypto, &keys->ed25519, out, SUIT_ORDER_SIZE_MAX, &size), 0);
    assert_int_equal(
        suit_manifest_verify(bytes_view(out, size), SUIT_RIOT, &keys->ed25519.key, 1, &keys->crypto, &manifest), 0);
    return manifest;
}

static void fetches_matches_and_is_told_apart_by_reason(void **state)
{
    static const uint8_t image[100], longer[101];
    struct suit_order order = accepted_order();
    struct suit_device device = native_device(0);
    struct bench bench = { .payloads = { { image, 100 }, { NULL, 0 } } };
    struct suit_actions actions = bench_actions(&bench);
    uint8_t out[SUIT_ORDER_SIZE_MAX];
    struct suit_manifest manifest;
    struct suit_where where;

    (void)state;
    order.size = 100;
    assert_int_equal(test_keys()->crypto.sha256(NULL, bench.payloads[0], order.digest), 0);
    manifest = own_manifest(out, &order);
    assert_int_equal(suit_manifest_run(&manifest, &device, &actions, &where), 0);
    assert_int_equal(bench.fetches, 1);
    assert_int_equal(bench.matches, 2); /* install and validate */

    bench.payloads[0].size = 99;
    assert_int_equal(suit_manifest_run(&manifest, &device, &actions, &where), SUIT_REFUSED_DIGEST);
    assert_int_equal(where.section, SUIT_SECTION_INSTALL);
    assert_int_equal(where.command, 3);
    bench.payloads[0] = bytes_view(longer, 101);
    assert_int_equal(suit_manifest_run(&manifest, &device, &actions, &where), SUIT_REFUSED_STORAGE);
    bench.fetch_refusal = SUIT_REFUSED_FETCH;
    assert_int_equal(suit_manifest_run(&manifest, &device, &actions, &where), SUIT_REFUSED_FETCH);
    assert_int_equal(where.command, 21);
    bench.fetch_refusal = -5;
    assert_int_equal(suit_manifest_run(&manifest, &device, &actions, &where), -5);

    bench.fetches = 0;
    device.class_id[0] ^= 1;
    assert_int_equal(suit_manifest_run(&manifest, &device, &actions, &where), SUIT_REFUSED_CONDITION);
    assert_string_equal(where.what, "class identifier is another one");
    device.vendor_id[0] ^= 1;
    assert_int_equal(suit_manifest_run(&manifest, &device, &actions, &where), SUIT_REFUSED_CONDITION);
    assert_string_equal(where.what, "vendor identifier is another one");
    device = native_device(0);
    device.places = &places[1];
    device.place_count = 1;
    assert_int_equal(suit_manifest_run(&manifest, &device, &actions, &where), SUIT_REFUSED_COMPONENT);
    assert_int_equal(bench.fetches, 0);
}

/* ---- what real devices take and refuse ---- */

/* Where we say something else than the C code of RIOT, and why. */
static const struct {
    const char *name;
    int ours; /* RIOT's code for our refusal */
    const char *why;
} differences[] = {
    { "image digest alg 1..other(3)", -2, "the device takes SHA-256 for whatever the number says" },
    { "protected alg -7 lied", -6, "the device verifies Ed25519 under the name of ES256" },
    { "COSE_Sign (98)", -1, "only COSE_Sign1 is emitted, so only that is taken" },
    { "set-component-index true", -1, "the device crashes" },
    { "components empty list", -1, "the device crashes" },
    { "comp id 4x10 chars (>31)", -2, "our device has no such place; a real one has no room for the name" },
};

static int expected_code(json_t *vector)
{
    const char *name = json_string_value(json_object_get(vector, "name"));

    for (size_t i = 0; i < sizeof(differences) / sizeof(differences[0]); i++) {
        if (strcmp(name, differences[i].name) == 0) {
            print_message("%s: we say %d: %s\n", name, differences[i].ours, differences[i].why);
            return differences[i].ours;
        }
    }
    return (int)json_integer_value(json_object_get(vector, "suit_parse"));
}

static void agrees_with_the_parser_of_riot(void **state)
{
    json_t *file = fixture_vector_json("suit-riot-dialect/riot_accept_reject.json");
    const struct test_keys *keys = test_keys();
    static uint8_t payload[256];
    struct bytes image;
    json_t *vector;
    size_t i;

    (void)state;
    if (file == NULL)
        return;
    image = fixture_hex(json_string_value(json_object_get(file, "payload")), payload, sizeof(payload));
    assert_int_equal(json_array_size(json_object_get(file, "vectors")), 58);
    json_array_foreach(json_object_get(file, "vectors"), i, vector)
    {
        uint8_t raw[1024];
        struct bytes envelope = fixture_hex(json_string_value(json_object_get(vector, "manifest")), raw, sizeof(raw));
        struct suit_device device =
            native_device((uint64_t)json_integer_value(json_object_get(vector, "stored_seq_before")));
        struct bench bench = { .payloads = { image, image } };
        struct suit_actions actions = bench_actions(&bench);
        struct suit_manifest manifest;
        int expected = expected_code(vector);
        int r = suit_manifest_verify(envelope, SUIT_RIOT, &keys->ed25519.key, 1, &keys->crypto, &manifest);

        if (r == 0)
            r = suit_manifest_run(&manifest, &device, &actions, &manifest.where);
        if (suit_refusal_riot_code(r) != expected)
            print_message("%s: %d, not %d: %s\n", json_string_value(json_object_get(vector, "name")), r, expected,
                          manifest.where.what);
        assert_int_equal(suit_refusal_riot_code(r), expected);
        /* What is refused has fetched nothing. A device of RIOT finds some of it out too late: */
        if (json_integer_value(json_object_get(vector, "suit_parse")) < 0 &&
            json_is_true(json_object_get(vector, "installed")))
            print_message("%s: the device keeps what it then refuses\n",
                          json_string_value(json_object_get(vector, "name")));
        assert_int_equal(bench.fetches, r == 0 ? 1 : 0);
    }
    json_decref(file);
}

/* RIOT's own tool: one component, two slots told apart by offset, two components. */
static void runs_what_the_tool_of_riot_makes(void **state)
{
    static const struct {
        const char *file;
        unsigned fetches;
        bool known; /* our device has the components */
    } cases[] = {
        { "suit-riot-dialect/riot_suit_tool_one.signed.hex", 1, true },
        { "suit-riot-dialect/riot_suit_tool_slots.signed.hex", 0, false },
        { "suit-riot-dialect/riot_suit_tool_two.signed.hex", 2, true },
    };
    const struct test_keys *keys = test_keys();

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t text[4096], raw[1024], payload_text[1024], payload[512], payload_b[512];
        struct suit_device device = native_device(1);
        struct suit_manifest manifest;
        struct suit_actions actions;
        struct bench bench = { 0 };
        struct bytes file;
        int r;

        if (!fixture_vector(cases[i].file, text, sizeof(text), &file))
            return;
        text[file.size] = '\0';
        assert_int_equal(suit_manifest_verify(fixture_hex((const char *)text, raw, sizeof(raw)), SUIT_RIOT,
                                              &keys->ed25519.key, 1, &keys->crypto, &manifest),
                         0);
        assert_int_equal(manifest.runs, 0);
        assert_true(fixture_vector("suit-riot-dialect/payload.hex", payload_text, sizeof(payload_text), &file));
        payload_text[file.size] = '\0';
        bench.payloads[0] = fixture_hex((const char *)payload_text, payload, sizeof(payload));
        assert_true(fixture_vector("suit-riot-dialect/payload_b.hex", payload_text, sizeof(payload_text), &file));
        payload_text[file.size] = '\0';
        bench.payloads[1] = fixture_hex((const char *)payload_text, payload_b, sizeof(payload_b));
        actions = bench_actions(&bench);
        r = suit_manifest_run(&manifest, &device, &actions, NULL);
        assert_int_equal(r, cases[i].known ? 0 : SUIT_REFUSED_COMPONENT);
        assert_int_equal(bench.fetches, cases[i].fetches);
    }
}

/* The same two-slot manifest on a device that has its component, at either offset. */
static void picks_the_branch_of_its_slot(void **state)
{
    static const struct suit_place at[] = {
        { .component = { 1, { { (const uint8_t *)"\0", 1 } } }, .slot = 0x1000 },
        { .component = { 1, { { (const uint8_t *)"\0", 1 } } }, .slot = 0x2000 },
        { .component = { 1, { { (const uint8_t *)"\0", 1 } } }, .slot = 0x3000 },
    };
    uint8_t text[4096], raw[1024];
    struct suit_device device = native_device(1);
    struct suit_manifest manifest;
    struct bytes file;

    (void)state;
    if (!fixture_vector("suit-riot-dialect/riot_suit_tool_slots.signed.hex", text, sizeof(text), &file))
        return;
    text[file.size] = '\0';
    assert_int_equal(suit_manifest_verify(fixture_hex((const char *)text, raw, sizeof(raw)), SUIT_RIOT,
                                          &test_keys()->ed25519.key, 1, &test_keys()->crypto, &manifest),
                     0);
    device.place_count = 1;
    for (size_t i = 0; i < 3; i++) {
        device.places = &at[i];
        assert_int_equal(suit_manifest_accepts(&manifest, &device, NULL), i < 2 ? 0 : SUIT_REFUSED_CONDITION);
    }
}

/* The manifest of RIOT's own tool is what we write for the same order. */
static void writes_what_the_tool_of_riot_writes(void **state)
{
    const struct test_keys *keys = test_keys();
    uint8_t text[4096], expected[1024], out[SUIT_ORDER_SIZE_MAX], payload_text[1024], payload[512];
    struct suit_order order = accepted_order();
    struct bytes file, image;
    size_t size;

    (void)state;
    if (!fixture_vector("suit-riot-dialect/riot_suit_tool_one.signed.hex", text, sizeof(text), &file))
        return;
    text[file.size] = '\0';
    assert_true(fixture_vector("suit-riot-dialect/payload.hex", payload_text, sizeof(payload_text), &image));
    payload_text[image.size] = '\0';
    image = fixture_hex((const char *)payload_text, payload, sizeof(payload));
    order.sequence = 5;
    order.size = image.size;
    order.uri = bytes_of_text("test://host/fc/payload.bin");
    assert_int_equal(keys->crypto.sha256(NULL, image, order.digest), 0);
    assert_int_equal(suit_manifest_write(&order, &keys->crypto, &keys->ed25519, out, sizeof(out), &size), 0);
    assert_true(bytes_equal(bytes_view(out, size), fixture_hex((const char *)text, expected, sizeof(expected))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_the_vendor_and_the_classes_of_riot),
        cmocka_unit_test(writes_the_very_bytes_that_a_device_took),
        cmocka_unit_test(reads_what_a_device_took),
        cmocka_unit_test(refuses_every_changed_bit),
        cmocka_unit_test(keeps_an_order_within_what_devices_take),
        cmocka_unit_test(fetches_matches_and_is_told_apart_by_reason),
        cmocka_unit_test(agrees_with_the_parser_of_riot),
        cmocka_unit_test(runs_what_the_tool_of_riot_makes),
        cmocka_unit_test(picks_the_branch_of_its_slot),
        cmocka_unit_test(writes_what_the_tool_of_riot_writes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
