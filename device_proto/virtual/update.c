/* update.c - the update worker.
 * device_proto/suit.h runs a manifest in one go, but fetching takes time. So a run that needs a payload is broken off
 * (-EINPROGRESS), the payload fetched, and the manifest run again from its start with that fetch's result at hand. The
 * RIOT kinds write a payload straight into its slot, whatever it turns out to be; profile tinypart keeps it aside
 * (staging.c) and swaps slots and sequence number in one step when everything held. */
#include "device_proto/virtual/update.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/base/text.h"
#include "device_proto/virtual/access.h"
#include "device_proto/virtual/fetch.h"
#include "device_proto/virtual/identity.h"
#include "device_proto/virtual/report.h"
#include "device_proto/virtual/staging.h"

/* What wait waits for is looked at again this often, and given up after that many days. */
enum { WAIT_LOOK_MS = 60000, WAIT_DAYS_MAX = 8 };
#define DAY_MS (int64_t)86400000

struct update {
    struct fetch fetch;
    bool asks_image;        /* false: the manifest is being fetched */
    struct endpoint origin; /* where the manifest came from: reports go there */
    char manifest_url[SUIT_URI_SIZE_MAX + 1];
    struct suit_manifest manifest;
    struct suit_where where;
    struct staging staging; /* the RIOT kinds use only its counts: their one fetch goes to place */
    size_t place;           /* of the payload that is or was fetched */
    size_t wanted_size;     /* at most; exactly, when the manifest says so */
    bool exact;
    uint32_t blocks;
    int64_t waits_since_ms, look_ms; /* directive wait; 0 and INT64_MAX: nothing to wait for */
    struct suit_record records[SUIT_REPORT_ENTRIES_MAX];
    size_t record_count;
    size_t envelope_size;
    uint8_t envelope[];
};

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
    staging_free(&update->staging);
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

/* The worker is free again: RIOT's queue gives it the next trigger, with whatever the shared buffer holds by now. */
static void next_trigger(struct device *device)
{
    if (device->queued == 0)
        return;
    device->queued--;
    update_start(device);
}

/* A token names one image, so it covers whatever is new in a slot, or nothing is installed. */
static int check_access(struct device *device)
{
    struct update *update = device->update;
    struct bytes envelope = bytes_view(update->envelope, update->envelope_size);
    int r = 0;

    for (size_t i = 0; r == 0 && i < device->fleet->kind->slots; i++) {
        const struct staged *staged = &update->staging.slots[i];
        if (staged->touched && staged->size > 0)
            r = access_check(device, envelope, bytes_view(staged->bytes, staged->size), &update->where);
    }
    return r;
}

static void conclude(struct device *device, int result)
{
    struct update *update = device->update;

    if (result == 0 && !is_volatile(device))
        result = check_access(device);
    if (result == 0 && !is_volatile(device))
        result = staging_commit(device, &update->staging, update->manifest.sequence);
    tell_outcome(device, result);
    if (kind_has(device->fleet->kind, KIND_TINYPART))
        report_make(device, &(struct report_order){ .to = update->origin,
                                                    .reference = bytes_of_text(update->manifest_url),
                                                    .manifest = &update->manifest,
                                                    .envelope = bytes_view(update->envelope, update->envelope_size),
                                                    .result = result,
                                                    .records = update->records,
                                                    .record_count = update->record_count,
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
    struct fetched *fetched = &update->staging.fetches[update->staging.done];
    uint8_t *memory = is_volatile(device) ? device->slots[update->place].memory : fetched->bytes;
    size_t *size = is_volatile(device) ? &device->slots[update->place].size : &fetched->size;
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
    update->staging.fetches[update->staging.done++].result = why == NULL ? 0 : SUIT_REFUSED_FETCH;
    run_manifest(device);
}

/* Readies the place that the next payload goes to. */
static int begin_image(struct device *device, const struct suit_transfer *transfer)
{
    const struct kind *kind = device->fleet->kind;
    struct update *update = device->update;
    size_t most = transfer->is_dependency ? kind->manifest_max : kind->slot_size;

    if (transfer->size != SUIT_SIZE_UNKNOWN && transfer->size > most)
        return SUIT_REFUSED_STORAGE;
    if (transfer->place != SUIT_NO_PLACE)
        update->place = transfer->place;
    update->exact = transfer->size != SUIT_SIZE_UNKNOWN && transfer->decryption == NULL;
    update->wanted_size = transfer->size != SUIT_SIZE_UNKNOWN ? (size_t)transfer->size : most;
    if (transfer->decryption != NULL)
        update->wanted_size += COSE_TAG_SIZE;
    update->blocks = 0;
    if (is_volatile(device)) {
        int r = place_memory(device, transfer->place);
        device->slots[transfer->place].size = 0; /* what was in it is gone from here on */
        return r;
    }
    return staging_reserve(&update->staging, update->wanted_size);
}

/* ---- what a manifest asks for ---- */

static int put(struct device *device, const struct suit_transfer *transfer, struct bytes content)
{
    if (transfer->place != SUIT_NO_PLACE)
        device->update->place = transfer->place;
    return staging_put(device, &device->update->staging, transfer, content);
}

static int act_fetch(void *context, const struct suit_transfer *transfer)
{
    struct device *device = context;
    struct update *update = device->update;
    struct staging *staging = &update->staging;
    struct fetched *fetched = &staging->fetches[staging->calls];

    if (transfer->payload.data != NULL && !is_volatile(device))
        return put(device, transfer, transfer->payload);
    if (staging->calls < staging->done) {
        staging->calls++;
        if (fetched->result != 0 || is_volatile(device))
            return fetched->result;
        return put(device, transfer, bytes_view(fetched->bytes, fetched->size));
    }
    if (is_volatile(device) && staging->done > 0)
        return SUIT_REFUSED_STRUCTURE; /* "Component already fetched before" */
    if (text_copy_bytes(device->url, sizeof(device->url), transfer->uri) != 0)
        return SUIT_REFUSED_ROOM;
    int r = begin_image(device, transfer);
    if (r != 0)
        return r;
    update->asks_image = true;
    return -EINPROGRESS;
}

static int act_write(void *context, const struct suit_transfer *transfer)
{
    return put(context, transfer, transfer->payload);
}

static int act_copy(void *context, const struct suit_transfer *transfer)
{
    struct device *device = context;
    struct staging *staging = &device->update->staging;

    return put(device, transfer, staging_content(device, staging, transfer->source));
}

static int act_swap(void *context, const struct suit_transfer *transfer)
{
    struct device *device = context;

    return staging_swap(device, &device->update->staging, transfer->place, transfer->source);
}

static int act_unlink(void *context, const struct suit_transfer *transfer)
{
    struct device *device = context;

    if (transfer->place != SUIT_NO_PLACE) /* dependencies are not kept beyond an update */
        staging_empty(&device->update->staging, transfer->place);
    return 0;
}

static int act_dependency(void *context, const struct suit_transfer *transfer, struct bytes *out)
{
    struct device *device = context;

    return staging_dependency(&device->update->staging, transfer->component, out);
}

static int act_match(void *context, size_t place, const uint8_t digest[DIGEST_SIZE], uint64_t size)
{
    struct device *device = context;
    struct update *update = device->update;
    const struct proto_crypto *crypto = &device->fleet->crypto;
    struct slot *slot = &device->slots[place];
    struct bytes held = staging_content(device, &update->staging, place);
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

static int act_content(void *context, size_t place, struct bytes content)
{
    struct device *device = context;
    struct bytes held = staging_content(device, &device->update->staging, place);
    unsigned differs = held.size != content.size;

    for (size_t i = 0; i < held.size && i < content.size; i++)
        differs |= (unsigned)(held.data[i] ^ content.data[i]);
    return differs == 0 ? 0 : SUIT_REFUSED_CONDITION;
}

/* Devices of this program are on mains, online, and nobody has to consent: only time can be waited for. Local time is
 * UTC. */
static int act_wait(void *context, const struct suit_wait *wait)
{
    struct device *device = context;
    struct update *update = device->update;
    uint64_t now_s = (uint64_t)(device_unix_ms(device) / 1000), day = now_s / 86400;
    bool here = true;

    if ((wait->events & 1u << 4) != 0) /* another device's version */
        return SUIT_REFUSED_UNSUPPORTED;
    here = here && ((wait->events & 1u << 5) == 0 || now_s >= wait->time);
    here = here && ((wait->events & 1u << 6) == 0 || now_s % 86400 >= wait->time_of_day);
    here = here && ((wait->events & 1u << 8) == 0 || now_s % 86400 >= wait->time_of_day_utc);
    here = here && ((wait->events & 1u << 7) == 0 || (day + 4) % 7 == wait->day_of_week);
    here = here && ((wait->events & 1u << 9) == 0 || (day + 4) % 7 == wait->day_of_week_utc);
    if (here)
        return 0;
    if (update->waits_since_ms == 0)
        update->waits_since_ms = device->now_ms;
    if (device->now_ms - update->waits_since_ms > WAIT_DAYS_MAX * DAY_MS)
        return SUIT_REFUSED_CONDITION;
    update->look_ms = device->now_ms + WAIT_LOOK_MS;
    return -EAGAIN;
}

static void act_record(void *context, const struct suit_event *event)
{
    struct device *device = context;
    struct update *update = device->update;

    if (update->record_count < SUIT_REPORT_ENTRIES_MAX)
        update->records[update->record_count++] = report_record(&event->where);
}

static int consent(void *context, int64_t priority)
{
    (void)context;
    (void)priority;
    return 0;
}

/* trust has room for all keys that the device trusts. */
static size_t trusted(const struct fleet *fleet, struct public_key trust[DEVICE_TRUST_MAX])
{
    memcpy(trust, fleet->trust, sizeof(fleet->trust));
    for (size_t i = 0; fleet->faults.wrong_key && i < fleet->trust_count; i++)
        trust[i].raw[trust[i].size - 1] ^= 1; /* somebody else's */
    return fleet->trust_count;
}

static struct suit_actions actions_of(struct device *device)
{
    struct suit_actions actions = { .context = device, .fetch = act_fetch, .image_match = act_match };

    if (is_volatile(device))
        return actions;
    actions.write = act_write;
    actions.copy = act_copy;
    actions.swap = act_swap;
    actions.unlink = act_unlink;
    actions.check_content = act_content;
    actions.wait = act_wait;
    actions.dependency = act_dependency;
    actions.record = act_record;
    return actions;
}

static void run_manifest(struct device *device)
{
    struct update *update = device->update;
    const struct fleet *fleet = device->fleet;
    struct suit_place places[KIND_SLOTS_MAX];
    struct public_key trust[DEVICE_TRUST_MAX];
    const struct cose_trust whom = { .keys = trust, .key_count = trusted(fleet, trust) };
    const struct cose_device_key key = { .agreement = &fleet->agreement };
    const struct cose_acceptance acceptance = identity_acceptance();
    const struct suit_actions actions = actions_of(device);
    struct suit_device identity = { .sequence = device->sequence, .places = places, .place_count = fleet->kind->slots };

    identity_places(fleet->kind, places);
    memcpy(identity.vendor_id, fleet->vendor_id, SUIT_ID_SIZE);
    memcpy(identity.class_id, fleet->class_id, SUIT_ID_SIZE);
    identity.unix_time_s = (uint64_t)(device_unix_ms(device) / 1000);
    identity.has_battery = true; /* mains */
    identity.battery_percent = 100;
    identity.update_authorised = consent;
    identity.crypto = &fleet->crypto;
    identity.trust = &whom;
    identity.acceptance = &acceptance;
    identity.decryption_keys = &key;
    identity.decryption_key_count = fleet->agreement.agree != NULL ? 1 : 0;
    staging_rewind(&update->staging);
    update->record_count = 0;
    update->asks_image = false;
    update->look_ms = INT64_MAX;
    int r = suit_manifest_run(&update->manifest, &identity, &actions, &update->where);
    if (r == -EINPROGRESS && update->asks_image) {
        device_event(device, EVENT_FETCH, "image %s", device->url);
        fetch_begin(device, &update->fetch, image_sink, image_done);
    } else if (r != -EAGAIN || update->look_ms == INT64_MAX) {
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
    size_t count = trusted(fleet, trust);

    return suit_manifest_verify(bytes_view(update->envelope, update->envelope_size), fleet->kind->dialect, trust, count,
                                &fleet->crypto, &update->manifest);
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
    update->look_ms = INT64_MAX;
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
    if (device->update != NULL && device->update->look_ms <= device->now_ms)
        run_manifest(device);
    else if (device->update != NULL)
        exchange_tick(device, &device->update->fetch.exchange);
}

int64_t update_due(const struct device *device)
{
    int64_t due;

    if (device->update == NULL)
        return INT64_MAX;
    due = exchange_due(&device->update->fetch.exchange);
    return due < device->update->look_ms ? due : device->update->look_ms;
}
