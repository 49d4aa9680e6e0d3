/* cmd_manifest.c - SUIT manifests made and checked offline: for keys that never touch the daemon's machine, and for
 * looking. */
#include "cli/common.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/base/refusal.h"
#include "daemon/base/text.h"
#include "daemon/crypto_openssl/crypto_openssl.h"
#include "device_proto/cbor.h"
#include "device_proto/suit_author.h"

enum { IMAGE_MAX = 16 << 20, ENVELOPE_MAX = 1 << 20, PEM_MAX = 16384, DIAGNOSIS_MAX = 1 << 20 };

static int dialect_of(const struct call *call, enum suit_dialect *out)
{
    const char *name = call_option(call, "dialect");

    if (name == NULL || strcmp(name, "suit") == 0)
        *out = SUIT_37;
    else if (strcmp(name, "riot") == 0)
        *out = SUIT_RIOT;
    else
        return call_usage(call, "--dialect takes riot or suit, not %s", name);
    return EXIT_DONE;
}

/* "ram/0" into parts; the views point into text. */
static int component_of(const struct call *call, const char *text, struct suit_component *out)
{
    out->count = 0;
    for (const char *at = text;;) {
        size_t length = strcspn(at, "/");
        if (length == 0 || out->count == SUIT_COMPONENT_PARTS)
            return call_usage(call, "--component %s is not of one to %u parts, as ram/0", text, SUIT_COMPONENT_PARTS);
        out->parts[out->count++] = bytes_view(at, length);
        if (at[length] == '\0')
            return EXIT_DONE;
        at += length + 1;
    }
}

static int refused(int r, const char *file, const struct suit_where *where)
{
    struct why why;

    if (r > 0)
        refuse(&why, REFUSED_FORBIDDEN, file, NULL, "%s%s%s", suit_refusal_text(r),
               where != NULL && where->what != NULL ? ": " : "",
               where != NULL && where->what != NULL ? where->what : "");
    return common_outcome(r, &why);
}

static int fill_order(const struct call *call, const struct proto_crypto *crypto, struct bytes image,
                      struct suit_order *out)
{
    int64_t sequence = 0;

    int r = dialect_of(call, &out->dialect);
    if (r == EXIT_DONE)
        r = call_integer(call, "sequence", 1, INT64_MAX, &sequence);
    if (r == EXIT_DONE)
        r = component_of(call, call_option(call, "component"), &out->component);
    if (r != EXIT_DONE)
        return r;
    out->sequence = (uint64_t)sequence;
    out->uri = bytes_of_text(call_option(call, "uri"));
    out->size = image.size;
    r = crypto->sha256(crypto->context, image, out->digest);
    if (r == 0)
        r = suit_vendor_id(crypto, bytes_of_text(call_option(call, "vendor")), out->vendor_id);
    if (r == 0)
        r = suit_class_id(crypto, out->vendor_id, bytes_of_text(call_option(call, "class")), out->class_id);
    return refused(r, "--vendor, --class", NULL);
}

static int create(struct call *call)
{
    struct proto_crypto crypto;
    struct proto_signer signer;
    struct suit_order order = { 0 };
    struct crypto_key *key = NULL;
    uint8_t envelope[SUIT_ORDER_SIZE_MAX];
    uint8_t *image = NULL;
    struct why why;
    size_t size = 0;

    crypto_openssl_proto(&crypto);
    int r = common_read(call_option(call, "image"), IMAGE_MAX, &image, &size);
    if (r == EXIT_DONE)
        r = fill_order(call, &crypto, bytes_view(image, size), &order);
    if (r == EXIT_DONE)
        r = common_outcome(crypto_key_read_file(call_option(call, "key"), &key, &why), &why);
    if (r == EXIT_DONE) {
        crypto_key_signer(key, &signer);
        r = refused(suit_manifest_write(&order, &crypto, &signer, envelope, sizeof(envelope), &size), "manifest", NULL);
    }
    if (r == EXIT_DONE)
        r = common_write(call_option(call, "output"), bytes_view(envelope, size));
    if (r == EXIT_DONE)
        call->output->done(call->output, "manifest of %zu bytes: %s", size, call_option(call, "output"));
    crypto_key_free(key);
    free(image);
    return r;
}

static void put_hex(json_t *object, const char *member, bool has, const uint8_t *data, size_t size)
{
    char hex[2 * DIGEST_SIZE + 1];

    if (!has)
        return;
    hex_encode(bytes_view(data, size), hex);
    json_object_set_new(object, member, json_string(hex));
}

static json_t *component_text(const struct suit_component *component)
{
    char text[SUIT_COMPONENT_PARTS * 140] = "";

    for (size_t i = 0; i < component->count; i++) {
        struct bytes part = component->parts[i];
        size_t used = strlen(text);
        bool printable = part.size > 0 && part.size < 64;
        for (size_t k = 0; k < part.size; k++)
            printable &= part.data[k] > 0x20 && part.data[k] < 0x7f;
        if (i > 0)
            text[used++] = '/';
        if (printable)
            snprintf(text + used, sizeof(text) - used, "%.*s", (int)part.size, (const char *)part.data);
        else if (part.size <= 64)
            hex_encode(part, text + used);
    }
    return json_string(text);
}

static json_t *manifest_json(const struct suit_manifest *manifest)
{
    json_t *shown = json_pack("{s:s, s:I}", "dialect", manifest->dialect == SUIT_RIOT ? "riot" : "suit", "sequence",
                              (json_int_t)manifest->sequence);

    put_hex(shown, "manifest_digest", true, manifest->manifest_digest, DIGEST_SIZE);
    put_hex(shown, "vendor_id", manifest->has_vendor_id, manifest->vendor_id, SUIT_ID_SIZE);
    put_hex(shown, "class_id", manifest->has_class_id, manifest->class_id, SUIT_ID_SIZE);
    if (manifest->component_count > 0)
        json_object_set_new(shown, "component", component_text(&manifest->components[0]));
    put_hex(shown, "image_digest", manifest->has_digest, manifest->digest, DIGEST_SIZE);
    if (manifest->has_size)
        json_object_set_new(shown, "image_size_bytes", json_integer((json_int_t)manifest->size));
    if (manifest->uri.size > 0)
        json_object_set_new(shown, "uri", json_stringn((const char *)manifest->uri.data, manifest->uri.size));
    if (manifest->runs != 0)
        json_object_set_new(shown, "cannot_run",
                            json_sprintf("%s: %s", suit_refusal_text(manifest->runs),
                                         manifest->where.what != NULL ? manifest->where.what : ""));
    return shown;
}

/* Both dialects are told apart by the file itself: only draft-37 envelopes carry their tag. */
static enum suit_dialect dialect_in(struct bytes envelope)
{
    return envelope.size > 0 && envelope.data[0] == 0xd8 ? SUIT_37 : SUIT_RIOT;
}

static int verify(struct call *call)
{
    struct proto_crypto crypto;
    struct suit_manifest manifest;
    struct public_key key;
    struct why why;
    uint8_t *pem = NULL;
    uint8_t *file = NULL;
    size_t pem_size = 0;
    size_t size = 0;

    crypto_openssl_proto(&crypto);
    int r = common_read(call->arguments[0], ENVELOPE_MAX, &file, &size);
    if (r == EXIT_DONE)
        r = common_read(call_option(call, "key"), PEM_MAX, &pem, &pem_size);
    if (r == EXIT_DONE)
        r = common_outcome(crypto_public_read_pem(bytes_view(pem, pem_size), &key, &why), &why);
    if (r == EXIT_DONE) {
        struct bytes envelope = bytes_view(file, size);
        r = refused(suit_manifest_verify(envelope, dialect_in(envelope), &key, 1, &crypto, &manifest),
                    call->arguments[0], &manifest.where);
    }
    if (r == EXIT_DONE) {
        json_t *shown = manifest_json(&manifest);
        call->output->object(call->output, shown, NULL);
        json_decref(shown);
    }
    free(pem);
    free(file);
    return r;
}

static int show(struct call *call)
{
    struct why why;
    uint8_t *file = NULL;
    char *text = malloc(DIAGNOSIS_MAX);
    size_t size = 0;
    size_t text_size = 0;

    int r = text == NULL ? EXIT_FAULT : common_read(call->arguments[0], ENVELOPE_MAX, &file, &size);
    if (r == EXIT_DONE) {
        int fault =
            cbor_diagnose(bytes_view(file, size), CBOR_INDENTED | CBOR_EMBEDDED, text, DIAGNOSIS_MAX, &text_size);
        if (fault != 0)
            fault = refuse(&why, REFUSED_INVALID, call->arguments[0], NULL,
                           "this is no CBOR that can be shown (error %d)", fault);
        r = common_outcome(fault, &why);
    }
    if (r == EXIT_DONE)
        printf("%.*s\n", (int)text_size, text);
    free(file);
    free(text);
    return r;
}

static const struct option_row create_options[] = {
    { "dialect", 0, "D", true, "riot (deployed RIOT devices) or suit (draft-37)" },
    { "key", 0, "KEY.pem", true, "the maintainer's private key" },
    { "sequence", 0, "N", true, "above the device's highest so far" },
    { "vendor", 0, "DOMAIN", true, "vendor id = UUID5(DNS, domain), as riot-os.org" },
    { "class", 0, "NAME", true, "class id = UUID5(vendor id, board), as native" },
    { "component", 0, "C", true, "where it goes, as ram/0" },
    { "uri", 0, "URI", true, "where the device fetches the image" },
    { "image", 0, "CONTAINER", true, "the image itself, for its digest and size" },
    { "output", 'o', "FILE", true, "the signed manifest" },
    { 0 },
};

static const struct option_row verify_options[] = {
    { "key", 0, "PUB.pem", true, "the maintainer's public key" },
    { 0 },
};

const struct command manifest_commands[] = {
    { "manifest create", NULL, "Makes and signs a SUIT manifest for one image (offline).", create_options,
      "tinypartctl manifest create --dialect riot --key maintainer.pem --sequence 1 --vendor riot-os.org --class "
      "native --component ram/0 "
      "--uri coap://[fd00:1::1]/thermo --image thermo.rbpf -o thermo.manifest",
      create, true },
    { "manifest verify", "FILE", "Checks a manifest's signature and digest, and shows what it orders (offline).",
      verify_options, "tinypartctl manifest verify thermo.manifest --key maintainer.pub.pem", verify, true },
    { "manifest show", "FILE", "Prints a manifest in CBOR diagnostic notation (offline).", NULL,
      "tinypartctl manifest show thermo.manifest", show, true },
    { 0 },
};
