/* suit_label.h - the numbers of SUIT_37 and the names that people write for them.
 * One table of commands and one of parameters say what each takes: authors, readers of descriptions and printers go by
 * them. From draft-ietf-suit-manifest-37, -trust-domains-12, -update-management-14 and -firmware-encryption-24. */
#ifndef TINYPART_DEVICE_PROTO_SUIT_LABEL_H
#define TINYPART_DEVICE_PROTO_SUIT_LABEL_H

#include "device_proto/bytes.h"

enum suit_command_label {
    SUIT_CONDITION_VENDOR = 1,
    SUIT_CONDITION_CLASS = 2,
    SUIT_CONDITION_IMAGE_MATCH = 3,
    SUIT_CONDITION_USE_BEFORE = 4,
    SUIT_CONDITION_SLOT = 5,
    SUIT_CONDITION_CHECK_CONTENT = 6,
    SUIT_CONDITION_DEPENDENCY_INTEGRITY = 7,
    SUIT_CONDITION_IS_DEPENDENCY = 8,
    SUIT_DIRECTIVE_PROCESS_DEPENDENCY = 11,
    SUIT_DIRECTIVE_SET_INDEX = 12,
    SUIT_CONDITION_ABORT = 14,
    SUIT_DIRECTIVE_TRY_EACH = 15,
    SUIT_DIRECTIVE_WRITE = 18,
    SUIT_DIRECTIVE_SET_PARAMETERS = 19,
    SUIT_DIRECTIVE_OVERRIDE = 20,
    SUIT_DIRECTIVE_FETCH = 21,
    SUIT_DIRECTIVE_COPY = 22,
    SUIT_DIRECTIVE_INVOKE = 23,
    SUIT_CONDITION_DEVICE = 24,
    SUIT_CONDITION_IMAGE_NOT_MATCH = 25,
    SUIT_CONDITION_BATTERY = 26,
    SUIT_CONDITION_AUTHORIZED = 27,
    SUIT_CONDITION_VERSION = 28,
    SUIT_DIRECTIVE_WAIT = 29,
    SUIT_DIRECTIVE_SWAP = 31,
    SUIT_DIRECTIVE_RUN_SEQUENCE = 32, /* 30 in SUIT_RIOT */
    SUIT_DIRECTIVE_UNLINK = 33,
    SUIT_DIRECTIVE_OVERRIDE_MULTIPLE = 34,
    SUIT_DIRECTIVE_COPY_PARAMS = 35,
};

enum suit_parameter_label {
    SUIT_PARAMETER_VENDOR = 1,
    SUIT_PARAMETER_CLASS = 2,
    SUIT_PARAMETER_DIGEST = 3,
    SUIT_PARAMETER_USE_BEFORE = 4,
    SUIT_PARAMETER_SLOT = 5,
    SUIT_PARAMETER_STRICT_ORDER = 12,
    SUIT_PARAMETER_SOFT_FAILURE = 13,
    SUIT_PARAMETER_SIZE = 14,
    SUIT_PARAMETER_CONTENT = 18,
    SUIT_PARAMETER_ENCRYPTION_INFO = 19,
    SUIT_PARAMETER_URI = 21,
    SUIT_PARAMETER_SOURCE = 22,
    SUIT_PARAMETER_INVOKE_ARGS = 23,
    SUIT_PARAMETER_DEVICE = 24,
    SUIT_PARAMETER_FETCH_ARGS = 25,
    SUIT_PARAMETER_BATTERY = 26,
    SUIT_PARAMETER_PRIORITY = 27,
    SUIT_PARAMETER_VERSION = 28,
    SUIT_PARAMETER_WAIT_INFO = 29,
    SUIT_PARAMETER_METADATA = 30,
};

/* What stands behind a command. */
enum suit_takes {
    SUIT_TAKES_POLICY = 1, /* a reporting policy: bits 0-3, record and system information on success and failure */
    SUIT_TAKES_INDEX,      /* a component index, true for all, or a list */
    SUIT_TAKES_PARAMETERS, /* a map of parameters */
    SUIT_TAKES_SEQUENCE,   /* one sequence */
    SUIT_TAKES_TRIES,      /* at least two sequences, and perhaps nil: "or nothing" */
    SUIT_TAKES_MULTIPLE,   /* a map of component index to a map of parameters */
    SUIT_TAKES_COPIES,     /* a map of component index to a list of parameters */
};

#define SUIT_POLICY_MAX 15u

struct suit_command_row {
    int64_t number;
    const char *name; /* "condition-image-match", as the working group's tools have it */
    enum suit_takes takes;
    uint8_t policy; /* what the drafts' examples ask for */
    bool shared;    /* may stand in the shared sequence */
    bool riot;      /* SUIT_RIOT has it */
};

enum suit_value_kind {
    SUIT_VALUE_UINT = 1,
    SUIT_VALUE_INT,
    SUIT_VALUE_BOOL,
    SUIT_VALUE_TEXT,
    SUIT_VALUE_BYTES,
    SUIT_VALUE_ID,      /* 16 bytes of a UUID */
    SUIT_VALUE_DIGEST,  /* a byte string around [algorithm, bytes] */
    SUIT_VALUE_VERSION, /* a byte string around [comparison, [integers]] */
    SUIT_VALUE_WRAPPED, /* a byte string around one item of CBOR */
    SUIT_VALUE_ITEM,    /* a private parameter (negative number): an integer, truth value, text or byte string */
};

struct suit_parameter_row {
    int64_t number;
    const char *name; /* "image-digest" */
    enum suit_value_kind kind;
    bool riot;
};

/* Rows by number or by name; NULL where there is none. A parameter's row for any negative number is the private
 * ones'. */
const struct suit_command_row *suit_command_find(int64_t number);
const struct suit_command_row *suit_command_named(struct bytes name);
const struct suit_parameter_row *suit_parameter_find(int64_t number);
const struct suit_parameter_row *suit_parameter_named(struct bytes name);

/* Keys of the text member, of the manifest or of one component: "vendor-name"; NULL, or 0, where there is none. */
const char *suit_text_name(bool of_component, uint64_t key);
uint64_t suit_text_named(bool of_component, struct bytes name);

/* Digest algorithms (RFC 9054): "sha256" is -16; 0, or NULL, where there is none. */
const char *suit_digest_name(int64_t algorithm);
int64_t suit_digest_named(struct bytes name);
/* Bytes of one; 0: not known. */
size_t suit_digest_size(int64_t algorithm);

/* Comparisons of versions, 1..5: "greater", "greater-equal", "equal", "lesser-equal", "lesser". */
const char *suit_comparison_name(int64_t comparison);
int64_t suit_comparison_named(struct bytes name);

#endif
