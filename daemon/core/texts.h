/* texts.h - texts that the rules make: details of audit entries, durations for people, names nobody can guess. */
#ifndef TINYPART_CORE_TEXTS_H
#define TINYPART_CORE_TEXTS_H

#include <stdint.h>

#include "daemon/core/core.h"
#include "daemon/core/limits.h"

/* A JSON object of the size that an audit entry has room for. A member that no longer fits is left out whole, and the
 * object then says so with "cut":true. Begin with DETAIL, end with detail_end(). */
struct detail {
    char text[1024];
    size_t size;
    bool cut;
};
#define DETAIL ((struct detail){ .text = "{", .size = 1 })

void detail_text(struct detail *detail, const char *key, const char *value);
void detail_number(struct detail *detail, const char *key, int64_t value);
void detail_hex(struct detail *detail, const char *key, struct bytes value);
const char *detail_end(struct detail *detail);

/* "81 s", "3 min 5 s", "2 h 10 min", "24 h", "7 days". */
#define DURATION_SIZE 32
void duration_words(int64_t ms, char out[DURATION_SIZE]);

/* "no device", "the one device", "each of the 3 devices". one: at most 16 characters. */
#define EACH_SIZE 64
void each_words(int64_t count, const char *one, char out[EACH_SIZE]);

/* count random bytes in base64url without padding: out gets 4 characters for 3 bytes, and a NUL. count <= 48. */
int unguessable_text(struct core *core, size_t count, char *out);

#endif
