/* wire.c - addresses as text. */
#include "device_proto/virtual/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "daemon/base/text.h"

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
    if (a->address.any.sa_family != b->address.any.sa_family)
        return false;
    if (a->address.any.sa_family == AF_INET)
        return a->address.v4.sin_port == b->address.v4.sin_port &&
               a->address.v4.sin_addr.s_addr == b->address.v4.sin_addr.s_addr;
    return a->address.v6.sin6_port == b->address.v6.sin6_port &&
           memcmp(&a->address.v6.sin6_addr, &b->address.v6.sin6_addr, sizeof(a->address.v6.sin6_addr)) == 0;
}

void endpoint_format(const struct endpoint *endpoint, char out[ENDPOINT_TEXT_SIZE])
{
    char host[INET6_ADDRSTRLEN] = "?";

    if (endpoint->address.any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &endpoint->address.v4.sin_addr, host, sizeof(host));
        snprintf(out, ENDPOINT_TEXT_SIZE, "coap://%s:%u", host, ntohs(endpoint->address.v4.sin_port));
    } else {
        inet_ntop(AF_INET6, &endpoint->address.v6.sin6_addr, host, sizeof(host));
        snprintf(out, ENDPOINT_TEXT_SIZE, "coap://[%s]:%u", host, ntohs(endpoint->address.v6.sin6_port));
    }
}

/* Splits "host:port" or "[host]:port"; a lone IPv6 literal has more than one colon and no port. */
static int split_port(char *text, uint16_t *port, char **out_host)
{
    char *colon = NULL;
    int64_t number;

    *out_host = text;
    if (text[0] == '[') {
        char *end = strchr(text, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return -EINVAL;
        colon = end[1] == ':' ? end + 1 : NULL;
        *end = '\0';
        *out_host = text + 1;
    } else if (strchr(text, ':') == strrchr(text, ':')) {
        colon = strchr(text, ':');
    }
    if (colon == NULL)
        return 0;
    *colon = '\0';
    if (integer_parse(colon + 1, 1, 65535, &number) != 0)
        return -EINVAL;
    *port = (uint16_t)number;
    return 0;
}

int endpoint_parse(struct bytes text, uint16_t default_port, struct endpoint *out)
{
    char copy[ENDPOINT_TEXT_SIZE], *host;
    uint16_t port = default_port;
    struct endpoint parsed = { .size = sizeof(struct sockaddr_in) };

    if (text_copy_bytes(copy, sizeof(copy), text) != 0 || split_port(copy, &port, &host) != 0)
        return -EINVAL;
    if (inet_pton(AF_INET, host, &parsed.address.v4.sin_addr) == 1) {
        parsed.address.v4.sin_family = AF_INET;
        parsed.address.v4.sin_port = htons(port);
    } else if (inet_pton(AF_INET6, host, &parsed.address.v6.sin6_addr) == 1) {
        parsed.address.v6.sin6_family = AF_INET6;
        parsed.address.v6.sin6_port = htons(port);
        parsed.size = sizeof(struct sockaddr_in6);
    } else {
        return -EINVAL;
    }
    *out = parsed;
    return 0;
}

int url_parse(struct bytes url, struct endpoint *out, struct bytes *out_path)
{
    static const char scheme[] = "coap://";
    const size_t scheme_size = sizeof(scheme) - 1;

    if (url.size <= scheme_size || memcmp(url.data, scheme, scheme_size) != 0)
        return -EINVAL;
    const uint8_t *host = url.data + scheme_size;
    size_t left = url.size - scheme_size;
    const uint8_t *slash = memchr(host, '/', left);
    size_t host_size = slash == NULL ? left : (size_t)(slash - host);
    int r = endpoint_parse(bytes_view(host, host_size), ENDPOINT_PORT, out);
    if (r != 0)
        return r;
    *out_path = slash == NULL ? bytes_view(NULL, 0) : bytes_view(slash + 1, left - host_size - 1);
    return 0;
}
