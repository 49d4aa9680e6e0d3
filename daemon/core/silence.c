/* silence.c - what it means that a device does nothing for as long as its kind may take.
 * Deployed devices report nothing: that the image was asked for says that signature, sequence number, vendor and class
 * passed; that it was not, says that one of them did not, or that the device died. Whether the bytes were whole shows
 * only when the container answers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/cleanup.h"
#include "daemon/core/asking.h"
#include "daemon/core/image.h"
#include "daemon/core/ports/clock.h"
#include "daemon/core/ports/transport.h"
#include "daemon/core/step.h"
#include "daemon/core/texts.h"
#include "daemon/core/transaction.h"
#include "device_proto/container.h"

#define JUDGE_BATCH      64u
#define LOOK_AGAIN_MS    5000   /* while a request to the device is under way */
#define PROBE_WINDOW_MS  120000 /* a container that did not answer well by then will not */
#define PROBE_GUARD_MS   100000 /* longest time of one request with all its retransmissions */
#define PROBE_PAUSE_MS   5000
#define PROBE_PAUSE_MOST 60000

struct overdue {
    size_t count;
    struct step steps[JUDGE_BATCH];
    bool probe[JUDGE_BATCH]; /* ask after the commit */
};

static int keep_overdue(void *context, const struct step *step)
{
    struct overdue *overdue = context;

    if (overdue->count < JUDGE_BATCH)
        overdue->steps[overdue->count++] = *step;
    return 0;
}

static int look_again(struct core *core, const struct step *step, int64_t due_ms)
{
    int r = core->store->step_progress(core->store, step->id, step->image_bytes, due_ms);
    return r > 0 ? -EPROTO : r;
}

static int judge_image(struct core *core, struct step_case *c)
{
    char silence[DURATION_SIZE], reason[REASON_SIZE];
    uint64_t bytes = fetch_bytes(core, &c->step);
    struct image image;

    duration_words(c->profile.give_up_ms, silence);
    if (bytes > 0) {
        int r = core->store->image_by_id(core->store, c->rollout.image_id, &image);
        if (r != 0)
            return r > 0 ? -ENOENT : r;
        snprintf(reason, sizeof(reason), "the image transfer broke off at byte %llu of %llu", (unsigned long long)bytes,
                 (unsigned long long)image.size);
        return step_retry(core, c, STEP_FAILED, reason);
    }
    if (c->profile.outcome == OUTCOME_REPORT) {
        snprintf(reason, sizeof(reason),
                 "the device fetched the manifest, and in %s neither asked for the image nor reported", silence);
        return step_retry(core, c, STEP_FAILED, reason);
    }
    snprintf(reason, sizeof(reason),
             "the device fetched the manifest and then nothing for %s: signature, sequence number or class not "
             "accepted",
             silence);
    return step_finish(core, c, STEP_REFUSED, reason);
}

static int judge_fetched(struct core *core, struct step_case *c, int64_t now_ms, bool *out_probe)
{
    char silence[DURATION_SIZE], reason[REASON_SIZE];

    if (c->profile.outcome == OUTCOME_REPORT) {
        duration_words(c->profile.give_up_ms, silence);
        snprintf(reason, sizeof(reason), "the device fetched everything and then never reported, for %s", silence);
        return step_finish(core, c, STEP_FAILED, reason);
    }
    if (c->profile.outcome == OUTCOME_EXEC && c->profile.exec_path[0] != '\0') {
        *out_probe = true;
        return step_move(core, &c->step, STEP_PROBING, "", now_ms + PROBE_GUARD_MS);
    }
    snprintf(reason, sizeof(reason), "every byte was fetched; %s devices cannot say whether they accepted the digest",
             c->profile.name);
    return step_finish(core, c, STEP_DELIVERED, reason);
}

static int judge(struct core *core, struct step_case *c, int64_t now_ms, bool *out_probe)
{
    struct step *step = &c->step;
    bool busy = asking_is_busy(core, step->device_id);
    bool cut_short = step->due_ms == step->deadline_ms && step->state <= STEP_MANIFEST_FETCHED;

    if (cut_short)
        return step_finish(core, c, STEP_FAILED,
                           step->state == STEP_MANIFEST_FETCHED
                               ? "its deadline passed while the image was fetched"
                               : "its deadline passed before the manifest was fetched");
    switch (step->state) {
    case STEP_TRIGGERING:
        /* Not under way any more: the daemon was stopped before the answer came. */
        return busy ? look_again(core, step, now_ms + LOOK_AGAIN_MS)
                    : step_retry(core, c, STEP_UNREACHABLE, "no answer to the trigger, and no fetch");
    case STEP_TRIGGERED:
        return step_retry(core, c, STEP_FAILED, "the device took the trigger and did not fetch the whole manifest");
    case STEP_MANIFEST_FETCHED:
        return judge_image(core, c);
    case STEP_IMAGE_FETCHED:
        return judge_fetched(core, c, now_ms, out_probe);
    case STEP_PROBING:
        *out_probe = !busy;
        return look_again(core, step, now_ms + (busy ? LOOK_AGAIN_MS : PROBE_GUARD_MS));
    case STEP_WAITING:
    case STEP_INSTALLED:
    case STEP_DELIVERED:
    case STEP_REFUSED:
    case STEP_FAILED:
    case STEP_UNREACHABLE:
    case STEP_ABORTED:
    case STEP_STATES:
        break;
    }
    return -EPROTO;
}

/* The answer's text is a raw reading of the owner's device, so a step's reason, which its tenant reads, never quotes
 * it. Nor does it tell an answer that looks like a fault ("-0.01") from another: a container could choose between the
 * two by what its sensor says, and so send a bit past every budget. */
static int probe_judge(struct core *core, struct step_case *c, const struct transport_answer *answer)
{
    bool answered = answer->kind == ANSWER_RESPONSE;
    int64_t now_ms = clock_now_ms(core->clock);
    int64_t asked_ms = now_ms - c->step.updated_ms; /* since the first probe: only moves touch updated_ms */
    char reason[REASON_SIZE], window[DURATION_SIZE];
    int32_t value;

    if (answered && answer->code / 100 == 2 && container_result_parse(answer->payload, &value) == 0) {
        snprintf(reason, sizeof(reason), "every byte was fetched, and slot %u answers", c->rollout.slot);
        return step_finish(core, c, STEP_INSTALLED, reason);
    }
    if (asked_ms < PROBE_WINDOW_MS) {
        int64_t pause_ms = asked_ms < PROBE_PAUSE_MS     ? PROBE_PAUSE_MS
                           : asked_ms < PROBE_PAUSE_MOST ? asked_ms
                                                         : PROBE_PAUSE_MOST;
        return look_again(core, &c->step, now_ms + pause_ms);
    }
    duration_words(asked_ms, window);
    if (!answered)
        snprintf(reason, sizeof(reason),
                 "every byte was fetched, and the container in slot %u did not answer in %s: wrong digest, or the "
                 "device is gone",
                 c->rollout.slot, window);
    else if (answer->code / 100 == 2)
        snprintf(reason, sizeof(reason), "every byte was fetched, and the answer of slot %u is no number",
                 c->rollout.slot);
    else
        snprintf(reason, sizeof(reason), "every byte was fetched, and the device answers %u.%02u for slot %u",
                 answer->code / 100, answer->code % 100, c->rollout.slot);
    return step_finish(core, c, STEP_FAILED, reason);
}

static int on_probe_saved(struct core *core, int64_t step_id, const struct transport_answer *answer)
{
    _cleanup_free_ struct step_case *c = malloc(sizeof(*c));
    struct step step;

    if (c == NULL)
        return -ENOMEM;
    int r = core->store->step_by_id(core->store, step_id, &step);
    if (r != 0 || step.state != STEP_PROBING)
        return r;
    r = step_case_load(core, &step, c);
    return r != 0 ? r : probe_judge(core, c, answer);
}

/* A fault leaves the step probing: it is asked again when it is due. */
static void on_probe(struct core *core, void *context, const struct transport_answer *answer)
{
    if (answer == NULL)
        return;
    int r = core->store->begin(core->store);
    if (r == 0)
        r = transaction_end(core, on_probe_saved(core, (int64_t)(intptr_t)context, answer));
    core_note_fault(core, r);
}

/* A probe that cannot be sent counts as one that was not answered: the next one is due already. */
static int ask(struct core *core, const struct step *step)
{
    _cleanup_free_ struct step_case *c = malloc(sizeof(*c));
    const struct transport_answer nothing = { .kind = ANSWER_NONE };
    char path[64];

    if (c == NULL)
        return -ENOMEM;
    int r = step_case_load(core, step, c);
    if (r == 0)
        r = profile_slot_text(c->profile.exec_path, c->rollout.slot, path, sizeof(path));
    if (r != 0)
        return r;
    r = asking_post(core, step->device_id, c->device.address, path, bytes_view(NULL, 0), on_probe,
                    (void *)(intptr_t)step->id);
    if (r != 0)
        on_probe(core, (void *)(intptr_t)step->id, &nothing);
    return 0;
}

static int judge_all(struct core *core, struct overdue *overdue, int64_t now_ms)
{
    _cleanup_free_ struct step_case *c = malloc(sizeof(*c));
    int r = 0;

    if (c == NULL)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < overdue->count; i++) {
        r = step_case_load(core, &overdue->steps[i], c);
        if (r == 0)
            r = judge(core, c, now_ms, &overdue->probe[i]);
    }
    return r;
}

int silence_judge(struct core *core, int64_t now_ms, bool *out_more)
{
    _cleanup_free_ struct overdue *overdue = calloc(1, sizeof(*overdue));

    if (overdue == NULL)
        return -ENOMEM;
    int r = core->store->steps_overdue(core->store, now_ms, JUDGE_BATCH, keep_overdue, overdue);
    *out_more = overdue->count == JUDGE_BATCH;
    if (r != 0 || overdue->count == 0)
        return r;
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    r = transaction_end(core, judge_all(core, overdue, now_ms));
    for (size_t i = 0; r == 0 && i < overdue->count; i++)
        if (overdue->probe[i])
            r = ask(core, &overdue->steps[i]);
    return r;
}
