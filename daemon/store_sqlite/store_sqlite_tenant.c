/* store_sqlite_tenant.c - tenants, the keys that sign their images, and people's tokens. */
#include "daemon/store_sqlite/verbs.h"
#include "daemon/store_sqlite/words.h"

enum {
    TENANT_INSERT,
    TENANT_BY_NAME,
    TENANT_BY_ID,
    TENANT_EACH,
    KEY_INSERT,
    KEY_EACH,
    KEY_REVOKE,
    KEY_KNOWN,
    TOKEN_INSERT,
    TOKEN_BY_HASH,
    TOKEN_EACH,
    TOKEN_REVOKE,
    TOKEN_KNOWN
};

#define TOKEN_COLUMNS                                                                                   \
    "k.id, k.name, k.role, k.tenant_id, coalesce(t.name, ''), k.created_ms, k.expires_ms, k.revoked_ms" \
    " FROM token k LEFT JOIN tenant t ON t.id = k.tenant_id"

static const struct statements statements = {
    DOMAIN_TENANT,
    {
        [TENANT_INSERT] = "INSERT INTO tenant (name, created_ms) VALUES (?, ?) RETURNING id",
        [TENANT_BY_NAME] = "SELECT id, name, created_ms FROM tenant WHERE name = ?",
        [TENANT_BY_ID] = "SELECT id, name, created_ms FROM tenant WHERE id = ?",
        [TENANT_EACH] = "SELECT id, name, created_ms FROM tenant WHERE (?1 = 0 OR id = ?1) AND id > ?2"
                        " ORDER BY id LIMIT ?3",
        [KEY_INSERT] = "INSERT INTO tenant_key (tenant_id, type, raw, fingerprint, created_ms, revoked_ms)"
                       " VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
        [KEY_EACH] = "SELECT id, tenant_id, type, raw, fingerprint, created_ms, revoked_ms FROM tenant_key"
                     " WHERE tenant_id = ? ORDER BY id",
        [KEY_REVOKE] = "UPDATE tenant_key SET revoked_ms = ? WHERE tenant_id = ? AND fingerprint = ?"
                       " AND revoked_ms = 0",
        [KEY_KNOWN] = "SELECT 1 FROM tenant_key WHERE tenant_id = ? AND fingerprint = ?",
        [TOKEN_INSERT] = "INSERT INTO token (name, role, tenant_id, created_ms, expires_ms, revoked_ms, hash)"
                         " VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        [TOKEN_BY_HASH] = "SELECT " TOKEN_COLUMNS " WHERE k.hash = ?",
        [TOKEN_EACH] = "SELECT " TOKEN_COLUMNS " WHERE k.id > ? ORDER BY k.id LIMIT ?",
        [TOKEN_REVOKE] = "UPDATE token SET revoked_ms = ? WHERE name = ? AND revoked_ms = 0",
        [TOKEN_KNOWN] = "SELECT 1 FROM token WHERE name = ?",
    },
};

static const struct words role_words = WORDS("owner", "maintainer", "privacy-officer", "auditor", "tenant");

static void read_tenant(struct query *query, void *out)
{
    struct tenant *tenant = out;

    tenant->id = take_int(query);
    take_text(query, tenant->name, sizeof tenant->name);
    tenant->created_ms = take_int(query);
}

static int store_tenant_insert(struct store *store, struct tenant *tenant)
{
    struct query query;

    query_open(&query, store, &statements, TENANT_INSERT);
    put_text(&query, tenant->name);
    put_int(&query, tenant->created_ms);
    return query_int(&query, &tenant->id);
}

static int store_tenant_by_name(struct store *store, const char *name, struct tenant *out)
{
    struct query query;

    query_open(&query, store, &statements, TENANT_BY_NAME);
    put_text(&query, name);
    return query_one(&query, read_tenant, out, sizeof *out);
}

static int store_tenant_by_id(struct store *store, int64_t id, struct tenant *out)
{
    struct query query;

    query_open(&query, store, &statements, TENANT_BY_ID);
    put_int(&query, id);
    return query_one(&query, read_tenant, out, sizeof *out);
}

static int store_tenant_each(struct store *store, int64_t tenant_id, struct page page,
                             int (*each)(void *context, const struct tenant *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, TENANT_EACH);
    put_int(&query, tenant_id);
    put_page(&query, page);
    return QUERY_EACH(&query, tenant, read_tenant, each, context);
}

static void read_key(struct query *query, void *out)
{
    struct tenant_key *key = out;

    key->id = take_int(query);
    key->tenant_id = take_int(query);
    take_key(query, &key->key);
    take_digest(query, key->fingerprint);
    key->created_ms = take_int(query);
    key->revoked_ms = take_int(query);
}

static int store_tenant_key_insert(struct store *store, struct tenant_key *key)
{
    struct query query;

    query_open(&query, store, &statements, KEY_INSERT);
    put_int(&query, key->tenant_id);
    put_key(&query, &key->key);
    put_digest(&query, key->fingerprint);
    put_int(&query, key->created_ms);
    put_int(&query, key->revoked_ms);
    return query_int(&query, &key->id);
}

static int store_tenant_key_each(struct store *store, int64_t tenant_id,
                                 int (*each)(void *context, const struct tenant_key *row), void *context)
{
    struct query query;

    query_open(&query, store, &statements, KEY_EACH);
    put_int(&query, tenant_id);
    return QUERY_EACH(&query, tenant_key, read_key, each, context);
}

static int store_tenant_key_revoke(struct store *store, int64_t tenant_id, const uint8_t fingerprint[DIGEST_SIZE],
                                   int64_t now_ms)
{
    struct query query;
    int64_t known;
    int r;

    query_open(&query, store, &statements, KEY_REVOKE);
    put_int(&query, now_ms);
    put_int(&query, tenant_id);
    put_digest(&query, fingerprint);
    r = query_must_change(&query, REFUSED_CONFLICT);
    if (r != REFUSED_CONFLICT)
        return r;
    query_open(&query, store, &statements, KEY_KNOWN);
    put_int(&query, tenant_id);
    put_digest(&query, fingerprint);
    r = query_int(&query, &known);
    return r == 0 ? REFUSED_CONFLICT : r;
}

static void read_token(struct query *query, void *out)
{
    struct token *token = out;

    token->id = take_int(query);
    take_text(query, token->name, sizeof token->name);
    token->role = (enum role)take_word(query, &role_words);
    token->tenant_id = take_int(query);
    take_text(query, token->tenant, sizeof token->tenant);
    token->created_ms = take_int(query);
    token->expires_ms = take_int(query);
    token->revoked_ms = take_int(query);
}

static int store_token_insert(struct store *store, struct token *token, const uint8_t hash[DIGEST_SIZE])
{
    struct query query;

    query_open(&query, store, &statements, TOKEN_INSERT);
    put_text(&query, token->name);
    put_word(&query, &role_words, token->role);
    put_id(&query, token->tenant_id);
    put_int(&query, token->created_ms);
    put_int(&query, token->expires_ms);
    put_int(&query, token->revoked_ms);
    put_digest(&query, hash);
    return query_int(&query, &token->id);
}

static int store_token_by_hash(struct store *store, const uint8_t hash[DIGEST_SIZE], struct token *out)
{
    struct query query;

    query_open(&query, store, &statements, TOKEN_BY_HASH);
    put_digest(&query, hash);
    return query_one(&query, read_token, out, sizeof *out);
}

static int store_token_each(struct store *store, struct page page, int (*each)(void *context, const struct token *row),
                            void *context)
{
    struct query query;

    query_open(&query, store, &statements, TOKEN_EACH);
    put_page(&query, page);
    return QUERY_EACH(&query, token, read_token, each, context);
}

static int store_token_revoke(struct store *store, const char *name, int64_t now_ms)
{
    struct query query;
    int64_t known;
    int r;

    query_open(&query, store, &statements, TOKEN_REVOKE);
    put_int(&query, now_ms);
    put_text(&query, name);
    r = query_must_change(&query, REFUSED_CONFLICT);
    if (r != REFUSED_CONFLICT)
        return r;
    query_open(&query, store, &statements, TOKEN_KNOWN);
    put_text(&query, name);
    r = query_int(&query, &known);
    return r == 0 ? REFUSED_CONFLICT : r;
}

void store_tenant_verbs(struct store *verbs)
{
    verbs->tenant_insert = store_tenant_insert;
    verbs->tenant_by_name = store_tenant_by_name;
    verbs->tenant_by_id = store_tenant_by_id;
    verbs->tenant_each = store_tenant_each;
    verbs->tenant_key_insert = store_tenant_key_insert;
    verbs->tenant_key_each = store_tenant_key_each;
    verbs->tenant_key_revoke = store_tenant_key_revoke;
    verbs->token_insert = store_token_insert;
    verbs->token_by_hash = store_token_by_hash;
    verbs->token_each = store_token_each;
    verbs->token_revoke = store_token_revoke;
}
