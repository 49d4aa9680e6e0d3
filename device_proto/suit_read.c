/* suit_read.c - the manifest's members, once its signature and digest hold.
 * What breaks the grammar is refused here; what is merely not implemented is noted in runs, so that a file of somebody
 * else's can still be shown. */
#include "device_proto/suit_walk.h"

int suit_read_component(struct cbor_reader *reader, struct suit_component *out)
{
    struct cbor_list parts = cbor_read_array(reader);
    struct suit_component component = { 0 };
    int r = 0;

    while (cbor_more(reader, &parts)) {
        struct bytes part = cbor_read_bytes(reader);

        if (component.count < SUIT_COMPONENT_PARTS)
            component.parts[component.count++] = part;
        else
            r = SUIT_REFUSED_UNSUPPORTED;
    }
    *out = component;
    return reader->refusal != 0 ? SUIT_REFUSED_STRUCTURE : r;
}

/* ---- common ---- */

static int read_components(struct suit_reading *reading, struct cbor_reader *reader)
{
    struct suit_manifest *out = reading->out;
    struct cbor_list list = cbor_read_array(reader);
    int r = 0;

    while (r == 0 && cbor_more(reader, &list)) {
        struct suit_component component;

        r = suit_read_component(reader, &component);
        if (r == SUIT_REFUSED_UNSUPPORTED || (r == 0 && out->component_count == SUIT_COMPONENTS_MAX)) {
            suit_reading_note(out, SUIT_SECTION_COMMON, COMMON_COMPONENTS, "components: too many");
            r = 0;
        } else if (r == 0) {
            out->components[out->component_count++] = component;
        }
    }
    if (r != 0 || reader->refusal != 0 || out->component_count == 0)
        return suit_reading_refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_COMMON, COMMON_COMPONENTS, "components");
    return 0;
}

/* {index: {1: prefix}}: which component indices are manifests, and where those beyond the list are kept. */
static int read_dependency(struct suit_reading *reading, struct cbor_reader *reader, struct suit_dependency *out)
{
    struct cbor_list pairs = cbor_read_map(reader);
    int r = 0;

    while (cbor_more(reader, &pairs)) {
        int64_t key = cbor_read_int(reader);

        if (key == 1 && !out->has_prefix) {
            r = suit_read_component(reader, &out->prefix);
            out->has_prefix = true;
        } else {
            suit_reading_note(reading->out, SUIT_SECTION_COMMON, MEMBER_DEPENDENCIES, "metadata of a dependency");
            cbor_skip(reader);
        }
    }
    if (r == SUIT_REFUSED_UNSUPPORTED)
        suit_reading_note(reading->out, SUIT_SECTION_COMMON, MEMBER_DEPENDENCIES, "prefix of a dependency: too many");
    return 0;
}

static int read_dependencies(struct suit_reading *reading, struct cbor_reader *reader)
{
    struct suit_manifest *out = reading->out;
    struct cbor_list pairs = cbor_read_map(reader);
    uint64_t next = 0;

    while (cbor_more(reader, &pairs)) {
        struct suit_dependency dependency = { 0 };
        uint64_t index = cbor_read_uint(reader);

        if (reader->refusal == 0 && index < next)
            cbor_refuse(reader, CBOR_NOT_CANONICAL);
        next = index == UINT64_MAX ? index : index + 1;
        read_dependency(reading, reader, &dependency);
        dependency.index = index;
        if (index >= SUIT_COMPONENTS_MAX || out->dependency_count == SUIT_DEPENDENCIES_MAX)
            suit_reading_note(out, SUIT_SECTION_COMMON, MEMBER_DEPENDENCIES, "dependencies: too many");
        else if (reader->refusal == 0)
            out->dependencies[out->dependency_count++] = dependency;
    }
    return 0;
}

/* Indices beyond the components list must follow it without a gap, and say where their manifest is kept. */
static void check_dependencies(struct suit_manifest *out)
{
    size_t next = out->component_count;

    for (size_t i = 0; i < out->dependency_count; i++) {
        const struct suit_dependency *dependency = &out->dependencies[i];

        if (dependency->index < out->component_count)
            continue;
        if (dependency->index != next++ || !dependency->has_prefix)
            suit_reading_note(out, SUIT_SECTION_COMMON, MEMBER_DEPENDENCIES, "a dependency that is no component");
    }
}

static int read_common(struct suit_reading *reading, struct bytes common)
{
    struct cbor_reader reader = cbor_reader_on(common, SUIT_RULES);
    struct cbor_list pairs = cbor_read_map(&reader);
    struct suit_manifest *out = reading->out;
    int64_t last = INT64_MIN;
    int r = 0;

    while (r == 0 && cbor_more(&reader, &pairs)) {
        int64_t key = cbor_read_int(&reader);

        if (reader.refusal != 0 || key <= last)
            break;
        last = key;
        if (key == COMMON_COMPONENTS) {
            r = read_components(reading, &reader);
        } else if (key == COMMON_SHARED) {
            out->shared = cbor_read_bytes(&reader);
        } else if (key == MEMBER_DEPENDENCIES && out->dialect == SUIT_37) {
            r = read_dependencies(reading, &reader);
        } else {
            suit_reading_note(out, SUIT_SECTION_COMMON, key, "member of common");
            cbor_skip(&reader);
        }
    }
    if (r != 0)
        return r;
    if (cbor_reader_finish(&reader) != 0)
        return suit_reading_refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_COMMON, 0, "common");
    check_dependencies(out);
    if (out->component_count + out->dependency_count == 0)
        suit_reading_note(out, SUIT_SECTION_COMMON, COMMON_COMPONENTS, "a manifest without components");
    return 0;
}

/* ---- members ---- */

/* A member that may be a digest, with its content severed into the envelope. */
static int read_severable(struct suit_reading *reading, struct cbor_reader *reader, enum suit_section section,
                          struct bytes *out_content)
{
    struct suit_severed *severed = &reading->severed[suit_severed_at((int64_t)section)];
    struct suit_manifest *out = reading->out;
    const char *what;
    struct bytes digest;
    int r;

    if (!cbor_peek_is(reader, CBOR_ARRAY)) {
        *out_content = cbor_read_bytes(reader);
        return 0;
    }
    severed->named = true;
    r = suit_read_digest_view(reader, SUIT_37, &digest, &what);
    if (r == SUIT_REFUSED_STRUCTURE)
        return 0; /* the reader knows */
    if (r != 0) {
        suit_reading_note(out, section, (int64_t)section, what);
        return 0;
    }
    if (severed->encoded.data == NULL) {
        if (section != SUIT_SECTION_TEXT && section != SUIT_SECTION_COSWID) /* nothing here needs these two */
            suit_reading_note(out, section, (int64_t)section, "severed member is missing");
        return 0;
    }
    r = suit_digest_matches(reading->crypto, severed->encoded, digest.data);
    if (r != 0)
        return r < 0 ? r
                     : suit_reading_refuse(out, r, section, (int64_t)section, "severed member differs from its digest");
    *out_content = severed->content;
    return 0;
}

static bool peek_is_int(const struct cbor_reader *reader)
{
    return cbor_peek_is(reader, CBOR_UINT) || cbor_peek_is(reader, CBOR_NINT);
}

static int read_version(struct suit_reading *reading, struct cbor_reader *reader)
{
    int64_t version = peek_is_int(reader) ? cbor_read_int(reader) : 0;

    if (reader->refusal == 0 && version == 1)
        return 0;
    return suit_reading_refuse(reading->out, SUIT_REFUSED_VERSION, SUIT_SECTION_ENVELOPE, MANIFEST_VERSION,
                               "manifest version");
}

static int read_component_id(struct suit_reading *reading, struct cbor_reader *reader)
{
    if (suit_read_component(reader, &reading->out->component_id) == SUIT_REFUSED_UNSUPPORTED)
        suit_reading_note(reading->out, SUIT_SECTION_ENVELOPE, MANIFEST_COMPONENT_ID, "component-id: too many parts");
    return 0;
}

static int read_set_version(struct suit_reading *reading, struct cbor_reader *reader)
{
    struct cbor_reader inner = cbor_reader_on(cbor_read_bytes(reader), SUIT_RULES);
    int r = reader->refusal != 0 ? 0 : suit_read_version(&inner, &reading->out->set_version);

    if (r == SUIT_REFUSED_UNSUPPORTED)
        suit_reading_note(reading->out, SUIT_SECTION_ENVELOPE, MANIFEST_SET_VERSION, "set-version: too many parts");
    else if (r != 0 || (reader->refusal == 0 && cbor_reader_finish(&inner) != 0))
        cbor_refuse(reader, CBOR_MALFORMED);
    return 0;
}

/* Where a section of SUIT_37 is kept; NULL for other members. */
static struct bytes *section_place(struct suit_manifest *out, int64_t key)
{
    switch (key) {
    case SUIT_SECTION_VALIDATE:
        return &out->validate;
    case SUIT_SECTION_LOAD:
        return &out->load;
    case SUIT_SECTION_INVOKE:
        return &out->invoke;
    case SUIT_SECTION_UNINSTALL:
        return &out->uninstall;
    case SUIT_SECTION_COSWID:
        return &out->coswid;
    case SUIT_SECTION_DEPENDENCY_RESOLUTION:
        return &out->dependency_resolution;
    case SUIT_SECTION_PAYLOAD_FETCH:
        return &out->payload_fetch;
    case SUIT_SECTION_CANDIDATE_VERIFICATION:
        return &out->candidate_verification;
    case SUIT_SECTION_INSTALL:
        return &out->install;
    case SUIT_SECTION_TEXT:
        return &out->text;
    default:
        return NULL;
    }
}

/* Members beyond version, sequence number and common. */
static int read_section(struct suit_reading *reading, struct cbor_reader *reader, int64_t key)
{
    struct suit_manifest *out = reading->out;
    bool riot = out->dialect == SUIT_RIOT;
    struct bytes *place = riot ? NULL : section_place(out, key);

    if (riot && key == RIOT_VALIDATE) {
        out->validate = cbor_read_bytes(reader);
    } else if (riot && key == RIOT_INSTALL) {
        out->install = cbor_read_bytes(reader);
    } else if (!riot && key == MANIFEST_REFERENCE_URI) {
        out->reference_uri = cbor_read_text(reader);
    } else if (!riot && key == MANIFEST_COMPONENT_ID) {
        return read_component_id(reading, reader);
    } else if (!riot && key == MANIFEST_SET_VERSION) {
        return read_set_version(reading, reader);
    } else if (place == NULL) {
        suit_reading_note(out, SUIT_SECTION_ENVELOPE, key, suit_member_name(out->dialect, key));
        cbor_skip(reader);
    } else if (suit_severed_at(key) < SUIT_SEVERED_MAX) {
        return read_severable(reading, reader, (enum suit_section)key, place);
    } else {
        *place = cbor_read_bytes(reader);
    }
    return 0;
}

static int read_manifest_member(struct suit_reading *reading, struct cbor_reader *reader, int64_t key)
{
    struct suit_manifest *out = reading->out;
    struct bytes common;

    if (key == MANIFEST_VERSION)
        return read_version(reading, reader);
    if (key == MANIFEST_SEQUENCE) {
        out->sequence = cbor_read_uint_max(reader, out->dialect == SUIT_RIOT ? UINT32_MAX : UINT64_MAX);
        return 0;
    }
    if (key == MANIFEST_COMMON) {
        common = cbor_read_bytes(reader);
        return reader->refusal != 0 ? 0 : read_common(reading, common);
    }
    return read_section(reading, reader, key);
}

/* RIOT devices do not ask for the order of keys; members that they lack are unsupported wherever they stand. */
static bool has_order(enum suit_dialect dialect, int64_t key)
{
    return dialect == SUIT_37 || (key >= MANIFEST_VERSION && key <= MANIFEST_COMMON) || key == RIOT_INSTALL ||
           key == RIOT_VALIDATE;
}

static int read_manifest(struct suit_reading *reading)
{
    struct suit_manifest *out = reading->out;
    struct cbor_reader reader = cbor_reader_on(out->manifest, SUIT_RULES);
    struct cbor_list pairs = cbor_read_map(&reader);
    int64_t last = 0;
    unsigned seen = 0; /* version, sequence and common must be there */
    int r = 0;

    while (r == 0 && cbor_more(&reader, &pairs)) {
        int64_t key = cbor_read_int(&reader);

        if (has_order(out->dialect, key)) {
            if (reader.refusal == 0 && key <= last)
                return suit_reading_refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, key,
                                           "manifest keys out of order");
            last = key;
        }
        seen |= key >= MANIFEST_VERSION && key <= MANIFEST_COMMON ? 1u << key : 0;
        r = read_manifest_member(reading, &reader, key);
    }
    if (r != 0)
        return r;
    if (cbor_reader_finish(&reader) != 0)
        return suit_reading_refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, last, "manifest member");
    if (seen != 0xe)
        return suit_reading_refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, 0,
                                   "version, sequence or common is missing");
    for (size_t i = 0; i < SUIT_SEVERED_MAX; i++) {
        if (reading->severed[i].encoded.data != NULL && !reading->severed[i].named)
            return suit_reading_refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, 0,
                                       "severed member that the manifest does not name");
    }
    return 0;
}

int suit_manifest_read(struct bytes envelope, enum suit_dialect dialect, const struct cose_trust *trust,
                       const struct cose_acceptance *acceptance, const struct proto_crypto *crypto,
                       struct suit_manifest *out)
{
    struct suit_reading reading = { .out = out, .crypto = crypto };
    int r;

    memset(out, 0, sizeof *out);
    out->dialect = dialect;
    out->envelope = envelope;
    r = suit_read_envelope(&reading, envelope, trust, acceptance);
    if (r != 0)
        return r;
    r = read_manifest(&reading);
    if (r == 0 && out->runs == 0)
        out->runs = suit_walk_check(out, &out->where);
    return r;
}

int suit_manifest_verify_with(struct bytes envelope, enum suit_dialect dialect, const struct cose_trust *trust,
                              const struct cose_acceptance *acceptance, const struct proto_crypto *crypto,
                              struct suit_manifest *out)
{
    int r = suit_manifest_read(envelope, dialect, trust, acceptance, crypto, out);

    if (r == 0)
        suit_walk_describe(out);
    return r;
}

int suit_manifest_verify(struct bytes envelope, enum suit_dialect dialect, const struct public_key *keys, size_t n_keys,
                         const struct proto_crypto *crypto, struct suit_manifest *out)
{
    const struct cose_trust trust = { .keys = keys, .key_count = n_keys };
    const struct cose_acceptance any = { .needs = { COSE_ANY_SIGNATURE } };

    return suit_manifest_verify_with(envelope, dialect, &trust, &any, crypto, out);
}

int suit_manifest_parse(struct bytes envelope, enum suit_dialect dialect, const struct proto_crypto *crypto,
                        struct suit_manifest *out)
{
    return suit_manifest_verify_with(envelope, dialect, NULL, NULL, crypto, out);
}
