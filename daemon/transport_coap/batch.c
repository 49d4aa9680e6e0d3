#include "daemon/transport_coap/batch.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/base/log.h"
#include "daemon/core/group.h"
#include "daemon/transport_coap/server.h"

#define TOKEN_MAX 8 /* RFC 7252 section 5.3.1 */

struct held {
    coap_session_t *session; /* referenced: libcoap does not give it up meanwhile */
    bool confirmable;
    bool remember;
    unsigned copies; /* of the message: each gets its answer (RFC 7252 section 4.2) */
    uint8_t token[TOKEN_MAX];
    size_t token_size;
    uint16_t id;
    uint8_t no_response;
    uint64_t fingerprint;
    struct peer peer;
    struct answer answer;
};

struct batch {
    bool open;
    unsigned count;
    unsigned capacity;
    struct held all[];
};

int batch_new(unsigned capacity, struct batch **out)
{
    struct batch *batch = calloc(1, sizeof(*batch) + capacity * sizeof(batch->all[0]));

    if (batch == NULL)
        return -ENOMEM;
    batch->capacity = capacity;
    *out = batch;
    return 0;
}

void batch_free(struct batch *batch)
{
    for (unsigned i = 0; batch != NULL && i < batch->count; i++)
        coap_session_release(batch->all[i].session);
    free(batch);
}

int batch_enter(struct transport_coap *transport)
{
    struct batch *batch = transport->batch;
    int r;

    batch_end_if_full(transport);
    if (batch->open)
        return 0;
    r = core_group_begin(transport->core);
    batch->open = r == 0;
    if (r < 0)
        log_fault("coap", r, "a request cannot be taken in");
    return r;
}

bool batch_has(struct batch *batch, const struct request *request)
{
    for (unsigned i = 0; i < batch->count; i++) {
        struct held *held = &batch->all[i];

        if (held->fingerprint != request->fingerprint || held->id != request->id ||
            !peer_equal(&held->peer, &request->peer))
            continue;
        held->copies++;
        return true;
    }
    return false;
}

static void hold(struct batch *batch, coap_session_t *session, const coap_pdu_t *pdu, const struct request *request,
                 const struct answer *answer)
{
    struct held *held = &batch->all[batch->count++];
    coap_bin_const_t token = coap_pdu_get_token(pdu);

    held->session = coap_session_reference(session);
    held->copies = 1;
    held->confirmable = coap_pdu_get_type(pdu) == COAP_MESSAGE_CON;
    held->remember = request_is_remembered(request);
    held->token_size = token.length;
    if (token.length > 0)
        memcpy(held->token, token.s, token.length);
    held->id = request->id;
    held->no_response = request->no_response;
    held->fingerprint = request->fingerprint;
    held->peer = request->peer;
    memcpy(&held->answer, answer, offsetof(struct answer, body) + answer->body_size);
}

bool batch_take(struct transport_coap *transport, coap_session_t *session, const coap_pdu_t *pdu,
                const struct request *request, struct answer *answer)
{
    struct batch *batch = transport->batch;

    if (!batch->open || !core_group_waits(transport->core))
        return false;
    /* What libcoap must answer itself (it answers multicast late, and not always) does not wait. */
    if (coap_is_mcast(coap_session_get_addr_local(session)) || coap_pdu_get_token(pdu).length > TOKEN_MAX) {
        int r = batch_end(transport);
        if (r < 0)
            answer_refusal(answer, r, &(struct why){ "", "", "" });
        return false;
    }
    hold(batch, session, pdu, request, answer);
    transport->counts[TRANSPORT_COAP_HELD]++;
    return true;
}

/* No-Response (RFC 7967): a response class that the device does not want; a confirmable request gets its ACK. */
static bool is_unwanted(const struct held *held)
{
    unsigned class = held->answer.code >> 5;

    return class > 0 && (held->no_response >> (class - 1) & 1) != 0;
}

static void send_once(const struct held *held)
{
    coap_pdu_type_t type = held->confirmable ? COAP_MESSAGE_ACK : COAP_MESSAGE_NON;
    bool unwanted = is_unwanted(held);
    coap_pdu_t *pdu = NULL;

    if (held->confirmable || !unwanted)
        pdu = coap_new_pdu(type, COAP_EMPTY_CODE, held->session);
    if (pdu == NULL)
        return; /* without memory as if it were lost on the way: the device asks again, and it is remembered */
    if (held->confirmable)
        coap_pdu_set_mid(pdu, held->id);
    if (!unwanted) {
        coap_add_token(pdu, held->token_size, held->token);
        answer_write(&held->answer, pdu);
    }
    coap_send(held->session, pdu); /* takes the PDU over, also when it cannot send: a DTLS peer may have left */
}

static void answer_held(struct transport_coap *transport, struct held *held, int fault)
{
    const struct request request = { .peer = held->peer, .id = held->id, .fingerprint = held->fingerprint };

    if (fault < 0)
        answer_refusal(&held->answer, fault, &(struct why){ "", "", "" });
    else if (held->remember && duplicates_add(transport->duplicates, &request, server_now_ms(), &held->answer))
        transport->counts[TRANSPORT_COAP_DUPLICATES_DROPPED]++;
    for (; held->copies > 0; held->copies--)
        send_once(held);
    coap_session_release(held->session);
}

int batch_end(struct transport_coap *transport)
{
    struct batch *batch = transport->batch;
    unsigned count = batch->count;
    int r;

    if (!batch->open)
        return 0;
    batch->open = false;
    batch->count = 0;
    r = core_group_end(transport->core);
    if (r < 0)
        log_fault("coap", r, "%u requests were not saved, and are told so", count);
    for (unsigned i = 0; i < count; i++)
        answer_held(transport, &batch->all[i], r);
    transport->counts[TRANSPORT_COAP_BATCHES] += count > 0;
    return r;
}

void batch_end_if_full(struct transport_coap *transport)
{
    if (transport->batch->count < transport->batch->capacity)
        return;
    transport->counts[TRANSPORT_COAP_BATCHES_FULL]++;
    (void)batch_end(transport);
}
