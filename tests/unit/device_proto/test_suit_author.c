#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "device_proto/suit_author.h"
#include "tests/unit/device_proto/fixture.h"
#include "tests/unit/device_proto/keys.h"

enum { ROOM = 8192 };

static const struct suit_component ram0 = { 2, { { (const uint8_t *)"ram", 3 }, { (const uint8_t *)"0", 1 } } };
static const struct suit_component ram1 = { 2, { { (const uint8_t *)"ram", 3 }, { (const uint8_t *)"1", 1 } } };

static bool read_published(const char *path, uint8_t *out, struct bytes *out_bytes)
{
    static uint8_t text[4 * ROOM];
    struct bytes file;

    if (!fixture_vector(path, text, sizeof(text) - 1, &file))
        return false;
    text[file.size] = '\0';
    *out_bytes = fixture_hex((const char *)text, out, ROOM);
    return true;
}

/* Takes an envelope apart and writes it again from its parts, with the signatures that it had. */
static void expect_written_again(struct bytes encoded)
{
    static uint8_t manifest[2 * ROOM];
    static uint8_t out[2 * ROOM];
    const struct proto_crypto *crypto = &test_keys()->crypto;
    struct suit_envelope envelope;
    struct suit_seal seal;
    size_t size = 0;
    size_t skipped;

    assert_int_equal(suit_envelope_read(encoded, &envelope), 0);
    assert_int_equal(suit_draft_encode(&envelope.draft, crypto, manifest, sizeof(manifest), &size), 0);
    assert_true(bytes_equal(bytes_view(manifest, size), envelope.manifest));
    assert_int_equal(suit_seal_make(SUIT_37, envelope.manifest, crypto, &seal), 0);
    assert_int_equal(suit_draft_write(&envelope.draft, envelope.manifest, &seal, envelope.blocks, envelope.block_count,
                                      out, sizeof(out), &size),
                     0);
    skipped = envelope.tagged ? 0 : 2; /* what is written has its tag */
    assert_true(bytes_equal(bytes_view(out + skipped, size - skipped), encoded));
}

static void writes_the_published_manifests_with_their_signatures(void **state)
{
    static const char *const files[] = {
        "suit-manifest-37/example0.0",
        "suit-manifest-37/example0.1",
        "suit-manifest-37/example1.0",
        "suit-manifest-37/example1.1",
        "suit-manifest-37/example2.0",
        "suit-manifest-37/example2.1",
        "suit-manifest-37/example2.2",
        "suit-manifest-37/example3.0",
        "suit-manifest-37/example3.1",
        "suit-manifest-37/example4.0",
        "suit-manifest-37/example4.1",
        "suit-manifest-37/example5.0",
        "suit-manifest-37/example5.1",
        "suit-trust-domains/example0_dependent",
        "suit-trust-domains/example1_process",
        "suit-trust-domains/example2_integrated",
        "suit-teep/suit_integrated",
        "suit-teep/suit_personalization",
        "suit-teep/suit_uri",
        "suit-libcsuit/suit_manifest_expAF",
        "suit-libcsuit/suit_manifest_expD",
        "suit-libcsuit/suit_manifest_expEW",
        "suit-libcsuit/suit_manifest_expI",
        "suit-libcsuit/suit_manifest_expS2",
        "suit-libcsuit/suit_manifest_expS3",
        "suit-libcsuit/suit_manifest_expU",
        "suit-libcsuit/suit_manifest_expU0",
        "suit-libcsuit/suit_manifest_expU1",
        "suit-libcsuit/suit_manifest_expU2",
        "suit-libcsuit/suit_manifest_expU3",
    };
    uint8_t raw[ROOM];
    struct bytes encoded;

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[128];

        (void)snprintf(path, sizeof(path), "%s.hex", files[i]);
        if (!read_published(path, raw, &encoded))
            return;
        print_message("%s\n", files[i]);
        expect_written_again(encoded);
    }
}

/* ---- sequences ---- */

static void expect_sequence(struct suit_script *script, const char *hex)
{
    uint8_t raw[512];
    struct bytes out = { NULL, 0 };

    assert_int_equal(suit_script_finish(script, &out), 0);
    assert_true(bytes_equal(out, fixture_hex(hex, raw, sizeof(raw))));
}

static void writes_parameters_in_canonical_order_whatever_theirs(void **state)
{
    static const uint8_t flag[] = { 0xf5 };
    const struct suit_value values[] = {
        { .parameter = -2, .bytes = { flag, 1 } },
        { .parameter = SUIT_PARAMETER_BATTERY, .number = 7 },
        { .parameter = SUIT_PARAMETER_SLOT, .number = 1 },
        { .parameter = -1, .bytes = { flag, 1 } },
        { .parameter = SUIT_PARAMETER_PRIORITY, .integer = -3 },
    };
    uint8_t room[256];
    struct suit_script script = suit_script_on(SUIT_37, room, sizeof(room));

    (void)state;
    suit_script_parameters(&script, SUIT_DIRECTIVE_OVERRIDE, values, 5);
    expect_sequence(&script, "8214a50501181a07181b2220f521f5");
}

static void writes_sequences_in_sequences(void **state)
{
    uint8_t room[256];
    struct suit_script script = suit_script_on(SUIT_37, room, sizeof(room));

    (void)state;
    suit_script_index(&script, NULL, 0);
    suit_script_run_begin(&script);
    suit_script_try_begin(&script);
    suit_script_branch_begin(&script);
    suit_script_command(&script, SUIT_CONDITION_IMAGE_MATCH, 15);
    suit_script_branch_end(&script);
    suit_script_branch_begin(&script);
    suit_script_command(&script, SUIT_DIRECTIVE_FETCH, 2);
    suit_script_branch_end(&script);
    suit_script_try_end(&script, true);
    suit_script_run_end(&script);
    expect_sequence(&script, "840cf518204c820f834382030f43821502f6");
}

typedef void order(struct suit_script *script);

static void nothing(struct suit_script *script)
{
    (void)script;
}

static void one_branch(struct suit_script *script)
{
    suit_script_try_begin(script);
    suit_script_branch_begin(script);
    suit_script_command(script, SUIT_CONDITION_IMAGE_MATCH, 15);
    suit_script_branch_end(script);
    suit_script_try_end(script, false);
}

static void an_open_branch(struct suit_script *script)
{
    suit_script_try_begin(script);
    suit_script_branch_begin(script);
    suit_script_command(script, SUIT_CONDITION_IMAGE_MATCH, 15);
}

static void a_branch_ended_as_a_run(struct suit_script *script)
{
    an_open_branch(script);
    suit_script_run_end(script);
}

static void a_command_among_the_branches(struct suit_script *script)
{
    suit_script_try_begin(script);
    suit_script_command(script, SUIT_CONDITION_IMAGE_MATCH, 15);
}

static void too_deep(struct suit_script *script)
{
    for (unsigned i = 0; i < SUIT_SCRIPT_DEPTH; i++)
        suit_script_run_begin(script);
}

static void an_unknown_command(struct suit_script *script)
{
    suit_script_command(script, 99, 15);
}

static void a_policy_of_five_bits(struct suit_script *script)
{
    suit_script_command(script, SUIT_CONDITION_IMAGE_MATCH, 16);
}

static void the_wrong_shape(struct suit_script *script)
{
    suit_script_command(script, SUIT_DIRECTIVE_OVERRIDE, 15);
}

static void no_parameters(struct suit_script *script)
{
    suit_script_parameters(script, SUIT_DIRECTIVE_OVERRIDE, NULL, 0);
}

static void write_value(struct suit_script *script, struct suit_value value)
{
    suit_script_parameters(script, SUIT_DIRECTIVE_OVERRIDE, &value, 1);
}

static void one_parameter_twice(struct suit_script *script)
{
    const struct suit_value values[] = { { .parameter = SUIT_PARAMETER_SIZE }, { .parameter = SUIT_PARAMETER_SIZE } };

    suit_script_parameters(script, SUIT_DIRECTIVE_OVERRIDE, values, 2);
}

static void a_short_digest(struct suit_script *script)
{
    write_value(script, (struct suit_value){ .parameter = SUIT_PARAMETER_DIGEST, .bytes = bytes_of_text("short") });
}

static void a_uri_with_a_blank(struct suit_script *script)
{
    write_value(script, (struct suit_value){ .parameter = SUIT_PARAMETER_URI, .bytes = bytes_of_text("a b") });
}

static void a_pen_that_is_a_class(struct suit_script *script)
{
    write_value(script,
                (struct suit_value){ .parameter = SUIT_PARAMETER_CLASS, .bytes = bytes_of_text("x"), .is_pen = true });
}

static void wrapped_rubbish(struct suit_script *script)
{
    write_value(script, (struct suit_value){ .parameter = SUIT_PARAMETER_WAIT_INFO, .bytes = bytes_of_text("\x5f") });
}

static void a_version_of_nothing(struct suit_script *script)
{
    write_value(script, (struct suit_value){ .parameter = SUIT_PARAMETER_VERSION, .integer = 1 });
}

static void a_private_parameter_that_is_a_map(struct suit_script *script)
{
    suit_script_custom(script, -1, bytes_of_text("\xa0"));
}

static void copies_of_nothing(struct suit_script *script)
{
    const struct suit_copies row = { 0, NULL, 0 };

    suit_script_copy_params(script, &row, 1);
}

static void rows_out_of_order(struct suit_script *script)
{
    const struct suit_value size = { .parameter = SUIT_PARAMETER_SIZE };
    const struct suit_values rows[] = { { 1, &size, 1 }, { 0, &size, 1 } };

    suit_script_override_multiple(script, rows, 2);
}

static void a_copy(struct suit_script *script)
{
    suit_script_command(script, SUIT_DIRECTIVE_COPY, 2);
}

static void a_list_of_components(struct suit_script *script)
{
    const uint64_t indices[] = { 0, 1 };

    suit_script_index(script, indices, 2);
}

static void or_nothing(struct suit_script *script)
{
    suit_script_try_begin(script);
    for (int i = 0; i < 2; i++) {
        suit_script_branch_begin(script);
        suit_script_command(script, SUIT_CONDITION_IMAGE_MATCH, 15);
        suit_script_branch_end(script);
    }
    suit_script_try_end(script, true);
}

static void content(struct suit_script *script)
{
    write_value(script, (struct suit_value){ .parameter = SUIT_PARAMETER_CONTENT, .bytes = bytes_of_text("x") });
}

static void refuses_what_cannot_be_read_back(void **state)
{
    static const struct {
        order *order;
        enum suit_dialect dialect;
        int refusal;
    } cases[] = {
        { nothing, SUIT_37, SUIT_REFUSED_STRUCTURE },
        { one_branch, SUIT_37, SUIT_REFUSED_STRUCTURE },
        { an_open_branch, SUIT_37, SUIT_REFUSED_STRUCTURE },
        { a_branch_ended_as_a_run, SUIT_37, SUIT_REFUSED_STRUCTURE },
        { a_command_among_the_branches, SUIT_37, SUIT_REFUSED_STRUCTURE },
        { too_deep, SUIT_37, SUIT_REFUSED_ROOM },
        { an_unknown_command, SUIT_37, SUIT_REFUSED_STRUCTURE },
        { a_policy_of_five_bits, SUIT_37, SUIT_REFUSED_STRUCTURE },
        { the_wrong_shape, SUIT_37, SUIT_REFUSED_STRUCTURE },
        { no_parameters, SUIT_37, SUIT_REFUSED_STRUCTURE },
        { one_parameter_twice, SUIT_37, SUIT_REFUSED_STRUCTURE },
        { a_short_digest, SUIT_37, SUIT_REFUSED_STRUCTURE },
        { a_uri_with_a_blank, SUIT_37, SUIT_REFUSED_STRUCTURE },
        { a_pen_that_is_a_class, SUIT_37, SUIT_REFUSED_STRUCTURE },
        { wrapped_rubbish, SUIT_37, SUIT_REFUSED_STRUCTURE },
        { a_version_of_nothing, SUIT_37, SUIT_REFUSED_STRUCTURE },
        { a_private_parameter_that_is_a_map, SUIT_37, SUIT_REFUSED_STRUCTURE },
        { copies_of_nothing, SUIT_37, SUIT_REFUSED_STRUCTURE },
        { rows_out_of_order, SUIT_37, SUIT_REFUSED_STRUCTURE },
        { a_copy, SUIT_37, 0 },
        { a_copy, SUIT_RIOT, SUIT_REFUSED_UNSUPPORTED },
        { a_list_of_components, SUIT_37, 0 },
        { a_list_of_components, SUIT_RIOT, SUIT_REFUSED_UNSUPPORTED },
        { or_nothing, SUIT_37, 0 },
        { or_nothing, SUIT_RIOT, SUIT_REFUSED_UNSUPPORTED },
        { content, SUIT_37, 0 },
        { content, SUIT_RIOT, SUIT_REFUSED_UNSUPPORTED },
    };
    uint8_t room[512];
    struct bytes out;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct suit_script script = suit_script_on(cases[i].dialect, room, sizeof(room));

        cases[i].order(&script);
        print_message("case %zu\n", i);
        assert_int_equal(suit_script_finish(&script, &out), cases[i].refusal);
    }
}

static void says_when_the_room_is_too_small_and_touches_nothing_beyond(void **state)
{
    uint8_t room[64];
    struct bytes out;

    (void)state;
    for (size_t capacity = 0; capacity < 40; capacity++) {
        struct suit_script script = suit_script_on(SUIT_37, room, capacity);

        memset(room, 0xa5, sizeof(room));
        or_nothing(&script);
        assert_int_equal(suit_script_finish(&script, &out), capacity < 12 ? SUIT_REFUSED_ROOM : 0);
        for (size_t i = capacity; i < sizeof(room); i++)
            assert_int_equal(room[i], 0xa5);
    }
}

/* ---- texts ---- */

static void writes_texts_in_canonical_order_and_refuses_what_is_none(void **state)
{
    struct suit_text texts[] = {
        { bytes_of_text("fr"), &ram0, 5, bytes_of_text("b") }, { bytes_of_text("en-US"), NULL, 1, bytes_of_text("c") },
        { bytes_of_text("fr"), NULL, 2, bytes_of_text("d") },  { bytes_of_text("fr"), NULL, 1, bytes_of_text("a") },
        { bytes_of_text("fr"), &ram0, 1, bytes_of_text("e") },
    };
    uint8_t out[128];
    uint8_t raw[128];
    size_t size = 0;

    (void)state;
    assert_int_equal(suit_text_write(texts, 5, out, sizeof(out), &size), 0);
    assert_true(bytes_equal(
        bytes_view(out, size),
        fixture_hex("a2626672a301616102616482437261 6d4130a2016165056162 65656e2d5553a1016163", raw, sizeof(raw))));
    assert_int_equal(suit_text_write(texts, 5, out, size - 1, &size), SUIT_REFUSED_ROOM);
    texts[4].key = 5;
    assert_int_equal(suit_text_write(texts, 5, out, sizeof(out), &size), SUIT_REFUSED_STRUCTURE);
    texts[4].key = 9;
    assert_int_equal(suit_text_write(texts, 5, out, sizeof(out), &size), SUIT_REFUSED_STRUCTURE);
    texts[4].key = 1;
    texts[4].text = bytes_of_text("\xff");
    assert_int_equal(suit_text_write(texts, 5, out, sizeof(out), &size), SUIT_REFUSED_STRUCTURE);
    texts[0].language = bytes_of_text("9fr");
    assert_int_equal(suit_text_write(texts, 1, out, sizeof(out), &size), SUIT_REFUSED_STRUCTURE);
    assert_int_equal(suit_text_write(texts, 0, out, sizeof(out), &size), SUIT_REFUSED_STRUCTURE);
}

/* ---- manifests and envelopes ---- */

static void refuses_drafts_out_of_their_bounds(void **state)
{
    const struct suit_component both[] = { ram0, ram1 };
    const struct suit_component twice[] = { ram0, ram0 };
    const struct suit_dependency falling[] = { { 3, false, { 0 } }, { 2, false, { 0 } } };
    const struct suit_integrated named_twice[] = { { bytes_of_text("#a"), bytes_of_text("1") },
                                                   { bytes_of_text("#a"), bytes_of_text("2") } };
    const struct bytes match = bytes_of_text("\x82\x03\x0f");
    const struct proto_crypto *crypto = &test_keys()->crypto;
    uint8_t manifest[512];
    uint8_t out[512];
    struct suit_seal seal;
    size_t size = 0;

    (void)state;
    struct suit_draft draft = { .dialect = SUIT_37, .components = twice, .component_count = 2 };
    assert_int_equal(suit_draft_encode(&draft, crypto, manifest, sizeof(manifest), &size), SUIT_REFUSED_STRUCTURE);
    draft.component_count = 0;
    assert_int_equal(suit_draft_encode(&draft, crypto, manifest, sizeof(manifest), &size), SUIT_REFUSED_STRUCTURE);
    draft.component_count = SUIT_AUTHOR_COMPONENTS + 1;
    assert_int_equal(suit_draft_encode(&draft, crypto, manifest, sizeof(manifest), &size), SUIT_REFUSED_ROOM);
    draft = (struct suit_draft){ .dialect = SUIT_37, .components = both, .component_count = 2 };
    draft.dependencies = falling;
    draft.dependency_count = 2;
    assert_int_equal(suit_draft_encode(&draft, crypto, manifest, sizeof(manifest), &size), SUIT_REFUSED_STRUCTURE);
    draft.dependency_count = 1;
    draft.members[SUIT_PART_VALIDATE] = (struct suit_member){ .content = match, .keep = SUIT_SEVERABLE };
    assert_int_equal(suit_draft_encode(&draft, crypto, manifest, sizeof(manifest), &size), SUIT_REFUSED_UNSUPPORTED);
    draft.members[SUIT_PART_VALIDATE].keep = SUIT_KEEP;
    assert_int_equal(suit_draft_encode(&draft, crypto, manifest, sizeof(manifest), &size), 0);
    draft.dialect = SUIT_RIOT;
    assert_int_equal(suit_draft_encode(&draft, crypto, manifest, sizeof(manifest), &size), SUIT_REFUSED_UNSUPPORTED);
    draft.dependency_count = 0;
    assert_int_equal(suit_draft_encode(&draft, crypto, manifest, sizeof(manifest), &size), 0);
    draft.sequence = (uint64_t)UINT32_MAX + 1;
    assert_int_equal(suit_draft_encode(&draft, crypto, manifest, sizeof(manifest), &size), SUIT_REFUSED_ROOM);

    draft = (struct suit_draft){ .dialect = SUIT_37, .components = both, .component_count = 2 };
    draft.integrated = named_twice;
    draft.integrated_count = 2;
    assert_int_equal(suit_draft_encode(&draft, crypto, manifest, sizeof(manifest), &size), 0);
    assert_int_equal(suit_seal_make(SUIT_37, bytes_view(manifest, size), crypto, &seal), 0);
    assert_int_equal(suit_draft_write(&draft, bytes_view(manifest, size), &seal, NULL, 0, out, sizeof(out), &size),
                     SUIT_REFUSED_STRUCTURE);
}

/* Two keys of different kinds sign one manifest; a recipient that knows either takes it, before and after severing. */
static void is_signed_by_several_keys_and_severed(void **state)
{
    const struct test_keys *keys = test_keys();
    const struct proto_signer *signers[] = { &keys->ed25519, &keys->p256 };
    struct suit_draft draft = { .dialect = SUIT_37, .sequence = 4, .components = &ram0, .component_count = 1 };
    uint8_t manifest[512], envelope[1024], next[1024], block[256], scratch[SUIT_TO_BE_SIGNED_MAX];
    struct suit_manifest read;
    struct suit_seal seal;
    size_t size, block_size, envelope_size;

    (void)state;
    draft.members[SUIT_PART_INSTALL] =
        (struct suit_member){ .content = bytes_of_text("\x82\x03\x0f"), .keep = SUIT_SEVERABLE };
    assert_int_equal(suit_draft_encode(&draft, &keys->crypto, manifest, sizeof(manifest), &size), 0);
    assert_int_equal(suit_seal_make(SUIT_37, bytes_view(manifest, size), &keys->crypto, &seal), 0);
    assert_int_equal(suit_draft_write(&draft, bytes_view(manifest, size), &seal, NULL, 0, envelope, sizeof(envelope),
                                      &envelope_size),
                     0);
    for (size_t i = 0; i < 2; i++) {
        struct cose_order what = suit_seal_order(&seal, cose_algorithm_of(signers[i]->key.type), bytes_view(NULL, 0));

        assert_int_equal(
            cose_sign1_write(&what, signers[i], scratch, sizeof(scratch), block, sizeof(block), &block_size), 0);
        assert_int_equal(suit_envelope_add(bytes_view(envelope, envelope_size), bytes_view(block, block_size), next,
                                           sizeof(next), &envelope_size),
                         0);
        memcpy(envelope, next, envelope_size);
    }
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(suit_manifest_verify(bytes_view(envelope, envelope_size), SUIT_37, &signers[i]->key, 1,
                                              &keys->crypto, &read),
                         0);
    assert_int_equal(
        suit_envelope_sever(bytes_view(envelope, envelope_size), 1u << SUIT_PART_INSTALL, next, sizeof(next), &size),
        0);
    assert_int_equal(envelope_size - size, 5);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(
            suit_manifest_verify(bytes_view(next, size), SUIT_37, &signers[i]->key, 1, &keys->crypto, &read), 0);
    for (size_t cut = 0; cut < size; cut++)
        assert_int_not_equal(suit_envelope_sever(bytes_view(next, cut), 0, envelope, sizeof(envelope), &block_size), 0);
}

static void names_are_found_both_ways(void **state)
{
    (void)state;
    for (int64_t i = 0; i < 40; i++) {
        const struct suit_command_row *command = suit_command_find(i);
        const struct suit_parameter_row *parameter = suit_parameter_find(i);

        if (command != NULL)
            assert_ptr_equal(suit_command_named(bytes_of_text(command->name)), command);
        if (parameter != NULL)
            assert_ptr_equal(suit_parameter_named(bytes_of_text(parameter->name)), parameter);
    }
    assert_null(suit_command_named(bytes_of_text("directive-fly")));
    assert_null(suit_parameter_named(bytes_of_text("weight")));
    assert_int_equal(suit_parameter_find(-7)->kind, SUIT_VALUE_ITEM);
    assert_int_equal(suit_text_named(true, bytes_of_text("model-info")), 4);
    assert_string_equal(suit_text_name(false, 2), "update-description");
    assert_null(suit_text_name(false, UINT64_MAX));
    assert_int_equal(suit_digest_named(bytes_of_text(suit_digest_name(-44))), -44);
    assert_int_equal(suit_comparison_named(bytes_of_text(suit_comparison_name(5))), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_the_published_manifests_with_their_signatures),
        cmocka_unit_test(writes_parameters_in_canonical_order_whatever_theirs),
        cmocka_unit_test(writes_sequences_in_sequences),
        cmocka_unit_test(refuses_what_cannot_be_read_back),
        cmocka_unit_test(says_when_the_room_is_too_small_and_touches_nothing_beyond),
        cmocka_unit_test(writes_texts_in_canonical_order_and_refuses_what_is_none),
        cmocka_unit_test(refuses_drafts_out_of_their_bounds),
        cmocka_unit_test(is_signed_by_several_keys_and_severed),
        cmocka_unit_test(names_are_found_both_ways),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
