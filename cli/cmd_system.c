/* cmd_system.c - version and status. */
#include "cli/common.h"

#include <string.h>

#include "daemon/base/refusal.h"
#include "daemon/base/text.h"
#include "daemon/crypto_openssl/crypto_openssl.h"

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
        print_section(call->output, "COAP SINCE THE START", json_object_get(status, "coap_counters"));
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

const struct command system_commands[] = {
    { "version", NULL, "Shows the versions of client, daemon and libraries, and what a library's version lacks.", NULL,
      "tinypartctl version", version, false },
    { "status", NULL, "Shows how the daemon stands, and the maintainer's public key for device builds.", NULL,
      "tinypartctl status\ntinypartctl -o json status", status, false },
    { 0 },
};
