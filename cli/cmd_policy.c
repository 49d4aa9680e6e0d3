/* cmd_policy.c - noise policies of sensors, and tenants' budgets. */
#include "cli/common.h"

static const struct column policy_columns[] = {
    { "SENSOR", "sensor", false },
    { "VERSION", "version", true },
    { "LOWER", "lower", true },
    { "UPPER", "upper", true },
    { "UNIT", "unit_text", false },
    { "PER READING", "epsilon_per_reading", true },
    { "CONTRIBUTIONS", "contributions", true },
    { "INTERVAL MS", "interval_ms", true },
    { "MECHANISM", "mechanism", false },
    { NULL, NULL, false },
};

static const struct column budget_columns[] = {
    { "tenant", "tenant", false },
    { "epsilon an epoch", "epsilon", false },
    { "spent", "spent_epsilon", false },
    { "left", "left_epsilon", false },
    { "renews", "renews_at", false },
    { "then", "next_epsilon", false },
    { "a device's filter", "filter_epsilon", false },
    { NULL, NULL, false },
};

static int policy_set(struct call *call)
{
    struct path path = path_of("/v1/policies");
    json_t *body = json_pack("{s:s}", "sensor", call->arguments[0]);
    json_t *policy = NULL;

    common_put(call, body, "lower", "lower");
    common_put(call, body, "upper", "upper");
    common_put(call, body, "unit", "unit_text");
    common_put(call, body, "epsilon-per-reading", "epsilon_per_reading");
    int r = common_put_integer(call, body, "scale", "scale", 1, 1000000);
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
    if (r == EXIT_DONE && call->output->is_json)
        call->output->object(call->output, policy, NULL);
    else if (r == EXIT_DONE)
        call->output->done(call->output, "sensor %s has policy version %lld", call->arguments[0],
                           (long long)json_integer_value(json_object_get(policy, "version")));
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

    return common_show(call, &path, NULL);
}

static int budget_set(struct call *call)
{
    struct path path = path_of("/v1/budgets/%s", call->arguments[0]);
    json_t *budget = NULL;
    json_t *body = json_object();

    common_put(call, body, "epsilon", "epsilon");
    int r = common_send(call, "PUT", &path, body, &budget);
    if (r == EXIT_DONE)
        call->output->object(call->output, budget, budget_columns);
    json_decref(budget);
    return r;
}

static int budget_show(struct call *call)
{
    struct path path = path_of("/v1/budgets/%s", call->arguments[0]);

    return common_show(call, &path, budget_columns);
}

static const struct option_row policy_options[] = {
    { "lower", 0, "D", true, "readings below count as this, as -20" },
    { "upper", 0, "D", true, "readings above count as this, as 60" },
    { "scale", 0, "N", false, "fixed point: parts of one unit, a power of ten (100)" },
    { "unit", 0, "U", false, "SenML's name of the unit, as Cel" },
    { "epsilon-per-reading", 0, "E", false, "what one reading noised on board costs (0.1)" },
    { "contributions", 0, "N", false, "most readings of a device that count in an epoch (24)" },
    { "interval", 0, "TIME", false, "between two readings (60s)" },
    { "retention", 0, "TIME", false, "raw readings are deleted after that (7d)" },
    { 0 },
};

static const struct option_row budget_options[] = {
    { "epsilon", 0, "E", true, "what the tenant may spend in each epoch, as 2.5" },
    { 0 },
};

static const struct option_row list_options[] = { OPTION_LIMIT, { 0 } };

const struct command policy_commands[] = {
    { "policy set", "SENSOR", "Sets a sensor's next noise policy; devices fetch it, signed.", policy_options,
      "tinypartctl policy set temperature --lower -20 --upper 60 --unit Cel --interval 5m --epsilon-per-reading 0.05",
      policy_set, false },
    { "policy list", NULL, "Lists the policies, all versions.", list_options, "tinypartctl policy list", policy_list,
      false },
    { "policy show", "SENSOR", "Shows a sensor's newest policy.", NULL, "tinypartctl policy show temperature",
      policy_show, false },
    { "budget set", "TENANT", "Sets a tenant's privacy quota; a rise takes effect with the next epoch.", budget_options,
      "tinypartctl budget set acme --epsilon 2", budget_set, false },
    { "budget show", "TENANT", "Shows what a tenant may still spend.", NULL, "tinypartctl budget show acme",
      budget_show, false },
    { 0 },
};
