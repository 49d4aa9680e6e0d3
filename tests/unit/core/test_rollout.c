/* Deploy orders: what is refused before anything is saved, who holds which slot, pause, resume and abort. */
#include "device_proto/suit.h"
#include "device_proto/token.h"
#include "tests/unit/core/world.h"

#include <errno.h>
#include <stdio.h>

#include "daemon/core/audit.h"
#include "daemon/core/step.h"

struct scene {
    struct world *world;
    struct world_tenant *alice, *bob;
};

/* Two tenants with an image each, both allowed everything on site=lyon. */
static struct scene lyon(struct world *world)
{
    struct scene scene = { world, world_tenant(world, "alice"), world_tenant(world, "bob") };

    world_grant(world, scene.alice, "site=lyon");
    world_grant(world, scene.bob, "site=lyon");
    world_image(world, scene.alice, "thermo", "1.0");
    world_image(world, scene.bob, "thermo", "1.0");
    return scene;
}

static int order(struct world *world, const struct world_tenant *tenant, const struct rollout_order *wanted)
{
    struct rollout rollout;

    return rollout_create(&world->core, &tenant->caller, wanted, &rollout, &world->why);
}

static int64_t audit_length(struct world *world)
{
    struct audit_verdict verdict;

    assert_int_equal(audit_verify(&world->core, &world->owner, &verdict, NULL), 0);
    assert_int_equal(verdict.broken_at, 0);
    return verdict.entries;
}

static void makes_one_step_for_each_device_that_the_selector_picks(void **state)
{
    struct scene scene = lyon(*state);
    struct world *world = scene.world;

    world_device(world, "d1", "riot-tinypart", "site=lyon,floor=1");
    world_device(world, "d2", "riot-tinypart", "site=lyon,floor=2");
    world_device(world, "d3", "riot-tinypart", "site=lyon,floor=3");
    struct rollout rollout = world_rollout(world, scene.alice, "floor in (1,2)", 0);
    assert_int_equal(rollout.state, ROLLOUT_RUNNING);
    assert_int_equal(rollout.steps[STEP_WAITING], 2);
    assert_int_equal(rollout.concurrency, 64);
    assert_int_equal(rollout.attempts_max, 4);
    assert_int_equal(rollout.deadline_ms, 900000);
    assert_string_equal(rollout.created_by, "alice");
    assert_int_equal(world_step_of(world, rollout.id, "d2").state, STEP_WAITING);
}

static void refuses_orders_and_then_saves_nothing(void **state)
{
    struct scene scene = lyon(*state);
    struct world *world = scene.world;
    static const struct {
        struct rollout_order order;
        int refusal;
        const char *what;
    } cases[] = {
        { { .image = "thermo", .version = "1.0", .selector = "site=nowhere" },
          REFUSED_FORBIDDEN,
          "no grant of this tenant covers a device that the selector picks" },
        { { .image = "thermo", .version = "1.0", .selector = "site=" }, REFUSED_INVALID, NULL },
        { { .image = "thermo", .version = "9.9", .selector = "" }, REFUSED_UNKNOWN, "alice has no image thermo:9.9" },
        { { .image = "thermo", .version = "1.0", .selector = "", .tenant = "bob" },
          REFUSED_UNKNOWN,
          "there is no tenant bob" },
        { { .image = "thermo", .version = "1.0", .selector = "site=paris" },
          REFUSED_FORBIDDEN,
          "no grant of this tenant covers a device that the selector picks" },
        { { .image = "thermo", .version = "1.0", .selector = "site=lyon", .slot = 2 },
          REFUSED_INVALID,
          "riot-tinypart devices have the slots 0 to 1" },
        { { .image = "thermo", .version = "1.0", .selector = "site=lyon", .slot = SLOTS_MAX }, REFUSED_INVALID, NULL },
        { { .image = "thermo", .version = "1.0", .selector = "site=lyon", .concurrency = 5000 },
          REFUSED_INVALID,
          NULL },
        { { .image = "thermo", .version = "1.0", .selector = "site=lyon", .attempts_max = 17 }, REFUSED_INVALID, NULL },
        { { .image = "thermo", .version = "1.0", .selector = "site=lyon", .deadline_ms = 9999 },
          REFUSED_INVALID,
          NULL },
    };

    world_device(world, "d1", "riot-tinypart", "site=lyon");
    world_device(world, "d2", "riot-tinypart", "site=paris");
    int64_t length = audit_length(world);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(order(world, scene.alice, &cases[i].order), cases[i].refusal);
        if (cases[i].what != NULL)
            assert_string_equal(world->why.what, cases[i].what);
    }
    struct rollout rollout;
    assert_int_equal(rollout_get(&world->core, &world->owner, 1, &rollout, NULL), REFUSED_UNKNOWN);
    assert_int_equal(audit_length(world), length);
    world_pass(world, 0);
    assert_int_equal(world->transport.count, 0);
}

static void names_the_device_that_lacks_a_grant_to_those_who_see_it(void **state)
{
    struct scene scene = lyon(*state);
    struct world *world = scene.world;
    const struct rollout_order all = { .tenant = "alice", .image = "thermo", .version = "1.0" };
    const struct rollout_order none = {
        .tenant = "alice", .image = "thermo", .version = "1.0", .selector = "site=nowhere"
    };
    struct rollout rollout;

    world_device(world, "d1", "riot-tinypart", "site=lyon");
    world_device(world, "d2", "riot-tinypart", "site=paris");
    assert_int_equal(rollout_create(&world->core, &world->owner, &all, &rollout, &world->why), REFUSED_FORBIDDEN);
    assert_string_equal(world->why.what, "no grant of this tenant covers device d2");
    assert_int_equal(rollout_create(&world->core, &world->keeper, &none, &rollout, &world->why), REFUSED_UNKNOWN);
    assert_string_equal(world->why.what, "the selector picks no device");
    assert_int_equal(rollout_create(&world->core, &scene.alice->caller, &all, &rollout, &world->why), 0);
    assert_int_equal(rollout.steps[STEP_WAITING], 1); /* hers to see, and no other */
}

static void runs_unproven_code_only_where_a_grant_lets_it(void **state)
{
    /* mov r0, 1; div r0, r1; exit */
    static const uint8_t container[] = "rBPF\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x18\0\0\0\0\0\0\0"
                                       "\xb7\0\0\0\1\0\0\0\x3f\x10\0\0\0\0\0\0\x95\0\0\0\0\0\0";
    struct scene scene = lyon(*state);
    struct world *world = scene.world;
    const struct grant_order generous = { .tenant = "alice", .selector = "", .slots = "*", .unproven = "allow" };
    const struct grant_order odd = { .tenant = "alice", .selector = "", .slots = "*", .unproven = "perhaps" };
    const struct rollout_order wanted = { .image = "divides", .version = "1", .selector = "site=lyon" };
    uint8_t bundle[2048];
    struct image image;
    struct grant grant;
    size_t size = world_bundle(world, scene.alice, "divides", "1", bytes_view(container, sizeof(container)), "", bundle,
                               sizeof(bundle));

    world_device(world, "d1", "riot-tinypart", "site=lyon");
    assert_int_equal(
        image_admit(&world->core, &scene.alice->caller, NULL, bytes_view(bundle, size), &image, &world->why), 0);
    assert_int_equal(order(world, scene.alice, &wanted), REFUSED_FORBIDDEN);
    assert_string_equal(world->why.what,
                        "grant 1 lets only proven containers run on device d1: instruction 1: may divide by 0");
    assert_int_equal(grant_create(&world->core, &world->owner, &odd, &grant, &world->why), REFUSED_INVALID);
    assert_int_equal(grant_create(&world->core, &world->owner, &generous, &grant, &world->why), 0);
    assert_true(grant.unproven);
    assert_int_equal(order(world, scene.alice, &wanted), 0);
}

static void refuses_images_that_call_more_than_the_grant_gives(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    const struct grant_order one_helper = {
        .tenant = "alice", .selector = "", .sensors = "*", .helpers = "0x31", .slots = "*"
    };
    const struct rollout_order wanted = { .image = "thermo", .version = "1.0" };
    struct grant grant;

    world_device(world, "d1", "riot-tinypart", "");
    world_image(world, alice, "thermo", "1.0");
    assert_int_equal(grant_create(&world->core, &world->owner, &one_helper, &grant, NULL), 0);
    assert_int_equal(order(world, alice, &wanted), REFUSED_FORBIDDEN);
    assert_string_equal(world->why.what, "grant 1 does not give helper call 0x32 on device d1");
}

static void refuses_without_a_manifest_key_or_with_one_of_another_kind(void **state)
{
    struct scene scene = lyon(*state);
    struct world *world = scene.world;
    const struct rollout_order wanted = { .image = "thermo", .version = "1.0", .selector = "site=lyon" };
    struct proto_signer p256 = { .key = { .type = KEY_P256 } };

    world_device(world, "d1", "riot-tinypart", "site=lyon");
    world->core.maintainer = NULL;
    assert_int_equal(order(world, scene.alice, &wanted), REFUSED_CONFLICT);
    assert_string_equal(world->why.what, "the daemon has no manifest key, so nothing can be rolled out");
    world->core.maintainer = &p256;
    assert_int_equal(order(world, scene.alice, &wanted), REFUSED_CONFLICT);
    assert_string_equal(
        world->why.what,
        "riot-tinypart devices take ed25519 signatures, and the daemon's manifest key makes esp256 ones");
}

static uint64_t none_left(void *context)
{
    (void)context;
    return 0;
}

static void a_profile_names_the_signatures_that_it_verifies(void **state)
{
    struct scene scene = lyon(*state);
    struct world *world = scene.world;
    const struct rollout_order at_lyon = { .image = "thermo", .version = "1.0", .selector = "site=lyon" };
    const struct rollout_order at_home = { .image = "thermo", .version = "1.0", .selector = "site=home" };
    struct proto_signer hss = { .key = { .type = KEY_HSS_LMS } };
    const struct grant_order everywhere = {
        .tenant = "alice", .selector = "", .sensors = "*", .helpers = "*", .slots = "*"
    };
    struct grant grant;

    assert_int_equal(grant_create(&world->core, &world->owner, &everywhere, &grant, NULL), 0);
    world_device(world, "d1", "riot-mainline", "site=lyon");
    world_device(world, "d2", "tinypart", "site=home");
    world->core.maintainer = &hss;
    assert_int_equal(order(world, scene.alice, &at_lyon), REFUSED_CONFLICT);
    assert_string_equal(world->why.what, "riot-mainline devices take ed25519 signatures, and the daemon's manifest key "
                                         "makes hss-lms ones");
    hss.left = none_left;
    assert_int_equal(order(world, scene.alice, &at_home), REFUSED_EXHAUSTED);
    assert_string_equal(world->why.what, "the daemon's manifest key can make no more signatures");
    hss.left = NULL;
    assert_int_equal(order(world, scene.alice, &at_home), 0);
}

static int largest_signature(void *context, struct bytes message, uint8_t *out, size_t capacity, size_t *out_size)
{
    (void)context;
    (void)message;
    assert_true(capacity >= SIGNATURE_SIZE_MAX);
    memset(out, 0x5a, SIGNATURE_SIZE_MAX);
    *out_size = SIGNATURE_SIZE_MAX;
    return 0;
}

static void the_largest_signatures_of_manifest_and_token_fit(void **state)
{
    struct scene scene = lyon(*state);
    struct world *world = scene.world;
    struct proto_signer hss = { .key = { .type = KEY_HSS_LMS }, .sign = largest_signature };
    static uint8_t whole[16384];

    world_device(world, "d1", "tinypart", "site=lyon");
    world->core.maintainer = &hss;
    struct rollout rollout = world_rollout(world, scene.alice, "site=lyon", 0);
    world_pass(world, 0);
    struct step step = world_step(world, rollout.id);
    assert_int_equal(step.state, STEP_TRIGGERING);
    size_t size = world_fetch_whole(world, step.manifest_path, whole, sizeof(whole));
    assert_true(size > (size_t)2 * SIGNATURE_SIZE_MAX);
    assert_non_null(suit_integrated_payload(bytes_view(whole, size), bytes_of_text(TOKEN_MEMBER)).data);
}

static void refuses_reporting_devices_without_a_report_key(void **state)
{
    struct scene scene = lyon(*state);
    struct world *world = scene.world;
    const struct device_order keyless = { .name = "d1", .profile = "tinypart", .labels = "site=lyon" };
    const struct rollout_order wanted = { .image = "thermo", .version = "1.0", .selector = "site=lyon" };
    struct device device;

    assert_int_equal(device_create(&world->core, &world->owner, &keyless, &device, NULL), 0);
    assert_int_equal(order(world, scene.alice, &wanted), REFUSED_CONFLICT);
    assert_string_equal(world->why.what, "device d1 has no report key, so nobody could tell whether it installed the "
                                         "image");
}

static void keeps_a_slot_for_its_holder_while_its_grant_lasts(void **state)
{
    struct scene scene = lyon(*state);
    struct world *world = scene.world;
    const struct rollout_order wanted = { .image = "thermo", .version = "1.0", .selector = "site=lyon", .slot = 1 };
    struct device device = world_device(world, "d1", "riot-tinypart", "site=lyon");
    struct slot slot;

    world_rollout(world, scene.alice, "site=lyon", 1);
    assert_int_equal(order(world, scene.bob, &wanted), REFUSED_CONFLICT);
    assert_string_equal(world->why.what, "slot 1 of device d1 is another tenant's");
    assert_int_equal(grant_revoke(&world->core, &world->owner, 1, NULL), 0); /* alice's */
    assert_int_equal(order(world, scene.bob, &wanted), 0);
    assert_int_equal(world->store->slot_get(world->store, device.id, 1, &slot), 0);
    assert_int_equal(slot.tenant_id, scene.bob->tenant.id);
}

static void lets_two_tenants_live_side_by_side_on_one_device(void **state)
{
    struct scene scene = lyon(*state);
    struct world *world = scene.world;

    world_device(world, "d1", "riot-tinypart", "site=lyon");
    world_rollout(world, scene.alice, "site=lyon", 0);
    world_rollout(world, scene.bob, "site=lyon", 1);
    world_pass(world, 0);
    assert_int_equal(world->transport.count, 1); /* but one after the other */
}

static int count_rollout(void *context, const struct rollout *rollout)
{
    (void)rollout;
    ++*(unsigned *)context;
    return 0;
}

static int count_step(void *context, const struct step *step)
{
    (void)step;
    ++*(unsigned *)context;
    return 0;
}

static void bounds_the_rollouts_of_a_tenant_that_are_not_done(void **state)
{
    struct scene scene = lyon(*state);
    struct world *world = scene.world;
    const struct rollout_order again = { .image = "thermo", .version = "1.0", .selector = "site=lyon" };
    struct rollout last = { 0 };

    world_device(world, "d1", "riot-tinypart", "site=lyon");
    for (int i = 0; i < ROLLOUTS_PER_TENANT_MAX; i++)
        last = world_rollout(world, scene.alice, "site=lyon", 0);
    assert_int_equal(order(world, scene.alice, &again), REFUSED_EXHAUSTED);
    assert_string_equal(world->why.what, "alice has 256 rollouts that are not done, which is the most");
    world_rollout(world, scene.bob, "site=lyon", 1); /* another tenant is not held up */
    assert_int_equal(rollout_abort(&world->core, &scene.alice->caller, last.id, &last, NULL), 0);
    assert_int_equal(order(world, scene.alice, &again), 0);
}

static int keep_step(void *context, const struct step *step)
{
    *(struct step *)context = *step;
    return 0;
}

/* The counter is one for all tenants' tries on a device. */
static void shows_a_tenant_no_sequence_number(void **state)
{
    struct scene scene = lyon(*state);
    struct world *world = scene.world;
    struct page page = { 0, 10 };
    struct step step;

    world_device(world, "d1", "riot-tinypart", "site=lyon");
    struct rollout rollout = world_rollout(world, scene.alice, "site=lyon", 0);
    world_pass(world, 0);
    assert_int_equal(rollout_steps(&world->core, &world->keeper, rollout.id, page, keep_step, &step, NULL), 0);
    assert_int_equal(step.sequence, 1);
    assert_int_equal(rollout_steps(&world->core, &scene.alice->caller, rollout.id, page, keep_step, &step, NULL), 0);
    assert_int_equal(step.sequence, 0);
    assert_int_equal(step.attempts, 1);
}

static void shows_and_moves_rollouts_of_the_callers_tenant_only(void **state)
{
    struct scene scene = lyon(*state);
    struct world *world = scene.world;
    struct page page = { 0, 10 };
    struct rollout out;
    unsigned seen = 0;

    world_device(world, "d1", "riot-tinypart", "site=lyon");
    struct rollout rollout = world_rollout(world, scene.alice, "site=lyon", 0);
    const struct caller *bob = &scene.bob->caller;
    assert_int_equal(rollout_get(&world->core, bob, rollout.id, &out, NULL), REFUSED_UNKNOWN);
    assert_int_equal(rollout_steps(&world->core, bob, rollout.id, page, count_step, &seen, NULL), REFUSED_UNKNOWN);
    assert_int_equal(rollout_pause(&world->core, bob, rollout.id, &out, NULL), REFUSED_UNKNOWN);
    assert_int_equal(rollout_abort(&world->core, bob, rollout.id, &out, NULL), REFUSED_UNKNOWN);
    assert_int_equal(rollout_list(&world->core, bob, page, count_rollout, &seen, NULL), 0);
    assert_int_equal(seen, 0);
    assert_int_equal(rollout_list(&world->core, &scene.alice->caller, page, count_rollout, &seen, NULL), 0);
    assert_int_equal(seen, 1);
    assert_int_equal(rollout_pause(&world->core, &world->auditor, rollout.id, &out, NULL), REFUSED_FORBIDDEN);
    assert_int_equal(world_rollout_now(world, rollout.id).state, ROLLOUT_RUNNING);
}

static void begins_nothing_while_paused_and_goes_on_when_resumed(void **state)
{
    struct scene scene = lyon(*state);
    struct world *world = scene.world;
    struct rollout out;

    world_device(world, "d1", "riot-tinypart", "site=lyon");
    struct rollout rollout = world_rollout(world, scene.alice, "site=lyon", 0);
    assert_int_equal(rollout_pause(&world->core, &scene.alice->caller, rollout.id, &out, NULL), 0);
    assert_int_equal(out.state, ROLLOUT_PAUSED);
    assert_int_equal(rollout_pause(&world->core, &scene.alice->caller, rollout.id, &out, &world->why),
                     REFUSED_CONFLICT);
    assert_string_equal(world->why.what, "rollout 1 is paused");
    world_pass(world, 60000);
    assert_int_equal(world->transport.count, 0);
    assert_int_equal(rollout_resume(&world->core, &world->keeper, rollout.id, &out, NULL), 0);
    world_pass(world, 0);
    assert_int_equal(world->transport.count, 1);
}

static void aborts_what_waits_and_lets_what_is_under_way_end(void **state)
{
    struct scene scene = lyon(*state);
    struct world *world = scene.world;
    const struct rollout_order one = { .image = "thermo", .version = "1.0", .selector = "site=lyon", .concurrency = 1 };
    struct rollout rollout, out;

    world_device(world, "d1", "riot-mainline", "site=lyon");
    world_device(world, "d2", "riot-mainline", "site=lyon");
    assert_int_equal(rollout_create(&world->core, &scene.alice->caller, &one, &rollout, NULL), 0);
    world_pass(world, 0);
    assert_int_equal(rollout_abort(&world->core, &scene.alice->caller, rollout.id, &out, NULL), 0);
    assert_int_equal(out.state, ROLLOUT_ABORTED);
    assert_int_equal(world_step_of(world, rollout.id, "d2").state, STEP_ABORTED);
    assert_string_equal(world_step_of(world, rollout.id, "d2").reason, "by order, before it began");
    assert_int_equal(world_step_of(world, rollout.id, "d1").state, STEP_TRIGGERING);
    world_answer(world, world_asked(world), 201, "");
    struct step step = world_step_of(world, rollout.id, "d1");
    assert_int_equal(world_fetch(world, step.manifest_path, 64, 0), 0);
    assert_int_equal(world_fetch(world, step.image_path, 64, 0), 0);
    world_pass(world, SETTLE_MS);
    assert_int_equal(world_step_of(world, rollout.id, "d1").state, STEP_DELIVERED);
    assert_int_equal(world_rollout_now(world, rollout.id).state, ROLLOUT_ABORTED);
    assert_int_equal(rollout_resume(&world->core, &scene.alice->caller, rollout.id, &out, NULL), REFUSED_CONFLICT);
}

/* What the owner's grant says is what the device is told, beside the manifest. */
static void a_device_that_reads_tokens_gets_one(void **state)
{
    static const struct cose_acceptance any = { .needs = { COSE_ANY_SIGNATURE } };
    struct scene scene = lyon(*state);
    struct world *world = scene.world;
    struct cose_trust trust = { &world->maintainer.key, 1, { NULL, 0 } };
    struct bytes name = bytes_of_text(TOKEN_MEMBER);
    struct token_claims claims;
    struct suit_manifest manifest;
    uint8_t envelope[8192];

    world_device(world, "d1", "tinypart", "site=lyon");
    world_device(world, "d2", "riot-tinypart", "site=lyon");
    struct rollout rollout = world_rollout(world, scene.alice, "site=lyon", 0);
    world_pass(world, 0);
    struct step step = world_step_of(world, rollout.id, "d1");
    size_t size = world_fetch_whole(world, step.manifest_path, envelope, sizeof(envelope));
    assert_int_equal(
        suit_manifest_verify(bytes_view(envelope, size), SUIT_37, trust.keys, 1, world->core.crypto, &manifest), 0);
    struct bytes token = suit_integrated_payload(bytes_view(envelope, size), name);
    assert_int_equal(token_verify(token, TOKEN_STANDARD, &any, &trust, world->core.crypto, &claims), 0);
    assert_int_equal(token_check(&claims, bytes_of_text("d1"), clock_now_ms(world->core.clock) / 1000), 0);
    assert_int_equal(token_check(&claims, bytes_of_text("d2"), 0), TOKEN_AUDIENCE);
    assert_true(claims.has_mask);
    assert_int_equal(claims.mask, 0x7f); /* all seven calls of the profile: the grant says "*" */
    assert_true(bytes_equal(claims.digest, bytes_view(manifest.digest, DIGEST_SIZE)));
    step = world_step_of(world, rollout.id, "d2");
    size = world_fetch_whole(world, step.manifest_path, envelope, sizeof(envelope));
    assert_null(suit_integrated_payload(bytes_view(envelope, size), name).data);
}

static void a_grant_says_what_a_token_says(void **state)
{
    struct grant grant = { .helpers = "0x31,0x61", .until_ms = 1800000000999 };
    struct token_claims claims = { .audience = bytes_of_text("d1") };

    (void)state;
    assert_int_equal(grant_claims(&grant, "0x30,0x31,0x32,0x60,0x61", &claims), 0);
    assert_true(claims.has_mask && claims.mask == 0x12 && claims.expires_s == 1800000000);
    assert_true(bytes_equal_text(claims.audience, "d1"));
    grant.helpers[0] = '\0';
    assert_int_equal(grant_claims(&grant, "0x30", &claims), 0);
    assert_int_equal(claims.mask, 0);
    assert_int_equal(grant_claims(&grant, "x", &claims), -EINVAL);
}

static void does_not_try_again_after_an_abort(void **state)
{
    struct scene scene = lyon(*state);
    struct world *world = scene.world;
    struct rollout out;

    world_device(world, "d1", "riot-mainline", "site=lyon");
    struct rollout rollout = world_rollout(world, scene.alice, "site=lyon", 0);
    world_pass(world, 0);
    assert_int_equal(rollout_abort(&world->core, &scene.alice->caller, rollout.id, &out, NULL), 0);
    world_answer_with(world, world_asked(world), ANSWER_NONE);
    assert_int_equal(world_step(world, rollout.id).state, STEP_ABORTED);
    assert_string_equal(world_step(world, rollout.id).reason,
                        "by order, after a try that came to nothing: no answer to the trigger");
}

static void allows_the_moves_of_its_table_and_no_others(void **state)
{
    static const enum rollout_state allowed[][2] = {
        { ROLLOUT_RUNNING, ROLLOUT_PAUSED }, { ROLLOUT_RUNNING, ROLLOUT_ABORTED }, { ROLLOUT_RUNNING, ROLLOUT_DONE },
        { ROLLOUT_PAUSED, ROLLOUT_RUNNING }, { ROLLOUT_PAUSED, ROLLOUT_ABORTED },  { ROLLOUT_PAUSED, ROLLOUT_DONE },
    };

    (void)state;
    for (unsigned from = 0; from <= ROLLOUT_DONE + 1; from++)
        for (unsigned to = 0; to <= ROLLOUT_DONE + 1; to++) {
            bool may = false;
            for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
                may = may || (allowed[i][0] == from && allowed[i][1] == to);
            assert_int_equal(rollout_may_move(from, to), may);
        }
}

static void keeps_to_its_own_concurrency_and_to_the_daemons(void **state)
{
    struct scene scene = lyon(*state);
    struct world *world = scene.world;
    const struct rollout_order three = {
        .image = "thermo", .version = "1.0", .selector = "site=lyon", .concurrency = 3
    };
    struct rollout rollout;
    char name[16];

    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof(name), "d%d", i);
        world_device(world, name, "riot-mainline", i < 5 ? "site=lyon" : "site=lyon,more=yes");
    }
    assert_int_equal(rollout_create(&world->core, &scene.alice->caller, &three, &rollout, NULL), 0);
    world_pass(world, 0);
    world_pass(world, 0);
    assert_int_equal(world->transport.count, 3);
    world->core.settings.rollout_concurrency = 5;
    struct rollout other = world_rollout(world, scene.bob, "more", 1);
    world_pass(world, 0);
    world_pass(world, 0);
    assert_int_equal(world->transport.count, 5);
    world_answer(world, &world->transport.requests[0], 404, "");
    world_pass(world, 0);
    assert_int_equal(world->transport.count, 6);
    assert_int_equal(world_rollout_now(world, rollout.id).steps[STEP_TRIGGERING] +
                         world_rollout_now(world, other.id).steps[STEP_TRIGGERING],
                     5);
}

static void takes_a_thousand_devices_a_batch_at_a_time(void **state)
{
    struct scene scene = lyon(*state);
    struct world *world = scene.world;
    const struct rollout_order all = {
        .image = "thermo", .version = "1.0", .selector = "site=lyon", .concurrency = 1000
    };
    struct rollout rollout;
    char name[16];
    unsigned ticks = 0;

    world->core.settings.rollout_concurrency = 2000;
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "d%d", i);
        world_device(world, name, "riot-mainline", "site=lyon");
    }
    assert_int_equal(rollout_create(&world->core, &scene.alice->caller, &all, &rollout, NULL), 0);
    while (world_pass(world, 0) <= world->clock.now_ms)
        ticks++;
    assert_int_equal(world->transport.count, 1000);
    assert_in_range(ticks, 31, 33);
    for (size_t i = 0; i < 1000; i++)
        world_answer(world, &world->transport.requests[i], 404, "");
    assert_int_equal(world_rollout_now(world, rollout.id).state, ROLLOUT_DONE);
    assert_int_equal(world_rollout_now(world, rollout.id).steps[STEP_REFUSED], 1000);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(makes_one_step_for_each_device_that_the_selector_picks),
        IN_WORLD(refuses_orders_and_then_saves_nothing),
        IN_WORLD(names_the_device_that_lacks_a_grant_to_those_who_see_it),
        IN_WORLD(runs_unproven_code_only_where_a_grant_lets_it),
        IN_WORLD(refuses_images_that_call_more_than_the_grant_gives),
        IN_WORLD(refuses_without_a_manifest_key_or_with_one_of_another_kind),
        IN_WORLD(a_device_that_reads_tokens_gets_one),
        cmocka_unit_test(a_grant_says_what_a_token_says),
        IN_WORLD(a_profile_names_the_signatures_that_it_verifies),
        IN_WORLD(the_largest_signatures_of_manifest_and_token_fit),
        IN_WORLD(refuses_reporting_devices_without_a_report_key),
        IN_WORLD(keeps_a_slot_for_its_holder_while_its_grant_lasts),
        IN_WORLD(lets_two_tenants_live_side_by_side_on_one_device),
        IN_WORLD(bounds_the_rollouts_of_a_tenant_that_are_not_done),
        IN_WORLD(shows_a_tenant_no_sequence_number),
        IN_WORLD(shows_and_moves_rollouts_of_the_callers_tenant_only),
        IN_WORLD(begins_nothing_while_paused_and_goes_on_when_resumed),
        IN_WORLD(aborts_what_waits_and_lets_what_is_under_way_end),
        IN_WORLD(does_not_try_again_after_an_abort),
        cmocka_unit_test(allows_the_moves_of_its_table_and_no_others),
        IN_WORLD(keeps_to_its_own_concurrency_and_to_the_daemons),
        IN_WORLD(takes_a_thousand_devices_a_batch_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
