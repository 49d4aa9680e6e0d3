/* test_store_sqlite.c - the contract on SQLite, and what is SQLite's own: the file, its owner, its schema's history. */
#include "daemon/store_sqlite/statement.h" /* before a macro of the next takes a name of its */

#include "tests/contract/store_contract.h"

#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/store_sqlite/cells.h"
#include "daemon/store_sqlite/migration.h"
#include "daemon/store_sqlite/store_sqlite.h"

static char folder[64], path[96];

static void remove_files(void)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };
    char name[128];

    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

static int reopen_file(struct store **out)
{
    struct why why = { "", "", "" };
    int r = store_sqlite_open(path, out, &why);

    if (r != 0)
        print_error("%d: %s\n", r, why.what);
    return r;
}

static int fresh_file(struct store **out)
{
    remove_files();
    return reopen_file(out);
}

/* The same file through SQLite itself, while no store has it open. */
static void run_sql(const char *sql)
{
    sqlite3 *db = NULL;

    ok(sqlite3_open(path, &db));
    ok(cells_register(db)); /* the schema's triggers ask ledger_falls() */
    ok(sqlite3_exec(db, sql, NULL, NULL, NULL));
    ok(sqlite3_close(db));
}

static int64_t ask_sql(const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;
    int64_t value;

    ok(sqlite3_open(path, &db));
    ok(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL));
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    ok(sqlite3_close(db));
    return value;
}

/* Opening is refused, with these words. */
static void assert_refused(const char *words)
{
    struct store *store = NULL;
    struct why why = { "", "", "" };

    assert_int_equal(store_sqlite_open(path, &store, &why), REFUSED_CONFLICT);
    assert_null(store);
    if (strstr(why.what, words) == NULL)
        fail_msg("refused with other words: %s", why.what);
}

static int close_if_open(void **state)
{
    if (*state != NULL)
        contract_teardown(state);
    *state = NULL;
    return 0;
}

static void the_file_is_its_owners_alone(void **state)
{
    struct stat status;

    (void)state;
    ok(stat(path, &status));
    assert_int_equal(status.st_mode & 0777, 0600);
}

static void every_table_is_strict_and_none_has_a_real_column(void **state)
{
    close_if_open(state);
    assert_int_equal(ask_sql("SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
                             " AND NOT strict AND name NOT LIKE 'sqlite_%'"),
                     0);
    assert_int_equal(ask_sql("SELECT count(*) FROM pragma_table_list t, pragma_table_info(t.name) c"
                             " WHERE t.schema = 'main' AND t.name NOT LIKE 'sqlite_%'"
                             " AND c.type NOT IN ('INTEGER', 'TEXT', 'BLOB')"),
                     0);
    assert_true(ask_sql("SELECT count(*) FROM pragma_table_list WHERE strict") > 25);
}

static void a_second_open_is_refused_in_this_process_and_in_another(void **state)
{
    pid_t child;
    int status = 0;

    (void)state;
    assert_refused("another process");
    /* the first open must still hold its lock after the refused second one */
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct store *store = NULL;
        struct why why;

        _exit(store_sqlite_open(path, &store, &why) == REFUSED_CONFLICT ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void the_log_needs_no_shared_memory_file(void **state)
{
    struct store *store = *state;
    char name[128];

    add_tenant(store, "a");
    snprintf(name, sizeof name, "%s-shm", path);
    assert_int_equal(access(name, F_OK), -1);
    snprintf(name, sizeof name, "%s-wal", path);
    ok(access(name, F_OK));
}

static void everything_is_there_after_a_reopening(void **state)
{
    struct tenant tenant;

    add_tenant(*state, "a");
    add_device(*state, "d", "tinypart");
    contract_reopen(state);
    ok(((struct store *)*state)->tenant_by_name(*state, "a", &tenant));
    ok(((struct store *)*state)->device_by_name(*state, "d", &(struct device){ 0 }));
}

static void a_changed_old_migration_is_refused(void **state)
{
    close_if_open(state);
    run_sql("UPDATE schema_migration SET sha256 = replace(sha256, substr(sha256, 1, 4), 'beef') WHERE version = 2");
    assert_refused("migration 0002_rollout was applied with another text");
    run_sql("DELETE FROM schema_migration WHERE version = 2");
    assert_refused("not recorded");
}

static void a_newer_database_is_refused(void **state)
{
    close_if_open(state);
    run_sql("PRAGMA user_version = 9999");
    assert_refused("this database is at schema version 9999");
}

static void another_programs_database_is_refused_and_left_alone(void **state)
{
    close_if_open(state);
    remove_files();
    run_sql("CREATE TABLE diary (entry TEXT)");
    assert_refused("of another program");
    assert_int_equal(ask_sql("SELECT count(*) FROM sqlite_schema"), 1);
    run_sql("PRAGMA application_id = 42");
    assert_refused("0x0000002a");
}

static void a_file_that_is_no_database_is_a_fault_in_words(void **state)
{
    struct store *store = NULL;
    struct why why = { "", "", "" };
    FILE *file;

    close_if_open(state);
    remove_files();
    file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 200; i++)
        fputs("this is no database\n", file);
    fclose(file);
    assert_true(store_sqlite_open(path, &store, &why) < 0);
    assert_non_null(strstr(why.what, "not an SQLite database"));
    assert_int_equal(store_sqlite_open("/nonexistent/folder/db", &store, &why), -ENOENT);
    assert_non_null(strstr(why.what, "cannot be opened"));
}

static const struct migration history[] = {
    { 1, "0001_first", "aaaa",
      "CREATE TABLE schema_migration (version INTEGER PRIMARY KEY, name TEXT, sha256 TEXT) STRICT;"
      "CREATE TABLE one (x INTEGER) STRICT;" },
    { 2, "0002_second", "bbbb", "CREATE TABLE two (x INTEGER) STRICT;" },
    { 3, "0003_broken", "cccc", "CREATE TABLE three (x INTEGER) STRICT; CREATE TABLE three (x INTEGER) STRICT;" },
};

static void migrations_are_added_to_and_a_broken_one_leaves_nothing(void **state)
{
    struct why why = { "", "", "" };
    sqlite3 *db = NULL;

    (void)state;
    ok(sqlite3_open(":memory:", &db));
    ok(migration_apply(db, history, 1, &why));
    ok(sqlite3_exec(db, "INSERT INTO one VALUES (1)", NULL, NULL, NULL));
    ok(migration_apply(db, history, 2, &why)); /* only what is missing: the first would fail a second time */
    ok(sqlite3_exec(db, "INSERT INTO two SELECT x FROM one", NULL, NULL, NULL));
    assert_true(migration_apply(db, history, 3, &why) < 0);
    assert_non_null(strstr(why.what, "0003_broken"));
    assert_true(sqlite3_exec(db, "SELECT * FROM three", NULL, NULL, NULL) != SQLITE_OK);
    ok(migration_apply(db, history, 2, &why));
    sqlite3_close(db);
}

/* The cells of one row with another epsilon of device 1, by one who knows the layout. */
#define CELLS(hex) \
    "CAST(substr(cells, 1, 7) || x'" hex "' || substr(cells, 9, 47) || x'" hex "' || substr(cells, 57) AS BLOB)"

static struct charge charge_of_five(int64_t tenant, const struct cohort *cohort)
{
    return (struct charge){ .cause = "release",
                            .cause_id = 1,
                            .tenant_id = tenant,
                            .cohort = cohort,
                            .epoch = 100,
                            .loss = { .ueps = 5, .nrho = 1 },
                            .budget_cap = pure_cap(10),
                            .filter_cap = pure_cap(10) };
}

static void a_planted_mismatch_is_found_and_named(void **state)
{
    struct store *store = *state;
    int64_t tenant = add_tenant(store, "a"), device = add_device(store, "d", "tinypart");
    struct cohort_member member;
    struct cohort cohort = one_device(device, &member);
    struct charge charge = charge_of_five(tenant, &cohort);
    static const struct {
        const char *plant, *words, *undo;
    } cases[] = {
        { "UPDATE filter SET cells = " CELLS("06"), "the filters of devices with ids 0 to 63 in epoch 100 differ",
          "DROP TRIGGER filter_gives_no_refund; UPDATE filter SET cells = " CELLS("05") },
        { "UPDATE budget SET spent_ueps = 7", "the budget of tenant id 1 in epoch 100 differs",
          "DROP TRIGGER budget_gives_no_refund; UPDATE budget SET spent_ueps = 5" },
        { "UPDATE budget SET impure = 1", "the budget of tenant id 1 in epoch 100 differs",
          "UPDATE budget SET impure = 0" },
        { "UPDATE life SET cells = " CELLS("08"), "the odometers of devices with ids 0 to 63 differ",
          "DROP TRIGGER life_runs_forward; UPDATE life SET cells = " CELLS("05") },
        { "DROP TRIGGER filter_is_kept; DELETE FROM filter", "in which no filter has lost anything", "SELECT 1" },
    };
    struct why why;

    ok(in_transaction(store, store->charge(store, &charge, NULL)));
    ok(store->ledger_recount(store, NULL, &why));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        close_if_open(state);
        run_sql(cases[i].plant);
        ok(reopen_file(&store));
        *state = store;
        assert_int_equal(store->ledger_recount(store, NULL, &why), REFUSED_CONFLICT);
        if (strstr(why.what, cases[i].words) == NULL)
            fail_msg("other words: %s", why.what);
        close_if_open(state);
        run_sql(cases[i].undo);
    }
}

static void the_schema_itself_refuses_refunds_and_rewriting(void **state)
{
    struct store *store = *state;
    int64_t device = add_device(store, "d", "tinypart");
    struct cohort_member member;
    struct cohort cohort = one_device(device, &member);
    struct charge charge = charge_of_five(0, &cohort);
    struct audit_entry entry = { .sequence = 1, .actor = "a", .action = "b", .detail = "{}" };
    static const char *const attempts[] = {
        "UPDATE charge SET ueps = 1",
        "DELETE FROM charge",
        "UPDATE filter SET cells = " CELLS("04"),
        "UPDATE filter SET cells = zeroblob(1560)",
        "UPDATE filter SET cells = CAST(substr(cells, 1, 7) || x'ff' || substr(cells, 9, 47) || x'04' ||"
        " substr(cells, 57) AS BLOB)", /* a total that rises hides nobody */
        "UPDATE filter SET cells = x'00'",
        "UPDATE filter SET place = 1",
        "DELETE FROM filter",
        "DELETE FROM filter_cap",
        "UPDATE life SET cells = zeroblob(1560)",
        "DELETE FROM life",
        "UPDATE audit SET actor = 'x'",
        "DELETE FROM audit",
        "UPDATE device SET sequence = -1",
    };
    sqlite3 *db = NULL;

    ok(in_transaction(store, store->charge(store, &charge, NULL)));
    ok(in_transaction(store, store->audit_insert(store, &entry)));
    close_if_open(state);
    ok(sqlite3_open(path, &db));
    assert_int_equal(sqlite3_exec(db, "UPDATE life SET cells = cells", NULL, NULL, NULL), SQLITE_ERROR);
    ok(cells_register(db)); /* without the store's own functions nobody changes a row of cells at all */
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++)
        if (sqlite3_exec(db, attempts[i], NULL, NULL, NULL) != SQLITE_CONSTRAINT)
            fail_msg("not refused: %s", attempts[i]);
    sqlite3_close(db);
}

static void check_names_what_is_broken(void **state)
{
    struct store *store = NULL;
    struct why why = { "", "", "" };

    close_if_open(state);
    run_sql("PRAGMA foreign_keys = OFF; INSERT INTO label (device_id, key, value) VALUES (77, 'k', 'v')");
    ok(reopen_file(&store));
    *state = store;
    assert_int_equal(store->check(store, &why), REFUSED_CONFLICT);
    assert_non_null(strstr(why.what, "label"));
    assert_non_null(strstr(why.what, "device"));
}

/* How large this process may make a file: what a full disk does, without one. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    ok(getrlimit(RLIMIT_FSIZE, &limit));
    limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
    ok(setrlimit(RLIMIT_FSIZE, &limit));
}

static void a_commit_that_cannot_be_written_leaves_nothing_and_the_next_one_works(void **state)
{
    struct store *store = *state;
    void (*before)(int) = signal(SIGXFSZ, SIG_IGN); /* the write fails instead */
    int64_t device = add_device(store, "d", "tinypart");
    struct cohort_member member;
    struct cohort cohort = one_device(device, &member);
    struct charge charge = charge_of_five(0, &cohort);
    struct charge_standing standing;
    int r;

    ok(store->begin(store));
    ok(store->charge(store, &charge, NULL));
    limit_files(4096);
    r = store->commit(store);
    limit_files(RLIM_INFINITY);
    signal(SIGXFSZ, before);
    assert_true(r < 0);
    assert_int_equal(store->commit(store), -EPERM); /* rolled back: no transaction is open */
    assert_int_equal(store->filter_standing(store, device, 100, &standing), REFUSED_UNKNOWN);
    ok(in_transaction(store, store->charge(store, &charge, NULL)));
    contract_reopen(state);
    store = *state;
    ok(store->check(store, NULL));
    ok(store->ledger_recount(store, NULL, NULL));
    ok(store->filter_standing(store, device, 100, &standing));
    assert_int_equal(standing.spent.ueps, 5);
}

/* What SQLite does for a charge: statements, and steps of its virtual machine. Unlike a clock, it is the same each
 * time.
 */
struct effort {
    unsigned statements, steps;
};

static int count_effort(unsigned kind, void *context, void *stmt, void *elapsed)
{
    struct effort *effort = context;

    (void)kind;
    (void)elapsed;
    effort->statements++;
    effort->steps += (unsigned)sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_VM_STEP, 1);
    return 0;
}

static struct effort effort_of_refusal(struct store *store, const struct charge *charge)
{
    sqlite3 *db = store_sqlite_of(store)->db;
    struct effort effort = { 0 };

    ok(store->begin(store));
    assert_int_equal(store->charge(store, charge, NULL), REFUSED_EXHAUSTED); /* statements are prepared, counts stand */
    ok(sqlite3_trace_v2(db, SQLITE_TRACE_PROFILE, count_effort, &effort));
    assert_int_equal(store->charge(store, charge, NULL), REFUSED_EXHAUSTED);
    effort = (struct effort){ 0 };
    assert_int_equal(store->charge(store, charge, NULL), REFUSED_EXHAUSTED);
    ok(sqlite3_trace_v2(db, 0, NULL, NULL));
    store->rollback(store);
    return effort;
}

static void a_refusal_takes_the_same_effort_whatever_others_have_spent(void **state)
{
    static const struct {
        int64_t ueps;
        unsigned times; /* by another tenant */
    } spendings[] = { { 10, 1 }, { 1, 10 }, { 6, 1 }, { 2, 3 }, { 9, 1 } };
    struct store *store = *state;
    int64_t tenant = add_tenant(store, "a"), other = add_tenant(store, "b");
    struct effort first = { 0 };
    char name[16];

    for (size_t i = 0; i < sizeof spendings / sizeof spendings[0]; i++) {
        snprintf(name, sizeof name, "d%zu", i);
        struct cohort_member member;
        struct cohort cohort = one_device(add_device(store, name, "tinypart"), &member);
        struct charge theirs = charge_of_five(other, &cohort), ours = charge_of_five(tenant, &cohort);
        theirs.loss.ueps = spendings[i].ueps;
        theirs.budget_cap = pure_cap(1000);
        for (unsigned j = 0; j < spendings[i].times; j++)
            ok(in_transaction(store, store->charge(store, &theirs, NULL)));
        struct effort effort = effort_of_refusal(store, &ours);
        if (i == 0)
            first = effort;
        assert_true(effort.statements > 0 && effort.steps > 0);
        assert_int_equal(effort.statements, first.statements);
        assert_int_equal(effort.steps, first.steps);
    }
}

static void a_charge_that_fails_in_between_cannot_be_committed(void **state)
{
    struct store *store = *state;
    int64_t device = add_device(store, "d", "tinypart"), tenant = add_tenant(store, "a");
    struct cohort_member member;
    struct cohort cohort = one_device(device, &member);
    struct charge charge = charge_of_five(tenant, &cohort), broken = charge;
    struct charge_standing standing;

    broken.cause = "no cause that the schema knows"; /* found out with the last of its writes */
    for (unsigned grouped = 0; grouped < 2; grouped++) {
        if (grouped)
            ok(store->group_begin(store));
        ok(store->begin(store));
        assert_true(store->charge(store, &broken, NULL) < 0);
        assert_true(store->commit(store) < 0);
        assert_int_equal(store->filter_standing(store, device, 100, &standing), REFUSED_UNKNOWN);
        assert_int_equal(store->budget_standing(store, tenant, 100, &standing), REFUSED_UNKNOWN);
    }
    ok(in_transaction(store, store->charge(store, &charge, NULL))); /* the group's others go on */
    ok(store->group_end(store));
    ok(store->filter_standing(store, device, 100, &standing));
    assert_int_equal(standing.spent.ueps, 5);
    ok(store->ledger_recount(store, NULL, NULL));
}

/* Kills a process while it makes the file and its tables; how far it comes is left to the machine. */
static void open_and_be_killed(unsigned spins)
{
    pid_t child = fork();
    int status = 0;

    assert_true(child >= 0);
    if (child == 0) {
        struct store *store = NULL;

        _exit(store_sqlite_open(path, &store, NULL) == 0 ? 0 : 1);
    }
    for (volatile unsigned i = 0; i < spins; i++)
        ;
    ok(kill(child, SIGKILL));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
}

static void a_kill_while_the_file_is_made_leaves_one_that_opens(void **state)
{
    struct store *store = NULL;

    srandom(20261121);
    for (int round = 0; round < 30; round++) {
        close_if_open(state);
        remove_files();
        open_and_be_killed((unsigned)(random() % 20000000));
        ok(reopen_file(&store));
        *state = store;
        ok(store->check(store, NULL));
        ok(store->profile_by_name(store, "tinypart", &(struct profile){ 0 }));
    }
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, close_if_open)

static int run_file_tests(void)
{
    const struct CMUnitTest tests[] = {
        FILE_TEST(the_file_is_its_owners_alone),
        FILE_TEST(every_table_is_strict_and_none_has_a_real_column),
        FILE_TEST(a_second_open_is_refused_in_this_process_and_in_another),
        FILE_TEST(the_log_needs_no_shared_memory_file),
        FILE_TEST(everything_is_there_after_a_reopening),
        FILE_TEST(a_changed_old_migration_is_refused),
        FILE_TEST(a_newer_database_is_refused),
        FILE_TEST(another_programs_database_is_refused_and_left_alone),
        FILE_TEST(a_file_that_is_no_database_is_a_fault_in_words),
        FILE_TEST(migrations_are_added_to_and_a_broken_one_leaves_nothing),
        FILE_TEST(a_planted_mismatch_is_found_and_named),
        FILE_TEST(the_schema_itself_refuses_refunds_and_rewriting),
        FILE_TEST(check_names_what_is_broken),
        FILE_TEST(a_commit_that_cannot_be_written_leaves_nothing_and_the_next_one_works),
        FILE_TEST(a_charge_that_fails_in_between_cannot_be_committed),
        FILE_TEST(a_refusal_takes_the_same_effort_whatever_others_have_spent),
        FILE_TEST(a_kill_while_the_file_is_made_leaves_one_that_opens),
    };

    return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}

int main(void)
{
    const struct store_factory factory = { "SQLite", fresh_file, reopen_file };
    const char *place = getenv("TMPDIR");
    int failed;

    snprintf(folder, sizeof folder, "%.40s/tinypart-XXXXXX", place != NULL ? place : "/tmp");
    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(path, sizeof path, "%s/registry.db", folder);
    failed = store_contract_run(&factory);
    failed += run_file_tests();
    remove_files();
    rmdir(folder);
    return failed;
}
