/* Any envelope as its author sees it: what is taken apart can lose its severable members, and a signature can be added,
 * and both are envelopes again that say the same. */
#include "device_proto/suit_author.h"
#include "tests/fuzz/sham_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_same_manifest(struct bytes encoded, const struct suit_envelope *envelope, size_t blocks)
{
    static struct suit_envelope again;

    EXPECT(suit_envelope_read(encoded, &again) == 0);
    EXPECT(bytes_equal(again.manifest, envelope->manifest) && bytes_equal(again.digest, envelope->digest));
    EXPECT(again.block_count == blocks);
    EXPECT(again.draft.component_count == envelope->draft.component_count);
    EXPECT(again.draft.sequence == envelope->draft.sequence);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[8192], manifest[8192];
    static struct suit_envelope envelope;
    static const uint8_t block[] = { 0xd2, 0x84, 0x40, 0xa0, 0xf6, 0x40 };
    struct proto_crypto crypto = sham_crypto();
    struct bytes encoded = bytes_view(data, size);
    size_t out_size;
    int r;

    (void)suit_integrated_payload(encoded, bytes_of_text("#container"));
    if (suit_envelope_read(encoded, &envelope) != 0)
        return 0;
    r = suit_draft_encode(&envelope.draft, &crypto, manifest, sizeof manifest, &out_size);
    EXPECT(r >= 0);
    r = suit_envelope_sever(encoded, (1u << SUIT_PARTS) - 1, out, sizeof out, &out_size);
    EXPECT(r >= 0);
    if (r == 0)
        expect_same_manifest(bytes_view(out, out_size), &envelope, envelope.block_count);
    r = suit_envelope_add(encoded, bytes_view(block, sizeof block), out, sizeof out, &out_size);
    EXPECT(r >= 0);
    if (r == 0)
        expect_same_manifest(bytes_view(out, out_size), &envelope, envelope.block_count + 1);
    return 0;
}
