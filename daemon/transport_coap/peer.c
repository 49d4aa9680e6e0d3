#include "daemon/transport_coap/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/refusal.h"
#include "daemon/base/text.h"

struct peer peer_of(const struct sockaddr *address, bool secure)
{
    struct peer peer;

    memset(&peer, 0, sizeof(peer));
    peer.secure = secure;
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;

        memcpy(&v6, address, sizeof(v6));
        memcpy(peer.ip, &v6.sin6_addr, sizeof(peer.ip));
        peer.scope = IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr) ? v6.sin6_scope_id : 0;
        peer.port = ntohs(v6.sin6_port);
    } else if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;

        memcpy(&v4, address, sizeof(v4));
        peer.ip[10] = peer.ip[11] = 0xff;
        memcpy(peer.ip + 12, &v4.sin_addr, 4);
        peer.port = ntohs(v4.sin_port);
    }
    return peer;
}

bool peer_equal(const struct peer *a, const struct peer *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

void peer_format(const struct peer *peer, char out[ADDRESS_SIZE])
{
    const char *scheme = peer->secure ? "coaps" : "coap";
    char zone[IF_NAMESIZE + 1] = "", host[INET6_ADDRSTRLEN];
    struct in6_addr ip;

    memcpy(&ip, peer->ip, sizeof(ip));
    if (IN6_IS_ADDR_V4MAPPED(&ip)) {
        inet_ntop(AF_INET, peer->ip + 12, host, sizeof(host));
        snprintf(out, ADDRESS_SIZE, "%s://%s:%u", scheme, host, peer->port);
        return;
    }
    inet_ntop(AF_INET6, &ip, host, sizeof(host));
    if (peer->scope != 0 && if_indextoname(peer->scope, zone + 1) != NULL)
        zone[0] = '%';
    snprintf(out, ADDRESS_SIZE, "%s://[%s%s]:%u", scheme, host, zone, peer->port);
}

/* Cuts text at the closing bracket or the colon: host, and what follows it. */
static const char *split_host(const char *text, char *host, size_t capacity)
{
    const char *end;
    bool bracket = *text == '[';

    text += bracket;
    end = bracket ? strchr(text, ']') : text + strcspn(text, ":/");
    if (end == NULL || end == text || (size_t)(end - text) >= capacity)
        return NULL;
    memcpy(host, text, (size_t)(end - text));
    host[end - text] = '\0';
    return end + bracket;
}

static int parse_v6(char *host, union socket_address *out)
{
    char *zone = strchr(host, '%');
    int64_t index = 0;

    if (zone != NULL) {
        *zone++ = '\0';
        index = if_nametoindex(zone);
        if (index == 0 && integer_parse(zone, 1, UINT32_MAX, &index) != 0)
            return REFUSED_INVALID;
    }
    if (inet_pton(AF_INET6, host, &out->v6.sin6_addr) != 1)
        return REFUSED_INVALID;
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_scope_id = (uint32_t)index;
    return 0;
}

int address_parse_listen(const char *text, uint16_t default_port, union socket_address *out)
{
    union socket_address address;
    char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 2], digits[8];
    int64_t port = default_port;
    const char *rest = split_host(text, host, sizeof(host));
    int r;

    if (rest == NULL)
        return REFUSED_INVALID;
    if (*rest == ':') {
        size_t size = strcspn(rest + 1, "/");

        if (size == 0 || size >= sizeof(digits))
            return REFUSED_INVALID;
        memcpy(digits, rest + 1, size);
        digits[size] = '\0';
        if (integer_parse(digits, 0, 65535, &port) != 0)
            return REFUSED_INVALID;
        rest += 1 + size;
    }
    if (*rest != '\0' && strcmp(rest, "/") != 0)
        return REFUSED_INVALID;
    memset(&address, 0, sizeof(address));
    if (*text == '[') {
        r = parse_v6(host, &address);
        address.v6.sin6_port = htons((uint16_t)port);
    } else {
        r = inet_pton(AF_INET, host, &address.v4.sin_addr) == 1 ? 0 : REFUSED_INVALID;
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons((uint16_t)port);
    }
    if (r == 0)
        *out = address;
    return r;
}

int address_parse(const char *uri, union socket_address *out)
{
    static const char scheme[] = "coap://";

    if (strncmp(uri, scheme, sizeof(scheme) - 1) != 0)
        return REFUSED_INVALID;
    return address_parse_listen(uri + sizeof(scheme) - 1, PEER_PORT, out);
}

socklen_t address_size(const union socket_address *address)
{
    return address->any.sa_family == AF_INET6 ? sizeof(address->v6) : sizeof(address->v4);
}

uint16_t address_port(const union socket_address *address)
{
    return ntohs(address->any.sa_family == AF_INET6 ? address->v6.sin6_port : address->v4.sin_port);
}

int address_towards(const union socket_address *destination, union socket_address *out)
{
    _cleanup_close_ int fd = socket(destination->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    union socket_address local = { .any = { 0 } };
    socklen_t size = sizeof(local);

    /* Connecting a UDP socket sends nothing: it only asks the routing table. */
    if (fd < 0 || connect(fd, &destination->any, address_size(destination)) != 0 ||
        getsockname(fd, &local.any, &size) != 0)
        return -errno;
    *out = local;
    return 0;
}

void address_format_host(const union socket_address *address, char out[ADDRESS_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "";

    if (address->any.sa_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr)) {
        inet_ntop(AF_INET6, &address->v6.sin6_addr, host, sizeof(host));
        snprintf(out, ADDRESS_SIZE, "[%s]", host);
        return;
    }
    inet_ntop(AF_INET,
              address->any.sa_family == AF_INET6 ? (const void *)(address->v6.sin6_addr.s6_addr + 12)
                                                 : (const void *)&address->v4.sin_addr,
              host, sizeof(host));
    snprintf(out, ADDRESS_SIZE, "%s", host);
}
