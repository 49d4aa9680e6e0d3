/* ledger.c - what charging costs, as ratios of one run: charges with group commit against one commit each, a release
 * over 10,000 devices against its one sync of the disk, and how both grow. Wall time, since what they wait for is the
 * disk. The database lies in the working folder, or in $TINYPART_BENCH_FOLDER: not on a tmpfs, where a sync costs
 * nothing.
 *
 * The sync that counts is the release's own: this program's fdatasync() and fsync() stand before the C library's, so
 * that each call is timed where SQLite makes it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "daemon/core/ports/store.h"
#include "daemon/store_sqlite/store_sqlite.h"
#include "tests/bench/bench.h"

#define EPOCH        20000
#define DEVICES      10000
#define DEVICES_MOST 1000000
#define SINGLES      100  /* commits of one charge, a round */
#define GROUPED      4000 /* charges of one commit */
#define ROUNDS       15

int fdatasync(int fd);
int fsync(int fd);

static double synced_ns;
static unsigned syncs;

static double wall_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int timed(long call, int fd)
{
    double began = wall_ns();
    long r = syscall(call, fd);

    synced_ns += wall_ns() - began;
    syncs++;
    return (int)r;
}

int fdatasync(int fd)
{
    return timed(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return timed(SYS_fsync, fd);
}

static void must(int r, const char *what)
{
    if (r == 0)
        return;
    fprintf(stderr, "%s: %d\n", what, r);
    exit(1);
}

static const struct loss_caps no_cap = { LOSS_MAX, LOSS_MAX, LOSS_MAX, false };
static const struct loss a_loss = { .ueps = 1000, .nrho = 500 };
static uint64_t dice = 20261121;

static int64_t any_device(int64_t devices)
{
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)(dice >> 33) % devices + 1;
}

static struct charge charge_of(const struct cohort *cohort, int64_t number)
{
    return (struct charge){ .cause = "release",
                            .cause_id = number,
                            .tenant_id = 1,
                            .cohort = cohort,
                            .epoch = EPOCH,
                            .loss = a_loss,
                            .budget_cap = no_cap,
                            .filter_cap = no_cap };
}

/* The filter and odometer of one of so many devices, and the tenant's budget. */
static void charge_one(struct store *store, int64_t devices)
{
    int64_t device = any_device(devices);
    struct cohort_member member = { (uint32_t)(device / 64), UINT64_C(1) << device % 64 };
    struct cohort cohort = { .members = &member, .member_count = 1, .device_count = 1 };
    static int64_t number;
    struct charge charge = charge_of(&cohort, ++number);

    must(store->begin(store), "begin");
    must(store->charge(store, &charge, NULL), "charge");
    must(store->commit(store), "commit");
}

static struct cohort cohort_of(int64_t devices)
{
    struct cohort cohort = { .member_count = (size_t)(devices + 63) / 64, .device_count = devices };

    cohort.members = calloc(cohort.member_count, sizeof *cohort.members);
    if (cohort.members == NULL)
        exit(1);
    for (size_t i = 0; i < cohort.member_count; i++) {
        int64_t left = devices - (int64_t)i * 64;
        cohort.members[i].chunk = (uint32_t)i + 1;
        cohort.members[i].devices = left >= 64 ? UINT64_MAX : (UINT64_C(1) << left) - 1;
    }
    memcpy(cohort.digest, &devices, sizeof devices);
    return cohort;
}

/* What a release writes: its row, the charge, the answer, the entry on record and a delivery. */
static void release_once(struct store *store, const struct cohort *cohort, int64_t number)
{
    static const char answer[] = "{\"value\":\"21.5\"}";
    struct audit_entry entry = { .actor = "bench", .action = "release.create", .detail = "{}" };
    struct outbox_row row = { .sink_id = 1, .tenant_id = 1, .kind = "release", .idempotency = "k" };
    struct release release = { .tenant_id = 1,
                               .query = "sum",
                               .sensor = "load",
                               .mechanism = "laplace",
                               .from_ms = 1,
                               .to_ms = 2,
                               .loss = a_loss,
                               .cohort = cohort->device_count };
    uint8_t hash[DIGEST_SIZE] = { 0 };

    snprintf(release.request, sizeof release.request, "r%lld-%lld", (long long)cohort->device_count, (long long)number);
    must(store->begin(store), "begin");
    must(store->release_insert(store, &release, hash), "release_insert");
    struct charge charge = charge_of(cohort, release.id);
    must(store->charge(store, &charge, NULL), "charge");
    must(store->release_answer(store, release.id, answer, sizeof answer - 1), "release_answer");
    must(store->audit_head(store, &entry.sequence, entry.previous), "audit_head");
    entry.sequence++;
    must(store->audit_insert(store, &entry), "audit_insert");
    row.subject = release.id;
    must(store->outbox_insert(store, &row, bytes_of_text(answer)), "outbox_insert");
    must(store->commit(store), "commit");
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, bench_compare);
    return values[count / 2];
}

struct rates {
    double single, grouped; /* charges a second */
    double work_ns;         /* processor time of one of the grouped */
};

static struct rates rates_among(struct store *store, int64_t devices, unsigned rounds)
{
    double single[ROUNDS], grouped[ROUNDS], work[ROUNDS];

    for (unsigned round = 0; round < rounds; round++) {
        double began = wall_ns();
        for (unsigned i = 0; i < SINGLES; i++)
            charge_one(store, devices);
        single[round] = SINGLES * 1e9 / (wall_ns() - began);
        began = wall_ns();
        double worked = bench_now_ns();
        must(store->group_begin(store), "group_begin");
        for (unsigned i = 0; i < GROUPED; i++)
            charge_one(store, devices);
        must(store->group_end(store), "group_end");
        grouped[round] = GROUPED * 1e9 / (wall_ns() - began);
        work[round] = (bench_now_ns() - worked) / GROUPED;
    }
    return (struct rates){ median(single, rounds), median(grouped, rounds), median(work, rounds) };
}

static void compare_commits(struct store *store)
{
    for (int64_t i = 0; i < 2000; i++) /* rows are there */
        charge_one(store, DEVICES);
    synced_ns = syncs = 0;
    struct rates rates = rates_among(store, DEVICES, ROUNDS);
    printf("of a single charge's commit: %.2f syncs of %.0f us\n", (double)syncs / (ROUNDS * (SINGLES + 1)),
           synced_ns / syncs / 1e3);
    printf("charges/s: %.0f with a commit each, %.0f with %d a commit: ratio %.1f, limit at least 20: %s\n",
           rates.single, rates.grouped, GROUPED, rates.grouped / rates.single,
           rates.grouped / rates.single >= 20 ? "kept" : "NOT KEPT");
}

/* After the releases, which made a filter and an odometer for a million devices. */
static void measure_charges(struct store *store)
{
    printf("%10s %14s %16s %8s %14s\n", "devices", "commit each /s", "4000 a commit /s", "ratio", "us of work");
    for (int64_t devices = 1000; devices <= DEVICES_MOST; devices *= 10) {
        struct rates rates = rates_among(store, devices, 5);
        printf("%10lld %14.0f %16.0f %8.1f %14.1f\n", (long long)devices, rates.single, rates.grouped,
               rates.grouped / rates.single, rates.work_ns / 1e3);
    }
}

static void measure_releases(struct store *store)
{
    static const int64_t sizes[] = { 1000, 10000, 100000, 1000000 };
    double whole[4][ROUNDS], sync[4][ROUNDS];
    struct cohort cohorts[4];

    for (unsigned i = 0; i < 4; i++) {
        cohorts[i] = cohort_of(sizes[i]);
        release_once(store, &cohorts[i], 0);
    }
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < (round < 5 ? 4 : 3); i++) {
            synced_ns = syncs = 0;
            double began = wall_ns();
            release_once(store, &cohorts[i], round + 1);
            whole[i][round] = wall_ns() - began;
            sync[i][round] = synced_ns / (syncs > 0 ? syncs : 1);
        }
    printf("%10s %12s %12s %14s %8s\n", "devices", "release us", "one sync us", "ns a device", "ratio");
    for (unsigned i = 0; i < 4; i++) {
        size_t count = i < 3 ? ROUNDS : 5;
        double took = median(whole[i], count), disk = median(sync[i], count);
        printf("%10lld %12.0f %12.0f %14.1f %8.1f%s\n", (long long)sizes[i], took / 1e3, disk / 1e3,
               took / (double)sizes[i], took / disk,
               sizes[i] != 10000  ? ""
               : took / disk < 10 ? "  limit below 10: kept"
                                  : "  limit below 10: NOT KEPT");
        free(cohorts[i].members);
    }
}

static void add_devices(struct store *store, unsigned from, unsigned to)
{
    must(store->begin(store), "begin");
    for (unsigned i = from; i <= to; i++) {
        struct device device = { .state = DEVICE_CLAIMED, .profile = "tinypart", .created_ms = 1 };
        snprintf(device.name, sizeof device.name, "d%u", i);
        must(store->device_insert(store, &device), "device");
    }
    must(store->commit(store), "commit");
}

static void prepare(struct store *store)
{
    struct tenant tenant = { .name = "acme", .created_ms = 1 };
    struct sink sink = { .tenant_id = 1, .name = "lake", .kind = "file", .config = "{}", .created_ms = 1 };

    must(store->begin(store), "begin");
    must(store->tenant_insert(store, &tenant), "tenant");
    must(store->sink_insert(store, &sink), "sink");
    must(store->commit(store), "commit");
    add_devices(store, 1, DEVICES);
}

int main(void)
{
    const char *folder = getenv("TINYPART_BENCH_FOLDER");
    struct why why = { "", "", "" };
    char path[512], name[600];
    struct store *store = NULL;

    snprintf(path, sizeof path, "%s/ledger-%d.db", folder != NULL ? folder : ".", (int)getpid());
    if (store_sqlite_open(path, &store, &why) != 0) {
        fprintf(stderr, "%s\n", why.what);
        return 1;
    }
    prepare(store);
    compare_commits(store);
    measure_releases(store);
    add_devices(store, DEVICES + 1, DEVICES_MOST);
    measure_charges(store);
    double began = wall_ns();
    must(store->ledger_recount(store, NULL, &why), why.what);
    printf("counted again in %.0f ms\n", (wall_ns() - began) / 1e6);
    store->close(store);
    static const char *const suffixes[] = { "", "-wal", "-journal" };
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        unlink(name);
    }
    return 0;
}
