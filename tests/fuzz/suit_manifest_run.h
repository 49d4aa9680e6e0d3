/* suit_manifest_run.h - what both dialects' targets do with an input: read it as if it were signed, and run it. */
#ifndef TINYPART_TESTS_FUZZ_SUIT_MANIFEST_RUN_H
#define TINYPART_TESTS_FUZZ_SUIT_MANIFEST_RUN_H

#include "device_proto/suit.h"
#include "device_proto/suit_report.h"
#include "tests/fuzz/sham_crypto.h"

/* What a run did to the device; actions always succeed, and contents are always as asked for. */
struct fuzz_bench {
    const struct suit_device *device;
    struct bytes dependency; /* what the device keeps for every dependency; data NULL: nothing */
    unsigned actions;        /* of any kind, questions included */
    unsigned effects;
    bool surprised; /* a dependency came from outside, and may be anything */
    bool written[4], matched[4];
};

enum { FUZZ_FORBIDDEN = 2 }; /* the place that no signer may touch */

static inline struct fuzz_bench *fuzz_count(void *context, size_t place)
{
    struct fuzz_bench *bench = context;

    EXPECT(place == SUIT_NO_PLACE || (place < bench->device->place_count && place != FUZZ_FORBIDDEN));
    EXPECT(++bench->actions <= 5 * SUIT_STEPS_MAX); /* two rehearsals and the three parts of a run */
    return bench;
}

/* invoke, unlink: nothing is written. */
static inline int fuzz_use(void *context, const struct suit_transfer *transfer)
{
    struct fuzz_bench *bench = fuzz_count(context, transfer->place);

    EXPECT(transfer->place != SUIT_NO_PLACE || transfer->is_dependency);
    EXPECT(transfer->decryption == NULL && transfer->component->count <= SUIT_COMPONENT_PARTS);
    bench->effects++;
    return 0;
}

static inline int fuzz_effect(void *context, const struct suit_transfer *transfer)
{
    struct fuzz_bench *bench = context;

    (void)fuzz_use(context, transfer);
    if (transfer->place != SUIT_NO_PLACE) {
        bench->written[transfer->place] = true;
        bench->matched[transfer->place] = transfer->is_dependency;
    }
    return 0;
}

static inline int fuzz_fetch(void *context, const struct suit_transfer *transfer)
{
    EXPECT(transfer->uri.size > 0 && (transfer->uri.data[0] != '#' || transfer->payload.data != NULL));
    if (transfer->is_dependency && transfer->payload.data == NULL)
        ((struct fuzz_bench *)context)->surprised = true;
    return fuzz_effect(context, transfer);
}

static inline int fuzz_write(void *context, const struct suit_transfer *transfer)
{
    int r = fuzz_effect(context, transfer);

    ((struct fuzz_bench *)context)->matched[transfer->place] = true; /* signed with the manifest */
    return r;
}

static inline int fuzz_move(void *context, const struct suit_transfer *transfer)
{
    struct fuzz_bench *bench = fuzz_count(context, transfer->source);
    bool matched;

    EXPECT(transfer->place != SUIT_NO_PLACE && transfer->source != SUIT_NO_PLACE);
    EXPECT(transfer->source != transfer->place);
    matched = bench->matched[transfer->source] || !bench->written[transfer->source];
    (void)fuzz_effect(context, transfer);
    bench->matched[transfer->place] = matched;
    return 0;
}

static inline int fuzz_match(void *context, size_t place, const uint8_t digest[DIGEST_SIZE], uint64_t size)
{
    struct fuzz_bench *bench = fuzz_count(context, place);

    (void)size;
    EXPECT(place != SUIT_NO_PLACE && digest != NULL);
    bench->matched[place] = true;
    return 0;
}

static inline int fuzz_content(void *context, size_t place, struct bytes content)
{
    (void)content;
    EXPECT(place != SUIT_NO_PLACE);
    fuzz_count(context, place)->matched[place] = true;
    return 0;
}

static inline int fuzz_wait(void *context, const struct suit_wait *wait)
{
    EXPECT(wait->events != 0 && (wait->events & ~0x3feu) == 0);
    fuzz_count(context, SUIT_NO_PLACE)->effects++;
    return 0;
}

static inline int fuzz_dependency(void *context, const struct suit_transfer *transfer, struct bytes *out)
{
    struct fuzz_bench *bench = fuzz_count(context, transfer->place);

    EXPECT(transfer->is_dependency);
    *out = bench->dependency;
    return out->data == NULL ? SUIT_REFUSED_FETCH : 0;
}

static inline void fuzz_record(void *context, const struct suit_event *event)
{
    (void)context;
    EXPECT(event->where.path_length <= SUIT_DEPENDENCY_DEPTH_MAX && event->where.component < SUIT_COMPONENTS_MAX);
    EXPECT(event->result >= 0);
}

static inline int fuzz_authorises(void *context, const struct suit_manifest *manifest, const struct suit_where *path,
                                  const struct suit_component *component)
{
    (void)context;
    (void)manifest;
    EXPECT(path->path_length <= SUIT_DEPENDENCY_DEPTH_MAX);
    return component->count == 1 && bytes_equal_text(component->parts[0], "no") ? SUIT_REFUSED_AUTHORITY : 0;
}

static inline int fuzz_consent(void *context, int64_t priority)
{
    (void)context;
    return priority < 0 ? 0 : SUIT_REFUSED_CONDITION;
}

static inline bool fuzz_has(struct bytes haystack, const char needle[2])
{
    for (size_t i = 0; i + 1 < haystack.size; i++)
        if (haystack.data[i] == (uint8_t)needle[0] && haystack.data[i + 1] == (uint8_t)needle[1])
            return true;
    return false;
}

static inline void fuzz_procedure(const struct suit_manifest *manifest, enum suit_procedure procedure,
                                  const struct suit_device *device, struct bytes dependency)
{
    struct fuzz_bench bench = { .device = device, .dependency = dependency };
    struct suit_actions actions = { &bench,    fuzz_fetch, fuzz_match,   fuzz_use,  fuzz_write,      fuzz_move,
                                    fuzz_move, fuzz_use,   fuzz_content, fuzz_wait, fuzz_dependency, fuzz_record };
    struct suit_where where = { .what = NULL };
    int r = suit_manifest_process(manifest, procedure, device, &actions, &where);

    EXPECT(r >= 0 && (r == 0 || where.what != NULL));
    EXPECT(where.path_length <= SUIT_DEPENDENCY_DEPTH_MAX);
    /* Nothing is done for what is refused, but where image-not-match (18 19) asks what the manifest wrote itself, or
     * where a dependency came by a fetch. */
    EXPECT(r == 0 || bench.effects == 0 || bench.surprised || fuzz_has(manifest->envelope, "\x18\x19") ||
           fuzz_has(dependency, "\x18\x19"));
    for (size_t i = 0; r == 0 && procedure == SUIT_UPDATE && i < 4; i++)
        EXPECT(!bench.written[i] || bench.matched[i]);
    (void)suit_reason_of(r, &where);
}

/* vendor and class are 16 zeros; the places are [h'00'], ["ram", "0"], ["no"] and ["m"]. */
static inline void fuzz_run(const struct suit_manifest *manifest, const struct cose_trust *trust,
                            const struct proto_crypto *crypto, struct bytes dependency)
{
    static const struct suit_place places[] = {
        { .component = { 1, { { (const uint8_t *)"\0", 1 } } }, .version = { 2, { 1, 2 } } },
        { .component = { 2, { { (const uint8_t *)"ram", 3 }, { (const uint8_t *)"0", 1 } } }, .slot = 1 },
        { .component = { 1, { { (const uint8_t *)"no", 2 } } }, .slot = 2 },
        { .component = { 1, { { (const uint8_t *)"m", 1 } } }, .slot = 3 },
    };
    static const struct cose_acceptance any = { .needs = { COSE_ANY_SIGNATURE } };
    struct suit_device device = { .places = places, .place_count = 4, .unix_time_s = 1000, .has_battery = true };
    struct suit_where where = { .what = NULL };
    int accepted;

    device.battery_percent = 50;
    device.authorises = fuzz_authorises;
    device.update_authorised = fuzz_consent;
    device.crypto = crypto;
    device.trust = trust;
    device.acceptance = &any;
    accepted = suit_manifest_accepts(manifest, &device, &where);
    EXPECT(accepted >= 0 && (accepted == 0 || where.what != NULL));
    fuzz_procedure(manifest, SUIT_UPDATE, &device, dependency);
    fuzz_procedure(manifest, SUIT_INVOKE, &device, dependency);
    fuzz_procedure(manifest, SUIT_UNINSTALL, &device, dependency);
}

static inline void fuzz_manifest(const uint8_t *data, size_t size, enum suit_dialect dialect)
{
    struct public_key keys[] = { sham_key(KEY_P256), sham_key(KEY_ED25519) };
    struct cose_trust trust = { .keys = keys, .key_count = 2 };
    struct proto_crypto crypto = sham_crypto();
    struct suit_manifest manifest, parsed;
    struct bytes envelope = bytes_view(data, size);
    struct bytes none = { NULL, 0 };
    int r = suit_manifest_verify(envelope, dialect, keys, 2, &crypto, &manifest);

    EXPECT(r >= 0 && (r == 0 || manifest.where.what != NULL));
    EXPECT(r != 0 || suit_manifest_parse(envelope, dialect, &crypto, &parsed) == 0);
    if (r == 0)
        fuzz_run(&manifest, &trust, &crypto, none);
}

#endif
