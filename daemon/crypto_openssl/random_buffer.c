/* random_buffer.c - the buffer before the DRBG: who gets which bytes, when the DRBG is seeded anew, and when it stops.
 */
#include "daemon/crypto_openssl/random.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/crypto_openssl/random_drbg.h"

enum { BLOCK = 16 }; /* bytes compared for the health check: one block of AES */

/* In pages of its own. A forked child finds them all zero: alive is 0 there, and nothing is left to give out. */
struct wiped {
    uint64_t alive;
    size_t left; /* bytes not yet given out, at the end of the buffer */
    uint8_t last[BLOCK];
    uint8_t buffer[RANDOM_BUFFER_BYTES];
};

struct crypto_random {
    pthread_mutex_t mutex;
    EVP_RAND_CTX *drbg;
    struct wiped *wiped;
    pid_t pid; /* asked for where the kernel does not wipe; 0: it does */
    int stopped;
    uint64_t since_seed;
    struct crypto_random_numbers numbers;
};

static bool forked(const struct crypto_random *random)
{
    return random->wiped->alive == 0 || (random->pid != 0 && random->pid != getpid());
}

/* The first seed, and a forked child's: nothing of an older DRBG is kept. */
static int start(struct crypto_random *random)
{
    int r;

    random_drbg_free(random->drbg);
    random->drbg = NULL;
    OPENSSL_cleanse(random->wiped, sizeof(*random->wiped));
    r = random_drbg_new(&random->drbg);
    if (r == 0)
        r = random_drbg_generate(random->drbg, random->wiped->last, BLOCK);
    if (r != 0)
        return r;
    random->wiped->alive = 1;
    random->pid = random->pid == 0 ? 0 : getpid();
    random->since_seed = 0;
    random->numbers.reseeds++;
    return 0;
}

/* No block of AES in counter mode is the one before it; a source that is stuck gives just that. Whole words, and no
 * early end: this is on the way of every byte. */
static int check_health(struct wiped *wiped)
{
    uint64_t before[2], here[2];
    unsigned equal = 0;

    memcpy(before, wiped->last, BLOCK);
    for (size_t at = 0; at < RANDOM_BUFFER_BYTES; at += BLOCK) {
        memcpy(here, wiped->buffer + at, BLOCK);
        equal |= ((before[0] ^ here[0]) | (before[1] ^ here[1])) == 0;
        memcpy(before, here, BLOCK);
    }
    memcpy(wiped->last, before, BLOCK);
    OPENSSL_cleanse(before, sizeof(before));
    OPENSSL_cleanse(here, sizeof(here));
    return equal == 0 ? 0 : -EIO;
}

static int refill(struct crypto_random *random)
{
    int r = 0;

    if (random->since_seed >= RANDOM_RESEED_BYTES) {
        r = random_drbg_reseed(random->drbg);
        random->since_seed = 0;
        random->numbers.reseeds += r == 0;
    }
    if (r == 0)
        r = random_drbg_generate(random->drbg, random->wiped->buffer, RANDOM_BUFFER_BYTES);
    if (r == 0)
        r = check_health(random->wiped);
    if (r != 0)
        return r;
    random->since_seed += RANDOM_BUFFER_BYTES;
    random->wiped->left = RANDOM_BUFFER_BYTES;
    return 0;
}

static int give(struct crypto_random *random, uint8_t *out, size_t size)
{
    struct wiped *wiped = random->wiped;

    for (size_t done = 0; done < size;) {
        int r = wiped->left == 0 ? refill(random) : 0;
        if (r != 0)
            return r;
        size_t part = size - done < wiped->left ? size - done : wiped->left;
        uint8_t *from = wiped->buffer + (RANDOM_BUFFER_BYTES - wiped->left);
        memcpy(out + done, from, part);
        memset(from, 0, part); /* the pages stay mapped and are read later: no compiler may leave this out */
        wiped->left -= part;
        done += part;
    }
    random->numbers.bytes += size;
    return 0;
}

static int fill(void *context, uint8_t *out, size_t size)
{
    struct crypto_random *random = context;

    pthread_mutex_lock(&random->mutex);
    int r = random->stopped;
    if (r == 0 && forked(random))
        r = start(random);
    if (r == 0)
        r = give(random, out, size);
    if (r != 0) {
        random->stopped = r;
        OPENSSL_cleanse(out, size);
    }
    pthread_mutex_unlock(&random->mutex);
    return r;
}

static struct wiped *map(bool *out_wiped)
{
    struct wiped *wiped = mmap(NULL, sizeof(*wiped), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (wiped == MAP_FAILED)
        return NULL;
    *out_wiped = madvise(wiped, sizeof(*wiped), MADV_WIPEONFORK) == 0;
    (void)madvise(wiped, sizeof(*wiped), MADV_DONTDUMP);
    (void)mlock(wiped, sizeof(*wiped)); /* not swapped, where the limit allows */
    return wiped;
}

int crypto_random_new(struct crypto_random **out)
{
    struct crypto_random *random = calloc(1, sizeof(*random));
    bool wipes = false;

    if (random == NULL)
        return -ENOMEM;
    random->wiped = map(&wipes);
    if (random->wiped == NULL) {
        free(random);
        return -ENOMEM;
    }
    random->pid = wipes ? 0 : getpid();
    pthread_mutex_init(&random->mutex, NULL);
    int r = start(random);
    if (r != 0) {
        crypto_random_free(random);
        return r;
    }
    *out = random;
    return 0;
}

void crypto_random_free(struct crypto_random *random)
{
    if (random == NULL)
        return;
    random_drbg_free(random->drbg);
    OPENSSL_cleanse(random->wiped, sizeof(*random->wiped));
    munmap(random->wiped, sizeof(*random->wiped));
    pthread_mutex_destroy(&random->mutex);
    free(random);
}

void crypto_random_port(struct crypto_random *random, struct proto_random *out)
{
    *out = (struct proto_random){ .context = random, .fill = fill };
}

struct crypto_random_numbers crypto_random_numbers(struct crypto_random *random)
{
    pthread_mutex_lock(&random->mutex);
    struct crypto_random_numbers numbers = random->numbers;
    pthread_mutex_unlock(&random->mutex);
    return numbers;
}
