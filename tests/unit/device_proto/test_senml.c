#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "device_proto/senml.h"
#include "tests/unit/device_proto/fixture.h"

#define RECORDS 16

struct room {
    struct senml_record records[RECORDS];
    uint8_t text[256];
    struct senml_pack pack;
};

static struct senml_pack *room(struct room *room)
{
    room->pack = (struct senml_pack){ room->records, RECORDS, 0, room->text, sizeof(room->text), 0 };
    return &room->pack;
}

static int decode(const char *json, struct room *into)
{
    return senml_decode_json(bytes_of_text(json), room(into));
}

static int decode_hex(const char *hex, struct room *into)
{
    static uint8_t raw[1024];

    return senml_decode_cbor(fixture_hex(hex, raw, sizeof(raw)), room(into));
}

static void check_number(const struct senml_record *record, int64_t mantissa, int exponent)
{
    assert_int_equal(record->kind, SENML_NUMBER);
    assert_int_equal(record->number.mantissa, mantissa);
    assert_int_equal(record->number.exponent10, exponent);
}

static void resolves_base_fields(void **state)
{
    struct room into;

    (void)state;
    assert_int_equal(
        decode("[{\"bn\":\"urn:dev:ow:10e2073a0108006:\",\"bt\":1.276020076001e+09,\"bu\":\"A\",\"bver\":5,"
               "\"n\":\"voltage\",\"u\":\"V\",\"v\":120.1},"
               "{\"n\":\"current\",\"t\":-5,\"v\":1.2}]",
               &into),
        0);
    assert_int_equal(into.pack.count, 2);
    assert_string_equal(into.records[0].name, "urn:dev:ow:10e2073a0108006:voltage");
    assert_string_equal(into.records[0].unit, "V");
    assert_int_equal(into.records[0].time_ms, 1276020076001);
    check_number(&into.records[0], 1201, -1);
    assert_string_equal(into.records[1].name, "urn:dev:ow:10e2073a0108006:current");
    assert_string_equal(into.records[1].unit, "A");
    assert_int_equal(into.records[1].time_ms, 1276020071001);
}

static void base_values_and_sums_add_up_exactly(void **state)
{
    struct room into;

    (void)state;
    assert_int_equal(
        decode("[{\"n\":\"a\",\"v\":0.2,\"s\":1,\"bv\":0.1,\"bs\":1e-18},{\"n\":\"b\",\"v\":-0.1,\"ut\":1.5},"
               "{\"n\":\"c\",\"s\":2}]",
               &into),
        0);
    check_number(&into.records[0], 3, -1);
    assert_true(into.records[0].has_sum);
    assert_int_equal(into.records[0].sum.mantissa, 1000000000000000001);
    check_number(&into.records[1], 0, 0);
    assert_false(into.records[1].has_sum);
    assert_int_equal(into.records[1].update_ms, 1500);
    assert_int_equal(into.records[2].kind, SENML_NONE);
    assert_int_equal(decode("[{\"n\":\"a\",\"v\":1,\"bv\":1e30}]", &into), SENML_BAD_NUMBER);
    assert_int_equal(decode("[{\"n\":\"a\",\"s\":1,\"bs\":1e30}]", &into), SENML_BAD_NUMBER);
}

static void knows_the_other_kinds_of_value(void **state)
{
    struct room into;

    (void)state;
    assert_int_equal(decode("[{\"bn\":\"d:\",\"n\":\"label\",\"vs\":\"Machine \\u0052oom\\n\\ud83d\\ude00\"},"
                            "{\"n\":\"open\",\"vb\":false},{\"n\":\"nfc\",\"vd\":\"aGkgCg\"},{\"n\":\"e\",\"vs\":\"\"},"
                            "{\"n\":\"f\",\"vd\":\"\"}]",
                            &into),
                     0);
    assert_int_equal(into.pack.count, 5);
    assert_int_equal(into.records[0].kind, SENML_STRING);
    assert_true(bytes_equal_text(into.records[0].text, "Machine Room\n\xF0\x9F\x98\x80"));
    assert_int_equal(into.records[1].kind, SENML_BOOLEAN);
    assert_false(into.records[1].boolean);
    assert_int_equal(into.records[2].kind, SENML_DATA);
    assert_true(bytes_equal_text(into.records[2].text, "hi \n"));
    assert_int_equal(into.records[3].text.size, 0);
    assert_int_equal(into.records[4].text.size, 0);
}

static void skips_records_that_only_set_the_base(void **state)
{
    struct room into;

    (void)state;
    assert_int_equal(decode(" [ { \"bn\" : \"x:\" } , { \"n\" : \"a\" , \"v\" : 1 } ] ", &into), 0);
    assert_int_equal(into.pack.count, 1);
    assert_string_equal(into.records[0].name, "x:a");
    assert_int_equal(decode("[{\"bn\":\"x\"}]", &into), SENML_EMPTY);
}

static void skips_unknown_fields_that_need_no_understanding(void **state)
{
    struct room into;

    (void)state;
    assert_int_equal(
        decode("[{\"n\":\"a\",\"x\":{\"_\":[1,2,{\"y_\":null}],\"z\":\"\\\"\"},\"v\":1,\"q\":[],\"r\":{}}]", &into), 0);
    check_number(&into.records[0], 1, 0);
}

static void names_each_refusal(void **state)
{
    static const struct {
        const char *json;
        int refusal;
    } cases[] = {
        { "", SENML_MALFORMED },
        { "{}", SENML_MALFORMED },
        { "[]", SENML_EMPTY },
        { "[{}]", SENML_EMPTY },
        { "[1]", SENML_MALFORMED },
        { "[{\"n\":\"a\",\"v\":1}", SENML_MALFORMED },
        { "[{\"n\":\"a\",\"v\":1},]", SENML_MALFORMED },
        { "[{\"n\":\"a\",\"v\":1,}]", SENML_MALFORMED },
        { "[{\"n\":\"a\",\"v\":1}] x", SENML_MALFORMED },
        { "[{\"n\":\"a\" \"v\":1}]", SENML_MALFORMED },
        { "[{\"n\":\"a\",\"v\":01}]", SENML_MALFORMED },
        { "[{\"n\":\"a\",\"v\":NaN}]", SENML_MALFORMED },
        { "[{\"n\":\"a\",\"vs\":\"\xC0\x80\"}]", SENML_MALFORMED },
        { "[{\"n\":\"a\",\"vs\":\"\\ud800\"}]", SENML_MALFORMED },
        { "[{\"n\":\"a\",\"vs\":\"\\u0000\"}]", SENML_MALFORMED },
        { "[{\"n\":\"a\",\"vs\":\"\\x\"}]", SENML_MALFORMED },
        { "[{\"n\":\"a\",\"x\":\"\\x\",\"v\":1}]", SENML_MALFORMED },
        { "[{\"n\":\"a\",\"x\":[[[[[[[[[]]]]]]]]],\"v\":1}]", SENML_TOO_DEEP },
        { "[{\"n\":\"a\",\"v\":\"1\"}]", SENML_BAD_TYPE },
        { "[{\"n\":1,\"v\":1}]", SENML_BAD_TYPE },
        { "[{\"n\":\"a\",\"vb\":0}]", SENML_BAD_TYPE },
        { "[{\"n\":\"a\",\"vd\":1}]", SENML_BAD_TYPE },
        { "[{\"n\":\"a\",\"v\":null}]", SENML_BAD_TYPE },
        { "[{\"v\":1}]", SENML_BAD_NAME },
        { "[{\"n\":\"\",\"v\":1}]", SENML_BAD_NAME },
        { "[{\"n\":\"a b\",\"v\":1}]", SENML_BAD_NAME },
        { "[{\"n\":\"-a\",\"v\":1}]", SENML_BAD_NAME },
        { "[{\"n\":\"\xC3\xA9\",\"v\":1}]", SENML_BAD_NAME },
        { "[{\"bn\":\"12345678901234567890123456789012\",\"n\":\"123456789012345678901234567890123\",\"v\":1}]",
          SENML_BAD_NAME },
        { "[{\"n\":\"a\",\"u\":\"m s\",\"v\":1}]", SENML_BAD_UNIT },
        { "[{\"n\":\"a\",\"u\":\"12345678901234567\",\"v\":1}]", SENML_BAD_UNIT },
        { "[{\"n\":\"a\",\"v\":1e999}]", SENML_BAD_NUMBER },
        { "[{\"n\":\"a\",\"v\":1,\"t\":1e12}]", SENML_BAD_TIME },
        { "[{\"n\":\"a\",\"v\":1,\"t\":-1e12}]", SENML_BAD_TIME },
        { "[{\"n\":\"a\",\"v\":1,\"bver\":11}]", SENML_BAD_VERSION },
        { "[{\"n\":\"a\",\"v\":1,\"bver\":0}]", SENML_BAD_VERSION },
        { "[{\"n\":\"a\",\"v\":1,\"bver\":5.5}]", SENML_BAD_VERSION },
        { "[{\"n\":\"a\",\"v\":1},{\"n\":\"a\",\"v\":1,\"bver\":5}]", SENML_BAD_VERSION },
        { "[{\"n\":\"a\",\"v\":1,\"v\":1}]", SENML_DOUBLE_FIELD },
        { "[{\"n\":\"a\",\"v\":1,\"n\":\"b\"}]", SENML_DOUBLE_FIELD },
        { "[{\"n\":\"a\",\"v\":1,\"vb\":true}]", SENML_DOUBLE_FIELD },
        { "[{\"n\":\"a\"}]", SENML_NO_VALUE },
        { "[{\"t\":1}]", SENML_NO_VALUE },
        { "[{\"n\":\"a\",\"v\":1,\"x_\":1}]", SENML_MUST_UNDERSTAND },
        { "[{\"n\":\"a\",\"v\":1,\"x\\u005f\":1}]", SENML_MUST_UNDERSTAND },
        { "[{\"n\":\"a\",\"vd\":\"aGk=\"}]", SENML_BAD_DATA },
        { "[{\"n\":\"a\",\"vd\":\"a\"}]", SENML_BAD_DATA },
        { "[{\"n\":\"a\",\"vd\":\"aGl\"}]", SENML_BAD_DATA },
        { "[{\"n\":\"a\",\"vd\":\"a/l\"}]", SENML_BAD_DATA },
    };
    struct room into;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int r = decode(cases[i].json, &into);

        if (r != cases[i].refusal)
            print_message("%s: %s\n", cases[i].json, senml_refusal_text(r));
        assert_int_equal(r, cases[i].refusal);
        assert_int_equal(into.pack.count, 0);
    }
    assert_string_equal(senml_refusal_text(-1), "unknown refusal");
}

static void keeps_to_the_room_that_it_is_given(void **state)
{
    static const char three[] = "[{\"n\":\"a\",\"v\":1},{\"n\":\"b\",\"v\":1},{\"n\":\"c\",\"v\":1}]";
    struct room into;

    (void)state;
    (void)room(&into);
    into.pack.capacity = 2;
    assert_int_equal(senml_decode_json(bytes_of_text(three), &into.pack), SENML_TOO_MANY);
    into.pack.capacity = 3;
    assert_int_equal(senml_decode_json(bytes_of_text(three), &into.pack), 0);
    into.pack.text_capacity = 0;
    assert_int_equal(senml_decode_json(bytes_of_text("[{\"n\":\"a\",\"vd\":\"aGk\"}]"), &into.pack), SENML_NO_ROOM);
    assert_int_equal(senml_decode_json(bytes_of_text("[{\"n\":\"a\",\"vs\":\"\\n\"}]"), &into.pack), SENML_NO_ROOM);
}

static void reads_the_numbers_of_cbor(void **state)
{
    struct room into;

    (void)state;
    assert_int_equal(decode_hex("81a2 00 6161 02 f93e00", &into), 0);
    check_number(&into.records[0], 15, -1);
    assert_int_equal(decode_hex("81a2 00 6161 02 fa40066666", &into), 0);
    check_number(&into.records[0], 21, -1);
    assert_int_equal(decode_hex("81a2 00 6161 02 c4822019 0a9e", &into), 0);
    check_number(&into.records[0], 2718, -1);
    assert_int_equal(decode_hex("81a2 00 6161 02 3863", &into), 0);
    check_number(&into.records[0], -1, 2);
    assert_int_equal(decode_hex("9fbf 00 6161 02 05 ff ff", &into), 0);
    check_number(&into.records[0], 5, 0);
}

static void names_the_refusals_of_cbor(void **state)
{
    static const struct {
        const char *hex;
        int refusal;
    } cases[] = {
        { "", SENML_MALFORMED },
        { "80", SENML_EMPTY },
        { "a0", SENML_MALFORMED },
        { "8101", SENML_MALFORMED },
        { "81a2006161020500", SENML_MALFORMED }, /* trailing */
        { "82a20061610205", SENML_MALFORMED },   /* cut */
        { "81a200616102f97e00", SENML_NOT_FINITE },
        { "81a200616102fb7ff0000000000000", SENML_NOT_FINITE },
        { "81a200616102fb7fefffffffffffff", SENML_BAD_NUMBER },
        { "81a2006161021bffffffffffffffff", SENML_BAD_NUMBER },
        { "81a200616102c482190fff01", SENML_BAD_NUMBER },
        { "81a200616102c2420100", SENML_BAD_TYPE }, /* bignum */
        { "81a200616102c48101", SENML_MALFORMED },
        { "81a20061610261 31", SENML_BAD_TYPE },
        { "81a200 01 02 01", SENML_BAD_TYPE },
        { "81a2006161 04 00", SENML_BAD_TYPE },
        { "81a3006161 02 01 62785f 01", SENML_MUST_UNDERSTAND },
        { "81a3006161 02 01 6176 01", SENML_BAD_TYPE }, /* "v" as text */
        { "81a3006161 02 01 02 01", SENML_DOUBLE_FIELD },
        { "81a3006161 02 01 f6 01", SENML_BAD_TYPE },
        { "81a2006161 03 61ff", SENML_MALFORMED },
    };
    struct room into;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int r = decode_hex(cases[i].hex, &into);

        if (r != cases[i].refusal)
            print_message("%s: %s\n", cases[i].hex, senml_refusal_text(r));
        assert_int_equal(r, cases[i].refusal);
    }
    assert_int_equal(decode_hex("81a4 006161 0201 6178 830102a0 1820 00", &into), 0); /* unknown, harmless */
}

static void check_same(const struct senml_record *a, const struct senml_record *b)
{
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->unit, b->unit);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->number.mantissa, b->number.mantissa);
    assert_int_equal(a->number.exponent10, b->number.exponent10);
    assert_true(bytes_equal(a->text, b->text));
    assert_int_equal(a->boolean, b->boolean);
    assert_int_equal(a->has_sum, b->has_sum);
    assert_int_equal(a->sum.mantissa, b->sum.mantissa);
    assert_int_equal(a->update_ms, b->update_ms);
}

static void resolves_the_examples_of_the_rfc(void **state)
{
    static uint8_t raw[8192], raw_resolved[8192];
    struct room into, resolved;
    struct bytes file;
    char path[64];

    (void)state;
    for (unsigned i = 1; i <= 12; i++) {
        (void)snprintf(path, sizeof(path), "senml/ex%u.json", i);
        if (!fixture_vector(path, raw, sizeof(raw), &file))
            return;
        assert_int_equal(senml_decode_json(file, room(&into)), 0);
        (void)snprintf(path, sizeof(path), "senml/ex%u.resolved.json", i);
        if (!fixture_vector(path, raw_resolved, sizeof(raw_resolved), &file))
            return;
        assert_int_equal(senml_decode_json(file, room(&resolved)), 0);
        assert_true(into.pack.count >= resolved.pack.count); /* ex7 leaves out its data value */
        for (size_t k = 0; k < resolved.pack.count; k++) {
            check_same(&into.records[k], &resolved.records[k]);
            if (into.records[k].time_ms >= SENML_RELATIVE_MS)
                assert_int_equal(into.records[k].time_ms, resolved.records[k].time_ms);
        }
    }
}

static void reads_the_cbor_example_as_the_json_one(void **state)
{
    static uint8_t raw[8192], cbor[1024];
    struct room from_json, from_cbor;
    struct bytes file;

    (void)state;
    if (!fixture_vector("senml/ex3.json", raw, sizeof(raw), &file))
        return;
    assert_int_equal(senml_decode_json(file, room(&from_json)), 0);
    if (!fixture_vector("senml/ex3.cbor.hex", raw, sizeof(raw), &file))
        return;
    raw[file.size] = '\0';
    assert_int_equal(senml_decode_cbor(fixture_hex((const char *)raw, cbor, sizeof(cbor)), room(&from_cbor)), 0);
    assert_int_equal(from_cbor.pack.count, 7);
    for (size_t i = 0; i < 7; i++) {
        check_same(&from_json.records[i], &from_cbor.records[i]);
        assert_int_equal(from_json.records[i].time_ms, from_cbor.records[i].time_ms);
    }
}

static const struct senml_record samples[] = {
    { .name = "dev1/temperature",
      .unit = "Cel",
      .kind = SENML_NUMBER,
      .number = { 2718, -2 },
      .time_ms = 1800000000123 },
    { .name = "dev1/count", .kind = SENML_NUMBER, .number = { 5, 3 }, .time_ms = 1800000001000, .update_ms = 1500 },
    { .name = "dev1/label", .kind = SENML_STRING, .text = { (const uint8_t *)"a\"\\\n", 4 }, .time_ms = 1800000000123 },
    { .name = "dev1/open", .kind = SENML_BOOLEAN, .boolean = true, .time_ms = 1800000000123 },
    { .name = "dev1/raw",
      .kind = SENML_DATA,
      .text = { (const uint8_t *)"\xFF\xFE\xFD\xFC", 4 },
      .time_ms = 1800000000123 },
    { .name = "dev1/energy", .unit = "J", .has_sum = true, .sum = { -1, -3 }, .time_ms = 1800000000123 },
};
#define SAMPLES (sizeof(samples) / sizeof(samples[0]))

static void encodes_what_it_can_decode(void **state)
{
    uint8_t out[1024];
    struct room into;
    size_t size;

    (void)state;
    for (unsigned form = 0; form < 4; form++) {
        struct bytes base = bytes_of_text(form & 1 ? "dev1/" : "");

        if (form < 2) {
            assert_int_equal(senml_encode_json(samples, SAMPLES, base, out, sizeof(out), &size), 0);
            assert_int_equal(senml_decode_json(bytes_view(out, size), room(&into)), 0);
        } else {
            assert_int_equal(senml_encode_cbor(samples, SAMPLES, base, out, sizeof(out), &size), 0);
            assert_int_equal(senml_decode_cbor(bytes_view(out, size), room(&into)), 0);
        }
        assert_int_equal(into.pack.count, SAMPLES);
        for (size_t i = 0; i < SAMPLES; i++) {
            check_same(&into.records[i], &samples[i]);
            assert_int_equal(into.records[i].time_ms, samples[i].time_ms);
        }
        for (size_t capacity = 0; capacity < size; capacity++) {
            size_t unused;

            assert_int_equal(form < 2 ? senml_encode_json(samples, SAMPLES, base, out, capacity, &unused)
                                      : senml_encode_cbor(samples, SAMPLES, base, out, capacity, &unused),
                             SENML_NO_ROOM);
        }
    }
}

static void writes_compact_packs(void **state)
{
    static const char json[] =
        "[{\"bn\":\"dev1/\",\"bt\":1800000000.123,\"n\":\"temperature\",\"u\":\"Cel\",\"v\":27.18}]";
    uint8_t out[256];
    size_t size;

    (void)state;
    assert_int_equal(senml_encode_json(samples, 1, bytes_of_text("dev1/"), out, sizeof(out), &size), 0);
    assert_true(bytes_equal_text(bytes_view(out, size), json));
    assert_int_equal(senml_encode_cbor(samples, 1, bytes_of_text("dev1/"), out, sizeof(out), &size), 0);
    assert_true(size < 50);
}

static void refuses_to_encode_names_without_the_base(void **state)
{
    uint8_t out[256];
    size_t size;

    (void)state;
    assert_int_equal(senml_encode_json(samples, 1, bytes_of_text("dev2/"), out, sizeof(out), &size), SENML_BAD_NAME);
    assert_int_equal(senml_encode_cbor(samples, 0, bytes_of_text(""), out, sizeof(out), &size), SENML_EMPTY);
}

static void relative_times_count_from_now(void **state)
{
    struct senml_record record = { .time_ms = -5000 };
    struct senml_record mixed[2] = { samples[0], samples[1] };
    uint8_t out[256];
    struct room into;
    size_t size;

    (void)state;
    assert_int_equal(senml_time(&record, 1800000000000), 1799999995000);
    assert_int_equal(senml_time(&samples[0], 1), 1800000000123);
    mixed[1].time_ms = -1500; /* no base time then: it would be added to this one */
    assert_int_equal(senml_encode_cbor(mixed, 2, bytes_of_text(""), out, sizeof(out), &size), 0);
    assert_int_equal(senml_decode_cbor(bytes_view(out, size), room(&into)), 0);
    assert_int_equal(into.records[0].time_ms, 1800000000123);
    assert_int_equal(into.records[1].time_ms, -1500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resolves_base_fields),
        cmocka_unit_test(base_values_and_sums_add_up_exactly),
        cmocka_unit_test(knows_the_other_kinds_of_value),
        cmocka_unit_test(skips_records_that_only_set_the_base),
        cmocka_unit_test(skips_unknown_fields_that_need_no_understanding),
        cmocka_unit_test(names_each_refusal),
        cmocka_unit_test(keeps_to_the_room_that_it_is_given),
        cmocka_unit_test(reads_the_numbers_of_cbor),
        cmocka_unit_test(names_the_refusals_of_cbor),
        cmocka_unit_test(resolves_the_examples_of_the_rfc),
        cmocka_unit_test(reads_the_cbor_example_as_the_json_one),
        cmocka_unit_test(encodes_what_it_can_decode),
        cmocka_unit_test(writes_compact_packs),
        cmocka_unit_test(refuses_to_encode_names_without_the_base),
        cmocka_unit_test(relative_times_count_from_now),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
