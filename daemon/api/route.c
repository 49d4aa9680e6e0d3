#include "daemon/api/route.h"

#include <stdio.h>
#include <strings.h>

#include "daemon/api/handlers.h"
#include "daemon/api/problem.h"

#define PAGED   " after limit "
#define BUNDLES " application/octet-stream application/suit-envelope+cose "

const struct route routes[] = {
    { "GET", "/v1/version", "", version_get, NULL, NULL, 0 },
    { "GET", "/v1/status", "", status_show, NULL, NULL, 0 },
    { "GET", "/v1/openapi.json", "", openapi_get, NULL, NULL, 0 },
    { "GET", "/v1/tenants", PAGED, tenants_list, NULL, NULL, 0 },
    { "POST", "/v1/tenants", "", tenants_create, &tenant_create_form, NULL, 0 },
    { "GET", "/v1/tenants/{name}", "", tenants_get, NULL, NULL, 0 },
    { "GET", "/v1/tenants/{name}/keys", "", tenant_keys_list, NULL, NULL, 0 },
    { "POST", "/v1/tenants/{name}/keys", "", tenant_keys_add, &tenant_key_form, NULL, 0 },
    { "DELETE", "/v1/tenants/{name}/keys/{fingerprint}", "", tenant_keys_revoke, NULL, NULL, 0 },
    { "GET", "/v1/devices", " selector state after limit ", devices_list, NULL, NULL, 0 },
    { "POST", "/v1/devices", "", devices_create, &device_create_form, NULL, 0 },
    { "GET", "/v1/devices/{name}", "", devices_get, NULL, NULL, 0 },
    { "DELETE", "/v1/devices/{name}", "", devices_delete, NULL, NULL, 0 },
    { "POST", "/v1/devices/{name}/claim", "", devices_claim, &device_claim_form, NULL, 0 },
    { "POST", "/v1/devices/{name}/labels", "", devices_label, &device_label_form, NULL, 0 },
    { "POST", "/v1/devices/{name}/trust", "", devices_trust, &device_trust_form, NULL, 0 },
    { "POST", "/v1/devices/{name}/address", "", devices_move, &device_move_form, NULL, 0 },
    { "POST", "/v1/devices/{name}/slots/{slot}/run", "", devices_run, NULL, NULL, 0 },
    { "GET", "/v1/profiles", "", profiles_list, NULL, NULL, 0 },
    { "GET", "/v1/profiles/{name}", "", profiles_get, NULL, NULL, 0 },
    { "GET", "/v1/images", PAGED, images_list, NULL, NULL, 0 },
    { "POST", "/v1/images", " tenant ", images_push, NULL, BUNDLES, BUNDLE_SIZE_MAX },
    { "GET", "/v1/images/{name}/{version}", " tenant ", images_get, NULL, NULL, 0 },
    { "GET", "/v1/grants", PAGED, grants_list, NULL, NULL, 0 },
    { "POST", "/v1/grants", "", grants_create, &grant_form, NULL, 0 },
    { "GET", "/v1/grants/{id}", "", grants_get, NULL, NULL, 0 },
    { "DELETE", "/v1/grants/{id}", "", grants_revoke, NULL, NULL, 0 },
    { "GET", "/v1/rollouts", PAGED, rollouts_list, NULL, NULL, 0 },
    { "POST", "/v1/rollouts", "", rollouts_create, &rollout_form, NULL, 0 },
    { "GET", "/v1/rollouts/{id}", "", rollouts_get, NULL, NULL, 0 },
    { "GET", "/v1/rollouts/{id}/steps", PAGED, rollouts_steps, NULL, NULL, 0 },
    { "POST", "/v1/rollouts/{id}/pause", "", rollouts_pause, NULL, NULL, 0 },
    { "POST", "/v1/rollouts/{id}/resume", "", rollouts_resume, NULL, NULL, 0 },
    { "POST", "/v1/rollouts/{id}/abort", "", rollouts_abort, NULL, NULL, 0 },
    { "GET", "/v1/policies", PAGED, policies_list, NULL, NULL, 0 },
    { "POST", "/v1/policies", "", policies_set, &policy_form, NULL, 0 },
    { "GET", "/v1/policies/{sensor}", "", policies_get, NULL, NULL, 0 },
    { "GET", "/v1/budgets/{tenant}", "", budgets_get, NULL, NULL, 0 },
    { "PUT", "/v1/budgets/{tenant}", "", budgets_set, &budget_form, NULL, 0 },
    { "GET", "/v1/budgets/{tenant}/epochs", PAGED, budgets_epochs, NULL, NULL, 0 },
    { "GET", "/v1/privacy/export", "", ledger_export_show, NULL, NULL, 0 },
    { "POST", "/v1/privacy/filter/raise", "", filter_raise, &filter_form, NULL, 0 },
    { "GET", "/v1/privacy/ledger/verify", "", ledger_verdict, NULL, NULL, 0 },
    { "GET", "/v1/releases", PAGED, releases_list, NULL, NULL, 0 },
    { "POST", "/v1/releases", "", releases_create, &release_form, NULL, 0 },
    { "POST", "/v1/releases/preview", "", releases_preview, &release_form, NULL, 0 },
    { "GET", "/v1/releases/{id}", "", releases_get, NULL, NULL, 0 },
    { "GET", "/v1/releases/{id}/answer", "", releases_answer, NULL, NULL, 0 },
    { "GET", "/v1/releases/{id}/explanation", "", releases_explanation, NULL, NULL, 0 },
    { "GET", "/v1/schedules", PAGED, schedules_list, NULL, NULL, 0 },
    { "POST", "/v1/schedules", "", schedules_create, &schedule_form, NULL, 0 },
    { "POST", "/v1/schedules/preview", "", schedules_preview, &schedule_form, NULL, 0 },
    { "GET", "/v1/schedules/{id}", "", schedules_get, NULL, NULL, 0 },
    { "DELETE", "/v1/schedules/{id}", "", schedules_delete, NULL, NULL, 0 },
    { "POST", "/v1/schedules/{id}/pause", "", schedules_pause, NULL, NULL, 0 },
    { "POST", "/v1/schedules/{id}/resume", "", schedules_resume, NULL, NULL, 0 },
    { "GET", "/v1/sinks", PAGED, sinks_list, NULL, NULL, 0 },
    { "POST", "/v1/sinks", "", sinks_create, &sink_form, NULL, 0 },
    { "GET", "/v1/sinks/{name}", " tenant ", sinks_get, NULL, NULL, 0 },
    { "DELETE", "/v1/sinks/{name}", " tenant ", sinks_delete, NULL, NULL, 0 },
    { "GET", "/v1/exports", PAGED, exports_list, NULL, NULL, 0 },
    { "GET", "/v1/audit", PAGED, audit_entries_list, NULL, NULL, 0 },
    { "GET", "/v1/audit/verify", "", audit_chain_verify, NULL, NULL, 0 },
    { "GET", "/v1/tokens", PAGED, tokens_list, NULL, NULL, 0 },
    { "POST", "/v1/tokens", "", tokens_create, &token_form, NULL, 0 },
    { "DELETE", "/v1/tokens/{name}", "", tokens_revoke, NULL, NULL, 0 },
};
const size_t route_count = sizeof(routes) / sizeof(routes[0]);

/* Whether the split target has the pattern's shape; the captures are filled as far as it goes. */
static bool matches(struct request *request, const char *pattern)
{
    size_t captures = 0;
    size_t i = 0;

    for (const char *at = pattern + 1;; at++) {
        size_t size = strcspn(at, "/");
        if (i == request->segment_count || request->segments[i][0] == '\0')
            return false;
        if (*at == '{')
            request->path[captures++] = request->segments[i];
        else if (strlen(request->segments[i]) != size || strncmp(at, request->segments[i], size) != 0)
            return false;
        i++;
        at += size;
        if (*at == '\0')
            return i == request->segment_count;
    }
}

static void allow(struct reply *reply, const char *method)
{
    size_t size = strlen(reply->allow);
    bool is_get = strcmp(method, "GET") == 0;

    snprintf(reply->allow + size, sizeof(reply->allow) - size, "%s%s%s", size > 0 ? ", " : "", method,
             is_get ? ", HEAD" : "");
}

static int check_query(const struct request *request, struct why *why)
{
    for (size_t i = 0; i < request->query_count; i++) {
        const char *name = request->query[i].name;
        const char *at = *name != '\0' && strchr(name, ' ') == NULL ? strstr(request->route->query, name) : NULL;
        if (at == NULL || at[-1] != ' ' || at[strlen(name)] != ' ')
            return refuse(why, REFUSED_INVALID, name, "GET /v1/openapi.json lists the routes",
                          "this route has no query parameter %.64s", name);
    }
    return 0;
}

int route_find(struct request *request, const char *method, struct why *why)
{
    const char *wanted = strcmp(method, "HEAD") == 0 ? "GET" : method;

    request->reply.allow[0] = '\0';
    for (size_t i = 0; i < route_count; i++) {
        if (!matches(request, routes[i].pattern))
            continue;
        if (strcmp(routes[i].method, wanted) == 0) {
            request->route = &routes[i];
            request->reply.allow[0] = '\0';
            return check_query(request, why);
        }
        allow(&request->reply, routes[i].method);
    }
    if (request->reply.allow[0] != '\0')
        return refuse(why, PROBLEM_METHOD, "method", NULL, "this route knows %s, not %.16s", request->reply.allow,
                      method);
    return refuse(why, REFUSED_UNKNOWN, "target", "GET /v1/openapi.json lists the routes", "there is no such route");
}

bool route_begins_group(const struct route *route)
{
    return route->handle == releases_create;
}

bool route_groups(const struct route *route)
{
    return route_begins_group(route) || strcmp(route->method, "GET") == 0;
}

size_t route_body_max(const struct route *route)
{
    return route->form != NULL ? JSON_BODY_SIZE_MAX : route->body_size_max;
}

bool route_takes(const struct route *route, const char *content_type)
{
    const char *known = route->form != NULL ? " application/json " : route->media;
    size_t size = content_type != NULL ? strcspn(content_type, "; \t") : 0;

    if (known == NULL)
        return true;
    for (const char *at = known + 1; *at != '\0'; at += strcspn(at, " ") + 1)
        if (strcspn(at, " ") == size && strncasecmp(at, content_type, size) == 0)
            return true;
    return false;
}

int route_run(struct request *request, struct why *why)
{
    const struct route *route = request->route;

    if (route->form != NULL) {
        int r = body_decode(buffer_view(&request->raw), route->form, &request->body, why);
        if (r != 0)
            return r;
    }
    return route->handle(request, why);
}
