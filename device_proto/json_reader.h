/* json_reader.h - a JSON tokenizer without a heap (RFC 8259), for the one JSON document that devices send: SenML.
 * The caller walks the document: it knows which bracket it is in; the reader checks each token by itself. */
#ifndef TINYPART_DEVICE_PROTO_JSON_READER_H
#define TINYPART_DEVICE_PROTO_JSON_READER_H

#include "device_proto/bytes.h"

enum json_token_kind {
    JSON_MALFORMED = 0, /* no token, or the end of the text */
    JSON_ARRAY_BEGIN,
    JSON_ARRAY_END,
    JSON_OBJECT_BEGIN,
    JSON_OBJECT_END,
    JSON_COMMA,
    JSON_COLON,
    JSON_STRING, /* text: between the quotes, escapes still in it */
    JSON_NUMBER, /* text: as it stands, not yet checked */
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

struct json_token {
    enum json_token_kind kind;
    struct bytes text;
    bool escaped; /* the string holds a backslash */
};

struct json_reader {
    struct bytes rest;
};

/* The next token; strings are checked to be UTF-8 without control characters. */
struct json_token json_next(struct json_reader *reader);

/* What the next token will be, without taking it. */
enum json_token_kind json_peek(const struct json_reader *reader);

/* true where nothing but white space is left. */
bool json_at_end(struct json_reader *reader);

enum json_refusal { JSON_BAD_ESCAPE = 1, JSON_NO_ROOM, JSON_BAD_VALUE, JSON_TOO_DEEP };

/* A string with its escapes resolved to UTF-8; never longer than the token's text. A lone surrogate and U+0000 are
 * refused. 0, JSON_BAD_ESCAPE or JSON_NO_ROOM. */
int json_unescape(const struct json_token *string, uint8_t *out, size_t capacity, size_t *out_size);

/* Skips one whole value, nested at most depth deep. 0, JSON_BAD_VALUE or JSON_TOO_DEEP. */
int json_skip(struct json_reader *reader, unsigned depth);

#endif
