/* ledger_export.h - an export of the ledger, held against its signature and counted again, far from any daemon. */
#ifndef TINYPART_CLI_LEDGER_EXPORT_H
#define TINYPART_CLI_LEDGER_EXPORT_H

#include <jansson.h>

#include "daemon/base/refusal.h"
#include "device_proto/crypto.h"

#define EXPORT_FILE_MAX (64u << 20)

/* Checks the signature under a file of JSON lines (base/statement.h) and that each kind's lines are what was signed.
 * *out_statement is the caller's to decref. 0, REFUSED_FORBIDDEN or REFUSED_INVALID with words, or a fault. */
int export_check(struct bytes file, const struct public_key *key, json_t **out_statement, struct why *why);
/* Counts every filter, budget and odometer again from the charges; holds releases against their charges, those that
 * cost nothing against one that was charged for their series, filters against their epoch's cap, and walks the record's
 * chain. *out_verdict as GET /v1/privacy/ledger/verify has it, which
 * says too where something differs. 0 or a fault. */
int export_count(struct bytes file, json_t **out_verdict);
/* The signature's two lines under lines of one kind: text is theirs, newlines included; the caller frees *out. */
int export_sign(const char *text, const char *kind, const char *of, const struct proto_signer *signer, char **out,
                struct why *why);

#endif
