/* token.h - what a container may do, as a token that its device can check by itself: CBOR Web Tokens (RFC 8392) with
 * the claims of TinyContainer beside the registered ones.
 *
 * Two forms, by profile. TOKEN_STANDARD is RFC 8392: a COSE message whose headers name the algorithm, signed over its
 * Sig_structure or MAC_structure. TOKEN_TINYCONTAINER is what shipped TinyContainer devices check: both headers empty,
 * and the signature (Ed25519) or HMAC goes over the claim set's bytes alone. Its signatures say nothing of what they
 * are for, so the key that makes them must sign nothing else: a claim set could pass for another message of that key.
 */
#ifndef TINYPART_DEVICE_PROTO_TOKEN_H
#define TINYPART_DEVICE_PROTO_TOKEN_H

#include "device_proto/cose.h"

#define TOKEN_TEXT_MAX   63u                                           /* bytes of issuer, subject and audience */
#define TOKEN_ID_MAX     32u                                           /* bytes of cti and of a key's id */
#define TOKEN_CLAIMS_MAX 352u                                          /* the encoded claim set */
#define TOKEN_SIZE_MAX   (TOKEN_CLAIMS_MAX + COSE_SIGN1_OVERHEAD + 8u) /* signed with 64 bytes, without a kid */

enum token_refusal {
    TOKEN_STRUCTURE = 1, /* not a token of that form, or a claim of the wrong type or twice */
    TOKEN_UNSUPPORTED,   /* a claim that the form has no place for, or an algorithm */
    TOKEN_SIGNATURE,     /* by nobody who is trusted */
    TOKEN_EXPIRED,
    TOKEN_EARLY,    /* not valid yet */
    TOKEN_AUDIENCE, /* for another device */
    TOKEN_NO_ROOM,
};

enum token_form { TOKEN_STANDARD = 1, TOKEN_TINYCONTAINER = 2 };

/* What a token says. Views point into it; data NULL (times: 0) where a claim is absent. */
struct token_claims {
    struct bytes issuer, subject, audience;    /* text */
    int64_t expires_s, not_before_s, issued_s; /* unix seconds, above 0 */
    struct bytes id;                           /* cti */
    bool has_mask;
    uint32_t mask;       /* bitmask, -65536: at most 4 bytes, most significant first, as devices read it */
    struct bytes digest; /* sha256, -65537: 32 bytes */
    struct bytes key_id; /* -65538 */
};

/* The claims as canonical CBOR. TOKEN_TINYCONTAINER takes mask and digest only: TOKEN_UNSUPPORTED for others. */
int token_claims_write(const struct token_claims *claims, enum token_form form, uint8_t *out, size_t capacity,
                       size_t *out_size);
/* Unknown claims are passed over (RFC 8392 section 3), times must be integers. */
int token_claims_read(struct bytes encoded, struct token_claims *out);

/* A signed token: 61(18([...])) in the standard form; in the other one COSE_Sign1 without any tag, 64 + 7 bytes and the
 * claims, by an Ed25519 key. kid may be empty, and is for the standard form only. */
int token_write(const struct token_claims *claims, enum token_form form, struct bytes kid,
                const struct proto_signer *signer, uint8_t *out, size_t capacity, size_t *out_size);
/* The same under a shared secret: 61(17([...])) in both forms. */
int token_write_mac(const struct token_claims *claims, enum token_form form, struct bytes secret,
                    const struct proto_crypto *crypto, uint8_t *out, size_t capacity, size_t *out_size);

/* Checks who made it, and reads it. acceptance is for the standard form; the other one takes Ed25519 and HMAC-256.
 * Times and audience are token_check's. */
int token_verify(struct bytes encoded, enum token_form form, const struct cose_acceptance *acceptance,
                 const struct cose_trust *trust, const struct proto_crypto *crypto, struct token_claims *out);

/* Whether it is valid now, and for this device: exp and nbf as in RFC 7519 (now before exp, not before nbf); an
 * audience that the token names must be this one. 0, TOKEN_EXPIRED, TOKEN_EARLY, TOKEN_AUDIENCE. */
int token_check(const struct token_claims *claims, struct bytes audience, int64_t now_s);

const char *token_refusal_text(int refusal);

/* ---- beside a manifest ---- */

#define TOKEN_MEMBER "#token" /* of a SUIT_37 envelope: an integrated payload that no command fetches */

/* Adds a token to a SUIT_37 envelope of size bytes, in its own memory of capacity bytes. The envelope's signature does
 * not cover it: the token has its own, and names the image. 0 and the new size, TOKEN_STRUCTURE, or TOKEN_NO_ROOM. */
int token_attach(uint8_t *envelope, size_t size, size_t capacity, struct bytes token, size_t *out_size);

/* ---- grants as masks ---- */

/* Bit i stands for numbers[i], the i-th helper call that a kind of device has: its mask of those that are granted. all:
 * every one. Numbers beyond the 32nd, and granted ones that the device has not, have no bit. */
uint32_t token_mask_of(const uint32_t *numbers, size_t count, const uint32_t *granted, size_t granted_count, bool all);
/* Whether the mask has that call's bit. */
bool token_mask_allows(uint32_t mask, const uint32_t *numbers, size_t count, uint32_t number);

#endif
