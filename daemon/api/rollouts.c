/* rollouts.c - /v1/rollouts and their steps. */
#include "daemon/core/rollout.h"

#include <stddef.h>

#include "daemon/api/handlers.h"
#include "daemon/api/json.h"

FORM(rollout_form, struct rollout_order,
     { "tenant", FIELD_TEXT, false, offsetof(struct rollout_order, tenant), 1, NAME_SIZE - 1 },
     { "image", FIELD_TEXT, true, offsetof(struct rollout_order, image), 1, NAME_SIZE - 1 },
     { "version", FIELD_TEXT, true, offsetof(struct rollout_order, version), 1, VERSION_SIZE - 1 },
     { "selector", FIELD_TEXT, true, offsetof(struct rollout_order, selector), 0, SELECTOR_SIZE - 1 },
     { "slot", FIELD_UNSIGNED, true, offsetof(struct rollout_order, slot), 0, SLOTS_MAX - 1 },
     { "concurrency", FIELD_UNSIGNED, false, offsetof(struct rollout_order, concurrency), 1, ROLLOUT_CONCURRENCY_MAX },
     { "attempts_max", FIELD_UNSIGNED, false, offsetof(struct rollout_order, attempts_max), 1, ROLLOUT_ATTEMPTS_MAX },
     { "deadline_ms", FIELD_INTEGER, false, offsetof(struct rollout_order, deadline_ms), ROLLOUT_DEADLINE_MIN_MS,
       ROLLOUT_DEADLINE_MAX_MS },
     { "transfer", FIELD_TEXT, false, offsetof(struct rollout_order, transfer), 5, 9 });

static json_t *counts_json(const struct rollout *rollout)
{
    json_t *json = json_object();

    for (enum step_state state = STEP_WAITING; json != NULL && state < STEP_STATES; state++)
        json_object_set_new(json, step_state_name(state), json_integer(rollout->steps[state]));
    return json;
}

static json_t *rollout_json(const struct rollout *rollout)
{
    return json_pack("{s:I,s:o,s:o,s:o,s:o,s:i,s:s,s:i,s:i,s:I,s:o,s:o,s:o,s:o,s:s}", "id", (json_int_t)rollout->id,
                     "tenant", json_words(rollout->tenant), "image", json_words(rollout->image), "version",
                     json_words(rollout->version), "selector", json_words(rollout->selector), "slot",
                     (int)rollout->slot, "state", rollout_state_name(rollout->state), "concurrency",
                     (int)rollout->concurrency, "attempts_max", (int)rollout->attempts_max, "deadline_ms",
                     (json_int_t)rollout->deadline_ms, "created_by", json_words(rollout->created_by), "created_at",
                     json_time(rollout->created_ms), "finished_at", json_time(rollout->finished_ms), "steps",
                     counts_json(rollout), "transfer", rollout->encrypted ? "encrypted" : "plain");
}

/* Without the fetch paths: who knows one may fetch the image. */
static json_t *step_json(const struct step *step)
{
    bool is_tried = step->attempts != 0;

    return json_pack("{s:I,s:I,s:o,s:s,s:o,s:i,s:o,s:o,s:I,s:o,s:o,s:o,s:o}", "id", (json_int_t)step->id, "rollout",
                     (json_int_t)step->rollout_id, "device", json_words(step->device), "state",
                     step_state_name(step->state), "reason", json_words_or_null(step->reason), "attempts",
                     (int)step->attempts, "sequence",
                     step->sequence != 0 ? json_integer((json_int_t)step->sequence) : json_null(), "manifest_digest",
                     is_tried ? json_hex(step->manifest_digest, sizeof(step->manifest_digest)) : json_null(),
                     "image_bytes", (json_int_t)step->image_bytes, "due_at",
                     step_state_is_final(step->state) ? json_null() : json_time(step->due_ms), "deadline_at",
                     json_time(step->deadline_ms), "created_at", json_time(step->created_ms), "updated_at",
                     json_time(step->updated_ms));
}

static int add_rollout(void *context, const struct rollout *rollout)
{
    return listing_add(context, rollout->id, rollout_json(rollout));
}

int rollouts_list(struct request *request, struct why *why)
{
    struct listing listing;

    int r = listing_begin(&listing, request, why);
    if (r == 0)
        r = rollout_list(request->core, &request->caller, listing.page, add_rollout, &listing, why);
    return r != 0 ? r : listing_end(&listing);
}

int rollouts_create(struct request *request, struct why *why)
{
    struct rollout rollout;

    int r = rollout_create(request->core, &request->caller, request->body.order, &rollout, why);
    if (r != 0)
        return r;
    reply_location(&request->reply, "/v1/rollouts/%lld", (long long)rollout.id);
    return reply_json(&request->reply, 202, rollout_json(&rollout));
}

int rollouts_get(struct request *request, struct why *why)
{
    struct rollout rollout;
    int64_t id;

    int r = request_id(request, 0, &id, why);
    if (r == 0)
        r = rollout_get(request->core, &request->caller, id, &rollout, why);
    return r != 0 ? r : reply_json(&request->reply, 200, rollout_json(&rollout));
}

static int add_step(void *context, const struct step *step)
{
    return listing_add(context, step->id, step_json(step));
}

int rollouts_steps(struct request *request, struct why *why)
{
    struct listing listing;
    int64_t id;

    int r = request_id(request, 0, &id, why);
    if (r == 0)
        r = listing_begin(&listing, request, why);
    if (r == 0)
        r = rollout_steps(request->core, &request->caller, id, listing.page, add_step, &listing, why);
    return r != 0 ? r : listing_end(&listing);
}

typedef int (*order)(struct core *core, const struct caller *caller, int64_t id, struct rollout *out, struct why *why);

static int give_order(struct request *request, order give, struct why *why)
{
    struct rollout rollout;
    int64_t id;

    int r = request_id(request, 0, &id, why);
    if (r == 0)
        r = give(request->core, &request->caller, id, &rollout, why);
    return r != 0 ? r : reply_json(&request->reply, 200, rollout_json(&rollout));
}

int rollouts_pause(struct request *request, struct why *why)
{
    return give_order(request, rollout_pause, why);
}

int rollouts_resume(struct request *request, struct why *why)
{
    return give_order(request, rollout_resume, why);
}

int rollouts_abort(struct request *request, struct why *why)
{
    return give_order(request, rollout_abort, why);
}
