/* Who may do what, tokens, and what a tenant sees of others. */
#include "tests/unit/core/world.h"

#include <stdio.h>

/* The table again, written by hand: one letter for each role that may. */
static const struct {
    enum permission permission;
    const char *who; /* o owner, m maintainer, p privacy officer, a auditor, t tenant */
} wanted[] = {
    { CAN_SEE_STATUS, "ompa" },   { CAN_MANAGE_TENANTS, "o" },  { CAN_SEE_TENANTS, "ompat" },
    { CAN_MANAGE_DEVICES, "om" }, { CAN_SEE_DEVICES, "ompat" }, { CAN_RUN_CONTAINERS, "o" },
    { CAN_GRANT, "o" },           { CAN_SEE_GRANTS, "ompat" },  { CAN_PUSH_IMAGES, "ot" },
    { CAN_SEE_IMAGES, "omat" },   { CAN_DEPLOY, "omt" },        { CAN_SEE_ROLLOUTS, "omat" },
    { CAN_SET_POLICY, "op" },     { CAN_SEE_POLICY, "ompat" },  { CAN_SET_BUDGET, "op" },
    { CAN_SEE_BUDGET, "opat" },   { CAN_RELEASE, "ot" },        { CAN_SEE_RELEASES, "opat" },
    { CAN_MANAGE_SINKS, "ot" },   { CAN_SEE_SINKS, "oat" },     { CAN_AUDIT, "opa" },
    { CAN_MANAGE_TOKENS, "o" },
};

static void gives_each_role_what_the_table_says_and_nothing_else(void **state)
{
    static const char letters[] = { [ROLE_OWNER] = 'o',
                                    [ROLE_MAINTAINER] = 'm',
                                    [ROLE_PRIVACY_OFFICER] = 'p',
                                    [ROLE_AUDITOR] = 'a',
                                    [ROLE_TENANT] = 't' };

    (void)state;
    assert_int_equal(sizeof(wanted) / sizeof(wanted[0]), PERMISSIONS);
    for (size_t i = 0; i < PERMISSIONS; i++)
        for (enum role role = ROLE_OWNER; role <= ROLE_TENANT; role++) {
            const struct caller caller = { .role = role, .tenant_id = role == ROLE_TENANT ? 7 : 0 };
            bool may = strchr(wanted[i].who, letters[role]) != NULL;
            assert_int_equal(access_check(&caller, wanted[i].permission, NULL), may ? 0 : REFUSED_FORBIDDEN);
        }
}

static void refuses_callers_whose_role_and_tenant_do_not_go_together(void **state)
{
    const struct caller nobody = { 0 };
    const struct caller tenant_of_none = { .role = ROLE_TENANT };
    const struct caller bound_owner = { .role = ROLE_OWNER, .tenant_id = 1 };
    const struct caller beyond = { .role = ROLE_TENANT + 1 };

    (void)state;
    for (enum permission permission = 0; permission < PERMISSIONS; permission++) {
        assert_int_equal(access_check(&nobody, permission, NULL), REFUSED_FORBIDDEN);
        assert_int_equal(access_check(&tenant_of_none, permission, NULL), REFUSED_FORBIDDEN);
        assert_int_equal(access_check(&bound_owner, permission, NULL), REFUSED_FORBIDDEN);
        assert_int_equal(access_check(&beyond, permission, NULL), REFUSED_FORBIDDEN);
    }
}

static void says_in_words_what_a_role_may_not(void **state)
{
    const struct caller auditor = { .role = ROLE_AUDITOR };
    struct why why;

    (void)state;
    assert_int_equal(access_check(&auditor, CAN_DEPLOY, &why), REFUSED_FORBIDDEN);
    assert_string_equal(why.what, "the role auditor may not order rollouts");
}

static void reads_and_writes_role_names(void **state)
{
    enum role role;

    (void)state;
    for (enum role each = ROLE_OWNER; each <= ROLE_TENANT; each++) {
        assert_int_equal(role_of_name(role_name(each), &role), 0);
        assert_int_equal(role, each);
    }
    assert_int_equal(role_of_name("king", &role), REFUSED_INVALID);
}

static void answers_for_another_tenant_as_for_one_that_does_not_exist(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    struct why other, missing;
    struct tenant tenant;

    world_tenant(world, "bob");
    assert_int_equal(tenant_get(&world->core, &alice->caller, "bob", &tenant, &other), REFUSED_UNKNOWN);
    assert_int_equal(tenant_get(&world->core, &alice->caller, "eve", &tenant, &missing), REFUSED_UNKNOWN);
    assert_string_equal(other.what, "there is no tenant bob");
    assert_string_equal(missing.what, "there is no tenant eve");
    assert_int_equal(tenant_get(&world->core, &alice->caller, NULL, &tenant, NULL), 0);
    assert_string_equal(tenant.name, "alice");
    assert_int_equal(tenant_get(&world->core, &alice->caller, "alice", &tenant, NULL), 0);
    assert_int_equal(tenant_get(&world->core, &world->owner, "bob", &tenant, NULL), 0);
    assert_int_equal(tenant_get(&world->core, &world->owner, "", &tenant, NULL), REFUSED_INVALID);
}

static int count_tenant(void *context, const struct tenant *tenant)
{
    (void)tenant;
    ++*(unsigned *)context;
    return 0;
}

static void lists_a_tenant_only_itself(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    struct page page = { 0, 10 };
    unsigned seen = 0;

    world_tenant(world, "bob");
    assert_int_equal(tenant_list(&world->core, &alice->caller, page, count_tenant, &seen, NULL), 0);
    assert_int_equal(seen, 1);
    seen = 0;
    assert_int_equal(tenant_list(&world->core, &world->auditor, page, count_tenant, &seen, NULL), 0);
    assert_int_equal(seen, 2);
}

static void registers_one_key_for_one_tenant_only(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    struct proto_signer signer;
    struct tenant_key key;

    world_tenant(world, "bob");
    crypto_key_signer(alice->key, &signer);
    assert_int_equal(tenant_key_add(&world->core, &world->owner, "bob", &signer.key, &key, &world->why),
                     REFUSED_EXISTS);
    assert_int_equal(tenant_key_add(&world->core, &alice->caller, NULL, &signer.key, &key, NULL), REFUSED_FORBIDDEN);
    signer.key.size = 31;
    assert_int_equal(tenant_key_add(&world->core, &world->owner, "bob", &signer.key, &key, NULL), REFUSED_INVALID);
}

static void bounds_the_live_keys_of_a_tenant(void **state)
{
    struct world *world = *state;
    struct public_key key = { .type = KEY_ED25519, .size = 32 };
    struct tenant_key added;

    world_tenant(world, "alice");
    for (uint8_t i = 1; i < KEYS_PER_TENANT_MAX; i++) {
        key.raw[0] = i;
        assert_int_equal(tenant_key_add(&world->core, &world->owner, "alice", &key, &added, NULL), 0);
    }
    key.raw[0] = 99;
    struct tenant_key beyond;
    assert_int_equal(tenant_key_add(&world->core, &world->owner, "alice", &key, &beyond, NULL), REFUSED_EXHAUSTED);
    assert_int_equal(tenant_key_revoke(&world->core, &world->owner, "alice", added.fingerprint, NULL), 0);
    assert_int_equal(tenant_key_revoke(&world->core, &world->owner, "alice", added.fingerprint, NULL), REFUSED_UNKNOWN);
    assert_int_equal(tenant_key_add(&world->core, &world->owner, "alice", &key, &beyond, NULL), 0);
}

static void makes_tokens_that_speak_for_one_role(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    const struct token_order order = { .name = "laptop", .role = "tenant", .tenant = "alice" };
    char text[TOKEN_TEXT_SIZE];
    struct caller caller;
    struct token token;

    assert_int_equal(token_create(&world->core, &world->keeper, &order, &token, text, NULL), REFUSED_FORBIDDEN);
    assert_int_equal(token_create(&world->core, &world->owner, &order, &token, text, NULL), 0);
    assert_int_equal(strlen(text), TOKEN_TEXT_SIZE - 2);
    assert_memory_equal(text, "tp_", 3);
    assert_int_equal(token_caller(&world->core, text, &caller, NULL), 0);
    assert_int_equal(caller.role, ROLE_TENANT);
    assert_int_equal(caller.tenant_id, alice->tenant.id);
    assert_string_equal(caller.name, "laptop");
    assert_int_equal(token_create(&world->core, &world->owner, &order, &token, text, NULL), REFUSED_EXISTS);
}

static void does_not_believe_unknown_expired_or_revoked_tokens(void **state)
{
    struct world *world = *state;
    const struct token_order order = { .name = "a", .role = "auditor", .expires_ms = WORLD_START_MS + 1000 };
    const struct token_order late = { .name = "b", .role = "auditor", .expires_ms = WORLD_START_MS };
    const struct token_order bound = { .name = "c", .role = "auditor", .tenant = "alice" };
    const struct token_order unbound = { .name = "d", .role = "tenant" };
    char text[TOKEN_TEXT_SIZE];
    struct caller caller;
    struct token token;

    assert_int_equal(token_caller(&world->core, "tp_nonsense", &caller, NULL), REFUSED_FORBIDDEN);
    assert_int_equal(token_create(&world->core, &world->owner, &late, &token, text, NULL), REFUSED_INVALID);
    assert_int_equal(token_create(&world->core, &world->owner, &bound, &token, text, NULL), REFUSED_INVALID);
    assert_int_equal(token_create(&world->core, &world->owner, &unbound, &token, text, NULL), REFUSED_INVALID);
    assert_int_equal(token_create(&world->core, &world->owner, &order, &token, text, NULL), 0);
    world->clock.now_ms += 999;
    assert_int_equal(token_caller(&world->core, text, &caller, NULL), 0);
    world->clock.now_ms += 1;
    assert_int_equal(token_caller(&world->core, text, &caller, NULL), REFUSED_FORBIDDEN);
    world->clock.now_ms -= 1000;
    assert_int_equal(token_revoke(&world->core, &world->owner, "a", NULL), 0);
    assert_int_equal(token_caller(&world->core, text, &caller, NULL), REFUSED_FORBIDDEN);
    assert_int_equal(token_revoke(&world->core, &world->owner, "a", NULL), REFUSED_UNKNOWN);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_each_role_what_the_table_says_and_nothing_else),
        cmocka_unit_test(refuses_callers_whose_role_and_tenant_do_not_go_together),
        cmocka_unit_test(says_in_words_what_a_role_may_not),
        cmocka_unit_test(reads_and_writes_role_names),
        IN_WORLD(answers_for_another_tenant_as_for_one_that_does_not_exist),
        IN_WORLD(lists_a_tenant_only_itself),
        IN_WORLD(registers_one_key_for_one_tenant_only),
        IN_WORLD(bounds_the_live_keys_of_a_tenant),
        IN_WORLD(makes_tokens_that_speak_for_one_role),
        IN_WORLD(does_not_believe_unknown_expired_or_revoked_tokens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
