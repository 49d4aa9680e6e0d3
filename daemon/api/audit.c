/* audit.c - /v1/audit: who did what. An entry's detail goes out as the very text that its hash covers. */
#include "daemon/core/audit.h"

#include "daemon/api/handlers.h"
#include "daemon/api/json.h"

static json_t *entry_json(const struct audit_entry *entry)
{
    return json_pack(
        "{s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "sequence", (json_int_t)entry->sequence, "at", json_time(entry->at_ms),
        "actor", json_words(entry->actor), "action", json_words(entry->action), "subject", json_words(entry->subject),
        "tenant_id", entry->tenant_id != 0 ? json_integer((json_int_t)entry->tenant_id) : json_null(), "previous",
        json_hex(entry->previous, sizeof(entry->previous)), "hash", json_hex(entry->hash, sizeof(entry->hash)));
}

static int add_entry(void *context, const struct audit_entry *entry)
{
    return listing_add_with(context, entry->sequence, entry_json(entry), "detail", bytes_of_text(entry->detail));
}

int audit_entries_list(struct request *request, struct why *why)
{
    struct listing listing;

    int r = listing_begin(&listing, request, why);
    if (r == 0)
        r = audit_list(request->core, &request->caller, listing.page, add_entry, &listing, why);
    return r != 0 ? r : listing_end(&listing);
}

int audit_chain_verify(struct request *request, struct why *why)
{
    struct audit_verdict verdict;

    int r = audit_verify(request->core, &request->caller, &verdict, why);
    if (r != 0)
        return r;
    bool holds = verdict.broken_at == 0;
    return reply_json(&request->reply, 200,
                      json_pack("{s:b,s:I,s:o,s:o,s:o}", "holds", holds, "entries", (json_int_t)verdict.entries,
                                "broken_at", holds ? json_null() : json_integer((json_int_t)verdict.broken_at), "head",
                                json_hex(verdict.head, sizeof(verdict.head)), "detail",
                                holds ? json_null() : json_words(verdict.why.what)));
}
