/* contract_crash.c - a process that dies by SIGKILL in the midst of its transactions, over and over (I12).
 * The child tells each of its steps on a pipe; the parent reads a number of them that a fixed seed gives, kills, opens
 * the same store and looks: all of each committed transaction is there, nothing of the one that was under way. */
#include "tests/contract/store_contract.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS  50
#define DEVICES 5
#define COST    3

static void tell(int pipe_end, char step)
{
    if (write(pipe_end, &step, 1) != 1)
        _exit(3);
}

static int charge_all(struct store *store, int pipe_end, int64_t number)
{
    struct cohort_member member;
    struct cohort cohort;
    struct charge of_device = { .cause = "release",
                                .cause_id = number,
                                .cohort = &cohort,
                                .epoch = 100,
                                .loss = { .ueps = COST, .nrho = 1 },
                                .filter_cap = pure_cap(LOSS_MAX) };
    struct charge of_tenant = { .cause = "release",
                                .cause_id = number,
                                .tenant_id = 1,
                                .epoch = 100,
                                .loss = { .ueps = COST, .nrho = 1 },
                                .budget_cap = pure_cap(LOSS_MAX) };
    int r = 0;

    for (int64_t device = 1; r == 0 && device <= DEVICES; device++) {
        cohort = one_device(device, &member);
        tell(pipe_end, '.');
        r = store->charge(store, &of_device, NULL);
    }
    return r != 0 ? r : store->charge(store, &of_tenant, NULL);
}

/* One transaction as a release makes it: charges, an answer, a delivery, an entry on record. */
static int spend_once(struct store *store, int pipe_end)
{
    struct audit_entry entry = { .actor = "tinypartd", .action = "release.create", .detail = "{}" };
    struct outbox_row row = { .sink_id = 1, .tenant_id = 1, .kind = "release", .idempotency = "k" };
    int r = store->begin(store);

    if (r == 0)
        r = store->audit_head(store, &entry.sequence, entry.previous);
    entry.sequence++;
    row.subject = entry.sequence;
    tell(pipe_end, '.');
    if (r == 0)
        r = charge_all(store, pipe_end, entry.sequence);
    tell(pipe_end, '.');
    if (r == 0)
        r = store->outbox_insert(store, &row, bytes_of_text("answer"));
    tell(pipe_end, '.');
    if (r == 0)
        r = store->audit_insert(store, &entry);
    tell(pipe_end, '.');
    if (r == 0)
        r = store->commit(store);
    tell(pipe_end, 'c');
    return r;
}

static _Noreturn void live_until_killed(int pipe_end)
{
    struct store *store = NULL;

    if (contract_factory()->reopen(&store) != 0)
        _exit(1);
    while (spend_once(store, pipe_end) == 0)
        ;
    _exit(2);
}

/* Starts a child, kills it after some of its steps, and gives how many commits it told of. */
static int64_t live_and_kill(unsigned steps)
{
    int64_t commits = 0;
    int pipe_ends[2], status = 0;
    pid_t child;
    char step;

    ok(pipe(pipe_ends));
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(pipe_ends[0]);
        live_until_killed(pipe_ends[1]);
    }
    close(pipe_ends[1]);
    for (unsigned i = 0; i < steps && read(pipe_ends[0], &step, 1) == 1; i++)
        commits += step == 'c';
    ok(kill(child, SIGKILL));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));         /* and not by a fault of its own */
    while (read(pipe_ends[0], &step, 1) == 1) /* what it told before it died */
        commits += step == 'c';
    close(pipe_ends[0]);
    return commits;
}

static int check_delivery(void *context, const struct outbox_row *row)
{
    int64_t *last = context;

    assert_int_equal(row->subject, *last + 1);
    *last = row->subject;
    return 0;
}

/* As many deliveries as entries on record: each transaction is whole. */
static void assert_deliveries(struct store *store, int64_t entries)
{
    int64_t last = 0;

    for (int64_t before = -1; before != last;) {
        before = last;
        ok(store->outbox_each(store, 0, (struct page){ last, PAGE_MAX }, check_delivery, &last));
    }
    assert_int_equal(last, entries);
}

static void assert_whole(struct store *store, int64_t entries)
{
    struct charge_standing standing = { 0 };

    ok(store->ledger_recount(store, NULL, NULL));
    assert_deliveries(store, entries);
    if (entries == 0)
        return;
    for (int64_t device = 1; device <= DEVICES; device++) {
        ok(store->filter_standing(store, device, 100, &standing));
        assert_int_equal(standing.spent.ueps, entries * COST);
    }
    ok(store->budget_standing(store, 1, 100, &standing));
    assert_int_equal(standing.spent.ueps, entries * COST);
}

static void what_was_committed_outlives_a_kill_and_nothing_else_does(void **state)
{
    struct store *store = *state;
    int64_t entries = 0, after = 0;
    uint8_t hash[DIGEST_SIZE];
    char name[8];

    add_sink(store, add_tenant(store, "a"), "lake");
    for (int i = 0; i < DEVICES; i++) {
        snprintf(name, sizeof name, "d%d", i);
        add_device(store, name, "tinypart");
    }
    srandom(20261121);
    for (int round = 0; round < ROUNDS; round++) {
        int64_t commits;

        store->close(store);
        commits = live_and_kill((unsigned)(random() % 120));
        ok(contract_factory()->reopen(&store));
        *state = store;
        ok(store->audit_head(store, &after, hash));
        assert_in_range(after - entries, commits, commits + 1); /* one may have been durable and not yet told */
        entries = after;
        assert_whole(store, entries);
    }
    assert_true(entries > ROUNDS); /* the children did come to commit */
    ok(store->check(store, NULL));
}

int contract_crash(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(what_was_committed_outlives_a_kill_and_nothing_else_does),
    };

    return cmocka_run_group_tests_name("crash", tests, NULL, NULL);
}
