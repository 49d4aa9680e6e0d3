/* metadata.h - what goes with a container to a TinyContainer device: who it is, whom it may speak with, how long it may
 * run, and the tokens that vouch for its code, its data and for all of this (schema/wire.cddl).
 * As deployed devices read it: all keys in order, at most METADATA_SIZE_MAX bytes, masks of at most 4 bytes. */
#ifndef TINYPART_DEVICE_PROTO_METADATA_H
#define TINYPART_DEVICE_PROTO_METADATA_H

#include "device_proto/token.h"

#define METADATA_SIZE_MAX      512u
#define METADATA_UID_MAX       32u
#define METADATA_ENDPOINTS_MAX 4u
#define METADATA_TOKEN_SIZE    111u /* of a hash token by Ed25519 in TOKEN_TINYCONTAINER */

enum metadata_type {
    METADATA_UNDEFINED = 0,
    METADATA_NATIVE,
    METADATA_SHELL,
    METADATA_BPF,
    METADATA_WASM,
    METADATA_JAVACARD,
    METADATA_JAVASCRIPT,
    METADATA_PYTHON,
};

enum metadata_peer { METADATA_CONTAINER_PEER = 0, METADATA_LOCAL_PEER, METADATA_REMOTE_PEER };
enum metadata_direction { METADATA_IN = 0, METADATA_OUT, METADATA_BOTH };

struct metadata_endpoint {
    uint32_t id;
    enum metadata_peer peer;
    struct bytes peer_uid; /* of a container; data NULL otherwise */
    uint32_t peer_endpoint;
    enum metadata_direction direction;
    struct bytes token; /* data NULL: none. Shipped devices refuse one: TOKEN_UNSUPPORTED in that form */
};

struct metadata {
    struct bytes uid; /* 1..METADATA_UID_MAX bytes, usually the container's name */
    enum metadata_type type;
    uint32_t start_max_ms, loop_period_ms, loop_max_ms, loop_max_calls, stop_max_ms;
    size_t endpoint_count;
    struct metadata_endpoint endpoints[METADATA_ENDPOINTS_MAX];
    /* Read only: encoded tokens, and what the last one's hash covers. */
    struct bytes mask_token, data_token, code_token, metadata_token, covered;
};

/* Writes the metadata with its four tokens: the mask of system calls (token_mask_of), SHA-256 of data and of code, and
 * SHA-256 of all the metadata before the last token, whose own bytes are left out. 0 or a token_refusal (TOKEN_NO_ROOM
 * beyond a bound above; TOKEN_STRUCTURE for data or code that begin like metadata: the token over them would pass for
 * one over metadata, whose author could be anybody), or a fault. */
int metadata_write(const struct metadata *metadata, uint32_t mask, struct bytes data, struct bytes code,
                   enum token_form form, const struct proto_signer *signer, const struct proto_crypto *crypto,
                   uint8_t *out, size_t capacity, size_t *out_size);

/* Splits it; checks no token. 0, TOKEN_STRUCTURE, TOKEN_UNSUPPORTED (unknown keys, types), TOKEN_NO_ROOM. */
int metadata_read(struct bytes encoded, enum token_form form, struct metadata *out);

/* Reads it and checks all four tokens against data and code. */
int metadata_verify(struct bytes encoded, struct bytes data, struct bytes code, enum token_form form,
                    const struct cose_acceptance *acceptance, const struct cose_trust *trust,
                    const struct proto_crypto *crypto, struct metadata *out, uint32_t *out_mask);

#endif
