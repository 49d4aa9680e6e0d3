/* cmd_rollout.c - deploy orders, and watching them. */
#include "cli/common.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/base/text.h"

enum { WATCH_STEP_US = 300000, BAR_WIDTH = 30 };

static const struct column rollout_columns[] = {
    { "ROLLOUT", "id", true },       { "TENANT", "tenant", false },     { "IMAGE", "image", false },
    { "VERSION", "version", false }, { "SELECTOR", "selector", false }, { "SLOT", "slot", true },
    { "STATE", "state", false },     { "STEPS", "steps", false },       { "CREATED", "created_at", false },
    { NULL, NULL, false },
};

static const struct column step_columns[] = {
    { "DEVICE", "device", false }, { "STATE", "state", false },   { "TRIES", "attempts", true },
    { "SEQ", "sequence", true },   { "REASON", "reason", false }, { NULL, NULL, false },
};

static bool is_good(const char *state)
{
    return strcmp(state, "installed") == 0 || strcmp(state, "delivered") == 0;
}

static bool is_over(const char *state)
{
    static const char *const over[] = { "installed", "delivered", "refused", "failed", "unreachable", "aborted" };

    for (size_t i = 0; i < sizeof(over) / sizeof(over[0]); i++)
        if (strcmp(state, over[i]) == 0)
            return true;
    return false;
}

struct standing {
    json_int_t all, over, good;
    char words[256]; /* "installed 3, waiting 2" */
};

static struct standing standing_of(const json_t *rollout)
{
    struct standing standing = { .words = "" };
    const char *state;
    json_t *count;

    json_object_foreach(json_object_get(rollout, "steps"), state, count)
    {
        json_int_t steps = json_integer_value(count);
        size_t used = strlen(standing.words);
        standing.all += steps;
        standing.over += is_over(state) ? steps : 0;
        standing.good += is_good(state) ? steps : 0;
        if (steps > 0)
            snprintf(standing.words + used, sizeof(standing.words) - used, "%s%s %lld", used > 0 ? ", " : "", state,
                     (long long)steps);
    }
    return standing;
}

static bool has_ended(const json_t *rollout)
{
    const char *state = json_string_value(json_object_get(rollout, "state"));

    /* An aborted rollout ends when its steps under way have come to their own end. */
    struct standing standing = standing_of(rollout);
    return state == NULL || strcmp(state, "done") == 0 ||
           (strcmp(state, "aborted") == 0 && standing.over == standing.all);
}

static void show_progress(const json_t *rollout, char last[320])
{
    struct standing standing = standing_of(rollout);
    const char *state = json_string_value(json_object_get(rollout, "state"));
    bool terminal = isatty(STDERR_FILENO) != 0;
    char bar[BAR_WIDTH + 1];
    char line[320];

    int filled = standing.all > 0 ? (int)(standing.over * BAR_WIDTH / standing.all) : 0;
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', (size_t)filled);
    bar[BAR_WIDTH] = '\0';
    snprintf(line, sizeof(line), "%s: %lld of %lld over (%s)", state != NULL ? state : "?", (long long)standing.over,
             (long long)standing.all, standing.words);
    if (terminal)
        fprintf(stderr, "\r\033[K[%s] %s", bar, line);
    else if (strcmp(line, last) != 0) /* a log gets a line a change */
        fprintf(stderr, "[%s] %s\n", bar, line);
    strcpy(last, line);
}

/* The devices that did not make it, with their reasons. */
static int show_rest(struct call *call, json_int_t id)
{
    struct path path;
    char number[24];
    json_t *items = NULL;
    json_t *rest = json_array();
    size_t index;
    json_t *step;

    snprintf(number, sizeof(number), "%lld", (long long)id);
    path = path_of("/v1/rollouts/%s/steps", number);
    int r = client_list(call->client, &path, 0, &items);
    json_array_foreach(items, index, step)
    {
        const char *state = json_string_value(json_object_get(step, "state"));
        if (state != NULL && !is_good(state))
            json_array_append(rest, step);
    }
    if (r == EXIT_DONE && json_array_size(rest) > 0)
        call->output->list(call->output, rest, step_columns);
    json_decref(items);
    json_decref(rest);
    return r;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int watch(struct call *call, json_int_t id)
{
    struct path path;
    char number[24];
    char last[320] = "";
    int64_t timeout_ms = 0;
    json_t *rollout = NULL;
    bool ended = false;

    snprintf(number, sizeof(number), "%lld", (long long)id);
    path = path_of("/v1/rollouts/%s", number);
    int r = call_duration(call, "timeout", &timeout_ms);
    for (int64_t began = now_ms(); r == EXIT_DONE && !ended; usleep(ended ? 0 : WATCH_STEP_US)) {
        json_decref(rollout);
        rollout = NULL;
        r = client_json(call->client, "GET", &path, NULL, &rollout);
        if (r != EXIT_DONE)
            break;
        show_progress(rollout, last);
        ended = has_ended(rollout);
        if (!ended && timeout_ms > 0 && now_ms() - began > timeout_ms)
            break;
    }
    if (isatty(STDERR_FILENO))
        fputc('\n', stderr);
    if (r == EXIT_DONE) {
        struct standing standing = standing_of(rollout);
        if (call->output->is_json)
            call->output->object(call->output, rollout, NULL);
        else if (!ended)
            call->output->done(call->output,
                               "rollout %lld is still %s; watch on with: tinypartctl rollout status %lld --watch",
                               (long long)id, common_text(rollout, "state"), (long long)id);
        else
            call->output->done(call->output, "rollout %lld is over: %lld of %lld devices have the image", (long long)id,
                               (long long)standing.good, (long long)standing.all);
        if (!call->output->is_json)
            r = show_rest(call, id);
        if (r == EXIT_DONE && (!ended || standing.good < standing.all))
            r = EXIT_UNFINISHED;
    }
    json_decref(rollout);
    return r;
}

static int create(struct call *call)
{
    struct path path = path_of("/v1/rollouts");
    json_t *rollout = NULL;
    char name[64];
    char version[40];
    int64_t slot = 0;

    int r = common_split_image(call, call_option(call, "image"), name, version);
    if (r == EXIT_DONE)
        r = call_integer(call, "slot", 0, 255, &slot);
    if (r != EXIT_DONE)
        return r;
    json_t *body = json_pack("{s:s, s:s, s:I}", "image", name, "version", version, "slot", (json_int_t)slot);
    common_put(call, body, "tenant", "tenant");
    common_put(call, body, "selector", "selector");
    if (call_option(call, "encrypt") != NULL)
        json_object_set_new(body, "transfer", json_string("encrypted"));
    r = common_put_integer(call, body, "concurrency", "concurrency", 1, 4096);
    if (r == EXIT_DONE)
        r = common_put_integer(call, body, "attempts", "attempts_max", 1, 16);
    if (r == EXIT_DONE)
        r = common_put_duration(call, body, "deadline", "deadline_ms");
    if (r != EXIT_DONE) {
        json_decref(body);
        return r;
    }
    r = common_send(call, "POST", &path, body, &rollout);
    json_int_t id = json_integer_value(json_object_get(rollout, "id"));
    if (r == EXIT_DONE && call_option(call, "watch") != NULL) {
        r = watch(call, id);
    } else if (r == EXIT_DONE) {
        call->output->done(
            call->output,
            "rollout %lld is ordered for %lld devices; watch it with: tinypartctl rollout status %lld --watch",
            (long long)id, (long long)standing_of(rollout).all, (long long)id);
        if (call->output->is_json)
            call->output->object(call->output, rollout, NULL);
    }
    json_decref(rollout);
    return r;
}

static int list(struct call *call)
{
    struct path path = path_of("/v1/rollouts");

    return common_list(call, &path, rollout_columns);
}

static int show(struct call *call)
{
    struct path path = path_of("/v1/rollouts/%s", call->arguments[0]);
    struct path steps_path = path_of("/v1/rollouts/%s/steps", call->arguments[0]);
    json_t *rollout = NULL;
    json_t *steps = NULL;

    int r = client_json(call->client, "GET", &path, NULL, &rollout);
    if (r == EXIT_DONE && call->output->is_json && call_option(call, "steps") == NULL) {
        call->output->object(call->output, rollout, NULL);
    } else if (r == EXIT_DONE) {
        r = client_list(call->client, &steps_path, 0, &steps);
        if (r == EXIT_DONE && !call->output->is_json)
            call->output->object(call->output, rollout, NULL);
        if (r == EXIT_DONE)
            call->output->list(call->output, steps, step_columns);
    }
    json_decref(steps);
    json_decref(rollout);
    return r;
}

static int status(struct call *call)
{
    struct path path = path_of("/v1/rollouts/%s", call->arguments[0]);
    json_t *rollout = NULL;
    int64_t id = 0;

    if (integer_parse(call->arguments[0], 1, INT64_MAX, &id) != 0)
        return call_usage(call, "%s is no rollout's number", call->arguments[0]);
    if (call_option(call, "watch") != NULL)
        return watch(call, (json_int_t)id);
    int r = client_json(call->client, "GET", &path, NULL, &rollout);
    if (r == EXIT_DONE && call->output->is_json) {
        call->output->object(call->output, rollout, NULL);
    } else if (r == EXIT_DONE) {
        struct standing standing = standing_of(rollout);
        call->output->done(call->output, "%s: %lld of %lld over (%s)", common_text(rollout, "state"),
                           (long long)standing.over, (long long)standing.all, standing.words);
        r = show_rest(call, (json_int_t)id);
    }
    json_decref(rollout);
    return r;
}

static int change(struct call *call, const char *verb, const char *outcome)
{
    struct path path = path_of("/v1/rollouts/%s/%s", call->arguments[0], verb);

    return common_do(call, "POST", &path, NULL, "rollout %s %s", call->arguments[0], outcome);
}

static int pause_(struct call *call)
{
    return change(call, "pause", "is paused: no further device begins");
}

static int resume(struct call *call)
{
    return change(call, "resume", "goes on");
}

static int abort_(struct call *call)
{
    return change(call, "abort", "is aborted; devices under way come to their own end");
}

static const struct option_row create_options[] = {
    { "tenant", 0, "T", false, "whose image (a tenant's own token knows)" },
    { "image", 0, "N:V", true, "an admitted image" },
    { "selector", 'l', "L", true, "which devices" },
    { "slot", 0, "K", true, "the place on each device" },
    { "concurrency", 0, "N", false, "devices under way at once (64)" },
    { "attempts", 0, "N", false, "tries a device (4)" },
    { "deadline", 0, "TIME", false, "longest time of one device, as 15m" },
    { "encrypt", 0, NULL, false, "each device gets the image encrypted to its own key" },
    { "watch", 0, NULL, false, "stay and show the progress" },
    { "timeout", 0, "TIME", false, "with --watch: stop watching after that" },
    { 0 },
};

static const struct option_row status_options[] = {
    { "watch", 'w', NULL, false, "stay and show the progress until it is over" },
    { "timeout", 0, "TIME", false, "with --watch: stop watching after that" },
    { 0 },
};

static const struct option_row show_options[] = {
    { "steps", 0, NULL, false, "with -o json: the steps instead of the order" },
    { 0 },
};

static const struct option_row list_options[] = { OPTION_LIMIT, { 0 } };

const struct command rollout_commands[] = {
    { "rollout create", NULL, "Orders an image onto devices.", create_options,
      "tinypartctl rollout create --tenant acme --image thermo:1.2 --selector site=lyon --slot 0 --watch", create,
      false },
    { "rollout list", NULL, "Lists the rollouts.", list_options, "tinypartctl rollout list", list, false },
    { "rollout show", "ID", "Shows a rollout and each device's step.", show_options,
      "tinypartctl rollout show 7\ntinypartctl -o json rollout show 7 --steps", show, false },
    { "rollout status", "ID", "Shows how a rollout stands, and the devices that do not have the image.", status_options,
      "tinypartctl rollout status 7 --watch --timeout 10m", status, false },
    { "rollout pause", "ID", "Lets no further device begin.", NULL, "tinypartctl rollout pause 7", pause_, false },
    { "rollout resume", "ID", "Goes on with a paused rollout.", NULL, "tinypartctl rollout resume 7", resume, false },
    { "rollout abort", "ID", "Ends a rollout for the devices that have not begun.", NULL, "tinypartctl rollout abort 7",
      abort_, false },
    { 0 },
};
