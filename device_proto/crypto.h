/* crypto.h - the cryptography that this room asks its user for.
 * The room signs, verifies, hashes and decrypts through these callbacks only, so that firmware may bring its own
 * library and the daemon OpenSSL. Algorithm numbers are COSE's (RFC 9053, RFC 9864, RFC 8778, RFC 9964, RFC 9459). */
#ifndef TINYPART_DEVICE_PROTO_CRYPTO_H
#define TINYPART_DEVICE_PROTO_CRYPTO_H

#include "device_proto/bytes.h"

enum cose_algorithm {
    COSE_ES256 = -7,    /* polymorphic, pre RFC 9864; P-256 only here */
    COSE_EDDSA = -8,    /* polymorphic, pre RFC 9864; Ed25519 only here */
    COSE_ESP256 = -9,   /* ECDSA P-256, SHA-256, signature r || s (64 bytes) */
    COSE_ED25519 = -19, /* PureEdDSA, signature 64 bytes */
    COSE_HSS_LMS = -46, /* RFC 8554; the size of a signature is its key's (device_proto/hss.h) */
    COSE_ML_DSA_44 = -48,
    COSE_ML_DSA_65 = -49, /* pure mode with an empty context */
    COSE_ML_DSA_87 = -50,

    COSE_HMAC_256 = 5, /* HMAC with SHA-256, whole tag: 32 bytes */

    COSE_A128KW = -3,          /* AES key wrap (RFC 3394) */
    COSE_ECDH_ES_A128KW = -29, /* ephemeral-static P-256, HKDF-SHA-256, then A128KW */

    COSE_A128GCM = 1,      /* 12-byte nonce, 16-byte tag */
    COSE_A128CTR = -65534, /* 16-byte counter block, no integrity of its own */
};

enum key_type {
    KEY_ED25519 = 1, /* raw public key: 32 bytes (RFC 8032) */
    KEY_P256,        /* 65 bytes, 0x04 || x || y (SEC 1) */
    KEY_HSS_LMS,     /* 52 (n = 24) or 60 (n = 32) bytes: levels, LMS type, LM-OTS type, I, T[1] (RFC 8554) */
    KEY_ML_DSA_44,   /* 1312 bytes (FIPS 204) */
    KEY_ML_DSA_65,   /* 1952 bytes */
    KEY_ML_DSA_87,   /* 2592 bytes */
};

#define DIGEST_SIZE   32u /* SHA-256 */
#define SHA1_SIZE     20u
#define AES_KEY_SIZE  16u
#define AES_BLOCK     16u
#define SECRET_SIZE   32u /* of a P-256 agreement: the point's x coordinate */
#define P256_RAW_SIZE 65u

/* The largest public key and the largest signature that a build can hold: ML-DSA-87's. Firmware that knows no ML-DSA is
 * compiled with 65 and 64 (or an HSS-LMS signature's size). Signatures are only ever made into room of this size;
 * those that are verified are views of any size. */
#ifndef PUBLIC_KEY_SIZE_MAX
#define PUBLIC_KEY_SIZE_MAX 2592u
#endif
#ifndef SIGNATURE_SIZE_MAX
#define SIGNATURE_SIZE_MAX 4627u
#endif

struct public_key {
    enum key_type type;
    size_t size;
    uint8_t raw[PUBLIC_KEY_SIZE_MAX];
};

/* SHA-256 in parts: room for the state of whichever library hashes, on the caller's stack. */
struct sha256_stream {
    uint64_t state[16];
};

/* What a holder of no private key needs. Every callback returns 0, or a negative fault that is passed up unchanged;
 * verify returns 1 for a signature that does not hold, or PROTO_UNSUPPORTED for a kind of key that the library behind
 * it lacks. Those from sha1 on may be NULL where nothing asks for them: what would need one is then refused as
 * unsupported. */
#define PROTO_UNSUPPORTED 2
struct proto_crypto {
    void *context;
    int (*sha256)(void *context, struct bytes data, uint8_t out_digest[DIGEST_SIZE]);
    int (*verify)(void *context, const struct public_key *key, struct bytes message, struct bytes signature);
    /* Only for name-based UUIDs (RFC 9562 section 5.5), never for trust. */
    int (*sha1)(void *context, struct bytes data, uint8_t out_digest[SHA1_SIZE]);
    /* RFC 2104 with SHA-256; a key of any size. */
    int (*hmac_sha256)(void *context, struct bytes key, struct bytes data, uint8_t out_tag[DIGEST_SIZE]);
    /* AES-128 in counter mode (SP 800-38A): in, xor the encryptions of counter, counter + 1, ... (a big-endian number
     * of 128 bits), to out of the same size; out may be in's own memory. Encrypts and decrypts; longer data comes in
     * parts of whole blocks, the caller counts on. AES-GCM is made of this too (cose.h). */
    int (*aes_ctr)(void *context, const uint8_t key[AES_KEY_SIZE], const uint8_t counter[AES_BLOCK], struct bytes in,
                   uint8_t *out);
    /* RFC 3394 with a 16-byte key-encryption key. wrap gives key.size + 8 bytes, unwrap takes them apart; 1: they were
     * not wrapped with kek. */
    int (*aes_wrap)(void *context, const uint8_t kek[AES_KEY_SIZE], struct bytes key, uint8_t *out);
    int (*aes_unwrap)(void *context, const uint8_t kek[AES_KEY_SIZE], struct bytes wrapped, uint8_t *out);
    /* An author's side of P-256 ephemeral-static agreement: makes a key pair, gives its public half and the shared
     * secret with peer, and forgets the private half. 1: peer is no point of the curve. */
    int (*ecdh_ephemeral)(void *context, const struct public_key *peer, uint8_t out_ephemeral[P256_RAW_SIZE],
                          uint8_t out_secret[SECRET_SIZE]);
    /* SHA-256 of what does not lie in one place: begin, update any number of times, finish. May be NULL where no
     * HSS-LMS signature is checked. A stream may be dropped at any time: nothing is to be freed. */
    int (*sha256_begin)(void *context, struct sha256_stream *stream);
    int (*sha256_update)(void *context, struct sha256_stream *stream, struct bytes part);
    int (*sha256_finish)(void *context, struct sha256_stream *stream, uint8_t out_digest[DIGEST_SIZE]);
};

/* A private key, wherever it lives: in a file, in an HSM, or offline. */
struct proto_signer {
    void *context;
    struct public_key key;
    int (*sign)(void *context, struct bytes message, uint8_t *out, size_t capacity, size_t *out_size);
    /* How many signatures the key can still make; NULL: as many as are asked for. */
    uint64_t (*left)(void *context);
};

/* A private P-256 key for agreement, wherever it lives. 1: peer (0x04 || x || y) is no point of the curve. */
struct proto_agreement {
    void *context;
    int (*agree)(void *context, const uint8_t peer[P256_RAW_SIZE], uint8_t out_secret[SECRET_SIZE]);
};

/* The only source of randomness: fills out with size bytes, uniform and independent. 0, or a negative fault. */
struct proto_random {
    void *context;
    int (*fill)(void *context, uint8_t *out, size_t size);
};

#endif
