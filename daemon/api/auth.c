/* auth.c - who calls. A bearer token speaks wherever it is given; without one the kernel says which user of this
 * machine holds the other end of the Unix socket. */
#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/api/problem.h"
#include "daemon/api/server.h"
#include "daemon/base/text.h"

static int role_of_uid(const struct api_settings *settings, uid_t uid, const struct api_user **out_row)
{
    *out_row = NULL;
    for (size_t i = 0; i < settings->user_count; i++)
        if (settings->users[i].uid == uid)
            *out_row = &settings->users[i];
    return *out_row != NULL || uid == 0 || uid == geteuid() ? 0 : REFUSED_FORBIDDEN;
}

int auth_user(const struct api *api, uid_t uid, struct caller *out, struct why *why)
{
    static const struct caller inside = { .role = ROLE_OWNER, .name = "tinypartd" };
    struct caller caller = { .role = ROLE_OWNER };
    const struct api_user *row;

    if (role_of_uid(api->settings, uid, &row) != 0)
        return refuse(why, REFUSED_FORBIDDEN, "socket",
                      "give a bearer token, or have the user named in [rest] roles of "
                      "the daemon's configuration",
                      "the user with the id %u of this machine is not known to the daemon", (unsigned)uid);
    snprintf(caller.name, sizeof(caller.name), "uid:%u", (unsigned)uid);
    if (row != NULL)
        caller.role = row->role;
    if (caller.role == ROLE_TENANT) {
        struct tenant tenant;
        int r = access_tenant(api->core, &inside, row->tenant, &tenant, why);
        if (r == REFUSED_UNKNOWN)
            return refuse(why, REFUSED_FORBIDDEN, "socket", "create the tenant first",
                          "the user with the id %u stands for the tenant %s, which does not exist", (unsigned)uid,
                          row->tenant);
        if (r != 0)
            return r;
        caller.tenant_id = tenant.id;
    }
    *out = caller;
    return 0;
}

static int caller_of_token(const struct api *api, const char *authorization, struct caller *out, struct why *why)
{
    const char *token = authorization + strlen("Bearer ");

    if (strncasecmp(authorization, "Bearer ", strlen("Bearer ")) != 0)
        return refuse(why, PROBLEM_UNAUTHENTICATED, "Authorization", "send \"Authorization: Bearer tp_...\"",
                      "only bearer tokens are known here");
    token += strspn(token, " ");
    int r = token_caller(api->core, token, out, why);
    return r > 0 ? PROBLEM_UNAUTHENTICATED : r;
}

int auth_caller(const struct listener *listener, int fd, const char *authorization, struct caller *out, struct why *why)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    if (authorization != NULL)
        return caller_of_token(listener->api, authorization, out, why);
    if (!listener->is_unix)
        return refuse(why, PROBLEM_UNAUTHENTICATED, "Authorization",
                      "ask the owner for a token and send \"Authorization: Bearer tp_...\"",
                      "this request has no bearer token");
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return -errno;
    return auth_user(listener->api, peer.uid, out, why);
}

static int refuse_user(struct why *why, const char *text)
{
    return refuse(why, REFUSED_INVALID, "user", "write 1000:owner, or 1001:tenant:acme",
                  "\"%.80s\" is no user id, role and, with the role tenant, tenant", text);
}

int api_user_parse(const char *text, struct api_user *out, struct why *why)
{
    struct api_user user = { 0 };
    char copy[160];
    int64_t uid;

    if (text_copy(copy, sizeof(copy), text) != 0)
        return refuse_user(why, text);
    char *rest = copy;
    const char *id = strsep(&rest, ":");
    const char *role = strsep(&rest, ":");
    if (role == NULL || integer_parse(id, 0, UINT32_MAX - 1, &uid) != 0 || role_of_name(role, &user.role) != 0)
        return refuse_user(why, text);
    user.uid = (uid_t)uid;
    if ((user.role == ROLE_TENANT) != (rest != NULL) || (rest != NULL && !name_is_valid(rest)))
        return refuse_user(why, text);
    if (rest != NULL)
        text_copy(user.tenant, sizeof(user.tenant), rest);
    *out = user;
    return 0;
}
