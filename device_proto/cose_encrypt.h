/* cose_encrypt.h - images that stay secret on the way: COSE_Encrypt (RFC 9052 section 5) as SUIT firmware encryption
 * narrows it (draft-ietf-suit-firmware-encryption): the content key is wrapped for each device with AES-KW, or with
 * ECDH-ES + A128KW; the content is encrypted with A128GCM or A128CTR, detached from the header.
 *
 * Both directions stream: a device decrypts block by block as an image arrives, in the memory of one struct
 * cose_stream whatever the image's size. A128CTR protects nothing by itself, and A128GCM's tag is only seen at the end:
 * what was decrypted is believed once the manifest's digest over the plaintext matches, never before. */
#ifndef TINYPART_DEVICE_PROTO_COSE_ENCRYPT_H
#define TINYPART_DEVICE_PROTO_COSE_ENCRYPT_H

#include "device_proto/cose.h"

#define COSE_RECIPIENTS_MAX   16u  /* devices that one header addresses */
#define COSE_KID_SIZE_MAX     64u  /* of a recipient, as written */
#define COSE_KDF_PART_MAX     64u  /* protected header of a recipient; supplementary public information */
#define COSE_TAG_SIZE         16u  /* what A128GCM adds to the content's size */
#define COSE_ENCRYPT_OVERHEAD 48u  /* of a header, beyond its recipients */
#define COSE_RECIPIENT_MAX    208u /* bytes of one recipient as written */

/* What SUIT puts into the key derivation's context (SuppPubInfo.other); an empty text is COSE's own default. */
#define COSE_KDF_SUIT "SUIT Payload Encryption"

/* A stream of content under one content key. Holds that key: wipe it when done (cose_stream_wipe). */
struct cose_stream {
    enum cose_algorithm algorithm;
    bool encrypts;
    uint8_t key[AES_KEY_SIZE];
    uint8_t counter[AES_BLOCK];   /* of the next block */
    uint8_t keystream[AES_BLOCK]; /* of the block begun */
    unsigned used;                /* bytes of keystream used; 0: no block is begun */
    /* A128GCM only */
    uint8_t hash_key[AES_BLOCK], hash[AES_BLOCK], tag_mask[AES_BLOCK];
    uint8_t held[COSE_TAG_SIZE]; /* decrypting: the last bytes seen, which may be the tag */
    size_t held_size;
    unsigned hash_used; /* bytes of the hash's block begun */
    uint64_t associated_size, content_size;
};

/* ---- device's side ---- */

/* One key of a device: a shared key-encryption key, or a private P-256 key. */
struct cose_device_key {
    struct bytes kid; /* a recipient that names another one is passed over; empty: all are tried */
    struct bytes kek; /* for A128KW: 16 bytes, or empty */
    const struct proto_agreement *agreement; /* for ECDH-ES+A128KW, or NULL */
};

struct cose_encrypt_rules {
    struct bytes kdf_other;    /* COSE_KDF_SUIT, or empty */
    struct bytes external_aad; /* SUIT: empty */
};

/* Reads an encryption header (tag 96 or none), finds the recipient that one of keys opens, unwraps the content key, and
 * readies stream. out_attached is the ciphertext where the header carries it (SUIT's does not), else empty. 0;
 * COSE_STRUCTURE; COSE_UNSUPPORTED (algorithms); COSE_KEY_MISMATCH (no recipient is for these keys); COSE_SIGNATURE
 * (the content key was not wrapped with them); COSE_NO_ROOM (a bound above); or crypto's fault. */
int cose_decrypt_begin(struct bytes header, const struct cose_device_key *keys, size_t key_count,
                       const struct cose_encrypt_rules *rules, const struct proto_crypto *crypto,
                       struct cose_stream *stream, struct bytes *out_attached);
/* The next part of the ciphertext, any size; out takes at most part.size bytes and overlaps part nowhere. With A128GCM
 * the last 16 bytes seen are held back: they may be the tag. */
int cose_decrypt_update(struct cose_stream *stream, const struct proto_crypto *crypto, struct bytes part, uint8_t *out,
                        size_t *out_size);
/* After the last part: COSE_SIGNATURE when the content is not what was encrypted (A128GCM). Wipes stream. */
int cose_decrypt_finish(struct cose_stream *stream);

/* ---- author's side ---- */

struct cose_recipient {
    enum cose_algorithm algorithm; /* COSE_A128KW or COSE_ECDH_ES_A128KW */
    struct bytes kid;              /* empty: none */
    struct bytes kek;              /* COSE_A128KW: 16 bytes */
    const struct public_key *key;  /* COSE_ECDH_ES_A128KW: the device's P-256 key */
};

struct cose_encrypt_order {
    enum cose_algorithm algorithm; /* COSE_A128GCM or COSE_A128CTR */
    const struct cose_recipient *recipients;
    size_t recipient_count; /* 1..COSE_RECIPIENTS_MAX */
    struct cose_encrypt_rules rules;
};

/* Draws a content key and a nonce, writes the header (tag 96, ciphertext detached) into out
 * (COSE_ENCRYPT_OVERHEAD + COSE_RECIPIENT_MAX for each recipient suffice), and readies stream for one content. 0,
 * COSE_UNSUPPORTED, COSE_KEY_MISMATCH (a recipient without the key that its algorithm needs), COSE_NO_ROOM, or a fault.
 */
int cose_encrypt_begin(const struct cose_encrypt_order *order, const struct proto_random *random,
                       const struct proto_crypto *crypto, uint8_t *out, size_t capacity, size_t *out_size,
                       struct cose_stream *stream);
/* out takes part.size bytes, and may be part's own memory. */
int cose_encrypt_update(struct cose_stream *stream, const struct proto_crypto *crypto, struct bytes part, uint8_t *out);
/* The tag that follows the content, and its size: COSE_TAG_SIZE with A128GCM, 0 with A128CTR. Wipes stream. */
size_t cose_encrypt_finish(struct cose_stream *stream, uint8_t out_tag[COSE_TAG_SIZE]);

/* Any part of a content under A128CTR by itself, from its byte offset on: for hosts that encrypt an image block by
 * block as it is asked for. key and counter are those of the stream that cose_encrypt_begin readied, before its first
 * update. out takes part.size bytes, and may be part's own memory. */
int cose_encrypt_part(const uint8_t key[AES_KEY_SIZE], const uint8_t counter[AES_BLOCK], size_t offset,
                      const struct proto_crypto *crypto, struct bytes part, uint8_t *out);

void cose_stream_wipe(struct cose_stream *stream);

#endif
