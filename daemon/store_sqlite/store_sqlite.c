/* store_sqlite.c - the file itself: opened, owned, begun, committed, checked.
 * One connection does everything, in exclusive locking mode: SQLite then holds the file's lock until it is closed, so a
 * second process is refused and needs no side file that could be left behind; the write-ahead log's index lives in this
 * process' memory (no -shm file); and the log is reset by this connection alone, which keeps clear of the fault that
 * SQLite before 3.51.3 has when two connections reset it at once. What it costs: nobody else reads the file meanwhile.
 * synchronous=FULL: in WAL mode anything less may lose the newest commits on a power cut, and with them what was spent.
 * secure_delete: a raw reading whose retention has passed is overwritten, not merely forgotten. */
#include "daemon/store_sqlite/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/store_sqlite/cells.h"
#include "daemon/store_sqlite/migration.h"
#include "daemon/store_sqlite/statement.h"
#include "daemon/store_sqlite/verbs.h"

enum { BEGIN, COMMIT, ROLLBACK, PART, PART_KEEP, PART_UNDO, INTEGRITY, REFERENCES };
static const struct statements statements = {
    DOMAIN_SESSION,
    {
        [BEGIN] = "BEGIN IMMEDIATE",
        [COMMIT] = "COMMIT",
        [ROLLBACK] = "ROLLBACK",
        [PART] = "SAVEPOINT part",
        [PART_KEEP] = "RELEASE part",
        [PART_UNDO] = "ROLLBACK TO part",
        [INTEGRITY] = "PRAGMA integrity_check(1)" /* as a table-valued function, SQLite 3.46 takes the 1 for a table */,
        [REFERENCES] = "SELECT \"table\" || ' row ' || coalesce(rowid, '?') || ' refers to a missing ' || parent"
                       " FROM pragma_foreign_key_check LIMIT 1",
    },
};

static int run(struct store *store, unsigned which)
{
    struct query query;

    query_open(&query, store, &statements, which);
    return query_run(&query);
}

static bool has_begun(struct store *store)
{
    return !sqlite3_get_autocommit(store_sqlite_of(store)->db);
}

/* ---- a group: SQLite's one transaction, a savepoint for each of the port's ---- */

static int part_begin(struct store *store)
{
    struct store_sqlite *self = store_sqlite_of(store);
    int r = 0;

    if (self->in_part)
        return -EALREADY;
    if (self->group == GROUP_OPEN && !has_begun(store))
        return -EIO; /* SQLite rolled all of it back by itself: what was answered is no longer there */
    if (self->group == GROUP_EMPTY)
        r = run(store, BEGIN);
    if (r != 0)
        return r;
    self->group = GROUP_OPEN;
    r = run(store, PART);
    self->in_part = r == 0;
    return r;
}

static void part_rollback(struct store *store)
{
    struct store_sqlite *self = store_sqlite_of(store);

    if (in_transaction(store)) {
        run(store, PART_UNDO);
        run(store, PART_KEEP);
    }
    self->in_part = false;
    self->spoilt = false;
}

static int part_commit(struct store *store)
{
    struct store_sqlite *self = store_sqlite_of(store);

    if (!in_transaction(store))
        return -EPERM;
    if (self->spoilt) {
        part_rollback(store);
        return -EIO;
    }
    int r = run(store, PART_KEEP);
    self->in_part = false;
    return r;
}

static int store_group_begin(struct store *store)
{
    struct store_sqlite *self = store_sqlite_of(store);

    if (self->group != GROUP_NONE || has_begun(store))
        return -EALREADY;
    self->group = GROUP_EMPTY;
    return 0;
}

static int store_group_end(struct store *store)
{
    struct store_sqlite *self = store_sqlite_of(store);
    bool is_open = self->group == GROUP_OPEN;
    int r = 0;

    if (self->group == GROUP_NONE)
        return -EPERM;
    part_rollback(store);
    self->group = GROUP_NONE;
    if (is_open)
        r = has_begun(store) ? run(store, COMMIT) : -EIO;
    if (r != 0 && has_begun(store))
        run(store, ROLLBACK);
    return r;
}

static bool store_group_waits(struct store *store)
{
    return store_sqlite_of(store)->group == GROUP_OPEN;
}

/* ---- transactions ---- */

static int store_begin(struct store *store)
{
    if (store_sqlite_of(store)->group != GROUP_NONE)
        return part_begin(store);
    return has_begun(store) ? -EALREADY : run(store, BEGIN);
}

static void store_rollback(struct store *store)
{
    if (store_sqlite_of(store)->group != GROUP_NONE)
        part_rollback(store);
    else if (has_begun(store))
        run(store, ROLLBACK);
    store_sqlite_of(store)->spoilt = false;
}

static int store_commit(struct store *store)
{
    int r;

    if (store_sqlite_of(store)->group != GROUP_NONE)
        return part_commit(store);
    if (!has_begun(store))
        return -EPERM;
    r = store_sqlite_of(store)->spoilt ? -EIO : run(store, COMMIT);
    if (r != 0)
        store_rollback(store);
    return r;
}

struct sentence {
    char text[320];
};

static void read_sentence(struct query *query, void *out)
{
    struct sentence *sentence = out;

    take_text(query, sentence->text, sizeof sentence->text);
}

static int store_check(struct store *store, struct why *why)
{
    struct sentence sentence = { "" };
    struct query query;
    int r;

    query_open(&query, store, &statements, INTEGRITY);
    r = query_one(&query, read_sentence, &sentence, sizeof sentence);
    if (r == 0 && strcmp(sentence.text, "ok") == 0) {
        query_open(&query, store, &statements, REFERENCES);
        r = query_one(&query, read_sentence, &sentence, sizeof sentence);
        if (r == REFUSED_UNKNOWN)
            return 0;
    }
    if (r == -EUCLEAN)
        strcpy(sentence.text, "the file is damaged");
    else if (r != 0)
        return r;
    return refuse(why, REFUSED_CONFLICT, "database", "stop the daemon, keep a copy of the file, restore a backup",
                  "the database is broken: %s", sentence.text);
}

static void store_close(struct store *store)
{
    struct store_sqlite *self = store_sqlite_of(store);

    if (store == NULL)
        return;
    for (size_t i = 0; i < DOMAINS; i++)
        for (size_t j = 0; j < STATEMENTS_MAX; j++)
            sqlite3_finalize(self->kept[i][j]);
    sqlite3_close_v2(self->db);
    free(self);
}

static void set_verbs(struct store *verbs)
{
    verbs->close = store_close;
    verbs->begin = store_begin;
    verbs->commit = store_commit;
    verbs->rollback = store_rollback;
    verbs->group_begin = store_group_begin;
    verbs->group_end = store_group_end;
    verbs->group_waits = store_group_waits;
    verbs->check = store_check;
    store_tenant_verbs(verbs);
    store_profile_verbs(verbs);
    store_device_verbs(verbs);
    store_directory_verbs(verbs);
    store_slot_verbs(verbs);
    store_grant_verbs(verbs);
    store_image_verbs(verbs);
    store_rollout_verbs(verbs);
    store_step_verbs(verbs);
    store_fetch_verbs(verbs);
    store_policy_verbs(verbs);
    store_ledger_verbs(verbs);
    store_reading_verbs(verbs);
    store_vector_verbs(verbs);
    store_release_verbs(verbs);
    store_running_verbs(verbs);
    store_schedule_verbs(verbs);
    store_export_verbs(verbs);
    store_audit_verbs(verbs);
}

/* SQLite would make the file by the umask; its log takes the file's mode. An existing file is not opened here: closing
 * that descriptor would drop the locks that this process may hold on it. */
static int create_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd >= 0)
        close(fd);
    return fd >= 0 || errno == EEXIST ? 0 : -errno;
}

static const char *const settings[] = {
    "PRAGMA locking_mode = EXCLUSIVE", /* before the first access, or the log's index would be shared memory */
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = FULL",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA journal_size_limit = 67108864",
};

static int open_database(const char *path, sqlite3 **db)
{
    /* Counting its memory costs SQLite a lock for each piece of it. Only before its first use; later it is refused. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    int rc = sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_db_config(*db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_db_config(*db, SQLITE_DBCONFIG_DQS_DML, 0, (int *)NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_db_config(*db, SQLITE_DBCONFIG_DQS_DDL, 0, (int *)NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_extended_result_codes(*db, 1);
    if (rc == SQLITE_OK)
        rc = cells_register(*db);
    for (size_t i = 0; rc == SQLITE_OK && i < sizeof settings / sizeof settings[0]; i++)
        rc = sqlite3_exec(*db, settings[i], NULL, NULL, NULL);
    return *db == NULL ? -ENOMEM : sqlite_result(*db, rc);
}

/* The log's mode is kept in the file, so it is set only once the file is known to be ours. Taking it takes the lock. */
static int start_log(sqlite3 *db, bool in_memory)
{
    const char *wanted = in_memory ? "memory" : "wal";
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1, &stmt, NULL);
    bool set;

    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    set = rc == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(stmt, 0), wanted) == 0;
    sqlite3_finalize(stmt);
    if (rc != SQLITE_ROW)
        return sqlite_result(db, rc);
    return set ? 0 : -EBUSY;
}

static int prepare_database(struct store_sqlite *self, const char *path, struct why *why)
{
    bool in_memory = strcmp(path, ":memory:") == 0;
    int r = in_memory ? 0 : create_file(path);

    if (r == 0)
        r = open_database(path, &self->db);
    if (r == 0)
        r = migration_check_owner(self->db, why);
    if (r == 0)
        r = start_log(self->db, in_memory);
    if (r == 0)
        r = migration_apply(self->db, migrations, migration_count, why);
    return r;
}

int store_sqlite_open(const char *path, struct store **out, struct why *why)
{
    struct store_sqlite *self = calloc(1, sizeof *self);
    struct why reason = { "", "", "" };
    int r = -ENOMEM;

    if (self != NULL)
        r = prepare_database(self, path, &reason);
    if (r == 0) {
        set_verbs(&self->verbs);
        *out = &self->verbs;
        return 0;
    }
    if (self != NULL)
        store_close(&self->verbs);
    if (r == -EBUSY)
        return refuse(why, REFUSED_CONFLICT, "database", "stop the other tinypartd, or give this one its own database",
                      "%s is in use: another process holds its lock", path);
    if (reason.what[0] == '\0')
        refuse(&reason, REFUSED_CONFLICT, "database", NULL, "%s cannot be opened: %s", path,
               r == -EUCLEAN ? "it is not an SQLite database, or damaged" : strerror(-r));
    if (why != NULL)
        *why = reason;
    return r;
}
