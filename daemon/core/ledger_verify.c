#include "daemon/core/ledger_verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/text.h"
#include "daemon/core/access.h"

struct held {
    struct core *core;
    struct ledger_verdict *verdict;
    struct release *release; /* the last one that was looked up: large, so on the heap */
    struct release *payer;   /* the same of those that others say they were paid by */
    int64_t last;
    unsigned in_page;
};

static int apart(struct held *held, int64_t release_id, const char *what)
{
    return refuse(&held->verdict->why, REFUSED_CONFLICT, "ledger", "compare with a backup or an export",
                  "release %lld %s", (long long)release_id, what);
}

static int release_look(struct held *held, int64_t id)
{
    if (held->release->id == id)
        return 0;
    int r = held->core->store->release_by_id(held->core->store, 0, id, held->release);
    return r == REFUSED_UNKNOWN ? apart(held, id, "was charged, and is not there") : r;
}

static int charge_hold(void *context, const struct ledger_charge *charge)
{
    struct held *held = context;

    held->in_page++;
    held->last = charge->id;
    if (strcmp(charge->cause, "release") != 0)
        return 0;
    int r = release_look(held, charge->cause_id);
    if (r != 0)
        return r;
    const struct loss *said = &held->release->loss;
    if (said->ueps != charge->loss.ueps || said->nrho != charge->loss.nrho || said->delta != charge->loss.delta ||
        said->impure != charge->loss.impure)
        return apart(held, charge->cause_id, "was charged another loss than it says");
    return 0;
}

static bool is_same_series(const struct release *payer, const struct release *release)
{
    return payer->tenant_id == release->tenant_id && payer->from_ms == release->from_ms &&
           payer->policy_version == release->policy_version && strcmp(payer->query, release->query) == 0 &&
           strcmp(payer->sensor, release->sensor) == 0 && strcmp(payer->selector, release->selector) == 0 &&
           strcmp(payer->parameters, release->parameters) == 0 && strcmp(payer->mechanism, release->mechanism) == 0;
}

/* What costs nothing is a running count, of a series that an earlier release was charged for. */
static int free_hold(struct held *held)
{
    const struct release *release = held->release;
    const int64_t id = release_paid_by(release);

    if (release->loss.nrho != 0)
        return 0;
    if (id <= 0 || id >= release->id)
        return apart(held, release->id, "cost nothing, and nothing before it paid for it");
    int r = held->payer->id == id ? 0 : held->core->store->release_by_id(held->core->store, 0, id, held->payer);
    if (r < 0)
        return r;
    if (r != 0 || held->payer->loss.nrho == 0 || !is_same_series(held->payer, release))
        return apart(held, release->id, "cost nothing, and is not of the series that it says was paid");
    return 0;
}

/* An entry of a release says its request and its loss; older ones, of epsilon alone. */
static int entry_hold(void *context, const struct audit_entry *entry)
{
    struct held *held = context;
    char epsilon[32], wanted[64];
    int64_t id;

    held->in_page++;
    held->last = entry->sequence;
    if (strcmp(entry->action, "release.create") != 0)
        return 0;
    if (strncmp(entry->subject, "release:", 8) != 0 || integer_parse(entry->subject + 8, 1, INT64_MAX, &id) != 0)
        return 0;
    int r = release_look(held, id);
    if (r != 0)
        return r;
    r = free_hold(held);
    if (r != 0)
        return r;
    fixed_format(held->release->loss.ueps, 6, epsilon);
    snprintf(wanted, sizeof(wanted), "\"epsilon\":\"%s\"", epsilon);
    if (!held->release->loss.impure && strstr(entry->detail, wanted) == NULL)
        return apart(held, id, "has another epsilon on record than it says");
    held->verdict->releases++;
    return 0;
}

static int charges_hold(struct held *held)
{
    int r = 0;

    do {
        struct page page = { held->last, PAGE_MAX };
        held->in_page = 0;
        r = held->core->store->charge_each(held->core->store, page, charge_hold, held);
    } while (r == 0 && held->in_page == PAGE_MAX);
    return r;
}

static int entries_hold(struct held *held)
{
    int r = 0;

    held->last = 0;
    do {
        struct page page = { held->last, PAGE_MAX };
        held->in_page = 0;
        r = held->core->store->audit_each(held->core->store, 0, page, entry_hold, held);
    } while (r == 0 && held->in_page == PAGE_MAX);
    return r;
}

static int count_release(void *context, const struct release *release)
{
    struct held *held = context;

    held->in_page++;
    held->last = release->id;
    held->verdict->releases--;
    return 0;
}

/* As many releases as entries of them. */
static int releases_hold(struct held *held)
{
    const int64_t recorded = held->verdict->releases;
    int r = 0;

    held->last = 0;
    do {
        struct page page = { held->last, PAGE_MAX };
        held->in_page = 0;
        r = held->core->store->release_each(held->core->store, 0, page, count_release, held);
    } while (r == 0 && held->in_page == PAGE_MAX);
    if (r == 0 && held->verdict->releases != 0)
        r = apart(held, held->last, "or one before it is not on record just once");
    held->verdict->releases = recorded;
    return r;
}

static int all_hold(struct core *core, const struct caller *caller, struct ledger_verdict *verdict, struct why *why)
{
    struct held held = { .core = core, .verdict = verdict };

    int r = audit_verify(core, caller, &verdict->audit, why);
    if (r != 0)
        return r;
    r = core->store->ledger_recount(core->store, &verdict->count, &verdict->why);
    if (r != 0)
        return r;
    held.release = calloc(2, sizeof(*held.release));
    if (held.release == NULL)
        return -ENOMEM;
    held.payer = held.release + 1;
    r = charges_hold(&held);
    if (r == 0)
        r = entries_hold(&held);
    if (r == 0)
        r = releases_hold(&held);
    free(held.release);
    return r;
}

int ledger_verify(struct core *core, const struct caller *caller, struct ledger_verdict *out, struct why *why)
{
    struct ledger_verdict verdict = { 0 };

    int r = access_check(caller, CAN_AUDIT, why);
    if (r == 0)
        r = all_hold(core, caller, &verdict, why);
    if (r < 0 || (r > 0 && verdict.why.what[0] == '\0'))
        return r;
    verdict.holds = r == 0 && verdict.audit.broken_at == 0;
    if (r == 0 && verdict.audit.broken_at != 0)
        verdict.why = verdict.audit.why;
    *out = verdict;
    return 0;
}
