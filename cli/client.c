/* client.c - one libcurl handle, one request after another. */
#include "cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/lines.h"
#include "cli/output.h"
#include "daemon/base/buffer.h"
#include "daemon/base/refusal.h"

enum { REPLY_MAX = 64 << 20, PAGE = 1000, TIMEOUT_MS = 150000, CONNECT_TIMEOUT_MS = 10000, TOKEN_MAX = 200 };

struct client {
    CURL *easy;
    char base[512];
    char token[256]; /* the whole header; "" none */
    struct client_settings settings;
};

int client_new(const struct client_settings *settings, struct client **out)
{
    struct client *client = calloc(1, sizeof(*client));

    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (client == NULL || (client->easy = curl_easy_init()) == NULL) {
        free(client);
        fputs("tinypartctl: out of memory\n", stderr);
        return EXIT_FAULT;
    }
    client->settings = *settings;
    if (settings->token != NULL && (strlen(settings->token) > TOKEN_MAX || strpbrk(settings->token, "\r\n ") != NULL)) {
        fprintf(stderr, "tinypartctl: a bearer token is one word of at most %d characters\n", TOKEN_MAX);
        client_free(client);
        return EXIT_USAGE;
    }
    snprintf(client->base, sizeof(client->base), "%s", settings->url != NULL ? settings->url : "http://tinypart");
    for (size_t end = strlen(client->base); end > 0 && client->base[end - 1] == '/'; end--)
        client->base[end - 1] = '\0';
    if (settings->token != NULL)
        snprintf(client->token, sizeof(client->token), "Authorization: Bearer %s", settings->token);
    *out = client;
    return EXIT_DONE;
}

void client_free(struct client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->easy);
    curl_global_cleanup();
    free(client);
}

static void append_encoded(struct path *path, const char *text)
{
    char *encoded = curl_easy_escape(NULL, text, 0);
    size_t used = strlen(path->text);

    if (encoded == NULL || used + strlen(encoded) >= sizeof(path->text))
        path->fault = -1;
    else
        strcpy(path->text + used, encoded);
    curl_free(encoded);
}

struct path path_of(const char *format, ...)
{
    struct path path = { .text = "" };
    va_list arguments;

    va_start(arguments, format);
    for (const char *at = format; *at != '\0'; at++) {
        size_t used = strlen(path.text);
        if (at[0] == '%' && at[1] == 's') {
            append_encoded(&path, va_arg(arguments, const char *));
            at++;
        } else if (used + 1 < sizeof(path.text)) {
            path.text[used] = *at;
            path.text[used + 1] = '\0';
        } else {
            path.fault = -1; /* a path that lost its end would name something else */
        }
    }
    va_end(arguments);
    return path;
}

void path_query(struct path *path, const char *name, const char *value)
{
    size_t used = strlen(path->text);

    if (value == NULL)
        return;
    int size = snprintf(path->text + used, sizeof(path->text) - used, "%c%s=", path->queries++ == 0 ? '?' : '&', name);
    if (size < 0 || (size_t)size >= sizeof(path->text) - used)
        path->fault = -1;
    append_encoded(path, value);
}

static size_t collect(char *data, size_t size, size_t count, void *context)
{
    struct buffer *reply = context;

    buffer_append(reply, data, size * count);
    return reply->fault != 0 ? 0 : size * count;
}

/* Why no reply came: of the command line, of this side, or (mostly) of the way to the daemon. */
static int no_reply(const struct client *client, CURLcode result, const char *error)
{
    if (result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL) {
        fprintf(stderr, "tinypartctl: %s is no URL of the daemon: write https://HOST:PORT\n", client->base);
        return EXIT_USAGE;
    }
    if (result == CURLE_WRITE_ERROR) {
        fprintf(stderr, "tinypartctl: the daemon's reply is larger than %d MiB\n", REPLY_MAX >> 20);
        return EXIT_FAULT;
    }
    if (error[0] == '\0')
        error = curl_easy_strerror(result);
    if (client->settings.url != NULL) {
        fprintf(stderr, "tinypartctl: %s cannot be reached: %s\n", client->base, error);
        return EXIT_UNREACHABLE;
    }
    /* libcurl speaks of a host and a port, which a Unix socket has not. */
    long system_error = 0;
    curl_easy_getinfo(client->easy, CURLINFO_OS_ERRNO, &system_error);
    fprintf(stderr, "tinypartctl: the daemon cannot be reached at %s: %s\n  try: %s\n", client->settings.socket,
            result == CURLE_COULDNT_CONNECT && system_error > 0 ? strerror((int)system_error) : error,
            system_error == EACCES || system_error == EPERM
                ? "be root, or a member of the socket's group"
                : "systemctl status tinypartd, or name its socket with --socket PATH");
    return EXIT_UNREACHABLE;
}

struct exchange {
    const char *method;
    const struct path *path;
    const char *type; /* of the body; NULL: no body */
    struct bytes body;
};

static struct curl_slist *headers_of(const struct client *client, const struct exchange *exchange)
{
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    char line[128];

    /* Without a type the header is taken away: libcurl would call an empty POST a form. */
    snprintf(line, sizeof(line), "Content-Type:%s%s", exchange->type != NULL ? " " : "",
             exchange->type != NULL ? exchange->type : "");
    headers = curl_slist_append(headers, line);
    if (client->token[0] != '\0')
        headers = curl_slist_append(headers, client->token);
    return headers;
}

static void prepare(struct client *client, const struct exchange *exchange, struct curl_slist *headers, const char *url,
                    struct buffer *reply, char *error)
{
    CURL *easy = client->easy;

    curl_easy_reset(easy);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L); /* a device called ".." is a name, no way up */
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, exchange->method);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, reply);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                     client->settings.timeout_ms > 0 ? client->settings.timeout_ms : (long)TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "tinypartctl");
    if (exchange->type != NULL || strcmp(exchange->method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, exchange->body.size > 0 ? (const char *)exchange->body.data : "");
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)exchange->body.size);
    }
    if (client->settings.url == NULL)
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, client->settings.socket);
    if (client->settings.ca_file != NULL)
        curl_easy_setopt(easy, CURLOPT_CAINFO, client->settings.ca_file);
}

/* EXIT_DONE with any HTTP status and the reply's bytes; else what no_reply() says. */
static int perform(struct client *client, const struct exchange *exchange, struct buffer *reply, long *out_status)
{
    char url[sizeof(client->base) + sizeof(exchange->path->text)];
    char error[CURL_ERROR_SIZE] = "";

    if (exchange->path->fault != 0) {
        fputs("tinypartctl: a name or selector on the command line is too long\n", stderr);
        return EXIT_USAGE;
    }
    snprintf(url, sizeof(url), "%s%s", client->base, exchange->path->text);
    struct curl_slist *headers = headers_of(client, exchange);
    prepare(client, exchange, headers, url, reply, error);
    CURLcode result = curl_easy_perform(client->easy);
    curl_slist_free_all(headers);
    if (result != CURLE_OK)
        return no_reply(client, result, error);
    curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, out_status);
    return EXIT_DONE;
}

/* A problem may quote what a device or a tenant sent. Programs find each part on a line of its own. */
static void print_line(const char *begin, const char *text)
{
    const size_t width = lines_terminal(stderr);

    fputs(begin, stderr);
    if (width > 0) {
        lines_print(stderr, text, width, strlen(begin), 7);
        return;
    }
    output_text(stderr, text, false);
    fputc('\n', stderr);
}

void problem_print(const json_t *problem)
{
    const char *what = json_string_value(json_object_get(problem, "detail"));
    const char *title = json_string_value(json_object_get(problem, "title"));
    const char *where = json_string_value(json_object_get(problem, "where"));
    const char *todo = json_string_value(json_object_get(problem, "todo"));

    if (what == NULL)
        what = title != NULL ? title : "the daemon gave no reason";
    print_line("tinypartctl: refused: ", what);
    if (where != NULL && where[0] != '\0')
        print_line("  at:  ", where);
    if (todo != NULL && todo[0] != '\0')
        print_line("  try: ", todo);
}

void why_print(const struct why *why)
{
    json_t *problem = json_pack("{s:s, s:s, s:s}", "detail", why->what, "where", why->where, "todo", why->todo);

    problem_print(problem);
    json_decref(problem);
}

static int refused(long status, const struct buffer *reply)
{
    json_t *problem = json_loadb((const char *)reply->data, reply->size, 0, NULL);

    if (json_is_object(problem))
        problem_print(problem);
    else
        fprintf(stderr, "tinypartctl: refused: the daemon answered %ld\n", status);
    json_decref(problem);
    return EXIT_REFUSED;
}

static int exchange_json(struct client *client, const struct exchange *exchange, json_t **out_reply)
{
    struct buffer reply;
    json_error_t error;
    long status = 0;

    buffer_init(&reply, REPLY_MAX);
    int r = perform(client, exchange, &reply, &status);
    if (r == EXIT_DONE && (status < 200 || status > 299))
        r = refused(status, &reply);
    if (r == EXIT_DONE && out_reply != NULL) {
        *out_reply = reply.size == 0 ? NULL : json_loadb((const char *)reply.data, reply.size, 0, &error);
        if (reply.size > 0 && *out_reply == NULL) {
            fprintf(stderr, "tinypartctl: the daemon's reply is no JSON: %s\n", error.text);
            r = EXIT_FAULT;
        }
    }
    buffer_deinit(&reply);
    return r;
}

int client_json(struct client *client, const char *method, const struct path *path, const json_t *body,
                json_t **out_reply)
{
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    struct exchange exchange = { .method = method, .path = path };

    if (text != NULL) {
        exchange.type = "application/json";
        exchange.body = bytes_of_text(text);
    }
    int r = exchange_json(client, &exchange, out_reply);
    free(text);
    return r;
}

int client_bytes(struct client *client, const char *method, const struct path *path, const char *type,
                 struct bytes body, json_t **out_reply)
{
    struct exchange exchange = { method, path, type, body };

    return exchange_json(client, &exchange, out_reply);
}

int client_raw(struct client *client, const struct path *path, char **out_text)
{
    struct exchange exchange = { .method = "GET", .path = path };
    struct buffer reply;
    long status = 0;

    buffer_init(&reply, REPLY_MAX);
    int r = perform(client, &exchange, &reply, &status);
    if (r == EXIT_DONE && (status < 200 || status > 299))
        r = refused(status, &reply);
    if (r == EXIT_DONE)
        *out_text = buffer_steal(&reply);
    buffer_deinit(&reply);
    return r;
}

int client_list(struct client *client, const struct path *path, size_t limit, json_t **out_items)
{
    json_t *items = json_array();
    char after[24] = "";

    for (;;) {
        struct path page = *path;
        char count[24];
        json_t *reply = NULL;
        size_t left = limit == 0 ? PAGE : limit - json_array_size(items);
        snprintf(count, sizeof(count), "%zu", left < PAGE ? left : (size_t)PAGE);
        path_query(&page, "limit", count);
        path_query(&page, "after", after[0] != '\0' ? after : NULL);
        int r = client_json(client, "GET", &page, NULL, &reply);
        if (r != EXIT_DONE) {
            json_decref(items);
            return r;
        }
        if (json_array_extend(items, json_object_get(reply, "items")) != 0) {
            fputs("tinypartctl: the daemon's reply is no list\n", stderr);
            json_decref(reply);
            json_decref(items);
            return EXIT_FAULT;
        }
        const json_t *next = json_object_get(reply, "next");
        snprintf(after, sizeof(after), "%lld", json_is_integer(next) ? (long long)json_integer_value(next) : -1LL);
        json_decref(reply);
        if (after[0] == '-' || (limit > 0 && json_array_size(items) >= limit))
            break;
    }
    *out_items = items;
    return EXIT_DONE;
}
