/* kind_suit.c - signed SUIT envelopes of one updated component, in two dialects: draft-ietf-suit-manifest-37, and what
 * RIOT devices take. The verdict is that of one recipient (suit.h, recipient_vendor and so on), on the supposition that
 * whatever it fetches arrives and has the digest that the manifest says. */
#include <string.h>

#include "tests/corpus/items.h"
#include "tests/corpus/kinds.h"
#include "tests/corpus/suit.h"

static void whole(struct making *making, bool riot)
{
    struct plan plan = plan_good(making, riot);

    suit_envelope(making, &plan);
}

static void unknown_key(struct making *making, bool riot)
{
    struct plan plan = plan_good(making, riot);

    plan.seal.key = KEY_C;
    plan.seal.algorithm = riot ? ALG_EDDSA : ALG_ED25519;
    suit_envelope(making, &plan);
}

static void broken_signature(struct making *making, bool riot)
{
    struct plan plan = plan_good(making, riot);

    plan.seal.broken = true;
    suit_envelope(making, &plan);
}

static void another_digest(struct making *making, bool riot)
{
    struct plan plan = plan_good(making, riot);

    plan.another_digest = true;
    suit_envelope(making, &plan);
}

static void digest_algorithm(struct making *making, bool riot)
{
    static const int64_t algorithms[] = { -43, -44, -18, -45, 1, 99 };
    struct plan plan = plan_good(making, riot);

    plan.digest_algorithm = algorithms[making->round % 6];
    suit_envelope(making, &plan);
}

static void version(struct making *making, bool riot)
{
    static const uint64_t versions[] = { 0, 2, 3, 255, 0x100000001u };
    struct plan plan = plan_good(making, riot);

    plan.version = versions[making->round % 5];
    suit_envelope(making, &plan);
}

static void sequence_not_above(struct making *making, bool riot)
{
    struct plan plan = plan_good(making, riot);

    plan.sequence = random_between(&making->random, 0, RECIPIENT_SEQUENCE);
    suit_envelope(making, &plan);
}

static void another_vendor(struct making *making, bool riot)
{
    struct plan plan = plan_good(making, riot);

    plan.vendor[random_below(&making->random, 16)] ^= 1;
    suit_envelope(making, &plan);
}

static void another_class(struct making *making, bool riot)
{
    struct plan plan = plan_good(making, riot);

    plan.class[random_below(&making->random, 16)] ^= 1;
    suit_envelope(making, &plan);
}

static void another_component(struct making *making, bool riot)
{
    static const char *const names[] = { "2", "00", "", "rom" };
    struct plan plan = plan_good(making, riot);

    plan.component[1] = names[making->round % 4];
    suit_envelope(making, &plan);
}

/* A sequence of one command, before the usual ones of install. */
static void command(struct making *making, bool riot, int64_t number, const struct emit *argument)
{
    struct plan plan = plan_good(making, riot);
    struct emit install = { 0 };

    emit_head(&install, ARRAY, 8);
    emit_int(&install, number);
    emit_all(&install, argument);
    emit_int(&install, riot ? 19 : 20);
    emit_head(&install, MAP, 1);
    emit_int(&install, 21);
    emit_tstr(&install, plan.uri);
    emit_int(&install, 21);
    emit_int(&install, 2);
    emit_int(&install, 3);
    emit_int(&install, 15);
    plan.install = &install;
    suit_envelope(making, &plan);
}

static void unknown_command(struct making *making, bool riot)
{
    static const int64_t numbers[] = { 17, 16, 40, 41, 99, 255, 65536, -1, -256 };
    struct emit argument = { 0 };

    emit_int(&argument, 15);
    command(making, riot, numbers[making->round % 9], &argument);
}

static void unknown_parameter(struct making *making, bool riot)
{
    static const uint64_t numbers[] = { 99, 255, 1000, 65536 };
    struct emit argument = { 0 };

    emit_head(&argument, MAP, 1);
    emit_head(&argument, UINT, numbers[making->round % 4]);
    emit_head(&argument, UINT, 1);
    command(making, riot, riot ? 19 : 20, &argument);
}

static void odd_sequence(struct making *making, bool riot)
{
    struct plan plan = plan_good(making, riot);
    struct emit install = { 0 };

    emit_head(&install, ARRAY, 1);
    emit_int(&install, 3);
    plan.install = &install;
    suit_envelope(making, &plan);
}

static void component_index_outside(struct making *making, bool riot)
{
    struct emit argument = { 0 };

    emit_head(&argument, UINT, random_between(&making->random, 1, 100));
    command(making, riot, 12, &argument);
}

static void vendor_not_checked(struct making *making, bool riot)
{
    struct plan plan = plan_good(making, riot);

    plan.no_vendor_check = true;
    suit_envelope(making, &plan);
}

static void class_not_checked(struct making *making, bool riot)
{
    struct plan plan = plan_good(making, riot);

    plan.no_class_check = true;
    suit_envelope(making, &plan);
}

static void image_not_matched(struct making *making, bool riot)
{
    struct plan plan = plan_good(making, riot);

    plan.no_image_match = true;
    suit_envelope(making, &plan);
}

static void manifest_first(struct making *making, bool riot)
{
    struct plan plan = plan_good(making, riot);

    plan.manifest_first = true;
    suit_envelope(making, &plan);
}

static void without_auth(struct making *making, bool riot)
{
    struct plan plan = plan_good(making, riot);

    plan.without_auth = true;
    suit_envelope(making, &plan);
}

static void manifest_twice(struct making *making, bool riot)
{
    struct plan plan = plan_good(making, riot);

    plan.key_twice = true;
    suit_envelope(making, &plan);
}

static void another_tag(struct making *making, bool riot)
{
    static const uint64_t tags[] = { 106, 1070, 18, 108, 98 };
    struct plan plan = plan_good(making, riot);

    plan.tag = riot && making->round % 2 == 0 ? 107 : tags[making->round % 5];
    suit_envelope(making, &plan);
}

static void cut(struct making *making, bool riot)
{
    struct emit all;

    whole(making, riot);
    all = making->out;
    making->out.size = 0;
    item_cut(&making->random, &making->out, &all);
}

static void trailing(struct making *making, bool riot)
{
    whole(making, riot);
    emit_head(&making->out, UINT, random_below(&making->random, 24));
}

/* ---- draft -37 only ---- */

static void untagged(struct making *making)
{
    struct plan plan = plan_good(making, false);

    plan.tag = 0;
    suit_envelope(making, &plan);
}

static void with_reference(struct making *making)
{
    struct plan plan = plan_good(making, false);

    plan.reference = "coap://[fd00::1]/manifest";
    suit_envelope(making, &plan);
}

static void severed(struct making *making)
{
    struct plan plan = plan_good(making, false);

    plan.severed_install = true;
    suit_envelope(making, &plan);
}

static void severed_changed(struct making *making)
{
    struct plan plan = plan_good(making, false);

    plan.severed_install = plan.severed_changed = true;
    suit_envelope(making, &plan);
}

static void severed_unnamed(struct making *making)
{
    struct plan plan = plan_good(making, false);
    struct emit member = { 0 };

    emit_int(&member, 23);
    emit_bstr(&member, "\xa0", 1);
    plan.envelope_members = &member;
    plan.envelope_member_count = 1;
    suit_envelope(making, &plan);
}

static void try_each(struct making *making)
{
    struct emit argument = { 0 }, first = { 0 }, second = { 0 };

    emit_head(&first, ARRAY, 2);
    emit_int(&first, 14);
    emit_int(&first, 15);
    emit_head(&second, ARRAY, 2);
    emit_int(&second, 1);
    emit_int(&second, 15);
    emit_head(&argument, ARRAY, 2);
    emit_wrapped(&argument, &first);
    emit_wrapped(&argument, &second);
    command(making, false, 15, &argument);
}

static void abort_condition(struct making *making)
{
    struct emit argument = { 0 };

    emit_int(&argument, 15);
    command(making, false, 14, &argument);
}

static void integrated(struct making *making)
{
    struct plan plan = plan_good(making, false);
    struct emit member = { 0 };

    plan.uri = "#image";
    emit_tstr(&member, plan.uri);
    emit_head(&member, BSTR, 40);
    item_ascii(&making->random, &member, 40);
    plan.envelope_members = &member;
    plan.envelope_member_count = 1;
    suit_envelope(making, &plan);
}

#define IN_BOTH(maker)                              \
    static void maker##_37(struct making *making)   \
    {                                               \
        maker(making, false);                       \
    }                                               \
    static void maker##_riot(struct making *making) \
    {                                               \
        maker(making, true);                        \
    }

IN_BOTH(whole)
IN_BOTH(unknown_key)
IN_BOTH(broken_signature)
IN_BOTH(another_digest)
IN_BOTH(digest_algorithm)
IN_BOTH(version)
IN_BOTH(sequence_not_above)
IN_BOTH(another_vendor)
IN_BOTH(another_class)
IN_BOTH(another_component)
IN_BOTH(unknown_command)
IN_BOTH(unknown_parameter)
IN_BOTH(odd_sequence)
IN_BOTH(component_index_outside)
IN_BOTH(vendor_not_checked)
IN_BOTH(class_not_checked)
IN_BOTH(image_not_matched)
IN_BOTH(manifest_first)
IN_BOTH(without_auth)
IN_BOTH(manifest_twice)
IN_BOTH(another_tag)
IN_BOTH(cut)
IN_BOTH(trailing)

#define DRAFT "draft-ietf-suit-manifest-37 "

#define CASES_IN(dialect)                                                                                   \
    { "whole", whole_##dialect, ACCEPT, NULL, NULL }, { "whole-too", whole_##dialect, ACCEPT, NULL, NULL }, \
        { "unknown-key", unknown_key_##dialect, REFUSE, "signature", DRAFT "8.3" },                         \
        { "broken-signature", broken_signature_##dialect, REFUSE, "signature", DRAFT "8.3" },               \
        { "another-digest", another_digest_##dialect, REFUSE, "digest", DRAFT "8.3" },                      \
        { "version", version_##dialect, REFUSE, "version", DRAFT "8.4.1" },                                 \
        { "sequence-not-above", sequence_not_above_##dialect, REFUSE, "sequence", DRAFT "8.4.2" },          \
        { "another-vendor", another_vendor_##dialect, REFUSE, "condition", DRAFT "8.4.9.1" },               \
        { "another-class", another_class_##dialect, REFUSE, "condition", DRAFT "8.4.9.1" },                 \
        { "another-component", another_component_##dialect, REFUSE, "component", DRAFT "8.4.5" },           \
        { "unknown-command", unknown_command_##dialect, REFUSE, "unsupported", DRAFT "6.2.2" },             \
        { "unknown-parameter", unknown_parameter_##dialect, REFUSE, "unsupported", DRAFT "6.2.2" },         \
        { "odd-sequence", odd_sequence_##dialect, REFUSE, "syntax", DRAFT "8.4.6" },                        \
        { "index-outside", component_index_outside_##dialect, REFUSE, "any", DRAFT "8.4.10.1" },            \
        { "vendor-not-checked", vendor_not_checked_##dialect, REFUSE, "policy", DRAFT "6.2.1" },            \
        { "class-not-checked", class_not_checked_##dialect, REFUSE, "policy", DRAFT "6.2.1" },              \
        { "image-not-matched", image_not_matched_##dialect, REFUSE, "policy", DRAFT "6.2.1" },              \
        { "manifest-first", manifest_first_##dialect, REFUSE, "any", DRAFT "8.2" },                         \
        { "without-auth", without_auth_##dialect, REFUSE, "any", DRAFT "8.2" },                             \
        { "manifest-twice", manifest_twice_##dialect, REFUSE, "syntax", "RFC 8949 section 5.6" },           \
        { "another-tag", another_tag_##dialect, REFUSE, "syntax", DRAFT "8.2" },                            \
        { "cut", cut_##dialect, REFUSE, "syntax", "RFC 8949 section 3" },                                   \
    {                                                                                                       \
        "trailing", trailing_##dialect, REFUSE, "syntax", "RFC 8949 appendix C"                             \
    }

static const struct corpus_case cases[] = {
    CASES_IN(37),
    { "untagged", untagged, ACCEPT, NULL, NULL },
    { "with-reference", with_reference, ACCEPT, NULL, NULL },
    { "severed", severed, ACCEPT, NULL, NULL },
    { "try-each", try_each, ACCEPT, NULL, NULL },
    { "integrated", integrated, ACCEPT, NULL, NULL },
    { "digest-algorithm", digest_algorithm_37, REFUSE, "unsupported", DRAFT "8.3" },
    { "severed-changed", severed_changed, REFUSE, "digest", DRAFT "8.5" },
    { "severed-unnamed", severed_unnamed, REFUSE, "syntax", DRAFT "8.5" },
    { "abort", abort_condition, REFUSE, "condition", DRAFT "8.4.9.3" },
};

static const struct corpus_case riot_cases[] = {
    CASES_IN(riot),
    { "digest-algorithm", digest_algorithm_riot, REFUSE, "digest", DRAFT "8.3" },
};

const struct corpus_kind kind_suit37 = { "suit", "suit", ROWS(cases) };
const struct corpus_kind kind_suit_riot = { "suit-riot", "suit", ROWS(riot_cases) };
