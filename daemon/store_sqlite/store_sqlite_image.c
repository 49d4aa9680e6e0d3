/* store_sqlite_image.c - content by its digest, and the images that name it. */
#include "daemon/store_sqlite/verbs.h"
#include "daemon/store_sqlite/words.h"

enum { BLOB_PUT, BLOB_READ, INSERT, BY_ID, BY_NAME, COUNT, EACH };

#define COLUMNS                                                                                           \
    "SELECT i.id, i.tenant_id, t.name, i.name, i.version, i.type, i.sensor, i.helpers, i.digest, i.size," \
    " i.bundle_digest, i.signer, i.created_ms FROM image i JOIN tenant t ON t.id = i.tenant_id"

static const struct statements statements = {
    DOMAIN_IMAGE,
    {
        [BLOB_PUT] = "INSERT INTO blob (digest, content) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING",
        [BLOB_READ] = "SELECT coalesce(substr(content, ?1 + 1, ?2), x''), length(content) FROM blob WHERE digest = ?3",
        [INSERT] = "INSERT INTO image (tenant_id, name, version, type, sensor, helpers, digest, size, bundle_digest,"
                   " signer, created_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        [BY_ID] = COLUMNS " WHERE i.id = ?",
        [BY_NAME] = COLUMNS " WHERE i.tenant_id = ? AND i.name = ? AND i.version = ?",
        [COUNT] = "SELECT count(*) FROM image WHERE tenant_id = ?",
        [EACH] = COLUMNS " WHERE (?1 = 0 OR i.tenant_id = ?1) AND i.id > ?2 ORDER BY i.id LIMIT ?3",
    },
};

static int store_blob_put(struct store *store, const uint8_t digest[DIGEST_SIZE], struct bytes content)
{
    struct query query;

    query_open(&query, store, &statements, BLOB_PUT);
    put_digest(&query, digest);
    put_bytes(&query, content);
    return query_run(&query);
}

static int store_blob_read(struct store *store, const uint8_t digest[DIGEST_SIZE], uint64_t offset, uint8_t *out,
                           size_t capacity, size_t *out_size, uint64_t *out_total)
{
    struct query query;

    query_open(&query, store, &statements, BLOB_READ);
    put_u64(&query, offset < INT32_MAX ? offset : INT32_MAX); /* no content is longer: past every end alike */
    put_u64(&query, capacity < INT32_MAX ? capacity : INT32_MAX);
    put_digest(&query, digest);
    return query_bytes(&query, out, capacity, out_size, out_total);
}

static void read_image(struct query *query, void *out)
{
    struct image *image = out;

    image->id = take_int(query);
    image->tenant_id = take_int(query);
    take_text(query, image->tenant, sizeof image->tenant);
    take_text(query, image->name, sizeof image->name);
    take_text(query, image->version, sizeof image->version);
    take_text(query, image->type, sizeof image->type);
    take_text(query, image->sensor, sizeof image->sensor);
    take_text(query, image->helpers, sizeof image->helpers);
    take_digest(query, image->digest);
    image->size = take_u64(query);
    take_digest(query, image->bundle_digest);
    take_digest(query, image->signer);
    image->created_ms = take_int(query);
}

static int store_image_insert(struct store *store, struct image *image)
{
    struct query query;

    query_open(&query, store, &statements, INSERT);
    put_int(&query, image->tenant_id);
    put_text(&query, image->name);
    put_text(&query, image->version);
    put_text(&query, image->type);
    put_text(&query, image->sensor);
    put_text(&query, image->helpers);
    put_digest(&query, image->digest);
    put_u64(&query, image->size);
    put_digest(&query, image->bundle_digest);
    put_digest(&query, image->signer);
    put_int(&query, image->created_ms);
    return query_int(&query, &image->id);
}

static int store_image_by_id(struct store *store, int64_t id, struct image *out)
{
    struct query query;

    query_open(&query, store, &statements, BY_ID);
    put_int(&query, id);
    return query_one(&query, read_image, out, sizeof *out);
}

static int store_image_by_name(struct store *store, int64_t tenant_id, const char *name, const char *version,
                               struct image *out)
{
    struct query query;

    query_open(&query, store, &statements, BY_NAME);
    put_int(&query, tenant_id);
    put_text(&query, name);
    put_text(&query, version);
    return query_one(&query, read_image, out, sizeof *out);
}

static int store_image_count(struct store *store, int64_t tenant_id, int64_t *out)
{
    struct query query;

    query_open(&query, store, &statements, COUNT);
    put_int(&query, tenant_id);
    return query_int(&query, out);
}

static int store_image_each(struct store *store, int64_t tenant_id, struct page page,
                            int (*each)(void *context, const struct image *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, EACH);
    put_int(&query, tenant_id);
    put_page(&query, page);
    return QUERY_EACH(&query, image, read_image, each, context);
}

void store_image_verbs(struct store *verbs)
{
    verbs->blob_put = store_blob_put;
    verbs->blob_read = store_blob_read;
    verbs->image_insert = store_image_insert;
    verbs->image_by_id = store_image_by_id;
    verbs->image_by_name = store_image_by_name;
    verbs->image_count = store_image_count;
    verbs->image_each = store_image_each;
}
