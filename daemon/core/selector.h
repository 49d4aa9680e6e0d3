/* selector.h - which devices are meant, in Kubernetes' label-selector grammar.
 *   requirement = key "=" value | key "==" value | key "!=" value | key "in" "(" values ")" | key "notin" "(" values
 * ")" | key | "!" key selector    = "" (every device) | requirement *("," requirement), all of which must hold Keys and
 * values: 1..63 characters of A-Z a-z 0-9 . - _ / ; "!=" and "notin" also hold where the label is missing. */
#ifndef TINYPART_CORE_SELECTOR_H
#define TINYPART_CORE_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/refusal.h"
#include "daemon/core/limits.h"

#define SELECTOR_TERMS_MAX  16
#define SELECTOR_VALUES_MAX 32 /* over all terms */

struct label {
    char key[NAME_SIZE];
    char value[NAME_SIZE];
};

enum selector_operator { SELECT_IN, SELECT_NOT_IN, SELECT_HAS, SELECT_HAS_NOT }; /* "=" is IN with one value */

struct selector_term {
    char key[NAME_SIZE];
    enum selector_operator op;
    size_t first; /* index of its first value in selector.values */
    size_t count;
};

struct selector {
    struct selector_term terms[SELECTOR_TERMS_MAX];
    size_t term_count;
    char values[SELECTOR_VALUES_MAX][NAME_SIZE];
    size_t value_count;
};

/* 0 or REFUSED_INVALID, saying at which character and what was expected. */
int selector_parse(const char *text, struct selector *out, struct why *why);
bool selector_matches(const struct selector *selector, const struct label *labels, size_t count);
/* How many characters of a key or value the text begins with: 0 .. NAME_SIZE. */
size_t selector_word(const char *text);
/* "a=b,c=d" for setting labels; "key-" removes one (value ""). Keys and values as above. */
int labels_parse(const char *text, struct label *out, size_t capacity, size_t *out_count, struct why *why);

#endif
