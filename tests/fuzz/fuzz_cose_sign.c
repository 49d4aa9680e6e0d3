/* COSE_Sign: split, checked by keys of every kind, and written again with the same signers, it says the same. */
#include "device_proto/cose.h"
#include "tests/fuzz/sham_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int sign_any(void *context, struct bytes message, uint8_t *out, size_t capacity, size_t *out_size)
{
    const struct cose_algorithm_row *row = context;

    (void)message;
    EXPECT(capacity >= row->size && row->size > 0);
    memset(out, 0, row->size);
    *out_size = row->size;
    return 0;
}

static void write_again(const struct cose_sign *message)
{
    static uint8_t out[65536], scratch[65536];
    static struct proto_signer signers[COSE_SIGNERS_MAX];
    static struct cose_sign again;
    struct cose_signer orders[COSE_SIGNERS_MAX];
    struct cose_order order = { .tagged = message->tagged,
                                .detached = !message->attached,
                                .payload = message->payload };
    size_t out_size;

    for (size_t i = 0; i < message->count; i++) {
        const struct cose_algorithm_row *row = cose_algorithm_find(message->signers[i].algorithm);
        if (row == NULL || row->use != COSE_SIGNS || row->key == 0 || row->key == KEY_HSS_LMS)
            return;
        signers[i].context = (void *)(uintptr_t)row;
        signers[i].key.type = row->key;
        signers[i].sign = sign_any;
        orders[i] = (struct cose_signer){ (enum cose_algorithm)row->id, message->signers[i].kid, &signers[i] };
    }
    int r = cose_sign_write(&order, orders, message->count, scratch, sizeof(scratch), out, sizeof(out), &out_size);
    EXPECT(r == 0 || r == COSE_NO_ROOM);
    if (r != 0)
        return;
    EXPECT(cose_sign_parse(bytes_view(out, out_size), &again) == 0);
    EXPECT(again.count == message->count && again.attached == message->attached);
    EXPECT(bytes_equal(again.payload, message->payload));
    for (size_t i = 0; i < again.count; i++) {
        EXPECT(again.signers[i].algorithm == message->signers[i].algorithm);
        EXPECT(bytes_equal(again.signers[i].kid, message->signers[i].kid));
    }
}

/* What an acceptance says of it: everything that holds was asked for, and the order of needs does not matter. */
static void accept(struct bytes message, bool attached)
{
    static const struct cose_acceptance one = { .needs = { COSE_CLASSICAL, COSE_QUANTUM_RESISTANT } };
    static const struct cose_acceptance two = { .needs = { 0, COSE_QUANTUM_RESISTANT, COSE_CLASSICAL } };
    static struct public_key keys[5];
    const struct bytes none = { NULL, 0 };
    struct cose_trust trust = { keys, 5, { NULL, 0 } };
    struct proto_crypto crypto = sham_crypto();
    struct cose_verdict first = { 0 }, second = { 0 };
    uint8_t scratch[512];

    keys[0].type = KEY_ED25519;
    keys[1].type = KEY_P256;
    for (size_t i = 2; i < 5; i++)
        keys[i].type = (enum key_type)(KEY_ML_DSA_44 + i - 2);
    int r = cose_accept(&one, &trust, &crypto, message, attached, none, none, scratch, sizeof(scratch), &first);
    EXPECT(r == cose_accept(&two, &trust, &crypto, message, attached, none, none, scratch, sizeof(scratch), &second));
    EXPECT(r >= 0 && r <= COSE_NOT_ACCEPTED && (r != 0 || first.holds));
    EXPECT(cose_accepted(&one, &first) == cose_accepted(&two, &second));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cose_sign message;
    struct bytes encoded = bytes_view(data, size);

    accept(encoded, true);
    accept(encoded, false);
    if (cose_sign_parse(encoded, &message) != 0)
        return 0;
    EXPECT(message.count > 0 && message.count <= COSE_SIGNERS_MAX);
    write_again(&message);
    return 0;
}
