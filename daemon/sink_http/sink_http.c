/* sink_http.c - deliveries as POST requests, all on one libcurl multi handle and one thread. */
#include "daemon/sink_http/sink_http.h"

#include <curl/curl.h>
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/base/text.h"
#include "daemon/core/export.h"

enum { POLL_MS = 1000, RETRY_POST_US = 1000, CONNECT_TIMEOUT_MS = 10000, ANSWER_MAX = 65536 };

struct transfer {
    struct transfer *next;
    struct core *core;
    int64_t id;
    CURL *easy;
    struct curl_slist *headers;
    size_t answer_size;
    bool refused; /* an address of this machine alone */
    char error[CURL_ERROR_SIZE];
    char outcome[REASON_SIZE]; /* "" delivered */
    size_t size;
    uint8_t body[];
};

struct sink_http {
    struct core *core;
    struct loop *loop;
    int64_t timeout_ms;
    bool allow_own_host;
    CURLM *multi;
    pthread_t thread;
    pthread_mutex_t lock;
    struct transfer *added;   /* under lock: handed in, not yet on the multi handle */
    unsigned under_way;       /* under lock */
    bool stopping;            /* under lock */
    struct transfer *running; /* the thread's own list */
};

struct target {
    char url[1024];
    char authorization[1024];
    char ca_file[512];
};

static int take_text(const json_t *root, const char *key, char *out, size_t capacity, struct why *why)
{
    const json_t *value = json_object_get(root, key);

    out[0] = '\0';
    if (value == NULL)
        return 0;
    if (!json_is_string(value) || strpbrk(json_string_value(value), "\r\n") != NULL ||
        text_copy(out, capacity, json_string_value(value)) != 0)
        return refuse(why, REFUSED_INVALID, key, NULL,
                      "%s of an http sink is one line of text, shorter than %zu characters", key, capacity);
    return 0;
}

static int check_members(json_t *root, struct why *why)
{
    const char *key;
    json_t *value;

    json_object_foreach(root, key, value)
    {
        if (strcmp(key, "url") != 0 && strcmp(key, "authorization") != 0 && strcmp(key, "ca_file") != 0)
            return refuse(why, REFUSED_INVALID, "config", "known are: url, authorization, ca_file",
                          "an http sink has no option %.40s", key);
    }
    return 0;
}

static int target_parse(const char *config, struct target *out, struct why *why)
{
    json_error_t error;
    json_t *root = json_loads(config, JSON_REJECT_DUPLICATES, &error);

    if (!json_is_object(root)) {
        json_decref(root);
        return refuse(why, REFUSED_INVALID, "config", "give {\"url\": \"https://...\"}",
                      "the configuration of an http sink is no JSON object");
    }
    int r = check_members(root, why);
    if (r == 0)
        r = take_text(root, "url", out->url, sizeof(out->url), why);
    if (r == 0)
        r = take_text(root, "authorization", out->authorization, sizeof(out->authorization), why);
    if (r == 0)
        r = take_text(root, "ca_file", out->ca_file, sizeof(out->ca_file), why);
    json_decref(root);
    if (r == 0 && strncmp(out->url, "https://", 8) != 0 && strncmp(out->url, "http://", 7) != 0)
        r = refuse(why, REFUSED_INVALID, "url",
                   "give one that starts with https:// (or http:// inside a trusted network)",
                   "an http sink needs the URL to post to");
    return r;
}

static int check(void *context, const char *config, struct why *why)
{
    struct target target;

    (void)context;
    int r = target_parse(config, &target, why);
    if (r == 0 && target.ca_file[0] != '\0' && access(target.ca_file, R_OK) != 0)
        r = refuse(why, REFUSED_INVALID, "ca_file", "name a PEM file that the daemon may read",
                   "%.200s cannot be read: %s", target.ca_file, strerror(errno));
    return r;
}

/* The answer's body says nothing that is needed; one that does not end is broken off. */
static size_t swallow(char *data, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;

    (void)data;
    transfer->answer_size += size * count;
    return transfer->answer_size > ANSWER_MAX ? 0 : size * count;
}

static bool is_own_v4(uint32_t address)
{
    return address >> 24 == 127 || address >> 24 == 0 || address >> 16 == 0xa9fe; /* 169.254.0.0/16 */
}

static bool is_own_address(const struct sockaddr *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;
    uint32_t mapped;

    if (address->sa_family == AF_INET)
        return is_own_v4(ntohl(v4->sin_addr.s_addr));
    if (address->sa_family != AF_INET6)
        return true;
    memcpy(&mapped, v6->sin6_addr.s6_addr + 12, sizeof(mapped));
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        return is_own_v4(ntohl(mapped));
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) || IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr) ||
           IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr);
}

/* Asked for each address that a name led to, so that no name can lead around it. */
static curl_socket_t open_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *transfer = context;

    (void)purpose;
    if (is_own_address(&address->addr)) {
        transfer->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void transfer_free(struct transfer *transfer)
{
    curl_slist_free_all(transfer->headers);
    curl_easy_cleanup(transfer->easy);
    free(transfer);
}

static int add_header(struct transfer *transfer, const char *name, const char *value)
{
    char line[1200];

    snprintf(line, sizeof(line), "%s: %s", name, value);
    struct curl_slist *longer = curl_slist_append(transfer->headers, line);
    if (longer == NULL)
        return -ENOMEM;
    transfer->headers = longer;
    return 0;
}

static int prepare(const struct sink_http *sink, struct transfer *transfer, const struct target *target,
                   const char *key)
{
    CURL *easy = transfer->easy = curl_easy_init();

    if (easy == NULL)
        return -ENOMEM;
    int r = add_header(transfer, "Content-Type", "application/json");
    if (r == 0)
        r = add_header(transfer, "Idempotency-Key", key);
    if (r == 0)
        r = add_header(transfer, "Expect", "");
    if (r == 0 && target->authorization[0] != '\0')
        r = add_header(transfer, "Authorization", target->authorization);
    if (r != 0)
        return r;
    curl_easy_setopt(easy, CURLOPT_URL, target->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, (char *)transfer->body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)transfer->size);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)sink->timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "tinypartd");
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    if (target->ca_file[0] != '\0')
        curl_easy_setopt(easy, CURLOPT_CAINFO, target->ca_file);
    if (!sink->allow_own_host) {
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
    }
    return 0;
}

static int deliver(void *context, const struct delivery *delivery)
{
    struct sink_http *sink = context;
    struct target target;
    struct why why;

    int r = target_parse(delivery->config, &target, &why);
    if (r != 0)
        return r;
    struct transfer *transfer = calloc(1, sizeof(*transfer) + delivery->body.size + 1);
    if (transfer == NULL)
        return -ENOMEM;
    transfer->core = sink->core;
    transfer->id = delivery->id;
    transfer->size = delivery->body.size;
    if (delivery->body.size > 0)
        memcpy(transfer->body, delivery->body.data, delivery->body.size);
    r = prepare(sink, transfer, &target, delivery->idempotency);

    pthread_mutex_lock(&sink->lock);
    if (r == 0 && sink->under_way >= SINK_HTTP_TRANSFERS_MAX)
        r = REFUSED_BUSY;
    if (r == 0) {
        transfer->next = sink->added;
        sink->added = transfer;
        sink->under_way++;
    }
    pthread_mutex_unlock(&sink->lock);
    if (r != 0)
        transfer_free(transfer);
    else
        curl_multi_wakeup(sink->multi);
    return r;
}

static void tell(void *context)
{
    struct transfer *transfer = context;
    bool delivered = transfer->outcome[0] == '\0';

    export_on_outcome(transfer->core, transfer->id, delivered, delivered ? NULL : transfer->outcome);
    transfer_free(transfer);
}

static void finish(struct sink_http *sink, struct transfer *transfer, CURLcode result)
{
    long status = 0;

    curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    if (transfer->refused && result != CURLE_OK)
        snprintf(transfer->outcome, sizeof(transfer->outcome),
                 "the URL leads to an address of the daemon's own machine (export.own_host)");
    else if (result != CURLE_OK)
        snprintf(transfer->outcome, sizeof(transfer->outcome), "%s",
                 transfer->error[0] != '\0' ? transfer->error : curl_easy_strerror(result));
    else if (status < 200 || status > 299)
        snprintf(transfer->outcome, sizeof(transfer->outcome), "the server answered %ld", status);
    curl_multi_remove_handle(sink->multi, transfer->easy);
    curl_easy_cleanup(transfer->easy); /* on its own thread, and before the library is closed */
    transfer->easy = NULL;
    for (struct transfer **at = &sink->running; *at != NULL; at = &(*at)->next) {
        if (*at != transfer)
            continue;
        *at = transfer->next;
        break;
    }
    pthread_mutex_lock(&sink->lock);
    sink->under_way--;
    pthread_mutex_unlock(&sink->lock);
    while (loop_post(sink->loop, tell, transfer) != 0)
        usleep(RETRY_POST_US);
}

static bool take_added(struct sink_http *sink)
{
    pthread_mutex_lock(&sink->lock);
    struct transfer *added = sink->added;
    bool stopping = sink->stopping;
    sink->added = NULL;
    pthread_mutex_unlock(&sink->lock);
    while (added != NULL) {
        struct transfer *next = added->next;
        added->next = sink->running;
        sink->running = added;
        curl_multi_add_handle(sink->multi, added->easy);
        added = next;
    }
    return !stopping;
}

static void *work(void *context)
{
    struct sink_http *sink = context;
    int running = 0;
    int left = 0;

    while (take_added(sink)) {
        curl_multi_perform(sink->multi, &running);
        for (CURLMsg *message = curl_multi_info_read(sink->multi, &left); message != NULL;
             message = curl_multi_info_read(sink->multi, &left)) {
            struct transfer *transfer = NULL;
            CURLcode result = message->data.result;
            if (message->msg != CURLMSG_DONE)
                continue;
            curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
            finish(sink, transfer, result);
        }
        curl_multi_poll(sink->multi, NULL, 0, POLL_MS, NULL);
    }
    return NULL;
}

int sink_http_new(struct core *core, struct loop *loop, const struct sink_http_settings *settings,
                  struct sink_http **out)
{
    struct sink_http *sink = calloc(1, sizeof(*sink));

    if (sink == NULL)
        return -ENOMEM;
    *sink = (struct sink_http){ .core = core, .loop = loop, .timeout_ms = settings->timeout_ms };
    sink->allow_own_host = settings->allow_own_host;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    sink->multi = curl_multi_init();
    pthread_mutex_init(&sink->lock, NULL);
    int r = sink->multi == NULL ? -ENOMEM : -pthread_create(&sink->thread, NULL, work, sink);
    if (r != 0) {
        curl_multi_cleanup(sink->multi);
        free(sink);
        return r;
    }
    *out = sink;
    return 0;
}

void sink_http_free(struct sink_http *sink)
{
    if (sink == NULL)
        return;
    pthread_mutex_lock(&sink->lock);
    sink->stopping = true;
    pthread_mutex_unlock(&sink->lock);
    curl_multi_wakeup(sink->multi);
    pthread_join(sink->thread, NULL);
    take_added(sink);
    for (struct transfer *transfer = sink->running; transfer != NULL;) {
        struct transfer *next = transfer->next;
        curl_multi_remove_handle(sink->multi, transfer->easy);
        transfer_free(transfer);
        transfer = next;
    }
    curl_multi_cleanup(sink->multi);
    pthread_mutex_destroy(&sink->lock);
    curl_global_cleanup();
    free(sink);
}

void sink_http_kind(struct sink_http *sink, struct sink_kind *out)
{
    *out = (struct sink_kind){ .name = "http", .check = check, .deliver = deliver, .context = sink };
}
