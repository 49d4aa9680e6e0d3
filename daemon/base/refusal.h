/* refusal.h - how the rules say no.
 * Functions return 0 when done, a negative errno for a fault (pass it up unchanged), or one of these refusals. A
 * refusal is part of the contract: it carries words for a person, which every edge (REST, CLI, CoAP) shows as they are.
 */
#ifndef TINYPART_BASE_REFUSAL_H
#define TINYPART_BASE_REFUSAL_H

enum refusal {
    REFUSED_INVALID = 1, /* the request is malformed or out of range */
    REFUSED_UNKNOWN,     /* the thing named does not exist, or not for this caller */
    REFUSED_EXISTS,      /* there is one of that name already */
    REFUSED_FORBIDDEN,   /* the caller's role, the grant or the signature does not allow it */
    REFUSED_CONFLICT,    /* the present state does not allow it */
    REFUSED_EXHAUSTED,   /* a privacy filter, a budget or a quota is spent */
    REFUSED_TOO_LARGE,   /* over a stated bound */
    REFUSED_BUSY,        /* for the moment; try again */
};

/* What was refused, where in the request, and what to do about it. */
struct why {
    char what[384];
    char where[96]; /* the field, option or resource; "" when the whole request is meant */
    char todo[256]; /* "" when nothing helps */
};

/* Fills *why (may be NULL) and returns kind, so that callers write: return refuse(why, REFUSED_UNKNOWN, "tenant", ...).
 * kind is an enum refusal, or an edge's own number beyond those. where and todo may be NULL; format makes the sentence
 * of what was refused. Texts are cut to the room they have. */
int refuse(struct why *why, int kind, const char *where, const char *todo, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* The refusal's short name for JSON and logs: "invalid", "unknown", ... */
const char *refusal_name(enum refusal kind);

#endif
