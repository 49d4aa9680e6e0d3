/* cose_headers.c - the one table of algorithms, and the headers that every COSE layer begins with. */
#include "device_proto/cose_private.h"

static const struct cose_algorithm_row rows[] = {
    { COSE_ES256, "ES256", COSE_SIGNS, KEY_P256, 64, COSE_ESP256 },
    { COSE_EDDSA, "EdDSA", COSE_SIGNS, KEY_ED25519, 64, COSE_ED25519 },
    { COSE_ESP256, "ESP256", COSE_SIGNS, KEY_P256, 64, 0 },
    { COSE_ED25519, "Ed25519", COSE_SIGNS, KEY_ED25519, 64, 0 },
    { COSE_HSS_LMS, "HSS-LMS", COSE_SIGNS, KEY_HSS_LMS, 0, 0 },
    { COSE_ML_DSA_44, "ML-DSA-44", COSE_SIGNS, KEY_ML_DSA_44, 2420, 0 },
    { COSE_ML_DSA_65, "ML-DSA-65", COSE_SIGNS, KEY_ML_DSA_65, 3309, 0 },
    { COSE_ML_DSA_87, "ML-DSA-87", COSE_SIGNS, KEY_ML_DSA_87, 4627, 0 },
    { -35, "ES384", COSE_SIGNS, 0, 96, -51 },
    { -36, "ES512", COSE_SIGNS, 0, 132, -52 },
    { -51, "ESP384", COSE_SIGNS, 0, 96, 0 },
    { -52, "ESP512", COSE_SIGNS, 0, 132, 0 },
    { -53, "Ed448", COSE_SIGNS, 0, 114, 0 },
    { COSE_HMAC_256, "HMAC 256/256", COSE_AUTHENTICATES, 0, 32, 0 },
    { COSE_A128KW, "A128KW", COSE_CARRIES_KEY, 0, 0, 0 },
    { COSE_ECDH_ES_A128KW, "ECDH-ES + A128KW", COSE_CARRIES_KEY, KEY_P256, 0, 0 },
    { COSE_A128GCM, "A128GCM", COSE_ENCRYPTS, 0, 16, 0 },
    { COSE_A128CTR, "A128CTR", COSE_ENCRYPTS, 0, 0, 0 },
    { -65532, "A256CTR", COSE_ENCRYPTS, 0, 0, 0 },
    { 24, "ChaCha20/Poly1305", COSE_ENCRYPTS, 0, 16, 0 },
};

const struct cose_algorithm_row *cose_algorithm_at(size_t i)
{
    return i < sizeof rows / sizeof rows[0] ? &rows[i] : NULL;
}

const struct cose_algorithm_row *cose_algorithm_find(int64_t id)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].id == id)
            return &rows[i];
    return NULL;
}

enum cose_algorithm cose_algorithm_of(enum key_type type)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].use == COSE_SIGNS && rows[i].key == type && rows[i].successor == 0 && type != 0)
            return (enum cose_algorithm)rows[i].id;
    return 0;
}

bool cose_algorithm_fits(int64_t algorithm, enum key_type type)
{
    const struct cose_algorithm_row *row = cose_algorithm_find(algorithm);

    return row != NULL && row->use == COSE_SIGNS && row->key == type && type != 0;
}

const char *cose_refusal_text(int refusal)
{
    static const char *const texts[] = {
        [0] = "the signature holds",
        [COSE_STRUCTURE] = "not the COSE message that is wanted",
        [COSE_UNSUPPORTED] = "a COSE algorithm or critical header that is not supported",
        [COSE_KEY_MISMATCH] = "the key's type is not the algorithm's",
        [COSE_SIGNATURE] = "the signature does not hold",
        [COSE_NO_ROOM] = "the buffer is too small",
        [COSE_NOT_ACCEPTED] = "the signature holds, but others or more are asked for",
    };

    if (refusal < 0 || (size_t)refusal >= sizeof texts / sizeof texts[0])
        return "unknown refusal";
    return texts[refusal];
}

/* ---- reading ---- */

static void read_algorithm(struct cbor_reader *reader, bool protected, struct cose_headers *out)
{
    if (out->algorithm != 0 || out->unsupported) {
        cbor_refuse(reader, CBOR_UNEXPECTED);
    } else if (cbor_peek_is(reader, CBOR_UINT) || cbor_peek_is(reader, CBOR_NINT)) {
        out->algorithm = cbor_read_int(reader);
        out->algorithm_protected = protected;
        out->unsupported = out->algorithm == 0; /* reserved */
    } else {
        cbor_skip(reader);
        out->unsupported = true;
    }
}

static void read_once(struct cbor_reader *reader, struct bytes *out)
{
    if (out->data != NULL)
        cbor_refuse(reader, CBOR_UNEXPECTED);
    else
        *out = cbor_read_bytes(reader);
}

static void read_header(struct cbor_reader *reader, bool protected, struct cose_headers *out)
{
    bool number = cbor_peek_is(reader, CBOR_UINT) || cbor_peek_is(reader, CBOR_NINT);
    int64_t label = 0;

    if (number)
        label = cbor_read_int(reader);
    else
        cbor_read_text(reader);
    switch (label) {
    case HEADER_ALG:
        read_algorithm(reader, protected, out);
        break;
    case HEADER_CRIT:
        cbor_skip(reader);
        out->unsupported = true;
        break;
    case HEADER_KID:
        read_once(reader, &out->kid);
        break;
    case HEADER_IV:
        read_once(reader, &out->iv);
        break;
    case HEADER_EPHEMERAL:
        if (out->ephemeral.data != NULL)
            cbor_refuse(reader, CBOR_UNEXPECTED);
        out->ephemeral = cbor_read_item(reader);
        break;
    default:
        cbor_skip(reader);
        break;
    }
}

static void read_map(struct cbor_reader *reader, bool protected, struct cose_headers *out)
{
    struct cbor_list headers = cbor_read_map(reader);

    while (cbor_more(reader, &headers))
        read_header(reader, protected, out);
}

int cose_read_headers(struct cbor_reader *reader, struct cose_headers *out)
{
    struct bytes encoded = cbor_read_bytes(reader);
    struct cbor_reader inner = cbor_reader_on(encoded, CBOR_LENIENT);

    *out = (struct cose_headers){ 0 };
    if (reader->refusal != 0)
        return COSE_STRUCTURE;
    if (encoded.size > 0) {
        read_map(&inner, true, out);
        if (cbor_reader_finish(&inner) != 0)
            return COSE_STRUCTURE;
    }
    if (encoded.size > 1)
        out->protected_bytes = encoded;
    read_map(reader, false, out);
    return reader->refusal != 0 ? COSE_STRUCTURE : 0;
}

bool cose_read_payload(struct cbor_reader *reader, struct bytes *out)
{
    bool attached = !cbor_peek_is(reader, CBOR_NULL);

    *out = bytes_view(NULL, 0);
    if (attached)
        *out = cbor_read_bytes(reader);
    else
        cbor_read_null(reader);
    return attached;
}

int cose_read_tag(struct cbor_reader *reader, enum cose_tag tag, bool *out_tagged)
{
    *out_tagged = cbor_peek_is(reader, CBOR_TAG);
    return *out_tagged && cbor_read_tag(reader) != (uint64_t)tag ? COSE_STRUCTURE : 0;
}

/* ---- writing ---- */

struct bytes cose_write_protected(int64_t algorithm, uint8_t out[COSE_PROTECTED_SIZE])
{
    struct cbor_writer writer = cbor_writer_on(out, COSE_PROTECTED_SIZE);

    cbor_write_map(&writer, 1);
    cbor_write_uint(&writer, HEADER_ALG);
    cbor_write_int(&writer, algorithm);
    return bytes_view(out, writer.size);
}

void cose_write_headers(struct cbor_writer *writer, int64_t algorithm, struct bytes kid)
{
    uint8_t header[COSE_PROTECTED_SIZE];

    cbor_write_bytes(writer, cose_write_protected(algorithm, header));
    cbor_write_map(writer, kid.size > 0 ? 1 : 0);
    if (kid.size > 0) {
        cbor_write_uint(writer, HEADER_KID);
        cbor_write_bytes(writer, kid);
    }
}

void cose_write_payload(struct cbor_writer *writer, const struct cose_order *order)
{
    if (order->detached)
        cbor_write_null(writer);
    else
        cbor_write_bytes(writer, order->payload);
}

int cose_write_signed(const struct cose_signed *what, uint8_t *out, size_t capacity, size_t *out_size)
{
    struct cbor_writer writer = cbor_writer_on(out, capacity);

    cbor_write_array(&writer, what->signer != NULL ? 5 : 4);
    cbor_write_text_of(&writer, what->context);
    cbor_write_bytes(&writer, what->body);
    if (what->signer != NULL)
        cbor_write_bytes(&writer, *what->signer);
    cbor_write_bytes(&writer, what->external_aad);
    cbor_write_bytes(&writer, what->payload);
    return cbor_writer_finish(&writer, out_size) == 0 ? 0 : COSE_NO_ROOM;
}
