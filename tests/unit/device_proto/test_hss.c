/* test_hss.c - HSS-LMS against the cases of RFC 8554 and of COSE, and against everything that is nearly a signature. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/crypto_openssl/crypto_openssl.h"
#include "device_proto/hss.h"
#include "tests/unit/device_proto/fixture.h"

#define FILE_VECTORS "lms/rfc8554_appendix_f.json"

struct signed_message {
    uint8_t key[HSS_PUBLIC_SIZE_MAX], message[512], signature[8192];
    size_t key_size, message_size, signature_size;
};

static int check(const struct signed_message *given)
{
    struct proto_crypto crypto;

    crypto_openssl_proto(&crypto);
    return hss_verify(&crypto, bytes_view(given->key, given->key_size), bytes_view(given->message, given->message_size),
                      bytes_view(given->signature, given->signature_size));
}

static size_t put_hex(const json_t *object, const char *member, uint8_t *out, size_t capacity)
{
    return fixture_hex(json_string_value(json_object_get(object, member)), out, capacity).size;
}

static bool case_of_rfc(size_t index, struct signed_message *out)
{
    json_t *file = fixture_vector_json(FILE_VECTORS);

    if (file == NULL)
        return false;
    const json_t *vector = json_array_get(json_object_get(file, "vectors"), index);
    out->key_size = put_hex(vector, "public_key", out->key, sizeof(out->key));
    out->message_size = put_hex(vector, "message", out->message, sizeof(out->message));
    out->signature_size = put_hex(vector, "signature", out->signature, sizeof(out->signature));
    json_decref(file);
    return true;
}

static void both_cases_of_the_rfc_hold(void **state)
{
    struct signed_message given;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        if (!case_of_rfc(i, &given))
            return;
        assert_int_equal(check(&given), 0);
        given.message[0] ^= 1;
        assert_int_equal(check(&given), HSS_SIGNATURE);
    }
}

static void every_byte_of_a_two_level_signature_counts(void **state)
{
    struct signed_message given;

    (void)state;
    if (!case_of_rfc(0, &given))
        return;
    for (size_t i = 0; i < given.signature_size; i++) {
        given.signature[i] ^= (uint8_t)(1u << (i % 8));
        assert_true(check(&given) > 0);
        given.signature[i] ^= (uint8_t)(1u << (i % 8));
    }
    for (size_t i = 0; i < given.key_size; i++) {
        given.key[i] ^= 1;
        assert_true(check(&given) > 0);
        given.key[i] ^= 1;
    }
    assert_int_equal(check(&given), 0);
}

static void a_signature_cut_or_lengthened_is_refused(void **state)
{
    struct signed_message given;

    (void)state;
    if (!case_of_rfc(0, &given))
        return;
    size_t whole = given.signature_size;
    for (given.signature_size = 0; given.signature_size < whole; given.signature_size++)
        assert_true(check(&given) > 0);
    given.signature[whole] = 0;
    given.signature_size = whole + 1;
    assert_int_equal(check(&given), HSS_STRUCTURE);
    given.signature_size = whole;
    for (given.key_size = 0; given.key_size < 60; given.key_size++)
        assert_int_equal(check(&given), HSS_KEY);
}

/* The Sig_structure is written out in the examples; the signature is the last byte string of the message. */
static void cose_example(const char *path, const char *signers)
{
    struct signed_message given = { 0 };
    uint8_t encoded[8192];
    json_t *file = fixture_vector_json(path);

    if (file == NULL)
        return;
    const json_t *input = json_object_get(json_object_get(file, "input"), signers != NULL ? "sign" : "sign0");
    const json_t *made = json_object_get(file, "intermediates");
    const json_t *key = json_object_get(input, "key");
    if (signers != NULL) {
        key = json_object_get(json_array_get(json_object_get(input, signers), 0), "key");
        made = json_array_get(json_object_get(made, signers), 0);
    }
    given.key_size = put_hex(key, "public", given.key, sizeof(given.key));
    given.message_size = put_hex(made, "ToBeSign_hex", given.message, sizeof(given.message));
    size_t size = put_hex(json_object_get(file, "output"), "cbor", encoded, sizeof(encoded));
    struct hss_public public;
    assert_int_equal(hss_public_read(bytes_view(given.key, given.key_size), &public), 0);
    given.signature_size = hss_signature_size(&public.top.parameters, public.levels);
    memcpy(given.signature, encoded + size - given.signature_size, given.signature_size);
    assert_int_equal(check(&given), 0);
    given.message[given.message_size - 1] ^= 1;
    assert_int_equal(check(&given), HSS_SIGNATURE);
    json_decref(file);
}

static void both_examples_of_cose_hold(void **state)
{
    (void)state;
    cose_example("cose/cose-wg-examples/hashsig__hashsig-01.json", "signers");
    cose_example("cose/cose-wg-examples/hashsig__hsssig-sig-01.json", NULL);
}

static void typecodes_and_sizes_are_those_of_the_standards(void **state)
{
    /* Sizes of one-level signatures: RFC 8554 table 2 and the published ones for n = 24. */
    static const struct {
        unsigned n, height, width, lms_type, lmots_type;
        size_t size;
    } rows[] = {
        { 32, 5, 1, 5, 1, 8688 },   { 32, 5, 2, 5, 2, 4464 },   { 32, 5, 4, 5, 3, 2352 },   { 32, 5, 8, 5, 4, 1296 },
        { 32, 10, 4, 6, 3, 2512 },  { 32, 15, 8, 7, 4, 1616 },  { 32, 20, 8, 8, 4, 1776 },  { 32, 25, 8, 9, 4, 1936 },
        { 24, 5, 8, 10, 8, 784 },   { 24, 10, 4, 11, 7, 1504 }, { 24, 15, 2, 12, 6, 2824 }, { 24, 20, 8, 13, 8, 1144 },
        { 24, 25, 8, 14, 8, 1264 }, { 24, 25, 1, 14, 5, 5440 },
    };
    struct lms_parameters p;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_true(lms_parameters_for(rows[i].n, rows[i].height, rows[i].width, &p));
        assert_int_equal(p.lms_type, rows[i].lms_type);
        assert_int_equal(p.lmots_type, rows[i].lmots_type);
        assert_int_equal(hss_signature_size(&p, 1), rows[i].size);
    }
    assert_false(lms_parameters_of(5, 5, &p)); /* the two differ in n */
    assert_false(lms_parameters_of(4, 1, &p));
    assert_false(lms_parameters_of(15, 5, &p)); /* SHAKE */
    assert_false(lms_parameters_for(32, 6, 8, &p));
    assert_false(lms_parameters_for(32, 30, 8, &p));
    assert_false(lms_parameters_for(32, 5, 3, &p));
    assert_false(lms_parameters_for(16, 5, 8, &p));
}

/* p, u and ls by their definitions (RFC 8554 appendix B). */
static void chains_and_shifts_follow_from_n_and_w(void **state)
{
    static const unsigned ns[] = { 32, 24 }, ws[] = { 1, 2, 4, 8 };

    (void)state;
    for (size_t a = 0; a < 2; a++) {
        for (size_t b = 0; b < 4; b++) {
            unsigned n = ns[a], w = ws[b], u = 8 * n / w, largest = ((1u << w) - 1) * u, bits = 0;
            while (largest >> bits != 0)
                bits++;
            unsigned v = (bits + w - 1) / w;
            struct lms_parameters p;
            assert_true(lms_parameters_for(n, 5, w, &p));
            assert_int_equal(p.chains, u + v);
            assert_int_equal(p.shift, 16 - v * w);
        }
    }
}

static void a_cose_key_is_read_as_written(void **state)
{
    struct signed_message given;
    uint8_t encoded[128];
    size_t size = 0;
    struct bytes key, kid;

    (void)state;
    if (!case_of_rfc(1, &given))
        return;
    struct bytes raw = bytes_view(given.key, given.key_size);
    assert_int_equal(hss_cose_key_write(raw, bytes_of_text("me"), encoded, sizeof(encoded), &size), 0);
    assert_true(size <= raw.size + 2 + HSS_COSE_KEY_OVERHEAD);
    assert_int_equal(hss_cose_key_read(bytes_view(encoded, size), &key, &kid), 0);
    assert_true(bytes_equal(key, raw));
    assert_true(bytes_equal_text(kid, "me"));
    for (size_t cut = 0; cut < size; cut++)
        assert_int_equal(hss_cose_key_read(bytes_view(encoded, cut), &key, &kid), HSS_KEY);
    encoded[2] = 2; /* key type EC2 */
    assert_int_equal(hss_cose_key_read(bytes_view(encoded, size), &key, &kid), HSS_KEY);
    assert_int_equal(hss_cose_key_write(raw, bytes_of_text("me"), encoded, 20, &size), HSS_STRUCTURE);
    assert_int_equal(hss_cose_key_write(bytes_view(raw.data, 59), raw, encoded, sizeof(encoded), &size), HSS_KEY);
}

static void a_cose_key_for_something_else_is_refused(void **state)
{
    /* {1: 5, 3: -7, -1: key}, {1: 5, 4: [1], -1: key} and, as it should be, {1: 5, 4: [1, 2, "x"], -1: key} */
    static const char *const heads[] = { "a3 0105 0326 20 583c", "a3 0105 048101 20 583c",
                                         "a3 0105 0483010261 78 20 583c" };
    struct signed_message given;
    uint8_t encoded[128];
    struct bytes key, kid;

    (void)state;
    if (!case_of_rfc(1, &given))
        return;
    for (size_t i = 0; i < 3; i++) {
        size_t head = fixture_hex(heads[i], encoded, sizeof(encoded)).size;
        memcpy(encoded + head, given.key, 60);
        assert_int_equal(hss_cose_key_read(bytes_view(encoded, head + 60), &key, &kid), i < 2 ? HSS_KEY : 0);
    }
}

static void without_hashing_in_parts_nothing_is_verified(void **state)
{
    struct proto_crypto crypto;

    (void)state;
    crypto_openssl_proto(&crypto);
    crypto.sha256_begin = NULL;
    assert_int_equal(hss_verify(&crypto, bytes_view("", 0), bytes_view("", 0), bytes_view("", 0)), HSS_UNSUPPORTED);
    for (int refusal = -1; refusal <= HSS_UNSUPPORTED + 1; refusal++)
        assert_non_null(hss_refusal_text(refusal));
}

/* Any of the hashes may fail: the fault is passed up as it is. */
struct failing {
    struct proto_crypto real;
    unsigned left;
};

static int failing_sha256(void *context, struct bytes data, uint8_t out[DIGEST_SIZE])
{
    struct failing *failing = context;

    return failing->left-- == 0 ? -5 : failing->real.sha256(failing->real.context, data, out);
}

static int failing_begin(void *context, struct sha256_stream *stream)
{
    struct failing *failing = context;

    return failing->left-- == 0 ? -5 : failing->real.sha256_begin(failing->real.context, stream);
}

static int failing_update(void *context, struct sha256_stream *stream, struct bytes part)
{
    struct failing *failing = context;

    return failing->left-- == 0 ? -5 : failing->real.sha256_update(failing->real.context, stream, part);
}

static int failing_finish(void *context, struct sha256_stream *stream, uint8_t out[DIGEST_SIZE])
{
    struct failing *failing = context;

    return failing->left-- == 0 ? -5 : failing->real.sha256_finish(failing->real.context, stream, out);
}

static void a_fault_of_any_hash_is_passed_up(void **state)
{
    struct signed_message given;
    struct failing failing;
    struct proto_crypto crypto = { .context = &failing,
                                   .sha256 = failing_sha256,
                                   .sha256_begin = failing_begin,
                                   .sha256_update = failing_update,
                                   .sha256_finish = failing_finish };

    (void)state;
    if (!case_of_rfc(0, &given))
        return;
    crypto_openssl_proto(&failing.real);
    for (unsigned good = 0; good < 20000; good += good < 300 ? 1 : 97) {
        failing.left = good;
        int r =
            hss_verify(&crypto, bytes_view(given.key, given.key_size), bytes_view(given.message, given.message_size),
                       bytes_view(given.signature, given.signature_size));
        if (r == 0)
            return;
        assert_int_equal(r, -5);
    }
    fail_msg("twenty thousand hashes are more than a signature needs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_cases_of_the_rfc_hold),
        cmocka_unit_test(every_byte_of_a_two_level_signature_counts),
        cmocka_unit_test(a_signature_cut_or_lengthened_is_refused),
        cmocka_unit_test(both_examples_of_cose_hold),
        cmocka_unit_test(typecodes_and_sizes_are_those_of_the_standards),
        cmocka_unit_test(chains_and_shifts_follow_from_n_and_w),
        cmocka_unit_test(a_cose_key_is_read_as_written),
        cmocka_unit_test(a_cose_key_for_something_else_is_refused),
        cmocka_unit_test(without_hashing_in_parts_nothing_is_verified),
        cmocka_unit_test(a_fault_of_any_hash_is_passed_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
