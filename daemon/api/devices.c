/* devices.c - /v1/devices, but for asking one (devices_run.c). */
#include <errno.h>
#include <stddef.h>

#include "daemon/api/handlers.h"
#include "daemon/api/json.h"
#include "daemon/api/server.h"
#include "daemon/core/device.h"

struct device_body {
    const char *name, *profile, *address, *class_name, *labels, *report_key, *encryption_key;
};

struct device_trust_body {
    const char *reason;
};

#define DEVICE_FIELDS                                                                                    \
    { "profile", FIELD_TEXT, true, offsetof(struct device_body, profile), 1, NAME_SIZE - 1 },            \
        { "address", FIELD_TEXT, false, offsetof(struct device_body, address), 1, ADDRESS_SIZE - 1 },    \
        { "class_name", FIELD_TEXT, false, offsetof(struct device_body, class_name), 1, NAME_SIZE - 1 }, \
        { "labels", FIELD_TEXT, false, offsetof(struct device_body, labels), 0, 2048 },                  \
        { "report_key", FIELD_TEXT, false, offsetof(struct device_body, report_key), 1, PEM_SIZE - 1 },  \
    {                                                                                                    \
        "encryption_key", FIELD_TEXT, false, offsetof(struct device_body, encryption_key), 1, 1024       \
    }

FORM(device_create_form, struct device_body,
     { "name", FIELD_TEXT, true, offsetof(struct device_body, name), 1, NAME_SIZE - 1 }, DEVICE_FIELDS);
FORM(device_claim_form, struct device_body, DEVICE_FIELDS);
FORM(device_label_form, struct device_body,
     { "labels", FIELD_TEXT, true, offsetof(struct device_body, labels), 1, 2048 });
FORM(device_trust_form, struct device_trust_body,
     { "reason", FIELD_TEXT, true, offsetof(struct device_trust_body, reason), 1, 400 });
FORM(device_move_form, struct device_body,
     { "address", FIELD_TEXT, true, offsetof(struct device_body, address), 1, ADDRESS_SIZE - 1 });

static const char *state_name(enum device_state state)
{
    switch (state) {
    case DEVICE_UNCLAIMED:
        return "unclaimed";
    case DEVICE_CLAIMED:
        return "claimed";
    }
    return "unclaimed";
}

static json_t *labels_json(const struct device *device)
{
    json_t *json = json_object();

    for (size_t i = 0; json != NULL && i < device->label_count; i++)
        json_object_set_new(json, device->labels[i].key, json_words(device->labels[i].value));
    return json;
}

static json_t *device_json(const struct request *request, const struct device *device)
{
    struct public_key encryption = { 0 };

    (void)device_encryption_key(device, &encryption);
    return json_pack("{s:I,s:o,s:s,s:o,s:o,s:o,s:o,s:I,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "id",
                     (json_int_t)device->id, "name", json_words(device->name), "state", state_name(device->state),
                     "profile", json_words_or_null(device->profile), "class_name",
                     json_words_or_null(device->class_name), "address", json_words_or_null(device->address), "labels",
                     labels_json(device), "sequence", (json_int_t)device->sequence, "telemetry_sequence",
                     (json_int_t)device->telemetry_sequence, "report_key", json_key(request, &device->report_key),
                     "encryption_key", json_key(request, &encryption), "life_spent_epsilon",
                     json_epsilon(device->life_spent.ueps), "life_cap_epsilon", json_cap(device->life_cap.ueps),
                     "life_spent", json_loss(&device->life_spent), "created_at", json_time(device->created_ms),
                     "seen_at", json_time(device->seen_ms), "suspect_since", json_time(device->suspect_ms),
                     "suspect_reason", json_words_or_null(device->suspect_reason));
}

static json_t *slot_json(const struct slot *slot)
{
    return json_pack("{s:i,s:o,s:o,s:o,s:s,s:o,s:o}", "slot", (int)slot->slot, "tenant",
                     json_words_or_null(slot->tenant), "image", json_words_or_null(slot->image), "version",
                     json_words_or_null(slot->version), "state", slot->state[0] != '\0' ? slot->state : "free", "since",
                     json_time(slot->since_ms), "poll_due_at", json_time(slot->poll_due_ms));
}

static int collect_slot(void *context, const struct slot *slot)
{
    return json_array_append_new(context, slot_json(slot)) != 0 ? -ENOMEM : 0;
}

static int reply_device(struct request *request, unsigned status, const struct device *device, struct why *why)
{
    json_t *slots = json_array();

    int r = device_slots(request->core, &request->caller, device->name, collect_slot, slots, why);
    if (r != 0) {
        json_decref(slots);
        return r;
    }
    json_t *json = device_json(request, device);
    json_object_set_new(json, "slots", slots);
    return reply_json(&request->reply, status, json);
}

static int add_device(void *context, const struct device *device)
{
    struct listing *listing = context;

    return listing_add(listing, device->id, device_json(listing->request, device));
}

static int read_state(const struct request *request, enum device_state *out, struct why *why)
{
    const char *text = target_query(request, "state");

    *out = 0;
    if (text == NULL)
        return 0;
    for (enum device_state state = DEVICE_UNCLAIMED; state <= DEVICE_CLAIMED; state++)
        if (strcmp(text, state_name(state)) == 0)
            *out = state;
    return *out != 0 ? 0 : refuse(why, REFUSED_INVALID, "state", "claimed or unclaimed", "no device has this state");
}

int devices_list(struct request *request, struct why *why)
{
    struct listing listing;
    enum device_state state;

    int r = read_state(request, &state, why);
    if (r == 0)
        r = listing_begin(&listing, request, why);
    if (r == 0)
        r = device_list(request->core, &request->caller, target_query(request, "selector"), state, listing.page,
                        add_device, &listing, why);
    return r != 0 ? r : listing_end(&listing);
}

/* An order, and where its keys are. */
struct device_keys {
    struct public_key report, encryption;
};

static int read_key(const struct request *request, const char *pem, struct public_key *key,
                    const struct public_key **out, struct why *why)
{
    if (pem == NULL)
        return 0;
    int r = request->api->settings->public_read_pem(bytes_of_text(pem), key, why);
    if (r == 0)
        *out = key;
    return r;
}

/* The order that a body stands for. */
static int read_order(const struct request *request, const char *name, struct device_keys *keys,
                      struct device_order *out, struct why *why)
{
    const struct device_body *body = request->body.order;

    *out = (struct device_order){ .name = name,
                                  .profile = body->profile,
                                  .address = body->address,
                                  .class_name = body->class_name,
                                  .labels = body->labels };
    int r = read_key(request, body->report_key, &keys->report, &out->report_key, why);
    return r != 0 ? r : read_key(request, body->encryption_key, &keys->encryption, &out->encryption_key, why);
}

int devices_create(struct request *request, struct why *why)
{
    const struct device_body *body = request->body.order;
    struct device_order order;
    struct device_keys keys;
    struct device device;

    int r = read_order(request, body->name, &keys, &order, why);
    if (r == 0)
        r = device_create(request->core, &request->caller, &order, &device, why);
    if (r != 0)
        return r;
    reply_location(&request->reply, "/v1/devices/%s", location_part(device.name).text);
    return reply_device(request, 201, &device, why);
}

int devices_get(struct request *request, struct why *why)
{
    struct device device;

    int r = device_get(request->core, &request->caller, request->path[0], &device, why);
    return r != 0 ? r : reply_device(request, 200, &device, why);
}

int devices_delete(struct request *request, struct why *why)
{
    request->reply.status = 204;
    return device_delete(request->core, &request->caller, request->path[0], why);
}

int devices_claim(struct request *request, struct why *why)
{
    struct device_order order;
    struct device_keys keys;
    struct device device;

    int r = read_order(request, request->path[0], &keys, &order, why);
    if (r == 0)
        r = device_claim(request->core, &request->caller, &order, &device, why);
    return r != 0 ? r : reply_device(request, 200, &device, why);
}

int devices_label(struct request *request, struct why *why)
{
    const struct device_body *body = request->body.order;
    struct device device;

    int r = device_label(request->core, &request->caller, request->path[0], body->labels, &device, why);
    return r != 0 ? r : reply_device(request, 200, &device, why);
}

int devices_trust(struct request *request, struct why *why)
{
    const struct device_trust_body *body = request->body.order;
    struct device device;

    int r = device_trust(request->core, &request->caller, request->path[0], body->reason, &device, why);
    return r != 0 ? r : reply_device(request, 200, &device, why);
}

int devices_move(struct request *request, struct why *why)
{
    const struct device_body *body = request->body.order;
    struct device device;

    int r = device_move(request->core, &request->caller, request->path[0], body->address, &device, why);
    return r != 0 ? r : reply_device(request, 200, &device, why);
}
