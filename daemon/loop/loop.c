/* loop.c - epoll, timers by the wait's own time-out, one eventfd for calls from other threads.
 * Watches are found by descriptor number through a table, so an event of a descriptor that was unwatched earlier in the
 * same turn finds nothing instead of freed memory. Timers stand in a plain list: there are a handful, one a room. */
#include "daemon/loop/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_PER_TURN = 256, CALLS_FIRST = 64 };

struct watch {
    loop_fd_ready ready; /* NULL: not watched */
    void *context;
};

struct call {
    loop_call run;
    void *context;
};

struct loop_timer {
    struct loop *loop;
    struct loop_timer *next;
    loop_call fire;
    void *context;
    int64_t due_ms; /* monotonic; -1: stopped */
};

struct loop {
    int epoll_fd;
    int wake_fd;
    struct watch *watches; /* by descriptor */
    size_t watch_count;
    struct loop_timer *timers;
    struct call turn;
    bool stopped; /* set under lock */
    pthread_mutex_t lock;
    struct call *calls; /* handed over, under lock */
    size_t call_count;
    size_t call_capacity;
};

static int64_t monotonic_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wake(struct loop *loop)
{
    uint64_t one = 1;

    /* EAGAIN means that the counter is full: the loop is awake already. */
    while (write(loop->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static void drain_wakes(void *context, int fd, uint32_t events)
{
    uint64_t count;

    (void)context;
    (void)events;
    while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
}

void loop_flush(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    struct call *calls = loop->calls;
    size_t count = loop->call_count;
    loop->calls = NULL;
    loop->call_count = loop->call_capacity = 0;
    pthread_mutex_unlock(&loop->lock);
    for (size_t i = 0; i < count; i++)
        calls[i].run(calls[i].context);
    free(calls);
}

int loop_new(struct loop **out)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    if (loop == NULL)
        return -ENOMEM;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&loop->lock, NULL);
    int r = loop->epoll_fd < 0 || loop->wake_fd < 0 ? -errno : 0;
    if (r == 0)
        r = loop_watch(loop, loop->wake_fd, EPOLLIN, drain_wakes, loop);
    if (r != 0) {
        loop_free(loop);
        return r;
    }
    *out = loop;
    return 0;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    loop_flush(loop);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    if (loop->wake_fd >= 0)
        close(loop->wake_fd);
    pthread_mutex_destroy(&loop->lock);
    free(loop->watches);
    free(loop->calls);
    free(loop);
}

static int watch_room(struct loop *loop, int fd)
{
    if (fd < 0 || fd >= LOOP_FDS_MAX)
        return -EMFILE;
    size_t needed = (size_t)fd + 1;
    if (needed <= loop->watch_count)
        return 0;
    size_t count = loop->watch_count == 0 ? 64 : loop->watch_count;
    while (count < needed)
        count *= 2;
    struct watch *grown = realloc(loop->watches, count * sizeof(*grown));
    if (grown == NULL)
        return -ENOMEM;
    for (size_t i = loop->watch_count; i < count; i++)
        grown[i] = (struct watch){ 0 };
    loop->watches = grown;
    loop->watch_count = count;
    return 0;
}

int loop_watch(struct loop *loop, int fd, uint32_t epoll_events, loop_fd_ready ready, void *context)
{
    struct epoll_event event = { .events = epoll_events, .data.fd = fd };

    int r = watch_room(loop, fd);
    if (r != 0)
        return r;
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        return -errno;
    loop->watches[fd] = (struct watch){ ready, context };
    return 0;
}

int loop_change(struct loop *loop, int fd, uint32_t epoll_events)
{
    struct epoll_event event = { .events = epoll_events, .data.fd = fd };

    return epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0 ? -errno : 0;
}

void loop_unwatch(struct loop *loop, int fd)
{
    if (fd < 0 || (size_t)fd >= loop->watch_count || loop->watches[fd].ready == NULL)
        return;
    loop->watches[fd] = (struct watch){ 0 };
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

int loop_timer_new(struct loop *loop, loop_call fire, void *context, struct loop_timer **out)
{
    struct loop_timer *timer = malloc(sizeof(*timer));
    if (timer == NULL)
        return -ENOMEM;
    *timer = (struct loop_timer){ .loop = loop, .next = loop->timers, .fire = fire, .context = context, .due_ms = -1 };
    loop->timers = timer;
    *out = timer;
    return 0;
}

void loop_timer_set(struct loop_timer *timer, int64_t delay_ms)
{
    timer->due_ms = monotonic_ms() + (delay_ms > 0 ? delay_ms : 0);
}

void loop_timer_stop(struct loop_timer *timer)
{
    timer->due_ms = -1;
}

void loop_timer_free(struct loop_timer *timer)
{
    if (timer == NULL)
        return;
    for (struct loop_timer **at = &timer->loop->timers; *at != NULL; at = &(*at)->next) {
        if (*at != timer)
            continue;
        *at = timer->next;
        break;
    }
    free(timer);
}

static int next_delay_ms(const struct loop *loop)
{
    int64_t now_ms = monotonic_ms();
    int64_t delay_ms = -1;

    for (const struct loop_timer *timer = loop->timers; timer != NULL; timer = timer->next) {
        if (timer->due_ms < 0)
            continue;
        int64_t left_ms = timer->due_ms > now_ms ? timer->due_ms - now_ms : 0;
        if (delay_ms < 0 || left_ms < delay_ms)
            delay_ms = left_ms;
    }
    return delay_ms > 3600000 ? 3600000 : (int)delay_ms;
}

/* Fires what was due when the turn began. A timer may set, stop or free any timer, so the list is searched anew each
 * time. */
static void fire_timers(struct loop *loop)
{
    int64_t now_ms = monotonic_ms();

    for (;;) {
        struct loop_timer *due = NULL;
        for (struct loop_timer *timer = loop->timers; timer != NULL; timer = timer->next)
            if (timer->due_ms >= 0 && timer->due_ms <= now_ms && (due == NULL || timer->due_ms < due->due_ms))
                due = timer;
        if (due == NULL)
            return;
        due->due_ms = -1;
        due->fire(due->context);
        /* A timer set again with no delay waits for the next turn, or descriptors would starve. */
        for (struct loop_timer *timer = loop->timers; timer != NULL; timer = timer->next)
            if (timer->due_ms == now_ms)
                timer->due_ms = now_ms + 1;
    }
}

int loop_post(struct loop *loop, loop_call call, void *context)
{
    int r = 0;

    pthread_mutex_lock(&loop->lock);
    if (loop->call_count >= LOOP_CALLS_MAX) {
        r = -ENOBUFS;
    } else if (loop->call_count == loop->call_capacity) {
        size_t capacity = loop->call_capacity == 0 ? CALLS_FIRST : loop->call_capacity * 2;
        struct call *grown = realloc(loop->calls, capacity * sizeof(*grown));
        if (grown == NULL) {
            r = -ENOMEM;
        } else {
            loop->calls = grown;
            loop->call_capacity = capacity;
        }
    }
    if (r == 0)
        loop->calls[loop->call_count++] = (struct call){ call, context };
    pthread_mutex_unlock(&loop->lock);
    if (r == 0)
        wake(loop);
    return r;
}

void loop_on_turn(struct loop *loop, loop_call call, void *context)
{
    loop->turn = (struct call){ call, context };
}

/* A stop ends one run, or the next one when none is under way. */
static bool take_stop(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    bool stopped = loop->stopped;
    loop->stopped = false;
    pthread_mutex_unlock(&loop->lock);
    return stopped;
}

int loop_run(struct loop *loop)
{
    struct epoll_event events[EVENTS_PER_TURN];

    while (!take_stop(loop)) {
        if (loop->turn.run != NULL)
            loop->turn.run(loop->turn.context);
        int count = epoll_wait(loop->epoll_fd, events, EVENTS_PER_TURN, next_delay_ms(loop));
        if (count < 0 && errno != EINTR)
            return -errno;
        for (int i = 0; i < count; i++) {
            struct watch *watch = &loop->watches[events[i].data.fd];
            if (watch->ready != NULL)
                watch->ready(watch->context, events[i].data.fd, events[i].events);
        }
        loop_flush(loop);
        fire_timers(loop);
    }
    return 0;
}

void loop_stop(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    loop->stopped = true;
    pthread_mutex_unlock(&loop->lock);
    wake(loop);
}
