/* random_drbg.h - one AES-256-CTR DRBG of OpenSSL, between the files random_*.c only. In a file of its own, so that
 * tests can put a broken one in its place. All return 0 or a negative fault. */
#ifndef TINYPART_CRYPTO_OPENSSL_RANDOM_DRBG_H
#define TINYPART_CRYPTO_OPENSSL_RANDOM_DRBG_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

int random_drbg_new(EVP_RAND_CTX **out);
void random_drbg_free(EVP_RAND_CTX *drbg); /* NULL is fine */
int random_drbg_reseed(EVP_RAND_CTX *drbg);
int random_drbg_generate(EVP_RAND_CTX *drbg, uint8_t *out, size_t size);

#endif
