#include "tests/unit/core/lab.h"

#define DAY 86400000LL

static int64_t tick(struct lab *lab)
{
    int64_t next_ms;

    assert_int_equal(export_tick(lab->core, lab->world->clock.now_ms, &next_ms), 0);
    return next_ms;
}

static void queue(struct lab *lab, const struct world_tenant *tenant, const char *body)
{
    struct store *store = lab->world->store;

    assert_int_equal(store->begin(store), 0);
    assert_int_equal(export_queue(lab->core, tenant->tenant.id, "release", 1, bytes_of_text(body)), 0);
    assert_int_equal(store->commit(store), 0);
}

static const struct lab_delivery *newest(const struct lab *lab)
{
    assert_true(lab->delivery_count > 0);
    return &lab->deliveries[lab->delivery_count - 1];
}

static void outcome(struct lab *lab, const struct lab_delivery *delivery, bool delivered, const char *error)
{
    assert_int_equal(export_on_outcome(lab->core, delivery->id, delivered, error), 0);
}

static void delivers_in_order_one_at_a_time_to_each_sink(void **state)
{
    struct lab *lab = *state;

    lab_sink(lab, lab->acme, "lake", "file");
    lab_sink(lab, lab->acme, "sea", "file");
    queue(lab, lab->acme, "1");
    queue(lab, lab->acme, "2");
    tick(lab);
    tick(lab);
    assert_int_equal(lab->delivery_count, 2); /* the first one, at both */
    assert_string_equal(lab->deliveries[0].body, "1");
    assert_string_equal(lab->deliveries[1].body, "1");
    assert_string_not_equal(lab->deliveries[0].sink, lab->deliveries[1].sink);
    assert_string_not_equal(lab->deliveries[0].idempotency, lab->deliveries[1].idempotency);
    outcome(lab, &lab->deliveries[1], true, NULL);
    tick(lab);
    assert_int_equal(lab->delivery_count, 3); /* a slow sink holds up no other */
    assert_string_equal(newest(lab)->body, "2");
    assert_string_equal(newest(lab)->sink, lab->deliveries[1].sink);
}

static void a_release_goes_to_its_tenants_sinks_after_its_commit(void **state)
{
    struct lab *lab = *state;

    lab_device(lab, "thermo-1");
    lab_sink(lab, lab->acme, "lake", "file");
    lab_sink(lab, lab->beta, "sea", "file");
    struct release release = lab_release(lab, lab->acme, "sum", EPSILON, NULL);
    tick(lab);
    assert_int_equal(lab->delivery_count, 1);
    assert_string_equal(newest(lab)->sink, "lake");
    assert_string_equal(newest(lab)->body, release.answer); /* byte by byte */
}

static int find_error(void *context, const struct outbox_row *row)
{
    *(struct outbox_row *)context = *row;
    return 0;
}

static void tries_again_later_and_later_and_never_gives_up(void **state)
{
    struct lab *lab = *state;
    const struct page page = { 0, PAGE_MAX };
    int64_t longest = 0, waited;
    struct outbox_row row;

    lab_sink(lab, lab->acme, "lake", "file");
    queue(lab, lab->acme, "1");
    for (int i = 0; i < 30; i++) {
        assert_true(tick(lab) > lab->world->clock.now_ms);
        outcome(lab, newest(lab), false, "503 from sink");
        waited = tick(lab) - lab->world->clock.now_ms;
        int64_t most = i < 9 ? 1000LL << i : 300000;
        assert_in_range(waited, most / 2, most > 300000 ? 300000 : most);
        assert_int_equal(lab->delivery_count, i + 1);
        assert_string_equal(newest(lab)->idempotency, lab->deliveries[0].idempotency);
        longest = waited > longest ? waited : longest;
        lab->world->clock.now_ms += waited;
    }
    assert_true(longest > 150000);
    assert_int_equal(export_list(lab->core, &lab->acme->caller, page, find_error, &row, &lab->why), 0);
    assert_string_equal(row.error, "503 from sink");
    assert_int_equal(row.attempts, 30);
    tick(lab);
    outcome(lab, newest(lab), true, NULL);
    assert_int_equal(tick(lab), INT64_MAX);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM outbox WHERE delivered_ms = 0"), 0);
}

/* A sink's thread may end a delivery while the daemon ends. */
static void an_outcome_after_the_stop_still_counts(void **state)
{
    struct lab *lab = *state;

    lab_sink(lab, lab->acme, "lake", "file");
    lab_sink(lab, lab->acme, "sea", "file");
    queue(lab, lab->acme, "1");
    tick(lab);
    core_stop(lab->core);
    outcome(lab, &lab->deliveries[0], true, NULL);
    outcome(lab, &lab->deliveries[1], false, "broken off");
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM outbox WHERE delivered_ms > 0"), 1);
    assert_int_equal(core_start(lab->core, &lab->world->why), 0);
}

/* I12: what was under way is sent again under the same key. */
static void a_delivery_under_way_at_a_stop_is_sent_again_with_its_key(void **state)
{
    struct lab *lab = *state;

    lab_sink(lab, lab->acme, "lake", "file");
    queue(lab, lab->acme, "1");
    tick(lab);
    world_restart(lab->world);
    tick(lab);
    assert_int_equal(lab->delivery_count, 2);
    assert_string_equal(lab->deliveries[0].idempotency, lab->deliveries[1].idempotency);
    outcome(lab, newest(lab), true, NULL);
    /* an outcome nobody waits for any more */
    assert_int_equal(export_on_outcome(lab->core, newest(lab)->id, false, "late"), 0);
    assert_int_equal(tick(lab), INT64_MAX);
}

static void a_sink_whose_queue_is_full_keeps_its_rows_due(void **state)
{
    struct lab *lab = *state;

    lab_sink(lab, lab->acme, "busy", "http");
    lab_sink(lab, lab->acme, "lake", "file");
    queue(lab, lab->acme, "1");
    assert_int_equal(tick(lab), lab->world->clock.now_ms + 1000); /* no spinning */
    assert_int_equal(lab->delivery_count, 1);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM outbox WHERE attempts = 0"), 2);
}

static void a_kind_that_is_gone_from_the_daemon_waits_with_words(void **state)
{
    struct lab *lab = *state;
    const struct page page = { 0, PAGE_MAX };
    struct outbox_row row;

    lab_sink(lab, lab->acme, "lake", "file");
    queue(lab, lab->acme, "1");
    lab->sinks.count = 0;
    tick(lab);
    assert_int_equal(export_list(lab->core, &lab->acme->caller, page, find_error, &row, &lab->why), 0);
    assert_non_null(strstr(row.error, "built without"));
    assert_true(row.due_ms > lab->world->clock.now_ms);
}

static void a_deleted_sink_drops_what_waits_and_says_so(void **state)
{
    struct lab *lab = *state;

    lab_sink(lab, lab->acme, "lake", "file");
    queue(lab, lab->acme, "1");
    queue(lab, lab->acme, "2");
    tick(lab);
    assert_int_equal(sink_delete(lab->core, &lab->acme->caller, NULL, "lake", &lab->why), 0);
    assert_int_equal(
        lab_number(lab, "SELECT count(*) FROM audit WHERE action = 'sink.delete' AND detail LIKE '%\"dropped\":2%'"),
        1);
    outcome(lab, newest(lab), true, NULL); /* arrives for a row that is gone */
    lab_sink(lab, lab->acme, "lake", "file");
    queue(lab, lab->acme, "3");
    tick(lab);
    assert_string_equal(newest(lab)->body, "3");
}

/* I11: nothing is lost without a word. */
static void a_full_outbox_refuses_a_release_before_it_costs_anything(void **state)
{
    struct lab *lab = *state;
    struct release release;
    uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];

    lab_device(lab, "thermo-1");
    lab_sink(lab, lab->acme, "lake", "file");
    lab_sink(lab, lab->acme, "sea", "file");
    lab_sql(lab, "UPDATE sink SET waiting = 100000 WHERE name = 'sea'");
    lab_fingerprint(lab, before);
    assert_int_equal(lab_ask(lab, lab->acme, "sum", EPSILON, NULL, &release), REFUSED_BUSY);
    assert_string_equal(lab->why.where, "sink");
    lab_fingerprint(lab, after);
    assert_memory_equal(before, after, DIGEST_SIZE);
    lab_release(lab, lab->beta, "sum", EPSILON, NULL); /* another tenant is not held up */
    lab_sql(lab, "UPDATE sink SET waiting = 99999 WHERE name = 'sea'");
    lab_release(lab, lab->acme, "sum", EPSILON, NULL);
}

static int create(struct lab *lab, const struct caller *caller, struct sink_order order)
{
    struct sink sink;

    return sink_create(lab->core, caller, &order, &sink, &lab->why);
}

static void refuses_sinks_that_cannot_work(void **state)
{
    struct lab *lab = *state;
    const struct caller *acme = &lab->acme->caller;

    assert_int_equal(create(lab, acme, (struct sink_order){ NULL, "lake", "carrier-pigeon", "{}" }), REFUSED_INVALID);
    assert_int_equal(create(lab, acme, (struct sink_order){ NULL, "lake", NULL, "{}" }), REFUSED_INVALID);
    assert_int_equal(create(lab, acme, (struct sink_order){ NULL, "lake", "file", "bad" }), REFUSED_INVALID);
    assert_string_equal(lab->why.what, "that is bad"); /* the kind's own words */
    assert_int_equal(create(lab, acme, (struct sink_order){ NULL, "lake", "file", NULL }), REFUSED_INVALID);
    assert_int_equal(create(lab, acme, (struct sink_order){ NULL, "Lake", "file", "{}" }), REFUSED_INVALID);
    assert_int_equal(create(lab, acme, (struct sink_order){ NULL, NULL, "file", "{}" }), REFUSED_INVALID);
    assert_int_equal(create(lab, &lab->world->auditor, (struct sink_order){ "acme", "lake", "file", "{}" }),
                     REFUSED_FORBIDDEN);
    assert_int_equal(create(lab, acme, (struct sink_order){ "beta", "lake", "file", "{}" }), REFUSED_UNKNOWN); /* I8 */
    assert_int_equal(create(lab, acme, (struct sink_order){ NULL, "lake", "file", "{}" }), 0);
    assert_int_equal(create(lab, acme, (struct sink_order){ NULL, "lake", "http", "{}" }), REFUSED_EXISTS);
    assert_int_equal(create(lab, &lab->beta->caller, (struct sink_order){ NULL, "lake", "file", "{}" }), 0);
}

static void a_tenant_has_a_bounded_number_of_sinks(void **state)
{
    struct lab *lab = *state;
    char name[2] = "a";

    for (int i = 0; i < SINKS_PER_TENANT_MAX; i++, name[0]++)
        assert_int_equal(create(lab, &lab->acme->caller, (struct sink_order){ NULL, name, "file", "{}" }), 0);
    assert_int_equal(create(lab, &lab->acme->caller, (struct sink_order){ NULL, name, "file", "{}" }),
                     REFUSED_EXHAUSTED);
    queue(lab, lab->acme, "1");
    tick(lab);
    assert_int_equal(lab->delivery_count, SINKS_PER_TENANT_MAX);
}

static int count_sink(void *context, const struct sink *sink)
{
    assert_int_equal(sink->waiting, 1);
    ++*(int *)context;
    return 0;
}

/* I8 */
static void a_tenant_sees_its_own_sinks_only(void **state)
{
    struct lab *lab = *state;
    const struct page page = { 0, PAGE_MAX };
    struct outbox_row row = { 0 };
    struct sink sink;
    int count = 0;

    lab_sink(lab, lab->acme, "lake", "file");
    queue(lab, lab->acme, "1");
    assert_int_equal(sink_get(lab->core, &lab->beta->caller, NULL, "lake", &sink, &lab->why), REFUSED_UNKNOWN);
    assert_int_equal(sink_get(lab->core, &lab->beta->caller, "acme", "lake", &sink, &lab->why), REFUSED_UNKNOWN);
    assert_int_equal(sink_delete(lab->core, &lab->beta->caller, NULL, "lake", &lab->why), REFUSED_UNKNOWN);
    assert_int_equal(sink_list(lab->core, &lab->beta->caller, page, count_sink, &count, &lab->why), 0);
    assert_int_equal(export_list(lab->core, &lab->beta->caller, page, find_error, &row, &lab->why), 0);
    assert_int_equal(count, 0);
    assert_int_equal(row.id, 0);
    assert_int_equal(sink_list(lab->core, &lab->acme->caller, page, count_sink, &count, &lab->why), 0);
    assert_int_equal(count, 1);
}

static void acknowledged_rows_are_forgotten_after_a_week(void **state)
{
    struct lab *lab = *state;

    lab_sink(lab, lab->acme, "lake", "file");
    queue(lab, lab->acme, "1");
    queue(lab, lab->acme, "2");
    tick(lab);
    outcome(lab, newest(lab), true, NULL);
    bool more = true;
    assert_int_equal(export_expire(lab->core, lab->world->clock.now_ms + 7 * DAY, &more), 0);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM outbox"), 2);
    assert_int_equal(export_expire(lab->core, lab->world->clock.now_ms + 7 * DAY + 1, &more), 0);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM outbox"), 1); /* the one that waits stays */
    assert_false(more);
}

/* However fast rows come: the record of what was delivered does not outgrow its week. */
static void many_acknowledged_rows_are_forgotten_batch_by_batch(void **state)
{
    struct lab *lab = *state;
    int64_t next_ms;

    lab_sink(lab, lab->acme, "lake", "file");
    lab_sql(lab, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) INSERT INTO outbox"
                 " (sink_id, tenant_id, kind, subject, created_ms, due_ms, delivered_ms, idempotency)"
                 " SELECT sink.id, sink.tenant_id, 'rows', i, 1, 1, 1, i FROM n, sink");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(core_tick(lab->core, &next_ms), 0);
        lab->world->clock.now_ms += 1000;
    }
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM outbox"), 0);
    assert_true(lab->core->housekeeping_ms > lab->world->clock.now_ms + 60000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(delivers_in_order_one_at_a_time_to_each_sink),
        LAB_TEST(a_release_goes_to_its_tenants_sinks_after_its_commit),
        LAB_TEST(tries_again_later_and_later_and_never_gives_up),
        LAB_TEST(an_outcome_after_the_stop_still_counts),
        LAB_TEST(a_delivery_under_way_at_a_stop_is_sent_again_with_its_key),
        LAB_TEST(a_sink_whose_queue_is_full_keeps_its_rows_due),
        LAB_TEST(a_kind_that_is_gone_from_the_daemon_waits_with_words),
        LAB_TEST(a_deleted_sink_drops_what_waits_and_says_so),
        LAB_TEST(a_full_outbox_refuses_a_release_before_it_costs_anything),
        LAB_TEST(refuses_sinks_that_cannot_work),
        LAB_TEST(a_tenant_has_a_bounded_number_of_sinks),
        LAB_TEST(a_tenant_sees_its_own_sinks_only),
        LAB_TEST(acknowledged_rows_are_forgotten_after_a_week),
        LAB_TEST(many_acknowledged_rows_are_forgotten_batch_by_batch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
