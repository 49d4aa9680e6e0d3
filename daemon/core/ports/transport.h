/* transport.h - how the rules reach a device. The answer comes back through device_on_answer() (core/asking.h). */
#ifndef TINYPART_CORE_PORTS_TRANSPORT_H
#define TINYPART_CORE_PORTS_TRANSPORT_H

#include "daemon/core/limits.h"
#include "device_proto/bytes.h"

/* A confirmable POST of a short payload to one device; one a device at a time (I10). */
struct transport_request {
    int64_t id;           /* chosen by the caller, comes back with the answer */
    const char *address;  /* coap://[IPv6]:port or coap://IPv4:port */
    const char *path;     /* "/suit/trigger" */
    struct bytes payload; /* exactly what goes out, a trailing NUL included where the profile wants it */
};

enum answer_kind {
    ANSWER_RESPONSE = 1, /* code and payload are the device's */
    ANSWER_NONE,         /* nothing after all retransmissions */
    ANSWER_RESET,        /* the peer rejected the message */
    ANSWER_UNREACHABLE,  /* the network says so at once */
};

struct transport_answer {
    int64_t id;
    enum answer_kind kind;
    unsigned code;        /* CoAP code as class * 100 + detail: 201, 204, 404 */
    struct bytes payload; /* at most 1024 bytes, valid during the call */
};

struct transport {
    /* 0 when the request is under way (exactly one answer follows, never from within this call);
     * REFUSED_BUSY when the transport's own table is full; REFUSED_INVALID for an address it cannot use. */
    int (*request)(struct transport *transport, const struct transport_request *request);
    /* The daemon's base URL as this device can reach it, e.g. "coap://[fd00:1::1]" (port only when not 5683). */
    int (*own_base)(struct transport *transport, const char *device_address, char out_base[ADDRESS_SIZE]);
};

#endif
