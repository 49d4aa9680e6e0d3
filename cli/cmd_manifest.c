/* cmd_manifest.c - SUIT manifests made and checked offline: for keys that never touch the daemon's machine, and for
 * looking. */
#include "cli/common.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/describe.h"
#include "cli/manifest.h"
#include "daemon/base/refusal.h"
#include "daemon/base/text.h"
#include "daemon/crypto_openssl/crypto_openssl.h"
#include "device_proto/cbor.h"
#include "device_proto/suit_author.h"

enum { IMAGE_MAX = 16 << 20, DIAGNOSIS_MAX = 1 << 20 };

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

int manifest_refused(int r, const char *file, const struct suit_where *where)
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
    return manifest_refused(r, "--vendor, --class", NULL);
}

static int create_for_one(struct call *call)
{
    static const char *const needed[] = { "key", "sequence", "vendor", "class", "component", "uri", "image" };
    struct proto_crypto crypto;
    struct proto_signer signer;
    struct suit_order order = { 0 };
    struct crypto_key *key = NULL;
    static uint8_t envelope[SUIT_ORDER_SIZE_MAX + SIGNATURE_SIZE_MAX];
    uint8_t *image = NULL;
    struct why why;
    size_t size = 0;

    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
        if (call_option(call, needed[i]) == NULL)
            return call_usage(call, "--%s is missing (or give a whole description: --from)", needed[i]);
    }
    crypto_openssl_proto(&crypto);
    int r = common_read(call_option(call, "image"), IMAGE_MAX, &image, &size);
    if (r == EXIT_DONE)
        r = fill_order(call, &crypto, bytes_view(image, size), &order);
    if (r == EXIT_DONE)
        r = common_outcome(crypto_key_read_file(call_option(call, "key"), &key, &why), &why);
    if (r == EXIT_DONE) {
        crypto_key_signer(key, &signer);
        r = manifest_refused(suit_manifest_write(&order, &crypto, &signer, envelope, sizeof(envelope), &size),
                             "manifest", NULL);
    }
    if (r == EXIT_DONE)
        r = common_write(call_option(call, "output"), bytes_view(envelope, size));
    if (r == EXIT_DONE)
        call->output->done(call->output, "manifest of %zu bytes: %s", size, call_option(call, "output"));
    crypto_key_free(key);
    free(image);
    return r;
}

/* How much room an envelope of this draft needs, with signatures of the largest kind. */
static size_t room_of(const struct suit_draft *draft)
{
    size_t room = 65536 + 2 * draft->shared.size;

    for (size_t i = 0; i < SUIT_PARTS; i++)
        room += 2 * draft->members[i].content.size;
    for (size_t i = 0; i < draft->integrated_count; i++)
        room += draft->integrated[i].content.size;
    return room;
}

static int sign_and_write(struct call *call, const struct suit_draft *draft, const struct proto_crypto *crypto)
{
    size_t room = room_of(draft);
    uint8_t *manifest = malloc(room);
    uint8_t *envelope = malloc(room);
    struct manifest_blocks blocks = { .count = 0 };
    struct suit_seal seal;
    size_t size = 0;
    size_t envelope_size = 0;

    int r = manifest == NULL || envelope == NULL ? -ENOMEM : suit_draft_encode(draft, crypto, manifest, room, &size);
    if (r == 0)
        r = suit_seal_make(draft->dialect, bytes_view(manifest, size), crypto, &seal);
    r = manifest_refused(r, "manifest", NULL);
    if (r == EXIT_DONE)
        r = manifest_sign_with(call, &seal, crypto, &blocks);
    if (r == EXIT_DONE)
        r = manifest_refused(suit_draft_write(draft, bytes_view(manifest, size), &seal, blocks.views, blocks.count,
                                              envelope, room, &envelope_size),
                             "manifest", NULL);
    if (r == EXIT_DONE)
        r = common_write(call_option(call, "output"), bytes_view(envelope, envelope_size));
    if (r == EXIT_DONE)
        call->output->done(call->output, "manifest of %zu bytes, %zu signatures: %s", envelope_size, blocks.count,
                           call_option(call, "output"));
    manifest_blocks_free(&blocks);
    free(manifest);
    free(envelope);
    return r;
}

static int create_from(struct call *call)
{
    const char *file = call_option(call, "from");
    struct proto_crypto crypto;
    struct why why;
    struct describer describer = { .crypto = &crypto, .why = &why };
    json_error_t error;
    json_t *json = NULL;

    crypto_openssl_proto(&crypto);
    int r = dialect_of(call, &describer.dialect);
    if (r != EXIT_DONE)
        return r;
    json = json_load_file(file, JSON_REJECT_DUPLICATES, &error);
    if (json == NULL) {
        r = common_outcome(refuse(&why, REFUSED_INVALID, file, "see that it is JSON", "line %d, column %d: %s",
                                  error.line, error.column, error.text),
                           &why);
    } else {
        const char *dialect = json_string_value(json_object_get(json, "dialect"));
        if (dialect != NULL && call_option(call, "dialect") == NULL)
            describer.dialect = strcmp(dialect, "riot") == 0 ? SUIT_RIOT : SUIT_37;
        r = common_outcome(describe(&describer, json), &why);
    }
    if (r == EXIT_DONE)
        r = sign_and_write(call, &describer.draft, &crypto);
    describer_deinit(&describer);
    json_decref(json);
    return r;
}

static int create(struct call *call)
{
    return call_option(call, "from") != NULL ? create_from(call) : create_for_one(call);
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

/* Both dialects are told apart by the file itself: in the authentication list of draft-37 the digest stands first,
 * which deployed RIOT devices do not have. */
static enum suit_dialect dialect_in(struct bytes envelope)
{
    struct suit_envelope parts;
    struct cbor_reader digest;

    if (envelope.size > 0 && envelope.data[0] == 0xd8)
        return SUIT_37;
    if (suit_envelope_read(envelope, &parts) != 0)
        return SUIT_RIOT;
    digest = cbor_reader_on(parts.digest, CBOR_LENIENT);
    return cbor_peek_is(&digest, CBOR_ARRAY) ? SUIT_37 : SUIT_RIOT;
}

static int verify(struct call *call)
{
    const char *require = call_option(call, "require");
    bool all = require != NULL && strcmp(require, "all") == 0;
    struct public_key keys[MANIFEST_KEYS_MAX];
    struct proto_crypto crypto;
    struct suit_manifest manifest;
    size_t count = 0;
    uint8_t *file = NULL;
    size_t size = 0;

    if (require != NULL && !all && strcmp(require, "one") != 0)
        return call_usage(call, "--require takes all or one, not %s", require);
    crypto_openssl_proto(&crypto);
    int r = common_read(call->arguments[0], MANIFEST_FILE_MAX, &file, &size);
    if (r == EXIT_DONE)
        r = manifest_public_keys(call, keys, &count);
    struct bytes envelope = bytes_view(file, size);
    for (size_t i = 0; r == EXIT_DONE && i < (all ? count : 1); i++)
        r = manifest_refused(
            suit_manifest_verify(envelope, dialect_in(envelope), &keys[i], all ? 1 : count, &crypto, &manifest),
            call->arguments[0], &manifest.where);
    if (r == EXIT_DONE) {
        json_t *shown = manifest_json(&manifest);
        call->output->object(call->output, shown, NULL);
        json_decref(shown);
    }
    free(file);
    return r;
}

static int show_cbor(const char *name, struct bytes file)
{
    struct why why;
    char *text = malloc(DIAGNOSIS_MAX);
    size_t size = 0;

    int r = text == NULL ? -ENOMEM : cbor_diagnose(file, CBOR_INDENTED | CBOR_EMBEDDED, text, DIAGNOSIS_MAX, &size);
    if (r > 0)
        r = refuse(&why, REFUSED_INVALID, name, NULL, "this is no CBOR that can be shown (error %d)", r);
    r = common_outcome(r, &why);
    if (r == EXIT_DONE)
        printf("%.*s\n", (int)size, text);
    free(text);
    return r;
}

/* What a manifest of deployed RIOT devices says, as if it were of the other dialect. */
static int read_riot(struct bytes file, const struct proto_crypto *crypto, struct suit_manifest *manifest,
                     struct suit_envelope *out)
{
    int r = suit_manifest_parse(file, SUIT_RIOT, crypto, manifest);

    memset(out, 0, sizeof(*out));
    out->draft.dialect = SUIT_RIOT;
    out->draft.sequence = manifest->sequence;
    out->draft.components = manifest->components;
    out->draft.component_count = manifest->component_count;
    out->draft.shared = manifest->shared;
    out->draft.members[SUIT_PART_INSTALL].content = manifest->install;
    out->draft.members[SUIT_PART_VALIDATE].content = manifest->validate;
    return r;
}

static int show(struct call *call)
{
    struct proto_crypto crypto;
    struct suit_manifest manifest;
    struct suit_envelope envelope;
    uint8_t *data = NULL;
    size_t size = 0;

    int r = common_read(call->arguments[0], MANIFEST_FILE_MAX, &data, &size);
    struct bytes file = bytes_view(data, size);
    if (r == EXIT_DONE && call_option(call, "cbor") != NULL) {
        r = show_cbor(call->arguments[0], file);
    } else if (r == EXIT_DONE) {
        crypto_openssl_proto(&crypto);
        r = manifest_refused(dialect_in(file) == SUIT_37 ? suit_envelope_read(file, &envelope)
                                                         : read_riot(file, &crypto, &manifest, &envelope),
                             call->arguments[0], NULL);
        if (r == EXIT_DONE) {
            json_t *shown = describe_envelope(&envelope);
            if (call->output->is_json)
                call->output->object(call->output, shown, NULL);
            else
                describe_print(shown, call->output->out);
            json_decref(shown);
        }
    }
    free(data);
    return r;
}

static const struct option_row create_options[] = {
    { "from", 0, "JSON", false, "a description of the whole manifest; else all that follows" },
    { "dialect", 0, "D", false, "suit (draft-37, the default) or riot (deployed RIOT devices)" },
    { "key", 0, "KEY.pem", false, "private keys that sign, with commas; --from: none leaves it unsigned" },
    { "algorithm", 0, "A", false, "--from: es256 or eddsa instead of esp256 or ed25519" },
    { "sequence", 0, "N", false, "above the device's highest so far" },
    { "vendor", 0, "DOMAIN", false, "vendor id = UUID5(DNS, domain), as riot-os.org" },
    { "class", 0, "NAME", false, "class id = UUID5(vendor id, board), as native" },
    { "component", 0, "C", false, "where it goes, as ram/0" },
    { "uri", 0, "URI", false, "where the device fetches the image" },
    { "image", 0, "CONTAINER", false, "the image itself, for its digest and size" },
    { "output", 'o', "FILE", true, "the manifest" },
    { 0 },
};

static const struct option_row sign_options[] = {
    { "key", 0, "KEY.pem", false, "private keys that sign, with commas" },
    { "secret", 0, "FILE", false, "a shared secret, for COSE_Mac0 with HMAC-256" },
    { "algorithm", 0, "A", false, "es256, esp256, eddsa or ed25519; for --to-be-signed and --signature also others" },
    { "to-be-signed", 0, "FILE", false, "writes what a key kept elsewhere has to sign" },
    { "signature", 0, "FILE", false, "takes the signature that it made" },
    { "output", 'o', "FILE", false, "the manifest with the signature added" },
    { 0 },
};

static const struct option_row sever_options[] = {
    { "members", 0, "L", false, "which, with commas: install,text; all that are severable" },
    { "output", 'o', "FILE", true, "the manifest without them" },
    { 0 },
};

static const struct option_row verify_options[] = {
    { "key", 0, "PUB.pem", true, "the maintainer's public keys, with commas" },
    { "require", 0, "HOW", false, "all: each of the keys must have signed; one (the default): any of them" },
    { 0 },
};

static const struct option_row show_options[] = {
    { "cbor", 0, NULL, false, "in CBOR diagnostic notation" },
    { 0 },
};

const struct command manifest_commands[] = {
    { "manifest create", NULL, "Makes and signs a SUIT manifest (offline).", create_options,
      "tinypartctl manifest create --dialect riot --key maintainer.pem --sequence 1 --vendor riot-os.org --class "
      "native --component ram/0 "
      "--uri coap://[fd00:1::1]/thermo --image thermo.rbpf -o thermo.manifest\n"
      "tinypartctl manifest create --from fleet.json --key maintainer.pem,quantum.pem -o fleet.suit",
      create, true },
    { "manifest sign", "FILE", "Adds a signature to a manifest (offline).", sign_options,
      "tinypartctl manifest sign fleet.suit --key auditor.pem -o fleet.signed.suit\n"
      "tinypartctl manifest sign fleet.suit --algorithm ed25519 --to-be-signed tbs.bin\n"
      "tinypartctl manifest sign fleet.suit --algorithm ed25519 --signature tbs.sig -o fleet.signed.suit",
      manifest_sign, true },
    { "manifest sever", "FILE", "Takes severable members out of a manifest; its signatures stay good (offline).",
      sever_options, "tinypartctl manifest sever fleet.suit --members text -o fleet.small.suit", manifest_sever, true },
    { "manifest verify", "FILE", "Checks a manifest's signature and digest, and shows what it orders (offline).",
      verify_options,
      "tinypartctl manifest verify thermo.manifest --key maintainer.pub.pem\n"
      "tinypartctl manifest verify fleet.suit --key maintainer.pub.pem,quantum.pub.pem --require all",
      verify, true },
    { "manifest show", "FILE", "Prints all that a manifest says; nothing is checked but its form (offline).",
      show_options,
      "tinypartctl manifest show thermo.manifest\n"
      "tinypartctl -o json manifest show fleet.suit",
      show, true },
    { 0 },
};
