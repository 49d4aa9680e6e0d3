/* One device's part of a rollout: the ways through it, every moment to die at, and the table of its moves. */
#include "tests/unit/core/scene.h"

#include <errno.h>
#include <stdio.h>

#include "daemon/core/asking.h"
#include "daemon/core/audit.h"
#include "device_proto/suit_author.h"

/* ---- the natural ways ---- */

static void installs_where_the_container_answers(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct world *world = scene.world;
    struct slot slot;

    assert_string_equal(world_asked(world)->path, "/suit/trigger");
    scene_fetch_all(&scene);
    world_pass(world, SETTLE_MS - 1);
    assert_int_equal(world->transport.count, 1);
    world_pass(world, 1);
    scene_expect(&scene, STEP_PROBING, NULL);
    assert_string_equal(world_asked(world)->path, "/bpf/exec/0");
    assert_string_equal(world_asked(world)->address, scene.device.address);
    assert_int_equal(world_asked(world)->size, 0);
    world_answer(world, world_asked(world), 204, "27.18");
    scene_expect(&scene, STEP_INSTALLED, "every byte was fetched, and slot 0 answers");
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
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct page page = { 0, PAGE_MAX };

    scene_fetch_all(&scene);
    world_pass(scene.world, SETTLE_MS);
    world_answer(scene.world, world_asked(scene.world), 204, "27.18");
    assert_null(strstr(scene_step(&scene).reason, "27.18"));
    assert_int_equal(audit_list(&scene.world->core, &scene.world->owner, page, find_quote, NULL, NULL), 0);
}

static void delivers_where_nothing_can_be_asked(void **state)
{
    struct scene scene = scene_begun(state, "riot-mainline");
    struct slot slot;

    scene_fetch_all(&scene);
    world_pass(scene.world, SETTLE_MS);
    scene_expect(&scene, STEP_DELIVERED,
                 "every byte was fetched; riot-mainline devices cannot say whether they accepted the digest");
    assert_int_equal(scene.world->store->slot_get(scene.world->store, scene.device.id, 0, &slot), 0);
    assert_string_equal(slot.state, "installed");
    assert_int_equal(slot.poll_due_ms, 0);
}

static void ends_the_trigger_with_a_nul_where_the_device_wants_one(void **state)
{
    struct scene scene = scene_begun(state, "riot-mainline");
    const struct world_request *request = world_asked(scene.world);
    char url[128];

    int size = snprintf(url, sizeof(url), "coap://[fd00::1]%s", scene_step(&scene).manifest_path);
    assert_int_equal(request->size, size + 1);
    assert_memory_equal(request->payload, url, (size_t)size + 1);
}

static void ends_the_trigger_with_its_url_elsewhere(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");
    const struct world_request *request = world_asked(scene.world);
    char url[128];

    int size = snprintf(url, sizeof(url), "coap://[fd00::1]%s", scene_step(&scene).manifest_path);
    assert_int_equal(request->size, size);
    assert_memory_equal(request->payload, url, (size_t)size);
    assert_int_equal(strlen(scene_step(&scene).manifest_path), 19);
}

static void manifest_of(const struct scene *scene, enum suit_dialect dialect, uint8_t bytes[4096],
                        struct suit_manifest *out)
{
    struct world *world = scene->world;
    size_t size = world_fetch_whole(world, scene_step(scene).manifest_path, bytes, 4096);

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
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct suit_manifest manifest;
    uint8_t bytes[4096];
    char uri[128];

    manifest_of(&scene, SUIT_RIOT, bytes, &manifest);
    is_accepted(&scene, &manifest, "riot-os.org", "native", "ram", "0");
    snprintf(uri, sizeof(uri), "coap://[fd00::1]%s", scene_step(&scene).image_path);
    assert_true(bytes_equal_text(manifest.uri, uri));
    assert_int_equal(manifest.sequence, 1);
    assert_int_equal(manifest.size, world_container().size);
}

static void signs_manifests_of_the_current_draft_for_devices_that_report(void **state)
{
    struct scene scene = scene_begun(state, "tinypart");
    struct suit_manifest manifest;
    uint8_t bytes[4096];
    char uri[128];

    manifest_of(&scene, SUIT_37, bytes, &manifest);
    is_accepted(&scene, &manifest, "tinypart.org", "tinypart-device", "slot", "0");
    snprintf(uri, sizeof(uri), "coap://[fd00::1]%s", scene_step(&scene).manifest_path);
    assert_true(bytes_equal_text(manifest.reference_uri, uri));
    assert_memory_equal(manifest.manifest_digest, scene_step(&scene).manifest_digest, DIGEST_SIZE);
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
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct world *world = scene.world;
    struct store real = *world->store;

    scene_take_trigger(&scene);
    scene_fetch_manifest(&scene);
    world->store->commit = cannot_commit;
    assert_int_equal(world_fetch(world, scene_step(&scene).image_path, 1024, 0), -EIO);
    world->store->commit = real.commit;
    scene_expect(&scene, STEP_MANIFEST_FETCHED, NULL);
    scene_fetch_image(&scene);
}

/* ---- dying and coming back (I12) ---- */

/* The trigger may have died unsent: it leaves again, as one more retransmission. */
static void a_restart_while_triggering_sends_the_same_trigger_again(void **state)
{
    struct scene scene = scene_begun(state, "riot-mainline");
    struct world *world = scene.world;
    struct step before = scene_step(&scene);
    struct world_request first = *world_asked(world);

    world_restart(world);
    assert_int_equal(world->transport.count, 2);
    assert_int_equal(world_asked(world)->size, first.size);
    assert_memory_equal(world_asked(world)->payload, first.payload, first.size);
    scene_expect(&scene, STEP_TRIGGERING, NULL);
    assert_int_equal(scene_step(&scene).sequence, before.sequence);
    assert_int_equal(scene_step(&scene).attempts, before.attempts);
    world_answer(world, world_asked(world), 201, "");
    scene_expect(&scene, STEP_TRIGGERED, NULL);
}

static void a_restart_that_cannot_send_waits_the_silence_out_and_then_tries_anew(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct world *world = scene.world;
    struct step before = scene_step(&scene);

    world->transport.result = REFUSED_BUSY;
    world_restart(world);
    world->transport.result = 0;
    world_pass(world, EXEC_GIVE_UP - 1);
    scene_expect(&scene, STEP_TRIGGERING, NULL);
    world_pass(world, 1);
    scene_expect(&scene, STEP_WAITING, "no answer to the trigger, and no fetch; try 2 of 4 follows");
    world_pass(world, 10000);
    assert_int_equal(scene_step(&scene).sequence, before.sequence + 1);
}

static void a_device_that_fetches_after_a_restart_installs_once(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct world *world = scene.world;

    world_restart(world);
    world_answer(world, world_asked(world), 201, "");
    scene_fetch_manifest(&scene);
    scene_fetch_image(&scene);
    world_pass(world, SETTLE_MS);
    world_answer(world, world_asked(world), 204, "27.18");
    scene_expect(&scene, STEP_INSTALLED, NULL);
    assert_int_equal(scene_step(&scene).attempts, 1);
}

static void continues_from_every_state_it_may_die_in(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct world *world = scene.world;
    struct step step = scene_step(&scene);
    int64_t next_ms;

    world_answer(world, world_asked(world), 201, "");
    world_restart(world);
    assert_int_equal(world_fetch(world, step.manifest_path, 64, 1), 0);
    world_restart(world);
    scene_fetch_manifest(&scene);
    world_restart(world);
    assert_int_equal(world_fetch(world, step.image_path, 64, 1), 0);
    world_restart(world);
    assert_int_equal(scene_step(&scene).image_bytes, 64);
    scene_fetch_image(&scene);
    world_restart(world);
    world_pass(world, SETTLE_MS);
    scene_expect(&scene, STEP_PROBING, NULL);
    world_restart(world);
    next_ms = world_pass(world, 0);
    assert_true(next_ms > world->clock.now_ms);
    world_pass(world, next_ms - world->clock.now_ms);
    world_answer(world, world_asked(world), 204, "27.18");
    scene_expect(&scene, STEP_INSTALLED, NULL);
    world_restart(world);
    scene_expect(&scene, STEP_INSTALLED, NULL);
    assert_int_equal(scene_step(&scene).attempts, 1);
    assert_int_equal(world_rollout_now(world, scene.rollout.id).state, ROLLOUT_DONE);
}

static void an_answer_from_before_a_restart_disturbs_nobody(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");
    const struct transport_answer late = { .id = world_asked(scene.world)->id + 1000, .kind = ANSWER_NONE };

    world_restart(scene.world);
    device_on_answer(&scene.world->core, &late);
    scene_expect(&scene, STEP_TRIGGERING, NULL);
}

/* A stop is no answer: what was under way stays as it is saved. */
static void an_orderly_stop_judges_nothing(void **state)
{
    struct scene scene = scene_begun(state, "riot-tinypart");

    asking_stop(&scene.world->core);
    scene_expect(&scene, STEP_TRIGGERING, NULL);
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
    struct scene scene = scene_begun(state, "riot-tinypart");
    struct world *world = scene.world;
    struct step step = scene_step(&scene);

    assert_int_equal(world->store->begin(world->store), 0);
    assert_int_equal(step_move(&world->core, &step, STEP_PROBING, "by magic", 0), -EPROTO);
    step.state = STEP_MANIFEST_FETCHED; /* not what is saved */
    assert_int_equal(step_move(&world->core, &step, STEP_IMAGE_FETCHED, "", 0), -EPROTO);
    assert_int_equal(world->store->commit(world->store), 0);
    scene_expect(&scene, STEP_TRIGGERING, "");
}

static void names_every_state_once(void **state)
{
    (void)state;
    for (enum step_state each = STEP_WAITING; each < STEP_STATES; each++)
        for (enum step_state other = STEP_WAITING; other < each; other++)
            assert_string_not_equal(step_state_name(each), step_state_name(other));
    assert_string_equal(step_state_name(0), "");
}

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
