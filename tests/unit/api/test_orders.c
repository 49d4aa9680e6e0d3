/* Rollouts, runs, policies, budgets, releases, sinks and exports over REST. */
#include "rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/asking.h"

static size_t count_of(const json_t *json, const char *member)
{
    return json_array_size(json_object_get(json, member));
}

/* A tenant with an image, two devices, a grant on them, a policy and a budget. */
static void fill(struct rest *rest)
{
    struct crypto_key *key = tenant_with_key(rest, "acme");
    struct buffer bundle = signed_bundle(rest, key, "thermo", "1.2");

    rest->media = "application/octet-stream";
    rest_call_bytes(rest, "POST", "/v1/images?tenant=acme", buffer_view(&bundle));
    rest->media = NULL;
    assert_int_equal(rest->seen.status, 201);
    for (int i = 1; i <= 2; i++) {
        char body[256];
        snprintf(body, sizeof(body),
                 "{\"name\":\"thermo-%d\",\"profile\":\"riot-tinypart\",\"address\":\"coap://127.0.0.%d:5683\","
                 "\"labels\":\"site=lyon\"}",
                 i, i);
        expect(rest, 201, "POST", "/v1/devices", body);
    }
    expect(rest, 201, "POST", "/v1/grants",
           "{\"tenant\":\"acme\",\"selector\":\"site=lyon\",\"sensors\":[\"temperature\"],\"helpers\":[\"*\"],"
           "\"slots\":[\"0\"]}");
    expect(rest, 201, "POST", "/v1/policies",
           "{\"sensor\":\"temperature\",\"lower\":\"-20\",\"upper\":\"60.5\",\"unit_text\":\"Cel\"}");
    buffer_deinit(&bundle);
    crypto_key_free(key);
}

#define ROLLOUT "{\"tenant\":\"acme\",\"image\":\"thermo\",\"version\":\"1.2\",\"selector\":\"site=lyon\",\"slot\":0}"

static void orders_rollouts_and_shows_their_steps(void **state)
{
    struct rest *rest = *state;

    fill(rest);
    json_t *rollout = expect(rest, 202, "POST", "/v1/rollouts", ROLLOUT);
    assert_string_equal(header_of(rest, "Location"), "/v1/rollouts/1");
    assert_string_equal(text_of(rollout, "state"), "running");
    assert_int_equal(number_of(json_object_get(rollout, "steps"), "waiting"), 2);
    json_t *steps = expect(rest, 200, "GET", "/v1/rollouts/1/steps", NULL);
    assert_int_equal(count_of(steps, "items"), 2);
    const json_t *step = json_array_get(json_object_get(steps, "items"), 0);
    assert_string_equal(text_of(step, "state"), "waiting");
    assert_true(json_is_null(json_object_get(step, "sequence")));
    assert_string_equal(text_of(expect(rest, 200, "POST", "/v1/rollouts/1/pause", NULL), "state"), "paused");
    expect_refusal(rest, 409, "conflict", "POST", "/v1/rollouts/1/pause", NULL);
    assert_string_equal(text_of(expect(rest, 200, "POST", "/v1/rollouts/1/resume", NULL), "state"), "running");
    assert_string_equal(text_of(expect(rest, 200, "POST", "/v1/rollouts/1/abort", NULL), "state"), "aborted");
    expect_refusal(rest, 409, "conflict", "POST", "/v1/rollouts/1/resume", NULL);
    rollout = expect(rest, 200, "GET", "/v1/rollouts/1", NULL);
    assert_int_equal(number_of(json_object_get(rollout, "steps"), "aborted"), 2);
    assert_int_equal(count_of(expect(rest, 200, "GET", "/v1/rollouts", NULL), "items"), 1);
}

static void shows_a_step_under_way_without_its_paths(void **state)
{
    struct rest *rest = *state;
    int64_t next_ms;

    fill(rest);
    expect(rest, 202, "POST", "/v1/rollouts", ROLLOUT);
    assert_int_equal(core_tick(&rest->core, &next_ms), 0);
    json_t *steps = expect(rest, 200, "GET", "/v1/rollouts/1/steps?limit=1", NULL);
    const json_t *step = json_array_get(json_object_get(steps, "items"), 0);
    assert_string_equal(text_of(step, "state"), "triggering");
    assert_int_equal(number_of(step, "sequence"), 1);
    assert_int_equal(strlen(text_of(step, "manifest_digest")), 64);
    assert_null(json_object_get(step, "manifest_path"));
    assert_null(json_object_get(step, "image_path"));
    expect_refusal(rest, 409, "conflict", "DELETE", "/v1/devices/thermo-1", NULL);
}

static void refuses_rollouts_that_cannot_be(void **state)
{
    struct rest *rest = *state;

    fill(rest);
    expect_refusal(rest, 404, "unknown", "GET", "/v1/rollouts/9", NULL);
    expect_refusal(rest, 404, "unknown", "GET", "/v1/rollouts/9/steps", NULL);
    expect_refusal(rest, 404, "unknown", "POST", "/v1/rollouts/9/abort", NULL);
    expect_refusal(rest, 404, "unknown", "POST", "/v1/rollouts",
                   "{\"tenant\":\"acme\",\"image\":\"none\",\"version\":\"1\",\"selector\":\"\",\"slot\":0}");
    expect_refusal(rest, 403, "forbidden", "POST", "/v1/rollouts",
                   "{\"tenant\":\"acme\",\"image\":\"thermo\",\"version\":\"1.2\",\"selector\":\"\",\"slot\":1}");
    expect_refusal(rest, 400, "invalid", "POST", "/v1/rollouts",
                   "{\"tenant\":\"acme\",\"image\":\"thermo\",\"version\":\"1.2\",\"selector\":\"\",\"slot\":-1}");
    expect_refusal(rest, 400, "invalid", "POST", "/v1/rollouts",
                   "{\"tenant\":\"acme\",\"image\":\"thermo\",\"version\":\"1.2\",\"selector\":\"\",\"slot\":0.5}");
    assert_int_equal(rest->asked_count, 0);
}

/* The container is on the device, as far as the registry knows. */
static void install(struct rest *rest)
{
    struct store *store = rest->core.store;
    struct device device;

    assert_int_equal(store->device_by_name(store, "thermo-1", &device), 0);
    assert_int_equal(store->begin(store), 0);
    assert_int_equal(store->slot_take(store, device.id, 0, 1, NOW_MS), 0);
    assert_int_equal(store->slot_installed(store, device.id, 0, 1, 0, NOW_MS), 0);
    assert_int_equal(store->commit(store), 0);
}

static void answer_device(struct rest *rest, enum answer_kind kind, const char *payload)
{
    struct transport_answer answer = { rest->asked.id, kind, 205, bytes_of_text(payload) };

    device_on_answer(&rest->core, &answer);
}

static void waits_for_the_answer_of_a_container(void **state)
{
    struct rest *rest = *state;

    fill(rest);
    install(rest);
    rest_call_until_asked(rest, "POST", "/v1/devices/thermo-1/slots/0/run");
    assert_string_equal(rest->asked_path, "/bpf/exec/0");
    answer_device(rest, ANSWER_RESPONSE, "27.18");
    rest_wait(rest);
    assert_int_equal(rest->seen.status, 200);
    assert_string_equal(text_of(rest->seen.json, "answer"), "27.18");
    assert_string_equal(text_of(rest->seen.json, "code"), "2.05");
    assert_true(json_is_false(json_object_get(rest->seen.json, "looks_like_fault")));
}

static void says_why_a_container_did_not_answer(void **state)
{
    struct rest *rest = *state;

    fill(rest);
    install(rest);
    rest_call_until_asked(rest, "POST", "/v1/devices/thermo-1/slots/0/run");
    answer_device(rest, ANSWER_NONE, "");
    rest_wait(rest);
    assert_true(rest->seen.status >= 400);
    assert_string_equal(header_of(rest, "Content-Type"), "application/problem+json");
}

static void stops_waiting_after_a_bound(void **state)
{
    struct rest *rest = *state;

    fill(rest);
    install(rest);
    rest->settings.run_wait_ms = 1;
    rest_call_until_asked(rest, "POST", "/v1/devices/thermo-1/slots/0/run");
    rest_wait(rest);
    assert_int_equal(rest->seen.status, 504);
    /* The device answers after all: nobody is there, and nothing happens. */
    answer_device(rest, ANSWER_RESPONSE, "27.18");
    expect(rest, 200, "GET", "/v1/devices/thermo-1", NULL);
}

static void ends_a_wait_when_it_stops(void **state)
{
    struct rest *rest = *state;

    fill(rest);
    install(rest);
    rest_call_until_asked(rest, "POST", "/v1/devices/thermo-1/slots/0/run");
    /* The teardown stops the rules and then the API, with the connection asleep. */
}

static void refuses_runs_that_cannot_be(void **state)
{
    struct rest *rest = *state;

    fill(rest);
    expect_refusal(rest, 404, "unknown", "POST", "/v1/devices/none/slots/0/run", NULL);
    expect_refusal(rest, 404, "unknown", "POST", "/v1/devices/thermo-1/slots/x/run", NULL);
    expect_refusal(rest, 404, "unknown", "POST", "/v1/devices/thermo-1/slots/8/run", NULL);
    char *token = token_for(rest, "acme-ci", "tenant", "acme");
    rest->token = token;
    expect_refusal(rest, 403, "forbidden", "POST", "/v1/devices/thermo-1/slots/0/run", NULL);
    free(token);
    assert_int_equal(rest->asked_count, 0);
}

static void keeps_policies_in_versions(void **state)
{
    struct rest *rest = *state;

    fill(rest);
    json_t *policy = expect(rest, 200, "GET", "/v1/policies/temperature", NULL);
    assert_int_equal(number_of(policy, "version"), 1);
    assert_string_equal(text_of(policy, "lower"), "-20");
    assert_string_equal(text_of(policy, "upper"), "60.5");
    assert_string_equal(text_of(policy, "unit_text"), "Cel");
    assert_string_equal(text_of(policy, "unit"), "device-epoch");
    assert_int_equal(number_of(policy, "epoch_ms"), 86400000);
    policy =
        expect(rest, 201, "POST", "/v1/policies",
               "{\"sensor\":\"temperature\",\"lower\":\"-10\",\"upper\":\"40\",\"scale\":100,\"unit_text\":\"Cel\","
               "\"epsilon_per_reading\":\"0.05\",\"contributions\":12,\"interval_ms\":120000}");
    assert_string_equal(header_of(rest, "Location"), "/v1/policies/temperature");
    assert_int_equal(number_of(policy, "version"), 2);
    assert_string_equal(text_of(policy, "epsilon_per_reading"), "0.05");
    assert_int_equal(count_of(expect(rest, 200, "GET", "/v1/policies", NULL), "items"), 2);
    expect_refusal(rest, 404, "unknown", "GET", "/v1/policies/none", NULL);
    expect_refusal(rest, 400, "invalid", "POST", "/v1/policies",
                   "{\"sensor\":\"temperature\",\"lower\":\"5\",\"upper\":\"5\"}");
    expect_refusal(rest, 400, "invalid", "POST", "/v1/policies",
                   "{\"sensor\":\"temperature\",\"lower\":-5,\"upper\":\"5\"}");
    expect_refusal(rest, 400, "invalid", "POST", "/v1/policies",
                   "{\"sensor\":\"temperature\",\"lower\":\"a\",\"upper\":\"5\"}");
}

static void keeps_budgets_as_decimals(void **state)
{
    struct rest *rest = *state;

    fill(rest);
    json_t *budget = expect(rest, 200, "PUT", "/v1/budgets/acme", "{\"epsilon\":\"2.5\"}");
    assert_string_equal(text_of(budget, "epsilon"), "2.5");
    assert_string_equal(text_of(budget, "spent_epsilon"), "0");
    assert_string_equal(text_of(budget, "left_epsilon"), "2.5");
    assert_string_equal(text_of(budget, "renews_at"), "2026-11-22T00:00:00Z");
    budget = expect(rest, 200, "PUT", "/v1/budgets/acme", "{\"epsilon\":\"4\"}");
    assert_string_equal(text_of(budget, "epsilon"), "2.5"); /* a rise waits */
    assert_string_equal(text_of(budget, "next_epsilon"), "4");
    expect(rest, 200, "GET", "/v1/budgets/acme", NULL);
    expect_refusal(rest, 404, "unknown", "GET", "/v1/budgets/nobody", NULL);
    expect_refusal(rest, 404, "unknown", "PUT", "/v1/budgets/nobody", "{\"epsilon\":\"1\"}");
    expect_refusal(rest, 400, "invalid", "PUT", "/v1/budgets/acme", "{\"epsilon\":2.5}");
    expect_refusal(rest, 400, "invalid", "PUT", "/v1/budgets/acme", "{\"epsilon\":\"-1\"}");
    expect_refusal(rest, 400, "invalid", "PUT", "/v1/budgets/acme", "{\"epsilon\":\"0.0000001\"}");
    expect_refusal(rest, 400, "invalid", "PUT", "/v1/budgets/acme", "{\"epsilon\":\"9999999999999999\"}");
}

#define RELEASE(request, epsilon)                                                                                 \
    "{\"tenant\":\"acme\",\"query\":\"count\",\"sensor\":\"temperature\",\"selector\":\"site=lyon\",\"epsilon\":" \
    "\"" epsilon "\",\"request\":\"" request "\"}"

static void replays_a_release_byte_for_byte(void **state)
{
    struct rest *rest = *state;

    fill(rest);
    expect(rest, 200, "PUT", "/v1/budgets/acme", "{\"epsilon\":\"5\"}");
    json_t *first = expect(rest, 201, "POST", "/v1/releases", RELEASE("r-1", "0.25"));
    assert_string_equal(header_of(rest, "Location"), "/v1/releases/1");
    assert_true(json_is_false(json_object_get(first, "replayed")));
    assert_int_equal(number_of(first, "cohort"), 2);
    assert_string_equal(text_of(first, "epsilon"), "0.25");
    const char *answer = strstr(rest->seen.body, "\"answer\":") + strlen("\"answer\":");
    char *bytes = strndup(answer, strlen(answer) - 1);

    json_t *again = expect(rest, 200, "POST", "/v1/releases", RELEASE("r-1", "0.25"));
    assert_true(json_is_true(json_object_get(again, "replayed")));
    assert_non_null(strstr(rest->seen.body, bytes));
    expect(rest, 200, "GET", "/v1/releases/1/answer", NULL);
    assert_string_equal(rest->seen.body, bytes);
    expect(rest, 200, "GET", "/v1/releases/1", NULL);
    assert_non_null(strstr(rest->seen.body, bytes));
    json_t *words = expect(rest, 200, "GET", "/v1/releases/1/explanation", NULL);
    assert_non_null(strstr(text_of(words, "text"), "differentially private with epsilon 0.25"));
    expect_refusal(rest, 404, "unknown", "GET", "/v1/releases/2/explanation", NULL);
    json_t *epochs = expect(rest, 200, "GET", "/v1/budgets/acme/epochs", NULL);
    assert_int_equal(count_of(epochs, "items"), 1);
    const json_t *epoch = json_array_get(json_object_get(epochs, "items"), 0);
    assert_string_equal(text_of(json_object_get(epoch, "spent"), "epsilon"), "0.25");
    assert_string_equal(text_of(json_object_get(epoch, "cap"), "epsilon"), "5");
    json_t *budget = expect(rest, 200, "GET", "/v1/budgets/acme", NULL);
    assert_string_equal(text_of(budget, "spent_epsilon"), "0.25");
    expect_refusal(rest, 409, "conflict", "POST", "/v1/releases", RELEASE("r-1", "0.5"));
    json_t *list = expect(rest, 200, "GET", "/v1/releases", NULL);
    assert_null(json_object_get(json_array_get(json_object_get(list, "items"), 0), "answer"));
    free(bytes);
}

static void says_what_is_spent(void **state)
{
    struct rest *rest = *state;

    fill(rest);
    expect(rest, 200, "PUT", "/v1/budgets/acme", "{\"epsilon\":\"5\"}");
    expect(rest, 201, "POST", "/v1/releases", RELEASE("r-1", "0.75"));
    json_t *plan = expect(rest, 200, "POST", "/v1/releases/preview", RELEASE("r-2", "0.25"));
    assert_true(json_is_true(json_object_get(plan, "would_pass")));
    assert_true(json_is_null(json_object_get(plan, "problem")));
    assert_true(json_is_false(json_object_get(plan, "replay")));
    assert_string_equal(text_of(plan, "epsilon_per_device"), "0.25");
    assert_true(strlen(text_of(plan, "error95")) > 0);
    plan = expect(rest, 200, "POST", "/v1/releases/preview", RELEASE("r-1", "0.75"));
    assert_true(json_is_true(json_object_get(plan, "replay")));
    plan = expect(rest, 200, "POST", "/v1/releases/preview", RELEASE("r-2", "0.5"));
    assert_true(json_is_false(json_object_get(plan, "would_pass")));
    assert_int_equal(number_of(plan, "exhausted_devices"), 2);
    assert_string_equal(text_of(json_object_get(plan, "problem"), "type"), "urn:tinypart:problem:exhausted");
    expect_refusal(rest, 422, "exhausted", "POST", "/v1/releases", RELEASE("r-2", "0.5"));
    expect_refusal(rest, 404, "unknown", "GET", "/v1/releases/2", NULL);
    expect_refusal(rest, 404, "unknown", "GET", "/v1/releases/2/answer", NULL);
    expect_refusal(rest, 400, "invalid", "POST", "/v1/releases",
                   "{\"tenant\":\"acme\",\"query\":\"median\",\"sensor\":\"temperature\",\"epsilon\":\"0.1\"}");
}

static void keeps_sinks_and_shows_what_waits(void **state)
{
    struct rest *rest = *state;

    fill(rest);
    expect(rest, 200, "PUT", "/v1/budgets/acme", "{\"epsilon\":\"5\"}");
    json_t *sink = expect(rest, 201, "POST", "/v1/sinks",
                          "{\"tenant\":\"acme\",\"name\":\"archive\",\"kind\":\"file\",\"config\":{\"path\":\"a\"}}");
    assert_string_equal(header_of(rest, "Location"), "/v1/sinks/archive?tenant=acme");
    assert_string_equal(text_of(json_object_get(sink, "config"), "path"), "a");
    expect_refusal(rest, 409, "exists", "POST", "/v1/sinks",
                   "{\"tenant\":\"acme\",\"name\":\"archive\",\"kind\":\"file\",\"config\":{\"path\":\"a\"}}");
    expect_refusal(rest, 400, "invalid", "POST", "/v1/sinks",
                   "{\"tenant\":\"acme\",\"name\":\"b\",\"kind\":\"file\",\"config\":{}}");
    expect_refusal(rest, 400, "invalid", "POST", "/v1/sinks",
                   "{\"tenant\":\"acme\",\"name\":\"b\",\"kind\":\"file\",\"config\":\"path\"}");
    expect(rest, 201, "POST", "/v1/releases", RELEASE("r-1", "0.25"));
    json_t *exports = expect(rest, 200, "GET", "/v1/exports", NULL);
    assert_int_equal(count_of(exports, "items"), 1);
    const json_t *row = json_array_get(json_object_get(exports, "items"), 0);
    assert_string_equal(text_of(row, "kind"), "release");
    assert_true(json_is_null(json_object_get(row, "delivered_at")));
    sink = expect(rest, 200, "GET", "/v1/sinks/archive?tenant=acme", NULL);
    assert_int_equal(number_of(sink, "waiting"), 1);
    assert_int_equal(count_of(expect(rest, 200, "GET", "/v1/sinks", NULL), "items"), 1);
    expect(rest, 204, "DELETE", "/v1/sinks/archive?tenant=acme", NULL);
    expect_refusal(rest, 404, "unknown", "GET", "/v1/sinks/archive?tenant=acme", NULL);
    expect_refusal(rest, 404, "unknown", "DELETE", "/v1/sinks/archive?tenant=acme", NULL);
}

static void keeps_schedules_and_says_what_they_will_cost(void **state)
{
    static const char hourly[] = "{\"tenant\":\"acme\",\"query\":\"mean\",\"sensor\":\"temperature\","
                                 "\"epsilon\":\"0.1\",\"every_ms\":3600000}";
    struct rest *rest = *state;

    fill(rest);
    expect(rest, 200, "PUT", "/v1/budgets/acme", "{\"epsilon\":\"5\"}");
    json_t *plan = expect(rest, 200, "POST", "/v1/schedules/preview", hourly);
    assert_string_equal(text_of(json_object_get(plan, "per_epoch"), "epsilon"), "2.4");
    assert_true(json_is_null(json_object_get(plan, "budget_dry")));
    const json_t *dry = json_object_get(plan, "filter_dry"); /* a device may lose 1 */
    assert_string_equal(text_of(dry, "currency"), "epsilon");
    assert_true(json_is_null(json_object_get(dry, "schedule")));
    assert_int_equal(count_of(expect(rest, 200, "GET", "/v1/schedules", NULL), "items"), 0);
    json_t *schedule = expect(rest, 201, "POST", "/v1/schedules", hourly);
    assert_string_equal(header_of(rest, "Location"), "/v1/schedules/1");
    assert_string_equal(text_of(schedule, "state"), "running");
    schedule = expect(rest, 200, "GET", "/v1/schedules/1", NULL);
    assert_int_equal(number_of(json_object_get(schedule, "plan"), "runs_per_epoch"), 24);
    assert_int_equal(number_of(json_object_get(json_object_get(schedule, "plan"), "filter_dry"), "schedule"), 1);
    assert_int_equal(count_of(expect(rest, 200, "GET", "/v1/schedules", NULL), "items"), 1);
    assert_string_equal(text_of(expect(rest, 200, "POST", "/v1/schedules/1/pause", NULL), "state"), "paused");
    expect_refusal(rest, 409, "conflict", "POST", "/v1/schedules/1/pause", NULL);
    assert_string_equal(text_of(expect(rest, 200, "POST", "/v1/schedules/1/resume", NULL), "state"), "running");
    expect(rest, 204, "DELETE", "/v1/schedules/1", NULL);
    expect_refusal(rest, 404, "unknown", "GET", "/v1/schedules/1", NULL);
    expect_refusal(rest, 404, "unknown", "DELETE", "/v1/schedules/1", NULL);
    expect_refusal(rest, 400, "invalid", "POST", "/v1/schedules",
                   "{\"tenant\":\"acme\",\"query\":\"mean\",\"sensor\":\"temperature\",\"epsilon\":\"0.1\","
                   "\"every_ms\":1}");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rest_setup, rest_teardown)
    const struct CMUnitTest tests[] = {
        TEST(orders_rollouts_and_shows_their_steps),
        TEST(shows_a_step_under_way_without_its_paths),
        TEST(refuses_rollouts_that_cannot_be),
        TEST(waits_for_the_answer_of_a_container),
        TEST(says_why_a_container_did_not_answer),
        TEST(stops_waiting_after_a_bound),
        TEST(ends_a_wait_when_it_stops),
        TEST(refuses_runs_that_cannot_be),
        TEST(keeps_policies_in_versions),
        TEST(keeps_budgets_as_decimals),
        TEST(replays_a_release_byte_for_byte),
        TEST(says_what_is_spent),
        TEST(keeps_schedules_and_says_what_they_will_cost),
        TEST(keeps_sinks_and_shows_what_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
