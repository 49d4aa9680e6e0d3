/* take_up.c - what a start finds under way.
 * A step that is saved as triggering may have died with the trigger still unsent: it leaves (again) at once, with the
 * same paths and the same sequence number. To the device that is one more retransmission of a request that it has to
 * expect twice anyway; waiting for its silence to be judged instead would cost its whole give-up time. Steps further on
 * need nothing: their devices come for what is left. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/core/asking.h"
#include "daemon/core/claim.h"
#include "daemon/core/manifest.h"
#include "daemon/core/ports/store.h"
#include "daemon/core/ports/transport.h"

struct found {
    size_t count;
    size_t capacity;
    int64_t *steps; /* ids */
};

static int keep_triggering(void *context, const struct step *step)
{
    struct found *found = context;

    if (step->state == STEP_TRIGGERING && found->count < found->capacity)
        found->steps[found->count++] = step->id;
    return 0;
}

/* What cannot be sent now is left to be judged as silence. */
static int trigger_again(struct core *core, int64_t step_id)
{
    _cleanup_free_ struct step_case *c = malloc(sizeof(*c));
    uint8_t trigger[TRIGGER_SIZE];
    char base[ADDRESS_SIZE];
    struct step step;
    struct why why;
    size_t size;

    if (c == NULL)
        return -ENOMEM;
    int r = core->store->step_by_id(core->store, step_id, &step);
    if (r == 0)
        r = step_case_load(core, &step, c);
    if (r != 0)
        return r < 0 ? r : 0;
    if (claim_base(core, c->device.address, base) != 0 ||
        manifest_trigger(&c->profile, base, c->step.manifest_path, trigger, &size, &why) != 0)
        return 0;
    r = asking_post(core, c->device.id, c->device.address, c->profile.trigger_path, bytes_view(trigger, size),
                    claim_on_trigger, (void *)(intptr_t)step_id);
    return r < 0 ? r : 0;
}

int rollout_take_up(struct core *core)
{
    struct found found = { .capacity = core->settings.rollout_concurrency };
    _cleanup_free_ int64_t *steps = calloc(found.capacity, sizeof(*steps));

    if (steps == NULL)
        return -ENOMEM;
    found.steps = steps;
    int r = core->store->steps_overdue(core->store, INT64_MAX, (unsigned)found.capacity, keep_triggering, &found);
    for (size_t i = 0; r == 0 && i < found.count; i++)
        r = trigger_again(core, found.steps[i]);
    return r;
}
