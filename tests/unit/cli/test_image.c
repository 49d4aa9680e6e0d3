/* image build and image inspect, on objects that clang made before. */
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

static char source[PATH_MAX];

static const char *in_source(const char *path)
{
    static char whole[2 * PATH_MAX];

    snprintf(whole, sizeof(whole), "%s/%s", source, path);
    return whole;
}

static int setup(void **state)
{
    static struct result result;

    assert_non_null(getenv("TINYPART_SOURCE"));
    assert_non_null(realpath(getenv("TINYPART_SOURCE"), source));
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

static void copy(const char *from, const char *to)
{
    size_t size = 0;
    char *data = file_read(in_source(from), &size);

    assert_non_null(data);
    file_write(to, data, size);
    free(data);
}

static void an_object_becomes_a_container_beside_it(void **state)
{
    struct result *result = *state;

    copy("tests/fuzz/corpus/container_elf/temperature", "temperature.o");
    run_ctl(result, "image", "build", "temperature.o");
    expect(result, EXIT_DONE, "temperature.rbpf: 178 bytes, proven: at most 1 branches a run\n", NULL);
    run_ctl(result, "image", "build", "temperature.o", "-o", "other.rbpf");
    expect(result, EXIT_DONE, "other.rbpf: 178 bytes", NULL);
    run_ctl(result, "image", "inspect", "temperature.rbpf");
    expect(result, EXIT_DONE, "verdict              proven\n", NULL);
    expect(result, EXIT_DONE, "helpers              saul_reg_find_type (0x31),saul_reg_read (0x32)\n", NULL);
    expect(result, EXIT_DONE, "temperature:\n    0  mov     r1, 130\n    1  call    saul_reg_find_type\n", NULL);
}

static void what_is_no_object_is_refused_with_advice(void **state)
{
    struct result *result = *state;

    file_write("text.o", "int f;", 6);
    run_ctl(result, "image", "build", "text.o");
    expect(result, EXIT_REFUSED, NULL,
           "no container can be made: it is no ELF object for BPF\n  at:  text.o\n  try: make it with: clang");
    assert_int_not_equal(access("text.rbpf", F_OK), 0);
}

static void what_devices_would_refuse_is_not_written(void **state)
{
    struct result *result = *state;

    copy("tests/fuzz/corpus/container_elf/endless", "endless.o");
    run_ctl(result, "image", "build", "endless.o");
    expect(result, EXIT_REFUSED, NULL,
           "devices would refuse this container: does not end in exit, or cannot reach one\n  at:  endless.o");
    assert_int_not_equal(access("endless.rbpf", F_OK), 0);
}

static void data_and_loops_are_shown_and_bundles_too(void **state)
{
    struct result *result = *state;

    copy("tests/fuzz/corpus/container_elf/moving_average", "average.o");
    run_ctl(result, "image", "build", "average.o");
    expect(result, EXIT_DONE, "proven: at most 3 branches a run", NULL);
    run_ctl(result, "keygen", "--type", "ed25519", "-o", "acme.pem");
    run_ctl(result, "image", "sign", "average.rbpf", "--name", "average", "--version", "1", "--type", "bpf", "--key",
            "acme.pem", "-o", "average.suit");
    run_ctl(result, "-o", "json", "image", "inspect", "average.suit");
    expect(result, EXIT_DONE, "\"name\": \"average\"", NULL);
    expect(result, EXIT_DONE, "\"verdict\": \"proven\"", NULL);
    expect(result, EXIT_DONE, "\"data_bytes\": ", NULL);
    expect(result, EXIT_DONE, "lddwd   r", NULL);
}

/* mov r0, 1; div r0, r1; mod r0, 3; stx [r10-8], 1; jsle r0, r10, 1; lddw; ja; neg; exit, and a function name. */
static const uint8_t odd[] = "rBPF\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x50\0\0\0\0\0\0\0"
                             "\xb7\0\0\0\1\0\0\0\x3f\x10\0\0\0\0\0\0\x97\0\0\0\3\0\0\0\x7a\x0a\xf8\xff\1\0\0\0"
                             "\xdd\xa0\3\0\0\0\0\0\x18\2\0\0\4\3\2\1\0\0\0\0\x0d\x0c\x0b\x0a\5\0\0\0\0\0\0\0"
                             "\x87\0\0\0\0\0\0\0\x95\0\0\0\0\0\0";

static void what_cannot_be_proven_is_marked_where_it_stands(void **state)
{
    struct result *result = *state;

    file_write("odd.rbpf", odd, sizeof(odd));
    run_ctl(result, "image", "inspect", "odd.rbpf");
    expect(result, EXIT_DONE, "verdict              unproven\n", NULL);
    expect(result, EXIT_DONE, "reason               instruction 1: may divide by 0\n", NULL);
    expect(result, EXIT_DONE,
           "    0  mov     r0, 1\n"
           "    1  div     r0, r1        <-- may divide by 0\n"
           "    2  mod     r0, 3\n"
           "    3  stx     [r10-8], 1\n"
           "    4  jsle    r0, r10, 8\n"
           "    5  lddw    r2, 0xa0b0c0d01020304\n"
           "    7  ja      8\n"
           "    8  neg     r0\n"
           "    9  exit\n",
           NULL);
}

/* A function called "f\xff\n    0  exit": neither the text nor the list may be led astray by it. */
static const uint8_t strange[] = "rBPF\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\0\0\x10\0\0\0\1\0\0\0"
                                 "f\xff\n    0  exit\0\0\xb7\0\0\0\1\0\0\0\x95\0\0\0\0\0\0\0\0\0\0\0\0";

static void a_function_may_have_any_name(void **state)
{
    struct result *result = *state;

    file_write("strange.rbpf", strange, sizeof(strange));
    run_ctl(result, "image", "inspect", "strange.rbpf");
    expect(result, EXIT_DONE, "functions            f??????0??exit\n", NULL);
    expect(result, EXIT_DONE, "f??????0??exit:\n    0  mov     r0, 1\n    1  exit\n", NULL);
}

static void other_types_are_judged_by_their_own_rules(void **state)
{
    struct result *result = *state;

    copy("tests/fuzz/corpus/wasm/helper", "helper.wasm");
    run_ctl(result, "image", "inspect", "helper.wasm");
    expect(result, EXIT_DONE, "verdict              well-formed\n", NULL);
    expect(result, EXIT_DONE, "saul_reg_find_type (0x31)\n", NULL);
    file_write("cut.wasm", "\0asm\1\0\0\0\1", 9);
    run_ctl(result, "image", "inspect", "cut.wasm");
    expect(result, EXIT_DONE, "verdict              refused\n", NULL);
    file_write("script", "a\r\n", 3);
    run_ctl(result, "keygen", "--type", "ed25519", "-o", "s.pem");
    run_ctl(result, "image", "sign", "script", "--name", "script", "--version", "1", "--type", "shell", "--key",
            "s.pem", "-o", "script.suit");
    run_ctl(result, "image", "inspect", "script.suit");
    expect(result, EXIT_DONE, "type                 shell\n", NULL);
    expect(result, EXIT_DONE, "reason               line 1: a control character", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_becomes_a_container_beside_it),
        cmocka_unit_test(what_is_no_object_is_refused_with_advice),
        cmocka_unit_test(what_devices_would_refuse_is_not_written),
        cmocka_unit_test(data_and_loops_are_shown_and_bundles_too),
        cmocka_unit_test(what_cannot_be_proven_is_marked_where_it_stands),
        cmocka_unit_test(a_function_may_have_any_name),
        cmocka_unit_test(other_types_are_judged_by_their_own_rules),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
