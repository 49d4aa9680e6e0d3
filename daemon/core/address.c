#include <ctype.h>
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
