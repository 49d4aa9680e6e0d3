/* senml_cbor.c - SenML in CBOR (RFC 8428 section 6). */
#include "device_proto/cbor.h"
#include "device_proto/senml_resolve.h"

#define TAG_DECIMAL 4u

#define HEAD_HALF   0xF9u /* initial bytes of the three floats (RFC 8949 section 3.3) */
#define HEAD_SINGLE 0xFAu
#define HEAD_DOUBLE 0xFBu

/* ---- decoding ---- */

static int refusal_of_decimal(int refusal)
{
    return refusal == DECIMAL_NOT_FINITE ? SENML_NOT_FINITE : SENML_BAD_NUMBER;
}

static int refusal_of_cbor(int refusal)
{
    return refusal == CBOR_TOO_DEEP ? SENML_TOO_DEEP : refusal == CBOR_RANGE ? SENML_BAD_NUMBER : SENML_MALFORMED;
}

/* A float at the width that it was sent with: widening it first would pretend digits that it never had. */
static int take_float(struct cbor_reader *reader, struct decimal *out)
{
    uint8_t head = *reader->at;
    unsigned width = head == HEAD_HALF ? 2 : head == HEAD_SINGLE ? 4 : 8;
    const uint8_t *raw = reader->at + 1;
    uint64_t bits = 0;
    int r;

    (void)cbor_read_double_bits(reader);
    if (reader->refusal != 0)
        return refusal_of_cbor(reader->refusal);
    for (unsigned i = 0; i < width; i++)
        bits = bits << 8 | raw[i];
    r = decimal_from_float(bits, width, out);
    return r == 0 ? 0 : refusal_of_decimal(r);
}

/* Tag 4: [exponent, mantissa] (RFC 8949 section 3.4.4). */
static int take_fraction(struct cbor_reader *reader, struct decimal *out)
{
    int64_t exponent, mantissa;

    if (cbor_read_tag(reader) != TAG_DECIMAL)
        return SENML_BAD_TYPE;
    cbor_read_array_of(reader, 2);
    exponent = cbor_read_int(reader);
    mantissa = cbor_read_int(reader);
    if (reader->refusal != 0)
        return refusal_of_cbor(reader->refusal);
    if (exponent < -1000 || exponent > 1000)
        return SENML_BAD_NUMBER;
    return decimal_make(mantissa, (int32_t)exponent, out) == 0 ? 0 : SENML_BAD_NUMBER;
}

static int take_number(struct cbor_reader *reader, struct decimal *out)
{
    enum cbor_type type = cbor_peek(reader);
    int64_t integer;

    if (type == CBOR_FLOAT)
        return take_float(reader, out);
    if (type == CBOR_TAG)
        return take_fraction(reader, out);
    if (type != CBOR_UINT && type != CBOR_NINT)
        return SENML_BAD_TYPE;
    integer = cbor_read_int(reader);
    if (reader->refusal != 0)
        return refusal_of_cbor(reader->refusal);
    return decimal_make(integer, 0, out) == 0 ? 0 : SENML_BAD_NUMBER;
}

static int take_value(struct cbor_reader *reader, enum senml_form form, struct senml_value *out)
{
    enum cbor_type type = cbor_peek(reader);

    switch (form) {
    case SENML_FORM_NUMBER:
        return take_number(reader, &out->number);
    case SENML_FORM_TEXT:
        if (type != CBOR_TEXT)
            return SENML_BAD_TYPE;
        out->text = cbor_read_text(reader);
        break;
    case SENML_FORM_DATA:
        if (type != CBOR_BYTES)
            return SENML_BAD_TYPE;
        out->text = cbor_read_bytes(reader);
        break;
    case SENML_FORM_BOOLEAN:
        if (type != CBOR_TRUE && type != CBOR_FALSE)
            return SENML_BAD_TYPE;
        out->boolean = cbor_read_bool(reader);
        break;
    }
    return reader->refusal == 0 ? 0 : refusal_of_cbor(reader->refusal);
}

/* Integer labels are the known fields; text labels can only be extensions, because every field has an integer. */
static int take_label(struct cbor_reader *reader, enum senml_field *out)
{
    enum cbor_type type = cbor_peek(reader);
    struct bytes text;
    int64_t label;
    int r = 0;

    *out = SENML_FIELDS;
    if (type == CBOR_TEXT) {
        text = cbor_read_text(reader);
        if (reader->refusal != 0)
            return refusal_of_cbor(reader->refusal);
        return senml_field_of_text(text, &r) == SENML_FIELDS ? r : SENML_BAD_TYPE;
    }
    if (type != CBOR_UINT && type != CBOR_NINT)
        return SENML_BAD_TYPE;
    label = cbor_read_int(reader);
    if (reader->refusal != 0)
        return refusal_of_cbor(reader->refusal);
    for (unsigned i = 0; i < SENML_FIELDS; i++)
        if (senml_labels[i].cbor == label)
            *out = (enum senml_field)i;
    return 0;
}

static int take_field(struct cbor_reader *reader, struct senml_resolver *resolver)
{
    struct senml_value value = { .boolean = false };
    enum senml_field field;
    int r = take_label(reader, &field);

    if (r != 0)
        return r;
    if (field == SENML_FIELDS) {
        cbor_skip(reader);
        return reader->refusal == 0 ? 0 : refusal_of_cbor(reader->refusal);
    }
    r = take_value(reader, senml_labels[field].form, &value);
    return r != 0 ? r : senml_set_field(resolver, field, &value);
}

static int take_record(struct cbor_reader *reader, struct senml_resolver *resolver)
{
    struct cbor_list fields = cbor_read_map(reader);
    int r;

    senml_begin_record(resolver);
    while (cbor_more(reader, &fields)) {
        r = take_field(reader, resolver);
        if (r != 0)
            return r;
    }
    if (reader->refusal != 0)
        return refusal_of_cbor(reader->refusal);
    return senml_end_record(resolver);
}

int senml_decode_cbor(struct bytes cbor, struct senml_pack *pack)
{
    struct cbor_reader reader = cbor_reader_on(cbor, CBOR_LENIENT);
    struct cbor_list records = cbor_read_array(&reader);
    struct senml_resolver resolver;
    int r;

    senml_resolver_begin(&resolver, pack);
    while (cbor_more(&reader, &records)) {
        r = take_record(&reader, &resolver);
        if (r != 0)
            return r;
    }
    if (cbor_reader_finish(&reader) != 0)
        return SENML_MALFORMED;
    return senml_resolver_finish(&resolver);
}

/* ---- encoding ---- */

static void put_label(struct cbor_writer *writer, enum senml_field field)
{
    cbor_write_int(writer, senml_labels[field].cbor);
}

static void put_text(struct cbor_writer *writer, enum senml_field field, struct bytes text)
{
    put_label(writer, field);
    cbor_write_text(writer, text);
}

static void put_number(struct cbor_writer *writer, enum senml_field field, struct decimal number)
{
    int64_t integer;

    put_label(writer, field);
    if (number.exponent10 >= 0 && decimal_scale(number, 1, &integer) == 0)
        cbor_write_int(writer, integer);
    else
        cbor_write_decimal(writer, number.mantissa, number.exponent10);
}

static void put_seconds(struct cbor_writer *writer, enum senml_field field, int64_t milliseconds)
{
    struct decimal seconds = { 0, 0 };

    (void)decimal_make(milliseconds, -3, &seconds); /* always fits */
    put_number(writer, field, seconds);
}

static void put_value(struct cbor_writer *writer, const struct senml_record *record)
{
    switch (record->kind) {
    case SENML_NUMBER:
        put_number(writer, SENML_FIELD_V, record->number);
        break;
    case SENML_STRING:
        put_text(writer, SENML_FIELD_VS, record->text);
        break;
    case SENML_BOOLEAN:
        put_label(writer, SENML_FIELD_VB);
        cbor_write_bool(writer, record->boolean);
        break;
    case SENML_DATA:
        put_label(writer, SENML_FIELD_VD);
        cbor_write_bytes(writer, record->text);
        break;
    case SENML_NONE:
        break;
    }
}

static void put_record(struct cbor_writer *writer, const struct senml_record *record, const struct senml_base *base,
                       bool first)
{
    struct bytes name = bytes_view(record->name + base->name.size, strlen(record->name) - base->name.size);
    bool has_base_name = first && base->name.size > 0, has_base_time = first && base->time_ms != 0;
    bool has_name = name.size > 0, has_unit = record->unit[0] != '\0', has_time = record->time_ms != base->time_ms;
    bool has_update = record->update_ms != 0, has_value = record->kind != SENML_NONE;

    cbor_write_map(writer, (uint64_t)has_base_name + has_base_time + has_name + has_unit + has_time + has_update +
                               has_value + record->has_sum);
    if (has_base_name)
        put_text(writer, SENML_FIELD_BN, base->name);
    if (has_base_time)
        put_seconds(writer, SENML_FIELD_BT, base->time_ms);
    if (has_name)
        put_text(writer, SENML_FIELD_N, name);
    if (has_unit)
        put_text(writer, SENML_FIELD_U, bytes_of_text(record->unit));
    if (has_time)
        put_seconds(writer, SENML_FIELD_T, record->time_ms - base->time_ms);
    if (has_update)
        put_seconds(writer, SENML_FIELD_UT, record->update_ms);
    put_value(writer, record);
    if (record->has_sum)
        put_number(writer, SENML_FIELD_S, record->sum);
}

int senml_encode_cbor(const struct senml_record *records, size_t count, struct bytes base_name, uint8_t *out,
                      size_t capacity, size_t *out_size)
{
    struct cbor_writer writer = cbor_writer_on(out, capacity);
    struct senml_base base;
    int r = senml_choose_base(records, count, base_name, &base);

    if (r != 0)
        return r;
    cbor_write_array(&writer, count);
    for (size_t i = 0; i < count; i++)
        put_record(&writer, &records[i], &base, i == 0);
    return cbor_writer_finish(&writer, out_size) == 0 ? 0 : SENML_NO_ROOM;
}
