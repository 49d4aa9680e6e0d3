/* Start, tick and stop of the rules as a whole. */
#include "tests/unit/core/world.h"

#include <errno.h>

#include "daemon/core/export.h"

static void counts_in_the_epochs_that_it_began_with(void **state)
{
    struct world *world = *state;

    core_stop(&world->core);
    world->core.settings.epoch_ms = 3600000;
    assert_int_equal(core_start(&world->core, &world->why), REFUSED_CONFLICT);
    assert_string_equal(world->why.what, "this registry counts in epochs of 86400000 ms, and 3600000 ms are set");
    world->core.settings.epoch_ms = 86400000;
    assert_int_equal(core_start(&world->core, &world->why), 0);
    assert_false(world->core.ledger_broken);
}

static int apart(struct store *store, struct ledger_count *out, struct why *why)
{
    (void)store;
    (void)out;
    return refuse(why, REFUSED_CONFLICT, "ledger", NULL, "charges and spent are apart");
}

static void starts_with_a_broken_ledger_and_remembers_it(void **state)
{
    struct world *world = *state;

    core_stop(&world->core);
    world->store->ledger_recount = apart;
    assert_int_equal(core_start(&world->core, &world->why), 0);
    assert_true(world->core.ledger_broken);
}

static void stops_twice_and_after_a_start_that_failed(void **state)
{
    struct world *world = *state;

    core_stop(&world->core);
    core_stop(&world->core);
    assert_int_equal(core_start(&world->core, &world->why), 0);
}

static int no_polls(struct store *store, int64_t now_ms, unsigned limit,
                    int (*each)(void *context, const struct slot *row), void *context)
{
    (void)store;
    (void)now_ms;
    (void)limit;
    (void)each;
    (void)context;
    return -EIO;
}

static void a_fault_in_one_part_stops_no_other(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    int64_t next_ms;

    world_grant(world, alice, "");
    world_image(world, alice, "thermo", "1.0");
    world_device(world, "d1", "riot-tinypart", "");
    world_rollout(world, alice, "", 0);
    world->store->slot_polls_due = no_polls;
    assert_int_equal(core_tick(&world->core, &next_ms), -EIO);
    assert_int_equal(world->transport.count, 1);
    assert_true(world->core.housekeeping_ms > world->clock.now_ms);
}

static int no_step(struct store *store, int64_t id, struct step *out)
{
    (void)store;
    (void)id;
    (void)out;
    return -EIO;
}

static void a_fault_while_an_answer_is_taken_is_passed_up_by_the_next_tick(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    int64_t next_ms;

    world_grant(world, alice, "");
    world_image(world, alice, "thermo", "1.0");
    world_device(world, "d1", "riot-tinypart", "");
    world_rollout(world, alice, "", 0);
    world_pass(world, 0);
    world->store->step_by_id = no_step;
    world_answer(world, world_asked(world), 204, "");
    assert_int_equal(core_tick(&world->core, &next_ms), -EIO);
    assert_int_equal(core_tick(&world->core, &next_ms), 0);
}

static void says_when_it_wants_to_be_called_again(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    int64_t next_ms;

    assert_int_equal(core_tick(&world->core, &next_ms), 0);
    assert_true(next_ms > world->clock.now_ms);
    world_grant(world, alice, "");
    world_image(world, alice, "thermo", "1.0");
    world_device(world, "d1", "riot-tinypart", "");
    world_rollout(world, alice, "", 0);
    assert_int_equal(core_tick(&world->core, &next_ms), 0);
    assert_int_equal(next_ms, world->clock.now_ms + 45000); /* until when the device may be silent */
}

static void names_every_counter_once(void **state)
{
    (void)state;
    for (enum counter i = 0; i < COUNTERS; i++) {
        assert_true(strlen(counter_name(i)) > 0);
        for (enum counter k = 0; k < i; k++)
            assert_string_not_equal(counter_name(i), counter_name(k));
    }
    assert_string_equal(counter_name(COUNTERS), "");
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(counts_in_the_epochs_that_it_began_with),
        IN_WORLD(starts_with_a_broken_ledger_and_remembers_it),
        IN_WORLD(stops_twice_and_after_a_start_that_failed),
        IN_WORLD(a_fault_in_one_part_stops_no_other),
        IN_WORLD(a_fault_while_an_answer_is_taken_is_passed_up_by_the_next_tick),
        IN_WORLD(says_when_it_wants_to_be_called_again),
        cmocka_unit_test(names_every_counter_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
