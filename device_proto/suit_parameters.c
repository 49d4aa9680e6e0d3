/* suit_parameters.c - the table of parameters, and the commands that set them.
 * A value is checked when it is set and kept as a view, so that what a command reads needs no more checks. */
#include "device_proto/suit_walk.h"

enum kind {
    KIND_UINT,
    KIND_INT,
    KIND_BYTES,
    KIND_TEXT,
    KIND_CBOR,   /* a byte string that holds one item of CBOR */
    KIND_DIGEST, /* a byte string that holds a SUIT_Digest */
    KIND_VENDOR, /* bytes, or tagged: an enterprise number */
    KIND_VERSION,
    KIND_WAIT,
    KIND_SOURCE, /* a component index */
    KIND_STRICT,
    KIND_SOFT,
};

struct parameter {
    int64_t number;
    bool riot;
    enum kind kind;
    enum suit_value_index index;
    const char *name;
};

static const struct parameter parameters[] = {
    { SUIT_PARAMETER_VENDOR, true, KIND_VENDOR, VALUE_VENDOR, "parameter vendor-identifier" },
    { SUIT_PARAMETER_CLASS, true, KIND_BYTES, VALUE_CLASS, "parameter class-identifier" },
    { SUIT_PARAMETER_DIGEST, true, KIND_DIGEST, VALUE_DIGEST, "parameter image-digest" },
    { SUIT_PARAMETER_USE_BEFORE, false, KIND_UINT, VALUE_USE_BEFORE, "parameter use-before" },
    { SUIT_PARAMETER_SLOT, true, KIND_UINT, VALUE_SLOT, "parameter component-slot" },
    { SUIT_PARAMETER_STRICT_ORDER, false, KIND_STRICT, VALUE_COUNT, "parameter strict-order" },
    { SUIT_PARAMETER_SOFT_FAILURE, false, KIND_SOFT, VALUE_COUNT, "parameter soft-failure" },
    { SUIT_PARAMETER_SIZE, true, KIND_UINT, VALUE_SIZE, "parameter image-size" },
    { SUIT_PARAMETER_CONTENT, false, KIND_BYTES, VALUE_CONTENT, "parameter content" },
    { SUIT_PARAMETER_ENCRYPTION_INFO, false, KIND_CBOR, VALUE_ENCRYPTION, "parameter encryption-info" },
    { SUIT_PARAMETER_URI, true, KIND_TEXT, VALUE_URI, "parameter uri" },
    { SUIT_PARAMETER_SOURCE, false, KIND_SOURCE, VALUE_SOURCE, "parameter source-component" },
    { SUIT_PARAMETER_INVOKE_ARGS, false, KIND_BYTES, VALUE_INVOKE_ARGS, "parameter invoke-args" },
    { SUIT_PARAMETER_DEVICE, false, KIND_BYTES, VALUE_DEVICE, "parameter device-identifier" },
    { SUIT_PARAMETER_FETCH_ARGS, false, KIND_BYTES, VALUE_FETCH_ARGS, "parameter fetch-arguments" },
    { SUIT_PARAMETER_BATTERY, false, KIND_UINT, VALUE_BATTERY, "parameter minimum-battery" },
    { SUIT_PARAMETER_PRIORITY, false, KIND_INT, VALUE_PRIORITY, "parameter update-priority" },
    { SUIT_PARAMETER_VERSION, false, KIND_VERSION, VALUE_VERSION, "parameter version" },
    { SUIT_PARAMETER_WAIT_INFO, false, KIND_WAIT, VALUE_WAIT, "parameter wait-info" },
    { SUIT_PARAMETER_METADATA, false, KIND_CBOR, VALUE_METADATA, "parameter component-metadata" },
};
#define PARAMETER_COUNT (sizeof parameters / sizeof parameters[0])

static const struct parameter *find(int64_t number)
{
    for (size_t i = 0; i < PARAMETER_COUNT; i++) {
        if (parameters[i].number == number)
            return &parameters[i];
    }
    return NULL;
}

bool suit_parameter_at(enum suit_dialect dialect, size_t i, int64_t *out_number)
{
    for (size_t k = 0; k < PARAMETER_COUNT; k++) {
        if ((dialect == SUIT_37 || parameters[k].riot) && i-- == 0) {
            *out_number = parameters[k].number;
            return true;
        }
    }
    return false;
}

/* ---- values ---- */

/* RIOT devices refuse the type of a value before they look at its key. */
static bool is_simple_value(const struct cbor_reader *reader)
{
    enum cbor_type type = cbor_peek(reader);

    return type == CBOR_UINT || type == CBOR_NINT || type == CBOR_BYTES || type == CBOR_TEXT;
}

static int read_image_digest(struct suit_walk *walk, struct cbor_reader *reader, union suit_setting *out)
{
    struct cbor_reader inner = cbor_reader_on(cbor_read_bytes(reader), SUIT_RULES);
    const char *what = "digest of the image";
    int r;

    if (reader->refusal != 0)
        return suit_refuse(walk, SUIT_REFUSED_STRUCTURE, what);
    r = suit_read_digest_view(&inner, walk->frame->manifest->dialect, &out->bytes, &what);
    if (r == 0 && cbor_reader_finish(&inner) != 0)
        r = SUIT_REFUSED_STRUCTURE;
    return r == 0 ? 0 : suit_refuse(walk, r, what);
}

static void read_wrapped(struct cbor_reader *reader, enum kind kind, union suit_setting *out)
{
    struct cbor_reader inner;
    struct suit_version version = { 0 };
    struct suit_wait wait = { 0 };
    int r = 0;

    out->bytes = cbor_read_bytes(reader);
    inner = cbor_reader_on(out->bytes, SUIT_RULES);
    if (kind == KIND_VERSION) {
        cbor_read_array_of(&inner, 2);
        if (cbor_read_uint_max(&inner, 5) == 0)
            cbor_refuse(&inner, CBOR_RANGE);
        r = suit_read_version(&inner, &version);
    } else if (kind == KIND_WAIT) {
        r = suit_read_wait(out->bytes, &wait);
        cbor_skip(&inner);
    } else {
        cbor_skip(&inner);
    }
    if (reader->refusal == 0 && (r != 0 || cbor_reader_finish(&inner) != 0))
        cbor_refuse(reader, CBOR_MALFORMED);
}

static void read_source(struct suit_walk *walk, struct cbor_reader *reader, union suit_setting *out)
{
    uint64_t index = cbor_read_uint(reader);

    if (reader->refusal == 0 && index >= walk->frame->count)
        cbor_refuse(reader, CBOR_RANGE);
    out->number = reader->refusal == 0 ? walk->frame->rows[index] : 0;
}

/* Parameters of the processor itself, which belong to the sequence and to no component. */
static int read_mode(struct suit_walk *walk, struct cbor_reader *reader, enum kind kind)
{
    struct suit_frame *frame = walk->frame;
    bool value = cbor_read_bool(reader);

    if (reader->refusal != 0)
        return suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "value of a parameter");
    if (kind == KIND_SOFT) {
        if (!frame->may_soften)
            return suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "soft-failure outside of try-each and run-sequence");
        frame->soft = value;
        return 0;
    }
    frame->loose = !value;
    if (value)
        frame->sources = frame->targets = 0;
    return 0;
}

static int read_value(struct suit_walk *walk, struct cbor_reader *reader, const struct parameter *parameter,
                      enum suit_value_index *index, union suit_setting *out)
{
    bool riot = suit_is_riot(walk);

    *index = parameter->index;
    switch (parameter->kind) {
    case KIND_UINT:
        out->number = cbor_read_uint_max(reader, riot ? UINT32_MAX : UINT64_MAX);
        break;
    case KIND_INT:
        out->integer = cbor_read_int(reader);
        break;
    case KIND_VENDOR:
        if (cbor_peek_is(reader, CBOR_TAG)) {
            *index = VALUE_VENDOR_PEN;
            if (cbor_read_tag(reader) != TAG_ENTERPRISE)
                cbor_refuse(reader, CBOR_UNEXPECTED);
        }
        out->bytes = cbor_read_bytes(reader);
        break;
    case KIND_BYTES:
        out->bytes = cbor_read_bytes(reader);
        break;
    case KIND_TEXT:
        out->bytes = cbor_read_text(reader);
        break;
    case KIND_CBOR:
    case KIND_VERSION:
    case KIND_WAIT:
        read_wrapped(reader, parameter->kind, out);
        break;
    case KIND_SOURCE:
        read_source(walk, reader, out);
        break;
    case KIND_DIGEST:
        return read_image_digest(walk, reader, out);
    case KIND_STRICT:
    case KIND_SOFT:
        return read_mode(walk, reader, parameter->kind);
    }
    return reader->refusal != 0 ? suit_refuse(walk, SUIT_REFUSED_STRUCTURE, "value of a parameter") : 0;
}

static void keep(struct suit_row *row, enum suit_value_index index, union suit_setting value)
{
    row->values[index] = value;
    row->set |= 1u << index;
    if (index == VALUE_VENDOR)
        row->set &= ~(1u << VALUE_VENDOR_PEN);
    if (index == VALUE_VENDOR_PEN)
        row->set &= ~(1u << VALUE_VENDOR);
}

static bool is_set(const struct suit_row *row, enum suit_value_index index)
{
    bool vendor = index == VALUE_VENDOR || index == VALUE_VENDOR_PEN;

    return vendor ? suit_has(row, VALUE_VENDOR) || suit_has(row, VALUE_VENDOR_PEN) : suit_has(row, index);
}

/* One pair of a map of parameters. */
static int set_parameter(struct suit_walk *walk, struct cbor_reader *reader, struct suit_row *row, bool override)
{
    int64_t number = cbor_read_int(reader);
    const struct parameter *parameter = find(number);
    enum suit_value_index index = VALUE_COUNT;
    union suit_setting value;
    int r;

    if (suit_is_riot(walk) && !is_simple_value(reader))
        return suit_refuse(walk, SUIT_REFUSED_STRUCTURE, "type of a parameter");
    if (reader->refusal != 0)
        return suit_refuse(walk, SUIT_REFUSED_STRUCTURE, "parameters");
    if (parameter == NULL)
        return suit_refuse(walk, SUIT_REFUSED_UNSUPPORTED,
                           number < 0 ? "custom parameter" : "parameter of unknown number");
    if (suit_is_riot(walk) && !parameter->riot)
        return suit_refuse(walk, SUIT_REFUSED_UNSUPPORTED, parameter->name);
    r = read_value(walk, reader, parameter, &index, &value);
    if (r == 0 && index < VALUE_COUNT && (override || !is_set(row, index)))
        keep(row, index, value);
    return r;
}

/* A map of parameters; keys ascend in SUIT_37, RIOT devices do not ask. */
static int set_all(struct suit_walk *walk, struct cbor_reader *reader, struct suit_row *row, bool override)
{
    struct cbor_list pairs = cbor_read_map(reader);
    int r = 0;

    while (r == 0 && cbor_more(reader, &pairs))
        r = set_parameter(walk, reader, row, override);
    if (r == 0 && reader->refusal != 0)
        r = suit_refuse(walk, SUIT_REFUSED_STRUCTURE, "parameters");
    walk->hard = walk->hard || r != 0;
    return r;
}

/* ---- commands ---- */

int suit_override_parameters(struct suit_walk *walk, struct cbor_reader *reader)
{
    return set_all(walk, reader, suit_current(walk), true);
}

int suit_set_parameters(struct suit_walk *walk, struct cbor_reader *reader)
{
    return set_all(walk, reader, suit_current(walk), suit_is_riot(walk));
}

static int read_index(struct suit_walk *walk, struct cbor_reader *reader, size_t *out)
{
    uint64_t index = cbor_read_uint(reader);

    if (reader->refusal != 0 || index >= walk->frame->count)
        return suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "component index");
    *out = (size_t)index;
    return 0;
}

/* {component index: {parameters}} */
int suit_override_multiple(struct suit_walk *walk, struct cbor_reader *reader)
{
    struct cbor_list pairs = cbor_read_map(reader);
    int r = 0;

    while (r == 0 && cbor_more(reader, &pairs)) {
        size_t index = 0;

        r = read_index(walk, reader, &index);
        r = r != 0 ? r : set_all(walk, reader, suit_row_at(walk, index), true);
    }
    if (r == 0 && reader->refusal != 0)
        r = suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "argument of override-multiple");
    return r;
}

static int copy_one(struct suit_walk *walk, const struct suit_row *from, int64_t number)
{
    const struct parameter *parameter = find(number);
    struct suit_row *to = suit_current(walk);
    enum suit_value_index index;

    if (parameter == NULL || parameter->index == VALUE_COUNT)
        return suit_refuse_hard(walk, SUIT_REFUSED_UNSUPPORTED, "parameter to copy");
    index = parameter->index;
    if (index == VALUE_VENDOR && suit_has(from, VALUE_VENDOR_PEN))
        index = VALUE_VENDOR_PEN;
    if (suit_has(from, index))
        keep(to, index, from->values[index]);
    else if (walk->purpose != SUIT_CHECKING && walk->purpose != SUIT_DESCRIBING)
        return suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "parameter to copy was never set");
    return 0;
}

/* {component index: [parameters]}, into the current component's. */
int suit_copy_params(struct suit_walk *walk, struct cbor_reader *reader)
{
    struct cbor_list pairs = cbor_read_map(reader);
    int r = 0;

    while (r == 0 && cbor_more(reader, &pairs)) {
        struct cbor_list numbers;
        size_t index = 0;

        r = read_index(walk, reader, &index);
        if (r != 0)
            break;
        numbers = cbor_read_array(reader);
        while (r == 0 && cbor_more(reader, &numbers)) {
            int64_t number = cbor_read_int(reader);

            if (reader->refusal == 0)
                r = copy_one(walk, suit_row_at(walk, index), number);
        }
    }
    if (r == 0 && reader->refusal != 0)
        r = suit_refuse_hard(walk, SUIT_REFUSED_STRUCTURE, "argument of copy-params");
    return r;
}
