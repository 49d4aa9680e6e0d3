/* Every example of the COSE working group that is at hand gets the verdict that its publisher states, or is refused by
 * name where it is of a kind that no device of ours speaks. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/evp.h>

#include "daemon/crypto_openssl/crypto_openssl.h"
#include "device_proto/cbor.h"
#include "device_proto/cose_encrypt.h"
#include "tests/unit/device_proto/fixture.h"
#include "tests/unit/device_proto/keys.h"

#define FOLDER "cose/cose-wg-examples"

static const struct bytes none = { NULL, 0 };

/* 0: verifies, or decrypts to its plaintext; else how it is refused. */
static const struct example {
    const char *name;
    int verdict;
} examples[] = {
    { "RFC8152__Appendix_C_1_1", 0 },
    { "RFC8152__Appendix_C_1_2", 0 },                /* two signers: ES256 holds, ES512 is known by name only */
    { "RFC8152__Appendix_C_1_3", 0 },                /* the countersignature is a header that is passed over */
    { "RFC8152__Appendix_C_1_4", COSE_UNSUPPORTED }, /* critical header "reserved" */
    { "RFC8152__Appendix_C_2_1", 0 },
    { "RFC8152__Appendix_C_6_1", COSE_UNSUPPORTED }, /* AES-MAC-256/64 */
    { "aes-wrap-examples__aes-wrap-128-04", 0 },
    { "ecdh-wrap-examples__p256-wrap-128-01", 0 },
    { "ecdh-wrap-examples__p256-wrap-256-01", COSE_UNSUPPORTED }, /* ECDH-ES + A256KW */
    { "ecdsa-examples__ecdsa-01", 0 },
    { "ecdsa-examples__ecdsa-02", COSE_UNSUPPORTED }, /* ES384 */
    { "ecdsa-examples__ecdsa-03", COSE_UNSUPPORTED }, /* ES512 */
    { "ecdsa-examples__ecdsa-04", COSE_UNSUPPORTED }, /* ES512 with a P-256 key, which RFC 8152 allowed */
    { "ecdsa-examples__ecdsa-sig-01", 0 },
    { "ecdsa-examples__ecdsa-sig-02", COSE_UNSUPPORTED }, /* ES384 */
    { "ecdsa-examples__ecdsa-sig-03", COSE_UNSUPPORTED }, /* ES512 */
    { "ecdsa-examples__ecdsa-sig-04", COSE_UNSUPPORTED }, /* ES512 with a P-256 key */
    { "eddsa-examples__eddsa-01", 0 },
    { "eddsa-examples__eddsa-02", COSE_SIGNATURE }, /* EdDSA means Ed25519 here; this is Ed448's, by size */
    { "eddsa-examples__eddsa-sig-01", 0 },
    { "eddsa-examples__eddsa-sig-02", COSE_SIGNATURE }, /* Ed448 */
    { "hashsig__hashsig-01", 0 },
    { "hashsig__hsssig-sig-01", 0 },
    { "hmac-examples__HMac-enc-01", 0 },
    { "hmac-examples__HMac-enc-02", COSE_UNSUPPORTED }, /* HMAC 384 */
    { "hmac-examples__HMac-enc-03", COSE_UNSUPPORTED }, /* HMAC 512 */
    { "hmac-examples__HMac-enc-04", COSE_SIGNATURE },   /* changed tag */
    { "hmac-examples__HMac-enc-05", COSE_UNSUPPORTED }, /* HMAC 256/64 */
    { "mac0-tests__HMac-01", 0 },
    { "mac0-tests__mac-pass-01", 0 },              /* protected h'a0' */
    { "mac0-tests__mac-pass-02", 0 },              /* external data */
    { "mac0-tests__mac-pass-03", 0 },              /* no tag */
    { "mac0-tests__mac-fail-01", COSE_STRUCTURE }, /* another tag */
    { "mac0-tests__mac-fail-02", COSE_SIGNATURE },
    { "mac0-tests__mac-fail-03", COSE_UNSUPPORTED }, /* algorithm -999 */
    { "mac0-tests__mac-fail-04", COSE_UNSUPPORTED }, /* algorithm "Unknown" */
    { "mac0-tests__mac-fail-06", COSE_SIGNATURE },   /* a protected header more */
    { "mac0-tests__mac-fail-07", COSE_SIGNATURE },   /* a protected header less */
    { "sign1-tests__sign-pass-01", 0 },
    { "sign1-tests__sign-pass-02", 0 },
    { "sign1-tests__sign-pass-03", 0 },
    { "sign1-tests__sign-fail-01", COSE_STRUCTURE },
    { "sign1-tests__sign-fail-02", COSE_SIGNATURE },
    { "sign1-tests__sign-fail-03", COSE_UNSUPPORTED },
    { "sign1-tests__sign-fail-04", COSE_UNSUPPORTED },
    { "sign1-tests__sign-fail-06", COSE_SIGNATURE },
    { "sign1-tests__sign-fail-07", COSE_SIGNATURE },
    /* COSE_Mac (tag 97), a tag over recipients' keys: no device shares its secrets that way, so none of our readers
     * takes it. Refused by its tag, the intact ones as well as HMac-04, which is to be refused. */
    { "RFC8152__Appendix_C_5_1", COSE_STRUCTURE },
    { "RFC8152__Appendix_C_5_2", COSE_STRUCTURE },
    { "RFC8152__Appendix_C_5_3", COSE_STRUCTURE },
    { "RFC8152__Appendix_C_5_4", COSE_STRUCTURE },
    { "aes-wrap-examples__aes-wrap-128-01", COSE_STRUCTURE },
    { "aes-wrap-examples__aes-wrap-256-01", COSE_STRUCTURE },
    { "hmac-examples__HMac-01", COSE_STRUCTURE },
    { "hmac-examples__HMac-02", COSE_STRUCTURE },
    { "hmac-examples__HMac-03", COSE_STRUCTURE },
    { "hmac-examples__HMac-04", COSE_STRUCTURE },
    { "hmac-examples__HMac-05", COSE_STRUCTURE },
};

/* ---- keys ---- */

static unsigned letter(char c)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char *at = strchr(letters, c);

    assert_non_null(at);
    return (unsigned)(at - letters);
}

static size_t base64url(const char *text, uint8_t *out, size_t capacity)
{
    unsigned bits = 0, held = 0;
    size_t size = 0;

    for (; *text != '\0'; text++) {
        bits = bits << 6 | letter(*text);
        held += 6;
        if (held >= 8) {
            held -= 8;
            assert_true(size < capacity);
            out[size++] = (uint8_t)(bits >> held);
        }
    }
    return size;
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static struct public_key public_of(const json_t *json)
{
    const char *type = text_of(json, "kty"), *curve = text_of(json, "crv");
    struct public_key key = { 0 };

    if (strcmp(type, "HSS-LMS") == 0) {
        key.type = KEY_HSS_LMS;
        key.size = fixture_hex(text_of(json, "public"), key.raw, sizeof(key.raw)).size;
    } else if (strcmp(type, "OKP") == 0) { /* Ed448 keys come as the first 32 bytes of themselves: nothing may hold */
        key.type = KEY_ED25519;
        (void)fixture_hex(text_of(json, "x_hex"), key.raw, sizeof(key.raw));
        key.size = 32;
    } else {
        key.type = KEY_P256;
        key.size = 65;
        key.raw[0] = 4;
        if (strcmp(curve, "P-256") == 0) {
            assert_int_equal(base64url(text_of(json, "x"), key.raw + 1, 32), 32);
            assert_int_equal(base64url(text_of(json, "y"), key.raw + 33, 32), 32);
        }
    }
    return key;
}

/* A private P-256 key as OpenSSL reads it: PKCS#8 of version 0, without the public half. */
static struct crypto_key *private_of(const json_t *json)
{
    static const uint8_t head[] = { 0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                    0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
                                    0x01, 0x07, 0x04, 0x27, 0x30, 0x25, 0x02, 0x01, 0x01, 0x04, 0x20 };
    uint8_t der[sizeof(head) + 32];

    memcpy(der, head, sizeof(head));
    assert_int_equal(base64url(text_of(json, "d"), der + sizeof(head), 32), 32);
    char body[128], pem[256];
    struct crypto_key *key = NULL;
    EVP_EncodeBlock((unsigned char *)body, der, sizeof(der));
    (void)snprintf(pem, sizeof(pem), "-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n", body);
    assert_int_equal(crypto_key_read_pem(bytes_of_text(pem), &key, NULL), 0);
    return key;
}

/* ---- one example of each kind ---- */

static int run_sign1(const json_t *input, struct bytes message, struct bytes external)
{
    struct public_key key = public_of(json_object_get(input, "key"));
    static uint8_t scratch[4096];
    struct cose_sign1 parsed;

    return cose_sign1_verify(message, none, external, &key, &test_keys()->crypto, scratch, sizeof(scratch), &parsed);
}

static int run_sign(const json_t *input, struct bytes message, struct bytes external)
{
    struct cose_acceptance acceptance = { .needs = { COSE_ANY_SIGNATURE } };
    struct public_key key = public_of(json_object_get(json_array_get(json_object_get(input, "signers"), 0), "key"));
    struct cose_trust trust = { &key, 1, none };
    struct cose_verdict verdict = { 0 };
    static uint8_t scratch[4096];
    struct cose_sign parsed;

    if (cose_sign_parse(message, &parsed) == 0)
        assert_int_equal(parsed.count, json_array_size(json_object_get(input, "signers")));
    if (parsed.count == 1 && cose_sign_parse(message, &parsed) == 0)
        return cose_sign_check(&parsed, 0, none, external, &key, &test_keys()->crypto, scratch, sizeof(scratch));
    return cose_accept(&acceptance, &trust, &test_keys()->crypto, message, true, none, external, scratch,
                       sizeof(scratch), &verdict);
}

static int run_mac0(const json_t *input, struct bytes message, struct bytes external)
{
    const json_t *key = json_object_get(json_array_get(json_object_get(input, "recipients"), 0), "key");
    uint8_t secret[64], scratch[256];
    size_t size = base64url(text_of(key, "k"), secret, sizeof(secret));
    struct cose_mac0 parsed;
    int r;

    r = cose_mac0_parse(message, &parsed);
    return r != 0 ? r
                  : cose_mac0_check(&parsed, none, external, bytes_view(secret, size), &test_keys()->crypto, scratch,
                                    sizeof(scratch));
}

static int run_encrypt(const json_t *input, struct bytes message, struct bytes external)
{
    const json_t *json = json_object_get(json_array_get(json_object_get(input, "recipients"), 0), "key");
    struct cose_encrypt_rules rules = { none, external };
    struct crypto_key *private = NULL;
    struct proto_agreement agreement;
    struct cose_device_key key = { 0 };
    struct cose_stream stream;
    struct bytes ciphertext;
    uint8_t kek[32], plain[64];
    size_t size;
    int r;

    if (strcmp(text_of(json, "kty"), "oct") == 0) {
        key.kek = bytes_view(kek, base64url(text_of(json, "k"), kek, sizeof(kek)));
    } else {
        private = private_of(json);
        assert_int_equal(crypto_key_agreement(private, &agreement), 0);
        key.agreement = &agreement;
    }
    r = cose_decrypt_begin(message, &key, 1, &rules, &test_keys()->crypto, &stream, &ciphertext);
    if (r == 0) {
        assert_int_equal(cose_decrypt_update(&stream, &test_keys()->crypto, ciphertext, plain, &size), 0);
        assert_true(bytes_equal_text(bytes_view(plain, size), "This is the content."));
        r = cose_decrypt_finish(&stream);
    }
    crypto_key_free(private);
    return r;
}

/* Every reader says the same of a tag that none of them knows. */
static int run_none(const json_t *input, struct bytes message, struct bytes external)
{
    struct cose_sign1 sign1;
    struct cose_sign sign;
    struct cose_mac0 mac0;

    (void)input;
    (void)external;
    assert_int_equal(cose_sign1_parse(message, &sign1), COSE_STRUCTURE);
    assert_int_equal(cose_sign_parse(message, &sign), COSE_STRUCTURE);
    return cose_mac0_parse(message, &mac0);
}

static const struct kind {
    const char *name;
    int (*run)(const json_t *input, struct bytes message, struct bytes external);
} kinds[] = {
    { "sign0", run_sign1 },       { "sign", run_sign }, { "mac0", run_mac0 },
    { "enveloped", run_encrypt }, { "mac", run_none },
};

/* The refusal, or -1 where the vectors are not there. */
static int run_example(const char *name)
{
    static uint8_t raw[8192];
    uint8_t aad[64];
    char path[128];
    int r = -1;

    (void)snprintf(path, sizeof(path), FOLDER "/%s.json", name);
    json_t *example = fixture_vector_json(path);
    if (example == NULL)
        return -1;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const json_t *input = json_object_get(json_object_get(example, "input"), kinds[i].name);
        const char *external = text_of(input, "external");
        if (input == NULL)
            continue;
        r = kinds[i].run(input, fixture_hex(text_of(json_object_get(example, "output"), "cbor"), raw, sizeof(raw)),
                         external != NULL ? fixture_hex(external, aad, sizeof(aad)) : none);
        break;
    }
    json_decref(example);
    assert_int_not_equal(r, -1);
    return r;
}

static void agrees_with_the_examples_of_the_working_group(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
        int r = run_example(examples[i].name);
        if (r == -1)
            return;
        if (r != examples[i].verdict)
            print_message("%s: %s\n", examples[i].name, cose_refusal_text(r));
        assert_int_equal(r, examples[i].verdict);
    }
    print_message("%zu examples\n", sizeof(examples) / sizeof(examples[0]));
}

static void is_known(void *context, const char *name)
{
    (void)context;
    for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
        if (strncmp(examples[i].name, name, strlen(name) - strlen(".json")) == 0)
            return;
    print_message("%s has no verdict here\n", name);
    fail();
}

/* Nothing that lies in the folder is passed over. */
static void knows_every_example_by_name(void **state)
{
    (void)state;
    assert_int_not_equal(fixture_vector_each(FOLDER, ".json", is_known, NULL), 1);
}

/* ---- ML-DSA (RFC 9964) ---- */

static void verify_ml_dsa(const char *name, enum key_type type, enum cose_algorithm algorithm)
{
    static uint8_t message[8192], scratch[4096];
    struct public_key key = { .type = type };
    struct cose_sign1 parsed;
    char path[64];

    (void)snprintf(path, sizeof(path), "cose/ml-dsa/%s.cose.json", name);
    json_t *vector = fixture_vector_json(path);
    if (vector == NULL)
        return;
    key.size = fixture_hex(text_of(vector, "raw_public_key"), key.raw, sizeof(key.raw)).size;
    struct bytes encoded = fixture_hex(text_of(vector, "sign1"), message, sizeof(message));
    assert_int_equal(cose_sign1_parse(encoded, &parsed), 0);
    assert_int_equal(parsed.algorithm, algorithm);
    int expected = crypto_openssl_has(type) ? 0 : COSE_UNSUPPORTED;
    if (expected != 0)
        print_message("%s: this OpenSSL has no ML-DSA, so the signature is refused as unsupported\n", name);
    assert_int_equal(cose_sign1_check(&parsed, none, none, &key, &test_keys()->crypto, scratch, sizeof(scratch)),
                     expected);
    message[(size_t)(parsed.payload.data - message)] ^= 1;
    assert_int_equal(cose_sign1_check(&parsed, none, none, &key, &test_keys()->crypto, scratch, sizeof(scratch)),
                     expected != 0 ? COSE_UNSUPPORTED : COSE_SIGNATURE);
    json_decref(vector);
}

static void agrees_with_the_ml_dsa_examples(void **state)
{
    (void)state;
    verify_ml_dsa("ML_DSA_44", KEY_ML_DSA_44, COSE_ML_DSA_44);
    verify_ml_dsa("ML_DSA_65", KEY_ML_DSA_65, COSE_ML_DSA_65);
    verify_ml_dsa("ML_DSA_87", KEY_ML_DSA_87, COSE_ML_DSA_87);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_examples_of_the_working_group),
        cmocka_unit_test(knows_every_example_by_name),
        cmocka_unit_test(agrees_with_the_ml_dsa_examples),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
