/* One device's part of a rollout: what comes late or twice, and what containers answer when they are asked. */
#include "tests/unit/core/scene.h"

/* ---- what comes late or twice ---- */

static void goes_on_when_the_fetch_comes_before_the_answer(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct world *world = scene.world;

    assert_int_equal(world_fetch(world, scene_step(&scene).manifest_path, 64, 1), 0);
    scene_expect(&scene, STEP_TRIGGERED, NULL);
    scene_fetch_manifest(&scene);
    world_answer_with(world, world_asked(world), ANSWER_NONE);
    scene_expect(&scene, STEP_MANIFEST_FETCHED, NULL);
    scene_fetch_image(&scene);
    world_pass(world, SETTLE_MS);
    scene_expect(&scene, STEP_PROBING, NULL);
}

static void a_single_block_manifest_goes_straight_on(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");

    assert_int_equal(world_fetch(scene.world, scene_step(&scene).manifest_path, 1024, 1), 0);
    scene_expect(&scene, STEP_MANIFEST_FETCHED, NULL);
    assert_int_equal(world_fetch(scene.world, scene_step(&scene).image_path, 1024, 1), 0);
    scene_expect(&scene, STEP_IMAGE_FETCHED, NULL);
}

static void a_repeated_request_changes_nothing(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct world *world = scene.world;
    struct step step = scene_step(&scene);

    scene_fetch_all(&scene);
    assert_int_equal(world_fetch(world, step.manifest_path, 64, 0), 0);
    assert_int_equal(world_fetch(world, step.image_path, 64, 0), 0);
    scene_expect(&scene, STEP_IMAGE_FETCHED, NULL);
    world_pass(world, SETTLE_MS);
    assert_int_equal(world_fetch(world, step.image_path, 64, 0), 0);
    scene_expect(&scene, STEP_PROBING, NULL);
    world_answer(world, world_asked(world), 204, "1.00");
    assert_int_equal(world_fetch(world, step.image_path, 64, 0), 0);
    scene_expect(&scene, STEP_INSTALLED, NULL);
}

static void turns_an_older_trys_device_away(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct world *world = scene.world;
    struct step first = scene_step(&scene);

    world_answer_with(world, world_asked(world), ANSWER_NONE);
    world_pass(world, 10000);
    scene_take_trigger(&scene);
    assert_int_equal(world_fetch(world, first.manifest_path, 64, 1), REFUSED_UNKNOWN);
    assert_int_equal(world_fetch(world, first.image_path, 64, 1), REFUSED_UNKNOWN);
    scene_expect(&scene, STEP_TRIGGERED, NULL);
    assert_int_equal(world->core.counters[COUNT_FETCH_REFUSED], 2);
}

static void goes_on_with_a_device_that_fetches_after_it_was_given_up(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct world *world = scene.world;

    world_answer_with(world, world_asked(world), ANSWER_NONE);
    scene_expect(&scene, STEP_WAITING, NULL);
    scene_fetch_manifest(&scene);
    world_pass(world, 10000);
    assert_int_equal(world->transport.count, 1); /* no second trigger, so no second installation */
    scene_fetch_image(&scene);
    assert_int_equal(scene_step(&scene).sequence, 1);
}

static void turns_a_late_device_away_when_another_step_has_it(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");
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
    assert_int_equal(world_fetch(world, scene_step(&scene).manifest_path, 64, 0), REFUSED_UNKNOWN);
    scene_expect(&scene, STEP_WAITING, NULL);
    world_pass(world, 10000);
    scene_expect(&scene, STEP_WAITING, NULL); /* due, and waits for the other one's end */
    world_answer(world, world_asked(world), 404, "");
    world_pass(world, 0);
    scene_expect(&scene, STEP_TRIGGERING, NULL);
}

static void serves_nothing_to_a_step_that_ended_badly(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct step step = scene_step(&scene);

    world_answer(scene.world, world_asked(scene.world), 404, "");
    assert_int_equal(world_fetch(scene.world, step.manifest_path, 64, 1), REFUSED_UNKNOWN);
    scene_expect(&scene, STEP_REFUSED, NULL);
}

static void serves_no_unknown_expired_or_impossible_requests(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct world *world = scene.world;
    struct fetch_block block;
    uint8_t bytes[64];

    assert_int_equal(world_fetch(world, "/m/AAAAAAAAAAAAAAAA", 64, 1), REFUSED_UNKNOWN);
    assert_int_equal(world_fetch(world, "", 64, 1), REFUSED_UNKNOWN);
    assert_int_equal(rollout_on_fetch(&world->core, scene_step(&scene).image_path, 178, bytes, 64, &block),
                     REFUSED_INVALID);
    assert_int_equal(rollout_on_fetch(&world->core, scene_step(&scene).image_path, UINT64_MAX, bytes, 64, &block),
                     REFUSED_INVALID);
    scene_expect(&scene, STEP_TRIGGERING, NULL);
    world->clock.now_ms += 3600000;
    assert_int_equal(world_fetch(world, scene_step(&scene).manifest_path, 64, 1), REFUSED_UNKNOWN);
    assert_int_equal(world->core.counters[COUNT_FETCH_REFUSED], 5);
}

static void gives_blocks_with_their_whole(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct world *world = scene.world;
    struct fetch_block block;
    uint8_t bytes[64];

    assert_int_equal(rollout_on_fetch(&world->core, scene_step(&scene).image_path, 128, bytes, 64, &block), 0);
    assert_int_equal(block.offset, 128);
    assert_int_equal(block.size, 50);
    assert_int_equal(block.total, 178);
    assert_false(block.is_manifest);
    assert_memory_equal(bytes, world_container().data + 128, 50);
}

/* ---- probing ---- */

static void asks_a_few_times_before_it_gives_a_container_up(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct world *world = scene.world;
    unsigned probes = 0;

    scene_fetch_all(&scene);
    world_pass(world, SETTLE_MS);
    while (scene_step(&scene).state == STEP_PROBING) {
        probes++;
        world_answer(world, world_asked(world), 404, "");
        for (int i = 0; i < 60 && world_unanswered(world) == 0; i++)
            world_pass(world, 1000);
    }
    assert_in_range(probes, 4, 10);
    scene_expect(&scene, STEP_FAILED, "every byte was fetched, and the device answers 4.04 for slot 0");
}

static void gives_a_silent_container_up(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct world *world = scene.world;

    scene_fetch_all(&scene);
    world_pass(world, SETTLE_MS);
    world->clock.now_ms += 93000;
    world_answer_with(world, world_asked(world), ANSWER_NONE);
    scene_expect(&scene, STEP_PROBING, NULL);
    world_pass(world, 60000);
    world->clock.now_ms += 93000;
    world_answer_with(world, world_asked(world), ANSWER_NONE);
    scene_expect(
        &scene, STEP_FAILED,
        "every byte was fetched, and the container in slot 0 did not answer in 4 min 6 s: wrong digest, or the "
        "device is gone");
}

static void does_not_tell_a_tenant_a_fault_from_a_value(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");

    scene_fetch_all(&scene);
    world_pass(scene.world, SETTLE_MS);
    world_answer(scene.world, world_asked(scene.world), 204, "-0.01");
    scene_expect(&scene, STEP_INSTALLED, "every byte was fetched, and slot 0 answers");
}

static void does_not_take_words_for_a_value(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct world *world = scene.world;

    scene_fetch_all(&scene);
    world_pass(world, SETTLE_MS);
    world_answer(world, world_asked(world), 204, "hello");
    scene_expect(&scene, STEP_PROBING, NULL);
    world_pass(world, 130000);
    world_answer(world, world_asked(world), 204, "");
    scene_expect(&scene, STEP_FAILED, "every byte was fetched, and the answer of slot 0 is no number");
}

static void asks_again_when_a_probe_could_not_be_sent(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct world *world = scene.world;

    scene_fetch_all(&scene);
    world->transport.result = REFUSED_BUSY;
    world_pass(world, SETTLE_MS);
    scene_expect(&scene, STEP_PROBING, NULL);
    world->transport.result = 0;
    world_pass(world, 5000);
    world_answer(world, world_asked(world), 204, "27.18");
    scene_expect(&scene, STEP_INSTALLED, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
