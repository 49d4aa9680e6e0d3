/* senml_json.c - SenML in JSON (RFC 8428 section 5). */
#include "device_proto/json_reader.h"
#include "device_proto/senml_resolve.h"

#define LABEL_MAX 64u /* bytes of a label that has escapes */

/* ---- decoding ---- */

static int refusal_of_decimal(int refusal)
{
    return refusal == DECIMAL_MALFORMED    ? SENML_MALFORMED
           : refusal == DECIMAL_NOT_FINITE ? SENML_NOT_FINITE
                                           : SENML_BAD_NUMBER;
}

/* A string as it is where it has no escapes, otherwise in the pack's text buffer. */
static int take_text(struct senml_pack *pack, const struct json_token *token, struct bytes *out)
{
    size_t capacity, size;
    uint8_t *room;
    int r;

    *out = token->text;
    if (!token->escaped)
        return 0;
    room = senml_text_room(pack, &capacity);
    r = json_unescape(token, room, capacity, &size);
    if (r != 0)
        return r == JSON_NO_ROOM ? SENML_NO_ROOM : SENML_MALFORMED;
    senml_text_keep(pack, size);
    *out = bytes_view(room, size);
    return 0;
}

static int base64url_digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* base64url without padding (RFC 4648 section 5); bits that are left over must be zero, so that each value has one
 * text. */
static int take_data(struct senml_pack *pack, const struct json_token *token, struct bytes *out)
{
    size_t capacity, size = 0;
    uint8_t *room = senml_text_room(pack, &capacity);
    uint32_t bits = 0;
    unsigned count = 0;

    for (size_t i = 0; i < token->text.size; i++) {
        int digit = base64url_digit(token->text.data[i]);

        if (digit < 0)
            return SENML_BAD_DATA;
        bits = (bits << 6 | (uint32_t)digit) & 0xFFFFu;
        count += 6;
        if (count < 8)
            continue;
        if (size == capacity)
            return SENML_NO_ROOM;
        count -= 8;
        room[size++] = (uint8_t)(bits >> count);
    }
    if (count >= 6 || (bits & ((1u << count) - 1)) != 0)
        return SENML_BAD_DATA;
    senml_text_keep(pack, size);
    *out = bytes_view(room, size);
    return 0;
}

static int take_value(struct json_reader *reader, struct senml_pack *pack, enum senml_form form,
                      struct senml_value *out)
{
    struct json_token token = json_next(reader);
    int r;

    if (token.kind == JSON_MALFORMED)
        return SENML_MALFORMED;
    switch (form) {
    case SENML_FORM_NUMBER:
        if (token.kind != JSON_NUMBER)
            return SENML_BAD_TYPE;
        r = decimal_parse(token.text, &out->number);
        return r == 0 ? 0 : refusal_of_decimal(r);
    case SENML_FORM_TEXT:
        return token.kind == JSON_STRING ? take_text(pack, &token, &out->text) : SENML_BAD_TYPE;
    case SENML_FORM_DATA:
        return token.kind == JSON_STRING ? take_data(pack, &token, &out->text) : SENML_BAD_TYPE;
    case SENML_FORM_BOOLEAN:
        if (token.kind != JSON_TRUE && token.kind != JSON_FALSE)
            return SENML_BAD_TYPE;
        out->boolean = token.kind == JSON_TRUE;
        return 0;
    }
    return SENML_BAD_TYPE;
}

/* Label and colon. A label too long for its buffer is no known one, but might still end in "_": refused. */
static int take_label(struct json_reader *reader, enum senml_field *out)
{
    struct json_token token = json_next(reader);
    uint8_t unescaped[LABEL_MAX];
    struct bytes label = token.text;
    size_t size;
    int r = 0;

    if (token.kind != JSON_STRING)
        return SENML_MALFORMED;
    if (token.escaped) {
        if (json_unescape(&token, unescaped, sizeof(unescaped), &size) != 0)
            return SENML_MALFORMED;
        label = bytes_view(unescaped, size);
    }
    *out = senml_field_of_text(label, &r);
    if (r != 0)
        return r;
    return json_next(reader).kind == JSON_COLON ? 0 : SENML_MALFORMED;
}

static int take_field(struct json_reader *reader, struct senml_resolver *resolver)
{
    struct senml_value value = { .boolean = false };
    enum senml_field field;
    int r = take_label(reader, &field);

    if (r != 0)
        return r;
    if (field == SENML_FIELDS) {
        r = json_skip(reader, SENML_DEPTH_MAX);
        return r == 0 ? 0 : r == JSON_TOO_DEEP ? SENML_TOO_DEEP : SENML_MALFORMED;
    }
    r = take_value(reader, resolver->pack, senml_labels[field].form, &value);
    return r != 0 ? r : senml_set_field(resolver, field, &value);
}

static int take_record(struct json_reader *reader, struct senml_resolver *resolver)
{
    struct json_token token;
    int r;

    if (json_next(reader).kind != JSON_OBJECT_BEGIN)
        return SENML_MALFORMED;
    senml_begin_record(resolver);
    if (json_peek(reader) == JSON_OBJECT_END) {
        (void)json_next(reader);
        return senml_end_record(resolver);
    }
    do {
        r = take_field(reader, resolver);
        if (r != 0)
            return r;
        token = json_next(reader);
    } while (token.kind == JSON_COMMA);
    return token.kind == JSON_OBJECT_END ? senml_end_record(resolver) : SENML_MALFORMED;
}

int senml_decode_json(struct bytes json, struct senml_pack *pack)
{
    struct json_reader reader = { json };
    struct senml_resolver resolver;
    struct json_token token;
    int r;

    senml_resolver_begin(&resolver, pack);
    if (json_next(&reader).kind != JSON_ARRAY_BEGIN)
        return SENML_MALFORMED;
    if (json_peek(&reader) == JSON_ARRAY_END)
        return SENML_EMPTY;
    do {
        r = take_record(&reader, &resolver);
        if (r != 0)
            return r;
        token = json_next(&reader);
    } while (token.kind == JSON_COMMA);
    if (token.kind != JSON_ARRAY_END || !json_at_end(&reader))
        return SENML_MALFORMED;
    return senml_resolver_finish(&resolver);
}

/* ---- encoding ---- */

struct json_writer {
    uint8_t *out;
    size_t capacity;
    size_t size;
    bool full;
    bool first; /* no field of this record yet */
};

static void put(struct json_writer *writer, struct bytes text)
{
    if (writer->full || text.size > writer->capacity - writer->size) {
        writer->full = true;
        return;
    }
    if (text.size > 0)
        memcpy(writer->out + writer->size, text.data, text.size);
    writer->size += text.size;
}

static void put_text(struct json_writer *writer, const char *text)
{
    put(writer, bytes_of_text(text));
}

static void put_label(struct json_writer *writer, enum senml_field field)
{
    put_text(writer, writer->first ? "\"" : ",\"");
    put_text(writer, senml_labels[field].json);
    put_text(writer, "\":");
    writer->first = false;
}

static void put_string(struct json_writer *writer, enum senml_field field, struct bytes text)
{
    static const char digits[] = "0123456789abcdef";

    put_label(writer, field);
    put_text(writer, "\"");
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        char escape[6] = { '\\', 'u', '0', '0', digits[c >> 4], digits[c & 15u] };

        if (c < ' ')
            put(writer, bytes_view(escape, sizeof(escape)));
        else if (c == '"' || c == '\\')
            put(writer, bytes_view((char[]){ '\\', (char)c }, 2));
        else
            put(writer, bytes_view(&c, 1));
    }
    put_text(writer, "\"");
}

static void put_data(struct json_writer *writer, enum senml_field field, struct bytes data)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    put_label(writer, field);
    put_text(writer, "\"");
    for (size_t i = 0; i < data.size; i += 3) {
        size_t count = data.size - i < 3 ? data.size - i : 3;
        uint32_t bits = (uint32_t)data.data[i] << 16;
        char text[4];

        if (count > 1)
            bits |= (uint32_t)data.data[i + 1] << 8;
        if (count > 2)
            bits |= data.data[i + 2];
        for (size_t k = 0; k < 4; k++)
            text[k] = digits[bits >> (18 - 6 * k) & 63u];
        put(writer, bytes_view(text, count + 1));
    }
    put_text(writer, "\"");
}

static void put_number(struct json_writer *writer, enum senml_field field, struct decimal number)
{
    char text[DECIMAL_TEXT_MAX];

    put_label(writer, field);
    put(writer, bytes_view(text, decimal_print(number, text)));
}

static void put_seconds(struct json_writer *writer, enum senml_field field, int64_t milliseconds)
{
    struct decimal seconds;

    if (decimal_make(milliseconds, -3, &seconds) == 0)
        put_number(writer, field, seconds);
}

static void put_value(struct json_writer *writer, const struct senml_record *record)
{
    switch (record->kind) {
    case SENML_NUMBER:
        put_number(writer, SENML_FIELD_V, record->number);
        break;
    case SENML_STRING:
        put_string(writer, SENML_FIELD_VS, record->text);
        break;
    case SENML_BOOLEAN:
        put_label(writer, SENML_FIELD_VB);
        put_text(writer, record->boolean ? "true" : "false");
        break;
    case SENML_DATA:
        put_data(writer, SENML_FIELD_VD, record->text);
        break;
    case SENML_NONE:
        break;
    }
}

static void put_record(struct json_writer *writer, const struct senml_record *record, const struct senml_base *base,
                       bool first)
{
    struct bytes name = bytes_view(record->name + base->name.size, strlen(record->name) - base->name.size);

    writer->first = true;
    put_text(writer, first ? "{" : ",{");
    if (first && base->name.size > 0)
        put_string(writer, SENML_FIELD_BN, base->name);
    if (first && base->time_ms != 0)
        put_seconds(writer, SENML_FIELD_BT, base->time_ms);
    if (name.size > 0)
        put_string(writer, SENML_FIELD_N, name);
    if (record->unit[0] != '\0')
        put_string(writer, SENML_FIELD_U, bytes_of_text(record->unit));
    if (record->time_ms != base->time_ms)
        put_seconds(writer, SENML_FIELD_T, record->time_ms - base->time_ms);
    if (record->update_ms != 0)
        put_seconds(writer, SENML_FIELD_UT, record->update_ms);
    put_value(writer, record);
    if (record->has_sum)
        put_number(writer, SENML_FIELD_S, record->sum);
    put_text(writer, "}");
}

int senml_encode_json(const struct senml_record *records, size_t count, struct bytes base_name, uint8_t *out,
                      size_t capacity, size_t *out_size)
{
    struct json_writer writer = { .out = out, .capacity = capacity };
    struct senml_base base;
    int r = senml_choose_base(records, count, base_name, &base);

    if (r != 0)
        return r;
    put_text(&writer, "[");
    for (size_t i = 0; i < count; i++)
        put_record(&writer, &records[i], &base, i == 0);
    put_text(&writer, "]");
    if (writer.full)
        return SENML_NO_ROOM;
    *out_size = writer.size;
    return 0;
}
