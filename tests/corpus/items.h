/* items.h - random CBOR items, for the kind of that name and wherever another kind needs a filling. */
#ifndef TINYPART_TESTS_CORPUS_ITEMS_H
#define TINYPART_TESTS_CORPUS_ITEMS_H

#include "tests/corpus/corpus.h"

/* A random item in deterministic encoding (RFC 8949 section 4.2.1), containers at most depth deep. */
void item_deterministic(struct random *random, struct emit *out, unsigned depth);

/* size bytes of printable ASCII, without quote and backslash. */
void item_ascii(struct random *random, struct emit *out, size_t size);
/* low..high letters and digits. */
void item_word(struct random *random, struct emit *out, size_t low, size_t high);

/* All of from but its last bytes: at least one byte stays and at least one goes. */
void item_cut(struct random *random, struct emit *out, const struct emit *from);

#endif
