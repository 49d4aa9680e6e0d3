/* bench_proto.c - what reading the wire language costs, against others in the same run.
 * With an argument (touch-device_proto, touch-libcbor, touch-NanoCBOR) it says where a pack lies and walks it once, for
 * tests/bench/proto/touched, which counts what is read of it. */
#include <string.h>

#include "daemon/crypto_openssl/crypto_openssl.h"
#include "device_proto/senml.h"
#include "device_proto/suit_author.h"
#include "tests/bench/bench.h"
#include "tests/bench/proto/walk.h"

#define ROUNDS 31

struct input {
    uint8_t data[65536];
    size_t size;
};

static uint64_t sink; /* what was read must be used */

static void fill(struct senml_record *record, size_t i, int8_t exponent)
{
    *record = (struct senml_record){ .kind = SENML_NUMBER, .time_ms = 1700000000000 + (int64_t)i * 60000 };
    strcpy(record->name, "t-room-7");
    strcpy(record->unit, "Cel");
    record->number = (struct decimal){ 2711 + (int64_t)(i % 9), exponent };
}

/* Exponent -2: readings as sensors give them, in CBOR tagged decimal fractions; 0: integers, for the walks, since
 * NanoCBOR counts a tag within a list as one of its items and would stop too early. */
static void make_pack(size_t records, bool json, int8_t exponent, struct input *out)
{
    struct senml_record *list = calloc(records, sizeof *list);

    for (size_t i = 0; i < records; i++)
        fill(&list[i], i, exponent);
    if ((json ? senml_encode_json : senml_encode_cbor)(list, records, (struct bytes){ NULL, 0 }, out->data,
                                                       sizeof out->data, &out->size) != 0)
        abort();
    free(list);
}

/* ---- CBOR ---- */

#define WALK(name)                                         \
    static void run_##name(void *context, uint64_t times)  \
    {                                                      \
        const struct input *input = context;               \
        while (times-- > 0)                                \
            sink += walk_##name(input->data, input->size); \
    }
WALK(ours)
WALK(libcbor)
#ifdef WITH_NANOCBOR
WALK(nanocbor)
#endif

static void compare_walks(const char *what, struct input *input)
{
    struct bench_case cases[] = {
        { .name = "device_proto", .run = run_ours, .context = input },
        { .name = "libcbor", .run = run_libcbor, .context = input },
#ifdef WITH_NANOCBOR
        { .name = "NanoCBOR", .run = run_nanocbor, .context = input },
#endif
    };
    size_t count = sizeof cases / sizeof cases[0];

    if (walk_ours(input->data, input->size) != walk_libcbor_tree(input->data, input->size))
        abort();
#ifdef WITH_NANOCBOR
    if (walk_ours(input->data, input->size) != walk_nanocbor(input->data, input->size))
        abort();
#endif
    bench_run(cases, count, ROUNDS);
    printf("CBOR walk of %s, %zu bytes\n", what, input->size);
    for (size_t i = 0; i < count; i++)
        printf("  %-14s %9.0f ns   %5.2f of device_proto's time\n", cases[i].name, cases[i].median_ns,
               cases[i].median_ns / cases[0].median_ns);
    printf("  limit: libcbor's tree takes at least 3 times as long: %s\n",
           cases[1].median_ns >= 3 * cases[0].median_ns ? "kept" : "NOT KEPT");
}

/* ---- SenML ---- */

static struct senml_record decoded[512];
static uint8_t texts[4096];

static struct senml_pack pack_room(void)
{
    return (struct senml_pack){ .records = decoded, .capacity = 512, .text = texts, .text_capacity = sizeof texts };
}

static void run_senml_cbor(void *context, uint64_t times)
{
    const struct input *input = context;

    while (times-- > 0) {
        struct senml_pack pack = pack_room();

        if (senml_decode_cbor(bytes_view(input->data, input->size), &pack) != 0)
            abort();
        sink += pack.count;
    }
}

static void run_senml_json(void *context, uint64_t times)
{
    const struct input *input = context;

    while (times-- > 0) {
        struct senml_pack pack = pack_room();

        if (senml_decode_json(bytes_view(input->data, input->size), &pack) != 0)
            abort();
        sink += pack.count;
    }
}

/* ---- SUIT ---- */

struct envelope {
    struct input input;
    struct proto_crypto crypto;
    struct public_key key;
};

static int holds(void *context, const struct public_key *key, struct bytes message, struct bytes signature)
{
    (void)context;
    (void)key;
    sink += message.size + signature.size;
    return 0;
}

static void make_envelope(struct envelope *out)
{
    struct suit_order order = { .dialect = SUIT_37, .sequence = 2, .size = 178, .component = { .count = 2 } };
    struct crypto_key *key;
    struct proto_signer signer;

    order.component.parts[0] = bytes_view("ram", 3);
    order.component.parts[1] = bytes_view("0", 1);
    order.uri = bytes_of_text("coap://[fd00:1::1]/i/0123456789abcdef");
    crypto_openssl_proto(&out->crypto);
    if (crypto_key_generate(KEY_ED25519, &key) != 0)
        abort();
    crypto_key_signer(key, &signer);
    if (suit_manifest_write(&order, &out->crypto, &signer, out->input.data, sizeof out->input.data, &out->input.size) !=
        0)
        abort();
    out->key = signer.key;
    crypto_key_free(key);
}

static void run_suit(void *context, uint64_t times)
{
    struct envelope *envelope = context;
    static struct suit_manifest manifest;

    while (times-- > 0) {
        if (suit_manifest_verify(bytes_view(envelope->input.data, envelope->input.size), SUIT_37, &envelope->key, 1,
                                 &envelope->crypto, &manifest) != 0)
            abort();
        sink += manifest.sequence;
    }
}

static void report_limits(struct bench_case *cases)
{
    printf("%-44s %9.0f ns   limit 1000 ns: %s\n", cases[0].name, cases[0].median_ns,
           cases[0].median_ns < 1000 ? "kept" : "NOT KEPT");
    printf("%-44s %9.0f ns   %5.2f of CBOR's\n", cases[1].name, cases[1].median_ns,
           cases[1].median_ns / cases[0].median_ns);
    printf("%-44s %9.0f ns   %5.3f of the same with it\n", cases[2].name, cases[2].median_ns,
           cases[2].median_ns / cases[3].median_ns);
    printf("%-44s %9.0f ns\n", cases[3].name, cases[3].median_ns);
}

/* One walk over a copy that nobody has read before. */
static int touch(const char *how, const struct input *input)
{
    static uint8_t copy[sizeof input->data];

    memcpy(copy, input->data, input->size);
    printf("%p %zu\n", (const void *)copy, input->size);
    fflush(stdout);
    if (strcmp(how, "touch-device_proto") == 0)
        return walk_ours(copy, input->size) == 0;
    if (strcmp(how, "touch-libcbor") == 0)
        return walk_libcbor_tree(copy, input->size) == 0;
#ifdef WITH_NANOCBOR
    if (strcmp(how, "touch-NanoCBOR") == 0)
        return walk_nanocbor(copy, input->size) == 0;
#endif
    return 2;
}

int main(int argc, char **argv)
{
    static struct input five, many, few, five_json;
    static struct envelope real, sham;

    make_pack(5, false, -2, &five);
    make_pack(5, true, -2, &five_json);
    make_pack(5, false, 0, &few);
    make_pack(512, false, 0, &many);
    if (argc > 1)
        return touch(argv[1], &many);
    make_envelope(&real);
    sham = real;
    sham.crypto.verify = holds;
    compare_walks("a SenML pack of 512 readings", &many);
    compare_walks("a SenML pack of 5 readings", &few);
    compare_walks("a SUIT envelope", &real.input);
    struct bench_case cases[] = {
        { .name = "SenML, 5 readings decoded from CBOR", .run = run_senml_cbor, .context = &five },
        { .name = "SenML, 5 readings decoded from JSON", .run = run_senml_json, .context = &five_json },
        { .name = "SUIT envelope verified, without the signature", .run = run_suit, .context = &sham },
        { .name = "SUIT envelope verified, with Ed25519", .run = run_suit, .context = &real },
    };
    bench_run(cases, 4, ROUNDS);
    report_limits(cases);
    return sink == 0;
}
