/* contract_devices.c - profiles, devices and labels, the resource directory, slots. */
#include "tests/contract/store_contract.h"

#include <string.h>

#include <stdio.h>

SEEN_EACH(device)

static int count_profile(void *context, const struct profile *row)
{
    (void)row;
    (*(unsigned *)context)++;
    return 0;
}

static void the_shipped_profiles_are_there(void **state)
{
    struct store *store = *state;
    struct profile tp = { 0 }, main_line = { 0 }, own = { 0 };
    unsigned count = 0;

    ok(store->profile_each(store, count_profile, &count));
    assert_true(count >= 3);
    ok(store->profile_by_name(store, "riot-tinypart", &tp));
    assert_string_equal(tp.dialect, "riot");
    assert_string_equal(tp.exec_path, "/bpf/exec/%u");
    assert_int_equal(tp.outcome, OUTCOME_EXEC);
    assert_int_equal(tp.give_up_ms, 45000);
    assert_true(tp.may_ping && tp.piggyback_only && !tp.trigger_nul && !tp.telemetry);
    ok(store->profile_by_name(store, "riot-mainline", &main_line));
    assert_int_equal(main_line.outcome, OUTCOME_FETCH);
    assert_int_equal(main_line.give_up_ms, 93000);
    assert_true(main_line.trigger_nul && !main_line.may_ping);
    ok(store->profile_by_name(store, "tinypart", &own));
    assert_string_equal(own.dialect, "suit");
    assert_string_equal(own.component, "slot/%u");
    assert_string_equal(tp.helpers, "0x30,0x31,0x32,0x60,0x61");
    assert_string_equal(own.helpers, "0x30,0x31,0x32,0x60,0x61,0x10,0x12"); /* and a store of numbers */
    assert_string_equal(own.algorithm, "ed25519");
    assert_string_equal(own.accepts, "ed25519,esp256,hss-lms,ml-dsa-44,ml-dsa-65,ml-dsa-87");
    assert_true(own.decrypts && !tp.decrypts);
    assert_int_equal(own.manifest_size_max, 12288);
    assert_string_equal(tp.accepts, "ed25519");
    assert_true(own.tokens && !tp.tokens);
    assert_int_equal(own.slots, 4);
    assert_int_equal(own.outcome, OUTCOME_REPORT);
    assert_true(own.telemetry && own.noises_on_board && own.telemetry_plain && own.may_ping);
    assert_int_equal(store->profile_by_name(store, "toaster", &own), REFUSED_UNKNOWN);
}

/* In place, and cleared first: the tests compare whole structs, padding and all. */
static void fill_device(struct device *device)
{
    memset(device, 0, sizeof *device);
    strcpy(device->name, "thermo-1");
    strcpy(device->profile, "tinypart");
    strcpy(device->class_name, "board");
    strcpy(device->address, "coap://[fd00::1]:5683");
    device->state = DEVICE_CLAIMED;
    device->sequence = 3;
    device->telemetry_sequence = 4;
    device->life_cap.ueps = 1000;
    device->created_ms = NOW;
    device->label_count = 2;
    strcpy(device->labels[0].key, "floor");
    strcpy(device->labels[0].value, "1");
    strcpy(device->labels[1].key, "site");
    strcpy(device->labels[1].value, "lyon,=x");
    device->report_key.type = KEY_ML_DSA_87;
    device->report_key.size = PUBLIC_KEY_SIZE_MAX;
    memset(device->report_key.raw, 7, PUBLIC_KEY_SIZE_MAX);
    memset(device->encryption_key, 4, sizeof device->encryption_key);
}

static void a_device_comes_back_as_it_was_saved(void **state)
{
    struct store *store = *state;
    struct device saved, found;

    fill_device(&saved);
    ok(in_transaction(store, store->device_insert(store, &saved)));
    ok(store->device_by_name(store, "thermo-1", &found));
    assert_memory_equal(&found, &saved, sizeof saved);
    ok(store->device_by_id(store, saved.id, &found));
    assert_memory_equal(&found, &saved, sizeof saved);
    assert_int_equal(in_transaction(store, store->device_insert(store, &saved)), REFUSED_EXISTS);
    assert_int_equal(store->device_by_name(store, "nobody", &found), REFUSED_UNKNOWN);
    assert_int_equal(store->device_by_id(store, 99, &found), REFUSED_UNKNOWN);
}

static void a_device_takes_as_many_labels_as_the_limit(void **state)
{
    struct store *store = *state;
    struct device saved = { .name = "d", .state = DEVICE_UNCLAIMED, .label_count = LABELS_MAX }, found = { 0 };

    for (int i = 0; i < LABELS_MAX; i++) {
        memset(saved.labels[i].key, 'k', NAME_SIZE - 1);
        memset(saved.labels[i].value, 'v', NAME_SIZE - 1);
        saved.labels[i].key[0] = (char)('A' + i);
    }
    ok(in_transaction(store, store->device_insert(store, &saved)));
    ok(store->device_by_name(store, "d", &found));
    assert_int_equal(found.label_count, LABELS_MAX);
    assert_string_equal(found.labels[LABELS_MAX - 1].value, saved.labels[LABELS_MAX - 1].value);
}

static void an_update_replaces_labels_and_keeps_name_and_numbers(void **state)
{
    struct store *store = *state;
    struct device saved, update, found = { 0 };

    fill_device(&saved);
    ok(in_transaction(store, store->device_insert(store, &saved)));
    update = saved;
    update.sequence = 1;
    update.life_spent.ueps = 5;
    update.label_count = 1;
    strcpy(update.labels[0].value, "2");
    strcpy(update.address, "coap://[fd00::2]");
    memset(&update.report_key, 0, sizeof update.report_key);
    memset(update.encryption_key, 0, sizeof update.encryption_key);
    strcpy(update.profile, "");
    update.state = DEVICE_UNCLAIMED;
    ok(in_transaction(store, store->device_update(store, &update)));
    ok(store->device_by_id(store, saved.id, &found));
    assert_int_equal(found.label_count, 1);
    assert_string_equal(found.labels[0].value, "2");
    assert_string_equal(found.address, "coap://[fd00::2]");
    assert_string_equal(found.profile, "");
    assert_int_equal(found.state, DEVICE_UNCLAIMED);
    assert_int_equal(found.report_key.type, 0);
    assert_int_equal(found.encryption_key[0], 0);
    assert_int_equal(found.sequence, 3);
    assert_int_equal(found.life_spent.ueps, 0);
    strcpy(update.profile, "toaster");
    assert_int_equal(in_transaction(store, store->device_update(store, &update)), REFUSED_UNKNOWN);
    update.id = 99;
    assert_int_equal(in_transaction(store, store->device_update(store, &update)), REFUSED_UNKNOWN);
}

static void devices_are_listed_and_counted_by_state(void **state)
{
    struct store *store = *state;
    int64_t a = add_device(store, "a", "tinypart"), b = add_device(store, "b", NULL), count = 0;
    struct seen claimed = { 0 }, unclaimed = { 0 }, all = { 0 };

    add_device(store, "c", "riot-tinypart");
    ok(store->device_each(store, DEVICE_CLAIMED, everything, see_device, &claimed));
    ok(store->device_each(store, DEVICE_UNCLAIMED, everything, see_device, &unclaimed));
    ok(store->device_each(store, 0, (struct page){ a, 1 }, see_device, &all));
    assert_int_equal(claimed.count, 2);
    assert_int_equal(unclaimed.count, 1);
    assert_int_equal(all.count, 1);
    assert_int_equal(all.ids[0], b);
    ok(store->device_count(store, 0, &count));
    assert_int_equal(count, 3);
    ok(store->device_count(store, DEVICE_CLAIMED, &count));
    assert_int_equal(count, 2);
    ok(store->device_count(store, DEVICE_UNCLAIMED, &count));
    assert_int_equal(count, 1);
}

static void what_is_seen_and_counted_on_a_device_only_rises(void **state)
{
    struct store *store = *state;
    int64_t id = add_device(store, "a", "tinypart");
    struct device found = { 0 };

    ok(in_transaction(store, store->device_seen(store, id, NOW)));
    ok(in_transaction(store, store->device_seen(store, id, NOW - 5)));
    assert_int_equal(in_transaction(store, store->device_seen(store, 99, NOW)), REFUSED_UNKNOWN);
    ok(in_transaction(store, store->device_telemetry_sequence(store, id, 5)));
    assert_int_equal(in_transaction(store, store->device_telemetry_sequence(store, id, 5)), REFUSED_CONFLICT);
    assert_int_equal(in_transaction(store, store->device_telemetry_sequence(store, id, 4)), REFUSED_CONFLICT);
    assert_int_equal(in_transaction(store, store->device_telemetry_sequence(store, id, UINT64_MAX)), REFUSED_CONFLICT);
    assert_int_equal(in_transaction(store, store->device_telemetry_sequence(store, 99, 6)), REFUSED_UNKNOWN);
    ok(in_transaction(store, store->device_telemetry_sequence(store, id, INT64_MAX)));
    ok(store->device_by_id(store, id, &found));
    assert_int_equal(found.seen_ms, NOW);
    assert_int_equal(found.telemetry_sequence, INT64_MAX);
}

static void suspicion_stays_until_it_is_taken_off_and_takes_the_watches_along(void **state)
{
    struct store *store = *state;
    int64_t id = add_device(store, "a", "tinypart"), other = add_device(store, "b", "tinypart");
    uint8_t one[WATCH_SIZE], two[WATCH_SIZE], found_state[WATCH_SIZE];
    struct device found = { 0 };

    memset(one, 1, sizeof(one));
    memset(two, 2, sizeof(two));
    assert_int_equal(store->watch_get(store, id, "load", found_state), REFUSED_UNKNOWN);
    assert_int_equal(in_transaction(store, store->watch_put(store, 99, "load", one)), REFUSED_UNKNOWN);
    ok(in_transaction(store, store->watch_put(store, id, "load", one)));
    ok(in_transaction(store, store->watch_put(store, id, "load", two)));
    ok(in_transaction(store, store->watch_put(store, id, "heat", one)));
    ok(in_transaction(store, store->watch_put(store, other, "load", one)));
    ok(store->watch_get(store, id, "load", found_state));
    assert_memory_equal(found_state, two, WATCH_SIZE);

    assert_int_equal(in_transaction(store, store->device_trust(store, id)), REFUSED_CONFLICT);
    assert_int_equal(in_transaction(store, store->device_suspect(store, 99, NOW, "why")), REFUSED_UNKNOWN);
    ok(in_transaction(store, store->device_suspect(store, id, NOW, "first")));
    assert_int_equal(in_transaction(store, store->device_suspect(store, id, NOW + 1, "second")), REFUSED_CONFLICT);
    ok(store->device_by_id(store, id, &found));
    assert_int_equal(found.suspect_ms, NOW);
    assert_string_equal(found.suspect_reason, "first");
    ok(in_transaction(store, store->device_update(store, &found)));
    ok(in_transaction(store, store->device_trust(store, id)));
    assert_int_equal(in_transaction(store, store->device_trust(store, 99)), REFUSED_UNKNOWN);
    ok(store->device_by_id(store, id, &found));
    assert_int_equal(found.suspect_ms, 0);
    assert_string_equal(found.suspect_reason, "");
    assert_int_equal(store->watch_get(store, id, "heat", found_state), REFUSED_UNKNOWN);
    ok(store->watch_get(store, other, "load", found_state));
    ok(in_transaction(store, store->device_delete(store, other)));
    assert_int_equal(store->watch_get(store, other, "load", found_state), REFUSED_UNKNOWN);
}

static void a_device_that_comes_again_goes_on_with_what_it_lost(void **state)
{
    struct store *store = *state;
    int64_t tenant = add_tenant(store, "a"), old = add_device(store, "d", "tinypart"), new;
    struct cohort_member member;
    struct cohort cohort = one_device(old, &member);
    struct charge charge = { .cause = "telemetry",
                             .cause_id = 1,
                             .cohort = &cohort,
                             .epoch = 100,
                             .loss = { .ueps = 10, .nrho = 1 },
                             .filter_cap = pure_cap(50) };
    struct registration registration = { .device_id = old, .location = "x", .endpoint = "d", .lifetime_s = 60 };
    struct charge_standing standing = { 0 };
    struct device found = { 0 }, again = { .name = "d", .state = DEVICE_UNCLAIMED };

    ok(in_transaction(store, store->charge(store, &charge, NULL)));
    ok(in_transaction(store, store->registration_put(store, &registration)));
    ok(in_transaction(store, store->slot_take(store, old, 0, tenant, NOW)));
    ok(in_transaction(store, store->device_delete(store, old)));
    assert_int_equal(in_transaction(store, store->device_delete(store, old)), REFUSED_UNKNOWN);
    assert_int_equal(store->device_by_name(store, "d", &found), REFUSED_UNKNOWN);
    assert_int_equal(store->registration_by_location(store, "x", &registration), REFUSED_UNKNOWN);
    /* the ledger charges nobody who is gone, and forgets nobody */
    assert_int_equal(in_transaction(store, store->charge(store, &charge, NULL)), REFUSED_UNKNOWN);
    ok(store->filter_standing(store, old, 100, &standing));
    assert_int_equal(standing.spent.ueps, 10);
    ok(store->ledger_recount(store, NULL, NULL));
    assert_true(add_device(store, "other", "tinypart") > old);
    for (int i = 0; i < 2; i++) { /* also one that goes as it came */
        ok(in_transaction(store, store->device_insert(store, &again)));
        assert_int_equal(again.id, old);
        assert_int_equal(again.life_spent.ueps, 10);
        ok(in_transaction(store, store->device_delete(store, old)));
    }
    new = add_device(store, "d", "tinypart");
    assert_int_equal(new, old);
    ok(store->device_by_id(store, new, &found));
    assert_int_equal(found.life_spent.ueps, 10);
    charge.loss.ueps = 41;
    assert_int_equal(in_transaction(store, store->charge(store, &charge, NULL)), REFUSED_EXHAUSTED);
    charge.loss.ueps = 40;
    ok(in_transaction(store, store->charge(store, &charge, NULL)));
    ok(store->ledger_recount(store, NULL, NULL));
}

static void a_device_that_comes_again_keeps_its_sequence_number(void **state)
{
    struct store *store = *state;
    struct device device = { .name = "d", .state = DEVICE_CLAIMED, .profile = "tinypart", .sequence = 7 };
    struct device again = { .name = "d", .state = DEVICE_CLAIMED, .profile = "tinypart", .telemetry_sequence = 1 };

    ok(in_transaction(store, store->device_insert(store, &device)));
    ok(in_transaction(store, store->device_telemetry_sequence(store, device.id, 50)));
    ok(in_transaction(store, store->device_delete(store, device.id)));
    ok(in_transaction(store, store->device_insert(store, &again)));
    assert_int_equal(again.id, device.id);
    ok(store->device_by_id(store, again.id, &device));
    assert_int_equal(device.sequence, 7);
    assert_int_equal(device.telemetry_sequence, 1); /* a swapped board counts its packs anew */
}

static void a_device_that_lost_nothing_is_forgotten(void **state)
{
    struct store *store = *state;
    int64_t old = add_device(store, "d", "tinypart");

    ok(in_transaction(store, store->device_delete(store, old)));
    assert_true(add_device(store, "d", "tinypart") > old);
}

static void fill_registration(struct registration *out, int64_t device_id, const char *location, const char *endpoint)
{
    memset(out, 0, sizeof *out);
    out->device_id = device_id;
    out->lifetime_s = 4294967295;
    out->expires_ms = NOW + 1000;
    strcpy(out->base, "coap://[::1]:5683");
    strcpy(out->links, "</t>;rt=\"x\"");
    snprintf(out->location, sizeof out->location, "%s", location);
    snprintf(out->endpoint, sizeof out->endpoint, "%s", endpoint);
}

static int see_registration(void *context, const struct registration *row)
{
    seen_add(context, row->device_id);
    return 0;
}

static void a_registration_is_put_found_and_removed(void **state)
{
    struct store *store = *state;
    int64_t device = add_device(store, "d", NULL);
    struct registration saved, found, nowhere, clash;

    fill_registration(&saved, device, "rd/1", "d");
    ok(in_transaction(store, store->registration_put(store, &saved)));
    saved.lifetime_s = 60;
    memset(saved.base, 0, sizeof saved.base);
    strcpy(saved.base, "coap://[::2]");
    ok(in_transaction(store, store->registration_put(store, &saved)));
    ok(store->registration_by_location(store, "rd/1", &found));
    assert_memory_equal(&found, &saved, sizeof saved);
    ok(store->registration_by_endpoint(store, "d", "", &found));
    assert_int_equal(found.lifetime_s, 60);
    assert_int_equal(store->registration_by_endpoint(store, "d", "other", &found), REFUSED_UNKNOWN);
    fill_registration(&clash, device, "rd/1", "e");
    assert_int_equal(in_transaction(store, store->registration_put(store, &clash)), REFUSED_EXISTS);
    fill_registration(&nowhere, 99, "rd/2", "f");
    assert_int_equal(in_transaction(store, store->registration_put(store, &nowhere)), REFUSED_UNKNOWN);
    ok(in_transaction(store, store->registration_delete(store, "rd/1")));
    assert_int_equal(in_transaction(store, store->registration_delete(store, "rd/1")), REFUSED_UNKNOWN);
}

static void registrations_are_looked_up_live_filtered_and_by_the_page(void **state)
{
    struct store *store = *state;
    struct directory_query all = { NULL, NULL, everything }, by_name = { "b", NULL, everything };
    struct directory_query by_sector = { NULL, "lab", everything }, second = { NULL, NULL, { 1, 1 } };
    struct seen seen_all = { 0 }, seen_name = { 0 }, seen_sector = { 0 }, seen_second = { 0 }, left = { 0 };
    int64_t ids[3];
    const char *const names[] = { "a", "b", "c" };

    for (int i = 0; i < 3; i++) {
        struct registration registration;

        ids[i] = add_device(store, names[i], NULL);
        fill_registration(&registration, ids[i], names[i], names[i]);
        registration.expires_ms = NOW + i;
        strcpy(registration.sector, i == 2 ? "lab" : "");
        ok(in_transaction(store, store->registration_put(store, &registration)));
    }
    ok(store->registration_each(store, &all, NOW, see_registration, &seen_all));
    assert_int_equal(seen_all.count, 2); /* a has just expired */
    ok(store->registration_each(store, &by_name, NOW, see_registration, &seen_name));
    assert_int_equal(seen_name.count, 1);
    assert_int_equal(seen_name.ids[0], ids[1]);
    ok(store->registration_each(store, &by_sector, NOW, see_registration, &seen_sector));
    assert_int_equal(seen_sector.count, 1);
    ok(store->registration_each(store, &second, NOW - 1, see_registration, &seen_second));
    assert_int_equal(seen_second.count, 1);
    assert_int_equal(seen_second.ids[0], ids[1]);
    ok(in_transaction(store, store->registration_expire(store, NOW + 1)));
    ok(store->registration_each(store, &all, NOW - 1, see_registration, &left));
    assert_int_equal(left.count, 1);
    assert_int_equal(left.ids[0], ids[2]);
}

static int see_slot(void *context, const struct slot *row)
{
    seen_add(context, row->slot);
    return 0;
}

static void a_slot_is_free_until_one_tenant_takes_it(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), b = add_tenant(store, "b"), device = add_device(store, "d", "tinypart");
    struct slot slot = { 0 };
    struct seen seen = { 0 };

    ok(store->slot_get(store, device, 1, &slot));
    assert_int_equal(slot.tenant_id, 0);
    assert_string_equal(slot.state, "");
    assert_int_equal(store->slot_get(store, 99, 1, &slot), REFUSED_UNKNOWN);
    ok(in_transaction(store, store->slot_take(store, device, 1, a, NOW)));
    ok(in_transaction(store, store->slot_take(store, device, 1, a, NOW + 1)));
    assert_int_equal(in_transaction(store, store->slot_take(store, device, 1, b, NOW)), REFUSED_CONFLICT);
    assert_int_equal(in_transaction(store, store->slot_take(store, 99, 1, b, NOW)), REFUSED_UNKNOWN);
    ok(store->slot_get(store, device, 1, &slot));
    assert_string_equal(slot.tenant, "a");
    assert_string_equal(slot.state, "reserved");
    assert_int_equal(slot.since_ms, NOW);
    ok(store->slot_each(store, device, see_slot, &seen));
    assert_int_equal(seen.count, 1);
    ok(in_transaction(store, store->slot_free(store, device, 1)));
    assert_int_equal(in_transaction(store, store->slot_free(store, device, 1)), REFUSED_UNKNOWN);
    ok(in_transaction(store, store->slot_take(store, device, 1, b, NOW)));
}

static void an_installed_slot_keeps_its_image_and_is_polled(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), b = add_tenant(store, "b"), device = add_device(store, "d", "tinypart");
    int64_t image = add_image(store, a, "thermo", "1.2"), foreign = add_image(store, b, "thermo", "1.2"), due = 0;
    struct slot slot = { 0 };
    struct seen none = { 0 }, one = { 0 };

    ok(in_transaction(store, store->slot_take(store, device, 0, a, NOW)));
    assert_int_equal(store->slot_next_poll(store, &due), REFUSED_UNKNOWN);
    assert_int_equal(in_transaction(store, store->slot_installed(store, device, 1, image, 0, NOW)), REFUSED_UNKNOWN);
    assert_int_equal(in_transaction(store, store->slot_installed(store, device, 0, foreign, 0, NOW)), REFUSED_CONFLICT);
    ok(in_transaction(store, store->slot_installed(store, device, 0, image, NOW + 10, NOW)));
    ok(in_transaction(store, store->slot_take(store, device, 0, a, NOW + 5)));
    ok(store->slot_get(store, device, 0, &slot));
    assert_string_equal(slot.state, "installed");
    assert_string_equal(slot.image, "thermo");
    assert_string_equal(slot.version, "1.2");
    assert_int_equal(slot.image_id, image);
    ok(store->slot_next_poll(store, &due));
    assert_int_equal(due, NOW + 10);
    ok(store->slot_polls_due(store, NOW + 9, 10, see_slot, &none));
    assert_int_equal(none.count, 0);
    ok(store->slot_polls_due(store, NOW + 10, 10, see_slot, &one));
    assert_int_equal(one.count, 1);
    ok(in_transaction(store, store->slot_poll_again(store, device, 0, NOW + 70)));
    assert_int_equal(in_transaction(store, store->slot_poll_again(store, device, 3, NOW)), REFUSED_UNKNOWN);
    ok(store->slot_next_poll(store, &due));
    assert_int_equal(due, NOW + 70);
}

static void polls_come_earliest_first_within_the_limit(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), image = add_image(store, a, "t", "1");
    int64_t device = add_device(store, "d", "tinypart");
    struct seen seen = { 0 };

    for (unsigned i = 0; i < 3; i++) {
        ok(in_transaction(store, store->slot_take(store, device, i, a, NOW)));
        ok(in_transaction(store, store->slot_installed(store, device, i, image, NOW - (int64_t)i, NOW)));
    }
    ok(store->slot_polls_due(store, NOW, 2, see_slot, &seen));
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.ids[0], 2);
    assert_int_equal(seen.ids[1], 1);
}

int contract_devices(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(the_shipped_profiles_are_there),
        CONTRACT_TEST(a_device_comes_back_as_it_was_saved),
        CONTRACT_TEST(a_device_takes_as_many_labels_as_the_limit),
        CONTRACT_TEST(an_update_replaces_labels_and_keeps_name_and_numbers),
        CONTRACT_TEST(devices_are_listed_and_counted_by_state),
        CONTRACT_TEST(what_is_seen_and_counted_on_a_device_only_rises),
        CONTRACT_TEST(a_device_that_comes_again_goes_on_with_what_it_lost),
        CONTRACT_TEST(a_device_that_comes_again_keeps_its_sequence_number),
        CONTRACT_TEST(a_device_that_lost_nothing_is_forgotten),
        CONTRACT_TEST(a_registration_is_put_found_and_removed),
        CONTRACT_TEST(suspicion_stays_until_it_is_taken_off_and_takes_the_watches_along),
        CONTRACT_TEST(registrations_are_looked_up_live_filtered_and_by_the_page),
        CONTRACT_TEST(a_slot_is_free_until_one_tenant_takes_it),
        CONTRACT_TEST(an_installed_slot_keeps_its_image_and_is_polled),
        CONTRACT_TEST(polls_come_earliest_first_within_the_limit),
    };

    return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
