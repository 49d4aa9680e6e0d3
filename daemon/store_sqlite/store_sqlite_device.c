/* store_sqlite_device.c - devices with their labels.
 * Labels travel inside struct device, so one query reads both: the labels come as one text, parted by control
 * characters that no label may hold. A device that is deleted leaves its filters, odometer and charges behind, and the
 * table departed says whose they are: one that comes again under its name goes on where it stood, or else deleting and
 * making a device would empty its filter. Its id is given to no other device. */
#include "daemon/store_sqlite/verbs.h"
#include "daemon/store_sqlite/words.h"

#include <errno.h>
#include <string.h>

#include "daemon/base/text.h"

enum {
    INSERT,
    INSERT_LIFE_CAP,
    INSERT_LABEL,
    UPDATE,
    DELETE_LABELS,
    BY_NAME,
    BY_ID,
    EACH,
    EACH_UNCLAIMED,
    EACH_CLAIMED,
    COUNT,
    COUNT_UNCLAIMED,
    SEEN,
    DELETE,
    DEPART,
    RETURN,
    OPEN_STEP,
    WAITING_STEP,
    RAISE_TELEMETRY,
    KNOWN,
    SUSPECT,
    TRUST,
    WATCH_GET,
    WATCH_PUT,
    WATCH_FORGET
};

#define LOST                                                                                       \
    "ledger_cell(l.cells, d.id, 0), ledger_cell(l.cells, d.id, 1), ledger_cell(l.cells, d.id, 2)," \
    " ledger_cell(l.cells, d.id, 3)"
#define MAY "ledger_cell(c.cells, d.id, 0), ledger_cell(c.cells, d.id, 1), ledger_cell(c.cells, d.id, 2)"
#define COLUMNS                                                                                    \
    "SELECT d.id, d.name, d.state, coalesce(d.profile, ''), d.class_name, d.address, d.sequence,"  \
    " d.telemetry_sequence, d.report_key_type, d.report_key, d.encryption_key, " LOST ", " MAY     \
    ", d.created_ms, d.seen_ms, d.suspect_ms, d.suspect_reason,"                                   \
    " (SELECT group_concat(key || char(31) || value, char(30)) FROM label WHERE device_id = d.id)" \
    " FROM device d LEFT JOIN life l ON l.place = d.id / 64 LEFT JOIN life_cap c ON c.place = d.id / 64"

static const struct statements statements = {
    DOMAIN_DEVICE,
    {
        /* without a departed one of its name the id is NULL: the next */
        [INSERT] = "INSERT INTO device (name, state, profile, class_name, address, sequence, telemetry_sequence,"
                   " report_key_type, report_key, encryption_key, created_ms, seen_ms, id) VALUES (?1, ?, ?, ?, ?,"
                   " max(?, coalesce((SELECT sequence FROM departed WHERE name = ?1), 0)), ?, ?, ?, ?, ?, ?,"
                   " (SELECT device_id FROM departed WHERE name = ?1)) RETURNING id",
        /* one that comes again keeps the caps that it had */
        [INSERT_LIFE_CAP] = "INSERT INTO life_cap (place, cells) SELECT ?1 / 64, ledger_set(NULL, ?1, ?2, ?3, ?4)"
                            " WHERE ?2 + ?3 + ?4 > 0 AND NOT EXISTS (SELECT 1 FROM departed WHERE device_id = ?1)"
                            " ON CONFLICT (place) DO UPDATE SET cells = ledger_set(life_cap.cells, ?1, ?2, ?3, ?4)",
        [INSERT_LABEL] = "INSERT INTO label (device_id, key, value) VALUES (?, ?, ?)",
        [UPDATE] = "UPDATE device SET state = ?, profile = ?, class_name = ?, address = ?, report_key_type = ?,"
                   " report_key = ?, encryption_key = ? WHERE id = ?",
        [DELETE_LABELS] = "DELETE FROM label WHERE device_id = ?",
        [BY_NAME] = COLUMNS " WHERE d.name = ?",
        [BY_ID] = COLUMNS " WHERE d.id = ?",
        [EACH] = COLUMNS " WHERE d.id > ? ORDER BY d.id LIMIT ?",
        /* the state is spelled out so that the partial index on the few unclaimed ones is used */
        [EACH_UNCLAIMED] = COLUMNS " WHERE d.state = 'unclaimed' AND d.id > ? ORDER BY d.id LIMIT ?",
        [EACH_CLAIMED] = COLUMNS " WHERE d.state = 'claimed' AND d.id > ? ORDER BY d.id LIMIT ?",
        [COUNT] = "SELECT count(*) FROM device",
        [COUNT_UNCLAIMED] = "SELECT count(*) FROM device WHERE state = 'unclaimed'",
        [SEEN] = "UPDATE device SET seen_ms = max(seen_ms, ?) WHERE id = ?",
        [DELETE] = "DELETE FROM device WHERE id = ?",
        [DEPART] = "INSERT INTO departed (name, device_id, sequence) SELECT d.name, d.id, d.sequence FROM device d"
                   " LEFT JOIN life l ON l.place = d.id / 64 WHERE d.id = ?"
                   " AND (d.sequence > 0 OR ledger_cell(l.cells, d.id, 1) > 0)", /* all that is lost has a rho */
        [RETURN] = "DELETE FROM departed WHERE device_id = ?",
        [OPEN_STEP] = "SELECT 1 FROM step WHERE device_id = ? AND " UNDER_WAY,
        [WAITING_STEP] = "SELECT 1 FROM step INDEXED BY step_waiting WHERE device_id = ? AND state = 'waiting' LIMIT 1",
        [RAISE_TELEMETRY] = "UPDATE device SET telemetry_sequence = ? WHERE id = ? AND telemetry_sequence < ?",
        [KNOWN] = "SELECT 1 FROM device WHERE id = ?",
        [SUSPECT] = "UPDATE device SET suspect_ms = ?, suspect_reason = ? WHERE id = ? AND suspect_ms = 0",
        [TRUST] = "UPDATE device SET suspect_ms = 0, suspect_reason = '' WHERE id = ? AND suspect_ms > 0",
        [WATCH_GET] = "SELECT state FROM watch WHERE device_id = ? AND sensor = ?",
        [WATCH_PUT] = "INSERT INTO watch (device_id, sensor, state) VALUES (?, ?, ?)"
                      " ON CONFLICT (device_id, sensor) DO UPDATE SET state = excluded.state",
        [WATCH_FORGET] = "DELETE FROM watch WHERE device_id = ?",
    },
};

static const struct words state_words = WORDS("unclaimed", "claimed");

struct label_text {
    char text[LABELS_MAX * (2 * NAME_SIZE)];
};

static void split_labels(char *text, struct device *device)
{
    char *rest = text[0] != '\0' ? text : NULL;

    while (rest != NULL && device->label_count < LABELS_MAX) {
        struct label *label = &device->labels[device->label_count++];
        char *pair = strsep(&rest, "\x1e");
        char *key = strsep(&pair, "\x1f");

        text_copy(label->key, sizeof label->key, key);
        text_copy(label->value, sizeof label->value, pair == NULL ? "" : pair);
    }
}

static void read_device(struct query *query, void *out)
{
    struct device *device = out;
    struct label_text labels;
    size_t size;

    device->id = take_int(query);
    take_text(query, device->name, sizeof device->name);
    device->state = (enum device_state)take_word(query, &state_words);
    take_text(query, device->profile, sizeof device->profile);
    take_text(query, device->class_name, sizeof device->class_name);
    take_text(query, device->address, sizeof device->address);
    device->sequence = take_u64(query);
    device->telemetry_sequence = take_u64(query);
    take_key(query, &device->report_key);
    take_bytes(query, device->encryption_key, sizeof device->encryption_key, &size);
    device->life_spent.ueps = take_int(query);
    device->life_spent.nrho = take_int(query);
    device->life_spent.delta = take_int(query);
    device->life_spent.impure = take_bool(query);
    device->life_cap.ueps = take_int(query);
    device->life_cap.nrho = take_int(query);
    device->life_cap.delta = take_int(query);
    device->created_ms = take_int(query);
    device->seen_ms = take_int(query);
    device->suspect_ms = take_int(query);
    take_text(query, device->suspect_reason, sizeof device->suspect_reason);
    take_text(query, labels.text, sizeof labels.text);
    split_labels(labels.text, device);
}

static void put_text_or_null(struct query *query, const char *text)
{
    if (text[0] != '\0')
        put_text(query, text);
    else
        put_id(query, 0);
}

static void put_encryption_key(struct query *query, const struct device *device)
{
    if (device->encryption_key[0] != 0)
        put_bytes(query, bytes_view(device->encryption_key, sizeof device->encryption_key));
    else
        put_id(query, 0);
}

static int insert_labels(struct store *store, int64_t id, const struct device *device)
{
    struct query query;
    int r = device->label_count > LABELS_MAX ? -EINVAL : 0;

    for (size_t i = 0; r == 0 && i < device->label_count; i++) {
        query_open(&query, store, &statements, INSERT_LABEL);
        put_int(&query, id);
        put_text(&query, device->labels[i].key);
        put_text(&query, device->labels[i].value);
        r = query_run(&query);
    }
    return r;
}

static int insert_row(struct store *store, const struct device *device, int64_t *out_id)
{
    struct query query;

    query_open(&query, store, &statements, INSERT);
    put_text(&query, device->name);
    put_word(&query, &state_words, device->state);
    put_text_or_null(&query, device->profile);
    put_text(&query, device->class_name);
    put_text(&query, device->address);
    put_u64(&query, device->sequence);
    put_u64(&query, device->telemetry_sequence);
    put_key(&query, &device->report_key);
    put_encryption_key(&query, device);
    put_int(&query, device->created_ms);
    put_int(&query, device->seen_ms);
    return query_int(&query, out_id);
}

static int insert_life_cap(struct store *store, int64_t id, const struct loss_caps *cap)
{
    struct query query;

    query_open(&query, store, &statements, INSERT_LIFE_CAP);
    put_int(&query, id);
    put_int(&query, cap->ueps);
    put_int(&query, cap->nrho);
    put_int(&query, cap->delta);
    return query_run(&query);
}

static int with_id(struct store *store, unsigned which, int64_t id)
{
    struct query query;

    query_open(&query, store, &statements, which);
    put_int(&query, id);
    return query_run(&query);
}

static int store_device_by_id(struct store *store, int64_t id, struct device *out)
{
    struct query query;

    query_open(&query, store, &statements, BY_ID);
    put_int(&query, id);
    return query_one(&query, read_device, out, sizeof *out);
}

static int store_device_insert(struct store *store, struct device *device)
{
    struct device made;
    int64_t id = 0;
    int r = savepoint_open(store);

    if (r != 0)
        return r;
    r = insert_row(store, device, &id);
    if (r == 0)
        r = insert_life_cap(store, id, &device->life_cap);
    if (r == 0)
        r = insert_labels(store, id, device);
    if (r == 0)
        r = with_id(store, RETURN, id);
    if (r == 0)
        r = store_device_by_id(store, id, &made);
    r = savepoint_close(store, r);
    if (r != 0)
        return r;
    device->id = id;
    device->sequence = made.sequence;
    device->life_spent = made.life_spent;
    device->life_cap = made.life_cap;
    return 0;
}

static int update_row(struct store *store, const struct device *device)
{
    struct query query;

    query_open(&query, store, &statements, UPDATE);
    put_word(&query, &state_words, device->state);
    put_text_or_null(&query, device->profile);
    put_text(&query, device->class_name);
    put_text(&query, device->address);
    put_key(&query, &device->report_key);
    put_encryption_key(&query, device);
    put_int(&query, device->id);
    return query_must_change(&query, REFUSED_UNKNOWN);
}

static int store_device_update(struct store *store, const struct device *device)
{
    int r = savepoint_open(store);

    if (r != 0)
        return r;
    r = update_row(store, device);
    if (r == 0)
        r = with_id(store, DELETE_LABELS, device->id);
    if (r == 0)
        r = insert_labels(store, device->id, device);
    return savepoint_close(store, r);
}

static int store_device_by_name(struct store *store, const char *name, struct device *out)
{
    struct query query;

    query_open(&query, store, &statements, BY_NAME);
    put_text(&query, name);
    return query_one(&query, read_device, out, sizeof *out);
}

static int store_device_each(struct store *store, enum device_state state, struct page page,
                             int (*each)(void *context, const struct device *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements,
               state == DEVICE_UNCLAIMED ? EACH_UNCLAIMED
               : state == DEVICE_CLAIMED ? EACH_CLAIMED
                                         : EACH);
    put_page(&query, page);
    return QUERY_EACH(&query, device, read_device, each, context);
}

static int count_of(struct store *store, unsigned which, int64_t *out)
{
    struct query query;

    query_open(&query, store, &statements, which);
    return query_int(&query, out);
}

static int store_device_count(struct store *store, enum device_state state, int64_t *out)
{
    int64_t all = 0, unclaimed = 0;
    int r = 0;

    if (state != DEVICE_UNCLAIMED)
        r = count_of(store, COUNT, &all);
    if (r == 0 && state != 0)
        r = count_of(store, COUNT_UNCLAIMED, &unclaimed);
    if (r == 0)
        *out = state == DEVICE_UNCLAIMED ? unclaimed : all - unclaimed;
    return r;
}

static int store_device_seen(struct store *store, int64_t id, int64_t now_ms)
{
    struct query query;

    query_open(&query, store, &statements, SEEN);
    put_int(&query, now_ms);
    put_int(&query, id);
    return query_must_change(&query, REFUSED_UNKNOWN);
}

static int row_exists(struct store *store, unsigned which, int64_t id)
{
    struct query query;
    int64_t one;

    query_open(&query, store, &statements, which);
    put_int(&query, id);
    return query_int(&query, &one);
}

static int delete_row(struct store *store, int64_t id)
{
    struct query query;
    int r = with_id(store, DEPART, id);

    if (r != 0)
        return r;
    query_open(&query, store, &statements, DELETE);
    put_int(&query, id);
    return query_must_change(&query, REFUSED_UNKNOWN);
}

static int store_device_delete(struct store *store, int64_t id)
{
    int r = row_exists(store, OPEN_STEP, id);

    if (r == REFUSED_UNKNOWN)
        r = row_exists(store, WAITING_STEP, id);
    if (r != REFUSED_UNKNOWN)
        return r == 0 ? REFUSED_CONFLICT : r;
    r = savepoint_open(store);
    return r != 0 ? r : savepoint_close(store, delete_row(store, id));
}

/* A row that was not changed: it is not there, or not in that state. */
static int conflict_if_known(struct store *store, int64_t id, int r)
{
    if (r != REFUSED_CONFLICT)
        return r;
    r = row_exists(store, KNOWN, id);
    return r == 0 ? REFUSED_CONFLICT : r;
}

static int store_device_telemetry_sequence(struct store *store, int64_t id, uint64_t sequence)
{
    struct query query;
    int r;

    /* A device chooses its numbers: one that SQLite cannot keep is a refusal, not a fault. */
    if (sequence > INT64_MAX)
        return REFUSED_CONFLICT;
    query_open(&query, store, &statements, RAISE_TELEMETRY);
    put_u64(&query, sequence);
    put_int(&query, id);
    put_u64(&query, sequence);
    r = query_must_change(&query, REFUSED_CONFLICT);
    return conflict_if_known(store, id, r);
}

static int store_device_suspect(struct store *store, int64_t id, int64_t now_ms, const char *reason)
{
    struct query query;

    query_open(&query, store, &statements, SUSPECT);
    put_int(&query, now_ms);
    put_text_cut(&query, reason, SUSPECT_REASON_SIZE);
    put_int(&query, id);
    return conflict_if_known(store, id, query_must_change(&query, REFUSED_CONFLICT));
}

static int store_device_trust(struct store *store, int64_t id)
{
    struct query query;
    int r;

    query_open(&query, store, &statements, TRUST);
    put_int(&query, id);
    r = conflict_if_known(store, id, query_must_change(&query, REFUSED_CONFLICT));
    return r == 0 ? with_id(store, WATCH_FORGET, id) : r;
}

static int store_watch_get(struct store *store, int64_t device_id, const char *sensor, uint8_t out[WATCH_SIZE])
{
    struct query query;
    size_t size;

    query_open(&query, store, &statements, WATCH_GET);
    put_int(&query, device_id);
    put_text(&query, sensor);
    return query_bytes(&query, out, WATCH_SIZE, &size, NULL);
}

static int store_watch_put(struct store *store, int64_t device_id, const char *sensor, const uint8_t state[WATCH_SIZE])
{
    struct query query;

    query_open(&query, store, &statements, WATCH_PUT);
    put_int(&query, device_id);
    put_text(&query, sensor);
    put_bytes(&query, bytes_view(state, WATCH_SIZE));
    return query_run(&query);
}

void store_device_verbs(struct store *verbs)
{
    verbs->device_insert = store_device_insert;
    verbs->device_update = store_device_update;
    verbs->device_by_name = store_device_by_name;
    verbs->device_by_id = store_device_by_id;
    verbs->device_each = store_device_each;
    verbs->device_count = store_device_count;
    verbs->device_seen = store_device_seen;
    verbs->device_delete = store_device_delete;
    verbs->device_telemetry_sequence = store_device_telemetry_sequence;
    verbs->device_suspect = store_device_suspect;
    verbs->device_trust = store_device_trust;
    verbs->watch_get = store_watch_get;
    verbs->watch_put = store_watch_put;
}
