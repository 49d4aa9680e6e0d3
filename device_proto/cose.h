/* cose.h - COSE signatures and MACs (RFC 9052 sections 4 and 6): Sign1, Sign, Mac0, and which of them a recipient
 * believes. Encryption is cose_encrypt.h's.
 * Which algorithm is what is one table (cose_algorithm_find). Reading accepts the old polymorphic numbers (-7, -8) and
 * the fully specified ones (-9, -19) unless an acceptance says otherwise; writing emits the one that is asked for. */
#ifndef TINYPART_DEVICE_PROTO_COSE_H
#define TINYPART_DEVICE_PROTO_COSE_H

#include "device_proto/crypto.h"

enum cose_refusal {
    COSE_STRUCTURE = 1, /* not the COSE message that is asked for */
    COSE_UNSUPPORTED,   /* critical headers, an algorithm that is not known or not built in, or no algorithm */
    COSE_KEY_MISMATCH,  /* the key's type is not the algorithm's */
    COSE_SIGNATURE,     /* the signature, or the tag, does not hold */
    COSE_NO_ROOM,       /* out or scratch is too small, or a bound is exceeded */
    COSE_NOT_ACCEPTED,  /* holds, but the recipient's acceptance names other algorithms, or more than one */
};

const char *cose_refusal_text(int refusal);

/* ---- algorithms ---- */

enum cose_use { COSE_SIGNS = 1, COSE_AUTHENTICATES, COSE_CARRIES_KEY, COSE_ENCRYPTS };

struct cose_algorithm_row {
    int64_t id;
    const char *name; /* as IANA's registry has it */
    enum cose_use use;
    enum key_type key; /* that makes the signature; 0: known by name, not checked here */
    size_t size;       /* bytes of every signature or tag; 0: depends on the key */
    int64_t successor; /* the fully specified number of a polymorphic one (RFC 9864), else 0 */
};

/* The table, row by row; NULL from the last one on. */
const struct cose_algorithm_row *cose_algorithm_at(size_t i);
/* NULL for a number that is not known. */
const struct cose_algorithm_row *cose_algorithm_find(int64_t id);
/* The fully specified algorithm of a key: -9, -19, -46, -48, -49, -50. */
enum cose_algorithm cose_algorithm_of(enum key_type type);
/* Whether a key of that type may make and check signatures of that algorithm. */
bool cose_algorithm_fits(int64_t algorithm, enum key_type type);

/* ---- COSE_Sign1 ---- */

/* What a Sig_structure or MAC_structure needs beyond its protected headers, external data and payload. */
#define COSE_SIG_STRUCTURE_OVERHEAD 40u
/* What a COSE_Sign1 or COSE_Mac0 needs beyond kid and attached payload, with a signature of 64 bytes; with a longer
 * one, that much more and 2. */
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
 * trailing bytes, and every algorithm that signs nothing here. */
int cose_sign1_parse(struct bytes message, struct cose_sign1 *out);

/* Checks the signature of a parsed message. detached is the payload when none is attached (and must be empty
 * otherwise); external_aad may be empty. scratch holds the Sig_structure while it is hashed: it bounds the payload, and
 * must hold COSE_SIG_STRUCTURE_OVERHEAD + protected header + external_aad + payload. 0, a cose_refusal, or crypto's
 * fault. */
int cose_sign1_check(const struct cose_sign1 *message, struct bytes detached, struct bytes external_aad,
                     const struct public_key *key, const struct proto_crypto *crypto, uint8_t *scratch,
                     size_t scratch_size);

/* The same with the first of several keys under which it holds; the payload is attached. COSE_SIGNATURE when there is
 * none. *out_key, which may be NULL, is its place among them. */
int cose_sign1_check_any(const struct cose_sign1 *message, struct bytes external_aad, const struct public_key *keys,
                         size_t key_count, const struct proto_crypto *crypto, uint8_t *scratch, size_t scratch_size,
                         size_t *out_key);

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

/* The message with a signature made elsewhere. 0, COSE_SIGNATURE for a length that is not the algorithm's, or
 * COSE_NO_ROOM. */
int cose_sign1_assemble(const struct cose_order *order, struct bytes signature, uint8_t *out, size_t capacity,
                        size_t *out_size);

/* Both at once. scratch as in cose_sign1_check. The signature is made in out, so no key's is too long.
 * COSE_KEY_MISMATCH when the signer's key cannot do the algorithm. */
int cose_sign1_write(const struct cose_order *order, const struct proto_signer *signer, uint8_t *scratch,
                     size_t scratch_size, uint8_t *out, size_t capacity, size_t *out_size);

/* ---- COSE_Sign: one payload, several signatures ---- */

#define COSE_SIGNERS_MAX 8u

struct cose_signature {
    int64_t algorithm; /* as it stands; 0: none, no number, or critical headers, and so never checked */
    bool algorithm_protected;
    struct bytes protected_header;
    struct bytes kid;
    struct bytes signature;
};

struct cose_sign {
    bool tagged;                   /* tag 98 was there */
    struct bytes protected_header; /* of the body */
    bool attached;
    struct bytes payload;
    size_t count; /* 1..COSE_SIGNERS_MAX */
    struct cose_signature signers[COSE_SIGNERS_MAX];
};

/* Splits a message. A signer whose algorithm is not known does not spoil the others; critical headers of the body do,
 * and more than COSE_SIGNERS_MAX signers are COSE_NO_ROOM. */
int cose_sign_parse(struct bytes message, struct cose_sign *out);
/* Checks one of its signatures; all else as in cose_sign1_check. */
int cose_sign_check(const struct cose_sign *message, size_t signer, struct bytes detached, struct bytes external_aad,
                    const struct public_key *key, const struct proto_crypto *crypto, uint8_t *scratch,
                    size_t scratch_size);

struct cose_signer {
    enum cose_algorithm algorithm;
    struct bytes kid; /* empty: none */
    const struct proto_signer *signer;
};

/* order's algorithm and kid are not looked at. Signs with 1..COSE_SIGNERS_MAX signers, each in turn. */
int cose_sign_write(const struct cose_order *order, const struct cose_signer *signers, size_t count, uint8_t *scratch,
                    size_t scratch_size, uint8_t *out, size_t capacity, size_t *out_size);

/* ---- COSE_Mac0 with HMAC-256 ---- */

struct cose_mac0 {
    bool tagged;       /* tag 17 was there */
    int64_t algorithm; /* COSE_HMAC_256 */
    bool algorithm_protected;
    struct bytes protected_header;
    struct bytes kid;
    bool attached;
    struct bytes payload;
    struct bytes tag;
};

/* As cose_sign1_parse and cose_sign1_check; key is the shared secret, of any size but none. */
int cose_mac0_parse(struct bytes message, struct cose_mac0 *out);
int cose_mac0_check(const struct cose_mac0 *message, struct bytes detached, struct bytes external_aad, struct bytes key,
                    const struct proto_crypto *crypto, uint8_t *scratch, size_t scratch_size);
/* order->algorithm must be COSE_HMAC_256. */
int cose_mac0_write(const struct cose_order *order, struct bytes key, const struct proto_crypto *crypto,
                    uint8_t *scratch, size_t scratch_size, uint8_t *out, size_t capacity, size_t *out_size);

/* ---- what a recipient believes ---- */

/* Sets of what may vouch for a document, or-ed together. */
#define COSE_KEY(type) (1u << (type))
#define COSE_SECRET    1u /* HMAC-256 with the shared secret */
#define COSE_CLASSICAL (COSE_KEY(KEY_ED25519) | COSE_KEY(KEY_P256))
#define COSE_QUANTUM_RESISTANT \
    (COSE_KEY(KEY_HSS_LMS) | COSE_KEY(KEY_ML_DSA_44) | COSE_KEY(KEY_ML_DSA_65) | COSE_KEY(KEY_ML_DSA_87))
#define COSE_ANY_SIGNATURE (COSE_CLASSICAL | COSE_QUANTUM_RESISTANT)

#define COSE_NEEDS_MAX 4u

/* Which signatures suffice. Each set in needs has to be met by a signature that holds: { COSE_ANY_SIGNATURE } is "one
 * of these suffices", { COSE_CLASSICAL, COSE_QUANTUM_RESISTANT } is "one of each". Empty sets ask for nothing; an
 * acceptance with no set accepts nothing. One signature meets every set that its kind of key is in, and each set may be
 * met by another key: where keys differ in what they may do, ask for one set, or judge by struct cose_verdict's signer.
 */
struct cose_acceptance {
    unsigned needs[COSE_NEEDS_MAX];
    bool specified_only; /* the polymorphic numbers -7 and -8 are not accepted */
};

/* Whom a recipient trusts. */
struct cose_trust {
    const struct public_key *keys;
    size_t key_count;
    struct bytes secret; /* for Mac0; empty: none */
};

/* What has been found to hold so far, over a list of messages. Begins as zeros. */
struct cose_verdict {
    unsigned met;         /* bits of needs, by index */
    size_t signer;        /* index of the first key that held; trust's key_count for the shared secret */
    bool holds;           /* there was one */
    struct bytes payload; /* what it signed; where several messages carry it, all that hold carry the same */
};

/* Takes one message of an authentication list (COSE_Sign1 tagged or not, COSE_Sign, COSE_Mac0) and notes in verdict
 * what it meets. detached is the payload where the message carries none; as_attached asks that it carries one. 0 when
 * some signature in it holds and was wanted, else why not (which ends nothing: the next message may hold), or crypto's
 * fault. scratch as in cose_sign1_check. */
int cose_accept(const struct cose_acceptance *acceptance, const struct cose_trust *trust,
                const struct proto_crypto *crypto, struct bytes message, bool as_attached, struct bytes detached,
                struct bytes external_aad, uint8_t *scratch, size_t scratch_size, struct cose_verdict *verdict);

/* The end of the list: 0 when every need is met, COSE_SIGNATURE when nothing held, else COSE_NOT_ACCEPTED. */
int cose_accepted(const struct cose_acceptance *acceptance, const struct cose_verdict *verdict);

#endif
