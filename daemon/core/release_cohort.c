/* release_cohort.c - who is asked.
 *
 * The cohort follows from labels, selector and grants. A device without one reading is in it and pays like the others:
 * otherwise the charge itself would tell who has data. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/ledger.h"
#include "daemon/core/profile.h"
#include "daemon/core/release_local.h"

#define CAPACITY_FIRST 256

/* Devices come in any order of kinds, and there are few kinds. */
struct walk {
    struct core *core;
    struct asked *asked;
    struct profile kind; /* of the last device */
};

static int cohort_grow(struct asked *asked)
{
    const int64_t capacity = asked->device_capacity == 0 ? CAPACITY_FIRST : asked->device_capacity * 2;
    int64_t *devices = realloc(asked->devices, (size_t)capacity * sizeof(*devices));

    if (devices == NULL)
        return -ENOMEM;
    asked->devices = devices;
    bool *noises = realloc(asked->noises, (size_t)capacity * sizeof(*noises));
    if (noises == NULL)
        return -ENOMEM;
    asked->noises = noises;
    asked->device_capacity = capacity;
    return 0;
}

/* A device that sent what its policy cannot have made is not believed: what it said before has no part in answers. */
static int noising_note(struct walk *walk, const struct device *device)
{
    struct asked *asked = walk->asked;

    if (strcmp(walk->kind.name, device->profile) != 0) {
        int r = walk->core->store->profile_by_name(walk->core->store, device->profile, &walk->kind);
        if (r != 0)
            return r > 0 ? -ENOENT : r;
    }
    const bool is_suspect = device->suspect_ms != 0;
    asked->noises[asked->device_count] = walk->kind.noises_on_board && !is_suspect;
    asked->noising_count += walk->kind.noises_on_board && !is_suspect;
    asked->suspect_count += walk->kind.noises_on_board && is_suspect;
    return 0;
}

static int cohort_add(void *context, const struct device *device)
{
    struct walk *walk = context;
    struct asked *asked = walk->asked;

    if (asked->device_count == COHORT_MAX)
        return REFUSED_TOO_LARGE;
    int r = asked->device_count == asked->device_capacity ? cohort_grow(asked) : 0;
    if (r == 0)
        r = noising_note(walk, device);
    if (r != 0)
        return r;
    asked->devices[asked->device_count++] = device->id;
    return 0;
}

#define MEMBER_SIZE 12

/* The digest names the set: what the store keeps once, however many releases ask the same devices. */
static int cohort_digest(struct core *core, struct cohort *cohort)
{
    uint8_t *image = malloc(cohort->member_count * MEMBER_SIZE);

    if (image == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < cohort->member_count; i++) {
        uint8_t *at = image + i * MEMBER_SIZE;
        for (unsigned j = 0; j < 4; j++)
            at[j] = (uint8_t)(cohort->members[i].chunk >> (24 - 8 * j));
        for (unsigned j = 0; j < 8; j++)
            at[4 + j] = (uint8_t)(cohort->members[i].devices >> (56 - 8 * j));
    }
    int r = core->crypto->sha256(core->crypto->context, bytes_view(image, cohort->member_count * MEMBER_SIZE),
                                 cohort->digest);
    free(image);
    return r;
}

int cohort_make(struct core *core, struct asked *asked)
{
    struct cohort *cohort = &asked->cohort;

    cohort->members = calloc((size_t)asked->device_count, sizeof(*cohort->members));
    if (cohort->members == NULL)
        return -ENOMEM;
    asked->charged_count = 0;
    for (int64_t i = 0; i < asked->device_count; i++) {
        if (asked_is_local(asked) || (query_is_shared(asked->query) && !asked->shared[i].is_fresh))
            continue;
        asked->charged_count++;
        struct cohort_member one;
        cohort_of_one(asked->devices[i], &one);
        struct cohort_member *last = cohort->member_count > 0 ? &cohort->members[cohort->member_count - 1] : NULL;
        if (i > 0 && asked->devices[i] <= asked->devices[i - 1])
            return -EPROTO; /* the store gives devices by their ids */
        if (last != NULL && last->chunk == one.chunk)
            last->devices |= one.devices;
        else
            cohort->members[cohort->member_count++] = one;
    }
    cohort->device_count = asked->charged_count;
    return asked->charged_count == 0 ? 0 : cohort_digest(core, cohort);
}

void asked_deinit(struct asked *asked)
{
    free(asked->devices);
    free(asked->noises);
    free(asked->cohort.members);
    free(asked->document);
    free(asked->running);
    local_close(asked);
    asked->devices = NULL;
    asked->noises = NULL;
    asked->running = NULL;
    asked->cohort = (struct cohort){ 0 };
}

int64_t asked_epochs(const struct asked *asked)
{
    return asked->last_epoch - asked->first_epoch + 1;
}

int asked_cohort(struct core *core, struct asked *asked, struct why *why)
{
    struct cohort_query query = {
        .tenant_id = asked->tenant.id,
        .selector = asked->selector,
        .sensor = asked->policy.sensor,
        .slot = -1,
    };
    struct walk walk = { .core = core, .asked = asked };
    int64_t units;

    int r = device_cohort(core, &query, cohort_add, &walk, why);
    if (r < 0 || (r > 0 && r != REFUSED_TOO_LARGE))
        return r;
    if (r == REFUSED_TOO_LARGE || __builtin_mul_overflow(asked->device_count, asked_epochs(asked), &units) ||
        units > COHORT_MAX)
        return refuse(why, REFUSED_TOO_LARGE, "selector", "ask for fewer devices or a shorter window",
                      "a release touches at most %d devices times epochs", COHORT_MAX);
    if (asked->device_count == 0)
        return refuse(why, REFUSED_UNKNOWN, "selector", "see tinypartctl grant list and device list",
                      "no device with these labels is granted to tenant %s for sensor %s", asked->tenant.name,
                      asked->policy.sensor);
    r = local_open(core, asked, why);
    return r != 0 || query_is_shared(asked->query) ? r : cohort_make(core, asked); /* else by shared_find() */
}
