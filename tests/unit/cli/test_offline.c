#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/exits.h"
#include "run.h"

static char container[PATH_MAX]; /* an example of the project's own */

static int setup(void **state)
{
    static struct result result;
    const char *source = getenv("TINYPART_SOURCE");

    assert_non_null(source);
    assert_non_null(realpath(source, container));
    strncat(container, "/packaging/examples/containers/thermo.rbpf", sizeof(container) - strlen(container) - 1);
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

static unsigned mode_of(const char *path)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 07777;
}

/* Turns one byte of a copy of the file. */
static void tamper(const char *from, const char *to, size_t back)
{
    size_t size = 0;
    char *data = file_read(from, &size);

    assert_non_null(data);
    assert_true(size > back);
    data[size - 1 - back] ^= 1;
    file_write(to, data, size);
    free(data);
}

static void a_private_key_is_for_its_owner_alone(void **state)
{
    (void)state;
    char *public = file_read("ed.pub.pem", NULL);
    char *private = file_read("ed.pem", NULL);

    assert_int_equal(mode_of("ed.pem"), 0600);
    assert_int_equal(mode_of("p256.pem"), 0600);
    assert_non_null(strstr(private, "-----BEGIN PRIVATE KEY-----"));
    assert_non_null(strstr(public, "-----BEGIN PUBLIC KEY-----"));
    free(private);
    free(public);
}

static void neither_half_of_a_key_is_ever_overwritten(void **state)
{
    struct result *result = *state;
    char *before = file_read("ed.pem", NULL);

    run_ctl(result, "keygen", "--type", "ed25519", "-o", "ed.pem");
    expect(result, EXIT_REFUSED, NULL, "key is never overwritten");
    char *after = file_read("ed.pem", NULL);
    assert_string_equal(before, after);
    free(before);
    free(after);
    /* The private half was moved to a safe place: the public one is all that tells which it was. */
    file_write("moved.pub.pem", "mine", 4);
    run_ctl(result, "keygen", "--type", "ed25519", "-o", "moved.pem");
    expect(result, EXIT_REFUSED, NULL,
           "a public key is never overwritten\n  at:  moved.pub.pem\n  try: choose another");
    assert_int_not_equal(access("moved.pem", F_OK), 0);
}

static void sign(struct result *result, const char *key, const char *bundle)
{
    run_ctl(result, "image", "sign", container, "--name", "thermo", "--version", "1.2", "--type", "bpf", "--sensor",
            "temperature", "--key", key, "-o", bundle);
    expect(result, EXIT_DONE, "thermo:1.2, ", NULL);
}

static void what_was_signed_verifies_with_both_kinds_of_key(void **state)
{
    struct result *result = *state;

    sign(result, "ed.pem", "ed.suit");
    run_ctl(result, "image", "verify", "ed.suit", "--key", "ed.pub.pem");
    expect(result, EXIT_DONE, "signature_verified   yes", NULL);
    expect(result, EXIT_DONE, "name                 thermo\nversion              1.2\ntype                 bpf\n",
           NULL);
    sign(result, "p256.pem", "p256.suit");
    run_ctl(result, "-o", "json", "image", "verify", "p256.suit", "--key", "p256.pub.pem");
    expect(result, EXIT_DONE, "\"sensor\": \"temperature\"", NULL);
}

static void another_key_or_a_turned_bit_is_refused(void **state)
{
    struct result *result = *state;

    sign(result, "ed.pem", "b.suit");
    run_ctl(result, "image", "verify", "b.suit", "--key", "p256.pub.pem");
    expect(result, EXIT_REFUSED, "", "tinypartctl: refused: ");
    for (size_t back = 0; back < 200; back += 33) {
        tamper("b.suit", "bad.suit", back);
        run_ctl(result, "image", "verify", "bad.suit", "--key", "ed.pub.pem");
        expect(result, EXIT_REFUSED, "", "at:  bad.suit");
    }
    file_write("short.suit", "\xd8\x6b", 2);
    run_ctl(result, "image", "verify", "short.suit", "--key", "ed.pub.pem");
    expect(result, EXIT_REFUSED, NULL, "tinypartctl: refused: ");
}

static void inspecting_says_that_nothing_was_verified(void **state)
{
    struct result *result = *state;

    sign(result, "ed.pem", "i.suit");
    run_ctl(result, "image", "inspect", "i.suit");
    expect(result, EXIT_DONE, "signature_verified   no", NULL);
}

static void names_that_no_registry_takes_are_not_signed(void **state)
{
    struct result *result = *state;

    run_ctl(result, "image", "sign", container, "--name", "Thermo!", "--version", "1", "--type", "bpf", "--key",
            "ed.pem", "-o", "no.suit");
    expect(result, EXIT_REFUSED, NULL, "try: names: 1..63 of a-z");
    assert_int_not_equal(access("no.suit", F_OK), 0);
    run_ctl(result, "image", "sign", container, "--name", "a", "--version", "1", "--type", "elf", "--key", "ed.pem",
            "-o", "no.suit");
    expect(result, EXIT_USAGE, NULL, "--type takes bpf, wasm, python, shell or native, not elf");
}

static void files_that_are_not_there_are_named(void **state)
{
    struct result *result = *state;

    run_ctl(result, "image", "inspect", "none.suit");
    expect(result, EXIT_FAULT, NULL, "tinypartctl: none.suit cannot be read: No such file or directory");
    run_ctl(result, "image", "verify", ".", "--key", "ed.pub.pem");
    expect(result, EXIT_FAULT, NULL, "tinypartctl: . cannot be read: Is a directory");
    run_ctl(result, "image", "sign", container, "--name", "a", "--version", "1", "--type", "bpf", "--key", "ed.pem",
            "-o", "no/such/folder.suit");
    expect(result, EXIT_FAULT, NULL, "no/such/folder.suit cannot be written: No such file or directory");
}

static void a_key_that_others_may_read_is_not_used(void **state)
{
    struct result *result = *state;

    assert_int_equal(chmod("p256.pem", 0644), 0);
    run_ctl(result, "image", "sign", container, "--name", "a", "--version", "1", "--type", "bpf", "--key", "p256.pem",
            "-o", "no.suit");
    assert_int_equal(chmod("p256.pem", 0600), 0);
    expect(result, EXIT_REFUSED, NULL, "others than its owner may read the private key (mode 0644)");
}

static void make_manifest(struct result *result, const char *dialect, const char *key, const char *file)
{
    run_ctl(result, "manifest", "create", "--dialect", dialect, "--key", key, "--sequence", "7", "--vendor",
            "riot-os.org", "--class", "native", "--component", "ram/0", "--uri", "coap://[fd00:1::1]/t", "--image",
            container, "-o", file);
    expect(result, EXIT_DONE, "manifest of ", NULL);
}

static void manifests_of_both_dialects_verify_and_show(void **state)
{
    static const char *const dialects[] = { "riot", "suit" };
    struct result *result = *state;

    for (size_t i = 0; i < 2; i++) {
        char wanted[64];
        snprintf(wanted, sizeof(wanted), "dialect              %s\nsequence             7\n", dialects[i]);
        make_manifest(result, dialects[i], "ed.pem", "m.suit");
        run_ctl(result, "manifest", "verify", "m.suit", "--key", "ed.pub.pem");
        expect(result, EXIT_DONE, wanted, NULL);
        expect(result, EXIT_DONE, "component            ram/0", NULL);
        expect(result, EXIT_DONE, "vendor_id            547d0d746d3a5a9296624881afd9407b", NULL);
        expect(result, EXIT_DONE, "uri                  coap://[fd00:1::1]/t", NULL);
        run_ctl(result, "manifest", "show", "m.suit");
        expect(result, EXIT_DONE, "coap://[fd00:1::1]/t", NULL);
        tamper("m.suit", "bad.suit", 20);
        run_ctl(result, "manifest", "verify", "bad.suit", "--key", "ed.pub.pem");
        expect(result, EXIT_REFUSED, "", "tinypartctl: refused: ");
        run_ctl(result, "manifest", "verify", "m.suit", "--key", "p256.pub.pem");
        expect(result, EXIT_REFUSED, "", "tinypartctl: refused: ");
    }
}

static void what_is_no_manifest_is_refused(void **state)
{
    struct result *result = *state;

    run_ctl(result, "manifest", "verify", container, "--key", "ed.pub.pem");
    expect(result, EXIT_REFUSED, NULL, "tinypartctl: refused: ");
    file_write("empty", "", 0);
    run_ctl(result, "manifest", "verify", "empty", "--key", "ed.pub.pem");
    expect(result, EXIT_REFUSED, NULL, "tinypartctl: refused: ");
    file_write("cut", "\xa1\x02", 2);
    run_ctl(result, "manifest", "show", "cut");
    expect(result, EXIT_REFUSED, NULL, "not a manifest");
    run_ctl(result, "manifest", "show", "--cbor", "cut");
    expect(result, EXIT_REFUSED, NULL, "this is no CBOR");
}

static void components_and_dialects_are_checked(void **state)
{
    struct result *result = *state;

    run_ctl(result, "manifest", "create", "--dialect", "elf", "--key", "ed.pem", "--sequence", "1", "--vendor", "a",
            "--class", "b", "--component", "ram/0", "--uri", "coap://h/x", "--image", container, "-o", "no");
    expect(result, EXIT_USAGE, NULL, "--dialect takes riot or suit, not elf");
    run_ctl(result, "manifest", "create", "--dialect", "riot", "--key", "ed.pem", "--sequence", "1", "--vendor", "a",
            "--class", "b", "--component", "ram//0", "--uri", "coap://h/x", "--image", container, "-o", "no");
    expect(result, EXIT_USAGE, NULL, "--component ram//0 is not of one to ");
    run_ctl(result, "manifest", "create", "--dialect", "riot", "--key", "ed.pem", "--sequence", "-1", "--vendor", "a",
            "--class", "b", "--component", "ram/0", "--uri", "coap://h/x", "--image", container, "-o", "no");
    expect(result, EXIT_USAGE, NULL, "--sequence -1 is not a whole number from 1 to ");
}

/* Scale 10/3: the mean of |x| is 3.27, and 3000 draws of it stay within 0.5 but once in 10^15. */
static void noise_is_one_integer_a_line_of_the_scale_asked_for(void **state)
{
    struct result *result = *state;
    long sum = 0;
    long absolute = 0;
    unsigned lines = 0;

    run_ctl(result, "noise", "sample", "--mechanism", "laplace", "--scale", "10/3", "--count", "3000");
    expect(result, EXIT_DONE, NULL, NULL);
    for (char *at = result->out; *at != '\0'; lines++) {
        char *end;
        long value = strtol(at, &end, 10);
        assert_true(end > at && *end == '\n');
        sum += value;
        absolute += labs(value);
        at = end + 1;
    }
    assert_int_equal(lines, 3000);
    assert_in_range(absolute, (unsigned long)(2.77 * 3000), (unsigned long)(3.77 * 3000));
    assert_true(labs(sum) < 3000 * 7 / 10);
}

static void noise_of_no_scale_is_refused(void **state)
{
    static const char *const scales[] = { "0", "1/0", "-1", "1/", "/1", "1.5", "1/2/3", "1099511627777", "" };
    struct result *result = *state;

    for (size_t i = 0; i < sizeof(scales) / sizeof(scales[0]); i++) {
        run_ctl(result, "noise", "sample", "--mechanism", "laplace", "--scale", scales[i], "--count", "1");
        expect(result, EXIT_USAGE, NULL, "is no fraction NUM/DEN");
    }
    run_ctl(result, "noise", "sample", "--mechanism", "gauss", "--scale", "1", "--count", "1");
    expect(result, EXIT_USAGE, NULL, "--mechanism takes laplace, gaussian, geometric, krr, oue or onebit, not gauss");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_private_key_is_for_its_owner_alone),
        cmocka_unit_test(neither_half_of_a_key_is_ever_overwritten),
        cmocka_unit_test(what_was_signed_verifies_with_both_kinds_of_key),
        cmocka_unit_test(another_key_or_a_turned_bit_is_refused),
        cmocka_unit_test(inspecting_says_that_nothing_was_verified),
        cmocka_unit_test(names_that_no_registry_takes_are_not_signed),
        cmocka_unit_test(files_that_are_not_there_are_named),
        cmocka_unit_test(a_key_that_others_may_read_is_not_used),
        cmocka_unit_test(manifests_of_both_dialects_verify_and_show),
        cmocka_unit_test(what_is_no_manifest_is_refused),
        cmocka_unit_test(components_and_dialects_are_checked),
        cmocka_unit_test(noise_is_one_integer_a_line_of_the_scale_asked_for),
        cmocka_unit_test(noise_of_no_scale_is_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
