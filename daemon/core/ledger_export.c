#include "daemon/core/ledger_export.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/base/statement.h"
#include "daemon/core/access.h"
#include "device_proto/cose.h"

#define ROWS 100 /* at once: some are large */

struct walk {
    struct core *core;
    const struct ledger_exporter *exporter;
    enum ledger_rows which;
    int64_t last;
    unsigned in_page;
};

static void passed(struct walk *walk, int64_t last)
{
    walk->last = last;
    walk->in_page++;
}

static int policy_pass(void *context, const struct policy *policy)
{
    struct walk *walk = context;

    passed(walk, policy->id);
    return walk->exporter->policy(walk->exporter->context, policy);
}

static int row_pass(void *context, const struct ledger_row *row)
{
    struct walk *walk = context;
    const struct ledger_exporter *exporter = walk->exporter;
    struct cohort cohort = { 0 };

    passed(walk, row->after);
    if (walk->which != LEDGER_COHORTS)
        return exporter->row(exporter->context, walk->which, row, NULL);
    int r = walk->core->store->cohort_read(walk->core->store, row->after, &cohort);
    if (r == 0)
        r = exporter->row(exporter->context, walk->which, row, &cohort);
    free(cohort.members);
    return r;
}

static int charge_pass(void *context, const struct ledger_charge *charge)
{
    struct walk *walk = context;

    passed(walk, charge->id);
    return walk->exporter->charge(walk->exporter->context, charge);
}

static int release_pass(void *context, const struct release *release)
{
    struct walk *walk = context;

    passed(walk, release->id);
    return walk->exporter->release(walk->exporter->context, release);
}

static int entry_pass(void *context, const struct audit_entry *entry)
{
    struct walk *walk = context;

    passed(walk, entry->sequence);
    return walk->exporter->entry(walk->exporter->context, entry);
}

static int policy_page(struct walk *walk, struct page page)
{
    return walk->core->store->policy_each(walk->core->store, page, policy_pass, walk);
}

static int row_page(struct walk *walk, struct page page)
{
    return walk->core->store->ledger_row_each(walk->core->store, walk->which, page, row_pass, walk);
}

static int charge_page(struct walk *walk, struct page page)
{
    return walk->core->store->charge_each(walk->core->store, page, charge_pass, walk);
}

static int release_page(struct walk *walk, struct page page)
{
    return walk->core->store->release_each(walk->core->store, 0, page, release_pass, walk);
}

static int entry_page(struct walk *walk, struct page page)
{
    return walk->core->store->audit_each(walk->core->store, 0, page, entry_pass, walk);
}

static int pages(struct walk *walk, int (*read)(struct walk *walk, struct page page))
{
    int r;

    walk->last = 0;
    do {
        walk->in_page = 0;
        r = read(walk, (struct page){ walk->last, ROWS });
    } while (r == 0 && walk->in_page == ROWS);
    return r;
}

int ledger_export(struct core *core, const struct caller *caller, const struct ledger_exporter *exporter,
                  struct why *why)
{
    struct walk walk = { .core = core, .exporter = exporter };

    int r = access_check(caller, CAN_AUDIT, why);
    if (r == 0)
        r = pages(&walk, policy_page);
    for (unsigned i = LEDGER_FILTER_CAPS; r == 0 && i <= LEDGER_ODOMETERS; i++) {
        walk.which = (enum ledger_rows)i;
        r = pages(&walk, row_page);
    }
    if (r == 0)
        r = pages(&walk, charge_page);
    if (r == 0)
        r = pages(&walk, release_page);
    return r != 0 ? r : pages(&walk, entry_page);
}

int ledger_export_sign(struct core *core, const struct caller *caller, struct bytes statement, uint8_t *out,
                       size_t capacity, size_t *out_size, struct why *why)
{
    uint8_t scratch[STATEMENT_SIZE_MAX + COSE_SIG_STRUCTURE_OVERHEAD + sizeof(STATEMENT_AAD) + 16];
    struct cose_order order = {
        .tagged = true, .detached = true, .payload = statement, .external_aad = bytes_of_text(STATEMENT_AAD)
    };

    int r = access_check(caller, CAN_AUDIT, why);
    if (r != 0)
        return r;
    if (core->maintainer == NULL)
        return refuse(why, REFUSED_CONFLICT, "key", "set keys.manifest_key and start again",
                      "there is no key to sign an export with");
    order.algorithm = cose_algorithm_of(core->maintainer->key.type);
    r = cose_sign1_write(&order, core->maintainer, scratch, sizeof(scratch), out, capacity, out_size);
    return r > 0 ? -E2BIG : r;
}
