/* exchange.h - requests to devices: one CON each, in a libcoap client session of its own.
 * libcoap retransmits. What ends an exchange is only noted inside libcoap's callbacks; sessions are released and owners
 * told by exchanges_settle, outside of them (README.md, traps). */
#ifndef TINYPART_TRANSPORT_COAP_EXCHANGE_H
#define TINYPART_TRANSPORT_COAP_EXCHANGE_H

#include <coap3/coap.h>

#include "daemon/core/ports/transport.h"
#include "daemon/transport_coap/peer.h"
#include "device_proto/coap_message.h"

#define EXCHANGE_PAYLOAD_MAX 1024

struct transport_coap;
struct exchange;

struct exchange_end {
    enum answer_kind kind;
    uint8_t code; /* CoAP's, as on the wire */
    int content_format;
    bool has_block2;
    struct coap_message_block block2;
    struct bytes payload; /* valid during the call */
};
typedef void (*exchange_done)(struct transport_coap *transport, int64_t tag, const struct exchange_end *end);

struct exchange_order {
    uint8_t method;
    const union socket_address *to;
    const char *path; /* "/a/b" */
    struct bytes payload;
    const struct coap_message_block *block2; /* NULL: no Block2 option */
    exchange_done done;
    int64_t tag; /* comes back with done */
};

struct exchanges {
    struct exchange *all;
    unsigned capacity;
    unsigned used;
    unsigned ended; /* wait for exchanges_settle */
};

int exchanges_init(struct exchanges *exchanges, unsigned capacity);
/* Owners are not told. */
void exchanges_deinit(struct transport_coap *transport);
/* 0: under way, done is called once, later. REFUSED_BUSY: as many as there may be. */
int exchange_start(struct transport_coap *transport, const struct exchange_order *order);
/* Tells the owners of ended exchanges and releases their sessions. Not to be called from within libcoap. */
void exchanges_settle(struct transport_coap *transport);
/* Ends those that were acknowledged and then left without an answer. */
void exchanges_expire(struct transport_coap *transport, int64_t now_ms);
/* Puts the handlers into a context. */
void exchanges_attach(coap_context_t *context);

/* The port's request (core/ports/transport.h). */
int exchange_port_request(struct transport *port, const struct transport_request *request);

#endif
