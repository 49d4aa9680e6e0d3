/* crypto.h - the cryptography that this room asks its user for.
 * The room signs, verifies and hashes through these callbacks only, so that firmware may bring its own library and the
 * daemon OpenSSL. Algorithm numbers are COSE's (RFC 9053, RFC 9864). */
#ifndef TINYPART_DEVICE_PROTO_CRYPTO_H
#define TINYPART_DEVICE_PROTO_CRYPTO_H

#include "device_proto/bytes.h"

enum cose_algorithm {
    COSE_ES256 = -7,    /* polymorphic, pre RFC 9864; P-256 only here */
    COSE_EDDSA = -8,    /* polymorphic, pre RFC 9864; Ed25519 only here */
    COSE_ESP256 = -9,   /* ECDSA P-256, SHA-256, signature r || s (64 bytes) */
    COSE_ED25519 = -19, /* PureEdDSA, signature 64 bytes */
};

enum key_type {
    KEY_ED25519 = 1, /* raw public key: 32 bytes (RFC 8032) */
    KEY_P256 = 2,    /* raw public key: 65 bytes, 0x04 || x || y (SEC 1) */
};

#define DIGEST_SIZE         32u /* SHA-256 */
#define SHA1_SIZE           20u
#define PUBLIC_KEY_SIZE_MAX 65u
#define SIGNATURE_SIZE_MAX  64u

struct public_key {
    enum key_type type;
    size_t size;
    uint8_t raw[PUBLIC_KEY_SIZE_MAX];
};

/* What a holder of no private key needs. Every callback returns 0, or a negative fault that is passed up unchanged;
 * verify returns 1 for a signature that does not hold. */
struct proto_crypto {
    void *context;
    int (*sha256)(void *context, struct bytes data, uint8_t out_digest[DIGEST_SIZE]);
    int (*verify)(void *context, const struct public_key *key, struct bytes message, struct bytes signature);
    /* Only for name-based UUIDs (RFC 9562 section 5.5), never for trust. May be NULL where none are made. */
    int (*sha1)(void *context, struct bytes data, uint8_t out_digest[SHA1_SIZE]);
};

/* A private key, wherever it lives: in a file, in an HSM, or offline. */
struct proto_signer {
    void *context;
    struct public_key key;
    int (*sign)(void *context, struct bytes message, uint8_t *out, size_t capacity, size_t *out_size);
};

/* The only source of randomness: fills out with size bytes, uniform and independent. 0, or a negative fault. */
struct proto_random {
    void *context;
    int (*fill)(void *context, uint8_t *out, size_t size);
};

#endif
