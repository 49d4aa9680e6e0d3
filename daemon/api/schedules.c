/* schedules.c - /v1/schedules. */
#include "daemon/core/schedule.h"

#include <stddef.h>

#include "daemon/api/handlers.h"
#include "daemon/api/json.h"

FORM(schedule_form, struct schedule_order,
     { "tenant", FIELD_TEXT, false, offsetof(struct schedule_order, release.tenant), 1, NAME_SIZE - 1 },
     { "query", FIELD_TEXT, true, offsetof(struct schedule_order, release.query), 1, 15 },
     { "sensor", FIELD_TEXT, true, offsetof(struct schedule_order, release.sensor), 1, NAME_SIZE - 1 },
     { "selector", FIELD_TEXT, false, offsetof(struct schedule_order, release.selector), 0, SELECTOR_SIZE - 1 },
     { "source", FIELD_TEXT, false, offsetof(struct schedule_order, release.source), 1, 7 },
     { "epsilon", FIELD_EPSILON, false, offsetof(struct schedule_order, release.loss.ueps), 0, 0 },
     { "rho", FIELD_TEXT, false, offsetof(struct schedule_order, release.rho), 1, 31 },
     { "mechanism", FIELD_TEXT, false, offsetof(struct schedule_order, release.mechanism), 1, 15 },
     { "edges", FIELD_TEXT, false, offsetof(struct schedule_order, release.edges), 1, 640 },
     { "at", FIELD_TEXT, false, offsetof(struct schedule_order, release.at), 1, 640 },
     { "categories", FIELD_TEXT, false, offsetof(struct schedule_order, release.categories), 1, 640 },
     { "by", FIELD_TEXT, false, offsetof(struct schedule_order, release.by), 1, NAME_SIZE - 1 },
     { "top", FIELD_INTEGER, false, offsetof(struct schedule_order, release.top), 1, 64 },
     { "step_ms", FIELD_INTEGER, false, offsetof(struct schedule_order, release.step_ms), 1, INT64_C(31622400000) },
     { "every_ms", FIELD_INTEGER, true, offsetof(struct schedule_order, every_ms), 1, SCHEDULE_EVERY_MAX_MS },
     { "until", FIELD_TIME, false, offsetof(struct schedule_order, until_ms), 0, 0 });

static const char *state_of(const struct schedule *schedule)
{
    if (schedule_has_ended(schedule))
        return "ended";
    return schedule->paused ? "paused" : "running";
}

static json_t *id_or_null(int64_t id)
{
    return id > 0 ? json_integer((json_int_t)id) : json_null();
}

static json_t *schedule_json(const struct schedule *schedule)
{
    bool waits = !schedule->paused && !schedule_has_ended(schedule);

    return json_pack("{s:I,s:o,s:s,s:o,s:o,s:o,s:I,s:o,s:s,s:o,s:o,s:o,s:o,s:I,s:I,s:I,s:o}", "id",
                     (json_int_t)schedule->id, "tenant", json_words(schedule->tenant), "query", schedule->query,
                     "sensor", json_words(schedule->sensor), "selector", json_words(schedule->selector), "loss",
                     json_loss(&schedule->loss), "every_ms", (json_int_t)schedule->every_ms, "until",
                     json_time(schedule->until_ms), "state", state_of(schedule), "next_at",
                     json_time(waits ? schedule->next_ms : 0), "created_at", json_time(schedule->created_ms), "last_at",
                     json_time(schedule->last_ms), "last_release", id_or_null(schedule->release_id), "runs",
                     (json_int_t)schedule->runs, "refused", (json_int_t)schedule->refused, "missed",
                     (json_int_t)schedule->missed, "problem", json_words_or_null(schedule->problem));
}

static json_t *dry_json(const struct schedule_dry *dry)
{
    if (!dry->dries)
        return json_null();
    return json_pack("{s:o,s:I,s:o,s:s}", "schedule", id_or_null(dry->schedule_id), "run", (json_int_t)dry->run, "at",
                     json_time(dry->due_ms), "currency",
                     dry->currency == LOSS_IMPURE ? "pure epsilon" : loss_currency_name(dry->currency));
}

static json_t *plan_json(const struct schedule_plan *plan)
{
    return json_pack("{s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:b,s:o,s:o}", "runs_per_epoch", (json_int_t)plan->runs_per_epoch,
                     "per_epoch", json_loss(&plan->per_epoch), "all_per_epoch", json_loss(&plan->all_per_epoch),
                     "budget_cap", json_loss_caps(&plan->budget_cap), "filter_cap", json_loss_caps(&plan->filter_cap),
                     "budget_dry", dry_json(&plan->budget), "filter_dry", dry_json(&plan->filter), "filter_as_spent",
                     plan->filter_as_spent, "looked_until", json_time(plan->looked_until_ms), "now",
                     release_plan_json(&plan->now));
}

static const struct schedule_order *read_order(struct request *request)
{
    struct schedule_order *order = request->body.order;

    if (order->release.selector == NULL)
        order->release.selector = "";
    return order;
}

static int add_schedule(void *context, const struct schedule *schedule)
{
    return listing_add(context, schedule->id, schedule_json(schedule));
}

int schedules_list(struct request *request, struct why *why)
{
    struct listing listing;

    int r = listing_begin(&listing, request, why);
    if (r == 0)
        r = schedule_list(request->core, &request->caller, listing.page, add_schedule, &listing, why);
    return r != 0 ? r : listing_end(&listing);
}

int schedules_create(struct request *request, struct why *why)
{
    struct schedule schedule;

    int r = schedule_create(request->core, &request->caller, read_order(request), &schedule, why);
    if (r != 0)
        return r;
    reply_location(&request->reply, "/v1/schedules/%lld", (long long)schedule.id);
    return reply_json(&request->reply, 201, schedule_json(&schedule));
}

int schedules_preview(struct request *request, struct why *why)
{
    struct schedule_plan plan;

    int r = schedule_preview(request->core, &request->caller, read_order(request), &plan, why);
    return r != 0 ? r : reply_json(&request->reply, 200, plan_json(&plan));
}

int schedules_get(struct request *request, struct why *why)
{
    struct schedule schedule;
    struct schedule_plan plan;
    int64_t id;

    int r = request_id(request, 0, &id, why);
    if (r == 0)
        r = schedule_get(request->core, &request->caller, id, &schedule, why);
    if (r == 0)
        r = schedule_plan_get(request->core, &request->caller, id, &plan, why);
    if (r != 0)
        return r;
    json_t *json = schedule_json(&schedule);
    if (json != NULL && json_object_set_new(json, "plan", plan_json(&plan)) != 0) {
        json_decref(json);
        json = NULL;
    }
    return reply_json(&request->reply, 200, json);
}

static int pause_or_resume(struct request *request, bool paused, struct why *why)
{
    struct schedule schedule;
    int64_t id;

    int r = request_id(request, 0, &id, why);
    if (r == 0)
        r = schedule_pause(request->core, &request->caller, id, paused, &schedule, why);
    return r != 0 ? r : reply_json(&request->reply, 200, schedule_json(&schedule));
}

int schedules_pause(struct request *request, struct why *why)
{
    return pause_or_resume(request, true, why);
}

int schedules_resume(struct request *request, struct why *why)
{
    return pause_or_resume(request, false, why);
}

int schedules_delete(struct request *request, struct why *why)
{
    int64_t id;

    int r = request_id(request, 0, &id, why);
    request->reply.status = 204;
    return r != 0 ? r : schedule_delete(request->core, &request->caller, id, why);
}
