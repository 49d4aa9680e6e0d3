/* store_sqlite_step.c - one device's part in a rollout.
 * What waits is found rollout by rollout, so that each is held to its own concurrency and a rollout of a million
 * devices costs a tick no more than its free places. What is under way is a small set with an index of its own, which
 * also makes a second step under way on one device impossible (I10). */
#include "daemon/store_sqlite/verbs.h"
#include "daemon/store_sqlite/words.h"

#include <errno.h>

enum {
    INSERT,
    BY_ID,
    EACH,
    ROOM,
    DUE,
    OVERDUE,
    COUNT_UNDER_WAY,
    NEXT_WAITING,
    NEXT_SILENCE,
    TRY,
    RAISE_SEQUENCE,
    ADD_PATH,
    MOVE,
    PROGRESS,
    ABORT_WAITING,
    OF_DEVICE,
    BY_MANIFEST
};

#define STEPS        "SELECT " STEP_COLUMNS " FROM step s"
#define TAKEN_PLACES "(SELECT count(*) FROM step INDEXED BY step_under_way WHERE rollout_id = r.id AND " UNDER_WAY ")"

static const struct statements statements = {
    DOMAIN_STEP,
    {
        [INSERT] = "INSERT INTO step (rollout_id, tenant_id, device_id, device, state, reason, attempts, due_ms,"
                   " deadline_ms, created_ms, updated_ms)"
                   " SELECT ?, ?, id, name, ?, ?, ?, ?, ?, ?, ? FROM device WHERE id = ? RETURNING id",
        [BY_ID] = STEPS " WHERE s.id = ?",
        [EACH] = STEPS " INDEXED BY step_listed WHERE s.rollout_id = ? AND s.id > ? ORDER BY s.id LIMIT ?",
        [ROOM] = "SELECT r.id, r.concurrency - " TAKEN_PLACES " FROM rollout r WHERE r.state = 'running'",
        [DUE] = STEPS " INDEXED BY step_waiting WHERE s.rollout_id = ? AND s.state = 'waiting' AND s.due_ms <= ?"
                      " AND NOT EXISTS (SELECT 1 FROM step o INDEXED BY step_under_way"
                      " WHERE o.device_id = s.device_id AND o." UNDER_WAY ")"
                      " ORDER BY s.due_ms, s.id LIMIT ?",
        [OVERDUE] = STEPS " INDEXED BY step_under_way WHERE s." UNDER_WAY " AND s.due_ms <= ?"
                          " ORDER BY s.due_ms, s.id LIMIT ?",
        [COUNT_UNDER_WAY] = "SELECT count(*) FROM step INDEXED BY step_under_way WHERE " UNDER_WAY,
        [NEXT_WAITING] = "SELECT min((SELECT min(due_ms) FROM step INDEXED BY step_waiting"
                         " WHERE rollout_id = r.id AND state = 'waiting'))"
                         " FROM rollout r WHERE r.state = 'running' AND " TAKEN_PLACES " < r.concurrency",
        [NEXT_SILENCE] = "SELECT min(due_ms) FROM step INDEXED BY step_under_way WHERE " UNDER_WAY,
        [TRY] = "UPDATE step SET state = 'triggering', attempts = attempts + 1, sequence = ?, manifest_path = ?,"
                " image_path = ?, manifest_digest = ?, content_key = ?, image_bytes = 0, due_ms = ?, updated_ms = ?,"
                " deadline_ms = CASE deadline_ms WHEN 0 THEN ? ELSE deadline_ms END"
                " WHERE id = ? AND state = 'waiting'",
        [RAISE_SEQUENCE] = "UPDATE device SET sequence = ?1 WHERE sequence < ?1"
                           " AND id = (SELECT device_id FROM step WHERE id = ?2)",
        [ADD_PATH] = "INSERT INTO fetch_path (path, step_id, is_manifest, digest, expires_ms) VALUES (?, ?, ?, ?, ?)",
        [MOVE] = "UPDATE step SET state = ?, reason = coalesce(?, reason), due_ms = ?, updated_ms = ?"
                 " WHERE id = ? AND state = ?",
        [PROGRESS] = "UPDATE step SET image_bytes = max(image_bytes, ?), due_ms = ? WHERE id = ?",
        [ABORT_WAITING] = "UPDATE step SET state = 'aborted', reason = ?, updated_ms = ?"
                          " WHERE rollout_id = ? AND state = 'waiting'",
        [OF_DEVICE] = STEPS " INDEXED BY step_under_way WHERE s.device_id = ? AND s." UNDER_WAY,
        [BY_MANIFEST] = STEPS " WHERE s.manifest_digest = ? ORDER BY s.id DESC LIMIT 1",
    },
};

static int store_step_insert(struct store *store, struct step *step)
{
    struct query query;

    query_open(&query, store, &statements, INSERT);
    put_int(&query, step->rollout_id);
    put_int(&query, step->tenant_id);
    put_word(&query, &step_state_words, step->state);
    put_text_cut(&query, step->reason, sizeof step->reason);
    put_int(&query, step->attempts);
    put_int(&query, step->due_ms);
    put_int(&query, step->deadline_ms);
    put_int(&query, step->created_ms);
    put_int(&query, step->updated_ms);
    put_int(&query, step->device_id);
    return query_int(&query, &step->id);
}

static int store_step_by_id(struct store *store, int64_t id, struct step *out)
{
    struct query query;

    query_open(&query, store, &statements, BY_ID);
    put_int(&query, id);
    return query_one(&query, read_step, out, sizeof *out);
}

static int store_step_each(struct store *store, int64_t rollout_id, struct page page,
                           int (*each)(void *context, const struct step *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, EACH);
    put_int(&query, rollout_id);
    put_page(&query, page);
    return QUERY_EACH(&query, step, read_step, each, context);
}

struct room {
    int64_t rollout_id;
    int64_t places;
};

static void read_room(struct query *query, void *out)
{
    struct room *room = out;

    room->rollout_id = take_int(query);
    room->places = take_int(query);
}

struct gathering {
    struct store *store;
    struct rows *steps;
    int64_t now_ms;
    unsigned limit;
};

static int gather_of_rollout(void *context, const struct room *room)
{
    struct gathering *gathering = context;
    int64_t left = (int64_t)gathering->limit - (int64_t)gathering->steps->count;
    struct query query;

    if (left > room->places)
        left = room->places;
    if (left <= 0)
        return 0;
    query_open(&query, gathering->store, &statements, DUE);
    put_int(&query, room->rollout_id);
    put_int(&query, gathering->now_ms);
    put_int(&query, left);
    return query_rows(&query, gathering->steps, sizeof(struct step), read_step);
}

/* Two rollouts may both have a step waiting for one device: only the first of them is handed out. */
static bool device_seen_before(const struct rows *steps, size_t index)
{
    const struct step *step = rows_at(steps, index);

    for (size_t i = 0; i < index; i++)
        if (((const struct step *)rows_at(steps, i))->device_id == step->device_id)
            return true;
    return false;
}

static int store_steps_due(struct store *store, int64_t now_ms, unsigned limit,
                           int (*each)(void *context, const struct step *row), void *context)
{
    __attribute__((cleanup(rows_deinit))) struct rows steps = { .size = sizeof(struct step) };
    struct gathering gathering = { store, &steps, now_ms, limit < PAGE_MAX ? limit : PAGE_MAX };
    struct query query;
    int r;

    query_open(&query, store, &statements, ROOM);
    r = QUERY_EACH(&query, room, read_room, gather_of_rollout, &gathering);
    for (size_t i = 0; r == 0 && i < steps.count; i++)
        if (!device_seen_before(&steps, i))
            r = each(context, rows_at(&steps, i));
    return r;
}

static int store_steps_overdue(struct store *store, int64_t now_ms, unsigned limit,
                               int (*each)(void *context, const struct step *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, OVERDUE);
    put_int(&query, now_ms);
    put_int(&query, limit);
    return QUERY_EACH(&query, step, read_step, each, context);
}

static int store_steps_under_way(struct store *store, int64_t *out_count)
{
    struct query query;

    query_open(&query, store, &statements, COUNT_UNDER_WAY);
    return query_int(&query, out_count);
}

static int store_step_next_due(struct store *store, int64_t *out_due_ms)
{
    int64_t waiting = 0, silence = 0;
    struct query query;
    int r, s;

    query_open(&query, store, &statements, NEXT_WAITING);
    r = query_int(&query, &waiting);
    if (r < 0)
        return r;
    query_open(&query, store, &statements, NEXT_SILENCE);
    s = query_int(&query, &silence);
    if (s < 0 || (s != 0 && r != 0))
        return s;
    *out_due_ms = s != 0 || (r == 0 && waiting < silence) ? waiting : silence;
    return 0;
}

static int unknown_or_conflict(struct store *store, int64_t step_id)
{
    struct step known;
    int r = store_step_by_id(store, step_id, &known);

    return r == 0 ? REFUSED_CONFLICT : r;
}

static int try_row(struct store *store, const struct step_try *attempt)
{
    struct query query;
    int r;

    query_open(&query, store, &statements, TRY);
    put_u64(&query, attempt->sequence);
    put_text(&query, attempt->manifest_path);
    put_text(&query, attempt->image_path);
    put_digest(&query, attempt->manifest_digest);
    put_content_key(&query, &attempt->content_key);
    put_int(&query, attempt->due_ms);
    put_int(&query, attempt->now_ms);
    put_int(&query, attempt->deadline_ms);
    put_int(&query, attempt->step_id);
    r = query_must_change(&query, REFUSED_CONFLICT);
    if (r == REFUSED_CONFLICT)
        return unknown_or_conflict(store, attempt->step_id);
    return r == REFUSED_EXISTS ? REFUSED_CONFLICT : r; /* the device has another step under way */
}

static int raise_sequence(struct store *store, const struct step_try *attempt)
{
    struct query query;

    query_open(&query, store, &statements, RAISE_SEQUENCE);
    put_u64(&query, attempt->sequence);
    put_int(&query, attempt->step_id);
    return query_must_change(&query, REFUSED_CONFLICT);
}

static int add_path(struct store *store, const struct step_try *attempt, bool is_manifest)
{
    struct query query;

    query_open(&query, store, &statements, ADD_PATH);
    put_text(&query, is_manifest ? attempt->manifest_path : attempt->image_path);
    put_int(&query, attempt->step_id);
    put_int(&query, is_manifest);
    put_digest(&query, is_manifest ? attempt->manifest_digest : attempt->image_digest);
    put_int(&query, attempt->paths_expire_ms);
    return query_run(&query);
}

static int store_step_try(struct store *store, const struct step_try *attempt)
{
    int r = savepoint_open(store);

    if (r != 0)
        return r;
    r = try_row(store, attempt);
    if (r == 0)
        r = raise_sequence(store, attempt);
    if (r == 0)
        r = add_path(store, attempt, true);
    if (r == 0)
        r = add_path(store, attempt, false);
    return savepoint_close(store, r);
}

static int store_step_move(struct store *store, const struct step_move *move)
{
    struct query query;
    int r;

    query_open(&query, store, &statements, MOVE);
    put_word(&query, &step_state_words, move->to);
    put_text_cut(&query, move->reason, REASON_SIZE);
    put_int(&query, move->due_ms);
    put_int(&query, move->now_ms);
    put_int(&query, move->step_id);
    put_word(&query, &step_state_words, move->from);
    r = query_must_change(&query, REFUSED_CONFLICT);
    if (r == REFUSED_CONFLICT)
        return unknown_or_conflict(store, move->step_id);
    return r == REFUSED_EXISTS ? REFUSED_CONFLICT : r;
}

static int store_step_progress(struct store *store, int64_t step_id, uint64_t image_bytes, int64_t due_ms)
{
    struct query query;

    query_open(&query, store, &statements, PROGRESS);
    put_u64(&query, image_bytes);
    put_int(&query, due_ms);
    put_int(&query, step_id);
    return query_must_change(&query, REFUSED_UNKNOWN);
}

static int store_steps_abort_waiting(struct store *store, int64_t rollout_id, const char *reason, int64_t now_ms)
{
    struct query query;

    query_open(&query, store, &statements, ABORT_WAITING);
    put_text_cut(&query, reason, REASON_SIZE);
    put_int(&query, now_ms);
    put_int(&query, rollout_id);
    return query_run(&query);
}

static int store_step_of_device(struct store *store, int64_t device_id, struct step *out)
{
    struct query query;

    query_open(&query, store, &statements, OF_DEVICE);
    put_int(&query, device_id);
    return query_one(&query, read_step, out, sizeof *out);
}

static int store_step_by_manifest(struct store *store, const uint8_t manifest_digest[DIGEST_SIZE], struct step *out)
{
    struct query query;

    query_open(&query, store, &statements, BY_MANIFEST);
    put_digest(&query, manifest_digest);
    return query_one(&query, read_step, out, sizeof *out);
}

void store_step_verbs(struct store *verbs)
{
    verbs->step_insert = store_step_insert;
    verbs->step_by_id = store_step_by_id;
    verbs->step_each = store_step_each;
    verbs->steps_due = store_steps_due;
    verbs->steps_overdue = store_steps_overdue;
    verbs->steps_under_way = store_steps_under_way;
    verbs->step_next_due = store_step_next_due;
    verbs->step_try = store_step_try;
    verbs->step_move = store_step_move;
    verbs->step_progress = store_step_progress;
    verbs->steps_abort_waiting = store_steps_abort_waiting;
    verbs->step_of_device = store_step_of_device;
    verbs->step_by_manifest = store_step_by_manifest;
}
