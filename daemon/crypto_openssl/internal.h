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
/* An ECDSA signature from DER to r || s. */
int openssl_raw_of_der(const uint8_t *der, size_t size, uint8_t out[64]);

#endif
