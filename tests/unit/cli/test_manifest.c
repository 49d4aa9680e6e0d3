/* Manifests made from descriptions, signed, severed, verified and shown, by the program itself. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/exits.h"
#include "run.h"

static char everything[PATH_MAX]; /* the example that uses every command and parameter */
static char vectors[PATH_MAX];    /* the published examples; "" where there are none */

static int setup(void **state)
{
    static struct result result;
    const char *source = getenv("TINYPART_SOURCE");
    const char *named = getenv("TINYPART_VECTORS");
    char root[PATH_MAX];
    char folder[PATH_MAX + 32];

    assert_non_null(source);
    assert_non_null(realpath(source, root));
    snprintf(everything, sizeof(everything), "%.4000s/packaging/examples/manifests/everything.json", root);
    snprintf(folder, sizeof(folder), "%.4000s/../shared/vectors", root);
    if (realpath(named != NULL ? named : folder, vectors) == NULL)
        vectors[0] = '\0';
    folder_make();
    *state = &result;
    run_ctl(&result, "keygen", "--type", "ed25519", "-o", "ed.pem");
    expect(&result, EXIT_DONE, "public key:  ed.pub.pem", NULL);
    run_ctl(&result, "keygen", "--type", "p256", "-o", "p256.pem");
    expect(&result, EXIT_DONE, "public key:  p256.pub.pem", NULL);
    return 0;
}

static int teardown(void **state)
{
    result_deinit(*state);
    folder_remove();
    return 0;
}

static void expect_same(const char *a, const char *b)
{
    size_t a_size = 0;
    size_t b_size = 0;
    char *one = file_read(a, &a_size);
    char *other = file_read(b, &b_size);

    assert_non_null(one);
    assert_non_null(other);
    assert_int_equal(a_size, b_size);
    assert_memory_equal(one, other, a_size);
    free(one);
    free(other);
}

/* A published file of hex, as bytes. false, said aloud, where there are no vectors. */
static bool published(const char *name, const char *out)
{
    char path[PATH_MAX + 128];
    size_t size = 0;

    snprintf(path, sizeof(path), "%s/%s", vectors, name);
    char *hex = vectors[0] == '\0' ? NULL : file_read(path, NULL);
    if (hex == NULL) {
        print_message("no published vectors: %s is not compared\n", name);
        return false;
    }
    for (char *line = strtok(hex, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        for (const char *at = line; line[0] != '#' && at[0] != '\0' && at[1] != '\0'; at += 2) {
            const char digits[] = { at[0], at[1], '\0' };
            hex[size++] = (char)strtoul(digits, NULL, 16);
        }
    }
    file_write(out, hex, size);
    free(hex);
    return true;
}

static void the_published_inputs_give_the_published_bytes(void **state)
{
    struct result *result = *state;
    char input[PATH_MAX + 128];
    char name[64];

    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof(name), "suit-manifest-37/example%d.0.hex", i);
        if (!published(name, "published"))
            return;
        snprintf(input, sizeof(input), "%s/suit-manifest-37/example%d.input.json", vectors, i);
        run_ctl(result, "manifest", "create", "--from", input, "-o", "made");
        expect(result, EXIT_DONE, "manifest of ", NULL);
        if (i != 2)
            expect_same("made", "published");
    }
    /* The tool that made example 2 dropped two of its input's texts, and kept no sources: known upstream. */
    snprintf(input, sizeof(input), "%s/suit-manifest-37/example2.input.json", vectors);
    char *json = file_read(input, NULL);
    char *version = strstr(json, "\"component-version\"");
    char *model = strstr(json, ",\n                    \"model-info\" : \"suit\"");
    assert_non_null(version);
    assert_non_null(model);
    memset(version, ' ', strcspn(version, "\n"));
    memset(model, ' ', strlen(",\n                    \"model-info\" : \"suit\""));
    file_write("example2.json", json, strlen(json));
    free(json);
    run_ctl(result, "manifest", "create", "--from", "example2.json", "-o", "whole");
    expect(result, EXIT_DONE, "manifest of 847 bytes, 0 signatures", NULL);
    run_ctl(result, "manifest", "sever", "whole", "-o", "made");
    expect(result, EXIT_DONE, "manifest of 257 bytes", NULL);
    assert_true(published("suit-manifest-37/example2.0.hex", "published"));
    expect_same("made", "published");
}

static void riots_own_inputs_give_the_bytes_that_its_tool_gives(void **state)
{
    static const char *const names[] = { "one", "two", "slots" };
    struct result *result = *state;
    char path[PATH_MAX + 128];

    if (!published("suit-riot-dialect/payload.hex", "payload.bin") ||
        !published("suit-riot-dialect/payload_b.hex", "payload_b.bin"))
        return;
    snprintf(path, sizeof(path), "%s/suit-riot-dialect/key_ed25519.pem", vectors);
    size_t size = 0;
    char *key = file_read(path, &size);
    file_write("riot.pem", key, size);
    free(key);
    for (size_t i = 0; i < 3; i++) {
        char name[96];
        char input[PATH_MAX + 128];
        snprintf(input, sizeof(input), "%s/suit-riot-dialect/riot_suit_tool_%s.input.json", vectors, names[i]);
        snprintf(name, sizeof(name), "suit-riot-dialect/riot_suit_tool_%s.unsigned.hex", names[i]);
        assert_true(published(name, "published"));
        run_ctl(result, "manifest", "create", "--dialect", "riot", "--from", input, "-o", "made");
        expect(result, EXIT_DONE, ", 0 signatures", NULL);
        expect_same("made", "published");
        snprintf(name, sizeof(name), "suit-riot-dialect/riot_suit_tool_%s.signed.hex", names[i]);
        assert_true(published(name, "published"));
        assert_int_equal(system("chmod 600 riot.pem"), 0);
        run_ctl(result, "manifest", "create", "--dialect", "riot", "--key", "riot.pem", "--from", input, "-o", "made");
        expect(result, EXIT_DONE, ", 1 signatures", NULL);
        expect_same("made", "published");
        run_ctl(result, "manifest", "show", "made");
        expect(result, EXIT_DONE, "dialect: riot\n", NULL);
    }
}

static void what_is_shown_can_be_made_again(void **state)
{
    struct result *result = *state;

    run_ctl(result, "manifest", "create", "--from", everything, "-o", "made");
    expect(result, EXIT_DONE, "manifest of ", NULL);
    run_ctl(result, "-o", "json", "manifest", "show", "made");
    expect(result, EXIT_DONE, "\"directive-override-multiple\"", NULL);
    file_write("shown.json", result->out, strlen(result->out));
    run_ctl(result, "manifest", "create", "--from", "shown.json", "-o", "again");
    expect(result, EXIT_DONE, "manifest of ", NULL);
    expect_same("made", "again");
}

static void everything_is_shown_in_words(void **state)
{
    static const char *const words[] = {
        "manifest-component-id: fleet/manifest\n",
        "set-version: 2/1/0\n",
        "  directive-set-component-index: all\n",
        "    manifest-description: Tout ce qu'un manifeste peut dire.\n",
        "version: greater-equal 1/2\n",
        "directive-wait: report record on failure\n",
        "severable: payload-fetch/text\n",
        "  #note: 697420747261",
        "directive-unlink",
        "prefix: tenant\n",
    };
    struct result *result = *state;

    run_ctl(result, "manifest", "create", "--from", everything, "-o", "made");
    run_ctl(result, "manifest", "show", "made");
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        expect(result, EXIT_DONE, words[i], NULL);
}

static void several_keys_sign_and_all_of_them_can_be_required(void **state)
{
    struct result *result = *state;

    run_ctl(result, "manifest", "create", "--from", everything, "--key", "ed.pem", "-o", "one");
    expect(result, EXIT_DONE, ", 1 signatures", NULL);
    run_ctl(result, "manifest", "verify", "one", "--key", "p256.pub.pem,ed.pub.pem");
    expect(result, EXIT_DONE, "sequence             12", NULL);
    run_ctl(result, "manifest", "verify", "one", "--key", "p256.pub.pem,ed.pub.pem", "--require", "all");
    expect(result, EXIT_REFUSED, NULL, "no signature by a known key");
    run_ctl(result, "manifest", "sign", "one", "--key", "p256.pem", "-o", "two");
    expect(result, EXIT_DONE, "1 signatures added", NULL);
    run_ctl(result, "manifest", "verify", "two", "--key", "p256.pub.pem,ed.pub.pem", "--require", "all");
    expect(result, EXIT_DONE, "sequence             12", NULL);
    run_ctl(result, "manifest", "create", "--from", everything, "--key", "ed.pem,p256.pem", "-o", "both");
    run_ctl(result, "manifest", "verify", "both", "--key", "ed.pub.pem,p256.pub.pem", "--require", "all");
    expect(result, EXIT_DONE, NULL, NULL);
    run_ctl(result, "manifest", "sever", "both", "--members", "text", "-o", "small");
    run_ctl(result, "manifest", "verify", "small", "--key", "ed.pub.pem,p256.pub.pem", "--require", "all");
    expect(result, EXIT_DONE, NULL, NULL);
    run_ctl(result, "manifest", "show", "small");
    expect(result, EXIT_DONE, "severed: text\n", NULL);
}

static void a_key_kept_elsewhere_signs_in_two_steps_and_a_secret_authenticates(void **state)
{
    struct result *result = *state;

    run_ctl(result, "manifest", "create", "--from", everything, "-o", "bare");
    run_ctl(result, "manifest", "sign", "bare", "--algorithm", "ed25519", "--to-be-signed", "tbs");
    expect(result, EXIT_DONE, "bytes to be signed: tbs", NULL);
    assert_int_equal(system("openssl pkeyutl -sign -inkey ed.pem -rawin -in tbs -out sig"), 0);
    run_ctl(result, "manifest", "sign", "bare", "--algorithm", "ed25519", "--signature", "sig", "-o", "signed");
    expect(result, EXIT_DONE, "1 signatures added", NULL);
    run_ctl(result, "manifest", "verify", "signed", "--key", "ed.pub.pem");
    expect(result, EXIT_DONE, NULL, NULL);
    file_write("secret", "0123456789abcdef0123456789abcdef", 32);
    run_ctl(result, "manifest", "sign", "signed", "--secret", "secret", "-o", "mac");
    expect(result, EXIT_DONE, "1 signatures added", NULL);
    run_ctl(result, "manifest", "show", "mac");
    expect(result, EXIT_DONE, "form: COSE_Mac0\n", NULL);
    run_ctl(result, "manifest", "sign", "bare", "-o", "no");
    expect(result, EXIT_USAGE, NULL, "Give --key, --secret or --signature");
    run_ctl(result, "manifest", "sign", "bare", "--to-be-signed", "no");
    expect(result, EXIT_USAGE, NULL, "needs --algorithm");
}

static void an_owner_carries_the_manifest_of_a_tenant(void **state)
{
    static const char tenant[] =
        "{ \"manifest-sequence-number\": 1, \"manifest-component-id\": [\"tenant\"],"
        "\"components\": [{ \"install-id\": [\"ram\", \"1\"], \"vendor-id\": { \"domain\": \"a.org\" },"
        "\"class-id\": { \"domain\": \"a.org\", \"name\": \"n\" }, \"uri\": \"#image\","
        "\"file\": \"image\" }] }";
    static const char owner[] =
        "{ \"manifest-sequence-number\": 2, \"component-ids\": [[\"ram\", \"0\"]], \"dependencies\":"
        "[{ \"prefix\": [\"tenant\"], \"file\": \"tenant.suit\", \"uri\": \"#tenant\" }] }";
    struct result *result = *state;

    file_write("image", "container", 9);
    file_write("tenant.json", tenant, sizeof(tenant) - 1);
    file_write("owner.json", owner, sizeof(owner) - 1);
    run_ctl(result, "manifest", "create", "--from", "tenant.json", "--key", "ed.pem", "-o", "tenant.suit");
    expect(result, EXIT_DONE, ", 1 signatures", NULL);
    run_ctl(result, "manifest", "create", "--from", "owner.json", "--key", "p256.pem", "-o", "owner.suit");
    expect(result, EXIT_DONE, ", 1 signatures", NULL);
    run_ctl(result, "manifest", "show", "owner.suit");
    expect(result, EXIT_DONE, "uri: #tenant\n", NULL);
    expect(result, EXIT_DONE, "  directive-process-dependency: report nothing\n", NULL);
    expect(result, EXIT_DONE, "  condition-dependency-integrity: report everything\n", NULL);
    expect(result, EXIT_DONE, "    prefix: tenant\n", NULL);
}

static void mistakes_are_named_with_their_place(void **state)
{
    static const struct {
        const char *json, *what, *where;
    } cases[] = {
        { "[", "line 1, column", "at:  bad.json" },
        { "[]", "is an object", "" },
        { "{}", "manifest-sequence-number is missing", "" },
        { "{ \"manifest-sequence-number\": 1, \"componets\": [] }", "componets is no member", "" },
        { "{ \"manifest-sequence-number\": 1 }", "", "" },
        { "{ \"manifest-sequence-number\": 1, \"components\": [{}] }", "no install-id", "at:  components[0]" },
        { "{ \"manifest-sequence-number\": 1, \"components\": [{ \"install-id\": [\"a\"], \"vendor-id\": \"x\" }] }",
          "this is no identifier", "at:  components[0].vendor-id" },
        { "{ \"manifest-sequence-number\": 1, \"components\": [{ \"install-id\": [\"a\"], \"install-digest\": "
          "{ \"algorithm-id\": \"md5\", \"digest-bytes\": \"00\" } }] }",
          "md5 is no digest algorithm", "at:  components[0].install-digest" },
        { "{ \"manifest-sequence-number\": 1, \"component-ids\": [[\"a\"]], \"install\": [{ \"command-id\": \"fetch\" "
          "}] }",
          "fetch is no command", "at:  install[0].command-id" },
        { "{ \"manifest-sequence-number\": 1, \"component-ids\": [[\"a\"]], \"install\": [{ \"command-id\": "
          "\"directive-override-parameters\", \"command-arg\": { \"url\": \"x\" } }] }",
          "url is no parameter", "at:  install[0].command-arg.url" },
        { "{ \"manifest-sequence-number\": 1, \"component-ids\": [[\"a\"]], \"install\": [{ \"command-id\": "
          "\"directive-try-each\", \"command-arg\": [[{ \"command-id\": \"directive-fetch\" }]] }] }",
          "this cannot be written", "at:  install[0].command-arg" },
        { "{ \"manifest-sequence-number\": 1, \"component-ids\": [[\"a\"]], \"install\": [{ \"command-id\": "
          "\"directive-fetch\", \"component-id\": [\"b\"] }] }",
          "not one of the manifest's", "at:  install[0].component-id" },
        { "{ \"manifest-sequence-number\": 1, \"component-ids\": [[\"a\"]], \"severable\": [\"validate\"] }",
          "validate is no member that can be severed", "at:  severable" },
        { "{ \"manifest-sequence-number\": 1, \"component-ids\": [[\"a\"]], \"description\": { \"en\": { \"x\": \"y\" "
          "} } }",
          "x is no text of a manifest", "at:  description.en.x" },
        { "{ \"manifest-sequence-number\": 1, \"dependencies\": [{ \"file\": \"none.suit\", \"prefix\": [\"d\"] }] }",
          "none.suit cannot be taken", "at:  dependencies[0]" },
        { "{ \"manifest-sequence-number\": 1, \"components\": [{ \"install-id\": [\"a\"], \"bootable\": true }, "
          "{ \"install-id\": [\"b\"], \"bootable\": true }] }",
          "only one can be invoked", "" },
        { "{ \"dialect\": \"riot\", \"manifest-sequence-number\": 1, \"component-ids\": [[\"a\"]], \"install\": "
          "[{ \"command-id\": \"directive-copy\" }] }",
          "not supported", "at:  install[0].command-arg" },
    };
    struct result *result = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        file_write("bad.json", cases[i].json, strlen(cases[i].json));
        run_ctl(result, "manifest", "create", "--from", "bad.json", "-o", "no");
        expect(result, EXIT_REFUSED, NULL, cases[i].what);
        expect(result, EXIT_REFUSED, NULL, cases[i].where);
        assert_int_not_equal(access("no", F_OK), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_inputs_give_the_published_bytes),
        cmocka_unit_test(riots_own_inputs_give_the_bytes_that_its_tool_gives),
        cmocka_unit_test(what_is_shown_can_be_made_again),
        cmocka_unit_test(everything_is_shown_in_words),
        cmocka_unit_test(several_keys_sign_and_all_of_them_can_be_required),
        cmocka_unit_test(a_key_kept_elsewhere_signs_in_two_steps_and_a_secret_authenticates),
        cmocka_unit_test(an_owner_carries_the_manifest_of_a_tenant),
        cmocka_unit_test(mistakes_are_named_with_their_place),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
