/* Values of devices that all tenants share: drawn once, charged once. */
#include "tests/unit/core/lab.h"

#include <stdio.h>

#include "daemon/base/text.h"

#define DAY 86400000LL

/* The hour that ends at the start of the world's clock. */
static struct release_order an_hour(const char *query)
{
    return (struct release_order){ .query = query,
                                   .sensor = "temperature",
                                   .loss.ueps = EPSILON / 2,
                                   .from_ms = WORLD_START_MS,
                                   .to_ms = WORLD_START_MS + 3600000 };
}

static int ask(struct lab *lab, const struct world_tenant *tenant, const struct release_order *order,
               struct release *out)
{
    memset(&lab->why, 0, sizeof(lab->why));
    if (lab->world->clock.now_ms < order->to_ms)
        lab->world->clock.now_ms = order->to_ms;
    return release_create(lab->core, &tenant->caller, order, out, &lab->why);
}

static struct release must_ask(struct lab *lab, const struct world_tenant *tenant, const struct release_order *order)
{
    struct release release;

    int r = ask(lab, tenant, order, &release);
    if (r != 0)
        fail_msg("%d: %s", r, lab->why.what);
    return release;
}

/* The value of a device in an answer, as text in out. */
static void value_of(const struct release *release, const char *device, char out[32])
{
    json_t *answer = lab_answer(release);
    size_t i;
    json_t *one;

    out[0] = '\0';
    json_array_foreach(json_object_get(answer, "devices"), i, one)
    {
        if (strcmp(lab_text(one, NULL, "device"), device) == 0)
            snprintf(out, 32, "%s", lab_text(one, NULL, "value"));
    }
    assert_int_not_equal(out[0], '\0');
    json_decref(answer);
}

static int64_t charged(const struct release *release)
{
    json_t *answer = lab_answer(release);
    const int64_t count = json_integer_value(json_object_get(answer, "charged"));

    json_decref(answer);
    return count;
}

static void a_second_tenant_gets_the_same_value_and_the_device_pays_once(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    const struct release_order order = an_hour("device-sum");
    char mine[32], yours[32];

    lab_reading(lab, &device, 2000);
    struct release first = must_ask(lab, lab->acme, &order), second = must_ask(lab, lab->beta, &order);
    value_of(&first, "thermo-1", mine);
    value_of(&second, "thermo-1", yours);
    assert_string_equal(mine, yours);
    assert_false(second.replayed);
    assert_int_equal(charged(&first), 1);
    assert_int_equal(charged(&second), 0);
    assert_int_equal(lab_filter(lab, &device), EPSILON / 2);
    assert_int_equal(lab_spent(lab, lab->acme), EPSILON / 2);
    assert_int_equal(lab_spent(lab, lab->beta), EPSILON / 2);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM shared_value"), 1);
}

static void only_devices_that_nobody_asked_are_charged(void **state)
{
    struct lab *lab = *state;
    struct device old = lab_device(lab, "old"), fresh;
    const struct release_order order = an_hour("device-count");
    char before[32], after[32];

    struct release first = must_ask(lab, lab->acme, &order);
    fresh = lab_device(lab, "fresh");
    struct release second = must_ask(lab, lab->beta, &order);
    value_of(&first, "old", before);
    value_of(&second, "old", after);
    assert_string_equal(before, after);
    assert_int_equal(charged(&second), 1);
    assert_int_equal(second.cohort, 2);
    assert_int_equal(lab_filter(lab, &old), EPSILON / 2);
    assert_int_equal(lab_filter(lab, &fresh), EPSILON / 2);
}

/* What is known already takes nothing from a full filter; anything else is refused by it. */
static void a_value_that_is_there_is_given_when_the_filter_is_full(void **state)
{
    struct lab *lab = *state;
    const struct release_order order = an_hour("device-count");
    struct release_order other = order;
    struct release release;
    struct release_plan plan;

    lab_device(lab, "thermo-1");
    lab->core->settings.filter_cap.ueps = EPSILON / 2;
    must_ask(lab, lab->acme, &order);
    assert_int_equal(release_preview(lab->core, &lab->beta->caller, &order, &plan, &lab->why), 0);
    assert_true(plan.would_pass);
    assert_int_equal(plan.charged, 0);
    must_ask(lab, lab->beta, &order);
    other.loss.ueps = EPSILON / 4; /* less noise or more is another value */
    assert_int_equal(ask(lab, lab->beta, &other, &release), REFUSED_EXHAUSTED);
    other = an_hour("device-sum");
    assert_int_equal(ask(lab, lab->beta, &other, &release), REFUSED_EXHAUSTED);
    other = order;
    other.to_ms -= 1000;
    assert_int_equal(ask(lab, lab->beta, &other, &release), REFUSED_EXHAUSTED);
    lab_budget(lab, lab->beta, EPSILON / 2); /* spent */
    other = order;
    other.request = "again";
    assert_int_equal(ask(lab, lab->beta, &other, &release), REFUSED_EXHAUSTED);
    assert_string_equal(lab->why.where, "tenant");
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM shared_value"), 1);
}

static void a_tenants_own_containers_readings_have_no_part_in_it(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_riot(lab, "riot-1");
    struct store *store = lab->world->store;
    struct reading reading = { .device_id = device.id, .value = 6000, .scale = 100, .policy_version = 1 };
    struct release_order order = an_hour("device-sum");
    char without[32], with[32];

    order.loss.ueps = EPSILON;
    lab->world->seed = 4;
    struct release first = must_ask(lab, lab->acme, &order);
    value_of(&first, "riot-1", without);
    strcpy(reading.sensor, "temperature");
    reading.tenant_id = lab->acme->tenant.id;
    reading.received_ms = order.from_ms + 1;
    reading.epoch = ledger_epoch(lab->core, reading.received_ms);
    assert_int_equal(store->begin(store), 0);
    assert_int_equal(store->reading_insert(store, &reading), 0);
    assert_int_equal(store->commit(store), 0);
    order.to_ms += 1; /* another window */
    lab->world->clock.now_ms = order.to_ms;
    lab->world->seed = 4;
    struct release second = must_ask(lab, lab->acme, &order);
    value_of(&second, "riot-1", with);
    assert_string_equal(with, without);
}

static void shared_values_are_of_few_devices_and_one_epoch(void **state)
{
    struct lab *lab = *state;
    struct release_order order = an_hour("device-count");
    struct release release;
    char name[NAME_SIZE];

    lab_device(lab, "thermo-1");
    order.to_ms += DAY;
    assert_int_equal(ask(lab, lab->acme, &order, &release), REFUSED_INVALID);
    order = an_hour("device-count");
    for (int i = 0; i < 64; i++) {
        snprintf(name, sizeof(name), "d%d", i);
        lab_device(lab, name);
    }
    assert_int_equal(ask(lab, lab->acme, &order, &release), REFUSED_TOO_LARGE);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), 0);
}

/* I2: a fault takes values back with the charge that paid for them. */
static int failing(struct store *store, int64_t id, const char *answer, size_t size)
{
    (void)store;
    (void)id;
    (void)answer;
    (void)size;
    return -5;
}

static void a_fault_leaves_no_value_behind(void **state)
{
    struct lab *lab = *state;
    struct store *store = lab->world->store;
    int (*answer)(struct store * s, int64_t id, const char *text, size_t size) = store->release_answer;
    const struct release_order order = an_hour("device-count");
    struct release release;

    lab_device(lab, "thermo-1");
    store->release_answer = failing;
    assert_int_equal(ask(lab, lab->acme, &order, &release), -5);
    store->release_answer = answer;
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM shared_value"), 0);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(a_second_tenant_gets_the_same_value_and_the_device_pays_once),
        LAB_TEST(only_devices_that_nobody_asked_are_charged),
        LAB_TEST(a_value_that_is_there_is_given_when_the_filter_is_full),
        LAB_TEST(a_tenants_own_containers_readings_have_no_part_in_it),
        LAB_TEST(shared_values_are_of_few_devices_and_one_epoch),
        LAB_TEST(a_fault_leaves_no_value_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
