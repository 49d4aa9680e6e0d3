/* statement.c - the only file, beside opening and migrating, that knows SQLite's calls.
 * A domain's file reads as: open, put, put, run. What can go wrong is gathered here, so that no domain forgets to look
 * at a bind's or a column's result. */
#include "daemon/store_sqlite/statement.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/text.h"

static int constraint_result(int extended)
{
    switch (extended) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return REFUSED_EXISTS;
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        return REFUSED_UNKNOWN;
    case SQLITE_CONSTRAINT_TRIGGER: /* the schema's own "this is never changed" */
        return -EPERM;
    default:
        return -EINVAL;
    }
}

int sqlite_result(sqlite3 *db, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_CONSTRAINT:
        return constraint_result(sqlite3_extended_errcode(db));
    case SQLITE_NOMEM:
        return -ENOMEM;
    case SQLITE_FULL:
        return -ENOSPC;
    case SQLITE_READONLY:
        return -EROFS;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return -EBUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return -EUCLEAN;
    case SQLITE_TOOBIG:
        return -E2BIG;
    case SQLITE_ERROR: /* the one run-time error that a correct statement can meet is sum()'s */
        return strcmp(sqlite3_errmsg(db), "integer overflow") == 0 ? -EOVERFLOW : -EIO;
    default:
        return -EIO;
    }
}

static void stick(struct query *query, int fault)
{
    if (query->fault == 0)
        query->fault = fault;
}

void query_open(struct query *query, struct store *store, const struct statements *statements, unsigned which)
{
    struct store_sqlite *self = store_sqlite_of(store);
    sqlite3_stmt **kept = &self->kept[statements->domain][which];
    int rc = SQLITE_OK;

    *query = (struct query){ .store = self };
    if (*kept == NULL) {
        rc = sqlite3_prepare_v3(self->db, statements->sql[which], -1, SQLITE_PREPARE_PERSISTENT, kept, NULL);
        query->stmt = *kept;
    } else if (sqlite3_stmt_busy(*kept)) {
        rc = sqlite3_prepare_v2(self->db, statements->sql[which], -1, &query->stmt, NULL);
        query->own = true;
    } else {
        query->stmt = *kept;
    }
    if (rc != SQLITE_OK)
        stick(query, sqlite_result(self->db, rc));
    else if (!sqlite3_stmt_readonly(query->stmt) && !in_transaction(store) &&
             statements->domain != DOMAIN_SESSION) /* "BEGIN IMMEDIATE" writes, to SQLite's mind */
        stick(query, -EPERM);
}

static void query_close(struct query *query)
{
    if (query->own) {
        sqlite3_finalize(query->stmt);
    } else if (query->stmt != NULL) {
        sqlite3_reset(query->stmt);
        sqlite3_clear_bindings(query->stmt); /* the memory behind them is the caller's and goes away now */
    }
    query->stmt = NULL;
}

static void bound(struct query *query, int rc)
{
    if (rc != SQLITE_OK)
        stick(query, rc == SQLITE_NOMEM ? -ENOMEM : rc == SQLITE_TOOBIG ? -E2BIG : -EIO);
}

void put_int(struct query *query, int64_t value)
{
    if (query->fault == 0)
        bound(query, sqlite3_bind_int64(query->stmt, ++query->bound, value));
}

void put_u64(struct query *query, uint64_t value)
{
    if (value > INT64_MAX)
        stick(query, -EOVERFLOW);
    put_int(query, (int64_t)value);
}

void put_id(struct query *query, int64_t id)
{
    if (id != 0)
        put_int(query, id);
    else if (query->fault == 0)
        bound(query, sqlite3_bind_null(query->stmt, ++query->bound));
}

static void put_text_size(struct query *query, const char *text, size_t size)
{
    if (query->fault == 0)
        bound(query, sqlite3_bind_text64(query->stmt, ++query->bound, text, size, SQLITE_STATIC, SQLITE_UTF8));
}

void put_text(struct query *query, const char *text)
{
    put_text_size(query, text, text == NULL ? 0 : strlen(text));
}

void put_text_cut(struct query *query, const char *text, size_t size)
{
    size_t length = text == NULL ? 0 : strlen(text);

    if (length >= size) {
        length = size - 1;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80) /* not within a UTF-8 character */
            length--;
    }
    put_text_size(query, text, length);
}

void put_bytes(struct query *query, struct bytes bytes)
{
    /* A NULL pointer would bind NULL: nothing is an empty blob here. */
    const void *data = bytes.data != NULL ? (const void *)bytes.data : "";

    if (query->fault == 0)
        bound(query, sqlite3_bind_blob64(query->stmt, ++query->bound, data, bytes.size, SQLITE_STATIC));
}

void put_digest(struct query *query, const uint8_t digest[DIGEST_SIZE])
{
    put_bytes(query, bytes_view(digest, DIGEST_SIZE));
}

void put_word(struct query *query, const struct words *words, unsigned value)
{
    if (value == 0 || value >= words->count)
        stick(query, -EINVAL);
    else
        put_text(query, words->names[value]);
}

void put_pointer(struct query *query, void *pointer, const char *type)
{
    if (query->fault == 0)
        bound(query, sqlite3_bind_pointer(query->stmt, ++query->bound, pointer, type, NULL));
}

void put_page(struct query *query, struct page page)
{
    if (page.limit == 0 || page.limit > PAGE_MAX)
        stick(query, -EINVAL);
    put_int(query, page.after);
    put_int(query, page.limit);
}

int64_t take_int(struct query *query)
{
    return sqlite3_column_int64(query->stmt, query->column++);
}

uint64_t take_u64(struct query *query)
{
    int64_t value = take_int(query);

    if (value < 0)
        stick(query, -EUCLEAN);
    return (uint64_t)value;
}

unsigned take_unsigned(struct query *query)
{
    int64_t value = take_int(query);

    if (value < 0 || value > UINT32_MAX)
        stick(query, -EUCLEAN);
    return (unsigned)value;
}

bool take_bool(struct query *query)
{
    return take_int(query) != 0;
}

void take_bytes(struct query *query, uint8_t *out, size_t capacity, size_t *out_size)
{
    int column = query->column++;
    const void *data = sqlite3_column_blob(query->stmt, column);
    size_t size = (size_t)sqlite3_column_bytes(query->stmt, column);

    if (size > capacity) {
        stick(query, -E2BIG);
        return;
    }
    if (size > 0 && data == NULL) {
        stick(query, -ENOMEM);
        return;
    }
    if (size > 0)
        memcpy(out, data, size);
    *out_size = size;
}

void take_text(struct query *query, char *out, size_t capacity)
{
    size_t size = 0;

    take_bytes(query, (uint8_t *)out, capacity - 1, &size);
    out[size] = '\0';
}

void take_digest(struct query *query, uint8_t out[DIGEST_SIZE])
{
    size_t size = 0;

    take_bytes(query, out, DIGEST_SIZE, &size);
    if (size != 0 && size != DIGEST_SIZE)
        stick(query, -EUCLEAN);
}

unsigned take_word(struct query *query, const struct words *words)
{
    const char *text = (const char *)sqlite3_column_text(query->stmt, query->column++);

    if (text == NULL)
        return 0;
    for (unsigned i = 1; i < words->count; i++)
        if (strcmp(text, words->names[i]) == 0)
            return i;
    stick(query, -EUCLEAN);
    return 0;
}

int query_changes(struct query *query, int64_t *out)
{
    sqlite3 *db = query->store->db;
    int r = query->fault, rc;

    if (r == 0) {
        do
            rc = sqlite3_step(query->stmt);
        while (rc == SQLITE_ROW);
        r = sqlite_result(db, rc);
    }
    if (r == 0 && out != NULL)
        *out = sqlite3_changes64(db);
    query_close(query);
    return r;
}

int query_run(struct query *query)
{
    return query_changes(query, NULL);
}

int query_must_change(struct query *query, int refusal)
{
    int64_t changes = 0;
    int r = query_changes(query, &changes);

    return r == 0 && changes == 0 ? refusal : r;
}

/* Reads the present row of a query into out only if all of it could be read. */
static int read_row(struct query *query, row_reader read, void *out, size_t size)
{
    _Alignas(max_align_t) uint8_t row[ROW_SIZE_MAX];

    if (size > sizeof row)
        return -E2BIG;
    memset(row, 0, size);
    query->column = 0;
    read(query, row);
    if (query->fault == 0)
        memcpy(out, row, size);
    return query->fault;
}

int query_one(struct query *query, row_reader read, void *out, size_t size)
{
    sqlite3 *db = query->store->db;
    int r = query->fault, rc = SQLITE_DONE;

    if (r == 0) {
        rc = sqlite3_step(query->stmt);
        r = sqlite_result(db, rc);
    }
    if (r == 0)
        r = rc == SQLITE_ROW ? read_row(query, read, out, size) : REFUSED_UNKNOWN;
    while (r == 0 && rc == SQLITE_ROW) { /* a writing statement that returns its row is done only at its end */
        rc = sqlite3_step(query->stmt);
        r = sqlite_result(db, rc);
    }
    query_close(query);
    return r;
}

struct integer {
    bool known;
    int64_t value;
};

static void read_integer(struct query *query, void *out)
{
    struct integer *integer = out;

    integer->known = sqlite3_column_type(query->stmt, 0) != SQLITE_NULL;
    integer->value = take_int(query);
}

int query_int(struct query *query, int64_t *out)
{
    struct integer integer;
    int r = query_one(query, read_integer, &integer, sizeof integer);

    if (r != 0)
        return r;
    if (!integer.known)
        return REFUSED_UNKNOWN;
    *out = integer.value;
    return 0;
}

int query_bytes(struct query *query, uint8_t *out, size_t capacity, size_t *out_size, uint64_t *out_total)
{
    int r = query->fault, rc = SQLITE_DONE;
    size_t size = 0;
    uint64_t total = 0;

    if (r == 0) {
        rc = sqlite3_step(query->stmt);
        r = sqlite_result(query->store->db, rc);
    }
    if (r == 0 && (rc != SQLITE_ROW || sqlite3_column_type(query->stmt, 0) == SQLITE_NULL))
        r = REFUSED_UNKNOWN;
    if (r == 0) {
        take_bytes(query, out, capacity, &size);
        if (out_total != NULL)
            total = take_u64(query);
        r = query->fault;
    }
    if (r == 0) {
        *out_size = size;
        if (out_total != NULL)
            *out_total = total;
    }
    query_close(query);
    return r;
}

static int rows_grow(struct rows *rows)
{
    size_t capacity = rows->capacity == 0 ? 8 : rows->capacity * 2;
    uint8_t *data;

    if (rows->count < rows->capacity)
        return 0;
    data = realloc(rows->data, capacity * rows->size);
    if (data == NULL)
        return -ENOMEM;
    rows->data = data;
    rows->capacity = capacity;
    return 0;
}

int query_rows(struct query *query, struct rows *rows, size_t size, row_reader read)
{
    int r = query->fault, rc;

    rows->size = size;
    while (r == 0) {
        rc = sqlite3_step(query->stmt);
        if (rc != SQLITE_ROW) {
            r = sqlite_result(query->store->db, rc);
            break;
        }
        r = rows_grow(rows);
        if (r == 0)
            r = read_row(query, read, rows->data + rows->count * size, size);
        if (r == 0)
            rows->count++;
    }
    query_close(query);
    return r;
}

void rows_deinit(struct rows *rows)
{
    free(rows->data);
    *rows = (struct rows){ 0 };
}

bool in_transaction(struct store *store)
{
    const struct store_sqlite *self = store_sqlite_of(store);

    return !sqlite3_get_autocommit(self->db) && (self->group == GROUP_NONE || self->in_part);
}

enum { SAVEPOINT, RELEASE, UNDO };
static const struct statements savepoint = {
    DOMAIN_SAVEPOINT,
    { [SAVEPOINT] = "SAVEPOINT verb", [RELEASE] = "RELEASE verb", [UNDO] = "ROLLBACK TO verb" },
};

int savepoint_open(struct store *store)
{
    struct query query;

    /* SAVEPOINT counts as reading, and would open a transaction of its own. */
    if (!in_transaction(store))
        return -EPERM;
    query_open(&query, store, &savepoint, SAVEPOINT);
    return query_run(&query);
}

int savepoint_close(struct store *store, int r)
{
    struct query query;
    int closed;

    /* Out of memory, disk or disk space, SQLite may have rolled all of it back by itself: nothing to undo then. */
    if (sqlite3_get_autocommit(store_sqlite_of(store)->db))
        return r != 0 ? r : -EIO;
    if (r != 0) {
        query_open(&query, store, &savepoint, UNDO);
        closed = query_run(&query);
        if (closed != 0)
            return closed;
    }
    query_open(&query, store, &savepoint, RELEASE);
    closed = query_run(&query);
    return closed != 0 ? closed : r;
}
