/* container_elf.h - ELF objects (64 bits, little endian, relocatable) on views: sections, symbols, relocations.
 * Every offset, size and index is checked when it is read, so that any bytes may be handed in. */
#ifndef TINYPART_DEVICE_PROTO_CONTAINER_ELF_H
#define TINYPART_DEVICE_PROTO_CONTAINER_ELF_H

#include "device_proto/bytes.h"

#define ELF_MACHINE_BPF 247u

enum elf_section_type { ELF_PROGBITS = 1, ELF_SYMTAB = 2, ELF_STRTAB = 3, ELF_RELA = 4, ELF_NOBITS = 8, ELF_REL = 9 };
enum elf_section_flag { ELF_WRITE = 1, ELF_ALLOC = 2, ELF_EXECUTE = 4 };
enum elf_symbol_type { ELF_NOTYPE = 0, ELF_OBJECT = 1, ELF_FUNCTION = 2, ELF_SECTION = 3 };

struct elf {
    struct bytes file;
    struct bytes sections; /* the table */
    uint32_t section_count;
    uint32_t names;   /* index of the section that holds their names */
    uint32_t symbols; /* index of the symbol table; 0: none */
};

struct elf_section {
    struct bytes name;
    uint32_t type;
    uint64_t flags, size; /* size: in memory, also of what takes no room in the file */
    struct bytes content; /* empty of ELF_NOBITS */
    uint32_t link, info;
};

struct elf_symbol {
    struct bytes name;
    uint8_t type;
    uint16_t section; /* index; 0: undefined */
    uint64_t value;
};

struct elf_relocation {
    uint64_t offset;
    uint32_t type, symbol;
};

/* Each gives false where the bytes are no such thing. */
bool elf_open(struct bytes file, struct elf *out);
bool elf_section(const struct elf *elf, uint32_t i, struct elf_section *out);
bool elf_symbol(const struct elf *elf, uint32_t i, struct elf_symbol *out);
uint32_t elf_symbol_count(const struct elf *elf);
bool elf_relocation(const struct elf_section *relocations, uint32_t i, struct elf_relocation *out);

#endif
