/* senml_resolve.h - from fields to resolved records: the part of SenML that JSON and CBOR share.
 * A syntax feeds the fields of each record in whatever order they come; end_record applies base fields and checks. */
#ifndef TINYPART_DEVICE_PROTO_SENML_RESOLVE_H
#define TINYPART_DEVICE_PROTO_SENML_RESOLVE_H

#include "device_proto/senml.h"

enum senml_field {
    SENML_FIELD_BVER,
    SENML_FIELD_BN,
    SENML_FIELD_BT,
    SENML_FIELD_BU,
    SENML_FIELD_BV,
    SENML_FIELD_BS,
    SENML_FIELD_N,
    SENML_FIELD_U,
    SENML_FIELD_V,
    SENML_FIELD_VS,
    SENML_FIELD_VB,
    SENML_FIELD_S,
    SENML_FIELD_T,
    SENML_FIELD_UT,
    SENML_FIELD_VD,
    SENML_FIELDS,
};

/* What a field's value must be. */
enum senml_form { SENML_FORM_NUMBER, SENML_FORM_TEXT, SENML_FORM_BOOLEAN, SENML_FORM_DATA };

struct senml_label {
    const char *json;
    int cbor;
    enum senml_form form;
};

/* Indexed by enum senml_field (RFC 8428 tables 3 and 4). */
extern const struct senml_label senml_labels[SENML_FIELDS];

/* The field of a JSON label, or SENML_FIELDS; an unknown label that must be understood gives SENML_MUST_UNDERSTAND in
 * *refusal. */
enum senml_field senml_field_of_text(struct bytes label, int *refusal);

/* A value in its form; text and data are views that live as long as the pack. */
struct senml_value {
    struct decimal number;
    struct bytes text;
    bool boolean;
};

struct senml_resolver {
    struct senml_pack *pack;
    size_t count;
    unsigned records_seen;
    struct {
        struct bytes name;
        struct bytes unit;
        struct decimal time, value, sum;
    } base;
    struct decimal version;
    unsigned seen; /* bit set of the current record's fields */
    struct senml_value fields[SENML_FIELDS];
};

void senml_resolver_begin(struct senml_resolver *resolver, struct senml_pack *pack);
void senml_begin_record(struct senml_resolver *resolver);
int senml_set_field(struct senml_resolver *resolver, enum senml_field field, const struct senml_value *value);
int senml_end_record(struct senml_resolver *resolver);
/* Publishes the records to the pack. */
int senml_resolver_finish(struct senml_resolver *resolver);

/* What the first record of an encoded pack carries for all of them. */
struct senml_base {
    struct bytes name;
    int64_t time_ms; /* 0: none */
};

/* The base for these records: the given name, which all names must begin with, and the first time where no record's
 * time is relative to now. 0, SENML_EMPTY or SENML_BAD_NAME. */
int senml_choose_base(const struct senml_record *records, size_t count, struct bytes name, struct senml_base *out);

/* Room in the pack's text buffer; NULL where there is none. Keep tells how much of it is used. */
uint8_t *senml_text_room(const struct senml_pack *pack, size_t *out_capacity);
void senml_text_keep(struct senml_pack *pack, size_t size);

#endif
