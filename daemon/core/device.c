/* device.c - the microcontrollers of the registry. */
#include "daemon/core/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "daemon/core/access.h"
#include "daemon/core/audit.h"
#include "daemon/core/grant.h"
#include "daemon/core/profile.h"
#include "daemon/core/ports/clock.h"
#include "daemon/core/signing_key.h"
#include "daemon/core/texts.h"
#include "daemon/core/transaction.h"

static int unknown_device(const char *name, struct why *why)
{
    return refuse(why, REFUSED_UNKNOWN, "device", "tinypartctl device list shows those that you may see",
                  "there is no device %.64s", name);
}

static int find(struct core *core, const char *name, struct device *out, struct why *why)
{
    int r = core->store->device_by_name(core->store, name, out);
    return r == REFUSED_UNKNOWN ? unknown_device(name, why) : r;
}

static int take_address(const char *address, struct device *device, struct why *why)
{
    if (!address_is_valid(address))
        return refuse(why, REFUSED_INVALID, "address", "example: coap://[fd00:1::2]:5683",
                      "this is no address of a device");
    return text_copy(device->address, sizeof(device->address), address);
}

bool device_encryption_key(const struct device *device, struct public_key *out)
{
    if (device->encryption_key[0] == 0)
        return false;
    *out = (struct public_key){ .type = KEY_P256, .size = P256_RAW_SIZE };
    memcpy(out->raw, device->encryption_key, P256_RAW_SIZE);
    return true;
}

/* Agreed with once, to know that it is a point of the curve. */
static int take_encryption_key(struct core *core, const struct public_key *key, struct device *device, struct why *why)
{
    uint8_t ephemeral[P256_RAW_SIZE], secret[SECRET_SIZE];
    int r = key->type == KEY_P256 ? core->crypto->ecdh_ephemeral(core->crypto->context, key, ephemeral, secret) : 1;

    if (r > 0)
        return refuse(why, REFUSED_INVALID, "encryption_key", "make one with tinypartctl keygen --type p256",
                      "images are encrypted to P-256 keys, and this is none");
    if (r == 0)
        memcpy(device->encryption_key, key->raw, P256_RAW_SIZE);
    return r;
}

/* What create and claim share: profile, address, class, labels and keys out of the order. */
static int device_fill(struct core *core, const struct device_order *order, struct device *device, struct why *why)
{
    struct profile profile;

    if (order->profile == NULL)
        return refuse(why, REFUSED_INVALID, "profile", "tinypartctl profile list shows the profiles",
                      "a device needs a profile");
    int r = profile_find(core, order->profile, &profile, why);
    if (r != 0)
        return r;
    text_copy(device->profile, sizeof(device->profile), profile.name);
    if (order->address != NULL && order->address[0] != '\0') {
        r = take_address(order->address, device, why);
        if (r != 0)
            return r;
    }
    if (order->class_name != NULL && text_copy(device->class_name, sizeof(device->class_name), order->class_name) != 0)
        return refuse(why, REFUSED_INVALID, "class", NULL, "a class has at most %d characters", NAME_SIZE - 1);
    r = labels_parse(order->labels != NULL ? order->labels : "", device->labels, LABELS_MAX, &device->label_count, why);
    if (r != 0)
        return r;
    for (size_t i = 0; i < device->label_count; i++)
        if (device->labels[i].value[0] == '\0')
            return refuse(why, REFUSED_INVALID, "labels", "name=value", "the label %s has no value",
                          device->labels[i].key);
    if (order->report_key != NULL) {
        r = signing_key_check(core, order->report_key, "report_key", why);
        if (r != 0)
            return r;
        device->report_key = *order->report_key;
    }
    device->state = DEVICE_CLAIMED;
    return order->encryption_key == NULL ? 0 : take_encryption_key(core, order->encryption_key, device, why);
}

static int audit_device(struct core *core, const struct caller *caller, const char *action, const struct device *device)
{
    struct detail detail = DETAIL;
    char subject[96];

    snprintf(subject, sizeof(subject), "device:%s", device->name);
    detail_text(&detail, "profile", device->profile);
    detail_text(&detail, "address", device->address);
    for (size_t i = 0; i < device->label_count; i++)
        detail_text(&detail, device->labels[i].key, device->labels[i].value);
    return audit_append(core, caller, action, subject, 0, detail_end(&detail));
}

static int device_insert_new(struct core *core, const struct caller *caller, struct device *device, struct why *why)
{
    int64_t claimed, unclaimed;

    int r = core->store->device_count(core->store, DEVICE_CLAIMED, &claimed);
    if (r == 0)
        r = core->store->device_count(core->store, DEVICE_UNCLAIMED, &unclaimed);
    if (r != 0)
        return r;
    if (claimed + unclaimed >= DEVICES_MAX)
        return refuse(why, REFUSED_EXHAUSTED, "device", NULL, "there are %d devices, which is the most", DEVICES_MAX);
    r = core->store->device_insert(core->store, device);
    if (r == REFUSED_EXISTS)
        return refuse(why, REFUSED_EXISTS, "name", "claim it if it registered itself: tinypartctl device claim",
                      "there is a device %s already", device->name);
    return r != 0 ? r : audit_device(core, caller, "device.create", device);
}

int device_create(struct core *core, const struct caller *caller, const struct device_order *order, struct device *out,
                  struct why *why)
{
    struct device device = { .created_ms = clock_now_ms(core->clock), .life_cap = core->settings.life_cap };

    int r = access_check(caller, CAN_MANAGE_DEVICES, why);
    if (r != 0)
        return r;
    if (order->name == NULL || !name_is_valid(order->name))
        return refuse(why, REFUSED_INVALID, "name", "use 1 to 63 of a-z 0-9 . - _, beginning with a letter or digit",
                      "this is no name for a device");
    text_copy(device.name, sizeof(device.name), order->name);
    r = device_fill(core, order, &device, why);
    if (r != 0)
        return r;
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = transaction_end(core, device_insert_new(core, caller, &device, why));
    if (r == 0)
        *out = device;
    return r;
}

int device_claim(struct core *core, const struct caller *caller, const struct device_order *order, struct device *out,
                 struct why *why)
{
    struct device device;

    int r = access_check(caller, CAN_MANAGE_DEVICES, why);
    if (r != 0)
        return r;
    r = find(core, order->name != NULL ? order->name : "", &device, why);
    if (r != 0)
        return r;
    if (device.state != DEVICE_UNCLAIMED)
        return refuse(why, REFUSED_CONFLICT, "device", "change its labels with tinypartctl device label",
                      "device %s is claimed already", device.name);
    r = device_fill(core, order, &device, why);
    if (r != 0)
        return r;
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = core->store->device_update(core->store, &device);
    if (r == 0)
        r = audit_device(core, caller, "device.claim", &device);
    r = transaction_end(core, r);
    if (r == 0)
        *out = device;
    return r;
}

/* What a tenant may know of a device: not how to reach it, and nothing that tells of other tenants, or of when its
 * readings came in: that would be data past every budget. */
static void narrow(struct device *device)
{
    device->seen_ms = 0;
    device->suspect_ms = 0;
    device->suspect_reason[0] = '\0';
    device->address[0] = '\0';
    device->sequence = 0;
    device->telemetry_sequence = 0;
    device->life_spent = (struct loss){ 0 };
    device->life_cap = (struct loss_caps){ 0 };
    device->report_key = (struct public_key){ 0 };
    memset(device->encryption_key, 0, sizeof(device->encryption_key));
}

static const struct grant_need just_any = { .slot = -1 };

/* A tenant's caller: REFUSED_UNKNOWN for a device that no grant of its own covers, as for one that does not exist. */
static int visible(struct core *core, const struct caller *caller, struct device *device, struct why *why)
{
    _cleanup_(grant_set_freep) struct grant_set *set = NULL;

    if (access_scope(caller) == 0)
        return 0;
    int r = grant_set_load(core, access_scope(caller), &set);
    if (r != 0)
        return r;
    r = grant_set_covers(set, device, &just_any, NULL);
    if (r > 0)
        return unknown_device(device->name, why);
    if (r == 0)
        narrow(device);
    return r;
}

int device_get(struct core *core, const struct caller *caller, const char *name, struct device *out, struct why *why)
{
    struct device device;

    int r = access_check(caller, CAN_SEE_DEVICES, why);
    if (r != 0)
        return r;
    r = find(core, name, &device, why);
    if (r != 0)
        return r;
    r = visible(core, caller, &device, why);
    if (r == 0)
        *out = device;
    return r;
}

#define SCAN_BATCH 64u

struct batch {
    size_t count;
    struct device devices[SCAN_BATCH];
};

static int keep_device(void *context, const struct device *device)
{
    struct batch *batch = context;

    if (batch->count == SCAN_BATCH)
        return -E2BIG;
    batch->devices[batch->count++] = *device;
    return 0;
}

int device_scan(struct core *core, enum device_state state, int64_t after,
                int (*each)(void *context, const struct device *device), void *context)
{
    _cleanup_free_ struct batch *batch = malloc(sizeof(*batch));
    struct page page = { after, SCAN_BATCH };

    if (batch == NULL)
        return -ENOMEM;
    do {
        batch->count = 0;
        int r = core->store->device_each(core->store, state, page, keep_device, batch);
        for (size_t i = 0; r == 0 && i < batch->count; i++)
            r = each(context, &batch->devices[i]);
        if (r != 0)
            return r;
        if (batch->count > 0)
            page.after = batch->devices[batch->count - 1].id;
    } while (batch->count == SCAN_BATCH);
    return 0;
}

enum { ENOUGH = 1 }; /* ends a scan; no refusal leaves a scan of our own */

struct listing {
    const struct grant_set *set; /* NULL: no narrowing by grants */
    struct selector selector;
    struct grant_need need;
    bool narrowed;
    unsigned left;
    int (*each)(void *context, const struct device *device);
    void *context;
    int result;
};

static int list_one(void *context, const struct device *device)
{
    struct listing *listing = context;

    if (!selector_matches(&listing->selector, device->labels, device->label_count))
        return 0;
    if (listing->set != NULL && grant_set_covers(listing->set, device, &listing->need, NULL) != 0)
        return 0;
    struct device shown = *device;
    if (listing->narrowed)
        narrow(&shown);
    listing->result = listing->each(listing->context, &shown);
    if (listing->result != 0)
        return ENOUGH;
    return --listing->left > 0 ? 0 : ENOUGH;
}

static int list_run(struct core *core, struct listing *listing, enum device_state state, int64_t after)
{
    int r = device_scan(core, state, after, list_one, listing);
    return r < 0 ? r : listing->result;
}

int device_list(struct core *core, const struct caller *caller, const char *selector, enum device_state state,
                struct page page, int (*each)(void *context, const struct device *device), void *context,
                struct why *why)
{
    _cleanup_(grant_set_freep) struct grant_set *set = NULL;
    struct listing listing = { .need = just_any, .left = page.limit, .each = each, .context = context };

    int r = access_check(caller, CAN_SEE_DEVICES, why);
    if (r != 0)
        return r;
    r = selector_parse(selector != NULL ? selector : "", &listing.selector, why);
    if (r != 0 || page.limit == 0)
        return r;
    if (access_scope(caller) != 0) {
        r = grant_set_load(core, access_scope(caller), &set);
        if (r != 0)
            return r;
        listing.set = set;
        listing.narrowed = true;
    }
    return list_run(core, &listing, state, page.after);
}

int device_cohort(struct core *core, const struct cohort_query *query,
                  int (*each)(void *context, const struct device *device), void *context, struct why *why)
{
    _cleanup_(grant_set_freep) struct grant_set *set = NULL;
    struct listing listing = {
        .need = { .slot = query->slot, .sensor = query->sensor }, .left = COHORT_MAX, .each = each, .context = context
    };

    int r = selector_parse(query->selector != NULL ? query->selector : "", &listing.selector, why);
    if (r != 0)
        return r;
    r = grant_set_load(core, query->tenant_id, &set);
    if (r != 0)
        return r;
    listing.set = set;
    return list_run(core, &listing, DEVICE_CLAIMED, 0);
}

struct slot_listing {
    int64_t tenant_id; /* 0: all */
    int (*each)(void *context, const struct slot *slot);
    void *context;
};

static int show_slot(void *context, const struct slot *slot)
{
    const struct slot_listing *listing = context;
    struct slot shown = *slot;

    if (listing->tenant_id == 0)
        return listing->each(listing->context, slot);
    shown.poll_due_ms = 0; /* how long its device was busy would show in it */
    return slot->tenant_id == listing->tenant_id ? listing->each(listing->context, &shown) : 0;
}

int device_slots(struct core *core, const struct caller *caller, const char *name,
                 int (*each)(void *context, const struct slot *slot), void *context, struct why *why)
{
    struct slot_listing listing = { access_scope(caller), each, context };
    struct device device;

    int r = device_get(core, caller, name, &device, why);
    return r != 0 ? r : core->store->slot_each(core->store, device.id, show_slot, &listing);
}

static int label_change(struct device *device, const struct label *change, struct why *why)
{
    size_t i = 0;

    while (i < device->label_count && strcmp(device->labels[i].key, change->key) != 0)
        i++;
    if (change->value[0] == '\0') {
        if (i < device->label_count)
            device->labels[i] = device->labels[--device->label_count];
        return 0;
    }
    if (i == LABELS_MAX)
        return refuse(why, REFUSED_INVALID, "labels", NULL, "a device has at most %d labels", LABELS_MAX);
    device->label_count += i == device->label_count;
    device->labels[i] = *change;
    return 0;
}

static int save_change(struct core *core, const struct caller *caller, const char *action, const struct device *device)
{
    int r = core->store->begin(core->store);

    if (r != 0)
        return r;
    r = core->store->device_update(core->store, device);
    if (r == 0)
        r = audit_device(core, caller, action, device);
    return transaction_end(core, r);
}

int device_label(struct core *core, const struct caller *caller, const char *name, const char *labels,
                 struct device *out, struct why *why)
{
    struct label changes[LABELS_MAX];
    struct device device;
    size_t count;

    int r = access_check(caller, CAN_MANAGE_DEVICES, why);
    if (r != 0)
        return r;
    r = labels_parse(labels, changes, LABELS_MAX, &count, why);
    if (r != 0)
        return r;
    r = find(core, name, &device, why);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = label_change(&device, &changes[i], why);
    if (r == 0)
        r = save_change(core, caller, "device.label", &device);
    if (r == 0)
        *out = device;
    return r;
}

int device_move(struct core *core, const struct caller *caller, const char *name, const char *address,
                struct device *out, struct why *why)
{
    struct device device;

    int r = access_check(caller, CAN_MANAGE_DEVICES, why);
    if (r == 0)
        r = find(core, name, &device, why);
    if (r == 0)
        r = take_address(address, &device, why);
    if (r == 0)
        r = save_change(core, caller, "device.move", &device);
    if (r == 0)
        *out = device;
    return r;
}

static int trust_again(struct core *core, const struct caller *caller, const struct device *device, const char *reason)
{
    struct detail detail = DETAIL;
    char subject[96];

    int r = core->store->device_trust(core->store, device->id);
    if (r != 0)
        return r;
    snprintf(subject, sizeof(subject), "device:%s", device->name);
    detail_text(&detail, "was_suspect_of", device->suspect_reason);
    detail_text(&detail, "reason", reason);
    return audit_append(core, caller, "device.trust", subject, 0, detail_end(&detail));
}

int device_trust(struct core *core, const struct caller *caller, const char *name, const char *reason,
                 struct device *out, struct why *why)
{
    struct device device;

    int r = access_check(caller, CAN_SET_POLICY, why);
    if (r == 0)
        r = find(core, name, &device, why);
    if (r != 0)
        return r;
    if (device.suspect_ms == 0)
        return refuse(why, REFUSED_CONFLICT, "device", NULL, "device %s is not suspect", device.name);
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = transaction_end(core, trust_again(core, caller, &device, reason));
    if (r != 0)
        return r;
    device.suspect_ms = 0;
    device.suspect_reason[0] = '\0';
    *out = device;
    return 0;
}

int device_delete(struct core *core, const struct caller *caller, const char *name, struct why *why)
{
    struct device device;

    int r = access_check(caller, CAN_MANAGE_DEVICES, why);
    if (r != 0)
        return r;
    r = find(core, name, &device, why);
    if (r != 0)
        return r;
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = core->store->device_delete(core->store, device.id);
    if (r == REFUSED_CONFLICT)
        refuse(why, REFUSED_CONFLICT, "device", "wait for its rollout's end or abort the rollout",
               "a step is under way on device %s", device.name);
    if (r == 0)
        r = audit_device(core, caller, "device.delete", &device);
    return transaction_end(core, r);
}
