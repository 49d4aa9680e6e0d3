#include "tests/unit/core/lab.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/base/buffer.h"
#include "daemon/base/text.h"
#include "daemon/store_sqlite/statement.h"

static int check_any(void *context, const char *config, struct why *why)
{
    (void)context;
    if (strcmp(config, "bad") == 0)
        return refuse(why, REFUSED_INVALID, "config", NULL, "that is bad");
    return 0;
}

static int deliver_note(void *context, const struct delivery *delivery)
{
    struct lab *lab = context;
    struct lab_delivery *note = &lab->deliveries[lab->delivery_count++];

    assert_true(lab->delivery_count <= LAB_DELIVERY_MAX);
    assert_false(sqlite3_get_autocommit(store_sqlite_of(lab->world->store)->db) == 0); /* I1: nothing is half saved */
    note->id = delivery->id;
    note->sink_id = delivery->sink_id;
    assert_int_equal(text_copy(note->sink, sizeof(note->sink), delivery->sink), 0);
    assert_int_equal(text_copy(note->idempotency, sizeof(note->idempotency), delivery->idempotency), 0);
    assert_int_equal(text_copy_bytes(note->body, sizeof(note->body), delivery->body), 0);
    return 0;
}

static int deliver_busy(void *context, const struct delivery *delivery)
{
    (void)context;
    (void)delivery;
    return REFUSED_BUSY;
}

static void must(const struct lab *lab, int r)
{
    if (r != 0)
        fail_msg("%d: %s (%s)", r, lab->why.what, lab->why.where);
}

int lab_setup(void **state)
{
    static const struct policy_order temperature = {
        .sensor = "temperature", .lower = "-20", .upper = "60.5", .unit_text = "Cel", .contributions = 2
    };
    struct lab *lab = calloc(1, sizeof(*lab));
    void *world;

    assert_non_null(lab);
    assert_int_equal(world_setup(&world), 0);
    lab->world = world;
    lab->core = &lab->world->core;
    lab->kinds[0] = (struct sink_kind){ "file", check_any, deliver_note, lab };
    lab->kinds[1] = (struct sink_kind){ "http", check_any, deliver_busy, lab };
    lab->sinks = (struct sink_port){ lab->kinds, 2 };
    lab->world->sinks = lab->core->sinks = &lab->sinks;
    lab->acme = world_tenant(lab->world, "acme");
    lab->beta = world_tenant(lab->world, "beta");
    world_grant(lab->world, lab->acme, "");
    world_grant(lab->world, lab->beta, "");
    lab_budget(lab, lab->acme, 5 * EPSILON);
    lab_budget(lab, lab->beta, 5 * EPSILON);
    lab_policy(lab, &temperature);
    *state = lab;
    return 0;
}

int lab_teardown(void **state)
{
    struct lab *lab = *state;
    struct audit_verdict verdict;
    void *world = lab->world;

    if (!lab->ledger_is_broken)
        must(lab, ledger_check(lab->core, &lab->why));
    assert_int_equal(audit_verify(lab->core, &lab->world->owner, &verdict, NULL), 0);
    assert_int_equal(verdict.broken_at, 0);
    assert_int_equal(world_teardown(&world), 0);
    free(lab);
    return 0;
}

struct device lab_device(struct lab *lab, const char *name)
{
    return world_device(lab->world, name, "tinypart", "site=lyon");
}

struct device lab_riot(struct lab *lab, const char *name)
{
    return world_device(lab->world, name, "riot-tinypart", "site=lyon");
}

void lab_reading(struct lab *lab, const struct device *device, int64_t value)
{
    struct store *store = lab->world->store;
    struct reading reading = {
        .device_id = device->id, .value = value, .scale = 100, .policy_version = lab->policy.version
    };

    strcpy(reading.sensor, "temperature");
    assert_int_equal(store->begin(store), 0);
    assert_int_equal(ledger_now_ms(lab->core, &reading.received_ms), 0);
    reading.epoch = ledger_epoch(lab->core, reading.received_ms);
    assert_int_equal(store->reading_insert(store, &reading), 0);
    assert_int_equal(store->commit(store), 0);
}

void lab_policy(struct lab *lab, const struct policy_order *order)
{
    must(lab, policy_set(lab->core, &lab->world->privacy_officer, order, &lab->policy, &lab->why));
}

void lab_budget(struct lab *lab, const struct world_tenant *tenant, int64_t cap_ueps)
{
    struct budget_order order = { 0 };
    struct budget budget;
    char epsilon[32];

    fixed_format(cap_ueps, 6, epsilon);
    order.epsilon = epsilon;
    must(lab, budget_set(lab->core, &lab->world->privacy_officer, tenant->tenant.name, &order, &budget, &lab->why));
}

void lab_sink(struct lab *lab, const struct world_tenant *tenant, const char *name, const char *kind)
{
    const struct sink_order order = { .name = name, .kind = kind, .config = "{}" };
    struct sink sink;

    must(lab, sink_create(lab->core, &tenant->caller, &order, &sink, &lab->why));
}

int lab_ask(struct lab *lab, const struct world_tenant *tenant, const char *query, int64_t ueps, const char *request,
            struct release *out)
{
    const struct release_order order = {
        .query = query, .sensor = "temperature", .loss.ueps = ueps, .request = request
    };

    memset(&lab->why, 0, sizeof(lab->why));
    lab->world->clock.now_ms += 1; /* the window ends before now: let what was received at this very moment in */
    return release_create(lab->core, &tenant->caller, &order, out, &lab->why);
}

struct release lab_release(struct lab *lab, const struct world_tenant *tenant, const char *query, int64_t ueps,
                           const char *request)
{
    struct release release;

    must(lab, lab_ask(lab, tenant, query, ueps, request, &release));
    return release;
}

json_t *lab_answer(const struct release *release)
{
    json_error_t error;
    json_t *answer = json_loadb(release->answer, release->answer_size, JSON_REJECT_DUPLICATES, &error);

    if (answer == NULL)
        fail_msg("%s: %s", error.text, release->answer);
    return answer;
}

const char *lab_text(const json_t *answer, const char *path, const char *key)
{
    const char *text = json_string_value(json_object_get(path != NULL ? json_object_get(answer, path) : answer, key));

    assert_non_null(text);
    return text;
}

static sqlite3 *db_of(const struct lab *lab)
{
    return store_sqlite_of(lab->world->store)->db;
}

void lab_sql(struct lab *lab, const char *sql)
{
    if (sqlite3_exec(db_of(lab), sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sqlite3_errmsg(db_of(lab)), sql);
}

int64_t lab_number(struct lab *lab, const char *sql)
{
    sqlite3_stmt *stmt;

    assert_int_equal(sqlite3_prepare_v2(db_of(lab), sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return value;
}

int64_t lab_readings(struct lab *lab)
{
    return lab_number(lab, "SELECT count(*) FROM reading");
}

static void append_table(struct lab *lab, const char *table, struct buffer *out)
{
    char sql[256];
    sqlite3_stmt *stmt;

    snprintf(sql, sizeof(sql), "SELECT * FROM \"%s\" ORDER BY 1, 2", table);
    if (sqlite3_prepare_v2(db_of(lab), sql, -1, &stmt, NULL) != SQLITE_OK) {
        snprintf(sql, sizeof(sql), "SELECT * FROM \"%s\"", table); /* one column only */
        assert_int_equal(sqlite3_prepare_v2(db_of(lab), sql, -1, &stmt, NULL), SQLITE_OK);
    }
    buffer_text(out, table);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        for (int i = 0; i < sqlite3_column_count(stmt); i++) {
            const void *value = sqlite3_column_blob(stmt, i);
            buffer_append(out, value, (size_t)sqlite3_column_bytes(stmt, i));
            buffer_text(out, "|");
        }
    sqlite3_finalize(stmt);
}

void lab_fingerprint(struct lab *lab, uint8_t out[DIGEST_SIZE])
{
    struct buffer buffer;
    sqlite3_stmt *stmt;

    buffer_init(&buffer, 1u << 26);
    assert_int_equal(sqlite3_prepare_v2(db_of(lab), "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name",
                                        -1, &stmt, NULL),
                     SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        append_table(lab, (const char *)sqlite3_column_text(stmt, 0), &buffer);
    sqlite3_finalize(stmt);
    assert_int_equal(buffer.fault, 0);
    assert_int_equal(lab->core->crypto->sha256(lab->core->crypto->context, buffer_view(&buffer), out), 0);
    buffer_deinit(&buffer);
}

int64_t lab_spent(struct lab *lab, const struct world_tenant *tenant)
{
    struct budget budget;

    must(lab, budget_get(lab->core, &tenant->caller, NULL, &budget, &lab->why));
    return budget.spent.ueps;
}

int64_t lab_filter(struct lab *lab, const struct device *device)
{
    struct charge_standing standing;
    int64_t now_ms;

    assert_int_equal(ledger_peek_ms(lab->core, &now_ms), 0);
    int r =
        lab->world->store->filter_standing(lab->world->store, device->id, ledger_epoch(lab->core, now_ms), &standing);
    if (r == REFUSED_UNKNOWN)
        return 0;
    assert_int_equal(r, 0);
    return standing.spent.ueps;
}
