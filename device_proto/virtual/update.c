/* update.c - the update worker.
 * device_proto/suit.h runs a manifest in one go, but fetching takes time. So a run that needs a payload is broken off
 * (-EINPROGRESS), the payload fetched, and the manifest run again from its start with that fetch's result at hand. The
 * RIOT kinds write a payload straight into its slot, whatever it turns out to be; profile tinypart keeps it aside and
 * swaps slot and sequence number in one step when everything held. */
#include "device_proto/virtual/update.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/base/text.h"
#include "device_proto/virtual/fetch.h"
#include "device_proto/virtual/report.h"
#include "device_proto/virtual/state.h"

enum { FETCHES_MAX = 4 };

struct update {
    struct fetch fetch;
    bool asks_image;        /* false: the manifest is being fetched */
    struct endpoint origin; /* where the manifest came from: reports go there */
    char manifest_url[SUIT_URI_SIZE_MAX + 1];
    struct suit_manifest manifest;
    struct suit_where where;
    size_t calls; /* fetches asked for in this run */
    size_t done;  /* fetches made */
    int results[FETCHES_MAX];
    size_t place;       /* of the payload that is or was fetched */
    size_t wanted_size; /* at most; exactly, when the manifest says so */
    bool exact;
    uint32_t blocks;
    uint8_t *staged; /* profile tinypart */
    size_t staged_size;
    size_t envelope_size;
    uint8_t envelope[];
};

/* What the device calls its slots: ["ram", "0"] and so on. */
static void name_places(const struct kind *kind, struct suit_place out[KIND_SLOTS_MAX])
{
    static const uint8_t digits[KIND_SLOTS_MAX] = { '0', '1', '2', '3' };

    for (size_t i = 0; i < kind->slots; i++) {
        out[i] = (struct suit_place){ .component = { .count = 2 }, .slot = i };
        out[i].component.parts[0] = bytes_of_text(kind->component);
        out[i].component.parts[1] = bytes_view(&digits[i], 1);
    }
}

static bool is_volatile(const struct device *device)
{
    return kind_has(device->fleet->kind, KIND_VOLATILE);
}

void update_drop(struct device *device)
{
    struct update *update = device->update;

    if (update == NULL)
        return;
    fetch_cancel(device, &update->fetch);
    free(update->staged);
    free(update);
    device->update = NULL;
}

/* ---- the end ---- */

static void tell_outcome(struct device *device, int result)
{
    struct update *update = device->update;

    if (result == 0)
        device_event(device, EVENT_INSTALLED, "slot %zu, sequence number %llu", update->place,
                     (unsigned long long)device->sequence);
    else if (result > 0)
        device_event(device, EVENT_REFUSED, "suit_parse() failed. res=%d: %s%s%s", suit_refusal_riot_code(result),
                     suit_refusal_text(result), update->where.what == NULL ? "" : ": ",
                     update->where.what == NULL ? "" : update->where.what);
    else
        device_event(device, EVENT_FAULT, "the update failed: %s", strerror(-result));
}

/* Slot and sequence number change together: state_save is the one durable step. */
static int commit(struct device *device)
{
    struct update *update = device->update;
    struct slot *slot = &device->slots[update->place];
    struct slot before = *slot;
    uint64_t sequence_before = device->sequence;

    if (update->staged != NULL) {
        *slot = (struct slot){ .memory = update->staged, .size = update->staged_size, .installed = true };
        int r = device->fleet->crypto.sha256(device->fleet->crypto.context, bytes_view(slot->memory, slot->size),
                                             slot->digest);
        if (r == 0)
            r = state_write_slot(device, update->place);
        if (r != 0) {
            *slot = before;
            return r;
        }
    }
    device->sequence = update->manifest.sequence;
    int r = state_save(device);
    if (r != 0) {
        *slot = before;
        device->sequence = sequence_before;
        return r;
    }
    if (update->staged != NULL) {
        state_forget_slot(device, update->place, &before);
        free(before.memory);
        update->staged = NULL;
    }
    return 0;
}

/* The worker is free again: RIOT's queue gives it the next trigger, with whatever the shared buffer holds by now. */
static void next_trigger(struct device *device)
{
    if (device->queued == 0)
        return;
    device->queued--;
    update_start(device);
}

static void conclude(struct device *device, int result)
{
    struct update *update = device->update;

    if (result == 0 && !is_volatile(device))
        result = commit(device);
    tell_outcome(device, result);
    if (kind_has(device->fleet->kind, KIND_TINYPART))
        report_make(device, &(struct report_order){ .to = update->origin,
                                                    .reference = bytes_of_text(update->manifest_url),
                                                    .manifest = &update->manifest,
                                                    .envelope = bytes_view(update->envelope, update->envelope_size),
                                                    .result = result,
                                                    .where = &update->where });
    update_drop(device);
    next_trigger(device);
}

/* ---- the image ---- */

static int place_memory(struct device *device, size_t place)
{
    struct slot *slot = &device->slots[place];

    if (slot->memory == NULL)
        slot->memory = calloc(1, device->fleet->kind->slot_size);
    return slot->memory == NULL ? -ENOMEM : 0;
}

/* true: this device ends its life at this block. */
static bool fault_at_block(struct device *device, uint32_t block)
{
    const struct fault_plan *plan = &device->fleet->faults;
    bool cut = plan->power_cut && plan->power_cut_block == block;
    bool reboot = plan->reboot_at == FAULT_AT_BLOCK && plan->reboot_block == block;

    if (device->fault_used || (!cut && !reboot))
        return false;
    device->fault_used = true;
    device_go_down(device, cut ? EVENT_POWER_CUT : EVENT_REBOOT);
    return true;
}

static bool image_sink(struct device *device, size_t offset, struct bytes block, bool more)
{
    struct update *update = device->update;
    uint8_t *memory = is_volatile(device) ? device->slots[update->place].memory : update->staged;
    size_t *size = is_volatile(device) ? &device->slots[update->place].size : &update->staged_size;
    size_t end = offset + block.size;

    if (fault_at_block(device, update->blocks++))
        block.size /= 2; /* the page that was being written */
    else if (end > update->wanted_size || (!more && update->exact && end != update->wanted_size))
        return false;
    if (offset + block.size > update->wanted_size)
        return false;
    if (block.size > 0)
        memcpy(memory + offset, block.data, block.size);
    *size += block.size;
    return true;
}

static void run_manifest(struct device *device);

static void image_done(struct device *device, const char *why)
{
    struct update *update = device->update;

    if (why != NULL)
        device_event(device, EVENT_FETCH_FAILED, "%s: %s", device->url, why);
    update->results[update->done++] = why == NULL ? 0 : SUIT_REFUSED_FETCH;
    run_manifest(device);
}

static int begin_image(struct device *device, size_t place, uint64_t size)
{
    struct update *update = device->update;

    update->place = place;
    update->exact = size != SUIT_SIZE_UNKNOWN;
    update->wanted_size = update->exact ? (size_t)size : device->fleet->kind->slot_size;
    update->blocks = 0;
    if (is_volatile(device)) {
        int r = place_memory(device, place);
        device->slots[place].size = 0; /* what was in it is gone from here on */
        return r;
    }
    free(update->staged);
    update->staged_size = 0;
    update->staged = malloc(update->wanted_size == 0 ? 1 : update->wanted_size);
    return update->staged == NULL ? -ENOMEM : 0;
}

static int act_fetch(void *context, const struct suit_transfer *transfer)
{
    struct device *device = context;
    struct update *update = device->update;
    uint64_t size = transfer->size;

    if (update->calls < update->done)
        return update->results[update->calls++];
    if (update->done == FETCHES_MAX || (is_volatile(device) && update->done > 0))
        return SUIT_REFUSED_STRUCTURE; /* "Component already fetched before" */
    if (size != SUIT_SIZE_UNKNOWN && size > device->fleet->kind->slot_size)
        return SUIT_REFUSED_STORAGE;
    int r = begin_image(device, transfer->place, size);
    if (r != 0)
        return r;
    update->calls++;
    if (transfer->payload.size > 0) {
        update->results[update->done++] = 0;
        return image_sink(device, 0, transfer->payload, false) ? 0 : SUIT_REFUSED_FETCH;
    }
    if (text_copy_bytes(device->url, sizeof(device->url), transfer->uri) != 0)
        return SUIT_REFUSED_ROOM;
    update->asks_image = true;
    return -EINPROGRESS;
}

static int act_match(void *context, size_t place, const uint8_t digest[DIGEST_SIZE], uint64_t size)
{
    struct device *device = context;
    struct update *update = device->update;
    const struct proto_crypto *crypto = &device->fleet->crypto;
    struct slot *slot = &device->slots[place];
    bool staged = update->staged != NULL && update->place == place;
    struct bytes held = staged ? bytes_view(update->staged, update->staged_size) : bytes_view(slot->memory, slot->size);
    uint8_t found[DIGEST_SIZE];

    int r = crypto->sha256(crypto->context, held, found);
    if (r != 0)
        return r;
    bool matches = (size == SUIT_SIZE_UNKNOWN || held.size == size) && memcmp(found, digest, DIGEST_SIZE) == 0;
    if (!is_volatile(device))
        return matches ? 0 : SUIT_REFUSED_DIGEST;
    if (!matches) { /* "Erasing bad payload": the bytes, not the length */
        if (slot->memory != NULL)
            memset(slot->memory, 0, device->fleet->kind->slot_size);
        return SUIT_REFUSED_DIGEST;
    }
    if (update->manifest.sequence > device->sequence)
        device->sequence = update->manifest.sequence; /* stored as soon as the payload is right */
    return 0;
}

static void run_manifest(struct device *device)
{
    struct update *update = device->update;
    const struct fleet *fleet = device->fleet;
    struct suit_place places[KIND_SLOTS_MAX];
    struct suit_device identity = { .sequence = device->sequence, .places = places, .place_count = fleet->kind->slots };
    const struct suit_actions actions = { .context = device, .fetch = act_fetch, .image_match = act_match };

    name_places(fleet->kind, places);
    memcpy(identity.vendor_id, fleet->vendor_id, SUIT_ID_SIZE);
    memcpy(identity.class_id, fleet->class_id, SUIT_ID_SIZE);
    update->calls = 0;
    update->asks_image = false;
    int r = suit_manifest_run(&update->manifest, &identity, &actions, &update->where);
    if (r == -EINPROGRESS && update->asks_image) {
        device_event(device, EVENT_FETCH, "image %s", device->url);
        fetch_begin(device, &update->fetch, image_sink, image_done);
    } else {
        conclude(device, r);
    }
}

/* ---- the manifest ---- */

static bool manifest_sink(struct device *device, size_t offset, struct bytes block, bool more)
{
    struct update *update = device->update;

    if (offset + block.size > device->fleet->kind->manifest_max)
        return false;
    if (block.size > 0)
        memcpy(update->envelope + offset, block.data, block.size);
    if (!more)
        update->envelope_size = offset + block.size;
    return true;
}

static int verify(struct device *device)
{
    struct update *update = device->update;
    const struct fleet *fleet = device->fleet;
    struct public_key trust[DEVICE_TRUST_MAX];

    memcpy(trust, fleet->trust, sizeof(trust));
    for (size_t i = 0; fleet->faults.wrong_key && i < fleet->trust_count; i++)
        trust[i].raw[trust[i].size - 1] ^= 1; /* somebody else's */
    return suit_manifest_verify(bytes_view(update->envelope, update->envelope_size), fleet->kind->dialect, trust,
                                fleet->trust_count, &fleet->crypto, &update->manifest);
}

static void manifest_done(struct device *device, const char *why)
{
    struct update *update = device->update;
    const struct fault_plan *plan = &device->fleet->faults;

    if (why != NULL) {
        device_event(device, EVENT_FETCH_FAILED, "%s: %s", device->url, why);
        update_drop(device);
        next_trigger(device);
        return;
    }
    if (plan->reboot_at == FAULT_AT_MANIFEST && !device->fault_used) {
        device->fault_used = true;
        device_go_down(device, EVENT_REBOOT);
        return;
    }
    int r = verify(device);
    update->where = update->manifest.where;
    if (r != 0)
        conclude(device, r);
    else
        run_manifest(device);
}

void update_start(struct device *device)
{
    struct update *update = calloc(1, sizeof(*update) + device->fleet->kind->manifest_max);
    struct bytes path;

    if (update == NULL) {
        device_event(device, EVENT_FAULT, "no memory for an update");
        return;
    }
    device->update = update;
    text_copy(update->manifest_url, sizeof(update->manifest_url), device->url);
    url_parse(bytes_of_text(device->url), &update->origin, &path);
    device_event(device, EVENT_FETCH, "manifest %s", device->url);
    fetch_begin(device, &update->fetch, manifest_sink, manifest_done);
}

bool update_receive(struct device *device, int channel, const struct endpoint *from, const struct coap_message *message)
{
    return device->update != NULL && exchange_receive(device, &device->update->fetch.exchange, channel, from, message);
}

void update_tick(struct device *device)
{
    if (device->update != NULL)
        exchange_tick(device, &device->update->fetch.exchange);
}

int64_t update_due(const struct device *device)
{
    return device->update == NULL ? INT64_MAX : exchange_due(&device->update->fetch.exchange);
}
