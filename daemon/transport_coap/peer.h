/* peer.h - who is at the other end: socket addresses, as keys and as the registry's texts. */
#ifndef TINYPART_TRANSPORT_COAP_PEER_H
#define TINYPART_TRANSPORT_COAP_PEER_H

#include <netinet/in.h>
#include <stdbool.h>

#include "daemon/core/limits.h"
#include "device_proto/bytes.h"

#define PEER_PORT        5683
#define PEER_PORT_SECURE 5684

/* A key to compare bytewise: always made by peer_of, so that padding is zero and IPv4 is in its mapped form. */
struct peer {
    uint8_t ip[16];
    uint32_t scope;
    uint16_t port;
    uint16_t secure; /* came by DTLS */
};

struct peer peer_of(const struct sockaddr *address, bool secure);
bool peer_equal(const struct peer *a, const struct peer *b);
/* "coap://[2001:db8::1]:40001", "coap://127.0.0.1:40001", "coaps://..."; a link-local one with its zone. */
void peer_format(const struct peer *peer, char out[ADDRESS_SIZE]);

union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* "coap://[v6%zone]:port" or "coap://v4:port", the port optional, nothing behind it but one '/'. 0 or
 * REFUSED_INVALID: anything else, host names included (the loop must never wait for a resolver). */
int address_parse(const char *uri, union socket_address *out);
/* The same without the scheme: "[::]:5683", "127.0.0.1:0". */
int address_parse_listen(const char *text, uint16_t default_port, union socket_address *out);
socklen_t address_size(const union socket_address *address);
uint16_t address_port(const union socket_address *address);
/* The local address that packets to this destination leave from. 0 or a fault. */
int address_towards(const union socket_address *destination, union socket_address *out);
/* The host part of a URI: "[fd00::1]" (no zone: zones mean nothing to the other end) or "192.0.2.1". */
void address_format_host(const union socket_address *address, char out[ADDRESS_SIZE]);

#endif
