/* container.h - Femto-Container files ("rBPF") and the verifier that always runs.
 * Stock devices check neither magic, version, flags nor total length, and verify instructions only until the first
 * success: what passes here is all that stands between a tenant's image and the device. So the verifier is stricter
 * than the device: it refuses whatever the device would refuse, whatever it would execute differently from eBPF (RFC
 * 9669), whatever could leave the text, and whatever hands a made-up address to a helper. All other pointers, divisors
 * and loops are followed by the proof in container_prove.h. */
#ifndef TINYPART_DEVICE_PROTO_CONTAINER_H
#define TINYPART_DEVICE_PROTO_CONTAINER_H

#include "device_proto/bytes.h"

#define CONTAINER_HEADER_SIZE      28u
#define CONTAINER_FUNCTION_SIZE    6u
#define CONTAINER_INSTRUCTION_SIZE 8u
#define CONTAINER_INSTRUCTIONS_MAX 1024u
#define CONTAINER_FUNCTIONS_MAX    16u
#define CONTAINER_STACK_SIZE       512u
#define CONTAINER_BRANCHES_MAX     200u /* taken branches of one run on stock devices */
#define CONTAINER_RESULT_TEXT_MAX  12u  /* "-21474836.48", no NUL */

/* Helper calls (numbers as RIOT and Femto-Containers number them). */
enum container_helper_number {
    CONTAINER_STORE_LOCAL = 0x10,
    CONTAINER_FETCH_LOCAL = 0x12,
    CONTAINER_SAUL_FIND_NTH = 0x30,
    CONTAINER_SAUL_FIND_TYPE = 0x31,
    CONTAINER_SAUL_READ = 0x32,
    CONTAINER_ZTIMER_NOW = 0x60,
    CONTAINER_ZTIMER_PERIODIC_WAKEUP = 0x61,
};

enum container_reason {
    CONTAINER_SHORT = 1, /* shorter than its header */
    CONTAINER_OVERSIZE,  /* larger than the slot */
    CONTAINER_BAD_MAGIC,
    CONTAINER_BAD_VERSION,      /* not 0 */
    CONTAINER_BAD_FLAGS,        /* not 0 (bit 0 would be compressed text) */
    CONTAINER_BAD_SIZE,         /* header and sections do not add up to the size of the file */
    CONTAINER_BAD_TEXT_SIZE,    /* no text, no whole number of instructions, or too many */
    CONTAINER_BAD_FUNCTION,     /* a function's name is not in rodata, or it does not begin at an instruction */
    CONTAINER_UNKNOWN_OPCODE,   /* not in the device's instruction set */
    CONTAINER_BAD_REGISTER,     /* above r10 */
    CONTAINER_FRAME_POINTER,    /* writes r10 */
    CONTAINER_UNUSED_FIELD,     /* a field that the instruction does not use is not zero */
    CONTAINER_WIDE_CUT,         /* a 16-byte load without its second half */
    CONTAINER_WIDE_SIGN,        /* a 16-byte load whose low half the device would sign-extend over the high half */
    CONTAINER_SECTION_RANGE,    /* a data- or rodata-relative load beyond its section */
    CONTAINER_SECTION_REFUSED,  /* a data section, or a load relative to data or rodata, which this device gets wrong */
    CONTAINER_STACK_RANGE,      /* a load or store through r10 outside of the stack */
    CONTAINER_BAD_SHIFT,        /* a constant shift of 64 or more */
    CONTAINER_DIVISION_BY_ZERO, /* by a constant */
    CONTAINER_JUMP_OUTSIDE,     /* target outside of the text */
    CONTAINER_JUMP_INTO_WIDE,   /* target is the second half of a 16-byte load */
    CONTAINER_JUMP_TO_START,    /* target is instruction 0, which devices refuse */
    CONTAINER_HELPER_REFUSED,   /* a helper that is not allowed, or of which the verifier does not know what it takes */
    CONTAINER_HELPER_POINTER,   /* a helper gets an address that is not proven to be a sensor, or room on the stack */
    CONTAINER_NO_EXIT,          /* the last instruction is not exit, or no path reaches an exit */
    CONTAINER_TOO_MANY_BRANCHES, /* cannot reach an exit within the bound, or may miss it without looping */
    /* What the proof (container_prove.h) could not show: */
    CONTAINER_UNPROVEN_REGISTER,   /* reads a register that may never have been set */
    CONTAINER_UNPROVEN_STACK_READ, /* reads stack that may never have been written */
    CONTAINER_UNPROVEN_ADDRESS,    /* loads or stores through what may be no address of its memory */
    CONTAINER_UNPROVEN_RANGE,      /* loads or stores beyond stack, context, data or rodata */
    CONTAINER_UNPROVEN_WRITE,      /* writes to rodata */
    CONTAINER_UNPROVEN_DIVISOR,    /* may divide by 0 */
    CONTAINER_UNPROVEN_HELPER,     /* what a helper gets */
    CONTAINER_UNPROVEN_BRANCHES,   /* may take more branches than one run may */
    CONTAINER_UNPROVEN_EFFORT,     /* more states or steps than the verifier follows */
};

/* What a device takes; comes from its profile. */
struct container_limits {
    size_t size_max;         /* bytes of the file: the slot */
    uint32_t branches_max;   /* taken branches of one run */
    const uint32_t *helpers; /* allowed helper numbers */
    size_t helper_count;
    /* Data sections and the loads 0xB8 and 0xD8 work. False on TinyPART's build: it looks for data behind the header
     * plus the size of its own state, where the container's text lies, and lets it write there. */
    bool section_loads;
    bool neg_is_8f; /* the device knows negation as 0x8F (Femto-Containers) and not as 0x87 (eBPF, RIOT) */
};

struct container_problem {
    enum container_reason reason;
    bool at_instruction;  /* instruction says where; otherwise the file as a whole is wrong */
    uint32_t instruction; /* index in 8-byte units */
};

/* A file taken apart: views into it. */
struct container {
    struct bytes file;
    struct bytes data;
    struct bytes rodata;
    struct bytes text;
    struct bytes functions;
    uint32_t function_count;
};

struct container_function {
    struct bytes name; /* without its NUL */
    uint16_t flags;
    uint16_t offset; /* into the text, bytes */
};

/* One instruction, decoded. */
struct container_instruction {
    uint8_t opcode;
    uint8_t destination;
    uint8_t source;
    int16_t offset;
    int32_t immediate;
};

/* What the verifier learned, for people. */
struct container_facts {
    uint32_t instructions;
    uint32_t helper_calls;
    bool loops;               /* has a backward jump */
    uint32_t branches_min;    /* fewest taken branches from start to exit */
    uint32_t branches_proven; /* most that a run may take; only of what is proven */
};

/* Takes a file apart and checks its header and sizes. 0, or an enum container_reason. */
int container_parse(struct bytes file, struct container *out);

/* Function i of the table (i < function_count). 0 or CONTAINER_BAD_FUNCTION. */
int container_function(const struct container *container, uint32_t i, struct container_function *out);

/* Instruction i of the text; i < text.size / 8. */
struct container_instruction container_instruction(const struct container *container, uint32_t i);

/* Checks a whole file's structure against what a device takes: header, each instruction, jumps, the branches that a run
 * must take. 0, or an enum container_reason, with *out saying where. out_facts may be NULL and is set only on success.
 */
int container_check(struct bytes file, const struct container_limits *limits, struct container_problem *out,
                    struct container_facts *out_facts);

/* The same, and that helpers get only addresses that they may use. Needs about 28 kB of stack; container_judge
 * (container_prove.h) shows more. */
int container_verify(struct bytes file, const struct container_limits *limits, struct container_problem *out,
                     struct container_facts *out_facts);

/* A short English text for a reason. Never NULL. */
const char *container_reason_text(int reason);

/* The name of a helper call ("saul_reg_read"), NULL where it has none; and its number, 0 where no helper has this name.
 */
const char *container_helper_name(uint32_t number);
uint32_t container_helper_number(struct bytes name);

/* What stock devices answer to a run: the low 32 bits of r0 in hundredths, "27.18". The number of bytes written. */
size_t container_result_print(int64_t result, char out[CONTAINER_RESULT_TEXT_MAX]);

/* The same text read back into hundredths. 0, or 1 where the text is anything else. */
int container_result_parse(struct bytes text, int32_t *out_hundredths);

#endif
