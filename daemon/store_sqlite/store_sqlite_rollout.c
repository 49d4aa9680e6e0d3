/* store_sqlite_rollout.c - deploy orders. Their counts are taken from the steps' index, never kept twice. */
#include "daemon/store_sqlite/verbs.h"
#include "daemon/store_sqlite/words.h"

#include <errno.h>

enum { INSERT, BY_ID, COUNT, EACH, COUNTS, MOVE, UNFINISHED };

#define COLUMNS                                                                                                    \
    "SELECT r.id, r.tenant_id, t.name, r.image_id, i.name, i.version, r.selector, r.slot, r.state, r.concurrency," \
    " r.attempts_max, r.deadline_ms, r.created_by, r.created_ms, r.finished_ms, r.encrypted"                       \
    " FROM rollout r JOIN tenant t ON t.id = r.tenant_id JOIN image i ON i.id = r.image_id"

static const struct statements statements = {
    DOMAIN_ROLLOUT,
    {
        [INSERT] = "INSERT INTO rollout (tenant_id, image_id, selector, slot, state, concurrency, attempts_max,"
                   " deadline_ms, created_by, created_ms, finished_ms, encrypted)"
                   " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                   " RETURNING id",
        [BY_ID] = COLUMNS " WHERE r.id = ?1 AND (?2 = 0 OR r.tenant_id = ?2)",
        [COUNT] = "SELECT count(*) FROM rollout INDEXED BY rollout_open"
                  " WHERE tenant_id = ? AND state IN ('running', 'paused')",
        [EACH] = COLUMNS " WHERE (?1 = 0 OR r.tenant_id = ?1) AND r.id > ?2 ORDER BY r.id LIMIT ?3",
        [COUNTS] = "SELECT state, count(*) FROM step INDEXED BY step_listed WHERE rollout_id = ? GROUP BY state",
        [MOVE] = "UPDATE rollout SET state = ?1, finished_ms = ?2 WHERE id = ?3 AND state = ?4",
        [UNFINISHED] = "SELECT EXISTS (SELECT 1 FROM step INDEXED BY step_waiting"
                       " WHERE rollout_id = ?1 AND state = 'waiting')"
                       " OR EXISTS (SELECT 1 FROM step INDEXED BY step_under_way"
                       " WHERE rollout_id = ?1 AND " UNDER_WAY ")",
    },
};

static const struct words state_words = WORDS("running", "paused", "aborted", "done");

static void read_rollout(struct query *query, void *out)
{
    struct rollout *rollout = out;

    rollout->id = take_int(query);
    rollout->tenant_id = take_int(query);
    take_text(query, rollout->tenant, sizeof rollout->tenant);
    rollout->image_id = take_int(query);
    take_text(query, rollout->image, sizeof rollout->image);
    take_text(query, rollout->version, sizeof rollout->version);
    take_text(query, rollout->selector, sizeof rollout->selector);
    rollout->slot = take_unsigned(query);
    rollout->state = (enum rollout_state)take_word(query, &state_words);
    rollout->concurrency = take_unsigned(query);
    rollout->attempts_max = take_unsigned(query);
    rollout->deadline_ms = take_int(query);
    take_text(query, rollout->created_by, sizeof rollout->created_by);
    rollout->created_ms = take_int(query);
    rollout->finished_ms = take_int(query);
    rollout->encrypted = take_bool(query);
}

static int store_rollout_insert(struct store *store, struct rollout *rollout)
{
    struct query query;

    query_open(&query, store, &statements, INSERT);
    put_int(&query, rollout->tenant_id);
    put_int(&query, rollout->image_id);
    put_text(&query, rollout->selector);
    put_int(&query, rollout->slot);
    put_word(&query, &state_words, rollout->state);
    put_int(&query, rollout->concurrency);
    put_int(&query, rollout->attempts_max);
    put_int(&query, rollout->deadline_ms);
    put_text(&query, rollout->created_by);
    put_int(&query, rollout->created_ms);
    put_int(&query, rollout->finished_ms);
    put_int(&query, rollout->encrypted);
    return query_int(&query, &rollout->id);
}

struct state_count {
    unsigned state, count;
};

static void read_count(struct query *query, void *out)
{
    struct state_count *count = out;

    count->state = take_word(query, &step_state_words);
    count->count = take_unsigned(query);
}

static int add_count(void *context, const struct state_count *count)
{
    struct rollout *rollout = context;

    rollout->steps[count->state] = count->count;
    return 0;
}

static int count_steps(struct store *store, struct rollout *rollout)
{
    struct query query;

    query_open(&query, store, &statements, COUNTS);
    put_int(&query, rollout->id);
    return QUERY_EACH(&query, state_count, read_count, add_count, rollout);
}

static int read_terms(struct store *store, int64_t tenant_id, int64_t id, struct rollout *out)
{
    struct query query;

    query_open(&query, store, &statements, BY_ID);
    put_int(&query, id);
    put_int(&query, tenant_id);
    return query_one(&query, read_rollout, out, sizeof *out);
}

static int store_rollout_terms(struct store *store, int64_t id, struct rollout *out)
{
    return read_terms(store, 0, id, out);
}

static int store_rollout_by_id(struct store *store, int64_t tenant_id, int64_t id, struct rollout *out)
{
    struct rollout rollout;
    int r;

    r = read_terms(store, tenant_id, id, &rollout);
    if (r == 0)
        r = count_steps(store, &rollout);
    if (r == 0)
        *out = rollout;
    return r;
}

static int store_rollout_count(struct store *store, int64_t tenant_id, int64_t *out)
{
    struct query query;

    query_open(&query, store, &statements, COUNT);
    put_int(&query, tenant_id);
    return query_int(&query, out);
}

/* Between a rollout's row and whoever asked for it: its counts. */
struct counting {
    struct store *store;
    int (*each)(void *context, const struct rollout *row);
    void *context;
};

static int count_and_pass(void *context, const struct rollout *row)
{
    const struct counting *counting = context;
    struct rollout rollout = *row;
    int r = count_steps(counting->store, &rollout);

    return r != 0 ? r : counting->each(counting->context, &rollout);
}

static int store_rollout_each(struct store *store, int64_t tenant_id, struct page page,
                              int (*each)(void *context, const struct rollout *row), void *context)
{
    struct counting counting = { store, each, context };
    struct query query;

    query_open(&query, store, &statements, EACH);
    put_int(&query, tenant_id);
    put_page(&query, page);
    return QUERY_EACH(&query, rollout, read_rollout, count_and_pass, &counting);
}

static int store_rollout_move(struct store *store, int64_t id, enum rollout_state from, enum rollout_state to,
                              int64_t now_ms)
{
    struct rollout known;
    struct query query;
    int r;

    query_open(&query, store, &statements, MOVE);
    put_word(&query, &state_words, to);
    put_int(&query, to == ROLLOUT_ABORTED || to == ROLLOUT_DONE ? now_ms : 0);
    put_int(&query, id);
    put_word(&query, &state_words, from);
    r = query_must_change(&query, REFUSED_CONFLICT);
    if (r != REFUSED_CONFLICT)
        return r;
    r = store_rollout_by_id(store, 0, id, &known);
    return r == 0 ? REFUSED_CONFLICT : r;
}

static int store_rollout_is_unfinished(struct store *store, int64_t id, bool *out)
{
    struct query query;
    int64_t is = 0;
    int r;

    query_open(&query, store, &statements, UNFINISHED);
    put_int(&query, id);
    r = query_int(&query, &is);
    if (r == 0)
        *out = is != 0;
    return r;
}

void store_rollout_verbs(struct store *verbs)
{
    verbs->rollout_insert = store_rollout_insert;
    verbs->rollout_by_id = store_rollout_by_id;
    verbs->rollout_terms = store_rollout_terms;
    verbs->rollout_count = store_rollout_count;
    verbs->rollout_each = store_rollout_each;
    verbs->rollout_move = store_rollout_move;
    verbs->rollout_is_unfinished = store_rollout_is_unfinished;
}
