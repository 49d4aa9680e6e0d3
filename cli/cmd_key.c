/* cmd_key.c - key pairs, made and looked at where they are used (offline). */
#include "cli/common.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/refusal.h"
#include "daemon/base/text.h"
#include "daemon/crypto_openssl/crypto_openssl.h"

enum { PATH_SIZE_MAX = 1024 };

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

/* On a terminal only: how far the making of a tree is. */
static int show_progress(void *context, uint64_t done, uint64_t all)
{
    uint64_t *shown = context;
    uint64_t percent = done * 100 / all;

    if (percent != *shown)
        fprintf(stderr, "\rhashing %" PRIu64 " one-time keys: %3" PRIu64 " %%%s", all, percent,
                percent == 100 ? "\n" : "");
    *shown = percent;
    return 0;
}

/* A record named within the key must be found from any folder. */
static int absolute(const struct call *call, const char *option, char out[PATH_SIZE_MAX], const char **out_given)
{
    const char *given = call_option(call, option);
    char folder[PATH_SIZE_MAX] = "";

    *out_given = given == NULL ? NULL : out;
    if (given == NULL)
        return EXIT_DONE;
    if (given[0] != '/' && getcwd(folder, sizeof(folder) - 1) == NULL)
        return call_usage(call, "--%s needs an absolute path here", option);
    int size = snprintf(out, PATH_SIZE_MAX, "%s%s%s", folder, given[0] == '/' ? "" : "/", given);
    if (size < 0 || size >= PATH_SIZE_MAX)
        return call_usage(call, "--%s: the path is too long", option);
    return EXIT_DONE;
}

static int shape_of(const struct call *call, struct hss_shape *out)
{
    const char *hash = call_option(call, "hash");
    int64_t height = 10, width = 8, levels = 1;

    int r = call_integer(call, "height", 5, 25, &height);
    if (r == EXIT_DONE)
        r = call_integer(call, "width", 1, 8, &width);
    if (r == EXIT_DONE)
        r = call_integer(call, "levels", 1, 8, &levels);
    if (r != EXIT_DONE)
        return r;
    if (hash != NULL && strcmp(hash, "sha256") != 0 && strcmp(hash, "sha256-192") != 0)
        return call_usage(call, "--hash takes sha256 or sha256-192, not %s", hash);
    *out = (struct hss_shape){ .n = hash != NULL && strcmp(hash, "sha256-192") == 0 ? 24 : 32,
                               .height = (unsigned)height,
                               .width = (unsigned)width,
                               .levels = (unsigned)levels };
    return EXIT_DONE;
}

static int make_hss(const struct call *call, const char *file, struct crypto_key **out)
{
    char state[PATH_SIZE_MAX], mark[PATH_SIZE_MAX];
    struct hss_places places = { .file = file };
    struct hss_shape shape;
    uint64_t shown = UINT64_MAX;
    const struct hss_progress progress = { &shown, show_progress };
    struct why why;

    int r = shape_of(call, &shape);
    if (r == EXIT_DONE)
        r = absolute(call, "state", state, &places.state);
    if (r == EXIT_DONE)
        r = absolute(call, "mark", mark, &places.mark);
    if (r != EXIT_DONE)
        return r;
    r = crypto_key_generate_hss(&shape, &places, isatty(STDERR_FILENO) == 1 ? &progress : NULL, out, &why);
    return common_outcome(r, &why);
}

/* Whether this OpenSSL makes such keys. */
static int kind_is_there(enum key_type type, struct why *why)
{
    if (crypto_openssl_has(type))
        return 0;
    return refuse(why, REFUSED_INVALID, "--type", "run with OpenSSL 3.5 or later, or take another type",
                  "this OpenSSL makes no %s keys", crypto_key_type_name(type));
}

static int make_other(const char *type, const char *file, struct crypto_key **out)
{
    struct why why;

    int r = crypto_key_generate(crypto_key_type_of(type), out);
    if (r == 0)
        r = crypto_key_write_file(*out, file, &why);
    return common_outcome(r, &why);
}

static void tell_of(const struct call *call, const char *type, const struct crypto_key *key, const char *public_file)
{
    const char *file = call_option(call, "output");
    char hex[2 * PUBLIC_KEY_SIZE_MAX + 1];
    struct proto_signer signer;

    crypto_key_signer(key, &signer);
    hex_encode(bytes_view(signer.key.raw, signer.key.size), hex);
    call->output->done(call->output, "private key: %s (keep it to yourself)\npublic key:  %s", file, public_file);
    if (signer.key.size <= P256_RAW_SIZE)
        call->output->done(call->output, "in hex:      %s", hex);
    if (signer.left != NULL)
        call->output->done(call->output,
                           "signatures:  %" PRIu64 "; what is used stands in a state and a mark: see key show",
                           signer.left(signer.context));
    json_t *made =
        json_pack("{s:s, s:s, s:s, s:s}", "type", type, "file", file, "public_file", public_file, "public_hex", hex);
    if (call->output->is_json)
        call->output->object(call->output, made, NULL);
    json_decref(made);
}

static int keygen(struct call *call)
{
    const char *type = call_option(call, "type");
    const char *file = call_option(call, "output");
    static const char *const of_hss[] = { "height", "width", "levels", "hash", "state", "mark" };
    const bool is_hss = strcmp(type, "hss-lms") == 0;
    struct crypto_key *key = NULL;
    char public_path[PATH_SIZE_MAX];
    struct why why;

    if (crypto_key_type_of(type) == 0)
        return call_usage(call, "--type takes ed25519, p256, hss-lms, ml-dsa-44, ml-dsa-65 or ml-dsa-87, not %s", type);
    for (size_t i = 0; i < sizeof(of_hss) / sizeof(of_hss[0]); i++) {
        if (!is_hss && call_option(call, of_hss[i]) != NULL)
            return call_usage(call, "--%s goes with --type hss-lms only", of_hss[i]);
    }
    int r = is_hss ? 0 : kind_is_there(crypto_key_type_of(type), &why);
    r = common_outcome(r == 0 ? public_name(file, public_path, &why) : r, &why);
    if (r == EXIT_DONE)
        r = is_hss ? make_hss(call, file, &key) : make_other(type, file, &key);
    if (r == EXIT_DONE)
        r = write_public(key, public_path);
    if (r == EXIT_DONE)
        tell_of(call, type, key, public_path);
    crypto_key_free(key);
    return r;
}

static const char *verdict_text(const struct hss_about *about)
{
    switch (about->standing.verdict) {
    case HSS_GOOD:
        break;
    case HSS_NO_STATE:
        return "cannot sign: its state is missing or another key's";
    case HSS_NO_MARK:
        return "cannot sign: its mark is missing or another key's";
    case HSS_RESTORED:
        return "cannot sign: its state was restored from a backup";
    case HSS_MARK_STALE:
        return "cannot sign: its mark was restored from a backup";
    }
    return about->standing.left > 0 ? "can sign" : "cannot sign: all one-time keys are used";
}

static int add_hss(json_t *shown, const struct hss_key *key)
{
    struct hss_about about;

    int r = hss_key_about(key, &about);
    if (r != 0)
        return r;
    json_t *more =
        json_pack("{s:s, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:s, s:I, s:s, s:I, s:s}", "hash",
                  about.shape.n == 24 ? "sha256-192" : "sha256", "levels", (int)about.shape.levels, "height",
                  (int)about.shape.height, "width", (int)about.shape.width, "signature_bytes",
                  (json_int_t)about.signature_size, "signatures_total", (json_int_t)about.total, "signatures_left",
                  (json_int_t)about.standing.left, "next_one_time_key", (json_int_t)about.standing.state.next, "state",
                  about.state, "state_counter", (json_int_t)about.standing.state.counter, "mark", about.mark,
                  "mark_counter", (json_int_t)about.standing.mark.counter, "standing", verdict_text(&about));
    json_object_update(shown, more);
    json_decref(more);
    return 0;
}

static int show(struct call *call)
{
    struct crypto_key *key = NULL;
    struct proto_signer signer;
    char hex[2 * PUBLIC_KEY_SIZE_MAX + 1];
    struct why why = { "", "", "" };

    int r = common_outcome(crypto_key_open(call->arguments[0], false, &key, &why), &why);
    if (r != EXIT_DONE)
        return r;
    crypto_key_signer(key, &signer);
    hex_encode(bytes_view(signer.key.raw, signer.key.size), hex);
    json_t *shown = json_pack("{s:s, s:s}", "type", crypto_key_type_name(signer.key.type), "public_hex", hex);
    if (crypto_key_hss(key) != NULL)
        r = common_outcome(add_hss(shown, crypto_key_hss(key)), &why);
    if (r == EXIT_DONE)
        call->output->object(call->output, shown, NULL);
    json_decref(shown);
    crypto_key_free(key);
    return r;
}

static int skip(struct call *call)
{
    struct crypto_key *key = NULL;
    int64_t to = 0;
    struct why why;

    int r = call_integer(call, "to", 0, INT64_MAX, &to);
    if (r == EXIT_DONE)
        r = common_outcome(crypto_key_open(call->arguments[0], false, &key, &why), &why);
    if (r != EXIT_DONE)
        return r;
    int refused = crypto_key_hss(key) != NULL
                      ? hss_key_skip(crypto_key_hss(key), (uint64_t)to, &why)
                      : refuse(&why, REFUSED_INVALID, call->arguments[0], NULL, "only HSS-LMS keys have one-time keys");
    r = common_outcome(refused, &why);
    if (r == EXIT_DONE)
        call->output->done(call->output, "%s goes on with one-time key %" PRId64 "; all below count as used",
                           call->arguments[0], to);
    crypto_key_free(key);
    return r;
}

static const struct option_row keygen_options[] = {
    { "type", 0, "TYPE", true, "ed25519, p256, hss-lms, or ml-dsa-44, ml-dsa-65, ml-dsa-87 (OpenSSL 3.5)" },
    { "output", 'o', "KEY.pem", true, "the new file; one that exists is never overwritten" },
    { "height", 0, "H", false, "hss-lms: 5, 10, 15, 20 or 25; the key signs 2^H times a level (10)" },
    { "width", 0, "W", false, "hss-lms: 1, 2, 4 or 8; wider is smaller and slower (8)" },
    { "levels", 0, "N", false, "hss-lms: trees above each other, 1 to 8 (1)" },
    { "hash", 0, "HASH", false, "hss-lms: sha256 or sha256-192 (sha256)" },
    { "state", 0, "FILE", false, "hss-lms: where it is kept what is used (KEY.pem.state)" },
    { "mark", 0, "FILE", false, "hss-lms: what tells a restored state, best on another file system (KEY.pem.mark)" },
    { 0 },
};

static const struct option_row skip_options[] = {
    { "to", 0, "N", true, "the first one-time key that is surely unused" },
    { 0 },
};

const struct command key_commands[] = {
    { "keygen", NULL, "Makes a key pair: a private file of mode 0600, and the public half beside it (offline).",
      keygen_options,
      "tinypartctl keygen --type ed25519 -o maintainer.pem\ntinypartctl keygen --type p256 -o acme.pem\n"
      "tinypartctl keygen --type hss-lms --height 10 --width 8 -o maintainer.key --mark /srv/marks/maintainer.mark",
      keygen, true },
    { "key show", "KEY", "Shows a private key's type and public half, and how many signatures it has left (offline).",
      NULL, "tinypartctl key show maintainer.key", show, true },
    { "key skip", "KEY",
      "Gives up all one-time keys below a number: after a state was restored from a backup (offline).", skip_options,
      "tinypartctl key skip maintainer.key --to 480", skip, true },
    { 0 },
};
