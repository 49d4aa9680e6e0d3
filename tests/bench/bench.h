/* bench.h - fair timing on a noisy machine: cases take turns, each turn is timed by the processor time of this thread,
 * and the median turn counts. What is worth quoting are ratios between cases of one run. */
#ifndef TINYPART_TESTS_BENCH_H
#define TINYPART_TESTS_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BENCH_ROUNDS_MAX 101

struct bench_case {
    const char *name;
    void (*run)(void *context, uint64_t times); /* does the thing so many times */
    void *context;
    uint64_t times;   /* a turn; 0: found out, so that a turn takes about 20 ms */
    double median_ns; /* of one time: the result */
};

static inline double bench_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static inline int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static inline double bench_turn(const struct bench_case *one)
{
    double began = bench_now_ns();

    one->run(one->context, one->times);
    return (bench_now_ns() - began) / (double)one->times;
}

static inline void bench_run(struct bench_case *cases, size_t count, unsigned rounds)
{
    static double turns[16][BENCH_ROUNDS_MAX];

    if (count > 16 || rounds > BENCH_ROUNDS_MAX)
        abort();
    for (size_t i = 0; i < count; i++)
        for (uint64_t times = 1; cases[i].times == 0; times *= 2) {
            struct bench_case trial = cases[i];
            double began = bench_now_ns();

            trial.run(trial.context, times);
            if (bench_now_ns() - began > 10e6)
                cases[i].times = times * 2;
        }
    for (unsigned round = 0; round < rounds; round++)
        for (size_t i = 0; i < count; i++)
            turns[i][round] = bench_turn(&cases[i]);
    for (size_t i = 0; i < count; i++) {
        qsort(turns[i], rounds, sizeof turns[i][0], bench_compare);
        cases[i].median_ns = turns[i][rounds / 2];
    }
}

#endif
