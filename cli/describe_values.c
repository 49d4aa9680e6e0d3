/* describe_values.c - what stands in a description: bytes, identifiers, versions, digests, parameters. */
#include "cli/describe.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/common.h"
#include "daemon/base/text.h"

enum { FILE_MAX = 16 << 20, VERSION_MAX = 8, ENCODED_MAX = 4096 };

static bool is_hex(const char *text)
{
    size_t size = strspn(text, "0123456789abcdefABCDEF");

    return text[size] == '\0' && size > 0 && size % 2 == 0;
}

static int from_hex(struct describer *describer, const char *text, struct bytes *out)
{
    size_t size = strlen(text) / 2;
    uint8_t *room = describer_take(describer, size + 1);

    if (room == NULL)
        return -ENOMEM;
    if (!is_hex(text) || hex_decode(text, room, size) != 0)
        return describer_refuse(describer, "write an even number of 0-9 and a-f", "%s is not hex", text);
    *out = bytes_view(room, size);
    return 0;
}

static int from_file(struct describer *describer, const char *path, struct bytes *out)
{
    uint8_t *data = NULL;
    size_t size = 0;

    if (common_read(path, FILE_MAX, &data, &size) != EXIT_DONE)
        return describer_refuse(describer, "paths are relative to where tinypartctl runs", "%s cannot be taken", path);
    uint8_t *room = describer_take(describer, size + 1);
    if (room != NULL)
        memcpy(room, data, size);
    free(data);
    *out = bytes_view(room, size);
    return room == NULL ? -ENOMEM : 0;
}

int describe_bytes(struct describer *describer, const json_t *json, struct bytes *out)
{
    const char *text = json_string_value(json);
    const char *hex = json_string_value(json_object_get(json, "hex"));
    const char *literal = json_string_value(json_object_get(json, "text"));
    const char *file = json_string_value(json_object_get(json, "file"));

    if (file != NULL)
        return from_file(describer, file, out);
    if (hex != NULL && hex[0] != '\0')
        return from_hex(describer, hex, out);
    if (text != NULL && is_hex(text))
        return from_hex(describer, text, out);
    if (text == NULL)
        text = literal != NULL ? literal : hex;
    if (text == NULL)
        return describer_refuse(describer,
                                "write hex, a text, or { \"hex\": ... }, { \"text\": ... } or { \"file\": ... }",
                                "these are no bytes");
    *out = bytes_of_text(text);
    return 0;
}

int describe_component(struct describer *describer, const json_t *json, struct suit_component *out)
{
    size_t i = 0;
    const json_t *part = NULL;

    out->count = 0;
    if (!json_is_array(json) || json_array_size(json) > SUIT_COMPONENT_PARTS)
        return describer_refuse(describer, "write its parts, as [\"ram\", \"0\"]",
                                "this is no component identifier of up to %u parts", SUIT_COMPONENT_PARTS);
    json_array_foreach(json, i, part)
    {
        int r = describe_bytes(describer, part, &out->parts[out->count++]);
        if (r != 0)
            return r;
    }
    return 0;
}

/* "1.2.3", or [1, 2, 3]. */
int describe_version(struct describer *describer, const json_t *json, int64_t *out, size_t capacity, size_t *out_count)
{
    const char *text = json_string_value(json);
    size_t count = 0;
    size_t i = 0;
    const json_t *number = NULL;
    char *end = NULL;

    json_array_foreach(json, i, number)
    {
        if (!json_is_integer(number) || count == capacity)
            return describer_refuse(describer, "write [1, 2, 3]", "this is no version of up to %zu numbers", capacity);
        out[count++] = json_integer_value(number);
    }
    for (; text != NULL && count < capacity && isdigit((unsigned char)*text); text = *end == '.' ? end + 1 : end) {
        out[count++] = strtoll(text, &end, 10);
        if (*end == '\0')
            break;
    }
    if (count == 0 || (text != NULL && (end == NULL || *end != '\0')))
        return describer_refuse(describer, "write \"1.2.3\" or [1, 2, 3]", "this is no version of up to %zu numbers",
                                capacity);
    *out_count = count;
    return 0;
}

/* A UUID as people write it, or { "domain": ... }, { "vendor-domain": ..., "name": ... }, from which one is made. */
static int id_value(struct describer *describer, int64_t parameter, const json_t *json, struct suit_value *out)
{
    const char *domain = json_string_value(json_object_get(json, "domain"));
    const char *name = json_string_value(json_object_get(json, "name"));
    const json_t *pen = json_object_get(json, "pen");
    const char *text = json_string_value(json);
    uint8_t *id = describer_take(describer, SUIT_ID_SIZE);
    char hex[2 * SUIT_ID_SIZE + 1] = "";
    size_t used = 0;

    if (id == NULL)
        return -ENOMEM;
    out->bytes = bytes_view(id, SUIT_ID_SIZE);
    if (pen != NULL) {
        out->is_pen = true;
        return describe_bytes(describer, pen, &out->bytes);
    }
    if (domain != NULL) {
        int r = suit_vendor_id(describer->crypto, bytes_of_text(domain), id);
        if (r == 0 && parameter == SUIT_PARAMETER_CLASS && name != NULL)
            r = suit_class_id(describer->crypto, id, bytes_of_text(name), id);
        return describe_refused(describer, r);
    }
    for (; text != NULL && *text != '\0' && used < sizeof(hex) - 1; text++) {
        if (*text != '-')
            hex[used++] = *text;
    }
    if (text == NULL || *text != '\0' || used != sizeof(hex) - 1 || hex_decode(hex, id, SUIT_ID_SIZE) != 0)
        return describer_refuse(describer,
                                "write a UUID, or { \"domain\": \"riot-os.org\" } for a vendor and { \"domain\": ..., "
                                "\"name\": \"native\" } for a class",
                                "this is no identifier");
    return 0;
}

static int file_digest(struct describer *describer, const json_t *json, struct suit_value *out)
{
    uint8_t *digest = describer_take(describer, DIGEST_SIZE);
    struct bytes content;

    if (digest == NULL)
        return -ENOMEM;
    int r = describe_bytes(describer, json, &content);
    if (r == 0)
        r = describer->crypto->sha256(describer->crypto->context, content, digest);
    out->bytes = bytes_view(digest, DIGEST_SIZE);
    return r;
}

static int digest_value(struct describer *describer, const json_t *json, struct suit_value *out)
{
    const char *algorithm = json_string_value(json_object_get(json, "algorithm-id"));
    const json_t *digest = json_object_get(json, "digest-bytes");

    if (json_object_get(json, "file") != NULL)
        return file_digest(describer, json, out);
    if (json_is_string(json))
        digest = json;
    out->integer =
        algorithm == NULL ? suit_digest_named(bytes_of_text("sha256")) : suit_digest_named(bytes_of_text(algorithm));
    if (out->integer == 0)
        return describer_refuse(describer, "write sha256, sha384, sha512, shake128 or shake256",
                                "%s is no digest algorithm", algorithm);
    int r = digest == NULL ? 1 : describe_bytes(describer, digest, &out->bytes);
    if (r < 0)
        return r;
    if (r > 0 || out->bytes.size != suit_digest_size(out->integer))
        return describer_refuse(describer, "write its hex in digest-bytes, or { \"file\": ... }",
                                "this is no %s digest", suit_digest_name(out->integer));
    return 0;
}

static int version_value(struct describer *describer, const json_t *json, struct suit_value *out)
{
    const char *comparison = json_string_value(json_object_get(json, "comparison"));
    int64_t *list = describer_take(describer, VERSION_MAX * sizeof(*list));

    if (list == NULL)
        return -ENOMEM;
    out->integer = comparison == NULL ? 0 : suit_comparison_named(bytes_of_text(comparison));
    out->list = list;
    if (out->integer == 0)
        return describer_refuse(describer, "write greater, greater-equal, equal, lesser-equal or lesser in comparison",
                                "this is no comparison of versions");
    return describe_version(describer, json_object_get(json, "version"), list, VERSION_MAX, &out->list_count);
}

int describe_item(struct describer *describer, const json_t *json, struct bytes *out)
{
    uint8_t *room = describer_take(describer, ENCODED_MAX);
    struct cbor_writer writer = cbor_writer_on(room, room == NULL ? 0 : ENCODED_MAX);
    struct bytes content;
    int r = 0;

    if (room == NULL)
        return -ENOMEM;
    if (json == NULL || json_is_null(json)) {
        cbor_write_null(&writer);
    } else if (json_is_integer(json)) {
        cbor_write_int(&writer, json_integer_value(json));
    } else if (json_is_boolean(json)) {
        cbor_write_bool(&writer, json_is_true(json));
    } else if (json_is_string(json)) {
        cbor_write_text_of(&writer, json_string_value(json));
    } else {
        r = describe_bytes(describer, json, &content);
        if (r == 0)
            cbor_write_bytes(&writer, content);
    }
    if (r == 0 && cbor_writer_finish(&writer, &out->size) != 0)
        return describer_refuse(describer, NULL, "this is longer than %d bytes", ENCODED_MAX);
    out->data = room;
    return r;
}

static int number_value(struct describer *describer, int64_t parameter, bool is_signed, const json_t *json,
                        struct suit_value *out)
{
    if (parameter == SUIT_PARAMETER_SOURCE)
        return describe_index(describer, json, &out->number);
    if (!json_is_integer(json) || (!is_signed && json_integer_value(json) < 0))
        return describer_refuse(describer, NULL, is_signed ? "this is no whole number" : "this is no number from 0 on");
    out->integer = json_integer_value(json);
    out->number = (uint64_t)json_integer_value(json);
    return 0;
}

int describe_value(struct describer *describer, int64_t parameter, const json_t *json, struct suit_value *out)
{
    const struct suit_parameter_row *row = suit_parameter_find(parameter);

    memset(out, 0, sizeof(*out));
    out->parameter = parameter;
    switch (row->kind) {
    case SUIT_VALUE_UINT:
    case SUIT_VALUE_INT:
        return number_value(describer, parameter, row->kind == SUIT_VALUE_INT, json, out);
    case SUIT_VALUE_BOOL:
        out->number = json_is_true(json);
        return json_is_boolean(json) ? 0 : describer_refuse(describer, NULL, "this is neither true nor false");
    case SUIT_VALUE_TEXT:
        out->bytes = bytes_of_text(json_is_string(json) ? json_string_value(json) : "");
        return json_is_string(json) ? 0 : describer_refuse(describer, NULL, "this is no text");
    case SUIT_VALUE_BYTES:
    case SUIT_VALUE_WRAPPED:
        return describe_bytes(describer, json, &out->bytes);
    case SUIT_VALUE_ID:
        return id_value(describer, parameter, json, out);
    case SUIT_VALUE_DIGEST:
        return digest_value(describer, json, out);
    case SUIT_VALUE_VERSION:
        return version_value(describer, json, out);
    case SUIT_VALUE_ITEM:
        return describe_item(describer, json, &out->bytes);
    }
    return -EINVAL;
}
