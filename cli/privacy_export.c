#include "cli/privacy_export.h"

#include <stdlib.h>
#include <string.h>

#include "cli/common.h"
#include "cli/ledger_export.h"
#include "daemon/crypto_openssl/crypto_openssl.h"

int privacy_export(struct call *call)
{
    struct path path = path_of("/v1/privacy/export");
    const char *file = call_option(call, "output");
    char *text = NULL;

    int r = client_raw(call->client, &path, &text);
    if (r == EXIT_DONE && file == NULL)
        fputs(text, call->output->out);
    else if (r == EXIT_DONE)
        r = common_write(file, bytes_of_text(text));
    if (r == EXIT_DONE && file != NULL)
        call->output->done(call->output, "the ledger, %zu bytes, signed: %s", strlen(text), file);
    free(text);
    return r;
}

static int verify(struct call *call, struct bytes file, const struct public_key *key, const struct column *columns)
{
    json_t *statement = NULL;
    json_t *verdict = NULL;
    struct why why;

    int r = common_outcome(export_check(file, key, &statement, &why), &why);
    if (r == EXIT_DONE && strcmp(common_text(statement, "of"), "ledger") != 0) {
        call->output->object(call->output, statement, NULL); /* a signed report: there is nothing to count in it */
        json_decref(statement);
        return r;
    }
    if (r == EXIT_DONE)
        r = common_outcome(export_count(file, &verdict), &why);
    if (r == EXIT_DONE) {
        call->output->object(call->output, verdict, columns);
        r = json_is_true(json_object_get(verdict, "holds")) ? EXIT_DONE : EXIT_REFUSED;
    }
    json_decref(statement);
    json_decref(verdict);
    return r;
}

int privacy_verify_file(struct call *call, const struct column *columns)
{
    struct public_key key;
    uint8_t *file = NULL;
    size_t size = 0;

    if (call_option(call, "key") == NULL)
        return call_usage(call, "--file needs --key: the public key of the daemon that exported it");
    int r = common_read_public(call_option(call, "key"), &key);
    if (r == EXIT_DONE)
        r = common_read(call_option(call, "file"), EXPORT_FILE_MAX, &file, &size);
    if (r == EXIT_DONE)
        r = verify(call, bytes_view(file, size), &key, columns);
    free(file);
    return r;
}

static int write_signed(struct call *call, const char *line, const struct proto_signer *signer)
{
    char *signature = NULL;
    struct why why;
    char *whole = NULL;

    int r = common_outcome(export_sign(line, "audit_report", "audit", signer, &signature, &why), &why);
    if (r == EXIT_DONE && asprintf(&whole, "%s%s", line, signature) < 0)
        r = EXIT_FAULT;
    if (r == EXIT_DONE)
        r = common_write(call_option(call, "output"), bytes_of_text(whole));
    free(signature);
    free(whole);
    return r;
}

int privacy_sign_report(struct call *call, const json_t *report)
{
    struct crypto_key *key = NULL;
    struct proto_signer signer;
    struct why why;
    char *line = NULL;

    if (call_option(call, "sign") == NULL)
        return EXIT_DONE;
    if (call_option(call, "output") == NULL)
        return call_usage(call, "--sign needs --output: where the signed report goes");
    int r = common_outcome(crypto_key_read_file(call_option(call, "sign"), &key, &why), &why);
    if (r != EXIT_DONE)
        return r;
    crypto_key_signer(key, &signer);
    char *text = json_dumps(report, JSON_COMPACT | JSON_SORT_KEYS);
    r = text == NULL || asprintf(&line, "%s\n", text) < 0 ? EXIT_FAULT : write_signed(call, line, &signer);
    free(text);
    free(line);
    crypto_key_free(key);
    return r;
}
