/* devices_run.c - /v1/devices/{name}/slots/{slot}/run: the one request that waits.
 * Its connection sleeps until the rules hand in the device's answer, or until nobody should wait any longer. Whichever
 * side goes first leaves the other an orphan that ends by itself: a client that hung up leaves a run without a
 * request, and the answer is dropped. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/api/handlers.h"
#include "daemon/api/json.h"
#include "daemon/api/problem.h"
#include "daemon/api/server.h"
#include "daemon/base/text.h"
#include "daemon/core/collect.h"

enum { RUN_WAIT_MS = 120000 };

struct run {
    struct api *api;
    struct run *next;
    struct request *request; /* NULL: nobody waits any more */
    struct loop_timer *timer;
    char device[NAME_SIZE];
    unsigned slot;
};

static void run_free(struct run *run)
{
    for (struct run **at = &run->api->runs; *at != NULL; at = &(*at)->next)
        if (*at == run) {
            *at = run->next;
            run->api->run_count--;
            break;
        }
    loop_timer_free(run->timer);
    free(run);
}

/* The client went away; the answer will find nobody. */
static void on_gone(void *waiting)
{
    struct run *run = waiting;

    run->request = NULL;
    loop_timer_stop(run->timer);
}

static void give_up(struct run *run, int kind, const char *what)
{
    struct request *request = run->request;
    struct why why;

    run->request = NULL;
    refuse(&why, kind, "device", "look at the device with tinypartctl device show, and try again", "%s", what);
    request_finish(request, kind, &why);
}

static void on_time(void *context)
{
    struct run *run = context;

    if (run->request != NULL)
        give_up(run, PROBLEM_TIMEOUT, "the device did not answer in time");
}

static int reply_answer(const struct run *run, const struct run_answer *answer)
{
    char code[16];

    snprintf(code, sizeof(code), "%u.%02u", answer->code / 100 % 10, answer->code % 100);
    return reply_json(&run->request->reply, 200,
                      json_pack("{s:o,s:i,s:o,s:s,s:b}", "device", json_words(run->device), "slot", (int)run->slot,
                                "answer", json_words(answer->text), "code", code, "looks_like_fault",
                                answer->looks_like_fault));
}

static void on_answer(void *context, const struct run_answer *answer)
{
    struct run *run = context;
    struct request *request = run->request;

    if (request != NULL) {
        int r = answer->kind != 0 ? answer->kind : reply_answer(run, answer);
        request_finish(request, r, &answer->why);
    }
    run_free(run);
}

static int run_new(struct request *request, unsigned slot, struct run **out, struct why *why)
{
    struct api *api = request->api;

    if (api->run_count >= RUNS_MAX)
        return refuse(why, REFUSED_BUSY, NULL, "try again in a moment", "%d requests are waiting for devices already",
                      RUNS_MAX);
    struct run *run = calloc(1, sizeof(*run));
    if (run == NULL)
        return -ENOMEM;
    int r = loop_timer_new(api->loop, on_time, run, &run->timer);
    if (r != 0) {
        free(run);
        return r;
    }
    run->api = api;
    run->slot = slot;
    text_copy(run->device, sizeof(run->device), request->path[0]);
    run->next = api->runs;
    api->runs = run;
    api->run_count++;
    *out = run;
    return 0;
}

int devices_run(struct request *request, struct why *why)
{
    int64_t wait_ms = request->api->settings->run_wait_ms;
    struct run *run = NULL;
    int64_t slot;

    if (integer_parse(request->path[1], 0, SLOTS_MAX - 1, &slot) != 0)
        return refuse(why, REFUSED_UNKNOWN, "slot", "slots count from 0", "there is no slot %.32s", request->path[1]);
    int r = run_new(request, (unsigned)slot, &run, why);
    if (r != 0)
        return r;
    run->request = request;
    request->later = true;
    request->waiting = run;
    request->waiting_gone = on_gone;
    loop_timer_set(run->timer, wait_ms > 0 ? wait_ms : RUN_WAIT_MS);
    r = collect_run(request->core, &request->caller, request->path[0], (unsigned)slot, on_answer, run, why);
    if (r != 0) {
        request->later = false;
        request->waiting = NULL;
        run_free(run);
    }
    return r;
}

void runs_drop(struct api *api)
{
    while (api->runs != NULL) {
        struct run *run = api->runs;
        if (run->request != NULL)
            give_up(run, REFUSED_BUSY, "the daemon is stopping");
        run_free(run);
    }
}
