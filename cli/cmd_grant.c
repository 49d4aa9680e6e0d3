/* cmd_grant.c - what the owner lets a tenant use. */
#include "cli/common.h"

static const struct column grant_columns[] = {
    { "GRANT", "id", true },
    { "TENANT", "tenant", false },
    { "SELECTOR", "selector", false },
    { "SENSORS", "sensors", false },
    { "SLOTS", "slots", false },
    { "HELPERS", "helpers", false },
    { "UNPROVEN", "unproven", false },
    { "UNTIL", "until", false },
    { "REVOKED", "revoked_at", false },
    { NULL, NULL, false },
};

static int create(struct call *call)
{
    struct path path = path_of("/v1/grants");
    json_t *body = json_object();
    json_t *grant = NULL;

    common_put(call, body, "tenant", "tenant");
    common_put(call, body, "selector", "selector");
    common_put_list(call, body, "sensors", "sensors");
    common_put_list(call, body, "slots", "slots");
    common_put_list(call, body, "helpers", "helpers");
    if (call_option(call, "allow-unproven") != NULL)
        json_object_set_new(body, "unproven", json_string("allow"));
    int r = common_put_time(call, body, "until", "until");
    if (r != EXIT_DONE) {
        json_decref(body);
        return r;
    }
    r = common_send(call, "POST", &path, body, &grant);
    if (r == EXIT_DONE && call->output->is_json)
        call->output->object(call->output, grant, NULL);
    else if (r == EXIT_DONE)
        call->output->done(call->output, "grant %lld stands",
                           (long long)json_integer_value(json_object_get(grant, "id")));
    json_decref(grant);
    return r;
}

static int list(struct call *call)
{
    struct path path = path_of("/v1/grants");

    return common_list(call, &path, grant_columns);
}

static int revoke(struct call *call)
{
    struct path path = path_of("/v1/grants/%s", call->arguments[0]);

    return common_do(call, "DELETE", &path, NULL, "grant %s is revoked", call->arguments[0]);
}

static const struct option_row create_options[] = {
    { "tenant", 0, "T", true, "who may" },
    { "selector", 'l', "L", true, "on which devices ('' for all)" },
    { "sensors", 0, "S,...", false, "sensors whose data it may ask for; '*' all" },
    { "slots", 0, "N,...", false, "slots it may use; '*' any" },
    { "helpers", 0, "H,...", false, "helper calls of its containers, as 0x31,0x32; '*' all; else none" },
    { "allow-unproven", 0, NULL, false, "its containers may do what the verifier cannot prove harmless" },
    { "until", 0, "TIME", false, "as 2027-01-01 or +30d; else until revoked" },
    { 0 },
};

static const struct option_row list_options[] = { OPTION_LIMIT, { 0 } };

const struct command grant_commands[] = {
    { "grant create", NULL, "Lets a tenant use slots and sensors of the devices that a selector picks.", create_options,
      "tinypartctl grant create --tenant acme --selector site=lyon --slots 0 --sensors temperature --helpers 0x31,0x32 "
      "--until +90d",
      create, false },
    { "grant list", NULL, "Lists the grants.", list_options, "tinypartctl grant list", list, false },
    { "grant revoke", "ID", "Ends a grant at once.", NULL, "tinypartctl grant revoke 7", revoke, false },
    { 0 },
};
