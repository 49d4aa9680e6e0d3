/* register.c - RFC 9176: endpoint, lifetime and profile at registration; an update before the lifetime is over; a new
 * registration whenever the directory does not know the old one any more. */
#include <stdio.h>

#include "device_proto/virtual/ask.h"
#include "device_proto/virtual/kind.h"

enum { RETRY_LEAST_MS = 2000, RETRY_MOST_MS = 120000 };

void register_plan(struct device *device)
{
    const struct fleet *fleet = device->fleet;

    device->registration = (struct registration){ .wanted = fleet->registers && fleet->has_directory };
    device->registration.due_ms = device->now_ms + dice_below(&device->dice, (uint32_t)fleet->spread_ms + 1);
}

int64_t register_due(const struct device *device)
{
    return device->registration.wanted ? device->registration.due_ms : INT64_MAX;
}

static void try_again(struct device *device)
{
    struct registration *registration = &device->registration;
    int64_t wait_ms = RETRY_LEAST_MS;

    for (unsigned i = 0; i < registration->failures && wait_ms < RETRY_MOST_MS; i++)
        wait_ms *= 2;
    registration->failures++;
    registration->location[0] = '\0';
    registration->due_ms = device->now_ms + wait_ms + dice_below(&device->dice, (uint32_t)wait_ms);
}

/* The Location-Path as "rd/4711"; false when it is missing or too long to keep. */
static bool read_location(const struct coap_message *message, char *out, size_t capacity)
{
    struct coap_message_cursor cursor = coap_message_cursor(message);
    struct coap_message_option option;
    size_t size = 0;

    while (coap_message_next_option(&cursor, &option)) {
        if (option.number != COAP_MSG_OPT_LOCATION_PATH)
            continue;
        if (size + option.value.size + 2 > capacity)
            return false;
        if (size > 0)
            out[size++] = '/';
        memcpy(out + size, option.value.data, option.value.size);
        size += option.value.size;
    }
    out[size] = '\0';
    return size > 0;
}

static void on_answer(struct device *device, struct exchange *exchange, enum exchange_end end,
                      const struct coap_message *message)
{
    struct registration *registration = &device->registration;
    bool known = registration->location[0] != '\0';

    (void)exchange;
    device->asking = ASKING_NOTHING;
    bool done = end == EXCHANGE_ANSWERED &&
                (known ? message->code == COAP_MSG_CHANGED
                       : message->code == COAP_MSG_CREATED &&
                             read_location(message, registration->location, sizeof(registration->location)));
    if (!done) {
        device_event(device, EVENT_REGISTER_FAILED, "%s",
                     end == EXCHANGE_ANSWERED ? "the directory refused" : "no answer from the directory");
        try_again(device);
        return;
    }
    registration->failures = 0;
    int64_t lifetime_ms = (int64_t)device->fleet->lifetime_s * 1000;
    /* After three quarters of the lifetime, each device at another moment. */
    registration->due_ms =
        device->now_ms + lifetime_ms * 3 / 4 - dice_below(&device->dice, (uint32_t)(lifetime_ms / 8) + 1);
    if (!known)
        device_event(device, EVENT_REGISTERED, "at %s", registration->location);
}

void register_ask(struct device *device)
{
    const struct fleet *fleet = device->fleet;
    char endpoint[DEVICE_NAME_SIZE + 4], lifetime[24], type[40];
    struct ask_order order = { .what = ASKING_REGISTER,
                               .code = COAP_MSG_POST,
                               .to = &fleet->directory,
                               .path = "rd",
                               .format = COAP_MSG_FORMAT_LINK,
                               .payload = bytes_of_text(fleet->kind->links) };

    snprintf(endpoint, sizeof(endpoint), "ep=%s", device->name);
    snprintf(lifetime, sizeof(lifetime), "lt=%u", fleet->lifetime_s);
    snprintf(type, sizeof(type), "et=%s", fleet->kind->name);
    if (device->registration.location[0] != '\0') {
        order.path = device->registration.location;
        order.format = -1;
        order.payload = bytes_view(NULL, 0);
    } else {
        order.queries[0] = endpoint;
        order.queries[1] = lifetime;
        order.queries[2] = type;
    }
    if (ask_begin(device, &order, on_answer) != 0)
        try_again(device);
}
