/* container_elf.c - ELF objects on views. */
#include "device_proto/container_elf.h"

#define HEADER_SIZE     64u
#define SECTION_SIZE    64u
#define SYMBOL_SIZE     24u
#define RELOCATION_SIZE 16u

static uint64_t read_number(const uint8_t *at, unsigned size)
{
    uint64_t value = 0;

    while (size-- > 0)
        value = value << 8 | at[size];
    return value;
}

/* A part of a view; false where it reaches beyond. */
static bool part(struct bytes whole, uint64_t offset, uint64_t size, struct bytes *out)
{
    if (offset > whole.size || size > whole.size - offset)
        return false;
    *out = bytes_view(whole.data + offset, (size_t)size);
    return true;
}

/* A text that ends in NUL. */
static bool text_at(struct bytes texts, uint64_t offset, struct bytes *out)
{
    const uint8_t *end;

    if (offset >= texts.size)
        return false;
    end = memchr(texts.data + offset, '\0', texts.size - (size_t)offset);
    if (end == NULL)
        return false;
    *out = bytes_view(texts.data + offset, (size_t)(end - (texts.data + offset)));
    return true;
}

static bool read_section(const struct elf *elf, uint32_t i, struct elf_section *out)
{
    const uint8_t *at;

    if (i >= elf->section_count)
        return false;
    at = elf->sections.data + (size_t)i * SECTION_SIZE;
    *out = (struct elf_section){ .type = (uint32_t)read_number(at + 4, 4),
                                 .flags = read_number(at + 8, 8),
                                 .size = read_number(at + 32, 8),
                                 .link = (uint32_t)read_number(at + 40, 4),
                                 .info = (uint32_t)read_number(at + 44, 4) };
    return out->type == ELF_NOBITS || part(elf->file, read_number(at + 24, 8), out->size, &out->content);
}

bool elf_section(const struct elf *elf, uint32_t i, struct elf_section *out)
{
    struct elf_section names;

    return read_section(elf, i, out) && read_section(elf, elf->names, &names) &&
           text_at(names.content, read_number(elf->sections.data + (size_t)i * SECTION_SIZE, 4), &out->name);
}

bool elf_open(struct bytes file, struct elf *out)
{
    struct elf elf = { .file = file };
    struct elf_section section;

    if (file.size < HEADER_SIZE || memcmp(file.data, "\177ELF\2\1\1", 7) != 0 || read_number(file.data + 16, 2) != 1 ||
        read_number(file.data + 18, 2) != ELF_MACHINE_BPF || read_number(file.data + 58, 2) != SECTION_SIZE)
        return false;
    elf.section_count = (uint32_t)read_number(file.data + 60, 2);
    elf.names = (uint32_t)read_number(file.data + 62, 2);
    if (!part(file, read_number(file.data + 40, 8), (uint64_t)elf.section_count * SECTION_SIZE, &elf.sections))
        return false;
    for (uint32_t i = 1; i < elf.section_count && elf.symbols == 0; i++)
        if (read_section(&elf, i, &section) && section.type == ELF_SYMTAB)
            elf.symbols = i;
    *out = elf;
    return true;
}

uint32_t elf_symbol_count(const struct elf *elf)
{
    struct elf_section table;

    return elf->symbols != 0 && read_section(elf, elf->symbols, &table) ? (uint32_t)(table.content.size / SYMBOL_SIZE)
                                                                        : 0;
}

bool elf_symbol(const struct elf *elf, uint32_t i, struct elf_symbol *out)
{
    struct elf_section table, names, of;
    struct bytes entry;

    if (elf->symbols == 0 || !read_section(elf, elf->symbols, &table) || !read_section(elf, table.link, &names) ||
        !part(table.content, (uint64_t)i * SYMBOL_SIZE, SYMBOL_SIZE, &entry) ||
        !text_at(names.content, read_number(entry.data, 4), &out->name))
        return false;
    out->type = entry.data[4] & 15u;
    out->section = (uint16_t)read_number(entry.data + 6, 2);
    out->value = read_number(entry.data + 8, 8);
    if (out->type == ELF_SECTION && elf_section(elf, out->section, &of))
        out->name = of.name;
    return true;
}

bool elf_relocation(const struct elf_section *relocations, uint32_t i, struct elf_relocation *out)
{
    struct bytes entry;

    if (!part(relocations->content, (uint64_t)i * RELOCATION_SIZE, RELOCATION_SIZE, &entry))
        return false;
    out->offset = read_number(entry.data, 8);
    out->type = (uint32_t)read_number(entry.data + 8, 4);
    out->symbol = (uint32_t)read_number(entry.data + 12, 4);
    return true;
}
