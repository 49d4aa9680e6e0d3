/* suit.h - a SUIT manifest and its envelope, and where both may be wrong: shared by the two dialects and by bundles. */
#ifndef TINYPART_TESTS_CORPUS_SUIT_H
#define TINYPART_TESTS_CORPUS_SUIT_H

#include "tests/corpus/corpus.h"
#include "tests/corpus/sealed.h"

/* The recipient that the verdicts are about: RIOT's "native", at sequence number 100, with the places ram/0 and ram/1,
 * knowing the keys a and b (a alone in the RIOT dialect). */
#define RECIPIENT_SEQUENCE 100u
extern const uint8_t recipient_vendor[16], recipient_class[16];

/* What is made, from a good manifest on: a case changes some of it. NULL parts are made as they should be. */
struct plan {
    bool riot;
    uint64_t version, sequence;
    uint8_t vendor[16], class[16];
    const char *component[2];
    uint64_t size;
    uint8_t image_digest[32];
    int64_t image_algorithm, digest_algorithm;
    const char *uri, *reference;
    bool no_vendor_check, no_class_check, no_image_match; /* conditions left out */
    const struct emit *shared, *install, *validate;       /* instead of the usual sequences */
    bool severed_install;
    const struct emit *more_members; /* encoded pairs behind the manifest's own */
    unsigned more_member_count;
    struct seal seal;
    bool another_digest;  /* the signed digest is of something else */
    bool severed_changed; /* a severed member is not what the digest says */
    uint64_t tag;         /* of the envelope; 0: none */
    bool without_auth, manifest_first, key_twice;
    const struct emit *envelope_members; /* encoded pairs behind the envelope's own */
    unsigned envelope_member_count;
};

struct plan plan_good(struct making *making, bool riot);
/* [algorithm, digest] of the bytes. */
void suit_digest(struct emit *out, int64_t algorithm, const struct emit *of);
/* One byte string: the sequence of these commands, and the parts of the usual ones. */
void suit_manifest(struct emit *out, const struct plan *plan, struct emit *severed);
void suit_envelope(struct making *making, const struct plan *plan);

#endif
