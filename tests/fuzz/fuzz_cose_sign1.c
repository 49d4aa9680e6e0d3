/* Splitting a COSE_Sign1, checking it, and writing what it says again. */
#include "device_proto/cose.h"
#include "tests/fuzz/sham_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(const struct cose_sign1 *message)
{
    static uint8_t out[8192], scratch[8192];
    enum key_type type = cose_algorithm_fits(message->algorithm, KEY_P256) ? KEY_P256 : KEY_ED25519;
    struct cose_order order = { message->tagged, !message->attached, (enum cose_algorithm)message->algorithm,
                                message->kid,    message->payload,   { NULL, 0 } };
    struct proto_signer signer = sham_signer(type);
    struct cose_sign1 again;
    size_t out_size;
    int r = cose_sign1_write(&order, &signer, scratch, sizeof(scratch), out, sizeof(out), &out_size);

    EXPECT(r == 0 || r == COSE_NO_ROOM);
    if (r != 0)
        return;
    EXPECT(cose_sign1_parse(bytes_view(out, out_size), &again) == 0);
    EXPECT(again.algorithm == message->algorithm && again.attached == message->attached);
    EXPECT(bytes_equal(again.kid, message->kid) && bytes_equal(again.payload, message->payload));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proto_crypto crypto = sham_crypto();
    struct public_key key = sham_key(KEY_P256);
    struct cose_sign1 message;
    uint8_t scratch[256];
    int r;

    if (cose_sign1_parse(bytes_view(data, size), &message) != 0)
        return 0;
    r = cose_sign1_check(&message, bytes_view(NULL, 0), bytes_view("aad", 3), &key, &crypto, scratch, sizeof(scratch));
    EXPECT(r >= 0 && r <= COSE_NO_ROOM);
    EXPECT(cose_sign1_verify(bytes_view(data, size), bytes_view(NULL, 0), bytes_view("aad", 3), &key, &crypto, scratch,
                             sizeof(scratch), &message) == r);
    write_again(&message);
    return 0;
}
