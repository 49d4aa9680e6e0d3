/* request.h - one request as handlers see it: who asks, what the path and the query name, the decoded body; and the
 * reply that they fill. Nothing in here knows of sockets. */
#ifndef TINYPART_API_REQUEST_H
#define TINYPART_API_REQUEST_H

#include "daemon/api/body.h"
#include "daemon/base/buffer.h"
#include "daemon/core/access.h"

enum { CAPTURES_MAX = 3, SEGMENTS_MAX = 8, QUERY_MAX = 8 };
#define REPLY_SIZE_MAX (8u << 20) /* a full page of the largest rows is below */

struct api;
struct route;

struct reply {
    unsigned status;
    const char *type;   /* of the body; NULL: there is none */
    struct buffer body; /* unless fixed says otherwise */
    struct bytes fixed; /* bytes that outlive the daemon's listeners */
    char location[256];
    char allow[40];
    unsigned retry_after_s;
    bool challenge; /* WWW-Authenticate */
};

struct query_value {
    const char *name;
    const char *value;
};

struct request {
    struct api *api;
    struct core *core;
    struct caller caller;
    const struct route *route;
    char *target; /* decoded in place; the texts below point into it */
    const char *segments[SEGMENTS_MAX];
    size_t segment_count;
    const char *path[CAPTURES_MAX]; /* what the route's {parameters} stand for, in order */
    struct query_value query[QUERY_MAX];
    size_t query_count;
    struct buffer raw; /* the body as it came */
    struct body body;  /* decoded by the route's form */
    struct reply reply;
    bool later;    /* the handler answers by request_finish(), after it returned */
    void *waiting; /* of the handler that answers later; told by waiting_gone when nobody waits any more */
    void (*waiting_gone)(void *waiting);
};

/* Splits a request target into decoded path segments and query values. REFUSED_INVALID for bad percent-encoding, NUL
 * and control bytes, an encoded slash, more parts than any route has, and a query parameter given twice. */
int target_split(struct request *request, const char *target, struct why *why);

/* NULL: not given. */
const char *target_query(const struct request *request, const char *name);
/* The path's {id} at that place; REFUSED_UNKNOWN when it is no number. */
int request_id(const struct request *request, size_t capture, int64_t *out, struct why *why);

/* Answers a request whose handler set later; from the loop's thread, once. result as a handler returns it. */
void request_finish(struct request *request, int result, const struct why *why);

void request_deinit(struct request *request);

#endif
