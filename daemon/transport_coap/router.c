/* router.c - from a request to the resource that answers it, and what is common to all of them: duplicates, bodies in
 * blocks, refusals in words. */
#include "daemon/base/log.h"
#include "daemon/transport_coap/resources.h"
#include "device_proto/link_format.h"

#define NOT_ADVERTISED NULL

struct route {
    uint8_t method;
    const char *path; /* "a/b", or "a/" followed by '*' for exactly one further segment */
    resource_handler handler;
    const char *resource_type; /* rt in /.well-known/core */
    const char *formats;       /* ct */
};

static const struct route routes[] = {
    { COAP_MSG_POST, "rd", resource_register, "core.rd", "40" },
    { COAP_MSG_POST, "rd/*", resource_update, NOT_ADVERTISED, NULL },
    { COAP_MSG_DELETE, "rd/*", resource_remove, NOT_ADVERTISED, NULL },
    { COAP_MSG_GET, "rd-lookup/ep", resource_lookup_endpoints, "core.rd-lookup-ep", "40" },
    { COAP_MSG_GET, "rd-lookup/res", resource_lookup_links, "core.rd-lookup-res", "40" },
    { COAP_MSG_POST, ".well-known/rd", resource_register_simple, NOT_ADVERTISED, NULL },
    { COAP_MSG_GET, ".well-known/core", resource_core, NOT_ADVERTISED, NULL },
    { COAP_MSG_GET, "m/*", resource_fetch, NOT_ADVERTISED, NULL },
    { COAP_MSG_GET, "i/*", resource_fetch, NOT_ADVERTISED, NULL },
    { COAP_MSG_GET, "p/*", resource_policy, NOT_ADVERTISED, NULL },
    { COAP_MSG_POST, "t", resource_telemetry, "tinypart.telemetry", "110 112" },
    { COAP_MSG_POST, "r", resource_report, "tinypart.report", NULL },
};
#define ROUTES (sizeof(routes) / sizeof(routes[0]))

/* What stands for '*', "" where the path has none; NULL: no match. */
static const char *match(const char *pattern, const char *path)
{
    size_t size = strcspn(pattern, "*");

    if (strncmp(pattern, path, size) != 0)
        return NULL;
    if (pattern[size] == '\0')
        return path[size] == '\0' ? "" : NULL;
    return path[size] != '\0' && strchr(path + size, '/') == NULL ? path + size : NULL;
}

/* NULL: out_code says why there is none. */
static const struct route *find_route(const struct request *request, const char **out_rest, uint8_t *out_code)
{
    *out_code = COAP_MSG_NOT_FOUND;
    for (size_t i = 0; i < ROUTES; i++) {
        const char *rest = match(routes[i].path, request->path);

        if (rest == NULL)
            continue;
        if (routes[i].method == request->method) {
            *out_rest = rest;
            return &routes[i];
        }
        *out_code = COAP_MSG_METHOD_NOT_ALLOWED;
    }
    return NULL;
}

void router_links(struct link_format_writer *writer)
{
    for (size_t i = 0; i < ROUTES; i++) {
        char target[REQUEST_PATH_SIZE] = "/";

        if (routes[i].resource_type == NOT_ADVERTISED)
            continue;
        strncat(target, routes[i].path, sizeof(target) - 2);
        link_format_add_link(writer, bytes_of_text(target));
        link_format_add(writer, "rt", bytes_of_text(routes[i].resource_type));
        if (routes[i].formats != NULL)
            link_format_add(writer, "ct", bytes_of_text(routes[i].formats));
    }
}

static void answer_from(struct transport_coap *transport, const struct route *route, const struct request *request,
                        const char *rest, struct answer *answer)
{
    struct why why = { "", "", "" };
    char peer[ADDRESS_SIZE];
    int r;

    answer_init(answer, COAP_MSG_INTERNAL_ERROR);
    r = route->handler(transport, request, rest, answer, &why);
    if (r != 0)
        peer_format(&request->peer, peer);
    if (r < 0)
        log_fault("coap", r, "%s for %s", request->path, peer);
    else if (r > 0)
        log_debug("coap", "%s for %s refused: %s", request->path, peer, why.what);
    if (r != 0)
        answer_refusal(answer, r, &why);
    else if (request->accept != FORMAT_NONE && answer->content_format != FORMAT_NONE && answer->code >> 5 == 2 &&
             request->accept != answer->content_format)
        answer_problem(answer, COAP_MSG_NOT_ACCEPTABLE, "unacceptable", "there is no such format of it");
}

static void refuse_body(struct transport_coap *transport, int result, struct answer *answer)
{
    transport->counts[TRANSPORT_COAP_BODIES_REFUSED]++;
    switch (result) {
    case BODIES_GAP:
        answer_problem(answer, COAP_MSG_INCOMPLETE, "incomplete", "a block is missing; begin again with the first");
        return;
    case BODIES_TOO_LARGE:
        answer_problem(answer, COAP_MSG_TOO_LARGE, "too-large", "");
        answer->size1 = (uint32_t)bodies_size_max(transport->bodies);
        return;
    case BODIES_BAD_LENGTH:
        answer_problem(answer, COAP_MSG_BAD_REQUEST, "invalid", "a block has another length than it says");
        return;
    case BODIES_FULL:
        answer_problem(answer, COAP_MSG_UNAVAILABLE, "busy", "too many uploads at once");
        answer->max_age = 10;
        return;
    default:
        log_fault("coap", result, "an upload in blocks");
        answer_refusal(answer, result, &(struct why){ "", "", "" });
    }
}

/* One block of a body; the resource hears of it when it is whole. */
static void answer_block(struct transport_coap *transport, const struct route *route, struct request *request,
                         const char *rest, struct answer *answer)
{
    int r = bodies_take(transport->bodies, request, server_now_ms(), &request->payload);

    if (r == BODIES_WHOLE) {
        answer_from(transport, route, request, rest, answer);
        bodies_done(transport->bodies, request);
    } else if (r == BODIES_CONTINUE) {
        answer_init(answer, COAP_MSG_CONTINUE);
    } else {
        refuse_body(transport, r, answer);
    }
    answer->has_block1 = true;
    answer->block1 = request->block1;
}

static void answer_anew(struct transport_coap *transport, struct request *request, struct answer *answer)
{
    uint8_t code;
    const char *rest = NULL;
    const struct route *route = find_route(request, &rest, &code);

    if (route == NULL)
        answer_problem(answer, code, code == COAP_MSG_NOT_FOUND ? "unknown" : "method",
                       code == COAP_MSG_NOT_FOUND ? "no such resource" : "the resource has no such method");
    else if (request->has_block1 && request->method == COAP_MSG_POST)
        answer_block(transport, route, request, rest, answer);
    else if (request->payload.size > transport->settings.body_size_max)
        refuse_body(transport, BODIES_TOO_LARGE, answer);
    else
        answer_from(transport, route, request, rest, answer);
}

bool router_handle(struct transport_coap *transport, coap_session_t *session, const coap_pdu_t *pdu,
                   struct request *request, struct answer *answer)
{
    bool remember = request_is_remembered(request), held = batch_has(transport->batch, request);
    int64_t now_ms = server_now_ms();

    if (held || (remember && duplicates_find(transport->duplicates, request, now_ms, answer))) {
        transport->counts[TRANSPORT_COAP_DUPLICATES]++;
        return !held;
    }
    int r = batch_enter(transport);
    if (r == 0)
        answer_anew(transport, request, answer);
    else
        answer_refusal(answer, r, &(struct why){ "", "", "" });
    if (batch_take(transport, session, pdu, request, answer))
        return false;
    if (remember && duplicates_add(transport->duplicates, request, now_ms, answer))
        transport->counts[TRANSPORT_COAP_DUPLICATES_DROPPED]++;
    return true;
}
