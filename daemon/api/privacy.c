/* privacy.c - /v1/privacy: the ledger as auditors see it. */
#include "daemon/core/filter_cap.h"
#include "daemon/core/ledger_verify.h"

#include <stddef.h>

#include "daemon/api/handlers.h"
#include "daemon/api/json.h"

int ledger_verdict(struct request *request, struct why *why)
{
    struct ledger_verdict verdict;

    int r = ledger_verify(request->core, &request->caller, &verdict, why);
    if (r != 0)
        return r;
    const struct ledger_count *count = &verdict.count;
    return reply_json(&request->reply, 200,
                      json_pack("{s:b,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o}", "holds", verdict.holds, "charges",
                                (json_int_t)count->charges, "cohorts", (json_int_t)count->cohorts, "budgets",
                                (json_int_t)count->budgets, "filters", (json_int_t)count->filters, "odometers",
                                (json_int_t)count->odometers, "releases", (json_int_t)verdict.releases, "audit_entries",
                                (json_int_t)verdict.audit.entries, "audit_head",
                                json_hex(verdict.audit.head, sizeof(verdict.audit.head)), "detail",
                                json_words_or_null(verdict.why.what)));
}

struct filter_order {
    const char *reason;
};

FORM(filter_form, struct filter_order,
     { "now_because", FIELD_TEXT, true, offsetof(struct filter_order, reason), 1, 200 });

int filter_raise(struct request *request, struct why *why)
{
    const struct filter_order *order = request->body.order;
    struct loss_caps caps;

    int r = filter_cap_raise(request->core, &request->caller, order->reason, &caps, why);
    return r != 0 ? r : reply_json(&request->reply, 200, json_pack("{s:o}", "filter", json_loss_caps(&caps)));
}
