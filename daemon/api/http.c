/* http.c - microhttpd's side: requests are collected within their bounds, answered, or put to sleep until
 * request_finish. microhttpd runs in the loop: its own epoll descriptor is one watch, its time-outs one timer. The raw
 * target is taken from the URI callback, so that decoding happens once, in target.c; the decoded url argument is not
 * looked at. A body that is refused is read to its end, up to a bound, before the refusal goes out: a client that is
 * still sending would see a reset connection instead of the words. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "daemon/api/problem.h"
#include "daemon/api/route.h"
#include "daemon/api/server.h"
#include "daemon/base/log.h"
#include "daemon/base/text.h"
#include "daemon/core/group.h"

enum {
    CONNECTIONS_MAX = 256,
    IDLE_S = 30,
    HEADER_SIZE_MAX = 32768, /* microhttpd's memory for one connection */
    SWALLOW_MAX = 1 << 20,   /* of a refused body */
};

enum state {
    STATE_HEAD,   /* headers are complete */
    STATE_BODY,   /* the body comes in */
    STATE_ASLEEP, /* the handler answers later */
    STATE_ANSWER, /* the reply is ready to go */
};

struct exchange {
    struct request request; /* first: handlers know only this */
    struct listener *listener;
    struct MHD_Connection *connection;
    enum state state;
    bool refused; /* the reply is a refusal already; the body is read and dropped */
    size_t dropped;
    char *uri;
    char method[16];
    struct exchange *next_grouped;
};

static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
    struct listener *listener = context;
    struct exchange *exchange = calloc(1, sizeof(*exchange));

    if (exchange == NULL)
        return NULL;
    exchange->listener = listener;
    exchange->connection = connection;
    exchange->request.api = listener->api;
    exchange->request.core = listener->api->core;
    buffer_init(&exchange->request.reply.body, REPLY_SIZE_MAX);
    exchange->uri = strdup(uri);
    return exchange;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    struct exchange *exchange = *state;

    (void)context;
    (void)connection;
    (void)code;
    *state = NULL;
    if (exchange == NULL)
        return;
    request_deinit(&exchange->request);
    free(exchange->uri);
    free(exchange);
}

static const char *header(const struct exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

static int connection_fd(const struct exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);

    return info != NULL ? info->connect_fd : -1;
}

static void add_headers(struct MHD_Response *response, const struct reply *reply)
{
    char seconds[16];

    /* Without memory for a header the answer still goes out. */
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (reply->type != NULL)
        MHD_add_response_header(response, "Content-Type", reply->type);
    if (reply->location[0] != '\0')
        MHD_add_response_header(response, "Location", reply->location);
    if (reply->allow[0] != '\0')
        MHD_add_response_header(response, "Allow", reply->allow);
    if (reply->challenge)
        MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"tinypart\"");
    if (reply->retry_after_s != 0) {
        snprintf(seconds, sizeof(seconds), "%u", reply->retry_after_s);
        MHD_add_response_header(response, "Retry-After", seconds);
    }
}

static struct MHD_Response *make_response(struct reply *reply)
{
    if (reply->type == NULL)
        return MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    if (reply->fixed.data != NULL)
        return MHD_create_response_from_buffer(reply->fixed.size, (void *)(uintptr_t)reply->fixed.data,
                                               MHD_RESPMEM_PERSISTENT);
    size_t size = reply->body.size;
    char *text = buffer_steal(&reply->body);
    struct MHD_Response *response = MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE);
    if (response == NULL)
        free(text);
    return response;
}

static enum MHD_Result answer(struct exchange *exchange)
{
    struct MHD_Response *response = make_response(&exchange->request.reply);
    if (response == NULL)
        return MHD_NO;
    add_headers(response, &exchange->request.reply);
    enum MHD_Result result = MHD_queue_response(exchange->connection, exchange->request.reply.status, response);
    MHD_destroy_response(response);
    return result;
}

/* Turns what a handler returned into the reply, and says so where the daemon is at fault. */
static void settle(struct exchange *exchange, int result, const struct why *why)
{
    struct request *request = &exchange->request;
    const struct api_settings *settings = request->api->settings;

    if (result < 0)
        log_fault("api", result, "%s %s for %s", exchange->method, exchange->uri != NULL ? exchange->uri : "?",
                  request->caller.name);
    if (result != 0)
        problem_reply(&request->reply, result, why);
    else if (strcmp(request->route->method, "GET") != 0 && settings->on_change != NULL)
        settings->on_change(settings->on_change_context);
}

void request_finish(struct request *request, int result, const struct why *why)
{
    struct exchange *exchange = (struct exchange *)request;

    request->waiting = NULL;
    settle(exchange, result, why);
    bool was_asleep = exchange->state == STATE_ASLEEP;
    exchange->state = STATE_ANSWER;
    if (!was_asleep)
        return;
    MHD_resume_connection(exchange->connection);
    /* In external mode microhttpd has nothing that would wake its epoll descriptor: it has to be run. */
    loop_timer_set(exchange->listener->timer, 0);
}

/* Whether JSON, or anything, is among what the client takes. */
static bool accepts_json(const char *accept)
{
    static const char *const kinds[] = { "*/*", "application/*", "application/json", "application/problem+json" };

    for (const char *at = accept; *at != '\0'; at += *at == ',') {
        at += strspn(at, " \t");
        size_t size = strcspn(at, ",; \t");
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
            if (strlen(kinds[i]) == size && strncasecmp(at, kinds[i], size) == 0)
                return true;
        at += strcspn(at, ",");
    }
    return *accept == '\0';
}

static int check_body(const struct exchange *exchange, struct why *why)
{
    const struct route *route = exchange->request.route;
    const char *length = header(exchange, "Content-Length");
    bool has_body = (length != NULL && strcmp(length, "0") != 0) || header(exchange, "Transfer-Encoding") != NULL;
    size_t most = route_body_max(route);
    int64_t size = 0;

    if (has_body && most == 0)
        return refuse(why, REFUSED_INVALID, "body", "send none", "this route takes no body");
    if (most > 0 && !route_takes(route, header(exchange, "Content-Type")))
        return refuse(why, PROBLEM_MEDIA_TYPE, "Content-Type",
                      route->form != NULL ? "send \"Content-Type: application/json\""
                                          : "send \"Content-Type: application/octet-stream\"",
                      "this route does not take a body of that type");
    if (length != NULL && (integer_parse(length, 0, INT64_MAX, &size) != 0 || (size_t)size > most))
        return refuse(why, REFUSED_TOO_LARGE, "body", NULL, "the body has %.20s bytes; it may have %zu", length, most);
    return 0;
}

/* Everything that can be said before the body: who, what, and in which language. */
static int check_head(struct exchange *exchange, struct why *why)
{
    struct request *request = &exchange->request;
    const char *accept = header(exchange, "Accept");

    if (exchange->uri == NULL)
        return -ENOMEM;
    int r = auth_caller(exchange->listener, connection_fd(exchange), header(exchange, "Authorization"),
                        &request->caller, why);
    if (r == 0)
        r = target_split(request, exchange->uri, why);
    if (r == 0)
        r = route_find(request, exchange->method, why);
    if (r != 0)
        return r;
    if (accept != NULL && !accepts_json(accept))
        return refuse(why, PROBLEM_NOT_ACCEPTABLE, "Accept", "accept application/json",
                      "this route answers in application/json");
    return check_body(exchange, why);
}

static bool must_answer_now(const struct exchange *exchange)
{
    const char *length = header(exchange, "Content-Length");
    int64_t size = 0;

    if (header(exchange, "Expect") != NULL)
        return true;
    return length != NULL && (integer_parse(length, 0, INT64_MAX, &size) != 0 || size > SWALLOW_MAX);
}

static enum MHD_Result on_head(struct exchange *exchange, const char *method)
{
    struct why why = { .what = "" };

    snprintf(exchange->method, sizeof(exchange->method), "%s", method);
    int r = check_head(exchange, &why);
    exchange->state = STATE_BODY;
    if (r == 0) {
        buffer_init(&exchange->request.raw, route_body_max(exchange->request.route));
        return MHD_YES;
    }
    exchange->refused = true;
    settle(exchange, r, &why);
    return must_answer_now(exchange) ? answer(exchange) : MHD_YES;
}

static enum MHD_Result on_part(struct exchange *exchange, const char *data, size_t *size)
{
    struct buffer *raw = &exchange->request.raw;
    size_t part = *size;
    struct why why;

    *size = 0;
    if (!exchange->refused) {
        buffer_append(raw, data, part);
        if (raw->fault == 0)
            return MHD_YES;
        int r = raw->fault;
        if (r == -E2BIG)
            r = refuse(&why, REFUSED_TOO_LARGE, "body", NULL, "the body may have %zu bytes; this one has more",
                       raw->most);
        exchange->refused = true;
        settle(exchange, r, &why);
    }
    exchange->dropped += part;
    return exchange->dropped <= SWALLOW_MAX ? MHD_YES : MHD_NO;
}

/* ---- group commit ----
 *
 * Releases that are ready in the same turn of the loop share one commit, so that a crowd of clients costs one sync of
 * the disk. Each is a part of its own, refused or undone by itself. Their answers wait for the commit, and so does
 * whatever is read meanwhile, for it may have seen what is not durable yet. Anything else ends the group first: it may
 * send. */

static void group_end(struct api *api)
{
    const struct why nothing = { .what = "" };
    struct exchange *next;

    if (!api->has_group)
        return;
    api->has_group = false;
    int r = core_group_end(api->core);
    for (struct exchange *exchange = api->grouped; exchange != NULL; exchange = next) {
        next = exchange->next_grouped;
        if (r < 0)
            settle(exchange, r, &nothing);
        exchange->state = STATE_ANSWER;
        MHD_resume_connection(exchange->connection);
        loop_timer_set(exchange->listener->timer, 0); /* as in request_finish() */
    }
    api->grouped = NULL;
}

static int group_enter(struct api *api, const struct route *route)
{
    if (!route_groups(route)) {
        group_end(api);
        return 0;
    }
    if (api->has_group || !route_begins_group(route))
        return 0;
    int r = core_group_begin(api->core);
    api->has_group = r == 0;
    return r;
}

static enum MHD_Result sleep_until_commit(struct exchange *exchange)
{
    struct api *api = exchange->listener->api;

    exchange->next_grouped = api->grouped;
    api->grouped = exchange;
    exchange->state = STATE_ASLEEP;
    MHD_suspend_connection(exchange->connection);
    return MHD_YES;
}

static enum MHD_Result on_end(struct exchange *exchange)
{
    struct request *request = &exchange->request;
    struct why why = { .what = "" };

    if (exchange->refused)
        return answer(exchange);
    int r = group_enter(request->api, request->route);
    if (r == 0)
        r = route_run(request, &why);
    if (r == 0 && request->later) {
        if (exchange->state == STATE_ANSWER)
            return answer(exchange);
        exchange->state = STATE_ASLEEP;
        MHD_suspend_connection(exchange->connection);
        return MHD_YES;
    }
    settle(exchange, r, &why);
    return request->api->has_group ? sleep_until_commit(exchange) : answer(exchange);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *size, void **state)
{
    struct exchange *exchange = *state;

    (void)context;
    (void)connection;
    (void)url;
    (void)version;
    if (exchange == NULL)
        return MHD_NO;
    switch (exchange->state) {
    case STATE_HEAD:
        return on_head(exchange, method);
    case STATE_BODY:
        return *size > 0 ? on_part(exchange, data, size) : on_end(exchange);
    case STATE_ASLEEP:
        return MHD_YES;
    case STATE_ANSWER:
        return answer(exchange);
    }
    return MHD_NO;
}

/* What microhttpd says is about peers' garbage, or the reason why it does not start. */
static void on_message(void *context, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));
static void on_message(void *context, const char *format, va_list arguments)
{
    char line[256];

    (void)context;
    vsnprintf(line, sizeof(line), format, arguments);
    line[strcspn(line, "\r\n")] = '\0';
    log_debug("api", "%s", line);
}

static void turn(struct listener *listener)
{
    MHD_UNSIGNED_LONG_LONG delay_ms;

    MHD_run(listener->http);
    bool shared = listener->api->has_group;
    group_end(listener->api);
    if (shared) /* microhttpd does not know yet that there are answers to send */
        loop_timer_set(listener->timer, 0);
    else if (MHD_get_timeout(listener->http, &delay_ms) == MHD_YES)
        loop_timer_set(listener->timer, delay_ms > 60000 ? 60000 : (int64_t)delay_ms);
    else
        loop_timer_stop(listener->timer);
}

static void on_ready(void *context, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    turn(context);
}

static void on_time(void *context)
{
    turn(context);
}

static struct MHD_Daemon *start_daemon(struct api *api, struct listener *listener, int fd)
{
    const struct api_settings *settings = api->settings;
    bool has_tls = !listener->is_unix && api->tls_cert != NULL;
    unsigned connections = settings->connections_max != 0 ? settings->connections_max : CONNECTIONS_MAX;
    struct MHD_OptionItem tls[] = {
        { MHD_OPTION_HTTPS_MEM_CERT, 0, api->tls_cert },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, api->tls_key },
        { MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" },
        { MHD_OPTION_END, 0, NULL },
    };
    struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (has_tls ? MHD_USE_TLS : 0);

    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, listener, MHD_OPTION_EXTERNAL_LOGGER, on_message, api,
                            MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, connections,
                            MHD_OPTION_CONNECTION_TIMEOUT, settings->idle_s != 0 ? settings->idle_s : (unsigned)IDLE_S,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADER_SIZE_MAX, MHD_OPTION_STRICT_FOR_CLIENT,
                            1, MHD_OPTION_URI_LOG_CALLBACK, on_uri, listener, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
                            listener, MHD_OPTION_ARRAY, has_tls ? tls : none, MHD_OPTION_END);
}

int http_start(struct api *api, struct listener *listener, int fd, struct why *why)
{
    listener->api = api;
    listener->http = start_daemon(api, listener, fd);
    if (listener->http == NULL) {
        close(fd);
        return refuse(why, REFUSED_INVALID, listener->is_unix ? "unix" : "tcp",
                      "look at the certificate and the key, and at the limit of open files",
                      "the HTTP server does not start on this socket");
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(listener->http, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL)
        return -ENOTSUP;
    listener->epoll_fd = info->epoll_fd;
    int r = loop_timer_new(api->loop, on_time, listener, &listener->timer);
    if (r != 0)
        return r;
    return loop_watch(api->loop, listener->epoll_fd, EPOLLIN, on_ready, listener);
}

void http_stop(struct listener *listener)
{
    if (listener->http == NULL)
        return;
    loop_unwatch(listener->api->loop, listener->epoll_fd);
    loop_timer_free(listener->timer);
    MHD_stop_daemon(listener->http); /* closes the listening socket too */
    listener->http = NULL;
}
