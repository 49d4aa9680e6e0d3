/* ledger_verify.h - the ledger counted again, and held against the releases and the record, for auditors. */
#ifndef TINYPART_CORE_LEDGER_VERIFY_H
#define TINYPART_CORE_LEDGER_VERIFY_H

#include "daemon/core/audit.h"
#include "daemon/core/core.h"
#include "daemon/core/ports/store.h"

struct caller;

struct ledger_verdict {
    bool holds;
    struct ledger_count count;
    int64_t releases;           /* of which charge, release and entry on record say the same */
    struct audit_verdict audit; /* of the chain */
    struct why why;             /* what does not fit */
};

/* Recounts every filter, budget and odometer from the charges; checks that each release's charges are what the release
 * says, that one that cost nothing is of a series that was paid, and that the chain of the record holds and has an
 * entry that says so too. Takes as long as the ledger is large. 0 when all could be read: whether it holds says the
 * verdict. */
int ledger_verify(struct core *core, const struct caller *caller, struct ledger_verdict *out, struct why *why);

#endif
