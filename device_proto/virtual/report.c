/* report.c - one report at a time, kept (also over a reboot) until the daemon took it or refused it. */
#include "device_proto/virtual/report.h"

#include <stdlib.h>

#include "device_proto/suit_report.h"
#include "device_proto/virtual/ask.h"
#include "device_proto/virtual/identity.h"
#include "device_proto/virtual/state.h"

enum { REPORT_SIZE = 1024, RETRY_LEAST_MS = 5000, TRIES_MAX = 12 };

void report_drop(struct device *device)
{
    free(device->report.message);
    device->report = (struct report){ 0 };
}

struct suit_record report_record(const struct suit_where *where)
{
    struct suit_record record = { .section = (int64_t)where->section,
                                  .offset = where->offset,
                                  .component = where->component,
                                  .path_length = where->path_length };

    for (size_t i = 0; i < where->path_length; i++)
        record.path[i] = where->path[i];
    return record;
}

static void fill(const struct report_order *order, struct suit_report *report)
{
    const struct suit_manifest *manifest = order->manifest;
    bool own_reference = manifest->reference_uri.size > 0;

    *report = (struct suit_report){ .reference_uri = own_reference ? manifest->reference_uri : order->reference,
                                    .success = order->result == 0 };
    memcpy(report->manifest_digest, manifest->manifest_digest, DIGEST_SIZE);
    for (; report->entry_count < order->record_count; report->entry_count++)
        report->entries[report->entry_count].record = order->records[report->entry_count];
    if (report->success)
        return;
    report->code = order->result > 0 ? suit_refusal_riot_code(order->result) : order->result;
    report->reason = order->result > 0 ? suit_reason_of(order->result, order->where) : SUIT_REASON_OPERATION_FAILED;
    report->record = report_record(order->where);
}

/* Told where something was not supported: then somebody wants to know what is. */
static bool asks_for_capabilities(const struct suit_report *report)
{
    static const bool asks[] = {
        [SUIT_REASON_COSE_UNSUPPORTED] = true,      [SUIT_REASON_ALGORITHM_UNSUPPORTED] = true,
        [SUIT_REASON_COMMAND_UNSUPPORTED] = true,   [SUIT_REASON_COMPONENT_UNSUPPORTED] = true,
        [SUIT_REASON_PARAMETER_UNSUPPORTED] = true, [SUIT_REASON_INVOKE_PENDING] = false,
    };

    return !report->success && asks[report->reason];
}

void report_make(struct device *device, const struct report_order *order)
{
    struct proto_signer signer;
    struct suit_report report;
    struct suit_manifest unverified;
    struct report_order said = *order;
    uint8_t message[REPORT_SIZE], capabilities[CAPABILITIES_SIZE];
    size_t size;

    if (device->key == NULL || order->to.size == 0)
        return;
    /* A manifest that nobody we trust signed is still named by its digest, if it has one. */
    if (order->result > 0 &&
        suit_manifest_parse(order->envelope, device->fleet->kind->dialect, &device->fleet->crypto, &unverified) == 0)
        said.manifest = &unverified;
    fill(&said, &report);
    if (asks_for_capabilities(&report))
        report.capabilities = identity_capabilities(device->fleet, capabilities);
    crypto_key_signer(device->key, &signer);
    int r = suit_report_write_signed(&report, bytes_of_text(device->name), &signer, message, sizeof(message), &size);
    if (device->asking == ASKING_REPORT) { /* a late answer to the old report must not pass for one to this */
        exchange_cancel(&device->ask);
        device->asking = ASKING_NOTHING;
    }
    report_drop(device);
    if (r == 0)
        device->report.message = malloc(size);
    if (r != 0 || device->report.message == NULL) {
        device_event(device, EVENT_FAULT, "the report could not be written: %s",
                     r > 0 ? suit_report_refusal_text(r) : "no memory");
        return;
    }
    memcpy(device->report.message, message, size);
    device->report.size = size;
    device->report.to = order->to;
    device->report.due_ms = device->now_ms;
    state_write_report(device);
    device_event(device, EVENT_REPORT, "%s", report.success ? "success" : suit_reason_text(report.reason));
}

int64_t report_due(const struct device *device)
{
    return device->report.message == NULL ? INT64_MAX : device->report.due_ms;
}

static void on_answer(struct device *device, struct exchange *exchange, enum exchange_end end,
                      const struct coap_message *message)
{
    struct report *report = &device->report;

    (void)exchange;
    device->asking = ASKING_NOTHING;
    bool answered = end == EXCHANGE_ANSWERED && message->code < COAP_MSG_INTERNAL_ERROR;
    if (!answered && ++report->failures < TRIES_MAX) {
        report->due_ms = device->now_ms + RETRY_LEAST_MS + dice_below(&device->dice, RETRY_LEAST_MS);
        return;
    }
    if (answered && message->code < COAP_MSG_BAD_REQUEST)
        device_event(device, EVENT_REPORT_TAKEN, "%u bytes", (unsigned)report->size);
    else
        device_event(device, EVENT_REPORT_LOST, "%s", answered ? "the daemon refused it" : "no answer");
    report_drop(device);
    state_write_report(device);
}

void report_ask(struct device *device)
{
    struct report *report = &device->report;
    const struct ask_order order = { .what = ASKING_REPORT,
                                     .code = COAP_MSG_POST,
                                     .to = &report->to,
                                     .path = "r",
                                     .format = COAP_MSG_FORMAT_OCTETS,
                                     .payload = bytes_view(report->message, report->size) };

    if (ask_begin(device, &order, on_answer) != 0)
        report_drop(device); /* cannot be: it fits one datagram */
}
