/* suit_report.c - SUIT reports, plain and signed.
 * Parameters of records and claims stay encoded: who reads a report shows or searches them, and their grammar is
 * SUIT's. */
#include "device_proto/suit_report.h"

#include "device_proto/cose.h"
#include "device_proto/suit_private.h"

enum report_key {
    REPORT_NONCE = 2,
    REPORT_RECORDS = 3,
    REPORT_RESULT = 4,
    RESULT_CODE = 5,
    RESULT_RECORD = 6,
    RESULT_REASON = 7,
    REPORT_CAPABILITIES = 8,
    REPORT_REFERENCE = 99,
    CLAIM_COMPONENT = 0,
};

#define SCRATCH_SIZE (SUIT_REPORT_SIZE_MAX + COSE_SIG_STRUCTURE_OVERHEAD)

/* ---- writing ---- */

static void write_parameters(struct cbor_writer *writer, size_t count, struct bytes parameters)
{
    cbor_write_map(writer, count);
    cbor_write_raw(writer, parameters);
}

static void write_record(struct cbor_writer *writer, const struct suit_record *record)
{
    cbor_write_array(writer, 5);
    cbor_write_array(writer, record->path_length);
    for (size_t i = 0; i < record->path_length; i++)
        cbor_write_uint(writer, record->path[i]);
    cbor_write_int(writer, record->section);
    cbor_write_uint(writer, record->offset);
    cbor_write_uint(writer, record->component);
    write_parameters(writer, record->parameter_count, record->parameters);
}

static void write_entry(struct cbor_writer *writer, const struct suit_report_entry *entry)
{
    if (!entry->is_claim) {
        write_record(writer, &entry->record);
        return;
    }
    cbor_write_map(writer, entry->parameter_count + 1);
    cbor_write_uint(writer, CLAIM_COMPONENT);
    suit_write_component(writer, &entry->component);
    cbor_write_raw(writer, entry->parameters);
}

static void write_result(struct cbor_writer *writer, const struct suit_report *report)
{
    if (report->success) {
        cbor_write_bool(writer, true);
        return;
    }
    cbor_write_map(writer, 3);
    cbor_write_uint(writer, RESULT_CODE);
    cbor_write_int(writer, report->code);
    cbor_write_uint(writer, RESULT_RECORD);
    write_record(writer, &report->record);
    cbor_write_uint(writer, RESULT_REASON);
    cbor_write_uint(writer, report->reason);
}

static bool record_in_bounds(const struct suit_record *record)
{
    return record->path_length <= SUIT_REPORT_PATH_MAX;
}

static bool report_in_bounds(const struct suit_report *report)
{
    if (report->entry_count > SUIT_REPORT_ENTRIES_MAX || report->nonce.size > SUIT_REPORT_NONCE_MAX)
        return false;
    for (size_t i = 0; i < report->entry_count; i++) {
        const struct suit_report_entry *entry = &report->entries[i];

        if (entry->is_claim ? entry->component.count > SUIT_COMPONENT_PARTS : !record_in_bounds(&entry->record))
            return false;
    }
    return report->success || (record_in_bounds(&report->record) && report->reason <= SUIT_REASON_INVOKE_PENDING);
}

int suit_report_write(const struct suit_report *report, uint8_t *out, size_t capacity, size_t *out_size)
{
    size_t room = capacity < SUIT_REPORT_SIZE_MAX ? capacity : SUIT_REPORT_SIZE_MAX;
    struct cbor_writer writer = cbor_writer_on(out, room);
    bool nonce = report->nonce.size > 0;
    bool capabilities = report->capabilities.size > 0;

    if (!report_in_bounds(report))
        return SUIT_REPORT_STRUCTURE;
    cbor_write_map(&writer, 3u + (nonce ? 1 : 0) + (capabilities ? 1 : 0));
    if (nonce) {
        cbor_write_uint(&writer, REPORT_NONCE);
        cbor_write_bytes(&writer, report->nonce);
    }
    cbor_write_uint(&writer, REPORT_RECORDS);
    cbor_write_array(&writer, report->entry_count);
    for (size_t i = 0; i < report->entry_count; i++)
        write_entry(&writer, &report->entries[i]);
    cbor_write_uint(&writer, REPORT_RESULT);
    write_result(&writer, report);
    if (capabilities) {
        cbor_write_uint(&writer, REPORT_CAPABILITIES);
        cbor_write_raw(&writer, report->capabilities);
    }
    cbor_write_uint(&writer, REPORT_REFERENCE);
    cbor_write_array(&writer, 2);
    cbor_write_text(&writer, report->reference_uri);
    suit_write_digest(&writer, SUIT_37, report->manifest_digest);
    return cbor_writer_finish(&writer, out_size) == 0 ? 0 : SUIT_REPORT_NO_ROOM;
}

int suit_report_write_signed(const struct suit_report *report, struct bytes kid, const struct proto_signer *signer,
                             uint8_t *out, size_t capacity, size_t *out_size)
{
    struct cose_order order = { .tagged = true, .algorithm = cose_algorithm_of(signer->key.type), .kid = kid };
    uint8_t payload[SUIT_REPORT_SIZE_MAX];
    uint8_t scratch[SCRATCH_SIZE];
    size_t size;
    int r;

    r = suit_report_write(report, payload, sizeof payload, &size);
    if (r != 0)
        return r;
    order.payload = bytes_view(payload, size);
    r = cose_sign1_write(&order, signer, scratch, sizeof scratch, out, capacity, out_size);
    if (r > 0)
        return r == COSE_NO_ROOM ? SUIT_REPORT_NO_ROOM : SUIT_REPORT_SIGNATURE;
    return r;
}

int suit_report_write_authenticated(const struct suit_report *report, struct bytes kid, struct bytes secret,
                                    const struct proto_crypto *crypto, uint8_t *out, size_t capacity, size_t *out_size)
{
    struct cose_order order = { .tagged = true, .algorithm = COSE_HMAC_256, .kid = kid };
    uint8_t payload[SUIT_REPORT_SIZE_MAX];
    uint8_t scratch[SCRATCH_SIZE];
    size_t size;
    int r;

    r = suit_report_write(report, payload, sizeof payload, &size);
    if (r != 0)
        return r;
    order.payload = bytes_view(payload, size);
    r = cose_mac0_write(&order, secret, crypto, scratch, sizeof scratch, out, capacity, out_size);
    if (r > 0)
        return r == COSE_NO_ROOM ? SUIT_REPORT_NO_ROOM : SUIT_REPORT_SIGNATURE;
    return r;
}

/* ---- reading ---- */

/* The next field of an array that must have it. */
static void next_field(struct cbor_reader *reader, struct cbor_list *list)
{
    if (!cbor_more(reader, list))
        cbor_refuse(reader, CBOR_UNEXPECTED);
}

/* pairs left of a map, as a view on their encoding. */
static struct bytes read_pairs(struct cbor_reader *reader, struct cbor_list *pairs, size_t *out_count)
{
    const uint8_t *start = reader->at;
    size_t count = 0;

    for (; cbor_more(reader, pairs); count++) {
        cbor_read_int(reader);
        cbor_skip(reader);
    }
    *out_count = count;
    return reader->refusal == 0 && count > 0 ? bytes_view(start, (size_t)(reader->at - start)) : bytes_view(NULL, 0);
}

static void read_record(struct cbor_reader *reader, struct suit_record *out)
{
    struct cbor_list fields = cbor_read_array(reader);
    struct cbor_list path, pairs;

    next_field(reader, &fields);
    path = cbor_read_array(reader);
    while (cbor_more(reader, &path)) {
        if (out->path_length == SUIT_REPORT_PATH_MAX) {
            cbor_refuse(reader, CBOR_RANGE);
            return;
        }
        out->path[out->path_length++] = cbor_read_uint(reader);
    }
    next_field(reader, &fields);
    out->section = cbor_read_int(reader);
    next_field(reader, &fields);
    out->offset = cbor_read_uint(reader);
    next_field(reader, &fields);
    out->component = cbor_read_uint(reader);
    next_field(reader, &fields);
    pairs = cbor_read_map(reader);
    out->parameters = read_pairs(reader, &pairs, &out->parameter_count);
    while (cbor_more(reader, &fields)) /* extensions */
        cbor_skip(reader);
}

static void read_claim(struct cbor_reader *reader, struct suit_report_entry *out)
{
    struct cbor_list pairs = cbor_read_map(reader);

    out->is_claim = true;
    next_field(reader, &pairs);
    if (cbor_read_int(reader) != CLAIM_COMPONENT || suit_read_component(reader, &out->component) != 0)
        cbor_refuse(reader, CBOR_UNEXPECTED);
    out->parameters = read_pairs(reader, &pairs, &out->parameter_count);
}

static void read_entries(struct cbor_reader *reader, struct suit_report *out)
{
    struct cbor_list list = cbor_read_array(reader);

    while (cbor_more(reader, &list)) {
        struct suit_report_entry *entry;

        if (out->entry_count == SUIT_REPORT_ENTRIES_MAX) {
            cbor_refuse(reader, CBOR_RANGE);
            return;
        }
        entry = &out->entries[out->entry_count++];
        if (cbor_peek_is(reader, CBOR_MAP))
            read_claim(reader, entry);
        else
            read_record(reader, &entry->record);
    }
}

static void read_result(struct cbor_reader *reader, struct suit_report *out)
{
    unsigned seen = 0;
    struct cbor_list pairs;

    if (!cbor_peek_is(reader, CBOR_MAP)) {
        out->success = cbor_read_bool(reader);
        if (!out->success)
            cbor_refuse(reader, CBOR_UNEXPECTED);
        return;
    }
    pairs = cbor_read_map(reader);
    while (cbor_more(reader, &pairs)) {
        uint64_t key = cbor_read_uint_max(reader, RESULT_REASON);

        if ((seen & 1u << key) != 0)
            cbor_refuse(reader, CBOR_UNEXPECTED);
        seen |= 1u << key;
        if (key == RESULT_CODE)
            out->code = cbor_read_int(reader);
        else if (key == RESULT_RECORD)
            read_record(reader, &out->record);
        else
            out->reason = (enum suit_reason)cbor_read_uint_max(reader, SUIT_REASON_INVOKE_PENDING);
    }
    if (seen != (1u << RESULT_CODE | 1u << RESULT_RECORD | 1u << RESULT_REASON))
        cbor_refuse(reader, CBOR_UNEXPECTED);
}

static int read_reference(struct cbor_reader *reader, struct suit_report *out)
{
    cbor_read_array_of(reader, 2);
    out->reference_uri = cbor_read_text(reader);
    return suit_read_digest(reader, SUIT_37, out->manifest_digest) == SUIT_REFUSED_UNSUPPORTED ? SUIT_REPORT_UNSUPPORTED
                                                                                               : 0;
}

static void read_nonce(struct cbor_reader *reader, struct suit_report *out)
{
    out->nonce = cbor_read_bytes(reader);
    if (out->nonce.size > SUIT_REPORT_NONCE_MAX)
        cbor_refuse(reader, CBOR_RANGE);
}

static int read_member(struct cbor_reader *reader, int64_t key, struct suit_report *out)
{
    switch (key) {
    case REPORT_NONCE:
        read_nonce(reader, out);
        break;
    case REPORT_RECORDS:
        read_entries(reader, out);
        break;
    case REPORT_RESULT:
        read_result(reader, out);
        break;
    case REPORT_CAPABILITIES:
        if (!cbor_peek_is(reader, CBOR_MAP))
            cbor_refuse(reader, CBOR_UNEXPECTED);
        out->capabilities = cbor_read_item(reader);
        break;
    case REPORT_REFERENCE:
        return read_reference(reader, out);
    default: /* an extension */
        cbor_skip(reader);
        break;
    }
    return 0;
}

static unsigned bit_of(int64_t key)
{
    return key == REPORT_REFERENCE ? 1u : key > 0 && key <= REPORT_CAPABILITIES ? 1u << key : 0;
}

int suit_report_read(struct bytes encoded, struct suit_report *out)
{
    const unsigned needed = 1u | 1u << REPORT_RECORDS | 1u << REPORT_RESULT;
    struct cbor_reader reader = cbor_reader_on(encoded, SUIT_RULES);
    struct cbor_list pairs = cbor_read_map(&reader);
    unsigned seen = 0;
    int r = 0;

    memset(out, 0, sizeof *out);
    if (encoded.size > SUIT_REPORT_SIZE_MAX)
        return SUIT_REPORT_STRUCTURE;
    while (r == 0 && cbor_more(&reader, &pairs)) {
        int64_t key = cbor_read_int(&reader);

        if ((seen & bit_of(key)) != 0)
            return SUIT_REPORT_STRUCTURE;
        seen |= bit_of(key);
        r = read_member(&reader, key, out);
    }
    if (r != 0)
        return r;
    return cbor_reader_finish(&reader) != 0 || (seen & needed) != needed ? SUIT_REPORT_STRUCTURE : 0;
}

/* Of a message that could not be read. */
static int refusal_of(int cose_refusal)
{
    return cose_refusal == COSE_UNSUPPORTED ? SUIT_REPORT_UNSUPPORTED : SUIT_REPORT_STRUCTURE;
}

/* Of one that could. */
static int check_payload(bool attached, struct bytes payload)
{
    if (!attached)
        return SUIT_REPORT_UNSUPPORTED;
    return payload.size > SUIT_REPORT_SIZE_MAX ? SUIT_REPORT_STRUCTURE : 0;
}

int suit_report_read_signed(struct bytes encoded, const struct public_key *keys, size_t n_keys,
                            const struct proto_crypto *crypto, struct suit_report *out, size_t *out_signer)
{
    uint8_t scratch[SCRATCH_SIZE];
    struct bytes none = { NULL, 0 };
    struct cose_sign1 message;
    int r;

    r = cose_sign1_parse(encoded, &message);
    if (r != 0)
        return refusal_of(r);
    r = check_payload(message.attached, message.payload);
    if (r != 0)
        return r;
    r = cose_sign1_check_any(&message, none, keys, n_keys, crypto, scratch, sizeof scratch, out_signer);
    if (r != 0)
        return r < 0 ? r : SUIT_REPORT_SIGNATURE;
    return suit_report_read(message.payload, out);
}

int suit_report_read_authenticated(struct bytes encoded, struct bytes secret, const struct proto_crypto *crypto,
                                   struct suit_report *out)
{
    uint8_t scratch[SCRATCH_SIZE];
    struct bytes none = { NULL, 0 };
    struct cose_mac0 message;
    int r;

    r = cose_mac0_parse(encoded, &message);
    if (r != 0)
        return refusal_of(r);
    r = check_payload(message.attached, message.payload);
    if (r != 0)
        return r;
    r = cose_mac0_check(&message, none, none, secret, crypto, scratch, sizeof scratch);
    if (r != 0)
        return r < 0 ? r : SUIT_REPORT_SIGNATURE;
    return suit_report_read(message.payload, out);
}

bool suit_report_kid(struct bytes encoded, struct bytes *out_kid)
{
    struct cose_sign1 message;
    struct cose_mac0 authenticated;

    if (cose_sign1_parse(encoded, &message) == 0) {
        *out_kid = message.kid;
        return true;
    }
    if (cose_mac0_parse(encoded, &authenticated) != 0)
        return false;
    *out_kid = authenticated.kid;
    return true;
}

/* ---- words ---- */

static enum suit_reason reason_unsupported(const struct suit_where *where)
{
    if (where == NULL)
        return SUIT_REASON_COMMAND_UNSUPPORTED;
    if (where->section == SUIT_SECTION_ENVELOPE && where->command == ENVELOPE_AUTH)
        return SUIT_REASON_ALGORITHM_UNSUPPORTED;
    if (where->section == SUIT_SECTION_COMMON && where->command == COMMON_COMPONENTS)
        return SUIT_REASON_COMPONENT_UNSUPPORTED;
    if (where->offset == 0 && where->command == (int64_t)where->section) /* no command stands at offset 0 */
        return SUIT_REASON_SEVERING_UNSUPPORTED;
    if (where->command == SUIT_DIRECTIVE_OVERRIDE || where->command == SUIT_DIRECTIVE_SET_PARAMETERS ||
        where->command == SUIT_DIRECTIVE_OVERRIDE_MULTIPLE)
        return SUIT_REASON_PARAMETER_UNSUPPORTED;
    return SUIT_REASON_COMMAND_UNSUPPORTED;
}

enum suit_reason suit_reason_of(int refusal, const struct suit_where *where)
{
    switch ((enum suit_refusal)refusal) {
    case SUIT_REFUSED_STRUCTURE:
    case SUIT_REFUSED_VERSION:
        return SUIT_REASON_CBOR_PARSE;
    case SUIT_REFUSED_UNSUPPORTED:
        return reason_unsupported(where);
    case SUIT_REFUSED_SIGNATURE:
    case SUIT_REFUSED_POLICY:
        return SUIT_REASON_UNAUTHORISED;
    case SUIT_REFUSED_DIGEST:
        return where != NULL && where->section == SUIT_SECTION_ENVELOPE ? SUIT_REASON_UNAUTHORISED
                                                                        : SUIT_REASON_CONDITION_FAILED;
    case SUIT_REFUSED_SEQUENCE:
    case SUIT_REFUSED_CONDITION:
        return SUIT_REASON_CONDITION_FAILED;
    case SUIT_REFUSED_COMPONENT:
        return SUIT_REASON_COMPONENT_UNSUPPORTED;
    case SUIT_REFUSED_FETCH:
    case SUIT_REFUSED_STORAGE:
    case SUIT_REFUSED_ROOM:
    case SUIT_REFUSED_DECRYPTION:
        return SUIT_REASON_OPERATION_FAILED;
    case SUIT_REFUSED_AUTHORITY:
        return SUIT_REASON_COMPONENT_UNAUTHORISED;
    }
    return refusal == 0 ? SUIT_REASON_OK : SUIT_REASON_OPERATION_FAILED;
}

const char *suit_reason_text(enum suit_reason reason)
{
    static const char *const texts[] = {
        [SUIT_REASON_OK] = "done",
        [SUIT_REASON_CBOR_PARSE] = "the device could not read the manifest",
        [SUIT_REASON_COSE_UNSUPPORTED] = "the device does not know this form of COSE",
        [SUIT_REASON_ALGORITHM_UNSUPPORTED] = "the device does not know this algorithm",
        [SUIT_REASON_UNAUTHORISED] = "the device does not accept the manifest's signature",
        [SUIT_REASON_COMMAND_UNSUPPORTED] = "the device does not know a command",
        [SUIT_REASON_COMPONENT_UNSUPPORTED] = "the device has no such component",
        [SUIT_REASON_COMPONENT_UNAUTHORISED] = "the signer may not write this component",
        [SUIT_REASON_PARAMETER_UNSUPPORTED] = "the device does not know a parameter",
        [SUIT_REASON_SEVERING_UNSUPPORTED] = "the device cannot do without a severed member",
        [SUIT_REASON_CONDITION_FAILED] = "a condition does not hold on the device",
        [SUIT_REASON_OPERATION_FAILED] = "an operation failed on the device",
        [SUIT_REASON_INVOKE_PENDING] = "installed, and waiting to be invoked",
    };

    return (size_t)reason >= sizeof texts / sizeof texts[0] ? "unknown reason" : texts[reason];
}

const char *suit_report_refusal_text(int refusal)
{
    static const char *const texts[] = {
        [0] = "the report was read",
        [SUIT_REPORT_STRUCTURE] = "not a SUIT report, or beyond its bounds",
        [SUIT_REPORT_UNSUPPORTED] = "a form of SUIT report that is not supported",
        [SUIT_REPORT_SIGNATURE] = "not signed by any of the given keys",
        [SUIT_REPORT_NO_ROOM] = "the buffer is too small",
    };

    return refusal < 0 || (size_t)refusal >= sizeof texts / sizeof texts[0] ? "unknown refusal" : texts[refusal];
}
