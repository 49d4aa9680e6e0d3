/* suit_open.c - the recipient's side up to the manifest: envelope, authentication, digest.
 * Nothing of a manifest is looked into before what the recipient demands of signatures over its digest is met, or the
 * caller asked to go without. */
#include "device_proto/suit_private.h"

#include "device_proto/cose.h"

#define SCRATCH_SIZE                                                                                \
    320u /* a Sig_structure: the digest, and the protected headers of a COSE_Sign's body and signer \
          */

static const enum suit_section severed_sections[SUIT_SEVERED_MAX] = {
    SUIT_SECTION_COSWID,        SUIT_SECTION_DEPENDENCY_RESOLUTION,
    SUIT_SECTION_PAYLOAD_FETCH, SUIT_SECTION_CANDIDATE_VERIFICATION,
    SUIT_SECTION_INSTALL,       SUIT_SECTION_TEXT,
};

size_t suit_severed_at(int64_t key)
{
    size_t i = 0;

    while (i < SUIT_SEVERED_MAX && (int64_t)severed_sections[i] != key)
        i++;
    return i;
}

int suit_reading_refuse(struct suit_manifest *out, int refusal, enum suit_section section, int64_t label,
                        const char *what)
{
    struct suit_where where = { .section = section, .command = label, .what = what };

    out->where = where;
    return refusal;
}

void suit_reading_note(struct suit_manifest *out, enum suit_section section, int64_t label, const char *what)
{
    if (out->runs == 0)
        out->runs = suit_reading_refuse(out, SUIT_REFUSED_UNSUPPORTED, section, label, what);
}

const char *suit_member_name(enum suit_dialect dialect, int64_t key)
{
    static const char *const names[] = {
        [1] = "member delegation",
        [5] = "member component-id",
        [6] = "member set-version",
        [8] = "member load",
        [9] = "member invoke",
        [14] = "member coswid",
        [15] = "member dependency-resolution",
        [16] = "member payload-fetch",
        [18] = "member candidate-verification",
        [20] = "member install",
        [23] = "member text",
        [24] = "member uninstall",
    };

    if (dialect == SUIT_37 && key >= 0 && (uint64_t)key < sizeof names / sizeof names[0] && names[key] != NULL)
        return names[key];
    return "member of unknown number";
}

/* ---- digests ---- */

int suit_read_digest_view(struct cbor_reader *reader, enum suit_dialect dialect, struct bytes *out, const char **what)
{
    int64_t algorithm;
    struct bytes digest;

    cbor_read_array_of(reader, 2);
    algorithm = dialect == SUIT_RIOT ? (int64_t)cbor_read_uint_max(reader, INT32_MAX) : cbor_read_int(reader);
    if (reader->refusal == 0 && algorithm != (dialect == SUIT_RIOT ? DIGEST_ALG_RIOT : DIGEST_ALG_SHA256)) {
        *what = dialect == SUIT_RIOT ? "digest algorithm other than SHA-256"
                : algorithm == -43   ? "digest algorithm SHA-384"
                : algorithm == -44   ? "digest algorithm SHA-512"
                : algorithm == -18   ? "digest algorithm SHAKE128"
                : algorithm == -45   ? "digest algorithm SHAKE256"
                                     : "digest algorithm of unknown number";
        cbor_skip(reader);
        return reader->refusal != 0 ? SUIT_REFUSED_STRUCTURE : SUIT_REFUSED_UNSUPPORTED;
    }
    digest = cbor_read_bytes(reader);
    if (reader->refusal == 0 && digest.size != DIGEST_SIZE)
        cbor_refuse(reader, CBOR_RANGE);
    if (reader->refusal != 0)
        return SUIT_REFUSED_STRUCTURE;
    *out = digest;
    return 0;
}

int suit_read_digest(struct cbor_reader *reader, enum suit_dialect dialect, uint8_t out[DIGEST_SIZE])
{
    const char *what;
    struct bytes digest;
    int r;

    r = suit_read_digest_view(reader, dialect, &digest, &what);
    if (r == 0)
        memcpy(out, digest.data, DIGEST_SIZE);
    else
        memset(out, 0, DIGEST_SIZE);
    return r;
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

/* A byte string with its head, and its content. */
static struct bytes read_member(struct cbor_reader *reader, struct bytes *out_content)
{
    const uint8_t *start = reader->at;

    *out_content = cbor_read_bytes(reader);
    return reader->refusal == 0 ? bytes_view(start, (size_t)(reader->at - start)) : bytes_view(NULL, 0);
}

static int read_envelope_member(struct suit_reading *reading, struct cbor_reader *reader, int64_t key)
{
    struct suit_manifest *out = reading->out;
    size_t severed = suit_severed_at(key);

    if (key == ENVELOPE_AUTH) {
        read_member(reader, &reading->auth);
        return 0;
    }
    if (key == ENVELOPE_MANIFEST) {
        if (reading->auth.data == NULL) /* a RIOT device would find the manifest not authenticated */
            return suit_reading_refuse(out, SUIT_REFUSED_SIGNATURE, SUIT_SECTION_ENVELOPE, key,
                                       "manifest before authentication");
        reading->manifest_encoded = read_member(reader, &out->manifest);
        return 0;
    }
    if (out->dialect == SUIT_37 && severed < SUIT_SEVERED_MAX) {
        reading->severed[severed].encoded = read_member(reader, &reading->severed[severed].content);
        return 0;
    }
    suit_reading_note(out, SUIT_SECTION_ENVELOPE, key, suit_member_name(out->dialect, key));
    cbor_skip(reader);
    return 0;
}

/* One pair; *last is the integer key before it, or INT64_MAX once a text key was seen. Integer keys ascend, texts
 * follow. */
static int read_envelope_pair(struct suit_reading *reading, struct cbor_reader *reader, int64_t *last)
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
        return suit_reading_refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, key,
                                   "envelope keys out of order");
    if (reader->refusal == 0 && key == ENVELOPE_AUTH && reading->auth.data != NULL)
        return suit_reading_refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, key,
                                   "two authentication wrappers");
    *last = key;
    return read_envelope_member(reading, reader, key);
}

static int read_envelope(struct suit_reading *reading, struct bytes envelope)
{
    struct cbor_reader reader = cbor_reader_on(envelope, SUIT_RULES);
    struct suit_manifest *out = reading->out;
    struct cbor_list pairs;
    int64_t last = 0;
    int r = 0;

    if (cbor_peek_is(&reader, CBOR_TAG)) {
        if (out->dialect == SUIT_RIOT || cbor_read_tag(&reader) != TAG_ENVELOPE)
            return suit_reading_refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, 0, "tag on the envelope");
    }
    pairs = cbor_read_map(&reader);
    while (r == 0 && cbor_more(&reader, &pairs))
        r = read_envelope_pair(reading, &reader, &last);
    if (r != 0)
        return r;
    if (cbor_reader_finish(&reader) != 0)
        return suit_reading_refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, 0, "not a SUIT envelope");
    if (reading->auth.data == NULL || reading->manifest_encoded.data == NULL)
        return suit_reading_refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, 0,
                                   "authentication or manifest is missing");
    if (out->manifest.size > SUIT_MANIFEST_SIZE_MAX)
        return suit_reading_refuse(out, SUIT_REFUSED_ROOM, SUIT_SECTION_ENVELOPE, ENVELOPE_MANIFEST,
                                   "manifest is too large");
    return 0;
}

/* ---- authentication ---- */

/* SUIT_RIOT: does this block hold with any of the keys? */
static int check_riot_block(struct suit_reading *reading, struct bytes block, const struct cose_trust *trust,
                            struct bytes *out_payload)
{
    uint8_t scratch[SCRATCH_SIZE];
    struct bytes none = { NULL, 0 };
    struct cose_sign1 message;
    int r;

    r = cose_sign1_parse(block, &message);
    if (r == COSE_STRUCTURE)
        return suit_reading_refuse(reading->out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, ENVELOPE_AUTH,
                                   "not a COSE_Sign1");
    if (r != 0 || !message.attached)
        return SUIT_REFUSED_SIGNATURE;
    r = cose_sign1_check_any(&message, none, trust->keys, trust->key_count, reading->crypto, scratch, sizeof scratch,
                             &reading->out->signer);
    if (r != 0)
        return r < 0 ? r : SUIT_REFUSED_SIGNATURE;
    *out_payload = message.payload;
    return 0;
}

/* The payload of the first block in SUIT_RIOT, taken on trust: for showing a file without a key. */
static struct bytes payload_unchecked(struct bytes block)
{
    struct cose_sign1 message;

    return cose_sign1_parse(block, &message) == 0 ? message.payload : bytes_view(NULL, 0);
}

static int end_of_list(struct suit_reading *reading, struct cbor_reader *reader, int r, const char *what)
{
    struct suit_manifest *out = reading->out;

    if (cbor_reader_finish(reader) != 0)
        return suit_reading_refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, ENVELOPE_AUTH,
                                   "authentication wrapper");
    return r == 0 ? 0 : suit_reading_refuse(out, SUIT_REFUSED_SIGNATURE, SUIT_SECTION_ENVELOPE, ENVELOPE_AUTH, what);
}

/* trust NULL: goes without. *out_digest is the encoded SUIT_Digest that was signed. */
static int read_riot_auth(struct suit_reading *reading, const struct cose_trust *trust, struct bytes *out_digest)
{
    struct cbor_reader reader = cbor_reader_on(reading->auth, SUIT_RULES);
    struct cbor_list blocks = cbor_read_array(&reader);
    int r = SUIT_REFUSED_SIGNATURE;

    while (cbor_more(&reader, &blocks)) {
        struct bytes block = cbor_read_bytes(&reader);

        if (r != SUIT_REFUSED_SIGNATURE || reader.refusal != 0)
            continue;
        if (trust == NULL) {
            *out_digest = payload_unchecked(block);
            r = 0;
        } else {
            r = check_riot_block(reading, block, trust, out_digest);
        }
    }
    if (r == SUIT_REFUSED_STRUCTURE || r < 0)
        return r;
    return end_of_list(reading, &reader, r, "no signature by a known key");
}

/* The digest, and then blocks that each may meet a part of what is demanded. acceptance NULL: goes without. */
static int read_auth(struct suit_reading *reading, const struct cose_trust *trust,
                     const struct cose_acceptance *acceptance, struct bytes *out_digest)
{
    struct cbor_reader reader = cbor_reader_on(reading->auth, SUIT_RULES);
    struct cbor_list blocks = cbor_read_array(&reader);
    struct cose_verdict verdict = { 0 };
    struct bytes none = { NULL, 0 };
    uint8_t scratch[SCRATCH_SIZE];
    int r = 0;

    *out_digest = cbor_more(&reader, &blocks) ? cbor_read_bytes(&reader) : none;
    while (r >= 0 && cbor_more(&reader, &blocks)) {
        struct bytes block = cbor_read_bytes(&reader);

        if (reader.refusal == 0 && acceptance != NULL)
            r = cose_accept(acceptance, trust, reading->crypto, block, false, *out_digest, none, scratch,
                            sizeof scratch, &verdict);
    }
    if (r < 0)
        return r;
    r = acceptance == NULL ? 0 : cose_accepted(acceptance, &verdict);
    reading->out->signer = verdict.signer;
    return end_of_list(reading, &reader, r,
                       r == COSE_NOT_ACCEPTED ? "not all signatures that are demanded" : "no signature by a known key");
}

static int check_manifest_digest(struct suit_reading *reading, struct bytes digest)
{
    struct cbor_reader reader = cbor_reader_on(digest, SUIT_RULES);
    struct suit_manifest *out = reading->out;
    const char *what = "signed digest";
    struct bytes wanted;
    int r;

    r = suit_read_digest_view(&reader, out->dialect, &wanted, &what);
    if (r == SUIT_REFUSED_UNSUPPORTED && out->dialect == SUIT_37)
        return suit_reading_refuse(out, r, SUIT_SECTION_ENVELOPE, ENVELOPE_AUTH, what);
    /* A RIOT device compares bytes: whatever is not a SHA-256 digest just differs. */
    if (r != 0 && out->dialect == SUIT_RIOT)
        return suit_reading_refuse(out, SUIT_REFUSED_DIGEST, SUIT_SECTION_ENVELOPE, ENVELOPE_AUTH, "signed digest");
    if (r != 0 || cbor_reader_finish(&reader) != 0)
        return suit_reading_refuse(out, SUIT_REFUSED_STRUCTURE, SUIT_SECTION_ENVELOPE, ENVELOPE_AUTH, "signed digest");
    memcpy(out->manifest_digest, wanted.data, DIGEST_SIZE);
    r = suit_digest_matches(reading->crypto, reading->manifest_encoded, out->manifest_digest);
    return r <= 0 ? r
                  : suit_reading_refuse(out, r, SUIT_SECTION_ENVELOPE, ENVELOPE_MANIFEST,
                                        "manifest differs from its digest");
}

int suit_read_envelope(struct suit_reading *reading, struct bytes envelope, const struct cose_trust *trust,
                       const struct cose_acceptance *acceptance)
{
    struct bytes digest = { NULL, 0 };
    int r;

    r = read_envelope(reading, envelope);
    if (r != 0)
        return r;
    r = reading->out->dialect == SUIT_RIOT ? read_riot_auth(reading, acceptance == NULL ? NULL : trust, &digest)
                                           : read_auth(reading, trust, acceptance, &digest);
    return r != 0 ? r : check_manifest_digest(reading, digest);
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
