/* internal.h - shared between this room's files only. */
#ifndef TINYPART_CRYPTO_OPENSSL_INTERNAL_H
#define TINYPART_CRYPTO_OPENSSL_INTERNAL_H

#include <stdbool.h>
#include <openssl/evp.h>

#include "daemon/crypto_openssl/crypto_openssl.h"

#define RAW_SIGNATURE_SIZE 64u /* of Ed25519, and of ECDSA P-256 as r || s */

/* Empties OpenSSL's error queue and gives the one fault that its failures become. */
int openssl_fault(void);
/* An ECDSA signature from DER to r || s. */
int openssl_raw_of_der(const uint8_t *der, size_t size, uint8_t out[64]);

#endif
