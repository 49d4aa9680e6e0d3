/* container_run.c - an interpreter for Femto-Containers. */
#include "device_proto/container_run.h"
#include "device_proto/container_isa.h"

#define FRAME_POINTER 10u

struct container_machine {
    const struct container *container;
    const struct container_host *host;
    uint64_t registers[CONTAINER_REGISTERS];
    uint32_t count; /* instructions */
    uint32_t at;    /* the instruction that runs */
    uint32_t branches;
    uint8_t stack[CONTAINER_STACK_SIZE];
};

/* ---- memory ---- */

/* Where [address, address + size) lies within [base, base + length): the offset, or -1. */
static int64_t offset_within(uint64_t address, size_t size, uint32_t base, size_t length)
{
    if (address < base || size > length || address - base > length - size)
        return -1;
    return (int64_t)(address - base);
}

static const uint8_t *find_readable(const struct container_machine *machine, uint64_t address, size_t size)
{
    const struct {
        uint32_t base;
        const uint8_t *memory;
        size_t size;
    } regions[] = {
        { CONTAINER_ADDRESS_STACK, machine->stack, sizeof(machine->stack) },
        { CONTAINER_ADDRESS_CONTEXT, machine->host->run_context, machine->host->run_context_size },
        { CONTAINER_ADDRESS_DATA, machine->host->data, machine->container->data.size },
        { CONTAINER_ADDRESS_RODATA, machine->container->rodata.data, machine->container->rodata.size },
    };

    for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++) {
        int64_t offset = offset_within(address, size, regions[i].base, regions[i].size);

        if (offset >= 0 && regions[i].memory != NULL)
            return regions[i].memory + offset;
    }
    return NULL;
}

static uint8_t *find_writable(struct container_machine *machine, uint64_t address, size_t size)
{
    const struct {
        uint32_t base;
        uint8_t *memory;
        size_t size;
    } regions[] = {
        { CONTAINER_ADDRESS_STACK, machine->stack, sizeof(machine->stack) },
        { CONTAINER_ADDRESS_CONTEXT, machine->host->run_context, machine->host->run_context_size },
        { CONTAINER_ADDRESS_DATA, machine->host->data, machine->container->data.size },
    };

    for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++) {
        int64_t offset = offset_within(address, size, regions[i].base, regions[i].size);

        if (offset >= 0 && regions[i].memory != NULL)
            return regions[i].memory + offset;
    }
    return NULL;
}

int container_load(const struct container_machine *machine, uint64_t address, uint8_t *out, size_t size)
{
    const uint8_t *memory = find_readable(machine, address, size);

    if (memory == NULL)
        return CONTAINER_FAULT_MEMORY;
    memcpy(out, memory, size);
    return 0;
}

int container_store(struct container_machine *machine, uint64_t address, struct bytes value)
{
    uint8_t *memory = find_writable(machine, address, value.size);

    if (memory == NULL)
        return CONTAINER_FAULT_MEMORY;
    if (value.size > 0)
        memcpy(memory, value.data, value.size);
    return 0;
}

/* ---- instructions ---- */

/* The second operand: a register, or the immediate with its sign extended. */
static uint64_t operand_of(const struct container_machine *machine, const struct container_instruction *in,
                           enum container_class class)
{
    return container_operand_is_source(in->opcode, class) ? machine->registers[in->source]
                                                          : (uint64_t)(int64_t)in->immediate;
}

/* Right shift that keeps the sign, spelled out for compilers that do otherwise. */
static uint64_t shift_arithmetic(uint64_t value, unsigned count)
{
    uint64_t shifted = value >> count;

    if (count > 0 && value >> 63 != 0)
        shifted |= ~UINT64_C(0) << (64 - count);
    return shifted;
}

static int run_alu(struct container_machine *machine, const struct container_instruction *in)
{
    uint64_t *to = &machine->registers[in->destination];
    uint64_t value = operand_of(machine, in, CLASS_ALU);

    switch ((enum container_operation)(in->opcode & OPERATION_MASK)) {
    case OPERATION_ADD:
        *to += value;
        return 0;
    case OPERATION_SUB:
        *to -= value;
        return 0;
    case OPERATION_MUL:
        *to *= value;
        return 0;
    case OPERATION_DIV:
        if (value == 0)
            return CONTAINER_FAULT_DIVISION;
        *to /= value;
        return 0;
    case OPERATION_MOD:
        if (value == 0)
            return CONTAINER_FAULT_DIVISION;
        *to %= value;
        return 0;
    case OPERATION_OR:
        *to |= value;
        return 0;
    case OPERATION_AND:
        *to &= value;
        return 0;
    case OPERATION_XOR:
        *to ^= value;
        return 0;
    case OPERATION_LSH: /* shifts count modulo 64, as RFC 9669 says */
        *to <<= value & 63u;
        return 0;
    case OPERATION_RSH:
        *to >>= value & 63u;
        return 0;
    case OPERATION_ARSH:
        *to = shift_arithmetic(*to, (unsigned)(value & 63u));
        return 0;
    case OPERATION_NEG:
        *to = 0 - *to;
        return 0;
    case OPERATION_MOV:
        *to = value;
        return 0;
    case CONDITION_SLE: /* 0xD0: byte swaps, which devices lack */
        break;
    }
    return CONTAINER_FAULT_INSTRUCTION;
}

static bool holds(uint8_t opcode, uint64_t a, uint64_t b)
{
    switch (opcode & OPERATION_MASK) {
    case CONDITION_EQ:
        return a == b;
    case CONDITION_NE:
        return a != b;
    case CONDITION_SET:
        return (a & b) != 0;
    case CONDITION_GT:
        return a > b;
    case CONDITION_GE:
        return a >= b;
    case CONDITION_LT:
        return a < b;
    case CONDITION_LE:
        return a <= b;
    case CONDITION_SGT:
        return (int64_t)a > (int64_t)b;
    case CONDITION_SGE:
        return (int64_t)a >= (int64_t)b;
    case CONDITION_SLT:
        return (int64_t)a < (int64_t)b;
    default: /* CONDITION_SLE; the class has no other */
        return (int64_t)a <= (int64_t)b;
    }
}

static int run_load(struct container_machine *machine, const struct container_instruction *in)
{
    uint64_t address = machine->registers[in->source] + (uint64_t)(int64_t)in->offset;
    size_t size = container_access_size(in->opcode);
    uint8_t raw[8];
    uint64_t value = 0;

    if (container_load(machine, address, raw, size) != 0)
        return CONTAINER_FAULT_MEMORY;
    for (size_t i = size; i-- > 0;)
        value = (value << 8) | raw[i];
    machine->registers[in->destination] = value;
    return 0;
}

static int run_store(struct container_machine *machine, const struct container_instruction *in)
{
    uint64_t address = machine->registers[in->destination] + (uint64_t)(int64_t)in->offset;
    uint64_t value = operand_of(machine, in, CLASS_STORE);
    uint8_t raw[8];

    for (size_t i = 0; i < sizeof(raw); i++)
        raw[i] = (uint8_t)(value >> (8 * i));
    return container_store(machine, address, bytes_view(raw, container_access_size(in->opcode)));
}

static int run_wide(struct container_machine *machine, const struct container_instruction *in)
{
    struct container_instruction second;
    uint64_t value;

    if (machine->at + 1 >= machine->count)
        return CONTAINER_FAULT_JUMP;
    second = container_instruction(machine->container, machine->at + 1);
    value = (uint32_t)in->immediate | ((uint64_t)(uint32_t)second.immediate << 32);
    if (in->opcode == OPCODE_WIDE_DATA)
        value += CONTAINER_ADDRESS_DATA;
    else if (in->opcode == OPCODE_WIDE_RODATA)
        value += CONTAINER_ADDRESS_RODATA;
    machine->registers[in->destination] = value;
    machine->at++;
    return 0;
}

static int run_call(struct container_machine *machine, const struct container_instruction *in)
{
    const struct container_host *host = machine->host;
    uint32_t result = 0;
    int r;

    for (size_t i = 0; i < host->helper_count; i++) {
        if (host->helpers[i].number != (uint32_t)in->immediate)
            continue;
        r = host->helpers[i].call(host->context, machine, machine->registers, &result);
        if (r == 0)
            machine->registers[0] = result;
        return r;
    }
    return CONTAINER_FAULT_HELPER;
}

static int take_branch(struct container_machine *machine, const struct container_instruction *in)
{
    if (machine->branches == machine->host->branches_max)
        return CONTAINER_FAULT_BRANCHES;
    machine->branches++;
    /* Modulo 2^32: a target before the text becomes one far behind it, which the next step refuses. */
    machine->at = (uint32_t)((int64_t)machine->at + in->offset);
    return 0;
}

/* Runs the instruction at machine->at, which is inside of the text. */
static int run_instruction(struct container_machine *machine, const struct container_instruction *in,
                           enum container_class class)
{
    if (in->destination > FRAME_POINTER || in->source > FRAME_POINTER)
        return CONTAINER_FAULT_INSTRUCTION;
    switch (class) {
    case CLASS_ALU:
        return run_alu(machine, in);
    case CLASS_LOAD:
        return run_load(machine, in);
    case CLASS_STORE:
        return run_store(machine, in);
    case CLASS_WIDE:
        return run_wide(machine, in);
    case CLASS_JUMP:
        return take_branch(machine, in);
    case CLASS_CONDITION:
        if (!holds(in->opcode, machine->registers[in->destination], operand_of(machine, in, CLASS_CONDITION)))
            return 0;
        return take_branch(machine, in);
    case CLASS_CALL:
        return run_call(machine, in);
    case CLASS_EXIT:
    case CLASS_UNKNOWN:
        break;
    }
    return CONTAINER_FAULT_INSTRUCTION;
}

int container_run(const struct container *container, const struct container_host *host, struct container_outcome *out)
{
    struct container_machine machine = {
        .container = container,
        .host = host,
        .count = (uint32_t)(container->text.size / CONTAINER_INSTRUCTION_SIZE),
    };
    int r = 0;

    machine.registers[1] = host->run_context == NULL ? 0 : CONTAINER_ADDRESS_CONTEXT;
    machine.registers[FRAME_POINTER] = CONTAINER_ADDRESS_STACK + CONTAINER_STACK_SIZE;
    for (;;) {
        struct container_instruction instruction;
        enum container_class class;

        if (machine.at >= machine.count) {
            r = CONTAINER_FAULT_JUMP;
            break;
        }
        instruction = container_instruction(container, machine.at);
        class = container_class_of(instruction.opcode, host->neg_is_8f);
        if (class == CLASS_EXIT)
            break;
        r = run_instruction(&machine, &instruction, class);
        if (r != 0)
            break;
        machine.at++;
    }
    if (r < 0)
        return r;
    out->fault = (enum container_fault)r;
    out->result = (int64_t)machine.registers[0];
    out->instruction = machine.at;
    out->branches = machine.branches;
    return 0;
}

const char *container_fault_text(enum container_fault fault)
{
    static const char *const texts[] = {
        [CONTAINER_RAN] = "ran to its end",
        [CONTAINER_FAULT_INSTRUCTION] = "illegal instruction",
        [CONTAINER_FAULT_MEMORY] = "illegal memory access",
        [CONTAINER_FAULT_JUMP] = "left its text",
        [CONTAINER_FAULT_HELPER] = "called a helper that is not offered",
        [CONTAINER_FAULT_BRANCHES] = "took too many branches",
        [CONTAINER_FAULT_DIVISION] = "divided by zero",
    };

    if ((size_t)fault >= sizeof(texts) / sizeof(texts[0]))
        return "unknown fault";
    return texts[fault];
}
