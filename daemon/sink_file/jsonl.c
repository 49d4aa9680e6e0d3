/* jsonl.c - appending to a JSON Lines file as if power may go at any moment.
 * Nothing is kept between two calls: the file itself says what was written last. A delivery is a whole line or nothing:
 * what a crash left without its newline is cut off, as it was never acknowledged. A line that is there already may have
 * been written by a daemon that died before it was on the disk, so it is synced before it counts as delivered. */
#include "daemon/sink_file/jsonl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"

enum { PATH_MAX_HERE = 1024, TAIL_BLOCK = 4096, KEY_MAX = 80 };

static const char head[] = "{\"delivery\":\"";

/* Offset behind the last newline before end, or 0. */
static int line_start(int fd, off_t end, off_t *out)
{
    char block[TAIL_BLOCK];

    while (end > 0) {
        size_t size = end > TAIL_BLOCK ? TAIL_BLOCK : (size_t)end;
        ssize_t got = pread(fd, block, size, end - (off_t)size);
        if (got != (ssize_t)size)
            return got < 0 ? -errno : -EIO;
        for (size_t i = size; i > 0; i--) {
            if (block[i - 1] != '\n')
                continue;
            *out = end - (off_t)size + (off_t)i;
            return 0;
        }
        end -= (off_t)size;
    }
    *out = 0;
    return 0;
}

/* Does the last whole line of the file carry this key? end is where it ends. */
static int ends_with_key(int fd, off_t end, const char *key, bool *out)
{
    char line[sizeof(head) + KEY_MAX + 2] = "";
    char wanted[sizeof(line)];
    off_t start = 0;

    *out = false;
    if (end == 0)
        return 0;
    int r = line_start(fd, end - 1, &start);
    if (r != 0)
        return r;
    int size = snprintf(wanted, sizeof(wanted), "%s%s\"", head, key);
    if (size < 0 || (size_t)size >= sizeof(wanted))
        return -EINVAL;
    ssize_t got = pread(fd, line, (size_t)size, start);
    if (got < 0)
        return -errno;
    *out = got == size && memcmp(line, wanted, (size_t)size) == 0;
    return 0;
}

int jsonl_sync_folder(const char *folder)
{
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 || fsync(fd) != 0 ? -errno : 0;
}

/* NNNNNN of ".NNNNNN.jsonl", which follows a sink's name; 0 for anything else. */
static unsigned rotated_number(const char *rest)
{
    if (rest[0] != '.' || strspn(rest + 1, "0123456789") != 6 || strcmp(rest + 7, ".jsonl") != 0)
        return 0;
    return (unsigned)strtoul(rest + 1, NULL, 10);
}

/* The highest NNNNNN of <name>.NNNNNN.jsonl; 0 when there is none. */
static int newest_rotated(const char *folder, const char *name, unsigned *out)
{
    size_t length = strlen(name);
    DIR *entries = opendir(folder);

    *out = 0;
    if (entries == NULL)
        return -errno;
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        unsigned number = strncmp(entry->d_name, name, length) == 0 ? rotated_number(entry->d_name + length) : 0;
        if (number > *out)
            *out = number;
    }
    closedir(entries);
    return 0;
}

static int rotated_path(const char *folder, const char *name, unsigned number, char path[PATH_MAX_HERE])
{
    int size = snprintf(path, PATH_MAX_HERE, "%s/%s.%06u.jsonl", folder, name, number);

    return size < 0 || size >= PATH_MAX_HERE ? -ENAMETOOLONG : 0;
}

/* The file that a fresh one follows may hold the delivery that is being repeated. */
static int rotated_ends_with_key(const char *folder, const char *name, const char *key, bool *out)
{
    char path[PATH_MAX_HERE];
    struct stat status;
    unsigned number = 0;

    *out = false;
    int r = newest_rotated(folder, name, &number);
    if (r != 0 || number == 0)
        return r;
    r = rotated_path(folder, name, number, path);
    if (r != 0)
        return r;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0)
        return -errno;
    r = ends_with_key(fd, status.st_size, key, out);
    return r == 0 && *out && fdatasync(fd) != 0 ? -errno : r;
}

static int rotate(const char *folder, const char *name, const char *path)
{
    char aside[PATH_MAX_HERE];
    unsigned number = 0;

    int r = newest_rotated(folder, name, &number);
    if (r != 0)
        return r;
    if (number == 999999)
        return -EOVERFLOW;
    r = rotated_path(folder, name, number + 1, aside);
    if (r == 0 && rename(path, aside) != 0)
        r = -errno;
    return r == 0 ? jsonl_sync_folder(folder) : r;
}

static int write_line(int fd, const char *key, struct bytes body)
{
    static const char middle[] = "\",\"data\":";
    struct iovec parts[] = {
        { (void *)(uintptr_t)head, sizeof(head) - 1 },
        { (void *)(uintptr_t)key, strlen(key) },
        { (void *)(uintptr_t)middle, sizeof(middle) - 1 },
        { (void *)(uintptr_t)body.data, body.size },
        { (void *)(uintptr_t) "}\n", 2 },
    };
    size_t whole = 0;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        whole += parts[i].iov_len;
    ssize_t written = writev(fd, parts, (int)(sizeof(parts) / sizeof(parts[0])));
    if (written < 0)
        return -errno;
    /* A short write leaves a torn line, which the next try cuts off. */
    return (size_t)written == whole ? 0 : -ENOSPC;
}

/* Opens the file for appending, with a torn line cut off; gives its size. */
static int open_for_append(const char *folder, const char *path, int *out_fd, off_t *out_size)
{
    struct stat status;
    off_t whole = 0;
    bool fresh = access(path, F_OK) != 0;

    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0)
        return -errno;
    int r = fstat(fd, &status) != 0 ? -errno : line_start(fd, status.st_size, &whole);
    if (r == 0 && whole != status.st_size && ftruncate(fd, whole) != 0)
        r = -errno;
    if (r == 0 && fresh)
        r = jsonl_sync_folder(folder);
    if (r != 0) {
        close(fd);
        return r;
    }
    *out_fd = fd;
    *out_size = whole;
    return 0;
}

int jsonl_append(const char *folder, const char *name, int64_t rotate_bytes, const char *key, struct bytes body)
{
    char path[PATH_MAX_HERE];
    bool known = false;
    off_t size = 0;
    _cleanup_close_ int fd = -1;

    int length = snprintf(path, sizeof(path), "%s/%s.jsonl", folder, name);
    if (length < 0 || length >= PATH_MAX_HERE)
        return -ENAMETOOLONG;
    int r = open_for_append(folder, path, &fd, &size);
    if (r == 0)
        r = size > 0 ? ends_with_key(fd, size, key, &known) : rotated_ends_with_key(folder, name, key, &known);
    if (r == 0 && known)
        r = fdatasync(fd) != 0 ? -errno : 0;
    if (r != 0 || known)
        return r;
    if (size >= rotate_bytes) {
        r = rotate(folder, name, path);
        close(fd);
        fd = -1;
        if (r == 0)
            r = open_for_append(folder, path, &fd, &size);
        if (r != 0)
            return r;
    }
    r = write_line(fd, key, body);
    return r == 0 && fdatasync(fd) != 0 ? -errno : r;
}
