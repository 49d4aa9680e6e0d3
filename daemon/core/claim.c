/* claim.c - tries: which steps begin one now, and what the trigger's answer means.
 * All tries of one tick are saved in one transaction, and only then do their triggers leave (I1): one sync of the disk
 * serves them all, and a crash in between leaves steps that wait for their silence to be judged, never a device that
 * was triggered without a record. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"
#include "daemon/core/asking.h"
#include "daemon/core/audit.h"
#include "daemon/core/claim.h"
#include "daemon/core/grant.h"
#include "daemon/core/list.h"
#include "daemon/core/manifest.h"
#include "daemon/core/ports/clock.h"
#include "daemon/core/ports/transport.h"
#include "daemon/core/texts.h"
#include "daemon/core/transaction.h"

#define CLAIM_BATCH   32u
#define LOOK_AGAIN_MS 500 /* when due steps had to be left: their devices, or all places, are taken */

struct claim {
    struct step_case c;
    bool tried; /* saved as triggering: its trigger leaves after the commit */
    struct manifest manifest;
};

struct claims {
    struct core *core;
    size_t count;
    struct claim claims[CLAIM_BATCH];
};

static int keep_due(void *context, const struct step *step)
{
    struct claims *claims = context;

    if (claims->count < CLAIM_BATCH && !asking_is_busy(claims->core, step->device_id))
        claims->claims[claims->count++].c.step = *step;
    return 0;
}

/* What was true when the order was given may have changed since: a grant ends, a slot changes hands. */
static int still_allowed(struct core *core, const struct step_case *c, const struct image *image, struct why *why)
{
    uint32_t helpers[LIST_NUMBERS_MAX];
    struct slot slot;
    size_t count;

    int r = list_numbers(image->helpers, helpers, &count);
    if (r == 0)
        r = grant_covers(core, c->step.tenant_id, &c->device, (int)c->rollout.slot, image->sensor, helpers, count, why);
    if (r != 0)
        return r;
    r = core->store->slot_get(core->store, c->step.device_id, c->rollout.slot, &slot);
    if (r == REFUSED_UNKNOWN || (r == 0 && slot.tenant_id != c->step.tenant_id))
        return refuse(why, REFUSED_CONFLICT, "slot", NULL, "slot %u of device %s went to another tenant meanwhile",
                      c->rollout.slot, c->device.name);
    return r;
}

int claim_base(struct core *core, const char *address, char out[ADDRESS_SIZE])
{
    if (core->settings.advertise[0] != '\0')
        return text_copy(out, ADDRESS_SIZE, core->settings.advertise);
    return core->transport->own_base(core->transport, address, out);
}

static int save_try(struct core *core, struct claim *claim, const struct image *image)
{
    const struct manifest *manifest = &claim->manifest;
    struct step_case *c = &claim->c;
    int64_t now_ms = clock_now_ms(core->clock);
    struct detail detail = DETAIL;
    char subject[96];

    if (c->step.deadline_ms == 0)
        c->step.deadline_ms = now_ms + c->rollout.deadline_ms;
    const struct step_try attempt = { .step_id = c->step.id,
                                      .sequence = manifest->sequence,
                                      .manifest_path = manifest->manifest_path,
                                      .image_path = manifest->image_path,
                                      .manifest_digest = manifest->digest,
                                      .image_digest = image->digest,
                                      .content_key = manifest->content_key,
                                      .paths_expire_ms = now_ms + core->settings.path_lifetime_ms,
                                      .deadline_ms = c->step.deadline_ms,
                                      .due_ms = step_patience(c, now_ms),
                                      .now_ms = now_ms };
    int r = core->store->blob_put(core->store, manifest->digest, bytes_view(manifest->envelope, manifest->size));
    if (r == 0)
        r = core->store->step_try(core->store, &attempt);
    if (r != 0)
        return r > 0 ? -EPROTO : r;
    fetch_forget(core, c->step.id);
    claim->tried = true;
    snprintf(subject, sizeof(subject), "step:%lld", (long long)c->step.id);
    detail_text(&detail, "device", c->device.name);
    detail_number(&detail, "sequence", (int64_t)manifest->sequence);
    detail_hex(&detail, "image", bytes_view(image->digest, DIGEST_SIZE));
    detail_hex(&detail, "manifest", bytes_view(manifest->digest, DIGEST_SIZE));
    return audit_append(core, NULL, "manifest.sign", subject, c->step.tenant_id, detail_end(&detail));
}

static int prepare(struct core *core, struct claim *claim)
{
    struct step_case *c = &claim->c;
    const struct step step = c->step;
    char base[ADDRESS_SIZE];
    struct image image;
    struct why why;

    int r = step_case_load(core, &step, c);
    if (r == 0)
        r = core->store->image_by_id(core->store, c->rollout.image_id, &image);
    if (r != 0)
        return r > 0 ? -ENOENT : r;
    int64_t now_ms = clock_now_ms(core->clock);
    if (c->step.deadline_ms != 0 && now_ms >= c->step.deadline_ms)
        return step_finish(core, c, STEP_FAILED, "its deadline passed before the next try could begin");
    r = still_allowed(core, c, &image, &why);
    if (r != 0)
        return r < 0 ? r : step_finish(core, c, STEP_FAILED, why.what);
    if (c->device.address[0] == '\0')
        return step_wait(core, c, STEP_UNREACHABLE, "the device has not registered, so its address is not known");
    if (claim_base(core, c->device.address, base) != 0)
        return step_wait(core, c, STEP_UNREACHABLE, "this host has no route to the device's address");
    r = manifest_make(core, c, &image, base, &claim->manifest, &why);
    if (r != 0)
        return r < 0 ? r : step_finish(core, c, STEP_FAILED, why.what);
    return save_try(core, claim, &image);
}

static int answer_refusal(struct core *core, struct step_case *c, unsigned code)
{
    char reason[REASON_SIZE];

    snprintf(reason, sizeof(reason), "the device answered the trigger with %u.%02u", code / 100, code % 100);
    /* 4.29 and all of 5.xx may be otherwise the next time. */
    if (code / 100 == 4 && code != 429)
        return step_finish(core, c, STEP_REFUSED, reason);
    return step_retry(core, c, STEP_FAILED, reason);
}

static int judge_answer(struct core *core, struct step_case *c, const struct transport_answer *answer)
{
    int64_t now_ms = clock_now_ms(core->clock);

    switch (answer->kind) {
    case ANSWER_RESPONSE:
        if (answer->code / 100 != 2)
            return answer_refusal(core, c, answer->code);
        /* It means "URL received" and no more. */
        int r = step_move(core, &c->step, STEP_TRIGGERED, "", step_patience(c, now_ms));
        return r != 0 ? r : core->store->device_seen(core->store, c->step.device_id, now_ms);
    case ANSWER_NONE:
        return step_retry(core, c, STEP_UNREACHABLE, "no answer to the trigger");
    case ANSWER_RESET:
        return step_retry(core, c, STEP_UNREACHABLE, "the trigger was reset by whoever has the device's address");
    case ANSWER_UNREACHABLE:
        return step_retry(core, c, STEP_UNREACHABLE, "the network says that the device's address is unreachable");
    }
    return -EPROTO;
}

static int on_trigger_saved(struct core *core, int64_t step_id, const struct transport_answer *answer)
{
    _cleanup_free_ struct step_case *c = malloc(sizeof(*c));
    struct step step;

    if (c == NULL)
        return -ENOMEM;
    int r = core->store->step_by_id(core->store, step_id, &step);
    /* Its fetches may have told more, meanwhile, than the answer does. */
    if (r != 0 || step.state != STEP_TRIGGERING)
        return r;
    r = step_case_load(core, &step, c);
    return r != 0 ? r : judge_answer(core, c, answer);
}

/* A fault leaves the step as it is saved: triggering, and judged when its silence has lasted long enough. */
void claim_on_trigger(struct core *core, void *context, const struct transport_answer *answer)
{
    if (answer == NULL)
        return;
    int r = core->store->begin(core->store);
    if (r == 0)
        r = transaction_end(core, on_trigger_saved(core, (int64_t)(intptr_t)context, answer));
    core_note_fault(core, r);
}

/* The request could not even begin. */
static int not_sent(struct core *core, struct step_case *c, int refusal)
{
    int r = core->store->begin(core->store);
    if (r != 0)
        return r;
    c->step.state = STEP_TRIGGERING;
    c->step.attempts++;
    if (refusal == REFUSED_INVALID)
        r = step_finish(core, c, STEP_FAILED, "the transport cannot use the device's address");
    else if (refusal == REFUSED_BUSY)
        r = step_retry(core, c, STEP_FAILED, "too many requests were under way at once");
    else
        r = step_retry(core, c, STEP_UNREACHABLE, "the trigger could not be sent");
    return transaction_end(core, r);
}

static int send_triggers(struct core *core, struct claims *claims)
{
    for (size_t i = 0; i < claims->count; i++) {
        struct claim *claim = &claims->claims[i];
        struct step_case *c = &claim->c;

        if (!claim->tried)
            continue;
        int r = asking_post(core, c->step.device_id, c->device.address, c->profile.trigger_path,
                            bytes_view(claim->manifest.trigger, claim->manifest.trigger_size), claim_on_trigger,
                            (void *)(intptr_t)c->step.id);
        if (r != 0)
            r = not_sent(core, c, r);
        if (r != 0)
            return r;
    }
    return 0;
}

/* How many steps may begin now, over all rollouts. */
static int room(struct core *core, unsigned *out)
{
    int64_t under_way;

    int r = core->store->steps_under_way(core->store, &under_way);
    if (r != 0)
        return r;
    int64_t left = (int64_t)core->settings.rollout_concurrency - under_way;
    *out = left <= 0 ? 0 : left < CLAIM_BATCH ? (unsigned)left : CLAIM_BATCH;
    return 0;
}

static int claim_due(struct core *core, int64_t now_ms, bool *out_more)
{
    _cleanup_free_ struct claims *claims = calloc(1, sizeof(*claims));
    unsigned limit;

    if (claims == NULL)
        return -ENOMEM;
    claims->core = core;
    int r = room(core, &limit);
    if (r == 0 && limit > 0)
        r = core->store->steps_due(core->store, now_ms, limit, keep_due, claims);
    *out_more = claims->count == CLAIM_BATCH;
    if (r != 0 || claims->count == 0)
        return r;
    r = core->store->begin(core->store);
    if (r != 0)
        return r;
    for (size_t i = 0; r == 0 && i < claims->count; i++)
        r = prepare(core, &claims->claims[i]);
    r = transaction_end(core, r);
    return r != 0 ? r : send_triggers(core, claims);
}

int rollout_tick(struct core *core, int64_t now_ms, int64_t *out_next_ms)
{
    bool more_silent = false, more_due = false;
    int64_t due_ms;

    int r = silence_judge(core, now_ms, &more_silent);
    if (r == 0)
        r = claim_due(core, now_ms, &more_due);
    if (r != 0)
        return r;
    r = core->store->step_next_due(core->store, &due_ms);
    if (r == REFUSED_UNKNOWN)
        due_ms = INT64_MAX;
    else if (r != 0)
        return r;
    if (due_ms <= now_ms)
        due_ms = more_silent || more_due ? now_ms : now_ms + LOOK_AGAIN_MS;
    *out_next_ms = due_ms;
    return 0;
}
