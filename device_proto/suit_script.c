/* suit_script.c - sequences of commands, written straight into the caller's buffer.
 * Neither the number of items in a sequence nor its size is known before its end: both heads are put in front of it
 * then, as cbor_wrap_end does. */
#include "device_proto/suit_private.h"

#include "device_proto/suit_author.h"

#define PEN_TAG 112u
/* What is written is held to what is read: shortest heads, definite lengths. */
#define WRITTEN_RULES (CBOR_SHORTEST | CBOR_DEFINITE)

struct suit_script suit_script_on(enum suit_dialect dialect, uint8_t *out, size_t capacity)
{
    struct suit_script script = { .dialect = dialect, .writer = cbor_writer_on(out, capacity), .depth = 1 };

    return script;
}

static void refuse(struct suit_script *script, int why)
{
    if (script->refusal == 0)
        script->refusal = why;
}

static void open_level(struct suit_script *script, bool is_tries)
{
    if (script->depth == SUIT_SCRIPT_DEPTH)
        refuse(script, SUIT_REFUSED_ROOM);
    if (script->refusal != 0)
        return;
    script->levels[script->depth].begin = script->writer.size;
    script->levels[script->depth].items = 0;
    script->levels[script->depth].is_tries = is_tries;
    script->depth++;
}

/* Puts the array's head before the items that were written since begin. */
static void close_array(struct cbor_writer *writer, size_t begin, uint64_t items)
{
    uint8_t head[9];
    struct cbor_writer aside = cbor_writer_on(head, sizeof head);
    size_t content = writer->size - begin;

    cbor_write_array(&aside, items);
    cbor_write_raw(writer, bytes_view(head, aside.size)); /* makes the room, and counts */
    if (writer->size > writer->capacity)
        return;
    memmove(writer->data + begin + aside.size, writer->data + begin, content);
    memcpy(writer->data + begin, head, aside.size);
}

/* Ends the innermost sequence or list of branches; gives where it begins. */
static size_t close_level(struct suit_script *script, bool is_tries, uint64_t least)
{
    size_t begin;

    if (script->refusal == 0 && (script->depth < 2 || script->levels[script->depth - 1].is_tries != is_tries ||
                                 script->levels[script->depth - 1].items < least))
        refuse(script, SUIT_REFUSED_STRUCTURE);
    if (script->refusal != 0)
        return 0;
    script->depth--;
    begin = script->levels[script->depth].begin;
    close_array(&script->writer, begin, script->levels[script->depth].items);
    return begin;
}

/* The number of a command, if one that takes this may stand here. */
static bool begin_command(struct suit_script *script, int64_t command, enum suit_takes takes)
{
    const struct suit_command_row *row = suit_command_find(command);

    if (row == NULL || row->takes != takes || script->levels[script->depth - 1].is_tries)
        refuse(script, SUIT_REFUSED_STRUCTURE);
    else if (script->dialect == SUIT_RIOT && !row->riot)
        refuse(script, SUIT_REFUSED_UNSUPPORTED);
    if (script->refusal != 0)
        return false;
    if (script->dialect == SUIT_RIOT && command == SUIT_DIRECTIVE_RUN_SEQUENCE)
        command = DIRECTIVE_RUN_SEQUENCE_RIOT;
    cbor_write_int(&script->writer, command);
    script->levels[script->depth - 1].items += 2;
    return true;
}

void suit_script_command(struct suit_script *script, int64_t command, uint64_t policy)
{
    if (policy > SUIT_POLICY_MAX)
        refuse(script, SUIT_REFUSED_STRUCTURE);
    if (begin_command(script, command, SUIT_TAKES_POLICY))
        cbor_write_uint(&script->writer, policy);
}

void suit_script_index(struct suit_script *script, const uint64_t *indices, size_t count)
{
    if (script->dialect == SUIT_RIOT && count != 1)
        refuse(script, SUIT_REFUSED_UNSUPPORTED);
    if (!begin_command(script, SUIT_DIRECTIVE_SET_INDEX, SUIT_TAKES_INDEX))
        return;
    if (count == 0)
        cbor_write_bool(&script->writer, true);
    if (count > 1)
        cbor_write_array(&script->writer, count);
    for (size_t i = 0; i < count; i++)
        cbor_write_uint(&script->writer, indices[i]);
}

/* ---- parameters ---- */

int suit_check_uri(struct bytes uri)
{
    if (uri.size > SUIT_URI_SIZE_MAX)
        return SUIT_REFUSED_ROOM;
    for (size_t i = 0; i < uri.size; i++) {
        if (uri.data[i] <= ' ' || uri.data[i] > '~')
            return SUIT_REFUSED_STRUCTURE;
    }
    return 0;
}

static void write_digest(struct suit_script *script, const struct suit_value *value)
{
    int64_t algorithm = value->integer == 0 ? DIGEST_ALG_SHA256 : value->integer;
    size_t begin = cbor_wrap_begin(&script->writer);

    if (value->bytes.size != suit_digest_size(algorithm))
        refuse(script, SUIT_REFUSED_STRUCTURE);
    if (script->dialect == SUIT_RIOT && algorithm != DIGEST_ALG_SHA256)
        refuse(script, SUIT_REFUSED_UNSUPPORTED);
    cbor_write_array(&script->writer, 2);
    cbor_write_int(&script->writer, script->dialect == SUIT_RIOT ? DIGEST_ALG_RIOT : algorithm);
    cbor_write_bytes(&script->writer, value->bytes);
    cbor_wrap_end(&script->writer, begin);
}

static void write_version(struct suit_script *script, const struct suit_value *value)
{
    size_t begin = cbor_wrap_begin(&script->writer);

    if (value->list_count == 0 || suit_comparison_name(value->integer) == NULL)
        refuse(script, SUIT_REFUSED_STRUCTURE);
    cbor_write_array(&script->writer, 2);
    cbor_write_int(&script->writer, value->integer);
    cbor_write_array(&script->writer, value->list_count);
    for (size_t i = 0; i < value->list_count; i++)
        cbor_write_int(&script->writer, value->list[i]);
    cbor_wrap_end(&script->writer, begin);
}

static void write_id(struct suit_script *script, const struct suit_value *value)
{
    if (value->is_pen && value->parameter == SUIT_PARAMETER_VENDOR && script->dialect == SUIT_37)
        cbor_write_tag(&script->writer, PEN_TAG);
    else if (value->is_pen || value->bytes.size != SUIT_ID_SIZE)
        refuse(script, SUIT_REFUSED_STRUCTURE);
    cbor_write_bytes(&script->writer, value->bytes);
}

static void write_text(struct suit_script *script, const struct suit_value *value)
{
    int r = value->bytes.size == 0 ? SUIT_REFUSED_STRUCTURE : suit_check_uri(value->bytes);

    if (r != 0)
        refuse(script, r);
    cbor_write_text(&script->writer, value->bytes);
}

static void write_encoded(struct suit_script *script, const struct suit_value *value, bool wrapped)
{
    if (cbor_check(value->bytes, WRITTEN_RULES) != 0)
        refuse(script, SUIT_REFUSED_STRUCTURE);
    if (wrapped)
        cbor_write_bytes(&script->writer, value->bytes);
    else
        cbor_write_raw(&script->writer, value->bytes);
}

static void write_value(struct suit_script *script, const struct suit_value *value)
{
    const struct suit_parameter_row *row = suit_parameter_find(value->parameter);

    if (row == NULL || (script->dialect == SUIT_RIOT && !row->riot)) {
        refuse(script, row == NULL ? SUIT_REFUSED_STRUCTURE : SUIT_REFUSED_UNSUPPORTED);
        return;
    }
    cbor_write_int(&script->writer, value->parameter);
    switch (row->kind) {
    case SUIT_VALUE_UINT:
        cbor_write_uint(&script->writer, value->number);
        break;
    case SUIT_VALUE_INT:
        cbor_write_int(&script->writer, value->integer);
        break;
    case SUIT_VALUE_BOOL:
        cbor_write_bool(&script->writer, value->number != 0);
        break;
    case SUIT_VALUE_TEXT:
        write_text(script, value);
        break;
    case SUIT_VALUE_BYTES:
        cbor_write_bytes(&script->writer, value->bytes);
        break;
    case SUIT_VALUE_ID:
        write_id(script, value);
        break;
    case SUIT_VALUE_DIGEST:
        write_digest(script, value);
        break;
    case SUIT_VALUE_VERSION:
        write_version(script, value);
        break;
    case SUIT_VALUE_WRAPPED:
    case SUIT_VALUE_ITEM:
        write_encoded(script, value, row->kind == SUIT_VALUE_WRAPPED);
        break;
    }
}

/* Whether a key stands before another in canonical order: 0, 1, 2, ..., -1, -2, ... */
static bool key_before(int64_t a, int64_t b)
{
    if ((a < 0) != (b < 0))
        return b < 0;
    return a < 0 ? a > b : a < b;
}

/* Writes the values in canonical order: each time the first of those that stand behind the last. */
static void write_values(struct suit_script *script, const struct suit_value *values, size_t count)
{
    const struct suit_value *last = NULL;

    if (count == 0)
        refuse(script, SUIT_REFUSED_STRUCTURE);
    cbor_write_map(&script->writer, count);
    for (size_t written = 0; written < count && script->refusal == 0; written++) {
        const struct suit_value *next = NULL;

        for (size_t i = 0; i < count; i++) {
            if (last != NULL && !key_before(last->parameter, values[i].parameter))
                continue;
            if (next == NULL || key_before(values[i].parameter, next->parameter))
                next = &values[i];
        }
        if (next == NULL) { /* one stands there twice */
            refuse(script, SUIT_REFUSED_STRUCTURE);
            return;
        }
        write_value(script, next);
        last = next;
    }
}

void suit_script_parameters(struct suit_script *script, int64_t command, const struct suit_value *values, size_t count)
{
    if (begin_command(script, command, SUIT_TAKES_PARAMETERS))
        write_values(script, values, count);
}

void suit_script_override_multiple(struct suit_script *script, const struct suit_values *rows, size_t count)
{
    if (count == 0)
        refuse(script, SUIT_REFUSED_STRUCTURE);
    if (!begin_command(script, SUIT_DIRECTIVE_OVERRIDE_MULTIPLE, SUIT_TAKES_MULTIPLE))
        return;
    cbor_write_map(&script->writer, count);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && rows[i].index <= rows[i - 1].index)
            refuse(script, SUIT_REFUSED_STRUCTURE);
        cbor_write_uint(&script->writer, rows[i].index);
        write_values(script, rows[i].values, rows[i].count);
    }
}

void suit_script_copy_params(struct suit_script *script, const struct suit_copies *rows, size_t count)
{
    if (count == 0)
        refuse(script, SUIT_REFUSED_STRUCTURE);
    if (!begin_command(script, SUIT_DIRECTIVE_COPY_PARAMS, SUIT_TAKES_COPIES))
        return;
    cbor_write_map(&script->writer, count);
    for (size_t i = 0; i < count; i++) {
        if ((i > 0 && rows[i].index <= rows[i - 1].index) || rows[i].count == 0)
            refuse(script, SUIT_REFUSED_STRUCTURE);
        cbor_write_uint(&script->writer, rows[i].index);
        cbor_write_array(&script->writer, rows[i].count);
        for (size_t k = 0; k < rows[i].count; k++)
            cbor_write_int(&script->writer, rows[i].parameters[k]);
    }
}

/* ---- sequences in sequences ---- */

void suit_script_run_begin(struct suit_script *script)
{
    if (begin_command(script, SUIT_DIRECTIVE_RUN_SEQUENCE, SUIT_TAKES_SEQUENCE))
        open_level(script, false);
}

void suit_script_run_end(struct suit_script *script)
{
    size_t begin = close_level(script, false, 1);

    if (script->refusal == 0 && script->levels[script->depth - 1].is_tries)
        refuse(script, SUIT_REFUSED_STRUCTURE); /* this was a branch */
    if (script->refusal == 0)
        cbor_wrap_end(&script->writer, begin);
}

void suit_script_try_begin(struct suit_script *script)
{
    if (begin_command(script, SUIT_DIRECTIVE_TRY_EACH, SUIT_TAKES_TRIES))
        open_level(script, true);
}

void suit_script_branch_begin(struct suit_script *script)
{
    if (!script->levels[script->depth - 1].is_tries)
        refuse(script, SUIT_REFUSED_STRUCTURE);
    script->levels[script->depth - 1].items++;
    open_level(script, false);
}

void suit_script_branch_end(struct suit_script *script)
{
    size_t begin = close_level(script, false, 1);

    if (script->refusal == 0 && !script->levels[script->depth - 1].is_tries)
        refuse(script, SUIT_REFUSED_STRUCTURE); /* this was a run-sequence */
    if (script->refusal == 0)
        cbor_wrap_end(&script->writer, begin);
}

void suit_script_try_end(struct suit_script *script, bool or_nothing)
{
    if (or_nothing && script->dialect == SUIT_RIOT)
        refuse(script, SUIT_REFUSED_UNSUPPORTED);
    if (or_nothing && script->refusal == 0 && script->levels[script->depth - 1].is_tries) {
        cbor_write_null(&script->writer);
        script->levels[script->depth - 1].items++;
    }
    (void)close_level(script, true, or_nothing ? 3 : 2);
}

void suit_script_custom(struct suit_script *script, int64_t command, struct bytes argument)
{
    struct cbor_reader reader = cbor_reader_on(argument, WRITTEN_RULES);
    enum cbor_type type = cbor_peek(&reader);
    bool fits = type == CBOR_UINT || type == CBOR_NINT || type == CBOR_TEXT || type == CBOR_BYTES || type == CBOR_NULL;

    if (command >= 0 || !fits || cbor_check(argument, WRITTEN_RULES) != 0 || script->levels[script->depth - 1].is_tries)
        refuse(script, SUIT_REFUSED_STRUCTURE);
    if (script->dialect == SUIT_RIOT)
        refuse(script, SUIT_REFUSED_UNSUPPORTED);
    if (script->refusal != 0)
        return;
    cbor_write_int(&script->writer, command);
    cbor_write_raw(&script->writer, argument);
    script->levels[script->depth - 1].items += 2;
}

int suit_script_finish(struct suit_script *script, struct bytes *out)
{
    size_t size;

    if (script->refusal == 0 && (script->depth != 1 || script->levels[0].items == 0))
        refuse(script, SUIT_REFUSED_STRUCTURE);
    if (script->refusal != 0)
        return script->refusal;
    close_array(&script->writer, 0, script->levels[0].items);
    if (cbor_writer_finish(&script->writer, &size) != 0)
        return SUIT_REFUSED_ROOM;
    if (cbor_check(bytes_view(script->writer.data, size), CBOR_CANONICAL) != 0)
        return SUIT_REFUSED_STRUCTURE;
    *out = bytes_view(script->writer.data, size);
    return 0;
}
