/* describe_show.c - an envelope becomes a description again, with every sequence written out.
 * What is not understood is kept as CBOR in hex, so that nothing that was signed is left out. */
#include "cli/describe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/text.h"

enum { NESTING_MAX = 8 };

static json_t *hex_json(struct bytes data)
{
    char *hex = malloc(2 * data.size + 1);
    json_t *json = NULL;

    if (hex != NULL) {
        hex_encode(data, hex);
        json = json_string(hex);
    }
    free(hex);
    return json;
}

static bool is_printable(struct bytes data)
{
    for (size_t i = 0; i < data.size; i++) {
        if (data.data[i] < 0x20 || data.data[i] > 0x7e)
            return false;
    }
    return data.size > 0;
}

static bool looks_like_hex(struct bytes data)
{
    for (size_t i = 0; i < data.size; i++) {
        char c = (char)data.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
            return false;
    }
    return data.size % 2 == 0;
}

/* Bytes as they are written in descriptions. */
static json_t *bytes_json(struct bytes data)
{
    if (data.size == 0)
        return json_pack("{s:s}", "text", "");
    if (!is_printable(data))
        return hex_json(data);
    if (looks_like_hex(data))
        return json_pack("{s:s%}", "text", data.data, data.size);
    return json_stringn((const char *)data.data, data.size);
}

static json_t *component_json(const struct suit_component *component)
{
    json_t *parts = json_array();

    for (size_t i = 0; i < component->count; i++)
        json_array_append_new(parts, bytes_json(component->parts[i]));
    return parts;
}

static json_t *cbor_json(struct bytes item)
{
    return json_pack("{s:o}", "cbor", hex_json(item));
}

/* A number, truth value, text, bytes or null of CBOR. */
static json_t *item_json(struct bytes item)
{
    struct cbor_reader reader = cbor_reader_on(item, CBOR_LENIENT);
    json_t *json = NULL;

    switch (cbor_peek(&reader)) {
    case CBOR_UINT:
    case CBOR_NINT:
        json = json_integer(cbor_read_int(&reader));
        break;
    case CBOR_FALSE:
    case CBOR_TRUE:
        json = json_boolean(cbor_read_bool(&reader));
        break;
    case CBOR_TEXT: {
        struct bytes text = cbor_read_text(&reader);
        json = json_stringn((const char *)text.data, text.size);
        break;
    }
    case CBOR_BYTES:
        json = json_pack("{s:o}", "hex", hex_json(cbor_read_bytes(&reader)));
        break;
    case CBOR_NULL:
        cbor_read_null(&reader);
        json = json_null();
        break;
    case CBOR_ARRAY:
    case CBOR_MAP:
    case CBOR_TAG:
    case CBOR_UNDEFINED:
    case CBOR_SIMPLE:
    case CBOR_FLOAT:
    case CBOR_BREAK:
    case CBOR_END:
        break;
    }
    if (json != NULL && cbor_reader_finish(&reader) == 0)
        return json;
    json_decref(json);
    return cbor_json(item);
}

static json_t *digest_json(struct bytes wrapped)
{
    struct cbor_reader reader = cbor_reader_on(wrapped, CBOR_LENIENT);

    cbor_read_array_of(&reader, 2);
    int64_t algorithm = cbor_read_int(&reader);
    struct bytes digest = cbor_read_bytes(&reader);
    const char *name = suit_digest_name(algorithm == 2 ? -16 : algorithm); /* 2: deployed RIOT devices' */
    if (cbor_reader_finish(&reader) != 0 || name == NULL)
        return cbor_json(wrapped);
    return json_pack("{s:s, s:o}", "algorithm-id", name, "digest-bytes", hex_json(digest));
}

static json_t *version_json(struct bytes wrapped)
{
    struct cbor_reader reader = cbor_reader_on(wrapped, CBOR_LENIENT);
    json_t *numbers = json_array();

    cbor_read_array_of(&reader, 2);
    const char *comparison = suit_comparison_name(cbor_read_int(&reader));
    struct cbor_list list = cbor_read_array(&reader);
    while (cbor_more(&reader, &list))
        json_array_append_new(numbers, json_integer(cbor_read_int(&reader)));
    if (cbor_reader_finish(&reader) == 0 && comparison != NULL)
        return json_pack("{s:s, s:o}", "comparison", comparison, "version", numbers);
    json_decref(numbers);
    return cbor_json(wrapped);
}

static json_t *id_json(struct bytes id)
{
    char hex[2 * SUIT_ID_SIZE + 1];
    char text[40];

    if (id.size != SUIT_ID_SIZE)
        return hex_json(id);
    hex_encode(id, hex);
    snprintf(text, sizeof(text), "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
    return json_string(text);
}

/* A parameter's value, of the encoded item. */
static json_t *value_json(int64_t parameter, struct bytes item)
{
    const struct suit_parameter_row *row = suit_parameter_find(parameter);
    struct cbor_reader reader = cbor_reader_on(item, CBOR_LENIENT);

    if (row == NULL)
        return cbor_json(item);
    if (parameter == SUIT_PARAMETER_VENDOR && cbor_peek_is(&reader, CBOR_TAG)) {
        cbor_read_tag(&reader);
        return json_pack("{s:o}", "pen", hex_json(cbor_read_bytes(&reader)));
    }
    if (!cbor_peek_is(&reader, CBOR_BYTES) || row->kind == SUIT_VALUE_ITEM)
        return item_json(item);
    struct bytes content = cbor_read_bytes(&reader);
    if (row->kind == SUIT_VALUE_ID)
        return id_json(content);
    if (row->kind == SUIT_VALUE_DIGEST)
        return digest_json(content);
    if (row->kind == SUIT_VALUE_VERSION)
        return version_json(content);
    return row->kind == SUIT_VALUE_WRAPPED ? json_pack("{s:o}", "hex", hex_json(content)) : bytes_json(content);
}

static void name_of_parameter(int64_t number, char out[32])
{
    const struct suit_parameter_row *row = suit_parameter_find(number);

    if (row != NULL && number >= 0)
        snprintf(out, 32, "%s", row->name);
    else
        snprintf(out, 32, "%lld", (long long)number);
}

static json_t *parameters_json(struct cbor_reader *reader)
{
    struct cbor_list pairs = cbor_read_map(reader);
    json_t *object = json_object();
    char name[32];

    while (cbor_more(reader, &pairs)) {
        int64_t number = cbor_read_int(reader);
        name_of_parameter(number, name);
        json_object_set_new(object, name, value_json(number, cbor_read_item(reader)));
    }
    return object;
}

static json_t *index_json(struct cbor_reader *reader)
{
    if (!cbor_peek_is(reader, CBOR_ARRAY))
        return item_json(cbor_read_item(reader));
    struct cbor_list list = cbor_read_array(reader);
    json_t *numbers = json_array();
    while (cbor_more(reader, &list))
        json_array_append_new(numbers, json_integer(cbor_read_int(reader)));
    return numbers;
}

/* A map of component index to parameters, or to names of parameters. */
static json_t *by_component_json(struct cbor_reader *reader, bool names)
{
    struct cbor_list rows = cbor_read_map(reader);
    json_t *object = json_object();
    char text[32];

    while (cbor_more(reader, &rows)) {
        char index[32];
        snprintf(index, sizeof(index), "%llu", (unsigned long long)cbor_read_uint(reader));
        if (!names) {
            json_object_set_new(object, index, parameters_json(reader));
            continue;
        }
        struct cbor_list list = cbor_read_array(reader);
        json_t *array = json_array();
        while (cbor_more(reader, &list)) {
            name_of_parameter(cbor_read_int(reader), text);
            json_array_append_new(array, json_string(text));
        }
        json_object_set_new(object, index, array);
    }
    return object;
}

static json_t *sequence_json(struct bytes sequence, unsigned depth);

static json_t *tries_json(struct cbor_reader *reader, unsigned depth)
{
    struct cbor_list list = cbor_read_array(reader);
    json_t *branches = json_array();

    while (cbor_more(reader, &list)) {
        if (cbor_peek_is(reader, CBOR_NULL)) {
            cbor_read_null(reader);
            json_array_append_new(branches, json_null());
        } else {
            json_array_append_new(branches, sequence_json(cbor_read_bytes(reader), depth + 1));
        }
    }
    return branches;
}

static json_t *argument_json(struct cbor_reader *reader, const struct suit_command_row *row, unsigned depth)
{
    if (row == NULL)
        return item_json(cbor_read_item(reader));
    switch (row->takes) {
    case SUIT_TAKES_POLICY:
        return item_json(cbor_read_item(reader));
    case SUIT_TAKES_INDEX:
        return index_json(reader);
    case SUIT_TAKES_PARAMETERS:
        return parameters_json(reader);
    case SUIT_TAKES_SEQUENCE:
        return sequence_json(cbor_read_bytes(reader), depth + 1);
    case SUIT_TAKES_TRIES:
        return tries_json(reader, depth);
    case SUIT_TAKES_MULTIPLE:
    case SUIT_TAKES_COPIES:
        return by_component_json(reader, row->takes == SUIT_TAKES_COPIES);
    }
    return NULL;
}

static json_t *sequence_json(struct bytes sequence, unsigned depth)
{
    struct cbor_reader reader = cbor_reader_on(sequence, CBOR_LENIENT);
    struct cbor_list list = cbor_read_array(&reader);
    json_t *commands = json_array();
    char number[32];

    while (depth < NESTING_MAX && cbor_more(&reader, &list)) {
        int64_t command = cbor_read_int(&reader);
        const struct suit_command_row *row = suit_command_find(command == 30 ? 32 : command); /* 30: RIOT's */
        snprintf(number, sizeof(number), "%lld", (long long)command);
        if (!cbor_more(&reader, &list))
            break;
        json_array_append_new(commands, json_pack("{s:s, s:o}", "command-id", row != NULL ? row->name : number,
                                                  "command-arg", argument_json(&reader, row, depth)));
    }
    if (depth < NESTING_MAX && cbor_reader_finish(&reader) == 0)
        return commands;
    json_decref(commands);
    return cbor_json(sequence);
}

/* ---- texts ---- */

static void texts_of_component(struct cbor_reader *reader, const char *language, json_t *list)
{
    struct suit_component component = { 0 };
    struct cbor_list parts = cbor_read_array(reader);
    json_t *texts = json_object();

    while (cbor_more(reader, &parts)) {
        struct bytes part = cbor_read_bytes(reader);
        if (component.count < SUIT_COMPONENT_PARTS)
            component.parts[component.count++] = part;
    }
    struct cbor_list pairs = cbor_read_map(reader);
    while (cbor_more(reader, &pairs)) {
        int64_t key = cbor_read_int(reader);
        const char *name = key > 0 ? suit_text_name(true, (uint64_t)key) : NULL;
        char number[32];
        snprintf(number, sizeof(number), "%lld", (long long)key);
        json_object_set_new(texts, name != NULL ? name : number, item_json(cbor_read_item(reader)));
    }
    json_array_append_new(
        list, json_pack("{s:o, s:{s:o}}", "component-id", component_json(&component), "description", language, texts));
}

static void add_texts(json_t *out, struct bytes text)
{
    struct cbor_reader reader = cbor_reader_on(text, CBOR_LENIENT);
    struct cbor_list languages = cbor_read_map(&reader);
    json_t *description = json_object();
    json_t *components = json_array();

    while (cbor_more(&reader, &languages)) {
        char language[64] = "";
        struct bytes tag = cbor_read_text(&reader);
        json_t *texts = json_object();
        (void)text_copy_bytes(language, sizeof(language), tag);
        struct cbor_list pairs = cbor_read_map(&reader);
        while (cbor_more(&reader, &pairs)) {
            if (cbor_peek_is(&reader, CBOR_ARRAY)) {
                texts_of_component(&reader, language, components);
                continue;
            }
            int64_t key = cbor_read_int(&reader);
            const char *name = key > 0 ? suit_text_name(false, (uint64_t)key) : NULL;
            char number[32];
            snprintf(number, sizeof(number), "%lld", (long long)key);
            json_object_set_new(texts, name != NULL ? name : number, item_json(cbor_read_item(&reader)));
        }
        if (json_object_size(texts) > 0)
            json_object_set(description, language, texts);
        json_decref(texts);
    }
    if (json_object_size(description) > 0)
        json_object_set(out, "description", description);
    if (json_array_size(components) > 0)
        json_object_set(out, "component-descriptions", components);
    json_decref(description);
    json_decref(components);
}

/* ---- the whole ---- */

static void add_common(json_t *out, const struct suit_draft *draft)
{
    json_t *ids = json_array();
    json_t *dependencies = json_array();

    for (size_t i = 0; i < draft->component_count; i++)
        json_array_append_new(ids, component_json(&draft->components[i]));
    json_object_set_new(out, "component-ids", ids);
    for (size_t i = 0; i < draft->dependency_count; i++) {
        const struct suit_dependency *dependency = &draft->dependencies[i];
        json_t *entry = json_pack("{s:I}", "component-index", (json_int_t)dependency->index);
        if (dependency->has_prefix)
            json_object_set_new(entry, "prefix", component_json(&dependency->prefix));
        json_array_append_new(dependencies, entry);
    }
    if (draft->dependency_count > 0)
        json_object_set(out, "dependencies", dependencies);
    json_decref(dependencies);
}

static void add_extras(json_t *out, const struct suit_draft *draft)
{
    json_t *version = json_array();

    if (draft->reference_uri.size > 0)
        json_object_set_new(out, "reference-uri",
                            json_stringn((const char *)draft->reference_uri.data, draft->reference_uri.size));
    if (draft->component_id != NULL)
        json_object_set_new(out, "manifest-component-id", component_json(draft->component_id));
    for (size_t i = 0; i < draft->set_version_count; i++)
        json_array_append_new(version, json_integer(draft->set_version[i]));
    if (draft->set_version_count > 0)
        json_object_set(out, "set-version", version);
    json_decref(version);
}

static void add_members(json_t *out, const struct suit_draft *draft)
{
    json_t *severable = json_array();
    json_t *severed = json_array();

    if (draft->shared.size > 0)
        json_object_set_new(out, "shared-sequence", sequence_json(draft->shared, 0));
    for (enum suit_part part = 0; part < SUIT_PARTS; part++) {
        const struct suit_member *member = &draft->members[part];
        const char *name = suit_part_name(part);

        if (member->content.size > 0 && suit_part_is_sequence(part))
            json_object_set_new(out, name, sequence_json(member->content, 0));
        else if (member->content.size > 0 && part == SUIT_PART_TEXT)
            add_texts(out, member->content);
        else if (member->content.size > 0)
            json_object_set_new(out, name, json_pack("{s:o}", "hex", hex_json(member->content)));
        else if (member->digest.size > 0)
            json_object_set_new(
                out, name, json_pack("{s:s, s:o}", "algorithm-id", "sha256", "digest-bytes", hex_json(member->digest)));
        if (member->keep != SUIT_KEEP)
            json_array_append_new(member->keep == SUIT_SEVERED ? severed : severable, json_string(name));
    }
    if (json_array_size(severable) > 0)
        json_object_set(out, "severable", severable);
    if (json_array_size(severed) > 0)
        json_object_set(out, "severed", severed);
    json_decref(severable);
    json_decref(severed);
}

static void add_integrated(json_t *out, const struct suit_draft *draft)
{
    json_t *payloads = json_object();

    for (size_t i = 0; i < draft->integrated_count; i++) {
        char name[SUIT_URI_SIZE_MAX + 1] = "";
        (void)text_copy_bytes(name, sizeof(name), draft->integrated[i].name);
        json_object_set_new(payloads, name, json_pack("{s:o}", "hex", hex_json(draft->integrated[i].content)));
    }
    if (draft->integrated_count > 0)
        json_object_set(out, "integrated-payloads", payloads);
    json_decref(payloads);
}

/* What each signature claims to be; nothing of it is checked here. */
static json_t *signature_json(struct bytes block)
{
    struct cbor_reader reader = cbor_reader_on(block, CBOR_LENIENT);
    uint64_t tag = cbor_peek_is(&reader, CBOR_TAG) ? cbor_read_tag(&reader) : 0;
    const char *form = tag == 18   ? "COSE_Sign1"
                       : tag == 98 ? "COSE_Sign"
                       : tag == 17 ? "COSE_Mac0"
                       : tag == 97 ? "COSE_Mac"
                                   : "untagged COSE";
    struct cose_sign1 sign1;
    struct cose_mac0 mac0;
    int64_t algorithm = 0;

    if (tag == 18 && cose_sign1_parse(block, &sign1) == 0)
        algorithm = sign1.algorithm;
    else if (tag == 17 && cose_mac0_parse(block, &mac0) == 0)
        algorithm = mac0.algorithm;
    const struct cose_algorithm_row *row = cose_algorithm_find(algorithm);
    return json_pack("{s:s, s:s*, s:I}", "form", form, "algorithm", row != NULL ? row->name : NULL, "size_bytes",
                     (json_int_t)block.size);
}

json_t *describe_envelope(const struct suit_envelope *envelope)
{
    const struct suit_draft *draft = &envelope->draft;
    json_t *out = json_pack("{s:s, s:i, s:I}", "dialect", draft->dialect == SUIT_RIOT ? "riot" : "suit",
                            "manifest-version", 1, "manifest-sequence-number", (json_int_t)draft->sequence);
    json_t *signatures = json_array();

    if (envelope->digest.size > 0)
        json_object_set_new(out, "manifest-digest", digest_json(envelope->digest));
    for (size_t i = 0; i < envelope->block_count; i++)
        json_array_append_new(signatures, signature_json(envelope->blocks[i]));
    json_object_set_new(out, "signatures", signatures);
    add_common(out, draft);
    add_extras(out, draft);
    add_members(out, draft);
    add_integrated(out, draft);
    return out;
}
