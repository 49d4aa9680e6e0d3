/* hss_key.h - private keys for HSS/LMS: made, kept, and used without ever using a one-time key twice.
 * A key is four kinds of file: KEY, which never changes; KEY.state and KEY.mark, the durable records of what is used
 * (hss_record.h), and KEY.tree0, KEY.tree1, ..., a cache. State and mark may be elsewhere; the mark should be, so that
 * no backup holds both. A key in memory is for one thread, and for the process that opened it: a forked child finds it
 * wiped. */
#ifndef TINYPART_HSS_KEY_H
#define TINYPART_HSS_KEY_H

#include "daemon/hss/hss_file.h"
#include "daemon/hss/hss_record.h"
#include "daemon/hss/hss_tree.h"

/* All levels alike. A key signs 2^(height x levels) times; height x levels is at most 60. */
struct hss_shape {
    unsigned n;      /* 32: SHA-256, 24: SHA-256/192 */
    unsigned height; /* 5, 10, 15, 20, 25 */
    unsigned width;  /* 1, 2, 4, 8 */
    unsigned levels; /* 1..8 */
};

struct hss_places {
    const char *file;
    const char *state; /* NULL: file + ".state" */
    const char *mark;  /* NULL: file + ".mark" */
};

struct hss_key;
void hss_key_free(struct hss_key *key); /* NULL is fine; seeds are cleared */

/* REFUSED_INVALID for a shape that RFC 8554 or this file does not know. */
int hss_shape_check(const struct hss_shape *shape, struct why *why);

/* Makes a key and all of its files, durable; none is overwritten (REFUSED_EXISTS). The time is that of
 * 2^height x p x 2^width hashes for each level. progress may be NULL; its own answer ends the work and is passed up. */
int hss_key_generate(const struct proto_crypto *crypto, const struct proto_random *random,
                     const struct hss_shape *shape, const struct hss_places *places,
                     const struct hss_progress *progress, struct hss_key **out, struct why *why);

/* From a file's content; file is its path, beside which the records are unless it names them. REFUSED_INVALID when it
 * is no such key. The records are not looked at. */
int hss_key_read(const struct proto_crypto *crypto, struct bytes text, const char *file, struct hss_key **out,
                 struct why *why);
/* Whether its state is where its file is. */
bool hss_key_is_beside(const struct hss_key *key);
/* Told how a tree's making goes on, which a signature may want too. NULL: nobody. Borrows it. */
void hss_key_set_progress(struct hss_key *key, const struct hss_progress *progress);

/* Signs; the one-time key is reserved durably before. The signature was verified before it is given out. Refused in
 * words: REFUSED_CONFLICT when the records do not vouch for the key (hss_record.h), REFUSED_EXHAUSTED when no one-time
 * key is left, REFUSED_TOO_LARGE for capacity. Faults: -EPERM in a forked child, -EBADMSG when what was made does not
 * verify, or the file system's. */
int hss_key_sign(struct hss_key *key, struct bytes message, uint8_t *out, size_t capacity, size_t *out_size,
                 struct why *why);
/* The same as callbacks. A refusal there is -EKEYEXPIRED for an exhausted key and -ESTALE for the others; its words
 * stay with the key. */
void hss_key_signer(struct hss_key *key, struct proto_signer *out);
const struct why *hss_key_last_refusal(const struct hss_key *key);

/* 0 when the key can sign; otherwise refused with words. */
int hss_key_check(const struct hss_key *key, struct why *why);
/* A person's word on which one-time keys to give up (hss_records_skip). */
int hss_key_skip(struct hss_key *key, uint64_t to, struct why *why);

/* What there is to know. */
struct hss_about {
    struct hss_shape shape;
    struct public_key public;
    size_t signature_size;
    uint64_t total;
    uint64_t reserved; /* by this process and not yet used */
    struct hss_standing standing;
    const char *state; /* as long as the key */
    const char *mark;
};
int hss_key_about(const struct hss_key *key, struct hss_about *out);

#endif
