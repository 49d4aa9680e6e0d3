/* senml.c - the data model of SenML (RFC 8428 section 4), whatever the syntax. */
#include "device_proto/senml_resolve.h"

/* Milliseconds of the year 9999: sums of two such times cannot overflow. */
#define TIME_MAX_MS (253402300799999LL)

#define BIT(field)   (1u << (field))
#define VALUE_FIELDS (BIT(SENML_FIELD_V) | BIT(SENML_FIELD_VS) | BIT(SENML_FIELD_VB) | BIT(SENML_FIELD_VD))
#define BASE_FIELDS                                                                                                  \
    (BIT(SENML_FIELD_BVER) | BIT(SENML_FIELD_BN) | BIT(SENML_FIELD_BT) | BIT(SENML_FIELD_BU) | BIT(SENML_FIELD_BV) | \
     BIT(SENML_FIELD_BS))

const struct senml_label senml_labels[SENML_FIELDS] = {
    [SENML_FIELD_BVER] = { "bver", -1, SENML_FORM_NUMBER }, [SENML_FIELD_BN] = { "bn", -2, SENML_FORM_TEXT },
    [SENML_FIELD_BT] = { "bt", -3, SENML_FORM_NUMBER },     [SENML_FIELD_BU] = { "bu", -4, SENML_FORM_TEXT },
    [SENML_FIELD_BV] = { "bv", -5, SENML_FORM_NUMBER },     [SENML_FIELD_BS] = { "bs", -6, SENML_FORM_NUMBER },
    [SENML_FIELD_N] = { "n", 0, SENML_FORM_TEXT },          [SENML_FIELD_U] = { "u", 1, SENML_FORM_TEXT },
    [SENML_FIELD_V] = { "v", 2, SENML_FORM_NUMBER },        [SENML_FIELD_VS] = { "vs", 3, SENML_FORM_TEXT },
    [SENML_FIELD_VB] = { "vb", 4, SENML_FORM_BOOLEAN },     [SENML_FIELD_S] = { "s", 5, SENML_FORM_NUMBER },
    [SENML_FIELD_T] = { "t", 6, SENML_FORM_NUMBER },        [SENML_FIELD_UT] = { "ut", 7, SENML_FORM_NUMBER },
    [SENML_FIELD_VD] = { "vd", 8, SENML_FORM_DATA },
};

enum senml_field senml_field_of_text(struct bytes label, int *refusal)
{
    for (unsigned i = 0; i < SENML_FIELDS; i++)
        if (bytes_equal_text(label, senml_labels[i].json))
            return (enum senml_field)i;
    if (label.size > 0 && label.data[label.size - 1] == '_')
        *refusal = SENML_MUST_UNDERSTAND;
    return SENML_FIELDS;
}

void senml_resolver_begin(struct senml_resolver *resolver, struct senml_pack *pack)
{
    *resolver = (struct senml_resolver){ .pack = pack, .version = { SENML_VERSION / 10, 1 } };
    pack->text_size = 0;
}

void senml_begin_record(struct senml_resolver *resolver)
{
    resolver->seen = 0;
    resolver->records_seen++;
}

int senml_set_field(struct senml_resolver *resolver, enum senml_field field, const struct senml_value *value)
{
    if ((resolver->seen & BIT(field)) != 0)
        return SENML_DOUBLE_FIELD;
    if ((BIT(field) & VALUE_FIELDS) != 0 && (resolver->seen & VALUE_FIELDS) != 0)
        return SENML_DOUBLE_FIELD;
    resolver->seen |= BIT(field);
    resolver->fields[field] = *value;
    return 0;
}

static bool has(const struct senml_resolver *resolver, enum senml_field field)
{
    return (resolver->seen & BIT(field)) != 0;
}

/* One version for the whole pack: the default, or what the first record says. */
static int apply_version(struct senml_resolver *resolver)
{
    struct decimal version = resolver->fields[SENML_FIELD_BVER].number;
    int64_t number;

    if (!has(resolver, SENML_FIELD_BVER))
        return 0;
    if (version.exponent10 < 0 || decimal_scale(version, 1, &number) != 0 || number < 1 || number > SENML_VERSION)
        return SENML_BAD_VERSION;
    if (resolver->records_seen > 1 &&
        (version.mantissa != resolver->version.mantissa || version.exponent10 != resolver->version.exponent10))
        return SENML_BAD_VERSION;
    resolver->version = version;
    return 0;
}

static int apply_base(struct senml_resolver *resolver)
{
    if (has(resolver, SENML_FIELD_BN))
        resolver->base.name = resolver->fields[SENML_FIELD_BN].text;
    if (has(resolver, SENML_FIELD_BU))
        resolver->base.unit = resolver->fields[SENML_FIELD_BU].text;
    if (has(resolver, SENML_FIELD_BT))
        resolver->base.time = resolver->fields[SENML_FIELD_BT].number;
    if (has(resolver, SENML_FIELD_BV))
        resolver->base.value = resolver->fields[SENML_FIELD_BV].number;
    if (has(resolver, SENML_FIELD_BS))
        resolver->base.sum = resolver->fields[SENML_FIELD_BS].number;
    return apply_version(resolver);
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Base name and name joined; letters, digits and -:./_ only, beginning with one of the former (section 4.5.1). */
static int resolve_name(const struct senml_resolver *resolver, char out[SENML_NAME_MAX + 1])
{
    struct bytes base = resolver->base.name;
    struct bytes name = has(resolver, SENML_FIELD_N) ? resolver->fields[SENML_FIELD_N].text : bytes_view(NULL, 0);
    size_t size = base.size + name.size;

    if (base.size > SENML_NAME_MAX || name.size > SENML_NAME_MAX || size > SENML_NAME_MAX || size == 0)
        return SENML_BAD_NAME;
    if (base.size > 0)
        memcpy(out, base.data, base.size);
    if (name.size > 0)
        memcpy(out + base.size, name.data, name.size);
    out[size] = '\0';
    for (size_t i = 0; i < size; i++)
        if (!is_alphanumeric(out[i]) && (i == 0 || out[i] == '\0' || strchr("-:./_", out[i]) == NULL))
            return SENML_BAD_NAME;
    return 0;
}

static int resolve_unit(const struct senml_resolver *resolver, char out[SENML_UNIT_MAX + 1])
{
    struct bytes unit = has(resolver, SENML_FIELD_U) ? resolver->fields[SENML_FIELD_U].text : resolver->base.unit;

    if (unit.size > SENML_UNIT_MAX)
        return SENML_BAD_UNIT;
    for (size_t i = 0; i < unit.size; i++) {
        if (unit.data[i] <= ' ' || unit.data[i] >= 0x7F || unit.data[i] == '"' || unit.data[i] == '\\')
            return SENML_BAD_UNIT;
        out[i] = (char)unit.data[i];
    }
    out[unit.size] = '\0';
    return 0;
}

/* Seconds as milliseconds. */
static int to_milliseconds(struct decimal seconds, int64_t *out)
{
    int64_t milliseconds;

    if (decimal_scale(seconds, 1000, &milliseconds) != 0 || milliseconds > TIME_MAX_MS || milliseconds < -TIME_MAX_MS)
        return SENML_BAD_TIME;
    *out = milliseconds;
    return 0;
}

static int resolve_times(const struct senml_resolver *resolver, struct senml_record *record)
{
    struct decimal time = resolver->base.time;
    int r;

    if (has(resolver, SENML_FIELD_T) && decimal_add(time, resolver->fields[SENML_FIELD_T].number, &time) != 0)
        return SENML_BAD_TIME;
    r = to_milliseconds(time, &record->time_ms);
    if (r == 0 && has(resolver, SENML_FIELD_UT))
        r = to_milliseconds(resolver->fields[SENML_FIELD_UT].number, &record->update_ms);
    return r;
}

static int resolve_value(const struct senml_resolver *resolver, struct senml_record *record)
{
    if (has(resolver, SENML_FIELD_V)) {
        record->kind = SENML_NUMBER;
        if (decimal_add(resolver->base.value, resolver->fields[SENML_FIELD_V].number, &record->number) != 0)
            return SENML_BAD_NUMBER;
    } else if (has(resolver, SENML_FIELD_VS)) {
        record->kind = SENML_STRING;
        record->text = resolver->fields[SENML_FIELD_VS].text;
    } else if (has(resolver, SENML_FIELD_VB)) {
        record->kind = SENML_BOOLEAN;
        record->boolean = resolver->fields[SENML_FIELD_VB].boolean;
    } else if (has(resolver, SENML_FIELD_VD)) {
        record->kind = SENML_DATA;
        record->text = resolver->fields[SENML_FIELD_VD].text;
    }
    record->has_sum = has(resolver, SENML_FIELD_S);
    if (record->has_sum && decimal_add(resolver->base.sum, resolver->fields[SENML_FIELD_S].number, &record->sum) != 0)
        return SENML_BAD_NUMBER;
    return 0;
}

int senml_end_record(struct senml_resolver *resolver)
{
    struct senml_record *record;
    int r = apply_base(resolver);

    if (r != 0)
        return r;
    if ((resolver->seen & (VALUE_FIELDS | BIT(SENML_FIELD_S))) == 0)
        return (resolver->seen & ~BASE_FIELDS) != 0 ? SENML_NO_VALUE : 0;
    if (resolver->count == resolver->pack->capacity)
        return SENML_TOO_MANY;
    record = &resolver->pack->records[resolver->count];
    memset(record, 0, sizeof(*record));
    r = resolve_name(resolver, record->name);
    if (r != 0)
        return r;
    r = resolve_unit(resolver, record->unit);
    if (r != 0)
        return r;
    r = resolve_times(resolver, record);
    if (r != 0)
        return r;
    r = resolve_value(resolver, record);
    if (r != 0)
        return r;
    resolver->count++;
    return 0;
}

int senml_resolver_finish(struct senml_resolver *resolver)
{
    if (resolver->count == 0)
        return SENML_EMPTY;
    resolver->pack->count = resolver->count;
    return 0;
}

uint8_t *senml_text_room(const struct senml_pack *pack, size_t *out_capacity)
{
    *out_capacity = pack->text_capacity - pack->text_size;
    return *out_capacity == 0 ? NULL : pack->text + pack->text_size;
}

void senml_text_keep(struct senml_pack *pack, size_t size)
{
    pack->text_size += size;
}

int senml_choose_base(const struct senml_record *records, size_t count, struct bytes name, struct senml_base *out)
{
    struct senml_base base = { name, count > 0 ? records[0].time_ms : 0 };

    if (count == 0)
        return SENML_EMPTY;
    for (size_t i = 0; i < count; i++) {
        if (strlen(records[i].name) < name.size ||
            (name.size > 0 && memcmp(records[i].name, name.data, name.size) != 0))
            return SENML_BAD_NAME;
        if (records[i].time_ms < SENML_RELATIVE_MS)
            base.time_ms = 0;
    }
    *out = base;
    return 0;
}

int64_t senml_time(const struct senml_record *record, int64_t now_ms)
{
    return record->time_ms < SENML_RELATIVE_MS ? now_ms + record->time_ms : record->time_ms;
}

const char *senml_refusal_text(int refusal)
{
    static const char *const texts[] = {
        [0] = "no problem",
        [SENML_MALFORMED] = "not a well-formed array of records",
        [SENML_EMPTY] = "no record with a value",
        [SENML_TOO_MANY] = "too many records",
        [SENML_NO_ROOM] = "buffer too small",
        [SENML_BAD_TYPE] = "a field has the wrong type",
        [SENML_BAD_NAME] = "a name is missing, too long or has forbidden characters",
        [SENML_BAD_UNIT] = "a unit is too long or has forbidden characters",
        [SENML_BAD_NUMBER] = "a number does not fit",
        [SENML_NOT_FINITE] = "a number is not finite",
        [SENML_BAD_TIME] = "a time does not fit",
        [SENML_BAD_VERSION] = "the pack's version is not understood",
        [SENML_DOUBLE_FIELD] = "a record has a field, or a value, twice",
        [SENML_NO_VALUE] = "a record has no value",
        [SENML_MUST_UNDERSTAND] = "a record has an unknown field that must be understood",
        [SENML_BAD_DATA] = "a data value is not base64url",
        [SENML_TOO_DEEP] = "nested too deeply",
    };

    if (refusal < 0 || (size_t)refusal >= sizeof(texts) / sizeof(texts[0]))
        return "unknown refusal";
    return texts[refusal];
}
