/* cmd_system.c - version, status, and keys. */
#include "cli/common.h"

#include <string.h>
#include <unistd.h>

#include "daemon/base/refusal.h"
#include "daemon/base/text.h"
#include "daemon/crypto_openssl/crypto_openssl.h"

enum { PATH_SIZE_MAX = 1024 };

static int version(struct call *call)
{
    struct path path = path_of("/v1/version");
    json_t *about = NULL;

    /* The client's own version is shown even where no daemon answers; the exit code then says so. */
    bool ml_dsa = crypto_openssl_has(KEY_ML_DSA_44);
    call->output->done(call->output, "tinypartctl %s\n%-20s %s", TINYPART_VERSION, "ml-dsa keys here",
                       ml_dsa ? "yes" : "no; OpenSSL before 3.5 has none");
    int r = client_json(call->client, "GET", &path, NULL, &about);
    if (call->output->is_json) {
        if (about == NULL)
            about = json_object();
        json_object_set_new(about, "client_version", json_string(TINYPART_VERSION));
        json_object_set_new(about, "client_ml_dsa", json_boolean(ml_dsa));
        call->output->object(call->output, about, NULL);
    } else if (r == EXIT_DONE) {
        size_t index;
        json_t *feature;
        char text[64];
        output_value(about, "version", text, sizeof(text));
        call->output->done(call->output, "tinypartd   %s", text);
        call->output->object(call->output, json_object_get(about, "libraries"), NULL);
        json_array_foreach(json_object_get(about, "features"), index, feature)
        {
            char name[64];
            char note[128];
            output_value(feature, "name", name, sizeof(name));
            output_value(feature, "note", note, sizeof(note));
            call->output->done(call->output, "%-20s %s; %s", name,
                               json_is_true(json_object_get(feature, "available")) ? "yes" : "no", note);
        }
    }
    json_decref(about);
    return r;
}

/* The header that RIOT's builds make of a key: one line to paste. */
static void print_c_array(const struct output *output, const char *hex)
{
    fputs("for TinyPART's RIOT (public_key.h):\nconst uint8_t public_key[] = {", output->out);
    for (size_t i = 0; hex[i] != '\0' && hex[i + 1] != '\0'; i += 2)
        fprintf(output->out, "%s0x%.2s", i > 0 ? ", " : " ", hex + i);
    fputs(" };\n", output->out);
}

static void print_section(const struct output *output, const char *title, const json_t *object)
{
    if (!json_is_object(object) || json_object_size(object) == 0)
        return;
    fprintf(output->out, "\n%s\n", title);
    output->object(output, object, NULL);
}

static int status(struct call *call)
{
    static const struct column head[] = {
        { "version", "version", false },   { "started", "started_at", false },
        { "you are", "caller", false },    { "devices talk to", "coap_listen", false },
        { "database", "database", false }, { NULL, NULL, false },
    };
    struct path path = path_of("/v1/status");
    json_t *status = NULL;

    int r = client_json(call->client, "GET", &path, NULL, &status);
    if (r != EXIT_DONE)
        return r;
    if (call->output->is_json) {
        call->output->object(call->output, status, NULL);
    } else {
        const json_t *key = json_object_get(status, "maintainer");
        const char *hex = json_string_value(json_object_get(key, "hex"));
        const char *type = json_string_value(json_object_get(key, "type"));
        call->output->object(call->output, status, head);
        print_section(call->output, "REGISTRY", json_object_get(status, "registry"));
        print_section(call->output, "PRIVACY LEDGER", json_object_get(status, "ledger"));
        print_section(call->output, "SINCE THE START", json_object_get(status, "counters"));
        print_section(call->output, "MAINTAINER'S KEY (devices trust this public half)", key);
        if (key == NULL || json_is_null(key))
            fputs("\nMAINTAINER'S KEY\nnone: no rollout starts (keys.manifest_key, or the credential manifest.key)\n",
                  call->output->out);
        else if (hex != NULL && type != NULL && strcmp(type, "ed25519") == 0)
            print_c_array(call->output, hex);
    }
    json_decref(status);
    return EXIT_DONE;
}

/* "acme.pem" has its public half in "acme.pub.pem". That file may be all that is left of a key pair whose private half
 * was moved away, so it is no more overwritten than a private key. */
static int public_name(const char *path, char out[PATH_SIZE_MAX], struct why *why)
{
    size_t stem = strlen(path);

    if (stem > 4 && strcmp(path + stem - 4, ".pem") == 0)
        stem -= 4;
    int size = snprintf(out, PATH_SIZE_MAX, "%.*s.pub.pem", (int)stem, path);
    if (size < 0 || size >= PATH_SIZE_MAX)
        return refuse(why, REFUSED_TOO_LARGE, "-o", NULL, "the path of the key file is too long");
    if (access(out, F_OK) == 0)
        return refuse(why, REFUSED_EXISTS, out, "choose another name, or move the old key away",
                      "the file exists, and a public key is never overwritten");
    return 0;
}

static int write_public(const struct crypto_key *key, const char *name)
{
    char pem[PUBLIC_PEM_SIZE];
    struct proto_signer signer;
    struct why why = { "", "", "" };

    crypto_key_signer(key, &signer);
    int r = common_outcome(crypto_public_write_pem(&signer.key, pem), &why);
    return r != EXIT_DONE ? r : common_write(name, bytes_of_text(pem));
}

/* Whether this OpenSSL makes such keys. */
static int kind_is_there(enum key_type type, struct why *why)
{
    if (crypto_openssl_has(type))
        return 0;
    return refuse(why, REFUSED_INVALID, "--type", "run with OpenSSL 3.5 or later, or take another type",
                  "this OpenSSL makes no %s keys", crypto_key_type_name(type));
}

static int keygen(struct call *call)
{
    enum key_type type = crypto_key_type_of(call_option(call, "type"));
    const char *file = call_option(call, "output");
    struct crypto_key *key = NULL;
    struct proto_signer signer;
    struct why why;
    char public_path[PATH_SIZE_MAX];
    char hex[2 * PUBLIC_KEY_SIZE_MAX + 1];

    if (type == 0 || type == KEY_HSS_LMS)
        return call_usage(call, "--type takes ed25519, p256, ml-dsa-44, ml-dsa-65 or ml-dsa-87, not %s",
                          call_option(call, "type"));
    int r = kind_is_there(type, &why);
    if (r == 0)
        r = public_name(file, public_path, &why);
    if (r == 0)
        r = crypto_key_generate(type, &key);
    if (r == 0)
        r = crypto_key_write_file(key, file, &why);
    r = common_outcome(r, &why);
    if (r == EXIT_DONE)
        r = write_public(key, public_path);
    if (r == EXIT_DONE) {
        crypto_key_signer(key, &signer);
        hex_encode(bytes_view(signer.key.raw, signer.key.size), hex);
        call->output->done(call->output, "private key: %s (keep it to yourself)\npublic key:  %s", file, public_path);
        if (signer.key.size <= P256_RAW_SIZE)
            call->output->done(call->output, "in hex:      %s", hex);
        json_t *made = json_pack("{s:s, s:s, s:s, s:s}", "type", crypto_key_type_name(type), "file", file,
                                 "public_file", public_path, "public_hex", hex);
        if (call->output->is_json)
            call->output->object(call->output, made, NULL);
        json_decref(made);
    }
    crypto_key_free(key);
    return r;
}

static const struct option_row keygen_options[] = {
    { "type", 0, "TYPE", true, "ed25519, p256, or ml-dsa-44, ml-dsa-65, ml-dsa-87 (OpenSSL 3.5)" },
    { "output", 'o', "KEY.pem", true, "the new file; one that exists is never overwritten" },
    { 0 },
};

const struct command system_commands[] = {
    { "version", NULL, "Shows the versions of client, daemon and libraries, and what a library's version lacks.", NULL,
      "tinypartctl version", version, false },
    { "status", NULL, "Shows how the daemon stands, and the maintainer's public key for device builds.", NULL,
      "tinypartctl status\ntinypartctl -o json status", status, false },
    { "keygen", NULL, "Makes a key pair: PKCS#8 PEM of mode 0600, and the public half beside it (offline).",
      keygen_options, "tinypartctl keygen --type ed25519 -o maintainer.pem\ntinypartctl keygen --type p256 -o acme.pem",
      keygen, true },
    { 0 },
};
