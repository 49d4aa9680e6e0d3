/* migration.h - the schema's history, embedded at build time, and how a file is brought up to date. */
#ifndef TINYPART_STORE_SQLITE_MIGRATION_H
#define TINYPART_STORE_SQLITE_MIGRATION_H

#include <sqlite3.h>
#include <stddef.h>

#include "daemon/base/refusal.h"

struct migration {
    int version;        /* 1, 2, 3, ... */
    const char *name;   /* "0001_registry" */
    const char *sha256; /* of its text, lower-case hex */
    const char *sql;
};
extern const struct migration migrations[];
extern const size_t migration_count;

/* Is this an empty file or tinypart's own, and not of a newer program? 0, REFUSED_CONFLICT with words, or a fault. */
int migration_check_owner(sqlite3 *db, struct why *why);

/* Compares what was applied with the list, then applies what is missing, each migration in its own transaction. The
 * list is a parameter so that tests can bring their own. 0, REFUSED_CONFLICT with words, or a fault. */
int migration_apply(sqlite3 *db, const struct migration *list, size_t count, struct why *why);

#endif
