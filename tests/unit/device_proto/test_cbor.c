#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "device_proto/cbor.h"
#include "tests/unit/device_proto/fixture.h"

static void expect_diagnosis(struct bytes item, unsigned style, const char *expected)
{
    char text[1024];
    size_t size = 0;

    assert_int_equal(cbor_diagnose(item, style, text, sizeof(text), &size), 0);
    assert_string_equal(text, expected);
    assert_int_equal(size, strlen(expected));
}

static void copy_item(struct cbor_reader *reader, struct cbor_writer *writer);

static void copy_list(struct cbor_reader *reader, struct cbor_writer *writer, struct cbor_list list, bool map)
{
    if (map)
        cbor_write_map(writer, list.left);
    else
        cbor_write_array(writer, list.left);
    while (cbor_more(reader, &list)) {
        copy_item(reader, writer);
        if (map)
            copy_item(reader, writer);
    }
}

/* Decodes and encodes again, value by value; what has no function of its own is copied as it is. */
static void copy_item(struct cbor_reader *reader, struct cbor_writer *writer)
{
    enum cbor_type type = cbor_peek(reader);
    struct cbor_reader ahead = *reader;

    if (type == CBOR_UINT) {
        cbor_write_uint(writer, cbor_read_uint(reader));
    } else if (type == CBOR_BYTES) {
        cbor_write_bytes(writer, cbor_read_bytes(reader));
    } else if (type == CBOR_TEXT) {
        cbor_write_text(writer, cbor_read_text(reader));
    } else if (type == CBOR_ARRAY || type == CBOR_MAP) {
        copy_list(reader, writer, type == CBOR_MAP ? cbor_read_map(reader) : cbor_read_array(reader), type == CBOR_MAP);
    } else if (type == CBOR_TAG) {
        cbor_write_tag(writer, cbor_read_tag(reader));
        copy_item(reader, writer);
    } else if (type == CBOR_FALSE || type == CBOR_TRUE) {
        cbor_write_bool(writer, cbor_read_bool(reader));
    } else if (type == CBOR_NULL) {
        cbor_read_null(reader);
        cbor_write_null(writer);
    } else if (type == CBOR_FLOAT) {
        cbor_write_double_bits(writer, cbor_read_double_bits(reader));
    } else if (type == CBOR_NINT && (cbor_read_int(&ahead), ahead.refusal == 0)) {
        cbor_write_int(writer, cbor_read_int(reader));
    } else {
        cbor_write_raw(writer, cbor_read_item(reader));
    }
}

static void expect_round_trip(struct bytes item)
{
    struct cbor_reader reader = cbor_reader_on(item, CBOR_LENIENT);
    uint8_t copy[1024];
    struct cbor_writer writer = cbor_writer_on(copy, sizeof(copy));
    size_t size;

    copy_item(&reader, &writer);
    assert_int_equal(cbor_reader_finish(&reader), 0);
    assert_int_equal(cbor_writer_finish(&writer, &size), 0);
    assert_true(bytes_equal(item, bytes_view(copy, size)));
    assert_int_equal(cbor_check(item, CBOR_CANONICAL), 0);
}

static bool is_a_float(struct bytes item)
{
    return item.data[0] == 0xf9 || item.data[0] == 0xfa || item.data[0] == 0xfb;
}

static void expect_number(struct bytes item, double decoded)
{
    struct cbor_reader reader = cbor_reader_on(item, CBOR_CANONICAL);

    if (decoded >= 0)
        assert_true(cbor_read_uint(&reader) == (uint64_t)decoded);
    else
        assert_true(cbor_read_int(&reader) == (int64_t)decoded);
    assert_int_equal(cbor_reader_finish(&reader), 0);
}

static void expect_example(json_t *example)
{
    uint8_t raw[256];
    struct bytes item = fixture_hex(json_string_value(json_object_get(example, "hex")), raw, sizeof(raw));
    const char *diagnostic = json_string_value(json_object_get(example, "diagnostic"));
    json_t *decoded = json_object_get(example, "decoded");

    /* simple(24) in two bytes: an example of RFC 7049 that RFC 8949 made malformed. */
    if (bytes_equal(item, bytes_view("\xf8\x18", 2))) {
        assert_int_equal(cbor_check(item, CBOR_LENIENT), CBOR_MALFORMED);
        return;
    }
    assert_int_equal(cbor_check(item, CBOR_LENIENT), 0);
    if (diagnostic != NULL && !is_a_float(item))
        expect_diagnosis(item, CBOR_COMPACT, diagnostic);
    if (json_is_true(json_object_get(example, "roundtrip")))
        expect_round_trip(item);
    if (json_is_real(decoded) && item.data[0] < 0x40 && json_real_value(decoded) < 1e15 &&
        json_real_value(decoded) > -1e15)
        expect_number(item, json_real_value(decoded));
}

/* Appendix A of RFC 8949, as a file. Its integers go beyond what jansson has a type for. */
static void reads_the_examples_of_the_rfc(void **state)
{
    static uint8_t text[1 << 16];
    struct bytes file;
    json_t *examples;
    json_t *example;
    size_t i;

    (void)state;
    if (!fixture_vector("cbor/appendix_a.json", text, sizeof(text), &file))
        return;
    examples = json_loadb((const char *)file.data, file.size, JSON_DECODE_INT_AS_REAL, NULL);
    assert_int_equal(json_array_size(examples), 82);
    json_array_foreach(examples, i, example)
    {
        expect_example(example);
    }
    json_decref(examples);
}

/* The same as published, those that stand for a class. */
static void says_what_items_mean(void **state)
{
    static const char *const cases[][2] = {
        { "00", "0" },
        { "1818", "24" },
        { "1bffffffffffffffff", "18446744073709551615" },
        { "20", "-1" },
        { "3bffffffffffffffff", "-18446744073709551616" },
        { "3903e7", "-1000" },
        { "f90000", "0.0" },
        { "f98000", "-0.0" },
        { "f93c00", "1.0" },
        { "f93e00", "1.5" },
        { "fb3ff199999999999a", "0x1.199999999999ap+0" }, /* 1.1 has no short exact form */
        { "f97bff", "65504.0" },
        { "fa47c35000", "100000.0" },
        { "f90400", "0.00006103515625" },
        { "f90001", "0x1p-24" },
        { "f9c400", "-4.0" },
        { "f97c00", "Infinity" },
        { "f9fc00", "-Infinity" },
        { "fb7ff8000000000000", "NaN" },
        { "f4", "false" },
        { "f6", "null" },
        { "f7", "undefined" },
        { "f0", "simple(16)" },
        { "f8ff", "simple(255)" },
        { "c11a514b67b0", "1(1363896240)" },
        { "d818456449455446", "24(h'6449455446')" },
        { "62225c", "\"\\\"\\\\\"" },
        { "62c3bc", "\"\xc3\xbc\"" },
        { "65c28061c29f", "\"\\u0080a\\u009f\"" },
        { "830102820304", "[1, 2, [3, 4]]" },
        { "a26161016162820203", "{\"a\": 1, \"b\": [2, 3]}" },
        { "5f42010243030405ff", "(_ h'0102', h'030405')" },
        { "7f657374726561646d696e67ff", "(_ \"strea\", \"ming\")" },
        { "9fff", "[_ ]" },
        { "9f018202039f0405ffff", "[_ 1, [2, 3], [_ 4, 5]]" },
        { "bf6346756ef563416d7421ff", "{_ \"Fun\": true, \"Amt\": -2}" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t raw[64];

        expect_diagnosis(fixture_hex(cases[i][0], raw, sizeof(raw)), CBOR_COMPACT, cases[i][1]);
    }
}

static void shows_byte_strings_that_hold_cbor_and_indents(void **state)
{
    uint8_t raw[64];
    struct bytes item = fixture_hex("a2 02 43 8201 02 03 42 0102", raw, sizeof(raw));

    (void)state;
    expect_diagnosis(item, CBOR_COMPACT, "{2: h'820102', 3: h'0102'}");
    expect_diagnosis(item, CBOR_EMBEDDED, "{2: << [1, 2] >>, 3: h'0102'}");
    expect_diagnosis(item, CBOR_EMBEDDED | CBOR_INDENTED,
                     "{\n    2: << [\n        1,\n        2\n    ] >>,\n    3: h'0102'\n}");
}

/* Appendix F of RFC 8949: examples that are not well-formed. */
static void refuses_what_is_not_well_formed(void **state)
{
    static const char *const cases[] = {
        "",
        "18",
        "19",
        "1a",
        "1b",
        "1901",
        "1a0102",
        "1b01020304050607",
        "38",
        "58",
        "78",
        "98",
        "9a01ff00",
        "b8",
        "d8",
        "f8",
        "f900",
        "fa0000",
        "fb000000",
        "41",
        "61",
        "5affffffff00",
        "5bffffffffffffffff010203",
        "7affffffff00",
        "7b7fffffffffffffff010203",
        "81",
        "818181818181818181",
        "8200",
        "a1",
        "a20102",
        "a100",
        "a2000000",
        "c0",
        "5f4100",
        "7f6100",
        "9f",
        "9f0102",
        "bf",
        "bf01020102",
        "819f",
        "9f8000",
        "9f9f9f9f9fffffffff",
        "9f819f819f9fffffff",
        "1c",
        "1d",
        "1e",
        "3c",
        "3d",
        "3e",
        "5c",
        "5d",
        "5e",
        "7c",
        "7d",
        "7e",
        "9c",
        "9d",
        "9e",
        "bc",
        "bd",
        "be",
        "dc",
        "dd",
        "de",
        "fc",
        "fd",
        "fe",
        "f800",
        "f801",
        "f818",
        "f81f",
        "5f00ff",
        "5f21ff",
        "5f6100ff",
        "5f80ff",
        "5fa0ff",
        "5fc000ff",
        "5fe0ff",
        "7f4100ff",
        "5f5f4100ffff",
        "7f7f6100ffff",
        "ff",
        "81ff",
        "8200ff",
        "a1ff",
        "a1ff00",
        "a100ff",
        "a20000ff",
        "9f81ff",
        "9f829f819f9fffffffff",
        "bf00ff",
        "bf000000ff",
        "1f",
        "3f",
        "df",
        "0000",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t raw[32];
        struct bytes item = fixture_hex(cases[i], raw, sizeof(raw));
        char text[64];
        size_t size;

        assert_int_not_equal(cbor_check(item, CBOR_LENIENT), 0);
        assert_int_not_equal(cbor_diagnose(item, CBOR_COMPACT, text, sizeof(text), &size), 0);
    }
}

static void insists_on_canonical_form_where_asked(void **state)
{
    static const struct {
        const char *hex;
        unsigned rule;
    } cases[] = {
        { "1817", CBOR_SHORTEST },
        { "1900ff", CBOR_SHORTEST },
        { "1a0000ffff", CBOR_SHORTEST },
        { "1b00000000ffffffff", CBOR_SHORTEST },
        { "580100", CBOR_SHORTEST },
        { "fa3fc00000", CBOR_SHORTEST },         /* 1.5 fits a half */
        { "fb3ff8000000000000", CBOR_SHORTEST }, /* likewise */
        { "fb7ff8000000000000", CBOR_SHORTEST }, /* NaN is f97e00 */
        { "9fff", CBOR_DEFINITE },
        { "5f4100ff", CBOR_DEFINITE },
        { "a202000100", CBOR_SORTED },
        { "a201000100", CBOR_SORTED },
        { "a26161000100", CBOR_SORTED },
        { "81a202000100", CBOR_SORTED },
    };
    uint8_t raw[32];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bytes item = fixture_hex(cases[i].hex, raw, sizeof(raw));

        assert_int_equal(cbor_check(item, CBOR_LENIENT), 0);
        assert_int_equal(cbor_check(item, cases[i].rule), CBOR_NOT_CANONICAL);
        assert_int_equal(cbor_check(item, CBOR_CANONICAL), CBOR_NOT_CANONICAL);
        assert_int_equal(cbor_check(item, CBOR_CANONICAL & ~cases[i].rule), 0);
    }
    /* Order is bytewise: 10, 100, -1, "z", "aa", [100]. */
    assert_int_equal(cbor_check(fixture_hex("a6 0a00 186400 2000 617a00 62616100 81186400", raw, 32), CBOR_CANONICAL),
                     0);
}

static void refuses_texts_that_are_not_utf8(void **state)
{
    static const char *const bad[] = { "6180",       "62c328", "62c0af", "63eda080",
                                       "64f4908080", "61ff",   "62e282", "64f08080af" };
    uint8_t raw[16];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct bytes item = fixture_hex(bad[i], raw, sizeof(raw));
        struct cbor_reader reader = cbor_reader_on(item, CBOR_LENIENT);

        assert_int_equal(cbor_check(item, CBOR_LENIENT), 0); /* well-formed, though not valid */
        assert_int_equal(cbor_check(item, CBOR_SHORTEST), CBOR_NOT_UTF8);
        assert_int_equal(cbor_read_text(&reader).size, 0);
        assert_int_equal(reader.refusal, CBOR_NOT_UTF8);
    }
    assert_int_equal(cbor_check(fixture_hex("64f4 8f bf bf", raw, 16), CBOR_CANONICAL), 0);
    assert_int_equal(cbor_check(fixture_hex("63ee8080", raw, 16), CBOR_CANONICAL), 0);
}

static void nests_to_a_bound(void **state)
{
    uint8_t nested[CBOR_DEPTH_MAX + 2];

    (void)state;
    memset(nested, 0x81, sizeof(nested));
    nested[CBOR_DEPTH_MAX] = 0;
    assert_int_equal(cbor_check(bytes_view(nested, CBOR_DEPTH_MAX + 1), CBOR_CANONICAL), 0);
    nested[CBOR_DEPTH_MAX] = 0x81;
    nested[CBOR_DEPTH_MAX + 1] = 0;
    assert_int_equal(cbor_check(bytes_view(nested, CBOR_DEPTH_MAX + 2), CBOR_CANONICAL), CBOR_TOO_DEEP);
    memset(nested, 0xc1, sizeof(nested));
    assert_int_equal(cbor_check(bytes_view(nested, sizeof(nested)), CBOR_CANONICAL), CBOR_TOO_DEEP);
}

static void keeps_its_first_refusal(void **state)
{
    uint8_t raw[16];
    uint8_t four[4] = { 1, 2, 3, 4 };
    struct cbor_reader reader = cbor_reader_on(fixture_hex("8301 6161 02", raw, sizeof(raw)), CBOR_LENIENT);
    struct cbor_list list = cbor_read_array(&reader);

    (void)state;
    assert_true(cbor_more(&reader, &list));
    assert_int_equal(cbor_read_uint(&reader), 1);
    assert_int_equal(cbor_read_uint(&reader), 0);
    assert_int_equal(reader.refusal, CBOR_UNEXPECTED);
    assert_false(cbor_more(&reader, &list));
    assert_int_equal(cbor_peek(&reader), CBOR_END);
    assert_int_equal(cbor_read_text(&reader).size, 0);
    cbor_read_bytes_exact(&reader, four, sizeof(four));
    assert_int_equal(four[0] | four[3], 0);
    assert_int_equal(cbor_reader_finish(&reader), CBOR_UNEXPECTED);
}

static void bounds_numbers_and_counts(void **state)
{
    uint8_t raw[16];
    struct cbor_reader reader;

    (void)state;
    reader = cbor_reader_on(fixture_hex("1b8000000000000000", raw, 16), CBOR_LENIENT);
    assert_true(cbor_read_int(&reader) == 0 && reader.refusal == CBOR_RANGE);
    reader = cbor_reader_on(fixture_hex("3b7fffffffffffffff", raw, 16), CBOR_LENIENT);
    assert_true(cbor_read_int(&reader) == INT64_MIN && reader.refusal == 0);
    reader = cbor_reader_on(fixture_hex("190100", raw, 16), CBOR_LENIENT);
    assert_true(cbor_read_uint_max(&reader, 255) == 0 && reader.refusal == CBOR_RANGE);
    reader = cbor_reader_on(fixture_hex("9b0000000000000005 01020304", raw, 16), CBOR_LENIENT);
    assert_true(cbor_read_array(&reader).left == 0 && reader.refusal == CBOR_TRUNCATED);
    reader = cbor_reader_on(fixture_hex("a2 010203", raw, 16), CBOR_LENIENT);
    assert_true(cbor_read_map(&reader).left == 0 && reader.refusal == CBOR_TRUNCATED);
    reader = cbor_reader_on(fixture_hex("5f4100ff", raw, 16), CBOR_LENIENT);
    assert_true(cbor_read_bytes(&reader).size == 0 && reader.refusal == CBOR_CHUNKED);
}

static void writes_the_shortest_form(void **state)
{
    uint8_t out[128], expected[128];
    struct cbor_writer writer = cbor_writer_on(out, sizeof(out));
    struct bytes want = fixture_hex("8d 17 1818 18ff 190100 1a00010000 1b0000000100000000 20 3903e7 3b7fffffffffffffff"
                                    "f93c00 fa47c35000 fb3ff199999999999a c48221196ab3",
                                    expected, sizeof(expected));
    size_t size;

    (void)state;
    cbor_write_array(&writer, 13);
    cbor_write_uint(&writer, 23);
    cbor_write_uint(&writer, 24);
    cbor_write_uint(&writer, 255);
    cbor_write_uint(&writer, 256);
    cbor_write_uint(&writer, 65536);
    cbor_write_uint(&writer, (uint64_t)1 << 32);
    cbor_write_int(&writer, -1);
    cbor_write_int(&writer, -1000);
    cbor_write_int(&writer, INT64_MIN);
    cbor_write_double_bits(&writer, 0x3ff0000000000000);
    cbor_write_double_bits(&writer, 0x40f86a0000000000);
    cbor_write_double_bits(&writer, 0x3ff199999999999a);
    cbor_write_decimal(&writer, 27315, -2);
    assert_int_equal(cbor_writer_finish(&writer, &size), 0);
    assert_true(bytes_equal(bytes_view(out, size), want));
    assert_int_equal(cbor_check(want, CBOR_CANONICAL), 0);
}

static void says_how_much_room_is_missing(void **state)
{
    uint8_t out[8] = { 0 };
    struct cbor_writer writer = cbor_writer_on(out, 4);
    size_t size = 99;
    size_t begin = cbor_wrap_begin(&writer);

    (void)state;
    cbor_write_text_of(&writer, "abcdef");
    cbor_write_uint(&writer, 1);
    cbor_wrap_end(&writer, begin);
    assert_int_equal(cbor_writer_finish(&writer, &size), CBOR_NO_ROOM);
    assert_int_equal(writer.size, 9);
    assert_int_equal(size, 99);
    assert_int_equal(out[4] | out[5] | out[6] | out[7], 0);
}

static void wraps_what_was_written(void **state)
{
    uint8_t out[64], expected[64];
    struct cbor_writer writer = cbor_writer_on(out, sizeof(out));
    struct bytes want =
        fixture_hex("82 00 58 1a 82 43 820102 54 000102030405060708090a0b0c0d0e0f10111213", expected, 64);
    size_t size, outer, inner;
    uint8_t twenty[20];

    (void)state;
    for (uint8_t i = 0; i < 20; i++)
        twenty[i] = i;
    cbor_write_array(&writer, 2);
    cbor_write_uint(&writer, 0);
    outer = cbor_wrap_begin(&writer);
    cbor_write_array(&writer, 2);
    inner = cbor_wrap_begin(&writer);
    cbor_write_array(&writer, 2);
    cbor_write_uint(&writer, 1);
    cbor_write_uint(&writer, 2);
    cbor_wrap_end(&writer, inner);
    cbor_write_bytes(&writer, bytes_view(twenty, 20));
    cbor_wrap_end(&writer, outer);
    assert_int_equal(cbor_writer_finish(&writer, &size), 0);
    assert_true(bytes_equal(bytes_view(out, size), want));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_examples_of_the_rfc),
        cmocka_unit_test(says_what_items_mean),
        cmocka_unit_test(shows_byte_strings_that_hold_cbor_and_indents),
        cmocka_unit_test(refuses_what_is_not_well_formed),
        cmocka_unit_test(insists_on_canonical_form_where_asked),
        cmocka_unit_test(refuses_texts_that_are_not_utf8),
        cmocka_unit_test(nests_to_a_bound),
        cmocka_unit_test(keeps_its_first_refusal),
        cmocka_unit_test(bounds_numbers_and_counts),
        cmocka_unit_test(writes_the_shortest_form),
        cmocka_unit_test(says_how_much_room_is_missing),
        cmocka_unit_test(wraps_what_was_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
