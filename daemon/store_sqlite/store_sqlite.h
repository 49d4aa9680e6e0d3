/* store_sqlite.h - ports/store.h on SQLite: one file, one connection, one process.
 * The file is opened in exclusive mode, so that a second daemon on it is refused at once, by SQLite's own lock. */
#ifndef TINYPART_STORE_SQLITE_H
#define TINYPART_STORE_SQLITE_H

#include "daemon/base/refusal.h"
#include "daemon/core/ports/store.h"

/* Opens the registry and ledger in path, made with mode 0600 if missing (its directory must exist), or a fresh one in
 * memory for ":memory:". Applies the migrations that the file lacks. *out is closed with out->close(out).
 * REFUSED_CONFLICT, with words: another process has it open; it is not tinypart's; it was made by a newer program, or
 * with another text of an old migration. Faults: -errno, with words as well. */
int store_sqlite_open(const char *path, struct store **out, struct why *why);

#endif
