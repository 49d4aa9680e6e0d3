/* grant_doc.h - what the owner lets a tenant use of one device, as a signed document that the device keeps and obeys.
 * A COSE_Sign1 over a CBOR map with integer keys (schema/wire.cddl), with external data of its own. */
#ifndef TINYPART_DEVICE_PROTO_GRANT_DOC_H
#define TINYPART_DEVICE_PROTO_GRANT_DOC_H

#include "device_proto/crypto.h"

#define GRANT_NAME_MAX    63u
#define GRANT_SENSORS_MAX 8u
#define GRANT_HELPERS_MAX 32u
#define GRANT_SLOTS_MAX   8u
#define GRANT_DOC_MAX     1024u /* the signed document by a 64-byte signature, kid of up to 16 bytes included */

enum grant_refusal {
    GRANT_STRUCTURE = 1, /* not the CBOR map of a grant, or not a COSE_Sign1 */
    GRANT_SIGNATURE,     /* by none of the keys */
    GRANT_VALUE,         /* a value outside its bounds, or a list that is not ascending */
    GRANT_NO_ROOM,
    GRANT_DEVICE,  /* for another device */
    GRANT_EXPIRED, /* its time is over */
    GRANT_LACKS,   /* valid, but does not give what is asked for */
};

struct device_grant {
    uint64_t id;         /* the owner's registry numbers them; above 0 */
    struct bytes tenant; /* 1..63 bytes of [a-z0-9._-] */
    struct bytes device; /* the same */
    uint64_t issued_s;   /* unix seconds; of two grants with one id the later one counts */
    uint64_t until_s;    /* 0: until another one takes its place */
    uint32_t slots;      /* bit n: slot n, below GRANT_SLOTS_MAX */
    bool all_sensors, all_helpers;
    size_t sensor_count, helper_count; /* 0 where all are given */
    struct bytes sensors[GRANT_SENSORS_MAX];
    uint32_t helpers[GRANT_HELPERS_MAX]; /* strictly ascending */
};

/* 0 or GRANT_VALUE. */
int grant_doc_check(const struct device_grant *grant);

/* The signed document, tagged COSE_Sign1 with attached payload. Checks the grant first; kid (<= 16 bytes) may be empty.
 */
int grant_doc_write(const struct device_grant *grant, struct bytes kid, const struct proto_signer *signer, uint8_t *out,
                    size_t capacity, size_t *out_size);

/* Verifies by any of keys, reads, and checks. Views point into encoded. */
int grant_doc_verify(struct bytes encoded, const struct public_key *keys, size_t n_keys,
                     const struct proto_crypto *crypto, struct device_grant *out);
/* Reads and checks without a key, for showing. */
int grant_doc_parse(struct bytes encoded, struct device_grant *out);

/* Whether a container of tenant may run in slot of device now, with these helper calls; sensor empty: none is read.
 * 0, GRANT_DEVICE, GRANT_EXPIRED, or GRANT_LACKS. */
int grant_doc_allows(const struct device_grant *grant, struct bytes device, struct bytes tenant, unsigned slot,
                     struct bytes sensor, const uint32_t *helpers, size_t helper_count, uint64_t now_s);

const char *grant_refusal_text(int refusal);

#endif
