/* container_verify.c - the verifier that always runs.
 * Three passes over the text: each instruction by itself, in order (which also finds the second halves of 16-byte
 * loads), then the jumps between them and the fewest branches that a run must take. Bounded by
 * CONTAINER_INSTRUCTIONS_MAX squared. */
#include "device_proto/container.h"
#include "device_proto/container_isa.h"
#include "device_proto/container_pointers.h"

#define FRAME_POINTER 10u
#define UNREACHED     UINT16_MAX

struct verifier {
    struct container container;
    const struct container_limits *limits;
    uint32_t count;                                       /* instructions */
    uint8_t second_half[CONTAINER_INSTRUCTIONS_MAX / 8u]; /* bit set of second halves */
    uint16_t branches[CONTAINER_INSTRUCTIONS_MAX];        /* fewest taken branches on the way here */
    struct container_facts facts;
};

static bool is_second_half(const struct verifier *verifier, uint32_t i)
{
    return ((unsigned)verifier->second_half[i / 8] >> (i % 8) & 1u) != 0;
}

static enum container_class class_at(const struct verifier *verifier, const struct container_instruction *instruction)
{
    return container_class_of(instruction->opcode, verifier->limits->neg_is_8f);
}

/* ---- one instruction by itself ---- */

static int check_alu(const struct container_instruction *in)
{
    unsigned operation = in->opcode & OPERATION_MASK;
    bool by_source = container_operand_is_source(in->opcode, CLASS_ALU);

    if (in->destination == FRAME_POINTER)
        return CONTAINER_FRAME_POINTER;
    if (in->offset != 0)
        return CONTAINER_UNUSED_FIELD;
    if (operation == OPERATION_NEG)
        return in->immediate != 0 || in->source != 0 ? CONTAINER_UNUSED_FIELD : 0;
    if (by_source)
        return in->immediate != 0 ? CONTAINER_UNUSED_FIELD : 0;
    if (in->source != 0)
        return CONTAINER_UNUSED_FIELD;
    if ((operation == OPERATION_DIV || operation == OPERATION_MOD) && in->immediate == 0)
        return CONTAINER_DIVISION_BY_ZERO;
    if (operation == OPERATION_LSH || operation == OPERATION_RSH || operation == OPERATION_ARSH)
        return in->immediate < 0 || in->immediate > 63 ? CONTAINER_BAD_SHIFT : 0;
    return 0;
}

/* An access through the frame pointer can be judged here; through other registers the device judges when it runs. */
static int check_stack(uint8_t base, int16_t offset, uint8_t size)
{
    if (base != FRAME_POINTER)
        return 0;
    return offset < -(int)CONTAINER_STACK_SIZE || offset + (int)size > 0 ? CONTAINER_STACK_RANGE : 0;
}

static int check_load(const struct container_instruction *in)
{
    if (in->destination == FRAME_POINTER)
        return CONTAINER_FRAME_POINTER;
    if (in->immediate != 0)
        return CONTAINER_UNUSED_FIELD;
    return check_stack(in->source, in->offset, container_access_size(in->opcode));
}

static int check_store(const struct container_instruction *in)
{
    bool by_source = container_operand_is_source(in->opcode, CLASS_STORE);

    if (by_source ? in->immediate != 0 : in->source != 0)
        return CONTAINER_UNUSED_FIELD;
    return check_stack(in->destination, in->offset, container_access_size(in->opcode));
}

static int check_section_load(const struct verifier *verifier, const struct container_instruction *in, int32_t high)
{
    size_t size = in->opcode == OPCODE_WIDE_DATA ? verifier->container.data.size : verifier->container.rodata.size;

    if (!verifier->limits->section_loads)
        return CONTAINER_SECTION_REFUSED;
    return in->immediate < 0 || high != 0 || (size_t)in->immediate >= size ? CONTAINER_SECTION_RANGE : 0;
}

static int check_wide(struct verifier *verifier, uint32_t i, const struct container_instruction *in)
{
    struct container_instruction second;

    if (in->destination == FRAME_POINTER)
        return CONTAINER_FRAME_POINTER;
    if (in->source != 0 || in->offset != 0)
        return CONTAINER_UNUSED_FIELD;
    if (i + 1 == verifier->count)
        return CONTAINER_WIDE_CUT;
    second = container_instruction(&verifier->container, i + 1);
    if (second.opcode != 0 || second.destination != 0 || second.source != 0 || second.offset != 0)
        return CONTAINER_WIDE_CUT;
    verifier->second_half[(i + 1) / 8] |= (uint8_t)(1u << ((i + 1) % 8));
    if (in->opcode != OPCODE_WIDE)
        return check_section_load(verifier, in, second.immediate);
    /* Devices OR the sign-extended low half onto the high half: the same only where both agree. */
    return in->immediate < 0 && second.immediate != -1 ? CONTAINER_WIDE_SIGN : 0;
}

static int check_condition(const struct container_instruction *in)
{
    bool by_source = container_operand_is_source(in->opcode, CLASS_CONDITION);

    return (by_source ? in->immediate != 0 : in->source != 0) ? CONTAINER_UNUSED_FIELD : 0;
}

static int check_call(struct verifier *verifier, const struct container_instruction *in)
{
    if (in->destination != 0 || in->source != 0 || in->offset != 0)
        return CONTAINER_UNUSED_FIELD;
    verifier->facts.helper_calls++;
    for (size_t i = 0; i < verifier->limits->helper_count; i++)
        if (verifier->limits->helpers[i] == (uint32_t)in->immediate)
            return 0;
    return CONTAINER_HELPER_REFUSED;
}

static int check_instruction(struct verifier *verifier, uint32_t i, const struct container_instruction *in)
{
    enum container_class class = class_at(verifier, in);

    if (class != CLASS_UNKNOWN && (in->destination > FRAME_POINTER || in->source > FRAME_POINTER))
        return CONTAINER_BAD_REGISTER;
    switch (class) {
    case CLASS_UNKNOWN:
        return CONTAINER_UNKNOWN_OPCODE;
    case CLASS_ALU:
        return check_alu(in);
    case CLASS_LOAD:
        return check_load(in);
    case CLASS_STORE:
        return check_store(in);
    case CLASS_WIDE:
        return check_wide(verifier, i, in);
    case CLASS_CONDITION:
        return check_condition(in);
    case CLASS_CALL:
        return check_call(verifier, in);
    case CLASS_JUMP:
        return in->destination != 0 || in->source != 0 || in->immediate != 0 ? CONTAINER_UNUSED_FIELD : 0;
    case CLASS_EXIT:
        return in->destination != 0 || in->source != 0 || in->immediate != 0 || in->offset != 0 ? CONTAINER_UNUSED_FIELD
                                                                                                : 0;
    }
    return CONTAINER_UNKNOWN_OPCODE;
}

static int check_instructions(struct verifier *verifier, uint32_t *out_at)
{
    struct container_instruction instruction;
    int r;

    for (uint32_t i = 0; i < verifier->count; i++) {
        *out_at = i;
        if (is_second_half(verifier, i))
            continue;
        instruction = container_instruction(&verifier->container, i);
        r = check_instruction(verifier, i, &instruction);
        if (r != 0)
            return r;
    }
    /* The device's own preflight asks for exit in the last place, whatever stands before. */
    instruction = container_instruction(&verifier->container, verifier->count - 1);
    return instruction.opcode == OPCODE_EXIT && !is_second_half(verifier, verifier->count - 1) ? 0 : CONTAINER_NO_EXIT;
}

/* ---- the ways between them ---- */

static int check_jumps(struct verifier *verifier, uint32_t *out_at)
{
    for (uint32_t i = 0; i < verifier->count; i++) {
        struct container_instruction instruction = container_instruction(&verifier->container, i);
        enum container_class class = class_at(verifier, &instruction);
        int64_t target = (int64_t)i + 1 + instruction.offset;

        *out_at = i;
        if (is_second_half(verifier, i) || (class != CLASS_JUMP && class != CLASS_CONDITION))
            continue;
        if (target < 0 || target >= verifier->count)
            return CONTAINER_JUMP_OUTSIDE;
        if (target == 0)
            return CONTAINER_JUMP_TO_START;
        if (is_second_half(verifier, (uint32_t)target))
            return CONTAINER_JUMP_INTO_WIDE;
        if (target <= (int64_t)i)
            verifier->facts.loops = true;
    }
    return 0;
}

static int check_functions(const struct verifier *verifier)
{
    struct container_function function;

    for (uint32_t i = 0; i < verifier->container.function_count; i++)
        if (container_function(&verifier->container, i, &function) != 0 ||
            is_second_half(verifier, function.offset / CONTAINER_INSTRUCTION_SIZE))
            return CONTAINER_BAD_FUNCTION;
    return 0;
}

/* Takes a cost to an instruction where it betters (fewest) or worsens (most) what was known. */
static bool relax(uint16_t *known, uint16_t cost, bool fewest)
{
    if (*known != UNREACHED && (fewest ? cost >= *known : cost <= *known))
        return false;
    *known = cost;
    return true;
}

/* One sweep along all edges; true where anything changed. */
static bool sweep(struct verifier *verifier, bool fewest)
{
    uint16_t *branches = verifier->branches;
    bool changed = false;

    for (uint32_t i = 0; i < verifier->count; i++) {
        struct container_instruction instruction = container_instruction(&verifier->container, i);
        enum container_class class = class_at(verifier, &instruction);
        uint32_t next = i + (class == CLASS_WIDE ? 2 : 1);

        if (branches[i] == UNREACHED || is_second_half(verifier, i) || class == CLASS_EXIT)
            continue;
        if (class == CLASS_JUMP || class == CLASS_CONDITION)
            changed |= relax(&branches[(int32_t)i + 1 + instruction.offset], (uint16_t)(branches[i] + 1), fewest);
        if (class != CLASS_JUMP)
            changed |= relax(&branches[next], branches[i], fewest);
    }
    return changed;
}

/* The fewest (or, without loops, the most) taken branches of any way from the start to an exit; UNREACHED where none
 * is. */
static uint16_t count_branches(struct verifier *verifier, bool fewest)
{
    uint16_t best = UNREACHED;

    memset(verifier->branches, 0xFF, sizeof(verifier->branches));
    verifier->branches[0] = 0;
    while (sweep(verifier, fewest)) {
    }
    for (uint32_t i = 0; i < verifier->count; i++) {
        struct container_instruction instruction = container_instruction(&verifier->container, i);

        if (verifier->branches[i] != UNREACHED && class_at(verifier, &instruction) == CLASS_EXIT)
            (void)relax(&best, verifier->branches[i], fewest);
    }
    return best;
}

static int check_branches(struct verifier *verifier)
{
    uint16_t branches = count_branches(verifier, true);

    if (branches == UNREACHED)
        return CONTAINER_NO_EXIT;
    verifier->facts.branches_min = branches;
    /* A program without loops can be judged by its longest way; one with loops only by its shortest. */
    if (!verifier->facts.loops)
        branches = count_branches(verifier, false);
    return branches > verifier->limits->branches_max ? CONTAINER_TOO_MANY_BRANCHES : 0;
}

/* ---- all of it ---- */

static int check(struct verifier *verifier, struct bytes file, struct container_problem *problem)
{
    int r;

    problem->at_instruction = false;
    problem->instruction = 0;
    if (file.size > verifier->limits->size_max)
        return CONTAINER_OVERSIZE;
    r = container_parse(file, &verifier->container);
    if (r != 0)
        return r;
    if (verifier->container.data.size > 0 && !verifier->limits->section_loads)
        return CONTAINER_SECTION_REFUSED;
    verifier->count = (uint32_t)(verifier->container.text.size / CONTAINER_INSTRUCTION_SIZE);
    verifier->facts.instructions = verifier->count;
    problem->at_instruction = true;
    r = check_instructions(verifier, &problem->instruction);
    if (r != 0)
        return r;
    r = check_jumps(verifier, &problem->instruction);
    if (r != 0)
        return r;
    problem->at_instruction = false;
    problem->instruction = 0;
    r = check_functions(verifier);
    return r != 0 ? r : check_branches(verifier);
}

int container_check(struct bytes file, const struct container_limits *limits, struct container_problem *out,
                    struct container_facts *out_facts)
{
    struct verifier verifier = { .limits = limits };
    struct container_problem problem;
    int r = check(&verifier, file, &problem);

    if (r != 0) {
        problem.reason = (enum container_reason)r;
        *out = problem;
        return r;
    }
    if (out_facts != NULL)
        *out_facts = verifier.facts;
    return 0;
}

int container_verify(struct bytes file, const struct container_limits *limits, struct container_problem *out,
                     struct container_facts *out_facts)
{
    struct container_problem problem = { .at_instruction = true };
    struct container_facts facts;
    struct container container;
    int r = container_check(file, limits, out, &facts);

    if (r == 0)
        r = container_parse(file, &container);
    if (r != 0)
        return r;
    r = container_check_pointers(&container, limits->neg_is_8f, &problem.instruction);
    if (r != 0) {
        problem.reason = (enum container_reason)r;
        *out = problem;
        return r;
    }
    if (out_facts != NULL)
        *out_facts = facts;
    return 0;
}
