/* What a device does with a manifest: signature and digests, whether it is for this device, and the run of its command
 * sequences. Fetching and comparing the image are the firmware's, and cost nothing here. */
#include "device_proto/suit.h"
#include "tests/firmware/feature.h"
#include "inputs.h"

static int fetch(void *context, const struct suit_transfer *transfer)
{
    (void)context;
    (void)transfer;
    return 0;
}

static int image_match(void *context, size_t place, const uint8_t digest[DIGEST_SIZE], uint64_t size)
{
    (void)context;
    (void)place;
    (void)digest;
    (void)size;
    return 0;
}

int firmware_feature(void)
{
    static struct public_key key = { .type = INPUT_KEY_TYPE, .size = sizeof input_key };
    static struct suit_manifest manifest;
    struct suit_place place = { .component = { .count = 2 }, .slot = 0 };
    struct suit_device device = { .sequence = 1, .places = &place, .place_count = 1 };
    struct suit_actions actions = { .fetch = fetch, .image_match = image_match };
    int r;

    place.component.parts[0] = bytes_view("ram", 3);
    place.component.parts[1] = bytes_view("0", 1);
    memcpy(key.raw, input_key, sizeof input_key);
    memcpy(device.vendor_id, input_vendor_id, SUIT_ID_SIZE);
    memcpy(device.class_id, input_class_id, SUIT_ID_SIZE);
    r = suit_manifest_verify(bytes_view(input_envelope, sizeof input_envelope), SUIT_37, &key, 1, &firmware_crypto,
                             &manifest);
    return r != 0 ? r : suit_manifest_run(&manifest, &device, &actions, NULL);
}
