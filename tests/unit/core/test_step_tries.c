/* One device's part of a rollout: what a try can begin with, how it fails, and when the next one follows. */
#include "tests/unit/core/scene.h"

#include <errno.h>

#include "daemon/core/asking.h"
#include "daemon/core/directory.h"

/* ---- the trigger's answer ---- */

static void ends_as_unreachable_when_nothing_ever_answers(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct world *world = scene.world;
    static const int64_t backoff_ms[] = { 10000, 20000, 40000 };

    for (int i = 0; i < 3; i++) {
        world->clock.now_ms += 31000;
        world_answer_with(world, world_asked(world), ANSWER_NONE);
        scene_expect(&scene, STEP_WAITING, NULL);
        world_pass(world, backoff_ms[i] - 1);
        assert_int_equal(world->transport.count, i + 1);
        world_pass(world, 1);
        assert_int_equal(world->transport.count, i + 2);
    }
    world->clock.now_ms += 22000;
    world_answer_with(world, world_asked(world), ANSWER_NONE);
    scene_expect(&scene, STEP_UNREACHABLE, "no answer to the trigger in 4 tries over 3 min 5 s");
    assert_int_equal(world_rollout_now(world, scene.rollout.id).state, ROLLOUT_DONE);
    world_pass(world, 3600000);
    assert_int_equal(world->transport.count, 4);
}

static void says_which_try_follows_while_it_waits(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");

    world_answer_with(scene.world, world_asked(scene.world), ANSWER_UNREACHABLE);
    scene_expect(&scene, STEP_WAITING, "the network says that the device's address is unreachable; try 2 of 4 follows");
    world_pass(scene.world, 10000);
    world_answer_with(scene.world, world_asked(scene.world), ANSWER_RESET);
    scene_expect(&scene, STEP_WAITING, "the trigger was reset by whoever has the device's address; try 3 of 4 follows");
}

static void takes_a_refusal_at_its_word_and_an_overload_not(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");

    world_answer(scene.world, world_asked(scene.world), 503, "");
    scene_expect(&scene, STEP_WAITING, "the device answered the trigger with 5.03; try 2 of 4 follows");
    world_pass(scene.world, 10000);
    world_answer(scene.world, world_asked(scene.world), 429, "");
    scene_expect(&scene, STEP_WAITING, NULL);
    world_pass(scene.world, 20000);
    world_answer(scene.world, world_asked(scene.world), 404, "");
    scene_expect(&scene, STEP_REFUSED, "the device answered the trigger with 4.04");
}

static void every_try_has_a_higher_sequence_and_paths_of_its_own(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct step first = scene_step(&scene);
    struct device device;

    world_answer_with(scene.world, world_asked(scene.world), ANSWER_NONE);
    world_pass(scene.world, 10000);
    struct step second = scene_step(&scene);
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
    struct scene scene = scene_begun(state, "riot-mainline");

    scene_take_trigger(&scene);
    scene.world->clock.now_ms += 2000;
    scene_fetch_manifest(&scene);
    world_pass(scene.world, MAINLINE_GIVE_UP - 1);
    scene_expect(&scene, STEP_MANIFEST_FETCHED, NULL);
    world_pass(scene.world, 1);
    scene_expect(&scene, STEP_REFUSED,
                 "the device fetched the manifest and then nothing for 93 s: signature, sequence number or class not "
                 "accepted");
}

static void tries_again_when_the_image_broke_off_and_says_where(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct world *world = scene.world;

    for (int i = 1; i <= 4; i++) {
        scene_take_trigger(&scene);
        scene_fetch_manifest(&scene);
        assert_int_equal(world_fetch(world, scene_step(&scene).image_path, 64, 2), 0);
        assert_int_equal(scene_step(&scene).image_bytes, 128);
        world_pass(world, EXEC_GIVE_UP);
        if (i == 1)
            scene_expect(&scene, STEP_WAITING, "the image transfer broke off at byte 128 of 178; try 2 of 4 follows");
        if (i < 4)
            world_pass(world, 10000 << (i - 1));
    }
    scene_expect(&scene, STEP_FAILED, "the image transfer broke off at byte 128 of 178, in 4 tries over 4 min 10 s");
}

static void tries_again_when_the_manifest_is_never_asked_for(void **state)
{
    struct scene scene = scene_begun(state, "riot-mainline");

    for (int i = 1; i <= 4; i++) {
        scene_take_trigger(&scene);
        world_pass(scene.world, MAINLINE_GIVE_UP);
        if (i < 4)
            world_pass(scene.world, 10000 << (i - 1));
    }
    scene_expect(&scene, STEP_FAILED,
                 "the device took the trigger and did not fetch the whole manifest, in 4 tries over 7 min 22 s");
}

static void has_patience_with_a_device_that_is_slow_but_goes_on(void **state)
{
    struct scene scene = scene_begun(state, "riot-mainline");
    struct world *world = scene.world;
    struct fetch_block block;
    uint8_t bytes[64];

    scene_take_trigger(&scene);
    scene_fetch_manifest(&scene);
    for (uint64_t offset = 0; offset < 178; offset += 16) {
        world_pass(world, 60000);
        scene_expect(&scene, STEP_MANIFEST_FETCHED, NULL);
        assert_int_equal(rollout_on_fetch(&world->core, scene_step(&scene).image_path, offset, bytes, 16, &block), 0);
    }
    scene_expect(&scene, STEP_IMAGE_FETCHED, NULL);
}

static void ends_at_the_deadline_even_of_a_device_that_goes_on(void **state)
{
    struct scene scene = scene_begun(state, "riot-mainline");
    struct world *world = scene.world;
    struct fetch_block block;
    uint8_t bytes[8];
    int r = 0;

    scene_take_trigger(&scene);
    scene_fetch_manifest(&scene);
    char path[PATH_SIZE];
    strcpy(path, scene_step(&scene).image_path);
    for (uint64_t offset = 0; r == 0 && offset < 178; offset += 8) {
        world_pass(world, 50000);
        r = rollout_on_fetch(&world->core, path, offset, bytes, 8, &block);
    }
    assert_int_equal(r, REFUSED_UNKNOWN);
    scene_expect(&scene, STEP_FAILED, "its deadline passed while the image was fetched");
    assert_int_equal(scene_step(&scene).deadline_ms, WORLD_START_MS + 900000);
}

static void does_not_begin_a_try_that_would_pass_the_deadline(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");

    scene.world->clock.now_ms += 895000;
    world_answer_with(scene.world, world_asked(scene.world), ANSWER_NONE);
    scene_expect(&scene, STEP_UNREACHABLE,
                 "no answer to the trigger in 1 try over 14 min 55 s; the next one would pass the deadline");
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
    scene_expect(&scene, STEP_WAITING, "the device has not registered, so its address is not known");
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
    scene_expect(&scene, STEP_TRIGGERING, NULL);
    assert_string_equal(world_asked(world)->address, "coap://[fd00::99]");
    assert_int_equal(scene_step(&scene).attempts, 1);
}

static void does_not_wait_for_ever(void **state)
{
    struct scene scene = waiting_for_an_address(*state);

    for (int i = 0; i < 31; i++)
        world_pass(scene.world, 30000);
    scene_expect(&scene, STEP_UNREACHABLE, "the device has not registered, so its address is not known");
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
    scene_expect(&scene, STEP_WAITING, "this host has no route to the device's address");
    world->transport.base_result = 0;
    world_pass(world, 30000);
    scene_expect(&scene, STEP_TRIGGERING, NULL);
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
    scene_expect(&scene, STEP_FAILED,
                 "riot-tinypart devices take no host names, and the daemon advertises coap://daemon.example");
}

static void looks_at_the_grant_again_before_each_try(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");

    world_answer_with(scene.world, world_asked(scene.world), ANSWER_NONE);
    assert_int_equal(grant_revoke(&scene.world->core, &scene.world->owner, 1, NULL), 0);
    world_pass(scene.world, 10000);
    scene_expect(&scene, STEP_FAILED, "no grant of this tenant covers device d1");
    assert_int_equal(scene.world->transport.count, 1);
}

static void leaves_a_slot_that_went_to_another_tenant(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct world *world = scene.world;
    struct world_tenant *bob = world_tenant(world, "bob");

    world_answer_with(world, world_asked(world), ANSWER_NONE);
    world_grant(world, bob, "");
    assert_int_equal(world->store->begin(world->store), 0);
    assert_int_equal(world->store->slot_free(world->store, scene.device.id, 0), 0);
    assert_int_equal(world->store->slot_take(world->store, scene.device.id, 0, bob->tenant.id, 1), 0);
    assert_int_equal(world->store->commit(world->store), 0);
    world_pass(world, 10000);
    scene_expect(&scene, STEP_FAILED, "slot 0 of device d1 went to another tenant meanwhile");
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
    scene_expect(&scene, STEP_WAITING, NULL);
    assert_int_equal(scene_step(&scene).attempts, 0);
    world_answer(world, world_asked(world), 204, "1.00");
    world_pass(world, 500);
    scene_expect(&scene, STEP_TRIGGERING, NULL);
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
    scene_expect(&scene, STEP_WAITING, "too many requests were under way at once; try 2 of 4 follows");
    world->transport.result = -EIO;
    world_pass(world, 10000);
    scene_expect(&scene, STEP_WAITING, "the trigger could not be sent; try 3 of 4 follows");
    world->transport.result = REFUSED_INVALID;
    world_pass(world, 20000);
    scene_expect(&scene, STEP_FAILED, "the transport cannot use the device's address");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        IN_WORLD(waits_for_a_device_that_has_not_registered_yet),
        IN_WORLD(does_not_wait_for_ever),
        IN_WORLD(waits_for_a_route),
        IN_WORLD(tells_devices_the_base_that_is_set),
        IN_WORLD(tells_no_host_name_to_a_device_that_takes_none),
        IN_WORLD(looks_at_the_grant_again_before_each_try),
        IN_WORLD(leaves_a_slot_that_went_to_another_tenant),
        IN_WORLD(leaves_a_device_alone_that_is_being_asked_something_else),
        IN_WORLD(takes_another_try_when_the_transport_is_full_or_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
