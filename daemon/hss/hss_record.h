/* hss_record.h - which one-time keys may still be used: a record that is durable before any of them is.
 * A one-time key that signs twice gives the whole key away. So a range of keys is reserved first: the record of the
 * first key that nobody has reserved (the state) is written and synced, then a second one like it that is kept apart
 * (the mark), and only then does the range belong to the caller. A crash skips keys, it never repeats one. A state that
 * is older than its mark was restored from a backup, and nothing is signed until a person says how far to skip.
 *
 * Both files have two places for a record, 4096 bytes apart; a record goes to the place of its counter's last bit. A
 * torn write thus leaves the record before it whole, and that one's range had not been given out. */
#ifndef TINYPART_HSS_RECORD_H
#define TINYPART_HSS_RECORD_H

#include "daemon/base/refusal.h"
#include "device_proto/lms.h"

#define HSS_RECORD_SIZE      64u
#define HSS_RECORD_FILE_SIZE (4096u + HSS_RECORD_SIZE)

enum hss_record_kind { HSS_RECORD_STATE, HSS_RECORD_MARK };

struct hss_record {
    uint8_t identifier[LMS_IDENTIFIER_SIZE]; /* of the key's top tree */
    uint64_t counter;                        /* how often this key's record was written */
    uint64_t next;                           /* the first one-time key that nobody has reserved */
};

/* One record as it stands in a file. 0 or a fault. */
int hss_record_encode(const struct proto_crypto *crypto, enum hss_record_kind kind, const struct hss_record *record,
                      uint8_t out[HSS_RECORD_SIZE]);
/* The newest whole record of a file; 1: there is none, or the file is longer than such a file is. */
int hss_record_decode(const struct proto_crypto *crypto, enum hss_record_kind kind, struct bytes file,
                      struct hss_record *out);

/* Both records of one key. */
struct hss_records {
    const struct proto_crypto *crypto;
    const char *state; /* files */
    const char *mark;
    uint8_t identifier[LMS_IDENTIFIER_SIZE];
    uint64_t total; /* one-time keys there are */
};

enum hss_verdict {
    HSS_GOOD = 0,
    HSS_NO_STATE, /* missing, not readable, or of another key */
    HSS_NO_MARK,
    HSS_RESTORED,   /* the state is older than its mark */
    HSS_MARK_STALE, /* the mark is older than it can be: it was restored */
};

struct hss_standing {
    enum hss_verdict verdict;
    struct hss_record state; /* zero where there is none */
    struct hss_record mark;
    uint64_t left; /* one-time keys not yet reserved; 0 unless the verdict is good */
};

/* Makes both files for a new key. REFUSED_EXISTS where one of them is there. */
int hss_records_create(const struct hss_records *records, struct why *why);
/* How things stand, between two reservations. 0 or a fault. */
int hss_records_look(const struct hss_records *records, struct hss_standing *out);
/* Reserves up to wanted keys: *out_first and the *out_count behind it belong to the caller alone once this returns 0.
 * Processes exclude each other with flock. REFUSED_CONFLICT as the standing is not good, REFUSED_EXHAUSTED with no key
 * left; words in *why. */
int hss_records_reserve(const struct hss_records *records, uint64_t wanted, uint64_t *out_first, uint64_t *out_count,
                        struct why *why);
/* A person's word that all keys below to are used: writes both records anew, whatever is there. REFUSED_INVALID when
 * to is below what either record knows, or above the total. */
int hss_records_skip(const struct hss_records *records, uint64_t to, struct why *why);
/* Words for a standing that is not good; gives REFUSED_CONFLICT, REFUSED_EXHAUSTED, or 0 where it is good. */
int hss_records_refuse(const struct hss_records *records, const struct hss_standing *standing, struct why *why);

#endif
