/* sham_random.h - the same random numbers in every run (splitmix64), for samplers under test. */
#ifndef TINYPART_TESTS_CORE_SHAM_RANDOM_H
#define TINYPART_TESTS_CORE_SHAM_RANDOM_H

#include "device_proto/crypto.h"

struct sham_random {
    uint64_t state;
};

static inline int sham_random_fill(void *context, uint8_t *out, size_t size)
{
    struct sham_random *source = (struct sham_random *)context;

    for (size_t i = 0; i < size; i++) {
        uint64_t mixed = source->state += 0x9e3779b97f4a7c15u;
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
        out[i] = (uint8_t)(mixed >> 56);
    }
    return 0;
}

static inline struct proto_random sham_random_port(struct sham_random *source)
{
    return (struct proto_random){ .context = source, .fill = sham_random_fill };
}

#endif
