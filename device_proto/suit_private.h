/* suit_private.h - what the files of the SUIT codec share; not for users of this room. */
#ifndef TINYPART_DEVICE_PROTO_SUIT_PRIVATE_H
#define TINYPART_DEVICE_PROTO_SUIT_PRIVATE_H

#include "device_proto/cbor.h"
#include "device_proto/suit_author.h"

/* What SUIT documents are read with: their writers are held to deterministic encoding. Order is checked where read. */
#define SUIT_RULES (CBOR_SHORTEST | CBOR_DEFINITE)

#define TAG_ENVELOPE        107u
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
    COMMON_COMPONENTS = 2,
    COMMON_SHARED = 4,
    RIOT_INSTALL = 9,
    RIOT_VALIDATE = 10,
};

enum suit_command {
    CONDITION_VENDOR = 1,
    CONDITION_CLASS = 2,
    CONDITION_IMAGE_MATCH = 3,
    CONDITION_SLOT = 5,
    CONDITION_ABORT = 14,
    DIRECTIVE_SET_INDEX = 12,
    DIRECTIVE_TRY_EACH = 15,
    DIRECTIVE_SET = 19, /* SUIT_RIOT: the same as override */
    DIRECTIVE_OVERRIDE = 20,
    DIRECTIVE_FETCH = 21,
    DIRECTIVE_INVOKE = 23,
    DIRECTIVE_RUN_SEQUENCE_RIOT = 30,
    DIRECTIVE_RUN_SEQUENCE = 32,
};

enum suit_parameter {
    PARAMETER_VENDOR = 1,
    PARAMETER_CLASS = 2,
    PARAMETER_DIGEST = 3,
    PARAMETER_SLOT = 5,
    PARAMETER_STRICT_ORDER = 12,
    PARAMETER_SIZE = 14,
    PARAMETER_URI = 21,
};

/* Reporting policies as the specification's examples have them: everything, and failures only. */
#define REPORT_ALL     15u
#define REPORT_FAILURE 2u

/* [algorithm, digest]. */
void suit_write_digest(struct cbor_writer *writer, enum suit_dialect dialect, const uint8_t digest[DIGEST_SIZE]);
/* 0, SUIT_REFUSED_STRUCTURE, or SUIT_REFUSED_UNSUPPORTED for an algorithm other than SHA-256. */
int suit_read_digest(struct cbor_reader *reader, enum suit_dialect dialect, uint8_t out[DIGEST_SIZE]);

void suit_write_component(struct cbor_writer *writer, const struct suit_component *component);
/* 0, SUIT_REFUSED_STRUCTURE, or SUIT_REFUSED_UNSUPPORTED for too many parts. */
int suit_read_component(struct cbor_reader *reader, struct suit_component *out);

/* SUIT_37's digest of an envelope member or a manifest: over the byte string with its head. */
int suit_digest_matches(const struct proto_crypto *crypto, struct bytes encoded, const uint8_t digest[DIGEST_SIZE]);

/* ---- the parts of an author that its files, and bundles, share ---- */

#define SUIT_MANIFEST_ENCODED_MAX 1152u /* of an order, with a text of a bundle's size */

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

/* ---- the command sequences ---- */

/* Whether every command and parameter of every section, in all branches, is one that runs here. 0 or a suit_refusal. */
int suit_walk_check(const struct suit_manifest *manifest, struct suit_where *where);
/* Fills in what the sequences set when every condition holds. */
void suit_walk_describe(struct suit_manifest *manifest);

#endif
