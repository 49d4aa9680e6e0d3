#include "tests/corpus/suit.h"

#include <string.h>

#include "tests/corpus/items.h"

#define SHA256_OF_37   (-16)
#define SHA256_OF_RIOT 2

const uint8_t recipient_vendor[16] = { 0x54, 0x7d, 0x0d, 0x74, 0x6d, 0x3a, 0x5a, 0x92,
                                       0x96, 0x62, 0x48, 0x81, 0xaf, 0xd9, 0x40, 0x7b };
const uint8_t recipient_class[16] = { 0xbc, 0xc9, 0x09, 0x84, 0xfe, 0x7d, 0x56, 0x2b,
                                      0xb4, 0xc9, 0xa2, 0x4f, 0x26, 0xa3, 0xa9, 0xcd };

struct plan plan_good(struct making *making, bool riot)
{
    struct plan plan = { .riot = riot, .version = 1, .component = { "ram", "0" }, .uri = "coap://[fd00::1]/img" };

    plan.sequence = random_between(&making->random, RECIPIENT_SEQUENCE + 1, 0xffffffff);
    memcpy(plan.vendor, recipient_vendor, 16);
    memcpy(plan.class, recipient_class, 16);
    plan.size = random_between(&making->random, 1, 65536);
    random_fill(&making->random, plan.image_digest, 32);
    plan.image_algorithm = plan.digest_algorithm = riot ? SHA256_OF_RIOT : SHA256_OF_37;
    plan.component[1] = random_below(&making->random, 2) == 0 ? "0" : "1";
    plan.seal = seal_random(&making->random);
    if (riot) {
        plan.seal.key = KEY_A;
        plan.seal.algorithm = ALG_EDDSA;
    }
    plan.seal.detached = !riot;
    plan.tag = riot ? 0 : 107;
    return plan;
}

static void put_digest(struct emit *out, int64_t algorithm, const uint8_t digest[32])
{
    emit_head(out, ARRAY, 2);
    emit_int(out, algorithm);
    emit_bstr(out, digest, 32);
}

void suit_digest(struct emit *out, int64_t algorithm, const struct emit *of)
{
    uint8_t digest[32];

    keys_sha256(of->data, of->size, digest);
    put_digest(out, algorithm, digest);
}

static void put_parameters(struct emit *out, const struct plan *plan)
{
    struct emit digest = { 0 };

    emit_int(out, 20);
    emit_head(out, MAP, 4);
    emit_int(out, 1);
    emit_bstr(out, plan->vendor, 16);
    emit_int(out, 2);
    emit_bstr(out, plan->class, 16);
    emit_int(out, 3);
    put_digest(&digest, plan->image_algorithm, plan->image_digest);
    emit_wrapped(out, &digest);
    emit_int(out, 14);
    emit_head(out, UINT, plan->size);
}

static void put_pair(struct emit *out, int64_t command, uint64_t policy)
{
    emit_int(out, command);
    emit_head(out, UINT, policy);
}

static void put_shared(struct emit *out, const struct plan *plan)
{
    unsigned conditions = (plan->no_vendor_check ? 0u : 1u) + (plan->no_class_check ? 0u : 1u);

    if (plan->shared != NULL) {
        emit_all(out, plan->shared);
        return;
    }
    emit_head(out, ARRAY, 2 + 2 * conditions);
    put_parameters(out, plan);
    if (!plan->no_vendor_check)
        put_pair(out, 1, 15);
    if (!plan->no_class_check)
        put_pair(out, 2, 15);
}

static void put_install(struct emit *out, const struct plan *plan)
{
    if (plan->install != NULL) {
        emit_all(out, plan->install);
        return;
    }
    emit_head(out, ARRAY, plan->no_image_match ? 4 : 6);
    emit_int(out, plan->riot ? 19 : 20);
    emit_head(out, MAP, 1);
    emit_int(out, 21);
    emit_tstr(out, plan->uri);
    put_pair(out, 21, 2);
    if (!plan->no_image_match)
        put_pair(out, 3, 15);
}

static void put_validate(struct emit *out, const struct plan *plan)
{
    if (plan->validate != NULL) {
        emit_all(out, plan->validate);
        return;
    }
    emit_head(out, ARRAY, plan->no_image_match ? 0 : 2);
    if (!plan->no_image_match)
        put_pair(out, 3, 15);
}

static void put_common(struct emit *out, const struct plan *plan)
{
    struct emit shared = { 0 };

    put_shared(&shared, plan);
    emit_head(out, MAP, 2);
    emit_int(out, 2);
    emit_head(out, ARRAY, 1);
    emit_head(out, ARRAY, 2);
    emit_bstr(out, plan->component[0], strlen(plan->component[0]));
    emit_bstr(out, plan->component[1], strlen(plan->component[1]));
    emit_int(out, 4);
    emit_wrapped(out, &shared);
}

/* install: the sequence wrapped, or its digest with the wrapped sequence in severed. */
static void put_install_member(struct emit *out, const struct plan *plan, struct emit *severed)
{
    struct emit install = { 0 };

    put_install(&install, plan);
    emit_int(out, plan->riot ? 9 : 20);
    if (!plan->severed_install) {
        emit_wrapped(out, &install);
        return;
    }
    emit_wrapped(severed, &install);
    suit_digest(out, plan->digest_algorithm, severed);
}

void suit_manifest(struct emit *out, const struct plan *plan, struct emit *severed)
{
    struct emit common = { 0 }, validate = { 0 };

    put_common(&common, plan);
    put_validate(&validate, plan);
    emit_head(out, MAP, 5u + (plan->reference != NULL ? 1 : 0) + plan->more_member_count);
    emit_int(out, 1);
    emit_head(out, UINT, plan->version);
    emit_int(out, 2);
    emit_head(out, UINT, plan->sequence);
    emit_int(out, 3);
    emit_wrapped(out, &common);
    if (plan->reference != NULL) {
        emit_int(out, 4);
        emit_tstr(out, plan->reference);
    }
    if (!plan->riot) {
        emit_int(out, 7);
        emit_wrapped(out, &validate);
    }
    put_install_member(out, plan, severed);
    if (plan->riot) {
        emit_int(out, 10);
        emit_wrapped(out, &validate);
    }
    if (plan->more_members != NULL)
        emit_all(out, plan->more_members);
}

/* The authentication wrapper's content. */
static void put_auth(struct making *making, struct emit *out, const struct plan *plan, const struct emit *manifest)
{
    struct emit digest = { 0 }, cose = { 0 };

    suit_digest(&digest, plan->digest_algorithm, manifest);
    if (plan->another_digest)
        digest.data[digest.size - 1 - random_below(&making->random, 32)] ^= 1;
    seal_write(&cose, &plan->seal, &digest, &making->random);
    emit_head(out, ARRAY, plan->riot ? 1 : 2);
    if (!plan->riot)
        emit_wrapped(out, &digest);
    emit_wrapped(out, &cose);
}

static void put_auth_member(struct emit *out, const struct emit *auth)
{
    emit_int(out, 2);
    emit_wrapped(out, auth);
}

static void put_manifest_member(struct emit *out, const struct emit *manifest)
{
    emit_int(out, 3);
    emit_all(out, manifest);
}

void suit_envelope(struct making *making, const struct plan *plan)
{
    struct emit manifest = { 0 }, wrapped = { 0 }, severed = { 0 }, auth = { 0 }, *out = &making->out;
    unsigned members = (plan->without_auth ? 1u : 2u) + (plan->key_twice ? 1u : 0u) +
                       (plan->severed_install ? 1u : 0u) + plan->envelope_member_count;

    suit_manifest(&manifest, plan, &severed);
    emit_wrapped(&wrapped, &manifest);
    put_auth(making, &auth, plan, &wrapped);
    if (plan->tag != 0)
        emit_head(out, TAG, plan->tag);
    emit_head(out, MAP, members);
    if (plan->manifest_first)
        put_manifest_member(out, &wrapped);
    if (!plan->without_auth)
        put_auth_member(out, &auth);
    if (!plan->manifest_first)
        put_manifest_member(out, &wrapped);
    if (plan->key_twice)
        put_manifest_member(out, &wrapped);
    if (plan->severed_install) {
        if (plan->severed_changed)
            severed.data[severed.size - 1] ^= 1;
        emit_int(out, 20);
        emit_all(out, &severed);
    }
    if (plan->envelope_members != NULL)
        emit_all(out, plan->envelope_members);
}
