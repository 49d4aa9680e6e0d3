#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "device_proto/cbor.h"
#include "device_proto/suit_author.h"
#include "tests/unit/device_proto/fixture.h"
#include "tests/unit/device_proto/keys.h"
#include "tests/unit/device_proto/suit_bench.h"

/* Example 1 of draft-ietf-suit-manifest-37, signed: one component, fetch, image match. */
static const char example1[] =
    "d86ba2025873825824822f58201f2e7acca0dc2786f2fe4eb947f50873a6a3cfaa98866c5b02e621f42074daf2584ad28443a10126a0"
    "f6584027a3d7986eddcc1bee04e1436746408c308ed3c15ac590a1ca0cf96f85671ccac216cb9a1497fc59e21c15f33c95cf75203e25"
    "c287b31a57d6cd2ef950b27a7a035894a50101020103585fa202818141000458568614a40150fa6b4a53d5ad5fdfbe9de663e4d41ffe"
    "02501492af1425695e48bf429b2d51f2ab45035824822f582000112233445566778899aabbccddeeff0123456789abcdeffedcba9876"
    "543210"
    "0e1987d0010f020f074382030f1458258614a115781b687474703a2f2f6578616d706c652e636f6d2f66696c652e62696e1502030f";

static const struct suit_place places[] = {
    { .component = { 1, { { (const uint8_t *)"\x00", 1 } } }, .slot = 0 },
    { .component = { 1, { { (const uint8_t *)"\x01", 1 } } }, .slot = 1 },
    { .component = { 1, { { (const uint8_t *)"\x02", 1 } } }, .slot = 2 },
};

/* The device that the draft's examples are for. */
static struct suit_device example_device(void)
{
    struct suit_device device = { .places = places, .place_count = 3 };

    fixture_hex("fa6b4a53d5ad5fdfbe9de663e4d41ffe", device.vendor_id, SUIT_ID_SIZE);
    fixture_hex("1492af1425695e48bf429b2d51f2ab45", device.class_id, SUIT_ID_SIZE);
    return device;
}

static int verify(struct bytes envelope, struct suit_manifest *out)
{
    struct public_key keys[] = { test_keys()->ed25519.key, test_keys()->p256.key };

    return suit_manifest_verify(envelope, SUIT_37, keys, 2, &test_keys()->crypto, out);
}

static void takes_the_first_example_of_the_draft(void **state)
{
    struct suit_device device = example_device();
    static struct suit_bench bench;
    struct suit_manifest manifest;
    uint8_t raw[512];
    struct bytes envelope = fixture_hex(example1, raw, sizeof(raw));

    (void)state;
    suit_bench_init(&bench);
    assert_int_equal(envelope.size, 272);
    assert_int_equal(verify(envelope, &manifest), 0);
    assert_int_equal(manifest.signer, 1);
    assert_int_equal(manifest.sequence, 1);
    assert_int_equal(manifest.size, 34768);
    assert_true(bytes_equal_text(manifest.uri, "http://example.com/file.bin"));
    assert_int_equal(manifest.manifest_digest[0], 0x1f);
    assert_int_equal(suit_manifest_run(&manifest, &device, &bench.actions, NULL), 0);
    assert_string_equal(bench.log, "fetch 0 http://example.com/file.bin; match 0 11 34768; match 0 11 34768; ");
    raw[60] ^= 1;
    assert_int_equal(verify(envelope, &manifest), SUIT_REFUSED_SIGNATURE);
    raw[60] ^= 1;
    raw[envelope.size - 8] ^= 1;
    assert_int_equal(verify(envelope, &manifest), SUIT_REFUSED_DIGEST);
}

static void runs_the_official_examples(void **state)
{
    static const struct {
        const char *file;
        int result;
        const char *did; /* or why it does not run */
    } cases[] = {
        /* the first match is the rehearsal's: nothing writes to what is asked about */
        { "example0.1", 0, "match 0 11 34768; match 0 11 34768; invoke 0; " },
        { "example1.1", 0, "fetch 0 http://example.com/file.bin; match 0 11 34768; match 0 11 34768; " },
        { "example2.1", SUIT_REFUSED_UNSUPPORTED, "severed member is missing" },
        { "example2.2", 0,
          "fetch 0 http://example.com/very/long/path/to/file/file.bin; match 0 11 34768; match 0 11 34768; invoke "
          "0; " },
        { "example3.1", 0, "fetch 0 http://example.com/file1.bin; match 0 11 34768; match 0 11 34768; " },
        { "example4.1", 0,
          "fetch 2 http://example.com/file.bin; match 2 11; copy 0 from 2; match 0 11 34768; match 0 11 34768; "
          "copy 1 from 0; match 1 23 76834; invoke 1; " },
        { "example5.1", 0,
          "fetch 0 http://example.com/file1.bin; match 0 11 34768; fetch 1 http://example.com/file2.bin; "
          "match 1 23 76834; match 0 11 34768; match 1 23 76834; invoke 0; " },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static struct suit_bench bench;
        struct suit_where where;
        struct bytes envelope;
        uint8_t raw[2048];
        char path[64];

        (void)snprintf(path, sizeof(path), "suit-manifest-37/%s.hex", cases[i].file);
        if (!suit_bench_vector(path, raw, sizeof(raw), &envelope))
            return;
        print_message("%s\n", cases[i].file);
        suit_bench_init(&bench);
        assert_int_equal(suit_bench_run(&bench, envelope, &where), cases[i].result);
        assert_string_equal(cases[i].result == 0 ? bench.log : where.what, cases[i].did);
    }
}

/* The unsigned forms have a digest and no signature. */
static void parses_without_a_key_what_is_not_signed(void **state)
{
    struct suit_manifest manifest;
    struct bytes envelope;
    uint8_t raw[2048];

    (void)state;
    for (int i = 0; i < 6; i++) {
        char path[64];

        (void)snprintf(path, sizeof(path), "suit-manifest-37/example%d.0.hex", i);
        if (!suit_bench_vector(path, raw, sizeof(raw), &envelope))
            return;
        assert_int_equal(suit_manifest_parse(envelope, SUIT_37, &test_keys()->crypto, &manifest), 0);
        assert_int_equal(manifest.sequence, i);
        assert_int_equal(verify(envelope, &manifest), SUIT_REFUSED_SIGNATURE);
    }
}

static void refuses_a_severed_member_that_was_changed(void **state)
{
    struct suit_manifest manifest;
    struct bytes envelope;
    uint8_t raw[2048];

    (void)state;
    if (!suit_bench_vector("suit-manifest-37/example2.2.hex", raw, sizeof(raw), &envelope))
        return;
    assert_int_equal(verify(envelope, &manifest), 0);
    assert_true(manifest.text.size > 400 && manifest.install.size == 60);
    raw[envelope.size - 1] ^= 1; /* in the text */
    assert_int_equal(verify(envelope, &manifest), SUIT_REFUSED_DIGEST);
    assert_int_equal(manifest.where.section, SUIT_SECTION_TEXT);
}

static struct suit_order own_order(void)
{
    struct suit_device device = example_device();
    struct suit_order order = { .dialect = SUIT_37, .sequence = 7, .size = 5 };

    memcpy(order.vendor_id, device.vendor_id, SUIT_ID_SIZE);
    memcpy(order.class_id, device.class_id, SUIT_ID_SIZE);
    order.component = places[0].component;
    order.uri = bytes_of_text("coap://[fd00::1]/p/abc");
    return order;
}

/* What we write for example 1's order is example 1's manifest, byte for byte. */
static void writes_the_first_example_of_the_draft(void **state)
{
    const struct proto_crypto *crypto = &test_keys()->crypto;
    uint8_t expected[512], out[SUIT_ORDER_SIZE_MAX];
    struct bytes want = fixture_hex(example1, expected, sizeof(expected));
    struct suit_order order = own_order();
    size_t size;

    (void)state;
    order.sequence = 1;
    order.size = 34768;
    order.algorithm = COSE_ES256;
    order.uri = bytes_of_text("http://example.com/file.bin");
    fixture_hex("00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210", order.digest, DIGEST_SIZE);
    assert_int_equal(
        suit_manifest_assemble(&order, KEY_P256, crypto, bytes_view(expected + 57, 64), out, sizeof(out), &size), 0);
    assert_true(bytes_equal(bytes_view(out, size), want));
}

static void writes_what_it_reads(void **state)
{
    const struct test_keys *keys = test_keys();
    const struct proto_signer *signers[] = { &keys->ed25519, &keys->p256 };
    struct suit_order order = own_order();
    struct suit_device device = example_device();
    uint8_t out[SUIT_ORDER_SIZE_MAX];
    struct suit_manifest manifest;
    static char long_uri[SUIT_URI_SIZE_MAX + 1];
    static uint8_t long_part[SUIT_COMPONENT_PART_MAX];
    size_t size;

    (void)state;
    order.reference_uri = bytes_of_text("coap://[fd00::1]/m/xyz");
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(suit_manifest_write(&order, &keys->crypto, signers[i], out, sizeof(out), &size), 0);
        assert_int_equal(cbor_check(bytes_view(out, size), CBOR_CANONICAL), 0);
        assert_int_equal(verify(bytes_view(out, size), &manifest), 0);
        assert_int_equal(manifest.signer, i);
        assert_int_equal(manifest.sequence, 7);
        assert_true(bytes_equal(manifest.reference_uri, order.reference_uri));
        assert_true(bytes_equal(manifest.uri, order.uri));
        assert_int_equal(suit_manifest_accepts(&manifest, &device, NULL), 0);
        device.sequence = i == 0 ? 6 : 0;
    }
    /* The largest order fits the stated bounds. */
    memset(long_uri, 'u', SUIT_URI_SIZE_MAX);
    order.uri = order.reference_uri = bytes_of_text(long_uri);
    order.sequence = order.size = UINT64_MAX;
    order.component.count = SUIT_COMPONENT_PARTS;
    for (size_t i = 0; i < SUIT_COMPONENT_PARTS; i++)
        order.component.parts[i] = bytes_view(long_part, sizeof(long_part));
    assert_int_equal(suit_manifest_write(&order, &keys->crypto, &keys->p256, out, sizeof(out), &size), 0);
    assert_int_equal(verify(bytes_view(out, size), &manifest), 0);
    assert_int_equal(suit_manifest_to_be_signed(&order, KEY_P256, &keys->crypto, out, SUIT_TO_BE_SIGNED_MAX, &size), 0);
}

/* ---- hand-made command sequences ---- */

/* An envelope around common's shared sequence and an install sequence (both as hex), signed with our key. */
static struct bytes envelope_of(const char *shared, const char *install, uint8_t *out, size_t capacity)
{
    const struct test_keys *keys = test_keys();
    uint8_t manifest[512], raw[256];
    struct cbor_writer writer = cbor_writer_on(manifest, sizeof(manifest));
    size_t begin, common, size, signature_size;
    uint8_t digest[36] = { 0x82, 0x2f, 0x58, 0x20 }, to_sign[64], signature[64];

    begin = cbor_wrap_begin(&writer);
    cbor_write_raw(&writer, fixture_hex("a4 01 01 02 01 03", raw, sizeof(raw)));
    common = cbor_wrap_begin(&writer);
    cbor_write_raw(&writer, fixture_hex("a2 02 81 81 41 00 04", raw, sizeof(raw)));
    cbor_write_bytes(&writer, fixture_hex(shared, raw, sizeof(raw)));
    cbor_wrap_end(&writer, common);
    cbor_write_uint(&writer, SUIT_SECTION_INSTALL);
    cbor_write_bytes(&writer, fixture_hex(install, raw, sizeof(raw)));
    cbor_wrap_end(&writer, begin);
    assert_int_equal(cbor_writer_finish(&writer, &size), 0);
    assert_int_equal(keys->crypto.sha256(NULL, bytes_view(manifest, size), digest + 4), 0);

    writer = cbor_writer_on(to_sign, sizeof(to_sign));
    cbor_write_raw(&writer, fixture_hex("84 6a 5369676e617475726531 43 a10132 40", raw, sizeof(raw)));
    cbor_write_bytes(&writer, bytes_view(digest, sizeof(digest)));
    assert_int_equal(
        keys->ed25519.sign(keys->ed25519.context, bytes_view(to_sign, writer.size), signature, 64, &signature_size), 0);

    writer = cbor_writer_on(out, capacity);
    cbor_write_raw(&writer, fixture_hex("d86b a2 02", raw, sizeof(raw)));
    begin = cbor_wrap_begin(&writer);
    cbor_write_array(&writer, 2);
    cbor_write_bytes(&writer, bytes_view(digest, sizeof(digest)));
    common = cbor_wrap_begin(&writer);
    cbor_write_raw(&writer, fixture_hex("d284 43 a10132 a0 f6", raw, sizeof(raw)));
    cbor_write_bytes(&writer, bytes_view(signature, 64));
    cbor_wrap_end(&writer, common);
    cbor_wrap_end(&writer, begin);
    cbor_write_uint(&writer, 3);
    cbor_write_raw(&writer, bytes_view(manifest, size));
    assert_int_equal(cbor_writer_finish(&writer, &size), 0);
    return bytes_view(out, size);
}

#define IDS                                                                                                \
    "14 a4 01 50 fa6b4a53d5ad5fdfbe9de663e4d41ffe 02 50 1492af1425695e48bf429b2d51f2ab45 03 5824 822f5820" \
    "00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210 0e 05"

static void runs_commands_by_their_rules(void **state)
{
    static const struct {
        const char *about;
        const char *shared;
        const char *install;
        int runs;
        int accepted;
    } cases[] = {
        { "the plain case", "86" IDS "01 0f 02 0f", "86 14 a1 15 63 636f61 15 02 03 0f", 0, 0 },
        { "a fetch that nothing checked", "82" IDS, "86 14 a1 15 63 636f61 15 02 03 0f", 0, SUIT_REFUSED_POLICY },
        { "a fetch that nothing matches", "86" IDS "01 0f 02 0f", "84 14 a1 15 63 636f61 15 02", 0,
          SUIT_REFUSED_POLICY },
        { "no URI", "86" IDS "01 0f 02 0f", "84 15 02 03 0f", 0, SUIT_REFUSED_STRUCTURE },
        { "an integrated payload that is not there", "86" IDS "01 0f 02 0f", "86 14 a1 15 63 236f61 15 02 03 0f", 0,
          SUIT_REFUSED_FETCH },
        { "abort", "86" IDS "01 0f 02 0f", "82 0e 0f", 0, SUIT_REFUSED_CONDITION },
        { "try-each: abort, then nil", "86" IDS "01 0f 02 0f", "82 0f 83 43 820e0f 43 820e0f f6", 0, 0 },
        { "try-each: abort twice", "86" IDS "01 0f 02 0f", "82 0f 82 43 820e0f 43 820e0f", 0, SUIT_REFUSED_CONDITION },
        { "try-each: nil first", "86" IDS "01 0f 02 0f", "82 0f 82 f6 43 820e0f", SUIT_REFUSED_STRUCTURE,
          SUIT_REFUSED_STRUCTURE },
        { "a custom command in a branch not taken", "86" IDS "01 0f 02 0f", "82 0f 82 43 82030f 43 8220f6",
          SUIT_REFUSED_UNSUPPORTED, SUIT_REFUSED_UNSUPPORTED },
        { "run-sequence", "86" IDS "01 0f 02 0f", "82 18 20 43 82030f", 0, 0 },
        { "run-sequence of RIOT's number", "86" IDS "01 0f 02 0f", "82 18 1e 43 82030f", SUIT_REFUSED_UNSUPPORTED,
          SUIT_REFUSED_UNSUPPORTED },
        { "run-sequence too deep", "86" IDS "01 0f 02 0f",
          "82 1820 52 82 1820 4e 82 1820 4a 82 1820 46 82 1820 42 8200", SUIT_REFUSED_UNSUPPORTED,
          SUIT_REFUSED_UNSUPPORTED },
        { "index true", "86" IDS "01 0f 02 0f", "82 0c f5", 0, 0 },
        { "index false", "86" IDS "01 0f 02 0f", "82 0c f4", SUIT_REFUSED_STRUCTURE, SUIT_REFUSED_STRUCTURE },
        { "index list", "86" IDS "01 0f 02 0f", "82 0c 81 00", 0, 0 },
        { "an empty index list", "86" IDS "01 0f 02 0f", "82 0c 80", SUIT_REFUSED_STRUCTURE, SUIT_REFUSED_STRUCTURE },
        { "index 1 of 1", "86" IDS "01 0f 02 0f", "82 0c 01", SUIT_REFUSED_STRUCTURE, SUIT_REFUSED_STRUCTURE },
        { "strict order", "86" IDS "01 0f 02 0f", "82 14 a1 0c f4", 0, 0 },
        { "soft failure where it cannot be", "86" IDS "01 0f 02 0f", "82 14 a1 0d f5", SUIT_REFUSED_STRUCTURE,
          SUIT_REFUSED_STRUCTURE },
        { "a custom command", "86" IDS "01 0f 02 0f", "82 20 f6", SUIT_REFUSED_UNSUPPORTED, SUIT_REFUSED_UNSUPPORTED },
        { "a command without argument", "86" IDS "01 0f 02 0f", "81 03", SUIT_REFUSED_STRUCTURE,
          SUIT_REFUSED_STRUCTURE },
        { "a reporting policy beyond its bits", "86" IDS "01 0f 02 0f", "82 03 10", SUIT_REFUSED_STRUCTURE,
          SUIT_REFUSED_STRUCTURE },
        { "bytes after the sequence", "86" IDS "01 0f 02 0f", "82 03 0f 00", SUIT_REFUSED_STRUCTURE,
          SUIT_REFUSED_STRUCTURE },
        { "a slot that was never set", "86" IDS "01 0f 02 0f", "82 05 05", 0, SUIT_REFUSED_CONDITION },
        { "this slot", "86" IDS "01 0f 02 0f", "84 14 a1 05 00 05 05", 0, 0 },
        { "another slot", "86" IDS "01 0f 02 0f", "84 14 a1 05 01 05 05", 0, SUIT_REFUSED_CONDITION },
        { "vendor by enterprise number, which is another's", "84 14 a1 01 d870 41 00 01 0f", "82 03 0f", 0,
          SUIT_REFUSED_CONDITION },
        { "a digest of another algorithm", "82 14 a1 03 44 8238 2a 40", "82 03 0f", SUIT_REFUSED_UNSUPPORTED,
          SUIT_REFUSED_UNSUPPORTED },
    };
    struct suit_device device = example_device();

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct suit_where where = { 0 };
        struct suit_manifest manifest;
        uint8_t out[1024];

        print_message("%s\n", cases[i].about);
        assert_int_equal(verify(envelope_of(cases[i].shared, cases[i].install, out, sizeof(out)), &manifest), 0);
        assert_int_equal(manifest.runs, cases[i].runs);
        assert_int_equal(suit_manifest_accepts(&manifest, &device, &where), cases[i].accepted);
        if (cases[i].accepted != 0)
            assert_non_null(where.what);
    }
}

static void tells_where_it_failed(void **state)
{
    static struct suit_bench bench;
    struct suit_where where;
    uint8_t out[1024];

    (void)state;
    suit_bench_init(&bench);
    bench.match_refusal = SUIT_REFUSED_DIGEST;
    assert_int_equal(
        suit_bench_run(
            &bench, envelope_of("86" IDS "01 0f 02 0f", "86 14 a1 15 63 636f61 15 02 03 0f", out, sizeof(out)), &where),
        SUIT_REFUSED_DIGEST);
    assert_int_equal(where.section, SUIT_SECTION_INSTALL);
    assert_int_equal(where.offset, 10);
    assert_int_equal(where.command, 3);
    assert_int_equal(where.component, 0);
    assert_int_equal(where.path_length, 0);
    assert_string_equal(where.what, "image differs from its digest");
    assert_int_equal(
        suit_bench_run(
            &bench, envelope_of("86" IDS "01 0f 02 0f", "86 14 a1 15 63 236f61 15 02 03 0f", out, sizeof(out)), &where),
        SUIT_REFUSED_FETCH);
    assert_string_equal(where.what, "integrated payload is missing");
    assert_string_equal(bench.log, "");
}

static void refuses_every_cut_and_survives_every_changed_byte(void **state)
{
    struct suit_manifest manifest;
    uint8_t raw[512];
    struct bytes envelope = fixture_hex(example1, raw, sizeof(raw));

    (void)state;
    for (size_t size = 0; size < envelope.size; size++)
        assert_int_not_equal(verify(bytes_view(raw, size), &manifest), 0);
    for (size_t i = 0; i < envelope.size; i++) {
        for (unsigned flip = 1; flip < 256; flip += 37) {
            raw[i] = (uint8_t)(raw[i] ^ flip);
            assert_int_not_equal(suit_manifest_parse(envelope, SUIT_37, &test_keys()->crypto, &manifest) == 0 &&
                                     verify(envelope, &manifest) == 0,
                                 1);
            raw[i] = (uint8_t)(raw[i] ^ flip);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_the_first_example_of_the_draft),
        cmocka_unit_test(runs_the_official_examples),
        cmocka_unit_test(parses_without_a_key_what_is_not_signed),
        cmocka_unit_test(refuses_a_severed_member_that_was_changed),
        cmocka_unit_test(writes_the_first_example_of_the_draft),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(runs_commands_by_their_rules),
        cmocka_unit_test(tells_where_it_failed),
        cmocka_unit_test(refuses_every_cut_and_survives_every_changed_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
