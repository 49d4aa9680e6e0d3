/* metadata.c - TinyContainer's metadata.
 * The last token vouches for everything before its own bytes: it is written once everything else is, and its size is
 * known before it is signed, so that the head of the byte string around it is part of what it covers. */
#include "device_proto/metadata.h"

#include "device_proto/cbor.h"

#define TAG_METADATA    UINT64_C(6082514239057121876) /* "TinyPART" in ASCII */
#define SECURITY_FIELDS 8u

enum metadata_part { PART_CONTAINER = 1, PART_ENDPOINTS = 2, PART_SECURITY = 3 };
enum container_key { CONTAINER_UID = 1, CONTAINER_TYPE = 2, CONTAINER_MASK = 3 };
enum endpoint_key {
    ENDPOINT_ID = 1,
    ENDPOINT_PEER = 2,
    ENDPOINT_PEER_UID = 3,
    ENDPOINT_PEER_ID = 4,
    ENDPOINT_DIRECTION = 5,
    ENDPOINT_TOKEN = 6,
};

/* ---- writing ---- */

/* The tokens over data, code and metadata all say a hash and no more. */
static bool looks_like_metadata(struct bytes content)
{
    static const uint8_t head[] = { 0xdb, 'T', 'i', 'n', 'y', 'P', 'A', 'R', 'T' };

    return content.size >= sizeof head && memcmp(content.data, head, sizeof head) == 0;
}

static int in_bounds(const struct metadata *metadata, enum token_form form)
{
    if (metadata->uid.size == 0 || metadata->uid.size > METADATA_UID_MAX ||
        metadata->endpoint_count > METADATA_ENDPOINTS_MAX)
        return TOKEN_NO_ROOM;
    for (size_t i = 0; i < metadata->endpoint_count; i++) {
        const struct metadata_endpoint *endpoint = &metadata->endpoints[i];

        if (endpoint->token.data != NULL && form == TOKEN_TINYCONTAINER)
            return TOKEN_UNSUPPORTED;
        if ((endpoint->peer_uid.data != NULL) != (endpoint->peer == METADATA_CONTAINER_PEER))
            return TOKEN_UNSUPPORTED;
        if (endpoint->peer_uid.size > METADATA_UID_MAX)
            return TOKEN_NO_ROOM;
    }
    return 0;
}

static void write_endpoint(struct cbor_writer *writer, const struct metadata_endpoint *endpoint)
{
    cbor_write_map(writer, 4 + (uint64_t)(endpoint->peer_uid.data != NULL) + (endpoint->token.data != NULL));
    cbor_write_uint(writer, ENDPOINT_ID);
    cbor_write_uint(writer, endpoint->id);
    cbor_write_uint(writer, ENDPOINT_PEER);
    cbor_write_uint(writer, endpoint->peer);
    if (endpoint->peer_uid.data != NULL) {
        cbor_write_uint(writer, ENDPOINT_PEER_UID);
        cbor_write_bytes(writer, endpoint->peer_uid);
    }
    cbor_write_uint(writer, ENDPOINT_PEER_ID);
    cbor_write_uint(writer, endpoint->peer_endpoint);
    cbor_write_uint(writer, ENDPOINT_DIRECTION);
    cbor_write_uint(writer, endpoint->direction);
    if (endpoint->token.data != NULL) {
        cbor_write_uint(writer, ENDPOINT_TOKEN);
        cbor_write_bytes(writer, endpoint->token);
    }
}

/* A token into the writer, as a byte string. */
static int write_token(struct cbor_writer *writer, const struct token_claims *claims, enum token_form form,
                       const struct proto_signer *signer)
{
    uint8_t token[TOKEN_SIZE_MAX];
    struct bytes none = { NULL, 0 };
    size_t size;
    int r;

    r = token_write(claims, form, none, signer, token, sizeof token, &size);
    if (r == 0)
        cbor_write_bytes(writer, bytes_view(token, size));
    return r;
}

static int write_hash_token(struct cbor_writer *writer, struct bytes content, enum token_form form,
                            const struct proto_signer *signer, const struct proto_crypto *crypto)
{
    uint8_t digest[DIGEST_SIZE];
    struct token_claims claims = { .digest = { digest, sizeof digest } };
    int r;

    r = crypto->sha256(crypto->context, content, digest);
    return r != 0 ? r : write_token(writer, &claims, form, signer);
}

static int write_container(struct cbor_writer *writer, const struct metadata *metadata, uint32_t mask,
                           enum token_form form, const struct proto_signer *signer)
{
    struct token_claims claims = { .has_mask = true, .mask = mask };
    size_t begin = cbor_wrap_begin(writer);
    int r;

    cbor_write_map(writer, 3);
    cbor_write_uint(writer, CONTAINER_UID);
    cbor_write_bytes(writer, metadata->uid);
    cbor_write_uint(writer, CONTAINER_TYPE);
    cbor_write_uint(writer, metadata->type);
    cbor_write_uint(writer, CONTAINER_MASK);
    r = write_token(writer, &claims, form, signer);
    cbor_wrap_end(writer, begin);
    return r;
}

static int write_security(struct cbor_writer *writer, const struct metadata *metadata, struct bytes data,
                          struct bytes code, enum token_form form, const struct proto_signer *signer,
                          const struct proto_crypto *crypto)
{
    int r;

    cbor_write_array(writer, SECURITY_FIELDS);
    cbor_write_uint(writer, metadata->start_max_ms);
    cbor_write_uint(writer, metadata->loop_period_ms);
    cbor_write_uint(writer, metadata->loop_max_ms);
    cbor_write_uint(writer, metadata->loop_max_calls);
    cbor_write_uint(writer, metadata->stop_max_ms);
    r = write_hash_token(writer, data, form, signer, crypto);
    return r != 0 ? r : write_hash_token(writer, code, form, signer, crypto);
}

static void write_endpoints(struct cbor_writer *writer, const struct metadata *metadata)
{
    size_t begin;

    if (metadata->endpoint_count == 0)
        return;
    cbor_write_uint(writer, PART_ENDPOINTS);
    begin = cbor_wrap_begin(writer);
    cbor_write_array(writer, metadata->endpoint_count);
    for (size_t i = 0; i < metadata->endpoint_count; i++)
        write_endpoint(writer, &metadata->endpoints[i]);
    cbor_wrap_end(writer, begin);
}

/* The last token's size, by making one over anything: its claims always take the same room. */
static int hash_token_size(enum token_form form, const struct proto_signer *signer, const struct proto_crypto *crypto,
                           size_t *out_size)
{
    uint8_t room[TOKEN_SIZE_MAX + 3];
    struct cbor_writer writer = cbor_writer_on(room, sizeof room);
    struct bytes none = { NULL, 0 };
    int r = write_hash_token(&writer, none, form, signer, crypto);

    *out_size = writer.size;
    return r;
}

/* The security part with its last token, which covers everything before its own bytes. */
static int write_sealed(struct cbor_writer *writer, const struct metadata *metadata, struct bytes data,
                        struct bytes code, enum token_form form, const struct proto_signer *signer,
                        const struct proto_crypto *crypto)
{
    uint8_t part[3 * TOKEN_SIZE_MAX + 32], head[9];
    struct cbor_writer security = cbor_writer_on(part, sizeof part), length = cbor_writer_on(head, sizeof head);
    size_t string_size, token_size, covered;
    int r;

    r = write_security(&security, metadata, data, code, form, signer, crypto);
    if (r == 0)
        r = hash_token_size(form, signer, crypto, &string_size);
    if (r != 0)
        return r;
    cbor_write_uint(writer, PART_SECURITY);
    cbor_write_uint(&length, security.size + string_size);
    head[0] |= 0x40;
    cbor_write_raw(writer, bytes_view(head, length.size));
    cbor_write_raw(writer, bytes_view(part, security.size));
    token_size = string_size > 24 + 1 ? string_size - 2 : string_size - 1; /* 24..255 bytes have a head of 2 */
    if (writer->size + string_size > writer->capacity)
        return TOKEN_NO_ROOM;
    covered = writer->size + (string_size - token_size);
    length = cbor_writer_on(writer->data + writer->size, string_size);
    cbor_write_uint(&length, token_size);
    writer->data[writer->size] |= 0x40;
    return write_hash_token(writer, bytes_view(writer->data, covered), form, signer, crypto);
}

int metadata_write(const struct metadata *metadata, uint32_t mask, struct bytes data, struct bytes code,
                   enum token_form form, const struct proto_signer *signer, const struct proto_crypto *crypto,
                   uint8_t *out, size_t capacity, size_t *out_size)
{
    size_t room = capacity < METADATA_SIZE_MAX ? capacity : METADATA_SIZE_MAX;
    struct cbor_writer writer = cbor_writer_on(out, form == TOKEN_TINYCONTAINER ? room : capacity);
    int r;

    r = looks_like_metadata(data) || looks_like_metadata(code) ? TOKEN_STRUCTURE : in_bounds(metadata, form);
    if (r != 0)
        return r;
    cbor_write_tag(&writer, TAG_METADATA);
    cbor_write_map(&writer, metadata->endpoint_count > 0 ? 3 : 2);
    cbor_write_uint(&writer, PART_CONTAINER);
    r = write_container(&writer, metadata, mask, form, signer);
    write_endpoints(&writer, metadata);
    if (r == 0)
        r = write_sealed(&writer, metadata, data, code, form, signer, crypto);
    if (r != 0)
        return r;
    return cbor_writer_finish(&writer, out_size) == 0 ? 0 : TOKEN_NO_ROOM;
}

/* ---- reading: keys in order, none twice, none unknown ---- */

static void expect(struct cbor_reader *reader, uint64_t key)
{
    if (cbor_read_uint(reader) != key)
        cbor_refuse(reader, CBOR_UNEXPECTED);
}

static int read_container(struct bytes encoded, struct metadata *out)
{
    struct cbor_reader reader = cbor_reader_on(encoded, CBOR_DEFINITE);
    struct cbor_list pairs = cbor_read_map(&reader);

    expect(&reader, CONTAINER_UID);
    out->uid = cbor_read_bytes(&reader);
    expect(&reader, CONTAINER_TYPE);
    out->type = (enum metadata_type)cbor_read_uint_max(&reader, METADATA_PYTHON);
    expect(&reader, CONTAINER_MASK);
    out->mask_token = cbor_read_bytes(&reader);
    if (cbor_reader_finish(&reader) != 0 || pairs.left != 3)
        return TOKEN_STRUCTURE;
    return out->uid.size == 0 || out->uid.size > METADATA_UID_MAX ? TOKEN_NO_ROOM : 0;
}

static int read_endpoint(struct cbor_reader *reader, enum token_form form, struct metadata_endpoint *out)
{
    uint64_t pairs = cbor_read_map(reader).left, read = 4;

    expect(reader, ENDPOINT_ID);
    out->id = (uint32_t)cbor_read_uint_max(reader, UINT32_MAX);
    expect(reader, ENDPOINT_PEER);
    out->peer = (enum metadata_peer)cbor_read_uint_max(reader, METADATA_REMOTE_PEER);
    if (reader->refusal == 0 && out->peer == METADATA_CONTAINER_PEER) {
        expect(reader, ENDPOINT_PEER_UID);
        out->peer_uid = cbor_read_bytes(reader);
        read++;
    }
    expect(reader, ENDPOINT_PEER_ID);
    out->peer_endpoint = (uint32_t)cbor_read_uint_max(reader, UINT32_MAX);
    expect(reader, ENDPOINT_DIRECTION);
    out->direction = (enum metadata_direction)cbor_read_uint_max(reader, METADATA_BOTH);
    if (reader->refusal == 0 && pairs == read + 1) {
        expect(reader, ENDPOINT_TOKEN);
        out->token = cbor_read_bytes(reader);
        read++;
    }
    if (reader->refusal != 0 || pairs != read)
        return TOKEN_STRUCTURE;
    return out->token.data != NULL && form == TOKEN_TINYCONTAINER ? TOKEN_UNSUPPORTED : 0;
}

static int read_endpoints(struct bytes encoded, enum token_form form, struct metadata *out)
{
    struct cbor_reader reader = cbor_reader_on(encoded, CBOR_DEFINITE);
    struct cbor_list list = cbor_read_array(&reader);
    int r = 0;

    while (r == 0 && cbor_more(&reader, &list)) {
        if (out->endpoint_count == METADATA_ENDPOINTS_MAX)
            return TOKEN_NO_ROOM;
        r = read_endpoint(&reader, form, &out->endpoints[out->endpoint_count++]);
    }
    if (r != 0)
        return r;
    return cbor_reader_finish(&reader) != 0 ? TOKEN_STRUCTURE : 0;
}

static int read_security(struct bytes encoded, struct metadata *out)
{
    struct cbor_reader reader = cbor_reader_on(encoded, CBOR_DEFINITE);

    cbor_read_array_of(&reader, SECURITY_FIELDS);
    out->start_max_ms = (uint32_t)cbor_read_uint_max(&reader, UINT32_MAX);
    out->loop_period_ms = (uint32_t)cbor_read_uint_max(&reader, UINT32_MAX);
    out->loop_max_ms = (uint32_t)cbor_read_uint_max(&reader, UINT32_MAX);
    out->loop_max_calls = (uint32_t)cbor_read_uint_max(&reader, UINT32_MAX);
    out->stop_max_ms = (uint32_t)cbor_read_uint_max(&reader, UINT32_MAX);
    out->data_token = cbor_read_bytes(&reader);
    out->code_token = cbor_read_bytes(&reader);
    out->metadata_token = cbor_read_bytes(&reader);
    return cbor_reader_finish(&reader) != 0 ? TOKEN_STRUCTURE : 0;
}

int metadata_read(struct bytes encoded, enum token_form form, struct metadata *out)
{
    struct cbor_reader reader = cbor_reader_on(encoded, CBOR_DEFINITE);
    struct bytes container, endpoints = { NULL, 0 }, security;
    struct cbor_list pairs;
    int r;

    *out = (struct metadata){ 0 };
    if (form == TOKEN_TINYCONTAINER && encoded.size > METADATA_SIZE_MAX)
        return TOKEN_NO_ROOM;
    if (cbor_read_tag(&reader) != TAG_METADATA)
        return TOKEN_STRUCTURE;
    pairs = cbor_read_map(&reader);
    expect(&reader, PART_CONTAINER);
    container = cbor_read_bytes(&reader);
    if (pairs.left == 3) {
        expect(&reader, PART_ENDPOINTS);
        endpoints = cbor_read_bytes(&reader);
    }
    expect(&reader, PART_SECURITY);
    security = cbor_read_bytes(&reader);
    if (cbor_reader_finish(&reader) != 0 || pairs.left < 2 || pairs.left > 3)
        return TOKEN_STRUCTURE;
    r = read_container(container, out);
    if (r == 0 && endpoints.data != NULL)
        r = read_endpoints(endpoints, form, out);
    if (r == 0)
        r = read_security(security, out);
    if (r == 0)
        out->covered = bytes_view(encoded.data, encoded.size - out->metadata_token.size);
    return r;
}

/* ---- checking ---- */

static int check_hash(struct bytes token, struct bytes content, enum token_form form,
                      const struct cose_acceptance *acceptance, const struct cose_trust *trust,
                      const struct proto_crypto *crypto)
{
    uint8_t digest[DIGEST_SIZE];
    struct token_claims claims;
    int r;

    r = token_verify(token, form, acceptance, trust, crypto, &claims);
    if (r == 0)
        r = crypto->sha256(crypto->context, content, digest);
    if (r != 0)
        return r;
    return bytes_equal(claims.digest, bytes_view(digest, sizeof digest)) ? 0 : TOKEN_SIGNATURE;
}

int metadata_verify(struct bytes encoded, struct bytes data, struct bytes code, enum token_form form,
                    const struct cose_acceptance *acceptance, const struct cose_trust *trust,
                    const struct proto_crypto *crypto, struct metadata *out, uint32_t *out_mask)
{
    struct token_claims claims;
    struct metadata read;
    int r;

    r = metadata_read(encoded, form, &read);
    if (r == 0)
        r = check_hash(read.metadata_token, read.covered, form, acceptance, trust, crypto);
    if (r == 0)
        r = check_hash(read.data_token, data, form, acceptance, trust, crypto);
    if (r == 0)
        r = check_hash(read.code_token, code, form, acceptance, trust, crypto);
    if (r == 0)
        r = token_verify(read.mask_token, form, acceptance, trust, crypto, &claims);
    if (r != 0)
        return r;
    if (!claims.has_mask)
        return TOKEN_STRUCTURE;
    *out_mask = claims.mask;
    *out = read;
    return 0;
}
