/* staging.h - what an update of profile tinypart brings, kept aside until everything held: contents of slots, and the
 * dependencies' manifests. A run that is broken off for a fetch begins again from nothing but what was fetched. */
#ifndef TINYPART_VIRTUAL_STAGING_H
#define TINYPART_VIRTUAL_STAGING_H

#include "device_proto/virtual/device.h"

#define STAGING_FETCHES_MAX      8u /* of one update, those of dependencies included */
#define STAGING_DEPENDENCIES_MAX 4u

struct staged {
    bool touched; /* otherwise the slot's own content counts */
    uint8_t *bytes;
    size_t size;
};

struct fetched {
    uint8_t *bytes;
    size_t size;
    int result; /* 0, or a suit_refusal */
};

struct staging {
    struct fetched fetches[STAGING_FETCHES_MAX]; /* in the order that every run asks for them */
    size_t done;
    size_t calls; /* in this run */
    struct staged slots[KIND_SLOTS_MAX];
    struct {
        struct suit_component component; /* views into manifests that live as long as the update */
        struct bytes envelope;
    } dependencies[STAGING_DEPENDENCIES_MAX];
    size_t dependency_count;
};

/* A new run: everything but what was fetched is forgotten. */
void staging_rewind(struct staging *staging);
void staging_free(struct staging *staging); /* and zeroes it */

/* What a slot holds as far as this run has come. */
struct bytes staging_content(const struct device *device, const struct staging *staging, size_t slot);

/* Room for the next fetch: a suit_refusal, or -ENOMEM. */
int staging_reserve(struct staging *staging, size_t size);

/* Puts content where transfer says, decrypted on its way. What was there is gone; 0, a suit_refusal or a fault. */
int staging_put(struct device *device, struct staging *staging, const struct suit_transfer *transfer,
                struct bytes content);
int staging_swap(struct device *device, struct staging *staging, size_t slot, size_t other);
void staging_empty(struct staging *staging, size_t slot);
int staging_dependency(const struct staging *staging, const struct suit_component *component, struct bytes *out);

/* Slots and sequence number change together: state_save is the one durable step. */
int staging_commit(struct device *device, struct staging *staging, uint64_t sequence);

#endif
