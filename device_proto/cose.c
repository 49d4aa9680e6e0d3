/* cose.c - splitting, checking and making COSE_Sign1.
 * What is signed is never taken from the message but rebuilt here: ["Signature1", protected, external_aad, payload]. */
#include "device_proto/cose.h"

#include "device_proto/cbor.h"

#define TAG_SIGN1       18u
#define HEADER_ALG      1
#define HEADER_CRIT     2
#define HEADER_KID      4
#define SIGNATURE_BYTES 64u /* of all four algorithms */

/* A reader's refusal in COSE's words. */
static int structure_or(const struct cbor_reader *reader, int otherwise)
{
    return reader->refusal != 0 ? COSE_STRUCTURE : otherwise;
}

static int read_algorithm(struct cbor_reader *reader, bool protected, struct cose_sign1 *out)
{
    bool number = cbor_peek_is(reader, CBOR_UINT) || cbor_peek_is(reader, CBOR_NINT);

    if (out->algorithm != 0)
        return COSE_STRUCTURE;
    if (!number) {
        cbor_skip(reader);
        return structure_or(reader, COSE_UNSUPPORTED);
    }
    out->algorithm = cbor_read_int(reader);
    out->algorithm_protected = protected;
    if (reader->refusal != 0)
        return COSE_STRUCTURE;
    return cose_algorithm_fits(out->algorithm, KEY_ED25519) || cose_algorithm_fits(out->algorithm, KEY_P256)
               ? 0
               : COSE_UNSUPPORTED;
}

static int read_header(struct cbor_reader *reader, bool protected, struct cose_sign1 *out)
{
    bool number = cbor_peek_is(reader, CBOR_UINT) || cbor_peek_is(reader, CBOR_NINT);
    int64_t label = 0;

    if (number)
        label = cbor_read_int(reader);
    else
        cbor_read_text(reader);
    switch (label) {
    case HEADER_ALG:
        return read_algorithm(reader, protected, out);
    case HEADER_CRIT:
        cbor_skip(reader);
        return structure_or(reader, COSE_UNSUPPORTED);
    case HEADER_KID:
        if (out->kid.data != NULL)
            return COSE_STRUCTURE;
        out->kid = cbor_read_bytes(reader);
        break;
    default:
        cbor_skip(reader);
        break;
    }
    return structure_or(reader, 0);
}

static int read_headers(struct cbor_reader *reader, bool protected, struct cose_sign1 *out)
{
    struct cbor_list headers = cbor_read_map(reader);
    int r = 0;

    while (r == 0 && cbor_more(reader, &headers))
        r = read_header(reader, protected, out);
    return r != 0 ? r : structure_or(reader, 0);
}

static int read_protected(struct cbor_reader *reader, struct cose_sign1 *out)
{
    struct bytes encoded = cbor_read_bytes(reader);
    struct cbor_reader inner = cbor_reader_on(encoded, CBOR_LENIENT);
    int r;

    if (reader->refusal != 0)
        return COSE_STRUCTURE;
    if (encoded.size == 0)
        return 0;
    r = read_headers(&inner, true, out);
    if (r != 0)
        return r;
    if (cbor_reader_finish(&inner) != 0)
        return COSE_STRUCTURE;
    if (encoded.size > 1) /* RFC 9052 section 3: an empty map is signed as an empty string */
        out->protected_header = encoded;
    return 0;
}

int cose_sign1_parse(struct bytes message, struct cose_sign1 *out)
{
    struct cbor_reader reader = cbor_reader_on(message, CBOR_LENIENT);
    struct cose_sign1 parsed = { 0 };
    int r;

    parsed.tagged = cbor_peek_is(&reader, CBOR_TAG);
    if (parsed.tagged && cbor_read_tag(&reader) != TAG_SIGN1)
        return COSE_STRUCTURE;
    cbor_read_array_of(&reader, 4);
    r = read_protected(&reader, &parsed);
    if (r != 0)
        return r;
    r = read_headers(&reader, false, &parsed);
    if (r != 0)
        return r;
    parsed.attached = !cbor_peek_is(&reader, CBOR_NULL);
    if (parsed.attached)
        parsed.payload = cbor_read_bytes(&reader);
    else
        cbor_read_null(&reader);
    parsed.signature = cbor_read_bytes(&reader);
    if (cbor_reader_finish(&reader) != 0)
        return COSE_STRUCTURE;
    if (parsed.algorithm == 0)
        return COSE_UNSUPPORTED;
    *out = parsed;
    return 0;
}

static int write_sig_structure(struct bytes protected_header, struct bytes external_aad, struct bytes payload,
                               uint8_t *out, size_t capacity, size_t *out_size)
{
    struct cbor_writer writer = cbor_writer_on(out, capacity);

    cbor_write_array(&writer, 4);
    cbor_write_text_of(&writer, "Signature1");
    cbor_write_bytes(&writer, protected_header);
    cbor_write_bytes(&writer, external_aad);
    cbor_write_bytes(&writer, payload);
    return cbor_writer_finish(&writer, out_size) == 0 ? 0 : COSE_NO_ROOM;
}

int cose_sign1_check(const struct cose_sign1 *message, struct bytes detached, struct bytes external_aad,
                     const struct public_key *key, const struct proto_crypto *crypto, uint8_t *scratch,
                     size_t scratch_size)
{
    struct bytes payload = message->attached ? message->payload : detached;
    size_t size;
    int r;

    if (message->attached && detached.size > 0)
        return COSE_STRUCTURE;
    if (!cose_algorithm_fits(message->algorithm, key->type))
        return COSE_KEY_MISMATCH;
    if (message->signature.size != SIGNATURE_BYTES)
        return COSE_SIGNATURE;
    r = write_sig_structure(message->protected_header, external_aad, payload, scratch, scratch_size, &size);
    if (r != 0)
        return r;
    r = crypto->verify(crypto->context, key, bytes_view(scratch, size), message->signature);
    return r > 0 ? COSE_SIGNATURE : r;
}

int cose_sign1_verify(struct bytes encoded, struct bytes detached, struct bytes external_aad,
                      const struct public_key *key, const struct proto_crypto *crypto, uint8_t *scratch,
                      size_t scratch_size, struct cose_sign1 *out)
{
    struct cose_sign1 message;
    int r;

    r = cose_sign1_parse(encoded, &message);
    if (r != 0)
        return r;
    r = cose_sign1_check(&message, detached, external_aad, key, crypto, scratch, scratch_size);
    if (r == 0)
        *out = message;
    return r;
}

/* {1: algorithm}, which is all that is ever protected here. */
static struct bytes encode_protected(enum cose_algorithm algorithm, uint8_t out[4])
{
    struct cbor_writer writer = cbor_writer_on(out, 4);

    cbor_write_map(&writer, 1);
    cbor_write_uint(&writer, HEADER_ALG);
    cbor_write_int(&writer, algorithm);
    return bytes_view(out, writer.size);
}

int cose_sign1_to_be_signed(const struct cose_order *order, uint8_t *out, size_t capacity, size_t *out_size)
{
    uint8_t header[4];

    return write_sig_structure(encode_protected(order->algorithm, header), order->external_aad, order->payload, out,
                               capacity, out_size);
}

int cose_sign1_assemble(const struct cose_order *order, struct bytes signature, uint8_t *out, size_t capacity,
                        size_t *out_size)
{
    struct cbor_writer writer = cbor_writer_on(out, capacity);
    uint8_t header[4];

    if (signature.size != SIGNATURE_BYTES)
        return COSE_SIGNATURE;
    if (order->tagged)
        cbor_write_tag(&writer, TAG_SIGN1);
    cbor_write_array(&writer, 4);
    cbor_write_bytes(&writer, encode_protected(order->algorithm, header));
    cbor_write_map(&writer, order->kid.size > 0 ? 1 : 0);
    if (order->kid.size > 0) {
        cbor_write_uint(&writer, HEADER_KID);
        cbor_write_bytes(&writer, order->kid);
    }
    if (order->detached)
        cbor_write_null(&writer);
    else
        cbor_write_bytes(&writer, order->payload);
    cbor_write_bytes(&writer, signature);
    return cbor_writer_finish(&writer, out_size) == 0 ? 0 : COSE_NO_ROOM;
}

int cose_sign1_write(const struct cose_order *order, const struct proto_signer *signer, uint8_t *scratch,
                     size_t scratch_size, uint8_t *out, size_t capacity, size_t *out_size)
{
    uint8_t signature[SIGNATURE_SIZE_MAX];
    size_t signature_size, size;
    int r;

    if (!cose_algorithm_fits(order->algorithm, signer->key.type))
        return COSE_KEY_MISMATCH;
    r = cose_sign1_to_be_signed(order, scratch, scratch_size, &size);
    if (r != 0)
        return r;
    r = signer->sign(signer->context, bytes_view(scratch, size), signature, sizeof signature, &signature_size);
    if (r != 0)
        return r > 0 ? COSE_SIGNATURE : r;
    return cose_sign1_assemble(order, bytes_view(signature, signature_size), out, capacity, out_size);
}

enum cose_algorithm cose_algorithm_of(enum key_type type)
{
    static const enum cose_algorithm algorithms[] = {
        [KEY_ED25519] = COSE_ED25519,     [KEY_P256] = COSE_ESP256,         [KEY_HSS_LMS] = COSE_HSS_LMS,
        [KEY_ML_DSA_44] = COSE_ML_DSA_44, [KEY_ML_DSA_65] = COSE_ML_DSA_65, [KEY_ML_DSA_87] = COSE_ML_DSA_87,
    };

    return algorithms[type];
}

bool cose_algorithm_fits(int64_t algorithm, enum key_type type)
{
    switch (type) {
    case KEY_ED25519:
        return algorithm == COSE_EDDSA || algorithm == COSE_ED25519;
    case KEY_P256:
        return algorithm == COSE_ES256 || algorithm == COSE_ESP256;
    case KEY_HSS_LMS:
    case KEY_ML_DSA_44:
    case KEY_ML_DSA_65:
    case KEY_ML_DSA_87:
        break; /* known by number, not checked here */
    }
    return false;
}

const char *cose_refusal_text(int refusal)
{
    static const char *const texts[] = {
        [0] = "the signature holds",
        [COSE_STRUCTURE] = "not a COSE_Sign1 message",
        [COSE_UNSUPPORTED] = "a COSE algorithm or critical header that is not supported",
        [COSE_KEY_MISMATCH] = "the key's type is not the signature algorithm's",
        [COSE_SIGNATURE] = "the signature does not hold",
        [COSE_NO_ROOM] = "the buffer is too small",
    };

    if (refusal < 0 || (size_t)refusal >= sizeof texts / sizeof texts[0])
        return "unknown refusal";
    return texts[refusal];
}
