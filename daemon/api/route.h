/* route.h - the table of routes, and from a request to its handler. */
#ifndef TINYPART_API_ROUTE_H
#define TINYPART_API_ROUTE_H

#include "daemon/api/request.h"

/* 0: the reply is filled (or later is set); else a refusal with words, or a fault. Permissions are the rules' matter.
 */
typedef int (*handler)(struct request *request, struct why *why);

struct route {
    const char *method;
    const char *pattern; /* "/v1/tenants/{name}" */
    const char *query;   /* names of its query parameters, each between blanks: " after limit " */
    handler handle;
    const struct form *form; /* of its JSON body; NULL: none */
    const char *media;       /* of its other body; NULL: none */
    size_t body_size_max;    /* with media */
};

extern const struct route routes[];
extern const size_t route_count;

/* Finds the route of a split target and fills route and path. HEAD is GET. REFUSED_UNKNOWN, PROBLEM_METHOD (the reply
 * gets Allow) or REFUSED_INVALID for a query parameter that the route does not know. */
int route_find(struct request *request, const char *method, struct why *why);
/* Whether it may share a commit with others: it sends nothing before its answer. */
bool route_groups(const struct route *route);
/* Whether it is worth to begin a group for. */
bool route_begins_group(const struct route *route);
/* Most bytes that its body may have; 0: it takes none. */
size_t route_body_max(const struct route *route);
/* Whether its body may be of that type (parameters behind ';' do not matter). */
bool route_takes(const struct route *route, const char *content_type);
/* Decodes the body and calls the handler. */
int route_run(struct request *request, struct why *why);

#endif
