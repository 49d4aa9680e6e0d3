#include "tests/unit/core/scene.h"

struct scene scene_begun(void **state, const char *profile)
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

struct step scene_step(const struct scene *scene)
{
    return world_step_of(scene->world, scene->rollout.id, "d1");
}

void scene_expect(const struct scene *scene, enum step_state state, const char *reason)
{
    struct step step = scene_step(scene);

    assert_string_equal(step_state_name(step.state), step_state_name(state));
    if (reason != NULL)
        assert_string_equal(step.reason, reason);
}

void scene_take_trigger(const struct scene *scene)
{
    world_answer(scene->world, world_asked(scene->world), 201, "");
    scene_expect(scene, STEP_TRIGGERED, NULL);
}

void scene_fetch_manifest(const struct scene *scene)
{
    assert_int_equal(world_fetch(scene->world, scene_step(scene).manifest_path, 64, 0), 0);
    scene_expect(scene, STEP_MANIFEST_FETCHED, NULL);
}

void scene_fetch_image(const struct scene *scene)
{
    assert_int_equal(world_fetch(scene->world, scene_step(scene).image_path, 64, 0), 0);
    scene_expect(scene, STEP_IMAGE_FETCHED, NULL);
}

void scene_fetch_all(const struct scene *scene)
{
    scene_take_trigger(scene);
    scene_fetch_manifest(scene);
    scene_fetch_image(scene);
}
