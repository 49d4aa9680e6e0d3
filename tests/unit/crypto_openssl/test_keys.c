#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/text.h"
#include "daemon/crypto_openssl/crypto_openssl.h"

static const struct {
    enum key_type type;
    size_t raw_size, signature_size;
} kinds[] = {
    { KEY_ED25519, 32, 64 },       { KEY_P256, 65, 64 },          { KEY_ML_DSA_44, 1312, 2420 },
    { KEY_ML_DSA_65, 1952, 3309 }, { KEY_ML_DSA_87, 2592, 4627 },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* A key of that kind; NULL, said aloud, where this OpenSSL has none. */
static struct crypto_key *key_of(enum key_type type)
{
    struct crypto_key *key = NULL;

    int r = crypto_key_generate(type, &key);
    if (!crypto_openssl_has(type)) {
        print_message("this OpenSSL has no %s: refused\n", crypto_key_type_name(type));
        assert_int_equal(r, REFUSED_INVALID);
        return NULL;
    }
    assert_int_equal(r, 0);
    return key;
}

static void signs_and_verifies_with_every_kind_of_key(void **state)
{
    (void)state;
    struct proto_crypto crypto;
    struct bytes message = bytes_of_text("what was signed");

    crypto_openssl_proto(&crypto);
    for (size_t i = 0; i < KINDS; i++) {
        struct crypto_key *key = key_of(kinds[i].type);
        struct proto_signer signer;
        uint8_t signature[SIGNATURE_SIZE_MAX];
        size_t size = 0;

        if (key == NULL)
            continue;
        crypto_key_signer(key, &signer);
        assert_int_equal(signer.key.size, kinds[i].raw_size);
        assert_int_equal(signer.sign(signer.context, message, signature, sizeof(signature), &size), 0);
        assert_int_equal(size, kinds[i].signature_size);
        assert_int_equal(crypto.verify(NULL, &signer.key, message, bytes_view(signature, size)), 0);
        assert_int_equal(crypto.verify(NULL, &signer.key, bytes_of_text("another"), bytes_view(signature, size)), 1);
        signature[40] ^= 1;
        assert_int_equal(crypto.verify(NULL, &signer.key, message, bytes_view(signature, size)), 1);
        assert_int_equal(crypto.verify(NULL, &signer.key, message, bytes_view(signature, size - 1)), 1);
        assert_true(signer.sign(signer.context, message, signature, kinds[i].signature_size - 1, &size) < 0);
        crypto_key_free(key);
    }
}

static void says_which_keys_it_cannot_check(void **state)
{
    (void)state;
    struct proto_crypto crypto;

    crypto_openssl_proto(&crypto);
    for (size_t i = 0; i < KINDS; i++) {
        struct public_key key = { .type = kinds[i].type, .size = kinds[i].raw_size };
        int r = crypto.verify(NULL, &key, bytes_of_text("x"), bytes_view("0123456789", 10));
        assert_int_equal(r, crypto_openssl_has(kinds[i].type) ? 1 : PROTO_UNSUPPORTED);
    }
    assert_true(crypto_openssl_has(KEY_ED25519) && crypto_openssl_has(KEY_P256));
    assert_false(crypto_openssl_has(KEY_HSS_LMS));
}

static void kinds_of_keys_have_names(void **state)
{
    (void)state;
    for (enum key_type type = KEY_ED25519; type <= KEY_ML_DSA_87; type++)
        assert_int_equal(crypto_key_type_of(crypto_key_type_name(type)), type);
    assert_int_equal(crypto_key_type_of("rsa"), 0);
}

/* RFC 8032, section 7.1, test 2: one byte 0x72. */
static void verifies_the_published_ed25519_signature(void **state)
{
    (void)state;
    struct proto_crypto crypto;
    struct public_key key = { .type = KEY_ED25519, .size = 32 };
    uint8_t signature[64];
    static const uint8_t message[] = { 0x72 };

    crypto_openssl_proto(&crypto);
    hex_decode("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", key.raw, 32);
    hex_decode("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
               "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
               signature, 64);
    assert_int_equal(crypto.verify(NULL, &key, bytes_view(message, 1), bytes_view(signature, 64)), 0);
}

static void refuses_points_that_are_not_on_the_curve(void **state)
{
    (void)state;
    struct proto_crypto crypto;
    struct public_key key = { .type = KEY_P256, .size = 65, .raw = { 0x04, 0x01, 0x02 } };
    uint8_t signature[64] = { 1 };

    crypto_openssl_proto(&crypto);
    assert_int_equal(crypto.verify(NULL, &key, bytes_of_text("x"), bytes_view(signature, 64)), 1);
}

static void public_pem_reads_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        struct crypto_key *key = key_of(kinds[i].type);
        struct proto_signer signer;
        struct public_key back;
        char pem[PUBLIC_PEM_SIZE];

        if (key == NULL)
            continue;
        crypto_key_signer(key, &signer);
        assert_int_equal(crypto_public_write_pem(&signer.key, pem), 0);
        assert_int_equal(crypto_public_read_pem(bytes_of_text(pem), &back, NULL), 0);
        assert_int_equal(back.type, signer.key.type);
        assert_memory_equal(back.raw, signer.key.raw, signer.key.size);
        crypto_key_free(key);
    }
}

/* The public halves of keys that OpenSSL cannot use are kept all the same: their form is this room's own. */
static void public_pem_of_any_kind_reads_back(void **state)
{
    static const struct {
        enum key_type type;
        size_t size;
    } others[] = { { KEY_HSS_LMS, 60 }, { KEY_HSS_LMS, 52 }, { KEY_ML_DSA_44, 1312 }, { KEY_ML_DSA_87, 2592 } };

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct public_key key = { .type = others[i].type, .size = others[i].size }, back;
        char pem[PUBLIC_PEM_SIZE];
        memset(key.raw, 0x5a, key.size);
        assert_int_equal(crypto_public_write_pem(&key, pem), 0);
        assert_int_equal(crypto_public_read_pem(bytes_of_text(pem), &back, NULL), 0);
        assert_int_equal(back.type, key.type);
        assert_int_equal(back.size, key.size);
        assert_memory_equal(back.raw, key.raw, key.size);
    }
}

/* RFC 4231 test case 2, RFC 3394 section 4.1, SP 800-38A F.5.1. */
static void agrees_with_published_macs_and_ciphers(void **state)
{
    struct proto_crypto crypto;
    uint8_t key[16], in[32], expected[32], out[32], counter[16];

    (void)state;
    crypto_openssl_proto(&crypto);
    hex_decode("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", expected, 32);
    assert_int_equal(
        crypto.hmac_sha256(NULL, bytes_of_text("Jefe"), bytes_of_text("what do ya want for nothing?"), out), 0);
    assert_memory_equal(out, expected, 32);
    hex_decode("000102030405060708090a0b0c0d0e0f", key, 16);
    hex_decode("00112233445566778899aabbccddeeff", in, 16);
    hex_decode("1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5", expected, 24);
    assert_int_equal(crypto.aes_wrap(NULL, key, bytes_view(in, 16), out), 0);
    assert_memory_equal(out, expected, 24);
    assert_int_equal(crypto.aes_unwrap(NULL, key, bytes_view(expected, 24), out), 0);
    assert_memory_equal(out, in, 16);
    expected[3] ^= 1;
    assert_int_equal(crypto.aes_unwrap(NULL, key, bytes_view(expected, 24), out), 1);
    hex_decode("2b7e151628aed2a6abf7158809cf4f3c", key, 16);
    hex_decode("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", counter, 16);
    hex_decode("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51", in, 32);
    hex_decode("874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff", expected, 32);
    assert_int_equal(crypto.aes_ctr(NULL, key, counter, bytes_view(in, 32), in), 0);
    assert_memory_equal(in, expected, 32);
}

static void both_sides_agree_on_a_secret(void **state)
{
    struct crypto_key *key = key_of(KEY_P256), *other = key_of(KEY_ED25519);
    uint8_t point[P256_RAW_SIZE], ours[SECRET_SIZE], theirs[SECRET_SIZE];
    struct proto_agreement agreement;
    struct proto_crypto crypto;
    struct proto_signer signer;

    (void)state;
    crypto_openssl_proto(&crypto);
    crypto_key_signer(key, &signer);
    assert_int_equal(crypto_key_agreement(key, &agreement), 0);
    assert_int_equal(crypto.ecdh_ephemeral(NULL, &signer.key, point, ours), 0);
    assert_int_equal(agreement.agree(agreement.context, point, theirs), 0);
    assert_memory_equal(ours, theirs, SECRET_SIZE);
    point[64] ^= 1;
    assert_int_equal(agreement.agree(agreement.context, point, theirs), 1);
    assert_int_equal(crypto_key_agreement(other, &agreement), REFUSED_INVALID);
    crypto_key_signer(other, &signer);
    assert_int_equal(crypto.ecdh_ephemeral(NULL, &signer.key, point, ours), 1);
    crypto_key_free(key);
    crypto_key_free(other);
}

/* PKCS#8 of ML-DSA-44 as RFC 9881 prints it: the seed 00 01 .. 1f. */
static void an_ml_dsa_key_reads_or_is_refused_in_words(void **state)
{
    static const char pem[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MDQCAQAwCwYJYIZIAWUDBAMRBCKAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ\n"
                              "GhscHR4f\n"
                              "-----END PRIVATE KEY-----\n";
    struct crypto_key *key = NULL;
    struct why why;

    (void)state;
    int r = crypto_key_read_pem(bytes_of_text(pem), &key, &why);
    assert_int_equal(r, crypto_openssl_has(KEY_ML_DSA_44) ? 0 : REFUSED_INVALID);
    if (r != 0)
        assert_non_null(strstr(why.what, "ML-DSA"));
    crypto_key_free(key);
}

static void key_file_is_private_and_never_overwritten(void **state)
{
    (void)state;
    char folder[] = "/tmp/tinypart-keys-XXXXXX";
    char path[64];
    struct crypto_key *key = NULL;
    struct crypto_key *back = NULL;
    struct why why;
    struct stat status;

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/key.pem", folder);
    assert_int_equal(crypto_key_generate(KEY_ED25519, &key), 0);
    assert_int_equal(crypto_key_write_file(key, path, &why), 0);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(crypto_key_write_file(key, path, &why), REFUSED_EXISTS);
    assert_int_equal(crypto_key_read_file(path, &back, &why), 0);
    crypto_key_free(back);
    chmod(path, 0640);
    assert_int_equal(crypto_key_read_file(path, &back, &why), REFUSED_FORBIDDEN);
    assert_non_null(strstr(why.todo, "chmod 600"));
    chmod(path, 0440); /* as a credential with an access control list shows itself */
    assert_int_equal(crypto_key_read_file(path, &back, &why), REFUSED_FORBIDDEN);
    assert_int_equal(crypto_key_open(path, true, &back, &why), 0);
    crypto_key_free(back);
    chmod(path, 0444);
    assert_int_equal(crypto_key_open(path, true, &back, &why), REFUSED_FORBIDDEN);
    unlink(path);
    assert_int_equal(crypto_key_read_file(path, &back, &why), REFUSED_UNKNOWN);
    rmdir(folder);
    crypto_key_free(key);
}

static void refuses_pem_that_is_no_key(void **state)
{
    (void)state;
    struct crypto_key *key = NULL;
    struct public_key public;
    struct why why;

    assert_int_equal(crypto_key_read_pem(bytes_of_text("hello"), &key, &why), REFUSED_INVALID);
    assert_int_equal(crypto_public_read_pem(
                         bytes_of_text("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"), &public, &why),
                     REFUSED_INVALID);
}

static void random_bytes_differ(void **state)
{
    (void)state;
    struct proto_random random;
    uint8_t a[32] = { 0 };
    uint8_t b[32] = { 0 };

    crypto_openssl_random(&random);
    assert_int_equal(random.fill(random.context, a, sizeof(a)), 0);
    assert_int_equal(random.fill(random.context, b, sizeof(b)), 0);
    assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signs_and_verifies_with_every_kind_of_key),
        cmocka_unit_test(says_which_keys_it_cannot_check),
        cmocka_unit_test(kinds_of_keys_have_names),
        cmocka_unit_test(public_pem_of_any_kind_reads_back),
        cmocka_unit_test(agrees_with_published_macs_and_ciphers),
        cmocka_unit_test(both_sides_agree_on_a_secret),
        cmocka_unit_test(an_ml_dsa_key_reads_or_is_refused_in_words),
        cmocka_unit_test(verifies_the_published_ed25519_signature),
        cmocka_unit_test(refuses_points_that_are_not_on_the_curve),
        cmocka_unit_test(public_pem_reads_back),
        cmocka_unit_test(key_file_is_private_and_never_overwritten),
        cmocka_unit_test(refuses_pem_that_is_no_key),
        cmocka_unit_test(random_bytes_differ),
    };
    return cmocka_run_group_tests_name("crypto_openssl", tests, NULL, NULL);
}
