/* server.c - sockets, libcoap's contexts, and their place in the loop. */
#include "daemon/transport_coap/server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/log.h"

#define SWEEP_MS       1000
#define TURN_ROUNDS    256  /* libcoap reads one datagram of each socket a round; about what a socket's queue holds */
#define TURN_MS        20   /* packs may be long: then a turn takes in fewer */
#define ENDPOINT_MTU   1400 /* room for a block of 1024 bytes and long queries beside it */
#define DTLS_TIMEOUT_S 300  /* idle DTLS sessions */

int64_t server_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void server_kick(struct transport_coap *transport)
{
    loop_timer_set(transport->kick, 0);
}

static void on_kick(void *context)
{
    exchanges_settle(context);
}

static void on_sweep(void *context)
{
    struct transport_coap *transport = context;
    int64_t now_ms = server_now_ms();

    transport->counts[TRANSPORT_COAP_BODIES_EXPIRED] += bodies_expire(transport->bodies, now_ms);
    exchanges_expire(transport, now_ms);
    exchanges_settle(transport);
    loop_timer_set(transport->sweep, SWEEP_MS);
}

/* The epoll descriptor of libcoap is readable: a datagram, or its timer for retransmissions. What is ready is taken in
 * until nothing more is, within bounds; then it is committed, then answered. So nobody waits for others to come. */
static void on_ready(void *context, int fd, uint32_t events)
{
    struct side *side = context;
    struct pollfd again = { .fd = fd, .events = POLLIN };
    int64_t began_ms = server_now_ms();

    (void)events;
    for (int round = 0; round < TURN_ROUNDS; round++) {
        if (coap_io_process(side->context, COAP_IO_NO_WAIT) < 0)
            break;
        batch_end_if_full(side->transport);
        if (poll(&again, 1, 0) <= 0 || server_now_ms() - began_ms >= TURN_MS)
            break;
    }
    batch_end(side->transport);
    exchanges_settle(side->transport);
}

static void on_request(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *pdu,
                       const coap_string_t *query, coap_pdu_t *response)
{
    struct side *side = coap_resource_get_userdata(resource);
    struct transport_coap *transport = side->transport;
    struct request request;
    struct why why = { "", "", "" };
    int r;

    (void)query; /* libcoap's text of it decodes what need not be decoded */
    r = request_read(session, pdu, &request, &why);
    if (r != 0) {
        transport->counts[TRANSPORT_COAP_MALFORMED]++;
        answer_refusal(&transport->answer, r, &why);
    } else if (!router_handle(transport, session, pdu, &request, &transport->answer)) {
        /* A response that is no ACK and has no code: libcoap drops it, and nothing leaves. */
        coap_pdu_set_type(response, COAP_MESSAGE_NON);
        return;
    }
    answer_write(&transport->answer, response);
}

/* Everything but /.well-known/core is an unknown resource to libcoap, all methods of which come to us; it would answer
 * /.well-known/core and DELETE by itself. */
static int add_resources(struct side *side)
{
    static const coap_request_t methods[] = { COAP_REQUEST_GET,    COAP_REQUEST_POST,  COAP_REQUEST_PUT,
                                              COAP_REQUEST_DELETE, COAP_REQUEST_FETCH, COAP_REQUEST_PATCH,
                                              COAP_REQUEST_IPATCH };
    coap_resource_t *resources[2];

    resources[0] = coap_resource_unknown_init2(on_request, 0);
    resources[1] = coap_resource_init(coap_make_str_const(".well-known/core"), 0);
    for (size_t i = 0; i < 2; i++) {
        if (resources[i] == NULL)
            return -ENOMEM;
        for (size_t k = 0; k < sizeof(methods) / sizeof(methods[0]); k++)
            coap_register_request_handler(resources[i], methods[k], on_request);
        coap_resource_set_userdata(resources[i], side);
        coap_add_resource(side->context, resources[i]);
    }
    return 0;
}

static int open_side(struct transport_coap *transport, struct side *side, bool secure)
{
    int r;

    side->transport = transport;
    side->secure = secure;
    side->context = coap_new_context(NULL);
    if (side->context == NULL)
        return -ENOMEM;
    coap_context_set_block_mode(side->context, 0); /* bodies are put together in bodies.c, blocks cut in message.c */
    coap_context_set_keepalive(side->context, 0);  /* a ping kills some devices */
    coap_context_set_session_timeout(side->context, secure ? DTLS_TIMEOUT_S : 30);
    coap_context_set_max_idle_sessions(side->context, secure ? 0 : transport->settings.idle_sessions_max);
    exchanges_attach(side->context);
    side->fd = coap_context_get_coap_fd(side->context);
    if (side->fd < 0)
        return -ENOSYS; /* a libcoap without epoll: Debian's have it */
    r = add_resources(side);
    if (r == 0 && secure)
        r = dtls_prepare(side);
    return r == 0 ? loop_watch(transport->loop, side->fd, EPOLLIN, on_ready, side) : r;
}

static void close_side(struct side *side)
{
    if (side->context == NULL)
        return;
    loop_unwatch(side->transport->loop, side->fd);
    coap_free_context(side->context);
    side->context = NULL;
}

/* libcoap sets SO_REUSEADDR, with which Linux lets two daemons share one UDP port in silence, and does not tell which
 * port it was given. So the address is taken without that first, by a socket that is closed when libcoap has it too. */
static int reserve(union socket_address *address, int *out_fd)
{
    int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), off = 0, on = 1;
    socklen_t size = address_size(address);

    if (fd < 0)
        return -errno;
    if (address->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, &address->any, size) != 0 || getsockname(fd, &address->any, &size) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) {
        int fault = -errno;

        close(fd);
        return fault;
    }
    *out_fd = fd;
    return 0;
}

static int open_endpoint(struct side *side, union socket_address *address)
{
    struct transport_coap *transport = side->transport;
    struct listener *listener = &transport->listeners[transport->listener_count];
    _cleanup_close_ int reserved = -1;
    coap_endpoint_t *endpoint;
    coap_address_t local;
    int r = reserve(address, &reserved);

    if (r != 0)
        return r;
    coap_address_init(&local);
    local.size = address_size(address);
    memcpy(&local.addr, address, local.size);
    endpoint = coap_new_endpoint(side->context, &local, side->secure ? COAP_PROTO_DTLS : COAP_PROTO_UDP);
    if (endpoint == NULL)
        return -EADDRNOTAVAIL;
    coap_endpoint_set_default_mtu(endpoint, ENDPOINT_MTU);
    listener->address = *address;
    listener->secure = side->secure;
    transport->listener_count++;
    return 0;
}

static int listen_on(struct side *side, const char *text, struct why *why)
{
    union socket_address address;
    int r = address_parse_listen(text, side->secure ? PEER_PORT_SECURE : PEER_PORT, &address);

    if (r != 0)
        return refuse(why, REFUSED_INVALID, "listen", "write [::]:5683 or 127.0.0.1:5683", "'%s' is not an IP address",
                      text);
    r = open_endpoint(side, &address);
    if (r != 0)
        return refuse(why, REFUSED_CONFLICT, "listen", "is another CoAP server running?", "cannot listen on %s: %s",
                      text, strerror(-r));
    return 0;
}

/* None given: both IP versions, or IPv4 alone where the host has no IPv6. */
static int listen_default(struct side *side, struct why *why)
{
    union socket_address address = { .v6 = { .sin6_family = AF_INET6,
                                             .sin6_port = htons(side->secure ? PEER_PORT_SECURE : PEER_PORT) } };
    int r = open_endpoint(side, &address);

    if (r == 0)
        return 0;
    if (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL)
        return listen_on(side, "0.0.0.0", why);
    return listen_on(side, "[::]", why); /* the same again, for its words */
}

static int listen_all(struct side *side, const char *const listen[TRANSPORT_COAP_LISTEN_MAX], struct why *why)
{
    int r = 0;

    if (listen[0] == NULL)
        return listen_default(side, why);
    for (size_t i = 0; i < TRANSPORT_COAP_LISTEN_MAX && listen[i] != NULL && r == 0; i++)
        r = listen_on(side, listen[i], why);
    return r;
}

static void fill(unsigned *value, unsigned otherwise)
{
    if (*value == 0)
        *value = otherwise;
}

static void take_settings(struct transport_coap *transport, const struct transport_coap_settings *given)
{
    struct transport_coap_settings *settings = &transport->settings;

    *settings = *given;
    memset(settings->listen, 0, sizeof(settings->listen));
    memset(settings->listen_dtls, 0, sizeof(settings->listen_dtls));
    fill(&settings->requests_max, 512);
    fill(&settings->batch_max, 256);
    fill(&settings->duplicates_max, 16384);
    fill(&settings->bodies_max, 256);
    fill(&settings->body_size_max, 24576);
    fill(&settings->idle_sessions_max, 64);
    fill(&settings->collects_max, 64);
    fill(&settings->ack_timeout_ms, 2000);
    if (settings->ack_timeout_ms < 1000) /* libcoap ignores less without a word */
        settings->ack_timeout_ms = 1000;
    fill(&settings->retransmissions, 4);
}

static bool is_wildcard(const union socket_address *address)
{
    return address->any.sa_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr)
                                              : address->v4.sin_addr.s_addr == INADDR_ANY;
}

/* Does a packet to this local address reach the listener? The IPv6 wildcard takes IPv4 as well. */
static bool reaches(const struct listener *listener, const union socket_address *local)
{
    struct peer bound = peer_of(&listener->address.any, false);
    struct peer wanted = peer_of(&local->any, false);
    sa_family_t family = listener->address.any.sa_family;

    if (is_wildcard(&listener->address))
        return family == AF_INET6 || family == local->any.sa_family;
    return memcmp(bound.ip, wanted.ip, sizeof(bound.ip)) == 0;
}

/* Where a device shall talk to: the local address that faces it, if a plain listener takes what arrives there; else the
 * first plain listener of its IP version, by that listener's own address. */
static const struct listener *facing(const struct transport_coap *transport, union socket_address *local)
{
    const struct listener *same_version = &transport->listeners[0];

    for (unsigned i = transport->listener_count; i > 0; i--) {
        const struct listener *listener = &transport->listeners[i - 1];
        if (!listener->secure && listener->address.any.sa_family == local->any.sa_family)
            same_version = listener;
    }
    for (unsigned i = 0; i < transport->listener_count; i++)
        if (!transport->listeners[i].secure && reaches(&transport->listeners[i], local))
            return &transport->listeners[i];
    if (!is_wildcard(&same_version->address))
        *local = same_version->address;
    return same_version;
}

static int own_base(struct transport *port, const char *device_address, char out_base[ADDRESS_SIZE])
{
    struct transport_coap *transport = (struct transport_coap *)port;
    union socket_address device, local;
    char host[ADDRESS_SIZE];
    uint16_t own_port;
    int r;

    if (address_parse(device_address, &device) != 0)
        return REFUSED_INVALID;
    r = address_towards(&device, &local);
    if (r != 0)
        return r;
    own_port = address_port(&facing(transport, &local)->address);
    address_format_host(&local, host);
    if (own_port == PEER_PORT)
        r = snprintf(out_base, ADDRESS_SIZE, "coap://%s", host);
    else
        r = snprintf(out_base, ADDRESS_SIZE, "coap://%s:%u", host, own_port);
    return r < ADDRESS_SIZE ? 0 : -E2BIG;
}

static int make_tables(struct transport_coap *transport)
{
    const struct transport_coap_settings *settings = &transport->settings;
    int r = duplicates_new(settings->duplicates_max, &transport->duplicates);

    if (r == 0)
        r = bodies_new(settings->bodies_max, settings->body_size_max, &transport->bodies);
    if (r == 0)
        r = batch_new(settings->batch_max, &transport->batch);
    if (r == 0)
        r = exchanges_init(&transport->exchanges, settings->requests_max + settings->collects_max);
    if (r == 0)
        r = loop_timer_new(transport->loop, on_kick, transport, &transport->kick);
    if (r == 0)
        r = loop_timer_new(transport->loop, on_sweep, transport, &transport->sweep);
    if (r == 0)
        r = collects_init(transport);
    return r;
}

static int start(struct transport_coap *transport, const struct transport_coap_settings *given, struct why *why)
{
    int r = make_tables(transport);

    if (r == 0)
        r = open_side(transport, &transport->plain, false);
    if (r == 0)
        r = listen_all(&transport->plain, given->listen, why);
    if (r == 0 && given->psk_lookup != NULL) {
        r = open_side(transport, &transport->secure, true);
        if (r == 0)
            r = listen_all(&transport->secure, given->listen_dtls, why);
    }
    if (r == 0)
        loop_timer_set(transport->sweep, SWEEP_MS);
    return r;
}

int transport_coap_new_with(const struct coap_rules *rules, struct core *core, struct loop *loop,
                            const struct transport_coap_settings *settings, struct transport_coap **out,
                            struct why *why)
{
    struct transport_coap *transport = calloc(1, sizeof(*transport));
    int r;

    if (transport == NULL)
        return -ENOMEM;
    coap_startup();
    /* libcoap logs each oddity of each peer, a reset even as an alert: silence it, the counters tell. */
    coap_set_log_level((coap_log_t)0);
    transport->port.request = exchange_port_request;
    transport->port.own_base = own_base;
    transport->core = core;
    transport->loop = loop;
    transport->rules = rules;
    take_settings(transport, settings);
    r = start(transport, settings, why);
    if (r != 0) {
        transport_coap_free(transport);
        return r;
    }
    *out = transport;
    return 0;
}

void transport_coap_free(struct transport_coap *transport)
{
    if (transport == NULL)
        return;
    if (transport->batch != NULL)
        (void)batch_end(transport);
    batch_free(transport->batch);
    exchanges_deinit(transport);
    close_side(&transport->secure);
    close_side(&transport->plain);
    loop_timer_free(transport->kick);
    loop_timer_free(transport->sweep);
    loop_timer_free(transport->collect);
    free(transport->collects);
    bodies_free(transport->bodies);
    duplicates_free(transport->duplicates);
    free(transport);
}

struct transport *transport_coap_port(struct transport_coap *transport)
{
    return &transport->port;
}

uint16_t transport_coap_listens_on(const struct transport_coap *transport, unsigned index)
{
    return index < transport->listener_count ? address_port(&transport->listeners[index].address) : 0;
}

uint64_t transport_coap_counted(const struct transport_coap *transport, enum transport_coap_count count)
{
    return transport->counts[count];
}

const char *transport_coap_count_name(enum transport_coap_count count)
{
    static const char *const names[TRANSPORT_COAP_COUNTS] = {
        [TRANSPORT_COAP_DUPLICATES] = "coap_duplicates",
        [TRANSPORT_COAP_DUPLICATES_DROPPED] = "coap_duplicates_dropped",
        [TRANSPORT_COAP_BODIES_REFUSED] = "coap_bodies_refused",
        [TRANSPORT_COAP_BODIES_EXPIRED] = "coap_bodies_expired",
        [TRANSPORT_COAP_REQUESTS_REFUSED] = "coap_requests_refused",
        [TRANSPORT_COAP_COLLECTS_REFUSED] = "coap_collects_refused",
        [TRANSPORT_COAP_COLLECTS_FAILED] = "coap_collects_failed",
        [TRANSPORT_COAP_MALFORMED] = "coap_malformed",
        [TRANSPORT_COAP_HELD] = "coap_answers_held",
        [TRANSPORT_COAP_BATCHES] = "coap_batches",
        [TRANSPORT_COAP_BATCHES_FULL] = "coap_batches_full",
    };

    return names[count];
}
