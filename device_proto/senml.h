/* senml.h - sensor readings as SenML packs (RFC 8428), in JSON (content format 110) and CBOR (112).
 * A pack is decoded into resolved records (section 4.6): base fields are applied and gone. Numbers stay exact decimals.
 * Strict where a reading could be misunderstood: unknown must-understand fields, doubled fields, names of forbidden
 * characters, NaN, infinities and numbers that do not fit are refused, and nothing of such a pack is used. */
#ifndef TINYPART_DEVICE_PROTO_SENML_H
#define TINYPART_DEVICE_PROTO_SENML_H

#include "device_proto/bytes.h"
#include "device_proto/decimal.h"

#define SENML_NAME_MAX    64u /* bytes of a resolved name */
#define SENML_UNIT_MAX    16u
#define SENML_VERSION     10u
#define SENML_DEPTH_MAX   8u               /* nesting of values of unknown fields */
#define SENML_RELATIVE_MS (268435456000LL) /* times below 2^28 s are relative to now (section 4.5.3) */

enum senml_refusal {
    SENML_MALFORMED = 1, /* not JSON, not CBOR, or not an array of maps */
    SENML_EMPTY,         /* no record at all */
    SENML_TOO_MANY,      /* more records than the caller has room for */
    SENML_NO_ROOM,       /* text buffer or output too small */
    SENML_BAD_TYPE,      /* a field's value has the wrong type */
    SENML_BAD_NAME,      /* no name, longer than SENML_NAME_MAX, or a forbidden character (section 4.5.1) */
    SENML_BAD_UNIT,
    SENML_BAD_NUMBER,      /* does not fit an exact decimal, or base + value does not */
    SENML_NOT_FINITE,      /* NaN or infinity */
    SENML_BAD_TIME,        /* does not fit integer milliseconds */
    SENML_BAD_VERSION,     /* above SENML_VERSION, or changing within the pack */
    SENML_DOUBLE_FIELD,    /* the same field twice, or two values in one record */
    SENML_NO_VALUE,        /* neither a value nor a sum, though not a record of base fields only */
    SENML_MUST_UNDERSTAND, /* an unknown field whose label ends in "_" */
    SENML_BAD_DATA,        /* not base64url without padding */
    SENML_TOO_DEEP,
};

enum senml_kind {
    SENML_NONE = 0, /* a sum only */
    SENML_NUMBER,
    SENML_STRING,
    SENML_BOOLEAN,
    SENML_DATA,
};

struct senml_record {
    char name[SENML_NAME_MAX + 1]; /* resolved, NUL-terminated */
    char unit[SENML_UNIT_MAX + 1]; /* "" where there is none */
    enum senml_kind kind;
    struct decimal number; /* SENML_NUMBER */
    struct bytes text;     /* SENML_STRING (UTF-8), SENML_DATA: view into the pack, or into senml_pack.text */
    bool boolean;          /* SENML_BOOLEAN */
    bool has_sum;
    struct decimal sum;
    int64_t time_ms;   /* since 1970, or relative to now (see senml_time); rounded half to even */
    int64_t update_ms; /* 0: not given */
};

/* Where a pack is decoded to. The caller gives records, capacity and room for strings that cannot be viewed in place.
 */
struct senml_pack {
    struct senml_record *records;
    size_t capacity;
    size_t count;
    uint8_t *text;
    size_t text_capacity;
    size_t text_size;
};

/* Decode a pack. 0, or a refusal; count is set only on success. Records with base fields only leave nothing behind. */
int senml_decode_json(struct bytes json, struct senml_pack *pack);
int senml_decode_cbor(struct bytes cbor, struct senml_pack *pack);

/* Encode resolved records. base_name may be empty; otherwise every name must begin with it. The first record's absolute
 * time becomes the base time. 0 and the size, or SENML_NO_ROOM, SENML_BAD_NAME, SENML_EMPTY. Numbers are written
 * exactly: integers, and in CBOR decimal fractions (tag 4). */
int senml_encode_json(const struct senml_record *records, size_t count, struct bytes base_name, uint8_t *out,
                      size_t capacity, size_t *out_size);
int senml_encode_cbor(const struct senml_record *records, size_t count, struct bytes base_name, uint8_t *out,
                      size_t capacity, size_t *out_size);

/* A record's time on the clock of the receiver: absolute as it is, relative ones added to now_ms. */
int64_t senml_time(const struct senml_record *record, int64_t now_ms);

/* A short English text for a refusal. Never NULL. */
const char *senml_refusal_text(int refusal);

#endif
