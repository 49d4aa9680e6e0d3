/* One device's part of a rollout: every way through it, every way to fail, and every moment to die at. */
#include "tests/unit/core/world.h"

#include <errno.h>
#include <stdio.h>

#include "daemon/core/asking.h"
#include "daemon/core/audit.h"
#include "daemon/core/directory.h"
#include "daemon/core/step.h"
#include "device_proto/suit_author.h"

#define EXEC_GIVE_UP     45000
#define MAINLINE_GIVE_UP 93000

/* A rollout of alice's thermometer to one device of a kind, its first trigger just sent. */
struct scene {
    struct world *world;
    struct world_tenant *alice;
    struct device device;
    struct rollout rollout;
};

static struct scene begun(void **state, const char *profile)
{
    struct scene scene = { .world = *state };
    struct world *world = scene.world;

    scene.alice = world_tenant(world, "alice");
    world_grant(world, scene.alice, "");
    world_image(world, scene.alice, "thermo", "1.0");
    scene.device = world_device(world, "d1", profile, "site=lyon");
    scene.rollout = world_rollout(world, scene.alice, "", 0);
    world_pass(world, 0);
    assert_int_equal(world->transport.count, 1);
    return scene;
}

static struct step step_now(const struct scene *scene)
{
    return world_step_of(scene->world, scene->rollout.id, "d1");
}

static void expect(const struct scene *scene, enum step_state state, const char *reason)
{
    struct step step = step_now(scene);

    assert_string_equal(step_state_name(step.state), step_state_name(state));
    if (reason != NULL)
        assert_string_equal(step.reason, reason);
}

static void take_trigger(const struct scene *scene)
{
    world_answer(scene->world, world_asked(scene->world), 201, "");
    expect(scene, STEP_TRIGGERED, NULL);
}

static void fetch_manifest(const struct scene *scene)
{
    assert_int_equal(world_fetch(scene->world, step_now(scene).manifest_path, 64, 0), 0);
    expect(scene, STEP_MANIFEST_FETCHED, NULL);
}

static void fetch_image(const struct scene *scene)
{
    assert_int_equal(world_fetch(scene->world, step_now(scene).image_path, 64, 0), 0);
    expect(scene, STEP_IMAGE_FETCHED, NULL);
}

static void fetch_all(const struct scene *scene)
{
    take_trigger(scene);
    fetch_manifest(scene);
    fetch_image(scene);
}

/* ---- the natural ways ---- */

static void installs_where_the_container_answers(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct world *world = scene.world;
    struct slot slot;

    assert_string_equal(world_asked(world)->path, "/suit/trigger");
    fetch_all(&scene);
    world_pass(world, SETTLE_MS - 1);
    assert_int_equal(world->transport.count, 1);
    world_pass(world, 1);
    expect(&scene, STEP_PROBING, NULL);
    assert_string_equal(world_asked(world)->path, "/bpf/exec/0");
    assert_string_equal(world_asked(world)->address, scene.device.address);
    assert_int_equal(world_asked(world)->size, 0);
    world_answer(world, world_asked(world), 204, "27.18");
    expect(&scene, STEP_INSTALLED, "every byte was fetched, and slot 0 answers");
    assert_int_equal(world_rollout_now(world, scene.rollout.id).state, ROLLOUT_DONE);
    assert_int_equal(world->store->slot_get(world->store, scene.device.id, 0, &slot), 0);
    assert_string_equal(slot.state, "installed");
    assert_string_equal(slot.image, "thermo");
    assert_int_equal(slot.poll_due_ms, world->clock.now_ms);
}

static int find_quote(void *context, const struct audit_entry *entry)
{
    (void)context;
    assert_null(strstr(entry->detail, "27.18"));
    return 0;
}

static void never_shows_a_tenant_the_raw_reading_that_a_probe_brought(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct page page = { 0, PAGE_MAX };

    fetch_all(&scene);
    world_pass(scene.world, SETTLE_MS);
    world_answer(scene.world, world_asked(scene.world), 204, "27.18");
    assert_null(strstr(step_now(&scene).reason, "27.18"));
    assert_int_equal(audit_list(&scene.world->core, &scene.world->owner, page, find_quote, NULL, NULL), 0);
}

static void delivers_where_nothing_can_be_asked(void **state)
{
    struct scene scene = begun(state, "riot-mainline");
    struct slot slot;

    fetch_all(&scene);
    world_pass(scene.world, SETTLE_MS);
    expect(&scene, STEP_DELIVERED,
           "every byte was fetched; riot-mainline devices cannot say whether they accepted the digest");
    assert_int_equal(scene.world->store->slot_get(scene.world->store, scene.device.id, 0, &slot), 0);
    assert_string_equal(slot.state, "installed");
    assert_int_equal(slot.poll_due_ms, 0);
}

static void ends_the_trigger_with_a_nul_where_the_device_wants_one(void **state)
{
    struct scene scene = begun(state, "riot-mainline");
    const struct world_request *request = world_asked(scene.world);
    char url[128];

    int size = snprintf(url, sizeof(url), "coap://[fd00::1]%s", step_now(&scene).manifest_path);
    assert_int_equal(request->size, size + 1);
    assert_memory_equal(request->payload, url, (size_t)size + 1);
}

static void ends_the_trigger_with_its_url_elsewhere(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    const struct world_request *request = world_asked(scene.world);
    char url[128];

    int size = snprintf(url, sizeof(url), "coap://[fd00::1]%s", step_now(&scene).manifest_path);
    assert_int_equal(request->size, size);
    assert_memory_equal(request->payload, url, (size_t)size);
    assert_int_equal(strlen(step_now(&scene).manifest_path), 19);
}

static void manifest_of(const struct scene *scene, enum suit_dialect dialect, uint8_t bytes[4096],
                        struct suit_manifest *out)
{
    struct world *world = scene->world;
    size_t size = world_fetch_whole(world, step_now(scene).manifest_path, bytes, 4096);

    assert_int_equal(
        suit_manifest_verify(bytes_view(bytes, size), dialect, &world->maintainer.key, 1, &world->crypto, out), 0);
}

static void is_accepted(const struct scene *scene, const struct suit_manifest *manifest, const char *vendor,
                        const char *class, const char *first, const char *second)
{
    const struct suit_place place = { .component = { 2, { bytes_of_text(first), bytes_of_text(second) } } };
    struct suit_device device = { .places = &place, .place_count = 1 };
    struct suit_where where;

    assert_int_equal(suit_vendor_id(&scene->world->crypto, bytes_of_text(vendor), device.vendor_id), 0);
    assert_int_equal(suit_class_id(&scene->world->crypto, device.vendor_id, bytes_of_text(class), device.class_id), 0);
    assert_int_equal(suit_manifest_accepts(manifest, &device, &where), 0);
    device.sequence = manifest->sequence;
    assert_int_equal(suit_manifest_accepts(manifest, &device, &where), SUIT_REFUSED_SEQUENCE);
}

static void signs_manifests_that_riot_devices_accept(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct suit_manifest manifest;
    uint8_t bytes[4096];
    char uri[128];

    manifest_of(&scene, SUIT_RIOT, bytes, &manifest);
    is_accepted(&scene, &manifest, "riot-os.org", "native", "ram", "0");
    snprintf(uri, sizeof(uri), "coap://[fd00::1]%s", step_now(&scene).image_path);
    assert_true(bytes_equal_text(manifest.uri, uri));
    assert_int_equal(manifest.sequence, 1);
    assert_int_equal(manifest.size, world_container().size);
}

static void signs_manifests_of_the_current_draft_for_devices_that_report(void **state)
{
    struct scene scene = begun(state, "tinypart");
    struct suit_manifest manifest;
    uint8_t bytes[4096];
    char uri[128];

    manifest_of(&scene, SUIT_37, bytes, &manifest);
    is_accepted(&scene, &manifest, "tinypart.org", "tinypart-device", "slot", "0");
    snprintf(uri, sizeof(uri), "coap://[fd00::1]%s", step_now(&scene).manifest_path);
    assert_true(bytes_equal_text(manifest.reference_uri, uri));
    assert_memory_equal(manifest.manifest_digest, step_now(&scene).manifest_digest, DIGEST_SIZE);
}

static void takes_the_class_of_the_device_before_that_of_its_profile(void **state)
{
    struct world *world = *state;
    struct scene scene = { .world = world, .alice = world_tenant(world, "alice") };
    const struct device_order board = {
        .name = "d1", .profile = "riot-tinypart", .address = "coap://[fd00::5]", .class_name = "native32"
    };
    struct suit_manifest manifest;
    uint8_t bytes[4096];

    world_grant(world, scene.alice, "");
    world_image(world, scene.alice, "thermo", "1.0");
    assert_int_equal(device_create(&world->core, &world->owner, &board, &scene.device, NULL), 0);
    scene.rollout = world_rollout(world, scene.alice, "", 1);
    world_pass(world, 0);
    manifest_of(&scene, SUIT_RIOT, bytes, &manifest);
    is_accepted(&scene, &manifest, "riot-os.org", "native32", "ram", "1");
}

/* ---- saved before sent ---- */

static int look_before_sending(struct transport *transport, const struct transport_request *request)
{
    struct world *world = (struct world *)((char *)transport - offsetof(struct world, transport));
    struct step step;

    (void)request;
    assert_int_equal(world->store->step_of_device(world->store, 1, &step), 0);
    assert_int_equal(step.state, STEP_TRIGGERING);
    assert_int_equal(world->store->begin(world->store), 0); /* there is no transaction that could still be lost */
    world->store->rollback(world->store);
    world->transport.count++;
    return 0;
}

static void saves_a_try_before_its_trigger_leaves(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");

    world_grant(world, alice, "");
    world_image(world, alice, "thermo", "1.0");
    world_device(world, "d1", "riot-tinypart", "");
    world_rollout(world, alice, "", 0);
    world->transport.port.request = look_before_sending;
    world_pass(world, 0);
    assert_int_equal(world->transport.count, 1);
}

static int cannot_commit(struct store *store)
{
    (void)store;
    return -EIO;
}

static void sends_nothing_that_could_not_be_saved(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    struct store real = *world->store;
    int64_t next_ms;

    world_grant(world, alice, "");
    world_image(world, alice, "thermo", "1.0");
    world_device(world, "d1", "riot-tinypart", "");
    struct rollout rollout = world_rollout(world, alice, "", 0);
    world->store->commit = cannot_commit;
    assert_int_equal(rollout_tick(&world->core, world->clock.now_ms, &next_ms), -EIO);
    assert_int_equal(world->transport.count, 0);
    world->store->commit = real.commit;
    assert_int_equal(world_step(world, rollout.id).state, STEP_WAITING);
    world_pass(world, 0);
    assert_int_equal(world->transport.count, 1);
}

static void hands_out_no_last_block_that_could_not_be_saved(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct world *world = scene.world;
    struct store real = *world->store;

    take_trigger(&scene);
    fetch_manifest(&scene);
    world->store->commit = cannot_commit;
    assert_int_equal(world_fetch(world, step_now(&scene).image_path, 1024, 0), -EIO);
    world->store->commit = real.commit;
    expect(&scene, STEP_MANIFEST_FETCHED, NULL);
    fetch_image(&scene);
}

/* ---- the trigger's answer ---- */

static void ends_as_unreachable_when_nothing_ever_answers(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct world *world = scene.world;
    static const int64_t backoff_ms[] = { 10000, 20000, 40000 };

    for (int i = 0; i < 3; i++) {
        world->clock.now_ms += 31000;
        world_answer_with(world, world_asked(world), ANSWER_NONE);
        expect(&scene, STEP_WAITING, NULL);
        world_pass(world, backoff_ms[i] - 1);
        assert_int_equal(world->transport.count, i + 1);
        world_pass(world, 1);
        assert_int_equal(world->transport.count, i + 2);
    }
    world->clock.now_ms += 22000;
    world_answer_with(world, world_asked(world), ANSWER_NONE);
    expect(&scene, STEP_UNREACHABLE, "no answer to the trigger in 4 tries over 3 min 5 s");
    assert_int_equal(world_rollout_now(world, scene.rollout.id).state, ROLLOUT_DONE);
    world_pass(world, 3600000);
    assert_int_equal(world->transport.count, 4);
}

static void says_which_try_follows_while_it_waits(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");

    world_answer_with(scene.world, world_asked(scene.world), ANSWER_UNREACHABLE);
    expect(&scene, STEP_WAITING, "the network says that the device's address is unreachable; try 2 of 4 follows");
    world_pass(scene.world, 10000);
    world_answer_with(scene.world, world_asked(scene.world), ANSWER_RESET);
    expect(&scene, STEP_WAITING, "the trigger was reset by whoever has the device's address; try 3 of 4 follows");
}

static void takes_a_refusal_at_its_word_and_an_overload_not(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");

    world_answer(scene.world, world_asked(scene.world), 503, "");
    expect(&scene, STEP_WAITING, "the device answered the trigger with 5.03; try 2 of 4 follows");
    world_pass(scene.world, 10000);
    world_answer(scene.world, world_asked(scene.world), 429, "");
    expect(&scene, STEP_WAITING, NULL);
    world_pass(scene.world, 20000);
    world_answer(scene.world, world_asked(scene.world), 404, "");
    expect(&scene, STEP_REFUSED, "the device answered the trigger with 4.04");
}

static void every_try_has_a_higher_sequence_and_paths_of_its_own(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct step first = step_now(&scene);
    struct device device;

    world_answer_with(scene.world, world_asked(scene.world), ANSWER_NONE);
    world_pass(scene.world, 10000);
    struct step second = step_now(&scene);
    assert_int_equal(first.sequence, 1);
    assert_int_equal(second.sequence, 2);
    assert_int_equal(second.attempts, 2);
    assert_string_not_equal(first.manifest_path, second.manifest_path);
    assert_string_not_equal(first.image_path, second.image_path);
    assert_memory_not_equal(first.manifest_digest, second.manifest_digest, DIGEST_SIZE);
    assert_int_equal(first.deadline_ms, second.deadline_ms);
    assert_int_equal(device_get(&scene.world->core, &scene.world->owner, "d1", &device, NULL), 0);
    assert_int_equal(device.sequence, 2);
}

/* ---- silence ---- */

static void reads_silence_after_the_manifest_as_a_refusal(void **state)
{
    struct scene scene = begun(state, "riot-mainline");

    take_trigger(&scene);
    scene.world->clock.now_ms += 2000;
    fetch_manifest(&scene);
    world_pass(scene.world, MAINLINE_GIVE_UP - 1);
    expect(&scene, STEP_MANIFEST_FETCHED, NULL);
    world_pass(scene.world, 1);
    expect(&scene, STEP_REFUSED,
           "the device fetched the manifest and then nothing for 93 s: signature, sequence number or class not "
           "accepted");
}

static void tries_again_when_the_image_broke_off_and_says_where(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct world *world = scene.world;

    for (int i = 1; i <= 4; i++) {
        take_trigger(&scene);
        fetch_manifest(&scene);
        assert_int_equal(world_fetch(world, step_now(&scene).image_path, 64, 2), 0);
        assert_int_equal(step_now(&scene).image_bytes, 128);
        world_pass(world, EXEC_GIVE_UP);
        if (i == 1)
            expect(&scene, STEP_WAITING, "the image transfer broke off at byte 128 of 178; try 2 of 4 follows");
        if (i < 4)
            world_pass(world, 10000 << (i - 1));
    }
    expect(&scene, STEP_FAILED, "the image transfer broke off at byte 128 of 178, in 4 tries over 4 min 10 s");
}

static void tries_again_when_the_manifest_is_never_asked_for(void **state)
{
    struct scene scene = begun(state, "riot-mainline");

    for (int i = 1; i <= 4; i++) {
        take_trigger(&scene);
        world_pass(scene.world, MAINLINE_GIVE_UP);
        if (i < 4)
            world_pass(scene.world, 10000 << (i - 1));
    }
    expect(&scene, STEP_FAILED,
           "the device took the trigger and did not fetch the whole manifest, in 4 tries over 7 min 22 s");
}

static void has_patience_with_a_device_that_is_slow_but_goes_on(void **state)
{
    struct scene scene = begun(state, "riot-mainline");
    struct world *world = scene.world;
    struct fetch_block block;
    uint8_t bytes[64];

    take_trigger(&scene);
    fetch_manifest(&scene);
    for (uint64_t offset = 0; offset < 178; offset += 16) {
        world_pass(world, 60000);
        expect(&scene, STEP_MANIFEST_FETCHED, NULL);
        assert_int_equal(rollout_on_fetch(&world->core, step_now(&scene).image_path, offset, bytes, 16, &block), 0);
    }
    expect(&scene, STEP_IMAGE_FETCHED, NULL);
}

static void ends_at_the_deadline_even_of_a_device_that_goes_on(void **state)
{
    struct scene scene = begun(state, "riot-mainline");
    struct world *world = scene.world;
    struct fetch_block block;
    uint8_t bytes[8];
    int r = 0;

    take_trigger(&scene);
    fetch_manifest(&scene);
    char path[PATH_SIZE];
    strcpy(path, step_now(&scene).image_path);
    for (uint64_t offset = 0; r == 0 && offset < 178; offset += 8) {
        world_pass(world, 50000);
        r = rollout_on_fetch(&world->core, path, offset, bytes, 8, &block);
    }
    assert_int_equal(r, REFUSED_UNKNOWN);
    expect(&scene, STEP_FAILED, "its deadline passed while the image was fetched");
    assert_int_equal(step_now(&scene).deadline_ms, WORLD_START_MS + 900000);
}

static void does_not_begin_a_try_that_would_pass_the_deadline(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");

    scene.world->clock.now_ms += 895000;
    world_answer_with(scene.world, world_asked(scene.world), ANSWER_NONE);
    expect(&scene, STEP_UNREACHABLE,
           "no answer to the trigger in 1 try over 14 min 55 s; the next one would pass the deadline");
}

/* ---- what comes late or twice ---- */

static void goes_on_when_the_fetch_comes_before_the_answer(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct world *world = scene.world;

    assert_int_equal(world_fetch(world, step_now(&scene).manifest_path, 64, 1), 0);
    expect(&scene, STEP_TRIGGERED, NULL);
    fetch_manifest(&scene);
    world_answer_with(world, world_asked(world), ANSWER_NONE);
    expect(&scene, STEP_MANIFEST_FETCHED, NULL);
    fetch_image(&scene);
    world_pass(world, SETTLE_MS);
    expect(&scene, STEP_PROBING, NULL);
}

static void a_single_block_manifest_goes_straight_on(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");

    assert_int_equal(world_fetch(scene.world, step_now(&scene).manifest_path, 1024, 1), 0);
    expect(&scene, STEP_MANIFEST_FETCHED, NULL);
    assert_int_equal(world_fetch(scene.world, step_now(&scene).image_path, 1024, 1), 0);
    expect(&scene, STEP_IMAGE_FETCHED, NULL);
}

static void a_repeated_request_changes_nothing(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct world *world = scene.world;
    struct step step = step_now(&scene);

    fetch_all(&scene);
    assert_int_equal(world_fetch(world, step.manifest_path, 64, 0), 0);
    assert_int_equal(world_fetch(world, step.image_path, 64, 0), 0);
    expect(&scene, STEP_IMAGE_FETCHED, NULL);
    world_pass(world, SETTLE_MS);
    assert_int_equal(world_fetch(world, step.image_path, 64, 0), 0);
    expect(&scene, STEP_PROBING, NULL);
    world_answer(world, world_asked(world), 204, "1.00");
    assert_int_equal(world_fetch(world, step.image_path, 64, 0), 0);
    expect(&scene, STEP_INSTALLED, NULL);
}

static void turns_an_older_trys_device_away(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct world *world = scene.world;
    struct step first = step_now(&scene);

    world_answer_with(world, world_asked(world), ANSWER_NONE);
    world_pass(world, 10000);
    take_trigger(&scene);
    assert_int_equal(world_fetch(world, first.manifest_path, 64, 1), REFUSED_UNKNOWN);
    assert_int_equal(world_fetch(world, first.image_path, 64, 1), REFUSED_UNKNOWN);
    expect(&scene, STEP_TRIGGERED, NULL);
    assert_int_equal(world->core.counters[COUNT_FETCH_REFUSED], 2);
}

static void goes_on_with_a_device_that_fetches_after_it_was_given_up(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct world *world = scene.world;

    world_answer_with(world, world_asked(world), ANSWER_NONE);
    expect(&scene, STEP_WAITING, NULL);
    fetch_manifest(&scene);
    world_pass(world, 10000);
    assert_int_equal(world->transport.count, 1); /* no second trigger, so no second installation */
    fetch_image(&scene);
    assert_int_equal(step_now(&scene).sequence, 1);
}

static void turns_a_late_device_away_when_another_step_has_it(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct world *world = scene.world;
    struct world_tenant *bob = world_tenant(world, "bob");

    world_grant(world, bob, "");
    world_image(world, bob, "thermo", "1.0");
    struct rollout other = world_rollout(world, bob, "", 1);
    world_pass(world, 0);
    assert_int_equal(world->transport.count, 1); /* one thing at a time */
    world_answer_with(world, world_asked(world), ANSWER_NONE);
    world_pass(world, 0);
    assert_int_equal(world_step(world, other.id).state, STEP_TRIGGERING);
    assert_int_equal(world_fetch(world, step_now(&scene).manifest_path, 64, 0), REFUSED_UNKNOWN);
    expect(&scene, STEP_WAITING, NULL);
    world_pass(world, 10000);
    expect(&scene, STEP_WAITING, NULL); /* due, and waits for the other one's end */
    world_answer(world, world_asked(world), 404, "");
    world_pass(world, 0);
    expect(&scene, STEP_TRIGGERING, NULL);
}

static void serves_nothing_to_a_step_that_ended_badly(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct step step = step_now(&scene);

    world_answer(scene.world, world_asked(scene.world), 404, "");
    assert_int_equal(world_fetch(scene.world, step.manifest_path, 64, 1), REFUSED_UNKNOWN);
    expect(&scene, STEP_REFUSED, NULL);
}

static void serves_no_unknown_expired_or_impossible_requests(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct world *world = scene.world;
    struct fetch_block block;
    uint8_t bytes[64];

    assert_int_equal(world_fetch(world, "/m/AAAAAAAAAAAAAAAA", 64, 1), REFUSED_UNKNOWN);
    assert_int_equal(world_fetch(world, "", 64, 1), REFUSED_UNKNOWN);
    assert_int_equal(rollout_on_fetch(&world->core, step_now(&scene).image_path, 178, bytes, 64, &block),
                     REFUSED_INVALID);
    assert_int_equal(rollout_on_fetch(&world->core, step_now(&scene).image_path, UINT64_MAX, bytes, 64, &block),
                     REFUSED_INVALID);
    expect(&scene, STEP_TRIGGERING, NULL);
    world->clock.now_ms += 3600000;
    assert_int_equal(world_fetch(world, step_now(&scene).manifest_path, 64, 1), REFUSED_UNKNOWN);
    assert_int_equal(world->core.counters[COUNT_FETCH_REFUSED], 5);
}

static void gives_blocks_with_their_whole(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct world *world = scene.world;
    struct fetch_block block;
    uint8_t bytes[64];

    assert_int_equal(rollout_on_fetch(&world->core, step_now(&scene).image_path, 128, bytes, 64, &block), 0);
    assert_int_equal(block.offset, 128);
    assert_int_equal(block.size, 50);
    assert_int_equal(block.total, 178);
    assert_false(block.is_manifest);
    assert_memory_equal(bytes, world_container().data + 128, 50);
}

/* ---- probing ---- */

static void asks_a_few_times_before_it_gives_a_container_up(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct world *world = scene.world;
    unsigned probes = 0;

    fetch_all(&scene);
    world_pass(world, SETTLE_MS);
    while (step_now(&scene).state == STEP_PROBING) {
        probes++;
        world_answer(world, world_asked(world), 404, "");
        for (int i = 0; i < 60 && world_unanswered(world) == 0; i++)
            world_pass(world, 1000);
    }
    assert_in_range(probes, 4, 10);
    expect(&scene, STEP_FAILED, "every byte was fetched, and the device answers 4.04 for slot 0");
}

static void gives_a_silent_container_up(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct world *world = scene.world;

    fetch_all(&scene);
    world_pass(world, SETTLE_MS);
    world->clock.now_ms += 93000;
    world_answer_with(world, world_asked(world), ANSWER_NONE);
    expect(&scene, STEP_PROBING, NULL);
    world_pass(world, 60000);
    world->clock.now_ms += 93000;
    world_answer_with(world, world_asked(world), ANSWER_NONE);
    expect(&scene, STEP_FAILED,
           "every byte was fetched, and the container in slot 0 did not answer in 4 min 6 s: wrong digest, or the "
           "device is gone");
}

static void does_not_tell_a_tenant_a_fault_from_a_value(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");

    fetch_all(&scene);
    world_pass(scene.world, SETTLE_MS);
    world_answer(scene.world, world_asked(scene.world), 204, "-0.01");
    expect(&scene, STEP_INSTALLED, "every byte was fetched, and slot 0 answers");
}

static void does_not_take_words_for_a_value(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct world *world = scene.world;

    fetch_all(&scene);
    world_pass(world, SETTLE_MS);
    world_answer(world, world_asked(world), 204, "hello");
    expect(&scene, STEP_PROBING, NULL);
    world_pass(world, 130000);
    world_answer(world, world_asked(world), 204, "");
    expect(&scene, STEP_FAILED, "every byte was fetched, and the answer of slot 0 is no number");
}

static void asks_again_when_a_probe_could_not_be_sent(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct world *world = scene.world;

    fetch_all(&scene);
    world->transport.result = REFUSED_BUSY;
    world_pass(world, SETTLE_MS);
    expect(&scene, STEP_PROBING, NULL);
    world->transport.result = 0;
    world_pass(world, 5000);
    world_answer(world, world_asked(world), 204, "27.18");
    expect(&scene, STEP_INSTALLED, NULL);
}

/* ---- before a try can begin ---- */

static struct scene waiting_for_an_address(struct world *world)
{
    struct scene scene = { .world = world, .alice = world_tenant(world, "alice") };
    const struct device_order nowhere = { .name = "d1", .profile = "riot-tinypart" };

    world_grant(world, scene.alice, "");
    world_image(world, scene.alice, "thermo", "1.0");
    assert_int_equal(device_create(&world->core, &world->owner, &nowhere, &scene.device, NULL), 0);
    scene.rollout = world_rollout(world, scene.alice, "", 0);
    world_pass(world, 0);
    expect(&scene, STEP_WAITING, "the device has not registered, so its address is not known");
    return scene;
}

static void waits_for_a_device_that_has_not_registered_yet(void **state)
{
    struct world *world = *state;
    struct scene scene = waiting_for_an_address(world);
    const struct registration_order order = { .endpoint = "d1", .base = "coap://[fd00::99]" };
    struct registration registration;

    world_pass(world, 60000);
    assert_int_equal(directory_register(&world->core, &order, &registration, NULL), 0);
    world_pass(world, 30000);
    expect(&scene, STEP_TRIGGERING, NULL);
    assert_string_equal(world_asked(world)->address, "coap://[fd00::99]");
    assert_int_equal(step_now(&scene).attempts, 1);
}

static void does_not_wait_for_ever(void **state)
{
    struct scene scene = waiting_for_an_address(*state);

    for (int i = 0; i < 31; i++)
        world_pass(scene.world, 30000);
    expect(&scene, STEP_UNREACHABLE, "the device has not registered, so its address is not known");
}

static void waits_for_a_route(void **state)
{
    struct world *world = *state;
    struct scene scene = { .world = world, .alice = world_tenant(world, "alice") };

    world_grant(world, scene.alice, "");
    world_image(world, scene.alice, "thermo", "1.0");
    world_device(world, "d1", "riot-tinypart", "");
    scene.rollout = world_rollout(world, scene.alice, "", 0);
    world->transport.base_result = -ENETUNREACH;
    world_pass(world, 0);
    expect(&scene, STEP_WAITING, "this host has no route to the device's address");
    world->transport.base_result = 0;
    world_pass(world, 30000);
    expect(&scene, STEP_TRIGGERING, NULL);
}

static void tells_devices_the_base_that_is_set(void **state)
{
    struct world *world = *state;
    struct scene scene = { .world = world, .alice = world_tenant(world, "alice") };

    world_grant(world, scene.alice, "");
    world_image(world, scene.alice, "thermo", "1.0");
    world_device(world, "d1", "riot-tinypart", "");
    strcpy(world->core.settings.advertise, "coap://[fd00::77]:5690");
    scene.rollout = world_rollout(world, scene.alice, "", 0);
    world_pass(world, 0);
    assert_memory_equal(world_asked(world)->payload, "coap://[fd00::77]:5690/m/", 25);
}

static void tells_no_host_name_to_a_device_that_takes_none(void **state)
{
    struct world *world = *state;
    struct scene scene = { .world = world, .alice = world_tenant(world, "alice") };

    world_grant(world, scene.alice, "");
    world_image(world, scene.alice, "thermo", "1.0");
    world_device(world, "d1", "riot-tinypart", "");
    strcpy(world->core.settings.advertise, "coap://daemon.example");
    scene.rollout = world_rollout(world, scene.alice, "", 0);
    world_pass(world, 0);
    expect(&scene, STEP_FAILED,
           "riot-tinypart devices take no host names, and the daemon advertises coap://daemon.example");
}

static void looks_at_the_grant_again_before_each_try(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");

    world_answer_with(scene.world, world_asked(scene.world), ANSWER_NONE);
    assert_int_equal(grant_revoke(&scene.world->core, &scene.world->owner, 1, NULL), 0);
    world_pass(scene.world, 10000);
    expect(&scene, STEP_FAILED, "no grant of this tenant covers device d1");
    assert_int_equal(scene.world->transport.count, 1);
}

static void leaves_a_slot_that_went_to_another_tenant(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct world *world = scene.world;
    struct world_tenant *bob = world_tenant(world, "bob");

    world_answer_with(world, world_asked(world), ANSWER_NONE);
    world_grant(world, bob, "");
    assert_int_equal(world->store->begin(world->store), 0);
    assert_int_equal(world->store->slot_free(world->store, scene.device.id, 0), 0);
    assert_int_equal(world->store->slot_take(world->store, scene.device.id, 0, bob->tenant.id, 1), 0);
    assert_int_equal(world->store->commit(world->store), 0);
    world_pass(world, 10000);
    expect(&scene, STEP_FAILED, "slot 0 of device d1 went to another tenant meanwhile");
}

static void nobody_heard(struct core *core, void *context, const struct transport_answer *answer)
{
    (void)core;
    (void)context;
    (void)answer;
}

static void leaves_a_device_alone_that_is_being_asked_something_else(void **state)
{
    struct world *world = *state;
    struct scene scene = { .world = world, .alice = world_tenant(world, "alice") };

    world_grant(world, scene.alice, "");
    world_image(world, scene.alice, "thermo", "1.0");
    scene.device = world_device(world, "d1", "riot-tinypart", "");
    scene.rollout = world_rollout(world, scene.alice, "", 0);
    assert_int_equal(asking_post(&world->core, scene.device.id, scene.device.address, "/bpf/exec/0",
                                 bytes_view(NULL, 0), nobody_heard, NULL),
                     0);
    assert_true(world_pass(world, 0) > world->clock.now_ms); /* and does not spin */
    expect(&scene, STEP_WAITING, NULL);
    assert_int_equal(step_now(&scene).attempts, 0);
    world_answer(world, world_asked(world), 204, "1.00");
    world_pass(world, 500);
    expect(&scene, STEP_TRIGGERING, NULL);
}

static void takes_another_try_when_the_transport_is_full_or_fails(void **state)
{
    struct world *world = *state;
    struct scene scene = { .world = world, .alice = world_tenant(world, "alice") };

    world_grant(world, scene.alice, "");
    world_image(world, scene.alice, "thermo", "1.0");
    world_device(world, "d1", "riot-tinypart", "");
    scene.rollout = world_rollout(world, scene.alice, "", 0);
    world->transport.result = REFUSED_BUSY;
    world_pass(world, 0);
    expect(&scene, STEP_WAITING, "too many requests were under way at once; try 2 of 4 follows");
    world->transport.result = -EIO;
    world_pass(world, 10000);
    expect(&scene, STEP_WAITING, "the trigger could not be sent; try 3 of 4 follows");
    world->transport.result = REFUSED_INVALID;
    world_pass(world, 20000);
    expect(&scene, STEP_FAILED, "the transport cannot use the device's address");
}

/* ---- dying and coming back (I12) ---- */

/* The trigger may have died unsent: it leaves again, as one more retransmission. */
static void a_restart_while_triggering_sends_the_same_trigger_again(void **state)
{
    struct scene scene = begun(state, "riot-mainline");
    struct world *world = scene.world;
    struct step before = step_now(&scene);
    struct world_request first = *world_asked(world);

    world_restart(world);
    assert_int_equal(world->transport.count, 2);
    assert_int_equal(world_asked(world)->size, first.size);
    assert_memory_equal(world_asked(world)->payload, first.payload, first.size);
    expect(&scene, STEP_TRIGGERING, NULL);
    assert_int_equal(step_now(&scene).sequence, before.sequence);
    assert_int_equal(step_now(&scene).attempts, before.attempts);
    world_answer(world, world_asked(world), 201, "");
    expect(&scene, STEP_TRIGGERED, NULL);
}

static void a_restart_that_cannot_send_waits_the_silence_out_and_then_tries_anew(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct world *world = scene.world;
    struct step before = step_now(&scene);

    world->transport.result = REFUSED_BUSY;
    world_restart(world);
    world->transport.result = 0;
    world_pass(world, EXEC_GIVE_UP - 1);
    expect(&scene, STEP_TRIGGERING, NULL);
    world_pass(world, 1);
    expect(&scene, STEP_WAITING, "no answer to the trigger, and no fetch; try 2 of 4 follows");
    world_pass(world, 10000);
    assert_int_equal(step_now(&scene).sequence, before.sequence + 1);
}

static void a_device_that_fetches_after_a_restart_installs_once(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct world *world = scene.world;

    world_restart(world);
    world_answer(world, world_asked(world), 201, "");
    fetch_manifest(&scene);
    fetch_image(&scene);
    world_pass(world, SETTLE_MS);
    world_answer(world, world_asked(world), 204, "27.18");
    expect(&scene, STEP_INSTALLED, NULL);
    assert_int_equal(step_now(&scene).attempts, 1);
}

static void continues_from_every_state_it_may_die_in(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct world *world = scene.world;
    struct step step = step_now(&scene);
    int64_t next_ms;

    world_answer(world, world_asked(world), 201, "");
    world_restart(world);
    assert_int_equal(world_fetch(world, step.manifest_path, 64, 1), 0);
    world_restart(world);
    fetch_manifest(&scene);
    world_restart(world);
    assert_int_equal(world_fetch(world, step.image_path, 64, 1), 0);
    world_restart(world);
    assert_int_equal(step_now(&scene).image_bytes, 64);
    fetch_image(&scene);
    world_restart(world);
    world_pass(world, SETTLE_MS);
    expect(&scene, STEP_PROBING, NULL);
    world_restart(world);
    next_ms = world_pass(world, 0);
    assert_true(next_ms > world->clock.now_ms);
    world_pass(world, next_ms - world->clock.now_ms);
    world_answer(world, world_asked(world), 204, "27.18");
    expect(&scene, STEP_INSTALLED, NULL);
    world_restart(world);
    expect(&scene, STEP_INSTALLED, NULL);
    assert_int_equal(step_now(&scene).attempts, 1);
    assert_int_equal(world_rollout_now(world, scene.rollout.id).state, ROLLOUT_DONE);
}

static void an_answer_from_before_a_restart_disturbs_nobody(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    const struct transport_answer late = { .id = world_asked(scene.world)->id + 1000, .kind = ANSWER_NONE };

    world_restart(scene.world);
    device_on_answer(&scene.world->core, &late);
    expect(&scene, STEP_TRIGGERING, NULL);
}

/* A stop is no answer: what was under way stays as it is saved. */
static void an_orderly_stop_judges_nothing(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");

    asking_stop(&scene.world->core);
    expect(&scene, STEP_TRIGGERING, NULL);
    assert_int_equal(asking_start(&scene.world->core), 0);
}

/* ---- the table ---- */

static void allows_the_moves_of_its_table_and_no_others(void **state)
{
    /* Rows from, columns to, as in enum step_state: waiting .. aborted. */
    static const char *const table[] = {
        [STEP_WAITING] = "xxxxx.x.xxxx",       [STEP_TRIGGERING] = "x.xxx.x.xxxx",
        [STEP_TRIGGERED] = "x..xx.x.xxxx",     [STEP_MANIFEST_FETCHED] = "x...x.x.xxxx",
        [STEP_IMAGE_FETCHED] = "x....xxxxx.x", [STEP_PROBING] = "......x.xx..",
        [STEP_INSTALLED] = "............",     [STEP_DELIVERED] = "............",
        [STEP_REFUSED] = "............",       [STEP_FAILED] = "............",
        [STEP_UNREACHABLE] = "............",   [STEP_ABORTED] = "............",
    };

    (void)state;
    for (enum step_state from = STEP_WAITING; from < STEP_STATES; from++) {
        for (enum step_state to = STEP_WAITING; to < STEP_STATES; to++)
            assert_int_equal(step_may_move(from, to), table[from][to - 1] == 'x');
        assert_int_equal(step_state_is_final(from), strchr(table[from], 'x') == NULL);
        assert_false(step_may_move(from, 0));
        assert_false(step_may_move(0, from));
        assert_false(step_may_move(from, STEP_STATES));
        assert_false(step_may_move(STEP_STATES, from));
    }
}

static void a_move_that_the_table_lacks_is_a_fault_and_changes_nothing(void **state)
{
    struct scene scene = begun(state, "riot-tinypart");
    struct world *world = scene.world;
    struct step step = step_now(&scene);

    assert_int_equal(world->store->begin(world->store), 0);
    assert_int_equal(step_move(&world->core, &step, STEP_PROBING, "by magic", 0), -EPROTO);
    step.state = STEP_MANIFEST_FETCHED; /* not what is saved */
    assert_int_equal(step_move(&world->core, &step, STEP_IMAGE_FETCHED, "", 0), -EPROTO);
    assert_int_equal(world->store->commit(world->store), 0);
    expect(&scene, STEP_TRIGGERING, "");
}

static void names_every_state_once(void **state)
{
    (void)state;
    for (enum step_state each = STEP_WAITING; each < STEP_STATES; each++)
        for (enum step_state other = STEP_WAITING; other < each; other++)
            assert_string_not_equal(step_state_name(each), step_state_name(other));
    assert_string_equal(step_state_name(0), "");
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(installs_where_the_container_answers),
        IN_WORLD(never_shows_a_tenant_the_raw_reading_that_a_probe_brought),
        IN_WORLD(delivers_where_nothing_can_be_asked),
        IN_WORLD(ends_the_trigger_with_a_nul_where_the_device_wants_one),
        IN_WORLD(ends_the_trigger_with_its_url_elsewhere),
        IN_WORLD(signs_manifests_that_riot_devices_accept),
        IN_WORLD(signs_manifests_of_the_current_draft_for_devices_that_report),
        IN_WORLD(takes_the_class_of_the_device_before_that_of_its_profile),
        IN_WORLD(saves_a_try_before_its_trigger_leaves),
        IN_WORLD(sends_nothing_that_could_not_be_saved),
        IN_WORLD(hands_out_no_last_block_that_could_not_be_saved),
        IN_WORLD(ends_as_unreachable_when_nothing_ever_answers),
        IN_WORLD(says_which_try_follows_while_it_waits),
        IN_WORLD(takes_a_refusal_at_its_word_and_an_overload_not),
        IN_WORLD(every_try_has_a_higher_sequence_and_paths_of_its_own),
        IN_WORLD(reads_silence_after_the_manifest_as_a_refusal),
        IN_WORLD(tries_again_when_the_image_broke_off_and_says_where),
        IN_WORLD(tries_again_when_the_manifest_is_never_asked_for),
        IN_WORLD(has_patience_with_a_device_that_is_slow_but_goes_on),
        IN_WORLD(ends_at_the_deadline_even_of_a_device_that_goes_on),
        IN_WORLD(does_not_begin_a_try_that_would_pass_the_deadline),
        IN_WORLD(goes_on_when_the_fetch_comes_before_the_answer),
        IN_WORLD(a_single_block_manifest_goes_straight_on),
        IN_WORLD(a_repeated_request_changes_nothing),
        IN_WORLD(turns_an_older_trys_device_away),
        IN_WORLD(goes_on_with_a_device_that_fetches_after_it_was_given_up),
        IN_WORLD(turns_a_late_device_away_when_another_step_has_it),
        IN_WORLD(serves_nothing_to_a_step_that_ended_badly),
        IN_WORLD(serves_no_unknown_expired_or_impossible_requests),
        IN_WORLD(gives_blocks_with_their_whole),
        IN_WORLD(asks_a_few_times_before_it_gives_a_container_up),
        IN_WORLD(gives_a_silent_container_up),
        IN_WORLD(does_not_tell_a_tenant_a_fault_from_a_value),
        IN_WORLD(does_not_take_words_for_a_value),
        IN_WORLD(asks_again_when_a_probe_could_not_be_sent),
        IN_WORLD(waits_for_a_device_that_has_not_registered_yet),
        IN_WORLD(does_not_wait_for_ever),
        IN_WORLD(waits_for_a_route),
        IN_WORLD(tells_devices_the_base_that_is_set),
        IN_WORLD(tells_no_host_name_to_a_device_that_takes_none),
        IN_WORLD(looks_at_the_grant_again_before_each_try),
        IN_WORLD(leaves_a_slot_that_went_to_another_tenant),
        IN_WORLD(leaves_a_device_alone_that_is_being_asked_something_else),
        IN_WORLD(takes_another_try_when_the_transport_is_full_or_fails),
        IN_WORLD(a_restart_while_triggering_sends_the_same_trigger_again),
        IN_WORLD(a_restart_that_cannot_send_waits_the_silence_out_and_then_tries_anew),
        IN_WORLD(a_device_that_fetches_after_a_restart_installs_once),
        IN_WORLD(continues_from_every_state_it_may_die_in),
        IN_WORLD(an_answer_from_before_a_restart_disturbs_nobody),
        IN_WORLD(an_orderly_stop_judges_nothing),
        cmocka_unit_test(allows_the_moves_of_its_table_and_no_others),
        IN_WORLD(a_move_that_the_table_lacks_is_a_fault_and_changes_nothing),
        cmocka_unit_test(names_every_state_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
