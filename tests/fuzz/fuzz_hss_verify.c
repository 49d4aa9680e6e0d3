/* Public keys and signatures of HSS-LMS. Every hash is zeros, so a signature holds exactly when its shape is right and
 * all roots are zeros: that is found here by another way, from the end of each part. */
#include "device_proto/hss.h"
#include "tests/fuzz/sham_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int begin(void *context, struct sha256_stream *stream)
{
    (void)context;
    (void)stream;
    return 0;
}

static int update(void *context, struct sha256_stream *stream, struct bytes part)
{
    uint8_t sum = 0;

    (void)context;
    (void)stream;
    for (size_t i = 0; i < part.size; i++)
        sum = (uint8_t)(sum + part.data[i]); /* every byte is there */
    (void)*(volatile uint8_t *)&sum;
    return 0;
}

static int finish(void *context, struct sha256_stream *stream, uint8_t out[DIGEST_SIZE])
{
    (void)stream;
    return sham_sha256(context, bytes_view(NULL, 0), out);
}

static bool zeros(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] != 0)
            return false;
    return true;
}

/* p and h by their definition: so many hashes are in a signature of these types. */
static unsigned hashes(uint32_t lms, uint32_t lmots)
{
    unsigned n = lms >= 10 ? 24 : 32, w = 1u << ((lmots - 1) % 4), u = 8 * n / w, bits = 0;

    while (((1u << w) - 1) * u >> bits != 0)
        bits++;
    return 1 + u + (bits + w - 1) / w + 5 * ((lms - 5) % 5 + 1);
}

static bool holds(const uint8_t *key, const uint8_t *signature, size_t size, unsigned levels)
{
    const uint8_t *end = signature + size;
    unsigned n = 0;

    if (size < 4 || lms_get32(signature) != levels - 1)
        return false;
    signature += 4;
    for (unsigned i = 0; i < levels; i++) {
        uint32_t lms = lms_get32(key), lmots = lms_get32(key + 4);
        if (lms < 5 || lms > 14 || lmots < 1 || lmots > 8 || (lms >= 10) != (lmots >= 5) ||
            (i > 0 && n != (lms >= 10 ? 24u : 32u)))
            return false;
        n = lms >= 10 ? 24 : 32;
        size_t one = 12 + (size_t)n * hashes(lms, lmots), height = 5 * ((lms - 5) % 5 + 1);
        if ((size_t)(end - signature) < one || lms_get32(signature) >> height != 0 || !zeros(key + 24, n) ||
            lms_get32(signature + 4) != lmots || lms_get32(signature + one - height * n - 4) != lms)
            return false;
        key = signature + one;
        signature = key + (i + 1 < levels ? 24 + n : 0);
        if (i + 1 < levels && (size_t)(end - key) < 24 + n)
            return false;
    }
    return signature == end;
}

static void key_again(struct bytes encoded)
{
    uint8_t out[256];
    struct bytes key, kid, again, again_kid;
    size_t size = 0;

    if (hss_cose_key_read(encoded, &key, &kid) != 0 || kid.size > 100)
        return;
    EXPECT(hss_cose_key_write(key, kid, out, sizeof(out), &size) == 0);
    EXPECT(hss_cose_key_read(bytes_view(out, size), &again, &again_kid) == 0);
    EXPECT(bytes_equal(key, again) && bytes_equal(kid, again_kid));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proto_crypto crypto = sham_crypto();
    struct hss_public public;
    uint8_t raw[HSS_PUBLIC_SIZE_MAX];

    crypto.sha256_begin = begin;
    crypto.sha256_update = update;
    crypto.sha256_finish = finish;
    key_again(bytes_view(data, size));
    size_t key_size = size > 8 && lms_get32(data + 4) >= 10 ? 52 : 60;
    if (size < key_size || hss_public_read(bytes_view(data, key_size), &public) != 0)
        return 0;
    EXPECT(hss_public_write(&public, raw) == key_size && memcmp(raw, data, key_size) == 0);
    struct bytes signature = bytes_view(data + key_size, size - key_size);
    int r = hss_verify(&crypto, bytes_view(data, key_size), bytes_view("message", 7), signature);
    EXPECT(r >= 0 && r <= HSS_SIGNATURE);
    EXPECT((r == 0) == holds(data + 4, signature.data, signature.size, public.levels));
    return 0;
}
