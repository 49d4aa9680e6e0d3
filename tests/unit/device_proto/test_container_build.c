/* From C to a verdict and an answer. The sources are compiled with the clang that is installed; where none has the BPF
 * target that is said, and the objects beside the fuzz target are all that is built from. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "device_proto/container_build.h"
#include "device_proto/container_prove.h"
#include "device_proto/container_run.h"
#include "tests/unit/device_proto/fixture.h"

#define OBJECT_MAX 65536u

static char folder[] = "/tmp/container-build-XXXXXX";
static char compiler[32]; /* "": none */

static const uint32_t helpers[] = { 0x30, 0x31, 0x32, 0x60, 0x61, 0x10, 0x12 };
static struct container_scratch scratch;

static int setup(void **state)
{
    static const char *const names[] = { "clang", "clang-19", "clang-14" };
    char command[256];

    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    for (size_t i = 0; i < 3 && compiler[0] == '\0'; i++) {
        snprintf(command, sizeof(command), "echo | %s --target=bpf -x c -c - -o %s/none.o 2>/dev/null", names[i],
                 folder);
        if (system(command) == 0)
            snprintf(compiler, sizeof(compiler), "%s", names[i]);
    }
    if (compiler[0] == '\0')
        print_message("no clang with the target bpf is here: C sources are not compiled\n");
    return 0;
}

static int teardown(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

/* The compiled object of a source file, in static memory. */
static struct bytes compile(const char *source, const char *flags)
{
    static uint8_t object[OBJECT_MAX];
    char command[1024];
    size_t size;

    snprintf(command, sizeof(command), "%s --target=bpf -O2 -I%s/packaging/include %s -c %s -o %s/out.o", compiler,
             getenv("TINYPART_SOURCE"), flags, source, folder);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof(command), "%s/out.o", folder);
    FILE *file = fopen(command, "rb");
    assert_non_null(file);
    size = fread(object, 1, sizeof(object), file);
    fclose(file);
    return bytes_view(object, size);
}

static struct bytes compile_text(const char *text, const char *flags)
{
    char path[64];

    snprintf(path, sizeof(path), "%s/in.c", folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fputs("#ifndef BARE\n#include <tinypart/container.h>\n#endif\n", file);
    fputs(text, file);
    fclose(file);
    return compile(path, flags);
}

/* ---- the examples: built, proven, run ---- */

struct board {
    size_t reads;
    int16_t readings[32]; /* one after the other */
};

static int read_board(void *context, size_t index, struct container_reading *out)
{
    struct board *board = context;

    (void)index;
    *out = (struct container_reading){ .values = { board->readings[board->reads++ % 32] }, .dimensions = 1 };
    return 0;
}

static uint32_t board_now(void *context)
{
    (void)context;
    return 1;
}

#define LOCAL 256
static uint32_t local[LOCAL];

static int64_t run(const struct container *container, struct board *board, uint8_t type, uint8_t *data)
{
    struct container_sensors sensors = { board, &type, type != 0, read_board, board_now, local, LOCAL };
    struct container_host host = { .context = &sensors,
                                   .helpers = container_standard_helpers,
                                   .helper_count = CONTAINER_STANDARD_HELPERS,
                                   .branches_max = CONTAINER_BRANCHES_MAX,
                                   .data = data };
    struct container_outcome outcome;

    assert_int_equal(container_run(container, &host, &outcome), 0);
    assert_int_equal(outcome.fault, CONTAINER_RAN);
    return (int32_t)outcome.result; /* what devices print */
}

struct example {
    const char *name;
    bool sections;
    uint8_t type;
    int16_t readings[16]; /* twice over */
    int64_t without, with, again;
};

static const struct example examples[] = {
    { "temperature", false, 0x82, { -1234, 2155 }, 2718, -1234, 2155 },
    { "heart_rate", false, 0x80, { 72, 140 }, 8000, 7200, 14000 },
    { "moving_average", true, 0x82, { 1000, 2000 }, 0, 500, 1000 }, /* the run without a sensor counts as 0 */
    { "threshold_alarm", false, 0x82, { 9999, 0, 9999, 9999, 0, 9999, 0, 0, 0, 9999 }, -1, 100, 0 },
    { "histogram",
      false,
      0x8A,
      { 305, 310, 399, 50, 60, 9000, -5, 700, 301, 1, 2, 3, 302, 350, 360, 399 },
      -1,
      300,
      300 },
    { "gradient", false, 0x82, { -1234, 2155 }, -1, -3234, 155 },
};

static void build_prove_and_run(const struct example *example)
{
    static uint8_t out[CONTAINER_BUILD_MAX];
    struct container_limits limits = { .size_max = 2048,
                                       .branches_max = CONTAINER_BRANCHES_MAX,
                                       .helpers = helpers,
                                       .helper_count = 7,
                                       .section_loads = example->sections };
    struct container_build_problem build;
    struct container_problem problem;
    struct container_function function;
    struct container container;
    struct board board = { 0, { 0 } };
    uint8_t data[256] = { 0 };
    char path[256];
    size_t size;

    snprintf(path, sizeof(path), "%s/packaging/examples/containers/c/%s.c", getenv("TINYPART_SOURCE"), example->name);
    assert_int_equal(container_build(compile(path, "-mcpu=v2 -fno-jump-tables -Wall -Wextra -Werror"), out, sizeof(out),
                                     &size, &build),
                     0);
    for (unsigned neg = 0; neg < 2; neg++) { /* on either kind of device */
        limits.neg_is_8f = neg == 1;
        assert_int_equal(container_judge(bytes_view(out, size), &limits, 0, &scratch, &problem, NULL),
                         CONTAINER_PROVEN);
    }
    assert_int_equal(container_parse(bytes_view(out, size), &container), 0);
    assert_int_equal(container_function(&container, 0, &function), 0);
    assert_true(bytes_equal_text(function.name, example->name));
    assert_true(container.data.size <= sizeof(data));
    memcpy(board.readings, example->readings, sizeof(example->readings));
    memcpy(board.readings + 16, example->readings, sizeof(example->readings));
    assert_int_equal(run(&container, &board, 0, data), example->without);
    assert_int_equal(run(&container, &board, example->type, data), example->with);
    assert_int_equal(run(&container, &board, example->type, data), example->again);
}

static void the_examples_in_c_are_proven_and_answer_as_they_say(void **state)
{
    (void)state;
    for (size_t i = 0; compiler[0] != '\0' && i < sizeof(examples) / sizeof(examples[0]); i++)
        build_prove_and_run(&examples[i]);
    for (size_t i = 0; compiler[0] != '\0' && i < LOCAL; i++) /* of gradient, the last: error times features */
        assert_int_equal((int32_t)local[i], i == 8 ? 1550 : i == 7 || i == 9 ? 775 : 0);
}

/* ---- what cannot be built is named ---- */

static void names_the_symbol_that_is_to_blame(void **state)
{
    static const struct {
        const char *text, *flags, *symbol;
        int reason;
    } cases[] = {
        { "int f(int *c) { return saul_reg_wread(c); }", "-Wno-implicit-function-declaration", "saul_reg_wread",
          BUILD_UNKNOWN_HELPER },
        { "__attribute__((noinline)) static int g(int *c) { return *c + 1; } int f(int *c) { return g(c) + g(c + 1); }",
          "", "g", BUILD_LOCAL_CALL },
        { "__attribute__((noinline)) int g(int *c) { return *c + 1; } int f(int *c) { return g(c) + g(c + 1); }", "",
          "g", BUILD_LOCAL_CALL },
        { "int f(int *c) { return *c; } int g(int *c) { return *c + 1; }", "", "g", BUILD_TWO_FUNCTIONS },
        { "extern int other; int f(int *c) { return *c + other; }", "", "other", BUILD_UNDEFINED },
        { "static const char *const words[] = { \"a\", \"b\", \"c\" }; int f(int *c) { return words[*c & 1][*c & 1]; }",
          "", "words", BUILD_DATA_ADDRESS },
        { "int f(int *c) { return *c; } __attribute__((section(\"x\"))) int g(int *c) { return *c + 1; }", "", "x",
          BUILD_TWO_TEXTS },
        { "int f(unsigned *c) { return __builtin_bswap32(*c); }", "", "f", BUILD_BYTE_SWAP },
        { "int f(long *c) { return __sync_fetch_and_add(c, 1), 0; }", "", "f", BUILD_ATOMIC },
        { "int f(int *c) { return *c / 3u; }", "-mcpu=v3", "f", BUILD_ALU32 },
        { "static char big[20000]; int f(long *c) { return big[*c]++; }", "", ".bss", BUILD_SECTION_SIZE },
        { "int x;", "", "", BUILD_NO_TEXT },
    };
    struct container_build_problem problem = { .at_instruction = false };
    static uint8_t out[CONTAINER_BUILD_MAX];
    size_t size;

    (void)state;
    for (size_t i = 0; compiler[0] != '\0' && i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(
            container_build(compile_text(cases[i].text, cases[i].flags), out, sizeof(out), &size, &problem),
            cases[i].reason);
        if (!bytes_equal_text(problem.symbol, cases[i].symbol))
            fail_msg("%s: blames %.*s", cases[i].text, (int)problem.symbol.size, (const char *)problem.symbol.data);
        assert_string_not_equal(container_build_text(cases[i].reason), "unknown reason");
        assert_string_not_equal(container_build_advice(cases[i].reason), "");
    }
    assert_string_equal(container_build_text(99), "unknown reason");
}

static int64_t run_text(const char *text, const char *flags)
{
    static uint8_t out[CONTAINER_BUILD_MAX];
    struct container_build_problem problem;
    struct container container;
    struct board board = { 0, { 3 } };
    size_t size;

    assert_int_equal(container_build(compile_text(text, flags), out, sizeof(out), &size, &problem), 0);
    assert_int_equal(container_parse(bytes_view(out, size), &container), 0);
    return run(&container, &board, 0x82, NULL);
}

static void helpers_are_called_by_number_by_name_or_by_hand(void **state)
{
    (void)state;
    if (compiler[0] == '\0')
        return;
    assert_int_equal(
        run_text("int f(void *c) { unsigned d[2] = { 0, 0 }; (void)c; ztimer_periodic_wakeup(d, 5);"
                 "return (int)(ztimer_now() * 100 + d[0] * 10 + tinypart_value(saul_reg_find_nth(0), 7)); }",
                 "-mcpu=v2"),
        153);
    assert_int_equal(run_text("unsigned ztimer_now(void); int f(void *c) { return ztimer_now() + 1; }", "-DBARE"), 2);
}

/* Constants and negations that devices run differently come out as others that they do not; jumps follow. */
static void what_devices_lack_is_replaced(void **state)
{
    static const char text[] = "int f(void *c) { unsigned long t = ztimer_now(), x = 0; (void)c;"
                               "_Pragma(\"clang loop unroll(disable)\") for (unsigned long i = 0; i < 5; i++) {"
                               " __asm__ volatile(\"\" : \"+r\"(x)); x += 0x80000001UL; x = -x; }"
                               "return x == 0xffffffff7fffffffUL * t; }";

    (void)state;
    if (compiler[0] != '\0')
        assert_int_equal(run_text(text, "-mcpu=v2"), 1);
}

/* ---- objects that are damaged ---- */

static void every_cut_and_every_changed_byte_is_survived(void **state)
{
    static uint8_t raw[OBJECT_MAX], copy[OBJECT_MAX], out[CONTAINER_BUILD_MAX];
    struct container_build_problem problem;
    struct container container;
    size_t size;
    struct bytes object = fixture_source("tests/fuzz/corpus/container_elf/moving_average", raw, sizeof(raw));

    (void)state;
    assert_int_equal(container_build(object, out, sizeof(out), &size, &problem), 0);
    assert_int_equal(container_build(object, out, size - 1, &size, &problem), BUILD_NO_ROOM);
    for (size_t cut = 0; cut < object.size; cut++)
        assert_true(container_build(bytes_view(raw, cut), out, sizeof(out), &size, &problem) > 0);
    for (size_t i = 0; i < object.size; i++) {
        memcpy(copy, raw, object.size);
        copy[i] ^= (uint8_t)(1u << (i % 8));
        if (container_build(bytes_view(copy, object.size), out, sizeof(out), &size, &problem) == 0)
            assert_int_equal(container_parse(bytes_view(out, size), &container), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_in_c_are_proven_and_answer_as_they_say),
        cmocka_unit_test(names_the_symbol_that_is_to_blame),
        cmocka_unit_test(helpers_are_called_by_number_by_name_or_by_hand),
        cmocka_unit_test(what_devices_lack_is_replaced),
        cmocka_unit_test(every_cut_and_every_changed_byte_is_survived),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
