/* check_ledger.h - tinypartd --check-ledger. */
#ifndef TINYPART_CHECK_LEDGER_H
#define TINYPART_CHECK_LEDGER_H

struct clock;

/* The same count as GET /v1/privacy/ledger/verify, on a file that no daemon has open. Says on stdout what was counted,
 * on stderr what does not fit; gives an exit code. */
int check_ledger(const char *path, const struct clock *clock);

#endif
