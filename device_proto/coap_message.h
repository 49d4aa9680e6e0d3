/* coap_message.h - one CoAP message: datagram to struct and back.
 * RFC 7252 section 3 (format), section 5.10 (options), RFC 7959 section 2.2 (block options). The reader checks the
 * whole datagram once, so that walking its options cannot fail afterwards; it keeps views into the datagram and copies
 * nothing. Names begin with coap_message_ / COAP_MSG_ because this header is used side by side with libcoap's. */
#ifndef TINYPART_DEVICE_PROTO_COAP_MESSAGE_H
#define TINYPART_DEVICE_PROTO_COAP_MESSAGE_H

#include "device_proto/bytes.h"

#define COAP_MSG_SIZE_MAX    65507u /* largest UDP payload */
#define COAP_MSG_TOKEN_MAX   8u
#define COAP_MSG_OPTIONS_MAX 64u /* more options than this in one message are refused */
#define COAP_MSG_BLOCK_MAX   1048575u

enum coap_message_type { COAP_MSG_CON = 0, COAP_MSG_NON = 1, COAP_MSG_ACK = 2, COAP_MSG_RST = 3 };

#define COAP_MSG_CODE(class, detail) ((uint8_t)(((class) << 5) | (detail)))

enum coap_message_code {
    COAP_MSG_EMPTY = 0,
    COAP_MSG_GET = 1,
    COAP_MSG_POST = 2,
    COAP_MSG_PUT = 3,
    COAP_MSG_DELETE = 4,
    COAP_MSG_FETCH = 5,
    COAP_MSG_PATCH = 6,
    COAP_MSG_IPATCH = 7,
    COAP_MSG_CREATED = 65,              /* 2.01 */
    COAP_MSG_DELETED = 66,              /* 2.02 */
    COAP_MSG_VALID = 67,                /* 2.03 */
    COAP_MSG_CHANGED = 68,              /* 2.04 */
    COAP_MSG_CONTENT = 69,              /* 2.05 */
    COAP_MSG_CONTINUE = 95,             /* 2.31 */
    COAP_MSG_BAD_REQUEST = 128,         /* 4.00 */
    COAP_MSG_UNAUTHORIZED = 129,        /* 4.01 */
    COAP_MSG_BAD_OPTION = 130,          /* 4.02 */
    COAP_MSG_FORBIDDEN = 131,           /* 4.03 */
    COAP_MSG_NOT_FOUND = 132,           /* 4.04 */
    COAP_MSG_METHOD_NOT_ALLOWED = 133,  /* 4.05 */
    COAP_MSG_NOT_ACCEPTABLE = 134,      /* 4.06 */
    COAP_MSG_INCOMPLETE = 136,          /* 4.08 */
    COAP_MSG_CONFLICT = 137,            /* 4.09 */
    COAP_MSG_PRECONDITION_FAILED = 140, /* 4.12 */
    COAP_MSG_TOO_LARGE = 141,           /* 4.13 */
    COAP_MSG_UNSUPPORTED_FORMAT = 143,  /* 4.15 */
    COAP_MSG_UNPROCESSABLE = 150,       /* 4.22 */
    COAP_MSG_TOO_MANY_REQUESTS = 157,   /* 4.29 */
    COAP_MSG_INTERNAL_ERROR = 160,      /* 5.00 */
    COAP_MSG_NOT_IMPLEMENTED = 161,     /* 5.01 */
    COAP_MSG_UNAVAILABLE = 163,         /* 5.03 */
    COAP_MSG_PROXY_NOT_SUPPORTED = 165, /* 5.05 */
};

enum coap_message_option_number {
    COAP_MSG_OPT_IF_MATCH = 1,
    COAP_MSG_OPT_URI_HOST = 3,
    COAP_MSG_OPT_ETAG = 4,
    COAP_MSG_OPT_IF_NONE_MATCH = 5,
    COAP_MSG_OPT_OBSERVE = 6,
    COAP_MSG_OPT_URI_PORT = 7,
    COAP_MSG_OPT_LOCATION_PATH = 8,
    COAP_MSG_OPT_OSCORE = 9,
    COAP_MSG_OPT_URI_PATH = 11,
    COAP_MSG_OPT_CONTENT_FORMAT = 12,
    COAP_MSG_OPT_MAX_AGE = 14,
    COAP_MSG_OPT_URI_QUERY = 15,
    COAP_MSG_OPT_ACCEPT = 17,
    COAP_MSG_OPT_Q_BLOCK1 = 19,
    COAP_MSG_OPT_LOCATION_QUERY = 20,
    COAP_MSG_OPT_BLOCK2 = 23,
    COAP_MSG_OPT_BLOCK1 = 27,
    COAP_MSG_OPT_SIZE2 = 28,
    COAP_MSG_OPT_Q_BLOCK2 = 31,
    COAP_MSG_OPT_PROXY_URI = 35,
    COAP_MSG_OPT_PROXY_SCHEME = 39,
    COAP_MSG_OPT_SIZE1 = 60,
    COAP_MSG_OPT_ECHO = 252,
    COAP_MSG_OPT_NO_RESPONSE = 258,
    COAP_MSG_OPT_REQUEST_TAG = 292,
};

enum coap_message_format {
    COAP_MSG_FORMAT_TEXT = 0,
    COAP_MSG_FORMAT_LINK = 40,
    COAP_MSG_FORMAT_OCTETS = 42,
    COAP_MSG_FORMAT_JSON = 50,
    COAP_MSG_FORMAT_CBOR = 60,
    COAP_MSG_FORMAT_SENML_JSON = 110,
    COAP_MSG_FORMAT_SENML_CBOR = 112,
    COAP_MSG_FORMAT_PROBLEM = 257, /* RFC 9290 */
};

/* Why a datagram is not a CoAP message, or a message does not fit its buffer. */
enum coap_message_problem {
    COAP_MSG_SHORT = 1,        /* fewer than 4 bytes */
    COAP_MSG_OVERSIZE,         /* more than COAP_MSG_SIZE_MAX */
    COAP_MSG_BAD_VERSION,      /* not 1: to be ignored silently (section 3) */
    COAP_MSG_BAD_TOKEN_LENGTH, /* 9 to 15 */
    COAP_MSG_TOKEN_CUT,        /* the datagram ends inside the token */
    COAP_MSG_RESERVED_CLASS,   /* code class 1, 6 or 7 */
    COAP_MSG_NOT_EMPTY,        /* code 0.00 followed by anything */
    COAP_MSG_OPTION_RESERVED,  /* delta or length 15 */
    COAP_MSG_OPTION_CUT,       /* the datagram ends inside an option */
    COAP_MSG_OPTION_NUMBER,    /* an option number beyond 65535 */
    COAP_MSG_TOO_MANY_OPTIONS,
    COAP_MSG_NO_PAYLOAD,   /* a payload marker with nothing behind it */
    COAP_MSG_BAD_VALUE,    /* an option's value has not the form asked for */
    COAP_MSG_OPTION_ORDER, /* writer: options must be added in ascending order, before the payload */
    COAP_MSG_NO_ROOM,      /* writer: the buffer is too small */
};

struct coap_message {
    enum coap_message_type type;
    uint8_t code;
    uint16_t id;
    struct bytes token;   /* 0 to 8 bytes */
    struct bytes options; /* still encoded; checked */
    struct bytes payload; /* size 0: none */
};

struct coap_message_option {
    uint16_t number;
    struct bytes value;
};

/* A position among the options of one message. */
struct coap_message_cursor {
    struct bytes rest;
    uint16_t number;
};

/* Checks a whole datagram and gives views into it. 0, or an enum coap_message_problem (then *out is untouched). */
int coap_message_parse(struct bytes datagram, struct coap_message *out);

/* Type and message id of a datagram that coap_message_parse refused, so that a CON can be answered with RST.
 * false where there is not even a header of version 1. */
bool coap_message_peek(struct bytes datagram, enum coap_message_type *out_type, uint16_t *out_id);

/* A short English text for a problem, for logs. Never NULL. */
const char *coap_message_problem_text(int problem);

/* Walks the options in order: cursor first, then next until it gives false. Both take a parsed message only. */
struct coap_message_cursor coap_message_cursor(const struct coap_message *message);
bool coap_message_next_option(struct coap_message_cursor *cursor, struct coap_message_option *out);

/* The first option of that number; false where there is none. */
bool coap_message_find_option(const struct coap_message *message, uint16_t number, struct bytes *out_value);

/* An option value in the uint format (section 3.2), 0 to 4 bytes. 0 or COAP_MSG_BAD_VALUE. Leading zeros are accepted.
 */
int coap_message_uint(struct bytes value, uint32_t *out);

/* The first option of that number as uint: 0, COAP_MSG_BAD_VALUE, or -1 where there is no such option. */
int coap_message_find_uint(const struct coap_message *message, uint16_t number, uint32_t *out);

/* The Uri-Path as "a/b/c" (no leading slash), NUL-terminated. 0, COAP_MSG_NO_ROOM, or COAP_MSG_BAD_VALUE where a
 * segment holds a NUL or a slash, so that two different paths never read the same. */
int coap_message_path(const struct coap_message *message, char *out, size_t capacity);

/* The value of the Uri-Query "name=value" (or "name": an empty value). false where there is none. */
bool coap_message_query(const struct coap_message *message, const char *name, struct bytes *out_value);

/* An option that must be understood (section 5.4.1). */
static inline bool coap_message_is_critical(uint16_t number)
{
    return (number & 1u) != 0;
}

/* One block option (RFC 7959 section 2.2). */
struct coap_message_block {
    uint32_t number;       /* 0 to COAP_MSG_BLOCK_MAX */
    bool more;             /* further blocks follow */
    uint8_t size_exponent; /* SZX, 0 to 6 */
};

static inline size_t coap_message_block_size(uint8_t size_exponent)
{
    return (size_t)16 << size_exponent;
}

/* Decodes a Block1 or Block2 value of 0 to 3 bytes. 0, or COAP_MSG_BAD_VALUE (longer, or the reserved SZX 7). */
int coap_message_block_decode(struct bytes value, struct coap_message_block *out);

/* Encodes a block in its shortest form; the number of bytes written (0 to 3). number and size_exponent must be in
 * range. */
size_t coap_message_block_encode(const struct coap_message_block *block, uint8_t out[3]);

/* Writes one message. The first problem sticks; later calls do nothing, and finish reports it. */
struct coap_message_writer {
    uint8_t *out;
    size_t capacity;
    size_t size;
    uint16_t last_option;
    bool has_payload;
    int problem;
};

/* Header and token. A token longer than 8 bytes is a problem. */
void coap_message_begin(struct coap_message_writer *writer, uint8_t *out, size_t capacity, enum coap_message_type type,
                        uint8_t code, uint16_t id, struct bytes token);
void coap_message_add_option(struct coap_message_writer *writer, uint16_t number, struct bytes value);
void coap_message_add_uint(struct coap_message_writer *writer, uint16_t number, uint32_t value);
void coap_message_add_block(struct coap_message_writer *writer, uint16_t number,
                            const struct coap_message_block *block);

/* One option per segment of "a/b/c"; a leading slash is skipped, an empty path adds nothing. For Uri-Path and
 * Location-Path. */
void coap_message_add_path(struct coap_message_writer *writer, uint16_t number, struct bytes path);

/* The payload, last. An empty one writes no marker. */
void coap_message_add_payload(struct coap_message_writer *writer, struct bytes payload);

/* 0 and the size of the message, or the first problem. */
int coap_message_finish(const struct coap_message_writer *writer, size_t *out_size);

#endif
