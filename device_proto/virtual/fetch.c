/* fetch.c - block-wise GETs as nanocoap makes them: empty token, the block option in every request, and either block
 * numbers of its own counting (KIND_FIXED_BLOCKS) or the size that the server chose. Profile tinypart counts like the
 * latter. */
#include "device_proto/virtual/fetch.h"

#include "device_proto/virtual/device.h"

enum { REQUEST_SIZE_MAX = 512, RETRIES = 4 };

static void on_answer(struct device *device, struct exchange *exchange, enum exchange_end end,
                      const struct coap_message *message);

static struct fetch *fetch_of(struct exchange *exchange)
{
    return (struct fetch *)((char *)exchange - offsetof(struct fetch, exchange));
}

static void finish(struct device *device, struct fetch *fetch, const char *why)
{
    fetch_done done = fetch->done;

    fetch_cancel(device, fetch);
    done(device, why);
}

void fetch_cancel(struct device *device, struct fetch *fetch)
{
    const struct wire *wire = &device->fleet->wire;

    exchange_cancel(&fetch->exchange);
    if (!fetch->open)
        return;
    fetch->open = false;
    faults_drop_channel(device, fetch->channel);
    wire->close(wire->context, fetch->channel);
}

static void add_queries(struct coap_message_writer *writer, struct bytes query)
{
    while (query.size > 0) {
        const uint8_t *end = memchr(query.data, '&', query.size);
        size_t size = end == NULL ? query.size : (size_t)(end - query.data);
        coap_message_add_option(writer, COAP_MSG_OPT_URI_QUERY, bytes_view(query.data, size));
        size += end == NULL ? 0 : 1;
        query = bytes_view(query.data + size, query.size - size);
    }
}

static void ask_block(struct device *device, struct fetch *fetch)
{
    uint8_t message[REQUEST_SIZE_MAX];
    struct coap_message_writer writer;
    struct coap_message_block block = { .number = fetch->number, .size_exponent = fetch->exponent };
    struct endpoint ignored;
    struct bytes path, query = { NULL, 0 };
    size_t size = 0;

    if (url_parse(bytes_of_text(device->url), &ignored, &path) != 0) {
        finish(device, fetch, "the URL was overwritten by something else");
        return;
    }
    const uint8_t *mark = path.size == 0 ? NULL : memchr(path.data, '?', path.size);
    if (mark != NULL) {
        size_t path_size = (size_t)(mark - path.data);
        query = bytes_view(mark + 1, path.size - path_size - 1);
        path = bytes_view(path.data, path_size);
    }
    coap_message_begin(&writer, message, sizeof(message), COAP_MSG_CON, COAP_MSG_GET, device->next_id++,
                       bytes_view(NULL, 0));
    coap_message_add_path(&writer, COAP_MSG_OPT_URI_PATH, path);
    add_queries(&writer, query);
    coap_message_add_block(&writer, COAP_MSG_OPT_BLOCK2, &block);
    if (coap_message_finish(&writer, &size) != 0 ||
        exchange_begin(device, &fetch->exchange, fetch->channel, &fetch->to, bytes_view(message, size), on_answer) != 0)
        finish(device, fetch, "the request does not fit its buffer");
}

static const char *path_problem(struct device *device, struct bytes path)
{
    const struct kind *kind = device->fleet->kind;

    if (path.size + 1 <= kind->path_max)
        return NULL;
    if (kind_has(kind, KIND_LONG_PATH_KILLS)) {
        device_event(device, EVENT_CRASH, "crashed: a path of %zu bytes overflowed the request buffer", path.size + 1);
        device->crashed = true;
        device_go_down(device, EVENT_CRASH);
    }
    return "the path is too long";
}

void fetch_begin(struct device *device, struct fetch *fetch, fetch_sink sink, fetch_done done)
{
    const struct wire *wire = &device->fleet->wire;
    struct bytes path;
    struct fetch begun = {
        .exponent = device->fleet->kind->block_exponent, .retries = RETRIES, .sink = sink, .done = done
    };

    if (url_parse(bytes_of_text(device->url), &begun.to, &path) != 0) {
        done(device, "not a coap:// URL with an IP address");
        return;
    }
    const char *problem = path_problem(device, path);
    if (problem == NULL && wire->open(wire->context, device, &begun.to, &begun.channel) != 0)
        problem = "no socket";
    if (device->going_down != EVENT_BOOT)
        return;
    if (problem != NULL) {
        done(device, problem);
        return;
    }
    begun.open = true;
    *fetch = begun;
    ask_block(device, fetch);
}

/* What the answer says about its place in the body. */
static const char *place_block(const struct kind *kind, struct fetch *fetch, const struct coap_message *message,
                               struct coap_message_block *block, bool *out_again)
{
    struct bytes value;
    bool blockwise = coap_message_find_option(message, COAP_MSG_OPT_BLOCK2, &value);

    *out_again = false;
    *block = (struct coap_message_block){ .size_exponent = fetch->exponent };
    if (blockwise && coap_message_block_decode(value, block) != 0)
        return "a malformed block option";
    size_t offset = (size_t)block->number * coap_message_block_size(block->size_exponent);
    if (kind_has(kind, KIND_FIXED_BLOCKS)) {
        fetch->offset = offset;
        return NULL;
    }
    if (block->size_exponent > fetch->exponent)
        return "a larger block than was asked for";
    fetch->exponent = block->size_exponent;
    if (offset == fetch->offset)
        return NULL;
    *out_again = true;
    return --fetch->retries == 0 ? "the wrong block, again and again" : NULL;
}

static void next_block(struct device *device, struct fetch *fetch, const struct coap_message_block *block)
{
    if (kind_has(device->fleet->kind, KIND_FIXED_BLOCKS)) {
        fetch->number++;
    } else {
        fetch->offset += coap_message_block_size(block->size_exponent);
        fetch->number = (uint32_t)(fetch->offset >> (fetch->exponent + 4));
        fetch->retries = RETRIES;
    }
    if (fetch->number > COAP_MSG_BLOCK_MAX)
        finish(device, fetch, "a body without end");
    else
        ask_block(device, fetch);
}

static void on_answer(struct device *device, struct exchange *exchange, enum exchange_end end,
                      const struct coap_message *message)
{
    struct fetch *fetch = fetch_of(exchange);
    struct coap_message_block block;
    bool again;

    if (end != EXCHANGE_ANSWERED) {
        finish(device, fetch, end == EXCHANGE_RESET ? "the server reset the request" : "no answer");
        return;
    }
    if (message->code >= COAP_MSG_BAD_REQUEST) {
        finish(device, fetch, "the server refused");
        return;
    }
    const char *problem = place_block(device->fleet->kind, fetch, message, &block, &again);
    if (problem == NULL && again) {
        ask_block(device, fetch);
        return;
    }
    if (problem == NULL && !fetch->sink(device, fetch->offset, message->payload, block.more))
        problem = "the body does not fit";
    if (device->going_down != EVENT_BOOT)
        return; /* the end of this life frees everything */
    if (problem != NULL || !block.more)
        finish(device, fetch, problem);
    else
        next_block(device, fetch, &block);
}
