/* words.c - spellings and columns that more than one domain's file reads. */
#include "daemon/store_sqlite/words.h"

const struct words key_type_words = WORDS("ed25519", "p256", "hss-lms", "ml-dsa-44", "ml-dsa-65", "ml-dsa-87");
const struct words step_state_words =
    WORDS("waiting", "triggering", "triggered", "manifest_fetched", "image_fetched", "probing", "installed",
          "delivered", "refused", "failed", "unreachable", "aborted");

void put_key(struct query *query, const struct public_key *key)
{
    if (key->type == 0) {
        put_id(query, 0);
        put_id(query, 0);
        return;
    }
    put_word(query, &key_type_words, key->type);
    put_bytes(query, bytes_view(key->raw, key->size));
}

void take_key(struct query *query, struct public_key *out)
{
    out->type = (enum key_type)take_word(query, &key_type_words);
    take_bytes(query, out->raw, sizeof out->raw, &out->size);
}

void put_content_key(struct query *query, const struct content_key *key)
{
    if (key->is_set)
        put_bytes(query, bytes_view(key->secret, sizeof key->secret));
    else
        put_id(query, 0);
}

static void take_content_key(struct query *query, struct content_key *out)
{
    size_t size = 0;

    take_bytes(query, out->secret, sizeof out->secret, &size);
    out->is_set = size == sizeof out->secret;
}

void read_step(struct query *query, void *out)
{
    struct step *step = out;

    step->id = take_int(query);
    step->rollout_id = take_int(query);
    step->tenant_id = take_int(query);
    step->device_id = take_int(query);
    take_text(query, step->device, sizeof step->device);
    step->state = (enum step_state)take_word(query, &step_state_words);
    take_text(query, step->reason, sizeof step->reason);
    step->attempts = take_unsigned(query);
    step->sequence = take_u64(query);
    take_text(query, step->manifest_path, sizeof step->manifest_path);
    take_text(query, step->image_path, sizeof step->image_path);
    take_digest(query, step->manifest_digest);
    step->due_ms = take_int(query);
    step->deadline_ms = take_int(query);
    step->image_bytes = take_u64(query);
    step->created_ms = take_int(query);
    step->updated_ms = take_int(query);
    take_content_key(query, &step->content_key);
}
