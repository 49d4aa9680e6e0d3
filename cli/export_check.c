/* export_check.c - the signature under an export: made, and checked before anything of the file is believed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ledger_export.h"
#include "daemon/base/statement.h"
#include "daemon/base/text.h"
#include "daemon/crypto_openssl/crypto_openssl.h"
#include "device_proto/cose.h"

enum { SIGNED_MAX = SIGNATURE_SIZE_MAX + 128 };
#define SCRATCH (STATEMENT_SIZE_MAX + COSE_SIG_STRUCTURE_OVERHEAD + sizeof(STATEMENT_AAD) + 16)

static int invalid(struct why *why, const char *what)
{
    return refuse(why, REFUSED_INVALID, "export", "have it exported again: tinypartctl privacy export", "%s", what);
}

/* The last line, without its newline; *rest is what stands before it. */
static struct bytes last_line(struct bytes file, struct bytes *rest)
{
    size_t end = file.size > 0 && file.data[file.size - 1] == '\n' ? file.size - 1 : 0;
    size_t at = end;

    while (at > 0 && file.data[at - 1] != '\n')
        at--;
    *rest = bytes_view(file.data, at);
    return bytes_view(file.data + at, end - at);
}

static json_t *parse(struct bytes line)
{
    return json_loadb((const char *)line.data, line.size, JSON_REJECT_DUPLICATES, NULL);
}

static int signature_check(struct bytes statement, struct bytes line, const struct public_key *key, struct why *why)
{
    uint8_t scratch[SCRATCH], message[SIGNED_MAX];
    struct proto_crypto crypto;
    struct cose_sign1 parsed;

    crypto_openssl_proto(&crypto);
    json_t *json = parse(line);
    const char *hex = json_string_value(json_object_get(json, "cose_sign1"));
    size_t size = hex != NULL ? strlen(hex) / 2 : 0;
    int r = size == 0 || size > sizeof(message) || hex_decode(hex, message, size) != 0 ? COSE_STRUCTURE : 0;
    json_decref(json);
    if (r != 0)
        return invalid(why, "the file does not end with a statement and its signature");
    r = cose_sign1_verify(bytes_view(message, size), statement, bytes_of_text(STATEMENT_AAD), key, &crypto, scratch,
                          sizeof(scratch), &parsed);
    if (r > 0)
        return refuse(why, REFUSED_FORBIDDEN, "signature", "compare the key, and with the file as it was exported",
                      "the statement under the export is not signed by this key: %s", cose_refusal_text(r));
    return r;
}

/* One kind's lines, which stand together; gives how many bytes they take. */
static int kind_check(struct bytes file, const json_t *entry, size_t *at, struct why *why)
{
    const char *kind = json_string_value(json_array_get(entry, 0));
    const char *wanted = json_string_value(json_array_get(entry, 2));
    json_int_t lines = json_integer_value(json_array_get(entry, 1));
    struct proto_crypto crypto;
    uint8_t digest[DIGEST_SIZE];
    char hex[2 * DIGEST_SIZE + 1];
    size_t end = *at;

    if (kind == NULL || wanted == NULL || lines < 0)
        return invalid(why, "the statement is not one of an export");
    for (json_int_t i = 0; i < lines && end < file.size; i++) {
        const uint8_t *newline = memchr(file.data + end, '\n', file.size - end);
        end = newline != NULL ? (size_t)(newline - file.data) + 1 : file.size;
    }
    crypto_openssl_proto(&crypto);
    int r = crypto.sha256(crypto.context, bytes_view(file.data + *at, end - *at), digest);
    if (r != 0)
        return r;
    hex_encode(bytes_view(digest, sizeof(digest)), hex);
    if (strcmp(hex, wanted) != 0)
        return refuse(why, REFUSED_FORBIDDEN, kind, "compare with the file as it was exported",
                      "the %lld lines of kind %s are not those that were signed", (long long)lines, kind);
    *at = end;
    return 0;
}

static int kinds_check(struct bytes file, const json_t *statement, struct why *why)
{
    const json_t *kinds = json_object_get(statement, "lines");
    size_t at = 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < json_array_size(kinds); i++)
        r = kind_check(file, json_array_get(kinds, i), &at, why);
    if (r == 0 && at != file.size)
        return invalid(why, "the export has lines that were not signed");
    return r;
}

int export_check(struct bytes file, const struct public_key *key, json_t **out_statement, struct why *why)
{
    struct bytes before, content;
    struct bytes signature = last_line(file, &before);
    struct bytes line = last_line(before, &content);

    if (line.size == 0 || line.size > STATEMENT_SIZE_MAX)
        return invalid(why, "the file does not end with a statement and its signature");
    int r = signature_check(line, signature, key, why);
    if (r != 0)
        return r;
    json_t *statement = parse(line);
    r = kinds_check(content, statement, why);
    if (r == 0)
        *out_statement = statement;
    else
        json_decref(statement);
    return r;
}

/* ---- signing ---- */

static char *statement_of(struct bytes text, const char *kind, const char *of)
{
    struct proto_crypto crypto;
    uint8_t digest[DIGEST_SIZE];
    char hex[2 * DIGEST_SIZE + 1];
    json_int_t lines = 0;

    for (size_t i = 0; i < text.size; i++)
        lines += text.data[i] == '\n';
    crypto_openssl_proto(&crypto);
    if (crypto.sha256(crypto.context, text, digest) != 0)
        return NULL;
    hex_encode(bytes_view(digest, sizeof(digest)), hex);
    json_t *json = json_pack("{s:s,s:s,s:[[s,I,s]]}", "kind", "statement", "of", of, "lines", kind, lines, hex);
    char *statement = json != NULL ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    json_decref(json);
    return statement;
}

int export_sign(const char *text, const char *kind, const char *of, const struct proto_signer *signer, char **out,
                struct why *why)
{
    uint8_t scratch[SCRATCH], message[SIGNED_MAX];
    char hex[2 * SIGNED_MAX + 1];
    char *statement = statement_of(bytes_of_text(text), kind, of);
    size_t size = 0;

    if (statement == NULL)
        return -ENOMEM;
    struct cose_order order = { .tagged = true,
                                .detached = true,
                                .algorithm = cose_algorithm_of(signer->key.type),
                                .payload = bytes_of_text(statement),
                                .external_aad = bytes_of_text(STATEMENT_AAD) };
    int r = cose_sign1_write(&order, signer, scratch, sizeof(scratch), message, sizeof(message), &size);
    if (r > 0)
        r = refuse(why, REFUSED_INVALID, "key", NULL, "it cannot sign: %s", cose_refusal_text(r));
    if (r == 0) {
        hex_encode(bytes_view(message, size), hex);
        if (asprintf(out, "%s\n{\"cose_sign1\":\"%s\",\"kind\":\"signature\"}\n", statement, hex) < 0)
            r = -ENOMEM;
    }
    free(statement);
    return r;
}
