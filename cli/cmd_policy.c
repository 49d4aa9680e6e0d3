/* cmd_policy.c - noise policies of sensors, and tenants' budgets. */
#include <stdio.h>

#include "cli/answer.h"
#include "cli/bar.h"
#include "cli/common.h"
#include "daemon/base/text.h"

static const struct column policy_columns[] = {
    { "SENSOR", "sensor", false },
    { "VERSION", "version", true },
    { "LOWER", "lower", true },
    { "UPPER", "upper", true },
    { "UNIT", "unit_text", false },
    { "DIMENSION", "dimension", true },
    { "PER READING", "epsilon_per_reading", true },
    { "CONTRIBUTIONS", "contributions", true },
    { "INTERVAL MS", "interval_ms", true },
    { "MECHANISM", "mechanism", false },
    { "PROTECTS", "unit", false },
    { NULL, NULL, false },
};

/* For people; programs get the signed document, too. */
static const struct column one_columns[] = {
    { "sensor", "sensor", false },
    { "version", "version", false },
    { "measured in", "unit_text", false },
    { "from", "lower", false },
    { "up to", "upper", false },
    { "steps a unit", "scale", false },
    { "dimension", "dimension", false },
    { "each clipped to", "norm", false },
    { "readings that count", "contributions", false },
    { "a device gives one", "interval_ms", false },
    { "kept for", "retention_ms", false },
    { "noised on board by", "mechanism", false },
    { "parameter", "parameter_num", false },
    { "divided by", "parameter_den", false },
    { "memoised in steps of", "memo_step", false },
    { "epsilon a reading", "loss_per_reading.epsilon", false },
    { "rho a reading", "loss_per_reading.rho", false },
    { "delta a reading", "loss_per_reading.delta", false },
    { "protects", "unit", false },
    { "epochs of", "epoch_ms", false },
    { "adjacency", "adjacency", false },
    { "made", "created_at", false },
    { NULL, NULL, false },
};

static const struct column budget_columns[] = {
    { "tenant", "tenant", false },
    { "epsilon an epoch", "epsilon", false },
    { "spent", "spent_epsilon", false },
    { "left", "left_epsilon", false },
    { "renews", "renews_at", false },
    { "then", "next_epsilon", false },
    { "rho an epoch", "terms.cap.rho", false },
    { "rho spent", "spent.rho", false },
    { "delta an epoch", "terms.cap.delta", false },
    { "delta spent", "spent.delta", false },
    { "only pure epsilon", "spent.pure", false },
    { "unlocked by now", "unlocked.epsilon", false },
    { "unlocked at start %", "terms.unlock_percent", false },
    { "reserve, each device", "terms.reserve.epsilon", false },
    { "reserve then", "next_terms.reserve.epsilon", false },
    { "a device's filter", "filter_epsilon", false },
    { "its rho", "filter.rho", false },
    { "its delta", "filter.delta", false },
    { NULL, NULL, false },
};

static const char *cost_of(const json_t *policy, const char *currency)
{
    const char *cost = json_string_value(json_object_get(json_object_get(policy, "loss_per_reading"), currency));

    return cost != NULL ? cost : "?";
}

static void policy_say(struct call *call, const json_t *policy)
{
    const long long version = (long long)json_integer_value(json_object_get(policy, "version"));
    const long long dimension = (long long)json_integer_value(json_object_get(policy, "dimension"));

    if (call->output->is_json)
        call->output->object(call->output, policy, NULL);
    else if (dimension > 0)
        call->output->done(call->output,
                           "sensor %s has policy version %lld; its readings are vectors of %lld coordinates, each "
                           "clipped to an L2 norm of %s",
                           call->arguments[0], version, dimension, common_text(policy, "upper"));
    else
        call->output->done(
            call->output,
            "sensor %s has policy version %lld; a reading noised on board costs epsilon %s, rho %s, delta %s",
            call->arguments[0], version, cost_of(policy, "epsilon"), cost_of(policy, "rho"), cost_of(policy, "delta"));
}

static int policy_set(struct call *call)
{
    struct path path = path_of("/v1/policies");
    json_t *body = json_pack("{s:s}", "sensor", call->arguments[0]);
    json_t *policy = NULL;

    common_put(call, body, "lower", "lower");
    common_put(call, body, "upper", "upper");
    common_put(call, body, "norm", "norm");
    common_put(call, body, "unit", "unit_text");
    common_put(call, body, "epsilon-per-reading", "epsilon_per_reading");
    common_put(call, body, "mechanism", "mechanism");
    common_put(call, body, "privacy-unit", "privacy_unit");
    common_put(call, body, "adjacency", "adjacency");
    if (call_option(call, "event-level") != NULL)
        json_object_set_new(body, "event_level", json_integer(1));
    int r = common_put_integer(call, body, "scale", "scale", 1, 1000000);
    if (r == EXIT_DONE)
        r = common_put_integer(call, body, "dimension", "dimension", 1, 4096);
    if (r == EXIT_DONE)
        r = common_put_integer(call, body, "truth", "truth", 1, 1 << 24);
    if (r == EXIT_DONE)
        r = common_put_integer(call, body, "lie", "lie", 1, 1 << 24);
    if (r == EXIT_DONE)
        r = common_put_integer(call, body, "memo-step", "memo_step", 0, INT32_MAX);
    if (r == EXIT_DONE)
        r = common_put_integer(call, body, "contributions", "contributions", 1, 1000000);
    if (r == EXIT_DONE)
        r = common_put_duration(call, body, "interval", "interval_ms");
    if (r == EXIT_DONE)
        r = common_put_duration(call, body, "retention", "retention_ms");
    if (r != EXIT_DONE) {
        json_decref(body);
        return r;
    }
    r = common_send(call, "POST", &path, body, &policy);
    if (r == EXIT_DONE)
        policy_say(call, policy);
    json_decref(policy);
    return r;
}

static int policy_list(struct call *call)
{
    struct path path = path_of("/v1/policies");

    return common_list(call, &path, policy_columns);
}

static int policy_show(struct call *call)
{
    struct path path = path_of("/v1/policies/%s", call->arguments[0]);
    json_t *policy = NULL;

    int r = client_json(call->client, "GET", &path, NULL, &policy);
    if (r == EXIT_DONE && !call->output->is_json)
        durations_tidy(policy);
    if (r == EXIT_DONE)
        call->output->object(call->output, policy, one_columns);
    json_decref(policy);
    return r;
}

static int budget_set(struct call *call)
{
    struct path path = path_of("/v1/budgets/%s", call->arguments[0]);
    json_t *budget = NULL;
    json_t *body = json_object();

    common_put(call, body, "epsilon", "epsilon");
    common_put(call, body, "rho", "rho");
    common_put(call, body, "delta", "delta");
    common_put(call, body, "reserve", "reserve_epsilon");
    common_put(call, body, "reserve-rho", "reserve_rho");
    common_put(call, body, "reserve-delta", "reserve_delta");
    common_put(call, body, "unlock", "unlock_percent");
    common_put(call, body, "reason", "now_because");
    if ((call_option(call, "now") != NULL) != (call_option(call, "reason") != NULL)) {
        json_decref(body);
        return call_usage(call, "a rise holds at once with both --now and --reason TEXT, which is recorded");
    }
    int r = common_send(call, "PUT", &path, body, &budget);
    if (r == EXIT_DONE)
        call->output->object(call->output, budget, budget_columns);
    json_decref(budget);
    return r;
}

static int64_t amount(const json_t *row, const char *of, const char *currency, int digits)
{
    const char *text = json_string_value(json_object_get(json_object_get(row, of), currency));
    int64_t value = 0;

    return text != NULL && fixed_parse(text, digits, &value) == 0 ? value : 0;
}

/* An epoch a line: its name, a bar, the amounts. */
static void draw_epochs(const struct call *call, const json_t *rows, const char *currency, int digits)
{
    char bar[BAR_SIZE];
    const json_t *row;
    size_t index;

    json_array_foreach(rows, index, row)
    {
        int64_t cap = amount(row, "cap", currency, digits);
        if (!json_is_string(json_object_get(json_object_get(row, "cap"), currency)))
            continue; /* not bounded in this currency */
        bar_draw(cap, amount(row, "unlocked", currency, digits), amount(row, "spent", currency, digits),
                 bar_has_blocks(), bar);
        output_text(call->output->out, common_text(row, "name"), false);
        fprintf(call->output->out, "  %s  %s of %s %s\n", bar, common_text(json_object_get(row, "spent"), currency),
                common_text(json_object_get(row, "cap"), currency), currency);
    }
}

static int show_epochs(struct call *call, const json_t *budget)
{
    struct path path = path_of("/v1/budgets/%s/epochs", call->arguments[0]);
    char after[32];
    int64_t count = 14;
    json_t *rows = NULL;

    int r = call_integer(call, "epochs", 0, 1000, &count);
    if (r != EXIT_DONE || count == 0)
        return r;
    int64_t present = json_integer_value(json_object_get(budget, "epoch"));
    snprintf(after, sizeof(after), "%lld", (long long)(present > count ? present - count : 0));
    path_query(&path, "after", after);
    r = client_list(call->client, &path, (size_t)count, &rows);
    if (r == EXIT_DONE) {
        call->output->done(call->output, "\nspent %s, free %s, not unlocked yet or closed .",
                           bar_has_blocks() ? "\u2588" : "#", bar_has_blocks() ? "\u2591" : "-");
        draw_epochs(call, rows, "epsilon", 6);
        draw_epochs(call, rows, "rho", 9);
        call->output->done(call->output, "renews at %s", common_text(budget, "renews_at"));
    }
    json_decref(rows);
    return r;
}

static int budget_show(struct call *call)
{
    struct path path = path_of("/v1/budgets/%s", call->arguments[0]);
    json_t *budget = NULL;

    int r = client_json(call->client, "GET", &path, NULL, &budget);
    if (r == EXIT_DONE)
        call->output->object(call->output, budget, call->output->is_json ? NULL : budget_columns);
    if (r == EXIT_DONE && !call->output->is_json)
        r = show_epochs(call, budget);
    json_decref(budget);
    return r;
}

static const struct option_row show_options[] = {
    { "epochs", 0, "N", false, "draw what was spent in the last N epochs (14); 0: none" },
    { 0 },
};

static const struct option_row policy_options[] = {
    { "lower", 0, "D", false, "readings below count as this, as -20; not with --dimension" },
    { "upper", 0, "D", false, "readings above count as this, as 60; not with --dimension" },
    { "dimension", 0, "N", false, "readings are vectors of so many whole numbers, 1 to 4096" },
    { "norm", 0, "D", false, "vectors are scaled down to this L2 norm, as 1000" },
    { "scale", 0, "N", false, "fixed point: parts of one unit, a power of ten (100, of vectors 1)" },
    { "unit", 0, "U", false, "SenML's name of the unit, as Cel" },
    { "epsilon-per-reading", 0, "E", false, "what one reading noised on board costs (0.1)" },
    { "mechanism", 0, "M", false,
      "of devices that noise on board: none, laplace, geometric, krr, oue, onebit (laplace)" },
    { "truth", 0, "N", false, "weight of the true answer, of krr, oue and onebit" },
    { "lie", 0, "N", false, "weight of each other one; a reading costs epsilon ln(truth/lie)" },
    { "memo-step", 0, "STEPS", false, "one answer for ever for all readings within so many steps (0: none)" },
    { "privacy-unit", 0, "U", false, "who is protected: device, device-epoch or event (device-epoch)" },
    { "event-level", 0, NULL, false, "yes, single readings only are protected; with --privacy-unit event" },
    { "adjacency", 0, "A", false, "what may differ between neighbours: zero-out or replace (zero-out)" },
    { "contributions", 0, "N", false, "most readings of a device that count in an epoch (24, of vectors 1)" },
    { "interval", 0, "TIME", false, "between two readings (60s)" },
    { "retention", 0, "TIME", false, "raw readings are deleted after that (7d)" },
    { 0 },
};

static const struct option_row budget_options[] = {
    { "epsilon", 0, "E", false, "what the tenant may spend in each epoch, as 2.5; a first budget needs it" },
    { "rho", 0, "R", false, "the same in rho, for Gaussian noise, as 0.5; none: pure epsilon only" },
    { "delta", 0, "D", false, "the same in delta, as 1e-9 (0)" },
    { "reserve", 0, "E", false,
      "epsilon of each device's filter that only this tenant may take, from the next epoch on" },
    { "reserve-rho", 0, "R", false, "the same in rho" },
    { "reserve-delta", 0, "D", false, "the same in delta" },
    { "unlock", 0, "PERCENT", false, "of the cap, free as an epoch begins; the rest evenly until its end (100)" },
    { "now", 0, NULL, false, "let a rise hold for the present epoch too; with --reason" },
    { "reason", 0, "TEXT", false, "why now; recorded for good" },
    { 0 },
};

static const struct option_row list_options[] = { OPTION_LIMIT, { 0 } };

const struct command policy_commands[] = {
    { "policy set", "SENSOR", "Sets a sensor's next noise policy; devices fetch it, signed.", policy_options,
      "tinypartctl policy set temperature --lower -20 --upper 60 --unit Cel --interval 5m --epsilon-per-reading 0.05\n"
      "tinypartctl policy set door --lower 0 --upper 1 --scale 1 --mechanism krr --truth 3 --lie 1 --memo-step 1\n"
      "tinypartctl policy set gradient --dimension 256 --norm 1000 --interval 1h",
      policy_set, false },
    { "policy list", NULL, "Lists the policies, all versions.", list_options, "tinypartctl policy list", policy_list,
      false },
    { "policy show", "SENSOR", "Shows a sensor's newest policy.", NULL, "tinypartctl policy show temperature",
      policy_show, false },
    { "budget set", "TENANT", "Sets a tenant's privacy quota; a rise takes effect with the next epoch.", budget_options,
      "tinypartctl budget set acme --epsilon 2\n"
      "tinypartctl budget set acme --epsilon 2 --rho 0.5 --reserve 0.25 --unlock 20\n"
      "tinypartctl budget set acme --epsilon 3 --now --reason 'outage on the 21st, agreed with the owner'",
      budget_set, false },
    { "budget show", "TENANT", "Shows what a tenant may still spend, and draws what it spent, epoch by epoch.",
      show_options, "tinypartctl budget show acme\ntinypartctl budget show acme --epochs 60", budget_show, false },
    { 0 },
};
