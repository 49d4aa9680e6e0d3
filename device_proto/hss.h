/* hss.h - HSS/LMS, the hash-based signature that a quantum computer does not break: verifying, and its public keys.
 * RFC 8554 with the parameter sets of SP 800-208 for SHA-256 and SHA-256/192; in COSE algorithm -46, key type 5
 * (RFC 8778). Signing needs memory and a durable record, and is elsewhere. */
#ifndef TINYPART_DEVICE_PROTO_HSS_H
#define TINYPART_DEVICE_PROTO_HSS_H

#include "device_proto/lms.h"

#define HSS_LEVELS_MAX      8u
#define HSS_PUBLIC_SIZE_MAX (4u + LMS_PUBLIC_SIZE_MAX) /* 60; 52 with n = 24 */

enum hss_refusal {
    HSS_KEY = 1,     /* no public key of 1 to 8 levels and a pair of types that is supported */
    HSS_STRUCTURE,   /* not a signature of that key's shape, or bytes behind it */
    HSS_SIGNATURE,   /* the signature does not hold */
    HSS_UNSUPPORTED, /* crypto cannot hash in parts (sha256_begin is NULL) */
};

/* A public key, taken apart. */
struct hss_public {
    unsigned levels;
    struct lms_tree top;
};

/* key: levels, LMS type, LM-OTS type, I, root; nothing behind it. 0 or HSS_KEY. */
int hss_public_read(struct bytes key, struct hss_public *out);
/* Gives the size: 60, or 52 with n = 24. */
size_t hss_public_write(const struct hss_public *key, uint8_t out[HSS_PUBLIC_SIZE_MAX]);

/* Checks a signature over message with a raw public key (as in struct public_key of type KEY_HSS_LMS).
 * Memory is constant: the signature is read in place, about 1 KiB of stack for every parameter set (README). At most
 * 8 x 265 x 255 blocks are hashed, in practice 8,670 / 2 for each level of width 8.
 * All levels must have the same n, as SP 800-208 wants. 0, a hss_refusal, or crypto's fault. */
int hss_verify(const struct proto_crypto *crypto, struct bytes key, struct bytes message, struct bytes signature);

/* The size of a signature when all levels have these parameters. */
size_t hss_signature_size(const struct lms_parameters *parameters, unsigned levels);

/* COSE_Key (RFC 8778 section 4): {1: 5, 2: kid, 3: -46, -1: public key}; an empty kid is left out. */
#define HSS_COSE_KEY_OVERHEAD 16u /* beside kid and public key */
int hss_cose_key_write(struct bytes key, struct bytes kid, uint8_t *out, size_t capacity, size_t *out_size);
/* The raw public key within one (a view), and its kid where there is one. 0 or HSS_KEY; an algorithm other than -46
 * and key operations that exclude verifying are refused. */
int hss_cose_key_read(struct bytes encoded, struct bytes *out_key, struct bytes *out_kid);

const char *hss_refusal_text(int refusal);

#endif
