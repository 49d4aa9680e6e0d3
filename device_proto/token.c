/* token.c - CBOR Web Tokens: claims in, claims out, and the two ways in which devices check them. */
#include "device_proto/token.h"

#include "device_proto/cose_private.h"
#include "device_proto/suit.h"

#define TAG_CWT         61u
#define MASK_SIZE       4u
#define STRUCTURE_MAX   (TOKEN_CLAIMS_MAX + COSE_SIG_STRUCTURE_OVERHEAD)
#define SIGNATURE_BYTES 64u /* Ed25519 */

enum token_claim {
    CLAIM_ISSUER = 1,
    CLAIM_SUBJECT = 2,
    CLAIM_AUDIENCE = 3,
    CLAIM_EXPIRES = 4,
    CLAIM_NOT_BEFORE = 5,
    CLAIM_ISSUED = 6,
    CLAIM_ID = 7,
    CLAIM_MASK = -65536,
    CLAIM_DIGEST = -65537,
    CLAIM_KEY_ID = -65538,
};

/* ---- claims ---- */

static bool is_tinycontainers(const struct token_claims *claims)
{
    return claims->issuer.data == NULL && claims->subject.data == NULL && claims->audience.data == NULL &&
           claims->expires_s == 0 && claims->not_before_s == 0 && claims->issued_s == 0 && claims->id.data == NULL &&
           claims->key_id.data == NULL;
}

static bool in_bounds(const struct token_claims *claims)
{
    return claims->issuer.size <= TOKEN_TEXT_MAX && claims->subject.size <= TOKEN_TEXT_MAX &&
           claims->audience.size <= TOKEN_TEXT_MAX && claims->id.size <= TOKEN_ID_MAX &&
           claims->key_id.size <= TOKEN_ID_MAX && claims->expires_s >= 0 && claims->not_before_s >= 0 &&
           claims->issued_s >= 0 && (claims->digest.data == NULL || claims->digest.size == DIGEST_SIZE);
}

static size_t count_of(const struct token_claims *claims)
{
    return (size_t)(claims->issuer.data != NULL) + (claims->subject.data != NULL) + (claims->audience.data != NULL) +
           (claims->expires_s != 0) + (claims->not_before_s != 0) + (claims->issued_s != 0) +
           (claims->id.data != NULL) + claims->has_mask + (claims->digest.data != NULL) + (claims->key_id.data != NULL);
}

static void write_text(struct cbor_writer *writer, int64_t claim, struct bytes text)
{
    if (text.data == NULL)
        return;
    cbor_write_int(writer, claim);
    cbor_write_text(writer, text);
}

static void write_time(struct cbor_writer *writer, int64_t claim, int64_t unix_s)
{
    if (unix_s == 0)
        return;
    cbor_write_int(writer, claim);
    cbor_write_int(writer, unix_s);
}

static void write_string(struct cbor_writer *writer, int64_t claim, struct bytes string)
{
    if (string.data == NULL)
        return;
    cbor_write_int(writer, claim);
    cbor_write_bytes(writer, string);
}

/* Whole bytes, most significant first, as few as hold it but at least one. */
static void write_mask(struct cbor_writer *writer, const struct token_claims *claims)
{
    uint8_t mask[MASK_SIZE];
    size_t skip = 0;

    for (unsigned i = 0; i < MASK_SIZE; i++)
        mask[i] = (uint8_t)(claims->mask >> (24 - 8 * i));
    while (skip < MASK_SIZE - 1 && mask[skip] == 0)
        skip++;
    if (claims->has_mask)
        write_string(writer, CLAIM_MASK, bytes_view(mask + skip, MASK_SIZE - skip));
}

int token_claims_write(const struct token_claims *claims, enum token_form form, uint8_t *out, size_t capacity,
                       size_t *out_size)
{
    struct cbor_writer writer = cbor_writer_on(out, capacity);

    if (!in_bounds(claims))
        return TOKEN_NO_ROOM;
    if (form == TOKEN_TINYCONTAINER && !is_tinycontainers(claims))
        return TOKEN_UNSUPPORTED;
    cbor_write_map(&writer, count_of(claims));
    write_text(&writer, CLAIM_ISSUER, claims->issuer);
    write_text(&writer, CLAIM_SUBJECT, claims->subject);
    write_text(&writer, CLAIM_AUDIENCE, claims->audience);
    write_time(&writer, CLAIM_EXPIRES, claims->expires_s);
    write_time(&writer, CLAIM_NOT_BEFORE, claims->not_before_s);
    write_time(&writer, CLAIM_ISSUED, claims->issued_s);
    write_string(&writer, CLAIM_ID, claims->id);
    write_mask(&writer, claims);
    write_string(&writer, CLAIM_DIGEST, claims->digest);
    write_string(&writer, CLAIM_KEY_ID, claims->key_id);
    return cbor_writer_finish(&writer, out_size) == 0 ? 0 : TOKEN_NO_ROOM;
}

/* A claim that is there twice is refused: two readers could disagree on which one counts. */
static void once(struct cbor_reader *reader, bool there)
{
    if (there)
        cbor_refuse(reader, CBOR_UNEXPECTED);
}

static void read_text(struct cbor_reader *reader, struct bytes *out)
{
    once(reader, out->data != NULL);
    *out = cbor_read_text(reader);
    if (out->size > TOKEN_TEXT_MAX)
        cbor_refuse(reader, CBOR_RANGE);
}

static void read_string(struct cbor_reader *reader, size_t least, size_t most, struct bytes *out)
{
    once(reader, out->data != NULL);
    *out = cbor_read_bytes(reader);
    if (out->size < least || out->size > most)
        cbor_refuse(reader, CBOR_RANGE);
}

static void read_time(struct cbor_reader *reader, int64_t *out)
{
    once(reader, *out != 0);
    *out = (int64_t)cbor_read_uint_max(reader, INT64_MAX);
    if (*out == 0)
        cbor_refuse(reader, CBOR_RANGE);
}

static void read_mask(struct cbor_reader *reader, struct token_claims *out)
{
    struct bytes mask = { NULL, 0 };

    once(reader, out->has_mask);
    read_string(reader, 1, MASK_SIZE, &mask);
    out->has_mask = true;
    for (size_t i = 0; reader->refusal == 0 && i < mask.size; i++)
        out->mask = out->mask << 8 | mask.data[i];
}

static void read_claim(struct cbor_reader *reader, int64_t claim, struct token_claims *out)
{
    switch (claim) {
    case CLAIM_ISSUER:
        read_text(reader, &out->issuer);
        break;
    case CLAIM_SUBJECT:
        read_text(reader, &out->subject);
        break;
    case CLAIM_AUDIENCE:
        read_text(reader, &out->audience);
        break;
    case CLAIM_EXPIRES:
        read_time(reader, &out->expires_s);
        break;
    case CLAIM_NOT_BEFORE:
        read_time(reader, &out->not_before_s);
        break;
    case CLAIM_ISSUED:
        read_time(reader, &out->issued_s);
        break;
    case CLAIM_ID:
        read_string(reader, 0, TOKEN_ID_MAX, &out->id);
        break;
    case CLAIM_MASK:
        read_mask(reader, out);
        break;
    case CLAIM_DIGEST:
        read_string(reader, DIGEST_SIZE, DIGEST_SIZE, &out->digest);
        break;
    case CLAIM_KEY_ID:
        read_string(reader, 0, TOKEN_ID_MAX, &out->key_id);
        break;
    default:
        cbor_skip(reader);
        break;
    }
}

int token_claims_read(struct bytes encoded, struct token_claims *out)
{
    struct cbor_reader reader = cbor_reader_on(encoded, CBOR_LENIENT);
    struct cbor_list pairs = cbor_read_map(&reader);
    struct token_claims claims = { 0 };

    while (cbor_more(&reader, &pairs)) {
        if (cbor_peek_is(&reader, CBOR_TEXT)) { /* a claim by name: none is ours */
            cbor_skip(&reader);
            cbor_skip(&reader);
            continue;
        }
        read_claim(&reader, cbor_read_int(&reader), &claims);
    }
    if (cbor_reader_finish(&reader) != 0)
        return TOKEN_STRUCTURE;
    *out = claims;
    return 0;
}

/* ---- signing ---- */

static int of_cose(int r)
{
    switch (r) {
    case COSE_STRUCTURE:
        return TOKEN_STRUCTURE;
    case COSE_UNSUPPORTED:
    case COSE_KEY_MISMATCH:
        return TOKEN_UNSUPPORTED;
    case COSE_SIGNATURE:
    case COSE_NOT_ACCEPTED:
        return TOKEN_SIGNATURE;
    case COSE_NO_ROOM:
        return TOKEN_NO_ROOM;
    default:
        return r;
    }
}

/* [h'', {}, claims, what vouches for them]. */
static int write_bare(struct cbor_writer *writer, struct bytes claims, struct bytes voucher, size_t *out_size)
{
    cbor_write_array(writer, 4);
    cbor_write_bytes(writer, bytes_view(NULL, 0));
    cbor_write_map(writer, 0);
    cbor_write_bytes(writer, claims);
    cbor_write_bytes(writer, voucher);
    return cbor_writer_finish(writer, out_size) == 0 ? 0 : TOKEN_NO_ROOM;
}

/* The first tag of a CWT where it has one, written ahead of what cose makes. */
static struct cbor_writer begin_tagged(uint8_t *out, size_t capacity)
{
    struct cbor_writer writer = cbor_writer_on(out, capacity);

    cbor_write_tag(&writer, TAG_CWT);
    return writer;
}

static int write_standard(struct bytes claims, struct bytes kid, const struct proto_signer *signer, uint8_t *out,
                          size_t capacity, size_t *out_size)
{
    struct cose_order order = {
        .tagged = true, .algorithm = cose_algorithm_of(signer->key.type), .kid = kid, .payload = claims
    };
    struct cbor_writer writer = begin_tagged(out, capacity);
    uint8_t scratch[STRUCTURE_MAX];
    size_t size;
    int r;

    if (writer.size > capacity)
        return TOKEN_NO_ROOM;
    r = cose_sign1_write(&order, signer, scratch, sizeof scratch, out + writer.size, capacity - writer.size, &size);
    if (r == 0)
        *out_size = writer.size + size;
    return of_cose(r);
}

static int write_tinycontainer(struct bytes claims, const struct proto_signer *signer, uint8_t *out, size_t capacity,
                               size_t *out_size)
{
    struct cbor_writer writer = cbor_writer_on(out, capacity);
    uint8_t signature[SIGNATURE_BYTES];
    size_t size;
    int r;

    if (signer->key.type != KEY_ED25519)
        return TOKEN_UNSUPPORTED;
    r = signer->sign(signer->context, claims, signature, sizeof signature, &size);
    if (r != 0)
        return r > 0 ? TOKEN_SIGNATURE : r;
    return write_bare(&writer, claims, bytes_view(signature, size), out_size);
}

int token_write(const struct token_claims *claims, enum token_form form, struct bytes kid,
                const struct proto_signer *signer, uint8_t *out, size_t capacity, size_t *out_size)
{
    uint8_t encoded[TOKEN_CLAIMS_MAX];
    size_t size;
    int r;

    r = token_claims_write(claims, form, encoded, sizeof encoded, &size);
    if (r != 0)
        return r;
    if (form == TOKEN_STANDARD)
        return write_standard(bytes_view(encoded, size), kid, signer, out, capacity, out_size);
    return write_tinycontainer(bytes_view(encoded, size), signer, out, capacity, out_size);
}

int token_write_mac(const struct token_claims *claims, enum token_form form, struct bytes secret,
                    const struct proto_crypto *crypto, uint8_t *out, size_t capacity, size_t *out_size)
{
    struct cose_order order = { .tagged = true, .algorithm = COSE_HMAC_256 };
    struct cbor_writer writer = begin_tagged(out, capacity);
    uint8_t encoded[TOKEN_CLAIMS_MAX], scratch[STRUCTURE_MAX], tag[DIGEST_SIZE];
    size_t size;
    int r;

    r = token_claims_write(claims, form, encoded, sizeof encoded, &size);
    if (r != 0)
        return r;
    if (crypto->hmac_sha256 == NULL || secret.size == 0)
        return TOKEN_UNSUPPORTED;
    if (writer.size > capacity)
        return TOKEN_NO_ROOM;
    order.payload = bytes_view(encoded, size);
    if (form == TOKEN_STANDARD) {
        r = cose_mac0_write(&order, secret, crypto, scratch, sizeof scratch, out + writer.size, capacity - writer.size,
                            &size);
        if (r == 0)
            *out_size = writer.size + size;
        return of_cose(r);
    }
    r = crypto->hmac_sha256(crypto->context, secret, order.payload, tag);
    if (r != 0)
        return r;
    cbor_write_tag(&writer, TAG_MAC0);
    return write_bare(&writer, order.payload, bytes_view(tag, sizeof tag), out_size);
}

/* ---- verifying ---- */

static int verify_standard(struct bytes message, const struct cose_acceptance *acceptance,
                           const struct cose_trust *trust, const struct proto_crypto *crypto, struct bytes *out_claims)
{
    struct cose_verdict verdict = { 0 };
    struct bytes none = { NULL, 0 };
    uint8_t scratch[STRUCTURE_MAX + 64]; /* protected headers of others may hold more than an algorithm */
    int r;

    r = cose_accept(acceptance, trust, crypto, message, true, none, none, scratch, sizeof scratch, &verdict);
    if (r == 0)
        r = cose_accepted(acceptance, &verdict);
    if (r == COSE_KEY_MISMATCH)
        return TOKEN_SIGNATURE;
    if (r == 0)
        *out_claims = verdict.payload;
    return of_cose(r);
}

static int verify_signature(struct bytes claims, struct bytes signature, const struct cose_trust *trust,
                            const struct proto_crypto *crypto)
{
    for (size_t i = 0; i < trust->key_count; i++) {
        int r;

        if (trust->keys[i].type != KEY_ED25519 || signature.size != SIGNATURE_BYTES)
            continue;
        r = crypto->verify(crypto->context, &trust->keys[i], claims, signature);
        if (r <= 0)
            return r;
    }
    return TOKEN_SIGNATURE;
}

static int verify_tag(struct bytes claims, struct bytes tag, struct bytes secret, const struct proto_crypto *crypto)
{
    uint8_t expected[DIGEST_SIZE];
    unsigned difference = 0;
    int r;

    if (secret.size == 0 || crypto->hmac_sha256 == NULL || tag.size != DIGEST_SIZE)
        return TOKEN_SIGNATURE;
    r = crypto->hmac_sha256(crypto->context, secret, claims, expected);
    for (size_t i = 0; r == 0 && i < DIGEST_SIZE; i++)
        difference |= (unsigned)(expected[i] ^ tag.data[i]);
    if (r != 0)
        return r;
    return difference != 0 ? TOKEN_SIGNATURE : 0;
}

/* The headers must be empty, as the devices insist: what they say would not be signed. */
static int verify_tinycontainer(struct bytes message, const struct cose_trust *trust, const struct proto_crypto *crypto,
                                struct bytes *out_claims)
{
    struct cbor_reader reader = cbor_reader_on(message, CBOR_LENIENT);
    uint64_t tag = TAG_SIGN1;
    struct bytes claims, voucher;
    bool empty;
    int r;

    if (cbor_peek_is(&reader, CBOR_TAG))
        tag = cbor_read_tag(&reader);
    cbor_read_array_of(&reader, 4);
    empty = cbor_read_bytes(&reader).size == 0;
    empty = cbor_read_map(&reader).left == 0 && empty;
    claims = cbor_read_bytes(&reader);
    voucher = cbor_read_bytes(&reader);
    if (cbor_reader_finish(&reader) != 0 || !empty || (tag != TAG_SIGN1 && tag != TAG_MAC0))
        return TOKEN_STRUCTURE;
    if (claims.size > TOKEN_CLAIMS_MAX)
        return TOKEN_NO_ROOM;
    r = tag == TAG_MAC0 ? verify_tag(claims, voucher, trust->secret, crypto)
                        : verify_signature(claims, voucher, trust, crypto);
    if (r == 0)
        *out_claims = claims;
    return r;
}

/* Under tag 61 the COSE message must carry its own; without it, it may. */
static int strip_tag(struct bytes encoded, struct bytes *out)
{
    struct cbor_reader reader = cbor_reader_on(encoded, CBOR_LENIENT);

    *out = encoded;
    if (!cbor_peek_is(&reader, CBOR_TAG) || cbor_read_tag(&reader) != TAG_CWT)
        return 0;
    if (!cbor_peek_is(&reader, CBOR_TAG))
        return TOKEN_STRUCTURE;
    *out = bytes_view(reader.at, (size_t)(reader.end - reader.at));
    return 0;
}

int token_verify(struct bytes encoded, enum token_form form, const struct cose_acceptance *acceptance,
                 const struct cose_trust *trust, const struct proto_crypto *crypto, struct token_claims *out)
{
    struct bytes message, claims = { NULL, 0 };
    int r;

    r = strip_tag(encoded, &message);
    if (r != 0)
        return r;
    r = form == TOKEN_STANDARD ? verify_standard(message, acceptance, trust, crypto, &claims)
                               : verify_tinycontainer(message, trust, crypto, &claims);
    return r != 0 ? r : token_claims_read(claims, out);
}

int token_check(const struct token_claims *claims, struct bytes audience, int64_t now_s)
{
    if (claims->audience.data != NULL && !bytes_equal(claims->audience, audience))
        return TOKEN_AUDIENCE;
    if (claims->expires_s != 0 && now_s >= claims->expires_s)
        return TOKEN_EXPIRED;
    return claims->not_before_s != 0 && now_s < claims->not_before_s ? TOKEN_EARLY : 0;
}

/* ---- beside a manifest ---- */

int token_attach(uint8_t *envelope, size_t size, size_t capacity, struct bytes token, size_t *out_size)
{
    struct cbor_reader reader = cbor_reader_on(bytes_view(envelope, size), CBOR_DEFINITE);
    struct cbor_writer writer;
    struct cbor_list pairs;
    size_t head, added;

    if (cbor_peek_is(&reader, CBOR_TAG))
        (void)cbor_read_tag(&reader);
    head = (size_t)(reader.at - envelope);
    pairs = cbor_read_map(&reader);
    /* A head of one byte counts one more; a member of that name would be there twice. */
    if (reader.refusal != 0 || pairs.left + 1 >= 24 || cbor_check(bytes_view(envelope, size), CBOR_DEFINITE) != 0 ||
        suit_integrated_payload(bytes_view(envelope, size), bytes_of_text(TOKEN_MEMBER)).data != NULL)
        return TOKEN_STRUCTURE;
    writer = cbor_writer_on(envelope + size, capacity > size ? capacity - size : 0);
    cbor_write_text_of(&writer, TOKEN_MEMBER);
    cbor_write_bytes(&writer, token);
    if (cbor_writer_finish(&writer, &added) != 0)
        return TOKEN_NO_ROOM;
    envelope[head]++;
    *out_size = size + added;
    return 0;
}

/* ---- masks ---- */

static bool has_number(const uint32_t *numbers, size_t count, uint32_t number)
{
    for (size_t i = 0; i < count; i++)
        if (numbers[i] == number)
            return true;
    return false;
}

uint32_t token_mask_of(const uint32_t *numbers, size_t count, const uint32_t *granted, size_t granted_count, bool all)
{
    uint32_t mask = 0;

    for (size_t i = 0; i < count && i < 32; i++)
        if (all || has_number(granted, granted_count, numbers[i]))
            mask |= UINT32_C(1) << i;
    return mask;
}

bool token_mask_allows(uint32_t mask, const uint32_t *numbers, size_t count, uint32_t number)
{
    for (size_t i = 0; i < count && i < 32; i++)
        if (numbers[i] == number && (mask >> i & 1) != 0)
            return true;
    return false;
}

const char *token_refusal_text(int refusal)
{
    static const char *const texts[] = {
        [0] = "the token holds",
        [TOKEN_STRUCTURE] = "not a token of the form that is wanted",
        [TOKEN_UNSUPPORTED] = "a claim or algorithm that this form of token has no place for",
        [TOKEN_SIGNATURE] = "by nobody who is trusted",
        [TOKEN_EXPIRED] = "the token has expired",
        [TOKEN_EARLY] = "the token is not valid yet",
        [TOKEN_AUDIENCE] = "the token is for another device",
        [TOKEN_NO_ROOM] = "a claim is too long, or the buffer too small",
    };

    if (refusal < 0 || (size_t)refusal >= sizeof texts / sizeof texts[0])
        return "unknown refusal";
    return texts[refusal];
}
