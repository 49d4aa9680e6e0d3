/* asking.c - one question at a time for each device.
 * Deployed devices answer 2.01 to a second trigger and drop it, or queue it into a buffer that the first still uses:
 * so nothing reaches a device but through this table. Keys stand in arrays of their own, so that looking one up is a
 * walk over adjacent integers, short at any size that the bound allows. */
#include "daemon/core/asking.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/core/group.h"

struct busy {
    int64_t last_id;
    size_t count;
    int64_t devices[ASKING_MAX];
    int64_t ids[ASKING_MAX];
    struct {
        asking_done done;
        void *context;
    } askers[ASKING_MAX];
};

int asking_start(struct core *core)
{
    core->busy = calloc(1, sizeof(*core->busy));
    return core->busy != NULL ? 0 : -ENOMEM;
}

/* Takes one request out of the table and tells its asker. The gap is closed first: the asker may ask again. */
static void finish(struct core *core, size_t i, const struct transport_answer *answer)
{
    struct busy *busy = core->busy;
    asking_done done = busy->askers[i].done;
    void *context = busy->askers[i].context;
    size_t last = --busy->count;

    busy->devices[i] = busy->devices[last];
    busy->ids[i] = busy->ids[last];
    busy->askers[i] = busy->askers[last];
    done(core, context, answer);
}

void asking_stop(struct core *core)
{
    if (core->busy == NULL)
        return;
    while (core->busy->count > 0)
        finish(core, core->busy->count - 1, NULL);
    free(core->busy);
    core->busy = NULL;
}

static size_t find(const int64_t *keys, size_t count, int64_t wanted)
{
    size_t i = 0;

    while (i < count && keys[i] != wanted)
        i++;
    return i;
}

bool asking_is_busy(const struct core *core, int64_t device_id)
{
    return find(core->busy->devices, core->busy->count, device_id) < core->busy->count;
}

int asking_post(struct core *core, int64_t device_id, const char *address, const char *path, struct bytes payload,
                asking_done done, void *context)
{
    struct busy *busy = core->busy;
    size_t i = busy->count;

    if (core_group_waits(core))
        return -EPERM; /* it would leave before that is durable which it follows from (I1) */
    if (i == ASKING_MAX || asking_is_busy(core, device_id))
        return REFUSED_BUSY;
    struct transport_request request = {
        .id = busy->last_id + 1, .address = address, .path = path, .payload = payload
    };
    int r = core->transport->request(core->transport, &request);
    if (r != 0)
        return r;
    busy->last_id++;
    busy->devices[i] = device_id;
    busy->ids[i] = request.id;
    busy->askers[i].done = done;
    busy->askers[i].context = context;
    busy->count = i + 1;
    return 0;
}

void device_on_answer(struct core *core, const struct transport_answer *answer)
{
    size_t i = find(core->busy->ids, core->busy->count, answer->id);

    if (i < core->busy->count)
        finish(core, i, answer);
}
