/* suit_capabilities.c - capabilities, out of the same tables that the recipient goes by: none can be forgotten. */
#include "device_proto/suit_capabilities.h"

#include "device_proto/suit_private.h"

typedef bool (*numbers)(const struct suit_device *device, size_t i, int64_t *out);

static bool command_at(const struct suit_device *device, size_t i, int64_t *out)
{
    (void)device;
    return suit_command_at(SUIT_37, i, out);
}

static bool parameter_at(const struct suit_device *device, size_t i, int64_t *out)
{
    (void)device;
    return suit_parameter_at(SUIT_37, i, out);
}

/* ---- algorithms ---- */

static bool believes(const struct suit_device *device, unsigned kind)
{
    bool wanted = false;

    for (unsigned i = 0; device->acceptance != NULL && i < COSE_NEEDS_MAX; i++)
        wanted = wanted || (device->acceptance->needs[i] & kind) != 0;
    return wanted;
}

static bool opens(const struct suit_device *device, int64_t algorithm)
{
    bool agrees = false, unwraps = false;

    for (size_t i = 0; i < device->decryption_key_count; i++) {
        agrees = agrees || device->decryption_keys[i].agreement != NULL;
        unwraps = unwraps || device->decryption_keys[i].kek.size > 0;
    }
    switch (algorithm) {
    case COSE_ECDH_ES_A128KW:
        return agrees;
    case COSE_A128KW:
        return unwraps;
    case COSE_A128GCM:
    case COSE_A128CTR:
        return agrees || unwraps;
    default:
        return false;
    }
}

static bool can_do(const struct suit_device *device, const struct cose_algorithm_row *row)
{
    switch (row->use) {
    case COSE_SIGNS:
        return row->key != 0 && believes(device, COSE_KEY(row->key)) &&
               (row->successor == 0 || !device->acceptance->specified_only);
    case COSE_AUTHENTICATES:
        return believes(device, COSE_SECRET);
    case COSE_CARRIES_KEY:
    case COSE_ENCRYPTS:
        return opens(device, row->id);
    }
    return false;
}

static bool algorithm_at(const struct suit_device *device, size_t i, int64_t *out)
{
    const struct cose_algorithm_row *row;

    *out = DIGEST_ALG_SHA256;
    if (i-- == 0)
        return true;
    for (size_t k = 0; (row = cose_algorithm_at(k)) != NULL; k++) {
        if (can_do(device, row) && i-- == 0) {
            *out = row->id;
            return true;
        }
    }
    return false;
}

/* ---- writing ---- */

static void write_numbers(struct cbor_writer *writer, enum suit_capability list, const struct suit_device *device,
                          numbers at)
{
    int64_t number;
    size_t count = 0;

    while (at(device, count, &number))
        count++;
    cbor_write_uint(writer, list);
    cbor_write_array(writer, count);
    for (size_t i = 0; at(device, i, &number); i++)
        cbor_write_int(writer, number);
}

int suit_capabilities_write(const struct suit_device *device, uint8_t *out, size_t capacity, size_t *out_size)
{
    struct cbor_writer writer = cbor_writer_on(out, capacity);

    if (device->place_count == 0)
        return SUIT_REPORT_STRUCTURE;
    cbor_write_map(&writer, 4);
    cbor_write_uint(&writer, SUIT_CAPABILITY_COMPONENTS);
    cbor_write_array(&writer, device->place_count);
    for (size_t i = 0; i < device->place_count; i++)
        suit_write_component(&writer, &device->places[i].component);
    write_numbers(&writer, SUIT_CAPABILITY_COMMANDS, device, command_at);
    write_numbers(&writer, SUIT_CAPABILITY_PARAMETERS, device, parameter_at);
    write_numbers(&writer, SUIT_CAPABILITY_ALGORITHMS, device, algorithm_at);
    return cbor_writer_finish(&writer, out_size) == 0 ? 0 : SUIT_REPORT_NO_ROOM;
}

/* ---- reading ---- */

bool suit_capability_at(struct bytes capabilities, enum suit_capability list, size_t i, int64_t *out)
{
    struct cbor_reader reader = cbor_reader_on(capabilities, SUIT_RULES);
    struct cbor_list pairs = cbor_read_map(&reader);

    while (cbor_more(&reader, &pairs)) {
        struct cbor_list items;
        int64_t key = 0;

        if (cbor_peek_is(&reader, CBOR_UINT))
            key = cbor_read_int(&reader);
        else
            cbor_skip(&reader); /* an extension */
        if (key != (int64_t)list) {
            cbor_skip(&reader);
            continue;
        }
        items = cbor_read_array(&reader);
        for (size_t k = 0; cbor_more(&reader, &items); k++) {
            int64_t number = cbor_read_int(&reader);

            if (k == i && reader.refusal == 0) {
                *out = number;
                return true;
            }
        }
        return false;
    }
    return false;
}
