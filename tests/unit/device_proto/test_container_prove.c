#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "device_proto/container_prove.h"
#include "tests/fuzz/container_program.h"
#include "tests/unit/device_proto/asm.h"
#include "tests/unit/device_proto/fixture.h"

static const uint32_t device_helpers[] = { 0x30, 0x31, 0x32, 0x60, 0x61, 0x10, 0x12 };

static const struct container_limits limits = {
    .size_max = ASM_FILE_MAX,
    .branches_max = CONTAINER_BRANCHES_MAX,
    .helpers = device_helpers,
    .helper_count = 7,
    .section_loads = true,
};

static struct container_scratch scratch;
static struct container_problem problem;
static struct container_facts facts;

/* 8 bytes of data, 16 of rodata, 16 of context. */
static enum container_verdict judge(const struct asm_text *text)
{
    static uint8_t out[ASM_FILE_MAX];
    static const uint8_t data[8] = { 0 };

    problem = (struct container_problem){ .reason = 0 };
    return container_judge(asm_file(text, bytes_view(data, 8), bytes_view(data, 8), out), &limits, 16, &scratch,
                           &problem, &facts);
}

static void expect_unproven(const struct asm_text *text, int reason, uint32_t instruction)
{
    assert_int_equal(judge(text), CONTAINER_UNPROVEN);
    assert_int_equal(problem.reason, reason);
    assert_true(problem.at_instruction);
    assert_int_equal(problem.instruction, instruction);
    assert_string_not_equal(container_reason_text(reason), "unknown reason");
}

static void proves_the_containers_of_real_devices_and_of_the_examples(void **state)
{
    static const struct {
        const char *path;
        bool sections;
        uint32_t branches;
    } cases[] = {
        { "packaging/examples/containers/thermo.rbpf", false, 1 },
        { "packaging/examples/containers/humid.rbpf", false, 1 },
        { "packaging/examples/containers/load.rbpf", false, 4 },
        { "packaging/examples/containers/counter.rbpf", false, 99 },
        { "packaging/examples/containers/uptime.rbpf", false, 0 },
        { "packaging/examples/containers/runs.rbpf", true, 0 },
        { "packaging/examples/containers/vector.rbpf", false, 15 },
    };
    struct container_limits real = limits;
    uint8_t raw[4096];

    (void)state;
    real.section_loads = false;
    real.neg_is_8f = true;
    assert_int_equal(
        container_judge(fixture_hex(ASM_TEMP_SENS, raw, sizeof(raw)), &real, 0, &scratch, &problem, &facts),
        CONTAINER_PROVEN);
    assert_int_equal(facts.branches_proven, 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        real.section_loads = cases[i].sections;
        assert_int_equal(
            container_judge(fixture_source(cases[i].path, raw, sizeof(raw)), &real, 0, &scratch, &problem, &facts),
            CONTAINER_PROVEN);
        assert_int_equal(facts.branches_proven, cases[i].branches);
    }
}

static void structure_is_refused_whatever_could_be_proven(void **state)
{
    struct asm_text text = { .size = 0 };

    (void)state;
    ASM_MOV(&text, 0, 0);
    ASM_JUMP(&text, 5);
    ASM_EXIT(&text);
    assert_int_equal(judge(&text), CONTAINER_REFUSED);
    assert_int_equal(problem.reason, CONTAINER_JUMP_OUTSIDE);
}

static void registers_are_set_before_they_are_read(void **state)
{
    struct asm_text text = { .size = 0 };

    (void)state;
    ASM_EXIT(&text); /* r0 */
    expect_unproven(&text, CONTAINER_UNPROVEN_REGISTER, 0);
    text.size = 0;
    ASM_MOV(&text, 0, 1);
    ASM_JEQ(&text, 1, 0, 1); /* on one of two ways only */
    ASM_MOV(&text, 6, 1);
    ASM_ALU_REG(&text, 0x00, 0, 6);
    ASM_EXIT(&text);
    expect_unproven(&text, CONTAINER_UNPROVEN_REGISTER, 3);
    text.size = 0;
    ASM_MOV(&text, 2, 1);
    ASM_CALL(&text, 0x60); /* r1 to r5 may be gone after a call */
    ASM_MOV_REG(&text, 0, 2);
    ASM_EXIT(&text);
    expect_unproven(&text, CONTAINER_UNPROVEN_REGISTER, 2);
    text.size = 0;
    asm_raw(&text, 0x7B, 10, 7, -8, 0); /* nor may they be stored */
    ASM_MOV(&text, 0, 1);
    ASM_EXIT(&text);
    expect_unproven(&text, CONTAINER_UNPROVEN_REGISTER, 0);
}

static void stack_is_written_before_it_is_read(void **state)
{
    struct asm_text text = { .size = 0 };

    (void)state;
    asm_raw(&text, 0x62, 10, 0, -8, 5); /* 4 bytes */
    asm_raw(&text, 0x61, 0, 10, -8, 0);
    ASM_EXIT(&text);
    assert_int_equal(judge(&text), CONTAINER_PROVEN);
    text.size = 0;
    asm_raw(&text, 0x62, 10, 0, -8, 5);
    asm_raw(&text, 0x79, 0, 10, -8, 0); /* 8 bytes */
    ASM_EXIT(&text);
    expect_unproven(&text, CONTAINER_UNPROVEN_STACK_READ, 1);
}

/* base (an instruction or none) then a load of size 4 at offset through r2. */
static void load_through(struct asm_text *text, uint8_t wide, int16_t offset)
{
    text->size = 0;
    if (wide != 0)
        asm_wide(text, wide, 2, 0);
    else
        ASM_MOV_REG(text, 2, 1);
    asm_raw(text, 0x61, 0, 2, offset, 0);
    ASM_EXIT(text);
}

static void each_region_has_its_bounds(void **state)
{
    static const struct {
        uint8_t wide;
        int16_t last;
    } regions[] = { { 0, 12 }, { 0xB8, 4 }, { 0xD8, 12 } };
    struct asm_text text;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        load_through(&text, regions[i].wide, regions[i].last);
        assert_int_equal(judge(&text), CONTAINER_PROVEN);
        load_through(&text, regions[i].wide, (int16_t)(regions[i].last + 1));
        expect_unproven(&text, CONTAINER_UNPROVEN_RANGE, regions[i].wide != 0 ? 2 : 1);
        load_through(&text, regions[i].wide, -1);
        expect_unproven(&text, CONTAINER_UNPROVEN_RANGE, regions[i].wide != 0 ? 2 : 1);
    }
    text.size = 0;
    asm_wide(&text, 0xD8, 2, 0);
    asm_raw(&text, 0x62, 2, 0, 0, 1);
    ASM_MOV(&text, 0, 0);
    ASM_EXIT(&text);
    expect_unproven(&text, CONTAINER_UNPROVEN_WRITE, 2);
    load_through(&text, 0x18, 0); /* a number is no address */
    expect_unproven(&text, CONTAINER_UNPROVEN_ADDRESS, 2);
}

/* r3 = an index out of the context, guarded by one instruction, into 16 bytes of rodata. */
static void load_indexed(struct asm_text *text, uint8_t opcode, int32_t immediate, bool jumps)
{
    text->size = 0;
    ASM_MOV(text, 0, 0);
    asm_raw(text, 0x79, 3, 1, 0, 0);
    asm_raw(text, opcode, 3, 0, jumps ? 4 : 0, immediate);
    asm_wide(text, 0xD8, 2, 0);
    ASM_ALU_REG(text, 0x00, 2, 3);
    asm_raw(text, 0x71, 0, 2, 0, 0);
    ASM_EXIT(text);
}

static void an_index_is_bounded_by_what_guards_it(void **state)
{
    struct asm_text text;

    (void)state;
    load_indexed(&text, 0x57, 15, false); /* and */
    assert_int_equal(judge(&text), CONTAINER_PROVEN);
    load_indexed(&text, 0x57, 16, false);
    expect_unproven(&text, CONTAINER_UNPROVEN_RANGE, 6);
    load_indexed(&text, 0x97, 16, false); /* mod */
    assert_int_equal(judge(&text), CONTAINER_PROVEN);
    load_indexed(&text, 0x77, 60, false); /* rsh */
    assert_int_equal(judge(&text), CONTAINER_PROVEN);
    load_indexed(&text, 0xC7, 60, false); /* arsh may be negative */
    expect_unproven(&text, CONTAINER_UNPROVEN_RANGE, 6);
    load_indexed(&text, 0x25, 15, true); /* leaves where above, unsigned */
    assert_int_equal(judge(&text), CONTAINER_PROVEN);
    load_indexed(&text, 0x25, 16, true);
    expect_unproven(&text, CONTAINER_UNPROVEN_RANGE, 6);
    load_indexed(&text, 0x65, 15, true); /* signed: negative ones stay */
    expect_unproven(&text, CONTAINER_UNPROVEN_ADDRESS, 6);
    load_indexed(&text, 0x55, 3, true); /* leaves unless 3 */
    assert_int_equal(judge(&text), CONTAINER_PROVEN);
}

/* r4 in its range, r3 = 8 >> r4, a byte of the stack at r10 - 16 + r3. */
static void shift_by_register(struct asm_text *text, int32_t by, bool masked)
{
    text->size = 0;
    ASM_MOV(text, 0, 0);
    asm_raw(text, 0x71, 4, 1, 0, 0); /* a byte of the context */
    if (masked)
        ASM_ALU(text, 0x50, 4, by);
    else
        ASM_MOV(text, 4, by);
    ASM_MOV(text, 3, 8);
    ASM_ALU_REG(text, 0x70, 3, 4);
    ASM_MOV_REG(text, 2, 10);
    ASM_ALU(text, 0x00, 2, -16);
    ASM_ALU_REG(text, 0x00, 2, 3);
    asm_raw(text, 0x72, 2, 0, 0, 1);
    ASM_EXIT(text);
}

/* eBPF counts modulo 64; what an interpreter in C makes of 64 is its processor's choice. */
static void a_shift_by_a_register_is_followed_below_64_only(void **state)
{
    struct asm_text text;

    (void)state;
    shift_by_register(&text, 63, false);
    assert_int_equal(judge(&text), CONTAINER_PROVEN);
    shift_by_register(&text, 64, false);
    expect_unproven(&text, CONTAINER_UNPROVEN_ADDRESS, 8);
    shift_by_register(&text, 63, true);
    assert_int_equal(judge(&text), CONTAINER_PROVEN);
    shift_by_register(&text, 127, true);
    expect_unproven(&text, CONTAINER_UNPROVEN_ADDRESS, 8);
    shift_by_register(&text, -1, false);
    expect_unproven(&text, CONTAINER_UNPROVEN_ADDRESS, 8);
}

static void divisors_are_not_zero(void **state)
{
    struct asm_text text = { .size = 0 };

    (void)state;
    ASM_MOV(&text, 0, 100);
    asm_raw(&text, 0x79, 3, 1, 0, 0);
    ASM_JEQ(&text, 3, 0, 1);
    ASM_ALU_REG(&text, 0x30, 0, 3);
    ASM_EXIT(&text);
    assert_int_equal(judge(&text), CONTAINER_PROVEN);
    text.size = 0;
    ASM_MOV(&text, 0, 100);
    asm_raw(&text, 0x79, 3, 1, 0, 0);
    ASM_JEQ(&text, 3, 1, 1); /* not 1, but still 0 */
    ASM_ALU_REG(&text, 0x30, 0, 3);
    ASM_EXIT(&text);
    expect_unproven(&text, CONTAINER_UNPROVEN_DIVISOR, 3);
    text.size = 0;
    ASM_MOV(&text, 0, 100);
    asm_raw(&text, 0x61, 3, 1, 0, 0); /* 32 bits: not negative, so that its end is */
    ASM_JEQ(&text, 3, 0, 1);
    ASM_ALU_REG(&text, 0x90, 0, 3);
    ASM_EXIT(&text);
    assert_int_equal(judge(&text), CONTAINER_PROVEN);
}

static void loops_end_within_the_branches_of_a_run(void **state)
{
    struct asm_text text;

    (void)state;
    for (int32_t turns = 201; turns <= 202; turns++) {
        text.size = 0;
        ASM_MOV(&text, 0, 0);
        ASM_ALU(&text, 0x00, 0, 1);
        ASM_JNE(&text, 0, turns, -2);
        ASM_EXIT(&text);
        if (turns == 201) {
            assert_int_equal(judge(&text), CONTAINER_PROVEN);
            assert_int_equal(facts.branches_proven, 200);
        } else
            expect_unproven(&text, CONTAINER_UNPROVEN_BRANCHES, 2);
    }
    text.size = 0; /* until a reading says so */
    ASM_CALL(&text, 0x60);
    ASM_MOV(&text, 6, 0);
    ASM_CALL(&text, 0x60);
    ASM_JNE(&text, 0, 0, -2);
    ASM_EXIT(&text);
    expect_unproven(&text, CONTAINER_UNPROVEN_BRANCHES, 3);
}

/* for (i = 0; i < 10; i++) if (context is not 0) stack[8 * i] = 1, with the pointer as a register of its own. */
static void a_pointer_keeps_in_step_with_its_counter(void **state)
{
    struct asm_text text = { .size = 0 };

    (void)state;
    ASM_MOV(&text, 0, 0);
    ASM_MOV_REG(&text, 2, 10);
    ASM_ALU(&text, 0x00, 2, -80);
    asm_raw(&text, 0x7A, 2, 0, 0, 1); /* 3: the loop */
    asm_raw(&text, 0x71, 3, 1, 0, 0);
    ASM_JEQ(&text, 3, 0, 1);
    asm_raw(&text, 0x7A, 2, 0, 0, 2);
    ASM_ALU(&text, 0x00, 2, 8);
    ASM_ALU(&text, 0x00, 0, 1);
    ASM_JNE(&text, 0, 10, -7);
    asm_raw(&text, 0x79, 0, 10, -8, 0);
    ASM_EXIT(&text);
    assert_int_equal(judge(&text), CONTAINER_PROVEN);
    assert_int_equal(facts.branches_proven, 19);
}

static void a_sensor_may_wait_on_the_stack(void **state)
{
    struct asm_text text = { .size = 0 };

    (void)state;
    ASM_MOV(&text, 1, 0x82);
    ASM_CALL(&text, 0x31);
    asm_raw(&text, 0x7B, 10, 0, -16, 0);
    asm_raw(&text, 0x79, 1, 10, -16, 0);
    ASM_MOV_REG(&text, 2, 10);
    ASM_ALU(&text, 0x00, 2, -8);
    ASM_CALL(&text, 0x32);
    ASM_EXIT(&text);
    assert_int_equal(judge(&text), CONTAINER_PROVEN);
    text.size -= 8;
    asm_raw(&text, 0x79, 0, 10, -16, 0);
    asm_raw(&text, 0x72, 10, 0, -12, 1); /* one byte of it changed */
    asm_raw(&text, 0x79, 1, 10, -16, 0);
    ASM_MOV_REG(&text, 2, 10);
    ASM_ALU(&text, 0x00, 2, -8);
    ASM_CALL(&text, 0x32);
    ASM_EXIT(&text);
    assert_int_equal(judge(&text), CONTAINER_REFUSED);
    assert_int_equal(problem.reason, CONTAINER_HELPER_POINTER);
    assert_int_equal(problem.instruction, 12);
}

static void the_store_takes_numbers_and_room_on_the_stack(void **state)
{
    struct asm_text text = { .size = 0 };

    (void)state;
    ASM_MOV(&text, 1, 1);
    ASM_MOV(&text, 2, 7);
    ASM_CALL(&text, 0x10);
    ASM_MOV(&text, 1, 1);
    ASM_MOV_REG(&text, 2, 10);
    ASM_ALU(&text, 0x00, 2, -4);
    ASM_CALL(&text, 0x12);
    asm_raw(&text, 0x61, 0, 10, -4, 0);
    ASM_EXIT(&text);
    assert_int_equal(judge(&text), CONTAINER_PROVEN);
    text = (struct asm_text){ .size = 0 };
    ASM_MOV(&text, 1, 1);
    ASM_CALL(&text, 0x10); /* r2 was never set */
    ASM_EXIT(&text);
    expect_unproven(&text, CONTAINER_UNPROVEN_REGISTER, 1);
    text = (struct asm_text){ .size = 0 };
    ASM_MOV(&text, 1, 1);
    ASM_MOV_REG(&text, 2, 10);
    ASM_ALU(&text, 0x00, 2, -3); /* room for three bytes */
    ASM_CALL(&text, 0x12);
    ASM_EXIT(&text);
    assert_int_equal(judge(&text), CONTAINER_REFUSED);
    assert_int_equal(problem.reason, CONTAINER_HELPER_POINTER);
}

static void unproven_code_still_hands_helpers_nothing_made_up(void **state)
{
    struct asm_text text = { .size = 0 };

    (void)state;
    asm_raw(&text, 0x61, 0, 9, 0, 0); /* the proof ends here already */
    ASM_MOV(&text, 1, 0x1000);
    ASM_MOV_REG(&text, 2, 10);
    ASM_ALU(&text, 0x00, 2, -8);
    ASM_CALL(&text, 0x32);
    ASM_EXIT(&text);
    assert_int_equal(judge(&text), CONTAINER_REFUSED);
    assert_int_equal(problem.reason, CONTAINER_HELPER_POINTER);
    assert_int_equal(problem.instruction, 4);
}

/* Sixteen independent decisions, each of which leaves its mark, in a loop: 2^16 ways, joined to a few. */
static void many_ways_are_joined_and_the_effort_is_bounded(void **state)
{
    static struct asm_text text;

    (void)state;
    text.size = 0;
    ASM_MOV(&text, 0, 0);
    for (int16_t i = 0; i < 16; i++) {
        asm_raw(&text, 0x7A, 10, 0, (int16_t)(-8 * i - 8), 0);
        asm_raw(&text, 0x71, 3, 1, i, 0);
        ASM_JEQ(&text, 3, 0, 1);
        asm_raw(&text, 0x7A, 10, 0, (int16_t)(-8 * i - 8), 1);
    }
    ASM_EXIT(&text);
    assert_int_equal(judge(&text), CONTAINER_PROVEN);
    assert_int_equal(facts.branches_proven, 16);
    text.size -= 8;
    for (unsigned i = 0; i < 900; i++)
        ASM_ALU(&text, 0x00, 0, 1);
    ASM_ALU(&text, 0x50, 0, 7);
    ASM_JNE(&text, 0, 9, -966);
    ASM_EXIT(&text);
    assert_int_equal(judge(&text), CONTAINER_UNPROVEN);
    assert_int_equal(problem.reason, CONTAINER_UNPROVEN_EFFORT);
}

/* ---- soundness: what is proven never meets a fault ---- */

static void random_programs_that_are_proven_run_without_a_fault(void **state)
{
    static uint8_t file[PROGRAM_SIZE_MAX];
    unsigned verdicts[3] = { 0 };
    unsigned programs = getenv("TINYPART_FULL") != NULL ? 2000000 : 30000;

    (void)state;
    for (uint64_t seed = 1; seed <= programs; seed++) {
        struct program_random random = { seed };
        uint8_t raw[321];
        size_t size = 1 + 8 * (size_t)(program_next(&random) % 40);

        for (size_t i = 0; i < size; i++)
            raw[i] = (uint8_t)program_next(&random);
        verdicts[program_judge_and_run(program_of(raw, size, file), &scratch, seed)]++;
    }
    print_message("%u programs: %u proven, %u refused, %u unproven\n", programs, verdicts[CONTAINER_PROVEN],
                  verdicts[CONTAINER_REFUSED], verdicts[CONTAINER_UNPROVEN]);
    assert_true(verdicts[CONTAINER_PROVEN] > programs / 100);
}

/* The instructions of the enumeration below: each touches r0, r2 and the stack's or the data's edge. */
static const uint8_t small_steps[][8] = {
    { 0xB7, 0x02, 0, 0, 0, 0, 0, 0 },             /* mov r2, 0 */
    { 0xBF, 0xA2, 0, 0, 0, 0, 0, 0 },             /* mov r2, r10 */
    { 0x07, 0x02, 0, 0, 0xF8, 0xFF, 0xFF, 0xFF }, /* add r2, -8 */
    { 0x07, 0x02, 0, 0, 7, 0, 0, 0 },             /* add r2, 7 */
    { 0x7A, 0x02, 0, 0, 1, 0, 0, 0 },             /* stx [r2+0], 1 */
    { 0x71, 0x20, 0, 0, 0, 0, 0, 0 },             /* ldb r0, [r2+0] */
    { 0x79, 0x20, 0xF8, 0xFF, 0, 0, 0, 0 },       /* ldx r0, [r2-8] */
    { 0x3F, 0x20, 0, 0, 0, 0, 0, 0 },             /* div r0, r2 */
    { 0x0F, 0x02, 0, 0, 0, 0, 0, 0 },             /* add r2, r0 */
    { 0x15, 0x00, 1, 0, 0, 0, 0, 0 },             /* jeq r0, 0, +1 */
    { 0xA5, 0x02, 1, 0, 9, 0, 0, 0 },             /* jlt r2, 9, +1 */
    { 0x55, 0x00, 0xFE, 0xFF, 1, 0, 0, 0 },       /* jne r0, 1, -2 */
    { 0x85, 0x00, 0, 0, 0x60, 0, 0, 0 },          /* call ztimer_now */
    { 0x57, 0x00, 0, 0, 7, 0, 0, 0 },             /* and r0, 7 */
};

static void all_small_programs_that_are_proven_run_without_a_fault(void **state)
{
    enum { STEPS = sizeof(small_steps) / sizeof(small_steps[0]), LENGTH = 4 };
    static struct asm_text text;
    static uint8_t out[ASM_FILE_MAX];
    unsigned proven = 0, total = 1;

    (void)state;
    for (unsigned i = 0; i < LENGTH; i++)
        total *= STEPS;
    for (unsigned program = 0; program < total; program++) {
        unsigned rest = program;

        text.size = 0;
        ASM_MOV(&text, 0, 0);
        for (unsigned i = 0; i < LENGTH; i++, rest /= STEPS) {
            memcpy(text.code + text.size, small_steps[rest % STEPS], 8);
            text.size += 8;
        }
        ASM_EXIT(&text);
        proven += program_judge_and_run(asm_file(&text, bytes_view(NULL, 0), bytes_view(NULL, 0), out), &scratch,
                                        program) == CONTAINER_PROVEN;
    }
    print_message("%u of all %u programs are proven\n", proven, total);
    assert_true(proven > total / 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(proves_the_containers_of_real_devices_and_of_the_examples),
        cmocka_unit_test(structure_is_refused_whatever_could_be_proven),
        cmocka_unit_test(registers_are_set_before_they_are_read),
        cmocka_unit_test(stack_is_written_before_it_is_read),
        cmocka_unit_test(each_region_has_its_bounds),
        cmocka_unit_test(an_index_is_bounded_by_what_guards_it),
        cmocka_unit_test(a_shift_by_a_register_is_followed_below_64_only),
        cmocka_unit_test(divisors_are_not_zero),
        cmocka_unit_test(loops_end_within_the_branches_of_a_run),
        cmocka_unit_test(a_pointer_keeps_in_step_with_its_counter),
        cmocka_unit_test(a_sensor_may_wait_on_the_stack),
        cmocka_unit_test(the_store_takes_numbers_and_room_on_the_stack),
        cmocka_unit_test(unproven_code_still_hands_helpers_nothing_made_up),
        cmocka_unit_test(many_ways_are_joined_and_the_effort_is_bounded),
        cmocka_unit_test(random_programs_that_are_proven_run_without_a_fault),
        cmocka_unit_test(all_small_programs_that_are_proven_run_without_a_fault),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
