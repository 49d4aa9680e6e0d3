/* lab.h - a folder of its own for each test's key, and what a verifier learns from signatures. */
#ifndef TINYPART_TESTS_HSS_LAB_H
#define TINYPART_TESTS_HSS_LAB_H

#include "daemon/hss/hss_key.h"
#include "device_proto/hss.h"

enum { LAB_SIGNATURE_MAX = 32768 };

struct lab {
    struct proto_crypto crypto;
    struct proto_random random;
    char folder[64];
    char file[96], state[112], mark[112], tree[112];
    uint8_t signature[LAB_SIGNATURE_MAX];
    size_t size;
};

int lab_setup(void **state);
int lab_teardown(void **state);

/* A new key in the lab's folder. */
struct hss_key *lab_generate(struct lab *lab, unsigned n, unsigned height, unsigned width, unsigned levels);
/* The key from its file once more. */
struct hss_key *lab_open(struct lab *lab);
/* Signs and verifies; gives the index of the one-time key used: the levels' q, put together. */
uint64_t lab_sign(struct lab *lab, struct hss_key *key, const char *message);
/* The index within a signature that verified. */
uint64_t lab_index(const struct lms_parameters *parameters, unsigned levels, const uint8_t *signature);

/* Whole small files. */
size_t lab_read(const char *path, void *out, size_t capacity);
void lab_write(const char *path, const void *content, size_t size);

#endif
