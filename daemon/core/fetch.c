/* fetch.c - a device asks for bytes, and each block asked for says how far it is.
 * What matters is saved before the block leaves (I12): the first and the last one of manifest and image. In between a
 * step is saved only when its patience is half used up; how many bytes were served is remembered in a small table in
 * memory, which may forget. Only the newest try's paths are served: a device that is still busy with an older one is
 * turned away, which frees it for the newer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/core/ports/clock.h"
#include "daemon/core/step.h"
#include "daemon/core/transaction.h"
#include "device_proto/cose_encrypt.h"

#define REMEMBERED 1024u
#define LOOK_MS    60000 /* a step with more patience left than half of any give-up time is not even looked at */

struct fetches {
    struct {
        int64_t step_id;
        uint64_t bytes;
    } rows[REMEMBERED];
};

int fetch_start(struct core *core)
{
    core->fetches = calloc(1, sizeof(*core->fetches));
    return core->fetches != NULL ? 0 : -ENOMEM;
}

void fetch_stop(struct core *core)
{
    free(core->fetches);
    core->fetches = NULL;
}

static void remember(struct core *core, int64_t step_id, uint64_t bytes)
{
    size_t i = (size_t)step_id % REMEMBERED;
    bool same = core->fetches->rows[i].step_id == step_id;

    if (same && core->fetches->rows[i].bytes >= bytes)
        return;
    core->fetches->rows[i].step_id = step_id;
    core->fetches->rows[i].bytes = bytes;
}

void fetch_forget(struct core *core, int64_t step_id)
{
    size_t i = (size_t)step_id % REMEMBERED;

    if (core->fetches->rows[i].step_id == step_id)
        core->fetches->rows[i].bytes = 0;
}

uint64_t fetch_bytes(const struct core *core, const struct step *step)
{
    size_t i = (size_t)step->id % REMEMBERED;
    uint64_t bytes = core->fetches->rows[i].step_id == step->id ? core->fetches->rows[i].bytes : 0;

    return bytes > step->image_bytes ? bytes : step->image_bytes;
}

/* Whether this path is to be served in the step's present state. */
static int admit(struct core *core, const struct step *step, bool is_manifest, const char *path)
{
    struct step other;

    if (strcmp(path, is_manifest ? step->manifest_path : step->image_path) != 0)
        return REFUSED_UNKNOWN; /* an older try's */
    if (step->state != STEP_WAITING)
        return step_state_is_final(step->state) && step->state != STEP_INSTALLED && step->state != STEP_DELIVERED
                   ? REFUSED_UNKNOWN
                   : 0;
    /* Given up too soon. The step goes on from here, unless the device is in another one's hands by now. */
    int r = core->store->step_of_device(core->store, step->device_id, &other);
    return r == REFUSED_UNKNOWN ? 0 : r == 0 ? REFUSED_UNKNOWN : r;
}

/* Where this block leads: asking for the image says that the manifest was accepted. */
static enum step_state reached(bool is_manifest, bool is_last)
{
    if (is_manifest)
        return is_last ? STEP_MANIFEST_FETCHED : STEP_TRIGGERED;
    return is_last ? STEP_IMAGE_FETCHED : STEP_MANIFEST_FETCHED;
}

static int save(struct core *core, struct step_case *c, enum step_state to, uint64_t image_bytes)
{
    int64_t now_ms = clock_now_ms(core->clock);
    bool settles = to == STEP_IMAGE_FETCHED && c->profile.outcome != OUTCOME_REPORT;
    int64_t due_ms = settles ? now_ms + SETTLE_MS : step_patience(c, now_ms);
    int r = 0;

    if (to > c->step.state)
        r = step_move(core, &c->step, to, "", due_ms);
    if (r == 0)
        r = core->store->step_progress(core->store, c->step.id, image_bytes, due_ms);
    if (r == 0)
        r = core->store->device_seen(core->store, c->step.device_id, now_ms);
    return r > 0 ? -EPROTO : r;
}

static int progress(struct core *core, const struct fetch_target *target, uint64_t end)
{
    _cleanup_free_ struct step_case *c = NULL;
    const struct step *step = &target->step;
    enum step_state to = reached(target->is_manifest, end >= target->total);
    uint64_t image_bytes = target->is_manifest || end < step->image_bytes ? step->image_bytes : end;
    bool first = !target->is_manifest && step->image_bytes == 0;
    int64_t left_ms = step->due_ms - clock_now_ms(core->clock);

    if (step->state >= STEP_IMAGE_FETCHED)
        return 0; /* it asks again for what it has asked for: an answer was lost */
    if (to <= step->state && !first && left_ms >= LOOK_MS)
        return 0;
    c = malloc(sizeof(*c));
    if (c == NULL)
        return -ENOMEM;
    int r = step_case_load(core, step, c);
    if (r != 0)
        return r;
    if (to <= step->state && !first && left_ms >= c->profile.give_up_ms / 2)
        return 0;
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    return transaction_end(core, save(core, c, to, image_bytes));
}

static int encrypt_block(struct core *core, const struct content_key *key, uint64_t offset, struct bytes block,
                         uint8_t *out)
{
    return key->is_set
               ? cose_encrypt_part(key->secret, key->secret + AES_KEY_SIZE, (size_t)offset, core->crypto, block, out)
               : 0;
}

static int serve(struct core *core, const char *path, uint64_t offset, uint8_t *out, size_t capacity,
                 struct fetch_block *out_block)
{
    struct fetch_target target;
    size_t size;

    int r = core->store->fetch_by_path(core->store, path, clock_now_ms(core->clock), &target);
    if (r == 0)
        r = admit(core, &target.step, target.is_manifest, path);
    if (r != 0)
        return r;
    if (offset > 0 && offset >= target.total)
        return REFUSED_INVALID;
    r = core->store->blob_read(core->store, target.digest, offset, out, capacity, &size, &target.total);
    if (r != 0)
        return r > 0 ? -ENOENT : r; /* a path always has its blob */
    if (!target.is_manifest)
        r = encrypt_block(core, &target.step.content_key, offset, bytes_view(out, size), out);
    if (r != 0)
        return r;
    r = progress(core, &target, offset + size);
    if (r != 0)
        return r;
    if (!target.is_manifest)
        remember(core, target.step.id, offset + size);
    *out_block = (struct fetch_block){
        .offset = offset, .size = size, .total = target.total, .is_manifest = target.is_manifest
    };
    memcpy(out_block->digest, target.digest, DIGEST_SIZE);
    return 0;
}

int rollout_on_fetch(struct core *core, const char *path, uint64_t offset, uint8_t *out, size_t capacity,
                     struct fetch_block *out_block)
{
    int r = serve(core, path, offset, out, capacity, out_block);

    core->counters[COUNT_FETCH_REFUSED] += r > 0;
    return r;
}
