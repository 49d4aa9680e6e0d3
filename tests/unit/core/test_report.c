/* What a device says an update came to, and when that is believed. */
#include "tests/unit/core/world.h"

#include "daemon/core/step.h"
#include "device_proto/suit_capabilities.h"
#include "device_proto/suit_report.h"

#define GIVE_UP_MS 95000

struct scene {
    struct world *world;
    struct rollout rollout;
    struct why why;
};

/* A reporting device that has been triggered. */
static struct scene begun(void **state)
{
    struct scene scene = { .world = *state };
    struct world *world = scene.world;
    struct world_tenant *alice = world_tenant(world, "alice");

    world_grant(world, alice, "");
    world_image(world, alice, "thermo", "1.0");
    world_device(world, "d1", "tinypart", "");
    scene.rollout = world_rollout(world, alice, "", 0);
    world_pass(world, 0);
    world_answer(world, world_asked(world), 201, "");
    return scene;
}

static struct step step_now(const struct scene *scene)
{
    return world_step(scene->world, scene->rollout.id);
}

static void fetch_all(const struct scene *scene)
{
    struct step step = step_now(scene);

    assert_int_equal(world_fetch(scene->world, step.manifest_path, 1024, 0), 0);
    assert_int_equal(world_fetch(scene->world, step.image_path, 1024, 0), 0);
    assert_int_equal(step_now(scene).state, STEP_IMAGE_FETCHED);
}

static struct suit_report report_of(const struct scene *scene, bool success, enum suit_reason reason)
{
    struct suit_report report = { .success = success, .reason = reason, .code = success ? 0 : -7 };
    struct step step = step_now(scene);

    report.reference_uri = bytes_of_text("coap://[fd00::1]/m/x");
    memcpy(report.manifest_digest, step.manifest_digest, DIGEST_SIZE);
    report.record.section = SUIT_SECTION_INSTALL;
    return report;
}

static int send(struct scene *scene, const struct suit_report *report, const struct proto_signer *signer)
{
    uint8_t bytes[1024];
    size_t size;

    if (signer != NULL)
        assert_int_equal(suit_report_write_signed(report, bytes_view(NULL, 0), signer, bytes, sizeof(bytes), &size), 0);
    else
        assert_int_equal(suit_report_write(report, bytes, sizeof(bytes), &size), 0);
    return rollout_on_report(&scene->world->core, bytes_view(bytes, size), &scene->why);
}

static int say(struct scene *scene, bool success, enum suit_reason reason)
{
    struct suit_report report = report_of(scene, success, reason);

    return send(scene, &report, &scene->world->report_signer);
}

static void installs_on_a_signed_report_of_success(void **state)
{
    struct scene scene = begun(state);
    struct slot slot;

    fetch_all(&scene);
    assert_int_equal(say(&scene, true, SUIT_REASON_OK), 0);
    assert_int_equal(step_now(&scene).state, STEP_INSTALLED);
    assert_string_equal(step_now(&scene).reason, "the device reported that the image is installed");
    assert_int_equal(world_rollout_now(scene.world, scene.rollout.id).state, ROLLOUT_DONE);
    assert_int_equal(scene.world->store->slot_get(scene.world->store, 1, 0, &slot), 0);
    assert_string_equal(slot.image, "thermo");
    assert_int_equal(slot.poll_due_ms, 0); /* such devices post by themselves */
}

static void refuses_with_the_reason_that_the_device_names(void **state)
{
    struct scene scene = begun(state);

    assert_int_equal(say(&scene, false, SUIT_REASON_UNAUTHORISED), 0);
    assert_int_equal(step_now(&scene).state, STEP_REFUSED);
    assert_memory_equal(step_now(&scene).reason, "the device reported: ", 21);
    assert_non_null(strstr(step_now(&scene).reason, suit_reason_text(SUIT_REASON_UNAUTHORISED)));
}

static void says_what_the_device_knows_where_it_told(void **state)
{
    struct scene scene = begun(state);
    struct suit_report report = report_of(&scene, false, SUIT_REASON_ALGORITHM_UNSUPPORTED);
    const struct suit_place place = { .component = { .count = 1, .parts = { bytes_of_text("slot") } } };
    const struct cose_acceptance acceptance = { .needs = { COSE_CLASSICAL } };
    const struct suit_device device = { .places = &place, .place_count = 1, .acceptance = &acceptance };
    uint8_t capabilities[256];
    size_t size;

    assert_int_equal(suit_capabilities_write(&device, capabilities, sizeof(capabilities), &size), 0);
    report.capabilities = bytes_view(capabilities, size);
    assert_int_equal(send(&scene, &report, &scene.world->report_signer), 0);
    assert_string_equal(step_now(&scene).reason,
                        "the device reported: the device does not know this algorithm (its code "
                        "-7); it knows ESP256, Ed25519");
}

static void tries_again_what_another_try_may_cure(void **state)
{
    struct scene scene = begun(state);

    assert_int_equal(say(&scene, false, SUIT_REASON_OPERATION_FAILED), 0);
    assert_int_equal(step_now(&scene).state, STEP_WAITING);
    world_pass(scene.world, 10000);
    world_answer(scene.world, world_asked(scene.world), 201, "");
    fetch_all(&scene);
    assert_int_equal(say(&scene, true, SUIT_REASON_OK), 0);
    assert_int_equal(step_now(&scene).state, STEP_INSTALLED);
    assert_int_equal(step_now(&scene).attempts, 2);
}

static void takes_a_container_that_is_not_started_yet_as_installed(void **state)
{
    struct scene scene = begun(state);

    fetch_all(&scene);
    assert_int_equal(say(&scene, false, SUIT_REASON_INVOKE_PENDING), 0);
    assert_int_equal(step_now(&scene).state, STEP_INSTALLED);
}

static void believes_nothing_unsigned_or_signed_by_others(void **state)
{
    struct scene scene = begun(state);
    struct suit_report report = report_of(&scene, true, SUIT_REASON_OK);

    assert_int_equal(send(&scene, &report, NULL), REFUSED_FORBIDDEN);
    assert_string_equal(scene.why.what, "reports are believed only when the device signed them");
    assert_int_equal(send(&scene, &report, &scene.world->maintainer), REFUSED_FORBIDDEN);
    assert_string_equal(scene.why.what, "the report key of device d1 did not sign this");
    assert_int_equal(step_now(&scene).state, STEP_TRIGGERED);
    assert_int_equal(scene.world->core.counters[COUNT_REPORT_REFUSED], 2);
}

static void refuses_reports_of_no_step_and_bytes_that_are_none(void **state)
{
    struct scene scene = begun(state);
    struct suit_report report = report_of(&scene, true, SUIT_REASON_OK);

    report.manifest_digest[0] ^= 1;
    assert_int_equal(send(&scene, &report, &scene.world->report_signer), REFUSED_UNKNOWN);
    assert_int_equal(rollout_on_report(&scene.world->core, bytes_view("\x18", 1), NULL), REFUSED_INVALID);
    assert_int_equal(rollout_on_report(&scene.world->core, bytes_view(NULL, 0), NULL), REFUSED_INVALID);
    assert_int_equal(scene.world->core.counters[COUNT_REPORT_REFUSED], 3);
}

static void a_report_of_an_older_try_finds_no_step(void **state)
{
    struct scene scene = begun(state);
    struct suit_report old = report_of(&scene, false, SUIT_REASON_UNAUTHORISED);

    world_pass(scene.world, GIVE_UP_MS);
    world_pass(scene.world, 10000);
    world_answer(scene.world, world_asked(scene.world), 201, "");
    assert_int_equal(send(&scene, &old, &scene.world->report_signer), REFUSED_UNKNOWN);
    assert_int_equal(step_now(&scene).state, STEP_TRIGGERED);
}

static void a_report_that_comes_while_the_step_waits_still_counts(void **state)
{
    struct scene scene = begun(state);

    world_pass(scene.world, GIVE_UP_MS);
    assert_int_equal(step_now(&scene).state, STEP_WAITING);
    assert_int_equal(say(&scene, true, SUIT_REASON_OK), 0);
    assert_int_equal(step_now(&scene).state, STEP_INSTALLED);
    world_pass(scene.world, 60000);
    assert_int_equal(scene.world->transport.count, 1);
}

static void a_report_said_again_is_fine_and_one_that_contradicts_is_not(void **state)
{
    struct scene scene = begun(state);

    fetch_all(&scene);
    assert_int_equal(say(&scene, true, SUIT_REASON_OK), 0);
    assert_int_equal(say(&scene, true, SUIT_REASON_OK), 0);
    assert_int_equal(say(&scene, false, SUIT_REASON_CONDITION_FAILED), REFUSED_CONFLICT);
    assert_string_equal(scene.why.what, "the step has ended as installed already");
    assert_int_equal(step_now(&scene).state, STEP_INSTALLED);
}

static void waits_for_the_report_and_then_no_longer(void **state)
{
    struct scene scene = begun(state);

    fetch_all(&scene);
    world_pass(scene.world, GIVE_UP_MS - 1);
    assert_int_equal(step_now(&scene).state, STEP_IMAGE_FETCHED);
    world_pass(scene.world, 1);
    assert_int_equal(step_now(&scene).state, STEP_FAILED);
    assert_string_equal(step_now(&scene).reason, "the device fetched everything and then never reported, for 95 s");
}

static void tries_again_when_neither_image_nor_report_followed_the_manifest(void **state)
{
    struct scene scene = begun(state);

    assert_int_equal(world_fetch(scene.world, step_now(&scene).manifest_path, 1024, 0), 0);
    world_pass(scene.world, GIVE_UP_MS);
    assert_int_equal(step_now(&scene).state, STEP_WAITING);
    assert_string_equal(step_now(&scene).reason, "the device fetched the manifest, and in 95 s neither asked for the "
                                                 "image nor reported; try 2 of 4 follows");
}

static void a_report_survives_a_restart_of_the_daemon(void **state)
{
    struct scene scene = begun(state);

    fetch_all(&scene);
    world_restart(scene.world);
    assert_int_equal(say(&scene, true, SUIT_REASON_OK), 0);
    world_restart(scene.world);
    assert_int_equal(step_now(&scene).state, STEP_INSTALLED);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(installs_on_a_signed_report_of_success),
        IN_WORLD(refuses_with_the_reason_that_the_device_names),
        IN_WORLD(says_what_the_device_knows_where_it_told),
        IN_WORLD(tries_again_what_another_try_may_cure),
        IN_WORLD(takes_a_container_that_is_not_started_yet_as_installed),
        IN_WORLD(believes_nothing_unsigned_or_signed_by_others),
        IN_WORLD(refuses_reports_of_no_step_and_bytes_that_are_none),
        IN_WORLD(a_report_of_an_older_try_finds_no_step),
        IN_WORLD(a_report_that_comes_while_the_step_waits_still_counts),
        IN_WORLD(a_report_said_again_is_fine_and_one_that_contradicts_is_not),
        IN_WORLD(waits_for_the_report_and_then_no_longer),
        IN_WORLD(tries_again_when_neither_image_nor_report_followed_the_manifest),
        IN_WORLD(a_report_survives_a_restart_of_the_daemon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
