/* hss_io.c - whole reads and writes, and folders that are synced. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/hss/internal.h"

int hss_sync_folder_of(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 0 : (size_t)(slash - path);

    if (size >= sizeof(folder) - 1)
        return -ENAMETOOLONG;
    memcpy(folder, path, size);
    memcpy(folder + size, slash == NULL ? "." : "/", 2); /* "dir/", "/" or "." */
    _cleanup_close_ int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return -errno;
    return 0;
}

int hss_read_at(int fd, void *out, size_t size, uint64_t at)
{
    for (size_t done = 0; done < size;) {
        ssize_t part = pread(fd, (char *)out + done, size - done, (off_t)(at + done));
        if (part == 0)
            return -EIO;
        if (part < 0 && errno != EINTR)
            return -errno;
        done += part > 0 ? (size_t)part : 0;
    }
    return 0;
}

int hss_write_at(int fd, const void *data, size_t size, uint64_t at)
{
    for (size_t done = 0; done < size;) {
        ssize_t part = pwrite(fd, (const char *)data + done, size - done, (off_t)(at + done));
        if (part < 0 && errno != EINTR)
            return -errno;
        done += part > 0 ? (size_t)part : 0;
    }
    return 0;
}
