/* grants.c - /v1/grants. */
#include "daemon/core/grant.h"

#include <stddef.h>

#include "daemon/api/handlers.h"
#include "daemon/api/json.h"

FORM(grant_form, struct grant_order,
     { "tenant", FIELD_TEXT, true, offsetof(struct grant_order, tenant), 1, NAME_SIZE - 1 },
     { "selector", FIELD_TEXT, true, offsetof(struct grant_order, selector), 0, SELECTOR_SIZE - 1 },
     { "sensors", FIELD_LIST, false, offsetof(struct grant_order, sensors), 0, LIST_SIZE - 1 },
     { "helpers", FIELD_LIST, false, offsetof(struct grant_order, helpers), 0, LIST_SIZE - 1 },
     { "slots", FIELD_LIST, false, offsetof(struct grant_order, slots), 0, LIST_SIZE - 1 },
     { "until", FIELD_TIME, false, offsetof(struct grant_order, until_ms), 0, 0 },
     { "unproven", FIELD_TEXT, false, offsetof(struct grant_order, unproven), 4, 5 });

static json_t *grant_json(const struct grant *grant)
{
    return json_pack("{s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:s}", "id", (json_int_t)grant->id, "tenant",
                     json_words(grant->tenant), "selector", json_words(grant->selector), "sensors",
                     json_list(grant->sensors), "helpers", json_list(grant->helpers), "slots", json_list(grant->slots),
                     "until", json_time(grant->until_ms), "created_at", json_time(grant->created_ms), "revoked_at",
                     json_time(grant->revoked_ms), "unproven", grant->unproven ? "allow" : "deny");
}

static int add_grant(void *context, const struct grant *grant)
{
    return listing_add(context, grant->id, grant_json(grant));
}

int grants_list(struct request *request, struct why *why)
{
    struct listing listing;

    int r = listing_begin(&listing, request, why);
    if (r == 0)
        r = grant_list(request->core, &request->caller, listing.page, add_grant, &listing, why);
    return r != 0 ? r : listing_end(&listing);
}

int grants_create(struct request *request, struct why *why)
{
    struct grant_order *order = request->body.order;
    struct grant grant;

    if (order->sensors == NULL)
        order->sensors = "";
    if (order->helpers == NULL)
        order->helpers = "";
    if (order->slots == NULL)
        order->slots = "";
    int r = grant_create(request->core, &request->caller, order, &grant, why);
    if (r != 0)
        return r;
    reply_location(&request->reply, "/v1/grants/%lld", (long long)grant.id);
    return reply_json(&request->reply, 201, grant_json(&grant));
}

static int keep_grant(void *context, const struct grant *grant)
{
    *(struct grant *)context = *grant;
    return 0;
}

int grants_get(struct request *request, struct why *why)
{
    struct grant grant = { 0 };
    int64_t id;

    int r = request_id(request, 0, &id, why);
    if (r == 0) /* the one row from id on; of another tenant's it is the next one that shows, or none */
        r = grant_list(request->core, &request->caller, (struct page){ id - 1, 1 }, keep_grant, &grant, why);
    if (r != 0)
        return r;
    if (grant.id != id)
        return refuse(why, REFUSED_UNKNOWN, "grant", "tinypartctl grant list shows those that you may see",
                      "there is no grant %lld", (long long)id);
    return reply_json(&request->reply, 200, grant_json(&grant));
}

int grants_revoke(struct request *request, struct why *why)
{
    int64_t id;

    int r = request_id(request, 0, &id, why);
    request->reply.status = 204;
    return r != 0 ? r : grant_revoke(request->core, &request->caller, id, why);
}
