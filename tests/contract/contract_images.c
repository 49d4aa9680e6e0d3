/* contract_images.c - content by digest, and the images that name it. */
#include "tests/contract/store_contract.h"

SEEN_EACH(image)

static void content_is_read_in_parts_and_kept_once(void **state)
{
    struct store *store = *state;
    uint8_t digest[DIGEST_SIZE], out[16];
    uint64_t total = 0;
    size_t size = 0;

    add_blob(store, 7, 20);
    add_blob(store, 7, 20);
    digest_of(7, digest);
    ok(store->blob_read(store, digest, 0, out, sizeof out, &size, &total));
    assert_int_equal(size, 16);
    assert_int_equal(total, 20);
    assert_int_equal(out[0], 7);
    ok(store->blob_read(store, digest, 16, out, sizeof out, &size, &total));
    assert_int_equal(size, 4);
    assert_int_equal(out[3], 7 + 19);
    ok(store->blob_read(store, digest, 20, out, sizeof out, &size, &total));
    assert_int_equal(size, 0);
    assert_int_equal(total, 20);
    ok(store->blob_read(store, digest, UINT64_MAX, out, sizeof out, &size, &total));
    assert_int_equal(size, 0);
    digest_of(8, digest);
    assert_int_equal(store->blob_read(store, digest, 0, out, sizeof out, &size, &total), REFUSED_UNKNOWN);
}

static void empty_content_is_content(void **state)
{
    struct store *store = *state;
    uint8_t digest[DIGEST_SIZE], out[1];
    uint64_t total = 9;
    size_t size = 9;

    digest_of(7, digest);
    ok(in_transaction(store, store->blob_put(store, digest, bytes_view(NULL, 0))));
    ok(store->blob_read(store, digest, 0, out, sizeof out, &size, &total));
    assert_int_equal(size, 0);
    assert_int_equal(total, 0);
}

/* In place, and cleared first: the tests compare whole structs, padding and all. */
static void fill_image(struct image *image, int64_t tenant_id)
{
    memset(image, 0, sizeof *image);
    image->tenant_id = tenant_id;
    image->size = 178;
    image->created_ms = NOW;
    strcpy(image->name, "thermo");
    strcpy(image->version, "1.2");
    strcpy(image->type, "bpf");
    strcpy(image->sensor, "temperature");
    strcpy(image->helpers, "0x31,0x32");
    digest_of(1, image->digest);
    digest_of(2, image->bundle_digest);
    digest_of(3, image->signer);
}

static void an_image_comes_back_as_it_was_saved(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a");
    struct image saved, found;

    fill_image(&saved, a);
    add_blob(store, 1, 178);
    add_blob(store, 2, 500);
    ok(in_transaction(store, store->image_insert(store, &saved)));
    strcpy(saved.tenant, "a");
    ok(store->image_by_id(store, saved.id, &found));
    assert_memory_equal(&found, &saved, sizeof saved);
    ok(store->image_by_name(store, a, "thermo", "1.2", &found));
    assert_int_equal(found.id, saved.id);
    assert_int_equal(store->image_by_name(store, a, "thermo", "1.3", &found), REFUSED_UNKNOWN);
    assert_int_equal(store->image_by_name(store, a + 1, "thermo", "1.2", &found), REFUSED_UNKNOWN);
    assert_int_equal(store->image_by_id(store, 99, &found), REFUSED_UNKNOWN);
}

static void an_image_needs_its_tenant_and_its_content(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a");
    struct image image, orphan;

    fill_image(&image, a);
    fill_image(&orphan, 99);
    assert_int_equal(in_transaction(store, store->image_insert(store, &image)), REFUSED_UNKNOWN);
    add_blob(store, 1, 1);
    add_blob(store, 2, 1);
    assert_int_equal(in_transaction(store, store->image_insert(store, &orphan)), REFUSED_UNKNOWN);
    ok(in_transaction(store, store->image_insert(store, &image)));
}

static void a_name_and_version_is_taken_once_a_tenant(void **state)
{
    struct store *store = *state;
    int64_t a = add_tenant(store, "a"), b = add_tenant(store, "b");
    int64_t first = add_image(store, a, "t", "1"), second = add_image(store, b, "t", "1");
    struct seen all = { 0 }, of_b = { 0 };
    struct image again;

    fill_image(&again, a);
    strcpy(again.name, "t");
    strcpy(again.version, "1");
    digest_of(101, again.digest);
    digest_of(102, again.bundle_digest);
    assert_int_equal(in_transaction(store, store->image_insert(store, &again)), REFUSED_EXISTS);
    int64_t count = 9;
    ok(store->image_count(store, b, &count));
    assert_int_equal(count, 1);
    ok(store->image_count(store, 99, &count));
    assert_int_equal(count, 0);
    ok(store->image_each(store, 0, everything, see_image, &all));
    assert_int_equal(all.count, 2);
    assert_int_equal(all.ids[0], first);
    ok(store->image_each(store, b, everything, see_image, &of_b));
    assert_int_equal(of_b.count, 1);
    assert_int_equal(of_b.ids[0], second);
}

int contract_images(void)
{
    const struct CMUnitTest tests[] = {
        CONTRACT_TEST(content_is_read_in_parts_and_kept_once),
        CONTRACT_TEST(empty_content_is_content),
        CONTRACT_TEST(an_image_comes_back_as_it_was_saved),
        CONTRACT_TEST(an_image_needs_its_tenant_and_its_content),
        CONTRACT_TEST(a_name_and_version_is_taken_once_a_tenant),
    };

    return cmocka_run_group_tests_name("images", tests, NULL, NULL);
}
