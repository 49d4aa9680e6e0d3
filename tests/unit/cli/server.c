#include "server.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { REQUESTS_MAX = 8, REQUEST_SIZE = 1 << 16, REPLIES_MAX = 8, REPLY_SIZE = 1 << 14 };

static struct {
    pthread_t thread;
    int listener;
    int stop[2];
    const char *replies[REPLIES_MAX];
    char requests[REQUESTS_MAX][REQUEST_SIZE];
    unsigned count;
} server;

static char made[REPLIES_MAX][REPLY_SIZE];
static unsigned made_count;

const char *reply_of(const char *status, const char *type, const char *body)
{
    char *reply = made[made_count++ % REPLIES_MAX];

    snprintf(reply, REPLY_SIZE, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
             status, type, strlen(body), body);
    return reply;
}

/* Is a whole request here: its head, and as much body as the head says? */
static bool is_whole(const char *request)
{
    const char *end = strstr(request, "\r\n\r\n");
    const char *length = strcasestr(request, "\r\nContent-Length:");

    if (end == NULL)
        return false;
    return length == NULL || length > end || strlen(end + 4) >= strtoul(length + 17, NULL, 10);
}

static void converse(int fd)
{
    unsigned number = server.count;
    char *request = server.requests[number % REQUESTS_MAX];
    size_t size = 0;

    request[0] = '\0';
    while (!is_whole(request) && size + 1 < REQUEST_SIZE) {
        ssize_t got = read(fd, request + size, REQUEST_SIZE - 1 - size);
        if (got <= 0)
            break;
        size += (size_t)got;
        request[size] = '\0';
    }
    server.count++;
    const char *reply = number < REPLIES_MAX ? server.replies[number] : NULL;
    for (size_t sent = 0, all = reply == NULL ? 0 : strlen(reply); sent < all;) {
        ssize_t put = send(fd, reply + sent, all - sent, MSG_NOSIGNAL);
        if (put <= 0)
            break;
        sent += (size_t)put;
    }
    close(fd);
}

static void *serve(void *unused)
{
    (void)unused;
    for (;;) {
        struct pollfd fds[2] = { { server.listener, POLLIN, 0 }, { server.stop[0], POLLIN, 0 } };
        if (poll(fds, 2, -1) < 0 || fds[1].revents != 0)
            return NULL;
        int fd = accept(server.listener, NULL, NULL);
        if (fd >= 0)
            converse(fd);
    }
}

void server_start(const char *const replies[])
{
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SERVER_SOCKET };

    memset(server.replies, 0, sizeof(server.replies));
    for (unsigned i = 0; i < REPLIES_MAX && replies[i] != NULL; i++)
        server.replies[i] = replies[i];
    server.count = 0;
    unlink(SERVER_SOCKET);
    server.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(server.listener >= 0);
    assert_int_equal(bind(server.listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(server.listener, 8), 0);
    assert_int_equal(pipe(server.stop), 0);
    assert_int_equal(pthread_create(&server.thread, NULL, serve, NULL), 0);
}

unsigned server_stop(void)
{
    close(server.stop[1]);
    pthread_join(server.thread, NULL);
    close(server.stop[0]);
    close(server.listener);
    unlink(SERVER_SOCKET);
    return server.count;
}

const char *server_request(unsigned i)
{
    assert_true(i < server.count && i < REQUESTS_MAX);
    return server.requests[i];
}
