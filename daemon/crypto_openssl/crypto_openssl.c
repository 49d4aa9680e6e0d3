/* crypto_openssl.c - hashing, verifying and randomness with OpenSSL 3's EVP.
 * COSE wants ECDSA signatures as r || s (RFC 9053, section 2.1), OpenSSL gives and takes DER: the two conversions are
 * here. */
#include "daemon/crypto_openssl/internal.h"

#include <errno.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/rand.h>

int openssl_fault(void)
{
    ERR_clear_error();
    return -EIO;
}

static int digest_with(const EVP_MD *algorithm, struct bytes data, uint8_t *out)
{
    return EVP_Digest(data.data, data.size, out, NULL, algorithm, NULL) == 1 ? 0 : openssl_fault();
}

static int sha1(void *context, struct bytes data, uint8_t out[SHA1_SIZE])
{
    (void)context;
    return digest_with(EVP_sha1(), data, out);
}

EVP_PKEY *openssl_public_pkey(const struct public_key *key)
{
    const struct key_kind *kind = openssl_kind(key->type);

    if (kind == NULL || kind->openssl_name == NULL || key->size != kind->raw_size)
        return NULL;
    if (key->type != KEY_P256)
        return EVP_PKEY_new_raw_public_key_ex(NULL, kind->openssl_name, NULL, key->raw, key->size);

    char group[] = "P-256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)key->raw, key->size),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (context == NULL || EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &pkey, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
        pkey = NULL;
    EVP_PKEY_CTX_free(context);
    return pkey;
}

/* r || s to DER; the caller frees *out with OPENSSL_free. */
static int der_of_raw(struct bytes raw, uint8_t **out, size_t *out_size)
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(raw.data, 32, NULL);
    BIGNUM *s = BN_bin2bn(raw.data + 32, 32, NULL);

    if (pair == NULL || r == NULL || s == NULL) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(pair);
        return openssl_fault();
    }
    ECDSA_SIG_set0(pair, r, s);
    *out = NULL;
    int size = i2d_ECDSA_SIG(pair, out);
    ECDSA_SIG_free(pair);
    if (size <= 0)
        return openssl_fault();
    *out_size = (size_t)size;
    return 0;
}

int openssl_raw_of_der(const uint8_t *der, size_t size, uint8_t out[64])
{
    const uint8_t *at = der;
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &at, (long)size);

    if (pair == NULL)
        return openssl_fault();
    bool fits =
        BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, 32) == 32 && BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + 32, 32) == 32;
    ECDSA_SIG_free(pair);
    return fits ? 0 : openssl_fault();
}

static int verify(void *unused, const struct public_key *key, struct bytes message, struct bytes signature)
{
    (void)unused;
    uint8_t *der = NULL;
    size_t der_size = 0;

    EVP_PKEY *pkey = openssl_public_pkey(key);
    if (pkey == NULL) {
        ERR_clear_error();
        return crypto_openssl_has(key->type) ? 1 : PROTO_UNSUPPORTED;
    }
    int r = 0;
    struct bytes given = signature;
    if (key->type == KEY_P256 && signature.size != RAW_SIGNATURE_SIZE) {
        r = 1;
    } else if (key->type == KEY_P256) {
        r = der_of_raw(signature, &der, &der_size);
        given = bytes_view(der, der_size);
    }
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const EVP_MD *hash = key->type == KEY_P256 ? EVP_sha256() : NULL;
    if (r == 0 && (context == NULL || EVP_DigestVerifyInit(context, NULL, hash, NULL, pkey) != 1))
        r = openssl_fault();
    if (r == 0)
        r = EVP_DigestVerify(context, given.data, given.size, message.data, message.size) == 1 ? 0 : 1;
    ERR_clear_error();
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    OPENSSL_free(der);
    return r;
}

void crypto_openssl_proto(struct proto_crypto *out)
{
    *out = (struct proto_crypto){ .sha256 = openssl_sha256,
                                  .sha1 = sha1,
                                  .verify = verify,
                                  .hmac_sha256 = openssl_hmac_sha256,
                                  .aes_ctr = openssl_aes_ctr,
                                  .aes_wrap = openssl_aes_wrap,
                                  .aes_unwrap = openssl_aes_unwrap,
                                  .ecdh_ephemeral = openssl_ecdh_ephemeral,
                                  .sha256_begin = openssl_sha256_begin,
                                  .sha256_update = openssl_sha256_update,
                                  .sha256_finish = openssl_sha256_finish };
}

static int fill(void *context, uint8_t *out, size_t size)
{
    (void)context;
    for (size_t done = 0; done < size;) {
        int part = size - done > 1 << 20 ? 1 << 20 : (int)(size - done);
        if (RAND_priv_bytes(out + done, part) != 1)
            return openssl_fault();
        done += (size_t)part;
    }
    return 0;
}

void crypto_openssl_random(struct proto_random *out)
{
    *out = (struct proto_random){ .fill = fill };
}
