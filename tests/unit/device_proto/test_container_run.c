#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "device_proto/container_run.h"
#include "tests/unit/device_proto/asm.h"
#include "tests/unit/device_proto/fixture.h"

/* A device with one temperature, one humidity and one analog sensor. */
struct board {
    const char *broken; /* not NULL: no sensor gives a reading now */
    int64_t fault;
};

static int read_board(void *context, size_t index, struct container_reading *out)
{
    static const int16_t values[] = { -1234, 4550, 87 };
    struct board *board = context;

    if (board->fault != 0)
        return (int)board->fault;
    if (board->broken != NULL)
        return 1;
    *out = (struct container_reading){ .values = { values[index] }, .unit = 2, .scale = -2, .dimensions = 1 };
    return 0;
}

static uint32_t board_now(void *context)
{
    (void)context;
    return 12345678;
}

static const uint8_t board_types[] = { CONTAINER_SENSOR_TEMPERATURE, CONTAINER_SENSOR_HUMIDITY,
                                       CONTAINER_SENSOR_ANALOG };

struct run {
    struct board board;
    struct container_sensors sensors;
    struct container_host host;
    uint32_t local[4];
    uint8_t data[64];
};

static void run_begin(struct run *run, size_t sensors)
{
    *run = (struct run){ .board = { NULL, 0 } };
    run->sensors =
        (struct container_sensors){ &run->board, board_types, sensors, read_board, board_now, run->local, 4 };
    run->host = (struct container_host){ .context = &run->sensors,
                                         .helpers = container_standard_helpers,
                                         .helper_count = CONTAINER_STANDARD_HELPERS,
                                         .branches_max = CONTAINER_BRANCHES_MAX,
                                         .data = run->data };
}

static struct container_outcome run_file(struct run *run, struct bytes file)
{
    struct container_outcome outcome = { .fault = CONTAINER_RAN };
    struct container container;

    assert_int_equal(container_parse(file, &container), 0);
    assert_true(container.data.size <= sizeof(run->data));
    assert_int_equal(container_run(&container, &run->host, &outcome), 0);
    return outcome;
}

static struct container_outcome run_text(struct run *run, const struct asm_text *text)
{
    static uint8_t out[ASM_FILE_MAX];
    static const uint8_t data[8] = { 0 };

    return run_file(run, asm_file(text, bytes_view(data, 8), bytes_of_text("constant"), out));
}

static void answers_27_18_where_there_is_no_sensor(void **state)
{
    struct container_outcome outcome;
    char text[CONTAINER_RESULT_TEXT_MAX];
    uint8_t raw[256];
    struct run run;

    (void)state;
    run_begin(&run, 0);
    outcome = run_file(&run, fixture_hex(ASM_TEMP_SENS, raw, sizeof(raw)));
    assert_int_equal(outcome.fault, CONTAINER_RAN);
    assert_int_equal(outcome.result, 2718);
    assert_int_equal(outcome.branches, 1);
    assert_true(bytes_equal_text(bytes_view(text, container_result_print(outcome.result, text)), "27.18"));
}

static void answers_with_the_sensors_reading(void **state)
{
    uint8_t raw[256];
    struct run run;

    (void)state;
    run_begin(&run, 3);
    assert_int_equal(run_file(&run, fixture_hex(ASM_TEMP_SENS, raw, sizeof(raw))).result, -1234);
    run.board.broken = "yes";
    assert_int_equal(run_file(&run, fixture_hex(ASM_TEMP_SENS, raw, sizeof(raw))).result, 2718);
}

static void passes_up_a_fault_of_the_host(void **state)
{
    struct container_outcome outcome = { .branches = 77 };
    struct container container;
    uint8_t raw[256];
    struct run run;

    (void)state;
    run_begin(&run, 3);
    run.board.fault = -5;
    assert_int_equal(container_parse(fixture_hex(ASM_TEMP_SENS, raw, sizeof(raw)), &container), 0);
    assert_int_equal(container_run(&container, &run.host, &outcome), -5);
    assert_int_equal(outcome.branches, 77);
}

static void runs_the_example_containers(void **state)
{
    static const uint32_t helpers[] = { 0x30, 0x31, 0x32, 0x60, 0x61, 0x10, 0x12 };
    static const struct {
        const char *path;
        bool needs_sections;
        int64_t without, with;
    } cases[] = {
        { "packaging/examples/containers/thermo.rbpf", false, 2718, -1234 },
        { "packaging/examples/containers/humid.rbpf", false, -1, 4550 },
        { "packaging/examples/containers/load.rbpf", false, -1, 87 },
        { "packaging/examples/containers/counter.rbpf", false, 5050, 5050 },
        { "packaging/examples/containers/uptime.rbpf", false, 1234, 1234 },
        { "packaging/examples/containers/runs.rbpf", true, 100, 200 },
        { "packaging/examples/containers/vector.rbpf", false, -1, -1234 },
    };
    struct container_problem problem;
    uint8_t raw[4096];
    struct run run;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct container_limits limits = { .size_max = 2048,
                                           .branches_max = CONTAINER_BRANCHES_MAX,
                                           .helpers = helpers,
                                           .helper_count = 7,
                                           .section_loads = cases[i].needs_sections };
        struct bytes file = fixture_source(cases[i].path, raw, sizeof(raw));

        assert_int_equal(container_verify(file, &limits, &problem, NULL), 0);
        run_begin(&run, 0);
        assert_int_equal(run_file(&run, file).result, cases[i].without);
        run.sensors.count = 3;
        assert_int_equal(run_file(&run, file).result, cases[i].with);
    }
}

static int64_t store(struct run *run, int32_t key, int32_t value)
{
    struct asm_text text = { .size = 0 };

    ASM_MOV(&text, 1, key);
    ASM_MOV(&text, 2, value);
    ASM_CALL(&text, 0x10);
    ASM_EXIT(&text);
    return run_text(run, &text).result;
}

/* Of what is under the key the low 32 bits; -1 where the call failed. */
static int64_t fetch(struct run *run, int32_t key)
{
    struct asm_text text = { .size = 0 };

    ASM_MOV(&text, 1, key);
    ASM_MOV_REG(&text, 2, 10);
    ASM_ALU(&text, 0x00, 2, -4);
    ASM_CALL(&text, 0x12);
    asm_raw(&text, 0x55, 0, 0, 1, 0); /* jne r0, 0, exit */
    asm_raw(&text, 0x61, 0, 10, -4, 0);
    ASM_EXIT(&text);
    return run_text(run, &text).result;
}

static void a_container_keeps_numbers_from_run_to_run(void **state)
{
    struct asm_text outside = { .size = 0 };
    struct run run;

    (void)state;
    run_begin(&run, 0);
    assert_int_equal(fetch(&run, 2), 0);
    assert_int_equal(store(&run, 2, -5), 0);
    assert_int_equal(store(&run, 0, 7), 0);
    assert_int_equal(fetch(&run, 2), UINT32_MAX - 4);
    assert_int_equal(fetch(&run, 0), 7);
    assert_int_equal(run.local[2], UINT32_MAX - 4);
    assert_int_equal(store(&run, 4, 1), UINT32_MAX); /* it has four */
    assert_int_equal(fetch(&run, 4), UINT32_MAX);
    assert_int_equal(store(&run, -1, 1), UINT32_MAX);
    ASM_MOV(&outside, 1, 2);
    ASM_MOV_REG(&outside, 2, 10); /* just above the stack */
    ASM_CALL(&outside, 0x12);
    ASM_EXIT(&outside);
    assert_int_equal(run_text(&run, &outside).fault, CONTAINER_FAULT_MEMORY);
    run.sensors.local = NULL, run.sensors.local_count = 0; /* a device without */
    assert_int_equal(store(&run, 0, 1), UINT32_MAX);
    run.host.helper_count = CONTAINER_SENSOR_HELPERS; /* and one that does not know the calls */
    struct asm_text text = { .size = 0 };
    ASM_CALL(&text, 0x10);
    ASM_EXIT(&text);
    assert_int_equal(run_text(&run, &text).fault, CONTAINER_FAULT_HELPER);
}

/* r0 = a op b, with b as a register and, where it fits, as an immediate. */
static int64_t alu(uint8_t operation, int64_t a, int64_t b)
{
    struct asm_text by_register = { .size = 0 }, by_immediate = { .size = 0 };
    struct container_outcome outcome;
    struct run run;

    run_begin(&run, 0);
    asm_wide(&by_register, 0x18, 0, (uint64_t)a);
    asm_wide(&by_register, 0x18, 1, (uint64_t)b);
    ASM_ALU_REG(&by_register, operation, 0, 1);
    ASM_EXIT(&by_register);
    outcome = run_text(&run, &by_register);
    assert_int_equal(outcome.fault, CONTAINER_RAN);
    if (b == (int32_t)b) {
        asm_wide(&by_immediate, 0x18, 0, (uint64_t)a);
        ASM_ALU(&by_immediate, operation, 0, (int32_t)b);
        ASM_EXIT(&by_immediate);
        assert_int_equal(run_text(&run, &by_immediate).result, outcome.result);
    }
    return outcome.result;
}

static void computes_on_64_bits(void **state)
{
    (void)state;
    assert_int_equal(alu(0x00, INT64_MAX, 1), INT64_MIN);
    assert_int_equal(alu(0x10, 5, 7), -2);
    assert_int_equal(alu(0x20, 1ll << 40, 1 << 20), 1ll << 60);
    assert_int_equal(alu(0x30, -1, 2), INT64_MAX); /* unsigned */
    assert_int_equal(alu(0x30, 100, 7), 14);
    assert_int_equal(alu(0x90, -1, 10), 5); /* 2^64 - 1 */
    assert_int_equal(alu(0x40, 0xF0, 0x0F), 0xFF);
    assert_int_equal(alu(0x50, -1, -256), -256);
    assert_int_equal(alu(0xA0, 0xFF, 0x0F), 0xF0);
    assert_int_equal(alu(0x60, 1, 63), INT64_MIN);
    assert_int_equal(alu(0x70, INT64_MIN, 63), 1);
    assert_int_equal(alu(0xC0, INT64_MIN, 63), -1);
    assert_int_equal(alu(0xC0, -8, 1), -4);
    assert_int_equal(alu(0xC0, -8, 0), -8);
    assert_int_equal(alu(0xB0, 1, -5), -5);
}

static void negates_as_the_device_does(void **state)
{
    struct asm_text ebpf = { .size = 0 }, femto = { .size = 0 };
    struct run run;

    (void)state;
    run_begin(&run, 0);
    ASM_MOV(&ebpf, 0, 42);
    asm_raw(&ebpf, 0x87, 0, 0, 0, 0);
    ASM_EXIT(&ebpf);
    assert_int_equal(run_text(&run, &ebpf).result, -42);
    ASM_MOV(&femto, 0, 42);
    asm_raw(&femto, 0x8F, 0, 0, 0, 0);
    ASM_EXIT(&femto);
    assert_int_equal(run_text(&run, &femto).fault, CONTAINER_FAULT_INSTRUCTION);
    run.host.neg_is_8f = true;
    assert_int_equal(run_text(&run, &femto).result, -42);
    assert_int_equal(run_text(&run, &ebpf).fault, CONTAINER_FAULT_INSTRUCTION);
}

static void compares_with_and_without_sign(void **state)
{
    static const struct {
        uint8_t operation;
        int32_t a, b;
        bool taken;
    } cases[] = {
        { 0x10, 1, 1, true },   { 0x10, 1, 2, false },   { 0x50, 1, 2, true },  { 0x50, 2, 2, false },
        { 0x20, -1, 1, true },  { 0x20, 1, 1, false },   { 0x30, 1, 1, true },  { 0x30, 0, 1, false },
        { 0xA0, 1, -1, true },  { 0xA0, -1, 1, false },  { 0xB0, 1, 1, true },  { 0xB0, -1, 1, false },
        { 0x40, 6, 2, true },   { 0x40, 4, 3, false },   { 0x60, 1, -1, true }, { 0x60, -1, 1, false },
        { 0x70, -1, -1, true }, { 0x70, -2, -1, false }, { 0xC0, -1, 1, true }, { 0xC0, 1, -1, false },
        { 0xD0, -1, -1, true }, { 0xD0, 1, -1, false },
    };
    struct run run;

    (void)state;
    run_begin(&run, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (unsigned by_register = 0; by_register < 2; by_register++) {
            struct asm_text text = { .size = 0 };

            ASM_MOV(&text, 2, cases[i].a);
            ASM_MOV(&text, 3, cases[i].b);
            ASM_MOV(&text, 0, 1);
            if (by_register != 0)
                asm_raw(&text, cases[i].operation | 0x0D, 2, 3, 1, 0);
            else
                asm_raw(&text, cases[i].operation | 0x05, 2, 0, 1, cases[i].b);
            ASM_MOV(&text, 0, 0);
            ASM_EXIT(&text);
            assert_int_equal(run_text(&run, &text).result, cases[i].taken);
        }
    }
}

static void stores_and_loads_each_size(void **state)
{
    struct asm_text text = { .size = 0 };
    struct run run;

    (void)state;
    run_begin(&run, 0);
    asm_wide(&text, 0x18, 1, 0x1122334455667788u);
    asm_raw(&text, 0x7B, 10, 1, -8, 0);  /* stx 8 */
    asm_raw(&text, 0x73, 10, 1, -8, 0);  /* stx 1: 88 */
    asm_raw(&text, 0x6A, 10, 0, -2, -2); /* st 2: FE FF */
    asm_raw(&text, 0x71, 2, 10, -7, 0);  /* ldx 1: 77 */
    asm_raw(&text, 0x69, 3, 10, -2, 0);  /* ldx 2: FFFE */
    asm_raw(&text, 0x61, 4, 10, -8, 0);  /* ldx 4: 55667788 */
    ASM_MOV_REG(&text, 0, 2);
    ASM_ALU_REG(&text, 0x00, 0, 3);
    ASM_ALU_REG(&text, 0x00, 0, 4);
    ASM_EXIT(&text);
    assert_int_equal(run_text(&run, &text).result, 0x77 + 0xFFFE + 0x55667788);
}

static void reads_rodata_and_context_and_keeps_data(void **state)
{
    struct asm_text text = { .size = 0 };
    uint8_t context[4] = { 1, 2, 3, 4 };
    struct run run;

    (void)state;
    run_begin(&run, 0);
    run.host.run_context = context;
    run.host.run_context_size = sizeof(context);
    asm_raw(&text, 0x71, 0, 1, 3, 0); /* context[3] */
    asm_wide(&text, 0xD8, 2, 2);
    asm_raw(&text, 0x71, 3, 2, 0, 0); /* 'n' */
    ASM_ALU_REG(&text, 0x00, 0, 3);
    asm_wide(&text, 0xB8, 4, 4);
    asm_raw(&text, 0x62, 4, 0, 0, 77); /* data[4] = 77 */
    asm_raw(&text, 0x72, 1, 0, 0, 9);  /* context[0] = 9 */
    ASM_EXIT(&text);
    assert_int_equal(run_text(&run, &text).result, 4 + 'n');
    assert_int_equal(run.data[4], 77);
    assert_int_equal(context[0], 9);
}

static void refuses_memory_outside_of_its_regions(void **state)
{
    static const struct {
        uint64_t address;
        uint8_t opcode; /* on r1 */
        bool allowed;
    } cases[] = {
        { CONTAINER_ADDRESS_STACK, 0x79, true },
        { CONTAINER_ADDRESS_STACK - 1, 0x71, false },
        { CONTAINER_ADDRESS_STACK + 505, 0x79, false },
        { CONTAINER_ADDRESS_STACK + 512, 0x71, false },
        { CONTAINER_ADDRESS_CONTEXT, 0x71, false }, /* none given */
        { CONTAINER_ADDRESS_DATA + 7, 0x71, true },
        { CONTAINER_ADDRESS_DATA + 7, 0x72, true },
        { CONTAINER_ADDRESS_DATA + 7, 0x69, false },
        { CONTAINER_ADDRESS_RODATA + 15, 0x71, true },
        { CONTAINER_ADDRESS_RODATA + 16, 0x71, false },
        { CONTAINER_ADDRESS_RODATA, 0x72, false }, /* a store */
        { 0, 0x79, false },
        { UINT64_MAX, 0x71, false },
        { UINT64_MAX - 6, 0x79, false },
    };
    struct run run;

    (void)state;
    run_begin(&run, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct asm_text text = { .size = 0 };
        struct container_outcome outcome;
        bool store = (cases[i].opcode & 7) == 2;

        asm_wide(&text, 0x18, 1, cases[i].address);
        asm_raw(&text, cases[i].opcode, store ? 1 : 0, store ? 0 : 1, 0, 0);
        ASM_EXIT(&text);
        outcome = run_text(&run, &text);
        assert_int_equal(outcome.fault, cases[i].allowed ? CONTAINER_RAN : CONTAINER_FAULT_MEMORY);
        if (!cases[i].allowed)
            assert_int_equal(outcome.instruction, 2);
    }
}

static void counts_taken_branches_only(void **state)
{
    struct asm_text text = { .size = 0 };
    struct container_outcome outcome;
    struct run run;

    (void)state;
    run_begin(&run, 0);
    ASM_MOV(&text, 0, 0);
    ASM_MOV(&text, 1, 201);
    ASM_ALU(&text, 0x00, 0, 1);
    ASM_ALU(&text, 0x10, 1, 1);
    ASM_JEQ(&text, 9, 1, 0); /* never taken */
    ASM_JNE(&text, 1, 0, -4);
    ASM_EXIT(&text);
    outcome = run_text(&run, &text);
    assert_int_equal(outcome.fault, CONTAINER_RAN);
    assert_int_equal(outcome.branches, 200);
    assert_int_equal(outcome.result, 201);
    text.code[8 + 4] = 202;
    outcome = run_text(&run, &text);
    assert_int_equal(outcome.fault, CONTAINER_FAULT_BRANCHES);
    assert_int_equal(outcome.branches, 200);
    assert_int_equal(outcome.instruction, 5);
}

static void names_the_other_faults(void **state)
{
    static const struct {
        uint8_t opcode, destination, source;
        int16_t offset;
        int32_t immediate;
        enum container_fault fault;
    } cases[] = {
        { 0x3F, 0, 2, 0, 0, CONTAINER_FAULT_DIVISION },     { 0x9F, 0, 2, 0, 0, CONTAINER_FAULT_DIVISION },
        { 0x37, 0, 0, 0, 0, CONTAINER_FAULT_DIVISION },     { 0x85, 0, 0, 0, 0x02, CONTAINER_FAULT_HELPER },
        { 0x05, 0, 0, 100, 0, CONTAINER_FAULT_JUMP },       { 0x05, 0, 0, -100, 0, CONTAINER_FAULT_JUMP },
        { 0x04, 0, 0, 0, 0, CONTAINER_FAULT_INSTRUCTION },  { 0xB7, 11, 0, 0, 0, CONTAINER_FAULT_INSTRUCTION },
        { 0xBF, 0, 12, 0, 0, CONTAINER_FAULT_INSTRUCTION }, { 0xD7, 0, 0, 0, 0, CONTAINER_FAULT_INSTRUCTION },
    };
    struct run run;

    (void)state;
    run_begin(&run, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct asm_text text = { .size = 0 };
        struct container_outcome outcome;

        ASM_MOV(&text, 0, 33);
        asm_raw(&text, cases[i].opcode, cases[i].destination, cases[i].source, cases[i].offset, cases[i].immediate);
        ASM_EXIT(&text);
        outcome = run_text(&run, &text);
        assert_int_equal(outcome.fault, cases[i].fault);
        assert_int_equal(outcome.result, 33); /* which is what stock devices would answer */
        assert_string_not_equal(container_fault_text(outcome.fault), "unknown fault");
    }
}

static void a_text_without_exit_leaves_at_its_end(void **state)
{
    struct asm_text text = { .size = 0 }, wide = { .size = 0 };
    struct run run;

    (void)state;
    run_begin(&run, 0);
    ASM_MOV(&text, 0, 1);
    assert_int_equal(run_text(&run, &text).fault, CONTAINER_FAULT_JUMP);
    asm_raw(&wide, 0x18, 0, 0, 0, 0);
    assert_int_equal(run_text(&run, &wide).fault, CONTAINER_FAULT_JUMP);
}

static void made_up_handles_and_addresses_do_no_harm(void **state)
{
    struct asm_text handle = { .size = 0 }, address = { .size = 0 };
    struct run run;

    (void)state;
    run_begin(&run, 3);
    ASM_MOV(&handle, 1, 0x12345678);
    ASM_MOV_REG(&handle, 2, 10);
    ASM_ALU(&handle, 0x00, 2, -8);
    ASM_CALL(&handle, 0x32);
    ASM_EXIT(&handle);
    assert_int_equal(run_text(&run, &handle).result, UINT32_MAX);
    ASM_MOV(&address, 1, 0x82);
    ASM_CALL(&address, 0x31);
    ASM_MOV_REG(&address, 1, 0);
    ASM_MOV_REG(&address, 2, 10); /* just above the stack */
    ASM_CALL(&address, 0x32);
    ASM_EXIT(&address);
    assert_int_equal(run_text(&run, &address).fault, CONTAINER_FAULT_MEMORY);
}

static void finds_sensors_by_number_and_moves_deadlines(void **state)
{
    struct asm_text nth = { .size = 0 }, wakeup = { .size = 0 };
    struct run run;

    (void)state;
    run_begin(&run, 3);
    ASM_MOV(&nth, 0, 1); /* the device's build takes r0 here */
    ASM_CALL(&nth, 0x30);
    ASM_MOV_REG(&nth, 1, 0);
    ASM_MOV_REG(&nth, 2, 10);
    ASM_ALU(&nth, 0x00, 2, -8);
    ASM_CALL(&nth, 0x32);
    asm_raw(&nth, 0x69, 0, 10, -8, 0);
    ASM_EXIT(&nth);
    assert_int_equal(run_text(&run, &nth).result, 4550);
    asm_raw(&wakeup, 0x62, 10, 0, -4, 1000);
    ASM_MOV_REG(&wakeup, 0, 10);
    ASM_ALU(&wakeup, 0x00, 0, -4);
    ASM_MOV(&wakeup, 1, 500);
    ASM_CALL(&wakeup, 0x61);
    asm_raw(&wakeup, 0x61, 0, 10, -4, 0);
    ASM_EXIT(&wakeup);
    assert_int_equal(run_text(&run, &wakeup).result, 1500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_27_18_where_there_is_no_sensor),
        cmocka_unit_test(answers_with_the_sensors_reading),
        cmocka_unit_test(passes_up_a_fault_of_the_host),
        cmocka_unit_test(runs_the_example_containers),
        cmocka_unit_test(a_container_keeps_numbers_from_run_to_run),
        cmocka_unit_test(computes_on_64_bits),
        cmocka_unit_test(negates_as_the_device_does),
        cmocka_unit_test(compares_with_and_without_sign),
        cmocka_unit_test(stores_and_loads_each_size),
        cmocka_unit_test(reads_rodata_and_context_and_keeps_data),
        cmocka_unit_test(refuses_memory_outside_of_its_regions),
        cmocka_unit_test(counts_taken_branches_only),
        cmocka_unit_test(names_the_other_faults),
        cmocka_unit_test(a_text_without_exit_leaves_at_its_end),
        cmocka_unit_test(made_up_handles_and_addresses_do_no_harm),
        cmocka_unit_test(finds_sensors_by_number_and_moves_deadlines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
