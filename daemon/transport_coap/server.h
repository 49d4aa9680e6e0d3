/* server.h - the transport's state, shared by the files of this room and by nobody else. */
#ifndef TINYPART_TRANSPORT_COAP_SERVER_H
#define TINYPART_TRANSPORT_COAP_SERVER_H

#include "daemon/transport_coap/batch.h"
#include "daemon/transport_coap/bodies.h"
#include "daemon/transport_coap/duplicates.h"
#include "daemon/transport_coap/exchange.h"
#include "daemon/transport_coap/message.h"
#include "daemon/transport_coap/rules.h"
#include "device_proto/senml.h"

#define SENML_TEXT_MAX \
    20480 /* strings of one pack that cannot be viewed in place: the largest vector in JSON is 16 KiB */
#define DOCUMENT_MAX 65536 /* a lookup's answer; what does not fit is left to page= and count= */

/* One libcoap context. Plain and DTLS are apart because the bound on idle sessions is a context's: plain peers need no
 * session between two messages, DTLS ones do. */
struct side {
    struct transport_coap *transport;
    coap_context_t *context; /* NULL: not in use */
    int fd;
    bool secure;
};

struct listener {
    union socket_address address;
    bool secure;
};

struct transport_coap {
    struct transport port; /* first: core.transport points here */
    struct core *core;
    struct loop *loop;
    const struct coap_rules *rules;
    struct transport_coap_settings settings; /* defaults filled in; its strings are not ours */
    struct side plain, secure;
    struct listener listeners[2 * TRANSPORT_COAP_LISTEN_MAX];
    unsigned listener_count;
    struct duplicates *duplicates;
    struct bodies *bodies;
    struct batch *batch;
    struct exchanges exchanges;
    struct loop_timer *kick;    /* answers that came about outside of libcoap's turn */
    struct loop_timer *sweep;   /* once a second: what has expired */
    struct loop_timer *collect; /* simple registrations: the GETs that follow the answers */
    struct collect *collects;   /* settings.collects_max of them (collect.c) */
    unsigned collects_asking;   /* exchanges that are theirs */
    uint64_t counts[TRANSPORT_COAP_COUNTS];
    struct answer answer; /* of the request that is being handled */
    struct senml_record records[RECORDS_PER_PACK_MAX];
    uint8_t senml_text[SENML_TEXT_MAX];
    char document[DOCUMENT_MAX]; /* of the last lookup */
    size_t document_size;
    uint64_t document_tag;               /* body_tag of the request that it answers; 0: none */
    int64_t document_ms;                 /* when it was made */
    uint8_t psk[TRANSPORT_COAP_PSK_MAX]; /* of the handshake that is being answered */
    coap_bin_const_t psk_view;
};

int64_t server_now_ms(void); /* monotonic */

/* server.c: whatever may have made answers finish, deliver them soon. */
void server_kick(struct transport_coap *transport);

/* collect.c: simple registration. */
int collects_init(struct transport_coap *transport);
/* The endpoint's links are fetched soon, then it is registered. 0, or REFUSED_BUSY. */
int collect_soon(struct transport_coap *transport, const struct registration_order *order);

/* dtls.c: pre-shared keys for a context. */
int dtls_prepare(struct side *side);

/* router.c: answers one request, duplicates and blocks included. false: the answer is not to be sent now, because it is
 * held in the batch, or that of the same message is. */
bool router_handle(struct transport_coap *transport, coap_session_t *session, const coap_pdu_t *pdu,
                   struct request *request, struct answer *answer);

#endif
