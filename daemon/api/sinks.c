/* sinks.c - /v1/sinks and /v1/exports: where a tenant's data goes, and what waits to go there. */
#include <stddef.h>

#include "daemon/api/handlers.h"
#include "daemon/api/json.h"
#include "daemon/core/export.h"

FORM(sink_form, struct sink_order,
     { "tenant", FIELD_TEXT, false, offsetof(struct sink_order, tenant), 1, NAME_SIZE - 1 },
     { "name", FIELD_TEXT, true, offsetof(struct sink_order, name), 1, NAME_SIZE - 1 },
     { "kind", FIELD_TEXT, true, offsetof(struct sink_order, kind), 1, 15 },
     { "config", FIELD_OBJECT, true, offsetof(struct sink_order, config), 0, 1023 });

static json_t *config_json(const struct sink *sink)
{
    json_t *json = json_loads(sink->config, 0, NULL);

    return json != NULL ? json : json_object();
}

static json_t *sink_json(const struct sink *sink)
{
    return json_pack("{s:I,s:o,s:o,s:s,s:o,s:o,s:I}", "id", (json_int_t)sink->id, "tenant", json_words(sink->tenant),
                     "name", json_words(sink->name), "kind", sink->kind, "config", config_json(sink), "created_at",
                     json_time(sink->created_ms), "waiting", (json_int_t)sink->waiting);
}

static int add_sink(void *context, const struct sink *sink)
{
    return listing_add(context, sink->id, sink_json(sink));
}

int sinks_list(struct request *request, struct why *why)
{
    struct listing listing;

    int r = listing_begin(&listing, request, why);
    if (r == 0)
        r = sink_list(request->core, &request->caller, listing.page, add_sink, &listing, why);
    return r != 0 ? r : listing_end(&listing);
}

int sinks_create(struct request *request, struct why *why)
{
    struct sink sink;

    int r = sink_create(request->core, &request->caller, request->body.order, &sink, why);
    if (r != 0)
        return r;
    reply_location(&request->reply, "/v1/sinks/%s?tenant=%s", location_part(sink.name).text,
                   location_part(sink.tenant).text);
    return reply_json(&request->reply, 201, sink_json(&sink));
}

int sinks_get(struct request *request, struct why *why)
{
    struct sink sink;

    int r = sink_get(request->core, &request->caller, target_query(request, "tenant"), request->path[0], &sink, why);
    return r != 0 ? r : reply_json(&request->reply, 200, sink_json(&sink));
}

int sinks_delete(struct request *request, struct why *why)
{
    request->reply.status = 204;
    return sink_delete(request->core, &request->caller, target_query(request, "tenant"), request->path[0], why);
}

static json_t *export_json(const struct outbox_row *row)
{
    return json_pack("{s:I,s:o,s:o,s:s,s:I,s:o,s:i,s:o,s:o,s:o,s:o}", "id", (json_int_t)row->id, "tenant",
                     json_words(row->tenant), "sink", json_words(row->sink), "kind", row->kind, "subject",
                     (json_int_t)row->subject, "created_at", json_time(row->created_ms), "attempts", (int)row->attempts,
                     "due_at", row->delivered_ms != 0 ? json_null() : json_time(row->due_ms), "delivered_at",
                     json_time(row->delivered_ms), "error", json_words_or_null(row->error), "idempotency_key",
                     json_words(row->idempotency));
}

static int add_export(void *context, const struct outbox_row *row)
{
    return listing_add(context, row->id, export_json(row));
}

int exports_list(struct request *request, struct why *why)
{
    struct listing listing;

    int r = listing_begin(&listing, request, why);
    if (r == 0)
        r = export_list(request->core, &request->caller, listing.page, add_export, &listing, why);
    return r != 0 ? r : listing_end(&listing);
}
