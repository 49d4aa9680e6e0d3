#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "device_proto/bundle.h"
#include "device_proto/cbor.h"
#include "device_proto/suit_author.h"
#include "tests/unit/device_proto/fixture.h"
#include "tests/unit/device_proto/keys.h"

static const uint8_t container[300] = { 0x72, 0x42, 0x50, 0x46 };

static struct bundle thermo(void)
{
    struct bundle bundle = { .type = BUNDLE_BPF };

    bundle.name = bytes_of_text("thermo");
    bundle.version = bytes_of_text("1.2");
    bundle.sensor = bytes_of_text("temperature");
    bundle.container = bytes_view(container, sizeof(container));
    return bundle;
}

static struct bytes write(const struct bundle *bundle, const struct proto_signer *signer, uint8_t *out, size_t capacity)
{
    size_t size;

    assert_int_equal(bundle_write(bundle, &test_keys()->crypto, signer, out, capacity, &size), 0);
    return bytes_view(out, size);
}

static void keeps_what_was_put_into_it(void **state)
{
    static const enum bundle_type types[] = { BUNDLE_BPF, BUNDLE_WASM, BUNDLE_PYTHON, BUNDLE_NATIVE };
    const struct test_keys *keys = test_keys();
    struct public_key trusted[] = { keys->other.key, keys->p256.key, keys->ed25519.key };
    uint8_t out[sizeof(container) + BUNDLE_OVERHEAD_MAX], digest[DIGEST_SIZE];

    (void)state;
    assert_int_equal(keys->crypto.sha256(NULL, bytes_view(container, sizeof(container)), digest), 0);
    for (size_t i = 0; i < 8; i++) {
        const struct proto_signer *signer = i % 2 == 0 ? &keys->ed25519 : &keys->p256;
        struct bundle bundle = thermo(), read;
        struct bytes encoded;

        bundle.type = types[i / 2];
        if (i >= 4)
            bundle.sensor = bytes_view(NULL, 0);
        encoded = write(&bundle, signer, out, sizeof(out));
        assert_int_equal(cbor_check(encoded, CBOR_CANONICAL), 0);
        assert_int_equal(bundle_verify(encoded, trusted, 3, &keys->crypto, &read), 0);
        assert_true(bytes_equal(read.name, bundle.name) && bytes_equal(read.version, bundle.version));
        assert_true(bytes_equal(read.sensor, bundle.sensor) && bytes_equal(read.container, bundle.container));
        assert_int_equal(read.type, bundle.type);
        assert_memory_equal(read.digest, digest, DIGEST_SIZE);
        assert_ptr_equal(read.signer, &trusted[i % 2 == 0 ? 2 : 1]);
        assert_int_equal(bundle_verify(encoded, trusted, 1, &keys->crypto, &read), BUNDLE_SIGNATURE);
        assert_int_equal(bundle_parse(encoded, &keys->crypto, &read), 0);
        assert_null(read.signer);
    }
}

static void is_a_suit_manifest_for_anyone(void **state)
{
    const struct test_keys *keys = test_keys();
    uint8_t out[sizeof(container) + BUNDLE_OVERHEAD_MAX];
    uint8_t vendor[SUIT_ID_SIZE], class_id[SUIT_ID_SIZE];
    struct bundle bundle = thermo();
    struct bytes encoded = write(&bundle, &keys->ed25519, out, sizeof(out));
    struct suit_manifest manifest;
    char shown[4096];
    size_t size;

    (void)state;
    assert_int_equal(suit_manifest_verify(encoded, SUIT_37, &keys->ed25519.key, 1, &keys->crypto, &manifest), 0);
    assert_int_equal(manifest.runs, 0);
    assert_true(bytes_equal_text(manifest.uri, "#container"));
    assert_true(bytes_equal(suit_integrated_payload(encoded, manifest.uri), bundle.container));
    assert_int_equal(suit_vendor_id(&keys->crypto, bytes_of_text("tinypart.org"), vendor), 0);
    assert_int_equal(suit_class_id(&keys->crypto, vendor, bytes_of_text("bpf"), class_id), 0);
    assert_memory_equal(manifest.vendor_id, vendor, SUIT_ID_SIZE);
    assert_memory_equal(manifest.class_id, class_id, SUIT_ID_SIZE);
    assert_int_equal(cbor_diagnose(manifest.text, CBOR_COMPACT, shown, sizeof(shown), &size), 0);
    assert_string_equal(shown, "{\"en\": {[h'627066', h'746865726d6f']: "
                               "{2: \"thermo\", 6: \"1.2\", -256: \"temperature\"}}}");
}

static void has_the_class_of_each_type(void **state)
{
    static const enum bundle_type types[] = { BUNDLE_BPF, BUNDLE_WASM, BUNDLE_PYTHON, BUNDLE_NATIVE };
    const struct test_keys *keys = test_keys();
    uint8_t out[sizeof(container) + BUNDLE_OVERHEAD_MAX];
    uint8_t vendor[SUIT_ID_SIZE], class_id[SUIT_ID_SIZE];

    (void)state;
    assert_int_equal(suit_vendor_id(&keys->crypto, bytes_of_text("tinypart.org"), vendor), 0);
    for (size_t i = 0; i < 4; i++) {
        struct bytes text = bytes_of_text(bundle_type_text(types[i]));
        struct bundle bundle = thermo();
        struct suit_manifest manifest;

        assert_int_equal(bundle_type_of(text), types[i]);
        bundle.type = types[i];
        assert_int_equal(
            suit_manifest_parse(write(&bundle, &keys->p256, out, sizeof(out)), SUIT_37, &keys->crypto, &manifest), 0);
        assert_int_equal(suit_class_id(&keys->crypto, vendor, text, class_id), 0);
        assert_memory_equal(manifest.class_id, class_id, SUIT_ID_SIZE);
    }
    assert_int_equal(bundle_type_of(bytes_of_text("elf")), 0);
    assert_int_equal(bundle_type_of(bytes_of_text("")), 0);
}

static void refuses_every_changed_byte_and_every_cut(void **state)
{
    const struct test_keys *keys = test_keys();
    uint8_t out[sizeof(container) + BUNDLE_OVERHEAD_MAX];
    struct bundle bundle = thermo(), read;
    struct bytes encoded = write(&bundle, &keys->ed25519, out, sizeof(out));
    int r;

    (void)state;
    for (size_t i = 0; i < encoded.size; i++) {
        out[i] ^= 1;
        r = bundle_verify(encoded, &keys->ed25519.key, 1, &keys->crypto, &read);
        out[i] ^= 1;
        assert_true(r > 0);
        assert_true(bundle_verify(bytes_view(out, i), &keys->ed25519.key, 1, &keys->crypto, &read) > 0);
    }
    out[encoded.size - 1] ^= 1;
    assert_int_equal(bundle_verify(encoded, &keys->ed25519.key, 1, &keys->crypto, &read), BUNDLE_DIGEST);
    assert_int_equal(bundle_parse(encoded, &keys->crypto, &read), BUNDLE_DIGEST);
}

/* What rides along unsigned is refused, even where SUIT would allow it. */
static void carries_nothing_else(void **state)
{
    const struct test_keys *keys = test_keys();
    uint8_t out[sizeof(container) + BUNDLE_OVERHEAD_MAX + 8];
    struct bundle bundle = thermo(), read;
    struct bytes encoded = write(&bundle, &keys->ed25519, out, sizeof(out) - 8);

    (void)state;
    assert_int_equal(out[2], 0xa4);
    out[2] = 0xa5;
    memcpy(out + encoded.size, "\x61x\x41y", 4);
    encoded.size += 4;
    assert_int_equal(bundle_verify(encoded, &keys->ed25519.key, 1, &keys->crypto, &read), BUNDLE_STRUCTURE);
}

/* A text inside of the manifest leaves room for a fourth member that nobody signed. */
static void takes_no_second_payload_in_the_texts_place(void **state)
{
    const struct test_keys *keys = test_keys();
    struct bundle bundle = thermo(), read;
    uint8_t first[sizeof(container) + BUNDLE_OVERHEAD_MAX], out[sizeof(first) + 64];
    struct bytes encoded = write(&bundle, &keys->ed25519, first, sizeof(first));
    struct cbor_reader reader = cbor_reader_on(encoded, CBOR_LENIENT);
    const uint8_t *text, *payload;
    size_t head, tail;

    (void)state;
    cbor_read_tag(&reader);
    cbor_read_map(&reader);
    for (int i = 0; i < 4; i++) /* authentication and manifest */
        cbor_skip(&reader);
    text = reader.at;
    cbor_skip(&reader);
    cbor_skip(&reader);
    payload = reader.at;
    head = (size_t)(text - first);
    tail = encoded.size - (size_t)(payload - first);
    memcpy(out, first, head);
    memcpy(out + head, payload, tail);
    memcpy(out + head + tail, "\x61x\x41y", 4);
    assert_int_equal(bundle_verify(bytes_view(out, head + tail + 4), &keys->ed25519.key, 1, &keys->crypto, &read),
                     BUNDLE_STRUCTURE);
}

static void is_not_just_any_manifest(void **state)
{
    const struct test_keys *keys = test_keys();
    struct suit_order order = { .dialect = SUIT_37, .sequence = 1, .size = 5 };
    uint8_t out[SUIT_ORDER_SIZE_MAX];
    struct bundle read;
    size_t size;

    (void)state;
    order.component.count = 2;
    order.component.parts[0] = bytes_of_text("bpf");
    order.component.parts[1] = bytes_of_text("thermo");
    order.uri = bytes_of_text("#container");
    assert_int_equal(suit_manifest_write(&order, &keys->crypto, &keys->ed25519, out, sizeof(out), &size), 0);
    assert_int_equal(bundle_verify(bytes_view(out, size), &keys->ed25519.key, 1, &keys->crypto, &read),
                     BUNDLE_STRUCTURE);
    assert_int_equal(bundle_verify(bytes_of_text("nonsense"), &keys->ed25519.key, 1, &keys->crypto, &read),
                     BUNDLE_STRUCTURE);
}

static void names_follow_their_grammar(void **state)
{
    static const char *const good[] = { "a", "thermo", "a.b-c", "0", "x86-64.v2" };
    static const char *const bad[] = { "", "-a", "a-", ".a", "a.", "A", "a_b", "a b", "a/b", "\xc3\xa4" };
    static char long_name[BUNDLE_NAME_MAX + 2];
    const struct test_keys *keys = test_keys();
    uint8_t out[sizeof(container) + BUNDLE_OVERHEAD_MAX];
    struct bundle bundle;
    size_t size;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(bundle_name_valid(bytes_of_text(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(bundle_name_valid(bytes_of_text(bad[i])));
        bundle = thermo();
        bundle.name = bytes_of_text(bad[i]);
        assert_int_equal(bundle_write(&bundle, &keys->crypto, &keys->ed25519, out, sizeof(out), &size), BUNDLE_NAME);
    }
    assert_false(bundle_name_valid(bytes_view("a\0b", 3)));
    memset(long_name, 'a', BUNDLE_NAME_MAX + 1);
    assert_false(bundle_name_valid(bytes_of_text(long_name)));
    assert_true(bundle_name_valid(bytes_of_text(long_name + 1)));
    assert_true(bundle_sensor_valid(bytes_of_text("")) && bundle_sensor_valid(bytes_of_text("air_temp.1")));
    assert_false(bundle_sensor_valid(bytes_of_text("_x")));
    assert_true(bundle_version_valid(bytes_of_text("1.2.3-rc1+build")));
    assert_false(bundle_version_valid(bytes_of_text("1 2")) || bundle_version_valid(bytes_of_text("")));
    assert_false(bundle_version_valid(bytes_of_text("123456789012345678901234567890123")));
}

/* The longest of everything keeps the stated overhead. */
static void keeps_its_bounds(void **state)
{
    const struct test_keys *keys = test_keys();
    uint8_t out[sizeof(container) + BUNDLE_OVERHEAD_MAX];
    static char word[BUNDLE_NAME_MAX + 1];
    struct bundle bundle = thermo(), read;
    struct bytes encoded;
    size_t size;

    (void)state;
    memset(word, 'w', BUNDLE_NAME_MAX);
    bundle.name = bundle.sensor = bytes_of_text(word);
    bundle.version = bytes_view(word, BUNDLE_VERSION_MAX);
    bundle.type = BUNDLE_PYTHON;
    encoded = write(&bundle, &keys->p256, out, sizeof(out));
    assert_int_equal(bundle_verify(encoded, &keys->p256.key, 1, &keys->crypto, &read), 0);
    assert_int_equal(bundle_write(&bundle, &keys->crypto, &keys->p256, out, encoded.size - 1, &size), BUNDLE_NO_ROOM);
    bundle.container.size = 0;
    assert_int_equal(bundle_write(&bundle, &keys->crypto, &keys->p256, out, sizeof(out), &size), BUNDLE_NO_ROOM);
    bundle.container.size = BUNDLE_CONTAINER_MAX + 1;
    assert_int_equal(bundle_write(&bundle, &keys->crypto, &keys->p256, out, sizeof(out), &size), BUNDLE_NO_ROOM);
    bundle = thermo();
    bundle.type = (enum bundle_type)9;
    assert_int_equal(bundle_write(&bundle, &keys->crypto, &keys->p256, out, sizeof(out), &size), BUNDLE_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_was_put_into_it), cmocka_unit_test(is_a_suit_manifest_for_anyone),
        cmocka_unit_test(has_the_class_of_each_type), cmocka_unit_test(refuses_every_changed_byte_and_every_cut),
        cmocka_unit_test(carries_nothing_else),       cmocka_unit_test(takes_no_second_payload_in_the_texts_place),
        cmocka_unit_test(is_not_just_any_manifest),   cmocka_unit_test(names_follow_their_grammar),
        cmocka_unit_test(keeps_its_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
