/* internal.h - shared between this room's files only. */
#ifndef TINYPART_CRYPTO_OPENSSL_INTERNAL_H
#define TINYPART_CRYPTO_OPENSSL_INTERNAL_H

#include <stdbool.h>
#include <openssl/evp.h>

#include "daemon/crypto_openssl/crypto_openssl.h"

#define RAW_SIGNATURE_SIZE 64u /* of Ed25519, and of ECDSA P-256 as r || s */

/* Empties OpenSSL's error queue and gives the one fault that its failures become. */
int openssl_fault(void);
/* SHA-256 in one go and in parts (sha256.c). */
int openssl_sha256(void *context, struct bytes data, uint8_t out[DIGEST_SIZE]);
int openssl_sha256_begin(void *context, struct sha256_stream *stream);
int openssl_sha256_update(void *context, struct sha256_stream *stream, struct bytes part);
int openssl_sha256_finish(void *context, struct sha256_stream *stream, uint8_t out[DIGEST_SIZE]);
int openssl_hmac_sha256(void *context, struct bytes key, struct bytes data, uint8_t out_tag[DIGEST_SIZE]);
/* AES-128, and P-256 agreement (cipher.c): the callbacks of struct proto_crypto. */
int openssl_aes_ctr(void *context, const uint8_t key[AES_KEY_SIZE], const uint8_t counter[AES_BLOCK], struct bytes in,
                    uint8_t *out);
int openssl_aes_wrap(void *context, const uint8_t kek[AES_KEY_SIZE], struct bytes key, uint8_t *out);
int openssl_aes_unwrap(void *context, const uint8_t kek[AES_KEY_SIZE], struct bytes wrapped, uint8_t *out);
int openssl_ecdh_ephemeral(void *context, const struct public_key *peer, uint8_t out_ephemeral[P256_RAW_SIZE],
                           uint8_t out_secret[SECRET_SIZE]);
int openssl_agree(EVP_PKEY *own, const uint8_t peer[P256_RAW_SIZE], uint8_t out_secret[SECRET_SIZE]);

/* A kind of key (kinds.c). */
struct key_kind {
    enum key_type type;
    const char *name;         /* what people and JSON call it */
    const char *openssl_name; /* NULL: OpenSSL has none */
    size_t raw_size;          /* of the public key; HSS-LMS has 52 as well */
    uint8_t identifier[21];   /* AlgorithmIdentifier in DER */
    size_t identifier_size;
};
const struct key_kind *openssl_kind(enum key_type type); /* NULL: no such */
const struct key_kind *openssl_kind_of(EVP_PKEY *pkey);  /* NULL: of another kind */

#define SPKI_HEAD_MAX 32u
#define SPKI_MAX      (SPKI_HEAD_MAX + PUBLIC_KEY_SIZE_MAX)
size_t openssl_spki_write(const struct public_key *key, uint8_t out[SPKI_MAX]); /* the size; 0: no such kind */
/* Takes only the shape that openssl_spki_write gives; checks no point. */
bool openssl_spki_read(struct bytes der, struct public_key *out);

/* A public EVP_PKEY, or NULL when the bytes are no key, or OpenSSL lacks the kind. */
EVP_PKEY *openssl_public_pkey(const struct public_key *key);
/* An ECDSA signature from DER to r || s. */
int openssl_raw_of_der(const uint8_t *der, size_t size, uint8_t out[64]);

#endif
