/* port.c - what a firmware brings to device_proto: SHA-256 (FIPS 180-4), and a signature primitive. Which primitive is
 * said when it is built: FIRMWARE_ED25519 takes Monocypher, FIRMWARE_P256 TinyCrypt, wherever their sources are;
 * without either a signature is taken for good, so that what is measured is our own code alone. */
#include <string.h>

#include "tests/firmware/feature.h"

#ifdef FIRMWARE_ED25519
#include "monocypher-ed25519.h"
#endif
#ifdef FIRMWARE_P256
#include "tinycrypt/ecc_dsa.h"
#endif

struct hash {
    uint32_t h[8];
    uint32_t size; /* bytes so far: less than 4 GiB here */
    uint8_t block[64];
};
_Static_assert(sizeof(struct hash) <= sizeof(struct sha256_stream), "the stream holds a hash");

static uint32_t rotate(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static void compress(struct hash *hash)
{
    uint32_t w[16], v[8];

    for (unsigned i = 0; i < 16; i++)
        w[i] = (uint32_t)hash->block[4 * i] << 24 | (uint32_t)hash->block[4 * i + 1] << 16 |
               (uint32_t)hash->block[4 * i + 2] << 8 | hash->block[4 * i + 3];
    memcpy(v, hash->h, sizeof v);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t one, two;

        if (i >= 16) {
            uint32_t a = w[(i + 1) % 16], b = w[(i + 14) % 16];

            w[i % 16] +=
                (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[(i + 9) % 16] + (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
        }
        one = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) + k[i] +
              w[i % 16];
        two = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof v[0]);
        v[4] += one;
        v[0] = one + two;
    }
    for (unsigned i = 0; i < 8; i++)
        hash->h[i] += v[i];
}

static int begin(void *context, struct sha256_stream *stream)
{
    static const uint32_t first[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
    struct hash *hash = (struct hash *)stream;

    (void)context;
    memcpy(hash->h, first, sizeof first);
    hash->size = 0;
    return 0;
}

static int update(void *context, struct sha256_stream *stream, struct bytes part)
{
    struct hash *hash = (struct hash *)stream;

    (void)context;
    for (size_t i = 0; i < part.size; i++) {
        hash->block[hash->size++ % 64] = part.data[i];
        if (hash->size % 64 == 0)
            compress(hash);
    }
    return 0;
}

static int finish(void *context, struct sha256_stream *stream, uint8_t out_digest[DIGEST_SIZE])
{
    static const uint8_t end[64] = { 0x80 };
    struct hash *hash = (struct hash *)stream;
    uint64_t bits = (uint64_t)hash->size * 8;
    uint8_t length[8];

    for (unsigned i = 0; i < 8; i++)
        length[i] = (uint8_t)(bits >> (56 - 8 * i));
    update(context, stream, (struct bytes){ end, 1 + (119 - hash->size % 64) % 64 });
    update(context, stream, (struct bytes){ length, 8 });
    for (unsigned i = 0; i < 32; i++)
        out_digest[i] = (uint8_t)(hash->h[i / 4] >> (24 - 8 * (i % 4)));
    return 0;
}

static int sha256(void *context, struct bytes data, uint8_t out_digest[DIGEST_SIZE])
{
    struct sha256_stream stream;

    begin(context, &stream);
    update(context, &stream, data);
    return finish(context, &stream, out_digest);
}

static int verify(void *context, const struct public_key *key, struct bytes message, struct bytes signature)
{
    (void)context;
    switch (key->type) {
#ifdef FIRMWARE_ED25519
    case KEY_ED25519:
        return crypto_ed25519_check(signature.data, key->raw, message.data, message.size) != 0;
#endif
#ifdef FIRMWARE_P256
    case KEY_P256: {
        uint8_t digest[DIGEST_SIZE];

        sha256(context, message, digest);
        return uECC_verify(key->raw + 1, digest, sizeof digest, signature.data, uECC_secp256r1()) != 1;
    }
#endif
    default:
        (void)message;
        (void)signature;
        return 0;
    }
}

const struct proto_crypto firmware_crypto = {
    .sha256 = sha256,
    .verify = verify,
    .sha256_begin = begin,
    .sha256_update = update,
    .sha256_finish = finish,
};

static int fill(void *context, uint8_t *out, size_t size)
{
    static uint32_t state = 1;

    (void)context;
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525u + 1013904223u;
        out[i] = (uint8_t)(state >> 24);
    }
    return 0;
}

const struct proto_random firmware_random = { .context = NULL, .fill = fill };
