/* identity.c - places, acceptance and capabilities of a device. */
#include "device_proto/virtual/identity.h"

#include "daemon/crypto_openssl/crypto_openssl.h"
#include "device_proto/suit_capabilities.h"

void identity_places(const struct kind *kind, struct suit_place out[KIND_SLOTS_MAX])
{
    static const uint8_t digits[KIND_SLOTS_MAX] = { '0', '1', '2', '3' };

    for (size_t i = 0; i < kind->slots; i++) {
        out[i] = (struct suit_place){ .component = { .count = 2 }, .slot = i };
        out[i].component.parts[0] = bytes_of_text(kind->component);
        out[i].component.parts[1] = bytes_view(&digits[i], 1);
    }
}

struct cose_acceptance identity_acceptance(void)
{
    struct cose_acceptance acceptance = { .needs = { COSE_KEY(KEY_HSS_LMS) } };

    for (enum key_type type = KEY_ED25519; type <= KEY_ML_DSA_87; type++)
        if (crypto_openssl_has(type))
            acceptance.needs[0] |= COSE_KEY(type);
    return acceptance;
}

struct bytes identity_capabilities(const struct fleet *fleet, uint8_t out[CAPABILITIES_SIZE])
{
    const struct cose_acceptance acceptance = identity_acceptance();
    const struct cose_device_key key = { .agreement = &fleet->agreement };
    struct suit_place places[KIND_SLOTS_MAX];
    const struct suit_device device = { .places = places,
                                        .place_count = fleet->kind->slots,
                                        .acceptance = &acceptance,
                                        .decryption_keys = &key,
                                        .decryption_key_count = fleet->agreement.agree != NULL ? 1 : 0 };
    size_t size = 0;

    identity_places(fleet->kind, places);
    return suit_capabilities_write(&device, out, CAPABILITIES_SIZE, &size) == 0 ? bytes_view(out, size)
                                                                                : bytes_view(NULL, 0);
}
