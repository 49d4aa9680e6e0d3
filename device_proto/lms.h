/* lms.h - one tree of one-time signatures: LM-OTS and LMS (RFC 8554 sections 4 and 5; SP 800-208 for n = 24) with
 * SHA-256. What verifying and signing have in common; the parts with memory and files are the signer's own. */
#ifndef TINYPART_DEVICE_PROTO_LMS_H
#define TINYPART_DEVICE_PROTO_LMS_H

#include "device_proto/crypto.h"

#define LMS_IDENTIFIER_SIZE 16u /* I */
#define LMS_N_MAX           32u
#define LMS_HEIGHT_MAX      25u
#define LMOTS_CHAINS_MAX    265u /* p, at n = 32 and w = 1 */
#define LMS_PUBLIC_SIZE_MAX (8u + LMS_IDENTIFIER_SIZE + LMS_N_MAX)

/* A pair of typecodes, looked up. */
struct lms_parameters {
    uint32_t lms_type;   /* 5..9: n = 32, height 5, 10, 15, 20, 25; 10..14: n = 24 */
    uint32_t lmots_type; /* 1..4: n = 32, width 1, 2, 4, 8; 5..8: n = 24 */
    unsigned n;          /* bytes of a hash: 32 or 24 */
    unsigned width;      /* w, in bits */
    unsigned chains;     /* p */
    unsigned shift;      /* ls */
    unsigned height;     /* h: the tree signs 2^h times */
};

/* false: a typecode that is none of SHA-256's, or the two differ in n (SP 800-208 section 4). */
bool lms_parameters_of(uint32_t lms_type, uint32_t lmots_type, struct lms_parameters *out);
/* The same from n (32, 24), height (5..25) and width (1, 2, 4, 8). */
bool lms_parameters_for(unsigned n, unsigned height, unsigned width, struct lms_parameters *out);

/* Bytes of the tree's public key (type, type, I, root) and of a signature (q, type, C, y, type, path). */
static inline size_t lms_public_size(const struct lms_parameters *parameters)
{
    return 8u + LMS_IDENTIFIER_SIZE + parameters->n;
}
static inline size_t lms_signature_size(const struct lms_parameters *parameters)
{
    return 12u + (size_t)parameters->n * (1u + parameters->chains + parameters->height);
}

/* One tree, by its public key's parts. */
struct lms_tree {
    struct lms_parameters parameters;
    uint8_t identifier[LMS_IDENTIFIER_SIZE];
    uint8_t root[LMS_N_MAX]; /* its first n bytes */
};

/* out.size is what was read of it: lms_public_size. false: too short, or typecodes as above. */
bool lms_public_read(struct bytes encoded, struct lms_tree *out);
/* Gives lms_public_size. */
size_t lms_public_write(const struct lms_tree *tree, uint8_t out[LMS_PUBLIC_SIZE_MAX]);

/* The digest that the one-time key q signs, and behind it its checksum: coefficients come from it. 0 or a fault. */
#define LMOTS_DIGEST_SIZE (LMS_N_MAX + 2u)
int lmots_digest(const struct proto_crypto *crypto, const struct lms_tree *tree, uint32_t q, const uint8_t *randomizer,
                 struct bytes message, uint8_t out[LMOTS_DIGEST_SIZE]);
/* Coefficient number i of width bits. */
unsigned lmots_coefficient(const uint8_t *digest, unsigned i, unsigned width);

/* Carries value (n bytes) along chain i of one-time key q, from step first up to but not including step end. */
int lmots_chain(const struct proto_crypto *crypto, const struct lms_tree *tree, uint32_t q, unsigned i, unsigned first,
                unsigned end, uint8_t value[LMS_N_MAX]);

/* A one-time public key K in parts: begin, then add the ends of all chains in order, then finish to leaf q's node. */
int lmots_public_begin(const struct proto_crypto *crypto, const struct lms_tree *tree, uint32_t q,
                       struct sha256_stream *stream);
int lmots_public_leaf(const struct proto_crypto *crypto, const struct lms_tree *tree, uint32_t q,
                      struct sha256_stream *stream, uint8_t out_node[LMS_N_MAX]);
/* Node number (root 1, its children 2 and 3, leaf q is 2^h + q) from its two children. out may be left. */
int lms_inner(const struct proto_crypto *crypto, const struct lms_tree *tree, uint32_t number, const uint8_t *left,
              const uint8_t *right, uint8_t out_node[LMS_N_MAX]);

/* Checks a signature of exactly lms_signature_size: 0 when it holds, 1 when not, or a fault. */
int lms_verify(const struct proto_crypto *crypto, const struct lms_tree *tree, struct bytes message,
               struct bytes signature);

/* Big-endian numbers, as all of RFC 8554 has them. */
static inline uint32_t lms_get32(const uint8_t *in)
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}
static inline void lms_put32(uint8_t *out, uint32_t value)
{
    out[0] = (uint8_t)(value >> 24);
    out[1] = (uint8_t)(value >> 16);
    out[2] = (uint8_t)(value >> 8);
    out[3] = (uint8_t)value;
}

#endif
