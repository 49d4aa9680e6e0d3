/* resources_ingest.c - what devices post: readings and reports. */
#include "daemon/base/text.h"
#include "daemon/transport_coap/resources.h"

static int read_query(const struct request *request, char endpoint[NAME_SIZE], struct telemetry *out, struct why *why)
{
    int64_t sequence = -1;
    int r = request_query_text(request, "d", endpoint, NAME_SIZE, why);

    if (r == 0)
        r = request_query_integer(request, "s", 0, INT64_MAX, -1, &sequence, why);
    if (r == 0)
        r = request_query_integer(request, "p", 0, INT64_MAX, 0, &out->policy_version, why);
    if (r != 0)
        return r;
    if (endpoint[0] == '\0')
        text_copy(endpoint, NAME_SIZE, request->identity);
    if (endpoint[0] == '\0' || sequence < 0)
        return refuse(why, REFUSED_INVALID, "query", NULL, "d (endpoint) and s (sequence) are needed");
    out->sequence = (uint64_t)sequence;
    return 0;
}

/* 0; REFUSED_INVALID with the decoder's words. */
static int decode(struct transport_coap *transport, const struct request *request, struct telemetry *out,
                  struct why *why)
{
    struct senml_pack pack = {
        .records = transport->records,
        .capacity = RECORDS_PER_PACK_MAX,
        .text = transport->senml_text,
        .text_capacity = sizeof(transport->senml_text),
    };
    int r = request->content_format == COAP_MSG_FORMAT_SENML_CBOR ? senml_decode_cbor(request->payload, &pack)
                                                                  : senml_decode_json(request->payload, &pack);

    if (r != 0)
        return refuse(why, REFUSED_INVALID, "payload", NULL, "%s", senml_refusal_text(r));
    out->records = pack.records;
    out->count = pack.count;
    return 0;
}

int resource_telemetry(struct transport_coap *transport, const struct request *request, const char *rest,
                       struct answer *answer, struct why *why)
{
    char endpoint[NAME_SIZE], peer[ADDRESS_SIZE];
    struct telemetry telemetry = { .endpoint = endpoint, .peer = peer };
    int r = read_query(request, endpoint, &telemetry, why);

    (void)rest;
    if (r == 0 && request->content_format != COAP_MSG_FORMAT_SENML_CBOR &&
        request->content_format != COAP_MSG_FORMAT_SENML_JSON) {
        answer_problem(answer, COAP_MSG_UNSUPPORTED_FORMAT, "format", "readings are content format 112 or 110");
        return 0;
    }
    if (r == 0)
        r = decode(transport, request, &telemetry, why);
    if (r != 0) {
        transport->core->counters[COUNT_TELEMETRY_REFUSED]++;
        return r;
    }
    peer_format(&request->peer, peer);
    telemetry.authenticated = request->identity[0] != '\0' && strcmp(request->identity, endpoint) == 0;
    r = transport->rules->telemetry(transport->core, &telemetry, why);
    if (r == REFUSED_EXISTS) /* the answer got lost, and the device sent it again under a new message id */
        r = 0;
    if (r == 0)
        answer_init(answer, COAP_MSG_CHANGED);
    return r;
}

int resource_report(struct transport_coap *transport, const struct request *request, const char *rest,
                    struct answer *answer, struct why *why)
{
    int r = transport->rules->report(transport->core, request->payload, why);

    (void)rest;
    if (r == 0)
        answer_init(answer, COAP_MSG_CHANGED);
    return r;
}
