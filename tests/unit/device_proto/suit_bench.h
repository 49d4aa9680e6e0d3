/* suit_bench.h - a device that notes what a manifest does to it, for the tests of SUIT's recipient. */
#ifndef TINYPART_TESTS_DEVICE_PROTO_SUIT_BENCH_H
#define TINYPART_TESTS_DEVICE_PROTO_SUIT_BENCH_H

#include "device_proto/suit.h"

#define SUIT_BENCH_PLACES   8u
#define SUIT_BENCH_CONTENTS 512u

struct suit_bench {
    char log[4096];     /* "fetch 0 http://...; match 0 11 34768; invoke 0 'args'; " */
    char records[4096]; /* "20/13 copy 0: 0; " section/offset command component: result, "(1,0)" before where inside */
    struct suit_place places[SUIT_BENCH_PLACES];
    struct suit_device device; /* of the drafts' vendor and class; waives nothing */
    struct suit_actions actions;
    struct cose_trust trust;
    struct cose_acceptance acceptance;

    int match_refusal;   /* what image_match answers, */
    int mismatches_left; /* ... this many times, where that is not 0 */
    int fetch_refusal, content_refusal, wait_refusal, consent_refusal;
    const char *forbidden;   /* first part of components that no signer may touch */
    struct bytes remote;     /* what every fetch brings that is not integrated */
    struct bytes kept[2];    /* what the device keeps as dependencies, by the number of bytes of the name: even, odd */
    struct bytes kept_later; /* the same, once fetched */
    bool fetched;
    uint8_t contents[SUIT_BENCH_PLACES][SUIT_BENCH_CONTENTS];
    size_t sizes[SUIT_BENCH_PLACES];
};

/* Places [h'00'], [h'01'] ... [h'07'], slots 0..7, and the tests' keys ed25519 and p256. */
void suit_bench_init(struct suit_bench *bench);
/* Puts another component at a place: its parts as texts. */
void suit_bench_place(struct suit_bench *bench, size_t place, const char *const parts[SUIT_COMPONENT_PARTS]);

/* Reads hex, verifies with the bench's keys and runs; what happened is in log. */
int suit_bench_run(struct suit_bench *bench, struct bytes envelope, struct suit_where *where);

/* A vector's file of hex; false where there are none. */
bool suit_bench_vector(const char *path, uint8_t *out, size_t capacity, struct bytes *out_bytes);

/* An envelope around parts of a manifest in hex: components (an array), shared sequence, and further members from key 5
 * up; severed members and integrated things as further members of the envelope. Signed by the Ed25519 test key. NULL
 * strings are left out. */
struct suit_parts {
    uint64_t sequence; /* 0: 1 */
    const char *dependencies;
    const char *components;
    const char *shared;
    const char *members;
    unsigned member_count;
    struct bytes integrated; /* under "#dep" */
    bool by_other;           /* signed by the other Ed25519 key */
};
struct bytes suit_bench_envelope(const struct suit_parts *parts, uint8_t *out, size_t capacity);
/* The digest over the manifest of such an envelope, encoded as parameter image-digest wants it. */
void suit_bench_digest(struct bytes envelope, uint8_t out[DIGEST_SIZE]);

#endif
