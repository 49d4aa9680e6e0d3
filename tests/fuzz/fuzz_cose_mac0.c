/* COSE_Mac0: split, checked, and written again, it says the same and holds. */
#include "device_proto/cose.h"
#include "tests/fuzz/sham_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[8192], scratch[8192];
    static const uint8_t zeros[DIGEST_SIZE];
    const struct bytes none = { NULL, 0 }, key = bytes_view("key", 3);
    struct proto_crypto crypto = sham_crypto();
    struct cose_mac0 message, again;
    size_t out_size;

    if (cose_mac0_parse(bytes_view(data, size), &message) != 0)
        return 0;
    EXPECT(message.algorithm == COSE_HMAC_256);
    int r = cose_mac0_check(&message, none, none, key, &crypto, scratch, sizeof(scratch));
    EXPECT(r == COSE_NO_ROOM || (r == 0) == bytes_equal(message.tag, bytes_view(zeros, sizeof(zeros))));
    struct cose_order order = { message.tagged, !message.attached, COSE_HMAC_256,
                                message.kid,    message.payload,   { NULL, 0 } };
    r = cose_mac0_write(&order, key, &crypto, scratch, sizeof(scratch), out, sizeof(out), &out_size);
    EXPECT(r == 0 || r == COSE_NO_ROOM);
    if (r != 0)
        return 0;
    EXPECT(cose_mac0_parse(bytes_view(out, out_size), &again) == 0);
    EXPECT(bytes_equal(again.payload, message.payload) && bytes_equal(again.kid, message.kid));
    EXPECT(cose_mac0_check(&again, none, none, key, &crypto, scratch, sizeof(scratch)) == 0);
    return 0;
}
