/* Tenants, devices, profiles, images, grants, tokens, status: each route's good way, and how it refuses. */
#include "rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MISSING_DIGEST "0000000000000000000000000000000000000000000000000000000000000000"

static size_t count_of(const json_t *json, const char *member)
{
    return json_array_size(json_object_get(json, member));
}

static void tells_its_version_and_status(void **state)
{
    struct rest *rest = *state;
    json_t *about = expect(rest, 200, "GET", "/v1/version", NULL);

    assert_string_equal(text_of(about, "version"), "0.0.1");
    assert_string_equal(text_of(json_object_get(about, "libraries"), "sqlite"), "3");
    rest->now_ms += 1500;
    json_t *status = expect(rest, 200, "GET", "/v1/status", NULL);
    assert_int_equal(number_of(status, "uptime_ms"), 1500);
    assert_string_equal(text_of(json_object_get(status, "maintainer"), "type"), "ed25519");
    assert_int_equal(strlen(text_of(json_object_get(status, "maintainer"), "hex")), 64);
    const json_t *ledger = json_object_get(status, "ledger");
    assert_true(json_is_true(json_object_get(ledger, "sound")));
    assert_int_equal(number_of(ledger, "epoch"), NOW_MS / 86400000);
    assert_string_equal(text_of(ledger, "epoch_ends_at"), "2026-11-22T00:00:00Z");
    assert_string_equal(text_of(ledger, "filter_epsilon"), "1");
    rest->core.maintainer = NULL;
    status = expect(rest, 200, "GET", "/v1/status", NULL);
    assert_true(json_is_null(json_object_get(status, "maintainer")));
}

static void keeps_tenants_and_their_keys(void **state)
{
    struct rest *rest = *state;
    struct crypto_key *key = tenant_with_key(rest, "acme");
    struct proto_signer signer;
    char target[160];

    json_t *tenant = expect(rest, 200, "GET", "/v1/tenants/acme", NULL);
    assert_string_equal(text_of(tenant, "created_at"), "2026-11-21T08:00:00Z");
    const json_t *shown = json_array_get(json_object_get(tenant, "keys"), 0);
    assert_string_equal(text_of(shown, "type"), "ed25519");
    assert_true(json_is_null(json_object_get(shown, "revoked_at")));
    snprintf(target, sizeof(target), "/v1/tenants/acme/keys/%s", text_of(shown, "fingerprint"));

    crypto_key_signer(key, &signer);
    char *body = key_body(&signer.key, "public_key");
    expect_refusal(rest, 409, "exists", "POST", "/v1/tenants/acme/keys", body);
    expect_refusal(rest, 404, "unknown", "POST", "/v1/tenants/nobody/keys", body);
    expect_refusal(rest, 400, "invalid", "POST", "/v1/tenants/acme/keys", "{\"public_key\":\"no key\"}");
    expect_refusal(rest, 409, "exists", "POST", "/v1/tenants", "{\"name\":\"acme\"}");
    expect_refusal(rest, 400, "invalid", "POST", "/v1/tenants", "{\"name\":\"Ac me\"}");
    expect_refusal(rest, 400, "invalid", "POST", "/v1/tenants", "{\"name\":\"\"}");
    expect_refusal(rest, 400, "invalid", "POST", "/v1/tenants", "{\"name\":7}");
    expect_refusal(rest, 404, "unknown", "GET", "/v1/tenants/nobody", NULL);

    expect(rest, 204, "DELETE", target, NULL);
    json_t *keys = expect(rest, 200, "GET", "/v1/tenants/acme/keys", NULL);
    assert_string_equal(text_of(json_array_get(json_object_get(keys, "items"), 0), "revoked_at"),
                        "2026-11-21T08:00:00Z");
    expect_refusal(rest, 404, "unknown", "DELETE", "/v1/tenants/acme/keys/" MISSING_DIGEST, NULL);
    expect_refusal(rest, 404, "unknown", "DELETE", "/v1/tenants/acme/keys/abc", NULL);
    free(body);
    crypto_key_free(key);
}

static void takes_hash_based_keys_and_refuses_what_it_cannot_check(void **state)
{
    struct rest *rest = *state;
    struct public_key key = { .type = KEY_HSS_LMS, .size = 60, .raw = { [3] = 2, [7] = 5, [11] = 4, [12] = 0x61 } };
    struct public_key lattice = { .type = KEY_ML_DSA_87, .size = 2592 };

    crypto_key_free(tenant_with_key(rest, "acme"));
    char *body = key_body(&key, "public_key");
    json_t *added = expect(rest, 201, "POST", "/v1/tenants/acme/keys", body);
    assert_string_equal(text_of(added, "type"), "hss-lms");
    free(body);
    key.raw[3] = 9; /* levels */
    body = key_body(&key, "public_key");
    expect_refusal(rest, 400, "invalid", "POST", "/v1/tenants/acme/keys", body);
    free(body);
    body = key_body(&lattice, "public_key");
    if (crypto_openssl_has(KEY_ML_DSA_87))
        expect(rest, 201, "POST", "/v1/tenants/acme/keys", body);
    else
        expect_refusal(rest, 400, "invalid", "POST", "/v1/tenants/acme/keys", body);
    free(body);
}

static void gives_lists_in_pages(void **state)
{
    struct rest *rest = *state;
    char target[64];
    char body[64];

    for (int i = 0; i < 5; i++) {
        snprintf(body, sizeof(body), "{\"name\":\"tenant-%d\"}", i);
        expect(rest, 201, "POST", "/v1/tenants", body);
        assert_true(strncmp(header_of(rest, "Location"), "/v1/tenants/tenant-", 19) == 0);
    }
    json_t *page = expect(rest, 200, "GET", "/v1/tenants?limit=2", NULL);
    assert_int_equal(count_of(page, "items"), 2);
    snprintf(target, sizeof(target), "/v1/tenants?limit=3&after=%lld", (long long)number_of(page, "next"));
    page = expect(rest, 200, "GET", target, NULL);
    assert_int_equal(count_of(page, "items"), 3);
    assert_string_equal(text_of(json_array_get(json_object_get(page, "items"), 0), "name"), "tenant-2");
    page = expect(rest, 200, "GET", "/v1/tenants?limit=1000", NULL);
    assert_true(json_is_null(json_object_get(page, "next")));
    page = expect(rest, 200, "GET", "/v1/tenants?after=1000", NULL);
    assert_int_equal(count_of(page, "items"), 0);
}

/* As a pack that no policy makes would. */
static void suspect(struct rest *rest, const char *name)
{
    struct store *store = rest->core.store;
    struct device device;

    assert_int_equal(store->device_by_name(store, name, &device), 0);
    assert_int_equal(store->begin(store), 0);
    assert_int_equal(store->device_suspect(store, device.id, NOW_MS, "it sent nonsense"), 0);
    assert_int_equal(store->commit(store), 0);
}

static void keeps_devices(void **state)
{
    struct rest *rest = *state;
    char *key = key_body(&rest->signer.key, "report_key");
    json_t *order = json_loads(key, 0, NULL);
    json_object_set_new(order, "name", json_string("thermo-1"));
    json_object_set_new(order, "profile", json_string("tinypart"));
    json_object_set_new(order, "labels", json_string("site=lyon,floor=1"));
    char *body = json_dumps(order, 0);

    json_t *device = expect(rest, 201, "POST", "/v1/devices", body);
    assert_string_equal(header_of(rest, "Location"), "/v1/devices/thermo-1");
    assert_string_equal(text_of(device, "state"), "claimed");
    assert_string_equal(text_of(json_object_get(device, "labels"), "site"), "lyon");
    assert_string_equal(text_of(json_object_get(device, "report_key"), "type"), "ed25519");
    assert_true(json_is_null(json_object_get(device, "address")));
    expect_refusal(rest, 409, "exists", "POST", "/v1/devices", body);
    expect_refusal(rest, 404, "unknown", "POST", "/v1/devices", "{\"name\":\"x\",\"profile\":\"none\"}");
    expect_refusal(rest, 400, "invalid", "POST", "/v1/devices", "{\"name\":\"x\"}");
    expect_refusal(rest, 400, "invalid", "POST", "/v1/devices",
                   "{\"name\":\"x\",\"profile\":\"tinypart\",\"report_key\":\"no key\"}");
    expect_refusal(rest, 400, "invalid", "POST", "/v1/devices",
                   "{\"name\":\"x\",\"profile\":\"tinypart\",\"address\":\"http://a\"}");

    device = expect(rest, 200, "POST", "/v1/devices/thermo-1/labels", "{\"labels\":\"floor=2,site-\"}");
    assert_null(json_object_get(json_object_get(device, "labels"), "site"));
    assert_string_equal(text_of(json_object_get(device, "labels"), "floor"), "2");
    expect_refusal(rest, 400, "invalid", "POST", "/v1/devices/thermo-1/labels", "{\"labels\":\"=\"}");
    expect_refusal(rest, 404, "unknown", "POST", "/v1/devices/none/labels", "{\"labels\":\"a=b\"}");
    device = expect(rest, 200, "POST", "/v1/devices/thermo-1/address", "{\"address\":\"coap://[fd00:1::7]:5683\"}");
    assert_string_equal(text_of(device, "address"), "coap://[fd00:1::7]:5683");
    expect_refusal(rest, 400, "invalid", "POST", "/v1/devices/thermo-1/address", "{\"address\":\"nowhere\"}");
    expect_refusal(rest, 409, "conflict", "POST", "/v1/devices/thermo-1/trust", "{\"reason\":\"why\"}");
    suspect(rest, "thermo-1");
    device = expect(rest, 200, "GET", "/v1/devices/thermo-1", NULL);
    assert_string_equal(text_of(device, "suspect_reason"), "it sent nonsense");
    device = expect(rest, 200, "POST", "/v1/devices/thermo-1/trust", "{\"reason\":\"repaired\"}");
    assert_true(json_is_null(json_object_get(device, "suspect_since")));
    expect_refusal(rest, 409, "conflict", "POST", "/v1/devices/thermo-1/claim", "{\"profile\":\"tinypart\"}");
    expect_refusal(rest, 404, "unknown", "POST", "/v1/devices/none/claim", "{\"profile\":\"tinypart\"}");

    assert_int_equal(count_of(expect(rest, 200, "GET", "/v1/devices?selector=floor%3D2", NULL), "items"), 1);
    assert_int_equal(count_of(expect(rest, 200, "GET", "/v1/devices?selector=floor%3D3", NULL), "items"), 0);
    assert_int_equal(count_of(expect(rest, 200, "GET", "/v1/devices?state=unclaimed", NULL), "items"), 0);
    expect(rest, 204, "DELETE", "/v1/devices/thermo-1", NULL);
    expect_refusal(rest, 404, "unknown", "GET", "/v1/devices/thermo-1", NULL);
    expect_refusal(rest, 404, "unknown", "DELETE", "/v1/devices/thermo-1", NULL);
    free(body);
    free(key);
    json_decref(order);
}

static void claims_what_registered_itself(void **state)
{
    struct rest *rest = *state;
    struct registration_order order = { .endpoint = "node-7",
                                        .base = "coap://127.0.0.7:5683",
                                        .links = bytes_of_text("</suit/trigger>") };
    struct registration registration;
    struct why why;

    assert_int_equal(directory_register(&rest->core, &order, &registration, &why), 0);
    json_t *device = expect(rest, 200, "GET", "/v1/devices/node-7", NULL);
    assert_string_equal(text_of(device, "state"), "unclaimed");
    assert_true(json_is_null(json_object_get(device, "profile")));
    device = expect(rest, 200, "POST", "/v1/devices/node-7/claim",
                    "{\"profile\":\"riot-tinypart\",\"labels\":\"site=lyon\",\"class_name\":\"native\"}");
    assert_string_equal(text_of(device, "state"), "claimed");
    assert_string_equal(text_of(device, "address"), "coap://127.0.0.7:5683");
    assert_int_equal(count_of(expect(rest, 200, "GET", "/v1/devices?state=claimed", NULL), "items"), 1);
}

static void shows_profiles(void **state)
{
    json_t *list = expect(*state, 200, "GET", "/v1/profiles", NULL);

    assert_true(count_of(list, "items") >= 3);
    assert_true(json_is_null(json_object_get(list, "next")));
    json_t *profile = expect(*state, 200, "GET", "/v1/profiles/riot-tinypart", NULL);
    assert_string_equal(text_of(profile, "trigger_path"), "/suit/trigger");
    assert_true(count_of(profile, "helpers") > 0);
    profile = expect(*state, 200, "GET", "/v1/profiles/riot-mainline", NULL);
    assert_true(json_is_true(json_object_get(profile, "trigger_nul")));
    expect(*state, 200, "GET", "/v1/profiles/tinypart", NULL);
    expect_refusal(*state, 404, "unknown", "GET", "/v1/profiles/none", NULL);
}

static void push(struct rest *rest, const char *target, struct bytes bundle, unsigned status)
{
    rest->media = "application/suit-envelope+cose";
    rest_call_bytes(rest, "POST", target, bundle);
    rest->media = NULL;
    if (rest->seen.status != status)
        fail_msg("%s: %u: %s", target, rest->seen.status, rest->seen.body);
}

static void admits_signed_images_only(void **state)
{
    struct rest *rest = *state;
    struct crypto_key *key = tenant_with_key(rest, "acme");
    struct crypto_key *other = tenant_with_key(rest, "rival");
    struct buffer bundle = signed_bundle(rest, key, "thermo", "1.2");

    push(rest, "/v1/images?tenant=acme", buffer_view(&bundle), 201);
    assert_string_equal(header_of(rest, "Location"), "/v1/images/thermo/1.2?tenant=acme");
    push(rest, "/v1/images?tenant=acme", buffer_view(&bundle), 201);
    assert_int_equal(number_of(rest->seen.json, "id"), 1);
    push(rest, "/v1/images?tenant=rival", buffer_view(&bundle), 403);
    push(rest, "/v1/images", buffer_view(&bundle), 400);
    push(rest, "/v1/images?tenant=nobody", buffer_view(&bundle), 404);
    bundle.data[bundle.size - 3] ^= 1;
    push(rest, "/v1/images?tenant=acme", buffer_view(&bundle), 403);
    push(rest, "/v1/images?tenant=acme", bytes_of_text("garbage"), 400);

    json_t *image = expect(rest, 200, "GET", "/v1/images/thermo/1.2?tenant=acme", NULL);
    assert_string_equal(text_of(image, "sensor"), "temperature");
    assert_int_equal(number_of(image, "size_bytes"), 44);
    assert_int_equal(count_of(expect(rest, 200, "GET", "/v1/images", NULL), "items"), 1);
    expect_refusal(rest, 404, "unknown", "GET", "/v1/images/thermo/9?tenant=acme", NULL);
    buffer_deinit(&bundle);
    crypto_key_free(key);
    crypto_key_free(other);
}

static void keeps_grants(void **state)
{
    struct rest *rest = *state;

    expect(rest, 201, "POST", "/v1/tenants", "{\"name\":\"acme\"}");
    json_t *grant = expect(rest, 201, "POST", "/v1/grants",
                           "{\"tenant\":\"acme\",\"selector\":\"site=lyon\",\"sensors\":[\"temperature\",\"load\"],"
                           "\"slots\":[\"*\"],\"until\":\"2027-01-01\"}");
    assert_string_equal(header_of(rest, "Location"), "/v1/grants/1");
    assert_int_equal(count_of(grant, "sensors"), 2);
    assert_int_equal(count_of(grant, "helpers"), 0);
    assert_string_equal(text_of(grant, "until"), "2027-01-01T00:00:00Z");
    expect(rest, 201, "POST", "/v1/grants", "{\"tenant\":\"acme\",\"selector\":\"\",\"sensors\":[\"*\"]}");
    grant = expect(rest, 200, "GET", "/v1/grants/2", NULL);
    assert_string_equal(json_string_value(json_object_get(grant, "unproven")), "deny");
    grant = expect(rest, 201, "POST", "/v1/grants", "{\"tenant\":\"acme\",\"selector\":\"\",\"unproven\":\"allow\"}");
    assert_string_equal(json_string_value(json_object_get(grant, "unproven")), "allow");
    expect_refusal(rest, 400, "invalid", "POST", "/v1/grants",
                   "{\"tenant\":\"acme\",\"selector\":\"\",\"unproven\":\"maybe\"}");
    expect_refusal(rest, 404, "unknown", "GET", "/v1/grants/4", NULL);
    expect_refusal(rest, 404, "unknown", "GET", "/v1/grants/one", NULL);
    expect_refusal(rest, 404, "unknown", "POST", "/v1/grants", "{\"tenant\":\"nobody\",\"selector\":\"\"}");
    expect_refusal(rest, 400, "invalid", "POST", "/v1/grants", "{\"tenant\":\"acme\",\"selector\":\"site in\"}");
    expect_refusal(rest, 400, "invalid", "POST", "/v1/grants",
                   "{\"tenant\":\"acme\",\"selector\":\"\",\"sensors\":[\"a,b\"]}");
    expect_refusal(rest, 400, "invalid", "POST", "/v1/grants",
                   "{\"tenant\":\"acme\",\"selector\":\"\",\"sensors\":\"a\"}");
    expect_refusal(rest, 400, "invalid", "POST", "/v1/grants",
                   "{\"tenant\":\"acme\",\"selector\":\"\",\"until\":\"tomorrow\"}");
    expect(rest, 204, "DELETE", "/v1/grants/1", NULL);
    grant = expect(rest, 200, "GET", "/v1/grants/1", NULL);
    assert_string_equal(text_of(grant, "revoked_at"), "2026-11-21T08:00:00Z");
    expect_refusal(rest, 404, "unknown", "DELETE", "/v1/grants/77", NULL);
    assert_int_equal(count_of(expect(rest, 200, "GET", "/v1/grants", NULL), "items"), 3);
}

static void keeps_tokens(void **state)
{
    struct rest *rest = *state;

    expect(rest, 201, "POST", "/v1/tenants", "{\"name\":\"acme\"}");
    json_t *made =
        expect(rest, 201, "POST", "/v1/tokens", "{\"name\":\"acme-ci\",\"role\":\"tenant\",\"tenant\":\"acme\"}");
    assert_int_equal(strlen(text_of(made, "token")), 46);
    expect_refusal(rest, 409, "exists", "POST", "/v1/tokens", "{\"name\":\"acme-ci\",\"role\":\"owner\"}");
    expect_refusal(rest, 400, "invalid", "POST", "/v1/tokens", "{\"name\":\"b\",\"role\":\"king\"}");
    expect_refusal(rest, 400, "invalid", "POST", "/v1/tokens", "{\"name\":\"b\",\"role\":\"tenant\"}");
    json_t *list = expect(rest, 200, "GET", "/v1/tokens", NULL);
    const json_t *token = json_array_get(json_object_get(list, "items"), 0);
    assert_null(json_object_get(token, "token"));
    assert_string_equal(text_of(token, "tenant"), "acme");
    expect(rest, 204, "DELETE", "/v1/tokens/acme-ci", NULL);
    expect_refusal(rest, 404, "unknown", "DELETE", "/v1/tokens/acme-ci", NULL);
}

static void counts_the_ledger_again(void **state)
{
    struct rest *rest = *state;
    json_t *verdict = expect(rest, 200, "GET", "/v1/privacy/ledger/verify", NULL);

    assert_true(json_is_true(json_object_get(verdict, "holds")));
    assert_int_equal(number_of(verdict, "charges"), 0);
}

static void raises_the_filters_of_the_present_epoch(void **state)
{
    struct rest *rest = *state;
    struct store *store = rest->core.store;
    struct loss_caps low = rest->core.settings.filter_cap;
    int64_t epoch = clock_now_ms(rest->core.clock) / rest->core.settings.epoch_ms;

    expect_refusal(rest, 409, "conflict", "POST", "/v1/privacy/filter/raise", "{\"now_because\":\"a study\"}");
    low.ueps--;
    assert_int_equal(store->begin(store), 0);
    assert_int_equal(store->filter_cap_put(store, epoch, &low), 0);
    assert_int_equal(store->commit(store), 0);
    expect_refusal(rest, 400, "invalid", "POST", "/v1/privacy/filter/raise", "{}");
    expect(rest, 200, "POST", "/v1/privacy/filter/raise", "{\"now_because\":\"a study\"}");
}

static void shows_an_audit_record_that_holds(void **state)
{
    struct rest *rest = *state;

    expect(rest, 201, "POST", "/v1/tenants", "{\"name\":\"acme\"}");
    expect(rest, 201, "POST", "/v1/tenants", "{\"name\":\"rival\"}");
    json_t *verdict = expect(rest, 200, "GET", "/v1/audit/verify", NULL);
    assert_true(json_is_true(json_object_get(verdict, "holds")));
    json_int_t entries = number_of(verdict, "entries");
    char *head = strdup(text_of(verdict, "head"));
    json_t *list = expect(rest, 200, "GET", "/v1/audit", NULL);
    assert_int_equal(count_of(list, "items"), entries);
    const json_t *last = json_array_get(json_object_get(list, "items"), (size_t)entries - 1);
    assert_string_equal(text_of(last, "hash"), head);
    assert_string_equal(text_of(last, "action"), "tenant.create");
    assert_true(json_is_object(json_object_get(last, "detail")));
    free(head);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rest_setup, rest_teardown)
    const struct CMUnitTest tests[] = {
        TEST(tells_its_version_and_status),
        TEST(keeps_tenants_and_their_keys),
        TEST(takes_hash_based_keys_and_refuses_what_it_cannot_check),
        TEST(gives_lists_in_pages),
        TEST(keeps_devices),
        TEST(claims_what_registered_itself),
        TEST(shows_profiles),
        TEST(admits_signed_images_only),
        TEST(keeps_grants),
        TEST(keeps_tokens),
        TEST(counts_the_ledger_again),
        TEST(raises_the_filters_of_the_present_epoch),
        TEST(shows_an_audit_record_that_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
