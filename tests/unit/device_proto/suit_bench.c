#include "tests/unit/device_proto/suit_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "device_proto/cbor.h"
#include "tests/unit/device_proto/fixture.h"
#include "tests/unit/device_proto/keys.h"

static const uint8_t names[SUIT_BENCH_PLACES] = { 0, 1, 2, 3, 4, 5, 6, 7 };

static void append(struct suit_bench *bench, const char *text)
{
    assert_true(strlen(bench->log) + strlen(text) < sizeof(bench->log));
    strcat(bench->log, text);
}

#define note(bench, ...)                                   \
    do {                                                   \
        char noted[600];                                   \
        (void)snprintf(noted, sizeof(noted), __VA_ARGS__); \
        append(bench, noted);                              \
    } while (0)

/* Content as the component gets it. */
static int take(struct suit_bench *bench, const struct suit_transfer *transfer, struct bytes content)
{
    const struct proto_crypto *crypto = &test_keys()->crypto;
    uint8_t *out = bench->contents[transfer->place];
    struct cose_stream stream;
    size_t size = content.size;

    assert_true(transfer->place < SUIT_BENCH_PLACES && content.size <= SUIT_BENCH_CONTENTS);
    if (transfer->decryption != NULL) {
        stream = *transfer->decryption;
        assert_int_equal(cose_decrypt_update(&stream, crypto, content, out, &size), 0);
        if (cose_decrypt_finish(&stream) != 0)
            return SUIT_REFUSED_DECRYPTION;
    } else if (size > 0) {
        memmove(out, content.data, size);
    }
    bench->sizes[transfer->place] = size;
    return 0;
}

static int bench_fetch(void *context, const struct suit_transfer *transfer)
{
    struct suit_bench *bench = context;

    note(bench, "fetch %zd %.*s", (ssize_t)transfer->place, (int)transfer->uri.size, (const char *)transfer->uri.data);
    if (transfer->payload.data != NULL)
        note(bench, " (%zu bytes)", transfer->payload.size);
    if (transfer->arguments.size > 0)
        note(bench, " '%.*s'", (int)transfer->arguments.size, (const char *)transfer->arguments.data);
    note(bench, "; ");
    bench->fetched = true;
    if (bench->fetch_refusal != 0 || transfer->place == SUIT_NO_PLACE)
        return bench->fetch_refusal;
    return take(bench, transfer, transfer->payload.data != NULL ? transfer->payload : bench->remote);
}

static int bench_match(void *context, size_t place, const uint8_t digest[DIGEST_SIZE], uint64_t size)
{
    struct suit_bench *bench = context;

    note(bench, "match %zu %02x", place, digest[1]);
    if (size != SUIT_SIZE_UNKNOWN)
        note(bench, " %llu", (unsigned long long)size);
    note(bench, "; ");
    if (bench->match_refusal == 0 || bench->mismatches_left == 0)
        return 0;
    bench->mismatches_left--;
    return bench->match_refusal;
}

static int bench_invoke(void *context, const struct suit_transfer *transfer)
{
    struct suit_bench *bench = context;

    note(bench, "invoke %zu", transfer->place);
    if (transfer->arguments.size > 0)
        note(bench, " '%.*s'", (int)transfer->arguments.size, (const char *)transfer->arguments.data);
    note(bench, "; ");
    return 0;
}

static int bench_write(void *context, const struct suit_transfer *transfer)
{
    struct suit_bench *bench = context;
    int r = take(bench, transfer, transfer->payload);

    note(bench, "write %zu '%.*s'; ", transfer->place, (int)bench->sizes[transfer->place],
         (const char *)bench->contents[transfer->place]);
    return r;
}

static int bench_copy(void *context, const struct suit_transfer *transfer)
{
    struct suit_bench *bench = context;

    int r = take(bench, transfer, bytes_view(bench->contents[transfer->source], bench->sizes[transfer->source]));

    note(bench, "copy %zu from %zu", transfer->place, transfer->source);
    if (transfer->decryption != NULL)
        note(bench, " '%.*s'", (int)bench->sizes[transfer->place], (const char *)bench->contents[transfer->place]);
    note(bench, "; ");
    return r;
}

static int bench_swap(void *context, const struct suit_transfer *transfer)
{
    note(context, "swap %zu with %zu; ", transfer->place, transfer->source);
    return 0;
}

static int bench_unlink(void *context, const struct suit_transfer *transfer)
{
    note(context, "unlink %zd; ", (ssize_t)transfer->place);
    return 0;
}

static int bench_content(void *context, size_t place, struct bytes content)
{
    struct suit_bench *bench = context;

    note(bench, "content %zu '%.*s'; ", place, (int)content.size, (const char *)content.data);
    return bench->content_refusal;
}

static int bench_wait(void *context, const struct suit_wait *wait)
{
    struct suit_bench *bench = context;

    note(bench, "wait");
    for (unsigned i = 1; i <= 9; i++)
        if ((wait->events >> i & 1) != 0)
            note(bench, " %u", i);
    note(bench, "; ");
    return bench->wait_refusal;
}

static int bench_dependency(void *context, const struct suit_transfer *transfer, struct bytes *out)
{
    struct suit_bench *bench = context;

    *out = bench->fetched && bench->kept_later.data != NULL
               ? bench->kept_later
               : bench->kept[transfer->component->count > 0 ? transfer->component->parts[0].size % 2 : 0];
    return out->data == NULL ? SUIT_REFUSED_FETCH : 0;
}

static void bench_record(void *context, const struct suit_event *event)
{
    struct suit_bench *bench = context;
    size_t used = strlen(bench->records);

    for (size_t i = 0; i < event->where.path_length; i++)
        used += (size_t)snprintf(bench->records + used, sizeof(bench->records) - used, "%zu>", event->where.path[i]);
    (void)snprintf(bench->records + used, sizeof(bench->records) - used, "%d/%zu %lld %zu: %d%s; ",
                   (int)event->where.section, event->where.offset, (long long)event->where.command,
                   event->where.component, event->result, event->sysinfo ? " with claims" : "");
}

static int bench_authorises(void *context, const struct suit_manifest *manifest, const struct suit_where *path,
                            const struct suit_component *component)
{
    const struct suit_bench *bench = context;

    (void)manifest;
    (void)path;
    return bench->forbidden != NULL && component->count > 0 && bytes_equal_text(component->parts[0], bench->forbidden)
               ? SUIT_REFUSED_AUTHORITY
               : 0;
}

static int bench_consent(void *context, int64_t priority)
{
    struct suit_bench *bench = context;

    (void)priority;
    return bench->consent_refusal;
}

void suit_bench_init(struct suit_bench *bench)
{
    static struct public_key keys[2];

    keys[0] = test_keys()->ed25519.key;
    keys[1] = test_keys()->p256.key;
    memset(bench, 0, sizeof(*bench));
    bench->mismatches_left = -1;
    bench->trust = (struct cose_trust){ .keys = keys, .key_count = 2 };
    bench->acceptance = (struct cose_acceptance){ .needs = { COSE_ANY_SIGNATURE } };
    for (size_t i = 0; i < SUIT_BENCH_PLACES; i++)
        bench->places[i] = (struct suit_place){ .component = { 1, { { &names[i], 1 } } }, .slot = i };
    bench->device = (struct suit_device){ .places = bench->places,
                                          .place_count = SUIT_BENCH_PLACES,
                                          .context = bench,
                                          .authorises = bench_authorises,
                                          .update_authorised = bench_consent,
                                          .crypto = &test_keys()->crypto,
                                          .trust = &bench->trust,
                                          .acceptance = &bench->acceptance };
    fixture_hex("fa6b4a53d5ad5fdfbe9de663e4d41ffe", bench->device.vendor_id, SUIT_ID_SIZE);
    fixture_hex("1492af1425695e48bf429b2d51f2ab45", bench->device.class_id, SUIT_ID_SIZE);
    bench->actions =
        (struct suit_actions){ bench,      bench_fetch,  bench_match,   bench_invoke, bench_write,      bench_copy,
                               bench_swap, bench_unlink, bench_content, bench_wait,   bench_dependency, bench_record };
}

void suit_bench_place(struct suit_bench *bench, size_t place, const char *const parts[SUIT_COMPONENT_PARTS])
{
    struct suit_component *component = &bench->places[place].component;

    component->count = 0;
    while (component->count < SUIT_COMPONENT_PARTS && parts[component->count] != NULL) {
        component->parts[component->count] = bytes_of_text(parts[component->count]);
        component->count++;
    }
}

int suit_bench_run(struct suit_bench *bench, struct bytes envelope, struct suit_where *where)
{
    struct suit_manifest manifest;
    int r = suit_manifest_verify_with(envelope, SUIT_37, &bench->trust, &bench->acceptance, &test_keys()->crypto,
                                      &manifest);

    bench->log[0] = bench->records[0] = '\0';
    bench->fetched = false;
    if (r != 0) {
        *where = manifest.where;
        return r;
    }
    manifest.sequence++; /* several examples have 0, which is never above a device's */
    *where = (struct suit_where){ .what = NULL };
    return suit_manifest_run(&manifest, &bench->device, &bench->actions, where);
}

bool suit_bench_vector(const char *path, uint8_t *out, size_t capacity, struct bytes *out_bytes)
{
    static uint8_t text[16384];
    struct bytes file;

    if (!fixture_vector(path, text, sizeof(text) - 1, &file))
        return false;
    text[file.size] = '\0';
    *out_bytes = fixture_hex((const char *)text, out, capacity);
    return true;
}

/* ---- making envelopes ---- */

static void add_raw(struct cbor_writer *writer, const char *hex)
{
    static uint8_t raw[2048];

    cbor_write_raw(writer, fixture_hex(hex, raw, sizeof(raw)));
}

static void add_common(struct cbor_writer *writer, const struct suit_parts *parts)
{
    size_t begin = cbor_wrap_begin(writer);
    uint8_t raw[1024];

    cbor_write_map(writer, 1u + (parts->dependencies != NULL) + (parts->shared != NULL));
    if (parts->dependencies != NULL) {
        cbor_write_uint(writer, 1);
        add_raw(writer, parts->dependencies);
    }
    cbor_write_uint(writer, 2);
    add_raw(writer, parts->components != NULL ? parts->components : "81 81 41 00");
    if (parts->shared != NULL) {
        cbor_write_uint(writer, 4);
        cbor_write_bytes(writer, fixture_hex(parts->shared, raw, sizeof(raw)));
    }
    cbor_wrap_end(writer, begin);
}

static struct bytes manifest_of(const struct suit_parts *parts, uint8_t *out, size_t capacity)
{
    struct cbor_writer writer = cbor_writer_on(out, capacity);
    size_t begin = cbor_wrap_begin(&writer), size;

    cbor_write_map(&writer, 3u + parts->member_count);
    add_raw(&writer, "01 01 02");
    cbor_write_uint(&writer, parts->sequence == 0 ? 1 : parts->sequence);
    cbor_write_uint(&writer, 3);
    add_common(&writer, parts);
    if (parts->members != NULL)
        add_raw(&writer, parts->members);
    cbor_wrap_end(&writer, begin);
    assert_int_equal(cbor_writer_finish(&writer, &size), 0);
    return bytes_view(out, size);
}

struct bytes suit_bench_envelope(const struct suit_parts *parts, uint8_t *out, size_t capacity)
{
    const struct test_keys *keys = test_keys();
    const struct proto_signer *signer = parts->by_other ? &keys->other : &keys->ed25519;
    uint8_t manifest_raw[2048], digest[36] = { 0x82, 0x2f, 0x58, 0x20 }, scratch[128], cose[160];
    struct bytes manifest = manifest_of(parts, manifest_raw, sizeof(manifest_raw));
    struct cose_order order = { .tagged = true, .detached = true, .algorithm = COSE_ED25519 };
    struct cbor_writer writer = cbor_writer_on(out, capacity);
    size_t begin, size, cose_size;

    assert_int_equal(keys->crypto.sha256(NULL, manifest, digest + 4), 0);
    order.payload = bytes_view(digest, sizeof(digest));
    assert_int_equal(cose_sign1_write(&order, signer, scratch, sizeof(scratch), cose, sizeof(cose), &cose_size), 0);
    cbor_write_tag(&writer, 107);
    cbor_write_map(&writer, parts->integrated.data != NULL ? 3 : 2);
    cbor_write_uint(&writer, 2);
    begin = cbor_wrap_begin(&writer);
    cbor_write_array(&writer, 2);
    cbor_write_bytes(&writer, bytes_view(digest, sizeof(digest)));
    cbor_write_bytes(&writer, bytes_view(cose, cose_size));
    cbor_wrap_end(&writer, begin);
    cbor_write_uint(&writer, 3);
    cbor_write_raw(&writer, manifest);
    if (parts->integrated.data != NULL) {
        cbor_write_text_of(&writer, "#dep");
        cbor_write_bytes(&writer, parts->integrated);
    }
    assert_int_equal(cbor_writer_finish(&writer, &size), 0);
    return bytes_view(out, size);
}

void suit_bench_digest(struct bytes envelope, uint8_t out[DIGEST_SIZE])
{
    struct suit_manifest manifest;

    assert_int_equal(suit_manifest_parse(envelope, SUIT_37, &test_keys()->crypto, &manifest), 0);
    memcpy(out, manifest.manifest_digest, DIGEST_SIZE);
}
