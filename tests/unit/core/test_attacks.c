/* Known attacks on engines of differential privacy, each as a test: sums that wrap or hang on the order, numbers that
 * are none, cohorts of nobody, one row more or less, what a full filter tells another tenant, clocks set back, and
 * databases put back. Those on the samplers are in tests/unit/device_proto, on
 * cells before noise in test_sensitivity.c, on noise in floating point in tests/unit/cli/test_audit.c. */
#include "tests/unit/core/lab.h"

#include <stdio.h>

#include "daemon/base/buffer.h"
#include "daemon/base/text.h"
#include "daemon/store_sqlite/statement.h"
#include "device_proto/senml.h"

#define DAY 86400000LL

/* Every kind of query, as cheap as can be. */
static const struct release_order kinds[] = {
    { .query = "count", .sensor = "temperature", .loss.ueps = EPSILON / 10 },
    { .query = "sum", .sensor = "temperature", .loss.ueps = EPSILON / 10 },
    { .query = "mean", .sensor = "temperature", .loss.ueps = EPSILON / 10 },
    { .query = "variance", .sensor = "temperature", .loss.ueps = EPSILON / 10 },
    { .query = "histogram", .sensor = "temperature", .edges = "-20,0,20,60.5", .loss.ueps = EPSILON / 10 },
    { .query = "quantiles", .sensor = "temperature", .at = "0.5", .loss.ueps = EPSILON / 10 },
    { .query = "top", .sensor = "temperature", .categories = "1,2,3", .loss.ueps = EPSILON / 10 },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct release asked_by(struct lab *lab, const struct world_tenant *tenant, const struct release_order *order)
{
    struct release release;

    lab->world->clock.now_ms += 1;
    int r = release_create(lab->core, &tenant->caller, order, &release, &lab->why);
    if (r != 0)
        fail_msg("%s: %d: %s", order->query, r, lab->why.what);
    return release;
}

static int64_t fixed(const char *text, int digits)
{
    int64_t value;

    assert_int_equal(fixed_parse(text, digits, &value), 0);
    return value;
}

/* The noised numbers of an answer before any postprocessing. */
static int64_t noised(const json_t *answer, size_t part, int digits)
{
    const json_t *noise = json_object_get(json_object_get(answer, "privacy"), "noise");

    return fixed(lab_text(json_array_get(noise, part), NULL, "value"), digits);
}

/* ---- overflow and order ---- */

/* A sum that saturates, or is of floats, differs by the order of what is added: by up to all of it. */
static void sums_are_the_same_in_every_order_up_to_the_widest_bounds(void **state)
{
    struct lab *lab = *state;
    static const int64_t most = 2147483600; /* the widest bounds that a policy may have: 32 bits */
    static const int64_t orders[][4] = { { most, most, -most, -most },
                                         { most, -most, most, -most },
                                         { -most, -most, most, most },
                                         { INT64_MAX, INT64_MIN, INT64_MIN, INT64_MAX } };
    const struct policy_order wide = { .sensor = "temperature",
                                       .lower = "-21474836",
                                       .upper = "21474836",
                                       .scale = 100,
                                       .contributions = 1,
                                       .epsilon_per_reading = "10" };
    const struct release_order order = { .query = "sum", .sensor = "temperature", .loss.ueps = EPSILON };
    struct device devices[4];
    char name[NAME_SIZE];
    int64_t first = 0;

    lab_policy(lab, &wide);
    for (size_t i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "d%zu", i);
        devices[i] = lab_device(lab, name);
    }
    for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        for (size_t j = 0; j < 4; j++) /* the newest of each counts */
            lab_reading(lab, &devices[j], orders[i][j]);
        lab->world->seed = 11;
        struct release release = asked_by(lab, lab->acme, &order);
        json_t *answer = lab_answer(&release);
        if (i == 0)
            first = noised(answer, 0, 2);
        assert_int_equal(noised(answer, 0, 2), first);
        json_decref(answer);
    }
}

/* Where a sum could overflow it is refused before any reading is looked at: whether it does must not show. */
static void what_could_overflow_is_refused_whatever_the_readings(void **state)
{
    struct lab *lab = *state;
    const struct policy_order wide = { .sensor = "temperature",
                                       .lower = "-21474836",
                                       .upper = "21474836",
                                       .scale = 100,
                                       .contributions = 2,
                                       .epsilon_per_reading = "10" };
    const struct policy_order wider = { .sensor = "temperature",
                                        .lower = "-21474837",
                                        .upper = "21474837",
                                        .scale = 100,
                                        .contributions = 2,
                                        .epsilon_per_reading = "10" };
    const struct release_order order = { .query = "variance", .sensor = "temperature", .loss.ueps = EPSILON };
    struct device device = lab_device(lab, "d");
    struct policy policy;
    struct release release;

    assert_int_equal(policy_set(lab->core, &lab->world->owner, &wider, &policy, &lab->why), REFUSED_INVALID);
    struct policy_order often = wide; /* within 32 bits, but too many of them */
    often.contributions = 100000;
    assert_int_equal(policy_set(lab->core, &lab->world->owner, &often, &policy, &lab->why), REFUSED_INVALID);
    assert_non_null(strstr(lab->why.what, "could overflow"));
    lab_policy(lab, &wide);
    lab->world->clock.now_ms += 1;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why), REFUSED_TOO_LARGE);
    struct why before = lab->why;
    lab_reading(lab, &device, 2147483600);
    lab->world->clock.now_ms += 1;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why), REFUSED_TOO_LARGE);
    assert_string_equal(lab->why.what, before.what);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), 0);
}

/* ---- numbers that are none ---- */

/* One record: {name: "temperature", unit: "Cel", value: a float of the bits given}. */
static int decode_float(uint64_t bits)
{
    static const uint8_t head[] = { 0x81, 0xa3, 0x00, 0x6b, 't',  'e',  'm', 'p', 'e', 'r',  'a',
                                    't',  'u',  'r',  'e',  0x01, 0x63, 'C', 'e', 'l', 0x02, 0xfb };
    uint8_t text[sizeof(head) + 8], room[256];
    struct senml_record records[4];
    struct senml_pack pack = { .records = records, .capacity = 4, .text = room, .text_capacity = sizeof(room) };

    memcpy(text, head, sizeof(head));
    for (unsigned i = 0; i < 8; i++)
        text[sizeof(head) + i] = (uint8_t)(bits >> (56 - 8 * i));
    return senml_decode_cbor(bytes_view(text, sizeof(text)), &pack);
}

static int decode_json(const char *number)
{
    char text[128], room[256];
    struct senml_record records[4];
    struct senml_pack pack = {
        .records = records, .capacity = 4, .text = (uint8_t *)room, .text_capacity = sizeof(room)
    };

    snprintf(text, sizeof(text), "[{\"n\":\"temperature\",\"u\":\"Cel\",\"v\":%s}]", number);
    return senml_decode_json(bytes_view((const uint8_t *)text, strlen(text)), &pack);
}

/* They never become readings, so no answer has to know what to do with them; huge finite ones are clamped as any. */
static void nan_and_infinity_never_become_readings(void **state)
{
    (void)state;
    assert_int_equal(decode_float(0x4035800000000000), 0);                /* 21.5 */
    assert_int_equal(decode_float(0x7ff8000000000000), SENML_NOT_FINITE); /* NaN */
    assert_int_equal(decode_float(0xfff8000000000001), SENML_NOT_FINITE); /* another */
    assert_int_equal(decode_float(0x7ff0000000000001), SENML_NOT_FINITE); /* a signalling one */
    assert_int_equal(decode_float(0x7ff0000000000000), SENML_NOT_FINITE); /* infinity */
    assert_int_equal(decode_float(0xfff0000000000000), SENML_NOT_FINITE); /* minus infinity */
    assert_int_equal(decode_json("21.5"), 0);
    static const char *const none[] = { "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "nan", "null", "\"NaN\"" };
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_true(decode_json(none[i]) > 0);
}

/* ---- empty cohorts, empty devices ---- */

static void a_cohort_of_nobody_is_refused_and_charged_nothing(void **state)
{
    struct lab *lab = *state;
    struct release release;

    lab_device(lab, "d");
    for (size_t i = 0; i < KINDS; i++) {
        struct release_order order = kinds[i];
        order.selector = "site=nowhere";
        lab->world->clock.now_ms += 1;
        assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why), REFUSED_UNKNOWN);
    }
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), 0);
}

/* ---- one device more ---- */

/* The same noise with and without one device's epoch of readings: the difference is what the readings did, and no
 * part of an answer may move by more than what its noise is for. */
static void one_device_epoch_moves_each_part_by_its_sensitivity_at_most(void **state)
{
    struct lab *lab = *state;
    static const int64_t loud[] = { INT64_MAX, INT64_MIN, 0, 6050, -2000, 2025 };
    static const struct {
        size_t part;
        int digits;
        int64_t sensitivity;
    } parts[] /* contributions * radius^2, and so on */
           [3] = { [0] = { { 0, 0, 2 } },
                   [1] = { { 0, 2, 12100 } },
                   [2] = { { 0, 2, 12100 }, { 1, 0, 2 } },
                   /* contributions * radius^2, and so on */
                   [3] = { { 0, 4, 32401250 }, { 1, 2, 8050 }, { 2, 0, 2 } } };
    struct device quiet = lab_device(lab, "quiet"), other = lab_device(lab, "other");
    json_t *without[4];

    lab_reading(lab, &quiet, 2100);
    for (size_t kind = 0; kind < 4; kind++) {
        lab->world->seed = 3;
        struct release release = asked_by(lab, lab->acme, &kinds[kind]);
        without[kind] = lab_answer(&release);
    }
    for (size_t i = 0; i < sizeof(loud) / sizeof(loud[0]); i++) {
        for (int j = 0; j < 5; j++) /* more than count */
            lab_reading(lab, &other, loud[i]);
        for (size_t kind = 0; kind < 4; kind++) {
            lab->world->seed = 3;
            struct release release = asked_by(lab, i % 2 == 0 ? lab->acme : lab->beta, &kinds[kind]);
            json_t *with = lab_answer(&release);
            for (size_t j = 0; j < 3 && parts[kind][j].sensitivity > 0; j++)
                assert_true(llabs(noised(with, parts[kind][j].part, parts[kind][j].digits) -
                                  noised(without[kind], parts[kind][j].part, parts[kind][j].digits)) <=
                            parts[kind][j].sensitivity);
            json_decref(with);
        }
    }
    for (size_t kind = 0; kind < 4; kind++)
        json_decref(without[kind]);
}

/* ---- support and precision ---- */

/* Noise is of the policy's steps. A reading with digits of its own, as one that came in under an earlier policy has,
 * would shine through it: it counts in no answer. */
static void a_finer_reading_shows_in_no_answer(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");

    lab_reading(lab, &device, 2150);
    for (size_t i = 0; i < KINDS; i++) {
        lab_sql(lab, "DELETE FROM reading WHERE scale <> 100");
        lab->world->seed = 5;
        struct release without = asked_by(lab, lab->acme, &kinds[i]);
        lab_reading(lab, &device, 21507);
        lab_sql(lab, "UPDATE reading SET scale = 1000 WHERE value = 21507");
        lab->world->seed = 5;
        struct release with = asked_by(lab, lab->acme, &kinds[i]);
        json_t *one = lab_answer(&without), *other = lab_answer(&with);
        static const char *const shown[] = { "value", "error95", "bins", "quantiles", "top" };
        for (size_t j = 0; j < sizeof(shown) / sizeof(shown[0]); j++)
            assert_true(json_equal(json_object_get(one, shown[j]), json_object_get(other, shown[j])) ||
                        json_object_get(one, shown[j]) == json_object_get(other, shown[j]));
        json_decref(one);
        json_decref(other);
    }
}

/* How fine an answer is says the policy, neither readings nor noise: a sum is of hundredths, a count of whole numbers,
 * also where floating point would have run out of digits. */
static void answers_are_as_fine_as_the_policy_whatever_was_read(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    static const int64_t values[] = { 0, 1, -2000, 6050, 3333 };
    static const int digits[] = { 0, 2, 4 };

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        lab_reading(lab, &device, values[i]);
        for (size_t kind = 0; kind < 3; kind++) {
            struct release release = asked_by(lab, i % 2 == 0 ? lab->acme : lab->beta, &kinds[kind]);
            json_t *answer = lab_answer(&release);
            const json_t *value = json_object_get(answer, "value");
            if (!json_is_null(value))
                (void)fixed(json_string_value(value), digits[kind]); /* more digits would not be read */
            const json_t *noise = json_object_get(json_object_get(answer, "privacy"), "noise");
            assert_string_equal(lab_text(json_array_get(noise, 0), NULL, "step"), kind == 0 ? "1" : "0.01");
            json_decref(answer);
        }
    }
}

/* ---- what a full filter tells ---- */

static int note_statement(unsigned mask, void *context, void *statement, void *sql)
{
    (void)mask;
    (void)statement;
    buffer_text(context, sql);
    buffer_text(context, "\n");
    return 0;
}

/* The statements that a call runs, in order, without their values. */
static int ask_traced(struct lab *lab, const struct release_order *order, struct buffer *out)
{
    sqlite3 *db = store_sqlite_of(lab->world->store)->db;
    struct release release;

    buffer_init(out, 1u << 24);
    sqlite3_trace_v2(db, SQLITE_TRACE_STMT, note_statement, out);
    int r = release_create(lab->core, &lab->acme->caller, order, &release, &lab->why);
    sqlite3_trace_v2(db, 0, NULL, NULL);
    buffer_append(out, "", 1);
    assert_int_equal(out->fault, 0);
    return r;
}

/* Words and work of a refusal follow from the request, the registry and the ledger: not from any reading, and not from
 * how much of a filter another tenant took, as long as it is full. */
static void a_full_filter_refuses_alike_whatever_filled_it_and_whatever_was_read(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    struct buffer first, then;
    struct why why;

    lab->core->settings.filter_cap.ueps = EPSILON / 4;
    lab_release(lab, lab->beta, "count", EPSILON / 5, NULL); /* leaves 0.05 */
    for (size_t i = 0; i < KINDS; i++) {
        lab->world->clock.now_ms += 1;
        assert_int_equal(ask_traced(lab, &kinds[i], &first), REFUSED_EXHAUSTED);
        why = lab->why;
        assert_null(strstr(why.what, "0.2")); /* what beta spent */
        assert_null(strstr(why.what, "beta"));
        assert_non_null(strstr(why.what, "thermo-1"));
        assert_non_null(strstr(why.what, "2025-10-10T00:00:00Z")); /* when it renews */
        for (int64_t j = 0; j < 20; j++)
            lab_reading(lab, &device, 100 * j);
        if (i == KINDS / 2)
            lab_release(lab, lab->beta, "count", EPSILON / 20, NULL); /* to the last unit */
        assert_int_equal(ask_traced(lab, &kinds[i], &then), REFUSED_EXHAUSTED);
        assert_string_equal(lab->why.what, why.what);
        assert_string_equal((const char *)then.data, (const char *)first.data);
        buffer_deinit(&first);
        buffer_deinit(&then);
    }
    assert_int_equal(lab_spent(lab, lab->acme), 0);
}

/* An answer's statements are the same, too, however many readings there are. */
static void answering_runs_the_same_statements_whatever_was_read(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    struct buffer first, then;

    asked_by(lab, lab->acme, &kinds[0]); /* the very first has rows of the ledger to make */
    for (size_t i = 0; i < KINDS; i++) {
        lab_sql(lab, "DELETE FROM reading");
        lab->world->clock.now_ms += 1;
        assert_int_equal(ask_traced(lab, &kinds[i], &first), 0);
        for (int64_t j = 0; j < 20; j++)
            lab_reading(lab, &device, 100 * j);
        lab->world->clock.now_ms += 1;
        assert_int_equal(ask_traced(lab, &kinds[i], &then), 0);
        assert_string_equal((const char *)then.data, (const char *)first.data);
        buffer_deinit(&first);
        buffer_deinit(&then);
    }
}

/* ---- clocks and copies ---- */

/* A clock set back opens no epoch again: what was spent stays spent, and the ledger's day is that of the highest time.
 */
static void a_clock_set_back_gives_nothing_back(void **state)
{
    struct lab *lab = *state;
    struct release_order order = kinds[0];
    struct release release;

    lab_device(lab, "thermo-1");
    lab->core->settings.filter_cap.ueps = EPSILON / 10;
    asked_by(lab, lab->acme, &order);
    const int64_t filled_ms = lab->world->clock.now_ms;
    lab->world->clock.now_ms += DAY;
    asked_by(lab, lab->acme, &order); /* the next day's is full now, too */
    lab->world->clock.now_ms = filled_ms - 3 * DAY;
    order.query = "sum"; /* another question at the same time of the ledger: no replay */
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why), REFUSED_EXHAUSTED);
    assert_non_null(strstr(lab->why.what, "2025-10-10"));
    world_restart(lab->world); /* nor does a restart, with the clock still wrong */
    lab->core->settings.filter_cap.ueps = EPSILON / 10;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why), REFUSED_EXHAUSTED);
    order.from_ms = filled_ms - 1000; /* and the day before has lost what it lost */
    order.to_ms = filled_ms;
    assert_int_equal(release_create(lab->core, &lab->acme->caller, &order, &release, &lab->why), REFUSED_EXHAUSTED);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM release"), 2);
}

static void copy_database(sqlite3 *from, sqlite3 *to)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");

    assert_non_null(backup);
    assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
    assert_int_equal(sqlite3_backup_finish(backup), SQLITE_OK);
}

struct head {
    int64_t sequence;
    uint8_t hash[DIGEST_SIZE];
};

static struct head head_of(struct lab *lab)
{
    struct head head;

    assert_int_equal(lab->world->store->audit_head(lab->world->store, &head.sequence, head.hash), 0);
    return head;
}

/* A database that is put back has forgotten charges, and nothing in it can tell. Two things do not come back: noise, of
 * which no seed is kept, so that no answer is repeated with other data under the same noise; and the head of the record
 * that somebody noted down, which the chain that goes on from the copy never reaches again. */
static void a_snapshot_put_back_repeats_no_noise_and_not_the_record(void **state)
{
    struct lab *lab = *state;
    sqlite3 *db = store_sqlite_of(lab->world->store)->db, *snapshot;
    struct head before, noted, after;
    struct release_order order = kinds[1];

    order.request = "the-very-same"; /* noise that were made of the request would be the same, too */
    lab_device(lab, "thermo-1");
    assert_int_equal(sqlite3_open(":memory:", &snapshot), SQLITE_OK);
    copy_database(db, snapshot);
    before = head_of(lab);
    struct release first = asked_by(lab, lab->acme, &order);
    noted = head_of(lab);
    copy_database(snapshot, db);
    world_restart(lab->world);
    after = head_of(lab);
    assert_int_equal(after.sequence, before.sequence); /* lower than the one noted */
    struct release again = asked_by(lab, lab->acme, &order);
    assert_false(again.replayed);
    after = head_of(lab);
    assert_int_equal(after.sequence, noted.sequence);
    assert_memory_not_equal(after.hash, noted.hash, DIGEST_SIZE);
    json_t *one = lab_answer(&first), *other = lab_answer(&again);
    assert_int_not_equal(noised(one, 0, 2), noised(other, 0, 2));
    json_decref(one);
    json_decref(other);
    assert_int_equal(sqlite3_close(snapshot), SQLITE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(sums_are_the_same_in_every_order_up_to_the_widest_bounds),
        LAB_TEST(what_could_overflow_is_refused_whatever_the_readings),
        cmocka_unit_test(nan_and_infinity_never_become_readings),
        LAB_TEST(a_cohort_of_nobody_is_refused_and_charged_nothing),
        LAB_TEST(one_device_epoch_moves_each_part_by_its_sensitivity_at_most),
        LAB_TEST(a_finer_reading_shows_in_no_answer),
        LAB_TEST(answers_are_as_fine_as_the_policy_whatever_was_read),
        LAB_TEST(a_full_filter_refuses_alike_whatever_filled_it_and_whatever_was_read),
        LAB_TEST(answering_runs_the_same_statements_whatever_was_read),
        LAB_TEST(a_clock_set_back_gives_nothing_back),
        LAB_TEST(a_snapshot_put_back_repeats_no_noise_and_not_the_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
