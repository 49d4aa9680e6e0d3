/* asm.h - container files made by hand, one instruction a line, for tests. */
#ifndef TINYPART_TESTS_DEVICE_PROTO_ASM_H
#define TINYPART_TESTS_DEVICE_PROTO_ASM_H

#include "device_proto/container.h"

struct asm_text {
    uint8_t code[CONTAINER_INSTRUCTIONS_MAX * CONTAINER_INSTRUCTION_SIZE + CONTAINER_INSTRUCTION_SIZE];
    size_t size;
};

static inline void asm_put32(uint8_t *out, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (8 * i));
}

/* One raw instruction. */
static inline void asm_raw(struct asm_text *text, uint8_t opcode, uint8_t destination, uint8_t source, int16_t offset,
                           int32_t immediate)
{
    uint8_t *at = text->code + text->size;

    at[0] = opcode;
    at[1] = (uint8_t)(destination | source << 4);
    at[2] = (uint8_t)(uint16_t)offset;
    at[3] = (uint8_t)((uint16_t)offset >> 8);
    asm_put32(at + 4, (uint32_t)immediate);
    text->size += CONTAINER_INSTRUCTION_SIZE;
}

#define ASM_MOV(text, d, value)      asm_raw(text, 0xB7, d, 0, 0, value)
#define ASM_MOV_REG(text, d, s)      asm_raw(text, 0xBF, d, s, 0, 0)
#define ASM_ALU(text, op, d, value)  asm_raw(text, (op) | 0x07, d, 0, 0, value)
#define ASM_ALU_REG(text, op, d, s)  asm_raw(text, (op) | 0x0F, d, s, 0, 0)
#define ASM_JUMP(text, offset)       asm_raw(text, 0x05, 0, 0, offset, 0)
#define ASM_JEQ(text, d, value, off) asm_raw(text, 0x15, d, 0, off, value)
#define ASM_JNE(text, d, value, off) asm_raw(text, 0x55, d, 0, off, value)
#define ASM_CALL(text, helper)       asm_raw(text, 0x85, 0, 0, 0, helper)
#define ASM_EXIT(text)               asm_raw(text, 0x95, 0, 0, 0, 0)

static inline void asm_wide(struct asm_text *text, uint8_t opcode, uint8_t destination, uint64_t value)
{
    asm_raw(text, opcode, destination, 0, 0, (int32_t)(uint32_t)value);
    asm_raw(text, 0, 0, 0, 0, (int32_t)(uint32_t)(value >> 32));
}

/* The whole file: data and rodata as given, one function "main" (its name is appended to rodata). */
static inline struct bytes asm_file(const struct asm_text *text, struct bytes data, struct bytes rodata, uint8_t *out)
{
    static const char name[8] = "main";
    size_t size = CONTAINER_HEADER_SIZE;

    memcpy(out, "rBPF", 4);
    asm_put32(out + 4, 0);
    asm_put32(out + 8, 0);
    asm_put32(out + 12, (uint32_t)data.size);
    asm_put32(out + 16, (uint32_t)(rodata.size + sizeof(name)));
    asm_put32(out + 20, (uint32_t)text->size);
    asm_put32(out + 24, 1);
    if (data.size > 0)
        memcpy(out + size, data.data, data.size);
    size += data.size;
    if (rodata.size > 0)
        memcpy(out + size, rodata.data, rodata.size);
    size += rodata.size;
    memcpy(out + size, name, sizeof(name));
    size += sizeof(name);
    memcpy(out + size, text->code, text->size);
    size += text->size;
    out[size++] = (uint8_t)rodata.size;
    memset(out + size, 0, 5);
    return bytes_view(out, size + 5);
}

#define ASM_FILE_MAX (CONTAINER_INSTRUCTIONS_MAX * CONTAINER_INSTRUCTION_SIZE + 1024)

/* What TinyPART's device reads: one temperature sensor, 27.18 where there is none (178 bytes). */
#define ASM_TEMP_SENS                                                                                            \
    "7242504600000000000000000000000010000000800000000100000074656d705f7265616400000000000000b70100008200000085" \
    "00000031000000b70600009e0a000015000a0000000000bfa200000000000007020000f8ffffffbf01000000000000850000003200" \
    "00006700000020000000c700000020000000c50003000000000069a6f8ff000000006706000030000000c706000030000000bf6000" \
    "00000000009500000000000000000000000000"

#endif
