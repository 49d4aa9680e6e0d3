/* An owner's manifest that carries tenants' manifests: who may sign what, and what is run when. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "device_proto/cbor.h"
#include "tests/unit/device_proto/fixture.h"
#include "tests/unit/device_proto/keys.h"
#include "tests/unit/device_proto/suit_bench.h"

#define CHECKED "01 0f 02 0f"
#define IDS     "01 50 fa6b4a53d5ad5fdfbe9de663e4d41ffe 02 50 1492af1425695e48bf429b2d51f2ab45"

/* A tenant's manifest: writes its component [h'00'], or [name], and unlinks it. Signed by the other key. */
static struct bytes tenant_manifest(const char *components, bool by_other, uint8_t *out, size_t capacity)
{
    struct suit_parts parts = { .components = components,
                                .members = "05 81 46 74656e616e74"             /* component-id ["tenant"] */
                                           "14 4a 84 13 a1 12 43 666f6f 12 0f" /* content: "foo" unless set */
                                           "1818 44 82 1821 0f",
                                .member_count = 3,
                                .by_other = by_other };

    return suit_bench_envelope(&parts, out, capacity);
}

/* The owner's: dependency 1 is ["m"], integrated as "#dep" (or at coap://d), then the tenant's install. before runs
 * between. */
struct owner {
    struct bytes tenant;
    bool fetched;
    bool late;                  /* not in dependency-resolution but in payload-fetch */
    const char *before, *after; /* pairs of commands in hex */
    unsigned before_count, after_count;
    bool wrong_digest;
    bool unchecked; /* no dependency-integrity */
    char level[3];  /* its name in hex; empty: "m" */
};

static struct bytes owner_manifest(const struct owner *owner, uint8_t *out, size_t capacity)
{
    static char members[4000], shared[400], digest_hex[65];
    uint8_t digest[DIGEST_SIZE], raw[1600], sequence[700];
    char dependencies[] = "a1 01 a1 01 81 41 6d";
    struct suit_parts parts = { .dependencies = dependencies, .shared = shared, .members = members };
    struct cbor_writer writer = cbor_writer_on(raw, sizeof(raw));
    size_t begin;

    if (owner->level[0] != '\0')
        memcpy(dependencies + strlen(dependencies) - 2, owner->level, 2);
    suit_bench_digest(owner->tenant, digest);
    digest[5] ^= owner->wrong_digest ? 1 : 0;
    for (size_t i = 0; i < DIGEST_SIZE; i++)
        (void)snprintf(digest_hex + 2 * i, 3, "%02x", digest[i]);
    (void)snprintf(shared, sizeof(shared), "8c 0c 00 14 a2 " IDS CHECKED "0c 01 14 a1 03 5824 822f5820 %s", digest_hex);
    cbor_write_uint(&writer, owner->late ? 16 : 15);
    begin = cbor_wrap_begin(&writer);
    cbor_write_raw(&writer, fixture_hex(owner->unchecked ? "86 0c 01 14 a1 15" : "8a 0c 01 14 a1 15", sequence, 99));
    cbor_write_text_of(&writer, owner->fetched ? "coap://d" : "#dep");
    cbor_write_raw(&writer, fixture_hex(owner->unchecked ? "15 02" : "15 02 07 0f 0b 03", sequence, 99));
    cbor_wrap_end(&writer, begin);
    /* install */
    cbor_write_uint(&writer, 20);
    begin = cbor_wrap_begin(&writer);
    cbor_write_array(&writer, (uint64_t)2 * (2 + owner->before_count + owner->after_count));
    if (owner->before != NULL)
        cbor_write_raw(&writer, fixture_hex(owner->before, sequence, sizeof(sequence)));
    cbor_write_raw(&writer, fixture_hex("0c 01 0b 03", sequence, sizeof(sequence)));
    if (owner->after != NULL)
        cbor_write_raw(&writer, fixture_hex(owner->after, sequence, sizeof(sequence)));
    cbor_wrap_end(&writer, begin);
    /* uninstall */
    cbor_write_raw(&writer, fixture_hex("1818 4c 8a 0c 01 07 0f 0b 00 0c 00 1821 0f", sequence, sizeof(sequence)));
    for (size_t i = 0; i < writer.size; i++)
        (void)snprintf(members + 2 * i, 3, "%02x", raw[i]);
    parts.member_count = 3;
    if (!owner->fetched)
        parts.integrated = owner->tenant;
    return suit_bench_envelope(&parts, out, capacity);
}

static struct suit_bench bench;
static uint8_t tenant_raw[1024], owner_raw[3072];

static void trust_both(void)
{
    static struct public_key keys[3];

    suit_bench_init(&bench);
    keys[0] = test_keys()->ed25519.key;
    keys[1] = test_keys()->p256.key;
    keys[2] = test_keys()->other.key;
    bench.trust.keys = keys;
    bench.trust.key_count = 3;
}

static int run(const struct owner *owner, struct suit_where *where)
{
    return suit_bench_run(&bench, owner_manifest(owner, owner_raw, sizeof(owner_raw)), where);
}

static void runs_what_a_tenant_signed(void **state)
{
    struct owner owner = { .tenant = tenant_manifest(NULL, true, tenant_raw, sizeof(tenant_raw)) };
    struct suit_where where;

    (void)state;
    trust_both();
    assert_int_equal(run(&owner, &where), 0);
    assert_string_equal(strchr(bench.log, ';'), "; write 0 'foo'; ");
    assert_non_null(strstr(bench.records, "1>20/8 18 0: 0 with claims; ")); /* the tenant's write, below index 1 */
    owner.unchecked = true;                                                 /* then process-dependency checks */
    assert_int_equal(run(&owner, &where), 0);
    owner.fetched = true;
    owner.unchecked = false;
    bench.kept_later = owner.tenant;
    assert_int_equal(run(&owner, &where), 0);
    assert_string_equal(bench.log, "fetch -1 coap://d; write 0 'foo'; ");
}

/* set-parameters before gives way to nobody; what the dependency sets stays. */
static void parameters_pass_through_components(void **state)
{
    struct owner owner = { .tenant = tenant_manifest(NULL, true, tenant_raw, sizeof(tenant_raw)) };
    struct suit_where where;

    (void)state;
    trust_both();
    owner.before = "0c 00 14 a1 12 43 626172";
    owner.before_count = 2;
    assert_int_equal(run(&owner, &where), 0);
    assert_string_equal(strchr(bench.log, ';'), "; write 0 'bar'; ");
    owner.before_count = 0;
    owner.before = NULL;
    owner.after = "0c 00 12 00";
    owner.after_count = 2;
    assert_int_equal(run(&owner, &where), 0);
    assert_string_equal(strchr(bench.log, ';'), "; write 0 'foo'; write 0 'foo'; ");
}

/* Nothing is done for a tree in which somebody may not do what it asks for. */
static void refuses_the_whole_tree(void **state)
{
    struct owner owner = { .tenant = tenant_manifest(NULL, true, tenant_raw, sizeof(tenant_raw)) };
    struct suit_where where;

    (void)state;
    trust_both();
    owner.wrong_digest = true;
    assert_int_equal(run(&owner, &where), SUIT_REFUSED_DIGEST);
    assert_string_equal(where.what, "dependency is another manifest");
    assert_string_equal(bench.log, "");

    owner.wrong_digest = false;
    bench.trust.key_count = 2; /* the tenant is nobody here */
    assert_int_equal(run(&owner, &where), SUIT_REFUSED_SIGNATURE);
    assert_string_equal(bench.log, "");

    bench.device.crypto = NULL;
    assert_int_equal(run(&owner, &where), SUIT_REFUSED_UNSUPPORTED);
    assert_string_equal(where.what, "dependencies");

    trust_both();
    bench.actions.dependency = NULL;
    owner.fetched = true;
    assert_int_equal(run(&owner, &where), SUIT_REFUSED_UNSUPPORTED);
    assert_string_equal(where.what, "device keeps no dependencies");
    trust_both();
    bench.actions.write = NULL; /* which only the tenant asks for */
    owner.fetched = false;
    assert_int_equal(run(&owner, &where), SUIT_REFUSED_UNSUPPORTED);
    assert_string_equal(where.what, "directive write");
    assert_int_equal(where.path_length, 1);
    assert_int_equal(where.path[0], 1);
    assert_string_equal(bench.log, "");
}

static int only_slots(void *context, const struct suit_manifest *manifest, const struct suit_where *path,
                      const struct suit_component *component)
{
    static const struct suit_component slots = { 1, { { (const uint8_t *)"slot", 4 } } };

    (void)context;
    if (manifest->signer != 2)
        return 0;
    assert_int_equal(path->path_length, 1);
    return suit_component_below(component, &slots) ? 0 : SUIT_REFUSED_AUTHORITY;
}

static void a_tenant_signs_for_its_own_components_only(void **state)
{
    struct owner owner = { .tenant = tenant_manifest(NULL, true, tenant_raw, sizeof(tenant_raw)) };
    struct suit_where where;

    (void)state;
    trust_both();
    bench.device.authorises = only_slots;
    suit_bench_place(&bench, 1, (const char *const[]){ "slot", "0", NULL, NULL });
    assert_int_equal(run(&owner, &where), SUIT_REFUSED_AUTHORITY);
    assert_string_equal(where.what, "its signer may not touch this component");
    assert_int_equal(where.path_length, 1);
    assert_string_equal(bench.log, "");
    owner.tenant = tenant_manifest("81 82 44 736c6f74 41 30", true, tenant_raw, sizeof(tenant_raw));
    assert_int_equal(run(&owner, &where), 0);
    assert_string_equal(strchr(bench.log, ';'), "; write 1 'foo'; ");
    owner.tenant = tenant_manifest(NULL, false, tenant_raw, sizeof(tenant_raw)); /* the owner's own */
    assert_int_equal(run(&owner, &where), 0);
}

/* No rehearsal could know what its signer says: it is judged when it is there, before any of it is run. */
static void a_dependency_that_comes_late_has_no_more_rights(void **state)
{
    struct owner owner = { .tenant = tenant_manifest(NULL, true, tenant_raw, sizeof(tenant_raw)),
                           .fetched = true,
                           .late = true };
    struct suit_where where;

    (void)state;
    trust_both();
    bench.kept_later = owner.tenant;
    assert_int_equal(run(&owner, &where), 0);
    assert_string_equal(bench.log, "fetch -1 coap://d; write 0 'foo'; ");
    trust_both();
    bench.kept_later = owner.tenant;
    bench.device.authorises = only_slots;
    assert_int_equal(run(&owner, &where), SUIT_REFUSED_AUTHORITY);
    assert_string_equal(where.what, "its signer may not touch this component");
    assert_string_equal(bench.log, "fetch -1 coap://d; ");
}

/* What a fetch brings is known after dependency-resolution: then everything else is still undone. */
static void a_fetched_dependency_is_judged_before_anything_else_is_done(void **state)
{
    static uint8_t foreign_raw[1024];
    struct owner owner = { .tenant = tenant_manifest(NULL, true, tenant_raw, sizeof(tenant_raw)), .fetched = true };
    struct suit_where where;

    (void)state;
    trust_both();
    owner.before = "0c 00 14 a1 12 41 61 12 00";
    owner.before_count = 3;
    assert_int_equal(run(&owner, &where), SUIT_REFUSED_FETCH);
    assert_string_equal(where.what, "dependency is missing");
    assert_string_equal(bench.log, "fetch -1 coap://d; ");
    bench.kept_later = tenant_manifest("81 81 41 01", true, foreign_raw, sizeof(foreign_raw));
    assert_int_equal(run(&owner, &where), SUIT_REFUSED_DIGEST);
    assert_string_equal(bench.log, "fetch -1 coap://d; ");
    bench.kept_later = owner.tenant;
    owner.before = NULL;
    owner.before_count = 0;
    bench.actions.write = NULL;
    assert_int_equal(run(&owner, &where), SUIT_REFUSED_UNSUPPORTED);
    assert_string_equal(bench.log, "fetch -1 coap://d; ");
    /* An older one is kept: it is neither run nor in the way. */
    trust_both();
    bench.kept[1] = bytes_view(foreign_raw, sizeof(foreign_raw));
    bench.kept_later = owner.tenant;
    assert_int_equal(run(&owner, &where), 0);
}

static void nesting_has_a_bound(void **state)
{
    static uint8_t level_raw[5][3072];
    struct bytes level = tenant_manifest(NULL, true, tenant_raw, sizeof(tenant_raw));
    struct suit_where where;

    (void)state;
    trust_both();
    for (size_t depth = 1; depth <= SUIT_DEPENDENCY_DEPTH_MAX + 1; depth++) {
        struct owner owner = { .tenant = level, .level = { '7', (char)('0' + depth), '\0' } };

        level = owner_manifest(&owner, level_raw[depth], sizeof(level_raw[depth]));
        assert_int_equal(suit_bench_run(&bench, level, &where),
                         depth <= SUIT_DEPENDENCY_DEPTH_MAX ? 0 : SUIT_REFUSED_ROOM);
    }
    assert_string_equal(where.what, "dependencies nested too deeply");
    assert_int_equal(where.path_length, SUIT_DEPENDENCY_DEPTH_MAX);
    assert_string_equal(bench.log, "");
}

static void uninstalls_dependencies_first(void **state)
{
    struct owner owner = { .tenant = tenant_manifest(NULL, true, tenant_raw, sizeof(tenant_raw)) };
    struct suit_manifest manifest;
    struct suit_where where = { .what = NULL };
    struct bytes envelope;

    (void)state;
    trust_both();
    bench.kept[1] = owner.tenant;
    envelope = owner_manifest(&owner, owner_raw, sizeof(owner_raw));
    assert_int_equal(
        suit_manifest_verify_with(envelope, SUIT_37, &bench.trust, &bench.acceptance, &test_keys()->crypto, &manifest),
        0);
    bench.device.sequence = manifest.sequence; /* it is installed */
    assert_int_equal(suit_manifest_process(&manifest, SUIT_UNINSTALL, &bench.device, &bench.actions, &where), 0);
    assert_string_equal(bench.log, "unlink 0; unlink 0; ");
    assert_int_equal(suit_manifest_run(&manifest, &bench.device, &bench.actions, &where), SUIT_REFUSED_SEQUENCE);
}

/* Whatever is cut or changed, in the owner's part or in the tenant's: nothing is ever done. */
static void nothing_is_done_for_a_changed_envelope(void **state)
{
    struct owner owner = { .tenant = tenant_manifest(NULL, true, tenant_raw, sizeof(tenant_raw)) };
    struct suit_where where;
    struct bytes envelope;

    (void)state;
    trust_both();
    envelope = owner_manifest(&owner, owner_raw, sizeof(owner_raw));
    assert_int_equal(suit_bench_run(&bench, envelope, &where), 0);
    for (size_t size = 0; size < envelope.size; size++) {
        assert_int_not_equal(suit_bench_run(&bench, bytes_view(owner_raw, size), &where), 0);
        assert_string_equal(bench.log, "");
    }
    for (size_t i = 0; i < envelope.size; i++) {
        for (unsigned flip = 1; flip < 256; flip <<= 3) {
            owner_raw[i] = (uint8_t)(owner_raw[i] ^ flip);
            assert_int_not_equal(suit_bench_run(&bench, envelope, &where), 0);
            assert_string_equal(bench.log, "");
            owner_raw[i] = (uint8_t)(owner_raw[i] ^ flip);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_what_a_tenant_signed),
        cmocka_unit_test(parameters_pass_through_components),
        cmocka_unit_test(refuses_the_whole_tree),
        cmocka_unit_test(a_tenant_signs_for_its_own_components_only),
        cmocka_unit_test(a_dependency_that_comes_late_has_no_more_rights),
        cmocka_unit_test(a_fetched_dependency_is_judged_before_anything_else_is_done),
        cmocka_unit_test(nesting_has_a_bound),
        cmocka_unit_test(uninstalls_dependencies_first),
        cmocka_unit_test(nothing_is_done_for_a_changed_envelope),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
