/* daemon.c - /v1/version and /v1/status. */
#include "daemon/api/handlers.h"
#include "daemon/api/json.h"
#include "daemon/api/server.h"
#include "daemon/core/ports/clock.h"
#include "daemon/core/status.h"

static json_t *libraries(const struct api_facts *facts)
{
    json_t *json = json_pack("{s:s,s:s}", "libmicrohttpd", MHD_get_version(), "jansson", jansson_version_str());

    for (size_t i = 0; json != NULL && i < facts->library_count; i++)
        json_object_set_new(json, facts->libraries[i].name, json_words(facts->libraries[i].version));
    return json;
}

static json_t *features(const struct api_facts *facts)
{
    json_t *json = json_array();

    for (size_t i = 0; json != NULL && i < facts->feature_count; i++) {
        const struct api_feature *feature = &facts->features[i];
        json_array_append_new(json, json_pack("{s:s,s:b,s:s?}", "name", feature->name, "available", feature->available,
                                              "note", feature->note));
    }
    return json;
}

int version_get(struct request *request, struct why *why)
{
    const struct api_facts *facts = &request->api->settings->facts;

    (void)why;
    return reply_json(&request->reply, 200,
                      json_pack("{s:s,s:s,s:s,s:o,s:o}", "name", "tinypart", "version", facts->version, "api", "v1",
                                "libraries", libraries(facts), "features", features(facts)));
}

static json_t *counters(const struct core *core)
{
    json_t *json = json_object();

    for (enum counter counter = 0; json != NULL && counter < COUNTERS; counter++)
        json_object_set_new(json, counter_name(counter), json_integer((json_int_t)core->counters[counter]));
    return json;
}

static json_t *transport_counters(const struct api_facts *facts)
{
    json_t *json = json_object();
    const char *name;
    uint64_t value;

    if (facts->transport_counter == NULL)
        return json;
    for (unsigned i = 0; (name = facts->transport_counter(facts->transport, i, &value)) != NULL; i++)
        json_object_set_new(json, name, json_integer((json_int_t)value));
    return json;
}

static json_t *registry(const struct status *status)
{
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "tenants", (json_int_t)status->tenants, "devices_claimed",
                     (json_int_t)status->devices_claimed, "devices_unclaimed", (json_int_t)status->devices_unclaimed,
                     "readings_raw", (json_int_t)status->readings_raw, "readings_noised",
                     (json_int_t)status->readings_noised, "steps_under_way", (json_int_t)status->steps_under_way);
}

static json_t *ledger(const struct core *core, const struct status *status)
{
    int64_t epoch_ms = core->settings.epoch_ms;

    return json_pack(
        "{s:b,s:o,s:I,s:I,s:o,s:o,s:o,s:o,s:o,s:o}", "sound", !core->ledger_broken, "now", json_time(status->ledger_ms),
        "epoch", (json_int_t)status->epoch, "epoch_ms", (json_int_t)epoch_ms, "epoch_ends_at",
        json_time((status->epoch + 1) * epoch_ms), "filter_epsilon", json_epsilon(core->settings.filter_cap.ueps),
        "life_epsilon", json_cap(core->settings.life_cap.ueps), "filter", json_loss_caps(&core->settings.filter_cap),
        "life", json_loss_caps(&core->settings.life_cap), "problem", json_words_or_null(core->ledger_problem));
}

static json_t *coap_listen(const struct api_facts *facts)
{
    json_t *json = json_array();

    for (size_t i = 0; json != NULL && i < facts->coap_listen_count; i++)
        json_array_append_new(json, json_words(facts->coap_listen[i]));
    return json;
}

/* A tenant has no status; so the caller stands for no tenant here, or the rules would have refused. */
static json_t *caller(const struct caller *who, const struct status *status)
{
    return json_pack("{s:o,s:s,s:o}", "name", json_words(who->name), "role", role_name(who->role), "tenant",
                     json_words_or_null(status->caller_tenant));
}

int status_show(struct request *request, struct why *why)
{
    const struct api *api = request->api;
    const struct core *core = request->core;
    const struct api_facts *facts = &api->settings->facts;
    struct status status;

    int r = status_get(request->core, &request->caller, &status, why);
    if (r != 0)
        return r;
    const struct public_key *key = core->maintainer != NULL ? &core->maintainer->key : NULL;
    int64_t uptime_ms = clock_now_ms(core->clock) - api->started_ms;
    json_t *json = json_pack(
        "{s:s,s:o,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:s?,s:o,s:o}", "version", facts->version, "started_at",
        json_time(api->started_ms), "uptime_ms", (json_int_t)(uptime_ms > 0 ? uptime_ms : 0), "caller",
        caller(&request->caller, &status), "registry", registry(&status), "counters", counters(core), "coap_counters",
        transport_counters(facts), "ledger", ledger(core, &status), "maintainer", json_key(request, key), "coap_listen",
        coap_listen(facts), "database", facts->database, "libraries", libraries(facts), "features", features(facts));
    return reply_json(&request->reply, 200, json);
}
