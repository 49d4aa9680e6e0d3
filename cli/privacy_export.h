/* privacy_export.h - the commands that take the ledger elsewhere, and believe what comes back only by its signature. */
#ifndef TINYPART_CLI_PRIVACY_EXPORT_H
#define TINYPART_CLI_PRIVACY_EXPORT_H

#include <jansson.h>

#include "cli/command.h"

int privacy_export(struct call *call);
/* Of --file, by --key. Prints the verdict with these columns. */
struct column;
int privacy_verify_file(struct call *call, const struct column *columns);
/* Where --sign is given: the report and its signature into --out. An exit code. */
int privacy_sign_report(struct call *call, const json_t *report);

#endif
