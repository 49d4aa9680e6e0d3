/* body.h - JSON bodies into typed structs, by tables.
 * A form lists the members that one request knows; everything else is refused by name. What passes is of the right
 * type and within its bounds, so handlers hand the struct straight to the rules. */
#ifndef TINYPART_API_BODY_H
#define TINYPART_API_BODY_H

#include <jansson.h>

#include "daemon/base/refusal.h"
#include "device_proto/bytes.h"

#define JSON_BODY_SIZE_MAX 65536u

/* What a member is, and what it becomes at its offset. */
enum field_kind {
    FIELD_TEXT,     /* text of least..most bytes -> const char * */
    FIELD_INTEGER,  /* least..most -> int64_t */
    FIELD_UNSIGNED, /* least..most -> unsigned */
    FIELD_TIME,     /* RFC 3339 text -> int64_t, Unix milliseconds */
    FIELD_EPSILON,  /* decimal text -> int64_t, micro-epsilon */
    FIELD_LIST,     /* array of texts -> const char *, joined by commas, at most `most` bytes */
    FIELD_OBJECT,   /* object -> const char *, its compact JSON */
};

struct field {
    const char *name;
    enum field_kind kind;
    bool required;
    size_t offset;
    int64_t least, most; /* most 0 with texts: no bound of its own */
};

struct form {
    size_t size; /* of the struct */
    const struct field *fields;
    size_t count;
};

enum { BODY_OWNED_MAX = 4 };

/* A decoded body; members left out are zero in order. */
struct body {
    void *order;
    json_t *json; /* the texts point into it */
    char *owned[BODY_OWNED_MAX];
    size_t owned_count;
};

/* 0, REFUSED_INVALID naming the member or the position, or -ENOMEM. *out is to be body_deinit'ed in any case. */
int body_decode(struct bytes text, const struct form *form, struct body *out, struct why *why);
void body_deinit(struct body *body);

#define FORM(form_name, type, ...)                                    \
    static const struct field form_name##_fields[] = { __VA_ARGS__ }; \
    const struct form form_name = { sizeof(type), form_name##_fields, \
                                    sizeof(form_name##_fields) / sizeof(form_name##_fields[0]) }

#endif
