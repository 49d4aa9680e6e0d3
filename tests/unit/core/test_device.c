/* Devices, grants, cohorts, and asking one thing at a time. */
#include "tests/unit/core/world.h"

#include <errno.h>
#include <stdio.h>

#include "daemon/core/asking.h"

struct names {
    char text[1024];
    size_t count;
    struct device last;
};

static int add_name(void *context, const struct device *device)
{
    struct names *names = context;

    if (names->count++ > 0)
        strcat(names->text, " ");
    strcat(names->text, device->name);
    names->last = *device;
    return 0;
}

static struct names list(struct world *world, const struct caller *caller, const char *selector)
{
    struct page page = { 0, 100 };
    struct names names = { 0 };

    assert_int_equal(device_list(&world->core, caller, selector, 0, page, add_name, &names, &world->why), 0);
    return names;
}

static struct names cohort(struct world *world, const struct world_tenant *tenant, const char *selector,
                           const char *sensor, int slot)
{
    const struct cohort_query query = {
        .tenant_id = tenant->tenant.id, .selector = selector, .sensor = sensor, .slot = slot
    };
    struct names names = { 0 };

    assert_int_equal(device_cohort(&world->core, &query, add_name, &names, &world->why), 0);
    return names;
}

static void three_devices(struct world *world)
{
    world_device(world, "d1", "riot-tinypart", "site=lyon,floor=1");
    world_device(world, "d2", "riot-mainline", "site=lyon,floor=2");
    world_device(world, "d3", "tinypart", "site=paris");
}

static void refuses_orders_that_are_out_of_form(void **state)
{
    struct world *world = *state;
    static const struct {
        struct device_order order;
        int refusal;
        const char *where;
    } cases[] = {
        { { .name = "D1", .profile = "tinypart" }, REFUSED_INVALID, "name" },
        { { .name = NULL, .profile = "tinypart" }, REFUSED_INVALID, "name" },
        { { .name = "d1" }, REFUSED_INVALID, "profile" },
        { { .name = "d1", .profile = "toaster" }, REFUSED_UNKNOWN, "profile" },
        { { .name = "d1", .profile = "tinypart", .address = "http://x" }, REFUSED_INVALID, "address" },
        { { .name = "d1", .profile = "tinypart", .labels = "a" }, REFUSED_INVALID, "labels" },
        { { .name = "d1", .profile = "tinypart", .labels = "a-" }, REFUSED_INVALID, "labels" },
    };
    struct device device;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct why why;
        assert_int_equal(device_create(&world->core, &world->owner, &cases[i].order, &device, &why), cases[i].refusal);
        assert_string_equal(why.where, cases[i].where);
    }
    assert_int_equal(list(world, &world->owner, "").count, 0);
}

static void creates_each_name_once(void **state)
{
    struct world *world = *state;
    const struct device_order order = { .name = "d1", .profile = "tinypart" };
    struct device device;

    world_device(world, "d1", "tinypart", "a=b");
    assert_int_equal(device_create(&world->core, &world->owner, &order, &device, NULL), REFUSED_EXISTS);
    assert_int_equal(device_claim(&world->core, &world->owner, &order, &device, NULL), REFUSED_CONFLICT);
    assert_int_equal(device_create(&world->core, &world->auditor, &order, &device, NULL), REFUSED_FORBIDDEN);
}

static void lists_by_selector_and_page(void **state)
{
    struct world *world = *state;
    struct names names = { 0 };

    three_devices(world);
    assert_string_equal(list(world, &world->owner, "site=lyon").text, "d1 d2");
    assert_string_equal(list(world, &world->owner, "floor notin (1)").text, "d2 d3");
    struct page first = { 0, 2 };
    assert_int_equal(device_list(&world->core, &world->owner, NULL, 0, first, add_name, &names, NULL), 0);
    assert_string_equal(names.text, "d1 d2");
    struct page second = { names.last.id, 2 };
    names = (struct names){ 0 };
    assert_int_equal(device_list(&world->core, &world->owner, NULL, 0, second, add_name, &names, NULL), 0);
    assert_string_equal(names.text, "d3");
}

static void lists_more_devices_than_one_batch_holds(void **state)
{
    struct world *world = *state;
    struct page page = { 0, 1000 };
    struct names names = { 0 };
    char name[16];

    for (int i = 0; i < 130; i++) {
        snprintf(name, sizeof(name), "d%d", i);
        world_device(world, name, "tinypart", i % 2 == 0 ? "even=yes" : "odd=yes");
    }
    assert_int_equal(device_list(&world->core, &world->owner, "even", 0, page, add_name, &names, NULL), 0);
    assert_int_equal(names.count, 65);
    assert_string_equal(names.last.name, "d128");
}

static int stop_with_seven(void *context, const struct device *device)
{
    (void)context;
    (void)device;
    return 7;
}

static void ends_a_listing_with_what_its_reader_returns(void **state)
{
    struct world *world = *state;
    struct page page = { 0, 10 };

    three_devices(world);
    assert_int_equal(device_list(&world->core, &world->owner, "", 0, page, stop_with_seven, NULL, NULL), 7);
}

static int keep_slot(void *context, const struct slot *slot)
{
    *(struct slot *)context = *slot;
    return 0;
}

static void shows_a_tenant_only_devices_of_its_grants_and_nothing_of_others(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    struct world_tenant *bob = world_tenant(world, "bob");
    struct device device;

    three_devices(world);
    world_grant(world, alice, "site=lyon");
    world_grant(world, bob, "site=paris");
    struct names seen = list(world, &alice->caller, "");
    assert_string_equal(seen.text, "d1 d2");
    assert_string_equal(seen.last.address, "");
    assert_int_equal(seen.last.report_key.size, 0);
    assert_int_equal(device_get(&world->core, &alice->caller, "d3", &device, &world->why), REFUSED_UNKNOWN);
    assert_string_equal(world->why.what, "there is no device d3");
    assert_int_equal(device_get(&world->core, &alice->caller, "d9", &device, &world->why), REFUSED_UNKNOWN);
    assert_string_equal(world->why.what, "there is no device d9");
    assert_int_equal(device_get(&world->core, &alice->caller, "d1", &device, NULL), 0);
    assert_string_equal(device.address, "");
    assert_int_equal(device_get(&world->core, &world->owner, "d1", &device, NULL), 0);
    assert_string_not_equal(device.address, "");
}

/* That something came in from a device is data, or tells of other tenants; so is when it is polled next. */
static void tells_a_tenant_nothing_of_when_a_device_was_heard(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    struct device device = world_device(world, "d1", "riot-tinypart", "site=lyon");

    world_grant(world, alice, "");
    struct image image = world_image(world, alice, "thermo", "1.0");
    struct store *store = world->store;
    assert_int_equal(store->begin(store), 0);
    assert_int_equal(store->device_seen(store, device.id, WORLD_START_MS + 5), 0);
    assert_int_equal(store->slot_take(store, device.id, 0, alice->tenant.id, 1), 0);
    assert_int_equal(store->slot_installed(store, device.id, 0, image.id, WORLD_START_MS + 9, 1), 0);
    assert_int_equal(store->commit(store), 0);
    struct slot slot = { 0 };
    assert_int_equal(device_get(&world->core, &alice->caller, "d1", &device, NULL), 0);
    assert_int_equal(device.seen_ms, 0);
    assert_int_equal(list(world, &alice->caller, "").last.seen_ms, 0);
    assert_int_equal(device_slots(&world->core, &alice->caller, "d1", keep_slot, &slot, NULL), 0);
    assert_int_equal(slot.image_id, image.id);
    assert_int_equal(slot.poll_due_ms, 0);
    assert_int_equal(device_get(&world->core, &world->owner, "d1", &device, NULL), 0);
    assert_int_equal(device.seen_ms, WORLD_START_MS + 5);
    assert_int_equal(device_slots(&world->core, &world->owner, "d1", keep_slot, &slot, NULL), 0);
    assert_int_equal(slot.poll_due_ms, WORLD_START_MS + 9);
}

static int count_slot(void *context, const struct slot *slot)
{
    (void)slot;
    ++*(unsigned *)context;
    return 0;
}

static void shows_a_tenant_only_its_own_slots(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    struct world_tenant *bob = world_tenant(world, "bob");
    struct device device = world_device(world, "d1", "riot-tinypart", "site=lyon");
    unsigned seen = 0;

    world_grant(world, alice, "");
    world_grant(world, bob, "");
    assert_int_equal(world->store->begin(world->store), 0);
    assert_int_equal(world->store->slot_take(world->store, device.id, 0, alice->tenant.id, 1), 0);
    assert_int_equal(world->store->slot_take(world->store, device.id, 1, bob->tenant.id, 1), 0);
    assert_int_equal(world->store->commit(world->store), 0);
    assert_int_equal(device_slots(&world->core, &alice->caller, "d1", count_slot, &seen, NULL), 0);
    assert_int_equal(seen, 1);
    seen = 0;
    assert_int_equal(device_slots(&world->core, &world->owner, "d1", count_slot, &seen, NULL), 0);
    assert_int_equal(seen, 2);
}

static void the_owner_says_where_a_device_is_now(void **state)
{
    struct world *world = *state;
    struct device device;

    world_device(world, "d1", "tinypart", "");
    assert_int_equal(device_move(&world->core, &world->owner, "d1", "coap://[fd00:1::7]:5683", &device, NULL), 0);
    assert_string_equal(device.address, "coap://[fd00:1::7]:5683");
    assert_int_equal(device_get(&world->core, &world->owner, "d1", &device, NULL), 0);
    assert_string_equal(device.address, "coap://[fd00:1::7]:5683");
    assert_int_equal(device_move(&world->core, &world->owner, "d1", "http://x", &device, NULL), REFUSED_INVALID);
    assert_int_equal(device_move(&world->core, &world->owner, "d9", "coap://127.0.0.1", &device, NULL),
                     REFUSED_UNKNOWN);
    assert_int_equal(device_move(&world->core, &world->auditor, "d1", "coap://127.0.0.1", &device, NULL),
                     REFUSED_FORBIDDEN);
}

static void changes_and_removes_labels(void **state)
{
    struct world *world = *state;
    struct device device;

    three_devices(world);
    assert_int_equal(device_label(&world->core, &world->keeper, "d1", "site=nice,floor-,new=1,gone-", &device, NULL),
                     0);
    assert_int_equal(device.label_count, 2);
    assert_string_equal(list(world, &world->owner, "site=nice,new=1,!floor").text, "d1");
    assert_int_equal(device_label(&world->core, &world->owner, "d9", "a=1", &device, NULL), REFUSED_UNKNOWN);
    assert_int_equal(device_label(&world->core, &world->auditor, "d1", "a=1", &device, NULL), REFUSED_FORBIDDEN);
}

static void bounds_the_labels_of_a_device(void **state)
{
    struct world *world = *state;
    struct device device;
    char label[16];

    world_device(world, "d1", "tinypart", "");
    for (int i = 0; i < LABELS_MAX; i++) {
        snprintf(label, sizeof(label), "k%d=v", i);
        assert_int_equal(device_label(&world->core, &world->owner, "d1", label, &device, NULL), 0);
    }
    assert_int_equal(device_label(&world->core, &world->owner, "d1", "more=v", &device, NULL), REFUSED_INVALID);
    assert_int_equal(device_label(&world->core, &world->owner, "d1", "k0=w", &device, NULL), 0);
}

static void deletes_devices(void **state)
{
    struct world *world = *state;

    three_devices(world);
    assert_int_equal(device_delete(&world->core, &world->auditor, "d1", NULL), REFUSED_FORBIDDEN);
    assert_int_equal(device_delete(&world->core, &world->keeper, "d1", NULL), 0);
    assert_int_equal(device_delete(&world->core, &world->keeper, "d1", NULL), REFUSED_UNKNOWN);
    assert_string_equal(list(world, &world->owner, "").text, "d2 d3");
}

static void forms_cohorts_of_what_selector_and_grant_both_pick(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    const struct grant_order lyon = {
        .tenant = "alice", .selector = "site=lyon", .sensors = "temperature", .helpers = "0x31,0x32", .slots = "0"
    };
    struct grant grant;

    three_devices(world);
    assert_int_equal(grant_create(&world->core, &world->owner, &lyon, &grant, NULL), 0);
    assert_string_equal(cohort(world, alice, "", NULL, -1).text, "d1 d2");
    assert_string_equal(cohort(world, alice, "floor=2", "temperature", 0).text, "d2");
    assert_string_equal(cohort(world, alice, "", "humidity", -1).text, "");
    assert_string_equal(cohort(world, alice, "", NULL, 1).text, "");
    assert_int_equal(grant_revoke(&world->core, &world->owner, grant.id, NULL), 0);
    assert_string_equal(cohort(world, alice, "", NULL, -1).text, "");
}

static void no_tenant_is_no_cohort_and_not_everybodys(void **state)
{
    struct world *world = *state;
    const struct cohort_query query = { .tenant_id = 0, .slot = -1 };
    struct names names = { 0 };

    three_devices(world);
    world_grant(world, world_tenant(world, "alice"), "");
    assert_int_equal(device_cohort(&world->core, &query, add_name, &names, NULL), -EINVAL);
}

static void says_what_a_grant_lacks(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    const struct grant_order order = {
        .tenant = "alice", .selector = "site=lyon", .sensors = "load", .helpers = "0x31", .slots = "1"
    };
    struct device lyon = world_device(world, "d1", "tinypart", "site=lyon");
    struct device paris = world_device(world, "d2", "tinypart", "site=paris");
    const uint32_t helpers[] = { 0x31, 0x60 };
    struct grant grant;
    struct why why;

    assert_int_equal(grant_create(&world->core, &world->owner, &order, &grant, NULL), 0);
    assert_int_equal(grant_covers(&world->core, alice->tenant.id, &lyon, 1, "load", helpers, 1, &why), 0);
    assert_int_equal(grant_covers(&world->core, alice->tenant.id, &paris, 1, NULL, NULL, 0, &why), REFUSED_FORBIDDEN);
    assert_string_equal(why.what, "no grant of this tenant covers device d2");
    assert_int_equal(grant_covers(&world->core, alice->tenant.id, &lyon, 0, NULL, NULL, 0, &why), REFUSED_FORBIDDEN);
    assert_string_equal(why.what, "grant 1 does not give slot 0 of device d1");
    assert_int_equal(grant_covers(&world->core, alice->tenant.id, &lyon, -1, "door", NULL, 0, &why), REFUSED_FORBIDDEN);
    assert_string_equal(why.what, "grant 1 does not give the sensor door of device d1");
    assert_int_equal(grant_covers(&world->core, alice->tenant.id, &lyon, 1, "", helpers, 2, &why), REFUSED_FORBIDDEN);
    assert_string_equal(why.what, "grant 1 does not give helper call 0x60 on device d1");
}

static void does_not_add_up_two_grants(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    const struct grant_order slot = { .tenant = "alice", .slots = "0" };
    const struct grant_order sensor = { .tenant = "alice", .sensors = "load" };
    struct device device = world_device(world, "d1", "tinypart", "");
    struct grant grant;

    assert_int_equal(grant_create(&world->core, &world->owner, &slot, &grant, NULL), 0);
    assert_int_equal(grant_create(&world->core, &world->owner, &sensor, &grant, NULL), 0);
    assert_int_equal(grant_covers(&world->core, alice->tenant.id, &device, 0, NULL, NULL, 0, NULL), 0);
    assert_int_equal(grant_covers(&world->core, alice->tenant.id, &device, -1, "load", NULL, 0, NULL), 0);
    assert_int_equal(grant_covers(&world->core, alice->tenant.id, &device, 0, "load", NULL, 0, NULL),
                     REFUSED_FORBIDDEN);
}

static void ends_grants_at_their_time(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    const struct grant_order order = { .tenant = "alice", .slots = "*", .until_ms = WORLD_START_MS + 1000 };
    struct device device = world_device(world, "d1", "tinypart", "");
    struct grant grant;

    assert_int_equal(grant_create(&world->core, &world->owner, &order, &grant, NULL), 0);
    world->clock.now_ms += 999;
    assert_int_equal(grant_covers(&world->core, alice->tenant.id, &device, 0, NULL, NULL, 0, NULL), 0);
    world->clock.now_ms += 1;
    assert_int_equal(grant_covers(&world->core, alice->tenant.id, &device, 0, NULL, NULL, 0, NULL), REFUSED_FORBIDDEN);
    assert_int_equal(grant_create(&world->core, &world->owner, &order, &grant, NULL), REFUSED_INVALID);
}

static int count_grant(void *context, const struct grant *grant)
{
    (void)grant;
    ++*(unsigned *)context;
    return 0;
}

static void gives_grants_by_the_owner_only_and_shows_a_tenant_its_own(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    struct world_tenant *bob = world_tenant(world, "bob");
    const struct grant_order order = { .tenant = "alice", .slots = "*" };
    const struct grant_order wrong[] = { { .tenant = "alice", .slots = "8" },
                                         { .tenant = "alice", .sensors = "A" },
                                         { .tenant = "alice", .helpers = "x" },
                                         { .tenant = "alice", .selector = "=" } };
    struct page page = { 0, 10 };
    struct grant grant;
    unsigned seen = 0;

    assert_int_equal(grant_create(&world->core, &alice->caller, &order, &grant, NULL), REFUSED_FORBIDDEN);
    assert_int_equal(grant_create(&world->core, &world->keeper, &order, &grant, NULL), REFUSED_FORBIDDEN);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(grant_create(&world->core, &world->owner, &wrong[i], &grant, NULL), REFUSED_INVALID);
    world_grant(world, alice, "");
    grant = world_grant(world, bob, "");
    assert_int_equal(grant_list(&world->core, &alice->caller, page, count_grant, &seen, NULL), 0);
    assert_int_equal(seen, 1);
    assert_int_equal(grant_revoke(&world->core, &alice->caller, grant.id, NULL), REFUSED_FORBIDDEN);
    assert_int_equal(grant_revoke(&world->core, &world->owner, grant.id, NULL), 0);
    assert_int_equal(grant_revoke(&world->core, &world->owner, grant.id, NULL), REFUSED_UNKNOWN);
    assert_int_equal(grant_revoke(&world->core, &world->owner, 99, NULL), REFUSED_UNKNOWN);
}

static void bounds_the_live_grants_of_a_tenant(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    const struct grant_order order = { .tenant = "alice" };
    struct grant grant;

    for (int i = 0; i < GRANTS_PER_TENANT_MAX; i++)
        grant = world_grant(world, alice, "");
    struct grant beyond;
    assert_int_equal(grant_create(&world->core, &world->owner, &order, &beyond, NULL), REFUSED_EXHAUSTED);
    assert_int_equal(grant_revoke(&world->core, &world->owner, grant.id, NULL), 0);
    assert_int_equal(grant_create(&world->core, &world->owner, &order, &beyond, NULL), 0);
}

struct heard {
    unsigned times;
    unsigned code;
    bool stopped;
};

static void hear(struct core *core, void *context, const struct transport_answer *answer)
{
    struct heard *heard = context;

    (void)core;
    heard->times++;
    heard->stopped = answer == NULL;
    heard->code = answer != NULL ? answer->code : 0;
}

static int ask(struct world *world, int64_t device_id, struct heard *heard)
{
    return asking_post(&world->core, device_id, "coap://[fd00::2]", "/x", bytes_view("y", 1), hear, heard);
}

static void asks_a_device_one_thing_at_a_time(void **state)
{
    struct world *world = *state;
    struct heard first = { 0 }, second = { 0 }, other = { 0 };

    assert_int_equal(ask(world, 1, &first), 0);
    assert_true(asking_is_busy(&world->core, 1));
    assert_int_equal(ask(world, 1, &second), REFUSED_BUSY);
    assert_int_equal(ask(world, 2, &other), 0);
    assert_int_equal(world->transport.count, 2);
    world_answer(world, &world->transport.requests[0], 204, "z");
    assert_int_equal(first.times, 1);
    assert_int_equal(first.code, 204);
    assert_int_equal(second.times, 0);
    assert_int_equal(other.times, 0);
    assert_false(asking_is_busy(&world->core, 1));
    assert_true(asking_is_busy(&world->core, 2));
    assert_int_equal(ask(world, 1, &second), 0);
    world_answer(world, &world->transport.requests[2], 205, "");
    world_answer_with(world, &world->transport.requests[1], ANSWER_NONE);
    assert_int_equal(second.code, 205);
    assert_int_equal(other.times, 1);
}

static void passes_an_answer_on_once_and_drops_those_nobody_waits_for(void **state)
{
    struct world *world = *state;
    struct heard heard = { 0 };
    struct transport_answer answer = { .kind = ANSWER_RESPONSE, .code = 204 };

    assert_int_equal(ask(world, 1, &heard), 0);
    answer.id = world->transport.requests[0].id;
    device_on_answer(&world->core, &answer);
    device_on_answer(&world->core, &answer);
    answer.id += 100;
    device_on_answer(&world->core, &answer);
    assert_int_equal(heard.times, 1);
}

static void is_not_busy_with_what_the_transport_did_not_take(void **state)
{
    struct world *world = *state;
    struct heard heard = { 0 };

    world->transport.result = REFUSED_INVALID;
    assert_int_equal(ask(world, 1, &heard), REFUSED_INVALID);
    world->transport.result = -EIO;
    assert_int_equal(ask(world, 1, &heard), -EIO);
    assert_false(asking_is_busy(&world->core, 1));
    assert_int_equal(heard.times, 0);
}

static void bounds_the_requests_under_way(void **state)
{
    struct world *world = *state;
    struct heard heard = { 0 };

    for (int64_t i = 0; i < ASKING_MAX; i++) {
        world->transport.count = 0;
        assert_int_equal(ask(world, i + 1, &heard), 0);
    }
    assert_int_equal(ask(world, ASKING_MAX + 1, &heard), REFUSED_BUSY);
    asking_stop(&world->core);
    assert_int_equal(heard.times, ASKING_MAX);
    assert_true(heard.stopped);
    assert_int_equal(asking_start(&world->core), 0);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(the_owner_says_where_a_device_is_now),
        IN_WORLD(refuses_orders_that_are_out_of_form),
        IN_WORLD(creates_each_name_once),
        IN_WORLD(lists_by_selector_and_page),
        IN_WORLD(lists_more_devices_than_one_batch_holds),
        IN_WORLD(ends_a_listing_with_what_its_reader_returns),
        IN_WORLD(shows_a_tenant_only_devices_of_its_grants_and_nothing_of_others),
        IN_WORLD(shows_a_tenant_only_its_own_slots),
        IN_WORLD(tells_a_tenant_nothing_of_when_a_device_was_heard),
        IN_WORLD(changes_and_removes_labels),
        IN_WORLD(bounds_the_labels_of_a_device),
        IN_WORLD(deletes_devices),
        IN_WORLD(forms_cohorts_of_what_selector_and_grant_both_pick),
        IN_WORLD(no_tenant_is_no_cohort_and_not_everybodys),
        IN_WORLD(says_what_a_grant_lacks),
        IN_WORLD(does_not_add_up_two_grants),
        IN_WORLD(ends_grants_at_their_time),
        IN_WORLD(gives_grants_by_the_owner_only_and_shows_a_tenant_its_own),
        IN_WORLD(bounds_the_live_grants_of_a_tenant),
        IN_WORLD(asks_a_device_one_thing_at_a_time),
        IN_WORLD(passes_an_answer_on_once_and_drops_those_nobody_waits_for),
        IN_WORLD(is_not_busy_with_what_the_transport_did_not_take),
        IN_WORLD(bounds_the_requests_under_way),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
