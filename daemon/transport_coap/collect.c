/* collect.c - simple registration (RFC 9176 section 5.1): the endpoint is answered at once, and then asked for its
 * /.well-known/core; what that holds is registered for it. The first GET carries no Block2 option, because small
 * stacks answer that best; blocks are asked for only when the peer begins to give them. */
#include <errno.h>
#include <stdlib.h>

#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/transport_coap/server.h"

enum collect_state { COLLECT_FREE = 0, COLLECT_DUE, COLLECT_ASKING };

struct collect {
    enum collect_state state;
    union socket_address to;
    char endpoint[NAME_SIZE];
    char sector[NAME_SIZE];
    char base[ADDRESS_SIZE];
    char profile_hint[NAME_SIZE];
    int64_t lifetime_s;
    size_t size;
    uint8_t links[LINKS_SIZE - 1];
};

static void on_links(struct transport_coap *transport, int64_t tag, const struct exchange_end *end);

static void ask(struct transport_coap *transport, struct collect *collect, const struct coap_message_block *block)
{
    struct exchange_order order = {
        .method = COAP_MSG_GET,
        .to = &collect->to,
        .path = "/.well-known/core",
        .block2 = block,
        .done = on_links,
        .tag = collect - transport->collects,
    };

    if (exchange_start(transport, &order) != 0) {
        collect->state = COLLECT_FREE;
        return;
    }
    collect->state = COLLECT_ASKING;
    transport->collects_asking++;
}

static void on_due(void *context)
{
    struct transport_coap *transport = context;

    for (unsigned i = 0; i < transport->settings.collects_max; i++) {
        if (transport->collects[i].state == COLLECT_DUE)
            ask(transport, &transport->collects[i], NULL);
    }
}

int collects_init(struct transport_coap *transport)
{
    transport->collects = calloc(transport->settings.collects_max, sizeof(*transport->collects));
    if (transport->collects == NULL)
        return -ENOMEM;
    return loop_timer_new(transport->loop, on_due, transport, &transport->collect);
}

static void register_collected(struct transport_coap *transport, const struct collect *collect)
{
    struct registration_order order = {
        .endpoint = collect->endpoint,
        .sector = collect->sector,
        .base = collect->base,
        .lifetime_s = collect->lifetime_s,
        .links = bytes_view(collect->links, collect->size),
        .profile_hint = collect->profile_hint,
    };
    struct registration registration;
    struct why why = { "", "", "" };
    int r = transport->rules->register_endpoint(transport->core, &order, &registration, &why);

    transport->counts[TRANSPORT_COAP_COLLECTS_FAILED] += r > 0;
    if (r < 0)
        log_fault("coap", r, "registering %s at %s", collect->endpoint, collect->base);
    else if (r > 0) /* anybody can cause this, so it is counted and no line of an ordinary log */
        log_debug("coap", "registration of %s at %s refused: %s", collect->endpoint, collect->base, why.what);
}

/* Takes a part of the links; true when it continues what is there and fits. */
static bool take_links(struct collect *collect, const struct exchange_end *end)
{
    size_t offset = end->has_block2 ? end->block2.number * coap_message_block_size(end->block2.size_exponent) : 0;

    if (offset != collect->size || end->payload.size > sizeof(collect->links) - collect->size ||
        (end->has_block2 && end->block2.more &&
         end->payload.size != coap_message_block_size(end->block2.size_exponent)))
        return false;
    if (end->payload.size > 0)
        memcpy(collect->links + collect->size, end->payload.data, end->payload.size);
    collect->size += end->payload.size;
    return true;
}

static void on_links(struct transport_coap *transport, int64_t tag, const struct exchange_end *end)
{
    struct collect *collect = &transport->collects[tag];
    bool usable = end->kind == ANSWER_RESPONSE && end->code == COAP_MSG_CONTENT && take_links(collect, end);

    transport->collects_asking--;
    if (usable && end->has_block2 && end->block2.more) {
        struct coap_message_block next = { .number = end->block2.number + 1,
                                           .size_exponent = end->block2.size_exponent };

        ask(transport, collect, &next);
        return;
    }
    collect->state = COLLECT_FREE;
    if (usable) {
        register_collected(transport, collect);
        return;
    }
    transport->counts[TRANSPORT_COAP_COLLECTS_FAILED]++;
    log_debug("coap", "%s at %s announced itself, but its /.well-known/core could not be read", collect->endpoint,
              collect->base);
}

static struct collect *find_place(struct transport_coap *transport, const char *endpoint, const char *sector)
{
    struct collect *free_place = NULL;

    for (unsigned i = 0; i < transport->settings.collects_max; i++) {
        struct collect *collect = &transport->collects[i];

        if (collect->state == COLLECT_FREE)
            free_place = collect;
        else if (strcmp(collect->endpoint, endpoint) == 0 && strcmp(collect->sector, sector) == 0)
            return collect;
    }
    return free_place;
}

int collect_soon(struct transport_coap *transport, const struct registration_order *order)
{
    struct collect *collect = find_place(transport, order->endpoint, order->sector);

    if (collect == NULL)
        return REFUSED_BUSY;
    if (collect->state != COLLECT_FREE)
        return 0; /* it announced itself again before it was read */
    if (address_parse(order->base, &collect->to) != 0)
        return REFUSED_INVALID;
    text_copy(collect->endpoint, sizeof(collect->endpoint), order->endpoint);
    text_copy(collect->sector, sizeof(collect->sector), order->sector);
    text_copy(collect->base, sizeof(collect->base), order->base);
    text_copy(collect->profile_hint, sizeof(collect->profile_hint), order->profile_hint);
    collect->lifetime_s = order->lifetime_s;
    collect->size = 0;
    collect->state = COLLECT_DUE;
    loop_timer_set(transport->collect, 0);
    return 0;
}
