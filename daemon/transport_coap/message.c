#include "daemon/transport_coap/message.h"

#include "daemon/base/text.h"
#include "device_proto/cbor.h"

/* Problem details ride to devices that drop datagrams beyond about 256 bytes: keep them well below. */
#define PROBLEM_DETAIL_MAX 120

uint64_t hash_bytes(uint64_t seed, const void *data, size_t size)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < size; i++)
        seed = (seed ^ bytes[i]) * 0x100000001b3u;
    return seed;
}

static uint64_t hash_option(uint64_t seed, uint16_t number, struct bytes value)
{
    seed = hash_bytes(seed, &number, sizeof(number));
    seed = hash_bytes(seed, &value.size, sizeof(value.size));
    return hash_bytes(seed, value.data, value.size);
}

static int add_segment(struct request *request, struct bytes value, struct why *why)
{
    size_t used = strlen(request->path);

    if (memchr(value.data, 0, value.size) != NULL || memchr(value.data, '/', value.size) != NULL)
        return refuse(why, REFUSED_INVALID, "path", NULL, "a path segment holds a NUL or a slash");
    if (used + 1 + value.size >= sizeof(request->path))
        return refuse(why, REFUSED_UNKNOWN, "path", NULL, "no path here is that long");
    if (used > 0)
        request->path[used++] = '/';
    memcpy(request->path + used, value.data, value.size);
    request->path[used + value.size] = '\0';
    return 0;
}

static int read_format(struct bytes value, int *out, struct why *why)
{
    uint32_t number = 0;

    if (value.size > 2 || coap_message_uint(value, &number) != 0)
        return refuse(why, REFUSED_INVALID, "options", NULL, "a content format is out of form");
    *out = (int)number;
    return 0;
}

static int read_block(struct bytes value, bool *out_has, struct coap_message_block *out, struct why *why)
{
    if (coap_message_block_decode(value, out) != 0)
        return refuse(why, REFUSED_INVALID, "options", NULL, "a block option is out of form");
    *out_has = true;
    return 0;
}

static int read_option(struct request *request, uint16_t number, struct bytes value, struct why *why)
{
    switch (number) {
    case COAP_OPTION_URI_PATH:
        return add_segment(request, value, why);
    case COAP_OPTION_URI_QUERY:
        if (request->query_count == REQUEST_QUERIES_MAX)
            return refuse(why, REFUSED_INVALID, "query", NULL, "more than %d parameters", REQUEST_QUERIES_MAX);
        request->queries[request->query_count++] = value;
        return 0;
    case COAP_OPTION_CONTENT_FORMAT:
        return read_format(value, &request->content_format, why);
    case COAP_OPTION_ACCEPT:
        return read_format(value, &request->accept, why);
    case COAP_OPTION_BLOCK1:
        return read_block(value, &request->has_block1, &request->block1, why);
    case COAP_OPTION_BLOCK2:
        return read_block(value, &request->has_block2, &request->block2, why);
    case COAP_OPTION_NORESPONSE:
        request->no_response = value.size == 1 ? value.data[0] : 0;
        return 0;
    case COAP_OPTION_SIZE2:
        request->wants_size2 = true;
        return 0;
    default: /* libcoap has refused the critical ones that it does not know */
        return 0;
    }
}

static void read_session(const coap_session_t *session, struct request *out)
{
    bool secure = coap_session_get_proto(session) == COAP_PROTO_DTLS;
    const coap_bin_const_t *identity = secure ? coap_session_get_psk_identity(session) : NULL;

    out->peer = peer_of(&coap_session_get_addr_remote(session)->addr.sa, secure);
    if (identity != NULL && identity->length > 0 && memchr(identity->s, 0, identity->length) == NULL)
        text_copy_bytes(out->identity, sizeof(out->identity), bytes_view(identity->s, identity->length));
}

int request_read(const coap_session_t *session, const coap_pdu_t *pdu, struct request *out, struct why *why)
{
    coap_bin_const_t token = coap_pdu_get_token(pdu);
    coap_opt_iterator_t iterator;
    coap_opt_t *option;
    int result = 0;

    memset(out, 0, sizeof(*out));
    out->method = (uint8_t)coap_pdu_get_code(pdu);
    out->id = (uint16_t)coap_pdu_get_mid(pdu);
    out->content_format = out->accept = FORMAT_NONE;
    out->body_tag = hash_bytes(HASH_SEED, &out->method, sizeof(out->method));
    out->fingerprint = hash_bytes(out->body_tag, token.s, token.length);
    read_session(session, out);
    if (coap_option_iterator_init(pdu, &iterator, COAP_OPT_ALL) != NULL) {
        while ((option = coap_option_next(&iterator)) != NULL) {
            uint16_t number = (uint16_t)iterator.number;
            struct bytes value = bytes_view(coap_opt_value(option), coap_opt_length(option));

            out->fingerprint = hash_option(out->fingerprint, number, value);
            if (number != COAP_OPTION_BLOCK1 && number != COAP_OPTION_BLOCK2 && number != COAP_OPTION_SIZE1)
                out->body_tag = hash_option(out->body_tag, number, value);
            if (result == 0)
                result = read_option(out, number, value, why);
        }
    }
    if (!coap_get_data(pdu, &out->payload.size, &out->payload.data))
        out->payload = bytes_view(NULL, 0);
    out->fingerprint = hash_bytes(out->fingerprint, out->payload.data, out->payload.size);
    return result;
}

bool request_is_remembered(const struct request *request)
{
    return request->method != COAP_MSG_GET;
}

bool request_query(const struct request *request, const char *name, struct bytes *out)
{
    size_t size = strlen(name);

    for (size_t i = 0; i < request->query_count; i++) {
        struct bytes query = request->queries[i];

        if (query.size < size || memcmp(query.data, name, size) != 0)
            continue;
        if (query.size == size)
            *out = bytes_view(query.data + size, 0);
        else if (query.data[size] == '=')
            *out = bytes_view(query.data + size + 1, query.size - size - 1);
        else
            continue;
        return true;
    }
    return false;
}

int request_query_text(const struct request *request, const char *name, char *out, size_t capacity, struct why *why)
{
    struct bytes value = { NULL, 0 };

    out[0] = '\0';
    if (!request_query(request, name, &value) || value.size == 0)
        return 0;
    if (memchr(value.data, 0, value.size) != NULL || text_copy_bytes(out, capacity, value) != 0)
        return refuse(why, REFUSED_INVALID, name, NULL, "the value is longer than %zu bytes or holds a NUL",
                      capacity - 1);
    return 0;
}

int request_query_integer(const struct request *request, const char *name, int64_t least, int64_t most,
                          int64_t otherwise, int64_t *out, struct why *why)
{
    struct bytes value = { NULL, 0 };
    char text[24];

    *out = otherwise;
    if (!request_query(request, name, &value))
        return 0;
    if (request_query_text(request, name, text, sizeof(text), why) != 0 || integer_parse(text, least, most, out) != 0)
        return refuse(why, REFUSED_INVALID, name, NULL, "not an integer within its bounds");
    return 0;
}

void answer_init(struct answer *answer, uint8_t code)
{
    memset(answer, 0, offsetof(struct answer, body));
    answer->code = code;
    answer->content_format = FORMAT_NONE;
}

/* At most PROBLEM_DETAIL_MAX bytes, not cut inside a UTF-8 character. */
static struct bytes cut_text(const char *text)
{
    struct bytes cut = bytes_of_text(text);

    if (cut.size > PROBLEM_DETAIL_MAX) {
        cut.size = PROBLEM_DETAIL_MAX;
        while (cut.size > 0 && (cut.data[cut.size] & 0xc0) == 0x80)
            cut.size--;
    }
    return cut;
}

void answer_problem(struct answer *answer, uint8_t code, const char *title, const char *detail)
{
    struct bytes cut = cut_text(detail);
    struct cbor_writer writer = cbor_writer_on(answer->body, sizeof(answer->body));

    answer_init(answer, code);
    answer->content_format = COAP_MSG_FORMAT_PROBLEM;
    cbor_write_map(&writer, cut.size > 0 ? 2 : 1);
    cbor_write_int(&writer, -1);
    cbor_write_text_of(&writer, title);
    if (cut.size > 0) {
        cbor_write_int(&writer, -2);
        cbor_write_text(&writer, cut);
    }
    if (cbor_writer_finish(&writer, &answer->body_size) != 0)
        answer->body_size = 0;
}

static uint8_t code_of_refusal(enum refusal refusal)
{
    switch (refusal) {
    case REFUSED_INVALID:
        return COAP_MSG_BAD_REQUEST;
    case REFUSED_UNKNOWN:
        return COAP_MSG_NOT_FOUND;
    case REFUSED_EXISTS:
    case REFUSED_CONFLICT:
        return COAP_MSG_CONFLICT;
    case REFUSED_FORBIDDEN:
        return COAP_MSG_FORBIDDEN;
    case REFUSED_EXHAUSTED:
        return COAP_MSG_TOO_MANY_REQUESTS;
    case REFUSED_TOO_LARGE:
        return COAP_MSG_TOO_LARGE;
    case REFUSED_BUSY:
        return COAP_MSG_UNAVAILABLE;
    }
    return COAP_MSG_INTERNAL_ERROR;
}

void answer_refusal(struct answer *answer, int result, const struct why *why)
{
    if (result < 0) {
        answer_problem(answer, COAP_MSG_INTERNAL_ERROR, "fault", "");
        return;
    }
    answer_problem(answer, code_of_refusal((enum refusal)result), refusal_name((enum refusal)result), why->what);
    if (result == REFUSED_BUSY)
        answer->max_age = 10;
}

void answer_block_asked(const struct request *request, uint64_t *out_offset, size_t *out_size)
{
    *out_size = request->has_block2 ? coap_message_block_size(request->block2.size_exponent) : ANSWER_BODY_MAX;
    *out_offset = (uint64_t)request->block2.number * *out_size;
}

void answer_block_given(struct answer *answer, const struct request *request, uint64_t offset, uint64_t total)
{
    bool more = offset + answer->body_size < total;

    if (offset > 0 && offset >= total) {
        answer_problem(answer, COAP_MSG_BAD_REQUEST, "invalid", "there is no such block");
        return;
    }
    answer->has_block2 = request->has_block2 || more;
    answer->block2 = request->block2;
    if (!request->has_block2)
        answer->block2.size_exponent = 6;
    answer->block2.more = more;
    if (request->wants_size2)
        answer->size2 = (uint32_t)total;
}

void answer_document(struct answer *answer, const struct request *request, struct bytes document, int content_format)
{
    uint64_t offset, hash = hash_bytes(HASH_SEED, document.data, document.size);
    size_t size;

    answer_block_asked(request, &offset, &size);
    answer_init(answer, COAP_MSG_CONTENT);
    answer->content_format = content_format;
    memcpy(answer->etag, &hash, sizeof(answer->etag));
    answer->etag_size = sizeof(answer->etag);
    if (offset < document.size) {
        answer->body_size = document.size - offset < size ? document.size - (size_t)offset : size;
        memcpy(answer->body, document.data + offset, answer->body_size);
    }
    answer_block_given(answer, request, offset, document.size);
}

static void write_uint(coap_pdu_t *pdu, uint16_t number, uint32_t value)
{
    uint8_t encoded[4];

    coap_add_option(pdu, number, coap_encode_var_safe(encoded, sizeof(encoded), value), encoded);
}

static void write_block(coap_pdu_t *pdu, uint16_t number, const struct coap_message_block *block)
{
    uint8_t encoded[3];

    coap_add_option(pdu, number, coap_message_block_encode(block, encoded), encoded);
}

static void write_location(const char *location, coap_pdu_t *pdu)
{
    while (*location == '/') {
        size_t size = strcspn(++location, "/");

        coap_add_option(pdu, COAP_OPTION_LOCATION_PATH, size, (const uint8_t *)location);
        location += size;
    }
}

/* Options in ascending order, as the format wants them. */
void answer_write(const struct answer *answer, coap_pdu_t *pdu)
{
    coap_pdu_set_code(pdu, (coap_pdu_code_t)answer->code);
    if (answer->etag_size > 0)
        coap_add_option(pdu, COAP_OPTION_ETAG, answer->etag_size, answer->etag);
    write_location(answer->location, pdu);
    if (answer->content_format != FORMAT_NONE)
        write_uint(pdu, COAP_OPTION_CONTENT_FORMAT, (uint32_t)answer->content_format);
    if (answer->max_age != 0)
        write_uint(pdu, COAP_OPTION_MAXAGE, answer->max_age);
    if (answer->has_block2)
        write_block(pdu, COAP_OPTION_BLOCK2, &answer->block2);
    if (answer->has_block1)
        write_block(pdu, COAP_OPTION_BLOCK1, &answer->block1);
    if (answer->size2 != 0)
        write_uint(pdu, COAP_OPTION_SIZE2, answer->size2);
    if (answer->size1 != 0)
        write_uint(pdu, COAP_OPTION_SIZE1, answer->size1);
    if (answer->body_size > 0)
        coap_add_data(pdu, answer->body_size, answer->body);
}
