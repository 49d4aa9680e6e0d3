/* random.h - the source of all noise: an AES-256-CTR DRBG (NIST SP 800-90A) of its own, seeded from the kernel.
 * OpenSSL's, with a buffer before it, since noise asks for few bytes at a time. What makes it safe:
 * - seeded and reseeded from getrandom: at the start, after every RANDOM_RESEED_BYTES, and in a forked child;
 * - the buffer lies in pages that the kernel wipes in a forked child and leaves out of core dumps; bytes given out are
 *   cleared at once;
 * - two equal blocks in a row, which chance makes once in 2^128, or any failure of OpenSSL, stop it for good: no bytes
 *   rather than bad ones. */
#ifndef TINYPART_CRYPTO_OPENSSL_RANDOM_H
#define TINYPART_CRYPTO_OPENSSL_RANDOM_H

#include "device_proto/crypto.h"

#define RANDOM_BUFFER_BYTES 16384u
#define RANDOM_RESEED_BYTES (1u << 24)

struct crypto_random;

/* 0, or a negative fault: -EIO where OpenSSL or the kernel gives no randomness, -ENOMEM. */
int crypto_random_new(struct crypto_random **out);
void crypto_random_free(struct crypto_random *random); /* NULL is fine; everything is cleared */
/* The port; borrows random. Safe to call from several threads, and in a forked child. */
void crypto_random_port(struct crypto_random *random, struct proto_random *out);
/* Its numbers so far, for status and tests. */
struct crypto_random_numbers {
    uint64_t bytes;   /* given out */
    uint64_t reseeds; /* the first seed included */
};
struct crypto_random_numbers crypto_random_numbers(struct crypto_random *random);

#endif
