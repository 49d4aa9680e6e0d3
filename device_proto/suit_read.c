/* suit_read.c - the recipient's side up to the command sequences: envelope, authentication, digests, manifest members.
 * Nothing of a manifest is looked into before a signature over its digest holds, or the caller asked to go without one.
 * What breaks the grammar is refused here; what is merely not implemented is noted in runs, so that a file of somebody
 * else's can still be shown. */
#include "device_proto/suit_private.h"

#include "device_proto/cose.h"

/* Members of the envelope and the manifest as found, before they are matched with each other. */
struct severed {
    struct bytes encoded; /* with its head, as digests cover it */
    struct bytes content;
    bool named; /* the manifest holds its digest */
};

enum { SEVERED_PAYLOAD_FETCH, SEVERED_INSTALL, SEVERED_TEXT, SEVERED_COUNT };

struct reading {
    struct suit_manifest *out;
    const struct proto_crypto *crypto;
    struct bytes auth;             /* content of key 2 */
    struct bytes manifest_encoded; /* key 3 with its head */
    struct severed severed[SEVERED_COUNT];
};

static const enum suit_section severed_sections[SEVERED_COUNT] = {
    [SEVERED_PAYLOAD_FETCH] = SUIT_SECTION_PAYLOAD_FETCH,
    [SEVERED_INSTALL] = SUIT_SECTION_INSTALL,
    [SEVERED_TEXT] = SUIT_SECTION_TEXT,
};

static int refuse(struct suit_manifest *out, int refusal, enum suit_section section, int64_t label, const char *what)
{
    struct suit_where where = { section, 0, 0, label, what };

    out->where = where;
    return refusal;
}

static void note_unsupported(struct suit_manifest *out, enum suit_section section, int64_t label, const char *what)
{
    if (out->runs == 0)
        out->runs = refuse(out, SUIT_REFUSED_UNSUPPORTED, section, label, what);
}

static const char *member_name(enum suit_dialect dialect, int64_t key)
{
    static const char *const names[] = {
        [5] = "member component-id",
        [6] = "member set-version",
        [14] = "member coswid",
        [15] = "member dependency-resolution",
        [18] = "member candidate-verification",
        [24] = "member uninstall",
    };

    if (dialect == SUIT_37 && key >= 0 && (uint64_t)key < sizeof names / sizeof names[0] && names[key] != NULL)
        return names[key];
    return "member of unknown number";
}

/* A byte string with its head, and its content. */
static struct bytes read_member(struct cbor_reader *reader, struct bytes *out_content)
{
    const uint8_t *start = reader->at;

    *out_content = cbor_read_bytes(reader);
    return reader->refusal == 0 ? bytes_view(start, (size_t)(reader->at - start)) : bytes_view(NULL, 0);
}

static bool peek_is_int(const struct cbor_reader *reader)
{
    return cbor_peek_is(reader, CBOR_UINT) || cbor_peek_is(reader, CBOR_NINT);
}

int suit_read_digest(struct cbor_reader *reader, enum suit_dialect dialect, uint8_t out[DIGEST_SIZE])
{
    int64_t algorithm;

    cbor_read_array_of(reader, 2);
    algorithm = dialect == SUIT_RIOT ? (int64_t)cbor_read_uint_max(reader, INT32_MAX) : cbor_read_int(reader);
    if (reader->refusal == 0 && algorithm != (dialect == SUIT_RIOT ? DIGEST_ALG_RIOT : DIGEST_ALG_SHA256)) {
        cbor_skip(reader);
        return reader->refusal != 0 ? SUIT_REFUSED_STRUCTURE : SUIT_REFUSED_UNSUPPORTED;
    }
    cbor_read_bytes_exact(reader, out, DIGEST_SIZE);
    return reader->refusal != 0 ? SUIT_REFUSED_STRUCTURE : 0;
}

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

int suit_digest_matches(const struct proto_crypto *crypto, struct bytes encoded, const uint8_t digest[DIGEST_SIZE])
{
    uint8_t actual[DIGEST_SIZE];
    int r;

    r = crypto->sha256(crypto->context, encoded, actual);
    if (r != 0)
        return r;
    return memcmp(actual, digest, DIGEST_SIZE) == 0 ? 0 : SUIT_REFUSED_DIGEST;
}

/* ---- envelope ---- */

static int read_envelope_member(struct reading *reading, struct cbor_reader *reader, int64_t key)
{
    struct suit_manifest *out = reading->out;

    if (key == ENVELOPE_AUTH) {
        read_member(reader, &reading->auth);
        return 0;
    }
    if (key == ENVELOPE_MANIFEST) {
        if (reading->auth.data == NULL) /* a RIOT device would find the manifest not authenticated */
            return refuse(out, SUIT_REFUSED_SIGNATURE, SUIT_SECTION_ENVELOPE, key, "manifest before authentication");
        reading->manifest_encoded = read_member(reader, &out->manifest);
        return 0;
    }
    for (size_t i = 0; out->dialect == SUIT_37 && i < SEVERED_COUNT; i++) {
        if (key == (int64_t)severed_sections[i]) {
            reading->severed[i].encoded = read_member(reader, &reading->severed[i].content);
            return 0;
        }
    }
    note_unsupported(out, SUIT_SECTION_ENVELOPE, key, member_name(out->dialect, key));
    cbor_skip(reader);
    return 0;
}

/* One pair; *last is the integer key before it, or INT64_MAX once a text key was seen. Integer keys ascend, texts
 * follow. */
static int read_envelope_pair(struct reading *reading, struct cbor_reader *reader, int64_t *last)
{
    struct suit_manifest *out = reading->out;
    int64_t key;

    if (out->dialect == SUIT_37 && cbor_peek_is(reader, CBOR_TEXT)) {
        *last = INT64_MAX;
        cbor_read_text(reader);
        cbor_read_bytes(reader);
        return 0;
    }
    key = cbor_read_int(reader);
    if (reader->refusal == 0 && key <= *last && key != ENVELOPE_AUTH)
        return refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, key, "envelope keys out of order");
    if (reader->refusal == 0 && key == ENVELOPE_AUTH && reading->auth.data != NULL)
        return refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, key, "two authentication wrappers");
    *last = key;
    return read_envelope_member(reading, reader, key);
}

static int read_envelope(struct reading *reading, struct bytes envelope)
{
    struct cbor_reader reader = cbor_reader_on(envelope, SUIT_RULES);
    struct suit_manifest *out = reading->out;
    struct cbor_list pairs;
    int64_t last = 0;
    int r = 0;

    if (cbor_peek_is(&reader, CBOR_TAG)) {
        if (out->dialect == SUIT_RIOT || cbor_read_tag(&reader) != TAG_ENVELOPE)
            return refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, 0, "tag on the envelope");
    }
    pairs = cbor_read_map(&reader);
    while (r == 0 && cbor_more(&reader, &pairs))
        r = read_envelope_pair(reading, &reader, &last);
    if (r != 0)
        return r;
    if (cbor_reader_finish(&reader) != 0)
        return refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, 0, "not a SUIT envelope");
    if (reading->auth.data == NULL || reading->manifest_encoded.data == NULL)
        return refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, 0, "authentication or manifest is missing");
    if (out->manifest.size > SUIT_MANIFEST_SIZE_MAX)
        return refuse(out, SUIT_REFUSED_ROOM, SUIT_SECTION_ENVELOPE, ENVELOPE_MANIFEST, "manifest is too large");
    return 0;
}

/* ---- authentication ---- */

/* Does one block hold with any of the keys? digest is what is to be signed in SUIT_37. */
static int check_block(struct reading *reading, struct bytes block, struct bytes digest, const struct public_key *keys,
                       size_t n_keys, struct bytes *out_payload)
{
    uint8_t scratch[SUIT_TO_BE_SIGNED_MAX];
    bool riot = reading->out->dialect == SUIT_RIOT;
    struct bytes none = { NULL, 0 };
    struct cose_sign1 message;
    int r;

    r = cose_sign1_parse(block, &message);
    if (r == COSE_STRUCTURE && riot)
        return refuse(reading->out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, ENVELOPE_AUTH, "not a COSE_Sign1");
    if (r != 0 || message.attached != riot)
        return SUIT_REFUSED_SIGNATURE;
    for (size_t i = 0; i < n_keys; i++) {
        r = cose_sign1_check(&message, riot ? none : digest, none, &keys[i], reading->crypto, scratch, sizeof scratch);
        if (r < 0)
            return r;
        if (r == 0) {
            reading->out->signer = i;
            *out_payload = riot ? message.payload : digest;
            return 0;
        }
    }
    return SUIT_REFUSED_SIGNATURE;
}

/* The payload of the first block in SUIT_RIOT, taken on trust: for showing a file without a key. */
static struct bytes payload_unchecked(struct bytes block)
{
    struct cose_sign1 message;

    return cose_sign1_parse(block, &message) == 0 ? message.payload : bytes_view(NULL, 0);
}

/* Finds a signature that holds; *out_digest is the encoded SUIT_Digest that was signed. keys NULL: goes without. */
static int read_auth(struct reading *reading, const struct public_key *keys, size_t n_keys, struct bytes *out_digest)
{
    struct cbor_reader reader = cbor_reader_on(reading->auth, SUIT_RULES);
    struct cbor_list blocks = cbor_read_array(&reader);
    struct suit_manifest *out = reading->out;
    struct bytes digest = { NULL, 0 };
    int r = SUIT_REFUSED_SIGNATURE;

    if (out->dialect == SUIT_37 && cbor_more(&reader, &blocks))
        digest = cbor_read_bytes(&reader);
    if (keys == NULL && out->dialect == SUIT_37)
        r = 0;
    while (cbor_more(&reader, &blocks)) {
        struct bytes block = cbor_read_bytes(&reader);

        if (r != SUIT_REFUSED_SIGNATURE || reader.refusal != 0)
            continue;
        if (keys == NULL) {
            digest = payload_unchecked(block);
            r = 0;
        } else {
            r = check_block(reading, block, digest, keys, n_keys, &digest);
        }
    }
    if (r == SUIT_REFUSED_STRUCTURE || r < 0)
        return r;
    if (cbor_reader_finish(&reader) != 0)
        return refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, ENVELOPE_AUTH, "authentication wrapper");
    if (r != 0)
        return refuse(out, r, SUIT_SECTION_ENVELOPE, ENVELOPE_AUTH, "no signature by a known key");
    *out_digest = digest;
    return 0;
}

static int check_manifest_digest(struct reading *reading, struct bytes digest)
{
    struct cbor_reader reader = cbor_reader_on(digest, SUIT_RULES);
    struct suit_manifest *out = reading->out;
    int r;

    r = suit_read_digest(&reader, out->dialect, out->manifest_digest);
    if (r == SUIT_REFUSED_UNSUPPORTED && out->dialect == SUIT_37)
        return refuse(out, r, SUIT_SECTION_ENVELOPE, ENVELOPE_AUTH, "digest algorithm");
    /* A RIOT device compares bytes: whatever is not a SHA-256 digest just differs. */
    if (r != 0 && out->dialect == SUIT_RIOT)
        return refuse(out, SUIT_REFUSED_DIGEST, SUIT_SECTION_ENVELOPE, ENVELOPE_AUTH, "signed digest");
    if (r != 0 || cbor_reader_finish(&reader) != 0)
        return refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, ENVELOPE_AUTH, "signed digest");
    r = suit_digest_matches(reading->crypto, reading->manifest_encoded, out->manifest_digest);
    return r <= 0 ? r : refuse(out, r, SUIT_SECTION_ENVELOPE, ENVELOPE_MANIFEST, "manifest differs from its digest");
}

/* ---- manifest ---- */

static int read_components(struct reading *reading, struct cbor_reader *reader)
{
    struct suit_manifest *out = reading->out;
    struct cbor_list list = cbor_read_array(reader);
    int r = 0;

    while (r == 0 && cbor_more(reader, &list)) {
        struct suit_component component;

        r = suit_read_component(reader, &component);
        if (r == SUIT_REFUSED_UNSUPPORTED || (r == 0 && out->component_count == SUIT_COMPONENTS_MAX)) {
            note_unsupported(out, SUIT_SECTION_COMMON, COMMON_COMPONENTS, "components: too many");
            r = 0;
        } else if (r == 0) {
            out->components[out->component_count++] = component;
        }
    }
    if (r != 0 || reader->refusal != 0 || out->component_count == 0)
        return refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_COMMON, COMMON_COMPONENTS, "components");
    return 0;
}

static int read_common(struct reading *reading, struct bytes common)
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
        } else {
            note_unsupported(out, SUIT_SECTION_COMMON, key, key == 1 ? "dependencies" : "member of common");
            cbor_skip(&reader);
        }
    }
    if (r != 0)
        return r;
    if (cbor_reader_finish(&reader) != 0)
        return refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_COMMON, 0, "common");
    if (out->component_count == 0)
        note_unsupported(out, SUIT_SECTION_COMMON, COMMON_COMPONENTS, "a manifest without components");
    return 0;
}

/* A member that may be a digest, with its content severed into the envelope. */
static int read_severable(struct reading *reading, struct cbor_reader *reader, struct severed *severed,
                          enum suit_section section, struct bytes *out_content)
{
    struct suit_manifest *out = reading->out;
    uint8_t digest[DIGEST_SIZE];
    int r;

    if (!cbor_peek_is(reader, CBOR_ARRAY)) {
        *out_content = cbor_read_bytes(reader);
        return 0;
    }
    severed->named = true;
    r = suit_read_digest(reader, SUIT_37, digest);
    if (r == SUIT_REFUSED_STRUCTURE)
        return 0; /* the reader knows */
    if (r != 0) {
        note_unsupported(out, section, (int64_t)section, "digest algorithm of a severed member");
        return 0;
    }
    if (severed->encoded.data == NULL) {
        if (section != SUIT_SECTION_TEXT) /* text is for people: nothing needs it */
            note_unsupported(out, section, (int64_t)section, "severed member is missing");
        return 0;
    }
    r = suit_digest_matches(reading->crypto, severed->encoded, digest);
    if (r != 0)
        return r < 0 ? r : refuse(out, r, section, (int64_t)section, "severed member differs from its digest");
    *out_content = severed->content;
    return 0;
}

static int read_version(struct reading *reading, struct cbor_reader *reader)
{
    int64_t version = peek_is_int(reader) ? cbor_read_int(reader) : 0;

    if (reader->refusal == 0 && version == 1)
        return 0;
    return refuse(reading->out, SUIT_REFUSED_VERSION, SUIT_SECTION_ENVELOPE, MANIFEST_VERSION, "manifest version");
}

/* Members that only one dialect has, or that the two number differently. */
static int read_section(struct reading *reading, struct cbor_reader *reader, int64_t key)
{
    struct suit_manifest *out = reading->out;
    struct severed *severed = reading->severed;
    bool riot = out->dialect == SUIT_RIOT;

    if (key == (riot ? RIOT_VALIDATE : (int64_t)SUIT_SECTION_VALIDATE)) {
        out->validate = cbor_read_bytes(reader);
    } else if (riot && key == RIOT_INSTALL) {
        out->install = cbor_read_bytes(reader);
    } else if (riot) {
        note_unsupported(out, SUIT_SECTION_ENVELOPE, key, member_name(out->dialect, key));
        cbor_skip(reader);
    } else if (key == MANIFEST_REFERENCE_URI) {
        out->reference_uri = cbor_read_text(reader);
    } else if (key == SUIT_SECTION_LOAD) {
        out->load = cbor_read_bytes(reader);
    } else if (key == SUIT_SECTION_INVOKE) {
        out->invoke = cbor_read_bytes(reader);
    } else if (key == SUIT_SECTION_PAYLOAD_FETCH) {
        return read_severable(reading, reader, &severed[SEVERED_PAYLOAD_FETCH], SUIT_SECTION_PAYLOAD_FETCH,
                              &out->payload_fetch);
    } else if (key == SUIT_SECTION_INSTALL) {
        return read_severable(reading, reader, &severed[SEVERED_INSTALL], SUIT_SECTION_INSTALL, &out->install);
    } else if (key == SUIT_SECTION_TEXT) {
        return read_severable(reading, reader, &severed[SEVERED_TEXT], SUIT_SECTION_TEXT, &out->text);
    } else {
        note_unsupported(out, SUIT_SECTION_ENVELOPE, key, member_name(out->dialect, key));
        cbor_skip(reader);
    }
    return 0;
}

static int read_manifest_member(struct reading *reading, struct cbor_reader *reader, int64_t key)
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

static int read_manifest(struct reading *reading)
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
                return refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, key, "manifest keys out of order");
            last = key;
        }
        seen |= key >= MANIFEST_VERSION && key <= MANIFEST_COMMON ? 1u << key : 0;
        r = read_manifest_member(reading, &reader, key);
    }
    if (r != 0)
        return r;
    if (cbor_reader_finish(&reader) != 0)
        return refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, last, "manifest member");
    if (seen != 0xe)
        return refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, 0, "version, sequence or common is missing");
    for (size_t i = 0; i < SEVERED_COUNT; i++) {
        if (reading->severed[i].encoded.data != NULL && !reading->severed[i].named)
            return refuse(out, SUIT_REFUSED_STRUCTURE, severed_sections[i], (int64_t)severed_sections[i],
                          "severed member that the manifest does not name");
    }
    return 0;
}

static int read_all(struct bytes envelope, enum suit_dialect dialect, const struct public_key *keys, size_t n_keys,
                    const struct proto_crypto *crypto, struct suit_manifest *out)
{
    struct reading reading = { out, crypto, { NULL, 0 }, { NULL, 0 }, { { { NULL, 0 }, { NULL, 0 }, false } } };
    struct bytes digest;
    int r;

    memset(out, 0, sizeof *out);
    out->dialect = dialect;
    out->envelope = envelope;
    r = read_envelope(&reading, envelope);
    if (r != 0)
        return r;
    r = read_auth(&reading, keys, n_keys, &digest);
    if (r != 0)
        return r;
    r = check_manifest_digest(&reading, digest);
    if (r != 0)
        return r;
    r = read_manifest(&reading);
    if (r != 0)
        return r;
    if (out->runs == 0)
        out->runs = suit_walk_check(out, &out->where);
    suit_walk_describe(out);
    return 0;
}

int suit_manifest_verify(struct bytes envelope, enum suit_dialect dialect, const struct public_key *keys, size_t n_keys,
                         const struct proto_crypto *crypto, struct suit_manifest *out)
{
    static const struct public_key none;

    return read_all(envelope, dialect, n_keys == 0 ? &none : keys, n_keys, crypto, out);
}

int suit_manifest_parse(struct bytes envelope, enum suit_dialect dialect, const struct proto_crypto *crypto,
                        struct suit_manifest *out)
{
    return read_all(envelope, dialect, NULL, 0, crypto, out);
}

struct bytes suit_integrated_payload(struct bytes envelope, struct bytes name)
{
    struct cbor_reader reader = cbor_reader_on(envelope, SUIT_RULES);
    struct bytes none = { NULL, 0 };
    struct cbor_list pairs;

    if (cbor_peek_is(&reader, CBOR_TAG))
        cbor_read_tag(&reader);
    pairs = cbor_read_map(&reader);
    while (cbor_more(&reader, &pairs)) {
        if (cbor_peek_is(&reader, CBOR_TEXT)) {
            if (bytes_equal(cbor_read_text(&reader), name))
                return cbor_read_bytes(&reader);
        } else {
            cbor_skip(&reader);
        }
        cbor_skip(&reader);
    }
    return none;
}
