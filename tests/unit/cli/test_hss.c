/* test_hss.c - HSS-LMS keys on the command line: made, shown, used wherever a private key is, and kept from harm. */
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

static char container[PATH_MAX];

static int setup(void **state)
{
    static struct result result;
    const char *source = getenv("TINYPART_SOURCE");

    assert_non_null(source);
    assert_non_null(realpath(source, container));
    strncat(container, "/packaging/examples/containers/thermo.rbpf", sizeof(container) - strlen(container) - 1);
    folder_make();
    *state = &result;
    return 0;
}

static int teardown(void **state)
{
    result_deinit(*state);
    folder_remove();
    return 0;
}

static void make(struct result *result, const char *key)
{
    run_ctl(result, "keygen", "--type", "hss-lms", "--height", "5", "--width", "8", "--hash", "sha256-192", "-o", key);
    expect(result, EXIT_DONE, "signatures:  32", NULL);
}

static void sign(struct result *result, const char *key)
{
    run_ctl(result, "image", "sign", container, "--name", "thermo", "--version", "1.2", "--type", "bpf", "--key", key,
            "-o", "thermo.suit");
}

static void copy(const char *from, const char *to)
{
    size_t size = 0;
    char *data = file_read(from, &size);

    assert_non_null(data);
    file_write(to, data, size);
    free(data);
}

static void such_a_key_signs_images_and_manifests(void **state)
{
    struct result *result = *state;

    make(result, "a.key");
    sign(result, "a.key");
    expect(result, EXIT_DONE, "is signed", NULL);
    run_ctl(result, "image", "verify", "thermo.suit", "--key", "a.key.pub.pem");
    expect(result, EXIT_DONE, "signature_verified   yes", NULL);
    run_ctl(result, "manifest", "create", "--dialect", "suit", "--key", "a.key", "--sequence", "1", "--vendor",
            "tinypart.org", "--class", "tinypart-device", "--component", "slot/0", "--uri", "coap://[::1]/i/1",
            "--image", container, "-o", "m");
    expect(result, EXIT_DONE, "manifest of", NULL);
    run_ctl(result, "manifest", "verify", "m", "--key", "a.key.pub.pem");
    expect(result, EXIT_DONE, "suit", NULL);
    run_ctl(result, "key", "show", "a.key");
    expect(result, EXIT_DONE, "signatures_left      30", NULL);
    run_ctl(result, "-o", "json", "key", "show", "a.key");
    expect(result, EXIT_DONE, "\"standing\": \"can sign\"", NULL);
}

static void a_restored_state_is_refused_until_told_how_far_to_skip(void **state)
{
    struct result *result = *state;

    make(result, "b.key");
    copy("b.key.state", "backup");
    for (unsigned i = 0; i < 3; i++)
        sign(result, "b.key");
    copy("backup", "b.key.state");
    sign(result, "b.key");
    expect(result, EXIT_REFUSED, NULL, "it was restored from a backup");
    expect(result, EXIT_REFUSED, NULL, "tinypartctl key skip KEY --to N, N at least 3");
    run_ctl(result, "key", "show", "b.key");
    expect(result, EXIT_DONE, "cannot sign: its state was restored from a backup", NULL);
    run_ctl(result, "key", "skip", "b.key", "--to", "2");
    expect(result, EXIT_REFUSED, NULL, "forward only: to 3 at least, to 32 at most");
    run_ctl(result, "key", "skip", "b.key", "--to", "3");
    expect(result, EXIT_DONE, "goes on with one-time key 3", NULL);
    sign(result, "b.key");
    expect(result, EXIT_DONE, "is signed", NULL);
}

static void a_key_that_is_used_up_says_so(void **state)
{
    struct result *result = *state;

    make(result, "c.key");
    run_ctl(result, "key", "skip", "c.key", "--to", "31");
    sign(result, "c.key");
    expect(result, EXIT_DONE, "is signed", NULL);
    sign(result, "c.key");
    expect(result, EXIT_REFUSED, NULL, "all 32 one-time keys of this key are used");
}

static void its_mark_may_be_elsewhere(void **state)
{
    struct result *result = *state;

    assert_int_equal(mkdir("marks", 0700), 0);
    run_ctl(result, "keygen", "--type", "hss-lms", "--height", "5", "--width", "4", "--mark", "marks/d", "-o", "d.key");
    expect(result, EXIT_DONE, "public key:  d.key.pub.pem", NULL);
    assert_int_equal(access("marks/d", F_OK), 0);
    assert_int_equal(chdir("marks"), 0);
    run_ctl(result, "key", "show", "../d.key");
    assert_int_equal(chdir(".."), 0);
    expect(result, EXIT_DONE, "can sign", NULL);
    expect(result, EXIT_DONE, "/marks/d", NULL);
}

static void a_key_that_others_may_read_or_that_was_changed_is_refused(void **state)
{
    struct result *result = *state;
    size_t size = 0;

    make(result, "e.key");
    assert_int_equal(chmod("e.key", 0644), 0);
    sign(result, "e.key");
    expect(result, EXIT_REFUSED, NULL, "others than its owner may read");
    assert_int_equal(chmod("e.key", 0600), 0);
    char *text = file_read("e.key", &size);
    char *seed = strstr(text, "seed ");
    seed[10] = seed[10] == 'a' ? 'b' : 'a';
    file_write("e.key", text, size);
    free(text);
    sign(result, "e.key");
    expect(result, EXIT_REFUSED, NULL, "this HSS-LMS private key is damaged");
    run_ctl(result, "keygen", "--type", "hss-lms", "--height", "5", "-o", "e.key");
    expect(result, EXIT_REFUSED, NULL, "never overwritten");
}

static void shapes_are_checked_before_any_work(void **state)
{
    struct result *result = *state;

    run_ctl(result, "keygen", "--type", "hss-lms", "--height", "7", "-o", "f.key");
    expect(result, EXIT_REFUSED, NULL, "heights are 5, 10, 15, 20 and 25");
    run_ctl(result, "keygen", "--type", "hss-lms", "--height", "25", "--levels", "3", "-o", "f.key");
    expect(result, EXIT_REFUSED, NULL, "levels times height are at most 60");
    run_ctl(result, "keygen", "--type", "hss-lms", "--height", "5", "--width", "1", "-o", "f.key");
    expect(result, EXIT_REFUSED, NULL, "its signatures would have 8688 bytes, and documents have room for 4627");
    run_ctl(result, "keygen", "--type", "hss-lms", "--hash", "md5", "-o", "f.key");
    expect(result, EXIT_USAGE, NULL, "--hash takes sha256 or sha256-192, not md5");
    run_ctl(result, "keygen", "--type", "ed25519", "--height", "5", "-o", "f.key");
    expect(result, EXIT_USAGE, NULL, "--height goes with --type hss-lms only");
    assert_int_not_equal(access("f.key", F_OK), 0);
}

static void other_keys_are_shown_too_but_have_nothing_to_skip(void **state)
{
    struct result *result = *state;

    run_ctl(result, "keygen", "--type", "ed25519", "-o", "g.pem");
    run_ctl(result, "key", "show", "g.pem");
    expect(result, EXIT_DONE, "type                 ed25519", NULL);
    run_ctl(result, "key", "skip", "g.pem", "--to", "1");
    expect(result, EXIT_REFUSED, NULL, "only HSS-LMS keys have one-time keys");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(such_a_key_signs_images_and_manifests),
        cmocka_unit_test(a_restored_state_is_refused_until_told_how_far_to_skip),
        cmocka_unit_test(a_key_that_is_used_up_says_so),
        cmocka_unit_test(its_mark_may_be_elsewhere),
        cmocka_unit_test(a_key_that_others_may_read_or_that_was_changed_is_refused),
        cmocka_unit_test(shapes_are_checked_before_any_work),
        cmocka_unit_test(other_keys_are_shown_too_but_have_nothing_to_skip),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
