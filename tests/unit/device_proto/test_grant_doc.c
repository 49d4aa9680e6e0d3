#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "device_proto/cbor.h"
#include "device_proto/cose.h"
#include "device_proto/grant_doc.h"
#include "tests/unit/device_proto/fixture.h"
#include "tests/unit/device_proto/keys.h"

static const struct bytes none = { NULL, 0 };

static struct device_grant grant_of(void)
{
    return (struct device_grant){ .id = 12,
                                  .tenant = bytes_of_text("acme"),
                                  .device = bytes_of_text("sensor-1"),
                                  .issued_s = 1800000000,
                                  .until_s = 1900000000,
                                  .slots = 0x5,
                                  .sensor_count = 2,
                                  .helper_count = 3,
                                  .sensors = { bytes_of_text("temperature"), bytes_of_text("heart.rate") },
                                  .helpers = { 0x30, 0x31, 0x60 } };
}

static void expect_same(const struct device_grant *a, const struct device_grant *b)
{
    assert_true(a->id == b->id && a->issued_s == b->issued_s && a->until_s == b->until_s && a->slots == b->slots);
    assert_true(bytes_equal(a->tenant, b->tenant) && bytes_equal(a->device, b->device));
    assert_true(a->all_sensors == b->all_sensors && a->all_helpers == b->all_helpers);
    assert_true(a->sensor_count == b->sensor_count && a->helper_count == b->helper_count);
    for (size_t i = 0; i < a->sensor_count; i++)
        assert_true(bytes_equal(a->sensors[i], b->sensors[i]));
    assert_memory_equal(a->helpers, b->helpers, sizeof(a->helpers));
}

static void says_what_was_signed(void **state)
{
    const struct test_keys *keys = test_keys();
    const struct proto_signer *signers[] = { &keys->ed25519, &keys->p256 };
    struct public_key trusted[] = { keys->other.key, keys->ed25519.key, keys->p256.key };
    uint8_t out[GRANT_DOC_MAX];
    struct device_grant read;
    size_t size;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct device_grant grant = grant_of();
        grant.all_sensors = i >= 2;
        grant.all_helpers = i == 3;
        if (grant.all_sensors)
            grant.sensor_count = 0;
        if (grant.all_helpers) {
            grant.helper_count = 0;
            memset(grant.helpers, 0, sizeof(grant.helpers));
        }
        assert_int_equal(grant_doc_write(&grant, bytes_of_text("maintainer"), signers[i % 2], out, sizeof(out), &size),
                         0);
        assert_int_equal(cbor_check(bytes_view(out, size), CBOR_CANONICAL), 0);
        assert_int_equal(grant_doc_verify(bytes_view(out, size), trusted, 3, &keys->crypto, &read), 0);
        expect_same(&grant, &read);
        assert_int_equal(grant_doc_parse(bytes_view(out, size), &read), 0);
        expect_same(&grant, &read);
        assert_int_equal(grant_doc_verify(bytes_view(out, size), trusted, 1, &keys->crypto, &read), GRANT_SIGNATURE);
    }
}

static void the_largest_grant_fits(void **state)
{
    struct device_grant grant = grant_of(), read;
    uint8_t out[GRANT_DOC_MAX], name[GRANT_NAME_MAX];
    size_t size;

    (void)state;
    memset(name, 'x', sizeof(name));
    grant.id = grant.until_s = UINT64_MAX;
    grant.issued_s = UINT64_MAX - 1;
    grant.slots = 0xff;
    grant.tenant = grant.device = bytes_view(name, sizeof(name));
    grant.sensor_count = GRANT_SENSORS_MAX;
    grant.helper_count = GRANT_HELPERS_MAX;
    for (size_t i = 0; i < GRANT_SENSORS_MAX; i++)
        grant.sensors[i] = bytes_view(name, sizeof(name));
    for (uint32_t i = 0; i < GRANT_HELPERS_MAX; i++)
        grant.helpers[i] = UINT32_MAX - GRANT_HELPERS_MAX + i;
    assert_int_equal(grant_doc_write(&grant, bytes_view(name, 16), &test_keys()->ed25519, out, sizeof(out), &size), 0);
    assert_int_equal(grant_doc_parse(bytes_view(out, size), &read), 0);
    expect_same(&grant, &read);
    assert_int_equal(grant_doc_write(&grant, bytes_view(name, 17), &test_keys()->ed25519, out, sizeof(out), &size),
                     GRANT_NO_ROOM);
}

static void refuses_every_changed_byte_and_every_cut(void **state)
{
    const struct test_keys *keys = test_keys();
    struct device_grant grant = grant_of(), read;
    uint8_t out[GRANT_DOC_MAX];
    size_t size, unused;

    (void)state;
    assert_int_equal(grant_doc_write(&grant, none, &keys->ed25519, out, sizeof(out), &size), 0);
    for (size_t i = 0; i < size; i++) {
        out[i] ^= 1;
        assert_true(grant_doc_verify(bytes_view(out, size), &keys->ed25519.key, 1, &keys->crypto, &read) > 0);
        out[i] ^= 1;
        assert_true(grant_doc_verify(bytes_view(out, i), &keys->ed25519.key, 1, &keys->crypto, &read) > 0);
        assert_int_equal(grant_doc_write(&grant, none, &keys->ed25519, out + size, i < 100 ? i : 100, &unused),
                         GRANT_NO_ROOM);
    }
}

/* A signature over the same bytes for another purpose is none here. */
static void is_signed_as_a_grant(void **state)
{
    const struct test_keys *keys = test_keys();
    struct device_grant grant = grant_of(), read;
    uint8_t out[GRANT_DOC_MAX], scratch[GRANT_DOC_MAX], again[GRANT_DOC_MAX];
    struct cose_order order = { .tagged = true, .algorithm = COSE_ED25519 };
    struct cose_sign1 message;
    size_t size;

    (void)state;
    assert_int_equal(grant_doc_write(&grant, none, &keys->ed25519, out, sizeof(out), &size), 0);
    assert_int_equal(cose_sign1_parse(bytes_view(out, size), &message), 0);
    order.payload = message.payload;
    assert_int_equal(cose_sign1_write(&order, &keys->ed25519, scratch, sizeof(scratch), again, sizeof(again), &size),
                     0);
    assert_int_equal(grant_doc_verify(bytes_view(again, size), &keys->ed25519.key, 1, &keys->crypto, &read),
                     GRANT_SIGNATURE);
}

static void refuses_values_beyond_their_bounds(void **state)
{
    struct device_grant bad;

    (void)state;
#define BAD(change)                                           \
    do {                                                      \
        bad = grant_of();                                     \
        change;                                               \
        assert_int_equal(grant_doc_check(&bad), GRANT_VALUE); \
    } while (0)
    BAD(bad.id = 0);
    BAD(bad.tenant = none);
    BAD(bad.tenant = bytes_of_text("ACME"));
    BAD(bad.device.size = 0);
    BAD(bad.slots = 0x100);
    BAD(bad.until_s = bad.issued_s);
    BAD(bad.sensors[1] = none);
    BAD(bad.sensor_count = GRANT_SENSORS_MAX + 1);
    BAD(bad.helper_count = GRANT_HELPERS_MAX + 1);
    BAD(bad.helpers[1] = 0x30);
    BAD(bad.all_sensors = true);
    BAD(bad.all_helpers = true);
    bad = grant_of();
    assert_int_equal(grant_doc_check(&bad), 0);
}

static int ask(const char *device, const char *tenant, unsigned slot, const char *sensor, uint32_t helper, uint64_t now)
{
    struct device_grant grant = grant_of();

    return grant_doc_allows(&grant, bytes_of_text(device), bytes_of_text(tenant), slot, bytes_of_text(sensor), &helper,
                            1, now);
}

static void gives_what_it_says_and_no_more(void **state)
{
    (void)state;
    assert_int_equal(ask("sensor-1", "acme", 0, "temperature", 0x31, 1899999999), 0);
    assert_int_equal(ask("sensor-1", "acme", 2, "", 0x60, 1800000000), 0);
    assert_int_equal(ask("sensor-2", "acme", 0, "", 0x31, 1850000000), GRANT_DEVICE);
    assert_int_equal(ask("sensor-1", "acme", 0, "", 0x31, 1900000000), GRANT_EXPIRED);
    assert_int_equal(ask("sensor-1", "other", 0, "", 0x31, 1850000000), GRANT_LACKS);
    assert_int_equal(ask("sensor-1", "acme", 1, "", 0x31, 1850000000), GRANT_LACKS);
    assert_int_equal(ask("sensor-1", "acme", 40, "", 0x31, 1850000000), GRANT_LACKS);
    assert_int_equal(ask("sensor-1", "acme", 0, "humidity", 0x31, 1850000000), GRANT_LACKS);
    assert_int_equal(ask("sensor-1", "acme", 0, "", 0x61, 1850000000), GRANT_LACKS);
    struct device_grant grant = grant_of();
    uint32_t helpers[] = { 0x30, 0x99 };
    grant.all_sensors = grant.all_helpers = true;
    grant.sensor_count = grant.helper_count = 0;
    grant.until_s = 0;
    assert_int_equal(grant_doc_allows(&grant, bytes_of_text("sensor-1"), bytes_of_text("acme"), 0,
                                      bytes_of_text("humidity"), helpers, 2, UINT64_MAX),
                     0);
    for (int r = 0; r <= GRANT_LACKS; r++)
        assert_string_not_equal(grant_refusal_text(r), "unknown refusal");
    assert_string_equal(grant_refusal_text(-1), "unknown refusal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_was_signed),
        cmocka_unit_test(the_largest_grant_fits),
        cmocka_unit_test(refuses_every_changed_byte_and_every_cut),
        cmocka_unit_test(is_signed_as_a_grant),
        cmocka_unit_test(refuses_values_beyond_their_bounds),
        cmocka_unit_test(gives_what_it_says_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
