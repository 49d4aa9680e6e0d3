/* random_drbg.c - OpenSSL's CTR-DRBG instance, and when it is made anew. */
#include "daemon/crypto_openssl/random_drbg.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/rand.h>

#include "daemon/crypto_openssl/internal.h"

/* The kernel's randomness as OpenSSL reads it (getrandom, or /dev/urandom where that is missing), never a parent DRBG
 * whose state a fork could share. */
static EVP_RAND_CTX *kernel_new(void)
{
    EVP_RAND *source = EVP_RAND_fetch(NULL, "SEED-SRC", NULL);
    EVP_RAND_CTX *kernel = source == NULL ? NULL : EVP_RAND_CTX_new(source, NULL);

    EVP_RAND_free(source);
    if (kernel != NULL && EVP_RAND_instantiate(kernel, 0, 0, NULL, 0, NULL) == 1)
        return kernel;
    EVP_RAND_CTX_free(kernel);
    return NULL;
}

void random_drbg_free(EVP_RAND_CTX *drbg)
{
    EVP_RAND_CTX_free(drbg); /* OpenSSL clears its state */
}

int random_drbg_new(EVP_RAND_CTX **out)
{
    char cipher[] = "AES-256-CTR";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_DRBG_PARAM_CIPHER, cipher, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_RAND_CTX *kernel = kernel_new();
    EVP_RAND *kind = EVP_RAND_fetch(NULL, "CTR-DRBG", NULL);
    EVP_RAND_CTX *drbg = kernel == NULL || kind == NULL ? NULL : EVP_RAND_CTX_new(kind, kernel);

    EVP_RAND_free(kind);
    EVP_RAND_CTX_free(kernel); /* the DRBG holds a reference of its own */
    if (drbg == NULL || EVP_RAND_instantiate(drbg, 256, 0, NULL, 0, parameters) != 1) {
        random_drbg_free(drbg);
        return openssl_fault();
    }
    *out = drbg;
    return 0;
}

int random_drbg_reseed(EVP_RAND_CTX *drbg)
{
    return EVP_RAND_reseed(drbg, 0, NULL, 0, NULL, 0) == 1 ? 0 : openssl_fault();
}

int random_drbg_generate(EVP_RAND_CTX *drbg, uint8_t *out, size_t size)
{
    return EVP_RAND_generate(drbg, out, size, 256, 0, NULL, 0) == 1 ? 0 : openssl_fault();
}
