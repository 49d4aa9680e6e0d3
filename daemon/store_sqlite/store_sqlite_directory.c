/* store_sqlite_directory.c - what registered itself (RFC 9176), one row an endpoint and sector. */
#include "daemon/store_sqlite/verbs.h"
#include "daemon/store_sqlite/words.h"

enum { PUT, BY_LOCATION, BY_ENDPOINT, DELETE, EACH, EACH_OF_ENDPOINT, EXPIRE };

#define COLUMNS "SELECT device_id, location, endpoint, sector, base, lifetime_s, expires_ms, links FROM registration"

static const struct statements statements = {
    DOMAIN_DIRECTORY,
    {
        [PUT] = "INSERT INTO registration (device_id, location, endpoint, sector, base, lifetime_s, expires_ms, links)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (endpoint, sector) DO UPDATE SET"
                " device_id = excluded.device_id, location = excluded.location, base = excluded.base,"
                " lifetime_s = excluded.lifetime_s, expires_ms = excluded.expires_ms, links = excluded.links",
        [BY_LOCATION] = COLUMNS " WHERE location = ?",
        [BY_ENDPOINT] = COLUMNS " WHERE endpoint = ? AND sector = ?",
        [DELETE] = "DELETE FROM registration WHERE location = ?",
        [EACH] = COLUMNS " WHERE expires_ms > ?1 AND (?3 IS NULL OR sector = ?3) ORDER BY id LIMIT ?5 OFFSET ?4",
        [EACH_OF_ENDPOINT] = COLUMNS " WHERE expires_ms > ?1 AND endpoint = ?2 AND (?3 IS NULL OR sector = ?3)"
                                     " ORDER BY id LIMIT ?5 OFFSET ?4",
        [EXPIRE] = "DELETE FROM registration WHERE expires_ms <= ?",
    },
};

static void read_registration(struct query *query, void *out)
{
    struct registration *registration = out;

    registration->device_id = take_int(query);
    take_text(query, registration->location, sizeof registration->location);
    take_text(query, registration->endpoint, sizeof registration->endpoint);
    take_text(query, registration->sector, sizeof registration->sector);
    take_text(query, registration->base, sizeof registration->base);
    registration->lifetime_s = take_int(query);
    registration->expires_ms = take_int(query);
    take_text(query, registration->links, sizeof registration->links);
}

static int store_registration_put(struct store *store, const struct registration *registration)
{
    struct query query;

    query_open(&query, store, &statements, PUT);
    put_int(&query, registration->device_id);
    put_text(&query, registration->location);
    put_text(&query, registration->endpoint);
    put_text(&query, registration->sector);
    put_text(&query, registration->base);
    put_int(&query, registration->lifetime_s);
    put_int(&query, registration->expires_ms);
    put_text(&query, registration->links);
    return query_run(&query);
}

static int store_registration_by_location(struct store *store, const char *location, struct registration *out)
{
    struct query query;

    query_open(&query, store, &statements, BY_LOCATION);
    put_text(&query, location);
    return query_one(&query, read_registration, out, sizeof *out);
}

static int store_registration_by_endpoint(struct store *store, const char *endpoint, const char *sector,
                                          struct registration *out)
{
    struct query query;

    query_open(&query, store, &statements, BY_ENDPOINT);
    put_text(&query, endpoint);
    put_text(&query, sector == NULL ? "" : sector);
    return query_one(&query, read_registration, out, sizeof *out);
}

static int store_registration_delete(struct store *store, const char *location)
{
    struct query query;

    query_open(&query, store, &statements, DELETE);
    put_text(&query, location);
    return query_must_change(&query, REFUSED_UNKNOWN);
}

static int store_registration_each(struct store *store, const struct directory_query *wanted, int64_t now_ms,
                                   int (*each)(void *context, const struct registration *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, wanted->endpoint != NULL ? EACH_OF_ENDPOINT : EACH);
    put_int(&query, now_ms);
    put_text(&query, wanted->endpoint); /* NULL: any */
    put_text(&query, wanted->sector);
    put_page(&query, wanted->page);
    return QUERY_EACH(&query, registration, read_registration, each, context);
}

static int store_registration_expire(struct store *store, int64_t now_ms)
{
    struct query query;

    query_open(&query, store, &statements, EXPIRE);
    put_int(&query, now_ms);
    return query_run(&query);
}

void store_directory_verbs(struct store *verbs)
{
    verbs->registration_put = store_registration_put;
    verbs->registration_by_location = store_registration_by_location;
    verbs->registration_by_endpoint = store_registration_by_endpoint;
    verbs->registration_delete = store_registration_delete;
    verbs->registration_each = store_registration_each;
    verbs->registration_expire = store_registration_expire;
}
