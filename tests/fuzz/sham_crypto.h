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

static inline struct proto_crypto sham_crypto(void)
{
    struct proto_crypto crypto = { .sha256 = sham_sha256, .verify = sham_verify };

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
