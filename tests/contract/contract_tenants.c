/* contract_tenants.c - tenants, their keys, tokens, grants, the audit record. */
#include "tests/contract/store_contract.h"

#include <stdio.h>

SEEN_EACH(tenant)
SEEN_EACH(tenant_key)
SEEN_EACH(token)
SEEN_EACH(grant)

static int see_entry(void *context, const struct audit_entry *row)
{
    seen_add(context, row->sequence);
    return 0;
}

static void a_tenant_is_found_by_name_and_id_and_listed_in_pages(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), b = add_tenant(store, "b"), c = add_tenant(store, "c");
    struct tenant tenant = { 0 };
    struct seen seen = { 0 };

    ok(store->tenant_by_name(store, "b", &tenant));
    assert_int_equal(tenant.id, b);
    assert_int_equal(tenant.created_ms, NOW);
    ok(store->tenant_by_id(store, c, &tenant));
    assert_string_equal(tenant.name, "c");
    assert_int_equal(store->tenant_by_name(store, "d", &tenant), REFUSED_UNKNOWN);
    assert_int_equal(store->tenant_by_id(store, 99, &tenant), REFUSED_UNKNOWN);
    assert_string_equal(tenant.name, "c"); /* outputs are set only on success */
    ok(store->tenant_each(store, 0, (struct page){ a, 1 }, see_tenant, &seen));
    ok(store->tenant_each(store, c, everything, see_tenant, &seen));
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.ids[0], b);
    assert_int_equal(seen.ids[1], c);
}

static void a_tenants_name_is_taken_once(void **state)
{
    struct store *store = *state;
    struct tenant again = { .name = "a" };

    add_tenant(store, "a");
    assert_int_equal(in_transaction(store, store->tenant_insert(store, &again)), REFUSED_EXISTS);
}

static struct tenant_key a_key(int64_t tenant_id, unsigned seed, enum key_type type)
{
    struct tenant_key key = { .tenant_id = tenant_id, .created_ms = NOW };

    key.key.type = type;
    key.key.size = (size_t[]){ 0, 32, 65, 60, 1312, 1952, PUBLIC_KEY_SIZE_MAX }[type];
    memset(key.key.raw, (int)seed, key.key.size);
    digest_of(seed, key.fingerprint);
    return key;
}

static int check_key(void *context, const struct tenant_key *row)
{
    const struct tenant_key *wanted = context;

    assert_int_equal(row->key.type, wanted->key.type);
    assert_int_equal(row->key.size, wanted->key.size);
    assert_memory_equal(row->key.raw, wanted->key.raw, wanted->key.size);
    assert_memory_equal(row->fingerprint, wanted->fingerprint, DIGEST_SIZE);
    return 0;
}

static void a_key_belongs_to_one_tenant_and_stays_listed_when_revoked(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), b = add_tenant(store, "b");
    struct tenant_key key = a_key(a, 1, KEY_P256), same = a_key(b, 1, KEY_P256), lost = a_key(77, 2, KEY_ED25519);
    struct seen seen = { 0 };

    ok(in_transaction(store, store->tenant_key_insert(store, &key)));
    assert_int_equal(in_transaction(store, store->tenant_key_insert(store, &same)), REFUSED_EXISTS);
    assert_int_equal(in_transaction(store, store->tenant_key_insert(store, &lost)), REFUSED_UNKNOWN);
    ok(store->tenant_key_each(store, a, check_key, &key));
    assert_int_equal(in_transaction(store, store->tenant_key_revoke(store, b, key.fingerprint, NOW)), REFUSED_UNKNOWN);
    ok(in_transaction(store, store->tenant_key_revoke(store, a, key.fingerprint, NOW)));
    assert_int_equal(in_transaction(store, store->tenant_key_revoke(store, a, key.fingerprint, NOW)), REFUSED_CONFLICT);
    ok(store->tenant_key_each(store, a, see_tenant_key, &seen));
    ok(store->tenant_key_each(store, b, see_tenant_key, &seen));
    assert_int_equal(seen.count, 1);
}

static void keys_of_every_kind_come_back_as_they_were_saved(void **state)
{
    struct store *store = *state;

    for (unsigned type = KEY_ED25519; type <= KEY_ML_DSA_87; type++) {
        char name[2] = { (char)('a' + type), '\0' };
        struct tenant_key key = a_key(add_tenant(store, name), type, (enum key_type)type);
        struct seen seen = { 0 };
        ok(in_transaction(store, store->tenant_key_insert(store, &key)));
        ok(store->tenant_key_each(store, key.tenant_id, check_key, &key));
        ok(store->tenant_key_each(store, key.tenant_id, see_tenant_key, &seen));
        assert_int_equal(seen.count, 1);
    }
}

static void a_token_is_found_by_its_hash_only_and_revoked_once(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a");
    struct token token = { .name = "ci", .role = ROLE_TENANT, .tenant_id = a, .created_ms = NOW, .expires_ms = 5 };
    struct token owner = { .name = "boss", .role = ROLE_OWNER };
    struct token found = { 0 };
    struct seen seen = { 0 };
    uint8_t hash[DIGEST_SIZE], other[DIGEST_SIZE];

    digest_of(1, hash);
    digest_of(2, other);
    ok(in_transaction(store, store->token_insert(store, &token, hash)));
    assert_int_equal(in_transaction(store, store->token_insert(store, &token, other)), REFUSED_EXISTS);
    assert_int_equal(in_transaction(store, store->token_insert(store, &owner, hash)), REFUSED_EXISTS);
    ok(in_transaction(store, store->token_insert(store, &owner, other)));
    ok(store->token_by_hash(store, hash, &found));
    assert_string_equal(found.name, "ci");
    assert_string_equal(found.tenant, "a");
    assert_int_equal(found.role, ROLE_TENANT);
    assert_int_equal(found.tenant_id, a);
    assert_int_equal(found.expires_ms, 5);
    ok(store->token_by_hash(store, other, &found));
    assert_int_equal(found.tenant_id, 0);
    assert_string_equal(found.tenant, "");
    ok(in_transaction(store, store->token_revoke(store, "ci", NOW)));
    assert_int_equal(in_transaction(store, store->token_revoke(store, "ci", NOW)), REFUSED_CONFLICT);
    assert_int_equal(in_transaction(store, store->token_revoke(store, "nobody", NOW)), REFUSED_UNKNOWN);
    ok(store->token_by_hash(store, hash, &found));
    assert_int_equal(found.revoked_ms, NOW);
    digest_of(3, other);
    assert_int_equal(store->token_by_hash(store, other, &found), REFUSED_UNKNOWN);
    ok(store->token_each(store, everything, see_token, &seen));
    assert_int_equal(seen.count, 2);
}

static int64_t add_grant(struct store *store, int64_t tenant_id, int64_t until_ms)
{
    struct grant grant = { .tenant_id = tenant_id,
                           .selector = "site=lyon",
                           .sensors = "temperature",
                           .helpers = "*",
                           .slots = "0,1",
                           .until_ms = until_ms,
                           .created_ms = NOW,
                           .unproven = until_ms != 0 };

    ok(in_transaction(store, store->grant_insert(store, &grant)));
    return grant.id;
}

static void grants_are_listed_live_or_all_and_revoked_once(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), b = add_tenant(store, "b");
    int64_t ever = add_grant(store, a, 0), over = add_grant(store, a, NOW), later = add_grant(store, b, NOW + 1);
    struct grant grant = { .tenant_id = 99 };
    struct seen all = { 0 }, live = { 0 }, of_a = { 0 };

    assert_int_equal(in_transaction(store, store->grant_insert(store, &grant)), REFUSED_UNKNOWN);
    ok(store->grant_by_id(store, over, &grant));
    assert_string_equal(grant.tenant, "a");
    assert_string_equal(grant.slots, "0,1");
    assert_int_equal(grant.until_ms, NOW);
    assert_true(grant.unproven);
    ok(store->grant_by_id(store, ever, &grant));
    assert_false(grant.unproven);
    assert_int_equal(store->grant_by_id(store, 99, &grant), REFUSED_UNKNOWN);
    ok(store->grant_each(store, 0, false, NOW, everything, see_grant, &all));
    assert_int_equal(all.count, 3);
    ok(store->grant_each(store, 0, true, NOW, everything, see_grant, &live));
    assert_int_equal(live.count, 2);
    assert_int_equal(live.ids[0], ever);
    assert_int_equal(live.ids[1], later);
    ok(in_transaction(store, store->grant_revoke(store, ever, NOW)));
    assert_int_equal(in_transaction(store, store->grant_revoke(store, ever, NOW)), REFUSED_CONFLICT);
    assert_int_equal(in_transaction(store, store->grant_revoke(store, 99, NOW)), REFUSED_UNKNOWN);
    ok(store->grant_each(store, a, true, NOW, everything, see_grant, &of_a));
    assert_int_equal(of_a.count, 0);
}

static struct audit_entry an_entry(int64_t sequence, int64_t tenant_id)
{
    struct audit_entry entry = { .sequence = sequence,
                                 .at_ms = NOW,
                                 .actor = "uid:0",
                                 .action = "rollout.create",
                                 .subject = "rollout:7",
                                 .tenant_id = tenant_id,
                                 .detail = "{\"slot\":0}" };

    digest_of((unsigned)sequence - 1, entry.previous);
    digest_of((unsigned)sequence, entry.hash);
    return entry;
}

static int check_entry(void *context, const struct audit_entry *row)
{
    const struct audit_entry *wanted = context;

    assert_string_equal(row->actor, wanted->actor);
    assert_string_equal(row->action, wanted->action);
    assert_string_equal(row->subject, wanted->subject);
    assert_string_equal(row->detail, wanted->detail);
    assert_memory_equal(row->previous, wanted->previous, DIGEST_SIZE);
    assert_memory_equal(row->hash, wanted->hash, DIGEST_SIZE);
    return 0;
}

static void the_audit_record_grows_by_one_at_a_time(void **state)
{
    struct store *store = *state;
    const uint8_t zeros[DIGEST_SIZE] = { 0 };
    struct audit_entry first = an_entry(1, 0), second = an_entry(2, 5), fourth = an_entry(4, 0);
    struct seen all = { 0 }, of_five = { 0 };
    uint8_t hash[DIGEST_SIZE];
    int64_t sequence = -1;

    ok(store->audit_head(store, &sequence, hash));
    assert_int_equal(sequence, 0);
    assert_memory_equal(hash, zeros, DIGEST_SIZE);
    ok(in_transaction(store, store->audit_insert(store, &first)));
    assert_int_equal(in_transaction(store, store->audit_insert(store, &first)), REFUSED_CONFLICT);
    assert_int_equal(in_transaction(store, store->audit_insert(store, &fourth)), REFUSED_CONFLICT);
    ok(in_transaction(store, store->audit_insert(store, &second)));
    ok(store->audit_head(store, &sequence, hash));
    assert_int_equal(sequence, 2);
    assert_memory_equal(hash, second.hash, DIGEST_SIZE);
    ok(store->audit_each(store, 0, (struct page){ 1, 10 }, check_entry, &second));
    ok(store->audit_each(store, 0, everything, see_entry, &all));
    assert_int_equal(all.count, 2);
    ok(store->audit_each(store, 5, everything, see_entry, &of_five));
    assert_int_equal(of_five.count, 1);
    assert_int_equal(of_five.ids[0], 2);
}

int contract_tenants(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(a_tenant_is_found_by_name_and_id_and_listed_in_pages),
        CONTRACT_TEST(a_tenants_name_is_taken_once),
        CONTRACT_TEST(a_key_belongs_to_one_tenant_and_stays_listed_when_revoked),
        CONTRACT_TEST(keys_of_every_kind_come_back_as_they_were_saved),
        CONTRACT_TEST(a_token_is_found_by_its_hash_only_and_revoked_once),
        CONTRACT_TEST(grants_are_listed_live_or_all_and_revoked_once),
        CONTRACT_TEST(the_audit_record_grows_by_one_at_a_time),
    };

    return cmocka_run_group_tests_name("tenants", tests, NULL, NULL);
}
