/* server.c - what a device answers.
 * The RIOT kinds follow nanocoap: no token is remembered, no duplicate recognised, a non-confirmable request is
 * answered under its own message id, and whatever is too large for the packet buffer was never there. */
#include "device_proto/virtual/server.h"

#include <stdlib.h>

#include "daemon/base/text.h"
#include "device_proto/virtual/exec.h"

enum {
    REPLY_SIZE_MAX = 512,
    URI_MAX = 64,      /* nanocoap's, with its leading slash and NUL */
    STALE_SIZE = 1024, /* KIND_STRLEN_URL: the packet buffer */
    QUEUE_MAX = 4,
    REQUEST_SIZE_MAX = 1280, /* of any kind */
    OPTIONS_MAX = 16,
    ANSWERED_MAX = 4, /* profile tinypart: answers kept for duplicates */
};

struct request {
    struct endpoint from;
    struct coap_message message;
    struct bytes datagram;
    char path[256];
};

struct reply {
    uint8_t code;
    int format; /* -1: none */
    size_t size;
    char payload[256];
    bool blocks; /* may be cut into blocks */
    bool later;  /* not now: the server hangs */
};

/* ---- replies ---- */

struct answered {
    struct endpoint from;
    uint16_t id;
    uint16_t size;
    uint8_t message[REPLY_SIZE_MAX];
};

static void remember(struct device *device, const struct request *request, struct bytes message)
{
    if (!kind_has(device->fleet->kind, KIND_TINYPART))
        return;
    struct answered *answered = (struct answered *)(void *)device->answered;
    if (answered == NULL)
        answered = calloc(ANSWERED_MAX, sizeof(*answered));
    device->answered = (uint8_t *)answered;
    if (answered == NULL)
        return;
    memmove(answered + 1, answered, (ANSWERED_MAX - 1) * sizeof(*answered));
    answered[0] = (struct answered){ .from = request->from, .id = request->message.id, .size = (uint16_t)message.size };
    memcpy(answered[0].message, message.data, message.size);
}

static bool answer_again(struct device *device, const struct request *request)
{
    const struct answered *answered = (const struct answered *)(const void *)device->answered;

    for (size_t i = 0; answered != NULL && i < ANSWERED_MAX && answered[i].size > 0; i++) {
        if (answered[i].id != request->message.id || !endpoint_equal(&answered[i].from, &request->from))
            continue;
        faults_send(device, device->server, &request->from, bytes_view(answered[i].message, answered[i].size));
        return true;
    }
    return false;
}

/* Cuts the payload to the block that was asked for. */
static bool slice(struct device *device, const struct request *request, struct reply *reply,
                  struct coap_message_block *block)
{
    struct bytes value;
    bool asked = coap_message_find_option(&request->message, COAP_MSG_OPT_BLOCK2, &value);
    bool tiny = kind_has(device->fleet->kind, KIND_CORE_IN_TINY_BLOCKS);

    *block = (struct coap_message_block){ .size_exponent = tiny ? 0 : 2 };
    if (asked && coap_message_block_decode(value, block) != 0)
        return false;
    if (block->size_exponent > 2)
        block->size_exponent = 2; /* nanocoap's largest by default: 64 bytes */
    size_t size = coap_message_block_size(block->size_exponent), start = block->number * size;
    if (start >= reply->size)
        return false;
    block->more = start + size < reply->size;
    reply->size = block->more ? size : reply->size - start;
    memmove(reply->payload, reply->payload + start, reply->size);
    return true;
}

static void send_reply(struct device *device, const struct request *request, struct reply *reply)
{
    uint8_t message[REPLY_SIZE_MAX];
    struct coap_message_writer writer;
    struct coap_message_block block;
    bool confirmable = request->message.type == COAP_MSG_CON;
    size_t size = 0;

    if (reply->blocks && !slice(device, request, reply, &block))
        *reply = (struct reply){ .code = COAP_MSG_BAD_OPTION, .format = -1 };
    coap_message_begin(&writer, message, sizeof(message), confirmable ? COAP_MSG_ACK : COAP_MSG_NON, reply->code,
                       request->message.id, request->message.token);
    if (reply->format >= 0)
        coap_message_add_uint(&writer, COAP_MSG_OPT_CONTENT_FORMAT, (uint32_t)reply->format);
    if (reply->blocks)
        coap_message_add_block(&writer, COAP_MSG_OPT_BLOCK2, &block);
    coap_message_add_payload(&writer, bytes_view(reply->payload, reply->size));
    if (coap_message_finish(&writer, &size) != 0)
        return;
    remember(device, request, bytes_view(message, size));
    faults_send(device, device->server, &request->from, bytes_view(message, size));
}

static void send_reset(struct device *device, const struct endpoint *to, uint16_t id)
{
    uint8_t reset[4] = { 0x70, 0, (uint8_t)(id >> 8), (uint8_t)id };

    faults_send(device, device->server, to, bytes_view(reset, sizeof(reset)));
}

static void say(struct reply *reply, uint8_t code, int format, const char *text)
{
    reply->code = code;
    reply->format = format;
    reply->size = strlen(text) < sizeof(reply->payload) ? strlen(text) : sizeof(reply->payload);
    memcpy(reply->payload, text, reply->size);
}

/* ---- resources ---- */

static void get_core(struct device *device, const struct request *request, struct reply *reply)
{
    (void)request;
    say(reply, COAP_MSG_CONTENT, COAP_MSG_FORMAT_LINK, device->fleet->kind->links);
    reply->blocks = true;
}

static void get_board(struct device *device, const struct request *request, struct reply *reply)
{
    (void)request;
    say(reply, COAP_MSG_CONTENT, COAP_MSG_FORMAT_TEXT, device->fleet->board);
}

static void get_version(struct device *device, const struct request *request, struct reply *reply)
{
    (void)device;
    (void)request;
    say(reply, COAP_MSG_CONTENT, COAP_MSG_FORMAT_TEXT, "NONE"); /* whatever is installed */
}

/* One buffer for all: a trigger that comes during an update overwrites the URL that the update is using. */
static void queue_trigger(struct device *device, struct bytes url, struct reply *reply)
{
    memcpy(device->url, url.data, url.size);
    device->url[url.size] = '\0';
    if (!device_busy(device)) {
        device->triggered = true;
    } else if (device->queued < QUEUE_MAX) {
        device->queued++;
    } else {
        reply->later = true;
    }
}

/* strlen on the packet: without a NUL behind the URL, what earlier packets left there belongs to it. */
static struct bytes strlen_url(struct device *device, const struct request *request)
{
    size_t start = (size_t)(request->message.payload.data - request->datagram.data);
    static const char left_over[] = "://[fd00::1]/";

    if (device->stale == NULL) {
        device->stale = malloc(STALE_SIZE);
        for (size_t i = 0; device->stale != NULL && i < STALE_SIZE; i++)
            device->stale[i] = left_over[i % (sizeof(left_over) - 1)];
    }
    if (device->stale == NULL)
        return bytes_view(NULL, 0);
    memcpy(device->stale, request->datagram.data, request->datagram.size);
    return bytes_view(device->stale + start, strnlen(device->stale + start, KIND_URL_MAX - 1));
}

static void start_trigger(struct device *device, struct bytes url)
{
    text_copy_bytes(device->url, sizeof(device->url), url);
    device->triggered = true;
}

static void trigger_tinypart(struct device *device, struct bytes url, struct reply *reply)
{
    struct endpoint to;
    struct bytes path;

    if (url.size > 0 && url.data[url.size - 1] == '\0')
        url.size--;
    if (url_parse(url, &to, &path) != 0 || memchr(url.data, '\0', url.size) != NULL)
        say(reply, COAP_MSG_BAD_REQUEST, COAP_MSG_FORMAT_TEXT, "not a coap:// URL with an IP address");
    else if (device_busy(device))
        say(reply, COAP_MSG_UNAVAILABLE, COAP_MSG_FORMAT_TEXT, "an update is under way");
    else
        start_trigger(device, url);
}

static void post_trigger(struct device *device, const struct request *request, struct reply *reply)
{
    const struct kind *kind = device->fleet->kind;
    struct bytes payload = request->message.payload;

    reply->code = COAP_MSG_CREATED; /* "URL received", nothing more */
    if (payload.size == 0 || payload.size >= KIND_URL_MAX) {
        reply->code = payload.size == 0 ? COAP_MSG_INCOMPLETE : COAP_MSG_TOO_LARGE;
        return;
    }
    bool busy = device_busy(device);
    device_event(device, busy ? EVENT_TRIGGER_LOST : EVENT_TRIGGER, "%s%.*s",
                 busy ? "while another update is under way: " : "", (int)payload.size, (const char *)payload.data);
    if (kind_has(kind, KIND_TINYPART))
        trigger_tinypart(device, payload, reply);
    else if (kind_has(kind, KIND_SHARED_URL))
        queue_trigger(device, payload, reply);
    else if (!busy)
        start_trigger(device, strlen_url(device, request));
}

static void post_exec(struct device *device, const struct request *request, struct reply *reply)
{
    char text[EXEC_TEXT_SIZE];
    size_t slot = (size_t)(request->path[strlen(device->fleet->kind->exec_prefix)] - '0');

    switch (exec_slot(device, slot, text)) {
    case EXEC_ANSWERED:
        say(reply, COAP_MSG_CHANGED, COAP_MSG_FORMAT_TEXT, text);
        break;
    case EXEC_EMPTY:
        say(reply, COAP_MSG_NOT_FOUND, COAP_MSG_FORMAT_TEXT, "no container is installed there");
        break;
    case EXEC_FAULT:
        say(reply, COAP_MSG_INTERNAL_ERROR, COAP_MSG_FORMAT_TEXT, text);
        break;
    }
}

/* ---- routing ---- */

enum method { METHOD_GET = 1 << 0, METHOD_POST = 1 << 1 };

struct route {
    const char *path;
    unsigned riot, tinypart; /* methods, 0: no such resource */
    void (*handle)(struct device *device, const struct request *request, struct reply *reply);
};

/* The trigger's mask comes from numbers where flags were meant, so GET reaches it and PUT does not. */
static const struct route routes[] = {
    { ".well-known/core", METHOD_GET, METHOD_GET, get_core },
    { "riot/board", METHOD_GET, 0, get_board },
    { "suit/version", METHOD_GET, 0, get_version },
    { "suit/trigger", METHOD_GET | METHOD_POST, METHOD_POST, post_trigger },
};

static const struct route exec_route = { "", METHOD_POST, METHOD_POST, post_exec };

static const struct route *find_route(const struct kind *kind, const char *path)
{
    size_t prefix = kind->exec_prefix == NULL ? 0 : strlen(kind->exec_prefix);

    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        if (strcmp(routes[i].path, path) == 0)
            return &routes[i];
    if (prefix > 0 && strncmp(path, kind->exec_prefix, prefix) == 0 && path[prefix] >= '0' &&
        (unsigned)(path[prefix] - '0') < kind->slots && path[prefix + 1] == '\0')
        return &exec_route;
    return NULL;
}

static void dispatch(struct device *device, const struct request *request, struct reply *reply)
{
    const struct kind *kind = device->fleet->kind;
    const struct route *route = find_route(kind, request->path);
    unsigned methods = route == NULL ? 0 : kind_has(kind, KIND_TINYPART) ? route->tinypart : route->riot;
    unsigned method = request->message.code == COAP_MSG_GET    ? METHOD_GET
                      : request->message.code == COAP_MSG_POST ? METHOD_POST
                                                               : 0;

    if (methods == 0)
        reply->code = COAP_MSG_NOT_FOUND;
    else if ((methods & method) == 0)
        reply->code = kind_has(kind, KIND_WRONG_METHOD_IS_404) ? COAP_MSG_NOT_FOUND : COAP_MSG_METHOD_NOT_ALLOWED;
    else
        route->handle(device, request, reply);
}

/* Options that profile tinypart has to understand and does not. */
static bool has_foreign_options(const struct coap_message *message)
{
    struct coap_message_cursor cursor = coap_message_cursor(message);
    struct coap_message_option option;

    while (coap_message_next_option(&cursor, &option)) {
        bool known = option.number == COAP_MSG_OPT_URI_PATH || option.number == COAP_MSG_OPT_URI_HOST ||
                     option.number == COAP_MSG_OPT_URI_PORT || option.number == COAP_MSG_OPT_URI_QUERY ||
                     option.number == COAP_MSG_OPT_BLOCK2 || option.number == COAP_MSG_OPT_ACCEPT;
        if (coap_message_is_critical(option.number) && !known)
            return true;
    }
    return false;
}

static void ping(struct device *device, const struct request *request)
{
    if (kind_has(device->fleet->kind, KIND_PING_CRASHES)) {
        device_event(device, EVENT_CRASH, "CRASHED BY A PING: silent until it is power-cycled");
        device->crashed = true;
        device_go_down(device, EVENT_CRASH);
        return;
    }
    send_reset(device, &request->from, request->message.id);
}

static void hang(struct device *device, const struct endpoint *from, struct bytes datagram)
{
    struct held **at = &device->backlog;
    size_t count = 0;

    for (; *at != NULL; at = &(*at)->next)
        count++;
    struct held *held = count >= DEVICE_BACKLOG_MAX ? NULL : (struct held *)malloc(sizeof(*held) + datagram.size);
    if (held == NULL) {
        device_event(device, EVENT_REQUEST_DROPPED, "the server is blocked and its queue is full");
        return;
    }
    *held = (struct held){ .peer = *from, .size = datagram.size };
    memcpy(held->data, datagram.data, datagram.size);
    *at = held;
}

static void serve(struct device *device, struct request *request)
{
    const struct kind *kind = device->fleet->kind;
    struct reply reply = { .format = -1 };
    bool tinypart = kind_has(kind, KIND_TINYPART);

    if (tinypart && answer_again(device, request))
        return;
    int r = coap_message_path(&request->message, request->path, sizeof(request->path));
    if (!tinypart && r == 0 && strlen(request->path) + 2 > URI_MAX)
        r = COAP_MSG_NO_ROOM;
    if (r != 0 && !tinypart) {
        /* One says nothing, the other resets. */
        if (!kind_has(kind, KIND_WRONG_METHOD_IS_404))
            send_reset(device, &request->from, request->message.id);
        return;
    }
    if (r != 0)
        reply.code = COAP_MSG_NOT_FOUND;
    else if (!kind_has(kind, KIND_IGNORES_CRITICAL) && has_foreign_options(&request->message))
        reply.code = COAP_MSG_BAD_OPTION;
    else
        dispatch(device, request, &reply);
    if (reply.later) {
        device_event(device, EVENT_BLOCKED, "four triggers are queued: the server hangs until the update is over");
        device->server_blocked = true;
        hang(device, &request->from, request->datagram);
        return;
    }
    send_reply(device, request, &reply);
}

/* nanocoap keeps the place of at most 16 different options; more, and the message is dropped. */
static bool has_many_options(const struct coap_message *message)
{
    struct coap_message_cursor cursor = coap_message_cursor(message);
    struct coap_message_option option;
    unsigned count = 0;
    uint16_t last = 0;

    while (coap_message_next_option(&cursor, &option)) {
        count += option.number != last;
        last = option.number;
    }
    return count > OPTIONS_MAX;
}

/* Reads a message as the kind does. copy is where a lax reader's message lies straightened out. */
static int parse(const struct kind *kind, struct bytes datagram, uint8_t copy[REQUEST_SIZE_MAX],
                 struct request *request)
{
    if (!kind_has(kind, KIND_LAX_FORMAT))
        return coap_message_parse(datagram, &request->message);
    if (datagram.size == 0 || datagram.size > REQUEST_SIZE_MAX)
        return COAP_MSG_SHORT;
    memcpy(copy, datagram.data, datagram.size);
    copy[0] = (uint8_t)((copy[0] & 0x3f) | 0x40); /* the version is not looked at */
    request->datagram = bytes_view(copy, datagram.size);
    int r = coap_message_parse(request->datagram, &request->message);
    if (r == COAP_MSG_NO_PAYLOAD) {
        request->datagram.size--;
        r = coap_message_parse(request->datagram, &request->message);
    }
    return r == 0 && has_many_options(&request->message) ? COAP_MSG_TOO_MANY_OPTIONS : r;
}

void server_receive(struct device *device, const struct endpoint *from, struct bytes datagram)
{
    const struct kind *kind = device->fleet->kind;
    struct request request = { .from = *from, .datagram = datagram };
    enum coap_message_type type;
    uint16_t id;

    if (datagram.size > kind->request_max) {
        device_event(device, EVENT_REQUEST_DROPPED, "%zu bytes are more than the packet buffer", datagram.size);
        return;
    }
    if (device->server_blocked) {
        hang(device, from, datagram);
        return;
    }
    uint8_t copy[REQUEST_SIZE_MAX];
    if (parse(kind, datagram, copy, &request) != 0) {
        device_event(device, EVENT_REQUEST_DROPPED, "not a CoAP message");
        if (kind_has(kind, KIND_TINYPART) && coap_message_peek(datagram, &type, &id) && type == COAP_MSG_CON)
            send_reset(device, from, id);
        return;
    }
    bool asks = request.message.type == COAP_MSG_CON || request.message.type == COAP_MSG_NON ||
                (kind_has(kind, KIND_SERVES_REPLIES) && request.message.code != COAP_MSG_EMPTY);
    if (exchange_receive(device, &device->ask, device->server, from, &request.message) || !asks ||
        request.message.code >= 32)
        return;
    if (request.message.code == COAP_MSG_EMPTY)
        ping(device, &request);
    else
        serve(device, &request);
}

/* ---- a server that hung ---- */

int64_t server_due(const struct device *device)
{
    return device->server_blocked && device->queued < QUEUE_MAX ? device->now_ms : INT64_MAX;
}

/* The trigger that hung is queued at last and answered; then come those that waited behind it. Its URL went into the
 * shared buffer when it arrived, not now. */
static void answer_hung(struct device *device, struct held *held)
{
    struct request request = { .from = held->peer, .datagram = bytes_view(held->data, held->size) };
    struct reply reply = { .code = COAP_MSG_CREATED, .format = -1 };

    if (coap_message_parse(request.datagram, &request.message) == 0)
        send_reply(device, &request, &reply);
    if (device_busy(device))
        device->queued++;
    else
        device->triggered = true;
}

void server_tick(struct device *device)
{
    bool first = true;

    if (server_due(device) == INT64_MAX)
        return;
    device->server_blocked = false;
    struct held *waiting = device->backlog;
    device->backlog = NULL;
    while (waiting != NULL) {
        struct held *held = waiting;
        waiting = held->next;
        held->next = NULL;
        if (first)
            answer_hung(device, held);
        else
            server_receive(device, &held->peer, bytes_view(held->data, held->size));
        first = false;
        free(held);
    }
}

void server_drop(struct device *device)
{
    while (device->backlog != NULL) {
        struct held *held = device->backlog;
        device->backlog = held->next;
        free(held);
    }
    device->server_blocked = false;
    free(device->answered);
    device->answered = NULL;
    free(device->stale);
    device->stale = NULL;
}
