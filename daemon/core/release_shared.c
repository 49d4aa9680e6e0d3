/* release_shared.c - one noised value of one device, sensor and window, for every tenant that asks for it.
 *
 * Were noise drawn for each tenant anew, a device would pay for each, and tenants that compare notes would average the
 * noise away. So the value is drawn once and kept in the transaction that charged its device; whoever asks the same
 * gets the same number. It says nothing new, so the device's filter is charged once, and only each tenant's own budget,
 * which is a quota on answers, each time. That a value is there already tells that somebody asked, never a reading.
 *
 * The same is: device, sensor, window, policy version, quantity, mechanism and amount of noise; not the selector, and
 * not the tenant. Hence the window must be given and lie in one epoch, and a tenant's own containers' readings have no
 * part in it: they are no other's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/core/release_internal.h"

bool query_is_shared(enum query query)
{
    return query == QUERY_DEVICE_COUNT || query == QUERY_DEVICE_SUM;
}

static struct shared_value value_of(const struct asked *asked, size_t place)
{
    return (struct shared_value){
        .device_id = asked->devices[place],
        .sensor = asked->policy.sensor,
        .query = query_name(asked->query),
        .mechanism = mechanism_name(asked->mechanism),
        .policy_version = asked->policy.version,
        .scale_num = (int64_t)asked->parts[0].scale.num,
        .scale_den = (int64_t)asked->parts[0].scale.den,
        .from_ms = asked->from_ms,
        .to_ms = asked->to_ms,
    };
}

static int device_find(struct core *core, struct asked *asked, size_t place)
{
    struct shared_value value = value_of(asked, place);
    struct shared_device *shared = &asked->shared[place];
    struct device device;

    int r = core->store->device_by_id(core->store, asked->devices[place], &device);
    if (r != 0)
        return r > 0 ? -ENOENT : r;
    snprintf(shared->name, sizeof(shared->name), "%s", device.name);
    r = core->store->shared_get(core->store, &value);
    shared->is_fresh = r == REFUSED_UNKNOWN;
    asked->cells[place] = r == 0 ? value.value : 0;
    return r == REFUSED_UNKNOWN ? 0 : r;
}

int shared_find(struct core *core, struct asked *asked, struct why *why)
{
    int r = 0;

    if (asked->device_count > SHARED_MAX)
        return refuse(why, REFUSED_TOO_LARGE, "selector", "ask for fewer devices",
                      "an answer has the values of at most %d devices", SHARED_MAX);
    if (asked->first_epoch != asked->last_epoch)
        return refuse(why, REFUSED_INVALID, "from", "ask for a window within one epoch",
                      "a value that tenants share is of one epoch");
    for (size_t i = 0; r == 0 && i < (size_t)asked->device_count; i++)
        r = device_find(core, asked, i);
    return r == 0 ? cohort_make(core, asked) : r;
}

int shared_add(struct core *core, struct asked *asked, struct aggregate_query *query)
{
    struct aggregate part;

    query->tenant_id = 0;
    query->epoch = asked->first_epoch;
    for (size_t i = 0; i < asked->cell_count; i++) {
        if (!asked->shared[i].is_fresh)
            continue;
        query->device_id = asked->devices[i];
        int r = core->store->reading_aggregate(core->store, query, &part);
        if (r != 0)
            return r;
        asked->cells[i] = asked->query == QUERY_DEVICE_SUM ? part.sum : part.count;
    }
    return 0;
}

int shared_keep(struct core *core, const struct asked *asked, int64_t release_id)
{
    for (size_t i = 0; i < asked->cell_count; i++) {
        struct shared_value value = value_of(asked, i);
        value.value = asked->cells[i];
        value.release_id = release_id;
        int r = asked->shared[i].is_fresh ? core->store->shared_insert(core->store, &value) : 0;
        if (r != 0)
            return r > 0 ? -EPROTO : r;
    }
    return 0;
}
