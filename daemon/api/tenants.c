/* tenants.c - /v1/tenants and their keys. */
#include <errno.h>
#include <stddef.h>

#include "daemon/api/handlers.h"
#include "daemon/api/json.h"
#include "daemon/api/server.h"
#include "daemon/base/text.h"
#include "daemon/core/tenant.h"

struct tenant_order {
    const char *name;
};
FORM(tenant_create_form, struct tenant_order,
     { "name", FIELD_TEXT, true, offsetof(struct tenant_order, name), 1, NAME_SIZE - 1 });

struct key_order {
    const char *public_key;
};
FORM(tenant_key_form, struct key_order,
     { "public_key", FIELD_TEXT, true, offsetof(struct key_order, public_key), 1, PEM_SIZE - 1 });

static json_t *tenant_json(const struct tenant *tenant)
{
    return json_pack("{s:I,s:o,s:o}", "id", (json_int_t)tenant->id, "name", json_words(tenant->name), "created_at",
                     json_time(tenant->created_ms));
}

static json_t *key_json(const struct request *request, const struct tenant_key *key)
{
    return json_pack("{s:o,s:s,s:o,s:o,s:o}", "fingerprint", json_hex(key->fingerprint, sizeof(key->fingerprint)),
                     "type", key_type_name(key->key.type), "public_key", json_pem(request, &key->key), "created_at",
                     json_time(key->created_ms), "revoked_at", json_time(key->revoked_ms));
}

static int add_tenant(void *context, const struct tenant *tenant)
{
    return listing_add(context, tenant->id, tenant_json(tenant));
}

int tenants_list(struct request *request, struct why *why)
{
    struct listing listing;

    int r = listing_begin(&listing, request, why);
    if (r == 0)
        r = tenant_list(request->core, &request->caller, listing.page, add_tenant, &listing, why);
    return r != 0 ? r : listing_end(&listing);
}

struct keys {
    const struct request *request;
    json_t *json;
};

static int collect_key(void *context, const struct tenant_key *key)
{
    struct keys *keys = context;

    return json_array_append_new(keys->json, key_json(keys->request, key)) != 0 ? -ENOMEM : 0;
}

static int reply_tenant(struct request *request, unsigned status, const struct tenant *tenant, struct why *why)
{
    struct keys keys = { request, json_array() };

    int r = tenant_key_list(request->core, &request->caller, tenant->name, collect_key, &keys, why);
    if (r != 0) {
        json_decref(keys.json);
        return r;
    }
    json_t *json = json_pack("{s:I,s:o,s:o,s:o}", "id", (json_int_t)tenant->id, "name", json_words(tenant->name),
                             "created_at", json_time(tenant->created_ms), "keys", keys.json);
    return reply_json(&request->reply, status, json);
}

int tenants_create(struct request *request, struct why *why)
{
    const struct tenant_order *order = request->body.order;
    struct tenant tenant;

    int r = tenant_create(request->core, &request->caller, order->name, &tenant, why);
    if (r != 0)
        return r;
    reply_location(&request->reply, "/v1/tenants/%s", tenant.name);
    return reply_tenant(request, 201, &tenant, why);
}

int tenants_get(struct request *request, struct why *why)
{
    struct tenant tenant;

    int r = tenant_get(request->core, &request->caller, request->path[0], &tenant, why);
    return r != 0 ? r : reply_tenant(request, 200, &tenant, why);
}

static int add_key(void *context, const struct tenant_key *key)
{
    struct listing *listing = context;

    return listing_add(listing, key->id, key_json(listing->request, key));
}

int tenant_keys_list(struct request *request, struct why *why)
{
    struct listing listing;

    listing_begin_whole(&listing, request);
    int r = tenant_key_list(request->core, &request->caller, request->path[0], add_key, &listing, why);
    return r != 0 ? r : listing_end(&listing);
}

int tenant_keys_add(struct request *request, struct why *why)
{
    const struct key_order *order = request->body.order;
    struct public_key key;
    struct tenant_key made;

    int r = request->api->settings->public_read_pem(bytes_of_text(order->public_key), &key, why);
    if (r == 0)
        r = tenant_key_add(request->core, &request->caller, request->path[0], &key, &made, why);
    if (r != 0)
        return r;
    char fingerprint[2 * DIGEST_SIZE + 1];
    hex_encode(bytes_view(made.fingerprint, DIGEST_SIZE), fingerprint);
    reply_location(&request->reply, "/v1/tenants/%s/keys/%s", location_part(request->path[0]).text, fingerprint);
    return reply_json(&request->reply, 201, key_json(request, &made));
}

int tenant_keys_revoke(struct request *request, struct why *why)
{
    uint8_t fingerprint[DIGEST_SIZE];

    if (hex_decode(request->path[1], fingerprint, sizeof(fingerprint)) != 0)
        return refuse(why, REFUSED_UNKNOWN, "fingerprint", "fingerprints are 64 hexadecimal digits",
                      "there is no such key");
    request->reply.status = 204;
    return tenant_key_revoke(request->core, &request->caller, request->path[0], fingerprint, why);
}
