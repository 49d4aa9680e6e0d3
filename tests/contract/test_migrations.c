/* test_migrations.c - databases of earlier versions, with content, under this program. */
#include "tests/contract/store_contract.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/store_sqlite/cells.h"
#include "daemon/store_sqlite/migration.h"
#include "daemon/store_sqlite/store_sqlite.h"

#define BEFORE_LOSSES  5  /* 0006_losses follows */
#define BEFORE_RUNNING 16 /* 0017_running follows */

static char folder[64], path[96];

SEEN_EACH(tenant_key)

/* Two tenants, devices 1, 2 and 70; releases over all of them, one pack of telemetry, a departed device. */
static const char content[] =
    "INSERT INTO tenant (id, name, created_ms) VALUES (1, 'acme', 1), (2, 'beta', 1);"
    "INSERT INTO device (id, name, state, class_name, address, sequence, telemetry_sequence, created_ms, seen_ms)"
    " VALUES (1, 'd1', 'unclaimed', '', '', 0, 0, 1, 0), (2, 'd2', 'unclaimed', '', '', 0, 0, 1, 0),"
    " (70, 'd70', 'unclaimed', '', '', 0, 0, 1, 0);"
    "INSERT INTO departed VALUES ('gone', 9, 0);"
    "INSERT INTO budget_cap VALUES (1, 0, 5000000), (1, 101, 7000000), (2, 0, 1000000);"
    "INSERT INTO budget VALUES (1, 100, 600000, 5000000), (1, 101, 3000000, 7000000);"
    "INSERT INTO filter VALUES (1, 100, 600000, 1000000), (2, 100, 500000, 1000000), (70, 100, 500000, 900000),"
    " (1, 101, 3000000, 9000000), (9, 100, 1, 1000000);"
    "INSERT INTO odometer VALUES (1, 3600000, 0), (2, 500000, 800000), (70, 500000, 0), (9, 1, 0);"
    "INSERT INTO charge (cause, cause_id, tenant_id, device_id, epoch, ueps) VALUES"
    " ('release', 1, 1, NULL, 100, 500000), ('release', 1, NULL, 1, 100, 500000), ('release', 1, NULL, 2, 100, 500000),"
    " ('release', 1, NULL, 70, 100, 500000), ('telemetry', 1, NULL, 1, 100, 100000), ('telemetry', 1, 1, NULL, 100, "
    "100000),"
    " ('release', 2, 1, NULL, 101, 3000000), ('release', 2, NULL, 1, 101, 3000000), ('telemetry', 2, NULL, 9, 100, 1);"
    "INSERT INTO release VALUES (1, 'r1', zeroblob(32), 1, 'sum', 'load', '', 5, 6, 500000, 1, 3, 7, '{\"a\":1}');"
    "INSERT INTO policy VALUES (1, 'load', 1, 'device-epoch', 'zero-out', 86400000, 100, 0, 10, '', 'laplace', 100000,"
    " 24, 1000, 1000, 1, x'00');";

static void make_old(const char *change)
{
    struct why why = { "", "", "" };
    sqlite3 *db = NULL;
    char *words = NULL;

    unlink(path);
    ok(sqlite3_open(path, &db));
    ok(migration_apply(db, migrations, BEFORE_LOSSES, &why));
    if (sqlite3_exec(db, content, NULL, NULL, &words) != SQLITE_OK ||
        sqlite3_exec(db, change, NULL, NULL, &words) != SQLITE_OK)
        fail_msg("%s", words);
    ok(sqlite3_close(db));
}

static int run_sql(const char *sql)
{
    sqlite3 *db = NULL;

    ok(sqlite3_open(path, &db));
    int r = sqlite3_exec(db, sql, NULL, NULL, NULL);
    ok(sqlite3_close(db));
    return r;
}

static struct store *open_now(void)
{
    struct store *store = NULL;
    struct why why = { "", "", "" };

    if (store_sqlite_open(path, &store, &why) != 0)
        fail_msg("%s", why.what);
    return store;
}

static void a_ledger_of_epsilon_alone_keeps_all_that_it_had_and_gets_its_rho(void **state)
{
    struct charge_standing standing;
    struct ledger_count count;
    struct budget_terms terms;
    struct release release;
    struct policy policy;
    struct device device;

    (void)state;
    make_old("");
    struct store *store = open_now();
    ok(store->check(store, NULL));
    ok(store->ledger_recount(store, &count, NULL));
    assert_int_equal(count.charges, 9);
    assert_int_equal(count.filters, 5);
    assert_int_equal(count.odometers, 4);
    assert_int_equal(count.budgets, 2);
    ok(store->filter_standing(store, 1, 100, &standing));
    assert_int_equal(standing.spent.ueps, 600000);
    assert_int_equal(standing.spent.nrho, 125000000 + 5000000); /* 0.5^2/2 + 0.1^2/2, not 0.6^2/2 */
    assert_false(standing.spent.impure);
    assert_int_equal(standing.cap.ueps, 900000); /* the lowest of the epoch's */
    assert_true(standing.cap.pure_only);
    ok(store->filter_standing(store, 1, 101, &standing));
    assert_int_equal(standing.spent.nrho, 3000000000); /* 3, less than 3^2/2 */
    ok(store->filter_standing(store, 9, 100, &standing));
    assert_int_equal(standing.spent.nrho, 1); /* rounded up */
    ok(store->budget_standing(store, 1, 100, &standing));
    assert_int_equal(standing.spent.ueps, 600000);
    assert_int_equal(standing.spent.nrho, 130000000);
    assert_int_equal(standing.cap.ueps, 5000000);
    ok(store->terms_get(store, 1, 101, &terms));
    assert_int_equal(terms.cap.ueps, 7000000);
    assert_int_equal(terms.unlock_ppm, 1000000);
    ok(store->device_by_name(store, "d2", &device));
    assert_int_equal(device.life_spent.ueps, 500000);
    assert_int_equal(device.life_cap.ueps, 800000);
    ok(store->device_by_name(store, "d70", &device));
    assert_int_equal(device.life_spent.nrho, 125000000);
    assert_int_equal(device.life_cap.ueps, 0);
    ok(store->release_by_id(store, 1, 1, &release));
    assert_string_equal(release.answer, "{\"a\":1}");
    assert_string_equal(release.mechanism, "laplace");
    assert_int_equal(release.loss.ueps, 500000);
    assert_int_equal(release.loss.nrho, 125000000);
    assert_false(release.loss.impure);
    ok(store->policy_newest(store, "load", &policy));
    assert_int_equal(policy.reading.nrho, 5000000);
    store->close(store);
}

static void a_ledger_that_did_not_add_up_does_not_afterwards(void **state)
{
    static const char *const changes[] = {
        "UPDATE filter SET spent_ueps = 600001 WHERE device_id = 1 AND epoch = 100",
        "UPDATE budget SET spent_ueps = 600001 WHERE epoch = 100",
        "UPDATE odometer SET spent_ueps = 3600001 WHERE device_id = 1",
        "DROP TRIGGER charge_is_kept; DELETE FROM charge WHERE id = 2",
    };

    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        make_old(changes[i]);
        struct store *store = open_now();
        assert_int_equal(store->ledger_recount(store, NULL, NULL), REFUSED_CONFLICT);
        store->close(store);
    }
}

/* What refers to a device must outlive the making anew of its table, and the ids that were given stay given. */
static void keys_and_devices_are_kept_when_their_tables_are_made_anew(void **state)
{
    static const char keys[] =
        "INSERT INTO tenant_key (id, tenant_id, type, raw, fingerprint, created_ms, revoked_ms) VALUES"
        " (7, 2, 'p256', x'04', zeroblob(32), 5, 6);"
        "INSERT INTO device (id, name, state, profile, class_name, address, sequence, telemetry_sequence,"
        " report_key_type, report_key, created_ms, seen_ms)"
        " VALUES (90, 'd90', 'claimed', 'tinypart', 'c', 'coap://[fd00::1]', 4, 3, 'ed25519', x'0102', 8, 9),"
        " (91, 'd91', 'unclaimed', NULL, '', '', 0, 0, NULL, NULL, 1, 0);"
        "INSERT INTO label VALUES (90, 'site', 'lyon');"
        "DELETE FROM device WHERE id = 91;";
    struct device device, next = { .name = "next", .state = DEVICE_UNCLAIMED };
    struct tenant_key key = { .tenant_id = 1, .key = { .type = KEY_HSS_LMS, .size = 60 }, .fingerprint = { 1 } };
    struct seen seen = { 0 };

    (void)state;
    make_old(keys);
    struct store *store = open_now();
    ok(store->check(store, NULL));
    ok(store->device_by_name(store, "d90", &device));
    assert_int_equal(device.id, 90);
    assert_int_equal(device.state, DEVICE_CLAIMED);
    assert_string_equal(device.address, "coap://[fd00::1]");
    assert_int_equal(device.sequence, 4);
    assert_int_equal(device.telemetry_sequence, 3);
    assert_int_equal(device.report_key.type, KEY_ED25519);
    assert_int_equal(device.report_key.size, 2);
    assert_int_equal(device.created_ms, 8);
    assert_int_equal(device.label_count, 1);
    assert_string_equal(device.labels[0].value, "lyon");
    ok(store->tenant_key_each(store, 2, see_tenant_key, &seen));
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.ids[0], 7);
    ok(in_transaction(store, store->tenant_key_insert(store, &key)));
    key.tenant_id = 77;
    key.fingerprint[0] = 2;
    assert_int_equal(in_transaction(store, store->tenant_key_insert(store, &key)),
                     REFUSED_UNKNOWN); /* enforced again */
    ok(in_transaction(store, store->device_insert(store, &next)));
    assert_int_equal(next.id, 92);
    store->close(store);
    assert_int_equal(run_sql("UPDATE device SET sequence = 3 WHERE id = 90"), SQLITE_CONSTRAINT); /* the trigger */
    ok(run_sql("SELECT id FROM device INDEXED BY device_unclaimed WHERE state = 'unclaimed'"));
}

/* Releases that may cost nothing: the table is made anew under the values that name its rows. */
static void answers_and_what_they_paid_for_are_kept_when_releases_are_made_anew(void **state)
{
    static const char some[] =
        "INSERT INTO tenant (id, name, created_ms) VALUES (1, 'acme', 1);"
        "INSERT INTO release VALUES (4, 'r4', zeroblob(32), 1, 'device-sum', 'load', 's', '', 5, 6, 'gaussian', NULL, "
        "7, 0,"
        " 1, 3, 9, '{\"a\":1}'), (6, 'r6', zeroblob(32), 1, 'sum', 'load', '', '', 5, 6, 'laplace', 8, 7, 0, 1, 3, 9, "
        "'{}');"
        "INSERT INTO shared_value VALUES (1, 70, 'load', 1, 'device-sum', 'gaussian', 5, 3, 5, 6, -42, 4);"
        "INSERT INTO departed VALUES ('gone', 9, 0), ('gone-too', 3, 0);";
    struct shared_value value = { 70, "load", "device-sum", "gaussian", 1, 5, 3, 5, 6, 0, 0 };
    struct why why = { "", "", "" };
    struct release release;
    sqlite3 *db = NULL;

    (void)state;
    unlink(path);
    ok(sqlite3_open(path, &db));
    ok(cells_register(db));
    ok(migration_apply(db, migrations, BEFORE_RUNNING, &why));
    ok(sqlite3_exec(db, some, NULL, NULL, NULL));
    ok(sqlite3_close(db));
    struct store *store = open_now();
    ok(store->check(store, NULL));
    ok(store->release_by_id(store, 1, 4, &release));
    assert_true(release.loss.impure);
    assert_int_equal(release.loss.nrho, 7);
    assert_string_equal(release.answer, "{\"a\":1}");
    ok(store->release_by_id(store, 1, 6, &release));
    assert_int_equal(release.loss.ueps, 8);
    ok(store->shared_get(store, &value));
    assert_int_equal(value.value, -42);
    assert_int_equal(value.release_id, 4);
    store->close(store);
    assert_int_equal(run_sql("DELETE FROM release WHERE id = 4"), SQLITE_CONSTRAINT);
    assert_int_equal(run_sql("UPDATE release SET answer = 'x' WHERE id = 6"), SQLITE_CONSTRAINT);
    assert_int_equal(run_sql("UPDATE departure SET number = 1 WHERE device_id = 9"), SQLITE_CONSTRAINT); /* 1 is 3's */
}

static void a_row_that_refers_to_nothing_is_no_foundation_for_a_migration(void **state)
{
    struct why why = { "", "", "" };
    struct store *store = NULL;

    (void)state;
    make_old("PRAGMA foreign_keys = OFF; INSERT INTO label VALUES (55, 'site', 'lyon')");
    assert_int_equal(store_sqlite_open(path, &store, &why), -EIO);
    assert_non_null(strstr(why.what, "a row refers to one that is not there"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ledger_of_epsilon_alone_keeps_all_that_it_had_and_gets_its_rho),
        cmocka_unit_test(a_ledger_that_did_not_add_up_does_not_afterwards),
        cmocka_unit_test(keys_and_devices_are_kept_when_their_tables_are_made_anew),
        cmocka_unit_test(answers_and_what_they_paid_for_are_kept_when_releases_are_made_anew),
        cmocka_unit_test(a_row_that_refers_to_nothing_is_no_foundation_for_a_migration),
    };
    const char *place = getenv("TMPDIR");

    snprintf(folder, sizeof folder, "%.40s/tinypart-XXXXXX", place != NULL ? place : "/tmp");
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(path, sizeof path, "%s/registry.db", folder);
    int failed = cmocka_run_group_tests_name("migrations", tests, NULL, NULL);
    unlink(path);
    rmdir(folder);
    return failed;
}
