/* Two envelopes: the first is run, the second is what the device keeps wherever a dependency is asked for (also by the
 * second itself). The first two bytes say how long the first is; integrated dependencies need no second. */
#include "device_proto/suit_text.h"
#include "tests/fuzz/suit_manifest_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int visit(void *context, const struct suit_text *text)
{
    unsigned *count = context;

    EXPECT(text->language.size > 0 && text->language.size <= SUIT_LANGUAGE_SIZE_MAX);
    ++*count;
    return 0;
}

/* What is walked is found. */
static void read_texts(struct bytes text)
{
    unsigned count = 0;
    struct bytes found;
    int r = suit_text_walk(text, &count, visit);

    EXPECT(r == 0 || r == SUIT_REFUSED_STRUCTURE);
    EXPECT(count > 0 || !suit_text_find(text, NULL, NULL, 1, &found));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct public_key keys[] = { sham_key(KEY_P256), sham_key(KEY_ED25519) };
    struct cose_trust trust = { .keys = keys, .key_count = 2 };
    struct proto_crypto crypto = sham_crypto();
    struct bytes first, second = { NULL, 0 };
    struct suit_manifest manifest;
    size_t length;

    if (size < 2)
        return 0;
    length = (size_t)data[0] << 8 | data[1];
    length = length > size - 2 ? size - 2 : length;
    first = bytes_view(data + 2, length);
    if (size - 2 > length)
        second = bytes_view(data + 2 + length, size - 2 - length);
    if (suit_manifest_verify(first, SUIT_37, keys, 2, &crypto, &manifest) != 0)
        return 0;
    read_texts(manifest.text);
    fuzz_run(&manifest, &trust, &crypto, second);
    return 0;
}
