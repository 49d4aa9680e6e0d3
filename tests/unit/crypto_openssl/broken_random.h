/* broken_random.h - the buffer of random_buffer.c with a DRBG behind it that can be broken. One at a time. */
#ifndef TINYPART_TESTS_CRYPTO_OPENSSL_BROKEN_RANDOM_H
#define TINYPART_TESTS_CRYPTO_OPENSSL_BROKEN_RANDOM_H

#include "device_proto/crypto.h"

enum breakage {
    BREAK_NOT,
    BREAK_SEED,        /* there is none at the start */
    BREAK_RESEED,      /* there is none later */
    BREAK_FAULT,       /* no bytes come */
    BREAK_STUCK,       /* always the same block comes */
    BREAK_STUCK_LATER, /* the last two blocks of a buffer are the same */
};

int broken_random_new(enum breakage breakage);
void broken_random_port(enum breakage breakage, struct proto_random *out); /* a new one */
void broken_random_break(enum breakage breakage);
void broken_random_free(void);
/* Whether the first count bytes of the buffer are all zero. */
bool broken_random_cleared(size_t count);

#endif
