/* cose_accept.c - which signatures suffice. A list of messages is judged one by one; what each meets is noted by index
 * of the need, so that "one of these" and "one of each" are the same code, and a key is never tried for what is met. */
#include "device_proto/cose_private.h"

struct trial {
    const struct cose_acceptance *acceptance;
    const struct cose_trust *trust;
    const struct proto_crypto *crypto;
    struct bytes detached, external_aad;
    uint8_t *scratch;
    size_t scratch_size;
    struct cose_verdict *verdict;
};

/* The unmet needs that this kind of key would meet, as bits by index. */
static unsigned wanted(const struct trial *trial, unsigned kind)
{
    unsigned bits = 0;

    for (unsigned i = 0; i < COSE_NEEDS_MAX; i++)
        if ((trial->acceptance->needs[i] & kind) != 0)
            bits |= 1u << i;
    return bits & ~trial->verdict->met;
}

static bool number_accepted(const struct trial *trial, int64_t algorithm)
{
    const struct cose_algorithm_row *row = cose_algorithm_find(algorithm);

    return row == NULL || row->successor == 0 || !trial->acceptance->specified_only;
}

static int note(const struct trial *trial, struct bytes payload, size_t signer, unsigned bits)
{
    struct cose_verdict *verdict = trial->verdict;

    if (verdict->holds && !bytes_equal(verdict->payload, payload))
        return COSE_NOT_ACCEPTED;
    if (!verdict->holds) {
        verdict->signer = signer;
        verdict->payload = payload;
    }
    verdict->holds = true;
    verdict->met |= bits;
    return 0;
}

/* One signature of a message against every key that could have made it. check hides Sign1 from Sign. */
static int try_keys(const struct trial *trial, int64_t algorithm, struct bytes payload,
                    int (*check)(const struct trial *trial, const void *message, size_t index,
                                 const struct public_key *key),
                    const void *message, size_t index)
{
    int outcome = COSE_KEY_MISMATCH;

    if (!number_accepted(trial, algorithm))
        return COSE_NOT_ACCEPTED;
    for (size_t i = 0; i < trial->trust->key_count; i++) {
        const struct public_key *key = &trial->trust->keys[i];
        unsigned bits = wanted(trial, COSE_KEY(key->type));
        int r;

        if (!cose_algorithm_fits(algorithm, key->type))
            continue;
        if (bits == 0) {
            outcome = COSE_NOT_ACCEPTED;
            continue;
        }
        r = check(trial, message, index, key);
        if (r < 0 || r == COSE_NO_ROOM)
            return r;
        if (r == 0)
            return note(trial, payload, i, bits);
        outcome = r;
    }
    return outcome;
}

static int check_sign1(const struct trial *trial, const void *message, size_t index, const struct public_key *key)
{
    (void)index;
    return cose_sign1_check(message, trial->detached, trial->external_aad, key, trial->crypto, trial->scratch,
                            trial->scratch_size);
}

static int check_sign(const struct trial *trial, const void *message, size_t index, const struct public_key *key)
{
    return cose_sign_check(message, index, trial->detached, trial->external_aad, key, trial->crypto, trial->scratch,
                           trial->scratch_size);
}

static int accept_sign1(const struct trial *trial, struct bytes encoded, bool as_attached)
{
    struct cose_sign1 message;
    int r;

    r = cose_sign1_parse(encoded, &message);
    if (r != 0)
        return r;
    if (message.attached != as_attached)
        return COSE_UNSUPPORTED;
    return try_keys(trial, message.algorithm, as_attached ? message.payload : trial->detached, check_sign1, &message,
                    0);
}

static int accept_sign(const struct trial *trial, struct bytes encoded, bool as_attached)
{
    struct cose_sign message;
    bool held = false;
    int r, outcome = COSE_UNSUPPORTED;

    r = cose_sign_parse(encoded, &message);
    if (r != 0)
        return r;
    if (message.attached != as_attached)
        return COSE_UNSUPPORTED;
    for (size_t i = 0; i < message.count; i++) {
        r = try_keys(trial, message.signers[i].algorithm, as_attached ? message.payload : trial->detached, check_sign,
                     &message, i);
        if (r < 0)
            return r;
        held = held || r == 0;
        outcome = r;
    }
    return held ? 0 : outcome;
}

static int accept_mac0(const struct trial *trial, struct bytes encoded, bool as_attached)
{
    unsigned bits = wanted(trial, COSE_SECRET);
    struct cose_mac0 message;
    int r;

    r = cose_mac0_parse(encoded, &message);
    if (r != 0)
        return r;
    if (message.attached != as_attached)
        return COSE_UNSUPPORTED;
    if (bits == 0)
        return COSE_NOT_ACCEPTED;
    r = cose_mac0_check(&message, trial->detached, trial->external_aad, trial->trust->secret, trial->crypto,
                        trial->scratch, trial->scratch_size);
    if (r != 0)
        return r;
    return note(trial, as_attached ? message.payload : trial->detached, trial->trust->key_count, bits);
}

int cose_accept(const struct cose_acceptance *acceptance, const struct cose_trust *trust,
                const struct proto_crypto *crypto, struct bytes message, bool as_attached, struct bytes detached,
                struct bytes external_aad, uint8_t *scratch, size_t scratch_size, struct cose_verdict *verdict)
{
    struct trial trial = { acceptance, trust, crypto, detached, external_aad, scratch, scratch_size, verdict };
    struct cbor_reader reader = cbor_reader_on(message, CBOR_LENIENT);
    uint64_t tag = TAG_SIGN1;

    if (cbor_peek_is(&reader, CBOR_TAG))
        tag = cbor_read_tag(&reader);
    switch (tag) {
    case TAG_SIGN:
        return accept_sign(&trial, message, as_attached);
    case TAG_MAC0:
        return accept_mac0(&trial, message, as_attached);
    default: /* Sign1 refuses the other tags */
        return accept_sign1(&trial, message, as_attached);
    }
}

int cose_accepted(const struct cose_acceptance *acceptance, const struct cose_verdict *verdict)
{
    bool asks = false;

    for (unsigned i = 0; i < COSE_NEEDS_MAX; i++) {
        if (acceptance->needs[i] == 0)
            continue;
        asks = true;
        if ((verdict->met & 1u << i) == 0)
            return verdict->holds ? COSE_NOT_ACCEPTED : COSE_SIGNATURE;
    }
    return asks ? 0 : COSE_NOT_ACCEPTED;
}
