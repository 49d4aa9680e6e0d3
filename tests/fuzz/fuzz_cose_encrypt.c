/* Encryption headers, with keys that open any recipient; and an image that is cut into parts by the input's own bytes
 * comes out as it went in, whichever way it is cut. */
#include "device_proto/cose_encrypt.h"
#include "tests/fuzz/sham_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct cose_encrypt_rules rules = { { (const uint8_t *)COSE_KDF_SUIT, sizeof(COSE_KDF_SUIT) - 1 },
                                                 { NULL, 0 } };

static int begin(struct bytes header, const struct proto_crypto *crypto, struct cose_stream *stream,
                 struct bytes *attached)
{
    static const struct proto_agreement agreement = { NULL, sham_agree };
    struct cose_device_key key = { .kek = bytes_view("0123456789abcdef", 16), .agreement = &agreement };

    return cose_decrypt_begin(header, &key, 1, &rules, crypto, stream, attached);
}

/* Parts of 1 to 32 bytes, as the data say. */
static size_t decrypt(struct cose_stream *stream, const struct proto_crypto *crypto, struct bytes content,
                      struct bytes cuts, uint8_t *out)
{
    size_t size = 0, given;

    for (size_t at = 0, i = 0; at < content.size; i++) {
        size_t part = cuts.size > 0 ? 1u + (cuts.data[i % cuts.size] & 31u) : content.size;
        if (part > content.size - at)
            part = content.size - at;
        EXPECT(cose_decrypt_update(stream, crypto, bytes_view(content.data + at, part), out + size, &given) == 0);
        size += given;
        at += part;
    }
    return size;
}

static void there_and_back(struct bytes image, enum cose_algorithm algorithm)
{
    static uint8_t header[1024], content[4096 + COSE_TAG_SIZE], back[4096 + COSE_TAG_SIZE];
    struct proto_crypto crypto = sham_crypto();
    struct proto_random random = { NULL, sham_fill };
    struct public_key key = sham_key(KEY_P256);
    struct cose_recipient recipients[] = { { COSE_A128KW, { NULL, 0 }, bytes_view("0123456789abcdef", 16), NULL },
                                           { COSE_ECDH_ES_A128KW, bytes_view("x", 1), { NULL, 0 }, &key } };
    struct cose_encrypt_order order = { algorithm, recipients, 1 + image.size % 2, rules };
    struct cose_stream stream;
    struct bytes attached;
    size_t header_size, size;

    EXPECT(cose_encrypt_begin(&order, &random, &crypto, header, sizeof(header), &header_size, &stream) == 0);
    EXPECT(cose_encrypt_update(&stream, &crypto, image, content) == 0);
    size = image.size + cose_encrypt_finish(&stream, content + image.size);
    EXPECT(begin(bytes_view(header, header_size), &crypto, &stream, &attached) == 0);
    EXPECT(decrypt(&stream, &crypto, bytes_view(content, size), image, back) == image.size);
    EXPECT(cose_decrypt_finish(&stream) == 0);
    EXPECT(bytes_equal(bytes_view(back, image.size), image));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[65536];
    struct proto_crypto crypto = sham_crypto();
    struct cose_stream stream;
    struct bytes attached;

    if (size > 4096)
        return 0;
    int r = begin(bytes_view(data, size), &crypto, &stream, &attached);
    EXPECT(r >= 0 && r <= COSE_NOT_ACCEPTED);
    if (r == 0) {
        EXPECT(stream.algorithm == COSE_A128GCM || stream.algorithm == COSE_A128CTR);
        EXPECT(decrypt(&stream, &crypto, attached, bytes_view(data, size), out) <= attached.size);
        r = cose_decrypt_finish(&stream);
        EXPECT(r == 0 || r == COSE_SIGNATURE);
    }
    there_and_back(bytes_view(data, size), size % 3 == 0 ? COSE_A128CTR : COSE_A128GCM);
    return 0;
}
