/* telemetry.c - from a sensor to the wire: read, clamp, noise, clamp, number, send.
 * Fails closed: without a policy that the maintainer signed, without randomness, or without a durable sequence number
 * nothing is sent. A reading that was given counts, whether or not it arrived. */
#include "device_proto/virtual/telemetry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "device_proto/noise.h"
#include "device_proto/senml.h"
#include "device_proto/vector.h"
#include "device_proto/virtual/ask.h"
#include "device_proto/virtual/exec.h"
#include "device_proto/virtual/sensors.h"
#include "device_proto/virtual/state.h"

enum { NO_POLICY_RETRY_MS = 10000, DIGITS_MAX = 6 };

void telemetry_plan(struct device *device)
{
    const struct fleet *fleet = device->fleet;

    for (size_t i = 0; device->telemetry != NULL && i < fleet->sensor_count; i++) {
        uint32_t spread_ms = (uint32_t)fleet->spread_ms + 1;
        device->telemetry[i].policy_due_ms = device->now_ms + dice_below(&device->dice, spread_ms);
        device->telemetry[i].due_ms = device->now_ms + dice_below(&device->dice, spread_ms);
    }
}

/* ---- policies ---- */

static int digits_of(uint32_t scale)
{
    uint32_t power = 1;

    for (int digits = 0; digits <= DIGITS_MAX; digits++, power *= 10)
        if (power == scale)
            return digits;
    return -1;
}

static struct proto_random noise_source(const struct device *device, size_t sensor, struct telemetry *telemetry)
{
    const struct fleet *fleet = device->fleet;

    if (!fleet->has_lab_noise)
        return fleet->random;
    if (!telemetry->lab_noise_begun)
        dice_seed(&telemetry->lab_noise, fleet->lab_noise_seed, (uint64_t)device->index * DEVICE_SENSORS_MAX + sensor);
    telemetry->lab_noise_begun = true;
    return (struct proto_random){ .context = &telemetry->lab_noise, .fill = dice_fill };
}

int policy_take(struct device *device, size_t sensor, struct bytes document)
{
    struct fleet *fleet = device->fleet;
    struct telemetry *telemetry = &device->telemetry[sensor];
    struct telemetry taken = *telemetry;
    const struct proto_random random = noise_source(device, sensor, &taken);

    if (document.size > sizeof(taken.document))
        return POLICY_STRUCTURE;
    memcpy(taken.document, document.data, document.size);
    taken.document_size = document.size;
    int r = policy_doc_verify(bytes_view(taken.document, taken.document_size), fleet->trust, fleet->trust_count,
                              &fleet->crypto, &taken.policy);
    if (r != 0)
        return r;
    taken.digits = digits_of(taken.policy.scale);
    if (!bytes_equal_text(taken.policy.sensor, fleet->sensors[sensor].name) || taken.digits < 0 ||
        taken.policy.dimension != fleet->sensors[sensor].dimension)
        return POLICY_VALUE;
    if (telemetry->document_size > 0 && taken.policy.version < telemetry->policy.version)
        return POLICY_VALUE; /* an old one, played back */
    if (telemetry->document_size == 0 || taken.policy.version > telemetry->policy.version)
        r = noising_begin(&taken.policy, &random, &taken.noising);
    if (r != 0)
        return r;
    *telemetry = taken;
    /* The views must point into the copy that stays. */
    return policy_doc_verify(bytes_view(telemetry->document, telemetry->document_size), fleet->trust,
                             fleet->trust_count, &fleet->crypto, &telemetry->policy);
}

/* The sensor that is due first. */
static size_t first_due(const struct device *device, bool policy, int64_t *out_ms)
{
    size_t first = 0;

    *out_ms = INT64_MAX;
    for (size_t i = 0; device->telemetry != NULL && i < device->fleet->sensor_count; i++) {
        const struct telemetry *telemetry = &device->telemetry[i];
        int64_t due_ms = policy                         ? telemetry->policy_due_ms
                         : telemetry->document_size > 0 ? telemetry->due_ms
                                                        : INT64_MAX;
        if (due_ms < *out_ms) {
            *out_ms = due_ms;
            first = i;
        }
    }
    return first;
}

int64_t policy_due(const struct device *device)
{
    int64_t due_ms;

    first_due(device, true, &due_ms);
    return device->fleet->has_directory ? due_ms : INT64_MAX;
}

static void ask_for_policy(struct device *device, const struct coap_message_block *block);

/* A policy with a large signature comes in blocks. 0: *out is the whole; 1: the next block is asked for; a fault. */
static int gather(struct device *device, const struct coap_message *message, struct bytes *out)
{
    struct coap_message_block block = { 0 };
    struct bytes value;

    *out = message->payload;
    if (!coap_message_find_option(message, COAP_MSG_OPT_BLOCK2, &value))
        return 0;
    if (coap_message_block_decode(value, &block) != 0)
        return -EPROTO;
    if (block.number == 0)
        device->policy_draft_size = 0;
    if (device->policy_draft == NULL)
        device->policy_draft = malloc(POLICY_DOC_MAX);
    if (device->policy_draft == NULL)
        return -ENOMEM;
    size_t offset = (size_t)block.number * coap_message_block_size(block.size_exponent);
    if (offset != device->policy_draft_size || message->payload.size > POLICY_DOC_MAX - offset)
        return -EPROTO;
    memcpy(device->policy_draft + offset, message->payload.data, message->payload.size);
    device->policy_draft_size += message->payload.size;
    *out = bytes_view(device->policy_draft, device->policy_draft_size);
    if (!block.more)
        return 0;
    const struct coap_message_block next = { .number = block.number + 1, .size_exponent = block.size_exponent };
    ask_for_policy(device, &next);
    return 1;
}

static void on_policy(struct device *device, struct exchange *exchange, enum exchange_end end,
                      const struct coap_message *message)
{
    struct telemetry *telemetry = &device->telemetry[device->asking_sensor];
    const char *name = device->fleet->sensors[device->asking_sensor].name;
    uint32_t before = telemetry->document_size > 0 ? telemetry->policy.version : 0;

    (void)exchange;
    device->asking = ASKING_NOTHING;
    if (end != EXCHANGE_ANSWERED || message->code != COAP_MSG_CONTENT) {
        device_event(device, EVENT_NO_POLICY, "%s: %s", name,
                     end == EXCHANGE_ANSWERED ? "the daemon has none" : "no answer");
    } else {
        struct bytes document;
        int r = gather(device, message, &document);
        if (r == 1)
            return;
        r = r == 0 ? policy_take(device, device->asking_sensor, document) : POLICY_STRUCTURE;
        if (r != 0)
            device_event(device, EVENT_POLICY_REFUSED, "%s: %s", name, policy_refusal_text(r));
        else if (telemetry->policy.version != before)
            device_event(device, EVENT_POLICY, "%s: version %u", name, telemetry->policy.version);
        if (r == 0 && telemetry->policy.version != before)
            state_save(device);
    }
    free(device->policy_draft);
    device->policy_draft = NULL;
    bool has = telemetry->document_size > 0;
    telemetry->policy_due_ms = device->now_ms + (has ? device->fleet->policy_every_ms : NO_POLICY_RETRY_MS) +
                               dice_below(&device->dice, NO_POLICY_RETRY_MS / 4);
}

void policy_ask(struct device *device)
{
    int64_t due_ms;

    device->asking_sensor = first_due(device, true, &due_ms);
    ask_for_policy(device, NULL);
}

static void ask_for_policy(struct device *device, const struct coap_message_block *block)
{
    char path[96];
    const struct ask_order order = { .what = ASKING_POLICY,
                                     .code = COAP_MSG_GET,
                                     .to = &device->fleet->directory,
                                     .path = path,
                                     .format = -1,
                                     .block = block };

    snprintf(path, sizeof(path), "p/%s", device->fleet->sensors[device->asking_sensor].name);
    device->telemetry[device->asking_sensor].policy_due_ms = device->now_ms + NO_POLICY_RETRY_MS;
    if (ask_begin(device, &order, on_policy) != 0)
        device_event(device, EVENT_FAULT, "the request for %s could not be made", path);
}

/* ---- readings ---- */

/* What a device that was tampered with noises by: less than its policy says. */
static struct noise_policy weakened(const struct noise_policy *policy, uint32_t divisor)
{
    struct noise_policy weak = *policy;

    if (policy->mechanism == POLICY_DISCRETE_LAPLACE || policy->mechanism == POLICY_GEOMETRIC)
        weak.parameter_num = weak.parameter_num > divisor ? weak.parameter_num / divisor : 1;
    else
        weak.parameter_num =
            weak.parameter_num < NOISE_WEIGHT_MAX / divisor ? weak.parameter_num * divisor : NOISE_WEIGHT_MAX;
    if (policy->mechanism == POLICY_GEOMETRIC)
        weak.mechanism = POLICY_DISCRETE_LAPLACE;
    return weak;
}

/* Whether one more reading may be given now; otherwise due_ms moves on. */
static bool may_give(struct device *device, struct telemetry *telemetry)
{
    int64_t epoch_ms = (int64_t)telemetry->policy.epoch_s * 1000;
    int64_t now_ms = device_unix_ms(device);
    int64_t epoch = now_ms / epoch_ms;

    if (epoch > telemetry->epoch) {
        telemetry->epoch = epoch;
        telemetry->given = 0;
    }
    if (telemetry->given < telemetry->policy.contributions || device->fleet->faults.no_limit)
        return true;
    telemetry->due_ms = device->now_ms + (telemetry->epoch + 1) * epoch_ms - now_ms;
    return false;
}

/* Reads, clamps and noises; false: there is nothing to send now. */
static bool take_reading(struct device *device, size_t sensor, struct decimal *out)
{
    struct fleet *fleet = device->fleet;
    struct telemetry *telemetry = &device->telemetry[sensor];
    const struct proto_random random = noise_source(device, sensor, telemetry);
    struct noise_policy policy = telemetry->policy;
    int64_t value, least, most;
    bool is_new, is_plain;
    struct decimal reading;

    if (sensor_read(&fleet->sensors[sensor], device, &reading) != 0 ||
        decimal_scale(reading, policy.scale, &value) != 0)
        return false;
    value = noise_clamp(value, policy.lower, policy.upper);
    if (fleet->faults.weak_noise > 1)
        policy = weakened(&telemetry->policy, fleet->faults.weak_noise);
    int r = noising_apply(&policy, &random, &telemetry->noising, value, &value, &is_new);
    if (r == 0 && is_new)
        r = state_save(device);
    if (r != 0) {
        device_event(device, EVENT_FAULT, "%s, nothing is sent",
                     r == NOISE_FULL ? "the table of answers is full" : "no noise to be had");
        return false;
    }
    policy_output_range(&policy, &least, &most, &is_plain);
    return decimal_make(value, is_plain ? 0 : -telemetry->digits, out) == 0;
}

/* Runs the container and takes what it keeps, within the policy's norm, as a typed array. */
static bool take_vector(struct device *device, size_t sensor, uint8_t *out, size_t capacity, size_t *out_size)
{
    const struct sensor *source = &device->fleet->sensors[sensor];
    const struct noise_policy *policy = &device->telemetry[sensor].policy;
    int32_t coordinates[SENSOR_DIMENSION_MAX];
    char text[EXEC_TEXT_SIZE];

    if (source->slot >= device->fleet->kind->slots || exec_slot(device, source->slot, text) != EXEC_ANSWERED ||
        device->slots[source->slot].local == NULL)
        return false;
    for (unsigned i = 0; i < source->dimension; i++)
        coordinates[i] = (int32_t)device->slots[source->slot].local[i];
    vector_clip(coordinates, source->dimension, (uint32_t)policy->upper);
    return vector_write(coordinates, source->dimension, out, capacity, out_size) == 0;
}

int64_t telemetry_due(const struct device *device)
{
    int64_t due_ms;

    first_due(device, false, &due_ms);
    return device->fleet->has_directory ? due_ms : INT64_MAX;
}

static void on_taken(struct device *device, struct exchange *exchange, enum exchange_end end,
                     const struct coap_message *message)
{
    struct telemetry *telemetry = &device->telemetry[device->asking_sensor];

    (void)exchange;
    device->asking = ASKING_NOTHING;
    if (end != EXCHANGE_ANSWERED) {
        device_event(device, EVENT_TELEMETRY_LOST, "no answer");
    } else if (message->code < COAP_MSG_BAD_REQUEST) {
        device_event(device, EVENT_TELEMETRY_TAKEN, "%s", device->fleet->sensors[device->asking_sensor].name);
    } else {
        device_event(device, EVENT_TELEMETRY_REFUSED, "%u.%02u %.*s", message->code >> 5, message->code & 31u,
                     (int)(message->payload.size > 120 ? 120 : message->payload.size),
                     (const char *)message->payload.data);
        telemetry->policy_due_ms = device->now_ms + NO_POLICY_RETRY_MS; /* perhaps there is a newer one */
    }
}

/* A number that no earlier life of this device used, known to be so before it is sent. */
static int take_number(struct device *device, struct telemetry *telemetry, uint64_t *out)
{
    telemetry->given++;
    if (device->telemetry_next >= device->telemetry_reserved) {
        device->telemetry_reserved = device->telemetry_next + TELEMETRY_STRIDE;
        int r = state_save(device);
        if (r != 0) {
            device->telemetry_reserved = device->telemetry_next;
            return r;
        }
    }
    *out = device->telemetry_next++;
    return 0;
}

/* record: its value; the rest is filled in here. */
static int send_reading(struct device *device, size_t sensor, struct senml_record record)
{
    struct telemetry *telemetry = &device->telemetry[sensor];
    const struct noise_policy *policy = &telemetry->policy;
    char who[DEVICE_NAME_SIZE + 4], number[32], version[24];
    uint8_t pack[ASK_SIZE_MAX];
    uint64_t sequence;
    struct ask_order order = { .what = ASKING_TELEMETRY,
                               .code = COAP_MSG_POST,
                               .to = &device->fleet->directory,
                               .path = "t",
                               .queries = { who, number, version },
                               .format = COAP_MSG_FORMAT_SENML_CBOR };

    snprintf(record.name, sizeof(record.name), "%s", device->fleet->sensors[sensor].name);
    if (policy->unit_text.size < sizeof(record.unit))
        memcpy(record.unit, policy->unit_text.data, policy->unit_text.size);
    int r = senml_encode_cbor(&record, 1, bytes_view(NULL, 0), pack, sizeof(pack), &order.payload.size);
    if (r == 0)
        r = take_number(device, telemetry, &sequence);
    if (r != 0)
        return r;
    order.payload.data = pack;
    snprintf(who, sizeof(who), "d=%s", device->name);
    snprintf(number, sizeof(number), "s=%llu", (unsigned long long)sequence);
    snprintf(version, sizeof(version), "p=%u", policy->mechanism == POLICY_NONE ? 0 : policy->version);
    device_event(device, EVENT_TELEMETRY, "%s, number %llu", record.name, (unsigned long long)sequence);
    return ask_begin(device, &order, on_taken);
}

/* Takes a reading and sends it; false: that failed. Nothing to give is no failure. */
static bool give(struct device *device, size_t sensor)
{
    uint8_t vector[4 * SENSOR_DIMENSION_MAX + 8];
    struct senml_record record = { .kind = SENML_NUMBER };
    size_t size = 0;

    if (device->fleet->sensors[sensor].dimension > 0) {
        if (!take_vector(device, sensor, vector, sizeof(vector), &size))
            return true;
        record.kind = SENML_DATA;
        record.text = bytes_view(vector, size);
    } else if (!take_reading(device, sensor, &record.number)) {
        return true;
    }
    return send_reading(device, sensor, record) == 0;
}

void telemetry_ask(struct device *device)
{
    int64_t due_ms;
    size_t sensor = first_due(device, false, &due_ms);
    struct telemetry *telemetry = &device->telemetry[sensor];
    int64_t interval_ms = (int64_t)telemetry->policy.interval_s * 1000;

    if (!may_give(device, telemetry))
        return;
    telemetry->due_ms =
        device->now_ms + (interval_ms > device->fleet->interval_ms ? interval_ms : device->fleet->interval_ms);
    device->asking_sensor = sensor;
    if (!give(device, sensor))
        device_event(device, EVENT_FAULT, "a reading of %s could not be sent", device->fleet->sensors[sensor].name);
}
