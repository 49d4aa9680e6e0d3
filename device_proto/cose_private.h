/* cose_private.h - what the files of the COSE codec share; not for users of this room. */
#ifndef TINYPART_DEVICE_PROTO_COSE_PRIVATE_H
#define TINYPART_DEVICE_PROTO_COSE_PRIVATE_H

#include "device_proto/cbor.h"
#include "device_proto/cose.h"

enum cose_tag { TAG_MAC0 = 17, TAG_SIGN1 = 18, TAG_ENCRYPT = 96, TAG_SIGN = 98 };

enum cose_header {
    HEADER_ALG = 1,
    HEADER_CRIT = 2,
    HEADER_KID = 4,
    HEADER_IV = 5,
    HEADER_EPHEMERAL = -1, /* of ECDH recipients */
};

/* The headers of one layer. */
struct cose_headers {
    int64_t algorithm; /* 0: none */
    bool algorithm_protected;
    bool unsupported;             /* an algorithm that is no number, or critical headers */
    struct bytes protected_bytes; /* as signed: empty for h'' and for h'a0' (RFC 9052 section 3) */
    struct bytes kid, iv;         /* data NULL: absent */
    struct bytes ephemeral;       /* the encoded item */
};

/* Protected and unprotected headers, the first two items of every layer. 0 or COSE_STRUCTURE. */
int cose_read_headers(struct cbor_reader *reader, struct cose_headers *out);

/* A byte string or nil: whether it is there, and which. */
bool cose_read_payload(struct cbor_reader *reader, struct bytes *out);

/* The tag, if there is one: COSE_STRUCTURE for any but this one. */
int cose_read_tag(struct cbor_reader *reader, enum cose_tag tag, bool *out_tagged);

/* What is signed or authenticated: [context, body protected, (signer protected,) external_aad, payload]. The signer's
 * item is left out where signer is NULL. 0 or COSE_NO_ROOM. */
struct cose_signed {
    const char *context;
    struct bytes body;
    const struct bytes *signer;
    struct bytes external_aad, payload;
};
int cose_write_signed(const struct cose_signed *what, uint8_t *out, size_t capacity, size_t *out_size);

#define COSE_PROTECTED_SIZE 8u /* of {1: algorithm}, any algorithm */

/* {1: algorithm}, which is all that is ever protected here. */
struct bytes cose_write_protected(int64_t algorithm, uint8_t out[COSE_PROTECTED_SIZE]);
/* The two header items of a layer: {1: algorithm} protected, kid (where not empty) unprotected. */
void cose_write_headers(struct cbor_writer *writer, int64_t algorithm, struct bytes kid);
void cose_write_payload(struct cbor_writer *writer, const struct cose_order *order);

/* One signature over a structure that is ready. */
int cose_verify(int64_t algorithm, const struct public_key *key, const struct proto_crypto *crypto,
                struct bytes message, struct bytes signature);
/* Signs into the rest of the writer's room, as a byte string. */
int cose_sign_into(struct cbor_writer *writer, const struct proto_signer *signer, int64_t algorithm,
                   struct bytes message);

#endif
