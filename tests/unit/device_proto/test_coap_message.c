#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "device_proto/coap_message.h"
#include "tests/unit/device_proto/fixture.h"

static int parse_hex(const char *hex, struct coap_message *out)
{
    static uint8_t raw[2048];

    return coap_message_parse(fixture_hex(hex, raw, sizeof(raw)), out);
}

static void reads_a_request_with_path_and_query(void **state)
{
    struct coap_message message;
    struct bytes value;
    char path[32];

    (void)state;
    assert_int_equal(parse_hex("4102000101b2726411283865703d6e6f646531ff3c2f613e", &message), 0);
    assert_int_equal(message.type, COAP_MSG_CON);
    assert_int_equal(message.code, COAP_MSG_POST);
    assert_int_equal(message.id, 1);
    assert_int_equal(message.token.size, 1);
    assert_int_equal(coap_message_path(&message, path, sizeof(path)), 0);
    assert_string_equal(path, "rd");
    assert_true(coap_message_query(&message, "ep", &value));
    assert_true(bytes_equal_text(value, "node1"));
    assert_false(coap_message_query(&message, "e", &value));
    assert_false(coap_message_query(&message, "epx", &value));
    assert_true(bytes_equal_text(message.payload, "</a>"));
}

static void reads_uint_options(void **state)
{
    struct coap_message message;
    uint32_t format;

    (void)state;
    assert_int_equal(parse_hex("4102000101b2726411283865703d6e6f646531ff3c2f613e", &message), 0);
    assert_int_equal(coap_message_find_uint(&message, COAP_MSG_OPT_CONTENT_FORMAT, &format), 0);
    assert_int_equal(format, COAP_MSG_FORMAT_LINK);
    assert_int_equal(coap_message_find_uint(&message, COAP_MSG_OPT_ACCEPT, &format), -1);
    assert_int_equal(coap_message_find_uint(&message, COAP_MSG_OPT_URI_QUERY, &format), COAP_MSG_BAD_VALUE);
}

static void names_each_way_to_be_malformed(void **state)
{
    static const struct {
        const char *hex;
        int problem;
    } cases[] = {
        { "", COAP_MSG_SHORT },
        { "4001", COAP_MSG_SHORT },
        { "00010001", COAP_MSG_BAD_VERSION },
        { "80010001", COAP_MSG_BAD_VERSION },
        { "490100010102030405060708ff", COAP_MSG_BAD_TOKEN_LENGTH },
        { "42010001aa", COAP_MSG_TOKEN_CUT },
        { "40010001f0", COAP_MSG_OPTION_RESERVED },
        { "400100010f", COAP_MSG_OPTION_RESERVED },
        { "40010001b374", COAP_MSG_OPTION_CUT },
        { "40010001d0", COAP_MSG_OPTION_CUT },
        { "40010001e000", COAP_MSG_OPTION_CUT },
        { "40010001ff", COAP_MSG_NO_PAYLOAD },
        { "4100000101", COAP_MSG_NOT_EMPTY },
        { "40000001b161", COAP_MSG_NOT_EMPTY },
        { "40010001e0fffee0ffff", COAP_MSG_OPTION_NUMBER },
        { "40210001", COAP_MSG_RESERVED_CLASS },
        { "40c10001", COAP_MSG_RESERVED_CLASS },
        { "40e10001", COAP_MSG_RESERVED_CLASS },
    };
    struct coap_message message;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(parse_hex(cases[i].hex, &message), cases[i].problem);
        assert_string_not_equal(coap_message_problem_text(cases[i].problem), "unknown problem");
    }
    assert_string_equal(coap_message_problem_text(-1), "unknown problem");
    assert_string_equal(coap_message_problem_text(1000), "unknown problem");
}

static void refuses_more_options_than_its_bound(void **state)
{
    uint8_t raw[4 + COAP_MSG_OPTIONS_MAX + 1] = { 0x40, 0x01, 0, 1 };
    struct coap_message message;

    (void)state;
    memset(raw + 4, 0x00, COAP_MSG_OPTIONS_MAX + 1);
    raw[4] = 0xB0;
    assert_int_equal(coap_message_parse(bytes_view(raw, sizeof(raw) - 1), &message), 0);
    assert_int_equal(coap_message_parse(bytes_view(raw, sizeof(raw)), &message), COAP_MSG_TOO_MANY_OPTIONS);
}

static void peeks_at_what_is_to_be_reset(void **state)
{
    uint8_t raw[8];
    enum coap_message_type type;
    uint16_t id;

    (void)state;
    assert_true(coap_message_peek(fixture_hex("40011234f0", raw, sizeof(raw)), &type, &id));
    assert_int_equal(type, COAP_MSG_CON);
    assert_int_equal(id, 0x1234);
    assert_false(coap_message_peek(fixture_hex("80011234", raw, sizeof(raw)), &type, &id));
    assert_false(coap_message_peek(fixture_hex("4001", raw, sizeof(raw)), &type, &id));
}

static void refuses_paths_that_could_be_mistaken(void **state)
{
    struct coap_message message;
    char path[4];

    (void)state;
    assert_int_equal(parse_hex("40010001b3612f62", &message), 0); /* one segment "a/b" */
    assert_int_equal(coap_message_path(&message, path, sizeof(path)), COAP_MSG_BAD_VALUE);
    assert_int_equal(parse_hex("40010001b26162016301"
                               "64",
                               &message),
                     0);
    assert_int_equal(coap_message_path(&message, path, sizeof(path)), COAP_MSG_NO_ROOM);
    assert_int_equal(parse_hex("40010001", &message), 0);
    assert_int_equal(coap_message_path(&message, path, sizeof(path)), 0);
    assert_string_equal(path, "");
}

/* Writes a parsed message again, option by option. */
static size_t rewrite(const struct coap_message *message, uint8_t *out, size_t capacity)
{
    struct coap_message_cursor cursor = coap_message_cursor(message);
    struct coap_message_option option;
    struct coap_message_writer writer;
    size_t size = 0;

    coap_message_begin(&writer, out, capacity, message->type, message->code, message->id, message->token);
    while (coap_message_next_option(&cursor, &option))
        coap_message_add_option(&writer, option.number, option.value);
    coap_message_add_payload(&writer, message->payload);
    assert_int_equal(coap_message_finish(&writer, &size), 0);
    return size;
}

static void writes_back_every_good_vector(void **state)
{
    json_t *vectors = fixture_vector_json("coap/messages.json");
    uint8_t raw[2048], out[2048];
    struct coap_message message;
    json_t *item;
    size_t i;

    (void)state;
    if (vectors == NULL)
        return;
    assert_true(json_array_size(json_object_get(vectors, "valid")) >= 44);
    json_array_foreach(json_object_get(vectors, "valid"), i, item)
    {
        struct bytes datagram = fixture_hex(json_string_value(json_object_get(item, "hex")), raw, sizeof(raw));

        assert_int_equal(coap_message_parse(datagram, &message), 0);
        assert_true(bytes_equal(bytes_view(out, rewrite(&message, out, sizeof(out))), datagram));
    }
    json_array_foreach(json_object_get(vectors, "malformed"), i, item)
    {
        struct bytes datagram = fixture_hex(json_string_value(json_object_get(item, "hex")), raw, sizeof(raw));

        assert_true(coap_message_parse(datagram, &message) > 0);
    }
    json_array_foreach(json_object_get(vectors, "block_option"), i, item)
    {
        struct bytes value = fixture_hex(json_string_value(json_object_get(item, "hex")), raw, sizeof(raw));
        struct coap_message_block block;

        assert_int_equal(coap_message_block_decode(value, &block), 0);
        assert_int_equal(block.number, json_integer_value(json_object_get(item, "num")));
        assert_int_equal(block.more, json_integer_value(json_object_get(item, "m")));
        assert_int_equal(coap_message_block_size(block.size_exponent),
                         json_integer_value(json_object_get(item, "size")));
        assert_true(bytes_equal(bytes_view(out, coap_message_block_encode(&block, out)), value));
    }
    json_decref(vectors);
}

static void writes_the_trigger_that_devices_expect(void **state)
{
    uint8_t expected[128], token[2] = { 0x1c, 0xcd }, out[128];
    struct coap_message_writer writer;
    struct bytes want =
        fixture_hex("4202bf2b1ccdb4737569740774726967676572ff636f61703a2f2f5b666430303a313a3a315d2f6f6b31", expected,
                    sizeof(expected));
    size_t size = 0;

    (void)state;
    coap_message_begin(&writer, out, sizeof(out), COAP_MSG_CON, COAP_MSG_POST, 0xbf2b, bytes_view(token, 2));
    coap_message_add_path(&writer, COAP_MSG_OPT_URI_PATH, bytes_of_text("/suit/trigger"));
    coap_message_add_payload(&writer, bytes_of_text("coap://[fd00:1::1]/ok1"));
    assert_int_equal(coap_message_finish(&writer, &size), 0);
    assert_true(bytes_equal(bytes_view(out, size), want));
}

static void writes_long_options_and_big_deltas(void **state)
{
    uint8_t out[512], long_value[300];
    struct coap_message_writer writer;
    struct coap_message message;
    struct bytes value;
    uint32_t number;
    size_t size = 0;

    (void)state;
    memset(long_value, 'x', sizeof(long_value));
    coap_message_begin(&writer, out, sizeof(out), COAP_MSG_NON, COAP_MSG_CONTENT, 7, bytes_view(NULL, 0));
    coap_message_add_option(&writer, COAP_MSG_OPT_ETAG, bytes_view(long_value, 13));
    coap_message_add_option(&writer, COAP_MSG_OPT_REQUEST_TAG, bytes_view(long_value, 269));
    coap_message_add_uint(&writer, 65000, 0x01020304);
    assert_int_equal(coap_message_finish(&writer, &size), 0);
    assert_int_equal(coap_message_parse(bytes_view(out, size), &message), 0);
    assert_true(coap_message_find_option(&message, COAP_MSG_OPT_REQUEST_TAG, &value));
    assert_int_equal(value.size, 269);
    assert_int_equal(coap_message_find_uint(&message, 65000, &number), 0);
    assert_int_equal(number, 0x01020304);
}

static void keeps_the_first_problem_of_a_writer(void **state)
{
    struct coap_message_block block = { COAP_MSG_BLOCK_MAX + 1, false, 0 };
    struct coap_message_writer writer;
    uint8_t out[16];
    size_t size = 99;

    (void)state;
    coap_message_begin(&writer, out, sizeof(out), COAP_MSG_CON, COAP_MSG_GET, 1, bytes_view(NULL, 0));
    coap_message_add_uint(&writer, COAP_MSG_OPT_BLOCK2, 6);
    coap_message_add_uint(&writer, COAP_MSG_OPT_URI_PATH, 0);
    coap_message_add_payload(&writer, bytes_of_text("longer than the whole buffer"));
    assert_int_equal(coap_message_finish(&writer, &size), COAP_MSG_OPTION_ORDER);
    assert_int_equal(size, 99);

    coap_message_begin(&writer, out, sizeof(out), COAP_MSG_CON, COAP_MSG_GET, 1, bytes_view(NULL, 0));
    coap_message_add_payload(&writer, bytes_of_text("longer than the whole buffer"));
    assert_int_equal(coap_message_finish(&writer, &size), COAP_MSG_NO_ROOM);

    coap_message_begin(&writer, out, sizeof(out), COAP_MSG_CON, COAP_MSG_GET, 1, bytes_view(NULL, 0));
    coap_message_add_block(&writer, COAP_MSG_OPT_BLOCK2, &block);
    assert_int_equal(coap_message_finish(&writer, &size), COAP_MSG_BAD_VALUE);

    coap_message_begin(&writer, out, sizeof(out), COAP_MSG_ACK, COAP_MSG_EMPTY, 1, bytes_view(NULL, 0));
    coap_message_add_payload(&writer, bytes_of_text("x"));
    assert_int_equal(coap_message_finish(&writer, &size), COAP_MSG_NOT_EMPTY);

    coap_message_begin(&writer, out, 3, COAP_MSG_ACK, COAP_MSG_EMPTY, 1, bytes_view(NULL, 0));
    coap_message_add_uint(&writer, COAP_MSG_OPT_BLOCK2, 6);
    assert_int_equal(coap_message_finish(&writer, &size), COAP_MSG_NO_ROOM);
}

static void refuses_block_values_of_the_wrong_form(void **state)
{
    struct coap_message_block block;
    uint8_t raw[4];

    (void)state;
    assert_int_equal(coap_message_block_decode(fixture_hex("07", raw, 4), &block), COAP_MSG_BAD_VALUE);
    assert_int_equal(coap_message_block_decode(fixture_hex("00000006", raw, 4), &block), COAP_MSG_BAD_VALUE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_request_with_path_and_query),
        cmocka_unit_test(reads_uint_options),
        cmocka_unit_test(names_each_way_to_be_malformed),
        cmocka_unit_test(refuses_more_options_than_its_bound),
        cmocka_unit_test(peeks_at_what_is_to_be_reset),
        cmocka_unit_test(refuses_paths_that_could_be_mistaken),
        cmocka_unit_test(writes_back_every_good_vector),
        cmocka_unit_test(writes_the_trigger_that_devices_expect),
        cmocka_unit_test(writes_long_options_and_big_deltas),
        cmocka_unit_test(keeps_the_first_problem_of_a_writer),
        cmocka_unit_test(refuses_block_values_of_the_wrong_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
