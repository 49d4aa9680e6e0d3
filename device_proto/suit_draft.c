/* suit_draft.c - the manifest around its sequences, and the envelope around the manifest.
 * Labels are written in ascending order, which is the canonical one. */
#include "device_proto/suit_private.h"

#include "device_proto/suit_author.h"

#define WRITTEN_RULES (CBOR_SHORTEST | CBOR_DEFINITE)

enum {
    LABEL_COMPONENT_ID = 5,
    LABEL_SET_VERSION = 6,
    COMMON_DEPENDENCIES = 1,
    DEPENDENCY_PREFIX = 1,
};

static const struct {
    const char *name;
    uint8_t label;
    bool severable;
    bool sequence;
} parts[SUIT_PARTS] = {
    [SUIT_PART_VALIDATE] = { "validate", 7, false, true },
    [SUIT_PART_LOAD] = { "load", 8, false, true },
    [SUIT_PART_INVOKE] = { "invoke", 9, false, true },
    [SUIT_PART_COSWID] = { "coswid", 14, true, false },
    [SUIT_PART_DEPENDENCY_RESOLUTION] = { "dependency-resolution", 15, true, true },
    [SUIT_PART_PAYLOAD_FETCH] = { "payload-fetch", 16, true, true },
    [SUIT_PART_CANDIDATE_VERIFICATION] = { "candidate-verification", 18, true, true },
    [SUIT_PART_INSTALL] = { "install", 20, true, true },
    [SUIT_PART_TEXT] = { "text", 23, true, false },
    [SUIT_PART_UNINSTALL] = { "uninstall", 24, false, true },
};

const char *suit_part_name(enum suit_part part)
{
    return parts[part].name;
}

uint64_t suit_part_label(enum suit_part part)
{
    return parts[part].label;
}

bool suit_part_is_severable(enum suit_part part)
{
    return parts[part].severable;
}

bool suit_part_is_sequence(enum suit_part part)
{
    return parts[part].sequence;
}

/* ---- what may be written ---- */

static int check_component(const struct suit_component *component, enum suit_dialect dialect)
{
    if (component->count > SUIT_COMPONENT_PARTS)
        return SUIT_REFUSED_ROOM;
    if (component->count == 0 && dialect == SUIT_RIOT)
        return SUIT_REFUSED_STRUCTURE;
    for (size_t i = 0; i < component->count; i++) {
        if (component->parts[i].size > SUIT_COMPONENT_PART_MAX)
            return SUIT_REFUSED_ROOM;
    }
    return 0;
}

static int check_components(const struct suit_draft *draft)
{
    if (draft->component_count > SUIT_AUTHOR_COMPONENTS)
        return SUIT_REFUSED_ROOM;
    if (draft->component_count == 0 && draft->dependency_count == 0)
        return SUIT_REFUSED_STRUCTURE;
    for (size_t i = 0; i < draft->component_count; i++) {
        int r = check_component(&draft->components[i], draft->dialect);

        if (r != 0)
            return r;
        for (size_t k = 0; k < i; k++) {
            if (suit_component_equal(&draft->components[i], &draft->components[k]))
                return SUIT_REFUSED_STRUCTURE;
        }
    }
    return draft->component_id != NULL ? check_component(draft->component_id, draft->dialect) : 0;
}

static int check_dependencies(const struct suit_draft *draft)
{
    if (draft->dependency_count > SUIT_AUTHOR_DEPENDENCIES)
        return SUIT_REFUSED_ROOM;
    for (size_t i = 0; i < draft->dependency_count; i++) {
        const struct suit_dependency *dependency = &draft->dependencies[i];

        if (i > 0 && dependency->index <= draft->dependencies[i - 1].index)
            return SUIT_REFUSED_STRUCTURE;
        if (dependency->has_prefix && check_component(&dependency->prefix, draft->dialect) != 0)
            return SUIT_REFUSED_ROOM;
    }
    return 0;
}

static int check_members(const struct suit_draft *draft)
{
    for (size_t i = 0; i < SUIT_PARTS; i++) {
        const struct suit_member *member = &draft->members[i];
        bool digest_only = member->content.size == 0 && member->digest.size > 0;

        if (member->content.size > 0 && cbor_check(member->content, WRITTEN_RULES) != 0)
            return SUIT_REFUSED_STRUCTURE;
        if (digest_only && (member->keep != SUIT_SEVERED || member->digest.size != DIGEST_SIZE))
            return SUIT_REFUSED_STRUCTURE;
        if (member->keep != SUIT_KEEP && !parts[i].severable)
            return SUIT_REFUSED_UNSUPPORTED;
    }
    return draft->shared.size > 0 && cbor_check(draft->shared, WRITTEN_RULES) != 0 ? SUIT_REFUSED_STRUCTURE : 0;
}

static bool is_present(const struct suit_member *member)
{
    return member->content.size > 0 || member->digest.size > 0;
}

/* What RIOT's devices refuse is not written for them. */
static int check_riot(const struct suit_draft *draft)
{
    if (draft->sequence > UINT32_MAX)
        return SUIT_REFUSED_ROOM;
    if (draft->dependency_count > 0 || draft->reference_uri.size > 0 || draft->component_id != NULL ||
        draft->set_version_count > 0 || draft->integrated_count > 0)
        return SUIT_REFUSED_UNSUPPORTED;
    for (size_t i = 0; i < SUIT_PARTS; i++) {
        bool riot = i == SUIT_PART_VALIDATE || i == SUIT_PART_INSTALL;

        if (is_present(&draft->members[i]) && (!riot || draft->members[i].keep != SUIT_KEEP))
            return SUIT_REFUSED_UNSUPPORTED;
    }
    return 0;
}

static int check_draft(const struct suit_draft *draft)
{
    int r = check_components(draft);

    if (r == 0)
        r = check_dependencies(draft);
    if (r == 0)
        r = suit_check_uri(draft->reference_uri);
    if (r == 0 && draft->set_version_count > SUIT_AUTHOR_VERSION)
        r = SUIT_REFUSED_ROOM;
    if (r == 0)
        r = check_members(draft);
    return r == 0 && draft->dialect == SUIT_RIOT ? check_riot(draft) : r;
}

/* ---- the manifest ---- */

static void write_dependencies(struct cbor_writer *writer, const struct suit_draft *draft)
{
    cbor_write_uint(writer, COMMON_DEPENDENCIES);
    cbor_write_map(writer, draft->dependency_count);
    for (size_t i = 0; i < draft->dependency_count; i++) {
        const struct suit_dependency *dependency = &draft->dependencies[i];

        cbor_write_uint(writer, dependency->index);
        cbor_write_map(writer, dependency->has_prefix ? 1 : 0);
        if (dependency->has_prefix) {
            cbor_write_uint(writer, DEPENDENCY_PREFIX);
            suit_write_component(writer, &dependency->prefix);
        }
    }
}

static void write_common(struct cbor_writer *writer, const struct suit_draft *draft)
{
    bool dependencies = draft->dependency_count > 0;
    bool components = draft->component_count > 0;
    bool shared = draft->shared.size > 0;
    size_t begin;

    cbor_write_uint(writer, MANIFEST_COMMON);
    begin = cbor_wrap_begin(writer);
    cbor_write_map(writer, (uint64_t)dependencies + components + shared);
    if (dependencies)
        write_dependencies(writer, draft);
    if (components) {
        cbor_write_uint(writer, COMMON_COMPONENTS);
        cbor_write_array(writer, draft->component_count);
        for (size_t i = 0; i < draft->component_count; i++)
            suit_write_component(writer, &draft->components[i]);
    }
    if (shared) {
        cbor_write_uint(writer, COMMON_SHARED);
        cbor_write_bytes(writer, draft->shared);
    }
    cbor_wrap_end(writer, begin);
}

/* The digest of a member as it stands in an envelope, which is written behind the writer for that while. */
static int digest_member(const struct suit_member *member, const struct proto_crypto *crypto,
                         const struct cbor_writer *writer, uint8_t out[DIGEST_SIZE])
{
    struct cbor_writer aside = *writer;

    if (member->content.size == 0) {
        memcpy(out, member->digest.data, DIGEST_SIZE);
        return 0;
    }
    cbor_write_bytes(&aside, member->content);
    if (aside.size > aside.capacity)
        return SUIT_REFUSED_ROOM;
    return crypto->sha256(crypto->context, bytes_view(aside.data + writer->size, aside.size - writer->size), out);
}

static int write_member(struct cbor_writer *writer, const struct suit_draft *draft, enum suit_part part,
                        const struct proto_crypto *crypto)
{
    const struct suit_member *member = &draft->members[part];
    uint64_t label = parts[part].label;
    uint8_t digest[DIGEST_SIZE];
    int r;

    if (draft->dialect == SUIT_RIOT)
        label = part == SUIT_PART_INSTALL ? RIOT_INSTALL : RIOT_VALIDATE;
    cbor_write_uint(writer, label);
    if (member->keep == SUIT_KEEP) {
        cbor_write_bytes(writer, member->content);
        return 0;
    }
    r = digest_member(member, crypto, writer, digest);
    if (r == 0)
        suit_write_digest(writer, draft->dialect, digest);
    return r;
}

static int write_members(struct cbor_writer *writer, const struct suit_draft *draft, const struct proto_crypto *crypto)
{
    static const enum suit_part riot_order[] = { SUIT_PART_INSTALL, SUIT_PART_VALIDATE }; /* 9 and 10 */
    bool riot = draft->dialect == SUIT_RIOT;
    int r = 0;

    for (size_t i = 0; r == 0 && i < (riot ? 2 : (size_t)SUIT_PARTS); i++) {
        enum suit_part part = riot ? riot_order[i] : (enum suit_part)i;

        if (is_present(&draft->members[part]))
            r = write_member(writer, draft, part, crypto);
    }
    return r;
}

static void write_extras(struct cbor_writer *writer, const struct suit_draft *draft)
{
    size_t begin;

    if (draft->reference_uri.size > 0) {
        cbor_write_uint(writer, MANIFEST_REFERENCE_URI);
        cbor_write_text(writer, draft->reference_uri);
    }
    if (draft->component_id != NULL) {
        cbor_write_uint(writer, LABEL_COMPONENT_ID);
        suit_write_component(writer, draft->component_id);
    }
    if (draft->set_version_count == 0)
        return;
    cbor_write_uint(writer, LABEL_SET_VERSION);
    begin = cbor_wrap_begin(writer);
    cbor_write_array(writer, draft->set_version_count);
    for (size_t i = 0; i < draft->set_version_count; i++)
        cbor_write_int(writer, draft->set_version[i]);
    cbor_wrap_end(writer, begin);
}

int suit_draft_encode(const struct suit_draft *draft, const struct proto_crypto *crypto, uint8_t *out, size_t capacity,
                      size_t *out_size)
{
    struct cbor_writer writer = cbor_writer_on(out, capacity);
    uint64_t pairs =
        3u + (draft->reference_uri.size > 0) + (draft->component_id != NULL) + (draft->set_version_count > 0);
    size_t begin;
    int r;

    r = check_draft(draft);
    if (r != 0)
        return r;
    for (size_t i = 0; i < SUIT_PARTS; i++)
        pairs += is_present(&draft->members[i]);
    begin = cbor_wrap_begin(&writer);
    cbor_write_map(&writer, pairs);
    cbor_write_uint(&writer, MANIFEST_VERSION);
    cbor_write_uint(&writer, 1);
    cbor_write_uint(&writer, MANIFEST_SEQUENCE);
    cbor_write_uint(&writer, draft->sequence);
    write_common(&writer, draft);
    write_extras(&writer, draft);
    r = write_members(&writer, draft, crypto);
    if (r != 0)
        return r;
    cbor_wrap_end(&writer, begin);
    return cbor_writer_finish(&writer, out_size) == 0 ? 0 : SUIT_REFUSED_ROOM;
}

/* ---- the envelope ---- */

int suit_seal_make(enum suit_dialect dialect, struct bytes manifest, const struct proto_crypto *crypto,
                   struct suit_seal *out)
{
    struct suit_seal seal = { .dialect = dialect };
    struct cbor_writer writer = cbor_writer_on(seal.digest, sizeof seal.digest);
    uint8_t digest[DIGEST_SIZE];
    int r;

    r = crypto->sha256(crypto->context, manifest, digest);
    if (r != 0)
        return r;
    suit_write_digest(&writer, dialect, digest);
    *out = seal;
    return 0;
}

struct cose_order suit_seal_order(const struct suit_seal *seal, enum cose_algorithm algorithm, struct bytes kid)
{
    struct cose_order order = { .tagged = true,
                                .detached = seal->dialect != SUIT_RIOT,
                                .algorithm = algorithm,
                                .kid = kid,
                                .payload = bytes_view(seal->digest, sizeof seal->digest) };

    return order;
}

void suit_write_authentication(struct cbor_writer *writer, struct bytes digest, const struct bytes *blocks,
                               size_t block_count)
{
    size_t begin;

    cbor_write_uint(writer, ENVELOPE_AUTH);
    begin = cbor_wrap_begin(writer);
    cbor_write_array(writer, block_count + (digest.size > 0));
    if (digest.size > 0)
        cbor_write_bytes(writer, digest);
    for (size_t i = 0; i < block_count; i++)
        cbor_write_bytes(writer, blocks[i]);
    cbor_wrap_end(writer, begin);
}

static bool name_before(struct bytes a, struct bytes b)
{
    if (a.size != b.size)
        return a.size < b.size;
    return memcmp(a.data, b.data, a.size) < 0;
}

static int write_integrated(struct cbor_writer *writer, const struct suit_draft *draft)
{
    const struct suit_integrated *last = NULL;

    if (draft->integrated_count > SUIT_AUTHOR_INTEGRATED)
        return SUIT_REFUSED_ROOM;
    for (size_t written = 0; written < draft->integrated_count; written++) {
        const struct suit_integrated *next = NULL;

        for (size_t i = 0; i < draft->integrated_count; i++) {
            const struct suit_integrated *at = &draft->integrated[i];

            if (at->name.size == 0 || suit_check_uri(at->name) != 0)
                return SUIT_REFUSED_STRUCTURE;
            if ((last == NULL || name_before(last->name, at->name)) &&
                (next == NULL || name_before(at->name, next->name)))
                next = at;
        }
        if (next == NULL)
            return SUIT_REFUSED_STRUCTURE; /* one stands there twice */
        cbor_write_text(writer, next->name);
        cbor_write_bytes(writer, next->content);
        last = next;
    }
    return 0;
}

static bool travels(const struct suit_member *member)
{
    return member->keep == SUIT_SEVERABLE && member->content.size > 0;
}

int suit_draft_write(const struct suit_draft *draft, struct bytes manifest, const struct suit_seal *seal,
                     const struct bytes *blocks, size_t block_count, uint8_t *out, size_t capacity, size_t *out_size)
{
    struct cbor_writer writer = cbor_writer_on(out, capacity);
    uint64_t pairs = 2 + draft->integrated_count;
    int r;

    if (block_count > SUIT_AUTHOR_BLOCKS)
        return SUIT_REFUSED_ROOM;
    for (size_t i = 0; i < SUIT_PARTS; i++)
        pairs += travels(&draft->members[i]);
    if (draft->dialect != SUIT_RIOT)
        cbor_write_tag(&writer, TAG_ENVELOPE);
    cbor_write_map(&writer, pairs);
    suit_write_authentication(
        &writer, draft->dialect == SUIT_RIOT ? bytes_view(NULL, 0) : bytes_view(seal->digest, sizeof seal->digest),
        blocks, block_count);
    cbor_write_uint(&writer, ENVELOPE_MANIFEST);
    cbor_write_raw(&writer, manifest);
    for (size_t i = 0; i < SUIT_PARTS; i++) {
        if (travels(&draft->members[i])) {
            cbor_write_uint(&writer, parts[i].label);
            cbor_write_bytes(&writer, draft->members[i].content);
        }
    }
    r = write_integrated(&writer, draft);
    if (r != 0)
        return r;
    return cbor_writer_finish(&writer, out_size) == 0 ? 0 : SUIT_REFUSED_ROOM;
}
