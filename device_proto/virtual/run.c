/* run.c - sockets by descriptor number, devices in a heap by the time when they want to be woken. */
#include "device_proto/virtual/run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { DATAGRAM_MAX = 2048, DATAGRAMS_PER_TURN = 16, SPARE_FILES = 64 };

struct run {
    struct loop *loop;
    struct loop_timer *timer;
    struct fleet *fleet;
    struct device *devices; /* capacity is fixed: they are pointed to */
    struct endpoint *addresses;
    size_t count;
    size_t capacity;
    struct device **heap; /* the earliest due first */
    struct device **by_fd;
    size_t fd_count;
};

static int64_t monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the heap ---- */

static void put(struct run *run, size_t place, struct device *device)
{
    run->heap[place] = device;
    device->place = place;
}

/* Moves a device whose due_ms changed to where it belongs. */
static void reschedule(struct run *run, struct device *device)
{
    size_t at = device->place;

    while (at > 0 && run->heap[(at - 1) / 2]->due_ms > device->due_ms) {
        put(run, at, run->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < run->count && run->heap[child + 1]->due_ms < run->heap[child]->due_ms)
            child++;
        if (child >= run->count || run->heap[child]->due_ms >= device->due_ms)
            break;
        put(run, at, run->heap[child]);
        at = child;
    }
    put(run, at, device);
}

static void wake_due(void *context)
{
    struct run *run = context;
    int64_t now_ms = monotonic_ms();

    /* Bounded, so that sockets are served even when everybody is due all the time. */
    for (size_t i = 0; i < run->count && run->heap[0]->due_ms <= now_ms; i++) {
        struct device *device = run->heap[0];
        device_tick(device, now_ms);
        reschedule(run, device);
    }
}

static void before_sleep(void *context)
{
    struct run *run = context;

    if (run->count == 0 || run->heap[0]->due_ms == INT64_MAX)
        loop_timer_stop(run->timer);
    else
        loop_timer_set(run->timer, run->heap[0]->due_ms - monotonic_ms());
}

/* ---- sockets ---- */

static void readable(void *context, int fd, uint32_t events)
{
    struct run *run = context;
    uint8_t datagram[DATAGRAM_MAX];
    struct device *device = run->by_fd[fd];

    (void)events;
    /* The device may close this socket while it takes a datagram. */
    for (int i = 0; i < DATAGRAMS_PER_TURN && device != NULL && run->by_fd[fd] == device; i++) {
        struct endpoint from = { .size = sizeof(from.address) };
        ssize_t size = recvfrom(fd, datagram, sizeof(datagram), MSG_TRUNC, &from.address.any, &from.size);
        if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (size < 0)
            continue; /* an ICMP error about an earlier datagram: lost, as far as CoAP is concerned */
        if ((size_t)size > sizeof(datagram))
            size = (ssize_t)sizeof(datagram);
        device_receive(device, fd, &from, bytes_view(datagram, (size_t)size), monotonic_ms());
    }
    if (device != NULL)
        reschedule(run, device);
}

static int open_socket(struct run *run, const struct endpoint *local, const struct endpoint *remote, int *out)
{
    int fd = socket(local->address.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    int r = (size_t)fd >= run->fd_count ? -EMFILE : 0;
    if (r == 0 && bind(fd, &local->address.any, local->size) != 0)
        r = -errno;
    if (r == 0 && remote != NULL && connect(fd, &remote->address.any, remote->size) != 0)
        r = -errno;
    if (r == 0)
        r = loop_watch(run->loop, fd, EPOLLIN, readable, run);
    if (r != 0) {
        close(fd);
        return r;
    }
    *out = fd;
    return 0;
}

static int wire_open(void *context, struct device *device, const struct endpoint *remote, int *out_channel)
{
    struct run *run = context;
    struct endpoint local = run->addresses[device - run->devices];

    if (local.address.any.sa_family == AF_INET)
        local.address.v4.sin_port = 0;
    else
        local.address.v6.sin6_port = 0;
    int r = open_socket(run, &local, remote, out_channel);
    if (r == 0)
        run->by_fd[*out_channel] = device;
    return r;
}

static void wire_close(void *context, int channel)
{
    struct run *run = context;

    run->by_fd[channel] = NULL;
    loop_unwatch(run->loop, channel);
    close(channel);
}

static void wire_send(void *context, int channel, const struct endpoint *to, struct bytes datagram)
{
    (void)context;
    ssize_t sent = sendto(channel, datagram.data, datagram.size, 0, &to->address.any, to->size);
    (void)sent; /* lost, if it was */
}

/* ---- the program's side ---- */

static size_t raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 1024;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur > LOOP_FDS_MAX ? LOOP_FDS_MAX : (size_t)limit.rlim_cur;
}

int run_new(struct loop *loop, struct fleet *fleet, unsigned count, struct run **out)
{
    struct run *run = calloc(1, sizeof(*run));

    if (run == NULL)
        return -ENOMEM;
    *run = (struct run){ .loop = loop, .fleet = fleet, .capacity = count, .fd_count = raise_file_limit() };
    run->devices = calloc(count, sizeof(*run->devices));
    run->addresses = calloc(count, sizeof(*run->addresses));
    run->heap = calloc(count, sizeof(struct device *));
    run->by_fd = calloc(run->fd_count, sizeof(struct device *));
    int r = run->devices == NULL || run->addresses == NULL || run->heap == NULL || run->by_fd == NULL ? -ENOMEM : 0;
    if (r == 0 && run->fd_count < (size_t)count + SPARE_FILES)
        r = -EMFILE;
    if (r == 0)
        r = loop_timer_new(loop, wake_due, run, &run->timer);
    if (r != 0) {
        run_free(run);
        return r;
    }
    fleet->wire = (struct wire){ .context = run, .open = wire_open, .close = wire_close, .send = wire_send };
    loop_on_turn(loop, before_sleep, run);
    *out = run;
    return 0;
}

void run_free(struct run *run)
{
    if (run == NULL)
        return;
    for (size_t i = 0; i < run->count; i++) {
        int server = run->devices[i].server;
        device_deinit(&run->devices[i]);
        wire_close(run, server);
    }
    loop_on_turn(run->loop, NULL, NULL);
    loop_timer_free(run->timer);
    free(run->by_fd);
    free(run->heap);
    free(run->addresses);
    free(run->devices);
    free(run);
}

int run_add(struct run *run, const char *name, const struct endpoint *address, struct why *why)
{
    char text[ENDPOINT_TEXT_SIZE];
    int server = -1;

    if (run->count == run->capacity)
        return -ENOSPC;
    int r = open_socket(run, address, NULL, &server);
    if (r != 0) {
        endpoint_format(address, text);
        return refuse(why, REFUSED_INVALID, "--listen",
                      "use a free address of this host: 127.x.y.z, or [::1] with --port", "%s: %s", text, strerror(-r));
    }
    struct device *device = &run->devices[run->count];
    run->addresses[run->count] = *address;
    run->by_fd[server] = device;
    device_init(device, run->fleet, (unsigned)run->count, name, server);
    put(run, run->count++, device);
    r = device_start(device, monotonic_ms());
    reschedule(run, device);
    return r;
}

size_t run_count(const struct run *run)
{
    return run->count;
}

struct device *run_device(struct run *run, size_t i)
{
    return &run->devices[i];
}

unsigned run_revive(struct run *run)
{
    unsigned revived = 0;

    for (size_t i = 0; i < run->count; i++) {
        if (!run->devices[i].crashed)
            continue;
        device_power_cycle(&run->devices[i], monotonic_ms());
        reschedule(run, &run->devices[i]);
        revived++;
    }
    return revived;
}

int run_address(const struct endpoint *base, unsigned i, struct endpoint *out)
{
    struct endpoint address = *base;

    if (address.address.any.sa_family == AF_INET) {
        uint64_t number = (uint64_t)ntohl(address.address.v4.sin_addr.s_addr) + i;
        if (number > UINT32_MAX)
            return -ERANGE;
        address.address.v4.sin_addr.s_addr = htonl((uint32_t)number);
    } else {
        uint64_t port = (uint64_t)ntohs(address.address.v6.sin6_port) + i;
        if (port > UINT16_MAX)
            return -ERANGE;
        address.address.v6.sin6_port = htons((uint16_t)port);
    }
    *out = address;
    return 0;
}
