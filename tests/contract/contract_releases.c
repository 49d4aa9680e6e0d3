/* contract_releases.c - releases, their answers however long, and the values that they share (I2, I3). */
#include "tests/contract/store_contract.h"

#include <errno.h>

SEEN_EACH(release)

static struct release a_release(int64_t tenant_id, const char *request)
{
    struct release release = { .tenant_id = tenant_id,
                               .query = "mean",
                               .sensor = "temperature",
                               .selector = "site=lyon",
                               .from_ms = NOW - 1000,
                               .to_ms = NOW,
                               .mechanism = "laplace",
                               .loss = { .ueps = 50000, .nrho = 1250000 },
                               .policy_version = 1,
                               .cohort = 12,
                               .created_ms = NOW };

    strcpy(release.request, request);
    return release;
}

static void a_release_is_answered_once_and_replayed_byte_by_byte(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), b = add_tenant(store, "b");
    struct release release = a_release(a, "r-1"), foreign = a_release(b, "r-1"), found = { 0 };
    const char answer[] = "{\"mean\":21.5}\0tail";
    uint8_t hash[DIGEST_SIZE], found_hash[DIGEST_SIZE];
    struct seen all = { 0 }, of_b = { 0 };

    digest_of(9, hash);
    ok(store->begin(store));
    ok(store->release_insert(store, &release, hash));
    ok(store->release_answer(store, release.id, answer, sizeof answer));
    assert_int_equal(store->release_answer(store, release.id, "x", 1), REFUSED_CONFLICT);
    assert_int_equal(store->release_answer(store, 99, "x", 1), REFUSED_UNKNOWN);
    assert_int_equal(store->release_answer(store, release.id, answer, RELEASE_ANSWER_MAX + 1), -E2BIG);
    ok(store->commit(store));
    assert_int_equal(in_transaction(store, store->release_insert(store, &release, hash)), REFUSED_EXISTS);
    ok(in_transaction(store, store->release_insert(store, &foreign, hash))); /* request ids are each tenant's own */
    ok(store->release_by_request(store, a, "r-1", &found, found_hash));
    assert_int_equal(found.answer_size, sizeof answer);
    assert_memory_equal(found.answer, answer, sizeof answer);
    assert_memory_equal(found_hash, hash, DIGEST_SIZE);
    assert_string_equal(found.tenant, "a");
    assert_string_equal(found.query, "mean");
    assert_int_equal(found.cohort, 12);
    assert_int_equal(store->release_by_request(store, a, "r-2", &found, found_hash), REFUSED_UNKNOWN);
    ok(store->release_by_id(store, a, release.id, &found));
    ok(store->release_by_id(store, 0, release.id, &found));
    assert_int_equal(store->release_by_id(store, b, release.id, &found), REFUSED_UNKNOWN);
    ok(store->release_each(store, 0, everything, see_release, &all));
    ok(store->release_each(store, b, everything, see_release, &of_b));
    assert_int_equal(all.count, 2);
    assert_int_equal(of_b.count, 1);
}

static void a_long_answer_is_read_by_itself(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a");
    struct release release = a_release(a, "r-1"), found = { 0 };
    static char answer[RELEASE_ANSWER_MAX], read[RELEASE_ANSWER_MAX];
    uint8_t hash[DIGEST_SIZE];
    size_t size = 0;

    digest_of(9, hash);
    memset(answer, 'x', sizeof answer);
    ok(store->begin(store));
    ok(store->release_insert(store, &release, hash));
    ok(store->release_answer(store, release.id, answer, sizeof answer));
    ok(store->commit(store));
    ok(store->release_by_id(store, a, release.id, &found));
    assert_int_equal(found.answer_size, sizeof answer);
    assert_string_equal(found.answer, "");
    ok(store->release_answer_read(store, release.id, read, sizeof read, &size));
    assert_int_equal(size, sizeof answer);
    assert_memory_equal(read, answer, sizeof answer);
    assert_int_equal(store->release_answer_read(store, release.id, read, sizeof read - 1, &size), -E2BIG);
    assert_int_equal(store->release_answer_read(store, 99, read, sizeof read, &size), REFUSED_UNKNOWN);
}

static void a_shared_value_is_kept_once_and_found_by_all_of_its_name(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a");
    struct release release = a_release(a, "r-1");
    struct shared_value value = { 7, "temperature", "device-sum", "laplace", 2, 5, 3, NOW, NOW + 1, -42, 0 }, found;
    uint8_t hash[DIGEST_SIZE];

    digest_of(9, hash);
    ok(store->begin(store));
    ok(store->release_insert(store, &release, hash));
    ok(store->release_answer(store, release.id, "{}", 2));
    ok(store->commit(store));
    value.release_id = release.id;
    assert_int_equal(store->shared_get(store, &value), REFUSED_UNKNOWN);
    ok(in_transaction(store, store->shared_insert(store, &value)));
    assert_int_equal(in_transaction(store, store->shared_insert(store, &value)), REFUSED_EXISTS);
    found = value;
    found.value = found.release_id = 0;
    ok(store->shared_get(store, &found));
    assert_int_equal(found.value, -42);
    assert_int_equal(found.release_id, release.id);
    for (int i = 0; i < 9; i++) {
        found = value;
        found.device_id += i == 0;
        found.sensor = i == 1 ? "humidity" : found.sensor;
        found.query = i == 2 ? "device-count" : found.query;
        found.mechanism = i == 3 ? "gaussian" : found.mechanism;
        found.policy_version += i == 4;
        found.scale_num += i == 5;
        found.scale_den += i == 6;
        found.from_ms += i == 7;
        found.to_ms += i == 8;
        assert_int_equal(store->shared_get(store, &found), REFUSED_UNKNOWN);
    }
}

int contract_releases(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(a_release_is_answered_once_and_replayed_byte_by_byte),
        CONTRACT_TEST(a_long_answer_is_read_by_itself),
        CONTRACT_TEST(a_shared_value_is_kept_once_and_found_by_all_of_its_name),
    };

    return cmocka_run_group_tests_name("releases", tests, NULL, NULL);
}
