/* transport_coap.h - the CoAP side of the daemon, on libcoap: the server that devices talk to (resource directory,
 * manifests and images, telemetry, reports, policies) and the client that asks devices (core/ports/transport.h).
 * Everything runs on the loop's thread. README.md has the table of resources. */
#ifndef TINYPART_TRANSPORT_COAP_H
#define TINYPART_TRANSPORT_COAP_H

#include <stdint.h>

#include "daemon/base/refusal.h"
#include "daemon/core/core.h"
#include "daemon/core/ports/transport.h"
#include "daemon/loop/loop.h"

#define TRANSPORT_COAP_LISTEN_MAX 4
#define TRANSPORT_COAP_PSK_MAX    64 /* bytes of a pre-shared key */

/* The key of a DTLS peer. identity is the endpoint name it claims. 0 and the size (1..TRANSPORT_COAP_PSK_MAX), or
 * REFUSED_UNKNOWN. */
typedef int (*transport_coap_psk_lookup)(void *context, const char *identity, uint8_t out_key[TRANSPORT_COAP_PSK_MAX],
                                         size_t *out_size);

/* All zeros are good defaults. */
struct transport_coap_settings {
    /* "[::]:5683", "127.0.0.1:0"; port 0 takes a free one. Filled from the front; none: "[::]:5683" (both IP versions;
     * "0.0.0.0:5683" where the host has no IPv6). */
    const char *listen[TRANSPORT_COAP_LISTEN_MAX];
    const char *listen_dtls[TRANSPORT_COAP_LISTEN_MAX]; /* as above; none: "[::]:5684" */
    transport_coap_psk_lookup psk_lookup;               /* NULL: no DTLS at all */
    void *psk_context;

    /* Bounds (I11); 0 takes the default. */
    unsigned requests_max;      /* requests to devices in flight; 512 */
    unsigned duplicates_max;    /* remembered answers to POSTs and DELETEs; 16384 */
    unsigned bodies_max;        /* block-wise uploads under way; 256 */
    unsigned body_size_max;     /* bytes of one upload; 24576: a vector of 4096 coordinates in SenML JSON */
    unsigned idle_sessions_max; /* plain peers that libcoap remembers; 64 */
    unsigned collects_max;      /* simple registrations under way; 64 */
    unsigned batch_max;         /* answers held for one commit; 256. With 1 each request has a commit of its own */

    /* Retransmission towards devices (RFC 7252 section 4.8); 0 takes the default. */
    unsigned ack_timeout_ms;  /* 2000; at least 1000, less is taken as that */
    unsigned retransmissions; /* 4 */
};

/* What the edge refused or saw twice since the start (I7, I11). */
enum transport_coap_count {
    TRANSPORT_COAP_DUPLICATES,         /* answered from memory, the rules not called */
    TRANSPORT_COAP_DUPLICATES_DROPPED, /* forgotten before EXCHANGE_LIFETIME because the table was full */
    TRANSPORT_COAP_BODIES_REFUSED,     /* uploads too large, with gaps, or beyond the table */
    TRANSPORT_COAP_BODIES_EXPIRED,     /* uploads that were never finished */
    TRANSPORT_COAP_REQUESTS_REFUSED,   /* to devices, the table being full */
    TRANSPORT_COAP_COLLECTS_REFUSED,   /* simple registrations, the table being full */
    TRANSPORT_COAP_COLLECTS_FAILED,    /* simple registrations whose links could not be read, or were refused */
    TRANSPORT_COAP_MALFORMED,          /* requests whose path, query or options are out of form */
    TRANSPORT_COAP_HELD,               /* answers that waited for a commit */
    TRANSPORT_COAP_BATCHES,            /* commits that answers waited for */
    TRANSPORT_COAP_BATCHES_FULL,       /* ended because no further answer could be held */
    TRANSPORT_COAP_COUNTS
};

struct transport_coap;

/* Opens the sockets and joins the loop. Strings in settings are not kept. 0; REFUSED_INVALID (an address that does not
 * parse) or REFUSED_CONFLICT (one that cannot be bound), with why filled; or a fault. */
int transport_coap_new(struct core *core, struct loop *loop, const struct transport_coap_settings *settings,
                       struct transport_coap **out, struct why *why);
/* Requests in flight are dropped without an answer. NULL is fine. */
void transport_coap_free(struct transport_coap *transport);

/* The port that core.transport points to; lives as long as the transport. */
struct transport *transport_coap_port(struct transport_coap *transport);

/* The UDP port of the index-th listening address (plain ones first, then DTLS); 0: there is none. */
uint16_t transport_coap_listens_on(const struct transport_coap *transport, unsigned index);
uint64_t transport_coap_counted(const struct transport_coap *transport, enum transport_coap_count count);
const char *transport_coap_count_name(enum transport_coap_count count);

#endif
