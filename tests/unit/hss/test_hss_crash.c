/* test_hss_crash.c - signers die, and no one-time key is ever used twice.
 * A child signs again and again; each signature goes to a pipe, as a program hands it out (a pipe takes that much whole
 * or not at all; a file may be left with half of it). It dies by SIGKILL: at a random instant, or at a certain write or
 * sync, before, amid or after it, also with the loss of what was not synced, as when the power goes. The parent is the
 * verifier who keeps everything: of all that was ever handed out, each one-time key may have signed one thing only, at
 * every level. A few dozen deaths here, a thousand of each kind with TINYPART_FULL=1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/hss/lab.h"

enum { LEVELS = 3, HEIGHT = 5, WIDTH = 8, N = 24, INDEXES = 1 << (LEVELS * HEIGHT), MESSAGE = 16, CHILDREN = 2 };
enum { SIGNATURE = 4 + LEVELS * (12 + N * (1 + 26 + HEIGHT)) + (LEVELS - 1) * (24 + N), ENTRY = MESSAGE + SIGNATURE };
_Static_assert(ENTRY <= PIPE_BUF, "a pipe takes no more at once");
enum { LONGEST_LIFE_US = 30000, LAST_OPERATION = 40 };

/* How a child dies --------------------------------------------------------------------------------------------- */

enum death { AT_RANDOM, BEFORE, AMID, AFTER };

/* What was in a file before its first write that is not yet synced. */
struct unsynced {
    dev_t device;
    ino_t inode;
    int fd;
    uint8_t content[HSS_RECORD_FILE_SIZE];
    size_t size;
};

/* Only a child that is to die has this. */
static struct {
    bool armed;
    bool power_cut; /* and what is not synced may be lost */
    enum death death;
    unsigned at; /* operation */
    unsigned count;
    uint64_t dice;
    struct unsynced files[8];
} plan;

ssize_t __real_pwrite(int fd, const void *data, size_t size, off_t at);
int __real_fsync(int fd);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t at);
int __wrap_fsync(int fd);

static uint64_t dice(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Of each file that is not synced, all, nothing or the first half of the change reached the disk. */
static void die(void)
{
    for (unsigned i = 0; plan.power_cut && i < 8; i++) {
        struct unsynced *file = &plan.files[i];
        struct stat status;
        uint64_t fate = dice(&plan.dice) % 3;
        if (fate == 0 || file->inode == 0 || fstat(file->fd, &status) != 0 || status.st_ino != file->inode)
            continue;
        size_t from = fate == 1 ? 0 : (plan.dice >> 20) % HSS_RECORD_FILE_SIZE;
        if (from < file->size)
            (void)__real_pwrite(file->fd, file->content + from, file->size - from, (off_t)from);
        if (fate == 1 && ftruncate(file->fd, (off_t)file->size) != 0)
            _exit(9);
    }
    raise(SIGKILL);
}

static bool dies_here(enum death death)
{
    return plan.armed && plan.death == death && plan.count == plan.at;
}

static void remember(int fd)
{
    struct stat status;
    struct unsynced *free_one = NULL;

    if (fstat(fd, &status) != 0 || status.st_size > HSS_RECORD_FILE_SIZE)
        return;
    for (unsigned i = 0; i < 8; i++) {
        if (plan.files[i].inode == status.st_ino && plan.files[i].device == status.st_dev)
            return;
        if (plan.files[i].inode == 0)
            free_one = &plan.files[i];
    }
    if (free_one == NULL)
        return;
    ssize_t size = pread(fd, free_one->content, sizeof(free_one->content), 0);
    *free_one = (struct unsynced){ .device = status.st_dev, .inode = status.st_ino, .fd = fd };
    free_one->size = size < 0 ? 0 : (size_t)size;
    if (pread(fd, free_one->content, sizeof(free_one->content), 0) != size)
        _exit(9);
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t at)
{
    if (!plan.armed)
        return __real_pwrite(fd, data, size, at);
    plan.count++;
    remember(fd);
    if (dies_here(BEFORE))
        die();
    if (dies_here(AMID)) {
        (void)__real_pwrite(fd, data, dice(&plan.dice) % size, at);
        die();
    }
    ssize_t r = __real_pwrite(fd, data, size, at);
    if (dies_here(AFTER))
        die();
    return r;
}

int __wrap_fsync(int fd)
{
    struct stat status;

    if (!plan.armed)
        return __real_fsync(fd);
    plan.count++;
    if (dies_here(BEFORE) || dies_here(AMID))
        die();
    int r = __real_fsync(fd);
    for (unsigned i = 0; fstat(fd, &status) == 0 && i < 8; i++) {
        if (plan.files[i].inode == status.st_ino)
            plan.files[i].inode = 0;
    }
    if (dies_here(AFTER))
        die();
    return r;
}

static void die_in(uint64_t microseconds)
{
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
    const struct itimerspec when = { .it_value = { .tv_nsec = (long)microseconds * 1000 + 1 } };
    timer_t timer;

    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0 || timer_settime(timer, 0, &when, NULL) != 0)
        _exit(9);
}

/* The child ------------------------------------------------------------------------------------------------------- */

static void hand_out(struct lab *lab, const uint8_t *message, int pipe_end)
{
    uint8_t entry[ENTRY];

    memcpy(entry, message, MESSAGE);
    memcpy(entry + MESSAGE, lab->signature, SIGNATURE);
    if (write(pipe_end, entry, sizeof(entry)) != ENTRY)
        _exit(9);
}

/* Signs for as long as it lives; opens the key anew now and then, as separate programs do. */
static void sign_on(struct lab *lab, int pipe_end)
{
    uint8_t message[MESSAGE];
    struct why why = { .what = "" };

    for (unsigned opened = 0;; opened++) {
        struct hss_key *key = lab_open(lab);
        for (unsigned i = 0; i < 3 + opened; i++) {
            if (lab->random.fill(NULL, message, sizeof(message)) != 0)
                _exit(9);
            int r = hss_key_sign(key, bytes_view(message, MESSAGE), lab->signature, sizeof(lab->signature), &lab->size,
                                 &why);
            if (r != 0) {
                (void)fprintf(stderr, "the child cannot sign: %d %s\n", r, why.what);
                _exit(8);
            }
            hand_out(lab, message, pipe_end);
        }
        hss_key_free(key);
    }
}

/* The verifier ---------------------------------------------------------------------------------------------------- */

struct verifier {
    struct lab *lab;
    struct lms_parameters parameters;
    struct public_key public;
    uint64_t dice;
    unsigned deaths, signatures;
    /* What each one-time key of each level has signed: the beginning of a digest; 0: nothing yet */
    uint64_t used[LEVELS][INDEXES];
};

/* A one-time key of a level is named by the index without the bits of the levels below. */
static void note(struct verifier *verifier, unsigned level, uint64_t name, const uint8_t *one, size_t size)
{
    uint8_t digest[DIGEST_SIZE];
    uint64_t seen;

    assert_true(name < INDEXES);
    assert_int_equal(verifier->lab->crypto.sha256(NULL, bytes_view(one, size), digest), 0);
    memcpy(&seen, digest, sizeof(seen));
    uint64_t *used = &verifier->used[level][name];
    if (*used != 0 && *used != seen)
        fail_msg("one-time key %u of level %u signed twice", (unsigned)name, level);
    *used = seen;
}

/* Keys above the lowest level sign the same again and again: the public key of the level below. */
static void note_entry(struct verifier *verifier, const uint8_t *entry)
{
    const uint8_t *signature = entry + MESSAGE;
    const size_t one = lms_signature_size(&verifier->parameters), public = lms_public_size(&verifier->parameters);
    uint64_t index = lab_index(&verifier->parameters, LEVELS, signature);

    assert_int_equal(hss_verify(&verifier->lab->crypto, bytes_view(verifier->public.raw, verifier->public.size),
                                bytes_view(entry, MESSAGE), bytes_view(signature, SIGNATURE)),
                     0);
    for (unsigned level = 0; level < LEVELS; level++) {
        const uint8_t *at = signature + 4 + level * (one + public);
        note(verifier, level, index >> (HEIGHT * (LEVELS - 1 - level)), at, one + (level + 1 < LEVELS ? public : 0));
    }
}

static void drain(struct verifier *verifier, int end)
{
    uint8_t entry[ENTRY];
    size_t have = 0;
    ssize_t part;

    while ((part = read(end, entry + have, sizeof(entry) - have)) > 0) {
        have += (size_t)part;
        if (have == ENTRY) {
            note_entry(verifier, entry);
            verifier->signatures++;
            have = 0;
        }
    }
    assert_int_equal(have, 0); /* pipes take this much whole or not at all */
}

static pid_t start_child(struct verifier *verifier, const int ends[2], enum death death, unsigned at, bool power_cut)
{
    uint64_t own = dice(&verifier->dice);
    pid_t child = fork();

    if (child != 0)
        return child;
    close(ends[0]);
    plan.armed = death != AT_RANDOM;
    plan.death = death;
    plan.at = at;
    plan.power_cut = power_cut;
    plan.dice = own | 1;
    if (death == AT_RANDOM)
        die_in(own % LONGEST_LIFE_US);
    sign_on(verifier->lab, ends[1]);
    _exit(9);
}

static void live_and_die(struct verifier *verifier, unsigned children, enum death death, unsigned at, bool power_cut)
{
    int ends[2], status = 0;

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    for (unsigned i = 0; i < children; i++)
        assert_true(start_child(verifier, ends, death, at, power_cut) > 0);
    close(ends[1]);
    drain(verifier, ends[0]);
    close(ends[0]);
    for (unsigned i = 0; i < children; i++) {
        assert_true(wait(&status) > 0);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        verifier->deaths++;
    }
}

static struct verifier *verifier_new(struct lab *lab)
{
    struct verifier *verifier = calloc(1, sizeof(*verifier));
    struct hss_about about;

    assert_non_null(verifier);
    verifier->lab = lab;
    assert_true(lms_parameters_for(N, HEIGHT, WIDTH, &verifier->parameters));
    struct hss_key *key = lab_generate(lab, N, HEIGHT, WIDTH, LEVELS);
    assert_int_equal(hss_key_about(key, &about), 0);
    hss_key_free(key);
    verifier->public = about.public;
    assert_int_equal(lab->random.fill(NULL, (uint8_t *)&verifier->dice, sizeof(verifier->dice)), 0);
    print_message("dice begin at %llu\n", (unsigned long long)verifier->dice);
    return verifier;
}

static void verifier_free(struct verifier *verifier)
{
    unsigned used = 0;

    for (unsigned i = 0; i < INDEXES; i++)
        used += verifier->used[LEVELS - 1][i] != 0 ? 1 : 0;
    print_message("%u deaths, %u signatures handed out by %u one-time keys\n", verifier->deaths, verifier->signatures,
                  used);
    assert_int_equal(verifier->signatures, used);
    free(verifier);
}

static unsigned deaths_wanted(unsigned usual)
{
    const char *full = getenv("TINYPART_FULL");

    return full != NULL && full[0] == '1' ? 1000 : usual;
}

/* The tests ------------------------------------------------------------------------------------------------------- */

static void killed_at_any_instant_no_one_time_key_is_used_twice(void **state)
{
    struct verifier *verifier = verifier_new(*state);

    for (unsigned wanted = deaths_wanted(24); verifier->deaths < wanted;)
        live_and_die(verifier, CHILDREN, AT_RANDOM, 0, false);
    verifier_free(verifier);
}

static void killed_at_each_write_and_sync_no_one_time_key_is_used_twice(void **state)
{
    struct verifier *verifier = verifier_new(*state);
    unsigned wanted = deaths_wanted(30);

    for (unsigned i = 0; verifier->deaths < wanted; i++) {
        unsigned at = wanted > 100 ? i / 3 % LAST_OPERATION + 1 : i / 3 + 1;
        live_and_die(verifier, 1, BEFORE + i % 3, at, false);
    }
    verifier_free(verifier);
}

static void with_the_power_cut_no_one_time_key_is_used_twice(void **state)
{
    struct verifier *verifier = verifier_new(*state);

    for (unsigned wanted = deaths_wanted(30); verifier->deaths < wanted;) {
        uint64_t fate = dice(&verifier->dice) >> 8;
        live_and_die(verifier, 1, BEFORE + fate % 3, (unsigned)(fate / 3 % LAST_OPERATION) + 1, true);
    }
    verifier_free(verifier);
}

int main(void)
{
#define OWN(test) cmocka_unit_test_setup_teardown(test, lab_setup, lab_teardown)
    const struct CMUnitTest tests[] = {
        OWN(killed_at_any_instant_no_one_time_key_is_used_twice),
        OWN(killed_at_each_write_and_sync_no_one_time_key_is_used_twice),
        OWN(with_the_power_cut_no_one_time_key_is_used_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
