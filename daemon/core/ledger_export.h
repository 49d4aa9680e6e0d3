/* ledger_export.h - the whole ledger, row by row, and the signature under it, for auditors elsewhere. */
#ifndef TINYPART_CORE_LEDGER_EXPORT_H
#define TINYPART_CORE_LEDGER_EXPORT_H

#include "daemon/core/core.h"
#include "daemon/core/policy.h"
#include "daemon/core/ports/store.h"

struct caller;

/* What is made of the rows; each gives 0, or what ends the export. In this order: policies, then the rows of each kind
 * as enum ledger_rows has them (a cohort comes with its members), charges, releases, the record. */
struct ledger_exporter {
    void *context;
    int (*policy)(void *context, const struct policy *policy);
    int (*row)(void *context, enum ledger_rows which, const struct ledger_row *row, const struct cohort *cohort);
    int (*charge)(void *context, const struct ledger_charge *charge);
    int (*release)(void *context, const struct release *release);
    int (*entry)(void *context, const struct audit_entry *entry);
};

/* Takes as long as the ledger is large; nothing is charged meanwhile, so all rows are of one moment. */
int ledger_export(struct core *core, const struct caller *caller, const struct ledger_exporter *exporter,
                  struct why *why);
/* A COSE_Sign1 with detached payload over a statement (base/statement.h), by the maintainer's key. REFUSED_CONFLICT:
 * there is none. */
int ledger_export_sign(struct core *core, const struct caller *caller, struct bytes statement, uint8_t *out,
                       size_t capacity, size_t *out_size, struct why *why);

#endif
