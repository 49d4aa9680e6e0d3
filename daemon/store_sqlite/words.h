/* words.h - how more than one domain's enums are spelled in the file. */
#ifndef TINYPART_STORE_SQLITE_WORDS_H
#define TINYPART_STORE_SQLITE_WORDS_H

#include "daemon/store_sqlite/statement.h"

#define WORDS(...)                                                                                                  \
    {                                                                                                               \
        (const char *const[]){ "", __VA_ARGS__ }, sizeof((const char *const[]){ "", __VA_ARGS__ }) / sizeof(char *) \
    }

extern const struct words key_type_words;   /* enum key_type */
extern const struct words step_state_words; /* enum step_state */

/* Both or neither column of a public key; type 0 is no key. */
void put_key(struct query *query, const struct public_key *key);
void take_key(struct query *query, struct public_key *out);

/* NULL where there is none; key must outlive the query. */
void put_content_key(struct query *query, const struct content_key *key);

/* The states of a step under way, as the partial index step_under_way has them: SQLite uses the index only where a
 * query says the same. */
#define UNDER_WAY "state IN ('triggering', 'triggered', 'manifest_fetched', 'image_fetched', 'probing')"

/* A step with its columns from s, in read_step's order. */
#define STEP_COLUMNS                                                                                           \
    "s.id, s.rollout_id, s.tenant_id, s.device_id, s.device, s.state, s.reason, s.attempts, s.sequence,"       \
    " s.manifest_path, s.image_path, s.manifest_digest, s.due_ms, s.deadline_ms, s.image_bytes, s.created_ms," \
    " s.updated_ms, s.content_key"
void read_step(struct query *query, void *out);

#endif
