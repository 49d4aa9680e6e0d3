/* suit_envelope.c - envelopes that are there already: taken apart, signed once more, or rid of severable members. */
#include "device_proto/suit_private.h"

#include "device_proto/suit_author.h"

enum { LABEL_COMPONENT_ID = 5, LABEL_SET_VERSION = 6, COMMON_DEPENDENCIES = 1, DEPENDENCY_PREFIX = 1 };

/* The part of a label, or SUIT_PARTS. */
static enum suit_part part_of(int64_t label)
{
    enum suit_part part = SUIT_PART_VALIDATE;

    while (part < SUIT_PARTS && (int64_t)suit_part_label(part) != label)
        part++;
    return part;
}

/* ---- taking apart ---- */

static void read_into(struct cbor_reader *reader, struct suit_component *out)
{
    if (suit_read_component(reader, out) != 0)
        cbor_refuse(reader, CBOR_RANGE);
}

static void read_dependencies(struct cbor_reader *reader, struct suit_envelope *out)
{
    struct cbor_list rows = cbor_read_map(reader);

    while (cbor_more(reader, &rows)) {
        struct suit_dependency *dependency;
        struct cbor_list pairs;

        if (out->draft.dependency_count == SUIT_AUTHOR_DEPENDENCIES) {
            cbor_refuse(reader, CBOR_RANGE);
            return;
        }
        dependency = &out->dependencies[out->draft.dependency_count++];
        dependency->index = cbor_read_uint(reader);
        pairs = cbor_read_map(reader);
        while (cbor_more(reader, &pairs)) {
            if (dependency->has_prefix || cbor_read_uint(reader) != DEPENDENCY_PREFIX)
                cbor_refuse(reader, CBOR_UNEXPECTED);
            dependency->has_prefix = true;
            read_into(reader, &dependency->prefix);
        }
    }
}

static void read_components(struct cbor_reader *reader, struct suit_envelope *out)
{
    struct cbor_list list = cbor_read_array(reader);

    while (cbor_more(reader, &list)) {
        if (out->draft.component_count == SUIT_AUTHOR_COMPONENTS) {
            cbor_refuse(reader, CBOR_RANGE);
            return;
        }
        read_into(reader, &out->components[out->draft.component_count++]);
    }
}

/* The next key of a map whose keys ascend. */
static uint64_t next_key(struct cbor_reader *reader, uint64_t *last)
{
    uint64_t key = cbor_read_uint(reader);

    if (key <= *last)
        cbor_refuse(reader, CBOR_NOT_CANONICAL);
    *last = key;
    return key;
}

static int read_common(struct bytes common, struct suit_envelope *out)
{
    struct cbor_reader reader = cbor_reader_on(common, SUIT_RULES);
    struct cbor_list pairs = cbor_read_map(&reader);
    uint64_t last = 0;

    while (cbor_more(&reader, &pairs)) {
        uint64_t key = next_key(&reader, &last);

        if (key == COMMON_DEPENDENCIES)
            read_dependencies(&reader, out);
        else if (key == COMMON_COMPONENTS)
            read_components(&reader, out);
        else if (key == COMMON_SHARED)
            out->draft.shared = cbor_read_bytes(&reader);
        else if (reader.refusal == 0)
            return SUIT_REFUSED_UNSUPPORTED;
    }
    if (reader.refusal == CBOR_RANGE)
        return SUIT_REFUSED_ROOM;
    return cbor_reader_finish(&reader) == 0 ? 0 : SUIT_REFUSED_STRUCTURE;
}

static int read_set_version(struct bytes version, struct suit_envelope *out)
{
    struct cbor_reader reader = cbor_reader_on(version, SUIT_RULES);
    struct cbor_list list = cbor_read_array(&reader);

    while (cbor_more(&reader, &list)) {
        if (out->draft.set_version_count == SUIT_AUTHOR_VERSION)
            return SUIT_REFUSED_ROOM;
        out->set_version[out->draft.set_version_count++] = cbor_read_int(&reader);
    }
    return cbor_reader_finish(&reader) == 0 && out->draft.set_version_count > 0 ? 0 : SUIT_REFUSED_STRUCTURE;
}

static int read_digest(struct cbor_reader *reader, struct suit_member *out)
{
    struct cbor_reader peek = *reader;
    uint8_t digest[DIGEST_SIZE];
    int r = suit_read_digest(reader, SUIT_37, digest);

    if (r != 0)
        return r;
    cbor_read_array_of(&peek, 2);
    cbor_read_int(&peek);
    out->digest = cbor_read_bytes(&peek);
    out->keep = SUIT_SEVERED;
    return 0;
}

static int read_part(struct cbor_reader *reader, int64_t label, struct suit_envelope *out)
{
    enum suit_part part = part_of(label);

    if (part == SUIT_PARTS)
        return SUIT_REFUSED_UNSUPPORTED;
    if (cbor_peek_is(reader, CBOR_ARRAY) && suit_part_is_severable(part))
        return read_digest(reader, &out->draft.members[part]);
    out->draft.members[part].content = cbor_read_bytes(reader);
    return reader->refusal == 0 && out->draft.members[part].content.size == 0 ? SUIT_REFUSED_STRUCTURE : 0;
}

static int read_member(struct cbor_reader *reader, uint64_t label, struct suit_envelope *out)
{
    switch (label) {
    case MANIFEST_VERSION:
        return cbor_read_uint(reader) == 1 || reader->refusal != 0 ? 0 : SUIT_REFUSED_VERSION;
    case MANIFEST_SEQUENCE:
        out->draft.sequence = cbor_read_uint(reader);
        return 0;
    case MANIFEST_COMMON:
        return read_common(cbor_read_bytes(reader), out);
    case MANIFEST_REFERENCE_URI:
        out->draft.reference_uri = cbor_read_text(reader);
        return 0;
    case LABEL_COMPONENT_ID:
        out->draft.component_id = &out->component_id;
        read_into(reader, &out->component_id);
        return 0;
    case LABEL_SET_VERSION:
        return read_set_version(cbor_read_bytes(reader), out);
    default:
        return read_part(reader, (int64_t)(label & INT64_MAX), out);
    }
}

static int read_manifest(struct bytes manifest, struct suit_envelope *out)
{
    struct cbor_reader reader = cbor_reader_on(manifest, SUIT_RULES);
    struct cbor_list pairs = cbor_read_map(&reader);
    uint64_t last = 0;
    unsigned needed = 3; /* version, sequence and common stand first */
    int r = 0;

    while (r == 0 && cbor_more(&reader, &pairs)) {
        uint64_t label = next_key(&reader, &last);

        if (needed > 0 && label != 4 - needed--)
            return SUIT_REFUSED_STRUCTURE;
        r = reader.refusal == 0 ? read_member(&reader, label, out) : 0;
    }
    if (r != 0)
        return r;
    return cbor_reader_finish(&reader) == 0 && needed == 0 ? 0 : SUIT_REFUSED_STRUCTURE;
}

static int read_authentication(struct bytes wrapper, struct suit_envelope *out)
{
    struct cbor_reader reader = cbor_reader_on(wrapper, SUIT_RULES);
    struct cbor_list list = cbor_read_array(&reader);

    while (cbor_more(&reader, &list)) {
        struct bytes element = cbor_read_bytes(&reader);

        if (out->digest.data == NULL)
            out->digest = element;
        else if (out->block_count == SUIT_AUTHOR_BLOCKS)
            return SUIT_REFUSED_ROOM;
        else
            out->blocks[out->block_count++] = element;
    }
    return cbor_reader_finish(&reader) == 0 && out->digest.size > 0 ? 0 : SUIT_REFUSED_STRUCTURE;
}

/* A severed member that travels beside the manifest. */
static int read_severed(struct cbor_reader *reader, enum suit_part part, struct suit_envelope *out)
{
    struct suit_member *member = &out->draft.members[part];

    if (member->keep != SUIT_SEVERED || member->content.size > 0)
        return SUIT_REFUSED_STRUCTURE;
    member->content = cbor_read_bytes(reader);
    member->keep = SUIT_SEVERABLE;
    return reader->refusal == 0 && member->content.size == 0 ? SUIT_REFUSED_STRUCTURE : 0;
}

static int read_integrated(struct cbor_reader *reader, struct suit_envelope *out)
{
    struct suit_integrated *next = &out->integrated[out->draft.integrated_count];

    if (out->draft.integrated_count == SUIT_AUTHOR_INTEGRATED)
        return SUIT_REFUSED_ROOM;
    out->draft.integrated_count++;
    next->name = cbor_read_text(reader);
    next->content = cbor_read_bytes(reader);
    return 0;
}

static int read_entry(struct cbor_reader *reader, struct suit_envelope *out)
{
    struct cbor_reader with_head;
    int64_t key;

    if (cbor_peek_is(reader, CBOR_TEXT))
        return out->manifest.size > 0 ? read_integrated(reader, out) : SUIT_REFUSED_STRUCTURE;
    key = cbor_read_int(reader);
    if (key == ENVELOPE_AUTH && out->digest.data == NULL)
        return read_authentication(cbor_read_bytes(reader), out);
    if (key != ENVELOPE_MANIFEST)
        return part_of(key) == SUIT_PARTS ? SUIT_REFUSED_UNSUPPORTED : read_severed(reader, part_of(key), out);
    if (out->manifest.size > 0)
        return SUIT_REFUSED_STRUCTURE;
    with_head = *reader;
    out->manifest = cbor_read_item(&with_head);
    return read_manifest(cbor_read_bytes(reader), out);
}

/* A reader behind the envelope's tag, where it has one, and the map's list. */
static struct cbor_list open_envelope(struct cbor_reader *reader, bool *out_tagged)
{
    *out_tagged = cbor_peek_is(reader, CBOR_TAG);
    if (*out_tagged && cbor_read_tag(reader) != TAG_ENVELOPE)
        cbor_refuse(reader, CBOR_UNEXPECTED);
    return cbor_read_map(reader);
}

int suit_envelope_read(struct bytes encoded, struct suit_envelope *out)
{
    struct cbor_reader reader = cbor_reader_on(encoded, SUIT_RULES);
    struct cbor_list pairs;
    int r = 0;

    memset(out, 0, sizeof *out);
    pairs = open_envelope(&reader, &out->tagged);
    out->draft.dialect = SUIT_37;
    out->draft.components = out->components;
    out->draft.dependencies = out->dependencies;
    out->draft.set_version = out->set_version;
    out->draft.integrated = out->integrated;
    while (r == 0 && cbor_more(&reader, &pairs))
        r = read_entry(&reader, out);
    if (r != 0)
        return reader.refusal != 0 ? SUIT_REFUSED_STRUCTURE : r;
    if (cbor_reader_finish(&reader) != 0 || out->manifest.size == 0 || out->digest.size == 0)
        return SUIT_REFUSED_STRUCTURE;
    return 0;
}

/* ---- changing what is beside the manifest ---- */

/* How many pairs of the envelope remain without parts. */
static int count_remaining(struct bytes encoded, unsigned without, uint64_t *out)
{
    struct cbor_reader reader = cbor_reader_on(encoded, SUIT_RULES);
    bool tagged;
    struct cbor_list pairs = open_envelope(&reader, &tagged);

    for (*out = 0; cbor_more(&reader, &pairs); (*out)++) {
        if (cbor_peek_is(&reader, CBOR_UINT)) {
            enum suit_part part = part_of((int64_t)cbor_read_uint_max(&reader, INT64_MAX));

            if (part < SUIT_PARTS && (without >> part & 1u) != 0)
                (*out)--;
        } else {
            cbor_skip(&reader);
        }
        cbor_skip(&reader);
    }
    return cbor_reader_finish(&reader) == 0 ? 0 : SUIT_REFUSED_STRUCTURE;
}

/* Writes the envelope anew: one more block, without parts. */
static int rewrite(struct bytes encoded, struct bytes block, unsigned without, uint8_t *out, size_t capacity,
                   size_t *out_size)
{
    struct cbor_writer writer = cbor_writer_on(out, capacity);
    struct cbor_reader reader = cbor_reader_on(encoded, SUIT_RULES);
    struct suit_envelope envelope;
    struct cbor_list pairs;
    uint64_t remaining;
    int r;

    r = suit_envelope_read(encoded, &envelope);
    if (r == 0)
        r = count_remaining(encoded, without, &remaining);
    if (r != 0)
        return r;
    if (block.size > 0 && envelope.block_count == SUIT_AUTHOR_BLOCKS)
        return SUIT_REFUSED_ROOM;
    if (block.size > 0)
        envelope.blocks[envelope.block_count++] = block;
    pairs = open_envelope(&reader, &envelope.tagged);
    if (envelope.tagged)
        cbor_write_tag(&writer, TAG_ENVELOPE);
    cbor_write_map(&writer, remaining);
    while (cbor_more(&reader, &pairs)) {
        struct bytes key = cbor_read_item(&reader);
        struct bytes value = cbor_read_item(&reader);
        struct cbor_reader label = cbor_reader_on(key, SUIT_RULES);
        int64_t number = cbor_peek_is(&label, CBOR_UINT) ? cbor_read_int(&label) : 0;
        enum suit_part part = part_of(number);

        if (number == ENVELOPE_AUTH) {
            suit_write_authentication(&writer, envelope.digest, envelope.blocks, envelope.block_count);
        } else if (part == SUIT_PARTS || (without >> part & 1u) == 0) {
            cbor_write_raw(&writer, key);
            cbor_write_raw(&writer, value);
        }
    }
    return cbor_writer_finish(&writer, out_size) == 0 ? 0 : SUIT_REFUSED_ROOM;
}

int suit_envelope_add(struct bytes encoded, struct bytes block, uint8_t *out, size_t capacity, size_t *out_size)
{
    return block.size == 0 ? SUIT_REFUSED_STRUCTURE : rewrite(encoded, block, 0, out, capacity, out_size);
}

int suit_envelope_sever(struct bytes encoded, unsigned without, uint8_t *out, size_t capacity, size_t *out_size)
{
    return rewrite(encoded, bytes_view(NULL, 0), without, out, capacity, out_size);
}
