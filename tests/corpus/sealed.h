/* sealed.h - COSE_Sign1 around whatever a kind signs, right or wrong. */
#ifndef TINYPART_TESTS_CORPUS_SEALED_H
#define TINYPART_TESTS_CORPUS_SEALED_H

#include "tests/corpus/corpus.h"
#include "tests/corpus/keys.h"

#define COSE_TAG_SIGN1 18u

enum { ALG_ES256 = -7, ALG_EDDSA = -8, ALG_ESP256 = -9, ALG_ED25519 = -19 };

struct seal {
    enum corpus_key key;
    int64_t algorithm;    /* as the protected header says */
    uint64_t tag;         /* 0: none */
    bool detached;        /* the payload is nil */
    bool broken;          /* one bit of the signature is another */
    const char *kid;      /* NULL: none */
    const char *external; /* external data; NULL: none */
};

/* Key A or B with one of its algorithms, tagged. */
struct seal seal_random(struct random *random);

/* { 1: algorithm }, wrapped. */
void seal_header(struct emit *out, int64_t algorithm);
/* The signature over Signature1, header (with its head), external data and payload. */
void seal_sign(const struct seal *seal, const struct emit *header, const struct emit *payload,
               uint8_t out[RAW_SIGNATURE]);
/* The whole message. random says which bit is broken. */
void seal_write(struct emit *out, const struct seal *seal, const struct emit *payload, struct random *random);

#endif
