/* exchange.h - one confirmable request and its retransmissions, as the profile's kind times them. */
#ifndef TINYPART_VIRTUAL_EXCHANGE_H
#define TINYPART_VIRTUAL_EXCHANGE_H

#include "device_proto/coap_message.h"
#include "device_proto/virtual/wire.h"

enum exchange_end {
    EXCHANGE_ANSWERED, /* message is set */
    EXCHANGE_TIMED_OUT,
    EXCHANGE_RESET,
};

struct exchange;
typedef void (*exchange_done)(struct device *device, struct exchange *exchange, enum exchange_end end,
                              const struct coap_message *message);

struct exchange {
    uint8_t *datagram; /* NULL: no exchange is under way */
    size_t size;
    int channel;
    struct endpoint to;
    uint16_t id;
    uint8_t token[COAP_MSG_TOKEN_MAX];
    size_t token_size;
    uint32_t timeout_ms;
    unsigned sent;
    int64_t started_ms;
    int64_t due_ms;
    bool separate; /* an empty ACK came: no more transmissions, only patience */
    exchange_done done;
};

static inline bool exchange_busy(const struct exchange *exchange)
{
    return exchange->datagram != NULL;
}

/* Sends a whole confirmable message (copied). done is called once, when the exchange is already free for another one.
 * 0, or -ENOMEM / -EINVAL. */
int exchange_begin(struct device *device, struct exchange *exchange, int channel, const struct endpoint *to,
                   struct bytes message, exchange_done done);
/* Whether the message belonged to the exchange (and was dealt with). */
bool exchange_receive(struct device *device, struct exchange *exchange, int channel, const struct endpoint *from,
                      const struct coap_message *message);
/* Retransmits or gives up when that is due. */
void exchange_tick(struct device *device, struct exchange *exchange);
void exchange_cancel(struct exchange *exchange);
int64_t exchange_due(const struct exchange *exchange); /* INT64_MAX when idle */

#endif
