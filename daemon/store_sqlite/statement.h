/* statement.h - one prepared statement's life: opened from its table, bound in order, run, read in order, closed.
 * Faults stick, as in base/buffer.h: put and take as often as you like; what went wrong first is returned by the
 * query_* that ends the query. Every query_run, query_one, query_rows, query_changes closes its query.
 * Statements are prepared once per store and kept. One that is still in use is prepared anew for the moment. */
#ifndef TINYPART_STORE_SQLITE_STATEMENT_H
#define TINYPART_STORE_SQLITE_STATEMENT_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/core/ports/store.h"

enum domain {
    DOMAIN_SESSION,
    DOMAIN_SAVEPOINT,
    DOMAIN_TENANT,
    DOMAIN_PROFILE,
    DOMAIN_DEVICE,
    DOMAIN_DIRECTORY,
    DOMAIN_SLOT,
    DOMAIN_GRANT,
    DOMAIN_IMAGE,
    DOMAIN_ROLLOUT,
    DOMAIN_STEP,
    DOMAIN_FETCH,
    DOMAIN_POLICY,
    DOMAIN_LEDGER,
    DOMAIN_CHARGE_ONE,
    DOMAIN_RECOUNT,
    DOMAIN_LEDGER_ROWS,
    DOMAIN_READING,
    DOMAIN_VECTOR,
    DOMAIN_RELEASE,
    DOMAIN_RUNNING,
    DOMAIN_SCHEDULE,
    DOMAIN_EXPORT,
    DOMAIN_AUDIT,
    DOMAINS
};
#define STATEMENTS_MAX 32 /* of one domain */

/* A domain's statements: its own enum -> SQL text. */
struct statements {
    enum domain domain;
    const char *sql[STATEMENTS_MAX];
};

struct store_sqlite {
    struct store verbs; /* first: a struct store * is this */
    sqlite3 *db;
    sqlite3_stmt *kept[DOMAINS][STATEMENTS_MAX];
    enum { GROUP_NONE, GROUP_EMPTY, GROUP_OPEN } group; /* open: SQLite's transaction has begun */
    bool in_part;                                       /* of a group: a transaction of the port's is open */
    bool spoilt; /* a verb of several writes failed in between: the transaction cannot be committed */
};

static inline struct store_sqlite *store_sqlite_of(struct store *store)
{
    return (struct store_sqlite *)store;
}

/* An enum's words as the file keeps them: index = the enum's value, from 1. They are the file's own: what a person is
 * shown may change, these may not. */
struct words {
    const char *const *names;
    unsigned count; /* index of the last one + 1 */
};

struct query {
    struct store_sqlite *store;
    sqlite3_stmt *stmt;
    bool own; /* prepared for this query only */
    int bound;
    int column;
    int fault;
};

/* A statement that writes, outside a transaction, is the fault -EPERM. */
void query_open(struct query *query, struct store *store, const struct statements *statements, unsigned which);

/* Bind the next parameter. Memory must live until the query is closed. */
void put_int(struct query *query, int64_t value);
void put_u64(struct query *query, uint64_t value); /* beyond int64: -EOVERFLOW */
void put_id(struct query *query, int64_t id);      /* 0: NULL */
void put_text(struct query *query, const char *text);
/* Text from outside that only people read: cut, between characters, to what a field of size bytes holds. */
void put_text_cut(struct query *query, const char *text, size_t size);
void put_bytes(struct query *query, struct bytes bytes);
void put_digest(struct query *query, const uint8_t digest[DIGEST_SIZE]);
void put_word(struct query *query, const struct words *words, unsigned value);
void put_pointer(struct query *query, void *pointer, const char *type); /* for functions of this room; type is static */
void put_page(struct query *query, struct page page); /* after, then limit; a limit out of 1..PAGE_MAX: -EINVAL */

/* Read the next column of the present row. */
int64_t take_int(struct query *query); /* NULL: 0 */
uint64_t take_u64(struct query *query);
unsigned take_unsigned(struct query *query);
bool take_bool(struct query *query);
void take_text(struct query *query, char *out, size_t capacity); /* NULL: "" */
void take_bytes(struct query *query, uint8_t *out, size_t capacity, size_t *out_size);
void take_digest(struct query *query, uint8_t out[DIGEST_SIZE]); /* NULL: zeros */
unsigned take_word(struct query *query, const struct words *words);

/* Ends a query of which no row is read. Refusals: EXISTS (a unique value is taken), UNKNOWN (a row it refers to is
 * missing). */
int query_run(struct query *query);
/* The same, and how many rows it changed. */
int query_changes(struct query *query, int64_t *out);
/* The same; no row changed is the refusal given. */
int query_must_change(struct query *query, int refusal);

#define ROW_SIZE_MAX 16384
typedef void (*row_reader)(struct query *query, void *out);
/* The one row, read into out (size bytes, zeroed first); none: REFUSED_UNKNOWN. */
int query_one(struct query *query, row_reader read, void *out, size_t size);
/* The same for one integer; no row, or NULL: REFUSED_UNKNOWN. */
int query_int(struct query *query, int64_t *out);
/* The same for a row of content and, where out_total is not NULL, its whole size. Content NULL: REFUSED_UNKNOWN; more
 * than capacity: -E2BIG. */
int query_bytes(struct query *query, uint8_t *out, size_t capacity, size_t *out_size, uint64_t *out_total);

/* All rows of a bounded query, copied before the first is handed out: whoever gets a row may read and write anything
 * in the store, even move or delete that very row, without changing what comes next. */
struct rows {
    uint8_t *data;
    size_t size; /* of one row */
    size_t count, capacity;
};
int query_rows(struct query *query, struct rows *rows, size_t size, row_reader read); /* appends */
static inline const void *rows_at(const struct rows *rows, size_t index)
{
    return rows->data + index * rows->size;
}
void rows_deinit(struct rows *rows);
/* Runs the query, then each(context, row) over its rows as struct type; the value is the last each()'s. */
#define QUERY_EACH(query, type, read, each, context)                          \
    ({                                                                        \
        __attribute__((cleanup(rows_deinit))) struct rows rows_ = { 0 };      \
        int r_ = query_rows((query), &rows_, sizeof(struct type), (read));    \
        for (size_t i_ = 0; r_ == 0 && i_ < rows_.count; i_++)                \
            r_ = (each)((context), (const struct type *)rows_at(&rows_, i_)); \
        r_;                                                                   \
    })

/* Whether a transaction of the port's is open: within a group, a part of it. */
bool in_transaction(struct store *store);

/* A verb of several statements: all of it or none, inside the caller's transaction. close gives r back; r other than 0
 * undoes what was done since open. */
int savepoint_open(struct store *store);
int savepoint_close(struct store *store, int r);

/* SQLite's result as a fault or refusal. */
int sqlite_result(sqlite3 *db, int rc);

#endif
