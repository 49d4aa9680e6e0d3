/* cose_encrypt.c - encryption headers: which recipient is ours, and the content key out of it; and the same made anew
 * for many devices at once. ECDH-ES+A128KW: the key that unwraps is HKDF-SHA-256 over the shared secret, without salt,
 * with the COSE_KDF_Context
 * [-3, [nil, nil, nil], [nil, nil, nil], [128, recipient's protected header, ?other]] (RFC 9053 section 5.2). */
#include "device_proto/cose_encrypt.h"

#include "device_proto/cose_private.h"
#include "device_proto/cose_stream.h"

#define WRAPPED_SIZE    (AES_KEY_SIZE + 8u)
#define KDF_CONTEXT_MAX (COSE_KDF_PART_MAX * 2u + 24u)
#define KEY_TYPE_EC2    2
#define CURVE_P256      1
#define GCM_NONCE_SIZE  12u
#define COORDINATE_SIZE 32u

static void wipe(void *memory, size_t size)
{
    volatile uint8_t *at = memory;

    while (size-- > 0)
        *at++ = 0;
}

/* ---- the key that wraps ---- */

/* HKDF (RFC 5869) for one block: no salt, and 16 of its 32 bytes. */
static int derive_kek(const uint8_t secret[SECRET_SIZE], struct bytes info, const struct proto_crypto *crypto,
                      uint8_t out_kek[AES_KEY_SIZE])
{
    static const uint8_t no_salt[DIGEST_SIZE];
    uint8_t extracted[DIGEST_SIZE], expanded[DIGEST_SIZE], block[KDF_CONTEXT_MAX + 1];
    int r;

    r = crypto->hmac_sha256(crypto->context, bytes_view(no_salt, sizeof no_salt), bytes_view(secret, SECRET_SIZE),
                            extracted);
    memcpy(block, info.data, info.size);
    block[info.size] = 1;
    if (r == 0)
        r = crypto->hmac_sha256(crypto->context, bytes_view(extracted, sizeof extracted),
                                bytes_view(block, info.size + 1), expanded);
    if (r == 0)
        memcpy(out_kek, expanded, AES_KEY_SIZE);
    wipe(extracted, sizeof extracted);
    wipe(expanded, sizeof expanded);
    return r;
}

static int agreed_kek(const uint8_t secret[SECRET_SIZE], struct bytes protected_header, struct bytes other,
                      const struct proto_crypto *crypto, uint8_t out_kek[AES_KEY_SIZE])
{
    uint8_t context[KDF_CONTEXT_MAX];
    struct cbor_writer writer = cbor_writer_on(context, sizeof context);

    if (protected_header.size > COSE_KDF_PART_MAX || other.size > COSE_KDF_PART_MAX)
        return COSE_NO_ROOM;
    cbor_write_array(&writer, 4);
    cbor_write_int(&writer, COSE_A128KW);
    for (unsigned party = 0; party < 2; party++) {
        cbor_write_array(&writer, 3);
        for (unsigned i = 0; i < 3; i++)
            cbor_write_null(&writer);
    }
    cbor_write_array(&writer, other.size > 0 ? 3 : 2);
    cbor_write_uint(&writer, (uint64_t)AES_KEY_SIZE * 8);
    cbor_write_bytes(&writer, protected_header);
    if (other.size > 0)
        cbor_write_bytes(&writer, other);
    return derive_kek(secret, bytes_view(context, writer.size), crypto, out_kek);
}

/* ---- reading ---- */

/* A COSE_Key {1: 2, -1: 1, -2: x, -3: y} as the point 04 || x || y. A compressed y is not supported. */
static int read_ephemeral(struct bytes encoded, uint8_t out[P256_RAW_SIZE])
{
    struct cbor_reader reader = cbor_reader_on(encoded, CBOR_LENIENT);
    struct cbor_list pairs = cbor_read_map(&reader);
    int64_t type = 0, curve = 0;
    unsigned coordinates = 0;

    out[0] = 0x04;
    while (cbor_more(&reader, &pairs)) {
        int64_t label = cbor_read_int(&reader);

        if (label == 1) {
            type = cbor_read_int(&reader);
        } else if (label == -1) {
            curve = cbor_read_int(&reader);
        } else if (label == -2 || label == -3) {
            if (!cbor_peek_is(&reader, CBOR_BYTES))
                return COSE_UNSUPPORTED;
            cbor_read_bytes_exact(&reader, out + (label == -2 ? 1 : 1 + COORDINATE_SIZE), COORDINATE_SIZE);
            coordinates |= label == -2 ? 1u : 2u;
        } else {
            cbor_skip(&reader);
        }
    }
    if (cbor_reader_finish(&reader) != 0 || coordinates != 3)
        return COSE_STRUCTURE;
    return type == KEY_TYPE_EC2 && curve == CURVE_P256 ? 0 : COSE_UNSUPPORTED;
}

/* The key that a recipient's content key is wrapped with: 0, or why this device's key does not lead to it. */
static int find_kek(const struct cose_headers *headers, const struct cose_device_key *key,
                    const struct cose_encrypt_rules *rules, const struct proto_crypto *crypto,
                    uint8_t out_kek[AES_KEY_SIZE])
{
    uint8_t secret[SECRET_SIZE], point[P256_RAW_SIZE];
    int r;

    if (headers->algorithm == COSE_A128KW) {
        if (headers->protected_bytes.size > 0) /* AES-KW authenticates no headers: none may be protected (RFC 9053) */
            return COSE_STRUCTURE;
        if (key->kek.size != AES_KEY_SIZE)
            return COSE_KEY_MISMATCH;
        memcpy(out_kek, key->kek.data, AES_KEY_SIZE);
        return 0;
    }
    if (key->agreement == NULL)
        return COSE_KEY_MISMATCH;
    r = read_ephemeral(headers->ephemeral, point);
    if (r != 0)
        return r;
    r = key->agreement->agree(key->agreement->context, point, secret);
    if (r != 0)
        return r > 0 ? COSE_SIGNATURE : r; /* no point of the curve */
    r = agreed_kek(secret, headers->protected_bytes, rules->kdf_other, crypto, out_kek);
    wipe(secret, sizeof secret);
    return r;
}

static int unwrap_with(const struct cose_headers *headers, struct bytes wrapped, const struct cose_device_key *key,
                       const struct cose_encrypt_rules *rules, const struct proto_crypto *crypto,
                       uint8_t out[AES_KEY_SIZE])
{
    uint8_t kek[AES_KEY_SIZE];
    int r;

    r = find_kek(headers, key, rules, crypto, kek);
    if (r != 0)
        return r;
    r = wrapped.size != WRAPPED_SIZE ? 1 : crypto->aes_unwrap(crypto->context, kek, wrapped, out);
    wipe(kek, sizeof kek);
    return r > 0 ? COSE_SIGNATURE : r;
}

struct opening {
    const struct cose_device_key *keys;
    size_t key_count;
    const struct cose_encrypt_rules *rules;
    const struct proto_crypto *crypto;
    uint8_t *content_key;
    bool open;
    int why; /* what kept it shut, the most telling so far */
};

/* Says more than "not for us": a wrong wrap before an algorithm before no match. */
static void note_why(struct opening *opening, int r)
{
    if (opening->why == COSE_KEY_MISMATCH || (opening->why == COSE_UNSUPPORTED && r != COSE_KEY_MISMATCH))
        opening->why = r;
}

static int open_recipient(struct opening *opening, const struct cose_headers *headers, struct bytes wrapped)
{
    bool known = headers->algorithm == COSE_A128KW || headers->algorithm == COSE_ECDH_ES_A128KW;

    if (opening->open)
        return 0;
    if (!known || headers->unsupported) {
        note_why(opening, COSE_UNSUPPORTED);
        return 0;
    }
    for (size_t i = 0; i < opening->key_count; i++) {
        const struct cose_device_key *key = &opening->keys[i];
        int r;

        if (key->kid.size > 0 && headers->kid.size > 0 && !bytes_equal(key->kid, headers->kid))
            continue;
        r = unwrap_with(headers, wrapped, key, opening->rules, opening->crypto, opening->content_key);
        if (r < 0)
            return r;
        if (r == 0) {
            opening->open = true;
            return 0;
        }
        note_why(opening, r);
    }
    return 0;
}

/* [headers, wrapped key], with no recipients of its own. */
static int read_recipient(struct cbor_reader *reader, struct opening *opening)
{
    struct cose_headers headers;
    struct bytes wrapped;
    int r;

    cbor_read_array_of(reader, 3);
    r = cose_read_headers(reader, &headers);
    if (r != 0)
        return r;
    wrapped = cbor_read_bytes(reader);
    return reader->refusal != 0 ? COSE_STRUCTURE : open_recipient(opening, &headers, wrapped);
}

static int read_recipients(struct cbor_reader *reader, struct opening *opening)
{
    struct cbor_list recipients = cbor_read_array(reader);
    size_t count = 0;
    int r = 0;

    while (r == 0 && cbor_more(reader, &recipients))
        r = count++ == COSE_RECIPIENTS_MAX ? COSE_NO_ROOM : read_recipient(reader, opening);
    if (r != 0)
        return r;
    if (cbor_reader_finish(reader) != 0 || count == 0)
        return COSE_STRUCTURE;
    return opening->open ? 0 : opening->why;
}

/* The content's algorithm, and whether its nonce is its own. */
static int check_content(const struct cose_headers *headers)
{
    size_t nonce = headers->algorithm == COSE_A128CTR ? AES_BLOCK : GCM_NONCE_SIZE;

    if (headers->unsupported || (headers->algorithm != COSE_A128GCM && headers->algorithm != COSE_A128CTR))
        return COSE_UNSUPPORTED;
    /* Counter mode authenticates no headers: none may be protected (RFC 9459, section 4). */
    if (headers->algorithm == COSE_A128CTR && headers->protected_bytes.size > 0)
        return COSE_STRUCTURE;
    return headers->iv.size == nonce ? 0 : COSE_STRUCTURE;
}

static bool can_do(const struct proto_crypto *crypto)
{
    return crypto->aes_ctr != NULL && crypto->aes_unwrap != NULL && crypto->hmac_sha256 != NULL;
}

int cose_decrypt_begin(struct bytes header, const struct cose_device_key *keys, size_t key_count,
                       const struct cose_encrypt_rules *rules, const struct proto_crypto *crypto,
                       struct cose_stream *stream, struct bytes *out_attached)
{
    struct cbor_reader reader = cbor_reader_on(header, CBOR_LENIENT);
    uint8_t content_key[AES_KEY_SIZE];
    struct opening opening = { keys, key_count, rules, crypto, content_key, false, COSE_KEY_MISMATCH };
    struct cose_headers headers;
    bool tagged;
    int r;

    if (!can_do(crypto))
        return COSE_UNSUPPORTED;
    r = cose_read_tag(&reader, TAG_ENCRYPT, &tagged);
    if (r != 0)
        return r;
    cbor_read_array_of(&reader, 4);
    r = cose_read_headers(&reader, &headers);
    if (r != 0)
        return r;
    cose_read_payload(&reader, out_attached);
    r = reader.refusal != 0 ? COSE_STRUCTURE : check_content(&headers);
    if (r == 0)
        r = read_recipients(&reader, &opening);
    if (r == 0)
        r = cose_stream_begin(stream, (enum cose_algorithm)headers.algorithm, content_key, headers.iv,
                              headers.protected_bytes, rules->external_aad, crypto);
    wipe(content_key, sizeof content_key);
    return r;
}

/* ---- writing ---- */

static void write_ephemeral(struct cbor_writer *writer, const uint8_t point[P256_RAW_SIZE])
{
    cbor_write_int(writer, HEADER_EPHEMERAL);
    cbor_write_map(writer, 4);
    cbor_write_uint(writer, 1);
    cbor_write_uint(writer, KEY_TYPE_EC2);
    cbor_write_int(writer, -1);
    cbor_write_uint(writer, CURVE_P256);
    cbor_write_int(writer, -2);
    cbor_write_bytes(writer, bytes_view(point + 1, COORDINATE_SIZE));
    cbor_write_int(writer, -3);
    cbor_write_bytes(writer, bytes_view(point + 1 + COORDINATE_SIZE, COORDINATE_SIZE));
}

static void write_kid(struct cbor_writer *writer, struct bytes kid)
{
    if (kid.size == 0)
        return;
    cbor_write_uint(writer, HEADER_KID);
    cbor_write_bytes(writer, kid);
}

/* The wrapping key of one recipient, and the headers that tell it how to find it. */
static int write_recipient_headers(struct cbor_writer *writer, const struct cose_recipient *recipient,
                                   const struct cose_encrypt_rules *rules, const struct proto_crypto *crypto,
                                   uint8_t out_kek[AES_KEY_SIZE])
{
    uint8_t header[COSE_PROTECTED_SIZE], point[P256_RAW_SIZE], secret[SECRET_SIZE];
    struct bytes protected = cose_write_protected(COSE_ECDH_ES_A128KW, header);
    int r;

    if (recipient->algorithm == COSE_A128KW) {
        if (recipient->kek.size != AES_KEY_SIZE)
            return COSE_KEY_MISMATCH;
        memcpy(out_kek, recipient->kek.data, AES_KEY_SIZE);
        cbor_write_bytes(writer, bytes_view(NULL, 0));
        cbor_write_map(writer, recipient->kid.size > 0 ? 2 : 1);
        cbor_write_uint(writer, HEADER_ALG);
        cbor_write_int(writer, COSE_A128KW);
        write_kid(writer, recipient->kid);
        return 0;
    }
    if (recipient->algorithm != COSE_ECDH_ES_A128KW || crypto->ecdh_ephemeral == NULL)
        return COSE_UNSUPPORTED;
    if (recipient->key == NULL || recipient->key->type != KEY_P256)
        return COSE_KEY_MISMATCH;
    r = crypto->ecdh_ephemeral(crypto->context, recipient->key, point, secret);
    if (r != 0)
        return r > 0 ? COSE_KEY_MISMATCH : r;
    r = agreed_kek(secret, protected, rules->kdf_other, crypto, out_kek);
    wipe(secret, sizeof secret);
    cbor_write_bytes(writer, protected);
    cbor_write_map(writer, recipient->kid.size > 0 ? 2 : 1);
    write_kid(writer, recipient->kid);
    write_ephemeral(writer, point);
    return r;
}

static int write_recipient(struct cbor_writer *writer, const struct cose_recipient *recipient,
                           const struct cose_encrypt_rules *rules, const struct proto_crypto *crypto,
                           const uint8_t content_key[AES_KEY_SIZE])
{
    uint8_t kek[AES_KEY_SIZE], wrapped[WRAPPED_SIZE];
    int r;

    if (recipient->kid.size > COSE_KID_SIZE_MAX)
        return COSE_NO_ROOM;
    cbor_write_array(writer, 3);
    r = write_recipient_headers(writer, recipient, rules, crypto, kek);
    if (r == 0)
        r = crypto->aes_wrap(crypto->context, kek, bytes_view(content_key, AES_KEY_SIZE), wrapped);
    wipe(kek, sizeof kek);
    if (r == 0)
        cbor_write_bytes(writer, bytes_view(wrapped, sizeof wrapped));
    return r;
}

/* The layer of the content, its ciphertext elsewhere. */
static void write_content(struct cbor_writer *writer, enum cose_algorithm algorithm, struct bytes protected,
                          struct bytes nonce)
{
    cbor_write_tag(writer, TAG_ENCRYPT);
    cbor_write_array(writer, 4);
    cbor_write_bytes(writer, protected);
    cbor_write_map(writer, protected.size > 0 ? 1 : 2);
    if (protected.size == 0) {
        cbor_write_uint(writer, HEADER_ALG);
        cbor_write_int(writer, algorithm);
    }
    cbor_write_uint(writer, HEADER_IV);
    cbor_write_bytes(writer, nonce);
    cbor_write_null(writer);
}

/* The counter's last four bytes begin at zero, so that no two blocks of one content share a counter, and 64 GiB fit. */
static int draw_nonce(enum cose_algorithm algorithm, const struct proto_random *random, uint8_t out[AES_BLOCK],
                      struct bytes *out_nonce)
{
    memset(out, 0, AES_BLOCK);
    *out_nonce = bytes_view(out, algorithm == COSE_A128CTR ? AES_BLOCK : GCM_NONCE_SIZE);
    return random->fill(random->context, out, GCM_NONCE_SIZE);
}

int cose_encrypt_begin(const struct cose_encrypt_order *order, const struct proto_random *random,
                       const struct proto_crypto *crypto, uint8_t *out, size_t capacity, size_t *out_size,
                       struct cose_stream *stream)
{
    struct cbor_writer writer = cbor_writer_on(out, capacity);
    uint8_t content_key[AES_KEY_SIZE], nonce_bytes[AES_BLOCK], header[COSE_PROTECTED_SIZE];
    struct bytes nonce, protected = { NULL, 0 };
    int r;

    if (!can_do(crypto) || crypto->aes_wrap == NULL ||
        (order->algorithm != COSE_A128GCM && order->algorithm != COSE_A128CTR))
        return COSE_UNSUPPORTED;
    if (order->recipient_count == 0 || order->recipient_count > COSE_RECIPIENTS_MAX)
        return COSE_NO_ROOM;
    r = random->fill(random->context, content_key, sizeof content_key);
    if (r == 0)
        r = draw_nonce(order->algorithm, random, nonce_bytes, &nonce);
    if (r != 0)
        return r;
    if (order->algorithm == COSE_A128GCM)
    protected = cose_write_protected(order->algorithm, header);
    write_content(&writer, order->algorithm, protected, nonce);
    cbor_write_array(&writer, order->recipient_count);
    for (size_t i = 0; r == 0 && i < order->recipient_count; i++)
        r = write_recipient(&writer, &order->recipients[i], &order->rules, crypto, content_key);
    if (r == 0 && cbor_writer_finish(&writer, out_size) != 0)
        r = COSE_NO_ROOM;
    if (r == 0)
        r = cose_stream_begin(stream, order->algorithm, content_key, nonce, protected, order->rules.external_aad,
                              crypto);
    if (r == 0)
        stream->encrypts = true;
    wipe(content_key, sizeof content_key);
    return r;
}
