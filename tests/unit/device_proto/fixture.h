/* fixture.h - hex, files and vectors for this room's tests. */
#ifndef TINYPART_TESTS_DEVICE_PROTO_FIXTURE_H
#define TINYPART_TESTS_DEVICE_PROTO_FIXTURE_H

#include <jansson.h>

#include "device_proto/crypto.h"

/* Decodes hex (white space and lines that begin with # are skipped); fails the test where it is none or does not fit.
 */
struct bytes fixture_hex(const char *hex, uint8_t *out, size_t capacity);

/* A file of the source tree; fails the test where it is missing. */
struct bytes fixture_source(const char *path, uint8_t *out, size_t capacity);

/* A file of the vectors ($TINYPART_VECTORS, or ../shared/vectors beside the source root). false, said aloud, where
 * there is none. */
bool fixture_vector(const char *path, uint8_t *out, size_t capacity, struct bytes *out_file);

/* The same as parsed JSON, to be freed with json_decref; NULL where there is none. */
json_t *fixture_vector_json(const char *path);

/* Calls each with the name of every file of a folder of vectors that ends so; gives their number. */
size_t fixture_vector_each(const char *folder, const char *suffix, void (*each)(void *context, const char *name),
                           void *context);

/* A reproducible source of randomness (splitmix64). */
struct fixture_random {
    uint64_t state;
    uint64_t word;
    unsigned left; /* bytes left in word */
};
struct proto_random fixture_random(struct fixture_random *random, uint64_t seed);

/* A source that gives these bytes and then fails with -5. */
struct fixture_script {
    struct bytes rest;
};
struct proto_random fixture_script(struct fixture_script *script);

#endif
