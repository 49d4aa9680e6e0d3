/* store_sqlite_profile.c - kinds of devices; rows come with migrations only. */
#include "daemon/store_sqlite/verbs.h"
#include "daemon/store_sqlite/words.h"

enum { BY_NAME, EACH };

#define COLUMNS                                                                                                        \
    "name, description, dialect, image_types, slots, component, manifest_size_max, image_size_max, path_size_max,"     \
    " vendor_domain, class_name, trigger_path, trigger_nul, exec_path, answer_digits, outcome, give_up_ms, may_ping,"  \
    " piggyback_only, block_szx_min, host_name_urls, shared_sequence, sequence_lost_at_boot, telemetry,"               \
    " noises_on_board, telemetry_plain, helpers, branches_max, section_loads, neg_is_8f, algorithm, accepts, tokens, " \
    "decrypts"                                                                                                         \
    " FROM profile"

static const struct statements statements = {
    DOMAIN_PROFILE,
    {
        [BY_NAME] = "SELECT " COLUMNS " WHERE name = ?",
        [EACH] = "SELECT " COLUMNS " ORDER BY name",
    },
};

static const struct words outcome_words = WORDS("report", "exec", "fetch");

static void read_limits(struct query *query, struct profile *profile)
{
    take_text(query, profile->name, sizeof profile->name);
    take_text(query, profile->description, sizeof profile->description);
    take_text(query, profile->dialect, sizeof profile->dialect);
    take_text(query, profile->image_types, sizeof profile->image_types);
    profile->slots = take_unsigned(query);
    take_text(query, profile->component, sizeof profile->component);
    profile->manifest_size_max = take_unsigned(query);
    profile->image_size_max = take_unsigned(query);
    profile->path_size_max = take_unsigned(query);
    take_text(query, profile->vendor_domain, sizeof profile->vendor_domain);
    take_text(query, profile->class_name, sizeof profile->class_name);
}

static void read_profile(struct query *query, void *out)
{
    struct profile *profile = out;

    read_limits(query, profile);
    take_text(query, profile->trigger_path, sizeof profile->trigger_path);
    profile->trigger_nul = take_bool(query);
    take_text(query, profile->exec_path, sizeof profile->exec_path);
    profile->answer_digits = (int)take_int(query);
    profile->outcome = (enum profile_outcome)take_word(query, &outcome_words);
    profile->give_up_ms = take_unsigned(query);
    profile->may_ping = take_bool(query);
    profile->piggyback_only = take_bool(query);
    profile->block_szx_min = take_unsigned(query);
    profile->host_name_urls = take_bool(query);
    profile->shared_sequence = take_bool(query);
    profile->sequence_lost_at_boot = take_bool(query);
    profile->telemetry = take_bool(query);
    profile->noises_on_board = take_bool(query);
    profile->telemetry_plain = take_bool(query);
    take_text(query, profile->helpers, sizeof profile->helpers);
    profile->branches_max = take_unsigned(query);
    profile->section_loads = take_bool(query);
    profile->neg_is_8f = take_bool(query);
    take_text(query, profile->algorithm, sizeof profile->algorithm);
    take_text(query, profile->accepts, sizeof profile->accepts);
    profile->tokens = take_bool(query);
    profile->decrypts = take_bool(query);
}

static int store_profile_by_name(struct store *store, const char *name, struct profile *out)
{
    struct query query;

    query_open(&query, store, &statements, BY_NAME);
    put_text(&query, name);
    return query_one(&query, read_profile, out, sizeof *out);
}

static int store_profile_each(struct store *store, int (*each)(void *context, const struct profile *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, EACH);
    return QUERY_EACH(&query, profile, read_profile, each, context);
}

void store_profile_verbs(struct store *verbs)
{
    verbs->profile_by_name = store_profile_by_name;
    verbs->profile_each = store_profile_each;
}
