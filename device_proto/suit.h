/* suit.h - SUIT manifests for one container on one device, in two dialects.
 * SUIT_RIOT is what deployed RIOT devices take: no tag, COSE_Sign1 with the digest attached, the labels of draft
 * -07/-08. SUIT_37 is draft-ietf-suit-manifest-37. This is the recipient's side, which knows exactly one updated
 * component; suit_author.h is the author's. */
#ifndef TINYPART_DEVICE_PROTO_SUIT_H
#define TINYPART_DEVICE_PROTO_SUIT_H

#include "device_proto/crypto.h"

#define SUIT_ID_SIZE            16u /* a vendor's or class's UUID */
#define SUIT_COMPONENT_PARTS    4u  /* byte strings in one component identifier */
#define SUIT_COMPONENTS_MAX     4u  /* components a recipient keeps parameters for */
#define SUIT_URI_SIZE_MAX       255u
#define SUIT_COMPONENT_PART_MAX 64u   /* bytes in one of them, as written */
#define SUIT_MANIFEST_SIZE_MAX  4096u /* the manifest without severed members, as read */

#define SUIT_SIZE_UNKNOWN UINT64_MAX

enum suit_dialect { SUIT_RIOT = 1, SUIT_37 = 2 };

/* Why a recipient says no. */
enum suit_refusal {
    SUIT_REFUSED_STRUCTURE = 1, /* not the CBOR that the dialect wants */
    SUIT_REFUSED_UNSUPPORTED,   /* a section, command, parameter or component that is not implemented here */
    SUIT_REFUSED_SIGNATURE,     /* no signature by a known key */
    SUIT_REFUSED_DIGEST,        /* manifest, severed member or image is not what was signed */
    SUIT_REFUSED_VERSION,       /* manifest version other than 1 */
    SUIT_REFUSED_SEQUENCE,      /* sequence number not above the device's highest */
    SUIT_REFUSED_CONDITION,     /* vendor, class or slot is another device's */
    SUIT_REFUSED_POLICY,        /* a fetch before vendor and class were checked, or one whose image is never matched */
    SUIT_REFUSED_COMPONENT,     /* the device has no such component */
    SUIT_REFUSED_FETCH,         /* the payload could not be had */
    SUIT_REFUSED_STORAGE,       /* the payload does not fit its place */
    SUIT_REFUSED_ROOM,          /* the caller's buffer is too small, or an order exceeds a bound */
};

/* Manifest members, by the numbers of SUIT_37 (SUIT_RIOT's install 9 and validate 10 are translated). */
enum suit_section {
    SUIT_SECTION_ENVELOPE = 0,
    SUIT_SECTION_COMMON = 3,
    SUIT_SECTION_VALIDATE = 7,
    SUIT_SECTION_LOAD = 8,
    SUIT_SECTION_INVOKE = 9,
    SUIT_SECTION_PAYLOAD_FETCH = 16,
    SUIT_SECTION_INSTALL = 20,
    SUIT_SECTION_TEXT = 23,
};

/* Where a refusal arose: for people and for a SUIT report's record. */
struct suit_where {
    enum suit_section section;
    size_t offset;    /* byte offset of the command in its section; 0 where there is none */
    size_t component; /* component index */
    int64_t command;  /* command or label; 0 where there is none */
    const char *what; /* a static text: "directive copy", "tag on the envelope" */
};

struct suit_component {
    size_t count; /* 1..SUIT_COMPONENT_PARTS; a SUIT_37 manifest may also say 0 */
    struct bytes parts[SUIT_COMPONENT_PARTS];
};

bool suit_component_equal(const struct suit_component *a, const struct suit_component *b);

/* ---- recipient ---- */

/* A manifest whose signature and digest hold. Views point into the envelope. */
struct suit_manifest {
    enum suit_dialect dialect;
    size_t signer; /* index of the key that signed it */
    uint8_t manifest_digest[DIGEST_SIZE];
    uint64_t sequence;
    size_t component_count;
    struct suit_component components[SUIT_COMPONENTS_MAX];

    /* What the first component's command sequences set when every condition holds; the has_ flags tell what they set.
     * Meaningful for people and schedulers; a device goes by suit_manifest_run. */
    bool has_vendor_id, has_class_id, has_digest, has_size;
    uint8_t vendor_id[SUIT_ID_SIZE];
    uint8_t class_id[SUIT_ID_SIZE];
    uint8_t digest[DIGEST_SIZE];
    uint64_t size;
    struct bytes uri;           /* empty when none */
    struct bytes reference_uri; /* empty when none */

    /* Views, empty when absent. Severed members are the envelope's, digest checked. */
    struct bytes envelope;
    struct bytes manifest; /* without its byte string head */
    struct bytes shared, payload_fetch, install, validate, load, invoke, text;

    int runs;                /* 0, or why no device of ours can run it (where says what): usually _UNSUPPORTED */
    struct suit_where where; /* of the refusal returned, or of runs */
};

/* Checks structure, signature (by any of keys), manifest digest and severed members, and fills out. 0; a suit_refusal
 * with out->where set; or crypto's fault. Commands that are not implemented here do not make it fail: see out->runs. */
int suit_manifest_verify(struct bytes envelope, enum suit_dialect dialect, const struct public_key *keys, size_t n_keys,
                         const struct proto_crypto *crypto, struct suit_manifest *out);

/* The same without any key, for showing what a file says: everything but the signature is checked. */
int suit_manifest_parse(struct bytes envelope, enum suit_dialect dialect, const struct proto_crypto *crypto,
                        struct suit_manifest *out);

/* A place for a container, as its device knows it. */
struct suit_place {
    struct suit_component component;
    uint64_t slot; /* what condition component-slot is compared with */
};

struct suit_device {
    uint8_t vendor_id[SUIT_ID_SIZE];
    uint8_t class_id[SUIT_ID_SIZE];
    uint64_t sequence; /* the highest accepted so far; 0: none */
    const struct suit_place *places;
    size_t place_count;
};

/* Would this device take it? Runs all sequences against its identity, taking for granted that payloads arrive intact.
 * 0, or a suit_refusal; where may be NULL. */
int suit_manifest_accepts(const struct suit_manifest *manifest, const struct suit_device *device,
                          struct suit_where *where);

/* What running a manifest asks of a device. Each returns 0, a suit_refusal, or a fault (<0), which ends the run. */
struct suit_actions {
    void *context;
    /* Fetch uri into place (index into device->places); no more than size bytes. For a uri that begins with '#',
     * payload is the envelope's integrated payload, else empty. */
    int (*fetch)(void *context, size_t place, struct bytes uri, uint64_t size, struct bytes payload);
    /* Is what the place now holds exactly size bytes with that SHA-256? Only after a fetch in SUIT_RIOT. */
    int (*image_match)(void *context, size_t place, const uint8_t digest[DIGEST_SIZE], uint64_t size);
    /* SUIT_37's invoke section; may be NULL: not invoked. */
    int (*invoke)(void *context, size_t place);
};

/* Runs shared + payload-fetch + install + validate (+ load, invoke if actions->invoke). The sequence number is for the
 * caller to store once this returned 0. Nothing is fetched before the whole manifest is known to be supported, and
 * vendor and class have been checked. 0, a suit_refusal, or a fault; where may be NULL. */
int suit_manifest_run(const struct suit_manifest *manifest, const struct suit_device *device,
                      const struct suit_actions *actions, struct suit_where *where);

/* An envelope's integrated payload of that name ("#container"); empty when there is none. */
struct bytes suit_integrated_payload(struct bytes envelope, struct bytes name);

/* A refusal for people, and as the code that a RIOT device logs (-1 structure, -2 unsupported, -4 condition, -5
 * sequence or version, -6 signature or fetch, -7 digest, -8 policy, -50 storage). */
const char *suit_refusal_text(int refusal);
int suit_refusal_riot_code(int refusal);

#endif
