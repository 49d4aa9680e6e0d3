/* bundle.h - image bundles: what a tenant hands in.
 * A bundle is a SUIT envelope of draft-ietf-suit-manifest-37 with the container as integrated payload "#container",
 * signed by the tenant's key. Type and name are the component identifier, name, version and sensor stand in the text
 * member, whose digest is in the signed manifest: any SUIT tool can read it. schema/wire.cddl gives its grammar. */
#ifndef TINYPART_DEVICE_PROTO_BUNDLE_H
#define TINYPART_DEVICE_PROTO_BUNDLE_H

#include "device_proto/crypto.h"

#define BUNDLE_NAME_MAX      63u
#define BUNDLE_VERSION_MAX   32u
#define BUNDLE_SENSOR_MAX    63u
#define BUNDLE_OVERHEAD_MAX  (960u + SIGNATURE_SIZE_MAX) /* a bundle is at most this much larger than its container */
#define BUNDLE_CONTAINER_MAX (16u << 20)                 /* 16 MiB */

enum bundle_refusal {
    BUNDLE_STRUCTURE = 1, /* no SUIT envelope, or not the shape of a bundle */
    BUNDLE_UNSUPPORTED,   /* a SUIT feature that bundles do not use, or an unknown type */
    BUNDLE_SIGNATURE,     /* no signature by any of the keys */
    BUNDLE_DIGEST,        /* manifest, text or container is not what was signed */
    BUNDLE_NAME,          /* name, version or sensor breaks its grammar, or the places that give it disagree */
    BUNDLE_NO_ROOM,       /* buffer too small, or container over BUNDLE_CONTAINER_MAX */
};

enum bundle_type { BUNDLE_BPF = 1, BUNDLE_WASM, BUNDLE_PYTHON, BUNDLE_NATIVE, BUNDLE_SHELL };

struct bundle {
    struct bytes name;    /* 1..63 of [a-z0-9.-], beginning and ending with a letter or digit */
    struct bytes version; /* 1..32 printable ASCII, no blank */
    enum bundle_type type;
    struct bytes
        sensor; /* the sensor that the container's answer is a reading of; grammar of name plus '_'; or empty */
    struct bytes container;          /* 1..BUNDLE_CONTAINER_MAX bytes */
    uint8_t digest[DIGEST_SIZE];     /* SHA-256 of container; bundle_write ignores it and computes its own */
    const struct public_key *signer; /* set by bundle_verify: which of keys */
};

/* Writes a signed bundle. 0, BUNDLE_NAME, BUNDLE_UNSUPPORTED, BUNDLE_NO_ROOM, or a callback's fault. capacity of
 * container.size + BUNDLE_OVERHEAD_MAX always suffices. */
int bundle_write(const struct bundle *bundle, const struct proto_crypto *crypto, const struct proto_signer *signer,
                 uint8_t *out, size_t capacity, size_t *out_size);

/* Checks everything: structure, signature by one of keys, manifest digest, text digest, image size and digest, and that
 * name, version and type agree in all places. out's views point into encoded. */
int bundle_verify(struct bytes encoded, const struct public_key *keys, size_t n_keys, const struct proto_crypto *crypto,
                  struct bundle *out);

/* The same without a key, for showing: everything but the signature is checked; out->signer is NULL. */
int bundle_parse(struct bytes encoded, const struct proto_crypto *crypto, struct bundle *out);

bool bundle_name_valid(struct bytes name);
bool bundle_version_valid(struct bytes version);
bool bundle_sensor_valid(struct bytes sensor); /* empty is valid */

/* "bpf", "wasm", "python", "native", "shell"; the second gives 0 for any other text. */
const char *bundle_type_text(enum bundle_type type);
enum bundle_type bundle_type_of(struct bytes text);

const char *bundle_refusal_text(int refusal);

#endif
