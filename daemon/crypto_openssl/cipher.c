/* cipher.c - MACs, AES and key agreement: what encrypted images and shared secrets need. */
#include "daemon/crypto_openssl/internal.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>

int openssl_hmac_sha256(void *context, struct bytes key, struct bytes data, uint8_t out_tag[DIGEST_SIZE])
{
    size_t size = 0;

    (void)context;
    if (EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key.data, key.size, data.data, data.size, out_tag, DIGEST_SIZE,
                  &size) == NULL)
        return openssl_fault();
    return size == DIGEST_SIZE ? 0 : openssl_fault();
}

/* One run of a cipher over in. refused is the answer where it says no: only unwrapping does for any but broken reasons.
 */
static int run_cipher(const EVP_CIPHER *cipher, const uint8_t *key, const uint8_t *iv, bool encrypts, struct bytes in,
                      uint8_t *out, int refused)
{
    EVP_CIPHER_CTX *cipher_context = EVP_CIPHER_CTX_new();
    int size = 0;
    int last = 0;
    int r = 0;

    if (cipher_context == NULL || in.size > INT_MAX - 64)
        r = openssl_fault();
    if (r == 0) {
        EVP_CIPHER_CTX_set_flags(cipher_context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
        if (EVP_CipherInit_ex2(cipher_context, cipher, key, iv, encrypts, NULL) != 1)
            r = openssl_fault();
    }
    if (r == 0 && (EVP_CipherUpdate(cipher_context, out, &size, in.data, (int)in.size) != 1 ||
                   EVP_CipherFinal_ex(cipher_context, out + size, &last) != 1)) {
        int fault = openssl_fault();
        r = refused != 0 ? refused : fault;
    }
    EVP_CIPHER_CTX_free(cipher_context);
    return r;
}

int openssl_aes_ctr(void *context, const uint8_t key[AES_KEY_SIZE], const uint8_t counter[AES_BLOCK], struct bytes in,
                    uint8_t *out)
{
    (void)context;
    return run_cipher(EVP_aes_128_ctr(), key, counter, true, in, out, 0);
}

int openssl_aes_wrap(void *context, const uint8_t kek[AES_KEY_SIZE], struct bytes key, uint8_t *out)
{
    (void)context;
    return run_cipher(EVP_aes_128_wrap(), kek, NULL, true, key, out, 0);
}

int openssl_aes_unwrap(void *context, const uint8_t kek[AES_KEY_SIZE], struct bytes wrapped, uint8_t *out)
{
    (void)context;
    return run_cipher(EVP_aes_128_wrap(), kek, NULL, false, wrapped, out, 1);
}

/* ---- P-256 agreement ---- */

static int derive(EVP_PKEY *own, EVP_PKEY *peer, uint8_t out_secret[SECRET_SIZE])
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(own, NULL);
    size_t size = SECRET_SIZE;
    int r = 0;

    if (context == NULL || EVP_PKEY_derive_init(context) != 1 || EVP_PKEY_derive_set_peer(context, peer) != 1 ||
        EVP_PKEY_derive(context, out_secret, &size) != 1 || size != SECRET_SIZE)
        r = openssl_fault();
    EVP_PKEY_CTX_free(context);
    return r;
}

int openssl_agree(EVP_PKEY *own, const uint8_t peer[P256_RAW_SIZE], uint8_t out_secret[SECRET_SIZE])
{
    struct public_key key = { .type = KEY_P256, .size = P256_RAW_SIZE };

    memcpy(key.raw, peer, P256_RAW_SIZE);
    EVP_PKEY *pkey = openssl_public_pkey(&key);
    if (pkey == NULL) {
        ERR_clear_error();
        return 1;
    }
    int r = derive(own, pkey, out_secret);
    EVP_PKEY_free(pkey);
    return r;
}

int openssl_ecdh_ephemeral(void *context, const struct public_key *peer, uint8_t out_ephemeral[P256_RAW_SIZE],
                           uint8_t out_secret[SECRET_SIZE])
{
    (void)context;
    EVP_PKEY *own = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
    size_t size = 0;
    int r = 0;

    if (own == NULL ||
        EVP_PKEY_get_octet_string_param(own, OSSL_PKEY_PARAM_PUB_KEY, out_ephemeral, P256_RAW_SIZE, &size) != 1)
        r = openssl_fault();
    else if (size != P256_RAW_SIZE || peer->type != KEY_P256 || peer->size != P256_RAW_SIZE)
        r = 1;
    else
        r = openssl_agree(own, peer->raw, out_secret);
    EVP_PKEY_free(own);
    return r;
}
