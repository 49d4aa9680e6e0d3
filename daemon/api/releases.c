/* releases.c - /v1/releases. An answer is the stored text itself wherever it appears, never written anew. */
#include "daemon/core/release.h"

#include <errno.h>
#include <stddef.h>

#include "daemon/api/handlers.h"
#include "daemon/api/json.h"
#include "daemon/api/problem.h"
#include "daemon/base/text.h"
#include "daemon/core/explanation.h"
#include "daemon/core/ports/store.h"

FORM(release_form, struct release_order,
     { "tenant", FIELD_TEXT, false, offsetof(struct release_order, tenant), 1, NAME_SIZE - 1 },
     { "query", FIELD_TEXT, true, offsetof(struct release_order, query), 1, 15 },
     { "sensor", FIELD_TEXT, true, offsetof(struct release_order, sensor), 1, NAME_SIZE - 1 },
     { "selector", FIELD_TEXT, false, offsetof(struct release_order, selector), 0, SELECTOR_SIZE - 1 },
     { "source", FIELD_TEXT, false, offsetof(struct release_order, source), 1, 7 },
     { "epsilon", FIELD_EPSILON, false, offsetof(struct release_order, loss.ueps), 0, 0 },
     { "rho", FIELD_TEXT, false, offsetof(struct release_order, rho), 1, 31 },
     { "mechanism", FIELD_TEXT, false, offsetof(struct release_order, mechanism), 1, 15 },
     { "edges", FIELD_TEXT, false, offsetof(struct release_order, edges), 1, 640 },
     { "at", FIELD_TEXT, false, offsetof(struct release_order, at), 1, 640 },
     { "categories", FIELD_TEXT, false, offsetof(struct release_order, categories), 1, 640 },
     { "by", FIELD_TEXT, false, offsetof(struct release_order, by), 1, NAME_SIZE - 1 },
     { "top", FIELD_INTEGER, false, offsetof(struct release_order, top), 1, 64 },
     { "step_ms", FIELD_INTEGER, false, offsetof(struct release_order, step_ms), 1, INT64_C(31622400000) },
     { "error", FIELD_TEXT, false, offsetof(struct release_order, error), 1, 31 },
     { "from", FIELD_TIME, false, offsetof(struct release_order, from_ms), 0, 0 },
     { "to", FIELD_TIME, false, offsetof(struct release_order, to_ms), 0, 0 },
     { "request", FIELD_TEXT, false, offsetof(struct release_order, request), 1, NAME_SIZE + 7 });

static json_t *parameters_json(const struct release *release)
{
    return release->parameters[0] == '\0' ? json_null() : json_loads(release->parameters, 0, NULL);
}

static json_t *summary_json(const struct release *release)
{
    return json_pack(
        "{s:I,s:o,s:o,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:s,s:o,s:I,s:I,s:o}", "id", (json_int_t)release->id, "request",
        json_words(release->request), "tenant", json_words(release->tenant), "query", release->query, "parameters",
        parameters_json(release), "sensor", json_words(release->sensor), "selector", json_words(release->selector),
        "from", json_time(release->from_ms), "to", json_time(release->to_ms), "epsilon",
        release->loss.impure ? json_null() : json_epsilon(release->loss.ueps), "mechanism", release->mechanism, "loss",
        json_loss(&release->loss), "policy_version", (json_int_t)release->policy_version, "cohort",
        (json_int_t)release->cohort, "created_at", json_time(release->created_ms));
}

static int reply_release(struct request *request, unsigned status, const struct release *release)
{
    struct buffer answer;

    buffer_init(&answer, RELEASE_ANSWER_MAX);
    int r = release_answer_append(request->core, release, &answer);
    json_t *json = r == 0 ? summary_json(release) : NULL;
    if (r != 0 || json == NULL || json_object_set_new(json, "replayed", json_boolean(release->replayed)) != 0) {
        json_decref(json);
        buffer_deinit(&answer);
        return r != 0 ? r : -ENOMEM;
    }
    request->reply.status = status;
    request->reply.type = "application/json";
    r = json_append_with(&request->reply.body, json, "answer", buffer_view(&answer));
    buffer_deinit(&answer);
    return r;
}

static int add_release(void *context, const struct release *release)
{
    return listing_add(context, release->id, summary_json(release));
}

int releases_list(struct request *request, struct why *why)
{
    struct listing listing;

    int r = listing_begin(&listing, request, why);
    if (r == 0)
        r = release_list(request->core, &request->caller, listing.page, add_release, &listing, why);
    return r != 0 ? r : listing_end(&listing);
}

static const struct release_order *read_order(struct request *request)
{
    struct release_order *order = request->body.order;

    if (order->selector == NULL)
        order->selector = "";
    return order;
}

int releases_create(struct request *request, struct why *why)
{
    struct release release;

    int r = release_create(request->core, &request->caller, read_order(request), &release, why);
    if (r != 0)
        return r;
    reply_location(&request->reply, "/v1/releases/%lld", (long long)release.id);
    return reply_release(request, release.replayed ? 200 : 201, &release);
}

/* num/den in millionths, rounded up: a smaller interval than the true one would promise too much. */
static json_t *error_json(const struct release_plan *plan)
{
    char text[32];

    if (plan->error95_den <= 0)
        return json_null();
    __int128 millionths = ((__int128)plan->error95_num * 1000000 + plan->error95_den - 1) / plan->error95_den;
    if (millionths > INT64_MAX)
        return json_null();
    fixed_format((int64_t)millionths, 6, text);
    return json_string(text);
}

/* Of a sum of vectors, how far off all of it is in L2 norm, on average at most. */
static json_t *l2_json(const struct release_plan *plan)
{
    char text[32];
    __int128 millionths;

    if (plan->l2_error == 0 || plan->error95_den <= 0)
        return json_null();
    millionths = ((__int128)plan->l2_error * 1000000 + plan->error95_den - 1) / plan->error95_den;
    if (millionths > INT64_MAX)
        return json_null();
    fixed_format((int64_t)millionths, 6, text);
    return json_string(text);
}

/* What such releases exhaust first. */
static json_t *first_json(const struct release_plan *plan)
{
    static const char *const scopes[] = { "", "budget", "filter", "pool", "life" };

    if (plan->first_scope < CHARGE_BUDGET || plan->first_scope > CHARGE_LIFE)
        return json_null();
    return json_pack("{s:s,s:s,s:I,s:o}", "filter", scopes[plan->first_scope], "currency",
                     plan->first_currency == LOSS_IMPURE ? "pure epsilon" : loss_currency_name(plan->first_currency),
                     "times", (json_int_t)plan->times, "device", json_words_or_null(plan->first_exhausted));
}

json_t *release_plan_json(const struct release_plan *plan)
{
    json_t *problem = plan->would_pass ? json_null() : problem_json(plan->refusal, &plan->why);

    return json_pack(
        "{s:b,s:o,s:b,s:o,s:o,s:o,s:o,s:I,s:I,s:I,s:o,s:o,s:o,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "would_pass",
        plan->would_pass, "unit", plan->replay ? json_null() : json_words(plan->unit), "replay", plan->replay,
        "paid_by", plan->paid_by > 0 ? json_integer((json_int_t)plan->paid_by) : json_null(), "problem", problem,
        "needed", plan->has_needed ? json_loss(&plan->needed) : json_null(), "exhausts_first", first_json(plan),
        "cohort", (json_int_t)plan->cohort, "charged", (json_int_t)plan->charged, "epochs", (json_int_t)plan->epochs,
        "epsilon_per_device", json_epsilon(plan->device_loss.ueps), "tenant_epsilon",
        json_epsilon(plan->tenant_loss.ueps), "tenant_left_epsilon", json_epsilon(plan->tenant_left.ueps),
        "exhausted_devices", (json_int_t)plan->exhausted_devices, "first_exhausted",
        json_words_or_null(plan->first_exhausted), "error95", error_json(plan), "l2_error", l2_json(plan), "loss",
        json_loss(&plan->loss), "device_loss", json_loss(&plan->device_loss), "tenant_loss",
        json_loss(&plan->tenant_loss), "tenant_left", json_loss_caps(&plan->tenant_left));
}

int releases_preview(struct request *request, struct why *why)
{
    struct release_plan plan;

    int r = release_preview(request->core, &request->caller, read_order(request), &plan, why);
    if (r != 0)
        return r;
    return reply_json(&request->reply, 200, release_plan_json(&plan));
}

static int find_release(struct request *request, struct release *out, struct why *why)
{
    int64_t id;

    int r = request_id(request, 0, &id, why);
    return r != 0 ? r : release_get(request->core, &request->caller, id, out, why);
}

int releases_get(struct request *request, struct why *why)
{
    struct release release;

    int r = find_release(request, &release, why);
    return r != 0 ? r : reply_release(request, 200, &release);
}

int releases_answer(struct request *request, struct why *why)
{
    struct release release;

    int r = find_release(request, &release, why);
    if (r != 0)
        return r;
    request->reply.status = 200;
    request->reply.type = "application/json";
    return release_answer_append(request->core, &release, &request->reply.body);
}

int releases_explanation(struct request *request, struct why *why)
{
    char text[EXPLANATION_SIZE];
    int64_t id;

    int r = request_id(request, 0, &id, why);
    if (r == 0)
        r = release_explain(request->core, &request->caller, id, text, why);
    if (r != 0)
        return r;
    return reply_json(&request->reply, 200,
                      json_pack("{s:I,s:o}", "release", (json_int_t)id, "text", json_words(text)));
}
