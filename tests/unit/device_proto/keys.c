#include "tests/unit/device_proto/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/crypto_openssl/crypto_openssl.h"

static const char ed25519_pem[] = "-----BEGIN PRIVATE KEY-----\n"
                                  "MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n"
                                  "-----END PRIVATE KEY-----\n";
static const char other_pem[] = "-----BEGIN PRIVATE KEY-----\n"
                                "MC4CAQAwBQYDK2VwBCIEIICBgoOEhYaHiImKi4yNjo+QkZKTlJWWl5iZmpucnZ6f\n"
                                "-----END PRIVATE KEY-----\n";
static const char p256_pem[] = "-----BEGIN PRIVATE KEY-----\n"
                               "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgApZYjZCUGLM50VBC\n"
                               "CjYStX+09jGmnyJPrpDLTz/hiXOhRANCAASEloEarguqq9JhVxie7NomvqqL8Rtv\n"
                               "P+bitWWchdvArTsfKktsCYExwKNtrNHXi9OB3N+wnAUtszmR23M4tKiW\n"
                               "-----END PRIVATE KEY-----\n";

/* The keys live as long as the process; they stay reachable through keys. */
static struct proto_signer signer_of(const char *pem)
{
    struct proto_signer signer;
    struct crypto_key *key;

    assert_int_equal(crypto_key_read_pem(bytes_of_text(pem), &key, NULL), 0);
    crypto_key_signer(key, &signer);
    return signer;
}

const struct test_keys *test_keys(void)
{
    static struct test_keys keys;

    if (keys.ed25519.sign == NULL) {
        crypto_openssl_proto(&keys.crypto);
        keys.p256 = signer_of(p256_pem);
        keys.other = signer_of(other_pem);
        keys.ed25519 = signer_of(ed25519_pem);
    }
    return &keys;
}
