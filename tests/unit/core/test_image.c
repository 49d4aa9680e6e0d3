/* What is admitted, and for which kind of device it is fit. */
#include "tests/unit/core/world.h"

#include "daemon/core/profile.h"

struct pushed {
    uint8_t bytes[4096];
    size_t size;
};

static struct pushed bundle(struct world *world, const struct world_tenant *tenant, const char *version)
{
    struct pushed pushed;

    pushed.size = world_bundle(world, tenant, "thermo", version, world_container(), "temperature", pushed.bytes,
                               sizeof(pushed.bytes));
    return pushed;
}

static int admit(struct world *world, const struct world_tenant *tenant, const struct pushed *pushed, struct image *out)
{
    return image_admit(&world->core, &tenant->caller, NULL, bytes_view(pushed->bytes, pushed->size), out, &world->why);
}

static void admits_what_a_live_key_of_its_tenant_signed(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    struct pushed pushed = bundle(world, alice, "1.0");
    struct image image, found;
    uint8_t bytes[4096];
    uint64_t total;
    size_t size;

    assert_int_equal(admit(world, alice, &pushed, &image), 0);
    assert_string_equal(image.name, "thermo");
    assert_string_equal(image.version, "1.0");
    assert_string_equal(image.type, "bpf");
    assert_string_equal(image.sensor, "temperature");
    assert_string_equal(image.helpers, "0x31,0x32");
    assert_int_equal(image.size, world_container().size);
    assert_int_equal(image_get(&world->core, &world->owner, "alice", "thermo", "1.0", &found, NULL), 0);
    assert_memory_equal(found.digest, image.digest, DIGEST_SIZE);
    assert_int_equal(world->store->blob_read(world->store, image.digest, 0, bytes, sizeof(bytes), &size, &total), 0);
    assert_int_equal(size, world_container().size);
    assert_memory_equal(bytes, world_container().data, size);
    assert_int_equal(world->store->blob_read(world->store, image.bundle_digest, 0, bytes, sizeof(bytes), &size, &total),
                     0);
    assert_int_equal(size, pushed.size);
}

static int full(struct store *store, int64_t tenant_id, int64_t *out)
{
    (void)store;
    (void)tenant_id;
    *out = IMAGES_PER_TENANT_MAX;
    return 0;
}

static void bounds_the_images_of_a_tenant(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    struct pushed first = bundle(world, alice, "1.0"), more = bundle(world, alice, "1.1");
    struct image image;

    assert_int_equal(admit(world, alice, &first, &image), 0);
    world->store->image_count = full;
    assert_int_equal(admit(world, alice, &more, &image), REFUSED_EXHAUSTED);
    assert_string_equal(world->why.what, "alice has 4096 images, which is the most");
    assert_int_equal(admit(world, alice, &first, &image), 0); /* it is there already */
}

static void takes_the_same_bundle_twice_and_another_under_its_name_not(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    struct pushed pushed = bundle(world, alice, "1.0");
    struct image first, again;

    assert_int_equal(admit(world, alice, &pushed, &first), 0);
    assert_int_equal(admit(world, alice, &pushed, &again), 0);
    assert_int_equal(first.id, again.id);
    pushed.size =
        world_bundle(world, alice, "thermo", "1.0", world_container(), "humidity", pushed.bytes, sizeof(pushed.bytes));
    assert_int_equal(admit(world, alice, &pushed, &again), REFUSED_EXISTS);
    assert_string_equal(world->why.what, "thermo:1.0 is there already with another content");
}

static void refuses_every_bundle_with_a_bit_changed(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    struct pushed pushed = bundle(world, alice, "1.0");
    struct image image;

    for (size_t i = 0; i < pushed.size; i += 7) {
        pushed.bytes[i] ^= 1;
        int r = admit(world, alice, &pushed, &image);
        assert_true(r == REFUSED_FORBIDDEN || r == REFUSED_INVALID || r == REFUSED_TOO_LARGE);
        pushed.bytes[i] ^= 1;
    }
    assert_int_equal(admit(world, alice, &pushed, &image), 0);
}

static void refuses_what_another_tenant_signed(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    struct world_tenant *bob = world_tenant(world, "bob");
    struct pushed pushed = bundle(world, bob, "1.0");
    struct image image;

    assert_int_equal(admit(world, alice, &pushed, &image), REFUSED_FORBIDDEN);
    assert_string_equal(world->why.what, "no live key of alice signed this bundle");
    assert_int_equal(
        image_admit(&world->core, &alice->caller, "bob", bytes_view(pushed.bytes, pushed.size), &image, NULL),
        REFUSED_UNKNOWN);
    assert_int_equal(
        image_admit(&world->core, &world->auditor, "bob", bytes_view(pushed.bytes, pushed.size), &image, NULL),
        REFUSED_FORBIDDEN);
}

static void refuses_what_a_revoked_key_signed(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    struct pushed first = bundle(world, alice, "1.0"), second = bundle(world, alice, "1.1");
    struct image image;

    assert_int_equal(admit(world, alice, &first, &image), 0);
    assert_int_equal(tenant_key_revoke(&world->core, &world->owner, "alice", image.signer, NULL), 0);
    assert_int_equal(admit(world, alice, &second, &image), REFUSED_FORBIDDEN);
    assert_string_equal(world->why.what, "alice has no live key");
}

static void refuses_containers_that_no_device_could_run(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    uint8_t container[256];
    struct pushed pushed;
    struct image image;
    size_t size = world_container().size;

    memcpy(container, world_container().data, size);
    container[44] = 0xff; /* the first instruction's opcode */
    pushed.size = world_bundle(world, alice, "thermo", "1.0", bytes_view(container, size), "", pushed.bytes,
                               sizeof(pushed.bytes));
    assert_int_equal(admit(world, alice, &pushed, &image), REFUSED_INVALID);
    assert_string_equal(world->why.where, "container");
    assert_non_null(strstr(world->why.what, "a device cannot run this container: instruction 0: "));
    container[0] = 'x';
    pushed.size = world_bundle(world, alice, "thermo", "1.0", bytes_view(container, size), "", pushed.bytes,
                               sizeof(pushed.bytes));
    assert_int_equal(admit(world, alice, &pushed, &image), REFUSED_INVALID);
}

static int admit_content(struct world *world, enum bundle_type type, const char *version, struct bytes content,
                         struct image *out)
{
    struct world_tenant *tenant = &world->tenants[0];
    struct pushed pushed;

    pushed.size =
        world_bundle_of(world, tenant, type, "content", version, content, "", pushed.bytes, sizeof(pushed.bytes));
    return admit(world, tenant, &pushed, out);
}

static void checks_what_is_no_bpf_by_its_own_rules(void **state)
{
    /* One type, imports ztimer_now, exports it as "run". */
    static const uint8_t module[] = "\0asm\1\0\0\0\1\5\1\x60\0\1\x7f\2\x17\1\x08tinypart\x0aztimer_now\0\0"
                                    "\7\7\1\3run\0";
    struct world *world = *state;
    struct image image;

    world_tenant(world, "alice");
    assert_int_equal(admit_content(world, BUNDLE_WASM, "1", bytes_view(module, sizeof(module)), &image), 0);
    assert_string_equal(image.type, "wasm");
    assert_string_equal(image.helpers, "0x60");
    assert_int_equal(admit_content(world, BUNDLE_WASM, "2", bytes_view(module, sizeof(module) - 1), &image),
                     REFUSED_INVALID);
    assert_string_equal(world->why.what,
                        "this is no WebAssembly module for devices: byte 42: a section is not as long as it says");
    assert_int_equal(admit_content(world, BUNDLE_PYTHON, "3", bytes_of_text("print(1)\n"), &image), 0);
    assert_int_equal(admit_content(world, BUNDLE_SHELL, "4", bytes_of_text("saul\n"), &image), 0);
    assert_string_equal(image.type, "shell");
    assert_int_equal(admit_content(world, BUNDLE_PYTHON, "5", bytes_of_text("a\nb\r\n"), &image), REFUSED_INVALID);
    assert_string_equal(world->why.what, "line 2 of the script: a control character other than tab and newline (lines "
                                         "end in LF, not CR LF)");
    assert_int_equal(admit_content(world, BUNDLE_NATIVE, "6",
                                   bytes_of_text("\x7f"
                                                 "ELF"),
                                   &image),
                     0);
}

static int count_image(void *context, const struct image *image)
{
    (void)image;
    ++*(unsigned *)context;
    return 0;
}

static void shows_a_tenant_its_own_images_only(void **state)
{
    struct world *world = *state;
    struct world_tenant *alice = world_tenant(world, "alice");
    struct world_tenant *bob = world_tenant(world, "bob");
    struct page page = { 0, 10 };
    struct image image;
    unsigned seen = 0;

    world_image(world, alice, "thermo", "1.0");
    world_image(world, bob, "thermo", "1.0");
    assert_int_equal(image_list(&world->core, &alice->caller, page, count_image, &seen, NULL), 0);
    assert_int_equal(seen, 1);
    assert_int_equal(image_get(&world->core, &alice->caller, "bob", "thermo", "1.0", &image, NULL), REFUSED_UNKNOWN);
    assert_int_equal(image_get(&world->core, &alice->caller, NULL, "thermo", "2.0", &image, NULL), REFUSED_UNKNOWN);
    assert_int_equal(image_list(&world->core, &world->owner, page, count_image, &seen, NULL), 0);
    assert_int_equal(seen, 3);
}

static void fits_images_to_the_kind_of_device(void **state)
{
    struct world *world = *state;
    struct image image = world_image(world, world_tenant(world, "alice"), "thermo", "1.0");
    struct profile profile, wrong;
    char unproven[IMAGE_UNPROVEN_SIZE];
    struct why why;

    assert_int_equal(profile_get(&world->core, &world->owner, "riot-tinypart", &profile, NULL), 0);
    assert_int_equal(image_fits(&world->core, &image, &profile, 1, unproven, &why), 0);
    assert_int_equal(image_fits(&world->core, &image, &profile, 2, unproven, &why), REFUSED_INVALID);
    assert_string_equal(why.what, "riot-tinypart devices have the slots 0 to 1");
    wrong = profile;
    strcpy(wrong.image_types, "wasm,python");
    assert_int_equal(image_fits(&world->core, &image, &wrong, 0, unproven, &why), REFUSED_INVALID);
    assert_string_equal(why.what, "riot-tinypart devices take no bpf images");
    wrong = profile;
    wrong.image_size_max = 177;
    assert_int_equal(image_fits(&world->core, &image, &wrong, 0, unproven, &why), REFUSED_INVALID);
    assert_string_equal(why.what, "thermo:1.0 has 178 bytes, a slot of a riot-tinypart device takes 177");
    wrong = profile;
    strcpy(wrong.helpers, "0x31");
    assert_int_equal(image_fits(&world->core, &image, &wrong, 0, unproven, &why), REFUSED_INVALID);
    assert_non_null(strstr(why.what, "riot-tinypart cannot run this container: instruction "));
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(admits_what_a_live_key_of_its_tenant_signed),
        IN_WORLD(bounds_the_images_of_a_tenant),
        IN_WORLD(takes_the_same_bundle_twice_and_another_under_its_name_not),
        IN_WORLD(refuses_every_bundle_with_a_bit_changed),
        IN_WORLD(refuses_what_another_tenant_signed),
        IN_WORLD(refuses_what_a_revoked_key_signed),
        IN_WORLD(refuses_containers_that_no_device_could_run),
        IN_WORLD(checks_what_is_no_bpf_by_its_own_rules),
        IN_WORLD(shows_a_tenant_its_own_images_only),
        IN_WORLD(fits_images_to_the_kind_of_device),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
