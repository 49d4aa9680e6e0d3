/* cmd_schedule.c - releases that are asked for again and again. */
#include "cli/answer.h"
#include "cli/common.h"

static const struct column schedule_columns[] = {
    { "SCHEDULE", "id", true },          { "TENANT", "tenant", false },
    { "QUERY", "query", false },         { "SENSOR", "sensor", false },
    { "SELECTOR", "selector", false },   { "EVERY MS", "every_ms", true },
    { "EPSILON", "loss.epsilon", true }, { "STATE", "state", false },
    { "NEXT", "next_at", false },        { "RUNS", "runs", true },
    { "REFUSED", "refused", true },      { "MISSED", "missed", true },
    { "PROBLEM", "problem", false },     { NULL, NULL, false },
};

static const struct column one_columns[] = {
    { "tenant", "tenant", false },       { "query", "query", false },
    { "sensor", "sensor", false },       { "selector", "selector", false },
    { "every", "every_ms", false },      { "until", "until", false },
    { "state", "state", false },         { "next run", "next_at", false },
    { "last run", "last_at", false },    { "its release", "last_release", false },
    { "runs answered", "runs", false },  { "runs refused", "refused", false },
    { "runs missed", "missed", false },  { "last refused because", "problem", false },
    { "each run costs", "loss", false }, { NULL, NULL, false },
};

static const struct column plan_columns[] = {
    { "runs an epoch", "runs_per_epoch", false },    { "cost an epoch", "per_epoch", false },
    { "all schedules", "all_per_epoch", false },     { "tenant's budget", "budget_cap", false },
    { "tenant's of a filter", "filter_cap", false }, { "devices asked", "now.cohort", false },
    { "95 % error", "now.error95", false },          { NULL, NULL, false },
};

/* Which run finds nothing left. */
static void show_dry(struct call *call, const json_t *plan, const char *member, const char *what)
{
    const json_t *dry = json_object_get(plan, member);
    const json_t *schedule = json_object_get(dry, "schedule");

    if (!json_is_object(dry)) {
        call->output->done(call->output, "%s: lasts for every run until %s, and so from then on", what,
                           common_text(plan, "looked_until"));
        return;
    }
    long long run = (long long)json_integer_value(json_object_get(dry, "run"));
    if (json_is_integer(schedule))
        call->output->done(call->output, "%s: out of %s at %s, run %lld from now of schedule %lld", what,
                           common_text(dry, "currency"), common_text(dry, "at"), run,
                           (long long)json_integer_value(schedule));
    else
        call->output->done(call->output, "%s: out of %s at %s, run %lld of this one", what,
                           common_text(dry, "currency"), common_text(dry, "at"), run);
}

static void show_plan(struct call *call, const json_t *plan)
{
    call->output->object(call->output, plan, plan_columns);
    show_dry(call, plan, "budget_dry", "budget of the tenant");
    show_dry(call, plan, "filter_dry",
             json_is_true(json_object_get(plan, "filter_as_spent"))
                 ? "filters as they are, if nobody else asked these devices from now on"
                 : "filter of a device that nobody else asks");
}

static int preview(struct call *call, json_t *body)
{
    struct path path = path_of("/v1/schedules/preview");
    json_t *plan = NULL;

    int r = common_send(call, "POST", &path, body, &plan);
    if (r == EXIT_DONE && call->output->is_json)
        call->output->object(call->output, plan, NULL);
    else if (r == EXIT_DONE)
        show_plan(call, plan);
    json_decref(plan);
    return r;
}

static int create(struct call *call)
{
    struct path path = path_of("/v1/schedules");
    json_t *body = json_object();
    json_t *schedule = NULL;

    int r = common_put_question(call, body);
    if (r == EXIT_DONE)
        r = common_put_duration(call, body, "every", "every_ms");
    if (r == EXIT_DONE)
        r = common_put_time(call, body, "until", "until");
    if (r != EXIT_DONE) {
        json_decref(body);
        return r;
    }
    if (call_option(call, "dry-run") != NULL)
        return preview(call, body);
    r = common_send(call, "POST", &path, body, &schedule);
    if (r == EXIT_DONE && call->output->is_json)
        call->output->object(call->output, schedule, NULL);
    else if (r == EXIT_DONE)
        call->output->done(call->output, "schedule %lld stands; it runs first at %s",
                           (long long)json_integer_value(json_object_get(schedule, "id")),
                           common_text(schedule, "next_at"));
    json_decref(schedule);
    return r;
}

static int list(struct call *call)
{
    struct path path = path_of("/v1/schedules");

    return common_list(call, &path, schedule_columns);
}

static int show(struct call *call)
{
    struct path path = path_of("/v1/schedules/%s", call->arguments[0]);
    json_t *schedule = NULL;

    int r = client_json(call->client, "GET", &path, NULL, &schedule);
    if (r == EXIT_DONE && call->output->is_json) {
        call->output->object(call->output, schedule, NULL);
    } else if (r == EXIT_DONE) {
        durations_tidy(schedule);
        call->output->object(call->output, schedule, one_columns);
        show_plan(call, json_object_get(schedule, "plan"));
    }
    json_decref(schedule);
    return r;
}

static int move(struct call *call, const char *how, const char *words)
{
    struct path path = path_of("/v1/schedules/%s/%s", call->arguments[0], how);

    return common_do(call, "POST", &path, NULL, "schedule %s %s", call->arguments[0], words);
}

static int pause_it(struct call *call)
{
    return move(call, "pause", "is paused");
}

static int resume(struct call *call)
{
    return move(call, "resume", "goes on");
}

static int delete_it(struct call *call)
{
    struct path path = path_of("/v1/schedules/%s", call->arguments[0]);

    return common_do(call, "DELETE", &path, NULL, "schedule %s is deleted; its releases stay", call->arguments[0]);
}

static const struct option_row create_options[] = {
    { "tenant", 0, "T", false, "who asks (a tenant's own token knows)" },
    { "query", 0, "Q", true, "as in release create" },
    { "sensor", 0, "S", true, "of which sensor" },
    { "selector", 'l', "L", true, "over which devices" },
    { "source", 0, "SOURCE", false, "readings: raw, local (noised on board, priced by their policy), both" },
    { "epsilon", 0, "E", false, "privacy that each run spends, on every device asked and epoch touched, as 0.01" },
    { "rho", 0, "R", false, "the same for Gaussian noise, which has no epsilon, as 0.001" },
    COMMON_QUESTION_OPTIONS,
    { "every", 0, "DURATION", true, "how often, and how long the window of each run is, as 1h" },
    { "until", 0, "TIME", false, "no run after it, as 2027-01-01 or +30d; else until deleted" },
    { "dry-run", 0, NULL, false, "only say what it would cost, and when budget or filters would run dry" },
    { 0 },
};

static const struct option_row list_options[] = { OPTION_LIMIT, { 0 } };

const struct command schedule_commands[] = {
    { "schedule create", NULL,
      "Asks for the same release again and again: each run is over the interval that ended with it.", create_options,
      "tinypartctl schedule create --tenant acme --query mean --sensor temperature --selector site=lyon --every 1h "
      "--epsilon 0.01 --dry-run\n"
      "tinypartctl schedule create --tenant acme --query mean --sensor temperature --selector site=lyon --every 1h "
      "--epsilon 0.01 --until +90d",
      create, false },
    { "schedule list", NULL, "Lists the schedules.", list_options, "tinypartctl schedule list", list, false },
    { "schedule show", "ID", "Shows a schedule, what it will cost, and when budget or filters would run dry.", NULL,
      "tinypartctl schedule show 3", show, false },
    { "schedule pause", "ID", "Runs nothing until it is resumed; what is due meanwhile is not made up for.", NULL,
      "tinypartctl schedule pause 3", pause_it, false },
    { "schedule resume", "ID", "Goes on with the next run.", NULL, "tinypartctl schedule resume 3", resume, false },
    { "schedule delete", "ID", "Ends a schedule; its releases stay.", NULL, "tinypartctl schedule delete 3", delete_it,
      false },
    { 0 },
};
