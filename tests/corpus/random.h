/* random.h - the generator's own pseudo-random numbers, so that a seed means the same bytes everywhere.
 * xoshiro256** (Blackman and Vigna), its state filled by splitmix64. Not for keys: everything here is public. */
#ifndef TINYPART_TESTS_CORPUS_RANDOM_H
#define TINYPART_TESTS_CORPUS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Draw one number in an expression, never two: C does not say which of them is drawn first. */
struct random {
    uint64_t state[4];
};

/* One step of splitmix64: also what turns the corpus's seed and an entry's number into the entry's seed. */
uint64_t random_mix(uint64_t value);

void random_seed(struct random *random, uint64_t seed);
uint64_t random_word(struct random *random);
/* 0 .. n-1 (a remainder: the bias does not matter here); n >= 1. */
uint64_t random_below(struct random *random, uint64_t n);
/* low .. high, both included. */
uint64_t random_between(struct random *random, uint64_t low, uint64_t high);
void random_fill(struct random *random, uint8_t *out, size_t size);

#endif
