/* suit_author.h - SUIT manifests from the author's side. */
#ifndef TINYPART_DEVICE_PROTO_SUIT_AUTHOR_H
#define TINYPART_DEVICE_PROTO_SUIT_AUTHOR_H

#include "device_proto/suit.h"

#define SUIT_ORDER_SIZE_MAX   1280u /* every envelope that suit_manifest_write makes fits */
#define SUIT_TO_BE_SIGNED_MAX 128u  /* every Sig_structure of one fits */

/* ---- one container on one device, in either dialect ---- */

struct suit_order {
    enum suit_dialect dialect;
    enum cose_algorithm algorithm; /* 0: EdDSA (-8) in SUIT_RIOT; in SUIT_37 the fully specified one of the key */
    uint64_t sequence;             /* at most 2^32-1 in SUIT_RIOT */
    uint8_t vendor_id[SUIT_ID_SIZE];
    uint8_t class_id[SUIT_ID_SIZE];
    struct suit_component component;
    uint8_t digest[DIGEST_SIZE]; /* SHA-256 of the image */
    uint64_t size;               /* of the image, bytes; at most 2^32-1 in SUIT_RIOT */
    struct bytes uri;            /* where the image is; 1..SUIT_URI_SIZE_MAX */
    struct bytes reference_uri;  /* SUIT_37: this manifest's own address, which a report quotes; empty: none */
};

/* The signed envelope. 0; SUIT_REFUSED_ROOM (too small a buffer, or an order beyond its bounds),
 * SUIT_REFUSED_UNSUPPORTED (a reference_uri in SUIT_RIOT, or an algorithm that the signer's key or the dialect lacks),
 * or a callback's fault. */
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
