/* contract_steps.c - what is due, tried, moved and overdue; sequence numbers only rise (I9), one thing at a time (I10).
 */
#include "tests/contract/store_contract.h"

#include <stdio.h>

SEEN_EACH(step)

struct scene {
    struct store *store;
    int64_t tenant, image, rollout;
    int64_t device[4], step[4];
};

/* A rollout with a step on each of four devices, due at NOW, NOW + 1, ... */
static struct scene set_up(void **state, unsigned concurrency)
{
    struct scene scene = { .store = *state };
    char name[NAME_SIZE];

    add_blob(scene.store, 100, 277);
    scene.tenant = add_tenant(scene.store, "a");
    scene.image = add_image(scene.store, scene.tenant, "thermo", "1.2");
    scene.rollout = add_rollout(scene.store, scene.tenant, scene.image, concurrency);
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "d%d", i);
        scene.device[i] = add_device(scene.store, name, "tinypart");
        scene.step[i] = add_step(scene.store, scene.rollout, scene.tenant, scene.device[i], NOW + i);
    }
    return scene;
}

static int try_step(const struct scene *scene, int64_t step_id, uint64_t sequence)
{
    char manifest[PATH_SIZE], image[PATH_SIZE];
    struct step_try attempt;

    snprintf(manifest, sizeof manifest, "m/%d/%d", (int)step_id, (int)sequence);
    snprintf(image, sizeof image, "i/%d/%d", (int)step_id, (int)sequence);
    attempt = a_try(step_id, sequence, manifest, image);
    return in_transaction(scene->store, scene->store->step_try(scene->store, &attempt));
}

static int move_step(const struct scene *scene, int64_t step_id, enum step_state from, enum step_state to,
                     const char *reason)
{
    struct step_move move = { step_id, from, to, reason, NOW + 7, NOW + 3 };

    return in_transaction(scene->store, scene->store->step_move(scene->store, &move));
}

static void a_step_keeps_the_content_key_of_its_newest_try(void **state)
{
    struct scene scene = set_up(state, 64);
    struct store *store = scene.store;
    struct step_try attempt = a_try(scene.step[0], 5, "m/1", "i/1");
    struct fetch_target target;
    struct step step;

    attempt.content_key.is_set = true;
    memset(attempt.content_key.secret, 9, sizeof attempt.content_key.secret);
    ok(in_transaction(store, store->step_try(store, &attempt)));
    ok(store->fetch_by_path(store, "i/1", NOW, &target));
    assert_true(target.step.content_key.is_set);
    assert_memory_equal(target.step.content_key.secret, attempt.content_key.secret, sizeof attempt.content_key.secret);
    ok(move_step(&scene, scene.step[0], STEP_TRIGGERING, STEP_WAITING, "again"));
    ok(try_step(&scene, scene.step[0], 6));
    ok(store->step_by_id(store, scene.step[0], &step));
    assert_false(step.content_key.is_set);
}

static void a_step_is_tried_with_a_sequence_number_that_only_rises(void **state)
{
    struct scene scene = set_up(state, 64);
    struct store *store = scene.store;
    struct device device = { 0 };
    struct step step = { 0 };

    ok(try_step(&scene, scene.step[0], 5));
    ok(store->step_by_id(store, scene.step[0], &step));
    assert_int_equal(step.state, STEP_TRIGGERING);
    assert_int_equal(step.sequence, 5);
    assert_int_equal(step.attempts, 1);
    assert_int_equal(step.deadline_ms, NOW + 900000);
    assert_int_equal(step.due_ms, NOW + 32000);
    assert_string_equal(step.manifest_path, "m/1/5");
    assert_string_equal(step.device, "d0");
    ok(store->device_by_id(store, scene.device[0], &device));
    assert_int_equal(device.sequence, 5);
    assert_int_equal(try_step(&scene, scene.step[0], 6), REFUSED_CONFLICT); /* not waiting */
    ok(move_step(&scene, scene.step[0], STEP_TRIGGERING, STEP_WAITING, "again"));
    assert_int_equal(try_step(&scene, scene.step[0], 5), REFUSED_CONFLICT); /* not above */
    assert_int_equal(try_step(&scene, scene.step[0], 4), REFUSED_CONFLICT);
    assert_int_equal(try_step(&scene, 99, 4), REFUSED_UNKNOWN);
    ok(store->step_by_id(store, scene.step[0], &step));
    assert_int_equal(step.state, STEP_WAITING); /* a refused try leaves nothing */
    assert_int_equal(step.attempts, 1);
    ok(try_step(&scene, scene.step[0], 6));
    ok(store->step_by_id(store, scene.step[0], &step));
    assert_int_equal(step.attempts, 2);
    assert_int_equal(step.deadline_ms, NOW + 900000);
}

static void a_refused_try_within_a_transaction_leaves_the_rest_of_it(void **state)
{
    struct scene scene = set_up(state, 64);
    struct store *store = scene.store;
    struct step_try good = a_try(scene.step[0], 1, "m/x", "i/x"), bad = a_try(scene.step[1], 1, "m/y", "i/x");
    struct device device = { 0 };
    struct step step = { 0 };

    ok(store->begin(store));
    ok(store->step_try(store, &good));
    assert_int_equal(store->step_try(store, &bad), REFUSED_EXISTS); /* its second path is taken */
    ok(store->commit(store));
    ok(store->step_by_id(store, scene.step[0], &step));
    assert_int_equal(step.state, STEP_TRIGGERING);
    ok(store->step_by_id(store, scene.step[1], &step));
    assert_int_equal(step.state, STEP_WAITING);
    ok(store->device_by_id(store, scene.device[1], &device));
    assert_int_equal(device.sequence, 0);
    assert_int_equal(store->fetch_by_path(store, "m/y", NOW, &(struct fetch_target){ 0 }), REFUSED_UNKNOWN);
}

static void a_step_moves_only_from_the_state_it_is_in(void **state)
{
    struct scene scene = set_up(state, 64);
    struct step step = { 0 };
    char endless[2 * REASON_SIZE];

    ok(try_step(&scene, scene.step[0], 1));
    ok(move_step(&scene, scene.step[0], STEP_TRIGGERING, STEP_TRIGGERED, "taken"));
    assert_int_equal(move_step(&scene, scene.step[0], STEP_TRIGGERING, STEP_FAILED, "x"), REFUSED_CONFLICT);
    assert_int_equal(move_step(&scene, 99, STEP_TRIGGERING, STEP_FAILED, "x"), REFUSED_UNKNOWN);
    ok(move_step(&scene, scene.step[0], STEP_TRIGGERED, STEP_MANIFEST_FETCHED, NULL));
    ok(scene.store->step_by_id(scene.store, scene.step[0], &step));
    assert_string_equal(step.reason, "taken"); /* NULL keeps it */
    assert_int_equal(step.due_ms, NOW + 7);
    assert_int_equal(step.updated_ms, NOW + 3);
    memset(endless, 'x', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    ok(move_step(&scene, scene.step[0], STEP_MANIFEST_FETCHED, STEP_REFUSED, endless));
    ok(scene.store->step_by_id(scene.store, scene.step[0], &step));
    assert_int_equal(strlen(step.reason), REASON_SIZE - 1); /* words for people are cut, not refused */
}

static void due_steps_come_earliest_first_and_only_of_running_rollouts(void **state)
{
    struct scene scene = set_up(state, 64);
    struct store *store = scene.store;
    struct seen some = { 0 }, two = { 0 }, paused = { 0 };
    int64_t next = 0;

    ok(store->steps_due(store, NOW + 1, 10, see_step, &some));
    assert_int_equal(some.count, 2);
    assert_int_equal(some.ids[0], scene.step[0]);
    ok(store->steps_due(store, NOW + 10, 3, see_step, &two));
    assert_int_equal(two.count, 3);
    ok(store->step_next_due(store, &next));
    assert_int_equal(next, NOW);
    ok(in_transaction(store, store->rollout_move(store, scene.rollout, ROLLOUT_RUNNING, ROLLOUT_PAUSED, NOW)));
    ok(store->steps_due(store, NOW + 10, 10, see_step, &paused));
    assert_int_equal(paused.count, 0);
    assert_int_equal(store->step_next_due(store, &next), REFUSED_UNKNOWN);
}

static void a_rollout_keeps_to_its_own_concurrency(void **state)
{
    struct scene scene = set_up(state, 2);
    struct store *store = scene.store;
    struct seen first = { 0 }, second = { 0 }, third = { 0 }, fourth = { 0 };
    int64_t next = 0, under_way = 0;

    ok(store->steps_due(store, NOW + 10, 10, see_step, &first));
    assert_int_equal(first.count, 2);
    ok(try_step(&scene, scene.step[0], 1));
    ok(store->steps_due(store, NOW + 10, 10, see_step, &second));
    assert_int_equal(second.count, 1);
    assert_int_equal(second.ids[0], scene.step[1]);
    ok(try_step(&scene, scene.step[1], 1));
    ok(store->steps_due(store, NOW + 10, 10, see_step, &third));
    assert_int_equal(third.count, 0);
    ok(store->steps_under_way(store, &under_way));
    assert_int_equal(under_way, 2);
    /* a rollout without a free place has nothing to wake up for but the silence of those under way */
    ok(store->step_next_due(store, &next));
    assert_int_equal(next, NOW + 32000);
    ok(move_step(&scene, scene.step[0], STEP_TRIGGERING, STEP_FAILED, "x"));
    ok(store->steps_due(store, NOW + 10, 10, see_step, &fourth));
    assert_int_equal(fourth.count, 1);
    assert_int_equal(fourth.ids[0], scene.step[2]);
}

static void a_device_has_one_step_under_way_over_all_rollouts(void **state)
{
    struct scene scene = set_up(state, 64);
    struct store *store = scene.store;
    int64_t other = add_rollout(store, scene.tenant, scene.image, 64);
    int64_t rival = add_step(store, other, scene.tenant, scene.device[0], NOW);
    struct seen once = { 0 }, busy = { 0 };
    struct step step = { 0 };

    ok(store->steps_due(store, NOW, 10, see_step, &once));
    assert_int_equal(once.count, 1); /* both wait for the same device: one is handed out */
    assert_int_equal(store->step_of_device(store, scene.device[0], &step), REFUSED_UNKNOWN);
    ok(try_step(&scene, scene.step[0], 1));
    ok(store->steps_due(store, NOW, 10, see_step, &busy));
    assert_int_equal(busy.count, 0);
    assert_int_equal(try_step(&scene, rival, 2), REFUSED_CONFLICT);
    assert_int_equal(move_step(&scene, rival, STEP_WAITING, STEP_PROBING, NULL), REFUSED_CONFLICT);
    ok(store->step_of_device(store, scene.device[0], &step));
    assert_int_equal(step.id, scene.step[0]);
    ok(move_step(&scene, scene.step[0], STEP_TRIGGERING, STEP_INSTALLED, NULL));
    ok(try_step(&scene, rival, 2));
}

static void silence_is_overdue_in_order(void **state)
{
    struct scene scene = set_up(state, 64);
    struct store *store = scene.store;
    struct seen none = { 0 }, all = { 0 };
    int64_t next = 0;

    for (int i = 0; i < 4; i++)
        ok(try_step(&scene, scene.step[i], 1));
    ok(move_step(&scene, scene.step[2], STEP_TRIGGERING, STEP_TRIGGERED, NULL)); /* due NOW + 7 */
    ok(store->step_next_due(store, &next));
    assert_int_equal(next, NOW + 7);
    ok(store->steps_overdue(store, NOW + 6, 10, see_step, &none));
    assert_int_equal(none.count, 0);
    ok(store->steps_overdue(store, NOW + 32000, 3, see_step, &all));
    assert_int_equal(all.count, 3);
    assert_int_equal(all.ids[0], scene.step[2]);
    assert_int_equal(all.ids[1], scene.step[0]);
}

static void progress_never_falls(void **state)
{
    struct scene scene = set_up(state, 64);
    struct store *store = scene.store;
    struct step step = { 0 };

    ok(try_step(&scene, scene.step[0], 1));
    ok(in_transaction(store, store->step_progress(store, scene.step[0], 178, NOW + 50)));
    ok(in_transaction(store, store->step_progress(store, scene.step[0], 64, NOW + 60)));
    assert_int_equal(in_transaction(store, store->step_progress(store, 99, 64, NOW)), REFUSED_UNKNOWN);
    ok(store->step_by_id(store, scene.step[0], &step));
    assert_int_equal(step.image_bytes, 178);
    assert_int_equal(step.due_ms, NOW + 60);
}

static void what_waits_is_aborted_and_what_is_under_way_is_not(void **state)
{
    struct scene scene = set_up(state, 64);
    struct store *store = scene.store;
    struct rollout rollout = { 0 };
    struct step step = { 0 };

    ok(try_step(&scene, scene.step[0], 1));
    ok(in_transaction(store, store->steps_abort_waiting(store, scene.rollout, "by order of uid:0", NOW)));
    ok(store->rollout_by_id(store, 0, scene.rollout, &rollout));
    assert_int_equal(rollout.steps[STEP_ABORTED], 3);
    assert_int_equal(rollout.steps[STEP_TRIGGERING], 1);
    ok(store->step_by_id(store, scene.step[3], &step));
    assert_string_equal(step.reason, "by order of uid:0");
}

static void a_report_finds_its_step_by_the_manifest(void **state)
{
    struct scene scene = set_up(state, 64);
    uint8_t digest[DIGEST_SIZE];
    struct step step = { 0 };

    digest_of(100, digest);
    assert_int_equal(scene.store->step_by_manifest(scene.store, digest, &step), REFUSED_UNKNOWN);
    ok(try_step(&scene, scene.step[1], 1));
    ok(scene.store->step_by_manifest(scene.store, digest, &step));
    assert_int_equal(step.id, scene.step[1]);
    assert_memory_equal(step.manifest_digest, digest, DIGEST_SIZE);
}

static void steps_are_listed_in_pages_and_need_their_device(void **state)
{
    struct scene scene = set_up(state, 64);
    struct store *store = scene.store;
    struct step lost = {
        .rollout_id = scene.rollout, .tenant_id = scene.tenant, .device_id = 99, .state = STEP_WAITING
    };
    struct seen page = { 0 };

    ok(store->step_each(store, scene.rollout, (struct page){ scene.step[0], 2 }, see_step, &page));
    assert_int_equal(page.count, 2);
    assert_int_equal(page.ids[0], scene.step[1]);
    assert_int_equal(page.ids[1], scene.step[2]);
    assert_int_equal(in_transaction(store, store->step_insert(store, &lost)), REFUSED_UNKNOWN);
    assert_int_equal(store->step_by_id(store, 99, &lost), REFUSED_UNKNOWN);
}

static void a_device_stays_while_a_step_of_it_is_not_final(void **state)
{
    struct scene scene = set_up(state, 64);
    struct store *store = scene.store;
    struct step step = { 0 };

    assert_int_equal(in_transaction(store, store->device_delete(store, scene.device[0])), REFUSED_CONFLICT);
    ok(try_step(&scene, scene.step[0], 1));
    assert_int_equal(in_transaction(store, store->device_delete(store, scene.device[0])), REFUSED_CONFLICT);
    ok(move_step(&scene, scene.step[0], STEP_TRIGGERING, STEP_REFUSED, "no"));
    ok(in_transaction(store, store->device_delete(store, scene.device[0])));
    ok(store->step_by_id(store, scene.step[0], &step)); /* what was done stays on record, under its name */
    assert_string_equal(step.device, "d0");
}

/* What a tick does: tries each due step while they are handed out. */
static int try_at_once(void *context, const struct step *row)
{
    struct scene *scene = context;
    char manifest[PATH_SIZE], image[PATH_SIZE];
    struct step_try attempt;

    snprintf(manifest, sizeof manifest, "m/%d", (int)row->id);
    snprintf(image, sizeof image, "i/%d", (int)row->id);
    attempt = a_try(row->id, 1, manifest, image);
    attempt.due_ms = NOW; /* due again at once: must not be handed out a second time */
    return scene->store->step_try(scene->store, &attempt);
}

static int back_to_waiting(void *context, const struct step *row)
{
    struct scene *scene = context;
    struct step_move move = { row->id, row->state, STEP_WAITING, NULL, NOW, NOW };

    return scene->store->step_move(scene->store, &move);
}

static void due_steps_may_be_moved_while_they_are_handed_out(void **state)
{
    struct scene scene = set_up(state, 64);
    struct store *store = scene.store;
    int64_t under_way = 0;

    ok(store->begin(store));
    ok(store->steps_due(store, NOW + 10, 10, try_at_once, &scene));
    ok(store->steps_under_way(store, &under_way));
    assert_int_equal(under_way, 4);
    ok(store->steps_overdue(store, NOW + 10, 10, back_to_waiting, &scene));
    ok(store->steps_under_way(store, &under_way));
    assert_int_equal(under_way, 0);
    ok(store->commit(store));
}

int contract_steps(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(a_step_keeps_the_content_key_of_its_newest_try),
        CONTRACT_TEST(a_step_is_tried_with_a_sequence_number_that_only_rises),
        CONTRACT_TEST(a_refused_try_within_a_transaction_leaves_the_rest_of_it),
        CONTRACT_TEST(a_step_moves_only_from_the_state_it_is_in),
        CONTRACT_TEST(due_steps_come_earliest_first_and_only_of_running_rollouts),
        CONTRACT_TEST(a_rollout_keeps_to_its_own_concurrency),
        CONTRACT_TEST(a_device_has_one_step_under_way_over_all_rollouts),
        CONTRACT_TEST(silence_is_overdue_in_order),
        CONTRACT_TEST(progress_never_falls),
        CONTRACT_TEST(what_waits_is_aborted_and_what_is_under_way_is_not),
        CONTRACT_TEST(a_report_finds_its_step_by_the_manifest),
        CONTRACT_TEST(steps_are_listed_in_pages_and_need_their_device),
        CONTRACT_TEST(a_device_stays_while_a_step_of_it_is_not_final),
        CONTRACT_TEST(due_steps_may_be_moved_while_they_are_handed_out),
    };

    return cmocka_run_group_tests_name("steps", tests, NULL, NULL);
}
