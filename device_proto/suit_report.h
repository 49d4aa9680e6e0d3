/* suit_report.h - SUIT reports (draft-ietf-suit-report-20): what a device says an update came to.
 * Plain, or as the attached payload of a COSE_Sign1 or a COSE_Mac0. */
#ifndef TINYPART_DEVICE_PROTO_SUIT_REPORT_H
#define TINYPART_DEVICE_PROTO_SUIT_REPORT_H

#include "device_proto/suit.h"

#define SUIT_REPORT_ENTRIES_MAX 8u
#define SUIT_REPORT_PATH_MAX    4u /* depth of a manifest-id path */
#define SUIT_REPORT_NONCE_MAX   64u
#define SUIT_REPORT_SIZE_MAX    2048u /* plain, as read or written */

enum suit_report_refusal {
    SUIT_REPORT_STRUCTURE = 1, /* not a report, or beyond the bounds above */
    SUIT_REPORT_UNSUPPORTED,   /* a digest algorithm other than SHA-256, an unknown reason, or a COSE form not used here
                                */
    SUIT_REPORT_SIGNATURE,     /* signed, and not by any of the keys; or unsigned where a signature is demanded */
    SUIT_REPORT_NO_ROOM,
};

enum suit_reason {
    SUIT_REASON_OK = 0,
    SUIT_REASON_CBOR_PARSE,
    SUIT_REASON_COSE_UNSUPPORTED,
    SUIT_REASON_ALGORITHM_UNSUPPORTED,
    SUIT_REASON_UNAUTHORISED,
    SUIT_REASON_COMMAND_UNSUPPORTED,
    SUIT_REASON_COMPONENT_UNSUPPORTED,
    SUIT_REASON_COMPONENT_UNAUTHORISED,
    SUIT_REASON_PARAMETER_UNSUPPORTED,
    SUIT_REASON_SEVERING_UNSUPPORTED,
    SUIT_REASON_CONDITION_FAILED,
    SUIT_REASON_OPERATION_FAILED,
    SUIT_REASON_INVOKE_PENDING,
};

/* SUIT_Record: one command that was run. */
struct suit_record {
    size_t path_length; /* 0: the top manifest */
    uint64_t path[SUIT_REPORT_PATH_MAX];
    int64_t section; /* enum suit_section, as the manifest numbers it */
    uint64_t offset;
    uint64_t component;
    size_t parameter_count;
    struct bytes parameters; /* encoded key, value, key, value ...: a map without its head; empty when there are none */
};

/* One element of suit-report-records: a record, or a claim about a component (system-property-claims). */
struct suit_report_entry {
    bool is_claim;
    struct suit_record record;       /* when not a claim */
    struct suit_component component; /* when a claim; its parameters are below */
    size_t parameter_count;
    struct bytes parameters; /* encoded as in struct suit_record */
};

struct suit_report {
    struct bytes reference_uri; /* of the manifest; may be empty */
    uint8_t manifest_digest[DIGEST_SIZE];
    struct bytes nonce; /* empty: none */
    size_t entry_count;
    struct suit_report_entry entries[SUIT_REPORT_ENTRIES_MAX];
    bool success;              /* result true; the next three are then unused */
    int64_t code;              /* the device's own number */
    struct suit_record record; /* the command that failed */
    enum suit_reason reason;
    struct bytes capabilities; /* the encoded SUIT_Capability_Report map; empty: none */
};

/* Encodes a report, keys in canonical order. 0, SUIT_REPORT_STRUCTURE when it breaks a bound, or SUIT_REPORT_NO_ROOM.
 */
int suit_report_write(const struct suit_report *report, uint8_t *out, size_t capacity, size_t *out_size);

/* The same as tagged COSE_Sign1 with attached payload and the signer's fully specified algorithm; kid may be empty. */
int suit_report_write_signed(const struct suit_report *report, struct bytes kid, const struct proto_signer *signer,
                             uint8_t *out, size_t capacity, size_t *out_size);

/* The same as tagged COSE_Mac0 with HMAC-256 and a secret that device and reader share; for devices without a key of
 * their own. SUIT_REPORT_SIGNATURE for a secret of no bytes. */
int suit_report_write_authenticated(const struct suit_report *report, struct bytes kid, struct bytes secret,
                                    const struct proto_crypto *crypto, uint8_t *out, size_t capacity, size_t *out_size);

/* Reads a plain report; views point into encoded. 0 or a suit_report_refusal. */
int suit_report_read(struct bytes encoded, struct suit_report *out);

/* Reads a signed report; the signature must be by one of keys, out_signer (may be NULL) says which. */
int suit_report_read_signed(struct bytes encoded, const struct public_key *keys, size_t n_keys,
                            const struct proto_crypto *crypto, struct suit_report *out, size_t *out_signer);

/* Reads a report in a COSE_Mac0; its tag must be made with secret. */
int suit_report_read_authenticated(struct bytes encoded, struct bytes secret, const struct proto_crypto *crypto,
                                   struct suit_report *out);

/* The kid of a signed or authenticated report, unchecked, so that a caller finds the keys to check it with. False: it
 * is neither. */
bool suit_report_kid(struct bytes encoded, struct bytes *out_kid);

/* The reason to report for one of suit_manifest_verify's or suit_manifest_run's refusals. */
enum suit_reason suit_reason_of(int suit_refusal, const struct suit_where *where);
const char *suit_reason_text(enum suit_reason reason); /* for people */
const char *suit_report_refusal_text(int refusal);

#endif
