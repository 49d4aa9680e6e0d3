/* scene.h - one device's part of a rollout, for the tests of how it moves. */
#ifndef TINYPART_TESTS_CORE_SCENE_H
#define TINYPART_TESTS_CORE_SCENE_H

#include "tests/unit/core/world.h"

#include "daemon/core/step.h"

#define EXEC_GIVE_UP     45000
#define MAINLINE_GIVE_UP 93000

/* A rollout of alice's thermometer to one device of a kind, its first trigger just sent. */
struct scene {
    struct world *world;
    struct world_tenant *alice;
    struct device device;
    struct rollout rollout;
};

struct scene scene_begun(void **state, const char *profile);
struct step scene_step(const struct scene *scene);
/* In this state, and for this reason where one is given. */
void scene_expect(const struct scene *scene, enum step_state state, const char *reason);
/* The device's doings, one after the other; each checks what they lead to. */
void scene_take_trigger(const struct scene *scene);
void scene_fetch_manifest(const struct scene *scene);
void scene_fetch_image(const struct scene *scene);
void scene_fetch_all(const struct scene *scene);

/* For every test of these. */
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

#endif
