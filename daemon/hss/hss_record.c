/* hss_record.c - the two durable records of a key, and reservations from them (see hss_record.h). */
#include "daemon/hss/hss_record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/hss/internal.h"

enum { MAGIC_SIZE = 8, COUNTER_AT = 24, NEXT_AT = 32, CHECKSUM_AT = 48, CHECKSUM_SIZE = 16, SECOND_PLACE = 4096 };

static const uint8_t *magic_of(enum hss_record_kind kind)
{
    return (const uint8_t *)(kind == HSS_RECORD_STATE ? "tpHSSst1" : "tpHSSmk1");
}

/* The record itself -------------------------------------------------------------------------------------------- */

int hss_record_encode(const struct proto_crypto *crypto, enum hss_record_kind kind, const struct hss_record *record,
                      uint8_t out[HSS_RECORD_SIZE])
{
    uint8_t digest[DIGEST_SIZE];

    memset(out, 0, HSS_RECORD_SIZE);
    memcpy(out, magic_of(kind), MAGIC_SIZE);
    memcpy(out + MAGIC_SIZE, record->identifier, LMS_IDENTIFIER_SIZE);
    hss_put64(out + COUNTER_AT, record->counter);
    hss_put64(out + NEXT_AT, record->next);
    int r = crypto->sha256(crypto->context, bytes_view(out, CHECKSUM_AT), digest);
    if (r == 0)
        memcpy(out + CHECKSUM_AT, digest, CHECKSUM_SIZE);
    return r;
}

/* 0, 1 for what is no whole record, or a fault. */
static int decode_one(const struct proto_crypto *crypto, enum hss_record_kind kind, const uint8_t *in, unsigned place,
                      struct hss_record *out)
{
    uint8_t expected[HSS_RECORD_SIZE];
    struct hss_record record;

    memcpy(record.identifier, in + MAGIC_SIZE, LMS_IDENTIFIER_SIZE);
    record.counter = hss_get64(in + COUNTER_AT);
    record.next = hss_get64(in + NEXT_AT);
    int r = hss_record_encode(crypto, kind, &record, expected);
    if (r != 0)
        return r;
    if (memcmp(expected, in, HSS_RECORD_SIZE) != 0 || record.counter % 2 != place)
        return 1;
    *out = record;
    return 0;
}

int hss_record_decode(const struct proto_crypto *crypto, enum hss_record_kind kind, struct bytes file,
                      struct hss_record *out)
{
    struct hss_record found[2];
    int r[2] = { 1, 1 };

    if (file.size > HSS_RECORD_FILE_SIZE)
        return 1;
    for (unsigned place = 0; place < 2; place++) {
        size_t at = place * (size_t)SECOND_PLACE;
        if (file.size >= at + HSS_RECORD_SIZE)
            r[place] = decode_one(crypto, kind, file.data + at, place, &found[place]);
        if (r[place] < 0)
            return r[place];
    }
    if (r[0] != 0 && r[1] != 0)
        return 1;
    if (r[0] == 0 && r[1] == 0)
        *out = found[found[1].counter > found[0].counter ? 1 : 0];
    else
        *out = found[r[0] == 0 ? 0 : 1];
    return 0;
}

/* Its file ------------------------------------------------------------------------------------------------------ */

/* 0, 1 where there is no whole record of this key, or a fault. */
static int read_record(const struct hss_records *records, enum hss_record_kind kind, int fd, struct hss_record *out)
{
    uint8_t file[HSS_RECORD_FILE_SIZE + 1];
    size_t size = 0;

    while (size < sizeof(file)) {
        ssize_t part = pread(fd, file + size, sizeof(file) - size, (off_t)size);
        if (part < 0 && errno != EINTR)
            return -errno;
        if (part == 0)
            break;
        size += part > 0 ? (size_t)part : 0;
    }
    int r = hss_record_decode(records->crypto, kind, bytes_view(file, size), out);
    if (r == 0 && memcmp(out->identifier, records->identifier, LMS_IDENTIFIER_SIZE) != 0)
        r = 1;
    if (r == 1)
        *out = (struct hss_record){ 0 };
    return r;
}

/* Durable when it returns 0. */
static int write_record(const struct hss_records *records, enum hss_record_kind kind, int fd,
                        const struct hss_record *record)
{
    uint8_t encoded[HSS_RECORD_SIZE];
    size_t done = 0;

    int r = hss_record_encode(records->crypto, kind, record, encoded);
    while (r == 0 && done < sizeof(encoded)) {
        off_t at = (off_t)(record->counter % 2 * SECOND_PLACE + done);
        ssize_t part = pwrite(fd, encoded + done, sizeof(encoded) - done, at);
        if (part < 0 && errno != EINTR)
            r = -errno;
        done += part > 0 ? (size_t)part : 0;
    }
    if (r == 0 && fsync(fd) != 0)
        r = -errno;
    return r;
}

/* The state before the mark: keys are given out only when both know of it, so the state may be ahead by one. */
static int write_both(const struct hss_records *records, int state_fd, int mark_fd, uint64_t counter, uint64_t next)
{
    struct hss_record record = { .counter = counter, .next = next };

    memcpy(record.identifier, records->identifier, LMS_IDENTIFIER_SIZE);
    int r = write_record(records, HSS_RECORD_STATE, state_fd, &record);
    return r != 0 ? r : write_record(records, HSS_RECORD_MARK, mark_fd, &record);
}

/* Opens the state and holds its lock. A file that was put in the path's place meanwhile is opened in its stead. */
static int open_locked(const char *path, int flags, int lock, int *out_fd)
{
    struct stat held, named;

    for (;;) {
        int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
            return -errno;
        int r = flock(fd, lock) == 0 ? 0 : -errno;
        if (r == 0 && fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_ino == named.st_ino &&
            held.st_dev == named.st_dev) {
            *out_fd = fd;
            return 0;
        }
        close(fd);
        if (r != 0 && r != -EINTR)
            return r;
    }
}

static enum hss_verdict judge(int state_found, int mark_found, const struct hss_standing *standing)
{
    const struct hss_record *state = &standing->state, *mark = &standing->mark;

    if (state_found != 0)
        return HSS_NO_STATE;
    if (mark_found != 0)
        return HSS_NO_MARK;
    if (state->counter < mark->counter || state->next < mark->next)
        return HSS_RESTORED;
    if (state->counter > mark->counter + 1 || (state->counter == mark->counter && state->next != mark->next))
        return HSS_MARK_STALE;
    return HSS_GOOD;
}

static int look(const struct hss_records *records, int state_fd, int mark_fd, struct hss_standing *out)
{
    *out = (struct hss_standing){ 0 };
    int state = state_fd < 0 ? 1 : read_record(records, HSS_RECORD_STATE, state_fd, &out->state);
    int mark = mark_fd < 0 ? 1 : read_record(records, HSS_RECORD_MARK, mark_fd, &out->mark);
    if (state < 0 || mark < 0)
        return state < 0 ? state : mark;
    out->verdict = judge(state, mark, out);
    if (out->verdict == HSS_GOOD && out->state.next < records->total)
        out->left = records->total - out->state.next;
    return 0;
}

int hss_records_look(const struct hss_records *records, struct hss_standing *out)
{
    _cleanup_close_ int state_fd = -1;

    /* Shared with other lookers, and not amid a reservation: there the state is ahead of its mark. */
    int r = open_locked(records->state, O_RDONLY, LOCK_SH, &state_fd);
    if (r != 0 && r != -ENOENT && r != -ELOOP)
        return r;
    _cleanup_close_ int mark_fd = open(records->mark, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    return look(records, state_fd, mark_fd, out);
}

/* Verbs --------------------------------------------------------------------------------------------------------- */

int hss_records_refuse(const struct hss_records *records, const struct hss_standing *standing, struct why *why)
{
    const uint64_t state = standing->state.counter, mark = standing->mark.counter;
    uint64_t known = standing->mark.next > standing->state.next ? standing->mark.next : standing->state.next;
    char todo[sizeof(why->todo)];

    snprintf(todo, sizeof(todo),
             "if no newer record is to be had, give up every one-time key that may be used: tinypartctl key skip KEY "
             "--to N, N at least %" PRIu64,
             known);
    switch (standing->verdict) {
    case HSS_GOOD:
        break;
    case HSS_NO_STATE:
        return refuse(why, REFUSED_CONFLICT, records->state, todo,
                      "there is no record of which one-time keys of this key are used: %.200s", records->state);
    case HSS_NO_MARK:
        return refuse(why, REFUSED_CONFLICT, records->mark, todo,
                      "the mark that tells whether this key's state is the newest is not there: %.200s", records->mark);
    case HSS_RESTORED:
        return refuse(why, REFUSED_CONFLICT, records->state, todo,
                      "the key's state is older than its mark (written %" PRIu64 " times, the mark %" PRIu64
                      "): it was restored from a backup, and one-time keys may be used that it calls unused",
                      state, mark);
    case HSS_MARK_STALE:
        return refuse(why, REFUSED_CONFLICT, records->mark, todo,
                      "the mark of this key was restored from a backup (written %" PRIu64 " times, the state %" PRIu64
                      "), so it cannot tell whether the state was too",
                      mark, state);
    }
    if (standing->left == 0)
        return refuse(why, REFUSED_EXHAUSTED, records->state, "make a new key and have the devices trust it",
                      "all %" PRIu64 " one-time keys of this key are used", records->total);
    return 0;
}

int hss_records_reserve(const struct hss_records *records, uint64_t wanted, uint64_t *out_first, uint64_t *out_count,
                        struct why *why)
{
    _cleanup_close_ int state_fd = -1;
    struct hss_standing standing;

    int r = open_locked(records->state, O_RDWR, LOCK_EX, &state_fd);
    if (r != 0 && r != -ENOENT && r != -ELOOP)
        return r;
    _cleanup_close_ int mark_fd = open(records->mark, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (mark_fd < 0 && errno != ENOENT && errno != ELOOP)
        return -errno;
    r = look(records, state_fd, mark_fd, &standing);
    if (r == 0)
        r = hss_records_refuse(records, &standing, why);
    if (r != 0)
        return r;
    uint64_t count = wanted < standing.left ? wanted : standing.left;
    /* A crash kept the mark from following; a second one must not let it fall behind by two. */
    if (standing.mark.counter < standing.state.counter)
        r = write_record(records, HSS_RECORD_MARK, mark_fd, &standing.state);
    if (r != 0)
        return r;
    r = write_both(records, state_fd, mark_fd, standing.state.counter + 1, standing.state.next + count);
    if (r != 0)
        return r;
    *out_first = standing.state.next;
    *out_count = count;
    return 0;
}

static int create_one(const char *path, struct why *why, int *out_fd)
{
    *out_fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*out_fd < 0 && errno == EEXIST)
        return refuse(why, REFUSED_EXISTS, path, "choose another name, or move the old key and its records away",
                      "there is a record of an older key: %.200s", path);
    if (*out_fd < 0)
        return refuse(why, REFUSED_INVALID, path, NULL, "the record %.200s cannot be made: %s", path, strerror(errno));
    return 0;
}

int hss_records_create(const struct hss_records *records, struct why *why)
{
    _cleanup_close_ int state_fd = -1;
    _cleanup_close_ int mark_fd = -1;

    int r = create_one(records->state, why, &state_fd);
    if (r != 0)
        return r;
    r = create_one(records->mark, why, &mark_fd);
    bool made = r == 0;
    if (r == 0)
        r = write_both(records, state_fd, mark_fd, 1, 0);
    if (r == 0)
        r = hss_sync_folder_of(records->state);
    if (r == 0)
        r = hss_sync_folder_of(records->mark);
    if (r != 0) {
        unlink(records->state);
        if (made)
            unlink(records->mark);
    }
    return r;
}

int hss_records_skip(const struct hss_records *records, uint64_t to, struct why *why)
{
    _cleanup_close_ int state_fd = -1;
    struct hss_standing standing;

    int r = open_locked(records->state, O_RDWR | O_CREAT, LOCK_EX, &state_fd);
    if (r != 0)
        return refuse(why, REFUSED_INVALID, records->state, NULL, "the state cannot be opened: %s", strerror(-r));
    _cleanup_close_ int mark_fd = open(records->mark, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (mark_fd < 0)
        return refuse(why, REFUSED_INVALID, records->mark, NULL, "the mark cannot be opened: %s", strerror(errno));
    r = look(records, state_fd, mark_fd, &standing);
    if (r != 0)
        return r;
    const struct hss_record *state = &standing.state, *mark = &standing.mark;
    uint64_t least = state->next > mark->next ? state->next : mark->next;
    if (to < least || to > records->total)
        return refuse(why, REFUSED_INVALID, "--to", NULL,
                      "one-time keys are skipped forward only: to %" PRIu64 " at least, to %" PRIu64 " at most", least,
                      records->total);
    /* What is no record of this key must not be in the way of the new one. */
    if ((state->counter == 0 && ftruncate(state_fd, 0) != 0) || (mark->counter == 0 && ftruncate(mark_fd, 0) != 0))
        return -errno;
    r = write_both(records, state_fd, mark_fd, (state->counter > mark->counter ? state->counter : mark->counter) + 1,
                   to);
    if (r == 0)
        r = hss_sync_folder_of(records->state);
    return r != 0 ? r : hss_sync_folder_of(records->mark);
}
