/* cose.c - splitting, checking and making COSE_Sign1, COSE_Sign and COSE_Mac0.
 * What is signed is never taken from the message but rebuilt here: ["Signature1", protected, external_aad, payload] and
 * its like. */
#include "device_proto/cose_private.h"
#include "device_proto/hss.h"

/* ---- one signature ---- */

/* Hash-based signatures need no more of the port than SHA-256. Firmware that trusts none leaves them out. */
static int verify_hss(const struct public_key *key, const struct proto_crypto *crypto, struct bytes message,
                      struct bytes signature)
{
#ifdef TINYPART_WITHOUT_HSS
    (void)key;
    (void)crypto;
    (void)message;
    (void)signature;
    return COSE_UNSUPPORTED;
#else
    int r = hss_verify(crypto, bytes_view(key->raw, key->size), message, signature);

    if (r == HSS_UNSUPPORTED)
        return COSE_UNSUPPORTED;
    return r > 0 ? COSE_SIGNATURE : r;
#endif
}

int cose_verify(int64_t algorithm, const struct public_key *key, const struct proto_crypto *crypto,
                struct bytes message, struct bytes signature)
{
    const struct cose_algorithm_row *row = cose_algorithm_find(algorithm);
    int r;

    if (row == NULL || row->use != COSE_SIGNS || row->key == 0)
        return COSE_UNSUPPORTED;
    if (row->key != key->type)
        return COSE_KEY_MISMATCH;
    if (row->key == KEY_HSS_LMS)
        return verify_hss(key, crypto, message, signature);
    if (row->size != 0 && signature.size != row->size)
        return COSE_SIGNATURE;
    r = crypto->verify(crypto->context, key, message, signature);
    if (r == PROTO_UNSUPPORTED)
        return COSE_UNSUPPORTED;
    return r > 0 ? COSE_SIGNATURE : r;
}

/* The head of a byte string of that size (up to 65,535 bytes) and its own size. */
static size_t write_string_head(size_t size, uint8_t out[3])
{
    struct cbor_writer writer = cbor_writer_on(out, 3);

    cbor_write_uint(&writer, size);
    out[0] |= 0x40;
    return writer.size;
}

int cose_sign_into(struct cbor_writer *writer, const struct proto_signer *signer, int64_t algorithm,
                   struct bytes message)
{
    const struct cose_algorithm_row *row = cose_algorithm_find(algorithm);
    size_t room = writer->capacity > writer->size ? writer->capacity - writer->size : 0;
    uint8_t head[3];
    size_t head_size, size;
    int r;

    /* Where the size is known, nothing is signed in vain: some keys sign only so many times. */
    head_size = row->size != 0 ? write_string_head(row->size, head) : sizeof head;
    if (room < head_size + row->size)
        return COSE_NO_ROOM;
    r = signer->sign(signer->context, message, writer->data + writer->size + head_size, room - head_size, &size);
    if (r != 0)
        return r > 0 ? COSE_SIGNATURE : r;
    if ((row->size != 0 && size != row->size) || size > UINT16_MAX)
        return COSE_SIGNATURE;
    room = head_size;
    head_size = write_string_head(size, head);
    memmove(writer->data + writer->size + head_size, writer->data + writer->size + room, size);
    memcpy(writer->data + writer->size, head, head_size);
    writer->size += head_size + size;
    return 0;
}

static bool signature_size_fits(int64_t algorithm, size_t size)
{
    const struct cose_algorithm_row *row = cose_algorithm_find(algorithm);

    return row != NULL && row->use == COSE_SIGNS && (row->size != 0 ? size == row->size : size > 0);
}

/* ---- COSE_Sign1 ---- */

/* [headers, payload, signature or tag], the shape that Sign1 and Mac0 share. */
static int parse_single(struct bytes message, enum cose_tag tag, enum cose_use use, struct cose_sign1 *out)
{
    struct cbor_reader reader = cbor_reader_on(message, CBOR_LENIENT);
    const struct cose_algorithm_row *row;
    struct cose_sign1 parsed = { 0 };
    struct cose_headers headers;
    int r;

    r = cose_read_tag(&reader, tag, &parsed.tagged);
    if (r != 0)
        return r;
    cbor_read_array_of(&reader, 4);
    r = cose_read_headers(&reader, &headers);
    if (r != 0)
        return r;
    parsed.attached = cose_read_payload(&reader, &parsed.payload);
    parsed.signature = cbor_read_bytes(&reader);
    if (cbor_reader_finish(&reader) != 0)
        return COSE_STRUCTURE;
    row = cose_algorithm_find(headers.algorithm);
    if (headers.unsupported || row == NULL || row->use != use || (use == COSE_SIGNS && row->key == 0))
        return COSE_UNSUPPORTED;
    parsed.algorithm = headers.algorithm;
    parsed.algorithm_protected = headers.algorithm_protected;
    parsed.protected_header = headers.protected_bytes;
    parsed.kid = headers.kid;
    *out = parsed;
    return 0;
}

int cose_sign1_parse(struct bytes message, struct cose_sign1 *out)
{
    return parse_single(message, TAG_SIGN1, COSE_SIGNS, out);
}

int cose_sign1_check(const struct cose_sign1 *message, struct bytes detached, struct bytes external_aad,
                     const struct public_key *key, const struct proto_crypto *crypto, uint8_t *scratch,
                     size_t scratch_size)
{
    struct cose_signed what = { "Signature1", message->protected_header, NULL, external_aad,
                                message->attached ? message->payload : detached };
    size_t size;
    int r;

    if (message->attached && detached.size > 0)
        return COSE_STRUCTURE;
    if (!cose_algorithm_fits(message->algorithm, key->type))
        return COSE_KEY_MISMATCH;
    if (!signature_size_fits(message->algorithm, message->signature.size))
        return COSE_SIGNATURE;
    r = cose_write_signed(&what, scratch, scratch_size, &size);
    return r != 0 ? r : cose_verify(message->algorithm, key, crypto, bytes_view(scratch, size), message->signature);
}

int cose_sign1_check_any(const struct cose_sign1 *message, struct bytes external_aad, const struct public_key *keys,
                         size_t key_count, const struct proto_crypto *crypto, uint8_t *scratch, size_t scratch_size,
                         size_t *out_key)
{
    struct bytes none = { NULL, 0 };

    for (size_t i = 0; i < key_count; i++) {
        int r = cose_sign1_check(message, none, external_aad, &keys[i], crypto, scratch, scratch_size);
        if (r < 0)
            return r;
        if (r == 0) {
            if (out_key != NULL)
                *out_key = i;
            return 0;
        }
    }
    return COSE_SIGNATURE;
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

static int order_to_be_signed(const char *context, const struct cose_order *order, uint8_t *out, size_t capacity,
                              size_t *out_size)
{
    uint8_t header[COSE_PROTECTED_SIZE];
    struct cose_signed what = { context, cose_write_protected(order->algorithm, header), NULL, order->external_aad,
                                order->payload };

    return cose_write_signed(&what, out, capacity, out_size);
}

int cose_sign1_to_be_signed(const struct cose_order *order, uint8_t *out, size_t capacity, size_t *out_size)
{
    return order_to_be_signed("Signature1", order, out, capacity, out_size);
}

/* Everything of a Sign1 or Mac0 before the signature or tag. */
static struct cbor_writer begin_single(const struct cose_order *order, enum cose_tag tag, uint8_t *out, size_t capacity)
{
    struct cbor_writer writer = cbor_writer_on(out, capacity);

    if (order->tagged)
        cbor_write_tag(&writer, tag);
    cbor_write_array(&writer, 4);
    cose_write_headers(&writer, order->algorithm, order->kid);
    cose_write_payload(&writer, order);
    return writer;
}

int cose_sign1_assemble(const struct cose_order *order, struct bytes signature, uint8_t *out, size_t capacity,
                        size_t *out_size)
{
    struct cbor_writer writer = begin_single(order, TAG_SIGN1, out, capacity);

    if (!signature_size_fits(order->algorithm, signature.size))
        return COSE_SIGNATURE;
    cbor_write_bytes(&writer, signature);
    return cbor_writer_finish(&writer, out_size) == 0 ? 0 : COSE_NO_ROOM;
}

int cose_sign1_write(const struct cose_order *order, const struct proto_signer *signer, uint8_t *scratch,
                     size_t scratch_size, uint8_t *out, size_t capacity, size_t *out_size)
{
    struct cbor_writer writer = begin_single(order, TAG_SIGN1, out, capacity);
    size_t size;
    int r;

    if (!cose_algorithm_fits(order->algorithm, signer->key.type))
        return COSE_KEY_MISMATCH;
    r = cose_sign1_to_be_signed(order, scratch, scratch_size, &size);
    if (r == 0)
        r = cose_sign_into(&writer, signer, order->algorithm, bytes_view(scratch, size));
    if (r != 0)
        return r;
    return cbor_writer_finish(&writer, out_size) == 0 ? 0 : COSE_NO_ROOM;
}

/* ---- COSE_Sign ---- */

static int parse_signer(struct cbor_reader *reader, struct cose_signature *out)
{
    struct cose_headers headers;
    int r;

    cbor_read_array_of(reader, 3);
    r = cose_read_headers(reader, &headers);
    if (r != 0)
        return r;
    *out = (struct cose_signature){ headers.unsupported ? 0 : headers.algorithm, headers.algorithm_protected,
                                    headers.protected_bytes, headers.kid, cbor_read_bytes(reader) };
    return reader->refusal != 0 ? COSE_STRUCTURE : 0;
}

int cose_sign_parse(struct bytes message, struct cose_sign *out)
{
    struct cbor_reader reader = cbor_reader_on(message, CBOR_LENIENT);
    struct cose_headers headers;
    struct cbor_list signers;
    int r;

    *out = (struct cose_sign){ 0 };
    r = cose_read_tag(&reader, TAG_SIGN, &out->tagged);
    if (r != 0)
        return r;
    cbor_read_array_of(&reader, 4);
    r = cose_read_headers(&reader, &headers);
    if (r != 0)
        return r;
    out->protected_header = headers.protected_bytes;
    out->attached = cose_read_payload(&reader, &out->payload);
    signers = cbor_read_array(&reader);
    while (r == 0 && cbor_more(&reader, &signers)) {
        if (out->count == COSE_SIGNERS_MAX)
            return COSE_NO_ROOM;
        r = parse_signer(&reader, &out->signers[out->count++]);
    }
    if (r != 0 || cbor_reader_finish(&reader) != 0 || out->count == 0)
        return COSE_STRUCTURE;
    return headers.unsupported ? COSE_UNSUPPORTED : 0;
}

int cose_sign_check(const struct cose_sign *message, size_t signer, struct bytes detached, struct bytes external_aad,
                    const struct public_key *key, const struct proto_crypto *crypto, uint8_t *scratch,
                    size_t scratch_size)
{
    const struct cose_signature *signature = &message->signers[signer];
    struct cose_signed what = { "Signature", message->protected_header, &signature->protected_header, external_aad,
                                message->attached ? message->payload : detached };
    const struct cose_algorithm_row *row = cose_algorithm_find(signature->algorithm);
    size_t size;
    int r;

    if (message->attached && detached.size > 0)
        return COSE_STRUCTURE;
    if (row == NULL || row->use != COSE_SIGNS || row->key == 0)
        return COSE_UNSUPPORTED;
    if (row->key != key->type)
        return COSE_KEY_MISMATCH;
    r = cose_write_signed(&what, scratch, scratch_size, &size);
    return r != 0 ? r : cose_verify(signature->algorithm, key, crypto, bytes_view(scratch, size), signature->signature);
}

static int write_signer(const struct cose_order *order, const struct cose_signer *signer, uint8_t *scratch,
                        size_t scratch_size, struct cbor_writer *writer)
{
    uint8_t header[COSE_PROTECTED_SIZE];
    struct bytes protected = cose_write_protected(signer->algorithm, header);
    struct cose_signed what = { "Signature", { NULL, 0 }, &protected, order->external_aad, order->payload };
    size_t size;
    int r;

    if (!cose_algorithm_fits(signer->algorithm, signer->signer->key.type))
        return COSE_KEY_MISMATCH;
    r = cose_write_signed(&what, scratch, scratch_size, &size);
    if (r != 0)
        return r;
    cbor_write_array(writer, 3);
    cose_write_headers(writer, signer->algorithm, signer->kid);
    return cose_sign_into(writer, signer->signer, signer->algorithm, bytes_view(scratch, size));
}

int cose_sign_write(const struct cose_order *order, const struct cose_signer *signers, size_t count, uint8_t *scratch,
                    size_t scratch_size, uint8_t *out, size_t capacity, size_t *out_size)
{
    struct cbor_writer writer = cbor_writer_on(out, capacity);
    int r = 0;

    if (count == 0 || count > COSE_SIGNERS_MAX)
        return COSE_NO_ROOM;
    if (order->tagged)
        cbor_write_tag(&writer, TAG_SIGN);
    cbor_write_array(&writer, 4);
    cbor_write_bytes(&writer, bytes_view(NULL, 0));
    cbor_write_map(&writer, 0);
    cose_write_payload(&writer, order);
    cbor_write_array(&writer, count);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = write_signer(order, &signers[i], scratch, scratch_size, &writer);
    if (r != 0)
        return r;
    return cbor_writer_finish(&writer, out_size) == 0 ? 0 : COSE_NO_ROOM;
}

/* ---- COSE_Mac0 ---- */

int cose_mac0_parse(struct bytes message, struct cose_mac0 *out)
{
    struct cose_sign1 parsed;
    int r;

    r = parse_single(message, TAG_MAC0, COSE_AUTHENTICATES, &parsed);
    if (r != 0)
        return r;
    *out = (struct cose_mac0){ parsed.tagged,           parsed.algorithm, parsed.algorithm_protected,
                               parsed.protected_header, parsed.kid,       parsed.attached,
                               parsed.payload,          parsed.signature };
    return 0;
}

/* In time that does not depend on where they differ. */
static bool tags_equal(const uint8_t one[DIGEST_SIZE], const uint8_t *two)
{
    unsigned difference = 0;

    for (size_t i = 0; i < DIGEST_SIZE; i++)
        difference |= (unsigned)(one[i] ^ two[i]);
    return difference == 0;
}

int cose_mac0_check(const struct cose_mac0 *message, struct bytes detached, struct bytes external_aad, struct bytes key,
                    const struct proto_crypto *crypto, uint8_t *scratch, size_t scratch_size)
{
    struct cose_signed what = { "MAC0", message->protected_header, NULL, external_aad,
                                message->attached ? message->payload : detached };
    uint8_t tag[DIGEST_SIZE];
    size_t size;
    int r;

    if (message->attached && detached.size > 0)
        return COSE_STRUCTURE;
    if (crypto->hmac_sha256 == NULL)
        return COSE_UNSUPPORTED;
    if (key.size == 0)
        return COSE_KEY_MISMATCH;
    if (message->tag.size != DIGEST_SIZE)
        return COSE_SIGNATURE;
    r = cose_write_signed(&what, scratch, scratch_size, &size);
    if (r == 0)
        r = crypto->hmac_sha256(crypto->context, key, bytes_view(scratch, size), tag);
    if (r != 0)
        return r;
    return tags_equal(tag, message->tag.data) ? 0 : COSE_SIGNATURE;
}

int cose_mac0_write(const struct cose_order *order, struct bytes key, const struct proto_crypto *crypto,
                    uint8_t *scratch, size_t scratch_size, uint8_t *out, size_t capacity, size_t *out_size)
{
    struct cbor_writer writer = begin_single(order, TAG_MAC0, out, capacity);
    uint8_t tag[DIGEST_SIZE];
    size_t size;
    int r;

    if (order->algorithm != COSE_HMAC_256 || crypto->hmac_sha256 == NULL)
        return COSE_UNSUPPORTED;
    if (key.size == 0)
        return COSE_KEY_MISMATCH;
    r = order_to_be_signed("MAC0", order, scratch, scratch_size, &size);
    if (r == 0)
        r = crypto->hmac_sha256(crypto->context, key, bytes_view(scratch, size), tag);
    if (r != 0)
        return r;
    cbor_write_bytes(&writer, bytes_view(tag, sizeof tag));
    return cbor_writer_finish(&writer, out_size) == 0 ? 0 : COSE_NO_ROOM;
}
