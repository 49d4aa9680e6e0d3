#include "tests/corpus/hash_tree.h"

#include <stdbool.h>
#include <string.h>

#include "tests/corpus/keys.h"

#define LMS_TYPE   5u
#define LMOTS_TYPE 3u
#define HASH       32u

enum { D_PBLC = 0x8080, D_MESG = 0x8181, D_LEAF = 0x8282, D_INTR = 0x8383 };

static void put(uint8_t *out, uint32_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        out[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

/* I, and the seed of all private values (appendix A). */
static const uint8_t identifier[16] = "corpus of tests";
static const uint8_t seed[HASH] = "its private keys are published";

/* Step j of chain i, from in to out: H(I, q, i, j, in). */
static void step(unsigned leaf, unsigned chain, unsigned j, const uint8_t *in, uint8_t *out)
{
    uint8_t data[16 + 4 + 2 + 1 + HASH];

    memcpy(data, identifier, 16);
    put(data + 16, leaf, 4);
    put(data + 20, chain, 2);
    data[22] = (uint8_t)j;
    memcpy(data + 23, in, HASH);
    keys_sha256(data, sizeof data, out);
}

/* The value of a chain after so many steps. */
static void chain_value(unsigned leaf, unsigned chain, unsigned steps, uint8_t out[HASH])
{
    step(leaf, chain, 0xff, seed, out);
    for (unsigned j = 0; j < steps; j++)
        step(leaf, chain, j, out, out);
}

static void leaf_node(unsigned leaf, uint8_t out[HASH])
{
    uint8_t data[16 + 4 + 2 + HASH * TREE_CHAINS], key[16 + 4 + 2 + HASH];

    memcpy(data, identifier, 16);
    put(data + 16, leaf, 4);
    put(data + 20, D_PBLC, 2);
    for (unsigned i = 0; i < TREE_CHAINS; i++)
        chain_value(leaf, i, 15, data + 22 + HASH * i);
    memcpy(key, identifier, 16);
    put(key + 16, TREE_LEAVES + leaf, 4);
    put(key + 20, D_LEAF, 2);
    keys_sha256(data, sizeof data, key + 22);
    keys_sha256(key, sizeof key, out);
}

/* Nodes by number: the root is 1, leaf q is 32 + q. Made once. */
static const uint8_t (*tree(void))[HASH]
{
    static uint8_t nodes[2 * TREE_LEAVES][HASH];
    static bool made;

    for (unsigned number = 2 * TREE_LEAVES - 1; !made && number >= 1; number--) {
        uint8_t data[16 + 4 + 2 + 2 * HASH];

        if (number >= TREE_LEAVES) {
            leaf_node(number - TREE_LEAVES, nodes[number]);
            continue;
        }
        memcpy(data, identifier, 16);
        put(data + 16, number, 4);
        put(data + 20, D_INTR, 2);
        memcpy(data + 22, nodes[2 * number], HASH);
        memcpy(data + 22 + HASH, nodes[2 * number + 1], HASH);
        keys_sha256(data, sizeof data, nodes[number]);
    }
    made = true;
    return (const uint8_t(*)[HASH])nodes;
}

void tree_public(uint8_t out[TREE_PUBLIC_SIZE])
{
    put(out, 1, 4);
    put(out + 4, LMS_TYPE, 4);
    put(out + 8, LMOTS_TYPE, 4);
    memcpy(out + 12, identifier, 16);
    memcpy(out + 28, tree()[1], HASH);
}

/* The message's digest and its checksum, as digits of four bits. */
static void digits_of(unsigned leaf, const uint8_t randomizer[HASH], const uint8_t *message, size_t size,
                      uint8_t digits[TREE_CHAINS])
{
    static uint8_t data[16 + 4 + 2 + HASH + 4096];
    uint8_t digest[HASH];
    unsigned sum = 0;

    memcpy(data, identifier, 16);
    put(data + 16, leaf, 4);
    put(data + 20, D_MESG, 2);
    memcpy(data + 22, randomizer, HASH);
    memcpy(data + 22 + HASH, message, size);
    keys_sha256(data, 22 + HASH + size, digest);
    for (unsigned i = 0; i < 2 * HASH; i++) {
        digits[i] = i % 2 == 0 ? digest[i / 2] >> 4 : digest[i / 2] & 15;
        sum += 15u - digits[i];
    }
    for (unsigned i = 0; i < 3; i++)
        digits[2 * HASH + i] = (uint8_t)(sum >> (8 - 4 * i) & 15);
}

void tree_sign(unsigned leaf, const uint8_t *message, size_t size, uint8_t out[TREE_SIGNATURE_SIZE])
{
    uint8_t digits[TREE_CHAINS], *at = out;
    unsigned node = TREE_LEAVES + leaf;

    put(at, 0, 4);
    put(at + 4, leaf, 4);
    put(at + 8, LMOTS_TYPE, 4);
    step(leaf, 0xfffd, 0xff, seed, at + 12); /* the randomizer, as appendix A draws secrets */
    digits_of(leaf, at + 12, message, size, digits);
    at += 12 + HASH;
    for (unsigned i = 0; i < TREE_CHAINS; i++, at += HASH)
        chain_value(leaf, i, digits[i], at);
    put(at, LMS_TYPE, 4);
    at += 4;
    for (; node > 1; node /= 2, at += HASH)
        memcpy(at, tree()[node ^ 1], HASH);
}
