/* cmd_image.c - container images: signed and checked offline by the tenant, pushed to the daemon. */
#include "cli/cmd_image_build.h"
#include "cli/common.h"
#include "cli/container_show.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/base/refusal.h"
#include "daemon/base/text.h"
#include "daemon/crypto_openssl/crypto_openssl.h"
#include "device_proto/bundle.h"

enum { CONTAINER_MAX = 1 << 20 };

static const struct column image_columns[] = {
    { "IMAGE", "name", false },      { "VERSION", "version", false }, { "TENANT", "tenant", false },
    { "TYPE", "type", false },       { "SENSOR", "sensor", false },   { "BYTES", "size_bytes", true },
    { "HELPERS", "helpers", false }, { "DIGEST", "digest", false },   { NULL, NULL, false },
};

static int write_bundle(const struct bundle *bundle, const struct crypto_key *key, const char *file)
{
    struct proto_crypto crypto;
    struct proto_signer signer;
    size_t capacity = bundle->container.size + BUNDLE_OVERHEAD_MAX;
    uint8_t *encoded = malloc(capacity);
    struct why why;
    size_t size = 0;

    if (encoded == NULL)
        return EXIT_FAULT;
    crypto_openssl_proto(&crypto);
    crypto_key_signer(key, &signer);
    int r = bundle_write(bundle, &crypto, &signer, encoded, capacity, &size);
    if (r > 0)
        refuse(&why, REFUSED_INVALID, NULL,
               "names: 1..63 of a-z 0-9 . -, beginning and ending with a letter or digit; versions: 1..32 printable "
               "characters",
               "the image cannot be signed: %s", bundle_refusal_text(r));
    r = common_outcome(r, &why);
    if (r == EXIT_DONE)
        r = common_write(file, bytes_view(encoded, size));
    free(encoded);
    return r;
}

static int sign(struct call *call)
{
    const char *type = call_option(call, "type");
    const char *sensor = call_option(call, "sensor");
    struct crypto_key *key = NULL;
    uint8_t *container = NULL;
    struct why why;
    size_t size = 0;
    struct bundle bundle = {
        .name = bytes_of_text(call_option(call, "name")),
        .version = bytes_of_text(call_option(call, "version")),
        .type = bundle_type_of(bytes_of_text(type)),
        .sensor = bytes_of_text(sensor != NULL ? sensor : ""),
    };

    if (bundle.type == 0)
        return call_usage(call, "--type takes bpf, wasm, python, shell or native, not %s", type);
    int r = common_read(call->arguments[0], CONTAINER_MAX, &container, &size);
    if (r != EXIT_DONE)
        return r;
    bundle.container = bytes_view(container, size);
    r = common_outcome(crypto_key_read_file(call_option(call, "key"), &key, &why), &why);
    if (r == EXIT_DONE)
        r = write_bundle(&bundle, key, call_option(call, "output"));
    if (r == EXIT_DONE)
        call->output->done(call->output, "%s:%s, %zu bytes of %s, is signed: %s", call_option(call, "name"),
                           call_option(call, "version"), size, type, call_option(call, "output"));
    crypto_key_free(key);
    free(container);
    return r;
}

static json_t *bundle_json(const struct bundle *bundle, bool verified)
{
    char digest[2 * DIGEST_SIZE + 1];

    hex_encode(bytes_view(bundle->digest, DIGEST_SIZE), digest);
    return json_pack("{s:s%, s:s%, s:s, s:s%, s:I, s:s, s:b}", "name", bundle->name.data, bundle->name.size, "version",
                     bundle->version.data, bundle->version.size, "type", bundle_type_text(bundle->type), "sensor",
                     bundle->sensor.size > 0 ? (const char *)bundle->sensor.data : "", bundle->sensor.size,
                     "size_bytes", (json_int_t)bundle->container.size, "digest", digest, "signature_verified",
                     verified);
}

static int take_apart(struct call *call, const struct public_key *key)
{
    struct proto_crypto crypto;
    struct bundle bundle;
    struct why why;
    uint8_t *encoded = NULL;
    size_t size = 0;

    int r = common_read(call->arguments[0], CONTAINER_MAX + BUNDLE_OVERHEAD_MAX, &encoded, &size);
    if (r != EXIT_DONE)
        return r;
    crypto_openssl_proto(&crypto);
    r = key != NULL ? bundle_verify(bytes_view(encoded, size), key, 1, &crypto, &bundle)
                    : bundle_parse(bytes_view(encoded, size), &crypto, &bundle);
    if (r > 0)
        refuse(&why, REFUSED_FORBIDDEN, call->arguments[0], NULL, "%s", bundle_refusal_text(r));
    r = common_outcome(r, &why);
    if (r == EXIT_DONE) {
        json_t *shown = bundle_json(&bundle, key != NULL);
        if (key == NULL)
            r = common_outcome(container_show(shown, bundle_type_text(bundle.type), bundle.container), &why);
        if (r == EXIT_DONE)
            call->output->object(call->output, shown, NULL);
        json_decref(shown);
    }
    free(encoded);
    return r;
}

static int verify(struct call *call)
{
    struct public_key key;

    int r = common_read_public(call_option(call, "key"), &key);
    return r == EXIT_DONE ? take_apart(call, &key) : r;
}

/* A container that is in no bundle, by its first bytes; *out_bare is false where it is something else. */
static int inspect_bare(struct call *call, bool *out_bare)
{
    uint8_t *content = NULL;
    struct why why;
    size_t size = 0;

    int r = common_read(call->arguments[0], CONTAINER_MAX + BUNDLE_OVERHEAD_MAX, &content, &size);
    if (r != EXIT_DONE)
        return r;
    const char *type = container_show_type(bytes_view(content, size));
    *out_bare = type != NULL;
    if (type != NULL) {
        json_t *shown = json_pack("{s:s, s:I}", "type", type, "size_bytes", (json_int_t)size);
        r = common_outcome(container_show(shown, type, bytes_view(content, size)), &why);
        if (r == EXIT_DONE)
            call->output->object(call->output, shown, NULL);
        json_decref(shown);
    }
    free(content);
    return r;
}

static int inspect(struct call *call)
{
    bool bare = false;
    int r = inspect_bare(call, &bare);

    return r != EXIT_DONE || bare ? r : take_apart(call, NULL);
}

static int push(struct call *call)
{
    struct path path = path_of("/v1/images");
    uint8_t *bundle = NULL;
    json_t *image = NULL;
    size_t size = 0;

    path_query(&path, "tenant", call_option(call, "tenant"));
    int r = common_read(call->arguments[0], CONTAINER_MAX + BUNDLE_OVERHEAD_MAX, &bundle, &size);
    if (r == EXIT_DONE)
        r = client_bytes(call->client, "POST", &path, "application/suit-envelope+cose", bytes_view(bundle, size),
                         &image);
    if (r == EXIT_DONE && call->output->is_json)
        call->output->object(call->output, image, NULL);
    else if (r == EXIT_DONE)
        call->output->done(call->output, "%s:%s is admitted", common_text(image, "name"),
                           common_text(image, "version"));
    json_decref(image);
    free(bundle);
    return r;
}

static int list(struct call *call)
{
    struct path path = path_of("/v1/images");

    return common_list(call, &path, image_columns);
}

static int show(struct call *call)
{
    char name[64];
    char version[40];

    int r = common_split_image(call, call->arguments[0], name, version);
    if (r != EXIT_DONE)
        return r;
    struct path path = path_of("/v1/images/%s/%s", name, version);
    path_query(&path, "tenant", call_option(call, "tenant"));
    return common_show(call, &path, NULL);
}

static const struct option_row sign_options[] = {
    { "name", 0, "N", true, "of the image" },
    { "version", 0, "V", true, "of the image" },
    { "type", 0, "TYPE", true, "bpf, wasm, python, shell or native" },
    { "sensor", 0, "S", false, "the sensor whose reading the container's answer is" },
    { "key", 0, "KEY.pem", true, "the tenant's private key; it never leaves this machine" },
    { "output", 'o', "BUNDLE.suit", true, "the signed bundle" },
    { 0 },
};

static const struct option_row build_options[] = {
    { "output", 'o', "OUT.rbpf", false, "the container; else FILE.rbpf beside FILE.o" },
    { 0 },
};

static const struct option_row verify_options[] = {
    { "key", 0, "PUB.pem", true, "the tenant's public key" },
    { 0 },
};

static const struct option_row push_options[] = {
    { "tenant", 0, "T", false, "whose image it is (a tenant's own token knows)" },
    { 0 },
};

static const struct option_row list_options[] = { OPTION_LIMIT, { 0 } };

const struct command image_commands[] = {
    { "image build", "FILE.o", "Makes a container of what clang --target=bpf -O2 -c compiled (offline).", build_options,
      "clang --target=bpf -mcpu=v2 -O2 -c thermo.c && tinypartctl image build thermo.o", image_build, true },
    { "image sign", "CONTAINER", "Signs a container: makes a SUIT bundle with its name, version and type (offline).",
      sign_options,
      "tinypartctl image sign thermo.rbpf --name thermo --version 1.2 --type bpf --sensor temperature --key acme.pem "
      "-o thermo.suit",
      sign, true },
    { "image verify", "BUNDLE.suit", "Checks a bundle's signature and digests (offline).", verify_options,
      "tinypartctl image verify thermo.suit --key acme.pub.pem", verify, true },
    { "image inspect", "BUNDLE.suit",
      "Shows what is in a bundle or bare container: sections, helpers, disassembly, verdict (offline).", NULL,
      "tinypartctl image inspect thermo.suit", inspect, true },
    { "image push", "BUNDLE.suit", "Hands a bundle to the daemon, which admits it with a tenant's signature only.",
      push_options, "tinypartctl image push thermo.suit --tenant acme", push, false },
    { "image list", NULL, "Lists the admitted images.", list_options, "tinypartctl image list", list, false },
    { "image show", "NAME:VERSION", "Shows an admitted image.", push_options,
      "tinypartctl image show thermo:1.2 --tenant acme", show, false },
    { 0 },
};
