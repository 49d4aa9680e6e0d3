/* listen.c - sockets that listen. A Unix socket left behind by a daemon that died is replaced; one that somebody
 * answers on is not. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/api/server.h"
#include "daemon/base/cleanup.h"
#include "daemon/base/text.h"

enum { BACKLOG = 128 };

static int refuse_path(struct why *why, const char *path, const char *what, const char *todo)
{
    return refuse(why, REFUSED_CONFLICT, path, todo, "the socket %s %s", path, what);
}

/* Makes way for the socket: 0 when nothing is there any more. */
static int clear_path(const struct sockaddr_un *address, struct why *why)
{
    struct stat there;

    if (lstat(address->sun_path, &there) != 0)
        return errno == ENOENT ? 0 : -errno;
    if (!S_ISSOCK(there.st_mode))
        return refuse_path(why, address->sun_path, "cannot be made: something else is there", "name another path");
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
        return refuse_path(why, address->sun_path, "is in use: another daemon answers there",
                           "stop that daemon, or name another path");
    if (errno != ECONNREFUSED && errno != ENOENT)
        return -errno;
    return unlink(address->sun_path) != 0 && errno != ENOENT ? -errno : 0;
}

static int bind_unix(int fd, const struct sockaddr_un *address, const struct api_settings *settings)
{
    /* Nobody gets in between bind and chmod. */
    mode_t before = umask(0177);
    int r = bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 ? -errno : 0;
    umask(before);
    if (r != 0)
        return r;
    if (settings->unix_group != (gid_t)-1 && lchown(address->sun_path, (uid_t)-1, settings->unix_group) != 0)
        return -errno;
    if (chmod(address->sun_path, settings->unix_mode != 0 ? settings->unix_mode : 0660) != 0)
        return -errno;
    return listen(fd, BACKLOG) != 0 ? -errno : 0;
}

int listen_unix(const struct api_settings *settings, int *out_fd, struct why *why)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    if (text_copy(address.sun_path, sizeof(address.sun_path), settings->unix_path) != 0)
        return refuse(why, REFUSED_INVALID, "unix", "name a shorter path",
                      "a Unix socket's path has at most %zu bytes; this one has %zu", sizeof(address.sun_path) - 1,
                      strlen(settings->unix_path));
    int r = clear_path(&address, why);
    if (r != 0)
        return r;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    r = bind_unix(fd, &address, settings);
    if (r != 0) {
        close(fd);
        return r;
    }
    *out_fd = fd;
    return 0;
}

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static bool is_loopback(const union address *address)
{
    if (address->any.sa_family == AF_INET)
        return ntohl(address->v4.sin_addr.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&address->v6.sin6_addr);
}

static int read_address(const struct api_settings *settings, union address *out, socklen_t *out_size, struct why *why)
{
    union address address = { 0 };

    if (inet_pton(AF_INET, settings->tcp_address, &address.v4.sin_addr) == 1) {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = htons(settings->tcp_port);
        *out_size = sizeof(address.v4);
    } else if (inet_pton(AF_INET6, settings->tcp_address, &address.v6.sin6_addr) == 1) {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = htons(settings->tcp_port);
        *out_size = sizeof(address.v6);
    } else {
        return refuse(why, REFUSED_INVALID, "tcp", "give an address such as 127.0.0.1 or ::1",
                      "\"%.64s\" is no IPv4 or IPv6 address", settings->tcp_address);
    }
    *out = address;
    return 0;
}

static int bind_tcp(int fd, union address *address, socklen_t size, uint16_t *out_port)
{
    const int one = 1;

    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0)
        return -errno;
    if (address->any.sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) != 0)
        return -errno;
    if (bind(fd, &address->any, size) != 0 || listen(fd, BACKLOG) != 0)
        return -errno;
    if (getsockname(fd, &address->any, &size) != 0)
        return -errno;
    *out_port = ntohs(address->any.sa_family == AF_INET ? address->v4.sin_port : address->v6.sin6_port);
    return 0;
}

int listen_tcp(const struct api_settings *settings, int *out_fd, uint16_t *out_port, struct why *why)
{
    bool has_tls = settings->tls_cert_path != NULL && settings->tls_cert_path[0] != '\0';
    union address address;
    socklen_t size = 0;

    int r = read_address(settings, &address, &size, why);
    if (r != 0)
        return r;
    if (!has_tls && !settings->tcp_plain_anywhere && !is_loopback(&address))
        return refuse(why, REFUSED_FORBIDDEN, "tcp", "give a TLS certificate and key, or listen on 127.0.0.1 or ::1",
                      "without TLS the API listens on loopback only: tokens would cross the network from %s in the "
                      "clear",
                      settings->tcp_address);
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    r = bind_tcp(fd, &address, size, out_port);
    if (r != 0) {
        close(fd);
        if (r == -EADDRINUSE)
            return refuse(why, REFUSED_CONFLICT, "tcp", "stop what listens there, or give another port",
                          "%s port %u is in use", settings->tcp_address, settings->tcp_port);
        return r;
    }
    *out_fd = fd;
    return 0;
}
