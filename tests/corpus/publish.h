/* publish.h - a whole corpus as files: README, recipient, index and entries, in an archive or in a folder. */
#ifndef TINYPART_TESTS_CORPUS_PUBLISH_H
#define TINYPART_TESTS_CORPUS_PUBLISH_H

#include <stdio.h>

#include "tests/corpus/corpus.h"

/* One line of index.jsonl, its newline included. The size, below capacity. */
#define INDEX_LINE_MAX 1024u
size_t index_line(const struct corpus_entry *entry, char out[INDEX_LINE_MAX]);

/* recipient.json: the keys and identities that the verdicts suppose. */
#define RECIPIENT_MAX 4096u
size_t recipient_text(char out[RECIPIENT_MAX]);

struct published_file {
    char name[96];
    size_t size;
    uint8_t *data;
};

struct published {
    struct published_file *files; /* sorted by name */
    size_t count, capacity;
};

/* Everything but the README, which is added with published_add before publishing. */
void published_make(struct published *out, uint64_t seed, uint64_t count);
void published_add(struct published *published, const char *name, const void *data, size_t size);
void published_free(struct published *published);
const struct published_file *published_find(const struct published *published, const char *name);

/* A ustar archive of folder/name in order of names, with a fixed time and owner: the same files give the same bytes. 0,
 * or -1 with errno. */
int published_tar(const struct published *published, const char *folder, FILE *out);
/* The same files below an existing or new folder. 0, or -1 with errno. */
int published_folder(const struct published *published, const char *folder);

#endif
