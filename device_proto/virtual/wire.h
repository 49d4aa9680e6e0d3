/* wire.h - how a device reaches the network: sockets in the program, memory in the tests. */
#ifndef TINYPART_VIRTUAL_WIRE_H
#define TINYPART_VIRTUAL_WIRE_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "device_proto/bytes.h"

struct device;

struct endpoint {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t size;
};

/* Channels are small numbers: one for each device's server, and a fresh one for each URL that it fetches. */
struct wire {
    void *context;
    int (*open)(void *context, struct device *device, const struct endpoint *remote, int *out_channel);
    void (*close)(void *context, int channel);
    /* A datagram that cannot be sent is lost, as on any network. */
    void (*send)(void *context, int channel, const struct endpoint *to, struct bytes datagram);
};

#define ENDPOINT_TEXT_SIZE 64
#define ENDPOINT_PORT      5683

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
/* "coap://127.0.0.1:5683", "coap://[::1]:5683" */
void endpoint_format(const struct endpoint *endpoint, char out[ENDPOINT_TEXT_SIZE]);
/* An IPv4 literal, an IPv6 literal with or without brackets, and an optional ":port" (IPv6: brackets needed).
 * 0 or -EINVAL. */
int endpoint_parse(struct bytes text, uint16_t default_port, struct endpoint *out);
/* coap://HOST[:PORT]/path, literals only: as RIOT takes them. *out_path is a view without the leading slash; it may
 * hold a query. 0 or -EINVAL. */
int url_parse(struct bytes url, struct endpoint *out, struct bytes *out_path);

#endif
