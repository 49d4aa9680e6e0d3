/* suit_author.h - SUIT manifests from the author's side.
 * For one container on one device there is suit_manifest_write. For all else a manifest is made in four steps, each
 * into the caller's own buffer: sequences of commands (suit_script), texts (suit_text_write), the manifest around them
 * (suit_draft_encode), and the envelope with the signatures (suit_draft_write). What cannot be read back is not
 * written.
 */
#ifndef TINYPART_DEVICE_PROTO_SUIT_AUTHOR_H
#define TINYPART_DEVICE_PROTO_SUIT_AUTHOR_H

#include "device_proto/cbor.h"
#include "device_proto/cose.h"
#include "device_proto/suit.h"
#include "device_proto/suit_label.h"
#include "device_proto/suit_text.h"

/* Every envelope that suit_manifest_write makes fits, whatever key signs. */
#define SUIT_ORDER_SIZE_MAX   (1216u + SUIT_ENCRYPTION_MAX + SIGNATURE_SIZE_MAX)
#define SUIT_ENCRYPTION_MAX   256u /* bytes of an order's encryption_info: one recipient */
#define SUIT_TO_BE_SIGNED_MAX 128u /* every Sig_structure of one fits */

/* ---- sequences of commands ---- */

#define SUIT_SCRIPT_DEPTH 8u /* nested try-each, their branches, and run-sequence */

/* One parameter. Which members count is its kind's (suit_parameter_find): uint number, or a truth value; int integer;
 * text, bytes, id, item and wrapped bytes; digest bytes, and the algorithm in integer (0: SHA-256); version the
 * comparison in number and the version in list. */
struct suit_value {
    int64_t parameter;
    uint64_t number;
    int64_t integer;
    struct bytes bytes;
    const int64_t *list;
    size_t list_count;
    bool is_pen; /* vendor: bytes are a private enterprise number (tag 112), not a UUID */
};

/* A sequence on its way into a buffer. It keeps its first refusal, so that it is written straight down and asked once,
 * by suit_script_finish. */
struct suit_script {
    enum suit_dialect dialect;
    struct cbor_writer writer;
    int refusal;
    unsigned depth;
    struct {
        size_t begin;
        uint64_t items;
        bool is_tries;
    } levels[SUIT_SCRIPT_DEPTH];
};

struct suit_script suit_script_on(enum suit_dialect dialect, uint8_t *out, size_t capacity);

/* A condition, or a directive that takes nothing but a reporting policy (0..15). */
void suit_script_command(struct suit_script *script, int64_t command, uint64_t policy);
/* The component, or the components, that what follows is about; none at all in SUIT_37: all of them (true). */
void suit_script_index(struct suit_script *script, const uint64_t *indices, size_t count);
/* SUIT_DIRECTIVE_OVERRIDE or SUIT_DIRECTIVE_SET_PARAMETERS; values in any order, none twice. */
void suit_script_parameters(struct suit_script *script, int64_t command, const struct suit_value *values, size_t count);

struct suit_values {
    uint64_t index; /* of the component */
    const struct suit_value *values;
    size_t count;
};
/* Sets parameters of several components; rows by ascending index. */
void suit_script_override_multiple(struct suit_script *script, const struct suit_values *rows, size_t count);

struct suit_copies {
    uint64_t index; /* of the component that they are copied from */
    const int64_t *parameters;
    size_t count;
};
/* Copies parameters to the current component; rows by ascending index. */
void suit_script_copy_params(struct suit_script *script, const struct suit_copies *rows, size_t count);

/* A sequence that is run for each current component. */
void suit_script_run_begin(struct suit_script *script);
void suit_script_run_end(struct suit_script *script);
/* Try-each: each branch stands between branch_begin and branch_end. or_nothing: if all fail, that is fine. */
void suit_script_try_begin(struct suit_script *script);
void suit_script_branch_begin(struct suit_script *script);
void suit_script_branch_end(struct suit_script *script);
void suit_script_try_end(struct suit_script *script, bool or_nothing);
/* A private command (negative number) with its encoded argument: null, an integer, a text or a byte string. */
void suit_script_custom(struct suit_script *script, int64_t command, struct bytes argument);

/* The encoded sequence, without a byte string head. 0; SUIT_REFUSED_STRUCTURE (nothing in it, something left open, a
 * value out of its shape, one branch), SUIT_REFUSED_UNSUPPORTED (not in this dialect), or SUIT_REFUSED_ROOM. */
int suit_script_finish(struct suit_script *script, struct bytes *out);

/* ---- texts ---- */

/* The encoded text member, from texts in any order. 0, SUIT_REFUSED_STRUCTURE (none, one twice, no UTF-8, a language
 * that is none), or SUIT_REFUSED_ROOM. */
int suit_text_write(const struct suit_text *texts, size_t count, uint8_t *out, size_t capacity, size_t *out_size);

/* ---- the manifest ---- */

/* What a manifest may have beside its common part, in the order that it is written. */
enum suit_part {
    SUIT_PART_VALIDATE,
    SUIT_PART_LOAD,
    SUIT_PART_INVOKE,
    SUIT_PART_COSWID,
    SUIT_PART_DEPENDENCY_RESOLUTION,
    SUIT_PART_PAYLOAD_FETCH,
    SUIT_PART_CANDIDATE_VERIFICATION,
    SUIT_PART_INSTALL,
    SUIT_PART_TEXT,
    SUIT_PART_UNINSTALL,
    SUIT_PARTS,
};

const char *suit_part_name(enum suit_part part); /* "payload-fetch" */
uint64_t suit_part_label(enum suit_part part);   /* in SUIT_37 */
bool suit_part_is_severable(enum suit_part part);
bool suit_part_is_sequence(enum suit_part part);

enum suit_keep {
    SUIT_KEEP = 0,  /* in the manifest */
    SUIT_SEVERABLE, /* its digest in the manifest, itself in the envelope */
    SUIT_SEVERED,   /* its digest in the manifest, itself nowhere */
};

struct suit_member {
    struct bytes content; /* encoded, without a byte string head; empty: none */
    enum suit_keep keep;
    struct bytes digest; /* as read: the SHA-256 of a severed one whose content is not there */
};

/* Payloads and dependencies that travel in the envelope. */
struct suit_integrated {
    struct bytes name; /* "#container" */
    struct bytes content;
};

struct suit_draft {
    enum suit_dialect dialect;
    uint64_t sequence;
    const struct suit_component *components;
    size_t component_count;
    const struct suit_dependency *dependencies; /* by ascending index */
    size_t dependency_count;
    struct bytes shared; /* sequence; empty: none */
    struct bytes reference_uri;
    const struct suit_component *component_id; /* where a manifest that uses this one keeps it; NULL: none */
    const int64_t *set_version;
    size_t set_version_count;
    struct suit_member members[SUIT_PARTS];
    const struct suit_integrated *integrated; /* in any order, no name twice */
    size_t integrated_count;
};

/* The manifest as a byte string with its head: what is digested and signed. capacity must also have room for the
 * largest member whose digest is taken. 0, SUIT_REFUSED_STRUCTURE, SUIT_REFUSED_UNSUPPORTED (a feature that the
 * dialect's devices refuse), SUIT_REFUSED_ROOM, or crypto's fault. */
int suit_draft_encode(const struct suit_draft *draft, const struct proto_crypto *crypto, uint8_t *out, size_t capacity,
                      size_t *out_size);

/* ---- signatures and the envelope ---- */

#define SUIT_SEAL_SIZE 36u

/* What is in the authentication wrapper, and is signed. */
struct suit_seal {
    enum suit_dialect dialect;
    uint8_t digest[SUIT_SEAL_SIZE]; /* the encoded digest of the manifest */
};

/* manifest is the byte string with its head. 0, or crypto's fault. */
int suit_seal_make(enum suit_dialect dialect, struct bytes manifest, const struct proto_crypto *crypto,
                   struct suit_seal *out);
/* What cose.h's writers need for one element of the authentication list, at once (cose_sign1_write, cose_sign_write,
 * cose_mac0_write) or in two steps (cose_sign1_to_be_signed, cose_sign1_assemble). It points into seal. */
struct cose_order suit_seal_order(const struct suit_seal *seal, enum cose_algorithm algorithm, struct bytes kid);

/* The envelope: blocks are the encoded COSE messages of the authentication list, or none. draft gives what travels
 * beside the manifest. 0, SUIT_REFUSED_STRUCTURE, or SUIT_REFUSED_ROOM. */
int suit_draft_write(const struct suit_draft *draft, struct bytes manifest, const struct suit_seal *seal,
                     const struct bytes *blocks, size_t block_count, uint8_t *out, size_t capacity, size_t *out_size);

/* ---- envelopes that are there already ---- */

#define SUIT_AUTHOR_COMPONENTS   16u
#define SUIT_AUTHOR_DEPENDENCIES 8u
#define SUIT_AUTHOR_INTEGRATED   8u
#define SUIT_AUTHOR_BLOCKS       8u
#define SUIT_AUTHOR_VERSION      8u

/* A SUIT_37 envelope taken apart; nothing is checked but its structure, not even a digest. Views point into it. */
struct suit_envelope {
    struct suit_draft draft; /* points to the arrays below: do not copy */
    bool tagged;             /* tag 107 was there; within other protocols it may be missing */
    struct suit_component components[SUIT_AUTHOR_COMPONENTS];
    struct suit_dependency dependencies[SUIT_AUTHOR_DEPENDENCIES];
    struct suit_integrated integrated[SUIT_AUTHOR_INTEGRATED];
    struct suit_component component_id;
    int64_t set_version[SUIT_AUTHOR_VERSION];
    struct bytes manifest; /* with its head */
    struct bytes digest;   /* the first element of the authentication list */
    struct bytes blocks[SUIT_AUTHOR_BLOCKS];
    size_t block_count;
};

/* 0, SUIT_REFUSED_STRUCTURE, SUIT_REFUSED_UNSUPPORTED (a member or digest algorithm that is not known here),
 * SUIT_REFUSED_VERSION, or SUIT_REFUSED_ROOM (beyond the bounds above). */
int suit_envelope_read(struct bytes encoded, struct suit_envelope *out);

/* The same envelope with one more signature, or without the severable members of parts (1u << enum suit_part, or-ed;
 * what is not there is no error). Both leave the manifest, and so every signature, as it is. */
int suit_envelope_add(struct bytes encoded, struct bytes block, uint8_t *out, size_t capacity, size_t *out_size);
int suit_envelope_sever(struct bytes encoded, unsigned parts, uint8_t *out, size_t capacity, size_t *out_size);

/* ---- one container on one device, in either dialect ---- */

struct suit_order {
    enum suit_dialect dialect;
    enum cose_algorithm algorithm; /* 0: EdDSA (-8) in SUIT_RIOT; in SUIT_37 the fully specified one of the key */
    uint64_t sequence;             /* at most 2^32-1 in SUIT_RIOT */
    uint8_t vendor_id[SUIT_ID_SIZE];
    uint8_t class_id[SUIT_ID_SIZE];
    struct suit_component component;
    uint8_t digest[DIGEST_SIZE];  /* SHA-256 of the image */
    uint64_t size;                /* of the image, bytes; at most 2^32-1 in SUIT_RIOT */
    struct bytes uri;             /* where the image is; 1..SUIT_URI_SIZE_MAX */
    struct bytes reference_uri;   /* SUIT_37: this manifest's own address, which a report quotes; empty: none */
    struct bytes encryption_info; /* SUIT_37: header of the encrypted image (cose_encrypt.h); empty: it is plain */
};

/* The signed envelope. 0; SUIT_REFUSED_ROOM (too small a buffer, or an order beyond its bounds),
 * SUIT_REFUSED_UNSUPPORTED (a reference_uri or encryption_info in SUIT_RIOT, or an algorithm that the signer's key or
 * the dialect lacks), or a callback's fault. */
int suit_manifest_write(const struct suit_order *order, const struct proto_crypto *crypto,
                        const struct proto_signer *signer, uint8_t *out, size_t capacity, size_t *out_size);

/* For keys kept elsewhere: first the bytes that a key of that type has to sign (at most SUIT_TO_BE_SIGNED_MAX) ... */
int suit_manifest_to_be_signed(const struct suit_order *order, enum key_type key, const struct proto_crypto *crypto,
                               uint8_t *out, size_t capacity, size_t *out_size);
/* ... then the envelope with that signature. The signature is not checked: verify what came out. */
int suit_manifest_assemble(const struct suit_order *order, enum key_type key, const struct proto_crypto *crypto,
                           struct bytes signature, uint8_t *out, size_t capacity, size_t *out_size);

/* UUID version 5 (RFC 9562): vendor = uuid5(DNS namespace, domain), class = uuid5(vendor, name). crypto->sha1 needed.
 * "riot-os.org" gives 547d0d74-6d3a-5a92-9662-4881afd9407b. 0; SUIT_REFUSED_ROOM for
 * a name over 255 bytes, SUIT_REFUSED_UNSUPPORTED without sha1; or crypto's fault. */
int suit_vendor_id(const struct proto_crypto *crypto, struct bytes domain, uint8_t out[SUIT_ID_SIZE]);
int suit_class_id(const struct proto_crypto *crypto, const uint8_t vendor_id[SUIT_ID_SIZE], struct bytes name,
                  uint8_t out[SUIT_ID_SIZE]);

#endif
