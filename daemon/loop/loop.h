/* loop.h - one thread's events: file descriptors, one-shot timers, and calls handed over from worker threads. */
#ifndef TINYPART_LOOP_LOOP_H
#define TINYPART_LOOP_LOOP_H

#include <stdint.h>

struct loop;
struct loop_timer;

typedef void (*loop_fd_ready)(void *context, int fd, uint32_t epoll_events);
typedef void (*loop_call)(void *context);

int loop_new(struct loop **out);
/* NULL is fine. Calls still waiting are run first (loop_flush), so that what they carry is not lost. */
void loop_free(struct loop *loop);

/* Watches fd for epoll events (EPOLLIN...), level-triggered. At most LOOP_FDS_MAX. */
#define LOOP_FDS_MAX 65536
int loop_watch(struct loop *loop, int fd, uint32_t epoll_events, loop_fd_ready ready, void *context);
int loop_change(struct loop *loop, int fd, uint32_t epoll_events);
void loop_unwatch(struct loop *loop, int fd);

/* A timer that fires once after delay_ms of monotonic time; setting it again moves it. Owned by the caller. */
int loop_timer_new(struct loop *loop, loop_call fire, void *context, struct loop_timer **out);
void loop_timer_set(struct loop_timer *timer, int64_t delay_ms); /* 0: at the next turn */
void loop_timer_stop(struct loop_timer *timer);
void loop_timer_free(struct loop_timer *timer); /* NULL is fine */

/* From any thread: runs call(context) on the loop's thread. -ENOBUFS when LOOP_CALLS_MAX are waiting. */
#define LOOP_CALLS_MAX 65536
int loop_post(struct loop *loop, loop_call call, void *context);

/* Runs, on the loop's thread, the calls that wait at this moment: for an orderly end, when those who post are gone. */
void loop_flush(struct loop *loop);

/* Called once a turn before sleeping: lets an owner flush what a turn collected. May be NULL. */
void loop_on_turn(struct loop *loop, loop_call call, void *context);

/* Runs until loop_stop (which may be called from any thread or a signal's watch); may be run again. 0 or a fault. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

#endif
