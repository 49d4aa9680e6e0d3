/* decoders.h - this project's decoders, one for each kind of the corpus, with what they say in the corpus's words. */
#ifndef TINYPART_TESTS_UNIT_CORPUS_DECODERS_H
#define TINYPART_TESTS_UNIT_CORPUS_DECODERS_H

#include "device_proto/bytes.h"

struct decoder {
    const char *kind;
    int (*decode)(struct bytes message); /* 0, or a refusal */
    /* Refusals by number, each with the words that it may be meant by, separated by blanks. */
    const char *const *words;
    int word_count;
};

/* NULL: the corpus has a kind that nothing here decodes. */
const struct decoder *decoder_of(const char *kind);

#endif
