/* profiles.c - /v1/profiles: data of the registry, read only. */
#include "daemon/api/handlers.h"
#include "daemon/api/json.h"
#include "daemon/core/profile.h"

static const char *outcome_name(enum profile_outcome outcome)
{
    switch (outcome) {
    case OUTCOME_REPORT:
        return "report";
    case OUTCOME_EXEC:
        return "exec";
    case OUTCOME_FETCH:
        return "fetch";
    }
    return "fetch";
}

/* Three parts, as one format of thirty members is past checking by eye. */
static json_t *wire_json(const struct profile *profile)
{
    return json_pack("{s:s,s:s,s:s,s:o,s:i,s:s,s:i,s:i,s:i,s:s,s:s,s:s,s:o,s:b,s:b}", "name", profile->name,
                     "description", profile->description, "dialect", profile->dialect, "image_types",
                     json_list(profile->image_types), "slots", (int)profile->slots, "component", profile->component,
                     "manifest_size_max", (int)profile->manifest_size_max, "image_size_max",
                     (int)profile->image_size_max, "path_size_max", (int)profile->path_size_max, "vendor_domain",
                     profile->vendor_domain, "class_name", profile->class_name, "algorithm", profile->algorithm,
                     "accepts", json_list(profile->accepts), "tokens", profile->tokens, "decrypts", profile->decrypts);
}

static json_t *asking_json(const struct profile *profile)
{
    return json_pack("{s:s,s:b,s:o,s:i,s:s,s:i,s:o,s:i,s:b,s:b}", "trigger_path", profile->trigger_path, "trigger_nul",
                     profile->trigger_nul, "exec_path", json_words_or_null(profile->exec_path), "answer_digits",
                     profile->answer_digits, "outcome", outcome_name(profile->outcome), "give_up_ms",
                     (int)profile->give_up_ms, "helpers", json_list(profile->helpers), "branches_max",
                     (int)profile->branches_max, "section_loads", profile->section_loads, "neg_is_8f",
                     profile->neg_is_8f);
}

static json_t *quirks_json(const struct profile *profile)
{
    return json_pack("{s:b,s:b,s:i,s:b,s:b,s:b,s:b,s:b,s:b}", "may_ping", profile->may_ping, "piggyback_only",
                     profile->piggyback_only, "block_szx_min", (int)profile->block_szx_min, "host_name_urls",
                     profile->host_name_urls, "shared_sequence", profile->shared_sequence, "sequence_lost_at_boot",
                     profile->sequence_lost_at_boot, "telemetry", profile->telemetry, "noises_on_board",
                     profile->noises_on_board, "telemetry_plain", profile->telemetry_plain);
}

static json_t *profile_json(const struct profile *profile)
{
    json_t *json = wire_json(profile);
    json_t *asking = asking_json(profile);
    json_t *quirks = quirks_json(profile);

    if (json_object_update(json, asking) != 0 || json_object_update(json, quirks) != 0) {
        json_decref(json);
        json = NULL;
    }
    json_decref(asking);
    json_decref(quirks);
    return json;
}

static int add_profile(void *context, const struct profile *profile)
{
    return listing_add(context, 0, profile_json(profile));
}

int profiles_list(struct request *request, struct why *why)
{
    struct listing listing;

    listing_begin_whole(&listing, request);
    int r = profile_list(request->core, &request->caller, add_profile, &listing, why);
    return r != 0 ? r : listing_end(&listing);
}

int profiles_get(struct request *request, struct why *why)
{
    struct profile profile;

    int r = profile_get(request->core, &request->caller, request->path[0], &profile, why);
    return r != 0 ? r : reply_json(&request->reply, 200, profile_json(&profile));
}
