/* coap_message.c - one CoAP message, read and written (RFC 7252 section 3, RFC 7959 section 2.2). */
#include "device_proto/coap_message.h"

#define HEADER_SIZE    4u
#define PAYLOAD_MARKER 0xFFu
#define NIBBLE_ONE     13u /* one more byte, plus 13 */
#define NIBBLE_TWO     14u /* two more bytes, plus 269 */
#define NIBBLE_NONE    15u
#define BIAS_ONE       13u
#define BIAS_TWO       269u

static struct bytes advance(struct bytes view, size_t count)
{
    return bytes_view(view.data + count, view.size - count);
}

/* ---- reading ---- */

/* The value of an option's delta or length nibble with its extension bytes. */
static int read_extended(struct bytes *rest, unsigned nibble, uint32_t *out)
{
    if (nibble == NIBBLE_NONE)
        return COAP_MSG_OPTION_RESERVED;
    if (nibble < NIBBLE_ONE) {
        *out = nibble;
        return 0;
    }
    if (nibble == NIBBLE_ONE) {
        if (rest->size < 1)
            return COAP_MSG_OPTION_CUT;
        *out = BIAS_ONE + rest->data[0];
        *rest = advance(*rest, 1);
        return 0;
    }
    if (rest->size < 2)
        return COAP_MSG_OPTION_CUT;
    *out = BIAS_TWO + (((uint32_t)rest->data[0] << 8) | rest->data[1]);
    *rest = advance(*rest, 2);
    return 0;
}

/* The next option of a non-empty rest that does not begin with the payload marker. */
static int read_option(struct bytes *rest, uint16_t *number, struct bytes *out_value)
{
    unsigned delta_nibble = rest->data[0] >> 4;
    unsigned length_nibble = rest->data[0] & 15u;
    uint32_t delta, length;
    int r;

    *rest = advance(*rest, 1);
    r = read_extended(rest, delta_nibble, &delta);
    if (r != 0)
        return r;
    r = read_extended(rest, length_nibble, &length);
    if (r != 0)
        return r;
    if (delta > UINT16_MAX - (uint32_t)*number)
        return COAP_MSG_OPTION_NUMBER;
    if (length > rest->size)
        return COAP_MSG_OPTION_CUT;
    *number = (uint16_t)(*number + delta);
    *out_value = bytes_view(rest->data, length);
    *rest = advance(*rest, length);
    return 0;
}

/* Splits what follows the token into options and payload. */
static int read_body(struct bytes body, struct coap_message *message)
{
    struct bytes rest = body;
    struct bytes value;
    uint16_t number = 0;
    size_t count = 0;
    int r;

    while (rest.size > 0 && rest.data[0] != PAYLOAD_MARKER) {
        if (++count > COAP_MSG_OPTIONS_MAX)
            return COAP_MSG_TOO_MANY_OPTIONS;
        r = read_option(&rest, &number, &value);
        if (r != 0)
            return r;
    }
    message->options = bytes_view(body.data, body.size - rest.size);
    message->payload = bytes_view(rest.data, 0);
    if (rest.size == 0)
        return 0;
    if (rest.size == 1)
        return COAP_MSG_NO_PAYLOAD;
    message->payload = advance(rest, 1);
    return 0;
}

static bool is_reserved_class(uint8_t code)
{
    unsigned class = code >> 5;

    return class == 1 || class == 6 || class == 7;
}

int coap_message_parse(struct bytes datagram, struct coap_message *out)
{
    struct coap_message message;
    size_t token_size;
    int r;

    if (datagram.size < HEADER_SIZE)
        return COAP_MSG_SHORT;
    if (datagram.size > COAP_MSG_SIZE_MAX)
        return COAP_MSG_OVERSIZE;
    if (datagram.data[0] >> 6 != 1)
        return COAP_MSG_BAD_VERSION;
    token_size = datagram.data[0] & 15u;
    if (token_size > COAP_MSG_TOKEN_MAX)
        return COAP_MSG_BAD_TOKEN_LENGTH;
    message.type = (enum coap_message_type)((datagram.data[0] >> 4) & 3u);
    message.code = datagram.data[1];
    message.id = (uint16_t)((datagram.data[2] << 8) | datagram.data[3]);
    if (is_reserved_class(message.code))
        return COAP_MSG_RESERVED_CLASS;
    if (message.code == COAP_MSG_EMPTY && (token_size != 0 || datagram.size != HEADER_SIZE))
        return COAP_MSG_NOT_EMPTY;
    if (datagram.size - HEADER_SIZE < token_size)
        return COAP_MSG_TOKEN_CUT;
    message.token = bytes_view(datagram.data + HEADER_SIZE, token_size);
    r = read_body(advance(datagram, HEADER_SIZE + token_size), &message);
    if (r != 0)
        return r;
    *out = message;
    return 0;
}

bool coap_message_peek(struct bytes datagram, enum coap_message_type *out_type, uint16_t *out_id)
{
    if (datagram.size < HEADER_SIZE || datagram.data[0] >> 6 != 1)
        return false;
    *out_type = (enum coap_message_type)((datagram.data[0] >> 4) & 3u);
    *out_id = (uint16_t)((datagram.data[2] << 8) | datagram.data[3]);
    return true;
}

const char *coap_message_problem_text(int problem)
{
    static const char *const texts[] = {
        [0] = "no problem",
        [COAP_MSG_SHORT] = "shorter than a header",
        [COAP_MSG_OVERSIZE] = "larger than a datagram",
        [COAP_MSG_BAD_VERSION] = "version is not 1",
        [COAP_MSG_BAD_TOKEN_LENGTH] = "token length is reserved",
        [COAP_MSG_TOKEN_CUT] = "ends inside the token",
        [COAP_MSG_RESERVED_CLASS] = "code of a reserved class",
        [COAP_MSG_NOT_EMPTY] = "empty message with content",
        [COAP_MSG_OPTION_RESERVED] = "option delta or length is reserved",
        [COAP_MSG_OPTION_CUT] = "ends inside an option",
        [COAP_MSG_OPTION_NUMBER] = "option number beyond 65535",
        [COAP_MSG_TOO_MANY_OPTIONS] = "too many options",
        [COAP_MSG_NO_PAYLOAD] = "payload marker without payload",
        [COAP_MSG_BAD_VALUE] = "option value of the wrong form",
        [COAP_MSG_OPTION_ORDER] = "options not in ascending order",
        [COAP_MSG_NO_ROOM] = "buffer too small",
    };

    if (problem < 0 || (size_t)problem >= sizeof(texts) / sizeof(texts[0]))
        return "unknown problem";
    return texts[problem];
}

struct coap_message_cursor coap_message_cursor(const struct coap_message *message)
{
    struct coap_message_cursor cursor = { message->options, 0 };

    return cursor;
}

bool coap_message_next_option(struct coap_message_cursor *cursor, struct coap_message_option *out)
{
    struct bytes value;

    if (cursor->rest.size == 0 || read_option(&cursor->rest, &cursor->number, &value) != 0)
        return false;
    out->number = cursor->number;
    out->value = value;
    return true;
}

bool coap_message_find_option(const struct coap_message *message, uint16_t number, struct bytes *out_value)
{
    struct coap_message_cursor cursor = coap_message_cursor(message);
    struct coap_message_option option;

    while (coap_message_next_option(&cursor, &option) && option.number <= number) {
        if (option.number == number) {
            *out_value = option.value;
            return true;
        }
    }
    return false;
}

int coap_message_uint(struct bytes value, uint32_t *out)
{
    uint32_t number = 0;

    if (value.size > 4)
        return COAP_MSG_BAD_VALUE;
    for (size_t i = 0; i < value.size; i++)
        number = (number << 8) | value.data[i];
    *out = number;
    return 0;
}

int coap_message_find_uint(const struct coap_message *message, uint16_t number, uint32_t *out)
{
    struct bytes value;

    if (!coap_message_find_option(message, number, &value))
        return -1;
    return coap_message_uint(value, out);
}

int coap_message_path(const struct coap_message *message, char *out, size_t capacity)
{
    struct coap_message_cursor cursor = coap_message_cursor(message);
    struct coap_message_option option;
    bool first = true;
    size_t size = 0;

    if (capacity == 0)
        return COAP_MSG_NO_ROOM;
    while (coap_message_next_option(&cursor, &option)) {
        if (option.number != COAP_MSG_OPT_URI_PATH)
            continue;
        for (size_t i = 0; i < option.value.size; i++)
            if (option.value.data[i] == '\0' || option.value.data[i] == '/')
                return COAP_MSG_BAD_VALUE;
        if (option.value.size + (first ? 1u : 2u) > capacity - size)
            return COAP_MSG_NO_ROOM;
        if (!first)
            out[size++] = '/';
        if (option.value.size > 0)
            memcpy(out + size, option.value.data, option.value.size);
        size += option.value.size;
        first = false;
    }
    out[size] = '\0';
    return 0;
}

bool coap_message_query(const struct coap_message *message, const char *name, struct bytes *out_value)
{
    struct coap_message_cursor cursor = coap_message_cursor(message);
    struct coap_message_option option;
    size_t name_size = strlen(name);

    while (coap_message_next_option(&cursor, &option)) {
        if (option.number != COAP_MSG_OPT_URI_QUERY || option.value.size < name_size ||
            memcmp(option.value.data, name, name_size) != 0)
            continue;
        if (option.value.size == name_size) {
            *out_value = advance(option.value, name_size);
            return true;
        }
        if (option.value.data[name_size] == '=') {
            *out_value = advance(option.value, name_size + 1);
            return true;
        }
    }
    return false;
}

/* ---- block options ---- */

int coap_message_block_decode(struct bytes value, struct coap_message_block *out)
{
    uint32_t number;

    if (value.size > 3 || coap_message_uint(value, &number) != 0 || (number & 7u) == 7u)
        return COAP_MSG_BAD_VALUE;
    out->number = number >> 4;
    out->more = (number & 8u) != 0;
    out->size_exponent = (uint8_t)(number & 7u);
    return 0;
}

/* A uint in as few bytes as possible (section 3.2): 0 takes none. */
static size_t encode_uint(uint32_t value, uint8_t out[4])
{
    size_t size = 0;

    for (int shift = 24; shift >= 0; shift -= 8)
        if (size > 0 || value >> shift != 0)
            out[size++] = (uint8_t)(value >> shift);
    return size;
}

size_t coap_message_block_encode(const struct coap_message_block *block, uint8_t out[3])
{
    uint32_t value =
        ((block->number & COAP_MSG_BLOCK_MAX) << 4) | (block->more ? 8u : 0u) | (block->size_exponent & 7u);
    uint8_t encoded[4];
    size_t size = encode_uint(value, encoded);

    memcpy(out, encoded, size);
    return size;
}

/* ---- writing ---- */

static void put(struct coap_message_writer *writer, const uint8_t *data, size_t size)
{
    if (writer->problem != 0)
        return;
    if (size > writer->capacity - writer->size) {
        writer->problem = COAP_MSG_NO_ROOM;
        return;
    }
    if (size > 0)
        memcpy(writer->out + writer->size, data, size);
    writer->size += size;
}

void coap_message_begin(struct coap_message_writer *writer, uint8_t *out, size_t capacity, enum coap_message_type type,
                        uint8_t code, uint16_t id, struct bytes token)
{
    uint8_t header[HEADER_SIZE] = { (uint8_t)(0x40u | ((unsigned)type << 4) | (token.size & 15u)), code,
                                    (uint8_t)(id >> 8), (uint8_t)id };

    *writer = (struct coap_message_writer){ .out = out, .capacity = capacity };
    if (token.size > COAP_MSG_TOKEN_MAX)
        writer->problem = COAP_MSG_BAD_TOKEN_LENGTH;
    else if (code == COAP_MSG_EMPTY && token.size > 0)
        writer->problem = COAP_MSG_NOT_EMPTY;
    put(writer, header, sizeof(header));
    put(writer, token.data, token.size);
}

/* The nibble for a delta or a length; its extension bytes go to extension. */
static unsigned encode_extended(uint32_t value, uint8_t extension[2], size_t *out_size)
{
    *out_size = 0;
    if (value < BIAS_ONE)
        return value;
    if (value < BIAS_TWO) {
        extension[0] = (uint8_t)(value - BIAS_ONE);
        *out_size = 1;
        return NIBBLE_ONE;
    }
    extension[0] = (uint8_t)((value - BIAS_TWO) >> 8);
    extension[1] = (uint8_t)(value - BIAS_TWO);
    *out_size = 2;
    return NIBBLE_TWO;
}

void coap_message_add_option(struct coap_message_writer *writer, uint16_t number, struct bytes value)
{
    uint8_t delta[2], length[2], head;
    size_t delta_size, length_size;

    if (writer->problem != 0)
        return;
    if (number < writer->last_option || writer->has_payload) {
        writer->problem = COAP_MSG_OPTION_ORDER;
        return;
    }
    if (writer->out[1] == COAP_MSG_EMPTY) {
        writer->problem = COAP_MSG_NOT_EMPTY;
        return;
    }
    if (value.size > UINT16_MAX) {
        writer->problem = COAP_MSG_BAD_VALUE;
        return;
    }
    head = (uint8_t)(encode_extended((uint32_t)(number - writer->last_option), delta, &delta_size) << 4);
    head = (uint8_t)(head | encode_extended((uint32_t)value.size, length, &length_size));
    put(writer, &head, 1);
    put(writer, delta, delta_size);
    put(writer, length, length_size);
    put(writer, value.data, value.size);
    writer->last_option = number;
}

void coap_message_add_uint(struct coap_message_writer *writer, uint16_t number, uint32_t value)
{
    uint8_t encoded[4];
    size_t size = encode_uint(value, encoded);

    coap_message_add_option(writer, number, bytes_view(encoded, size));
}

void coap_message_add_block(struct coap_message_writer *writer, uint16_t number, const struct coap_message_block *block)
{
    uint8_t encoded[3];
    size_t size;

    if (block->number > COAP_MSG_BLOCK_MAX || block->size_exponent > 6) {
        if (writer->problem == 0)
            writer->problem = COAP_MSG_BAD_VALUE;
        return;
    }
    size = coap_message_block_encode(block, encoded);
    coap_message_add_option(writer, number, bytes_view(encoded, size));
}

void coap_message_add_path(struct coap_message_writer *writer, uint16_t number, struct bytes path)
{
    size_t start = 0;

    if (path.size > 0 && path.data[0] == '/')
        start = 1;
    if (start == path.size)
        return;
    for (size_t i = start; i <= path.size; i++) {
        if (i < path.size && path.data[i] != '/')
            continue;
        coap_message_add_option(writer, number, bytes_view(path.data + start, i - start));
        start = i + 1;
    }
}

void coap_message_add_payload(struct coap_message_writer *writer, struct bytes payload)
{
    const uint8_t marker = PAYLOAD_MARKER;

    if (payload.size == 0 || writer->problem != 0)
        return;
    if (writer->has_payload) {
        writer->problem = COAP_MSG_OPTION_ORDER;
        return;
    }
    if (writer->out[1] == COAP_MSG_EMPTY) {
        writer->problem = COAP_MSG_NOT_EMPTY;
        return;
    }
    put(writer, &marker, 1);
    put(writer, payload.data, payload.size);
    writer->has_payload = true;
}

int coap_message_finish(const struct coap_message_writer *writer, size_t *out_size)
{
    if (writer->problem != 0)
        return writer->problem;
    *out_size = writer->size;
    return 0;
}
