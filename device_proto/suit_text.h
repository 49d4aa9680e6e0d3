/* suit_text.h - the texts of a SUIT_37 manifest: for people, in any number of languages, never for machines. */
#ifndef TINYPART_DEVICE_PROTO_SUIT_TEXT_H
#define TINYPART_DEVICE_PROTO_SUIT_TEXT_H

#include "device_proto/suit.h"

#define SUIT_LANGUAGE_SIZE_MAX 35u /* of a language tag (RFC 5646 section 4.4.1) */

struct suit_text {
    struct bytes language;                  /* a language tag (RFC 5646): "en-US" */
    const struct suit_component *component; /* NULL: the text is about the manifest */
    uint64_t key;                           /* suit_text_named in suit_label.h */
    struct bytes text;                      /* UTF-8 */
};

/* Goes through a manifest's text member (suit_manifest.text), in its order; a visit that returns other than 0 ends it
 * with that. 0, SUIT_REFUSED_STRUCTURE (checked as far as it was read; keys other than numbers from 0 up, and
 * values other than texts, are passed over), or what a visit returned. */
int suit_text_walk(struct bytes text, void *context, int (*visit)(void *context, const struct suit_text *text));

/* The text of one key, about the manifest (component NULL) or a component, in one language (none: the first that has
 * it). False when there is none. */
bool suit_text_find(struct bytes text, const char *language, const struct suit_component *component, uint64_t key,
                    struct bytes *out);

#endif
