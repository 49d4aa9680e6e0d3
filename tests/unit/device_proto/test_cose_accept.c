/* COSE_Sign, COSE_Mac0, and which signatures suffice. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "device_proto/cose.h"
#include "tests/unit/device_proto/fixture.h"
#include "tests/unit/device_proto/keys.h"

static const struct bytes none = { NULL, 0 };
static const char secret[] = "a shared secret of some length";

#define AAD     bytes_of_text("external")
#define PAYLOAD bytes_of_text("payload")
#define SECRET  bytes_of_text(secret)

/* ---- a stand-in for keys that not every OpenSSL has: who knows the key's first byte may sign ---- */

static int sham_verify(void *context, const struct public_key *key, struct bytes message, struct bytes signature)
{
    (void)context;
    if (key->type != KEY_ML_DSA_44)
        return test_keys()->crypto.verify(test_keys()->crypto.context, key, message, signature);
    return signature.data[0] == key->raw[0] && signature.data[1] == (uint8_t)message.size ? 0 : 1;
}

static int sham_sign(void *context, struct bytes message, uint8_t *out, size_t capacity, size_t *out_size)
{
    const uint8_t *first = context;

    assert_true(capacity >= 2420);
    memset(out, 0, 2420);
    out[0] = *first;
    out[1] = (uint8_t)message.size;
    *out_size = 2420;
    return 0;
}

static uint8_t quantum_secret = 0x42;

static struct proto_signer quantum_signer(void)
{
    return (struct proto_signer){ .context = &quantum_secret,
                                  .key = { .type = KEY_ML_DSA_44, .size = 1312, .raw = { 0x42 } },
                                  .sign = sham_sign };
}

static struct proto_crypto crypto_of(void)
{
    struct proto_crypto crypto = test_keys()->crypto;

    crypto.verify = sham_verify;
    return crypto;
}

/* ---- several signers ---- */

static size_t write_three(bool tagged, bool detached, uint8_t *out, size_t capacity)
{
    struct proto_signer quantum = quantum_signer();
    struct cose_signer signers[] = { { COSE_ESP256, bytes_of_text("one"), &test_keys()->p256 },
                                     { COSE_EDDSA, none, &test_keys()->ed25519 },
                                     { COSE_ML_DSA_44, bytes_of_text("three"), &quantum } };
    struct cose_order order = { .tagged = tagged, .detached = detached, .payload = PAYLOAD, .external_aad = AAD };
    uint8_t scratch[128];
    size_t size;

    assert_int_equal(cose_sign_write(&order, signers, 3, scratch, sizeof(scratch), out, capacity, &size), 0);
    return size;
}

static void several_keys_sign_one_payload(void **state)
{
    const struct proto_crypto crypto = crypto_of();
    uint8_t out[4096], scratch[128];
    struct cose_sign message;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        bool tagged = (i & 1) != 0, detached = (i & 2) != 0;
        struct bytes payload = detached ? PAYLOAD : none;
        size_t size = write_three(tagged, detached, out, sizeof(out));
        assert_int_equal(cose_sign_parse(bytes_view(out, size), &message), 0);
        assert_int_equal(message.count, 3);
        assert_true(message.tagged == tagged && message.attached == !detached);
        assert_true(bytes_equal_text(message.signers[2].kid, "three") && message.signers[1].kid.size == 0);
        const struct public_key keys[] = { test_keys()->p256.key, test_keys()->ed25519.key, quantum_signer().key };
        for (size_t j = 0; j < 9; j++)
            assert_int_equal(
                cose_sign_check(&message, j / 3, payload, AAD, &keys[j % 3], &crypto, scratch, sizeof(scratch)),
                j / 3 == j % 3 ? 0 : COSE_KEY_MISMATCH);
        assert_int_equal(cose_sign_check(&message, 1, payload, none, &keys[1], &crypto, scratch, sizeof(scratch)),
                         COSE_SIGNATURE);
        assert_int_equal(cose_sign_check(&message, 1, payload, AAD, &keys[1], &crypto, scratch, 20), COSE_NO_ROOM);
        if (!detached)
            assert_int_equal(cose_sign_check(&message, 1, PAYLOAD, AAD, &keys[1], &crypto, scratch, 128),
                             COSE_STRUCTURE);
    }
}

static void a_signature_is_not_made_where_it_finds_no_room(void **state)
{
    struct cose_order order = { .algorithm = COSE_ML_DSA_44, .payload = PAYLOAD };
    struct proto_signer quantum = quantum_signer();
    struct cose_signer signers[COSE_SIGNERS_MAX + 1] = { { COSE_ESP256, none, &test_keys()->ed25519 } };
    uint8_t out[4096], scratch[128];
    size_t size, again;

    (void)state;
    assert_int_equal(cose_sign1_write(&order, &quantum, scratch, sizeof(scratch), out, sizeof(out), &size), 0);
    for (size_t room = 0; room < size; room++)
        assert_int_equal(cose_sign1_write(&order, &quantum, scratch, sizeof(scratch), out, room, &again), COSE_NO_ROOM);
    assert_int_equal(cose_sign1_write(&order, &quantum, scratch, sizeof(scratch), out, size, &again), 0);
    assert_int_equal(cose_sign_write(&order, signers, 0, scratch, 128, out, sizeof(out), &size), COSE_NO_ROOM);
    assert_int_equal(cose_sign_write(&order, signers, COSE_SIGNERS_MAX + 1, scratch, 128, out, sizeof(out), &size),
                     COSE_NO_ROOM);
    assert_int_equal(cose_sign_write(&order, signers, 1, scratch, 128, out, sizeof(out), &size), COSE_KEY_MISMATCH);
}

static void splits_only_what_is_whole(void **state)
{
    static const struct {
        const char *hex;
        int expected;
    } cases[] = {
        { "8440a0417880", COSE_STRUCTURE }, /* no signers */
        { "8440a041788183 40a04101", 0 },   /* a signer without algorithm */
        { "8440a04178818343a10126a04101", 0 },
        { "d8618440a04178818343a10126a04101", COSE_STRUCTURE },     /* tag 97 */
        { "8443a10280a04178818343a10126a04101", COSE_UNSUPPORTED }, /* critical headers of the body */
        { "8440a04178818345a101260280a04101", COSE_STRUCTURE },     /* bytes behind the protected map */
        { "8440a04178818346a20126028104a04101", 0 },                /* critical headers of the signer */
        { "8440a041788183 43a10126a0", COSE_STRUCTURE },            /* ends early */
        { "8440a04178818343a10126a0410100", COSE_STRUCTURE },       /* trailing */
        { "8440a041788943a10126", COSE_STRUCTURE },                 /* a signer that is no array */
        { "8440a04178898340a041018340a041018340a041018340a041018340a041018340a041018340a041018340a041018340a04101",
          COSE_NO_ROOM }, /* nine */
    };
    struct cose_sign message;
    uint8_t raw[128];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int r = cose_sign_parse(fixture_hex(cases[i].hex, raw, sizeof(raw)), &message);
        if (r != cases[i].expected)
            print_message("%s: %s\n", cases[i].hex, cose_refusal_text(r));
        assert_int_equal(r, cases[i].expected);
        if (r == 0)
            assert_int_equal(message.signers[0].algorithm, i == 2 ? COSE_ES256 : 0);
    }
}

/* ---- a shared secret ---- */

static size_t write_mac0(bool detached, uint8_t *out, size_t capacity)
{
    struct cose_order order = { .tagged = true,
                                .detached = detached,
                                .algorithm = COSE_HMAC_256,
                                .kid = bytes_of_text("k"),
                                .payload = PAYLOAD,
                                .external_aad = AAD };
    uint8_t scratch[128];
    size_t size;

    assert_int_equal(
        cose_mac0_write(&order, SECRET, &test_keys()->crypto, scratch, sizeof(scratch), out, capacity, &size), 0);
    return size;
}

static int check_mac0(struct bytes encoded, struct bytes payload, struct bytes key)
{
    struct cose_mac0 message;
    uint8_t scratch[128];
    int r = cose_mac0_parse(encoded, &message);

    return r != 0 ? r : cose_mac0_check(&message, payload, AAD, key, &test_keys()->crypto, scratch, sizeof(scratch));
}

static void macs_hold_for_those_who_know_the_secret(void **state)
{
    struct cose_order order = { .algorithm = COSE_ESP256 };
    uint8_t out[256], scratch[64];
    size_t size;

    (void)state;
    size = write_mac0(false, out, sizeof(out));
    assert_int_equal(check_mac0(bytes_view(out, size), none, SECRET), 0);
    assert_int_equal(check_mac0(bytes_view(out, size), none, bytes_of_text("another")), COSE_SIGNATURE);
    assert_int_equal(check_mac0(bytes_view(out, size), none, none), COSE_KEY_MISMATCH);
    assert_int_equal(check_mac0(bytes_view(out, size), PAYLOAD, SECRET), COSE_STRUCTURE);
    size = write_mac0(true, out, sizeof(out));
    assert_int_equal(check_mac0(bytes_view(out, size), PAYLOAD, SECRET), 0);
    assert_int_equal(check_mac0(bytes_view(out, size), none, SECRET), COSE_SIGNATURE);
    assert_int_equal(cose_mac0_write(&order, SECRET, &test_keys()->crypto, scratch, 64, out, 256, &size),
                     COSE_UNSUPPORTED);
    order.algorithm = COSE_HMAC_256;
    assert_int_equal(cose_mac0_write(&order, none, &test_keys()->crypto, scratch, 64, out, 256, &size),
                     COSE_KEY_MISMATCH);
    assert_int_equal(cose_mac0_write(&order, SECRET, &test_keys()->crypto, scratch, 64, out, 20, &size), COSE_NO_ROOM);
}

/* ---- acceptance ---- */

static const struct cose_acceptance any = { .needs = { COSE_ANY_SIGNATURE } };
static const struct cose_acceptance both = { .needs = { COSE_CLASSICAL, COSE_QUANTUM_RESISTANT } };

struct recipient {
    struct public_key keys[4];
    struct cose_trust trust;
    struct cose_verdict verdict;
};

/* Trusts another key first, then one of each kind, and the secret. */
static struct recipient *recipient(void)
{
    static struct recipient it;

    it.keys[0] = test_keys()->other.key;
    it.keys[1] = test_keys()->ed25519.key;
    it.keys[2] = test_keys()->p256.key;
    it.keys[3] = quantum_signer().key;
    it.trust = (struct cose_trust){ it.keys, 4, SECRET };
    it.verdict = (struct cose_verdict){ 0 };
    return &it;
}

static int take(struct recipient *it, const struct cose_acceptance *acceptance, struct bytes message)
{
    const struct proto_crypto crypto = crypto_of();
    uint8_t scratch[128];

    return cose_accept(acceptance, &it->trust, &crypto, message, true, none, AAD, scratch, sizeof(scratch),
                       &it->verdict);
}

static struct bytes sign1(const struct proto_signer *signer, enum cose_algorithm algorithm, const char *payload,
                          uint8_t *out, size_t capacity)
{
    struct cose_order order = { true, false, algorithm, none, bytes_of_text(payload), AAD };
    uint8_t scratch[128];
    size_t size;

    assert_int_equal(cose_sign1_write(&order, signer, scratch, sizeof(scratch), out, capacity, &size), 0);
    return bytes_view(out, size);
}

static void one_of_several_suffices(void **state)
{
    struct recipient *it = recipient();
    uint8_t raw[256];

    (void)state;
    assert_int_equal(cose_accepted(&any, &it->verdict), COSE_SIGNATURE);
    assert_int_equal(take(it, &any, bytes_of_text("\x80")), COSE_STRUCTURE);
    struct bytes message = sign1(&test_keys()->p256, COSE_ESP256, "payload", raw, sizeof(raw));
    assert_int_equal(take(it, &any, message), 0);
    assert_int_equal(it->verdict.signer, 2);
    assert_true(bytes_equal(it->verdict.payload, PAYLOAD));
    assert_int_equal(cose_accepted(&any, &it->verdict), 0);
    /* What is met already asks for nothing more: no key is tried. */
    assert_int_equal(take(it, &any, message), COSE_NOT_ACCEPTED);
    assert_int_equal(it->verdict.signer, 2);
}

static void one_of_each_is_asked_for(void **state)
{
    struct proto_signer quantum = quantum_signer();
    struct recipient *it = recipient();
    uint8_t classical_raw[256], quantum_raw[4096], other_raw[4096];
    struct bytes classical = sign1(&test_keys()->ed25519, COSE_ED25519, "payload", classical_raw, 256);
    struct bytes resistant = sign1(&quantum, COSE_ML_DSA_44, "payload", quantum_raw, 4096);

    (void)state;
    assert_int_equal(take(it, &both, classical), 0);
    assert_int_equal(cose_accepted(&both, &it->verdict), COSE_NOT_ACCEPTED);
    assert_int_equal(take(it, &both, resistant), 0);
    assert_int_equal(cose_accepted(&both, &it->verdict), 0);
    /* The other way round, and not when they sign different things. */
    it = recipient();
    assert_int_equal(take(it, &both, resistant), 0);
    assert_int_equal(cose_accepted(&both, &it->verdict), COSE_NOT_ACCEPTED);
    assert_int_equal(take(it, &both, sign1(&test_keys()->ed25519, COSE_ED25519, "Payload", other_raw, 4096)),
                     COSE_NOT_ACCEPTED);
    assert_int_equal(cose_accepted(&both, &it->verdict), COSE_NOT_ACCEPTED);
    assert_int_equal(take(it, &both, classical), 0);
    assert_int_equal(cose_accepted(&both, &it->verdict), 0);
}

static void one_message_of_several_signers_meets_several_needs(void **state)
{
    struct recipient *it = recipient();
    uint8_t raw[4096];
    size_t size = write_three(true, false, raw, sizeof(raw));

    (void)state;
    assert_int_equal(take(it, &both, bytes_view(raw, size)), 0);
    assert_int_equal(cose_accepted(&both, &it->verdict), 0);
    it = recipient();
    it->trust.key_count = 1; /* nobody it knows */
    assert_true(take(it, &both, bytes_view(raw, size)) > 0);
    assert_int_equal(cose_accepted(&both, &it->verdict), COSE_SIGNATURE);
}

static void an_acceptance_names_its_algorithms(void **state)
{
    static const struct cose_acceptance p256 = { .needs = { COSE_KEY(KEY_P256) } };
    static const struct cose_acceptance specified = { .needs = { COSE_ANY_SIGNATURE }, .specified_only = true };
    static const struct cose_acceptance shared = { .needs = { COSE_SECRET } };
    static const struct cose_acceptance nothing = { .specified_only = false };
    struct recipient *it = recipient();
    uint8_t raw[256], tag[256];
    struct bytes old = sign1(&test_keys()->ed25519, COSE_EDDSA, "payload", raw, sizeof(raw));
    struct bytes mac = bytes_view(tag, write_mac0(false, tag, sizeof(tag)));

    (void)state;
    assert_int_equal(take(it, &p256, old), COSE_NOT_ACCEPTED);
    assert_int_equal(take(it, &specified, old), COSE_NOT_ACCEPTED);
    assert_int_equal(take(it, &any, mac), COSE_NOT_ACCEPTED);
    assert_int_equal(take(it, &nothing, old), COSE_NOT_ACCEPTED);
    assert_int_equal(cose_accepted(&nothing, &it->verdict), COSE_NOT_ACCEPTED);
    assert_int_equal(take(it, &shared, mac), 0);
    assert_int_equal(it->verdict.signer, it->trust.key_count);
    assert_int_equal(cose_accepted(&shared, &it->verdict), 0);
    it = recipient();
    it->trust.secret = bytes_of_text("another");
    assert_int_equal(take(it, &shared, mac), COSE_SIGNATURE);
}

static void detached_payloads_are_taken_where_they_are_wanted(void **state)
{
    struct recipient *it = recipient();
    const struct proto_crypto crypto = crypto_of();
    uint8_t raw[4096], scratch[128];
    size_t size = write_three(true, true, raw, sizeof(raw));

    (void)state;
    assert_int_equal(take(it, &both, bytes_view(raw, size)), COSE_UNSUPPORTED);
    assert_int_equal(cose_accept(&both, &it->trust, &crypto, bytes_view(raw, size), false, PAYLOAD, AAD, scratch,
                                 sizeof(scratch), &it->verdict),
                     0);
    assert_int_equal(cose_accepted(&both, &it->verdict), 0);
}

/* ---- hostile bytes ---- */

/* A change is noticed, or falls into what no one signs: the names of keys and the unprotected headers' labels. */
static void nothing_changed_is_believed(void **state)
{
    uint8_t raw[4096], tag[256];
    size_t size = write_three(true, false, raw, sizeof(raw)), tag_size = write_mac0(false, tag, sizeof(tag));
    static const struct cose_acceptance shared = { .needs = { COSE_SECRET } };
    static const struct cose_acceptance all = { .needs = { COSE_KEY(KEY_P256), COSE_KEY(KEY_ED25519),
                                                           COSE_KEY(KEY_ML_DSA_44) } };
    struct cose_sign message;
    size_t believed = 0;

    (void)state;
    assert_int_equal(cose_sign_parse(bytes_view(raw, size), &message), 0);
    size_t end = (size_t)(message.signers[2].signature.data - raw); /* what stands in for a key checks two bytes only */
    for (size_t i = 0; i < end; i++) {
        struct recipient *it = recipient();
        raw[i] ^= 0x08;
        (void)take(it, &all, bytes_view(raw, size));
        if (cose_accepted(&all, &it->verdict) == 0)
            believed++;
        raw[i] ^= 0x08;
    }
    assert_true(believed <= strlen("one") + 1 + strlen("three") + 1);
    for (size_t i = 0; i < tag_size; i++) {
        struct recipient *it = recipient();
        tag[i] ^= 0x08;
        int r = take(it, &shared, bytes_view(tag, tag_size));
        tag[i] ^= 0x08;
        if (r == 0) /* kid and its label: tag, array, 4 bytes protected, map, label, string of one */
            assert_in_range(i, 7, 9);
    }
    for (size_t i = 0; i < size; i++)
        assert_int_equal(take(recipient(), &all, bytes_view(raw, i)), COSE_STRUCTURE);
    for (size_t i = 0; i < tag_size; i++)
        assert_int_equal(take(recipient(), &shared, bytes_view(tag, i)), COSE_STRUCTURE);
}

/* ---- the table ---- */

static void the_table_knows_every_algorithm_once(void **state)
{
    (void)state;
    assert_null(cose_algorithm_find(0));
    assert_null(cose_algorithm_find(-999));
    assert_string_equal(cose_algorithm_find(COSE_HSS_LMS)->name, "HSS-LMS");
    assert_int_equal(cose_algorithm_find(COSE_EDDSA)->successor, COSE_ED25519);
    for (enum key_type type = KEY_ED25519; type <= KEY_ML_DSA_87; type++) {
        enum cose_algorithm algorithm = cose_algorithm_of(type);
        assert_int_equal(cose_algorithm_find(algorithm)->successor, 0);
        for (enum key_type other = KEY_ED25519; other <= KEY_ML_DSA_87; other++)
            assert_int_equal(cose_algorithm_fits(algorithm, other), type == other);
    }
    assert_false(cose_algorithm_fits(-35, 0));
    assert_string_equal(cose_refusal_text(COSE_NOT_ACCEPTED), "the signature holds, but others or more are asked for");
    assert_string_equal(cose_refusal_text(77), "unknown refusal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_keys_sign_one_payload),
        cmocka_unit_test(a_signature_is_not_made_where_it_finds_no_room),
        cmocka_unit_test(splits_only_what_is_whole),
        cmocka_unit_test(macs_hold_for_those_who_know_the_secret),
        cmocka_unit_test(one_of_several_suffices),
        cmocka_unit_test(one_of_each_is_asked_for),
        cmocka_unit_test(one_message_of_several_signers_meets_several_needs),
        cmocka_unit_test(an_acceptance_names_its_algorithms),
        cmocka_unit_test(detached_payloads_are_taken_where_they_are_wanted),
        cmocka_unit_test(nothing_changed_is_believed),
        cmocka_unit_test(the_table_knows_every_algorithm_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
