/* exchange.c - confirmable requests. The answer may ride on the ACK or come by itself; what counts as an answer is a
 * habit of the kind (an empty ACK is a body of no bytes for one of them). */
#include "device_proto/virtual/exchange.h"

#include <errno.h>
#include <stdlib.h>

#include "device_proto/virtual/device.h"

static uint32_t first_timeout(struct device *device)
{
    const struct kind *kind = device->fleet->kind;

    return kind->timeout_least_ms + dice_below(&device->dice, kind->timeout_most_ms - kind->timeout_least_ms);
}

static void transmit(struct device *device, struct exchange *exchange)
{
    exchange->sent++;
    exchange->due_ms = exchange->started_ms + kind_send_at(exchange->timeout_ms, exchange->sent);
    faults_send(device, exchange->channel, &exchange->to, bytes_view(exchange->datagram, exchange->size));
}

int exchange_begin(struct device *device, struct exchange *exchange, int channel, const struct endpoint *to,
                   struct bytes message, exchange_done done)
{
    struct coap_message parsed;

    if (coap_message_parse(message, &parsed) != 0 || exchange_busy(exchange))
        return -EINVAL;
    uint8_t *copy = malloc(message.size);
    if (copy == NULL)
        return -ENOMEM;
    memcpy(copy, message.data, message.size);
    *exchange = (struct exchange){ .datagram = copy,
                                   .size = message.size,
                                   .channel = channel,
                                   .to = *to,
                                   .id = parsed.id,
                                   .token_size = parsed.token.size,
                                   .timeout_ms = first_timeout(device),
                                   .started_ms = device->now_ms,
                                   .done = done };
    if (parsed.token.size > 0)
        memcpy(exchange->token, parsed.token.data, parsed.token.size);
    transmit(device, exchange);
    return 0;
}

void exchange_cancel(struct exchange *exchange)
{
    free(exchange->datagram);
    exchange->datagram = NULL;
}

int64_t exchange_due(const struct exchange *exchange)
{
    return exchange_busy(exchange) ? exchange->due_ms : INT64_MAX;
}

static void finish(struct device *device, struct exchange *exchange, enum exchange_end end,
                   const struct coap_message *message)
{
    exchange_cancel(exchange);
    exchange->done(device, exchange, end, message);
}

static bool belongs(const struct kind *kind, const struct exchange *exchange, const struct coap_message *message)
{
    bool reply = message->type == COAP_MSG_ACK || message->type == COAP_MSG_RST;

    if (reply && message->id != exchange->id)
        return false;
    if (message->code == COAP_MSG_EMPTY)
        return reply;
    if (reply && kind_has(kind, KIND_EMPTY_ACK_IS_BODY))
        return true; /* the same kind looks at the message id of an ACK only */
    return bytes_equal(message->token, bytes_view(exchange->token, exchange->token_size));
}

/* A separate response that is confirmable wants its own empty ACK. */
static void acknowledge(struct device *device, const struct exchange *exchange, const struct coap_message *message)
{
    uint8_t ack[4] = { 0x60, 0, (uint8_t)(message->id >> 8), (uint8_t)message->id };

    faults_send(device, exchange->channel, &exchange->to, bytes_view(ack, sizeof(ack)));
}

bool exchange_receive(struct device *device, struct exchange *exchange, int channel, const struct endpoint *from,
                      const struct coap_message *message)
{
    const struct kind *kind = device->fleet->kind;

    if (!exchange_busy(exchange) || exchange->channel != channel || !endpoint_equal(&exchange->to, from) ||
        !belongs(kind, exchange, message))
        return false;
    if (message->type == COAP_MSG_RST) {
        finish(device, exchange, EXCHANGE_RESET, NULL);
        return true;
    }
    if (message->code == COAP_MSG_EMPTY && !kind_has(kind, KIND_EMPTY_ACK_IS_BODY)) {
        exchange->separate = true;
        exchange->due_ms = device->now_ms + kind->separate_timeout_ms;
        return true;
    }
    if (message->type == COAP_MSG_CON)
        acknowledge(device, exchange, message);
    finish(device, exchange, EXCHANGE_ANSWERED, message);
    return true;
}

void exchange_tick(struct device *device, struct exchange *exchange)
{
    if (!exchange_busy(exchange) || device->now_ms < exchange->due_ms)
        return;
    if (exchange->separate || exchange->sent >= device->fleet->kind->sends) {
        finish(device, exchange, EXCHANGE_TIMED_OUT, NULL);
        return;
    }
    device_event(device, EVENT_RETRANSMIT, "transmission %u", exchange->sent + 1);
    transmit(device, exchange);
}
