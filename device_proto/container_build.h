/* container_build.h - a Femto-Container out of the ELF object that `clang --target=bpf -O2 -c` writes.
 * The object is read on views with every offset checked; nothing is relocated but references to data, rodata and helper
 * calls, because the format knows nothing else. What clang writes and devices lack is replaced where one instruction
 * does the same (negation by a multiplication, constants that devices would sign-extend by three instructions), and
 * otherwise refused with the symbol's name and what to change in the source. */
#ifndef TINYPART_DEVICE_PROTO_CONTAINER_BUILD_H
#define TINYPART_DEVICE_PROTO_CONTAINER_BUILD_H

#include "device_proto/container.h"

#define ELF_SECTIONS_MAX    64u
#define BUILD_SECTION_MAX   16384u /* bytes of data, and of rodata */
#define CONTAINER_BUILD_MAX 65536u /* bytes of a container that can be made */

enum container_build_reason {
    BUILD_NOT_ELF = 1,    /* no ELF object for BPF, 64 bits, little endian */
    BUILD_BROKEN,         /* an offset or index in it leads outside */
    BUILD_TOO_MANY,       /* sections or instructions */
    BUILD_NO_TEXT,        /* no function */
    BUILD_TWO_TEXTS,      /* functions in two sections */
    BUILD_TWO_FUNCTIONS,  /* more than one function: devices run one, and cannot call another */
    BUILD_LOCAL_CALL,     /* calls a function of the object */
    BUILD_INDIRECT_CALL,  /* calls through a pointer that is not known when compiling */
    BUILD_UNKNOWN_HELPER, /* calls a function that is no helper */
    BUILD_UNDEFINED,      /* uses a variable that is defined nowhere */
    BUILD_CODE_ADDRESS,   /* takes the address of code */
    BUILD_DATA_ADDRESS,   /* data that holds an address: a table of texts, a constant pointer */
    BUILD_RELOCATION,     /* another kind of relocation */
    BUILD_SECTION_SIZE,   /* data or rodata beyond the bound, or a reference beyond its section */
    BUILD_ALU32,          /* 32-bit arithmetic or jumps */
    BUILD_BYTE_SWAP,
    BUILD_ATOMIC,
    BUILD_OPCODE,  /* another instruction that devices lack */
    BUILD_JUMP,    /* a jump beyond 32767 instructions, or outside */
    BUILD_NO_ROOM, /* the caller's buffer */
};

struct container_build_problem {
    enum container_build_reason reason;
    struct bytes symbol; /* or the section's name; empty where none is to blame */
    bool at_instruction;
    uint32_t instruction; /* in the object's text, 8-byte units */
};

/* Builds. 0 with *out_size, or an enum container_build_reason with *problem. Needs about 30 kB of stack. */
int container_build(struct bytes object, uint8_t *out, size_t capacity, size_t *out_size,
                    struct container_build_problem *problem);

/* What is wrong, and what to change. Never NULL. */
const char *container_build_text(int reason);
const char *container_build_advice(int reason);

#endif
