/* cmd_export.c - sinks, deliveries, and the audit record. */
#include "cli/common.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER_MAX = 1023 };

static const struct column sink_columns[] = {
    { "SINK", "name", false },     { "TENANT", "tenant", false },  { "KIND", "kind", false },
    { "CONFIG", "config", false }, { "WAITING", "waiting", true }, { "CREATED", "created_at", false },
    { NULL, NULL, false },
};

static const struct column export_columns[] = {
    { "DELIVERY", "id", true },  { "TENANT", "tenant", false },
    { "SINK", "sink", false },   { "KIND", "kind", false },
    { "OF", "subject", true },   { "TRIES", "attempts", true },
    { "NEXT", "due_at", false }, { "DELIVERED", "delivered_at", false },
    { "ERROR", "error", false }, { NULL, NULL, false },
};

static const struct column audit_columns[] = {
    { "ENTRY", "sequence", true }, { "AT", "at", false },         { "WHO", "actor", false }, { "DID", "action", false },
    { "TO", "subject", false },    { "DETAIL", "detail", false }, { NULL, NULL, false },
};

/* From a file: what stands on a command line, everyone on the machine may read. */
static int put_authorization(const struct call *call, json_t *config)
{
    const char *file = call_option(call, "authorization-file");
    uint8_t *text = NULL;
    size_t size = 0;

    if (file == NULL)
        return EXIT_DONE;
    int r = common_read(file, HEADER_MAX, &text, &size);
    if (r != EXIT_DONE)
        return r;
    const uint8_t *end = memchr(text, '\n', size);
    json_t *value = json_stringn((const char *)text, end == NULL ? size : (size_t)(end - text));
    free(text);
    if (value == NULL)
        return call_usage(call, "%s holds no text", file);
    json_object_set_new(config, "authorization", value);
    return EXIT_DONE;
}

static int sink_create(struct call *call)
{
    struct path path = path_of("/v1/sinks");
    json_t *config = json_object();
    json_t *body = json_pack("{s:s, s:o}", "name", call->arguments[0], "config", config);

    common_put(call, body, "tenant", "tenant");
    common_put(call, body, "kind", "kind");
    common_put(call, config, "url", "url");
    common_put(call, config, "ca-file", "ca_file");
    int r = put_authorization(call, config);
    if (r != EXIT_DONE) {
        json_decref(body);
        return r;
    }
    return common_do(call, "POST", &path, body, "sink %s is ready: releases and noised rows go there",
                     call->arguments[0]);
}

static int sink_list(struct call *call)
{
    struct path path = path_of("/v1/sinks");

    return common_list(call, &path, sink_columns);
}

static int sink_show(struct call *call)
{
    struct path path = path_of("/v1/sinks/%s", call->arguments[0]);

    path_query(&path, "tenant", call_option(call, "tenant"));
    return common_show(call, &path, NULL);
}

static int sink_delete(struct call *call)
{
    struct path path = path_of("/v1/sinks/%s", call->arguments[0]);

    path_query(&path, "tenant", call_option(call, "tenant"));
    return common_do(call, "DELETE", &path, NULL, "sink %s is deleted, and what waited for it is dropped",
                     call->arguments[0]);
}

static int export_list(struct call *call)
{
    struct path path = path_of("/v1/exports");

    return common_list(call, &path, export_columns);
}

static int audit_list(struct call *call)
{
    struct path path = path_of("/v1/audit");

    return common_list(call, &path, audit_columns);
}

static int audit_verify(struct call *call)
{
    struct path path = path_of("/v1/audit/verify");
    json_t *verdict = NULL;

    int r = client_json(call->client, "GET", &path, NULL, &verdict);
    if (r == EXIT_DONE) {
        call->output->object(call->output, verdict, NULL);
        if (!json_is_true(json_object_get(verdict, "holds")))
            r = EXIT_REFUSED;
    }
    json_decref(verdict);
    return r;
}

static const struct option_row create_options[] = {
    { "tenant", 0, "T", false, "whose data goes there (a tenant's own token knows)" },
    { "kind", 0, "KIND", true, "file or http" },
    { "url", 0, "URL", false, "http: where to post" },
    { "authorization-file", 0, "FILE", false, "http: its first line is the Authorization header, as: Bearer abc" },
    { "ca-file", 0, "PEM", false, "http: certificates to believe; else the system's" },
    { 0 },
};

static const struct option_row tenant_options[] = {
    { "tenant", 0, "T", false, "whose sink (a tenant's own token knows)" },
    { 0 },
};

static const struct option_row list_options[] = { OPTION_LIMIT, { 0 } };

const struct command export_commands[] = {
    { "sink create", "NAME", "Makes a place where a tenant's releases and noised rows go.", create_options,
      "tinypartctl sink create archive --tenant acme --kind file\n"
      "tinypartctl sink create cloud --tenant acme --kind http --url https://in.acme.example/tinypart",
      sink_create, false },
    { "sink list", NULL, "Lists the sinks, and how much waits for each.", list_options, "tinypartctl sink list",
      sink_list, false },
    { "sink show", "NAME", "Shows a sink.", tenant_options, "tinypartctl sink show archive --tenant acme", sink_show,
      false },
    { "sink delete", "NAME", "Deletes a sink and what waits for it.", tenant_options,
      "tinypartctl sink delete archive --tenant acme", sink_delete, false },
    { "export list", NULL, "Lists deliveries: done, waiting, and why they wait.", list_options,
      "tinypartctl export list", export_list, false },
    { "audit list", NULL, "Lists who did what.", list_options, "tinypartctl audit list --limit 20", audit_list, false },
    { "audit verify", NULL, "Recomputes the hash chain of the audit record; exit code 1 when it is broken.", NULL,
      "tinypartctl audit verify", audit_verify, false },
    { 0 },
};
