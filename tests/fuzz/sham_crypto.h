/* sham_crypto.h - cryptography that always agrees: every hash is 32 zeros, every signature holds. With it a fuzzer gets
 * past the digests into what lies behind them. */
#ifndef TINYPART_TESTS_FUZZ_SHAM_CRYPTO_H
#define TINYPART_TESTS_FUZZ_SHAM_CRYPTO_H

#include <stdlib.h>

#include "device_proto/crypto.h"

/* What a target claims of every input. */
#define EXPECT(claim) \
    do {              \
        if (!(claim)) \
            abort();  \
    } while (0)

static inline int sham_sha256(void *context, struct bytes data, uint8_t out_digest[DIGEST_SIZE])
{
    (void)context;
    (void)data;
    memset(out_digest, 0, DIGEST_SIZE);
    return 0;
}

static inline int sham_verify(void *context, const struct public_key *key, struct bytes message, struct bytes signature)
{
    (void)context;
    (void)key;
    (void)message;
    (void)signature;
    return 0;
}

static inline int sham_sign(void *context, struct bytes message, uint8_t *out, size_t capacity, size_t *out_size)
{
    (void)context;
    (void)message;
    EXPECT(capacity >= 64);
    memset(out, 0, 64);
    *out_size = 64;
    return 0;
}

/* The tag that holds is 32 zeros. */
static inline int sham_hmac(void *context, struct bytes key, struct bytes data, uint8_t out_tag[DIGEST_SIZE])
{
    (void)context;
    (void)key;
    (void)data;
    memset(out_tag, 0, DIGEST_SIZE);
    return 0;
}

/* The keystream depends on the counter alone. */
static inline int sham_ctr(void *context, const uint8_t key[AES_KEY_SIZE], const uint8_t counter[AES_BLOCK],
                           struct bytes in, uint8_t *out)
{
    (void)context;
    (void)key;
    for (size_t i = 0; i < in.size; i++)
        out[i] = in.data[i] ^ (uint8_t)(counter[AES_BLOCK - 1] + i / AES_BLOCK + i % AES_BLOCK);
    return 0;
}

static inline int sham_wrap(void *context, const uint8_t kek[AES_KEY_SIZE], struct bytes key, uint8_t *out)
{
    (void)context;
    (void)kek;
    memcpy(out, key.data, key.size);
    memset(out + key.size, 0, 8);
    return 0;
}

static inline int sham_unwrap(void *context, const uint8_t kek[AES_KEY_SIZE], struct bytes wrapped, uint8_t *out)
{
    (void)context;
    (void)kek;
    EXPECT(wrapped.size == AES_KEY_SIZE + 8);
    memcpy(out, wrapped.data, AES_KEY_SIZE);
    return 0;
}

static inline int sham_ephemeral(void *context, const struct public_key *peer, uint8_t out_ephemeral[P256_RAW_SIZE],
                                 uint8_t out_secret[SECRET_SIZE])
{
    (void)context;
    (void)peer;
    memset(out_ephemeral, 4, P256_RAW_SIZE);
    memset(out_secret, 0, SECRET_SIZE);
    return 0;
}

static inline int sham_agree(void *context, const uint8_t peer[P256_RAW_SIZE], uint8_t out_secret[SECRET_SIZE])
{
    (void)context;
    EXPECT(peer[0] == 0x04);
    memset(out_secret, 0, SECRET_SIZE);
    return 0;
}

static inline int sham_fill(void *context, uint8_t *out, size_t size)
{
    (void)context;
    memset(out, 0x5a, size);
    return 0;
}

static inline struct proto_crypto sham_crypto(void)
{
    struct proto_crypto crypto = { .sha256 = sham_sha256,
                                   .verify = sham_verify,
                                   .hmac_sha256 = sham_hmac,
                                   .aes_ctr = sham_ctr,
                                   .aes_wrap = sham_wrap,
                                   .aes_unwrap = sham_unwrap,
                                   .ecdh_ephemeral = sham_ephemeral };

    return crypto;
}

static inline struct public_key sham_key(enum key_type type)
{
    struct public_key key = { .type = type, .size = type == KEY_P256 ? 65 : 32 };

    return key;
}

static inline struct proto_signer sham_signer(enum key_type type)
{
    struct proto_signer signer = { .key = sham_key(type), .sign = sham_sign };

    return signer;
}

#endif
