/* container_program.h - bytes to programs that mean something, and what must hold of those that are proven.
 * Eight bytes make one instruction of a set in which most programs pass the structure check: so that the proof itself
 * is what random inputs meet. Used by the fuzz target and, with bytes from a seed, by the unit tests. */
#ifndef TINYPART_TESTS_FUZZ_CONTAINER_PROGRAM_H
#define TINYPART_TESTS_FUZZ_CONTAINER_PROGRAM_H

#include <stdlib.h>

#include "device_proto/container_prove.h"
#include "device_proto/container_run.h"

#define PROGRAM_DATA         16u
#define PROGRAM_RODATA       24u
#define PROGRAM_CONTEXT      32u
#define PROGRAM_INSTRUCTIONS 40u
#define PROGRAM_SIZE_MAX     (CONTAINER_HEADER_SIZE + PROGRAM_DATA + PROGRAM_RODATA + 16u * PROGRAM_INSTRUCTIONS + 8u)

struct program_random {
    uint64_t state;
};

static inline uint64_t program_next(struct program_random *random)
{
    uint64_t z = (random->state += 0x9E3779B97F4A7C15u);

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static inline void program_put(uint8_t **at, uint8_t opcode, unsigned registers, int16_t offset, int32_t immediate)
{
    uint8_t *to = *at;

    to[0] = opcode;
    to[1] = (uint8_t)registers;
    to[2] = (uint8_t)(uint16_t)offset;
    to[3] = (uint8_t)((uint16_t)offset >> 8);
    for (unsigned i = 0; i < 4; i++)
        to[4 + i] = (uint8_t)((uint32_t)immediate >> (8 * i));
    *at += CONTAINER_INSTRUCTION_SIZE;
}

static inline int32_t program_number(const uint8_t raw[8])
{
    static const int32_t numbers[] = { 0, 1, -1, 2, 8, -8, 16, -512, 511, 63, 255, 0x7FFFFFFF, INT32_MIN, 24, 32, -16 };

    return raw[5] % 3 == 0 ? numbers[raw[4] % 16] : (int8_t)raw[4];
}

/* Jumps go a little forward, or sometimes back; what leads outside is refused, which wastes the input only. */
static inline int16_t program_jump(const uint8_t raw[8])
{
    return (int16_t)(raw[6] % 5 == 0 ? -(raw[7] % 12) - 1 : raw[7] % 6);
}

static inline void program_instruction(const uint8_t raw[8], uint8_t **at)
{
    static const uint8_t alu[] = { 0x07, 0x0F, 0x17, 0x1F, 0x27, 0x2F, 0x37, 0x3F, 0x47, 0x4F, 0x57, 0x5F, 0x67,
                                   0x6F, 0x77, 0x7F, 0x97, 0x9F, 0xA7, 0xAF, 0xB7, 0xBF, 0xC7, 0xCF, 0x87, 0xBF };
    static const uint8_t conditions[] = { 0x15, 0x1D, 0x25, 0x2D, 0x35, 0x3D, 0x45, 0x4D, 0x55, 0x5D, 0x65,
                                          0x6D, 0x75, 0x7D, 0xA5, 0xAD, 0xB5, 0xBD, 0xC5, 0xCD, 0xD5, 0xDD };
    static const uint8_t loads[] = { 0x61, 0x69, 0x71, 0x79 };
    static const int32_t helpers[] = { 0x30, 0x31, 0x32, 0x60, 0x61, 0x10, 0x12 };
    unsigned to = raw[1] % 10, from = raw[2] % 11;
    int16_t near = (int16_t)((int8_t)raw[3] % 40);
    int32_t number = program_number(raw);
    uint8_t opcode;

    switch (raw[0] % 8) {
    case 0:
    case 1:
        opcode = alu[raw[6] % sizeof(alu)];
        if ((opcode & 0x08u) != 0) {
            program_put(at, opcode, to | from << 4, 0, 0);
            return;
        }
        if (opcode == 0x67 || opcode == 0x77 || opcode == 0xC7)
            number &= 63;
        if ((opcode == 0x37 || opcode == 0x97) && number == 0)
            number = 7;
        program_put(at, opcode, to, 0, opcode == 0x87 ? 0 : number);
        return;
    case 2: /* a place on the stack */
        program_put(at, 0xBF, to | 10u << 4, 0, 0);
        program_put(at, 0x07, to, 0, -(int32_t)(raw[3] % 64u) * (raw[4] % 2 == 0 ? 8 : 1));
        return;
    case 3:
        opcode = conditions[raw[5] % sizeof(conditions)];
        program_put(at, opcode, to | ((opcode & 0x08u) != 0 ? from << 4 : 0), program_jump(raw),
                    (opcode & 0x08u) != 0 ? 0 : number);
        return;
    case 4:
        program_put(at, loads[raw[4] % 4], to | from << 4, near, 0);
        return;
    case 5: /* a register, or a number */
        opcode = (uint8_t)(loads[raw[4] % 4] + (raw[5] % 2 == 0 ? 2 : 1));
        program_put(at, opcode, from | (raw[5] % 2 == 0 ? to << 4 : 0), near, raw[5] % 2 == 0 ? 0 : number);
        return;
    case 6:
        program_put(at, 0x85, 0, 0, helpers[raw[1] % (sizeof(helpers) / sizeof(helpers[0]))]);
        return;
    default:
        if (raw[1] % 2 == 0)
            program_put(at, 0x05, 0, program_jump(raw), 0);
        else {
            program_put(at, raw[3] % 2 == 0 ? 0xB8 : 0xD8, to, 0, (int32_t)(raw[4] % 16u));
            program_put(at, 0, 0, 0, 0);
        }
        return;
    }
}

/* Every register set, as instructions in front of a program would, so that random ones get beyond their first line. */
static inline void program_begin(uint8_t choice, uint8_t **at)
{
    for (unsigned i = 0; i < 10; i++)
        if (i != 1 && (choice & 1u) == 0)
            program_put(at, 0xB7, i, 0, (int32_t)i);
    for (int i = 1; i <= 4 && (choice & 2u) == 0; i++)
        program_put(at, 0x7A, 10, (int16_t)(-8 * i), i);
}

static inline struct bytes program_of(const uint8_t *raw, size_t size, uint8_t out[PROGRAM_SIZE_MAX])
{
    uint8_t *begin = out + CONTAINER_HEADER_SIZE + PROGRAM_DATA + PROGRAM_RODATA;
    uint8_t *at = begin;
    uint32_t text;

    memset(out, 0x5A, PROGRAM_SIZE_MAX);
    memset(out, 0, CONTAINER_HEADER_SIZE);
    memcpy(out, "rBPF", 4);
    program_begin(size > 0 ? raw[0] : 0, &at);
    for (size_t i = 1; i + 8 <= size && (size_t)(at - begin) < 8u * PROGRAM_INSTRUCTIONS; i += 8)
        program_instruction(raw + i, &at);
    program_put(&at, 0x95, 0, 0, 0);
    text = (uint32_t)(at - begin);
    out[12] = PROGRAM_DATA;
    out[16] = PROGRAM_RODATA;
    out[20] = (uint8_t)text;
    out[21] = (uint8_t)(text >> 8);
    return bytes_view(out, CONTAINER_HEADER_SIZE + PROGRAM_DATA + PROGRAM_RODATA + text);
}

/* ---- the other side: runs with whatever a device may hold ---- */

static inline int program_read(void *context, size_t index, struct container_reading *out)
{
    struct program_random *random = context;
    uint64_t word = program_next(random);

    (void)index;
    for (unsigned i = 0; i < 3; i++)
        out->values[i] = (int16_t)(word >> (16 * i));
    out->unit = (uint8_t)(word >> 48);
    out->scale = (int8_t)(word >> 56);
    out->dimensions = (uint8_t)(word % 4);
    return word % 5 == 0;
}

static inline uint32_t program_now(void *context)
{
    return (uint32_t)program_next(context);
}

#define PROGRAM_EXPECT(condition) \
    do {                          \
        if (!(condition))         \
            abort();              \
    } while (0)

/* Judges a file; runs it with several random contexts where it is proven, and ends the process where one of them meets
 * a fault, or more branches than were proven. Gives the verdict. */
static inline enum container_verdict program_judge_and_run(struct bytes file, struct container_scratch *scratch,
                                                           uint64_t seed)
{
    static const uint32_t numbers[] = { 0x30, 0x31, 0x32, 0x60, 0x61, 0x10, 0x12 };
    uint32_t local[3] = { 0 };
    static const uint8_t types[] = { 0x82, 0x01 };
    /* Most with a small budget: what goes wrong in a loop does so in its first turns. */
    const uint32_t branches = seed % 8 == 0 ? CONTAINER_BRANCHES_MAX : 24;
    const struct container_limits limits = { .size_max = PROGRAM_SIZE_MAX,
                                             .branches_max = branches,
                                             .helpers = numbers,
                                             .helper_count = 7,
                                             .section_loads = true };
    struct program_random random = { seed };
    struct container_sensors sensors = { &random, types, seed % 3, program_read, program_now, local, seed % 4 };
    uint8_t data[PROGRAM_DATA], context[PROGRAM_CONTEXT];
    struct container_host host = { .context = &sensors,
                                   .helpers = container_standard_helpers,
                                   .helper_count = CONTAINER_STANDARD_HELPERS,
                                   .branches_max = branches,
                                   .data = data };
    struct container_outcome outcome;
    struct container_problem problem;
    struct container_facts facts;
    struct container container;
    bool given = seed % 2 == 0; /* a context */
    enum container_verdict verdict =
        container_judge(file, &limits, given ? PROGRAM_CONTEXT : 0, scratch, &problem, &facts);

    if (verdict != CONTAINER_PROVEN)
        return verdict;
    PROGRAM_EXPECT(container_parse(file, &container) == 0);
    host.run_context = given ? context : NULL;
    host.run_context_size = given ? sizeof(context) : 0;
    for (unsigned run = 0; run < 8; run++) {
        for (unsigned i = 0; i < sizeof(data); i++)
            data[i] = (uint8_t)(run == 0 ? 0 : program_next(&random));
        for (unsigned i = 0; i < sizeof(context); i++)
            context[i] = (uint8_t)(run == 1 ? 0xFF : program_next(&random));
        PROGRAM_EXPECT(container_run(&container, &host, &outcome) == 0);
        PROGRAM_EXPECT(outcome.fault == CONTAINER_RAN);
        PROGRAM_EXPECT(outcome.branches <= facts.branches_proven && outcome.branches >= facts.branches_min);
    }
    return verdict;
}

#endif
