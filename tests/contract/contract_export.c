/* contract_export.c - sinks and the outbox: in order, until acknowledged. */
#include "tests/contract/store_contract.h"

#include <errno.h>
#include <stdio.h>

SEEN_EACH(sink)
SEEN_EACH(outbox_row)

static int64_t add_delivery(struct store *store, int64_t sink_id, int64_t due_ms, const char *body)
{
    struct outbox_row row = { .sink_id = sink_id,
                              .tenant_id = 1,
                              .kind = "release",
                              .subject = 7,
                              .created_ms = NOW,
                              .due_ms = due_ms,
                              .idempotency = "key-1" };

    ok(in_transaction(store, store->outbox_insert(store, &row, bytes_of_text(body))));
    return row.id;
}

static void a_sink_is_found_listed_and_named_once_a_tenant(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), b = add_tenant(store, "b"), id = add_sink(store, a, "lake");
    struct sink again = { .tenant_id = a, .name = "lake", .kind = "http", .config = "{}" }, found = { 0 };
    struct seen all = { 0 }, of_a = { 0 };

    assert_int_equal(in_transaction(store, store->sink_insert(store, &again)), REFUSED_EXISTS);
    again.tenant_id = 99;
    assert_int_equal(in_transaction(store, store->sink_insert(store, &again)), REFUSED_UNKNOWN);
    add_sink(store, b, "lake");
    add_delivery(store, id, NOW, "x");
    ok(store->sink_by_name(store, a, "lake", &found));
    assert_int_equal(found.id, id);
    assert_string_equal(found.tenant, "a");
    assert_string_equal(found.kind, "file");
    assert_int_equal(found.waiting, 1);
    ok(store->sink_by_id(store, id, &found));
    assert_int_equal(store->sink_by_name(store, a, "sea", &found), REFUSED_UNKNOWN);
    assert_int_equal(store->sink_by_id(store, 99, &found), REFUSED_UNKNOWN);
    ok(store->sink_each(store, 0, everything, see_sink, &all));
    ok(store->sink_each(store, a, everything, see_sink, &of_a));
    assert_int_equal(all.count, 2);
    assert_int_equal(of_a.count, 1);
}

static void a_deleted_sink_takes_its_deliveries_along_and_says_how_many(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), id = add_sink(store, a, "lake"), dropped = 9;
    int64_t done = add_delivery(store, id, NOW, "x");
    struct seen left = { 0 };

    add_delivery(store, id, NOW, "y");
    ok(in_transaction(store, store->outbox_delivered(store, done, NOW)));
    ok(in_transaction(store, store->sink_delete(store, id, &dropped)));
    assert_int_equal(dropped, 1);
    assert_int_equal(in_transaction(store, store->sink_delete(store, id, &dropped)), REFUSED_UNKNOWN);
    ok(store->outbox_each(store, 0, everything, see_outbox_row, &left));
    assert_int_equal(left.count, 0);
    /* an id in flight at a sink that is gone never means another delivery */
    assert_true(add_delivery(store, add_sink(store, a, "lake"), NOW, "z") > done + 1);
}

static void each_sink_gives_its_oldest_waiting_row_where_it_is_due(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), first = add_sink(store, a, "first"), second = add_sink(store, a, "second");
    int64_t one = add_delivery(store, first, NOW + 5, "1");
    struct seen due = { 0 }, later = { 0 }, limited = { 0 }, rest = { 0 };
    int64_t two, next = 0;

    assert_true(one > 0);
    add_delivery(store, first, NOW, "2"); /* due, but behind one that is not: order is kept */
    two = add_delivery(store, second, NOW + 1, "3");
    ok(store->outbox_next_due(store, &next));
    assert_int_equal(next, NOW + 1);
    ok(store->outbox_due(store, NOW + 1, 10, see_outbox_row, &due));
    assert_int_equal(due.count, 1);
    assert_int_equal(due.ids[0], two);
    ok(store->outbox_due(store, NOW + 5, 10, see_outbox_row, &later));
    assert_int_equal(later.count, 2);
    ok(store->outbox_due(store, NOW + 5, 1, see_outbox_row, &limited));
    assert_int_equal(limited.count, 1);
    ok(in_transaction(store, store->outbox_delivered(store, one, NOW + 6)));
    ok(store->outbox_due(store, NOW + 6, 10, see_outbox_row, &rest));
    assert_int_equal(rest.count, 2);
    assert_int_equal(rest.ids[0], one + 1);
}

static int check_row(void *context, const struct outbox_row *row)
{
    (void)context;
    assert_string_equal(row->sink, "lake");
    assert_string_equal(row->tenant, "a");
    assert_string_equal(row->kind, "release");
    assert_string_equal(row->idempotency, "key-1");
    assert_string_equal(row->error, "503 from sink");
    assert_int_equal(row->subject, 7);
    assert_int_equal(row->attempts, 1);
    return 0;
}

static void a_delivery_is_tried_until_acknowledged_and_once_only(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), id = add_delivery(store, add_sink(store, a, "lake"), NOW, "body"), next = 0;
    struct seen none = { 0 };
    uint8_t body[8];
    size_t size = 0;

    ok(store->outbox_body(store, id, body, sizeof body, &size));
    assert_int_equal(size, 4);
    assert_memory_equal(body, "body", 4);
    assert_int_equal(store->outbox_body(store, id, body, 3, &size), -E2BIG);
    ok(in_transaction(store, store->outbox_again(store, id, NOW + 10, "503 from sink")));
    ok(store->outbox_due(store, NOW + 9, 10, see_outbox_row, &none));
    assert_int_equal(none.count, 0);
    ok(store->outbox_due(store, NOW + 10, 10, check_row, NULL));
    ok(in_transaction(store, store->outbox_delivered(store, id, NOW + 11)));
    assert_int_equal(in_transaction(store, store->outbox_delivered(store, id, NOW)), REFUSED_CONFLICT);
    assert_int_equal(in_transaction(store, store->outbox_again(store, id, NOW, "x")), REFUSED_CONFLICT);
    assert_int_equal(in_transaction(store, store->outbox_delivered(store, 99, NOW)), REFUSED_UNKNOWN);
    assert_int_equal(in_transaction(store, store->outbox_again(store, 99, NOW, "x")), REFUSED_UNKNOWN);
    assert_int_equal(store->outbox_body(store, id, body, sizeof body, &size), REFUSED_UNKNOWN);
    assert_int_equal(store->outbox_body(store, 99, body, sizeof body, &size), REFUSED_UNKNOWN);
    assert_int_equal(store->outbox_next_due(store, &next), REFUSED_UNKNOWN);
}

static void acknowledged_deliveries_are_forgotten_after_a_time_and_waiting_ones_never(void **state)
{
    struct store *store = *state;
    int64_t lake = add_sink(store, add_tenant(store, "a"), "lake"), deleted = 9;
    int64_t one = add_delivery(store, lake, NOW, "x"), two = add_delivery(store, lake, NOW, "y");
    struct seen left = { 0 };
    struct sink sink;

    add_delivery(store, lake, NOW, "z");
    ok(in_transaction(store, store->outbox_delivered(store, one, NOW + 1)));
    ok(in_transaction(store, store->outbox_delivered(store, two, NOW + 2)));
    ok(in_transaction(store, store->outbox_expire(store, NOW + 1, 10, &deleted)));
    assert_int_equal(deleted, 0);
    ok(in_transaction(store, store->outbox_expire(store, NOW + 1000, 1, &deleted)));
    assert_int_equal(deleted, 1);
    ok(in_transaction(store, store->outbox_expire(store, NOW + 1000, 10, &deleted)));
    assert_int_equal(deleted, 1);
    ok(store->outbox_each(store, 0, everything, see_outbox_row, &left));
    assert_int_equal(left.count, 1);
    ok(store->sink_by_id(store, lake, &sink));
    assert_int_equal(sink.waiting, 1);
}

static void a_full_outbox_takes_no_more_until_one_is_delivered(void **state)
{
    struct store *store = *state;
    int64_t lake = add_sink(store, add_tenant(store, "a"), "lake"), first = add_delivery(store, lake, NOW, "x");
    struct outbox_row row = { .sink_id = lake, .tenant_id = 1, .kind = "rows", .idempotency = "k" };
    struct sink sink;
    int r = 0;

    ok(store->begin(store));
    for (int i = 1; i < OUTBOX_PER_SINK_MAX && r == 0; i++)
        r = store->outbox_insert(store, &row, bytes_of_text("y"));
    ok(r);
    assert_int_equal(store->outbox_insert(store, &row, bytes_of_text("y")), REFUSED_BUSY);
    ok(store->outbox_delivered(store, first, NOW));
    ok(store->outbox_insert(store, &row, bytes_of_text("y")));
    ok(store->sink_by_id(store, lake, &sink));
    assert_int_equal(sink.waiting, OUTBOX_PER_SINK_MAX);
    store->rollback(store);
}

static int check_delivered(void *context, const struct outbox_row *row)
{
    *(int64_t *)context = row->delivered_ms;
    assert_int_equal(row->attempts, 1);
    return 0;
}

static void deliveries_stay_on_record_and_survive_a_reopening(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), sink = add_sink(store, a, "lake"), delivered_ms = 0;
    int64_t one = add_delivery(store, sink, NOW, "1"), two = add_delivery(store, sink, NOW, "2");
    struct seen due = { 0 }, foreign = { 0 };

    ok(in_transaction(store, store->outbox_delivered(store, one, NOW + 1)));
    contract_reopen(state);
    store = *state;
    ok(store->outbox_due(store, NOW, 10, see_outbox_row, &due));
    assert_int_equal(due.count, 1);
    assert_int_equal(due.ids[0], two);
    ok(store->outbox_each(store, a, (struct page){ 0, 1 }, check_delivered, &delivered_ms));
    assert_int_equal(delivered_ms, NOW + 1);
    ok(store->outbox_each(store, a + 1, everything, see_outbox_row, &foreign));
    assert_int_equal(foreign.count, 0);
}

int contract_export(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(a_sink_is_found_listed_and_named_once_a_tenant),
        CONTRACT_TEST(a_deleted_sink_takes_its_deliveries_along_and_says_how_many),
        CONTRACT_TEST(each_sink_gives_its_oldest_waiting_row_where_it_is_due),
        CONTRACT_TEST(a_delivery_is_tried_until_acknowledged_and_once_only),
        CONTRACT_TEST(acknowledged_deliveries_are_forgotten_after_a_time_and_waiting_ones_never),
        CONTRACT_TEST(a_full_outbox_takes_no_more_until_one_is_delivered),
        CONTRACT_TEST(deliveries_stay_on_record_and_survive_a_reopening),
    };

    return cmocka_run_group_tests_name("export", tests, NULL, NULL);
}
