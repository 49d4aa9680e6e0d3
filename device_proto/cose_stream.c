/* cose_stream.c - A128CTR and A128GCM over parts of any size in constant memory.
 * Both are made of one callback, AES in counter mode: GCM's hash key, the mask of its tag and its content's keystream
 * are all encryptions of counter blocks (SP 800-38D). The GHASH multiplication goes bit by bit without looking at its
 * operands' values: 128 steps a block, slow beside hardware but with neither tables nor a timing that depends on keys.
 */
#include "device_proto/cose_stream.h"

#include "device_proto/cbor.h"

static const uint8_t zeros[AES_BLOCK];

void cose_stream_wipe(struct cose_stream *stream)
{
    volatile uint8_t *at = (volatile uint8_t *)stream;

    for (size_t i = 0; i < sizeof *stream; i++)
        at[i] = 0;
}

/* ---- counter mode ---- */

static void count_on(uint8_t counter[AES_BLOCK], size_t blocks)
{
    size_t carry = blocks;

    for (size_t i = AES_BLOCK; i > 0 && carry > 0; i--) {
        carry += counter[i - 1];
        counter[i - 1] = (uint8_t)carry;
        carry >>= 8;
    }
}

static int next_keystream(struct cose_stream *stream, const struct proto_crypto *crypto)
{
    int r =
        crypto->aes_ctr(crypto->context, stream->key, stream->counter, bytes_view(zeros, AES_BLOCK), stream->keystream);

    count_on(stream->counter, 1);
    return r;
}

static int count_through(struct cose_stream *stream, const struct proto_crypto *crypto, struct bytes in, uint8_t *out)
{
    size_t done = 0, whole;
    int r = 0;

    while (done < in.size && stream->used > 0) {
        out[done] = in.data[done] ^ stream->keystream[stream->used];
        stream->used = (stream->used + 1) % AES_BLOCK;
        done++;
    }
    whole = (in.size - done) / AES_BLOCK * AES_BLOCK;
    if (whole > 0) {
        r = crypto->aes_ctr(crypto->context, stream->key, stream->counter, bytes_view(in.data + done, whole),
                            out + done);
        count_on(stream->counter, whole / AES_BLOCK);
        done += whole;
    }
    if (r != 0 || done == in.size)
        return r;
    r = next_keystream(stream, crypto);
    while (r == 0 && done < in.size) {
        out[done] = in.data[done] ^ stream->keystream[stream->used++];
        done++;
    }
    return r;
}

/* ---- GHASH ---- */

/* hash = hash * hash_key in GF(2^128), the bits of a byte counted from its top (SP 800-38D section 6.3). */
static void multiply(struct cose_stream *stream)
{
    uint8_t product[AES_BLOCK] = { 0 }, power[AES_BLOCK];

    memcpy(power, stream->hash_key, AES_BLOCK);
    for (unsigned bit = 0; bit < 128; bit++) {
        uint8_t take = (uint8_t) - (stream->hash[bit / 8] >> (7 - bit % 8) & 1);
        uint8_t reduce = (uint8_t) - (power[AES_BLOCK - 1] & 1);

        for (unsigned i = 0; i < AES_BLOCK; i++)
            product[i] ^= power[i] & take;
        for (unsigned i = AES_BLOCK - 1; i > 0; i--)
            power[i] = (uint8_t)(power[i] >> 1 | power[i - 1] << 7);
        power[0] = (uint8_t)(power[0] >> 1 ^ (0xe1 & reduce));
    }
    memcpy(stream->hash, product, AES_BLOCK);
}

static void hash_bytes(struct cose_stream *stream, struct bytes data)
{
    for (size_t i = 0; i < data.size; i++) {
        stream->hash[stream->hash_used++] ^= data.data[i];
        if (stream->hash_used == AES_BLOCK) {
            multiply(stream);
            stream->hash_used = 0;
        }
    }
}

/* A block begun is filled up with zeros, which change nothing. */
static void hash_pad(struct cose_stream *stream)
{
    if (stream->hash_used > 0)
        multiply(stream);
    stream->hash_used = 0;
}

static void hash_content(struct cose_stream *stream, struct bytes ciphertext)
{
    hash_bytes(stream, ciphertext);
    stream->content_size += ciphertext.size;
}

static void hash_associated(struct cose_stream *stream, struct bytes data)
{
    hash_bytes(stream, data);
    stream->associated_size += data.size;
}

static void hash_associated_string(struct cose_stream *stream, struct bytes string)
{
    uint8_t head[9];
    struct cbor_writer writer = cbor_writer_on(head, sizeof head);

    cbor_write_uint(&writer, string.size);
    head[0] |= 0x40; /* a byte string of that size */
    hash_associated(stream, bytes_view(head, writer.size));
    hash_associated(stream, string);
}

/* The Enc_structure ["Encrypt", protected, external_aad]: hashed as it is written, so it needs no room. */
static void hash_structure(struct cose_stream *stream, struct bytes protected_header, struct bytes external_aad)
{
    static const uint8_t head[] = { 0x83, 0x67, 'E', 'n', 'c', 'r', 'y', 'p', 't' };

    hash_associated(stream, bytes_view(head, sizeof head));
    hash_associated_string(stream, protected_header);
    hash_associated_string(stream, external_aad);
    hash_pad(stream);
}

static void finish_tag(struct cose_stream *stream, uint8_t out[COSE_TAG_SIZE])
{
    uint8_t sizes[AES_BLOCK];

    hash_pad(stream);
    for (unsigned i = 0; i < 8; i++) {
        sizes[i] = (uint8_t)(stream->associated_size * 8 >> (56 - 8 * i));
        sizes[8 + i] = (uint8_t)(stream->content_size * 8 >> (56 - 8 * i));
    }
    hash_bytes(stream, bytes_view(sizes, sizeof sizes));
    for (unsigned i = 0; i < COSE_TAG_SIZE; i++)
        out[i] = stream->hash[i] ^ stream->tag_mask[i];
}

/* ---- streams ---- */

int cose_stream_begin(struct cose_stream *stream, enum cose_algorithm algorithm, const uint8_t key[AES_KEY_SIZE],
                      struct bytes nonce, struct bytes protected_header, struct bytes external_aad,
                      const struct proto_crypto *crypto)
{
    int r;

    *stream = (struct cose_stream){ .algorithm = algorithm };
    memcpy(stream->key, key, AES_KEY_SIZE);
    memcpy(stream->counter, nonce.data, nonce.size);
    if (algorithm == COSE_A128CTR)
        return 0;
    r = crypto->aes_ctr(crypto->context, key, zeros, bytes_view(zeros, AES_BLOCK), stream->hash_key);
    stream->counter[AES_BLOCK - 1] = 1;
    if (r == 0)
        r = next_keystream(stream, crypto);
    if (r == 0)
        memcpy(stream->tag_mask, stream->keystream, AES_BLOCK);
    hash_structure(stream, protected_header, external_aad);
    return r;
}

int cose_encrypt_update(struct cose_stream *stream, const struct proto_crypto *crypto, struct bytes part, uint8_t *out)
{
    int r = count_through(stream, crypto, part, out);

    if (r == 0 && stream->algorithm == COSE_A128GCM)
        hash_content(stream, bytes_view(out, part.size));
    return r;
}

int cose_encrypt_part(const uint8_t key[AES_KEY_SIZE], const uint8_t counter[AES_BLOCK], size_t offset,
                      const struct proto_crypto *crypto, struct bytes part, uint8_t *out)
{
    const struct bytes none = { NULL, 0 };
    struct cose_stream stream;
    int r;

    r = cose_stream_begin(&stream, COSE_A128CTR, key, bytes_view(counter, AES_BLOCK), none, none, crypto);
    count_on(stream.counter, offset / AES_BLOCK);
    if (r == 0 && offset % AES_BLOCK != 0)
        r = next_keystream(&stream, crypto);
    stream.used = offset % AES_BLOCK;
    if (r == 0)
        r = cose_encrypt_update(&stream, crypto, part, out);
    cose_stream_wipe(&stream);
    return r;
}

size_t cose_encrypt_finish(struct cose_stream *stream, uint8_t out_tag[COSE_TAG_SIZE])
{
    size_t size = 0;

    if (stream->algorithm == COSE_A128GCM) {
        finish_tag(stream, out_tag);
        size = COSE_TAG_SIZE;
    }
    cose_stream_wipe(stream);
    return size;
}

static int decrypt(struct cose_stream *stream, const struct proto_crypto *crypto, struct bytes part, uint8_t *out)
{
    if (stream->algorithm == COSE_A128GCM)
        hash_content(stream, part);
    return count_through(stream, crypto, part, out);
}

int cose_decrypt_update(struct cose_stream *stream, const struct proto_crypto *crypto, struct bytes part, uint8_t *out,
                        size_t *out_size)
{
    size_t keep = stream->algorithm == COSE_A128GCM ? COSE_TAG_SIZE : 0;
    size_t have = stream->held_size + part.size, give = have > keep ? have - keep : 0;
    size_t from_held = give < stream->held_size ? give : stream->held_size, from_part = give - from_held;
    int r = 0;

    if (from_held > 0)
        r = decrypt(stream, crypto, bytes_view(stream->held, from_held), out);
    if (r == 0 && from_part > 0)
        r = decrypt(stream, crypto, bytes_view(part.data, from_part), out + from_held);
    if (r != 0)
        return r;
    memmove(stream->held, stream->held + from_held, stream->held_size - from_held);
    stream->held_size -= from_held;
    if (part.size > from_part)
        memcpy(stream->held + stream->held_size, part.data + from_part, part.size - from_part);
    stream->held_size += part.size - from_part;
    *out_size = give;
    return 0;
}

int cose_decrypt_finish(struct cose_stream *stream)
{
    uint8_t tag[COSE_TAG_SIZE];
    unsigned difference = 0;

    if (stream->algorithm == COSE_A128GCM) {
        finish_tag(stream, tag);
        difference = stream->held_size != COSE_TAG_SIZE;
        for (unsigned i = 0; i < COSE_TAG_SIZE; i++)
            difference |= (unsigned)(tag[i] ^ stream->held[i]);
    }
    cose_stream_wipe(stream);
    return difference != 0 ? COSE_SIGNATURE : 0;
}
