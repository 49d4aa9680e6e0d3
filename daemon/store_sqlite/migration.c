/* migration.c - brings a file up to date, and refuses one that this program cannot vouch for.
 * A migration that was applied is never edited, only followed by another: its text's hash is kept in the file and
 * compared at each start, so an edited one is found before it has misled anybody. */
#include "daemon/store_sqlite/migration.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/store_sqlite/statement.h"

#define APPLICATION_ID 0x54504152 /* "TPAR", as in 0001_registry.sql */

static int fault_in_words(sqlite3 *db, struct why *why, const char *doing)
{
    int r = sqlite_result(db, sqlite3_errcode(db));

    refuse(why, REFUSED_CONFLICT, "database", NULL, "%s: %s", doing, sqlite3_errmsg(db));
    return r < 0 ? r : -EIO;
}

static int pragma_int(sqlite3 *db, const char *sql, int *out)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW ? 0 : sqlite_result(db, rc) < 0 ? sqlite_result(db, rc) : -EIO;
}

/* Migrations that make a table anew drop the old one, which would take what refers to its rows along: foreign keys are
 * off meanwhile (inside a transaction that setting has no effect), and every row's are checked before the commit. */
static int foreign_keys_are_whole(sqlite3 *db)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA foreign_key_check", -1, &stmt, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    sqlite3_finalize(stmt);
    return rc == SQLITE_DONE ? SQLITE_OK : rc == SQLITE_ROW ? SQLITE_CONSTRAINT_FOREIGNKEY : rc;
}

int migration_check_owner(sqlite3 *db, struct why *why)
{
    int owner = 0, objects = 0, version = 0, r;

    r = pragma_int(db, "PRAGMA application_id", &owner);
    if (r == 0)
        r = pragma_int(db, "SELECT count(*) FROM sqlite_schema", &objects);
    if (r == 0)
        r = pragma_int(db, "PRAGMA user_version", &version);
    if (r != 0)
        return r;
    if (owner != APPLICATION_ID && (owner != 0 || objects != 0))
        return refuse(why, REFUSED_CONFLICT, "database", "give the path of a new file, or of a tinypart database",
                      "this file is an SQLite database of another program (application id 0x%08x)", (unsigned)owner);
    if (version > (int)migration_count)
        return refuse(
            why, REFUSED_CONFLICT, "database", "install the newer tinypart, or restore a backup made before it",
            "this database is at schema version %d; this program knows versions up to %zu", version, migration_count);
    return 0;
}

/* The hash on record for a version: 0 with "" when it was not applied. */
static int recorded_hash(sqlite3 *db, int version, char out[65])
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, "SELECT sha256 FROM schema_migration WHERE version = ?1", -1, &stmt, NULL);

    out[0] = '\0';
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int(stmt, 1, version);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW)
        snprintf(out, 65, "%s", (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -EIO;
}

static int apply_one(sqlite3 *db, const struct migration *migration, struct why *why)
{
    char record[256];
    char doing[96];
    int rc, r;

    snprintf(record, sizeof record,
             "INSERT INTO schema_migration (version, name, sha256) VALUES (%d, '%s', '%s'); PRAGMA user_version = %d;",
             migration->version, migration->name, migration->sha256, migration->version);
    rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, migration->sql, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, record, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = foreign_keys_are_whole(db);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        return 0;
    snprintf(doing, sizeof doing, "migration %s", migration->name);
    if (rc == SQLITE_CONSTRAINT_FOREIGNKEY) {
        refuse(why, REFUSED_CONFLICT, "database", NULL, "%s: a row refers to one that is not there", doing);
        r = -EIO;
    } else {
        r = fault_in_words(db, why, doing);
    }
    if (!sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return r;
}

static int apply_all(sqlite3 *db, const struct migration *list, size_t count, int applied, struct why *why)
{
    char hash[65];
    int r = 0;

    for (size_t i = 0; r == 0 && i < count; i++) {
        if (list[i].version > applied) {
            r = apply_one(db, &list[i], why);
            continue;
        }
        r = recorded_hash(db, list[i].version, hash);
        if (r != 0)
            return fault_in_words(db, why, "reading which migrations were applied");
        if (strcmp(hash, list[i].sha256) != 0)
            return refuse(why, REFUSED_CONFLICT, "database", "run the program that made this database, or one after it",
                          "migration %s was applied with another text (its SHA-256 was %.16s..., here %.16s...)",
                          list[i].name, hash[0] != '\0' ? hash : "not recorded", list[i].sha256);
    }
    return r;
}

int migration_apply(sqlite3 *db, const struct migration *list, size_t count, struct why *why)
{
    int applied = 0, enforced = 0;

    int r = pragma_int(db, "PRAGMA user_version", &applied);
    if (r == 0)
        r = pragma_int(db, "PRAGMA foreign_keys", &enforced);
    if (r == 0 && sqlite3_exec(db, "PRAGMA foreign_keys = OFF", NULL, NULL, NULL) != SQLITE_OK)
        r = fault_in_words(db, why, "before the migrations");
    if (r == 0)
        r = apply_all(db, list, count, applied, why);
    if (enforced != 0 && sqlite3_exec(db, "PRAGMA foreign_keys = ON", NULL, NULL, NULL) != SQLITE_OK && r == 0)
        r = fault_in_words(db, why, "after the migrations");
    return r;
}
