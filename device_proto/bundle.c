/* bundle.c - image bundles as SUIT envelopes.
 * Writing and signing is the SUIT author's work; what is added here is the text member, the payload, and the grammar of
 * names. Reading goes through suit_manifest_verify and then insists on the one shape that bundles have, so that nothing
 * can stand in a bundle that nobody looked at. */
#include "device_proto/bundle.h"

#include "device_proto/cose.h"
#include "device_proto/suit_private.h"

#define TEXT_ENCODED_MAX 320u
#define PAYLOAD_NAME     "#container"
#define LANGUAGE         "en"
#define BUNDLE_SEQUENCE  1 /* a bundle is not installed by number; versions tell bundles apart */

enum text_key {
    TEXT_MODEL_NAME = 2,
    TEXT_COMPONENT_VERSION = 6,
    TEXT_SENSOR = -256, /* labels below -255 are for private use */
};

/* uuid5(DNS, "tinypart.org"), and uuid5 of that and the type's name. */
static const uint8_t vendor_id[SUIT_ID_SIZE] = { 0xda, 0xd8, 0x15, 0x2c, 0x5d, 0x28, 0x5e, 0xc3,
                                                 0xba, 0x75, 0x9b, 0xfb, 0x50, 0x25, 0x86, 0xf3 };

static const struct {
    const char *text;
    uint8_t class_id[SUIT_ID_SIZE];
} types[] = {
    [BUNDLE_BPF] = { "bpf",
                     { 0x49, 0x3f, 0x5f, 0x59, 0xaf, 0x4b, 0x5c, 0xc2, 0x99, 0x2a, 0xf8, 0xb1, 0x4c, 0xcb, 0xd9,
                       0xd9 } },
    [BUNDLE_WASM] = { "wasm",
                      { 0xee, 0xbd, 0x1d, 0x27, 0xa6, 0xd1, 0x5b, 0x61, 0xa3, 0xba, 0x4e, 0x5a, 0xac, 0xd3, 0x91,
                        0x8d } },
    [BUNDLE_PYTHON] = { "python",
                        { 0xbc, 0x8a, 0x02, 0x97, 0x57, 0x31, 0x5c, 0xbd, 0x92, 0x47, 0xc3, 0x76, 0xfd, 0x2c, 0x0f,
                          0x78 } },
    [BUNDLE_NATIVE] = { "native",
                        { 0xea, 0xff, 0x60, 0x9a, 0x3d, 0xd6, 0x5e, 0x88, 0x8a, 0xe8, 0xe8, 0x90, 0x4e, 0xed, 0x50,
                          0x2e } },
    [BUNDLE_SHELL] = { "shell",
                       { 0xd8, 0xf7, 0xda, 0xb5, 0x6d, 0x53, 0x5f, 0x40, 0x9f, 0xbb, 0xc5, 0x7b, 0x49, 0xb3, 0x16,
                         0x8b } },
};

#define TYPE_COUNT (sizeof types / sizeof types[0])

const char *bundle_type_text(enum bundle_type type)
{
    return type < BUNDLE_BPF || (size_t)type >= TYPE_COUNT ? "unknown" : types[type].text;
}

enum bundle_type bundle_type_of(struct bytes text)
{
    for (size_t i = BUNDLE_BPF; i < TYPE_COUNT; i++) {
        if (bytes_equal_text(text, types[i].text))
            return (enum bundle_type)i;
    }
    return (enum bundle_type)0;
}

static bool is_alphanumeric(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* 1..max letters, digits and inner characters of punctuation, which stand neither first nor last. */
static bool word_valid(struct bytes word, size_t max, const char *punctuation)
{
    if (word.size == 0 || word.size > max)
        return false;
    for (size_t i = 0; i < word.size; i++) {
        uint8_t c = word.data[i];
        bool inner = i > 0 && i + 1 < word.size;

        if (!is_alphanumeric(c) && !(inner && c != '\0' && strchr(punctuation, c) != NULL))
            return false;
    }
    return true;
}

bool bundle_name_valid(struct bytes name)
{
    return word_valid(name, BUNDLE_NAME_MAX, ".-");
}

bool bundle_sensor_valid(struct bytes sensor)
{
    return sensor.size == 0 || word_valid(sensor, BUNDLE_SENSOR_MAX, ".-_");
}

bool bundle_version_valid(struct bytes version)
{
    if (version.size == 0 || version.size > BUNDLE_VERSION_MAX)
        return false;
    for (size_t i = 0; i < version.size; i++) {
        if (version.data[i] <= ' ' || version.data[i] > '~')
            return false;
    }
    return true;
}

static int check_words(const struct bundle *bundle)
{
    bool valid =
        bundle_name_valid(bundle->name) && bundle_version_valid(bundle->version) && bundle_sensor_valid(bundle->sensor);

    return valid ? 0 : BUNDLE_NAME;
}

/* SUIT's refusals in a bundle's words. */
static int of_suit(int refusal)
{
    if (refusal <= 0)
        return refusal;
    switch ((enum suit_refusal)refusal) {
    case SUIT_REFUSED_UNSUPPORTED:
        return BUNDLE_UNSUPPORTED;
    case SUIT_REFUSED_SIGNATURE:
        return BUNDLE_SIGNATURE;
    case SUIT_REFUSED_DIGEST:
        return BUNDLE_DIGEST;
    case SUIT_REFUSED_ROOM:
        return BUNDLE_NO_ROOM;
    case SUIT_REFUSED_STRUCTURE:
    case SUIT_REFUSED_VERSION:
    case SUIT_REFUSED_SEQUENCE:
    case SUIT_REFUSED_CONDITION:
    case SUIT_REFUSED_POLICY:
    case SUIT_REFUSED_COMPONENT:
    case SUIT_REFUSED_FETCH:
    case SUIT_REFUSED_STORAGE:
    case SUIT_REFUSED_AUTHORITY:
    case SUIT_REFUSED_DECRYPTION:
        break;
    }
    return BUNDLE_STRUCTURE;
}

/* ---- writing ---- */

static struct suit_component component_of(const struct bundle *bundle)
{
    struct suit_component component = { 2, { bytes_of_text(types[bundle->type].text), bundle->name } };

    return component;
}

/* The text member, without a byte string head. */
static size_t write_text(const struct bundle *bundle, uint8_t out[TEXT_ENCODED_MAX])
{
    struct cbor_writer writer = cbor_writer_on(out, TEXT_ENCODED_MAX);
    struct suit_component component = component_of(bundle);

    cbor_write_map(&writer, 1);
    cbor_write_text_of(&writer, LANGUAGE);
    cbor_write_map(&writer, 1);
    suit_write_component(&writer, &component);
    cbor_write_map(&writer, bundle->sensor.size > 0 ? 3 : 2);
    cbor_write_uint(&writer, TEXT_MODEL_NAME);
    cbor_write_text(&writer, bundle->name);
    cbor_write_uint(&writer, TEXT_COMPONENT_VERSION);
    cbor_write_text(&writer, bundle->version);
    if (bundle->sensor.size > 0) {
        cbor_write_int(&writer, TEXT_SENSOR);
        cbor_write_text(&writer, bundle->sensor);
    }
    return writer.size; /* the grammar of words keeps it below TEXT_ENCODED_MAX */
}

static int write_manifest(const struct bundle *bundle, struct bytes text, const struct proto_crypto *crypto,
                          uint8_t out[SUIT_MANIFEST_ENCODED_MAX], size_t *out_size)
{
    struct suit_order order;
    int r;

    memset(&order, 0, sizeof order);
    order.dialect = SUIT_37;
    order.sequence = BUNDLE_SEQUENCE;
    memcpy(order.vendor_id, vendor_id, SUIT_ID_SIZE);
    memcpy(order.class_id, types[bundle->type].class_id, SUIT_ID_SIZE);
    order.component = component_of(bundle);
    order.size = bundle->container.size;
    order.uri = bytes_of_text(PAYLOAD_NAME);
    r = crypto->sha256(crypto->context, bundle->container, order.digest);
    if (r != 0)
        return r;
    return of_suit(suit_order_encode(&order, text, crypto, out, SUIT_MANIFEST_ENCODED_MAX, out_size));
}

/* Signs the manifest and puts the envelope together. */
static int write_envelope(const struct bundle *bundle, struct bytes manifest, struct bytes text,
                          const struct proto_crypto *crypto, const struct proto_signer *signer, uint8_t *out,
                          size_t capacity, size_t *out_size)
{
    struct suit_integrated payload = { bytes_of_text(PAYLOAD_NAME), bundle->container };
    struct suit_draft draft = { .dialect = SUIT_37, .integrated = &payload, .integrated_count = 1 };
    uint8_t block[COSE_SIGN1_OVERHEAD + SIGNATURE_SIZE_MAX];
    struct suit_seal seal;
    struct bytes view;
    int r;

    draft.members[SUIT_PART_TEXT].content = text;
    draft.members[SUIT_PART_TEXT].keep = SUIT_SEVERABLE;
    r = suit_seal_make(SUIT_37, manifest, crypto, &seal);
    if (r == 0)
        r = suit_seal_sign(&seal, cose_algorithm_of(signer->key.type), signer, block, sizeof block, &view.size);
    if (r != 0)
        return r;
    view.data = block;
    return suit_draft_write(&draft, manifest, &seal, &view, 1, out, capacity, out_size);
}

int bundle_write(const struct bundle *bundle, const struct proto_crypto *crypto, const struct proto_signer *signer,
                 uint8_t *out, size_t capacity, size_t *out_size)
{
    uint8_t manifest[SUIT_MANIFEST_ENCODED_MAX];
    uint8_t text_room[TEXT_ENCODED_MAX];
    struct bytes text = { .data = text_room };
    size_t size;
    int r;

    r = check_words(bundle);
    if (r != 0)
        return r;
    if (bundle->type < BUNDLE_BPF || (size_t)bundle->type >= TYPE_COUNT)
        return BUNDLE_UNSUPPORTED;
    if (bundle->container.size == 0 || bundle->container.size > BUNDLE_CONTAINER_MAX)
        return BUNDLE_NO_ROOM;
    text.size = write_text(bundle, text_room);
    r = write_manifest(bundle, text, crypto, manifest, &size);
    if (r != 0)
        return r;
    return of_suit(write_envelope(bundle, bytes_view(manifest, size), text, crypto, signer, out, capacity, out_size));
}

/* ---- reading ---- */

static int read_component_text(struct cbor_reader *reader, struct bundle *out)
{
    struct cbor_list pairs = cbor_read_map(reader);
    struct bytes model_name = { NULL, 0 };

    while (cbor_more(reader, &pairs)) {
        int64_t key = cbor_read_int(reader);
        struct bytes value = cbor_read_text(reader);

        if (key == TEXT_MODEL_NAME)
            model_name = value;
        else if (key == TEXT_COMPONENT_VERSION)
            out->version = value;
        else if (key == TEXT_SENSOR)
            out->sensor = value;
    }
    if (reader->refusal != 0)
        return BUNDLE_STRUCTURE;
    return bytes_equal(model_name, out->name) ? 0 : BUNDLE_NAME;
}

/* One language: what it says about our component. */
static int read_language(struct cbor_reader *reader, const struct suit_component *component, struct bundle *out)
{
    struct cbor_list pairs = cbor_read_map(reader);
    int r = 0;

    while (r == 0 && cbor_more(reader, &pairs)) {
        struct suit_component about = { 0 };

        if (!cbor_peek_is(reader, CBOR_ARRAY)) {
            cbor_skip(reader); /* a text about the whole manifest */
            cbor_skip(reader);
            continue;
        }
        if (suit_read_component(reader, &about) != 0)
            return BUNDLE_STRUCTURE;
        if (suit_component_equal(&about, component))
            r = read_component_text(reader, out);
        else
            cbor_skip(reader);
    }
    return r != 0 ? r : reader->refusal != 0 ? BUNDLE_STRUCTURE : 0;
}

static int read_text(struct bytes text, const struct suit_component *component, struct bundle *out)
{
    struct cbor_reader reader = cbor_reader_on(text, SUIT_RULES);
    struct cbor_list languages;
    int r = 0;

    if (cbor_check(text, CBOR_CANONICAL) != 0) /* no key twice */
        return BUNDLE_STRUCTURE;
    languages = cbor_read_map(&reader);
    while (r == 0 && cbor_more(&reader, &languages)) {
        if (bytes_equal_text(cbor_read_text(&reader), LANGUAGE))
            r = read_language(&reader, component, out);
        else
            cbor_skip(&reader);
    }
    if (r != 0)
        return r;
    if (cbor_reader_finish(&reader) != 0)
        return BUNDLE_STRUCTURE;
    return check_words(out);
}

/* Exactly authentication, manifest, text and the container, each once: nothing unsigned rides along. */
static bool has_just_its_members(struct bytes encoded)
{
    static const uint64_t keys[] = { ENVELOPE_AUTH, ENVELOPE_MANIFEST, SUIT_SECTION_TEXT };
    struct cbor_reader reader = cbor_reader_on(encoded, SUIT_RULES);

    if (cbor_peek_is(&reader, CBOR_TAG))
        cbor_read_tag(&reader);
    if (cbor_read_map(&reader).left != 4)
        return false;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (cbor_read_uint(&reader) != keys[i])
            return false;
        cbor_skip(&reader);
    }
    return bytes_equal_text(cbor_read_text(&reader), PAYLOAD_NAME);
}

/* Type and name from the component identifier, and whether the manifest is a bundle's at all. */
static int read_shape(const struct suit_manifest *manifest, struct bundle *out)
{
    const struct suit_component *component = &manifest->components[0];

    if (manifest->runs != 0)
        return of_suit(manifest->runs);
    if (manifest->payload_fetch.data != NULL || manifest->load.data != NULL || manifest->invoke.data != NULL)
        return BUNDLE_UNSUPPORTED;
    if (manifest->component_count != 1 || component->count != 2 || !has_just_its_members(manifest->envelope))
        return BUNDLE_STRUCTURE;
    if (!manifest->has_digest || !manifest->has_size || !bytes_equal_text(manifest->uri, PAYLOAD_NAME))
        return BUNDLE_STRUCTURE;
    out->type = bundle_type_of(component->parts[0]);
    if (out->type == 0)
        return BUNDLE_UNSUPPORTED;
    out->name = component->parts[1];
    if (!manifest->has_vendor_id || memcmp(manifest->vendor_id, vendor_id, SUIT_ID_SIZE) != 0 ||
        !manifest->has_class_id || memcmp(manifest->class_id, types[out->type].class_id, SUIT_ID_SIZE) != 0)
        return BUNDLE_NAME;
    return 0;
}

static int read_bundle(const struct suit_manifest *manifest, const struct proto_crypto *crypto, struct bundle *out)
{
    struct bundle bundle;
    int r;

    memset(&bundle, 0, sizeof bundle);
    r = read_shape(manifest, &bundle);
    if (r != 0)
        return r;
    r = read_text(manifest->text, &manifest->components[0], &bundle);
    if (r != 0)
        return r;
    bundle.container = suit_integrated_payload(manifest->envelope, bytes_of_text(PAYLOAD_NAME));
    if (bundle.container.size == 0 || bundle.container.size > BUNDLE_CONTAINER_MAX)
        return bundle.container.size == 0 ? BUNDLE_STRUCTURE : BUNDLE_NO_ROOM;
    if (bundle.container.size != manifest->size)
        return BUNDLE_DIGEST;
    r = suit_digest_matches(crypto, bundle.container, manifest->digest);
    if (r != 0)
        return of_suit(r);
    memcpy(bundle.digest, manifest->digest, DIGEST_SIZE);
    *out = bundle;
    return 0;
}

int bundle_verify(struct bytes encoded, const struct public_key *keys, size_t n_keys, const struct proto_crypto *crypto,
                  struct bundle *out)
{
    struct suit_manifest manifest;
    int r;

    r = suit_manifest_verify(encoded, SUIT_37, keys, n_keys, crypto, &manifest);
    if (r != 0)
        return of_suit(r);
    r = read_bundle(&manifest, crypto, out);
    if (r == 0)
        out->signer = &keys[manifest.signer];
    return r;
}

int bundle_parse(struct bytes encoded, const struct proto_crypto *crypto, struct bundle *out)
{
    struct suit_manifest manifest;
    int r;

    r = suit_manifest_parse(encoded, SUIT_37, crypto, &manifest);
    return r != 0 ? of_suit(r) : read_bundle(&manifest, crypto, out);
}

const char *bundle_refusal_text(int refusal)
{
    static const char *const texts[] = {
        [0] = "the bundle is whole and signed",
        [BUNDLE_STRUCTURE] = "not an image bundle",
        [BUNDLE_UNSUPPORTED] = "uses a SUIT feature or a container type that bundles do not have",
        [BUNDLE_SIGNATURE] = "not signed by any of the given keys",
        [BUNDLE_DIGEST] = "differs from what was signed",
        [BUNDLE_NAME] = "name, version or sensor is not valid, or the places that give it disagree",
        [BUNDLE_NO_ROOM] = "too large",
    };

    return refusal < 0 || (size_t)refusal >= sizeof texts / sizeof texts[0] ? "unknown refusal" : texts[refusal];
}
