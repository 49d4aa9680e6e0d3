/* The resource directory: what registers itself, and what becomes of it. */
#include "tests/unit/core/world.h"

#include <stdio.h>

#include "daemon/core/audit.h"
#include "daemon/core/directory.h"

static struct registration_order order_of(const char *endpoint)
{
    return (struct registration_order){ .endpoint = endpoint,
                                        .base = "coap://[fd00::7]",
                                        .links = bytes_of_text("</temp>;rt=temperature") };
}

static struct registration registered(struct world *world, const char *endpoint)
{
    struct registration_order order = order_of(endpoint);
    struct registration registration;

    assert_int_equal(directory_register(&world->core, &order, &registration, &world->why), 0);
    return registration;
}

static struct device device_of(struct world *world, const char *name)
{
    struct device device;

    assert_int_equal(device_get(&world->core, &world->owner, name, &device, &world->why), 0);
    return device;
}

static int count_registration(void *context, const struct registration *registration)
{
    (void)registration;
    ++*(unsigned *)context;
    return 0;
}

static unsigned listed(struct world *world, const char *endpoint, const char *sector)
{
    const struct directory_query query = { .endpoint = endpoint, .sector = sector, .page = { 0, 100 } };
    unsigned count = 0;

    assert_int_equal(directory_list(&world->core, &query, count_registration, &count), 0);
    return count;
}

static void lists_an_unknown_endpoint_as_unclaimed(void **state)
{
    struct world *world = *state;
    struct registration registration = registered(world, "thermo-1");
    struct device device = device_of(world, "thermo-1");

    assert_int_equal(device.state, DEVICE_UNCLAIMED);
    assert_string_equal(device.profile, "");
    assert_string_equal(device.address, "coap://[fd00::7]");
    assert_int_equal(registration.lifetime_s, 90000);
    assert_int_equal(registration.expires_ms, WORLD_START_MS + 90000000);
    assert_memory_equal(registration.location, "/rd/", 4);
    assert_int_equal(strlen(registration.location), 20);
    assert_int_equal(registration.device_id, device.id);
}

static void gives_an_unclaimed_endpoint_nothing(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    const struct rollout_order order = { .image = "thermo", .version = "1.0", .selector = "" };
    struct rollout rollout;

    registered(world, "thermo-1");
    world_grant(world, alice, "");
    world_image(world, alice, "thermo", "1.0");
    assert_int_equal(rollout_create(&world->core, &alice->caller, &order, &rollout, NULL), REFUSED_FORBIDDEN);
    struct device device = device_of(world, "thermo-1");
    assert_int_equal(grant_covers(&world->core, alice->tenant.id, &device, -1, NULL, NULL, 0, &world->why),
                     REFUSED_FORBIDDEN);
}

static void keeps_the_location_of_an_endpoint_that_registers_again(void **state)
{
    struct world *world = *state;
    struct registration first = registered(world, "thermo-1");

    world->clock.now_ms += 5000;
    struct registration again = registered(world, "thermo-1");
    assert_string_equal(again.location, first.location);
    assert_int_equal(again.expires_ms, first.expires_ms + 5000);
    assert_int_equal(listed(world, "thermo-1", NULL), 1);
    assert_string_not_equal(registered(world, "thermo-2").location, first.location);
}

static void folds_capitals_in_endpoint_names(void **state)
{
    struct world *world = *state;
    struct registration first = registered(world, "RIOT-0C8B");

    assert_string_equal(first.endpoint, "riot-0c8b");
    assert_string_equal(registered(world, "riot-0c8b").location, first.location);
    assert_int_equal(listed(world, "Riot-0C8B", NULL), 1);
}

static void refuses_an_endpoint_that_lives_in_another_sector(void **state)
{
    struct world *world = *state;
    struct registration_order order = order_of("thermo-1");
    struct registration first, other;

    order.sector = "hall";
    assert_int_equal(directory_register(&world->core, &order, &first, NULL), 0);
    order.sector = "roof";
    assert_int_equal(directory_register(&world->core, &order, &other, NULL), REFUSED_CONFLICT);
    assert_int_equal(listed(world, NULL, "hall"), 1);
    assert_int_equal(listed(world, NULL, "roof"), 0);
    assert_int_equal(directory_remove(&world->core, first.location, NULL), 0);
    assert_int_equal(directory_register(&world->core, &order, &other, NULL), 0);
}

static void refuses_what_is_out_of_form(void **state)
{
    struct world *world = *state;
    static const struct {
        struct registration_order order;
        const char *where;
    } cases[] = {
        { { .endpoint = "", .base = "coap://[::1]" }, "ep" },
        { { .endpoint = "a b", .base = "coap://[::1]" }, "ep" },
        { { .endpoint = NULL, .base = "coap://[::1]" }, "ep" },
        { { .endpoint = "a", .sector = "/", .base = "coap://[::1]" }, "d" },
        { { .endpoint = "a", .base = "coap://host" }, "base" },
        { { .endpoint = "a", .base = NULL }, "base" },
        { { .endpoint = "a", .base = "coap://[::1]", .lifetime_s = -1 }, "lt" },
        { { .endpoint = "a", .base = "coap://[::1]", .lifetime_s = 4294967296 }, "lt" },
        { { .endpoint = "a", .base = "coap://[::1]", .links = { (const uint8_t *)"<x", 2 } }, "links" },
    };
    struct registration out;
    struct why why;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(directory_register(&world->core, &cases[i].order, &out, &why), REFUSED_INVALID);
        assert_string_equal(why.where, cases[i].where);
    }
    assert_int_equal(world->core.counters[COUNT_REGISTRATION_REFUSED], sizeof(cases) / sizeof(cases[0]));
    assert_int_equal(listed(world, NULL, NULL), 0);
}

static void takes_a_base_with_a_slash_behind_it(void **state)
{
    struct world *world = *state;
    struct registration_order order = order_of("thermo-1");
    struct registration registration;

    order.base = "coap://[fd00::9]:5685/";
    assert_int_equal(directory_register(&world->core, &order, &registration, NULL), 0);
    assert_string_equal(registration.base, "coap://[fd00::9]:5685");
}

static void moves_a_claimed_device_to_where_it_registers_if_told_to(void **state)
{
    struct world *world = *state;
    struct registration registration;

    world->core.settings.follow_moves = true;
    world_device(world, "thermo-1", "tinypart", "site=lyon");
    registration = registered(world, "thermo-1");
    struct device device = device_of(world, "thermo-1");
    assert_int_equal(device.state, DEVICE_CLAIMED);
    assert_string_equal(device.address, "coap://[fd00::7]");
    assert_int_equal(device.label_count, 1);
    assert_int_equal(device.seen_ms, WORLD_START_MS);
    assert_int_equal(directory_update(&world->core, registration.location, 0, "coap://[fd00::8]", NULL), 0);
    assert_string_equal(device_of(world, "thermo-1").address, "coap://[fd00::8]");
}

static void keeps_a_claimed_device_at_its_host(void **state)
{
    static const struct {
        const char *base;
        int result;
    } cases[] = {
        { "coap://[fd00::8]", REFUSED_FORBIDDEN },
        { "coap://192.0.2.1", REFUSED_FORBIDDEN },
        { "coap://[fd00::7%eth0]", REFUSED_FORBIDDEN },
        { "coap://[fd00::7]:5684", 0 },
        { "coap://[FD00:0::7]:5685", 0 },
        { "coap://[fd00::7]", 0 },
    };
    struct world *world = *state;
    const struct device_order claim = { .name = "thermo-1", .profile = "tinypart" };
    struct registration first = registered(world, "thermo-1"), again;
    struct device device;

    assert_int_equal(device_claim(&world->core, &world->keeper, &claim, &device, NULL), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct registration_order order = order_of("thermo-1");

        order.base = cases[i].base;
        assert_int_equal(directory_register(&world->core, &order, &again, &world->why), cases[i].result);
        assert_int_equal(directory_update(&world->core, first.location, 0, cases[i].base, NULL), cases[i].result);
        assert_string_equal(device_of(world, "thermo-1").address,
                            cases[i].result == 0 ? cases[i].base : "coap://[fd00::7]");
    }
    assert_int_equal(world->core.counters[COUNT_REGISTRATION_REFUSED], 6);
}

static void takes_the_address_of_a_claimed_device_that_had_none(void **state)
{
    struct world *world = *state;
    const struct device_order order = { .name = "thermo-1", .profile = "tinypart" };
    struct device device;

    assert_int_equal(device_create(&world->core, &world->owner, &order, &device, NULL), 0);
    registered(world, "thermo-1");
    assert_string_equal(device_of(world, "thermo-1").address, "coap://[fd00::7]");
}

static void updates_lifetime_and_base_each_by_itself(void **state)
{
    struct world *world = *state;
    struct registration registration = registered(world, "thermo-1");

    assert_int_equal(directory_update(&world->core, registration.location, 60, NULL, NULL), 0);
    world->clock.now_ms += 59999;
    assert_int_equal(listed(world, NULL, NULL), 1);
    assert_int_equal(directory_update(&world->core, registration.location, 0, NULL, NULL), 0);
    world->clock.now_ms += 59999;
    assert_int_equal(listed(world, NULL, NULL), 1);
    world->clock.now_ms += 1;
    assert_int_equal(listed(world, NULL, NULL), 0);
    assert_int_equal(directory_update(&world->core, registration.location, 0, NULL, NULL), REFUSED_UNKNOWN);
    assert_int_equal(directory_update(&world->core, "/rd/AAAAAAAAAAAAAAAA", 0, NULL, NULL), REFUSED_UNKNOWN);
    assert_int_equal(directory_remove(&world->core, registration.location, NULL), REFUSED_UNKNOWN);
}

static void forgets_an_unclaimed_endpoint_with_its_registration_and_no_claimed_device(void **state)
{
    struct world *world = *state;
    struct registration unclaimed = registered(world, "thermo-1");
    struct device device;

    world->core.settings.follow_moves = true; /* from where world_device() puts it */
    world_device(world, "thermo-2", "tinypart", "");
    struct registration claimed = registered(world, "thermo-2");
    assert_int_equal(directory_remove(&world->core, unclaimed.location, NULL), 0);
    assert_int_equal(directory_remove(&world->core, claimed.location, NULL), 0);
    assert_int_equal(device_get(&world->core, &world->owner, "thermo-1", &device, NULL), REFUSED_UNKNOWN);
    device_of(world, "thermo-2");
}

static void forgets_unclaimed_endpoints_that_stayed_away_for_a_week(void **state)
{
    struct world *world = *state;
    struct registration_order order = order_of("long");
    struct registration registration;
    struct device device;

    registered(world, "short");
    order.lifetime_s = 4294967295;
    assert_int_equal(directory_register(&world->core, &order, &registration, NULL), 0);
    world->clock.now_ms += 6LL * 24 * 3600 * 1000;
    assert_int_equal(directory_expire(&world->core, world->clock.now_ms), 0);
    device_of(world, "short");
    world->clock.now_ms += 2LL * 24 * 3600 * 1000;
    assert_int_equal(directory_expire(&world->core, world->clock.now_ms), 0);
    assert_int_equal(device_get(&world->core, &world->owner, "short", &device, NULL), REFUSED_UNKNOWN);
    device_of(world, "long");
}

static void claims_an_endpoint_with_profile_and_labels(void **state)
{
    struct world *world = *state;
    const struct device_order order = { .name = "thermo-1", .profile = "riot-tinypart", .labels = "site=lyon" };
    struct device device;

    assert_int_equal(device_claim(&world->core, &world->keeper, &order, &device, NULL), REFUSED_UNKNOWN);
    registered(world, "thermo-1");
    assert_int_equal(device_claim(&world->core, &world->auditor, &order, &device, NULL), REFUSED_FORBIDDEN);
    assert_int_equal(device_claim(&world->core, &world->keeper, &order, &device, NULL), 0);
    assert_int_equal(device.state, DEVICE_CLAIMED);
    assert_string_equal(device.address, "coap://[fd00::7]");
    assert_string_equal(device_of(world, "thermo-1").labels[0].value, "lyon");
}

static void claims_by_itself_only_in_a_lab_and_only_with_a_known_profile(void **state)
{
    struct world *world = *state;
    struct registration_order order = order_of("thermo-1");
    struct registration registration;

    order.profile_hint = "tinypart";
    assert_int_equal(directory_register(&world->core, &order, &registration, NULL), 0);
    assert_int_equal(device_of(world, "thermo-1").state, DEVICE_UNCLAIMED);
    world->core.settings.claim_by_itself = true;
    order.endpoint = "thermo-2";
    assert_int_equal(directory_register(&world->core, &order, &registration, NULL), 0);
    assert_int_equal(device_of(world, "thermo-2").state, DEVICE_CLAIMED);
    assert_string_equal(device_of(world, "thermo-2").profile, "tinypart");
    order.endpoint = "thermo-3";
    order.profile_hint = "toaster";
    assert_int_equal(directory_register(&world->core, &order, &registration, NULL), 0);
    assert_int_equal(device_of(world, "thermo-3").state, DEVICE_UNCLAIMED);
}

static void lets_no_peer_make_the_audit_record_grow(void **state)
{
    struct world *world = *state;
    struct audit_verdict before, after;

    assert_int_equal(audit_verify(&world->core, &world->owner, &before, NULL), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(directory_remove(&world->core, registered(world, "thermo-1").location, NULL), 0);
    assert_int_equal(audit_verify(&world->core, &world->owner, &after, NULL), 0);
    assert_int_equal(before.entries, after.entries);
}

static int many_unclaimed(struct store *store, enum device_state state, int64_t *out)
{
    (void)store;
    *out = state == DEVICE_UNCLAIMED ? UNCLAIMED_MAX : 0;
    return 0;
}

static void bounds_the_unclaimed(void **state)
{
    struct world *world = *state;
    struct store full = *world->store;
    struct registration_order order = order_of("thermo-2");
    struct registration registration;

    world->core.settings.follow_moves = true;
    registered(world, "thermo-1");
    world_device(world, "thermo-3", "tinypart", "");
    world->store->device_count = many_unclaimed;
    assert_int_equal(directory_register(&world->core, &order, &registration, NULL), REFUSED_BUSY);
    assert_int_equal(world->core.counters[COUNT_REGISTRATION_REFUSED], 1);
    registered(world, "thermo-1");
    registered(world, "thermo-3");
    *world->store = full;
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(lists_an_unknown_endpoint_as_unclaimed),
        IN_WORLD(gives_an_unclaimed_endpoint_nothing),
        IN_WORLD(keeps_the_location_of_an_endpoint_that_registers_again),
        IN_WORLD(folds_capitals_in_endpoint_names),
        IN_WORLD(refuses_an_endpoint_that_lives_in_another_sector),
        IN_WORLD(refuses_what_is_out_of_form),
        IN_WORLD(takes_a_base_with_a_slash_behind_it),
        IN_WORLD(moves_a_claimed_device_to_where_it_registers_if_told_to),
        IN_WORLD(keeps_a_claimed_device_at_its_host),
        IN_WORLD(takes_the_address_of_a_claimed_device_that_had_none),
        IN_WORLD(updates_lifetime_and_base_each_by_itself),
        IN_WORLD(forgets_an_unclaimed_endpoint_with_its_registration_and_no_claimed_device),
        IN_WORLD(forgets_unclaimed_endpoints_that_stayed_away_for_a_week),
        IN_WORLD(claims_an_endpoint_with_profile_and_labels),
        IN_WORLD(claims_by_itself_only_in_a_lab_and_only_with_a_known_profile),
        IN_WORLD(lets_no_peer_make_the_audit_record_grow),
        IN_WORLD(bounds_the_unclaimed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
