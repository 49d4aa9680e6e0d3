/* step.c - the state machine of steps as a table, and the two ways on from a try: the end, or another try.
 * A device says little and some devices nothing, so most moves follow from what it fetched, and the rest from how long
 * it has been silent. Whatever comes late or twice finds no move in the table and changes nothing. */
#include "daemon/core/step.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/core/audit.h"
#include "daemon/core/ports/clock.h"
#include "daemon/core/ports/store.h"
#include "daemon/core/texts.h"

#define BACKOFF_FIRST_MS 10000
#define BACKOFF_MOST_MS  300000
#define WAIT_MS          30000

#define TO(state) (1u << (state))
#define FINAL     (TO(STEP_INSTALLED) | TO(STEP_REFUSED) | TO(STEP_FAILED) | TO(STEP_UNREACHABLE) | TO(STEP_ABORTED))
#define FETCHING  (TO(STEP_TRIGGERED) | TO(STEP_MANIFEST_FETCHED) | TO(STEP_IMAGE_FETCHED))

/* A waiting step may find its device fetching after all: the answer to its last try was lost or too late. */
static const unsigned moves[STEP_STATES] = {
    [STEP_WAITING] = TO(STEP_WAITING) | TO(STEP_TRIGGERING) | FETCHING | FINAL,
    [STEP_TRIGGERING] = TO(STEP_WAITING) | FETCHING | FINAL,
    [STEP_TRIGGERED] = TO(STEP_WAITING) | TO(STEP_MANIFEST_FETCHED) | TO(STEP_IMAGE_FETCHED) | FINAL,
    [STEP_MANIFEST_FETCHED] = TO(STEP_WAITING) | TO(STEP_IMAGE_FETCHED) | FINAL,
    [STEP_IMAGE_FETCHED] = TO(STEP_WAITING) | TO(STEP_PROBING) | TO(STEP_INSTALLED) | TO(STEP_DELIVERED) |
                           TO(STEP_REFUSED) | TO(STEP_FAILED) | TO(STEP_ABORTED),
    [STEP_PROBING] = TO(STEP_INSTALLED) | TO(STEP_REFUSED) | TO(STEP_FAILED),
};

static const char *const names[STEP_STATES] = {
    [STEP_WAITING] = "waiting",
    [STEP_TRIGGERING] = "triggering",
    [STEP_TRIGGERED] = "triggered",
    [STEP_MANIFEST_FETCHED] = "manifest_fetched",
    [STEP_IMAGE_FETCHED] = "image_fetched",
    [STEP_PROBING] = "probing",
    [STEP_INSTALLED] = "installed",
    [STEP_DELIVERED] = "delivered",
    [STEP_REFUSED] = "refused",
    [STEP_FAILED] = "failed",
    [STEP_UNREACHABLE] = "unreachable",
    [STEP_ABORTED] = "aborted",
};

const char *step_state_name(enum step_state state)
{
    return state >= STEP_WAITING && state < STEP_STATES ? names[state] : "";
}

bool step_state_is_final(enum step_state state)
{
    return state >= STEP_WAITING && state < STEP_STATES && moves[state] == 0;
}

bool step_may_move(enum step_state from, enum step_state to)
{
    return from >= STEP_WAITING && from < STEP_STATES && to >= STEP_WAITING && to < STEP_STATES &&
           (moves[from] & TO(to)) != 0;
}

int step_case_load(struct core *core, const struct step *step, struct step_case *out)
{
    out->step = *step;
    int r = core->store->rollout_terms(core->store, step->rollout_id, &out->rollout);
    if (r == 0)
        r = core->store->device_by_id(core->store, step->device_id, &out->device);
    if (r == 0)
        r = core->store->profile_by_name(core->store, out->device.profile, &out->profile);
    return r > 0 ? -ENOENT : r; /* none of them goes while a step needs it */
}

int step_move(struct core *core, struct step *step, enum step_state to, const char *reason, int64_t due_ms)
{
    const struct step_move move = {
        .step_id = step->id,
        .from = step->state,
        .to = to,
        .reason = reason,
        .due_ms = due_ms,
        .now_ms = clock_now_ms(core->clock),
    };

    if (!step_may_move(step->state, to))
        return -EPROTO;
    int r = core->store->step_move(core->store, &move);
    if (r != 0)
        return r > 0 ? -EPROTO : r;
    step->state = to;
    step->due_ms = due_ms;
    step->updated_ms = move.now_ms;
    if (reason != NULL)
        snprintf(step->reason, sizeof(step->reason), "%s", reason);
    return 0;
}

static int slot_fill(struct core *core, const struct step_case *c)
{
    int64_t now_ms = clock_now_ms(core->clock);
    struct image image;

    int r = core->store->image_by_id(core->store, c->rollout.image_id, &image);
    if (r != 0)
        return r > 0 ? -ENOENT : r;
    /* Devices that never post are asked for their readings; the first time right away. */
    bool polled = image.sensor[0] != '\0' && c->profile.exec_path[0] != '\0' && !c->profile.telemetry;
    r = core->store->slot_installed(core->store, c->step.device_id, c->rollout.slot, c->rollout.image_id,
                                    polled ? now_ms : 0, now_ms);
    /* The slot may have changed hands meanwhile; what stands there is then its new holder's affair. */
    return r > 0 ? 0 : r;
}

static int audit_step(struct core *core, const struct step *step)
{
    struct detail detail = DETAIL;
    char subject[96], action[48];

    snprintf(subject, sizeof(subject), "step:%lld", (long long)step->id);
    snprintf(action, sizeof(action), "step.%s", step_state_name(step->state));
    detail_number(&detail, "rollout", step->rollout_id);
    detail_text(&detail, "device", step->device);
    detail_number(&detail, "sequence", (int64_t)step->sequence);
    detail_text(&detail, "reason", step->reason);
    return audit_append(core, NULL, action, subject, step->tenant_id, detail_end(&detail));
}

static int rollout_finish(struct core *core, const struct rollout *rollout)
{
    char subject[96];
    bool unfinished;

    if (!rollout_may_move(rollout->state, ROLLOUT_DONE))
        return 0; /* aborted ones stay so */
    int r = core->store->rollout_is_unfinished(core->store, rollout->id, &unfinished);
    if (r != 0 || unfinished)
        return r;
    r = core->store->rollout_move(core->store, rollout->id, rollout->state, ROLLOUT_DONE, clock_now_ms(core->clock));
    if (r != 0)
        return r > 0 ? -EPROTO : r;
    snprintf(subject, sizeof(subject), "rollout:%lld", (long long)rollout->id);
    return audit_append(core, NULL, "rollout.done", subject, rollout->tenant_id, "{}");
}

int step_finish(struct core *core, struct step_case *c, enum step_state final, const char *reason)
{
    int r = step_move(core, &c->step, final, reason, 0);
    if (r == 0 && (final == STEP_INSTALLED || final == STEP_DELIVERED))
        r = slot_fill(core, c);
    if (r == 0)
        r = audit_step(core, &c->step);
    if (r == 0)
        r = rollout_finish(core, &c->rollout);
    return r;
}

static int64_t backoff_ms(unsigned attempts)
{
    int64_t wait_ms = BACKOFF_FIRST_MS;

    for (unsigned i = 1; i < attempts && wait_ms < BACKOFF_MOST_MS; i++)
        wait_ms *= 2;
    return wait_ms < BACKOFF_MOST_MS ? wait_ms : BACKOFF_MOST_MS;
}

/* "no answer to the trigger in 4 tries over 3 min 5 s" */
static int finish_tried(struct core *core, struct step_case *c, enum step_state final, const char *what,
                        const char *because)
{
    int64_t began_ms = c->step.deadline_ms - c->rollout.deadline_ms;
    char over[DURATION_SIZE], reason[REASON_SIZE];

    duration_words(clock_now_ms(core->clock) - began_ms, over);
    snprintf(reason, sizeof(reason), "%s%s in %u %s over %s%s", what, final == STEP_UNREACHABLE ? "" : ",",
             c->step.attempts, c->step.attempts == 1 ? "try" : "tries", over, because);
    return step_finish(core, c, final, reason);
}

int step_retry(struct core *core, struct step_case *c, enum step_state final, const char *what)
{
    int64_t due_ms = clock_now_ms(core->clock) + backoff_ms(c->step.attempts);
    char reason[REASON_SIZE];

    if (c->rollout.state == ROLLOUT_ABORTED) {
        snprintf(reason, sizeof(reason), "by order, after a try that came to nothing: %s", what);
        return step_finish(core, c, STEP_ABORTED, reason);
    }
    if (c->step.attempts >= c->rollout.attempts_max)
        return finish_tried(core, c, final, what, "");
    if (due_ms >= c->step.deadline_ms)
        return finish_tried(core, c, final, what, "; the next one would pass the deadline");
    snprintf(reason, sizeof(reason), "%s; try %u of %u follows", what, c->step.attempts + 1, c->rollout.attempts_max);
    return step_move(core, &c->step, STEP_WAITING, reason, due_ms);
}

int step_wait(struct core *core, struct step_case *c, enum step_state final, const char *what)
{
    int64_t now_ms = clock_now_ms(core->clock);
    /* Before the first try there is no deadline yet: what counts is then how long the order is old. */
    int64_t deadline_ms = c->step.deadline_ms != 0 ? c->step.deadline_ms : c->step.created_ms + c->rollout.deadline_ms;

    if (now_ms >= deadline_ms)
        return step_finish(core, c, final, what);
    return step_move(core, &c->step, STEP_WAITING, what,
                     now_ms + WAIT_MS < deadline_ms ? now_ms + WAIT_MS : deadline_ms);
}

int64_t step_patience(const struct step_case *c, int64_t now_ms)
{
    int64_t due_ms = now_ms + c->profile.give_up_ms;
    int64_t deadline_ms = c->step.deadline_ms;

    return deadline_ms > now_ms && deadline_ms < due_ms ? deadline_ms : due_ms;
}
