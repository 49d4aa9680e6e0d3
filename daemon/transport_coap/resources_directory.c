/* resources_directory.c - registering (RFC 9176 section 5): CoAP in, the rules of the directory behind. */
#include <stdio.h>

#include "daemon/base/text.h"
#include "daemon/transport_coap/resources.h"

#define LIFETIME_MAX_S INT64_C(4294967295)

/* The texts that an order points to. */
struct registering {
    char endpoint[NAME_SIZE];
    char sector[NAME_SIZE];
    char base[ADDRESS_SIZE];
    char profile_hint[NAME_SIZE];
    struct registration_order order;
};

static int read_order(const struct request *request, struct registering *out, struct why *why)
{
    struct registration_order *order = &out->order;
    int r = request_query_text(request, "ep", out->endpoint, sizeof(out->endpoint), why);

    *order = (struct registration_order){ .endpoint = out->endpoint,
                                          .sector = out->sector,
                                          .base = out->base,
                                          .profile_hint = out->profile_hint,
                                          .links = request->payload };
    if (r == 0)
        r = request_query_text(request, "d", out->sector, sizeof(out->sector), why);
    if (r == 0)
        r = request_query_text(request, "base", out->base, sizeof(out->base), why);
    if (r == 0)
        r = request_query_text(request, "et", out->profile_hint, sizeof(out->profile_hint), why);
    if (r == 0)
        r = request_query_integer(request, "lt", 1, LIFETIME_MAX_S, 0, &order->lifetime_s, why);
    if (r != 0)
        return r;
    /* DTLS proves a name: it may be left out, and no other may be claimed. */
    if (out->endpoint[0] == '\0')
        snprintf(out->endpoint, sizeof(out->endpoint), "%s", request->identity);
    else if (request->identity[0] != '\0' && strcmp(out->endpoint, request->identity) != 0)
        return refuse(why, REFUSED_FORBIDDEN, "ep", NULL, "the key belongs to another endpoint");
    if (out->endpoint[0] == '\0')
        return refuse(why, REFUSED_INVALID, "ep", NULL, "the endpoint's name (ep) is missing");
    return 0;
}

/* Where the peer can be asked. The port of a DTLS session is none: the daemon asks in plain CoAP, where devices listen.
 */
static void own_address(const struct request *request, char out[ADDRESS_SIZE])
{
    struct peer peer = request->peer;

    if (peer.secure) {
        peer.secure = false;
        peer.port = PEER_PORT;
    }
    peer_format(&peer, out);
}

int resource_register(struct transport_coap *transport, const struct request *request, const char *rest,
                      struct answer *answer, struct why *why)
{
    struct registering registering;
    struct registration registration;
    int r = read_order(request, &registering, why);

    (void)rest;
    if (r != 0)
        return r;
    if (request->content_format != FORMAT_NONE && request->content_format != COAP_MSG_FORMAT_LINK) {
        answer_problem(answer, COAP_MSG_UNSUPPORTED_FORMAT, "format", "links are content format 40");
        return 0;
    }
    if (registering.base[0] == '\0')
        own_address(request, registering.base);
    r = transport->rules->register_endpoint(transport->core, &registering.order, &registration, why);
    if (r != 0)
        return r;
    answer_init(answer, COAP_MSG_CREATED);
    text_copy(answer->location, sizeof(answer->location), registration.location);
    return 0;
}

static int read_location(const char *rest, char out[PATH_SIZE], struct why *why)
{
    if ((size_t)snprintf(out, PATH_SIZE, "/rd/%s", rest) >= PATH_SIZE)
        return refuse(why, REFUSED_UNKNOWN, "path", NULL, "no such registration");
    return 0;
}

int resource_update(struct transport_coap *transport, const struct request *request, const char *rest,
                    struct answer *answer, struct why *why)
{
    char base[ADDRESS_SIZE], location[PATH_SIZE];
    int64_t lifetime_s;
    int r = read_location(rest, location, why);

    if (r == 0)
        r = request_query_text(request, "base", base, sizeof(base), why);
    if (r == 0)
        r = request_query_integer(request, "lt", 1, LIFETIME_MAX_S, 0, &lifetime_s, why);
    if (r == 0 && request->payload.size > 0)
        r = refuse(why, REFUSED_INVALID, "payload", NULL, "an update carries no links; register again instead");
    if (r == 0)
        r = transport->rules->update(transport->core, location, lifetime_s, base[0] != '\0' ? base : NULL, why);
    if (r == 0)
        answer_init(answer, COAP_MSG_CHANGED);
    return r;
}

int resource_remove(struct transport_coap *transport, const struct request *request, const char *rest,
                    struct answer *answer, struct why *why)
{
    char location[PATH_SIZE];
    int r = read_location(rest, location, why);

    (void)request;
    if (r == 0)
        r = transport->rules->remove(transport->core, location, why);
    if (r == 0)
        answer_init(answer, COAP_MSG_DELETED);
    return r;
}

int resource_register_simple(struct transport_coap *transport, const struct request *request, const char *rest,
                             struct answer *answer, struct why *why)
{
    struct registering registering;
    int r = read_order(request, &registering, why);

    (void)rest;
    if (r != 0)
        return r;
    /* Were a base accepted, anyone could make the daemon ask anyone. */
    if (registering.base[0] != '\0')
        return refuse(why, REFUSED_INVALID, "base", NULL, "a simple registration has no base");
    if (request->payload.size > 0)
        return refuse(why, REFUSED_INVALID, "payload", NULL, "a simple registration carries no links");
    if (request->peer.secure)
        return refuse(why, REFUSED_INVALID, "path", NULL, "simple registration is for plain CoAP; use /rd");
    peer_format(&request->peer, registering.base);
    r = collect_soon(transport, &registering.order);
    if (r == REFUSED_BUSY) {
        transport->counts[TRANSPORT_COAP_COLLECTS_REFUSED]++;
        return refuse(why, REFUSED_BUSY, NULL, NULL, "too many registrations at once");
    }
    if (r == 0)
        answer_init(answer, COAP_MSG_CHANGED);
    return r;
}
