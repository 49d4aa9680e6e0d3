/* container_build_text.c - what is wrong with an object, and what its author can change. */
#include "device_proto/container_build.h"

static const struct {
    const char *text, *advice;
} words[] = {
    [0] = { "no problem", "" },
    [BUILD_NOT_ELF] = { "it is no ELF object for BPF", "make it with: clang --target=bpf -O2 -c FILE.c" },
    [BUILD_BROKEN] = { "the object is cut off or damaged", "compile it again" },
    [BUILD_TOO_MANY] = { "it has too many sections or instructions", "a container has at most 1024 instructions: less "
                                                                     "unrolling (#pragma clang loop unroll(disable)) "
                                                                     "or less inlining" },
    [BUILD_NO_TEXT] = { "it has no function", "write one: int name(void *context)" },
    [BUILD_TWO_TEXTS] = { "it has functions in two sections", "leave out __attribute__((section))" },
    [BUILD_TWO_FUNCTIONS] = { "it has a second function, which nothing could call",
                              "declare all but the first: static inline __attribute__((always_inline))" },
    [BUILD_LOCAL_CALL] = { "it calls a function of its own, which devices cannot",
                           "declare that function: static inline __attribute__((always_inline))" },
    [BUILD_INDIRECT_CALL] = { "it calls through a pointer", "call helpers by their names" },
    [BUILD_UNKNOWN_HELPER] = { "it calls what is no helper",
                               "include <tinypart/container.h>, or define the function in this file" },
    [BUILD_UNDEFINED] = { "it uses a variable that is defined nowhere", "define it in this file" },
    [BUILD_CODE_ADDRESS] = { "it takes the address of code", "use if or switch with -fno-jump-tables" },
    [BUILD_DATA_ADDRESS] = { "it has data that holds an address, which nobody fills in",
                             "use offsets or an array of arrays in place of pointers" },
    [BUILD_RELOCATION] = { "it refers to a symbol in a way that containers do not know", "compile with -O2 and no -g" },
    [BUILD_SECTION_SIZE] = { "its data is too large, or used beyond its end", "make it smaller" },
    [BUILD_ALU32] = { "it has 32-bit instructions, which devices lack", "compile with -mcpu=v2" },
    [BUILD_BYTE_SWAP] = { "it swaps bytes, which devices cannot",
                          "read the bytes one by one, through a volatile pointer" },
    [BUILD_ATOMIC] = { "it has atomic operations, which devices lack", "a container runs alone: use plain ones" },
    [BUILD_OPCODE] = { "it has an instruction that devices lack",
                       "compile with -mcpu=v2; divide unsigned numbers only" },
    [BUILD_JUMP] = { "it has a jump that leads outside", "compile it again" },
    [BUILD_NO_ROOM] = { "the container becomes too large", "make its data smaller" },
};

static bool is_known(int reason)
{
    return reason >= 0 && (size_t)reason < sizeof(words) / sizeof(words[0]);
}

const char *container_build_text(int reason)
{
    return is_known(reason) ? words[reason].text : "unknown reason";
}

const char *container_build_advice(int reason)
{
    return is_known(reason) ? words[reason].advice : "";
}
