#include "daemon/check_ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/core/access.h"
#include "daemon/core/ledger_verify.h"
#include "daemon/core/ports/clock.h"
#include "daemon/crypto_openssl/crypto_openssl.h"
#include "daemon/store_sqlite/store_sqlite.h"

int check_ledger(const char *path, const struct clock *clock)
{
    const struct caller auditor = { .name = "tinypartd", .role = ROLE_AUDITOR };
    struct ledger_verdict verdict = { .holds = false };
    struct proto_crypto crypto;
    struct core core = { .clock = clock, .crypto = &crypto };
    struct why why = { "", "", "" };

    crypto_openssl_proto(&crypto);
    int r = access(path, R_OK | W_OK) != 0 ? -errno : store_sqlite_open(path, &core.store, &why);
    if (r == 0)
        r = ledger_verify(&core, &auditor, &verdict, &why);
    if (core.store != NULL)
        core.store->close(core.store);
    if (r != 0) {
        fprintf(stderr, "tinypartd: %s cannot be counted: %s\n", path, why.what[0] != '\0' ? why.what : strerror(-r));
        return EXIT_FAILURE;
    }
    printf("%s: %lld charges, %lld filters, %lld odometers, %lld budgets, %lld releases, %lld entries on record\n",
           verdict.holds ? "holds" : "does not hold", (long long)verdict.count.charges,
           (long long)verdict.count.filters, (long long)verdict.count.odometers, (long long)verdict.count.budgets,
           (long long)verdict.releases, (long long)verdict.audit.entries);
    if (!verdict.holds)
        fprintf(stderr, "tinypartd: %s\n", verdict.why.what);
    return verdict.holds ? EXIT_SUCCESS : EXIT_FAILURE;
}
