/* suit_words.c - identifiers, and refusals in words and numbers. */
#include "device_proto/suit_author.h"

#define NAME_SIZE_MAX 255u

bool suit_component_equal(const struct suit_component *a, const struct suit_component *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!bytes_equal(a->parts[i], b->parts[i]))
            return false;
    }
    return true;
}

bool suit_component_below(const struct suit_component *component, const struct suit_component *prefix)
{
    struct suit_component start = *component;

    if (component->count < prefix->count)
        return false;
    start.count = prefix->count;
    return suit_component_equal(&start, prefix);
}

/* RFC 9562 section 5.5. */
static int uuid5(const struct proto_crypto *crypto, const uint8_t space[SUIT_ID_SIZE], struct bytes name,
                 uint8_t out[SUIT_ID_SIZE])
{
    uint8_t seed[SUIT_ID_SIZE + NAME_SIZE_MAX];
    uint8_t digest[SHA1_SIZE];
    int r;

    if (name.size > NAME_SIZE_MAX)
        return SUIT_REFUSED_ROOM;
    if (crypto->sha1 == NULL)
        return SUIT_REFUSED_UNSUPPORTED;
    memcpy(seed, space, SUIT_ID_SIZE);
    if (name.size > 0)
        memcpy(seed + SUIT_ID_SIZE, name.data, name.size);
    r = crypto->sha1(crypto->context, bytes_view(seed, SUIT_ID_SIZE + name.size), digest);
    if (r != 0)
        return r;
    memcpy(out, digest, SUIT_ID_SIZE);
    out[6] = (uint8_t)((out[6] & 0x0f) | 0x50);
    out[8] = (uint8_t)((out[8] & 0x3f) | 0x80);
    return 0;
}

int suit_vendor_id(const struct proto_crypto *crypto, struct bytes domain, uint8_t out[SUIT_ID_SIZE])
{
    static const uint8_t dns[SUIT_ID_SIZE] = { 0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1,
                                               0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8 };

    return uuid5(crypto, dns, domain, out);
}

int suit_class_id(const struct proto_crypto *crypto, const uint8_t vendor_id[SUIT_ID_SIZE], struct bytes name,
                  uint8_t out[SUIT_ID_SIZE])
{
    return uuid5(crypto, vendor_id, name, out);
}

static const struct {
    const char *text;
    int riot_code;
} refusals[] = {
    [0] = { "accepted", 0 },
    [SUIT_REFUSED_STRUCTURE] = { "not a manifest of this dialect", -1 },
    [SUIT_REFUSED_UNSUPPORTED] = { "uses something that is not supported", -2 },
    [SUIT_REFUSED_SIGNATURE] = { "no signature by a known key", -6 },
    [SUIT_REFUSED_DIGEST] = { "digest differs from what was signed", -7 },
    [SUIT_REFUSED_VERSION] = { "manifest version is not 1", -5 },
    [SUIT_REFUSED_SEQUENCE] = { "sequence number is not above the device's highest", -5 },
    [SUIT_REFUSED_CONDITION] = { "a condition does not hold", -4 },
    [SUIT_REFUSED_POLICY] = { "fetches something unchecked", -8 },
    [SUIT_REFUSED_COMPONENT] = { "the device has no such component", -2 },
    [SUIT_REFUSED_FETCH] = { "the payload could not be fetched", -6 },
    [SUIT_REFUSED_STORAGE] = { "the payload does not fit its place", -50 },
    [SUIT_REFUSED_ROOM] = { "larger than the bounds allow", -1 },
    [SUIT_REFUSED_AUTHORITY] = { "its signer may not touch that component", -6 },
    [SUIT_REFUSED_DECRYPTION] = { "encrypted for somebody else", -7 },
};

#define REFUSAL_COUNT (sizeof refusals / sizeof refusals[0])

const char *suit_refusal_text(int refusal)
{
    return refusal < 0 || (size_t)refusal >= REFUSAL_COUNT ? "unknown refusal" : refusals[refusal].text;
}

int suit_refusal_riot_code(int refusal)
{
    return refusal < 0 || (size_t)refusal >= REFUSAL_COUNT ? -1 : refusals[refusal].riot_code;
}
