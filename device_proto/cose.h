/* cose.h - COSE_Sign1 (RFC 9052 section 4.2) with Ed25519 and ECDSA P-256 (RFC 9053, RFC 9864).
 * Reading accepts the old polymorphic algorithm numbers (-7, -8) and the fully specified ones (-9, -19); writing emits
 * the one that is asked for. */
#ifndef TINYPART_DEVICE_PROTO_COSE_H
#define TINYPART_DEVICE_PROTO_COSE_H

#include "device_proto/crypto.h"

enum cose_refusal {
    COSE_STRUCTURE = 1, /* not a COSE_Sign1 */
    COSE_UNSUPPORTED,   /* critical headers, another algorithm, or no algorithm */
    COSE_KEY_MISMATCH,  /* the key's type is not the algorithm's */
    COSE_SIGNATURE,     /* the signature does not hold */
    COSE_NO_ROOM,       /* out or scratch is too small */
};

/* What a Sig_structure needs beyond protected header, external data and payload. */
#define COSE_SIG_STRUCTURE_OVERHEAD 40u
/* What a COSE_Sign1 needs beyond kid and attached payload. */
#define COSE_SIGN1_OVERHEAD 100u

struct cose_sign1 {
    bool tagged;       /* tag 18 was there */
    int64_t algorithm; /* enum cose_algorithm, from the protected or else the unprotected header */
    bool algorithm_protected;
    struct bytes protected_header; /* as signed: empty for h'' and for h'a0' */
    struct bytes kid;              /* empty when absent */
    bool attached;
    struct bytes payload; /* when attached */
    struct bytes signature;
};

/* Splits a message; checks no signature. Refuses tags other than 18, crit (header 2), an algorithm or kid given twice,
 * trailing bytes, and every algorithm but the four of enum cose_algorithm. */
int cose_sign1_parse(struct bytes message, struct cose_sign1 *out);

/* Checks the signature of a parsed message. detached is the payload when none is attached (and must be empty
 * otherwise); external_aad may be empty. scratch holds the Sig_structure while it is hashed: it bounds the payload, and
 * must hold COSE_SIG_STRUCTURE_OVERHEAD + protected header + external_aad + payload. 0, a cose_refusal, or crypto's
 * fault. */
int cose_sign1_check(const struct cose_sign1 *message, struct bytes detached, struct bytes external_aad,
                     const struct public_key *key, const struct proto_crypto *crypto, uint8_t *scratch,
                     size_t scratch_size);

/* Parse and check in one; payload as in cose_sign1_check. */
int cose_sign1_verify(struct bytes encoded, struct bytes detached, struct bytes external_aad,
                      const struct public_key *key, const struct proto_crypto *crypto, uint8_t *scratch,
                      size_t scratch_size, struct cose_sign1 *out);

/* What is to be signed and how it shall look. */
struct cose_order {
    bool tagged;
    bool detached; /* the payload is signed but not carried */
    enum cose_algorithm algorithm;
    struct bytes kid; /* empty: none */
    struct bytes payload;
    struct bytes external_aad;
};

/* The Sig_structure: what a key, wherever it is, has to sign. 0 or COSE_NO_ROOM. */
int cose_sign1_to_be_signed(const struct cose_order *order, uint8_t *out, size_t capacity, size_t *out_size);

/* The message with a signature made elsewhere (64 bytes). 0, COSE_SIGNATURE for another length, or COSE_NO_ROOM. */
int cose_sign1_assemble(const struct cose_order *order, struct bytes signature, uint8_t *out, size_t capacity,
                        size_t *out_size);

/* Both at once. scratch as in cose_sign1_check. COSE_KEY_MISMATCH when the signer's key cannot do the algorithm. */
int cose_sign1_write(const struct cose_order *order, const struct proto_signer *signer, uint8_t *scratch,
                     size_t scratch_size, uint8_t *out, size_t capacity, size_t *out_size);

/* The fully specified algorithm of a key: -19 or -9. */
enum cose_algorithm cose_algorithm_of(enum key_type type);
/* Whether a key of that type may make and check signatures of that algorithm. */
bool cose_algorithm_fits(int64_t algorithm, enum key_type type);

const char *cose_refusal_text(int refusal);

#endif
