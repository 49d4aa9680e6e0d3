#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "device_proto/container.h"
#include "device_proto/wasm.h"
#include "tests/unit/device_proto/fixture.h"

#define MAGIC "0061736d 01000000 "

static const struct wasm_limits limits = { .size_max = 4096, .memory_pages_max = 4, .table_max = 16 };

static int check(const char *hex, struct wasm_problem *problem, struct wasm_facts *facts)
{
    uint8_t raw[512];

    return wasm_check(fixture_hex(hex, raw, sizeof(raw)), &limits, problem, facts);
}

/* One type, one import of saul_reg_find_type, one function of that type, a memory, an export "run", data. */
static struct bytes good(uint8_t *raw, size_t capacity)
{
    return fixture_hex(MAGIC "01 06 01 60 01 7f 01 7f "
                             "02 1f 01 08 74696e7970617274 12 7361756c5f7265675f66696e645f74797065 00 00 "
                             "03 02 01 00 05 04 01 01 01 02 07 07 01 03 72756e 00 01 0a 09 01 07 00 41 8201 10 00 0b "
                             "0b 07 01 00 41 08 0b 01 2a",
                       raw, capacity);
}

static void takes_a_module_apart_and_names_its_helpers(void **state)
{
    struct wasm_problem problem;
    struct wasm_facts facts;
    uint8_t raw[256];

    (void)state;
    assert_int_equal(wasm_check(good(raw, sizeof(raw)), &limits, &problem, &facts), 0);
    assert_int_equal(facts.functions, 1);
    assert_int_equal(facts.memory_pages, 2);
    assert_int_equal(facts.helper_count, 1);
    assert_int_equal(facts.helpers[0], CONTAINER_SAUL_FIND_TYPE);
}

static void refuses_every_cut(void **state)
{
    struct wasm_problem problem;
    uint8_t raw[256];
    struct bytes module = good(raw, sizeof(raw));

    (void)state;
    for (size_t size = 0; size < module.size; size++) {
        int r = wasm_check(bytes_view(raw, size), &limits, &problem, NULL);

        /* Data at the end may be missing: its section is one of those that need not be there. */
        assert_true(r > 0 || size == module.size - 9);
        assert_true(problem.at <= size);
    }
}

static void imports_are_helpers_that_are_allowed(void **state)
{
    static const uint32_t other[] = { CONTAINER_ZTIMER_NOW };
    struct wasm_limits strict = limits;
    struct wasm_problem problem;
    uint8_t raw[256];

    (void)state;
    strict.helpers = other;
    strict.helper_count = 1;
    assert_int_equal(wasm_check(good(raw, sizeof(raw)), &strict, &problem, NULL), WASM_IMPORT);
    assert_true(bytes_equal_text(problem.name, "saul_reg_find_type"));
    for (size_t at = 24; at < 40; at += 12) { /* another module, another name */
        struct bytes module = good(raw, sizeof(raw));

        raw[at] ^= 1;
        assert_int_equal(wasm_check(module, &limits, &problem, NULL), WASM_IMPORT);
        assert_int_equal(problem.at, 19);
    }
}

static void names_what_is_wrong(void **state)
{
    static const struct {
        const char *hex;
        int reason;
    } cases[] = {
        { "0061736d 02000000", WASM_BAD_MAGIC },
        { MAGIC, WASM_NO_EXPORT },
        { MAGIC "0d 00", WASM_SECTION_ORDER },
        { MAGIC "03 01 00 01 01 00", WASM_SECTION_ORDER },
        { MAGIC "01 01 00 01 01 00", WASM_SECTION_ORDER },
        { MAGIC "0a 01 00 0c 01 00", WASM_SECTION_ORDER }, /* the data count comes before the code */
        { MAGIC "01 05 00", WASM_SECTION_SIZE },
        { MAGIC "01 02 00 00", WASM_SECTION_SIZE },
        { MAGIC "01 8080808080 00", WASM_NUMBER },
        { MAGIC "01 ffffffff1f", WASM_NUMBER },
        { MAGIC "01 04 01 61 00 00", WASM_TYPE },
        { MAGIC "01 05 01 60 01 10 00", WASM_TYPE },
        { MAGIC "03 02 01 00", WASM_INDEX },
        { MAGIC "00 03 02 c0 80", WASM_NAME },
        { MAGIC "05 03 01 00 01", WASM_LIMITS },       /* no upper bound */
        { MAGIC "05 04 01 01 01 05", WASM_LIMITS },    /* five pages */
        { MAGIC "05 04 01 01 03 02", WASM_LIMITS },    /* least over most */
        { MAGIC "04 05 01 70 01 00 11", WASM_LIMITS }, /* 17 elements */
        { MAGIC "05 04 01 03 01 02", WASM_UNSUPPORTED },
        { MAGIC "05 07 02 01 01 02 01 01 02", WASM_UNSUPPORTED },
        { MAGIC "01 04 01 60 00 00 03 02 01 00", WASM_COUNT }, /* no body */
        { MAGIC "01 04 01 60 00 00 03 02 01 00 0a 05 01 03 00 01 01", WASM_BODY },
        { MAGIC "01 04 01 60 00 00 03 02 01 00 0a 08 01 06 01 8102 7f 0b 0b", WASM_BODY }, /* 257 locals */
        { MAGIC "01 04 01 60 00 00 03 02 01 00 0a 05 01 04 00 01 0b", WASM_SECTION_SIZE },
        { MAGIC "06 06 01 7f 00 41 00 0c", WASM_TYPE }, /* a constant without its end */
        { MAGIC "06 06 01 7f 00 23 00 0b", WASM_INDEX },
        { MAGIC "06 0a 01 7f 00 41 ffffffff3f 0b", WASM_NUMBER },
        { MAGIC "07 07 01 03 72756e 00 00", WASM_INDEX },
        { MAGIC "08 01 00", WASM_INDEX },
        { MAGIC "0b 06 01 00 41 00 0b 00", WASM_INDEX }, /* data without a memory */
        { MAGIC "0b 03 01 01 00", WASM_UNSUPPORTED },
    };
    struct wasm_problem problem;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(check(cases[i].hex, &problem, NULL), cases[i].reason);
        assert_int_equal(problem.reason, cases[i].reason);
        assert_string_not_equal(wasm_reason_text(cases[i].reason), "unknown reason");
    }
    assert_string_equal(wasm_reason_text(99), "unknown reason");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_a_module_apart_and_names_its_helpers),
        cmocka_unit_test(refuses_every_cut),
        cmocka_unit_test(imports_are_helpers_that_are_allowed),
        cmocka_unit_test(names_what_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
