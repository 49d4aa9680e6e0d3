/* container_isa.h - the instruction set of Femto-Containers as one table, shared by verifier and interpreter.
 * 64-bit eBPF (RFC 9669) without 32-bit arithmetic, byte swaps, atomics and local calls, plus two loads of the device's
 * own. */
#ifndef TINYPART_DEVICE_PROTO_CONTAINER_ISA_H
#define TINYPART_DEVICE_PROTO_CONTAINER_ISA_H

#include <stdbool.h>
#include <stdint.h>

enum container_class {
    CLASS_UNKNOWN = 0,
    CLASS_ALU,       /* destination = destination op operand */
    CLASS_LOAD,      /* destination = memory[source + offset] */
    CLASS_STORE,     /* memory[destination + offset] = operand */
    CLASS_WIDE,      /* destination = 64-bit constant; takes two instructions */
    CLASS_JUMP,      /* always */
    CLASS_CONDITION, /* where destination op operand holds */
    CLASS_CALL,
    CLASS_EXIT,
};

#define OPCODE_WIDE        0x18u /* constant */
#define OPCODE_WIDE_DATA   0xB8u /* relative to data */
#define OPCODE_WIDE_RODATA 0xD8u /* relative to rodata */
#define OPCODE_NEG         0x87u
#define OPCODE_NEG_FEMTO   0x8Fu
#define OPCODE_EXIT        0x95u

enum container_operation { /* the upper four bits of an opcode */
                           OPERATION_ADD = 0x00,
                           OPERATION_SUB = 0x10,
                           OPERATION_MUL = 0x20,
                           OPERATION_DIV = 0x30,
                           OPERATION_OR = 0x40,
                           OPERATION_AND = 0x50,
                           OPERATION_LSH = 0x60,
                           OPERATION_RSH = 0x70,
                           OPERATION_NEG = 0x80,
                           OPERATION_MOD = 0x90,
                           OPERATION_XOR = 0xA0,
                           OPERATION_MOV = 0xB0,
                           OPERATION_ARSH = 0xC0,

                           CONDITION_EQ = 0x10,
                           CONDITION_GT = 0x20,
                           CONDITION_GE = 0x30,
                           CONDITION_SET = 0x40,
                           CONDITION_NE = 0x50,
                           CONDITION_SGT = 0x60,
                           CONDITION_SGE = 0x70,
                           CONDITION_LT = 0xA0,
                           CONDITION_LE = 0xB0,
                           CONDITION_SLT = 0xC0,
                           CONDITION_SLE = 0xD0,
};

#define OPERATION_MASK    0xF0u
#define OPERAND_IS_SOURCE 0x08u /* otherwise the immediate */
#define ACCESS_SIZE_MASK  0x18u

enum container_class container_class_of(uint8_t opcode, bool neg_is_8f);

/* Bytes that a load or store touches. */
static inline uint8_t container_access_size(uint8_t opcode)
{
    static const uint8_t sizes[] = { 4, 2, 1, 8 };

    return sizes[(opcode & ACCESS_SIZE_MASK) >> 3];
}

/* Whether the operand of an arithmetic, store or conditional instruction is the source register. */
static inline bool container_operand_is_source(uint8_t opcode, enum container_class class)
{
    return class == CLASS_STORE ? (opcode & 7u) == 3u : (opcode & OPERAND_IS_SOURCE) != 0;
}

#endif
