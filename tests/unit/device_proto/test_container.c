#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "device_proto/container.h"
#include "tests/unit/device_proto/asm.h"
#include "tests/unit/device_proto/fixture.h"

static const uint32_t device_helpers[] = { 0x30, 0x31, 0x32, 0x60, 0x61 };

static const struct container_limits limits = {
    .size_max = ASM_FILE_MAX,
    .branches_max = CONTAINER_BRANCHES_MAX,
    .helpers = device_helpers,
    .helper_count = 5,
    .section_loads = true,
};

static int verify_with(const struct asm_text *text, const struct container_limits *with,
                       struct container_problem *problem)
{
    static uint8_t out[ASM_FILE_MAX];
    uint8_t data[8] = { 0 };

    return container_verify(asm_file(text, bytes_view(data, 8), bytes_view(NULL, 0), out), with, problem, NULL);
}

static int verify(const struct asm_text *text, struct container_problem *problem)
{
    return verify_with(text, &limits, problem);
}

static void accepts_the_temperature_container_of_real_devices(void **state)
{
    struct container_limits real = limits;
    struct container_problem problem;
    struct container_function function;
    struct container_facts facts;
    struct container container;
    uint8_t raw[256];
    struct bytes file = fixture_hex(ASM_TEMP_SENS, raw, sizeof(raw));

    (void)state;
    real.size_max = 2048;
    real.section_loads = false;
    real.neg_is_8f = true;
    assert_int_equal(file.size, 178);
    assert_int_equal(container_verify(file, &real, &problem, &facts), 0);
    assert_int_equal(facts.instructions, 16);
    assert_int_equal(facts.helper_calls, 2);
    assert_int_equal(facts.branches_min, 0);
    assert_false(facts.loops);
    assert_int_equal(container_parse(file, &container), 0);
    assert_int_equal(container.function_count, 1);
    assert_int_equal(container_function(&container, 0, &function), 0);
    assert_true(bytes_equal_text(function.name, "temp_read"));
}

static void refuses_every_cut_and_every_wrong_header_word(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
        int reason;
    } cases[] = {
        { 0, 'R', CONTAINER_BAD_MAGIC },     { 4, 1, CONTAINER_BAD_VERSION },    { 8, 1, CONTAINER_BAD_FLAGS },
        { 12, 8, CONTAINER_BAD_SIZE },       { 15, 0xFF, CONTAINER_BAD_SIZE },   { 16, 0, CONTAINER_BAD_SIZE },
        { 20, 0x81, CONTAINER_BAD_SIZE },    { 24, 0, CONTAINER_BAD_SIZE },      { 27, 0xFF, CONTAINER_BAD_SIZE },
        { 172, 16, CONTAINER_BAD_FUNCTION }, { 176, 1, CONTAINER_BAD_FUNCTION }, { 177, 0x80, CONTAINER_BAD_FUNCTION },
    };
    struct container_problem problem;
    uint8_t raw[256];
    struct bytes file = fixture_hex(ASM_TEMP_SENS, raw, sizeof(raw));

    (void)state;
    for (size_t size = 0; size < file.size; size++)
        assert_true(container_verify(bytes_view(raw, size), &limits, &problem, NULL) > 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        file = fixture_hex(ASM_TEMP_SENS, raw, sizeof(raw));
        raw[cases[i].at] = cases[i].value;
        assert_int_equal(container_verify(file, &limits, &problem, NULL), cases[i].reason);
        assert_int_equal(problem.reason, cases[i].reason);
        assert_false(problem.at_instruction);
    }
}

static void refuses_a_file_that_does_not_fit_the_slot(void **state)
{
    struct container_limits small = limits;
    struct container_problem problem;
    uint8_t raw[256];
    struct bytes file = fixture_hex(ASM_TEMP_SENS, raw, sizeof(raw));

    (void)state;
    small.size_max = 177;
    assert_int_equal(container_verify(file, &small, &problem, NULL), CONTAINER_OVERSIZE);
}

/* One instruction in front of "mov r0, 0; exit", refused for what it is. */
static void names_what_is_wrong_with_an_instruction(void **state)
{
    static const struct {
        uint8_t opcode, destination, source;
        int16_t offset;
        int32_t immediate;
        int reason;
    } cases[] = {
        { 0x04, 0, 0, 0, 1, CONTAINER_UNKNOWN_OPCODE },  /* add32 */
        { 0x16, 0, 0, 0, 1, CONTAINER_UNKNOWN_OPCODE },  /* jeq32 */
        { 0xD7, 0, 0, 0, 16, CONTAINER_UNKNOWN_OPCODE }, /* bswap */
        { 0xDB, 1, 0, 0, 0, CONTAINER_UNKNOWN_OPCODE },  /* atomic add */
        { 0x20, 0, 0, 0, 0, CONTAINER_UNKNOWN_OPCODE },  /* packet access */
        { 0x8D, 0, 1, 0, 0, CONTAINER_UNKNOWN_OPCODE },  /* call by register */
        { 0xE5, 0, 0, 0, 0, CONTAINER_UNKNOWN_OPCODE },   { 0x0D, 0, 0, 0, 0, CONTAINER_UNKNOWN_OPCODE },
        { 0x8F, 0, 0, 0, 0, CONTAINER_UNKNOWN_OPCODE }, /* the other negation */
        { 0x00, 0, 0, 0, 0, CONTAINER_UNKNOWN_OPCODE },   { 0xB7, 11, 0, 0, 0, CONTAINER_BAD_REGISTER },
        { 0xBF, 0, 15, 0, 0, CONTAINER_BAD_REGISTER },    { 0xB7, 10, 0, 0, 0, CONTAINER_FRAME_POINTER },
        { 0x61, 10, 1, 0, 0, CONTAINER_FRAME_POINTER },   { 0xB7, 0, 0, 1, 0, CONTAINER_UNUSED_FIELD },
        { 0xB7, 0, 1, 0, 0, CONTAINER_UNUSED_FIELD },     { 0xBF, 0, 1, 0, 1, CONTAINER_UNUSED_FIELD },
        { 0x87, 0, 0, 0, 1, CONTAINER_UNUSED_FIELD },     { 0x61, 0, 1, 0, 1, CONTAINER_UNUSED_FIELD },
        { 0x63, 1, 0, 0, 1, CONTAINER_UNUSED_FIELD },     { 0x62, 1, 1, 0, 1, CONTAINER_UNUSED_FIELD },
        { 0x85, 0, 1, 0, 0x31, CONTAINER_UNUSED_FIELD }, /* local call */
        { 0x95, 0, 0, 1, 0, CONTAINER_UNUSED_FIELD },     { 0x05, 0, 0, 0, 1, CONTAINER_UNUSED_FIELD },
        { 0x1D, 0, 1, 0, 1, CONTAINER_UNUSED_FIELD },     { 0x15, 0, 1, 0, 1, CONTAINER_UNUSED_FIELD },
        { 0x37, 0, 0, 0, 0, CONTAINER_DIVISION_BY_ZERO }, { 0x97, 0, 0, 0, 0, CONTAINER_DIVISION_BY_ZERO },
        { 0x67, 0, 0, 0, 64, CONTAINER_BAD_SHIFT },       { 0x77, 0, 0, 0, -1, CONTAINER_BAD_SHIFT },
        { 0x79, 0, 10, -7, 0, CONTAINER_STACK_RANGE },    { 0x71, 0, 10, 0, 0, CONTAINER_STACK_RANGE },
        { 0x7B, 10, 0, -513, 0, CONTAINER_STACK_RANGE },  { 0x85, 0, 0, 0, 0x02, CONTAINER_HELPER_REFUSED },
        { 0x05, 0, 0, 2, 0, CONTAINER_JUMP_OUTSIDE },     { 0x05, 0, 0, -3, 0, CONTAINER_JUMP_OUTSIDE },
        { 0x15, 0, 0, 32767, 0, CONTAINER_JUMP_OUTSIDE }, { 0x15, 0, 0, -2, 0, CONTAINER_JUMP_TO_START },
        { 0x18, 1, 0, 0, 0, CONTAINER_WIDE_CUT }, /* followed by an instruction */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct asm_text text = { .size = 0 };
        struct container_problem problem;

        ASM_MOV(&text, 0, 0);
        asm_raw(&text, cases[i].opcode, cases[i].destination, cases[i].source, cases[i].offset, cases[i].immediate);
        ASM_MOV(&text, 0, 0);
        ASM_EXIT(&text);
        assert_int_equal(verify(&text, &problem), cases[i].reason);
        assert_true(problem.at_instruction);
        assert_int_equal(problem.instruction, 1);
        assert_string_not_equal(container_reason_text(cases[i].reason), "unknown reason");
    }
    assert_string_equal(container_reason_text(0), "no problem");
    assert_string_equal(container_reason_text(99), "unknown reason");
}

static void accepts_each_instruction_at_its_edge(void **state)
{
    struct asm_text text = { .size = 0 };
    struct container_problem problem;

    (void)state;
    ASM_MOV(&text, 0, -1);
    asm_raw(&text, 0x87, 0, 0, 0, 0);
    ASM_ALU(&text, 0x60, 0, 63);
    ASM_ALU(&text, 0xC0, 0, 0);
    asm_raw(&text, 0x79, 1, 10, -8, 0);
    asm_raw(&text, 0x7B, 10, 1, -512, 0);
    asm_raw(&text, 0x72, 10, 0, -1, 255);
    asm_wide(&text, 0x18, 2, 0x7FFFFFFF12345678u);
    asm_wide(&text, 0x18, 2, 0xFFFFFFFF80000000u);
    asm_wide(&text, 0xB8, 3, 7);
    asm_wide(&text, 0xD8, 3, 7);
    asm_raw(&text, 0xDD, 0, 1, 0, 0);
    ASM_MOV_REG(&text, 0, 10);
    ASM_ALU(&text, 0x00, 0, -512);
    ASM_ALU(&text, 0x10, 0, -508);
    ASM_CALL(&text, 0x61);
    ASM_EXIT(&text);
    assert_int_equal(verify(&text, &problem), 0);
}

static void follows_the_negation_that_the_device_knows(void **state)
{
    struct container_limits femto = limits;
    struct container_problem problem;
    struct asm_text text = { .size = 0 };

    (void)state;
    femto.neg_is_8f = true;
    ASM_MOV(&text, 0, 1);
    asm_raw(&text, 0x8F, 0, 0, 0, 0);
    ASM_EXIT(&text);
    assert_int_equal(verify_with(&text, &femto, &problem), 0);
    assert_int_equal(verify(&text, &problem), CONTAINER_UNKNOWN_OPCODE);
}

static void checks_loads_from_data_and_rodata(void **state)
{
    struct container_limits real = limits;
    struct container_problem problem;

    (void)state;
    real.section_loads = false;
    for (unsigned i = 0; i < 2; i++) {
        struct asm_text text = { .size = 0 };

        ASM_MOV(&text, 0, 0);
        asm_wide(&text, i == 0 ? 0xB8 : 0xD8, 1, 8);
        ASM_EXIT(&text);
        assert_int_equal(verify(&text, &problem), CONTAINER_SECTION_RANGE);
        assert_int_equal(verify_with(&text, &real, &problem), CONTAINER_SECTION_REFUSED);
    }
}

static void refuses_data_where_the_device_would_put_it_over_the_text(void **state)
{
    struct container_limits real = limits;
    struct container_problem problem;
    struct asm_text text = { .size = 0 };
    uint8_t out[256], data[8] = { 0 };
    struct bytes file;

    (void)state;
    ASM_MOV(&text, 0, 0);
    ASM_EXIT(&text);
    file = asm_file(&text, bytes_view(data, sizeof(data)), bytes_view(NULL, 0), out);
    assert_int_equal(container_verify(file, &limits, &problem, NULL), 0);
    real.section_loads = false;
    assert_int_equal(container_verify(file, &real, &problem, NULL), CONTAINER_SECTION_REFUSED);
    assert_false(problem.at_instruction);
}

/* Finds a sensor (0x82) into r0 and makes r2 the room for a reading. */
static void find_sensor(struct asm_text *text)
{
    text->size = 0;
    ASM_MOV(text, 1, 0x82);
    ASM_CALL(text, 0x31);
    ASM_MOV_REG(text, 1, 0);
    ASM_MOV_REG(text, 2, 10);
    ASM_ALU(text, 0x00, 2, -8);
}

static int read_and_verify(struct asm_text *text)
{
    struct container_problem problem;
    uint32_t call = (uint32_t)(text->size / CONTAINER_INSTRUCTION_SIZE);
    int r;

    ASM_CALL(text, 0x32);
    ASM_EXIT(text);
    r = verify(text, &problem);
    if (r != 0) {
        assert_true(problem.at_instruction);
        assert_int_equal(problem.instruction, call);
    }
    return r;
}

static void helpers_get_only_sensors_and_room_on_the_stack(void **state)
{
    struct asm_text text;

    (void)state;
    find_sensor(&text);
    assert_int_equal(read_and_verify(&text), 0);
    find_sensor(&text);
    ASM_MOV(&text, 1, 0x20001000); /* a made-up sensor */
    assert_int_equal(read_and_verify(&text), CONTAINER_HELPER_POINTER);
    find_sensor(&text);
    ASM_ALU(&text, 0x00, 1, 4); /* beside a sensor */
    assert_int_equal(read_and_verify(&text), CONTAINER_HELPER_POINTER);
    find_sensor(&text);
    ASM_MOV(&text, 2, 0x20001000); /* anywhere in memory */
    assert_int_equal(read_and_verify(&text), CONTAINER_HELPER_POINTER);
    find_sensor(&text);
    ASM_ALU(&text, 0x00, 2, 1); /* 7 bytes of room */
    assert_int_equal(read_and_verify(&text), CONTAINER_HELPER_POINTER);
    find_sensor(&text);
    ASM_ALU(&text, 0x10, 2, 505); /* below the stack */
    assert_int_equal(read_and_verify(&text), CONTAINER_HELPER_POINTER);
    find_sensor(&text);
    ASM_ALU_REG(&text, 0x00, 2, 6); /* by an amount that is not known */
    assert_int_equal(read_and_verify(&text), CONTAINER_HELPER_POINTER);
    find_sensor(&text);
    asm_raw(&text, 0x79, 1, 10, -16, 0); /* through memory */
    assert_int_equal(read_and_verify(&text), CONTAINER_HELPER_POINTER);
    find_sensor(&text);
    asm_wide(&text, 0x18, 2, 0x10000000);
    assert_int_equal(read_and_verify(&text), CONTAINER_HELPER_POINTER);
    find_sensor(&text);
    ASM_CALL(&text, 0x60); /* r1 and r2 may be gone */
    assert_int_equal(read_and_verify(&text), CONTAINER_HELPER_POINTER);
}

static void allowing_a_number_does_not_vouch_for_a_helper_that_nobody_knows(void **state)
{
    static const uint32_t numbers[] = { 0x01 }; /* on some builds: prints a text from an address */
    struct container_limits generous = limits;
    struct container_problem problem;
    struct asm_text text = { .size = 0 };

    (void)state;
    generous.helpers = numbers;
    generous.helper_count = 1;
    ASM_CALL(&text, 0x01);
    ASM_EXIT(&text);
    assert_int_equal(verify_with(&text, &generous, &problem), CONTAINER_HELPER_REFUSED);
    assert_int_equal(problem.instruction, 0);
}

static void addresses_must_hold_on_every_way_to_a_call(void **state)
{
    struct asm_text text;

    (void)state;
    find_sensor(&text); /* one of two ways brings a number */
    ASM_JEQ(&text, 6, 0, 1);
    ASM_MOV(&text, 1, 77);
    assert_int_equal(read_and_verify(&text), CONTAINER_HELPER_POINTER);
    find_sensor(&text); /* an unreachable call does no harm */
    ASM_JUMP(&text, 2);
    ASM_MOV(&text, 1, 77);
    ASM_CALL(&text, 0x32);
    assert_int_equal(read_and_verify(&text), 0);
    find_sensor(&text); /* the second turn of a loop brings another address */
    ASM_MOV_REG(&text, 6, 1);
    ASM_MOV_REG(&text, 7, 2);
    ASM_MOV_REG(&text, 1, 6);
    ASM_MOV_REG(&text, 2, 7);
    ASM_CALL(&text, 0x32);
    ASM_ALU(&text, 0x00, 7, 8);
    ASM_JNE(&text, 0, 0, -5);
    ASM_EXIT(&text);
    struct container_problem problem;
    assert_int_equal(verify(&text, &problem), CONTAINER_HELPER_POINTER);
    assert_int_equal(problem.instruction, 9);
}

static void deadlines_lie_on_the_stack(void **state)
{
    struct asm_text text = { .size = 0 };
    struct container_problem problem;

    (void)state;
    ASM_MOV_REG(&text, 0, 10);
    ASM_ALU(&text, 0x00, 0, -3);
    ASM_CALL(&text, 0x61);
    ASM_EXIT(&text);
    assert_int_equal(verify(&text, &problem), CONTAINER_HELPER_POINTER);
    assert_int_equal(problem.instruction, 2);
}

static void refuses_what_devices_would_load_differently(void **state)
{
    struct asm_text text = { .size = 0 };
    struct container_problem problem;

    (void)state;
    asm_wide(&text, 0x18, 0, 0x80000000u);
    ASM_EXIT(&text);
    assert_int_equal(verify(&text, &problem), CONTAINER_WIDE_SIGN);
}

static void refuses_a_jump_into_a_wide_load(void **state)
{
    struct asm_text text = { .size = 0 };
    struct container_problem problem;

    (void)state;
    ASM_MOV(&text, 0, 0);
    ASM_JEQ(&text, 0, 1, 1);
    asm_wide(&text, 0x18, 1, 0);
    ASM_EXIT(&text);
    assert_int_equal(verify(&text, &problem), CONTAINER_JUMP_INTO_WIDE);
    assert_int_equal(problem.instruction, 1);
}

static void refuses_a_text_that_may_fall_off_its_end(void **state)
{
    struct asm_text open = { .size = 0 }, wide = { .size = 0 }, hidden = { .size = 0 }, endless = { .size = 0 };
    struct container_problem problem;

    (void)state;
    ASM_EXIT(&open);
    ASM_MOV(&open, 0, 0);
    assert_int_equal(verify(&open, &problem), CONTAINER_NO_EXIT);
    assert_int_equal(problem.instruction, 1);
    asm_raw(&wide, 0x18, 0, 0, 0, 0);
    assert_int_equal(verify(&wide, &problem), CONTAINER_WIDE_CUT);
    asm_raw(&hidden, 0x18, 0, 0, 0, 0);
    ASM_EXIT(&hidden); /* as a second half */
    assert_int_equal(verify(&hidden, &problem), CONTAINER_WIDE_CUT);
    ASM_MOV(&endless, 0, 0);
    ASM_JUMP(&endless, -1);
    ASM_EXIT(&endless);
    assert_int_equal(verify(&endless, &problem), CONTAINER_NO_EXIT);
    assert_false(problem.at_instruction);
}

/* jumps of one instruction each, all taken */
static void chain(struct asm_text *text, unsigned jumps)
{
    text->size = 0;
    ASM_MOV(text, 0, 0);
    for (unsigned i = 0; i < jumps; i++)
        ASM_JUMP(text, 0);
    ASM_EXIT(text);
}

static void bounds_the_branches_that_a_run_takes(void **state)
{
    struct asm_text text;
    struct container_problem problem;

    (void)state;
    chain(&text, 200);
    assert_int_equal(verify(&text, &problem), 0);
    chain(&text, 201);
    assert_int_equal(verify(&text, &problem), CONTAINER_TOO_MANY_BRANCHES);
    text.size = 0; /* without loops the longest way counts, even if a shorter one exists */
    ASM_MOV(&text, 0, 0);
    for (unsigned i = 0; i < 201; i++)
        ASM_JEQ(&text, 0, 0, 0);
    ASM_EXIT(&text);
    assert_int_equal(verify(&text, &problem), CONTAINER_TOO_MANY_BRANCHES);
    text.size = 0; /* with loops only the shortest */
    ASM_MOV(&text, 0, 0);
    for (unsigned i = 0; i < 300; i++)
        ASM_JNE(&text, 0, 0, i == 299 ? -3 : 0);
    ASM_EXIT(&text);
    assert_int_equal(verify(&text, &problem), 0);
}

static void bounds_the_size_of_the_text(void **state)
{
    static struct asm_text text;
    struct container_problem problem;

    (void)state;
    text.size = 0;
    for (unsigned i = 0; i < CONTAINER_INSTRUCTIONS_MAX - 1; i++)
        ASM_MOV(&text, 0, 0);
    ASM_EXIT(&text);
    assert_int_equal(verify(&text, &problem), 0);
    ASM_EXIT(&text);
    assert_int_equal(verify(&text, &problem), CONTAINER_BAD_TEXT_SIZE);
    text.size = 0;
    assert_int_equal(verify(&text, &problem), CONTAINER_BAD_TEXT_SIZE);
}

static void prints_and_reads_answers_as_devices_give_them(void **state)
{
    static const struct {
        int64_t result;
        const char *text;
    } cases[] = {
        { 2718, "27.18" },
        { -1, "-0.01" },
        { 0, "0.00" },
        { 5, "0.05" },
        { -100, "-1.00" },
        { 12345678, "123456.78" },
        { INT32_MAX, "21474836.47" },
        { INT32_MIN, "-21474836.48" },
        { 0x1FFFFFFFF, "-0.01" }, /* the low 32 bits count */
    };
    static const char *const wrong[] = { "",      "27",     "27.1",  "27.189", "+1.00", "1 .00",       "01.00",
                                         "-0.00", "--1.00", "1.0.0", ".00",    "a.00",  "21474836.48", "99999999.99" };
    char text[CONTAINER_RESULT_TEXT_MAX];
    int32_t hundredths;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t size = container_result_print(cases[i].result, text);

        assert_true(bytes_equal_text(bytes_view(text, size), cases[i].text));
        assert_int_equal(container_result_parse(bytes_view(text, size), &hundredths), 0);
        assert_int_equal(hundredths, (int32_t)(uint32_t)(uint64_t)cases[i].result);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(container_result_parse(bytes_of_text(wrong[i]), &hundredths), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_the_temperature_container_of_real_devices),
        cmocka_unit_test(refuses_every_cut_and_every_wrong_header_word),
        cmocka_unit_test(refuses_a_file_that_does_not_fit_the_slot),
        cmocka_unit_test(names_what_is_wrong_with_an_instruction),
        cmocka_unit_test(accepts_each_instruction_at_its_edge),
        cmocka_unit_test(follows_the_negation_that_the_device_knows),
        cmocka_unit_test(checks_loads_from_data_and_rodata),
        cmocka_unit_test(refuses_data_where_the_device_would_put_it_over_the_text),
        cmocka_unit_test(helpers_get_only_sensors_and_room_on_the_stack),
        cmocka_unit_test(allowing_a_number_does_not_vouch_for_a_helper_that_nobody_knows),
        cmocka_unit_test(addresses_must_hold_on_every_way_to_a_call),
        cmocka_unit_test(deadlines_lie_on_the_stack),
        cmocka_unit_test(refuses_what_devices_would_load_differently),
        cmocka_unit_test(refuses_a_jump_into_a_wide_load),
        cmocka_unit_test(refuses_a_text_that_may_fall_off_its_end),
        cmocka_unit_test(bounds_the_branches_that_a_run_takes),
        cmocka_unit_test(bounds_the_size_of_the_text),
        cmocka_unit_test(prints_and_reads_answers_as_devices_give_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
