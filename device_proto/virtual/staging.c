#include "device_proto/virtual/staging.h"

#include <errno.h>
#include <stdlib.h>

#include "device_proto/virtual/state.h"

void staging_rewind(struct staging *staging)
{
    for (size_t i = 0; i < KIND_SLOTS_MAX; i++) {
        free(staging->slots[i].bytes);
        staging->slots[i] = (struct staged){ 0 };
    }
    staging->dependency_count = 0;
    staging->calls = 0;
}

void staging_free(struct staging *staging)
{
    staging_rewind(staging);
    for (size_t i = 0; i < STAGING_FETCHES_MAX; i++)
        free(staging->fetches[i].bytes);
    *staging = (struct staging){ 0 };
}

struct bytes staging_content(const struct device *device, const struct staging *staging, size_t slot)
{
    const struct staged *staged = &staging->slots[slot];

    return staged->touched ? bytes_view(staged->bytes, staged->size)
                           : bytes_view(device->slots[slot].memory, device->slots[slot].size);
}

int staging_reserve(struct staging *staging, size_t size)
{
    if (staging->done == STAGING_FETCHES_MAX)
        return SUIT_REFUSED_ROOM;
    free(staging->fetches[staging->done].bytes);
    staging->fetches[staging->done] = (struct fetched){ .bytes = malloc(size == 0 ? 1 : size) };
    return staging->fetches[staging->done].bytes == NULL ? -ENOMEM : 0;
}

static int keep_dependency(struct staging *staging, const struct suit_component *component, struct bytes envelope)
{
    if (staging->dependency_count == STAGING_DEPENDENCIES_MAX)
        return SUIT_REFUSED_ROOM;
    staging->dependencies[staging->dependency_count].component = *component;
    staging->dependencies[staging->dependency_count++].envelope = envelope;
    return 0;
}

/* The latest one of that name. */
int staging_dependency(const struct staging *staging, const struct suit_component *component, struct bytes *out)
{
    for (size_t i = staging->dependency_count; i-- > 0;) {
        if (suit_component_equal(&staging->dependencies[i].component, component)) {
            *out = staging->dependencies[i].envelope;
            return 0;
        }
    }
    return SUIT_REFUSED_FETCH;
}

static int decrypt(struct device *device, const struct cose_stream *ready, struct bytes content, struct staged *out)
{
    const struct proto_crypto *crypto = &device->fleet->crypto;
    struct cose_stream stream = *ready;
    int r;

    r = cose_decrypt_update(&stream, crypto, content, out->bytes, &out->size);
    if (r == 0)
        r = cose_decrypt_finish(&stream);
    cose_stream_wipe(&stream);
    return r > 0 ? SUIT_REFUSED_DECRYPTION : r;
}

int staging_put(struct device *device, struct staging *staging, const struct suit_transfer *transfer,
                struct bytes content)
{
    struct staged staged = { .touched = true, .size = content.size };
    int r = 0;

    if (transfer->place == SUIT_NO_PLACE)
        return keep_dependency(staging, transfer->component, content);
    staged.bytes = malloc(content.size == 0 ? 1 : content.size);
    if (staged.bytes == NULL)
        return -ENOMEM;
    if (transfer->decryption != NULL)
        r = decrypt(device, transfer->decryption, content, &staged);
    else if (content.size > 0)
        memcpy(staged.bytes, content.data, content.size);
    if (r == 0 && staged.size > device->fleet->kind->slot_size)
        r = SUIT_REFUSED_STORAGE;
    if (r != 0) {
        free(staged.bytes);
        return r;
    }
    free(staging->slots[transfer->place].bytes);
    staging->slots[transfer->place] = staged;
    return 0;
}

/* So that a slot's present content can go elsewhere. */
static int touch(struct device *device, struct staging *staging, size_t slot)
{
    struct suit_transfer here = { .place = slot };

    return staging->slots[slot].touched ? 0
                                        : staging_put(device, staging, &here, staging_content(device, staging, slot));
}

int staging_swap(struct device *device, struct staging *staging, size_t slot, size_t other)
{
    struct staged held;
    int r = touch(device, staging, slot);

    r = r != 0 ? r : touch(device, staging, other);
    if (r != 0)
        return r;
    held = staging->slots[slot];
    staging->slots[slot] = staging->slots[other];
    staging->slots[other] = held;
    return 0;
}

void staging_empty(struct staging *staging, size_t slot)
{
    free(staging->slots[slot].bytes);
    staging->slots[slot] = (struct staged){ .touched = true };
}

/* ---- the end ---- */

static int install(struct device *device, const struct staged *staged, size_t i)
{
    struct slot *slot = &device->slots[i];

    *slot = (struct slot){ .memory = staged->bytes, .size = staged->size, .installed = staged->size > 0 };
    if (!slot->installed)
        return 0;
    int r =
        device->fleet->crypto.sha256(device->fleet->crypto.context, bytes_view(slot->memory, slot->size), slot->digest);
    return r != 0 ? r : state_write_slot(device, i);
}

int staging_commit(struct device *device, struct staging *staging, uint64_t sequence)
{
    uint64_t sequence_before = device->sequence;
    struct slot before[KIND_SLOTS_MAX];
    int r = 0;

    memcpy(before, device->slots, sizeof(before));
    for (size_t i = 0; r == 0 && i < device->fleet->kind->slots; i++) {
        if (staging->slots[i].touched)
            r = install(device, &staging->slots[i], i);
    }
    device->sequence = sequence;
    if (r == 0)
        r = state_save(device);
    if (r != 0) {
        memcpy(device->slots, before, sizeof(before));
        device->sequence = sequence_before;
        return r;
    }
    for (size_t i = 0; i < device->fleet->kind->slots; i++) {
        if (!staging->slots[i].touched)
            continue;
        state_forget_slot(device, i, &before[i]);
        free(before[i].memory);
        free(before[i].local);
        staging->slots[i] = (struct staged){ 0 }; /* the slot owns it now */
    }
    return 0;
}
