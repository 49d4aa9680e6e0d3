/* suit_manifest_run.h - what both dialects' targets do with an input: read it as if it were signed, and run it. */
#ifndef TINYPART_TESTS_FUZZ_SUIT_MANIFEST_RUN_H
#define TINYPART_TESTS_FUZZ_SUIT_MANIFEST_RUN_H

#include "device_proto/suit.h"
#include "device_proto/suit_report.h"
#include "tests/fuzz/sham_crypto.h"

struct fuzz_bench {
    bool fetched;
    bool matched;
};

static inline int fuzz_fetch(void *context, size_t place, struct bytes uri, uint64_t size, struct bytes payload)
{
    struct fuzz_bench *bench = context;

    (void)size;
    EXPECT(place < 2 && uri.size > 0 && (uri.data[0] == '#') == (payload.data != NULL));
    bench->fetched = true;
    bench->matched = false;
    return 0;
}

static inline int fuzz_match(void *context, size_t place, const uint8_t digest[DIGEST_SIZE], uint64_t size)
{
    struct fuzz_bench *bench = context;

    (void)size;
    EXPECT(place < 2 && digest != NULL);
    bench->matched = true;
    return 0;
}

static inline int fuzz_invoke(void *context, size_t place)
{
    (void)context;
    EXPECT(place < 2);
    return 0;
}

/* vendor and class are 16 zeros; the places are [h'00'] and [h'72616d', h'30']. */
static inline void fuzz_run(const struct suit_manifest *manifest)
{
    static const struct suit_place places[] = {
        { { 1, { { (const uint8_t *)"\0", 1 } } }, 0 },
        { { 2, { { (const uint8_t *)"ram", 3 }, { (const uint8_t *)"0", 1 } } }, 1 },
    };
    struct suit_device device = { .places = places, .place_count = 2 };
    struct fuzz_bench bench = { false, false };
    struct suit_actions actions = { &bench, fuzz_fetch, fuzz_match, fuzz_invoke };
    struct suit_where where = { SUIT_SECTION_ENVELOPE, 0, 0, 0, NULL };
    int accepted = suit_manifest_accepts(manifest, &device, &where);
    int r = suit_manifest_run(manifest, &device, &actions, &where);

    EXPECT(accepted >= 0 && r >= 0);
    EXPECT(accepted == 0 || (r == accepted && !bench.fetched && !bench.matched));
    EXPECT(r != 0 || !bench.fetched || bench.matched);
    EXPECT(r == 0 || where.what != NULL);
    (void)suit_reason_of(r, &where);
}

static inline void fuzz_manifest(const uint8_t *data, size_t size, enum suit_dialect dialect)
{
    struct public_key keys[] = { sham_key(KEY_P256), sham_key(KEY_ED25519) };
    struct proto_crypto crypto = sham_crypto();
    struct suit_manifest manifest, parsed;
    struct bytes envelope = bytes_view(data, size);
    int r = suit_manifest_verify(envelope, dialect, keys, 2, &crypto, &manifest);

    EXPECT(r >= 0 && (r == 0 || manifest.where.what != NULL));
    EXPECT(r != 0 || suit_manifest_parse(envelope, dialect, &crypto, &parsed) == 0);
    if (r == 0)
        fuzz_run(&manifest);
}

#endif
