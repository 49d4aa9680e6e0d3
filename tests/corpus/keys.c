#include "tests/corpus/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/obj_mac.h>

/* Private halves: easily told apart, valid scalars. */
static void private_bytes(unsigned first, uint8_t out[32])
{
    for (unsigned i = 0; i < 32; i++)
        out[i] = (uint8_t)(first + i);
}

static const struct {
    const char *name;
    bool p256;
    unsigned first;
} rows[KEYS] = {
    [KEY_A] = { "a", false, 0x10 },
    [KEY_B] = { "b", true, 0x40 },
    [KEY_C] = { "c", false, 0x80 },
};

/* OpenSSL failing here means no memory, or a build without the algorithm. */
static void must(bool works)
{
    if (!works) {
        fputs("the cryptographic library failed\n", stderr);
        abort();
    }
}

const char *keys_name(enum corpus_key key)
{
    return rows[key].name;
}

bool keys_is_p256(enum corpus_key key)
{
    return rows[key].p256;
}

void keys_private(enum corpus_key key, uint8_t out[32])
{
    private_bytes(rows[key].first, out);
}

void keys_secret(uint8_t out[KEYS_SECRET_SIZE])
{
    private_bytes(0xc0, out);
}

void keys_sha256(const uint8_t *data, size_t size, uint8_t out[SHA256_SIZE])
{
    must(EVP_Digest(data, size, out, NULL, EVP_sha256(), NULL) == 1);
}

void keys_hmac(const uint8_t *key, size_t key_size, const uint8_t *data, size_t size, uint8_t out[SHA256_SIZE])
{
    must(HMAC(EVP_sha256(), key, (int)key_size, data, size, out, NULL) != NULL);
}

/* ---- Ed25519 ---- */

static EVP_PKEY *ed25519(const uint8_t secret[32])
{
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, 32);

    must(key != NULL);
    return key;
}

static void ed25519_sign(const uint8_t secret[32], const uint8_t *message, size_t size, uint8_t out[RAW_SIGNATURE])
{
    EVP_PKEY *key = ed25519(secret);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t out_size = RAW_SIGNATURE;

    must(context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1);
    must(EVP_DigestSign(context, out, &out_size, message, size) == 1);
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
}

/* ---- ECDSA ---- */

/* RFC 6979 section 3.2 with SHA-256 and a group order of 256 bits: candidates for the nonce, one after the other. */
struct nonces {
    uint8_t k[32], v[32];
};

static void nonces_step(struct nonces *nonces, int with, const uint8_t *extra, size_t extra_size)
{
    uint8_t data[32 + 1 + 64];
    size_t size = 32;

    memcpy(data, nonces->v, 32);
    if (with >= 0)
        data[size++] = (uint8_t)with;
    if (extra_size > 0)
        memcpy(data + size, extra, extra_size);
    keys_hmac(nonces->k, 32, data, size + extra_size, nonces->k);
    keys_hmac(nonces->k, 32, nonces->v, 32, nonces->v);
}

static void nonces_begin(struct nonces *nonces, const uint8_t secret[32], const uint8_t reduced[32])
{
    uint8_t both[64];

    memset(nonces->k, 0, 32);
    memset(nonces->v, 1, 32);
    memcpy(both, secret, 32);
    memcpy(both + 32, reduced, 32);
    nonces_step(nonces, 0, both, 64);
    nonces_step(nonces, 1, both, 64);
}

struct curve {
    EC_GROUP *group;
    BN_CTX *context;
    const BIGNUM *order;
};

static struct curve curve_begin(void)
{
    struct curve curve = { EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1), BN_CTX_new(), NULL };

    must(curve.group != NULL && curve.context != NULL);
    curve.order = EC_GROUP_get0_order(curve.group);
    return curve;
}

static void curve_end(struct curve *curve)
{
    BN_CTX_free(curve->context);
    EC_GROUP_free(curve->group);
}

/* scalar x the base point, in affine coordinates. */
static void curve_multiply(const struct curve *curve, const BIGNUM *scalar, BIGNUM *out_x, BIGNUM *out_y)
{
    EC_POINT *point = EC_POINT_new(curve->group);

    must(point != NULL && EC_POINT_mul(curve->group, point, scalar, NULL, NULL, curve->context) == 1);
    must(EC_POINT_get_affine_coordinates(curve->group, point, out_x, out_y, curve->context) == 1);
    EC_POINT_free(point);
}

/* r and s for one nonce; false where one of them is zero or the nonce is out of range. */
static bool ecdsa_try(const struct curve *curve, const BIGNUM *secret, const BIGNUM *hash, const uint8_t nonce[32],
                      uint8_t out[RAW_SIGNATURE])
{
    BIGNUM *k = BN_bin2bn(nonce, 32, NULL), *r = BN_new(), *s = BN_new();
    bool works = false;

    must(k != NULL && r != NULL && s != NULL);
    if (!BN_is_zero(k) && BN_cmp(k, curve->order) < 0) {
        curve_multiply(curve, k, r, s);
        must(BN_nnmod(r, r, curve->order, curve->context) == 1);
        must(BN_mod_mul(s, r, secret, curve->order, curve->context) == 1);
        must(BN_mod_add(s, s, hash, curve->order, curve->context) == 1);
        must(BN_mod_inverse(k, k, curve->order, curve->context) != NULL);
        must(BN_mod_mul(s, s, k, curve->order, curve->context) == 1);
        works = !BN_is_zero(r) && !BN_is_zero(s);
    }
    if (works)
        must(BN_bn2binpad(r, out, 32) == 32 && BN_bn2binpad(s, out + 32, 32) == 32);
    BN_clear_free(k);
    BN_free(r);
    BN_free(s);
    return works;
}

void keys_ecdsa(const uint8_t secret[32], const uint8_t *message, size_t size, uint8_t out[RAW_SIGNATURE])
{
    struct curve curve = curve_begin();
    BIGNUM *scalar = BN_bin2bn(secret, 32, NULL), *hash;
    uint8_t digest[32];
    struct nonces nonces;

    keys_sha256(message, size, digest);
    hash = BN_bin2bn(digest, 32, NULL);
    must(scalar != NULL && hash != NULL && BN_nnmod(hash, hash, curve.order, curve.context) == 1);
    must(BN_bn2binpad(hash, digest, 32) == 32);
    nonces_begin(&nonces, secret, digest);
    for (;;) {
        keys_hmac(nonces.k, 32, nonces.v, 32, nonces.v);
        if (ecdsa_try(&curve, scalar, hash, nonces.v, out))
            break;
        nonces_step(&nonces, 0, NULL, 0);
    }
    BN_clear_free(scalar);
    BN_free(hash);
    curve_end(&curve);
}

static void p256_public(const uint8_t secret[32], uint8_t out[65])
{
    struct curve curve = curve_begin();
    BIGNUM *scalar = BN_bin2bn(secret, 32, NULL), *x = BN_new(), *y = BN_new();

    must(scalar != NULL && x != NULL && y != NULL);
    curve_multiply(&curve, scalar, x, y);
    out[0] = 4;
    must(BN_bn2binpad(x, out + 1, 32) == 32 && BN_bn2binpad(y, out + 33, 32) == 32);
    BN_clear_free(scalar);
    BN_free(x);
    BN_free(y);
    curve_end(&curve);
}

/* ---- by name ---- */

size_t keys_public(enum corpus_key key, uint8_t out[65])
{
    size_t size = 32;
    uint8_t secret[32];
    EVP_PKEY *pair;

    keys_private(key, secret);
    if (rows[key].p256) {
        p256_public(secret, out);
        return 65;
    }
    pair = ed25519(secret);
    must(EVP_PKEY_get_raw_public_key(pair, out, &size) == 1);
    EVP_PKEY_free(pair);
    return size;
}

void keys_sign(enum corpus_key key, const uint8_t *message, size_t size, uint8_t out[RAW_SIGNATURE])
{
    uint8_t secret[32];

    keys_private(key, secret);
    if (rows[key].p256)
        keys_ecdsa(secret, message, size, out);
    else
        ed25519_sign(secret, message, size, out);
}
