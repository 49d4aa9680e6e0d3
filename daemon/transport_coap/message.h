/* message.h - a request as the resources see it, and the answer they fill in. Between these two and libcoap's PDUs
 * stands message.c alone. */
#ifndef TINYPART_TRANSPORT_COAP_MESSAGE_H
#define TINYPART_TRANSPORT_COAP_MESSAGE_H

#include <coap3/coap.h>

#include "daemon/base/refusal.h"
#include "daemon/transport_coap/peer.h"
#include "device_proto/coap_message.h"

#define REQUEST_PATH_SIZE   128 /* longer than any path that exists here */
#define REQUEST_QUERIES_MAX 16
#define ANSWER_BODY_MAX     1024 /* one block of the largest size */
#define FORMAT_NONE         (-1)

/* Views point into libcoap's PDU and live as long as the handler runs. */
struct request {
    uint8_t method; /* enum coap_message_code */
    uint16_t id;
    struct peer peer;
    char identity[NAME_SIZE];     /* the endpoint name that DTLS proved; "" without DTLS */
    char path[REQUEST_PATH_SIZE]; /* "rd/abc" */
    struct bytes queries[REQUEST_QUERIES_MAX];
    size_t query_count;
    int content_format; /* FORMAT_NONE: not given */
    int accept;
    bool has_block1, has_block2;
    struct coap_message_block block1, block2;
    bool wants_size2;
    uint8_t no_response;  /* RFC 7967: bit n - 1 for a response of class n that is not wanted */
    struct bytes payload; /* once the router has put it together: the whole body */
    uint64_t fingerprint; /* of the whole message but its id: tells a duplicate from a reused id */
    uint64_t body_tag;    /* of what blocks of one body have in common, Request-Tag included (RFC 9175) */
};

struct answer {
    uint8_t code;
    int content_format;
    char location[PATH_SIZE]; /* Location-Path: "/rd/abc"; "" none */
    uint8_t etag[8];
    uint8_t etag_size;
    bool has_block1, has_block2;
    struct coap_message_block block1, block2;
    uint32_t size1, size2, max_age; /* 0: not said */
    size_t body_size;
    uint8_t body[ANSWER_BODY_MAX]; /* last: what stands before it is remembered as it is (duplicates.c) */
};

/* 0; REFUSED_INVALID: an option out of form, or a NUL or slash inside a path segment, or too many queries;
 * REFUSED_UNKNOWN: a path longer than any there is. */
int request_read(const coap_session_t *session, const coap_pdu_t *pdu, struct request *out, struct why *why);
/* Whether its answer is remembered. A GET may be repeated: answering it anew costs no memory. */
bool request_is_remembered(const struct request *request);
/* The value of the query "name=value"; false where there is none. */
bool request_query(const struct request *request, const char *name, struct bytes *out);
/* The same as text of at most capacity - 1 bytes; *out is "" where there is none. REFUSED_INVALID when it is too long
 * or holds a NUL. */
int request_query_text(const struct request *request, const char *name, char *out, size_t capacity, struct why *why);
/* The same as an integer; absent gives otherwise. */
int request_query_integer(const struct request *request, const char *name, int64_t least, int64_t most,
                          int64_t otherwise, int64_t *out, struct why *why);

void answer_init(struct answer *answer, uint8_t code);
/* Turns a refusal or a fault into code and RFC 9290 problem details. Faults say nothing of the inside. */
void answer_refusal(struct answer *answer, int result, const struct why *why);
/* A refusal whose code CoAP itself prescribes. */
void answer_problem(struct answer *answer, uint8_t code, const char *title, const char *detail);
/* Gives out the asked part of a whole document: exactly the block size the client asked for, or, when it asked for
 * none, everything at once where that fits ANSWER_BODY_MAX. */
void answer_document(struct answer *answer, const struct request *request, struct bytes document, int content_format);
/* Which bytes that is: offset and size, and whether a Block2 option must say so. */
void answer_block_asked(const struct request *request, uint64_t *out_offset, size_t *out_size);
/* Describes a part that was already put into body; total is the whole's size. */
void answer_block_given(struct answer *answer, const struct request *request, uint64_t offset, uint64_t total);
void answer_write(const struct answer *answer, coap_pdu_t *pdu);

uint64_t hash_bytes(uint64_t seed, const void *data, size_t size); /* FNV-1a */
#define HASH_SEED 0xcbf29ce484222325u

#endif
