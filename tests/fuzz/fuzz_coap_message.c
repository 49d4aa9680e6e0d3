/* Any datagram: parsed or refused; what is parsed, written again and parsed again says the same. */
#include <stdlib.h>

#include "device_proto/coap_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool condition)
{
    if (!condition)
        abort();
}

static void look_around(const struct coap_message *message)
{
    struct coap_message_block block;
    struct bytes value;
    uint32_t number;
    char path[64];

    (void)coap_message_path(message, path, sizeof(path));
    (void)coap_message_query(message, "ep", &value);
    (void)coap_message_find_uint(message, COAP_MSG_OPT_CONTENT_FORMAT, &number);
    if (coap_message_find_option(message, COAP_MSG_OPT_BLOCK2, &value) &&
        coap_message_block_decode(value, &block) == 0) {
        uint8_t encoded[3];
        struct coap_message_block again;

        expect(coap_message_block_decode(bytes_view(encoded, coap_message_block_encode(&block, encoded)), &again) == 0);
        expect(again.number == block.number && again.more == block.more && again.size_exponent == block.size_exponent);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[COAP_MSG_SIZE_MAX];
    struct coap_message message, again;
    struct coap_message_writer writer;
    struct coap_message_cursor cursor;
    struct coap_message_option option;
    size_t written;

    enum coap_message_type type;
    uint16_t id;
    bool peeked = coap_message_peek(bytes_view(data, size), &type, &id);

    if (coap_message_parse(bytes_view(data, size), &message) != 0)
        return 0;
    expect(peeked && type == message.type && id == message.id);
    look_around(&message);
    coap_message_begin(&writer, out, sizeof(out), message.type, message.code, message.id, message.token);
    cursor = coap_message_cursor(&message);
    while (coap_message_next_option(&cursor, &option))
        coap_message_add_option(&writer, option.number, option.value);
    expect(cursor.rest.size == 0);
    coap_message_add_payload(&writer, message.payload);
    expect(coap_message_finish(&writer, &written) == 0);
    expect(written <= size); /* the shortest form */
    expect(coap_message_parse(bytes_view(out, written), &again) == 0);
    expect(again.code == message.code && again.id == message.id && again.type == message.type);
    expect(bytes_equal(again.token, message.token) && bytes_equal(again.payload, message.payload));
    return 0;
}
