/* policies.c - /v1/policies: fixed-point bounds go out as decimals of the sensor's unit. */
#include "daemon/core/policy.h"

#include <stddef.h>

#include "daemon/api/handlers.h"
#include "daemon/api/json.h"
#include "daemon/base/text.h"

FORM(policy_form, struct policy_order,
     { "sensor", FIELD_TEXT, true, offsetof(struct policy_order, sensor), 1, NAME_SIZE - 1 },
     { "lower", FIELD_TEXT, false, offsetof(struct policy_order, lower), 1, 40 },
     { "upper", FIELD_TEXT, false, offsetof(struct policy_order, upper), 1, 40 },
     { "dimension", FIELD_INTEGER, false, offsetof(struct policy_order, dimension), 1, 4096 },
     { "norm", FIELD_TEXT, false, offsetof(struct policy_order, norm), 1, 40 },
     { "scale", FIELD_INTEGER, false, offsetof(struct policy_order, scale), 1, 1000000 },
     { "unit_text", FIELD_TEXT, false, offsetof(struct policy_order, unit_text), 0, 15 },
     { "epsilon_per_reading", FIELD_TEXT, false, offsetof(struct policy_order, epsilon_per_reading), 1, 40 },
     { "mechanism", FIELD_TEXT, false, offsetof(struct policy_order, mechanism), 1, 15 },
     { "truth", FIELD_INTEGER, false, offsetof(struct policy_order, truth), 1, POLICY_WEIGHT_MAX },
     { "lie", FIELD_INTEGER, false, offsetof(struct policy_order, lie), 1, POLICY_WEIGHT_MAX },
     { "memo_step", FIELD_INTEGER, false, offsetof(struct policy_order, memo_step), 0, POLICY_STEPS_MAX },
     { "privacy_unit", FIELD_TEXT, false, offsetof(struct policy_order, unit), 1, 15 },
     { "event_level", FIELD_UNSIGNED, false, offsetof(struct policy_order, event_level), 0, 1 },
     { "adjacency", FIELD_TEXT, false, offsetof(struct policy_order, adjacency), 1, 15 },
     { "contributions", FIELD_INTEGER, false, offsetof(struct policy_order, contributions), 1, INT32_MAX },
     { "interval_ms", FIELD_INTEGER, false, offsetof(struct policy_order, interval_ms), 1, INT64_MAX },
     { "retention_ms", FIELD_INTEGER, false, offsetof(struct policy_order, retention_ms), 1, INT64_MAX });

static json_t *scaled_json(int64_t value, int64_t scale)
{
    char text[32];
    int digits = 0;

    for (int64_t rest = scale; rest >= 10; rest /= 10)
        digits++;
    fixed_format(value, digits, text);
    return json_string(text);
}

static json_t *document_json(const struct policy *policy)
{
    return policy->document_size > 0 ? json_hex(policy->document, policy->document_size) : json_null();
}

static json_t *policy_json(const struct policy *policy)
{
    return json_pack("{s:I,s:o,s:I,s:s,s:s,s:I,s:I,s:I,s:o,s:o,s:o,s:s,s:I,s:I,s:I,s:o,s:o,s:I,s:I,s:I,s:o,s:o}", "id",
                     (json_int_t)policy->id, "sensor", json_words(policy->sensor), "version",
                     (json_int_t)policy->version, "unit", policy->unit, "adjacency", policy->adjacency, "epoch_ms",
                     (json_int_t)policy->epoch_ms, "dimension", (json_int_t)policy->dimension, "scale",
                     (json_int_t)policy->scale, "lower", scaled_json(policy->lower, policy->scale), "upper",
                     scaled_json(policy->upper, policy->scale), "unit_text", json_words_or_null(policy->unit_text),
                     "mechanism", policy->mechanism, "parameter_num", (json_int_t)policy->parameter_num,
                     "parameter_den", (json_int_t)policy->parameter_den, "memo_step", (json_int_t)policy->memo_step,
                     "epsilon_per_reading", json_epsilon(policy->reading.ueps), "loss_per_reading",
                     json_loss(&policy->reading), "contributions", (json_int_t)policy->contributions, "interval_ms",
                     (json_int_t)policy->interval_ms, "retention_ms", (json_int_t)policy->retention_ms, "created_at",
                     json_time(policy->created_ms), "document", document_json(policy));
}

static int add_policy(void *context, const struct policy *policy)
{
    return listing_add(context, policy->id, policy_json(policy));
}

int policies_list(struct request *request, struct why *why)
{
    struct listing listing;

    int r = listing_begin(&listing, request, why);
    if (r == 0)
        r = policy_list(request->core, &request->caller, listing.page, add_policy, &listing, why);
    return r != 0 ? r : listing_end(&listing);
}

int policies_set(struct request *request, struct why *why)
{
    struct policy policy;

    int r = policy_set(request->core, &request->caller, request->body.order, &policy, why);
    if (r != 0)
        return r;
    reply_location(&request->reply, "/v1/policies/%s", location_part(policy.sensor).text);
    return reply_json(&request->reply, 201, policy_json(&policy));
}

int policies_get(struct request *request, struct why *why)
{
    struct policy policy;

    int r = policy_get(request->core, &request->caller, request->path[0], &policy, why);
    return r != 0 ? r : reply_json(&request->reply, 200, policy_json(&policy));
}
