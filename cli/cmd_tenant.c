/* cmd_tenant.c - tenants, the public keys that sign their images, and bearer tokens. */
#include "cli/common.h"

#include <stdlib.h>

static const struct column tenant_columns[] = {
    { "TENANT", "name", false },
    { "ID", "id", true },
    { "CREATED", "created_at", false },
    { NULL, NULL, false },
};

static const struct column key_columns[] = {
    { "FINGERPRINT", "fingerprint", false }, { "TYPE", "type", false }, { "ADDED", "created_at", false },
    { "REVOKED", "revoked_at", false },      { NULL, NULL, false },
};

static const struct column token_columns[] = {
    { "TOKEN", "name", false },
    { "ROLE", "role", false },
    { "TENANT", "tenant", false },
    { "CREATED", "created_at", false },
    { "EXPIRES", "expires_at", false },
    { "REVOKED", "revoked_at", false },
    { NULL, NULL, false },
};

static int create(struct call *call)
{
    struct path path = path_of("/v1/tenants");

    return common_do(call, "POST", &path, json_pack("{s:s}", "name", call->arguments[0]), "tenant %s is registered",
                     call->arguments[0]);
}

static int list(struct call *call)
{
    struct path path = path_of("/v1/tenants");

    return common_list(call, &path, tenant_columns);
}

static int show(struct call *call)
{
    struct path path = path_of("/v1/tenants/%s", call->arguments[0]);
    json_t *tenant = NULL;

    int r = client_json(call->client, "GET", &path, NULL, &tenant);
    if (r == EXIT_DONE && call->output->is_json) {
        call->output->object(call->output, tenant, NULL);
    } else if (r == EXIT_DONE) {
        call->output->object(call->output, tenant, tenant_columns);
        call->output->list(call->output, json_object_get(tenant, "keys"), key_columns);
    }
    json_decref(tenant);
    return r;
}

static int key_add(struct call *call)
{
    struct path path = path_of("/v1/tenants/%s/keys", call->arguments[0]);
    uint8_t *pem = NULL;
    size_t size = 0;

    int r = common_read(call->arguments[1], COMMON_PEM_MAX, &pem, &size);
    if (r != EXIT_DONE)
        return r;
    json_t *text = json_stringn((const char *)pem, size);
    free(pem);
    if (text == NULL)
        return call_usage(call, "%s is no PEM text", call->arguments[1]);
    return common_do(call, "POST", &path, json_pack("{s:o}", "public_key", text),
                     "images of tenant %s may be signed with this key", call->arguments[0]);
}

static int key_list(struct call *call)
{
    struct path path = path_of("/v1/tenants/%s/keys", call->arguments[0]);
    json_t *keys = NULL;

    int r = client_json(call->client, "GET", &path, NULL, &keys);
    if (r == EXIT_DONE)
        call->output->list(call->output, json_object_get(keys, "items"), key_columns);
    json_decref(keys);
    return r;
}

static int key_revoke(struct call *call)
{
    struct path path = path_of("/v1/tenants/%s/keys/%s", call->arguments[0], call->arguments[1]);

    return common_do(call, "DELETE", &path, NULL, "the key is revoked: what it signs is no longer admitted");
}

static int token_create(struct call *call)
{
    struct path path = path_of("/v1/tokens");
    json_t *body = json_pack("{s:s}", "name", call->arguments[0]);
    json_t *reply = NULL;

    common_put(call, body, "role", "role");
    common_put(call, body, "tenant", "tenant");
    int r = common_put_time(call, body, "expires", "expires_at");
    if (r != EXIT_DONE) {
        json_decref(body);
        return r;
    }
    r = common_send(call, "POST", &path, body, &reply);
    if (r == EXIT_DONE) {
        const char *text = json_string_value(json_object_get(reply, "token"));
        call->output->done(call->output,
                           "%s\nKeep it in a file of mode 0600: it is shown this once and stored as a hash only.",
                           text != NULL ? text : "");
        if (call->output->is_json)
            call->output->object(call->output, reply, NULL);
    }
    json_decref(reply);
    return r;
}

static int token_list(struct call *call)
{
    struct path path = path_of("/v1/tokens");

    return common_list(call, &path, token_columns);
}

static int token_revoke(struct call *call)
{
    struct path path = path_of("/v1/tokens/%s", call->arguments[0]);

    return common_do(call, "DELETE", &path, NULL, "token %s is revoked", call->arguments[0]);
}

static const struct option_row list_options[] = { OPTION_LIMIT, { 0 } };

static const struct option_row token_options[] = {
    { "role", 0, "ROLE", true, "owner, maintainer, privacy-officer, auditor or tenant" },
    { "tenant", 0, "T", false, "whose token, with role tenant" },
    { "expires", 0, "TIME", false, "as 2027-01-01 or +90d; else never" },
    { 0 },
};

const struct command tenant_commands[] = {
    { "tenant create", "NAME", "Registers a tenant: a service provider with images, budgets and sinks of its own.",
      NULL, "tinypartctl tenant create acme", create, false },
    { "tenant list", NULL, "Lists the tenants.", list_options, "tinypartctl tenant list -o json", list, false },
    { "tenant show", "NAME", "Shows a tenant and its keys.", NULL, "tinypartctl tenant show acme", show, false },
    { "tenant key add", "NAME PUB.pem",
      "Registers a public key that signs the tenant's images. Private keys stay with the tenant.", NULL,
      "tinypartctl keygen --type ed25519 -o acme.pem\ntinypartctl tenant key add acme acme.pub.pem", key_add, false },
    { "tenant key list", "NAME", "Lists a tenant's keys, revoked ones too.", NULL, "tinypartctl tenant key list acme",
      key_list, false },
    { "tenant key revoke", "NAME FINGERPRINT", "Revokes a key; images admitted before stay.", NULL,
      "tinypartctl tenant key revoke acme 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", key_revoke,
      false },
    { "token create", "NAME", "Makes a bearer token for REST over TCP.", token_options,
      "tinypartctl token create acme-ci --role tenant --tenant acme --expires +90d", token_create, false },
    { "token list", NULL, "Lists the tokens; their texts are kept nowhere.", list_options, "tinypartctl token list",
      token_list, false },
    { "token revoke", "NAME", "Revokes a token.", NULL, "tinypartctl token revoke acme-ci", token_revoke, false },
    { 0 },
};
