#include "tests/unit/core/lab.h"

#define DAY 86400000LL

/* ---- polls ---- */

static struct device polled(struct lab *lab)
{
    struct device device = lab_riot(lab, "riot-1");
    struct image image = world_image(lab->world, lab->acme, "thermo", "1.0");
    struct store *store = lab->world->store;
    int64_t now_ms = lab->world->clock.now_ms;

    assert_int_equal(store->begin(store), 0);
    assert_int_equal(store->slot_take(store, device.id, 1, lab->acme->tenant.id, now_ms), 0);
    assert_int_equal(store->slot_installed(store, device.id, 1, image.id, now_ms, now_ms), 0);
    assert_int_equal(store->commit(store), 0);
    return device;
}

static int64_t tick(struct lab *lab)
{
    int64_t next_ms;

    assert_int_equal(collect_tick(lab->core, lab->world->clock.now_ms, &next_ms), 0);
    return next_ms;
}

static void polls_a_container_at_its_sensors_interval(void **state)
{
    struct lab *lab = *state;
    struct device device = polled(lab);

    assert_int_equal(tick(lab), lab->world->clock.now_ms + 60000);
    const struct world_request *request = world_asked(lab->world);
    assert_string_equal(request->path, "/bpf/exec/1");
    assert_string_equal(request->address, device.address);
    assert_int_equal(request->size, 0);
    world_answer(lab->world, world_asked(lab->world), 204, "27.18");
    assert_int_equal(lab_number(lab, "SELECT value FROM reading WHERE noised = 0"), 2718);
    assert_int_equal(lab_number(lab, "SELECT tenant_id FROM reading"), lab->acme->tenant.id);
    assert_int_equal(lab_filter(lab, &device), 0); /* what nobody asked for costs nothing */
    lab->world->clock.now_ms += 59999;
    tick(lab);
    assert_int_equal(lab->world->transport.count, 1);
    lab->world->clock.now_ms += 1;
    tick(lab);
    assert_int_equal(lab->world->transport.count, 2);
    world_answer(lab->world, world_asked(lab->world), 205, "-3.5");
    assert_int_equal(lab_number(lab, "SELECT value FROM reading ORDER BY id DESC"), -350);
}

static void tells_a_fault_from_a_value(void **state)
{
    static const struct {
        unsigned code;
        const char *payload;
    } faults[] = {
        { 204, "-0.01" }, { 204, "" },       { 204, "27.1.8" }, { 204, "nan" }, { 204, "2e1" },
        { 204, "+5" },    { 204, "27.185" }, { 404, "27.18" },  { 500, "" },    { 204, "9223372036854775807" },
        { 204, " 27.18" }
    };
    struct lab *lab = *state;

    polled(lab);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        tick(lab);
        world_answer(lab->world, world_asked(lab->world), faults[i].code, faults[i].payload);
        assert_int_equal(lab->core->counters[COUNT_POLL_FAULT], i + 1);
        lab->world->clock.now_ms += 60000;
    }
    tick(lab);
    world_answer_with(lab->world, world_asked(lab->world), ANSWER_NONE);
    assert_int_equal(lab_readings(lab), 0);
    lab->world->clock.now_ms += 60000;
    tick(lab);
    world_answer(lab->world, world_asked(lab->world), 204, "-0.02");
    assert_int_equal(lab_readings(lab), 1);
}

static void a_poll_is_dated_by_the_ledger_when_its_answer_comes(void **state)
{
    struct lab *lab = *state;

    polled(lab);
    tick(lab);
    lab->world->clock.now_ms += DAY;
    world_answer(lab->world, world_asked(lab->world), 204, "27.18");
    assert_int_equal(lab_number(lab, "SELECT epoch FROM reading"), (WORLD_START_MS + DAY) / DAY);
}

/* I7 */
static void asks_nothing_without_grant_and_keeps_nothing_that_lost_it(void **state)
{
    struct lab *lab = *state;

    polled(lab);
    tick(lab);
    lab_sql(lab, "UPDATE \"grant\" SET revoked_ms = 1");
    world_answer(lab->world, world_asked(lab->world), 204, "27.18");
    assert_int_equal(lab_readings(lab), 0);
    lab->world->clock.now_ms += 60000;
    tick(lab);
    assert_int_equal(lab->world->transport.count, 1);
}

/* I10 */
static void leaves_a_busy_device_alone_and_looks_again_soon(void **state)
{
    struct lab *lab = *state;

    polled(lab);
    tick(lab);
    lab->world->clock.now_ms += 60000;
    assert_int_equal(tick(lab), lab->world->clock.now_ms + 700); /* still thinking */
    assert_int_equal(lab->world->transport.count, 1);
    world_answer(lab->world, world_asked(lab->world), 204, "1");
    lab->world->clock.now_ms += 700;
    tick(lab);
    assert_int_equal(lab->world->transport.count, 2);
}

static void two_slots_of_one_device_take_turns_when_both_are_due(void **state)
{
    struct lab *lab = *state;
    struct device device = polled(lab);
    struct image image = world_image(lab->world, lab->beta, "thermo", "1.0");
    struct store *store = lab->world->store;
    int64_t now_ms = lab->world->clock.now_ms;

    assert_int_equal(store->begin(store), 0);
    assert_int_equal(store->slot_take(store, device.id, 0, lab->beta->tenant.id, now_ms), 0);
    assert_int_equal(store->slot_installed(store, device.id, 0, image.id, now_ms, now_ms), 0);
    assert_int_equal(store->commit(store), 0);
    for (size_t i = 0; i < 5; i++) {
        for (size_t one = 1; one <= 2; one++) {
            tick(lab);
            assert_int_equal(lab->world->transport.count, 2 * i + one);
            world_answer(lab->world, world_asked(lab->world), 204, "27.18");
            lab->world->clock.now_ms += 700;
        }
        lab->world->clock.now_ms += 60000;
    }
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM reading GROUP BY tenant_id ORDER BY 1"), 5);
    assert_int_equal(lab_readings(lab), 10);
    assert_int_equal(lab->core->counters[COUNT_POLL_FAULT], 0);
}

static void a_poll_under_way_at_a_stop_is_just_asked_again(void **state)
{
    struct lab *lab = *state;

    polled(lab);
    tick(lab);
    world_restart(lab->world);
    lab->world->clock.now_ms += 60000;
    tick(lab);
    world_answer(lab->world, world_asked(lab->world), 204, "1");
    assert_int_equal(lab_readings(lab), 1);
    assert_int_equal(lab->core->counters[COUNT_POLL_FAULT], 0);
}

/* ---- device run ---- */

static void keep_answer(void *context, const struct run_answer *answer)
{
    *(struct run_answer *)context = *answer;
}

static int run(struct lab *lab, const struct caller *caller, const char *device, unsigned slot, struct run_answer *out)
{
    out->kind = -1;
    memset(&lab->why, 0, sizeof(lab->why));
    return collect_run(lab->core, caller, device, slot, keep_answer, out, &lab->why);
}

static void runs_a_container_by_hand_and_notes_who_did(void **state)
{
    struct lab *lab = *state;
    struct run_answer answer;

    lab_riot(lab, "riot-1");
    assert_int_equal(run(lab, &lab->world->owner, "riot-1", 0, &answer), 0);
    assert_int_equal(answer.kind, -1);
    assert_string_equal(world_asked(lab->world)->path, "/bpf/exec/0");
    assert_int_equal(run(lab, &lab->world->owner, "riot-1", 0, &answer), REFUSED_BUSY); /* I10 */
    world_answer(lab->world, world_asked(lab->world), 204, "27.18");
    assert_int_equal(answer.kind, 0);
    assert_int_equal(answer.code, 204);
    assert_string_equal(answer.text, "27.18");
    assert_false(answer.looks_like_fault);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM audit WHERE action = 'device.run'"), 1);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM audit WHERE detail LIKE '%27.18%'"), 0);
    assert_int_equal(lab_readings(lab), 0);
}

static void says_why_a_container_gave_no_answer(void **state)
{
    struct lab *lab = *state;
    struct run_answer answer;

    lab_riot(lab, "riot-1");
    assert_int_equal(run(lab, &lab->world->owner, "riot-1", 1, &answer), 0);
    world_answer(lab->world, world_asked(lab->world), 204, "-0.01");
    assert_true(answer.looks_like_fault);
    assert_int_equal(run(lab, &lab->world->owner, "riot-1", 1, &answer), 0);
    world_answer(lab->world, world_asked(lab->world), 404, "");
    assert_int_equal(answer.kind, REFUSED_CONFLICT);
    assert_string_equal(answer.why.what, "the device answered 4.04: there may be no container in this slot");
    assert_int_equal(run(lab, &lab->world->owner, "riot-1", 1, &answer), 0);
    world_answer_with(lab->world, world_asked(lab->world), ANSWER_NONE);
    assert_int_equal(answer.kind, REFUSED_BUSY);
    assert_int_equal(run(lab, &lab->world->owner, "riot-1", 1, &answer), 0);
    world_restart(lab->world);
    assert_int_equal(answer.kind, REFUSED_BUSY);
    assert_non_null(strstr(answer.why.what, "stopped"));
}

static void refuses_what_cannot_be_run(void **state)
{
    struct lab *lab = *state;
    struct run_answer answer;

    lab_riot(lab, "riot-1");
    world_device(lab->world, "main-1", "riot-mainline", NULL);
    assert_int_equal(run(lab, &lab->world->keeper, "riot-1", 0, &answer), REFUSED_FORBIDDEN);
    assert_int_equal(run(lab, &lab->acme->caller, "riot-1", 0, &answer), REFUSED_FORBIDDEN);
    assert_int_equal(run(lab, &lab->world->owner, "nobody", 0, &answer), REFUSED_UNKNOWN);
    assert_int_equal(run(lab, &lab->world->owner, "riot-1", 2, &answer), REFUSED_INVALID);
    assert_int_equal(run(lab, &lab->world->owner, "main-1", 0, &answer), REFUSED_CONFLICT);
    lab->world->transport.result = REFUSED_BUSY;
    assert_int_equal(run(lab, &lab->world->owner, "riot-1", 0, &answer), REFUSED_BUSY);
    assert_int_equal(answer.kind, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(polls_a_container_at_its_sensors_interval),
        LAB_TEST(tells_a_fault_from_a_value),
        LAB_TEST(a_poll_is_dated_by_the_ledger_when_its_answer_comes),
        LAB_TEST(asks_nothing_without_grant_and_keeps_nothing_that_lost_it),
        LAB_TEST(leaves_a_busy_device_alone_and_looks_again_soon),
        LAB_TEST(two_slots_of_one_device_take_turns_when_both_are_due),
        LAB_TEST(a_poll_under_way_at_a_stop_is_just_asked_again),
        LAB_TEST(runs_a_container_by_hand_and_notes_who_did),
        LAB_TEST(says_why_a_container_gave_no_answer),
        LAB_TEST(refuses_what_cannot_be_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
