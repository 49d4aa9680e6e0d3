/* The hash chain, and that deeds and entries come and go together. */
#include "tests/unit/core/world.h"

#include "daemon/core/audit.h"

static int keep_last(void *context, const struct audit_entry *entry)
{
    *(struct audit_entry *)context = *entry;
    return 0;
}

static struct audit_entry last_entry(struct world *world)
{
    struct page page = { 0, PAGE_MAX };
    struct audit_entry entry = { 0 };

    assert_int_equal(audit_list(&world->core, &world->auditor, page, keep_last, &entry, NULL), 0);
    return entry;
}

static struct audit_verdict verdict(struct world *world)
{
    struct audit_verdict verdict;

    assert_int_equal(audit_verify(&world->core, &world->auditor, &verdict, NULL), 0);
    return verdict;
}

static void writes_an_entry_for_each_deed(void **state)
{
    struct world *world = *state;

    world_tenant(world, "alice");
    struct audit_entry entry = last_entry(world);
    assert_int_equal(entry.sequence, 2);
    assert_string_equal(entry.actor, "uid:0");
    assert_string_equal(entry.action, "tenant.key.add");
    assert_string_equal(entry.subject, "tenant:alice");
    assert_int_equal(entry.at_ms, WORLD_START_MS);
    assert_int_equal(verdict(world).entries, 2);
    assert_int_equal(verdict(world).broken_at, 0);
    assert_memory_equal(verdict(world).head, entry.hash, DIGEST_SIZE);
}

static void writes_no_entry_for_what_was_refused(void **state)
{
    struct world *world = *state;
    struct tenant tenant;

    world_tenant(world, "alice");
    assert_int_equal(tenant_create(&world->core, &world->owner, "alice", &tenant, NULL), REFUSED_EXISTS);
    assert_int_equal(tenant_create(&world->core, &world->owner, "Alice", &tenant, NULL), REFUSED_INVALID);
    assert_int_equal(tenant_create(&world->core, &world->auditor, "bob", &tenant, NULL), REFUSED_FORBIDDEN);
    assert_int_equal(verdict(world).entries, 2);
}

static void an_empty_record_holds(void **state)
{
    struct world *world = *state;
    static const uint8_t zeros[DIGEST_SIZE];

    assert_int_equal(verdict(world).entries, 0);
    assert_int_equal(verdict(world).broken_at, 0);
    assert_memory_equal(verdict(world).head, zeros, DIGEST_SIZE);
}

static void walks_chains_longer_than_a_page(void **state)
{
    struct world *world = *state;

    assert_int_equal(world->store->begin(world->store), 0);
    for (int i = 0; i < 2 * PAGE_MAX + 1; i++)
        assert_int_equal(audit_append(&world->core, NULL, "test.deed", "test:1", 0, "{}"), 0);
    assert_int_equal(world->store->commit(world->store), 0);
    assert_int_equal(verdict(world).entries, 2 * PAGE_MAX + 1);
    assert_int_equal(verdict(world).broken_at, 0);
}

/* A store whose record somebody has been at. */
static struct {
    struct store *real;
    int64_t sequence;
    enum { CHANGED, TAKEN_OUT, CUT_OFF } how;
    int (*each)(void *context, const struct audit_entry *entry);
    void *context;
} tampering;

static int tampered_entry(void *context, const struct audit_entry *entry)
{
    struct audit_entry shown = *entry;

    (void)context;
    if (entry->sequence == tampering.sequence && tampering.how == CHANGED)
        strcpy(shown.actor, "nobody");
    else if (entry->sequence == tampering.sequence ||
             (tampering.how == CUT_OFF && entry->sequence > tampering.sequence))
        return 0;
    return tampering.each(tampering.context, &shown);
}

static int tampered_each(struct store *store, int64_t tenant_id, struct page page,
                         int (*each)(void *context, const struct audit_entry *entry), void *context)
{
    (void)store;
    tampering.each = each;
    tampering.context = context;
    return tampering.real->audit_each(tampering.real, tenant_id, page, tampered_entry, NULL);
}

static int tampered_head(struct store *store, int64_t *out_sequence, uint8_t out_hash[DIGEST_SIZE])
{
    (void)store;
    return tampering.real->audit_head(tampering.real, out_sequence, out_hash);
}

static void finds_what_was_changed_taken_out_or_cut_off(void **state)
{
    struct world *world = *state;
    struct store lying = *world->store;

    world_tenant(world, "alice");
    world_tenant(world, "bob");
    tampering.real = world->store;
    lying.audit_each = tampered_each;
    lying.audit_head = tampered_head;
    world->core.store = &lying;
    tampering.sequence = 2;
    tampering.how = CHANGED;
    assert_int_equal(verdict(world).broken_at, 2);
    assert_string_equal(verdict(world).why.what, "entry 2 was changed after it was written");
    tampering.how = TAKEN_OUT;
    assert_int_equal(verdict(world).broken_at, 2);
    assert_string_equal(verdict(world).why.what, "entry 2 is missing");
    tampering.how = CUT_OFF;
    tampering.sequence = 4;
    assert_int_equal(verdict(world).broken_at, 4);
    world->core.store = world->store;
}

static void shows_the_record_to_auditors_and_to_no_tenant(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    struct page page = { 0, 10 };
    struct audit_verdict out;
    struct audit_entry entry;

    assert_int_equal(audit_list(&world->core, &alice->caller, page, keep_last, &entry, NULL), REFUSED_FORBIDDEN);
    assert_int_equal(audit_verify(&world->core, &alice->caller, &out, NULL), REFUSED_FORBIDDEN);
    assert_int_equal(audit_verify(&world->core, &world->keeper, &out, NULL), REFUSED_FORBIDDEN);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(writes_an_entry_for_each_deed),
        IN_WORLD(writes_no_entry_for_what_was_refused),
        IN_WORLD(an_empty_record_holds),
        IN_WORLD(walks_chains_longer_than_a_page),
        IN_WORLD(finds_what_was_changed_taken_out_or_cut_off),
        IN_WORLD(shows_the_record_to_auditors_and_to_no_tenant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
