#include "daemon/transport_coap/bodies.h"

#include <errno.h>
#include <stdlib.h>

struct body {
    bool used;
    struct peer peer;
    uint64_t tag;
    int64_t touched_ms;
    struct buffer bytes;
};

struct bodies {
    unsigned capacity;
    unsigned used;
    size_t size_max;
    struct body *all;
};

int bodies_new(unsigned capacity, size_t size_max, struct bodies **out)
{
    struct bodies *bodies = calloc(1, sizeof(*bodies));

    if (bodies == NULL)
        return -ENOMEM;
    bodies->capacity = capacity;
    bodies->size_max = size_max;
    bodies->all = calloc(capacity, sizeof(*bodies->all));
    if (bodies->all == NULL) {
        free(bodies);
        return -ENOMEM;
    }
    *out = bodies;
    return 0;
}

static void drop(struct bodies *bodies, struct body *body)
{
    buffer_deinit(&body->bytes);
    memset(body, 0, sizeof(*body));
    bodies->used--;
}

void bodies_free(struct bodies *bodies)
{
    if (bodies == NULL)
        return;
    for (unsigned i = 0; i < bodies->capacity; i++) {
        if (bodies->all[i].used)
            drop(bodies, &bodies->all[i]);
    }
    free(bodies->all);
    free(bodies);
}

size_t bodies_size_max(const struct bodies *bodies)
{
    return bodies->size_max;
}

static struct body *find(struct bodies *bodies, const struct request *request)
{
    for (unsigned i = 0; i < bodies->capacity && bodies->used > 0; i++) {
        struct body *body = &bodies->all[i];

        if (body->used && body->tag == request->body_tag && peer_equal(&body->peer, &request->peer))
            return body;
    }
    return NULL;
}

/* A free place, or the one that has stood still longest, if that is long enough: a flood of first blocks must not
 * push out uploads that are moving. */
static struct body *place(struct bodies *bodies, int64_t now_ms)
{
    struct body *stillest = NULL;

    for (unsigned i = 0; i < bodies->capacity; i++) {
        struct body *body = &bodies->all[i];

        if (!body->used)
            return body;
        if (stillest == NULL || body->touched_ms < stillest->touched_ms)
            stillest = body;
    }
    if (stillest == NULL || now_ms - stillest->touched_ms < BODIES_YIELD_MS)
        return NULL;
    drop(bodies, stillest);
    return stillest;
}

static struct body *begin(struct bodies *bodies, const struct request *request, int64_t now_ms)
{
    struct body *body = place(bodies, now_ms);

    if (body == NULL)
        return NULL;
    body->used = true;
    body->peer = request->peer;
    body->tag = request->body_tag;
    buffer_init(&body->bytes, bodies->size_max);
    bodies->used++;
    return body;
}

/* Appends the block, or recognizes one that is there already. 0, or why it does not fit. */
static int append(struct body *body, const struct request *request, uint64_t offset)
{
    struct bytes have = buffer_view(&body->bytes);

    if (offset < have.size) { /* again, with a new message id */
        struct bytes part = bytes_view(have.data + offset, have.size - (size_t)offset);

        if (part.size > request->payload.size)
            part.size = request->payload.size;
        return bytes_equal(part, request->payload) ? 0 : BODIES_GAP;
    }
    if (offset > have.size)
        return BODIES_GAP;
    buffer_append(&body->bytes, request->payload.data, request->payload.size);
    return body->bytes.fault;
}

int bodies_take(struct bodies *bodies, const struct request *request, int64_t now_ms, struct bytes *out)
{
    size_t size = coap_message_block_size(request->block1.size_exponent);
    uint64_t offset = (uint64_t)request->block1.number * size;
    struct body *body = find(bodies, request);
    int r;

    if (offset + request->payload.size > bodies->size_max)
        r = BODIES_TOO_LARGE;
    else if (request->payload.size > size || (request->block1.more && request->payload.size != size))
        r = BODIES_BAD_LENGTH;
    else
        r = 0;
    if (body != NULL && (offset == 0 || r != 0)) { /* the first block begins anew */
        drop(bodies, body);
        body = NULL;
    }
    if (r != 0)
        return r;
    if (body == NULL && offset > 0)
        return BODIES_GAP;
    if (body == NULL)
        body = begin(bodies, request, now_ms);
    if (body == NULL)
        return BODIES_FULL;
    body->touched_ms = now_ms;
    r = append(body, request, offset);
    if (r == 0 && !request->block1.more && body->bytes.size != offset + request->payload.size)
        r = BODIES_GAP; /* the last block, but in the middle of what came before */
    if (r != 0) {
        drop(bodies, body);
        return r;
    }
    if (request->block1.more)
        return BODIES_CONTINUE;
    *out = buffer_view(&body->bytes);
    return BODIES_WHOLE;
}

void bodies_done(struct bodies *bodies, const struct request *request)
{
    struct body *body = find(bodies, request);

    if (body != NULL)
        drop(bodies, body);
}

unsigned bodies_expire(struct bodies *bodies, int64_t now_ms)
{
    unsigned expired = 0;

    for (unsigned i = 0; i < bodies->capacity && bodies->used > 0; i++) {
        if (bodies->all[i].used && now_ms - bodies->all[i].touched_ms >= BODIES_IDLE_MS) {
            drop(bodies, &bodies->all[i]);
            expired++;
        }
    }
    return expired;
}
