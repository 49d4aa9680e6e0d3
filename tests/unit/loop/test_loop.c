#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "daemon/loop/loop.h"

struct seen {
    struct loop *loop;
    struct loop_timer *timer;
    int pipe[2];
    int other[2];
    int reads;
    int fires;
    int calls;
    int turns;
};

static void fire_three_times(void *context)
{
    struct seen *seen = context;

    if (++seen->fires == 3)
        loop_stop(seen->loop);
    else
        loop_timer_set(seen->timer, 0);
}

static void timer_set_again_in_its_own_call_fires_again(void **state)
{
    (void)state;
    struct seen seen = { 0 };

    assert_int_equal(loop_new(&seen.loop), 0);
    assert_int_equal(loop_timer_new(seen.loop, fire_three_times, &seen, &seen.timer), 0);
    loop_timer_set(seen.timer, 0);
    assert_int_equal(loop_run(seen.loop), 0);
    assert_int_equal(seen.fires, 3);
    loop_timer_free(seen.timer);
    loop_free(seen.loop);
}

static void stop_by_timer(void *context)
{
    struct seen *seen = context;

    loop_stop(seen->loop);
}

static void unwatch_both(void *context, int fd, uint32_t events)
{
    struct seen *seen = context;

    (void)fd;
    (void)events;
    seen->reads++;
    loop_unwatch(seen->loop, seen->pipe[0]);
    loop_unwatch(seen->loop, seen->other[0]);
}

static void unwatched_descriptor_gets_no_more_calls_in_the_same_turn(void **state)
{
    (void)state;
    struct seen seen = { 0 };

    assert_int_equal(pipe(seen.pipe), 0);
    assert_int_equal(pipe(seen.other), 0);
    assert_int_equal(loop_new(&seen.loop), 0);
    assert_int_equal(loop_watch(seen.loop, seen.pipe[0], EPOLLIN, unwatch_both, &seen), 0);
    assert_int_equal(loop_watch(seen.loop, seen.other[0], EPOLLIN, unwatch_both, &seen), 0);
    assert_int_equal(write(seen.pipe[1], "x", 1), 1);
    assert_int_equal(write(seen.other[1], "x", 1), 1);
    assert_int_equal(loop_timer_new(seen.loop, stop_by_timer, &seen, &seen.timer), 0);
    loop_timer_set(seen.timer, 20);
    assert_int_equal(loop_run(seen.loop), 0);
    assert_int_equal(seen.reads, 1);
    loop_timer_free(seen.timer);
    loop_free(seen.loop);
    for (int i = 0; i < 2; i++) {
        close(seen.pipe[i]);
        close(seen.other[i]);
    }
}

enum { HANDED_OVER = 1000 };

static void count_call(void *context)
{
    struct seen *seen = context;

    if (++seen->calls == HANDED_OVER)
        loop_stop(seen->loop);
}

static void count_turn(void *context)
{
    struct seen *seen = context;

    seen->turns++;
}

static void *hand_over(void *context)
{
    struct seen *seen = context;

    for (int i = 0; i < HANDED_OVER; i++)
        while (loop_post(seen->loop, count_call, seen) != 0)
            ;
    return NULL;
}

static void calls_of_another_thread_all_arrive(void **state)
{
    (void)state;
    struct seen seen = { 0 };
    pthread_t thread;

    assert_int_equal(loop_new(&seen.loop), 0);
    loop_on_turn(seen.loop, count_turn, &seen);
    assert_int_equal(pthread_create(&thread, NULL, hand_over, &seen), 0);
    assert_int_equal(loop_run(seen.loop), 0);
    pthread_join(thread, NULL);
    assert_int_equal(seen.calls, HANDED_OVER);
    assert_true(seen.turns >= 1);
    loop_free(seen.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timer_set_again_in_its_own_call_fires_again),
        cmocka_unit_test(unwatched_descriptor_gets_no_more_calls_in_the_same_turn),
        cmocka_unit_test(calls_of_another_thread_all_arrive),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
