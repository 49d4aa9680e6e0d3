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

static const enum key_type types[] = { KEY_ED25519, KEY_P256 };

static void signs_and_verifies_with_both_kinds_of_key(void **state)
{
    (void)state;
    struct proto_crypto crypto;
    struct bytes message = bytes_of_text("what was signed");

    crypto_openssl_proto(&crypto);
    for (size_t i = 0; i < 2; i++) {
        struct crypto_key *key = NULL;
        struct proto_signer signer;
        uint8_t signature[SIGNATURE_SIZE_MAX];
        size_t size = 0;

        assert_int_equal(crypto_key_generate(types[i], &key), 0);
        crypto_key_signer(key, &signer);
        assert_int_equal(signer.sign(signer.context, message, signature, sizeof(signature), &size), 0);
        assert_int_equal(size, 64);
        assert_int_equal(crypto.verify(NULL, &signer.key, message, bytes_view(signature, size)), 0);
        assert_int_equal(crypto.verify(NULL, &signer.key, bytes_of_text("another"), bytes_view(signature, size)), 1);
        signature[40] ^= 1;
        assert_int_equal(crypto.verify(NULL, &signer.key, message, bytes_view(signature, size)), 1);
        assert_int_equal(crypto.verify(NULL, &signer.key, message, bytes_view(signature, 63)), 1);
        crypto_key_free(key);
    }
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
    for (size_t i = 0; i < 2; i++) {
        struct crypto_key *key = NULL;
        struct proto_signer signer;
        struct public_key back;
        char pem[PUBLIC_PEM_SIZE];

        assert_int_equal(crypto_key_generate(types[i], &key), 0);
        crypto_key_signer(key, &signer);
        assert_int_equal(crypto_public_write_pem(&signer.key, pem), 0);
        assert_int_equal(crypto_public_read_pem(bytes_of_text(pem), &back, NULL), 0);
        assert_int_equal(back.type, signer.key.type);
        assert_memory_equal(back.raw, signer.key.raw, signer.key.size);
        crypto_key_free(key);
    }
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
    assert_int_equal(crypto_key_read_credential(path, &back, &why), 0);
    crypto_key_free(back);
    chmod(path, 0444);
    assert_int_equal(crypto_key_read_credential(path, &back, &why), REFUSED_FORBIDDEN);
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
        cmocka_unit_test(signs_and_verifies_with_both_kinds_of_key),
        cmocka_unit_test(verifies_the_published_ed25519_signature),
        cmocka_unit_test(refuses_points_that_are_not_on_the_curve),
        cmocka_unit_test(public_pem_reads_back),
        cmocka_unit_test(key_file_is_private_and_never_overwritten),
        cmocka_unit_test(refuses_pem_that_is_no_key),
        cmocka_unit_test(random_bytes_differ),
    };
    return cmocka_run_group_tests_name("crypto_openssl", tests, NULL, NULL);
}
