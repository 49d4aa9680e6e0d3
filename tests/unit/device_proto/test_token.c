#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "device_proto/cbor.h"
#include "device_proto/metadata.h"
#include "device_proto/suit.h"
#include "device_proto/token.h"
#include "tests/unit/device_proto/fixture.h"
#include "tests/unit/device_proto/keys.h"

static const struct bytes none = { NULL, 0 };
static const struct cose_acceptance signed_by_any = { .needs = { COSE_ANY_SIGNATURE } };
static const struct cose_acceptance shared = { .needs = { COSE_SECRET } };

#define SECRET bytes_of_text("0123456789abcdef0123456789abcdef")

static struct token_claims everything(void)
{
    static const uint8_t digest[DIGEST_SIZE] = { 7 };

    return (struct token_claims){ .issuer = bytes_of_text("coap://as.example.com"),
                                  .subject = bytes_of_text("acme"),
                                  .audience = bytes_of_text("sensor-1"),
                                  .expires_s = 1444064944,
                                  .not_before_s = 1443944944,
                                  .issued_s = 1443944944,
                                  .id = bytes_of_text("\x0b\x71"),
                                  .has_mask = true,
                                  .mask = 0x1ff,
                                  .digest = { digest, sizeof(digest) },
                                  .key_id = bytes_of_text("maintainer") };
}

static void expect_same(const struct token_claims *a, const struct token_claims *b)
{
    assert_true(bytes_equal(a->issuer, b->issuer) && bytes_equal(a->subject, b->subject));
    assert_true(bytes_equal(a->audience, b->audience) && bytes_equal(a->id, b->id));
    assert_true(a->expires_s == b->expires_s && a->not_before_s == b->not_before_s && a->issued_s == b->issued_s);
    assert_true(a->has_mask == b->has_mask && a->mask == b->mask);
    assert_true(bytes_equal(a->digest, b->digest) && bytes_equal(a->key_id, b->key_id));
}

static struct cose_trust trust_of(void)
{
    static struct public_key keys[3];

    keys[0] = test_keys()->other.key;
    keys[1] = test_keys()->p256.key;
    keys[2] = test_keys()->ed25519.key;
    return (struct cose_trust){ keys, 3, SECRET };
}

static int verify(struct bytes token, enum token_form form, const struct cose_acceptance *acceptance,
                  struct token_claims *out)
{
    struct cose_trust trust = trust_of();

    return token_verify(token, form, acceptance, &trust, &test_keys()->crypto, out);
}

/* RFC 8392 appendix A.1: the claims set, which this writer makes byte for byte. */
static void writes_the_claims_as_published(void **state)
{
    static const char published[] =
        "a70175636f61703a2f2f61732e6578616d706c652e636f6d02656572696b77037818636f61703a2f2f6c"
        "696768742e6578616d706c652e636f6d041a5612aeb0051a5610d9f0061a5610d9f007420b71";
    struct token_claims claims = everything(), read;
    uint8_t raw[128], out[TOKEN_CLAIMS_MAX];
    struct bytes expected = fixture_hex(published, raw, sizeof(raw));
    size_t size;

    (void)state;
    claims.subject = bytes_of_text("erikw");
    claims.audience = bytes_of_text("coap://light.example.com");
    claims.has_mask = false;
    claims.digest = claims.key_id = none;
    assert_int_equal(token_claims_write(&claims, TOKEN_STANDARD, out, sizeof(out), &size), 0);
    assert_true(bytes_equal(bytes_view(out, size), expected));
    claims.mask = 0;
    assert_int_equal(token_claims_read(expected, &read), 0);
    expect_same(&claims, &read);
}

/* RFC 8392 appendix A.3: signed with ES256, and its tag 18 without 61. */
static void verifies_the_published_token(void **state)
{
    static const char published[] =
        "d28443a10126a104524173796d6d657472696345434453413235365850a70175636f61703a2f2f61732e6578616d706c652e636f6d0265"
        "6572696b77037818636f61703a2f2f6c696768742e6578616d706c652e636f6d041a5612aeb0051a5610d9f0061a5610d9f007420b7158"
        "405427c1ff28d23fbad1f29c4c7c6a555e601d6fa29f9179bc3d7438bacaca5acd08c8d4d4f96131680c429a01f85951ecee743a52b9b6"
        "3632c57209120e1c9e30";
    struct public_key key = { .type = KEY_P256, .size = 65 };
    struct cose_trust trust = { &key, 1, none };
    struct token_claims claims;
    uint8_t raw[256];

    (void)state;
    (void)fixture_hex("04143329cce7868e416927599cf65a34f3ce2ffda55a7eca69ed8919a394d42f0f"
                      "60f7f1a780d8a783bfb7a2dd6b2796e8128dbbcef9d3d168db9529971a36e7b9",
                      key.raw, sizeof(key.raw));
    struct bytes token = fixture_hex(published, raw, sizeof(raw));
    assert_int_equal(token_verify(token, TOKEN_STANDARD, &signed_by_any, &trust, &test_keys()->crypto, &claims), 0);
    assert_true(bytes_equal_text(claims.subject, "erikw"));
    assert_int_equal(token_check(&claims, bytes_of_text("coap://light.example.com"), 1444064943), 0);
    assert_int_equal(token_check(&claims, bytes_of_text("coap://light.example.com"), 1444064944), TOKEN_EXPIRED);
    assert_int_equal(token_check(&claims, bytes_of_text("coap://light.example.com"), 1443944943), TOKEN_EARLY);
    assert_int_equal(token_check(&claims, bytes_of_text("coap://lamp.example.com"), 1444000000), TOKEN_AUDIENCE);
}

static void says_what_was_signed(void **state)
{
    const struct proto_signer *signers[] = { &test_keys()->ed25519, &test_keys()->p256 };
    struct token_claims claims = everything(), read;
    uint8_t out[TOKEN_SIZE_MAX];
    size_t size;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(token_write(&claims, TOKEN_STANDARD, none, signers[i], out, sizeof(out), &size), 0);
        assert_int_equal(verify(bytes_view(out, size), TOKEN_STANDARD, &signed_by_any, &read), 0);
        expect_same(&claims, &read);
        assert_int_equal(verify(bytes_view(out + 2, size - 2), TOKEN_STANDARD, &signed_by_any, &read), 0); /* no 61 */
        assert_int_equal(verify(bytes_view(out, size), TOKEN_TINYCONTAINER, NULL, &read), TOKEN_STRUCTURE);
        assert_int_equal(verify(bytes_view(out, size), TOKEN_STANDARD, &shared, &read), TOKEN_SIGNATURE);
    }
    assert_int_equal(token_write_mac(&claims, TOKEN_STANDARD, SECRET, &test_keys()->crypto, out, sizeof(out), &size),
                     0);
    assert_int_equal(verify(bytes_view(out, size), TOKEN_STANDARD, &shared, &read), 0);
    expect_same(&claims, &read);
    assert_int_equal(verify(bytes_view(out, size), TOKEN_STANDARD, &signed_by_any, &read), TOKEN_SIGNATURE);
}

/* The two forms sign different bytes: a token of one is none of the other, even with its headers emptied. */
static void shipped_devices_have_a_form_of_their_own(void **state)
{
    struct token_claims claims = { .has_mask = true, .mask = 0xff }, all = everything(), read;
    uint8_t out[TOKEN_SIZE_MAX], bare[] = { 0xa1, 0x39, 0xff, 0xff, 0x41, 0xff };
    size_t size;

    (void)state;
    assert_int_equal(token_write(&claims, TOKEN_TINYCONTAINER, none, &test_keys()->ed25519, out, sizeof(out), &size),
                     0);
    assert_int_equal(size, 76); /* 84 40 a0 46 claims 58 40 signature: no tag, which their parser would stumble over */
    assert_memory_equal(out + 4, bare, sizeof(bare));
    assert_int_equal(test_keys()->crypto.verify(NULL, &test_keys()->ed25519.key, bytes_view(bare, sizeof(bare)),
                                                bytes_view(out + 12, 64)),
                     0);
    assert_int_equal(verify(bytes_view(out, size), TOKEN_TINYCONTAINER, NULL, &read), 0);
    expect_same(&claims, &read);
    assert_int_equal(verify(bytes_view(out, size), TOKEN_STANDARD, &signed_by_any, &read), TOKEN_UNSUPPORTED);
    assert_int_equal(
        token_write_mac(&claims, TOKEN_TINYCONTAINER, SECRET, &test_keys()->crypto, out, sizeof(out), &size), 0);
    assert_memory_equal(out, "\xd8\x3d\xd1\x84\x40\xa0", 6);
    assert_int_equal(verify(bytes_view(out, size), TOKEN_TINYCONTAINER, NULL, &read), 0);
    assert_int_equal(token_write(&all, TOKEN_TINYCONTAINER, none, &test_keys()->ed25519, out, sizeof(out), &size),
                     TOKEN_UNSUPPORTED);
    assert_int_equal(token_write(&claims, TOKEN_TINYCONTAINER, none, &test_keys()->p256, out, sizeof(out), &size),
                     TOKEN_UNSUPPORTED);
}

static void refuses_every_changed_byte_and_every_cut(void **state)
{
    struct token_claims claims = { .has_mask = true, .mask = 0x0102 }, read;
    uint8_t out[TOKEN_SIZE_MAX];
    size_t size;

    (void)state;
    for (enum token_form form = TOKEN_STANDARD; form <= TOKEN_TINYCONTAINER; form++) {
        for (unsigned mac = 0; mac < 2; mac++) {
            const struct cose_acceptance *acceptance = mac != 0 ? &shared : &signed_by_any;
            int r = mac != 0 ? token_write_mac(&claims, form, SECRET, &test_keys()->crypto, out, sizeof(out), &size)
                             : token_write(&claims, form, none, &test_keys()->ed25519, out, sizeof(out), &size);
            assert_int_equal(r, 0);
            for (size_t i = 0; i < size; i++) {
                out[i] ^= 1;
                assert_true(verify(bytes_view(out, size), form, acceptance, &read) > 0);
                out[i] ^= 1;
                assert_true(verify(bytes_view(out, i), form, acceptance, &read) > 0);
            }
        }
    }
}

static void refuses_claims_that_are_none(void **state)
{
    static const struct {
        const char *hex;
        int expected;
    } cases[] = {
        { "a0", 0 },
        { "a118631863", 0 },                           /* a claim that is not known */
        { "a161786179", 0 },                           /* a claim by name */
        { "a201616101616 2", TOKEN_STRUCTURE },        /* issuer twice */
        { "a10101", TOKEN_STRUCTURE },                 /* issuer is a number */
        { "a104fb41d5849ba8000000", TOKEN_STRUCTURE }, /* a time with a fraction */
        { "a10420", TOKEN_STRUCTURE },                 /* before 1970 */
        { "a139ffff40", TOKEN_STRUCTURE },             /* an empty mask */
        { "a139ffff450000000001", TOKEN_STRUCTURE },   /* a mask of five bytes */
        { "a139ffff4400000001", 0 },
        { "a13a0001000041aa", TOKEN_STRUCTURE },       /* a digest of one byte */
        { "a239ffff410139ffff4102", TOKEN_STRUCTURE }, /* mask twice */
        { "a000", TOKEN_STRUCTURE },
        { "80", TOKEN_STRUCTURE },
    };
    struct token_claims claims;
    uint8_t raw[32];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char hex[64];
        size_t length = 0;
        for (const char *at = cases[i].hex; *at != '\0'; at++)
            if (*at != ' ')
                hex[length++] = *at;
        hex[length] = '\0';
        print_message("%s\n", cases[i].hex);
        assert_int_equal(token_claims_read(fixture_hex(hex, raw, sizeof(raw)), &claims), cases[i].expected);
    }
}

static void refuses_claims_beyond_their_bounds(void **state)
{
    uint8_t out[TOKEN_SIZE_MAX], text[TOKEN_TEXT_MAX + 1];
    struct token_claims claims = everything();
    size_t size;

    (void)state;
    memset(text, 'x', sizeof(text));
    claims.issuer = claims.subject = claims.audience = bytes_view(text, TOKEN_TEXT_MAX);
    claims.id = claims.key_id = bytes_view(text, TOKEN_ID_MAX);
    claims.expires_s = claims.not_before_s = claims.issued_s = INT64_MAX;
    claims.mask = UINT32_MAX;
    assert_int_equal(token_write(&claims, TOKEN_STANDARD, none, &test_keys()->ed25519, out, sizeof(out), &size), 0);
    claims.subject.size++;
    assert_int_equal(token_write(&claims, TOKEN_STANDARD, none, &test_keys()->ed25519, out, sizeof(out), &size),
                     TOKEN_NO_ROOM);
    claims = everything();
    claims.digest.size = 31;
    assert_int_equal(token_write(&claims, TOKEN_STANDARD, none, &test_keys()->ed25519, out, sizeof(out), &size),
                     TOKEN_NO_ROOM);
    claims = everything();
    for (size_t room = 0; room < 100; room++)
        assert_int_equal(token_write(&claims, TOKEN_STANDARD, none, &test_keys()->ed25519, out, room, &size),
                         TOKEN_NO_ROOM);
}

static void a_grant_becomes_a_mask(void **state)
{
    static const uint32_t calls[] = { 0x30, 0x31, 0x32, 0x60, 0x61 }, granted[] = { 0x61, 0x31, 0x99 };

    (void)state;
    uint32_t mask = token_mask_of(calls, 5, granted, 3, false);
    assert_int_equal(mask, 0x12);
    assert_int_equal(token_mask_of(calls, 5, granted, 0, true), 0x1f);
    assert_int_equal(token_mask_of(calls, 5, granted, 0, false), 0);
    assert_true(token_mask_allows(mask, calls, 5, 0x31) && token_mask_allows(mask, calls, 5, 0x61));
    assert_false(token_mask_allows(mask, calls, 5, 0x30) || token_mask_allows(mask, calls, 5, 0x99));
}

static void goes_beside_a_manifest(void **state)
{
    uint8_t envelope[64] = { 0xd8, 0x6b, 0xa2, 0x02, 0x41, 0x80, 0x03, 0x41, 0xa0 }, bad[] = { 0x80 };
    struct bytes name = bytes_of_text(TOKEN_MEMBER), found;
    size_t size = 9;

    (void)state;
    assert_int_equal(token_attach(envelope, 9, 15, bytes_of_text("token"), &size), TOKEN_NO_ROOM);
    assert_int_equal(envelope[2], 0xa2);
    assert_int_equal(token_attach(envelope, 9, sizeof(envelope), bytes_of_text("token"), &size), 0);
    assert_int_equal(cbor_check(bytes_view(envelope, size), CBOR_CANONICAL), 0);
    found = suit_integrated_payload(bytes_view(envelope, size), name);
    assert_true(bytes_equal_text(found, "token"));
    assert_int_equal(token_attach(envelope, size, sizeof(envelope), bytes_of_text("again"), &size), TOKEN_STRUCTURE);
    assert_int_equal(token_attach(bad, 1, 1, bytes_of_text("token"), &size), TOKEN_STRUCTURE);
    assert_int_equal(token_attach(envelope, size - 1, sizeof(envelope), bytes_of_text("token"), &size),
                     TOKEN_STRUCTURE);
}

/* ---- TinyContainer's metadata ---- */

static struct metadata metadata_of(void)
{
    return (struct metadata){
        .uid = bytes_of_text("thermo"),
        .type = METADATA_BPF,
        .start_max_ms = 100,
        .loop_period_ms = 1000,
        .loop_max_ms = 100,
        .loop_max_calls = 1000,
        .stop_max_ms = 100,
        .endpoint_count = 2,
        .endpoints = { { 0, METADATA_LOCAL_PEER, { NULL, 0 }, 1, METADATA_IN, { NULL, 0 } },
                       { 1, METADATA_CONTAINER_PEER, bytes_of_text("alarm"), 2, METADATA_OUT, { NULL, 0 } } }
    };
}

static const struct cose_acceptance *acceptance_of(enum token_form form)
{
    return form == TOKEN_STANDARD ? &signed_by_any : NULL;
}

static void metadata_vouches_for_code_data_and_itself(void **state)
{
    struct metadata order = metadata_of(), read;
    struct bytes data = bytes_of_text("data"), code = bytes_of_text("code");
    struct cose_trust trust = trust_of();
    const struct proto_crypto *crypto = &test_keys()->crypto;
    uint8_t out[1024];
    uint32_t mask;
    size_t size;

    (void)state;
    for (enum token_form form = TOKEN_STANDARD; form <= TOKEN_TINYCONTAINER; form++) {
        const struct cose_acceptance *acceptance = acceptance_of(form);
        assert_int_equal(
            metadata_write(&order, 0xa5, data, code, form, &test_keys()->ed25519, crypto, out, sizeof(out), &size), 0);
        assert_memory_equal(out, "\xdbTinyPART\xa3", 10);
        assert_int_equal(cbor_check(bytes_view(out, size), CBOR_CANONICAL), 0);
        assert_int_equal(
            metadata_verify(bytes_view(out, size), data, code, form, acceptance, &trust, crypto, &read, &mask), 0);
        assert_int_equal(mask, 0xa5);
        assert_true(bytes_equal_text(read.uid, "thermo") && read.endpoint_count == 2);
        assert_true(bytes_equal_text(read.endpoints[1].peer_uid, "alarm") && read.loop_max_calls == 1000);
        if (form == TOKEN_TINYCONTAINER)
            assert_int_equal(read.metadata_token.size, METADATA_TOKEN_SIZE);
        assert_int_equal(
            metadata_verify(bytes_view(out, size), code, code, form, acceptance, &trust, crypto, &read, &mask),
            TOKEN_SIGNATURE);
        assert_int_equal(
            metadata_verify(bytes_view(out, size), data, data, form, acceptance, &trust, crypto, &read, &mask),
            TOKEN_SIGNATURE);
        for (size_t i = 0; i < size; i++) {
            out[i] ^= 1;
            assert_true(
                metadata_verify(bytes_view(out, size), data, code, form, acceptance, &trust, crypto, &read, &mask) > 0);
            out[i] ^= 1;
            assert_true(metadata_read(bytes_view(out, i), form, &read) > 0);
        }
        for (size_t room = 0; room < size; room += 7)
            assert_int_equal(metadata_write(&order, 0, data, code, form, &test_keys()->ed25519, crypto, out, room,
                                            &read.endpoint_count),
                             TOKEN_NO_ROOM);
    }
}

/* A tenant's data, vouched for, would be metadata that the tenant wrote itself. */
static void metadata_vouches_for_no_metadata(void **state)
{
    const struct metadata order = { .uid = bytes_of_text("c") };
    const struct proto_crypto *crypto = &test_keys()->crypto;
    uint8_t forged[METADATA_SIZE_MAX], out[METADATA_SIZE_MAX];
    struct bytes data;
    size_t size;

    (void)state;
    assert_int_equal(metadata_write(&order, 1, none, none, TOKEN_TINYCONTAINER, &test_keys()->other, crypto, forged,
                                    sizeof(forged), &size),
                     0);
    data = bytes_view(forged, size - METADATA_TOKEN_SIZE);
    assert_int_equal(metadata_write(&order, 1, data, none, TOKEN_TINYCONTAINER, &test_keys()->ed25519, crypto, out,
                                    sizeof(out), &size),
                     TOKEN_STRUCTURE);
    assert_int_equal(metadata_write(&order, 1, none, data, TOKEN_TINYCONTAINER, &test_keys()->ed25519, crypto, out,
                                    sizeof(out), &size),
                     TOKEN_STRUCTURE);
    data.size = 8;
    assert_int_equal(metadata_write(&order, 1, data, data, TOKEN_TINYCONTAINER, &test_keys()->ed25519, crypto, out,
                                    sizeof(out), &size),
                     0);
}

static void metadata_keeps_the_bounds_of_shipped_devices(void **state)
{
    struct metadata order = metadata_of(), read;
    const struct proto_crypto *crypto = &test_keys()->crypto;
    uint8_t out[1024], uid[METADATA_UID_MAX + 1] = { 0 };
    size_t size;

    (void)state;
    order.endpoints[0].token = bytes_of_text("token");
    assert_int_equal(metadata_write(&order, 0, none, none, TOKEN_TINYCONTAINER, &test_keys()->ed25519, crypto, out,
                                    sizeof(out), &size),
                     TOKEN_UNSUPPORTED);
    assert_int_equal(
        metadata_write(&order, 0, none, none, TOKEN_STANDARD, &test_keys()->ed25519, crypto, out, sizeof(out), &size),
        0);
    assert_int_equal(metadata_read(bytes_view(out, size), TOKEN_STANDARD, &read), 0);
    assert_true(bytes_equal_text(read.endpoints[0].token, "token"));
    assert_int_equal(metadata_read(bytes_view(out, size), TOKEN_TINYCONTAINER, &read),
                     size > METADATA_SIZE_MAX ? TOKEN_NO_ROOM : TOKEN_UNSUPPORTED);
    order = metadata_of();
    order.uid = bytes_view(uid, sizeof(uid));
    assert_int_equal(
        metadata_write(&order, 0, none, none, TOKEN_STANDARD, &test_keys()->ed25519, crypto, out, sizeof(out), &size),
        TOKEN_NO_ROOM);
    order.uid.size--;
    order.endpoint_count = METADATA_ENDPOINTS_MAX;
    for (size_t i = 0; i < METADATA_ENDPOINTS_MAX; i++)
        order.endpoints[i] = (struct metadata_endpoint){ UINT32_MAX, METADATA_CONTAINER_PEER, order.uid,
                                                         UINT32_MAX, METADATA_BOTH,           { NULL, 0 } };
    assert_int_equal(metadata_write(&order, UINT32_MAX, none, none, TOKEN_TINYCONTAINER, &test_keys()->ed25519, crypto,
                                    out, sizeof(out), &size),
                     TOKEN_NO_ROOM); /* more than 512 bytes */
    order.endpoint_count = METADATA_ENDPOINTS_MAX + 1;
    assert_int_equal(
        metadata_write(&order, 0, none, none, TOKEN_STANDARD, &test_keys()->ed25519, crypto, out, sizeof(out), &size),
        TOKEN_NO_ROOM);
}

static void refusals_have_words(void **state)
{
    (void)state;
    for (int r = 0; r <= TOKEN_NO_ROOM; r++)
        assert_string_not_equal(token_refusal_text(r), "unknown refusal");
    assert_string_equal(token_refusal_text(99), "unknown refusal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_claims_as_published),
        cmocka_unit_test(verifies_the_published_token),
        cmocka_unit_test(says_what_was_signed),
        cmocka_unit_test(shipped_devices_have_a_form_of_their_own),
        cmocka_unit_test(refuses_every_changed_byte_and_every_cut),
        cmocka_unit_test(refuses_claims_that_are_none),
        cmocka_unit_test(refuses_claims_beyond_their_bounds),
        cmocka_unit_test(a_grant_becomes_a_mask),
        cmocka_unit_test(goes_beside_a_manifest),
        cmocka_unit_test(metadata_vouches_for_code_data_and_itself),
        cmocka_unit_test(metadata_vouches_for_no_metadata),
        cmocka_unit_test(metadata_keeps_the_bounds_of_shipped_devices),
        cmocka_unit_test(refusals_have_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
