/* suit_private.h - what the files of the SUIT codec share; not for users of this room. */
#ifndef TINYPART_DEVICE_PROTO_SUIT_PRIVATE_H
#define TINYPART_DEVICE_PROTO_SUIT_PRIVATE_H

#include "device_proto/cbor.h"
#include "device_proto/suit_author.h"

/* What SUIT documents are read with: their writers are held to deterministic encoding. Order is checked where read. */
#define SUIT_RULES (CBOR_SHORTEST | CBOR_DEFINITE)

#define TAG_ENVELOPE        107u
#define TAG_ENTERPRISE      112u
#define ENVELOPE_AUTH       2
#define ENVELOPE_MANIFEST   3
#define DIGEST_ALG_SHA256   (-16) /* SUIT_37 */
#define DIGEST_ALG_RIOT     2     /* SHA-256 in SUIT_RIOT */
#define DIGEST_ENCODED_SIZE 36u   /* of [-16 or 2, 32 bytes] */

enum suit_manifest_label {
    MANIFEST_VERSION = 1,
    MANIFEST_SEQUENCE = 2,
    MANIFEST_COMMON = 3,
    MANIFEST_REFERENCE_URI = 4,
    MANIFEST_COMPONENT_ID = 5,
    MANIFEST_SET_VERSION = 6,
    MEMBER_DEPENDENCIES = 1,
    COMMON_COMPONENTS = 2,
    COMMON_SHARED = 4,
    RIOT_INSTALL = 9,
    RIOT_VALIDATE = 10,
};

#define DIRECTIVE_RUN_SEQUENCE_RIOT 30 /* SUIT_DIRECTIVE_RUN_SEQUENCE in SUIT_RIOT */

/* Reporting policies as the specification's examples have them: everything, and failures only. */
#define REPORT_ALL     15u
#define REPORT_FAILURE 2u

/* [algorithm, digest]. */
void suit_write_digest(struct cbor_writer *writer, enum suit_dialect dialect, const uint8_t digest[DIGEST_SIZE]);
/* 0, SUIT_REFUSED_STRUCTURE, or SUIT_REFUSED_UNSUPPORTED for an algorithm other than SHA-256. */
int suit_read_digest(struct cbor_reader *reader, enum suit_dialect dialect, uint8_t out[DIGEST_SIZE]);
/* The same as a view; what is set, and names the algorithm, when that is not SHA-256. */
int suit_read_digest_view(struct cbor_reader *reader, enum suit_dialect dialect, struct bytes *out, const char **what);

void suit_write_component(struct cbor_writer *writer, const struct suit_component *component);
/* 0, SUIT_REFUSED_STRUCTURE, or SUIT_REFUSED_UNSUPPORTED for too many parts. */
int suit_read_component(struct cbor_reader *reader, struct suit_component *out);

/* SUIT_37's digest of an envelope member or a manifest: over the byte string with its head. */
int suit_digest_matches(const struct proto_crypto *crypto, struct bytes encoded, const uint8_t digest[DIGEST_SIZE]);

/* ---- the parts of an author that its files, and bundles, share ---- */

#define SUIT_MANIFEST_ENCODED_MAX (1152u + SUIT_ENCRYPTION_MAX) /* of an order, with a text of a bundle's size */

/* 0 for up to SUIT_URI_SIZE_MAX printable characters without a blank. */
int suit_check_uri(struct bytes uri);

/* An order's manifest as a byte string with its head. text: the encoded text member, to be severable; empty: none. */
int suit_order_encode(const struct suit_order *order, struct bytes text, const struct proto_crypto *crypto,
                      uint8_t *out, size_t capacity, size_t *out_size);
/* One COSE_Sign1 of the authentication list. */
int suit_seal_sign(const struct suit_seal *seal, enum cose_algorithm algorithm, const struct proto_signer *signer,
                   uint8_t *out, size_t capacity, size_t *out_size);
/* The authentication wrapper with its key; digest empty: not there (SUIT_RIOT). */
void suit_write_authentication(struct cbor_writer *writer, struct bytes digest, const struct bytes *blocks,
                               size_t block_count);

/* ---- reading, in suit_read.c and suit_open.c ---- */

/* Members of the envelope and the manifest as found, before they are matched with each other. */
struct suit_severed {
    struct bytes encoded; /* with its head, as digests cover it */
    struct bytes content;
    bool named; /* the manifest holds its digest */
};

struct suit_reading {
    struct suit_manifest *out;
    const struct proto_crypto *crypto;
    struct bytes auth;             /* content of key 2 */
    struct bytes manifest_encoded; /* key 3 with its head */
    struct suit_severed severed[SUIT_SEVERED_MAX];
};

/* Where a severable member is in severed; SUIT_SEVERED_MAX: it is none. */
size_t suit_severed_at(int64_t key);
int suit_reading_refuse(struct suit_manifest *out, int refusal, enum suit_section section, int64_t label,
                        const char *what);
/* Keeps in out->runs what no device of ours can run. */
void suit_reading_note(struct suit_manifest *out, enum suit_section section, int64_t label, const char *what);
const char *suit_member_name(enum suit_dialect dialect, int64_t key);
/* Everything up to the manifest: structure, signatures (acceptance NULL: none), digest. */
int suit_read_envelope(struct suit_reading *reading, struct bytes envelope, const struct cose_trust *trust,
                       const struct cose_acceptance *acceptance);

/* All of it; what the sequences set is not described. */
int suit_manifest_read(struct bytes envelope, enum suit_dialect dialect, const struct cose_trust *trust,
                       const struct cose_acceptance *acceptance, const struct proto_crypto *crypto,
                       struct suit_manifest *out);

/* ---- the command sequences ---- */

/* Whether every command and parameter of every section, in all branches, is one that runs here. 0 or a suit_refusal. */
int suit_walk_check(const struct suit_manifest *manifest, struct suit_where *where);
/* Fills in what the sequences set when every condition holds. */
void suit_walk_describe(struct suit_manifest *manifest);

#endif
