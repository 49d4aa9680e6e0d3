/* privacy_export.c - GET /v1/privacy/export: the ledger as signed JSON lines (base/statement.h).
 * Amounts are whole numbers in the ledger's own units: [ueps, nrho, delta, impure], so that nothing is rounded. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/api/handlers.h"
#include "daemon/api/json.h"
#include "daemon/base/statement.h"
#include "daemon/base/text.h"
#include "daemon/core/ledger_export.h"
#include "daemon/core/ports/clock.h"

enum { EXPORT_SIZE_MAX = 60 << 20, KINDS_MAX = 16, SIGNED_SIZE_MAX = SIGNATURE_SIZE_MAX + 128 };

struct writing {
    struct request *request;
    const struct proto_crypto *crypto;
    const char *kind; /* of the lines that are being hashed */
    struct sha256_stream hash;
    int64_t lines;
    json_t *kinds;
};

static json_t *loss_json(const struct loss *loss)
{
    return json_pack("[I,I,I,b]", (json_int_t)loss->ueps, (json_int_t)loss->nrho, (json_int_t)loss->delta,
                     loss->impure);
}

static json_t *caps_json(const struct loss_caps *caps)
{
    return json_pack("[I,I,I,b]", (json_int_t)caps->ueps, (json_int_t)caps->nrho, (json_int_t)caps->delta,
                     caps->pure_only);
}

static int kind_end(struct writing *writing)
{
    uint8_t digest[DIGEST_SIZE];

    if (writing->kind == NULL)
        return 0;
    int r = writing->crypto->sha256_finish(writing->crypto->context, &writing->hash, digest);
    if (r != 0)
        return r;
    json_t *entry = json_pack("[s,I,o]", writing->kind, (json_int_t)writing->lines, json_hex(digest, sizeof(digest)));
    return json_array_append_new(writing->kinds, entry) != 0 ? -ENOMEM : 0;
}

static int kind_begin(struct writing *writing, const char *kind)
{
    if (writing->kind != NULL && strcmp(writing->kind, kind) == 0)
        return 0;
    int r = kind_end(writing);
    if (r != 0)
        return r;
    writing->kind = kind;
    writing->lines = 0;
    return writing->crypto->sha256_begin(writing->crypto->context, &writing->hash);
}

/* Appends a line in canonical form; takes json over. *out_at: where it begins. */
static int append(struct buffer *out, const char *kind, json_t *json, size_t *out_at)
{
    *out_at = out->size;
    if (json == NULL || json_object_set_new(json, "kind", json_string(kind)) != 0) {
        json_decref(json);
        return -ENOMEM;
    }
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(json);
    if (text == NULL)
        return -ENOMEM;
    buffer_text(out, text);
    free(text);
    buffer_text(out, "\n");
    return out->fault;
}

static int line(struct writing *writing, const char *kind, json_t *json)
{
    struct buffer *out = &writing->request->reply.body;
    size_t at = 0;

    int r = append(out, kind, json, &at);
    if (r == 0)
        r = kind_begin(writing, kind);
    if (r != 0)
        return r;
    writing->lines++;
    return writing->crypto->sha256_update(writing->crypto->context, &writing->hash,
                                          bytes_view(out->data + at, out->size - at));
}

static int write_policy(void *context, const struct policy *policy)
{
    return line(context, "policy",
                json_pack("{s:I,s:o,s:I,s:I,s:o,s:o,s:o}", "id", (json_int_t)policy->id, "sensor",
                          json_words(policy->sensor), "version", (json_int_t)policy->version, "epoch_ms",
                          (json_int_t)policy->epoch_ms, "mechanism", json_words(policy->mechanism), "reading",
                          loss_json(&policy->reading), "document", json_hex(policy->document, policy->document_size)));
}

/* [slot, ueps, nrho, delta, impure] of each device that lost anything. */
static json_t *lost_json(const struct ledger_row *row)
{
    json_t *list = json_array();

    for (unsigned i = 0; list != NULL && i < 64; i++) {
        const struct loss *loss = &row->lost[i];
        if (loss->nrho == 0 && loss->ueps == 0)
            continue;
        json_t *cell = json_pack("[i,I,I,I,b]", (int)i, (json_int_t)loss->ueps, (json_int_t)loss->nrho,
                                 (json_int_t)loss->delta, loss->impure);
        if (json_array_append_new(list, cell) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static json_t *members_json(const struct cohort *cohort)
{
    json_t *list = json_array();
    char bits[24];

    for (size_t i = 0; list != NULL && i < cohort->member_count; i++) {
        snprintf(bits, sizeof(bits), "%016llx", (unsigned long long)cohort->members[i].devices);
        if (json_array_append_new(list, json_pack("[I,s]", (json_int_t)cohort->members[i].chunk, bits)) != 0) {
            json_decref(list);
            list = NULL;
        }
    }
    return list;
}

static int write_row(void *context, enum ledger_rows which, const struct ledger_row *row, const struct cohort *cohort)
{
    const json_int_t epoch = row->epoch, tenant = row->tenant_id, chunk = row->chunk;

    switch (which) {
    case LEDGER_FILTER_CAPS:
        return line(context, "filter_cap", json_pack("{s:I,s:o}", "epoch", epoch, "cap", caps_json(&row->cap)));
    case LEDGER_TERMS:
        return line(context, "terms",
                    json_pack("{s:I,s:I,s:o,s:o,s:I}", "tenant_id", tenant, "from_epoch", epoch, "cap",
                              caps_json(&row->cap), "reserve", loss_json(&row->spent), "unlock_ppm",
                              (json_int_t)row->unlock_ppm));
    case LEDGER_BUDGETS:
        return line(context, "budget",
                    json_pack("{s:I,s:I,s:o,s:o}", "tenant_id", tenant, "epoch", epoch, "cap", caps_json(&row->cap),
                              "spent", loss_json(&row->spent)));
    case LEDGER_COHORTS:
        return line(context, "cohort",
                    json_pack("{s:I,s:I,s:o}", "id", (json_int_t)row->after, "devices", (json_int_t)row->devices,
                              "members", members_json(cohort)));
    case LEDGER_FILTERS:
        return line(context, "filter",
                    json_pack("{s:I,s:I,s:o}", "epoch", epoch, "chunk", chunk, "lost", lost_json(row)));
    case LEDGER_ODOMETERS:
        return line(context, "odometer", json_pack("{s:I,s:o}", "chunk", chunk, "lost", lost_json(row)));
    }
    return -EINVAL;
}

static int write_charge(void *context, const struct ledger_charge *charge)
{
    return line(context, "charge",
                json_pack("{s:I,s:s,s:I,s:I,s:I,s:I,s:I,s:o}", "id", (json_int_t)charge->id, "cause", charge->cause,
                          "cause_id", (json_int_t)charge->cause_id, "tenant_id", (json_int_t)charge->tenant_id,
                          "device_id", (json_int_t)charge->device_id, "cohort_id", (json_int_t)charge->cohort_id,
                          "epoch", (json_int_t)charge->epoch, "loss", loss_json(&charge->loss)));
}

/* A long answer by its digest alone: an export has room for many releases, and whoever has the answer can compare. */
static int write_release(void *context, const struct release *release)
{
    struct writing *writing = context;
    const bool is_long = release->answer_size >= sizeof(release->answer);
    uint8_t digest[DIGEST_SIZE];
    struct buffer answer;

    buffer_init(&answer, RELEASE_ANSWER_MAX);
    int r = release_answer_append(writing->request->core, release, &answer);
    if (r == 0)
        r = writing->crypto->sha256(writing->crypto->context, buffer_view(&answer), digest);
    if (r == 0)
        r = line(writing, "release",
                 json_pack(
                     "{s:I,s:o,s:I,s:o,s:o,s:o,s:o,s:o,s:I,s:I,s:I,s:o,s:o,s:I,s:o}", "id", (json_int_t)release->id,
                     "request", json_words(release->request), "tenant_id", (json_int_t)release->tenant_id, "query",
                     json_words(release->query), "sensor", json_words(release->sensor), "selector",
                     json_words(release->selector), "parameters", json_words(release->parameters), "mechanism",
                     json_words(release->mechanism), "policy_version", (json_int_t)release->policy_version, "devices",
                     (json_int_t)release->cohort, "created_ms", (json_int_t)release->created_ms, "loss",
                     loss_json(&release->loss), "answer", is_long ? json_null() : json_words((const char *)answer.data),
                     "answer_size", (json_int_t)answer.size, "answer_sha256", json_hex(digest, sizeof(digest))));
    buffer_deinit(&answer);
    return r;
}

/* Texts of an entry are what its hash covers. One that is no UTF-8 would not read back as it was: a fault, not a lie.
 */
static int write_entry(void *context, const struct audit_entry *entry)
{
    return line(context, "audit",
                json_pack("{s:I,s:I,s:s,s:s,s:s,s:I,s:s,s:o,s:o}", "sequence", (json_int_t)entry->sequence, "at_ms",
                          (json_int_t)entry->at_ms, "actor", entry->actor, "action", entry->action, "subject",
                          entry->subject, "tenant_id", (json_int_t)entry->tenant_id, "detail", entry->detail,
                          "previous", json_hex(entry->previous, sizeof(entry->previous)), "hash",
                          json_hex(entry->hash, sizeof(entry->hash))));
}

static int write_signature(struct writing *writing, struct why *why)
{
    struct request *request = writing->request;
    struct buffer *out = &request->reply.body;
    struct core *core = request->core;
    uint8_t signature[SIGNED_SIZE_MAX];
    size_t size = 0, at = 0, ignored = 0;

    int r = kind_end(writing);
    if (r == 0)
        r = append(out, "statement",
                   json_pack("{s:s,s:I,s:I,s:O}", "of", "ledger", "at_ms", (json_int_t)clock_now_ms(core->clock),
                             "epoch_ms", (json_int_t)core->settings.epoch_ms, "lines", writing->kinds),
                   &at);
    if (r == 0)
        r = ledger_export_sign(core, &request->caller, bytes_view(out->data + at, out->size - at - 1), signature,
                               sizeof(signature), &size, why);
    return r != 0 ? r : append(out, "signature", json_pack("{s:o}", "cose_sign1", json_hex(signature, size)), &ignored);
}

int ledger_export_show(struct request *request, struct why *why)
{
    struct writing writing = { .request = request, .crypto = request->core->crypto, .kinds = json_array() };
    const struct ledger_exporter exporter = { &writing,     write_policy,  write_row,
                                              write_charge, write_release, write_entry };

    buffer_init(&request->reply.body, EXPORT_SIZE_MAX);
    int r = ledger_export(request->core, &request->caller, &exporter, why);
    if (r == 0)
        r = write_signature(&writing, why);
    json_decref(writing.kinds);
    if (r == -E2BIG)
        return refuse(why, REFUSED_CONFLICT, "ledger", "take a copy of the database: tinypartd --check-ledger",
                      "the ledger is larger than the %d MiB of an export", EXPORT_SIZE_MAX >> 20);
    if (r != 0)
        return r;
    request->reply.status = 200;
    request->reply.type = "application/jsonl";
    return 0;
}
