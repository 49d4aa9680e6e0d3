#include "daemon/transport_coap/exchange.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/transport_coap/server.h"

#define TOKEN_SIZE 4

enum exchange_state { EXCHANGE_FREE = 0, EXCHANGE_WAITING, EXCHANGE_ENDED };

struct exchange {
    enum exchange_state state;
    struct transport_coap *transport;
    coap_session_t *session; /* NULL: it could not even be sent */
    uint8_t token[TOKEN_SIZE];
    int64_t deadline_ms;
    exchange_done done;
    int64_t tag;
    struct exchange_end end;
    uint8_t payload[EXCHANGE_PAYLOAD_MAX];
};

int exchanges_init(struct exchanges *exchanges, unsigned capacity)
{
    exchanges->all = calloc(capacity, sizeof(*exchanges->all));
    exchanges->capacity = capacity;
    return exchanges->all != NULL ? 0 : -ENOMEM;
}

/* Also takes back a retransmission that is still planned: a trigger must not reach a device after its owner was told
 * that it did not. */
static void release_session(struct exchange *exchange)
{
    if (exchange->session == NULL)
        return;
    coap_session_set_app_data(exchange->session, NULL);
    coap_session_disconnected(exchange->session, COAP_NACK_NOT_DELIVERABLE);
    coap_session_release(exchange->session);
    exchange->session = NULL;
}

void exchanges_deinit(struct transport_coap *transport)
{
    struct exchanges *exchanges = &transport->exchanges;

    for (unsigned i = 0; i < exchanges->capacity && exchanges->all != NULL; i++)
        release_session(&exchanges->all[i]);
    free(exchanges->all);
    *exchanges = (struct exchanges){ 0 };
}

static void end_exchange(struct exchange *exchange, enum answer_kind kind)
{
    if (exchange->state != EXCHANGE_WAITING)
        return;
    exchange->state = EXCHANGE_ENDED;
    exchange->end.kind = kind;
    exchange->transport->exchanges.ended++;
}

static void read_response(struct exchange *exchange, const coap_pdu_t *received)
{
    struct exchange_end *end = &exchange->end;
    coap_opt_iterator_t iterator;
    const coap_opt_t *option;
    struct bytes payload = { NULL, 0 };
    uint32_t format = 0;

    end->code = (uint8_t)coap_pdu_get_code(received);
    end->content_format = FORMAT_NONE;
    option = coap_check_option(received, COAP_OPTION_CONTENT_FORMAT, &iterator);
    if (option != NULL && coap_message_uint(bytes_view(coap_opt_value(option), coap_opt_length(option)), &format) == 0)
        end->content_format = (int)(format & 0xffff);
    option = coap_check_option(received, COAP_OPTION_BLOCK2, &iterator);
    end->has_block2 =
        option != NULL &&
        coap_message_block_decode(bytes_view(coap_opt_value(option), coap_opt_length(option)), &end->block2) == 0;
    if (!coap_get_data(received, &payload.size, &payload.data))
        payload.size = 0;
    if (payload.size > sizeof(exchange->payload))
        payload.size = sizeof(exchange->payload);
    if (payload.size > 0)
        memcpy(exchange->payload, payload.data, payload.size);
    end->payload = bytes_view(exchange->payload, payload.size);
}

/* sent is there when the message id matched (a piggybacked answer); else the token must. */
static coap_response_t on_response(coap_session_t *session, const coap_pdu_t *sent, const coap_pdu_t *received,
                                   const coap_mid_t mid)
{
    struct exchange *exchange = coap_session_get_app_data(session);
    coap_bin_const_t token = coap_pdu_get_token(received);

    (void)mid;
    if (exchange == NULL || exchange->state != EXCHANGE_WAITING)
        return COAP_RESPONSE_OK;
    if (sent == NULL && (token.length != TOKEN_SIZE || memcmp(token.s, exchange->token, TOKEN_SIZE) != 0))
        return COAP_RESPONSE_FAIL;
    read_response(exchange, received);
    end_exchange(exchange, ANSWER_RESPONSE);
    return COAP_RESPONSE_OK;
}

static void on_nack(coap_session_t *session, const coap_pdu_t *sent, const coap_nack_reason_t reason,
                    const coap_mid_t mid)
{
    struct exchange *exchange = coap_session_get_app_data(session);

    (void)sent;
    (void)mid;
    if (exchange == NULL)
        return;
    if (reason == COAP_NACK_RST)
        end_exchange(exchange, ANSWER_RESET);
    else if (reason == COAP_NACK_TOO_MANY_RETRIES)
        end_exchange(exchange, ANSWER_NONE);
    else
        end_exchange(exchange, ANSWER_UNREACHABLE);
}

void exchanges_attach(coap_context_t *context)
{
    coap_register_response_handler(context, on_response);
    coap_register_nack_handler(context, on_nack);
}

static void add_path(coap_pdu_t *pdu, const char *path)
{
    while (*path != '\0') {
        size_t size = strcspn(path += *path == '/', "/");

        if (size > 0)
            coap_add_option(pdu, COAP_OPTION_URI_PATH, size, (const uint8_t *)path);
        path += size;
    }
}

static coap_pdu_t *make_request(struct exchange *exchange, const struct exchange_order *order)
{
    coap_pdu_t *pdu = coap_new_pdu(COAP_MESSAGE_CON, (coap_pdu_code_t)order->method, exchange->session);
    uint8_t block[3];

    if (pdu == NULL)
        return NULL;
    coap_prng(exchange->token, TOKEN_SIZE);
    coap_add_token(pdu, TOKEN_SIZE, exchange->token);
    add_path(pdu, order->path);
    if (order->block2 != NULL)
        coap_add_option(pdu, COAP_OPTION_BLOCK2, coap_message_block_encode(order->block2, block), block);
    if (order->payload.size > 0 && !coap_add_data(pdu, order->payload.size, order->payload.data)) {
        coap_delete_pdu(pdu);
        return NULL;
    }
    return pdu;
}

static void set_timing(const struct transport_coap *transport, struct exchange *exchange)
{
    unsigned timeout_ms = transport->settings.ack_timeout_ms, tries = transport->settings.retransmissions;
    coap_fixed_point_t timeout = { (uint16_t)(timeout_ms / 1000), (uint16_t)(timeout_ms % 1000) };

    coap_session_set_ack_timeout(exchange->session, timeout);
    coap_session_set_max_retransmit(exchange->session, (uint16_t)tries);
    /* MAX_TRANSMIT_WAIT and a little: only an answer that was promised by an empty ACK can be that late. */
    exchange->deadline_ms = server_now_ms() + (int64_t)timeout_ms * ((int64_t)1 << (tries + 1)) * 3 / 2 + 500;
}

/* Opens the session and sends. false: the network refused at once. */
static bool send_request(struct transport_coap *transport, struct exchange *exchange,
                         const struct exchange_order *order)
{
    coap_address_t to;
    coap_pdu_t *pdu;

    coap_address_init(&to);
    to.size = address_size(order->to);
    memcpy(&to.addr, order->to, to.size);
    exchange->session = coap_new_client_session(transport->plain.context, NULL, &to, COAP_PROTO_UDP);
    if (exchange->session == NULL)
        return false;
    coap_session_set_app_data(exchange->session, exchange);
    set_timing(transport, exchange);
    pdu = make_request(exchange, order);
    return pdu != NULL && coap_send(exchange->session, pdu) != COAP_INVALID_MID;
}

int exchange_start(struct transport_coap *transport, const struct exchange_order *order)
{
    struct exchanges *exchanges = &transport->exchanges;
    struct exchange *exchange = exchanges->all;

    if (exchanges->used == exchanges->capacity)
        return REFUSED_BUSY;
    while (exchange->state != EXCHANGE_FREE)
        exchange++;
    exchange->state = EXCHANGE_WAITING;
    exchange->transport = transport;
    exchange->done = order->done;
    exchange->tag = order->tag;
    exchange->end = (struct exchange_end){ 0 };
    exchanges->used++;
    if (!send_request(transport, exchange, order)) {
        end_exchange(exchange, ANSWER_UNREACHABLE);
        server_kick(transport); /* the answer never comes from within the call that asks */
    }
    return 0;
}

/* The place is free before the owner hears of it, because the owner may start the next exchange from within done. */
static void settle(struct transport_coap *transport, struct exchange *exchange)
{
    struct exchange_end end = exchange->end;
    exchange_done done = exchange->done;
    uint8_t payload[EXCHANGE_PAYLOAD_MAX];

    if (end.payload.size > 0)
        memcpy(payload, exchange->payload, end.payload.size);
    end.payload.data = payload;
    release_session(exchange);
    exchange->state = EXCHANGE_FREE;
    transport->exchanges.used--;
    done(transport, exchange->tag, &end);
}

void exchanges_settle(struct transport_coap *transport)
{
    struct exchanges *exchanges = &transport->exchanges;

    for (unsigned i = 0; i < exchanges->capacity && exchanges->ended > 0; i++) {
        struct exchange *exchange = &exchanges->all[i];

        if (exchange->state != EXCHANGE_ENDED)
            continue;
        exchanges->ended--;
        settle(transport, exchange);
    }
}

void exchanges_expire(struct transport_coap *transport, int64_t now_ms)
{
    struct exchanges *exchanges = &transport->exchanges;

    for (unsigned i = 0; i < exchanges->capacity && exchanges->used > 0; i++) {
        struct exchange *exchange = &exchanges->all[i];

        if (exchange->state == EXCHANGE_WAITING && exchange->deadline_ms <= now_ms)
            end_exchange(exchange, ANSWER_NONE);
    }
}

/* ---- the port ---- */

static void answered(struct transport_coap *transport, int64_t tag, const struct exchange_end *end)
{
    struct transport_answer answer = {
        .id = tag,
        .kind = end->kind,
        .code = (end->code >> 5) * 100u + (end->code & 31u),
        .payload = end->payload,
    };

    transport->rules->answer(transport->core, &answer);
}

int exchange_port_request(struct transport *port, const struct transport_request *request)
{
    struct transport_coap *transport = (struct transport_coap *)port;
    union socket_address to;

    if (address_parse(request->address, &to) != 0 || address_port(&to) == 0 ||
        request->payload.size > EXCHANGE_PAYLOAD_MAX)
        return REFUSED_INVALID;
    if (transport->exchanges.used - transport->collects_asking >= transport->settings.requests_max) {
        transport->counts[TRANSPORT_COAP_REQUESTS_REFUSED]++;
        return REFUSED_BUSY;
    }
    return exchange_start(transport, &(struct exchange_order){ .method = COAP_MSG_POST,
                                                               .to = &to,
                                                               .path = request->path,
                                                               .payload = request->payload,
                                                               .done = answered,
                                                               .tag = request->id });
}
