#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <openssl/evp.h>

#include "daemon/crypto_openssl/crypto_openssl.h"
#include "device_proto/cbor.h"
#include "device_proto/cose_encrypt.h"
#include "device_proto/cose_stream.h"
#include "tests/unit/device_proto/fixture.h"
#include "tests/unit/device_proto/keys.h"

static const struct bytes none = { NULL, 0 };

/* The receiver's key of draft-ietf-suit-firmware-encryption's examples. */
static const char receiver_pem[] = "-----BEGIN PRIVATE KEY-----\n"
                                   "MEECAQAwEwYHKoZIzj0CAQYIKoZIzj0DAQcEJzAlAgEBBCBg/m3W2F1XQKU0m2+R\n"
                                   "Jn7qxbqBuMtT7iSeS06xAsR2sw==\n"
                                   "-----END PRIVATE KEY-----\n";
static const char kek[] = "aaaaaaaaaaaaaaaa";

struct device {
    struct crypto_key *private;
    struct proto_signer public;
    struct proto_agreement agreement;
    struct cose_device_key keys[2]; /* shared, then private */
};

static struct device *device(void)
{
    static struct device device;

    if (device.private == NULL) {
        assert_int_equal(crypto_key_read_pem(bytes_of_text(receiver_pem), &device.private, NULL), 0);
        assert_int_equal(crypto_key_agreement(device.private, &device.agreement), 0);
        crypto_key_signer(device.private, &device.public);
        device.keys[0] = (struct cose_device_key){ .kid = bytes_of_text("kid-1"), .kek = bytes_of_text(kek) };
        device.keys[1] = (struct cose_device_key){ .agreement = &device.agreement };
    }
    return &device;
}

static const struct cose_encrypt_rules suit = { { (const uint8_t *)COSE_KDF_SUIT, sizeof(COSE_KDF_SUIT) - 1 },
                                                { NULL, 0 } };

/* In parts of a given size. 0 and the content, or the refusal. */
static int decrypt(struct bytes header, struct bytes ciphertext, size_t part, uint8_t *out, size_t *out_size)
{
    const struct proto_crypto *crypto = &test_keys()->crypto;
    struct cose_stream stream;
    struct bytes attached;
    size_t size = 0, given;
    int r;

    r = cose_decrypt_begin(header, device()->keys, 2, &suit, crypto, &stream, &attached);
    if (r != 0)
        return r;
    assert_int_equal(attached.size, 0);
    for (size_t at = 0; at < ciphertext.size; at += part) {
        size_t rest = ciphertext.size - at;
        struct bytes view = bytes_view(ciphertext.data + at, rest < part ? rest : part);
        assert_int_equal(cose_decrypt_update(&stream, crypto, view, out + size, &given), 0);
        assert_true(given <= view.size + COSE_TAG_SIZE);
        size += given;
    }
    *out_size = size;
    return cose_decrypt_finish(&stream);
}

/* Their AES-GCM content was made with the external data of no one, their CTR content with a whole 16-byte counter. */
static void decrypts_the_published_images(void **state)
{
    static const char *const names[] = { "aes-kw-aes-gcm", "aes-kw-aes-ctr", "es-ecdh-aes-gcm", "es-ecdh-aes-ctr" };
    static const size_t parts[] = { 1, 5, 16, 17, 1000 };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        uint8_t text[1024], header[512], ciphertext[256], plain[256];
        struct bytes file, encoded, content;
        char path[128];
        size_t size;

        (void)snprintf(path, sizeof(path), "suit-firmware-encryption/suit-encryption-info-%s.hex", names[i]);
        if (!fixture_vector(path, text, sizeof(text) - 1, &file))
            return;
        text[file.size] = 0;
        encoded = fixture_hex((const char *)text, header, sizeof(header));
        (void)snprintf(path, sizeof(path), "suit-firmware-encryption/encrypted-payload-%s.hex", names[i]);
        assert_true(fixture_vector(path, text, sizeof(text) - 1, &file));
        text[file.size] = 0;
        content = fixture_hex((const char *)text, ciphertext, sizeof(ciphertext));
        for (size_t j = 0; j < sizeof(parts) / sizeof(parts[0]); j++) {
            print_message("%s in parts of %zu\n", names[i], parts[j]);
            assert_int_equal(decrypt(encoded, content, parts[j], plain, &size), 0);
            assert_true(bytes_equal_text(bytes_view(plain, size), "This is a real firmware image."));
        }
    }
}

/* ---- making them ---- */

struct made {
    uint8_t header[1024];
    size_t header_size;
    uint8_t content[512];
    size_t content_size;
};

static int make(enum cose_algorithm algorithm, const struct cose_recipient *recipients, size_t count,
                struct bytes image, struct made *out)
{
    struct cose_encrypt_order order = { algorithm, recipients, count, suit };
    const struct proto_crypto *crypto = &test_keys()->crypto;
    struct cose_stream stream;
    struct proto_random random;
    size_t first = image.size / 3;
    int r;

    crypto_openssl_random(&random);
    r = cose_encrypt_begin(&order, &random, crypto, out->header, sizeof(out->header), &out->header_size, &stream);
    if (r != 0)
        return r;
    assert_true(out->header_size <= COSE_ENCRYPT_OVERHEAD + count * COSE_RECIPIENT_MAX);
    assert_int_equal(cose_encrypt_update(&stream, crypto, bytes_view(image.data, first), out->content), 0);
    assert_int_equal(
        cose_encrypt_update(&stream, crypto, bytes_view(image.data + first, image.size - first), out->content + first),
        0);
    out->content_size = image.size + cose_encrypt_finish(&stream, out->content + image.size);
    return 0;
}

static void image_of(uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(i * 7);
}

/* A recipient for another device before ours, so that ours has to be found. */
static void recipients_of(struct cose_recipient out[4])
{
    static const char other_kek[] = "0123456789abcdef";

    out[0] = (struct cose_recipient){ COSE_A128KW, bytes_of_text("other"), bytes_of_text(other_kek), NULL };
    out[1] = (struct cose_recipient){ COSE_ECDH_ES_A128KW, none, none, &test_keys()->p256.key };
    out[2] = (struct cose_recipient){ COSE_A128KW, bytes_of_text("kid-1"), bytes_of_text(kek), NULL };
    out[3] = (struct cose_recipient){ COSE_ECDH_ES_A128KW, bytes_of_text("kid-2"), none, &device()->public.key };
}

static void encrypts_for_several_devices_at_once(void **state)
{
    static const enum cose_algorithm algorithms[] = { COSE_A128GCM, COSE_A128CTR };
    struct cose_recipient recipients[4];
    uint8_t image[300], plain[320];
    struct made made;
    size_t size;

    (void)state;
    image_of(image, sizeof(image));
    recipients_of(recipients);
    for (size_t i = 0; i < 2; i++) {
        for (size_t length = 0; length <= sizeof(image); length += length < 40 ? 1 : 65) {
            size_t from = length % 2 * 3, count = from == 3 ? 1 : 1 + length % 4;
            if (from == 0 && count < 3)
                count = 3;
            assert_int_equal(make(algorithms[i], recipients + from, count, bytes_view(image, length), &made), 0);
            assert_int_equal(made.content_size, length + (i == 0 ? COSE_TAG_SIZE : 0));
            assert_int_equal(decrypt(bytes_view(made.header, made.header_size),
                                     bytes_view(made.content, made.content_size), 1 + length % 50, plain, &size),
                             0);
            assert_true(bytes_equal(bytes_view(plain, size), bytes_view(image, length)));
        }
    }
}

static void a_device_that_is_not_addressed_reads_nothing(void **state)
{
    struct cose_recipient recipients[4];
    uint8_t image[40], plain[64];
    struct made made;
    size_t size;

    (void)state;
    image_of(image, sizeof(image));
    recipients_of(recipients);
    assert_int_equal(make(COSE_A128GCM, recipients, 1, bytes_view(image, 40), &made), 0);
    assert_int_equal(decrypt(bytes_view(made.header, made.header_size), none, 1, plain, &size), COSE_KEY_MISMATCH);
    recipients[0].kid = bytes_of_text("kid-1"); /* ours by name only */
    assert_int_equal(make(COSE_A128GCM, recipients, 2, bytes_view(image, 40), &made), 0);
    assert_int_equal(decrypt(bytes_view(made.header, made.header_size), none, 1, plain, &size), COSE_SIGNATURE);
}

static void refuses_orders_that_it_cannot_meet(void **state)
{
    struct cose_recipient many[COSE_RECIPIENTS_MAX + 1], recipients[4];
    uint8_t long_kid[COSE_KID_SIZE_MAX + 1] = { 0 };
    struct made made;

    (void)state;
    recipients_of(recipients);
    for (size_t i = 0; i <= COSE_RECIPIENTS_MAX; i++)
        many[i] = recipients[0];
    assert_int_equal(make(COSE_A128GCM, many, COSE_RECIPIENTS_MAX + 1, none, &made), COSE_NO_ROOM);
    assert_int_equal(make(COSE_A128GCM, many, COSE_RECIPIENTS_MAX, none, &made), 0);
    assert_int_equal(make(COSE_A128GCM, many, 0, none, &made), COSE_NO_ROOM);
    assert_int_equal(make(COSE_ESP256, recipients, 1, none, &made), COSE_UNSUPPORTED);
    recipients[0].kek.size = 15;
    assert_int_equal(make(COSE_A128GCM, recipients, 1, none, &made), COSE_KEY_MISMATCH);
    recipients[1].key = &test_keys()->ed25519.key;
    assert_int_equal(make(COSE_A128GCM, recipients + 1, 1, none, &made), COSE_KEY_MISMATCH);
    recipients[2].kid = bytes_view(long_kid, sizeof(long_kid));
    assert_int_equal(make(COSE_A128GCM, recipients + 2, 1, none, &made), COSE_NO_ROOM);
    recipients[3].algorithm = COSE_A128GCM;
    assert_int_equal(make(COSE_A128GCM, recipients + 3, 1, none, &made), COSE_UNSUPPORTED);
}

/* ---- hostile bytes ---- */

static void notices_every_changed_byte(void **state)
{
    struct cose_recipient recipients[4];
    uint8_t image[20], plain[64];
    struct made made;
    size_t size;

    (void)state;
    image_of(image, sizeof(image));
    recipients_of(recipients);
    assert_int_equal(make(COSE_A128GCM, recipients + 3, 1, bytes_view(image, sizeof(image)), &made), 0);
    const uint8_t *kid = memmem(made.header, made.header_size, "kid-2", 5);
    assert_non_null(kid);
    for (size_t i = 0; i < made.header_size + made.content_size; i++) {
        uint8_t *at = i < made.header_size ? &made.header[i] : &made.content[i - made.header_size];
        struct bytes header = bytes_view(made.header, made.header_size);
        *at ^= 0x10;
        int r = decrypt(header, bytes_view(made.content, made.content_size), 7, plain, &size);
        *at ^= 0x10;
        /* The name of the recipient, and its label, are a hint only: a key with no name of its own tries all. */
        if (r == 0)
            assert_true(at >= kid - 2 && at < kid + 5);
    }
    for (size_t i = 0; i < made.header_size; i++)
        assert_int_equal(decrypt(bytes_view(made.header, i), none, 1, plain, &size), COSE_STRUCTURE);
    for (size_t i = 0; i < made.content_size; i++)
        assert_int_equal(
            decrypt(bytes_view(made.header, made.header_size), bytes_view(made.content, i), 7, plain, &size),
            COSE_SIGNATURE);
}

static void refuses_headers_that_are_not_what_suit_takes(void **state)
{
#define KW_RECIPIENT "8340a1012258180000000000000000000000000000000000000000000000 00"
    static const struct {
        const char *hex;
        int expected;
    } cases[] = {
        { "8443a10101a1054c000000000000000000000000f680", COSE_STRUCTURE },                  /* no recipients */
        { "d8618443a10101a1054c000000000000000000000000f681" KW_RECIPIENT, COSE_STRUCTURE }, /* COSE_Mac */
        { "8443a10103a1054c000000000000000000000000f681" KW_RECIPIENT, COSE_UNSUPPORTED },   /* A256GCM */
        { "8444a1011818a1054c000000000000000000000000f681" KW_RECIPIENT, COSE_UNSUPPORTED }, /* ChaCha20 */
        { "8443a10101a1054b0000000000000000000000f681" KW_RECIPIENT, COSE_STRUCTURE },       /* nonce of 11 bytes */
        { "8443a10101a0f681" KW_RECIPIENT, COSE_STRUCTURE },                                 /* no nonce */
        { "8447a10139fffd0000a10550000000000000000000000000000000 00f681" KW_RECIPIENT, COSE_STRUCTURE },
        { "8446a10139fffda10550000000000000000000000000000000 00f681" KW_RECIPIENT,
          COSE_STRUCTURE },                                                                   /* CTR protected */
        { "8443a10101a1054c000000000000000000000000f6818340a1012041 00", COSE_UNSUPPORTED },  /* recipient -1 */
        { "8443a10101a1054c000000000000000000000000f6818340a10122f6", COSE_STRUCTURE },       /* no wrapped key */
        { "8443a10101a1054c000000000000000000000000f6818340a101224100", COSE_SIGNATURE },     /* a short one */
        { "8443a10101a1054c000000000000000000000000f681" KW_RECIPIENT "00", COSE_STRUCTURE }, /* trailing */
        { "8443a10101a1054c000000000000000000000000f681" KW_RECIPIENT, COSE_SIGNATURE },      /* another's */
        { "8443a10101a1054c000000000000000000000000f6818343a10122a0410 0", COSE_STRUCTURE },  /* AES-KW, protected */
        { "8443a10101a1054c000000000000000000000000f6818344a101381ca04100", COSE_STRUCTURE }, /* no ephemeral key */
    };
    uint8_t raw[128], plain[16];
    size_t size;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char hex[512];
        size_t length = 0;
        for (const char *at = cases[i].hex; *at != '\0'; at++)
            if (*at != ' ')
                hex[length++] = *at;
        hex[length] = '\0';
        int r = decrypt(fixture_hex(hex, raw, sizeof(raw)), none, 1, plain, &size);
        if (r != cases[i].expected)
            print_message("%s: %s\n", cases[i].hex, cose_refusal_text(r));
        assert_int_equal(r, cases[i].expected);
    }
}

/* An ephemeral key that lies off the curve is what an attacker sends to learn the private key. */
static void refuses_an_ephemeral_key_off_the_curve(void **state)
{
    struct cose_recipient recipients[4];
    struct made made;
    uint8_t plain[16];
    size_t size;

    (void)state;
    recipients_of(recipients);
    assert_int_equal(make(COSE_A128CTR, recipients + 3, 1, none, &made), 0);
    uint8_t *x = memmem(made.header, made.header_size, "\x21\x58\x20", 3);
    assert_non_null(x);
    x[10] ^= 1;
    assert_int_equal(decrypt(bytes_view(made.header, made.header_size), none, 1, plain, &size), COSE_SIGNATURE);
}

/* ---- GCM against OpenSSL's ---- */

static void openssl_gcm(const uint8_t *key, const uint8_t *nonce, struct bytes aad, struct bytes plain, uint8_t *out)
{
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int size;

    assert_int_equal(EVP_EncryptInit_ex2(context, EVP_aes_128_gcm(), key, nonce, NULL), 1);
    assert_int_equal(EVP_EncryptUpdate(context, NULL, &size, aad.data, (int)aad.size), 1);
    assert_int_equal(EVP_EncryptUpdate(context, out, &size, plain.data, (int)plain.size), 1);
    assert_int_equal(EVP_EncryptFinal_ex(context, out + size, &size), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, out + plain.size), 1);
    EVP_CIPHER_CTX_free(context);
}

static void agrees_with_another_gcm(void **state)
{
    const struct proto_crypto *crypto = &test_keys()->crypto;
    struct fixture_random source;
    struct proto_random random = fixture_random(&source, 4);
    uint8_t key[16], nonce[12], external[70], image[200], ours[216], theirs[216], aad[100];

    (void)state;
    for (size_t round = 0; round < 200; round++) {
        struct bytes outside = bytes_view(external, round % sizeof(external)), plain = bytes_view(image, round);
        struct cbor_writer writer = cbor_writer_on(aad, sizeof(aad));
        struct cose_stream stream;
        assert_int_equal(random.fill(random.context, key, sizeof(key)), 0);
        assert_int_equal(random.fill(random.context, nonce, sizeof(nonce)), 0);
        assert_int_equal(random.fill(random.context, external, sizeof(external)), 0);
        assert_int_equal(random.fill(random.context, image, sizeof(image)), 0);
        cbor_write_array(&writer, 3);
        cbor_write_text_of(&writer, "Encrypt");
        cbor_write_bytes(&writer, none);
        cbor_write_bytes(&writer, outside);
        openssl_gcm(key, nonce, bytes_view(aad, writer.size), plain, theirs);
        assert_int_equal(
            cose_stream_begin(&stream, COSE_A128GCM, key, bytes_view(nonce, sizeof(nonce)), none, outside, crypto), 0);
        assert_int_equal(cose_encrypt_update(&stream, crypto, plain, ours), 0);
        assert_int_equal(cose_encrypt_finish(&stream, ours + round), COSE_TAG_SIZE);
        assert_memory_equal(ours, theirs, round + COSE_TAG_SIZE);
    }
}

static void a_finished_stream_holds_no_key(void **state)
{
    struct cose_stream stream, zero;

    (void)state;
    memset(&zero, 0, sizeof(zero));
    memset(&stream, 0x5a, sizeof(stream));
    cose_stream_wipe(&stream);
    assert_memory_equal(&stream, &zero, sizeof(zero));
}

/* What a stream gives, in any cut. */
static void encrypts_any_part_by_itself(void **state)
{
    const struct cose_recipient recipient = { COSE_ECDH_ES_A128KW, none, none, &device()->public.key };
    const struct cose_encrypt_order order = { COSE_A128CTR, &recipient, 1, suit };
    const struct proto_crypto *crypto = &test_keys()->crypto;
    uint8_t header[256], image[100], whole[100], part[100], key[AES_KEY_SIZE], counter[AES_BLOCK];
    struct cose_stream stream;
    struct proto_random random;
    size_t size;

    (void)state;
    image_of(image, sizeof(image));
    crypto_openssl_random(&random);
    assert_int_equal(cose_encrypt_begin(&order, &random, crypto, header, sizeof(header), &size, &stream), 0);
    memcpy(key, stream.key, sizeof(key));
    memcpy(counter, stream.counter, sizeof(counter));
    assert_int_equal(cose_encrypt_update(&stream, crypto, bytes_view(image, sizeof(image)), whole), 0);
    assert_int_equal(cose_encrypt_finish(&stream, NULL), 0);
    for (size_t from = 0; from <= sizeof(image); from++) {
        for (size_t to = from; to <= sizeof(image); to++) {
            struct bytes view = bytes_view(image + from, to - from);
            assert_int_equal(cose_encrypt_part(key, counter, from, crypto, view, part), 0);
            assert_memory_equal(part, whole + from, to - from);
        }
    }
}

static int forget_device(void **state)
{
    (void)state;
    crypto_key_free(device()->private);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decrypts_the_published_images),
        cmocka_unit_test(encrypts_for_several_devices_at_once),
        cmocka_unit_test(encrypts_any_part_by_itself),
        cmocka_unit_test(a_device_that_is_not_addressed_reads_nothing),
        cmocka_unit_test(refuses_orders_that_it_cannot_meet),
        cmocka_unit_test(notices_every_changed_byte),
        cmocka_unit_test(refuses_headers_that_are_not_what_suit_takes),
        cmocka_unit_test(refuses_an_ephemeral_key_off_the_curve),
        cmocka_unit_test(agrees_with_another_gcm),
        cmocka_unit_test(a_finished_stream_holds_no_key),
    };

    return cmocka_run_group_tests(tests, NULL, forget_device);
}
