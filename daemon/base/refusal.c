#include "daemon/base/refusal.h"

#include <stdarg.h>
#include <stdio.h>

int refuse(struct why *why, int kind, const char *where, const char *todo, const char *format, ...)
{
    va_list arguments;

    if (why == NULL)
        return kind;
    va_start(arguments, format);
    vsnprintf(why->what, sizeof(why->what), format, arguments);
    va_end(arguments);
    snprintf(why->where, sizeof(why->where), "%s", where != NULL ? where : "");
    snprintf(why->todo, sizeof(why->todo), "%s", todo != NULL ? todo : "");
    return kind;
}

const char *refusal_name(enum refusal kind)
{
    switch (kind) {
    case REFUSED_INVALID:
        return "invalid";
    case REFUSED_UNKNOWN:
        return "unknown";
    case REFUSED_EXISTS:
        return "exists";
    case REFUSED_FORBIDDEN:
        return "forbidden";
    case REFUSED_CONFLICT:
        return "conflict";
    case REFUSED_EXHAUSTED:
        return "exhausted";
    case REFUSED_TOO_LARGE:
        return "too-large";
    case REFUSED_BUSY:
        return "busy";
    }
    return "refused";
}
