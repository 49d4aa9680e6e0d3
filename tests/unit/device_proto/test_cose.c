#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "device_proto/cose.h"
#include "tests/unit/device_proto/fixture.h"
#include "tests/unit/device_proto/keys.h"

static const struct bytes none = { NULL, 0 };

/* The P-256 key "11" and the Ed25519 key "11" of the COSE working group's examples (RFC 8152, appendix C.7). */
static struct public_key example_p256(void)
{
    struct public_key key = { .type = KEY_P256, .size = 65 };

    fixture_hex("04 bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff"
                "20138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e",
                key.raw, sizeof(key.raw));
    return key;
}

static struct public_key example_ed25519(void)
{
    struct public_key key = { .type = KEY_ED25519, .size = 32 };

    fixture_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", key.raw, sizeof(key.raw));
    return key;
}

static int verify(struct bytes message, struct bytes external_aad, const struct public_key *key, struct cose_sign1 *out)
{
    uint8_t scratch[512];

    return cose_sign1_verify(message, none, external_aad, key, &test_keys()->crypto, scratch, sizeof(scratch), out);
}

/* sign-pass-01 (protected h'a0', algorithm unprotected) and EdDSA-01, as published. */
static void verifies_published_messages(void **state)
{
    static const char redone[] = "D28441A0A201260442313154546869732069732074686520636F6E74656E742E584087DB0D2E5571843B"
                                 "78AC33ECB2830DF7B6E0A4D5B7376DE336B23C591C90C425317E56127FBE04370097CE347087B233BF72"
                                 "2B64072BEB4486BDA4031D27244F";
    static const char eddsa[] = "D28445A201270300A10442313154546869732069732074686520636F6E74656E742E58407142FD2FF96D56"
                                "DB85BEE905A76BA1D0B7321A95C8C4D3607C5781932B7AFB8711497DFA751BF40B58B3BCC32300B1487F3D"
                                "B34085EEF013BF08F4A44D6FEF0D";
    struct public_key p256 = example_p256(), ed25519 = example_ed25519();
    struct cose_sign1 message;
    uint8_t raw[256];

    (void)state;
    assert_int_equal(verify(fixture_hex(redone, raw, sizeof(raw)), none, &p256, &message), 0);
    assert_int_equal(message.algorithm, COSE_ES256);
    assert_false(message.algorithm_protected);
    assert_int_equal(message.protected_header.size, 0);
    assert_true(bytes_equal_text(message.kid, "11"));
    assert_true(bytes_equal_text(message.payload, "This is the content."));
    assert_int_equal(verify(fixture_hex(eddsa, raw, sizeof(raw)), none, &ed25519, &message), 0);
    assert_int_equal(message.algorithm, COSE_EDDSA);
    assert_true(message.tagged && message.attached && message.algorithm_protected);
    assert_int_equal(verify(fixture_hex(eddsa, raw, sizeof(raw)), none, &p256, &message), COSE_KEY_MISMATCH);
    assert_int_equal(verify(fixture_hex(eddsa, raw, sizeof(raw)), bytes_of_text("x"), &ed25519, &message),
                     COSE_SIGNATURE);
}

/* One of the working group's files: 0 or the refusal; -1 where the vectors are not there. */
static int verify_example(const char *name, const struct public_key *key)
{
    uint8_t raw[512], aad[32];
    struct bytes external = none;
    struct cose_sign1 message;
    char path[128];
    const char *text;
    json_t *example;
    int r;

    (void)snprintf(path, sizeof(path), "cose/cose-wg-examples/%s.json", name);
    example = fixture_vector_json(path);
    if (example == NULL)
        return -1;
    text = json_string_value(json_object_get(json_object_get(json_object_get(example, "input"), "sign0"), "external"));
    if (text != NULL)
        external = fixture_hex(text, aad, sizeof(aad));
    text = json_string_value(json_object_get(json_object_get(example, "output"), "cbor"));
    r = verify(fixture_hex(text, raw, sizeof(raw)), external, key, &message);
    json_decref(example);
    return r;
}

static void agrees_with_the_examples_of_the_working_group(void **state)
{
    static const struct {
        const char *name;
        int expected;
    } cases[] = {
        { "sign1-tests__sign-pass-01", 0 },
        { "sign1-tests__sign-pass-02", 0 },
        { "sign1-tests__sign-pass-03", 0 },
        { "sign1-tests__sign-fail-01", COSE_STRUCTURE },
        { "sign1-tests__sign-fail-02", COSE_SIGNATURE },
        { "sign1-tests__sign-fail-03", COSE_UNSUPPORTED },
        { "sign1-tests__sign-fail-04", COSE_UNSUPPORTED },
        { "sign1-tests__sign-fail-06", COSE_SIGNATURE },
        { "sign1-tests__sign-fail-07", COSE_SIGNATURE },
        { "RFC8152__Appendix_C_2_1", 0 },
        { "ecdsa-examples__ecdsa-sig-01", 0 },
        { "ecdsa-examples__ecdsa-sig-02", COSE_UNSUPPORTED }, /* ES384 */
        { "ecdsa-examples__ecdsa-sig-03", COSE_UNSUPPORTED }, /* ES512 */
    };
    struct public_key p256 = example_p256(), ed25519 = example_ed25519();

    (void)state;
    if (verify_example("eddsa-examples__eddsa-sig-01", &ed25519) == -1)
        return;
    assert_int_equal(verify_example("eddsa-examples__eddsa-sig-01", &ed25519), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("%s\n", cases[i].name);
        assert_int_equal(verify_example(cases[i].name, &p256), cases[i].expected);
    }
}

static void writes_what_it_verifies(void **state)
{
    static const enum cose_algorithm algorithms[] = { COSE_EDDSA, COSE_ED25519, COSE_ES256, COSE_ESP256 };
    const struct test_keys *keys = test_keys();
    struct bytes payload = bytes_of_text("payload"), aad = bytes_of_text("external");
    uint8_t out[256], scratch[256];
    struct cose_sign1 message;

    (void)state;
    for (unsigned i = 0; i < 16; i++) {
        enum cose_algorithm algorithm = algorithms[i % 4];
        const struct proto_signer *signer = i % 4 < 2 ? &keys->ed25519 : &keys->p256;
        bool detached = (i & 4) != 0;
        struct cose_order order = { (i & 8) != 0, detached, algorithm, bytes_of_text("kid"), payload, aad };
        size_t size;

        assert_int_equal(cose_sign1_write(&order, signer, scratch, sizeof(scratch), out, sizeof(out), &size), 0);
        assert_true(size <= payload.size + order.kid.size + COSE_SIGN1_OVERHEAD);
        assert_int_equal(cose_sign1_verify(bytes_view(out, size), detached ? payload : none, aad, &signer->key,
                                           &keys->crypto, scratch, sizeof(scratch), &message),
                         0);
        assert_int_equal(message.algorithm, algorithm);
        assert_int_equal(message.tagged, order.tagged);
        assert_int_equal(message.attached, !detached);
        assert_true(bytes_equal_text(message.kid, "kid"));
        assert_int_equal(verify(bytes_view(out, size), none, &signer->key, &message), COSE_SIGNATURE);
        out[size - 1] ^= 1;
        assert_int_equal(cose_sign1_verify(bytes_view(out, size), detached ? payload : none, aad, &signer->key,
                                           &keys->crypto, scratch, sizeof(scratch), &message),
                         COSE_SIGNATURE);
    }
}

/* What an offline signer does by hand is what cose_sign1_write does at once. */
static void signs_in_two_steps(void **state)
{
    const struct proto_signer *signer = &test_keys()->ed25519;
    struct cose_order order = { .tagged = true, .algorithm = COSE_EDDSA, .payload = bytes_of_text("payload") };
    uint8_t one[256], two[256], to_be_signed[128], signature[64];
    size_t one_size, two_size, size, signature_size;

    (void)state;
    assert_int_equal(cose_sign1_write(&order, signer, to_be_signed, 128, one, sizeof(one), &one_size), 0);
    assert_int_equal(cose_sign1_to_be_signed(&order, to_be_signed, sizeof(to_be_signed), &size), 0);
    assert_int_equal(signer->sign(signer->context, bytes_view(to_be_signed, size), signature, 64, &signature_size), 0);
    assert_int_equal(cose_sign1_assemble(&order, bytes_view(signature, 64), two, sizeof(two), &two_size), 0);
    assert_true(bytes_equal(bytes_view(one, one_size), bytes_view(two, two_size)));
    assert_int_equal(cose_sign1_assemble(&order, bytes_view(signature, 63), two, sizeof(two), &two_size),
                     COSE_SIGNATURE);
}

static void refuses_what_it_cannot_check(void **state)
{
    static const struct {
        const char *hex;
        int expected;
    } cases[] = {
        { "8443a10127a0417858 40 ", COSE_STRUCTURE },           /* ends early */
        { "8343a10127a04178", COSE_STRUCTURE },                 /* three fields */
        { "8444a1012700a041784101", COSE_STRUCTURE },           /* bytes after the protected map */
        { "844001 41784101", COSE_STRUCTURE },                  /* unprotected is no map */
        { "8440a041784101", COSE_UNSUPPORTED },                 /* no algorithm */
        { "8443a10127a1012741784101", COSE_STRUCTURE },         /* algorithm twice */
        { "8444a2012704a041784101", COSE_STRUCTURE },           /* protected header ends early */
        { "8446a20127028104a041784101", COSE_UNSUPPORTED },     /* crit [4] */
        { "8443a10127a1028104 41784101", COSE_UNSUPPORTED },    /* crit, unprotected */
        { "8443a10127a204413104413141784101", COSE_STRUCTURE }, /* kid twice */
        { "8443a10105a041784101", COSE_UNSUPPORTED },           /* HMAC */
        { "d18443a10127a041784101", COSE_STRUCTURE },           /* tag 17 */
        { "8443a10127a04178410100", COSE_STRUCTURE },           /* trailing */
    };
    struct public_key key = example_ed25519();
    static const uint8_t zeros[64];
    struct cose_sign1 message;
    uint8_t raw[64], scratch[18];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        print_message("%s\n", cases[i].hex);
        assert_int_equal(cose_sign1_parse(fixture_hex(cases[i].hex, raw, sizeof(raw)), &message), cases[i].expected);
    }
    assert_int_equal(verify(fixture_hex("8443a10127a041784101", raw, 64), none, &key, &message), COSE_SIGNATURE);
    assert_int_equal(cose_sign1_parse(bytes_view(raw, 10), &message), 0);
    message.signature = bytes_view(zeros, sizeof(zeros));
    assert_int_equal(cose_sign1_check(&message, none, none, &key, &test_keys()->crypto, scratch, sizeof(scratch)),
                     COSE_NO_ROOM);
    assert_int_equal(cose_sign1_check(&message, bytes_of_text("x"), none, &key, &test_keys()->crypto, scratch, 0),
                     COSE_STRUCTURE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verifies_published_messages),  cmocka_unit_test(agrees_with_the_examples_of_the_working_group),
        cmocka_unit_test(writes_what_it_verifies),      cmocka_unit_test(signs_in_two_steps),
        cmocka_unit_test(refuses_what_it_cannot_check),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
