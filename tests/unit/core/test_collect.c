#include "tests/unit/core/lab.h"

#include "daemon/base/text.h"
#include "daemon/core/device.h"

#define DAY 86400000LL

struct pack {
    struct telemetry telemetry;
    struct senml_record records[RECORDS_PER_PACK_MAX + 1];
};

static struct senml_record record_of(const char *name, int64_t mantissa, int exponent)
{
    struct senml_record record = { .kind = SENML_NUMBER };

    assert_int_equal(text_copy(record.name, sizeof(record.name), name), 0);
    assert_int_equal(text_copy(record.unit, sizeof(record.unit), "Cel"), 0);
    assert_int_equal(decimal_make(mantissa, exponent, &record.number), 0);
    return record;
}

/* One reading of 21.5 noised by version 1, from the device's own address; s= rises with every pack. */
static struct pack *pack_of(const struct device *device)
{
    static struct pack pack;
    static uint64_t sequence;

    memset(&pack, 0, sizeof(pack));
    pack.telemetry = (struct telemetry){ .endpoint = device->name,
                                         .peer = device->address,
                                         .sequence = ++sequence,
                                         .policy_version = 1,
                                         .records = pack.records,
                                         .count = 1 };
    pack.records[0] = record_of("temperature", 215, -1);
    return &pack;
}

static int post(struct lab *lab, const struct pack *pack)
{
    memset(&lab->why, 0, sizeof(lab->why));
    return collect_telemetry(lab->core, &pack->telemetry, &lab->why);
}

/* The lab's policy lets a device give two readings an epoch. */
static void allow_many(struct lab *lab)
{
    lab_sql(lab, "UPDATE policy SET contributions = 1000");
}

/* A kind of device that posts raw readings: the shipped ones do not. */
static struct device raw_device(struct lab *lab, const char *name)
{
    lab_sql(lab, "CREATE TEMP TABLE one AS SELECT * FROM profile WHERE name = 'tinypart'");
    lab_sql(lab, "UPDATE one SET name = 'raw', noises_on_board = 0");
    lab_sql(lab, "INSERT OR IGNORE INTO main.profile SELECT * FROM one");
    lab_sql(lab, "DROP TABLE one");
    return world_device(lab->world, name, "raw", "site=lyon");
}

/* I2: the noised number is one loss of the device's, however many get it. */
static void charges_the_filter_once_and_each_tenant_that_gets_the_rows(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1"), found;
    struct pack *pack = pack_of(&device);

    lab_sink(lab, lab->acme, "lake", "file");
    lab_sink(lab, lab->beta, "sea", "file");
    pack->records[1] = record_of("thermo-1/temperature", -5, 0);
    pack->telemetry.count = 2;
    assert_int_equal(post(lab, pack), 0);
    assert_int_equal(lab_filter(lab, &device), 200000);
    assert_int_equal(lab_spent(lab, lab->acme), 200000);
    assert_int_equal(lab_spent(lab, lab->beta), 200000);
    assert_int_equal(lab_readings(lab), 2);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge WHERE cause = 'telemetry'"), 3);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM outbox WHERE kind = 'rows'"), 2);
    assert_int_equal(lab->core->counters[COUNT_TELEMETRY_STORED], 1);
    assert_int_equal(lab->world->store->device_by_id(lab->world->store, device.id, &found), 0);
    assert_int_equal(found.seen_ms, lab->world->clock.now_ms);
    assert_int_equal(found.life_spent.ueps, 200000);
}

static void exports_rows_that_say_how_they_were_noised(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    int64_t next_ms;

    lab_sink(lab, lab->acme, "lake", "file");
    assert_int_equal(post(lab, pack_of(&device)), 0);
    assert_int_equal(lab->delivery_count, 0); /* I1 */
    assert_int_equal(export_tick(lab->core, lab->world->clock.now_ms, &next_ms), 0);
    assert_int_equal(lab->delivery_count, 1);
    json_t *body = json_loads(lab->deliveries[0].body, JSON_REJECT_DUPLICATES, NULL);
    const json_t *row = json_array_get(json_object_get(body, "rows"), 0);
    assert_string_equal(lab_text(body, NULL, "device"), "thermo-1");
    assert_string_equal(lab_text(row, NULL, "sensor"), "temperature");
    assert_string_equal(lab_text(row, NULL, "value"), "21.5");
    assert_string_equal(lab_text(row, NULL, "unit"), "Cel");
    assert_string_equal(lab_text(row, NULL, "epsilon"), "0.1");
    assert_int_equal(json_integer_value(json_object_get(row, "policy_version")), 1);
    assert_int_equal(json_integer_value(json_object_get(row, "scale_num")), 60500);
    json_decref(body);
}

static void a_tenant_without_sinks_pays_for_no_rows(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");

    lab_sink(lab, lab->acme, "lake", "file");
    assert_int_equal(post(lab, pack_of(&device)), 0);
    assert_int_equal(lab_spent(lab, lab->acme), 100000);
    assert_int_equal(lab_spent(lab, lab->beta), 0);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM outbox"), 1);
}

static void a_tenant_whose_budget_is_dry_just_does_not_get_the_rows(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");

    lab_sink(lab, lab->acme, "lake", "file");
    lab_sink(lab, lab->beta, "sea", "file");
    lab_budget(lab, lab->acme, 99999);
    assert_int_equal(post(lab, pack_of(&device)), 0);
    assert_int_equal(lab_spent(lab, lab->acme), 0);
    assert_int_equal(lab_spent(lab, lab->beta), 100000);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM outbox"), 1);
}

/* I7, I11: refused and counted, nothing stored; one note in the record for each epoch. */
static void with_nobody_left_to_take_it_a_pack_is_refused(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");

    lab_sink(lab, lab->acme, "lake", "file");
    lab_sink(lab, lab->beta, "sea", "file");
    lab_budget(lab, lab->acme, 99999);
    lab_budget(lab, lab->beta, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(post(lab, pack_of(&device)), REFUSED_EXHAUSTED);
    assert_int_equal(lab_readings(lab), 0);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), 0);
    assert_int_equal(lab->core->counters[COUNT_TELEMETRY_OVER_BUDGET], 3);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM audit WHERE action = 'telemetry.exhausted'"), 1);
    lab->world->clock.now_ms += DAY;
    assert_int_equal(post(lab, pack_of(&device)), REFUSED_EXHAUSTED);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM audit WHERE action = 'telemetry.exhausted'"), 2);
}

/* I2 */
static void a_full_filter_takes_no_more_readings(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");

    allow_many(lab);
    lab->core->settings.filter_cap.ueps = 250000;
    lab_sink(lab, lab->acme, "lake", "file");
    assert_int_equal(post(lab, pack_of(&device)), 0);
    assert_int_equal(post(lab, pack_of(&device)), 0);
    assert_int_equal(post(lab, pack_of(&device)), REFUSED_EXHAUSTED);
    assert_string_equal(lab->why.what,
                        "the filter of device thermo-1 for epoch 2025-10-09 has spent 0.2 of 0.25 epsilon and this "
                        "pack asks 0.1 more; the next epoch begins 2025-10-10T00:00:00Z");
    assert_int_equal(lab_readings(lab), 2);
    assert_int_equal(lab_spent(lab, lab->acme), 200000);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM outbox"), 2);
    lab->world->clock.now_ms += DAY;
    assert_int_equal(post(lab, pack_of(&device)), 0);
}

static void a_lifetime_that_is_spent_takes_no_more_readings(void **state)
{
    struct lab *lab = *state;

    lab->core->settings.life_cap.ueps = 150000;
    struct device device = lab_device(lab, "mortal");
    assert_int_equal(post(lab, pack_of(&device)), 0);
    lab->world->clock.now_ms += DAY;
    assert_int_equal(post(lab, pack_of(&device)), REFUSED_EXHAUSTED);
    assert_non_null(strstr(lab->why.what, "whole life"));
}

/* I4 */
static void a_broken_ledger_takes_no_noised_readings(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");

    lab->core->ledger_broken = true;
    assert_int_equal(post(lab, pack_of(&device)), REFUSED_CONFLICT);
    assert_string_equal(lab->why.where, "ledger");
    assert_int_equal(lab_readings(lab), 0);
}

static void a_repeated_sequence_number_is_a_duplicate(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    struct pack *pack = pack_of(&device);

    assert_int_equal(post(lab, pack), 0);
    assert_int_equal(post(lab, pack), REFUSED_EXISTS);
    pack->telemetry.sequence--; /* it may never have come */
    assert_int_equal(post(lab, pack), REFUSED_CONFLICT);
    world_restart(lab->world); /* I12 */
    pack->telemetry.sequence++;
    assert_int_equal(post(lab, pack), REFUSED_EXISTS);
    pack->telemetry.sequence = UINT64_MAX;
    assert_int_equal(post(lab, pack), REFUSED_INVALID);
    assert_int_equal(lab_readings(lab), 1);
    assert_int_equal(lab_filter(lab, &device), 100000);
}

static void a_refused_pack_may_be_sent_again_with_its_number(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    struct pack *pack = pack_of(&device);

    strcpy(pack->records[0].unit, "K");
    assert_int_equal(post(lab, pack), REFUSED_INVALID);
    strcpy(pack->records[0].unit, "Cel");
    assert_int_equal(post(lab, pack), 0);
}

/* I7 */
static void who_may_not_post_is_refused_and_nothing_of_it_is_kept(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1"), riot = lab_riot(lab, "riot-1"),
                  other = lab_device(lab, "thermo-2");
    struct pack *pack = pack_of(&device);
    uint8_t before[DIGEST_SIZE], after[DIGEST_SIZE];

    lab_fingerprint(lab, before);
    pack->telemetry.endpoint = "stranger";
    assert_int_equal(post(lab, pack), REFUSED_UNKNOWN);
    pack = pack_of(&riot);
    assert_int_equal(post(lab, pack), REFUSED_FORBIDDEN);
    pack = pack_of(&device);
    pack->telemetry.peer = other.address; /* speaks for another */
    assert_int_equal(post(lab, pack), REFUSED_FORBIDDEN);
    pack->telemetry.peer = "coap://nonsense";
    assert_int_equal(post(lab, pack), REFUSED_FORBIDDEN);
    pack = pack_of(&device);
    lab->core->settings.telemetry_plain = false; /* the operator does not want it */
    assert_int_equal(post(lab, pack), REFUSED_FORBIDDEN);
    pack->telemetry.count = 0;
    assert_int_equal(post(lab, pack), REFUSED_TOO_LARGE);
    pack->telemetry.count = RECORDS_PER_PACK_MAX + 1;
    assert_int_equal(post(lab, pack), REFUSED_TOO_LARGE);
    lab_fingerprint(lab, after);
    assert_memory_equal(before, after, DIGEST_SIZE);
    assert_int_equal(lab->core->counters[COUNT_TELEMETRY_REFUSED], 7);
    pack->telemetry.count = 1;
    pack->telemetry.authenticated = true; /* over DTLS, from wherever */
    pack->telemetry.peer = "coap://[fd00::9999]";
    assert_int_equal(post(lab, pack), 0);
}

static void the_peers_port_zone_and_spelling_do_not_matter(void **state)
{
    struct lab *lab = *state;
    struct device device;
    const struct device_order order = { .name = "four", .profile = "tinypart", .address = "coap://10.0.0.7" };
    static const char *const same[] = { "coap://10.0.0.7:49152", "coap://[::ffff:10.0.0.7]:5683",
                                        "coap://[::FFFF:a00:7%eth0]" };
    static const char *const others[] = { "coap://10.0.0.70", "coap://10.0.0.7.example", "coaps://10.0.0.7", "coap://",
                                          "" };

    allow_many(lab);
    assert_int_equal(device_create(lab->core, &lab->world->owner, &order, &device, &lab->why), 0);
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        struct pack *pack = pack_of(&device);
        pack->telemetry.peer = same[i];
        assert_int_equal(post(lab, pack), 0);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct pack *pack = pack_of(&device);
        pack->telemetry.peer = others[i];
        assert_int_equal(post(lab, pack), REFUSED_FORBIDDEN);
    }
}

static void what_is_out_of_policy_refuses_the_whole_pack(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    struct senml_record bad[12];
    size_t count = 0;

    bad[count++] = record_of("thermo-2/temperature", 1, 0);
    bad[count++] = record_of("urn:dev:ep:thermo-2:temperature", 1, 0);
    bad[count++] = record_of("Temperature", 1, 0);
    bad[count++] = record_of("thermo-1/", 1, 0);
    bad[count++] = record_of("temperature", 6050 + 1210001, -2); /* beyond upper + bound */
    bad[count++] = record_of("temperature", -(2000 + 1210001), -2);
    bad[count++] = record_of("temperature", 1, 30);
    bad[count] = record_of("temperature", 1, 0);
    strcpy(bad[count++].unit, "");
    bad[count] = record_of("temperature", 1, 0);
    bad[count++].kind = SENML_STRING;
    bad[count] = record_of("temperature", 1, 0);
    bad[count++].has_sum = true;
    bad[count] = record_of("temperature", 1, 0);
    bad[count++].time_ms = lab->world->clock.now_ms - DAY - 1;
    bad[count] = record_of("temperature", 1, 0);
    bad[count++].time_ms = lab->world->clock.now_ms + DAY + 1;
    for (size_t i = 0; i < count; i++) {
        struct pack *pack = pack_of(&device);
        pack->records[1] = bad[i];
        pack->telemetry.count = 2;
        if (post(lab, pack) != REFUSED_INVALID)
            fail_msg("record %zu: %s", i, lab->why.what);
        lab_sql(lab, "UPDATE device SET suspect_ms = 0");
    }
    assert_int_equal(lab_readings(lab), 0);
    assert_int_equal(lab_filter(lab, &device), 0);
}

static void knows_a_sensor_by_all_the_forms_of_its_name(void **state)
{
    static const char *const forms[] = { "temperature",
                                         "thermo-1/temperature",
                                         "thermo-1:temperature",
                                         "urn:dev:ep:thermo-1:temperature",
                                         "urn:dev:ep:thermo-1/temperature",
                                         "urn:dev:ep:thermo-1_temperature" };
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    struct pack *pack = pack_of(&device);

    allow_many(lab);
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        pack->records[i] = record_of(forms[i], 6050 + 1210000, -2); /* at the very bound */
    pack->telemetry.count = sizeof(forms) / sizeof(forms[0]);
    if (post(lab, pack) != 0)
        fail_msg("%s", lab->why.what);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM reading WHERE sensor = 'temperature' AND noised = 1"), 6);
}

/* I7 */
static void sensors_without_policy_or_grant_are_left_out_and_counted(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    struct pack *pack = pack_of(&device);
    const struct policy_order load = { .sensor = "load", .lower = "0", .upper = "1", .unit_text = "Cel" };
    const struct grant_order grant = {
        .tenant = "acme", .selector = "", .sensors = "temperature", .helpers = "", .slots = ""
    };
    struct grant granted;

    lab_policy(lab, &load);
    pack->records[1] = record_of("load", 5, -1);
    pack->records[2] = record_of("pressure", 5, 0);
    pack->telemetry.count = 3;
    lab_sql(lab, "UPDATE \"grant\" SET revoked_ms = 1");
    assert_int_equal(grant_create(lab->core, &lab->world->owner, &grant, &granted, &lab->why), 0);
    if (post(lab, pack) != 0)
        fail_msg("%s", lab->why.what);
    assert_int_equal(lab_readings(lab), 1);
    assert_int_equal(lab->core->counters[COUNT_TELEMETRY_NO_POLICY], 1);
    assert_int_equal(lab->core->counters[COUNT_TELEMETRY_NO_GRANT], 1);
    assert_int_equal(grant_revoke(lab->core, &lab->world->owner, granted.id, &lab->why), 0);
    assert_int_equal(post(lab, pack_of(&device)), REFUSED_FORBIDDEN);
    assert_int_equal(lab_readings(lab), 1);
}

static void readings_noised_by_the_version_before_are_taken_for_one_epoch(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    const struct policy_order wider = { .sensor = "temperature", .lower = "-40", .upper = "80" };

    lab_policy(lab, &wider);
    assert_int_equal(post(lab, pack_of(&device)), 0);
    lab->world->clock.now_ms += DAY;
    assert_int_equal(post(lab, pack_of(&device)), REFUSED_CONFLICT);
    struct pack *pack = pack_of(&device);
    pack->telemetry.policy_version = 2;
    assert_int_equal(post(lab, pack), 0);
    pack = pack_of(&device);
    pack->telemetry.policy_version = 3;
    assert_int_equal(post(lab, pack), REFUSED_CONFLICT);
    assert_int_equal(lab->core->counters[COUNT_TELEMETRY_OUT_OF_POLICY], 2);
}

/* I7: raw readings only from kinds that cannot noise, and noise only from those that can. */
static void raw_readings_come_only_from_devices_that_cannot_noise(void **state)
{
    struct lab *lab = *state;
    struct device noising = lab_device(lab, "thermo-1"), raw = raw_device(lab, "raw-1");
    struct pack *pack = pack_of(&noising);

    lab_sink(lab, lab->acme, "lake", "file");
    pack->telemetry.policy_version = 0;
    assert_int_equal(post(lab, pack), REFUSED_FORBIDDEN);
    assert_int_equal(post(lab, pack_of(&raw)), REFUSED_FORBIDDEN);
    pack = pack_of(&raw);
    pack->telemetry.policy_version = -1;
    lab_sql(lab, "UPDATE device SET suspect_ms = 0");
    assert_int_equal(post(lab, pack), REFUSED_FORBIDDEN);
    lab_sql(lab, "UPDATE device SET suspect_ms = 0");
    assert_int_equal(lab_readings(lab), 0);
    pack = pack_of(&raw);
    pack->telemetry.policy_version = 0;
    pack->records[0] = record_of("temperature", 99999, 0); /* is clamped when it is asked for */
    assert_int_equal(post(lab, pack), 0);
    assert_int_equal(lab_number(lab, "SELECT value FROM reading WHERE noised = 0"), 9999900);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM outbox"), 0); /* raw never leaves */
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM charge"), 0);
}

/* Refused, flagged once with words, and nothing is taken until somebody who may set policies clears it. */
static void a_device_that_sends_out_of_policy_is_suspect_until_it_is_cleared(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1"), found;
    struct pack *pack = pack_of(&device);

    pack->telemetry.policy_version = 0;
    assert_int_equal(post(lab, pack), REFUSED_FORBIDDEN);
    assert_int_equal(lab->world->store->device_by_id(lab->world->store, device.id, &found), 0);
    assert_int_equal(found.suspect_ms, lab->world->clock.now_ms);
    assert_non_null(strstr(found.suspect_reason, "raw readings of sensor temperature"));
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM audit WHERE action = 'device.suspect'"), 1);
    assert_int_equal(post(lab, pack_of(&device)), REFUSED_FORBIDDEN);
    assert_int_equal(lab->core->counters[COUNT_TELEMETRY_SUSPECT], 2);
    assert_int_equal(lab_readings(lab), 0);

    assert_int_equal(device_trust(lab->core, &lab->world->keeper, "thermo-1", "why", &found, &lab->why),
                     REFUSED_FORBIDDEN);
    assert_int_equal(device_trust(lab->core, &lab->world->privacy_officer, "thermo-1", "repaired", &found, &lab->why),
                     0);
    assert_int_equal(found.suspect_ms, 0);
    assert_int_equal(device_trust(lab->core, &lab->world->owner, "thermo-1", "again", &found, &lab->why),
                     REFUSED_CONFLICT);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM audit WHERE action = 'device.trust'"), 1);
    assert_int_equal(post(lab, pack_of(&device)), 0);
}

static void a_version_that_was_never_made_is_suspect_and_an_old_one_is_not(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");
    const struct policy_order wider = { .sensor = "temperature", .lower = "-40", .upper = "80" };
    struct pack *pack = pack_of(&device);

    lab_policy(lab, &wider);
    lab->world->clock.now_ms += DAY;
    assert_int_equal(post(lab, pack), REFUSED_CONFLICT);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM device WHERE suspect_ms > 0"), 0);
    pack = pack_of(&device);
    pack->telemetry.policy_version = 3;
    assert_int_equal(post(lab, pack), REFUSED_CONFLICT);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM device WHERE suspect_ms > 0"), 1);
}

/* Two of the device's epochs may fall into one of ours; three cannot. */
static void too_many_readings_are_refused_and_far_too_many_are_suspect(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");

    for (int i = 0; i < 2; i++)
        assert_int_equal(post(lab, pack_of(&device)), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(post(lab, pack_of(&device)), REFUSED_FORBIDDEN);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM device WHERE suspect_ms > 0"), 0);
    assert_int_equal(lab_readings(lab), 2);
    lab->world->clock.now_ms += DAY;
    for (int i = 0; i < 2; i++)
        assert_int_equal(post(lab, pack_of(&device)), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(post(lab, pack_of(&device)), REFUSED_FORBIDDEN);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM device WHERE suspect_ms > 0"), 1);
}

/* The same number again and again is no noise. */
static void a_device_that_does_not_noise_is_found_out(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1"), found;
    int taken = 0;

    allow_many(lab);
    lab->core->settings.filter_cap = loss_caps_pure(1000000000);
    while (taken < 200 && post(lab, pack_of(&device)) == 0)
        taken++;
    assert_in_range(taken, 30, 120);
    assert_int_equal(lab->world->store->device_by_id(lab->world->store, device.id, &found), 0);
    assert_non_null(strstr(found.suspect_reason, "more alike than its noise"));
    assert_int_equal(lab_readings(lab), taken);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM watch"), 1);
    assert_int_equal(device_trust(lab->core, &lab->world->owner, "thermo-1", "looked at", &found, &lab->why), 0);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM watch"), 0);
}

static void a_full_outbox_misses_rows_and_counts_them(void **state)
{
    struct lab *lab = *state;
    struct device device = lab_device(lab, "thermo-1");

    lab_sink(lab, lab->acme, "full", "file");
    lab_sql(lab, "UPDATE sink SET waiting = 100000");
    lab_sink(lab, lab->acme, "lake", "file");
    lab_sink(lab, lab->beta, "sea", "file");
    assert_int_equal(post(lab, pack_of(&device)), 0);
    assert_int_equal(lab_number(lab, "SELECT count(*) FROM outbox"), 2);
    assert_int_equal(lab->core->counters[COUNT_EXPORT_REFUSED], 1);
    assert_int_equal(lab_spent(lab, lab->acme), 100000);
    lab_sql(lab, "UPDATE sink SET waiting = 100000");
    assert_int_equal(post(lab, pack_of(&device)), REFUSED_EXHAUSTED); /* nobody can take it: nobody pays */
    assert_int_equal(lab_spent(lab, lab->acme), 100000);
    assert_int_equal(lab_readings(lab), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(charges_the_filter_once_and_each_tenant_that_gets_the_rows),
        LAB_TEST(exports_rows_that_say_how_they_were_noised),
        LAB_TEST(a_tenant_without_sinks_pays_for_no_rows),
        LAB_TEST(a_tenant_whose_budget_is_dry_just_does_not_get_the_rows),
        LAB_TEST(with_nobody_left_to_take_it_a_pack_is_refused),
        LAB_TEST(a_full_filter_takes_no_more_readings),
        LAB_TEST(a_lifetime_that_is_spent_takes_no_more_readings),
        LAB_TEST(a_broken_ledger_takes_no_noised_readings),
        LAB_TEST(a_repeated_sequence_number_is_a_duplicate),
        LAB_TEST(a_refused_pack_may_be_sent_again_with_its_number),
        LAB_TEST(who_may_not_post_is_refused_and_nothing_of_it_is_kept),
        LAB_TEST(the_peers_port_zone_and_spelling_do_not_matter),
        LAB_TEST(what_is_out_of_policy_refuses_the_whole_pack),
        LAB_TEST(knows_a_sensor_by_all_the_forms_of_its_name),
        LAB_TEST(sensors_without_policy_or_grant_are_left_out_and_counted),
        LAB_TEST(readings_noised_by_the_version_before_are_taken_for_one_epoch),
        LAB_TEST(raw_readings_come_only_from_devices_that_cannot_noise),
        LAB_TEST(a_device_that_sends_out_of_policy_is_suspect_until_it_is_cleared),
        LAB_TEST(a_version_that_was_never_made_is_suspect_and_an_old_one_is_not),
        LAB_TEST(too_many_readings_are_refused_and_far_too_many_are_suspect),
        LAB_TEST(a_device_that_does_not_noise_is_found_out),
        LAB_TEST(a_full_outbox_misses_rows_and_counts_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
