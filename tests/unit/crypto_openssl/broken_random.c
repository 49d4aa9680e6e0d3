#define crypto_random_new     broken_new
#define crypto_random_free    broken_free
#define crypto_random_port    broken_port
#define crypto_random_numbers broken_numbers
#define random_drbg_new       broken_drbg_new
#define random_drbg_free      broken_drbg_free
#define random_drbg_reseed    broken_drbg_reseed
#define random_drbg_generate  broken_drbg_generate
#include "daemon/crypto_openssl/random_buffer.c"

#include "tests/unit/crypto_openssl/broken_random.h"

#include <string.h>

static enum breakage now;
static uint64_t counter;
static struct crypto_random *made;

int broken_drbg_new(EVP_RAND_CTX **out)
{
    *out = NULL;
    return now == BREAK_SEED ? -EIO : 0;
}

void broken_drbg_free(EVP_RAND_CTX *drbg)
{
    (void)drbg;
}

int broken_drbg_reseed(EVP_RAND_CTX *drbg)
{
    (void)drbg;
    return now == BREAK_RESEED ? -EIO : 0;
}

/* Numbers each block, so that no two are the same. */
int broken_drbg_generate(EVP_RAND_CTX *drbg, uint8_t *out, size_t size)
{
    (void)drbg;
    for (size_t at = 0; at < size; at += BLOCK) {
        if (now != BREAK_STUCK && (now != BREAK_STUCK_LATER || at + BLOCK < size))
            counter++;
        memset(out + at, 0xA5, BLOCK);
        memcpy(out + at, &counter, sizeof(counter));
    }
    return now == BREAK_FAULT ? -EIO : 0;
}

int broken_random_new(enum breakage breakage)
{
    now = breakage;
    return broken_new(&made);
}

void broken_random_port(enum breakage breakage, struct proto_random *out)
{
    if (broken_random_new(breakage) == 0)
        broken_port(made, out);
}

void broken_random_break(enum breakage breakage)
{
    now = breakage;
}

void broken_random_free(void)
{
    broken_free(made);
    made = NULL;
}

bool broken_random_cleared(size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (made->wiped->buffer[i] != 0)
            return false;
    return true;
}
