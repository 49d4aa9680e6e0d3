/* hss.c - hash-based signatures beside Ed25519: time to sign and to verify, and what a manifest then weighs.
 * Signing is timed without the records' syncs, which wait for a disk and are shared by up to 32 signatures. */
#include <string.h>
#include <unistd.h>

#include "daemon/crypto_openssl/crypto_openssl.h"
#include "device_proto/hss.h"
#include "device_proto/suit_author.h"
#include "tests/bench/bench.h"

enum { SHAPES = 5, SIGNATURE_MAX = 8192, CONTAINER = 178, ROUNDS = 21 };

static const struct hss_shape shapes[SHAPES] = {
    { 32, 10, 8, 1 }, { 32, 10, 4, 1 }, { 24, 10, 8, 1 }, { 24, 10, 4, 1 }, { 32, 15, 8, 1 },
};

struct peer {
    struct proto_crypto crypto;
    struct proto_signer ed25519; /* and its key */
    struct hss_tree tree;
    struct public_key public;
    uint8_t message[CONTAINER];
    uint8_t signature[SIGNATURE_MAX];
    size_t size;
    uint32_t q;
};

static void ed25519_sign(void *context, uint64_t times)
{
    struct peer *peer = context;

    while (times-- > 0)
        (void)peer->ed25519.sign(peer->ed25519.context, bytes_view(peer->message, CONTAINER), peer->signature,
                                 SIGNATURE_MAX, &peer->size);
}

static void ed25519_verify(void *context, uint64_t times)
{
    struct peer *peer = context;

    while (times-- > 0)
        if (peer->crypto.verify(NULL, &peer->ed25519.key, bytes_view(peer->message, CONTAINER),
                                bytes_view(peer->signature, peer->size)) != 0)
            abort();
}

static void hss_sign(void *context, uint64_t times)
{
    struct peer *peer = context;

    while (times-- > 0) /* each one-time key in turn: the digests, and so the chains, are others each time */
        if (hss_tree_sign(&peer->crypto, &peer->tree, peer->q++ % 1024, bytes_view(peer->message, CONTAINER),
                          peer->signature + 4) != 0)
            abort();
}

static void hss_check(void *context, uint64_t times)
{
    struct peer *peer = context;

    while (times-- > 0)
        if (hss_verify(&peer->crypto, bytes_view(peer->public.raw, peer->public.size),
                       bytes_view(peer->message, CONTAINER), bytes_view(peer->signature, peer->size)) != 0)
            abort();
}

static void make_hss(struct peer *peer, const struct hss_shape *shape)
{
    static const uint8_t seed[LMS_N_MAX] = { 1 }, identifier[LMS_IDENTIFIER_SIZE] = { 2 };
    struct lms_parameters parameters;

    crypto_openssl_proto(&peer->crypto);
    if (!lms_parameters_for(shape->n, shape->height, shape->width, &parameters))
        abort();
    hss_tree_init(&peer->tree, &parameters, identifier, seed);
    if (hss_tree_open(&peer->crypto, &peer->tree, "/nowhere/at/all", NULL) != 0)
        abort();
    struct hss_public public = { 1, peer->tree.public };
    peer->public.size = hss_public_write(&public, peer->public.raw);
    peer->size = hss_signature_size(&parameters, 1);
    hss_sign(peer, 1);
}

static void print_times(void)
{
    static struct peer peers[SHAPES + 1];
    static char names[2 * SHAPES][64];
    struct bench_case cases[2 * SHAPES + 2];
    struct crypto_key *key = NULL;

    if (crypto_key_generate(KEY_ED25519, &key) != 0)
        abort();
    crypto_openssl_proto(&peers[SHAPES].crypto);
    crypto_key_signer(key, &peers[SHAPES].ed25519);
    cases[0] = (struct bench_case){ .name = "Ed25519 sign", .run = ed25519_sign, .context = &peers[SHAPES] };
    cases[1] = (struct bench_case){ .name = "Ed25519 verify", .run = ed25519_verify, .context = &peers[SHAPES] };
    for (size_t i = 0; i < SHAPES; i++) {
        make_hss(&peers[i], &shapes[i]);
        for (size_t k = 0; k < 2; k++) {
            snprintf(names[2 * i + k], sizeof(names[0]), "LMS n=%u h=%u w=%u %s", shapes[i].n, shapes[i].height,
                     shapes[i].width, k == 0 ? "sign" : "verify");
            cases[2 + 2 * i + k] = (struct bench_case){ .name = names[2 * i + k],
                                                        .run = k == 0 ? hss_sign : hss_check,
                                                        .context = &peers[i] };
        }
    }
    ed25519_sign(&peers[SHAPES], 1);
    bench_run(cases, 2 + 2 * SHAPES, ROUNDS);
    printf("%-26s %10s   x Ed25519's\n", "178 bytes", "us");
    for (size_t i = 0; i < 2 + 2 * SHAPES; i++)
        printf("%-26s %10.1f %8.2f\n", cases[i].name, cases[i].median_ns / 1000,
               cases[i].median_ns / cases[i % 2].median_ns);
    for (size_t i = 0; i < SHAPES; i++)
        hss_tree_deinit(&peers[i].tree);
    crypto_key_free(key);
}

/* A signature of zeros, of the right size: envelopes are weighed here, not checked. */
static int sign_zeros(void *context, struct bytes message, uint8_t *out, size_t capacity, size_t *out_size)
{
    const size_t *size = context;

    (void)message;
    if (*size > capacity)
        return -1;
    memset(out, 0, *size);
    *out_size = *size;
    return 0;
}

static size_t envelope_size(const struct proto_crypto *crypto, enum key_type type, size_t signature)
{
    static uint8_t out[SUIT_ORDER_SIZE_MAX];
    struct suit_order order = { .dialect = SUIT_37, .sequence = 1000, .size = CONTAINER };
    const struct proto_signer signer = { .context = &signature, .key = { .type = type }, .sign = sign_zeros };
    size_t size = 0;

    order.component.count = 2;
    order.component.parts[0] = bytes_of_text("slot");
    order.component.parts[1] = bytes_of_text("0");
    order.uri = bytes_of_text("coap://[fd00:1::1]/i/0123456789abcdef");
    order.reference_uri = bytes_of_text("coap://[fd00:1::1]/m/0123456789abcdef");
    return suit_manifest_write(&order, crypto, &signer, out, sizeof(out), &size) == 0 ? size : 0;
}

static void print_sizes(void)
{
    struct proto_crypto crypto;

    crypto_openssl_proto(&crypto);
    printf("\nmanifest of one 178-byte container, bytes; Ed25519: %zu\n%-8s %-6s",
           envelope_size(&crypto, KEY_ED25519, 64), "n", "w");
    for (unsigned height = 5; height <= 25; height += 5)
        printf("   h=%-5u", height);
    printf("   h=10 x2\n");
    for (unsigned row = 0; row < 8; row++) {
        const unsigned n = row < 4 ? 32 : 24, width = 1u << (row % 4);
        printf("%-8u %-6u", n, width);
        for (unsigned column = 1; column <= 6; column++) {
            struct lms_parameters parameters;
            (void)lms_parameters_for(n, column == 6 ? 10 : 5 * column, width, &parameters);
            size_t signature = hss_signature_size(&parameters, column == 6 ? 2 : 1);
            size_t size = signature <= SIGNATURE_SIZE_MAX ? envelope_size(&crypto, KEY_HSS_LMS, signature) : 0;
            if (size > 0)
                printf("   %-7zu", size);
            else
                printf("   (%zu) ", signature);
        }
        printf("\n");
    }
    printf("in parentheses: signatures that are larger than documents have room for (%u)\n", SIGNATURE_SIZE_MAX);
}

int main(void)
{
    print_times();
    print_sizes();
    return 0;
}
