/* Whatever an author is told to write, it writes what is read back as the same, or refuses.
 * The input steers the author: components, dependencies, sequences of any commands, texts, severable members, payloads.
 * What it writes must be an envelope that takes apart into the same parts, must be written again to the same bytes, and
 * must be a manifest to the recipient. */
#include "device_proto/suit_author.h"
#include "tests/fuzz/sham_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 16384, VALUES = 6, COMPONENTS = 4, TEXTS = 6 };

struct feed {
    const uint8_t *at;
    size_t left;
};

static unsigned next(struct feed *feed, unsigned below)
{
    if (feed->left == 0)
        return 0;
    feed->left--;
    return *feed->at++ % below;
}

static struct bytes some(struct feed *feed, size_t most)
{
    size_t size = next(feed, (unsigned)most + 1);

    if (size > feed->left)
        size = feed->left;
    feed->at += size;
    feed->left -= size;
    return bytes_view(feed->at - size, size);
}

static struct suit_value value_of(struct feed *feed)
{
    static const int64_t numbers[] = { 1, -2, 3, 4 };
    static const uint8_t zeros[64];
    struct suit_value value = { .parameter = (int64_t)next(feed, 36) - 4, .number = next(feed, 255) };

    value.integer = value.parameter == SUIT_PARAMETER_DIGEST ? 0 : (int64_t)next(feed, 8) - 2;
    value.bytes = some(feed, 20);
    value.list = numbers;
    value.list_count = next(feed, 5);
    value.is_pen = next(feed, 8) == 0;
    if (value.parameter == SUIT_PARAMETER_DIGEST)
        value.bytes = bytes_view(zeros, next(feed, 8) == 0 ? 31 : 32);
    if (value.bytes.size < SUIT_ID_SIZE && next(feed, 2) == 0)
        value.bytes = bytes_view(zeros, SUIT_ID_SIZE);
    return value;
}

static size_t values_of(struct feed *feed, struct suit_value out[VALUES])
{
    size_t count = next(feed, VALUES + 1);

    for (size_t i = 0; i < count; i++)
        out[i] = value_of(feed);
    return count;
}

static void write_multiple(struct feed *feed, struct suit_script *script)
{
    struct suit_value values[2][VALUES];
    struct suit_values rows[2];

    for (size_t i = 0; i < 2; i++) {
        rows[i].index = i + next(feed, 2);
        rows[i].values = values[i];
        rows[i].count = values_of(feed, values[i]);
    }
    suit_script_override_multiple(script, rows, next(feed, 3));
}

static void write_one(struct feed *feed, struct suit_script *script)
{
    struct suit_value values[VALUES];
    uint64_t indices[3] = { next(feed, 5), next(feed, 5), next(feed, 5) };
    int64_t copied[2] = { next(feed, 31), -1 };
    struct suit_copies copies = { next(feed, 4), copied, next(feed, 3) };
    size_t count;

    switch (next(feed, 12)) {
    case 0:
        suit_script_index(script, indices, next(feed, 4));
        break;
    case 1:
        count = values_of(feed, values);
        suit_script_parameters(script, SUIT_DIRECTIVE_OVERRIDE, values, count);
        break;
    case 2:
        count = values_of(feed, values);
        suit_script_parameters(script, SUIT_DIRECTIVE_SET_PARAMETERS, values, count);
        break;
    case 3:
        write_multiple(feed, script);
        break;
    case 4:
        suit_script_copy_params(script, &copies, 1);
        break;
    case 5:
        suit_script_run_begin(script);
        break;
    case 6:
        suit_script_run_end(script);
        break;
    case 7:
        suit_script_try_begin(script);
        suit_script_branch_begin(script);
        break;
    case 8:
        suit_script_branch_end(script);
        suit_script_branch_begin(script);
        break;
    case 9:
        suit_script_branch_end(script);
        suit_script_try_end(script, next(feed, 2) == 0);
        break;
    case 10:
        suit_script_custom(script, -(int64_t)next(feed, 300), some(feed, 6));
        break;
    default:
        suit_script_command(script, next(feed, 36), next(feed, 17));
        break;
    }
}

/* A sequence, or nothing where it was refused. */
static struct bytes sequence_of(struct feed *feed, enum suit_dialect dialect, uint8_t *room)
{
    struct suit_script script = suit_script_on(dialect, room, ROOM);
    unsigned commands = next(feed, 10);
    struct bytes out = { NULL, 0 };

    for (unsigned i = 0; i < commands; i++)
        write_one(feed, &script);
    if (suit_script_finish(&script, &out) != 0)
        return bytes_view(NULL, 0);
    EXPECT(cbor_check(out, CBOR_CANONICAL) == 0);
    return out;
}

static struct suit_component component_of(struct feed *feed)
{
    struct suit_component component = { .count = next(feed, SUIT_COMPONENT_PARTS + 1) };

    for (size_t i = 0; i < component.count; i++)
        component.parts[i] = some(feed, 8);
    return component;
}

static struct bytes texts_of(struct feed *feed, const struct suit_component *components, uint8_t *room)
{
    static const char *const languages[] = { "en", "en-US", "fr", "d1" };
    struct suit_text texts[TEXTS];
    size_t count = next(feed, TEXTS + 1);
    size_t size = 0;

    for (size_t i = 0; i < count; i++) {
        texts[i].language = bytes_of_text(languages[next(feed, 4)]);
        texts[i].component = next(feed, 2) == 0 ? NULL : &components[next(feed, COMPONENTS)];
        texts[i].key = next(feed, 10);
        texts[i].text = some(feed, 12);
    }
    return suit_text_write(texts, count, room, ROOM, &size) == 0 ? bytes_view(room, size) : bytes_view(NULL, 0);
}

static void expect_same_member(const struct suit_member *a, const struct suit_member *b)
{
    if (a->content.size == 0)
        return;
    EXPECT(a->keep == b->keep);
    if (a->keep != SUIT_SEVERED)
        EXPECT(bytes_equal(a->content, b->content));
    else
        EXPECT(b->digest.size == DIGEST_SIZE && b->content.size == 0);
}

static void expect_same_draft(const struct suit_draft *a, const struct suit_draft *b)
{
    EXPECT(a->sequence == b->sequence && a->component_count == b->component_count);
    for (size_t i = 0; i < a->component_count; i++)
        EXPECT(suit_component_equal(&a->components[i], &b->components[i]));
    EXPECT(a->dependency_count == b->dependency_count && a->integrated_count == b->integrated_count);
    for (size_t i = 0; i < a->dependency_count; i++)
        EXPECT(a->dependencies[i].index == b->dependencies[i].index &&
               a->dependencies[i].has_prefix == b->dependencies[i].has_prefix);
    EXPECT(bytes_equal(a->shared, b->shared) && bytes_equal(a->reference_uri, b->reference_uri));
    EXPECT((a->component_id == NULL) == (b->component_id == NULL) && a->set_version_count == b->set_version_count);
    for (size_t i = 0; i < SUIT_PARTS; i++)
        expect_same_member(&a->members[i], &b->members[i]);
}

/* Encodes, seals, perhaps signs, and puts the envelope together; its size, or 0 where the author refused. */
static size_t write_all(const struct suit_draft *draft, bool is_signed, uint8_t *out, size_t room)
{
    static uint8_t manifest[8 * ROOM];
    struct proto_crypto crypto = sham_crypto();
    struct proto_signer signer = sham_signer(KEY_ED25519);
    uint8_t scratch[SUIT_TO_BE_SIGNED_MAX];
    uint8_t cose[256];
    struct bytes block = { .data = cose };
    struct cose_order order;
    struct suit_seal seal;
    size_t size, envelope_size;

    if (suit_draft_encode(draft, &crypto, manifest, sizeof(manifest), &size) != 0)
        return 0;
    EXPECT(suit_seal_make(draft->dialect, bytes_view(manifest, size), &crypto, &seal) == 0);
    order = suit_seal_order(&seal, COSE_EDDSA, bytes_view(NULL, 0));
    EXPECT(cose_sign1_write(&order, &signer, scratch, sizeof(scratch), cose, sizeof(cose), &block.size) == 0);
    if (suit_draft_write(draft, bytes_view(manifest, size), &seal, &block, is_signed ? 1 : 0, out, room,
                         &envelope_size) != 0)
        return 0;
    return envelope_size;
}

/* Signed in another way, and without its severable members, it stays the same manifest. */
static void expect_changes_beside(struct bytes encoded, const struct suit_envelope *envelope)
{
    static uint8_t out[16 * ROOM];
    struct suit_envelope after;
    size_t size;

    EXPECT(suit_envelope_add(encoded, bytes_of_text("block"), out, sizeof(out), &size) == 0);
    EXPECT(suit_envelope_read(bytes_view(out, size), &after) == 0);
    EXPECT(after.block_count == envelope->block_count + 1 && bytes_equal(after.manifest, envelope->manifest));
    EXPECT(suit_envelope_sever(encoded, ~0u, out, sizeof(out), &size) == 0);
    EXPECT(suit_envelope_read(bytes_view(out, size), &after) == 0);
    EXPECT(bytes_equal(after.manifest, envelope->manifest) && size <= encoded.size);
    for (size_t i = 0; i < SUIT_PARTS; i++)
        EXPECT(after.draft.members[i].keep != SUIT_SEVERABLE);
}

static void expect_read_back(const struct suit_draft *draft, struct bytes encoded, bool is_signed)
{
    static uint8_t again[16 * ROOM];
    struct proto_crypto crypto = sham_crypto();
    struct suit_envelope envelope;
    struct suit_manifest manifest;
    int r;

    r = suit_manifest_parse(encoded, draft->dialect, &crypto, &manifest);
    EXPECT(r == 0 || r == SUIT_REFUSED_UNSUPPORTED || r == SUIT_REFUSED_ROOM);
    EXPECT(r != 0 || manifest.sequence == draft->sequence);
    if (draft->dialect == SUIT_RIOT)
        return;
    EXPECT(suit_envelope_read(encoded, &envelope) == 0);
    expect_same_draft(draft, &envelope.draft);
    EXPECT(envelope.block_count == (is_signed ? 1 : 0));
    EXPECT(write_all(&envelope.draft, is_signed, again, sizeof(again)) == encoded.size);
    EXPECT(memcmp(again, encoded.data, encoded.size) == 0);
    expect_changes_beside(encoded, &envelope);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t rooms[SUIT_PARTS + 1][ROOM];
    static uint8_t out[16 * ROOM];
    static const int64_t version[] = { 1, 0, -3 };
    struct feed feed = { data, size };
    struct suit_component components[COMPONENTS];
    struct suit_component id;
    struct suit_dependency dependencies[2];
    struct suit_integrated payloads[2];
    struct suit_draft draft = { .dialect = next(&feed, 4) == 0 ? SUIT_RIOT : SUIT_37, .sequence = next(&feed, 256) };

    for (size_t i = 0; i < COMPONENTS; i++)
        components[i] = component_of(&feed);
    id = component_of(&feed);
    draft.components = components;
    draft.component_count = next(&feed, COMPONENTS + 1);
    for (size_t i = 0; i < 2; i++) {
        dependencies[i].index = i + next(&feed, 6);
        dependencies[i].has_prefix = next(&feed, 2) == 0;
        dependencies[i].prefix = component_of(&feed);
        payloads[i].name = some(&feed, 4);
        payloads[i].content = some(&feed, 9);
    }
    draft.dependencies = dependencies;
    draft.dependency_count = next(&feed, 8) > 4 ? next(&feed, 3) : 0;
    draft.integrated = payloads;
    draft.integrated_count = next(&feed, 8) > 4 ? next(&feed, 3) : 0;
    draft.component_id = next(&feed, 4) == 0 ? &id : NULL;
    draft.set_version = version;
    draft.set_version_count = next(&feed, 4) == 0 ? 3 : 0;
    draft.reference_uri = next(&feed, 8) == 0 ? some(&feed, 8) : bytes_view(NULL, 0);
    draft.shared = sequence_of(&feed, draft.dialect, rooms[SUIT_PARTS]);
    for (size_t i = 0; i < SUIT_PARTS; i++) {
        if (i == SUIT_PART_TEXT)
            draft.members[i].content = texts_of(&feed, components, rooms[i]);
        else if (suit_part_is_sequence((enum suit_part)i) && next(&feed, 2) == 0)
            draft.members[i].content = sequence_of(&feed, draft.dialect, rooms[i]);
        if (draft.members[i].content.size > 0 && suit_part_is_severable((enum suit_part)i))
            draft.members[i].keep = (enum suit_keep)next(&feed, 3);
    }
    bool is_signed = draft.dialect == SUIT_RIOT || next(&feed, 3) == 0; /* RIOT's recipients want a signature */
    size_t written = write_all(&draft, is_signed, out, sizeof(out));
    if (written > 0)
        expect_read_back(&draft, bytes_view(out, written), is_signed);
    return 0;
}
