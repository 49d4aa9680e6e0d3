/* ask.c - who may ask next. */
#include "device_proto/virtual/ask.h"

#include <errno.h>

#include "device_proto/virtual/report.h"
#include "device_proto/virtual/telemetry.h"

/* In order of importance: an outcome first, then being known, then what may be said, then saying it. */
static const struct {
    int64_t (*due)(const struct device *device);
    void (*ask)(struct device *device);
} askers[] = {
    { report_due, report_ask },
    { register_due, register_ask },
    { policy_due, policy_ask },
    { telemetry_due, telemetry_ask },
};

int64_t ask_due(const struct device *device)
{
    int64_t due_ms = INT64_MAX;

    if (exchange_busy(&device->ask))
        return exchange_due(&device->ask);
    for (size_t i = 0; i < sizeof(askers) / sizeof(askers[0]); i++) {
        int64_t one_ms = askers[i].due(device);
        if (one_ms < due_ms)
            due_ms = one_ms;
    }
    return due_ms;
}

void ask_next(struct device *device)
{
    for (size_t i = 0; i < sizeof(askers) / sizeof(askers[0]); i++) {
        if (exchange_busy(&device->ask) || device->going_down != EVENT_BOOT)
            return;
        if (askers[i].due(device) <= device->now_ms)
            askers[i].ask(device);
    }
}

int ask_begin(struct device *device, const struct ask_order *order, exchange_done done)
{
    uint8_t message[ASK_SIZE_MAX], token[4];
    struct coap_message_writer writer;
    uint64_t roll = dice_roll(&device->dice);
    size_t size = 0;

    memcpy(token, &roll, sizeof(token));
    coap_message_begin(&writer, message, sizeof(message), COAP_MSG_CON, (uint8_t)order->code, device->next_id++,
                       bytes_view(token, sizeof(token)));
    coap_message_add_path(&writer, COAP_MSG_OPT_URI_PATH, bytes_of_text(order->path));
    if (order->format >= 0)
        coap_message_add_uint(&writer, COAP_MSG_OPT_CONTENT_FORMAT, (uint32_t)order->format);
    for (size_t i = 0; i < sizeof(order->queries) / sizeof(order->queries[0]) && order->queries[i] != NULL; i++)
        coap_message_add_option(&writer, COAP_MSG_OPT_URI_QUERY, bytes_of_text(order->queries[i]));
    if (order->block != NULL)
        coap_message_add_block(&writer, COAP_MSG_OPT_BLOCK2, order->block);
    coap_message_add_payload(&writer, order->payload);
    if (coap_message_finish(&writer, &size) != 0)
        return -EMSGSIZE;
    device->asking = order->what;
    return exchange_begin(device, &device->ask, device->server, order->to, bytes_view(message, size), done);
}
