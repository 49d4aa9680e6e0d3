/* grant_doc.c - grants as signed CBOR.
 * All keys are there, in ascending order, and no others: a device that meets a limit which it does not know must not
 * give what it limits. The external data says what is signed, so that nothing else of the maintainer's can pass for a
 * grant. */
#include "device_proto/grant_doc.h"

#include "device_proto/cbor.h"
#include "device_proto/cose.h"

#define EXTERNAL_AAD  "tinypart grant"
#define KID_MAX       16u
#define GRANT_MAP_MAX (GRANT_DOC_MAX - COSE_SIGN1_OVERHEAD - KID_MAX)
#define SCRATCH_SIZE  (GRANT_MAP_MAX + COSE_SIG_STRUCTURE_OVERHEAD + sizeof EXTERNAL_AAD)
#define FIELDS        8u

enum grant_key {
    KEY_ID = 1,
    KEY_TENANT,
    KEY_DEVICE,
    KEY_ISSUED,
    KEY_UNTIL,
    KEY_SLOTS,
    KEY_SENSORS,
    KEY_HELPERS,
};

/* ---- what a grant may say ---- */

static bool name_valid(struct bytes name)
{
    if (name.size == 0 || name.size > GRANT_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_'))
            return false;
    }
    return true;
}

static bool lists_valid(const struct device_grant *grant)
{
    if (grant->sensor_count > (grant->all_sensors ? 0 : GRANT_SENSORS_MAX) ||
        grant->helper_count > (grant->all_helpers ? 0 : GRANT_HELPERS_MAX))
        return false;
    for (size_t i = 0; i < grant->sensor_count; i++)
        if (!name_valid(grant->sensors[i]))
            return false;
    for (size_t i = 1; i < grant->helper_count; i++)
        if (grant->helpers[i] <= grant->helpers[i - 1])
            return false;
    return true;
}

int grant_doc_check(const struct device_grant *grant)
{
    if (grant->id == 0 || !name_valid(grant->tenant) || !name_valid(grant->device) ||
        grant->slots >> GRANT_SLOTS_MAX != 0 || (grant->until_s != 0 && grant->until_s <= grant->issued_s) ||
        !lists_valid(grant))
        return GRANT_VALUE;
    return 0;
}

/* ---- writing ---- */

static void write_map(struct cbor_writer *writer, const struct device_grant *grant)
{
    cbor_write_map(writer, FIELDS);
    cbor_write_uint(writer, KEY_ID);
    cbor_write_uint(writer, grant->id);
    cbor_write_uint(writer, KEY_TENANT);
    cbor_write_text(writer, grant->tenant);
    cbor_write_uint(writer, KEY_DEVICE);
    cbor_write_text(writer, grant->device);
    cbor_write_uint(writer, KEY_ISSUED);
    cbor_write_uint(writer, grant->issued_s);
    cbor_write_uint(writer, KEY_UNTIL);
    cbor_write_uint(writer, grant->until_s);
    cbor_write_uint(writer, KEY_SLOTS);
    cbor_write_uint(writer, grant->slots);
    cbor_write_uint(writer, KEY_SENSORS);
    if (grant->all_sensors)
        cbor_write_bool(writer, true);
    else
        cbor_write_array(writer, grant->sensor_count);
    for (size_t i = 0; i < grant->sensor_count; i++)
        cbor_write_text(writer, grant->sensors[i]);
    cbor_write_uint(writer, KEY_HELPERS);
    if (grant->all_helpers)
        cbor_write_bool(writer, true);
    else
        cbor_write_array(writer, grant->helper_count);
    for (size_t i = 0; i < grant->helper_count; i++)
        cbor_write_uint(writer, grant->helpers[i]);
}

int grant_doc_write(const struct device_grant *grant, struct bytes kid, const struct proto_signer *signer, uint8_t *out,
                    size_t capacity, size_t *out_size)
{
    uint8_t map[GRANT_MAP_MAX], scratch[SCRATCH_SIZE];
    struct cbor_writer writer = cbor_writer_on(map, sizeof map);
    struct cose_order order = { .tagged = true,
                                .algorithm = cose_algorithm_of(signer->key.type),
                                .kid = kid,
                                .external_aad = bytes_of_text(EXTERNAL_AAD) };
    size_t size;
    int r;

    r = grant_doc_check(grant);
    if (r != 0)
        return r;
    if (kid.size > KID_MAX)
        return GRANT_NO_ROOM;
    write_map(&writer, grant);
    if (cbor_writer_finish(&writer, &size) != 0)
        return GRANT_NO_ROOM;
    order.payload = bytes_view(map, size);
    r = cose_sign1_write(&order, signer, scratch, sizeof scratch, out, capacity, out_size);
    if (r == COSE_NO_ROOM)
        return GRANT_NO_ROOM;
    return r > 0 ? GRANT_SIGNATURE : r;
}

/* ---- reading ---- */

static void expect_key(struct cbor_reader *reader, enum grant_key key)
{
    if (cbor_read_uint(reader) != (uint64_t)key)
        cbor_refuse(reader, CBOR_UNEXPECTED);
}

static uint64_t read_number(struct cbor_reader *reader, enum grant_key key, uint64_t most)
{
    expect_key(reader, key);
    return cbor_read_uint_max(reader, most);
}

/* true, or a list: whether it is the former; false itself would say the same as an empty list, and is none. */
static bool read_all(struct cbor_reader *reader, enum grant_key key, struct cbor_list *out_list)
{
    expect_key(reader, key);
    *out_list = (struct cbor_list){ 0 };
    if (!cbor_peek_is(reader, CBOR_TRUE)) {
        *out_list = cbor_read_array(reader);
        return false;
    }
    return cbor_read_bool(reader);
}

static void read_lists(struct cbor_reader *reader, struct device_grant *out)
{
    struct cbor_list list;

    out->all_sensors = read_all(reader, KEY_SENSORS, &list);
    while (cbor_more(reader, &list)) {
        if (out->sensor_count == GRANT_SENSORS_MAX)
            cbor_refuse(reader, CBOR_RANGE);
        else
            out->sensors[out->sensor_count++] = cbor_read_text(reader);
    }
    out->all_helpers = read_all(reader, KEY_HELPERS, &list);
    while (cbor_more(reader, &list)) {
        if (out->helper_count == GRANT_HELPERS_MAX)
            cbor_refuse(reader, CBOR_RANGE);
        else
            out->helpers[out->helper_count++] = (uint32_t)cbor_read_uint_max(reader, UINT32_MAX);
    }
}

static int read_grant(struct bytes encoded, struct device_grant *out)
{
    struct cbor_reader reader = cbor_reader_on(encoded, CBOR_CANONICAL);
    struct cbor_list pairs = cbor_read_map(&reader);
    struct device_grant grant = { 0 };
    int r;

    if (pairs.left != FIELDS)
        return GRANT_STRUCTURE;
    grant.id = read_number(&reader, KEY_ID, UINT64_MAX);
    expect_key(&reader, KEY_TENANT);
    grant.tenant = cbor_read_text(&reader);
    expect_key(&reader, KEY_DEVICE);
    grant.device = cbor_read_text(&reader);
    grant.issued_s = read_number(&reader, KEY_ISSUED, UINT64_MAX);
    grant.until_s = read_number(&reader, KEY_UNTIL, UINT64_MAX);
    grant.slots = (uint32_t)read_number(&reader, KEY_SLOTS, UINT32_MAX);
    read_lists(&reader, &grant);
    if (cbor_reader_finish(&reader) != 0)
        return GRANT_STRUCTURE;
    r = grant_doc_check(&grant);
    if (r == 0)
        *out = grant;
    return r;
}

static int split(struct bytes encoded, struct cose_sign1 *out)
{
    if (cose_sign1_parse(encoded, out) != 0 || !out->attached || out->payload.size > GRANT_MAP_MAX)
        return GRANT_STRUCTURE;
    return 0;
}

int grant_doc_verify(struct bytes encoded, const struct public_key *keys, size_t n_keys,
                     const struct proto_crypto *crypto, struct device_grant *out)
{
    uint8_t scratch[SCRATCH_SIZE];
    struct cose_sign1 message;
    int r;

    r = split(encoded, &message);
    if (r != 0)
        return r;
    r = cose_sign1_check_any(&message, bytes_of_text(EXTERNAL_AAD), keys, n_keys, crypto, scratch, sizeof scratch,
                             NULL);
    if (r != 0)
        return r < 0 ? r : GRANT_SIGNATURE;
    return read_grant(message.payload, out);
}

int grant_doc_parse(struct bytes encoded, struct device_grant *out)
{
    struct cose_sign1 message;
    int r;

    r = split(encoded, &message);
    return r != 0 ? r : read_grant(message.payload, out);
}

/* ---- asking ---- */

static bool gives_sensor(const struct device_grant *grant, struct bytes sensor)
{
    bool gives = grant->all_sensors || sensor.size == 0;

    for (size_t i = 0; !gives && i < grant->sensor_count; i++)
        gives = bytes_equal(grant->sensors[i], sensor);
    return gives;
}

static bool gives_helper(const struct device_grant *grant, uint32_t helper)
{
    bool gives = grant->all_helpers;

    for (size_t i = 0; !gives && i < grant->helper_count; i++)
        gives = grant->helpers[i] == helper;
    return gives;
}

int grant_doc_allows(const struct device_grant *grant, struct bytes device, struct bytes tenant, unsigned slot,
                     struct bytes sensor, const uint32_t *helpers, size_t helper_count, uint64_t now_s)
{
    if (!bytes_equal(grant->device, device))
        return GRANT_DEVICE;
    if (grant->until_s != 0 && now_s >= grant->until_s)
        return GRANT_EXPIRED;
    if (!bytes_equal(grant->tenant, tenant) || slot >= GRANT_SLOTS_MAX || (grant->slots >> slot & 1) == 0 ||
        !gives_sensor(grant, sensor))
        return GRANT_LACKS;
    for (size_t i = 0; i < helper_count; i++)
        if (!gives_helper(grant, helpers[i]))
            return GRANT_LACKS;
    return 0;
}

const char *grant_refusal_text(int refusal)
{
    static const char *const texts[] = {
        [0] = "the grant gives it",
        [GRANT_STRUCTURE] = "not a grant document",
        [GRANT_SIGNATURE] = "not signed by any of the given keys",
        [GRANT_VALUE] = "a value of the grant is out of its bounds",
        [GRANT_NO_ROOM] = "the buffer is too small",
        [GRANT_DEVICE] = "the grant is for another device",
        [GRANT_EXPIRED] = "the grant's time is over",
        [GRANT_LACKS] = "the grant does not give what is asked for",
    };

    if (refusal < 0 || (size_t)refusal >= sizeof texts / sizeof texts[0])
        return "unknown refusal";
    return texts[refusal];
}
