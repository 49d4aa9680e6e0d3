#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "device_proto/cbor.h"
#include "device_proto/suit_capabilities.h"
#include "device_proto/suit_label.h"
#include "device_proto/suit_report.h"
#include "tests/unit/device_proto/fixture.h"
#include "tests/unit/device_proto/keys.h"

static const char failed[] =
    "a4024800010203040506070381858014182200a1035824822f5820000000000000000000000000000000000000000000000000000000000000"
    "00"
    "0004a3052606858014182200a1035824822f58200000000000000000000000000000000000000000000000000000000000000000070a186382"
    "7"
    "468747470733a2f2f6769742e696f2f4a4a596f6a822f58206658ea560262696dd1f13b782239a064da7c6c5cbaf52fded428a6fc83c7e5af";

/* Reading and writing again gives the same bytes. */
static void expect_same_again(struct bytes encoded)
{
    uint8_t out[SUIT_REPORT_SIZE_MAX];
    struct suit_report report;
    size_t size;

    assert_int_equal(suit_report_read(encoded, &report), 0);
    assert_int_equal(suit_report_write(&report, out, sizeof(out), &size), 0);
    assert_true(bytes_equal(encoded, bytes_view(out, size)));
}

static void reads_why_an_update_failed(void **state)
{
    struct suit_report report;
    uint8_t raw[512];
    struct bytes encoded = fixture_hex(failed, raw, sizeof(raw));

    (void)state;
    assert_int_equal(suit_report_read(encoded, &report), 0);
    assert_false(report.success);
    assert_int_equal(report.code, -7);
    assert_int_equal(report.reason, SUIT_REASON_CONDITION_FAILED);
    assert_string_equal(suit_reason_text(report.reason), "a condition does not hold on the device");
    assert_int_equal(report.record.section, SUIT_SECTION_INSTALL);
    assert_int_equal(report.record.offset, 34);
    assert_int_equal(report.record.component, 0);
    assert_int_equal(report.record.path_length, 0);
    assert_int_equal(report.record.parameter_count, 1);
    assert_int_equal(report.entry_count, 1);
    assert_false(report.entries[0].is_claim);
    assert_true(bytes_equal_text(report.reference_uri, "https://git.io/JJYoj"));
    assert_int_equal(report.manifest_digest[0], 0x66);
    assert_int_equal(report.nonce.size, 8);
    expect_same_again(encoded);
}

static void reads_and_rewrites_the_vectors(void **state)
{
    json_t *file = fixture_vector_json("suit-report/derived_suit_reports.json");
    const struct test_keys *keys = test_keys();
    json_t *vector;
    size_t i;

    (void)state;
    if (file == NULL)
        return;
    json_array_foreach(json_object_get(file, "vectors"), i, vector)
    {
        const char *name = json_string_value(json_object_get(vector, "name"));
        uint8_t raw[512], signed_raw[512];
        struct bytes plain = fixture_hex(json_string_value(json_object_get(vector, "report")), raw, sizeof(raw));
        struct bytes sealed = fixture_hex(json_string_value(json_object_get(vector, "cose_sign1_esp256")), signed_raw,
                                          sizeof(signed_raw));
        struct public_key trusted[] = { keys->ed25519.key, keys->p256.key };
        struct suit_report report;
        struct bytes kid;
        size_t signer = 9;

        print_message("%s\n", name);
        expect_same_again(plain);
        assert_int_equal(suit_report_read_signed(sealed, trusted, 2, &keys->crypto, &report, &signer), 0);
        assert_int_equal(signer, 1);
        assert_int_equal(report.success, strncmp(name, "fail", 4) != 0 && strncmp(name, "invoke", 6) != 0);
        assert_true(suit_report_kid(sealed, &kid));
        assert_true(bytes_equal_text(kid, "test-key"));
        assert_int_equal(suit_report_read_signed(sealed, trusted, 1, &keys->crypto, &report, NULL),
                         SUIT_REPORT_SIGNATURE);
    }
    json_decref(file);
}

static struct suit_report own_report(void)
{
    static const uint8_t parameters[] = { 0x0e, 0x05 };
    struct suit_report report;

    memset(&report, 0, sizeof(report));
    report.reference_uri = bytes_of_text("coap://[fd00::1]/m/abc");
    memset(report.manifest_digest, 0xab, DIGEST_SIZE);
    report.nonce = bytes_of_text("nonce");
    report.entry_count = 2;
    report.entries[0].record.path_length = 2;
    report.entries[0].record.path[1] = 3;
    report.entries[0].record.section = SUIT_SECTION_VALIDATE;
    report.entries[1].is_claim = true;
    report.entries[1].component.count = 2;
    report.entries[1].component.parts[0] = bytes_of_text("ram");
    report.entries[1].component.parts[1] = bytes_of_text("0");
    report.entries[1].parameter_count = 1;
    report.entries[1].parameters = bytes_view(parameters, sizeof(parameters));
    report.code = -4;
    report.reason = SUIT_REASON_INVOKE_PENDING;
    report.record.component = 1;
    return report;
}

static void signs_and_verifies_its_own(void **state)
{
    const struct test_keys *keys = test_keys();
    const struct proto_signer *signers[] = { &keys->ed25519, &keys->p256 };
    struct suit_report report = own_report(), read;
    uint8_t out[SUIT_REPORT_SIZE_MAX];
    size_t size;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct bytes kid = i == 0 ? bytes_of_text("device-7") : bytes_view(NULL, 0);

        report.success = i == 1;
        assert_int_equal(suit_report_write_signed(&report, kid, signers[i], out, sizeof(out), &size), 0);
        assert_int_equal(
            suit_report_read_signed(bytes_view(out, size), &signers[i]->key, 1, &keys->crypto, &read, NULL), 0);
        assert_int_equal(read.success, report.success);
        assert_int_equal(read.entry_count, 2);
        assert_int_equal(read.entries[0].record.path[1], 3);
        assert_true(read.entries[1].is_claim);
        assert_true(suit_component_equal(&read.entries[1].component, &report.entries[1].component));
        assert_true(bytes_equal(read.entries[1].parameters, report.entries[1].parameters));
        assert_true(bytes_equal_text(read.nonce, "nonce"));
        if (i == 0)
            assert_true(read.code == -4 && read.reason == SUIT_REASON_INVOKE_PENDING && read.record.component == 1);
        out[size - 70] ^= 1;
        assert_int_equal(
            suit_report_read_signed(bytes_view(out, size), &signers[i]->key, 1, &keys->crypto, &read, NULL) == 0, 0);
    }
    assert_int_equal(suit_report_write(&report, out, 20, &size), SUIT_REPORT_NO_ROOM);
}

static void refuses_what_is_no_report(void **state)
{
    static const struct {
        const char *hex;
        int expected;
    } cases[] = {
        { "a0", SUIT_REPORT_STRUCTURE },
        { "80", SUIT_REPORT_STRUCTURE },
        { "a2038004f5", SUIT_REPORT_STRUCTURE },                     /* no reference */
        { "a3038004f41863 8260822f40", SUIT_REPORT_STRUCTURE },      /* result false */
        { "a303800380 04f5", SUIT_REPORT_STRUCTURE },                /* records twice */
        { "a3038004a01863 8260822f40", SUIT_REPORT_STRUCTURE },      /* empty result */
        { "a3038004a105001863 8260822f40", SUIT_REPORT_STRUCTURE },  /* code alone */
        { "a303818004f51863 8260822f40", SUIT_REPORT_STRUCTURE },    /* a record without fields */
        { "a30381a0 04f51863 8260822f40", SUIT_REPORT_STRUCTURE },   /* a claim about nothing */
        { "a3038004f51863 8260 82382a40", SUIT_REPORT_UNSUPPORTED }, /* SHA-384 */
        { "a3038004f51863 8260 822f40", SUIT_REPORT_STRUCTURE },     /* an empty digest */
        { "a3038185 850102030405 00 00 00 a0 04f51863 8260822f40", SUIT_REPORT_STRUCTURE }, /* path too deep */
    };
    struct suit_report report;
    uint8_t raw[128];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("%s\n", cases[i].hex);
        assert_int_equal(suit_report_read(fixture_hex(cases[i].hex, raw, sizeof(raw)), &report), cases[i].expected);
    }
}

static void keeps_its_bounds(void **state)
{
    struct suit_report report = own_report();
    uint8_t out[SUIT_REPORT_SIZE_MAX], raw[512];
    struct bytes encoded = fixture_hex(failed, raw, sizeof(raw));
    size_t size;

    (void)state;
    for (size_t i = 0; i < encoded.size; i++) {
        struct suit_report read;

        assert_int_not_equal(suit_report_read(bytes_view(raw, i), &read), 0);
    }
    report.entry_count = SUIT_REPORT_ENTRIES_MAX + 1;
    assert_int_equal(suit_report_write(&report, out, sizeof(out), &size), SUIT_REPORT_STRUCTURE);
    report = own_report();
    report.record.path_length = SUIT_REPORT_PATH_MAX + 1;
    assert_int_equal(suit_report_write(&report, out, sizeof(out), &size), SUIT_REPORT_STRUCTURE);
    report = own_report();
    report.reason = (enum suit_reason)13;
    assert_int_equal(suit_report_write(&report, out, sizeof(out), &size), SUIT_REPORT_STRUCTURE);
}

static void gives_a_reason_for_each_refusal(void **state)
{
    struct suit_where manifest = {
        .section = SUIT_SECTION_ENVELOPE, .offset = 0, .component = 0, .command = 3, .what = ""
    };
    struct suit_where copy = {
        .section = SUIT_SECTION_INSTALL, .offset = 4, .component = 0, .command = 22, .what = ""
    };
    struct suit_where parameter = {
        .section = SUIT_SECTION_INSTALL, .offset = 1, .component = 0, .command = 20, .what = ""
    };
    struct suit_where severed = {
        .section = SUIT_SECTION_INSTALL, .offset = 0, .component = 0, .command = 20, .what = ""
    };

    (void)state;
    assert_int_equal(suit_reason_of(0, NULL), SUIT_REASON_OK);
    assert_int_equal(suit_reason_of(-5, NULL), SUIT_REASON_OPERATION_FAILED);
    assert_int_equal(suit_reason_of(SUIT_REFUSED_STRUCTURE, NULL), SUIT_REASON_CBOR_PARSE);
    assert_int_equal(suit_reason_of(SUIT_REFUSED_SIGNATURE, NULL), SUIT_REASON_UNAUTHORISED);
    assert_int_equal(suit_reason_of(SUIT_REFUSED_DIGEST, &manifest), SUIT_REASON_UNAUTHORISED);
    assert_int_equal(suit_reason_of(SUIT_REFUSED_DIGEST, &copy), SUIT_REASON_CONDITION_FAILED);
    assert_int_equal(suit_reason_of(SUIT_REFUSED_UNSUPPORTED, &copy), SUIT_REASON_COMMAND_UNSUPPORTED);
    assert_int_equal(suit_reason_of(SUIT_REFUSED_UNSUPPORTED, &parameter), SUIT_REASON_PARAMETER_UNSUPPORTED);
    assert_int_equal(suit_reason_of(SUIT_REFUSED_UNSUPPORTED, &severed), SUIT_REASON_SEVERING_UNSUPPORTED);
    assert_int_equal(suit_reason_of(SUIT_REFUSED_COMPONENT, NULL), SUIT_REASON_COMPONENT_UNSUPPORTED);
    assert_int_equal(suit_reason_of(SUIT_REFUSED_FETCH, NULL), SUIT_REASON_OPERATION_FAILED);
}

static bool lists(struct bytes capabilities, enum suit_capability list, int64_t wanted)
{
    int64_t number;

    for (size_t i = 0; suit_capability_at(capabilities, list, i, &number); i++)
        if (number == wanted)
            return true;
    return false;
}

static int no_agreement(void *context, const uint8_t peer[P256_RAW_SIZE], uint8_t out_secret[SECRET_SIZE])
{
    (void)context;
    (void)peer;
    (void)out_secret;
    return 1;
}

static void tells_what_the_device_can_do(void **state)
{
    const struct suit_place place = { .component = { .count = 1, .parts = { bytes_of_text("slot") } } };
    struct cose_acceptance acceptance = { .needs = { COSE_KEY(KEY_ED25519) } };
    const struct proto_agreement agreement = { .agree = no_agreement };
    const struct cose_device_key key = { .agreement = &agreement };
    struct suit_device device = { .places = &place, .place_count = 1, .acceptance = &acceptance };
    struct suit_report report = { .success = true }, read;
    uint8_t map[256], whole[512];
    struct bytes told;
    size_t size;

    (void)state;
    assert_int_equal(suit_capabilities_write(&device, map, sizeof(map), &size), 0);
    assert_int_equal(cbor_check(bytes_view(map, size), CBOR_CANONICAL), 0);
    report.capabilities = bytes_view(map, size);
    assert_int_equal(suit_report_write(&report, whole, sizeof(whole), &size), 0);
    assert_int_equal(suit_report_read(bytes_view(whole, size), &read), 0);
    told = read.capabilities;
    assert_true(lists(told, SUIT_CAPABILITY_COMMANDS, SUIT_DIRECTIVE_FETCH));
    assert_true(lists(told, SUIT_CAPABILITY_PARAMETERS, SUIT_PARAMETER_URI));
    assert_true(lists(told, SUIT_CAPABILITY_ALGORITHMS, -16));
    assert_true(lists(told, SUIT_CAPABILITY_ALGORITHMS, COSE_ED25519));
    assert_true(lists(told, SUIT_CAPABILITY_ALGORITHMS, COSE_EDDSA));
    assert_false(lists(told, SUIT_CAPABILITY_ALGORITHMS, COSE_ESP256));
    assert_false(lists(told, SUIT_CAPABILITY_ALGORITHMS, COSE_A128GCM));
    assert_false(lists(told, SUIT_CAPABILITY_COMMANDS, 99));
    assert_false(lists(told, SUIT_CAPABILITY_COMPONENTS, 0)); /* no numbers */
    acceptance = (struct cose_acceptance){ .needs = { COSE_CLASSICAL, COSE_SECRET }, .specified_only = true };
    device.decryption_keys = &key;
    device.decryption_key_count = 1;
    assert_int_equal(suit_capabilities_write(&device, map, sizeof(map), &size), 0);
    told = bytes_view(map, size);
    assert_true(lists(told, SUIT_CAPABILITY_ALGORITHMS, COSE_ESP256));
    assert_false(lists(told, SUIT_CAPABILITY_ALGORITHMS, COSE_ES256));
    assert_true(lists(told, SUIT_CAPABILITY_ALGORITHMS, COSE_HMAC_256));
    assert_true(lists(told, SUIT_CAPABILITY_ALGORITHMS, COSE_ECDH_ES_A128KW));
    assert_true(lists(told, SUIT_CAPABILITY_ALGORITHMS, COSE_A128CTR));
    assert_false(lists(told, SUIT_CAPABILITY_ALGORITHMS, COSE_A128KW));
    for (size_t room = 0; room < size; room++)
        assert_int_equal(suit_capabilities_write(&device, map, room, &(size_t){ 0 }), SUIT_REPORT_NO_ROOM);
    device.place_count = 0;
    assert_int_equal(suit_capabilities_write(&device, map, sizeof(map), &size), SUIT_REPORT_STRUCTURE);
}

/* A list that is cut, or is none, gives what is whole of it; an extension is passed over. */
static void reads_capabilities_of_others(void **state)
{
    uint8_t raw[32];
    int64_t number;
    struct bytes told = fixture_hex("a3 02 82 01 38 ff 03 05 81 2b 81 04", raw, sizeof(raw));

    (void)state;
    assert_true(suit_capability_at(told, SUIT_CAPABILITY_COMMANDS, 1, &number));
    assert_int_equal(number, -256);
    assert_false(suit_capability_at(told, SUIT_CAPABILITY_COMMANDS, 2, &number));
    assert_false(suit_capability_at(told, SUIT_CAPABILITY_PARAMETERS, 0, &number));
    assert_false(suit_capability_at(told, SUIT_CAPABILITY_ALGORITHMS, 0, &number));
    for (size_t size = 0; size < told.size; size++)
        (void)suit_capability_at(bytes_view(raw, size), SUIT_CAPABILITY_ALGORITHMS, 0, &number);
    assert_false(suit_capability_at(bytes_view(raw, 5), SUIT_CAPABILITY_COMMANDS, 1, &number));
}

/* A device without a key of its own, which shares a secret with whoever reads its reports. */
static void is_authenticated_with_a_shared_secret(void **state)
{
    const struct test_keys *keys = test_keys();
    const struct bytes secret = bytes_of_text("0123456789abcdef0123456789abcdef");
    const struct bytes kid = bytes_of_text("node-7");
    struct suit_report report = { .nonce = bytes_of_text("12345678"), .code = -4 };
    struct suit_report read;
    uint8_t out[512];
    struct bytes found;
    size_t size;

    (void)state;
    for (int reason = SUIT_REASON_OK; reason <= SUIT_REASON_INVOKE_PENDING; reason++) {
        report.reason = (enum suit_reason)reason;
        assert_int_equal(suit_report_write_authenticated(&report, kid, secret, &keys->crypto, out, sizeof(out), &size),
                         0);
        assert_int_equal(suit_report_read_authenticated(bytes_view(out, size), secret, &keys->crypto, &read), 0);
        assert_int_equal(read.reason, reason);
        assert_true(bytes_equal(read.nonce, report.nonce));
    }
    assert_true(suit_report_kid(bytes_view(out, size), &found));
    assert_true(bytes_equal(found, kid));
    assert_int_equal(suit_report_read_authenticated(bytes_view(out, size), kid, &keys->crypto, &read),
                     SUIT_REPORT_SIGNATURE);
    assert_int_equal(suit_report_read_signed(bytes_view(out, size), &keys->ed25519.key, 1, &keys->crypto, &read, NULL),
                     SUIT_REPORT_STRUCTURE);
    for (size_t i = 0; i < size; i++) {
        bool in_header = out + i >= found.data - 2 && out + i < found.data + found.size; /* kid is not protected */

        out[i] ^= 1;
        if (!in_header)
            assert_int_not_equal(suit_report_read_authenticated(bytes_view(out, size), secret, &keys->crypto, &read),
                                 0);
        out[i] ^= 1;
        assert_int_not_equal(suit_report_read_authenticated(bytes_view(out, i), secret, &keys->crypto, &read), 0);
    }
    assert_int_equal(suit_report_write_authenticated(&report, kid, secret, &keys->crypto, out, size - 1, &size),
                     SUIT_REPORT_NO_ROOM);
    report.entry_count = SUIT_REPORT_ENTRIES_MAX + 1;
    assert_int_equal(suit_report_write_authenticated(&report, kid, secret, &keys->crypto, out, sizeof(out), &size),
                     SUIT_REPORT_STRUCTURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_what_the_device_can_do),
        cmocka_unit_test(reads_capabilities_of_others),
        cmocka_unit_test(reads_why_an_update_failed),
        cmocka_unit_test(reads_and_rewrites_the_vectors),
        cmocka_unit_test(signs_and_verifies_its_own),
        cmocka_unit_test(refuses_what_is_no_report),
        cmocka_unit_test(keeps_its_bounds),
        cmocka_unit_test(gives_a_reason_for_each_refusal),
        cmocka_unit_test(is_authenticated_with_a_shared_secret),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
