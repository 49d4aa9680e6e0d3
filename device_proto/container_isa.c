/* container_isa.c - which opcodes there are. */
#include "device_proto/container_isa.h"

/* The lower three bits of an opcode (RFC 9669 section 3.1). */
enum {
    GROUP_LD = 0,
    GROUP_LDX = 1,
    GROUP_ST = 2,
    GROUP_STX = 3,
    GROUP_ALU32 = 4,
    GROUP_JMP = 5,
    GROUP_JMP32 = 6,
    GROUP_ALU64 = 7
};

#define MODE_MASK 0xE0u
#define MODE_MEM  0x60u

static enum container_class class_of_jump(uint8_t opcode)
{
    switch (opcode) {
    case 0x05:
        return CLASS_JUMP;
    case 0x85:
        return CLASS_CALL;
    case OPCODE_EXIT:
        return CLASS_EXIT;
    default:
        break;
    }
    if ((opcode & OPERATION_MASK) == 0x00 || (opcode & OPERATION_MASK) == 0x80 || (opcode & OPERATION_MASK) == 0x90)
        return CLASS_UNKNOWN;
    return (opcode & OPERATION_MASK) <= CONDITION_SLE ? CLASS_CONDITION : CLASS_UNKNOWN;
}

static enum container_class class_of_alu(uint8_t opcode, bool neg_is_8f)
{
    if ((opcode & OPERATION_MASK) == OPERATION_NEG)
        return opcode == (neg_is_8f ? OPCODE_NEG_FEMTO : OPCODE_NEG) ? CLASS_ALU : CLASS_UNKNOWN;
    return (opcode & OPERATION_MASK) <= OPERATION_ARSH ? CLASS_ALU : CLASS_UNKNOWN;
}

enum container_class container_class_of(uint8_t opcode, bool neg_is_8f)
{
    switch (opcode & 7u) {
    case GROUP_LD:
        return opcode == OPCODE_WIDE || opcode == OPCODE_WIDE_DATA || opcode == OPCODE_WIDE_RODATA ? CLASS_WIDE
                                                                                                   : CLASS_UNKNOWN;
    case GROUP_LDX:
        return (opcode & MODE_MASK) == MODE_MEM ? CLASS_LOAD : CLASS_UNKNOWN;
    case GROUP_ST:
    case GROUP_STX:
        return (opcode & MODE_MASK) == MODE_MEM ? CLASS_STORE : CLASS_UNKNOWN;
    case GROUP_JMP:
        return class_of_jump(opcode);
    case GROUP_ALU64:
        return class_of_alu(opcode, neg_is_8f);
    default: /* 32-bit arithmetic and jumps */
        return CLASS_UNKNOWN;
    }
}
