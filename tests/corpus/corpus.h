/* corpus.h - messages with a verdict each: what a maker of a kind provides, and what the whole corpus gives.
 * A verdict comes from how a message was made, never from asking a decoder. Every kind is a table of cases; entry i of
 * a corpus is case i / kinds of kind i % kinds, made from a seed of its own, so it can be made again alone. */
#ifndef TINYPART_TESTS_CORPUS_H
#define TINYPART_TESTS_CORPUS_H

#include <stdbool.h>

#include "tests/corpus/emit.h"
#include "tests/corpus/random.h"

enum verdict {
    ACCEPT, /* what its specification allows */
    REFUSE, /* breaks its specification, is not authentic, or must not be acted on */
    LIMIT,  /* allowed by its specification, and beyond a bound that recipients state: safe to refuse, safe to take */
};

struct making {
    struct random random;
    struct emit out;
    uint64_t round; /* how many times this case was made before: lets a case walk through its variants */
};

/* One way to make a message of a kind. */
struct corpus_case {
    const char *name; /* [a-z0-9-] */
    void (*make)(struct making *making);
    enum verdict verdict;
    const char *reason; /* why it is to be refused: one of the words in the published README; NULL for ACCEPT */
    const char *broken; /* the section that says so */
};

struct corpus_kind {
    const char *name;
    const char *ending; /* of its files: "cbor", "json" ... */
    const struct corpus_case *cases;
    size_t case_count;
};

extern const struct corpus_kind *const corpus_kinds[];
extern const size_t corpus_kind_count;

#define CORPUS_SEED  1u
#define CORPUS_COUNT 4000u

struct corpus_entry {
    const struct corpus_kind *kind;
    const struct corpus_case *how;
    uint64_t seed;
    char file[96]; /* kind/number-case.ending */
    const uint8_t *data;
    size_t size;
};

/* Makes entry number of the corpus of that seed; its bytes lie in making until that is used again. */
void corpus_make(uint64_t seed, uint64_t number, struct making *making, struct corpus_entry *out);

#define ROWS(array) (array), sizeof(array) / sizeof((array)[0])

#endif
