#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/core/device.h"

/* Past an IPv6 literal in brackets, a zone allowed, or past an IPv4 literal; NULL when there is neither. */
static const char *after_host(const char *at)
{
    if (*at == '[') {
        size_t digits = strspn(at + 1, "0123456789abcdefABCDEF:.");
        const char *end = at + 1 + digits;
        if (digits < 2)
            return NULL;
        if (*end == '%')
            for (end++; isalnum((unsigned char)*end) || *end == '.' || *end == '-' || *end == '_';)
                end++;
        return *end == ']' ? end + 1 : NULL;
    }
    int parts = 0;
    for (; parts < 4; parts++) {
        size_t digits = strspn(at, "0123456789");
        if (digits < 1 || digits > 3)
            return NULL;
        at += digits;
        if (parts < 3 && *at++ != '.')
            return NULL;
    }
    return at;
}

bool address_is_valid(const char *address)
{
    static const char scheme[] = "coap://";
    int64_t port;

    if (strlen(address) >= ADDRESS_SIZE || strncmp(address, scheme, strlen(scheme)) != 0)
        return false;
    const char *rest = after_host(address + strlen(scheme));
    if (rest == NULL)
        return false;
    return *rest == '\0' || (*rest == ':' && integer_parse(rest + 1, 1, 65535, &port) == 0);
}

size_t address_host(const char *address, char out[ADDRESS_SIZE])
{
    static const char scheme[] = "coap://";
    char host[ADDRESS_SIZE], text[INET6_ADDRSTRLEN];
    struct in6_addr binary;

    out[0] = '\0';
    if (!address_is_valid(address))
        return 0;
    address += strlen(scheme);
    bool bracket = *address == '[';
    address += bracket;
    text_copy_bytes(host, sizeof(host), bytes_view(address, strcspn(address, bracket ? "]" : ":")));
    char *zone = strchr(host, '%');
    if (zone != NULL)
        *zone++ = '\0';
    int family = bracket ? AF_INET6 : AF_INET;
    if (inet_pton(family, host, &binary) != 1)
        return 0;
    inet_ntop(family, &binary, text, sizeof(text));
    int size = snprintf(out, ADDRESS_SIZE, "%s%s%s", text, zone != NULL ? "%" : "", zone != NULL ? zone : "");
    return size > 0 && size < ADDRESS_SIZE ? (size_t)size : 0;
}
