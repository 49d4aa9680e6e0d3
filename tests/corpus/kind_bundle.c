/* kind_bundle.c - image bundles (schema/wire.cddl, image-bundle): SUIT envelopes of one shape, signed by a or b. */
#include <string.h>

#include "tests/corpus/items.h"
#include "tests/corpus/kinds.h"
#include "tests/corpus/suit.h"

static const uint8_t bundle_vendor[16] = { 0xda, 0xd8, 0x15, 0x2c, 0x5d, 0x28, 0x5e, 0xc3,
                                           0xba, 0x75, 0x9b, 0xfb, 0x50, 0x25, 0x86, 0xf3 };

static const struct {
    const char *name;
    uint8_t class[16];
} types[] = {
    { "bpf", { 0x49, 0x3f, 0x5f, 0x59, 0xaf, 0x4b, 0x5c, 0xc2, 0x99, 0x2a, 0xf8, 0xb1, 0x4c, 0xcb, 0xd9, 0xd9 } },
    { "wasm", { 0xee, 0xbd, 0x1d, 0x27, 0xa6, 0xd1, 0x5b, 0x61, 0xa3, 0xba, 0x4e, 0x5a, 0xac, 0xd3, 0x91, 0x8d } },
    { "python", { 0xbc, 0x8a, 0x02, 0x97, 0x57, 0x31, 0x5c, 0xbd, 0x92, 0x47, 0xc3, 0x76, 0xfd, 0x2c, 0x0f, 0x78 } },
    { "native", { 0xea, 0xff, 0x60, 0x9a, 0x3d, 0xd6, 0x5e, 0x88, 0x8a, 0xe8, 0xe8, 0x90, 0x4e, 0xed, 0x50, 0x2e } },
};

/* What a bundle says, and where it may be wrong. */
struct story {
    const char *name, *model_name, *version, *sensor; /* model_name: as the text says it; sensor may be NULL */
    unsigned type;
    const char *type_text; /* NULL: that type's */
    struct emit container;
    bool container_changed, text_changed, rides_along, size_differs, validate_missing;
    struct plan plan;
};

static struct story good_story(struct making *making)
{
    static const char *const names[] = { "thermo", "a", "heart-rate.v2", "x9" };
    static const char *const versions[] = { "1", "1.0.3", "2026-11-21", "v2~rc1" };
    static const char *const sensors[] = { NULL, "temp.0", "heart_rate" };
    struct story story = { 0 };
    struct random *random = &making->random;

    story.name = story.model_name = names[random_below(random, 4)];
    story.version = versions[random_below(random, 4)];
    story.sensor = sensors[random_below(random, 3)];
    story.type = (unsigned)random_below(random, 4);
    item_ascii(random, &story.container, random_between(random, 1, 200));
    story.plan = plan_good(making, false);
    story.plan.sequence = 1;
    story.plan.uri = "#container";
    memcpy(story.plan.vendor, bundle_vendor, 16);
    memcpy(story.plan.class, types[story.type].class, 16);
    return story;
}

static const char *type_text(const struct story *story)
{
    return story->type_text != NULL ? story->type_text : types[story->type].name;
}

static struct emit text_member(const struct story *story)
{
    struct emit text = { 0 }, wrapped = { 0 };

    emit_head(&text, MAP, 1);
    emit_tstr(&text, "en");
    emit_head(&text, MAP, 1);
    emit_head(&text, ARRAY, 2);
    emit_bstr(&text, type_text(story), strlen(type_text(story)));
    emit_bstr(&text, story->name, strlen(story->name));
    emit_head(&text, MAP, story->sensor != NULL ? 3 : 2);
    emit_int(&text, 2);
    emit_tstr(&text, story->model_name);
    emit_int(&text, 6);
    emit_tstr(&text, story->version);
    if (story->sensor != NULL) {
        emit_int(&text, -256);
        emit_tstr(&text, story->sensor);
    }
    emit_wrapped(&wrapped, &text);
    return wrapped;
}

static void write_bundle(struct making *making, struct story *story)
{
    struct emit text = text_member(story), digest = { 0 }, more = { 0 };
    struct plan *plan = &story->plan;

    emit_int(&digest, 23);
    suit_digest(&digest, -16, &text);
    plan->more_members = &digest;
    plan->more_member_count = 1;
    plan->component[0] = type_text(story);
    plan->component[1] = story->name;
    plan->size = story->container.size + (story->size_differs ? 1 : 0);
    keys_sha256(story->container.data, story->container.size, plan->image_digest);
    if (story->text_changed)
        text.data[text.size - 1] ^= 1;
    if (story->container_changed)
        story->container.data[story->container.size - 1] ^= 1;
    emit_int(&more, 23);
    emit_all(&more, &text);
    emit_tstr(&more, "#container");
    emit_wrapped(&more, &story->container);
    if (story->rides_along) {
        emit_tstr(&more, "#more");
        emit_bstr(&more, "unsigned", 8);
    }
    plan->envelope_members = &more;
    plan->envelope_member_count = story->rides_along ? 3 : 2;
    suit_envelope(making, plan);
}

static void whole(struct making *making)
{
    struct story story = good_story(making);

    write_bundle(making, &story);
}

static void unknown_key(struct making *making)
{
    struct story story = good_story(making);

    story.plan.seal.key = KEY_C;
    story.plan.seal.algorithm = ALG_ED25519;
    write_bundle(making, &story);
}

static void broken_signature(struct making *making)
{
    struct story story = good_story(making);

    story.plan.seal.broken = true;
    write_bundle(making, &story);
}

static void container_changed(struct making *making)
{
    struct story story = good_story(making);

    story.container_changed = true;
    write_bundle(making, &story);
}

static void text_changed(struct making *making)
{
    struct story story = good_story(making);

    story.text_changed = true;
    write_bundle(making, &story);
}

static void size_differs(struct making *making)
{
    struct story story = good_story(making);

    story.size_differs = true;
    write_bundle(making, &story);
}

static void container_empty(struct making *making)
{
    struct story story = good_story(making);

    story.container.size = 0;
    write_bundle(making, &story);
}

static void rides_along(struct making *making)
{
    struct story story = good_story(making);

    story.rides_along = true;
    write_bundle(making, &story);
}

static void bad_name(struct making *making)
{
    static const char *const names[] = { "", "-a", "a-", "A", "a b", "a/b", ".a", "a_b" };
    struct story story = good_story(making);

    story.name = story.model_name = names[making->round % 8];
    write_bundle(making, &story);
}

static void bad_version(struct making *making)
{
    static const char *const versions[] = { "", "a b", "1234567890123456789012345678901.3", "\xc3\xa9" };
    struct story story = good_story(making);

    story.version = versions[making->round % 4];
    write_bundle(making, &story);
}

static void bad_sensor(struct making *making)
{
    static const char *const sensors[] = { "Temp", "_a", "a_", "a b" };
    struct story story = good_story(making);

    story.sensor = sensors[making->round % 4];
    write_bundle(making, &story);
}

static void names_disagree(struct making *making)
{
    struct story story = good_story(making);

    story.model_name = "another";
    write_bundle(making, &story);
}

static void class_of_another_type(struct making *making)
{
    struct story story = good_story(making);

    memcpy(story.plan.class, types[(story.type + 1) % 4].class, 16);
    write_bundle(making, &story);
}

static void devices_vendor(struct making *making)
{
    struct story story = good_story(making);

    memcpy(story.plan.vendor, recipient_vendor, 16);
    write_bundle(making, &story);
}

static void unknown_type(struct making *making)
{
    static const char *const texts[] = { "elf", "BPF", "", "java" };
    struct story story = good_story(making);

    story.type_text = texts[making->round % 4];
    write_bundle(making, &story);
}

static void payload_elsewhere(struct making *making)
{
    struct story story = good_story(making);

    story.plan.uri = "coap://[fd00::1]/img";
    write_bundle(making, &story);
}

static void cut(struct making *making)
{
    struct emit all;

    whole(making);
    all = making->out;
    making->out.size = 0;
    item_cut(&making->random, &making->out, &all);
}

static void trailing(struct making *making)
{
    whole(making);
    emit_byte(&making->out, 0);
}

#define CDDL "wire.cddl image-bundle"

static const struct corpus_case cases[] = {
    { "whole", whole, ACCEPT, NULL, NULL },
    { "whole-too", whole, ACCEPT, NULL, NULL },
    { "unknown-key", unknown_key, REFUSE, "signature", CDDL },
    { "broken-signature", broken_signature, REFUSE, "signature", CDDL },
    { "container-changed", container_changed, REFUSE, "digest", CDDL },
    { "text-changed", text_changed, REFUSE, "digest", CDDL },
    { "size-differs", size_differs, REFUSE, "digest", CDDL },
    { "container-empty", container_empty, REFUSE, "syntax", CDDL },
    { "rides-along", rides_along, REFUSE, "syntax", CDDL },
    { "bad-name", bad_name, REFUSE, "value", "wire.cddl bundle-name" },
    { "bad-version", bad_version, REFUSE, "value", "wire.cddl bundle-text" },
    { "bad-sensor", bad_sensor, REFUSE, "value", "wire.cddl bundle-text" },
    { "names-disagree", names_disagree, REFUSE, "value", "wire.cddl bundle-text" },
    { "class-of-another-type", class_of_another_type, REFUSE, "value", "wire.cddl bundle-class" },
    { "devices-vendor", devices_vendor, REFUSE, "value", "wire.cddl bundle-vendor" },
    { "unknown-type", unknown_type, REFUSE, "unsupported", "wire.cddl bundle-type" },
    { "payload-elsewhere", payload_elsewhere, REFUSE, "syntax", CDDL },
    { "cut", cut, REFUSE, "syntax", "RFC 8949 section 3" },
    { "trailing", trailing, REFUSE, "syntax", "RFC 8949 appendix C" },
};

const struct corpus_kind kind_bundle = { "bundle", "suit", ROWS(cases) };
