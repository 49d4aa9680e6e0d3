/* audit.c - who did what, in a chain: each entry's hash covers the hash before it, so that nothing can be changed,
 * taken out or put in without breaking every later entry. Entries are written in the transaction of the deed itself:
 * no deed without its entry, no entry without its deed. */
#include "daemon/core/audit.h"

#include <errno.h>
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/core/access.h"
#include "daemon/core/ports/clock.h"
#include "daemon/core/ports/store.h"
#include "device_proto/cbor.h"

/* SHA-256(previous || canonical CBOR [sequence, at_ms, actor, action, subject, tenant_id, detail]). */
static int entry_hash(const struct core *core, const struct audit_entry *entry, uint8_t out[DIGEST_SIZE])
{
    uint8_t image[1536];
    size_t size;

    memcpy(image, entry->previous, DIGEST_SIZE);
    struct cbor_writer writer = cbor_writer_on(image + DIGEST_SIZE, sizeof(image) - DIGEST_SIZE);
    cbor_write_array(&writer, 7);
    cbor_write_int(&writer, entry->sequence);
    cbor_write_int(&writer, entry->at_ms);
    cbor_write_text_of(&writer, entry->actor);
    cbor_write_text_of(&writer, entry->action);
    cbor_write_text_of(&writer, entry->subject);
    cbor_write_int(&writer, entry->tenant_id);
    cbor_write_text_of(&writer, entry->detail);
    if (cbor_writer_finish(&writer, &size) != 0)
        return -E2BIG;
    return core->crypto->sha256(core->crypto->context, bytes_view(image, DIGEST_SIZE + size), out);
}

int audit_append_as(struct core *core, const char *actor, const char *action, const char *subject, int64_t tenant_id,
                    const char *detail_json)
{
    struct audit_entry entry = { .at_ms = clock_now_ms(core->clock), .tenant_id = tenant_id };
    int64_t head;

    if (text_copy(entry.actor, sizeof(entry.actor), actor) != 0 ||
        text_copy(entry.action, sizeof(entry.action), action) != 0 ||
        text_copy(entry.subject, sizeof(entry.subject), subject) != 0 ||
        text_copy(entry.detail, sizeof(entry.detail), detail_json) != 0)
        return -E2BIG;
    int r = core->store->audit_head(core->store, &head, entry.previous);
    if (r != 0)
        return r;
    entry.sequence = head + 1;
    r = entry_hash(core, &entry, entry.hash);
    if (r != 0)
        return r;
    r = core->store->audit_insert(core->store, &entry);
    /* One writer, one transaction: the head cannot have moved in between. */
    return r > 0 ? -EIO : r;
}

int audit_append(struct core *core, const struct caller *caller, const char *action, const char *subject,
                 int64_t tenant_id, const char *detail_json)
{
    return audit_append_as(core, caller != NULL ? caller->name : "tinypartd", action, subject, tenant_id, detail_json);
}

int audit_list(struct core *core, const struct caller *caller, struct page page,
               int (*each)(void *context, const struct audit_entry *entry), void *context, struct why *why)
{
    int r = access_check(caller, CAN_AUDIT, why);
    if (r != 0)
        return r;
    return core->store->audit_each(core->store, access_scope(caller), page, each, context);
}

struct walk {
    struct core *core;
    struct audit_verdict *verdict;
    int64_t in_page;
};

static int broken(struct audit_verdict *verdict, int64_t sequence, const char *what)
{
    verdict->broken_at = sequence;
    return refuse(&verdict->why, REFUSED_CONFLICT, "audit", "compare with a backup or with a head noted down earlier",
                  "entry %lld %s", (long long)sequence, what);
}

static int walk_entry(void *context, const struct audit_entry *entry)
{
    struct walk *walk = context;
    struct audit_verdict *verdict = walk->verdict;
    uint8_t hash[DIGEST_SIZE];

    walk->in_page++;
    if (entry->sequence != verdict->entries + 1)
        return broken(verdict, verdict->entries + 1, "is missing");
    if (memcmp(entry->previous, verdict->head, DIGEST_SIZE) != 0)
        return broken(verdict, entry->sequence, "does not follow the entry before it");
    int r = entry_hash(walk->core, entry, hash);
    if (r != 0)
        return r;
    if (memcmp(hash, entry->hash, DIGEST_SIZE) != 0)
        return broken(verdict, entry->sequence, "was changed after it was written");
    verdict->entries = entry->sequence;
    memcpy(verdict->head, hash, DIGEST_SIZE);
    return 0;
}

static int walk_all(struct core *core, struct audit_verdict *verdict)
{
    struct walk walk = { core, verdict, 1 };

    while (walk.in_page > 0) {
        struct page page = { verdict->entries, PAGE_MAX };
        walk.in_page = 0;
        int r = core->store->audit_each(core->store, 0, page, walk_entry, &walk);
        if (r != 0)
            return r;
    }
    return 0;
}

int audit_verify(struct core *core, const struct caller *caller, struct audit_verdict *out, struct why *why)
{
    struct audit_verdict verdict = { 0 };
    uint8_t head[DIGEST_SIZE];
    int64_t entries;

    int r = access_check(caller, CAN_AUDIT, why);
    if (r != 0)
        return r;
    r = walk_all(core, &verdict);
    if (r < 0 || (r > 0 && verdict.broken_at == 0))
        return r;
    if (verdict.broken_at == 0) {
        r = core->store->audit_head(core->store, &entries, head);
        if (r != 0)
            return r;
        if (entries != verdict.entries || memcmp(head, verdict.head, DIGEST_SIZE) != 0)
            broken(&verdict, verdict.entries + 1, "is missing");
    }
    *out = verdict;
    return 0;
}
