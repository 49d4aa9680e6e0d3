/* fail_everywhere.h - a deed that fails at each of its steps in the store, one after another (I2, I12). */
#ifndef TINYPART_TESTS_CORE_FAIL_EVERYWHERE_H
#define TINYPART_TESTS_CORE_FAIL_EVERYWHERE_H

#include "tests/unit/core/lab.h"

/* 0, or what the rules returned. */
typedef int (*fail_deed)(struct lab *lab, void *context);

/* Does the deed over and over: the first time the first call of one of the verbs that releases and packs rest on gives
 * -EIO, then the second, until all went well. Each time before, the deed has to pass that fault up, and every row of
 * every table must be as it was. How many calls there are that can fail. */
int fail_everywhere(struct lab *lab, fail_deed deed, void *context);

/* The same of a release of acme; *out is the one that came through. */
int fail_everywhere_release(struct lab *lab, const struct release_order *order, struct release *out);

/* A source of random numbers that has none. */
extern const struct proto_random no_random;

#endif
